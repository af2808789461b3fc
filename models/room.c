/* SPDX-License-Identifier: Apache-2.0
 *
 * room.c -- see room.h. Built with _DEFAULT_SOURCE, for madvise().
 */
#include "room.h"

#include <stdint.h>
#include <sys/mman.h>

void room_huge_pages(void *array, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = ROOM_HUGE_PAGE;
    const uintptr_t from = ((uintptr_t)array + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)array + bytes) / page * page;
    if (from < to) {
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
    }
#else
    (void)array;
    (void)bytes;
#endif
}

void room_huge_pages_grown(char *from, char *end) {
    from -= (uintptr_t)from % ROOM_HUGE_PAGE;
    room_huge_pages(from, (size_t)(end - from));
}
