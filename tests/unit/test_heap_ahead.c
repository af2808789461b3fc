/* SPDX-License-Identifier: Apache-2.0
 *
 * test_heap_ahead.c -- contract tests of consumer/heap_ahead.h.
 *
 * glibc's own account is the truth: what it maps by itself, and how large its heap is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "glibc_malloc.h"
#include "heap_ahead.h"

enum { BLOCK = 1000, BLOCKS = 100000, LOOK = 512, BUFFER = 4 << 20 };

static bool is_mapped(size_t bytes) {
    const size_t before = mallinfo2().hblks;
    char *p = malloc(bytes);
    assert_non_null(p);
    const bool mapped = mallinfo2().hblks > before;
    free(p);
    return mapped;
}

static unsigned char *block_new(unsigned k) {
    unsigned char *p = malloc(BLOCK);
    assert_non_null(p);
    memset(p, (int)(k % 251), BLOCK);
    return p;
}

static void what_is_in_the_heap_stays(void **state) {
    (void)state;
    unsigned char **blocks = calloc(BLOCKS, sizeof *blocks);
    assert_non_null(blocks);
    struct heap_ahead h = {0};
    heap_ahead_begin(&h);
    heap_ahead_begin(&h); /* it has */
    for (unsigned k = 0; k < BLOCKS; k++) {
        blocks[k] = block_new(k);
        if (k % LOOK == 0) {
            heap_ahead_go(&h);
        }
    }
#if GLIBC_MALLOC
    assert_non_null(h.hands);
    assert_true(h.seen - h.began >= BLOCKS / 2 * BLOCK);
#endif
    heap_ahead_end(&h);
    for (unsigned k = 0; k < BLOCKS; k++) {
        for (size_t x = 0; x < BLOCK; x++) {
            assert_int_equal(blocks[k][x], k % 251);
        }
        free(blocks[k]);
    }
    free(blocks);
}

static void buffers_are_kept_from_the_beginning_to_the_end(void **state) {
    (void)state;
    if (!GLIBC_MALLOC) {
        skip();
    }
    struct heap_ahead h = {0};
    heap_usual();
    assert_true(is_mapped(BUFFER));
    heap_ahead_begin(&h);
    assert_false(is_mapped(BUFFER));
    heap_ahead_go(&h);
    assert_false(is_mapped(BUFFER));
    heap_ahead_end(&h);
    assert_true(is_mapped(BUFFER));
}

static void a_small_state_has_no_thread(void **state) {
    (void)state;
    struct heap_ahead h = {0};
    heap_ahead_go(&h); /* not begun: nothing */
    heap_ahead_end(&h);
    heap_ahead_begin(&h);
    char *p = malloc(BUFFER);
    assert_non_null(p);
    heap_ahead_go(&h);
    assert_null(h.hands);
    free(p);
    heap_ahead_end(&h);
    assert_false(h.begun);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_are_kept_from_the_beginning_to_the_end),
        cmocka_unit_test(a_small_state_has_no_thread),
        cmocka_unit_test(what_is_in_the_heap_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
