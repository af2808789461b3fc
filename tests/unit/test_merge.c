/* SPDX-License-Identifier: Apache-2.0
 *
 * test_merge.c -- contract tests of consumer/merge.h.
 *
 * The independent truth is a naive merge (struct oracle): arrays that never wrap, a search
 * over all queues for each entry, and the two waiting rules written down as the header says
 * them. The bytes of an entry are a function of (task, topic, offset), so that what comes out
 * of a ring is compared with what must have gone in, not with a copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "merge.h"
#include "mix.h"

enum { TASKS = 5, TOPICS = 3, LETTER_MAX = 60000 };

/* ---- entries whose bytes are known --------------------------------------------------- */

static uint64_t key_of(uint32_t task, uint16_t topic, int64_t offset) {
    return mix64((uint64_t)task << 48 ^ (uint64_t)topic << 40 ^ (uint64_t)offset);
}

/* 100 bytes to 60 KB, mostly small. */
static uint16_t lines_of(uint64_t key) {
    static const uint16_t sizes[8] = {1, 1, 1, 2, 3, 5, 40, 200};
    return sizes[key % 8] == 200 && key % 64 == 7 ? EVENT_LINES_MAX / 2 : sizes[key % 8];
}

struct sample {
    struct event event;
    struct event_line lines[EVENT_LINES_MAX];
    char text[ID_LEN_MAX + 8]; /* every string is a piece of it */
};

static void make(struct sample *s, uint32_t task, uint16_t topic, int64_t offset, int64_t ts_ms) {
    const uint64_t key = key_of(task, topic, offset);
    for (size_t i = 0; i < sizeof s->text; i++) {
        s->text[i] = (char)mix64(key + i);
    }
    s->event = (struct event){.id = mix64(key + 1000),
                              .user = mix64(key + 1001),
                              .ts_ms = ts_ms,
                              .offset = offset,
                              .user_id = s->text + key % 8,
                              .user_id_len = (uint16_t)(1 + mix64(key + 1002) % ID_LEN_MAX),
                              .domain = (uint8_t)(key % 7),
                              .topic = (uint8_t)topic,
                              .action = (uint8_t)(key % ACTIONS),
                              .n_lines = lines_of(key),
                              .lines = s->lines};
    for (uint32_t k = 0; k < s->event.n_lines; k++) {
        s->lines[k] = (struct event_line){.item = mix64(key + 2000 + k),
                                          .id = s->text + k % 8,
                                          .id_len = (uint16_t)(1 + mix64(key ^ k) % ID_LEN_MAX),
                                          .quantity = (float)k,
                                          .amount = (float)(key % 100)};
    }
}

static void assert_event_is(const struct merged *x, const struct sample *s) {
    const struct event *e = &x->event;
    assert_int_equal((uintptr_t)e->lines % alignof(struct event_line), 0);
    assert_true(e->id == s->event.id && e->user == s->event.user);
    assert_true(e->ts_ms == s->event.ts_ms && e->offset == s->event.offset);
    assert_int_equal(e->domain, s->event.domain);
    assert_int_equal(e->topic, s->event.topic);
    assert_int_equal(e->action, s->event.action);
    assert_int_equal(e->n_lines, s->event.n_lines);
    assert_int_equal(e->user_id_len, s->event.user_id_len);
    assert_memory_equal(e->user_id, s->event.user_id, e->user_id_len);
    for (uint32_t k = 0; k < e->n_lines; k++) {
        assert_true(e->lines[k].item == s->lines[k].item);
        assert_true(e->lines[k].quantity == s->lines[k].quantity);
        assert_true(e->lines[k].amount == s->lines[k].amount);
        assert_int_equal(e->lines[k].id_len, s->lines[k].id_len);
        assert_memory_equal(e->lines[k].id, s->lines[k].id, e->lines[k].id_len);
    }
}

static size_t letter_of(uint32_t task, uint16_t topic, int64_t offset, size_t len, char *buf) {
    const uint64_t key = key_of(task, topic, offset);
    for (size_t i = 0; i < len; i++) {
        buf[i] = (char)(key >> (8 * (i % 8)) ^ i);
    }
    return len;
}

static void assert_letter_is(const struct merged *x, size_t len) {
    static char expected[LETTER_MAX];
    assert_int_equal(x->event.n_lines, 0);
    assert_true(x->record_ms == -1);
    assert_int_equal(x->letter_len, len);
    letter_of(x->task, x->topic, x->offset, len, expected);
    assert_memory_equal(x->letter, expected, len);
}

static int64_t record_ms_of(int64_t offset) {
    return 7 * offset + 1;
}

static struct sample sample; /* scratch of one test at a time; too large for the stack */

static void push(struct merge *m, uint32_t task, uint16_t topic, int64_t offset, int64_t ts_ms) {
    make(&sample, task, topic, offset, ts_ms);
    assert_int_equal(merge_push(m, task, &sample.event, record_ms_of(offset)), ST_OK);
    memset(&sample, 0x5a, sizeof sample); /* it was copied, so nobody looks here again */
}

static void push_letter(struct merge *m, uint32_t task, uint16_t topic, int64_t offset,
                        size_t len) {
    static char buf[LETTER_MAX];
    letter_of(task, topic, offset, len, buf);
    assert_int_equal(merge_push_letter(m, task, topic, offset, buf, len), ST_OK);
    memset(buf, 0x5a, len);
}

/* ---- a world with known ends --------------------------------------------------------- */

struct world {
    struct merge *m;
    int64_t ends[TASKS][TOPICS];
    bool may_ask[TASKS][TOPICS]; /* false: asking is an error */
    size_t asked;
    int given_up;
    struct { /* the last one */
        int32_t task;
        uint16_t topic;
        int64_t position, end;
    } up;
};

static int64_t end_of(void *ctx, uint16_t topic, int32_t partition) {
    struct world *w = ctx;
    assert_true(topic < TOPICS && partition >= 0 && partition < TASKS);
    assert_true(w->may_ask[partition][topic]);
    w->asked++;
    return w->ends[partition][topic];
}

static void note_given_up(void *ctx, uint16_t topic, int32_t partition, int64_t position,
                          int64_t end) {
    struct world *w = ctx;
    w->given_up++;
    w->up.task = partition;
    w->up.topic = topic;
    w->up.position = position;
    w->up.end = end;
}

static const struct merged *next(struct world *w, int64_t now_ms) {
    const struct merge_ends ends = {.end = end_of, .given_up = note_given_up, .ctx = w};
    return merge_next(w->m, &ends, now_ms, NULL);
}

/* All ends are 0: of a topic from which nothing was read the position is not known yet. */
static void open_world(struct world *w, uint32_t n_tasks, uint32_t n_topics, int64_t max_wait_ms,
                       int64_t max_idle_ms) {
    memset(w, 0, sizeof *w);
    memset(w->may_ask, 1, sizeof w->may_ask);
    const struct merge_waits waits = {
        .max_wait = max_wait_ms, .max_idle = max_idle_ms, .max_start = max_wait_ms};
    assert_int_equal(merge_new(n_topics, &waits, &w->m), ST_OK);
    for (uint32_t t = 0; t < n_tasks; t++) {
        assert_int_equal(merge_add_task(w->m, t), ST_OK);
        merge_run_task(w->m, t);
        for (uint16_t topic = 0; topic < n_topics; topic++) {
            merge_reached(w->m, t, topic, 0);
        }
    }
}

static void assert_takes(struct world *w, int64_t now_ms, uint32_t task, uint16_t topic,
                         int64_t offset) {
    const struct merged *x = next(w, now_ms);
    assert_non_null(x);
    assert_int_equal(x->task, task);
    assert_int_equal(x->topic, topic);
    assert_true(x->offset == offset);
    merge_pop(w->m);
}

/* ---- order --------------------------------------------------------------------------- */

static void the_smallest_of_time_task_topic_offset_is_taken(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 3, 2, 500, 0);
    push(w.m, 2, 0, 0, 100); /* time first */
    push(w.m, 0, 0, 0, 300);
    push(w.m, 1, 1, 0, 200); /* equal times: task, then topic */
    push(w.m, 1, 0, 0, 200);
    push(w.m, 0, 1, 0, 200);
    push(w.m, 0, 1, 1, 200); /* then offset */
    assert_takes(&w, 1, 2, 0, 0);
    assert_takes(&w, 1, 0, 1, 0);
    assert_takes(&w, 1, 0, 1, 1);
    assert_takes(&w, 1, 1, 0, 0);
    assert_takes(&w, 1, 1, 1, 0);
    assert_takes(&w, 1, 0, 0, 0);
    assert_null(next(&w, 1));
    merge_free(w.m);
}

static void a_late_event_keeps_its_place_behind_its_own_queue(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    push(w.m, 0, 0, 0, 500);
    push(w.m, 0, 0, 1, 100); /* older than the one before it */
    push(w.m, 0, 1, 0, 400);
    assert_takes(&w, 1, 0, 1, 0);
    assert_takes(&w, 1, 0, 0, 0);
    assert_takes(&w, 1, 0, 0, 1);
    merge_free(w.m);
}

static void times_before_1970_and_large_task_numbers_are_ordered_too(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 0, 1, 0, 0);
    memset(w.may_ask, 0, sizeof w.may_ask);
    assert_int_equal(merge_add_task(w.m, 100000), ST_OK);
    assert_int_equal(merge_add_task(w.m, 7), ST_OK);
    merge_run_task(w.m, 7);
    merge_run_task(w.m, 100000);
    merge_reached(w.m, 7, 0, 0); /* neither is starting: nobody has to be asked */
    merge_reached(w.m, 100000, 0, 0);
    push(w.m, 100000, 0, 1, 5);
    push(w.m, 7, 0, 3, 5);
    const struct merged *x = next(&w, 1);
    assert_true(x && x->task == 7);
    push(w.m, 100000, 0, 2, -9);
    assert_true(x->event.ts_ms == 5); /* borrowed: only a push to the same queue may move it */
    merge_free(w.m);
}

/* ---- waiting --------------------------------------------------------------------------- */

static void a_queue_below_its_end_is_waited_for_at_most_max_wait(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = 1;
    push(w.m, 0, 0, 0, 100);
    assert_null(next(&w, 1000)); /* waited for since now */
    assert_null(next(&w, 1499));
    assert_takes(&w, 1500, 0, 0, 0);
    merge_free(w.m);
}

static void a_queue_at_its_end_is_not_waited_for_by_default(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    push(w.m, 0, 0, 0, 100);
    assert_takes(&w, 1000, 0, 0, 0);
    merge_free(w.m);
}

static void a_queue_at_its_end_is_waited_for_max_idle_after_it_became_empty(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 30);
    w.ends[0][0] = w.ends[0][1] = 1;
    push(w.m, 0, 0, 0, 100);
    push(w.m, 0, 1, 0, 90);
    assert_takes(&w, 1000, 0, 1, 0);
    assert_null(next(&w, 1001));
    assert_null(next(&w, 1030));
    assert_takes(&w, 1031, 0, 0, 0);
    merge_free(w.m);
}

static void an_unknown_end_is_waited_for_like_records_on_their_way(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = -1;
    push(w.m, 0, 0, 0, 100);
    assert_null(next(&w, 10));
    assert_null(next(&w, 509));
    assert_takes(&w, 510, 0, 0, 0);
    merge_free(w.m);
}

static void a_record_that_arrives_ends_the_wait_and_goes_first_if_it_is_older(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = 1;
    push(w.m, 0, 0, 0, 100);
    assert_null(next(&w, 10));
    push(w.m, 0, 1, 0, 99);
    assert_takes(&w, 10, 0, 1, 0);
    assert_takes(&w, 10, 0, 0, 0); /* the same millisecond: its end is reached */
    merge_free(w.m);
}

static void the_end_of_a_partition_reached_without_a_record_ends_the_wait(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = 12; /* a log whose first 12 offsets were deleted */
    push(w.m, 0, 0, 0, 100);
    assert_null(next(&w, 10));
    merge_reached(w.m, 0, 1, 11);
    assert_null(next(&w, 10));
    merge_reached(w.m, 0, 1, 12);
    assert_takes(&w, 10, 0, 0, 0);
    merge_free(w.m);
}

/* An hour of quiet at the end must not use up the wait for records that come now. */
static void a_queue_that_falls_below_its_end_is_waited_for_from_then_on(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    assert_null(next(&w, 0));
    w.ends[0][1] = 1;
    push(w.m, 0, 0, 0, 100);
    assert_null(next(&w, 3600000));
    assert_null(next(&w, 3600499));
    assert_takes(&w, 3600500, 0, 0, 0);
    merge_free(w.m);
}

static void every_time_it_falls_below_its_end_the_wait_begins_anew(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    for (int64_t k = 0; k < 3; k++) {
        push(w.m, 0, 0, k, 100);
        w.ends[0][1] = 10 * (k + 1);
        assert_null(next(&w, 2000 * k));
        assert_null(next(&w, 2000 * k + 499));
        assert_takes(&w, 2000 * k + 500, 0, 0, k);
        merge_reached(w.m, 0, 1, w.ends[0][1]); /* there was no record after all */
        assert_null(next(&w, 2000 * k + 501));
    }
    merge_free(w.m);
}

static void a_wait_in_vain_is_not_repeated_until_the_queue_moves(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = 3;
    push(w.m, 0, 0, 0, 100);
    push(w.m, 0, 0, 1, 101);
    assert_null(next(&w, 0));
    assert_takes(&w, 500, 0, 0, 0);
    assert_takes(&w, 501, 0, 0, 1); /* the broker is still away */
    push(w.m, 0, 1, 0, 90);
    push(w.m, 0, 0, 2, 102);
    assert_takes(&w, 502, 0, 1, 0);
    assert_null(next(&w, 503)); /* it came back: two more are on their way */
    assert_null(next(&w, 1002));
    assert_takes(&w, 1003, 0, 0, 2);
    merge_free(w.m);
}

static void both_waits_may_be_zero(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 0, 0);
    w.ends[0][1] = 1000;
    push(w.m, 0, 0, 0, 100);
    assert_takes(&w, 0, 0, 0, 0);
    merge_free(w.m);
}

static void waiting_tells_buffered_and_waited_for_from_nothing_there(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    const struct merge_ends ends = {.end = end_of, .ctx = &w};
    bool waiting = true;
    assert_null(merge_next(w.m, &ends, 1, &waiting));
    assert_false(waiting);
    w.ends[0][1] = 1;
    assert_null(merge_next(w.m, &ends, 2, &waiting));
    assert_false(waiting); /* something is on its way, but nothing waits for it */
    push(w.m, 0, 0, 0, 100);
    assert_null(merge_next(w.m, &ends, 3, &waiting));
    assert_true(waiting);
    push_letter(w.m, 0, 0, 1, 20);
    push(w.m, 0, 1, 0, 100);
    assert_non_null(merge_next(w.m, &ends, 3, &waiting));
    assert_false(waiting);
    merge_free(w.m);
}

static void ends_are_asked_for_empty_queues_of_running_tasks_only(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2, 2, 500, 0);
    assert_int_equal(merge_add_task(w.m, 2), ST_OK); /* not running */
    memset(w.may_ask, 0, sizeof w.may_ask);
    w.may_ask[1][0] = w.may_ask[1][1] = w.may_ask[0][1] = true;
    push(w.m, 0, 0, 0, 100);
    assert_non_null(next(&w, 1));
    assert_int_equal(w.asked, 3);
    for (int i = 0; i < 100; i++) {
        assert_non_null(next(&w, 1)); /* once a millisecond, not once a call */
    }
    assert_int_equal(w.asked, 3);
    merge_free(w.m);
}

/* ---- tasks --------------------------------------------------------------------------- */

static void a_task_that_does_not_run_neither_takes_part_nor_holds_up(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 1, 500, 0);
    w.ends[0][0] = 1;
    assert_int_equal(merge_add_task(w.m, 1), ST_OK);
    w.ends[1][0] = 1000;
    push(w.m, 0, 0, 0, 100);
    assert_int_equal(merge_add_task(w.m, 2), ST_OK);
    push(w.m, 2, 0, 0, 1);
    push_letter(w.m, 2, 0, 1, 10);
    assert_takes(&w, 0, 0, 0, 0);
    assert_null(next(&w, 501));
    merge_run_task(w.m, 2); /* what was pushed before it ran takes part now */
    assert_takes(&w, 502, 2, 0, 0);
    assert_takes(&w, 502, 2, 0, 1);
    merge_free(w.m);
}

static void a_running_task_that_is_added_again_is_empty_and_does_not_run(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2, 2, 500, 0);
    push(w.m, 0, 0, 5, 100);
    push(w.m, 0, 1, 6, 100);
    push(w.m, 1, 0, 0, 200);
    assert_int_equal(merge_add_task(w.m, 0), ST_OK);
    assert_int_equal(merge_buffered_all(w.m), 1);
    assert_int_equal(merge_buffered(w.m, 0, 0), 0);
    assert_true(merge_position(w.m, 0, 0) == -1);
    memset(w.may_ask[0], 0, sizeof w.may_ask[0]);
    assert_takes(&w, 1, 1, 0, 0);
    push(w.m, 0, 0, 5, 100);
    assert_null(next(&w, 2));
    memset(w.may_ask[0], 1, sizeof w.may_ask[0]);
    merge_run_task(w.m, 0);
    assert_null(next(&w, 2)); /* its other position is not known any more */
    merge_reached(w.m, 0, 1, 6);
    assert_takes(&w, 2, 0, 0, 5);
    merge_free(w.m);
}

static void a_removed_task_is_gone_with_what_it_had_and_held_up(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 3, 1, 500, 0);
    w.ends[1][0] = 9;
    push(w.m, 0, 0, 0, 100);
    push(w.m, 2, 0, 0, 50);
    assert_null(next(&w, 1)); /* held up by task 1 */
    merge_remove_task(w.m, 1);
    merge_remove_task(w.m, 1);
    merge_remove_task(w.m, 77);
    merge_run_task(w.m, 77);
    const struct merged *x = next(&w, 1);
    assert_true(x && x->task == 2);
    merge_remove_task(w.m, 2);
    merge_pop(w.m); /* what was taken is gone already */
    assert_int_equal(merge_buffered_all(w.m), 1);
    assert_takes(&w, 1, 0, 0, 0);
    merge_free(w.m);
}

static void pushing_to_a_task_or_topic_that_is_not_there_is_not_found(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    make(&sample, 3, 0, 0, 1);
    assert_int_equal(merge_push(w.m, 3, &sample.event, 1), ST_NOT_FOUND);
    sample.event.topic = 2;
    assert_int_equal(merge_push(w.m, 0, &sample.event, 1), ST_NOT_FOUND);
    assert_int_equal(merge_push_letter(w.m, 3, 0, 0, "x", 1), ST_NOT_FOUND);
    assert_int_equal(merge_push_letter(w.m, 0, 2, 0, "x", 1), ST_NOT_FOUND);
    merge_reached(w.m, 3, 0, 5);
    merge_reached(w.m, 0, 2, 5);
    assert_int_equal(merge_buffered(w.m, 3, 0), 0);
    assert_int_equal(merge_buffered(w.m, 0, 2), 0);
    assert_true(merge_position(w.m, 3, 0) == -1);
    assert_true(merge_position(w.m, 0, 2) == -1);
    assert_int_equal(merge_buffered_all(w.m), 0);
    assert_null(next(&w, 1));
    merge_free(w.m);
}

static void the_position_follows_what_was_pushed_and_never_falls_back(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 0, 1, 500, 0);
    assert_int_equal(merge_add_task(w.m, 0), ST_OK);
    assert_true(merge_position(w.m, 0, 0) == -1);
    merge_reached(w.m, 0, 0, 0);
    assert_true(merge_position(w.m, 0, 0) == 0);
    push(w.m, 0, 0, 41, 1);
    assert_true(merge_position(w.m, 0, 0) == 42);
    push_letter(w.m, 0, 0, 50, 3);
    assert_true(merge_position(w.m, 0, 0) == 51);
    merge_reached(w.m, 0, 0, 60);
    merge_reached(w.m, 0, 0, 55);
    assert_true(merge_position(w.m, 0, 0) == 60);
    assert_int_equal(merge_buffered(w.m, 0, 0), 2);
    merge_free(w.m);
}

/* ---- just after a start ---------------------------------------------------------------- */

enum { START_LIMIT = 30000 };

/* One task of two topics that begin at 5, whose ends nobody knows yet. */
static void open_starting(struct world *w) {
    memset(w, 0, sizeof *w);
    memset(w->may_ask, 1, sizeof w->may_ask);
    memset(w->ends, 0xff, sizeof w->ends);
    const struct merge_waits waits = {.max_wait = 500, .max_start = START_LIMIT};
    assert_int_equal(merge_new(2, &waits, &w->m), ST_OK);
    assert_int_equal(merge_add_task(w->m, 0), ST_OK);
    merge_begin(w->m, 0, 0, 5);
    merge_begin(w->m, 0, 1, 5);
    merge_run_task(w->m, 0);
}

static void after_a_start_a_queue_whose_end_is_not_known_is_waited_for_longer(void **state) {
    (void)state;
    struct world w;
    open_starting(&w);
    push(w.m, 0, 0, 5, 100);
    assert_null(next(&w, 1000));
    assert_null(next(&w, 1000 + 500));
    assert_null(next(&w, 1000 + START_LIMIT - 1));
    push(w.m, 0, 1, 5, 99); /* it was late, and older */
    w.ends[0][0] = w.ends[0][1] = 6;
    assert_takes(&w, 1000 + START_LIMIT - 1, 0, 1, 5);
    assert_takes(&w, 1000 + START_LIMIT - 1, 0, 0, 5);
    assert_int_equal(w.given_up, 0);
    merge_free(w.m);
}

static void after_a_start_a_queue_below_its_first_end_is_waited_for_longer(void **state) {
    (void)state;
    struct world w;
    open_starting(&w);
    w.ends[0][0] = 6;
    w.ends[0][1] = 7;
    push(w.m, 0, 0, 5, 100);
    push(w.m, 0, 1, 5, 98);
    assert_takes(&w, 1, 0, 1, 5);
    assert_null(next(&w, 2));
    w.ends[0][1] = 1000; /* somebody writes */
    assert_null(next(&w, 2 + 9000));
    push(w.m, 0, 1, 6, 99);
    assert_takes(&w, 9003, 0, 1, 6); /* what was there at first has come: max_wait from now on */
    assert_null(next(&w, 9004));
    assert_null(next(&w, 9004 + 498));
    assert_takes(&w, 9004 + 501, 0, 0, 5);
    assert_int_equal(w.given_up, 0);
    merge_free(w.m);
}

static void news_that_there_is_nothing_ends_the_start(void **state) {
    (void)state;
    struct world w;
    open_starting(&w);
    push(w.m, 0, 0, 5, 100);
    assert_null(next(&w, 1));
    w.ends[0][1] = 5;
    merge_reached(w.m, 0, 1, 5); /* its position is not new */
    assert_takes(&w, 1, 0, 0, 5);
    w.ends[0][1] = 6;
    push(w.m, 0, 0, 6, 101);
    assert_null(next(&w, 10));
    assert_takes(&w, 510, 0, 0, 6);
    merge_free(w.m);
}

static void a_queue_that_never_comes_is_given_up_once_and_told_of(void **state) {
    (void)state;
    struct world w;
    open_starting(&w);
    push(w.m, 0, 0, 5, 100);
    push(w.m, 0, 0, 6, 101);
    assert_null(next(&w, 1));
    assert_int_equal(w.given_up, 0);
    assert_takes(&w, 1 + START_LIMIT, 0, 0, 5);
    assert_takes(&w, 2 + START_LIMIT, 0, 0, 6);
    assert_null(next(&w, 3 + START_LIMIT));
    assert_int_equal(w.given_up, 1);
    assert_int_equal(w.up.task, 0);
    assert_int_equal(w.up.topic, 1);
    assert_int_equal(w.up.position, 5);
    assert_int_equal(w.up.end, -1);
    merge_free(w.m);
}

static void a_task_that_comes_back_starts_anew(void **state) {
    (void)state;
    struct world w;
    open_starting(&w);
    merge_reached(w.m, 0, 0, 5);
    merge_reached(w.m, 0, 1, 5);
    merge_remove_task(w.m, 0);
    assert_int_equal(merge_add_task(w.m, 0), ST_OK);
    merge_begin(w.m, 0, 0, 5);
    merge_begin(w.m, 0, 1, 5);
    merge_run_task(w.m, 0);
    push(w.m, 0, 0, 5, 100);
    assert_null(next(&w, 1));
    assert_null(next(&w, START_LIMIT));
    merge_free(w.m);
}

/* ---- letters --------------------------------------------------------------------------- */

static void a_letter_is_taken_as_soon_as_it_is_at_the_head(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 2, 500, 0);
    w.ends[0][1] = 100;
    push_letter(w.m, 0, 0, 0, 1000);
    push(w.m, 0, 0, 1, 100);
    push_letter(w.m, 0, 0, 2, 0);
    const struct merged *x = next(&w, 1); /* although topic 1 is waited for */
    assert_non_null(x);
    assert_letter_is(x, 1000);
    assert_int_equal(x->topic, 0);
    merge_pop(w.m);
    assert_null(next(&w, 1)); /* an event waits, and so does the letter behind it */
    push(w.m, 0, 1, 0, 200);
    assert_takes(&w, 1, 0, 0, 1);
    x = next(&w, 1);
    assert_true(x && x->offset == 2);
    assert_letter_is(x, 0);
    merge_free(w.m);
}

static void letters_of_several_queues_come_in_the_order_of_task_and_topic(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2, 2, 500, 0);
    push_letter(w.m, 1, 0, 0, 5);
    push(w.m, 1, 1, 0, -100); /* whatever the time of an event */
    push_letter(w.m, 0, 1, 0, 5);
    push_letter(w.m, 0, 0, 0, 5);
    push_letter(w.m, 0, 0, 1, 5);
    assert_takes(&w, 1, 0, 0, 0);
    assert_takes(&w, 1, 0, 0, 1);
    assert_takes(&w, 1, 0, 1, 0);
    assert_takes(&w, 1, 1, 0, 0);
    assert_takes(&w, 1, 1, 1, 0);
    merge_free(w.m);
}

/* ---- taking -------------------------------------------------------------------------- */

static void pop_removes_once_what_next_returned_last(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2, 1, 500, 0);
    merge_pop(w.m); /* nothing was taken */
    push(w.m, 1, 0, 0, 100);
    push(w.m, 1, 0, 1, 110);
    merge_pop(w.m);
    assert_int_equal(merge_buffered_all(w.m), 2);
    assert_non_null(next(&w, 1));
    push(w.m, 0, 0, 0, 1); /* smaller, but not what was returned */
    merge_pop(w.m);
    merge_pop(w.m);
    assert_int_equal(merge_buffered(w.m, 1, 0), 1);
    assert_takes(&w, 1, 0, 0, 0);
    assert_takes(&w, 1, 1, 0, 1);
    assert_null(next(&w, 1));
    merge_pop(w.m);
    assert_int_equal(merge_buffered_all(w.m), 0);
    merge_free(w.m);
}

static void what_comes_up_by_a_pop_finds_its_place_among_what_was_pushed(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 3, 1, 500, 0);
    push(w.m, 2, 0, 0, 100);
    push(w.m, 2, 0, 1, 5); /* late */
    assert_non_null(next(&w, 1));
    push(w.m, 0, 0, 0, 10);
    push(w.m, 1, 0, 0, 20);
    merge_pop(w.m);
    assert_takes(&w, 1, 2, 0, 1);
    assert_takes(&w, 1, 0, 0, 0);
    assert_takes(&w, 1, 1, 0, 0);
    merge_free(w.m);
}

static void next_without_pop_returns_the_same_entry(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 1, 1, 500, 0);
    push(w.m, 0, 0, 3, 100);
    for (uint16_t i = 0; i < 3; i++) {
        const struct merged *x = next(&w, i);
        assert_non_null(x);
        assert_true(x->offset == 3 && x->record_ms == record_ms_of(3));
        make(&sample, 0, 0, 3, 100);
        assert_event_is(x, &sample);
        for (int k = 0; k < 50; k++) { /* the ring grows, and the entry moves with it */
            push(w.m, 0, 0, 4 + 50 * i + k, 200);
        }
    }
    merge_free(w.m);
}

/* ---- the ring ------------------------------------------------------------------------ */

/* One queue of letters, whose sizes can be chosen to the byte. */
struct line { /* what must come out */
    struct world w;
    size_t lens[64];
    int64_t first, last; /* offsets [first, last) are inside */
};

static void line_push(struct line *l, size_t len) {
    l->lens[l->last % 64] = len;
    push_letter(l->w.m, 0, 0, l->last++, len);
}

static void line_take(struct line *l) {
    const struct merged *x = next(&l->w, 1);
    assert_non_null(x);
    assert_true(x->offset == l->first);
    assert_letter_is(x, l->lens[l->first++ % 64]);
    merge_pop(l->w.m);
}

static void line_close(struct line *l) {
    while (l->first < l->last) {
        line_take(l);
    }
    assert_null(next(&l->w, 2));
    assert_int_equal(merge_buffered_all(l->w.m), 0);
    merge_free(l->w.m);
}

/* a b | take a | c d | grow: with a and c over all sizes up to a ring, c is put behind b, at the
 * start, or into a larger ring, with every remainder, and d into what is left. */
static void every_remainder_at_the_end_of_a_ring_is_survived(void **state) {
    (void)state;
    for (size_t a = 0; a < 4200; a += 16) {
        for (size_t c = a % 112; c < 4200; c += 112) {
            struct line l = {.first = 0};
            open_world(&l.w, 1, 1, 0, 0);
            line_push(&l, a);
            line_push(&l, 3 + a % 700);
            line_take(&l);
            line_push(&l, c);
            line_push(&l, (a + c) % 300);
            line_take(&l);
            line_push(&l, 2048);
            line_push(&l, 1);
            line_close(&l);
        }
    }
}

/* The ring is filled so that it wraps, then grows at every position of its head. */
static void a_ring_that_grows_while_it_is_wrapped_keeps_its_order(void **state) {
    (void)state;
    for (size_t len = 1; len < 1000; len += 37) {
        for (size_t taken = 1; taken < 30; taken++) {
            struct line l = {.first = 0};
            open_world(&l.w, 1, 1, 0, 0);
            for (size_t k = 0; k < 3; k++) {
                line_push(&l, len);
            }
            for (size_t k = 0; k < taken; k++) {
                line_push(&l, len);
                line_take(&l);
            }
            line_push(&l, 10);
            line_push(&l, 9000 * (1 + taken % 5)); /* larger than the ring and its double */
            line_push(&l, len);
            line_take(&l);
            line_push(&l, len);
            line_close(&l);
        }
    }
}

static void an_empty_ring_takes_an_entry_of_its_whole_size_again_and_again(void **state) {
    (void)state;
    struct line l = {.first = 0};
    open_world(&l.w, 1, 1, 0, 0);
    for (size_t len = 3500; len < 4200; len++) {
        line_push(&l, len);
        line_take(&l);
    }
    for (int k = 0; k < 1000; k++) {
        line_push(&l, 60000);
        line_push(&l, (size_t)k);
        line_take(&l);
        line_take(&l);
    }
    line_close(&l);
}

/* Random walks around each fill level; lines of letters and events of all sizes. */
static void random_entries_leave_a_ring_as_they_entered_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {.state = seed};
        struct line l = {.first = 0};
        open_world(&l.w, 1, 1, 0, 0);
        uint32_t level = 1;
        for (int step = 0; step < 20000; step++) {
            level = step % 500 == 0 ? 1 + rng_below(&r, 40) : level;
            const uint32_t inside = (uint32_t)(l.last - l.first);
            if (inside < 60 && (inside == 0 || rng_below(&r, 2 * level) >= inside)) {
                const uint32_t kind = rng_below(&r, 400);
                line_push(&l, rng_below(&r, kind == 0 ? LETTER_MAX : kind < 40 ? 3000 : 300));
            } else {
                line_take(&l);
            }
        }
        line_close(&l);
    }
}

static void the_steady_state_allocates_nothing(void **state) {
    (void)state;
    struct world w;
    open_world(&w, 2, 2, 500, 0);
    int64_t offset = 0;
    for (int round = 0; round < 300; round++) {
        fail_after(round < 20 ? -1 : 0);
        for (int k = 0; k < 10; k++, offset++) {
            make(&sample, (uint32_t)(offset & 1), (uint16_t)(offset >> 1 & 1), k, offset);
            sample.event.n_lines = 2; /* sizes differ only by the ids */
            assert_int_equal(merge_push(w.m, (uint32_t)(offset & 1), &sample.event, 1), ST_OK);
        }
        for (int k = 0; k < 10; k++) {
            assert_non_null(next(&w, 600 * (round + 1)));
            merge_pop(w.m);
        }
    }
    fail_after(-1);
    merge_free(w.m);
}

static void without_memory_nothing_is_lost_and_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct merge *none = NULL;
    fail_after(0);
    const struct merge_waits waits = {0};
    enum status st = merge_new(1, &waits, &none);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_null(none);

    struct world w;
    open_world(&w, 1, 1, 500, 0);
    push(w.m, 0, 0, 0, 100);
    for (int n = 0; n < 3; n++) { /* neither a new task nor one that exists */
        fail_after(n);
        const enum status other = merge_add_task(w.m, 1);
        fail_after(n);
        st = merge_add_task(w.m, 0);
        fail_after(-1);
        assert_int_equal(other, ST_NOMEM);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(merge_buffered_all(w.m), 1);
    }
    static char large[LETTER_MAX];
    fail_after(0);
    st = merge_push_letter(w.m, 0, 0, 1, large, sizeof large);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_true(merge_position(w.m, 0, 0) == 1);
    assert_takes(&w, 1, 0, 0, 0);
    assert_null(next(&w, 1));
    merge_free(w.m);
}

/* ---- the naive merge ----------------------------------------------------------------- */

struct waiting_entry {
    int64_t ts_ms, offset;
    size_t letter_len;
    bool letter;
};

enum { LANE_MAX = 8192 };

struct oracle_lane {
    struct waiting_entry *entries; /* (LANE_MAX,), [first, n) are inside */
    size_t first, n;
    int64_t position, empty_since, below_since;
};

struct oracle {
    struct oracle_lane lanes[TASKS][TOPICS];
    bool there[TASKS], running[TASKS];
    int64_t max_wait_ms, max_idle_ms;
    uint32_t topics;
};

static void oracle_empty(struct oracle *o, uint32_t task) {
    o->running[task] = false;
    for (int k = 0; k < TOPICS; k++) {
        struct oracle_lane *l = &o->lanes[task][k];
        *l = (struct oracle_lane){
            .entries = l->entries, .position = -1, .empty_since = -1, .below_since = -1};
    }
}

static bool oracle_waits(const struct oracle *o, struct oracle_lane *l, int64_t end,
                         int64_t now_ms) {
    if (l->first < l->n) {
        l->empty_since = l->below_since = -1;
        return false;
    }
    const bool below = end < 0 || l->position < end;
    l->empty_since = l->empty_since < 0 ? now_ms : l->empty_since;
    l->below_since = !below ? -1 : l->below_since < 0 ? now_ms : l->below_since;
    return below ? now_ms < l->below_since + o->max_wait_ms
                 : now_ms < l->empty_since + o->max_idle_ms;
}

static bool smaller(const struct waiting_entry *a, const struct waiting_entry *b) {
    if (a->letter != b->letter) {
        return a->letter;
    }
    return !a->letter && a->ts_ms < b->ts_ms;
}

/* Task and topic of the entry that must come next; false: none may be taken. */
static bool oracle_next(struct oracle *o, int64_t ends[TASKS][TOPICS], int64_t now_ms,
                        uint32_t *task, uint16_t *topic, bool *waiting) {
    const struct waiting_entry *best = NULL;
    bool wait = false;
    for (uint32_t t = 0; t < TASKS; t++) {
        for (uint16_t k = 0; o->running[t] && k < o->topics; k++) {
            struct oracle_lane *l = &o->lanes[t][k];
            wait |= oracle_waits(o, l, ends[t][k], now_ms);
            if (l->first < l->n && (!best || smaller(&l->entries[l->first], best))) {
                best = &l->entries[l->first];
                *task = t;
                *topic = k;
            }
        }
    }
    const bool taken = best && (best->letter || !wait);
    *waiting = best && !taken;
    return taken;
}

/* ---- both, side by side -------------------------------------------------------------- */

struct duel {
    struct world w;
    struct oracle o;
    struct rng r;
    int64_t now_ms, ts_ms;
    uint32_t spread;        /* of the times of one queue */
    uint32_t tasks, topics; /* in use: the fewer, the less often one waits */
};

static void duel_open(struct duel *d, uint64_t seed) {
    static const int64_t waits[4] = {0, 1, 20, 1000000};
    print_message("seed %u\n", (unsigned)seed);
    memset(d, 0, sizeof *d);
    d->r.state = seed;
    d->o.max_wait_ms = waits[rng_below(&d->r, 4)];
    d->o.max_idle_ms = waits[rng_below(&d->r, 3)];
    d->spread = 1 + rng_below(&d->r, 100);
    d->tasks = 1 + rng_below(&d->r, TASKS);
    d->topics = d->o.topics = 1 + rng_below(&d->r, TOPICS);
    open_world(&d->w, 0, d->topics, d->o.max_wait_ms, d->o.max_idle_ms);
    for (uint32_t t = 0; t < TASKS; t++) {
        for (uint16_t k = 0; k < TOPICS; k++) {
            d->o.lanes[t][k].entries = calloc(LANE_MAX, sizeof(struct waiting_entry));
            assert_non_null(d->o.lanes[t][k].entries);
            d->w.ends[t][k] = -1;
        }
        oracle_empty(&d->o, t);
    }
}

static void duel_close(struct duel *d) {
    for (uint32_t t = 0; t < TASKS; t++) {
        for (uint16_t k = 0; k < TOPICS; k++) {
            free(d->o.lanes[t][k].entries);
        }
    }
    merge_free(d->w.m);
}

static void duel_push(struct duel *d, uint32_t task, uint16_t topic) {
    struct oracle_lane *l = &d->o.lanes[task][topic];
    if (!d->o.there[task] || l->n == LANE_MAX) {
        return;
    }
    const int64_t offset = (l->position < 0 ? 0 : l->position) + rng_below(&d->r, 3);
    struct waiting_entry e = {.offset = offset,
                              .ts_ms = d->ts_ms++ / 4 + rng_below(&d->r, d->spread),
                              .letter = rng_below(&d->r, 12) == 0,
                              .letter_len = rng_below(&d->r, 500)};
    if (e.letter) {
        push_letter(d->w.m, task, topic, offset, e.letter_len);
    } else {
        push(d->w.m, task, topic, offset, e.ts_ms);
    }
    l->entries[l->n++] = e;
    l->position = offset + 1;
}

/* It is the entry at `at` of its queue. */
static void assert_entry_is(const struct duel *d, const struct merged *x, size_t at) {
    const struct oracle_lane *l = &d->o.lanes[x->task][x->topic];
    assert_true(at < l->n);
    const struct waiting_entry *e = &l->entries[at];
    assert_true(x->offset == e->offset);
    if (!e->letter) {
        make(&sample, x->task, x->topic, e->offset, e->ts_ms);
        assert_event_is(x, &sample);
    }
}

/* What comes after the entry `x` that was returned: behind it, or the first of another queue. */
static void duel_look_ahead(const struct duel *d, const struct merged *x) {
    const struct oracle_lane *own = &d->o.lanes[x->task][x->topic];
    const struct merged *behind = merge_behind(d->w.m);
    assert_int_equal(behind != NULL, own->first + 1 < own->n);
    if (behind) {
        assert_true(behind->task == x->task && behind->topic == x->topic);
        assert_entry_is(d, behind, own->first + 1);
    }
    const struct merged *after = merge_after(d->w.m);
    if (after && after->task == x->task && after->topic == x->topic) {
        assert_entry_is(d, after, own->first + 1);
    } else if (after) {
        assert_entry_is(d, after, d->o.lanes[after->task][after->topic].first);
    }
}

static void duel_take(struct duel *d, bool pop) {
    uint32_t task = 0;
    uint16_t topic = 0;
    bool must_wait = false;
    bool waits = true;
    const struct merge_ends ends = {.end = end_of, .ctx = &d->w};
    const bool there = oracle_next(&d->o, d->w.ends, d->now_ms, &task, &topic, &must_wait);
    const struct merged *x = merge_next(d->w.m, &ends, d->now_ms, &waits);
    assert_int_equal(waits, must_wait);
    assert_int_equal(x != NULL, there);
    if (!there) {
        return;
    }
    struct oracle_lane *l = &d->o.lanes[task][topic];
    const struct waiting_entry *e = &l->entries[l->first];
    assert_int_equal(x->task, task);
    assert_int_equal(x->topic, topic);
    assert_true(x->offset == e->offset);
    if (e->letter) {
        assert_letter_is(x, e->letter_len);
    } else {
        assert_true(x->record_ms == record_ms_of(e->offset));
        make(&sample, task, topic, e->offset, e->ts_ms);
        assert_event_is(x, &sample);
    }
    duel_look_ahead(d, x);
    if (pop) {
        const uint32_t between = rng_below(&d->r, 4);
        for (uint32_t k = 0; k < between; k++) { /* pop still removes what next returned */
            duel_push(d, rng_below(&d->r, d->tasks), (uint16_t)rng_below(&d->r, d->topics));
        }
        merge_pop(d->w.m);
        l->first++;
    }
}

static void duel_change_task(struct duel *d, uint32_t task) {
    switch (rng_below(&d->r, 6)) {
    case 0:
        merge_remove_task(d->w.m, task);
        oracle_empty(&d->o, task);
        d->o.there[task] = false;
        break;
    case 1:
    case 2:
        assert_int_equal(merge_add_task(d->w.m, task), ST_OK);
        oracle_empty(&d->o, task);
        d->o.there[task] = true;
        break;
    default: merge_run_task(d->w.m, task); d->o.running[task] = d->o.there[task];
    }
}

static void duel_change_end(struct duel *d, uint32_t task, uint16_t topic) {
    struct oracle_lane *l = &d->o.lanes[task][topic];
    d->now_ms++; /* ends are looked at once a millisecond */
    if (rng_below(&d->r, 2) == 0 && d->o.there[task] && l->position >= 0) {
        const int64_t to = l->position + rng_below(&d->r, 3);
        merge_reached(d->w.m, task, topic, to);
        l->position = to;
        d->w.ends[task][topic] = to;
        return;
    }
    d->w.ends[task][topic] = l->position + (int64_t)rng_below(&d->r, 6) - 2;
}

static void duel_check_counts(const struct duel *d) {
    size_t all = 0;
    for (uint32_t t = 0; t < TASKS; t++) {
        for (uint16_t k = 0; k < TOPICS; k++) {
            const struct oracle_lane *l = &d->o.lanes[t][k];
            assert_int_equal(merge_buffered(d->w.m, t, k), l->n - l->first);
            assert_true(merge_position(d->w.m, t, k) == l->position);
            all += l->n - l->first;
        }
    }
    assert_int_equal(merge_buffered_all(d->w.m), all);
}

static void duel_step(struct duel *d) {
    const uint32_t what = rng_below(&d->r, 1000);
    const uint32_t task = rng_below(&d->r, d->tasks);
    const uint16_t topic = (uint16_t)rng_below(&d->r, d->topics);
    if (what < 200) {
        duel_push(d, task, topic);
    } else if (what < 900) {
        duel_take(d, rng_below(&d->r, 10) > 0);
    } else if (what < 940) {
        d->now_ms += rng_below(&d->r, 30);
    } else if (what < 990) {
        duel_change_end(d, task, topic);
    } else {
        duel_change_task(d, task);
    }
}

static void random_pushes_and_takes_agree_with_a_naive_merge(void **state) {
    (void)state;
    static struct duel d;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        duel_open(&d, seed);
        for (int step = 0; step < 4000; step++) {
            duel_step(&d);
            if (step % 50 == 0) {
                duel_check_counts(&d);
            }
        }
        duel_close(&d);
    }
}

/* ---- preloaded ----------------------------------------------------------------------- */

enum { PRELOADED = 400 }; /* entries a queue */

struct preloaded {
    int64_t ts[TASKS][TOPICS][PRELOADED]; /* -1: a letter */
    int64_t pushed[TASKS][TOPICS];
    struct world w;
};

static void preload(struct preloaded *p, struct rng *r) {
    memset(p, 0, sizeof *p);
    for (uint32_t t = 0; t < TASKS; t++) {
        for (uint16_t k = 0; k < TOPICS; k++) {
            /* of some topics nothing is there, or little */
            p->w.ends[t][k] = (t + k) % 5 == 0 ? t * k : PRELOADED - (int64_t)(t * 37 + k);
            for (int i = 0; i < PRELOADED; i++) {
                p->ts[t][k][i] = rng_below(r, 20) == 0 ? -1 : i + (int64_t)rng_below(r, 25);
            }
        }
    }
}

struct taken {
    uint32_t task;
    uint16_t topic;
    int64_t offset;
};

/* Some records of one queue arrive, or its end. */
static bool arrive(struct preloaded *p, uint32_t t, uint16_t k, uint32_t n) {
    int64_t *at = &p->pushed[t][k];
    const int64_t end = p->w.ends[t][k];
    for (; n > 0 && *at < end; n--, ++*at) {
        if (p->ts[t][k][*at] < 0) {
            push_letter(p->w.m, t, k, *at, (size_t)*at);
        } else {
            push(p->w.m, t, k, *at, p->ts[t][k][*at]);
        }
    }
    if (*at == end) {
        merge_reached(p->w.m, t, k, end);
    }
    return *at == end;
}

static bool all_arrived(const struct preloaded *p) {
    return memcmp(p->pushed, p->w.ends, sizeof p->pushed) == 0;
}

/* Runs one arrival order; takes in between. Returns the events in the order taken. */
static size_t run_preloaded(struct preloaded *p, struct rng *r, struct taken *out) {
    int64_t seen[TASKS][TOPICS] = {{0}};
    size_t n = 0;
    int64_t now = 0;
    memset(p->pushed, 0, sizeof p->pushed);
    memset(p->w.may_ask, 1, sizeof p->w.may_ask);
    const struct merge_waits waits = {.max_wait = INT64_MAX, .max_start = INT64_MAX};
    assert_int_equal(merge_new(TOPICS, &waits, &p->w.m), ST_OK);
    for (uint32_t t = 0; t < TASKS; t++) {
        assert_int_equal(merge_add_task(p->w.m, t), ST_OK);
        merge_run_task(p->w.m, t);
    }
    const struct merged *x = NULL;
    while (!all_arrived(p) || x) {
        arrive(p, rng_below(r, TASKS), (uint16_t)rng_below(r, TOPICS), rng_below(r, 60));
        now += rng_below(r, 3);
        const uint32_t most = rng_below(r, 80);
        bool guessed = false;
        int64_t after_ms = 0; /* the time of what is to come next: nothing arrives in between */
        for (uint32_t k = 0; k <= most && (x = next(&p->w, now)) != NULL; k++) {
            assert_true(!guessed || x->event.ts_ms == after_ms);
            const struct merged *after = merge_after(p->w.m);
            guessed = after != NULL;
            after_ms = after ? after->event.ts_ms : 0;
            assert_true(x->offset == seen[x->task][x->topic]++); /* letters keep their place */
            if (x->event.n_lines > 0) {
                out[n++] = (struct taken){x->task, x->topic, x->offset};
            }
            merge_pop(p->w.m);
        }
    }
    assert_int_equal(merge_buffered_all(p->w.m), 0);
    merge_free(p->w.m);
    return n;
}

static void preloaded_topics_are_taken_in_one_order_however_they_arrive(void **state) {
    (void)state;
    static struct preloaded p;
    static struct taken first[TASKS * TOPICS * PRELOADED];
    static struct taken other[TASKS * TOPICS * PRELOADED];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {.state = seed};
        preload(&p, &r);
        const size_t n = run_preloaded(&p, &r, first);
        for (int run = 0; run < 4; run++) {
            assert_int_equal(run_preloaded(&p, &r, other), n);
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(other[k].task, first[k].task);
                assert_int_equal(other[k].topic, first[k].topic);
                assert_true(other[k].offset == first[k].offset);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_of_time_task_topic_offset_is_taken),
        cmocka_unit_test(a_late_event_keeps_its_place_behind_its_own_queue),
        cmocka_unit_test(times_before_1970_and_large_task_numbers_are_ordered_too),
        cmocka_unit_test(a_queue_below_its_end_is_waited_for_at_most_max_wait),
        cmocka_unit_test(a_queue_at_its_end_is_not_waited_for_by_default),
        cmocka_unit_test(a_queue_at_its_end_is_waited_for_max_idle_after_it_became_empty),
        cmocka_unit_test(an_unknown_end_is_waited_for_like_records_on_their_way),
        cmocka_unit_test(a_record_that_arrives_ends_the_wait_and_goes_first_if_it_is_older),
        cmocka_unit_test(the_end_of_a_partition_reached_without_a_record_ends_the_wait),
        cmocka_unit_test(a_queue_that_falls_below_its_end_is_waited_for_from_then_on),
        cmocka_unit_test(every_time_it_falls_below_its_end_the_wait_begins_anew),
        cmocka_unit_test(a_wait_in_vain_is_not_repeated_until_the_queue_moves),
        cmocka_unit_test(both_waits_may_be_zero),
        cmocka_unit_test(waiting_tells_buffered_and_waited_for_from_nothing_there),
        cmocka_unit_test(ends_are_asked_for_empty_queues_of_running_tasks_only),
        cmocka_unit_test(a_task_that_does_not_run_neither_takes_part_nor_holds_up),
        cmocka_unit_test(a_running_task_that_is_added_again_is_empty_and_does_not_run),
        cmocka_unit_test(a_removed_task_is_gone_with_what_it_had_and_held_up),
        cmocka_unit_test(pushing_to_a_task_or_topic_that_is_not_there_is_not_found),
        cmocka_unit_test(the_position_follows_what_was_pushed_and_never_falls_back),
        cmocka_unit_test(after_a_start_a_queue_whose_end_is_not_known_is_waited_for_longer),
        cmocka_unit_test(after_a_start_a_queue_below_its_first_end_is_waited_for_longer),
        cmocka_unit_test(news_that_there_is_nothing_ends_the_start),
        cmocka_unit_test(a_queue_that_never_comes_is_given_up_once_and_told_of),
        cmocka_unit_test(a_task_that_comes_back_starts_anew),
        cmocka_unit_test(a_letter_is_taken_as_soon_as_it_is_at_the_head),
        cmocka_unit_test(letters_of_several_queues_come_in_the_order_of_task_and_topic),
        cmocka_unit_test(pop_removes_once_what_next_returned_last),
        cmocka_unit_test(what_comes_up_by_a_pop_finds_its_place_among_what_was_pushed),
        cmocka_unit_test(next_without_pop_returns_the_same_entry),
        cmocka_unit_test(every_remainder_at_the_end_of_a_ring_is_survived),
        cmocka_unit_test(a_ring_that_grows_while_it_is_wrapped_keeps_its_order),
        cmocka_unit_test(an_empty_ring_takes_an_entry_of_its_whole_size_again_and_again),
        cmocka_unit_test(random_entries_leave_a_ring_as_they_entered_it),
        cmocka_unit_test(the_steady_state_allocates_nothing),
        cmocka_unit_test(without_memory_nothing_is_lost_and_nothing_changes),
        cmocka_unit_test(random_pushes_and_takes_agree_with_a_naive_merge),
        cmocka_unit_test(preloaded_topics_are_taken_in_one_order_however_they_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
