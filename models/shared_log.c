/* SPDX-License-Identifier: Apache-2.0
 * shared_log.c -- see shared_log.h. */
#include "shared_log.h"

/* Half-lives by which the increments of a record are brought to the present landmarks. */
static int64_t halvings_of(const struct shared *s, const struct log_record *r, int clock) {
    return (popularity_landmark(s->popularity, clock) - r->landmarks[clock]) /
           popularity_half_life_ms[clock];
}

static int64_t category_halvings_of(const struct shared *s, const struct log_record *r) {
    return (categories_landmark(s->categories) - r->category_landmark) / CATEGORIES_HALF_LIFE_MS;
}

static int64_t obs_halvings_of(const struct shared *s, const struct log_record *r) {
    return (int64_t)(popularity_obs_landmark(s->popularity) - r->obs_landmark) /
           (int64_t)POP_OBS_EVENTS;
}

/* Is `then` some half-lives before `now`? */
static bool is_before(int64_t then, int64_t now, int64_t half_life) {
    return then <= now && (now - then) % half_life == 0;
}

enum status shared_log_check(const struct shared *s, const struct log_record *r) {
    bool ok = is_before(r->category_landmark, categories_landmark(s->categories),
                        CATEGORIES_HALF_LIFE_MS) &&
              is_before((int64_t)r->obs_landmark, (int64_t)popularity_obs_landmark(s->popularity),
                        (int64_t)POP_OBS_EVENTS);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        ok = ok && is_before(r->landmarks[clock], popularity_landmark(s->popularity, clock),
                             popularity_half_life_ms[clock]);
    }
    for (size_t k = 0; ok && k < r->n_items; k++) {
        const uint32_t i = items_find(s->items, r->items[k].hash);
        ok = r->items[k].domain < s->n_domains &&
             (i == ITEM_NONE || items_domain(s->items, i) == r->items[k].domain);
    }
    return ok ? ST_OK : ST_INVALID;
}

bool shared_log_is_present(const struct shared *s, const struct log_record *r) {
    bool same = category_halvings_of(s, r) == 0 && obs_halvings_of(s, r) == 0;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        same = same && halvings_of(s, r, clock) == 0;
    }
    return same;
}

enum status shared_log_resolve(struct shared *s, const struct log_record *r, uint32_t *items,
                               uint32_t *categories) {
    enum status st = ST_OK;
    for (size_t k = 0; k < r->n_items && !st; k++) {
        const struct log_item *item = &r->items[k];
        st = item->id_len > 0
                 ? items_intern(s->items, item->hash, item->domain, item->id, item->id_len,
                                &items[k])
                 : items_intern_nameless(s->items, item->hash, item->domain, &items[k]);
    }
    for (size_t k = 0; k < r->n_categories && !st; k++) {
        st = content_category_intern(s->content, r->categories[k], &categories[k]);
    }
    return st ? st : shared_reserve(s);
}

/* ---- increments ------------------------------------------------------------------------ */

static void add_takes(struct shared *s, const struct log_record *r, const uint32_t *items,
                      bool known) {
    int64_t halvings[POP_CLOCKS];
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        halvings[clock] = halvings_of(s, r, clock);
    }
    for (size_t k = 0; k < r->n_takes; k++) {
        const struct log_take *t = &r->takes[k];
        const uint32_t i = items[t->item];
        struct popularity_sum sum = {
            .weight = t->weight, .first_ms = t->first_ms, .last_ms = t->last_ms, .count = t->count};
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            sum.w[clock] = delta_halved(t->w[clock], halvings[clock]);
        }
        if (shared_awaits_item(s, i)) {
            continue;
        }
        popularity_add(s->popularity, i, r->items[t->item].domain, &sum);
        if (!known) {
            popularity_remind(s->popularity, i, r->items[t->item].domain);
        }
    }
}

static enum status add_pairs(struct shared *s, const struct log_record *r, const uint32_t *items) {
    enum status st = ST_OK;
    for (size_t k = 0; k < r->n_pairs && !st; k++) {
        struct pair_sum sum = r->pairs[k];
        sum.from = items[sum.from];
        sum.to = items[sum.to];
        const unsigned sides = (shared_awaits_item(s, sum.from) ? 0 : (unsigned)PAIR_FROM) |
                               (shared_awaits_item(s, sum.to) ? 0 : (unsigned)PAIR_TO);
        st = sides ? shared_add_pair_sum(s, &sum, sides) : ST_OK;
    }
    return st;
}

static void add_contexts(struct shared *s, const struct log_record *r, const uint32_t *items) {
    for (size_t k = 0; k < r->n_contexts; k++) {
        const struct log_context *c = &r->contexts[k];
        const uint32_t i = items[c->item];
        if (!shared_awaits_item(s, i)) {
            factors_item_sum(s->factors, i, c->b, c->weight);
            factors_item_solve(s->factors, i);
        }
    }
}

static void add_obs(struct shared *s, const struct log_record *r, const uint32_t *items) {
    const int64_t halvings = obs_halvings_of(s, r);
    for (size_t k = 0; k < r->n_obs; k++) {
        const struct delta_obs *o = &r->obs[k];
        if (!shared_awaits_item(s, items[o->item])) {
            popularity_obs_add(s->popularity, items[o->item], delta_halved(o->obs, halvings),
                               delta_halved(o->exp, halvings));
        }
    }
}

static void add_category_takes(struct shared *s, const struct log_record *r, const uint32_t *items,
                               const uint32_t *categories, unsigned parts) {
    const int64_t halvings = category_halvings_of(s, r);
    for (size_t k = 0; k < r->n_category_takes; k++) {
        struct category_take_sum sum = r->category_takes[k];
        const bool known = sum.category != CATEGORY_NONE;
        sum.item = items[sum.item];
        sum.category = known ? categories[sum.category] : CATEGORY_NONE;
        sum.g = delta_halved(sum.g, halvings);
        unsigned sides = 0;
        if (parts & PART_CATEGORY_ITEMS && !shared_awaits_item(s, sum.item)) {
            sides |= CATEGORIES_ITEM;
        }
        if (parts & PART_CATEGORIES && known && !shared_awaits_category(s, sum.category)) {
            sides |= CATEGORIES_CATEGORY;
        }
        if (sides) {
            categories_add(s->categories, &sum, sides);
        }
    }
}

static enum status add_category_pairs(struct shared *s, const struct log_record *r,
                                      const uint32_t *categories) {
    enum status st = ST_OK;
    for (size_t k = 0; k < r->n_category_pairs && !st; k++) {
        struct pair_sum sum = r->category_pairs[k];
        sum.from = categories[sum.from];
        sum.to = categories[sum.to];
        const unsigned sides = (shared_awaits_category(s, sum.from) ? 0 : (unsigned)PAIR_FROM) |
                               (shared_awaits_category(s, sum.to) ? 0 : (unsigned)PAIR_TO);
        st = sides ? categories_add_pairs(s->categories, &sum, sides) : ST_OK;
    }
    return st;
}

static void add_deals(struct shared *s, const struct log_record *r, const uint32_t *items) {
    for (size_t k = 0; k < r->n_deals; k++) {
        const struct delta_deal *deal = &r->deals[k];
        if (!shared_awaits_item(s, items[deal->item])) {
            categories_deal(s->categories, items[deal->item], deal->share, deal->ts_ms);
        }
    }
}

enum status shared_log_add(struct shared *s, const struct log_record *r, const uint32_t *items,
                           const uint32_t *categories, unsigned parts, bool known) {
    enum status st = ST_OK;
    if (parts & PART_TAKES) {
        add_takes(s, r, items, known);
    }
    if (parts & PART_PAIRS) {
        st = add_pairs(s, r, items);
    }
    if (parts & PART_CONTEXTS) {
        add_contexts(s, r, items);
    }
    if (parts & PART_OBS) {
        add_obs(s, r, items);
    }
    if (parts & (PART_CATEGORY_ITEMS | PART_CATEGORIES)) {
        add_category_takes(s, r, items, categories, parts);
        add_deals(s, r, items);
    }
    if (!st && parts & PART_CATEGORY_PAIRS) {
        st = add_category_pairs(s, r, categories);
    }
    return st;
}
