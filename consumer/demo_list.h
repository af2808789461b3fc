/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_list.h -- a list as a partner reads it from Redis: JSON in, plain values out.
 *
 * The contract is docs/redis.md; rec.h writes it. Threads: no state.
 */
#ifndef DEMO_LIST_H
#define DEMO_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "event.h"
#include "status.h"

enum { DEMO_REASON_MAX = 16 };

struct demo_list_item {
    char id[ID_LEN_MAX + 1];
    char reason[DEMO_REASON_MAX];
};

struct demo_list {
    uint64_t epoch, seq; /* of the writer: another pair means another list was written */
    int64_t ts_ms;       /* the time used in ranking                                   */
    int32_t segment;     /* -1: none                                                   */
    uint32_t n;          /* 0: none yet                                                */
    struct demo_list_item items[CONFIG_LIST_MAX];
};

/** Reads the value of a rec key; more than CONFIG_LIST_MAX items are left out.
 *  @return ST_OK, ST_INVALID (not such JSON; *out is untouched) */
MUST_CHECK enum status demo_list_read(const char *value, size_t len, struct demo_list *out);
bool demo_list_has(const struct demo_list *l, const char *id);
/** True if both were written by the same write. */
bool demo_list_same(const struct demo_list *a, const struct demo_list *b);

#endif
