/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_nodes.h -- the server, or all masters of a Redis Cluster: who has a key, a link to each,
 * and whether one of them has lost what was written. What redis.c shows to redis_check.c, and to
 * nobody else.
 *
 * A single server is node 0, and nothing is looked up. A cluster is recognised by INFO
 * (cluster_enabled), or, where INFO is refused, by the first redirection; then CLUSTER SLOTS says
 * who has what. Where the configuration names several addresses it is a cluster, too, and each is
 * asked until one answers, so that any of them may be away at the start. The addresses of the
 * configuration are the first that are asked; later whoever is connected. The map is asked for
 * again before the next pipeline whenever a link is missing, a key had moved, or the cluster said
 * that it is down.
 *
 * A node that is new here, or that has another run id or replication id than when it was seen last,
 * may have lost what was written: so may a replica that took over, to which writes are copied
 * later. FLUSHALL of one node is seen by a *witness*: of each node the key that was written there
 * last must still be there (redis_nodes_watch).
 *
 * Ownership: owns its links. Threads: one.
 */
#ifndef REDIS_NODES_H
#define REDIS_NODES_H

#include <stdbool.h>
#include <stddef.h>

#include "redis_link.h"
#include "redis_slots.h"
#include "status.h"

enum { WITNESS_MAX = 512, REDIS_REDIRECTS = 5 };

struct redis;

struct redis_node {
    struct redis_link link;
    struct redis_identity known; /* when it was seen last; run_id "": never */
    char witness[WITNESS_MAX];   /* a key; "": none                         */
    size_t witness_len;
};

struct redis_nodes {
    struct redis_login login;
    char write_sha[REDIS_ID_MAX], append_sha[REDIS_ID_MAX]; /* what EVALSHA takes, everywhere */
    bool any_policy; /* of a check: what evicts is no reason not to connect */
    bool is_cluster;
    bool is_up;     /* every link that is needed is there                     */
    bool is_stale;  /* of a cluster: the map may be old                       */
    bool is_fresh;  /* somebody may have lost what was written: not told yet  */
    size_t n_seeds; /* the first of map.nodes: of the configuration. More than 1: of a cluster */
    struct slot_map map;
    struct redis_node nodes[SLOT_NODES_MAX]; /* of map.nodes */
};

/** The nodes of a redis, for redis_check.c. */
struct redis_nodes *redis_nodes_of(struct redis *r);

/** Links to everybody; nothing to do, and nothing asked, if they are there.
 *  @return ST_OK; ST_AGAIN, ST_INVALID as of store.connect, with `why` */
MUST_CHECK enum status redis_nodes_connect(struct redis_nodes *ns, char *why, size_t len);
void redis_nodes_close(struct redis_nodes *ns);

/** Closes the link to a node. */
void redis_nodes_lost(struct redis_nodes *ns, size_t node);

/** The node that a slot belongs to; 0 of a single server. */
size_t redis_nodes_at(const struct redis_nodes *ns, uint16_t slot);

/** What an answer of `node` says about where to go: the map is corrected, a link opened.
 *  @param next  the node to ask instead
 *  @return SLOT_STAYS: nowhere, it is an answer, or nobody can be asked */
enum slot_redirect_kind redis_nodes_follow(struct redis_nodes *ns, const struct answer *a,
                                           size_t node, size_t *next);

/** One command about a key, wherever that lies. NULL: the connection broke. */
struct answer *redis_nodes_ask(struct redis_nodes *ns, struct span key, const struct span *args,
                               size_t n);

/** A key that has been written at a node just now; and whether all these are still there. */
void redis_nodes_remember(struct redis_nodes *ns, size_t node, struct span key);
void redis_nodes_watch(struct redis_nodes *ns);

#endif
