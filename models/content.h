/* SPDX-License-Identifier: Apache-2.0
 *
 * content.h -- what the catalogues say of each item: availability, category, price, attributes.
 *
 * Indexed by the dense index of items.h, beside it. An item without a row is available, has no
 * category, no price (NaN) and no attributes. Categories and attributes are 64-bit hashes made by
 * the caller (of domain\0category; of domain\0key\0value); categories get a dense index as well, in
 * order of first sight, for counting, and a name for people: that of the first row that brings one.
 * What is restored may know a category by its hash before any row does: until then it has neither
 * name nor domain.
 * A row replaces the one before; a row older than the one before (ts_ms, if both have one) changes
 * nothing.
 *
 * Ownership: owns its arrays. Threads: one.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

enum { CONTENT_ATTRIBUTES = 32 };

struct content; /* opaque */

struct content_row {
    uint64_t item;  /* 64-bit hash of domain\0id */
    const char *id; /* (id_len,) */
    uint16_t id_len;
    uint8_t domain;
    bool available;
    int64_t ts_ms;              /* 0: unknown                          */
    float price;                /* NaN: none                           */
    uint64_t category;          /* hash; 0: none                       */
    const char *category_name;  /* (category_name_len,) bytes, copied */
    uint16_t category_name_len; /* 0: unknown */
    uint32_t n_attributes;
    const uint64_t *attributes; /* (n_attributes,) hashes; beyond CONTENT_ATTRIBUTES: left out */
};

struct content_change {
    uint32_t item;  /* dense index                                             */
    bool is_new;    /* it had no row; learner_item(): nobody knew the item     */
    bool withdrawn; /* it was available (as without a row) and is not any more */
    bool returned;  /* the reverse                                             */
    bool older;     /* nothing changed: the row before was newer               */
};

MUST_CHECK enum status content_new(struct content **out);
void content_free(struct content *c);

/** Sets the row of item i (below UINT32_MAX; the arrays grow), of which it reads availability,
 *  time, price, category (its name too) and attributes. @return ST_OK, ST_NOMEM (nothing changed)
 */
MUST_CHECK enum status content_set(struct content *c, uint32_t i, const struct content_row *row,
                                   struct content_change *change);

bool content_available(const struct content *c, uint32_t i);
/** Flags for hot loops: (content_n(),) 1 where NOT available; items at or beyond are available.
 *  Valid until the next content_set(). */
const uint8_t *content_withdrawn(const struct content *c);
uint32_t content_n(const struct content *c);
/** Items withdrawn. */
uint32_t content_n_withdrawn(const struct content *c);
uint32_t content_category(const struct content *c, uint32_t i); /* dense; CATEGORY_NONE */
uint32_t content_n_categories(const struct content *c);         /* ever seen */
/** Hash of a category; 0 if there is no such category. */
uint64_t content_category_hash(const struct content *c, uint32_t category);
/** The index of the category with this hash, or CATEGORY_NONE. */
uint32_t content_category_find(const struct content *c, uint64_t hash);
/** The index of the category with this hash, made without name and domain if it is new.
 *  @return ST_OK, ST_INVALID (hash 0), ST_RANGE (2^31 categories), ST_NOMEM (nothing changed) */
MUST_CHECK enum status content_category_intern(struct content *c, uint64_t hash, uint32_t *out);
/** Name of a category, (*len,) bytes, not terminated; NULL and 0 while unknown. Borrowed for as
 *  long as `c` lives. */
const char *content_category_name(const struct content *c, uint32_t category, uint16_t *len);
/** The domain whose row brought the category first; DOMAINS_MAX if no row did. */
uint8_t content_category_domain(const struct content *c, uint32_t category);
/** Time of the row, ms; 0: unknown, or no row. */
int64_t content_ts_ms(const struct content *c, uint32_t i);
float content_price(const struct content *c, uint32_t i); /* NaN: none */
/** Sorted hashes, (*n,), each once; NULL if none. Borrowed until the next content_set(). */
const uint64_t *content_attributes(const struct content *c, uint32_t i, uint32_t *n);
size_t content_bytes(const struct content *c);

#endif
