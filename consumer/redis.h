/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h -- Redis as crossrec needs it (hiredis): a server or a cluster, fenced writes, pipelined.
 *
 * The fence. A value begins with {"version":[E,S], ; the script reads the first 48 bytes
 * of what stands at the key (GETRANGE), compares (E, S) as numbers, and refuses an older
 * writer; equal or newer is SET with PX. A value that begins otherwise is not ours, and is
 * replaced. Single key: works in a cluster. Run by EVALSHA; NOSCRIPT loads the script and
 * sends those writes again: then a write may come after a later one of the same pipeline,
 * which only the fence puts right. A write with a channel is told there in the same step, if it was
 * not refused (PUBLISH, after SET); where the right to do so is missing, it is written all the
 * same, and the log says once what to type.
 *
 * Bound: Lua's numbers are doubles, exact up to 2^53, and two such numbers fit into the 48
 * bytes; put() answers ST_RANGE to an epoch or seq above it, and to ttl_ms < 0. expire()
 * answers ST_RANGE to ttl_ms < 1; a key that is not there is no error.
 *
 * Streams. append() is a script, too: an entry is added only if the stream's last id (XINFO STREAM,
 * last-generated-id: what consumers delete does not change it) is not smaller than `after`, the one
 * that was added before it. If it is (FLUSHALL, a restart from an older copy, DEL), nothing is
 * added: else what is added again later would be refused as too old. An id that is not larger than
 * the last one was added before: that counts as written. XADD has MAXLEN ~.
 *
 * Loss is noticed by run id and replication id (INFO) at every connection. READONLY closes
 * the connection, so that the next one may find the new master.
 *
 * Cluster (redis_nodes.h): recognised by itself. A connection to each master, a pipeline split
 * among them and still one round trip; replies come in the order of the puts. MOVED and ASK are
 * followed; CLUSTERDOWN, TRYAGAIN are errors of the write, to be tried again. When one master is
 * away, flush() hands out what was answered before the first write of that one and says ST_LOST;
 * connect() says ST_AGAIN until every slot has a master that can be reached: so *all* writes wait,
 * as their order is that of the queue. Loss is noticed of each node, also FLUSHALL of a single one:
 * get() looks at each node's last value, if it is still there.
 *
 * get() and last_id() answer ST_OK, ST_LOST, ST_INVALID (no string, no stream stands there), ST_IO
 * (refused).
 *
 * Rights that the daemon needs (ACL, Redis 6.2 or newer):
 *
 *     ACL SETUSER crossrec on ><password> ~<prefix>:* &<prefix>:* +evalsha +script|load +getrange
 *         +get +set +pexpire +info +publish +xadd +xlen +xinfo|stream
 *
 * and in a cluster +cluster|slots +asking, on each node. Without +info every reconnection counts as
 * a loss and the eviction policy is not seen.
 *
 * SIGPIPE: hiredis 0.14 writes with write(2). Block or ignore the signal in the thread that
 * uses this (the publisher's does), or a broken connection kills the process.
 *
 * Ownership: struct redis owns its connections. Threads: one. Timeouts on everything.
 */
#ifndef REDIS_H
#define REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports.h"
#include "status.h"

enum { REDIS_SEEDS_MAX = 16 };

struct redis; /* opaque */

struct redis_params {
    const char *address;  /* host:port, [v6]:port, unix:/path; or by commas up to
                             REDIS_SEEDS_MAX host:port of one Redis Cluster, tried in turn */
    const char *user;     /* "" : default user                */
    const char *password; /* "" : none                        */
    int64_t timeout_ms;   /* of connecting and of each reply  */
};

/** Checks the address; connects at the first use. Parameters are copied.
 *  @return ST_OK, ST_INVALID (err says what an address looks like), ST_NOMEM */
MUST_CHECK enum status redis_new(const struct redis_params *params, struct redis **out, char *err,
                                 size_t err_len);
void redis_free(struct redis *r);

/** As the publisher sees it. */
struct store redis_store(struct redis *r);

/** For `check` and tools: what the server is and whether the rights suffice. Writes lines
 *  of text "ok: ..." or "problem: ...; type ..." through `say`; returns the problems.
 *  Tries each right that the daemon uses on `<prefix>:check:<random>`, a value and a stream, and on
 *  channel `<prefix>:check`; maxmemory-policy, version >= 6.2; of a cluster at each master. */
int redis_check(struct redis *r, const char *prefix,
                void (*say)(void *arg, bool ok, const char *text), void *arg);

/** "0.14.1": version of the library; TLS needs 1.0 or newer. */
const char *redis_client_version(void);

#endif
