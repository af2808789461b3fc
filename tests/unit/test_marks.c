/* SPDX-License-Identifier: Apache-2.0
 *
 * test_marks.c -- contract tests of consumer/marks.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "failing_alloc.h"
#include "marks.h"

static void a_mark_is_made_once_for_each_task_and_kept(void **state) {
    (void)state;
    struct marks m = {0};
    for (int32_t t = -50; t < 50; t++) {
        struct mark *mark = marks_of(&m, t);
        assert_non_null(mark);
        assert_false(mark->known);
        assert_int_equal(mark->fenced_epoch, 0);
        mark->fenced_epoch = (uint64_t)(t + 100);
    }
    for (int32_t t = -50; t < 50; t++) {
        assert_int_equal(marks_of(&m, t)->fenced_epoch, t + 100);
    }
    assert_int_equal(m.n, 100);
    marks_free(&m);
}

static void forgetting_keeps_what_was_told_of_newer_owners(void **state) {
    (void)state;
    struct marks m = {0};
    assert_null(marks_any(&m));
    *marks_of(&m, 3) = (struct mark){.task = 3, .known = true, .fenced_epoch = 9};
    marks_of(&m, 4)->known = true;
    assert_non_null(marks_any(&m));
    marks_forget(&m);
    assert_null(marks_any(&m));
    assert_int_equal(marks_of(&m, 3)->fenced_epoch, 9);
    marks_free(&m);
}

static void older_missing_and_foreign_values_are_lost(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool lost;
    } CASES[] = {
        {"{\"version\":[10,10],", false},
        {"{\"version\":[10,11],", false},
        {"{\"version\":[11,0],", false},
        {"{\"version\":[10,9],", true},
        {"{\"version\":[9,10],", true},
        {"{\"version\":[9,99],", true},
        {"", true},
        {"rubbish", true},
        {NULL, true},
    };
    struct mark known = {.known = true, .epoch = 10, .seq = 10};
    const struct mark unknown = {.epoch = 10, .seq = 10};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        size_t len = CASES[i].value ? strlen(CASES[i].value) : 0;
        assert_int_equal(mark_is_lost(&known, CASES[i].value, len), CASES[i].lost);
        assert_false(mark_is_lost(&unknown, CASES[i].value, len));
    }
}

static void without_memory_there_is_no_mark_and_the_others_stay(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct marks m = {0};
    size_t made = 0;
    fail_after(1);
    while (marks_of(&m, (int32_t)made)) {
        made++;
    }
    fail_after(-1);
    assert_true(made > 0);
    assert_int_equal(m.n, made);
    assert_non_null(marks_of(&m, (int32_t)made));
    marks_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_made_once_for_each_task_and_kept),
        cmocka_unit_test(forgetting_keeps_what_was_told_of_newer_owners),
        cmocka_unit_test(older_missing_and_foreign_values_are_lost),
        cmocka_unit_test(without_memory_there_is_no_mark_and_the_others_stay),
    };
    return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
