/* SPDX-License-Identifier: Apache-2.0
 *
 * test_registry_ids.c -- the contract of registry_ids.h, by a clock of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry_ids.h"

enum { GRACE = 30000, START = 1000000 };

struct fixture {
    struct registry_ids *ids;
    int64_t now;
    const char *json;
    size_t len;
    bool work;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->now = START;
    return registry_ids_new(&registry_periods, GRACE, 1, &f->ids) == ST_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    registry_ids_free(f->ids);
    free(f);
    return 0;
}

static enum lookup_state get(struct fixture *f, uint32_t id) {
    return registry_ids_get(f->ids, id, f->now, &f->json, &f->len, &f->work);
}

/* The id that is due now; UINT32_MAX: none. */
static uint32_t next(struct fixture *f) {
    uint32_t id = UINT32_MAX;
    bool first = false;
    return registry_ids_next(f->ids, f->now, &id, &first) ? id : UINT32_MAX;
}

static int64_t due(struct fixture *f) {
    const int64_t at = registry_ids_due(f->ids, f->now);
    return at == INT64_MAX ? -1 : at - f->now;
}

static void known(struct fixture *f, uint32_t id, const char *json) {
    registry_ids_known(f->ids, id, strdup(json));
}

/* Answers 404 until the grace is over, somebody asking all the time. */
static void make_unknown(struct fixture *f, uint32_t id) {
    while (get(f, id) != LOOKUP_UNKNOWN) {
        f->now += next(f) == id ? 0 : 100;
        if (next(f) == id) {
            registry_ids_missing(f->ids, id, f->now);
        }
    }
}

static void a_known_id_is_ready_for_good(void **state) {
    struct fixture *f = *state;
    assert_int_equal(next(f), UINT32_MAX);
    assert_int_equal(due(f), -1);
    assert_int_equal(get(f, 7), LOOKUP_WAITING);
    assert_true(f->work);
    assert_int_equal(due(f), 0);
    assert_int_equal(next(f), 7);
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 1);
    known(f, 7, "\"int\"");
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 0);
    for (int day = 0; day < 1000; day++) {
        f->now += 86400000;
        assert_int_equal(get(f, 7), LOOKUP_READY);
        assert_string_equal(f->json, "\"int\"");
        assert_int_equal(f->len, 5);
        assert_false(f->work);
        assert_int_equal(next(f), UINT32_MAX);
    }
    const char *json = f->json;
    known(f, 7, "\"long\""); /* an id means one schema for ever; the text stays where it is */
    assert_int_equal(get(f, 7), LOOKUP_READY);
    assert_ptr_equal(f->json, json);
    assert_false(registry_ids_missing(f->ids, 7, f->now));
    assert_false(registry_ids_unusable(f->ids, 7, f->now));
    assert_int_equal(get(f, 7), LOOKUP_READY);
}

static void asking_again_makes_no_work(void **state) {
    struct fixture *f = *state;
    get(f, 7);
    for (int i = 0; i < 10; i++) {
        f->now += 10;
        assert_int_equal(get(f, 7), LOOKUP_WAITING);
        assert_false(f->work);
    }
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 1);
}

static void an_id_that_was_never_asked_for_is_a_first(void **state) {
    struct fixture *f = *state;
    uint32_t id = 0;
    bool first = false;
    get(f, 7);
    assert_true(registry_ids_next(f->ids, f->now, &id, &first));
    assert_true(first);
    registry_ids_missing(f->ids, 7, f->now);
    f->now += 2000;
    assert_true(registry_ids_next(f->ids, f->now, &id, &first));
    assert_false(first);
    get(f, 8);
    registry_ids_away(f->ids, 8, f->now);
    known(f, 7, "x");
    assert_true(registry_ids_next(f->ids, f->now, &id, &first));
    assert_int_equal(id, 8);
    assert_false(first);
}

static void a_missing_id_is_asked_for_every_two_seconds_and_unknown_after_the_grace(void **state) {
    struct fixture *f = *state;
    int asked = 0;
    get(f, 7);
    for (; f->now < START + GRACE; f->now += 100) {
        assert_int_equal(get(f, 7), LOOKUP_WAITING);
        if (next(f) == 7) {
            assert_false(registry_ids_missing(f->ids, 7, f->now));
            assert_int_equal(due(f), 2000);
            asked++;
        }
    }
    assert_int_equal(asked, 15);
    assert_int_equal(get(f, 7), LOOKUP_WAITING); /* until the registry has said so again */
    assert_int_equal(next(f), 7);
    assert_true(registry_ids_missing(f->ids, 7, f->now));
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 0);
}

static void the_end_of_a_short_grace_is_not_waited_over(void **state) {
    struct fixture *f = *state;
    registry_ids_free(f->ids);
    assert_int_equal(registry_ids_new(&registry_periods, 500, 1, &f->ids), ST_OK);
    get(f, 7);
    registry_ids_missing(f->ids, 7, f->now);
    assert_int_equal(due(f), 500);
    registry_ids_free(f->ids);
    assert_int_equal(registry_ids_new(&registry_periods, 0, 1, &f->ids), ST_OK);
    get(f, 7);
    assert_true(registry_ids_missing(f->ids, 7, f->now)); /* no grace at all */
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
}

static void an_unknown_id_is_asked_for_once_a_minute_while_somebody_asks(void **state) {
    struct fixture *f = *state;
    make_unknown(f, 7);
    f->now += 59999;
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    assert_false(f->work);
    assert_int_equal(next(f), UINT32_MAX);
    f->now += 1;
    assert_int_equal(next(f), UINT32_MAX); /* nobody has asked since */
    assert_int_equal(due(f), -1);
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    assert_true(f->work);
    get(f, 7);
    assert_false(f->work);
    assert_int_equal(due(f), 0);
    assert_int_equal(next(f), 7);
    assert_false(registry_ids_missing(f->ids, 7, f->now)); /* no news */
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    assert_int_equal(next(f), UINT32_MAX);
    f->now += 60000;
    get(f, 7);
    assert_int_equal(next(f), 7);
    known(f, 7, "x"); /* somebody registered it after all */
    assert_int_equal(get(f, 7), LOOKUP_READY);
}

static void an_unknown_id_stays_unknown_while_nobody_answers(void **state) {
    struct fixture *f = *state;
    make_unknown(f, 7);
    f->now += 60000;
    get(f, 7);
    assert_int_equal(next(f), 7);
    registry_ids_away(f->ids, 7, f->now);
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 0);
    f->now += 10000;
    assert_int_equal(next(f), UINT32_MAX);
}

static void an_unusable_schema_is_unknown_at_once(void **state) {
    struct fixture *f = *state;
    get(f, 7);
    assert_true(registry_ids_unusable(f->ids, 7, f->now));
    assert_int_equal(get(f, 7), LOOKUP_UNKNOWN);
    f->now += 60000;
    get(f, 7);
    assert_false(registry_ids_unusable(f->ids, 7, f->now));
}

static void backoff_doubles_from_100_ms_to_5_s_less_at_most_a_fifth(void **state) {
    struct fixture *f = *state;
    static const int64_t full[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    bool varies = false;
    get(f, 7);
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
        get(f, 7);
        assert_int_equal(next(f), 7);
        registry_ids_away(f->ids, 7, f->now);
        const int64_t wait = due(f);
        assert_in_range(wait, full[i] - full[i] / 5, full[i]);
        varies = varies || wait != full[i];
        f->now += wait - 1;
        assert_int_equal(next(f), UINT32_MAX);
        f->now += 1;
    }
    assert_true(varies);
    assert_int_equal(next(f), 7);
    registry_ids_missing(f->ids, 7, f->now); /* any answer ends it */
    get(f, 8);
    assert_int_equal(next(f), 8);
    registry_ids_away(f->ids, 8, f->now);
    assert_in_range(due(f), 80, 100);
}

static void after_a_failure_the_others_come_first(void **state) {
    struct fixture *f = *state;
    for (uint32_t id = 1; id <= 3; id++) {
        get(f, id);
        f->now++;
    }
    for (uint32_t round = 0; round < 9; round++) {
        assert_int_equal(next(f), 1 + round % 3);
        registry_ids_away(f->ids, 1 + round % 3, f->now);
        f->now += 5000;
        for (uint32_t id = 1; id <= 3; id++) {
            get(f, id);
        }
    }
}

static void an_id_that_nobody_asks_for_is_given_up(void **state) {
    struct fixture *f = *state;
    get(f, 7);
    registry_ids_away(f->ids, 7, f->now);
    get(f, 8);
    registry_ids_missing(f->ids, 8, f->now);
    f->now += 60000;
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 2);
    f->now += 1;
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 0);
    assert_int_equal(due(f), -1);
    get(f, 8); /* again in time, before anybody was woken */
    assert_true(f->work);
    assert_int_equal(registry_ids_waiting(f->ids, f->now), 1);
    assert_int_equal(next(f), 8); /* 7 is forgotten now */
    uint32_t id = 0;
    bool first = false;
    known(f, 8, "x");
    get(f, 7);
    assert_true(f->work);
    assert_true(registry_ids_next(f->ids, f->now, &id, &first));
    assert_int_equal(id, 7);
    assert_true(first);
}

static void what_comes_for_a_forgotten_id_is_dropped(void **state) {
    struct fixture *f = *state;
    known(f, 7, "x"); /* the sanitizer sees a leak */
    assert_false(registry_ids_missing(f->ids, 7, f->now));
    assert_false(registry_ids_unusable(f->ids, 7, f->now));
    registry_ids_away(f->ids, 7, f->now);
    assert_int_equal(get(f, 7), LOOKUP_WAITING);
    assert_true(f->work);
}

static void any_number_of_garbage_ids_takes_a_bounded_place(void **state) {
    struct fixture *f = *state;
    get(f, 3000000000U);
    known(f, 3000000000U, "kept");
    for (uint32_t i = 1; i < REGISTRY_IDS_MAX; i++) {
        f->now++;
        get(f, i * 7919U);
        registry_ids_unusable(f->ids, i * 7919U, f->now);
        assert_int_equal(get(f, i * 7919U), LOOKUP_UNKNOWN);
    }
    f->now++;
    get(f, 5); /* takes the place of the one that was wanted first */
    assert_true(f->work);
    assert_false(registry_ids_full(f->ids));
    assert_int_equal(get(f, 2 * 7919U), LOOKUP_UNKNOWN);
    assert_int_equal(get(f, 3000000000U), LOOKUP_READY);
    get(f, 7919U);
    assert_true(f->work); /* it was forgotten */
}

static void a_table_full_of_schemas_is_said_and_loses_none(void **state) {
    struct fixture *f = *state;
    for (uint32_t i = 0; i < REGISTRY_IDS_MAX; i++) {
        get(f, i);
        known(f, i, "x");
    }
    assert_false(registry_ids_full(f->ids));
    assert_int_equal(get(f, REGISTRY_IDS_MAX), LOOKUP_WAITING);
    assert_false(f->work);
    assert_true(registry_ids_full(f->ids));
    assert_int_equal(get(f, 0), LOOKUP_READY);
    assert_int_equal(get(f, REGISTRY_IDS_MAX - 1), LOOKUP_READY);
}

static void a_full_table_has_room_again_when_an_id_is_given_up(void **state) {
    struct fixture *f = *state;
    for (uint32_t i = 0; i < REGISTRY_IDS_MAX - 1; i++) {
        get(f, i);
        known(f, i, "x");
    }
    get(f, 1000000);
    get(f, 2000000);
    assert_true(registry_ids_full(f->ids));
    f->now += 60001;
    assert_int_equal(next(f), UINT32_MAX); /* forgets 1000000 */
    get(f, 2000000);
    assert_true(f->work);
    assert_false(registry_ids_full(f->ids));
    assert_int_equal(next(f), 2000000);
}

/* Random askers and a random server over random ids, beside a naive memory of what was answered. */
static void whatever_happens_the_invariants_hold(void **state) {
    struct fixture *f = *state;
    enum { IDS = 12, STEPS = 200000 };
    bool ready[IDS] = {false};
    int64_t asked_ms[IDS] = {0};
    uint64_t x = 88172645463325252U;
    print_message("seed %llu\n", (unsigned long long)x);
    for (int step = 0; step < STEPS; step++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        const uint32_t id = (uint32_t)(x >> 8) % IDS;
        f->now += (int64_t)(x >> 20) % (x % 97 == 0 ? 90000 : 700);
        const uint32_t wanted = next(f);
        if (x % 3 == 0) {
            assert_true((get(f, id) == LOOKUP_READY) == ready[id]);
            asked_ms[id] = f->now;
        } else if (wanted != UINT32_MAX) {
            assert_true(wanted < IDS && !ready[wanted]);
            assert_true(f->now - asked_ms[wanted] <= 60000 || get(f, wanted) == LOOKUP_UNKNOWN);
            const uint64_t answer = (x >> 40) % 100;
            if (answer == 0) {
                known(f, wanted, "x");
                ready[wanted] = true;
            } else if (answer < 50) {
                registry_ids_missing(f->ids, wanted, f->now);
            } else if (answer < 52) {
                registry_ids_unusable(f->ids, wanted, f->now);
            } else {
                registry_ids_away(f->ids, wanted, f->now);
            }
            assert_int_not_equal(next(f), wanted); /* never twice in one moment */
        }
        if (registry_ids_waiting(f->ids, f->now) > 0) {
            assert_true(registry_ids_due(f->ids, f->now) <= f->now + 5000); /* never forgotten */
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_known_id_is_ready_for_good),
        TEST(asking_again_makes_no_work),
        TEST(an_id_that_was_never_asked_for_is_a_first),
        TEST(a_missing_id_is_asked_for_every_two_seconds_and_unknown_after_the_grace),
        TEST(the_end_of_a_short_grace_is_not_waited_over),
        TEST(an_unknown_id_is_asked_for_once_a_minute_while_somebody_asks),
        TEST(an_unknown_id_stays_unknown_while_nobody_answers),
        TEST(an_unusable_schema_is_unknown_at_once),
        TEST(backoff_doubles_from_100_ms_to_5_s_less_at_most_a_fifth),
        TEST(after_a_failure_the_others_come_first),
        TEST(an_id_that_nobody_asks_for_is_given_up),
        TEST(what_comes_for_a_forgotten_id_is_dropped),
        TEST(any_number_of_garbage_ids_takes_a_bounded_place),
        TEST(whatever_happens_the_invariants_hold),
        TEST(a_table_full_of_schemas_is_said_and_loses_none),
        TEST(a_full_table_has_room_again_when_an_id_is_given_up),
    };
    return cmocka_run_group_tests_name("registry_ids", tests, NULL, NULL);
}
