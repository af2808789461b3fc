/* SPDX-License-Identifier: Apache-2.0
 * storage.c -- see storage.h. */
#include "storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "transactor.h"

enum { LOOK_MS = 10000, LOOKS = 100 };

struct storage {
    const struct config *cfg;
    struct kafka_log *state, *model, *items;
    struct kafka_log *outbox; /* NULL: there are no triggers */
    struct kafka_log *bounds; /* of the changelog, for the committer's thread */
    struct transactor *transactor;
};

/* Small segments, so that compaction comes by; deletions live for a day. */
static const struct kafka_topic_setting COMPACTED[] = {
    {"cleanup.policy", "compact"},        {"segment.ms", "3600000"},
    {"min.cleanable.dirty.ratio", "0.2"}, {"delete.retention.ms", "86400000"},
    {"max.message.bytes", "16777216"},
};
static const struct kafka_topic_setting KEPT[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"max.message.bytes", "16777216"},
};
static const struct kafka_topic_setting OUTBOX[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "604800000"},
};

/* ---- topics --------------------------------------------------------------------------------- */

/* Brokers hear of a topic that another instance has just made one after the other. */
static enum status look(const struct config *cfg, const char *topic, int32_t *n, char *policy,
                        size_t len, char *err) {
    const struct timespec nap = {.tv_nsec = 100 * 1000000L};
    enum status st = ST_NOT_FOUND;
    for (int k = 0; st == ST_NOT_FOUND && k < LOOKS; k++) {
        if (k > 0) {
            nanosleep(&nap, NULL);
        }
        st = kafka_topic_partitions(cfg, topic, LOOK_MS, n, err);
        st = st ? st : kafka_topic_config(cfg, topic, "cleanup.policy", policy, len, err);
    }
    return st;
}

static enum status check_topic(const struct config *cfg, const struct kafka_topic_spec *spec,
                               char *err) {
    int32_t n = 0;
    char policy[64] = "";
    enum status st = look(cfg, spec->name, &n, policy, sizeof policy, err);
    if (!st && n != spec->partitions) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s has %d partitions and needs %d: as many as the input topics, one if it is the "
                 "model's; see \"change of partition count\" in docs/operations.md",
                 spec->name, (int)n, (int)spec->partitions);
        return ST_INVALID;
    }
    if (st) {
        return st;
    }
    if (strcmp(policy, spec->settings[0].value) != 0) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s has cleanup.policy=%s and would lose state: kafka-configs --alter "
                 "--entity-type topics --entity-name %s --add-config cleanup.policy=%s",
                 spec->name, policy, spec->name, spec->settings[0].value);
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status make_topic(const struct config *cfg, const struct kafka_topic_spec *spec,
                              char *err) {
    bool created = false;
    enum status st = kafka_topic_create(cfg, spec, &created, err);
    if (!st && created) {
        LOG_INFO("topic made", LOG_STR("topic", spec->name),
                 LOG_INT("partitions", spec->partitions));
    }
    return st || created ? st : check_topic(cfg, spec, err);
}

static enum status make_topics(const struct config *cfg, char *err) {
    int32_t n = 0;
    enum status st = kafka_topic_partitions(cfg, cfg->topics[0].name, LOOK_MS, &n, err);
    if (st == ST_NOT_FOUND) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "topic %s does not exist: create the input topics first, all with the same number "
                 "of partitions (crossrec check shows them)",
                 cfg->topics[0].name);
        return ST_INVALID;
    }
    const struct kafka_topic_spec specs[] = {
        {cfg->state_topic, n, -1, COMPACTED, sizeof COMPACTED / sizeof *COMPACTED},
        {cfg->model_topic, 1, -1, KEPT, sizeof KEPT / sizeof *KEPT},
        {cfg->items_topic, 1, -1, COMPACTED, sizeof COMPACTED / sizeof *COMPACTED},
        {cfg->outbox_topic, n, -1, OUTBOX, sizeof OUTBOX / sizeof *OUTBOX},
    };
    for (size_t k = 0; k < sizeof specs / sizeof *specs && !st; k++) {
        st = make_topic(cfg, &specs[k], err);
    }
    return st;
}

/* ---- life cycle ----------------------------------------------------------------------------- */

enum status storage_open(const struct config *cfg, struct storage **out, char *err) {
    struct storage *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    s->cfg = cfg;
    char id[2 * CONFIG_NAME_MAX + 16];
    snprintf(id, sizeof id, "%s-%s", cfg->group, cfg->instance_id);
    enum status st = cfg->embedded_broker ? ST_OK : make_topics(cfg, err);
    st = st ? st : kafka_log_new(cfg, cfg->state_topic, &s->state, err);
    st = st ? st : kafka_log_new(cfg, cfg->model_topic, &s->model, err);
    st = st ? st : kafka_log_new(cfg, cfg->items_topic, &s->items, err);
    if (!st && cfg->n_triggers > 0) {
        st = kafka_log_new(cfg, cfg->outbox_topic, &s->outbox, err);
    }
    if (!st && cfg->state_dir[0]) {
        st = kafka_log_new(cfg, cfg->state_topic, &s->bounds, err);
    }
    st = st ? st : transactor_new(cfg, id, &s->transactor, err);
    if (st) {
        storage_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void storage_close(struct storage *s) {
    if (!s) {
        return;
    }
    transactor_free(s->transactor);
    kafka_log_free(s->state);
    kafka_log_free(s->model);
    kafka_log_free(s->items);
    kafka_log_free(s->bounds);
    if (s->outbox) {
        kafka_log_free(s->outbox);
    }
    free(s);
}

static void trim_model(void *ctx, int64_t below) {
    const struct storage *s = ctx;
    char err[CONFIG_ERROR_MAX];
    if (kafka_topic_delete_records(s->cfg, s->cfg->model_topic, 0, below, err)) {
        LOG_WARN("the model's log could not be trimmed: it is kept longer", LOG_INT("below", below),
                 LOG_STR("error", err));
    }
}

void storage_ports(struct storage *s, struct kafka_consumer *consumer,
                   struct instance_ports *ports) {
    transactor_join(s->transactor, consumer);
    ports->transactions = transactor_port(s->transactor);
    ports->changelog = kafka_log_port(s->state);
    if (s->bounds) {
        ports->changelog_bounds = kafka_log_port(s->bounds);
    }
    if (s->outbox) {
        ports->outbox = kafka_log_port(s->outbox);
    }
    ports->model = kafka_log_port(s->model);
    ports->model_items = kafka_log_port(s->items);
    ports->trim_model = trim_model;
    ports->trim_ctx = s;
}

bool storage_problem(struct storage *s, char *buf, size_t len) {
    return kafka_log_problem(s->state, buf, len) || kafka_log_problem(s->model, buf, len);
}
