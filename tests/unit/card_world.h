/* SPDX-License-Identifier: Apache-2.0
 *
 * card_world.h -- a running instance with catalogues of both domains and privacy requests, for
 * tests of the keys beside lists.
 *
 * Item k of a domain (running.h: c<k>, f<k>) is of category "<domain> <k % 3>"; of k % 3 = 2 it has
 * no category. Keys are all on, intervals short; one instance at a time. What Redis holds is what
 * the learner knows once it has been still for a while: card_world_settle().
 */
#ifndef CARD_WORLD_H
#define CARD_WORLD_H

#include <stdbool.h>

#include "running.h"

enum { CARD_ITEMS = 12, CARD_CATEGORIES = 3 };

/** @param store  the fake one of `running` if NULL */
struct running *card_world_new(int32_t n_tasks, const struct store *store);

/** A row of a catalogue. */
void card_world_item(int domain, int item, bool available);
/** A rule that blocks a category of a domain; `gone`: that is taken back. */
void card_world_block(int domain, int category, bool gone);
/** A privacy request: erase. */
void card_world_erase(const char *user, int64_t ts_ms);

/** Events of n users a task: each takes `each` items that go with his number, the first half of
 *  them courses mostly, the others food. */
void card_world_fill(struct running *r, int32_t n_tasks, int n_users, int each);

/** Waits until everything was learned, written and looked at again. */
void card_world_settle(struct running *r, int32_t n_tasks);

#endif
