/* SPDX-License-Identifier: Apache-2.0
 *
 * test_prequential.c -- contract tests of models/prequential.h, in its order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "prequential.h"

enum { LINES = 3000 };

struct line {
    uint8_t domain;
    bool model, baseline;
};

/* The counts of the last `window` of the lines of `domain`, counted again. */
static struct prequential_counts recount(const struct line *lines, int n, uint32_t domain,
                                         uint64_t window) {
    struct prequential_counts c = {0};
    for (int i = n - 1; i >= 0 && c.n < window; i--) {
        const struct line *l = &lines[i];
        if (domain == DOMAINS_MAX || l->domain == domain) {
            c.n++;
            c.model += l->model;
            c.baseline += l->baseline;
            c.only_model += l->model && !l->baseline;
            c.only_baseline += !l->model && l->baseline;
        }
    }
    return c;
}

static void assert_counts(struct prequential_counts a, struct prequential_counts b) {
    assert_int_equal(a.n, b.n);
    assert_int_equal(a.model, b.model);
    assert_int_equal(a.baseline, b.baseline);
    assert_int_equal(a.only_model, b.only_model);
    assert_int_equal(a.only_baseline, b.only_baseline);
}

/* ---- prequential_new, prequential_free ------------------------------------- */

static void rejects_each_bad_parameter(void **state) {
    (void)state;
    struct prequential *p = NULL;
    assert_int_equal(prequential_new(0, 10, &p), ST_INVALID);
    assert_int_equal(prequential_new(DOMAINS_MAX + 1, 10, &p), ST_INVALID);
    assert_int_equal(prequential_new(1, 0, &p), ST_INVALID);
    assert_int_equal(prequential_new(1, 1000001, &p), ST_INVALID);
    assert_null(p);
    assert_int_equal(prequential_new(DOMAINS_MAX, 1000000, &p), ST_OK);
    prequential_free(p);
}

static void free_accepts_null(void **state) {
    (void)state;
    prequential_free(NULL);
}

static void each_allocation_that_fails_is_reported(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    for (int n = 0; n < 4; n++) { /* the object, two domains, all domains */
        struct prequential *p = NULL;
        fail_after(n);
        enum status st = prequential_new(2, 10, &p);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(p);
    }
}

/* ---- prequential_add and the counts ---------------------------------------- */

static void nothing_is_counted_at_first(void **state) {
    (void)state;
    struct prequential *p = NULL;
    assert_int_equal(prequential_new(2, 5, &p), ST_OK);
    for (uint32_t d = 0; d <= DOMAINS_MAX + 1; d++) {
        assert_counts(prequential_total(p, d), (struct prequential_counts){0});
        assert_counts(prequential_rolling(p, d), (struct prequential_counts){0});
    }
    prequential_free(p);
}

static void all_counts_equal_a_recount_at_every_line(void **state) {
    (void)state;
    const uint32_t windows[] = {1, 2, 7, 500, LINES, 1000000};
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        struct prequential *p = NULL;
        struct line lines[LINES];
        uint32_t noise = 17;
        assert_int_equal(prequential_new(3, windows[w], &p), ST_OK);
        for (int i = 0; i < LINES; i++) {
            noise = noise * 1664525U + 1013904223U;
            uint32_t draw = noise >> 16;
            lines[i] = (struct line){(uint8_t)(draw % 5 % 3), draw % 7 < 3, draw % 11 < 4};
            prequential_add(p, lines[i].domain, lines[i].model, lines[i].baseline);
            if (i % 37 != 0 && i < LINES - 5) {
                continue; /* a recount is slow */
            }
            for (uint32_t d = 0; d < 4; d++) {
                uint32_t domain = d < 3 ? d : DOMAINS_MAX;
                assert_counts(prequential_total(p, domain),
                              recount(lines, i + 1, domain, UINT64_MAX));
                assert_counts(prequential_rolling(p, domain),
                              recount(lines, i + 1, domain, windows[w]));
            }
        }
        prequential_free(p);
    }
}

static void a_domain_that_does_not_exist_is_not_counted(void **state) {
    (void)state;
    struct prequential *p = NULL;
    assert_int_equal(prequential_new(2, 5, &p), ST_OK);
    prequential_add(p, 2, true, true);
    prequential_add(p, DOMAINS_MAX, true, true);
    prequential_add(p, 255, true, true);
    assert_counts(prequential_total(p, DOMAINS_MAX), (struct prequential_counts){0});
    assert_counts(prequential_total(p, 2), (struct prequential_counts){0});
    assert_counts(prequential_rolling(p, UINT32_MAX), (struct prequential_counts){0});
    prequential_free(p);
}

/* ---- prequential_mcnemar --------------------------------------------------- */

static double mcnemar(uint64_t b, uint64_t c) {
    struct prequential_counts counts = {.n = 1000, .only_model = b, .only_baseline = c};
    return prequential_mcnemar(&counts);
}

/* 121 against 59 is the textbook example: 20.672 with continuity correction. */
static void mcnemar_agrees_with_published_values(void **state) {
    (void)state;
    assert_float_equal((float)mcnemar(121, 59), 20.6722F, 1e-3F);
    assert_float_equal((float)mcnemar(59, 121), 20.6722F, 1e-3F);
    assert_float_equal((float)mcnemar(10, 20), 2.7F, 1e-6F); /* 81/30 */
}

static void mcnemar_is_zero_without_discordant_pairs(void **state) {
    (void)state;
    assert_true(mcnemar(0, 0) == 0.0);
    assert_true(mcnemar(1, 0) == 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_each_bad_parameter),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(each_allocation_that_fails_is_reported),
        cmocka_unit_test(nothing_is_counted_at_first),
        cmocka_unit_test(all_counts_equal_a_recount_at_every_line),
        cmocka_unit_test(a_domain_that_does_not_exist_is_not_counted),
        cmocka_unit_test(mcnemar_agrees_with_published_values),
        cmocka_unit_test(mcnemar_is_zero_without_discordant_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
