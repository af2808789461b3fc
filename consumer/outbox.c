/* SPDX-License-Identifier: Apache-2.0
 * outbox.c -- see outbox.h. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 16 };

struct entry_id outbox_mint(struct outbox *o, int64_t wall_ms) {
    const uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    if (ms > o->last.ms) {
        o->last = (struct entry_id){.ms = ms};
    } else {
        o->last.seq++;
    }
    return o->last;
}

void outbox_pass(struct outbox *o, struct entry_id id) {
    if (entry_id_compare(id, o->last) > 0) {
        o->last = id;
    }
}

static enum status reserve(struct outbox *o) {
    if (o->n < o->cap) {
        return ST_OK;
    }
    const size_t cap = o->cap ? 2 * o->cap : (size_t)ROOM_FIRST;
    struct outbox_entry *entries = realloc(o->entries, cap * sizeof *entries);
    if (!entries) {
        return ST_NOMEM;
    }
    o->entries = entries;
    o->cap = cap;
    return ST_OK;
}

enum status outbox_add(struct outbox *o, const struct trigger *t, uint64_t user, const char *key,
                       size_t key_len, uint16_t trigger, uint8_t target) {
    struct pack p = {0};
    trigger_write(t, &p);
    const size_t len = p.len;
    pack_raw(&p, key, key_len);
    if (p.failed || reserve(o)) {
        free(p.bytes);
        return ST_NOMEM;
    }
    o->entries[o->n++] = (struct outbox_entry){.id = t->id,
                                               .user = user,
                                               .expires_ms = t->expires_ms,
                                               .bytes = p.bytes,
                                               .len = (uint32_t)len,
                                               .key_len = (uint32_t)key_len,
                                               .trigger = trigger,
                                               .target = target};
    o->bytes += len + key_len;
    return ST_OK;
}

static size_t n_waiting(const struct outbox *o) {
    size_t n = 0;
    for (uint32_t k = 0; k < o->n_sealed; k++) {
        n += o->sealed[k];
    }
    return n;
}

const struct outbox_entry *outbox_open(const struct outbox *o, size_t *n) {
    const size_t sealed = n_waiting(o);
    *n = o->n - sealed;
    return o->entries ? o->entries + sealed : NULL;
}

void outbox_seal(struct outbox *o) {
    const size_t sealed = n_waiting(o);
    if (o->n_sealed < LEARNER_BATCHES - 1) {
        o->sealed[o->n_sealed++] = o->n - sealed;
    }
}

/* Frees an entry; its place stays. */
static void drop(struct outbox *o, struct outbox_entry *e) {
    o->bytes -= (size_t)e->len + e->key_len;
    free(e->bytes);
    e->bytes = NULL;
}

void outbox_committed(struct outbox *o, void (*each)(void *arg, struct outbox_entry *e),
                      void *arg) {
    if (o->n_sealed == 0) {
        return;
    }
    const size_t n = o->sealed[0];
    for (size_t k = 0; k < n; k++) {
        each(arg, &o->entries[k]);
        drop(o, &o->entries[k]);
    }
    if (n > 0) {
        memmove(o->entries, o->entries + n, (o->n - n) * sizeof *o->entries);
    }
    o->n -= n;
    o->n_sealed--;
    memmove(o->sealed, o->sealed + 1, o->n_sealed * sizeof *o->sealed);
}

void outbox_undo(struct outbox *o) {
    for (size_t k = 0; k < o->n; k++) {
        drop(o, &o->entries[k]);
    }
    o->n = 0;
    o->n_sealed = 0;
}

void outbox_forget(struct outbox *o, uint64_t user) {
    const size_t from = n_waiting(o);
    size_t kept = from;
    for (size_t k = from; k < o->n; k++) {
        if (o->entries[k].user == user) {
            drop(o, &o->entries[k]);
        } else {
            o->entries[kept++] = o->entries[k];
        }
    }
    o->n = kept;
}

void outbox_free(struct outbox *o) {
    outbox_undo(o);
    free(o->entries);
    o->entries = NULL;
    o->cap = 0;
}
