/* SPDX-License-Identifier: Apache-2.0
 *
 * test_triggers.c -- each kind of trigger fires once for what the test made happen, from events in
 * a real Kafka to streams in a real Redis. What dies meanwhile: test_triggers_faults.c.
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
#include "trigger_streams.h"

static const int64_t MINUTE_MS = 60000;
static const int64_t DAY_MS = 86400000;

/* ---- each kind ---------------------------------------------------------------------------------
 */

static void
the_first_purchase_in_the_other_domain_fires_once_and_names_the_item_to_its_own_partner_only(
    void **state) {
    struct stand *s = *state;
    streams_begin(s, "first");
    stand_set(s, "trigger.own.kind", "first_purchase");
    stand_set(s, "trigger.own.target", "food");
    streams_create(s);
    stand_start(s);
    const int64_t now_ms = input_now_ms();
    for (int u = 0; u < 10; u++) {
        const char *user = input_name("u", u);
        streams_view(s, user, "c1", now_ms - 9 * MINUTE_MS);
        if (u < 7) {
            streams_order(s, user, input_name("d", u), now_ms - 8 * MINUTE_MS);
            streams_order(s, user, "d0", now_ms - 7 * MINUTE_MS);
        }
    }
    streams_order(s, "eater", "d1", now_ms - 8 * MINUTE_MS); /* known from nowhere else */
    streams_view(s, "old", "c1", now_ms - 3 * DAY_MS);       /* too long ago */
    streams_order(s, "old", "d1", now_ms - 3 * DAY_MS + 1000);
    stand_flush(s);
    STAND_AWAIT(s, streams_count(s, "course", "crossed", NULL) >= 7 &&
                       streams_count(s, "food", "own", NULL) >= 7);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) >= 27);
    stand_nap_ms(500);
    assert_int_equal(streams_count(s, "food", "own", NULL), 7);
    assert_int_equal(streams_count(s, "course", "crossed", NULL), 7);
    for (int u = 0; u < 7; u++) {
        assert_int_equal(streams_count(s, "course", "crossed", input_name("u", u)), 1);
        const struct streams_entry *e = streams_last("crossed", input_name("u", u));
        assert_string_equal(e->kind, "first_purchase");
        assert_string_equal(e->item, "");
        assert_string_equal(e->domain, "food");
        assert_int_equal(e->ts_ms, now_ms - 8 * MINUTE_MS);
        assert_int_equal(e->expires_ms, e->ts_ms + DAY_MS);
        assert_int_equal(streams_count(s, "food", "own", input_name("u", u)), 1);
        assert_string_equal(streams_last("own", input_name("u", u))->item, input_name("d", u));
    }
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_total", "trigger=\"crossed\"") == 7);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_relayed_total", NULL) == 14);
    stand_term(s);
}

static void
lifecycle_changes_fire_once_by_event_time_and_the_dormant_ones_without_an_event(void **state) {
    struct stand *s = *state;
    streams_begin(s, "life");
    static const char *const kinds[] = {"new", "returning", "resurrected", "dormant"};
    for (int k = 0; k < 4; k++) {
        char key[STREAMS_TEXT];
        snprintf(key, sizeof key, "trigger.is-%s.kind", kinds[k]);
        stand_set(s, key, "lifecycle");
        snprintf(key, sizeof key, "trigger.is-%s.target", kinds[k]);
        stand_set(s, key, "food");
        snprintf(key, sizeof key, "trigger.is-%s.to", kinds[k]);
        stand_set(s, key, kinds[k]);
    }
    streams_create(s);
    stand_start(s);
    const int64_t now_ms = input_now_ms();
    const int64_t today_ms = now_ms - now_ms % DAY_MS;
    streams_view(s, "fresh", "c1", now_ms - MINUTE_MS);
    streams_view(s, "fresh", "c2", now_ms - MINUTE_MS / 2);
    streams_view(s, "steady", "c1", today_ms - 9 * DAY_MS);
    streams_view(s, "steady", "c2", now_ms - MINUTE_MS);
    streams_view(s, "back", "c1", today_ms - 40 * DAY_MS);
    streams_view(s, "back", "c2", now_ms - MINUTE_MS);
    streams_view(s, "sleeper", "c1", today_ms - 28 * DAY_MS + MINUTE_MS);
    streams_view(s, "gone", "c1", today_ms - 60 * DAY_MS);
    stand_flush(s);
    STAND_AWAIT(s, streams_count(s, "food", "is-dormant", NULL) > 0);
    STAND_AWAIT(s, streams_count(s, "food", "is-resurrected", NULL) > 0);
    stand_kill(s);
    stand_start(s); /* what fired is remembered */
    STAND_AWAIT(s, stand_ready(s));
    stand_nap_ms(1000);
    (void)streams_count(s, "food", "", NULL);
    assert_int_equal(streams_found.n, 4);
    static const char *const users[] = {"fresh", "steady", "back", "sleeper"};
    static const char *const from[] = {"", "new", "dormant", "new"};
    for (int k = 0; k < 4; k++) {
        char name[STREAMS_TEXT];
        snprintf(name, sizeof name, "is-%s", kinds[k]);
        const struct streams_entry *e = streams_last(name, users[k]);
        assert_string_equal(e->from, from[k]);
        assert_string_equal(e->to, kinds[k]);
    }
    assert_int_equal(streams_last("is-dormant", "sleeper")->ts_ms, today_ms);
    stand_term(s);
}

/* Some view courses every day, some order once a week; `mover` does as the first do, and then as
 * the second. */
static void live_through(struct stand *s, int64_t start_ms, int from, int to) {
    for (int day = from; day < to; day++) {
        const int64_t ts_ms = start_ms + day * DAY_MS;
        for (int u = 0; u < 10; u++) {
            for (int k = 0; u < 5 && k < 4; k++) {
                streams_view(s, input_name("a", u), input_name("c", (day + k) % 30), ts_ms + u + k);
            }
            if (u >= 5 && day % 7 == 0) {
                streams_order(s, input_name("b", u), input_name("d", u), ts_ms + u);
            }
        }
        if (day < 40) {
            streams_view(s, "mover", input_name("c", day), ts_ms + 100);
        } else if (day % 2 == 0) {
            streams_order(s, "mover", "d5", ts_ms + 100);
        }
    }
    stand_flush(s);
}

/* The clock is that of the stream: months pass. */
static void a_change_of_segment_fires(void **state) {
    struct stand *s = *state;
    streams_begin(s, "segm");
    stand_set(s, "clock", "stream");
    stand_set(s, "segments.k", "2");
    stand_set(s, "segments.seed.users", "8");
    stand_set(s, "segments.users.min", "1"); /* info names each */
    stand_set(s, "learn.mini.batch", "16");
    stand_set(s, "trigger.moved.kind", "segment");
    stand_set(s, "trigger.moved.target", "food");
    stand_set(s, "trigger.moved.cooldown", "0");
    stand_set(s, "trigger.moved.expires", "7d");
    streams_create(s);
    const int64_t start_ms = input_now_ms() - 130 * DAY_MS;
    live_through(s, start_ms, 0, 30);
    stand_start(s);
    STAND_AWAIT(s, strstr(stand_get(s, "crossrec:food:info") ? s->value : "", "[0,1]"));
    for (int day = 30; day < 120; day += 5) { /* what takes a week to commit has expired */
        live_through(s, start_ms, day, day + 5);
        stand_nap_ms(350);
    }
    STAND_AWAIT(s, stand_ready(s) && stand_metric(s, "crossrec_lag_records", NULL) == 0);
    STAND_AWAIT(s, streams_count(s, "food", "moved", "mover") > 0);
    stand_nap_ms(500);
    (void)streams_count(s, "food", "moved", NULL);
    char now[STREAMS_TEXT] = "";
    for (int k = 0; k < streams_found.n; k++) { /* one user's changes hang together */
        const struct streams_entry *e = &streams_found.all[k];
        assert_string_not_equal(e->from, e->to);
        if (strcmp(e->user, "mover") == 0) {
            assert_true(now[0] == '\0' || strcmp(now, e->from) == 0);
            snprintf(now, sizeof now, "%s", e->to);
        }
    }
    stand_term(s);
}

/* Two brand-new items at a time make the lists change. */
static void another_first_item_with_a_high_score_fires_for_each_of_them_once(void **state) {
    struct stand *s = *state;
    streams_begin(s, "tops");
    stand_set(s, "trigger.top.kind", "top_score");
    stand_set(s, "trigger.top.target", "course");
    stand_set(s, "trigger.top.score", "-1000");
    stand_set(s, "trigger.top.cooldown", "0");
    stand_set(s, "trigger.never.kind", "top_score");
    stand_set(s, "trigger.never.target", "course");
    stand_set(s, "trigger.never.score", "1000");
    streams_create(s);
    stand_start(s);
    for (int k = 0; k < 200; k++) {
        streams_view(s, input_name("u", k % 8), input_name("c", k * 7 % 23), input_now_ms());
        streams_order(s, input_name("u", k % 8), input_name("d", k % 5), input_now_ms());
        stand_flush(s);
        stand_nap_ms(k % 10 == 0 ? 100 : 1);
    }
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 400);
    stand_nap_ms(1500);
    assert_int_equal(streams_count(s, "course", "never", NULL), 0);
    assert_true(streams_count(s, "course", "top", NULL) >= 8);
    for (int u = 0; u < 8; u++) {
        char item[STREAMS_TEXT] = "";
        for (int k = 0; k < streams_found.n; k++) {
            if (strcmp(streams_found.all[k].name, "top") == 0 &&
                strcmp(streams_found.all[k].user, input_name("u", u)) == 0) {
                assert_string_not_equal(item, streams_found.all[k].item);
                snprintf(item, sizeof item, "%s", streams_found.all[k].item);
            }
        }
        char first[STREAMS_TEXT + 32];
        snprintf(first, sizeof first, "\"items\":[{\"id\":\"%s\",", item);
        const char *list = stand_get(s, "crossrec:course:rec:%s", input_name("u", u));
        STAND_EXPECT(s, list && strstr(list, first));
    }
    /* what fired is remembered over a kill: the lists are ranked again, and nothing is new */
    const int before = streams_found.n;
    stand_kill(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_refresh(s);
    stand_nap_ms(2000);
    assert_true(streams_count(s, "course", "top", NULL) <=
                before + 8); /* other ranks of the same model */
    for (int u = 0; u < 8; u++) {
        char item[STREAMS_TEXT] = "";
        for (int k = 0; k < streams_found.n; k++) {
            if (strcmp(streams_found.all[k].name, "top") == 0 &&
                strcmp(streams_found.all[k].user, input_name("u", u)) == 0) {
                assert_string_not_equal(item, streams_found.all[k].item);
                snprintf(item, sizeof item, "%s", streams_found.all[k].item);
            }
        }
    }
    stand_term(s);
}

static void a_stream_keeps_about_as_many_as_it_is_told_to(void **state) {
    struct stand *s = *state;
    streams_begin(s, "maxlen");
    stand_set(s, "trigger.maxlen", "100");
    streams_create(s);
    stand_start(s);
    enum { MANY = 24 };
    for (int k = 0; k < MANY; k++) {
        streams_cross_over(s, k * STREAMS_CROSSING);
    }
    STAND_AWAIT(s, stand_metric(s, "crossrec_triggers_relayed_total", NULL) ==
                       MANY * STREAMS_CROSSING);
    streams_read(s, "course");
    assert_true(streams_found.n < MANY * STREAMS_CROSSING && streams_found.n >= 3 * 100);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_trimmed_total", NULL) ==
                        MANY * STREAMS_CROSSING - streams_found.n);
    stand_term(s);
}

static void without_durable_state_triggers_are_off_and_the_log_says_so(void **state) {
    struct stand *s = *state;
    streams_begin(s, "memory");
    stand_set(s, "state", "memory");
    streams_create(s);
    stand_start(s);
    streams_cross_over(s, 0);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 3 * STREAMS_CROSSING);
    STAND_EXPECT(s, stand_logged(s, "triggers are off: they need state = kafka"));
    streams_read(s, "course");
    assert_int_equal(streams_found.n, 0);
    stand_term(s);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    input_ids_shipped();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_first_purchase_in_the_other_domain_fires_once_and_names_the_item_to_its_own_partner_only),
        cmocka_unit_test(
            lifecycle_changes_fire_once_by_event_time_and_the_dormant_ones_without_an_event),
        cmocka_unit_test(a_change_of_segment_fires),
        cmocka_unit_test(another_first_item_with_a_high_score_fires_for_each_of_them_once),
        cmocka_unit_test(a_stream_keeps_about_as_many_as_it_is_told_to),
        cmocka_unit_test(without_durable_state_triggers_are_off_and_the_log_says_so),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
