/* SPDX-License-Identifier: Apache-2.0
 *
 * durable.h -- instances with state = kafka, in threads of their own, on a group and topics in
 * memory; and what must have come of all events, counted by hand.
 *
 * A test appends events, hands tasks out, injects faults, kills and starts instances, and ends with
 * durable_check(): what stands in the changelog and in the model's log is compared with the events.
 */
#ifndef DURABLE_H
#define DURABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "avro_bytes.h"
#include "config.h"
#include "encode.h"
#include "fake_group.h"
#include "fake_log.h"
#include "fake_store.h"
#include "instance.h"

enum {
    DURABLE_TASKS = 3,
    DURABLE_USERS = 6, /* a task */
    DURABLE_ITEMS = 9, /* an input topic */
    DURABLE_LINES = 4000,
    DURABLE_ROWS = 64,
    ALL_TASKS = (1 << DURABLE_TASKS) - 1,
};

struct durable_line { /* an event */
    int64_t ts_ms;
    int topic, item, user;
    int32_t task;
};

struct durable_slot { /* where an instance runs */
    struct durable_world *world;
    int member;
    struct fake_store store;
    struct fake_reader state, bounds, model, items;
    struct instance *instance;
    struct config cfg;
    pthread_t thread;
    bool runs;
    enum status status;
    char err[CONFIG_ERROR_MAX];
    size_t rows_read;
};

struct durable_world {
    struct config cfg;
    char dir[64]; /* of checkpoints, "" none */
    struct encoder *encoders[READER_FOOD_ORDER + 1];
    struct fake_logs logs;
    struct fake_group group;
    struct durable_slot slots[GROUP_MEMBERS];
    const char *inputs[GROUP_TOPICS];
    struct durable_line lines[DURABLE_LINES];
    int n_lines, n_bad, n_appended;
    int64_t now_ms; /* of the next event */
    int64_t erased_ms[DURABLE_TASKS][DURABLE_USERS];
    pthread_mutex_t rows_lock;
    struct avro_bytes rows[DURABLE_ROWS];
    char row_keys[DURABLE_ROWS][24];
    size_t n_rows;
    int64_t trimmed;
};

/** @param checkpoints  with a state.dir of its own */
struct durable_world *durable_new(uint64_t seed, bool checkpoints);
/** Stops what runs, and frees. NULL is allowed. */
void durable_free(struct durable_world *w);

void durable_start(struct durable_world *w, int slot);
/** In order, as by SIGTERM; returns what instance_run() returned. */
enum status durable_stop(struct durable_world *w, int slot);
/** As by kill -9: nothing that it had not committed arrives. */
void durable_kill(struct durable_world *w, int slot);
/** It has ended by itself. */
enum status durable_join(struct durable_world *w, int slot);

void durable_event(struct durable_world *w, int topic, int32_t task, int user, int item);
/** n events of anybody. */
void durable_events(struct durable_world *w, struct rng *rng, int n);
void durable_bad(struct durable_world *w, int topic, int32_t task);
/** Asks for the erasure of a user: everything he did up to now. */
void durable_erase(struct durable_world *w, int32_t task, int user);

/** Has the instance read all of these requests? */
bool durable_reads_rows(struct durable_world *w, int slot);
/** Everything was learned and committed, as the group says. */
void durable_await(struct durable_world *w);
/** Is there a record of the user in the changelog? */
bool durable_knows(struct durable_world *w, int32_t task, int user);
/** Compares the topics with the events. Everything must have been committed. */
void durable_check(struct durable_world *w);

#endif
