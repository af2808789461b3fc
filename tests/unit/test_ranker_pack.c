/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ranker_pack.c -- nets as bytes: those of today, and those that know fewer features.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "ranker_pack.h"

enum { OLD_X = 27 /* of the first nets that were ever written */, H = RANKER_HIDDEN };

static void draw(struct rng *rng, struct ranker_net nets[RANKER_NETS]) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            nets[kind].weights[k] = (float)rng_unit(rng) - .5F;
        }
    }
}

/* As a version wrote them that knew the first n_x features: v, w of these, w of the list, b, o. */
static void write_old(struct pack *p, uint32_t n_x, const struct ranker_net nets[RANKER_NETS]) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        const struct ranker_net *net = &nets[kind];
        for (uint32_t k = 0; k < n_x; k++) {
            pack_float(p, net->v[k]);
        }
        for (uint32_t k = 0; k < RANKER_INPUTS; k++) {
            for (int h = 0; h < H && (k < n_x || k >= RANKER_X); h++) {
                pack_float(p, net->w[k][h]);
            }
        }
        for (int h = 0; h < H; h++) {
            pack_float(p, net->b[h]);
        }
        for (int h = 0; h < H; h++) {
            pack_float(p, net->o[h]);
        }
    }
}

static void the_nets_of_today_come_back_to_the_bit(void **state) {
    (void)state;
    struct rng rng = {1};
    struct ranker_net nets[RANKER_NETS];
    struct ranker_net back[RANKER_NETS];
    struct pack p = {0};
    draw(&rng, nets);
    ranker_pack_shape(&p);
    ranker_pack_nets(&p, nets);
    assert_false(p.failed);
    struct unpack u = {.at = p.bytes, .end = p.bytes + p.len};
    const uint32_t n_x = ranker_features_of(unpack_uint(&u));
    assert_int_equal(n_x, RANKER_X);
    ranker_unpack_nets(&u, n_x, back);
    assert_false(u.failed);
    assert_ptr_equal(u.at, u.end);
    assert_memory_equal(nets, back, sizeof nets);
    free(p.bytes);
}

/* Whatever the new features are, it scores what it scored. */
static void a_net_that_knew_fewer_features_does_not_look_at_the_others(void **state) {
    (void)state;
    struct rng rng = {2};
    for (uint32_t n_x = OLD_X; n_x < RANKER_X; n_x++) {
        struct ranker_net nets[RANKER_NETS];
        static struct ranker r;
        struct pack p = {0};
        draw(&rng, nets);
        write_old(&p, n_x, nets);
        struct unpack u = {.at = p.bytes, .end = p.bytes + p.len};
        ranker_unpack_nets(&u, n_x, r.net);
        assert_false(u.failed);
        assert_ptr_equal(u.at, u.end);
        for (int kind = 0; kind < RANKER_NETS; kind++) {
            const struct ranker_net *net = &r.net[kind];
            for (uint32_t k = 0; k < RANKER_INPUTS; k++) {
                const bool knew = k < n_x || k >= RANKER_X;
                for (int h = 0; h < H; h++) {
                    assert_true(net->w[k][h] == (knew ? nets[kind].w[k][h] : 0.0F));
                }
                if (k < RANKER_X) {
                    assert_true(net->v[k] == (knew ? nets[kind].v[k] : 0.0F));
                }
            }
            assert_memory_equal(net->b, nets[kind].b, sizeof net->b);
            assert_memory_equal(net->o, nets[kind].o, sizeof net->o);
        }
        free(p.bytes);
    }
}

static void the_number_of_weights_tells_the_shape(void **state) {
    (void)state;
    assert_int_equal(ranker_features_of(RANKER_WEIGHTS), RANKER_X);
    assert_int_equal(ranker_features_of(635), OLD_X);
    for (uint64_t n = 0; n < 2 * RANKER_WEIGHTS; n++) {
        const uint32_t n_x = ranker_features_of(n);
        assert_true(n_x == 0 || (n_x >= OLD_X && n_x <= RANKER_X));
        assert_true(n_x == 0 || n == n_x + (n_x + RANKER_C + 2) * (uint64_t)H);
    }
    assert_int_equal(ranker_features_of(RANKER_WEIGHTS + 1 + H), 0); /* of a later version */
    assert_int_equal(ranker_features_of(UINT64_MAX), 0);
}

static void weights_that_are_no_numbers_and_short_ones_are_refused(void **state) {
    (void)state;
    struct rng rng = {3};
    struct ranker_net nets[RANKER_NETS];
    struct ranker_net back[RANKER_NETS];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (uint32_t z = 0; z < 60; z++) {
        struct pack p = {0};
        draw(&rng, nets);
        if (z % 4 < 3) {
            nets[z % 2].weights[rng_below(&rng, RANKER_WEIGHTS)] = bad[z % 4];
        }
        ranker_pack_nets(&p, nets);
        const size_t less = z % 4 < 3 ? 0 : 1 + rng_below(&rng, (uint32_t)p.len);
        struct unpack u = {.at = p.bytes, .end = p.bytes + p.len - less};
        ranker_unpack_nets(&u, RANKER_X, back);
        assert_true(u.failed);
        free(p.bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nets_of_today_come_back_to_the_bit),
        cmocka_unit_test(a_net_that_knew_fewer_features_does_not_look_at_the_others),
        cmocka_unit_test(the_number_of_weights_tells_the_shape),
        cmocka_unit_test(weights_that_are_no_numbers_and_short_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
