/* SPDX-License-Identifier: Apache-2.0
 *
 * restart_fill.h -- crossrec's own topics as a run over many users would have left them, without
 * the run: a learner takes the events of the synthetic world's users, again and again under other
 * names, and what it seals is written as an instance writes it.
 *
 * Events have weight 0: users get their histories, sets, features and ids, the model learns the
 * items' names and nothing else. So a million users are made in minutes, of the sizes that users
 * have; the shared model stays small.
 *
 * Input positions are 0: the input topics must be empty. No instance may run.
 */
#ifndef RESTART_FILL_H
#define RESTART_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct filled {
    uint64_t users, events, bytes; /* bytes: of user records, as they lie in the changelog */
    uint32_t median, p99, max;     /* bytes of one */
    double seconds;
};

/** Fills cfg->state_topic (`tasks` partitions) and cfg->model_topic, which exist. Users are called
 *  u0, u1, ... @return false, with the reason on stderr, if it cannot */
bool restart_fill(const struct config *cfg, uint32_t users, int32_t tasks, struct filled *out);

#endif
