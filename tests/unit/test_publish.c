/* SPDX-License-Identifier: Apache-2.0
 *
 * test_publish.c -- the contract of publish.h, against a plain list of the users that wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "publish.h"

enum { TARGETS = 2 };

static struct publish *make(void) {
    struct publish *p = NULL;
    assert_int_equal(publish_new(TARGETS, &p), ST_OK);
    return p;
}

static void assert_next(struct publish *p, uint32_t slot, int64_t record_ms) {
    uint32_t s = UINT32_MAX;
    int64_t ms = -7;
    assert_true(publish_peek(p, &s, &ms));
    assert_int_equal(s, slot);
    assert_int_equal(ms, record_ms);
    assert_int_equal(publish_ahead(p, 0), slot);
    const uint32_t next = publish_ahead(p, 1);
    publish_pop(p);
    assert_int_equal(publish_ahead(p, 0), next);
    assert_int_equal(publish_ahead(p, (uint32_t)publish_dirty(p)), UINT32_MAX);
}

static void a_new_one_has_nobody(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 77;
    int64_t ms = 77;
    assert_false(publish_peek(p, &slot, &ms));
    assert_true(slot == 77 && ms == 77);
    assert_int_equal(publish_dirty(p), 0);
    assert_int_equal(publish_slots(p), 0);
    publish_forget(p);
    publish_free(p);
    publish_free(NULL);
}

static void dirty_users_leave_in_the_order_in_which_they_came(void **state) {
    (void)state;
    struct publish *p = make();
    assert_int_equal(publish_touch(p, 5, 100), ST_OK);
    assert_int_equal(publish_touch(p, 2, 200), ST_OK);
    assert_int_equal(publish_touch(p, 9, 300), ST_OK);
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
    assert_int_equal(publish_touch(p, 1, 100), ST_OK);
    assert_int_equal(publish_touch(p, 2, 150), ST_OK);
    assert_int_equal(publish_touch(p, 1, 300), ST_OK);
    assert_int_equal(publish_touch(p, 1, 200), ST_OK); /* late: the newest counts */
    assert_int_equal(publish_touch(p, 3, -1), ST_OK);  /* unknown                 */
    assert_int_equal(publish_dirty(p), 3);
    assert_next(p, 1, 300);
    assert_next(p, 2, 150);
    assert_next(p, 3, 0);
    assert_int_equal(publish_touch(p, 1, 50), ST_OK); /* what was behind him is done */
    assert_next(p, 1, 50);
    publish_free(p);
}

static void looking_removes_nobody(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    int64_t ms = 0;
    assert_int_equal(publish_touch(p, 4, 1), ST_OK);
    assert_true(publish_peek(p, &slot, &ms));
    assert_true(publish_peek(p, &slot, &ms));
    assert_int_equal(slot, 4);
    assert_int_equal(publish_dirty(p), 1);
    publish_free(p);
}

static void what_was_written_stays_when_users_come_and_is_told_apart(void **state) {
    (void)state;
    enum { USERS = 5000 };
    struct publish *p = make();
    for (uint32_t s = 0; s < USERS; s++) {
        assert_int_equal(publish_touch(p, s, 1), ST_OK);
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
        assert_int_equal(publish_touch(p, s, 1), ST_OK);
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

/* The truth: an array of who waits, in order. Slots grow while the queue is not empty, so
 * that it is moved with its head anywhere. */
static void the_queue_is_that_of_a_naive_list_while_it_grows(void **state) {
    (void)state;
    enum { STEPS = 60000, USERS = 9000 };
    static uint32_t list[USERS];
    static int64_t newest[USERS];
    size_t n = 0;
    const unsigned seed = 41;
    print_message("seed %u\n", seed);
    srand(seed);
    struct publish *p = make();
    for (int i = 0; i < STEPS; i++) {
        const uint32_t known = 1 + (uint32_t)((int64_t)i * USERS / STEPS);
        if (rand() % 5 < 3) {
            const uint32_t slot = (uint32_t)rand() % known;
            const int64_t ms = 1 + rand() % 1000;
            size_t k = 0;
            while (k < n && list[k] != slot) {
                k++;
            }
            if (k == n) {
                list[n++] = slot;
                newest[slot] = 0;
            }
            newest[slot] = ms > newest[slot] ? ms : newest[slot];
            assert_int_equal(publish_touch(p, slot, ms), ST_OK);
        } else if (n > 0) {
            assert_next(p, list[0], newest[list[0]]);
            memmove(list, list + 1, --n * sizeof list[0]);
        }
        assert_int_equal(publish_dirty(p), n);
    }
    for (size_t k = 0; k < n; k++) {
        assert_next(p, list[k], newest[list[k]]);
    }
    publish_free(p);
}

/* ---- cards ------------------------------------------------------------------------------------
 */

static void a_card_is_due_at_first_then_in_another_state_then_when_its_time_has_come(void **state) {
    (void)state;
    struct publish *p = make();
    uint32_t slot = 0;
    assert_int_equal(publish_touch(p, 3, 9), ST_OK);
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
    assert_int_equal(publish_touch(p, 0, 9), ST_OK);
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
    assert_int_equal(publish_touch(p, 7, 9), ST_OK);
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
        assert_int_equal(publish_touch(p, slot, 1), ST_OK); /* it grows */
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
    const enum status made = publish_new(TARGETS, &p);
    fail_after(-1);
    assert_int_equal(made, ST_NOMEM);
    assert_null(p);
    p = make();
    assert_int_equal(publish_touch(p, 3, 9), ST_OK);
    publish_written(p, 3, 1)->digest = 4;
    for (int left = 0; left < 3; left++) { /* growing takes three allocations */
        fail_after(left);
        const enum status st = publish_touch(p, 100000, 1);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_int_equal(publish_slots(p), 4);
        assert_int_equal(publish_dirty(p), 1);
        assert_int_equal(publish_written(p, 3, 1)->digest, 4);
    }
    assert_int_equal(publish_touch(p, 100000, 1), ST_OK);
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
        cmocka_unit_test(the_queue_is_that_of_a_naive_list_while_it_grows),
        cmocka_unit_test(a_card_is_due_at_first_then_in_another_state_then_when_its_time_has_come),
        cmocka_unit_test(a_card_that_was_shown_meanwhile_waits_anew),
        cmocka_unit_test(forgetting_makes_every_card_due),
        cmocka_unit_test(cards_come_in_the_order_of_their_times),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
