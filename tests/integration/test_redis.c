/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis.c -- contract tests of consumer/redis.h against a real redis-server; a second
 * connection, plain hiredis, looks at what stands there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "proxy.h"
#include "redis.h"
#include "redis_fixture.h"

enum { TIMEOUT_MS = 2000, REPLIES_MAX = 8192, TEXT_MAX = 512 };

static const uint64_t EXACT = UINT64_C(1) << 53; /* the bound of Lua's integers */

struct answer {
    enum store_result result;
    uint64_t epoch, seq;
    char previous[TEXT_MAX];
    size_t previous_len;
    bool has_previous;
    char why[TEXT_MAX];
};

struct bench {
    struct redis_fixture *server;
    redisContext *raw;
    struct redis *r;
    struct store store;
    struct answer answers[REPLIES_MAX];
    size_t n_answers;
};

static struct redis *new_redis(const char *address, const char *user, const char *password,
                               int64_t timeout_ms) {
    const struct redis_params params = {address, user, password, timeout_ms};
    char err[TEXT_MAX] = "";
    struct redis *r = NULL;
    if (redis_new(&params, &r, err, sizeof err) != ST_OK) {
        fail_msg("%s", err);
    }
    return r;
}

static void connect_raw(struct bench *b) {
    redisFree(b->raw);
    b->raw = redisConnectUnix(redis_fixture_socket(b->server));
    assert_non_null(b->raw);
    assert_int_equal(b->raw->err, 0);
}

static int setup(void **state) {
    static const char *const ARGS[] = {"--enable-debug-command", "yes", NULL};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->server = redis_fixture_start(REDIS_PORT, ARGS);
    assert_non_null(b->server);
    connect_raw(b);
    b->r = new_redis(redis_fixture_address(b->server), "", "", TIMEOUT_MS);
    b->store = redis_store(b->r);
    log_set_level(LOG_LEVEL_ERROR + 1);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    redis_free(b->r);
    redisFree(b->raw);
    redis_fixture_stop(b->server);
    free(b);
    return 0;
}

/* Another client in place of b->r. */
static void use(struct bench *b, struct redis *r) {
    redis_free(b->r);
    b->r = r;
    b->store = redis_store(r);
}

static bool connected(struct bench *b) {
    bool fresh = false;
    char why[TEXT_MAX] = "";
    enum status st = b->store.connect(b->store.ctx, &fresh, why, sizeof why);
    if (st) {
        fail_msg("connect: %s: %s", status_str(st), why);
    }
    return fresh;
}

static enum status connect_fails(struct bench *b, char why[TEXT_MAX]) {
    bool fresh = true;
    why[0] = '\0';
    return b->store.connect(b->store.ctx, &fresh, why, TEXT_MAX);
}

/* One command on the second connection; its answer as text, valid until the next one. */
static const char *raw(struct bench *b, const char *format, ...) {
    static char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(b->raw, format, args);
    va_end(args);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_INTEGER) {
        snprintf(text, sizeof text, "%lld", reply->integer);
    } else {
        snprintf(text, sizeof text, "%s", reply->str ? reply->str : "(nil)");
    }
    freeReplyObject(reply);
    return text;
}

/* ---- writing ------------------------------------------------------------------------- */

static size_t value_of(char *buf, uint64_t epoch, uint64_t seq, const char *rest) {
    return (size_t)sprintf(buf, "{\"version\":[%llu,%llu],%s", (unsigned long long)epoch,
                           (unsigned long long)seq, rest);
}

static enum status put_with(struct bench *b, const char *key, uint64_t epoch, uint64_t seq,
                            int64_t ttl_ms, bool want_previous) {
    char value[128];
    size_t len = value_of(value, epoch, seq, "\"items\":[]}");
    const struct store_write w = {.key = key,
                                  .key_len = strlen(key),
                                  .value = value,
                                  .value_len = len,
                                  .ttl_ms = ttl_ms,
                                  .epoch = epoch,
                                  .seq = seq,
                                  .want_previous = want_previous};
    return b->store.put(b->store.ctx, &w);
}

static void put(struct bench *b, const char *key, uint64_t epoch, uint64_t seq) {
    assert_int_equal(put_with(b, key, epoch, seq, 0, false), ST_OK);
}

static void keep_answer(void *arg, size_t i, const struct store_reply *r) {
    struct bench *b = arg;
    assert_int_equal(i, b->n_answers); /* in order, none twice */
    assert_true(i < REPLIES_MAX);
    struct answer *a = &b->answers[b->n_answers++];
    *a = (struct answer){.result = r->result, .epoch = r->epoch, .seq = r->seq};
    a->has_previous = r->previous != NULL;
    if (r->previous) {
        a->previous_len = r->previous_len;
        memcpy(a->previous, r->previous, r->previous_len < TEXT_MAX ? r->previous_len : TEXT_MAX);
    }
    if (r->result == STORE_ERROR) {
        snprintf(a->why, sizeof a->why, "%s", r->why);
    }
}

static enum status flush(struct bench *b) {
    b->n_answers = 0;
    return b->store.flush(b->store.ctx, keep_answer, b);
}

/* One write alone. */
static enum store_result written(struct bench *b, const char *key, uint64_t epoch, uint64_t seq) {
    put(b, key, epoch, seq);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 1);
    return b->answers[0].result;
}

static void the_fence_takes_newer_and_equal_and_refuses_older_by_number(void **state) {
    struct bench *b = *state;
    static const struct {
        uint64_t old_epoch, old_seq, epoch, seq;
        enum store_result result;
    } CASES[] = {
        {9, 9, 10, 1, STORE_WRITTEN}, /* as strings "10" < "9" */
        {10, 1, 9, 9, STORE_FENCED},
        {9, 9, 9, 10, STORE_WRITTEN},
        {9, 10, 9, 9, STORE_FENCED},
        {9, 10, 9, 10, STORE_WRITTEN},
        {100, 5, 20, 6, STORE_FENCED},
        {20, 6, 100, 5, STORE_WRITTEN},
        {0, 0, 0, 0, STORE_WRITTEN},
        {0, 1, 0, 0, STORE_FENCED},
        {(UINT64_C(1) << 53) - 1, 0, UINT64_C(1) << 53, 0, STORE_WRITTEN},
        {UINT64_C(1) << 53, 0, (UINT64_C(1) << 53) - 1, 0, STORE_FENCED},
        {5, UINT64_C(1) << 53, 5, (UINT64_C(1) << 53) - 1, STORE_FENCED},
        {5, (UINT64_C(1) << 53) - 1, 5, UINT64_C(1) << 53, STORE_WRITTEN},
        {UINT64_C(1) << 53, UINT64_C(1) << 53, UINT64_C(1) << 53, UINT64_C(1) << 53, STORE_WRITTEN},
        {UINT64_C(1) << 53, UINT64_C(1) << 53, UINT64_C(1) << 53, 1, STORE_FENCED},
    };
    assert_true(connected(b));
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char expected[128];
        raw(b, "DEL k");
        assert_int_equal(written(b, "k", CASES[i].old_epoch, CASES[i].old_seq), STORE_WRITTEN);
        assert_int_equal(written(b, "k", CASES[i].epoch, CASES[i].seq), CASES[i].result);
        if (CASES[i].result == STORE_FENCED) {
            assert_true(b->answers[0].epoch == CASES[i].old_epoch);
            assert_true(b->answers[0].seq == CASES[i].old_seq);
            value_of(expected, CASES[i].old_epoch, CASES[i].old_seq, "\"items\":[]}");
        } else {
            value_of(expected, CASES[i].epoch, CASES[i].seq, "\"items\":[]}");
        }
        assert_string_equal(raw(b, "GET k"), expected);
    }
}

static void versions_beyond_what_lua_can_compare_are_not_sent(void **state) {
    struct bench *b = *state;
    connected(b);
    assert_int_equal(put_with(b, "k", EXACT + 1, 0, 0, false), ST_RANGE);
    assert_int_equal(put_with(b, "k", 0, EXACT + 1, 0, false), ST_RANGE);
    assert_int_equal(put_with(b, "k", 1, 1, -1, false), ST_RANGE);
    assert_int_equal(b->store.expire(b->store.ctx, "k", 1, 0), ST_RANGE);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 0);
}

/* Against the definition: what stands at a key is the largest version that was written. */
static void arbitrary_writers_leave_the_largest_version(void **state) {
    struct bench *b = *state;
    uint64_t seed = 99;
    uint64_t best[8][2] = {{0}};
    print_message("seed %llu\n", (unsigned long long)seed);
    connected(b);
    for (int round = 0; round < 40; round++) {
        bool expect[50];
        for (int i = 0; i < 50; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
            uint64_t k = seed >> 33 & 7;
            uint64_t epoch = 8 + (seed >> 40) % 4; /* one and two digits */
            uint64_t seq = (seed >> 50) % 200;
            char key[2] = {(char)('a' + k), '\0'};
            put(b, key, epoch, seq);
            expect[i] = epoch > best[k][0] || (epoch == best[k][0] && seq >= best[k][1]);
            if (expect[i]) {
                best[k][0] = epoch;
                best[k][1] = seq;
            }
        }
        assert_int_equal(flush(b), ST_OK);
        for (size_t i = 0; i < 50; i++) {
            assert_int_equal(b->answers[i].result, expect[i] ? STORE_WRITTEN : STORE_FENCED);
        }
    }
}

static void a_value_that_is_not_ours_is_replaced(void **state) {
    struct bench *b = *state;
    static const char *const FOREIGN[] = {"",
                                          "hello",
                                          "{\"version\":[",
                                          "{\"version\":[99,99]}",
                                          "{\"version\":[-99,99],",
                                          " {\"version\":[99,99],"};
    connected(b);
    for (size_t i = 0; i < sizeof FOREIGN / sizeof *FOREIGN; i++) {
        raw(b, "SET k %s", FOREIGN[i]);
        assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
    }
}

static void keys_and_values_may_hold_every_byte(void **state) {
    struct bench *b = *state;
    char key[256];
    char value[300];
    for (int i = 0; i < 256; i++) {
        key[i] = (char)(255 - i);
        value[18 + i] = (char)i;
    }
    memcpy(value, "{\"version\":[1,2], ", 18);
    const struct store_write w = {.key = key,
                                  .key_len = 256,
                                  .value = value,
                                  .value_len = 274,
                                  .epoch = 1,
                                  .seq = 2,
                                  .want_previous = true};
    connected(b);
    assert_int_equal(b->store.put(b->store.ctx, &w), ST_OK);
    assert_int_equal(b->store.put(b->store.ctx, &w), ST_OK);
    assert_int_equal(flush(b), ST_OK);
    assert_false(b->answers[0].has_previous);
    assert_int_equal(b->answers[1].previous_len, 274);
    assert_memory_equal(b->answers[1].previous, value, 274);
    redisReply *reply = redisCommand(b->raw, "GET %b", key, (size_t)256);
    assert_int_equal(reply->len, 274);
    assert_memory_equal(reply->str, value, 274);
    freeReplyObject(reply);
}

static void a_ttl_is_set_renewed_and_taken_away(void **state) {
    struct bench *b = *state;
    connected(b);
    assert_int_equal(put_with(b, "k", 1, 1, 60000, false), ST_OK);
    assert_int_equal(flush(b), ST_OK);
    int ttl = atoi(raw(b, "PTTL k"));
    assert_true(ttl > 50000 && ttl <= 60000);
    assert_int_equal(b->store.expire(b->store.ctx, "k", 1, 90000), ST_OK);
    assert_int_equal(b->store.expire(b->store.ctx, "none", 4, 90000), ST_OK);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 2);
    assert_int_equal(b->answers[0].result, STORE_WRITTEN);
    assert_int_equal(b->answers[1].result, STORE_WRITTEN);
    assert_true(atoi(raw(b, "PTTL k")) > 60000);
    assert_int_equal(written(b, "k", 1, 2), STORE_WRITTEN); /* ttl_ms 0 */
    assert_string_equal(raw(b, "PTTL k"), "-1");
}

static void the_previous_value_is_told_where_it_is_wanted(void **state) {
    struct bench *b = *state;
    char expected[128];
    connected(b);
    assert_int_equal(put_with(b, "k", 1, 1, 0, true), ST_OK);
    assert_int_equal(put_with(b, "k", 1, 2, 5000, true), ST_OK);
    assert_int_equal(put_with(b, "k", 1, 3, 0, false), ST_OK);
    assert_int_equal(put_with(b, "k", 1, 1, 0, true), ST_OK);
    assert_int_equal(flush(b), ST_OK);
    assert_false(b->answers[0].has_previous);
    size_t n = value_of(expected, 1, 1, "\"items\":[]}");
    assert_int_equal(b->answers[1].previous_len, n);
    assert_memory_equal(b->answers[1].previous, expected, n);
    assert_false(b->answers[2].has_previous);
    assert_int_equal(b->answers[2].result, STORE_WRITTEN);
    assert_int_equal(b->answers[3].result, STORE_FENCED);
}

static void an_error_of_one_write_leaves_the_others_alone(void **state) {
    struct bench *b = *state;
    connected(b);
    raw(b, "LPUSH list x");
    put(b, "a", 1, 1);
    put(b, "list", 1, 1);
    put(b, "b", 1, 1);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 3);
    assert_int_equal(b->answers[0].result, STORE_WRITTEN);
    assert_int_equal(b->answers[1].result, STORE_ERROR);
    assert_non_null(strstr(b->answers[1].why, "WRONGTYPE"));
    assert_int_equal(b->answers[2].result, STORE_WRITTEN);
}

static void out_of_memory_is_an_error_and_passes(void **state) {
    struct bench *b = *state;
    connected(b);
    raw(b, "CONFIG SET maxmemory 1");
    assert_int_equal(written(b, "k", 1, 1), STORE_ERROR);
    assert_non_null(strstr(b->answers[0].why, "OOM"));
    raw(b, "CONFIG SET maxmemory 0");
    assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
}

static void a_large_pipeline_goes_through(void **state) {
    struct bench *b = *state;
    static char value[10000];
    char key[16];
    memset(value, 'x', sizeof value);
    connected(b);
    for (int i = 0; i < 5000; i++) { /* 50 MB */
        const struct store_write w = {.key = key,
                                      .key_len = (size_t)sprintf(key, "k%d", i % 100),
                                      .value = value,
                                      .value_len = sizeof value,
                                      .epoch = 1,
                                      .seq = (uint64_t)i};
        assert_int_equal(b->store.put(b->store.ctx, &w), ST_OK);
    }
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 5000);
    assert_string_equal(raw(b, "STRLEN k99"), "10000");
}

static void without_a_connection_nothing_is_taken(void **state) {
    struct bench *b = *state;
    const char *value = NULL;
    size_t len = 0;
    assert_int_equal(put_with(b, "k", 1, 1, 0, false), ST_LOST);
    assert_int_equal(b->store.expire(b->store.ctx, "k", 1, 1000), ST_LOST);
    assert_int_equal(b->store.get(b->store.ctx, "k", &value, &len), ST_LOST);
    assert_int_equal(flush(b), ST_LOST);
    connected(b);
    assert_int_equal(flush(b), ST_OK); /* nothing appended: nothing to answer */
    assert_int_equal(b->n_answers, 0);
}

static void get_lends_the_value(void **state) {
    struct bench *b = *state;
    const char *value = "untouched";
    size_t len = 7;
    connected(b);
    raw(b, "SET k abc");
    raw(b, "LPUSH list x");
    assert_int_equal(b->store.get(b->store.ctx, "k", &value, &len), ST_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(value, "abc", 3);
    assert_int_equal(b->store.get(b->store.ctx, "none", &value, &len), ST_OK);
    assert_null(value);
    value = "untouched";
    assert_int_equal(b->store.get(b->store.ctx, "list", &value, &len), ST_INVALID);
    assert_string_equal(value, "untouched");
}

/* ---- the script is thrown away --------------------------------------------------------- */

static void after_script_flush_the_writes_are_sent_again(void **state) {
    struct bench *b = *state;
    connected(b);
    raw(b, "SCRIPT FLUSH");
    put(b, "a", 1, 1);
    assert_int_equal(b->store.expire(b->store.ctx, "a", 1, 60000), ST_OK);
    put(b, "b", 1, 2);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->answers[i].result, STORE_WRITTEN);
    }
    assert_non_null(strstr(raw(b, "GET a"), "[1,1]"));
    assert_non_null(strstr(raw(b, "GET b"), "[1,2]"));
}

static void script_flush(void *arg) {
    raw(arg, "SCRIPT FLUSH");
}

static void script_flush_in_the_middle_of_a_pipeline_keeps_the_order_of_answers(void **state) {
    struct bench *b = *state;
    char key[16];
    struct proxy *proxy = proxy_start(redis_fixture_socket(b->server));
    use(b, new_redis(proxy_address(proxy), "", "", TIMEOUT_MS));
    connected(b);
    raw(b, "SET k13 {\"version\":[9,9],}");
    raw(b, "CONFIG RESETSTAT");
    for (int i = 0; i < 20; i++) {
        sprintf(key, "k%d", i);
        put(b, key, 1, (uint64_t)i);
    }
    proxy_interrupt(proxy, 7, script_flush, b);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_answers, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(b->answers[i].result, i == 13 ? STORE_FENCED : STORE_WRITTEN);
    }
    /* Sent: 20, of which 13 failed, and these again. */
    redisReply *stats = redisCommand(b->raw, "INFO commandstats");
    assert_non_null(strstr(stats->str, "cmdstat_evalsha:calls=33,"));
    freeReplyObject(stats);
    proxy_stop(proxy);
}

/* ---- connecting ------------------------------------------------------------------------ */

static void addresses_are_checked_and_the_error_shows_how_one_looks(void **state) {
    (void)state;
    static const char *const GOOD[] = {"localhost:6379", "10.0.0.1:1", "[::1]:65535",
                                       "unix:/run/redis.sock"};
    static const char *const BAD[] = {"",        "localhost", "localhost:",     ":6379",
                                      "h:0",     "h:65536",   "h:6379x",        "::1:6379",
                                      "[]:6379", "[::1]",     "redis://h:6379", "unix:relative",
                                      "unix:",   "h:-1",      "h: 6379",        "[::1:6379"};
    char err[TEXT_MAX];
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        redis_free(new_redis(GOOD[i], "", "", 1));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        const struct redis_params params = {BAD[i], "", "", 1000};
        struct redis *r = NULL;
        err[0] = '\0';
        assert_int_equal(redis_new(&params, &r, err, sizeof err), ST_INVALID);
        assert_null(r);
        assert_non_null(strstr(err, "host:port"));
        assert_non_null(strstr(err, "unix:/path"));
    }
    redis_free(NULL);
}

static void tcp_works_as_well(void **state) {
    struct bench *b = *state;
    use(b, new_redis(redis_fixture_tcp_address(b->server), "", "", TIMEOUT_MS));
    assert_true(connected(b));
    assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
}

static void nobody_listening_is_try_again(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    redis_fixture_kill(b->server);
    assert_int_equal(connect_fails(b, why), ST_AGAIN);
    assert_non_null(strstr(why, redis_fixture_address(b->server)));
    use(b, new_redis(redis_fixture_tcp_address(b->server), "", "", TIMEOUT_MS));
    assert_int_equal(connect_fails(b, why), ST_AGAIN);
    assert_non_null(strstr(why, "refused"));
    assert_true(redis_fixture_restart(b->server));
    assert_true(connected(b));
}

static void the_first_connection_is_fresh_and_the_same_server_is_not(void **state) {
    struct bench *b = *state;
    assert_true(connected(b));
    assert_false(connected(b)); /* still there */
    raw(b, "CLIENT KILL TYPE normal SKIPME yes");
    put(b, "k", 1, 1);
    assert_int_equal(flush(b), ST_LOST);
    assert_false(connected(b)); /* again, to the same */
    assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
}

static void a_restarted_server_is_fresh(void **state) {
    struct bench *b = *state;
    assert_true(connected(b));
    assert_true(redis_fixture_restart(b->server));
    put(b, "k", 1, 1);
    assert_int_equal(flush(b), ST_LOST);
    assert_true(connected(b));
}

static void another_replication_id_is_fresh(void **state) {
    struct bench *b = *state;
    assert_true(connected(b));
    assert_string_equal(raw(b, "DEBUG CHANGE-REPL-ID"), "OK");
    raw(b, "CLIENT KILL TYPE normal SKIPME yes");
    put(b, "k", 1, 1);
    assert_int_equal(flush(b), ST_LOST);
    assert_true(connected(b));
}

static void a_replica_refuses_and_is_left(void **state) {
    struct bench *b = *state;
    assert_true(connected(b));
    assert_string_equal(raw(b, "REPLICAOF 127.0.0.1 1"), "OK");
    assert_int_equal(written(b, "k", 1, 1), STORE_ERROR);
    assert_non_null(strstr(b->answers[0].why, "READONLY"));
    assert_int_equal(put_with(b, "k", 1, 1, 0, false), ST_LOST); /* look again where to go */
    assert_string_equal(raw(b, "REPLICAOF NO ONE"), "OK");
    connected(b);
    assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
}

static void passwords_that_do_not_fit_are_hopeless_and_say_what_to_set(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    const char *address = redis_fixture_address(b->server);
    use(b, new_redis(address, "", "needless", TIMEOUT_MS));
    assert_int_equal(connect_fails(b, why), ST_INVALID);
    assert_non_null(strstr(why, "remove redis.password"));
    raw(b, "CONFIG SET requirepass secret");
    use(b, new_redis(address, "", "wrong", TIMEOUT_MS));
    assert_int_equal(connect_fails(b, why), ST_INVALID);
    assert_non_null(strstr(why, "check redis.user and redis.password"));
    assert_null(strstr(why, "secret"));
    use(b, new_redis(address, "", "", TIMEOUT_MS));
    assert_int_equal(connect_fails(b, why), ST_INVALID);
    assert_non_null(strstr(why, "set redis.password"));
    use(b, new_redis(address, "", "secret", TIMEOUT_MS));
    assert_true(connected(b));
    use(b, new_redis(address, "default", "secret", TIMEOUT_MS));
    assert_true(connected(b));
    assert_int_equal(written(b, "k", 1, 1), STORE_WRITTEN);
}

static void evicting_policies_are_refused(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    static const char *const POLICIES[] = {"allkeys-lru", "allkeys-lfu", "allkeys-random"};
    for (size_t i = 0; i < 3; i++) {
        raw(b, "CONFIG SET maxmemory-policy %s", POLICIES[i]);
        assert_int_equal(connect_fails(b, why), ST_INVALID);
        assert_non_null(strstr(why, POLICIES[i]));
        assert_non_null(strstr(why, "CONFIG SET maxmemory-policy noeviction"));
    }
    raw(b, "CONFIG SET maxmemory-policy volatile-ttl");
    assert_true(connected(b));
}

/* ---- rights ---------------------------------------------------------------------------- */

static void use_user(struct bench *b, const char *rights) {
    char command[TEXT_MAX];
    snprintf(command, sizeof command, "ACL SETUSER app reset on >pw %s", rights);
    assert_string_equal(raw(b, command), "OK");
    use(b, new_redis(redis_fixture_address(b->server), "app", "pw", TIMEOUT_MS));
}

/* As redis.h documents them. */
#define MINIMAL                                                                                    \
    "~x:* &x:* +evalsha +script|load +getrange +get +set +pexpire +publish +xadd +xlen "           \
    "+xinfo|stream"

static void the_documented_rights_suffice(void **state) {
    struct bench *b = *state;
    const char *value = NULL;
    size_t len = 0;
    use_user(b, MINIMAL " +info");
    assert_true(connected(b));
    put(b, "x:a", 1, 1);
    assert_int_equal(put_with(b, "x:a", 1, 2, 1000, true), ST_OK);
    assert_int_equal(b->store.expire(b->store.ctx, "x:a", 3, 60000), ST_OK);
    raw(b, "SCRIPT FLUSH");
    assert_int_equal(flush(b), ST_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b->answers[i].result, STORE_WRITTEN);
    }
    assert_int_equal(b->store.get(b->store.ctx, "x:a", &value, &len), ST_OK);
    assert_non_null(value);
    assert_int_equal(written(b, "y:a", 1, 1), STORE_ERROR); /* another prefix */
    assert_non_null(strstr(b->answers[0].why, "NOPERM"));
}

static void without_info_every_connection_is_fresh(void **state) {
    struct bench *b = *state;
    use_user(b, MINIMAL);
    assert_true(connected(b));
    assert_int_equal(written(b, "x:a", 1, 1), STORE_WRITTEN);
    raw(b, "CLIENT KILL TYPE normal SKIPME yes");
    put(b, "x:a", 1, 1);
    assert_int_equal(flush(b), ST_LOST);
    assert_true(connected(b));
}

static void without_script_load_the_missing_rights_are_named(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    use_user(b, "~x:* +evalsha +get +set +info");
    assert_int_equal(connect_fails(b, why), ST_INVALID);
    assert_non_null(strstr(why, "+script|load"));
}

static void without_a_right_inside_the_script_the_write_is_an_error(void **state) {
    struct bench *b = *state;
    use_user(b, "~x:* +evalsha +script|load +getrange +get +pexpire");
    assert_true(connected(b));
    assert_int_equal(written(b, "x:a", 1, 1), STORE_ERROR);
}

/* ---- slow and broken connections ------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void a_silent_server_times_out_and_recovers(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    use(b, new_redis(redis_fixture_address(b->server), "", "", 200));
    connected(b);
    redis_fixture_freeze(b->server);
    put(b, "k", 1, 1);
    int64_t begin = now_ms();
    assert_int_equal(flush(b), ST_LOST);
    assert_int_equal(b->n_answers, 0);
    assert_int_equal(connect_fails(b, why), ST_AGAIN); /* the kernel accepts, nobody answers */
    int64_t took = now_ms() - begin;
    assert_true(took >= 390 && took < 3000);
    redis_fixture_thaw(b->server);
    assert_false(connected(b));
    assert_int_equal(written(b, "k", 1, 2), STORE_WRITTEN);
    assert_int_equal(written(b, "k", 1, 1), STORE_FENCED);
}

static void a_reset_in_the_middle_hands_out_what_came_before_it(void **state) {
    struct bench *b = *state;
    char key[16];
    struct proxy *proxy = proxy_start(redis_fixture_socket(b->server));
    use(b, new_redis(proxy_address(proxy), "", "", TIMEOUT_MS));
    for (size_t cut = 0; cut <= 100; cut += 7) {
        connected(b);
        for (uint64_t i = 0; i < 20; i++) {
            sprintf(key, "k%d", (int)i);
            put(b, key, 1, i);
        }
        proxy_cut_answers(proxy, cut);
        enum status st = flush(b);
        assert_int_equal(st, ST_LOST);
        assert_int_equal(b->n_answers, cut / strlen("+OK\r\n"));
    }
    assert_false(connected(b)); /* no new server */
    assert_int_equal(written(b, "k", 2, 1), STORE_WRITTEN);
    proxy_stop(proxy);
}

static void a_reset_while_the_script_is_loaded_again_hands_out_no_noscript(void **state) {
    struct bench *b = *state;
    struct proxy *proxy = proxy_start(redis_fixture_socket(b->server));
    use(b, new_redis(proxy_address(proxy), "", "", TIMEOUT_MS));
    connected(b);
    assert_int_equal(b->store.expire(b->store.ctx, "k", 1, 60000), ST_OK);
    put(b, "a", 1, 1);
    put(b, "b", 1, 1);
    raw(b, "SCRIPT FLUSH");
    /* ":0", two errors, and then in the middle of the answer to SCRIPT LOAD. */
    proxy_cut_answers(proxy,
                      4 + 2 * strlen("-NOSCRIPT No matching script. Please use EVAL.\r\n") + 9);
    assert_int_equal(flush(b), ST_LOST);
    assert_int_equal(b->n_answers, 1);
    connected(b);
    assert_int_equal(written(b, "a", 1, 1), STORE_WRITTEN);
    proxy_stop(proxy);
}

/* ---- check ----------------------------------------------------------------------------- */

struct heard {
    int oks, problems;
    char text[8192];
};

static void hear(void *arg, bool ok, const char *text) {
    struct heard *h = arg;
    h->oks += ok;
    h->problems += !ok;
    assert_int_equal(strncmp(text, ok ? "ok: " : "problem: ", ok ? 4 : 9), 0);
    strcat(strcat(h->text, text), "\n");
}

static void check_finds_nothing_wrong_and_leaves_nothing_behind(void **state) {
    struct bench *b = *state;
    struct heard h = {0};
    assert_int_equal(redis_check(b->r, "x", hear, &h), 0);
    assert_int_equal(h.problems, 0);
    assert_true(h.oks >= 7);
    assert_non_null(strstr(h.text, "EVALSHA"));
    assert_string_equal(raw(b, "DBSIZE"), "0");
    h = (struct heard){0};
    use_user(b, MINIMAL " +info");
    assert_int_equal(redis_check(b->r, "x", hear, &h), 0); /* DEL is not needed */
}

static void check_says_what_is_wrong_and_what_to_type(void **state) {
    struct bench *b = *state;
    struct heard h = {0};
    raw(b, "CONFIG SET maxmemory-policy allkeys-lru");
    assert_int_equal(redis_check(b->r, "x", hear, &h), 1);
    assert_non_null(strstr(h.text, "CONFIG SET maxmemory-policy noeviction"));
    raw(b, "CONFIG SET maxmemory-policy noeviction");

    h = (struct heard){0};
    use_user(b, "~x:* +evalsha +script|load +info");
    assert_true(redis_check(b->r, "x", hear, &h) >= 8); /* SET, GET, PEXPIRE, PUBLISH, XADD, ... */
    assert_non_null(strstr(h.text, "type in redis-cli: ACL SETUSER app ~x:* &x:* +evalsha "));

    h = (struct heard){0};
    use_user(b, MINIMAL " +info");
    assert_true(redis_check(b->r, "y", hear, &h) >= 3); /* keys of another prefix */

    h = (struct heard){0};
    use_user(b, MINIMAL);
    assert_int_equal(redis_check(b->r, "x", hear, &h), 0);
    assert_non_null(strstr(h.text, "INFO is refused"));

    h = (struct heard){0};
    redis_fixture_kill(b->server);
    assert_int_equal(redis_check(b->r, "x", hear, &h), 1);
    assert_non_null(strstr(h.text, "set redis.address"));
}

static void the_client_library_has_a_version(void **state) {
    (void)state;
    unsigned major;
    unsigned minor;
    unsigned patch;
    assert_int_equal(sscanf(redis_client_version(), "%u.%u.%u", &major, &minor, &patch), 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    redis_fixture_require();
    signal(SIGPIPE, SIG_IGN); /* redis.h asks for it */
    const struct CMUnitTest tests[] = {
        TEST(the_fence_takes_newer_and_equal_and_refuses_older_by_number),
        TEST(versions_beyond_what_lua_can_compare_are_not_sent),
        TEST(arbitrary_writers_leave_the_largest_version),
        TEST(a_value_that_is_not_ours_is_replaced),
        TEST(keys_and_values_may_hold_every_byte),
        TEST(a_ttl_is_set_renewed_and_taken_away),
        TEST(the_previous_value_is_told_where_it_is_wanted),
        TEST(an_error_of_one_write_leaves_the_others_alone),
        TEST(out_of_memory_is_an_error_and_passes),
        TEST(a_large_pipeline_goes_through),
        TEST(without_a_connection_nothing_is_taken),
        TEST(get_lends_the_value),
        TEST(after_script_flush_the_writes_are_sent_again),
        TEST(script_flush_in_the_middle_of_a_pipeline_keeps_the_order_of_answers),
        cmocka_unit_test(addresses_are_checked_and_the_error_shows_how_one_looks),
        TEST(tcp_works_as_well),
        TEST(nobody_listening_is_try_again),
        TEST(the_first_connection_is_fresh_and_the_same_server_is_not),
        TEST(a_restarted_server_is_fresh),
        TEST(another_replication_id_is_fresh),
        TEST(a_replica_refuses_and_is_left),
        TEST(passwords_that_do_not_fit_are_hopeless_and_say_what_to_set),
        TEST(evicting_policies_are_refused),
        TEST(the_documented_rights_suffice),
        TEST(without_info_every_connection_is_fresh),
        TEST(without_script_load_the_missing_rights_are_named),
        TEST(without_a_right_inside_the_script_the_write_is_an_error),
        TEST(a_silent_server_times_out_and_recovers),
        TEST(a_reset_in_the_middle_hands_out_what_came_before_it),
        TEST(a_reset_while_the_script_is_loaded_again_hands_out_no_noscript),
        TEST(check_finds_nothing_wrong_and_leaves_nothing_behind),
        TEST(check_says_what_is_wrong_and_what_to_type),
        cmocka_unit_test(the_client_library_has_a_version),
    };
    return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
