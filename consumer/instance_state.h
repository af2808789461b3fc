/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_state.h -- the inside of an instance, for instance*.c only.
 *
 *     instance.c           life cycle, the loop, readiness, gauges
 *     instance_tasks.c     assignment, takeover, sealing, undo
 *     instance_durable.c   state = kafka: restoring, batches as bytes, the shared model's log
 *     instance_input.c     records to merged events to the learner
 *     instance_globals.c   what global topics say
 *     instance_rules.c     rules of lists, and their windows
 *     instance_publish.c   who is due, sweeps of users' lists
 *     instance_cards.c     fallback, info, segments
 *     instance_similar.c   items that go with an item
 *     instance_user_cards.c  cards of users
 *     instance_triggers.c  which triggers fire
 *     instance_outbox.c    committed triggers on their way to the streams
 *     instance_guard.c     which net is served: gauges and log lines
 *     instance_ask.c       questions of the admin endpoint (instance_ask.h): who asks, and when
 *     instance_explain.c   ... of a user
 *     instance_items.c     ... of an item, of a domain
 *     instance_segments.c  ... of segments
 */
#ifndef INSTANCE_STATE_H
#define INSTANCE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "breaker.h"
#include "checkpointer.h"
#include "committer.h"
#include "firing.h"
#include "heap_large.h"
#include "identity.h"
#include "instance.h"
#include "intake.h"
#include "mailbox.h"
#include "merge.h"
#include "model_log.h"
#include "outbox.h"
#include "people.h"
#include "pseudonym.h"
#include "publish.h"
#include "published.h"
#include "publisher.h"
#include "recent.h"
#include "restore.h"
#include "restore_progress.h"
#include "segment_scan.h"
#include "task.h"
#include "waiting.h"

enum {
    POLL_MAX = 512,
    SLICE_MS = 2,
    SLICE_MOST_MS = 50, /* of CPU that others have, too */
    WHY_MAX = 256,
    LETTER_SCRATCH = 1 << 16,
};

/* Where a task's triggers are on their way from the outbox topic to the streams, in this order. */
enum delivery_state {
    DELIVERY_NONE,          /* no triggers, or the task does not run                       */
    DELIVERY_ASK_END,       /* restoring: the end of the task's outbox partition is asked for */
    DELIVERY_FIND_END,      /* ... and read, for the newest id                             */
    DELIVERY_FOUND,         /* ... which is known: the task may run                        */
    DELIVERY_ASK_STREAMS,   /* the streams' last ids are asked for                         */
    DELIVERY_AWAIT_STREAMS, /* ... by the publisher                                        */
    DELIVERY_ASK_LOG,       /* the outbox is to be read from somewhere                     */
    DELIVERY_READ_LOG,      /* ... up to its end                                           */
    DELIVERY_LIVE,          /* batches are handed over as they are committed               */
};

struct delivery {
    enum delivery_state state;
    uint32_t generation;               /* of what was asked for and handed over */
    uint32_t asked, answered;          /* domains below it; streams */
    struct entry_id last[DOMAINS_MAX]; /* of each stream: in it, or handed over last */
    int64_t from, low, high, back; /* of the partition; from -1: `back` records before the end */
    int64_t retry_ms;
    bool judging; /* nothing that comes now has shown that it is read from far enough back */
    bool missed;  /* a batch was committed that may lie behind `high` */
};

struct triggers_sweep { /* over everybody, for those who became dormant */
    uint32_t task, slot;
    bool looked; /* at somebody, this time */
    int64_t began_ms, next_ms;
};

/* A task with what the pipeline keeps beside it. */
struct place {
    struct task task;
    struct publish *publish;
    int64_t next_look_ms;                      /* monotonic: at what is not about one user */
    int64_t mark_ms;                           /* monotonic: who has waited since is to be ranked */
    int64_t mark_next[CONFIG_TOPICS_MAX];      /* task.next then: before it can be announced */
    int64_t announced[CONFIG_TOPICS_MAX];      /* positions of the last REC_PUBLISHED */
    size_t letter_bytes[CONFIG_TOPICS_MAX];    /* of bad records in the merge */
    struct waiting waiting[CONFIG_TOPICS_MAX]; /* for their schema */
    uint64_t former_epoch;  /* before this assignment: what stands in Redis if nobody else wrote */
    uint64_t claimed_epoch; /* the epoch that `published` was made to name */
    uint64_t contested_epoch;   /* the newest that was found in Redis and is not ours; 0: none */
    uint32_t sealed_before;     /* batches on their way that were sealed before it was found */
    struct published published; /* as it stood at the takeover, cut to what is restored; unknown
                                   once everything is owed */
    int64_t
        refreshed_ms; /* wall clock: everyone has been ranked since, as far as known; 0 unknown */
    bool uncovered;   /* restored, but `published` does not say whose lists stand in Redis */
    bool epoch_asked; /* REC_TAKEOVER is in the publisher's queue, or answered */
    bool owed;        /* lists that were written may be gone: the sweep has to come by before
                         `published` may say anything */
    bool exists;
    bool marked; /* there is such a mark */
    /* state = kafka */
    uint64_t batch;         /* number of the batch that is sealed next, inside the epoch */
    int64_t changelog_next; /* what comes from here on is not in memory; -1: nothing is */
    uint32_t incarnation[CONFIG_TOPICS_MAX];
    uint8_t uuid[16]; /* of the task's changelog */
    uint64_t *gone; /* (n_gone,) users who were forgotten and whose tombstones are not final: those
                       of the sealed batches, oldest first, then those of the open one */
    size_t n_gone, cap_gone;
    size_t gone_in[LEARNER_BATCHES]; /* how many of them are in the k-th oldest sealed batch */
    int64_t leaving_at; /* end of the changelog, asked before the last batch was sealed; -1 */
    int64_t parked_ms;
    uint32_t looked_at;        /* restored users below this slot may be shown, or are gone */
    int64_t sealed_ms;         /* when the oldest batch that waits was sealed */
    struct outbox outbox;      /* triggers that are not final */
    struct delivery delivery;  /* those that are */
    uint8_t twin[DOMAINS_MAX]; /* bit 0 cold, bit 1 known: the twin is served, as was told last */
};

/* What was written of a key that is nobody's. */
struct card_written {
    uint64_t digest; /* 0: nothing in this epoch */
    uint32_t at_s;   /* wall clock */
};

struct similar_sweep {                 /* over all items, see instance_similar.c */
    uint64_t *written;                 /* (cap_items, n_targets) digests; 0: nothing ever */
    uint32_t cap_items, item, n_items; /* next to look at, of so many in this turn */
    uint64_t events;                   /* of the model, when this turn began */
    bool turning, fast, hurries;       /* fast: the next turn; hurries: this one */
    bool gentle;                       /* this one hurries for better lists only */
    bool again, prolongs;              /* this turn writes, or prolongs, also what is unchanged */
    int64_t began_ms, lives_ms;        /* this turn; the last one after which everything lives */
    int64_t refill_ms, resume_ms;
    double tokens; /* items that may be looked at now */
};

/* What is known of the segments, and what was written besides lists. */
struct cards {
    const struct learner *learner; /* whose items and segments these are */
    uint64_t epoch, losses;        /* of task 0, what the digests below are of */
    struct segment_scan *scan;     /* under way; NULL: none */
    int64_t scan_began_ms, scan_next_ms, scan_resume_ms;
    bool scan_again; /* as soon as may be: a list is short, or what is blocked is another */
    bool known;      /* what follows is of the segments that there are */
    uint32_t generation;
    struct segment_cards told;
    struct list *tops; /* (SEGMENTS_MAX, n_targets) */
    double behind_one; /* users of the group that one of those counted stands for */
    struct card_written segments[SEGMENTS_MAX][DOMAINS_MAX]; /* [segment][k-th target] */
    struct similar_sweep similar;
};

/* What state = kafka needs besides. */
struct durable {
    struct model_log *model;
    struct restore *restore;
    struct restore_meter meter;        /* how far a start is, for people */
    struct checkpointer *checkpointer; /* NULL: no state.dir */
    struct pack body, value;           /* scratch */
    struct pack clock;                 /* of the model's log where the sweep began */
    int64_t landmark_at_ms;            /* event time of the landmark record that was sent last */
    int64_t landmark_sent_ms;          /* when */
    int64_t options_sent_ms;           /* 0: not */
    bool model_told;                   /* the log line about it */
    /* the sweep that writes the model's snapshot, by whoever has task 0 */
    uint32_t sweep, sweep_at; /* what is being written, and from which index on */
    uint64_t sweep_low;       /* smallest position in the pieces of this sweep */
    uint64_t sweep_mark;      /* the record of the log that says which log it is of */
    uint64_t swept_at;        /* log position when the last one began */
    uint64_t sweep_batch;     /* of task 0: holds the end of the last one; 0: none that waits */
    _Atomic int64_t needed;   /* the log below it is in a complete sweep, 0: said already */
    int64_t trim_below, trim_at_ms; /* of the committer's thread; trim_below 0: nothing to do */
    void (*trim_model)(void *ctx, int64_t below);
    void *trim_ctx;
};

struct instance {
    const struct config *cfg;
    struct heap_large heap;
    struct learner *learner;
    struct learner **retired; /* (n_retired,): recs on their way still name their items */
    size_t n_retired;
    const struct lookup *lookup; /* NULL: no registry */
    struct intake *intake;
    struct intake *rows; /* of global topics; NULL if there are none */
    struct people *people;
    struct pseudonyms *pseudonyms;
    struct identity *identity; /* NULL: users have one id everywhere */
    struct waiting rows_waiting;
    struct recent *feedback; /* ids of impressions and conversions */
    bool globals_complete;   /* read to the end that stood at the start */
    int64_t rows_changed_ms; /* timestamp of the newest row that may change lists of quiet users */
    bool catalogue_changed;  /* an item was switched: everyone is to be ranked again */
    bool rules_timed;        /* rules_next_ms is the next edge of a rule's window ... */
    int64_t rules_next_ms;   /* ... by the clock of ranking */
    struct breaker breaker;
    uint32_t n_waiting; /* topic partitions with records that wait for their schema */
    int64_t next_admit_ms;
    enum intake_reason last_bad; /* for people: why the breaker opened */
    uint16_t last_bad_topic;
    struct merge *merge;
    struct publisher *publisher;
    struct committer *committer;
    struct instance_ports ports;
    struct durable *durable;      /* NULL: state = memory */
    bool stalled;                 /* an event waits for a landmark of the shared model */
    struct place *places;         /* (LEARNER_TASKS_MAX,) */
    uint32_t n_places;            /* tasks are below this */
    uint8_t targets[DOMAINS_MAX]; /* domain index of target k */
    uint32_t n_targets;
    struct list list; /* scratch */
    char *letter;     /* scratch, letter_cap bytes */
    size_t letter_cap;

    /* times are monotonic milliseconds */
    int64_t now_ms;
    uint32_t commit_task, commit_left;   /* next to be committed, and how many that are due */
    int64_t committed_ms;                /* the last commit of all; event times learned since: */
    int64_t open_first_ms, open_last_ms; /* of the first, and the largest; 0: none */
    int64_t next_commit_ms, next_gauges_ms, next_refresh_ms, next_cards_ms;
    uint32_t publish_task;           /* next to be served */
    bool sweeping, sweeping_all;     /* all: also tasks that are owed nothing (refresh) */
    uint32_t sweep_task, sweep_slot; /* next to look at */
    double sweep_tokens;             /* lists that may be ranked now */
    int64_t sweep_refill_ms, sweep_resume_ms;
    int64_t sweep_wall_ms; /* wall clock when it began */
    uint64_t losses_seen;
    uint64_t fallback_digest[DOMAINS_MAX];
    struct triggers_sweep dormant;
    uint32_t delivery_generation;
    int info_segments; /* bits of the segments that the last info named; -1: info is due */
    struct cards *cards;
    struct mailbox *mailbox; /* struct question, see instance_ask.h */
    struct asked *asked;     /* the question under way and what is kept for the next */

    bool asked_to_join; /* the group */
    bool joined;        /* the group has assigned something, be it nothing */
    enum status fatal;
    char fatal_text[CONFIG_ERROR_MAX];

    /* seen by other threads */
    atomic_bool stop, refresh, settled;
    atomic_uint_fast64_t sweeps;
    _Atomic int64_t beat_ms;
    pthread_mutex_t why_lock;
    char why[WHY_MAX]; /* "": ready */
};

/* ---- clocks (instance.c) ---- */
int64_t instance_mono_ms(void);
/** What background work has taken since start_ms, of which its rest is a multiple. Of a process
 * that was stopped meanwhile, or got no CPU, no more than the longest slice. */
int64_t instance_slice_ms(int64_t start_ms);
int64_t instance_wall_ms(void);
/** The time used in ranking and validation: wall, or the largest event time taken. */
int64_t instance_clock_ms(const struct instance *in);
/** Ends the loop with a text for the operator. */
void instance_fail(struct instance *in, enum status st, const char *text);
struct place *instance_place(struct instance *in, uint32_t task); /* NULL if there is none */

/* ---- instance_tasks.c ---- */
void instance_assigned(void *ctx, struct position *parts, size_t n, int generation);
void instance_revoked(void *ctx, const struct position *parts, size_t n, bool lost);
/** Moves restoring tasks on; all of them start to run together. */
void instance_restore(struct instance *in);
/** Tasks that there are, whoever has them: partitions of a topic. May ask the brokers. */
uint32_t instance_n_tasks(const struct instance *in);
/** Tasks that run here. */
uint32_t instance_n_running(const struct instance *in);
/** Forgets a parked task, as if it had never been here; its epoch is remembered. */
void instance_drop_place(struct instance *in, struct place *pl);
/** Seals what is due and takes the committer's answers. */
void instance_commit(struct instance *in, bool all);
void instance_take_answers(struct instance *in);
/** True if the task stands at the known end of every topic with nothing buffered. */
bool instance_at_end(struct instance *in, struct place *pl);
/** What the open batch keeps in memory until it is committed. */
size_t instance_open_bytes(const struct instance *in, const struct place *pl);

/* ---- instance_durable.c ---- */
/** After the ports are known. @return ST_OK, ST_NOMEM */
enum status instance_durable_new(struct instance *in);
void instance_durable_free(struct instance *in);
/** Reads on in the model's log, and in the changelog for tasks that restore. */
void instance_durable_take(struct instance *in);
/** A changelog is read: nobody is to be waited for elsewhere. */
bool instance_durable_reads(const struct instance *in);
/** May the group be joined? Not before the options are known to be those of the others. */
bool instance_durable_agrees(const struct instance *in);
/** A task was assigned. */
void instance_durable_begin(struct instance *in, struct place *pl);
/** Tasks are about to be given away: another batch of each is due, which shows that they were ours
 *  when the end of the changelog was asked. */
void instance_durable_leave(struct instance *in, const struct position *parts, size_t n);
/** A task goes; `settled`: all of it is final, and was ours to the end. */
void instance_durable_park(struct instance *in, struct place *pl, bool settled);
/** Frees tasks that went long ago. */
void instance_durable_expire(struct instance *in);
/** Is the task's state in memory? Then its positions and epoch are set; false: not yet, or the
 *  instance has failed. */
bool instance_durable_restored(struct instance *in, struct place *pl);
/** Seals the open batch of the learner and packs everything of it. @return ST_OK, ST_AGAIN (two
 *  wait), ST_NOMEM (nothing of it may be used: the instance has failed) */
enum status instance_durable_seal(struct instance *in, struct place *pl, struct sealed *batch);
/** A batch is final; or batches of the task were taken back. */
void instance_durable_committed(struct instance *in, const struct sealed_answer *a);
void instance_durable_undone(struct instance *in, uint32_t task);
/** Of the committer's thread. */
struct commit_watch instance_durable_watch(struct instance *in);
/** Has the shared model something to say that needs a batch, though nothing was learned? */
bool instance_durable_wants_seal(struct instance *in, const struct place *pl);
/** Forgets restored users who must not be shown, some each call. Of a running task. */
void instance_durable_hide(struct instance *in, struct place *pl);
/** An event of a user is to be learned: if he is one of those, he is forgotten before. False: not
 *  now. */
bool instance_durable_welcome(struct instance *in, struct place *pl, uint64_t user);
/** A user of the task was forgotten. */
void instance_durable_forgot(struct instance *in, struct place *pl, uint64_t user);
void instance_durable_gauges(struct instance *in);

/* ---- instance_input.c ---- */
/** Polls once, waiting at most timeout_ms. Returns records read. */
size_t instance_poll(struct instance *in, int timeout_ms);
/** Learns merged events until the slice is over or none is ready. Returns events taken. */
size_t instance_learn(struct instance *in);

/** Takes up what was waiting for its schema, and tries again after the breaker opened. */
void instance_admit(struct instance *in);
/** Forgets the records of a task that wait for their schema. */
void instance_drop_waiting(struct instance *in, struct place *pl);

/* ---- instance_globals.c ---- */
/** @return ST_OK, ST_INVALID, ST_IO, ST_NOMEM */
enum status instance_globals_new(struct instance *in, char *err);
void instance_globals_free(struct instance *in);
/** Takes rows of the global topics. Returns how many. */
size_t instance_globals(struct instance *in);
/** The learner is a new one: everything is read again. */
void instance_globals_restart(struct instance *in);

/* ---- instance_rules.c ---- */
/** Takes a row of kind rule. @param changed  out: lists may be others now. @return ST_OK, ST_NOMEM
 */
enum status instance_take_rule(struct instance *in, const struct intake_row *row, bool *changed);
/** Tells the learner the time, and sees to it that lists follow when a window opens or closes. */
void instance_rules(struct instance *in);

/* ---- instance_guard.c ---- */
/** Looks at the gates of the running tasks. */
void instance_guard(struct instance *in);

/* ---- instance_ask.c ---- */
/** @return ST_OK, ST_NOMEM */
enum status instance_ask_new(struct instance *in);
void instance_ask_free(struct instance *in);
/** A slice of the question that waits, if one does. Costs a look otherwise. */
void instance_answer(struct instance *in);

/* ---- instance_triggers.c ---- */
/** With state = kafka and a trigger. */
bool instance_triggers_on(const struct instance *in);
/** The user of an event before it is learned; and after, as whoever learned it says. */
struct firing_look instance_triggers_before(const struct instance *in, const struct place *pl,
                                            const struct event *e);
void instance_triggers_after(struct instance *in, struct place *pl, const struct event *e,
                             uint32_t slot, const struct firing_look *before);
/** A list was ranked. *top: its first item's index + 1 the last time, 0 unknown; kept up. */
void instance_triggers_ranked(struct instance *in, struct place *pl, uint32_t slot, uint8_t target,
                              const struct list *list, uint32_t *top);
/** A slice of the sweep over users who do nothing any more. */
void instance_triggers_sweep(struct instance *in);

/* ---- instance_outbox.c ---- */
/** A task was assigned: finds the newest id. Then it runs; then it goes. */
void instance_outbox_begin(struct instance *in, struct place *pl);
bool instance_outbox_restored(const struct instance *in, const struct place *pl);
void instance_outbox_run(struct instance *in, struct place *pl);
void instance_outbox_leave(struct instance *in, struct place *pl);
/** The triggers of the open batch become records of it. @return ST_OK, ST_NOMEM */
enum status instance_outbox_seal(struct place *pl, struct sealed *batch);
/** The oldest sealed batch is final. */
void instance_outbox_committed(struct instance *in, struct place *pl);
/** One step. */
void instance_outbox_take(struct instance *in);
/** ACK_STREAM, ACK_GAP. */
void instance_outbox_ack(struct instance *in, struct place *pl, const struct publisher_ack *a);
/** Redis lost what was written. */
void instance_outbox_lost(struct instance *in);
/** Is everything that was committed handed over? */
bool instance_outbox_settled(const struct instance *in, const struct place *pl);

/* ---- instance_cards.c ---- */
/** @return ST_OK, ST_NOMEM: free it all the same */
enum status instance_cards_new(struct instance *in);
void instance_cards_free(struct instance *in);
/** A slice of looking at segments and similar items. */
void instance_cards_step(struct instance *in);
/** Rules changed: what they kept off the segments' lists is looked for again at once. */
void instance_cards_hurry(struct instance *in);
/** Fallback, info and segments of the owner of task 0, as far as there is room. */
void instance_cards_publish(struct instance *in, struct place *pl);
/** Puts his segment's items in the place of a list for the k-th target that nothing personal made,
 *  as many as it had. False: that is not his case. */
bool instance_segment_list(const struct instance *in, const struct user *u, uint32_t k,
                           int64_t now_ms, struct list *list);

/* ---- instance_similar.c ---- */
void instance_similar_step(struct instance *in);
/** Nothing counts as written any more. */
void instance_similar_forget(struct instance *in);
/** An item was withdrawn, or came back. */
void instance_similar_hurry(struct instance *in);

/* ---- instance_user_cards.c ---- */
/** Looks at a user's cards after his lists; there is room for one a target. */
void instance_user_card(struct instance *in, struct place *pl, uint32_t slot);
/** Those who waited for their turn. */
void instance_user_cards_due(struct instance *in, struct place *pl);
/** A tombstone over the card for the k-th target. There is room. */
void instance_user_card_gone(struct instance *in, struct place *pl, uint32_t slot, uint32_t k,
                             const char *id, size_t len);

/* ---- instance_publish.c ---- */
/** The user's id at the partner whose domain `target` is; NULL: he has none there. */
const char *instance_id_at(const struct instance *in, const struct user *u, uint8_t target,
                           size_t *len);
/** Writes empty lists over those of a user who must not be shown, and forgets him. */
void instance_hide(struct instance *in, uint64_t user);
/** A user is to be ranked, though he did nothing. @return ST_OK, ST_NOMEM */
enum status instance_news_of(struct instance *in, uint64_t user);
/** Can instance_hide() be called n times now? */
bool instance_can_hide(const struct instance *in, size_t n);
/** The next rec of a task's queue, under its epoch; there is room. Then fill it, and push. */
struct rec *instance_start_rec(struct instance *in, struct place *pl, enum rec_kind kind,
                               uint8_t target);
void instance_fill_items(const struct instance *in, struct rec *r, const struct list *list);
/** Whose it is: by his id at the partner of r->target. */
void instance_name_user(struct instance *in, struct rec *r, uint32_t slot, const char *id,
                        size_t len);
/** A slice of publishing: of users who are due; at_once: whoever has news is. */
void instance_publish(struct instance *in, bool at_once);
/** In how many milliseconds there is somebody to be ranked; INT64_MAX: not known. */
int64_t instance_publish_in_ms(struct instance *in);
/** A slice of the sweep, if one is under way or due. Returns lists ranked. */
size_t instance_sweep(struct instance *in);
void instance_take_acks(struct instance *in);
/** Redis holds a newer epoch of the task, and no commit has said yet whether it is still ours. */
bool instance_is_contested(const struct place *pl);
/** The oldest sealed batch of the task is final. */
void instance_publish_committed(struct instance *in, struct place *pl);
/** Lists of the task that were written may be gone: they are written again by a sweep. */
void instance_owe(struct instance *in, struct place *pl);
/** A restored task begins to run: everything is owed, or the next sweep is due when it was. */
void instance_publish_run(struct instance *in, struct place *pl);

#endif
