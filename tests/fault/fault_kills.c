/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_kills.c -- scenarios in which processes are killed, stopped, and come and go.
 */
#include "fault_round.h"
#include "fault_scenario.h"

enum {
    KILLS = 24,
    MEASURED = 4, /* one kill in so many is followed by waiting until all is steady */
    CHASES = 5,
    BOTH = 6,
    ZOMBIES = 4,
    CHURNS = 16,
    SHORT_KILLS = 5,
};

/* ---- pieces
 * ---------------------------------------------------------------------------------------- */

static void kill_one(struct round *r, int longest_ms) {
    round_nap(r, 100, longest_ms);
    const int k = round_victim(r);
    round_kill(r, k);
    round_nap(r, 0, 600);
    round_start(r, k);
}

/* Kills at random moments: some hit an instance that has only begun to take over. */
static void kill_many(struct round *r, int n) {
    for (int i = 0; i < n && !r->failed; i++) {
        kill_one(r, 1500);
        if (i % MEASURED == MEASURED - 1) {
            round_recover(r);
        }
    }
    round_recover(r);
}

static const char *topic_of(const struct round *r, int t) {
    return r->cluster.cfg.topics[t].name;
}

static void kill_leader(struct round *r) {
    const int t = round_below(r, INPUT_TOPICS);
    const int p = round_below(r, ROUND_PARTITIONS);
    cluster_kill_leader(&r->cluster, topic_of(r, t), p);
    r->kills++;
    round_fault(r);
    round_say(r, "broker %d killed, which led %s/%d", r->cluster.down, topic_of(r, t), p);
}

static void restart_leader(struct round *r) {
    if (!cluster_restart_node(&r->cluster)) {
        round_fail(r, "the broker does not start again");
    }
}

/* ---- scenarios
 * -------------------------------------------------------------------------------------- */

void kills_run(struct round *r) {
    kill_many(r, KILLS);
}

void brokers_run(struct round *r) {
    for (int i = 0; i < CHASES && !r->failed; i++) {
        kill_leader(r);
        round_nap(r, 500, 4000);
        restart_leader(r);
        round_recover(r);
    }
}

void both_run(struct round *r) {
    for (int i = 0; i < BOTH && !r->failed; i++) {
        kill_leader(r);
        kill_one(r, 800);
        round_nap(r, 200, 2000);
        restart_leader(r);
        kill_one(r, 800);
        round_recover(r);
    }
}

void poison_run(struct round *r) {
    kill_many(r, KILLS / 2);
    for (int i = 0; i < CHASES - 2 && !r->failed; i++) {
        kill_leader(r);
        kill_one(r, 500);
        restart_leader(r);
        round_recover(r);
    }
}

/* The others take its tasks over; then it wakes with all that it believed in hand. */
void zombies_run(struct round *r) {
    for (int i = 0; i < ZOMBIES && !r->failed; i++) {
        const int k = round_victim(r);
        if (k < 0) {
            return;
        }
        round_zombify(r, k);
        round_recover(r); /* without it */
        round_nap(r, ROUND_SESSION_MS / 2, ROUND_SESSION_MS);
        round_revive(r, k);
        process_nap_ms(500);
        if (!process_runs(&r->processes[k])) { /* fenced: it may end itself, with a message */
            round_say(r, "instance %d ended itself with status %d", k, r->processes[k].status);
            round_start(r, k);
        } else {
            r->wanted[k] = true;
            watch_expect(r->watch, k, r->http[k]);
        }
        round_recover(r);
    }
}

static int running(const struct round *r) {
    int n = 0;
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        n += r->wanted[k];
    }
    return n;
}

void churn_run(struct round *r) {
    for (int i = 0; i < CHURNS && !r->failed; i++) {
        round_nap(r, 1000, 4000);
        const int k = round_below(r, ROUND_INSTANCES);
        if (!r->wanted[k]) {
            round_start(r, k);
        } else if (running(r) > 1) {
            round_term(r, k);
        }
        round_fault(r);
    }
    round_recover(r);
}

void rolling_run(struct round *r) {
    for (int k = 0; k < ROUND_INSTANCES && !r->failed; k++) {
        round_fault(r);
        round_term(r, k);
        round_start(r, k);
        round_recover(r);
    }
}

/* In a minute: kills of two instances, of one, and of the broker. */
void small_run(struct round *r) {
    kill_many(r, SHORT_KILLS);
    if (!r->failed) {
        round_term(r, 1);
        round_fault(r);
        round_recover(r);
    }
    kill_many(r, SHORT_KILLS);
    kill_leader(r);
    restart_leader(r);
    round_recover(r);
}
