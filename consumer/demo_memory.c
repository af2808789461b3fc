/* SPDX-License-Identifier: Apache-2.0
 * demo_memory.c -- see demo_memory.h. */
#include "demo_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
    int64_t ts_ms;
    uint32_t n_lines;
    uint8_t domain, action;
    bool injected;
    char user[DEMO_MEMORY_ID + 1];
    char items[DEMO_SIGHT_LINES][DEMO_MEMORY_ID + 1];
};

struct demo_memory {
    uint64_t n;        /* ever added */
    struct kept *kept; /* (DEMO_MEMORY,), event k in k % DEMO_MEMORY */
};

enum status demo_memory_new(struct demo_memory **out) {
    struct demo_memory *m = calloc(1, sizeof *m);
    if (!m) {
        return ST_NOMEM;
    }
    m->kept = calloc(DEMO_MEMORY, sizeof *m->kept);
    if (!m->kept) {
        free(m);
        return ST_NOMEM;
    }
    *out = m;
    return ST_OK;
}

void demo_memory_free(struct demo_memory *m) {
    if (m) {
        free(m->kept);
        free(m);
    }
}

void demo_memory_add(struct demo_memory *m, const struct demo_happening *h) {
    if (strlen(h->user) > DEMO_MEMORY_ID) {
        return;
    }
    struct kept *to = &m->kept[m->n++ % DEMO_MEMORY];
    *to = (struct kept){.ts_ms = h->ts_ms,
                        .n_lines = h->n_lines,
                        .domain = (uint8_t)h->domain,
                        .action = (uint8_t)h->action,
                        .injected = h->injected};
    snprintf(to->user, sizeof to->user, "%.*s", DEMO_MEMORY_ID, h->user);
    for (uint32_t k = 0; k < h->n_lines && k < DEMO_SIGHT_LINES; k++) {
        snprintf(to->items[k], sizeof to->items[k], "%.*s", DEMO_MEMORY_ID, h->items[k]);
    }
}

/* The k-th newest; NULL: so many are not kept. */
static const struct kept *newest(const struct demo_memory *m, uint64_t k) {
    return k < m->n && k < DEMO_MEMORY ? &m->kept[(m->n - 1 - k) % DEMO_MEMORY] : NULL;
}

static void tell(const struct kept *from, struct demo_happening *out) {
    *out = (struct demo_happening){.ts_ms = from->ts_ms,
                                   .n_lines = from->n_lines,
                                   .domain = from->domain,
                                   .action = (enum action)from->action,
                                   .injected = from->injected};
    snprintf(out->user, sizeof out->user, "%s", from->user);
    for (uint32_t k = 0; k < from->n_lines && k < DEMO_SIGHT_LINES; k++) {
        snprintf(out->items[k], sizeof out->items[k], "%s", from->items[k]);
    }
}

size_t demo_memory_of(const struct demo_memory *m, const char *user, struct demo_happening *out,
                      size_t max) {
    const struct kept *at = NULL;
    size_t n = 0;
    for (uint64_t k = 0; n < max && (at = newest(m, k)) != NULL; k++) {
        if (strcmp(at->user, user) == 0) {
            tell(at, &out[n++]);
        }
    }
    return n;
}

bool demo_memory_find(const struct demo_memory *m, bool (*wanted)(void *arg, const char *user),
                      void *arg, char *user) {
    const struct kept *at = NULL;
    for (uint64_t k = 0; (at = newest(m, k)) != NULL; k++) {
        if (wanted(arg, at->user)) {
            snprintf(user, ID_LEN_MAX + 1, "%s", at->user);
            return true;
        }
    }
    return false;
}
