/* SPDX-License-Identifier: Apache-2.0
 *
 * test_shared_model.c -- many instances, one model, on a real Kafka and a real Redis.
 *
 * The input is the synthetic world, in topics of 3, 4 and 5 partitions, there before anybody
 * starts. One, two and three instances learn it, each time as a group of its own. That they share
 * one model is judged by GET /model: digests of the log's state, bit for bit; counts of the most
 * taken items between groups, which met landmarks at other places of their logs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crew.h"
#include "daemon_fixture.h"
#include "demo_events.h"
#include "encode.h"
#include "feeder.h"
#include "popularity.h"
#include "scrape.h"
#include "shipped.h"

enum {
    USERS = 1330, /* some 20,000 events */
    ITEMS = 75,   /* a domain: no list of neighbours outgrows its limit */
    INPUTS = 3,
    FEWEST = 3, /* partitions: 3, 4, 5 */
    TOP = 50,
    DOMAINS = 2,
    VALUE_MAX = 8192,
    RATE = 400,
    JOIN_MS = 10000,
    TAKEOVER_MS = 3000 + 5000 + 4000, /* session, transaction, and what it takes besides */
    GAP_MS = 20000,
};

static const char *const names[DOMAINS] = {"course", "food"};

#define START_MS INT64_C(1700000000000) /* of the input */

struct fixture {
    struct stand stand;
    struct crew crew;
    int64_t events; /* of each input */
};

/* ---- the input ------------------------------------------------------------------------------- */

static int64_t fill(struct stand *s) {
    const struct demo_events_params params = {.world = {.users = USERS,
                                                        .items = ITEMS,
                                                        .rho = .8,
                                                        .days = 60,
                                                        .start_ms = START_MS,
                                                        .lively = true,
                                                        .seed = 7},
                                              .run = "w"};
    struct demo_events *e = NULL;
    struct encoder *encoders[DOMAINS] = {NULL};
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(demo_events_open(&params, &e, err), ST_OK);
    for (int d = 0; d < DOMAINS; d++) {
        const enum reader reader = d == 0 ? READER_COURSE_VIEW : READER_FOOD_ORDER;
        assert_int_equal(encoder_new(reader, shipped_id(reader), &encoders[d]), ST_OK);
    }
    struct decoded event;
    uint32_t domain = 0;
    int64_t n = 0;
    for (; demo_events_next(e, &event, &domain); n++) {
        uint8_t value[VALUE_MAX];
        char user[ID_LEN_MAX + 1];
        size_t len = 0;
        snprintf(user, sizeof user, "%.*s", (int)event.user_id_len, event.user_id);
        assert_int_equal(encode(encoders[domain], &event, value, sizeof value, &len), ST_OK);
        stand_produce(s, s->cfg.topics[domain].name, user, value, len);
    }
    stand_flush(s);
    encoder_free(encoders[0]);
    encoder_free(encoders[1]);
    demo_events_free(e);
    return n;
}

static const char *input_of(int32_t partitions) {
    static const char *const inputs[INPUTS] = {"three", "four", "five"};
    return inputs[partitions - FEWEST];
}

/* A group of its own for so many instances on so many partitions. */
static struct crew *begin(struct fixture *f, const char *group, int32_t partitions) {
    crew_begin(&f->crew, group, input_of(partitions), partitions);
    crew_load(&f->crew);
    return &f->crew;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static const char *digest(const json_t *v, const char *part) {
    return json_string_value(json_object_get(json_object_get(v, "digests"), part));
}

/* Every digest, and how far the log was read. */
static void assert_same_model(struct crew *c, const json_t *a, const json_t *b) {
    static const char *const keys[] = {"position", "events", "items", "landmarks"};
    const char *part = NULL;
    json_t *value = NULL;
    bool same = json_object_size(json_object_get(a, "digests")) == 9;
    json_object_foreach(json_object_get(a, "digests"), part, value) {
        if (strcmp(json_string_value(value), digest(b, part)) != 0) {
            print_message("two instances at one log end: the digest of %s differs\n", part);
            same = false;
        }
    }
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        if (!json_equal(json_object_get(a, keys[k]), json_object_get(b, keys[k]))) {
            print_message("two instances at one log end: %s differ\n", keys[k]);
            same = false;
        }
    }
    CREW_EXPECT(c, same);
}

static const json_t *top_of(const json_t *v, int domain) {
    return json_object_get(json_object_get(json_object_get(v, "domains"), names[domain]), "top");
}

static const json_t *find_item(const json_t *top, const char *id) {
    size_t k = 0;
    json_t *x = NULL;
    json_array_foreach((json_t *)(uintptr_t)top, k, x) {
        if (strcmp(json_string_value(json_object_get(x, "item")), id) == 0) {
            return x;
        }
    }
    return NULL;
}

/* In units of 2^-20. */
static double units(const json_t *item, size_t clock) {
    const char *hex = json_string_value(json_array_get(json_object_get(item, "counts"), clock));
    return popularity_count_to((int64_t)strtoull(hex, NULL, 16), (int)clock) * 0x1p20;
}

static double landmark(const json_t *v, size_t clock) {
    return (double)json_integer_value(json_array_get(json_object_get(v, "landmarks"), clock));
}

struct difference {
    double units, per_move; /* the largest, of 2^-20; of so many moves of its landmark */
    size_t items;           /* compared */
};

/* What a count is at a later landmark, in units of 2^-20. */
static double brought_to(double at, const json_t *v, const json_t *item, size_t clock) {
    return units(item, clock) *
           exp2((landmark(v, clock) - at) / (double)popularity_half_life_ms[clock]);
}

/* From the beginning of the input on. */
static double moves_until(double landmark_ms, size_t clock) {
    return (landmark_ms - (double)START_MS) / (double)(POP_MOVE * popularity_half_life_ms[clock]);
}

/* At the later landmark of both. Sums are rounded once a move in each group; besides, an event that
 * comes so late that a unit cuts its weight is rounded by itself, and of a whole input that is
 * there at the start an instance may be weeks ahead of another: units are finer than 2^-20 for it.
 */
static void compare_item(const json_t *a, const json_t *x, const json_t *b, const json_t *y,
                         struct difference *d) {
    assert_true(json_equal(json_object_get(x, "takes"), json_object_get(y, "takes")));
    for (size_t clock = 0; clock < POP_CLOCKS; clock++) {
        const double at = fmax(landmark(a, clock), landmark(b, clock));
        const double off = fabs(brought_to(at, a, x, clock) - brought_to(at, b, y, clock));
        d->units = fmax(d->units, off);
        d->per_move = fmax(d->per_move, off / fmax(1.0, moves_until(at, clock)));
    }
}

static struct difference compare_counts(const json_t *a, const json_t *b) {
    struct difference d = {.items = 0};
    for (int domain = 0; domain < DOMAINS; domain++) {
        const json_t *top = top_of(a, domain);
        size_t k = 0;
        json_t *x = NULL;
        json_array_foreach((json_t *)(uintptr_t)top, k, x) {
            const char *id = json_string_value(json_object_get(x, "item"));
            const json_t *y = find_item(top_of(b, domain), id);
            assert_non_null(y); /* ties are broken by id: the same 50 */
            compare_item(a, x, b, y, &d);
            d.items++;
        }
    }
    return d;
}

/* ---- one, two and three instances --------------------------------------------------------------
 */

static bool all_have_tasks(struct crew *c, int n) {
    bool all = true;
    for (int k = 0; k < n; k++) {
        all = all && crew_tasks(c, k) > 0;
    }
    return all;
}

/* Learns the input with n instances: the model of the first, after all were found to be equal. The
 * first may have learned all of it before the last has a task. */
static json_t *learn_with(struct fixture *f, int32_t partitions, int n) {
    char group[CREW_NAME_MAX];
    snprintf(group, sizeof group, "learn-%d-%d", (int)partitions, n);
    struct crew *c = begin(f, group, partitions);
    const int64_t start_ms = stand_now_ms();
    for (int k = 0; k < n; k++) {
        crew_start(c, k, NULL);
    }
    CREW_AWAIT(c, all_have_tasks(c, n) && crew_settled(c, n, f->events));
    json_t *first = crew_model(c, 0, TOP);
    for (int k = 1; k < n; k++) {
        json_t *other = crew_model(c, k, TOP);
        CREW_EXPECT(c, first && other && crew_tasks(c, k) > 0);
        assert_same_model(c, first, other);
        json_decref(other);
    }
    print_message("%d partitions, %d instances: %d ms, position %d, digest %s\n", (int)partitions,
                  n, (int)(stand_now_ms() - start_ms),
                  (int)json_integer_value(json_object_get(first, "position")),
                  digest(first, "all"));
    return first;
}

static void instances_at_one_log_end_are_equal_and_count_as_one_does(void **state) {
    struct fixture *f = *state;
    json_t *alone = NULL;
    for (int32_t partitions = FEWEST; partitions < FEWEST + INPUTS; partitions++) {
        for (int n = 1; n <= CREW_MAX; n++) {
            json_t *v = learn_with(f, partitions, n);
            alone = alone ? alone : json_incref(v);
            CREW_EXPECT(&f->crew,
                        json_equal(json_object_get(v, "items"), json_object_get(alone, "items")));
            CREW_EXPECT(&f->crew, strcmp(digest(v, "pairs"), digest(alone, "pairs")) == 0);
            const struct difference d = compare_counts(alone, v);
            print_message("  %zu items: counts differ by %.3f 2^-20 at most, by %.3f a landmark "
                          "move\n",
                          d.items, d.units, d.per_move);
            CREW_EXPECT(&f->crew, d.items == DOMAINS * TOP && d.per_move <= 1.0);
            json_decref(v);
        }
    }
    json_decref(alone);
}

/* ---- joining and leaving ------------------------------------------------------------------------
 */

static void whoever_joins_has_the_model_and_serves_within_seconds(void **state) {
    struct fixture *f = *state;
    struct crew *c = begin(f, "join", 4);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, f->events));
    crew_start(c, 1, NULL);
    const int64_t start_ms = stand_now_ms();
    CREW_AWAIT(c, crew_tasks(c, 1) > 0);
    const int64_t running_ms = stand_now_ms() - start_ms;
    CREW_AWAIT(c, crew_ready(c, 1) && crew_tasks(c, 0) + crew_tasks(c, 1) == 4);
    print_message(
        "a new instance: its tasks run %d ms after it was started, it is ready after %d\n",
        (int)running_ms, (int)(stand_now_ms() - start_ms));
    CREW_EXPECT(c, stand_now_ms() - start_ms < JOIN_MS);
    CREW_AWAIT(c, crew_settled(c, 2, f->events));
    json_t *a = crew_model(c, 0, TOP);
    json_t *b = crew_model(c, 1, TOP);
    assert_same_model(c, a, b);
    json_decref(a);
    json_decref(b);

    /* the first one dies: the other has all of it after the session and the transaction, at most */
    crew_kill(c, 0);
    const int64_t killed_ms = stand_now_ms();
    CREW_AWAIT(c, crew_tasks(c, 1) == 4 && crew_ready(c, 1));
    const int64_t takeover_ms = stand_now_ms() - killed_ms;
    print_message("kill -9: taken over after %d ms (session 3000, transaction 5000)\n",
                  (int)takeover_ms);
    CREW_EXPECT(c, takeover_ms < TAKEOVER_MS);
    a = crew_model(c, 1, TOP);
    CREW_EXPECT(c, json_integer_value(json_object_get(a, "events")) == f->events);
    json_decref(a);

    /* it comes back by the snapshot and the log */
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_tasks(c, 0) > 0 && crew_settled(c, 2, f->events));
    a = crew_model(c, 0, TOP);
    b = crew_model(c, 1, TOP);
    assert_same_model(c, a, b);
    json_decref(a);
    json_decref(b);
}

static void other_options_are_refused_by_name(void **state) {
    struct fixture *f = *state;
    struct crew *c = begin(f, "options", 3);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, f->events));
    const double takeovers = scrape(c->members[0].http, "crossrec_takeover_seconds_count", NULL);
    CREW_EXPECT(c, takeovers >= 3);
    crew_start(c, 1, (const char *const[]){"learn.seed=2", NULL});
    crew_await_end(c, 1, "learn.seed");
    stand_nap_ms(1000);                    /* a rebalance would have come by now */
    CREW_EXPECT(c, crew_tasks(c, 0) == 3); /* and the one that runs was not disturbed */
    CREW_EXPECT(c,
                scrape(c->members[0].http, "crossrec_takeover_seconds_count", NULL) == takeovers);
    crew_start(c, 1, (const char *const[]){"learn.seed=1", NULL});
    CREW_AWAIT(c, crew_tasks(c, 1) > 0);
}

/* ---- a rolling restart
 * ---------------------------------------------------------------------------- */

enum { PROBES = 12, NAME_LEN = 32 };

/* A user whose every event must be seen in his list: he enrolls in what it shows first, which is
 * then not shown any more. */
struct probe {
    char user[NAME_LEN], item[NAME_LEN]; /* item "": none is under way */
    int64_t sent_ms;
};

struct watch {
    struct crew *c;
    struct encoder *encoder;
    struct probe probes[PROBES];
    int64_t longest_ms, n;
};

static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_enrolment(struct watch *w, struct probe *p, const char *item) {
    char id[48];
    uint8_t value[VALUE_MAX];
    size_t len = 0;
    snprintf(id, sizeof id, "%s-%d", p->user, (int)w->n++);
    struct decoded_line line = {.item = item, .item_len = strlen(item), .quantity = 1};
    const struct decoded d = {.event_id = id,
                              .event_id_len = strlen(id),
                              .user_id = p->user,
                              .user_id_len = strlen(p->user),
                              .ts_ms = wall_ms(),
                              .action = ACTION_ENROLL,
                              .n_lines = 1,
                              .lines = &line};
    assert_int_equal(encode(w->encoder, &d, value, sizeof value, &len), ST_OK);
    stand_produce(w->c->s, w->c->s->cfg.topics[0].name, p->user, value, len);
    snprintf(p->item, sizeof p->item, "%s", item);
    p->sent_ms = stand_now_ms();
}

/* Does the list show the item? `first`: what it shows first, "" if nothing. */
static bool shows(struct watch *w, const struct probe *p, const char *item, char first[NAME_LEN]) {
    const char *text = stand_get(w->c->s, "crossrec:course:rec:%s", p->user);
    json_t *v = text ? json_loads(text, 0, NULL) : NULL;
    size_t k = 0;
    json_t *x = NULL;
    bool found = false;
    first[0] = '\0';
    json_array_foreach(json_object_get(v, "items"), k, x) {
        const char *id = json_string_value(json_object_get(x, "id"));
        found = found || strcmp(id, item) == 0;
        if (k == 0) {
            snprintf(first, NAME_LEN, "%s", id);
        }
    }
    json_decref(v);
    return found;
}

static void look(struct watch *w) {
    kafka_producer_poll(w->c->s->producer, 0);
    for (int k = 0; k < PROBES; k++) {
        struct probe *p = &w->probes[k];
        char first[NAME_LEN];
        const bool shown = shows(w, p, p->item, first);
        const int64_t age_ms = stand_now_ms() - p->sent_ms;
        if (p->item[0] && (shown || !first[0])) {
            w->longest_ms = age_ms > w->longest_ms ? age_ms : w->longest_ms;
            continue; /* not yet */
        }
        if (first[0] && age_ms > 150) {
            send_enrolment(w, p, first);
        }
    }
}

/* Looks on until it is so. */
#define WATCH(w, what)                                                                             \
    do {                                                                                           \
        look(w);                                                                                   \
        CREW_AWAIT((w)->c, (look(w), (what)));                                                     \
    } while (0)

static bool later(int64_t at_ms) {
    return stand_now_ms() > at_ms;
}

static void begin_watch(struct watch *w, struct crew *c) {
    *w = (struct watch){.c = c};
    assert_int_equal(encoder_new(READER_COURSE_VIEW, shipped_id(READER_COURSE_VIEW), &w->encoder),
                     ST_OK);
    for (int k = 0; k < PROBES; k++) {
        char first[NAME_LEN];
        snprintf(w->probes[k].user, NAME_LEN, "probe-%d", k);
        send_enrolment(w, &w->probes[k], "c79");
        CREW_AWAIT(c, !shows(w, &w->probes[k], "c79", first) && first[0]);
        w->probes[k].item[0] = '\0';
    }
}

/* One instance after the other; each is back before the next one goes. */
static void roll(struct watch *w, int64_t gaps_ms[CREW_MAX]) {
    struct crew *c = w->c;
    for (int k = 0; k < CREW_MAX; k++) {
        w->longest_ms = 0;
        daemon_fixture_signal(c->members[k].daemon, SIGTERM);
        WATCH(w, !daemon_fixture_runs(c->members[k].daemon));
        (void)crew_term(c, k); /* it had ended in order */
        crew_start(c, k, NULL);
        WATCH(w, crew_ready(c, k) && crew_tasks(c, k) > 0);
        const int64_t until_ms = stand_now_ms() + 1500;
        WATCH(w, later(until_ms));
        gaps_ms[k] = w->longest_ms;
    }
}

static void a_rolling_restart_under_load_leaves_no_long_gap(void **state) {
    struct fixture *f = *state;
    struct crew *c = &f->crew;
    crew_begin(c, "rolling", "rolling", 3);
    stand_set(c->s, "crossrec.clock", "wall");
    crew_load(c);
    struct feeder *feeder = feeder_start(&c->s->cfg, RATE, 0, 0);
    for (int k = 0; k < CREW_MAX; k++) {
        crew_start(c, k, NULL);
    }
    CREW_AWAIT(c, crew_tasks(c, 0) == 1 && crew_tasks(c, 1) == 1 && crew_tasks(c, 2) == 1);
    static struct watch w;
    int64_t gaps_ms[CREW_MAX] = {0};
    begin_watch(&w, c);
    const int64_t until_ms = stand_now_ms() + 2000;
    WATCH(&w, later(until_ms));
    const int64_t quiet_ms = w.longest_ms;
    roll(&w, gaps_ms);
    print_message("event to list, at most: %d ms before, %d, %d, %d ms around each restart\n",
                  (int)quiet_ms, (int)gaps_ms[0], (int)gaps_ms[1], (int)gaps_ms[2]);
    for (int k = 0; k < CREW_MAX; k++) {
        CREW_EXPECT(c, gaps_ms[k] < GAP_MS);
    }
    uint64_t events = 0;
    uint64_t bad = 0;
    feeder_stop(feeder, &events, &bad);
    stand_flush(c->s);
    encoder_free(w.encoder);
    CREW_AWAIT(c, crew_settled(c, CREW_MAX, (int64_t)events + w.n));
    json_t *a = crew_model(c, 0, 0);
    for (int k = 1; k < CREW_MAX; k++) {
        json_t *b = crew_model(c, k, 0);
        assert_same_model(c, a, b);
        json_decref(b);
    }
    json_decref(a);
}

/* ---- cut off -------------------------------------------------------------------------------- */

enum { SWEEP_RECORDS = 1000, MOVED = 50 }; /* a snapshot is begun each so many records */

static int64_t position_of(struct crew *c, int k) {
    json_t *v = crew_model(c, k, 0);
    const int64_t at = v ? (int64_t)json_integer_value(json_object_get(v, "position")) : -1;
    json_decref(v);
    return at;
}

/* As an instance that the network has cut off for longer than the log is kept. */
static void whoever_slept_until_the_log_was_trimmed_heals_by_itself(void **state) {
    struct fixture *f = *state;
    struct crew *c = &f->crew;
    char err[CONFIG_ERROR_MAX] = "";
    uint64_t events = 0;
    uint64_t bad = 0;
    crew_begin(c, "slept", "slept", 3);
    stand_set(c->s, "crossrec.clock", "wall");
    stand_set(c->s, "commit.interval", "10ms");
    crew_load(c);
    struct feeder *feeder = feeder_start(&c->s->cfg, RATE, 0, 0);
    crew_start(c, 0, NULL);
    crew_start(c, 1, NULL);
    CREW_AWAIT(c, crew_tasks(c, 0) > 0 && crew_tasks(c, 1) > 0);
    daemon_fixture_signal(c->members[1].daemon, SIGSTOP);
    const int64_t stopped = position_of(c, 0);
    CREW_AWAIT(c, position_of(c, 0) > stopped + MOVED);
    const int64_t below = position_of(c, 0);
    CREW_AWAIT(c, position_of(c, 0) > below + SWEEP_RECORDS);
    CREW_AWAIT(c, position_of(c, 0) > below + 5 * SWEEP_RECORDS / 2);
    if (kafka_topic_delete_records(&c->s->cfg, c->s->cfg.model_topic, 0, below, err)) {
        fail_msg("%s", err);
    }
    daemon_fixture_signal(c->members[1].daemon, SIGCONT);
    CREW_AWAIT(c, scrape(c->members[1].http, "crossrec_begun_anew_total", NULL) == 1.0);
    CREW_AWAIT(c, crew_tasks(c, 1) > 0);
    feeder_stop(feeder, &events, &bad);
    CREW_AWAIT(c, crew_settled(c, 2, (int64_t)events));
    json_t *a = crew_model(c, 0, 0);
    json_t *b = crew_model(c, 1, 0);
    assert_same_model(c, a, b);
    json_decref(a);
    json_decref(b);
    (void)crew_term(c, 1); /* SIGTERM is heard by the one that began anew */
}

/* ---- what an operator types ---------------------------------------------------------------------
 */

static int run(struct crew *c, const char *const *words) {
    const char *text = "";
    const int rc = crew_run(c, words, &text);
    print_message("$ crossrec");
    for (; *words; words++) {
        print_message(" %s", *words);
    }
    print_message(" -> %d\n%s", rc, text);
    return rc;
}

#define RUN(c, ...) run(c, (const char *const[]){__VA_ARGS__, NULL})

static void model_reset_begins_the_model_anew_and_keeps_users(void **state) {
    struct fixture *f = *state;
    struct crew *c = begin(f, "reset", 3);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, f->events));
    CREW_EXPECT(c, RUN(c, "model", "reset") != 0); /* while it runs */
    (void)crew_term(c, 0);
    CREW_EXPECT(c, RUN(c, "model", "reset") == 0);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, 0));
    CREW_EXPECT(c, scrape(c->members[0].http, "crossrec_users", NULL) > USERS / 2);
    (void)crew_term(c, 0);

    /* everything again, by the state's reset */
    CREW_EXPECT(c, RUN(c, "topic", "reset", c->s->cfg.state_topic, "--rebuild") == 0);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, f->events));
}

static void a_recreated_input_topic_stops_it_until_the_command_is_typed(void **state) {
    struct fixture *f = *state;
    struct crew *c = &f->crew;
    char err[CONFIG_ERROR_MAX] = "";
    crew_begin(c, "recreated", "recreated", 3);
    crew_load(c);
    const int64_t n = fill(c->s);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, n));
    (void)crew_term(c, 0);
    const char *dishes = c->s->cfg.topics[1].name;
    assert_int_equal(kafka_topic_delete(&c->s->cfg, dishes, err), ST_OK);
    crew_create(c, dishes, 3);
    crew_start(c, 0, NULL);
    crew_await_end(c, 0, "topic reset recreated-dishes --continue");
    CREW_EXPECT(c, RUN(c, "topic", "reset", dishes, "--continue") == 0);
    crew_start(c, 0, NULL);
    CREW_AWAIT(c, crew_settled(c, 1, n)); /* what was learned stays */
    static struct watch w = {0};
    w.c = c;
    assert_int_equal(encoder_new(READER_COURSE_VIEW, shipped_id(READER_COURSE_VIEW), &w.encoder),
                     ST_OK);
    send_enrolment(&w, &(struct probe){.user = "after"}, "c1");
    encoder_free(w.encoder);
    stand_flush(c->s);
    CREW_AWAIT(c, crew_settled(c, 1, n + 1));
}

/* ---- */

static int setup(void **state) {
    static struct fixture f;
    f.crew.s = &f.stand;
    *state = &f;
    if (stand_open(&f.stand)) {
        return 1;
    }
    for (int32_t partitions = FEWEST; partitions < FEWEST + INPUTS; partitions++) {
        (void)begin(&f, "fill", partitions);
        f.events = fill(&f.stand);
    }
    print_message("%d events an input\n", (int)f.events);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    stand_close(&f->stand);
    return 0;
}

static int end_all(void **state) {
    struct fixture *f = *state;
    crew_end(&f->crew);
    return 0;
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, end_all)
        TEST(instances_at_one_log_end_are_equal_and_count_as_one_does),
        TEST(whoever_joins_has_the_model_and_serves_within_seconds),
        TEST(other_options_are_refused_by_name),
        TEST(a_rolling_restart_under_load_leaves_no_long_gap),
        TEST(whoever_slept_until_the_log_was_trimmed_heals_by_itself),
        TEST(model_reset_begins_the_model_anew_and_keeps_users),
        TEST(a_recreated_input_topic_stops_it_until_the_command_is_typed),
#undef TEST
    };
    return cmocka_run_group_tests_name("shared_model", tests, setup, teardown);
}
