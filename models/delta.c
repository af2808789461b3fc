/* SPDX-License-Identifier: Apache-2.0
 * delta.c -- see delta.h. */
#include "delta.h"

#include <stdlib.h>

enum status delta_new(struct delta **out) {
    struct delta *d = calloc(1, sizeof *d);
    if (!d) {
        return ST_NOMEM;
    }
    *out = d;
    return ST_OK;
}

void delta_free(struct delta *d) {
    if (!d) {
        return;
    }
    free(d->takes);
    free(d->pairs);
    free(d->contexts);
    free(d->obs);
    free(d->category_takes);
    free(d->category_pairs);
    free(d->deals);
    free(d->items);
    free(d);
}

void delta_clear(struct delta *d) {
    d->n_takes = d->n_pairs = d->n_contexts = d->n_obs = 0;
    d->n_category_takes = d->n_category_pairs = d->n_deals = d->n_items = 0;
    d->n_events = 0;
    d->has_closed = d->has_nets = false;
    d->n_trained = 0;
}

/* Room for `more` elements behind `n`; doubles. */
static enum status grow(void **array, size_t *cap, size_t n, size_t more, size_t size) {
    if (n + more <= *cap) {
        return ST_OK;
    }
    size_t want = *cap ? 2 * *cap : 256;
    while (want < n + more) {
        want *= 2;
    }
    void *p = realloc(*array, want * size);
    if (!p) {
        return ST_NOMEM;
    }
    *array = p;
    *cap = want;
    return ST_OK;
}

static enum status reserve_items(struct delta *d) {
    void *takes = d->takes;
    void *pairs = d->pairs;
    void *contexts = d->contexts;
    void *obs = d->obs;
    enum status st = grow(&takes, &d->cap_takes, d->n_takes, 1, sizeof *d->takes);
    d->takes = takes;
    if (!st) {
        st = grow(&pairs, &d->cap_pairs, d->n_pairs, PAIRS_WINDOW, sizeof *d->pairs);
        d->pairs = pairs;
    }
    if (!st) {
        st = grow(&contexts, &d->cap_contexts, d->n_contexts, 1, sizeof *d->contexts);
        d->contexts = contexts;
    }
    if (!st) {
        st = grow(&obs, &d->cap_obs, d->n_obs, RANKER_SAMPLE_MAX + 1, sizeof *d->obs);
        d->obs = obs;
    }
    return st;
}

static enum status reserve_categories(struct delta *d) {
    void *takes = d->category_takes;
    void *pairs = d->category_pairs;
    enum status st =
        grow(&takes, &d->cap_category_takes, d->n_category_takes, 1, sizeof *d->category_takes);
    d->category_takes = takes;
    if (!st) {
        st = grow(&pairs, &d->cap_category_pairs, d->n_category_pairs, CATEGORIES_WINDOW,
                  sizeof *d->category_pairs);
        d->category_pairs = pairs;
    }
    void *deals = d->deals;
    if (!st) {
        st = grow(&deals, &d->cap_deals, d->n_deals, 1, sizeof *d->deals);
        d->deals = deals;
    }
    return st;
}

enum status delta_reserve_line(struct delta *d) {
    enum status st = reserve_items(d);
    return st ? st : reserve_categories(d);
}

enum status delta_name_item(struct delta *d, uint32_t item) {
    void *items = d->items;
    const enum status st = grow(&items, &d->cap_items, d->n_items, 1, sizeof *d->items);
    d->items = items;
    if (!st) {
        d->items[d->n_items++] = item;
    }
    return st;
}

void delta_close(struct delta *d, const struct mini_batch *m) {
    if (!d->has_closed) {
        d->closed = *m;
        d->has_closed = true;
        return;
    }
    struct factors_sum *sum = &d->closed.factors;
    for (size_t k = 0; k < FACTORS_SYM; k++) {
        sum->pp[k] += m->factors.pp[k];
    }
    sum->n += m->factors.n;
    sum->n_users += m->factors.n_users;
    segments_sum_add(&d->closed.segments, &m->segments);
    d->closed.n_events += m->n_events;
    d->closed.n_trained += m->n_trained;
}

bool delta_is_empty(const struct delta *d) {
    return d->n_takes + d->n_pairs + d->n_contexts + d->n_obs + d->n_category_takes +
                   d->n_category_pairs + d->n_deals + d->n_items ==
               0 &&
           d->n_events == 0 && !d->has_closed && !d->has_nets;
}

int64_t delta_halved(int64_t v, int64_t halvings) {
    if (halvings <= 0) {
        return v;
    }
    if (halvings > 62) {
        return 0;
    }
    int64_t half = INT64_C(1) << (halvings - 1);
    return v >= 0 ? (v + half) >> halvings : -((-v + half) >> halvings);
}

void delta_move_clock(struct delta *d, int clock, int64_t halvings) {
    for (size_t k = 0; k < d->n_takes; k++) {
        d->takes[k].w[clock] = delta_halved(d->takes[k].w[clock], halvings);
    }
}

void delta_move_obs(struct delta *d, int64_t halvings) {
    for (size_t k = 0; k < d->n_obs; k++) {
        d->obs[k].obs = delta_halved(d->obs[k].obs, halvings);
        d->obs[k].exp = delta_halved(d->obs[k].exp, halvings);
    }
}

void delta_move_categories(struct delta *d, int64_t halvings) {
    for (size_t k = 0; k < d->n_category_takes; k++) {
        d->category_takes[k].g = delta_halved(d->category_takes[k].g, halvings);
    }
}

size_t delta_bytes(const struct delta *d) {
    return sizeof *d + d->n_takes * sizeof *d->takes + d->n_pairs * sizeof *d->pairs +
           d->n_contexts * sizeof *d->contexts + d->n_obs * sizeof *d->obs +
           d->n_category_takes * sizeof *d->category_takes +
           d->n_category_pairs * sizeof *d->category_pairs + d->n_deals * sizeof *d->deals +
           d->n_items * sizeof *d->items;
}
