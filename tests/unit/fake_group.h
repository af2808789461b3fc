/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_group.h -- a consumer group with transactions, over the topics of fake_log.h: each member is
 * a struct source and a struct transactions, on which a whole instance with state = kafka runs.
 *
 * The test hands tasks out (a task: that partition of each input topic), takes them away, in order
 * or not, kills members, and says what becomes of their transactions. What the brokers know and
 * what a member knows differ: a member that was thrown out (group_throw()) believes to have its
 * tasks until it polls, but the brokers refuse its commits from then on.
 *
 * Rebalances are served inside poll. Every call takes the lock. What must never be done is counted
 * (`wrongs`), with the last one in words.
 */
#ifndef FAKE_GROUP_H
#define FAKE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_log.h"

enum { GROUP_TOPICS = 2, GROUP_TASKS = 4, GROUP_MEMBERS = 2 };

enum group_fault {                  /* of one transaction */
                   GROUP_NO_FAULT,  /*                                                            */
                   GROUP_REFUSED,   /* a send: ST_IO                                              */
                   GROUP_ABORTED,   /* commit: ST_LOST, though the assignment stands              */
                   GROUP_DONE,      /* commit: ST_AGAIN, but it was committed                     */
                   GROUP_LATE_DONE, /* the same, when it is renewed or others have asked for long */
                   GROUP_NOT_DONE,  /* commit: ST_AGAIN, and it is aborted then                   */
                   GROUP_FAULTS,
                   GROUP_FENCED /* commit: ST_FENCED, aborted */
};

enum group_ask { GROUP_NOTHING, GROUP_ASSIGN, GROUP_REVOKE, GROUP_LOSE };

struct fake_member {
    struct fake_group *group;
    struct rebalance_ops ops;
    /* What the brokers know, and what the member knows; 0: no assignment. */
    int generation, known;
    bool joined;
    bool has[GROUP_TASKS]; /* as the member knows */
    bool reads[GROUP_TOPICS][GROUP_TASKS], paused[GROUP_TOPICS][GROUP_TASKS];
    bool told_end[GROUP_TOPICS][GROUP_TASKS];
    int64_t position[GROUP_TOPICS][GROUP_TASKS];
    struct { /* what it is told by its next poll */
        enum group_ask kind;
        unsigned tasks; /* bits */
    } ask;
    enum { GROUP_READY, GROUP_TX, GROUP_BROKEN, GROUP_GONE } state;
    uint32_t tx;
    enum group_fault fault;
    bool hangs, fate;
    int patience; /* so often others ask until a transaction that hangs is decided */
    struct position offsets[GROUP_TOPICS * GROUP_TASKS];
    size_t n_offsets;
    /* What the test sets. */
    enum group_fault next;
    int next_times;
    uint32_t chance; /* of one in so many transactions a random fault, 0: none */
    int slow_ms;     /* a commit takes so long */
    bool dead;       /* nothing is delivered, nothing is committed any more */
    /* What it counts. */
    int commits, aborts;
};

struct fake_group {
    pthread_mutex_t lock;
    struct fake_logs *logs;
    const char *const *inputs; /* (GROUP_TOPICS,) names */
    const char *dead_letters;
    int32_t n_tasks;
    struct position committed[GROUP_TOPICS][GROUP_TASKS];
    int last_generation;
    struct fake_member members[GROUP_MEMBERS];
    struct rng rng;
    int wrongs;
    char wrong[160];
};

/** @param inputs  their topics are made, and dead_letters' */
void group_init(struct fake_group *g, struct fake_logs *logs, int32_t n_tasks,
                const char *const *inputs, const char *dead_letters, uint64_t seed);
void group_free(struct fake_group *g);
/** A member begins anew: another process with the same name, which ends what was open. */
void group_begin(struct fake_group *g, int member);
struct source group_source(struct fake_group *g, int member);
struct transactions group_transactions(struct fake_group *g, int member);

/** Has the member asked to join? */
bool group_joined(struct fake_group *g, int member);
/** Each waits until the member has polled, at most 20 s; false: it did not. */
bool group_assign(struct fake_group *g, int member, unsigned tasks);
bool group_revoke(struct fake_group *g, int member);
bool group_lose(struct fake_group *g, int member);
/** The brokers know that its assignment is over; it does not, until group_lose(). */
void group_throw(struct fake_group *g, int member);
/** Is a transaction of it open? */
bool group_in_transaction(struct fake_group *g, int member);
/** As by kill -9: nothing it does arrives any more. */
void group_kill(struct fake_group *g, int member);
/** It leaves, in the caller's thread. */
void group_leave(struct fake_group *g, int member);

/** The next `times` transactions end so. */
void group_fail(struct fake_group *g, int member, enum group_fault fault, int times);
/** Every record of the inputs below what is committed, for all tasks. */
bool group_all_committed(struct fake_group *g);
/** How many of them are committed. */
int group_committed(struct fake_group *g);

#endif
