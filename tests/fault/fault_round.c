/* SPDX-License-Identifier: Apache-2.0
 * fault_round.c -- see fault_round.h. */
#define _XOPEN_SOURCE 700 /* nftw */

#include "fault_round.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "fault_proof.h"
#include "fault_triggers.h"
#include "redis_fixture.h"
#include "shipped.h"

enum {
    STEADY_MS = 90000,  /* longest recovery that is waited for      */
    SETTLE_MS = 120000, /* ... until all that was sent is published */
    TERM_MS = 30000,
    COMMAND_MS = 60000,
    WARM_UP_MS = 1500,
    POLL_MS = 50,
    HTTP_PORT = 9464,
    REFRESH_MS = 3000,
};

#define SECOND "second" /* prefix of the lists that are a second opinion */

/* ---- saying ------------------------------------------------------------------------------------
 */

FILE *round_open(const struct round *r, const char *name, const char *mode) {
    char path[PROCESS_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    FILE *out = fopen(path, mode);
    if (!out) {
        perror(path);
    }
    return out;
}

void round_say(const struct round *r, const char *format, ...) {
    va_list args;
    fprintf(stderr, "  [%s] ", r->scenario->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

__attribute__((format(printf, 2, 0))) static void note(struct round *r, const char *format,
                                                       va_list args) {
    if (!r->failed) {
        vsnprintf(r->why, sizeof r->why, format, args);
        round_say(r, "%s", r->why);
    }
    r->failed = true;
}

void round_fail(struct round *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    note(r, format, args);
    va_end(args);
}

void round_skip(struct round *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    r->skipped = !r->failed;
    note(r, format, args);
    va_end(args);
}

int round_below(struct round *r, int n) {
    return (int)rng_below(&r->rng, (uint32_t)n);
}

void round_nap(struct round *r, int low_ms, int high_ms) {
    process_nap_ms(low_ms + round_below(r, high_ms - low_ms + 1));
}

/* ---- instances
 * ----------------------------------------------------------------------------------- */

struct arguments {
    const char *v[ROUND_ARGS];
    size_t n;
    char own[3][CONFIG_VALUE_MAX];
};

static void add_settings(const struct round *r, struct arguments *a) {
    for (size_t i = 0; i < r->cluster.n_sets; i++) {
        a->v[a->n++] = "--set";
        a->v[a->n++] = r->cluster.sets[i];
    }
}

static void add_own(struct arguments *a, size_t i, const char *key, const char *value) {
    snprintf(a->own[i], sizeof a->own[i], "%s=%s", key, value);
    a->v[a->n++] = "--set";
    a->v[a->n++] = a->own[i];
}

static void arguments_of(const struct round *r, int k, struct arguments *a) {
    char id[64];
    *a = (struct arguments){.v = {"run"}, .n = 1};
    snprintf(id, sizeof id, "%s-%d%s", r->scenario->name, k, r->second ? "-" SECOND : "");
    add_settings(r, a);
    add_own(a, 0, "http.address", r->http[k]);
    add_own(a, 1, "instance.id", id);
    if (strcmp(r->options->state, "kafka") == 0) {
        add_own(a, 2, "state.dir", r->state_dir[k]);
    }
}

void round_try(struct round *r, int k) {
    struct arguments a;
    arguments_of(r, k, &a);
    if (!r->failed && !process_start(&r->processes[k], a.v)) {
        round_fail(r, "instance %d cannot be started", k);
    }
}

void round_start(struct round *r, int k) {
    if (k < 0 || r->failed) {
        return;
    }
    round_try(r, k);
    r->wanted[k] = true;
    watch_expect(r->watch, k, r->http[k]);
}

/* What it has counted is read before it is gone. */
static void forget(struct round *r, int k) {
    watch_look(r->watch);
    watch_expect(r->watch, k, NULL);
    r->wanted[k] = false;
}

void round_kill(struct round *r, int k) {
    if (k < 0 || r->failed) {
        return;
    }
    if (!process_runs(&r->processes[k])) {
        round_fail(r, "instance %d ended by itself with status %d; its log is %s", k,
                   r->processes[k].status, r->processes[k].log);
        return;
    }
    watch_look(r->watch);
    process_kill(&r->processes[k]);
    watch_expect(r->watch, k, NULL);
    r->wanted[k] = false;
    r->kills++;
    round_fault(r);
}

void round_term(struct round *r, int k) {
    if (r->failed) {
        return;
    }
    forget(r, k);
    const int rc = process_term(&r->processes[k], TERM_MS);
    if (rc) {
        round_fail(r, "instance %d answered SIGTERM with status %d; its log is %s", k, rc,
                   r->processes[k].log);
    }
}

void round_zombify(struct round *r, int k) {
    forget(r, k);
    process_signal(&r->processes[k], SIGSTOP);
    round_fault(r);
}

void round_revive(struct round *r, int k) {
    process_signal(&r->processes[k], SIGCONT);
    round_fault(r);
}

int round_victim(struct round *r) {
    const int first = round_below(r, ROUND_INSTANCES);
    for (int i = 0; i < ROUND_INSTANCES; i++) {
        const int k = (first + i) % ROUND_INSTANCES;
        if (r->wanted[k]) {
            return k;
        }
    }
    return -1;
}

/* None that should run may have ended. */
static void look_after(struct round *r) {
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        if (r->wanted[k] && !process_runs(&r->processes[k])) {
            round_fail(r, "instance %d ended by itself with status %d; its log is %s", k,
                       r->processes[k].status, r->processes[k].log);
        }
    }
}

/* ---- faults and recoveries ---------------------------------------------------------------------
 */

void round_fault(struct round *r) {
    r->fault_ms = process_now_ms();
}

void round_recover(struct round *r) {
    const int64_t deadline = process_now_ms() + STEADY_MS;
    while (!r->failed && !watch_steady(r->watch)) {
        look_after(r);
        if (process_now_ms() > deadline) {
            watch_tell(r->watch);
            round_fail(r, "not steady again within %d s", STEADY_MS / 1000);
        }
        process_nap_ms(POLL_MS);
    }
    const double s = (double)(process_now_ms() - r->fault_ms) / 1000.0;
    if (!r->failed && r->fault_ms > 0) {
        r->recovery_s = s > r->recovery_s ? s : r->recovery_s;
    }
}

int round_command(struct round *r, const char *const *args, const char *output) {
    struct arguments a = {.v = {process_program()}, .n = 1};
    char path[PROCESS_PATH_MAX + 64];
    struct process p = {.pid = 0};
    while (*args && a.n < ROUND_ARGS / 2) {
        a.v[a.n++] = *args++;
    }
    add_settings(r, &a);
    snprintf(p.log, sizeof p.log, "%.200s/commands.log", r->dir);
    snprintf(path, sizeof path, "%s/%s", r->dir, output);
    return process_run(&p, a.v, path, COMMAND_MS);
}

/* ---- the end of all input
 * ------------------------------------------------------------------------ */

static void await_published(struct round *r, const char *prefix) {
    const int64_t deadline = process_now_ms() + SETTLE_MS;
    struct proof_ends ends;
    if (r->failed || !proof_ends_of(r, &ends)) {
        round_fail(r, "the topics' ends are not known");
    }
    while (!r->failed && !proof_published(r, prefix, &ends)) {
        look_after(r);
        if (process_now_ms() > deadline) {
            watch_tell(r->watch);
            round_fail(r, "not everything is published within %d s", SETTLE_MS / 1000);
        }
        process_nap_ms(POLL_MS);
    }
}

void round_await_all(struct round *r) {
    await_published(r, "crossrec");
}

static void finish_input(struct round *r) {
    struct input *in = r->input;
    r->input = NULL;
    if (in && !input_finish(in, &r->events, &r->bad)) {
        round_fail(r, "the input did not get into Kafka");
    }
}

static void finish_instances(struct round *r) {
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        if (r->wanted[k] && !r->failed) {
            round_term(r, k);
        }
    }
}

static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Everybody who has lists is ranked again. */
static void refresh(struct round *r, const char *prefix) {
    const int64_t since_ms = wall_ms();
    const int64_t deadline = process_now_ms() + SETTLE_MS;
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        if (r->wanted[k]) {
            process_signal(&r->processes[k], SIGUSR1);
        }
    }
    if (strcmp(r->options->state, "kafka") != 0) { /* it does not say when it was */
        process_nap_ms(r->failed ? 0 : REFRESH_MS);
        return;
    }
    while (!r->failed && !proof_refreshed(r, prefix, since_ms)) {
        look_after(r);
        if (process_now_ms() > deadline) {
            round_fail(r, "not everybody is ranked again within %d s", SETTLE_MS / 1000);
        }
        process_nap_ms(POLL_MS);
    }
}

/* What those who were hurt have relayed, and nobody will any more. */
static void keep_streams(struct round *r) {
    if (!r->failed && triggers_expected(r) &&
        (!triggers_read_streams(r, "crossrec") || !triggers_write_ends(r))) {
        round_fail(r, "the streams of triggers cannot be read");
    }
}

/* An instance that was never there before reads the durable state and writes its lists beside those
 * that are: they must be the same. */
static void ask_another(struct round *r) {
    if (r->failed || strcmp(r->options->state, "kafka") != 0) {
        return;
    }
    snprintf(r->state_dir[0], PROCESS_PATH_MAX, "%.200s/state-second", r->dir);
    mkdir(r->state_dir[0], 0755);
    (void)cluster_set(&r->cluster, "redis.prefix", SECOND);
    r->second = true;
    round_start(r, 0);
    await_published(r, SECOND);
    refresh(r, SECOND);
    if (!r->failed &&
        (!proof_read_redis(r, SECOND, "second.tsv") || !triggers_read_streams(r, SECOND))) {
        round_fail(r, "the second opinion cannot be read");
    }
    finish_instances(r);
}

static void settle(struct round *r) {
    if (r->failed) {
        return; /* the input ends when the servers are whole again */
    }
    finish_input(r);
    round_await_all(r);
    watch_look(r->watch);
    r->lines = (int64_t)watch_lines(r->watch, 0);
    r->sums = watch_read(r->watch);
    round_say(r,
              "a task stood still for at most %" PRId64 " ms; %" PRIu64 " writes fenced off, "
              "%" PRIu64 " batches undone",
              r->sums.gap_ms, r->sums.fenced, r->sums.undone);
    process_nap_ms(r->failed || !triggers_expected(r) ? 0 : TRIGGERS_SWEEP_MS);
    refresh(r, "crossrec");
    finish_instances(r);
    keep_streams(r);
    ask_another(r);
    if (!r->failed) {
        proof_check(r);
    }
}

/* ---- the beginning
 * ------------------------------------------------------------------------------- */

static void address_of(struct round *r, int k) {
    if (r->scenario->network) {
        char host[32];
        network_address(&r->networks[k], host, sizeof host);
        snprintf(r->http[k], sizeof r->http[k], "%s:%d", host, HTTP_PORT);
    } else {
        daemon_fixture_http(k + 1, r->http[k], sizeof r->http[k]);
    }
}

static void prepare_instance(struct round *r, int k) {
    snprintf(r->processes[k].log, PROCESS_PATH_MAX, "%.200s/instance-%d.log", r->dir, k);
    snprintf(r->state_dir[k], PROCESS_PATH_MAX, "%.200s/state-%d", r->dir, k);
    mkdir(r->state_dir[k], 0755);
    if (r->scenario->network) {
        if (!network_open(&r->networks[k], k)) {
            round_fail(r, "no network for instance %d", k);
        }
        r->processes[k].net_of = r->networks[k].holder;
    }
    address_of(r, k);
}

static void register_schemas(struct round *r) {
    static const enum reader readers[INPUT_TOPICS] = {READER_COURSE_VIEW, READER_FOOD_ORDER};
    for (int t = 0; t < INPUT_TOPICS; t++) {
        char subject[CONFIG_NAME_MAX + 8];
        snprintf(subject, sizeof subject, "%s-value", r->cluster.cfg.topics[t].name);
        r->schema_id[t] = cluster_register(&r->cluster, subject, shipped_json(readers[t]));
        if (!r->schema_id[t]) {
            round_fail(r, "schemas cannot be registered");
        }
    }
}

static bool open_all(struct round *r) {
    const struct cluster_plan plan = {.group = r->scenario->name,
                                      .state = r->options->state,
                                      .nodes = r->scenario->nodes,
                                      .partitions = ROUND_PARTITIONS,
                                      .registry = r->scenario->registry};
    snprintf(r->dir, sizeof r->dir, "/tmp/crossrec-fault-%s-XXXXXX", r->scenario->name);
    if (!mkdtemp(r->dir) || !cluster_open(&r->cluster, &plan)) {
        round_fail(r, "the servers do not start");
        return false;
    }
    if (r->scenario->small && !cluster_set(&r->cluster, "kafka.session.timeout.ms", "2500")) {
        round_fail(r, "the session cannot be shorter");
    }
    if (triggers_expected(r) && !triggers_configure(&r->cluster)) {
        round_fail(r, "the triggers cannot be configured");
    }
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        prepare_instance(r, k);
    }
    if (r->scenario->registry) {
        register_schemas(r);
    }
    r->watch =
        watch_start(redis_fixture_socket(r->cluster.redis), ROUND_PARTITIONS, r->options->rate);
    return r->watch != NULL && !r->failed;
}

static void start_input(struct round *r) {
    const struct input_plan plan = {.seed = r->options->seed,
                                    .events = r->options->events,
                                    .rate = r->options->rate,
                                    .poison = r->scenario->poison,
                                    .partitions = ROUND_PARTITIONS,
                                    .schema_id = {r->schema_id[0], r->schema_id[1]}};
    r->input = input_start(&r->cluster.cfg, &plan, r->dir);
    if (!r->input) {
        round_fail(r, "no input");
    }
}

/* Steady, and fed for a while: what is normal is seen before anything is hurt. */
static void warm_up(struct round *r) {
    for (int k = 0; k < r->scenario->instances; k++) {
        round_start(r, k);
    }
    start_input(r);
    round_recover(r);
    process_nap_ms(WARM_UP_MS);
    watch_mark(r->watch);
    r->recovery_s = 0.0;
}

/* ---- the whole
 * ----------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void close_all(struct round *r) {
    uint64_t unused = 0;
    watch_stop(r->watch);
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        process_kill(&r->processes[k]);
    }
    (void)cluster_restart_node(&r->cluster); /* or the input would wait for it */
    if (r->input) {
        (void)input_finish(r->input, &unused, &unused);
    }
    for (int k = 0; k < ROUND_INSTANCES; k++) {
        network_close(&r->networks[k]);
    }
    cluster_close(&r->cluster);
    if (r->options->keep || (r->failed && !r->skipped)) {
        round_say(r, "logs and what was compared: %s", r->dir);
    } else {
        nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* What this machine or this state cannot do. */
static const char *hindrance(const struct round *r) {
    const struct scenario *s = r->scenario;
    if (s->durable && strcmp(r->options->state, "kafka") != 0) {
        return "it needs crossrec.state = kafka";
    }
    return s->network ? network_missing() : NULL;
}

void round_play(struct round *r, const struct scenario *scenario,
                const struct round_options *options) {
    *r = (struct round){.scenario = scenario, .options = options, .lines = -1};
    r->rng = (struct rng){options->seed ^ mix64(options->seed + 1)};
    r->cluster.down = -1;
    const char *why = hindrance(r);
    if (why) {
        round_skip(r, "%s", why);
        return;
    }
    if (open_all(r)) {
        warm_up(r);
        if (!r->failed) {
            scenario->run(r);
        }
        settle(r);
    }
    close_all(r);
}
