/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_topics.h -- are the topics there that `crossrec replay` writes to; if wished, made.
 */
#ifndef REPLAY_TOPICS_H
#define REPLAY_TOPICS_H

#include <stdint.h>

#include "config.h"
#include "replay_files.h"
#include "status.h"

/**
 * Asks the brokers, for at most 10 s. What is missing or was made goes to stderr.
 *
 * @param partitions  0: topics that events will go to must exist. Else every configured input
 *                    topic that does not exist is created with so many partitions, and the
 *                    dead-letter topic with one; replicated three times where there are three
 *                    brokers. Input topics that exist must have as many.
 * @return ST_OK, ST_NOT_FOUND (a topic is missing), ST_INVALID (other partition counts), ST_IO
 */
MUST_CHECK enum status replay_topics_ready(const struct config *cfg,
                                           const struct replay_files *files, int32_t partitions);

#endif
