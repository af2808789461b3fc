/* SPDX-License-Identifier: Apache-2.0
 *
 * demo.c -- crossrec demo: the whole way, from events over Kafka to lists in Redis, to be
 * watched. What runs is demo_stage.h; what is to be seen demo_live.h on a terminal, demo_plain.h
 * elsewhere, and before and after it demo_screen.h.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "demo_clock.h"
#include "demo_end.h"
#include "demo_live.h"
#include "demo_options.h"
#include "demo_plain.h"
#include "demo_screen.h"
#include "demo_stage.h"
#include "demo_term.h"
#include "instance.h"
#include "metrics.h"

enum {
    TICK_MS = 100,
    DRAIN_MS = 20000,
    GAUGES_MS = 600, /* after the last record, until `settled` speaks of it */
};

static const double HASTE = 1.005; /* the last event comes before the time is over */

struct play {
    struct demo_stage stage;
    struct demo_screen screen;
    struct demo_live *live; /* NULL: lines */
    struct demo_plain plain;
    int64_t start_ms;   /* monotonic */
    int64_t fed_ms;     /* when the feeder was done; 0: not yet          */
    int64_t learned_ms; /* when all that it sent was learned; 0: not yet */
    int64_t elapsed_ms;
    bool stopping;
};

/* ---- playing ---------------------------------------------------------------------------- */

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

/* A tenth of a second passes; the view or the lines are kept up, the end may be asked for. */
static enum status tick(struct play *p, enum view_phase phase, char *err) {
    if (p->live) {
        if (demo_live_serve(p->live, phase, TICK_MS)) {
            demo_end_ask(SIGINT);
        }
    } else {
        demo_nap_ms(TICK_MS);
        if (phase != VIEW_WAITING) {
            demo_plain_tick(&p->plain, demo_now_ms(), false);
        }
        if (ferror(stdout)) {
            demo_end_ask(SIGPIPE); /* nobody reads any more */
        }
    }
    return demo_stage_check(&p->stage, err);
}

static enum status wait_until_ready(struct play *p, char *err) {
    if (!p->live) {
        demo_screen_say(&p->screen, "Waiting for the consumer group (some seconds) ...");
    }
    enum status st = ST_AGAIN;
    while (st == ST_AGAIN && !demo_end_asked()) {
        st = tick(p, VIEW_WAITING, err);
        st = st ? st : demo_stage_ready(&p->stage, err);
    }
    return st;
}

static void stop_feeding(struct play *p) {
    p->stopping = true;
    if (!p->live) {
        demo_screen_say(&p->screen, "Stopping: what was sent is still learned and published; "
                                    "once more ends at once.");
    }
    demo_feeder_stop(p->stage.feeder);
}

static enum status loop(struct play *p, char *err) {
    enum status st = ST_OK;
    int64_t now_ms = demo_now_ms();
    p->start_ms = now_ms;
    while (!st && !finished(p, now_ms)) {
        const bool fed = demo_feeder_done(p->stage.feeder);
        st = tick(p, fed || p->stopping ? VIEW_FINISHING : VIEW_PLAYING, err);
        now_ms = demo_now_ms();
        if (demo_end_asked() && !p->stopping) {
            stop_feeding(p);
        }
    }
    p->elapsed_ms = p->live ? demo_live_elapsed(p->live)
                            : (p->learned_ms ? p->learned_ms : now_ms) - p->start_ms;
    while (!st && p->live && p->stage.options.keep && !demo_end_asked()) {
        st = tick(p, VIEW_DONE, err);
    }
    return st;
}

static void show_result(struct play *p) {
    const struct config *cfg = &p->stage.cfg;
    struct demo_gauge gauge = {.n = 0};
    struct demo_reading now;
    demo_gauge_read(&gauge, cfg, demo_now_ms(), &now);
    struct demo_result r = {
        .elapsed_ms = p->elapsed_ms,
        .events = now.events,
        .lists = now.lists,
        .users = now.users,
        .items = now.items,
        .dead_letters = now.dead_letters,
        .bad_lines = demo_events_bad(p->stage.events),
        .triggers = (uint64_t)metric_sum(M_TRIGGERS),
        .commits = cfg->state == STATE_KAFKA ? (uint64_t)metric_value(M_COMMITS, 0) : 0,
        .p50_s = now.p50_s < 0.0 ? -1.0 : metric_quantile(M_EVENT_TO_REDIS, 0, 0.5),
        .p99_s = now.p50_s < 0.0 ? -1.0 : metric_quantile(M_EVENT_TO_REDIS, 0, 0.99),
    };
    memcpy(r.recall, now.recall, sizeof r.recall);
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
    if (o->brokers && !o->own_brokers) {
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

/* The view, or, where it cannot be, lines. */
static enum status open_view(struct play *p) {
    if (p->stage.options.plain || !demo_term_possible()) {
        return ST_OK;
    }
    const enum status st = demo_live_open(&p->stage, &p->live);
    return st == ST_NOMEM ? st : ST_OK;
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
    enum status st = open_view(p);
    st = st ? st : wait_until_ready(p, err);
    st = st ? st : demo_stage_feed(&p->stage, rate, err);
    if (!st) {
        demo_plain_init(&p->plain, &p->stage, demo_now_ms());
        st = loop(p, err);
    }
    if (!st && !p->live) {
        demo_plain_tick(&p->plain, demo_now_ms(), true);
    }
    demo_live_close(p->live);
    const bool viewed = p->live != NULL;
    p->live = NULL;
    if (st) {
        return st;
    }
    st = demo_stage_stop(&p->stage, err);
    show_result(p);
    p->stage.options.keep = p->stage.options.keep && !viewed;
    return st;
}

/* ---- the command ------------------------------------------------------------------------ */

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
    demo_screen_init(&p->screen);
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
            "happens: as a live view on a terminal (? shows its keys), else as lines of logfmt.\n"
            "Ctrl-C or the end leaves no process and no file behind.",
    .flags = demo_flags,
    .n_flags = DEMO_FLAGS,
    .config = true,
    .run = run,
};
