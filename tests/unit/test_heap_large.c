/* SPDX-License-Identifier: Apache-2.0
 *
 * test_heap_large.c -- contract tests of consumer/heap_large.h.
 *
 * The kernel's own account is the truth: VmFlags in /proc/self/smaps has "hg" where huge pages were
 * asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "glibc_malloc.h"
#include "heap_large.h"

enum { BLOCK = 1000, LOOK = 64, SMALL = HEAP_LARGE / 2 / BLOCK, MANY = 4 * HEAP_LARGE / BLOCK };

/* Does the mapping that has this byte ask for huge pages? */
static bool asks(const void *byte) {
    const uintptr_t at = (uintptr_t)byte;
    char line[4096];
    bool here = false;
    bool found = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            here = from <= at && at < to;
        }
        found = found || (here && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg"));
    }
    fclose(f);
    return found;
}

/* n more of them, each holding the one before; looks now and then. */
static void **grow(struct heap_large *h, void **last, unsigned n) {
    for (unsigned k = 0; k < n; k++) {
        void **block = malloc(BLOCK);
        assert_non_null(block);
        memset(block, (int)(k % 251), BLOCK);
        *block = (void *)last;
        last = block;
        if (k % LOOK == 0) {
            heap_large_look(h);
        }
    }
    return last;
}

static void release(void **last) {
    while (last) {
        void **before = (void **)*last;
        free((void *)last);
        last = before;
    }
}

static void skip_where_there_are_none(void) {
    if (!GLIBC_MALLOC || access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) != 0) {
        skip();
    }
}

static void a_large_heap_asks_also_for_what_it_was_and_a_small_one_does_not(void **state) {
    (void)state;
    skip_where_there_are_none();
    struct heap_large h = {0};
    heap_large_look(&h);
    void **first = grow(&h, NULL, SMALL);
    assert_false(asks((void *)first));
    void **last = grow(&h, first, MANY);
    heap_large_look(&h);
    assert_true(asks((void *)first));
    assert_true(asks((void *)last));
    release(last);
}

static void what_is_in_it_stays(void **state) {
    (void)state;
    struct heap_large h = {0};
    void **last = grow(&h, NULL, MANY);
    unsigned k = MANY;
    for (void **block = last; block; block = (void **)*block) {
        k--;
        for (size_t x = sizeof(void *); x < BLOCK; x++) {
            assert_int_equal(((unsigned char *)block)[x], k % 251);
        }
    }
    assert_int_equal(k, 0);
    release(last);
}

static void it_shrinks_and_grows_again(void **state) {
    (void)state;
    skip_where_there_are_none();
    struct heap_large h = {0};
    heap_large_look(&h);
    release(grow(&h, NULL, MANY));
    heap_large_look(&h);
    void **last = grow(&h, NULL, MANY);
    heap_large_look(&h);
    assert_true(asks((void *)last));
    release(last);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_heap_asks_also_for_what_it_was_and_a_small_one_does_not),
        cmocka_unit_test(what_is_in_it_stays),
        cmocka_unit_test(it_shrinks_and_grows_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
