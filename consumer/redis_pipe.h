/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_pipe.h -- a pipeline of commands about one key each, to a server or split among the nodes
 * of a cluster.
 *
 * It is formatted by resp.h: no allocation a command, one hand-over to hiredis of a single server,
 * and after NOSCRIPT or a redirection exactly the commands concerned are sent again. All
 * replies are read before the first is looked at, so that they are in the order of the commands
 * even then. In a cluster each node is sent what is its own, and only then the first answer is
 * waited for: one round trip for all of them.
 *
 * Ownership: owns commands and replies. Threads: one.
 */
#ifndef REDIS_PIPE_H
#define REDIS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis_nodes.h"
#include "resp.h"
#include "status.h"

/* What becomes of a command. */
struct redis_sent {
    struct answer *reply; /* NULL: not answered */
    uint16_t slot;        /* 0 of a single server */
    uint8_t node;
    bool is_due;    /* to be sent, again perhaps */
    bool is_asking; /* behind ASKING */
};

/** Zero-initialised: empty. */
struct redis_pipe {
    struct resp out;
    struct redis_sent *sent; /* (out.n,) */
    size_t n_sent;           /* capacity of `sent`, >= out.n */
};

/** Appends a command. @return ST_OK, ST_NOMEM (nothing was appended) */
MUST_CHECK enum status redis_pipe_append(struct redis_pipe *p, const struct redis_nodes *ns,
                                         struct span key, const struct span *args, size_t n);

/** Sends everything and reads the replies. False: a connection broke; replies of that node may be
 *  missing, the others' are there. */
MUST_CHECK bool redis_pipe_send(struct redis_pipe *p, struct redis_nodes *ns);

/** The reply to command i, i < out.n, NULL if none came; and the node that it came from. */
const struct answer *redis_pipe_reply(const struct redis_pipe *p, size_t i);
size_t redis_pipe_node(const struct redis_pipe *p, size_t i);

/** Forgets commands and replies, keeps the memory; and releases it. */
void redis_pipe_clear(struct redis_pipe *p);
void redis_pipe_free(struct redis_pipe *p);

#endif
