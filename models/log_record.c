/* SPDX-License-Identifier: Apache-2.0
 * log_record.c -- see log_record.h: arrays, and writing. */
#include "log_record.h"

#include "log_record_state.h"
#include "ranker_pack.h"

/* ---- arrays -------------------------------------------------------------------------- */

/* realloc() that keeps what was there on failure. */
static bool grow(void **array, size_t bytes) {
    void *moved = realloc(*array, bytes);
    if (moved) {
        *array = moved;
    }
    return moved != NULL;
}

#define GROW(field)                                                                                \
    do {                                                                                           \
        void *array = r->field;                                                                    \
        ok = grow(&array, cap * sizeof *r->field);                                                 \
        r->field = array;                                                                          \
    } while (0)

enum status log_record_reserve(struct log_record *r, enum log_array which, size_t n) {
    if (n <= r->cap[which]) {
        return ST_OK;
    }
    const size_t cap = n + n / 2;
    bool ok = false;
    switch (which) {
    case LOG_ITEMS: GROW(items); break;
    case LOG_CATEGORIES: GROW(categories); break;
    case LOG_TAKES: GROW(takes); break;
    case LOG_PAIRS: GROW(pairs); break;
    case LOG_CONTEXTS: GROW(contexts); break;
    case LOG_OBS: GROW(obs); break;
    case LOG_CATEGORY_TAKES: GROW(category_takes); break;
    case LOG_CATEGORY_PAIRS: GROW(category_pairs); break;
    case LOG_DEALS: GROW(deals); break;
    case LOG_ARRAYS: break;
    }
    if (!ok) {
        return ST_NOMEM;
    }
    r->cap[which] = cap;
    return ST_OK;
}

void log_record_free(struct log_record *r) {
    free(r->items);
    free(r->categories);
    free(r->takes);
    free(r->pairs);
    free(r->contexts);
    free(r->obs);
    free(r->category_takes);
    free(r->category_pairs);
    free(r->deals);
    log_places_free(r->places);
    *r = (struct log_record){.kind = LOG_DELTA};
}

/* ---- a delta ------------------------------------------------------------------------- */

static void write_kind(struct pack *p, enum log_kind kind) {
    pack_u8(p, LOG_RECORD_FORMAT);
    pack_u8(p, (uint8_t)kind);
}

static void write_tables(struct pack *p, const struct log_record *r) {
    pack_uint(p, r->n_items);
    for (size_t k = 0; k < r->n_items; k++) {
        const struct log_item *item = &r->items[k];
        pack_u64(p, item->hash);
        pack_uint(p, (uint64_t)item->domain << 1 | (item->id_len > 0));
        if (item->id_len > 0) {
            pack_text(p, item->id, item->id_len);
        }
    }
    pack_uint(p, r->n_categories);
    for (size_t k = 0; k < r->n_categories; k++) {
        pack_u64(p, r->categories[k]);
    }
}

/* Takes come in the order of their times: differences are small. */
static void write_takes(struct pack *p, const struct log_record *r) {
    int64_t before_ms = r->landmarks[0];
    uint32_t next = 0;
    pack_uint(p, r->n_takes);
    for (size_t k = 0; k < r->n_takes; k++) {
        const struct log_take *t = &r->takes[k];
        pack_uint(p, t->item - next);
        next = t->item + 1;
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            pack_uint(p, (uint64_t)t->w[clock]);
        }
        pack_uint(p, (uint64_t)t->weight);
        pack_uint(p, t->count);
        pack_int(p, t->last_ms - before_ms);
        pack_uint(p, (uint64_t)(t->last_ms - t->first_ms));
        before_ms = t->last_ms;
    }
}

/* The place in the history that a pair of one event of weight 1 has these sums of; PLACE_NONE. */
static uint32_t place_of(const struct pair_sum *pair, const struct pair_add ones[PAIRS_PLACES],
                         bool with_f) {
    for (uint32_t r = 0; r < PAIRS_PLACES; r++) {
        if (pair->a == ones[r].a && (!with_f || pair->f == ones[r].f)) {
            return r;
        }
    }
    return PLACE_NONE;
}

/* Grouped by `from`; with_f: items, which have f and s too. */
static void write_pairs(struct pack *p, const struct pair_sum *pairs, size_t n, bool with_f) {
    struct pair_add ones[PAIRS_PLACES];
    uint32_t from = 0;
    places_of_history(ones);
    pack_uint(p, n);
    for (size_t k = 0; k < n; k++) {
        const struct pair_sum *pair = &pairs[k];
        const uint32_t place = place_of(pair, ones, with_f);
        pack_uint(p, (uint64_t)(pair->from - from) << PLACE_BITS | place);
        from = pair->from;
        pack_uint(p, pair->to);
        if (place == PLACE_NONE) {
            pack_uint(p, (uint64_t)pair->a);
        }
        if (place == PLACE_NONE && with_f) {
            pack_uint(p, (uint64_t)pair->f);
        }
        if (with_f) {
            pack_uint(p, (uint64_t)pair->s);
        }
    }
}

static void write_contexts(struct pack *p, const struct log_record *r) {
    uint32_t next = 0;
    pack_uint(p, r->n_contexts);
    for (size_t k = 0; k < r->n_contexts; k++) {
        const struct log_context *c = &r->contexts[k];
        pack_uint(p, c->item - next);
        next = c->item + 1;
        pack_uint(p, (uint64_t)c->weight);
        for (size_t z = 0; z < FACTORS; z++) {
            pack_int(p, c->b[z]);
        }
    }
}

static void write_obs(struct pack *p, const struct log_record *r) {
    uint32_t next = 0;
    pack_uint(p, r->n_obs);
    for (size_t k = 0; k < r->n_obs; k++) {
        pack_uint(p, r->obs[k].item - next);
        next = r->obs[k].item + 1;
        pack_int(p, r->obs[k].obs);
        pack_int(p, r->obs[k].exp);
    }
}

static void write_categories(struct pack *p, const struct log_record *r) {
    pack_uint(p, r->n_category_takes);
    for (size_t k = 0; k < r->n_category_takes; k++) {
        const struct category_take_sum *t = &r->category_takes[k];
        pack_uint(p, t->item);
        pack_uint(p, t->category == CATEGORY_NONE ? 0 : (uint64_t)t->category + 1);
        pack_uint(p, (uint64_t)t->g);
        pack_uint(p, (uint64_t)t->weight);
        pack_uint(p, (uint64_t)t->repeated);
    }
    write_pairs(p, r->category_pairs, r->n_category_pairs, false);
    int64_t before_ms = r->landmarks[0];
    pack_uint(p, r->n_deals);
    for (size_t k = 0; k < r->n_deals; k++) {
        pack_uint(p, r->deals[k].item);
        pack_float(p, r->deals[k].share);
        pack_int(p, r->deals[k].ts_ms - before_ms);
        before_ms = r->deals[k].ts_ms;
    }
}

static void write_nets(struct pack *p, const struct log_record *r) {
    pack_uint(p, r->n_trained);
    ranker_pack_shape(p);
    ranker_pack_nets(p, r->nets);
}

void log_record_write(struct pack *p, const struct log_record *r) {
    write_kind(p, LOG_DELTA);
    pack_uint(p, r->name.task);
    pack_uint(p, r->name.epoch);
    pack_uint(p, r->name.batch);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        pack_int(p, r->landmarks[clock]);
    }
    pack_int(p, r->category_landmark);
    pack_uint(p, r->obs_landmark);
    pack_uint(p, r->n_events);
    write_tables(p, r);
    write_takes(p, r);
    write_pairs(p, r->pairs, r->n_pairs, true);
    write_contexts(p, r);
    write_obs(p, r);
    write_categories(p, r);
    pack_u8(p, (uint8_t)((r->has_sums ? HAS_SUMS : 0) | (r->has_nets ? HAS_NETS : 0)));
    if (r->has_sums) {
        mini_batch_write(p, &r->sums);
    }
    if (r->has_nets) {
        write_nets(p, r);
    }
}

void log_record_write_delta(struct pack *p, const struct log_name *name, const struct shared *s,
                            const struct delta *d, const uint8_t *named) {
    struct log_record r = {.kind = LOG_DELTA};
    if (log_record_of(name, s, d, named, &r) == ST_OK) {
        log_record_write(p, &r);
    } else {
        p->failed = true;
    }
    log_record_free(&r);
}

/* ---- controls ------------------------------------------------------------------------ */

void log_record_write_landmark(struct pack *p, int64_t at_ms) {
    write_kind(p, LOG_LANDMARK);
    pack_int(p, at_ms);
}

/* One more than the last dimension that says something. */
static size_t dims_of(const struct segments_seeds *seeds) {
    for (size_t d = FEATURES_MAX; d > 0; d--) {
        bool any = seeds->mean[d - 1] != 0.0 || seeds->square[d - 1] != 0.0;
        for (uint32_t k = 0; k < seeds->k; k++) {
            any = any || seeds->clusters[k].centre[d - 1] != 0.0 ||
                  seeds->clusters[k].spread[d - 1] != 0.0;
        }
        if (any) {
            return d;
        }
    }
    return 0;
}

static void write_doubles(struct pack *p, const double *v, size_t n) {
    for (size_t k = 0; k < n; k++) {
        pack_double(p, v[k]);
    }
}

void log_record_write_seeds(struct pack *p, const struct segments_seeds *seeds) {
    const size_t dims = dims_of(seeds);
    write_kind(p, LOG_SEEDS);
    pack_uint(p, seeds->generation);
    pack_uint(p, seeds->k);
    pack_uint(p, dims);
    pack_double(p, seeds->w);
    write_doubles(p, seeds->mean, dims);
    write_doubles(p, seeds->square, dims);
    for (uint32_t k = 0; k < seeds->k; k++) {
        pack_double(p, seeds->clusters[k].w);
        pack_double(p, seeds->clusters[k].sse);
        write_doubles(p, seeds->clusters[k].centre, dims);
        write_doubles(p, seeds->clusters[k].spread, dims);
    }
}

void log_record_write_options(struct pack *p, const char *text, size_t len) {
    write_kind(p, LOG_OPTIONS);
    pack_text(p, text, len);
}
