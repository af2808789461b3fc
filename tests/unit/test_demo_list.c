/* SPDX-License-Identifier: Apache-2.0
 * test_demo_list.c -- tests the contract in demo_list.h against what rec.c writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "demo_list.h"
#include "rec.h"

static const char VALUE[] =
    "{\"version\":[7,12],\"schema\":1,\"rec\":\"0-7-12\",\"ts\":1767571200000,"
    "\"personalised\":true,\"model\":\"linear\",\"segment\":null,\"arm\":null,\"items\":["
    "{\"id\":\"c17\",\"score\":1.5,\"reason\":\"taste\"},"
    "{\"id\":\"a\\\"b\\u00e9\",\"score\":null,\"reason\":\"together\"}]}";

static void a_list_is_read_with_version_time_items_and_reasons(void **state) {
    (void)state;
    struct demo_list *l = calloc(1, sizeof *l);
    assert_int_equal(demo_list_read(VALUE, sizeof VALUE - 1, l), ST_OK);
    assert_int_equal(l->epoch, 7);
    assert_int_equal(l->seq, 12);
    assert_true(l->ts_ms == INT64_C(1767571200000));
    assert_int_equal(l->segment, -1);
    assert_int_equal(l->n, 2);
    assert_string_equal(l->items[0].id, "c17");
    assert_string_equal(l->items[0].reason, "taste");
    assert_string_equal(l->items[1].id, "a\"b\xc3\xa9");
    assert_true(demo_list_has(l, "c17"));
    assert_false(demo_list_has(l, "c1"));
    free(l);
}

static void what_rec_writes_is_read_back(void **state) {
    (void)state;
    static struct config cfg;
    config_defaults(&cfg);
    cfg.list_n = 3;
    struct rec *r = calloc(1, rec_bytes(3));
    char *value = malloc(rec_value_max(&cfg));
    struct demo_list *l = calloc(1, sizeof *l);
    r->kind = REC_LIST;
    r->epoch = 1767571200;
    r->seq = 3;
    r->ts_ms = 42;
    r->segment = 5;
    r->n = 3;
    const char *ids[] = {"f1", "tab\there", "quote\"and\\"};
    for (size_t k = 0; k < 3; k++) {
        r->items[k] = (struct rec_item){
            .id = ids[k], .id_len = (uint16_t)strlen(ids[k]), .score = 0.5F, .reason = (uint8_t)k};
    }
    const size_t len = rec_value(&cfg, r, value);
    assert_int_equal(demo_list_read(value, len, l), ST_OK);
    assert_int_equal(l->epoch, 1767571200);
    assert_int_equal(l->seq, 3);
    assert_int_equal(l->segment, 5);
    assert_int_equal(l->ts_ms, 42);
    assert_int_equal(l->n, 3);
    for (size_t k = 0; k < 3; k++) {
        assert_string_equal(l->items[k].id, ids[k]);
    }
    assert_string_equal(l->items[1].reason, "trending");
    free(l);
    free(value);
    free(r);
}

static void what_is_no_list_is_refused_and_changes_nothing(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "null",
        "[]",
        "{\"version\":[1],\"ts\":1,\"items\":[]}",
        "{\"version\":[1,2],\"items\":[]}",
        "{\"version\":[1,2],\"ts\":\"x\",\"items\":[]}",
        "{\"version\":[1,2],\"ts\":1}",
        "{\"version\":[1,2],\"ts\":1,\"items\":[{\"id\":1,\"reason\":\"x\"}]}",
        "{\"version\":[1,2],\"ts\":1,\"items\":[{\"id\":\"a\"}]}",
        "{\"version\":[1,2],\"ts\":1,\"items\":[{\"id\":\"a\",\"reason\":\"0123456789abcdef\"}]}",
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct demo_list *l = calloc(1, sizeof *l);
        l->seq = 99;
        assert_int_equal(demo_list_read(bad[k], strlen(bad[k]), l), ST_INVALID);
        assert_int_equal(l->seq, 99);
        free(l);
    }
    for (size_t len = 0; len < sizeof VALUE - 1; len++) { /* and every beginning of a good one */
        struct demo_list *l = calloc(1, sizeof *l);
        assert_int_equal(demo_list_read(VALUE, len, l), ST_INVALID);
        free(l);
    }
}

static void more_items_than_there_is_room_for_are_left_out(void **state) {
    (void)state;
    char *value = calloc(1, 64 * 1024);
    strcpy(value, "{\"version\":[1,2],\"ts\":1,\"items\":[{\"id\":\"x\",\"reason\":\"new\"}");
    for (int k = 0; k < CONFIG_LIST_MAX + 20; k++) {
        strcat(value, ",{\"id\":\"y\",\"reason\":\"new\"}");
    }
    strcat(value, "]}");
    struct demo_list *l = calloc(1, sizeof *l);
    assert_int_equal(demo_list_read(value, strlen(value), l), ST_OK);
    assert_int_equal(l->n, CONFIG_LIST_MAX);
    assert_string_equal(l->items[0].id, "x");
    free(l);
    free(value);
}

static void two_lists_are_the_same_if_one_write_wrote_them(void **state) {
    (void)state;
    struct demo_list *l = calloc(3, sizeof *l);
    l[0].epoch = l[1].epoch = l[2].epoch = 5;
    l[0].seq = l[1].seq = 6;
    l[2].seq = 7;
    assert_true(demo_list_same(&l[0], &l[1]));
    assert_false(demo_list_same(&l[0], &l[2]));
    l[1].epoch = 6;
    assert_false(demo_list_same(&l[0], &l[1]));
    free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_with_version_time_items_and_reasons),
        cmocka_unit_test(what_rec_writes_is_read_back),
        cmocka_unit_test(what_is_no_list_is_refused_and_changes_nothing),
        cmocka_unit_test(more_items_than_there_is_room_for_are_left_out),
        cmocka_unit_test(two_lists_are_the_same_if_one_write_wrote_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
