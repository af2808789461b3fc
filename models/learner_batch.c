/* SPDX-License-Identifier: Apache-2.0
 * learner_batch.c -- see learner.h: batches, undo, and users who want to be forgotten. */
#include "learner_state.h"

struct batch *learner_open_batch(struct learner_task *t) {
    return &t->batches[(t->first_batch + t->n_sealed) % LEARNER_BATCHES];
}

enum status learner_seal(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    if (t->n_sealed == LEARNER_BATCHES - 1) {
        return ST_AGAIN;
    }
    if (l->params.log) {
        enum status st = learner_log_seal(l, t);
        if (st) {
            return st;
        }
    }
    t->n_sealed++;
    t->batch_number++;
    batch_open(learner_open_batch(t), &t->record);
    return ST_OK;
}

size_t learner_batch_users(const struct learner *l, uint32_t task) {
    return learner_open_batch(l->tasks[task])->n_images;
}

size_t learner_batch_bytes(const struct learner *l, uint32_t task) {
    return batch_bytes(learner_open_batch(l->tasks[task]));
}

void learner_committed(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    if (t->n_sealed > 0) {
        if (l->params.log) {
            learner_log_committed(l, t);
        }
        batch_drop(&t->batches[t->first_batch]);
        t->first_batch = (t->first_batch + 1) % LEARNER_BATCHES;
        t->n_sealed--;
    }
}

void learner_undo(struct learner *l, uint32_t task) {
    struct learner_task *t = l->tasks[task];
    learner_log_forget_seen(t);
#ifdef CROSSREC_SEED_UNDO_SKIPPED
    t->n_sealed = 0;
    t->batch_number++;
    batch_open(learner_open_batch(t), &t->record);
    return;
#endif
    for (uint32_t k = t->n_sealed + 1; k-- > 0;) {
        struct batch *b = &t->batches[(t->first_batch + k) % LEARNER_BATCHES];
        batch_undo(b, t->users, t->voted_in, &t->record, l->shared);
    }
    l->taken_ms = l->closed_ms;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        l->taken_ms =
            l->tasks[p] ? later_ms(l->taken_ms, l->tasks[p]->record.taken_ms) : l->taken_ms;
    }
    t->n_sealed = 0;
    t->batch_number++;
    learner_settle_nets(l, t);
    batch_open(learner_open_batch(t), &t->record);
}

/* The pre-images of sealed batches too: whoever undoes them finds that he never was. */
static bool forget_in(struct learner_task *t, uint64_t user) {
    const uint32_t slot = users_find(t->users, user);
    if (slot == USER_NONE) {
        return false;
    }
    for (int b = 0; b < LEARNER_BATCHES; b++) {
        batch_forget(&t->batches[b], slot);
    }
    similar_unset(t->similar, slot);
    users_replace(t->users, slot, NULL);
    return true;
}

bool learner_forget(struct learner *l, uint64_t user) {
    bool known = false;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        if (l->tasks[p] && forget_in(l->tasks[p], user)) {
            known = true;
        }
    }
    return known;
}
