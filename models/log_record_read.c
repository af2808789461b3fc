/* SPDX-License-Identifier: Apache-2.0
 * log_record_read.c -- see log_record.h: reading, of bytes that may be damaged. */
#include <math.h>

#include "log_record.h"
#include "log_record_state.h"
#include "ranker_pack.h"

/* Room for a count of things of at least `each` bytes. */
static size_t room(struct unpack *u, struct log_record *r, enum log_array which, size_t each,
                   enum status *st) {
    const size_t n = unpack_count(u, each);
    if (!*st) {
        *st = log_record_reserve(r, which, n);
    }
    return *st ? 0 : n;
}

/* A place behind the one before in a table of n. */
static uint32_t next_place(struct unpack *u, uint32_t *next, size_t n) {
    const uint64_t step = unpack_at_most(u, UINT32_MAX);
    const uint64_t at = *next + step;
    if (at >= n) {
        unpack_fail(u);
        return 0;
    }
    *next = (uint32_t)at + 1;
    return (uint32_t)at;
}

/* Any place in a table of n. */
static uint32_t place(struct unpack *u, size_t n) {
    const uint64_t at = unpack_at_most(u, UINT32_MAX);
    if (at >= n) {
        unpack_fail(u);
        return 0;
    }
    return (uint32_t)at;
}

static void read_tables(struct unpack *u, struct log_record *r, enum status *st) {
    r->n_items = room(u, r, LOG_ITEMS, 9, st);
    for (size_t k = 0; k < r->n_items; k++) {
        struct log_item *item = &r->items[k];
        item->hash = unpack_u64(u);
        const uint64_t what = unpack_at_most(u, 2 * DOMAINS_MAX - 1);
        size_t len = 0;
        item->domain = (uint8_t)(what >> 1);
        item->id = what & 1 ? unpack_text(u, &len) : NULL;
        item->id_len = (uint16_t)len;
        if ((what & 1) && (len < 1 || len > ID_LEN_MAX)) {
            unpack_fail(u);
        }
    }
    r->n_categories = room(u, r, LOG_CATEGORIES, 8, st);
    for (size_t k = 0; k < r->n_categories; k++) {
        r->categories[k] = unpack_u64(u);
        if (r->categories[k] == 0) {
            unpack_fail(u);
        }
    }
}

/* Format 1 has all clocks in units of 2^-20. */
static int64_t read_weight(struct unpack *u, int clock, uint8_t format) {
    const int finer = format == 1 ? popularity_bits[clock] - 20 : 0;
    return (int64_t)(unpack_at_most(u, (uint64_t)LOG_SUM_MAX >> finer) << finer);
}

static void read_takes(struct unpack *u, struct log_record *r, uint8_t format, enum status *st) {
    int64_t before_ms = r->landmarks[0];
    uint32_t next = 0;
    r->n_takes = room(u, r, LOG_TAKES, 9, st);
    for (size_t k = 0; k < r->n_takes; k++) {
        struct log_take *t = &r->takes[k];
        t->item = next_place(u, &next, r->n_items);
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            t->w[clock] = read_weight(u, clock, format);
        }
        t->weight = unpack_positive(u);
        t->count = (uint32_t)unpack_at_most(u, UINT32_MAX);
        t->last_ms = before_ms + unpack_sum(u);
        t->first_ms = t->last_ms - unpack_positive(u);
        if (t->count == 0 || t->last_ms >= LOG_TIME_MAX || t->first_ms <= -LOG_TIME_MAX) {
            unpack_fail(u);
        }
        before_ms = u->failed ? 0 : t->last_ms;
    }
}

static size_t read_pairs(struct unpack *u, struct log_record *r, enum log_array which, size_t n,
                         enum status *st) {
    const bool with_f = which == LOG_PAIRS;
    const size_t n_pairs = room(u, r, which, with_f ? 3 : 2, st);
    struct pair_sum *pairs = with_f ? r->pairs : r->category_pairs;
    struct pair_add ones[PAIRS_PLACES];
    uint64_t from = 0;
    places_of_history(ones);
    for (size_t k = 0; k < n_pairs; k++) {
        const uint64_t head = unpack_at_most(u, (uint64_t)UINT32_MAX << PLACE_BITS);
        const uint32_t at = head & ((1U << PLACE_BITS) - 1);
        struct pair_sum *pair = &pairs[k];
        *pair = (struct pair_sum){0};
        from += head >> PLACE_BITS;
        pair->to = place(u, n);
        if (at < PAIRS_PLACES) {
            pair->a = ones[at].a;
            pair->f = with_f ? ones[at].f : 0;
        } else if (at == PLACE_NONE) {
            pair->a = unpack_positive(u);
            pair->f = with_f ? unpack_positive(u) : 0;
        } else {
            unpack_fail(u);
        }
        pair->s = with_f ? unpack_positive(u) : 0;
        if (from >= n || from == pair->to) {
            unpack_fail(u);
            from = 0;
        }
        pair->from = (uint32_t)from;
    }
    return n_pairs;
}

static void read_contexts(struct unpack *u, struct log_record *r, enum status *st) {
    uint32_t next = 0;
    r->n_contexts = room(u, r, LOG_CONTEXTS, 2 + FACTORS, st);
    for (size_t k = 0; k < r->n_contexts; k++) {
        struct log_context *c = &r->contexts[k];
        c->item = next_place(u, &next, r->n_items);
        c->weight = unpack_positive(u);
        for (size_t z = 0; z < FACTORS; z++) {
            c->b[z] = unpack_sum(u);
        }
    }
}

static void read_obs(struct unpack *u, struct log_record *r, enum status *st) {
    uint32_t next = 0;
    r->n_obs = room(u, r, LOG_OBS, 3, st);
    for (size_t k = 0; k < r->n_obs; k++) {
        r->obs[k].item = next_place(u, &next, r->n_items);
        r->obs[k].obs = unpack_sum(u);
        r->obs[k].exp = unpack_sum(u);
    }
}

static void read_category_takes(struct unpack *u, struct log_record *r, enum status *st) {
    r->n_category_takes = room(u, r, LOG_CATEGORY_TAKES, 5, st);
    for (size_t k = 0; k < r->n_category_takes; k++) {
        struct category_take_sum *t = &r->category_takes[k];
        t->item = place(u, r->n_items);
        const uint64_t category = unpack_at_most(u, r->n_categories);
        t->category = category ? (uint32_t)category - 1 : CATEGORY_NONE;
        t->g = unpack_positive(u);
        t->weight = unpack_positive(u);
        t->repeated = unpack_positive(u);
        if (t->repeated > t->weight) {
            unpack_fail(u);
        }
    }
}

static void read_deals(struct unpack *u, struct log_record *r, enum status *st) {
    int64_t before_ms = r->landmarks[0];
    r->n_deals = room(u, r, LOG_DEALS, 6, st);
    for (size_t k = 0; k < r->n_deals; k++) {
        struct delta_deal *deal = &r->deals[k];
        deal->item = place(u, r->n_items);
        deal->share = unpack_float(u);
        deal->ts_ms = before_ms + unpack_sum(u);
        if (!(deal->share >= 0.0F && deal->share <= 1.0F) || deal->ts_ms >= LOG_TIME_MAX ||
            deal->ts_ms <= -LOG_TIME_MAX) {
            unpack_fail(u);
            deal->ts_ms = 0;
        }
        before_ms = deal->ts_ms;
    }
}

/* @return false: another shape */
static bool read_nets(struct unpack *u, struct log_record *r) {
    r->n_trained = (uint32_t)unpack_at_most(u, UINT32_MAX);
    const uint32_t n_x = ranker_features_of(unpack_at_most(u, UINT32_MAX));
    if (n_x == 0) {
        return u->failed;
    }
    ranker_unpack_nets(u, n_x, r->nets);
    return true;
}

static void read_head(struct unpack *u, struct log_record *r) {
    r->name.task = (uint32_t)unpack_at_most(u, UINT32_MAX);
    r->name.epoch = unpack_uint(u);
    r->name.batch = unpack_uint(u);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        r->landmarks[clock] = unpack_time(u);
    }
    r->category_landmark = unpack_time(u);
    r->obs_landmark = unpack_at_most(u, (uint64_t)LOG_SUM_MAX);
    r->n_events = unpack_at_most(u, UINT32_MAX);
}

static enum status read_delta(struct unpack *u, struct log_record *r, uint8_t format) {
    enum status st = ST_OK;
    read_head(u, r);
    read_tables(u, r, &st);
    read_takes(u, r, format, &st);
    r->n_pairs = read_pairs(u, r, LOG_PAIRS, r->n_items, &st);
    read_contexts(u, r, &st);
    read_obs(u, r, &st);
    read_category_takes(u, r, &st);
    r->n_category_pairs = read_pairs(u, r, LOG_CATEGORY_PAIRS, r->n_categories, &st);
    read_deals(u, r, &st);
    const uint8_t flags = unpack_u8(u);
    r->has_sums = flags & HAS_SUMS;
    r->has_nets = flags & HAS_NETS;
    if (st || (flags & ~(HAS_SUMS | HAS_NETS))) {
        return st ? st : ST_INVALID;
    }
    if (r->has_sums) {
        mini_batch_read(u, &r->sums);
    }
    return r->has_nets && !read_nets(u, r) ? ST_RANGE : ST_OK;
}

/* ---- controls ------------------------------------------------------------------------- */

static void read_doubles(struct unpack *u, double *v, size_t n) {
    for (size_t k = 0; k < n; k++) {
        v[k] = unpack_double(u);
        if (!isfinite(v[k])) {
            unpack_fail(u);
        }
    }
}

static void read_seeds(struct unpack *u, struct segments_seeds *seeds) {
    *seeds = (struct segments_seeds){0};
    seeds->generation = (uint32_t)unpack_at_most(u, UINT32_MAX);
    seeds->k = (uint32_t)unpack_at_most(u, SEGMENTS_MAX);
    const size_t dims = (size_t)unpack_at_most(u, FEATURES_MAX);
    read_doubles(u, &seeds->w, 1);
    read_doubles(u, seeds->mean, dims);
    read_doubles(u, seeds->square, dims);
    for (uint32_t k = 0; k < seeds->k; k++) {
        read_doubles(u, &seeds->clusters[k].w, 1);
        read_doubles(u, &seeds->clusters[k].sse, 1);
        read_doubles(u, seeds->clusters[k].centre, dims);
        read_doubles(u, seeds->clusters[k].spread, dims);
    }
}

static enum status read_kind(struct unpack *u, struct log_record *r, uint8_t format) {
    switch (r->kind) {
    case LOG_DELTA: return read_delta(u, r, format);
    case LOG_LANDMARK: r->at_ms = unpack_time(u); return ST_OK;
    case LOG_SEEDS: read_seeds(u, &r->seeds); return ST_OK;
    case LOG_OPTIONS: r->options = unpack_text(u, &r->options_len); return ST_OK;
    }
    return ST_RANGE;
}

enum status log_record_read(const void *bytes, size_t len, struct log_record *r) {
    if (len < 2) {
        return ST_INVALID;
    }
    struct unpack u = {.at = bytes, .end = (const uint8_t *)bytes + len};
    const uint8_t format = unpack_u8(&u);
    if (format < 1 || format > LOG_RECORD_FORMAT) {
        return format > LOG_RECORD_FORMAT ? ST_RANGE : ST_INVALID;
    }
    const uint8_t kind = unpack_u8(&u);
    if (kind < LOG_DELTA || kind > LOG_OPTIONS) {
        return kind > LOG_OPTIONS ? ST_RANGE : ST_INVALID;
    }
    r->kind = (enum log_kind)kind;
    r->n_items = r->n_categories = r->n_takes = r->n_pairs = r->n_contexts = r->n_obs = 0;
    r->n_category_takes = r->n_category_pairs = r->n_deals = 0;
    r->has_sums = r->has_nets = false;
    const enum status st = read_kind(&u, r, format);
    if (st) {
        return u.failed && st == ST_RANGE ? ST_INVALID : st;
    }
    return u.failed || u.at != u.end ? ST_INVALID : ST_OK;
}
