/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates.c -- see candidates.h: the search. Features are in candidates_features.c.
 */
#include "candidates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "candidates_keys.h"
#include "candidates_state.h"
#include "list.h"

enum {
    THIRTY_DAYS = 2, /* the clock of filling up */
    FRESH_EVENTS = 5,
    ASKED = 2 * CANDIDATES_NEIGHBOURS, /* the best ones: whether a filter has them */
};

static const int64_t FRESH_MS = INT64_C(30) * 86400000;
static const float K1_LEAST = 1e-9F; /* of max k1, where there is none */

enum status candidates_new(struct candidates **out) {
    struct candidates *c = aligned_alloc(64, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    memset(c, 0, sizeof *c);
    c->block = (struct features_block){.stride = RANKER_LIST_MAX, .item = c->item, .x = c->x};
    c->max_k1 = K1_LEAST;
    c->items = malloc(CELLS * sizeof *c->items);
    c->cells = aligned_alloc(64, CELLS * sizeof *c->cells);
    c->neighbours = malloc(2 * (size_t)CELLS * sizeof *c->neighbours);
    enum status st = c->items && c->cells && c->neighbours ? ST_OK : ST_NOMEM;
    st = st ? st : affinity_new(&c->affinity);
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
    free(c->items);
    free(c->cells);
    free(c->neighbours);
    free(c);
}

const struct factors_solved *candidates_solved(struct candidates *c, const struct factors *f,
                                               const uint32_t *items, uint32_t n) {
    struct folded *last = &c->folded;
    const size_t size = n * sizeof *items;
    const bool same = last->factors == f && last->version == factors_version(f) && last->n == n &&
                      memcmp(last->items, items, size) == 0;
    if (!same) {
        (void)factors_solve(f, items, n, &last->solved);
        last->factors = f;
        last->version = factors_version(f);
        last->n = n;
        memcpy(last->items, items, size);
    }
    return &last->solved;
}

void candidates_view(struct candidates *c, const struct shared *s, const struct user *u,
                     uint8_t domain, bool repeats, int64_t now_ms, struct candidates_view *out) {
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
    const struct factors_solved *solved = candidates_solved(c, s->factors, items, out->n_history);
    out->has_p = solved->has_p;
    memcpy(out->p, solved->p, sizeof out->p);
}

/* ---- the search ------------------------------------------------------------------ */

static void begin(struct candidates *c, const struct shared *s) {
    c->popularity = s->popularity;
    c->n_items = s->n_items;
    c->first = popularity_search(s->popularity);
    c->n_cells = c->n_walked = 0;
    c->block.n = 0;
}

/* The cell of an item, of this search. */
static struct cell *cell_of(struct candidates *c, uint32_t item) {
    struct pop_met *met = &popularity_met(c->popularity)[item];
    if (met->mark - c->first >= CELLS) {
        met->mark = c->first + c->n_cells;
        c->items[c->n_cells] = item;
        c->cells[c->n_cells++] = (struct cell){.flags = 0};
    }
    return &c->cells[met->mark - c->first];
}

static void see_withdrawn(struct candidates *c, const struct content *content) {
    c->n_withdrawn = content_n_withdrawn(content) > 0 ? content_n(content) : 0;
    c->withdrawn = content_withdrawn(content);
}

/* What the user has taken himself: asks for its cells, which nobody else has touched lately. */
static void look_at_own(struct candidates *c, const struct candidates_view *v) {
    uint32_t n = 0;
    const uint32_t *items = user_consumed_items(v->user, v->domain, &n);
    const struct pop_met *met = popularity_met(c->popularity);
    for (uint32_t k = 0; items && k < n; k++) {
        __builtin_prefetch(&met[items[k]], 1);
    }
    c->n_all_own = 0;
    c->n_own = v->repeats ? candidates_own(v, c->all_own, &c->n_all_own) : 0;
    for (uint32_t k = 0; k < c->n_all_own; k++) {
        __builtin_prefetch(&met[c->all_own[k].item], 1);
    }
}

/* Marks on what was consumed spare every candidate the search in the user's set, where it is known
 * by name. */
static void mark_consumed(struct candidates *c, const struct candidates_view *v) {
    uint32_t n = 0;
    const uint32_t *items = user_consumed_items(v->user, v->domain, &n);
    c->knows_consumed = items != NULL;
    for (uint32_t k = 0; items && k < n; k++) {
        if (items[k] < c->n_items) { /* the newest may lack room */
            cell_of(c, items[k])->flags |= CELL_CONSUMED;
        }
    }
}

static void mark_ordered(struct candidates *c, const struct candidates_view *v) {
    const uint32_t n = affinity_order(v->history, v->n_history, v->now_ms);
    for (uint32_t r = 0; r < n; r++) {
        const struct user_entry *e = &v->history[r];
        if (e->domain == v->domain && action_consumes(e->action) && e->item < c->n_items) {
            cell_of(c, e->item)->flags |= CELL_ORDERED;
        }
    }
}

/* What cells say of an item; 0 of one that this search has not come to. */
static uint8_t flags_of(const struct candidates *c, uint32_t item) {
    const struct cell *cell = candidates_cell(c, item);
    return cell ? cell->flags : 0;
}

/* Not to be had, or blocked. */
static bool withheld(const struct candidates *c, const struct candidates_view *v, uint32_t item) {
    return (item < c->n_withdrawn && c->withdrawn[item]) ||
           (v->rules && rules_blocks(v->rules, item));
}

/* Never to be shown: that, or consumed as a cell says. */
static bool hidden(const struct candidates *c, const struct candidates_view *v, uint32_t item,
                   uint8_t flags) {
    return (flags & CELL_CONSUMED) != 0 || withheld(c, v, item);
}

/* ... or consumed as the user's filter says. */
static bool forbidden(const struct candidates *c, const struct candidates_view *v, uint32_t item,
                      uint8_t flags) {
    return hidden(c, v, item, flags) ||
           (!c->knows_consumed && user_consumed(v->user, v->domain, item, v->hashes));
}

bool candidates_allowed(const struct candidates *c, const struct candidates_view *v,
                        uint32_t item) {
    if (item >= c->n_items) {
        return false;
    }
    const uint8_t flags = flags_of(c, item);
    return !(flags & CELL_ORDERED) && !forbidden(c, v, item, flags);
}

static void list_item(struct candidates *c, uint32_t item) {
    struct cell *cell = cell_of(c, item);
    const uint32_t n = c->block.n;
    if (cell->flags & CELL_LISTED || n == RANKER_LIST_MAX) {
        return;
    }
    cell->flags |= CELL_LISTED;
    cell->position = (uint16_t)n;
    c->item[n] = item;
    c->block.n = n + 1;
}

/* Is it in the user's filter? His cell remembers. */
static inline bool consumed(struct candidates *c, const struct candidates_view *v, uint32_t item) {
    struct cell *cell = cell_of(c, item);
    if (!(cell->flags & (CELL_CONSUMED | CELL_LEFT))) {
        const bool is = user_consumed(v->user, v->domain, item, v->hashes);
        cell->flags |= is ? CELL_CONSUMED : CELL_LEFT;
    }
    return (cell->flags & CELL_CONSUMED) != 0;
}

static inline void list_if_allowed(struct candidates *c, const struct candidates_view *v,
                                   uint32_t item) {
    const uint8_t flags = flags_of(c, item);
    if (!(flags & (CELL_LISTED | CELL_ORDERED)) && !hidden(c, v, item, flags) &&
        (c->knows_consumed || !consumed(c, v, item))) {
        list_item(c, item);
    }
}

/* Keeps the keys, from a bucket on, of what the user's filter does not have. */
static uint32_t keep_left(struct candidates *c, const struct candidates_view *v, uint32_t n,
                          uint32_t bucket, uint64_t *left) {
    uint32_t n_left = 0;
    for (uint32_t x = 0; x < n; x++) {
        const uint64_t key = c->neighbours[x];
        if (candidates_key_bucket(key) >= bucket) {
            left[n_left] = key;
            n_left += !consumed(c, v, candidates_key_item(key));
        }
    }
    return n_left;
}

/* Drops the keys (n,) of what the user's filter has. If the best of them leave more than will be
 * listed, the filter is not asked about the others, which go, too. */
static uint32_t drop_consumed(struct candidates *c, const struct candidates_view *v, uint32_t n) {
    uint64_t *left = c->neighbours + CELLS;
    uint32_t n_left = 0;
    uint32_t n_above = 0;
    if (n > ASKED) {
        const uint32_t bucket = candidates_keys_bucket(c->neighbours, n, ASKED, &n_above);
        n_left = keep_left(c, v, n, bucket, left);
    }
    if (n_left <= CANDIDATES_NEIGHBOURS) {
        n_left = keep_left(c, v, n, 0, left);
    }
    memcpy(c->neighbours, left, n_left * sizeof *left);
    return n_left;
}

static void list_neighbours(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v) {
    const bool withholds = c->n_withdrawn > 0 || v->rules;
    uint32_t n = 0;
    for (uint32_t x = 0; x < c->n_walked; x++) {
        const uint32_t i = c->items[x];
        const struct cell *cell = &c->cells[x];
        bool out = (cell->flags & (CELL_ORDERED | CELL_CONSUMED)) != 0;
        if (withholds) {
            out |= withheld(c, v, i);
        }
        c->neighbours[n] = candidates_key(cell->k[0] * cell->inv4, i);
        n += !out; /* nobody can guess it */
    }
    if (!c->knows_consumed) {
        n = drop_consumed(c, v, n);
    }
    int64_t largest = 0; /* keys are below 2^63; these are compared in vectors */
    for (uint32_t x = 0; x < n; x++) {
        const int64_t key = (int64_t)c->neighbours[x];
        largest = key > largest ? key : largest;
    }
    c->max_k1 = fmaxf(candidates_key_score((uint64_t)largest), K1_LEAST);
    if (n > CANDIDATES_NEIGHBOURS) {
        candidates_keys_keep(c->neighbours, n, CANDIDATES_NEIGHBOURS, c->neighbours + CELLS,
                             v->hashes);
        n = CANDIDATES_NEIGHBOURS;
    }
    const struct pop_hot *hot = popularity_hot(s->popularity);
    for (uint32_t x = 0; x < n; x++) {
        const uint32_t i = candidates_key_item(c->neighbours[x]);
        __builtin_prefetch(&hot[i]);
        list_item(c, i);
    }
}

/* list_if_allowed() of items that no filter and no rule has to be asked about. Nobody can guess
 * which have a cell, and which are listed, so there is no branch. */
static void list_by_cells(struct candidates *c, const uint32_t *items, uint32_t n) {
    const unsigned barred = CELL_LISTED | CELL_ORDERED | CELL_CONSUMED;
    struct pop_met *met = popularity_met(c->popularity);
    const uint32_t first = c->first;
    uint32_t n_cells = c->n_cells;
    uint32_t n_listed = c->block.n;
    for (uint32_t x = 0; x < n && n_listed < RANKER_LIST_MAX; x++) {
        const uint32_t item = items[x];
        const uint32_t marked = met[item].mark - first;
        const bool known = marked < CELLS;
        const uint32_t at = known ? marked : n_cells;
        struct cell *cell = &c->cells[at];
        const unsigned flags = known ? cell->flags : 0;
        const bool listed = !(flags & barred);
        const uint16_t position = listed ? (uint16_t)n_listed : cell->position;
        cell_bits all;
        memcpy(&all, cell, sizeof all);
        all &= (cell_bits){0} - (int32_t)known;
        memcpy(cell, &all, sizeof all);
        cell->position = position;
        cell->flags = (uint8_t)(listed ? flags | CELL_LISTED : flags);
        met[item].mark = first + at;
        c->items[at] = item;
        c->item[n_listed] = item;
        n_listed += listed;
        n_cells += !known;
    }
    c->n_cells = n_cells;
    c->block.n = n_listed;
}

static inline void list_all(struct candidates *c, const struct candidates_view *v,
                            const uint32_t *items, uint32_t n) {
    if (c->knows_consumed && c->n_withdrawn == 0 && !v->rules) {
        const struct pop_met *met = popularity_met(c->popularity);
        for (uint32_t x = 0; x < n; x++) { /* a few lines: at once */
            __builtin_prefetch(&met[items[x]], 1);
        }
        list_by_cells(c, items, n);
        return;
    }
    for (uint32_t x = 0; x < n; x++) {
        list_if_allowed(c, v, items[x]);
    }
}

static void list_popular(struct candidates *c, const struct shared *s,
                         const struct candidates_view *v) {
    const uint32_t *items = NULL;
    const uint32_t n_tops = popularity_tops(s->popularity, v->domain, &items);
    list_all(c, v, items, n_tops);
    const uint32_t n = popularity_recent(s->popularity, v->domain, &items);
    const uint32_t old = n > CANDIDATES_RECENT ? n - CANDIDATES_RECENT : 0;
    list_all(c, v, items + old, n - old);
}

/* ... of which the affinities hear, too. Cells say where each of his is in the table. */
static void list_own(struct candidates *c, const struct shared *s,
                     const struct candidates_view *v) {
    for (uint32_t x = 0; x < c->n_all_own; x++) {
        if (c->all_own[x].item >= c->n_items) {
            continue;
        }
        struct cell *cell = cell_of(c, c->all_own[x].item);
        cell->flags |= CELL_OWN;
        cell->own = (uint8_t)x;
        if (x < c->n_own) {
            affinity_own(c->affinity, content_category(s->content, c->all_own[x].item),
                         c->all_own[x].count);
            list_if_allowed(c, v, c->all_own[x].item);
        }
    }
}

/* The most taken of the user's strongest categories. */
static void list_categories(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v) {
    struct user_interest interests[USER_INTERESTS];
    const uint32_t n = candidates_interests(s, v, interests);
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
    uint64_t hash;
    uint32_t item;
};

static bool counts_more(const struct counted *a, const struct counted *b) {
    return a->count > b->count || (a->count == b->count && a->hash < b->hash);
}

/* Keeps the `max` largest counts of a stream in order. */
static uint32_t insert_counted(struct counted *best, uint32_t n, uint32_t max, struct counted x) {
    if (n == max && !counts_more(&x, &best[n - 1])) {
        return n;
    }
    uint32_t k = n < max ? n : max - 1;
    while (k > 0 && counts_more(&x, &best[k - 1])) {
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
    struct counted best[LIST_MAX] = {{0}};
    const uint32_t missing = at_least - c->block.n;
    uint32_t n = 0;
    for (uint32_t k = 0; k < items_n_of(s->items, v->domain); k++) {
        const uint32_t i = items_of(s->items, v->domain, k);
        const uint8_t flags = flags_of(c, i);
        if (i < s->n_items && !(flags & CELL_LISTED) && ((flags & CELL_ORDERED) != 0) == ordered &&
            !forbidden(c, v, i, flags)) {
            const int64_t count = popularity_count(s->popularity, i, THIRTY_DAYS);
            n = insert_counted(best, n, missing, (struct counted){count, v->hashes[i], i});
        }
    }
    for (uint32_t x = 0; x < n; x++) {
        list_item(c, best[x].item);
    }
}

enum status candidates_find(struct candidates *c, const struct shared *s,
                            const struct candidates_view *v, uint32_t at_least) {
    begin(c, s);
    see_withdrawn(c, s->content);
    enum status st = affinity_look(c->affinity, s, v->user, v->history, v->n_history, v->now_ms);
    if (st) {
        return st;
    }
    look_at_own(c, v);
    candidates_walk(c, s, v);
    mark_consumed(c, v);
    mark_ordered(c, v);
    list_neighbours(c, s, v);
    list_popular(c, s, v);
    list_categories(c, s, v);
    list_fresh(c, s, v);
    list_own(c, s, v);
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

uint32_t candidates_together(const struct candidates *c, uint32_t item) {
    const struct cell *cell = candidates_cell(c, item);
    const uint32_t most = cell ? cell->most : 0;
    return most > PLACES ? PLACES - (most & PLACES) : UINT32_MAX;
}

uint32_t candidates_position(const struct candidates *c, uint32_t item) {
    const struct cell *cell = candidates_cell(c, item);
    return cell && cell->flags & CELL_LISTED ? cell->position : UINT32_MAX;
}
