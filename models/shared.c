/* SPDX-License-Identifier: Apache-2.0
 * shared.c -- see shared.h. */
#include "shared.h"

#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

enum { OBS_HALF_LIFE = (int)POP_OBS_EVENTS };

enum status shared_new(const struct shared_params *params, struct shared **out) {
    if (params->n_domains < 1 || params->n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct shared *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    s->n_domains = params->n_domains;
    struct segments_params segments = params->segments;
    segments.dims = FEATURES_PER_DOMAIN * params->n_domains;

    enum status st = items_new(params->n_domains, &s->items);
    if (!st) {
        st = popularity_new(params->n_domains, 0, &s->popularity);
    }
    if (!st) {
        st = pairs_new(PAIRS_NEIGHBOURS, PAIRS_KEEP, &s->pairs);
    }
    if (!st) {
        st = factors_new(params->seed, &s->factors);
    }
    if (!st) {
        st = segments_new(&segments, &s->segments);
    }
    if (!st) {
        st = content_new(&s->content);
    }
    if (!st) {
        st = categories_new(0, &s->categories);
    }
    if (st) {
        shared_free(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void shared_free(struct shared *s) {
    if (!s) {
        return;
    }
    items_free(s->items);
    popularity_free(s->popularity);
    pairs_free(s->pairs);
    factors_free(s->factors);
    segments_free(s->segments);
    content_free(s->content);
    categories_free(s->categories);
    shared_await_nothing(s);
    free(s->due);
    free(s);
}

/* Flags, 0 where new. */
static enum status grow_flags(uint8_t **flags, uint32_t *cap, uint32_t n) {
    if (n <= *cap) {
        return ST_OK;
    }
    uint8_t *grown = realloc(*flags, n + n / 2);
    if (!grown) {
        return ST_NOMEM;
    }
    memset(grown + *cap, 0, n + n / 2 - *cap);
    *flags = grown;
    *cap = n + n / 2;
    return ST_OK;
}

static enum status reserve_awaited(struct shared *s) {
    enum status st = grow_flags(&s->awaited_items, &s->cap_awaited_items, items_n(s->items) + 1);
    return st ? st
              : grow_flags(&s->awaited_categories, &s->cap_awaited_categories,
                           content_n_categories(s->content) + 1);
}

/* Room is made before the item is known, in steps: a refusal leaves no item without room. */
static enum status reserve_for(struct shared *s, uint32_t n) {
    enum status st = popularity_reserve(s->popularity, n, items_hashes(s->items));
    if (!st) {
        st = pairs_reserve(s->pairs, n, items_domains(s->items));
    }
    if (!st) {
        st = factors_reserve(s->factors, n, items_hashes(s->items));
    }
    if (!st) {
        st = categories_reserve(s->categories, n, content_n_categories(s->content));
    }
    if (!st && s->awaited_items) {
        st = reserve_awaited(s);
    }
    return st;
}

enum status shared_reserve(struct shared *s) {
    enum status st = reserve_for(s, items_n(s->items));
    if (!st) {
        s->n_items = items_n(s->items);
    }
    return st;
}

enum status shared_intern(struct shared *s, uint64_t hash, uint8_t domain, const char *id,
                          size_t id_len, uint32_t *out) {
    uint32_t i = ITEM_NONE;
    enum status st = items_intern(s->items, hash, domain, id, id_len, &i);
    if (!st) { /* also when it was known: an earlier call may have failed between the parts */
        st = reserve_for(s, items_n(s->items));
    }
    if (!st) {
        s->n_items = items_n(s->items);
        *out = i;
    }
    return st;
}

/* ---- awaited pieces of a snapshot ---------------------------------------------------- */

static enum status await_item(struct shared *s, const struct snapshot_head *head) {
    uint32_t i = ITEM_NONE;
    enum status st = items_intern_nameless(s->items, head->key, head->domain, &i);
    if (!st) {
        st = shared_reserve(s);
    }
    if (!st) {
        s->awaited_items[i] = 1;
    }
    return st;
}

static enum status await_category(struct shared *s, const struct snapshot_head *head) {
    uint32_t c = CATEGORY_NONE;
    enum status st = content_category_intern(s->content, head->key, &c);
    if (!st) {
        st = shared_reserve(s);
    }
    if (!st) {
        s->awaited_categories[c] = 1;
    }
    return st;
}

enum status shared_await(struct shared *s, const struct snapshot_head *head) {
    const enum status st = reserve_awaited(s);
    if (st) {
        return st;
    }
    switch (head->kind) {
    case SNAPSHOT_ITEM: return await_item(s, head);
    case SNAPSHOT_CATEGORY: return await_category(s, head);
    case SNAPSHOT_GLOBALS: s->awaiting_globals = true; return ST_OK;
    case SNAPSHOT_NETS: break;
    }
    return ST_INVALID;
}

bool shared_awaits(const struct shared *s) {
    return s->awaiting_globals ||
           (s->awaited_items && memchr(s->awaited_items, 1, s->cap_awaited_items)) ||
           (s->awaited_categories && memchr(s->awaited_categories, 1, s->cap_awaited_categories));
}

void shared_await_nothing(struct shared *s) {
    free(s->awaited_items);
    free(s->awaited_categories);
    s->awaited_items = s->awaited_categories = NULL;
    s->cap_awaited_items = s->cap_awaited_categories = 0;
    s->awaiting_globals = false;
}

/* ---- into the view and the open delta ------------------------------------------------- */

void shared_add_take(struct shared *s, struct delta *d, uint32_t item, uint8_t domain,
                     int64_t ts_ms, const int64_t w[POP_CLOCKS], int64_t weight) {
    popularity_take(s->popularity, item, domain, ts_ms, w, weight);
    struct delta_take *t = &d->takes[d->n_takes++];
    t->item = item;
    t->domain = domain;
    t->weight = (int32_t)weight;
    t->ts_ms = ts_ms;
    memcpy(t->w, w, sizeof t->w);
}

static enum status reserve_due(struct shared *s) {
    if (s->n_due + 2 <= s->cap_due) {
        return ST_OK;
    }
    size_t cap = s->cap_due ? 2 * s->cap_due : 64;
    uint32_t *due = realloc(s->due, cap * sizeof *due);
    if (!due) {
        return ST_NOMEM;
    }
    s->due = due;
    s->cap_due = cap;
    return ST_OK;
}

/* Notes an item once: right when its list outgrows the limit. */
static void note_due(struct shared *s, uint32_t item, uint32_t n_before) {
    if (n_before <= PAIRS_NEIGHBOURS && pairs_due(s->pairs, item)) {
        s->due[s->n_due++] = item;
    }
}

enum status shared_add_pair_sum(struct shared *s, const struct pair_sum *sum, unsigned sides) {
    enum status st = reserve_due(s);
    if (st) {
        return st;
    }
    const uint32_t n_from = pairs_list(s->pairs, sum->from).n;
    const uint32_t n_to = pairs_list(s->pairs, sum->to).n;
    st = pairs_add_sum(s->pairs, sum, sides);
    if (!st) {
        note_due(s, sum->from, n_from);
        note_due(s, sum->to, n_to);
    }
    return st;
}

enum status shared_add_pair(struct shared *s, struct delta *d, const struct pair_add *add) {
    enum status st = reserve_due(s);
    if (st) {
        return st;
    }
    const uint32_t n_from = pairs_list(s->pairs, add->from).n;
    const uint32_t n_to = pairs_list(s->pairs, add->to).n;
    st = pairs_add(s->pairs, add);
    if (st) {
        return st;
    }
    d->pairs[d->n_pairs++] = *add;
    note_due(s, add->from, n_from);
    note_due(s, add->to, n_to);
    return ST_OK;
}

void shared_add_category_take(struct shared *s, struct delta *d, const struct category_take *take) {
    categories_take(s->categories, take);
    d->category_takes[d->n_category_takes++] = *take;
}

enum status shared_add_category_pair(struct shared *s, struct delta *d,
                                     const struct pair_add *add) {
    enum status st = categories_pair(s->categories, add);
    if (!st) {
        d->category_pairs[d->n_category_pairs++] = *add;
    }
    return st;
}

void shared_add_context(struct shared *s, struct delta *d, struct mini_batch *m, uint32_t item,
                        const float *p, int64_t weight, bool first) {
    struct delta_context *c = &d->contexts[d->n_contexts++];
    c->item = item;
    c->weight = (int32_t)weight;
    factors_round(p, c->p);
    factors_item_add(s->factors, item, c->p, weight);
    factors_sum_add(&m->factors, c->p, weight, first);
}

void shared_add_obs(struct shared *s, struct delta *d, uint32_t item, int64_t obs, int64_t exp) {
    if (obs == 0 && exp == 0) {
        return;
    }
    popularity_obs_add(s->popularity, item, obs, exp);
    d->obs[d->n_obs++] = (struct delta_obs){.obs = obs, .exp = exp, .item = item};
}

void shared_add_deal(struct shared *s, struct delta *d, const struct delta_deal *deal) {
    categories_deal(s->categories, deal->item, deal->share, deal->ts_ms);
    d->deals[d->n_deals++] = *deal;
}

void shared_add_event(struct shared *s, struct delta *d) {
    s->n_events++;
    d->n_events++;
}

void shared_add_vote(struct shared *s, struct mini_batch *m, const float *x) {
    segments_vote(s->segments, x, &m->segments);
    segments_remember(s->segments, x);
}

bool shared_landmark_needed(const struct shared *s, int64_t ts_ms) {
    int64_t w[POP_CLOCKS];
    int64_t obs;
    int64_t g;
    return popularity_weigh(s->popularity, ts_ms, w) != ST_OK ||
           popularity_obs_weigh(s->popularity, s->n_events, &obs) != ST_OK ||
           categories_weigh(s->categories, ts_ms, &g) != ST_OK;
}

/* What lowered counts left top lists to be filled by their next reader, in an order that
 * depends on when that is. Candidates are drawn by position: who reads must not matter. */
void shared_refresh_top_lists(struct shared *s) {
    const uint32_t *items = NULL;
    for (uint32_t d = 0; d < s->n_domains; d++) {
        for (int clock = 0; clock < POP_LISTS; clock++) {
            (void)popularity_top(s->popularity, (uint8_t)d, clock, &items);
        }
    }
}

struct shared_move shared_move_time(struct shared *s, int64_t ts_ms) {
    struct shared_move move = {0};
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        if (!popularity_due(s->popularity, clock, ts_ms)) {
            continue;
        }
        const int64_t from = popularity_landmark(s->popularity, clock);
        const int64_t to = popularity_next_landmark(s->popularity, clock, ts_ms);
        if (popularity_move(s->popularity, clock, to) == ST_OK) {
            move.halvings[clock] = (to - from) / popularity_half_life_ms[clock];
            s->log_end++;
        }
    }
    if (categories_due(s->categories, ts_ms)) {
        move.category_halvings = categories_move(s->categories, ts_ms);
        s->log_end++;
    }
    return move;
}

struct shared_move shared_move_obs(struct shared *s, uint64_t n_events) {
    struct shared_move move = {0};
    if (popularity_obs_due(s->popularity, n_events)) {
        const uint64_t from = popularity_obs_landmark(s->popularity);
        popularity_obs_move(s->popularity, n_events);
        const uint64_t to = popularity_obs_landmark(s->popularity);
        move.obs_halvings = (int64_t)(to - from) / OBS_HALF_LIFE;
        s->log_end++;
    }
    return move;
}

struct shared_move shared_move_landmarks(struct shared *s, int64_t ts_ms) {
    struct shared_move move = shared_move_time(s, ts_ms);
    move.obs_halvings = shared_move_obs(s, s->n_events).obs_halvings;
    shared_refresh_top_lists(s);
    return move;
}

void shared_move_delta(struct delta *d, const struct shared_move *move) {
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        if (move->halvings[clock]) {
            delta_move_clock(d, clock, move->halvings[clock]);
        }
    }
    if (move->category_halvings) {
        delta_move_categories(d, move->category_halvings);
    }
    if (move->obs_halvings) {
        delta_move_obs(d, move->obs_halvings);
    }
}

/* Seeds, or looks whether other segments would do better. */
static enum status renew_segments(struct shared *s) {
    bool seeded = false;
    enum status st = segments_due(s->segments) ? segments_renew(s->segments, &seeded) : ST_OK;
    s->log_end += seeded;
    return st;
}

enum status shared_apply(struct shared *s, const struct mini_batch *m) {
    s->log_end++;
    factors_apply(s->factors, &m->factors);
    segments_apply(s->segments, &m->segments);
    for (size_t k = 0; k < s->n_due; k++) {
        if (pairs_due(s->pairs, s->due[k])) {
            pairs_prune(s->pairs, s->due[k]);
            s->log_end++;
        }
    }
    s->n_due = 0;
    s->log_end += categories_prune(s->categories);
    return renew_segments(s);
}

void shared_take_back(struct shared *s, const struct delta *d) {
    for (size_t k = d->n_takes; k-- > 0;) {
        const struct delta_take *t = &d->takes[k];
        popularity_untake(s->popularity, t->item, t->domain, t->w, t->weight);
    }
    for (size_t k = d->n_pairs; k-- > 0;) {
        pairs_take_back(s->pairs, &d->pairs[k]);
    }
    for (size_t k = d->n_contexts; k-- > 0;) {
        const struct delta_context *c = &d->contexts[k];
        factors_item_add(s->factors, c->item, c->p, -(int64_t)c->weight);
    }
    for (size_t k = d->n_obs; k-- > 0;) {
        popularity_obs_add(s->popularity, d->obs[k].item, -d->obs[k].obs, -d->obs[k].exp);
    }
    for (size_t k = d->n_category_takes; k-- > 0;) {
        categories_untake(s->categories, &d->category_takes[k]);
    }
    for (size_t k = d->n_category_pairs; k-- > 0;) {
        categories_unpair(s->categories, &d->category_pairs[k]);
    }
    s->n_events -= d->n_events;
    shared_refresh_top_lists(s);
}

size_t shared_bytes(const struct shared *s) {
    return items_bytes(s->items) + popularity_bytes(s->popularity) + pairs_bytes(s->pairs) +
           factors_bytes(s->factors) + categories_bytes(s->categories) + content_bytes(s->content);
}
