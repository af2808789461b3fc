/* SPDX-License-Identifier: Apache-2.0
 *
 * test_publisher.c -- contract tests of consumer/publisher.h over a store in memory.
 *
 * The publisher's thread is waited for by conditions with a deadline, never by sleeping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_store.h"
#include "log.h"
#include "metrics.h"
#include "publisher.h"
#include "trigger.h"

enum { DEADLINE_MS = 10000, EPOCH = 100 };

struct bench {
    struct config config;
    struct fake_store fake;
    struct publisher *p;
    uint64_t seq;
};

static int64_t now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

/* Waits for a condition; fails the test at the deadline. */
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

static void start(struct bench *b) {
    struct store store = fake_store(&b->fake);
    assert_int_equal(publisher_start(&b->config, &store, &b->p), ST_OK);
}

static int setup_stopped(void **state) {
    static const char *const DOMAINS[] = {"course", "food"};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->config.n_domains = 2;
    b->config.n_topics = 1;
    b->config.list_n = 3;
    b->config.segments_k = 8;
    b->config.publish_ttl_ms = 60000;
    strcpy(b->config.redis_prefix, "x");
    strcpy(b->config.redis_address, "fake");
    strcpy(b->config.domains[0].name, DOMAINS[0]);
    strcpy(b->config.domains[1].name, DOMAINS[1]);
    strcpy(b->config.topics[0].name, "orders");
    fake_store_init(&b->fake);
    log_set_level(LOG_LEVEL_ERROR + 1);
    metrics_reset();
    assert_int_equal(metrics_label(M_PUBLISHED, DOMAINS, 2), ST_OK);
    *state = b;
    return 0;
}

static int setup(void **state) {
    setup_stopped(state);
    start(*state);
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    publisher_stop(b->p, 0);
    fake_store_free(&b->fake);
    free(b);
    return 0;
}

static void stop(struct bench *b) {
    bool drained = publisher_stop(b->p, DEADLINE_MS);
    b->p = NULL; /* gone, also when the assertion fails */
    assert_true(drained);
}

/* Fills the next rec, waiting for a place. */
static struct rec *next_rec(struct bench *b, enum rec_kind kind, int32_t task) {
    struct rec *r = NULL;
    WAIT_FOR((r = publisher_reserve(b->p)) != NULL);
    *r = (struct rec){.kind = (uint8_t)kind, .task = task, .epoch = EPOCH, .segment = -1};
    r->seq = ++b->seq;
    return r;
}

static void push_list(struct bench *b, const char *user) {
    struct rec *r = next_rec(b, REC_LIST, 0);
    r->target = 1;
    r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "%s", user);
    r->items[0] = (struct rec_item){.id = "pizza", .id_len = 5, .score = 1.0F};
    r->n = 1;
    publisher_push(b->p);
}

static void push(struct bench *b, enum rec_kind kind, int32_t task) {
    next_rec(b, kind, task);
    publisher_push(b->p);
}

static void settle(struct bench *b) {
    WAIT_FOR(publisher_idle(b->p));
}

static int locked_int(struct fake_store *f, const int *field) {
    pthread_mutex_lock(&f->lock);
    int v = *field;
    pthread_mutex_unlock(&f->lock);
    return v;
}

static void set_error(struct bench *b, const char *error, const char *key) {
    pthread_mutex_lock(&b->fake.lock);
    b->fake.error = error;
    b->fake.error_key = key;
    pthread_mutex_unlock(&b->fake.lock);
}

static void set_connect(struct bench *b, enum status st) {
    pthread_mutex_lock(&b->fake.lock);
    b->fake.connect_status = st;
    pthread_mutex_unlock(&b->fake.lock);
}

static struct publisher_ack next_ack(struct bench *b) {
    struct publisher_ack ack = {0};
    WAIT_FOR(publisher_ack_next(b->p, &ack));
    return ack;
}

/* ---- writing ------------------------------------------------------------------------ */

static void each_kind_is_written_under_its_key_with_its_ttl(void **state) {
    struct bench *b = *state;
    push_list(b, "u1");
    push(b, REC_FALLBACK, 0);
    push(b, REC_INFO, 0);
    push(b, REC_PUBLISHED, 4);
    settle(b);
    struct fake_key list = fake_get(&b->fake, "x:food:rec:u1");
    assert_int_equal(list.writes, 1);
    assert_int_equal(list.ttl_ms, 60000);
    assert_int_equal(list.epoch, EPOCH);
    assert_int_equal(list.seq, 1);
    assert_non_null(strstr(list.value, "\"rec\":\"0-100-1\""));
    assert_non_null(strstr(list.value, "pizza"));
    assert_int_equal(fake_get(&b->fake, "x:course:fallback").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:course:fallback").ttl_ms, 0);
    assert_int_equal(fake_get(&b->fake, "x:course:info").ttl_ms, 0);
    assert_int_equal(fake_get(&b->fake, "x:course:info").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:published:4").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:published:4").ttl_ms, 0);
}

static void a_touch_only_moves_the_expiry(void **state) {
    struct bench *b = *state;
    push_list(b, "u1");
    struct rec *r = next_rec(b, REC_TOUCH, 0);
    r->target = 1;
    r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "u1");
    publisher_push(b->p);
    settle(b);
    struct fake_key k = fake_get(&b->fake, "x:food:rec:u1");
    assert_int_equal(k.writes, 1);
    assert_int_equal(k.touches, 1);
    assert_int_equal(k.ttl_ms, 60000);
    assert_true(metric_value(M_PUBLISHED, 1) == 1.0);
}

static void recs_are_written_in_the_order_in_which_they_were_pushed(void **state) {
    struct bench *b = *state;
    char user[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "u%d", i);
        push_list(b, user);
    }
    settle(b);
    for (int i = 0; i < 1000; i++) {
        snprintf(user, sizeof user, "x:food:rec:u%d", i);
        assert_int_equal(fake_get(&b->fake, user).order, i + 1);
    }
    assert_true(b->fake.max_pipeline <= PUBLISHER_PIPELINE);
}

static void lists_and_their_latency_are_counted_once_by_domain(void **state) {
    struct bench *b = *state;
    for (int i = 0; i < 5; i++) {
        struct rec *r = next_rec(b, REC_LIST, 0);
        r->target = 1;
        r->record_ms = i == 0 ? 0 : now_ms(CLOCK_REALTIME) - 3000;
        r->user_id_len = 1;
        r->user_id[0] = (char)('a' + i);
        publisher_push(b->p);
    }
    push(b, REC_PUBLISHED, 0);
    settle(b);
    assert_true(metric_value(M_PUBLISHED, 1) == 5.0);
    assert_true(metric_value(M_PUBLISHED, 0) == 0.0);
    assert_true(metric_value(M_EVENT_TO_REDIS, 0) == 4.0); /* record_ms 0: no event behind it */
    double median = metric_quantile(M_EVENT_TO_REDIS, 0, 0.5);
    assert_true(median > 2.0 && median < 4.2); /* the bucket that holds 3 s */
}

static void a_pipeline_is_bounded_in_bytes(void **state) {
    struct bench *b = *state;
    static char id[ID_LEN_MAX + 1];
    publisher_stop(b->p, 0);
    b->config.list_n = 100;
    pthread_mutex_lock(&b->fake.lock); /* nothing is sent before all is pushed */
    b->fake.connected = false;
    b->fake.connect_status = ST_AGAIN;
    pthread_mutex_unlock(&b->fake.lock);
    start(b);
    memset(id, 1, ID_LEN_MAX);
    for (int u = 0; u < 100; u++) {
        struct rec *r = next_rec(b, REC_LIST, 0);
        r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "%d", u);
        for (r->n = 0; r->n < 100; r->n++) {
            r->items[r->n] = (struct rec_item){.id = id, .id_len = ID_LEN_MAX};
        }
        publisher_push(b->p);
    }
    set_connect(b, ST_OK);
    settle(b);
    assert_true(b->fake.max_bytes > 500000);
    assert_true(b->fake.max_bytes <= (1U << 20) + rec_value_max(&b->config));
}

/* ---- connection breaks ---------------------------------------------------------------- */

static void a_broken_pipeline_is_sent_again_from_the_first_unanswered(void **state) {
    struct bench *b = *state;
    fake_disconnect(&b->fake);
    publisher_stop(b->p, 0);
    b->fake.connect_status = ST_AGAIN;
    b->fake.break_after = 7;
    b->fake.lost_writes = true;
    start(b);
    char user[32];
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof user, "u%d", i);
        push_list(b, user);
    }
    set_connect(b, ST_OK);
    settle(b);
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof user, "x:food:rec:u%d", i);
        assert_int_equal(fake_get(&b->fake, user).writes, 1); /* the first seven not again */
    }
    assert_true(metric_value(M_PUBLISHED, 1) == 20.0);
    assert_true(metric_value(M_REDIS_ERRORS, 0) >= 1.0);
}

static void an_own_newer_value_is_no_fence_when_a_pipeline_is_sent_again(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN;
    b->fake.break_after = 0; /* all executed, nothing answered */
    start(b);
    push_list(b, "u1");
    push_list(b, "u1");
    set_connect(b, ST_OK);
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").seq, 2);
    assert_true(metric_value(M_REFUSED, 0) == 0.0);
    assert_true(metric_value(M_PUBLISHED, 1) == 2.0);
    struct publisher_ack ack;
    assert_false(publisher_ack_next(b->p, &ack));
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

/* Breaks in arbitrary places, executed or not, must leave the newest value at every key. */
static void breaks_in_arbitrary_places_lose_nothing(void **state) {
    struct bench *b = *state;
    enum { USERS = 50, RECS = 3000 };
    uint64_t newest[USERS] = {0};
    char user[32];
    uint64_t seed = 7;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < RECS; i++) {
        if (i % 300 == 150) {
            pthread_mutex_lock(&b->fake.lock);
            b->fake.break_after = (int)(next_random(&seed) % 20);
            b->fake.lost_writes = next_random(&seed) % 2;
            pthread_mutex_unlock(&b->fake.lock);
        }
        uint32_t u = next_random(&seed) % USERS;
        snprintf(user, sizeof user, "u%u", u);
        push_list(b, user);
        newest[u] = b->seq;
    }
    settle(b);
    for (uint32_t u = 0; u < USERS; u++) {
        snprintf(user, sizeof user, "x:food:rec:u%u", u);
        assert_int_equal(fake_get(&b->fake, user).seq, newest[u]);
    }
    assert_true(metric_value(M_PUBLISHED, 1) == RECS);
    assert_true(metric_value(M_REFUSED, 0) == 0.0); /* own newer values are no fence */
    struct publisher_ack ack;
    assert_false(publisher_ack_next(b->p, &ack));
    assert_true(publisher_losses(b->p) == 0);
}

static void an_away_store_is_asked_ever_more_rarely(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN;
    int64_t begin = now_ms(CLOCK_MONOTONIC);
    start(b);
    push_list(b, "u1");
    char why[64] = "";
    WAIT_FOR(locked_int(&b->fake, &b->fake.connects) >= 4); /* after 0, 50, 150, 350 ms */
    int64_t took = now_ms(CLOCK_MONOTONIC) - begin;
    assert_true(took >= 350);
    assert_true(locked_int(&b->fake, &b->fake.connects) <= 5);
    assert_false(publisher_connected(b->p, why, sizeof why));
    assert_string_equal(why, "nobody listens");
    assert_true(metric_value(M_REDIS_UP, 0) == 0.0);
    assert_false(publisher_idle(b->p));
    set_connect(b, ST_OK);
    settle(b);
    WAIT_FOR(publisher_connected(b->p, why, sizeof why));
    assert_true(metric_value(M_REDIS_UP, 0) == 1.0);
}

static void a_hopeless_connection_says_why_and_is_tried_again_after_two_seconds(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_INVALID;
    start(b);
    char why[64] = "";
    WAIT_FOR(!publisher_connected(b->p, why, sizeof why) && strcmp(why, "wrong password") == 0);
    int64_t begin = now_ms(CLOCK_MONOTONIC);
    set_connect(b, ST_OK);
    WAIT_FOR(publisher_connected(b->p, why, sizeof why));
    int64_t took = now_ms(CLOCK_MONOTONIC) - begin;
    assert_true(took >= 1500 && took < 4000);
}

/* ---- refusals ------------------------------------------------------------------------- */

static void a_refused_write_is_tried_until_it_is_taken(void **state) {
    struct bench *b = *state;
    set_error(b, "OOM command not allowed when used memory > 'maxmemory'.", NULL);
    push_list(b, "u1");
    char why[128] = "";
    WAIT_FOR(!publisher_connected(b->p, why, sizeof why) && strncmp(why, "OOM", 3) == 0);
    assert_false(publisher_idle(b->p));
    assert_true(metric_value(M_REDIS_ERRORS, 0) >= 1.0);
    assert_true(metric_value(M_REDIS_UP, 0) == 1.0); /* connected it is */
    set_error(b, NULL, NULL);
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").writes, 1);
    WAIT_FOR(publisher_connected(b->p, why, sizeof why));
}

static void a_refused_write_holds_back_what_comes_after_it(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN; /* so that the lists go into one pipeline */
    b->fake.error = "NOPERM this user has no permissions";
    b->fake.error_key = "rec:u2";
    start(b);
    push_list(b, "u1");
    push_list(b, "u2");
    push_list(b, "u3");
    push(b, REC_PUBLISHED, 0);
    set_connect(b, ST_OK);
    char why[128] = "";
    WAIT_FOR(!publisher_connected(b->p, why, sizeof why) && strncmp(why, "NOPERM", 6) == 0);
    assert_int_equal(fake_get(&b->fake, "x:published:0").writes, 0);
    assert_true(metric_value(M_PUBLISHED, 1) == 1.0); /* u3 waits for u2 */
    set_error(b, NULL, NULL);
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u2").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:published:0").writes, 1);
    assert_true(metric_value(M_PUBLISHED, 1) == 3.0);
}

static void a_write_that_can_never_work_is_left_out_and_counted(void **state) {
    struct bench *b = *state;
    set_error(b, "WRONGTYPE Operation against a key holding the wrong kind of value", "rec:u2");
    push_list(b, "u1");
    push_list(b, "u2");
    push_list(b, "u3");
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u3").writes, 1);
    assert_true(metric_value(M_REDIS_ERRORS, 0) == 1.0);
    assert_true(metric_value(M_PUBLISHED, 1) == 2.0);
}

static void a_write_that_the_store_cannot_carry_is_left_out(void **state) {
    struct bench *b = *state;
    pthread_mutex_lock(&b->fake.lock);
    b->fake.put_status = ST_RANGE;
    b->fake.error_key = "rec:u2";
    pthread_mutex_unlock(&b->fake.lock);
    push_list(b, "u1");
    push_list(b, "u2");
    push_list(b, "u3");
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").writes, 1);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u2").writes, 0);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u3").writes, 1);
    assert_true(metric_value(M_REDIS_ERRORS, 0) == 1.0);
}

/* ---- published, takeover, fence ------------------------------------------------------- */

static void published_is_sent_only_when_everything_before_is_answered(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN; /* so that all of it would fit into one pipeline */
    start(b);
    push_list(b, "u1");
    push(b, REC_PUBLISHED, 1);
    push(b, REC_PUBLISHED, 2);
    push_list(b, "u2");
    push(b, REC_PUBLISHED, 3);
    set_connect(b, ST_OK);
    settle(b);
    int u1 = fake_get(&b->fake, "x:food:rec:u1").flush;
    int u2 = fake_get(&b->fake, "x:food:rec:u2").flush;
    int p1 = fake_get(&b->fake, "x:published:1").flush;
    assert_true(u1 < p1);
    assert_int_equal(p1, fake_get(&b->fake, "x:published:2").flush); /* they share one */
    assert_true(u2 < fake_get(&b->fake, "x:published:3").flush);
}

static void a_takeover_is_answered_with_the_epoch_of_published(void **state) {
    struct bench *b = *state;
    fake_set(&b->fake, "x:published:5",
             "{\"version\":[77,3],\"offsets\":{\"food-orders\":12},\"refreshed\":9}", 77, 3);
    fake_set(&b->fake, "x:published:6", "no version", 0, 0);
    push(b, REC_TAKEOVER, 5);
    push(b, REC_TAKEOVER, 6);
    push(b, REC_TAKEOVER, 7);
    static const struct publisher_ack EXPECTED[] = {
        {.epoch = 77, .task = 5}, {.task = 6}, {.task = 7}};
    for (int i = 0; i < 3; i++) {
        struct publisher_ack ack = next_ack(b);
        assert_int_equal(ack.kind, ACK_EPOCH);
        assert_int_equal(ack.task, EXPECTED[i].task);
        assert_int_equal(ack.epoch, EXPECTED[i].epoch);
        assert_int_equal(ack.published.known, i == 0);
        for (uint32_t t = 0; t < b->config.n_topics; t++) {
            const bool food = i == 0 && strcmp(b->config.topics[t].name, "food-orders") == 0;
            assert_int_equal(ack.published.offsets[t], food ? 12 : -1);
        }
        assert_int_equal(ack.published.refreshed_ms, i == 0 ? 9 : 0);
    }
    settle(b);
    assert_true(publisher_losses(b->p) == 0);
}

static void a_takeover_waits_for_the_connection_and_for_what_was_pushed_before(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN;
    start(b);
    push(b, REC_PUBLISHED, 5);
    push(b, REC_TAKEOVER, 5);
    WAIT_FOR(locked_int(&b->fake, &b->fake.connects) >= 2);
    struct publisher_ack ack;
    assert_false(publisher_ack_next(b->p, &ack));
    set_connect(b, ST_OK);
    assert_int_equal(next_ack(b).epoch, EPOCH);
}

static void a_newer_owner_is_told_once_an_epoch_and_each_refusal_counted(void **state) {
    struct bench *b = *state;
    fake_set(&b->fake, "x:food:rec:u1", "z", EPOCH + 2, 0);
    fake_set(&b->fake, "x:food:rec:u2", "z", EPOCH + 1, 0);
    fake_set(&b->fake, "x:food:rec:u3", "z", EPOCH + 3, 0);
    push_list(b, "u1");
    push_list(b, "u2"); /* older than what was told */
    push_list(b, "u1");
    push_list(b, "u3");
    push_list(b, "u4");
    settle(b);
    struct publisher_ack first = next_ack(b);
    struct publisher_ack second = next_ack(b);
    assert_int_equal(first.kind, ACK_FENCED);
    assert_int_equal(first.epoch, EPOCH + 2);
    assert_int_equal(first.task, 0);
    assert_int_equal(second.epoch, EPOCH + 3);
    assert_false(publisher_ack_next(b->p, &first));
    assert_true(metric_value(M_REFUSED, 0) == 4.0);
    assert_true(metric_value(M_PUBLISHED, 1) == 1.0);
    push(b, REC_TAKEOVER, 0); /* begins anew */
    push_list(b, "u1");
    assert_int_equal(next_ack(b).kind, ACK_EPOCH);
    assert_int_equal(next_ack(b).kind, ACK_FENCED);
}

static void acknowledgements_that_nobody_reads_are_kept_for_later(void **state) {
    struct bench *b = *state;
    enum { TASKS = 1500 };
    fake_set(&b->fake, "x:food:rec:u1", "z", EPOCH + 2, 0);
    for (int t = 0; t < TASKS; t++) {
        struct rec *r = next_rec(b, REC_LIST, t);
        r->target = 1;
        r->user_id_len = (uint16_t)snprintf(r->user_id, sizeof r->user_id, "u1");
        publisher_push(b->p);
    }
    WAIT_FOR(metric_value(M_REFUSED, 0) >= 1000.0);
    assert_false(publisher_idle(b->p));
    for (int t = 0; t < TASKS; t++) {
        assert_int_equal(next_ack(b).task, t);
    }
    settle(b);
    assert_true(metric_value(M_REFUSED, 0) == TASKS);
}

/* ---- losses --------------------------------------------------------------------------- */

static void the_first_connection_is_no_loss_and_another_server_is_one(void **state) {
    struct bench *b = *state;
    push_list(b, "u1");
    settle(b);
    assert_true(publisher_losses(b->p) == 0);
    fake_disconnect(&b->fake);
    push_list(b, "u2");
    settle(b);
    assert_true(publisher_losses(b->p) == 0); /* the same server again */
    pthread_mutex_lock(&b->fake.lock);
    b->fake.fresh = true;
    b->fake.connected = false;
    pthread_mutex_unlock(&b->fake.lock);
    push_list(b, "u3");
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
}

static void flushall_is_noticed_by_published_and_counted_once(void **state) {
    struct bench *b = *state;
    for (int32_t t = 0; t < 5; t++) {
        push(b, REC_PUBLISHED, t);
    }
    settle(b);
    for (int32_t t = 0; t < 5; t++) {
        push(b, REC_PUBLISHED, t);
    }
    settle(b);
    assert_true(publisher_losses(b->p) == 0);
    fake_flushall(&b->fake);
    for (int32_t t = 0; t < 5; t++) {
        push(b, REC_PUBLISHED, t);
    }
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
    for (int32_t t = 0; t < 5; t++) {
        push(b, REC_PUBLISHED, t);
    }
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
    fake_flushall(&b->fake);
    push(b, REC_PUBLISHED, 3);
    settle(b);
    assert_true(publisher_losses(b->p) == 2);
}

static void an_older_published_is_a_loss_and_a_newer_one_is_none(void **state) {
    struct bench *b = *state;
    push(b, REC_PUBLISHED, 0);
    settle(b);
    /* An old dump was loaded. */
    fake_set(&b->fake, "x:published:0", "{\"version\":[99,500],", 99, 500);
    push(b, REC_PUBLISHED, 0);
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
    /* An answer got lost: what stands there is what is sent again. */
    fake_set(&b->fake, "x:published:0", "{\"version\":[100,3],", 100, 3);
    push(b, REC_PUBLISHED, 0);
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
    fake_set(&b->fake, "x:published:0", "rubbish", 0, 0);
    push(b, REC_PUBLISHED, 0);
    settle(b);
    assert_true(publisher_losses(b->p) == 2);
}

static void what_a_takeover_read_must_not_be_gone_at_the_first_write(void **state) {
    struct bench *b = *state;
    fake_set(&b->fake, "x:published:0", "{\"version\":[77,3],", 77, 3);
    push(b, REC_TAKEOVER, 0);
    settle(b);
    fake_flushall(&b->fake);
    push(b, REC_PUBLISHED, 0);
    settle(b);
    assert_true(publisher_losses(b->p) == 1);
}

static void flushall_is_noticed_also_when_there_is_nothing_to_write(void **state) {
    struct bench *b = *state;
    push(b, REC_PUBLISHED, 0);
    settle(b);
    fake_flushall(&b->fake);
    WAIT_FOR(publisher_losses(b->p) == 1);
    int gets = locked_int(&b->fake, &b->fake.gets);
    assert_true(gets <= 3); /* once a second */
    WAIT_FOR(locked_int(&b->fake, &b->fake.gets) > gets);
    assert_true(publisher_losses(b->p) == 1); /* once */
}

static void a_restart_is_noticed_also_when_there_is_nothing_to_write(void **state) {
    struct bench *b = *state;
    WAIT_FOR(locked_int(&b->fake, &b->fake.connects) == 1);
    pthread_mutex_lock(&b->fake.lock);
    b->fake.fresh = true;
    b->fake.connected = false;
    pthread_mutex_unlock(&b->fake.lock);
    WAIT_FOR(publisher_losses(b->p) == 1);
}

/* ---- the queue, time, stopping -------------------------------------------------------- */

static void a_full_queue_has_no_place_and_loses_nothing(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN;
    start(b);
    assert_true(publisher_idle(b->p));
    assert_int_equal(publisher_room(b->p), PUBLISHER_QUEUE);
    for (int i = 0; i < PUBLISHER_QUEUE; i++) {
        assert_non_null(publisher_reserve(b->p));
        push_list(b, "u1");
    }
    assert_null(publisher_reserve(b->p));
    assert_int_equal(publisher_room(b->p), 0);
    set_connect(b, ST_OK);
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").writes, PUBLISHER_QUEUE);
    assert_int_equal(publisher_room(b->p), PUBLISHER_QUEUE);
}

static void an_idle_publisher_wakes_at_once_and_does_not_spin(void **state) {
    struct bench *b = *state;
    int64_t sum = 0;
    for (int i = 0; i < 50; i++) {
        for (int k = 0; k < 4; k++) {
            nap(); /* let it fall asleep */
        }
        int64_t begin = now_ms(CLOCK_MONOTONIC);
        push_list(b, "u1");
        settle(b);
        sum += now_ms(CLOCK_MONOTONIC) - begin;
    }
    assert_true(sum / 50 < 50); /* PROBE_MS or a back-off would show */
    assert_true(locked_int(&b->fake, &b->fake.flushes) <= 50);
}

static void stopping_drains_the_queue(void **state) {
    struct bench *b = *state;
    for (int i = 0; i < 2000; i++) {
        push_list(b, "u1");
    }
    stop(b);
    assert_int_equal(fake_get(&b->fake, "x:food:rec:u1").seq, 2000);
}

static void stopping_gives_up_in_time_when_the_store_is_away(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_INVALID; /* it waits two seconds between attempts */
    start(b);
    push_list(b, "u1");
    WAIT_FOR(locked_int(&b->fake, &b->fake.connects) >= 1);
    int64_t begin = now_ms(CLOCK_MONOTONIC);
    bool drained = publisher_stop(b->p, 200);
    b->p = NULL;
    int64_t took = now_ms(CLOCK_MONOTONIC) - begin;
    assert_false(drained);
    assert_true(took >= 190 && took < 1900);
    took = INT64_MAX;
    for (int k = 0; k < 3 && took >= 1500; k++) { /* the machine may be busy: once is enough */
        start(b);
        begin = now_ms(CLOCK_MONOTONIC);
        stop(b); /* nothing to drain: at once */
        took = now_ms(CLOCK_MONOTONIC) - begin;
    }
    assert_true(took < 1500);
}

/* ---- triggers --------------------------------------------------------------------------- */

/* Of task 3, for target 0, with the id (ms, 0), behind the one with (after, 0). */
static void push_trigger(struct bench *b, uint64_t after, uint64_t ms, uint32_t generation) {
    const struct trigger t = {.id = {.ms = ms},
                              .partition = 3,
                              .score = (double)NAN,
                              .name = trigger_text("n"),
                              .target = trigger_text("course"),
                              .user = trigger_text("u")};
    struct pack p = {0};
    trigger_write(&t, &p);
    assert_false(p.failed);
    struct rec *r = next_rec(b, REC_TRIGGER, 3);
    r->epoch = ms;
    r->seq = 0;
    r->after_ms = after;
    r->generation = generation;
    r->trigger = p.bytes;
    r->trigger_len = p.len;
    publisher_push(b->p);
}

static void triggers_become_entries_in_order_and_a_missing_one_is_told(void **state) {
    struct bench *b = *state;
    push_trigger(b, 0, 10, 1);
    push_trigger(b, 10, 20, 1);
    push_trigger(b, 10, 20, 1); /* again: it is there */
    settle(b);
    assert_string_equal(fake_get(&b->fake, "x:course:triggers:3").value,
                        "10-0 3-10-0;20-0 3-20-0;");
    assert_int_equal(metric_value(M_TRIGGERS_RELAYED, 0), 2);
    fake_flushall(&b->fake);
    push_trigger(b, 20, 30, 1);
    push_trigger(b, 30, 40, 1);
    for (int k = 0; k < 2; k++) {
        const struct publisher_ack ack = next_ack(b);
        assert_int_equal(ack.kind, ACK_GAP);
        assert_int_equal(ack.task, 3);
        assert_int_equal(ack.target, 0);
        assert_int_equal(ack.generation, 1);
    }
    settle(b);
    assert_int_equal(fake_get(&b->fake, "x:course:triggers:3").writes, 0);
    push_trigger(b, 0, 20, 2); /* begun anew */
    push_trigger(b, 20, 30, 2);
    settle(b);
    assert_string_equal(fake_get(&b->fake, "x:course:triggers:3").value,
                        "20-0 3-20-0;30-0 3-30-0;");
    assert_int_equal(metric_value(M_TRIGGERS_RELAYED, 0), 4);
}

static void the_last_id_of_a_stream_is_told_behind_what_was_pushed_before(void **state) {
    struct bench *b = *state;
    push(b, REC_STREAM, 3);
    push_trigger(b, 0, 77, 1);
    struct rec *r = next_rec(b, REC_STREAM, 3);
    r->generation = 9;
    publisher_push(b->p);
    struct publisher_ack ack = next_ack(b);
    assert_int_equal(ack.kind, ACK_STREAM);
    assert_int_equal(ack.epoch, 0);
    ack = next_ack(b);
    assert_int_equal(ack.kind, ACK_STREAM);
    assert_int_equal(ack.epoch, 77);
    assert_int_equal(ack.generation, 9);
    settle(b);
}

/* asan: they are freed. */
static void triggers_that_nobody_took_are_freed(void **state) {
    struct bench *b = *state;
    b->fake.connect_status = ST_AGAIN;
    start(b);
    push_trigger(b, 0, 10, 1);
    push_trigger(b, 10, 20, 1);
    assert_false(publisher_stop(b->p, 50));
    b->p = NULL;
}

static void stopping_null_is_allowed(void **state) {
    (void)state;
    assert_true(publisher_stop(NULL, 1000));
}

#define TEST(f)         cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_STOPPED(f) cmocka_unit_test_setup_teardown(f, setup_stopped, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_kind_is_written_under_its_key_with_its_ttl),
        TEST(a_touch_only_moves_the_expiry),
        TEST(recs_are_written_in_the_order_in_which_they_were_pushed),
        TEST(lists_and_their_latency_are_counted_once_by_domain),
        TEST(a_pipeline_is_bounded_in_bytes),
        TEST(a_broken_pipeline_is_sent_again_from_the_first_unanswered),
        TEST_STOPPED(an_own_newer_value_is_no_fence_when_a_pipeline_is_sent_again),
        TEST(breaks_in_arbitrary_places_lose_nothing),
        TEST_STOPPED(an_away_store_is_asked_ever_more_rarely),
        TEST_STOPPED(a_hopeless_connection_says_why_and_is_tried_again_after_two_seconds),
        TEST(a_refused_write_is_tried_until_it_is_taken),
        TEST_STOPPED(a_refused_write_holds_back_what_comes_after_it),
        TEST(a_write_that_can_never_work_is_left_out_and_counted),
        TEST(a_write_that_the_store_cannot_carry_is_left_out),
        TEST_STOPPED(published_is_sent_only_when_everything_before_is_answered),
        TEST(a_takeover_is_answered_with_the_epoch_of_published),
        TEST_STOPPED(a_takeover_waits_for_the_connection_and_for_what_was_pushed_before),
        TEST(a_newer_owner_is_told_once_an_epoch_and_each_refusal_counted),
        TEST(acknowledgements_that_nobody_reads_are_kept_for_later),
        TEST(the_first_connection_is_no_loss_and_another_server_is_one),
        TEST(flushall_is_noticed_by_published_and_counted_once),
        TEST(an_older_published_is_a_loss_and_a_newer_one_is_none),
        TEST(what_a_takeover_read_must_not_be_gone_at_the_first_write),
        TEST(flushall_is_noticed_also_when_there_is_nothing_to_write),
        TEST(a_restart_is_noticed_also_when_there_is_nothing_to_write),
        TEST_STOPPED(a_full_queue_has_no_place_and_loses_nothing),
        TEST(an_idle_publisher_wakes_at_once_and_does_not_spin),
        TEST(triggers_become_entries_in_order_and_a_missing_one_is_told),
        TEST(the_last_id_of_a_stream_is_told_behind_what_was_pushed_before),
        TEST_STOPPED(triggers_that_nobody_took_are_freed),
        TEST(stopping_drains_the_queue),
        TEST_STOPPED(stopping_gives_up_in_time_when_the_store_is_away),
        TEST(stopping_null_is_allowed),
    };
    return cmocka_run_group_tests_name("publisher", tests, NULL, NULL);
}
