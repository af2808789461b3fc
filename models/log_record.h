/* SPDX-License-Identifier: Apache-2.0
 *
 * log_record.h -- what one batch of one task says to all instances: a record of the model log.
 *
 *     format | kind | task, epoch, batch | landmarks, events | items: n, (hash, domain, id or
 * nothing) | categories: n, hash | takes | pairs | contexts | obs | category takes, pairs, deals |
 * sums of the mini-batches that were closed | nets
 *
 * Increments of one item, or of one pair, are added up first; items and categories are named by
 * their place in the tables. Items are in the order in which they were taken last, those that were
 * not taken behind them. An item that the log has not named yet carries its name. Landmarks say
 * what the forward-decayed increments are relative to: whoever applies it brings them to his own.
 * A pair of one event of weight 1 says at which place of the history it was, not a and f.
 *
 * Control records have kinds of their own:
 *     LANDMARK  all time landmarks that are due at a time move
 *     SEEDS     segments are these from now on (struct segments_seeds)
 *     OPTIONS   "key = value" lines of the options that every instance must share
 *
 * Pure; structs own their arrays. Threads: one.
 */
#ifndef LOG_RECORD_H
#define LOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "delta.h"
#include "pack.h"
#include "ranker.h"
#include "segments.h"
#include "shared.h"
#include "status.h"

/* 1: weights of takes in units of 2^-20, read as what they are in those of popularity_bits. */
enum { LOG_RECORD_FORMAT = 2 };

enum log_kind { LOG_DELTA = 1, LOG_LANDMARK = 2, LOG_SEEDS = 3, LOG_OPTIONS = 4 };

/* Whose record it is: unlike any other's. */
struct log_name {
    uint32_t task;
    uint64_t epoch;
    uint64_t batch;
};

static inline bool log_name_equal(const struct log_name *a, const struct log_name *b) {
    return a->task == b->task && a->epoch == b->epoch && a->batch == b->batch;
}

struct log_item { /* how an item is named in the log */
    uint64_t hash;
    const char *id; /* (id_len,) borrowed from the record; id_len 0: without */
    uint16_t id_len;
    uint8_t domain;
};

/* What a delta adds of one kind, summed; items and categories by place in the tables. */
struct log_take {
    int64_t w[POP_CLOCKS];     /* units of 2^-popularity_bits */
    int64_t weight;            /* sum */
    int64_t first_ms, last_ms; /* of its takes */
    uint32_t count;            /* takes */
    uint32_t item;
};

struct log_context {
    int64_t b[FACTORS]; /* sum of w p, units as factors_b() */
    int64_t weight;
    uint32_t item;
};

/* Its arrays. */
enum log_array {
    LOG_ITEMS,
    LOG_CATEGORIES,
    LOG_TAKES,
    LOG_PAIRS,
    LOG_CONTEXTS,
    LOG_OBS,
    LOG_CATEGORY_TAKES,
    LOG_CATEGORY_PAIRS,
    LOG_DEALS,
    LOG_ARRAYS
};

struct log_record {
    enum log_kind kind;
    struct log_name name;          /* LOG_DELTA */
    int64_t landmarks[POP_CLOCKS]; /* ms */
    int64_t category_landmark;     /* ms */
    uint64_t obs_landmark;         /* event number */
    uint64_t n_events;
    struct log_item *items; /* (n_items,) */
    uint64_t *categories;   /* (n_categories,) hashes */
    size_t n_items, n_categories;
    struct log_take *takes;
    struct pair_sum *pairs;
    struct log_context *contexts;
    struct delta_obs *obs;
    struct category_take_sum *category_takes;
    struct pair_sum *category_pairs;
    struct delta_deal *deals;
    size_t n_takes, n_pairs, n_contexts, n_obs, n_category_takes, n_category_pairs, n_deals;
    bool has_sums; /* a mini-batch was closed */
    struct mini_batch sums;
    bool has_nets;
    struct ranker_net nets[RANKER_NETS];
    uint32_t n_trained; /* ranker steps since its last nets */

    int64_t at_ms;               /* LOG_LANDMARK */
    struct segments_seeds seeds; /* LOG_SEEDS */
    const char *options;         /* LOG_OPTIONS: (options_len,) borrowed */
    size_t options_len;
    size_t cap[LOG_ARRAYS];    /* rooms of the arrays, kept from record to record */
    struct log_places *places; /* of log_record_of(), likewise; NULL: it was not called */
};

/** Reads one; arrays are reused. On failure `r` may hold anything but can be read into again.
 *  @return ST_OK; ST_INVALID (damaged); ST_RANGE (a later format or kind); ST_NOMEM */
MUST_CHECK enum status log_record_read(const void *bytes, size_t len, struct log_record *r);
void log_record_free(struct log_record *r);
/** Room for n elements of an array; what was there stays. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status log_record_reserve(struct log_record *r, enum log_array which, size_t n);

/** Adds up what `d` says; ids are borrowed from s->items. named: (items,) 1 where the log has named
 *  the item already. Arrays are reused. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status log_record_of(const struct log_name *name, const struct shared *s,
                                     const struct delta *d, const uint8_t *named,
                                     struct log_record *r);
/** Writes a LOG_DELTA. Of pairs and category pairs those of one `from` are together, of obs and
 *  contexts each item once, in the order of the items: as log_record_of() has them. */
void log_record_write(struct pack *p, const struct log_record *r);
/** Both. p->failed: out of memory. */
void log_record_write_delta(struct pack *p, const struct log_name *name, const struct shared *s,
                            const struct delta *d, const uint8_t *named);
void log_record_write_landmark(struct pack *p, int64_t at_ms);
void log_record_write_seeds(struct pack *p, const struct segments_seeds *seeds);
void log_record_write_options(struct pack *p, const char *text, size_t len);

#endif
