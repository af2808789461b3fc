/* SPDX-License-Identifier: Apache-2.0
 *
 * running.h -- an instance in a thread of its own, on a fake Kafka and a fake Redis.
 *
 * A test changes cfg between running_new() and running_start(), appends events, rebalances,
 * waits for what it wants to see (AWAIT), and ends it with running_stop(). What the instance
 * knows may be looked at only after that.
 */
#ifndef RUNNING_H
#define RUNNING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "encode.h"
#include "fake_kafka.h"
#include "fake_store.h"
#include "instance.h"

enum { COURSE, FOOD, RUNNING_WAIT_MS = 10000 };

struct running {
    struct config cfg;
    struct encoder *encoders[READER_FOOD_ORDER + 1];
    struct fake_kafka kafka;
    struct fake_store store;
    struct globals globals;         /* none, unless the test sets them; lookup likewise */
    const struct store *real_store; /* in the place of the fake one, if the test sets it */
    struct lookup lookup;
    struct instance *instance;
    pthread_t thread;
    bool runs;
    enum status status; /* of instance_run() */
    char err[CONFIG_ERROR_MAX];
    const char *topics[FAKE_TOPICS];
    int n_events;    /* appended so far, good ones */
    int64_t step_ms; /* of event time, from one event to the next; 0: a second */
};

/** Two topics with n_parts partitions each, two targets, short intervals, the clock of the
 *  stream. Fails the test if it cannot. */
struct running *running_new(int32_t n_parts);
void running_start(struct running *r);
/** As the daemon does it: the loop ends, the source is closed. The instance stays, to be
 *  looked at. Returns what instance_run() returned. */
enum status running_stop(struct running *r);
/** Waits until instance_run() has returned by itself. */
enum status running_join(struct running *r);
/** Stops what runs and frees. NULL is allowed. */
void running_free(struct running *r);

/** Appends an event of a user (named by his task and number) with one item; every event has
 *  its own id and time. Returns its offset. */
int64_t running_event(struct running *r, int topic, int32_t task, int user, int item);
/** As above, of a record with this timestamp. */
int64_t running_event_at(struct running *r, int topic, int32_t task, int user, int item,
                         int64_t record_ms);
/** Appends an event at a time that makes it a bad one. */
int64_t running_event_of(struct running *r, int topic, int32_t task, int64_t ts_ms);
/** Appends bytes that are no event. */
int64_t running_bad(struct running *r, int topic, int32_t task);
/** n events an input topic for each of the first n_tasks tasks, 8 users each. */
void running_fill(struct running *r, int32_t n_tasks, int n);

/** What stands in Redis of a user's list in a target. */
struct fake_key running_list(struct running *r, int target, int32_t task, int user);
/** True if `published` of every task says the end of both topics. */
bool running_published(struct running *r, int32_t n_tasks);
int64_t running_wall_ms(void);
void running_nap_ms(int ms);

/** Waits for a condition, at most ten seconds. */
#define AWAIT(what)                                                                                \
    do {                                                                                           \
        for (int ms_ = 0; !(what); ms_++) {                                                        \
            if (ms_ > RUNNING_WAIT_MS) {                                                           \
                fail_msg("never: %s", #what);                                                      \
            }                                                                                      \
            running_nap_ms(1);                                                                     \
        }                                                                                          \
    } while (0)

#endif
