/* SPDX-License-Identifier: Apache-2.0
 *
 * test_segment_scan.c -- contract tests of models/segment_scan.h on random streams of events: the
 * top items of a segment beside a recount of its members' histories, whatever the slices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "learner_run.h"
#include "segment_scan.h"

enum { DOMAINS = 2, TASKS = 3, USERS = 150, ITEMS = 160, SEGMENTS = 3, EVENTS = 6000 };
enum { ROWS = 40 /* items that nobody takes */, ALL = DOMAINS * ITEMS + ROWS };

static const char *const NAMES[DOMAINS] = {"course", "food"};

struct fixture {
    struct learner *l;
    int64_t now_ms;
    bool blocked[SEGMENTS][ALL]; /* by index */
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct learner_params params = params_of(DOMAINS);
    params.repeats[1] = true;
    params.prequential_sample = 0;
    params.segments.k = SEGMENTS;
    f->l = learner_of(params, TASKS);
    struct stream s = {.rng = {20261126},
                       .now_ms = START,
                       .step_ms = HOUR_MS,
                       .users = USERS,
                       .items = ITEMS,
                       .n_domains = DOMAINS,
                       .n_tasks = TASKS,
                       .max_lines = 2};
    print_message("seed %llu\n", (unsigned long long)s.rng.state);
    for (int n = 0; n < EVENTS; n++) {
        struct made m;
        next_event(&s, &m);
        (void)learn(f->l, &m);
        for (uint32_t p = 0; n % 500 == 499 && p < TASKS; p++) {
            assert_int_equal(learner_seal(f->l, p), ST_OK);
            learner_committed(f->l, p);
        }
    }
    f->now_ms = learner_stream_ms(f->l);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    learner_free(f->l);
    free(f);
    return 0;
}

static struct segment_scan *scan_by(const struct fixture *f, uint32_t slice) {
    struct segment_scan *s = NULL;
    assert_int_equal(segment_scan_new(f->l, f->now_ms, true, &s), ST_OK);
    int steps = 0;
    while (segment_scan_step(s, f->l, slice)) {
        steps++;
    }
    assert_true(slice > USERS || steps >= (int)(USERS / slice) - 1);
    return s;
}

/* ---- the truth --------------------------------------------------------------------------------
 */

/* t of every item for the members of a segment, in double, by the catalogue's order. */
static double recount(const struct fixture *f, int segment, uint8_t domain, double *t) {
    const struct items *items = learner_shared(f->l)->items;
    double sum = 0.0;
    for (uint32_t i = 0; i < items_n(items); i++) {
        t[i] = 0.0;
        for (uint32_t p = 0; p < TASKS; p++) {
            const struct users *users = learner_users(f->l, p);
            for (uint32_t slot = 0; slot < users_n(users); slot++) {
                struct user_entry past[USER_HISTORY];
                const struct user *u = users_get(users, slot);
                const uint32_t n = user_history(u, INT64_MAX, past, USER_HISTORY);
                int64_t newest = INT64_MIN;
                for (uint32_t k = 0; k < n; k++) {
                    newest = past[k].item == i && past[k].ts_ms > newest ? past[k].ts_ms : newest;
                }
                if (user_segment(u) == segment && newest != INT64_MIN) {
                    t[i] += pow(.5, (double)(f->now_ms - newest) / (30.0 * 86400e3));
                }
            }
        }
        sum += items_domain(items, i) == domain ? t[i] : 0.0;
    }
    return sum;
}

static double share_of(const struct fixture *f, uint32_t item, uint8_t domain) {
    const struct shared *s = learner_shared(f->l);
    double all = 0.0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        all += items_domain(s->items, i) == domain ? (double)popularity_count(s->popularity, i, 2)
                                                   : 0.0;
    }
    return (double)popularity_count(s->popularity, item, 2) / all;
}

/* Returns how much the segment took. */
static double assert_top_is_that_of_a_recount(const struct fixture *f, const struct list *top,
                                              int segment, uint8_t domain) {
    const struct shared *s = learner_shared(f->l);
    double t[ALL];
    const double sum = recount(f, segment, domain, t);
    uint32_t allowed = 0;
    double least = (double)INFINITY;
    for (uint32_t k = 0; k < top->n; k++) {
        const uint32_t i = top->items[k].item;
        const double p = share_of(f, i, domain);
        const double score = (t[i] + 100.0 * p) / (sum + 100.0);
        assert_int_equal(items_domain(s->items, i), domain);
        assert_true(fabs((double)top->items[k].score - score) <= 1e-5 * score);
        assert_true(k == 0 || top->items[k].score <= top->items[k - 1].score);
        if (!(p > 0.0) || fabs(score - 1.25 * p) > 1e-4 * p) {
            assert_int_equal(top->items[k].reason,
                             score > 1.25 * p ? REASON_TASTE : REASON_POPULAR);
        }
        least = score;
    }
    for (uint32_t i = 0; i < s->n_items; i++) {
        const double score = (t[i] + 100.0 * share_of(f, i, domain)) / (sum + 100.0);
        const bool may = items_domain(s->items, i) == domain && content_available(s->content, i) &&
                         !f->blocked[segment][i];
        allowed += may;
        bool listed = false;
        for (uint32_t k = 0; k < top->n; k++) {
            listed = listed || top->items[k].item == i;
        }
        assert_true(!listed || may);
        assert_true(listed || !may || top->n < LIST_MAX || score <= least * (1.0 + 1e-5));
    }
    assert_int_equal(top->n, allowed < LIST_MAX ? allowed : LIST_MAX);
    return sum;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void the_top_of_every_segment_is_that_of_a_recount(void **state) {
    const struct fixture *f = *state;
    struct segment_scan *s = scan_by(f, 7);
    int tastes = 0;
    double least = (double)INFINITY;
    double most = 0.0;
    for (uint32_t segment = 0; segment < SEGMENTS; segment++) {
        for (uint8_t d = 0; d < DOMAINS; d++) {
            struct list top;
            segment_scan_top(s, segment, d, LIST_MAX, &top);
            assert_int_equal(top.segment, segment);
            assert_false(top.personalised);
            const double sum = assert_top_is_that_of_a_recount(f, &top, (int)segment, d);
            least = fmin(least, sum);
            most = fmax(most, sum);
            for (uint32_t k = 0; k < top.n; k++) {
                tastes += top.items[k].reason == REASON_TASTE;
            }
            struct list ten;
            segment_scan_top(s, segment, d, 10, &ten);
            assert_int_equal(ten.n, 10);
            assert_memory_equal(ten.items, top.items, 10 * sizeof *ten.items);
        }
    }
    print_message("segments took %.1f to %.1f; %d items are a segment's own taste\n", least, most,
                  tastes);
    assert_true(most > 100.0 && tastes > 0);
    segment_scan_free(s);
}

static void slices_change_nothing(void **state) {
    const struct fixture *f = *state;
    static const uint32_t SLICES[] = {1, 13, UINT32_MAX};
    struct segment_cards want;
    assert_int_equal(learner_segments(f->l, f->now_ms, NAMES, &want), ST_OK);
    struct segment_scan *whole = scan_by(f, 1000000);
    for (size_t k = 0; k < 3; k++) {
        struct segment_scan *s = scan_by(f, SLICES[k]);
        struct segment_cards cards;
        segment_scan_cards(s, f->l, NAMES, &cards);
        assert_memory_equal(&cards, &want, sizeof cards);
        struct list a;
        struct list b;
        segment_scan_top(s, 1, 1, 50, &a);
        segment_scan_top(whole, 1, 1, 50, &b);
        assert_memory_equal(&a, &b, sizeof a);
        segment_scan_free(s);
    }
    segment_scan_free(whole);
}

static void withdrawn_items_are_on_no_list(void **state) {
    struct fixture *f = *state;
    struct segment_scan *s = scan_by(f, 100);
    struct list top;
    segment_scan_top(s, 0, 0, LIST_MAX, &top);
    segment_scan_free(s);
    const struct items *items = learner_shared(f->l)->items;
    size_t len = 0;
    const char *id = items_id(items, top.items[0].item, &len);
    const struct content_row row = {.item = items_hash(items, top.items[0].item),
                                    .id = id,
                                    .id_len = (uint16_t)len,
                                    .price = NAN};
    struct content_change change;
    assert_int_equal(learner_item(f->l, &row, &change), ST_OK);
    assert_true(change.withdrawn);
    s = scan_by(f, 100);
    struct list now;
    segment_scan_top(s, 0, 0, LIST_MAX, &now);
    assert_int_equal(now.n, top.n); /* the next one comes */
    assert_memory_equal(now.items, top.items + 1, (LIST_MAX - 1) * sizeof *top.items);
    segment_scan_free(s);
}

/* Items that nobody took, but the catalogue has. */
static void say_rows(const struct fixture *f, uint32_t first, uint32_t n) {
    for (uint32_t k = first; k < first + n; k++) {
        char id[16];
        const uint8_t d = (uint8_t)(k % DOMAINS);
        const struct content_row row = {.item = item_hash(d, k),
                                        .id = id,
                                        .id_len = (uint16_t)snprintf(id, sizeof id, "%u", k),
                                        .domain = d,
                                        .available = true,
                                        .price = NAN};
        struct content_change change;
        assert_int_equal(learner_item(f->l, &row, &change), ST_OK);
    }
}

/* The best `n` of a segment and domain, and others by chance; for everybody, or for it alone, or in
 * a window that is not open. */
static void block_some(struct fixture *f, struct rng *rng, uint32_t segment, uint8_t d,
                       const struct list *top, uint32_t n) {
    const struct items *items = learner_shared(f->l)->items;
    for (uint32_t i = 0; i < items_n(items); i++) {
        bool best = false;
        for (uint32_t k = 0; k < top->n && k < n; k++) {
            best = best || top->items[k].item == i;
        }
        if (items_domain(items, i) != d || !(best || rng_below(rng, 8) == 0)) {
            continue;
        }
        char id[16];
        const bool everybody = rng_below(rng, 3) == 0;
        const bool open = best || rng_below(rng, 2);
        struct rule r = {.id = id,
                         .id_len = (uint16_t)snprintf(id, sizeof id, "%u-%u-%u", n, segment, i),
                         .target = rng_below(rng, 2) ? d : (uint8_t)RULES_EVERY_DOMAIN,
                         .segment = everybody ? -1 : (int)segment,
                         .from_ms = open ? INT64_MIN : f->now_ms + 1,
                         .until_ms = INT64_MAX};
        r.item[d] = items_hash(items, i);
        r.item[1 - d] = r.target == d ? 0 : item_hash((uint8_t)(1 - d), 999999); /* is not there */
        assert_int_equal(learner_rule(f->l, &r), ST_OK);
        for (uint32_t s = 0; s < SEGMENTS && open; s++) {
            f->blocked[s][i] |= everybody || s == segment;
        }
    }
}

static void n_come_back_when_n_exist_whatever_is_blocked_of_the_best(void **state) {
    struct fixture *f = *state;
    static const uint32_t MOST[] = {5, 60, 95, 100};
    say_rows(f, 500, ROWS);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        print_message("seed %llu\n", (unsigned long long)seed);
        struct segment_scan *s = scan_by(f, 100);
        for (uint32_t k = 0; k < SEGMENTS * DOMAINS; k++) {
            struct list top;
            segment_scan_top(s, k / DOMAINS, (uint8_t)(k % DOMAINS), LIST_MAX, &top);
            block_some(f, &rng, k / DOMAINS, (uint8_t)(k % DOMAINS), &top, MOST[seed - 1]);
        }
        segment_scan_free(s);
        learner_rules_at(f->l, f->now_ms);
        s = scan_by(f, 100);
        uint32_t least = LIST_MAX;
        for (uint32_t k = 0; k < SEGMENTS * DOMAINS; k++) {
            struct list top;
            segment_scan_top(s, k / DOMAINS, (uint8_t)(k % DOMAINS), LIST_MAX, &top);
            (void)assert_top_is_that_of_a_recount(f, &top, (int)(k / DOMAINS),
                                                  (uint8_t)(k % DOMAINS));
            least = top.n < least ? top.n : least;
            struct list shown = top; /* as it is published: nothing is missing */
            learner_rules_filter(f->l, (uint8_t)(k % DOMAINS), (int)(k / DOMAINS), 10, &shown);
            assert_int_equal(shown.n, top.n < 10 ? top.n : 10);
        }
        print_message("at least %u are left\n", least);
        assert_true(seed > 1 || least == LIST_MAX);
        segment_scan_free(s);
    }
}

/* They come last, by their hashes. */
static void what_nobody_took_fills_the_list(void **state) {
    struct fixture *f = *state;
    const struct items *items = learner_shared(f->l)->items;
    for (uint32_t i = 0; i < items_n(items); i++) {
        char id[16];
        const uint8_t d = items_domain(items, i);
        struct rule r = {.id = id,
                         .id_len = (uint16_t)snprintf(id, sizeof id, "%u", i),
                         .target = d,
                         .segment = -1,
                         .from_ms = INT64_MIN,
                         .until_ms = INT64_MAX};
        r.item[d] = items_hash(items, i);
        if (i % 4) {
            assert_int_equal(learner_rule(f->l, &r), ST_OK);
            f->blocked[0][i] = true;
        }
    }
    say_rows(f, 500, ROWS);
    learner_rules_at(f->l, f->now_ms);
    struct segment_scan *s = scan_by(f, 100);
    struct list top;
    segment_scan_top(s, 0, 0, LIST_MAX, &top);
    (void)assert_top_is_that_of_a_recount(f, &top, 0, 0);
    assert_true(top.n > ROWS && top.n < LIST_MAX);
    for (uint32_t k = 0; k < top.n; k++) {
        assert_int_equal(top.items[k].score > 0.0F, k < top.n - ROWS / DOMAINS);
        assert_true(top.items[k].score > 0.0F || top.items[k].reason == REASON_POPULAR);
    }
    segment_scan_free(s);
}

/* A member who takes one thing a hundred times is one member. */
static void a_member_counts_once_an_item(void **state) {
    struct fixture *f = *state;
    struct segment_scan *s = scan_by(f, 100);
    const struct users *users = learner_users(f->l, 0);
    const int segment = user_segment(users_get(users, 0));
    struct list before;
    segment_scan_top(s, (uint32_t)segment, 1, LIST_MAX, &before);
    segment_scan_free(s);
    struct made m;
    for (uint64_t n = 0; n < 30; n++) {
        make_one(&m, 1000000 + n, 0, 1, ACTION_ORDER, f->now_ms, 5);
        (void)learn(f->l, &m);
    }
    const uint32_t slot = users_find(users, user_hash(0));
    assert_true(slot != USER_NONE);
    double t[ALL];
    f->now_ms = learner_stream_ms(f->l);
    const double sum = recount(f, user_segment(users_get(users, slot)), 1, t);
    const uint32_t item = items_find(learner_shared(f->l)->items, item_hash(1, 5));
    s = scan_by(f, 100);
    struct list after;
    segment_scan_top(s, (uint32_t)user_segment(users_get(users, slot)), 1, LIST_MAX, &after);
    for (uint32_t k = 0; k < after.n; k++) {
        if (after.items[k].item == item) {
            const double want = (t[item] + 100.0 * share_of(f, item, 1)) / (sum + 100.0);
            assert_true(fabs((double)after.items[k].score - want) < 1e-5);
        }
    }
    segment_scan_free(s);
}

static void what_there_is_not_has_an_empty_list(void **state) {
    const struct fixture *f = *state;
    struct list top;
    struct segment_scan *s = scan_by(f, 100);
    segment_scan_top(s, 3, 0, 10, &top);
    assert_int_equal(top.n, 0);
    segment_scan_top(s, 0, DOMAINS, 10, &top);
    assert_int_equal(top.n, 0);
    segment_scan_free(s);
    assert_int_equal(segment_scan_new(f->l, f->now_ms, false, &s), ST_OK);
    while (segment_scan_step(s, f->l, 1000)) {
    }
    segment_scan_top(s, 0, 0, 10, &top);
    assert_int_equal(top.n, 0);
    segment_scan_free(s);
    segment_scan_free(NULL);
}

static void before_there_are_segments_there_is_nothing(void **state) {
    (void)state;
    struct fixture f = {.l = learner_of(params_of(DOMAINS), TASKS), .now_ms = START};
    struct segment_scan *s = NULL;
    assert_int_equal(segment_scan_new(f.l, START, true, &s), ST_OK);
    struct made m;
    for (uint32_t u = 0; u < 20; u++) { /* they come while it is under way */
        make_one(&m, u + 1, u, 0, ACTION_ENROLL, START, u);
        m.task = u % TASKS;
        (void)learn(f.l, &m);
    }
    assert_true(segment_scan_step(s, f.l, 3));
    while (segment_scan_step(s, f.l, 3)) {
    }
    struct segment_cards cards;
    segment_scan_cards(s, f.l, NAMES, &cards);
    assert_int_equal(cards.n, 0);
    assert_int_equal(cards.board.users, 20);
    assert_true(segment_scan_stands(s, f.l));
    segment_scan_free(s);
    learner_free(f.l);
}

static void out_of_memory_is_told(void **state) {
    const struct fixture *f = *state;
    if (!CAN_FAIL) {
        skip();
    }
    for (int left = 0; left < 4; left++) {
        struct segment_scan *s = NULL;
        fail_after(left);
        const enum status st = segment_scan_new(f->l, f->now_ms, true, &s);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_top_of_every_segment_is_that_of_a_recount),
        TEST(slices_change_nothing),
        TEST(withdrawn_items_are_on_no_list),
        TEST(n_come_back_when_n_exist_whatever_is_blocked_of_the_best),
        TEST(what_nobody_took_fills_the_list),
        TEST(a_member_counts_once_an_item),
        TEST(what_there_is_not_has_an_empty_list),
        cmocka_unit_test(before_there_are_segments_there_is_nothing),
        TEST(out_of_memory_is_told),
#undef TEST
    };
    return cmocka_run_group_tests_name("segment_scan", tests, NULL, NULL);
}
