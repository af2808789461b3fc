/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ask.c -- who is asked, what is shown and which exit status follows, against endpoints in
 * this process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "commands.h"
#include "http.h"
#include "scratch.h"

enum { SERVERS = 2, ROOM = 16384 };

static const char TOKEN[] = "0123456789abcdef";

/* An endpoint that knows one user, and is busy so many times first. */
struct server {
    struct http *http;
    const char *knows;
    atomic_int busy, asked;
    char address[32];
};

static struct server servers[SERVERS];
static char out_text[ROOM];
static char err_text[ROOM];

static bool well(void *ctx, char *why, size_t len) {
    (void)ctx;
    snprintf(why, len, "ok");
    return true;
}

static enum status tell(void *ctx, const struct query *q, char **text) {
    struct server *s = ctx;
    char answer[512];
    s->asked++;
    *text = malloc(sizeof answer);
    assert_non_null(*text);
    if (s->busy > 0) {
        s->busy--;
        snprintf(*text, sizeof answer, "somebody else is asking; try again\n");
        return ST_AGAIN;
    }
    if (!q->user || strcmp(q->user, s->knows) != 0) {
        snprintf(*text, sizeof answer, "no such user\n");
        return ST_NOT_FOUND;
    }
    snprintf(*text, sizeof answer,
             "{\"user\":\"%s\",\"lists\":[],\"target\":\"%s\",\"n\":\"%s\"}\n", q->user,
             q->target ? q->target : "-", q->n ? q->n : "-");
    return ST_OK;
}

static void serve(struct server *s, const char *knows, const char *token) {
    char err[256] = "";
    const struct http_ops ops = {
        .live = well, .ready = well, .get = tell, .explain = tell, .ctx = s, .token = token};
    s->knows = knows;
    s->busy = 0;
    s->asked = 0;
    assert_int_equal(http_start("127.0.0.1:0", &ops, &s->http, err, sizeof err), ST_OK);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", (unsigned)http_port(s->http));
}

static int setup(void **state) {
    (void)state;
    serve(&servers[0], "u0", NULL);
    serve(&servers[1], "u1", NULL);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int k = 0; k < SERVERS; k++) {
        http_stop(servers[k].http);
    }
    return 0;
}

/* Runs `crossrec WORDS`, split at spaces; "%0" and "%1" are the servers' addresses. */
static int type(const char *words) {
    const struct command commands[] = {command_get, command_explain, command_similar,
                                       command_segments, command_top};
    char line[2048] = "crossrec ";
    size_t len = strlen(line);
    for (const char *p = words; *p; p++) {
        const bool address = *p == '%';
        len += (size_t)snprintf(line + len, sizeof line - len, "%.*s", address ? 32 : 1,
                                address ? servers[p[1] - '0'].address : p);
        p += address;
    }
    char *argv[32];
    int argc = 0;
    char *rest = line;
    for (char *w; (w = strtok_r(rest, " ", &rest));) {
        argv[argc++] = w;
    }
    scratch_capture(1);
    const int saved = dup(2);
    char path[SCRATCH_PATH_MAX];
    scratch_text(path, "");
    FILE *err = freopen(path, "w", stderr);
    const int rc = cli_main(commands, sizeof commands / sizeof *commands, argc, argv, NULL);
    fflush(err);
    dup2(saved, 2);
    close(saved);
    snprintf(out_text, sizeof out_text, "%s", scratch_captured());
    FILE *f = fopen(path, "r");
    err_text[fread(err_text, 1, sizeof err_text - 1, f)] = '\0';
    fclose(f);
    unlink(path);
    return rc;
}

static void who_is_found_is_shown_with_status_0(void **state) {
    (void)state;
    assert_int_equal(type("get u0 --set http.address=%0"), 0);
    assert_int_equal(strncmp(out_text, "u0: ", 4), 0);
    assert_string_equal(err_text, "");
    assert_int_equal(type("get u0 --address %0"), 0);
    assert_int_equal(strncmp(out_text, "u0: ", 4), 0);
    assert_int_equal(type("explain u0 --address=%0 --target food --n 3 --json"), 0);
    assert_string_equal(out_text,
                        "{\"user\":\"u0\",\"lists\":[],\"target\":\"food\",\"n\":\"3\"}\n");
}

static void addresses_are_asked_in_turn_until_one_knows(void **state) {
    (void)state;
    static const char *const ways[] = {"get u1 --address %0,%1", "get u1 --address %0 --address %1",
                                       "get u1 --address %0,,%1,", "get u1 --address %1,%0",
                                       "get u1 --address 127.0.0.1:1,%1"};
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        servers[0].asked = 0;
        servers[1].asked = 0;
        assert_int_equal(type(ways[k]), 0);
        assert_int_equal(strncmp(out_text, "u1: ", 4), 0);
        assert_string_equal(err_text, ""); /* that others do not know him is no news */
        assert_int_equal(servers[0].asked, k < 3);
        assert_int_equal(servers[1].asked, 1);
    }
}

static void nobody_is_status_1_and_every_answer_is_told(void **state) {
    (void)state;
    char want[256];
    assert_int_equal(type("get nobody --address %0,%1"), 1);
    snprintf(want, sizeof want, "crossrec: %s: no such user\ncrossrec: %s: no such user\n",
             servers[0].address, servers[1].address);
    assert_string_equal(err_text, want);
    assert_string_equal(out_text, "");
}

static void who_cannot_be_asked_is_status_2_with_what_to_type(void **state) {
    (void)state;
    assert_int_equal(type("get u0 --address 127.0.0.1:1"), 2);
    assert_non_null(strstr(err_text, "127.0.0.1:1: Connection refused; is crossrec running there? "
                                     "Type --address HOST:PORT to ask another one\n"));
    static const char *const ways[] = {"get nobody --address %0,127.0.0.1:1",
                                       "get nobody --address 127.0.0.1:1,%0",
                                       "get nobody --address 127.0.0.1:1 --address %0"};
    for (size_t k = 0; k < 3; k++) { /* he may be there */
        assert_int_equal(type(ways[k]), 2);
        assert_non_null(strstr(err_text, "Connection refused"));
    }
    assert_non_null(strstr(err_text, "no such user\n"));
    assert_int_equal(type("get u0 --set http.address=off"), 2);
    assert_non_null(strstr(err_text, "http.address is off"));
    assert_int_equal(type("get u0 --address nonsense"), 2);
    assert_non_null(strstr(err_text, "nonsense is no host:port"));
}

static void who_is_busy_is_asked_again(void **state) {
    (void)state;
    servers[0].busy = 2;
    assert_int_equal(type("get u0 --address %0"), 0);
    assert_int_equal(servers[0].asked, 3);
    servers[0].busy = 1000;
    assert_int_equal(type("get u0 --address %0"), 2);
    assert_non_null(strstr(err_text, "somebody else is asking"));
}

static void what_is_typed_wrong_is_told_before_anybody_is_asked(void **state) {
    (void)state;
    static const struct {
        const char *words, *said;
    } cases[] = {
        {"get u0 --target foood --address %0",
         "there is no target `foood`; did you mean `food`?; there are: course, food\n"},
        {"top foo --address %0", "there is no domain `foo`"},
        {"similar c1 --domain cours --address %0", "did you mean `course`?"},
        {"get u0 --n 0 --address %0", "--n 0: must be a whole number from 1 to 100"},
        {"get --address %0", "get needs USER"},
        {"get u0 --adress %0", "did you mean --address"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(type(cases[k].words), 2);
        if (!strstr(err_text, cases[k].said)) {
            fail_msg("%s: %s", cases[k].words, err_text);
        }
    }
    assert_int_equal(servers[0].asked, 0);
    char longest[400] = "get ";
    memset(longest + 4, 'x', 256);
    snprintf(longest + 260, sizeof longest - 260, " --address %%0");
    assert_int_equal(type(longest), 2);
    assert_non_null(strstr(err_text, "more than 255 bytes"));
}

static void an_endpoint_with_a_token_wants_it(void **state) {
    (void)state;
    char path[SCRATCH_PATH_MAX];
    char words[512];
    http_stop(servers[0].http);
    serve(&servers[0], "u0", TOKEN);
    assert_int_equal(type("get u0 --address %0"), 2);
    assert_non_null(strstr(err_text, "type --set http.token.file=FILE"));
    scratch_text(path, "0123456789abcdef\n");
    snprintf(words, sizeof words, "get u0 --address %%0 --set http.token.file=%s", path);
    assert_int_equal(type(words), 0);
    assert_int_equal(strncmp(out_text, "u0: ", 4), 0);
    unlink(path);
    scratch_text(path, "0123456789abcdeX\n");
    snprintf(words, sizeof words, "get u0 --address %%0 --set http.token.file=%s", path);
    assert_int_equal(type(words), 2);
    assert_null(strstr(err_text, "0123456789abcdeX"));
    unlink(path);
    assert_int_equal(type(words), 2); /* there is no such file */
    assert_non_null(strstr(err_text, "http.token.file"));
    assert_int_equal(servers[0].asked, 1);
}

static void what_is_no_answer_is_status_2(void **state) {
    (void)state;
    servers[0].knows = "u\\";
    assert_int_equal(type("get u\\ --address %0"), 2); /* no JSON any more */
    assert_non_null(strstr(err_text, "the answer cannot be read; try --json"));
    assert_int_equal(type("segments --address %0"), 1); /* no such page */
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(who_is_found_is_shown_with_status_0),
        TEST(addresses_are_asked_in_turn_until_one_knows),
        TEST(nobody_is_status_1_and_every_answer_is_told),
        TEST(who_cannot_be_asked_is_status_2_with_what_to_type),
        TEST(who_is_busy_is_asked_again),
        TEST(what_is_typed_wrong_is_told_before_anybody_is_asked),
        TEST(an_endpoint_with_a_token_wants_it),
        TEST(what_is_no_answer_is_status_2),
#undef TEST
    };
    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
