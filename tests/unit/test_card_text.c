/* SPDX-License-Identifier: Apache-2.0
 *
 * test_card_text.c -- contract tests of consumer/card_text.h: what a card says of users who did
 * planned things, and what it never says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "card_text.h"
#include "learner_run.h"
#include "rec.h"

enum { COURSE, FOOD, DOMAINS };

#define NOW (START + 100 * DAY_MS)

static const char *const NAMES[DOMAINS][3] = {{"data", "history", NULL},
                                              {"ramen", "su\"shi", NULL}};

struct fixture {
    struct learner *l;
    uint64_t number;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct learner_params params = params_of(DOMAINS);
    params.prequential_sample = 0;
    params.repeats[FOOD] = true;
    f->l = learner_of(params, 1);
    for (uint8_t d = 0; d < DOMAINS; d++) {
        for (uint32_t i = 0; i < 9; i++) {
            char id[16];
            struct content_change change;
            const char *name = NAMES[d][i % 3];
            const struct content_row row = {.item = item_hash(d, i),
                                            .id = id,
                                            .id_len = (uint16_t)snprintf(id, sizeof id, "%u", i),
                                            .domain = d,
                                            .available = true,
                                            .price = NAN,
                                            .category = mix64(10U * (d + 1U) + i % 3),
                                            .category_name = name,
                                            .category_name_len = name ? (uint16_t)strlen(name) : 0};
            assert_int_equal(learner_item(f->l, &row, &change), ST_OK);
        }
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    learner_free(f->l);
    free(f);
    return 0;
}

static void take(struct fixture *f, uint8_t domain, uint32_t item, int64_t ts_ms) {
    struct made m;
    make_one(&m, ++f->number, 1, domain, domain == FOOD ? ACTION_ORDER : ACTION_ENROLL, ts_ms,
             item);
    m.lines[0].amount = domain == FOOD ? 4.0F : 0.0F;
    (void)learn(f->l, &m);
}

static const struct user *user_of(const struct fixture *f) {
    const struct users *users = learner_users(f->l, 0);
    return users_get(users, users_find(users, user_hash(1)));
}

static void card_of(const struct fixture *f, uint8_t target, struct user_card *card) {
    user_card_of(user_of(f), learner_content(f->l), DOMAINS, target, NOW, card);
}

/* The card's text as an object. */
static json_t *read_user(const struct user_card *card) {
    char text[REC_BODY_MAX + 3];
    size_t len = 0;
    char *body = user_card_text(card, &len);
    assert_non_null(body);
    assert_true(len <= REC_BODY_MAX);
    snprintf(text, sizeof text, "{%.*s}", (int)len, body);
    free(body);
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    return v;
}

/* ---- users ------------------------------------------------------------------------------------
 */

static void a_card_says_what_its_user_did(void **state) {
    struct fixture *f = *state;
    for (int day = 0; day < 5; day++) { /* ten dishes on five days, three of them named ramen */
        take(f, FOOD, day < 3 ? 0 : 1, NOW - day * DAY_MS - HOUR_MS);
        take(f, FOOD, 2, NOW - day * DAY_MS - 2 * HOUR_MS);
    }
    take(f, COURSE, 1, NOW - 90 * DAY_MS);
    struct user_card card;
    card_of(f, FOOD, &card);
    json_t *v = read_user(&card);
    json_t *want =
        json_pack("{s:n, s:s, s:{s:s,s:f}, s:{s:i,s:i,s:I}, s:[s]}", "segment", "lifecycle",
                  "resurrected", "engagement", "level", "medium", "score", .179, "counts", "takes",
                  10, "days", 5, "last", NOW - HOUR_MS, "elsewhere", "history");
    assert_non_null(want);
    json_t *counts = json_object_get(v, "counts");
    double money = 0.0;
    double ramen = 0.0;
    double all = 0.0;
    for (int day = 0; day < 5; day++) {
        money += 4.0 * pow(.5, (day + 1.0 / 24) / 30) + 4.0 * pow(.5, (day + 2.0 / 24) / 30);
        const double named = pow(.5, (day + 1.0 / 24) / 60);
        ramen += day < 3 ? named : 0.0;
        all += named + pow(.5, (day + 2.0 / 24) / 60); /* also without a name */
    }
    assert_true(fabs(json_number_value(json_object_get(counts, "money")) - money) < .02);
    json_object_del(counts, "money");
    json_t *categories = json_object_get(v, "categories");
    assert_int_equal(json_array_size(categories), 2);
    json_t *first = json_array_get(categories, 0);
    assert_string_equal(json_string_value(json_object_get(first, "category")), "ramen");
    assert_true(fabs(json_number_value(json_object_get(first, "share")) - ramen / all) < .002);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(categories, 1), "category")), "su\"shi");
    json_object_del(v, "categories");
    if (!json_equal(v, want)) {
        fail_msg("%s", json_dumps(v, 0));
    }
    json_decref(v);
    json_decref(want);
}

/* Of food a course's partner learns the names of categories, and of courses the reverse. */
static void of_another_domain_only_names_of_categories_are_told(void **state) {
    struct fixture *f = *state;
    for (uint32_t k = 0; k < 40; k++) {
        take(f, FOOD, k % 9, NOW - k * DAY_MS / 2);
    }
    struct user_card card;
    card_of(f, COURSE, &card);
    json_t *v = read_user(&card);
    json_t *want =
        json_pack("{s:n, s:s, s:{s:s,s:f}, s:{s:i,s:i,s:n}, s:[], s:[s,s]}", "segment", "lifecycle",
                  "returning", "engagement", "level", "none", "score", 0.0, "counts", "takes", 0,
                  "days", 0, "last", "categories", "elsewhere", "ramen", "su\"shi");
    json_t *score = json_object_get(json_object_get(v, "engagement"), "score");
    assert_true(json_number_value(score) >= 0.0 && json_number_value(score) <= 0.0);
    json_object_set_new(json_object_get(v, "engagement"), "score", json_real(0.0));
    if (!json_equal(v, want)) {
        fail_msg("%s", json_dumps(v, 0));
    }
    json_decref(v);
    json_decref(want);
}

static void only_what_a_reader_would_see_changes_the_digest(void **state) {
    struct fixture *f = *state;
    take(f, FOOD, 0, NOW - DAY_MS);
    struct user_card card;
    card_of(f, FOOD, &card);
    const uint32_t digest = user_card_digest(&card);
    assert_true(digest != 0);
    struct user_card other = card;
    other.score = .5F;
    other.money = 3.0;
    other.own[0].share = .25F;
    assert_int_equal(user_card_digest(&other), digest);
#define DIFFERS(what)                                                                              \
    do {                                                                                           \
        other = card;                                                                              \
        what;                                                                                      \
        assert_int_not_equal(user_card_digest(&other), digest);                                    \
    } while (0)
    DIFFERS(other.segment = 0);
    DIFFERS(other.lifecycle = LIFECYCLE_DORMANT);
    DIFFERS(other.takes++);
    DIFFERS(other.days++);
    DIFFERS(other.last_ms++);
    DIFFERS(other.own[0].name = "x"; other.own[0].len = 1);
    DIFFERS(other.n_own = 0);
    DIFFERS(other.elsewhere[other.n_elsewhere++] = other.own[0]);
#undef DIFFERS
}

static void levels_are_those_of_the_header(void **state) {
    (void)state;
    static const struct {
        uint32_t days;
        const char *level;
    } LEVELS[] = {{0, "none"},    {1, "low"},   {3, "low"},  {4, "medium"},
                  {11, "medium"}, {12, "high"}, {28, "high"}};
    for (size_t k = 0; k < sizeof LEVELS / sizeof *LEVELS; k++) {
        const struct user_card card = {.days = LEVELS[k].days};
        json_t *v = read_user(&card);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(v, "engagement"), "level")),
            LEVELS[k].level);
        json_decref(v);
    }
}

/* ---- segments ---------------------------------------------------------------------------------
 */

static struct config cfg;

static json_t *read_segment(const struct segment_view *view) {
    char text[REC_BODY_MAX + 3];
    size_t len = 0;
    char *body = segment_card_text(view, &len);
    assert_non_null(body);
    assert_true(len <= REC_BODY_MAX);
    snprintf(text, sizeof text, "{%.*s}", (int)len, body);
    free(body);
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    return v;
}

static void a_segment_is_told_in_words(void **state) {
    struct fixture *f = *state;
    cfg = (struct config){.n_domains = DOMAINS};
    strcpy(cfg.domains[COURSE].name, "course");
    strcpy(cfg.domains[FOOD].name, "food");
    struct segment_card card = {.users = 206, .persona = {.title = "diners", .share = .12345F}};
    static const float Z[] = {.49F, -.5F, 0, NAN, -.1F, -1.5F, .6F, 1.49F, 1.5F, -.7F};
    memcpy(card.z, Z, sizeof Z);
    const struct content *content = learner_content(f->l);
    for (uint32_t d = 0; d < DOMAINS; d++) {
        card.n_top[d] = 1;
        for (uint32_t c = 0; c < content_n_categories(content); c++) {
            uint16_t len = 0;
            if (content_category_domain(content, c) == d &&
                content_category_name(content, c, &len)) {
                card.top[d][0] = (struct segment_category){c, .5F};
            }
        }
    }
    const struct segment_view view = {
        .cfg = &cfg, .content = content, .card = &card, .users = 412, .target = FOOD};
    json_t *v = read_segment(&view);
    json_t *want = json_loads(
        "{\"users\":412,\"counted\":206,\"share\":0.123,\"persona\":\"diners\",\"traits\":["
        "{\"domain\":\"food\",\"feature\":\"recency\",\"z\":-1.5,\"words\":\"seen much more "
        "lately\"},"
        "{\"domain\":\"food\",\"feature\":\"l7\",\"z\":1.5,\"words\":\"far more days a week\"},"
        "{\"domain\":\"food\",\"feature\":\"money\",\"z\":1.49,\"words\":\"spends more\"},"
        "{\"domain\":\"food\",\"feature\":\"l28\",\"z\":-0.7,\"words\":\"fewer days a month\"},"
        "{\"domain\":\"food\",\"feature\":\"frequency\",\"z\":0.6,\"words\":\"more often\"},"
        "{\"domain\":\"course\",\"feature\":\"frequency\",\"z\":-0.5,\"words\":\"less often\"}],"
        "\"categories\":[{\"category\":\"su\\\"shi\",\"share\":0.5}],\"elsewhere\":[\"history\"]}",
        JSON_DECODE_INT_AS_REAL, NULL);
    char *dump = json_dumps(v, 0);
    json_t *again = json_loads(dump, JSON_DECODE_INT_AS_REAL, NULL);
    free(dump);
    assert_non_null(want);
    if (!json_equal(again, want)) {
        fail_msg("%s", json_dumps(v, 0));
    }
    json_decref(v);
    json_decref(want);
    json_decref(again);
}

static void two_digits_of_the_users_count_and_words_but_no_z(void **state) {
    struct fixture *f = *state;
    struct segment_card card = {.users = 206, .persona = {.title = "diners"}};
    card.z[1] = .8F;
    struct segment_view view = {
        .cfg = &cfg, .content = learner_content(f->l), .card = &card, .users = 412};
    const uint64_t digest = segment_card_digest(&view);
    card.z[1] = .9F;
    card.z[2] = .4F;
    card.users = 209;
    view.users = 419;
    assert_true(segment_card_digest(&view) == digest);
    view.users = 420;
    assert_true(segment_card_digest(&view) != digest);
    view.users = 412;
    card.z[1] = 1.5F;
    assert_true(segment_card_digest(&view) != digest);
    card.z[1] = .8F;
    strcpy(card.persona.title, "others");
    assert_true(segment_card_digest(&view) != digest);
}

static void nothing_is_less_than_nothing(void **state) {
    (void)state;
    const struct user_card card = {.score = -0.0F};
    size_t len = 0;
    char *text = user_card_text(&card, &len);
    assert_non_null(text);
    text[len - 1] = '\0';
    assert_non_null(strstr(text, "\"score\":0}"));
    free(text);
}

/* ---- sizes ------------------------------------------------------------------------------------
 */

static void the_largest_cards_fit(void **state) {
    (void)state;
    char name[UINT16_MAX];
    memset(name, 1, sizeof name); /* \u0001: six bytes each */
    struct user_card card = {.segment = 15,
                             .lifecycle = LIFECYCLE_RESURRECTED,
                             .takes = UINT32_MAX,
                             .days = 28,
                             .last_ms = INT64_MIN,
                             .score = -1.23456e-38F,
                             .money = 1.23456e300,
                             .n_own = CARD_OWN,
                             .n_elsewhere = CARD_ELSEWHERE};
    for (size_t k = 0; k < CARD_OWN; k++) {
        card.own[k] = (struct card_category){name, UINT16_MAX, 1.23456e-38F};
    }
    for (size_t k = 0; k < CARD_ELSEWHERE; k++) {
        card.elsewhere[k] = (struct card_category){name, UINT16_MAX, 0};
    }
    json_decref(read_user(&card)); /* a sanitizer sees what does not fit */
    struct segment_card segment = {.users = UINT32_MAX, .persona = {.share = 1.23e-38F}};
    memset(segment.persona.title, 1, sizeof segment.persona.title - 1);
    cfg.n_domains = DOMAINS_MAX;
    for (size_t d = 0; d < DOMAINS_MAX; d++) {
        memset(cfg.domains[d].name, 1, CONFIG_NAME_MAX - 1);
    }
    for (size_t k = 0; k < FEATURES_MAX; k++) {
        segment.z[k] = -1.23456e10F;
    }
    struct content *content = NULL;
    assert_int_equal(content_new(&content), ST_OK);
    const struct segment_view view = {
        .cfg = &cfg, .content = content, .card = &segment, .users = INT64_MAX};
    json_decref(read_segment(&view));
    content_free(content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_card_says_what_its_user_did),
        TEST(of_another_domain_only_names_of_categories_are_told),
        TEST(only_what_a_reader_would_see_changes_the_digest),
        TEST(levels_are_those_of_the_header),
        TEST(a_segment_is_told_in_words),
        TEST(two_digits_of_the_users_count_and_words_but_no_z),
        TEST(nothing_is_less_than_nothing),
        TEST(the_largest_cards_fit),
#undef TEST
    };
    return cmocka_run_group_tests_name("card_text", tests, NULL, NULL);
}
