/* SPDX-License-Identifier: Apache-2.0
 *
 * test_publisher.c -- the publisher over a real redis-server that is killed, emptied and frozen
 * while recs flow.
 *
 * The test plays the learner as publisher.h describes it: a user whose rec finds no place stays
 * dirty, and when Redis has lost something everyone is dirty.
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
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"
#include "publisher.h"
#include "redis.h"
#include "redis_fixture.h"

enum { USERS = 2000, TASKS = 4, DEADLINE_MS = 20000, EPOCH = 1764000000 };

struct bench {
    struct config config;
    struct redis_fixture *server;
    struct redis *redis;
    struct publisher *p;
    uint64_t epoch, seq, losses;
    uint64_t newest[USERS]; /* seq of the rec pushed last */
    bool dirty[USERS];
};

static int64_t now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int64_t until_ = now_ms(CLOCK_MONOTONIC) + DEADLINE_MS;                                    \
        while (!(condition)) {                                                                     \
            if (now_ms(CLOCK_MONOTONIC) > until_) {                                                \
                fail_msg("waited in vain for %s", #condition);                                     \
            }                                                                                      \
            nap();                                                                                 \
        }                                                                                          \
    } while (0)

static struct redis *start(struct bench *b, struct publisher **p) {
    const struct redis_params params = {redis_fixture_address(b->server), "", "", 300};
    char err[256];
    struct redis *redis = NULL;
    assert_int_equal(redis_new(&params, &redis, err, sizeof err), ST_OK);
    struct store store = redis_store(redis);
    assert_int_equal(publisher_start(&b->config, &store, p), ST_OK);
    return redis;
}

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->epoch = EPOCH;
    b->config.n_domains = 1;
    b->config.n_topics = 1;
    b->config.list_n = 10;
    b->config.segments_k = 8;
    b->config.publish_ttl_ms = 600000;
    strcpy(b->config.redis_prefix, "crossrec");
    strcpy(b->config.domains[0].name, "food");
    strcpy(b->config.topics[0].name, "food-orders");
    metrics_reset();
    log_set_level(LOG_LEVEL_ERROR + 1);
    b->server = redis_fixture_start(REDIS_NO_PORT, NULL);
    assert_non_null(b->server);
    snprintf(b->config.redis_address, sizeof b->config.redis_address, "%s",
             redis_fixture_address(b->server));
    b->redis = start(b, &b->p);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    publisher_stop(b->p, 0);
    redis_free(b->redis);
    redis_fixture_stop(b->server);
    free(b);
    return 0;
}

/* ---- a learner ------------------------------------------------------------------------ */

static bool push_list(struct bench *b, uint32_t u) {
    static const char *const DISHES[] = {"pizza", "pasta", "salad", "soup",  "sushi",
                                         "curry", "ramen", "tacos", "bread", "fruit"};
    struct rec *r = publisher_reserve(b->p);
    b->dirty[u] = !r;
    if (!r) {
        return false;
    }
    r->kind = REC_LIST;
    r->epoch = b->epoch;
    r->seq = ++b->seq;
    r->task = (int32_t)(u % TASKS);
    r->ts_ms = r->record_ms = now_ms(CLOCK_REALTIME);
    r->segment = 3;
    r->target = 0;
    r->personalised = true;
    r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "user-%u", u);
    for (r->n = 0; r->n < 10; r->n++) {
        r->items[r->n] = (struct rec_item){.id = DISHES[r->n],
                                           .id_len = (uint16_t)strlen(DISHES[r->n]),
                                           .score = 1.0F / (float)(r->n + u + 1),
                                           .reason = (uint8_t)(r->n % REASONS)};
    }
    publisher_push(b->p);
    b->newest[u] = b->seq;
    return true;
}

static void push_published(struct bench *b, int32_t task) {
    struct rec *r = publisher_reserve(b->p);
    if (r) {
        *r = (struct rec){.kind = REC_PUBLISHED, .task = task, .epoch = b->epoch, .seq = ++b->seq};
        publisher_push(b->p);
    }
}

static void look_for_losses(struct bench *b) {
    uint64_t losses = publisher_losses(b->p);
    if (losses != b->losses) {
        memset(b->dirty, true, sizeof b->dirty);
        b->losses = losses;
    }
}

/* Ranks users in turn for so long; some recs find no place. */
static void learn(struct bench *b, int64_t for_ms) {
    int64_t until = now_ms(CLOCK_MONOTONIC) + for_ms;
    for (uint32_t i = 0; now_ms(CLOCK_MONOTONIC) < until; i++) {
        look_for_losses(b);
        if (!push_list(b, i * 7 % USERS)) {
            nap();
        }
        if (i % 100 == 0) {
            push_published(b, (int32_t)(i / 100 % TASKS));
        }
    }
}

/* Until everyone's newest rec is answered and no loss turns up any more. */
static void finish(struct bench *b) {
    bool done = false;
    int64_t until = now_ms(CLOCK_MONOTONIC) + DEADLINE_MS;
    while (!done) {
        assert_true(now_ms(CLOCK_MONOTONIC) < until);
        for (uint32_t u = 0; u < USERS; u++) {
            while (b->dirty[u] && !push_list(b, u)) {
                nap();
            }
        }
        for (int32_t t = 0; t < TASKS; t++) {
            push_published(b, t);
        }
        WAIT_FOR(publisher_idle(b->p));
        done = publisher_losses(b->p) == b->losses;
        look_for_losses(b);
    }
}

/* Each user that was ever ranked has exactly the newest rec. */
static void assert_redis_holds_the_newest(struct bench *b) {
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    assert_int_equal(c->err, 0);
    for (uint32_t u = 0; u < USERS; u++) {
        if (b->newest[u] == 0) {
            continue;
        }
        char version[64];
        int n = snprintf(version, sizeof version, "{\"version\":[%llu,%llu],",
                         (unsigned long long)b->epoch, (unsigned long long)b->newest[u]);
        redisReply *reply = redisCommand(c, "GET crossrec:food:rec:user-%d", (int)u);
        assert_non_null(reply);
        if (reply->type != REDIS_REPLY_STRING || memcmp(reply->str, version, (size_t)n) != 0) {
            fail_msg("user %u: %s instead of %s", u, reply->str ? reply->str : "nothing", version);
        }
        freeReplyObject(reply);
    }
    redisFree(c);
}

static long resident_kib(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- tests ---------------------------------------------------------------------------- */

static void a_server_that_is_killed_and_comes_back_empty_ends_with_every_newest_rec(void **state) {
    struct bench *b = *state;
    learn(b, 300);
    assert_true(publisher_losses(b->p) == 0);
    redis_fixture_kill(b->server);
    learn(b, 200);
    assert_int_equal(publisher_room(b->p), 0); /* it waits, the learner goes on */
    char why[256] = "";
    assert_false(publisher_connected(b->p, why, sizeof why));
    assert_non_null(strstr(why, "redis.sock"));
    assert_true(metric_value(M_REDIS_UP, 0) == 0.0);

    long before = resident_kib();
    learn(b, 600);
    assert_true(resident_kib() - before < 4096);

    assert_true(redis_fixture_restart(b->server));
    learn(b, 300);
    finish(b);
    assert_true(publisher_losses(b->p) == 1);
    assert_true(publisher_connected(b->p, why, sizeof why));
    assert_redis_holds_the_newest(b);
}

static void kills_in_quick_succession_end_with_every_newest_rec(void **state) {
    struct bench *b = *state;
    for (int i = 0; i < 5; i++) {
        learn(b, 100);
        assert_true(redis_fixture_restart(b->server));
    }
    learn(b, 100);
    finish(b);
    assert_true(publisher_losses(b->p) >= 1 && publisher_losses(b->p) <= 5);
    assert_redis_holds_the_newest(b);
}

static void flushall_on_the_live_connection_is_noticed_and_repaired(void **state) {
    struct bench *b = *state;
    learn(b, 200);
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    freeReplyObject(redisCommand(c, "FLUSHALL"));
    redisFree(c);
    learn(b, 200);
    finish(b);
    assert_true(publisher_losses(b->p) == 1);
    assert_redis_holds_the_newest(b);
}

/* Nothing is announced meanwhile, as of a task that always has somebody waiting. */
static void flushall_is_noticed_within_a_second_or_two_while_lists_alone_flow(void **state) {
    struct bench *b = *state;
    learn(b, 100);
    WAIT_FOR(publisher_idle(b->p));
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    assert_non_null(c);
    freeReplyObject(redisCommand(c, "FLUSHALL"));
    redisFree(c);
    const int64_t begin = now_ms(CLOCK_MONOTONIC);
    for (uint32_t i = 0; publisher_losses(b->p) == b->losses; i++) {
        assert_true(now_ms(CLOCK_MONOTONIC) - begin < 3000);
        if (!push_list(b, i % USERS)) {
            nap();
        }
    }
    finish(b);
    assert_redis_holds_the_newest(b);
}

static void script_flush_while_recs_flow_is_not_noticed(void **state) {
    struct bench *b = *state;
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    for (int i = 0; i < 20; i++) {
        learn(b, 10);
        freeReplyObject(redisCommand(c, "SCRIPT FLUSH"));
    }
    redisFree(c);
    finish(b);
    assert_true(publisher_losses(b->p) == 0);
    assert_true(metric_value(M_REDIS_ERRORS, 0) == 0.0);
    assert_redis_holds_the_newest(b);
}

static void a_frozen_server_is_waited_for_and_nothing_counts_as_lost(void **state) {
    struct bench *b = *state;
    learn(b, 100);
    redis_fixture_freeze(b->server);
    learn(b, 700); /* longer than its timeout */
    assert_false(publisher_connected(b->p, NULL, 0));
    redis_fixture_thaw(b->server);
    finish(b);
    assert_true(publisher_losses(b->p) == 0);
    assert_redis_holds_the_newest(b);
    struct publisher_ack ack;
    assert_false(publisher_ack_next(b->p, &ack)); /* not fenced by what it wrote itself */
}

static void out_of_memory_is_waited_for(void **state) {
    struct bench *b = *state;
    char why[256] = "";
    redisContext *c = redisConnectUnix(redis_fixture_socket(b->server));
    freeReplyObject(redisCommand(c, "CONFIG SET maxmemory 1"));
    learn(b, 100);
    WAIT_FOR(!publisher_connected(b->p, why, sizeof why) && strstr(why, "OOM"));
    freeReplyObject(redisCommand(c, "CONFIG SET maxmemory 0"));
    redisFree(c);
    finish(b);
    assert_redis_holds_the_newest(b);
}

static void a_zombie_is_fenced_and_told_of_the_newer_epoch(void **state) {
    struct bench *b = *state;
    struct publisher *zombie = NULL;
    struct redis *redis = start(b, &zombie);
    struct publisher *owner = b->p;
    push_list(b, 1);
    push_published(b, 1);
    WAIT_FOR(publisher_idle(owner));

    b->p = zombie;
    b->epoch = EPOCH - 1;
    struct rec *r = publisher_reserve(zombie);
    *r = (struct rec){.kind = REC_TAKEOVER, .task = 1};
    publisher_push(zombie);
    push_list(b, 1);
    struct publisher_ack ack = {0};
    WAIT_FOR(publisher_ack_next(zombie, &ack));
    assert_int_equal(ack.kind, ACK_EPOCH);
    assert_int_equal(ack.epoch, EPOCH);
    WAIT_FOR(publisher_ack_next(zombie, &ack));
    assert_int_equal(ack.kind, ACK_FENCED);
    assert_int_equal(ack.task, 1);
    assert_int_equal(ack.epoch, EPOCH);
    assert_true(metric_value(M_REFUSED, 0) == 1.0);

    b->p = owner;
    b->epoch = EPOCH;
    b->newest[1] = 1;
    assert_redis_holds_the_newest(b);
    assert_true(publisher_stop(zombie, 1000));
    redis_free(redis);
}

static void stopping_drains_what_was_pushed(void **state) {
    struct bench *b = *state;
    learn(b, 100);
    for (uint32_t u = 0; u < USERS; u++) {
        b->dirty[u] = false;
    }
    bool drained = publisher_stop(b->p, DEADLINE_MS);
    b->p = NULL;
    assert_true(drained);
    assert_redis_holds_the_newest(b);
}

/* No assertion on speed, which is the machine's; docs/scaling.md has the figure. */
static void the_rate_of_lists_of_ten_is_told(void **state) {
    struct bench *b = *state;
    enum { RECS = 100000 };
    int64_t begin = now_ms(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < RECS;) {
        if (push_list(b, i % USERS)) {
            i++;
        } else {
            nap();
        }
    }
    WAIT_FOR(publisher_idle(b->p));
    int64_t took = now_ms(CLOCK_MONOTONIC) - begin;
    assert_true(metric_value(M_PUBLISHED, 0) == RECS);
    print_message("%d lists of 10 in %lld ms: %lld lists/s; from record to reply p50 %.0f ms\n",
                  (int)RECS, (long long)took, (long long)RECS * 1000 / (took > 0 ? took : 1),
                  metric_quantile(M_EVENT_TO_REDIS, 0, 0.5) * 1e3);
    assert_redis_holds_the_newest(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    redis_fixture_require();
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_is_killed_and_comes_back_empty_ends_with_every_newest_rec),
        TEST(kills_in_quick_succession_end_with_every_newest_rec),
        TEST(flushall_on_the_live_connection_is_noticed_and_repaired),
        TEST(flushall_is_noticed_within_a_second_or_two_while_lists_alone_flow),
        TEST(script_flush_while_recs_flow_is_not_noticed),
        TEST(a_frozen_server_is_waited_for_and_nothing_counts_as_lost),
        TEST(out_of_memory_is_waited_for),
        TEST(a_zombie_is_fenced_and_told_of_the_newer_epoch),
        TEST(stopping_drains_what_was_pushed),
        TEST(the_rate_of_lists_of_ten_is_told),
    };
    return cmocka_run_group_tests_name("publisher over redis", tests, NULL, NULL);
}
