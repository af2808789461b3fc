/* SPDX-License-Identifier: Apache-2.0
 *
 * demo.c -- crossrec demo: the whole way, from events over Kafka to lists in Redis, to be
 * watched. What runs is demo_stage.h, what is printed demo_screen.h.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "demo_clock.h"
#include "demo_end.h"
#include "demo_follow.h"
#include "demo_options.h"
#include "demo_screen.h"
#include "demo_stage.h"
#include "instance.h"
#include "metrics.h"

enum {
    TICK_MS = 100,
    ROW_MS = 1000,
    SHOW_EVERY_MS = 4000, /* the sample user's lists */
    WINDOW = 15,          /* rows of the rolling recall */
    DRAIN_MS = 20000,
    GAUGES_MS = 600, /* after the last record, until `settled` speaks of it */
};

static const double HASTE = 1.005; /* the last event comes before the time is over */

/* Hits and lines over all domains at one moment. */
struct moment {
    double tested, model, popular;
};

struct play {
    struct demo_stage stage;
    struct demo_screen screen;
    struct demo_follow follow;
    struct progress progress;
    int64_t start_ms, row_ms; /* monotonic; row_ms: of the last row */
    double row_events;
    struct moment window[WINDOW];
    uint64_t n_rows;
    int64_t fed_ms;     /* when the feeder was done; 0: not yet             */
    int64_t learned_ms; /* when all that it sent was learned; 0: not yet */
    int64_t elapsed_ms;
};

/* ---- rows ---------------------------------------------------------------------------- */

/* Of a gauge, over its labels. */
static double sum_of(enum metric m, uint32_t n) {
    double sum = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        sum += metric_value(m, k);
    }
    return sum;
}

static double quantile(double q) {
    return metric_value(M_EVENT_TO_REDIS, 0) > 0.0 ? metric_quantile(M_EVENT_TO_REDIS, 0, q) : -1.0;
}

/* Recall over the last WINDOW rows. */
static void roll(struct play *p, struct demo_row *row) {
    const struct moment now = {metric_sum(M_TESTED), metric_sum(M_HITS_MODEL),
                               metric_sum(M_HITS_POP)};
    struct moment *old = &p->window[p->n_rows++ % WINDOW]; /* zero while there are few */
    const double n = now.tested - old->tested;
    row->model = n > 0.0 ? (now.model - old->model) / n : -1.0;
    row->popular = n > 0.0 ? (now.popular - old->popular) / n : -1.0;
    *old = now;
}

static void show_row(struct play *p, int64_t now_ms) {
    const struct config *cfg = &p->stage.cfg;
    const double events = metric_sum(M_EVENTS);
    struct demo_row row = {
        .elapsed_ms = now_ms - p->start_ms,
        .stream_ms = (int64_t)(metric_value(M_STREAM_TIME, 0) * 1e3),
        .events = (uint64_t)events,
        .lag = (uint64_t)sum_of(M_LAG, cfg->n_topics),
        .users = (uint64_t)metric_value(M_USERS, 0),
        .items = (uint64_t)sum_of(M_ITEMS, cfg->n_domains),
        .rate = (events - p->row_events) * 1e3 / (double)(now_ms - p->row_ms),
        .p50_s = quantile(0.5),
        .p99_s = quantile(0.99),
    };
    roll(p, &row);
    demo_screen_row(&p->screen, &row);
    p->row_events = events;
    p->row_ms = now_ms;
}

/* ---- playing ------------------------------------------------------------------------- */

/* Everything sent is learned and published, or it takes too long. */
static bool finished(struct play *p, int64_t now_ms) {
    if (!demo_feeder_done(p->stage.feeder)) {
        return false;
    }
    if (p->fed_ms == 0) {
        p->fed_ms = now_ms;
    }
    if (p->learned_ms == 0 && demo_feeder_taken() >= demo_feeder_records(p->stage.feeder)) {
        p->learned_ms = now_ms;
    }
    if (now_ms - p->fed_ms > DRAIN_MS) {
        return true;
    }
    return p->learned_ms > 0 && now_ms - p->learned_ms > GAUGES_MS &&
           instance_settled(daemon_instance(p->stage.daemon));
}

static void follow(struct play *p, int64_t now_ms) {
    struct demo_sight sight;
    demo_feeder_sight(p->stage.feeder, &sight);
    demo_follow_look(&p->follow, &sight, now_ms, &p->screen);
}

static enum status loop(struct play *p, char *err) {
    bool stopping = false;
    enum status st = ST_OK;
    int64_t now_ms = demo_now_ms();
    while (!st && !finished(p, now_ms)) {
        demo_nap_ms(TICK_MS);
        now_ms = demo_now_ms();
        if (demo_end_asked() && !stopping) {
            stopping = true;
            demo_screen_say(&p->screen, "Stopping: what was sent is still learned and published; "
                                        "once more ends at once.");
            demo_feeder_stop(p->stage.feeder);
        }
        if (!stopping) {
            follow(p, now_ms);
        }
        if (now_ms - p->row_ms >= ROW_MS - TICK_MS / 2) {
            show_row(p, now_ms);
        }
        if (p->screen.bar) {
            progress_show(&p->progress, (uint64_t)metric_sum(M_EVENTS), "events", false);
        }
        if (ferror(stdout)) {
            demo_end_ask(SIGPIPE); /* nobody reads any more */
        }
        st = demo_stage_check(&p->stage, err);
    }
    p->elapsed_ms = (p->learned_ms ? p->learned_ms : now_ms) - p->start_ms;
    return st;
}

static void show_result(struct play *p) {
    const struct config *cfg = &p->stage.cfg;
    struct demo_result r = {
        .elapsed_ms = p->elapsed_ms,
        .events = (uint64_t)metric_sum(M_EVENTS),
        .lists = (uint64_t)metric_sum(M_PUBLISHED),
        .users = (uint64_t)metric_value(M_USERS, 0),
        .items = (uint64_t)sum_of(M_ITEMS, cfg->n_domains),
        .dead_letters = (uint64_t)metric_sum(M_DEAD_LETTERS),
        .bad_lines = demo_events_bad(p->stage.events),
        .p50_s = quantile(0.5),
        .p99_s = quantile(0.99),
    };
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        r.recall[d] = (struct demo_recall){.tested = (uint64_t)metric_value(M_TESTED, d),
                                           .model = (uint64_t)metric_value(M_HITS_MODEL, d),
                                           .popular = (uint64_t)metric_value(M_HITS_POP, d)};
    }
    demo_screen_result(&p->screen, p->stage.events, &r);
}

/* What stays on servers that are not the demo's. */
static void show_left(const struct play *p) {
    const struct demo_options *o = &p->stage.options;
    char cli[CONFIG_VALUE_MAX];
    demo_screen_redis_cli(p->stage.cfg.redis_address, cli, sizeof cli);
    if (o->redis) {
        printf("\nThe lists stay in your Redis until their time is over, or:\n"
               "  redis-cli %s --scan --pattern '%s:*' | xargs redis-cli %s del\n",
               cli, p->stage.cfg.redis_prefix, cli);
    }
    if (o->brokers) {
        printf("\nThe topics stay on your brokers; to delete them:\n"
               "  kafka-topics.sh --bootstrap-server %s --delete --topic 'crossrec-demo-%s-.*'\n",
               o->brokers, o->run);
    }
}

static void keep(struct play *p) {
    char cli[CONFIG_VALUE_MAX];
    demo_screen_redis_cli(p->stage.cfg.redis_address, cli, sizeof cli);
    printf("\nRedis stays until Ctrl-C: redis-cli %s get %s:%s:rec:%s\n", cli,
           p->stage.cfg.redis_prefix, demo_events_domain(p->stage.events, 0),
           demo_events_some_user(p->stage.events));
    fflush(stdout);
    while (!demo_end_asked() && demo_redis_alive(&p->stage.own_redis)) {
        demo_nap_ms(TICK_MS);
    }
}

static enum status play(struct play *p, char *err) {
    const struct demo_options *o = &p->stage.options;
    double rate = (double)o->rate;
    if (rate == 0.0 && !o->file) { /* the whole world in the time that there is */
        rate = HASTE * (double)demo_events_total(p->stage.events) / (double)o->seconds;
    }
    struct demo_places places = demo_stage_places(&p->stage);
    places.rate = rate;
    demo_screen_start(&p->screen, p->stage.events, &places);
    demo_screen_say(&p->screen, "Waiting for the consumer group (some seconds) ...");
    enum status st = demo_stage_ready(&p->stage, err);
    if (!st) {
        st = demo_stage_feed(&p->stage, rate, err);
    }
    if (st) {
        return st;
    }
    p->start_ms = p->row_ms = demo_now_ms();
    p->follow = (struct demo_follow){.store = redis_store(p->stage.reader),
                                     .events = p->stage.events,
                                     .prefix = p->stage.cfg.redis_prefix,
                                     .every_ms = SHOW_EVERY_MS};
    progress_start(&p->progress, demo_events_total(p->stage.events));
    st = loop(p, err);
    if (st) {
        return st;
    }
    if (p->n_rows == 0 || metric_sum(M_EVENTS) > p->row_events) {
        show_row(p, demo_now_ms());
    }
    if (p->screen.bar) {
        progress_show(&p->progress, (uint64_t)metric_sum(M_EVENTS), "events", true);
    }
    st = demo_stage_stop(&p->stage, err);
    show_result(p);
    return st;
}

/* ---- the command --------------------------------------------------------------------- */

static int run(const struct cli *cli) {
    struct play *p = calloc(1, sizeof *p);
    char err[CONFIG_ERROR_MAX] = "";
    if (!p) {
        fprintf(stderr, "crossrec: out of memory\n");
        return CLI_FAILED;
    }
    p->stage.log_fd = -1;
    p->stage.cfg = cli->cfg;
    if (!demo_options_read(cli, &p->stage.options)) {
        free(p);
        return CLI_USAGE;
    }
    demo_end_watch();
    demo_screen_init(&p->screen, p->stage.options.file != NULL);
    enum status st = demo_stage_open(&p->stage, err);
    if (!st) {
        st = play(p, err);
    }
    if (!st) {
        show_left(p);
    }
    if (!st && p->stage.options.keep && !p->stage.options.redis && !demo_end_asked()) {
        keep(p);
    }
    if (st && !(st == ST_AGAIN && demo_end_asked())) { /* else: ended before it began */
        fprintf(stderr, "crossrec: %s\n", err[0] ? err : status_str(st));
        demo_stage_show_log(&p->stage);
    }
    demo_stage_close(&p->stage);
    free(p);
    return st ? CLI_FAILED : CLI_OK;
}

const struct command command_demo = {
    .name = "demo",
    .args = "",
    .summary = "show it all on a synthetic world or a file",
    .text = "Starts a redis-server of its own and an embedded broker, streams the events of two\n"
            "partner platforms through Avro, Kafka and the daemon into Redis, and shows what\n"
            "happens. Ctrl-C or the end leaves no process and no file behind.",
    .flags = demo_flags,
    .n_flags = DEMO_FLAGS,
    .config = true,
    .run = run,
};
