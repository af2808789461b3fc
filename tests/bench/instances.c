/* SPDX-License-Identifier: Apache-2.0
 *
 * instances.c -- what sharing one model between instances costs: recall@10 of several learners
 * around one log beside that of one learner with the same tasks, test-then-learn over the same
 * stream. tests/bench/instances runs it.
 *
 *     bench_instances NAME FILE|world [--instances N] [--tasks N] [--commit N] [--echo N]
 *                     [--late N] [--seed S]
 *
 * As a daemon does it with state = kafka, without Kafka: task of an event = hash of its user modulo
 * tasks (3), task t belongs to instance t modulo instances (1, then 3). After `commit` (256) events
 * an instance seals its tasks; their records, and landmarks and seeds that are due, are in the log,
 * which is an array, `echo` (1) commits of its own later: 0 at once, 1 when it seals the next.
 * Everybody reads the log all the time. Parameters are the daemon's defaults. A line of the stream
 * is tested by its learner (learner.h, prequential) just before it is learned. `world` is that of
 * world.h, plain, 3,000 users.
 *
 * --late N: two rows more, of one instance that commits N events at once, echo 0. `commits of N`:
 * only what is no count is late by it (nets and their mean, S, centroids). `whole batches of N`:
 * what its events add to the model enters its view at the commit too, users and rankers learn at
 * once: what anything loses that knows no event of the last N. Three that commit 256 of their own
 * know a third of the last 768, which is the third that their own users are.
 *
 * At the end all hear everything, and their digests must be equal. Prints a row; exits 1 if
 * recall@10 of several is more than .004 below that of one.
 */
#define BENCH_NAME "bench_instances"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "demo_events.h"
#include "factors.h"
#include "hash.h"
#include "instance.h"
#include "learner_digest.h"
#include "learner_log.h"
#include "learner_state.h"
#include "must.h"

enum { INSTANCES_MAX = 16, TASKS_MAX = 64, ECHO_MAX = LEARNER_BATCHES - 1 };

static const double LEAST = -.004;

struct blob {
    uint8_t *bytes;
    size_t len;
};

struct options {
    const char *name, *file; /* file NULL: the world */
    uint32_t instances, tasks, commit, echo, late;
    uint64_t seed;
};

/* What an instance sealed at once, on its way into the log. */
struct flight {
    struct blob records[TASKS_MAX + 2];
    uint32_t n;
};

struct instance_of { /* one of several */
    struct learner *learner;
    uint64_t heard; /* records */
    uint32_t events;
    struct flight flights[ECHO_MAX + 1]; /* oldest first */
    uint32_t n_flights;
    bool committed; /* once at least */
    bool held;      /* what the open batches add is not in its view */
};

struct run {
    const struct options *options;
    uint32_t n; /* instances */
    uint32_t commit, echo;
    bool holds; /* events back until they are committed */
    struct instance_of instances[INSTANCES_MAX];
    struct blob *log;
    uint64_t n_log, cap_log, log_bytes;
    double seconds;
    struct prequential_counts counts;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the log ------------------------------------------------------------------------------- */

static void say(struct run *r, struct blob record) {
    if (r->n_log == r->cap_log) {
        r->cap_log = r->cap_log ? 2 * r->cap_log : 1024;
        r->log = realloc(r->log, r->cap_log * sizeof *r->log);
        if (!r->log) {
            die("out of memory");
        }
    }
    r->log[r->n_log++] = record;
    r->log_bytes += record.len;
}

static void hear(struct run *r, struct instance_of *i) {
    for (; i->heard < r->n_log; i->heard++) {
        const struct blob *b = &r->log[i->heard];
        must(learner_log_apply(i->learner, b->bytes, b->len, i->heard), "learner_log_apply");
    }
}

/* ---- what is late -------------------------------------------------------------------------- */

static const struct shared_part everything = {.parts = PART_TAKES | PART_PAIRS | PART_CONTEXTS |
                                                       PART_OBS | PART_CATEGORY_ITEMS |
                                                       PART_CATEGORIES | PART_CATEGORY_PAIRS};

/* What a delta noted behind `before`, borrowed. */
static struct delta behind(const struct delta *d, const struct delta *before) {
    struct delta tail = *d;
#define BEHIND(array)                                                                              \
    tail.array += before->n_##array;                                                               \
    tail.n_##array -= before->n_##array
    BEHIND(takes);
    BEHIND(pairs);
    BEHIND(contexts);
    BEHIND(obs);
    BEHIND(category_takes);
    BEHIND(category_pairs);
#undef BEHIND
    return tail;
}

/* What the event has just added leaves the view; items stand where they would without it. */
static void hold_back(struct instance_of *i, uint32_t task, const struct delta *before) {
    struct shared *s = i->learner->shared;
    const struct delta *d = learner_open_batch(i->learner->tasks[task])->delta;
    const struct delta tail = behind(d, before);
    shared_take_out(s, &tail, &everything);
    for (size_t k = 0; k < tail.n_contexts; k++) {
        factors_item_solve(s->factors, tail.contexts[k].item);
    }
    shared_refresh_top_lists(s);
    i->held = true;
}

static void show(struct run *r, struct instance_of *i) {
    struct learner *l = i->learner;
    if (!i->held) {
        return;
    }
    must(learner_put_back(l, &everything), "learner_put_back");
    for (uint32_t task = 0; task < r->options->tasks; task++) {
        const struct delta *d = learner_open_batch(l->tasks[task])->delta;
        for (size_t k = 0; k < d->n_contexts; k++) {
            factors_item_solve(l->shared->factors, d->contexts[k].item);
        }
    }
    shared_refresh_top_lists(l->shared);
    i->held = false;
}

/* ---- commits ------------------------------------------------------------------------------- */

/* What p holds, if anything. */
static void add(struct flight *f, struct pack *p) {
    if (p->failed) {
        die("out of memory");
    }
    if (p->len > 0) {
        f->records[f->n++] = (struct blob){p->bytes, p->len};
        *p = (struct pack){0};
    }
}

static void add_landmark(struct flight *f, const struct instance_of *i) {
    struct pack p = {0};
    int64_t at_ms = 0;
    if (learner_landmark_wanted(i->learner, &at_ms)) {
        log_record_write_landmark(&p, at_ms);
        add(f, &p);
    }
}

static void seal(struct run *r, uint32_t k) {
    struct instance_of *i = &r->instances[k];
    struct flight *f = &i->flights[i->n_flights++];
    struct pack p = {0};
    f->n = 0;
    show(r, i);
    for (uint32_t task = k; task < r->options->tasks; task += r->n) {
        must(learner_seal(i->learner, task), "learner_seal");
        learner_log_write(i->learner, task, &p);
        add(f, &p);
    }
    add_landmark(f, i);
    if (k == 0) {
        must(learner_log_seeds(i->learner, &p), "learner_log_seeds");
        add(f, &p);
    }
    free(p.bytes);
    i->events = 0;
    i->committed = true;
}

/* The oldest that was sealed is committed. */
static void land(struct run *r, uint32_t k) {
    struct instance_of *i = &r->instances[k];
    for (uint32_t n = 0; n < i->flights[0].n; n++) {
        say(r, i->flights[0].records[n]);
    }
    for (uint32_t task = k; task < r->options->tasks; task += r->n) {
        learner_committed(i->learner, task);
    }
    i->n_flights--;
    memmove(i->flights, i->flights + 1, i->n_flights * sizeof *i->flights);
}

static void commit(struct run *r, uint32_t k) {
    if (r->echo > 0 && r->instances[k].n_flights == r->echo) {
        land(r, k);
    }
    seal(r, k);
    if (r->echo == 0) {
        land(r, k);
    }
}

/* ---- events -------------------------------------------------------------------------------- */

static struct event event_of(const struct decoded *d, const char *domain, uint32_t index,
                             struct event_line *lines) {
    struct event e = {.id = hash_id(d->event_id, d->event_id_len),
                      .user = hash_id(d->user_id, d->user_id_len),
                      .ts_ms = d->ts_ms,
                      .user_id = d->user_id,
                      .user_id_len = (uint16_t)d->user_id_len,
                      .domain = (uint8_t)index,
                      .action = ACTION_PURCHASE,
                      .weight = 1.0F,
                      .lines = lines,
                      .n_lines = (uint16_t)d->n_lines};
    for (uint32_t k = 0; k < d->n_lines; k++) {
        const struct decoded_line *from = &d->lines[k];
        lines[k] = (struct event_line){.item = hash_item(domain, from->item, from->item_len),
                                       .id = from->item,
                                       .id_len = (uint16_t)from->item_len,
                                       .quantity = 1.0F};
    }
    return e;
}

static void learn(struct run *r, struct event *e) {
    const uint32_t task = (uint32_t)(e->user % r->options->tasks);
    const uint32_t k = task % r->n;
    struct instance_of *i = &r->instances[k];
    struct learner_effect effect;
    enum status st;
    hear(r, i);
    const struct delta before = *learner_open_batch(i->learner->tasks[task])->delta;
    while ((st = learner_learn(i->learner, task, e, &effect)) == ST_AGAIN) {
        struct flight landmark = {.n = 0}; /* it stalls until it has heard it */
        const bool held = i->held;
        show(r, i);
        add_landmark(&landmark, i);
        say(r, landmark.records[0]);
        hear(r, i);
        if (held) {
            learner_take_out(i->learner, &everything);
            i->held = true;
        }
    }
    must(st, "learner_learn");
    if (r->holds && i->committed) { /* before there is nothing to rank */
        hold_back(i, task, &before);
    }
    if (++i->events == r->commit) {
        commit(r, k);
    }
}

static struct demo_events *open_stream(const struct options *o) {
    const struct demo_events_params params = {.file = o->file,
                                              .world = {.users = 3000,
                                                        .items = 300,
                                                        .rho = .8,
                                                        .days = 180.0,
                                                        .start_ms = INT64_C(1767571200000),
                                                        .seed = 11},
                                              .run = "b"};
    struct demo_events *events = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (demo_events_open(&params, &events, err)) {
        die(err);
    }
    return events;
}

static void stream(struct run *r, struct demo_events *events) {
    static struct event_line lines[EVENT_LINES_MAX];
    struct decoded d;
    uint32_t domain = 0;
    uint64_t n = 0;
    while (demo_events_next(events, &d, &domain)) {
        struct event e = event_of(&d, demo_events_domain(events, domain), domain, lines);
        e.offset = (int64_t)n++;
        learn(r, &e);
    }
    must(demo_events_status(events), "the stream");
}

/* ---- a run --------------------------------------------------------------------------------- */

static void begin(struct run *r, uint32_t n_domains) {
    static struct config cfg; /* large */
    config_defaults(&cfg);
    struct learner_params params = instance_learner_params(&cfg);
    params.n_domains = n_domains;
    params.log = true;
    params.prequential_sample = 1;
    params.seed = r->options->seed;
    params.segments.seed = r->options->seed;
    memset(params.repeats, 0, sizeof params.repeats);
    for (uint32_t k = 0; k < r->n; k++) {
        must(learner_new(&params, &r->instances[k].learner), "learner_new");
        learner_set_n_tasks(r->instances[k].learner, r->options->tasks);
        for (uint32_t task = k; task < r->options->tasks; task += r->n) {
            must(learner_task_open(r->instances[k].learner, task), "learner_task_open");
            learner_name_batches(r->instances[k].learner, task, 1, 1);
        }
    }
}

/* Everything is committed and heard: the digests are equal. */
static void settle(struct run *r) {
    struct learner_digest first = {0};
    for (uint32_t k = 0; k < r->n; k++) {
        commit(r, k);
        while (r->instances[k].n_flights > 0) {
            land(r, k);
        }
    }
    for (uint32_t k = 0; k < r->n; k++) {
        struct learner *l = r->instances[k].learner;
        struct learner_digest d;
        const struct prequential_counts c = prequential_total(learner_prequential(l), DOMAINS_MAX);
        hear(r, &r->instances[k]);
        must(learner_digest(l, &d), "learner_digest");
        first = k == 0 ? d : first;
        if (d.all != first.all || d.pending > 0) {
            die("the instances do not share one model");
        }
        r->counts.n += c.n;
        r->counts.model += c.model;
        r->counts.baseline += c.baseline;
    }
}

/* `late` events a commit, or as the options have it. */
static struct run *run(const struct options *o, uint32_t n, uint32_t late, bool holds) {
    struct run *r = calloc(1, sizeof *r);
    if (!r) {
        die("out of memory");
    }
    r->options = o;
    r->n = n;
    r->holds = holds;
    r->commit = late > 0 ? late : o->commit;
    r->echo = late > 0 ? 0 : o->echo;
    struct demo_events *events = open_stream(o);
    const double start = now_s();
    begin(r, demo_events_n_domains(events));
    stream(r, events);
    settle(r);
    r->seconds = now_s() - start;
    demo_events_free(events);
    return r;
}

static void run_free(struct run *r) {
    for (uint32_t k = 0; k < r->n; k++) {
        learner_free(r->instances[k].learner);
    }
    for (uint64_t k = 0; k < r->n_log; k++) {
        free(r->log[k].bytes);
    }
    free(r->log);
    free(r);
}

static double share(uint64_t hits, uint64_t n) {
    return n > 0 ? (double)hits / (double)n : 0.0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static struct options parse(int argc, char **argv) {
    struct options o = {.instances = 3, .tasks = 3, .commit = 256, .echo = 1, .seed = 1};
    if (argc < 3 || argc % 2 == 0) {
        die("usage: bench_instances NAME FILE|world [--instances N] [--tasks N] [--commit N] "
            "[--echo N] [--late N] [--seed S]");
    }
    o.name = argv[1];
    o.file = strcmp(argv[2], "world") != 0 ? argv[2] : NULL;
    for (int k = 3; k < argc; k += 2) {
        const unsigned long v = strtoul(argv[k + 1], NULL, 10);
        if (strcmp(argv[k], "--instances") == 0) {
            o.instances = (uint32_t)v;
        } else if (strcmp(argv[k], "--tasks") == 0) {
            o.tasks = (uint32_t)v;
        } else if (strcmp(argv[k], "--commit") == 0) {
            o.commit = (uint32_t)v;
        } else if (strcmp(argv[k], "--echo") == 0) {
            o.echo = (uint32_t)v;
        } else if (strcmp(argv[k], "--late") == 0) {
            o.late = (uint32_t)v;
        } else if (strcmp(argv[k], "--seed") == 0) {
            o.seed = v;
        } else {
            die("there is no such option");
        }
    }
    if (o.tasks < 1 || o.tasks > TASKS_MAX || o.instances < 1 || o.instances > INSTANCES_MAX ||
        o.instances > o.tasks || o.commit < 1 || o.echo > ECHO_MAX - 1) {
        die("1 to 16 instances, at least as many tasks (64), commits of an event or more, echo 0 "
            "or 1");
    }
    return o;
}

/* @return the difference */
static double print_row(const char *name, const struct run *one, const struct run *other) {
    const double a = share(one->counts.model, one->counts.n);
    const double b = share(other->counts.model, other->counts.n);
    printf("| %s | %llu | %.4f | %.4f | %+.4f | %.4f | %.4f | %llu | %.1f |\n", name,
           (unsigned long long)one->counts.n, a, b, b - a,
           share(one->counts.baseline, one->counts.n),
           share(other->counts.baseline, other->counts.n), (unsigned long long)other->n_log,
           (double)other->log_bytes / 1e6);
    fflush(stdout);
    return b - a;
}

static void print_late(const struct options *o, const struct run *one) {
    for (int holds = 0; holds < 2; holds++) {
        char name[256];
        struct run *late = run(o, 1, o->late, holds);
        snprintf(name, sizeof name, "%s, one, %s of %u", o->name,
                 holds ? "whole batches" : "commits", (unsigned)o->late);
        (void)print_row(name, one, late);
        if (late->counts.n != one->counts.n) {
            die("not the same lines were tested");
        }
        run_free(late);
    }
}

int main(int argc, char **argv) {
    const struct options o = parse(argc, argv);
    factors_blas_threads(1);
    struct run *one = run(&o, 1, 0, false);
    struct run *several = run(&o, o.instances, 0, false);
    const double difference = print_row(o.name, one, several);
    fprintf(stderr, "%s: one instance %.0f s, %u instances %.0f s together\n", o.name, one->seconds,
            (unsigned)o.instances, several->seconds);
    const bool same = one->counts.n == several->counts.n;
    if (o.late > 0) {
        print_late(&o, one);
    }
    run_free(one);
    run_free(several);
    if (!same) {
        die("not the same lines were tested");
    }
    return difference < LEAST;
}
