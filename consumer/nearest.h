/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest.h -- which known word did somebody mean who mistyped one. config_nearest(), in
 * config.h, is the whole answer; this is what it is made of.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/** Levenshtein distance; SIZE_MAX (far from everything) if b has over 255 bytes. */
size_t nearest_distance(const char *a, const char *b);

/** The largest distance at which a word still counts as near: half of its length. */
size_t nearest_limit(const char *word);

#endif
