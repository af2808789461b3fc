/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h -- `crossrec check`, step by step: what the steps share.
 *
 * check.c has the table of steps and those that need no Kafka; check_kafka.c the others. A
 * step reports what it finds and goes on; steps that need what is not there do nothing.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

#include "cli.h"
#include "config.h"
#include "kafka.h"
#include "report.h"

enum {
    CHECK_STEP_MS = 5000, /* a step waits for no answer longer than this */
    CHECK_TOPICS_MAX = 3 * CONFIG_TOPICS_MAX + 1,
};

struct check {
    const struct cli *cli;
    const struct config *cfg;
    struct report report;
    bool kafka; /* it answered: topics are known */
    int brokers;
    /* the input topics in their order, the dead-letter topic, global ones, raw ones */
    size_t n_topics;
    struct kafka_topic_info topics[CHECK_TOPICS_MAX];
};

void check_reachable(struct check *c);   /* brokers, and what librdkafka cannot do */
void check_topics(struct check *c);      /* each exists; equal partition counts    */
void check_partitioner(struct check *c); /* records lie where their keys say       */
void check_positions(struct check *c);   /* of the group                           */

#endif
