/* SPDX-License-Identifier: Apache-2.0
 * task.c -- see task.h. */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bool allowed[TASK_STATES][TASK_STATES] = {
    [TASK_CREATED] = {[TASK_RESTORING] = true, [TASK_CLOSED] = true},
    [TASK_RESTORING] = {[TASK_RUNNING] = true, [TASK_PARKED] = true, [TASK_CLOSED] = true},
    [TASK_RUNNING] = {[TASK_PARKED] = true, [TASK_CLOSED] = true},
    [TASK_PARKED] = {[TASK_RESTORING] = true, [TASK_CLOSED] = true},
};

const char *task_state_str(enum task_state s) {
    static const char *const names[TASK_STATES] = {"created", "restoring", "running", "parked",
                                                   "closed"};
    return names[s];
}

void task_init(struct task *t, uint32_t p) {
    *t = (struct task){.p = p, .state = TASK_CREATED, .generation = -1, .record_ms = -1};
    for (size_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        t->next[k] = t->floor[k] = -1;
    }
    memcpy(t->begin[0], t->next, sizeof t->next);
}

void task_close(struct task *t) {
    letters_free(&t->letters);
    task_move(t, TASK_CLOSED);
}

void task_move(struct task *t, enum task_state to) {
    if (!allowed[t->state][to]) {
        fprintf(stderr, "crossrec: task %u cannot go from %s to %s\n", t->p,
                task_state_str(t->state), task_state_str(to));
        abort();
    }
    t->state = to;
}

void task_pass(struct task *t, uint16_t topic, int64_t offset) {
    t->next[topic] = offset + 1;
    t->dirty = true;
}

static int64_t *begin_of(struct task *t, uint32_t k) {
    return t->begin[(t->first_batch + k) % LEARNER_BATCHES];
}

void task_seal(struct task *t) {
    t->n_sealed++;
    memcpy(begin_of(t, t->n_sealed), t->next, sizeof t->next);
    t->dirty = false;
}

void task_committed(struct task *t) {
    if (t->n_sealed > 0) {
        t->first_batch = (t->first_batch + 1) % LEARNER_BATCHES;
        t->n_sealed--;
    }
}

void task_undo(struct task *t) {
    memcpy(t->next, begin_of(t, 0), sizeof t->next);
    t->n_sealed = 0;
    t->dirty = false;
    letters_clear(&t->letters);
}

void task_take_over(struct task *t, uint64_t previous_epoch, int64_t now_s) {
    uint64_t epoch = now_s > 0 ? (uint64_t)now_s : 0;
    if (epoch <= previous_epoch) {
        epoch = previous_epoch + 1;
    }
    if (epoch <= t->epoch) {
        epoch = t->epoch + 1;
    }
    t->epoch = epoch;
    t->seq = 0;
}
