/* SPDX-License-Identifier: Apache-2.0
 *
 * test_recent.c -- the contract of consumer/recent.h, against a list of all ids that were seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mix.h"
#include "recent.h"

enum { BACK = 1000, IDS = 100000 };

static void an_id_that_comes_again_is_known_and_a_new_one_never(void **state) {
    (void)state;
    static uint64_t ids[IDS];
    struct recent *r = NULL;
    struct rng rng = {11};
    int forgotten = 0;
    int again = 0;
    assert_int_equal(recent_new(&r), ST_OK);
    for (uint32_t n = 0; n < IDS; n++) {
        ids[n] = mix64(n + 1);
        assert_false(recent_seen(r, ids[n]));
        const uint32_t back = rng_below(&rng, BACK);
        if (back <= n) {
            again++;
            forgotten += !recent_seen(r, ids[n - back]);
        }
    }
    /* about 1/2 of 1.5 %: what came last took places of what came before */
    assert_true(forgotten < again / 50);
    recent_free(r);
}

static void zero_is_an_id_like_any_other(void **state) {
    (void)state;
    struct recent *r = NULL;
    assert_int_equal(recent_new(&r), ST_OK);
    assert_false(recent_seen(r, 0));
    assert_true(recent_seen(r, 0));
    assert_false(recent_seen(r, RECENT_IDS)); /* the same place */
    assert_true(recent_seen(r, 0));
    recent_free(r);
    recent_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_comes_again_is_known_and_a_new_one_never),
        cmocka_unit_test(zero_is_an_id_like_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
