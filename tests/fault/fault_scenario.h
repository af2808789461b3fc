/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_scenario.h -- the faults, by name: what is done to instances and servers while events flow.
 *
 * A scenario begins with its instances running, steady, and being fed; it hurts something, waits
 * until all is steady again, as often as it says, and returns. What must be true in the end is the
 * same for all (fault_proof.h).
 */
#ifndef FAULT_SCENARIO_H
#define FAULT_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

struct round;

struct scenario {
    const char *name;
    const char *what; /* a line for --list                                      */
    void (*run)(struct round *r);
    int nodes;     /* brokers                                                */
    int instances; /* that run when it begins; at most ROUND_INSTANCES       */
    bool poison;   /* a tenth of the records is bad                          */
    bool registry;
    bool network; /* instances in network namespaces                        */
    bool durable; /* makes sense with crossrec.state = kafka only           */
    bool small;   /* of the short version only                              */
    bool rebuilt; /* the state is made anew, so that triggers fire once more */
};

/** The k-th scenario; NULL: there are no more. */
const struct scenario *scenario_at(size_t k);
const struct scenario *scenario_named(const char *name);

/* fault_kills.c */
void kills_run(struct round *r);   /* instances                       */
void brokers_run(struct round *r); /* the leader, chased              */
void both_run(struct round *r);
void poison_run(struct round *r);
void zombies_run(struct round *r);
void churn_run(struct round *r);
void rolling_run(struct round *r);
void small_run(struct round *r);
/* fault_servers.c */
void redis_run(struct round *r);
void registry_run(struct round *r);
void disk_run(struct round *r);
/* fault_network.c */
void network_run(struct round *r);
/* fault_topics.c */
void recreated_run(struct round *r);

#endif
