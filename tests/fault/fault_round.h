/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_round.h -- one scenario from start to verdict: servers, instances, input, watcher, proof.
 *
 * A round that failed says why once (round_fail) and does nothing more but end. Threads: the main
 * thread.
 */
#ifndef FAULT_ROUND_H
#define FAULT_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fault_cluster.h"
#include "fault_input.h"
#include "fault_network.h"
#include "fault_process.h"
#include "fault_scenario.h"
#include "fault_watch.h"
#include "mix.h"

enum { ROUND_INSTANCES = 3, ROUND_PARTITIONS = 4, ROUND_SESSION_MS = 6000, ROUND_ARGS = 200 };

struct round_options {
    uint64_t seed, events;
    int rate;
    const char *state; /* crossrec.state */
    bool keep;         /* the folder stays also when all is well */
};

struct round {
    const struct scenario *scenario;
    const struct round_options *options;
    struct cluster cluster;
    struct process processes[ROUND_INSTANCES];
    struct network networks[ROUND_INSTANCES];
    char http[ROUND_INSTANCES][64];
    char state_dir[ROUND_INSTANCES][PROCESS_PATH_MAX];
    bool wanted[ROUND_INSTANCES]; /* it should run */
    bool second;                  /* what runs now is asked for a second opinion */
    struct watch *watch;
    struct input *input;
    uint32_t schema_id[INPUT_TOPICS];
    struct rng rng; /* moments and victims */
    char dir[PROCESS_PATH_MAX];
    int64_t fault_ms; /* monotonic: when the last fault was */
    int64_t lines;    /* that instance 0 had learned when it ended; -1: it says nothing */
    /* results */
    int kills;
    uint64_t events, bad;
    int64_t lost, doubled, errors;
    int64_t triggers, triggers_lost, triggers_doubled;
    double recovery_s; /* the longest */
    struct watch_sums sums;
    bool failed, skipped;
    char why[512];
};

/** Plays a scenario and fills in the results. */
void round_play(struct round *r, const struct scenario *scenario,
                const struct round_options *options);

/* ---- for scenarios ------------------------------------------------------------------------------
 */

/** It is over; the reason is said. */
void round_fail(struct round *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The machine cannot do this one. */
void round_skip(struct round *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A file of the round's folder; NULL after saying why. */
FILE *round_open(const struct round *r, const char *name, const char *mode);
/** To stderr. */
void round_say(const struct round *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void round_start(struct round *r, int k);
/** Starts it without expecting it to answer: it may stop by itself. */
void round_try(struct round *r, int k);
void round_kill(struct round *r, int k); /* -9; counted */
/** SIGTERM; it must exit with 0. */
void round_term(struct round *r, int k);
void round_zombify(struct round *r, int k); /* SIGSTOP */
void round_revive(struct round *r, int k);  /* SIGCONT */
/** One of those that run, at random; -1: none does. */
int round_victim(struct round *r);

/** A fault is happening now: recovery is measured from here. */
void round_fault(struct round *r);
/** Waits until all is steady again. */
void round_recover(struct round *r);
/** Sleeps between low and high milliseconds. */
void round_nap(struct round *r, int low_ms, int high_ms);
int round_below(struct round *r, int n);

/** `crossrec ARGS... --set ...` with all settings; its output to a file in the round's folder.
 *  @return exit status, -1: it did not end within a minute */
int round_command(struct round *r, const char *const *args, const char *output);
/** Everything that was sent is learned, published and committed; the input rests. */
void round_await_all(struct round *r);

#endif
