/* SPDX-License-Identifier: Apache-2.0
 *
 * test_waiting.c -- the contract of consumer/waiting.h, against a plain array of copies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "mix.h"
#include "waiting.h"

enum { RECORDS = 400, BYTES = 64 };

struct copy {
    struct record r;
    char key[BYTES], value[BYTES];
};

static struct copy copies[RECORDS];

static void assert_same(const struct record *a, const struct copy *b) {
    assert_int_equal(a->offset, b->r.offset);
    assert_int_equal(a->timestamp_ms, b->r.timestamp_ms);
    assert_int_equal(a->partition, b->r.partition);
    assert_int_equal(a->topic, b->r.topic);
    assert_int_equal(a->end, b->r.end);
    assert_int_equal(a->misplaced, b->r.misplaced);
    assert_int_equal(a->key == NULL, b->r.key == NULL);
    assert_int_equal(a->value == NULL, b->r.value == NULL);
    assert_int_equal(a->key_len, b->r.key_len);
    assert_int_equal(a->value_len, b->r.value_len);
    if (a->key) {
        assert_memory_equal(a->key, b->key, a->key_len);
    }
    if (a->value) {
        assert_memory_equal(a->value, b->value, a->value_len);
    }
}

static void make(struct copy *c, int64_t offset, struct rng *rng) {
    *c = (struct copy){.r = {.offset = offset,
                             .timestamp_ms = offset * 7,
                             .partition = (int32_t)rng_below(rng, 9),
                             .topic = (uint16_t)rng_below(rng, 5),
                             .end = rng_below(rng, 8) == 0,
                             .misplaced = rng_below(rng, 8) == 0}};
    for (size_t k = 0; k < BYTES; k++) {
        c->key[k] = (char)rng_below(rng, 256);
        c->value[k] = (char)rng_below(rng, 256);
    }
    if (rng_below(rng, 4) > 0) {
        c->r.key = c->key;
        c->r.key_len = rng_below(rng, BYTES); /* also an empty one, which is not none */
    }
    if (rng_below(rng, 4) > 0) {
        c->r.value = c->value;
        c->r.value_len = rng_below(rng, BYTES);
    }
}

static void records_come_back_as_they_were_and_in_order(void **state) {
    (void)state;
    struct waiting w = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng = {seed};
        size_t in = 0;
        size_t out = 0;
        while (out < RECORDS) {
            if (in < RECORDS && rng_below(&rng, 5) > 1) {
                make(&copies[in], (int64_t)in, &rng);
                assert_int_equal(waiting_push(&w, &copies[in].r), ST_OK);
                in++;
            } else {
                struct record r;
                assert_int_equal(waiting_first(&w, &r), out < in);
                if (out < in) {
                    assert_same(&r, &copies[out++]);
                }
                waiting_pop(&w);
            }
            assert_int_equal(w.n, in - out);
        }
    }
    waiting_free(&w);
    assert_int_equal(w.n, 0);
}

static void what_was_pushed_may_be_overwritten(void **state) {
    (void)state;
    struct waiting w = {0};
    char key[] = "key";
    char value[] = "value";
    struct record r = {.key = key, .key_len = 3, .value = value, .value_len = 5};
    assert_int_equal(waiting_push(&w, &r), ST_OK);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    assert_true(waiting_first(&w, &r));
    assert_memory_equal(r.key, "key", 3);
    assert_memory_equal(r.value, "value", 5);
    waiting_free(&w);
    assert_false(waiting_first(&w, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_they_were_and_in_order),
        cmocka_unit_test(what_was_pushed_may_be_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
