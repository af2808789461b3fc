/* SPDX-License-Identifier: Apache-2.0
 *
 * test_restore_tail.c -- contract tests of restore_tail.h against a naive table of the newest
 * records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mix.h"
#include "restore_tail.h"

enum { KEYS = 40, PUTS = 500, GONE = -1, NEVER = -2 };

struct naive {
    int newest[KEYS]; /* the byte that the value is made of, GONE or NEVER */
    size_t seen;
};

/* Keys of one to three bytes of which many begin alike. */
static size_t key_of(int k, uint8_t out[3]) {
    const size_t len = 1 + (size_t)k % 3;
    const uint8_t bytes[3] = {'U', (uint8_t)(k / 3), 0};
    memcpy(out, bytes, len);
    if (len == 1) {
        out[0] = (uint8_t)('a' + k / 3);
    }
    return len;
}

static enum status compare_one(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                               size_t value_len) {
    struct naive *n = ctx;
    for (int k = 0; k < KEYS; k++) {
        uint8_t bytes[3];
        const size_t len = key_of(k, bytes);
        if (len == key_len && memcmp(bytes, key, len) == 0) {
            assert_true(n->newest[k] >= 0);
            assert_int_equal(value_len, 10 + (size_t)k);
            assert_int_equal(value[0], n->newest[k]);
            n->seen++;
            return ST_OK;
        }
    }
    fail_msg("a key that was not put");
    return ST_OK;
}

static void put_random(struct tail *t, struct naive *n, struct rng *rng) {
    uint8_t value[10 + KEYS];
    uint8_t key[3];
    const int k = (int)rng_below(rng, KEYS);
    const size_t len = key_of(k, key);
    if (rng_below(rng, 4) == 0) {
        n->newest[k] = GONE;
        assert_int_equal(tail_put(t, key, len, NULL, 0), ST_OK);
        return;
    }
    n->newest[k] = (int)rng_below(rng, 256);
    memset(value, n->newest[k], sizeof value);
    assert_int_equal(tail_put(t, key, len, value, 10 + (size_t)k), ST_OK);
}

static void a_checkpoint_gets_the_newest_of_each_key(void **state) {
    (void)state;
    char err[CONFIG_ERROR_MAX];
    char dir[] = "/tmp/crossrec-tail-XXXXXX";
    struct checkpoint *c = NULL;
    struct naive n;
    struct rng rng = {7};
    const struct checkpoint_mark mark = {.offset = 5, .format = CHECKPOINT_FORMAT};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(checkpoint_open(dir, 0, 0, &c, err), ST_OK);
    for (int k = 0; k < KEYS; k++) {
        n.newest[k] = NEVER;
    }
    for (int round = 0; round < 6; round++) {
        struct tail *t = NULL;
        size_t alive = 0;
        assert_int_equal(tail_new(&t), ST_OK);
        for (int k = 0; k < (round % 2 ? PUTS : 5); k++) {
            put_random(t, &n, &rng);
        }
        assert_int_equal(tail_write(t, c, &mark), ST_OK);
        tail_free(t);
        n.seen = 0;
        assert_int_equal(checkpoint_each(c, compare_one, &n), ST_OK);
        for (int k = 0; k < KEYS; k++) {
            alive += n.newest[k] >= 0;
        }
        assert_int_equal(n.seen, alive);
        assert_int_equal(checkpoint_records(c), alive);
    }
    assert_int_equal(checkpoint_drop(c, err), ST_OK);
    assert_int_equal(rmdir(dir), 0);
}

static void more_than_it_may_hold_is_refused(void **state) {
    (void)state;
    static uint8_t value[1 << 20];
    struct tail *t = NULL;
    assert_int_equal(tail_new(&t), ST_OK);
    int n = 0;
    while (n < 40 && tail_put(t, "U", 1, value, sizeof value) == ST_OK) {
        n++;
    }
    assert_int_equal(n, TAIL_MAX / sizeof value - 1);
    assert_int_equal(tail_put(t, "U", 1, value, sizeof value), ST_RANGE);
    tail_free(t);
    tail_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_gets_the_newest_of_each_key),
        cmocka_unit_test(more_than_it_may_hold_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
