/* SPDX-License-Identifier: Apache-2.0
 *
 * test_user_record_refused.c -- contract tests of user_record_read(): a record written by hand
 * after user_record_layout.h is read; with one value that no user has it is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "user.h"
#include "user_record.h"

#define START (INT64_C(20000) * 86400000)

/* ---- a record by hand ----------------------------------------------------------------- */

/* A record written by hand after user_record_layout.h: a user with one line in a set, one in a
 * table. Both sets exist where a test asks for them only. */
struct draft {
    uint32_t n_domains; /* all alike */
    uint64_t flags, n, since, minute_n, typical_days, n_items, n_categories, category_room;
    int64_t last, segment, pending, minute, typical_day;
    float mpop, mage;
    double sum, rate, money;
    uint8_t item_domain;
    uint64_t category;
    uint64_t domain_flags, domain_n, domain_back;
    uint64_t exact_n, exact_room, exact[2];
    uint64_t filter_n, filter_words, halves, filter_given;
    uint64_t table_n, table_room, taken[2], count, taken_back, taken_span;
    float v;
    uint64_t v_back;
    uint64_t past_n, past_room, past, what, past_back;
    uint64_t ids_n, ids_room;
    int64_t social_last;
    uint64_t social_taken;
    float social_sum;
};

static const struct draft good = {.n_domains = 1,
                                  .flags = 3,
                                  .n = 2,
                                  .last = START,
                                  .since = 1000,
                                  .minute_n = 1,
                                  .minute = 5,
                                  .typical_days = 2,
                                  .typical_day = 20000,
                                  .n_items = 3,
                                  .n_categories = 2,
                                  .category = 9,
                                  .sum = 2.0,
                                  .rate = 2.0,
                                  .money = 3.0,
                                  .domain_flags = 1 | 2 | 8 | 32,
                                  .domain_n = 2,
                                  .exact_n = 2,
                                  .exact = {1, 0},
                                  .filter_n = 3,
                                  .filter_words = 8,
                                  .filter_given = 8,
                                  .halves = 2,
                                  .table_n = 2,
                                  .taken = {2, 0},
                                  .count = 1,
                                  .taken_back = 500,
                                  .taken_span = 500,
                                  .v = 1.5F,
                                  .v_back = 1000,
                                  .past_n = 2,
                                  .past = 2,
                                  .what = ACTION_ORDER << 4,
                                  .past_back = 500,
                                  .ids_n = 1,
                                  .ids_room = 1,
                                  .social_last = -7,
                                  .social_taken = 0x8001,
                                  .social_sum = 0.5F};

static void pack_front(struct pack *p, const struct draft *d) {
    pack_u8(p, 1);
    pack_uint(p, d->flags);
    pack_uint(p, d->n_domains);
    pack_text(p, "u", 1);
    pack_uint(p, 0);
    pack_uint(p, d->n);
    pack_int(p, d->last);
    pack_uint(p, d->since);
    pack_float(p, d->mpop);
    pack_float(p, d->mage);
    pack_int(p, d->segment);
    pack_int(p, d->pending);
    pack_uint(p, d->minute_n);
    pack_int(p, d->minute);
    pack_uint(p, d->typical_days);
    pack_int(p, d->typical_day);
    pack_double(p, d->sum);
    pack_uint(p, d->n_items);
    for (uint64_t k = 0; k < d->n_items; k++) {
        pack_u64(p, 400 + k);
        pack_u8(p, d->item_domain);
    }
    pack_uint(p, d->n_categories);
    pack_uint(p, d->category_room);
    for (uint64_t k = 0; k < d->n_categories; k++) {
        pack_u64(p, d->category * (k + 1));
    }
}

static void pack_domain(struct pack *p, const struct draft *d) {
    pack_uint(p, d->domain_flags);
    if (d->domain_flags & 1) {
        pack_uint(p, d->domain_n);
        pack_uint(p, d->domain_back);
        pack_double(p, d->rate);
        pack_u32(p, 1);
        pack_u32(p, 2);
    }
    if (d->domain_flags & 2) {
        pack_double(p, d->money);
    }
    if (d->domain_flags & 8) {
        pack_uint(p, d->exact_n);
        pack_uint(p, d->exact_room);
        for (uint64_t k = 0; k < d->exact_n; k++) {
            pack_uint(p, k < 2 ? d->exact[k] : 2);
        }
    }
    if (d->domain_flags & 16) {
        pack_uint(p, d->filter_n);
        pack_uint(p, d->filter_words);
        pack_uint(p, d->halves);
        for (uint64_t k = 0; k < d->filter_given; k++) {
            pack_u32(p, UINT32_MAX);
        }
    }
    if (d->domain_flags & 32) {
        pack_uint(p, d->table_n);
        pack_uint(p, d->table_room);
        for (uint64_t k = 0; k < d->table_n; k++) {
            pack_uint(p, d->taken[k % 2]);
            pack_uint(p, d->count);
            pack_uint(p, d->taken_back);
            pack_uint(p, d->taken_span);
        }
    }
}

static struct pack pack_draft(const struct draft *d) {
    struct pack p = {0};
    pack_front(&p, d);
    for (uint32_t k = 0; k < d->n_domains; k++) {
        pack_domain(&p, d);
    }
    for (uint64_t k = 0; k < d->n_categories; k++) {
        pack_float(&p, d->v);
        pack_uint(&p, d->v_back);
    }
    pack_uint(&p, d->past_n);
    pack_uint(&p, d->past_room);
    for (uint64_t k = 0; k < d->past_n; k++) {
        pack_uint(&p, d->past);
        pack_uint(&p, d->what);
        pack_uint(&p, d->past_back);
    }
    pack_uint(&p, d->ids_n);
    pack_uint(&p, d->ids_room);
    for (uint64_t k = 0; k < d->ids_n; k++) {
        pack_u64(&p, k);
    }
    pack_int(&p, d->social_last);
    pack_uint(&p, d->social_taken);
    for (uint64_t k = d->social_taken; k > 0; k &= k - 1) {
        pack_u32(&p, 3);
        pack_float(&p, d->social_sum);
    }
    assert_false(p.failed);
    return p;
}

static enum status read_draft(const struct draft *d, struct user **u) {
    struct user_words words = {0};
    assert_int_equal(items_new(d->n_domains, &words.items), ST_OK);
    assert_int_equal(content_new(&words.content), ST_OK);
    struct pack bytes = pack_draft(d);
    uint64_t voted = 77;
    const enum status st =
        user_record_read(bytes.bytes, bytes.len, d->n_domains, &words, u, &voted);
    assert_int_equal(st == ST_OK, voted == 0);
    assert_int_equal(st == ST_OK, *u != NULL);
    free(bytes.bytes);
    items_free(words.items);
    content_free(words.content);
    return st;
}

/* The good draft with one value set is accepted; is refused. */
#define CHECK(field, value, want)                                                                  \
    do {                                                                                           \
        struct draft draft = base;                                                                 \
        struct user *reader = NULL;                                                                \
        draft.field = (value);                                                                     \
        const enum status got = read_draft(&draft, &reader);                                       \
        user_free(reader);                                                                         \
        if (got != (want)) {                                                                       \
            fail_msg("line %d: %s = %s: %s", __LINE__, #field, #value, status_str(got));           \
        }                                                                                          \
    } while (0)
#define ACCEPT(field, value) CHECK(field, value, ST_OK)
#define REFUSE(field, value) CHECK(field, value, ST_INVALID)

static void a_draft_by_hand_is_the_user_it_says(void **state) {
    (void)state;
    struct user *u = NULL;
    assert_int_equal(read_draft(&good, &u), ST_OK);
    assert_int_equal(user_n(u), 2);
    assert_true(user_first_ms(u) == START - 1000 && user_last_ms(u) == START);
    assert_true(user_has_context(u));
    assert_int_equal(user_segment(u), 0);
    assert_true(user_rate(u, 0, START) == 2.0 && user_money(u, 0, START) == 3.0);
    assert_true(user_interests_sum(u, START) == 2.0F);
    struct user_entry e[3];
    assert_int_equal(user_history(u, INT64_MAX, e, 3), 2);
    assert_true(e[0].ts_ms == START - 500 && e[1].ts_ms == START - 1000);
    assert_int_equal(e[0].action, ACTION_ORDER);
    struct user_repeat r[3];
    assert_int_equal(user_repeats(u, 0, r, 3), 2);
    assert_true(r[0].last_ms == START - 500 && r[0].first_ms == START - 1000);
    assert_true(user_knows_event(u, 0) && !user_knows_event(u, 1));
    assert_true(user_social(u, -7) == 1.0F);
    user_free(u);
}

/* ---- values that no user has -------------------------------------------------------- */

static void numbers_that_no_user_has_are_refused(void **state) {
    (void)state;
    const struct draft base = good;
    REFUSE(flags, 4 + 3);
    REFUSE(n, 1);
    REFUSE(n, 3);
    REFUSE(n, 0);
    REFUSE(n, UINT64_C(1) << 32);
    REFUSE(n, UINT32_MAX); /* as many, but not of all domains together */
    ACCEPT(last, (INT64_C(1) << 47) - 1);
    REFUSE(last, INT64_C(1) << 47);
    REFUSE(last, INT64_MIN);
    ACCEPT(since, (uint64_t)(START + (INT64_C(1) << 47)));
    REFUSE(since, (uint64_t)(START + (INT64_C(1) << 47)) + 1);
    REFUSE(since, 999); /* other times are before the first then */
    REFUSE(mpop, NAN);
    REFUSE(mage, INFINITY);
    ACCEPT(segment, -1);
    ACCEPT(segment, 15);
    REFUSE(segment, 16);
    REFUSE(segment, -2);
    REFUSE(pending, 16);
    REFUSE(pending, INT64_MIN);
    ACCEPT(minute_n, 65535);
    REFUSE(minute_n, 65536);
    REFUSE(minute, INT64_MIN);
    ACCEPT(typical_days, 255);
    REFUSE(typical_days, 256);
    REFUSE(typical_day, INT64_C(1) << 31);
    REFUSE(sum, -1.0);
    REFUSE(sum, (double)NAN);
    REFUSE(rate, -1.0);
    REFUSE(rate, (double)INFINITY);
    REFUSE(money, (double)NAN);
    REFUSE(item_domain, 1);
    REFUSE(category, 0);
    REFUSE(n_categories, 129);
    REFUSE(n_categories, 50000);
    ACCEPT(n_categories, 128);
    ACCEPT(category_room, 126);
    REFUSE(category_room, 127);
    REFUSE(category_room, UINT64_MAX);
    REFUSE(v, 0.99F);
    REFUSE(v, NAN);
    REFUSE(v, INFINITY);
    REFUSE(v_back, 1001);
    ACCEPT(social_last, -(INT64_C(1) << 47));
    REFUSE(social_last, INT64_MAX);
    REFUSE(social_taken, 0x10000);
    ACCEPT(social_taken, 0);
    REFUSE(social_sum, 0.0F);
    REFUSE(social_sum, -1.0F);
    REFUSE(social_sum, NAN);
}

static void areas_that_no_user_has_are_refused(void **state) {
    (void)state;
    const struct draft base = good;
    REFUSE(n_items, 2); /* place 2 is named */
    REFUSE(n_items, 0);
    ACCEPT(n_items, USER_BYTES_MAX / 4); /* as many as a block could name */
    REFUSE(n_items, USER_BYTES_MAX / 4 + 1);
    REFUSE(n_items, 50000);
    REFUSE(exact[0], 3);
    REFUSE(exact[0], UINT64_MAX);
    REFUSE(exact[0], 0); /* twice the same */
    REFUSE(exact_n, 0);
    ACCEPT(exact_room, 510);
    REFUSE(exact_room, 1); /* entries come in pairs: what is behind has to stay aligned */
    REFUSE(exact_room, 512);
    REFUSE(exact_room, UINT64_MAX - 1);
    REFUSE(taken[0], 0);
    REFUSE(taken[0], 3);
    REFUSE(table_n, 0);
    ACCEPT(table_room, 254);
    REFUSE(table_room, 1);
    REFUSE(table_room, 256);
    REFUSE(count, 0);
    ACCEPT(count, UINT32_MAX);
    REFUSE(count, UINT64_C(1) << 32);
    REFUSE(taken_span, 501);
    REFUSE(taken_back, 1001);
    REFUSE(past, 3);
    REFUSE(past_n, 3); /* of two lines */
    REFUSE(past_room, 1);
    ACCEPT(past_room, 48);
    REFUSE(past_room, 50);
    REFUSE(past_back, 501);
    REFUSE(what, ACTION_ORDER << 4 | 1); /* there is no second domain */
    REFUSE(what, ACTIONS << 4);
    REFUSE(what, UINT64_C(1) << 40);
    ACCEPT(ids_room, 127);
    REFUSE(ids_room, 128);
    REFUSE(ids_n, 129);
    REFUSE(domain_n, 0);
    REFUSE(domain_back, 1001);
    ACCEPT(domain_flags, 64 | 1 | 2 | 8 | 32);
    REFUSE(domain_flags, 128 | 1 | 2 | 8 | 32);
    REFUSE(domain_flags, 64 | 8);     /* bought and was never active */
    REFUSE(domain_flags, 2 | 8 | 32); /* took something and was never active */
}

/* Each area could be, all of them together are more than a block. */
static void a_block_beyond_the_cap_is_refused(void **state) {
    (void)state;
    struct draft base = good;
    base.n_domains = DOMAINS_MAX;
    base.n = 2 * DOMAINS_MAX;
    ACCEPT(exact_room, 0);
    ACCEPT(exact_room, 130);
    REFUSE(exact_room, 200);
    REFUSE(exact_room, 510);
    REFUSE(table_room, 254);
    base.domain_flags = 1 | 2 | 16 | 32;
    base.filter_given = base.filter_words = 128;
    ACCEPT(halves, 2);
    base.filter_given = base.filter_words = 1024;
    REFUSE(halves, 2);
}

static void filters_that_no_user_has_are_refused(void **state) {
    (void)state;
    struct draft base = good;
    base.domain_flags = 1 | 2 | 16 | 32;
    ACCEPT(filter_n, 0);
    ACCEPT(filter_n, 65535);
    REFUSE(filter_n, 65536);
    REFUSE(halves, 0);
    ACCEPT(halves, 1);
    REFUSE(halves, 3);
    REFUSE(filter_words, 0);
    REFUSE(filter_words, UINT64_C(1) << 62);
    REFUSE(domain_flags, 1 | 2 | 8 | 16 | 32); /* a set is one thing */
    base.filter_given = base.filter_words = 6; /* a half of three words */
    REFUSE(halves, 2);
    ACCEPT(halves, 1);
    base.filter_given = base.filter_words = 1024;
    ACCEPT(halves, 2);
    REFUSE(halves, 1);
    base.filter_given = base.filter_words = 1028;
    REFUSE(halves, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_by_hand_is_the_user_it_says),
        cmocka_unit_test(numbers_that_no_user_has_are_refused),
        cmocka_unit_test(areas_that_no_user_has_are_refused),
        cmocka_unit_test(a_block_beyond_the_cap_is_refused),
        cmocka_unit_test(filters_that_no_user_has_are_refused),
    };
    return cmocka_run_group_tests_name("user_record_refused", tests, NULL, NULL);
}
