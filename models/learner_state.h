/* SPDX-License-Identifier: Apache-2.0
 *
 * learner_state.h -- the inside of a learner, for learner*.c only.
 */
#ifndef LEARNER_STATE_H
#define LEARNER_STATE_H

#include "batch.h"
#include "candidates.h"
#include "learner.h"
#include "log_record.h"
#include "pack.h"
#include "ranked.h"
#include "rules.h"
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
    uint64_t epoch, next_batch;                 /* names of batches; with a log         */
};

/* A delta that is committed and was not seen in the log yet. */
struct learner_pending {
    struct log_name name;
    struct delta *delta;
};

/* The nets that a task published last, as the log has them. */
struct learner_published {
    uint64_t epoch, batch; /* of their record                                        */
    uint64_t at;           /* its log offset + 1                                     */
    uint32_t trained;      /* ranker steps since the ones before                     */
    bool moves;            /* there is a mean of several tasks' nets                 */
    float pace;            /* of that mean                                           */
    struct ranker_net nets[RANKER_NETS];
    struct ranker_net mean[RANKER_NETS];
};

/* What a learner knows of the log. */
struct learner_log {
    uint64_t position;               /* offset of the last record applied + 1; 0: none   */
    uint64_t n_events;               /* of its records: the clock of the obs landmark    */
    int64_t wanted_ms;               /* time of an event that needs a landmark; INT64_MIN */
    struct learner_pending *pending; /* (n_pending,) in the order of the commits         */
    size_t n_pending, cap_pending;
    struct delta *spare; /* an empty one, or NULL                            */
    struct learner_published *published[LEARNER_TASKS_MAX]; /* NULL: none                 */
    bool awaits_nets[LEARNER_TASKS_MAX]; /* a piece of a snapshot with them will come     */
    struct pack seeds;                   /* a proposal that the log has not answered yet ... */
    uint32_t seeds_generation;           /* ... and its generation; 0: none                  */
    uint8_t *named;                      /* (cap_items,) 1: the log has named the item       */
    uint8_t *flags;                      /* (cap_items,) of a step under way; 0 between      */
    uint32_t cap_items;
    uint8_t *category_flags; /* (cap_categories,) likewise                                */
    uint32_t cap_categories;
    struct log_record record; /* the one being applied */
    uint32_t *item;           /* (cap_item,) dense index of its items          */
    uint32_t *category;       /* (cap_category,) ... and categories            */
    size_t cap_item, cap_category;
};

struct learner {
    struct learner_params params;
    struct shared *shared;
    struct candidates *candidates;
    struct prequential *prequential;
    struct rules *rules; /* of lists that are shown */
    struct learner_task *tasks[LEARNER_TASKS_MAX];
    struct learner_log log;
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

/** Arrays beside the users' slots grow with them. @return ST_OK, ST_NOMEM */
enum status learner_reserve_slots(struct learner_task *t, uint32_t n);

/* ---- with a log: learner_log*.c ---------------------------------------------------------- */

void learner_log_free(struct learner_log *log);
/** Flags for every item and category. @return ST_OK, ST_NOMEM */
enum status learner_log_reserve(struct learner *l);

/** Before the open batch is sealed: room for what follows, its name, its nets if they are due.
 *  @return ST_OK, ST_NOMEM (nothing changed) */
enum status learner_log_seal(struct learner *l, struct learner_task *t);
/** The oldest sealed batch is committed: what it says is pending, unless it was seen. */
void learner_log_committed(struct learner *l, struct learner_task *t);
/** Forgets sealed batches that were seen in the log: they are committed. */
void learner_log_forget_seen(struct learner_task *t);
/** Takes what was not committed out of the view: the task is closed. */
void learner_log_close(struct learner *l, struct learner_task *t);

/** Parts of the model without any pending delta, for a step that looks at sums. */
void learner_take_out(struct learner *l, const struct shared_part *part);
/** @return ST_OK, ST_NOMEM */
enum status learner_put_back(struct learner *l, const struct shared_part *part);
/** Brings every pending delta along with a landmark. */
void learner_move_pending(struct learner *l, const struct shared_move *move);

/** A record with nets arrives. @return ST_OK, ST_NOMEM */
enum status learner_apply_nets(struct learner *l, const struct log_record *r, uint64_t offset);
/** Makes the move of the task's last published nets, if the log has them and it was not made. */
void learner_settle_nets(const struct learner *l, struct learner_task *t);

/** The batch that is open. */
struct batch *learner_open_batch(struct learner_task *t);

/** Learns the lines of an event: the ranker all of them, then the counts and the user one after
 *  the other.
 *  @param stands_for  events whose example it is (examples.h); 0: the ranker passes over it
 *  @return ST_OK, ST_INVALID, ST_RANGE, ST_NOMEM */
enum status learner_take_lines(struct learner *l, struct learner_task *t, const struct event *e,
                               uint32_t slot, bool too_late, uint32_t stands_for);

/** Could learner_learn() refuse it half-way? Says so before. */
bool learner_event_ok(const struct learner *l, const struct event *e);

/* One user's candidates, ranked. `block` lies in the workspace of the learner's candidates. */
struct ranking {
    struct candidates_view view;
    const struct features_block *block;
    enum ranker_kind kind;
    _Alignas(64) float scores[RANKER_LIST_MAX];
    struct ranked top[2 * LIST_MAX]; /* (n_top,) best first: as many as a list is chosen from */
    uint32_t n_top;
    struct rules_lens lens;             /* if view.rules                      */
    float scale;                        /* of its boosts; 0: none             */
    struct rules_placed pins[LIST_MAX]; /* (n_pins,) with slots; not in `top` */
    uint32_t n_pins;
};

/** @return ST_OK, ST_NOMEM */
enum status learner_rank_user(struct learner *l, struct learner_task *t, uint32_t user,
                              uint8_t target, int64_t now_ms, uint32_t n, struct ranking *out);
/** Looks up what people rule for the list; before the search. @return ST_OK, ST_NOMEM */
enum status learner_rules_look(struct learner *l, struct ranking *r);
/** What is in force at the time of the last list: of a list of nobody. @return ST_OK, ST_NOMEM */
enum status learner_rules_now(const struct learner *l);
/** Shifts the scores of what is boosted, finds the pins of a list of n, and sets the scores of
 * those to -INFINITY; after the ranker. */
void learner_rules_score(struct learner *l, uint32_t n, struct ranking *r);

/** Puts the pins of a list of nobody in particular into it, and keeps the first n. */
void learner_rules_pin(const struct learner *l, uint8_t target, int segment, uint32_t n,
                       struct list *list);

/** The list that is shown of a ranking; of `because` only what the search knows. */
void learner_show(const struct learner *l, const struct learner_task *t, uint32_t user,
                  const struct ranking *r, uint32_t n, struct list *out);
/** The task if learner_rank() has something to rank, else NULL. */
struct learner_task *learner_task_of(const struct learner *l, uint32_t task, uint32_t user,
                                     uint8_t target, uint32_t n);

/** The list's mean candidate. */
void learner_mean_features(const struct features_block *b, float mean[RANKER_X]);
/** Why candidates `at` (n,), n <= LIST_MAX, are where they are. */
void learner_reasons(const struct ranker *ranker, enum ranker_kind kind,
                     const struct features_block *b, const uint32_t *at, uint32_t n,
                     const float mean[RANKER_X], enum reason *out);

/** Why candidate `at` is where it is; groups (REASONS,) receives what each reason adds, parts what
 *  each input adds. */
enum reason learner_reason_parts(const struct ranker *ranker, enum ranker_kind kind,
                                 const struct features_block *b, uint32_t at,
                                 const float mean[RANKER_X], float parts[RANKER_X],
                                 float groups[REASONS]);
/** Notes at the items of a list, (n <= LIST_MAX,), the one of a history that speaks most for each;
 *  ITEM_NONE. What a search has noted of `together` stays. */
void learner_because_of(const struct learner *l, const struct user_entry *history,
                        uint32_t n_history, struct list_item *items, uint32_t n);

/** Which net ranks for this user. */
enum ranker_kind learner_kind(const struct learner_task *t, const struct candidates_view *v);

/** Tests the lines of a sampled event before any is learned (prequential). */
enum status learner_test(struct learner *l, struct learner_task *t, const struct event *e,
                         uint32_t slot);

#ifdef CROSSREC_SEED_CONTROL_EARLY
void learner_move_early(struct learner *l, int64_t at_ms);
#endif

#endif
