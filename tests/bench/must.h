/* SPDX-License-Identifier: Apache-2.0
 *
 * must.h -- a bench ends with a line that says why when something fails. BENCH_NAME: how it calls
 * itself, defined before.
 */
#ifndef MUST_H
#define MUST_H

#include <stdio.h>
#include <stdlib.h>

#include "status.h"

static inline _Noreturn void die(const char *what) {
    fprintf(stderr, BENCH_NAME ": %s\n", what);
    exit(1);
}

static inline void must(enum status st, const char *what) {
    if (st) {
        fprintf(stderr, BENCH_NAME ": %s: %s\n", what, status_str(st));
        exit(1);
    }
}

/** Zeroed; for free(). */
static inline void *room(size_t n, size_t size) {
    void *p = calloc(n, size);
    if (!p) {
        die("out of memory");
    }
    return p;
}

#endif
