/* SPDX-License-Identifier: Apache-2.0
 *
 * reset.c -- `crossrec topic reset` and `crossrec model reset`: what an operator types when a topic
 * was recreated, or when the shared model is to begin anew. Instances must be stopped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "commands.h"
#include "kafka.h"
#include "state_record.h"

enum {
    POLL_MAX = 256,
    POLL_MS = 200,
    FLUSH_MS = 10000,
    PATIENCE = 100,
    WATCH_MS = 6000, /* an instance that lost its session joins again, and commits, in less */
    LOOK_MS = 500,
    BOUNDS_MS = 2000,
    COMMITS = 4, /* or so many times the commit interval, if that is more */
};

static int failed(const char *err) {
    fprintf(stderr, "crossrec: %s\n", err);
    return CLI_FAILED;
}

static bool has_no_members(const struct config *cfg) {
    char err[CONFIG_ERROR_MAX] = "";
    int members = 0;
    if (kafka_group_members(cfg, &members, err)) {
        (void)failed(err);
        return false;
    }
    if (members > 0) {
        fprintf(stderr,
                "crossrec: %d instances of group %s are running: stop them first (one that was "
                "killed counts until its session has ended)\n",
                members, cfg->group);
    }
    return members == 0;
}

/* Ends of all partitions of a topic, added up: open transactions count. 0: there is no topic. */
static enum status end_of(const struct config *cfg, const char *topic, int64_t *end, char *err) {
    struct kafka_log *log = NULL;
    int32_t partitions = 0;
    *end = 0;
    enum status st = kafka_topic_partitions(cfg, topic, FLUSH_MS, &partitions, err);
    if (st) {
        return st == ST_NOT_FOUND ? ST_OK : st;
    }
    st = kafka_log_new(cfg, topic, &log, err);
    for (int32_t p = 0; !st && p < partitions; p++) {
        struct log_bounds b;
        st = kafka_log_bounds(log, p, &b, BOUNDS_MS);
        snprintf(err, CONFIG_ERROR_MAX, "%s partition %d: its end is not known", topic, (int)p);
        *end += st ? 0 : b.high;
    }
    kafka_log_free(log);
    return st;
}

/* What running instances write to. */
static enum status written(const struct config *cfg, int64_t out[2], char *err) {
    enum status st = end_of(cfg, cfg->model_topic, &out[0], err);
    return st ? st : end_of(cfg, cfg->state_topic, &out[1], err);
}

/* Whoever is running would go on with what it has in memory. The group alone does not tell: an
 * instance under load may have lost its session just now. Then it joins again, or goes on to write,
 * within a few seconds. */
static bool is_stopped(const struct config *cfg) {
    char err[CONFIG_ERROR_MAX] = "";
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    const int64_t commits_ms = COMMITS * cfg->commit_interval_ms;
    const int64_t until_ms = clock_mono_ms() + (commits_ms > WATCH_MS ? commits_ms : WATCH_MS);
    int64_t before[2];
    int64_t after[2];
    if (!has_no_members(cfg)) {
        return false;
    }
    if (written(cfg, before, err)) {
        (void)failed(err);
        return false;
    }
    fprintf(stderr,
            "crossrec: nobody is in group %s; looking for %d s whether anybody joins or "
            "writes\n",
            cfg->group, (int)((until_ms - clock_mono_ms() + 999) / 1000));
    while (clock_mono_ms() < until_ms) {
        nanosleep(&nap, NULL);
        if (!has_no_members(cfg)) {
            return false;
        }
    }
    if (written(cfg, after, err)) {
        (void)failed(err);
        return false;
    }
    if (before[0] != after[0] || before[1] != after[1]) {
        fprintf(stderr,
                "crossrec: somebody writes to %s: an instance is running, though group %s has no "
                "members just now: stop it first\n",
                before[0] != after[0] ? cfg->model_topic : cfg->state_topic, cfg->group);
        return false;
    }
    return true;
}

static bool has_state(const struct config *cfg) {
    if (cfg->state != STATE_KAFKA) {
        fprintf(stderr,
                "crossrec: crossrec.state = memory keeps nothing in Kafka: there is nothing to "
                "reset\n");
    }
    return cfg->state == STATE_KAFKA;
}

/* ---- everything is forgotten ----------------------------------------------------------------- */

static bool delete_topic(const struct config *cfg, const char *topic) {
    char err[CONFIG_ERROR_MAX] = "";
    const enum status st = kafka_topic_delete(cfg, topic, err);
    if (st && st != ST_NOT_FOUND) {
        (void)failed(err);
        return false;
    }
    printf("%s: %s\n", topic, st ? "was not there" : "deleted; it is made again at the next start");
    return true;
}

static int rebuild(const struct config *cfg) {
    char err[CONFIG_ERROR_MAX] = "";
    if (!delete_topic(cfg, cfg->state_topic) || !delete_topic(cfg, cfg->model_topic) ||
        !delete_topic(cfg, cfg->items_topic)) {
        return CLI_FAILED;
    }
    const enum status st = kafka_group_delete(cfg, err);
    if (st && st != ST_NOT_FOUND) {
        return failed(err);
    }
    printf("group %s: forgotten\nAt the next start everything that the input topics retain is "
           "learned again, from the first event on.\n",
           cfg->group);
    return CLI_OK;
}

/* ---- positions ------------------------------------------------------------------------------ */

/* A copy in place of the one before, if the record is a task's own. */
static enum status keep_task(const struct record *r, uint8_t **bytes, size_t *len) {
    struct state_key key;
    if (r->end || !r->value || state_key_parse(r->key, r->key_len, &key) ||
        key.kind != STATE_TASK) {
        return ST_OK;
    }
    uint8_t *copy = realloc(*bytes, r->value_len);
    if (!copy) {
        return ST_NOMEM;
    }
    memcpy(copy, r->value, r->value_len);
    *bytes = copy;
    *len = r->value_len;
    return ST_OK;
}

/* The newest record of a task: malloc'ed, NULL if there is none. */
static enum status read_task(struct kafka_log *log, int32_t partition, uint8_t **bytes, size_t *len,
                             char *err) {
    struct log_bounds b;
    struct record records[POLL_MAX];
    enum status st = kafka_log_bounds(log, partition, &b, 2000);
    st = st ? st : kafka_log_add(log, partition, -1);
    for (int idle = 0; !st && kafka_log_position(log, partition) < b.high;) {
        const size_t n = kafka_log_poll(log, records, POLL_MAX, POLL_MS);
        idle = n ? 0 : idle + 1;
        st = idle > PATIENCE ? ST_AGAIN : ST_OK;
        for (size_t k = 0; k < n && !st; k++) {
            st = keep_task(&records[k], bytes, len);
        }
    }
    kafka_log_remove(log, partition);
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX, "partition %d cannot be read to its end: %s",
                 (int)partition, status_str(st));
    }
    return st;
}

/* The topic begins anew in the record: a larger incarnation, the earliest retained offset. False:
 * the record does not know the topic. */
static bool begin_anew(struct state_task *t, const char *topic) {
    for (uint32_t k = 0; k < t->n_topics; k++) {
        if (strcmp(t->topics[k].topic, topic) == 0) {
            t->topics[k].incarnation++;
            t->topics[k].next = -1;
            return true;
        }
    }
    return false;
}

static enum status write_task(struct kafka_producer *producer, const struct config *cfg,
                              int32_t partition, const struct state_task *t) {
    struct pack body = {0};
    struct pack value = {0};
    uint8_t key[STATE_KEY_TASK_LEN];
    state_key_task(key);
    state_task_write(&body, t);
    state_record_seal(&value, STATE_TASK, body.bytes, body.len);
    enum status st = body.failed || value.failed
                         ? ST_NOMEM
                         : kafka_produce_to(producer, cfg->state_topic, partition, key, sizeof key,
                                            value.bytes, value.len, 0, NULL, 0);
    free(body.bytes);
    free(value.bytes);
    return st;
}

static enum status go_on_one(const struct config *cfg, struct kafka_log *log,
                             struct kafka_producer *producer, int32_t p, const char *topic,
                             char *err) {
    uint8_t *bytes = NULL;
    size_t len = 0;
    const uint8_t *body = NULL;
    size_t body_len = 0;
    enum state_kind kind = STATE_TASK;
    struct state_task t;
    enum status st = read_task(log, p, &bytes, &len, err);
    if (!st && !bytes) {
        printf("%s partition %d: no task was ever committed, nothing to do\n", topic, (int)p);
    } else if (!st) {
        st = state_record_open(bytes, len, &kind, &body, &body_len);
        st = st ? st : state_task_read(body, body_len, &t);
        if (!st && begin_anew(&t, topic)) {
            st = write_task(producer, cfg, p, &t);
            printf("%s partition %d: read from its earliest retained offset at the next start\n",
                   topic, (int)p);
        } else if (!st) {
            printf("%s partition %d: nothing of it was ever learned, nothing to do\n", topic,
                   (int)p);
        }
        if (st) {
            snprintf(err, CONFIG_ERROR_MAX, "the record of task %d in %s: %s", (int)p,
                     cfg->state_topic, status_str(st));
        }
    }
    free(bytes);
    return st;
}

static int go_on(const struct config *cfg, const char *topic) {
    char err[CONFIG_ERROR_MAX] = "";
    char why[CONFIG_VALUE_MAX] = "";
    struct kafka_log *log = NULL;
    struct kafka_producer *producer = NULL;
    enum status st = kafka_log_new(cfg, cfg->state_topic, &log, err);
    st = st ? st : kafka_producer_new(cfg, &producer, err);
    for (int32_t p = 0; !st && p < kafka_log_partitions(log); p++) {
        st = go_on_one(cfg, log, producer, p, topic, err);
    }
    if (!st) {
        st = kafka_producer_flush(producer, FLUSH_MS, why, sizeof why);
        snprintf(err, sizeof err, "the new positions were not written: %.200s", why);
    }
    kafka_producer_free(producer);
    kafka_log_free(log);
    return st ? failed(err[0] ? err : status_str(st)) : CLI_OK;
}

/* ---- the commands -----------------------------------------------------------------------------
 */

static bool is_input(const struct config *cfg, const char *topic) {
    uint32_t t = 0;
    while (t < cfg->n_topics && strcmp(cfg->topics[t].name, topic) != 0) {
        t++;
    }
    return t < cfg->n_topics;
}

static int topic_reset(const struct cli *cli) {
    const struct config *cfg = &cli->cfg;
    const bool on = cli_flag(cli, "--continue") != NULL;
    const bool again = cli_flag(cli, "--rebuild") != NULL;
    if (strcmp(cli->args[0], "reset") != 0) {
        fprintf(stderr, "crossrec: topic has no `%s`; it has reset\n", cli->args[0]);
        return CLI_USAGE;
    }
    const char *topic = cli->args[1];
    const bool input = is_input(cfg, topic);
    if (on == again) {
        fprintf(stderr,
                "crossrec: topic reset needs one of --continue (keep what was learned and "
                "read what the topic has) and --rebuild (forget everything, learn again)\n");
        return CLI_USAGE;
    }
    if (!input && strcmp(topic, cfg->state_topic) != 0 && strcmp(topic, cfg->outbox_topic) != 0) {
        fprintf(stderr, "crossrec: %s is neither an input topic of this configuration nor %s\n",
                topic, cfg->state_topic);
        return CLI_USAGE;
    }
    if (on && strcmp(topic, cfg->state_topic) == 0) {
        fprintf(stderr,
                "crossrec: without %s there is nothing to go on from: type --rebuild, or "
                "restore the topic from a backup\n",
                topic);
        return CLI_USAGE;
    }
    if (!has_state(cfg) || !is_stopped(cfg)) {
        return CLI_FAILED;
    }
    return on ? go_on(cfg, topic) : rebuild(cfg);
}

static int model_reset(const struct cli *cli) {
    const struct config *cfg = &cli->cfg;
    if (strcmp(cli->args[0], "reset") != 0) {
        fprintf(stderr, "crossrec: model has no `%s`; it has reset\n", cli->args[0]);
        return CLI_USAGE;
    }
    if (!has_state(cfg) || !is_stopped(cfg) || !delete_topic(cfg, cfg->model_topic) ||
        !delete_topic(cfg, cfg->items_topic)) {
        return CLI_FAILED;
    }
    printf(
        "The shared model begins anew with the events that come; users and what they took stay.\n"
        "To learn it from what the input topics retain: crossrec topic reset %s --rebuild\n",
        cfg->state_topic);
    return CLI_OK;
}

static const struct flag TOPIC_FLAGS[] = {
    {"--continue", NULL, "keep what was learned; read the topic from its earliest offset"},
    {"--rebuild", NULL, "forget users and model; learn all input topics again"},
};

const struct command command_topic = {
    .name = "topic",
    .args = "reset NAME",
    .summary = "go on after a topic was recreated or retention passed what was not learned",
    .text = "With state = kafka each task knows how far it has learned each input topic. When a\n"
            "topic no longer has that place, crossrec stops and names this command. Stop all\n"
            "instances first.",
    .flags = TOPIC_FLAGS,
    .n_flags = sizeof TOPIC_FLAGS / sizeof *TOPIC_FLAGS,
    .min_args = 2,
    .max_args = 2,
    .config = true,
    .run = topic_reset,
};

const struct command command_model = {
    .name = "model",
    .args = "reset",
    .summary = "begin the shared model anew; users stay",
    .text = "Deletes the topics of the shared model. Stop all instances first.",
    .min_args = 1,
    .max_args = 1,
    .config = true,
    .run = model_reset,
};
