/* SPDX-License-Identifier: Apache-2.0
 *
 * instance.h -- one process's share of the work: the learner's thread, start to end.
 *
 *     poll -> intake -> merge -> learn -> dirty users -> publish round -> rec queue
 *                                     \-> seal -> committer
 *
 * Global topics (catalogues, profiles, privacy requests, identities) are read to their end before
 * any task runs, and go on to be read. A bad row is logged and counted, and stays in its topic.
 * A record whose schema is being asked for is kept, its partition paused, until the answer is
 * there. When too many records are bad the breaker pauses all of them (breaker.h).
 *
 * An item that is switched off is on no list that is ranked from then on; a sweep over everyone
 * whose list lives begins at once (publish.rate lists a second), so that it leaves all lists within
 * one sweep, or within the next one if one was under way.
 *
 * instance_run() is the loop of the learner's thread; it owns all state. Work longer than
 * about 2 ms is sliced, in the order: fresh dirty users, poll, sweeps with at most a fifth of
 * the time. The publisher and the committer run on threads of their own; the admin threads
 * read metrics and instance_ready() only, and put questions into a mailbox that the loop looks into
 * once a round; what takes longer than a slice is answered over several rounds (instance_get() and
 * what follows it).
 *
 * state = kafka: a batch is one Kafka transaction of state, deltas of the shared model, dead
 * letters and offsets (committer.h). A task that is assigned is restored from the changelog
 * (restore.h), takes its place in it by a record with a new epoch, and only then is read from where
 * its own record says. The shared model is followed in its log (model_log.h).
 *
 * state = memory: at the first assignment every task is read from the earliest retained offset,
 * whatever the group committed. Committed offsets say up to where dead letters were sent, so that
 * none is sent twice.
 *
 * Ownership: owns learner, merge, tasks, publisher, committer; the ports are borrowed.
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "ports.h"
#include "query.h"
#include "status.h"

struct instance; /* opaque */

/** Everything an instance needs of the world; must outlive it. */
struct instance_ports {
    struct source source;
    struct letterbox letterbox;
    struct store store;
    struct globals globals; /* poll NULL: cfg has no global topics */
    /* state = kafka */
    struct transactions transactions;
    struct log_port changelog;        /* crossrec-state */
    struct log_port changelog_bounds; /* the same, for the committer's thread */
    struct log_port model;            /* crossrec-model */
    struct log_port model_items;      /* crossrec-model-items */
    struct log_port outbox;           /* crossrec-triggers; poll NULL: there are no triggers */
    /** Removes the records of the model's log below an offset; the committer's thread. May block.
     */
    void (*trim_model)(void *ctx, int64_t below);
    void *trim_ctx;
    /** Partition of n that the events of a user id lie in, -1: unknown; for people. NULL: nobody
     *  knows. */
    int32_t (*partition_of)(const struct config *cfg, const char *id, size_t len, int32_t n);
};

/** @param lookup  writer schemas by id, borrowed; NULL: cfg->schemas_dir, or the shipped ones
 *  @param err     out, CONFIG_ERROR_MAX bytes: what is wrong with a schema or a mapping
 *  @return ST_OK, ST_INVALID, ST_IO, ST_NOMEM */
MUST_CHECK enum status instance_new(const struct config *cfg, const struct lookup *lookup,
                                    struct instance **out, char *err);
void instance_free(struct instance *in);

/** To be given to the source before it is polled: assignments arrive here. */
struct rebalance_ops instance_rebalance(struct instance *in);

/**
 * Runs until instance_stop() or a fatal error: starts publisher and committer, loops, and at
 * the end drains: dirty users are published and batches committed, for at most 10 s.
 * The caller closes the source afterwards: revocation is served by instance_rebalance().
 *
 * @param err  out, CONFIG_ERROR_MAX bytes: why it ended, for anything but ST_OK
 * @return ST_OK (stopped), ST_INVALID (the topics' partitions are no whole tasks, ...),
 *         ST_NOMEM, ST_IO, ST_LOST (it was cut off for longer than the model's log is kept, or that
 *         is another one by now: a new instance, with new ports, begins with the snapshot)
 */
MUST_CHECK enum status instance_run(struct instance *in, const struct instance_ports *ports,
                                    char *err);

/** Asks the loop to end. Any thread, signal handlers too. */
void instance_stop(struct instance *in);
/** Asks for a refresh sweep: everyone whose rec lives is ranked again. Any thread, signals. */
void instance_refresh(struct instance *in);

/** True if caught up and connected; else the reason. Any thread. */
bool instance_ready(const struct instance *in, char *why, size_t len);
/** True unless the learner's loop has not come round for 60 s. Any thread. */
bool instance_live(const struct instance *in, char *why, size_t len);

/**
 * What is known of a user, and his lists: asks the learner's thread, and waits for at most 2 s. Any
 * thread. q: user, n (NULL: as long as they are in Redis), target (NULL: every one).
 *
 * @param text  out: malloc'ed; JSON (person_text.h) of ST_OK, else a sentence that says why not,
 *              with its line end; NULL of ST_NOMEM
 * @return ST_OK; ST_INVALID (an argument); ST_NOT_FOUND (no such target, or no such user among the
 *         tasks that run here); ST_AGAIN (somebody else asks, or nothing runs yet); ST_LOST (no
 *         answer); ST_NOMEM
 */
MUST_CHECK enum status instance_get(struct instance *in, const struct query *q, char **text);
/** The same, and why he sees what he sees (explain_text.h). */
MUST_CHECK enum status instance_explain(struct instance *in, const struct query *q, char **text);
/** What goes with an item, likewise: q: item, domain (NULL: any), target (NULL: every one), n.
 * JSON: board_text.h. */
MUST_CHECK enum status instance_similar(struct instance *in, const struct query *q, char **text);
/** What is going on in a domain, likewise: q: domain, n. JSON: board_text.h. */
MUST_CHECK enum status instance_top(struct instance *in, const struct query *q, char **text);
/** What the segments of users are, and how engaged users are, of the tasks that run here: asks and
 *  waits as instance_get(). @param text  as there; JSON: segments_text.h. @return ST_OK, ST_AGAIN,
 *  ST_LOST, ST_NOMEM: as there */
MUST_CHECK enum status instance_segments(struct instance *in, char **text);

/** How far this instance has the shared model, whatever runs here: asks and waits as
 *  instance_get(). @param items  how many items of each domain to show, NULL: none. @param text
 *  as there; JSON: model_text.h. @return ST_OK; ST_INVALID (items); ST_NOT_FOUND (state = memory:
 *  the model is its own); ST_AGAIN, ST_LOST, ST_NOMEM: as there */
MUST_CHECK enum status instance_model(struct instance *in, const char *items, char **text);

/** Refresh sweeps completed since the start; true if nothing waits to be learned or
 *  published. Any thread; for tests and the demo. */
uint64_t instance_sweeps(const struct instance *in);
bool instance_settled(const struct instance *in);

/** The parameters of a learner for a configuration: what run, and any comparison, must share. */
struct learner_params instance_learner_params(const struct config *cfg);

#endif
