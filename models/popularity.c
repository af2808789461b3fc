/* SPDX-License-Identifier: Apache-2.0
 *
 * popularity.c -- see popularity.h.
 *
 * An item has two cache lines: struct pop_hot, which ranking reads, and struct
 * exact, which only counting touches. A top list is the set of the first POP_TOP
 * items by (count, smaller tie), so it is a function of the counts alone. Taking
 * keeps it by comparing with its floor; what lowers counts (untake, move) marks it
 * stale, and its next reader fills it again: once for a whole batch that is undone.
 */
#include "popularity.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "fixed.h"
#include "room.h"

enum {
    LINE = 64,
    NO_DOMAIN = UINT8_MAX,
    ITEMS_MIN = 64,
    DAY_MS = 86400000,
    WEIGHT_BITS = 16,
    FINE_BITS = 50,  /* of a fraction that is rounded once */
    AHEAD_BITS = 39, /* of a weight; 20,000 that weigh 100 each are below 2^60 */
};

#define LG_NONE      (-1e9F)
#define SUM_HIGH     (INT64_C(1) << 62) /* a sum beyond it makes a move due early */
#define OBS_HALFLIFE UINT64_C(20000)

const int popularity_bits[POP_CLOCKS] = {27, 24, 22, 20};

const int64_t popularity_half_life_ms[POP_CLOCKS] = {INT64_C(1) * DAY_MS, INT64_C(7) * DAY_MS,
                                                     INT64_C(30) * DAY_MS, INT64_C(180) * DAY_MS};

_Static_assert(sizeof(struct pop_hot) == LINE, "a candidate costs one cache line");

struct exact {
    _Alignas(LINE) int64_t c[POP_CLOCKS]; /* units of 2^-popularity_bits */
    int64_t obs, exp;                     /* of 2^-20                             */
    uint8_t place[POP_LISTS];             /* where in top list k, while listed    */
    uint8_t domain;                       /* NO_DOMAIN until it was taken         */
    uint32_t tie; /* of equal ones the smaller is ahead: upper half of its hash, or 0 */
    int64_t n;    /* sum of weights, 2^-20                */
};
_Static_assert(sizeof(struct exact) == LINE, "counting costs one more");

struct top {
    int64_t floor; /* (floor, floor_item) is not ahead of any listed item */
    uint32_t floor_item;
    uint32_t n;
    bool stale; /* to be filled again before it is read           */
    bool moved; /* another item is listed than popularity_tops() has seen */
    int64_t c[POP_TOP];
    uint32_t item[POP_TOP];
};

struct domain {
    int64_t sum[POP_CLOCKS]; /* always the sum of the items' c */
    uint64_t events;
    uint64_t n_recent;               /* taken in all                                */
    uint32_t recent[2 * POP_RECENT]; /* each item twice: any POP_RECENT in a row... */
    struct top top[POP_LISTS];       /* ...that end at the newest are the ring      */
    uint32_t n_tops;                 /* popularity_tops()                           */
    uint32_t tops[POP_LISTS * POP_TOP];
};

struct popularity {
    uint32_t n_domains;
    uint32_t n, cap; /* items reserved, and allocated */
    int64_t landmark_ms[POP_CLOCKS];
    uint64_t obs_landmark; /* a multiple of OBS_HALFLIFE */
    struct pop_hot *hot;   /* (cap,) */
    struct pop_met *met;   /* (cap,) */
    uint32_t search;       /* the last one's first mark; 0: there was none */
    struct exact *exact;   /* (cap,) */
    struct domain *domains;
};

/* ---- derived values ------------------------------------------------------ */

static float lg_of(int64_t c, int clock) {
    return c > 0 ? log2f((float)c) - (float)popularity_bits[clock] : LG_NONE;
}

static void derive_count(struct popularity *p, uint32_t i) {
    struct pop_hot *h = &p->hot[i];
    const struct exact *x = &p->exact[i];
    const float n = (float)fixed_to(x->n);
    const float lg5 = log2f(n + 5.0F);
    h->cnt = 0.25F * log2f(1.0F + n) - 1.0F;
    h->inv4 = p->met[i].inv4 = exp2f(-0.4F * lg5);
    h->inv6 = exp2f(-0.6F * lg5);
    h->inv2 = 1.0F / (n + 2.0F);
}

static void derive_obs(struct pop_hot *h, const struct exact *x) {
    h->obs = (float)fixed_to(x->obs);
    h->exp = (float)fixed_to(x->exp);
}

/* c 2^-shift rounded to nearest, ties away from zero as in fixed_of(). On the
 * magnitude: signed shifts are not portable, and c + half must not overflow. */
static int64_t shifted(int64_t c, uint64_t shift) {
    if (shift == 0) {
        return c;
    }
    if (shift >= 64) {
        return 0;
    }
    const uint64_t magnitude = c < 0 ? 0 - (uint64_t)c : (uint64_t)c;
    const uint64_t half = UINT64_C(1) << (shift - 1);
    const int64_t r = (int64_t)((magnitude + half) >> shift);
    return c < 0 ? -r : r;
}

/* b - a for a <= b: no overflow for any two times. */
static uint64_t span(int64_t a, int64_t b) {
    return (uint64_t)b - (uint64_t)a;
}

/* ---- life cycle ---------------------------------------------------------- */

enum status popularity_new(uint32_t n_domains, int64_t landmark_ms, struct popularity **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct popularity *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    p->n_domains = n_domains;
    p->domains = calloc(n_domains, sizeof *p->domains);
    if (!p->domains) {
        popularity_free(p);
        return ST_NOMEM;
    }
    for (uint32_t d = 0; d < n_domains; d++) {
        for (int k = 0; k < POP_LISTS; k++) {
            p->domains[d].top[k].floor = INT64_MIN;
        }
    }
    for (int k = 0; k < POP_CLOCKS; k++) {
        p->landmark_ms[k] = landmark_ms;
    }
    *out = p;
    return ST_OK;
}

void popularity_free(struct popularity *p) {
    if (!p) {
        return;
    }
    free(p->domains);
    free(p->exact);
    free(p->met);
    free(p->hot);
    free(p);
}

/* There is no aligned realloc(). */
static enum status allocate(struct popularity *p, size_t cap) {
    struct pop_hot *hot = aligned_alloc(LINE, cap * sizeof *hot);
    struct exact *exact = hot ? aligned_alloc(LINE, cap * sizeof *exact) : NULL;
    struct pop_met *met = exact ? realloc(p->met, cap * sizeof *met) : NULL;
    if (!met) {
        free(hot);
        free(exact);
        return ST_NOMEM;
    }
    room_huge_pages(hot, cap * sizeof *hot);
    room_huge_pages(exact, cap * sizeof *exact);
    room_huge_pages(met, cap * sizeof *met);
    if (p->n > 0) {
        memcpy(hot, p->hot, p->n * sizeof *hot);
        memcpy(exact, p->exact, p->n * sizeof *exact);
    }
    free(p->hot);
    free(p->exact);
    p->hot = hot;
    p->exact = exact;
    p->met = met;
    p->cap = (uint32_t)cap;
    return ST_OK;
}

enum status popularity_reserve(struct popularity *p, uint32_t n_items, const uint64_t *hashes) {
    if (n_items > p->cap) {
        size_t cap = p->cap ? 2 * (size_t)p->cap : ITEMS_MIN;
        if (cap < n_items) {
            cap = n_items;
        }
        if (cap > UINT32_MAX) {
            cap = UINT32_MAX;
        }
        enum status st = allocate(p, cap);
        if (st) {
            return st;
        }
    }
    for (; p->n < n_items; p->n++) {
        const uint32_t tie = hashes ? (uint32_t)(hashes[p->n] >> 32) : 0;
        p->exact[p->n] = (struct exact){.domain = NO_DOMAIN, .tie = tie};
        p->hot[p->n] = (struct pop_hot){.lg = {LG_NONE, LG_NONE, LG_NONE, LG_NONE}};
        p->met[p->n].mark = 0;
        derive_count(p, p->n);
    }
    return ST_OK;
}

/* ---- landmarks and weights ----------------------------------------------- */

int popularity_due(const struct popularity *p, int clock, int64_t ts_ms) {
    if (ts_ms <= p->landmark_ms[clock]) {
        return 0;
    }
    const uint64_t half_lives =
        span(p->landmark_ms[clock], ts_ms) / (uint64_t)popularity_half_life_ms[clock];
    bool high = false;
    for (uint32_t d = 0; d < p->n_domains; d++) {
        high = high || p->domains[d].sum[clock] >= SUM_HIGH;
    }
    return half_lives >= (high ? 1 : POP_MOVE);
}

int64_t popularity_landmark(const struct popularity *p, int clock) {
    return p->landmark_ms[clock];
}

int64_t popularity_next_landmark(const struct popularity *p, int clock, int64_t ts_ms) {
    const int64_t from = p->landmark_ms[clock];
    if (ts_ms <= from) {
        return from;
    }
    const uint64_t rest = span(from, ts_ms) % (uint64_t)popularity_half_life_ms[clock];
    return ts_ms - (int64_t)rest;
}

/* 2^((ts - landmark) / half-life): a fraction of a half-life that only the time decides, of
 * WEIGHT_BITS bits, shifted by whole half-lives. So an event that is weighed at a landmark and then
 * moved weighs what one does that is weighed at the later landmark, to the bit, until one would be
 * shifted out: instances that meet a landmark at different events count the same. */
static int64_t weight_at(int64_t landmark_ms, int64_t ts_ms, int clock) {
    const uint64_t half_life = (uint64_t)popularity_half_life_ms[clock];
    const bool late = ts_ms < landmark_ms;
    const uint64_t by = late ? span(ts_ms, landmark_ms) : span(landmark_ms, ts_ms);
    const uint64_t part = by % half_life;
    const uint64_t whole = by / half_life + (late && part);
    const uint64_t rest = late && part ? half_life - part : part; /* since a whole half-life */
    const double fraction = exp2((double)rest / (double)half_life);
    const int finer = popularity_bits[clock] - WEIGHT_BITS; /* bits of a unit below those */
    if (late && whole > (uint64_t)finer) { /* of the fraction itself, or half a unit is a habit */
        const uint64_t shift = (uint64_t)(FINE_BITS - popularity_bits[clock]) + whole;
        return shifted((int64_t)(fraction * (double)(INT64_C(1) << FINE_BITS)), shift);
    }
    const int64_t w = (int64_t)(fraction * (1 << WEIGHT_BITS) + 0.5) << finer;
    return late ? w >> whole : w << whole;
}

/* Half-lives ahead of its landmark. */
static int limit_of(int clock) {
    const int most = AHEAD_BITS - popularity_bits[clock];
    return most < POP_LIMIT ? most : POP_LIMIT;
}

enum status popularity_weigh(const struct popularity *p, int64_t ts_ms, int64_t w[POP_CLOCKS]) {
    for (int k = 0; k < POP_CLOCKS; k++) {
        const uint64_t limit = (uint64_t)limit_of(k) * (uint64_t)popularity_half_life_ms[k];
        if (ts_ms > p->landmark_ms[k] && span(p->landmark_ms[k], ts_ms) > limit) {
            return ST_RANGE;
        }
    }
    for (int k = 0; k < POP_CLOCKS; k++) {
        w[k] = weight_at(p->landmark_ms[k], ts_ms, k);
    }
    return ST_OK;
}

/* In two parts, as their product may have 66 bits. */
void popularity_weigh_times(int64_t w[POP_CLOCKS], int64_t weight) {
    if (weight == FIXED_ONE) {
        return; /* as most weigh */
    }
    for (int k = 0; k < POP_CLOCKS; k++) {
        const int64_t low = w[k] & (FIXED_ONE - 1);
        w[k] = (w[k] >> 20) * weight + fixed_times(low, weight);
    }
}

/* ---- top lists ----------------------------------------------------------- */

/* Of items that are equal otherwise. */
static bool wins_tie(const struct popularity *p, uint32_t i, uint32_t j) {
    const uint32_t x = p->exact[i].tie;
    const uint32_t y = p->exact[j].tie;
    return x < y || (x == y && i < j);
}

static bool ahead(const struct popularity *p, int64_t c, uint32_t i, int64_t d, uint32_t j) {
    return c > d || (c == d && wins_tie(p, i, j));
}

static void top_put(const struct popularity *p, struct top *t, int clock, uint32_t place,
                    uint32_t i) {
    t->c[place] = p->exact[i].c[clock];
    t->item[place] = i;
    t->moved = true;
    p->exact[i].place[clock] = (uint8_t)place;
    p->hot[i].listed |= 1U << clock;
}

/* Sets the floor of a full list to its last item; returns where that one is. */
static uint32_t top_last(const struct popularity *p, struct top *t) {
    int64_t least = t->c[0];
    for (uint32_t x = 1; x < POP_TOP; x++) {
        least = t->c[x] < least ? t->c[x] : least;
    }
    uint32_t last = POP_TOP;
    for (uint32_t x = 0; x < POP_TOP; x++) {
        if (t->c[x] == least && (last == POP_TOP || wins_tie(p, t->item[last], t->item[x]))) {
            last = x;
        }
    }
    t->floor = least;
    t->floor_item = t->item[last];
    return last;
}

/* Item i is not listed: does it belong in the list now? The floor only rises while
 * items are taken, so most are turned away without a look at the list. */
static void top_offer(const struct popularity *p, struct top *t, int clock, uint32_t i) {
    const int64_t c = p->exact[i].c[clock];
    if (c <= 0) {
        return;
    }
    if (t->n < POP_TOP) {
        top_put(p, t, clock, t->n++, i);
        return;
    }
    if (!ahead(p, c, i, t->floor, t->floor_item)) {
        return;
    }
    const uint32_t last = top_last(p, t);
    if (ahead(p, c, i, t->floor, t->floor_item)) {
        p->hot[t->item[last]].listed &= ~(1U << clock);
        top_put(p, t, clock, last, i);
    }
}

static void top_fill(const struct popularity *p, uint8_t domain, int clock) {
    struct top *t = &p->domains[domain].top[clock];
    for (uint32_t x = 0; x < t->n; x++) {
        p->hot[t->item[x]].listed &= ~(1U << clock);
    }
    t->n = 0;
    t->moved = true;
    t->floor = INT64_MIN;
    t->stale = false;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->exact[i].domain == domain) {
            top_offer(p, t, clock, i);
        }
    }
}

uint32_t popularity_top(const struct popularity *p, uint8_t domain, int clock,
                        const uint32_t **items) {
    const struct top *t = &p->domains[domain].top[clock];
    if (t->stale) {
        top_fill(p, domain, clock);
    }
    *items = t->item;
    return t->n;
}

uint32_t popularity_tops(const struct popularity *p, uint8_t domain, const uint32_t **items) {
    struct domain *d = &p->domains[domain];
    bool moved = false;
    for (int clock = 0; clock < POP_LISTS; clock++) {
        (void)popularity_top(p, domain, clock, items);
        moved |= d->top[clock].moved;
        d->top[clock].moved = false;
    }
    if (moved) {
        d->n_tops = 0;
    }
    for (int clock = 0; moved && clock < POP_LISTS; clock++) {
        const struct top *t = &d->top[clock];
        const uint32_t before = (1U << clock) - 1U;
        for (uint32_t x = 0; x < t->n; x++) {
            d->tops[d->n_tops] = t->item[x];
            d->n_tops += (p->hot[t->item[x]].listed & before) == 0;
        }
    }
    *items = d->tops;
    return d->n_tops;
}

/* ---- counting ------------------------------------------------------------ */

static void recent_put(struct domain *d, uint32_t i) {
    const uint64_t at = d->n_recent++ % POP_RECENT;
    d->recent[at] = i;
    d->recent[at + POP_RECENT] = i;
}

static void top_update(struct popularity *p, struct domain *d, uint32_t i) {
    const struct exact *x = &p->exact[i];
    for (int k = 0; k < POP_LISTS; k++) {
        struct top *t = &d->top[k];
        if (t->stale) {
            continue;
        }
        if (p->hot[i].listed >> k & 1U) {
            t->c[x->place[k]] = x->c[k];
        } else {
            top_offer(p, t, k, i);
        }
    }
}

/* Counts of item i change by w; what is derived of them too. */
static void count_up(struct popularity *p, struct domain *d, uint32_t i,
                     const int64_t w[POP_CLOCKS]) {
    struct exact *x = &p->exact[i];
    for (int k = 0; k < POP_CLOCKS; k++) {
        x->c[k] += w[k];
        d->sum[k] += w[k];
        p->hot[i].lg[k] = lg_of(x->c[k], k);
    }
}

static void count_down(struct popularity *p, struct domain *d, uint32_t i,
                       const int64_t w[POP_CLOCKS]) {
    struct exact *x = &p->exact[i];
    for (int k = 0; k < POP_CLOCKS; k++) {
        x->c[k] -= w[k];
        d->sum[k] -= w[k];
        p->hot[i].lg[k] = lg_of(x->c[k], k);
    }
    for (int k = 0; k < POP_LISTS; k++) {
        d->top[k].stale = d->top[k].stale || (p->hot[i].listed >> k & 1U);
    }
}

static void seen(struct pop_hot *h, int64_t first_ms, int64_t last_ms) {
    const bool first = h->count == 0;
    h->first_ms = first || first_ms < h->first_ms ? first_ms : h->first_ms;
    h->last_ms = first || last_ms > h->last_ms ? last_ms : h->last_ms;
}

void popularity_take(struct popularity *p, uint32_t i, uint8_t domain, int64_t ts_ms,
                     const int64_t w[POP_CLOCKS], int64_t weight) {
    struct domain *d = &p->domains[domain];
    struct exact *x = &p->exact[i];
    struct pop_hot *h = &p->hot[i];
    x->domain = domain;
    count_up(p, d, i, w);
    top_update(p, d, i);
    seen(h, ts_ms, ts_ms);
    h->count++;
    x->n += weight;
    derive_count(p, i);
    d->events++;
    recent_put(d, i);
}

void popularity_untake(struct popularity *p, uint32_t i, uint8_t domain,
                       const int64_t w[POP_CLOCKS], int64_t weight) {
    popularity_subtract(
        p, i, domain,
        &(struct popularity_sum){.w = {w[0], w[1], w[2], w[3]}, .weight = weight, .count = 1});
}

void popularity_add(struct popularity *p, uint32_t i, uint8_t domain,
                    const struct popularity_sum *sum) {
    struct domain *d = &p->domains[domain];
    struct exact *x = &p->exact[i];
    struct pop_hot *h = &p->hot[i];
    x->domain = domain;
    for (int k = 0; k < POP_LISTS; k++) { /* what lowers a count of the list: untake */
        const bool lower = sum->w[k] < 0 && (h->listed >> k & 1U);
        d->top[k].stale = d->top[k].stale || lower;
    }
    count_up(p, d, i, sum->w);
    top_update(p, d, i);
    if (sum->count > 0) {
        seen(h, sum->first_ms, sum->last_ms);
    }
    h->count += sum->count;
    x->n += sum->weight;
    derive_count(p, i);
    d->events += sum->count;
}

void popularity_subtract(struct popularity *p, uint32_t i, uint8_t domain,
                         const struct popularity_sum *sum) {
    struct domain *d = &p->domains[domain];
    struct exact *x = &p->exact[i];
    struct pop_hot *h = &p->hot[i];
    count_down(p, d, i, sum->w);
    h->count -= sum->count;
    x->n -= sum->weight;
    if (h->count == 0) {
        h->first_ms = 0;
        h->last_ms = 0;
    }
    derive_count(p, i);
    d->events -= sum->count;
}

void popularity_remind(struct popularity *p, uint32_t i, uint8_t domain) {
    recent_put(&p->domains[domain], i);
}

enum status popularity_move(struct popularity *p, int clock, int64_t to_ms) {
    const uint64_t half_life = (uint64_t)popularity_half_life_ms[clock];
    const int64_t from_ms = p->landmark_ms[clock];
    if (to_ms < from_ms || span(from_ms, to_ms) % half_life != 0) {
        return ST_INVALID;
    }
    const uint64_t shift = span(from_ms, to_ms) / half_life;
    for (uint32_t d = 0; d < p->n_domains; d++) {
        p->domains[d].sum[clock] = 0;
        if (clock < POP_LISTS) {
            p->domains[d].top[clock].stale = true; /* rounding makes ties and zeros */
        }
    }
    for (uint32_t i = 0; i < p->n; i++) {
        struct exact *x = &p->exact[i];
        if (x->c[clock] != 0) {
            x->c[clock] = shifted(x->c[clock], shift);
            p->domains[x->domain].sum[clock] += x->c[clock];
            p->hot[i].lg[clock] = lg_of(x->c[clock], clock);
        }
    }
    p->landmark_ms[clock] = to_ms;
    return ST_OK;
}

/* ---- obs and exp --------------------------------------------------------- */

/* Half-lives from the obs landmark to an event of the model; negative before it. */
static double obs_half_lives(const struct popularity *p, uint64_t n_events) {
    const uint64_t from = p->obs_landmark;
    const double n = n_events >= from ? (double)(n_events - from) : -(double)(from - n_events);
    return n / POP_OBS_EVENTS;
}

enum status popularity_obs_weigh(const struct popularity *p, uint64_t n_events, int64_t *w) {
    const double z = obs_half_lives(p, n_events);
    if (z > (double)POP_LIMIT) {
        return ST_RANGE;
    }
    *w = fixed_of(exp2(z));
    return ST_OK;
}

int popularity_obs_due(const struct popularity *p, uint64_t n_events) {
    return obs_half_lives(p, n_events) >= (double)POP_MOVE;
}

void popularity_obs_add(struct popularity *p, uint32_t i, int64_t obs, int64_t exp) {
    struct exact *x = &p->exact[i];
    x->obs += obs;
    x->exp += exp;
    derive_obs(&p->hot[i], x);
}

void popularity_obs_fetch(const struct popularity *p, uint32_t i) {
    FETCH_KEPT();
    __builtin_prefetch(&p->exact[i], 1);
}

void popularity_obs_move(struct popularity *p, uint64_t n_events) {
    const uint64_t to = n_events - n_events % OBS_HALFLIFE;
    if (to <= p->obs_landmark) {
        return;
    }
    const uint64_t shift = (to - p->obs_landmark) / OBS_HALFLIFE;
    for (uint32_t i = 0; i < p->n; i++) {
        struct exact *x = &p->exact[i];
        x->obs = shifted(x->obs, shift);
        x->exp = shifted(x->exp, shift);
        derive_obs(&p->hot[i], x);
    }
    p->obs_landmark = to;
}

uint64_t popularity_obs_landmark(const struct popularity *p) {
    return p->obs_landmark;
}

float popularity_obs_scale(const struct popularity *p, uint64_t n_events) {
    return (float)exp2(obs_half_lives(p, n_events));
}

/* ---- reading ------------------------------------------------------------- */

const struct pop_hot *popularity_hot(const struct popularity *p) {
    return p->hot;
}

struct pop_met *popularity_met(struct popularity *p) {
    return p->met;
}

uint32_t popularity_search(struct popularity *p) {
    p->search += POP_MARKS;
    if (p->search == 0) { /* old marks could seem valid */
        for (uint32_t i = 0; i < p->n; i++) {
            p->met[i].mark = 0;
        }
        p->search = POP_MARKS;
    }
    return p->search;
}

float popularity_lg_sum(const struct popularity *p, uint8_t domain, int clock) {
    return lg_of(p->domains[domain].sum[clock], clock);
}

int64_t popularity_count(const struct popularity *p, uint32_t i, int clock) {
    return p->exact[i].c[clock];
}

double popularity_count_to(int64_t count, int clock) {
    return ldexp((double)count, -popularity_bits[clock]);
}

void popularity_item(const struct popularity *p, uint32_t i, struct popularity_sum *out) {
    const struct exact *x = &p->exact[i];
    const struct pop_hot *h = &p->hot[i];
    memcpy(out->w, x->c, sizeof out->w);
    out->weight = x->n;
    out->first_ms = h->first_ms;
    out->last_ms = h->last_ms;
    out->count = h->count;
}

void popularity_obs_item(const struct popularity *p, uint32_t i, int64_t *obs, int64_t *exp) {
    *obs = p->exact[i].obs;
    *exp = p->exact[i].exp;
}

void popularity_set_recent(struct popularity *p, uint8_t domain, const uint32_t *items,
                           uint32_t n) {
    struct domain *d = &p->domains[domain];
    d->n_recent = 0;
    for (uint32_t k = n > POP_RECENT ? n - POP_RECENT : 0; k < n; k++) {
        recent_put(d, items[k]);
    }
}

struct latest { /* (n,) newest first */
    uint32_t n;
    uint32_t item[POP_RECENT];
};

static bool is_later(const struct popularity *p, uint32_t i, uint32_t j) {
    const int64_t x = p->hot[i].last_ms;
    const int64_t y = p->hot[j].last_ms;
    return x > y || (x == y && wins_tie(p, i, j));
}

static void latest_offer(const struct popularity *p, struct latest *l, uint32_t i) {
    if (l->n == POP_RECENT && !is_later(p, i, l->item[l->n - 1])) {
        return; /* as most are */
    }
    uint32_t k = l->n < POP_RECENT ? l->n++ : POP_RECENT - 1;
    for (; k > 0 && is_later(p, i, l->item[k - 1]); k--) {
        l->item[k] = l->item[k - 1];
    }
    l->item[k] = i;
}

void popularity_renew_recent(struct popularity *p) {
    struct latest latest[DOMAINS_MAX];
    for (uint32_t d = 0; d < p->n_domains; d++) {
        latest[d].n = 0;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->hot[i].count > 0) {
            latest_offer(p, &latest[p->exact[i].domain], i);
        }
    }
    for (uint32_t d = 0; d < p->n_domains; d++) {
        p->domains[d].n_recent = 0;
        for (uint32_t k = latest[d].n; k-- > 0;) {
            recent_put(&p->domains[d], latest[d].item[k]);
        }
    }
}

uint32_t popularity_recent(const struct popularity *p, uint8_t domain, const uint32_t **items) {
    const struct domain *d = &p->domains[domain];
    *items = d->n_recent < POP_RECENT ? d->recent : d->recent + d->n_recent % POP_RECENT;
    return d->n_recent < POP_RECENT ? (uint32_t)d->n_recent : POP_RECENT;
}

uint64_t popularity_events(const struct popularity *p, uint8_t domain) {
    return p->domains[domain].events;
}

size_t popularity_bytes(const struct popularity *p) {
    return sizeof *p + p->n_domains * sizeof *p->domains +
           (size_t)p->cap * (sizeof *p->hot + sizeof *p->met + sizeof *p->exact);
}
