/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_memory.h -- the newest events that were fed, so that of whoever is followed next something
 * can be shown at once.
 *
 * DEMO_MEMORY events, the oldest pushed out. Ids longer than DEMO_MEMORY_ID bytes are not kept:
 * events of such users are not remembered, items of such ids are shown cut.
 *
 * Ownership: owns its table. Threads: one.
 */
#ifndef DEMO_MEMORY_H
#define DEMO_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

enum { DEMO_MEMORY = 32768, DEMO_MEMORY_ID = 40, DEMO_SIGHT_LINES = 3 };

/* An event, as far as it is shown. */
struct demo_happening {
    char user[ID_LEN_MAX + 1];
    uint32_t domain;
    int64_t ts_ms;
    enum action action;
    bool injected;    /* by who looks on                               */
    uint32_t n_lines; /* items has the first DEMO_SIGHT_LINES */
    char items[DEMO_SIGHT_LINES][ID_LEN_MAX + 1];
};

struct demo_memory; /* opaque */

MUST_CHECK enum status demo_memory_new(struct demo_memory **out);
void demo_memory_free(struct demo_memory *m);
void demo_memory_add(struct demo_memory *m, const struct demo_happening *h);
/** Of one user, newest first, at most `max`. @return how many */
size_t demo_memory_of(const struct demo_memory *m, const char *user, struct demo_happening *out,
                      size_t max);
/** The user of the newest event whose user is wanted. @param user  out, (ID_LEN_MAX + 1,).
 *  @return false if there is none */
bool demo_memory_find(const struct demo_memory *m, bool (*wanted)(void *arg, const char *user),
                      void *arg, char *user);

#endif
