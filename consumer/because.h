/* SPDX-License-Identifier: Apache-2.0
 *
 * because.h -- what of a user's history may be told as the reason for an item.
 *
 * A partner learns of what was taken at it by name; of what was taken elsewhere only the category.
 * Without one, nothing is told.
 *
 * Pure. Texts are borrowed from items and content, for as long as these live.
 */
#ifndef BECAUSE_H
#define BECAUSE_H

#include <stdint.h>

#include "content.h"
#include "items.h"

enum because_kind { BECAUSE_NOTHING, BECAUSE_ITEM, BECAUSE_CATEGORY };

struct because {
    const char *text; /* (len,) an item's id or a category's name; NULL of BECAUSE_NOTHING */
    uint16_t len;
    uint8_t kind; /* enum because_kind */
};

/** @param item    of the user's history, dense; ITEM_NONE: nothing to tell
 *  @param target  the domain of the list */
struct because because_of(const struct items *items, const struct content *content, uint32_t item,
                          uint8_t target);

#endif
