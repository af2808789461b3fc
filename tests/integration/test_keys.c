/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keys.c -- every key of docs/redis.md in a real Redis, written by an instance whose Kafka is
 * a fake: that each is there, what it says beside a recount, what it costs, who may not write it,
 * and that it comes back or goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card_world.h"
#include "metrics.h"
#include "rec.h"
#include "redis.h"
#include "redis_fixture.h"

enum { TASKS = 2, USERS = 24, EACH = 12, KEYS_MAX = 1024, PATIENCE_MS = 10000 };

static const char *const DOMAINS_OF[] = {"course", "food"};
static const char *const ACTORS[] = {"rec", "user"};

static struct redis_fixture *server;
static redisContext *raw, *listener;

struct fixture {
    struct redis *redis;
    struct store store;
    struct running *r;
};

/* ---- Redis ---------------------------------------------------------------------------------- */

static redisReply *ask(const char *format, ...) {
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(raw, format, args);
    va_end(args);
    assert_non_null(reply);
    return reply;
}

static long long number_of(const char *command, const char *key) {
    redisReply *reply = ask(command, key);
    const long long n = reply->integer;
    freeReplyObject(reply);
    return n;
}

static json_t *value_of(const char *key) {
    redisReply *reply = ask("GET %s", key);
    json_t *v = NULL;
    if (reply->type == REDIS_REPLY_STRING) {
        v = json_loadb(reply->str, reply->len, JSON_REJECT_DUPLICATES, NULL);
        if (!v) {
            fail_msg("no JSON at %s: %s", key, reply->str);
        }
    }
    freeReplyObject(reply);
    return v;
}

static bool stands(const char *key) {
    return number_of("EXISTS %s", key) == 1;
}

/* The version of what stands at a key: epoch and seq, 0 0 if nothing does. */
static void version_of(const char *key, uint64_t *epoch, uint64_t *seq) {
    redisReply *reply = ask("GET %s", key);
    *epoch = *seq = 0;
    if (reply->type == REDIS_REPLY_STRING) {
        assert_int_equal(rec_version(reply->str, reply->len, epoch, seq), ST_OK);
    }
    freeReplyObject(reply);
}

static bool holds(const char *key, const char *text) {
    redisReply *reply = ask("GET %s", key);
    const bool yes = reply->type == REDIS_REPLY_STRING && strstr(reply->str, text);
    freeReplyObject(reply);
    return yes;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static struct fixture *start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    const struct redis_params params = {.address = redis_fixture_address(server),
                                        .timeout_ms = 2000};
    char err[256];
    freeReplyObject(ask("FLUSHALL"));
    assert_int_equal(redis_new(&params, &f->redis, err, sizeof err), ST_OK);
    f->store = redis_store(f->redis);
    f->r = card_world_new(TASKS, &f->store);
    card_world_fill(f->r, TASKS, USERS, EACH);
    return f;
}

static void run(struct fixture *f) {
    running_start(f->r);
    assert_true(fake_assign(&f->r->kafka, TASKS, TASKS));
}

static int teardown(void **state) {
    struct fixture *f = *state;
    if (f) {
        running_free(f->r);
        redis_free(f->redis);
        free(f);
    }
    *state = NULL;
    return 0;
}

/* How often card_world_fill() takes an item. */
static int taken(int domain, int item) {
    int n = 0;
    for (int k = 0; k < EACH; k++) {
        for (int user = 0; user < USERS; user++) {
            const bool learns = user < USERS / 2;
            const int topic = (k % 4 == 3) == learns ? FOOD : COURSE;
            n += topic == domain && (user % 3 + k * (learns ? 3 : 2)) % CARD_ITEMS == item;
        }
    }
    return n * TASKS;
}

/* Every key that such a run has to write, of each row of the table and of each target. */
static size_t list_keys(char keys[KEYS_MAX][96]) {
    size_t n = 0;
    for (int d = 0; d < 2; d++) {
        const char *target = DOMAINS_OF[d];
        snprintf(keys[n++], 96, "crossrec:%s:info", target);
        snprintf(keys[n++], 96, "crossrec:%s:fallback", target);
        for (int s = 0; s < 2; s++) {
            snprintf(keys[n++], 96, "crossrec:%s:segment:%d", target, s);
        }
        for (int item = 0; item < CARD_ITEMS; item++) {
            if (taken(d, item) >= 5) {
                snprintf(keys[n++], 96, "crossrec:%s:similar:%c%d", target, d ? 'f' : 'c', item);
            }
            if (taken(1 - d, item) >= 5) {
                snprintf(keys[n++], 96, "crossrec:%s:similar:%s/%c%d", target, DOMAINS_OF[1 - d],
                         d ? 'c' : 'f', item);
            }
        }
        for (int k = 0; k < TASKS * USERS * 2; k++) {
            snprintf(keys[n++], 96, "crossrec:%s:%s:u%d-%d", target, ACTORS[k % 2], k / 2 % TASKS,
                     k / 2 / TASKS);
        }
        assert_true(n < KEYS_MAX);
    }
    for (int p = 0; p < TASKS; p++) {
        snprintf(keys[n++], 96, "crossrec:published:%d", p);
    }
    return n;
}

static void await_all(char keys[KEYS_MAX][96], size_t n) {
    size_t at = 0;
    for (int ms = 0; at < n; ms++) {
        at += stands(keys[at]);
        if (ms > PATIENCE_MS) {
            fail_msg("never: %s", keys[at]);
        }
        if (at < n) {
            running_nap_ms(1);
        }
    }
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void every_key_of_the_table_is_there_and_no_other(void **state) {
    static char keys[KEYS_MAX][96];
    struct fixture *f = start(state);
    const size_t n = list_keys(keys);
    run(f);
    await_all(keys, n);
    card_world_settle(f->r, TASKS);
    redisReply *all = ask("KEYS *");
    for (size_t k = 0; k < all->elements; k++) {
        size_t at = 0;
        while (at < n && strcmp(keys[at], all->element[k]->str) != 0) {
            at++;
        }
        if (at == n) {
            fail_msg("what is %s?", all->element[k]->str);
        }
        json_t *v = value_of(all->element[k]->str);
        const bool everybodys = strstr(keys[at], "info") || strstr(keys[at], "fallback") ||
                                strstr(keys[at], "published");
        assert_string_equal(json_object_iter_key(json_object_iter(v)), "version");
        assert_true(strstr(keys[at], "published") ||
                    json_integer_value(json_object_get(v, "schema")) == 1);
        assert_int_equal(number_of("PTTL %s", keys[at]) > 0, !everybodys);
        json_decref(v);
    }
    assert_int_equal(all->elements, n);
    freeReplyObject(all);
    assert_int_equal(running_stop(f->r), ST_OK);
}

/* Takes of user `user` in a domain, as card_world_fill() makes them. */
static long long takes_of(int user, int domain) {
    long long n = 0;
    for (int k = 0; k < EACH; k++) {
        n += ((k % 4 == 3) == (user < USERS / 2) ? FOOD : COURSE) == domain;
    }
    return n;
}

static void counts_and_segments_are_those_of_a_recount(void **state) {
    struct fixture *f = start(state);
    long long members[2][SEGMENTS_MAX] = {{0}};
    run(f);
    card_world_settle(f->r, TASKS);
    for (int d = 0; d < 2; d++) {
        for (int k = 0; k < TASKS * USERS; k++) {
            char key[96];
            snprintf(key, sizeof key, "crossrec:%s:user:u%d-%d", DOMAINS_OF[d], k % TASKS,
                     k / TASKS);
            json_t *v = value_of(key);
            json_t *counts = json_object_get(v, "counts");
            assert_int_equal(json_integer_value(json_object_get(counts, "takes")),
                             takes_of(k / TASKS, d));
            json_t *segment = json_object_get(v, "segment");
            members[d][json_integer_value(segment)] += json_is_integer(segment);
            json_decref(v);
        }
        char key[96];
        snprintf(key, sizeof key, "crossrec:%s:info", DOMAINS_OF[d]);
        json_t *info = value_of(key);
        json_t *named = json_object_get(info, "segments");
        size_t at = 0;
        for (int s = 0; s < 2; s++) {
            snprintf(key, sizeof key, "crossrec:%s:segment:%d", DOMAINS_OF[d], s);
            json_t *v = value_of(key);
            const bool enough = members[d][s] >= f->r->cfg.segments_users_min;
            assert_int_equal(json_array_size(json_object_get(v, "items")) > 0, enough);
            if (enough) {
                assert_int_equal(json_integer_value(json_object_get(v, "users")), members[d][s]);
                assert_int_equal(json_integer_value(json_array_get(named, at++)), s);
            }
            json_decref(v);
        }
        assert_int_equal(json_array_size(named), at);
        json_decref(info);
    }
    assert_int_equal(members[0][0] + members[0][1], TASKS * USERS);
    assert_int_equal(running_stop(f->r), ST_OK);
}

static void all_comes_back_after_flushall(void **state) {
    static char keys[KEYS_MAX][96];
    struct fixture *f = start(state);
    const size_t n = list_keys(keys);
    run(f);
    await_all(keys, n);
    AWAIT(instance_settled(f->r->instance));
    freeReplyObject(ask("FLUSHALL"));
    const int64_t start_ms = running_wall_ms();
    await_all(keys, n);
    print_message("%zu keys are back %lld ms after FLUSHALL\n", n,
                  (long long)(running_wall_ms() - start_ms));
    assert_int_equal(running_stop(f->r), ST_OK);
}

static void an_erased_user_leaves_tombstones_alone(void **state) {
    struct fixture *f = start(state);
    run(f);
    AWAIT(stands("crossrec:food:user:u1-3") && stands("crossrec:course:user:u1-3"));
    AWAIT(holds("crossrec:food:rec:u1-3", "\"id\""));
    card_world_erase("u1-3", INT64_C(1900000000000));
    for (int d = 0; d < 2; d++) {
        char key[96];
        snprintf(key, sizeof key, "crossrec:%s:user:u1-3", DOMAINS_OF[d]);
        AWAIT(holds(key, "\"segment\":null,\"lifecycle\":null,\"engagement\":null,\"counts\":null,"
                         "\"categories\":[],\"elsewhere\":[]}"));
        assert_true(number_of("PTTL %s", key) > 0);
        snprintf(key, sizeof key, "crossrec:%s:rec:u1-3", DOMAINS_OF[d]);
        AWAIT(holds(key, "\"items\":[]"));
    }
    assert_true(holds("crossrec:food:user:u1-4", "\"takes\""));
    assert_int_equal(running_stop(f->r), ST_OK);
}

static struct store_reply answered;

static void note(void *arg, size_t i, const struct store_reply *r) {
    (void)arg;
    (void)i;
    answered = *r;
}

/* The instance that was the owner, woken: older versions of each key are refused. */
static void an_older_owner_is_refused_at_every_key(void **state) {
    static const char *const KEYS[] = {
        "crossrec:food:segment:0", "crossrec:food:similar:f1", "crossrec:course:similar:food/f1",
        "crossrec:food:user:u0-1", "crossrec:food:rec:u0-1",   "crossrec:food:info"};
    struct fixture *f = start(state);
    run(f);
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        AWAIT(stands(KEYS[k]));
    }
    assert_int_equal(running_stop(f->r), ST_OK);
    bool fresh = false;
    char why[256];
    assert_int_equal(f->store.connect(f->store.ctx, &fresh, why, sizeof why), ST_OK);
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        uint64_t epoch = 0;
        uint64_t seq = 0;
        uint64_t epoch_now = 0;
        uint64_t seq_now = 0;
        char value[64];
        version_of(KEYS[k], &epoch, &seq);
        snprintf(value, sizeof value, "{\"version\":[%llu,99999999],\"zombie\":1}",
                 (unsigned long long)epoch - 1);
        const struct store_write w = {.key = KEYS[k],
                                      .key_len = strlen(KEYS[k]),
                                      .value = value,
                                      .value_len = strlen(value),
                                      .ttl_ms = 1000,
                                      .epoch = epoch - 1,
                                      .seq = 99999999};
        assert_int_equal(f->store.put(f->store.ctx, &w), ST_OK);
        assert_int_equal(f->store.flush(f->store.ctx, note, NULL), ST_OK);
        assert_int_equal(answered.result, STORE_FENCED);
        version_of(KEYS[k], &epoch_now, &seq_now);
        assert_true(epoch_now == epoch && seq_now == seq);
    }
}

/* ---- what is heard ------------------------------------------------------------------------------
 */

static void subscribe(const char *command) {
    redisReply *reply = redisCommand(listener, command);
    assert_non_null(reply);
    freeReplyObject(reply);
}

/* The next message's channel and text; false after a second of silence. */
static bool hear(char channel[96], char text[96]) {
    redisReply *reply = NULL;
    const struct timeval second = {.tv_sec = 1};
    (void)redisSetTimeout(listener, second);
    if (redisGetReply(listener, (void **)&reply) != REDIS_OK || !reply) {
        return false;
    }
    const size_t n = reply->elements; /* message: 3, pmessage: 4 */
    snprintf(channel, 96, "%s", reply->element[n - 2]->str);
    snprintf(text, 96, "%s", reply->element[n - 1]->str);
    freeReplyObject(reply);
    return true;
}

static void every_list_that_is_written_is_heard_of_once(void **state) {
    struct fixture *f = start(state);
    listener = redisConnectUnix(redis_fixture_socket(server));
    assert_non_null(listener);
    subscribe("SUBSCRIBE crossrec:food:changed");
    run(f);
    card_world_settle(f->r, TASKS);
    const double written = metric_value(M_PUBLISHED, FOOD);
    assert_int_equal(running_stop(f->r), ST_OK);
    double heard = 0.0;
    char channel[96];
    char user[96];
    while (hear(channel, user)) {
        char key[128];
        assert_string_equal(channel, "crossrec:food:changed");
        snprintf(key, sizeof key, "crossrec:food:rec:%s", user);
        assert_true(stands(key));
        heard += 1.0;
    }
    redisFree(listener);
    assert_true(heard >= written && heard <= written);
    assert_true(written >= TASKS * USERS);
}

static void rank_everybody_again(struct fixture *f) {
    const uint64_t sweeps = instance_sweeps(f->r->instance);
    instance_refresh(f->r->instance);
    AWAIT(instance_sweeps(f->r->instance) > sweeps);
    card_world_settle(f->r, TASKS);
}

/* docs/redis.md: SET only where a reader would see a difference. */
static void keyspace_notifications_come_when_a_value_changes_and_not_else(void **state) {
    struct fixture *f = start(state);
    run(f);
    card_world_settle(f->r, TASKS);
    rank_everybody_again(f); /* with what came after their own last events */
    freeReplyObject(ask("CONFIG SET notify-keyspace-events K$"));
    listener = redisConnectUnix(redis_fixture_socket(server));
    assert_non_null(listener);
    subscribe("PSUBSCRIBE __keyspace@0__:crossrec:food:rec:*");
    char channel[96];
    char event[96];
    rank_everybody_again(f);
    assert_false(hear(channel, event));
    redisFree(listener); /* hiredis ends a connection that timed out */
    listener = redisConnectUnix(redis_fixture_socket(server));
    assert_non_null(listener);
    subscribe("PSUBSCRIBE __keyspace@0__:crossrec:food:rec:*");
    card_world_erase("u0-2", INT64_C(1900000000000));
    assert_true(hear(channel, event));
    assert_string_equal(channel, "__keyspace@0__:crossrec:food:rec:u0-2");
    assert_string_equal(event, "set");
    redisFree(listener);
    freeReplyObject(ask("CONFIG SET notify-keyspace-events %s", ""));
    assert_int_equal(running_stop(f->r), ST_OK);
}

/* ---- what it costs
 * ------------------------------------------------------------------------------- */

enum { LIST_COST_MAX = 1280 };

/* A list of ten with ids of so many bytes and as much behind each as there may be. */
static long long cost_of(struct fixture *f, size_t id_len, bool explores) {
    char ids[10][64];
    struct rec *r = calloc(1, rec_bytes(10));
    char *key = malloc(rec_key_max(&f->r->cfg));
    char *value = malloc(rec_value_max(&f->r->cfg));
    assert_true(r && key && value);
    r->kind = REC_LIST;
    r->epoch = 1795619786;
    r->seq = 4123456;
    r->task = 63;
    r->ts_ms = 1769212800000;
    r->segment = 11;
    r->personalised = true;
    r->target = FOOD;
    r->n = 10;
    memset(r->user_id, 'a', 32); /* a pseudonym */
    r->user_id_len = 32;
    for (size_t k = 0; k < 10; k++) {
        memset(ids[k], 'a' + (int)k, id_len);
        r->items[k] = (struct rec_item){.id = ids[k],
                                        .id_len = (uint16_t)id_len,
                                        .score = 4.614321F - (float)k,
                                        .reason = REASON_TOGETHER,
                                        .because = {ids[k], (uint16_t)id_len, BECAUSE_CATEGORY},
                                        .propensity = explores && k >= 3 ? 0.0123456F : 0.0F};
    }
    const size_t key_len = rec_key(&f->r->cfg, r, key);
    const struct store_write w = {.key = key,
                                  .key_len = key_len,
                                  .value = value,
                                  .value_len = rec_value(&f->r->cfg, r, value),
                                  .ttl_ms = 604800000,
                                  .epoch = r->epoch,
                                  .seq = r->seq};
    assert_int_equal(f->store.put(f->store.ctx, &w), ST_OK);
    assert_int_equal(f->store.flush(f->store.ctx, note, NULL), ST_OK);
    assert_int_equal(answered.result, STORE_WRITTEN);
    redisReply *reply = ask("MEMORY USAGE %b", key, key_len);
    const long long cost = reply->integer;
    freeReplyObject(reply);
    freeReplyObject(ask("DEL %b", key, key_len));
    free(r);
    free(key);
    free(value);
    return cost;
}

static void a_list_of_ten_costs_a_kibibyte_and_a_quarter_at_most(void **state) {
    struct fixture *f = start(state);
    bool fresh = false;
    char why[256];
    assert_int_equal(f->store.connect(f->store.ctx, &fresh, why, sizeof why), ST_OK);
    for (size_t len = 1; len <= 16; len++) {
        const long long plain = cost_of(f, len, false);
        const long long explores = cost_of(f, len, true);
        assert_true(plain > 500 && plain <= LIST_COST_MAX);
        assert_true(explores <= LIST_COST_MAX);
        if (len >= 10 && len % 3 == 1) {
            print_message("ids of %zu bytes: %lld bytes, exploring %lld\n", len, plain, explores);
        }
    }
    run(f);
    card_world_settle(f->r, TASKS);
    long long most[4] = {0};
    static const char *const OF[] = {"rec", "user", "segment", "similar"};
    redisReply *all = ask("KEYS *");
    for (size_t k = 0; k < all->elements; k++) {
        for (size_t kind = 0; kind < 4; kind++) {
            char part[16];
            snprintf(part, sizeof part, ":%s:", OF[kind]);
            if (strstr(all->element[k]->str, part)) {
                const long long n = number_of("MEMORY USAGE %s", all->element[k]->str);
                most[kind] = n > most[kind] ? n : most[kind];
            }
        }
    }
    freeReplyObject(all);
    assert_true(most[0] <= LIST_COST_MAX);
    print_message("of this run, the largest: rec %lld, user %lld, segment %lld, similar %lld\n",
                  most[0], most[1], most[2], most[3]);
    assert_int_equal(running_stop(f->r), ST_OK);
}

int main(void) {
    redis_fixture_require();
    (void)signal(SIGPIPE, SIG_IGN);
    server = redis_fixture_start(REDIS_NO_PORT, NULL);
    raw = server ? redisConnectUnix(redis_fixture_socket(server)) : NULL;
    if (!raw || raw->err) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
        TEST(every_key_of_the_table_is_there_and_no_other),
        TEST(counts_and_segments_are_those_of_a_recount),
        TEST(all_comes_back_after_flushall),
        TEST(an_erased_user_leaves_tombstones_alone),
        TEST(an_older_owner_is_refused_at_every_key),
        TEST(every_list_that_is_written_is_heard_of_once),
        TEST(keyspace_notifications_come_when_a_value_changes_and_not_else),
        TEST(a_list_of_ten_costs_a_kibibyte_and_a_quarter_at_most),
#undef TEST
    };
    const int failed = cmocka_run_group_tests_name("keys", tests, NULL, NULL);
    redisFree(raw);
    redis_fixture_stop(server);
    return failed;
}
