/* SPDX-License-Identifier: Apache-2.0
 *
 * items.h -- the catalogue as seen by the learner: which items exist.
 *
 * An item's durable identity is the 64-bit hash of `domain\0id` (made by the
 * caller). Here it gets a dense index, 0, 1, 2, ... in order of first sight,
 * which lives in memory only and is what every other model indexes with.
 *
 * What is restored (user_record.h, snapshot.h) may know an item by its hash before anything
 * brings its id: such an item is nameless. It has an index and a domain, its id is "", and it is
 * not among the items of its domain (items_of()) until items_intern() names it. Nobody can be told
 * of it: whoever hands indices to other threads, or puts items on lists, leaves it out.
 *
 * Ownership: struct items owns its memory, id strings included; a string
 *            returned by items_id() never moves and lives until items_free(),
 *            so that another thread may read it once the index was handed over.
 * Threads:   one writer. Any thread may call items_id() with the index of a named item that
 *            was handed over to it by a synchronising operation (a queue); nothing else. The id
 *            of a nameless item is the one thing that changes: its index is not handed over.
 */
#ifndef ITEMS_H
#define ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define ITEM_NONE UINT32_MAX

struct items; /* opaque: open-addressing table, dense arrays, string arena */

/** Creates an empty catalogue for domains 0..n_domains-1.
 *  @return ST_OK, ST_INVALID (n_domains not in 1..DOMAINS_MAX), or ST_NOMEM */
MUST_CHECK enum status items_new(uint32_t n_domains, struct items **out);

/** Releases it. NULL is allowed. */
void items_free(struct items *it);

/** The index of the item with this hash, or ITEM_NONE. */
uint32_t items_find(const struct items *it, uint64_t hash);

/**
 * The index of the item with this hash, made if it is new. The string is copied when the
 * item is new or nameless, and ignored afterwards: a name given once stays.
 *
 * @param id      the id inside the domain, (id_len,) bytes
 * @param id_len  1..ID_LEN_MAX
 * @param out     receives the index
 * @return ST_OK, ST_INVALID (length; no such domain, or not the domain in which
 *         this hash is known), ST_RANGE (2^31 items), ST_NOMEM
 */
MUST_CHECK enum status items_intern(struct items *it, uint64_t hash, uint8_t domain, const char *id,
                                    size_t id_len, uint32_t *out);

/**
 * The index of the item with this hash, made without a name if it is new.
 *
 * @param out     receives the index
 * @return ST_OK, ST_INVALID (no such domain, or not the domain in which this hash is known),
 *         ST_RANGE (2^31 items), ST_NOMEM
 */
MUST_CHECK enum status items_intern_nameless(struct items *it, uint64_t hash, uint8_t domain,
                                             uint32_t *out);

/** Number of items, nameless ones included; of named items of one domain. */
uint32_t items_n(const struct items *it);
uint32_t items_n_of(const struct items *it, uint8_t domain);

/** The k-th item of a domain in the order in which they got their names, k < items_n_of(), or in
 *  that of items_reorder() and those named since. */
uint32_t items_of(const struct items *it, uint8_t domain, uint32_t k);
/** Gives the named items of a domain another order: `order` (items_n_of(),) has each of them once.
 */
void items_reorder(struct items *it, uint8_t domain, const uint32_t *order);

/** Attributes of item i < items_n(). The id of a nameless item is "", *len = 0. */
bool items_named(const struct items *it, uint32_t i);
uint64_t items_hash(const struct items *it, uint32_t i);
uint8_t items_domain(const struct items *it, uint32_t i);
const char *items_id(const struct items *it, uint32_t i, size_t *len); /* also terminated */
/** Asks for the id of item i, before those of several are read. */
void items_fetch_id(const struct items *it, uint32_t i);

/** Borrowed arrays for hot loops, (items_n(),); valid until the next intern. */
const uint8_t *items_domains(const struct items *it);
const uint64_t *items_hashes(const struct items *it);

/** Bytes held. */
size_t items_bytes(const struct items *it);

#endif
