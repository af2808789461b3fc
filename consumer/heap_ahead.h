/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_ahead.h -- the heap while a state is read: a gigabyte of users is made in a second or two,
 * and as much comes and goes in buffers of what is fetched.
 *
 * A page that is touched for the first time costs the kernel a fault, with the learner waiting:
 * once the heap has grown by HEAP_AHEAD_FROM it grows in large steps, which another thread makes
 * present. Buffers are kept for the next fetch instead of being unmapped and mapped anew. At the
 * end what is free goes back. With another malloc than glibc's nothing happens.
 *
 *     heap_usual();                   main, before any thread
 *     heap_ahead_begin(&h);
 *     heap_ahead_go(&h);              now and then
 *     heap_ahead_end(&h);
 *
 * Threads: one at a time has one; it is the process's heap.
 */
#ifndef HEAP_AHEAD_H
#define HEAP_AHEAD_H

#include <stdbool.h>

#include "hands.h"

enum { HEAP_AHEAD_FROM = 32 << 20, HEAP_AHEAD_STEP = 16 << 20 };

struct heap_ahead {      /* all 0: not begun */
    char *began, *seen;  /* ends of the heap */
    char *from;          /* of what is being made present */
    struct hands *hands; /* NULL: nothing is */
    bool begun;
};

/** What the process runs with. */
void heap_usual(void);

void heap_ahead_begin(struct heap_ahead *h);
void heap_ahead_go(struct heap_ahead *h);
/** Also of one that was not begun. */
void heap_ahead_end(struct heap_ahead *h);

#endif
