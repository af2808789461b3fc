/* SPDX-License-Identifier: Apache-2.0
 * eval_run.c -- see eval_run.h. */
#include "eval_run.h"

#include <stdlib.h>
#include <time.h>

#include "eval_order.h"

enum {
    SEAL_EVERY = 5000, /* events of a task */
    RANK_EVERY = 64,   /* tested events    */
    RANK_N = 10,
    NS_PER_S = 1000000000,
};

struct work { /* what eval_run() needs besides its run */
    struct trial_baselines baselines;
    struct trial trial;
    struct list list;
    struct event_line lines[EVENT_LINES_MAX];
    uint32_t unsealed[LEARNER_TASKS_MAX]; /* events of the task's open batch */
    uint64_t scored;                      /* events, tested */
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- events ------------------------------------------------------------------------------ */

/* The event of lines [at, end); its lines lie in the work. */
static struct event make(const struct eval_run *r, struct work *w, size_t at, size_t end) {
    const struct eval_stream *s = r->stream;
    const struct eval_line *first = &s->lines[at];
    const struct eval_name *user = &s->users.entries[first->user];
    for (size_t i = at; i < end; i++) {
        const struct eval_line *line = &s->lines[i];
        const struct eval_name *item = &s->items.entries[line->item];
        w->lines[i - at] = (struct event_line){.item = item->hash,
                                               .id = eval_names_text(&s->items, line->item),
                                               .id_len = item->len,
                                               .quantity = line->quantity,
                                               .amount = line->amount,
                                               .discount = line->discount};
    }
    return (struct event){.id = first->id,
                          .user = user->hash,
                          .ts_ms = first->ts_ms,
                          .offset = (int64_t)at,
                          .user_id = eval_names_text(&s->users, first->user),
                          .user_id_len = user->len,
                          .domain = first->domain,
                          .topic = first->domain,
                          .action = first->action,
                          .weight = 1.0F,
                          .n_lines = (uint16_t)(end - at),
                          .lines = w->lines};
}

static uint32_t task_of(const struct eval_run *r, const struct event *e) {
    return (uint32_t)(e->user % r->params.tasks);
}

/* ---- test -------------------------------------------------------------------------------- */

/* How long a list takes; what is on it is of no interest here. */
static enum status time_list(struct eval_run *r, struct work *w, const struct event *e) {
    const uint32_t task = task_of(r, e);
    const uint32_t user = users_find(learner_users(r->learner, task), e->user);
    if (user == USER_NONE) {
        return ST_OK;
    }
    const uint64_t start = now_ns();
    enum status st = learner_rank(r->learner, task, user, e->domain, e->ts_ms, RANK_N, &w->list);
    r->rank_ns += now_ns() - start;
    r->n_rank++;
    return st;
}

static enum status score(struct eval_run *r, struct work *w, const struct event *e, size_t at) {
    const struct trial *t = &w->trial;
    enum status st = eval_score_add(r->score, e->domain, e->n_lines, t);
    for (uint32_t k = 0; !st && t->tested && k < t->n_lines; k++) {
        if (t->lines[k].tested) {
            st = eval_windows_add(r->windows, e->domain, at + 1, e->ts_ms, &t->lines[k], t->ran);
        }
    }
    return st;
}

static enum status test(struct eval_run *r, struct work *w, size_t at, size_t end) {
    const struct event e = make(r, w, at, end);
    const bool scored = at >= r->stream->from;
    const uint32_t every = r->params.factors_every;
    const bool with_factors = scored && every > 0 && w->scored % every == 0;
    enum status st =
        learner_try(r->learner, task_of(r, &e), &e, with_factors, &w->baselines, &w->trial);
    if (st || !scored) {
        return st;
    }
    st = score(r, w, &e, at);
    if (!st && w->trial.tested) {
        w->scored++;
        st = w->scored % RANK_EVERY == 0 ? time_list(r, w, &e) : ST_OK;
    }
    return st;
}

/* ---- learn ------------------------------------------------------------------------------- */

static enum status seal(struct eval_run *r, struct work *w, uint32_t task) {
    if (++w->unsealed[task] < SEAL_EVERY) {
        return ST_OK;
    }
    w->unsealed[task] = 0;
    enum status st = learner_seal(r->learner, task);
    if (!st) {
        learner_committed(r->learner, task);
    }
    return st;
}

static enum status learn(struct eval_run *r, struct work *w, size_t at, size_t end) {
    struct learner_effect effect;
    struct event e = make(r, w, at, end);
    const uint32_t task = task_of(r, &e);
    const uint64_t start = now_ns();
    enum status st = learner_learn(r->learner, task, &e, &effect);
    if (st) {
        return st;
    }
    r->learn_ns += now_ns() - start;
    r->events++;
    r->lines += end - at;
    r->late += effect.late;
    r->too_late += effect.too_late;
    r->flooded += effect.flooded;
    return seal(r, w, task);
}

/* ---- the stream -------------------------------------------------------------------------- */

static enum status run_batch(struct eval_run *r, struct work *w, size_t begin, size_t end) {
    enum status st = ST_OK;
    size_t next;
    for (size_t at = begin; !st && at < end; at = next) {
        next = eval_order_event(r->stream, at, r->params.orders);
        st = test(r, w, at, next);
    }
    for (size_t at = begin; !st && at < end; at = next) {
        next = eval_order_event(r->stream, at, r->params.orders);
        st = learn(r, w, at, next);
    }
    return st;
}

static enum status run_all(struct eval_run *r, struct work *w) {
    const size_t n = r->stream->n;
    struct progress progress;
    enum status st = ST_OK;
    size_t at = 0;
    progress_start(&progress, n);
    while (!st && at < n && !(r->stop && *r->stop)) {
        const size_t end = eval_order_batch(r->stream, at, r->params.orders, r->params.days);
        st = run_batch(r, w, at, end);
        at = end;
        if (r->progress) {
            progress_show(&progress, at, "lines", false);
        }
    }
    if (r->progress) {
        progress_show(&progress, at, "lines", true);
    }
    r->stopped = at < n;
    return st ? st : eval_windows_end(r->windows);
}

enum status eval_run(struct eval_run *r) {
    if (r->params.tasks < 1 || r->params.tasks > LEARNER_TASKS_MAX) {
        return ST_INVALID;
    }
    struct work *w = calloc(1, sizeof *w);
    if (!w) {
        return ST_NOMEM;
    }
    trial_baselines_init(&w->baselines);
    enum status st = ST_OK;
    learner_set_n_tasks(r->learner, r->params.tasks);
    for (uint32_t task = 0; !st && task < r->params.tasks; task++) {
        st = learner_task_open(r->learner, task);
    }
    st = st ? st : run_all(r, w);
    free(w);
    return st;
}
