/* SPDX-License-Identifier: Apache-2.0
 * shared_part.c -- see shared.h: parts of the model without what is pending. */
#include <string.h>

#include "fixed.h"
#include "shared.h"

static bool concerns(const uint8_t *flags, uint32_t i) {
    return !flags || flags[i];
}

static void put_takes(struct shared *s, const struct delta *d, const uint8_t *items, bool in) {
    for (size_t k = 0; k < d->n_takes; k++) {
        const struct delta_take *t = &d->takes[k];
        if (!concerns(items, t->item)) {
            continue;
        }
        struct popularity_sum sum = {
            .weight = t->weight, .first_ms = t->ts_ms, .last_ms = t->ts_ms, .count = 1};
        memcpy(sum.w, t->w, sizeof sum.w);
        if (in) {
            popularity_add(s->popularity, t->item, t->domain, &sum);
        } else {
            popularity_subtract(s->popularity, t->item, t->domain, &sum);
        }
    }
}

static enum status put_pairs(struct shared *s, const struct delta *d, const uint8_t *items,
                             bool in) {
    enum status st = ST_OK;
    for (size_t k = 0; k < d->n_pairs && !st; k++) {
        const struct pair_add *p = &d->pairs[k];
        const unsigned sides = (concerns(items, p->from) ? (unsigned)PAIR_FROM : 0) |
                               (concerns(items, p->to) ? (unsigned)PAIR_TO : 0);
        const struct pair_sum sum = {.a = p->a, .f = p->f, .s = p->s, .from = p->from, .to = p->to};
        if (!sides) {
            continue;
        }
        if (in) {
            st = shared_add_pair_sum(s, &sum, sides);
        } else {
            pairs_subtract_sum(s->pairs, &sum, sides);
        }
    }
    return st;
}

static void put_contexts(struct shared *s, const struct delta *d, const uint8_t *items, bool in) {
    for (size_t k = 0; k < d->n_contexts; k++) {
        const struct delta_context *c = &d->contexts[k];
        const int64_t weight = in ? c->weight : -(int64_t)c->weight;
        if (concerns(items, c->item)) {
            int64_t b[FACTORS];
            for (size_t z = 0; z < FACTORS; z++) {
                b[z] = fixed_times(c->p[z], weight);
            }
            factors_item_sum(s->factors, c->item, b, weight);
        }
    }
}

static void put_obs(struct shared *s, const struct delta *d, const uint8_t *items, bool in) {
    for (size_t k = 0; k < d->n_obs; k++) {
        const struct delta_obs *o = &d->obs[k];
        if (concerns(items, o->item)) {
            popularity_obs_add(s->popularity, o->item, in ? o->obs : -o->obs,
                               in ? o->exp : -o->exp);
        }
    }
}

static void put_category_takes(struct shared *s, const struct delta *d,
                               const struct shared_part *part, bool in) {
    const bool of_items = part->parts & PART_CATEGORY_ITEMS;
    const bool of_categories = part->parts & PART_CATEGORIES;
    for (size_t k = 0; k < d->n_category_takes; k++) {
        const struct category_take *t = &d->category_takes[k];
        const bool item = of_items && concerns(part->items, t->item);
        const bool category = of_categories && t->category != CATEGORY_NONE &&
                              concerns(part->categories, t->category);
        const struct category_take_sum sum = {.g = t->g,
                                              .weight = t->weight,
                                              .repeated = t->repeated ? t->weight : 0,
                                              .category = t->category,
                                              .item = t->item};
        const unsigned sides =
            (item ? (unsigned)CATEGORIES_ITEM : 0) | (category ? (unsigned)CATEGORIES_CATEGORY : 0);
        if (sides && in) {
            categories_add(s->categories, &sum, sides);
        } else if (sides) {
            categories_subtract(s->categories, &sum, sides);
        }
    }
}

static enum status put_category_pairs(struct shared *s, const struct delta *d,
                                      const uint8_t *categories, bool in) {
    enum status st = ST_OK;
    for (size_t k = 0; k < d->n_category_pairs && !st; k++) {
        const struct pair_add *p = &d->category_pairs[k];
        const unsigned sides = (concerns(categories, p->from) ? (unsigned)PAIR_FROM : 0) |
                               (concerns(categories, p->to) ? (unsigned)PAIR_TO : 0);
        const struct pair_sum sum = {.a = p->a, .from = p->from, .to = p->to};
        if (sides && in) {
            st = categories_add_pairs(s->categories, &sum, sides);
        } else if (sides) {
            categories_subtract_pairs(s->categories, &sum, sides);
        }
    }
    return st;
}

static enum status put(struct shared *s, const struct delta *d, const struct shared_part *part,
                       bool in) {
    enum status st = ST_OK;
    if (part->parts & PART_TAKES) {
        put_takes(s, d, part->items, in);
    }
    if (part->parts & PART_PAIRS) {
        st = put_pairs(s, d, part->items, in);
    }
    if (part->parts & PART_CONTEXTS) {
        put_contexts(s, d, part->items, in);
    }
    if (part->parts & PART_OBS) {
        put_obs(s, d, part->items, in);
    }
    if (part->parts & (PART_CATEGORY_ITEMS | PART_CATEGORIES)) {
        put_category_takes(s, d, part, in);
    }
    if (!st && part->parts & PART_CATEGORY_PAIRS) {
        st = put_category_pairs(s, d, part->categories, in);
    }
    return st;
}

void shared_take_out(struct shared *s, const struct delta *d, const struct shared_part *part) {
    (void)put(s, d, part, false); /* only adding can fail */
}

enum status shared_put_back(struct shared *s, const struct delta *d,
                            const struct shared_part *part) {
    return put(s, d, part, true);
}
