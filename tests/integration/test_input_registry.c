/* SPDX-License-Identifier: Apache-2.0
 *
 * test_input_registry.c -- the daemon with a real schema registry that is killed, stopped and
 * restarted: only what needs a schema that is not known yet waits, and nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_records.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"
#include "registry.h"
#include "registry_fixture.h"

enum { PARTITIONS = 4, USERS = 12, TRIES = 5, SECOND_MS = 1000, GRACE_MS = 2000 };

struct fixture {
    struct stand s;
    struct registry_fixture *registry;
    int64_t ts_ms; /* of the next event */
};

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n";

/* ---- set-up -------------------------------------------------------------------------- */

static uint32_t put_schema(struct fixture *f, const char *subject, const char *schema) {
    static struct config cfg;
    struct registry_answer a;
    cfg = f->s.cfg;
    cfg.registry_timeout_ms = 20000;
    if (registry_register(&cfg, subject, schema, &a)) {
        fail_msg("%s", a.why);
    }
    const uint32_t id = a.id;
    registry_answer_free(&a);
    return id;
}

/* The next version of a CourseView, of a producer who has a field of its own. */
static uint32_t put_version(struct fixture *f, const char *field) {
    char schema[512];
    snprintf(
        schema, sizeof schema,
        "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["
        "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"
        "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"course_id\",\"type\":\"string\"},"
        "{\"name\":\"%s\",\"type\":\"string\"}]}",
        field);
    return put_schema(f, field, schema);
}

static void prepare(struct fixture *f, const char *name, const char *ini) {
    struct stand *s = &f->s;
    f->ts_ms = input_now_ms() - 3600000;
    stand_begin(s, name, input_ini(ini, name));
    stand_set(s, "registry.url", registry_fixture_url(f->registry));
    stand_set(s, "registry.grace", "2s");
    stand_set(s, "kafka.transaction.timeout.ms", "10000");
}

/* After the last stand_set(). The shipped schemas get ids of the registry. */
static void load(struct fixture *f) {
    stand_load(&f->s);
    stand_create_all(&f->s, PARTITIONS);
    for (int r = 0; r < READERS; r++) {
        input_id[r] = put_schema(f, reader_name((enum reader)r), shipped_json((enum reader)r));
    }
}

/* ---- events -------------------------------------------------------------------------- */

static void send_version(struct fixture *f, const char *topic, uint32_t id, const char *event,
                         const char *user) {
    static struct avro_bytes b;
    b.n = 0;
    avro_wire(&b, id);
    avro_text(&b, event), avro_text(&b, user), avro_long(&b, f->ts_ms++);
    avro_text(&b, "course-1"), avro_text(&b, "of its own");
    stand_produce(&f->s, topic, user, b.bytes, b.n);
}

static void view(struct fixture *f, const char *topic, const char *event, const char *user) {
    input_view(&f->s, topic, event, user, input_name("course-", (int)(f->ts_ms % 9)), ACTION_VIEW,
               f->ts_ms);
    f->ts_ms++;
}

static void order(struct fixture *f, const char *topic, const char *event, const char *user) {
    input_order(&f->s, topic, event, user, input_name("dish-", (int)(f->ts_ms % 9)), f->ts_ms);
    f->ts_ms++;
}

static double learned(struct fixture *f) {
    return stand_metric(&f->s, "crossrec_events_total", NULL);
}

static double waiting(struct fixture *f) {
    return stand_metric(&f->s, "crossrec_waiting_partitions", NULL);
}

static double letters(struct fixture *f) {
    return stand_metric(&f->s, "crossrec_dead_letters_total", NULL);
}

static bool answers(struct fixture *f, const char *path, const char *text) {
    return strstr(input_http(&f->s, path), text) != NULL;
}

static int32_t partition_of(const char *user) {
    return kafka_partition_of("murmur2", user, strlen(user), PARTITIONS);
}

/* Time until one event more is learned: the shortest of a few, for the machine may be busy. */
static int64_t learns_within_ms(struct fixture *f, const char *name, const char *user) {
    char topic[64];
    char event[64];
    int64_t best = INT64_MAX;
    snprintf(topic, sizeof topic, "%s-orders", name);
    for (int k = 0; k < TRIES; k++) {
        const double before = learned(f);
        const int64_t start = stand_now_ms();
        snprintf(event, sizeof event, "quick-%lld", (long long)f->ts_ms);
        order(f, topic, event, user);
        stand_flush(&f->s);
        STAND_AWAIT(&f->s, learned(f) == before + 1);
        const int64_t took = stand_now_ms() - start;
        best = took < best ? took : best;
    }
    return best;
}

/* ---- tests --------------------------------------------------------------------------- */

static void while_the_registry_is_away_only_what_needs_it_waits(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    prepare(f, "away", INI);
    load(f);
    const uint32_t next = put_version(f, "device");
    stand_start(s);
    for (int u = 0; u < USERS; u++) {
        view(f, "away-views", input_name("v-", u), input_name("u", u));
        order(f, "away-orders", input_name("o-", u), input_name("u", u));
    }
    stand_flush(s);
    STAND_AWAIT(s, learned(f) == 2 * USERS);
    STAND_AWAIT(s, stand_ready(s));

    registry_fixture_kill(f->registry);
    for (int n = 0; n < 3; n++) {
        send_version(f, "away-views", next, input_name("new-", n), "u0");
    }
    view(f, "away-views", "behind", "u0"); /* known, but behind them in its partition */
    stand_flush(s);
    STAND_AWAIT(s, waiting(f) == 1);
    int others = 0;
    for (int u = 0; u < USERS; u++) { /* all other partitions of the topic, all of the others */
        if (partition_of(input_name("u", u)) != partition_of("u0")) {
            view(f, "away-views", input_name("x-", u), input_name("u", u));
            others++;
        }
        order(f, "away-orders", input_name("y-", u), input_name("u", u));
    }
    assert_true(others > 0);
    stand_flush(s);
    STAND_AWAIT(s, learned(f) == 3 * USERS + others);
    STAND_AWAIT(s, answers(f, "/readyz", " 503") &&
                       answers(f, "/readyz", registry_fixture_url(f->registry)));
    STAND_EXPECT(s, learned(f) == 3 * USERS + others && waiting(f) == 1 && letters(f) == 0);

    assert_true(registry_fixture_restart(f->registry));
    STAND_AWAIT(s, learned(f) == 3 * USERS + others + 4);
    STAND_AWAIT(s, waiting(f) == 0 && stand_ready(s));
    STAND_EXPECT(s, letters(f) == 0 && stand_records(s, s->cfg.dead_letters) == 0);
}

/* The daemon of the test before runs on. */
static void a_registry_that_hangs_does_not_hold_up_what_is_known(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    const uint32_t next = put_version(f, "campaign");
    const int64_t usual_ms = learns_within_ms(f, "away", "u1");
    registry_fixture_freeze(f->registry);
    send_version(f, "away-views", next, "slow-1", "u0");
    stand_flush(s);
    STAND_AWAIT(s, waiting(f) == 1);
    const double before = learned(f);
    const int64_t same_task_ms = learns_within_ms(f, "away", "u0");
    const int64_t other_ms = learns_within_ms(f, "away", "u1");
    print_message("figures: learned after %d ms; registry stopped: same task %d ms, others %d ms\n",
                  (int)usual_ms, (int)same_task_ms, (int)other_ms);
    STAND_EXPECT(s, waiting(f) == 1 && learned(f) == before + 2 * TRIES);
    STAND_EXPECT(s, same_task_ms < SECOND_MS && other_ms < SECOND_MS);
    STAND_AWAIT(s, answers(f, "/readyz", registry_fixture_url(f->registry)));
    registry_fixture_thaw(f->registry);
    STAND_AWAIT(s, learned(f) == before + 2 * TRIES + 1);
    STAND_AWAIT(s, waiting(f) == 0 && stand_ready(s));
    STAND_EXPECT(s, letters(f) == 0);
}

/* The daemon of the test before runs on. */
static void an_id_that_the_registry_does_not_know_is_a_dead_letter_after_its_grace(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    const double before = learned(f);
    const int64_t start = stand_now_ms();
    send_version(f, "away-views", 4000000, "nobody-knows", "u0");
    view(f, "away-views", "behind-it", "u0");
    stand_flush(s);
    STAND_AWAIT(s, waiting(f) == 1);
    STAND_AWAIT(s, letters(f) > 0);
    STAND_EXPECT(s, stand_now_ms() - start >= GRACE_MS);
    STAND_AWAIT(s,
                stand_metric(s, "crossrec_dead_letters_total", "reason=\"schema-unknown\"") == 1);
    STAND_AWAIT(s, learned(f) == before + 1 && waiting(f) == 0);
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) == 1);
    STAND_AWAIT(s, stand_ready(s));
    stand_term(s);
}

/* ---- global topics ------------------------------------------------------------------- */

static const char WITH_ITEMS[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                                 "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                                 "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                                 "[topic.@-items]\ndomain = course\nschema = Item\n"
                                 "[topic.@-profiles]\nschema = UserProfile\n";

/* Schemas of events are in registry.cache, that of the profiles is not. */
static void nothing_is_learned_before_the_global_topics_are_read(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    char cache[] = "/tmp/crossrec-test-input-XXXXXX";
    char command[96];
    assert_non_null(mkdtemp(cache));
    prepare(f, "globals", WITH_ITEMS);
    stand_set(s, "registry.cache", cache);
    load(f);
    stand_start(s);
    for (int u = 0; u < USERS; u++) {
        view(f, "globals-views", input_name("v-", u), input_name("u", u));
        order(f, "globals-orders", input_name("o-", u), input_name("u", u));
    }
    stand_flush(s);
    STAND_AWAIT(s, learned(f) == 2 * USERS);
    stand_term(s);

    registry_fixture_kill(f->registry);
    input_profile(s, "globals-profiles", "u3", f->ts_ms, CONSENT_WITHDRAWN);
    input_item(s, "globals-items", "course-1", f->ts_ms, false, 10);
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, answers(f, "/readyz", "global topics"));
    STAND_AWAIT(s, answers(f, "/readyz", registry_fixture_url(f->registry)));
    stand_nap_ms(1500); /* nothing happens: there is no condition to wait for */
    STAND_EXPECT(s, learned(f) == 0 && !stand_ready(s));

    assert_true(registry_fixture_restart(f->registry));
    STAND_AWAIT(s, stand_ready(s));
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_not_allowed_total", NULL) == 2);
    STAND_AWAIT(s, learned(f) == 2 * USERS - 2);
    STAND_EXPECT(s, stand_metric(s, "crossrec_items_withdrawn", NULL) == 1);
    STAND_EXPECT(s, stand_metric(s, "crossrec_global_rows_total", NULL) == 2);
    STAND_EXPECT(s, letters(f) == 0);
    stand_term(s);
    snprintf(command, sizeof command, "rm -r %s", cache);
    assert_int_equal(system(command), 0);
}

/* ---- repartitioning ------------------------------------------------------------------ */

static const char RAW[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "intake = repartition\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                          "intake = repartition\n"
                          "[topic.@-who]\nschema = Identity\n";

/* Rows of identities come before events, whatever is being asked for: nobody stays unlinked. */
static void identities_are_known_before_events_are_repartitioned(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    prepare(f, "raw", RAW);
    stand_set(s, "crossrec.events", "raw-events");
    load(f);
    for (int u = 0; u < USERS; u++) {
        input_identity(s, "raw-who", "course", input_name("c", u), input_name("person-", u));
        input_identity(s, "raw-who", "food", input_name("f", u), input_name("person-", u));
    }
    stand_flush(s);
    for (int u = 0; u < USERS; u++) {
        view(f, "raw-views", input_name("v-", u), input_name("c", u));
        order(f, "raw-orders", input_name("o-", u), input_name("f", u));
    }
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_repartitioned_events_total", NULL) == 2 * USERS);
    STAND_EXPECT(s, stand_metric(s, "crossrec_unlinked_events_total", NULL) == 0);
    STAND_AWAIT(s, learned(f) == 2 * USERS);
    STAND_AWAIT(s, stand_metric(s, "crossrec_users", NULL) == USERS);
    STAND_AWAIT(s, stand_ready(s));
    STAND_EXPECT(s, letters(f) == 0);
}

/* The daemon of the test before runs on. */
static void what_is_repartitioned_waits_for_the_registry_too(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    const uint32_t next = put_version(f, "raw");
    const double before = learned(f);
    registry_fixture_kill(f->registry);
    send_version(f, "raw-views", next, "raw-1", "c0");
    order(f, "raw-orders", "raw-2", "f1");
    stand_flush(s);
    STAND_AWAIT(s, learned(f) == before + 1);
    STAND_AWAIT(s, answers(f, "/readyz", " 503") &&
                       answers(f, "/readyz", registry_fixture_url(f->registry)));
    assert_true(registry_fixture_restart(f->registry));
    STAND_AWAIT(s, learned(f) == before + 2);
    STAND_AWAIT(s, stand_ready(s));
    STAND_EXPECT(s, letters(f) == 0);
    stand_term(s);
}

/* ---- all of them --------------------------------------------------------------------- */

static int open_all(void **state) {
    static struct fixture f;
    *state = &f;
    const int missing = stand_open(&f.s);
    f.registry = missing ? NULL : registry_fixture_start();
    return f.registry ? 0 : -1;
}

static int close_all(void **state) {
    struct fixture *f = *state;
    stand_close(&f->s);
    registry_fixture_stop(f->registry);
    return f->s.ini ? remove(f->s.ini) : 0;
}

int main(void) {
    int missing = stand_missing();
    missing = missing ? missing : registry_fixture_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_the_registry_is_away_only_what_needs_it_waits),
        cmocka_unit_test(a_registry_that_hangs_does_not_hold_up_what_is_known),
        cmocka_unit_test(an_id_that_the_registry_does_not_know_is_a_dead_letter_after_its_grace),
        cmocka_unit_test(nothing_is_learned_before_the_global_topics_are_read),
        cmocka_unit_test(identities_are_known_before_events_are_repartitioned),
        cmocka_unit_test(what_is_repartitioned_waits_for_the_registry_too),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
