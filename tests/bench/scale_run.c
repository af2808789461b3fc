/* SPDX-License-Identifier: Apache-2.0
 * scale_run.c -- see scale.h: a real run, with what it writes followed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "process.h"
#include "redis_fixture.h"
#include "scale.h"
#include "scrape.h"
#include "state_record.h"
#include "tsv.h"

enum { TASKS = 4, POLL = 256, DEADLINE_S = 900, FILES_DOMAINS = 4, TERM_MS = 20000, LOOK_MS = 300 };

struct followed { /* a topic */
    struct kafka_log *log;
    uint64_t records, bytes;
    uint64_t users, user_bytes; /* of these, users' */
};

struct run {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    struct daemon_fixture *daemon;
    struct config cfg;
    char ini[64], http[32];
    struct followed state, model;
    struct scale_log *kept; /* NULL: not wanted */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- configuration -------------------------------------------------------------------------- */

/* A domain and a topic each for what is in the file; with one domain there is another beside it. */
static bool write_ini(struct run *r, const char *file) {
    char domains[FILES_DOMAINS][TSV_DOMAIN_MAX];
    size_t n = 0;
    uint64_t events = 0;
    uint64_t lines = 0;
    char err[256] = "";
    if (tsv_scan(file, domains, FILES_DOMAINS, &n, &events, &lines, err, sizeof err)) {
        fprintf(stderr, "scale: %s: %s\n", file, err);
        return false;
    }
    snprintf(r->ini, sizeof r->ini, "/tmp/crossrec-scale-%d.ini", (int)getpid());
    daemon_fixture_http(8, r->http, sizeof r->http);
    FILE *f = fopen(r->ini, "w");
    if (!f) {
        return false;
    }
    fprintf(f,
            "[crossrec]\ngroup = scale\nstate = kafka\ninstance.id = one\nclock = stream\n"
            "[kafka]\nbootstrap.servers = %s\n[redis]\naddress = %s\n[http]\naddress = %s\n",
            kafka_fixture_brokers(r->kafka), redis_fixture_address(r->redis), r->http);
    for (size_t k = 0; k < n; k++) {
        fprintf(f, "[domain.%s]\nrepeats = yes\n", domains[k]);
        fprintf(f, "[topic.events-%s]\ndomain = %s\nschema = FoodOrder\n", domains[k], domains[k]);
    }
    if (n == 1) {
        fprintf(f, "[domain.other]\n[topic.events-other]\ndomain = other\nschema = FoodOrder\n");
    }
    fclose(f);
    if (config_load(&r->cfg, r->ini, NULL, NULL, 0, err)) {
        fprintf(stderr, "scale: %s\n", err);
        return false;
    }
    return true;
}

static pid_t replay(const struct run *r, const char *file, int rate, int limit) {
    char command[512];
    char how[64] = "";
    if (rate > 0) {
        snprintf(how, sizeof how, "--rate %d", rate);
    }
    if (limit > 0) {
        const size_t at = strlen(how);
        snprintf(how + at, sizeof how - at, " --limit %d", limit);
    }
    snprintf(command, sizeof command, "exec '%s/crossrec' replay '%s' --create %d --config '%s' %s",
             BINARY_DIR, file, TASKS, r->ini, how);
    const pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* ---- following ------------------------------------------------------------------------------ */

static bool follow(const struct run *r, struct followed *f, const char *topic) {
    char err[CONFIG_ERROR_MAX] = "";
    enum status st = kafka_log_new(&r->cfg, topic, &f->log, err);
    for (int32_t p = 0; !st && p < kafka_log_partitions(f->log); p++) {
        st = kafka_log_add(f->log, p, -1);
    }
    if (st) {
        fprintf(stderr, "scale: %s: %s\n", topic, err);
    }
    return st == ST_OK;
}

static void take(struct run *r, struct followed *f, const struct record *rec) {
    enum state_kind kind;
    const uint8_t *body = NULL;
    size_t len = 0;
    if (rec->end || !rec->value) {
        return;
    }
    f->records++;
    f->bytes += rec->key_len + rec->value_len;
    if (state_record_open(rec->value, rec->value_len, &kind, &body, &len)) {
        return;
    }
    if (kind == STATE_USER) {
        f->users++;
        f->user_bytes += rec->value_len;
    } else if ((kind == STATE_DELTA || kind == STATE_CONTROL) && r->kept) {
        (void)scale_keep(r->kept, body, len);
    }
}

static void follow_on(struct run *r, struct followed *f, int timeout_ms) {
    struct record records[POLL];
    size_t n = 0;
    while ((n = kafka_log_poll(f->log, records, POLL, timeout_ms)) > 0) {
        for (size_t k = 0; k < n; k++) {
            take(r, f, &records[k]);
        }
    }
}

static double metric(const struct run *r, const char *name) {
    const double v = scrape(r->http, name, NULL);
    return v > 0.0 ? v : 0.0;
}

static bool is_settled(const struct run *r, bool fed) {
    return fed && scrape_ready(r->http) && metric(r, "crossrec_lag_records") == 0.0 &&
           metric(r, "crossrec_merge_buffered_events") == 0.0 &&
           metric(r, "crossrec_dirty_users") == 0.0 && metric(r, "crossrec_events_total") > 0.0;
}

static uint64_t input_bytes(const struct run *r) {
    uint64_t bytes = 0;
    for (uint32_t t = 0; t < r->cfg.n_topics; t++) {
        struct run ignored = {.kept = NULL};
        struct followed f = {0};
        if (follow(r, &f, r->cfg.topics[t].name)) {
            for (int k = 0; k < 10; k++) {
                follow_on(&ignored, &f, LOOK_MS);
            }
        }
        bytes += f.bytes;
        kafka_log_free(f.log);
    }
    return bytes;
}

static void sum_up(struct run *r, double seconds, struct scale_costs *out) {
    const int pid = daemon_fixture_pid(r->daemon);
    const double events = metric(r, "crossrec_events_total");
    *out = (struct scale_costs){
        .events = (uint64_t)events,
        .lines = (uint64_t)metric(r, "crossrec_event_lines_total"),
        .users = (uint64_t)metric(r, "crossrec_users"),
        .items = (uint64_t)metric(r, "crossrec_items"),
        .seconds = seconds,
        .cpu_s = process_cpu_s(pid),
        .rss_kib = process_rss_kib(pid),
        .input = (double)input_bytes(r) / events,
        .state = (double)r->state.bytes / events,
        .model = (double)r->model.bytes / events,
        .state_records = (double)r->state.records / events,
        .user_record = (double)r->state.user_bytes / ((double)r->state.users + 1e-9),
        .commit_events = events / ((double)r->model.records + 1e-9),
    };
}

static bool run_file(struct run *r, const char *file, int rate, int limit,
                     struct scale_costs *out) {
    pid_t feeding = replay(r, file, rate, rate > 0 ? 1 : limit); /* the topics, at least */
    int status = 0;
    waitpid(feeding, &status, 0);
    const double start = now_s();
    r->daemon = daemon_fixture_start_with(r->ini, NULL, 0);
    while (metric(r, "crossrec_ready") == 0.0 && now_s() - start < 30 &&
           daemon_fixture_runs(r->daemon) && !daemon_fixture_logged(r->daemon, "task runs")) {
        nap(20);
    }
    if (!follow(r, &r->state, r->cfg.state_topic) || !follow(r, &r->model, r->cfg.model_topic)) {
        return false;
    }
    feeding = rate > 0 ? replay(r, file, rate, limit) : 0;
    bool fed = feeding == 0;
    bool settled = false;
    double end = start;
    while (!settled && now_s() - start < DEADLINE_S && daemon_fixture_runs(r->daemon)) {
        follow_on(r, &r->state, 20);
        follow_on(r, &r->model, 20);
        fed = fed || waitpid(feeding, &status, WNOHANG) == feeding;
        settled = is_settled(r, fed);
        end = now_s();
    }
    nap(2000); /* the last commit, its records */
    follow_on(r, &r->state, LOOK_MS);
    follow_on(r, &r->model, LOOK_MS);
    sum_up(r, end - start, out);
    if (!settled) {
        daemon_fixture_show_log(r->daemon);
    }
    return settled && daemon_fixture_term(r->daemon, TERM_MS) == 0;
}

bool scale_run(const char *file, int rate, int limit, struct scale_costs *out,
               struct scale_log *log) {
    static struct run r;
    r = (struct run){.kept = log};
    r.kafka = kafka_fixture_start();
    r.redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    const bool ok =
        r.kafka && r.redis && write_ini(&r, file) && run_file(&r, file, rate, limit, out);
    daemon_fixture_free(r.daemon);
    kafka_log_free(r.state.log);
    kafka_log_free(r.model.log);
    redis_fixture_stop(r.redis);
    kafka_fixture_stop(r.kafka);
    unlink(r.ini);
    return ok;
}
