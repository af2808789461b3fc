/* SPDX-License-Identifier: Apache-2.0
 * item_similar.c -- see item_similar.h. */
#include "item_similar.h"

#include <math.h>
#include <stdlib.h>

static const double SHRINK = 20.0; /* contexts at which a cosine counts half */

/* An item met, and its a_ij in units of 2^-20; 0 where it was met as a neighbour's neighbour. */
struct met {
    uint32_t item;
    int64_t a;
};

/* Items met of one target, each perhaps several times. */
struct pool {
    const struct shared *s;
    const struct rules_lens *rules; /* NULL: nothing is blocked */
    uint8_t target;
    uint32_t n;
    struct met met[ITEM_SIMILAR_POOL];
};

static double cosine(const struct factors *f, uint32_t i, uint32_t j) {
    const float *a = factors_q(f) + (size_t)i * FACTORS;
    const float *b = factors_q(f) + (size_t)j * FACTORS;
    const double norms = (double)factors_qq(f)[i] * (double)factors_qq(f)[j];
    double dot[4] = {0.0};
    for (size_t k = 0; k < FACTORS; k++) {
        dot[k % 4] += (double)a[k] * (double)b[k];
    }
    return norms > 0.0 ? (dot[0] + dot[1] + dot[2] + dot[3]) / sqrt(norms) : 0.0;
}

/* With a_ij in units of events. */
static float score_of(const struct shared *s, uint32_t i, uint32_t j, double a) {
    const struct pop_hot *hot = popularity_hot(s->popularity);
    const double each_i = (double)hot[i].inv4 * (double)hot[i].inv6; /* 1/(n + 5) */
    const double each_j = (double)hot[j].inv4 * (double)hot[j].inv6;
    const int64_t n_i = factors_count(s->factors, i);
    const int64_t n_j = factors_count(s->factors, j);
    const double c = ldexp((double)(n_i < n_j ? n_i : n_j), -20);
    const double like = c > 0.0 ? cosine(s->factors, i, j) : 0.0;
    const double near = like > 0.0 ? c / (c + SHRINK) * like : 0.0;
    return (float)(a * sqrt(each_i * each_j) + 0.5 * near);
}

float item_similar_score(const struct shared *s, uint32_t i, uint32_t j) {
    int64_t a = 0;
    int64_t f = 0;
    int64_t session = 0;
    const bool known = pairs_get(s->pairs, i, j, &a, &f, &session);
    return score_of(s, i, j, known ? ldexp((double)a, -20) : 0.0);
}

/* ---- candidates ------------------------------------------------------------------------- */

static bool may_list(const struct pool *p, uint32_t j) {
    const struct shared *s = p->s;
    return j < s->n_items && items_domain(s->items, j) == p->target && items_named(s->items, j) &&
           content_available(s->content, j) && !(p->rules && rules_blocks(p->rules, j));
}

/* Neighbours from..to-1 of an item's list are those of the target's domain, and perhaps others. */
struct range {
    uint32_t from, to;
};

static struct range range_of(const struct pool *p, const struct pair_list *list, uint32_t item) {
    return items_domain(p->s->items, item) == p->target ? (struct range){0, list->near.n}
                                                        : (struct range){list->near.n, list->n};
}

/* Of the item itself. */
static void meet_neighbours(struct pool *p, const struct pair_list *list, uint32_t item) {
    const struct range r = range_of(p, list, item);
    for (uint32_t k = r.from; k < r.to && p->n < ITEM_SIMILAR_POOL; k++) {
        const uint32_t j = pair_list_item(list, k);
        if (j != item && may_list(p, j)) {
            p->met[p->n++] = (struct met){j, pairs_at(p->s->pairs, item, k).a};
        }
    }
}

/* Of one of its neighbours. */
static void meet_all(struct pool *p, uint32_t hub, uint32_t except) {
    const struct pair_list list = pairs_list(p->s->pairs, hub);
    const struct range r = range_of(p, &list, hub);
    for (uint32_t k = r.from; k < r.to && p->n < ITEM_SIMILAR_POOL; k++) {
        const uint32_t j = pair_list_item(&list, k);
        if (j != except && may_list(p, j)) {
            p->met[p->n++] = (struct met){j, 0};
        }
    }
}

static bool is_stronger(const struct shared *s, const struct pair_list *list, uint32_t x,
                        uint32_t y) {
    const float a = pair_list_entry(list, x).a;
    const float b = pair_list_entry(list, y).a;
    return a > b || (a >= b && items_hash(s->items, pair_list_item(list, x)) <
                                   items_hash(s->items, pair_list_item(list, y)));
}

/* The strongest of a list, in no particular order: positions in it. */
static uint32_t find_hubs(const struct shared *s, const struct pair_list *list,
                          uint32_t hubs[ITEM_SIMILAR_HUBS]) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < list->n; k++) {
        if (n < ITEM_SIMILAR_HUBS) {
            hubs[n++] = k;
            continue;
        }
        uint32_t weakest = 0;
        for (uint32_t h = 1; h < n; h++) {
            weakest = is_stronger(s, list, hubs[weakest], hubs[h]) ? h : weakest;
        }
        hubs[weakest] = is_stronger(s, list, k, hubs[weakest]) ? k : hubs[weakest];
    }
    return n;
}

/* The one that tells a_ij first. */
static int by_index(const void *a, const void *b) {
    const struct met *x = a;
    const struct met *y = b;
    if (x->item != y->item) {
        return x->item < y->item ? -1 : 1;
    }
    return x->a > y->a ? -1 : x->a < y->a;
}

/* ---- the best --------------------------------------------------------------------------- */

static bool is_better(const struct shared *s, const struct item_similar *a,
                      const struct item_similar *b) {
    return a->score > b->score ||
           (a->score >= b->score && items_hash(s->items, a->item) < items_hash(s->items, b->item));
}

static uint32_t insert(const struct shared *s, struct item_similar *best, uint32_t n, uint32_t max,
                       struct item_similar x) {
    if (n == max && !is_better(s, &x, &best[n - 1])) {
        return n;
    }
    uint32_t k = n < max ? n : max - 1;
    for (; k > 0 && is_better(s, &x, &best[k - 1]); k--) {
        best[k] = best[k - 1];
    }
    best[k] = x;
    return n < max ? n + 1 : n;
}

static uint32_t choose(const struct shared *s, const struct pool *p, uint32_t item, uint32_t max,
                       struct item_similar *best) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->n; k++) {
        const struct met *met = &p->met[k];
        if (k > 0 && met->item == p->met[k - 1].item) {
            continue;
        }
        const struct item_similar x = {met->item,
                                       score_of(s, item, met->item, ldexp((double)met->a, -20))};
        if (x.score > 0.0F) {
            n = insert(s, best, n, max, x);
        }
    }
    return n;
}

uint32_t item_similar_find(const struct shared *s, const struct rules_lens *rules, uint32_t item,
                           uint8_t target, uint32_t n, struct item_similar *out) {
    if (item >= s->n_items || target >= s->n_domains || n == 0) {
        return 0;
    }
    struct pool pool;
    pool.s = s;
    pool.rules = rules;
    pool.target = target;
    pool.n = 0;
    n = n < ITEM_SIMILAR_MAX ? n : ITEM_SIMILAR_MAX;
    const struct pair_list list = pairs_list(s->pairs, item);
    meet_neighbours(&pool, &list, item);
    if (pool.n < 2 * n) {
        uint32_t hubs[ITEM_SIMILAR_HUBS];
        const uint32_t n_hubs = find_hubs(s, &list, hubs);
        for (uint32_t h = 0; h < n_hubs; h++) {
            meet_all(&pool, pair_list_item(&list, hubs[h]), item);
        }
        qsort(pool.met, pool.n, sizeof *pool.met, by_index);
    }
    return choose(s, &pool, item, n, out);
}
