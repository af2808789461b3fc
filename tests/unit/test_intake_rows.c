/* SPDX-License-Identifier: Apache-2.0
 *
 * test_intake_rows.c -- the contract of intake_row() in intake.h: what rows of global topics say,
 * and what their tombstones take away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "encode.h"
#include "hash.h"
#include "intake.h"

enum { ITEMS, PROFILES, REQUESTS, PEOPLE, LINKS, TOPICS }; /* LINKS: identities of one domain */

static const int64_t NOW_MS = INT64_C(1790000000000);

struct fixture {
    struct config cfg;
    struct intake *in;
    struct encoder *encoders[READERS];
};

static uint8_t bytes[1 << 17];
static struct intake_row row;

static void open_intake(struct fixture *f, const char *more) {
    const char *sets[] = {"topic.items.schema=Item",
                          "topic.items.domain=food",
                          "topic.profiles.schema=UserProfile",
                          "topic.requests.schema=PrivacyRequest",
                          "topic.people.schema=Identity",
                          "topic.links.schema=Identity",
                          "topic.links.partner.domain=\"food\"",
                          more};
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&f->cfg, NULL, NULL, sets, sizeof sets / sizeof *sets, err)) {
        fail_msg("%s", err);
    }
    assert_int_equal(f->cfg.n_globals, TOPICS);
    const struct intake_spec spec = {
        .cfg = &f->cfg, .topics = f->cfg.globals, .n_topics = f->cfg.n_globals};
    if (intake_new(&spec, &f->in, err)) {
        fail_msg("%s", err);
    }
}

static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof f);
    open_intake(&f, "crossrec.clock=wall");
    for (int r = READER_ITEM; r <= READER_IDENTITY; r++) {
        const uint32_t id = shipped_id((enum reader)r);
        assert_int_equal(encoder_new((enum reader)r, id, &f.encoders[r]), ST_OK);
    }
    encoder_domains(f.encoders[READER_IDENTITY], (const char *const[]){"course", "food"}, 2);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (int r = 0; r < READERS; r++) {
        encoder_free(f->encoders[r]);
    }
    intake_free(f->in);
    return 0;
}

static enum intake_reason take(struct fixture *f, uint16_t topic, const char *key, size_t len,
                               int64_t record_ms) {
    const struct record r = {.timestamp_ms = record_ms,
                             .key = key,
                             .key_len = key ? strlen(key) : 0,
                             .value = len ? bytes : NULL,
                             .value_len = len,
                             .topic = topic};
    const char *detail = NULL;
    memset(&row, 0x5a, sizeof row);
    const enum intake_reason reason = intake_row(f->in, &r, &row, &detail);
    assert_non_null(detail);
    return reason;
}

static enum intake_reason take_tombstone(struct fixture *f, uint16_t topic, const char *key) {
    return take(f, topic, key, 0, NOW_MS);
}

static void assert_text(const char *text, size_t len, const char *expected) {
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

/* ---- items ---------------------------------------------------------------------------------- */

static enum intake_reason take_item(struct fixture *f, const struct decoded_item *item) {
    size_t len = 0;
    assert_int_equal(encode_item(f->encoders[READER_ITEM], item, bytes, sizeof bytes, &len), ST_OK);
    return take(f, ITEMS, NULL, len, NOW_MS);
}

static void an_item_is_known_by_its_hash_with_what_its_catalogue_says(void **state) {
    struct decoded_item d = {.item = "dish",
                             .item_len = 4,
                             .category = "soup",
                             .category_len = 4,
                             .ts_ms = NOW_MS,
                             .price = 7.5,
                             .available = true,
                             .n_attributes = 2};
    d.attributes[0] = (struct decoded_attribute){"a", "bc", 1, 2};
    d.attributes[1] = (struct decoded_attribute){"ab", "c", 2, 1}; /* not the same */
    assert_int_equal(take_item(*state, &d), INTAKE_OK);
    assert_int_equal(row.kind, KIND_ITEM);
    assert_true(row.item.item == hash_item("food", "dish", 4));
    assert_text(row.item.id, row.item.id_len, "dish");
    assert_int_equal(row.item.domain, 1);
    assert_true(row.item.available && row.item.ts_ms == NOW_MS && row.item.price == 7.5F);
    assert_true(row.item.category == hash_category("food", "soup", 4));
    assert_text(row.item.category_name, row.item.category_name_len, "soup");
    assert_int_equal(row.item.n_attributes, 2);
    assert_true(row.item.attributes[0] == hash_attribute("food", "a", 1, "bc", 2));
    assert_true(row.item.attributes[1] == hash_attribute("food", "ab", 2, "c", 1));
}

static void a_category_is_hashed_and_named_by_its_first_255_bytes(void **state) {
    static char text[70000];
    memset(text, 'c', sizeof text);
    static const size_t lens[] = {0, 1, 254, 255, 256, 65536, sizeof text};
    for (size_t k = 0; k < sizeof lens / sizeof *lens; k++) {
        struct decoded_item d = {.item = "dish",
                                 .item_len = 4,
                                 .category = text,
                                 .category_len = lens[k],
                                 .price = (double)NAN};
        const size_t len = lens[k] < ID_LEN_MAX ? lens[k] : ID_LEN_MAX;
        assert_int_equal(take_item(*state, &d), INTAKE_OK);
        assert_int_equal(row.item.category_name_len, len);
        assert_memory_equal(row.item.category_name, text, len);
        assert_true(row.item.category == (len ? hash_category("food", text, len) : 0));
    }
}

static void an_item_that_is_wrong_is_refused(void **state) {
    static char id[ID_LEN_MAX + 1];
    memset(id, 'x', sizeof id);
    struct decoded_item d = {.item = id, .item_len = sizeof id, .price = (double)NAN};
    assert_int_equal(take_item(*state, &d), INTAKE_ITEM);
    d.item_len = 0;
    assert_int_equal(take_item(*state, &d), INTAKE_ITEM);
    d.item_len = ID_LEN_MAX;
    assert_int_equal(take_item(*state, &d), INTAKE_OK);
    assert_true(isnan(row.item.price) && !row.item.available && row.item.category == 0);
    d.price = -1;
    assert_int_equal(take_item(*state, &d), INTAKE_NUMBER);
    d.price = 1e13;
    assert_int_equal(take_item(*state, &d), INTAKE_NUMBER);
    d.price = 0;
    d.ts_ms = INTAKE_EPOCH_2000_MS - 1;
    assert_int_equal(take_item(*state, &d), INTAKE_TIME_PAST);
    d.ts_ms = INTAKE_EPOCH_2100_MS;
    assert_int_equal(take_item(*state, &d), INTAKE_TIME_FUTURE);
}

/* ---- people --------------------------------------------------------------------------------- */

static enum intake_reason take_request(struct fixture *f, const char *user, int64_t ts_ms,
                                       int64_t record_ms) {
    const struct decoded_privacy d = {
        .user_id = user, .user_id_len = strlen(user), .ts_ms = ts_ms, .request = PRIVACY_STOP};
    size_t len = 0;
    struct encoder *e = f->encoders[READER_PRIVACY_REQUEST];
    assert_int_equal(encode_privacy(e, &d, bytes, sizeof bytes, &len), ST_OK);
    return take(f, REQUESTS, "k", len, record_ms);
}

static enum intake_reason take_profile(struct fixture *f, int64_t ts_ms, int64_t record_ms) {
    const struct decoded_profile d = {
        .user_id = "ann", .user_id_len = 3, .ts_ms = ts_ms, .consent = CONSENT_WITHDRAWN};
    size_t len = 0;
    struct encoder *e = f->encoders[READER_USER_PROFILE];
    assert_int_equal(encode_profile(e, &d, 30, bytes, sizeof bytes, &len), ST_OK);
    return take(f, PROFILES, "ann", len, record_ms);
}

static void a_request_is_of_a_user_and_has_a_time(void **state) {
    struct fixture *f = *state;
    assert_int_equal(take_request(f, "ann", NOW_MS - 5, NOW_MS), INTAKE_OK);
    assert_int_equal(row.kind, KIND_PRIVACY);
    assert_true(row.user == hash_id("ann", 3));
    assert_text(row.user_id, row.user_id_len, "ann");
    assert_int_equal(row.privacy.request, PRIVACY_STOP);
    assert_true(row.privacy.ts_ms == NOW_MS - 5);
    assert_int_equal(take_request(f, "", NOW_MS, NOW_MS), INTAKE_USER);
    assert_int_equal(take_request(f, "ann", 5, NOW_MS), INTAKE_TIME_PAST);
    assert_int_equal(take_request(f, "ann", 0, NOW_MS), INTAKE_OK); /* none: its record's */
    assert_true(row.privacy.ts_ms == NOW_MS);
    assert_int_equal(take_request(f, "ann", 0, -1), INTAKE_TIME_PAST);
}

/* A resumption of the year 2090 would outvote every stop. */
static void nobody_says_something_later_than_his_record(void **state) {
    struct fixture *f = *state;
    static const int64_t later_ms[] = {1, INTAKE_FUTURE_MS, INTAKE_FUTURE_MS + 1,
                                       INT64_C(2000000000000)};
    for (size_t i = 0; i < sizeof later_ms / sizeof *later_ms; i++) {
        const int64_t ts_ms = NOW_MS + later_ms[i];
        const int64_t expected_ms = i < 2 ? ts_ms : NOW_MS;
        assert_int_equal(take_request(f, "ann", ts_ms, NOW_MS), INTAKE_OK);
        assert_true(row.privacy.ts_ms == expected_ms);
        assert_int_equal(take_profile(f, ts_ms, NOW_MS), INTAKE_OK);
        assert_true(row.profile.ts_ms == expected_ms);
        assert_int_equal(take_profile(f, ts_ms, -1), INTAKE_OK); /* nobody knows */
        assert_true(row.profile.ts_ms == ts_ms);
    }
    struct fixture stream;
    memcpy(&stream, f, sizeof stream);
    open_intake(&stream, "crossrec.clock=stream");
    assert_int_equal(take_profile(&stream, 2 * NOW_MS, NOW_MS), INTAKE_OK);
    assert_true(row.profile.ts_ms == 2 * NOW_MS);
    intake_free(stream.in);
}

static void a_profile_without_a_time_has_none(void **state) {
    assert_int_equal(take_profile(*state, 0, NOW_MS), INTAKE_OK);
    assert_int_equal(row.kind, KIND_PROFILE);
    assert_true(row.profile.ts_ms == 0);
    assert_int_equal(row.profile.consent, CONSENT_WITHDRAWN);
    assert_int_equal(row.profile.age_band, 3);
    assert_true(row.user == hash_id("ann", 3));
}

/* ---- identities ----------------------------------------------------------------------------- */

static enum intake_reason take_link(struct fixture *f, uint16_t topic, const char *id,
                                    const char *user) {
    const struct decoded_identity d = {.user_id = user,
                                       .user_id_len = strlen(user),
                                       .partner_id = id,
                                       .partner_id_len = strlen(id)};
    size_t len = 0;
    struct encoder *e = f->encoders[READER_IDENTITY];
    assert_int_equal(encode_identity(e, &d, bytes, sizeof bytes, &len), ST_OK);
    return take(f, topic, NULL, len, NOW_MS);
}

static void an_identity_links_an_id_or_takes_the_link_away(void **state) {
    struct fixture *f = *state;
    static char id[ID_LEN_MAX + 2];
    memset(id, 'x', sizeof id - 1);
    assert_int_equal(take_link(f, PEOPLE, "f1", "ann"), INTAKE_OK);
    assert_int_equal(row.kind, KIND_IDENTITY);
    assert_int_equal(row.identity.domain, 0);
    assert_text(row.identity.partner_id, row.identity.partner_id_len, "f1");
    assert_text(row.user_id, row.user_id_len, "ann");
    assert_int_equal(take_link(f, LINKS, "f1", "ann"), INTAKE_OK);
    assert_int_equal(row.identity.domain, 1); /* of all its rows, whatever they say */
    assert_int_equal(take_link(f, PEOPLE, "f1", ""), INTAKE_OK);
    assert_int_equal(row.user_id_len, 0);
    assert_int_equal(take_link(f, PEOPLE, "", "ann"), INTAKE_MISSING);
    assert_int_equal(take_link(f, PEOPLE, id, "ann"), INTAKE_MISSING);
    assert_int_equal(take_link(f, PEOPLE, "f1", id), INTAKE_USER);
}

/* ---- tombstones ----------------------------------------------------------------------------- */

static void a_tombstone_takes_away_what_its_key_names(void **state) {
    struct fixture *f = *state;
    assert_int_equal(take_tombstone(f, ITEMS, "dish"), INTAKE_OK);
    assert_true(row.item.item == hash_item("food", "dish", 4));
    assert_true(!row.item.available && row.item.ts_ms == 0 && isnan(row.item.price));
    assert_int_equal(row.item.n_attributes, 0);
    assert_int_equal(take_tombstone(f, PROFILES, "ann"), INTAKE_OK);
    assert_true(row.user == hash_id("ann", 3));
    assert_int_equal(row.profile.consent, CONSENT_UNKNOWN);
    assert_true(row.profile.ts_ms == 0 && row.profile.age_band == 0);
    assert_int_equal(take_tombstone(f, REQUESTS, "ann"), INTAKE_EMPTY);
    assert_int_equal(row.kind, KIND_PRIVACY);
    for (uint16_t topic = 0; topic < TOPICS; topic++) {
        assert_int_equal(take_tombstone(f, topic, NULL), INTAKE_EMPTY);
        assert_int_equal(take_tombstone(f, topic, ""), INTAKE_EMPTY);
    }
}

static void a_tombstone_unlinks_the_id_of_its_key(void **state) {
    static const struct {
        uint16_t topic;
        const char *key, *id; /* NULL: refused */
        int domain;
        enum intake_reason reason;
    } rows[] = {{PEOPLE, "food/f1", "f1", 1, INTAKE_OK},
                {PEOPLE, "course/a/b", "a/b", 0, INTAKE_OK},
                {PEOPLE, "foot/f1", NULL, 0, INTAKE_DOMAIN},
                {PEOPLE, "f1", NULL, 0, INTAKE_DOMAIN},
                {PEOPLE, "food/", NULL, 0, INTAKE_MISSING},
                {PEOPLE, "/f1", NULL, 0, INTAKE_DOMAIN},
                {LINKS, "f1", "f1", 1, INTAKE_OK}, /* all its rows are of one domain */
                {LINKS, "food/f1", "f1", 1, INTAKE_OK},
                {LINKS, "course/f1", "course/f1", 1, INTAKE_OK},
                {LINKS, "a/b", "a/b", 1, INTAKE_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(take_tombstone(*state, rows[i].topic, rows[i].key), rows[i].reason);
        if (rows[i].id) {
            assert_text(row.identity.partner_id, row.identity.partner_id_len, rows[i].id);
            assert_int_equal(row.identity.domain, rows[i].domain);
            assert_int_equal(row.user_id_len, 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_known_by_its_hash_with_what_its_catalogue_says),
        cmocka_unit_test(a_category_is_hashed_and_named_by_its_first_255_bytes),
        cmocka_unit_test(an_item_that_is_wrong_is_refused),
        cmocka_unit_test(a_request_is_of_a_user_and_has_a_time),
        cmocka_unit_test(nobody_says_something_later_than_his_record),
        cmocka_unit_test(a_profile_without_a_time_has_none),
        cmocka_unit_test(an_identity_links_an_id_or_takes_the_link_away),
        cmocka_unit_test(a_tombstone_takes_away_what_its_key_names),
        cmocka_unit_test(a_tombstone_unlinks_the_id_of_its_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
