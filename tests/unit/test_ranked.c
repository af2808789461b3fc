/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranked.c -- contract tests of models/ranked.h.
 *
 * Truth: all of them sorted by score and hash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "mix.h"
#include "ranked.h"
#include "ranker.h"

enum { ITEMS = 4096, ROUNDS = 4000 };

static uint64_t hashes[ITEMS];

/* n candidates whose scores have so many values: the fewer, the more are equal. */
struct problem {
    uint32_t n;
    float scores[RANKER_LIST_MAX];
    uint32_t items[RANKER_LIST_MAX];
    struct ranked truth[RANKER_LIST_MAX];
};

static int in_order(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void make(struct problem *p, struct rng *rng, uint32_t n, uint32_t values) {
    p->n = n;
    for (uint32_t c = 0; c < n; c++) {
        const uint32_t v = rng_below(rng, values);
        p->scores[c] = v == 0 ? -INFINITY : (float)v * .25F - 3.0F; /* pinned ones have -inf */
        p->items[c] = (c * 5 + n) % ITEMS;                          /* none twice */
        p->truth[c] = (struct ranked){p->scores[c], c, hashes[p->items[c]]};
    }
    qsort(p->truth, n, sizeof *p->truth, in_order);
}

static void assert_best(const struct problem *p, const struct ranked *top, uint32_t n,
                        uint32_t max) {
    assert_int_equal(n, p->n < max ? p->n : max);
    for (uint32_t k = 0; k < n; k++) {
        assert_true(top[k].score == p->truth[k].score);
        assert_int_equal(top[k].at, p->truth[k].at);
        assert_true(top[k].hash == p->truth[k].hash);
    }
}

/* Few and many of few and many, most of them equal or none. */
static void the_best_are_those_of_a_sort(void **state) {
    (void)state;
    static struct problem p;
    static struct ranked top[RANKER_LIST_MAX];
    static const uint32_t values[] = {1, 2, 5, 40, 1U << 20};
    static const uint32_t most[] = {1, 2, 10, 15, 16, 17, 60, RANKER_LIST_MAX};
    struct rng rng = {20261127};
    for (uint32_t r = 0; r < ROUNDS; r++) {
        const uint32_t n = rng_below(&rng, r % 2 ? 40 : RANKER_LIST_MAX + 1);
        const uint32_t max = most[r % 8];
        make(&p, &rng, n, values[r / 8 % 5]);
        assert_best(&p, top, ranked_best(p.scores, n, p.items, hashes, max, top), max);
    }
}

static void a_stream_keeps_its_best_in_order(void **state) {
    (void)state;
    static struct problem p;
    struct ranked top[10];
    struct rng rng = {7};
    for (uint32_t r = 0; r < 200; r++) {
        make(&p, &rng, rng_below(&rng, 100), 1 + r % 30);
        uint32_t n = 0;
        for (uint32_t c = 0; c < p.n; c++) {
            n = ranked_insert(top, n, 10, (struct ranked){p.scores[c], c, hashes[p.items[c]]});
        }
        assert_best(&p, top, n, 10);
    }
}

int main(void) {
    for (uint32_t i = 0; i < ITEMS; i++) {
        hashes[i] = mix64(i + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_are_those_of_a_sort),
        cmocka_unit_test(a_stream_keeps_its_best_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
