/* SPDX-License-Identifier: Apache-2.0
 *
 * test_breaker.c -- the contract of breaker.h.
 *
 * The independent truth remembers every record and counts anew each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "breaker.h"
#include "mix.h"

enum { RETRY = 30000, RECORDS = 200000 };

static struct breaker b; /* 8 KiB */

/* n records, all bad or all good. Returns how many of them opened it. */
static int take(int n, bool bad, int64_t now_ms) {
    int opened = 0;
    for (int i = 0; i < n; i++) {
        opened += breaker_take(&b, bad, now_ms);
    }
    return opened;
}

static void it_judges_from_a_tenth_of_the_window_on(void **state) {
    (void)state;
    breaker_init(&b, 0.5, 1000, RETRY);
    assert_true(breaker_bad_share(&b) == 0.0);
    assert_int_equal(take(99, true, 0), 0);
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_true(breaker_take(&b, true, 7));
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.opened_ms, 7);
    assert_int_equal(b.opened, 1);
    assert_int_equal(b.seen, 100);
    assert_true(breaker_bad_share(&b) == 1.0);
}

static void only_more_than_the_share_opens(void **state) {
    (void)state;
    for (int tenths = 0; tenths < 10; tenths++) {
        breaker_init(&b, (double)tenths / 10.0, 1000, RETRY);
        take(500 - 50 * tenths, false, 0);
        take(50 * tenths, true, 0);
        assert_int_equal(b.state, BREAKER_CLOSED); /* as many as the share */
        assert_true(breaker_take(&b, true, 0));
    }
}

static void a_share_of_one_never_opens(void **state) {
    (void)state;
    breaker_init(&b, 1.0, 10, RETRY);
    assert_int_equal(take(1000, true, 0), 0);
    assert_true(breaker_allows(&b, 0));
}

static void bad_records_older_than_the_window_are_forgotten(void **state) {
    (void)state;
    breaker_init(&b, 0.5, 100, RETRY);
    take(51, false, 0);
    take(49, true, 0);
    take(49, false, 0);
    assert_true(breaker_bad_share(&b) == 0.49);
    take(51, false, 0);
    assert_true(breaker_bad_share(&b) == 0.0);
}

static void an_open_one_allows_nothing_until_the_retry_and_then_tries(void **state) {
    (void)state;
    breaker_init(&b, 0.5, 100, RETRY);
    assert_int_equal(take(10, true, 1000), 1);
    assert_false(breaker_allows(&b, 1000));
    assert_false(breaker_allows(&b, 1000 + RETRY - 1));
    assert_int_equal(take(5, false, 2000), 0); /* polled before it opened: they decide nothing */
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_true(breaker_bad_share(&b) == 1.0);
    assert_true(breaker_allows(&b, 1000 + RETRY));
    assert_int_equal(b.state, BREAKER_TRYING);
    assert_int_equal(b.seen, 15);
}

static void a_tenth_of_the_window_decides_a_try(void **state) {
    (void)state;
    breaker_init(&b, 0.5, 100, RETRY);
    take(10, true, 0);
    assert_true(breaker_allows(&b, RETRY));
    assert_int_equal(take(9, true, RETRY), 0);
    assert_int_equal(b.state, BREAKER_TRYING);
    assert_true(breaker_allows(&b, RETRY));
    assert_int_equal(take(1, true, RETRY + 5), 1);
    assert_false(breaker_allows(&b, 2 * RETRY + 4)); /* counted from the second opening */
    assert_true(breaker_allows(&b, 2 * RETRY + 5));
    assert_int_equal(b.opened, 2);
    assert_int_equal(take(5, true, 70000), 0);
    assert_int_equal(take(5, false, 70000), 0);
    assert_int_equal(b.state, BREAKER_CLOSED); /* half is not more than half */
    assert_true(breaker_bad_share(&b) == 0.5);
}

static void windows_outside_of_what_is_possible_are_brought_into_it(void **state) {
    (void)state;
    breaker_init(&b, 0.5, 0, RETRY);
    assert_int_equal(b.window, 10);
    assert_int_equal(take(1, true, 0), 1);
    breaker_init(&b, 1.0, UINT32_MAX, RETRY);
    assert_int_equal(b.window, BREAKER_WINDOW_MAX);
    take(2 * BREAKER_WINDOW_MAX, true, 0);
    assert_true(breaker_bad_share(&b) == 1.0);
}

/* ---- the naive one ----------------------------------------------------------------------- */

struct naive {
    uint32_t window, from, n; /* records since `from` are looked back at */
    double share;
    enum breaker_state state;
    int64_t opened_ms;
    bool bad[RECORDS];
};

static double naive_share(const struct naive *v) {
    const uint32_t n = v->n - v->from < v->window ? v->n - v->from : v->window;
    uint32_t bad = 0;
    for (uint32_t i = v->n - n; i < v->n; i++) {
        bad += v->bad[i];
    }
    return n ? (double)bad / n : 0.0;
}

static bool naive_take(struct naive *v, bool bad, int64_t now_ms) {
    if (v->state == BREAKER_OPEN) {
        return false;
    }
    v->bad[v->n++] = bad;
    if (v->n - v->from < v->window / 10) {
        return false;
    }
    const bool opens = naive_share(v) > v->share;
    v->opened_ms = opens ? now_ms : v->opened_ms;
    v->state = opens ? BREAKER_OPEN : BREAKER_CLOSED;
    return opens;
}

static bool naive_allows(struct naive *v, int64_t now_ms) {
    if (v->state == BREAKER_OPEN && now_ms >= v->opened_ms + RETRY) {
        v->state = BREAKER_TRYING;
        v->from = v->n;
    }
    return v->state != BREAKER_OPEN;
}

static void random_records_are_judged_as_a_naive_count_judges_them(void **state) {
    (void)state;
    static struct naive v;
    const uint64_t seed = (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t run = 0; run < 20; run++) {
        uint64_t r = mix64(seed + run);
        v = (struct naive){.window = 10 + (uint32_t)(r % 300), .share = (double)(r >> 40 & 7) / 8};
        breaker_init(&b, v.share, v.window, RETRY);
        int64_t now_ms = 0;
        for (int i = 0; i < 5000; i++) {
            r = mix64(r + (uint64_t)i);
            const bool bad = (r & 7) < (uint64_t)(i / 100 % 8); /* now more, now less */
            now_ms += (int64_t)(r >> 8 & 4095);
            assert_int_equal(breaker_take(&b, bad, now_ms), naive_take(&v, bad, now_ms));
            if (r >> 24 & 1) {
                assert_int_equal(breaker_allows(&b, now_ms), naive_allows(&v, now_ms));
            }
            assert_int_equal(b.state, v.state);
            assert_true(breaker_bad_share(&b) == naive_share(&v));
        }
        assert_int_equal(b.seen, 5000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_judges_from_a_tenth_of_the_window_on),
        cmocka_unit_test(only_more_than_the_share_opens),
        cmocka_unit_test(a_share_of_one_never_opens),
        cmocka_unit_test(bad_records_older_than_the_window_are_forgotten),
        cmocka_unit_test(an_open_one_allows_nothing_until_the_retry_and_then_tries),
        cmocka_unit_test(a_tenth_of_the_window_decides_a_try),
        cmocka_unit_test(windows_outside_of_what_is_possible_are_brought_into_it),
        cmocka_unit_test(random_records_are_judged_as_a_naive_count_judges_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
