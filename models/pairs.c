/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs.c -- see pairs.h.
 *
 * One allocation a list: first what a query streams through (items, then their sums as floats),
 * behind it what the floats lack of the exact sums, which only a change touches:
 *
 *     uint32 item[cap] | struct pair_entry of[cap] | rest[cap] | a float's room
 *
 * Near neighbours grow from the front, far ones from the end:
 *
 *     near 0..n_near-1 | nobody | far cap-n_far..cap-1
 *
 * A float holds a sum below 16 exactly: a list of such sums has no rest. Below 2,048 it is off by
 * at most 2^6 units, below 524,288 by 2^14: the rest is one byte a sum, or two. Beyond that the
 * sums themselves stand there. A list is widened by the first sum that asks for it.
 *
 * cap is a multiple of LANES and between the two parts item[] holds NOBODY, so that finding a
 * neighbour is a loop of whole vectors without a tail: what else a vector covers is of the other
 * part, and nobody is in both.
 */
#include "pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "fixed.h"
#include "room.h"
#include "select.h"

#define NOBODY    UINT32_MAX
#define CAP_MOST  (UINT32_C(0x3fffffff))
#define KEPT_MOST (UINT32_C(0xfff))
#define SIGN      (UINT64_C(1) << 63)

enum { LANES = 8, ITEMS_MIN = 64, LINE = 64 /* bytes */ };
enum rest { REST_NONE, REST_BYTES, REST_SHORTS, REST_SUMS };

static const double SESSION_MS = 86400000.0;
static const double SESSION_LEAST = 1e-4;
static const double SESSION_OVER = 14.0;              /* 2^-14 is less than that */
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
    uint32_t n_near, n_far;
    uint32_t cap : 30;
    uint32_t rest : 2;       /* enum rest */
    uint32_t domain : 8;     /* of the item whose list it is */
    uint32_t kept_near : 12; /* of near, the first           */
    uint32_t kept_far : 12;  /* of far, the last             */
    uint32_t *item;          /* NULL while cap is 0 */
    int64_t s_sum;           /* S, of pruned neighbours too */
};
_Static_assert(sizeof(struct list) == 32, "every item has one");

struct pairs {
    uint32_t neighbours, keep;
    uint32_t n, cap;    /* items whose domain is known; room */
    struct list *lists; /* (cap,) */
    size_t list_bytes;  /* of all lists' allocations */
    uint64_t *keys;     /* (2, cap_keys) for pruning, which cannot fail */
    uint32_t cap_keys;  /* the largest list's room */
};

/* ---- one list ------------------------------------------------------------ */

static uint32_t list_n(const struct list *l) {
    return l->n_near + l->n_far;
}

/* Where neighbour k stands: those near first, then the far ones. */
static uint32_t place(const struct list *l, uint32_t k) {
    return k < l->n_near ? k : l->cap - list_n(l) + k;
}

static struct pair_entry *entries(const struct list *l) {
    return (struct pair_entry *)(void *)(l->item + l->cap);
}

/* As what `rest` says. */
static void *rest_at(const struct list *l, uint32_t x) {
    return (char *)(entries(l) + l->cap) + x * rest_size[l->rest];
}

static size_t bytes_of(const struct list *l) {
    const size_t each = sizeof *l->item + sizeof(struct pair_entry) + rest_size[l->rest];
    return l->cap > 0 ? l->cap * each + sizeof(float) : 0;
}

/* Places from, to of the vectors that a part covers. */
struct span {
    uint32_t from, to;
};

static struct span span_of(const struct list *l, bool near) {
    return near ? (struct span){0, (l->n_near + LANES - 1) / LANES * LANES}
                : (struct span){(l->cap - l->n_far) / LANES * LANES, l->cap};
}

/* Place of neighbour i of that part, or NOBODY. An item occurs once: or-ing "place + 1 where
 * equal" over the whole part finds it without a branch, in vectors. */
static uint32_t find(const struct list *l, uint32_t i, bool near) {
    const uint32_t *item = l->item;
    const struct span span = span_of(l, near);
    uint32_t found = 0;
    for (uint32_t x = span.from; x < span.to; x++) {
        found |= item[x] == i ? x + 1 : 0;
    }
    return found - 1;
}

/* The units that a float says: a power of two loses no bit. */
static int64_t units(float x) {
    return (int64_t)(x * (float)FIXED_ONE);
}

static struct sums value(const struct list *l, uint32_t x) {
    if (l->rest == REST_SUMS) {
        return *(const struct sums *)rest_at(l, x);
    }
    const struct pair_entry *e = entries(l) + x;
    struct sums v = {units(e->a), units(e->f), units(e->s)};
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
    const int64_t a = units(entries(l)[x].a);
    switch (l->rest) {
    case REST_BYTES: return a + ((const struct bytes *)rest_at(l, x))->a;
    case REST_SHORTS: return a + ((const struct shorts *)rest_at(l, x))->a;
    case REST_SUMS: return ((const struct sums *)rest_at(l, x))->a;
    default: return a;
    }
}

static void store(struct list *l, uint32_t x, const struct sums *v) {
    const struct pair_entry e = {(float)fixed_to(v->a), (float)fixed_to(v->f),
                                 (float)fixed_to(v->s)};
    entries(l)[x] = e;
    if (l->rest == REST_SUMS) {
        *(struct sums *)rest_at(l, x) = *v;
    } else if (l->rest != REST_NONE) {
        const struct sums by = {v->a - units(e.a), v->f - units(e.f), v->s - units(e.s)};
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

/* n neighbours from place x of a list to place y of another one. */
static void copy_block(struct list *to, uint32_t y, const struct list *from, uint32_t x,
                       uint32_t n) {
    memcpy(to->item + y, from->item + x, n * sizeof *to->item);
    memcpy(entries(to) + y, entries(from) + x, n * sizeof(struct pair_entry));
    if (to->rest == from->rest) {
        memcpy(rest_at(to, y), rest_at(from, x), n * rest_size[to->rest]);
        return;
    }
    for (uint32_t k = 0; k < n; k++) {
        const struct sums v = value(from, x + k);
        store(to, y + k, &v);
    }
}

static void clear_places(struct list *l, uint32_t from, uint32_t to) {
    for (uint32_t x = from; x < to; x++) {
        l->item[x] = NOBODY;
    }
}

static enum status keys_reserve(struct pairs *p, uint32_t cap) {
    if (cap <= p->cap_keys) {
        return ST_OK;
    }
    uint64_t *keys = realloc(p->keys, 2 * (size_t)cap * sizeof *keys);
    if (!keys) {
        return ST_NOMEM;
    }
    p->keys = keys;
    p->cap_keys = cap;
    return ST_OK;
}

/* The list with room for `cap` >= n neighbours and such a rest. On failure as it was. */
static enum status list_move(struct pairs *p, struct list *l, uint32_t cap, enum rest rest) {
    struct list to = *l;
    to.cap = (cap + LANES - 1) / LANES * LANES & CAP_MOST;
    to.rest = (unsigned)rest & 3U;
    const size_t bytes = bytes_of(&to);
    to.item = bytes > 0 ? malloc(bytes) : NULL; /* always: cap > 0 */
    if (!to.item || keys_reserve(p, to.cap)) {
        free(to.item);
        return ST_NOMEM;
    }
    const uint32_t far = to.cap - to.n_far;
    clear_places(&to, to.n_near, far);
    if (l->item) {
        copy_block(&to, 0, l, 0, l->n_near);
        copy_block(&to, far, l, l->cap - l->n_far, l->n_far);
    }
    memset((char *)to.item + bytes - sizeof(float), 0, sizeof(float));
    p->list_bytes = p->list_bytes - bytes_of(l) + bytes;
    free(l->item);
    *l = to;
    return ST_OK;
}

/* Neighbour y as neighbour x. */
static void list_copy(struct list *l, uint32_t x, uint32_t y) {
    l->item[x] = l->item[y];
    entries(l)[x] = entries(l)[y];
    memmove(rest_at(l, x), rest_at(l, y), rest_size[l->rest]);
}

static void list_keep(struct list *l) {
    l->kept_near = l->n_near & KEPT_MOST;
    l->kept_far = l->n_far & KEPT_MOST;
}

/* The innermost neighbour of the part takes the place of the one that goes; of one that was kept,
 * the innermost of those first. */
static void list_remove(struct list *l, uint32_t x, bool near) {
    if (near && x < l->kept_near) {
        list_copy(l, x, --l->kept_near);
        x = l->kept_near;
    } else if (!near && x >= (uint32_t)l->cap - l->kept_far) {
        const uint32_t inner = (uint32_t)l->cap - l->kept_far--;
        list_copy(l, x, inner);
        x = inner;
    }
    const uint32_t last = near ? --l->n_near : l->cap - l->n_far--;
    list_copy(l, x, last);
    l->item[last] = NOBODY;
}

static int64_t less(int64_t from, int64_t by) {
    return from > by ? from - by : 0;
}

/* What was pruned and came back holds less than is taken: then it stops at 0, as a
 * negative sum would be a NaN under a query's square root. */
static void list_take_back(struct list *l, uint32_t i, bool near, const struct sums *by) {
    l->s_sum -= by->s;
    const uint32_t x = find(l, i, near);
    if (x == NOBODY) {
        return;
    }
    const struct sums old = value(l, x);
    const struct sums v = {less(old.a, by->a), less(old.f, by->f), less(old.s, by->s)};
    if (v.a == 0 && v.f == 0 && v.s == 0) {
        list_remove(l, x, near);
    } else {
        store(l, x, &v);
    }
}

static bool is_near(const struct pairs *p, uint32_t i, uint32_t j) {
    return p->lists[i].domain == p->lists[j].domain;
}

/* ---- life cycle ---------------------------------------------------------- */

enum status pairs_new(uint32_t neighbours, uint32_t keep, struct pairs **out) {
    if (keep < 1 || keep > neighbours || keep > KEPT_MOST) {
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
    free(p->keys);
    free(p);
}

static enum status grow(struct pairs *p, uint32_t n_items) {
    const size_t cap = room_for(p->cap, n_items, ITEMS_MIN, NOBODY);
    struct list *lists = realloc(p->lists, cap * sizeof *lists);
    if (!lists) {
        return ST_NOMEM;
    }
    room_huge_pages(lists, cap * sizeof *lists);
    memset(lists + p->cap, 0, (cap - p->cap) * sizeof *lists);
    p->lists = lists;
    p->cap = (uint32_t)cap;
    return ST_OK;
}

enum status pairs_reserve(struct pairs *p, uint32_t n_items, const uint8_t *domains) {
    const enum status st = n_items > p->cap ? grow(p, n_items) : ST_OK;
    for (; !st && p->n < n_items; p->n++) {
        p->lists[p->n].domain = domains ? domains[p->n] : 0;
    }
    return st;
}

/* ---- adding -------------------------------------------------------------- */

struct pair_add pairs_weigh(uint32_t from, uint32_t to, int r, int64_t dt_ms) {
    static const double gap[PAIRS_PLACES] = {1.0,     0.8,      0.64,      0.512,      0.4096,
                                             0.32768, 0.262144, 0.2097152, 0.16777216, 0.134217728};
    double s = 0.0;
    if ((double)dt_ms < SESSION_OVER * SESSION_MS) { /* most are longer ago than that */
        s = dt_ms > 0 ? exp2(-(double)dt_ms / SESSION_MS) : 1.0;
        s = s < SESSION_LEAST ? 0.0 : s;
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
    uint32_t i, x; /* x: its place; NOBODY: it is new */
    bool near;
    int64_t s;     /* to S                      */
    struct sums v; /* what the neighbour has then */
};

static struct addition addition(struct list *l, uint32_t i, bool near, const struct sums *by) {
    struct addition add = {l, i, find(l, i, near), near, by->s, *by};
    if (add.x != NOBODY) {
        const struct sums v = value(l, add.x);
        add.v = (struct sums){v.a + by->a, v.f + by->f, v.s + by->s};
    }
    return add;
}

/* A list grows by an eighth: there are as many as items. One that is due for pruning, which gives
 * the room back, grows by half: in a busy stream each one does so many times a second. */
static uint32_t more_room(const struct pairs *p, uint32_t cap) {
    return cap + (cap > p->neighbours ? cap / 2 : cap / 8) + 1;
}

/* Room for what it has then. Whoever is there already keeps his place: only for a new one does it
 * grow. */
static enum status addition_room(struct pairs *p, const struct addition *add) {
    struct list *l = add->list;
    const enum rest wanted = rest_of(&add->v);
    const enum rest rest = wanted > l->rest ? wanted : (enum rest)l->rest;
    const uint32_t cap = l->cap;
    const bool grows = add->x == NOBODY && list_n(l) == cap;
    if (!grows && rest == l->rest) {
        return ST_OK;
    }
    return list_move(p, l, grows ? more_room(p, cap) : cap, rest);
}

static void addition_do(const struct addition *add) {
    struct list *l = add->list;
    uint32_t x = add->x;
    if (x == NOBODY) {
        x = add->near ? l->n_near++ : l->cap - ++l->n_far;
        l->item[x] = add->i;
    }
    store(l, x, &add->v);
    l->s_sum += add->s;
}

enum status pairs_add(struct pairs *p, const struct pair_add *add) {
    const bool near = is_near(p, add->from, add->to);
    const struct addition from =
        addition(&p->lists[add->from], add->to, near, &(struct sums){add->a, add->f, add->s});
    const struct addition to =
        addition(&p->lists[add->to], add->from, near, &(struct sums){add->a, 0, add->s});
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
    const bool near = is_near(p, add->from, add->to);
    list_take_back(&p->lists[add->from], add->to, near, &(struct sums){add->a, add->f, add->s});
    list_take_back(&p->lists[add->to], add->from, near, &(struct sums){add->a, 0, add->s});
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
    const bool near = is_near(p, sum->from, sum->to);
    struct addition add[2];
    uint32_t n = 0;
    if (sides & PAIR_FROM && !is_nothing(&v[0])) {
        add[n++] = addition(&p->lists[sum->from], sum->to, near, &v[0]);
    }
    if (sides & PAIR_TO && !is_nothing(&v[1])) {
        add[n++] = addition(&p->lists[sum->to], sum->from, near, &v[1]);
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
    const bool near = is_near(p, sum->from, sum->to);
    if (sides & PAIR_FROM) {
        const struct sums v = part(sum, PAIR_FROM);
        list_take_back(&p->lists[sum->from], sum->to, near, &v);
    }
    if (sides & PAIR_TO) {
        const struct sums v = part(sum, PAIR_TO);
        list_take_back(&p->lists[sum->to], sum->from, near, &v);
    }
}

/* ---- pruning ------------------------------------------------------------- */

bool pairs_due(const struct pairs *p, uint32_t i) {
    return list_n(&p->lists[i]) > p->neighbours;
}

/* What decides between neighbours of equal a: the larger one stays. No two are equal in it. */
static uint64_t tie_of(const struct list *l, uint32_t x, const uint64_t *hashes) {
    const uint32_t item = l->item[x];
    return ~(hashes ? hashes[item] : item);
}

static uint64_t least_of(const uint64_t *a, uint32_t n) {
    uint64_t least = UINT64_MAX;
    for (uint32_t k = 0; k < n; k++) {
        least = a[k] < least ? a[k] : least;
    }
    return least;
}

/* The last that stays. */
struct limit {
    uint64_t a, tie;
};

/* Of a list whose neighbours have of[k]; `room` is for as many. Hashes are read of those alone that
 * are equal to the last. */
static struct limit limit_of(const struct list *l, const uint64_t *of, uint64_t *room,
                             uint32_t keep, const uint64_t *hashes) {
    const uint32_t n = list_n(l);
    memcpy(room, of, n * sizeof *room);
    select_largest(room, n, keep);
    const uint64_t a = least_of(room, keep);
    uint32_t above = 0;
    uint32_t tied = 0;
    for (uint32_t k = 0; k < n; k++) {
        above += of[k] > a;
        if (of[k] == a) {
            room[tied++] = tie_of(l, place(l, k), hashes);
        }
    }
    select_largest(room, tied, keep - above);
    return (struct limit){a, least_of(room, keep - above)};
}

void pairs_prune(struct pairs *p, uint32_t i) {
    pairs_prune_hashed(p, i, NULL);
}

void pairs_prune_hashed(struct pairs *p, uint32_t i, const uint64_t *hashes) {
    struct list *l = &p->lists[i];
    const uint32_t n = list_n(l);
    if (n <= p->keep) {
        return;
    }
    uint64_t *of = p->keys;
    for (uint32_t k = 0; k < n; k++) {
        of[k] = (uint64_t)value_a(l, place(l, k)) ^ SIGN; /* in the order of signed numbers */
    }
    const struct limit limit = limit_of(l, of, p->keys + p->cap_keys, p->keep, hashes);
    uint32_t near = 0;
    uint32_t far = l->cap; /* each part moves together where it begins */
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t at = k < l->n_near ? k : n - 1 - (k - l->n_near);
        const uint32_t x = place(l, at);
        if (of[at] > limit.a || (of[at] == limit.a && tie_of(l, x, hashes) >= limit.tie)) {
            list_copy(l, at < l->n_near ? near++ : --far, x);
        }
    }
    l->n_near = near;
    l->n_far = l->cap - far;
    list_keep(l);
    clear_places(l, near, far);
    (void)list_move(p, l, p->keep, (enum rest)l->rest); /* refused: it stays as large as it is */
}

/* ---- reading ------------------------------------------------------------- */

static struct pair_part part_at(const struct list *l, uint32_t x, uint32_t n) {
    return (struct pair_part){n, l->item + x, entries(l) + x};
}

struct pair_list pairs_list(const struct pairs *p, uint32_t i) {
    const struct list *l = &p->lists[i];
    struct pair_list out = {.n = list_n(l), .s_sum = (float)fixed_to(l->s_sum)};
    if (l->item) {
        out.near = part_at(l, 0, l->n_near);
        out.far = part_at(l, l->cap - l->n_far, l->n_far);
    }
    return out;
}

struct pair_list pairs_walked(const struct pairs *p, uint32_t i) {
    const struct list *l = &p->lists[i];
    struct pair_list out = pairs_list(p, i);
    if (out.n > p->neighbours && l->kept_near + l->kept_far > 0) {
        out.near.n = l->kept_near;
        out.far = part_at(l, l->cap - l->kept_far, l->kept_far);
        out.n = out.near.n + out.far.n;
    }
    return out;
}

bool pairs_is_kept(const struct pairs *p, uint32_t i, uint32_t k) {
    const struct list *l = &p->lists[i];
    return k < l->kept_near || k >= list_n(l) - l->kept_far;
}

void pairs_keep(struct pairs *p, uint32_t i) {
    list_keep(&p->lists[i]);
}

void pairs_fetch(const struct pairs *p, uint32_t i, uint32_t j) {
    FETCH_KEPT();
    const struct list *l = &p->lists[i];
    const struct span span = span_of(l, is_near(p, i, j));
    for (uint32_t x = span.from; x < span.to; x += LINE / sizeof *l->item) {
        __builtin_prefetch(&l->item[x]);
    }
}

/* Into the second level of the cache: the first is too small for what comes before. */
void pairs_fetch_items(const struct pairs *p, uint32_t i, uint8_t domain) {
    FETCH_KEPT();
    if (i >= p->n) {
        return;
    }
    const struct list *l = &p->lists[i];
    const struct span span = span_of(l, l->domain == domain);
    for (uint32_t x = span.from; x < span.to; x += LINE / sizeof *l->item) {
        __builtin_prefetch(&l->item[x], 0, 2);
    }
}

bool pairs_get(const struct pairs *p, uint32_t from, uint32_t to, int64_t *a, int64_t *f,
               int64_t *s) {
    const struct list *l = &p->lists[from];
    const uint32_t x = find(l, to, is_near(p, from, to));
    if (x == NOBODY) {
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
    const uint32_t x = place(l, k);
    const struct sums v = value(l, x);
    return (struct pair_sum){.a = v.a, .f = v.f, .s = v.s, .from = i, .to = l->item[x]};
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
