/* SPDX-License-Identifier: Apache-2.0
 *
 * state_look.h -- a record of the changelog opened whole: envelope, body, whose it is.
 *
 * Ownership: the words are the caller's; a look owns its user and is overwritten by the next,
 * state_look_free() in the end. Zero-initialised is empty. Threads: one.
 */
#ifndef STATE_LOOK_H
#define STATE_LOOK_H

#include <stdint.h>

#include "state_record.h"
#include "status.h"
#include "user.h"
#include "user_record.h"

struct state_look {
    enum state_kind kind; /* STATE_USER or STATE_TASK */
    struct user *user;    /* owned */
    struct state_task task;
    int64_t taken_ms; /* of a task: largest event time taken; INT64_MIN: none */
};

/**
 * @param why  out, a literal: what is wrong with it
 * @return ST_OK; ST_INVALID (damaged, or not what the key says); ST_RANGE (a later version wrote
 *         it, or for other domains than n_domains); ST_NOMEM
 */
MUST_CHECK enum status state_look(struct state_look *l, const struct state_key *key,
                                  const void *value, size_t len, uint32_t n_domains,
                                  const struct user_words *words, const char **why);
void state_look_free(struct state_look *l);

#endif
