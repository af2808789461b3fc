/* SPDX-License-Identifier: Apache-2.0
 *
 * test_outbox.c -- ids and batches of triggers that are not final.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "outbox.h"

enum { MANY = 200000 };

static struct outbox box;

static int setup(void **state) {
    (void)state;
    box = (struct outbox){0};
    return 0;
}

static int teardown(void **state) {
    (void)state;
    outbox_free(&box);
    return 0;
}

static struct entry_id add(uint64_t user) {
    const struct trigger t = {.id = outbox_mint(&box, 1000),
                              .expires_ms = 5000,
                              .score = (double)NAN,
                              .name = trigger_text("n"),
                              .target = trigger_text("t"),
                              .user = trigger_text("u")};
    assert_int_equal(outbox_add(&box, &t, user, "key", 3, 2, 1), ST_OK);
    return t.id;
}

struct taken {
    struct entry_id ids[16];
    size_t n;
};

static void take(void *arg, struct outbox_entry *e) {
    struct taken *t = arg;
    struct trigger back;
    assert_int_equal(trigger_read(e->bytes, e->len, &back), ST_OK);
    assert_int_equal(entry_id_compare(back.id, e->id), 0);
    assert_int_equal(e->key_len, 3);
    assert_memory_equal(e->bytes + e->len, "key", 3);
    assert_int_equal(e->trigger, 2);
    assert_int_equal(e->target, 1);
    t->ids[t->n++] = e->id;
}

static void ids_grow_whatever_the_clock_does(void **state) {
    (void)state;
    struct entry_id last = {0};
    int64_t clock_ms = 1764115200000;
    uint32_t seed = 5;
    for (int k = 0; k < MANY; k++) {
        seed = seed * 1664525 + 1013904223;
        clock_ms += (int64_t)(seed >> 24) - 130; /* back as often as not */
        clock_ms = seed % 1000 == 0 ? clock_ms - 3600000 : clock_ms;
        const struct entry_id id = outbox_mint(&box, clock_ms);
        assert_true(entry_id_compare(id, last) > 0);
        assert_true(id.ms >= (uint64_t)clock_ms);
        last = id;
    }
    assert_true(entry_id_compare(outbox_mint(&box, -5), last) > 0);
}

static void ids_go_on_behind_what_a_predecessor_minted(void **state) {
    (void)state;
    outbox_pass(&box, (struct entry_id){.ms = 5000, .seq = 7});
    outbox_pass(&box, (struct entry_id){.ms = 5000, .seq = 2}); /* the stream is behind */
    struct entry_id id = outbox_mint(&box, 4000);               /* its clock was ahead */
    assert_int_equal(id.ms, 5000);
    assert_int_equal(id.seq, 8);
    id = outbox_mint(&box, 6000);
    assert_int_equal(id.ms, 6000);
    assert_int_equal(id.seq, 0);
}

static void a_batch_is_handed_over_once_in_order_when_it_is_final(void **state) {
    (void)state;
    size_t n = 0;
    const struct entry_id a = add(1);
    const struct entry_id b = add(2);
    outbox_seal(&box);
    const struct entry_id c = add(3);
    outbox_seal(&box);
    (void)add(4);
    (void)outbox_open(&box, &n);
    assert_int_equal(n, 1);
    struct taken t = {0};
    outbox_committed(&box, take, &t);
    assert_int_equal(t.n, 2);
    assert_int_equal(entry_id_compare(t.ids[0], a), 0);
    assert_int_equal(entry_id_compare(t.ids[1], b), 0);
    outbox_committed(&box, take, &t);
    assert_int_equal(t.n, 3);
    assert_int_equal(entry_id_compare(t.ids[2], c), 0);
    outbox_committed(&box, take, &t); /* the open batch is not final */
    assert_int_equal(t.n, 3);
    (void)outbox_open(&box, &n);
    assert_int_equal(n, 1);
}

static void batches_without_triggers_count_too(void **state) {
    (void)state;
    outbox_seal(&box);
    (void)add(1);
    outbox_seal(&box);
    struct taken t = {0};
    outbox_committed(&box, take, &t);
    assert_int_equal(t.n, 0);
    outbox_committed(&box, take, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(box.bytes, 0);
}

static void what_is_undone_is_gone_and_its_ids_are_not_used_again(void **state) {
    (void)state;
    size_t n = 0;
    (void)add(1);
    outbox_seal(&box);
    const struct entry_id last = add(2);
    outbox_undo(&box);
    (void)outbox_open(&box, &n);
    assert_int_equal(n, 0);
    assert_int_equal(box.bytes, 0);
    assert_true(entry_id_compare(add(3), last) > 0);
    outbox_seal(&box);
    struct taken t = {0};
    outbox_committed(&box, take, &t);
    assert_int_equal(t.n, 1);
}

static void of_a_user_who_is_gone_the_open_batch_has_nothing(void **state) {
    (void)state;
    size_t n = 0;
    (void)add(7);
    outbox_seal(&box);
    (void)add(7);
    (void)add(8);
    (void)add(7);
    outbox_forget(&box, 7);
    const struct outbox_entry *e = outbox_open(&box, &n);
    assert_int_equal(n, 1);
    assert_int_equal(e[0].user, 8);
    struct taken t = {0};
    outbox_committed(&box, take, &t); /* sealed: on its way */
    assert_int_equal(t.n, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_grow_whatever_the_clock_does, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_go_on_behind_what_a_predecessor_minted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_handed_over_once_in_order_when_it_is_final,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(batches_without_triggers_count_too, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_undone_is_gone_and_its_ids_are_not_used_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_user_who_is_gone_the_open_batch_has_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
