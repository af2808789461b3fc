/* SPDX-License-Identifier: Apache-2.0
 * state_table.c -- see state_table.h. */
#include "state_table.h"

#include <stdlib.h>
#include <string.h>

#include "mix.h"

enum { SLOTS_MIN = 64 };

static uint32_t *find(const struct state_table *t, int32_t task, const struct state_key *key) {
    const uint64_t salt = mix64((uint64_t)(uint32_t)task << 8 | (uint64_t)key->kind);
    size_t i = (size_t)mix64(key->user ^ salt) & (t->n_slots - 1);
    while (t->slots[i] > 0) {
        const struct state_entry *e = &t->entries[t->slots[i] - 1];
        if (e->task == task && e->key.kind == key->kind && e->key.user == key->user) {
            break;
        }
        i = (i + 1) & (t->n_slots - 1);
    }
    return &t->slots[i];
}

static enum status grow_slots(struct state_table *t) {
    const size_t n_slots = t->n_slots ? 2 * t->n_slots : SLOTS_MIN;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots) {
        return ST_NOMEM;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    for (size_t k = 0; k < t->n; k++) {
        *find(t, t->entries[k].task, &t->entries[k].key) = (uint32_t)(k + 1);
    }
    return ST_OK;
}

/* Room for one more key. */
static enum status reserve(struct state_table *t) {
    if (t->n >= INT32_MAX) {
        return ST_RANGE;
    }
    if (t->n == t->cap) {
        const size_t cap = t->cap ? 2 * t->cap : SLOTS_MIN;
        struct state_entry *entries = realloc(t->entries, cap * sizeof *entries);
        if (!entries) {
            return ST_NOMEM;
        }
        t->entries = entries;
        t->cap = cap;
    }
    return t->n >= t->n_slots / 4 * 3 ? grow_slots(t) : ST_OK;
}

enum status state_table_put(struct state_table *t, int32_t task, const struct state_key *key,
                            int64_t offset, const void *value, size_t len) {
    uint8_t *copy = value ? malloc(len + 1) : NULL; /* an empty value is one, too */
    enum status st = value && !copy ? ST_NOMEM : reserve(t);
    if (st) {
        free(copy);
        return st;
    }
    uint32_t *slot = find(t, task, key);
    if (*slot == 0) {
        *slot = (uint32_t)++t->n;
        t->entries[t->n - 1] = (struct state_entry){.key = *key, .task = task};
    }
    struct state_entry *e = &t->entries[*slot - 1];
    free(e->value);
    e->value = copy;
    e->len = copy ? len : 0;
    e->offset = offset;
    if (copy && len > 0) {
        memcpy(copy, value, len);
    }
    return ST_OK;
}

static int by_task_and_user(const void *a, const void *b) {
    const struct state_entry *x = a;
    const struct state_entry *y = b;
    if (x->task != y->task) {
        return x->task < y->task ? -1 : 1;
    }
    if (x->key.kind != y->key.kind) {
        return x->key.kind == STATE_TASK ? -1 : 1;
    }
    return (x->key.user > y->key.user) - (x->key.user < y->key.user);
}

void state_table_sort(struct state_table *t) {
    size_t n = 0;
    for (size_t k = 0; k < t->n; k++) {
        if (t->entries[k].value) {
            t->entries[n++] = t->entries[k];
        }
    }
    t->n = n;
    if (n > 0) {
        qsort(t->entries, n, sizeof *t->entries, by_task_and_user);
    }
}

void state_table_free(struct state_table *t) {
    for (size_t k = 0; k < t->n; k++) {
        free(t->entries[k].value);
    }
    free(t->entries);
    free(t->slots);
    *t = (struct state_table){0};
}
