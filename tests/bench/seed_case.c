/* SPDX-License-Identifier: Apache-2.0
 *
 * seed_case.c -- the example that this project began with, as a stream of events: segments of
 * 100,000 users in five groups, and everyone's list of ten. What batch programs make of the same
 * data is in seed_case.py; tests/bench/seed-case runs both.
 *
 *     bench_seed_case DIR [--users N] [--taste group|user] [--seed S]
 *
 * The data, a function of the seed (N users, 1,000 items, 30 days):
 *
 *     user u, of group g = u mod 5      x_u ~ N(c_g, r_g^2/3 I_3): E |x_u - c_g|^2 = r_g^2
 *     item i, of group g = i mod 5      y_i likewise, popularity b_i ~ N(0, 1)
 *     n_u choices, uniform in 10..30, at times uniform in the 30 days
 *     each of an item not chosen before, P(i) ~ exp(b_i - |t - y_i|^2 / (2 .25^2)) :
 *           taste group   t = c_g of the user's group
 *           taste user    t = x_u
 *     held out: the last choice of each user, never learned
 *
 * In order of time each choice is an event (`enroll`, no repeats) that the learner learns, and a
 * vote of x_u, raw, for segments.h, at most one of a user a mini-batch. Both have the daemon's
 * default parameters, but k = 5. Then everyone's list is made.
 *
 * Written to DIR, little-endian, row-major: points.f32 (N, 3), train.u32 (events, 2: user, item),
 * heldout.u32 (N,), centroids.f32 (5, 3), lists.u32 and best.u32 (N, 10; 2^32 - 1: no item), which
 * has the items of largest P(i) that the user had not taken: no list can be expected to do better;
 * and seconds.txt.
 */
#define BENCH_NAME "seed_case"
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "learner.h"
#include "must.h"
#include "normal.h"
#include "segments.h"

enum {
    GROUPS = 5,
    DIMS = 3,
    ITEMS = 1000,
    CHOICES_LEAST = 10,
    CHOICES_MOST = 30,
    LIST = 10,
    MINI_BATCH = 256,
    SEAL_EVERY = 5000,
    USERS_LEAST = 1000, /* fewer make no segments */
    USERS_MAX = 10000000,
};

static const double WIDTH = .25;
static const int64_t START_MS = INT64_C(1767225600000); /* 2026 */
static const int64_t DAYS_MS = INT64_C(30) * 86400000;

static const struct group {
    double centre[DIMS], radius;
} groups[GROUPS] = {
    {{1.2, .7, .4}, .5}, {{.8, .5, .2}, .3}, {{.6, .8, .9}, .4},
    {{.3, .6, .5}, .2},  {{.4, .1, .3}, .2},
};

struct choice {
    int64_t ts_ms;
    uint32_t user, item;
};

struct seed_case {
    const char *dir;
    uint32_t users;
    bool taste_user;
    uint64_t seed;
    float *points; /* (users, DIMS) */
    float items[ITEMS][DIMS];
    double popularity[ITEMS];
    struct choice *choices; /* all but the last of each user, in order of time */
    size_t n_choices;
    uint32_t *heldout; /* (users,) */
    uint32_t *lists;   /* (users, LIST) */
    uint32_t *best;    /* (users, LIST) */
    double learn_s, lists_s, segments_s;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the data ---------------------------------------------------------------------------- */

static void draw_point(struct rng *rng, uint32_t group, float *x) {
    const struct group *g = &groups[group];
    for (int d = 0; d < DIMS; d++) {
        x[d] = (float)(g->centre[d] + g->radius / sqrt(3.0) * rng_normal(rng));
    }
}

static void draw_items(struct seed_case *c) {
    struct rng rng = {mix64(c->seed)};
    for (uint32_t i = 0; i < ITEMS; i++) {
        draw_point(&rng, i % GROUPS, c->items[i]);
        c->popularity[i] = rng_normal(&rng);
    }
}

/* exp(b - |t - y|^2 / (2 WIDTH^2)) of every item for a user. */
static void attractions(const struct seed_case *c, uint32_t user, double a[ITEMS]) {
    double t[DIMS];
    for (int d = 0; d < DIMS; d++) {
        t[d] = c->taste_user ? (double)c->points[(size_t)user * DIMS + (size_t)d]
                             : groups[user % GROUPS].centre[d];
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        double d2 = 0.0;
        for (int d = 0; d < DIMS; d++) {
            d2 += (t[d] - (double)c->items[i][d]) * (t[d] - (double)c->items[i][d]);
        }
        a[i] = exp(c->popularity[i] - d2 / (2.0 * WIDTH * WIDTH));
    }
}

/* One item with probability a_i / sum a; `sums` are the running sums of a. */
static uint32_t draw_item(struct rng *rng, const double sums[ITEMS]) {
    const double x = rng_unit(rng) * sums[ITEMS - 1];
    uint32_t low = 0;
    uint32_t high = ITEMS - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (sums[middle] > x) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static int by_time(const void *a, const void *b) {
    const struct choice *x = a;
    const struct choice *y = b;
    if (x->ts_ms != y->ts_ms) {
        return x->ts_ms < y->ts_ms ? -1 : 1;
    }
    return (x->user > y->user) - (x->user < y->user);
}

/* The LIST items of largest a; what is taken has a < 0. */
static void largest(double a[ITEMS], uint32_t *out) {
    for (int k = 0; k < LIST; k++) {
        uint32_t top = 0;
        for (uint32_t i = 1; i < ITEMS; i++) {
            top = a[i] > a[top] ? i : top;
        }
        out[k] = top;
        a[top] = -1.0;
    }
}

static void draw_user(struct seed_case *c, uint32_t user) {
    struct rng rng = {mix64(c->seed ^ mix64(user + UINT64_C(1)))};
    draw_point(&rng, user % GROUPS, c->points + (size_t)user * DIMS);
    double a[ITEMS];
    double sums[ITEMS];
    attractions(c, user, a);
    double sum = 0.0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        sum += a[i];
        sums[i] = sum;
    }
    const uint32_t n = CHOICES_LEAST + rng_below(&rng, CHOICES_MOST - CHOICES_LEAST + 1);
    int64_t times[CHOICES_MOST];
    for (uint32_t k = 0; k < n; k++) { /* insertion: in order */
        const int64_t ts = START_MS + (int64_t)(rng_unit(&rng) * (double)DAYS_MS);
        uint32_t at = k;
        for (; at > 0 && times[at - 1] > ts; at--) {
            times[at] = times[at - 1];
        }
        times[at] = ts;
    }
    for (uint32_t k = 0; k < n; k++) {
        uint32_t item;
        do {
            item = draw_item(&rng, sums);
        } while (a[item] < 0.0);
        if (k == n - 1) {
            c->heldout[user] = item;
        } else {
            c->choices[c->n_choices++] = (struct choice){times[k], user, item};
            a[item] = -1.0;
        }
    }
    largest(a, c->best + (size_t)user * LIST);
}

static void draw(struct seed_case *c) {
    c->points = room(c->users, DIMS * sizeof *c->points);
    c->choices = room(c->users, (CHOICES_MOST - 1) * sizeof *c->choices);
    c->heldout = room(c->users, sizeof *c->heldout);
    c->lists = room(c->users, LIST * sizeof *c->lists);
    c->best = room(c->users, LIST * sizeof *c->best);
    draw_items(c);
    for (uint32_t u = 0; u < c->users; u++) {
        draw_user(c, u);
    }
    qsort(c->choices, c->n_choices, sizeof *c->choices, by_time);
}

/* ---- segments ---------------------------------------------------------------------------- */

static void apply(struct segments *s, struct segments_sum *sum) {
    segments_apply(s, sum);
    memset(sum, 0, sizeof *sum);
    if (segments_due(s)) {
        bool seeded = false;
        must(segments_renew(s, &seeded), "segments_renew");
    }
}

static struct segments *stream_votes(struct seed_case *c) {
    const struct segments_params params = {
        .k = GROUPS, .dims = DIMS, .seed_points = 1000, .half_life = 20000.0, .seed = 1};
    static struct segments_sum sum;
    struct segments *s = NULL;
    size_t *voted_in = room(c->users, sizeof *voted_in);
    must(segments_new(&params, &s), "segments_new");
    const double start = now_s();
    for (size_t k = 0; k < c->n_choices; k++) {
        const uint32_t user = c->choices[k].user;
        const size_t mini_batch = k / MINI_BATCH + 1;
        if (voted_in[user] != mini_batch) {
            voted_in[user] = mini_batch;
            segments_vote(s, c->points + (size_t)user * DIMS, &sum);
            segments_remember(s, c->points + (size_t)user * DIMS);
        }
        if ((k + 1) % MINI_BATCH == 0 || k + 1 == c->n_choices) {
            apply(s, &sum);
        }
    }
    c->segments_s = now_s() - start;
    free(voted_in);
    if (!segments_ready(s)) {
        die("there are no segments");
    }
    return s;
}

/* ---- lists ------------------------------------------------------------------------------- */

static uint64_t user_hash(uint32_t user) {
    return mix64(user + UINT64_C(0x75736572));
}

static uint64_t item_hash(uint32_t item) {
    return mix64(item + UINT64_C(0x6974656d));
}

static void learn(struct learner *l, const struct choice *choice, size_t number) {
    char user[16];
    char item[16];
    const int user_len = snprintf(user, sizeof user, "u%u", choice->user);
    const int item_len = snprintf(item, sizeof item, "%u", choice->item);
    struct event_line line = {.item = item_hash(choice->item),
                              .id = item,
                              .id_len = (uint16_t)item_len,
                              .quantity = 1.0F};
    struct event e = {.id = mix64(number + 1),
                      .user = user_hash(choice->user),
                      .ts_ms = choice->ts_ms,
                      .offset = (int64_t)number,
                      .user_id = user,
                      .user_id_len = (uint16_t)user_len,
                      .action = ACTION_ENROLL,
                      .weight = 1.0F,
                      .n_lines = 1,
                      .lines = &line};
    struct learner_effect effect;
    must(learner_learn(l, 0, &e, &effect), "learner_learn");
    if (effect.duplicate || effect.late || effect.flooded) {
        die("an event was not learned");
    }
    if (number % SEAL_EVERY == SEAL_EVERY - 1) {
        must(learner_seal(l, 0), "learner_seal");
        learner_committed(l, 0);
    }
}

static struct learner *stream_events(struct seed_case *c) {
    const struct learner_params params = {
        .n_domains = 1,
        .mini_batch = MINI_BATCH,
        .late_max_ms = 86400000,
        .user_rate = 600,
        .prequential_window = 10000,
        .seed = 1,
        .segments = {.k = 8, .seed_points = 1000, .half_life = 20000.0, .seed = 1}};
    struct learner *l = NULL;
    must(learner_new(&params, &l), "learner_new");
    must(learner_task_open(l, 0), "learner_task_open");
    const double start = now_s();
    for (size_t k = 0; k < c->n_choices; k++) {
        learn(l, &c->choices[k], k);
        if (k % 100000 == 0) {
            fprintf(stderr, "\r%zu of %zu events ", k, c->n_choices);
        }
    }
    c->learn_s = now_s() - start;
    fprintf(stderr, "\r%60s\r", "");
    return l;
}

static void make_lists(struct seed_case *c, struct learner *l) {
    uint32_t *number_of = room(ITEMS, sizeof *number_of); /* dense index -> item */
    const struct items *items = learner_shared(l)->items;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t index = items_find(items, item_hash(i));
        if (index < ITEMS) { /* somebody took it */
            number_of[index] = i;
        }
    }
    const double start = now_s();
    for (uint32_t u = 0; u < c->users; u++) {
        struct list list;
        const uint32_t slot = users_find(learner_users(l, 0), user_hash(u));
        must(learner_rank(l, 0, slot, 0, START_MS + DAYS_MS, LIST, &list), "learner_rank");
        for (uint32_t k = 0; k < LIST; k++) {
            c->lists[(size_t)u * LIST + k] =
                k < list.n ? number_of[list.items[k].item] : UINT32_MAX;
        }
    }
    c->lists_s = now_s() - start;
    free(number_of);
}

/* ---- files ------------------------------------------------------------------------------- */

static FILE *create(const struct seed_case *c, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", c->dir, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        fprintf(stderr, "seed_case: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    return f;
}

static void done(FILE *f) {
    const bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad) {
        die("a file could not be written");
    }
}

static void save(const struct seed_case *c, const char *name, const void *data, size_t n,
                 size_t size) {
    FILE *f = create(c, name);
    fwrite(data, size, n, f);
    done(f);
}

static void save_all(const struct seed_case *c, const struct segments *s) {
    save(c, "points.f32", c->points, (size_t)c->users * DIMS, sizeof *c->points);
    save(c, "heldout.u32", c->heldout, c->users, sizeof *c->heldout);
    save(c, "lists.u32", c->lists, (size_t)c->users * LIST, sizeof *c->lists);
    save(c, "best.u32", c->best, (size_t)c->users * LIST, sizeof *c->best);
    FILE *f = create(c, "train.u32");
    for (size_t k = 0; k < c->n_choices; k++) {
        fwrite((uint32_t[]){c->choices[k].user, c->choices[k].item}, sizeof(uint32_t), 2, f);
    }
    done(f);
    f = create(c, "centroids.f32");
    for (uint32_t k = 0; k < segments_k(s); k++) {
        fwrite(segments_centroid(s, k), sizeof(float), DIMS, f);
    }
    done(f);
    f = create(c, "seconds.txt");
    fprintf(f, "segments %.3f\nlearn %.3f\nlists %.3f\n", c->segments_s, c->learn_s, c->lists_s);
    done(f);
}

/* ---- main -------------------------------------------------------------------------------- */

static _Noreturn void usage(void) {
    fprintf(stderr, "usage: bench_seed_case DIR [--users N] [--taste group|user] [--seed S]\n");
    exit(2);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most) {
    char *end = NULL;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || n < least || n > most) {
        fprintf(stderr, "seed_case: %s is not a number from %llu to %llu\n", text,
                (unsigned long long)least, (unsigned long long)most);
        exit(2);
    }
    return n;
}

static void read_options(struct seed_case *c, int argc, char **argv) {
    if (argc % 2 != 0) {
        usage();
    }
    c->dir = argv[1];
    for (int k = 2; k < argc; k += 2) {
        if (strcmp(argv[k], "--users") == 0) {
            c->users = (uint32_t)number(argv[k + 1], USERS_LEAST, USERS_MAX);
        } else if (strcmp(argv[k], "--seed") == 0) {
            c->seed = number(argv[k + 1], 0, UINT64_MAX);
        } else if (strcmp(argv[k], "--taste") == 0 && strcmp(argv[k + 1], "user") == 0) {
            c->taste_user = true;
        } else if (strcmp(argv[k], "--taste") == 0 && strcmp(argv[k + 1], "group") == 0) {
            c->taste_user = false;
        } else {
            usage();
        }
    }
}

int main(int argc, char **argv) {
    static struct seed_case c = {.users = 100000, .seed = 1};
    read_options(&c, argc, argv);
    factors_blas_threads(1);
    draw(&c);
    struct segments *s = stream_votes(&c);
    struct learner *l = stream_events(&c);
    make_lists(&c, l);
    save_all(&c, s);
    learner_free(l);
    segments_free(s);
    free(c.points);
    free(c.choices);
    free(c.heldout);
    free(c.lists);
    free(c.best);
    return 0;
}
