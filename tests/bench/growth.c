/* SPDX-License-Identifier: Apache-2.0
 *
 * growth.c -- what an event costs with more users, and with more items, in the learner alone.
 *
 *     bench_growth users N...       10,000 items of both domains
 *     bench_growth items N...       100,000 users
 *
 * A learner a size, all of them alive. The same crowd of 2,000 teaches each the same number of
 * events over all its items; every user has the same number of events behind him, which taught
 * nothing (weight 0). Then, in five rounds, each size in its turn learns an event of 10,000 users,
 * none of them twice, and ranks both lists of each. Nanoseconds are CPU of this thread.
 *
 * Popularity of items is a power of their rank whatever their number, and half of what a user takes
 * is of what his kind (one of 97) takes.
 */
#define BENCH_NAME "bench_growth"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "factors.h"
#include "hash.h"
#include "heap_ahead.h"
#include "heap_large.h"
#include "instance.h"
#include "learner.h"
#include "mix.h"
#include "must.h"
#include "sample.h"

enum {
    SIZES_MAX = 8,
    ROUNDS = 5,
    CHUNK = 10000, /* events of a round, and the fewest users */
    CROWD = 2000,
    TAUGHT = 200000,
    BEHIND = 12, /* events of a user before; and half of the rounds, where he is not seen in each */
    KINDS = 97,
    COMMIT = 4096,
    NAME = 24,
    N = 10,
    GAP_MS = 20,
};

struct world_of { /* one size */
    struct learner *learner;
    const struct config *cfg;
    uint32_t users, items; /* items of both domains */
    uint64_t n;            /* events so far */
    uint32_t next;         /* user of the next measured event */
    struct rng rng;
    double learn[ROUNDS], rank[ROUNDS]; /* ns */
};

static struct heap_large heap; /* of all sizes */

static double thread_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- events ------------------------------------------------------------------------------- */

static uint32_t draw_item(struct world_of *w, uint32_t user) {
    const double n = (double)w->items / 2;
    const double rank = pow(n, rng_unit(&w->rng)) - 1.0; /* P(rank) ~ 1/(rank + 1) */
    uint64_t item = (uint64_t)rank;
    if (rng_below(&w->rng, 2) == 0) {
        item = item * 2654435761U + (uint64_t)(user % KINDS) * 7919U;
    }
    return (uint32_t)(item % (w->items / 2));
}

/* An event of a user of the crowd ('t') or of the others ('u'). */
static void learn(struct world_of *w, char who, uint32_t user, uint32_t item, float weight) {
    char name[NAME];
    char id[NAME];
    const uint8_t domain = (uint8_t)rng_below(&w->rng, 2);
    struct learner_effect effect;
    snprintf(name, sizeof name, "%c%u", who, user);
    snprintf(id, sizeof id, "%c%u", domain ? 'f' : 'c', item);
    struct event_line line = {.item = hash_item(w->cfg->domains[domain].name, id, strlen(id)),
                              .id = id,
                              .id_len = (uint16_t)strlen(id),
                              .quantity = 1.0F};
    struct event e = {.id = ++w->n,
                      .user = hash_id(name, strlen(name)),
                      .ts_ms = INT64_C(1767571200000) + (int64_t)w->n * GAP_MS,
                      .offset = (int64_t)w->n,
                      .user_id = name,
                      .user_id_len = (uint16_t)strlen(name),
                      .domain = domain,
                      .topic = domain,
                      .action = domain ? ACTION_ORDER : ACTION_VIEW,
                      .weight = weight,
                      .n_lines = 1,
                      .lines = &line};
    must(learner_learn(w->learner, 0, &e, &effect), "learner_learn");
    heap_large_look(&heap);
    if (w->n % COMMIT == 0) {
        must(learner_seal(w->learner, 0), "learner_seal");
        learner_committed(w->learner, 0);
    }
}

/* ---- a size ------------------------------------------------------------------------------- */

static void fill(struct world_of *w, const struct config *cfg, uint32_t users, uint32_t items) {
    const struct learner_params params = instance_learner_params(cfg);
    const uint32_t behind = BEHIND + (users > CHUNK ? ROUNDS / 2 : 0);
    *w = (struct world_of){.cfg = cfg, .users = users, .items = items, .rng = {11}};
    must(learner_new(&params, &w->learner), "learner_new");
    must(learner_task_open(w->learner, 0), "learner_task_open");
    for (uint32_t k = 0; k < items; k++) { /* each item is known */
        learn(w, 't', k % CROWD, k / 2, 1.0F);
    }
    for (uint32_t k = 0; k < TAUGHT; k++) {
        const uint32_t user = rng_below(&w->rng, CROWD);
        learn(w, 't', user, draw_item(w, user), 1.0F);
    }
    for (uint32_t b = 0; b < behind; b++) {
        for (uint32_t u = 0; u < users; u++) {
            learn(w, 'u', u, draw_item(w, u), 0.0F);
        }
    }
    fprintf(stderr, "%u users, %u items: filled\n", users, items);
}

static void rank_both(struct world_of *w, uint32_t user) {
    static struct list list;
    char name[NAME];
    snprintf(name, sizeof name, "u%u", user);
    const uint32_t slot = users_find(learner_users(w->learner, 0), hash_id(name, strlen(name)));
    for (uint8_t target = 0; target < 2; target++) {
        must(learner_rank(w->learner, 0, slot, target, learner_stream_ms(w->learner), N, &list),
             "learner_rank");
    }
}

/* Users come in a fixed order that jumps: none is met twice, and none is in a cache yet. */
static uint32_t next_user(struct world_of *w) {
    const uint64_t step =
        2654435761U % w->users | 1U; /* the sizes are powers of ten: 5 must not divide it */
    const uint64_t odd = step % 5 == 0 ? step + 2 : step;
    return (uint32_t)(((uint64_t)w->next++ * odd) % w->users);
}

static void measure(struct world_of *w, int round) {
    static uint32_t users[CHUNK];
    for (uint32_t k = 0; k < CHUNK; k++) {
        users[k] = next_user(w);
    }
    double start = thread_ns();
    for (uint32_t k = 0; k < CHUNK; k++) {
        learn(w, 'u', users[k], draw_item(w, users[k]), 1.0F);
    }
    w->learn[round] = (thread_ns() - start) / CHUNK;
    start = thread_ns();
    for (uint32_t k = 0; k < CHUNK; k++) {
        rank_both(w, users[k]);
    }
    w->rank[round] = (thread_ns() - start) / CHUNK;
}

/* ---- the series ---------------------------------------------------------------------------- */

static void show(const char *of, const struct world_of *w, uint32_t n, bool users) {
    const struct world_of *least = &w[0];
    const struct world_of *most = &w[n - 1];
    char what[64];
    printf("%10s %12s %14s\n", of, "learn, us", "two lists, us");
    for (uint32_t s = 0; s < n; s++) {
        const double x = users ? w[s].users : w[s].items;
        double learn_ns[ROUNDS];
        double rank_ns[ROUNDS];
        for (int r = 0; r < ROUNDS; r++) {
            learn_ns[r] = w[s].learn[r];
            rank_ns[r] = w[s].rank[r];
            snprintf(what, sizeof what, "%s, learn", of);
            sample(what, "us CPU", learn_ns[r] / 1e3, SAMPLE_NONE, x);
            snprintf(what, sizeof what, "%s, two lists", of);
            sample(what, "us CPU", rank_ns[r] / 1e3, SAMPLE_NONE, x);
        }
        printf("%10.0f %12.2f %14.2f\n", x, sample_median(learn_ns, ROUNDS) / 1e3,
               sample_median(rank_ns, ROUNDS) / 1e3);
    }
    for (int r = 0; r < ROUNDS; r++) {
        snprintf(what, sizeof what, "%s, most beside fewest", of);
        sample(what, "us CPU", (most->learn[r] + most->rank[r]) / 1e3,
               (least->learn[r] + least->rank[r]) / 1e3, SAMPLE_NONE);
        snprintf(what, sizeof what, "%s, learn alone", of);
        sample(what, "us CPU", most->learn[r] / 1e3, least->learn[r] / 1e3, SAMPLE_NONE);
    }
}

int main(int argc, char **argv) {
    static struct config cfg; /* large */
    static struct world_of sizes[SIZES_MAX];
    const uint32_t n = argc > 2 ? (uint32_t)argc - 2 : 0;
    const bool users = argc > 1 && strcmp(argv[1], "users") == 0;
    if (n < 1 || n > SIZES_MAX || (!users && strcmp(argv[1], "items") != 0)) {
        die("usage: bench_growth users|items N...");
    }
    heap_usual(); /* as in the daemon */
    factors_blas_threads(1);
    config_defaults(&cfg);
    cfg.state = STATE_MEMORY;
    for (uint32_t s = 0; s < n; s++) {
        const uint32_t x = (uint32_t)strtoul(argv[s + 2], NULL, 10);
        if (x < (users ? CHUNK : 1000)) {
            die("at least 10,000 users, or 1,000 items");
        }
        fill(&sizes[s], &cfg, users ? x : 100000, users ? 10000 : x);
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (uint32_t s = 0; s < n; s++) {
            measure(&sizes[s], r);
        }
    }
    show(argv[1], sizes, n, users);
    for (uint32_t s = 0; s < n; s++) {
        learner_free(sizes[s].learner);
    }
    return 0;
}
