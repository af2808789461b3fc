/* SPDX-License-Identifier: Apache-2.0
 *
 * test_user.c -- contract tests of models/user.h, against a naive user: a plain array of
 * all lines ever taken, from which everything is computed anew at each question. Interests
 * and decayed repeats: test_user_interests.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engagement.h"
#include "failing_alloc.h"
#include "mix.h"
#include "user.h"

#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define START   (INT64_C(20000) * DAY_MS) /* a midnight, UTC */

/* ---- the naive user -------------------------------------------------------- */

enum { LINES_MAX = 20000 };

struct naive {
    struct user_line line[LINES_MAX];
    uint32_t n;
};

static struct naive naive;

static int64_t day_of(int64_t ts) {
    int64_t d = ts / DAY_MS;
    return d * DAY_MS > ts ? d - 1 : d;
}

static uint32_t naive_count(int domain) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < naive.n; i++) {
        n += domain < 0 || naive.line[i].domain == domain;
    }
    return n;
}

static int64_t naive_extreme(int domain, bool newest) {
    bool any = false;
    int64_t best = 0;
    for (uint32_t i = 0; i < naive.n; i++) {
        int64_t ts = naive.line[i].ts_ms;
        if (domain >= 0 && naive.line[i].domain != domain) {
            continue;
        }
        if (!any || (newest ? ts > best : ts < best)) {
            best = ts;
        }
        any = true;
    }
    return best;
}

static double naive_sum(int domain, int64_t now, bool money) {
    int64_t last = naive_extreme(domain, true);
    int64_t at = now > last ? now : last;
    double sum = 0.0;
    for (uint32_t i = 0; i < naive.n; i++) {
        if (naive.line[i].domain == domain) {
            double age = (double)(at - naive.line[i].ts_ms) / (30.0 * (double)DAY_MS);
            sum += exp2(-age) * (money ? (double)naive.line[i].amount : 1.0);
        }
    }
    return sum;
}

/* Days active among the n ending with now, of those at most 31 before the newest one. */
static uint32_t naive_active(int domain, int64_t now, uint32_t n) {
    int64_t newest = day_of(naive_extreme(domain, true));
    uint32_t active = 0;
    for (int64_t day = day_of(now) - n + 1; day <= day_of(now); day++) {
        bool found = false;
        for (uint32_t i = 0; i < naive.n; i++) {
            found |= naive.line[i].domain == domain && day_of(naive.line[i].ts_ms) == day;
        }
        active += found && newest - day <= 31;
    }
    return active;
}

static const struct user_line *naive_newest(const bool *used, int64_t up_to, uint32_t *index) {
    const struct user_line *best = NULL;
    for (uint32_t i = 0; i < naive.n; i++) {
        const struct user_line *l = &naive.line[i];
        if (l->history && !used[i] && l->ts_ms <= up_to && (!best || l->ts_ms >= best->ts_ms)) {
            best = l;
            *index = i;
        }
    }
    return best;
}

static bool naive_repeat(int domain, uint32_t item, struct user_repeat *out) {
    *out = (struct user_repeat){.item = item};
    for (uint32_t i = 0; i < naive.n; i++) {
        const struct user_line *l = &naive.line[i];
        if (l->domain != domain || l->item != item || !l->consumes) {
            continue;
        }
        out->first_ms = out->count == 0 || l->ts_ms < out->first_ms ? l->ts_ms : out->first_ms;
        out->last_ms = out->count == 0 || l->ts_ms > out->last_ms ? l->ts_ms : out->last_ms;
        out->count++;
    }
    return out->count > 0;
}

/* ---- helpers ---------------------------------------------------------------- */

static struct user *new_user(uint32_t n_domains) {
    struct user *u = NULL;
    assert_int_equal(user_new(n_domains, "user-17", 7, &u), ST_OK);
    naive.n = 0;
    return u;
}

static void take(struct user **u, const struct user_line *line) {
    assert_int_equal(user_take(u, line), ST_OK);
    assert_true(user_bytes(*u) <= USER_BYTES_MAX);
    assert_true(naive.n < LINES_MAX);
    naive.line[naive.n++] = *line;
}

static struct user_line simple(uint32_t item, int64_t ts) {
    return (struct user_line){
        .item = item, .category = CATEGORY_NONE, .ts_ms = ts, .consumes = true, .history = true};
}

static void close_to(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static void same_repeat(const struct user_repeat *a, const struct user_repeat *b) {
    assert_int_equal(a->item, b->item);
    assert_int_equal(a->count, b->count);
    assert_true(a->first_ms == b->first_ms);
    assert_true(a->last_ms == b->last_ms);
}

/* ---- comparison with the naive user ----------------------------------------- */

static void check_history(const struct user *u, int64_t up_to) {
    static bool used[LINES_MAX];
    memset(used, 0, sizeof used);
    struct user_entry got[USER_HISTORY + 1];
    uint32_t n = user_history(u, up_to, got, USER_HISTORY + 1);
    uint32_t skipped = 0; /* of the newest USER_HISTORY, those after up_to */
    uint32_t matched = 0;
    for (uint32_t r = 0; r < USER_HISTORY; r++) {
        uint32_t index = 0;
        const struct user_line *want = naive_newest(used, INT64_MAX, &index);
        if (!want) {
            break;
        }
        used[index] = true;
        if (want->ts_ms > up_to) {
            skipped++;
            continue;
        }
        assert_true(matched < n);
        assert_true(got[matched].ts_ms == want->ts_ms);
        assert_int_equal(got[matched].item, want->item);
        assert_int_equal(got[matched].domain, want->domain);
        assert_int_equal(got[matched].action, want->action);
        matched++;
    }
    assert_int_equal(n, matched);
    bool full = matched + skipped == USER_HISTORY;
    if (full && up_to == INT64_MAX) {
        assert_true(user_history_floor(u) == got[n - 1].ts_ms);
    } else if (!full) {
        assert_true(user_history_floor(u) == INT64_MIN);
    }
}

static void check_sets(const struct user *u, uint8_t domain, uint32_t n_items) {
    bool repeats = domain % 2 == 1;
    for (uint32_t item = 0; item < n_items; item++) {
        struct user_repeat want;
        struct user_repeat got;
        bool took = naive_repeat(domain, item, &want);
        assert_int_equal(user_took(u, domain, item, NULL), took);
        assert_int_equal(user_consumed(u, domain, item, NULL), took && !repeats);
        assert_int_equal(user_repeat(u, domain, item, &got), took && repeats);
        if (took && repeats) {
            same_repeat(&got, &want);
        }
    }
}

static void check_numbers(const struct user *u, uint8_t domain, int64_t now) {
    assert_int_equal(user_n_of(u, domain), naive_count(domain));
    assert_true(user_last_ms_of(u, domain) == naive_extreme(domain, true));
    close_to(user_rate(u, domain, now), naive_sum(domain, now, false), 1e-9);
    close_to(user_money(u, domain, now), naive_sum(domain, now, true), 1e-9);
    for (uint32_t n = 1; n <= 32; n++) {
        assert_int_equal(user_active_days(u, domain, now, n), naive_active(domain, now, n));
    }
}

static void check_all(const struct user *u, uint32_t n_domains, uint32_t n_items, int64_t now) {
    assert_int_equal(user_n(u), naive_count(-1));
    assert_true(user_first_ms(u) == naive_extreme(-1, false));
    assert_true(user_last_ms(u) == naive_extreme(-1, true));
    check_history(u, INT64_MAX);
    check_history(u, now - 2 * DAY_MS);
    check_history(u, naive.line[naive.n / 2].ts_ms); /* the time of an entry is included */
    for (uint32_t d = 0; d < n_domains; d++) {
        check_sets(u, (uint8_t)d, n_items);
        check_numbers(u, (uint8_t)d, now);
        check_numbers(u, (uint8_t)d, now + 9 * DAY_MS + 3);
        check_numbers(u, (uint8_t)d, now - 3 * DAY_MS);
    }
}

static struct user_line random_line(struct rng *r, uint32_t n_domains, uint32_t n_items,
                                    int64_t *clock) {
    *clock += (int64_t)(rng_unit(r) * rng_unit(r) * 20.0 * (double)HOUR_MS);
    bool late = rng_below(r, 4) == 0;
    int64_t back = late ? (int64_t)(rng_unit(r) * rng_unit(r) * 40.0 * (double)DAY_MS) : 0;
    int64_t ts = *clock - back;
    if (rng_below(r, 8) == 0) {
        ts = day_of(ts) * DAY_MS - rng_below(r, 2); /* midnight and 1 ms before */
    }
    uint8_t domain = (uint8_t)rng_below(r, n_domains);
    return (struct user_line){.item = rng_below(r, n_items),
                              .category = rng_below(r, 3) ? rng_below(r, 40) : CATEGORY_NONE,
                              .ts_ms = ts,
                              .amount = (float)rng_below(r, 1000) * 0.25F,
                              .domain = domain,
                              .action = (uint8_t)rng_below(r, ACTIONS_OF_EVENTS),
                              .consumes = rng_below(r, 5) > 0,
                              .repeats = domain % 2 == 1,
                              .history = rng_below(r, 10) > 0};
}

static void agrees_with_a_naive_user_on_random_lines_in_any_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {seed};
        uint32_t n_domains = 1 + rng_below(&r, 4);
        uint32_t n_items = 5 + rng_below(&r, 60);
        int64_t clock = seed % 5 == 0 ? -20 * DAY_MS : START; /* also before 1970 */
        struct user *u = new_user(n_domains);
        uint32_t n = 10 + rng_below(&r, 150);
        for (uint32_t i = 0; i < n; i++) {
            struct user_line line = random_line(&r, n_domains, n_items, &clock);
            take(&u, &line);
            if (i % 16 == 0 || i + 1 == n) {
                check_all(u, n_domains, n_items, clock);
            }
        }
        user_free(u);
    }
}

static void decayed_sums_hold_over_years_whatever_the_order_of_arrival(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {seed};
        struct user *u = new_user(1);
        for (int i = 0; i < 6000; i++) {
            struct user_line line = simple(0, START + (int64_t)(rng_unit(&r) * 3000.0) * DAY_MS);
            line.ts_ms += (int64_t)rng_below(&r, 86400000);
            line.amount = (float)(exp(6.0 * rng_unit(&r)));
            line.repeats = true;
            take(&u, &line);
        }
        int64_t last = user_last_ms(u);
        close_to(user_rate(u, 0, last), naive_sum(0, last, false), 1e-9);
        close_to(user_money(u, 0, last), naive_sum(0, last, true), 1e-9);
        close_to(user_rate(u, 0, last + 900 * DAY_MS), naive_sum(0, last + 900 * DAY_MS, false),
                 1e-9);
        user_free(u);
    }
}

static void a_day_is_remembered_for_31_days(void **state) {
    (void)state;
    for (int64_t gap = 30; gap <= 33; gap++) {
        for (int late = 0; late < 2; late++) {
            struct user *u = new_user(1);
            struct user_line line = simple(1, START + (late ? gap * DAY_MS : 0));
            take(&u, &line);
            line.ts_ms = START + (late ? 0 : gap * DAY_MS);
            take(&u, &line);
            int64_t now = START + gap * DAY_MS;
            assert_int_equal(user_active_days(u, 0, now, 32), gap <= 31 ? 2 : 1);
            assert_int_equal(user_active_days(u, 0, now, 31), gap <= 30 ? 2 : 1);
            assert_int_equal(user_active_days(u, 0, now + DAY_MS, 32), gap <= 30 ? 2 : 1);
            assert_int_equal(user_active_days(u, 0, now - gap * DAY_MS, 32), gap <= 31 ? 1 : 0);
            user_free(u);
        }
    }
}

static void any_time_can_be_asked_for(void **state) {
    (void)state;
    struct user *u = new_user(1);
    struct user_line line = simple(1, -(INT64_C(1) << 47));
    take(&u, &line);
    line.ts_ms = (INT64_C(1) << 47) - 1;
    take(&u, &line);
    assert_true(user_rate(u, 0, INT64_MAX) == 0.0);
    assert_true(user_rate(u, 0, INT64_MIN) == 1.0);
    assert_int_equal(user_active_days(u, 0, INT64_MAX, 32), 0);
    assert_int_equal(user_active_days(u, 0, INT64_MIN, 32), 0);
    struct user_entry e[2];
    assert_int_equal(user_history(u, INT64_MAX, e, 2), 2);
    assert_true(e[0].ts_ms == (INT64_C(1) << 47) - 1);
    assert_true(e[1].ts_ms == -(INT64_C(1) << 47));
    user_free(u);
}

/* ---- life cycle ------------------------------------------------------------- */

static void new_refuses_each_bad_argument(void **state) {
    (void)state;
    char id[ID_LEN_MAX + 1] = {0};
    struct user *u = NULL;
    assert_int_equal(user_new(0, id, 1, &u), ST_INVALID);
    assert_int_equal(user_new(DOMAINS_MAX + 1, id, 1, &u), ST_INVALID);
    assert_int_equal(user_new(1, id, 0, &u), ST_INVALID);
    assert_int_equal(user_new(1, id, ID_LEN_MAX + 1, &u), ST_INVALID);
    assert_null(u);
    user_free(NULL);
}

static void a_new_user_has_an_id_and_nothing_else(void **state) {
    (void)state;
    char id[ID_LEN_MAX];
    memset(id, 'x', sizeof id);
    struct user *u = NULL;
    assert_int_equal(user_new(DOMAINS_MAX, id, ID_LEN_MAX, &u), ST_OK);
    size_t len = 0;
    assert_memory_equal(user_id(u, &len), id, ID_LEN_MAX);
    assert_int_equal(len, ID_LEN_MAX);
    struct user_repeat rep;
    struct user_entry e;
    for (uint32_t d = 0; d < DOMAINS_MAX + 1; d++) {
        uint8_t domain = (uint8_t)d;
        assert_int_equal(user_n_of(u, domain), 0);
        assert_true(user_last_ms_of(u, domain) == 0);
        assert_true(user_rate(u, domain, 5) == 0.0 && user_money(u, domain, 5) == 0.0);
        assert_int_equal(user_active_days(u, domain, 5, 32), 0);
        assert_false(user_took(u, domain, 0, NULL));
        assert_int_equal(user_repeats(u, domain, &rep, 1), 0);
    }
    assert_int_equal(user_n(u), 0);
    assert_true(user_first_ms(u) == 0 && user_last_ms(u) == 0);
    assert_int_equal(user_history(u, INT64_MAX, &e, 1), 0);
    assert_true(user_history_floor(u) == INT64_MIN);
    assert_false(user_knows_event(u, 0));
    assert_int_equal(user_segment(u), -1);
    assert_int_equal(user_segment_pending(u), -1);
    assert_false(user_has_context(u));
    user_free(u);
}

static void what_others_keep_with_a_user_is_kept(void **state) {
    (void)state;
    struct user *u = new_user(2);
    user_set_traits(u, -7.5F, 3.25F);
    user_set_segment(u, 15, 3);
    user_set_context(u);
    struct user_line line = simple(1, START);
    take(&u, &line);
    assert_true(user_mpop(u) == -7.5F && user_mage(u) == 3.25F);
    assert_int_equal(user_segment(u), 15);
    assert_int_equal(user_segment_pending(u), 3);
    assert_true(user_has_context(u));
    size_t len = 0;
    assert_memory_equal(user_id(u, &len), "user-17", 7);
    user_free(u);
}

static void a_copy_is_equal_and_independent(void **state) {
    (void)state;
    struct rng r = {5};
    int64_t clock = START;
    struct user *u = new_user(2);
    for (int i = 0; i < 80; i++) {
        struct user_line line = random_line(&r, 2, 50, &clock);
        take(&u, &line);
    }
    struct user *copy = NULL;
    assert_int_equal(user_copy(u, &copy), ST_OK);
    assert_int_equal(user_bytes(copy), user_bytes(u));
    assert_memory_equal(copy, u, user_bytes(u));
    for (int i = 0; i < 50; i++) {
        struct user_line line = random_line(&r, 2, 500, &clock);
        assert_int_equal(user_take(&u, &line), ST_OK);
        assert_int_equal(user_remember_event(&u, (uint64_t)i), ST_OK);
    }
    check_all(copy, 2, 500, clock); /* the naive user has not seen the last 50 */
    user_free(u);
    check_all(copy, 2, 500, clock);
    user_free(copy);
}

/* ---- events of a minute ------------------------------------------------------- */

#define MINUTE_MS INT64_C(60000)

static int64_t minute_of(int64_t ts_ms) { /* rounds down, also before 1970 */
    int64_t minute = ts_ms / MINUTE_MS;
    while (minute * MINUTE_MS > ts_ms) {
        minute--;
    }
    return minute;
}

static void a_minute_is_counted_from_its_first_event_to_the_next_minute(void **state) {
    (void)state;
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r = {seed};
        struct user *u = new_user(1);
        int64_t clock = seed % 2 ? START : -1000 * MINUTE_MS;
        int64_t newest = 0;
        uint32_t n = 0;
        for (int k = 0; k < 3000; k++) {
            clock += rng_below(&r, 20) ? rng_below(&r, 5000) : rng_below(&r, 200000);
            const int64_t ts = clock - (rng_below(&r, 10) ? 0 : rng_below(&r, 100000));
            const int64_t minute = minute_of(ts);
            if (n == 0 || minute > newest) {
                newest = minute;
                n = 0;
            }
            n += minute == newest;
            assert_int_equal(user_count_minute(u, ts), minute == newest ? n : 0);
        }
        user_free(u);
    }
}

static void minutes_are_of_utc_and_begin_on_the_millisecond(void **state) {
    (void)state;
    static const int64_t starts[] = {0, -MINUTE_MS, MINUTE_MS, START / MINUTE_MS * MINUTE_MS,
                                     -(INT64_C(1) << 46) / MINUTE_MS * MINUTE_MS};
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        struct user *u = new_user(1);
        assert_int_equal(user_count_minute(u, starts[k]), 1);
        assert_int_equal(user_count_minute(u, starts[k] + MINUTE_MS - 1), 2);
        assert_int_equal(user_count_minute(u, starts[k] - 1), 0);
        assert_int_equal(user_count_minute(u, starts[k]), 3);
        assert_int_equal(user_count_minute(u, starts[k] + MINUTE_MS), 1);
        assert_int_equal(user_count_minute(u, starts[k]), 0);
        user_free(u);
    }
}

static void a_minutes_count_stops_at_65535_and_is_part_of_the_block(void **state) {
    (void)state;
    struct user *u = new_user(1);
    struct user *copy = NULL;
    for (uint32_t k = 1; k < 70000; k++) {
        assert_int_equal(user_count_minute(u, START), k < 65535 ? k : 65535);
        if (k == 5) {
            assert_int_equal(user_copy(u, &copy), ST_OK);
        }
    }
    assert_int_equal(user_count_minute(copy, START), 6);
    struct user_line line = simple(1, START); /* taking lines and ids is another thing */
    take(&u, &line);
    assert_int_equal(user_remember_event(&u, 1), ST_OK);
    assert_int_equal(user_count_minute(u, START + MINUTE_MS), 1);
    user_free(u);
    user_free(copy);
}

/* ---- event ids -------------------------------------------------------------- */

static void the_newest_128_event_ids_are_known(void **state) {
    (void)state;
    struct user *u = new_user(1);
    for (uint64_t n = 0; n < 400; n++) {
        assert_false(user_knows_event(u, mix64(n)));
        assert_int_equal(user_remember_event(&u, mix64(n)), ST_OK);
        for (uint64_t i = 0; i <= n; i++) {
            assert_int_equal(user_knows_event(u, mix64(i)), n - i < 128);
        }
    }
    user_free(u);
}

static void an_id_that_is_nearly_another_is_not_known(void **state) {
    (void)state;
    struct user *u = new_user(1);
    for (uint64_t n = 0; n < 20; n++) {
        assert_int_equal(user_remember_event(&u, mix64(n)), ST_OK);
    }
    for (uint64_t n = 0; n < 20; n++) {
        for (uint32_t bit = 0; bit < 64; bit++) {
            assert_false(user_knows_event(u, mix64(n) ^ UINT64_C(1) << bit));
        }
    }
    user_free(u);
}

static uint32_t ids_known(const struct user *u, uint64_t newest) {
    uint32_t n = 0;
    while (n <= newest && user_knows_event(u, newest - n)) {
        n++;
    }
    return n;
}

/* Takes line i of a user who is at the cap before long, or of his twin: all the same to both. */
static void take_much(struct user **u, struct rng *r, uint32_t i) {
    const uint8_t domain = (uint8_t)rng_below(r, 6);
    const struct user_line line = {.item = rng_below(r, 3000),
                                   .category = rng_below(r, 1000),
                                   .ts_ms = START + (int64_t)i * HOUR_MS,
                                   .domain = domain,
                                   .consumes = true,
                                   .repeats = domain % 3 == 0,
                                   .history = true};
    assert_int_equal(user_take(u, &line), ST_OK);
    assert_true(user_bytes(*u) <= USER_BYTES_MAX);
}

/* Bit for bit what the sets, tables and interests of both say. */
static void same_memory_of_items(const struct user *a, const struct user *b, int64_t now) {
    for (uint8_t d = 0; d < 6; d++) {
        for (uint32_t item = 0; item < 3000; item++) {
            assert_int_equal(user_took(a, d, item, NULL), user_took(b, d, item, NULL));
        }
    }
    for (uint32_t c = 0; c < 1000; c++) {
        float x = 0.0F;
        float y = 0.0F;
        assert_int_equal(user_interest(a, c, now, &x, NULL), user_interest(b, c, now, &y, NULL));
        assert_memory_equal(&x, &y, sizeof x);
    }
}

/* The twin has 16 ids and no social interaction: what he remembers of items is no more. */
static void at_the_cap_ids_beyond_sixteen_give_way_before_anything_else(void **state) {
    (void)state;
    print_message("seeds 1..3\n");
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rng r = {seed};
        struct user *u = new_user(6);
        struct user *twin = new_user(6);
        for (uint32_t i = 0; i < 16; i++) {
            assert_int_equal(user_remember_event(&twin, i), ST_OK);
        }
        uint32_t fewest = USER_EVENT_IDS;
        uint32_t most_after = 0; /* after there were fewest */
        for (uint32_t i = 0; i < 6000; i++) {
            struct rng again = r;
            take_much(&u, &r, i);
            take_much(&twin, &again, i);
            const uint32_t left = i > 0 ? ids_known(u, i - 1) : 0;
            assert_int_equal(user_remember_event(&u, i), ST_OK);
            assert_int_equal(user_social_take(&u, i % 40, 0.5F, START + i * HOUR_MS), ST_OK);
            const uint32_t known = ids_known(u, i);
            assert_true(known >= (i + 1 < 16 ? i + 1 : 16));
            assert_true(known == left + 1 || known == left);
            assert_true(left < known || left >= 16); /* one comes, one goes */
            most_after = known < fewest && i > 200 ? known : most_after;
            most_after = known > most_after ? known : most_after;
            fewest = i > 200 && known < fewest ? known : fewest;
            if (i % 500 == 499) {
                same_memory_of_items(u, twin, START + i * HOUR_MS);
            }
        }
        print_message("%u ids, then %u\n", fewest, most_after);
        assert_int_equal(fewest, 16);
        assert_true(most_after >= 32); /* when a table lost its eighth there is room again */
        user_free(u);
        user_free(twin);
    }
}

/* ---- social interaction --------------------------------------------------------- */

static void social_interaction_is_that_of_engagement_h(void **state) {
    (void)state;
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r = {seed};
        struct user *u = new_user(2);
        struct engagement_social truth = {0};
        int64_t clock = START;
        assert_true(user_social(u, clock) == 0.0F);
        for (uint32_t i = 0; i < 300; i++) {
            const uint32_t who = rng_below(&r, 40);
            const float w = 0.25F * (float)rng_below(&r, 3);
            const int64_t ts = clock - (rng_below(&r, 4) ? 0 : rng_below(&r, 900) * HOUR_MS);
            clock += rng_below(&r, 40) * HOUR_MS;
            assert_int_equal(user_social_take(&u, who, w, ts), ST_OK);
            engagement_social_take(&truth, who, w, ts);
            struct user_line line = random_line(&r, 2, 300, &clock); /* areas grow behind it */
            take(&u, &line);
            assert_int_equal(user_remember_event(&u, i), ST_OK);
            for (int64_t day = -9; day < 99; day += 9) {
                const float got = user_social(u, clock + day * DAY_MS);
                const float want = engagement_social(&truth, clock + day * DAY_MS);
                assert_memory_equal(&got, &want, sizeof got);
            }
        }
        check_all(u, 2, 300, clock); /* and everything else is what it was */
        size_t len = 0;
        assert_memory_equal(user_id(u, &len), "user-17", 7);
        struct user *copy = NULL;
        assert_int_equal(user_copy(u, &copy), ST_OK);
        assert_true(user_social(copy, clock) == user_social(u, clock));
        user_free(copy);
        user_free(u);
    }
}

static void social_interaction_takes_no_bytes_of_whoever_has_none(void **state) {
    (void)state;
    struct user *u = new_user(2);
    struct user_line line = simple(3, START);
    take(&u, &line);
    const size_t before = user_bytes(u);
    assert_int_equal(user_social_take(&u, 1, 0.0F, START), ST_OK);
    assert_int_equal(user_bytes(u), before);
    assert_true(user_social(u, START) == 0.0F);
    assert_int_equal(user_social_take(&u, 1, 0.25F, START), ST_OK);
    assert_int_equal(user_bytes(u), before + sizeof(struct engagement_social));
    assert_int_equal(user_social_take(&u, 2, 0.25F, START), ST_OK);
    assert_int_equal(user_bytes(u), before + sizeof(struct engagement_social));
    assert_true(user_social(u, START) == 0.5F);
    assert_true(user_took(u, 0, 3, NULL));
    user_free(u);
}

static void refused_social_interaction_changes_nothing(void **state) {
    (void)state;
    struct user *u = new_user(2);
    struct user *before = NULL;
    assert_int_equal(user_copy(u, &before), ST_OK);
    assert_int_equal(user_social_take(&u, 1, -0.25F, START), ST_INVALID);
    assert_int_equal(user_social_take(&u, 1, NAN, START), ST_INVALID);
    assert_int_equal(user_social_take(&u, 1, INFINITY, START), ST_INVALID);
    assert_int_equal(user_social_take(&u, 1, EVENT_WEIGHT_MAX + 1.0F, START), ST_INVALID);
    assert_int_equal(user_social_take(&u, 1, 0.5F, INT64_C(1) << 47), ST_INVALID);
    assert_int_equal(user_social_take(&u, 1, 0.5F, INT64_MIN), ST_INVALID);
    if (CAN_FAIL) {
        fail_after(0);
        const enum status st = user_social_take(&u, 1, 0.5F, START);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
    }
    assert_int_equal(user_bytes(u), user_bytes(before));
    assert_memory_equal(u, before, user_bytes(u));
    assert_int_equal(user_social_take(&u, 1, EVENT_WEIGHT_MAX, -(INT64_C(1) << 47)), ST_OK);
    user_free(u);
    user_free(before);
}

/* ---- consumed set ------------------------------------------------------------- */

static void consume(struct user **u, uint8_t domain, uint32_t item, const uint64_t *hashes) {
    struct user_line line = {.item = item,
                             .category = CATEGORY_NONE,
                             .ts_ms = START,
                             .domain = domain,
                             .consumes = true,
                             .hashes = hashes};
    assert_int_equal(user_take(u, &line), ST_OK);
    assert_true(user_bytes(*u) <= USER_BYTES_MAX);
}

/* Share of items never consumed that the set claims. */
static double false_positives(const struct user *u) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        n += user_consumed(u, 0, 1000000 + i, NULL);
    }
    return n / 1e5;
}

static void a_consumed_set_is_exact_to_512_items(void **state) {
    (void)state;
    struct user *u = new_user(1);
    for (uint32_t i = 0; i < USER_EXACT; i++) {
        consume(&u, 0, (i * 7919) % 100003, NULL);
        consume(&u, 0, (i / 2 * 7919) % 100003, NULL); /* again: no effect */
    }
    uint32_t found = 0;
    for (uint32_t item = 0; item < 100003; item++) {
        found += user_consumed(u, 0, item, NULL);
    }
    assert_int_equal(found, USER_EXACT);
    for (uint32_t i = 0; i < USER_EXACT; i++) {
        assert_true(user_consumed(u, 0, (i * 7919) % 100003, NULL));
    }
    user_free(u);
}

static void beyond_that_nothing_is_missed_and_about_one_in_a_hundred_is_claimed(void **state) {
    (void)state;
    struct user *u = new_user(1);
    double worst = 0.0;
    double worst_to_1638 = 0.0;
    for (uint32_t n = 0; n < 3276; n++) {
        consume(&u, 0, n * 3, NULL);
        if (n % 91 == 0 || n == 1637 || n == 3275 || n == USER_EXACT) {
            for (uint32_t i = 0; i <= n; i++) {
                assert_true(user_took(u, 0, i * 3, NULL));
            }
            double share = false_positives(u);
            worst = share > worst ? share : worst;
            worst_to_1638 = n < 1638 ? worst : worst_to_1638;
        }
    }
    print_message("false positives: at most %.4f to 1,638 items, %.4f to 3,276\n", worst_to_1638,
                  worst);
    assert_true(worst_to_1638 > 0.005 && worst_to_1638 < 0.01);
    assert_true(worst < 0.02);
    user_free(u);
}

static void far_beyond_the_newest_1638_are_known_and_the_rest_is_not_in_the_way(void **state) {
    (void)state;
    struct user *u = new_user(1);
    for (uint32_t n = 0; n < 12000; n++) {
        consume(&u, 0, n, NULL);
        if (n % 500 == 499) {
            for (uint32_t i = n < 1638 ? 0 : n - 1637; i <= n; i++) {
                assert_true(user_took(u, 0, i, NULL));
            }
            assert_true(false_positives(u) < 0.02);
        }
    }
    uint32_t old = 0;
    for (uint32_t i = 0; i < 8000; i++) {
        old += user_took(u, 0, i, NULL);
    }
    assert_true(old < 8000 / 40); /* forgotten */
    user_free(u);
}

/* Indices differ between processes, hashes do not: the filter's bits are the same. */
static void the_filter_is_keyed_by_durable_hashes(void **state) {
    (void)state;
    enum { N = 1500 };
    static uint64_t here[N];
    static uint64_t there[N];
    for (uint32_t i = 0; i < N; i++) {
        here[i] = mix64(i + 99);
        there[N - 1 - i] = here[i];
    }
    struct user *a = new_user(1);
    struct user *b = new_user(1);
    for (uint32_t i = 0; i < 1000; i++) {
        consume(&a, 0, i, here);
        consume(&b, 0, N - 1 - i, there);
    }
    assert_int_equal(user_bytes(a), user_bytes(b));
    assert_memory_equal(a, b, user_bytes(a));
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(user_consumed(a, 0, i, here), user_consumed(b, 0, N - 1 - i, there));
    }
    user_free(a);
    user_free(b);
}

/* ---- repeat table ------------------------------------------------------------- */

enum { TABLE_ITEMS = 600 };

static struct user_repeat table[TABLE_ITEMS + 1]; /* naive: unordered, with eviction */
static uint32_t n_table;

static void naive_table_take(uint32_t item, int64_t ts) {
    uint32_t at = 0;
    while (at < n_table && table[at].item != item) {
        at++;
    }
    if (at == n_table) {
        table[n_table++] =
            (struct user_repeat){.item = item, .count = 0, .first_ms = ts, .last_ms = ts};
    }
    table[at].count++;
    table[at].first_ms = ts < table[at].first_ms ? ts : table[at].first_ms;
    table[at].last_ms = ts > table[at].last_ms ? ts : table[at].last_ms;
    if (n_table <= USER_REPEATS) {
        return;
    }
    uint32_t old = 0;
    for (uint32_t i = 1; i < n_table; i++) {
        bool older = table[i].last_ms < table[old].last_ms ||
                     (table[i].last_ms == table[old].last_ms && table[i].item < table[old].item);
        old = older ? i : old;
    }
    table[old] = table[--n_table];
}

static void a_full_repeat_table_loses_the_least_recently_taken(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        struct rng r = {seed};
        struct user *u = new_user(1);
        n_table = 0;
        for (int i = 0; i < 3000; i++) {
            int64_t ts = START + i / 3 * HOUR_MS; /* ties, too */
            ts -= rng_below(&r, 3) == 0 ? (int64_t)rng_below(&r, 900) * HOUR_MS : 0;
            struct user_line line = simple(rng_below(&r, TABLE_ITEMS), ts);
            line.repeats = true;
            assert_int_equal(user_take(&u, &line), ST_OK);
            naive_table_take(line.item, ts);
        }
        struct user_repeat got[USER_REPEATS + 1];
        assert_int_equal(user_repeats(u, 0, got, USER_REPEATS + 1), n_table);
        for (uint32_t i = 0; i < n_table; i++) {
            struct user_repeat one;
            assert_true(user_repeat(u, 0, table[i].item, &one));
            same_repeat(&one, &table[i]);
            assert_true(user_took(u, 0, table[i].item, NULL));
        }
        for (uint32_t i = 1; i < n_table; i++) {
            bool ties = got[i - 1].last_ms == got[i].last_ms;
            assert_true(got[i - 1].last_ms > got[i].last_ms ||
                        (ties && got[i - 1].item < got[i].item));
        }
        struct user_repeat first[10];
        assert_int_equal(user_repeats(u, 0, first, 10), 10);
        for (int i = 0; i < 10; i++) {
            same_repeat(&first[i], &got[i]);
        }
        user_free(u);
    }
}

static void of_items_taken_at_the_same_time_the_smaller_is_evicted(void **state) {
    (void)state;
    struct user *u = new_user(1);
    for (uint32_t item = 100; item < 100 + USER_REPEATS; item++) {
        struct user_line line = simple(item, START);
        line.repeats = true;
        take(&u, &line);
    }
    struct user_line line = simple(50, START);
    line.repeats = true;
    take(&u, &line);
    assert_false(user_took(u, 0, 50, NULL));
    assert_true(user_took(u, 0, 100, NULL));
    line.item = 1000;
    take(&u, &line);
    assert_true(user_took(u, 0, 1000, NULL));
    assert_false(user_took(u, 0, 100, NULL));
    assert_true(user_took(u, 0, 101, NULL));
    user_free(u);
}

/* ---- the cap ------------------------------------------------------------------ */

static void the_cap_holds_for_everything_at_once(void **state) {
    (void)state;
    struct rng r = {11};
    struct user *u = NULL;
    char id[ID_LEN_MAX] = {0};
    assert_int_equal(user_new(DOMAINS_MAX, id, sizeof id, &u), ST_OK);
    size_t most = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        uint8_t domain = (uint8_t)rng_below(&r, DOMAINS_MAX);
        struct user_line line = {.item = rng_below(&r, 4000),
                                 .category = rng_below(&r, 1000),
                                 .ts_ms = START + (int64_t)i * HOUR_MS,
                                 .domain = domain,
                                 .consumes = true,
                                 .repeats = domain % 3 == 0 || rng_below(&r, 50) == 0,
                                 .history = true};
        assert_int_equal(user_take(&u, &line), ST_OK);
        assert_int_equal(user_remember_event(&u, i), ST_OK);
        most = user_bytes(u) > most ? user_bytes(u) : most;
        assert_true(user_took(u, domain, line.item, NULL)); /* the newest is never lost */
    }
    assert_true(most > 7000 && most <= USER_BYTES_MAX);
    assert_true(user_knows_event(u, 59999 - 15));
    assert_true(user_history_floor(u) == START + (60000 - USER_HISTORY) * HOUR_MS);
    user_free(u);
}

/* One full table takes 5 KiB: four make the least recently taken of all go. */
static void at_the_cap_tables_lose_what_was_taken_least_recently(void **state) {
    (void)state;
    struct user *u = new_user(4);
    for (uint32_t i = 0; i < 1024; i++) {
        struct user_line line = simple(i / 4, START + (int64_t)i * HOUR_MS);
        line.repeats = true;
        line.domain = (uint8_t)(i % 4);
        take(&u, &line);
    }
    uint32_t kept = 0;
    for (uint8_t d = 0; d < 4; d++) {
        bool seen = false;
        for (uint32_t item = 0; item < 256; item++) {
            bool has = user_took(u, d, item, NULL);
            assert_true(has || !seen); /* a newer one is never gone before an older one */
            seen |= has;
            kept += has;
        }
    }
    assert_true(kept > 400 && kept < 600);
    user_free(u);
}

static void at_the_cap_an_exact_set_becomes_a_filter_without_forgetting(void **state) {
    (void)state;
    struct user *u = new_user(4);
    for (uint32_t i = 0; i < 500; i++) {
        for (uint8_t d = 0; d < 4; d++) {
            consume(&u, d, i * 5 + d, NULL);
        }
    }
    uint32_t missed = 0;
    uint32_t claimed = 0;
    for (uint32_t i = 0; i < 500; i++) {
        for (uint8_t d = 0; d < 4; d++) {
            missed += !user_took(u, d, i * 5 + d, NULL);
            claimed += user_took(u, d, 1000000 + i, NULL);
        }
    }
    assert_int_equal(missed, 0);
    assert_true(claimed < 2000 / 50);
    user_free(u);
}

static void parts_of_the_day_are_shares_of_the_lines(void **state) {
    (void)state;
    print_message("seeds 1..20\n");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r = {seed};
        struct user *u = new_user(3);
        uint32_t n[3][USER_PARTS] = {{0}};
        float got[USER_PARTS];
        for (uint32_t i = 0; i < 600; i++) { /* before and after 1970, early and late */
            const int64_t day = (int64_t)rng_below(&r, 400) - 200;
            const uint32_t part = rng_below(&r, USER_PARTS) * rng_below(&r, 2);
            const int64_t in = (int64_t)rng_below(&r, (uint32_t)(6 * HOUR_MS)) *
                               (rng_below(&r, 9) > 0); /* at the hour, too */
            struct user_line line = simple(i % 7, day * DAY_MS + 6 * HOUR_MS * part + in);
            line.domain = (uint8_t)rng_below(&r, 2); /* never of the third */
            n[line.domain][part]++;
            assert_true(n[line.domain][part] < 255); /* of a byte */
            take(&u, &line);
            for (uint8_t d = 0; d < 3; d++) {
                const uint32_t sum = n[d][0] + n[d][1] + n[d][2] + n[d][3];
                user_parts(u, d, got);
                for (int k = 0; k < USER_PARTS; k++) {
                    const float share = sum ? (float)n[d][k] / (float)sum : 0.0F;
                    assert_float_equal(got[k], share, 1e-6F);
                }
            }
        }
        user_parts(u, 3, got); /* no such domain */
        assert_true(got[0] == 0.0F && got[1] == 0.0F && got[2] == 0.0F && got[3] == 0.0F);
        user_free(u);
    }
}

/* Half of the lines at night, then none: after 2,000 more hardly anything is left of it. */
static void parts_of_the_day_follow_the_last_few_hundred_lines(void **state) {
    (void)state;
    struct user *u = new_user(1);
    struct rng r = {3};
    float got[USER_PARTS];
    for (uint32_t i = 0; i < 5000; i++) {
        const uint32_t part = i < 3000 ? rng_below(&r, 2) * 3 : 1 + rng_below(&r, 2);
        const struct user_line line = simple(1, START + i * DAY_MS + part * 6 * HOUR_MS);
        take(&u, &line);
        user_parts(u, 0, got);
        assert_float_equal(got[0] + got[1] + got[2] + got[3], 1.0F, 1e-6F);
        if (i == 2999) {
            assert_float_equal(got[0], 0.5F, 0.15F);
            assert_float_equal(got[3], 0.5F, 0.15F);
        }
    }
    assert_float_equal(got[1], 0.5F, 0.15F);
    assert_float_equal(got[2], 0.5F, 0.15F);
    assert_true(got[0] < 0.1F && got[3] < 0.1F);
    user_free(u);
}

static void the_sizes_of_ordinary_users_are_small(void **state) {
    (void)state;
    struct user *u = new_user(2);
    struct user_line line = simple(3, START);
    take(&u, &line);
    assert_int_equal(user_remember_event(&u, 1), ST_OK);
    size_t one = user_bytes(u);
    size_t twenty = 0;
    for (uint32_t i = 0; i < 40; i++) {
        line = simple(i, START + i);
        take(&u, &line);
        assert_int_equal(user_remember_event(&u, i), ST_OK);
        twenty = i == 18 ? user_bytes(u) : twenty;
    }
    print_message("one event: %u bytes; 20: %u; 41: %u bytes\n", (unsigned)one, (unsigned)twenty,
                  (unsigned)user_bytes(u));
    assert_true(one <= 280);
    assert_true(twenty <= 800);
    assert_true(user_bytes(u) <= 1280);
    user_free(u);
}

/* ---- failures ----------------------------------------------------------------- */

static void a_refused_line_changes_nothing(void **state) {
    (void)state;
    struct user *u = new_user(2);
    struct user_line good = simple(3, START);
    take(&u, &good);
    struct user *before = NULL;
    assert_int_equal(user_copy(u, &before), ST_OK);
    struct user_line bad[6] = {good, good, good, good, good, good};
    bad[0].domain = 2;
    bad[1].amount = NAN;
    bad[2].amount = -1.0F;
    bad[3].amount = INFINITY;
    bad[4].ts_ms = INT64_C(1) << 47;
    bad[5].ts_ms = INT64_MIN;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(user_take(&u, &bad[i]), ST_INVALID);
        assert_int_equal(user_bytes(u), user_bytes(before));
        assert_memory_equal(u, before, user_bytes(u));
    }
    user_free(u);
    user_free(before);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct rng r = {seed};
        int64_t clock = START;
        struct user *u = new_user(2);
        uint32_t refused = 0;
        for (int i = 0; i < 120; i++) {
            struct user_line line = random_line(&r, 2, 90, &clock);
            fail_after((int)rng_below(&r, 2));
            enum status st = user_take(&u, &line);
            fail_after(-1);
            if (st) {
                assert_int_equal(st, ST_NOMEM);
                refused++;
                check_all(u, 2, 90, clock); /* as if the line had not been there */
            } else {
                naive.line[naive.n++] = line;
            }
        }
        assert_true(refused > 5);
        fail_after(0);
        struct user *copy = NULL;
        assert_int_equal(user_copy(u, &copy), ST_NOMEM);
        assert_int_equal(user_new(1, "x", 1, &copy), ST_NOMEM);
        uint64_t id = 7;
        while (id < 7 + USER_BLOCK_UNIT && user_remember_event(&u, id) == ST_OK) {
            id++; /* there is some room left */
        }
        enum status st = user_remember_event(&u, id);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_false(user_knows_event(u, id));
        assert_true(id == 7 || user_knows_event(u, id - 1));
        assert_null(copy);
        user_free(u);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_refuses_each_bad_argument),
        cmocka_unit_test(a_new_user_has_an_id_and_nothing_else),
        cmocka_unit_test(what_others_keep_with_a_user_is_kept),
        cmocka_unit_test(a_copy_is_equal_and_independent),
        cmocka_unit_test(a_minute_is_counted_from_its_first_event_to_the_next_minute),
        cmocka_unit_test(minutes_are_of_utc_and_begin_on_the_millisecond),
        cmocka_unit_test(a_minutes_count_stops_at_65535_and_is_part_of_the_block),
        cmocka_unit_test(the_newest_128_event_ids_are_known),
        cmocka_unit_test(an_id_that_is_nearly_another_is_not_known),
        cmocka_unit_test(at_the_cap_ids_beyond_sixteen_give_way_before_anything_else),
        cmocka_unit_test(social_interaction_is_that_of_engagement_h),
        cmocka_unit_test(social_interaction_takes_no_bytes_of_whoever_has_none),
        cmocka_unit_test(refused_social_interaction_changes_nothing),
        cmocka_unit_test(agrees_with_a_naive_user_on_random_lines_in_any_order),
        cmocka_unit_test(decayed_sums_hold_over_years_whatever_the_order_of_arrival),
        cmocka_unit_test(a_day_is_remembered_for_31_days),
        cmocka_unit_test(any_time_can_be_asked_for),
        cmocka_unit_test(a_consumed_set_is_exact_to_512_items),
        cmocka_unit_test(beyond_that_nothing_is_missed_and_about_one_in_a_hundred_is_claimed),
        cmocka_unit_test(far_beyond_the_newest_1638_are_known_and_the_rest_is_not_in_the_way),
        cmocka_unit_test(the_filter_is_keyed_by_durable_hashes),
        cmocka_unit_test(a_full_repeat_table_loses_the_least_recently_taken),
        cmocka_unit_test(of_items_taken_at_the_same_time_the_smaller_is_evicted),
        cmocka_unit_test(the_cap_holds_for_everything_at_once),
        cmocka_unit_test(at_the_cap_tables_lose_what_was_taken_least_recently),
        cmocka_unit_test(at_the_cap_an_exact_set_becomes_a_filter_without_forgetting),
        cmocka_unit_test(parts_of_the_day_are_shares_of_the_lines),
        cmocka_unit_test(parts_of_the_day_follow_the_last_few_hundred_lines),
        cmocka_unit_test(the_sizes_of_ordinary_users_are_small),
        cmocka_unit_test(a_refused_line_changes_nothing),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
