/* SPDX-License-Identifier: Apache-2.0
 *
 * categories.c -- see categories.h.
 */
#include "categories.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "fixed.h"
#include "popularity.h"
#include "room.h"

enum { ROOM_FIRST = 64 };

#define G_HIGH (INT64_C(1) << 62) /* a sum beyond it makes a move due early */

static const double OF_AN_EVENT = 0.001; /* in a share: what nobody has taken is not impossible */
static const double SHARE_LEAST = 1e-9;
static const double ITEM_PRIOR = 10.0; /* events a category's repeat rate weighs for its items */
static const double CATEGORY_PRIOR = 20.0;
static const double RATE_UNKNOWN = 0.5;

struct categories {
    struct categories_category *categories; /* (cap_categories,) */
    struct categories_item *items;          /* (cap_items,)      */
    uint32_t n_categories, cap_categories, cap_items;
    int64_t landmark_ms;
    int64_t g;           /* G: the sum of the categories' */
    int64_t events;      /* N: likewise of n              */
    int64_t takes;       /* M: the sum of the items' n    */
    int64_t repeats;     /* rep: likewise                 */
    struct pairs *pairs; /* T                             */
    uint32_t *due;       /* categories whose lists wait for pruning, (n_due,) */
    size_t n_due, cap_due;
    bool any_deal; /* something was sold at a discount */
};

/* ---- life cycle ---------------------------------------------------------------------- */

enum status categories_new(int64_t landmark_ms, struct categories **out) {
    struct categories *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    c->landmark_ms = landmark_ms;
    enum status st = pairs_new(CATEGORIES_NEIGHBOURS, CATEGORIES_KEEP, &c->pairs);
    if (st) {
        categories_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

void categories_free(struct categories *c) {
    if (!c) {
        return;
    }
    pairs_free(c->pairs);
    free(c->categories);
    free(c->items);
    free(c->due);
    free(c);
}

/* Room for n elements, zero where new; doubles. */
static enum status grow(void **array, uint32_t *cap, uint32_t n, size_t size) {
    if (n <= *cap) {
        return ST_OK;
    }
    size_t want = *cap ? 2 * (size_t)*cap : ROOM_FIRST;
    want = want < n ? n : want;
    want = want < UINT32_MAX ? want : UINT32_MAX;
    char *grown = realloc(*array, want * size);
    if (!grown) {
        return ST_NOMEM;
    }
    room_huge_pages(grown, want * size);
    memset(grown + *cap * size, 0, (want - *cap) * size);
    *array = grown;
    *cap = (uint32_t)want;
    return ST_OK;
}

enum status categories_reserve(struct categories *c, uint32_t n_items, uint32_t n_categories) {
    void *items = c->items;
    void *categories = c->categories;
    enum status st = grow(&items, &c->cap_items, n_items, sizeof *c->items);
    c->items = items;
    if (!st) {
        st = grow(&categories, &c->cap_categories, n_categories, sizeof *c->categories);
        c->categories = categories;
    }
    if (!st) {
        st = pairs_reserve(c->pairs, n_categories, NULL);
    }
    if (!st && n_categories > c->n_categories) {
        c->n_categories = n_categories;
    }
    return st;
}

/* ---- landmark and weights -------------------------------------------------------------- */

/* Whole half-lives from the landmark to a time behind it; 0 before it. No overflow. */
static uint64_t half_lives(const struct categories *c, int64_t ts_ms) {
    if (ts_ms <= c->landmark_ms) {
        return 0;
    }
    return ((uint64_t)ts_ms - (uint64_t)c->landmark_ms) / (uint64_t)CATEGORIES_HALF_LIFE_MS;
}

/* 2^((ts - L)/H) */
static double weight_at(const struct categories *c, int64_t ts_ms) {
    return exp2(((double)ts_ms - (double)c->landmark_ms) / (double)CATEGORIES_HALF_LIFE_MS);
}

bool categories_due(const struct categories *c, int64_t ts_ms) {
    return half_lives(c, ts_ms) >= (c->g >= G_HIGH ? 1 : POP_MOVE);
}

/* g 2^-shift, rounded to nearest, ties away from zero; what was taken back after a move may have
 * left less than nothing. */
static int64_t shifted(int64_t g, uint64_t shift) {
    if (shift == 0) {
        return g;
    }
    if (shift > 62) {
        return 0;
    }
    const uint64_t magnitude = g < 0 ? 0 - (uint64_t)g : (uint64_t)g;
    const int64_t r = (int64_t)((magnitude + (UINT64_C(1) << (shift - 1))) >> shift);
    return g < 0 ? -r : r;
}

int64_t categories_landmark(const struct categories *c) {
    return c->landmark_ms;
}

int64_t categories_move(struct categories *c, int64_t ts_ms) {
    const uint64_t by = half_lives(c, ts_ms);
    if (by == 0) {
        return 0;
    }
    c->g = 0;
    for (uint32_t k = 0; k < c->n_categories; k++) {
        c->categories[k].g = shifted(c->categories[k].g, by);
        c->g += c->categories[k].g;
    }
    for (uint32_t k = 0; k < c->cap_items; k++) {
        c->items[k].g = shifted(c->items[k].g, by);
    }
    c->landmark_ms += (int64_t)by * CATEGORIES_HALF_LIFE_MS;
    return (int64_t)by;
}

enum status categories_weigh(const struct categories *c, int64_t ts_ms, int64_t *g) {
    const int64_t limit = POP_LIMIT * CATEGORIES_HALF_LIFE_MS;
    if (ts_ms > c->landmark_ms && (uint64_t)ts_ms - (uint64_t)c->landmark_ms > (uint64_t)limit) {
        return ST_RANGE;
    }
    *g = fixed_of(weight_at(c, ts_ms));
    return ST_OK;
}

/* ---- counting -------------------------------------------------------------------------- */

/* Forward decay moves nobody but the touched item, so that comparing it with the least is enough.
 */
static void note_top(const struct categories *c, struct categories_category *k, uint32_t item) {
    uint32_t least = 0;
    for (uint32_t x = 0; x < k->n_top; x++) {
        if (k->top[x] == item) {
            return;
        }
        least = c->items[k->top[x]].g < c->items[k->top[least]].g ? x : least;
    }
    if (k->n_top < CATEGORY_TOP) {
        k->top[k->n_top++] = item;
    } else if (c->items[item].g > c->items[k->top[least]].g) {
        k->top[least] = item;
    }
}

void categories_forget_tops(struct categories *c) {
    for (uint32_t k = 0; k < c->n_categories; k++) {
        c->categories[k].n_top = 0;
    }
}

void categories_offer_top(struct categories *c, uint32_t category, uint32_t item) {
    if (category >= c->n_categories || item >= c->cap_items || c->items[item].g <= 0) {
        return;
    }
    struct categories_category *k = &c->categories[category];
    const int64_t g = c->items[item].g;
    if (k->n_top == CATEGORY_TOP && g <= c->items[k->top[CATEGORY_TOP - 1]].g) {
        return;
    }
    uint32_t at = k->n_top < CATEGORY_TOP ? k->n_top++ : CATEGORY_TOP - 1U;
    for (; at > 0 && g > c->items[k->top[at - 1]].g; at--) { /* largest first */
        k->top[at] = k->top[at - 1];
    }
    k->top[at] = item;
}

/* Adds (sign 1) or takes back (sign -1) what is counted of the item. */
static void count_item(struct categories *c, const struct category_take_sum *sum, int64_t sign) {
    struct categories_item *i = &c->items[sum->item];
    i->g += sign * sum->g;
    i->n += sign * sum->weight;
    i->repeats += sign * sum->repeated;
    c->takes += sign * sum->weight;
    c->repeats += sign * sum->repeated;
}

/* ... of the category. */
static void count_category(struct categories *c, const struct category_take_sum *sum,
                           int64_t sign) {
    struct categories_category *k = &c->categories[sum->category];
    k->n += sign * sum->weight;
    k->repeats += sign * sum->repeated;
    k->g += sign * sum->g;
    c->g += sign * sum->g;
    c->events += sign * sum->weight;
}

static void count(struct categories *c, const struct category_take_sum *sum, unsigned sides,
                  int64_t sign) {
    if (sides & CATEGORIES_ITEM) {
        count_item(c, sum, sign);
    }
    if (sides & CATEGORIES_CATEGORY && sum->category != CATEGORY_NONE) {
        count_category(c, sum, sign);
    }
}

static struct category_take_sum sum_of(const struct category_take *take) {
    return (struct category_take_sum){.g = take->g,
                                      .weight = take->weight,
                                      .repeated = take->repeated ? take->weight : 0,
                                      .category = take->category,
                                      .item = take->item};
}

void categories_add(struct categories *c, const struct category_take_sum *sum, unsigned sides) {
    const unsigned both = CATEGORIES_ITEM | CATEGORIES_CATEGORY;
    count(c, sum, sides, 1);
    if ((sides & both) == both && sum->category != CATEGORY_NONE) {
        note_top(c, &c->categories[sum->category], sum->item);
    }
}

void categories_subtract(struct categories *c, const struct category_take_sum *sum,
                         unsigned sides) {
    count(c, sum, sides, -1);
}

void categories_take(struct categories *c, const struct category_take *take) {
    const struct category_take_sum sum = sum_of(take);
    categories_add(c, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
}

void categories_untake(struct categories *c, const struct category_take *take) {
    const struct category_take_sum sum = sum_of(take);
    categories_subtract(c, &sum, CATEGORIES_ITEM | CATEGORIES_CATEGORY);
}

/* Room to note both categories of a pair as due. */
static enum status reserve_due(struct categories *c) {
    if (c->n_due + 2 <= c->cap_due) {
        return ST_OK;
    }
    const size_t cap = c->cap_due ? 2 * c->cap_due : ROOM_FIRST;
    uint32_t *due = realloc(c->due, cap * sizeof *due);
    if (!due) {
        return ST_NOMEM;
    }
    c->due = due;
    c->cap_due = cap;
    return ST_OK;
}

/* Notes a category once: right when its list outgrows the limit. */
static void note_due(struct categories *c, uint32_t category, uint32_t n_before) {
    if (n_before <= CATEGORIES_NEIGHBOURS && pairs_due(c->pairs, category)) {
        c->due[c->n_due++] = category;
    }
}

enum status categories_pair(struct categories *c, const struct pair_add *add) {
    const struct pair_sum sum = {.from = add->from, .to = add->to, .a = add->a};
    return categories_add_pairs(c, &sum, PAIR_FROM | PAIR_TO);
}

void categories_unpair(struct categories *c, const struct pair_add *add) {
    const struct pair_sum sum = {.from = add->from, .to = add->to, .a = add->a};
    categories_subtract_pairs(c, &sum, PAIR_FROM | PAIR_TO);
}

enum status categories_add_pairs(struct categories *c, const struct pair_sum *sum, unsigned sides) {
    enum status st = reserve_due(c);
    if (st) {
        return st;
    }
    const uint32_t n_from = pairs_list(c->pairs, sum->from).n;
    const uint32_t n_to = pairs_list(c->pairs, sum->to).n;
    const struct pair_sum only_a = {.from = sum->from, .to = sum->to, .a = sum->a};
    st = pairs_add_sum(c->pairs, &only_a, sides);
    if (st) {
        return st;
    }
    note_due(c, sum->from, n_from);
    note_due(c, sum->to, n_to);
    return ST_OK;
}

void categories_subtract_pairs(struct categories *c, const struct pair_sum *sum, unsigned sides) {
    const struct pair_sum only_a = {.from = sum->from, .to = sum->to, .a = sum->a};
    pairs_subtract_sum(c->pairs, &only_a, sides);
}

bool categories_prune_due(const struct categories *c) {
    for (size_t k = 0; k < c->n_due; k++) {
        if (pairs_due(c->pairs, c->due[k])) { /* it may have been taken back meanwhile */
            return true;
        }
    }
    return false;
}

uint32_t categories_prune(struct categories *c) {
    return categories_prune_hashed(c, NULL);
}

uint32_t categories_prune_hashed(struct categories *c, const uint64_t *hashes) {
    uint32_t n = 0;
    for (size_t k = 0; k < c->n_due; k++) {
        if (pairs_due(c->pairs, c->due[k])) {
            pairs_prune_hashed(c->pairs, c->due[k], hashes);
            n++;
        }
    }
    c->n_due = 0;
    return n;
}

void categories_deal(struct categories *c, uint32_t item, float share, int64_t ts_ms) {
    struct categories_item *i = &c->items[item];
    if (i->sold && (ts_ms < i->deal_ms || (ts_ms == i->deal_ms && share <= i->deal))) {
        return; /* of one moment the best: whoever hears of the sales in whatever order */
    }
    c->any_deal = c->any_deal || share > 0.0F;
    i->sold = true;
    i->deal = share;
    i->deal_ms = ts_ms;
}

/* ---- reading --------------------------------------------------------------------------- */

static struct categories_category category_of(const struct categories *c, uint32_t category) {
    return category < c->n_categories ? c->categories[category] : (struct categories_category){0};
}

float categories_share(const struct categories *c, uint32_t category, int64_t now_ms) {
    if (c->g <= 0) {
        return 1.0F;
    }
    const double g = fixed_to(category_of(c, category).g);
    const double share = (g + OF_AN_EVENT * weight_at(c, now_ms)) / fixed_to(c->g);
    return (float)(share > 1.0 ? 1.0 : share < SHARE_LEAST ? SHARE_LEAST : share);
}

float categories_part(const struct categories *c, uint32_t item, uint32_t category) {
    const int64_t of = category < c->n_categories ? c->categories[category].g : 0;
    const int64_t g = item < c->cap_items ? c->items[item].g : 0;
    if (of <= 0) {
        return -1.0F;
    }
    return g <= 0 ? 0.0F : g >= of ? 1.0F : (float)((double)g / (double)of);
}

struct pair_list categories_neighbours(const struct categories *c, uint32_t category) {
    return category < c->n_categories ? pairs_list(c->pairs, category) : (struct pair_list){0};
}

uint32_t categories_top(const struct categories *c, uint32_t category, const uint32_t **items) {
    *items = NULL;
    if (category >= c->n_categories) {
        return 0;
    }
    *items = c->categories[category].top;
    return c->categories[category].n_top;
}

float categories_events(const struct categories *c, uint32_t category) {
    return (float)fixed_to(category_of(c, category).n);
}

float categories_all_events(const struct categories *c) {
    return (float)fixed_to(c->events);
}

double categories_repeat_prior(const struct categories *c, uint32_t category) {
    const struct categories_category k = category_of(c, category);
    const double rho = c->takes > 0 ? (double)c->repeats / (double)c->takes : RATE_UNKNOWN;
    return (fixed_to(k.repeats) + CATEGORY_PRIOR * rho) / (fixed_to(k.n) + CATEGORY_PRIOR);
}

float categories_repeat_rate(const struct categories *c, uint32_t item, double prior) {
    if (item >= c->cap_items) {
        return (float)prior;
    }
    const struct categories_item *i = &c->items[item];
    return (float)((fixed_to(i->repeats) + ITEM_PRIOR * prior) / (fixed_to(i->n) + ITEM_PRIOR));
}

bool categories_any_deal(const struct categories *c) {
    return c->any_deal;
}

void categories_fetch(const struct categories *c, uint32_t item) {
    FETCH_KEPT();
    if (item < c->cap_items) { /* may be in two lines */
        __builtin_prefetch(&c->items[item].n);
        __builtin_prefetch(c->any_deal ? (const char *)(&c->items[item] + 1) - 1
                                       : (const char *)&c->items[item].repeats);
    }
}

float categories_deal_now(const struct categories *c, uint32_t item, int64_t now_ms) {
    if (item >= c->cap_items || !(c->items[item].deal > 0.0F)) {
        return 0.0F;
    }
    const struct categories_item *i = &c->items[item];
    const double age = (double)now_ms - (double)i->deal_ms;
    if (age <= 0.0) {
        return i->deal;
    }
    return i->deal * (float)exp2(-age / (double)CATEGORIES_DEAL_HALF_LIFE_MS);
}

/* ---- exact ------------------------------------------------------------------------------- */

struct categories_item categories_item(const struct categories *c, uint32_t item) {
    return item < c->cap_items ? c->items[item] : (struct categories_item){0};
}

void categories_item_add(struct categories *c, uint32_t item, const struct categories_item *by) {
    const struct category_take_sum sum = {.g = by->g,
                                          .weight = by->n,
                                          .repeated = by->repeats,
                                          .category = CATEGORY_NONE,
                                          .item = item};
    categories_add(c, &sum, CATEGORIES_ITEM);
    if (by->sold) {
        categories_deal(c, item, by->deal, by->deal_ms);
    }
}

struct categories_category categories_category(const struct categories *c, uint32_t category) {
    return category_of(c, category);
}

void categories_category_add(struct categories *c, uint32_t category,
                             const struct categories_category *by) {
    const struct category_take_sum sum = {
        .g = by->g, .weight = by->n, .repeated = by->repeats, .category = category};
    struct categories_category *k = &c->categories[category];
    categories_add(c, &sum, CATEGORIES_CATEGORY);
    k->n_top = by->n_top;
    memcpy(k->top, by->top, sizeof k->top);
}

struct pair_sum categories_pair_at(const struct categories *c, uint32_t category, uint32_t k) {
    return pairs_at(c->pairs, category, k);
}

size_t categories_bytes(const struct categories *c) {
    return sizeof *c + c->cap_categories * sizeof *c->categories + c->cap_items * sizeof *c->items +
           c->cap_due * sizeof *c->due + pairs_bytes(c->pairs);
}
