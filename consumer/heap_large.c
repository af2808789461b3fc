/* SPDX-License-Identifier: Apache-2.0
 * heap_large.c -- see heap_large.h. */
#include "heap_large.h" /* built with _DEFAULT_SOURCE: sbrk() */

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "room.h"

void heap_large_look(struct heap_large *h) {
    char *end = sbrk(0);
    if ((intptr_t)end == -1 || end == h->seen) {
        return;
    }
    h->began = h->began ? h->began : end;
    const bool large = end - h->began >= HEAP_LARGE;
    if (large && end > h->seen) {
        (void)mallopt(M_TOP_PAD, HEAP_LARGE_STEP);
        if (h->large) {
            room_huge_pages_grown(h->seen, end);
        } else {
            room_huge_pages(h->began, (size_t)(end - h->began));
        }
    }
    h->seen = end;
    h->large = large;
}
