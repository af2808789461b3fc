/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_state.h -- the inside of a learner, for learner*.c only.
 */
#ifndef LEARNER_STATE_H
#define LEARNER_STATE_H

#include "batch.h"
#include "candidates.h"
#include "learner.h"
#include "similar.h"

struct learner_task {
    uint32_t task;
    struct users *users;
    struct similar *similar; /* vectors of the users, as last computed */
    struct task_record record;
    struct batch batches[LEARNER_BATCHES]; /* ring: sealed ones, oldest first, then the open one */
    uint32_t first_batch, n_sealed;
    uint64_t batch_number; /* of the open batch */
    uint64_t *touched_in;  /* (cap_slots,) batch that holds the slot's pre-image */
    uint64_t *voted_in;    /* (cap_slots,) mini-batch that holds the slot's vote */
    uint32_t cap_slots;
    struct ranker_net shared_nets[RANKER_NETS]; /* what its last record in the log said */
    uint32_t shared_trained;                    /* ranker steps behind them             */
    uint64_t shared_at;                         /* log offset of that record            */
    uint64_t averaged_at;                       /* where this task's ranker moved last  */
};

struct learner {
    struct learner_params params;
    struct shared *shared;
    struct candidates *candidates;
    struct prequential *prequential;
    struct learner_task *tasks[LEARNER_TASKS_MAX];
    int64_t stream_ms; /* largest event time ever taken; undo leaves it            */
    int64_t taken_ms;  /* largest taken and not undone: what landmarks move by     */
    int64_t closed_ms; /* the part of it that closed tasks took                    */
    uint64_t n_mini_batches;
    uint32_t mini_batch;                 /* events of one task's */
    uint32_t line_item[EVENT_LINES_MAX]; /* indices of the lines of the event under way */
    bool is_target[RANKER_LIST_MAX];     /* candidates that are among them */
    uint32_t n_targets;
    struct features_block sample; /* of the ranker's step */
    uint32_t sample_item[RANKER_SAMPLE_MAX];
    _Alignas(64) float sample_x[RANKER_X * RANKER_SAMPLE_MAX];
};

static inline int64_t later_ms(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/** What an event weighs, units of 2^-20: 0 below half of one. */
int64_t learner_weight(const struct event *e);

/** The batch that is open. */
struct batch *learner_open_batch(struct learner_task *t);

/** Learns the lines of an event: the ranker all of them, then the counts and the user one after
 *  the other. @return ST_OK, ST_INVALID, ST_RANGE, ST_NOMEM */
enum status learner_take_lines(struct learner *l, struct learner_task *t, const struct event *e,
                               uint32_t slot, bool too_late);

/** Could learner_learn() refuse it half-way? Says so before. */
bool learner_event_ok(const struct learner *l, const struct event *e);

/* A candidate on its way into the top n. */
struct ranked {
    float score;
    uint32_t at; /* position in the block */
    uint64_t hash;
};

/** Order of lists: score, ties by hash. */
static inline bool ranks_before(const struct ranked *a, const struct ranked *b) {
    return a->score > b->score || (a->score == b->score && a->hash < b->hash);
}

/** Keeps the best of a stream in order; n is small. Returns the new n. */
uint32_t learner_insert_ranked(struct ranked *top, uint32_t n, uint32_t max, struct ranked r);

/** The `max` best of a block by their scores (n,), in order; returns how many. */
uint32_t learner_best(const struct shared *s, const struct features_block *b, const float *scores,
                      uint32_t max, struct ranked *top);

/* One user's candidates, ranked. `block` lies in the workspace of the learner's candidates. */
struct ranking {
    struct candidates_view view;
    const struct features_block *block;
    enum ranker_kind kind;
    _Alignas(64) float scores[RANKER_LIST_MAX];
    struct ranked top[2 * LIST_MAX]; /* (n_top,) best first: as many as a list is chosen from */
    uint32_t n_top;
};

/** @return ST_OK, ST_NOMEM */
enum status learner_rank_user(struct learner *l, struct learner_task *t, uint32_t user,
                              uint8_t target, int64_t now_ms, uint32_t n, struct ranking *out);
/** The list that is shown of a ranking; `because` is left open. */
void learner_show(const struct learner *l, const struct learner_task *t, uint32_t user,
                  const struct ranking *r, uint32_t n, struct list *out);
/** The task if learner_rank() has something to rank, else NULL. */
struct learner_task *learner_task_of(const struct learner *l, uint32_t task, uint32_t user,
                                     uint8_t target, uint32_t n);

/** The list's mean candidate. */
void learner_mean_features(const struct features_block *b, float mean[RANKER_X]);
/** Why candidate `at` is where it is; groups (REASONS,) receives what each reason adds. */
enum reason learner_reason(const struct ranker *ranker, enum ranker_kind kind,
                           const struct features_block *b, uint32_t at, const float mean[RANKER_X],
                           float groups[REASONS]);

/** Which net ranks for this user. */
enum ranker_kind learner_kind(const struct learner_task *t, const struct candidates_view *v);

/** Tests the lines of a sampled event before any is learned (prequential). */
enum status learner_test(struct learner *l, struct learner_task *t, const struct event *e,
                         uint32_t slot);

#endif
