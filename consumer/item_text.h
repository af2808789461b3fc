/* SPDX-License-Identifier: Apache-2.0
 *
 * item_text.h -- names of items and users in answers to people.
 *
 * Texts from outside are cut at ID_LEN_MAX bytes. Pure. Threads: that of the learner.
 */
#ifndef ITEM_TEXT_H
#define ITEM_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "page.h"

/** The id under `key`; then, where known, the category as "category". */
void item_text(struct page *p, const char *key, const struct learner *l, uint32_t item);
/** The same, and the item's domain as "domain" between them. */
void item_text_of(struct page *p, const char *key, const struct config *cfg,
                  const struct learner *l, uint32_t item);
/** The id of a user of an open task; "" if he is gone. */
void item_text_user(struct page *p, const char *key, const struct learner *l, uint32_t task,
                    uint32_t user);

#endif
