/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates.c -- see candidates.h.
 *
 * The workspace has one cell an item, valid for the current search only if its stamp says
 * so: nothing is cleared between searches.
 */
#include "candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "affinity.h"
#include "lg.h"
#include "list.h"

enum { LANES = 16, THIRTY_DAYS = 2 /* the clock of filling up */, FRESH_EVENTS = 5 };

static const int64_t FRESH_MS = INT64_C(30) * 86400000;
static const float MS_PER_HOUR = 3600000.0F;
static const float K1_DECAY = 0.85F;
static const float K3_DECAY = 0.5F;
static const float SESSION_MS = 86400000.0F;
static const float K_FLOOR = 1e-4F;
static const float LG_SHARE_LEAST = -16.0F;
static const float K1_LEAST = 1e-9F;      /* of max k1, where there is none */
static const float LG_SUM_LEAST = -20.0F; /* one unit of fixed.h            */

struct cell {
    uint32_t stamp;    /* k sums are of this search */
    uint32_t listed;   /* in the candidates of this search */
    uint32_t position; /* there                     */
    uint32_t taken;    /* in the history of this search's user */
    uint32_t ordered;  /* in his order under way */
    float k1, k3, k4, kx;
};

struct candidates {
    struct cell *cells;   /* (cap,) */
    uint32_t *touched;    /* (cap,) items with k sums           */
    uint64_t *neighbours; /* (cap,) keys: key_of() */
    uint32_t cap;
    uint32_t stamp;
    uint32_t n_touched;
    bool history_has_all;     /* nothing that is not marked `taken` can be consumed    */
    uint32_t n_withdrawn;     /* flags of this search; 0 while everything is available */
    const uint8_t *withdrawn; /* (n_withdrawn,) borrowed                               */
    float max_k1;
    struct affinity *affinity;
    struct features_block block;
    uint32_t item[RANKER_LIST_MAX];
    _Alignas(64) float x[RANKER_X * RANKER_LIST_MAX];
};

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

/* Never to be shown: not to be had, or consumed. */
static bool forbidden(const struct candidates *c, const struct candidates_view *v, uint32_t item) {
    if (item < c->n_withdrawn && c->withdrawn[item]) {
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

static void list_own(struct candidates *c, const struct candidates_view *v) {
    struct user_repeat own[CANDIDATES_OWN];
    uint32_t n = user_repeats_best(v->user, v->domain, v->now_ms, own, CANDIDATES_OWN);
    for (uint32_t x = 0; x < n; x++) {
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
        list_own(c, v);
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

/* ---- features: gather raw values a candidate, then transform a feature at a time ---- */

/* What every candidate of a list shares. */
struct list_terms {
    const struct pop_hot *hot; /* borrowed columns of all items */
    const float *q, *qq;
    float lg_sum[POP_CLOCKS];
    float obs_scale;
    float inv_max_k1;
    float mpop, mage;
    int64_t now_ms;
};

static float hours_since(int64_t now_ms, int64_t then_ms) {
    int64_t ms = now_ms - then_ms;
    return ms > 0 ? (float)ms / MS_PER_HOUR : 0.0F;
}

static float dot(const float *restrict a, const float *restrict b) {
    float lanes[LANES] = {0};
    for (int k = 0; k < FACTORS; k += LANES) {
        for (int z = 0; z < LANES; z++) {
            lanes[z] += a[k + z] * b[k + z];
        }
    }
    float eight[LANES / 2]; /* named halves stay in registers; one array would not */
    float four[LANES / 4];
    for (int z = 0; z < LANES / 2; z++) {
        eight[z] = lanes[z] + lanes[z + LANES / 2];
    }
    for (int z = 0; z < LANES / 4; z++) {
        four[z] = eight[z] + eight[z + LANES / 4];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}

static void gather_one(const struct candidates *c, const struct candidates_view *v,
                       const struct list_terms *t, struct features_block *b, uint32_t at) {
    static const struct cell none = {0};
    const uint32_t i = b->item[at];
    const struct pop_hot *hot = &t->hot[i];
    const struct cell *cell = i < c->cap && c->cells[i].stamp == c->stamp ? &c->cells[i] : &none;
    float *x = b->x + at;
    const size_t k = b->stride;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        x[(size_t)(X_POP_1D + clock) * k] = hot->lg[clock] - t->lg_sum[clock];
    }
    const bool known = hot->count > 0;
    x[X_RECENT * k] = known ? hours_since(t->now_ms, hot->last_ms) : 0.0F;
    x[X_AGE * k] = known ? hours_since(t->now_ms, hot->first_ms) : 0.0F;
    x[X_COUNT * k] = hot->cnt;
    x[X_K1 * k] = cell->k1 * hot->inv4;
    x[X_K3 * k] = cell->k3;
    x[X_K4 * k] = cell->k4;
    x[X_KX * k] = cell->kx;
    x[X_OBS_EXP * k] = (hot->obs * t->obs_scale + 2.0F) / (hot->exp * t->obs_scale + 2.0F);
    x[X_DOT * k] = dot(v->p, t->q + (size_t)i * FACTORS);
    x[X_COS * k] = t->qq[i];
}

static void repeat_one(const struct candidates_view *v, struct features_block *b, uint32_t at) {
    struct user_repeat r;
    if (!user_repeat(v->user, v->domain, b->item[at], &r)) {
        return;
    }
    float *x = b->x + at;
    const size_t k = b->stride;
    const float since = hours_since(v->now_ms, r.last_ms);
    x[X_TIMES * k] = 0.7F * lg(1.0F + (float)r.count);
    x[X_SINCE * k] = 3.0F - 0.25F * lg(1.0F + since);
    const float span = hours_since(r.last_ms, r.first_ms);
    if (r.count > 1 && span > 0.0F) {
        float interval = span / (float)(r.count - 1);
        float late = 0.5F * lg((since + 1.0F) / (interval + 1.0F));
        x[X_INTERVAL * k] = fminf(fmaxf(late, -2.0F), 2.0F) + 2.5F;
    }
}

static void transform_popularity(struct features_block *b, const struct list_terms *t) {
    const size_t k = b->stride;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        float *x = b->x + (size_t)(X_POP_1D + clock) * k;
        for (uint32_t c = 0; c < b->n; c++) {
            x[c] = ((x[c] > LG_SHARE_LEAST ? x[c] : LG_SHARE_LEAST) + 9.0F) * 0.25F;
        }
    }
    const float *pop30 = b->x + X_POP_30D * k;
    float *mpop = b->x + X_MPOP * k;
    float *recent = b->x + X_RECENT * k;
    float *age = b->x + X_AGE * k;
    float *mage = b->x + X_MAGE * k;
    for (uint32_t c = 0; c < b->n; c++) {
        mpop[c] = 0.25F * fabsf(pop30[c] * 4.0F - 9.0F - t->mpop);
        recent[c] = 0.2F * lg(1.0F + recent[c]) - 1.0F;
        float lg_age = lg(1.0F + age[c]);
        mage[c] = 0.2F * fabsf(lg_age - t->mage);
        age[c] = 0.25F * lg_age - 2.5F;
    }
}

static void transform_pairs(struct features_block *b, const struct list_terms *t) {
    const size_t k = b->stride;
    static const enum ranker_feature logs[] = {X_K1, X_K3, X_K4, X_KX};
    float *rel = b->x + X_K1_REL * k;
    const float *k1 = b->x + X_K1 * k;
    for (uint32_t c = 0; c < b->n; c++) {
        rel[c] = sqrtf(fminf(k1[c] * t->inv_max_k1, 1.0F)); /* the order under way may have more */
    }
    for (size_t l = 0; l < sizeof logs / sizeof *logs; l++) {
        float *x = b->x + (size_t)logs[l] * k;
        for (uint32_t c = 0; c < b->n; c++) {
            x[c] = 0.25F * lg(x[c] + K_FLOOR) + 2.0F;
        }
    }
}

static void transform_factors(struct features_block *b) {
    const size_t k = b->stride;
    float *obs = b->x + X_OBS_EXP * k;
    float *d = b->x + X_DOT * k;
    float *cosine = b->x + X_COS * k;
    for (uint32_t c = 0; c < b->n; c++) {
        obs[c] = 0.5F * lg(obs[c]);
        cosine[c] = 2.0F * d[c] / sqrtf(cosine[c] + 1e-6F);
        d[c] *= 3.0F;
    }
}

static void content_features(const struct candidates *c, const struct shared *s,
                             const struct candidates_view *v, struct features_block *b) {
    const size_t k = b->stride;
    for (uint32_t at = 0; at < b->n; at++) {
        float *x = b->x + at;
        const uint32_t category = content_category(s->content, b->item[at]);
        const struct affinity_terms terms = affinity_of(c->affinity, category);
        x[X_LIFT * k] = terms.lift;
        x[X_GAP * k] = terms.gap;
        x[X_GOES * k] = terms.goes;
        x[X_IN * k] = terms.in;
        x[X_DEAL * k] = 3.0F * categories_deal_now(s->categories, b->item[at], v->now_ms);
        x[X_REPEATED * k] =
            v->repeats ? 3.0F * categories_repeat_rate(s->categories, b->item[at], category) - 1.0F
                       : 0.0F;
    }
}

static void list_features(const struct candidates *c, const struct shared *s,
                          const struct candidates_view *v, float out[RANKER_C]) {
    const struct user *u = v->user;
    const uint32_t n = user_n(u);
    const uint32_t n_domain = user_n_of(u, v->domain);
    const float since = n ? hours_since(v->now_ms, user_last_ms(u)) : 0.0F;
    const float since_domain = hours_since(v->now_ms, user_last_ms_of(u, v->domain));
    const uint64_t events = popularity_events(s->popularity, v->domain);
    out[C_DOMAIN] = (float)v->domain;
    out[C_EVENTS] = 0.1F * lg(1.0F + (float)events) - 1.0F;
    out[C_N] = 0.3F * lg(1.0F + (float)n) - 1.0F;
    out[C_N_DOMAIN] = 0.3F * lg(1.0F + (float)n_domain) - 0.5F;
    out[C_GAP] = 0.2F * lg(1.0F + since) - 1.0F;
    out[C_GAP_DOMAIN] = n_domain ? 0.2F * lg(1.0F + since_domain) - 1.0F : 2.0F;
    out[C_MPOP] = (user_mpop(u) + 9.0F) * 0.25F;
    out[C_MAGE] = user_mage(u) * 0.25F - 2.5F;
    out[C_MAX_K1] = 0.25F * lg(c->max_k1 + K_FLOOR) + 2.0F;
}

void candidates_features_of(const struct candidates *c, const struct shared *s,
                            const struct candidates_view *v, struct features_block *b) {
    struct list_terms t = {
        .hot = popularity_hot(s->popularity),
        .q = factors_q(s->factors),
        .qq = factors_qq(s->factors),
        .obs_scale = 1.0F / popularity_obs_scale(s->popularity, s->n_events),
        .inv_max_k1 = 1.0F / c->max_k1,
        .mpop = user_mpop(v->user),
        .mage = user_mage(v->user),
        .now_ms = v->now_ms,
    };
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        t.lg_sum[clock] = fmaxf(popularity_lg_sum(s->popularity, v->domain, clock), LG_SUM_LEAST);
    }
    for (uint32_t at = 0; at < b->n; at++) {
        gather_one(c, v, &t, b, at);
    }
    transform_popularity(b, &t);
    transform_pairs(b, &t);
    transform_factors(b);
    const size_t k = b->stride;
    for (int f = X_TIMES; f <= X_INTERVAL; f++) {
        memset(b->x + (size_t)f * k, 0, b->n * sizeof *b->x);
    }
    content_features(c, s, v, b);
    for (uint32_t at = 0; v->repeats && at < b->n; at++) {
        repeat_one(v, b, at);
    }
    list_features(c, s, v, b->c);
}

const struct features_block *candidates_features(struct candidates *c, const struct shared *s,
                                                 const struct candidates_view *v) {
    candidates_features_of(c, s, v, &c->block);
    return &c->block;
}
