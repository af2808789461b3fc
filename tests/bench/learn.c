/* SPDX-License-Identifier: Apache-2.0
 *
 * learn.c -- what the learner of the daemon costs: CPU time of learning an event, and of ranking a
 * list of ten, with everything switched on.
 *
 *     bench_learn [--repeats] [--categories] [--from N] FILE
 *     bench_learn --world ITEMS EVENTS FILE
 *
 * The first replays a stream (ts domain user item, as `crossrec eval` takes it) in one task by the
 * default configuration; each event is tested, ranked for, and learned, one after the other, in the
 * order of the file, as ../shared/reference/rank.c does it:
 *
 *     rank    learner_rank() for the event's user, domain and time, if he has a history and did not
 *             take the item before (or repeats count)
 *     learn   learner_learn(), with what a mini-batch closes (S and its eigenvectors, k-means,
 *             pruning), and sealing
 *     lists   at the end: lists of users drawn at random, whose data are in no cache
 *
 * --repeats: they count in every domain. --categories: an item "c3/x" has category "c3", by a
 * catalogue given first. --from: events before the N-th are learned, not measured.
 *
 * The second writes such a stream: worlds (world.h) of 5,000 + 5,000 items, as many as it takes
 * ("cities", of whose items and users none are in two), merged by time. One file for both sides.
 *
 * Time is CPU time of the thread, less what reading that clock takes. Means are what counts; beside
 * them the median and the 99th percentile of single calls.
 */
#define BENCH_NAME "learn"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "eval_stream.h"
#include "factors.h"
#include "hash.h"
#include "instance.h"
#include "learner.h"
#include "mix.h"
#include "must.h"
#include "world.h"

enum {
    LIST = 10,
    SEAL_EVERY = 5000, /* events */
    LISTS = 20000,
    CITY_ITEMS = 5000, /* a domain */
    WORLD_EVENTS = 16, /* of a user, about */
    CLOCK_READS = 10001,
};

/* ---- times --------------------------------------------------------------------------------- */

struct times {
    float *us; /* (n,) of a call */
    size_t n;
    double sum;
};

static double clock_us; /* what a reading takes */

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void note(struct times *t, double from_us) {
    const double us = now_us() - from_us - clock_us;
    t->us[t->n++] = (float)us;
    t->sum += us;
}

static int by_size(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void read_clock(void) {
    struct times t = {.us = room(CLOCK_READS, sizeof *t.us)};
    for (int k = 0; k < CLOCK_READS; k++) {
        note(&t, now_us());
    }
    qsort(t.us, t.n, sizeof *t.us, by_size);
    clock_us = (double)t.us[t.n / 2];
    free(t.us);
}

static void print_times(const char *name, struct times *t) {
    if (t->n == 0) {
        return;
    }
    qsort(t->us, t->n, sizeof *t->us, by_size);
    printf(" | %s mean %.2f us p50 %.2f p99 %.2f", name, t->sum / (double)t->n,
           (double)t->us[t->n / 2], (double)t->us[t->n * 99 / 100]);
}

/* ---- the stream ---------------------------------------------------------------------------- */

struct run {
    const char *path;
    bool repeats, categories;
    size_t from;
    struct eval_stream stream;
    struct learner *learner;
    struct times rank, learn, lists;
    uint64_t digest; /* of all lists */
};

static void make_learner(struct run *r) {
    struct config *cfg = room(1, sizeof *cfg);
    config_defaults(cfg);
    cfg->n_domains = r->stream.n_domains;
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        cfg->domains[d] = (struct config_domain){.repeats = r->repeats, .target = true};
        snprintf(cfg->domains[d].name, sizeof cfg->domains[d].name, "%s", r->stream.domains[d]);
    }
    struct learner_params params = instance_learner_params(cfg);
    params.log = false; /* alone: what its mini-batches make of the model is its own work */
    free(cfg);
    must(learner_new(&params, &r->learner), "the learner");
    must(learner_task_open(r->learner, 0), "its task");
}

/* A row for each item: "c3/x" is of category "c3". */
static void teach_categories(struct run *r) {
    const struct eval_stream *s = &r->stream;
    for (size_t k = 0; k < s->n; k++) {
        const struct eval_name *name = &s->items.entries[s->lines[k].item];
        const char *id = eval_names_text(&s->items, s->lines[k].item);
        const char *end = memchr(id, '/', name->len);
        if (!end) {
            die("--categories: an item without one");
        }
        const char *domain = s->domains[s->lines[k].domain];
        const struct content_row row = {
            .item = name->hash,
            .id = id,
            .id_len = name->len,
            .domain = s->lines[k].domain,
            .available = true,
            .category = hash_category(domain, id, (size_t)(end - id)),
            .category_name = id,
            .category_name_len = (uint16_t)(end - id),
        };
        struct content_change change;
        must(learner_item(r->learner, &row, &change), "a catalogue's row");
    }
}

static struct event event_of(const struct eval_stream *s, size_t at, struct event_line *line) {
    const struct eval_line *x = &s->lines[at];
    const struct eval_name *user = &s->users.entries[x->user];
    const struct eval_name *item = &s->items.entries[x->item];
    *line = (struct event_line){.item = item->hash,
                                .id = eval_names_text(&s->items, x->item),
                                .id_len = item->len,
                                .quantity = x->quantity,
                                .amount = x->amount,
                                .discount = x->discount};
    return (struct event){.id = x->id,
                          .user = user->hash,
                          .ts_ms = x->ts_ms,
                          .offset = (int64_t)at,
                          .user_id = eval_names_text(&s->users, x->user),
                          .user_id_len = user->len,
                          .domain = x->domain,
                          .topic = x->domain,
                          .action = x->action,
                          .weight = 1.0F,
                          .n_lines = 1,
                          .lines = line};
}

/* Does the reference rank for it? */
static bool is_ranked(const struct run *r, uint32_t slot, const struct event *e) {
    const struct shared *s = learner_shared(r->learner);
    const struct user *u = slot == USER_NONE ? NULL : users_get(learner_users(r->learner, 0), slot);
    if (!u || user_n(u) == 0 || popularity_events(s->popularity, e->domain) == 0) {
        return false;
    }
    const uint32_t i = items_find(s->items, e->lines->item);
    return r->repeats || i == ITEM_NONE || !user_took(u, e->domain, i, items_hashes(s->items));
}

static void rank(struct run *r, uint32_t slot, uint8_t domain, int64_t now_ms, struct times *t) {
    struct list list;
    const double from = now_us();
    must(learner_rank(r->learner, 0, slot, domain, now_ms, LIST, &list), "a list");
    if (t) {
        note(t, from);
    }
    r->digest = mix64(r->digest ^ learner_list_digest(r->learner, &list));
}

static void take(struct run *r, size_t at) {
    struct event_line line;
    struct event e = event_of(&r->stream, at, &line);
    struct learner_effect effect;
    const uint32_t slot = users_find(learner_users(r->learner, 0), e.user);
    const bool measured = at >= r->from;
    if (measured && is_ranked(r, slot, &e)) {
        rank(r, slot, e.domain, e.ts_ms, &r->rank);
    }
    const double from = now_us();
    must(learner_learn(r->learner, 0, &e, &effect), "an event");
    if ((at + 1) % SEAL_EVERY == 0) {
        must(learner_seal(r->learner, 0), "sealing");
        learner_committed(r->learner, 0);
    }
    if (measured) {
        note(&r->learn, from);
    }
}

static void draw_lists(struct run *r) {
    const struct users *users = learner_users(r->learner, 0);
    struct rng rng = {1};
    for (int k = 0; k < LISTS; k++) {
        const uint32_t slot = rng_below(&rng, users_n(users));
        const uint8_t domain = (uint8_t)rng_below(&rng, r->stream.n_domains);
        rank(r, slot, domain, learner_stream_ms(r->learner), &r->lists);
    }
}

static int replay(struct run *r) {
    const struct eval_stream_spec spec = {.paths = &r->path, .n_paths = 1};
    must(eval_stream_read(&r->stream, &spec), r->path);
    factors_blas_threads(1); /* as the daemon does */
    make_learner(r);
    if (r->categories) {
        teach_categories(r);
    }
    r->rank.us = room(r->stream.n, sizeof *r->rank.us);
    r->learn.us = room(r->stream.n, sizeof *r->learn.us);
    r->lists.us = room(LISTS, sizeof *r->lists.us);
    read_clock();
    for (size_t at = 0; at < r->stream.n; at++) {
        take(r, at);
    }
    draw_lists(r);
    printf("%s items %u", r->path, items_n(learner_shared(r->learner)->items));
    print_times("rank", &r->rank);
    print_times("learn", &r->learn);
    print_times("lists", &r->lists);
    printf(" | lists %016" PRIx64 "\n", r->digest);
    learner_free(r->learner);
    eval_stream_free(&r->stream);
    free(r->rank.us);
    free(r->learn.us);
    free(r->lists.us);
    return 0;
}

/* ---- worlds -------------------------------------------------------------------------------- */

struct city {
    struct world *world;
    struct world_event next;
    bool more;
};

static void write_line(FILE *f, const struct city *c, uint32_t number) {
    static const char *const domains[WORLD_DOMAINS] = {"course", "food"};
    const struct world_event *e = &c->next;
    const char *category = world_item_category(c->world, e->domain, e->item[0]);
    fprintf(f, "%" PRId64 "\t%s\t%u-%u\t", e->ts_ms / 1000, domains[e->domain], number, e->user);
    for (; *category; category++) {
        fputc(*category == ' ' ? '-' : *category, f);
    }
    fprintf(f, "/%u-%u\n", number, e->item[0]);
}

static int write_worlds(uint32_t items, uint64_t events, const char *path) {
    const uint32_t n = (items + 2 * CITY_ITEMS - 1) / (2 * CITY_ITEMS);
    struct city *cities = room(n, sizeof *cities);
    FILE *f = fopen(path, "w");
    if (!f) {
        die("the file cannot be written");
    }
    for (uint32_t k = 0; k < n; k++) {
        const struct world_params p = {.users = (uint32_t)(events / n / WORLD_EVENTS) + 1,
                                       .items = CITY_ITEMS,
                                       .rho = .7,
                                       .days = 60.0,
                                       .start_ms = INT64_C(1767225600000),
                                       .seed = k + 1};
        must(world_new(&p, &cities[k].world), "a world");
        cities[k].more = world_next(cities[k].world, &cities[k].next);
    }
    uint32_t first = 0;
    while (first < n) {
        first = n;
        for (uint32_t k = 0; k < n; k++) {
            const bool earlier = first == n || cities[k].next.ts_ms < cities[first].next.ts_ms;
            first = cities[k].more && earlier ? k : first;
        }
        if (first < n) {
            write_line(f, &cities[first], first);
            cities[first].more = world_next(cities[first].world, &cities[first].next);
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        world_free(cities[k].world);
    }
    free(cities);
    return fclose(f) != 0;
}

static _Noreturn void usage(void) {
    fprintf(stderr, "bench_learn [--repeats] [--categories] [--from N] FILE\n"
                    "bench_learn --world ITEMS EVENTS FILE\n");
    exit(2);
}

int main(int argc, char **argv) {
    static struct run r;
    factors_blas_threads(1); /* as the daemon has it */
    if (argc == 5 && strcmp(argv[1], "--world") == 0) {
        return write_worlds((uint32_t)strtoul(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                            argv[4]);
    }
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--repeats") == 0) {
            r.repeats = true;
        } else if (strcmp(argv[k], "--categories") == 0) {
            r.categories = true;
        } else if (strcmp(argv[k], "--from") == 0 && k + 1 < argc) {
            r.from = strtoull(argv[++k], NULL, 10);
        } else if (argv[k][0] == '-' || r.path) {
            usage();
        } else {
            r.path = argv[k];
        }
    }
    if (!r.path) {
        usage();
    }
    return replay(&r);
}
