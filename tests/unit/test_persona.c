/* SPDX-License-Identifier: Apache-2.0
 *
 * test_persona.c -- contract tests of models/persona.h: the words that its thresholds promise.
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

#include "mix.h"
#include "persona.h"

static struct persona p;

static struct persona_domain domain(const char *name, float recency, float frequency, float money) {
    return (struct persona_domain){.name = name, .z = {recency, frequency, money, 0.0F, 0.0F}};
}

static const char *title(const struct persona_domain *d, uint32_t n) {
    persona_describe(d, n, 1.0, 8.0, &p);
    return p.title;
}

static const char *title_of(const char *name, float recency, float frequency, float money) {
    const struct persona_domain d = domain(name, recency, frequency, money);
    return title(&d, 1);
}

static void the_issue_s_own_example_comes_out(void **state) {
    (void)state;
    const struct persona_category data[] = {{"data", 0.4F}, {"design", 0.2F}};
    struct persona_domain d[2] = {domain("course", -0.6F, 0.1F, 0.0F),
                                  domain("food", -0.8F, 1.0F, 0.9F)};
    d[0].top = data;
    d[0].n_top = 2;
    memcpy(d[1].part, (float[]){0.05F, 0.1F, 0.3F, 0.55F}, sizeof d[1].part);
    memcpy(d[1].part_all, (float[]){0.05F, 0.2F, 0.4F, 0.35F}, sizeof d[1].part);
    assert_string_equal(title(d, 2), "frequent evening diners, beginners in data courses");
    assert_int_equal(p.habit[0], PERSONA_BEGINNER);
    assert_int_equal(p.habit[1], PERSONA_FREQUENT);
    for (int i = 2; i < DOMAINS_MAX; i++) {
        assert_int_equal(p.habit[i], PERSONA_NONE);
    }
}

/* On and just beside each threshold. */
static void each_habit_begins_where_the_header_says(void **state) {
    (void)state;
    const struct {
        float r, f;
        enum persona_habit want;
    } rows[] = {
        {0.5F, -0.25F, PERSONA_NONE},        {0.49F, -0.25F, PERSONA_OCCASIONAL},
        {0.5F, -0.24F, PERSONA_LAPSED},      {0.5F, 3.0F, PERSONA_LAPSED},
        {0.49F, 0.5F, PERSONA_FREQUENT},     {0.49F, 0.49F, PERSONA_OCCASIONAL},
        {-0.25F, 0.25F, PERSONA_BEGINNER},   {-0.24F, 0.25F, PERSONA_OCCASIONAL},
        {-0.25F, 0.26F, PERSONA_OCCASIONAL}, {-2.0F, -2.0F, PERSONA_BEGINNER},
        {0.0F, -2.0F, PERSONA_OCCASIONAL},   {(float)NAN, (float)NAN, PERSONA_OCCASIONAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)title_of("food", rows[i].r, rows[i].f, 0.0F);
        if (p.habit[0] != rows[i].want) {
            fail_msg("row %zu: %s", i, persona_habit_str(p.habit[0]));
        }
    }
}

static void words_of_frequency_and_money_have_thresholds(void **state) {
    (void)state;
    assert_string_equal(title_of("food", 0.0F, 1.49F, 1.49F), "frequent diners");
    assert_string_equal(title_of("food", 0.0F, 1.5F, 1.5F), "very frequent diners");
    assert_string_equal(title_of("food", 0.0F, 1.0F, 1.5F), "frequent high-spending diners");
    assert_string_equal(title_of("food", 0.0F, 1.0F, 1.49F), "frequent diners");
    assert_string_equal(title_of("food", 0.0F, 1.0F, 0.5F), "frequent thrifty diners");
    assert_string_equal(title_of("food", 0.0F, 1.0F, 0.51F), "frequent diners");
    assert_string_equal(title_of("food", 0.0F, 1.0F, 0.0F), "frequent diners"); /* no money there */
    assert_string_equal(title_of("food", 0.7F, 2.0F, 2.0F), "lapsed diners");
    assert_string_equal(title_of("food", 0.0F, 0.0F, 1.0F), "occasional high-spending diners");
    assert_string_equal(title_of("food", -1.0F, 0.0F, 1.0F), "beginners in food");
}

static void the_part_of_the_day_is_named_where_it_stands_out(void **state) {
    (void)state;
    static const char *const want[] = {"frequent night diners", "frequent morning diners",
                                       "frequent afternoon diners", "frequent evening diners"};
    for (int i = 0; i < PERSONA_PARTS; i++) {
        struct persona_domain d = domain("food", 0.0F, 1.0F, 1.0F);
        for (int j = 0; j < PERSONA_PARTS; j++) {
            d.part[j] = i == j ? 0.4F : 0.2F;
            d.part_all[j] = i == j ? 0.33F : 0.22F;
        }
        assert_string_equal(title(&d, 1), want[i]);
        d.part_all[i] = 0.34F; /* everybody is like that */
        assert_string_equal(title(&d, 1), "frequent diners");
        d.part_all[i] = 0.1F;
        d.part[i] = 0.39F; /* too few of them */
        assert_string_equal(title(&d, 1), "frequent diners");
    }
}

static void beginners_name_a_category_of_a_quarter(void **state) {
    (void)state;
    struct persona_category top[] = {{"ramen", 0.25F}};
    struct persona_domain d = domain("food", -1.0F, 0.0F, 0.0F);
    d.top = top;
    d.n_top = 1;
    assert_string_equal(title(&d, 1), "beginners in ramen");
    d.name = "courses";
    top[0].name = "law";
    assert_string_equal(title(&d, 1), "beginners in law courses");
    top[0].share = 0.24F;
    assert_string_equal(title(&d, 1), "beginners in courses");
    d.name = "stamps";
    assert_string_equal(title(&d, 1), "beginners in stamps");
    d.z[0] = 0.0F;
    d.z[1] = 1.0F;
    assert_string_equal(title(&d, 1), "frequent stamps users");
}

static void frequent_domains_come_first_and_three_are_named(void **state) {
    (void)state;
    struct persona_domain d[5] = {
        domain("travel", 1.0F, 0.3F, 0.0F),  /* lapsed     */
        domain("gym", 0.0F, 0.0F, 0.0F),     /* occasional */
        domain("course", -1.0F, 0.0F, 0.0F), /* beginner   */
        domain("food", 0.0F, 0.6F, 0.0F),    /* frequent   */
        domain("books", 0.0F, 0.9F, 0.0F),   /* more so    */
    };
    assert_string_equal(title(d, 5), "frequent readers, frequent diners, beginners in courses");
    assert_string_equal(title(d, 3),
                        "beginners in courses, occasional gym-goers, lapsed travellers");
    assert_string_equal(title(d, 1), "lapsed travellers");
    d[3].z[1] = 0.9F; /* the smaller index */
    assert_string_equal(title(d, 5), "frequent diners, frequent readers, beginners in courses");
    for (int i = 0; i < 5; i++) {
        d[i].z[0] = 1.0F;
        d[i].z[1] = -1.0F;
    }
    assert_string_equal(title(d, 5), "quiet users");
}

static void the_detail_has_size_and_top_categories(void **state) {
    (void)state;
    const struct persona_category food[] = {
        {"ramen", 0.314F}, {"sushi", 0.12F}, {"pizza", 0.1F}, {"soup", 0.05F}};
    const struct persona_category courses[] = {{"data", 0.4F}};
    struct persona_domain d[3] = {domain("food", 0.0F, 1.0F, 0.0F),
                                  domain("course", -1.0F, 0.0F, 0.0F),
                                  domain("gym", 1.0F, -1.0F, 0.0F)};
    d[0].top = food;
    d[0].n_top = 4;
    d[1].top = courses;
    d[1].n_top = 1;
    d[2].top = courses; /* not to be found there */
    d[2].n_top = 1;
    persona_describe(d, 3, 300.0, 2400.0, &p);
    assert_string_equal(p.detail, "12.5 % of users; food: ramen 31 %, sushi 12 %, pizza 10 %; "
                                  "course: data 40 %");
    assert_true(p.share == 0.125F);
    persona_describe(d, 1, 0.0, 0.0, &p);
    assert_true(p.share == 0.0F);
}

static bool is_utf8(const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        const int n = *s < 0x80 ? 0 : *s >= 0xF0 ? 3 : *s >= 0xE0 ? 2 : *s >= 0xC2 ? 1 : -1;
        for (int i = 1; i <= n; i++) {
            if ((s[i] & 0xC0) != 0x80) {
                return false;
            }
        }
        if (n < 0) {
            return false;
        }
        s += n + 1;
    }
    return true;
}

static void long_names_are_cut_between_characters(void **state) {
    (void)state;
    char name[128];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(name, 'x', lead);
        name[lead] = '\0';
        while (strlen(name) < 100) {
            strcat(name, "\xE6\x8B\x89"); /* three bytes a character */
        }
        const struct persona_category top[] = {{name, 0.3F}, {name, 0.2F}, {name, 0.1F}};
        struct persona_domain d[DOMAINS_MAX];
        for (int i = 0; i < DOMAINS_MAX; i++) {
            d[i] = domain(name, -1.0F, i % 2 ? 0.0F : 2.0F, 0.0F);
            d[i].top = top;
            d[i].n_top = 3;
        }
        persona_describe(d, DOMAINS_MAX, 1.0, 3.0, &p);
        assert_true(is_utf8(p.title) && is_utf8(p.detail));
        assert_true(strlen(p.title) > 40 && strlen(p.detail) > 100);
    }
}

/* Whatever the numbers, a title is words by commas, and the same every time. */
static void every_segment_has_a_title(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct rng r = {seed};
        struct persona_domain d[DOMAINS_MAX];
        static const char *const names[] = {"food", "course", "travel", "zoo"};
        const uint32_t n = 1 + rng_below(&r, DOMAINS_MAX);
        for (uint32_t i = 0; i < n; i++) {
            d[i] = domain(names[rng_below(&r, 4)], 0.0F, 0.0F, 0.0F);
            for (int j = 0; j < FEATURES_PER_DOMAIN; j++) {
                d[i].z[j] = (float)(6.0 * rng_unit(&r) - 3.0);
            }
        }
        persona_describe(d, n, rng_unit(&r), 1.0, &p);
        const struct persona first = p;
        assert_true(strlen(p.title) >= 10 && p.title[strlen(p.title) - 1] != ' ');
        assert_null(strstr(p.title, "  "));
        persona_describe(d, n, (double)first.share, 1.0, &p);
        assert_string_equal(p.title, first.title);
    }
}

static void habits_have_names(void **state) {
    (void)state;
    assert_string_equal(persona_habit_str(PERSONA_FREQUENT), "frequent");
    assert_string_equal(persona_habit_str(PERSONA_BEGINNER), "beginner");
    assert_string_equal(persona_habit_str(PERSONA_OCCASIONAL), "occasional");
    assert_string_equal(persona_habit_str(PERSONA_LAPSED), "lapsed");
    assert_string_equal(persona_habit_str(PERSONA_NONE), "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_issue_s_own_example_comes_out),
        cmocka_unit_test(each_habit_begins_where_the_header_says),
        cmocka_unit_test(words_of_frequency_and_money_have_thresholds),
        cmocka_unit_test(the_part_of_the_day_is_named_where_it_stands_out),
        cmocka_unit_test(beginners_name_a_category_of_a_quarter),
        cmocka_unit_test(frequent_domains_come_first_and_three_are_named),
        cmocka_unit_test(the_detail_has_size_and_top_categories),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(every_segment_has_a_title),
        cmocka_unit_test(habits_have_names),
    };
    return cmocka_run_group_tests_name("persona", tests, NULL, NULL);
}
