/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_large.h -- a large heap lies in huge pages, where the system lets programs ask for them.
 *
 * Users and lists of neighbours are met at random: each is in another page of 4 KB, whose address
 * has to be looked up first. From HEAP_LARGE on the heap grows by HEAP_LARGE_STEP, and what it has
 * grown by asks for pages of 2 MB; what lay there before is moved together by the kernel when it
 * has time. With another malloc than glibc's nothing happens.
 *
 *     struct heap_large h = {0};
 *     heap_large_look(&h);            often: a comparison, if the heap has not grown
 *
 * Threads: one at a time has one; it is the process's heap.
 */
#ifndef HEAP_LARGE_H
#define HEAP_LARGE_H

#include <stdbool.h>

enum { HEAP_LARGE = 32 << 20, HEAP_LARGE_STEP = 16 << 20 };

struct heap_large {     /* all 0: not looked yet */
    char *began, *seen; /* ends of the heap: at the first look, at the last */
    bool large;
};

/** Has the heap grown? */
void heap_large_look(struct heap_large *h);

#endif
