/* SPDX-License-Identifier: Apache-2.0
 * publish.c -- see publish.h. */
#include "publish.h"

#include <stdlib.h>
#include <string.h>

struct waiting { /* one slot's place in the FIFO */
    int64_t record_ms;
    bool dirty;
};

struct publish {
    uint32_t n_targets;
    uint32_t n_slots, cap_slots;
    struct waiting *waiting;         /* (cap_slots,)              */
    struct publish_written *written; /* (cap_slots, n_targets)    */
    uint32_t *fifo;                  /* ring of cap_slots: each slot is in it at most once */
    uint32_t head;
    size_t n_dirty;
};

enum status publish_new(uint32_t n_targets, struct publish **out) {
    struct publish *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    p->n_targets = n_targets;
    *out = p;
    return ST_OK;
}

void publish_free(struct publish *p) {
    if (!p) {
        return;
    }
    free(p->waiting);
    free(p->written);
    free(p->fifo);
    free(p);
}

static enum status reserve(struct publish *p, uint32_t n) {
    if (n <= p->cap_slots) {
        return ST_OK;
    }
    uint32_t cap = p->cap_slots ? p->cap_slots : 1024;
    while (cap < n) {
        cap *= 2;
    }
    struct waiting *waiting = calloc(cap, sizeof *waiting);
    struct publish_written *written = calloc((size_t)cap * p->n_targets, sizeof *written);
    uint32_t *fifo = malloc(cap * sizeof *fifo);
    if (!waiting || !written || !fifo) {
        free(waiting);
        free(written);
        free(fifo);
        return ST_NOMEM;
    }
    if (p->cap_slots) {
        memcpy(waiting, p->waiting, p->n_slots * sizeof *waiting);
        memcpy(written, p->written, (size_t)p->n_slots * p->n_targets * sizeof *written);
        for (size_t k = 0; k < p->n_dirty; k++) {
            fifo[k] = p->fifo[(p->head + k) % p->cap_slots];
        }
    }
    free(p->waiting);
    free(p->written);
    free(p->fifo);
    p->waiting = waiting;
    p->written = written;
    p->fifo = fifo;
    p->head = 0;
    p->cap_slots = cap;
    return ST_OK;
}

enum status publish_touch(struct publish *p, uint32_t slot, int64_t record_ms) {
    enum status st = reserve(p, slot + 1);
    if (st) {
        return st;
    }
    if (slot >= p->n_slots) {
        p->n_slots = slot + 1;
    }
    struct waiting *w = &p->waiting[slot];
    if (!w->dirty) {
        w->dirty = true;
        w->record_ms = 0;
        p->fifo[(p->head + p->n_dirty) % p->cap_slots] = slot;
        p->n_dirty++;
    }
    if (record_ms > w->record_ms) {
        w->record_ms = record_ms;
    }
    return ST_OK;
}

bool publish_peek(const struct publish *p, uint32_t *slot, int64_t *record_ms) {
    if (p->n_dirty == 0) {
        return false;
    }
    *slot = p->fifo[p->head];
    *record_ms = p->waiting[*slot].record_ms;
    return true;
}

void publish_pop(struct publish *p) {
    p->waiting[p->fifo[p->head]].dirty = false;
    p->head = (p->head + 1) % p->cap_slots;
    p->n_dirty--;
}

size_t publish_dirty(const struct publish *p) {
    return p->n_dirty;
}

struct publish_written *publish_written(struct publish *p, uint32_t slot, uint32_t target) {
    return &p->written[(size_t)slot * p->n_targets + target];
}

enum status publish_assume(struct publish *p, uint32_t n, uint32_t at_s) {
    enum status st = reserve(p, n);
    if (st) {
        return st;
    }
    p->n_slots = n > p->n_slots ? n : p->n_slots;
    for (size_t k = 0; k < (size_t)n * p->n_targets; k++) {
        p->written[k] = (struct publish_written){.at_s = at_s};
    }
    return ST_OK;
}

uint32_t publish_slots(const struct publish *p) {
    return p->n_slots;
}

void publish_forget(struct publish *p) {
    for (size_t k = 0; k < (size_t)p->n_slots * p->n_targets; k++) {
        p->written[k].digest = 0;
    }
}
