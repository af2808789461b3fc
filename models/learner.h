/* SPDX-License-Identifier: Apache-2.0
 *
 * learner.h -- every event teaches: the whole of what one instance knows, as a state machine.
 *
 * A learner holds the shared model and, per task (partition p of every input topic), its
 * users, its ranker, its open mini-batch and its undo. It is fed merged events one at a time
 * and asked for lists; it knows no Kafka, Redis, clock or thread, so the same events give the
 * same lists, bit for bit on one build and CPU.
 *
 * One event: known id? -> test (a sample: prequential) -> per line, in the order of the
 * item hash mixed, so that the order inside a basket's file teaches nothing:
 *     ranker (target against sampled candidates) -> pairs -> factors -> counts -> user
 * -> features, segment, vote -> mini-batch closed after a fixed number of events of the task
 * (shared_apply: the loop-back log), where the ranker also takes its averaging step.
 *
 * An item that is reported (ACTION_REPORT) is hidden from the user, also where repeats are
 * allowed; the report teaches no counts and is not part of the history. Views, likes, shares
 * and comments teach as everything else does, but do not consume.
 *
 * Late events (ts before the largest taken of their task: a task that comes back after a while
 * elsewhere is behind the others, but its own events are in order): ranked and paired with the
 * history entries of ts <= their own; older than late_max or than the oldest kept entry: features
 * and consumed sets only.
 *
 * Weight: what an event adds to popularity, pairs, contexts, and its ranker's step, is multiplied
 * by event.weight (in units of 2^-20: below half of one it is 0). Weight 0 is taken (history,
 * consumed sets, features, event id, the clock, its item becomes known) and teaches nobody else,
 * nor is it tested. With weight 1 every bit is what it is without weights.
 *
 * The ranker of a task learns from at most ranker_rate events a second of event time; from those
 * beyond everything else is learned (examples.h).
 *
 * A user with more than user_rate events within one minute of event time (UTC) is flooding: the
 * rest of that minute's events are remembered by their id only, and teach nothing. An
 * event of an earlier minute than the user's newest is not counted.
 *
 * The catalogue (learner_item) is not part of any batch: it is a statement about now, comes from
 * a global topic and is never undone. An item that is not available is no candidate and on no
 * list, but events of it are learned (what was observed and expected of it rests). Users that were
 * forgotten (learner_forget) begin anew with their next event; their pre-images are gone too, so
 * that no undo brings them back. What they taught the shared model stays (un-learning comes later).
 *
 * Several instances, one model: with params.log the shared model is that of a log which all of them
 * read; learner_log.h says what differs. Without, the log is a loop-back: what is said here.
 *
 * Undo: a batch is what is committed at once (learner_seal). At most LEARNER_BATCHES wait;
 * each keeps pre-images of the users it touched, of the ranker, and its deltas. What undo
 * leaves is said in shared.h: S, centroids, averages that other tasks took part in, minima
 * and maxima, the recent items.
 *
 * Ownership: owns everything inside. Threads: one.
 */
#ifndef LEARNER_H
#define LEARNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content.h"
#include "engagement.h"
#include "event.h"
#include "list.h"
#include "persona.h"
#include "prequential.h"
#include "ranker.h"
#include "rules.h"
#include "shared.h"
#include "status.h"
#include "trial.h"
#include "users.h"

enum {
    LEARNER_TASKS_MAX = 1024,
    LEARNER_BATCHES = 3, /* the open one and two sealed */
    LEARNER_NEGATIVES = 48,
    LEARNER_MINI_BATCH_MIN = 16,
};

struct learner_params {
    uint32_t n_domains;
    bool repeats[DOMAINS_MAX];   /* policy per domain                                   */
    uint32_t mini_batch;         /* events of all tasks together, >= 1                  */
    int64_t late_max_ms;         /* >= 0                                                */
    uint32_t user_rate;          /* events a minute of one user; 0: any number        */
    uint32_t ranker_rate;        /* examples a second of a task (examples.h); 0: all  */
    uint32_t prequential_sample; /* 1 event in N is tested; 0: none                   */
    uint32_t prequential_window; /* lines of the rolling recall                       */
    float diversity;             /* dial of the calibrated category mix, 0..1 (spread.h); 0: none */
    float explore;               /* share of a list's slots for finding out, 0..1; 0: none        */
    uint64_t seed;
    struct segments_params segments; /* dims is set by the learner                    */
    bool log;                        /* the shared model is that of a log: learner_log.h */
    /* Hash of a user id, to check restored users by; NULL: they are not checked. */
    uint64_t (*hash_of)(const char *user_id, size_t len);
};

struct learner; /* opaque */

/** @return ST_OK, ST_INVALID (a parameter), ST_NOMEM */
MUST_CHECK enum status learner_new(const struct learner_params *params, struct learner **out);
void learner_free(struct learner *l);

/* ---- tasks ------------------------------------------------------------------------- */

/** How many tasks there are in all, whoever has them (partitions of a topic; 1 at first): a task's
 *  mini-batch has mini_batch/n events, at least LEARNER_MINI_BATCH_MIN (or mini_batch), so that its
 *  ranker does not drift from the others. Holds from the next mini-batch on. */
void learner_set_n_tasks(struct learner *l, uint32_t n);
/** Opens task p, 0..LEARNER_TASKS_MAX-1; opening an open one does nothing.
 *  @return ST_OK, ST_RANGE, ST_NOMEM */
MUST_CHECK enum status learner_task_open(struct learner *l, uint32_t task);
/** Forgets a task's users, ranker and undo; the shared model keeps its counts. With a log: what was
 *  not committed is taken out, and what was stays pending until it is seen. */
void learner_task_close(struct learner *l, uint32_t task);
/** The users of an open task, NULL otherwise. Read-only for the caller. */
const struct users *learner_users(const struct learner *l, uint32_t task);
const struct ranker *learner_ranker(const struct learner *l, uint32_t task);

/* ---- events ------------------------------------------------------------------------ */

struct learner_effect {
    uint32_t user;  /* slot in learner_users()                        */
    bool duplicate; /* the event id was known: nothing was learned    */
    bool late;      /* ts before the task's largest taken and not undone */
    bool too_late;  /* features and consumed sets only                */
    bool flooded;   /* over user_rate: nothing was learned; neither late nor too_late is said */
    bool passed;    /* over ranker_rate: the ranker passed over it, and it was not tested     */
};

/** Learns one event of an open task. Lines are sorted in place.
 *  @return ST_OK; ST_AGAIN (with a log: a landmark must move first, learner_log.h; nothing
 *  changed); ST_INVALID (no such task; domain, action, weight, lines, ids, |ts| >= 2^47,
 *  quantity or amount; an item hash that another domain has): nothing changed; ST_NOMEM or ST_RANGE
 *  (2^31 items or users): the event may be learned in part: undo the batch */
MUST_CHECK enum status learner_learn(struct learner *l, uint32_t task, struct event *e,
                                     struct learner_effect *effect);

/** An event of the user will be learned: asks for his block. It is likely to be the next one: asks
 *  for what learning it will look through, when the block is at hand. Nothing changes, and either
 *  may be wrong or left out: they save waiting for memory. */
void learner_learn_soon_user(const struct learner *l, uint32_t task, uint64_t user);
void learner_learn_soon(const struct learner *l, uint32_t task, const struct event *e);

/**
 * Tests an event that has not been learned: every model on every line (trial.h). The live learner
 * is not changed; the baselines learn the event's lines, after all of them were tested, so that
 * learner_learn() must follow. Give `b` the events once each.
 *
 * @param with_scans  also run the models that scan all items or users (TRIAL_FACTORS,
 *                    TRIAL_SIMILAR)
 * @return ST_OK, ST_INVALID (as learner_learn), ST_NOMEM
 */
MUST_CHECK enum status learner_try(struct learner *l, uint32_t task, const struct event *e,
                                   bool with_scans, struct trial_baselines *b, struct trial *out);

/** Largest event time taken by any task; INT64_MIN before the first. It is a clock: it never
 *  steps back, also not by undo (which lateness does: events come again and are not late). With a
 *  log it is the clock of all who share it: what others took counts from its record on (of what
 *  teaches nobody else there is none). */
int64_t learner_stream_ms(const struct learner *l);

/** A row of a catalogue. @return ST_OK; ST_INVALID (domain, id length, a hash of another domain),
 *  ST_RANGE: nothing changed; ST_NOMEM: the row changed nothing, but the item may be known */
MUST_CHECK enum status learner_item(struct learner *l, const struct content_row *row,
                                    struct content_change *change);
/** Content of the items, for whoever shows them; item index as in learner_shared()->items. */
const struct content *learner_content(const struct learner *l);

/** Notes in the open batch that a trigger fired for a user (user_fire()), so that it is committed
 *  and undone with it. @return ST_OK, ST_NOT_FOUND (no such user), ST_INVALID (at_ms), ST_NOMEM */
MUST_CHECK enum status learner_fire(struct learner *l, uint32_t task, uint32_t user,
                                    uint32_t trigger, uint32_t what, int64_t at_ms);

/** Forgets a user of any open task: block, history, sets, pre-images. False if not known. */
bool learner_forget(struct learner *l, uint64_t user);

/* ---- rules ------------------------------------------------------------------------- */

/* What people decide about lists (rules.h): block, pin, boost. Like the catalogue rules are no part
 * of any batch, and they change nothing that is learned. A pin shows nothing that the user may not
 * be shown: blocked, not available, consumed where that counts, or in his order under way. */

/** Adds a rule, or replaces it. @return as rules_set() */
MUST_CHECK enum status learner_rule(struct learner *l, const struct rule *rule);
/** Removes one; false if there is none. */
bool learner_rule_remove(struct learner *l, const char *id, size_t id_len, uint32_t source);
/** For counting, and for whoever explains. */
const struct rules *learner_rules(const struct learner *l);
/** The time that lists of nobody in particular (fallback, segment, similar) are made at, until the
 *  next call, or the next list of a user. */
void learner_rules_at(struct learner *l, int64_t now_ms);

/** May a list of nobody in particular show the item: no rule blocks it there? Segment -1: none. */
bool learner_rules_allow(const struct learner *l, uint8_t target, int segment, uint32_t item);
/** Shifts the scores of a ranked list of nobody in particular by the boosts, with the sd of the
 * list's own scores, and sorts it; removes what is blocked; puts the pins in; keeps the first n.
 * Give it more than n items, so that n are left. */
void learner_rules_apply(const struct learner *l, uint8_t target, int segment, uint32_t n,
                         struct list *list);

/** The same without pins: for what goes with an item, which nobody put there. */
void learner_rules_filter(const struct learner *l, uint8_t target, int segment, uint32_t n,
                          struct list *list);

/** The rules that hold for an item in lists of the target, for a segment, at the time of the last
 *  list; item ITEM_NONE: all that are in force for such lists. (max,); borrowed until the next
 *  learner_rule*(). For explanations: a look at every rule. @return how many, at most max */
uint32_t learner_rules_of(const struct learner *l, uint32_t item, uint8_t target, int segment,
                          const struct rule **out, uint32_t max);

/* ---- lists ------------------------------------------------------------------------- */

/** The top n (1..LIST_MAX) of a user for a target at time now_ms. n come back when n exist
 *  (not consumed, in no-repeat domains; not blocked). @return ST_OK, ST_NOT_FOUND (no such user),
 * ST_NOMEM */
MUST_CHECK enum status learner_rank(struct learner *l, uint32_t task, uint32_t user, uint8_t target,
                                    int64_t now_ms, uint32_t n, struct list *out);

/** Fills in `because` of a list that learner_rank() has just given, for whoever shows it.
 *  @return ST_OK, ST_NOT_FOUND (no such user) */
MUST_CHECK enum status learner_because(const struct learner *l, uint32_t task, uint32_t user,
                                       uint8_t target, int64_t now_ms, struct list *list);

enum { EXPLAIN_SIMILAR = 10 };

/* By what a candidate can be ranked besides by what is served. */
enum explain_rank {
    EXPLAIN_FULL,     /* the personal net                                           */
    EXPLAIN_TWIN,     /* the net that knows nothing of the user                     */
    EXPLAIN_LINEAR,   /* the served net without its hidden units: v . x             */
    EXPLAIN_TOGETHER, /* co-occurrence with what the user took: k1 (pairs.h)        */
    EXPLAIN_POPULAR,  /* 7-day popularity                                           */
    EXPLAIN_RANKS
};

struct explained_item {
    float parts[REASONS];         /* what each group of features adds to the score, compared with
                                     the mean candidate; after enum reason */
    float adds[RANKER_X];         /* what each input adds; they add up to `parts` */
    float value[RANKER_X];        /* the inputs themselves */
    float shift;                  /* what boosts (rules.h) added to the score; 0: nothing */
    uint32_t rank[EXPLAIN_RANKS]; /* place among the candidates, 0 the best; UINT32_MAX: it is none
                                     of them (shown to find out), and the rest is 0 */
};

/* Why a user sees what he sees. */
struct explanation {
    struct list list;
    struct explained_item items[LIST_MAX]; /* (list.n,) */
    float mean[RANKER_X];                  /* inputs of the mean candidate */
    enum ranker_kind served;               /* which net */
    float lead;                            /* of the full net over its twin: the gate, nats */
    uint32_t n_candidates;
    uint32_t n_similar; /* users of this instance, nearest first, by the cosine of their vectors */
    struct {
        uint32_t task, user; /* slot in learner_users(task) */
        float cosine;
    } similar[EXPLAIN_SIMILAR];
};

/** "full", "twin", "linear", "together", "popular". */
const char *explain_rank_str(enum explain_rank r);
/** An input of the ranker in a word: "popular-7d", "goes-with-order"; and what group it counts to.
 *  k < RANKER_X */
const char *explain_input_str(int k);
enum reason explain_input_reason(int k);

/** A list as learner_rank() gives it, with its reasons in numbers, and similar users. Slow: it
 * scans the users. @return as learner_rank() */
MUST_CHECK enum status learner_explain(struct learner *l, uint32_t task, uint32_t user,
                                       uint8_t target, int64_t now_ms, uint32_t n,
                                       struct explanation *out);

/* ---- segments ------------------------------------------------------------------------ */

enum { LEARNER_SEGMENTS_SCAN = 50000 };

/* Where a user stands among the segments. All by user_features.h's order, (dims,). */
struct segment_place {
    int segment;              /* his label; -1: none yet                                      */
    int nearest;              /* of his typical vector now: not his own while it lags; -1     */
    int other;                /* the one that he would be in otherwise: nearest of those left */
    float z[FEATURES_MAX];    /* z-scores of his typical vector                               */
    float own[FEATURES_MAX];  /* ... of his segment's centroid; 0 without one                 */
    float pull[FEATURES_MAX]; /* by how much each feature brings him nearer to his own segment than
                                 to the other: of the squared distance; below 0: it does not */
};

/** @return ST_OK, ST_NOT_FOUND (no such user) */
MUST_CHECK enum status learner_segment_place(const struct learner *l, uint32_t task, uint32_t user,
                                             struct segment_place *out);

struct segment_category {
    uint32_t category; /* dense (content.h), one with a name                             */
    float share;       /* of what the segment takes in the domain, of items with a category */
};

struct segment_card {
    uint32_t users;         /* among those that were counted                             */
    struct persona persona; /* in words; its share is of those that were counted         */
    float z[FEATURES_MAX];  /* of the centroid, as user_features.h orders them           */
    uint32_t n_top[DOMAINS_MAX];
    struct segment_category top[DOMAINS_MAX][PERSONA_TOP]; /* (n_top,) largest share first */
};

struct segment_cards {
    uint64_t n_users;              /* of all open tasks                                  */
    struct engagement_board board; /* of its `users`, those that were counted            */
    uint32_t n;                    /* 0 before seeding                                   */
    struct segment_card cards[SEGMENTS_MAX]; /* (n,), segment k at [k]                   */
};

/**
 * What the segments are: users by the label that they have now, parts of the day by lines, takings
 * of categories decayed to now_ms (user.h). Slow: it scans the users of all open tasks; where there
 * are more than LEARNER_SEGMENTS_SCAN it counts one in n, evenly, so many and no more.
 * Users without a label are counted, but in no segment.
 *
 * @param domain_names  (n_domains,) terminated, for the words; not kept
 * @return ST_OK, ST_NOMEM
 */
MUST_CHECK enum status learner_segments(const struct learner *l, int64_t now_ms,
                                        const char *const *domain_names, struct segment_cards *out);

/* ---- the gate ------------------------------------------------------------------------- */

/** Lead of the personal net over its twin in a task (ranker.h: the gate), nats; the twin is served
 *  while it is below 0. 0 of a task that is not open. */
double learner_lead(const struct learner *l, uint32_t task, uint8_t domain, bool known);

/** What to show somebody unknown: the top n (at most LIST_MAX) by 7-day popularity, not
 *  personalised; score: lg of the share, -16 at least. Rules hold as at the time of
 * learner_rules_at(). Empty for a domain that does not exist, and without memory. */
void learner_fallback(const struct learner *l, uint8_t target, uint32_t n, struct list *out);

/* ---- items (learner_items.c) ---------------------------------------------------------- */

/* What goes with an item. */
struct alike_item {
    uint32_t item;
    float score; /* item_similar.h                                                              */
    float together; /* a (pairs.h): how often the same users took both, the nearer the more; 0:
                       never */
    float follows; /* f: how often it came after, likewise                                        */
    float cosine;  /* of the vectors of both (factors.h), in [-1, 1]                              */
};

/** The n (at most LIST_MAX) items of `target` that go with an item best, as item_similar.h finds
 * them, and why. Returns how many; 0 of an item or a target that does not exist. */
uint32_t learner_alike(const struct learner *l, uint32_t item, uint8_t target, uint32_t n,
                       struct alike_item out[LIST_MAX]);

struct item_similar;

/** The best n (at most ITEM_SIMILAR_MAX, item_similar.h) of `target` for an item, as a list of
 *  nobody in particular: what rules block is passed over, so that n come back when n go with it;
 *  boosts shift the scores of the best 2 n. Without memory: 0.
 *  @param out  (ITEM_SIMILAR_MAX,) */
uint32_t learner_similar(const struct learner *l, uint32_t item, uint8_t target, uint32_t n,
                         struct item_similar *out);

struct board_item {
    uint32_t item;
    float share; /* of what is taken in the domain, decayed by the list's clock; trending: 1 day */
    float per_day; /* rate at now_ms by the same clock */
    float lift; /* share of 1 day over share of 7 days                                          */
};

/* What is going on in a domain. */
struct item_board {
    uint64_t events;           /* lines learned                                              */
    uint32_t items, withdrawn; /* known by name; of these not available                      */
    uint32_t n_top[POP_LISTS]; /* 1, 7, 30 days; largest share first                         */
    struct board_item top[POP_LISTS][LIST_MAX];
    uint32_t n_trending; /* of the POP_TOP most taken of 1 day: lift above 1, largest first; at
                            least LEARNER_TRENDING_RATE a day */
    struct board_item trending[LIST_MAX];
    uint32_t n_newest; /* newest first: by the catalogue, by the first event, or named last */
    struct board_item newest[LIST_MAX];
};
#define LEARNER_TRENDING_RATE 3.0F

/** At most n (<= LIST_MAX) items a list; withdrawn ones are in them. Looks at every item of the
 *  domain once. Empty for a domain that does not exist. */
void learner_board(const struct learner *l, uint8_t domain, int64_t now_ms, uint32_t n,
                   struct item_board *out);

/* ---- batches: seal, commit, undo ---------------------------------------------------- */

/** Seals the open batch of a task and opens the next.
 *  @return ST_OK, ST_AGAIN (LEARNER_BATCHES - 1 are waiting), ST_NOMEM */
MUST_CHECK enum status learner_seal(struct learner *l, uint32_t task);
/** Users touched, and bytes noted, by the open batch: reasons to seal early. */
size_t learner_batch_users(const struct learner *l, uint32_t task);
size_t learner_batch_bytes(const struct learner *l, uint32_t task);
/** The oldest sealed batch is known to be committed: its undo goes. */
void learner_committed(struct learner *l, uint32_t task);
/** Undoes the open and every sealed batch, newest first: users, ranker, and counts are what
 *  they were when the oldest of them was opened. */
void learner_undo(struct learner *l, uint32_t task);

/* ---- reading ------------------------------------------------------------------------ */

const struct shared *learner_shared(const struct learner *l);
const struct prequential *learner_prequential(const struct learner *l);
uint64_t learner_n_users(const struct learner *l); /* of all open tasks */
uint64_t learner_n_mini_batches(const struct learner *l);
/** Digest of a list as readers see it: ids, order, reasons, personalised, segment. */
uint64_t learner_list_digest(const struct learner *l, const struct list *list);

#endif
