/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_outbox.c -- committed triggers on their way to a stream, on a log and a store in
 * memory: what is in the log is in the stream, once and in order, whatever happens in between.
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

#include "fake_store.h"
#include "instance_state.h"
#include "log.h"
#include "metrics.h"
#include "running.h"

enum { RECORDS = 4096, STREAM = 1, TASK = 0 };

static const char KEY[] = "x:food:triggers:0";

struct bench {
    struct config cfg;
    struct instance in;
    struct durable durable;
    struct fake_store store;
    struct store port;
    /* the outbox partition: a trigger at each offset; 0: a commit marker */
    uint64_t id[RECORDS];
    bool expired[RECORDS];
    int64_t low, high, position, added;
    bool away;
    int n_added;
    void (*on_poll)(struct bench *b); /* once */
    uint8_t bytes[RECORDS][128];
};

/* ---- the log --------------------------------------------------------------------------------- */

static enum status log_bounds(void *ctx, int32_t partition, struct log_bounds *out) {
    struct bench *b = ctx;
    assert_int_equal(partition, TASK);
    *out = (struct log_bounds){.low = b->low, .stable = b->high, .high = b->high};
    return b->away ? ST_AGAIN : ST_OK;
}

static enum status log_add(void *ctx, int32_t partition, int64_t from) {
    struct bench *b = ctx;
    assert_int_equal(partition, TASK);
    if (from < b->low || from > b->high) {
        return ST_RANGE;
    }
    b->position = b->added = from;
    b->n_added++;
    return ST_OK;
}

static void log_remove(void *ctx, int32_t partition) {
    struct bench *b = ctx;
    assert_int_equal(partition, TASK);
    b->position = -1;
}

static struct trigger trigger_at(const struct bench *b, int64_t offset) {
    return (struct trigger){.id = {.ms = b->id[offset]},
                            .partition = TASK,
                            .expires_ms = b->expired[offset] ? 1 : INT64_MAX,
                            .score = (double)NAN,
                            .name = trigger_text("t"),
                            .target = trigger_text("food"),
                            .user = trigger_text("u")};
}

static size_t log_poll(void *ctx, struct record *out, size_t max, int timeout_ms) {
    struct bench *b = ctx;
    (void)timeout_ms;
    size_t n = 0;
    for (; b->position >= 0 && b->position < b->high && n < max && n < 100; b->position++) {
        const int64_t at = b->position;
        if (b->id[at] == 0) {
            continue;
        }
        const struct trigger t = trigger_at(b, at);
        struct pack p = {0};
        trigger_write(&t, &p);
        assert_true(p.len <= sizeof b->bytes[at]);
        memcpy(b->bytes[at], p.bytes, p.len);
        out[n++] = (struct record){
            .offset = at, .key = "u", .key_len = 1, .value = b->bytes[at], .value_len = p.len};
        free(p.bytes);
    }
    if (b->on_poll) {
        void (*f)(struct bench *) = b->on_poll;
        b->on_poll = NULL;
        f(b);
    }
    return n;
}

static int64_t log_position(void *ctx, int32_t partition) {
    (void)partition;
    return ((struct bench *)ctx)->position;
}

static enum status log_look(void *ctx, int32_t partition) {
    const struct bench *b = ctx;
    (void)partition;
    return b->position < 0 ? ST_NOT_FOUND : b->position < b->low ? ST_RANGE : ST_OK;
}

/* ---- the bench ------------------------------------------------------------------------------- */

static struct place *place_of(struct bench *b) {
    return &b->in.places[TASK];
}

static int setup(void **state) {
    static const char *const names[] = {"t"};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    config_defaults(&b->cfg);
    snprintf(b->cfg.redis_prefix, sizeof b->cfg.redis_prefix, "x");
    b->cfg.n_triggers = 1;
    b->cfg.triggers[0] = (struct config_trigger){.name = "t", .target = STREAM};
    log_set_level(LOG_LEVEL_ERROR + 1);
    metrics_reset();
    assert_int_equal(metrics_label(M_TRIGGERS, names, 1), ST_OK);
    fake_store_init(&b->store);
    b->port = fake_store(&b->store);
    b->in.cfg = &b->cfg;
    b->in.durable = &b->durable;
    b->in.places = calloc(LEARNER_TASKS_MAX, sizeof *b->in.places);
    b->in.n_places = 1;
    b->in.ports.outbox = (struct log_port){.add = log_add,
                                           .remove = log_remove,
                                           .poll = log_poll,
                                           .position = log_position,
                                           .look = log_look,
                                           .bounds = log_bounds,
                                           .ctx = b};
    b->position = -1;
    place_of(b)->exists = true;
    assert_int_equal(people_new(&b->in.people), ST_OK);
    assert_int_equal(publisher_start(&b->cfg, &b->port, &b->in.publisher), ST_OK);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    publisher_stop(b->in.publisher, 0);
    outbox_free(&place_of(b)->outbox);
    people_free(b->in.people);
    fake_store_free(&b->store);
    free(b->in.places);
    free(b);
    return 0;
}

/* So many committed triggers more, and a marker. */
static void log_grows(struct bench *b, int n) {
    for (int k = 0; k < n; k++) {
        b->id[b->high] = 1000 + (uint64_t)b->high;
        b->high++;
    }
    b->high++;
}

/* As the loop does it. */
static void turn(struct bench *b) {
    struct publisher_ack a;
    b->in.now_ms = instance_mono_ms();
    while (publisher_ack_next(b->in.publisher, &a)) {
        if (a.kind == ACK_STREAM || a.kind == ACK_GAP) {
            instance_outbox_ack(&b->in, place_of(b), &a);
        }
    }
    instance_outbox_take(&b->in);
    assert_int_equal(b->in.fatal, ST_OK);
}

static bool is_live(struct bench *b) {
    turn(b);
    return instance_outbox_settled(&b->in, place_of(b)) && publisher_idle(b->in.publisher);
}

static bool is_found(struct bench *b) {
    turn(b);
    return instance_outbox_restored(&b->in, place_of(b));
}

static void take_over(struct bench *b) {
    instance_outbox_begin(&b->in, place_of(b));
    AWAIT(is_found(b));
    instance_outbox_run(&b->in, place_of(b));
}

/* A batch with one trigger becomes final: it is in the log. */
static void commit_one(struct bench *b) {
    struct place *pl = place_of(b);
    b->id[b->high] = 1000 + (uint64_t)b->high;
    const struct trigger t = trigger_at(b, b->high);
    assert_int_equal(outbox_add(&pl->outbox, &t, 1, "u", 1, 0, STREAM), ST_OK);
    struct sealed batch = {.task = TASK};
    assert_int_equal(instance_outbox_seal(pl, &batch), ST_OK);
    assert_int_equal(batch.parcels.n_of[PARCEL_OUTBOX], 1);
    parcels_free(&batch.parcels);
    b->high += 2;
    instance_outbox_committed(&b->in, pl);
}

static int n_expected(const struct bench *b, int64_t from) {
    int n = 0;
    for (int64_t k = from; k < b->high; k++) {
        n += b->id[k] != 0 && !b->expired[k];
    }
    return n;
}

/* The stream holds what the log has from an offset on. The fake refuses what is out of order. */
static void assert_stream(struct bench *b, int64_t from) {
    AWAIT(is_live(b));
    assert_int_equal(fake_get(&b->store, KEY).writes, n_expected(b, from));
    int64_t last = b->high - 1;
    while (last >= from && (b->id[last] == 0 || b->expired[last])) {
        last--;
    }
    assert_int_equal(fake_get(&b->store, KEY).epoch, last >= from ? b->id[last] : 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_takeover_finds_the_newest_id_and_writes_what_the_stream_lacks(void **state) {
    struct bench *b = *state;
    log_grows(b, 300);
    take_over(b);
    assert_int_equal(place_of(b)->outbox.last.ms, 1299);
    assert_stream(b, 0);
    assert_int_equal(metric_value(M_TRIGGERS_RELAYED, 0), 300);
    take_over(b); /* nothing is missing */
    assert_stream(b, 0);
    assert_int_equal(metric_value(M_TRIGGERS_RELAYED, 0), 300);
}

static void the_newest_id_is_found_behind_any_number_of_markers(void **state) {
    struct bench *b = *state;
    log_grows(b, 1);
    b->high += 3000;
    take_over(b);
    assert_int_equal(place_of(b)->outbox.last.ms, 1000);
    assert_stream(b, 0);
}

static void an_empty_outbox_and_one_without_its_beginning_are_fine(void **state) {
    struct bench *b = *state;
    take_over(b);
    assert_stream(b, 0);
    log_grows(b, 50);
    b->low = 20; /* retention */
    take_over(b);
    assert_stream(b, 20);
}

static void of_a_long_log_only_the_end_is_read_when_the_stream_has_the_rest(void **state) {
    struct bench *b = *state;
    log_grows(b, 2000);
    take_over(b);
    assert_stream(b, 0);
    log_grows(b, 5);
    take_over(b);
    assert_stream(b, 0);
    assert_true(b->added > 1900);
}

static void batches_are_handed_over_as_they_are_committed(void **state) {
    struct bench *b = *state;
    take_over(b);
    assert_stream(b, 0);
    const int n_added = b->n_added;
    for (int k = 0; k < 5; k++) {
        commit_one(b);
    }
    assert_stream(b, 0);
    assert_int_equal(b->n_added, n_added); /* without reading */
    assert_int_equal(metric_value(M_TRIGGERS, 0), 5);
}

static void commits_two(struct bench *b) {
    commit_one(b);
    commit_one(b);
}

static void what_is_committed_while_the_log_is_read_is_not_missed(void **state) {
    struct bench *b = *state;
    log_grows(b, 150);
    take_over(b);
    AWAIT((turn(b), place_of(b)->delivery.state == DELIVERY_READ_LOG));
    b->on_poll = commits_two;
    assert_stream(b, 0);
    b->on_poll = commits_two; /* nobody reads: it does not happen */
    commit_one(b);
    assert_stream(b, 0);
}

static void after_flushall_everything_comes_back_and_nothing_overtakes(void **state) {
    struct bench *b = *state;
    log_grows(b, 30);
    take_over(b);
    assert_stream(b, 0);
    fake_flushall(&b->store);
    commit_one(b); /* nobody has noticed */
    commit_one(b);
    assert_stream(b, 0);
    fake_flushall(&b->store);
    instance_outbox_lost(&b->in);
    assert_stream(b, 0);
}

static void set_connect(struct bench *b, enum status st) {
    pthread_mutex_lock(&b->store.lock);
    b->store.connect_status = st;
    pthread_mutex_unlock(&b->store.lock);
}

static void while_redis_is_away_nothing_piles_up_and_then_all_of_it_is_written(void **state) {
    struct bench *b = *state;
    take_over(b);
    assert_stream(b, 0);
    set_connect(b, ST_AGAIN);
    fake_disconnect(&b->store);
    while (publisher_room(b->in.publisher) > 10) { /* other things wait, too */
        struct rec *r = publisher_reserve(b->in.publisher);
        *r = (struct rec){.kind = REC_TOUCH, .user_id = "u", .user_id_len = 1};
        publisher_push(b->in.publisher);
    }
    for (int k = 0; k < 100; k++) {
        commit_one(b);
        turn(b);
    }
    assert_int_equal(place_of(b)->outbox.n, 0);
    set_connect(b, ST_OK);
    assert_stream(b, 0);
}

static void expired_ones_are_left_out(void **state) {
    struct bench *b = *state;
    log_grows(b, 10);
    b->expired[0] = b->expired[4] = b->expired[9] = true;
    take_over(b);
    assert_stream(b, 0);
    assert_int_equal(metric_value(M_TRIGGERS_EXPIRED, 0), 3);
    b->expired[b->high] = true;
    commit_one(b);
    commit_one(b);
    assert_stream(b, 0);
    assert_int_equal(metric_value(M_TRIGGERS_EXPIRED, 0), 4);
}

static void brokers_that_are_away_are_waited_for(void **state) {
    struct bench *b = *state;
    log_grows(b, 10);
    b->away = true;
    instance_outbox_begin(&b->in, place_of(b));
    for (int k = 0; k < 20; k++) {
        assert_false(is_found(b));
    }
    b->away = false;
    AWAIT(is_found(b));
    instance_outbox_run(&b->in, place_of(b));
    assert_stream(b, 0);
}

/* Random commits, losses, takeovers. */
static void any_order_of_these_ends_with_everything_once(void **state) {
    struct bench *b = *state;
    uint32_t seed = 20261126;
    take_over(b);
    for (int k = 0; k < 600; k++) {
        seed = seed * 1664525 + 1013904223;
        switch (seed >> 24 & 15) {
        case 0: fake_flushall(&b->store); break;
        case 1: instance_outbox_lost(&b->in); break;
        case 2:
            instance_outbox_leave(&b->in, place_of(b));
            outbox_undo(&place_of(b)->outbox);
            take_over(b);
            break;
        case 3: fake_disconnect(&b->store); break;
        case 4:
        case 5: AWAIT(is_live(b)); break;
        case 6:
        case 7: turn(b); break;
        default: commit_one(b); break;
        }
    }
    instance_outbox_lost(&b->in); /* as the publisher finds out within a second */
    assert_stream(b, 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(a_takeover_finds_the_newest_id_and_writes_what_the_stream_lacks),
        WITH(the_newest_id_is_found_behind_any_number_of_markers),
        WITH(an_empty_outbox_and_one_without_its_beginning_are_fine),
        WITH(of_a_long_log_only_the_end_is_read_when_the_stream_has_the_rest),
        WITH(batches_are_handed_over_as_they_are_committed),
        WITH(what_is_committed_while_the_log_is_read_is_not_missed),
        WITH(after_flushall_everything_comes_back_and_nothing_overtakes),
        WITH(while_redis_is_away_nothing_piles_up_and_then_all_of_it_is_written),
        WITH(expired_ones_are_left_out),
        WITH(brokers_that_are_away_are_waited_for),
        WITH(any_order_of_these_ends_with_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
