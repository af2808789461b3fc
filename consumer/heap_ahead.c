/* SPDX-License-Identifier: Apache-2.0
 * heap_ahead.c -- see heap_ahead.h. */
#include "heap_ahead.h" /* built with _DEFAULT_SOURCE: sbrk(), madvise() */

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "room.h"

enum {
    PAGE = 4096,
    PART = 2 << 20,
    USUAL = 128 << 10,   /* glibc's defaults, of thresholds and steps */
    FREE_TOP = 32 << 20, /* what batches and fetches free is used again: no page faults */
    BUFFERS = 32 << 20,
    NEVER = 1 << 30,
};

void heap_usual(void) {
    /* glibc raises this by itself, to 32 MiB: batches of changing sizes then leave holes in the
     * heap, which grows for hours (tests/fault/soak.sh). */
    (void)mallopt(M_MMAP_THRESHOLD, USUAL);
    (void)mallopt(M_TRIM_THRESHOLD, FREE_TOP);
}

static char *heap_end(void) {
    void *end = sbrk(0);
    return (intptr_t)end == -1 ? NULL : end;
}

void heap_ahead_begin(struct heap_ahead *h) {
    if (h->begun) {
        return;
    }
    *h = (struct heap_ahead){.began = heap_end(), .begun = true};
    (void)mallopt(M_MMAP_THRESHOLD, BUFFERS);
    (void)mallopt(M_TRIM_THRESHOLD, NEVER);
}

/* Present, without a change of what is in it; a kernel before 5.14 refuses, and faults as ever. */
static void make_present(void *ctx, size_t k) {
    const struct heap_ahead *h = ctx;
    char *from = h->from + k * PART;
    char *to = h->seen - from > PART ? from + PART : h->seen;
#ifdef MADV_POPULATE_WRITE
    char *first = from + (PAGE - (uintptr_t)from % PAGE) % PAGE;
    if (first < to) {
        (void)madvise(first, (size_t)(to - first), MADV_POPULATE_WRITE);
    }
#else
    (void)to;
#endif
}

static void grow_large(struct heap_ahead *h) {
    if (hands_new(&h->hands)) {
        h->hands = NULL;
        return;
    }
    (void)mallopt(M_TOP_PAD, HEAP_AHEAD_STEP);
    h->seen = heap_end();
}

void heap_ahead_go(struct heap_ahead *h) {
    char *end = h->begun ? heap_end() : NULL;
    if (!end || end - h->began < HEAP_AHEAD_FROM) {
        return;
    }
    if (!h->hands) {
        grow_large(h);
    } else if (end > h->seen) {
        hands_finish(h->hands);
        h->from = h->seen;
        h->seen = end;
        room_huge_pages_grown(h->from, end); /* fewer of them to make present */
        hands_start(h->hands, make_present, h, ((size_t)(end - h->from) + PART - 1) / PART);
    }
}

void heap_ahead_end(struct heap_ahead *h) {
    if (!h->begun) {
        return;
    }
    if (h->hands) {
        hands_finish(h->hands);
        hands_free(h->hands);
    }
    (void)mallopt(M_TOP_PAD, USUAL);
    (void)mallopt(M_MMAP_THRESHOLD, USUAL);
    (void)mallopt(M_TRIM_THRESHOLD, FREE_TOP);
    (void)malloc_trim(0);
    *h = (struct heap_ahead){0};
}
