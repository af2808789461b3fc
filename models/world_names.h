/* SPDX-License-Identifier: Apache-2.0
 *
 * world_names.h -- readable names of the synthetic world's items.
 *
 * A category is a taste and its sign: WORLD_CATEGORIES of them a domain. The
 * names of a category are numbered; each number gives another name, and no two
 * categories share one:
 *
 *     course   form (subject) (ending)     "Advanced Graph Theory with Python"
 *     food     adjective main kind         "Smoky Lentil Stew"
 *
 * Threads: no state. Replay: functions of their arguments.
 */
#ifndef WORLD_NAMES_H
#define WORLD_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { WORLD_CATEGORIES = 12, WORLD_NAME_MAX = 96 };

/** The name of a category, lower case, static. domain 0..1, category 0..11. */
const char *world_category(uint8_t domain, uint32_t category);

/**
 * Writes the name with number `rank` of a category, terminated, at most
 * WORLD_NAME_MAX bytes with its end. The short names of a category come first,
 * in an order that depends on `seed`; ranks past all combinations are numbered.
 */
void world_name(uint8_t domain, uint32_t category, uint32_t rank, uint64_t seed,
                char out[WORLD_NAME_MAX]);

#endif
