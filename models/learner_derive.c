/* SPDX-License-Identifier: Apache-2.0
 * learner_derive.c -- see learner_log.h: what follows from sums, anew.
 *
 * While events come, vectors, recent items, tops of categories and the order of the catalogue are
 * brought along one by one, and depend on the way: whose events were seen first, what was undone,
 * what a snapshot held. Here they become functions of sums, rows and hashes. */
#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "learner_state.h"

/* An item on its way into an order. */
struct placed {
    int64_t ms;
    uint64_t tie;
    uint32_t item;
};

static int by_hash(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The indices of all items, by their hashes; room for n + 1. */
static bool order_items(const struct shared *s, uint64_t *hashes, uint32_t *order) {
    const uint32_t n = s->n_items;
    if (n == 0 || !hashes || !order) {
        return false;
    }
    memcpy(hashes, items_hashes(s->items), n * sizeof *hashes);
    qsort(hashes, n, sizeof *hashes, by_hash);
    for (uint32_t k = 0; k < n; k++) {
        order[k] = items_find(s->items, hashes[k]);
    }
    return true;
}

/* The items that are taken most in each category, of equal ones those with the smaller hash. */
static void renew_category_tops(struct shared *s, const uint32_t *order) {
    categories_forget_tops(s->categories);
    for (uint32_t k = 0; k < s->n_items; k++) {
        categories_offer_top(s->categories, content_category(s->content, order[k]), order[k]);
    }
}

static int by_time(const void *a, const void *b) {
    const struct placed *x = a;
    const struct placed *y = b;
    if (x->ms != y->ms) {
        return x->ms < y->ms ? -1 : 1;
    }
    return x->tie < y->tie ? -1 : x->tie > y->tie;
}

/* When an item was new: as its row says, or when it was first taken. Of whom neither is known stay
 * the newest, in the order in which they came. */
static struct placed placed_of(const struct shared *s, uint32_t i, uint32_t k) {
    const struct pop_hot *hot = &popularity_hot(s->popularity)[i];
    const int64_t row_ms = content_ts_ms(s->content, i);
    if (row_ms <= 0 && hot->count == 0) {
        return (struct placed){.ms = INT64_MAX, .tie = k, .item = i};
    }
    return (struct placed){
        .ms = row_ms > 0 ? row_ms : hot->first_ms, .tie = items_hash(s->items, i), .item = i};
}

static void renew_order(struct shared *s, struct placed *placed, uint32_t *order) {
    for (uint32_t d = 0; d < s->n_domains; d++) {
        const uint32_t n = items_n_of(s->items, (uint8_t)d);
        for (uint32_t k = 0; k < n; k++) {
            placed[k] = placed_of(s, items_of(s->items, (uint8_t)d, k), k);
        }
        if (n > 0) {
            qsort(placed, n, sizeof *placed, by_time);
        }
        for (uint32_t k = 0; k < n; k++) {
            order[k] = placed[k].item;
        }
        items_reorder(s->items, (uint8_t)d, order);
    }
}

void learner_solve_all(struct learner *l) {
    const size_t room = (size_t)l->shared->n_items + 1;
    uint64_t *hashes = malloc(room * sizeof *hashes);
    uint32_t *order = malloc(room * sizeof *order);
    if (order_items(l->shared, hashes, order)) {
        factors_solve_all(l->shared->factors, order, l->shared->n_items);
    }
    free(hashes);
    free(order);
}

void learner_derive(struct learner *l) {
    struct shared *s = l->shared;
    const size_t room = (size_t)s->n_items + 1;
    uint64_t *hashes = malloc(room * sizeof *hashes);
    uint32_t *order = malloc(room * sizeof *order);
    struct placed *placed = malloc(room * sizeof *placed);
    if (placed && order_items(s, hashes, order)) {
        factors_solve_all(s->factors, order, s->n_items);
        renew_category_tops(s, order);
        renew_order(s, placed, order);
    }
    popularity_renew_recent(s->popularity);
    shared_refresh_top_lists(s);
    free(hashes);
    free(order);
    free(placed);
}
