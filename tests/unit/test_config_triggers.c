/* SPDX-License-Identifier: Apache-2.0
 *
 * test_config_triggers.c -- [trigger.NAME]: what they mean, and what is wrong with them.
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

#include "config.h"
#include "user_features.h"

static struct config c; /* by load() */
static char err[CONFIG_ERROR_MAX];

/* Settings, NULL-terminated. */
static enum status load(const char *const *sets) {
    size_t n = 0;
    while (sets[n]) {
        n++;
    }
    err[0] = '\0';
    return config_load(&c, NULL, NULL, sets, n, err);
}

#define SETS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_fails(const char *const *sets, const char *expected) {
    assert_int_equal(load(sets), ST_INVALID);
    if (!strstr(err, expected)) {
        fail_msg("\"%s\" is not in \"%s\"", expected, err);
    }
}

static void there_are_none_unless_they_are_named(void **state) {
    (void)state;
    config_defaults(&c);
    assert_int_equal(c.n_triggers, 0);
    assert_int_equal(c.trigger_max_age_ms, 86400000);
    assert_int_equal(c.trigger_maxlen, 100000);
}

static void each_kind_says_what_it_means(void **state) {
    (void)state;
    assert_int_equal(
        load(SETS("trigger.crossed.kind=first_purchase", "trigger.crossed.domain=food",
                  "trigger.crossed.target=course", "trigger.crossed.events.min=3",
                  "trigger.back.kind=lifecycle", "trigger.back.target=food",
                  "trigger.back.from=dormant", "trigger.back.to=resurrected",
                  "trigger.back.cooldown=30d", "trigger.moved.kind=segment",
                  "trigger.moved.target=food", "trigger.moved.to=3", "trigger.hot.kind=top_score",
                  "trigger.hot.target=course", "trigger.hot.score=-0.5", "trigger.hot.expires=2h",
                  "trigger.max.age=6h", "trigger.maxlen=5000")),
        ST_OK);
    assert_int_equal(c.n_triggers, 4);
    const struct config_trigger *t = c.triggers;
    assert_int_equal(t[0].kind, TRIGGER_FIRST_PURCHASE);
    assert_int_equal(t[0].domain, 1);
    assert_int_equal(t[0].target, 0);
    assert_int_equal(t[0].events_min, 3);
    assert_int_equal(t[0].cooldown_ms, 86400000);
    assert_int_equal(t[0].expires_ms, 86400000);
    assert_int_equal(t[0].from, TRIGGER_ANY);
    assert_int_equal(t[1].kind, TRIGGER_LIFECYCLE);
    assert_int_equal(t[1].from, LIFECYCLE_DORMANT);
    assert_int_equal(t[1].to, LIFECYCLE_RESURRECTED);
    assert_int_equal(t[1].domain, TRIGGER_ANY);
    assert_int_equal(t[1].target, 1);
    assert_int_equal(t[1].cooldown_ms, INT64_C(30) * 86400000);
    assert_int_equal(t[2].kind, TRIGGER_SEGMENT);
    assert_int_equal(t[2].from, TRIGGER_ANY);
    assert_int_equal(t[2].to, 3);
    assert_int_equal(t[3].kind, TRIGGER_TOP_SCORE);
    assert_true(t[3].score == -0.5);
    assert_int_equal(t[3].expires_ms, 7200000);
    assert_int_equal(c.trigger_max_age_ms, 6 * 3600000);
    assert_int_equal(c.trigger_maxlen, 5000);
    char buf[64];
    assert_int_equal(config_get(&c, "trigger.back.to", buf, sizeof buf), ST_OK);
    assert_string_equal(buf, "resurrected");
    assert_int_equal(config_get(&c, "trigger.max.age", buf, sizeof buf), ST_OK);
    assert_string_equal(buf, "6h");
    assert_int_equal(config_get(&c, "trigger.crossed.kind", buf, sizeof buf), ST_OK);
    assert_string_equal(buf, "first_purchase");
    assert_int_equal(config_get(&c, "trigger.nobody.kind", buf, sizeof buf), ST_NOT_FOUND);
}

static void the_file_and_the_environment_name_them_too(void **state) {
    (void)state;
    char path[] = "/tmp/crossrec-triggers-XXXXXX";
    const int fd = mkstemp(path);
    static const char text[] = "[trigger]\nmax.age = 2h\n[trigger.win-back]\nkind = lifecycle\n"
                               "to = dormant\ntarget = food\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    static char cooldown[] = "CROSSREC_TRIGGER_WIN_BACK_COOLDOWN=2d";
    static char kind[] = "CROSSREC_TRIGGER_HOT_KIND=top_score";
    static char target[] = "CROSSREC_TRIGGER_HOT_TARGET=course";
    static char maxlen[] = "CROSSREC_TRIGGER_MAXLEN=777";
    char *env[] = {cooldown, kind, target, maxlen, NULL};
    const enum status st = config_load(&c, path, env, NULL, 0, err);
    unlink(path);
    assert_string_equal(err, "");
    assert_int_equal(st, ST_OK);
    assert_int_equal(c.n_triggers, 2);
    assert_string_equal(c.triggers[0].name, "win-back");
    assert_int_equal(c.triggers[0].to, LIFECYCLE_DORMANT);
    assert_int_equal(c.triggers[0].cooldown_ms, 2 * 86400000);
    assert_string_equal(c.triggers[1].name, "hot");
    assert_int_equal(c.trigger_max_age_ms, 2 * 3600000);
    assert_int_equal(c.trigger_maxlen, 777);
}

static void what_is_wrong_is_said_with_what_to_type(void **state) {
    (void)state;
    assert_fails(SETS("trigger.x.target=food"),
                 "trigger.x: needs kind = first_purchase, lifecycle, segment or top_score");
    assert_fails(SETS("trigger.x.kind=segment"), "trigger.x: needs target = ");
    assert_fails(SETS("trigger.x.kind=birthday"), "must be first_purchase, lifecycle, segment");
    assert_fails(SETS("trigger.x.kind=segment", "trigger.x.target=gym"),
                 "trigger.x: target is \"gym\": there is no [domain.gym]");
    assert_fails(SETS("trigger.x.kind=segment", "trigger.x.target=any"), "target is \"any\"");
    assert_fails(
        SETS("trigger.x.kind=first_purchase", "trigger.x.target=food", "trigger.x.domain=gym"),
        "trigger.x: domain is \"gym\": there is no [domain.gym]");
    assert_fails(SETS("trigger.x.kind=segment", "trigger.x.target=food", "trigger.x.domain=food"),
                 "trigger.x: domain is for kind = first_purchase");
    assert_fails(
        SETS("trigger.x.kind=lifecycle", "trigger.x.target=food", "trigger.x.to=asleep"),
        "trigger.x.to: is \"asleep\", must be new, returning, resurrected, dormant or any");
    assert_fails(SETS("trigger.x.kind=segment", "trigger.x.target=food", "trigger.x.from=99"),
                 "trigger.x.from: is \"99\", must be a segment's number, 0..");
    assert_fails(SETS("trigger.x.kind=top_score", "trigger.x.target=food", "trigger.x.from=1"),
                 "trigger.x.from: is for kind = lifecycle and kind = segment");
    assert_fails(SETS("trigger.x.kind=top_score", "trigger.x.target=food", "domain.food.target=no"),
                 "nobody gets lists of target = food");
    assert_fails(SETS("trigger.x.expires=8d"), "must be 1s..7d");
    assert_fails(SETS("trigger.x.cooldwn=8d"), "unknown option");
    assert_fails(SETS("trigger.x.kind=segment", "trigger.x.cooldwn=8d"),
                 "did you mean trigger.x.cooldown?");
    assert_fails(SETS("trigger.X.kind=segment"), "the name of a trigger must be made of a-z");
}

static void there_is_room_for_so_many_and_no_more(void **state) {
    (void)state;
    static char texts[CONFIG_TRIGGERS_MAX + 1][2][64];
    const char *sets[2 * (CONFIG_TRIGGERS_MAX + 1) + 1] = {0};
    for (int k = 0; k <= CONFIG_TRIGGERS_MAX; k++) {
        snprintf(texts[k][0], 64, "trigger.t%d.kind=segment", k);
        snprintf(texts[k][1], 64, "trigger.t%d.target=food", k);
        sets[2 * k] = texts[k][0];
        sets[2 * k + 1] = texts[k][1];
    }
    assert_fails(sets, "more than 16 triggers");
    sets[2 * CONFIG_TRIGGERS_MAX] = NULL;
    assert_int_equal(load(sets), ST_OK);
    assert_int_equal(c.n_triggers, CONFIG_TRIGGERS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_none_unless_they_are_named),
        cmocka_unit_test(each_kind_says_what_it_means),
        cmocka_unit_test(the_file_and_the_environment_name_them_too),
        cmocka_unit_test(what_is_wrong_is_said_with_what_to_type),
        cmocka_unit_test(there_is_room_for_so_many_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
