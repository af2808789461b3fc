/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.c -- what a user and an item cost in the process, after the synthetic world.
 *
 *     bench_memory [USERS [ITEMS]]       100,000 users, 10,000 items of both domains together
 *
 * A learner as the daemon has it takes all events. Then:
 *     bytes a user     his block, as users.h keeps it; median and p99. And everything that grows
 * with users: blocks, table, what the learner keeps beside them (allocated bytes, malloc's own
 *                      headers included)
 *     bytes an item    what the shared model holds, by its own account, over the items; and the
 * same as malloc has it: what is allocated, less the users and an empty learner
 */
#define BENCH_NAME "bench_memory"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "factors.h"
#include "hash.h"
#include "instance.h"
#include "items.h"
#include "learner.h"
#include "must.h"
#include "process.h"
#include "sample.h"
#include "world.h"

enum { USERS = 100000, ITEMS = 10000, NAME = 16, COMMIT = 4096 };

/* Bytes allocated, headers included. */
static double allocated(void) {
    const struct mallinfo2 m = mallinfo2();
    return (double)m.uordblks + (double)m.hblkhd;
}

static struct learner *open_learner(void) {
    static struct config cfg; /* large */
    struct learner *l = NULL;
    config_defaults(&cfg);
    cfg.state = STATE_MEMORY;
    const struct learner_params params = instance_learner_params(&cfg);
    must(learner_new(&params, &l), "learner_new");
    must(learner_task_open(l, 0), "learner_task_open");
    return l;
}

static void learn(struct learner *l, const struct config *cfg, const struct world *w,
                  const struct world_event *e, uint64_t n) {
    struct event_line lines[WORLD_LINES_MAX];
    char name[NAME];
    snprintf(name, sizeof name, "u%u", e->user);
    struct event event = {.id = n + 1,
                          .user = hash_id(name, strlen(name)),
                          .ts_ms = e->ts_ms,
                          .offset = (int64_t)n,
                          .user_id = name,
                          .user_id_len = (uint16_t)strlen(name),
                          .domain = e->domain,
                          .topic = e->domain,
                          .action = e->action,
                          .weight = 1.0F,
                          .n_lines = e->n_lines,
                          .lines = lines};
    for (uint32_t k = 0; k < e->n_lines; k++) {
        const char *id = world_item_id(w, e->domain, e->item[k]);
        const size_t len = strlen(id);
        lines[k] = (struct event_line){.item = hash_item(cfg->domains[e->domain].name, id, len),
                                       .id = id,
                                       .id_len = (uint16_t)len,
                                       .quantity = e->quantity[k],
                                       .amount = e->amount[k]};
    }
    struct learner_effect effect;
    must(learner_learn(l, 0, &event, &effect), "learner_learn");
}

static void commit(struct learner *l) {
    must(learner_seal(l, 0), "learner_seal");
    learner_committed(l, 0);
}

static uint64_t live(struct learner *l, const struct world_params *params) {
    static struct config cfg; /* large */
    struct world *w = NULL;
    struct world_event e;
    uint64_t n = 0;
    config_defaults(&cfg);
    must(world_new(params, &w), "world_new");
    while (world_next(w, &e)) {
        learn(l, &cfg, w, &e, n);
        if (++n % COMMIT == 0) {
            commit(l);
        }
    }
    commit(l);
    world_free(w);
    return n;
}

static double show_users(const struct learner *l, uint64_t events) {
    const struct users *users = learner_users(l, 0);
    const uint32_t n = users_n(users);
    double *bytes = malloc(((size_t)n + 1) * sizeof *bytes);
    if (!bytes || n == 0) {
        die("no users, or no memory");
    }
    for (uint32_t k = 0; k < n; k++) {
        bytes[k] = (double)user_room(users_get(users, k));
    }
    const double median = sample_median(bytes, (int)n); /* sorts */
    const double p99 = bytes[(size_t)(.99 * (n - 1))];
    const double all = (double)users_bytes(users);
    printf("%u users, %.1f events each: %.0f bytes the median, %.0f p99, %.0f the largest; with "
           "the table "
           "%.0f on average\n",
           n, (double)events / n, median, p99, bytes[n - 1], all / n);
    sample("bytes a user, median", "bytes", median, SAMPLE_NONE, SAMPLE_NONE);
    sample("bytes a user, p99", "bytes", p99, SAMPLE_NONE, SAMPLE_NONE);
    sample("bytes a user with table, mean", "bytes", all / n, SAMPLE_NONE, SAMPLE_NONE);
    free(bytes);
    return all;
}

/* A part of the shared model: all of it, and what each item has of it. */
static void show_part(const char *name, size_t bytes, double n) {
    printf("  %-12s %9.2f MB %8.0f bytes an item\n", name, (double)bytes / 1e6, (double)bytes / n);
}

static void show_parts(const struct shared *s) {
    const double n = (double)items_n(s->items);
    double neighbours = 0.0;
    for (uint32_t i = 0; i < items_n(s->items); i++) {
        neighbours += pairs_list(s->pairs, i).n;
    }
    printf("  neighbours   %.1f an item\n", neighbours / n);
    show_part("pairs", pairs_bytes(s->pairs), n);
    show_part("factors", factors_bytes(s->factors), n);
    show_part("popularity", popularity_bytes(s->popularity), n);
    show_part("items", items_bytes(s->items), n);
    show_part("categories", categories_bytes(s->categories), n);
    show_part("content", content_bytes(s->content), n);
}

static void show_items(const struct learner *l, double beyond_users) {
    const struct shared *s = learner_shared(l);
    const double n = (double)items_n(s->items);
    const double own = (double)shared_bytes(s) / n;
    printf("%.0f items: %.0f bytes each by the model's account; %.0f with all else that is "
           "allocated and "
           "is no user's block\n",
           n, own, beyond_users / n);
    show_parts(s);
    sample("bytes an item", "bytes", own, SAMPLE_NONE, SAMPLE_NONE);
    sample("bytes an item, all but users", "bytes", beyond_users / n, SAMPLE_NONE, SAMPLE_NONE);
}

int main(int argc, char **argv) {
    const uint32_t users = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : USERS;
    const uint32_t items = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : ITEMS;
    const struct world_params params = {.users = users,
                                        .items = items / WORLD_DOMAINS,
                                        .rho = .8,
                                        .days = 180.0,
                                        .start_ms = INT64_C(1767571200000),
                                        .lively = true,
                                        .seed = 11};
    factors_blas_threads(1);
    const double before = allocated();
    struct learner *l = open_learner();
    const double empty = allocated() - before;
    const uint64_t events = live(l, &params);
    malloc_trim(0);
    const double of_users = show_users(l, events);
    show_items(l, allocated() - before - empty - of_users);
    printf("an empty learner has %.1f MB; the process now %.0f MB\n", empty / 1e6,
           process_rss_kib(0) / 1024.0);
    learner_free(l);
    return 0;
}
