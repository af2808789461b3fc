/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_cluster.h -- what instances stand on: brokers, Redis, sometimes a registry, topics, and the
 * configuration that all of them share. All of it can be hurt.
 *
 * Threads: start and restart on the main thread, with which the servers die.
 */
#ifndef FAULT_CLUSTER_H
#define FAULT_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

enum { CLUSTER_SETS = 80, CLUSTER_NODES_MAX = 3 };

struct cluster_plan {
    const char *group; /* of the consumers; names the dead letters too    */
    const char *state; /* crossrec.state: "memory" or "kafka"             */
    int nodes;         /* brokers, 1 or 3                                 */
    int32_t partitions;
    bool registry; /* a schema registry, from which schema ids come   */
};

struct cluster {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    struct registry_fixture *registry;
    struct config cfg;
    char sets[CLUSTER_SETS][CONFIG_VALUE_MAX]; /* "key=value" */
    size_t n_sets;
    int32_t partitions;
    int nodes;
    int down; /* node that was killed last and not restarted; -1: none */
};

/** 0 if all servers are installed, else what main() is to return (77: skipped). */
int cluster_missing(bool registry);

/** Starts the servers and makes the topics. False, with the reason on stderr, if it cannot; to be
 *  closed all the same. */
bool cluster_open(struct cluster *c, const struct cluster_plan *plan);
void cluster_close(struct cluster *c);

/** Another setting for the instances to come. */
bool cluster_set(struct cluster *c, const char *key, const char *value);
/** (n,) of them, of which one alone would make no sense. */
bool cluster_set_all(struct cluster *c, const char *const (*pairs)[2], size_t n);

/** kill -9 of the broker that leads a partition (the only one, if there is one). */
void cluster_kill_leader(struct cluster *c, const char *topic, int32_t partition);
/** Starts it again; nothing if none is down. */
bool cluster_restart_node(struct cluster *c);

/** Sends a command to Redis; false if it does not say yes. */
bool cluster_redis(const struct cluster *c, const char *command);

/** A topic with everything in it goes, and is there again, empty; partitions 0: it only goes, and
 *  whoever needs it makes it. */
bool cluster_recreate(struct cluster *c, const char *topic, int32_t partitions);
bool cluster_has_topic(const struct cluster *c, const char *topic);
/** End of a partition; -1, with the reason on stderr: unknown. */
int64_t cluster_end(const struct cluster *c, const char *topic, int32_t partition);

/** Registers a schema of a subject. @return its id, 0 with the reason on stderr */
uint32_t cluster_register(const struct cluster *c, const char *subject, const char *schema);

#endif
