/* SPDX-License-Identifier: Apache-2.0
 * test_task_record.c -- contract tests of models/task_record.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "task_record.h"
#include "task_record_fixture.h"

static void draw_net(struct rng *rng, struct ranker_net *net, bool positive) {
    for (int k = 0; k < RANKER_WEIGHTS; k++) {
        const float x = (float)ldexp(rng_unit(rng) - 0.5, (int)rng_below(rng, 60) - 40);
        net->weights[k] = positive ? fabsf(x) : x;
    }
}

static void draw(struct rng *rng, struct task_record *r) {
    *r = (struct task_record){.mini_number = 1 + rng_next(rng) / 2,
                              .taken_ms =
                                  rng_below(rng, 5) ? (int64_t)(rng_next(rng) >> 18) : INT64_MIN,
                              .nets_epoch = rng_next(rng),
                              .nets_batch = rng_next(rng),
                              .examples = {rng_unit(rng) * 1e6, rng_below(rng, UINT32_MAX)},
                              .n_events = rng_below(rng, UINT32_MAX),
                              .n_trained = rng_below(rng, UINT32_MAX),
                              .nets_moved = rng_below(rng, 2)};
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        draw_net(rng, &r->ranker.net[kind], false);
        draw_net(rng, &r->ranker.m[kind], false);
        draw_net(rng, &r->ranker.s[kind], true);
    }
    for (int d = 0; d < DOMAINS_MAX; d++) {
        r->ranker.gate[d][0] = rng_unit(rng) * 40.0 - 20.0;
        r->ranker.gate[d][1] = rng_unit(rng) * 1e-300;
    }
    r->ranker.pace = (float)(1.0 + 3.0 * rng_unit(rng));
    r->ranker.steps = rng_next(rng);
    struct mini_batch *m = &r->mini;
    m->n_events = rng_below(rng, 1000);
    m->n_trained = rng_below(rng, 1000);
    m->factors.n = rng_below(rng, 1 << 30);
    m->factors.n_users = rng_below(rng, 100);
    for (int k = 0; m->factors.n && k < FACTORS_SYM; k++) {
        m->factors.pp[k] = (int64_t)(rng_next(rng) >> 30) - (INT64_C(1) << 33);
    }
    m->segments.n_all = rng_below(rng, 50);
    m->segments.generation = rng_below(rng, 50);
    for (int d = 0; d < FEATURES_MAX; d += 1 + (int)rng_below(rng, 9)) {
        m->segments.all_x[d] = -(int64_t)rng_below(rng, UINT32_MAX);
        m->segments.all_xx[d] = rng_below(rng, UINT32_MAX);
        m->segments.all_xx_high[d] = rng_below(rng, 3);
    }
    for (uint32_t c = rng_below(rng, SEGMENTS_MAX); c-- > 0;) {
        m->segments.n[c] = rng_below(rng, 3);
        m->segments.sse[c] = rng_below(rng, 3);
        m->segments.x[c][rng_below(rng, FEATURES_MAX)] = -7;
    }
}

/* Reads from a copy that ends where it ends. */
static enum status read_exactly(const uint8_t *bytes, size_t len, struct task_record *out) {
    uint8_t *copy = malloc(len + !len);
    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    struct unpack u = {.at = copy, .end = copy + len};
    const enum status st = task_record_read(&u, out);
    free(copy);
    return st;
}

/* ---- tests ----------------------------------------------------------------------------- */

static void every_bit_comes_back(void **state) {
    (void)state;
    static struct task_record r;
    static struct task_record back;
    struct rng rng = {7};
    for (int n = 0; n < 100; n++) {
        struct pack p = {0};
        draw(&rng, &r);
        task_record_write(&r, &p);
        assert_false(p.failed);
        memset(&back, 0, sizeof back);
        assert_int_equal(read_exactly(p.bytes, p.len, &back), ST_OK);
        assert_memory_equal(&r.ranker, &back.ranker, sizeof r.ranker);
        assert_memory_equal(&r.mini, &back.mini, sizeof r.mini);
        assert_int_equal(r.mini_number, back.mini_number);
        assert_int_equal(r.taken_ms, back.taken_ms);
        assert_int_equal(r.nets_epoch, back.nets_epoch);
        assert_int_equal(r.nets_batch, back.nets_batch);
        assert_int_equal(r.nets_moved, back.nets_moved);
        assert_int_equal(r.n_events, back.n_events);
        assert_int_equal(r.n_trained, back.n_trained);
        assert_true(r.examples.used == back.examples.used);
        assert_int_equal(r.examples.passed, back.examples.passed);
        free(p.bytes);
    }
}

static void a_new_task_takes_about_16_kib(void **state) {
    (void)state;
    static struct task_record r;
    struct pack p = {0};
    ranker_init(&r.ranker, 1);
    r.mini_number = 1;
    r.taken_ms = INT64_MIN;
    task_record_write(&r, &p);
    assert_in_range(p.len, 12 * 1024, 17 * 1024);
    free(p.bytes);
}

static void a_record_of_format_1_is_read_as_it_was_written(void **state) {
    (void)state;
    static struct task_record expected;
    static struct task_record got;
    static uint8_t bytes[FIXTURE_BYTES];
    fixture_record(&expected);
    assert_int_equal(fixture_bytes(bytes), FIXTURE_BYTES);
    assert_int_equal(read_exactly(bytes, sizeof bytes, &got), ST_OK);
    struct pack x = {0};
    struct pack y = {0};
    task_record_write(&expected, &x);
    task_record_write(&got, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.bytes, y.bytes, x.len);
    assert_memory_equal(&expected.ranker, &got.ranker, sizeof got.ranker);
    assert_memory_equal(&expected.mini, &got.mini, sizeof got.mini);
    assert_int_equal(got.mini_number, 1234);
    assert_int_equal(got.taken_ms, INT64_C(1795000000123));
    assert_true(got.nets_epoch == 1795000000 && got.nets_batch == 17 && got.nets_moved);
    assert_true(got.n_events == 255 && got.n_trained == 250);
    assert_true(got.examples.used == 0.0 && got.examples.passed == 0); /* which it did not know */
    free(x.bytes);
    free(y.bytes);
}

static void what_is_damaged_is_refused_and_nothing_changes(void **state) {
    (void)state;
    static struct task_record r;
    static struct task_record out;
    static struct task_record before;
    struct rng rng = {8};
    struct pack p = {0};
    draw(&rng, &r);
    draw(&rng, &out);
    before = out;
    task_record_write(&r, &p);
    for (size_t len = 0; len < p.len; len += len < 20 || len + 2000 > p.len ? 1 : 501) {
        assert_int_equal(read_exactly(p.bytes, len, &out), ST_INVALID);
    }
    pack_u8(&p, 0);
    assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_INVALID);
    p.len--;
    p.bytes[0]++;
    assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_RANGE);
    p.bytes[0] = 0;
    assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_INVALID);
    p.bytes[0] = TASK_RECORD_FORMAT;
    p.bytes[1] ^= 1; /* another number of weights */
    assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_RANGE);
    assert_memory_equal(&out, &before, sizeof out);
    free(p.bytes);
}

/* One value is what it must not be. */
static void values_that_no_task_has_are_refused(void **state) {
    (void)state;
    static struct task_record out;
    struct rng rng = {9};
    for (int n = 0; n < 15; n++) {
        static struct task_record r;
        struct pack p = {0};
        draw(&rng, &r);
        switch (n) {
        case 0: r.ranker.net[1].weights[RANKER_WEIGHTS - 1] = NAN; break;
        case 1: r.ranker.m[0].weights[0] = INFINITY; break;
        case 2: r.ranker.s[1].weights[5] = -1e-20F; break;
        case 3: r.ranker.s[0].weights[5] = NAN; break;
        case 4: r.ranker.gate[3][1] = -(double)INFINITY; break;
        case 5: r.ranker.gate[0][0] = (double)NAN; break;
        case 6: r.ranker.pace = -1.0F; break;
        case 7: r.ranker.pace = NAN; break;
        case 8: r.mini.factors.n = -1; break;
        case 9: r.mini_number = 0; break;
        case 10: r.taken_ms = INT64_C(1) << 47; break;
        case 11: r.taken_ms = INT64_MIN + 1; break;
        case 12: r.examples.used = -1.0; break;
        case 13: r.examples.used = (double)INFINITY; break;
        default: r.mini.segments.sse[0] = INT64_C(1) << 61; break;
        }
        task_record_write(&r, &p);
        assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_INVALID);
        free(p.bytes);
    }
}

static void random_damage_is_refused_or_read_as_something_finite(void **state) {
    (void)state;
    static struct task_record r;
    static struct task_record out;
    struct rng rng = {10};
    struct pack p = {0};
    draw(&rng, &r);
    task_record_write(&r, &p);
    for (int n = 0; n < 3000; n++) {
        const uint32_t at = rng_below(&rng, (uint32_t)p.len);
        const uint8_t was = p.bytes[at];
        p.bytes[at] ^= (uint8_t)(1 + rng_below(&rng, 255));
        if (read_exactly(p.bytes, p.len, &out) == ST_OK) {
            for (int k = 0; k < RANKER_WEIGHTS; k++) {
                assert_true(isfinite(out.ranker.net[0].weights[k]));
                assert_true(out.ranker.s[1].weights[k] >= 0.0F);
            }
        }
        p.bytes[at] = was;
    }
    assert_int_equal(read_exactly(p.bytes, p.len, &out), ST_OK);
    free(p.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_comes_back),
        cmocka_unit_test(a_new_task_takes_about_16_kib),
        cmocka_unit_test(a_record_of_format_1_is_read_as_it_was_written),
        cmocka_unit_test(what_is_damaged_is_refused_and_nothing_changes),
        cmocka_unit_test(values_that_no_task_has_are_refused),
        cmocka_unit_test(random_damage_is_refused_or_read_as_something_finite),
    };
    return cmocka_run_group_tests_name("task_record", tests, NULL, NULL);
}
