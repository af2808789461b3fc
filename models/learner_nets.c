/* SPDX-License-Identifier: Apache-2.0
 * learner_nets.c -- see learner_log.h: the nets that tasks publish, and their means. */
#include <stdlib.h>
#include <string.h>

#include "learner_state.h"

/* The mean of the latest nets of all tasks that published since `before_at`: those that were quiet
 * have no part in it. */
static void find_mean(const struct learner *l, struct learner_published *own, uint64_t before_at) {
    const struct ranker_net *nets[LEARNER_TASKS_MAX];
    uint32_t trained[LEARNER_TASKS_MAX];
    uint32_t n = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        const struct learner_published *other = l->log.published[p];
        if (other && other->at > before_at) {
            nets[n] = other->nets;
            trained[n] = other->trained;
            n++;
        }
    }
    own->moves = n > 1 && ranker_mean_of(nets, trained, n, own->mean, &own->pace);
}

enum status learner_apply_nets(struct learner *l, const struct log_record *r, uint64_t offset) {
    const uint32_t task = r->name.task;
    if (l->log.awaits_nets[task]) {
        return ST_OK; /* the piece that will come is of later */
    }
    struct learner_published *own = l->log.published[task];
    if (!own) {
        own = calloc(1, sizeof *own);
        if (!own) {
            return ST_NOMEM;
        }
        l->log.published[task] = own;
    }
    const uint64_t before_at = own->at;
    own->epoch = r->name.epoch;
    own->batch = r->name.batch;
    own->at = offset + 1;
    own->trained = r->n_trained;
    memcpy(own->nets, r->nets, sizeof own->nets);
    find_mean(l, own, before_at);
    if (l->tasks[task]) {
        learner_settle_nets(l, l->tasks[task]);
    }
    return ST_OK;
}

void learner_settle_nets(const struct learner *l, struct learner_task *t) {
    const struct learner_published *p = l->log.published[t->task];
    struct task_record *r = &t->record;
    if (r->nets_moved || !p || p->epoch != r->nets_epoch || p->batch != r->nets_batch) {
        return;
    }
    if (p->moves) {
        ranker_move(&r->ranker, p->mean, p->nets, p->pace);
    }
    r->nets_moved = true;
}
