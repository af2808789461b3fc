/* SPDX-License-Identifier: Apache-2.0
 *
 * affinity.c -- see affinity.h. One cell a category, valid only if its stamp says so: nothing is
 * cleared between lists.
 */
#include "affinity.h"

#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "lg.h"

static const int64_t ORDER_GAP_MS = INT64_C(2) * 3600000;
static const float MS_PER_HOUR = 3600000.0F;
static const float PRIOR = 10.0F;
static const float LIFT_FLOOR = 1e-6F;
static const float GOES_FLOOR = .03F;
static const float GOES_PRIOR = 5.0F;
static const float LIKE_DECAY = .96F;
static const float LIKE_PRIOR = .5F;

enum { ROOM_FIRST = 256 };
#define NOTHING UINT32_MAX

struct taken { /* a history item */
    uint32_t item;
    uint32_t older; /* in `taken`, of the same category; NOTHING: none */
    float w;
};

struct cell {
    uint32_t stamp;  /* sums are of this list  */
    uint32_t known;  /* terms are of this list */
    uint32_t lines;  /* of the order           */
    uint32_t newest; /* in `taken`, of the category; NOTHING: none */
    float sum;       /* T_bc/(n_b + 5) over b  */
    float own_times; /* the user's items of it, and how often they were taken */
    float own_items;
    float v;
    int64_t last_ms; /* of the user's interest, if v > 0 */
    struct affinity_terms terms;
};

struct affinity {
    struct cell *cells; /* (cap,) */
    uint32_t cap;
    uint32_t stamp;
    const struct shared *shared;
    int64_t now_ms;
    float v_sum;    /* V */
    float n_basket; /* m */
    struct taken taken[USER_HISTORY];
};

enum status affinity_new(struct affinity **out) {
    *out = calloc(1, sizeof **out);
    return *out ? ST_OK : ST_NOMEM;
}

void affinity_free(struct affinity *a) {
    if (a) {
        free(a->cells);
        free(a);
    }
}

static enum status reserve(struct affinity *a, uint32_t n) {
    if (n <= a->cap) {
        return ST_OK;
    }
    uint32_t cap = a->cap ? a->cap : ROOM_FIRST;
    while (cap < n) {
        cap *= 2;
    }
    struct cell *cells = calloc(cap, sizeof *cells);
    if (!cells) {
        return ST_NOMEM;
    }
    free(a->cells);
    a->cells = cells;
    a->cap = cap;
    a->stamp = 0;
    return ST_OK;
}

static struct cell *cell_of(struct affinity *a, uint32_t category) {
    struct cell *c = &a->cells[category];
    if (c->stamp != a->stamp) {
        c->stamp = a->stamp;
        c->lines = 0;
        c->newest = NOTHING;
        c->sum = c->v = c->own_times = c->own_items = 0.0F;
    }
    return c;
}

uint32_t affinity_order(const struct user_entry *history, uint32_t n_history, int64_t now_ms) {
    uint32_t n = 0;
    int64_t next_ms = now_ms;
    while (n < n_history && next_ms - history[n].ts_ms <= ORDER_GAP_MS) {
        next_ms = history[n].ts_ms;
        n++;
    }
    return n;
}

/* T_bc/(n_b + 5) for every neighbour c of a category of the order. */
static void walk_neighbours(struct affinity *a, uint32_t b) {
    const struct pair_part list = categories_neighbours(a->shared->categories, b).near;
    const float w = 1.0F / (categories_events(a->shared->categories, b) + GOES_PRIOR);
    for (uint32_t y = 0; y < list.n; y++) {
        if (list.item[y] < a->cap) {
            cell_of(a, list.item[y])->sum += w * list.of[y].a;
        }
    }
}

static void see_order(struct affinity *a, const struct user_entry *history, uint32_t n) {
    uint32_t distinct = 0;
    for (uint32_t r = 0; r < n; r++) {
        const uint32_t b = content_category(a->shared->content, history[r].item);
        if (b >= a->cap) {
            continue; /* none */
        }
        if (cell_of(a, b)->lines++ == 0 && distinct < AFFINITY_BASKET) {
            distinct++;
            walk_neighbours(a, b);
        }
    }
    a->n_basket = (float)distinct;
}

static void see_interests(struct affinity *a, const struct user *u) {
    struct user_interest interests[USER_INTERESTS];
    const uint32_t n = user_interests_by_category(u, a->now_ms, interests, USER_INTERESTS);
    for (uint32_t k = 0; k < n; k++) {
        if (interests[k].category < a->cap) {
            struct cell *c = cell_of(a, interests[k].category);
            c->v = interests[k].v;
            c->last_ms = interests[k].last_ms;
        }
    }
    a->v_sum = user_interests_sum(u, a->now_ms);
}

/* Chains what was taken of each category, newest first. */
static void see_history(struct affinity *a, const struct user_entry *history, uint32_t n) {
    float w[USER_HISTORY];
    for (uint32_t r = 0; r < n; r++) {
        w[r] = r ? w[r - 1] * LIKE_DECAY : 1.0F;
    }
    for (uint32_t r = n; r-- > 0;) {
        const uint32_t category = content_category(a->shared->content, history[r].item);
        if (category < a->cap) {
            struct cell *c = cell_of(a, category);
            a->taken[r] = (struct taken){.item = history[r].item, .older = c->newest, .w = w[r]};
            c->newest = r;
        }
    }
}

enum status affinity_look(struct affinity *a, const struct shared *s, const struct user *u,
                          const struct user_entry *history, uint32_t n_history, int64_t now_ms) {
    enum status st = reserve(a, content_n_categories(s->content));
    if (st) {
        return st;
    }
    if (++a->stamp == 0) { /* after 2^32 lists: old stamps could seem valid */
        memset(a->cells, 0, a->cap * sizeof *a->cells);
        a->stamp = 1;
    }
    a->shared = s;
    a->now_ms = now_ms;
    if (a->cap > 0) {
        see_order(a, history, affinity_order(history, n_history, now_ms));
        see_interests(a, u);
        see_history(a, history, n_history);
    }
    return ST_OK;
}

static float gap_of(const struct affinity *a, const struct cell *c) {
    if (!(c->v > 0.0F)) {
        return 0.0F;
    }
    const int64_t ms = a->now_ms - c->last_ms;
    return 3.0F - 0.25F * lg(1.0F + (ms > 0 ? (float)ms / MS_PER_HOUR : 0.0F));
}

void affinity_own(struct affinity *a, uint32_t category, uint32_t times) {
    if (category < a->cap) {
        struct cell *c = cell_of(a, category);
        c->own_times += (float)times;
        c->own_items += 1.0F;
    }
}

struct affinity_terms affinity_of(struct affinity *a, uint32_t category) {
    if (category >= a->cap) {
        return (struct affinity_terms){0};
    }
    struct cell *c = cell_of(a, category);
    if (c->known == a->stamp) {
        return c->terms;
    }
    const struct categories *all = a->shared->categories;
    const float gs = categories_share(all, category, a->now_ms);
    const float goes = c->sum * (categories_all_events(all) + 1.0F) /
                       (a->n_basket * (categories_events(all, category) + 1.0F));
    c->known = a->stamp;
    c->terms.lift = 0.25F * lg(((c->v + PRIOR * gs) / (a->v_sum + PRIOR) + LIFT_FLOOR) / gs);
    c->terms.gap = gap_of(a, c);
    c->terms.goes = a->n_basket > 0.0F ? 0.25F * lg(goes + GOES_FLOOR) : 0.0F;
    c->terms.in = 0.7F * lg(1.0F + (float)c->lines);
    c->terms.again = 2.0F * (c->own_times - c->own_items) / (c->own_times + 1.0F);
    return c->terms;
}

/* |x and y| of two sorted sets. */
static uint32_t n_common(const uint64_t *x, uint32_t n_x, const uint64_t *y, uint32_t n_y) {
    uint32_t n = 0;
    for (uint32_t i = 0, j = 0; i < n_x && j < n_y;) {
        n += x[i] == y[j];
        const bool step = x[i] <= y[j];
        j += x[i] >= y[j];
        i += step;
    }
    return n;
}

float affinity_like(const struct affinity *a, uint32_t item) {
    const uint32_t category = a->cap > 0 ? content_category(a->shared->content, item) : a->cap;
    if (category >= a->cap || a->cells[category].stamp != a->stamp) {
        return 0.0F;
    }
    const struct content *content = a->shared->content;
    uint32_t n = 0;
    const uint64_t *mine = content_attributes(content, item, &n);
    float sum = 0.0F;
    float w = LIKE_PRIOR;
    for (uint32_t r = n ? a->cells[category].newest : NOTHING; r != NOTHING;) {
        const struct taken *t = &a->taken[r];
        uint32_t n_other = 0;
        const uint64_t *other = content_attributes(content, t->item, &n_other);
        sum += t->w * (float)n_common(mine, n, other, n_other);
        w += t->w;
        r = t->older;
    }
    return n ? sum / ((float)n * w) : 0.0F;
}
