/* SPDX-License-Identifier: Apache-2.0
 * test_wide.c -- models/wide.h: kernels that are chosen at run time say the same bits as those that
 * every machine has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "factors_cholesky.h"
#include "factors_parts.h"
#include "mix.h"
#include "normal.h"
#include "ranker_block.h"
#include "wide.h"

static void need_wide(void) {
    if (!wide_here()) {
        print_message("no AVX-512 here: nothing to compare\n");
        skip();
    }
}

static float any_of(struct rng *rng) {
    const float x = (float)(rng_normal(rng) * exp2((double)rng_below(rng, 12) - 6.0));
    return rng_below(rng, 50) ? x : 0.0F;
}

static void scores_and_hidden_units_are_the_same_bits(void **state) {
    (void)state;
    enum { STRIDE = 48 };
    static struct ranker_net net;
    static _Alignas(64) float x[RANKER_X * STRIDE];
    static _Alignas(64) float hidden[2][RANKER_HIDDEN * RANKER_SAMPLE_MAX];
    struct rng rng = {61};
    need_wide();
    print_message("seed 61\n");
    for (int n = 0; n < 500; n++) {
        _Alignas(64) float scores[2][RANKER_BLOCK];
        float base[RANKER_HIDDEN];
        const size_t n_x = rng_below(&rng, RANKER_X + 1);
        const bool with_hidden = rng_below(&rng, 2);
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            net.weights[k] = any_of(&rng);
        }
        for (size_t k = 0; k < RANKER_X * STRIDE; k++) {
            x[k] = any_of(&rng);
        }
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            base[h] = any_of(&rng);
        }
        const size_t at = RANKER_BLOCK * rng_below(&rng, STRIDE / RANKER_BLOCK);
        ranker_block_usual(&net, n_x, x + at, STRIDE, base, scores[0],
                           with_hidden ? hidden[0] : NULL);
        ranker_block_wide(&net, n_x, x + at, STRIDE, base, scores[1],
                          with_hidden ? hidden[1] : NULL);
        assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
        assert_memory_equal(hidden[0], hidden[1], sizeof hidden[0]);
    }
}

struct square {
    float m[FACTORS][FACTORS];
};

/* Of U, what stands above the diagonal. */
static void a_users_matrix_is_the_same_bits(void **state) {
    (void)state;
    static _Alignas(64) float q[FACTORS_HISTORY][FACTORS];
    static _Alignas(64) struct square u[2];
    static _Alignas(64) struct square prior;
    const struct square *const p = &prior;
    struct rng rng = {62};
    need_wide();
    print_message("seed 62\n");
    for (int round = 0; round < 300; round++) {
        float y[2][FACTORS];
        float inverse[2][FACTORS];
        float w[FACTORS_HISTORY];
        struct factors_history h = {.w = w, .n = rng_below(&rng, FACTORS_HISTORY + 1)};
        for (uint32_t i = 0; i < h.n; i++) {
            h.q[i] = q[i];
            w[i] = (float)rng_unit(&rng);
            for (size_t k = 0; k < FACTORS; k++) {
                q[i][k] = any_of(&rng);
            }
        }
        for (size_t r = 0; r < FACTORS; r++) {
            for (size_t k = r; k < FACTORS; k++) {
                prior.m[r][k] =
                    (float)(r == k ? 2.0 + 40.0 * rng_unit(&rng) : .01 * rng_normal(&rng));
            }
        }
        const bool bad = rng_below(&rng, 10) == 0; /* not positive definite */
        prior.m[7][7] = bad ? -1e9F : prior.m[7][7];
        memset(u, round, sizeof u);
        assert_int_equal(factors_cholesky_usual(&h, p->m, u[0].m, inverse[0], y[0]), !bad);
        assert_int_equal(factors_cholesky_wide(&h, p->m, u[1].m, inverse[1], y[1]), !bad);
        for (size_t r = 0; r < FACTORS && !bad; r++) {
            assert_memory_equal(&u[0].m[r][r] + 1, &u[1].m[r][r] + 1,
                                (FACTORS - r - 1) * sizeof(float));
        }
        if (!bad) {
            assert_memory_equal(y[0], y[1], sizeof y[0]);
            assert_memory_equal(inverse[0], inverse[1], sizeof inverse[0]);
        }
    }
}

/* Of few targets and many, with and without a history. */
static void parts_of_a_history_are_the_same_bits(void **state) {
    (void)state;
    enum { ROWS = 60 };
    static float q[ROWS][FACTORS];
    static struct factors_solved solved;
    struct rng rng = {63};
    need_wide();
    print_message("seed 63\n");
    for (int round = 0; round < 300; round++) {
        uint32_t items[FACTORS_HISTORY];
        uint32_t targets[FACTORS_TARGETS];
        float weights[FACTORS_HISTORY];
        float out[2][FACTORS_HISTORY][FACTORS_TARGETS];
        for (size_t r = 0; r < ROWS; r++) {
            for (size_t k = 0; k < FACTORS; k++) {
                q[r][k] = any_of(&rng);
            }
        }
        for (size_t r = 0; r < FACTORS; r++) {
            for (size_t k = r + 1; k < FACTORS; k++) {
                solved.u[r][k] = .1F * any_of(&rng);
            }
            solved.inverse[r] = (float)rng_unit(&rng);
        }
        const uint32_t n = rng_below(&rng, FACTORS_HISTORY + 1);
        const uint32_t n_targets = rng_below(&rng, FACTORS_TARGETS + 1);
        for (uint32_t i = 0; i < n; i++) {
            items[i] = rng_below(&rng, ROWS);
            weights[i] = (float)rng_unit(&rng);
        }
        for (uint32_t t = 0; t < n_targets; t++) {
            targets[t] = rng_below(&rng, ROWS);
        }
        const struct factors_asked asked = {q[0], items, weights, n, targets, n_targets};
        memset(out, 0, sizeof out);
        factors_parts_usual(&solved, &asked, out[0]);
        factors_parts_wide(&solved, &asked, out[1]);
        assert_memory_equal(out[0], out[1], sizeof out[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_hidden_units_are_the_same_bits),
        cmocka_unit_test(a_users_matrix_is_the_same_bits),
        cmocka_unit_test(parts_of_a_history_are_the_same_bits),
    };
    return cmocka_run_group_tests_name("wide kernels", tests, NULL, NULL);
}
