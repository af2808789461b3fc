/* SPDX-License-Identifier: Apache-2.0
 *
 * test_items.c -- contract tests of models/items.h, in the order of that header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "event.h"
#include "failing_alloc.h"
#include "items.h"
#include "mix.h"

enum { N_DOMAINS = 3 };

static int setup(void **state) {
    struct items *it = NULL;
    assert_int_equal(items_new(N_DOMAINS, &it), ST_OK);
    *state = it;
    return 0;
}

static int teardown(void **state) {
    items_free(*state);
    return 0;
}

/* Interns item number x, whose hash, domain and id are functions of x. */
static uint64_t hash_of(uint32_t x) {
    return mix64(x);
}

static uint8_t domain_of(uint32_t x) {
    return (uint8_t)(mix64(x + 1000000000U) % N_DOMAINS);
}

static size_t id_of(uint32_t x, char id[ID_LEN_MAX + 1]) {
    const size_t len = 1 + (size_t)(mix64(x + 2000000000U) % ID_LEN_MAX);
    memset(id, 'a' + (int)(x % 26), len);
    char digits[16];
    const int n = snprintf(digits, sizeof digits, "%u", x);
    memcpy(id, digits, (size_t)n < len ? (size_t)n : len);
    return len;
}

static uint32_t intern(struct items *it, uint32_t x) {
    char id[ID_LEN_MAX + 1];
    const size_t len = id_of(x, id);
    uint32_t i = ITEM_NONE;
    assert_int_equal(items_intern(it, hash_of(x), domain_of(x), id, len, &i), ST_OK);
    return i;
}

/* Item i is number x and nothing else. */
static void assert_item(const struct items *it, uint32_t i, uint32_t x) {
    char id[ID_LEN_MAX + 1];
    const size_t len = id_of(x, id);
    size_t got = 0;
    const char *s = items_id(it, i, &got);
    assert_int_equal(got, len);
    assert_memory_equal(s, id, len);
    assert_int_equal(s[len], 0);
    assert_true(items_hash(it, i) == hash_of(x));
    assert_int_equal(items_domain(it, i), domain_of(x));
    assert_true(items_hashes(it)[i] == hash_of(x));
    assert_int_equal(items_domains(it)[i], domain_of(x));
    assert_int_equal(items_find(it, hash_of(x)), i);
}

/* ---- items_new, items_free ------------------------------------------------- */

static void a_catalogue_has_1_to_16_domains(void **state) {
    (void)state;
    struct items *it = NULL;
    assert_int_equal(items_new(0, &it), ST_INVALID);
    assert_int_equal(items_new(DOMAINS_MAX + 1, &it), ST_INVALID);
    assert_null(it);
    assert_int_equal(items_new(DOMAINS_MAX, &it), ST_OK);
    assert_int_equal(items_n(it), 0);
    assert_int_equal(items_n_of(it, DOMAINS_MAX - 1), 0);
    items_free(it);
}

static void free_accepts_null(void **state) {
    (void)state;
    items_free(NULL);
}

static void creating_reports_each_failed_allocation(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct items *it = NULL;
    enum status st = ST_NOMEM;
    int failures = 0;
    for (; st; failures++) {
        assert_null(it);
        fail_after(failures);
        st = items_new(1, &it);
        fail_after(-1);
        assert_true(st == ST_OK || st == ST_NOMEM);
    }
    assert_true(failures > 1);
    items_free(it);
}

/* ---- items_find, items_intern ---------------------------------------------- */

static void an_unknown_hash_is_not_found(void **state) {
    struct items *it = *state;
    assert_int_equal(items_find(it, 0), ITEM_NONE);
    intern(it, 1);
    assert_int_equal(items_find(it, 0), ITEM_NONE);
    assert_int_equal(items_find(it, ~hash_of(1)), ITEM_NONE);
}

static void indices_are_dense_in_order_of_first_sight(void **state) {
    struct items *it = *state;
    for (uint32_t x = 0; x < 1000; x++) {
        assert_int_equal(intern(it, 7 * x), x);
        assert_int_equal(intern(it, 7 * (x / 2)), x / 2); /* seen before */
        assert_int_equal(items_n(it), x + 1);
    }
}

static void the_string_of_first_sight_is_kept(void **state) {
    struct items *it = *state;
    uint32_t i = 9;
    assert_int_equal(items_intern(it, 5, 1, "first", 5, &i), ST_OK);
    assert_int_equal(items_intern(it, 5, 1, "second", 6, &i), ST_OK);
    assert_int_equal(i, 0);
    size_t len = 0;
    assert_string_equal(items_id(it, 0, &len), "first");
    assert_int_equal(len, 5);
}

static void ids_are_bytes_of_every_length_from_1_to_255(void **state) {
    struct items *it = *state;
    char id[ID_LEN_MAX];
    for (size_t len = 1; len <= ID_LEN_MAX; len++) {
        for (size_t b = 0; b < len; b++) {
            id[b] = (char)(unsigned char)(len + b); /* a 0 byte inside, too */
        }
        uint32_t i = ITEM_NONE;
        assert_int_equal(items_intern(it, len, 0, id, len, &i), ST_OK);
    }
    for (size_t len = 1; len <= ID_LEN_MAX; len++) {
        size_t got = 0;
        const char *s = items_id(it, (uint32_t)len - 1, &got);
        assert_int_equal(got, len);
        for (size_t b = 0; b < len; b++) {
            assert_int_equal((unsigned char)s[b], (unsigned char)(len + b));
        }
        assert_int_equal(s[len], 0);
    }
}

static void a_bad_argument_changes_nothing(void **state) {
    struct items *it = *state;
    char id[ID_LEN_MAX + 1] = {0};
    uint32_t i = 77;
    assert_int_equal(items_intern(it, 1, N_DOMAINS, "x", 1, &i), ST_INVALID);
    assert_int_equal(items_intern(it, 1, 255, "x", 1, &i), ST_INVALID);
    assert_int_equal(items_intern(it, 1, 0, id, 0, &i), ST_INVALID);
    assert_int_equal(items_intern(it, 1, 0, id, ID_LEN_MAX + 1, &i), ST_INVALID);
    assert_int_equal(i, 77);
    assert_int_equal(items_n(it), 0);
    assert_int_equal(items_find(it, 1), ITEM_NONE);
}

static void a_known_hash_in_another_domain_is_refused(void **state) {
    struct items *it = *state;
    uint32_t i = 77;
    assert_int_equal(items_intern(it, 1, 0, "x", 1, &i), ST_OK);
    i = 77;
    assert_int_equal(items_intern(it, 1, 1, "x", 1, &i), ST_INVALID);
    assert_int_equal(i, 77);
    assert_int_equal(items_n(it), 1);
    assert_int_equal(items_n_of(it, 1), 0);
}

/* Hashes a weak function could make: equal in their low, or in their high bits. */
static void poor_hashes_are_kept_apart(void **state) {
    struct items *it = *state;
    uint64_t hash[3 * 1000 + 2];
    uint32_t n = 0;
    for (uint64_t x = 1; x <= 1000; x++) {
        hash[n++] = x;
        hash[n++] = x << 32;
        hash[n++] = x << 54 | 0x155555U;
    }
    hash[n++] = 0;
    hash[n++] = UINT64_MAX;
    for (uint32_t x = 0; x < n; x++) {
        uint32_t i = ITEM_NONE;
        assert_int_equal(items_intern(it, hash[x], 0, "x", 1, &i), ST_OK);
        assert_int_equal(i, x);
    }
    for (uint32_t x = 0; x < n; x++) {
        assert_int_equal(items_find(it, hash[x]), x);
    }
}

/* Truth: a plain array of "number of item -> index". */
static void a_random_stream_agrees_with_a_plain_map(void **state) {
    struct items *it = *state;
    enum { NUMBERS = 60000, DRAWS = 200000 };
    static uint32_t index[NUMBERS];
    static uint32_t number[NUMBERS];
    uint32_t n = 0;
    uint32_t n_of[N_DOMAINS] = {0};
    struct rng rng = {.state = 20260101};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    memset(index, 0xff, sizeof index);
    for (int e = 0; e < DRAWS; e++) {
        const uint32_t x = rng_below(&rng, 1 + rng_below(&rng, NUMBERS)); /* skewed */
        assert_int_equal(items_find(it, hash_of(x)), index[x]);
        if (index[x] == ITEM_NONE) {
            index[x] = n;
            number[n++] = x;
            n_of[domain_of(x)]++;
        }
        assert_int_equal(intern(it, x), index[x]);
    }
    assert_int_equal(items_n(it), n);
    assert_true(n > 20000);
    uint32_t seen[N_DOMAINS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        assert_item(it, i, number[i]);
        const uint8_t d = domain_of(number[i]);
        assert_int_equal(items_of(it, d, seen[d]++), i);
    }
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        assert_int_equal(items_n_of(it, d), n_of[d]);
    }
}

static void a_failed_allocation_changes_nothing(void **state) {
    if (!CAN_FAIL) {
        skip();
    }
    struct items *it = *state;
    int failures = 0;
    for (uint32_t x = 0; x < 20000; x++) {
        char id[ID_LEN_MAX + 1];
        const size_t len = id_of(x, id);
        enum status st = ST_NOMEM;
        for (int k = 0; st; k++) {
            uint32_t i = 77;
            fail_after(k);
            st = items_intern(it, hash_of(x), domain_of(x), id, len, &i);
            fail_after(-1);
            assert_true(st == ST_OK || (st == ST_NOMEM && i == 77));
            failures += st != ST_OK;
            if (st) {
                assert_int_equal(items_n(it), x);
                assert_int_equal(items_find(it, hash_of(x)), ITEM_NONE);
            }
        }
    }
    assert_true(failures > 40); /* chunks, segments, table, arrays, lists: all met */
    for (uint32_t x = 0; x < 20000; x++) {
        assert_item(it, x, x);
    }
}

/* ---- nameless items ------------------------------------------------------------ */

static uint32_t intern_nameless(struct items *it, uint32_t x) {
    uint32_t i = ITEM_NONE;
    assert_int_equal(items_intern_nameless(it, hash_of(x), domain_of(x), &i), ST_OK);
    return i;
}

static void a_nameless_item_has_everything_but_a_name_until_it_is_interned(void **state) {
    struct items *it = *state;
    uint32_t i = 77;
    size_t len = 9;
    assert_int_equal(items_intern_nameless(it, 5, 1, &i), ST_OK);
    assert_int_equal(i, 0);
    assert_int_equal(items_n(it), 1);
    assert_int_equal(items_n_of(it, 1), 0);
    assert_int_equal(items_find(it, 5), 0);
    assert_true(items_hash(it, 0) == 5 && items_domain(it, 0) == 1);
    assert_false(items_named(it, 0));
    assert_string_equal(items_id(it, 0, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(items_intern_nameless(it, 5, 1, &i), ST_OK); /* known already */
    assert_int_equal(items_n(it), 1);

    assert_int_equal(items_intern(it, 5, 1, "name", 4, &i), ST_OK);
    assert_int_equal(i, 0);
    assert_true(items_named(it, 0));
    assert_string_equal(items_id(it, 0, &len), "name");
    assert_int_equal(len, 4);
    assert_int_equal(items_n(it), 1);
    assert_int_equal(items_n_of(it, 1), 1);
    assert_int_equal(items_of(it, 1, 0), 0);

    assert_int_equal(items_intern_nameless(it, 5, 1, &i), ST_OK); /* a name given once stays */
    assert_int_equal(items_intern(it, 5, 1, "other", 5, &i), ST_OK);
    assert_string_equal(items_id(it, 0, &len), "name");
    assert_int_equal(items_n_of(it, 1), 1);
}

static void an_item_without_a_name_is_refused_where_one_with_it_would_be(void **state) {
    struct items *it = *state;
    uint32_t i = 77;
    assert_int_equal(items_intern_nameless(it, 1, N_DOMAINS, &i), ST_INVALID);
    assert_int_equal(items_intern_nameless(it, 1, 255, &i), ST_INVALID);
    assert_int_equal(items_n(it), 0);
    intern(it, 1);
    const uint8_t other = (uint8_t)((domain_of(1) + 1) % N_DOMAINS);
    assert_int_equal(items_intern_nameless(it, hash_of(1), other, &i), ST_INVALID);
    const uint32_t nameless = intern_nameless(it, 2);
    const uint8_t another = (uint8_t)((domain_of(2) + 1) % N_DOMAINS);
    assert_int_equal(items_intern(it, hash_of(2), another, "x", 1, &i), ST_INVALID);
    assert_int_equal(i, 77);
    assert_false(items_named(it, nameless));
}

static void names_come_in_any_order_and_the_items_of_a_domain_are_those_with_one(void **state) {
    struct items *it = *state;
    enum { NUMBERS = 20000, DRAWS = 60000 };
    static uint32_t index[NUMBERS];
    static uint32_t named[NUMBERS]; /* numbers in the order of naming */
    static bool has_name[NUMBERS];
    uint32_t n = 0;
    uint32_t n_named = 0;
    struct rng rng = {.state = 20260202};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    memset(index, 0xff, sizeof index);
    memset(has_name, 0, sizeof has_name);
    for (int e = 0; e < DRAWS; e++) {
        const uint32_t x = rng_below(&rng, NUMBERS);
        const bool with = rng_below(&rng, 3) == 0;
        const uint32_t i = with ? intern(it, x) : intern_nameless(it, x);
        index[x] = index[x] == ITEM_NONE ? n++ : index[x];
        assert_int_equal(i, index[x]);
        if (with && !has_name[x]) {
            has_name[x] = true;
            named[n_named++] = x;
        }
        assert_int_equal(items_named(it, i), has_name[x]);
    }
    assert_int_equal(items_n(it), n);
    uint32_t seen[N_DOMAINS] = {0};
    for (uint32_t k = 0; k < n_named; k++) {
        const uint8_t d = domain_of(named[k]);
        assert_item(it, index[named[k]], named[k]);
        assert_int_equal(items_of(it, d, seen[d]++), index[named[k]]);
    }
    for (uint8_t d = 0; d < N_DOMAINS; d++) {
        assert_int_equal(items_n_of(it, d), seen[d]);
    }
    size_t len = 9;
    for (uint32_t x = 0; x < NUMBERS; x++) {
        if (index[x] != ITEM_NONE && !has_name[x]) {
            assert_string_equal(items_id(it, index[x], &len), "");
            assert_int_equal(len, 0);
            assert_int_equal(items_find(it, hash_of(x)), index[x]);
        }
    }
}

static void the_items_of_a_domain_can_be_put_into_another_order(void **state) {
    (void)state;
    struct items *it = NULL;
    uint32_t order[3] = {0};
    assert_int_equal(items_new(2, &it), ST_OK);
    for (uint32_t k = 0; k < 4; k++) { /* the second one is of the other domain */
        uint32_t i = 0;
        assert_int_equal(items_intern(it, 100 + k, k == 1, &"abcd"[k], 1, &i), ST_OK);
        assert_int_equal(i, k);
    }
    order[0] = 3;
    order[1] = 0;
    order[2] = 2;
    items_reorder(it, 0, order);
    for (uint32_t k = 0; k < 3; k++) {
        assert_int_equal(items_of(it, 0, k), order[k]);
    }
    assert_int_equal(items_of(it, 1, 0), 1);
    uint32_t i = 0;
    assert_int_equal(items_intern(it, 200, 0, "x", 1, &i), ST_OK);
    assert_int_equal(items_of(it, 0, 3), i); /* the newest is the last */
    items_free(it);
}

static void a_name_that_finds_no_memory_leaves_the_item_nameless(void **state) {
    if (!CAN_FAIL) {
        skip();
    }
    struct items *it = *state;
    int failures = 0;
    for (uint32_t x = 0; x < 3000; x++) {
        uint32_t i = 77;
        enum status st = ST_NOMEM;
        for (int k = 0; st; k++) {
            fail_after(k);
            st = items_intern_nameless(it, hash_of(x), domain_of(x), &i);
            fail_after(-1);
            assert_true(st == ST_OK || (st == ST_NOMEM && i == 77 && items_n(it) == x));
            failures += st != ST_OK;
        }
    }
    for (uint32_t x = 0; x < 3000; x++) {
        char id[ID_LEN_MAX + 1];
        const size_t len = id_of(x, id);
        enum status st = ST_NOMEM;
        for (int k = 0; st; k++) {
            uint32_t i = 77;
            const uint32_t before = items_n_of(it, domain_of(x));
            fail_after(k);
            st = items_intern(it, hash_of(x), domain_of(x), id, len, &i);
            fail_after(-1);
            assert_int_equal(items_named(it, x), st == ST_OK);
            assert_int_equal(items_n_of(it, domain_of(x)), before + (st == ST_OK ? 1 : 0));
            assert_int_equal(i, st ? 77 : x);
            failures += st != ST_OK;
        }
        assert_item(it, x, x);
    }
    assert_true(failures > 20);
}

/* ---- strings and threads ---------------------------------------------------- */

static void a_string_never_moves(void **state) {
    struct items *it = *state;
    enum { EARLY = 3000, ALL = 50000 };
    static const char *early[EARLY];
    size_t len = 0;
    for (uint32_t x = 0; x < EARLY; x++) {
        early[x] = items_id(it, intern(it, x), &len);
    }
    for (uint32_t x = EARLY; x < ALL; x++) {
        intern(it, x);
    }
    for (uint32_t x = 0; x < EARLY; x++) {
        assert_ptr_equal(items_id(it, x, &len), early[x]);
        assert_item(it, x, x);
    }
}

struct handed_over {
    const struct items *it;
    _Atomic uint32_t n;
    _Atomic uint32_t wrong;
};

enum { HANDED = 30000 };

static void *read_ids(void *arg) {
    struct handed_over *h = arg;
    uint32_t next = 0;
    while (next < HANDED) {
        const uint32_t n = atomic_load(&h->n);
        for (; next < n; next++) {
            char id[ID_LEN_MAX + 1];
            const size_t len = id_of(next, id);
            size_t got = 0;
            const char *s = items_id(h->it, next, &got);
            atomic_fetch_add(&h->wrong, got != len || memcmp(s, id, len) != 0);
        }
    }
    return NULL;
}

static void another_thread_reads_ids_while_items_are_made(void **state) {
    struct items *it = *state;
    struct handed_over h = {.it = it};
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_ids, &h), 0);
    for (uint32_t x = 0; x < HANDED; x++) {
        intern(it, x);
        atomic_store(&h.n, x + 1);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(atomic_load(&h.wrong), 0);
}

/* ---- items_bytes ------------------------------------------------------------ */

static void bytes_cover_the_ids_and_stay_in_proportion(void **state) {
    struct items *it = *state;
    size_t ids = 0;
    for (uint32_t x = 0; x < 30000; x++) {
        char id[ID_LEN_MAX + 1];
        ids += id_of(x, id);
        intern(it, x);
    }
    assert_true(items_bytes(it) > ids + 30000 * (8 + 8 + 16));
    assert_true(items_bytes(it) < ids + 30000 * 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_catalogue_has_1_to_16_domains),
        cmocka_unit_test(free_accepts_null),
        cmocka_unit_test(creating_reports_each_failed_allocation),
        cmocka_unit_test_setup_teardown(an_unknown_hash_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(indices_are_dense_in_order_of_first_sight, setup, teardown),
        cmocka_unit_test_setup_teardown(the_string_of_first_sight_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_bytes_of_every_length_from_1_to_255, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_bad_argument_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_known_hash_in_another_domain_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(poor_hashes_are_kept_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_random_stream_agrees_with_a_plain_map, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_allocation_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_nameless_item_has_everything_but_a_name_until_it_is_interned, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_item_without_a_name_is_refused_where_one_with_it_would_be, setup, teardown),
        cmocka_unit_test_setup_teardown(
            names_come_in_any_order_and_the_items_of_a_domain_are_those_with_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_finds_no_memory_leaves_the_item_nameless, setup,
                                        teardown),
        cmocka_unit_test(the_items_of_a_domain_can_be_put_into_another_order),
        cmocka_unit_test_setup_teardown(a_string_never_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(another_thread_reads_ids_while_items_are_made, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bytes_cover_the_ids_and_stay_in_proportion, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
