/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_link.h -- what redis.c shows to redis_check.c, and to nobody else.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "redis.h"
#include "resp.h"

enum { REDIS_ID_MAX = 48 }; /* run id, replication id, SHA-1: 40 digits, terminated */

/** What INFO says; "" where it does not say. */
struct redis_identity {
    char run_id[REDIS_ID_MAX], replication_id[REDIS_ID_MAX];
    char policy[REDIS_ID_MAX]; /* maxmemory-policy */
    char version[REDIS_ID_MAX];
};

/** Closes what is open; connects, authenticates, loads the script, asks who the server is.
 *  @return ST_OK; ST_AGAIN or ST_INVALID as of store.connect, with `why`, closed */
MUST_CHECK enum status redis_open(struct redis *r, struct redis_identity *id, char *why,
                                  size_t len);

/** Closes the connection and forgets the pipeline. */
void redis_close(struct redis *r);

/** @return ST_OK; ST_INVALID (the policy evicts keys without expiry) with what to type */
MUST_CHECK enum status redis_policy(const struct redis_identity *id, char *why, size_t len);

/** One command, args[0] its name. @return ST_OK (answered, and by no error); ST_AGAIN,
 *  ST_INVALID (rights), ST_LOST, with `why` */
MUST_CHECK enum status redis_try(struct redis *r, const struct span *args, size_t n, char *why,
                                 size_t len);

/** What EVALSHA takes. */
const char *redis_script_sha(const struct redis *r);

#endif
