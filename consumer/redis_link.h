/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_link.h -- one connection to one Redis server. redis_link.c is the one file that knows
 * hiredis; redis_nodes.h has the links to all servers.
 *
 * Ownership: a link owns its connection; whoever is given an answer frees it. Threads: one.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis_slots.h"
#include "resp.h"
#include "status.h"

enum {
    REDIS_ID_MAX = 48, /* run id, replication id, SHA-1: 40 digits, terminated */
    REDIS_SECRET_MAX = 512,
};

/* ---- answers ---------------------------------------------------------------------------- */

struct answer; /* opaque */

enum answer_kind {
    ANSWER_NONE, /* of NULL: the connection broke */
    ANSWER_NIL,
    ANSWER_STATUS,
    ANSWER_ERROR,
    ANSWER_TEXT,
    ANSWER_NUMBER,
    ANSWER_LIST,
};

void answer_free(struct answer *a); /* NULL is allowed, as everywhere here */
enum answer_kind answer_kind(const struct answer *a);
/** Of a status, an error or a text, terminated; "" of the others. */
struct span answer_text(const struct answer *a);
int64_t answer_number(const struct answer *a);
/** Of a list; 0 of the others. */
size_t answer_size(const struct answer *a);
const struct answer *answer_at(const struct answer *a, size_t i);
/** An error that begins with `code`. */
bool answer_is_error(const struct answer *a, const char *code);

/* ---- links ------------------------------------------------------------------------------ */

struct redis_login {
    char user[REDIS_SECRET_MAX]; /* "": default user */
    char password[REDIS_SECRET_MAX];
    int64_t timeout_ms;
    const char *prefix; /* of keys, for messages; NULL: unknown */
};

/** What INFO says; "" and false where it does not say. */
struct redis_identity {
    char run_id[REDIS_ID_MAX], replication_id[REDIS_ID_MAX];
    char policy[REDIS_ID_MAX]; /* maxmemory-policy */
    char version[REDIS_ID_MAX];
    bool is_cluster; /* it is a node of one */
};

/** Zero-initialised: not connected. */
struct redis_link {
    struct redisContext *c;   /* NULL: not connected                              */
    struct redis_identity id; /* of the connection that is open, or was last      */
    char write_sha[REDIS_ID_MAX], append_sha[REDIS_ID_MAX]; /* what EVALSHA takes */
    bool warned_info;
};

/** Closes what is open; connects, authenticates, loads the scripts, asks who the server is.
 *  @return ST_OK; ST_AGAIN or ST_INVALID as of store.connect, with `why`, closed */
MUST_CHECK enum status redis_link_open(struct redis_link *k, const struct slot_address *address,
                                       const struct redis_login *login, char *why, size_t len);
void redis_link_close(struct redis_link *k);

/** Loads the scripts again. False: it cannot, and the link is closed. */
MUST_CHECK bool redis_link_load(struct redis_link *k, const struct redis_login *login);

/** Sends one command and waits. NULL: the connection broke, or there is none; it is closed. */
struct answer *redis_link_ask(struct redis_link *k, const struct span *args, size_t n);

/** The same for tools. @return ST_OK (answered, and by no error); ST_AGAIN, ST_INVALID (rights)
 *  with `why` */
MUST_CHECK enum status redis_link_try(struct redis_link *k, const struct redis_login *login,
                                      const struct span *args, size_t n, char *why, size_t len);

/** Commands in the wire format, which are sent by the next push or read; of many some at once.
 *  False: closed. */
bool redis_link_queue(struct redis_link *k, struct span commands);
/** Sends what is queued without waiting for answers. False: it broke and is closed. */
bool redis_link_push(struct redis_link *k);
/** The next answer to what was queued. NULL: it broke and is closed. */
struct answer *redis_link_read(struct redis_link *k);

/** @return ST_OK; ST_INVALID (the policy evicts keys without expiry) with what to type */
MUST_CHECK enum status redis_policy(const struct redis_identity *id, char *why, size_t len);

/** The line that gives all rights that the daemon needs. */
void redis_rights(const struct redis_login *login, bool cluster, char *buf, size_t len);

const char *redis_link_library(void);

#endif
