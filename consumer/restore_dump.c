/* SPDX-License-Identifier: Apache-2.0
 * restore_dump.c -- see restore_dump.h. */
#include "restore_dump.h"

#include <stdlib.h>

#include "clock.h"
#include "learner_log.h"
#include "pack.h"
#include "state_record.h"

enum { A_COMMIT = 50000, LOOK_EVERY = 64 };

struct place { /* of a user in the checkpoint, and in the task */
    uint64_t user;
    uint32_t slot;
};

struct dump {
    struct dump_of of;
    struct checkpoint *checkpoint;
    struct place *places; /* (n,) sorted */
    size_t n, at;
    size_t n_puts; /* of the commit under way */
    bool begun;    /* it has the task's own record */
    struct pack body, value;
};

static int by_user(const void *a, const void *b) {
    const struct place *x = a;
    const struct place *y = b;
    return (x->user > y->user) - (x->user < y->user);
}

enum status dump_new(const struct dump_of *of, struct checkpoint *k, struct dump **out) {
    const struct users *users = learner_users(of->learner, of->task);
    const uint32_t n = users_n(users);
    struct dump *d = calloc(1, sizeof *d);
    struct place *places = calloc((size_t)n + 1, sizeof *places);
    if (!d || !places) {
        free(d);
        free(places);
        return ST_NOMEM;
    }
    *d = (struct dump){.of = *of, .checkpoint = k, .places = places};
    for (uint32_t slot = 0; slot < n; slot++) {
        if (users_get(users, slot)) {
            places[d->n++] = (struct place){users_hash(users, slot), slot};
        }
    }
    qsort(places, d->n, sizeof *places, by_user);
    *out = d;
    return ST_OK;
}

void dump_free(struct dump *d) {
    if (d) {
        free(d->places);
        free(d->body.bytes);
        free(d->value.bytes);
        free(d);
    }
}

static enum status put(struct dump *d, const uint8_t *key, size_t key_len, enum state_kind kind,
                       const uint8_t *body, size_t body_len) {
    enum status st = d->n_puts == 0 ? checkpoint_begin(d->checkpoint) : ST_OK;
    d->value.len = 0;
    state_record_seal(&d->value, kind, body, body_len);
    d->n_puts++;
    if (d->body.failed || d->value.failed) {
        return ST_NOMEM;
    }
    return st ? st : checkpoint_put(d->checkpoint, key, key_len, d->value.bytes, d->value.len);
}

static enum status put_next(struct dump *d) {
    const struct place *p = &d->places[d->at++];
    uint8_t key[STATE_KEY_USER_LEN];
    d->body.len = 0;
    learner_write_user(d->of.learner, d->of.task, p->slot, &d->body);
    state_key_user(key, p->user);
    return put(d, key, sizeof key, STATE_USER, d->body.bytes, d->body.len);
}

static enum status put_task(struct dump *d) {
    uint8_t key[STATE_KEY_TASK_LEN];
    state_key_task(key);
    d->begun = true;
    return put(d, key, sizeof key, STATE_TASK, d->of.body, d->of.body_len);
}

static enum status commit(struct dump *d, bool last) {
    struct checkpoint_mark mark = d->of.mark;
    mark.wall_ms = clock_wall_ms();
    mark.offset = last ? mark.offset : d->of.begin;
    d->n_puts = 0;
    return last ? checkpoint_commit(d->checkpoint, &mark)
                : checkpoint_commit_soon(d->checkpoint, &mark);
}

enum status dump_write(struct dump *d, int64_t until_ms, bool *done) {
    enum status st = d->begun ? ST_OK : put_task(d);
    *done = false;
    for (size_t k = 1; !st && d->at < d->n; k++) {
        st = put_next(d);
        if (!st && d->n_puts >= A_COMMIT && d->at < d->n) {
            st = commit(d, false);
        }
        if (k % LOOK_EVERY == 0 && clock_mono_ms() >= until_ms) {
            return st;
        }
    }
    st = st ? st : commit(d, true);
    *done = !st;
    return st;
}
