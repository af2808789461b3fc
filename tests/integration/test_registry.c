/* SPDX-License-Identifier: Apache-2.0
 *
 * test_registry.c -- registry.h on a real Apicurio Registry that is killed, restarted and slowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "registry.h"
#include "registry_fixture.h"
#include "shipped.h"

enum { WAIT_MS = 30000, MANY = 20 };

static const struct registry_periods QUICK = {
    .again_ms = 50, .negative_ms = 300, .backoff_ms = 20, .backoff_max_ms = 200, .idle_ms = 60000};

struct fixture {
    struct registry_fixture *server;
    struct config cfg;
    struct registry *registry;
    struct lookup lookup;
    const char *json;
    size_t len;
    char why[1024];
};

static int group_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    log_set_level(LOG_LEVEL_ERROR); /* it will be away on purpose */
    f->server = registry_fixture_start();
    return f->server ? 0 : -1;
}

static int group_teardown(void **state) {
    struct fixture *f = *state;
    registry_fixture_stop(f->server);
    free(f);
    return 0;
}

static int setup(void **state) {
    struct fixture *f = *state;
    config_defaults(&f->cfg);
    snprintf(f->cfg.registry_url, sizeof f->cfg.registry_url, "%s",
             registry_fixture_url(f->server));
    f->cfg.registry_cache[0] = '\0';
    f->cfg.registry_timeout_ms = 5000;
    f->cfg.registry_grace_ms = 200;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    registry_stop(f->registry);
    f->registry = NULL;
    return 0;
}

static void start(struct fixture *f) {
    char err[CONFIG_ERROR_MAX];
    if (registry_start_with(&f->cfg, &QUICK, &f->registry, err)) {
        fail_msg("%s", err);
    }
    f->lookup = registry_lookup(f->registry);
}

static enum lookup_state get(struct fixture *f, uint32_t id) {
    return f->lookup.get(f->lookup.ctx, id, &f->json, &f->len);
}

static bool problem(struct fixture *f) {
    f->why[0] = '\0';
    return f->lookup.problem(f->lookup.ctx, f->why, sizeof f->why);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) {
    const struct timespec t = {.tv_nsec = 5000000};
    nanosleep(&t, NULL);
}

#define AWAIT(what)                                                                                \
    do {                                                                                           \
        for (int64_t end_ = now_ms() + WAIT_MS; !(what);) {                                        \
            if (now_ms() > end_) {                                                                 \
                fail_msg("never: %s", #what);                                                      \
            }                                                                                      \
            nap();                                                                                 \
        }                                                                                          \
    } while (0)

/* A schema of its own for each name. */
static uint32_t put(struct fixture *f, const char *name) {
    char subject[64];
    char schema[256];
    struct registry_answer a;
    snprintf(subject, sizeof subject, "%s-value", name);
    snprintf(schema, sizeof schema,
             "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}",
             name);
    if (registry_register(&f->cfg, subject, schema, &a)) {
        fail_msg("%s", a.why);
    }
    assert_true(a.id > 0);
    registry_answer_free(&a);
    return a.id;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void what_is_registered_is_looked_up_by_its_id(void **state) {
    struct fixture *f = *state;
    struct registry_answer a;
    uint32_t ids[READERS];
    for (int r = 0; r < READERS; r++) {
        char subject[64];
        snprintf(subject, sizeof subject, "%s-value", reader_name((enum reader)r));
        for (int again = 0; again < 2; again++) {
            assert_int_equal(registry_register(&f->cfg, subject, shipped_json((enum reader)r), &a),
                             ST_OK);
            assert_int_equal(a.version, 1);
            assert_true(again == 0 || a.id == ids[r]);
            ids[r] = a.id;
            registry_answer_free(&a);
        }
        assert_int_equal(registry_latest(&f->cfg, subject, &a), ST_OK);
        assert_int_equal(a.id, ids[r]);
        assert_int_equal(a.version, 1);
        assert_string_equal(a.schema, shipped_json((enum reader)r));
        registry_answer_free(&a);
        assert_int_equal(registry_by_id(&f->cfg, ids[r], &a), ST_OK);
        assert_string_equal(a.schema, shipped_json((enum reader)r));
        registry_answer_free(&a);
    }
    start(f);
    for (int r = 0; r < READERS; r++) {
        AWAIT(get(f, ids[r]) == LOOKUP_READY);
        assert_string_equal(f->json, shipped_json((enum reader)r));
    }
    assert_false(problem(f));
}

static void what_is_not_there_is_not_found_and_unknown(void **state) {
    struct fixture *f = *state;
    struct registry_answer a;
    assert_int_equal(registry_latest(&f->cfg, "nobody's-value", &a), ST_NOT_FOUND);
    assert_int_equal(registry_by_id(&f->cfg, 4000000, &a), ST_NOT_FOUND);
    assert_int_equal(registry_register(&f->cfg, "bad-value", "{\"type\":\"nonsense\"}", &a),
                     ST_INVALID);
    assert_int_equal(a.status, 422);
    start(f);
    AWAIT(get(f, 4000000) == LOOKUP_UNKNOWN);
    assert_false(problem(f));
    strcpy(strstr(f->cfg.registry_url, "/apis"), ""); /* a path that is not the API's */
    assert_int_equal(registry_by_id(&f->cfg, 4000000, &a), ST_IO);
    assert_non_null(strstr(a.why, "/apis/ccompat/v7"));
}

static void ids_that_are_wanted_come_after_a_kill_and_a_restart(void **state) {
    struct fixture *f = *state;
    uint32_t ids[MANY];
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "Killed%d", i);
        ids[i] = put(f, name);
    }
    start(f);
    AWAIT(get(f, ids[0]) == LOOKUP_READY);
    registry_fixture_kill(f->server);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(get(f, ids[i]), i ? LOOKUP_WAITING : LOOKUP_READY);
    }
    AWAIT(problem(f));
    assert_non_null(strstr(f->why, registry_fixture_url(f->server)));
    assert_non_null(strstr(f->why, "wait"));
    assert_true(registry_fixture_restart(f->server));
    for (int i = 1; i < MANY; i++) {
        AWAIT(get(f, ids[i]) == LOOKUP_READY);
    }
    assert_false(problem(f));
}

static void kills_at_any_moment_lose_nothing(void **state) {
    struct fixture *f = *state;
    uint32_t ids[MANY];
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "Moment%d", i);
        ids[i] = put(f, name);
    }
    start(f);
    for (int i = 0; i < MANY; i++) { /* requests are on their way */
        get(f, ids[i]);
    }
    registry_fixture_kill(f->server);
    assert_true(registry_fixture_restart(f->server));
    for (int i = 0; i < MANY; i++) {
        AWAIT(get(f, ids[i]) == LOOKUP_READY);
        char name[32];
        snprintf(name, sizeof name, "\"Moment%d\"", i);
        assert_non_null(strstr(f->json, name));
    }
}

static void a_registry_that_hangs_is_given_up_and_asked_again(void **state) {
    struct fixture *f = *state;
    const uint32_t id = put(f, "Slow");
    f->cfg.registry_timeout_ms = 300;
    start(f);
    registry_fixture_freeze(f->server);
    int64_t longest = 0;
    AWAIT(get(f, id) == LOOKUP_WAITING && problem(f));
    assert_non_null(strstr(f->why, "registry.timeout"));
    for (int i = 0; i < 100; i++) {
        const int64_t before = now_ms();
        assert_int_equal(get(f, id), LOOKUP_WAITING);
        const int64_t took = now_ms() - before;
        longest = took > longest ? took : longest;
        nap();
    }
    assert_true(longest < 200); /* the learner does not hang with it */
    registry_fixture_thaw(f->server);
    AWAIT(get(f, id) == LOOKUP_READY);
    assert_false(problem(f));
}

static void the_cache_lives_without_the_registry(void **state) {
    struct fixture *f = *state;
    char command[128];
    const uint32_t id = put(f, "Cached");
    strcpy(f->cfg.registry_cache, "/tmp/registry-cache-XXXXXX");
    assert_non_null(mkdtemp(f->cfg.registry_cache));
    start(f);
    AWAIT(get(f, id) == LOOKUP_READY);
    teardown(state);
    registry_fixture_kill(f->server);
    start(f);
    AWAIT(get(f, id) == LOOKUP_READY);
    assert_non_null(strstr(f->json, "\"Cached\""));
    snprintf(command, sizeof command, "rm -r %.100s", f->cfg.registry_cache);
    assert_int_equal(system(command), 0);
    assert_true(registry_fixture_restart(f->server));
}

static void tls_needs_the_right_authority(void **state) {
    struct fixture *f = *state;
    const uint32_t id = put(f, "Secret");
    struct registry_answer a;
    snprintf(f->cfg.registry_url, sizeof f->cfg.registry_url, "%s",
             registry_fixture_tls_url(f->server));
    assert_int_equal(registry_by_id(&f->cfg, id, &a), ST_IO);
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, "registry.ca"));
    snprintf(f->cfg.registry_ca, sizeof f->cfg.registry_ca, "%s", registry_fixture_ca(f->server));
    start(f);
    AWAIT(get(f, id) == LOOKUP_READY);
    /* the right certificate under a wrong name */
    char *host = strstr(f->cfg.registry_url, "127.");
    char rest[64];
    snprintf(rest, sizeof rest, "%s", strchr(host, ':'));
    strcpy(host, "localhost");
    strcat(host, rest);
    assert_int_equal(registry_by_id(&f->cfg, id, &a), ST_IO);
}

#ifdef CROSSREC
/* A partner's next version: without course_id. */
static const char NEW_VERSION[] =
    "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"user_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"long\"}]}";

/* Runs `crossrec schemas ...` on the registry; returns its exit status, *out what it printed. */
static int command(struct fixture *f, const char *args, char *out, size_t len) {
    char line[1024];
    snprintf(line, sizeof line, CROSSREC " schemas %s --set registry.url=%s 2>&1", args,
             registry_fixture_url(f->server));
    FILE *p = popen(line, "r");
    assert_non_null(p);
    out[fread(out, 1, len - 1, p)] = '\0';
    const int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_command_registers_compares_and_checks(void **state) {
    struct fixture *f = *state;
    char out[8192];
    struct registry_answer a;
    assert_int_equal(command(f, "register", out, sizeof out), 0);
    assert_non_null(strstr(out, "course-views-value: CourseView is registered: id "));
    assert_int_equal(command(f, "register", out, sizeof out), 0);
    assert_non_null(strstr(out, "course-views-value: CourseView was there already: id "));
    assert_int_equal(command(f, "diff", out, sizeof out), 0);
    assert_non_null(strstr(out, " is as CourseView"));
    assert_int_equal(command(f, "check", out, sizeof out), 0);
    assert_int_equal(registry_register(&f->cfg, "course-views-value", NEW_VERSION, &a), ST_OK);
    assert_int_equal(a.version, 2);
    registry_answer_free(&a);
    assert_int_equal(command(f, "check", out, sizeof out), 1);
    assert_non_null(strstr(out, "problem: course-views-value version 2"));
    assert_non_null(strstr(out, "course_id"));
    assert_non_null(strstr(out, "ok: food-orders-value"));
    assert_int_equal(command(f, "diff", out, sizeof out), 0);
    assert_non_null(strstr(out, "course_id: missing in the registry"));
}
#endif

int main(void) {
    const int missing = registry_fixture_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(what_is_registered_is_looked_up_by_its_id),
        TEST(what_is_not_there_is_not_found_and_unknown),
        TEST(ids_that_are_wanted_come_after_a_kill_and_a_restart),
        TEST(kills_at_any_moment_lose_nothing),
        TEST(a_registry_that_hangs_is_given_up_and_asked_again),
        TEST(the_cache_lives_without_the_registry),
        TEST(tls_needs_the_right_authority),
#ifdef CROSSREC
        TEST(the_command_registers_compares_and_checks),
#endif
    };
    return cmocka_run_group_tests_name("registry", tests, group_setup, group_teardown);
}
