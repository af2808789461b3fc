/* SPDX-License-Identifier: Apache-2.0
 *
 * test_people.c -- the contract of people.h.
 *
 * The independent truth keeps every statement and reads them all for every answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "failing_alloc.h"
#include "mix.h"
#include "people.h"

enum { USERS = 24, STATEMENTS = 4000 };

static struct people *new_people(void) {
    struct people *p = NULL;
    assert_int_equal(people_new(&p), ST_OK);
    return p;
}

static void profile(struct people *p, uint64_t user, int64_t ts_ms, enum consent consent,
                    uint8_t age_band, const char *country) {
    struct decoded_profile d = {.ts_ms = ts_ms, .consent = consent, .age_band = age_band};
    memcpy(d.country, country, 2);
    assert_int_equal(people_profile(p, user, &d), ST_OK);
}

static void ask(struct people *p, uint64_t user, int64_t ts_ms, enum privacy_request what) {
    const struct decoded_privacy d = {.ts_ms = ts_ms, .request = what};
    assert_int_equal(people_request(p, user, &d), ST_OK);
}

static void assert_bands(const struct people *p, uint64_t user, uint8_t age, const char *country) {
    const struct person who = people_get(p, user);
    assert_int_equal(who.age_band, age);
    assert_memory_equal(who.country, country, 2);
}

static void of_whom_nothing_is_known_everything_may_be_learned_and_shown(void **state) {
    (void)state;
    struct people *p = new_people();
    const struct person nobody = {0};
    for (uint64_t user = 0; user < 1000; user++) {
        const struct person who = people_get(p, user);
        assert_memory_equal(&who, &nobody, sizeof who);
        assert_true(people_may_learn(p, user, 1) && people_may_show(p, user));
    }
    assert_int_equal(people_n(p), 0);
    people_free(p);
    people_free(NULL);
}

static void the_newest_profile_by_its_time_counts_and_of_equal_ones_the_later(void **state) {
    (void)state;
    struct people *p = new_people();
    profile(p, 1, 2000, CONSENT_GIVEN, 2, "AT");
    profile(p, 1, 1999, CONSENT_WITHDRAWN, 3, "DE");
    assert_bands(p, 1, 2, "AT");
    assert_int_equal(people_get(p, 1).consent, CONSENT_GIVEN);
    profile(p, 1, 2000, CONSENT_UNKNOWN, 4, "CH");
    assert_bands(p, 1, 4, "CH");
    assert_int_equal(people_get(p, 1).consent, CONSENT_UNKNOWN);
    profile(p, 1, 2001, CONSENT_GIVEN, 255, "\xff\xfe");
    assert_bands(p, 1, 255, "\xff\xfe");
    assert_int_equal(people_n(p), 1);
    people_free(p);
}

static void without_a_time_the_later_profile_counts(void **state) {
    (void)state;
    struct people *p = new_people();
    profile(p, 1, 2000, CONSENT_GIVEN, 2, "AT");
    profile(p, 1, 0, CONSENT_GIVEN, 3, "DE");
    assert_bands(p, 1, 3, "DE");
    profile(p, 1, 0, CONSENT_GIVEN, 4, "CH");
    assert_bands(p, 1, 4, "CH");
    profile(p, 1, 5, CONSENT_GIVEN, 5, "IT");
    assert_bands(p, 1, 5, "IT");
    people_free(p);
}

static void a_withdrawal_ends_learning_and_showing_until_consent_is_given(void **state) {
    (void)state;
    struct people *p = new_people();
    profile(p, 7, 100, CONSENT_WITHDRAWN, 0, "\0\0");
    assert_false(people_may_learn(p, 7, 50) || people_may_learn(p, 7, 500));
    assert_false(people_may_show(p, 7));
    assert_true(people_may_learn(p, 8, 500) && people_may_show(p, 8));
    profile(p, 7, 101, CONSENT_GIVEN, 0, "\0\0");
    assert_true(people_may_learn(p, 7, 50) && people_may_show(p, 7));
    people_free(p);
}

static void a_stop_ends_learning_and_showing_until_it_is_resumed(void **state) {
    (void)state;
    struct people *p = new_people();
    ask(p, 7, 100, PRIVACY_STOP);
    assert_true(people_get(p, 7).stopped);
    assert_false(people_may_learn(p, 7, 500) || people_may_show(p, 7));
    ask(p, 7, 99, PRIVACY_RESUME); /* before the stop */
    assert_true(people_get(p, 7).stopped);
    ask(p, 7, 100, PRIVACY_RESUME);
    assert_false(people_get(p, 7).stopped);
    assert_true(people_may_learn(p, 7, 500) && people_may_show(p, 7));
    ask(p, 7, 0, PRIVACY_STOP);
    assert_true(people_get(p, 7).stopped);
    people_free(p);
}

static void nothing_up_to_an_erasure_is_learned_again(void **state) {
    (void)state;
    struct people *p = new_people();
    ask(p, 7, 1000, PRIVACY_ERASE);
    assert_false(people_may_learn(p, 7, 999) || people_may_learn(p, 7, 1000));
    assert_true(people_may_learn(p, 7, 1001));
    assert_true(people_may_show(p, 7));
    ask(p, 7, 500, PRIVACY_ERASE); /* an older one takes nothing back */
    assert_int_equal(people_get(p, 7).erased_ms, 1000);
    ask(p, 7, 2000, PRIVACY_ERASE);
    assert_false(people_may_learn(p, 7, 2000));
    people_free(p);
}

static void
an_erasure_takes_the_bands_told_until_then_in_any_order_but_no_withdrawal(void **state) {
    (void)state;
    struct people *p = new_people();
    profile(p, 7, 900, CONSENT_WITHDRAWN, 3, "AT");
    ask(p, 7, 1000, PRIVACY_ERASE);
    assert_bands(p, 7, 0, "\0\0");
    assert_int_equal(people_get(p, 7).consent, CONSENT_WITHDRAWN);
    profile(p, 7, 1000, CONSENT_WITHDRAWN, 3, "AT");
    assert_bands(p, 7, 0, "\0\0");
    profile(p, 7, 0, CONSENT_GIVEN, 3, "AT");
    assert_bands(p, 7, 0, "\0\0");
    assert_true(people_may_show(p, 7));
    profile(p, 7, 1001, CONSENT_GIVEN, 3, "AT");
    assert_bands(p, 7, 3, "AT");
    ask(p, 7, 1000, PRIVACY_ERASE);
    assert_bands(p, 7, 3, "AT");
    people_free(p);
}

static void times_of_any_size_are_ordered_as_far_as_the_years_1970_to_6429_go(void **state) {
    (void)state;
    struct people *p = new_people();
    profile(p, 1, INT64_MIN, CONSENT_GIVEN, 1, "AT");
    profile(p, 1, INT64_C(4102444800000), CONSENT_GIVEN, 2, "AT");
    profile(p, 1, -5, CONSENT_GIVEN, 3, "AT");
    assert_bands(p, 1, 2, "AT");
    profile(p, 1, INT64_C(1) << 48, CONSENT_GIVEN, 4, "AT");
    profile(p, 1, INT64_C(4102444800001), CONSENT_GIVEN, 5, "AT");
    assert_bands(p, 1, 4, "AT");
    ask(p, 1, -1, PRIVACY_STOP);
    ask(p, 1, INT64_C(1) << 48, PRIVACY_STOP);
    ask(p, 1, 3, PRIVACY_RESUME);
    assert_true(people_get(p, 1).stopped);
    assert_bands(p, 1, 4, "AT");
    assert_int_equal(people_get(p, 1).consent, CONSENT_GIVEN);
    people_free(p);
}

/* ---- the naive one ----------------------------------------------------------------------- */

struct statement {
    uint64_t user;
    bool is_profile;
    struct decoded_profile profile;
    struct decoded_privacy request;
};

struct answer {
    struct person who;
    int64_t profile_ms;
};

static struct answer naive_get(const struct statement *s, size_t n, uint64_t user) {
    struct answer a = {0};
    int64_t asked_ms = 0;
    for (size_t i = 0; i < n; i++) {
        const struct decoded_profile *d = &s[i].profile;
        const struct decoded_privacy *r = &s[i].request;
        if (s[i].user != user) {
            continue;
        }
        if (s[i].is_profile) {
            if (!d->ts_ms || !a.profile_ms || d->ts_ms >= a.profile_ms) {
                a.profile_ms = d->ts_ms;
                a.who.consent = (uint8_t)d->consent;
                a.who.age_band = d->age_band;
                memcpy(a.who.country, d->country, 2);
            }
        } else if (r->request == PRIVACY_ERASE) {
            a.who.erased_ms = r->ts_ms > a.who.erased_ms ? r->ts_ms : a.who.erased_ms;
        } else if (!r->ts_ms || !asked_ms || r->ts_ms >= asked_ms) {
            asked_ms = r->ts_ms;
            a.who.stopped = r->request == PRIVACY_STOP;
        }
    }
    return a;
}

/* Whether an untimed profile was told before or after an erasure cannot be known; and of those
 * with a time the erased ones have no bands. */
static void naive_erase(struct answer *a) {
    if (a->who.erased_ms && a->profile_ms <= a->who.erased_ms) {
        a->who.age_band = 0;
        memset(a->who.country, 0, 2);
    }
}

static struct statement random_statement(uint64_t *r) {
    *r = mix64(*r);
    struct statement s = {.user = (*r & 15) % USERS << 32 | (*r >> 4 & 3)}; /* long chains */
    const int64_t ts_ms = (int64_t)(*r >> 8 & 15);
    s.is_profile = *r >> 12 & 1;
    s.profile.ts_ms = ts_ms;
    s.profile.consent = (enum consent)(*r >> 16 & 255) % 3;
    s.profile.age_band = (uint8_t)(*r >> 24);
    s.profile.country[0] = (char)('A' + (*r >> 32) % 26);
    s.profile.country[1] = (char)('A' + (*r >> 40) % 26);
    s.request.ts_ms = ts_ms;
    s.request.request = (enum privacy_request)((*r >> 48 & 255) % 3);
    return s;
}

static void take(struct people *p, const struct statement *s) {
    assert_int_equal(s->is_profile ? people_profile(p, s->user, &s->profile)
                                   : people_request(p, s->user, &s->request),
                     ST_OK);
}

static void assert_answers(const struct people *p, uint64_t user, struct answer a) {
    const struct person who = people_get(p, user);
    naive_erase(&a);
    assert_int_equal(who.erased_ms, a.who.erased_ms);
    assert_int_equal(who.consent, a.who.consent);
    assert_int_equal(who.stopped, a.who.stopped);
    assert_bands(p, user, a.who.age_band, a.who.country);
    const bool may = who.consent != CONSENT_WITHDRAWN && !who.stopped;
    for (int64_t ts_ms = 1; ts_ms < 18; ts_ms++) {
        assert_int_equal(people_may_learn(p, user, ts_ms), may && ts_ms > a.who.erased_ms);
    }
    assert_int_equal(people_may_show(p, user), may);
}

static void random_statements_are_answered_as_by_reading_all_of_them(void **state) {
    (void)state;
    static struct statement all[STATEMENTS];
    const uint64_t seed = (uint64_t)time(NULL);
    uint64_t r = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int run = 0; run < 10; run++) {
        struct people *p = new_people();
        const size_t n = 50 + mix64(r) % 350;
        for (size_t i = 0; i < n; i++) {
            all[i] = random_statement(&r);
            take(p, &all[i]);
            assert_answers(p, all[i].user, naive_get(all, i + 1, all[i].user));
        }
        for (size_t i = 0; i < n; i++) {
            assert_answers(p, all[i].user, naive_get(all, n, all[i].user));
        }
        people_free(p);
    }
}

static void many_users_are_kept_apart(void **state) {
    (void)state;
    struct people *p = new_people();
    for (uint64_t user = 0; user < 100000; user++) {
        profile(p, mix64(user), (int64_t)user + 1, CONSENT_GIVEN, (uint8_t)user, "AT");
        ask(p, mix64(user), (int64_t)user + 1, PRIVACY_STOP);
    }
    assert_int_equal(people_n(p), 100000);
    for (uint64_t user = 0; user < 100000; user++) {
        assert_bands(p, mix64(user), (uint8_t)user, "AT");
        assert_true(people_get(p, mix64(user)).stopped);
        assert_false(people_get(p, mix64(user + 100000)).stopped);
    }
    people_free(p);
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct people *p = NULL;
    for (int n = 0; n < 2; n++) {
        fail_after(n);
        const enum status st = people_new(&p);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(p);
    }
    p = new_people();
    uint64_t user = 0;
    enum status st = ST_OK;
    const struct decoded_profile told = {.ts_ms = 1, .consent = CONSENT_GIVEN};
    const struct decoded_privacy stop = {.ts_ms = 1, .request = PRIVACY_STOP};
    fail_after(0);
    while (!st) {
        st = people_profile(p, user++, &told);
    }
    const enum status again = people_request(p, user - 1, &stop);
    const enum status known = people_request(p, user - 2, &stop);
    fail_after(-1);
    assert_int_equal(st, ST_NOMEM);
    assert_int_equal(again, ST_NOMEM);
    assert_int_equal(known, ST_OK);
    assert_int_equal(people_n(p), user - 1);
    assert_int_equal(people_get(p, user - 1).consent, CONSENT_UNKNOWN);
    assert_int_equal(people_get(p, 0).consent, CONSENT_GIVEN);
    profile(p, user - 1, 1, CONSENT_GIVEN, 1, "AT");
    assert_int_equal(people_n(p), user);
    people_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_whom_nothing_is_known_everything_may_be_learned_and_shown),
        cmocka_unit_test(the_newest_profile_by_its_time_counts_and_of_equal_ones_the_later),
        cmocka_unit_test(without_a_time_the_later_profile_counts),
        cmocka_unit_test(a_withdrawal_ends_learning_and_showing_until_consent_is_given),
        cmocka_unit_test(a_stop_ends_learning_and_showing_until_it_is_resumed),
        cmocka_unit_test(nothing_up_to_an_erasure_is_learned_again),
        cmocka_unit_test(an_erasure_takes_the_bands_told_until_then_in_any_order_but_no_withdrawal),
        cmocka_unit_test(times_of_any_size_are_ordered_as_far_as_the_years_1970_to_6429_go),
        cmocka_unit_test(random_statements_are_answered_as_by_reading_all_of_them),
        cmocka_unit_test(many_users_are_kept_apart),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
