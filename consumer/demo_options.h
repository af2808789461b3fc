/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_options.h -- what the flags of `crossrec demo` ask for, and the configuration of it.
 *
 * Plain values; texts point into argv. Threads: no state.
 */
#ifndef DEMO_OPTIONS_H
#define DEMO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "config.h"
#include "demo_events.h"
#include "world.h"

enum { DEMO_RUN_MAX = 24 };

struct demo_options {
    const char *file, *catalogue; /* NULL: the synthetic world, no names     */
    const char *redis, *brokers;  /* NULL: the demo's own                    */
    int64_t seconds;              /* 0: to the last event                    */
    int64_t rate;                 /* events a second; 0: not given           */
    int64_t users;                /* of the world                            */
    int64_t seed, sample, partitions;
    bool repeats, keep, plain;
    bool own_brokers;       /* those of `brokers` end with the demo */
    char run[DEMO_RUN_MAX]; /* unlike that of any other run */
};

enum { DEMO_FLAGS = 14 };
extern const struct flag demo_flags[DEMO_FLAGS];

/** Prints what is wrong. @return false if something is */
MUST_CHECK bool demo_options_read(const struct cli *cli, struct demo_options *out);

/** Parameters of the world that is streamed if there is no file. */
struct world_params demo_options_world(const struct demo_options *o);

/** Makes of a configuration that of this run: topics and domains of the events, stream
 *  clock, a group of its own. Redis and brokers are set by who starts them. */
void demo_options_configure(const struct demo_options *o, const struct demo_events *events,
                            struct config *cfg);

/** Sets kafka.bootstrap.servers. @return false: no room for one more kafka option */
MUST_CHECK bool demo_options_brokers(struct config *cfg, const char *brokers);

#endif
