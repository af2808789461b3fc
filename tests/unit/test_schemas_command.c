/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schemas_command.c -- `crossrec schemas`, by its exit status and what it prints.
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

#include "cli.h"
#include "commands.h"
#include "fake_registry.h"
#include "scratch.h"
#include "shipped.h"

enum { ARGS_MAX = 16 };

/* A partner's next version: course_id is called lesson now. */
static const char RENAMED[] =
    "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"lesson\",\"type\":\"string\"}]}";
/* Another one, that adds a field. */
static const char GROWN[] =
    "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"course_id\",\"type\":\"string\"},"
    "{\"name\":\"tip\",\"type\":\"int\"}]}";

/* One with another type of ts. */
#define WITH_TS(type)                                                                              \
    "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["         \
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"      \
    "{\"name\":\"ts\",\"type\":" type "},{\"name\":\"course_id\",\"type\":\"string\"}]}"

struct fixture {
    struct fake_registry *server;
    char url[96]; /* registry.url=... */
    const char *out, *err;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->server = fake_registry_start();
    snprintf(f->url, sizeof f->url, "registry.url=%s", fake_registry_url(f->server));
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    fake_registry_stop(f->server);
    free(f);
    return 0;
}

/* Runs `crossrec schemas` with these words; the last one is NULL. One of both outputs is kept. */
static int run_keeping(struct fixture *f, int fd, const char *const *words) {
    char *argv[ARGS_MAX] = {NULL};
    char *environment[] = {NULL};
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "crossrec"; /* nobody writes to them */
    argv[argc++] = (char *)(uintptr_t) "schemas";
    for (; *words && argc < ARGS_MAX - 1; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    scratch_capture(fd);
    const int rc = cli_main(&command_schemas, 1, argc, argv, environment);
    const char *text = scratch_captured();
    f->out = fd == 1 ? text : "";
    f->err = fd == 2 ? text : "";
    return rc;
}

#define RUN(f, ...)   run_keeping(f, 1, (const char *const[]){__VA_ARGS__, NULL})
#define WRONG(f, ...) run_keeping(f, 2, (const char *const[]){__VA_ARGS__, NULL})

static void says(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("no \"%s\" in:\n%s", part, text);
    }
}

/* The newest version of a subject. */
static void put_latest(struct fixture *f, const char *subject, int version, const char *schema) {
    char request[128];
    static char body[32768];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"id\":%d,\"version\":%d,\"schema\":\"",
                                100 + version, version);
    for (const char *p = schema; *p; p++) {
        n += (size_t)snprintf(body + n, sizeof body - n, *p == '\n' ? "\\n" : "%s%c",
                              *p == '"' || *p == '\\' ? "\\" : "", *p);
    }
    snprintf(body + n, sizeof body - n, "\"}");
    snprintf(request, sizeof request, "GET /subjects/%s/versions/latest", subject);
    fake_registry_put(f->server, request, 200, body);
}

/* ---- register ----------------------------------------------------------------------------- */

static void register_puts_the_shipped_schemas_of_the_topics(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "POST /subjects/course-views-value/versions", 200, "{\"id\":4}");
    fake_registry_put(f->server, "POST /subjects/course-views-value", 200,
                      "{\"id\":4,\"version\":1}");
    fake_registry_put(f->server, "POST /subjects/food-orders-value/versions", 200, "{\"id\":5}");
    fake_registry_put(f->server, "POST /subjects/food-orders-value", 200,
                      "{\"id\":5,\"version\":2}");
    put_latest(f, "food-orders-value", 2, shipped_json(READER_FOOD_ORDER));
    assert_int_equal(RUN(f, "register", "--set", f->url), CLI_OK);
    says(f->out, "ok: course-views-value: CourseView is registered: id 4, version 1\n");
    says(f->out, "ok: food-orders-value: FoodOrder was there already: id 5, version 2\n");
    assert_int_equal(RUN(f, "register", "--topic", "food-orders", "--set", f->url), CLI_OK);
    assert_null(strstr(f->out, "course-views"));
    says(f->out, "food-orders-value");
}

static void a_registration_that_is_refused_says_why(void **state) {
    struct fixture *f = *state;
    put_latest(f, "course-views-value", 3, RENAMED);
    fake_registry_put(f->server, "POST /subjects/course-views-value/versions", 409,
                      "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING\"}");
    assert_int_equal(RUN(f, "register", "--topic", "course-views", "--set", f->url), CLI_FAILED);
    says(f->out, "problem: course-views-value: CourseView: ");
    says(f->out, "READER_FIELD_MISSING");
    says(f->out, "type crossrec schemas diff");
}

/* ---- diff --------------------------------------------------------------------------------- */

static void diff_tells_every_field(void **state) {
    struct fixture *f = *state;
    put_latest(f, "course-views-value", 3, RENAMED);
    put_latest(f, "food-orders-value", 1, shipped_json(READER_FOOD_ORDER));
    assert_int_equal(RUN(f, "diff", "--set", f->url), CLI_OK);
    says(f->out, "note: course-views-value: version 3 (id 103) and CourseView differ in ");
    says(f->out, "\n    course_id: missing in the registry, and it has no default here");
    says(f->out, "\n    lesson: only in the registry; it is skipped\n");
    says(f->out, "ok: food-orders-value: version 1 (id 101) is as FoodOrder\n");
}

/* ---- check -------------------------------------------------------------------------------- */

static void check_says_which_field_and_why(void **state) {
    struct fixture *f = *state;
    put_latest(f, "course-views-value", 3, RENAMED);
    put_latest(f, "food-orders-value", 1, shipped_json(READER_FOOD_ORDER));
    assert_int_equal(RUN(f, "check", "--set", f->url), CLI_FAILED);
    says(f->out, "problem: course-views-value version 3 (id 103): cannot be read as topic "
                 "course-views needs: course_id: ");
    says(f->out, "ok: food-orders-value version 1 (id 101): can be read");
    put_latest(f, "course-views-value", 4, GROWN);
    assert_int_equal(RUN(f, "check", "--set", f->url), CLI_OK);
    says(f->out, "ok: course-views-value version 4 (id 104): can be read");
}

static void a_subject_that_is_not_there_is_a_note(void **state) {
    struct fixture *f = *state;
    assert_int_equal(RUN(f, "check", "--set", f->url), CLI_OK);
    says(f->out, "note: course-views-value: has no version in the registry\n");
    says(f->out, "note: food-orders-value: has no version in the registry\n");
}

static void what_is_no_avro_schema_is_a_problem(void **state) {
    struct fixture *f = *state;
    put_latest(f, "course-views-value", 1, "{\"type\":\"array\"}");
    fake_registry_put(f->server, "GET /subjects/food-orders-value/versions/latest", 200,
                      "{\"id\":1,\"version\":1,\"schemaType\":\"JSON\",\"schema\":\"{}\"}");
    assert_int_equal(RUN(f, "check", "--set", f->url), CLI_FAILED);
    says(f->out, "is no Avro schema: ");
    says(f->out, "the schema is JSON");
}

static void a_registry_that_is_away_is_asked_once(void **state) {
    struct fixture *f = *state;
    fake_registry_set_mood(f->server, FAKE_CLOSES);
    assert_int_equal(RUN(f, "check", "--set", f->url), CLI_FAILED);
    says(f->out, fake_registry_url(f->server));
    assert_null(strstr(f->out, "food-orders"));
    assert_int_equal(RUN(f, "register", "--set", f->url), CLI_FAILED);
    assert_int_equal(RUN(f, "diff", "--set", f->url), CLI_FAILED);
    fake_registry_set_mood(f->server, FAKE_ANSWERS);
}

static void a_file_is_checked_without_a_registry(void **state) {
    struct fixture *f = *state;
    char good[SCRATCH_PATH_MAX];
    char bad[SCRATCH_PATH_MAX];
    char none[SCRATCH_PATH_MAX];
    scratch_text(good, GROWN);
    scratch_text(bad, RENAMED);
    scratch_text(none, "no json");
    assert_int_equal(RUN(f, "check", good, "--topic", "course-views"), CLI_OK);
    says(f->out, "can be read as topic course-views needs\n");
    assert_int_equal(RUN(f, "check", bad, "--topic", "course-views"), CLI_FAILED);
    says(f->out, "course_id: ");
    assert_int_equal(RUN(f, "check", good, "--topic", "food-orders"), CLI_FAILED);
    assert_int_equal(RUN(f, "check", none, "--topic", "food-orders"), CLI_FAILED);
    says(f->out, "is no Avro schema");
    assert_int_equal(RUN(f, "check", "/nonexistent.avsc", "--topic", "food-orders"), CLI_FAILED);
    says(f->out, "/nonexistent.avsc: No such file");
    assert_int_equal(RUN(f, "check", "/tmp", "--topic", "food-orders"), CLI_FAILED);
    says(f->out, "/tmp: Is a directory");
    unlink(good);
    unlink(bad);
    unlink(none);
}

static void check_names_a_union_of_which_nothing_can_be_read(void **state) {
    struct fixture *f = *state;
    put_latest(f, "course-views-value", 3, WITH_TS("[\"null\",\"string\"]"));
    assert_int_equal(RUN(f, "check", "--topic", "course-views", "--set", f->url), CLI_FAILED);
    says(f->out, "problem: course-views-value version 3 (id 103): cannot be read as topic "
                 "course-views needs: ts: string, needs long; keep");
    put_latest(f, "course-views-value", 4, WITH_TS("[\"null\",\"string\",\"long\"]"));
    assert_int_equal(RUN(f, "check", "--topic", "course-views", "--set", f->url), CLI_OK);
    says(f->out, "ok: course-views-value version 4 (id 104): can be read");
}

/* The daemon reads such records: a writer's defaults are never used. */
static void a_partners_wrong_default_is_no_reason(void **state) {
    struct fixture *f = *state;
    static const char note[] = "\"fields\":[{\"name\":\"note\",\"type\":[\"null\",\"string\"],"
                               "\"default\":\"\"},";
    static char text[16384];
    char path[SCRATCH_PATH_MAX];
    const char *shipped = shipped_json(READER_COURSE_VIEW);
    const char *fields = strstr(shipped, "\"fields\": [");
    assert_non_null(fields);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(fields - shipped), shipped, note,
             fields + strlen("\"fields\": ["));
    scratch_text(path, text);
    assert_int_equal(RUN(f, "check", path, "--topic", "course-views"), CLI_OK);
    says(f->out, "can be read as topic course-views needs\n");
    unlink(path);
}

/* ---- usage -------------------------------------------------------------------------------- */

static void what_is_typed_wrong_is_answered_with_what_to_type(void **state) {
    struct fixture *f = *state;
    assert_int_equal(WRONG(f, "regiter", "--set", f->url), CLI_USAGE);
    says(f->err, "did you mean register");
    assert_int_equal(WRONG(f, "check", "--set", f->url, "--topic", "cours-views"), CLI_USAGE);
    says(f->err, "did you mean course-views");
    assert_int_equal(WRONG(f, "check", "x.avsc"), CLI_USAGE);
    says(f->err, "--topic NAME");
    assert_int_equal(WRONG(f, "diff", "x.avsc", "--set", f->url), CLI_USAGE);
    says(f->err, "takes no file");
    assert_int_equal(WRONG(f, "check"), CLI_USAGE);
    says(f->err, "registry.url is not set; type --set registry.url=");
    assert_int_equal(WRONG(f, "--topic", "course-views"), CLI_USAGE);
    says(f->err, "needs register | diff | check");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(register_puts_the_shipped_schemas_of_the_topics),
        TEST(a_registration_that_is_refused_says_why),
        TEST(diff_tells_every_field),
        TEST(check_says_which_field_and_why),
        TEST(check_names_a_union_of_which_nothing_can_be_read),
        TEST(a_subject_that_is_not_there_is_a_note),
        TEST(what_is_no_avro_schema_is_a_problem),
        TEST(a_registry_that_is_away_is_asked_once),
        TEST(a_file_is_checked_without_a_registry),
        TEST(a_partners_wrong_default_is_no_reason),
        TEST(what_is_typed_wrong_is_answered_with_what_to_type),
    };
    return cmocka_run_group_tests_name("schemas_command", tests, NULL, NULL);
}
