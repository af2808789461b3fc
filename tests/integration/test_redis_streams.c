/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_streams.c -- contract tests of append() and last_id() of consumer/redis.h against a
 * real redis-server; a second connection, plain hiredis, looks at what stands there.
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

#include "log.h"
#include "redis.h"
#include "redis_fixture.h"

enum { ANSWERS_MAX = 4096, WHY_MAX = 256 };

struct answer {
    enum store_result result;
    uint64_t epoch, seq;
    int64_t number;
    char why[WHY_MAX];
};

static struct redis_fixture *server;
static redisContext *raw;
static struct redis *redis;
static struct store store;
static struct answer answers[ANSWERS_MAX];
static size_t n_answers;

static int setup(void **state) {
    (void)state;
    const struct redis_params params = {.address = redis_fixture_address(server),
                                        .timeout_ms = 2000};
    char err[WHY_MAX];
    bool fresh = false;
    assert_int_equal(redis_new(&params, &redis, err, sizeof err), ST_OK);
    store = redis_store(redis);
    assert_int_equal(store.connect(store.ctx, &fresh, err, sizeof err), ST_OK);
    freeReplyObject(redisCommand(raw, "FLUSHALL"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    redis_free(redis);
    return 0;
}

static void note(void *arg, size_t i, const struct store_reply *r) {
    (void)arg;
    assert_int_equal(i, n_answers);
    struct answer *a = &answers[n_answers++];
    *a =
        (struct answer){.result = r->result, .epoch = r->epoch, .seq = r->seq, .number = r->number};
    snprintf(a->why, sizeof a->why, "%s", r->why ? r->why : "");
}

static void flush(void) {
    n_answers = 0;
    assert_int_equal(store.flush(store.ctx, note, NULL), ST_OK);
}

/* Appends to the pipeline the entry (ms, seq) behind (after_ms, after_seq). */
static enum status append(uint64_t after_ms, uint64_t after_seq, uint64_t ms, uint64_t seq,
                          uint64_t maxlen) {
    const struct store_field fields[] = {{"user", "u\0 \r\n1", 6}, {"kind", "", 0}};
    const struct store_entry e = {.key = "x:food:triggers:3",
                                  .key_len = 17,
                                  .after_ms = after_ms,
                                  .after_seq = after_seq,
                                  .ms = ms,
                                  .seq = seq,
                                  .maxlen = maxlen,
                                  .fields = fields,
                                  .n_fields = 2};
    return store.append(store.ctx, &e);
}

static struct answer one(uint64_t after_ms, uint64_t after_seq, uint64_t ms, uint64_t seq) {
    assert_int_equal(append(after_ms, after_seq, ms, seq, 1000), ST_OK);
    flush();
    assert_int_equal(n_answers, 1);
    return answers[0];
}

static long long length(void) {
    redisReply *r = redisCommand(raw, "XLEN x:food:triggers:3");
    const long long n = r->integer;
    freeReplyObject(r);
    return n;
}

static void run(const char *command) {
    redisReply *r = redisCommand(raw, command);
    assert_non_null(r);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

static void assert_last(uint64_t expected_ms, uint64_t expected_seq) {
    uint64_t ms = 99;
    uint64_t seq = 99;
    assert_int_equal(store.last_id(store.ctx, "x:food:triggers:3", &ms, &seq), ST_OK);
    assert_int_equal(ms, expected_ms);
    assert_int_equal(seq, expected_seq);
}

static void an_entry_has_its_id_and_its_fields_as_they_are(void **state) {
    (void)state;
    assert_int_equal(one(0, 0, 1764115200123, 7).result, STORE_WRITTEN);
    redisReply *r = redisCommand(raw, "XRANGE x:food:triggers:3 - +");
    assert_int_equal(r->elements, 1);
    assert_string_equal(r->element[0]->element[0]->str, "1764115200123-7");
    const redisReply *f = r->element[0]->element[1];
    assert_int_equal(f->elements, 4);
    assert_string_equal(f->element[0]->str, "user");
    assert_int_equal(f->element[1]->len, 6);
    assert_memory_equal(f->element[1]->str, "u\0 \r\n1", 6);
    assert_int_equal(f->element[3]->len, 0);
    freeReplyObject(r);
}

static void an_entry_that_is_there_already_counts_as_written_and_is_not_doubled(void **state) {
    (void)state;
    assert_int_equal(one(0, 0, 100, 0).number, 0);
    assert_int_equal(one(100, 0, 100, 1).number, 0);
    assert_int_equal(one(0, 0, 100, 0).number, -1);
    assert_int_equal(one(100, 0, 100, 1).number, -1);
    assert_int_equal(answers[0].result, STORE_WRITTEN);
    assert_int_equal(length(), 2);
}

static void an_entry_whose_predecessor_is_missing_is_refused_with_the_last_id(void **state) {
    (void)state;
    assert_int_equal(one(0, 0, 100, 3).result, STORE_WRITTEN);
    const struct answer a = one(100, 4, 200, 0);
    assert_int_equal(a.result, STORE_GAP);
    assert_int_equal(a.epoch, 100);
    assert_int_equal(a.seq, 3);
    run("FLUSHALL");
    const struct answer b = one(100, 3, 200, 0);
    assert_int_equal(b.result, STORE_GAP);
    assert_int_equal(b.epoch, 0);
    assert_int_equal(length(), 0);
    assert_int_equal(one(0, 0, 100, 3).result, STORE_WRITTEN); /* it comes back under its id */
    assert_int_equal(one(100, 3, 200, 0).result, STORE_WRITTEN);
    assert_int_equal(length(), 2);
}

static void a_predecessor_that_consumers_deleted_is_not_missing(void **state) {
    (void)state;
    assert_int_equal(one(0, 0, 100, 3).result, STORE_WRITTEN);
    run("XDEL x:food:triggers:3 100-3");
    assert_last(100, 3);
    assert_int_equal(one(0, 0, 100, 3).number, -1);
    assert_int_equal(one(100, 3, 200, 0).result, STORE_WRITTEN);
    run("XTRIM x:food:triggers:3 MAXLEN 0");
    assert_last(200, 0);
}

static void the_last_id_of_what_is_no_stream(void **state) {
    (void)state;
    uint64_t ms = 5;
    uint64_t seq = 5;
    assert_last(0, 0);
    run("XGROUP CREATE x:food:triggers:3 mail 0 MKSTREAM");
    assert_last(0, 0);
    run("DEL x:food:triggers:3");
    run("SET x:food:triggers:3 1");
    assert_int_equal(store.last_id(store.ctx, "x:food:triggers:3", &ms, &seq), ST_INVALID);
    const struct answer a = one(0, 0, 100, 0);
    assert_int_equal(a.result, STORE_ERROR);
    assert_non_null(strstr(a.why, "WRONGTYPE"));
}

static void ids_are_compared_as_numbers(void **state) {
    (void)state;
    assert_int_equal(one(0, 0, 9, 9).number, 0);
    assert_int_equal(one(9, 9, 9, 10).number, 0);
    assert_int_equal(one(9, 10, 10, 1).number, 0);
    assert_int_equal(one(10, 1, 100, 0).number, 0);
    assert_int_equal(one(10, 1, 99, 0).number, -1);
    assert_int_equal(append(0, 0, (UINT64_C(1) << 53) + 1, 0, 10), ST_RANGE);
    const uint64_t exact = UINT64_C(1) << 53;
    assert_int_equal(one(100, 0, exact - 1, exact - 1).number, 0);
    assert_int_equal(one(exact - 1, exact - 1, exact - 1, exact).number, 0);
    assert_int_equal(one(exact - 1, exact, exact - 1, exact - 1).number, -1);
}

static void a_stream_is_kept_short_and_what_it_drops_is_counted(void **state) {
    (void)state;
    enum { MANY = 1000 };
    int64_t dropped = 0;
    for (uint64_t k = 1; k <= MANY; k++) {
        assert_int_equal(append(k - 1, 0, k, 0, 100), ST_OK);
    }
    flush();
    assert_int_equal(n_answers, MANY);
    for (size_t k = 0; k < MANY; k++) {
        assert_int_equal(answers[k].result, STORE_WRITTEN);
        dropped += answers[k].number;
    }
    assert_int_equal(length(), MANY - dropped);
    assert_true(length() >= 100 && length() < 300);
    assert_int_equal(one(0, 0, 1, 0).number, -1); /* dropped ones do not come back */
}

static void an_unknown_script_is_loaded_and_what_missed_it_is_sent_again(void **state) {
    (void)state;
    assert_int_equal(append(0, 0, 1, 0, 100), ST_OK);
    run("SCRIPT FLUSH");
    assert_int_equal(append(1, 0, 2, 0, 100), ST_OK);
    flush();
    assert_int_equal(n_answers, 2);
    assert_int_equal(answers[0].result, STORE_WRITTEN);
    assert_int_equal(answers[1].result, STORE_WRITTEN);
    assert_int_equal(length(), 2);
}

static void a_full_server_refuses_and_takes_it_later(void **state) {
    (void)state;
    run("CONFIG SET maxmemory 1");
    const struct answer a = one(0, 0, 1, 0);
    run("CONFIG SET maxmemory 0");
    assert_int_equal(a.result, STORE_ERROR);
    assert_non_null(strstr(a.why, "OOM"));
    assert_int_equal(one(0, 0, 1, 0).result, STORE_WRITTEN);
    assert_int_equal(length(), 1);
}

/* With the rights of redis.h and no more. */
static void the_documented_rights_suffice(void **state) {
    (void)state;
    run("ACL SETUSER crossrec on >secret ~x:* +evalsha +script|load +getrange +get +set +pexpire "
        "+info +xadd +xlen +xinfo|stream");
    const struct redis_params params = {.address = redis_fixture_address(server),
                                        .user = "crossrec",
                                        .password = "secret",
                                        .timeout_ms = 2000};
    char err[WHY_MAX];
    bool fresh = false;
    redis_free(redis);
    assert_int_equal(redis_new(&params, &redis, err, sizeof err), ST_OK);
    store = redis_store(redis);
    assert_int_equal(store.connect(store.ctx, &fresh, err, sizeof err), ST_OK);
    assert_last(0, 0);
    assert_int_equal(one(0, 0, 1, 0).result, STORE_WRITTEN);
    assert_last(1, 0);
    run("ACL SETUSER crossrec -xadd");
    const struct answer a = one(1, 0, 2, 0);
    assert_int_equal(a.result, STORE_ERROR);
    run("ACL DELUSER crossrec");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    redis_fixture_require();
    log_set_level(LOG_LEVEL_ERROR + 1);
    server = redis_fixture_start(REDIS_NO_PORT, NULL);
    raw = server ? redisConnectUnix(redis_fixture_socket(server)) : NULL;
    if (!raw || raw->err) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        WITH(an_entry_has_its_id_and_its_fields_as_they_are),
        WITH(an_entry_that_is_there_already_counts_as_written_and_is_not_doubled),
        WITH(an_entry_whose_predecessor_is_missing_is_refused_with_the_last_id),
        WITH(a_predecessor_that_consumers_deleted_is_not_missing),
        WITH(the_last_id_of_what_is_no_stream),
        WITH(ids_are_compared_as_numbers),
        WITH(a_stream_is_kept_short_and_what_it_drops_is_counted),
        WITH(an_unknown_script_is_loaded_and_what_missed_it_is_sent_again),
        WITH(a_full_server_refuses_and_takes_it_later),
        WITH(the_documented_rights_suffice),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    redisFree(raw);
    redis_fixture_stop(server);
    return failed;
}
