/* SPDX-License-Identifier: Apache-2.0
 *
 * test_input.c -- everything that comes in, on real Kafka and Redis: all kinds of topics at once,
 * what catalogues, profiles and privacy requests do to lists, and how events are cleaned. With a
 * schema registry: test_input_registry.c; what must not come out: test_input_sensitive.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "input_records.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"

enum {
    PARTITIONS = 4,
    USERS = 8,
    COURSES = 10,
    ROWS = 400, /* of the catalogue before the start: courses that nobody takes, mostly */
    RATE = 50,
};

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                          "[topic.@-social]\ndomain = course\nschema = SocialInteraction\n"
                          "[topic.@-feedback]\ndomain = food\nschema = Feedback\n"
                          "[topic.@-items]\ndomain = course\nschema = Item\n"
                          "[topic.@-profiles]\nschema = UserProfile\n"
                          "[topic.@-privacy]\nschema = PrivacyRequest\n";

static const int64_t HOUR_MS = 3600000;
static const int64_t DAY_MS = 24 * 3600000;
static int64_t start_ms; /* of a test; its events are of the hour before */

/* ---- set-up -------------------------------------------------------------------------- */

static void prepare(struct stand *s, const char *name) {
    start_ms = input_now_ms();
    stand_begin(s, name, input_ini(INI, name));
    stand_set(s, "learn.user.rate", input_name("", RATE));
    stand_set(s, "crossrec.late.max", "60d");
    stand_set(s, "publish.n", "50");
    stand_load(s);
    stand_create_all(s, PARTITIONS);
}

static double of_topic(struct stand *s, const char *metric, const char *topic) {
    char label[64];
    snprintf(label, sizeof label, "topic=\"%s\"", topic);
    return stand_metric(s, metric, label);
}

static double letters(struct stand *s, const char *reason) {
    char label[64];
    snprintf(label, sizeof label, "reason=\"%s\"", reason);
    return stand_metric(s, "crossrec_dead_letters_total", label);
}

static double feedback(struct stand *s, const char *kind) {
    char label[64];
    snprintf(label, sizeof label, "kind=\"%s\"", kind);
    return stand_metric(s, "crossrec_feedback_total", label);
}

/* ---- lists --------------------------------------------------------------------------- */

/* In the list of a user, or in the fallback (user NULL). */
static bool offers(struct stand *s, const char *domain, const char *user, const char *item) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"id\":\"%s\"", item);
    const char *v = user ? stand_get(s, "crossrec:%s:rec:%s", domain, user)
                         : stand_get(s, "crossrec:%s:fallback", domain);
    return v && strstr(v, quoted);
}

/* The list is there, and is empty; and is not. */
static bool is_empty(struct stand *s, const char *domain, const char *user) {
    const char *v = stand_get(s, "crossrec:%s:rec:%s", domain, user);
    return v && strstr(v, "\"items\":[]");
}

static bool has_list(struct stand *s, const char *domain, const char *user) {
    const char *v = stand_get(s, "crossrec:%s:rec:%s", domain, user);
    return v && strstr(v, "\"items\":[{");
}

static bool everybody_has_lists(struct stand *s) {
    for (int u = 0; u < USERS; u++) {
        if (!has_list(s, "course", input_name("u", u)) ||
            !has_list(s, "food", input_name("u", u))) {
            return false;
        }
    }
    return true;
}

/* ---- all topics ---------------------------------------------------------------------- */

/* Every user enrolls in course u, views the next one, orders two dishes, likes what the
 * next one says of a course, and says what became of a list of dishes. */
static void send_events(struct stand *s) {
    for (int u = 0; u < USERS; u++) {
        const char *user = input_name("u", u);
        const int64_t ts = start_ms - HOUR_MS + u * 1000;
        input_view(s, "all-views", input_name("v-", u), user, input_name("course-", u),
                   ACTION_ENROLL, ts);
        input_view(s, "all-views", input_name("w-", u), user, input_name("course-", u + 1),
                   ACTION_VIEW, ts + 1);
        user = input_name("u", u);
        input_order(s, "all-orders", input_name("o-", u), user, input_name("dish-", u), ts + 2);
        input_order(s, "all-orders", input_name("p-", u), user, input_name("dish-", u + 1), ts + 3);
        user = input_name("u", u);
        input_social(s, "all-social", input_name("s-", u), user,
                     input_name("course-", (u + 3) % COURSES), ACTION_LIKE,
                     input_name("u", (u + 1) % USERS), ts + 4);
        for (int k = 0; k < 3; k++) { /* three are seen, two clicked, one taken */
            user = input_name("u", u);
            input_feedback(s, "all-feedback", input_name("i-", 10 * u + k), user,
                           input_name("dish-", k), ACTION_IMPRESSION, ts + 10 + k);
            if (k < 2) {
                input_feedback(s, "all-feedback", input_name("c-", 10 * u + k), user,
                               input_name("dish-", k), ACTION_CLICK, ts + 20 + k);
            }
        }
        input_feedback(s, "all-feedback", input_name("t-", u), input_name("u", u), "dish-0",
                       ACTION_CONVERSION, ts + 30);
    }
}

static void send_rows(struct stand *s) {
    for (int k = 0; k < ROWS; k++) {
        input_item(s, "all-items", input_name("course-", k), start_ms - DAY_MS, k < COURSES,
                   k % 3 ? 10.0 + k : 0);
    }
    for (int u = 0; u < USERS; u++) {
        input_profile(s, "all-profiles", input_name("u", u), start_ms - DAY_MS,
                      u % 2 ? CONSENT_GIVEN : CONSENT_UNKNOWN);
    }
    input_profile(s, "all-profiles", "no-consent", start_ms - DAY_MS, CONSENT_WITHDRAWN);
    input_request(s, "all-privacy", "stopped", start_ms - DAY_MS, PRIVACY_STOP);
}

static void all_kinds_of_topics_are_consumed_at_once(void **state) {
    struct stand *s = *state;
    prepare(s, "all");
    send_rows(s);
    send_events(s);
    input_view(s, "all-views", "v-no", "no-consent", "course-0", ACTION_VIEW, start_ms - HOUR_MS);
    input_view(s, "all-views", "v-st", "stopped", "course-0", ACTION_VIEW, start_ms - HOUR_MS);
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    STAND_EXPECT(s, of_topic(s, "crossrec_global_rows_total", "all-items") == ROWS);
    STAND_EXPECT(s, of_topic(s, "crossrec_global_rows_total", "all-profiles") == USERS + 1);
    STAND_EXPECT(s, of_topic(s, "crossrec_global_rows_total", "all-privacy") == 1);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "all-views") == 2 * USERS);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "all-orders") == 2 * USERS);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "all-social") == USERS);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "all-feedback") == 2 * USERS); /* clicks */
    STAND_AWAIT(s, feedback(s, "impression") == 3 * USERS);
    STAND_AWAIT(s, feedback(s, "click") == 2 * USERS);
    STAND_AWAIT(s, feedback(s, "conversion") == USERS);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_not_allowed_total", "all-views") == 2);
    STAND_AWAIT(s, stand_metric(s, "crossrec_items_withdrawn", NULL) == ROWS - COURSES);
    STAND_AWAIT(s, everybody_has_lists(s));
    STAND_EXPECT(s, !has_list(s, "course", "no-consent") && !has_list(s, "course", "stopped"));
    STAND_EXPECT(s, !offers(s, "course", NULL, input_name("course-", COURSES + 1)));
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
    STAND_EXPECT(s, stand_metric(s, "crossrec_global_bad_rows_total", NULL) == 0);
}

/* ---- why: the daemon of the test before runs on ----------------------------------------- */

static bool answers(const struct stand *s, const char *path, int code, const char *text) {
    char first[32];
    snprintf(first, sizeof first, "HTTP/1.1 %d ", code);
    const char *page = input_http(s, path);
    return strncmp(page, first, strlen(first)) == 0 && strstr(page, text);
}

static void why_a_user_sees_what_he_sees_is_answered(void **state) {
    struct stand *s = *state;
    STAND_EXPECT(s, answers(s, "/explain?user=u2&target=course&n=3", 200, "{\"user\":\"u2\","));
    const char *page = input_http(s, "/explain?user=u2&target=course&n=3");
    STAND_EXPECT(s, strstr(page, "\r\nContent-Type: application/json\r\n"));
    STAND_EXPECT(s, strstr(page, "\"items\":[{\"id\":\"course-"));
    STAND_EXPECT(s, strstr(page, "\"category\":\"maths\"")); /* as its catalogue says */
    STAND_EXPECT(s, strstr(page, "\"events\":{\"course\":3,\"food\":4}"));
    STAND_EXPECT(s, strstr(page, "\"social\":0.2")); /* a like, an hour ago: not quite 1/4 */
    STAND_EXPECT(s, strstr(page, "\"parts\":{\"popular\":"));
    STAND_EXPECT(s, answers(s, "/explain?user=u2&target=food", 200, "\"target\":\"food\""));
    STAND_EXPECT(s, answers(s, "/explain?user=nobody&target=food", 404, "no such user"));
    STAND_EXPECT(s, answers(s, "/explain?user=no-consent&target=food", 404, "no such user"));
    STAND_EXPECT(s, answers(s, "/explain?user=u2&target=drinks", 404, "course, food"));
    STAND_EXPECT(s, answers(s, "/explain?user=u2", 200, "\"target\":\"course\""));
    STAND_EXPECT(s, answers(s, "/explain?user=u2", 200, "\"target\":\"food\""));
    STAND_EXPECT(s, answers(s, "/explain", 400, "Type /explain?user=ID"));
    STAND_EXPECT(s, answers(s, "/explain?user=u2&target=food&n=0", 400, "from 1 to 100"));
}

static void what_the_segments_are_is_answered(void **state) {
    struct stand *s = *state;
    STAND_EXPECT(s, answers(s, "/segments", 200, "\"segments\":["));
    const char *page = input_http(s, "/segments");
    STAND_EXPECT(s, strstr(page, "\r\nContent-Type: application/json\r\n"));
    STAND_EXPECT(s, strstr(page, "\"engagement\":{\"dau\":"));
    STAND_EXPECT(s, strstr(page, "\"overlaps\":[{\"domains\":[\"course\",\"food\"],\"dau\":"));
}

static void what_is_known_of_a_user_is_answered(void **state) {
    struct stand *s = *state;
    STAND_EXPECT(s, answers(s, "/get?user=u2", 200, "\"consent\":\""));
    STAND_EXPECT(s, answers(s, "/get?user=u2", 200, "\"key\":\"crossrec:food:rec:u2\""));
    STAND_EXPECT(s, answers(s, "/get?user=u2", 200, "\"history\":[{\"ts\":"));
    STAND_EXPECT(s, answers(s, "/get?user=no-consent", 404, "he withdrew his consent"));
    STAND_EXPECT(s, answers(s, "/get?user=stopped", 404, "he asked to be left alone"));
    STAND_EXPECT(s, answers(s, "/get?user=nobody", 404, "by his id he would be in partition "));
    STAND_EXPECT(s, answers(s, "/similar?item=course-1", 200, "\"item\":\"course-1\""));
    STAND_EXPECT(s, answers(s, "/similar?item=course-1&target=food", 200, "\"target\":\"food\""));
    STAND_EXPECT(s, answers(s, "/similar?item=nothing", 404, "no such item"));
    STAND_EXPECT(s, answers(s, "/top?domain=course", 200, "\"withdrawn\":"));
    STAND_EXPECT(s, answers(s, "/top?domain=drinks", 404, "course, food"));
}

/* The same by the commands; their output and exit status. */
static int type(struct stand *s, const char *words, char *out, size_t len) {
    char command[512];
    snprintf(command, sizeof command, CROSSREC " %s --set http.address=%s 2>&1", words, s->http);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    const size_t n = fread(out, 1, len - 1, p);
    out[n] = '\0';
    const int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_commands_show_it_to_people(void **state) {
    struct stand *s = *state;
    static char out[65536];
    const size_t len = sizeof out;
    STAND_EXPECT(s, type(s, "explain u2 --target course --n 3", out, len) == 0);
    assert_int_equal(strncmp(out, "u2: ", 4), 0);
    assert_non_null(strstr(out, "\n  course        3 events "));
    assert_non_null(strstr(out, "\ncourse: what he is offered"));
    assert_non_null(strstr(out, "\n  3 course-"));
    assert_non_null(strstr(out, "\n    adds    "));
    assert_null(strstr(out, "\n  4 "));
    assert_null(strstr(out, "\033")); /* no terminal, no colours */
    STAND_EXPECT(s, type(s, "get u2 --json", out, len) == 0);
    assert_int_equal(strncmp(out, "{\"user\":\"u2\",", 13), 0);
    STAND_EXPECT(s, type(s, "get u2", out, len) == 0);
    assert_non_null(strstr(out, "\nfood: what he is offered"));
    assert_null(strstr(out, "    adds    "));
    STAND_EXPECT(s, type(s, "get 'no body'", out, len) == 1);
    assert_non_null(strstr(out, ": no such user in the partitions of this instance, 0-3: "));
    STAND_EXPECT(s, type(s, "get u2 --address 127.0.0.1:1", out, len) == 2);
    STAND_EXPECT(s, type(s, "similar course-1", out, len) == 0);
    assert_non_null(strstr(out, "\nIn food"));
    STAND_EXPECT(s, type(s, "segments", out, len) == 0);
    assert_non_null(strstr(out, "\nWho is active\n"));
    STAND_EXPECT(s, type(s, "top course", out, len) == 0);
    assert_non_null(strstr(out, " of them withdrawn\n"));
    STAND_EXPECT(s, type(s, "top courses", out, len) == 2);
    assert_non_null(strstr(out, "did you mean `course`?"));
}

/* Of the dishes' partner no course is named, of the courses' no dish; the category is. */
static void no_partner_reads_what_was_taken_at_another(void **state) {
    struct stand *s = *state;
    for (int u = 0; u < USERS; u++) {
        const char *food = stand_get(s, "crossrec:food:rec:%s", input_name("u", u));
        STAND_EXPECT(s, food && !strstr(food, "course-"));
        const char *course = stand_get(s, "crossrec:course:rec:%s", input_name("u", u));
        STAND_EXPECT(s, course && !strstr(course, "dish-"));
    }
    STAND_EXPECT(s, stand_metric(s, "crossrec_guard_twin_served", "slice=\"cold\"") >= 0);
    STAND_EXPECT(
        s, answers(s, "/metrics", 200, "\ncrossrec_guard_lead{domain=\"food\",slice=\"known\"} "));
}

/* ---- the catalogue: the daemon of the test before runs on ---------------------------- */

static bool is_on_no_list(struct stand *s, const char *course) {
    bool any = offers(s, "course", NULL, course);
    for (int u = 0; u < USERS; u++) {
        any = any || offers(s, "course", input_name("u", u), course);
    }
    return !any;
}

static void an_item_that_is_switched_off_leaves_all_lists(void **state) {
    struct stand *s = *state;
    STAND_AWAIT(s, offers(s, "course", "u0", "course-5") && offers(s, "course", NULL, "course-5"));
    input_item(s, "all-items", "course-5", start_ms, false, 10);
    stand_flush(s);
    STAND_AWAIT(s, is_on_no_list(s, "course-5"));
    STAND_EXPECT(s, everybody_has_lists(s));                        /* of what is left */
    input_item(s, "all-items", "course-5", start_ms - 1, true, 10); /* older than that: nothing */
    stand_produce(s, "all-items", "course-6", NULL, 0);             /* its row is taken back */
    stand_flush(s);
    STAND_AWAIT(s, is_on_no_list(s, "course-6"));
    STAND_EXPECT(s, is_on_no_list(s, "course-5"));
    input_item(s, "all-items", "course-5", start_ms + 1, true, 10);
    input_item(s, "all-items", "course-6", start_ms + 1, true, 10);
    stand_flush(s);
    STAND_AWAIT(s, offers(s, "course", "u0", "course-5") && offers(s, "course", NULL, "course-5"));
    STAND_AWAIT(s, offers(s, "course", "u0", "course-6"));
}

static double bad_rows(struct stand *s, const char *reason) {
    char label[64];
    snprintf(label, sizeof label, "reason=\"%s\"", reason);
    return stand_metric(s, "crossrec_global_bad_rows_total", label);
}

static void bad_rows_are_counted_and_change_nothing(void **state) {
    struct stand *s = *state;
    const double before = stand_metric(s, "crossrec_global_rows_total", NULL);
    input_item(s, "all-items", "course-7", start_ms + 9, false, -1);
    input_item(s, "all-items", "course-7", start_ms + 9, false, (double)NAN);
    input_item(s, "all-items", "course-7", 1000, false, 1);
    input_item(s, "all-items", "", start_ms + 9, false, 1);
    input_profile(s, "all-profiles", "", start_ms + 9, CONSENT_WITHDRAWN);
    input_request(s, "all-privacy", "u7", 1000, PRIVACY_ERASE);
    stand_produce(s, "all-items", "course-7", "no avro", 7);
    input_item(s, "all-items", "course-8", start_ms + 9, true, 1); /* a good one behind them */
    stand_flush(s);
    STAND_AWAIT(s, bad_rows(s, "number") == 2 && bad_rows(s, "time-past") == 2);
    STAND_AWAIT(s, bad_rows(s, "item-id") == 1 && bad_rows(s, "user-id") == 1);
    STAND_AWAIT(s, bad_rows(s, "wire-header") == 1);
    STAND_AWAIT(s, stand_metric(s, "crossrec_global_rows_total", NULL) == before + 1);
    STAND_EXPECT(s, offers(s, "course", "u0", "course-7") && has_list(s, "course", "u7"));
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
}

/* ---- people -------------------------------------------------------------------------- */

static double not_allowed(struct stand *s) {
    return stand_metric(s, "crossrec_events_not_allowed_total", NULL);
}

static bool is_hidden(struct stand *s, const char *user) {
    return is_empty(s, "course", user) && is_empty(s, "food", user);
}

static void who_withdraws_his_consent_has_empty_lists_and_teaches_nothing(void **state) {
    struct stand *s = *state;
    const double before = not_allowed(s);
    input_profile(s, "all-profiles", "u1", start_ms, CONSENT_WITHDRAWN);
    stand_flush(s);
    STAND_AWAIT(s, is_hidden(s, "u1"));
    const double learned = stand_metric(s, "crossrec_events_total", NULL);
    input_order(s, "all-orders", "o-after", "u1", "dish-1", start_ms + 100);
    input_feedback(s, "all-feedback", "c-after", "u1", "dish-1", ACTION_CLICK, start_ms + 101);
    stand_flush(s);
    STAND_AWAIT(s, not_allowed(s) == before + 2);
    STAND_EXPECT(s, stand_metric(s, "crossrec_events_total", NULL) == learned);
    STAND_EXPECT(s, feedback(s, "click") == 2 * USERS);
    STAND_EXPECT(s, is_hidden(s, "u1"));
    input_profile(s, "all-profiles", "u1", start_ms - 1, CONSENT_GIVEN); /* said before that */
    input_profile(s, "all-profiles", "u2", start_ms, CONSENT_GIVEN);
    stand_flush(s);
    input_order(s, "all-orders", "o-still", "u1", "dish-1", start_ms + 102);
    stand_flush(s);
    STAND_AWAIT(s, not_allowed(s) == before + 3);
    input_profile(s, "all-profiles", "u1", start_ms + 1, CONSENT_GIVEN);
    stand_flush(s);
    STAND_AWAIT(s, of_topic(s, "crossrec_global_rows_total", "all-profiles") == USERS + 5);
    input_order(s, "all-orders", "o-again", "u1", "dish-1", start_ms + 103);
    stand_flush(s);
    STAND_AWAIT(s, has_list(s, "course", "u1") && has_list(s, "food", "u1"));
}

static void who_asks_to_be_left_alone_is(void **state) {
    struct stand *s = *state;
    const double before = not_allowed(s);
    input_request(s, "all-privacy", "u3", start_ms, PRIVACY_STOP);
    stand_flush(s);
    STAND_AWAIT(s, is_hidden(s, "u3"));
    input_order(s, "all-orders", "o3-after", "u3", "dish-1", start_ms + 200);
    stand_flush(s);
    STAND_AWAIT(s, not_allowed(s) == before + 1);
    STAND_EXPECT(s, is_hidden(s, "u3"));
    input_request(s, "all-privacy", "u3", start_ms + 1, PRIVACY_RESUME);
    stand_flush(s);
    STAND_AWAIT(s, of_topic(s, "crossrec_global_rows_total", "all-privacy") == 3);
    input_order(s, "all-orders", "o3-again", "u3", "dish-1", start_ms + 201);
    stand_flush(s);
    STAND_AWAIT(s, has_list(s, "course", "u3") && has_list(s, "food", "u3"));
}

static void who_is_erased_begins_anew(void **state) {
    struct stand *s = *state;
    const double before = not_allowed(s);
    STAND_EXPECT(s, !offers(s, "course", "u4", "course-4")); /* he has enrolled in it */
    input_request(s, "all-privacy", "u4", start_ms, PRIVACY_ERASE);
    stand_flush(s);
    STAND_AWAIT(s, is_hidden(s, "u4"));
    input_order(s, "all-orders", "o4-before", "u4", "dish-1", start_ms - 5);
    input_order(s, "all-orders", "o4-after", "u4", "dish-1", start_ms + 5);
    stand_flush(s);
    STAND_AWAIT(s, not_allowed(s) == before + 1);
    STAND_AWAIT(s, has_list(s, "food", "u4") && offers(s, "course", "u4", "course-4"));
    stand_term(s);
}

/* ---- cleaning ------------------------------------------------------------------------ */

static void the_same_event_id_again_counts_once(void **state) {
    struct stand *s = *state;
    prepare(s, "twice");
    for (int n = 0; n < 3; n++) {
        for (int u = 0; u < USERS; u++) {
            const char *user = input_name("u", u);
            const int64_t ts = start_ms - HOUR_MS + u;
            input_view(s, "twice-views", input_name("v-", u), user, "course-1", ACTION_VIEW, ts);
            input_order(s, "twice-orders", input_name("o-", u), user, "dish-1", ts + n);
            input_feedback(s, "twice-feedback", input_name("c-", u), user, "dish-1", ACTION_CLICK,
                           ts);
        }
    }
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_duplicate_events_total", NULL) == 6 * USERS);
    STAND_EXPECT(s, stand_metric(s, "crossrec_events_total", NULL) == 3 * USERS);
    STAND_EXPECT(s, feedback(s, "click") == USERS);
    stand_term(s);
}

/* A minute that no other event of the test is in. */
static void who_floods_teaches_no_more_than_the_rate_in_a_minute(void **state) {
    struct stand *s = *state;
    prepare(s, "flood");
    const int64_t minute = (start_ms - 2 * HOUR_MS) / 60000 * 60000;
    for (int n = 0; n < 3 * RATE; n++) {
        input_view(s, "flood-views", input_name("v-", n), "loud", "course-1", ACTION_VIEW,
                   minute + n * 100);
    }
    for (int n = 0; n < RATE; n++) { /* just what is allowed */
        input_view(s, "flood-views", input_name("q-", n), "quiet", "course-2", ACTION_VIEW,
                   minute + n * 100);
    }
    for (int n = 0; n < 5; n++) { /* the next minute is a new one */
        input_view(s, "flood-views", input_name("n-", n), "loud", "course-1", ACTION_VIEW,
                   minute + 60000 + n);
    }
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, of_topic(s, "crossrec_flooded_events_total", "flood-views") == 2 * RATE);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "flood-views") == 2 * RATE + 5);
    STAND_EXPECT(s, of_topic(s, "crossrec_records_total", "flood-views") == 4 * RATE + 5);
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
    stand_term(s);
}

/* The score of an item of the fallback: a logarithm (base 2) of its share of 7 days. */
static double share_of(struct stand *s, const char *item) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "{\"id\":\"%s\",\"score\":", item);
    const char *v = stand_get(s, "crossrec:course:fallback");
    const char *at = v ? strstr(v, quoted) : NULL;
    return at ? strtod(at + strlen(quoted), NULL) : (double)NAN;
}

/* A change of scores alone is not written: what stands may have those of a moment before. */
static void publish_anew(struct stand *s) {
    redisReply *r = redisCommand(s->client, "FLUSHALL");
    assert_non_null(r);
    freeReplyObject(r);
}

/* Two weeks are two half-lives: eight such events weigh as much as two of now, whenever they come.
 */
static void late_events_are_placed_by_their_own_time(void **state) {
    struct stand *s = *state;
    prepare(s, "late");
    stand_start(s);
    for (int n = 0; n < 4; n++) {
        input_view(s, "late-views", input_name("new-", n), input_name("u", n), "course-new",
                   ACTION_ENROLL, start_ms - 1000);
    }
    stand_flush(s);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "late-views") == 4);
    for (int n = 0; n < 8; n++) {
        input_view(s, "late-views", input_name("old-", n), input_name("u", n % 4), "course-old",
                   ACTION_ENROLL, start_ms - 1000 - 14 * DAY_MS + n);
    }
    stand_flush(s);
    STAND_AWAIT(s, of_topic(s, "crossrec_events_total", "late-views") == 12);
    STAND_EXPECT(s, stand_metric(s, "crossrec_late_events_total", NULL) == 8);
    STAND_AWAIT(s, fabs(stand_metric(s, "crossrec_stream_time_seconds", NULL) -
                        (double)(start_ms - 1000) * 1e-3) < 0.01);
    publish_anew(s);
    STAND_AWAIT(s, fabs(share_of(s, "course-new") - share_of(s, "course-old") - 1.0) < 0.01);
    STAND_AWAIT(s, has_list(s, "course", "u0") || is_empty(s, "course", "u0"));
    STAND_EXPECT(s, !offers(s, "course", "u0", "course-old")); /* taken, if long ago */
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
}

/* The daemon of the test before runs on. */
static void what_cannot_be_an_event_is_a_dead_letter_with_its_reason(void **state) {
    struct stand *s = *state;
    char err[CONFIG_ERROR_MAX] = "";
    const double learned = stand_metric(s, "crossrec_events_total", NULL);
    const int64_t now = input_now_ms();
    input_view(s, "late-views", "x-1", "u1", "course-1", ACTION_VIEW, 946684799999);
    input_view(s, "late-views", "x-2", "u1", "course-1", ACTION_VIEW, now + 3600000);
    input_view(s, "late-views", "x-3", "", "course-1", ACTION_VIEW, now);
    input_view(s, "late-views", "", "u1", "course-1", ACTION_VIEW, now);
    input_view(s, "late-views", "x-4", "u1", "", ACTION_VIEW, now);
    input_view(s, "late-views", "x-5", "u1", "course-1", ACTION_VIEW, now + 300000); /* good */
    const struct avro_bytes *b = input_last();
    stand_produce(s, "late-views", "u1", b->bytes, b->n - 3);
    stand_produce(s, "late-views", "u1", NULL, 0);
    const int32_t right = kafka_partition_of("murmur2", "u1", 2, PARTITIONS);
    assert_int_equal(kafka_produce_to(s->producer, "late-views", (right + 1) % PARTITIONS, "u1", 2,
                                      b->bytes, b->n, 0, NULL, 0),
                     ST_OK);
    assert_int_equal(kafka_producer_flush(s->producer, 20000, err, sizeof err), ST_OK);
    STAND_AWAIT(s, letters(s, "wrong-partition") == 1 && letters(s, "decode") == 1);
    STAND_AWAIT(s, letters(s, "time-past") == 1 && letters(s, "time-future") == 1);
    STAND_AWAIT(s, letters(s, "user-id") == 1 && letters(s, "event-id") == 1);
    STAND_AWAIT(s, letters(s, "item-id") == 1 && letters(s, "empty") == 1);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == learned + 1);
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) == 8);
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 8);
    stand_term(s);
}

/* ---- all of them --------------------------------------------------------------------- */

static int open_all(void **state) {
    static struct stand s;
    *state = &s;
    input_ids_shipped();
    return stand_open(&s);
}

static int close_all(void **state) {
    struct stand *s = *state;
    stand_close(s);
    return s->ini ? remove(s->ini) : 0;
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_of_topics_are_consumed_at_once),
        cmocka_unit_test(why_a_user_sees_what_he_sees_is_answered),
        cmocka_unit_test(what_the_segments_are_is_answered),
        cmocka_unit_test(what_is_known_of_a_user_is_answered),
        cmocka_unit_test(the_commands_show_it_to_people),
        cmocka_unit_test(no_partner_reads_what_was_taken_at_another),
        cmocka_unit_test(an_item_that_is_switched_off_leaves_all_lists),
        cmocka_unit_test(bad_rows_are_counted_and_change_nothing),
        cmocka_unit_test(who_withdraws_his_consent_has_empty_lists_and_teaches_nothing),
        cmocka_unit_test(who_asks_to_be_left_alone_is),
        cmocka_unit_test(who_is_erased_begins_anew),
        cmocka_unit_test(the_same_event_id_again_counts_once),
        cmocka_unit_test(who_floods_teaches_no_more_than_the_rate_in_a_minute),
        cmocka_unit_test(late_events_are_placed_by_their_own_time),
        cmocka_unit_test(what_cannot_be_an_event_is_a_dead_letter_with_its_reason),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
