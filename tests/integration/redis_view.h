/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_view.h -- everything of crossrec that stands in a Redis, or in all masters of a cluster, as
 * a reader sees it: so that two of them can be compared, key by key.
 *
 * Left out is what differs between two writers that say the same: `version`, `rec` (which names
 * it), `ts`, `refreshed`; and, as they are not a reason to write a list again (DESIGN.md section
 * 7), scores, and what is behind an item. Of a stream only that it is there.
 */
#ifndef REDIS_VIEW_H
#define REDIS_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct redisContext;

struct redis_view {
    struct redis_view_entry {
        char *key, *text;
    } * all; /* (n,) by key */
    size_t n;
};

/** Reads all keys crossrec:*. False: one of the servers (n,) does not answer, or refuses; nothing
 *  was read. */
bool redis_view_read(struct redis_view *v, struct redisContext *const *servers, size_t n);
void redis_view_free(struct redis_view *v);

/** Keys that are in one of them only, or differ; `first` tells about one (len bytes), "" if none.
 */
size_t redis_view_differences(const struct redis_view *a, const struct redis_view *b, char *first,
                              size_t len);

#endif
