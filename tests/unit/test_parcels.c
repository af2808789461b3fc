/* SPDX-License-Identifier: Apache-2.0
 *
 * test_parcels.c -- contract tests of consumer/parcels.h against an array of copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mix.h"
#include "parcels.h"

enum { PARCELS = 2000, BYTES = 300 };

struct copy {
    char key[BYTES], value[BYTES];
    struct parcel is;
};

static void draw(struct rng *rng, char *bytes, size_t *len) {
    *len = rng_below(rng, 4) ? rng_below(rng, BYTES) : 0;
    for (size_t k = 0; k < *len; k++) {
        bytes[k] = (char)rng_below(rng, 256);
    }
}

static void assert_same(const struct parcel *a, const struct parcel *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->partition, b->partition);
    assert_int_equal(a->key_len, b->key_len);
    assert_int_equal(a->value_len, b->value_len);
    assert_int_equal(a->key == NULL, b->key == NULL);
    assert_int_equal(a->value == NULL, b->value == NULL);
    if (a->key_len > 0) {
        assert_memory_equal(a->key, b->key, a->key_len);
    }
    if (a->value_len > 0) {
        assert_memory_equal(a->value, b->value, a->value_len);
    }
}

static void what_was_put_in_comes_out_in_order(void **state) {
    (void)state;
    static struct copy copies[PARCELS];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct rng rng = {.state = seed};
        struct parcels p = {0};
        size_t n_of[PARCEL_KINDS] = {0};
        print_message("seed %llu\n", (unsigned long long)seed);
        for (size_t k = 0; k < PARCELS; k++) {
            struct copy *c = &copies[k];
            c->is = (struct parcel){.partition = (int32_t)rng_below(&rng, 1024),
                                    .kind = (enum parcel_kind)rng_below(&rng, PARCEL_KINDS)};
            if (rng_below(&rng, 5)) {
                draw(&rng, c->key, &c->is.key_len);
                c->is.key = c->key;
            }
            if (rng_below(&rng, 5)) {
                draw(&rng, c->value, &c->is.value_len);
                c->is.value = c->value;
            }
            n_of[c->is.kind]++;
            assert_int_equal(parcels_add(&p, &c->is), ST_OK);
        }
        assert_int_equal(p.n, PARCELS);
        assert_memory_equal(p.n_of, n_of, sizeof n_of);
        struct parcel out;
        size_t at = 0;
        for (size_t k = 0; k < PARCELS; k++) {
            assert_true(parcels_next(&p, &at, &out));
            assert_same(&out, &copies[k].is);
        }
        assert_false(parcels_next(&p, &at, &out));
        parcels_free(&p);
        assert_null(p.bytes);
        assert_int_equal(p.n, 0);
    }
}

static void one_larger_than_all_room_so_far_fits(void **state) {
    (void)state;
    static char large[3 << 20];
    memset(large, 'x', sizeof large);
    struct parcels p = {0};
    const struct parcel small = {.key = "k", .key_len = 1, .kind = PARCEL_STATE};
    const struct parcel one = {.value = large, .value_len = sizeof large, .kind = PARCEL_MODEL};
    struct parcel out;
    size_t at = 0;
    assert_int_equal(parcels_add(&p, &small), ST_OK);
    assert_int_equal(parcels_add(&p, &one), ST_OK);
    assert_true(parcels_next(&p, &at, &out));
    assert_same(&out, &small);
    assert_true(parcels_next(&p, &at, &out));
    assert_same(&out, &one);
    parcels_free(&p);
}

static void an_empty_one_has_nothing(void **state) {
    (void)state;
    struct parcels p = {0};
    struct parcel out;
    size_t at = 0;
    assert_false(parcels_next(&p, &at, &out));
    parcels_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_in_comes_out_in_order),
        cmocka_unit_test(one_larger_than_all_room_so_far_fits),
        cmocka_unit_test(an_empty_one_has_nothing),
    };
    return cmocka_run_group_tests_name("parcels", tests, NULL, NULL);
}
