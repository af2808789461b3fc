/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_channel.c -- a write that a channel is told of: in the same step, if it was not
 * refused; and the rights that this and streams need, as `crossrec check` sees them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "redis.h"
#include "redis_fixture.h"

enum { TEXT_MAX = 512, HEARD_MAX = 8192 };

struct bench {
    struct redis_fixture *server;
    redisContext *raw, *subscriber;
    struct redis *r;
    struct store store;
    struct store_reply last; /* without its views */
    char previous[TEXT_MAX];
};

static redisContext *connection(const struct bench *b) {
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    assert_true(c && !c->err);
    return c;
}

static void run(redisContext *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    if (!r || r->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", format, r ? r->str : "no reply");
    }
    freeReplyObject(r);
}

static void use(struct bench *b, const char *user, const char *password) {
    const struct redis_params params = {redis_fixture_address(b->server), user, password, 2000};
    char why[TEXT_MAX] = "";
    bool fresh = false;
    redis_free(b->r);
    assert_int_equal(redis_new(&params, &b->r, why, sizeof why), ST_OK);
    b->store = redis_store(b->r);
    if (b->store.connect(b->store.ctx, &fresh, why, sizeof why)) {
        fail_msg("%s", why);
    }
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->server = redis_fixture_start(REDIS_NO_PORT, NULL);
    assert_non_null(b->server);
    b->raw = connection(b);
    b->subscriber = connection(b);
    const struct timeval timeout = {.tv_sec = 5};
    redisSetTimeout(b->subscriber, timeout);
    run(b->subscriber, "SUBSCRIBE x:changed");
    log_set_level(LOG_LEVEL_ERROR + 1);
    use(b, "", "");
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    redis_free(b->r);
    redisFree(b->raw);
    redisFree(b->subscriber);
    redis_fixture_stop(b->server);
    free(b);
    return 0;
}

/* ---- writing and hearing -------------------------------------------------------------- */

static void keep(void *arg, size_t i, const struct store_reply *reply) {
    struct bench *b = arg;
    (void)i;
    b->last = *reply;
    snprintf(b->previous, sizeof b->previous, "%.*s", (int)reply->previous_len,
             reply->previous ? reply->previous : "");
    b->last.previous = NULL;
    b->last.why = NULL;
}

static enum store_result write_told(struct bench *b, const char *key, uint64_t seq,
                                    const char *message, bool want_previous) {
    char value[64];
    snprintf(value, sizeof value, "{\"version\":[5,%d],\"n\":1}", (int)seq);
    const struct store_write w = {.key = key,
                                  .key_len = strlen(key),
                                  .value = value,
                                  .value_len = strlen(value),
                                  .epoch = 5,
                                  .seq = seq,
                                  .want_previous = want_previous,
                                  .channel = message ? "x:changed" : NULL,
                                  .channel_len = message ? strlen("x:changed") : 0,
                                  .message = message,
                                  .message_len = message ? strlen(message) : 0};
    assert_int_equal(b->store.put(b->store.ctx, &w), ST_OK);
    assert_int_equal(b->store.flush(b->store.ctx, keep, b), ST_OK);
    return b->last.result;
}

static void assert_hears(struct bench *b, const char *message) {
    void *reply = NULL;
    assert_int_equal(redisGetReply(b->subscriber, &reply), REDIS_OK);
    const redisReply *r = reply;
    assert_int_equal(r->elements, 3);
    assert_string_equal(r->element[1]->str, "x:changed");
    assert_string_equal(r->element[2]->str, message);
    freeReplyObject(reply);
}

static void assert_stands(struct bench *b, const char *key, const char *part) {
    redisReply *r = redisCommand(b->raw, "GET %s", key);
    assert_true(r && r->type == REDIS_REPLY_STRING && strstr(r->str, part));
    freeReplyObject(r);
}

/* ---- tests ---------------------------------------------------------------------------- */

static void a_write_is_told_in_its_channel_once_and_after_it_stands(void **state) {
    struct bench *b = *state;
    assert_int_equal(write_told(b, "x:a", 1, "anna", false), STORE_WRITTEN);
    assert_hears(b, "anna");
    assert_stands(b, "x:a", "[5,1]");
    assert_int_equal(write_told(b, "x:a", 2, NULL, false), STORE_WRITTEN); /* no channel */
    assert_int_equal(write_told(b, "x:a", 3, "", false), STORE_WRITTEN);   /* an empty message */
    assert_hears(b, "");
}

static void a_refused_write_is_not_told(void **state) {
    struct bench *b = *state;
    assert_int_equal(write_told(b, "x:a", 9, "first", false), STORE_WRITTEN);
    assert_hears(b, "first");
    assert_int_equal(write_told(b, "x:a", 8, "older", false), STORE_FENCED);
    assert_int_equal(b->last.seq, 9);
    run(b->raw, "CONFIG SET maxmemory 1");
    assert_int_equal(write_told(b, "x:a", 10, "no room", false), STORE_ERROR);
    run(b->raw, "CONFIG SET maxmemory 0");
    assert_int_equal(write_told(b, "x:a", 11, "last", false), STORE_WRITTEN);
    assert_hears(b, "last"); /* and nothing between */
}

static void the_previous_value_comes_back_as_well(void **state) {
    struct bench *b = *state;
    assert_int_equal(write_told(b, "x:a", 1, "one", true), STORE_WRITTEN);
    assert_string_equal(b->previous, "");
    assert_int_equal(write_told(b, "x:a", 2, "two", true), STORE_WRITTEN);
    assert_string_equal(b->previous, "{\"version\":[5,1],\"n\":1}");
}

/* ---- rights ---------------------------------------------------------------------------- */

#define STRINGS "+evalsha +script|load +getrange +get +set +pexpire +info"
#define STREAMS "+xadd +xlen +xinfo|stream"

static void use_rights(struct bench *b, const char *rights) {
    char command[TEXT_MAX];
    snprintf(command, sizeof command, "ACL SETUSER app reset on >pw %s", rights);
    run(b->raw, command);
    use(b, "app", "pw");
}

/* What is logged meanwhile is in `text`. */
static int log_begin(char path[32]) {
    snprintf(path, 32, "/tmp/redis-log-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    log_set_fd(fd);
    log_set_level(LOG_LEVEL_INFO);
    return fd;
}

static void log_end(int fd, const char *path, char text[HEARD_MAX]) {
    log_set_fd(2);
    log_set_level(LOG_LEVEL_ERROR + 1);
    const ssize_t n = pread(fd, text, HEARD_MAX - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
}

static void
without_the_right_to_publish_the_write_stands_and_the_log_names_the_right(void **state) {
    struct bench *b = *state;
    static const char *const RIGHTS[] = {
        "~x:* &x:* " STRINGS,                   /* the command */
        "~x:* resetchannels +publish " STRINGS, /* the channel */
    };
    for (size_t k = 0; k < 2; k++) {
        char path[32];
        char text[HEARD_MAX];
        const int fd = log_begin(path);
        use_rights(b, RIGHTS[k]);
        assert_int_equal(write_told(b, "x:a", 1 + 10 * k, "unheard", false), STORE_WRITTEN);
        assert_int_equal(write_told(b, "x:a", 2 + 10 * k, "unheard", true), STORE_WRITTEN);
        assert_non_null(strstr(b->previous, k ? "[5,11]" : "[5,1]"));
        log_end(fd, path, text);
        const char *said = strstr(text, "level=error");
        assert_non_null(said);
        assert_null(strstr(said + 1, "level=error")); /* once */
        assert_non_null(strstr(said, "ACL SETUSER app ~<prefix>:* &<prefix>:* "));
        assert_non_null(strstr(said, "+publish"));
        assert_stands(b, "x:a", k ? "[5,12]" : "[5,2]");
    }
    use_rights(b, "~x:* &x:* +publish " STRINGS);
    assert_int_equal(write_told(b, "x:a", 30, "heard", false), STORE_WRITTEN);
    assert_hears(b, "heard");
}

struct heard {
    int problems;
    char text[HEARD_MAX];
};

static void hear(void *arg, bool ok, const char *text) {
    struct heard *h = arg;
    h->problems += !ok;
    strcat(strcat(h->text, text), "\n");
}

/* Each right that is missing is named once, and the line to type is whole. */
static void check_names_each_missing_right_and_the_line_that_gives_it(void **state) {
    struct bench *b = *state;
    static const struct {
        const char *rights, *missing;
        int problems;
    } CASES[] = {
        {"~x:* &x:* +publish " STRINGS " " STREAMS, NULL, 0},
        {"~x:* &x:* " STRINGS " " STREAMS, "problem: PUBLISH: NOPERM", 1},
        {"~x:* resetchannels +publish " STRINGS " " STREAMS, "problem: PUBLISH: NOPERM", 1},
        {"~x:* &x:* +publish " STRINGS " +xlen +xinfo|stream", "problem: XADD: NOPERM", 2},
        {"~x:* &x:* +publish " STRINGS " +xadd +xinfo|stream", "problem: XLEN: NOPERM", 1},
        {"~x:* &x:* +publish " STRINGS " +xadd +xlen", "problem: XINFO: NOPERM", 1},
        {"~x:* &x:* +publish +evalsha +script|load +get +set +pexpire +info " STREAMS,
         "problem: GETRANGE: NOPERM", 2},
    };
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        struct heard h = {0};
        run(b->raw, "FLUSHALL");
        use_rights(b, CASES[k].rights);
        const int n = redis_check(b->r, "x", hear, &h);
        if (n != CASES[k].problems || (n && !strstr(h.text, CASES[k].missing))) {
            fail_msg("%s: %d problems\n%s", CASES[k].rights, n, h.text);
        }
        if (!n) {
            continue;
        }
        const char *line = strstr(h.text, "ACL SETUSER app ~x:* ");
        assert_non_null(line);
        char typed[TEXT_MAX];
        snprintf(typed, sizeof typed, "%.*s", (int)strcspn(line, "\n"), line);
        run(b->raw, typed);
        run(b->raw, "FLUSHALL");
        h = (struct heard){0};
        if (redis_check(b->r, "x", hear, &h) != 0) {
            fail_msg("after %s\n%s", typed, h.text);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    redis_fixture_require();
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_told_in_its_channel_once_and_after_it_stands),
        TEST(a_refused_write_is_not_told),
        TEST(the_previous_value_comes_back_as_well),
        TEST(without_the_right_to_publish_the_write_stands_and_the_log_names_the_right),
        TEST(check_names_each_missing_right_and_the_line_that_gives_it),
    };
    return cmocka_run_group_tests_name("redis channel", tests, NULL, NULL);
}
