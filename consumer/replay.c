/* SPDX-License-Identifier: Apache-2.0
 * replay.c -- crossrec replay: event files into the input topics. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "commands.h"
#include "feed.h"
#include "interrupt.h"
#include "kafka.h"
#include "log.h"
#include "pace.h"
#include "progress.h"
#include "registry.h"
#include "replay_files.h"
#include "replay_topics.h"
#include "schemas.h"
#include "shipped.h"

enum {
    PARTITIONS_MAX = 10000,
    SERVE_MS = 100,     /* longest sleep without looking at delivery reports      */
    FLUSH_MS = 1000,    /* ... at the end                                         */
    GIVE_UP_MS = 60000, /* nothing was acknowledged for so long                   */
};

struct job {
    const struct config *cfg;
    struct replay_files files;
    struct kafka_producer *producer;
    uint32_t ids[READERS]; /* of the schemas that records are written in */
    struct feed *feed;
    struct pace pace;
    struct progress progress;
    int64_t limit;      /* events; INT64_MAX: all */
    int64_t partitions; /* of topics to be created; 0: create none */
    int64_t start_ms;
    uint64_t events;            /* sent */
    uint64_t failed;            /* events that were not taken by the producer */
    uint64_t recast;            /* events whose action the topic's schema cannot carry */
    char why[CONFIG_ERROR_MAX]; /* of what failed; "" */
};

/* ---- flags ------------------------------------------------------------------------------- */

static const struct flag flags[] = {
    {"--speed", "X", "as fast as it happened times X: 60x is a minute a second"},
    {"--rate", "N", "N events a second"},
    {"--limit", "N", "stop after N events"},
    {"--create", "PARTITIONS", "create the configured topics that do not exist"},
};

static bool read_flags(const struct cli *cli, struct job *j) {
    int64_t rate = 0;
    const char *speed = cli_flag(cli, "--speed");
    if (speed && pace_parse_speed(speed, &j->pace.speed)) {
        fprintf(stderr, "crossrec: --speed %s: must be a number above 0, such as 3600x\n", speed);
        return false;
    }
    if (!cli_number(cli, "--rate", 1, 100000000, 0, &rate) ||
        !cli_number(cli, "--limit", 1, INT64_MAX, INT64_MAX, &j->limit) ||
        !cli_number(cli, "--create", 1, PARTITIONS_MAX, 0, &j->partitions)) {
        return false;
    }
    j->pace.rate = (double)rate;
    return true;
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Serves the producer meanwhile. */
static void wait_ms(struct job *j, int64_t ms) {
    const int64_t until = clock_mono_ms() + ms;
    int64_t left;
    while (!interrupt_came() && (left = until - clock_mono_ms()) > 0) {
        kafka_producer_poll(j->producer, left < SERVE_MS ? (int)left : SERVE_MS);
        progress_show(&j->progress, j->events, "events", false);
    }
}

static void send_event(struct job *j, struct replay_event *e) {
    struct decoded event = e->event->event;
    const enum action otherwise = feed_action(j->feed, e->domain);
    if (!e->event->has_action) {
        event.action = otherwise;
    }
    j->recast += event.action != otherwise && !feed_has_action(j->feed, e->domain);
    enum status st = feed_send(j->feed, e->domain, &event);
    if (!st) {
        j->events++;
    } else if (j->failed++ == 0) {
        snprintf(j->why, sizeof j->why, "event %.*s: %s", (int)event.event_id_len, event.event_id,
                 st == ST_IO ? "refused, see above" : status_str(st));
    }
}

/* @return ST_OK; ST_INVALID (a domain that is not configured, which was said) */
static enum status send_all(struct job *j) {
    struct replay_event e;
    enum status st = ST_OK;
    while (!interrupt_came() && (int64_t)(j->events + j->failed) < j->limit) {
        st = replay_files_next(&j->files, &e);
        if (st) {
            break;
        }
        if (j->pace.speed > 0.0 || j->pace.rate > 0.0) {
            wait_ms(j, pace_wait_ms(&j->pace, clock_mono_ms(), e.event->event.ts_ms));
        }
        if (!interrupt_came()) {
            send_event(j, &e);
            progress_show(&j->progress, j->events, "events", false);
        }
    }
    progress_show(&j->progress, j->events, "events", true);
    return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Waits until all is acknowledged, as long as anything is. False with j->why set. */
static bool settle(struct job *j) {
    char why[CONFIG_ERROR_MAX];
    uint64_t acked = kafka_producer_acked(j->producer);
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        enum status st = kafka_producer_flush(j->producer, FLUSH_MS, why, sizeof why);
        if (st != ST_AGAIN) {
            snprintf(j->why, sizeof j->why, "%s", st ? why : j->why);
            return st == ST_OK;
        }
        if (kafka_producer_acked(j->producer) != acked) {
            acked = kafka_producer_acked(j->producer);
            since_ms = clock_mono_ms();
        }
        if (interrupt_came() || clock_mono_ms() - since_ms > GIVE_UP_MS) {
            snprintf(j->why, sizeof j->why, "%zu records were not acknowledged: %.900s",
                     kafka_producer_queued(j->producer), why);
            return false;
        }
    }
}

/* ---- the end ------------------------------------------------------------------------------- */

static void summarise(const struct job *j, int64_t elapsed_ms) {
    char events[PROGRESS_NUMBER_MAX];
    char lines[PROGRESS_NUMBER_MAX];
    char acked[PROGRESS_NUMBER_MAX];
    char rate[PROGRESS_NUMBER_MAX];
    char bad[PROGRESS_NUMBER_MAX];
    const double s = (double)(elapsed_ms > 0 ? elapsed_ms : 1) / 1000.0;
    fprintf(
        stderr, "%s events of %s lines: %s records written in %.2f s (%s events/s), %s bad lines\n",
        progress_number(j->events, events), progress_number(replay_files_lines(&j->files), lines),
        progress_number(kafka_producer_acked(j->producer), acked), s,
        progress_number((uint64_t)((double)j->events / s), rate),
        progress_number(replay_files_bad(&j->files), bad));
    if (j->recast > 0) {
        fprintf(stderr,
                "note: %s events had another action than ORDER and went to a FoodOrder topic, "
                "which makes them orders; type --set topic.NAME.schema=CourseView to keep it\n",
                progress_number(j->recast, events));
    }
    if (j->failed > 0) {
        fprintf(stderr, "%s events failed\n", progress_number(j->failed, events));
    }
    if (j->why[0]) {
        fprintf(stderr, "crossrec: %s\n", j->why);
    }
}

/* The id under which records of a topic are written: the registry's, where there is one. */
static bool find_id(struct job *j, uint32_t topic, enum reader reader) {
    char subject[CONFIG_NAME_MAX + 8];
    struct registry_answer answer = {0};
    j->ids[reader] = shipped_id(reader);
    if (!j->cfg->registry_url[0]) {
        return true;
    }
    snprintf(subject, sizeof subject, "%s-value", j->cfg->topics[topic].name);
    const enum status st = registry_register(j->cfg, subject, shipped_json(reader), &answer);
    j->ids[reader] = answer.id;
    if (st) {
        fprintf(stderr, "crossrec: %s: %s\n", subject, answer.why);
    }
    registry_answer_free(&answer);
    return st == ST_OK;
}

/* crossrec run, with schemas.dir, must know the ids that the records carry. */
static bool check_id(const struct job *j, struct schemas *schemas, uint32_t topic,
                     enum reader reader) {
    const struct decoder *decoder = NULL;
    if (j->cfg->registry_url[0] ||
        schemas_decoder(schemas, j->ids[reader], topic, &decoder, NULL) == SCHEMAS_READY) {
        return true;
    }
    fprintf(stderr,
            "crossrec: replay writes %s as schema id %" PRIu32 ", which schemas.dir does "
            "not have; copy schemas/%s.avsc there as %" PRIu32 ".avsc\n",
            reader_name(reader), j->ids[reader], reader_name(reader), j->ids[reader]);
    return false;
}

static bool check_domains(struct job *j, struct schemas *schemas) {
    bool good = true;
    for (uint32_t d = 0; d < j->cfg->n_domains; d++) {
        enum reader reader;
        const uint32_t topic = feed_topic_of(j->cfg, d, &reader);
        if (topic < j->cfg->n_topics && replay_files_has(&j->files, d)) {
            good = find_id(j, topic, reader) && check_id(j, schemas, topic, reader) && good;
        }
    }
    return good;
}

static bool check_schemas(struct job *j) {
    char err[CONFIG_ERROR_MAX] = "";
    struct mapping *mappings[CONFIG_TOPICS_MAX] = {NULL};
    struct schemas *schemas = NULL;
    enum status st = ST_OK;
    for (uint32_t t = 0; !st && t < j->cfg->n_topics; t++) {
        st = mapping_new(j->cfg, &j->cfg->topics[t], &mappings[t], err);
    }
    st = st ? st
            : schemas_new(j->cfg->schemas_dir, (const struct mapping *const *)mappings,
                          j->cfg->n_topics, NULL, &schemas, err, sizeof err);
    if (st) {
        fprintf(stderr, "crossrec: schemas: %s\n", err[0] ? err : status_str(st));
    }
    const bool good = !st && check_domains(j, schemas);
    schemas_free(schemas);
    for (uint32_t t = 0; t < j->cfg->n_topics; t++) {
        mapping_free(mappings[t]);
    }
    return good;
}

/* Topics are there: send, settle, summarise. */
static int run_job(struct job *j) {
    char err[CONFIG_ERROR_MAX];
    enum status st = kafka_producer_new(j->cfg, &j->producer, err);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", st == ST_NOMEM ? status_str(st) : err);
        return CLI_FAILED;
    }
    st = feed_new(j->cfg, j->producer, j->ids, &j->feed);
    if (st) {
        fprintf(stderr, "crossrec: cannot encode: %s\n", status_str(st));
        return CLI_FAILED;
    }
    const uint64_t total = replay_files_total(&j->files);
    progress_start(&j->progress, total < (uint64_t)j->limit ? total : (uint64_t)j->limit);
    j->start_ms = clock_mono_ms();
    st = send_all(j);
    const bool settled = settle(j);
    summarise(j, clock_mono_ms() - j->start_ms);
    if (interrupt_came()) {
        fprintf(stderr, "crossrec: interrupted\n");
    }
    return !st && settled && j->failed == 0 && !interrupt_came() ? CLI_OK : CLI_FAILED;
}

static int replay(const struct cli *cli) {
    struct job *j = calloc(1, sizeof *j);
    if (!j) {
        fprintf(stderr, "crossrec: out of memory\n");
        return CLI_FAILED;
    }
    j->cfg = &cli->cfg;
    int rc = read_flags(cli, j) ? CLI_OK : CLI_USAGE;
    if (!rc) {
        log_set_level((enum config_log_level)cli->cfg.log_level);
        rc = replay_files_open(&j->files, j->cfg, cli->args, cli->n_args) ? CLI_FAILED : CLI_OK;
    }
    if (!rc && !check_schemas(j)) {
        rc = CLI_FAILED;
    }
    if (!rc) {
        rc = replay_topics_ready(j->cfg, &j->files, (int32_t)j->partitions) ? CLI_FAILED : CLI_OK;
    }
    if (!rc) {
        interrupt_catch("\ncrossrec: waiting for what is sent; once more ends at once\n");
        rc = run_job(j);
    }
    feed_free(j->feed);
    kafka_producer_free(j->producer);
    replay_files_close(&j->files);
    free(j);
    return rc;
}

const struct command command_replay = {
    .name = "replay",
    .args = "FILE.tsv...",
    .summary = "send events of files to the input topics",
    .text =
        "Lines are `ts domain user item [action quantity amount discount]`, separated by tabs;\n"
        "ts in seconds or milliseconds since 1970. Lines of equal user, ts, domain and action\n"
        "that follow one another are one event. Several files are merged by time; - is\n"
        "standard input. Domains must be configured; events go to the first topic of their\n"
        "domain. Without --speed and --rate: as fast as possible.",
    .flags = flags,
    .n_flags = sizeof flags / sizeof *flags,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .config = true,
    .run = replay,
};
