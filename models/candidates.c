/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates.c -- see candidates.h: the search. Features are in candidates_features.c.
 */
#include "candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "candidates_state.h"
#include "list.h"

enum { THIRTY_DAYS = 2 /* the clock of filling up */, FRESH_EVENTS = 5 };

static const int64_t FRESH_MS = INT64_C(30) * 86400000;
static const float K1_DECAY = 0.85F;
static const float K3_DECAY = 0.5F;
static const float SESSION_MS = 86400000.0F;
static const float K1_LEAST = 1e-9F; /* of max k1, where there is none */

enum status candidates_new(struct candidates **out) {
    struct candidates *c = aligned_alloc(64, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    memset(c, 0, sizeof *c);
    c->block = (struct features_block){.stride = RANKER_LIST_MAX, .item = c->item, .x = c->x};
    c->max_k1 = K1_LEAST;
    enum status st = affinity_new(&c->affinity);
    if (st) {
        candidates_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

void candidates_free(struct candidates *c) {
    if (!c) {
        return;
    }
    affinity_free(c->affinity);
    free(c->cells);
    free(c->touched);
    free(c->neighbours);
    free(c);
}

static enum status reserve(struct candidates *c, uint32_t n_items) {
    if (n_items <= c->cap) {
        return ST_OK;
    }
    uint32_t cap = c->cap ? c->cap : 1024;
    while (cap < n_items) {
        cap *= 2;
    }
    struct cell *cells = calloc(cap, sizeof *cells);
    uint32_t *touched = malloc(cap * sizeof *touched);
    uint64_t *neighbours = malloc(cap * sizeof *neighbours);
    if (!cells || !touched || !neighbours) {
        free(cells);
        free(touched);
        free(neighbours);
        return ST_NOMEM;
    }
    free(c->cells);
    free(c->touched);
    free(c->neighbours);
    c->cells = cells;
    c->touched = touched;
    c->neighbours = neighbours;
    c->cap = cap;
    c->stamp = 0; /* every stamp is 0 again: the next search uses 1 */
    return ST_OK;
}

void candidates_view(const struct shared *s, const struct user *u, uint8_t domain, bool repeats,
                     int64_t now_ms, struct candidates_view *out) {
    out->user = u;
    out->hashes = items_hashes(s->items);
    out->domain = domain;
    out->repeats = repeats;
    out->now_ms = now_ms;
    out->rules = NULL;
    out->n_history = user_history(u, now_ms, out->history, USER_HISTORY);
    uint32_t items[USER_HISTORY];
    for (uint32_t r = 0; r < out->n_history; r++) {
        items[r] = out->history[r].item;
    }
    out->has_p = factors_fold_in(s->factors, items, out->n_history, out->p);
    if (!out->has_p) {
        memset(out->p, 0, sizeof out->p);
    }
}

/* ---- the search ------------------------------------------------------------------ */

static void next_stamp(struct candidates *c) {
    if (++c->stamp == 0) { /* after 2^32 searches: old stamps could seem valid */
        memset(c->cells, 0, c->cap * sizeof *c->cells);
        c->stamp = 1;
    }
    c->n_touched = 0;
    c->block.n = 0;
}

static void touch(struct candidates *c, uint32_t item) {
    struct cell *cell = &c->cells[item];
    cell->stamp = c->stamp;
    cell->k1 = cell->k3 = cell->k4 = cell->kx = 0.0F;
    c->touched[c->n_touched++] = item;
}

/* Adds what one history item's neighbours contribute. */
static void walk_list(struct candidates *c, const struct shared *s, const struct pair_list *list,
                      uint8_t domain, const float w[4]) {
    const uint8_t *domains = items_domains(s->items);
    for (uint32_t y = 0; y < list->n; y++) {
        uint32_t i = list->item[y];
        if (domains[i] != domain) {
            continue;
        }
        struct cell *cell = &c->cells[i];
        if (cell->stamp != c->stamp) {
            touch(c, i);
        }
        cell->k1 += w[0] * list->a[y];
        cell->k3 += w[1] * list->f[y];
        cell->k4 += w[2] * list->s[y];
        cell->kx += w[3] * list->a[y];
    }
}

static void walk_history(struct candidates *c, const struct shared *s,
                         const struct candidates_view *v) {
    const struct pop_hot *hot = popularity_hot(s->popularity);
    const uint32_t n = v->n_history < PAIRS_WINDOW ? v->n_history : PAIRS_WINDOW;
    float w1 = 1.0F;
    float w3 = 1.0F;
    for (uint32_t r = 0; r < n; r++) {
        const struct user_entry *e = &v->history[r];
        struct pair_list list = pairs_list(s->pairs, e->item);
        float ago = (float)(v->now_ms - e->ts_ms) / SESSION_MS;
        const float k1 = w1 * hot[e->item].inv6;
        const float w[4] = {k1, w3 * hot[e->item].inv2, exp2f(-ago) / (list.s_sum + 2.0F),
                            e->domain != v->domain ? k1 : 0.0F};
        walk_list(c, s, &list, v->domain, w);
        w1 *= K1_DECAY;
        w3 *= K3_DECAY;
    }
}

static void see_withdrawn(struct candidates *c, const struct content *content) {
    c->n_withdrawn = content_n_withdrawn(content) > 0 ? content_n(content) : 0;
    c->withdrawn = content_withdrawn(content);
}

/* While the history still holds every line of the user, only its items can have been
 * consumed: a mark on them spares the others the search in the set. */
static void mark_taken(struct candidates *c, const struct candidates_view *v) {
    c->history_has_all = user_n(v->user) == v->n_history;
    for (uint32_t r = 0; r < v->n_history; r++) {
        c->cells[v->history[r].item].taken = c->stamp;
    }
}

static void mark_ordered(struct candidates *c, const struct candidates_view *v) {
    const uint32_t n = affinity_order(v->history, v->n_history, v->now_ms);
    for (uint32_t r = 0; r < n; r++) {
        if (action_consumes(v->history[r].action)) {
            c->cells[v->history[r].item].ordered = c->stamp;
        }
    }
}

/* Never to be shown: not to be had, blocked, or consumed. */
static bool forbidden(const struct candidates *c, const struct candidates_view *v, uint32_t item) {
    if (item < c->n_withdrawn && c->withdrawn[item]) {
        return true;
    }
    if (v->rules && rules_blocks(v->rules, item)) {
        return true;
    }
    if (c->history_has_all && c->cells[item].taken != c->stamp) {
        return false;
    }
    return user_consumed(v->user, v->domain, item, v->hashes);
}

static bool excluded(const struct candidates *c, const struct candidates_view *v, uint32_t item) {
    return c->cells[item].ordered == c->stamp || forbidden(c, v, item);
}

bool candidates_allowed(const struct candidates *c, const struct candidates_view *v,
                        uint32_t item) {
    return item < c->cap && !excluded(c, v, item);
}

static void list_item(struct candidates *c, uint32_t item) {
    struct cell *cell = &c->cells[item];
    if (cell->listed == c->stamp || c->block.n == RANKER_LIST_MAX) {
        return;
    }
    if (cell->stamp != c->stamp) {
        touch(c, item);
    }
    cell->listed = c->stamp;
    cell->position = c->block.n;
    c->item[c->block.n++] = item;
}

static void list_if_allowed(struct candidates *c, const struct candidates_view *v, uint32_t item) {
    if (c->cells[item].listed != c->stamp && !excluded(c, v, item)) {
        list_item(c, item);
    }
}

/* Larger is better: by score (>= 0, where the bits of floats are in their order), then by
 * the smaller index. One comparison, and no two are equal. */
static uint64_t key_of(float score, uint32_t item) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return (uint64_t)bits << 32 | (uint32_t)~item;
}

static uint32_t item_of(uint64_t key) {
    return ~(uint32_t)(key & UINT32_MAX);
}

/* Moves the k largest to the front (Hoare's find); the rest stays behind in any order. */
static void select_best(uint64_t *a, uint32_t n, uint32_t k) {
    int64_t lo = 0;
    int64_t hi = (int64_t)n - 1;
    const int64_t want = (int64_t)k - 1;
    while (lo < hi) {
        const uint64_t pivot = a[(lo + hi) / 2];
        int64_t i = lo;
        int64_t j = hi;
        while (i <= j) {
            while (a[i] > pivot) {
                i++;
            }
            while (a[j] < pivot) {
                j--;
            }
            if (i <= j) {
                const uint64_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        if (want <= j) {
            hi = j;
        } else if (want >= i) {
            lo = i;
        } else {
            return;
        }
    }
}

static void list_neighbours(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v) {
    const struct pop_hot *hot = popularity_hot(s->popularity);
    uint32_t n = 0;
    c->max_k1 = K1_LEAST;
    for (uint32_t x = 0; x < c->n_touched; x++) {
        uint32_t i = c->touched[x];
        if (excluded(c, v, i)) {
            continue;
        }
        float k1 = c->cells[i].k1 * hot[i].inv4;
        if (k1 > c->max_k1) {
            c->max_k1 = k1;
        }
        c->neighbours[n++] = key_of(k1, i);
    }
    if (n > CANDIDATES_NEIGHBOURS) {
        select_best(c->neighbours, n, CANDIDATES_NEIGHBOURS);
        n = CANDIDATES_NEIGHBOURS;
    }
    for (uint32_t x = 0; x < n; x++) {
        list_item(c, item_of(c->neighbours[x]));
    }
}

static void list_popular(struct candidates *c, const struct shared *s,
                         const struct candidates_view *v) {
    const uint32_t *items = NULL;
    for (int clock = 0; clock < POP_LISTS; clock++) {
        uint32_t n = popularity_top(s->popularity, v->domain, clock, &items);
        for (uint32_t x = 0; x < n; x++) {
            list_if_allowed(c, v, items[x]);
        }
    }
    uint32_t n = popularity_recent(s->popularity, v->domain, &items);
    for (uint32_t x = 0; x < n; x++) {
        list_if_allowed(c, v, items[x]);
    }
}

/* ... of which the affinities hear, too. */
static void list_own(struct candidates *c, const struct shared *s,
                     const struct candidates_view *v) {
    struct user_repeat own[CANDIDATES_OWN];
    uint32_t n = user_repeats_best(v->user, v->domain, v->now_ms, own, CANDIDATES_OWN);
    for (uint32_t x = 0; x < n; x++) {
        affinity_own(c->affinity, content_category(s->content, own[x].item), own[x].count);
        list_if_allowed(c, v, own[x].item);
    }
}

/* The most taken of the user's strongest categories. */
static void list_categories(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v) {
    struct user_interest interests[CANDIDATES_CATEGORIES];
    const uint32_t n = user_interests(v->user, v->now_ms, interests, CANDIDATES_CATEGORIES);
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t *items = NULL;
        const uint32_t n_top = categories_top(s->categories, interests[k].category, &items);
        for (uint32_t x = 0; x < n_top; x++) {
            if (items_domain(s->items, items[x]) == v->domain) {
                list_if_allowed(c, v, items[x]);
            }
        }
    }
}

/* Is it new by the catalogue, and hardly anybody took it? A catalogue without times tells nobody.
 */
static bool is_fresh(const struct shared *s, uint32_t item, int64_t now_ms) {
    const int64_t ts_ms = content_ts_ms(s->content, item);
    return ts_ms > 0 && ts_ms <= now_ms && now_ms - ts_ms <= FRESH_MS &&
           popularity_hot(s->popularity)[item].count < FRESH_EVENTS;
}

/* New ones of the categories that the user knows. */
static void list_fresh(struct candidates *c, const struct shared *s,
                       const struct candidates_view *v) {
    const uint32_t n = content_n_categories(s->content) ? items_n_of(s->items, v->domain) : 0;
    for (uint32_t k = 0; k < n && k < CANDIDATES_FRESH; k++) {
        const uint32_t i = items_of(s->items, v->domain, n - 1 - k);
        const uint32_t category = content_category(s->content, i);
        if (i < s->n_items && category != CATEGORY_NONE && is_fresh(s, i, v->now_ms) &&
            user_interest(v->user, category, v->now_ms, NULL, NULL)) {
            list_if_allowed(c, v, i);
        }
    }
}

struct counted {
    int64_t count;
    uint32_t item;
};

/* Keeps the `max` largest counts of a stream in order, ties as they come. */
static uint32_t insert_counted(struct counted *best, uint32_t n, uint32_t max, struct counted x) {
    if (n == max && x.count <= best[n - 1].count) {
        return n;
    }
    uint32_t k = n < max ? n : max - 1;
    while (k > 0 && x.count > best[k - 1].count) {
        best[k] = best[k - 1];
        k--;
    }
    best[k] = x;
    return n < max ? n + 1 : n;
}

/* The rare case of a small or nearly exhausted domain: every allowed item competes; of those that
 * the order under way has, if need be. */
static void fill_up(struct candidates *c, const struct shared *s, const struct candidates_view *v,
                    uint32_t at_least, bool ordered) {
    struct counted best[LIST_MAX];
    const uint32_t missing = at_least - c->block.n;
    uint32_t n = 0;
    for (uint32_t k = 0; k < items_n_of(s->items, v->domain); k++) {
        const uint32_t i = items_of(s->items, v->domain, k);
        if (i < s->n_items && c->cells[i].listed != c->stamp &&
            (c->cells[i].ordered == c->stamp) == ordered && !forbidden(c, v, i)) {
            const int64_t count = popularity_count(s->popularity, i, THIRTY_DAYS);
            n = insert_counted(best, n, missing, (struct counted){count, i});
        }
    }
    for (uint32_t x = 0; x < n; x++) {
        list_item(c, best[x].item);
    }
}

enum status candidates_find(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v, uint32_t at_least) {
    enum status st = reserve(c, items_n(s->items));
    if (st) {
        return st;
    }
    next_stamp(c);
    see_withdrawn(c, s->content);
    st = affinity_look(c->affinity, s, v->user, v->history, v->n_history, v->now_ms);
    if (st) {
        return st;
    }
    mark_taken(c, v);
    mark_ordered(c, v);
    walk_history(c, s, v);
    list_neighbours(c, s, v);
    list_popular(c, s, v);
    list_categories(c, s, v);
    list_fresh(c, s, v);
    if (v->repeats) {
        list_own(c, s, v);
    }
    at_least = at_least < LIST_MAX ? at_least : LIST_MAX;
    if (c->block.n < at_least) {
        fill_up(c, s, v, at_least, false);
    }
    if (c->block.n < at_least) {
        fill_up(c, s, v, at_least, true);
    }
    return ST_OK;
}

uint32_t candidates_n(const struct candidates *c) {
    return c->block.n;
}

const uint32_t *candidates_items(const struct candidates *c) {
    return c->item;
}

uint32_t candidates_position(const struct candidates *c, uint32_t item) {
    if (item >= c->cap || c->cells[item].listed != c->stamp) {
        return UINT32_MAX;
    }
    return c->cells[item].position;
}
