/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs.c -- see pairs.h.
 *
 * One allocation a list: first the columns that a query streams through (item, a,
 * f, s), behind them what the floats lack of the exact sums, which only a change touches:
 *
 *     uint32 item[cap] | float a[cap] | float f[cap] | float s[cap] | rest[cap]
 *
 * A float holds a sum below 16 exactly: a list of such sums has no rest. Below 2,048 it is off by
 * at most 2^6 units, below 524,288 by 2^14: the rest is one byte a sum, or two. Beyond that the
 * sums themselves stand there. A list is widened by the first sum that asks for it.
 *
 * cap is a multiple of LANES and item[n..cap) holds NOBODY, so that finding a
 * neighbour is a loop of whole vectors without a tail.
 */
#include "pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "room.h"

#define NOBODY   UINT32_MAX
#define CAP_MOST (UINT32_C(0x3fffffff))

enum { LANES = 8, COLUMNS = 4, ITEMS_MIN = 64, LINE = 64 /* bytes */ };
enum column { A = 1, F, S }; /* behind the items */
enum rest { REST_NONE, REST_BYTES, REST_SHORTS, REST_SUMS };

static const double SESSION_MS = 86400000.0;
static const double SESSION_LEAST = 1e-4;
static const uint64_t NONE_BELOW = UINT64_C(1) << 24; /* a float's bits */
static const uint64_t BYTES_BELOW = UINT64_C(1) << 31;
static const uint64_t SHORTS_BELOW = UINT64_C(1) << 39;

struct sums { /* exact, units of 2^-20 */
    int64_t a, f, s;
};

struct bytes { /* exact, less what the floats say */
    int8_t a, f, s;
};

struct shorts {
    int16_t a, f, s;
};

static const size_t rest_size[] = {0, sizeof(struct bytes), sizeof(struct shorts),
                                   sizeof(struct sums)};

struct list {
    uint32_t n;
    uint32_t cap : 30;
    uint32_t rest : 2; /* enum rest */
    uint32_t *item;    /* NULL while cap is 0 */
    int64_t s_sum;     /* S, of pruned neighbours too */
};
_Static_assert(sizeof(struct list) == 24, "every item has one");

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

/* As what `rest` says. */
static void *rest_at(const struct list *l, uint32_t x) {
    return (char *)(l->item + (size_t)COLUMNS * l->cap) + x * rest_size[l->rest];
}

static size_t bytes_of(const struct list *l) {
    return l->cap * (COLUMNS * sizeof(uint32_t) + rest_size[l->rest]);
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

/* The units that a float says: a power of two loses no bit. */
static int64_t units(float x) {
    return (int64_t)(x * (float)FIXED_ONE);
}

static struct sums value(const struct list *l, uint32_t x) {
    if (l->rest == REST_SUMS) {
        return *(const struct sums *)rest_at(l, x);
    }
    struct sums v = {units(column(l, A)[x]), units(column(l, F)[x]), units(column(l, S)[x])};
    if (l->rest == REST_BYTES) {
        const struct bytes *by = rest_at(l, x);
        v = (struct sums){v.a + by->a, v.f + by->f, v.s + by->s};
    } else if (l->rest == REST_SHORTS) {
        const struct shorts *by = rest_at(l, x);
        v = (struct sums){v.a + by->a, v.f + by->f, v.s + by->s};
    }
    return v;
}

static int64_t value_a(const struct list *l, uint32_t x) {
    switch (l->rest) {
    case REST_BYTES: return units(column(l, A)[x]) + ((const struct bytes *)rest_at(l, x))->a;
    case REST_SHORTS: return units(column(l, A)[x]) + ((const struct shorts *)rest_at(l, x))->a;
    case REST_SUMS: return ((const struct sums *)rest_at(l, x))->a;
    default: return units(column(l, A)[x]);
    }
}

static void store(struct list *l, uint32_t x, const struct sums *v) {
    const float a = (float)fixed_to(v->a);
    const float f = (float)fixed_to(v->f);
    const float s = (float)fixed_to(v->s);
    column(l, A)[x] = a;
    column(l, F)[x] = f;
    column(l, S)[x] = s;
    if (l->rest == REST_SUMS) {
        *(struct sums *)rest_at(l, x) = *v;
    } else if (l->rest != REST_NONE) {
        const struct sums by = {v->a - units(a), v->f - units(f), v->s - units(s)};
        if (l->rest == REST_BYTES) {
            *(struct bytes *)rest_at(l, x) =
                (struct bytes){(int8_t)by.a, (int8_t)by.f, (int8_t)by.s};
        } else {
            *(struct shorts *)rest_at(l, x) =
                (struct shorts){(int16_t)by.a, (int16_t)by.f, (int16_t)by.s};
        }
    }
}

/* The rest that a sum needs; all are >= 0 (if one were not, the widest would hold it). */
static enum rest rest_of(const struct sums *v) {
    const uint64_t any = (uint64_t)v->a | (uint64_t)v->f | (uint64_t)v->s;
    if (any < NONE_BELOW) {
        return REST_NONE;
    }
    return any < BYTES_BELOW ? REST_BYTES : any < SHORTS_BELOW ? REST_SHORTS : REST_SUMS;
}

/* What is not a float's is written anew. */
static void copy_rest(struct list *to, const struct list *from) {
    if (to->rest == from->rest) {
        memcpy(rest_at(to, 0), rest_at(from, 0), from->n * rest_size[from->rest]);
        return;
    }
    for (uint32_t x = 0; x < from->n; x++) {
        const struct sums v = value(from, x);
        store(to, x, &v);
    }
}

/* The list with room for `cap` >= n neighbours and such a rest. On failure as it was. */
static enum status list_move(struct pairs *p, struct list *l, uint32_t cap, enum rest rest) {
    struct list to = *l;
    to.cap = (cap + LANES - 1) / LANES * LANES & CAP_MOST;
    to.rest = (unsigned)rest & 3U;
    to.item = malloc(bytes_of(&to));
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
        copy_rest(&to, l);
    }
    p->list_bytes = p->list_bytes - bytes_of(l) + bytes_of(&to);
    free(l->item);
    *l = to;
    return ST_OK;
}

/* What neighbour x has when `by` is added; x = n: a new one. */
static struct sums value_with(const struct list *l, uint32_t x, const struct sums *by) {
    if (x == l->n) {
        return *by;
    }
    const struct sums v = value(l, x);
    return (struct sums){v.a + by->a, v.f + by->f, v.s + by->s};
}

/* Room for v at x; a list grows by a sixteenth: there are as many as items. */
static enum status make_room(struct pairs *p, struct list *l, uint32_t x, const struct sums *v) {
    const enum rest wanted = rest_of(v);
    const enum rest rest = wanted > l->rest ? wanted : (enum rest)l->rest;
    const uint32_t cap = l->cap;
    if (x < cap && rest == l->rest) {
        return ST_OK;
    }
    return list_move(p, l, x < cap ? cap : cap + cap / 16 + 1, rest);
}

/* Makes neighbour i at position x have v; x = n makes it (there is room). */
static void list_put(struct list *l, uint32_t x, uint32_t i, const struct sums *v) {
    if (x == l->n) {
        l->item[x] = i;
        l->n++;
    }
    store(l, x, v);
}

/* Neighbour y as neighbour x. */
static void list_copy(struct list *l, uint32_t x, uint32_t y) {
    l->item[x] = l->item[y];
    for (enum column c = A; c <= S; c++) {
        column(l, c)[x] = column(l, c)[y];
    }
    memmove(rest_at(l, x), rest_at(l, y), rest_size[l->rest]);
}

/* The last neighbour takes the place of the one that goes. */
static void list_remove(struct list *l, uint32_t x) {
    const uint32_t last = --l->n;
    list_copy(l, x, last);
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
    const struct sums old = value(l, x);
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
    const size_t cap = room_for(p->cap, n_items, ITEMS_MIN, NOBODY);
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

/* Adds to neighbour i of a list. */
struct addition {
    struct list *list;
    uint32_t i, x;
    int64_t s;     /* to S                      */
    struct sums v; /* what the neighbour has then */
};

static struct addition addition(struct list *l, uint32_t i, const struct sums *by) {
    const uint32_t x = find(l, i);
    return (struct addition){l, i, x, by->s, value_with(l, x, by)};
}

static enum status addition_room(struct pairs *p, const struct addition *add) {
    return make_room(p, add->list, add->x, &add->v);
}

static void addition_do(const struct addition *add) {
    list_put(add->list, add->x, add->i, &add->v);
    add->list->s_sum += add->s;
}

enum status pairs_add(struct pairs *p, const struct pair_add *add) {
    const struct addition from =
        addition(&p->lists[add->from], add->to, &(struct sums){add->a, add->f, add->s});
    const struct addition to =
        addition(&p->lists[add->to], add->from, &(struct sums){add->a, 0, add->s});
    enum status st = addition_room(p, &from);
    if (!st) {
        st = addition_room(p, &to);
    }
    if (!st) {
        addition_do(&from);
        addition_do(&to);
    }
    return st;
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

enum status pairs_add_sum(struct pairs *p, const struct pair_sum *sum, unsigned sides) {
    const struct sums v[] = {part(sum, PAIR_FROM), part(sum, PAIR_TO)};
    struct addition add[2];
    uint32_t n = 0;
    if (sides & PAIR_FROM && !is_nothing(&v[0])) {
        add[n++] = addition(&p->lists[sum->from], sum->to, &v[0]);
    }
    if (sides & PAIR_TO && !is_nothing(&v[1])) {
        add[n++] = addition(&p->lists[sum->to], sum->from, &v[1]);
    }
    enum status st = ST_OK;
    for (uint32_t k = 0; !st && k < n; k++) {
        st = addition_room(p, &add[k]);
    }
    for (uint32_t k = 0; !st && k < n; k++) {
        addition_do(&add[k]);
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
    const int64_t ax = value_a(l, x);
    const uint32_t other = l->item[x];
    const bool tie_won = hashes ? hashes[other] < hashes[item] : other < item;
    return ax > a || (ax == a && tie_won);
}

static void swap(struct list *l, uint32_t x, uint32_t y) {
    char rest[sizeof(struct sums)];
    const size_t size = rest_size[l->rest];
    uint32_t *item = l->item;
    const uint32_t was = item[x];
    item[x] = item[y];
    item[y] = was;
    for (enum column c = A; c <= S; c++) {
        float *of = column(l, c);
        const float value = of[x];
        of[x] = of[y];
        of[y] = value;
    }
    memcpy(rest, rest_at(l, x), size);
    memmove(rest_at(l, x), rest_at(l, y), size);
    memcpy(rest_at(l, y), rest, size);
}

/* Moves those ahead of the one in the middle of [lo, hi] before it; returns where
 * that one comes to lie. */
static uint32_t partition(struct list *l, uint32_t lo, uint32_t hi, const uint64_t *hashes) {
    swap(l, lo + (hi - lo) / 2, hi);
    const int64_t a = value_a(l, hi);
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
    (void)list_move(p, l, l->n, (enum rest)l->rest); /* refused: it stays as large as it is */
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

void pairs_fetch(const struct pairs *p, uint32_t i) {
    const struct list *l = &p->lists[i];
    for (uint32_t x = 0; x < l->n; x += LINE / sizeof *l->item) {
        __builtin_prefetch(&l->item[x]);
    }
}

bool pairs_get(const struct pairs *p, uint32_t from, uint32_t to, int64_t *a, int64_t *f,
               int64_t *s) {
    const struct list *l = &p->lists[from];
    const uint32_t x = find(l, to);
    if (x == l->n) {
        return false;
    }
    const struct sums v = value(l, x);
    *a = v.a;
    *f = v.f;
    *s = v.s;
    return true;
}

struct pair_sum pairs_at(const struct pairs *p, uint32_t i, uint32_t k) {
    const struct list *l = &p->lists[i];
    const struct sums v = value(l, k);
    return (struct pair_sum){.a = v.a, .f = v.f, .s = v.s, .from = i, .to = l->item[k]};
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
