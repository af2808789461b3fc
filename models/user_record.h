/* SPDX-License-Identifier: Apache-2.0
 *
 * user_record.h -- the durable form of a user: a block (user_block.h) with nothing in it that only
 * one process knows.
 *
 * In memory items and categories are dense indices; here they are the 64-bit hashes that they have
 * for ever. Each is written once, in a table in front, and named by its place there. Numbers are
 * those of pack.h, times are differences to the user's last event. The first byte is the format
 * (USER_RECORD_FORMAT): a reader knows all formats up to its own.
 *
 *     format | flags | n_domains | id | vote, times, counts, traits, segment, minute, typical days,
 *     sum | items: n, (hash, domain) | categories: n, hash | per domain: counts, sums, days, parts,
 *     typical, set or filter, repeat table | interests | history | event ids | social
 *     | firings
 *
 * user_record_layout.h has each number. The room that areas have beyond their entries is written
 * too: a user that was read goes on exactly as the one that was written would have.
 *
 * What is read back is the same user: every answer of user.h is the same, bit for bit, whatever
 * indices the items have there (except ties that user.h breaks by the smaller index).
 *
 * Reading needs indices for items and categories that this process may not have met: it makes
 * them, without names (items_intern_nameless(), content_category_intern()).
 *
 * Pure; the caller owns everything. Threads: one.
 */
#ifndef USER_RECORD_H
#define USER_RECORD_H

#include <stdint.h>

#include "content.h"
#include "items.h"
#include "pack.h"
#include "status.h"
#include "user.h"

enum { USER_RECORD_FORMAT = 1 };

/* The vocabulary of a process. */
struct user_words {
    struct items *items;     /* reading may add nameless items        */
    struct content *content; /* reading may add nameless categories   */
};

/** Appends the record of `u`, whose items and categories are those of `words` (its user_line.hashes
 *  were theirs, never NULL); voted_in: the mini-batch of his last vote, 0 none. p->failed: out of
 *  memory. */
void user_record_write(const struct user *u, uint64_t voted_in, const struct user_words *words,
                       struct pack *p);

/**
 * Reads one.
 * @param n_domains  configured now: a record of more domains is refused (a domain was removed), of
 *                   fewer gets empty ones, and if it is at the cap gives way for them
 * @param out        the user, owned by the caller
 * @param voted_in   out
 * @return ST_OK; ST_INVALID (damaged, truncated, longer than it says, values that no user has);
 *         ST_RANGE (a later format, more domains, or an item of another domain); ST_NOMEM. On
 *         failure nothing is made, though items may be known now.
 */
MUST_CHECK enum status user_record_read(const void *bytes, size_t len, uint32_t n_domains,
                                        const struct user_words *words, struct user **out,
                                        uint64_t *voted_in);

/** Bytes of memory in which any user can be read. */
size_t user_record_room(void);

/**
 * Reads one into memory of the caller's, and makes no index: any number of threads may read at
 * once, as long as nobody changes `words`.
 * @param room  (user_record_room(),) aligned as by malloc(). ST_OK: it begins with the block, which
 *              user_copy() copies
 * @return as user_record_read(), but ST_NOT_FOUND where that would make an index, or find other
 *         failures first; never ST_NOMEM
 */
MUST_CHECK enum status user_record_read_known(const void *bytes, size_t len, uint32_t n_domains,
                                              const struct user_words *words, void *room,
                                              uint64_t *voted_in);

#endif
