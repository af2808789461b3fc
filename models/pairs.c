/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs.c -- see pairs.h.
 *
 * One allocation a list: first the columns that a query streams through (item, a,
 * f, s), behind them the exact sums, which only a change touches:
 *
 *     uint32 item[cap] | float a[cap] | float f[cap] | float s[cap] | struct sums[cap]
 *
 * cap is a multiple of LANES and item[n..cap) holds NOBODY, so that finding a
 * neighbour is a loop of whole vectors without a tail.
 */
#include "pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixed.h"

#define NOBODY UINT32_MAX

enum { LANES = 8, CAP_MIN = 8, COLUMNS = 4, ITEMS_MIN = 64 };
enum column { A = 1, F, S }; /* behind the items */

static const double SESSION_MS = 86400000.0;
static const double SESSION_LEAST = 1e-4;

struct sums { /* exact, units of 2^-20 */
    int64_t a, f, s;
};

struct list {
    uint32_t n, cap;
    uint32_t *item; /* NULL while cap is 0 */
    int64_t s_sum;  /* S, of pruned neighbours too */
};

struct pairs {
    uint32_t neighbours, keep;
    uint32_t cap;
    struct list *lists; /* (cap,) */
    size_t list_bytes;  /* of all lists' allocations */
};

/* ---- one list ------------------------------------------------------------ */

static float *column(const struct list *l, enum column c) {
    return (float *)l->item + (size_t)c * l->cap;
}

static struct sums *sums(const struct list *l) {
    return (struct sums *)(l->item + (size_t)COLUMNS * l->cap);
}

static size_t bytes_of(uint32_t cap) {
    return cap * (COLUMNS * sizeof(uint32_t) + sizeof(struct sums));
}

/* Position of neighbour i, or n. An item occurs once: or-ing "position + 1 where
 * equal" over the whole column finds it without a branch, in vectors. */
static uint32_t find(const struct list *l, uint32_t i) {
    const uint32_t *item = l->item;
    const uint32_t end = (l->n + LANES - 1) / LANES * LANES;
    uint32_t found = 0;
    for (uint32_t x = 0; x < end; x++) {
        found |= item[x] == i ? x + 1 : 0;
    }
    return found ? found - 1 : l->n;
}

/* Room for one more neighbour. */
static enum status list_grow(struct pairs *p, struct list *l) {
    if (l->n < l->cap) {
        return ST_OK;
    }
    struct list to = *l;
    to.cap = l->cap ? 2 * l->cap : CAP_MIN;
    to.item = malloc(bytes_of(to.cap));
    if (!to.item) {
        return ST_NOMEM;
    }
    for (uint32_t x = l->n; x < to.cap; x++) {
        to.item[x] = NOBODY;
    }
    if (l->n > 0) {
        memcpy(to.item, l->item, l->n * sizeof *l->item);
        memcpy(column(&to, A), column(l, A), l->n * sizeof(float));
        memcpy(column(&to, F), column(l, F), l->n * sizeof(float));
        memcpy(column(&to, S), column(l, S), l->n * sizeof(float));
        memcpy(sums(&to), sums(l), l->n * sizeof(struct sums));
    }
    p->list_bytes += bytes_of(to.cap) - bytes_of(l->cap);
    free(l->item);
    *l = to;
    return ST_OK;
}

static void store(struct list *l, uint32_t x, const struct sums *v) {
    sums(l)[x] = *v;
    column(l, A)[x] = (float)fixed_to(v->a);
    column(l, F)[x] = (float)fixed_to(v->f);
    column(l, S)[x] = (float)fixed_to(v->s);
}

/* Adds to neighbour i at position x; x = n makes it (there is room). */
static void list_add(struct list *l, uint32_t x, uint32_t i, const struct sums *by) {
    struct sums v = {0};
    if (x == l->n) {
        l->item[x] = i;
        l->n++;
    } else {
        v = sums(l)[x];
    }
    v.a += by->a;
    v.f += by->f;
    v.s += by->s;
    store(l, x, &v);
    l->s_sum += by->s;
}

/* The last neighbour takes the place of the one that goes. */
static void list_remove(struct list *l, uint32_t x) {
    const uint32_t last = --l->n;
    l->item[x] = l->item[last];
    store(l, x, &sums(l)[last]);
    l->item[last] = NOBODY;
}

static int64_t less(int64_t from, int64_t by) {
    return from > by ? from - by : 0;
}

/* What was pruned and came back holds less than is taken: then it stops at 0, as a
 * negative sum would be a NaN under a query's square root. */
static void list_take_back(struct list *l, uint32_t i, const struct sums *by) {
    l->s_sum -= by->s;
    const uint32_t x = find(l, i);
    if (x == l->n) {
        return;
    }
    const struct sums old = sums(l)[x];
    const struct sums v = {less(old.a, by->a), less(old.f, by->f), less(old.s, by->s)};
    if (v.a == 0 && v.f == 0 && v.s == 0) {
        list_remove(l, x);
    } else {
        store(l, x, &v);
    }
}

/* ---- life cycle ---------------------------------------------------------- */

enum status pairs_new(uint32_t neighbours, uint32_t keep, struct pairs **out) {
    if (keep < 1 || keep > neighbours) {
        return ST_INVALID;
    }
    struct pairs *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    p->neighbours = neighbours;
    p->keep = keep;
    *out = p;
    return ST_OK;
}

void pairs_free(struct pairs *p) {
    if (!p) {
        return;
    }
    for (uint32_t i = 0; i < p->cap; i++) {
        free(p->lists[i].item);
    }
    free(p->lists);
    free(p);
}

enum status pairs_reserve(struct pairs *p, uint32_t n_items) {
    if (n_items <= p->cap) {
        return ST_OK;
    }
    size_t cap = p->cap ? 2 * (size_t)p->cap : ITEMS_MIN;
    if (cap < n_items) {
        cap = n_items;
    }
    if (cap > NOBODY) {
        cap = NOBODY;
    }
    struct list *lists = realloc(p->lists, cap * sizeof *lists);
    if (!lists) {
        return ST_NOMEM;
    }
    memset(lists + p->cap, 0, (cap - p->cap) * sizeof *lists);
    p->lists = lists;
    p->cap = (uint32_t)cap;
    return ST_OK;
}

/* ---- adding -------------------------------------------------------------- */

struct pair_add pairs_weigh(uint32_t from, uint32_t to, int r, int64_t dt_ms) {
    static const double gap[PAIRS_WINDOW] = {1.0,     0.8,      0.64,      0.512,      0.4096,
                                             0.32768, 0.262144, 0.2097152, 0.16777216, 0.134217728};
    double s = dt_ms > 0 ? exp2(-(double)dt_ms / SESSION_MS) : 1.0;
    if (s < SESSION_LEAST) {
        s = 0.0;
    }
    return (struct pair_add){
        .from = from,
        .to = to,
        .a = (int32_t)fixed_of(gap[r]),
        .f = (int32_t)(FIXED_ONE >> r),
        .s = (int32_t)fixed_of(s),
    };
}

enum status pairs_add(struct pairs *p, const struct pair_add *add) {
    struct list *from = &p->lists[add->from];
    struct list *to = &p->lists[add->to];
    const uint32_t x = find(from, add->to);
    const uint32_t y = find(to, add->from);
    enum status st = x == from->n ? list_grow(p, from) : ST_OK;
    if (!st) {
        st = y == to->n ? list_grow(p, to) : ST_OK;
    }
    if (st) {
        return st;
    }
    list_add(from, x, add->to, &(struct sums){add->a, add->f, add->s});
    list_add(to, y, add->from, &(struct sums){add->a, 0, add->s});
    return ST_OK;
}

void pairs_take_back(struct pairs *p, const struct pair_add *add) {
    list_take_back(&p->lists[add->from], add->to, &(struct sums){add->a, add->f, add->s});
    list_take_back(&p->lists[add->to], add->from, &(struct sums){add->a, 0, add->s});
}

/* ---- sums of increments ---------------------------------------------------- */

/* What a pair adds to a side's list: f is directed and stands in that of `from` alone. */
static struct sums part(const struct pair_sum *sum, unsigned side) {
    return (struct sums){sum->a, side == PAIR_FROM ? sum->f : 0, sum->s};
}

static bool is_nothing(const struct sums *v) {
    return v->a == 0 && v->f == 0 && v->s == 0;
}

static enum status room_for(struct pairs *p, struct list *l, uint32_t i) {
    return find(l, i) == l->n ? list_grow(p, l) : ST_OK;
}

enum status pairs_add_sum(struct pairs *p, const struct pair_sum *sum, unsigned sides) {
    const struct sums v[] = {part(sum, PAIR_FROM), part(sum, PAIR_TO)};
    struct list *from = sides & PAIR_FROM && !is_nothing(&v[0]) ? &p->lists[sum->from] : NULL;
    struct list *to = sides & PAIR_TO && !is_nothing(&v[1]) ? &p->lists[sum->to] : NULL;
    enum status st = from ? room_for(p, from, sum->to) : ST_OK;
    if (!st && to) {
        st = room_for(p, to, sum->from);
    }
    if (!st && from) {
        list_add(from, find(from, sum->to), sum->to, &v[0]);
    }
    if (!st && to) {
        list_add(to, find(to, sum->from), sum->from, &v[1]);
    }
    return st;
}

void pairs_subtract_sum(struct pairs *p, const struct pair_sum *sum, unsigned sides) {
    if (sides & PAIR_FROM) {
        const struct sums v = part(sum, PAIR_FROM);
        list_take_back(&p->lists[sum->from], sum->to, &v);
    }
    if (sides & PAIR_TO) {
        const struct sums v = part(sum, PAIR_TO);
        list_take_back(&p->lists[sum->to], sum->from, &v);
    }
}

/* ---- pruning ------------------------------------------------------------- */

bool pairs_due(const struct pairs *p, uint32_t i) {
    return p->lists[i].n > p->neighbours;
}

/* The order of pruning: no two neighbours are equal in it. */
static bool ahead(const struct list *l, uint32_t x, int64_t a, uint32_t item,
                  const uint64_t *hashes) {
    const int64_t ax = sums(l)[x].a;
    const uint32_t other = l->item[x];
    const bool tie_won = hashes ? hashes[other] < hashes[item] : other < item;
    return ax > a || (ax == a && tie_won);
}

static void swap(struct list *l, uint32_t x, uint32_t y) {
    const uint32_t item = l->item[x];
    const struct sums v = sums(l)[x];
    l->item[x] = l->item[y];
    store(l, x, &sums(l)[y]);
    l->item[y] = item;
    store(l, y, &v);
}

/* Moves those ahead of the one in the middle of [lo, hi] before it; returns where
 * that one comes to lie. */
static uint32_t partition(struct list *l, uint32_t lo, uint32_t hi, const uint64_t *hashes) {
    swap(l, lo + (hi - lo) / 2, hi);
    const int64_t a = sums(l)[hi].a;
    const uint32_t item = l->item[hi];
    uint32_t at = lo;
    for (uint32_t x = lo; x < hi; x++) {
        if (ahead(l, x, a, item, hashes)) {
            swap(l, x, at++);
        }
    }
    swap(l, at, hi);
    return at;
}

void pairs_prune(struct pairs *p, uint32_t i) {
    pairs_prune_hashed(p, i, NULL);
}

void pairs_prune_hashed(struct pairs *p, uint32_t i, const uint64_t *hashes) {
    struct list *l = &p->lists[i];
    if (l->n <= p->keep) {
        return;
    }
    uint32_t lo = 0;
    uint32_t hi = l->n - 1;
    while (lo < hi) { /* quickselect (Hoare 1961): the best `keep` come first */
        const uint32_t at = partition(l, lo, hi, hashes);
        if (at == p->keep) {
            break;
        }
        if (at > p->keep) {
            hi = at - 1;
        } else {
            lo = at + 1;
        }
    }
    for (uint32_t x = p->keep; x < l->n; x++) {
        l->item[x] = NOBODY;
    }
    l->n = p->keep;
}

/* ---- reading ------------------------------------------------------------- */

struct pair_list pairs_list(const struct pairs *p, uint32_t i) {
    const struct list *l = &p->lists[i];
    struct pair_list out = {.n = l->n, .item = l->item, .s_sum = (float)fixed_to(l->s_sum)};
    if (l->item) {
        out.a = column(l, A);
        out.f = column(l, F);
        out.s = column(l, S);
    }
    return out;
}

bool pairs_get(const struct pairs *p, uint32_t from, uint32_t to, int64_t *a, int64_t *f,
               int64_t *s) {
    const struct list *l = &p->lists[from];
    const uint32_t x = find(l, to);
    if (x == l->n) {
        return false;
    }
    const struct sums *v = &sums(l)[x];
    *a = v->a;
    *f = v->f;
    *s = v->s;
    return true;
}

struct pair_sum pairs_at(const struct pairs *p, uint32_t i, uint32_t k) {
    const struct list *l = &p->lists[i];
    const struct sums *v = &sums(l)[k];
    return (struct pair_sum){.a = v->a, .f = v->f, .s = v->s, .from = i, .to = l->item[k]};
}

int64_t pairs_s(const struct pairs *p, uint32_t i) {
    return p->lists[i].s_sum;
}

void pairs_set_s(struct pairs *p, uint32_t i, int64_t s) {
    p->lists[i].s_sum = s;
}

size_t pairs_bytes(const struct pairs *p) {
    return sizeof *p + p->cap * sizeof *p->lists + p->list_bytes;
}
