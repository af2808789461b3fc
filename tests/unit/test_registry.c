/* SPDX-License-Identifier: Apache-2.0
 *
 * test_registry.c -- the contract of registry.h against a server that behaves as badly as servers
 * do. The states of an id by the clock: test_registry_ids.c; answers: test_registry_answer.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake_registry.h"
#include "log.h"
#include "registry.h"

enum { WAIT_MS = 10000, PATH_LEN = 512 };

static const char SCHEMA[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}";

static const struct registry_periods QUICK = {
    .again_ms = 20, .negative_ms = 150, .backoff_ms = 5, .backoff_max_ms = 20, .idle_ms = 60000};

struct fixture {
    struct config cfg;
    struct fake_registry *server;
    struct registry *registry;
    struct lookup lookup;
    const char *json;
    size_t len;
    char why[1024], err[CONFIG_ERROR_MAX];
    char dir[64], log[64]; /* cache; lines */
    int log_fd;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    f->server = fake_registry_start();
    snprintf(f->cfg.registry_url, sizeof f->cfg.registry_url, "%s", fake_registry_url(f->server));
    f->cfg.registry_timeout_ms = 2000;
    f->cfg.registry_grace_ms = 100;
    strcpy(f->dir, "/tmp/test-registry-XXXXXX");
    strcpy(f->log, "/tmp/test-registry-log-XXXXXX");
    f->log_fd = mkstemp(f->log);
    log_set_fd(f->log_fd);
    return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char command[256];
    registry_stop(f->registry);
    fake_registry_stop(f->server);
    log_set_fd(2);
    close(f->log_fd);
    unlink(f->log);
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -r %s", f->dir, f->dir);
    const int rc = system(command);
    free(f);
    return rc;
}

static void start(struct fixture *f) {
    if (registry_start_with(&f->cfg, &QUICK, &f->registry, f->err)) {
        fail_msg("%s", f->err);
    }
    f->lookup = registry_lookup(f->registry);
}

static void restart(struct fixture *f) {
    registry_stop(f->registry);
    f->registry = NULL;
    start(f);
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
    const struct timespec t = {.tv_nsec = 1000000};
    nanosleep(&t, NULL);
}

/* Waits for a condition. */
#define AWAIT(what)                                                                                \
    do {                                                                                           \
        for (int64_t end_ = now_ms() + WAIT_MS; !(what);) {                                        \
            if (now_ms() > end_) {                                                                 \
                fail_msg("never: %s", #what);                                                      \
            }                                                                                      \
            nap();                                                                                 \
        }                                                                                          \
    } while (0)

static size_t count_in_log(const struct fixture *f, const char *text) {
    static char all[65536];
    const ssize_t n = pread(f->log_fd, all, sizeof all - 1, 0);
    size_t count = 0;
    all[n > 0 ? n : 0] = '\0';
    for (const char *p = all; (p = strstr(p, text)) != NULL; p++) {
        count++;
    }
    return count;
}

static void cache_file(const struct fixture *f, const char *name, char path[PATH_LEN]) {
    char url[64];
    snprintf(url, sizeof url, "%s", fake_registry_url(f->server));
    for (char *p = url; *p; p++) {
        *p = *p == ':' || *p == '/' ? '_' : *p;
    }
    snprintf(path, PATH_LEN, "%s/deep/down/%s/%s", f->dir, url, name);
}

static void use_cache(struct fixture *f) {
    snprintf(f->cfg.registry_cache, sizeof f->cfg.registry_cache, "%s/deep/down", f->dir);
}

/* ---- good answers ------------------------------------------------------------------------ */

static void a_schema_is_fetched_once_and_stays(void **state) {
    struct fixture *f = *state;
    fake_registry_put_schema(f->server, 7, SCHEMA);
    start(f);
    assert_int_equal(fake_registry_count(f->server, NULL), 0); /* connects to nothing yet */
    assert_int_equal(get(f, 7), LOOKUP_WAITING);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_string_equal(f->json, SCHEMA);
    assert_int_equal(f->len, sizeof SCHEMA - 1);
    const char *json = f->json;
    for (unsigned id = 100; id < 140; id++) {
        fake_registry_put_schema(f->server, id, "\"int\"");
        AWAIT(get(f, id) == LOOKUP_READY);
    }
    assert_int_equal(get(f, 7), LOOKUP_READY);
    assert_ptr_equal(f->json, json);
    assert_int_equal(fake_registry_count(f->server, "GET /schemas/ids/7"), 1);
    assert_false(problem(f));
}

static void any_number_of_lookups_makes_one_request_an_id(void **state) {
    struct fixture *f = *state;
    fake_registry_put_schema(f->server, 7, SCHEMA);
    fake_registry_set_mood(f->server, FAKE_SLEEPS);
    start(f);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(get(f, 7), LOOKUP_WAITING);
        assert_int_equal(get(f, 8), LOOKUP_WAITING);
    }
    AWAIT(fake_registry_count(f->server, NULL) == 1);
    for (int i = 0; i < 50; i++) {
        get(f, 7);
        nap();
    }
    assert_int_equal(fake_registry_count(f->server, NULL), 1);
}

static void a_lookup_never_waits_for_the_server(void **state) {
    struct fixture *f = *state;
    int64_t longest = 0;
    fake_registry_set_mood(f->server, FAKE_SLEEPS);
    f->cfg.registry_timeout_ms = 300;
    start(f);
    for (int64_t end = now_ms() + 500; now_ms() < end;) {
        const int64_t before = now_ms();
        get(f, (uint32_t)(before % 3));
        (void)problem(f);
        const int64_t took = now_ms() - before;
        longest = took > longest ? took : longest;
        nap();
    }
    assert_true(longest < 150); /* of a machine that others use too */
}

/* ---- unknown ids ------------------------------------------------------------------------- */

static void an_unknown_id_gets_its_grace_and_is_asked_for_again_later(void **state) {
    struct fixture *f = *state;
    start(f);
    const int64_t begin = now_ms();
    AWAIT(get(f, 9) != LOOKUP_WAITING);
    assert_int_equal(get(f, 9), LOOKUP_UNKNOWN);
    assert_true(now_ms() - begin >= 100);
    const size_t asked = fake_registry_count(f->server, "GET /schemas/ids/9");
    assert_in_range(asked, 2, 7); /* every 20 ms of 100, first and last included */
    assert_false(problem(f));
    AWAIT(count_in_log(f, "does not know") == 1);
    nap();
    assert_int_equal(fake_registry_count(f->server, NULL), asked); /* not before 150 ms are over */
    fake_registry_put_schema(f->server, 9, SCHEMA);
    AWAIT(get(f, 9) == LOOKUP_READY);
    assert_int_equal(fake_registry_count(f->server, NULL), asked + 1);
    assert_true(now_ms() - begin >= 250);
    assert_int_equal(count_in_log(f, "does not know"), 1);
}

static void a_producer_may_be_ahead_of_its_registration(void **state) {
    struct fixture *f = *state;
    f->cfg.registry_grace_ms = 60000;
    start(f);
    get(f, 9);
    AWAIT(fake_registry_count(f->server, NULL) >= 3);
    assert_int_equal(get(f, 9), LOOKUP_WAITING);
    assert_false(problem(f));
    fake_registry_put_schema(f->server, 9, SCHEMA);
    AWAIT(get(f, 9) == LOOKUP_READY);
    assert_int_equal(count_in_log(f, "msg="), 0);
}

static void a_404_of_somebody_else_makes_no_id_unknown(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "GET /schemas/ids/9", 404, "<html>not here</html>");
    start(f);
    for (int64_t end = now_ms() + 300; now_ms() < end; nap()) {
        assert_int_equal(get(f, 9), LOOKUP_WAITING);
    }
    assert_true(problem(f));
    assert_non_null(strstr(f->why, "/apis/ccompat/v7"));
}

static void a_schema_with_references_is_unknown_and_says_so(void **state) {
    struct fixture *f = *state;
    f->cfg.registry_grace_ms = 60000;
    fake_registry_put(f->server, "GET /schemas/ids/5", 200,
                      "{\"schema\":\"\\\"A\\\"\",\"references\":[{\"name\":\"A\",\"subject\":\"a\","
                      "\"version\":1}]}");
    start(f);
    AWAIT(get(f, 5) == LOOKUP_UNKNOWN);
    assert_true(problem(f));
    assert_non_null(strstr(f->why, "schema id 5"));
    assert_non_null(strstr(f->why, "references"));
    AWAIT(!problem(f)); /* nobody asks any more */
    assert_int_equal(count_in_log(f, "references"), 1);
}

/* ---- bad servers ------------------------------------------------------------------------- */

static void waits_says_why_and_recovers(struct fixture *f, const char *why) {
    get(f, 7);
    AWAIT(fake_registry_count(f->server, NULL) >= 3);
    assert_int_equal(get(f, 7), LOOKUP_WAITING);
    AWAIT(problem(f));
    if (!strstr(f->why, why) || !strstr(f->why, fake_registry_url(f->server)) ||
        !strstr(f->why, "1 schema id waits")) {
        fail_msg("%s", f->why);
    }
    fake_registry_put_schema(f->server, 7, SCHEMA);
    fake_registry_set_mood(f->server, FAKE_ANSWERS);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_false(problem(f));
    AWAIT(count_in_log(f, "answers again") == 1);
    assert_int_equal(count_in_log(f, "does not answer"), 1); /* once, not once a try */
}

static void an_error_of_the_server_is_waited_out(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "GET /schemas/ids/7", 500, "{\"error_code\":50001}");
    start(f);
    waits_says_why_and_recovers(f, "answers 500");
}

static void a_wrong_password_says_what_to_set(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "GET /schemas/ids/7", 401, "");
    start(f);
    waits_says_why_and_recovers(f, "registry.password");
}

static void a_redirection_is_not_followed(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "GET /schemas/ids/7", 302, "");
    start(f);
    waits_says_why_and_recovers(f, "put the address to which it leads");
}

static void closed_connections_are_waited_out(void **state) {
    struct fixture *f = *state;
    fake_registry_set_mood(f->server, FAKE_CLOSES);
    start(f);
    waits_says_why_and_recovers(f, "Empty reply");
}

static void garbage_is_no_answer(void **state) {
    struct fixture *f = *state;
    fake_registry_set_mood(f->server, FAKE_GARBAGE);
    start(f);
    waits_says_why_and_recovers(f, "HTTP");
}

static void half_an_answer_is_none(void **state) {
    struct fixture *f = *state;
    fake_registry_set_mood(f->server, FAKE_HALF);
    start(f);
    waits_says_why_and_recovers(f, " bytes "); /* of curl 7: remaining, of curl 8: missing */
}

static void more_than_a_mebibyte_is_no_answer(void **state) {
    struct fixture *f = *state;
    fake_registry_set_mood(f->server, FAKE_HUGE);
    start(f);
    waits_says_why_and_recovers(f, "more than 1 MiB");
}

static void a_slow_server_is_given_up_after_the_timeout(void **state) {
    struct fixture *f = *state;
    f->cfg.registry_timeout_ms = 100;
    fake_registry_set_mood(f->server, FAKE_SLEEPS);
    start(f);
    waits_says_why_and_recovers(f, "registry.timeout");
}

static void a_server_that_is_away_is_waited_for(void **state) {
    struct fixture *f = *state;
    fake_registry_put_schema(f->server, 7, SCHEMA);
    fake_registry_close(f->server);
    start(f);
    get(f, 7);
    AWAIT(problem(f));
    assert_non_null(strstr(f->why, fake_registry_url(f->server)));
    assert_int_equal(get(f, 7), LOOKUP_WAITING);
    get(f, 8);
    AWAIT(problem(f) && strstr(f->why, "2 schema ids wait"));
    fake_registry_open(f->server);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_int_equal(count_in_log(f, "does not answer"), 1);
}

static void a_404_of_the_registry_ends_the_trouble_too(void **state) {
    struct fixture *f = *state;
    f->cfg.registry_grace_ms = 60000;
    fake_registry_set_mood(f->server, FAKE_CLOSES);
    start(f);
    get(f, 9);
    AWAIT(problem(f));
    fake_registry_set_mood(f->server, FAKE_ANSWERS);
    AWAIT(!problem(f));
    assert_int_equal(get(f, 9), LOOKUP_WAITING);
    AWAIT(count_in_log(f, "answers again") == 1);
}

static void one_id_that_makes_the_server_fail_does_not_hold_up_the_others(void **state) {
    struct fixture *f = *state;
    fake_registry_put(f->server, "GET /schemas/ids/1", 500, "");
    fake_registry_put_schema(f->server, 2, SCHEMA);
    start(f);
    get(f, 1);
    AWAIT(fake_registry_count(f->server, NULL) >= 3);
    AWAIT(get(f, 2) == LOOKUP_READY);
    assert_int_equal(get(f, 1), LOOKUP_WAITING);
}

static void the_next_url_takes_over_at_once_and_is_kept(void **state) {
    struct fixture *f = *state;
    struct fake_registry *other = fake_registry_start();
    fake_registry_put_schema(other, 7, SCHEMA);
    fake_registry_put_schema(other, 8, SCHEMA);
    fake_registry_put(f->server, "GET /schemas/ids/7", 503, "");
    snprintf(f->cfg.registry_url, sizeof f->cfg.registry_url, " %s/ , %s//",
             fake_registry_url(f->server), fake_registry_url(other));
    start(f);
    get(f, 7);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_int_equal(fake_registry_count(f->server, NULL), 1);
    assert_int_equal(fake_registry_count(other, "GET /schemas/ids/7"), 1); /* no double slash */
    AWAIT(get(f, 8) == LOOKUP_READY);
    assert_int_equal(fake_registry_count(f->server, NULL), 1); /* the other one is kept */
    assert_int_equal(count_in_log(f, "does not answer"), 0);
    fake_registry_close(other);
    fake_registry_put_schema(f->server, 9, SCHEMA);
    AWAIT(get(f, 9) == LOOKUP_READY); /* and back */
    fake_registry_close(f->server);
    get(f, 10);
    AWAIT(problem(f));
    assert_non_null(strstr(f->why, fake_registry_url(f->server)));
    assert_non_null(strstr(f->why, fake_registry_url(other)));
    fake_registry_open(f->server);
    fake_registry_stop(other);
}

/* ---- who asks ----------------------------------------------------------------------------- */

static void basic_auth_is_sent(void **state) {
    struct fixture *f = *state;
    fake_registry_put_schema(f->server, 7, SCHEMA);
    strcpy(f->cfg.registry_user, "Aladdin");
    strcpy(f->cfg.registry_password, "open sesame");
    start(f);
    AWAIT(get(f, 7) == LOOKUP_READY);
    /* RFC 1945, section 11.1 */
    assert_non_null(strstr(fake_registry_last(f->server),
                           "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
}

static void without_a_user_no_auth_is_sent(void **state) {
    struct fixture *f = *state;
    fake_registry_put_schema(f->server, 7, SCHEMA);
    start(f);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_null(strstr(fake_registry_last(f->server), "Authorization"));
    assert_non_null(strstr(fake_registry_last(f->server),
                           "\r\nAccept: application/vnd.schemaregistry.v1+json"));
}

static void stopping_ends_a_request_that_hangs(void **state) {
    struct fixture *f = *state;
    f->cfg.registry_timeout_ms = 60000;
    fake_registry_set_mood(f->server, FAKE_SLEEPS);
    start(f);
    get(f, 7);
    AWAIT(fake_registry_count(f->server, NULL) == 1);
    const int64_t begin = now_ms();
    registry_stop(f->registry);
    f->registry = NULL;
    assert_true(now_ms() - begin < 3000);
    assert_int_equal(count_in_log(f, "msg="), 0); /* that was no failure */
    registry_stop(NULL);
}

/* ---- cache -------------------------------------------------------------------------------- */

static void a_start_without_the_registry_uses_the_cache(void **state) {
    struct fixture *f = *state;
    char path[PATH_LEN];
    use_cache(f);
    fake_registry_put_schema(f->server, 7, SCHEMA);
    start(f);
    AWAIT(get(f, 7) == LOOKUP_READY);
    cache_file(f, "7.avsc", path);
    AWAIT(access(path, R_OK) == 0);
    fake_registry_close(f->server);
    restart(f);
    AWAIT(get(f, 7) == LOOKUP_READY);
    assert_string_equal(f->json, SCHEMA);
    assert_false(problem(f));
    get(f, 8); /* is not in it */
    AWAIT(problem(f));
    fake_registry_open(f->server);
    assert_int_equal(fake_registry_count(f->server, "GET /schemas/ids/7"), 1);
}

static void a_damaged_file_is_fetched_again_and_mended(void **state) {
    struct fixture *f = *state;
    char path[PATH_LEN];
    char text[256] = "";
    use_cache(f);
    cache_file(f, "7.avsc", path);
    fake_registry_put_schema(f->server, 7, SCHEMA);
    static const size_t lengths[] = {0, 1, 20, sizeof SCHEMA - 2};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        restart(f);
        AWAIT(get(f, 7) == LOOKUP_READY);
        AWAIT(access(path, R_OK) == 0);
        assert_int_equal(truncate(path, (off_t)lengths[i]), 0);
        restart(f);
        AWAIT(get(f, 7) == LOOKUP_READY);
        assert_string_equal(f->json, SCHEMA);
        FILE *in = fopen(path, "rb");
        assert_non_null(in);
        text[fread(text, 1, sizeof text - 1, in)] = '\0';
        fclose(in);
        assert_string_equal(text, SCHEMA);
        if (i == 0) { /* then zeros, as after a crash of the machine */
            assert_int_equal(truncate(path, 0), 0);
            assert_int_equal(truncate(path, 100), 0);
        }
    }
    cache_file(f, "", path);
    DIR *d = opendir(path);
    assert_non_null(d);
    int files = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        files += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    }
    closedir(d);
    assert_int_equal(files, 1); /* nothing half-written lies about */
}

static void what_is_no_schema_is_not_cached(void **state) {
    struct fixture *f = *state;
    char path[PATH_LEN];
    use_cache(f);
    fake_registry_put_schema(f->server, 7, "no json");
    start(f);
    AWAIT(get(f, 9) == LOOKUP_UNKNOWN);
    AWAIT(get(f, 7) == LOOKUP_READY);
    cache_file(f, "7.avsc", path);
    assert_int_not_equal(access(path, F_OK), 0);
    cache_file(f, "9.avsc", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_cache_that_cannot_be_made_stops_the_start(void **state) {
    struct fixture *f = *state;
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/file", f->dir);
    fclose(fopen(path, "w"));
    strcpy(f->cfg.registry_cache, path);
    assert_int_equal(registry_start(&f->cfg, &f->registry, f->err), ST_IO);
    assert_null(f->registry);
    assert_non_null(strstr(f->err, "registry.cache"));
    assert_non_null(strstr(f->err, "Not a directory"));
}

static void a_cache_that_cannot_be_written_is_said_once_and_no_obstacle(void **state) {
    struct fixture *f = *state;
    char path[PATH_LEN];
    char command[PATH_LEN + 16];
    use_cache(f);
    start(f);
    cache_file(f, "", path);
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
    for (unsigned id = 1; id <= 3; id++) {
        fake_registry_put_schema(f->server, id, SCHEMA);
        AWAIT(get(f, id) == LOOKUP_READY);
    }
    assert_int_equal(count_in_log(f, "registry.cache"), 1);
}

/* ---- configuration ------------------------------------------------------------------------ */

static void a_url_that_is_none_is_refused_with_the_reason(void **state) {
    struct fixture *f = *state;
    static const char *const rows[][2] = {
        {"", "registry.url is not set"},
        {" , ,", "registry.url"},
        {"registry:8081", "must begin with http://"},
        {"ftp://registry", "must begin with http://"},
        {"file:///etc/passwd", "must begin with http://"},
        {"http://", "is no address"},
        {"http://a:99999", "is no address"},
        {"http://a b", "is no address"},
        {"http://me:secret@a", "registry.password"},
        {"http://me@a", "registry.user"},
        {"http://a?x=1", "has a ?"},
        {"http://a,https://b,c", "registry.url = c: must"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(f->cfg.registry_url, rows[i][0]);
        assert_int_equal(registry_start(&f->cfg, &f->registry, f->err), ST_INVALID);
        assert_null(f->registry);
        if (!strstr(f->err, rows[i][1]) || strstr(f->err, "secret")) {
            fail_msg("%s: %s", rows[i][0], f->err);
        }
    }
}

static void an_authority_that_cannot_be_read_is_refused(void **state) {
    struct fixture *f = *state;
    strcpy(f->cfg.registry_ca, "/nonexistent/ca.pem");
    assert_int_equal(registry_start(&f->cfg, &f->registry, f->err), ST_INVALID);
    assert_non_null(strstr(f->err, "registry.ca = /nonexistent/ca.pem: No such file"));
    assert_null(f->registry);
}

/* ---- for commands ------------------------------------------------------------------------- */

static void commands_ask_and_wait(void **state) {
    struct fixture *f = *state;
    struct registry_answer a;
    fake_registry_put(
        f->server, "GET /subjects/t-value/versions/latest", 200,
        "{\"subject\":\"t-value\",\"id\":5,\"version\":2,\"schema\":\"\\\"int\\\"\"}");
    assert_int_equal(registry_latest(&f->cfg, "t-value", &a), ST_OK);
    assert_int_equal(a.id, 5);
    assert_int_equal(a.version, 2);
    assert_string_equal(a.schema, "\"int\"");
    registry_answer_free(&a);
    assert_int_equal(registry_latest(&f->cfg, "a/b c-value", &a), ST_NOT_FOUND);
    assert_null(a.schema);
    assert_int_equal(
        fake_registry_count(f->server, "GET /subjects/a%2Fb%20c-value/versions/latest"), 1);
    fake_registry_put_schema(f->server, 5, SCHEMA);
    assert_int_equal(registry_by_id(&f->cfg, 5, &a), ST_OK);
    assert_int_equal(a.id, 5);
    assert_string_equal(a.schema, SCHEMA);
    registry_answer_free(&a);
    assert_int_equal(registry_by_id(&f->cfg, 6, &a), ST_NOT_FOUND);
    fake_registry_close(f->server);
    assert_int_equal(registry_by_id(&f->cfg, 6, &a), ST_IO);
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, fake_registry_url(f->server)));
    strcpy(f->cfg.registry_url, "nonsense");
    assert_int_equal(registry_by_id(&f->cfg, 6, &a), ST_IO);
    assert_non_null(strstr(a.why, "registry.url"));
}

static void a_registration_tells_id_and_version(void **state) {
    struct fixture *f = *state;
    struct registry_answer a;
    fake_registry_put(f->server, "POST /subjects/t-value/versions", 200, "{\"id\":12}");
    fake_registry_put(f->server, "POST /subjects/t-value", 200,
                      "{\"subject\":\"t-value\",\"id\":12,\"version\":3,\"schema\":\"x\"}");
    assert_int_equal(registry_register(&f->cfg, "t-value", SCHEMA, &a), ST_OK);
    assert_int_equal(a.id, 12);
    assert_int_equal(a.version, 3);
    registry_answer_free(&a);
    const char *last = fake_registry_last(f->server);
    assert_non_null(strstr(last, "\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\n"));
    assert_non_null(strstr(last, "\r\n\r\n{\"schema\": \"{\\\"type\\\":\\\"record\\\","));
    fake_registry_put(f->server, "POST /subjects/t-value/versions", 409,
                      "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING_DEFAULT_VALUE\"}");
    assert_int_equal(registry_register(&f->cfg, "t-value", SCHEMA, &a), ST_INVALID);
    assert_int_equal(a.status, 409);
    assert_non_null(strstr(a.why, "READER_FIELD_MISSING_DEFAULT_VALUE"));
    fake_registry_put(f->server, "POST /subjects/t-value/versions", 500, "");
    assert_int_equal(registry_register(&f->cfg, "t-value", SCHEMA, &a), ST_IO);
    assert_int_equal(registry_register(&f->cfg, "t-value", "\xff", &a), ST_IO);
    assert_non_null(strstr(a.why, "UTF-8"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(a_schema_is_fetched_once_and_stays),
        TEST(any_number_of_lookups_makes_one_request_an_id),
        TEST(a_lookup_never_waits_for_the_server),
        TEST(an_unknown_id_gets_its_grace_and_is_asked_for_again_later),
        TEST(a_producer_may_be_ahead_of_its_registration),
        TEST(a_404_of_somebody_else_makes_no_id_unknown),
        TEST(a_schema_with_references_is_unknown_and_says_so),
        TEST(an_error_of_the_server_is_waited_out),
        TEST(a_wrong_password_says_what_to_set),
        TEST(a_redirection_is_not_followed),
        TEST(closed_connections_are_waited_out),
        TEST(garbage_is_no_answer),
        TEST(half_an_answer_is_none),
        TEST(more_than_a_mebibyte_is_no_answer),
        TEST(a_slow_server_is_given_up_after_the_timeout),
        TEST(a_server_that_is_away_is_waited_for),
        TEST(a_404_of_the_registry_ends_the_trouble_too),
        TEST(one_id_that_makes_the_server_fail_does_not_hold_up_the_others),
        TEST(the_next_url_takes_over_at_once_and_is_kept),
        TEST(basic_auth_is_sent),
        TEST(without_a_user_no_auth_is_sent),
        TEST(stopping_ends_a_request_that_hangs),
        TEST(a_start_without_the_registry_uses_the_cache),
        TEST(a_damaged_file_is_fetched_again_and_mended),
        TEST(what_is_no_schema_is_not_cached),
        TEST(a_cache_that_cannot_be_made_stops_the_start),
        TEST(a_cache_that_cannot_be_written_is_said_once_and_no_obstacle),
        TEST(a_url_that_is_none_is_refused_with_the_reason),
        TEST(an_authority_that_cannot_be_read_is_refused),
        TEST(commands_ask_and_wait),
        TEST(a_registration_tells_id_and_version),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
