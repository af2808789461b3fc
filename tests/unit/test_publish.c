/* SPDX-License-Identifier: Apache-2.0
 *
 * test_publish.c -- the contract of publish.h, against a plain table of the users that wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "bursts.h"
#include "failing_alloc.h"
#include "publish.h"

enum { TARGETS = 2, INTERVAL = 100 };

static struct publish *make(void) {
    struct publish *p = NULL;
    assert_int_equal(publish_new(TARGETS, INTERVAL, &p), ST_OK);
    return p;
}

/* Whoever waits is due. */
static void assert_next(struct publish *p, uint32_t slot, int64_t record_ms) {
    uint32_t s = UINT32_MAX;
    int64_t ms = -7;
    const size_t dirty = publish_dirty(p);
    assert_true(publish_due(p, 0, true, &s, &ms));
    assert_int_equal(s, slot);
    assert_int_equal(ms, record_ms);
    const uint32_t next = publish_ahead(p);
    publish_pop(p);
    assert_int_equal(publish_dirty(p), dirty - 1);
    assert_int_equal(publish_due(p, 0, true, &s, &ms), next != UINT32_MAX);
    assert_true(next == UINT32_MAX || s == next);
}

static void a_new_one_has_nobody(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 77;
    int64_t ms = 77;
    assert_false(publish_due(p, 1000, true, &slot, &ms));
    assert_true(slot == 77 && ms == 77);
    assert_int_equal(publish_waited_ms(p, 1000), -1);
    assert_int_equal(publish_ahead(p), UINT32_MAX);
    assert_int_equal(publish_dirty(p), 0);
    assert_int_equal(publish_slots(p), 0);
    publish_forget(p);
    publish_free(p);
    publish_free(NULL);
}

static void dirty_users_leave_in_the_order_in_which_they_came(void **state) {
    (void)state;
    struct publish *p = make();
    assert_int_equal(publish_touch(p, 5, 100, 0), ST_OK);
    assert_int_equal(publish_touch(p, 2, 200, 0), ST_OK);
    assert_int_equal(publish_touch(p, 9, 300, 0), ST_OK);
    assert_int_equal(publish_dirty(p), 3);
    assert_int_equal(publish_slots(p), 10);
    assert_next(p, 5, 100);
    assert_next(p, 2, 200);
    assert_next(p, 9, 300);
    assert_int_equal(publish_dirty(p), 0);
    publish_free(p);
}

static void a_user_waits_once_with_the_newest_record_behind_him(void **state) {
    (void)state;
    struct publish *p = make();
    assert_int_equal(publish_touch(p, 1, 100, 0), ST_OK);
    assert_int_equal(publish_touch(p, 2, 150, 0), ST_OK);
    assert_int_equal(publish_touch(p, 1, 300, 0), ST_OK);
    assert_int_equal(publish_touch(p, 1, 200, 0), ST_OK); /* late: the newest counts */
    assert_int_equal(publish_touch(p, 3, -1, 0), ST_OK);  /* unknown                 */
    assert_int_equal(publish_dirty(p), 3);
    assert_next(p, 1, 300);
    assert_next(p, 2, 150);
    assert_next(p, 3, 0);
    assert_int_equal(publish_touch(p, 1, 50, 0), ST_OK); /* what was behind him is done */
    assert_next(p, 1, 50);
    publish_free(p);
}

static void looking_removes_nobody(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    int64_t ms = 0;
    assert_int_equal(publish_touch(p, 4, 1, 0), ST_OK);
    assert_true(publish_due(p, 5, true, &slot, &ms));
    assert_true(publish_due(p, 5, true, &slot, &ms));
    assert_int_equal(slot, 4);
    assert_int_equal(publish_dirty(p), 1);
    publish_free(p);
}

static void what_was_written_stays_when_users_come_and_is_told_apart(void **state) {
    (void)state;
    enum { USERS = 5000 };
    struct publish *p = make();
    for (uint32_t s = 0; s < USERS; s++) {
        assert_int_equal(publish_touch(p, s, 1, 0), ST_OK);
        for (uint32_t t = 0; t < TARGETS; t++) {
            struct publish_written *w = publish_written(p, s, t);
            assert_int_equal(w->digest, 0);
            assert_int_equal(w->at_s, 0);
            *w = (struct publish_written){.digest = 1 + s * TARGETS + t, .at_s = s + 7};
        }
    }
    for (uint32_t s = 0; s < USERS; s++) {
        for (uint32_t t = 0; t < TARGETS; t++) {
            assert_int_equal(publish_written(p, s, t)->digest, 1 + s * TARGETS + t);
            assert_int_equal(publish_written(p, s, t)->at_s, s + 7);
        }
    }
    publish_free(p);
}

static void forgetting_takes_every_digest_and_nobody_from_the_queue(void **state) {
    (void)state;
    struct publish *p = make();
    for (uint32_t s = 0; s < 3000; s++) {
        assert_int_equal(publish_touch(p, s, 1, 0), ST_OK);
        publish_written(p, s, 0)->digest = 5;
        publish_written(p, s, TARGETS - 1)->digest = 6;
    }
    publish_forget(p);
    for (uint32_t s = 0; s < 3000; s++) {
        assert_int_equal(publish_written(p, s, 0)->digest, 0);
        assert_int_equal(publish_written(p, s, TARGETS - 1)->digest, 0);
    }
    assert_int_equal(publish_dirty(p), 3000);
    assert_int_equal(publish_slots(p), 3000);
    publish_free(p);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void assert_due(struct publish *p, int64_t now_ms, uint32_t slot) {
    uint32_t s = UINT32_MAX;
    int64_t ms = -1;
    assert_true(publish_due(p, now_ms, false, &s, &ms));
    assert_int_equal(s, slot);
    publish_pop(p);
}

static void assert_nobody_due(struct publish *p, int64_t now_ms) {
    uint32_t s = UINT32_MAX;
    int64_t ms = -1;
    assert_false(publish_due(p, now_ms, false, &s, &ms));
}

static void whoever_may_do_more_waits_for_an_interval_after_his_first_news(void **state) {
    (void)state;
    struct publish *p = make();
    assert_int_equal(publish_touch(p, 1, 9, 1000), ST_OK);
    assert_int_equal(publish_touch(p, 2, 9, 1010), ST_OK);
    assert_int_equal(publish_touch(p, 1, 9, 1098), ST_OK); /* however long it goes on */
    assert_nobody_due(p, 1099);
    assert_int_equal(publish_due_in_ms(p, 1099), 1);
    assert_due(p, 1100, 1);
    assert_int_equal(publish_due_in_ms(p, 1100), 10);
    assert_int_equal(publish_dirty(p), 1);
    assert_int_equal(publish_waited_ms(p, 1100), 90);
    assert_int_equal(publish_touch(p, 1, 9, 1101), ST_OK); /* begins anew */
    assert_due(p, 1110, 2);
    assert_nobody_due(p, 1200);
    assert_due(p, 1201, 1);
    assert_int_equal(publish_waited_ms(p, 1201), -1);
    assert_true(publish_due_in_ms(p, 1201) == INT64_MAX);
    publish_free(p);
}

static void a_clock_that_has_run_for_months_changes_nothing(void **state) {
    (void)state;
    struct publish *p = make();
    const int64_t at = (INT64_C(1) << 32) * 3 - 20; /* its lower bits begin anew meanwhile */
    assert_int_equal(publish_touch(p, 1, 9, at), ST_OK);
    assert_nobody_due(p, at + 99);
    assert_int_equal(publish_waited_ms(p, at + 99), 99);
    assert_due(p, at + 100, 1);
    publish_free(p);
}

/* Users who do one thing each, far apart: nobody waits for more of them any more. */
static int64_t teach_that_nobody_does_more(struct publish *p, uint32_t first) {
    int64_t now_ms = 0;
    for (uint32_t k = 0; k < 60; k++) {
        uint32_t slot = 0;
        int64_t ms = 0;
        assert_int_equal(publish_touch(p, first + k, 1, now_ms), ST_OK);
        now_ms += INTERVAL;
        assert_true(publish_due(p, now_ms, false, &slot, &ms));
        publish_pop(p);
    }
    return now_ms;
}

static void who_hardly_ever_does_more_is_due_at_once_unless_he_just_was(void **state) {
    (void)state;
    struct publish *p = make();
    const int64_t at = teach_that_nobody_does_more(p, 10);
    assert_int_equal(publish_touch(p, 1, 5, at), ST_OK);
    assert_int_equal(publish_touch(p, 2, 6, at), ST_OK);
    assert_int_equal(publish_due_in_ms(p, at), 0);
    assert_due(p, at, 1);
    assert_due(p, at, 2);
    assert_int_equal(publish_touch(p, 1, 7, at + INTERVAL - 1), ST_OK);
    assert_nobody_due(p, at + INTERVAL);
    assert_int_equal(publish_due_in_ms(p, at + INTERVAL - 1), INTERVAL);
    publish_free(p);
}

static void whoever_is_overdue_most_comes_first(void **state) {
    (void)state;
    struct publish *p = make();
    const int64_t at = teach_that_nobody_does_more(p, 10);
    assert_int_equal(publish_touch(p, 1, 5, at), ST_OK);
    assert_due(p, at, 1);
    assert_int_equal(publish_touch(p, 1, 6, at + 10), ST_OK);  /* at 110 */
    assert_int_equal(publish_touch(p, 2, 6, at + 109), ST_OK); /* at 109 */
    assert_int_equal(publish_touch(p, 3, 6, at + 120), ST_OK); /* at 120 */
    assert_due(p, at + 130, 2);
    assert_due(p, at + 130, 1);
    assert_due(p, at + 130, 3);
    publish_free(p);
}

static void who_need_not_wait_and_found_no_room_is_counted_and_drained_as_others_are(void **state) {
    (void)state;
    struct publish *p = make();
    const int64_t at = teach_that_nobody_does_more(p, 10);
    assert_int_equal(publish_touch(p, 1, 5, at), ST_OK);
    assert_int_equal(publish_touch(p, 1, 6, at + 3), ST_OK);
    assert_int_equal(publish_dirty(p), 1);
    assert_int_equal(publish_waited_ms(p, at + 40), 40);
    assert_next(p, 1, 6);
    assert_int_equal(publish_dirty(p), 0);
    publish_free(p);
}

static void who_comes_next_is_known_where_he_waits_in_the_same_place(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    int64_t ms = 0;
    assert_int_equal(publish_touch(p, 8, 1, 0), ST_OK);
    assert_int_equal(publish_touch(p, 6, 1, 0), ST_OK);
    assert_true(publish_due(p, 100, false, &slot, &ms));
    assert_int_equal(publish_ahead(p), 6);
    publish_pop(p);
    assert_true(publish_due(p, 100, false, &slot, &ms));
    assert_int_equal(publish_ahead(p), UINT32_MAX);
    publish_free(p);
}

/* The truth: a table of who waits. Slots grow while the queues are not empty, so that they are
 * moved with their heads anywhere; everybody who is due leaves at every look. */
enum { TOUCHES = 60000, TABLE = 5000 };

struct one {
    bool waits, went_on;
    uint8_t kind;
    int64_t first_ms, newest;
    int64_t term_ms; /* what he waits for    */
    int turn;        /* in which they came to wait */
};

static struct one table[TABLE];
static struct bursts bursts;

static void touch_table(struct one *o, int64_t record_ms, int64_t now_ms, int turn) {
    if (o->kind != BURSTS_NONE && !o->went_on && now_ms - o->first_ms < INTERVAL) {
        o->went_on = true;
        bursts_go_on(&bursts, o->kind);
    }
    if (!o->waits) {
        const uint8_t kind = bursts_kind(o->kind, now_ms - o->first_ms, INTERVAL);
        *o = (struct one){.waits = true, .kind = kind, .first_ms = now_ms, .turn = turn};
        o->term_ms = bursts_begin(&bursts, kind) ? INTERVAL : 0;
    }
    o->newest = record_ms > o->newest ? record_ms : o->newest;
}

/* By how much he is overdue; below 0: he is not due. */
static int64_t overdue(const struct one *o, int64_t now_ms) {
    return now_ms - o->first_ms - o->term_ms;
}

static uint32_t next_of_table(int64_t now_ms) {
    uint32_t next = UINT32_MAX;
    int64_t most = -1;
    for (uint32_t k = 0; k < TABLE; k++) {
        const struct one *o = &table[k];
        const int64_t by = o->waits ? overdue(o, now_ms) : -1;
        if (by < 0) {
            continue;
        }
        const struct one *n = next == UINT32_MAX ? NULL : &table[next];
        const bool tie = n && by == most;
        if (by > most || (tie && o->term_ms > n->term_ms) ||
            (tie && o->term_ms == n->term_ms && o->turn < n->turn)) {
            next = k;
            most = by;
        }
    }
    return next;
}

static void drain_both(struct publish *p, int64_t now_ms) {
    uint32_t slot = 0;
    int64_t ms = 0;
    for (uint32_t next = next_of_table(now_ms); next != UINT32_MAX; next = next_of_table(now_ms)) {
        assert_true(publish_due(p, now_ms, false, &slot, &ms));
        assert_int_equal(slot, next);
        assert_int_equal(ms, table[next].newest);
        publish_pop(p);
        table[next].waits = false;
    }
    assert_false(publish_due(p, now_ms, false, &slot, &ms));
}

static void the_queue_is_that_of_a_plain_table_while_it_grows(void **state) {
    (void)state;
    const unsigned seed = 41;
    print_message("seed %u\n", seed);
    srand(seed);
    memset(table, 0, sizeof table);
    bursts_init(&bursts);
    struct publish *p = make();
    int64_t now_ms = 0;
    int at_once = 0;
    for (int i = 0; i < TOUCHES; i++) {
        const uint32_t known = 1 + (uint32_t)((int64_t)i * TABLE / TOUCHES);
        const uint32_t slot = (uint32_t)rand() % (rand() % 3 ? known : 1 + known / 50);
        const int64_t ms = 1 + rand() % 1000;
        touch_table(&table[slot], ms, now_ms, i);
        at_once += table[slot].term_ms == 0;
        assert_int_equal(publish_touch(p, slot, ms, now_ms), ST_OK);
        now_ms += rand() % 3;
        if (i % 7 == 0) {
            drain_both(p, now_ms);
        }
    }
    for (int k = 0; k < INTERVAL; k++) {
        drain_both(p, now_ms++);
    }
    drain_both(p, now_ms);
    assert_true(at_once > TOUCHES / 10 && at_once < TOUCHES * 9 / 10);
    assert_int_equal(publish_dirty(p), 0);
    publish_free(p);
}

/* ---- cards ------------------------------------------------------------------------------------
 */

static void a_card_is_due_at_first_then_in_another_state_then_when_its_time_has_come(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    assert_int_equal(publish_touch(p, 3, 9, 0), ST_OK);
    assert_true(publish_card_due(p, 3, 5, 1000));
    assert_int_equal(publish_card(p, 3, 1)->digest, 0);
    publish_card_shown(p, 3, 5, 61000);
    assert_false(publish_card_next(p, 1000000, &slot)); /* he did nothing since */
    assert_true(publish_card_due(p, 3, 6, 1100));
    publish_card_shown(p, 3, 6, 61100);
    assert_false(publish_card_due(p, 3, 6, 1200));
    assert_false(publish_card_due(p, 3, 6, 30000));
    assert_false(publish_card_next(p, 61000, &slot));
    assert_true(publish_card_next(p, 61100, &slot));
    assert_int_equal(slot, 3);
    assert_false(publish_card_next(p, 61100, &slot));
    assert_true(publish_card_due(p, 3, 6, 61100));
    publish_free(p);
}

static void a_card_that_was_shown_meanwhile_waits_anew(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    assert_int_equal(publish_touch(p, 0, 9, 0), ST_OK);
    assert_true(publish_card_due(p, 0, 1, 0));
    publish_card_shown(p, 0, 1, 1000);
    assert_false(publish_card_due(p, 0, 1, 500)); /* waits for 1000 */
    publish_card_shown(p, 0, 2, 1600);            /* another state at 600 */
    assert_false(publish_card_due(p, 0, 2, 700)); /* waits for 1600 */
    assert_false(publish_card_next(p, 1500, &slot));
    assert_true(publish_card_next(p, 1600, &slot));
    publish_card_shown(p, 0, 2, 2600);
    assert_false(publish_card_due(p, 0, 2, 1700));
    publish_card_shown(p, 0, 3, 2700); /* and nothing after it */
    assert_false(publish_card_next(p, 100000, &slot));
    publish_free(p);
}

static void forgetting_makes_every_card_due(void **state) {
    (void)state;
    struct publish *p = make();
    assert_int_equal(publish_touch(p, 7, 9, 0), ST_OK);
    assert_true(publish_card_due(p, 7, 1, 0));
    *publish_card(p, 7, 0) = (struct publish_card){.digest = 4, .at_s = 77};
    publish_card_shown(p, 7, 1, 100000);
    assert_false(publish_card_due(p, 7, 1, 0));
    publish_forget(p);
    assert_true(publish_card_due(p, 7, 1, 0));
    assert_int_equal(publish_card(p, 7, 0)->digest, 0);
    assert_int_equal(publish_card(p, 7, 0)->at_s, 77);
    publish_free(p);
}

/* Beside a table that is searched: who waits leaves when his time has come, the earliest first. */
static void cards_come_in_the_order_of_their_times(void **state) {
    (void)state;
    enum { SLOTS = 3000, STEPS = 200000 };
    static int64_t next_ms[SLOTS];
    static bool waits[SLOTS];
    uint64_t seed = 20261126;
    print_message("seed %llu\n", (unsigned long long)seed);
    memset(next_ms, 0, sizeof next_ms);
    memset(waits, 0, sizeof waits);
    struct publish *p = make();
    int left = 0;
    int64_t now_ms = 100;
    for (int n = 0; n < STEPS; n++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        const uint32_t slot = (uint32_t)(seed >> 33) % (uint32_t)(n / 60 + 1) % SLOTS;
        now_ms += (int64_t)(seed >> 60) * 100;
        assert_int_equal(publish_touch(p, slot, 1, 0), ST_OK); /* it grows */
        const bool due = now_ms >= next_ms[slot];
        assert_int_equal(publish_card_due(p, slot, 1, now_ms), due);
        if (due) {
            next_ms[slot] = now_ms + (int64_t)(seed >> 20 & 0xffff) * 100;
            publish_card_shown(p, slot, 1, next_ms[slot]);
            publish_card(p, slot, 1)->at_s = slot;
        }
        waits[slot] = !due;
        uint32_t got = 0;
        int64_t before = 0;
        while (publish_card_next(p, now_ms, &got)) {
            assert_true(waits[got] && next_ms[got] <= now_ms && next_ms[got] >= before);
            assert_int_equal(publish_card(p, got, 1)->at_s, got);
            before = next_ms[got];
            waits[got] = false;
            left++;
        }
        for (uint32_t k = 0; n % 1000 == 0 && k < SLOTS; k++) {
            assert_true(!waits[k] || next_ms[k] > now_ms);
        }
    }
    assert_true(left > 1000);
    publish_free(p);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct publish *p = NULL;
    fail_after(0);
    const enum status made = publish_new(TARGETS, INTERVAL, &p);
    fail_after(-1);
    assert_int_equal(made, ST_NOMEM);
    assert_null(p);
    p = make();
    assert_int_equal(publish_touch(p, 3, 9, 0), ST_OK);
    publish_written(p, 3, 1)->digest = 4;
    for (int left = 0; left < 4; left++) { /* growing takes four allocations */
        fail_after(left);
        const enum status st = publish_touch(p, 100000, 1, 0);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(publish_slots(p), 4);
        assert_int_equal(publish_dirty(p), 1);
        assert_int_equal(publish_written(p, 3, 1)->digest, 4);
    }
    assert_int_equal(publish_touch(p, 100000, 1, 0), ST_OK);
    assert_next(p, 3, 9);
    assert_next(p, 100000, 1);
    publish_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_has_nobody),
        cmocka_unit_test(dirty_users_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(a_user_waits_once_with_the_newest_record_behind_him),
        cmocka_unit_test(looking_removes_nobody),
        cmocka_unit_test(what_was_written_stays_when_users_come_and_is_told_apart),
        cmocka_unit_test(forgetting_takes_every_digest_and_nobody_from_the_queue),
        cmocka_unit_test(whoever_may_do_more_waits_for_an_interval_after_his_first_news),
        cmocka_unit_test(a_clock_that_has_run_for_months_changes_nothing),
        cmocka_unit_test(who_hardly_ever_does_more_is_due_at_once_unless_he_just_was),
        cmocka_unit_test(whoever_is_overdue_most_comes_first),
        cmocka_unit_test(who_need_not_wait_and_found_no_room_is_counted_and_drained_as_others_are),
        cmocka_unit_test(who_comes_next_is_known_where_he_waits_in_the_same_place),
        cmocka_unit_test(the_queue_is_that_of_a_plain_table_while_it_grows),
        cmocka_unit_test(a_card_is_due_at_first_then_in_another_state_then_when_its_time_has_come),
        cmocka_unit_test(a_card_that_was_shown_meanwhile_waits_anew),
        cmocka_unit_test(forgetting_makes_every_card_due),
        cmocka_unit_test(cards_come_in_the_order_of_their_times),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
