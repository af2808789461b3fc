/* SPDX-License-Identifier: Apache-2.0
 *
 * test_demo.c -- `crossrec demo` as a newcomer runs it: the whole path on the embedded broker and a
 * Redis, and a summary whose figures are there and make sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "redis_fixture.h"

enum { ROOM = 65536 };

static char output[ROOM];

/* The number in front of a text, thousands by commas; -1 if the text is not there. */
static long number_before(const char *text) {
    const char *at = strstr(output, text);
    long n = 0;
    long unit = 1;
    if (!at) {
        return -1;
    }
    for (; at > output && ((at[-1] >= '0' && at[-1] <= '9') || at[-1] == ','); at--) {
        if (at[-1] != ',') {
            n += (at[-1] - '0') * unit;
            unit *= 10;
        }
    }
    return n;
}

static void the_demo_learns_tests_and_publishes(void **state) {
    const struct redis_fixture *redis = *state;
    char command[512];
    snprintf(command, sizeof command,
             CROSSREC " demo --seconds 4 --rate 2000 --users 200 --seed 3 --redis %s 2>&1",
             redis_fixture_tcp_address(redis));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    const int status = pclose(f);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || number_before(" events learned") < 2000 ||
        number_before(" lists written to Redis") < 200 || number_before(" dead letters") != 0 ||
        !strstr(output, "recall@10") || strstr(output, "nothing was tested")) {
        fail_msg("status %d:\n%s", status, output);
    }
}

static int start(void **state) {
    *state = redis_fixture_start(REDIS_PORT, NULL);
    return *state ? 0 : 1;
}

static int stop(void **state) {
    redis_fixture_stop(*state);
    return 0;
}

int main(void) {
    redis_fixture_require();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_learns_tests_and_publishes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
