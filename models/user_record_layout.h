/* SPDX-License-Identifier: Apache-2.0
 *
 * user_record_layout.h -- numbers of format 1 of user_record.h that its writer and its reader
 * share.
 *
 *     head        format | flags | n_domains | id text | voted_in | n, last, last - first
 *                 | mpop, mage | segment, pending | in_minute, minute unless that is 0
 *                 | typical days, day unless that is 0 | V
 *     items       n, (hash, domain) in the order in which the sets and tables, then the history,
 *                 name them first
 *     categories  n, room, hash: those of the interests, in their order
 *     a domain    flags, then what they say, in their order:
 *                 ACTIVE n, last, rate, days, parts | MONEY | TYPICAL | EXACT n, room, items
 *                 | FILTER n, words, halves, the words | TABLE n, room, (item, count, last,
 *                 last - first) | BOUGHT (nothing)
 *     interests   (v, last)
 *     history     n, room, newest first: (item, action and domain, time before the newer one)
 *     event ids   n, room, oldest first
 *     social      if flagged: last, bits of the places taken, (who, sum)
 *     firings     if flagged: n, (trigger, what, when)
 *
 * `room` is what an area of the block has beyond its entries: whoever reads a user goes on exactly
 * as its writer would have. Internal to user_record*.c.
 */
#ifndef USER_RECORD_LAYOUT_H
#define USER_RECORD_LAYOUT_H

#include "user_block.h"

enum {
    RECORD_CONTEXT = 1,
    RECORD_SOCIAL = 2,
    RECORD_FIRED = 4,
    RECORD_FLAGS = RECORD_CONTEXT | RECORD_SOCIAL | RECORD_FIRED,

    RECORD_ACTIVE = 1,
    RECORD_MONEY = 2,
    RECORD_TYPICAL = 4,
    RECORD_EXACT = 8,
    RECORD_FILTER = 16,
    RECORD_TABLE = 32,
    RECORD_BOUGHT = 64,
    RECORD_DOMAIN_FLAGS = 127,

    RECORD_ITEM_BYTES = 8 + 1,
    RECORD_DOMAIN_BITS = 4, /* of action and domain in one number */
    /* Items that a block can name: an entry of a set takes the least. */
    RECORD_REFS_MAX = USER_BYTES_MAX / 4,
};
_Static_assert(DOMAINS_MAX <= 1 << RECORD_DOMAIN_BITS, "a domain fits beside an action");

#endif
