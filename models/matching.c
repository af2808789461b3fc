/* SPDX-License-Identifier: Apache-2.0
 *
 * matching.c -- see matching.h.
 *
 * Prices of rows and columns keep every reduced cost, cost - row - column, at or above 0, and
 * at 0 where a row is matched. Each row in turn looks for the shortest path of reduced costs,
 * in the manner of Dijkstra, that ends in a free column; along it everyone moves over by one.
 */
#include "matching.h"

#include <math.h>
#include <stdbool.h>

enum { SIZE = MATCHING_MAX + 1, ENTRY = MATCHING_MAX }; /* ENTRY: where paths begin */

struct prices {
    const double *cost;
    uint32_t n;
    double row[MATCHING_MAX];
    double column[SIZE];
    uint32_t owner[SIZE]; /* row of a column; n: free */
};

struct search {
    double slack[MATCHING_MAX];  /* length of the shortest path to a column, so far */
    uint32_t from[MATCHING_MAX]; /* the column before it on that path */
    bool done[SIZE];
};

/* Looks on from a reached column; returns the nearest column that is not reached yet. */
static uint32_t extend(const struct prices *p, struct search *s, uint32_t at) {
    const uint32_t row = p->owner[at];
    uint32_t next = 0;
    double least = HUGE_VAL;
    for (uint32_t j = 0; j < p->n; j++) {
        if (s->done[j]) {
            continue;
        }
        const double reduced = p->cost[row * p->n + j] - p->row[row] - p->column[j];
        if (reduced < s->slack[j]) {
            s->slack[j] = reduced;
            s->from[j] = at;
        }
        if (s->slack[j] < least) {
            least = s->slack[j];
            next = j;
        }
    }
    return next;
}

/* After a step of this length the reached part stays tight and the rest stays above 0. */
static void reprice(struct prices *p, struct search *s, double step) {
    for (uint32_t j = 0; j < SIZE; j++) {
        if (s->done[j]) {
            p->row[p->owner[j]] += step;
            p->column[j] -= step;
        } else if (j < p->n) {
            s->slack[j] -= step;
        }
    }
}

static void add_row(struct prices *p, uint32_t row) {
    struct search s = {.done = {false}};
    for (uint32_t j = 0; j < p->n; j++) {
        s.slack[j] = HUGE_VAL;
        s.from[j] = ENTRY;
    }
    p->owner[ENTRY] = row;
    uint32_t at = ENTRY;
    while (p->owner[at] < p->n) {
        s.done[at] = true;
        const uint32_t next = extend(p, &s, at);
        reprice(p, &s, s.slack[next]);
        at = next;
    }
    while (at != ENTRY) {
        p->owner[at] = p->owner[s.from[at]];
        at = s.from[at];
    }
}

enum status matching_find(const double *cost, uint32_t n, uint32_t *column) {
    if (n > MATCHING_MAX) {
        return ST_INVALID;
    }
    for (uint32_t i = 0; i < n * n; i++) {
        if (!isfinite(cost[i])) {
            return ST_INVALID;
        }
    }
    struct prices p = {.cost = cost, .n = n};
    for (uint32_t j = 0; j < n; j++) {
        p.owner[j] = n;
    }
    for (uint32_t row = 0; row < n; row++) {
        add_row(&p, row);
    }
    for (uint32_t j = 0; j < n; j++) {
        column[p.owner[j]] = j;
    }
    return ST_OK;
}
