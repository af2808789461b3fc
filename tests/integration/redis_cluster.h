/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_cluster.h -- a Redis Cluster of three masters, and perhaps a replica of the first, for one
 * test; servers of redis_fixture.h, that can be hurt.
 *
 * Data is on disk (AOF): a node that is killed comes back with what it had, unless it was told to
 * forget it. Nodes notice within a second that one is gone. Failures are failures of the test.
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

enum { CLUSTER_MASTERS = 3, CLUSTER_NODES = 4, CLUSTER_WAIT_MS = 20000 };

struct redis_cluster;
struct redisContext;
struct redisReply;

/** Three masters, and a fourth node as replica of node 0 if asked; waits until all agree. */
struct redis_cluster *redis_cluster_start(bool with_replica);
void redis_cluster_stop(struct redis_cluster *c); /* NULL is allowed */
int redis_cluster_size(const struct redis_cluster *c);

/** "127.0.0.1:<port>" of node k, and its server. */
const char *redis_cluster_address(const struct redis_cluster *c, int k);
struct redis_fixture *redis_cluster_node(struct redis_cluster *c, int k);

/** A connection to node k; NULL: it does not run. Borrowed until the next kill of it. */
struct redisContext *redis_cluster_client(struct redis_cluster *c, int k);
/** A command that must work; its reply as text, valid until the next one. */
const char *redis_cluster_run(struct redis_cluster *c, int k, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void redis_cluster_kill(struct redis_cluster *c, int k); /* kill -9 */
/** Starts it again, with its data. */
void redis_cluster_revive(struct redis_cluster *c, int k);
/** All that run agree and say that the cluster is well. */
bool redis_cluster_is_well(struct redis_cluster *c);
void redis_cluster_await(struct redis_cluster *c);

int redis_cluster_slot(struct redis_cluster *c, const char *key); /* as a server says */
/** The running master that has a slot; -1: none. */
int redis_cluster_owner(struct redis_cluster *c, int slot);

/** Moves a slot with its keys: announced (from here on keys that are not there are asked for at
 *  the other), the keys, and done. */
void redis_cluster_move_begin(struct redis_cluster *c, int slot, int to);
void redis_cluster_move_keys(struct redis_cluster *c, int slot, int to);
void redis_cluster_move_end(struct redis_cluster *c, int slot, int to);

#endif
