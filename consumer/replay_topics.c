/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_topics.c -- see replay_topics.h.
 */
#include "replay_topics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "feed.h"
#include "kafka.h"

enum { ASK_MS = 10000, REPLICAS = 3 };

/* The configured topics as the cluster has them: input topics, then dead letters. */
struct topics {
    const char *names[CONFIG_TOPICS_MAX + 1];
    struct kafka_topic_info infos[CONFIG_TOPICS_MAX + 1];
    size_t n;
    int brokers;
};

static enum status describe(const struct config *cfg, struct topics *t) {
    char err[CONFIG_ERROR_MAX];
    for (uint32_t i = 0; i < cfg->n_topics; i++) {
        t->names[t->n++] = cfg->topics[i].name;
    }
    t->names[t->n++] = cfg->dead_letters;
    enum status st = kafka_topics_describe(cfg, t->names, t->n, ASK_MS, t->infos, &t->brokers, err);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err);
    }
    return st;
}

static bool is_input(const struct config *cfg, size_t i) {
    return i < cfg->n_topics;
}

/* Is it the topic that events of its domain go to, and will there be any? */
static bool is_needed(const struct config *cfg, const struct replay_files *files, size_t i) {
    enum reader reader;
    return is_input(cfg, i) && replay_files_has(files, cfg->topics[i].domain) &&
           feed_topic_of(cfg, cfg->topics[i].domain, &reader) == i;
}

static enum status check_needed(const struct config *cfg, const struct replay_files *files,
                                const struct topics *t) {
    enum status st = ST_OK;
    for (size_t i = 0; i < t->n; i++) {
        if (t->infos[i].partitions == 0 && is_needed(cfg, files, i)) {
            fprintf(stderr, "crossrec: topic %s: %s; add --create PARTITIONS to create it\n",
                    t->names[i], t->infos[i].error);
            st = ST_NOT_FOUND;
        }
    }
    return st;
}

/* Partition p of all input topics is one task: they need the same number of them. */
static enum status check_equal(const struct config *cfg, const struct topics *t,
                               int32_t partitions) {
    for (size_t i = 0; i < t->n; i++) {
        const int32_t has = t->infos[i].partitions;
        if (is_input(cfg, i) && has > 0 && has != partitions) {
            fprintf(stderr,
                    "crossrec: topic %s exists with %" PRId32 " partitions, and all input topics "
                    "need the same number; type --create %" PRId32 "\n",
                    t->names[i], has, has);
            return ST_INVALID;
        }
    }
    return ST_OK;
}

static enum status create(const struct config *cfg, const char *name, int32_t partitions,
                          int16_t replicas) {
    char err[CONFIG_ERROR_MAX];
    enum status st = kafka_topics_create(cfg, &name, 1, partitions, replicas, err);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err);
    } else {
        fprintf(stderr, "created topic %s with %" PRId32 " partition%s\n", name, partitions,
                partitions == 1 ? "" : "s");
    }
    return st;
}

enum status replay_topics_ready(const struct config *cfg, const struct replay_files *files,
                                int32_t partitions) {
    struct topics t = {.n = 0};
    enum status st = describe(cfg, &t);
    if (st || partitions == 0) {
        return st ? st : check_needed(cfg, files, &t);
    }
    st = check_equal(cfg, &t, partitions);
    const int16_t replicas = t.brokers >= REPLICAS ? REPLICAS : 1;
    for (size_t i = 0; !st && i < t.n; i++) {
        if (t.infos[i].partitions == 0) {
            st = create(cfg, t.names[i], is_input(cfg, i) ? partitions : 1, replicas);
        }
    }
    return st;
}
