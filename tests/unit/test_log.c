/* SPDX-License-Identifier: Apache-2.0
 *
 * test_log.c -- the sentences of log.h, read back through a pipe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* ---- a pipe in place of stderr ---------------------------------------------------------- */

enum { TEXT_MAX = 1 << 16 };

struct capture {
    int fds[2];
    char text[TEXT_MAX];
};

static int setup(void **state) {
    struct capture *c = calloc(1, sizeof *c);
    if (!c || pipe(c->fds)) {
        return -1;
    }
    fcntl(c->fds[0], F_SETFL, O_NONBLOCK);
    fcntl(c->fds[1], F_SETFL, O_NONBLOCK);
    log_set_fd(c->fds[1]);
    log_set_level(LOG_LEVEL_INFO);
    *state = c;
    return 0;
}

static int teardown(void **state) {
    struct capture *c = *state;
    log_set_fd(STDERR_FILENO);
    close(c->fds[0]);
    close(c->fds[1]);
    free(c);
    return 0;
}

/* Everything logged since the last call. */
static const char *logged(struct capture *c) {
    size_t n = 0;
    ssize_t got;
    while ((got = read(c->fds[0], c->text + n, TEXT_MAX - 1 - n)) > 0) {
        n += (size_t)got;
    }
    c->text[n] = '\0';
    return c->text;
}

/* The same, of one line, without its time stamp and newline. */
static const char *logged_line(struct capture *c) {
    logged(c);
    size_t n = strlen(c->text);
    assert_true(n > 0 && strchr(c->text, '\n') == c->text + n - 1);
    c->text[n - 1] = '\0';
    const char *space = strchr(c->text, ' ');
    assert_non_null(space);
    return space + 1;
}

static size_t count_lines(const char *text) {
    size_t n = 0;
    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

/* ---- form ------------------------------------------------------------------------------- */

static void a_line_is_logfmt(void **state) {
    struct capture *c = *state;
    LOG_INFO("assigned", LOG_INT("task", 3), LOG_STR("topic", "course-views"),
             LOG_REAL("share", 0.25));
    assert_string_equal(logged_line(c),
                        "level=info msg=\"assigned\" task=3 topic=course-views share=0.25");
    LOG_WARN("alone");
    assert_string_equal(logged_line(c), "level=warn msg=\"alone\"");
    LOG_ERROR("low", LOG_INT("min", INT64_MIN));
    assert_string_equal(logged_line(c), "level=error msg=\"low\" min=-9223372036854775808");
}

/* Not time(), which is behind by up to a tick. */
static time_t now_s(void) {
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
    return t.tv_sec;
}

static void the_time_stamp_is_utc_with_milliseconds(void **state) {
    struct capture *c = *state;
    int year, month, day, hour, minute, second, ms;
    char z;
    const time_t before = now_s();
    LOG_INFO("now");
    const time_t after = now_s();
    assert_int_equal(sscanf(logged(c), "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3d%c ", &year, &month, &day,
                            &hour, &minute, &second, &ms, &z),
                     8);
    assert_int_equal(z, 'Z');
    assert_int_equal(strcspn(c->text, " "), strlen("ts=2026-11-25T14:03:07.123Z"));
    /* days since the epoch, by Howard Hinnant's formula for the civil calendar */
    int y = year - (month <= 2);
    int era = y / 400;
    int yoe = y - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = (int64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    int64_t t = days * 86400 + hour * 3600 + minute * 60 + second;
    assert_in_range(t, before, after);
}

static void values_are_quoted_when_they_need_to_be(void **state) {
    struct capture *c = *state;
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"a.b-c_d:9/x", "a.b-c_d:9/x"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nbreak\r\t", "\"line\\nbreak\\r\\t\""},
        {"\x1b[31mred", "\"\\u001b[31mred\""},
        {"\x7f", "\"\\u007f\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
        {"\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\""},                                       /* C1: a terminal obeys */
        {"\xff", "\"\\ufffd\""},                                  /* no UTF-8             */
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},                       /* overlong             */
        {"\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\""},            /* overlong             */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* a surrogate          */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* above U+10FFFF       */
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},                       /* cut                  */
        {"\xe2\x82\"", "\"\\ufffd\\ufffd\\\"\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "level=info msg=\"m\" k=%s", rows[i][1]);
        log_write(NULL, LOG_LEVEL_INFO, "m",
                  (const struct log_field[]){LOG_STR("k", rows[i][0]), LOG_END});
        assert_string_equal(logged_line(c), expected);
    }
    LOG_INFO("null \"msg\"\n", LOG_STR("k", NULL));
    assert_string_equal(logged_line(c), "level=info msg=\"null \\\"msg\\\"\\n\" k=\"\"");
}

static void lines_below_the_level_are_dropped(void **state) {
    struct capture *c = *state;
    LOG_DEBUG("no");
    assert_string_equal(logged(c), "");
    log_set_level(LOG_LEVEL_ERROR);
    LOG_WARN("no");
    LOG_ERROR("yes");
    assert_string_equal(logged_line(c), "level=error msg=\"yes\"");
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_DEBUG("yes");
    assert_string_equal(logged_line(c), "level=debug msg=\"yes\"");
}

/* ---- length ----------------------------------------------------------------------------- */

static void a_long_value_is_cut_and_what_follows_still_stands(void **state) {
    struct capture *c = *state;
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    LOG_INFO(big, LOG_INT("offset", 42));
    const char *line = logged_line(c);
    assert_true(strlen(line) < LOG_LINE_MAX);
    assert_non_null(strstr(line, "x...\" offset=42 truncated=yes"));
    LOG_INFO("m", LOG_STR("v", big), LOG_INT("offset", 42));
    assert_non_null(strstr(logged_line(c), "x...\" offset=42 truncated=yes"));
}

/* Walks over key=value pairs and fails where there is none. */
static void is_logfmt(const char *p) {
    static const char *const keys[] = {
        "level", "msg", "a", "b", "c", "d", "e", "a_key_of_some_length", "g", "h", "truncated"};
    for (size_t next = 0; *p; next++) {
        while (next < 11 && strncmp(p, keys[next], strcspn(p, "=")) != 0) {
            next++; /* it was left out */
        }
        assert_true(next < 11);
        p += strlen(keys[next]);
        assert_int_equal(*p++, '=');
        assert_true(*p && *p != ' ');
        if (*p == '"') {
            for (p++; *p != '"'; p++) {
                assert_true((unsigned char)*p >= ' ');
                p += *p == '\\';
            }
            p++;
        } else {
            p += strcspn(p, " \"");
        }
        assert_true(*p == ' ' || !*p);
        p += *p == ' ';
    }
}

static void no_line_is_longer_than_the_limit(void **state) {
    struct capture *c = *state;
    static const char *const units[] = {"x", "\x01", "\"", "\xf0\x9f\x98\x80", "\xff", "x y"};
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        for (size_t n = 0; n < 2200; n += n < 900 ? 90 : 1) {
            static char v[16000];
            v[0] = '\0';
            for (size_t i = 0; i < n; i++) {
                memcpy(v + i * strlen(units[u]), units[u], strlen(units[u]) + 1);
            }
            struct log_field f[] = {LOG_STR("a", v),
                                    LOG_STR("b", v),
                                    LOG_STR("c", v),
                                    LOG_INT("d", 1),
                                    LOG_STR("e", "1234567890123456789012345678"),
                                    LOG_INT("a_key_of_some_length", 3),
                                    LOG_STR("g", v),
                                    LOG_STR("h", "xyz"),
                                    LOG_END};
            log_write(NULL, LOG_LEVEL_INFO, "m", f);
            const char *line = logged_line(c);
            assert_true(strlen(c->text) < LOG_LINE_MAX);
            is_logfmt(line);
        }
    }
}

/* ---- rate --------------------------------------------------------------------------------- */

static void a_site_is_limited_to_its_burst(void **state) {
    struct capture *c = *state;
    struct log_site site = {0};
    const struct log_field none[] = {LOG_END};
    for (int i = 0; i < 1000; i++) {
        log_write(&site, LOG_LEVEL_INFO, "storm", none);
    }
    size_t n = count_lines(logged(c));
    assert_in_range(n, LOG_BURST, LOG_BURST + 4); /* a slow machine refills a few */
    assert_int_equal(atomic_load(&site.suppressed) + n, 1000);
    assert_null(strstr(c->text, "suppressed"));
    LOG_INFO("another site is not limited by it");
    assert_int_equal(count_lines(logged(c)), 1);
}

static void the_next_line_counts_those_left_out(void **state) {
    struct capture *c = *state;
    struct log_site site = {0};
    const struct log_field fields[] = {LOG_INT("k", 1), LOG_END};
    for (int i = 0; i < LOG_BURST + 7; i++) {
        log_write(&site, LOG_LEVEL_INFO, "storm", fields);
    }
    logged(c);
    /* a token a second is 1000 / LOG_PER_S ms of the site's time */
    atomic_fetch_sub(&site.tokens_ms, 1000 / LOG_PER_S);
    log_write(&site, LOG_LEVEL_INFO, "storm", fields);
    assert_string_equal(logged_line(c), "level=info msg=\"storm\" k=1 suppressed=7");
    log_write(&site, LOG_LEVEL_INFO, "storm", fields);
    assert_string_equal(logged(c), ""); /* one token, one line */
    atomic_fetch_sub(&site.tokens_ms, 2 * 1000 / LOG_PER_S);
    log_write(&site, LOG_LEVEL_INFO, "storm", fields);
    log_write(&site, LOG_LEVEL_INFO, "storm", fields);
    assert_int_equal(count_lines(logged(c)), 2);
    const char *first = strstr(c->text, "suppressed=1\n"); /* said once */
    assert_non_null(first);
    assert_null(strstr(first + 1, "suppressed"));
}

static void dropped_levels_cost_no_tokens(void **state) {
    struct capture *c = *state;
    struct log_site site = {0};
    const struct log_field none[] = {LOG_END};
    for (int i = 0; i < 1000; i++) {
        log_write(&site, LOG_LEVEL_DEBUG, "m", none);
    }
    log_write(&site, LOG_LEVEL_INFO, "m", none);
    assert_string_equal(logged_line(c), "level=info msg=\"m\"");
}

/* ---- the world ------------------------------------------------------------------------------ */

static void a_full_pipe_loses_lines_and_stops_nobody(void **state) {
    struct capture *c = *state;
    for (int i = 0; i < 5000; i++) {
        log_write(NULL, LOG_LEVEL_INFO, "to a pipe that nobody reads, of 64 KiB", NULL);
    }
    assert_true(count_lines(logged(c)) > 100);
}

static void errno_survives(void **state) {
    (void)state;
    log_set_fd(-1);
    errno = ENOENT;
    LOG_INFO("to nowhere");
    assert_int_equal(errno, ENOENT);
}

enum { THREADS = 4, LINES = 100 };

static void *many_lines(void *arg) {
    const char *name = arg;
    for (int i = 0; i < LINES; i++) {
        log_write(NULL, LOG_LEVEL_INFO, "thread",
                  (const struct log_field[]){LOG_STR("name", name), LOG_INT("i", i), LOG_END});
    }
    return NULL;
}

static void lines_of_several_threads_stay_whole(void **state) {
    struct capture *c = *state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    int next[THREADS] = {0};
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, many_lines, names[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    char *line = c->text;
    logged(c);
    for (int n = 0; n < THREADS * LINES; n++) {
        char name;
        int i;
        int used = 0;
        assert_int_equal(
            sscanf(line, "ts=%*s level=info msg=\"thread\" name=%c i=%d%n", &name, &i, &used), 2);
        assert_int_equal(line[used], '\n');
        assert_int_equal(i, next[name - 'a']++); /* of one thread, in order */
        line += used + 1;
    }
    assert_int_equal(*line, '\0');
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_logfmt),
        TEST(the_time_stamp_is_utc_with_milliseconds),
        TEST(values_are_quoted_when_they_need_to_be),
        TEST(lines_below_the_level_are_dropped),
        TEST(a_long_value_is_cut_and_what_follows_still_stands),
        TEST(no_line_is_longer_than_the_limit),
        TEST(a_site_is_limited_to_its_burst),
        TEST(the_next_line_counts_those_left_out),
        TEST(dropped_levels_cost_no_tokens),
        TEST(a_full_pipe_loses_lines_and_stops_nobody),
        TEST(errno_survives),
        TEST(lines_of_several_threads_stay_whole),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
