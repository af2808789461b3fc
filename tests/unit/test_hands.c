/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hands.c -- contract tests of hands.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <string.h>

#include "hands.h"

enum { JOBS = 1000, ROUNDS = 300 };

struct sums {
    uint32_t times[JOBS]; /* plain: each job has its own */
    uint32_t in[JOBS];
    atomic_uint running, most;
};

static void job(void *ctx, size_t k) {
    struct sums *s = ctx;
    const unsigned n = atomic_fetch_add(&s->running, 1) + 1;
    unsigned most = atomic_load(&s->most);
    while (n > most && !atomic_compare_exchange_weak(&s->most, &most, n)) {
    }
    s->times[k] += s->in[k];
    atomic_fetch_sub(&s->running, 1);
}

static void every_job_is_done_once_and_what_it_wrote_is_seen(void **state) {
    (void)state;
    static struct sums s;
    struct hands *c = NULL;
    assert_int_equal(hands_new(&c), ST_OK);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const size_t n = round * 7 % JOBS;
        memset(s.times, 0, sizeof s.times);
        for (size_t k = 0; k < JOBS; k++) {
            s.in[k] = round + 1;
        }
        hands_start(c, job, &s, n);
        hands_finish(c);
        for (size_t k = 0; k < JOBS; k++) {
            assert_int_equal(s.times[k], k < n ? round + 1 : 0);
        }
    }
    assert_true(atomic_load(&s.most) <= HANDS_MAX);
    hands_free(c);
}

static void to_finish_what_was_not_started_returns(void **state) {
    (void)state;
    struct hands *c = NULL;
    assert_int_equal(hands_new(&c), ST_OK);
    hands_finish(c);
    hands_start(c, job, NULL, 0);
    hands_finish(c);
    hands_finish(c);
    hands_free(c);
    hands_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_done_once_and_what_it_wrote_is_seen),
        cmocka_unit_test(to_finish_what_was_not_started_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
