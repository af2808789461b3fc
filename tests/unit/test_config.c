/* SPDX-License-Identifier: Apache-2.0
 *
 * test_config.c -- the sentences of config.h, seen from outside: what is set by whom, and
 * what a person reads who typed it wrong.
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
#include "decoded.h"
#include "mapping_field.h"
#include "shipped.h"

/* ---- helpers ---------------------------------------------------------------------- */

enum { LINES_MAX = 65536 };

/* Writes a file and returns its name, for remove_file(). */
static char *write_file(const char *text, size_t len) {
    char *path = strdup("/tmp/crossrec-test-config-XXXXXX");
    assert_non_null(path);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    return path;
}

static void remove_file(char *path) {
    unlink(path);
    free(path);
}

struct sources {
    const char *ini;    /* text, or NULL for no file */
    const char *env[8]; /* NULL-terminated           */
    const char *set[8];
};

static enum status load(struct config *c, const struct sources *s, char *err) {
    char *env[8] = {0};
    size_t n_sets = 0;
    for (size_t i = 0; i < 7 && s->env[i]; i++) {
        env[i] = strdup(s->env[i]);
    }
    while (n_sets < 8 && s->set[n_sets]) {
        n_sets++;
    }
    char *path = s->ini ? write_file(s->ini, strlen(s->ini)) : NULL;
    enum status st = config_load(c, path, env, s->set, n_sets, err);
    if (path && st && strncmp(err, path, strlen(path)) == 0) {
        memmove(err + 1, err + strlen(path), strlen(err + strlen(path)) + 1);
        err[0] = 'F'; /* the file, whatever it is called */
    }
    if (path) {
        remove_file(path);
    }
    for (size_t i = 0; i < 8; i++) {
        free(env[i]);
    }
    return st;
}

static void loads(struct config *c, const struct sources s) {
    char err[CONFIG_ERROR_MAX] = "";
    enum status st = load(c, &s, err);
    if (st) {
        print_error("unexpected: %s\n", err);
    }
    assert_int_equal(st, ST_OK);
}

/* The load fails with exactly this text, and the configuration is what it was. */
static void fails(const char *expected, const struct sources s) {
    static struct config before;
    static struct config c;
    char err[CONFIG_ERROR_MAX] = "";
    memset(&before, 0x5a, sizeof before);
    memset(&c, 0x5a, sizeof c);
    assert_int_equal(load(&c, &s, err), ST_INVALID);
    assert_string_equal(err, expected);
    assert_memory_equal(&c, &before, sizeof c);
}

static const char *value(const struct config *c, const char *name) {
    static char buf[4][CONFIG_VALUE_MAX];
    static int turn;
    turn = (turn + 1) % 4;
    assert_int_equal(config_get(c, name, buf[turn], sizeof buf[turn]), ST_OK);
    return buf[turn];
}

/* Names and defaults as config.h and DESIGN.md state them. */
static const char *const DEFAULTS[][2] = {
    {"group", "crossrec"},
    {"clock", "wall"},
    {"state", "kafka"},
    {"log.level", "info"},
    {"schemas.dir", ""},
    {"dead.letters", "crossrec-dead-letters"},
    {"events", "crossrec-events"},
    {"partitioner", "murmur2"},
    {"late.max", "1d"},
    {"merge.max.wait", "500ms"},
    {"merge.max.start", "30s"},
    {"merge.max.idle", "0"},
    {"merge.buffer", "20000"},
    {"learn.mini.batch", "256"},
    {"learn.ranker.rate", "100"},
    {"learn.user.rate", "600"},
    {"segments.k", "8"},
    {"segments.seed.users", "1000"},
    {"segments.half.life", "20000"},
    {"prequential.sample", "16"},
    {"publish.n", "10"},
    {"publish.interval", "100ms"},
    {"publish.max.lag", "30s"},
    {"publish.refresh", "6h"},
    {"publish.ttl", "7d"},
    {"publish.rate", "20000"},
    {"commit.interval", "1s"},
    {"rank.diversity", "0"},
    {"rank.explore", "0"},
    {"breaker.share", "0.5"},
    {"breaker.window", "1000"},
    {"breaker.retry", "30s"},
    {"registry.url", ""},
    {"registry.user", ""},
    {"registry.password", ""},
    {"registry.ca", ""},
    {"registry.cache", ""},
    {"registry.timeout", "2s"},
    {"registry.grace", "30s"},
    {"redis.address", "127.0.0.1:6379"},
    {"redis.user", ""},
    {"redis.password", ""},
    {"redis.prefix", "crossrec"},
    {"redis.timeout", "2s"},
    {"http.address", "127.0.0.1:9464"},
    {"kafka.bootstrap.servers", "127.0.0.1:9092"},
    {"domain.course.repeats", "no"},
    {"domain.course.target", "yes"},
    {"domain.food.repeats", "yes"},
    {"domain.food.target", "yes"},
    {"topic.course-views.domain", "course"},
    {"topic.course-views.schema", "CourseView"},
    {"topic.food-orders.domain", "food"},
    {"topic.food-orders.schema", "FoodOrder"},
    {"topic.food-orders.kind", "event"},
    {"topic.food-orders.intake", "direct"},
    {"topic.food-orders.user", ""},
    {"topic.food-orders.partner.domain", ""},
    {"topic.food-orders.ts.unit", "auto"},
    {"topic.food-orders.amount.scale", "1"},
    {"topic.food-orders.age.bands", "18,25,35,50,65"},
    {"topic.food-orders.weight.view", "1"},
    {"topic.food-orders.weight.conversion", "1"},
};

enum { N_DEFAULTS = sizeof DEFAULTS / sizeof DEFAULTS[0] };

static void is_default(const struct config *c) {
    for (size_t i = 0; i < N_DEFAULTS; i++) {
        assert_string_equal(value(c, DEFAULTS[i][0]), DEFAULTS[i][1]);
    }
    assert_int_equal(c->n_domains, 2);
    assert_int_equal(c->n_topics, 2);
    assert_int_equal(c->n_globals, 0);
    assert_int_equal(c->n_raws, 0);
    assert_int_equal(c->n_kafka, 1);
}

static char *printed(void (*print)(FILE *out)) {
    char *text = calloc(1, LINES_MAX);
    assert_non_null(text);
    FILE *f = tmpfile();
    assert_non_null(f);
    print(f);
    rewind(f);
    size_t n = fread(text, 1, LINES_MAX, f);
    assert_in_range(n, 1, LINES_MAX - 1);
    fclose(f);
    return text;
}

/* ---- values ------------------------------------------------------------------------- */

static void defaults_are_the_documented_ones(void **state) {
    (void)state;
    struct config c;
    config_defaults(&c);
    is_default(&c);
    assert_int_equal(c.late_max_ms, 86400000);
    assert_int_equal(c.publish_ttl_ms, INT64_C(604800000));
    assert_int_equal(c.publish_refresh_ms, 21600000);
    assert_true(c.segments_half_life == 20000.0);
    assert_int_equal(c.clock, CLOCK_WALL);
    assert_int_equal(c.log_level, LOG_LEVEL_INFO);
    assert_int_equal(c.topics[1].domain, 1);
    assert_true(c.domains[1].repeats);
}

static void loading_nothing_gives_the_defaults(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){0});
    is_default(&c);
    loads(&c, (struct sources){.ini = "# only a comment\n\n"});
    is_default(&c);
}

static void the_default_instance_id_is_host_and_pid(void **state) {
    (void)state;
    struct config c;
    char host[64] = "";
    char expected[128];
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "%s-%ld", host, (long)getpid());
    config_defaults(&c);
    assert_string_equal(c.instance_id, expected);
    loads(&c, (struct sources){.set = {"instance.id=a1"}});
    assert_string_equal(c.instance_id, "a1");
}

static void each_source_goes_over_the_one_before(void **state) {
    (void)state;
    struct config c;
    struct sources s = {.ini = "[publish]\nn = 11\n"};
    loads(&c, s);
    assert_int_equal(c.list_n, 11);
    s.env[0] = "CROSSREC_PUBLISH_N=12";
    loads(&c, s);
    assert_int_equal(c.list_n, 12);
    s.set[0] = "publish.n=13";
    loads(&c, s);
    assert_int_equal(c.list_n, 13);
    s.set[1] = "publish.n=14"; /* the last --set wins */
    loads(&c, s);
    assert_int_equal(c.list_n, 14);
}

static void an_option_can_be_set_in_all_three_ways_to_the_same(void **state) {
    (void)state;
    static const char *const other[][2] = {
        {"clock", "stream"},
        {"merge.max.wait", "250ms"},
        {"segments.k", "auto"},
        {"segments.half.life", "1500.5"},
        {"log.level", "error"},
        {"publish.rate", "7"},
        {"redis.prefix", "x.y-z_1"},
        {"partitioner", "consistent"},
        {"late.max", "2h"},
        {"domain.food.repeats", "no"},
        {"kafka.client.id", "me"},
        {"learn.seed", "9223372036854775807"},
        {"learn.user.rate", "0"},
        {"events", "all-events"},
        {"rank.diversity", "0.3"},
        {"rank.explore", "1"},
        {"breaker.share", "0.25"},
        {"registry.url", "http://a:8081,https://b/apis/ccompat/v7"},
        {"registry.user", "me"},
        {"registry.grace", "1m"},
        {"topic.food-orders.user", "user_id"},
        {"topic.food-orders.ts.unit", "us"},
        {"topic.food-orders.event.id", "event_id"},
        {"topic.food-orders.amount.scale", "0.01"},
        {"topic.food-orders.map.action.PAID", "purchase"},
        {"topic.food-orders.weight.view", "0.5"},
    };
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        struct config c;
        char text[3][256];
        const char *name = other[i][0];
        snprintf(text[0], sizeof text[0], "[crossrec]\n%s = %s\n", name, other[i][1]);
        snprintf(text[1], sizeof text[1], "CROSSREC_%s=%s", name, other[i][1]);
        for (char *p = text[1]; *p != '='; p++) {
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p == '.' || *p == '-' ? '_' : *p);
        }
        snprintf(text[2], sizeof text[2], "%s=%s", name, other[i][1]);
        loads(&c, (struct sources){.ini = text[0]});
        assert_string_equal(value(&c, name), other[i][1]);
        loads(&c, (struct sources){.env = {text[1]}});
        assert_string_equal(value(&c, name), other[i][1]);
        loads(&c, (struct sources){.set = {text[2]}});
        assert_string_equal(value(&c, name), other[i][1]);
    }
}

static void options_of_the_top_section_need_no_prefix(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"crossrec.clock=stream", "learn.late.max=3d"}});
    assert_int_equal(c.clock, CLOCK_STREAM);
    assert_string_equal(value(&c, "late.max"), "3d");
    assert_string_equal(value(&c, "crossrec.clock"), "stream");
    loads(&c, (struct sources){.ini = "clock = stream\n[late]\nmax = 1h\n"});
    assert_int_equal(c.clock, CLOCK_STREAM);
    assert_int_equal(c.late_max_ms, 3600000);
    loads(&c, (struct sources){.env = {"CROSSREC_GROUP=g"}});
    assert_string_equal(c.group, "g");
}

static void durations_are_read_with_their_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"250ms", 250},    {"2s", 2000},   {"5m", 300000}, {"6h", 21600000},
                {"7d", 604800000}, {"1234", 1234}, {"0", 0},       {"0s", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        char set[64];
        snprintf(set, sizeof set, "merge.max.wait=%s", rows[i].text);
        loads(&c, (struct sources){.set = {set}});
        assert_int_equal(c.merge_max_wait_ms, rows[i].ms);
    }
    static const char *const bad[] = {"",   "s",   "1.5s", "-1s", "1 s",
                                      "1w", "1sm", "0x10", " 1s", "+1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char set[64];
        char expected[128];
        snprintf(set, sizeof set, "merge.max.wait=%s", bad[i]);
        snprintf(expected, sizeof expected,
                 "--set %s: not a duration; write 250ms, 2s, 5m, 6h or 7d", set);
        fails(expected, (struct sources){.set = {set}});
    }
    fails("--set merge.max.wait=99999999999999999999d: must be 0..7d",
          (struct sources){.set = {"merge.max.wait=99999999999999999999d"}});
    fails("--set merge.max.wait=9223372036854775807d: must be 0..7d",
          (struct sources){.set = {"merge.max.wait=9223372036854775807d"}});
    /* so many days are 2^64 ms and half a day more */
    fails("--set merge.max.wait=213503982335d: must be 0..7d",
          (struct sources){.set = {"merge.max.wait=213503982335d"}});
}

static void ranges_include_their_ends(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"publish.n=1", "segments.k=2", "segments.half.life=1"}});
    loads(&c, (struct sources){.set = {"publish.n=100", "segments.k=16"}});
    assert_int_equal(c.list_n, 100);
    assert_int_equal(c.segments_k, 16);
    loads(&c, (struct sources){.set = {"segments.k=auto"}});
    assert_int_equal(c.segments_k, 0);
    const char *const bad_counts[] = {"0", "1", "17"};
    for (size_t i = 0; i < sizeof bad_counts / sizeof *bad_counts; i++) {
        char set[64];
        char want[128];
        snprintf(set, sizeof set, "segments.k=%s", bad_counts[i]);
        snprintf(want, sizeof want, "--set %s: must be 2..16 or auto", set);
        fails(want, (struct sources){.set = {set}});
    }
    fails("--set segments.k=automatic: not a whole number",
          (struct sources){.set = {"segments.k=automatic"}});
    fails("--set publish.n=0: must be 1..100 (items a list)",
          (struct sources){.set = {"publish.n=0"}});
    fails("--set publish.n=101: must be 1..100 (items a list)",
          (struct sources){.set = {"publish.n=101"}});
    fails("--set publish.n=-99999999999999999999: must be 1..100 (items a list)",
          (struct sources){.set = {"publish.n=-99999999999999999999"}});
    fails("--set segments.half.life=0.5: must be 1..1000000000 (votes)",
          (struct sources){.set = {"segments.half.life=0.5"}});
    fails("--set commit.interval=9ms: must be 10ms..1m",
          (struct sources){.set = {"commit.interval=9ms"}});
}

static void numbers_and_words_are_read_strictly(void **state) {
    (void)state;
    fails("environment CROSSREC_PUBLISH_N=abc: not a whole number",
          (struct sources){.env = {"CROSSREC_PUBLISH_N=abc"}});
    fails("--set publish.n=1e1: not a whole number", (struct sources){.set = {"publish.n=1e1"}});
    fails("--set publish.n= 5: not a whole number", (struct sources){.set = {"publish.n= 5"}});
    fails("--set publish.n=: not a whole number", (struct sources){.set = {"publish.n="}});
    fails("--set rank.diversity=1.01: must be 0..1",
          (struct sources){.set = {"rank.diversity=1.01"}});
    fails("--set rank.explore=-0.1: must be 0..1 (of the slots)",
          (struct sources){.set = {"rank.explore=-0.1"}});
    fails("--set rank.explore=10%: not a number", (struct sources){.set = {"rank.explore=10%"}});
    fails("--set segments.half.life=nan: not a number",
          (struct sources){.set = {"segments.half.life=nan"}});
    fails("--set segments.half.life=1e999: not a number",
          (struct sources){.set = {"segments.half.life=1e999"}});
    fails("--set segments.half.life=5x: not a number",
          (struct sources){.set = {"segments.half.life=5x"}});
    fails("--set clock=Wall: must be wall or stream", (struct sources){.set = {"clock=Wall"}});
    fails("--set clock=wal: must be wall or stream", (struct sources){.set = {"clock=wal"}});
    fails("--set log.level=trace: must be debug, info, warn or error",
          (struct sources){.set = {"log.level=trace"}});
    fails("--set partitioner=: must be murmur2, consistent or any",
          (struct sources){.set = {"partitioner="}});
    fails("--set domain.food.repeats=1: must be yes or no",
          (struct sources){.set = {"domain.food.repeats=1"}});
}

static void yes_and_no_have_three_spellings(void **state) {
    (void)state;
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off"};
    for (size_t i = 0; i < 6; i++) {
        struct config c;
        char set[64];
        snprintf(set, sizeof set, "domain.course.repeats=%s", words[i]);
        loads(&c, (struct sources){.set = {set}});
        assert_int_equal(c.domains[0].repeats, i % 2 == 0);
    }
}

#define URL                                                                                        \
    "must be http://host:port or https://..., several by commas, without user and password: "      \
    "those "                                                                                       \
    "are registry.user and registry.password"
#define PATH                                                                                       \
    "must be a path such as user_id, lines[].dish_id or attributes{}, or a constant in double "    \
    "quotes"
#define REDIS                                                                                      \
    "must be host:port, [v6]:port or unix:/path, or host:port of several nodes of one cluster by " \
    "commas"
#define BANDS "must be ascending ages by commas, such as 18,25,35,50,65"

static void addresses_and_names_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"redis.address=redis.example:6379",
                                       "redis.address=[::1]:6379",
                                       "redis.address=unix:/run/redis.sock",
                                       "redis.address=a:1,[::1]:2,c.example:6379",
                                       "http.address=off",
                                       "http.address=0.0.0.0:0",
                                       "group=team:crossrec"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct config c;
        loads(&c, (struct sources){.set = {good[i]}});
        assert_string_equal(value(&c, i < 4   ? "redis.address"
                                      : i < 6 ? "http.address"
                                              : "group"),
                            strchr(good[i], '=') + 1);
    }
    static const char *const bad[][2] = {
        {"redis.address=localhost", REDIS},
        {"redis.address=:6379", REDIS},
        {"redis.address=::1:6379", REDIS},
        {"redis.address=a:0", REDIS},
        {"redis.address=a:65536", REDIS},
        {"redis.address=redis://a:1", REDIS},
        {"redis.address=unix:/", REDIS},
        {"redis.address=off", REDIS},
        {"redis.address=a:1,b", REDIS},
        {"redis.address=a,b:1", REDIS},
        {"redis.address=a:1,,b:1", REDIS},
        {"redis.address=a:1,b:1,", REDIS},
        {"redis.address=,a:1", REDIS},
        {"redis.address=a:1, b:1", REDIS},
        {"redis.address=a:1,unix:/b", REDIS},
        {"http.address=unix:/a", "must be host:port, [v6]:port or off"},
        {"http.address=[::1:80", "must be host:port, [v6]:port or off"},
        {"redis.prefix=a:b", "must be made of letters, digits, '.', _ and -, without ':'"},
        {"redis.prefix=a b", "must be made of letters, digits, '.', _ and -, without ':'"},
        {"redis.prefix={a}", "must be made of letters, digits, '.', _ and -, without ':'"},
        {"redis.prefix=", "must be made of letters, digits, '.', _ and -, without ':'"},
        {"dead.letters=a b", "must be made of letters, digits, '.', _ and -"},
        {"dead.letters=..", "must be made of letters, digits, '.', _ and -"},
        {"instance.id=a b", "must be made of letters, digits, '.', _ and -"},
        {"group=", "must not be empty"},
        {"group=a b", "must not have spaces"},
        {"registry.url=a:8081", URL},
        {"registry.url=http://", URL},
        {"registry.url=http://a,b", URL},
        {"registry.url=http://me:secret@a", URL},
        {"registry.url=http://a, http://b", URL},
        {"registry.url=http://a,", "must not end with a comma"},
        {"topic.food-orders.item=a b", PATH},
        {"topic.food-orders.item=.a", PATH},
        {"topic.food-orders.item=a.", PATH},
        {"topic.food-orders.item=a..b", PATH},
        {"topic.food-orders.item=a[0]", PATH},
        {"topic.food-orders.item=[]", PATH},
        {"topic.food-orders.item=a[]b", PATH},
        {"topic.food-orders.action=\"a", PATH},
        {"topic.food-orders.action=\"\"", PATH},
        {"topic.food-orders.action=\"a\"b", PATH},
        {"topic.food-orders.age.bands=1,1", BANDS},
        {"topic.food-orders.age.bands=18,", BANDS},
        {"topic.food-orders.age.bands=0", BANDS},
        {"topic.food-orders.age.bands=151", BANDS},
        {"topic.food-orders.age.bands=a", BANDS},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "--set %s: %s", bad[i][0], bad[i][1]);
        fails(expected, (struct sources){.set = {bad[i][0]}});
    }
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct config c;
    char set[800] = "group=";
    memset(set + 6, 'g', 127);
    loads(&c, (struct sources){.set = {set}});
    assert_int_equal(strlen(c.group), 127);
    set[6 + 127] = 'g';
    char expected[256];
    snprintf(expected, sizeof expected, "--set group=%.80s...: longer than 127 bytes", set + 6);
    fails(expected, (struct sources){.set = {set}});
}

static void refresh_follows_the_ttl(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"publish.ttl=8h"}});
    assert_string_equal(value(&c, "publish.refresh"), "2h");
    loads(&c, (struct sources){.set = {"publish.ttl=2d"}});
    assert_string_equal(value(&c, "publish.refresh"), "6h");
    loads(&c, (struct sources){.set = {"publish.refresh=1h"}});
    assert_string_equal(value(&c, "publish.refresh"), "1h");
    loads(&c, (struct sources){.set = {"publish.refresh=1h", "publish.refresh=auto"}});
    assert_string_equal(value(&c, "publish.refresh"), "6h");
    fails("--set publish.ttl=auto: not a duration; write 250ms, 2s, 5m, 6h or 7d",
          (struct sources){.set = {"publish.ttl=auto"}});
}

/* ---- unknown names ------------------------------------------------------------------ */

static void an_unknown_name_is_answered_with_the_nearest(void **state) {
    (void)state;
    fails("F:2: redis.adress: unknown option; did you mean redis.address?",
          (struct sources){.ini = "[redis]\nadress = a:1\n"});
    fails("--set redis.adress: unknown option; did you mean redis.address?",
          (struct sources){.set = {"redis.adress=a:1"}});
    fails("environment CROSSREC_REDIS_ADRESS: unknown option; did you mean CROSSREC_REDIS_ADDRESS?",
          (struct sources){.env = {"CROSSREC_REDIS_ADRESS=a:1"}});
    fails("--set clok: unknown option; did you mean clock?",
          (struct sources){.set = {"clok=wall"}});
    fails("--set domain.food.repeat: unknown option; did you mean domain.food.repeats?",
          (struct sources){.set = {"domain.food.repeat=no"}});
    fails("--set domian.food.repeats: unknown option; did you mean domain.food.repeats?",
          (struct sources){.set = {"domian.food.repeats=no"}});
    fails("environment CROSSREC_DOMAIN_FOOD_REPEAT: unknown option; did you mean "
          "CROSSREC_DOMAIN_FOOD_REPEATS?",
          (struct sources){.env = {"CROSSREC_DOMAIN_FOOD_REPEAT=no"}});
    fails("F:1: [rediss]: unknown section; did you mean [redis]?",
          (struct sources){.ini = "[rediss]\n"});
    fails("F:1: [topic courses]: unknown section; did you mean [topic.courses]?",
          (struct sources){.ini = "[topic courses]\n"});
    fails("F:1: [trigger:x]: unknown section; did you mean [trigger.x]?",
          (struct sources){.ini = "[trigger:x]\n"});
    fails("--set zzzzzzzzzzzz: unknown option; `crossrec help options` lists them",
          (struct sources){.set = {"zzzzzzzzzzzz=1"}});
    fails("--set domain: unknown option; `crossrec help options` lists them",
          (struct sources){.set = {"domain=1"}});
    fails("--set : unknown option; `crossrec help options` lists them",
          (struct sources){.set = {"=1"}});
    fails("--set publish.n: has no value; write --set publish.n=VALUE",
          (struct sources){.set = {"publish.n"}});
}

static void options_of_later_versions_say_so(void **state) {
    (void)state;
    fails("--set state.memory.max: not in this version: the state lives in memory without a limit",
          (struct sources){.set = {"state.memory.max=1"}});
    fails("environment CROSSREC_STATE_MEMORY_MAX: not in this version: the state lives in memory "
          "without a limit",
          (struct sources){.env = {"CROSSREC_STATE_MEMORY_MAX=1"}});
}

static size_t naive_distance(const char *a, const char *b) {
    if (!*a || !*b) {
        return strlen(a) + strlen(b);
    }
    if (*a == *b) {
        return naive_distance(a + 1, b + 1);
    }
    size_t x = naive_distance(a + 1, b);
    size_t y = naive_distance(a, b + 1);
    size_t z = naive_distance(a + 1, b + 1);
    x = x < y ? x : y;
    return 1 + (x < z ? x : z);
}

static void the_nearest_is_nearest_by_a_naive_distance(void **state) {
    (void)state;
    unsigned seed = 20261125;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 300; round++) {
        char text[5][8] = {{0}};
        const char *names[4];
        for (int w = 0; w < 5; w++) {
            seed = seed * 1103515245U + 12345U;
            int n = (int)(seed >> 16) % 7;
            for (int k = 0; k < n; k++) {
                seed = seed * 1103515245U + 12345U;
                text[w][k] = (char)('a' + (seed >> 16) % 3);
            }
        }
        const char *expected = NULL;
        size_t best = SIZE_MAX;
        for (int w = 0; w < 4; w++) {
            names[w] = text[w];
            size_t d = naive_distance(text[4], text[w]);
            if (d < best && 2 * d <= strlen(text[4])) {
                best = d;
                expected = text[w];
            }
        }
        assert_ptr_equal(config_nearest(text[4], names, 4), expected);
    }
    assert_null(config_nearest("x", NULL, 0));
}

/* ---- domains and topics --------------------------------------------------------------- */

static void a_domain_of_the_file_replaces_both_shipped_ones(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "[domain.books]\n[domain.films]\nrepeats = yes\n"
                                      "[topic.b]\ndomain = books\nschema = CourseView\n"
                                      "[topic.f]\ndomain = films\nschema = FoodOrder\n"});
    assert_int_equal(c.n_domains, 2);
    assert_int_equal(c.n_topics, 2);
    assert_string_equal(c.domains[0].name, "books");
    assert_false(c.domains[0].repeats);
    assert_true(c.domains[1].repeats && c.domains[1].target);
    assert_string_equal(c.topics[1].name, "f");
    assert_int_equal(c.topics[1].domain, 1);
}

static void a_topic_may_name_a_domain_that_follows(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "[topic.my.topic]\nschema = FoodOrder\ndomain = food\n"
                                      "[domain.course]\n[domain.food]\n"});
    assert_int_equal(c.n_topics, 1);
    assert_string_equal(c.topics[0].name, "my.topic");
    assert_int_equal(c.topics[0].domain, 1);
    assert_string_equal(value(&c, "topic.my.topic.domain"), "food");
    assert_false(c.domains[1].repeats); /* a new food, not the shipped one */
}

static void settings_adjust_the_shipped_ones_and_keep_the_others(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"domain.food.repeats=no"}});
    assert_int_equal(c.n_domains, 2);
    assert_false(c.domains[1].repeats);
    loads(&c, (struct sources){.set = {"domain.films.target=no", "topic.f.domain=films",
                                       "topic.f.schema=CourseView"},
                               .env = {"CROSSREC_TOPIC_COURSE_VIEWS_SCHEMA=FoodOrder",
                                       "CROSSREC_DOMAIN_BOOKS_REPEATS=yes"}});
    assert_int_equal(c.n_domains, 4);
    assert_string_equal(c.domains[2].name, "books");
    assert_string_equal(c.domains[3].name, "films");
    assert_false(c.domains[3].target);
    assert_int_equal(c.n_topics, 3);
    assert_string_equal(c.topics[0].schema, "FoodOrder");
    assert_int_equal(c.topics[2].domain, 3);
}

static void the_environment_adds_in_the_order_of_names(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.env = {"CROSSREC_DOMAIN_B_TARGET=no", "CROSSREC_DOMAIN_C_TARGET=no",
                                       "CROSSREC_DOMAIN_A_TARGET=no"}});
    assert_int_equal(c.n_domains, 5);
    assert_string_equal(c.domains[2].name, "a");
    assert_string_equal(c.domains[3].name, "b");
    assert_string_equal(c.domains[4].name, "c");
}

static void names_of_domains_and_topics_are_checked(void **state) {
    (void)state;
    fails("F:1: [domain.Food]: the name of a domain must be made of a-z, 0-9, _ and -, at most "
          "127 bytes",
          (struct sources){.ini = "[domain.Food]\n"});
    fails("--set domain..target: unknown option; did you mean domain.food.target?",
          (struct sources){.set = {"domain..target=no"}});
    fails("F:1: [topic.a b]: the name of a topic must be made of letters, digits, '.', _ and -, at "
          "most 127 bytes",
          (struct sources){.ini = "[topic.a b]\n"});
    fails("F:1: [topic.]: the name of a topic must be made of letters, digits, '.', _ and -, at "
          "most 127 bytes",
          (struct sources){.ini = "[topic.]\n"});
}

static void there_are_limits_to_how_many(void **state) {
    (void)state;
    char ini[8192] = "";
    for (int i = 0; i < 17; i++) {
        sprintf(ini + strlen(ini), "[domain.d%d]\n", i);
    }
    fails("F:17: [domain.d16]: more than 16 domains", (struct sources){.ini = ini});
    ini[0] = '\0';
    for (int i = 0; i < 33; i++) {
        sprintf(ini + strlen(ini), "[topic.t%d]\n", i);
    }
    fails("F:33: [topic.t32]: more than 32 topics", (struct sources){.ini = ini});
    strcpy(ini, "[kafka]\n");
    for (int i = 0; i < 64; i++) {
        sprintf(ini + strlen(ini), "k%d = 1\n", i);
    }
    fails("F:65: kafka.k63: more than 64 options of librdkafka", (struct sources){.ini = ini});
}

static void combinations_are_checked(void **state) {
    (void)state;
    fails("F: domain: there must be at least two [domain.NAME] to recommend across",
          (struct sources){.ini = "[domain.food]\n"});
    fails("domain: none is a target: nobody would get lists; write domain.NAME.target = yes",
          (struct sources){.set = {"domain.food.target=no", "domain.course.target=no"}});
    fails("F: topic.course-views: there is no domain course; did you mean courses?",
          (struct sources){.ini = "[domain.courses]\n[domain.food]\n"});
    fails("F: topic.course-views: there is no domain course; name it by [domain.course], or name "
          "your topics by [topic.NAME]",
          (struct sources){.ini = "[domain.xy]\n[domain.food]\n"});
    fails("F: topic.t: has no domain; write topic.t.domain = NAME",
          (struct sources){.ini = "[topic.t]\nschema = FoodOrder\n"});
    fails(
        "F: topic.t: has no schema; write topic.t.schema = CourseView, or FoodOrder, or a file of "
        "yours, NAME.avsc",
        (struct sources){.ini = "[topic.t]\ndomain = food\n"});
    fails(
        "--set topic.food-orders.schema=FoodOrders: must be CourseView, FoodOrder, "
        "SocialInteraction, Feedback, Item, UserProfile, PrivacyRequest, Identity, Event or a file "
        "NAME.avsc",
        (struct sources){.set = {"topic.food-orders.schema=FoodOrders"}});
    fails("topic.food-orders: is dead.letters too: bad events would come in again",
          (struct sources){.set = {"dead.letters=food-orders"}});
    fails("publish.refresh: 7d must be less than publish.ttl, which is 7d",
          (struct sources){.set = {"publish.refresh=7d"}});
    fails("segments.seed.users: 31 must be at least 4 for each of segments.k, which is 8",
          (struct sources){.set = {"segments.seed.users=31"}});
    fails("segments.seed.users: 47 must be at least 4 for each of segments.k, which is auto (at "
          "most 12)",
          (struct sources){.set = {"segments.seed.users=47", "segments.k=auto"}});
    fails("schemas.dir: is not read beside registry.url; unset one of them",
          (struct sources){.set = {"schemas.dir=/s", "registry.url=http://r"}});
    struct config c;
    loads(&c, (struct sources){.set = {"segments.seed.users=32", "publish.refresh=604799999"}});
}

/* ---- topics of other kinds and schemas --------------------------------------------------- */

#define GYM                                                                                        \
    "[domain.gym]\n[domain.food]\n[topic.visits]\ndomain = gym\nschema = gym.avsc\nuser = "        \
    "who.id\n"                                                                                     \
    "ts = at\nitem = classes[].id\naction = \"view\"\n"

static void a_topic_is_of_the_tasks_global_or_repartitioned(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "[topic.items]\ndomain = food\nschema = Item\n"
                                      "[topic.orders]\ndomain = food\nschema = FoodOrder\n"
                                      "intake = repartition\n"
                                      "[topic.who]\nschema = Identity\n"
                                      "[topic.views]\ndomain = course\nschema = CourseView\n"
                                      "[topic.me]\nschema = UserProfile\n"
                                      "[topic.erase]\nschema = PrivacyRequest\n"
                                      "[topic.seen]\nschema = Feedback\ndomain = course\n"});
    assert_int_equal(c.n_topics, 3);
    assert_string_equal(c.topics[0].name, "views");
    assert_string_equal(c.topics[1].name, "seen");
    assert_int_equal(c.topics[1].kind, KIND_FEEDBACK);
    assert_string_equal(c.topics[2].name, "crossrec-events");
    assert_string_equal(c.topics[2].schema, "Event");
    assert_int_equal(c.topics[2].kind, KIND_EVENT);
    assert_int_equal(c.topics[2].domain, DOMAIN_OF_RECORD);
    assert_true(c.topics[2].weight[ACTION_VIEW] == 1.0 && c.topics[2].amount_scale == 1.0);
    assert_int_equal(c.n_raws, 1);
    assert_string_equal(c.raws[0].name, "orders");
    assert_int_equal(c.raws[0].domain, 1);
    assert_int_equal(c.n_globals, 4);
    assert_string_equal(c.globals[0].name, "items");
    assert_int_equal(c.globals[0].domain, 1);
    assert_string_equal(c.globals[1].name, "who");
    assert_int_equal(c.globals[1].kind, KIND_IDENTITY);
    assert_int_equal(c.globals[1].domain, DOMAIN_OF_RECORD);
    assert_int_equal(c.globals[2].domain, DOMAIN_OF_RECORD);
    assert_int_equal(c.globals[3].domain, DOMAIN_OF_RECORD);
    assert_string_equal(value(&c, "topic.items.kind"), "item");
    assert_string_equal(value(&c, "topic.orders.intake"), "repartition");
    assert_string_equal(value(&c, "topic.who.domain"), "");
    assert_string_equal(value(&c, "topic.erase.kind"), "privacy");
}

static void the_topic_of_events_can_be_named(void **state) {
    (void)state;
    struct config c;
    const char *const ini = "events = all\n[topic.all]\nweight.view = 0.5\n"
                            "[topic.views]\ndomain = course\nschema = CourseView\n"
                            "intake = repartition\n[topic.who]\nschema = Identity\n";
    loads(&c, (struct sources){.ini = ini});
    assert_int_equal(c.n_topics, 1);
    assert_string_equal(c.topics[0].schema, "Event");
    assert_true(c.topics[0].weight[ACTION_VIEW] == 0.5);
    char all[8192] = "[topic.who]\nschema = Identity\n"; /* no topic more would fit */
    for (int i = 0; i < CONFIG_TOPICS_MAX - 1; i++) {
        sprintf(all + strlen(all), "[topic.t%d]\nschema = FoodOrder\ndomain = food\nintake = %s\n",
                i, i ? "direct" : "repartition");
    }
    loads(&c, (struct sources){.ini = all});
    assert_int_equal(c.n_topics, CONFIG_TOPICS_MAX - 1);
    assert_string_equal(c.topics[CONFIG_TOPICS_MAX - 2].name, "crossrec-events");
    loads(&c, (struct sources){.ini = "[topic.who]\nschema = Identity\n[topic.t]\ndomain = food\n"
                                      "schema = FoodOrder\nintake = repartition\n"});
    assert_int_equal(c.n_topics, 1); /* nothing but crossrec-events */
    fails(
        "topic.all: is the topic of events: its schema must be Event",
        (struct sources){.set = {"events=all", "topic.all.schema=Item", "topic.all.domain=food"}});
    fails("topic.all: is the topic of events: its records have their domain and user; remove "
          "topic.all.domain",
          (struct sources){.set = {"events=all", "topic.all.domain=food"}});
    fails("topic.all: is the topic of events: its records have their domain and user; remove "
          "topic.all.intake",
          (struct sources){.set = {"events=all", "topic.all.intake=repartition"}});
    fails("topic: events and dead.letters are both x",
          (struct sources){.set = {"events=x", "dead.letters=x"}});
}

static void a_mapping_is_taken_as_it_is_written(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = GYM "event.id = nr\nts.unit = s\nquantity = \"2\"\n"
                                          "amount = classes[].cents\namount.scale = .01\n"
                                          "discount = classes[].off\ncounterpart = with.id\n"
                                          "map.action.Booked = enroll\nmap.action.No-Show = VIEW\n"
                                          "weight.enroll = 3\nweight.COMPLETE = 0\n"});
    const struct config_topic *t = &c.topics[0];
    assert_string_equal(t->path[FIELD_USER], "who.id");
    assert_string_equal(t->path[FIELD_EVENT_ID], "nr");
    assert_string_equal(t->path[FIELD_TS], "at");
    assert_string_equal(t->path[FIELD_ITEM], "classes[].id");
    assert_string_equal(t->path[FIELD_ACTION], "\"view\"");
    assert_string_equal(t->path[FIELD_QUANTITY], "\"2\"");
    assert_string_equal(t->path[FIELD_AMOUNT], "classes[].cents");
    assert_string_equal(t->path[FIELD_DISCOUNT], "classes[].off");
    assert_string_equal(t->path[FIELD_REC], "");
    assert_string_equal(t->path[FIELD_COUNTERPART], "with.id");
    assert_int_equal(t->kind, KIND_EVENT);
    assert_int_equal(t->ts_unit, TS_UNIT_S);
    assert_true(t->amount_scale == 0.01);
    assert_int_equal(t->n_symbols, 2);
    assert_string_equal(t->symbols[0].symbol, "Booked");
    assert_int_equal(t->symbols[0].meaning, ACTION_ENROLL);
    assert_int_equal(t->symbols[1].field, FIELD_ACTION);
    assert_int_equal(t->symbols[1].meaning, ACTION_VIEW);
    assert_true(t->weight[ACTION_ENROLL] == 3.0 && t->weight[ACTION_COMPLETE] == 0.0);
    assert_true(t->weight[ACTION_VIEW] == 1.0);
    assert_string_equal(value(&c, "topic.visits.map.action.booked"), "enroll");
    assert_string_equal(value(&c, "topic.visits.weight.Enroll"), "3");
    char buf[16];
    assert_int_equal(config_get(&c, "topic.visits.map.action.Paid", buf, sizeof buf), ST_NOT_FOUND);
    assert_int_equal(config_get(&c, "topic.visits.weight.erase", buf, sizeof buf), ST_NOT_FOUND);
}

static void requests_and_consent_have_words_of_their_own(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"topic.p.schema=/p.avsc", "topic.p.kind=privacy",
                                       "topic.p.user=u", "topic.p.ts=t", "topic.p.action=a",
                                       "topic.p.map.action.FORGET=erase"}});
    assert_int_equal(c.globals[0].symbols[0].meaning, PRIVACY_ERASE);
    assert_string_equal(value(&c, "topic.p.map.action.FORGET"), "erase");
    loads(&c, (struct sources){.set = {"topic.p.schema=/p.avsc", "topic.p.kind=profile",
                                       "topic.p.user=u", "topic.p.map.consent.in=yes",
                                       "topic.p.map.consent.out=no"}});
    assert_int_equal(c.globals[0].symbols[0].meaning, 1);
    assert_int_equal(c.globals[0].symbols[1].meaning, 0);
    assert_int_equal(c.globals[0].symbols[1].field, FIELD_CONSENT);
    assert_string_equal(value(&c, "topic.p.map.consent.out"), "no");
}

static void words_may_be_ignored_where_there_are_actions_or_requests(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){
                  .set = {"topic.course-views.map.action.RATE=Ignore", "topic.f.schema=Feedback",
                          "topic.f.domain=food", "topic.f.map.action.CLICK=ignore",
                          "topic.p.schema=PrivacyRequest", "topic.p.map.action.STOP=ignore"}});
    assert_int_equal(c.topics[0].symbols[0].meaning, MEANING_IGNORE);
    assert_string_equal(value(&c, "topic.course-views.map.action.RATE"), "ignore");
    assert_string_equal(value(&c, "topic.f.map.action.CLICK"), "ignore");
    assert_int_equal(c.globals[0].symbols[0].meaning, MEANING_IGNORE);
    assert_string_equal(value(&c, "topic.p.map.action.STOP"), "ignore");
}

static void a_schema_file_lies_beside_the_configuration(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = GYM});
    assert_string_equal(c.topics[0].schema, "/tmp/gym.avsc"); /* there the test's file is */
    loads(&c, (struct sources){.ini = GYM, .set = {"topic.visits.schema=/etc/gym.avsc"}});
    assert_string_equal(c.topics[0].schema, "/etc/gym.avsc");
    loads(&c, (struct sources){.set = {"topic.v.schema=a/gym.avsc", "topic.v.domain=food",
                                       "topic.v.user=u", "topic.v.ts=t", "topic.v.item=i",
                                       "topic.v.action=\"view\""}});
    assert_string_equal(c.topics[2].schema, "a/gym.avsc"); /* no file: where one stands */
}

static void names_with_dots_are_told_from_options_with_dots(void **state) {
    (void)state;
    struct config c;
    loads(&c,
          (struct sources){.ini = "[topic.a.weight.x]\ndomain = food\nschema = FoodOrder\n"
                                  "[topic.a]\ndomain = food\nschema = FoodOrder\n",
                           .set = {"topic.a.weight.x.schema=CourseView", "topic.a.weight.view=2",
                                   "topic.a.event.id=e", "topic.b.c.partner.domain=\"food\"",
                                   "topic.b.c.schema=Identity"},
                           .env = {"CROSSREC_TOPIC_A_WEIGHT_X_WEIGHT_VIEW=3",
                                   "CROSSREC_TOPIC_A_MAP_ACTION_EAT_IN=order",
                                   "CROSSREC_TOPIC_NEW_PARTNER_DOMAIN=\"food\"",
                                   "CROSSREC_TOPIC_NEW_SCHEMA=Identity"}});
    assert_int_equal(c.n_topics, 2);
    assert_string_equal(c.topics[0].schema, "CourseView");
    assert_string_equal(value(&c, "topic.a.weight.x.weight.view"), "3");
    assert_string_equal(value(&c, "topic.a.weight.view"), "2");
    assert_string_equal(c.topics[1].path[FIELD_EVENT_ID], "e");
    assert_string_equal(value(&c, "topic.a.map.action.eat_in"), "order");
    assert_int_equal(c.n_globals, 2);
    assert_string_equal(c.globals[0].name, "new");
    assert_string_equal(c.globals[1].name, "b.c");
    assert_string_equal(value(&c, "topic.new.partner.domain"), "\"food\"");
}

static void combinations_of_topics_are_checked(void **state) {
    (void)state;
    fails("F: topic.visits: does not say where in gym.avsc its user, ts, item, action are; write "
          "topic.visits.user = PATH, such as payload.id or lines[].sku",
          (struct sources){.ini = "[domain.gym]\n[domain.food]\n[topic.visits]\ndomain = gym\n"
                                  "schema = gym.avsc\n"});
    fails("topic.x: does not say where in x.avsc its item is; write topic.x.item = PATH, such as "
          "payload.id or lines[].sku",
          (struct sources){.set = {"topic.x.schema=x.avsc", "topic.x.kind=item",
                                   "topic.x.domain=food", "topic.x.price=p"}});
    fails(
        "topic.x: a topic of kind item needs no user; it has ts, item, available, category, "
        "price, name, attributes; remove topic.x.user",
        (struct sources){.set = {"topic.x.schema=Item", "topic.x.domain=food", "topic.x.user=u"}});
    fails(
        "topic.x: kind = event, but records of Item are item; remove kind, or write a schema file "
        "of your own",
        (struct sources){
            .set = {"topic.x.schema=Item", "topic.x.domain=food", "topic.x.kind=event"}});
    fails("topic.x: has no domain; write topic.x.domain = NAME",
          (struct sources){.set = {"topic.x.schema=Item"}});
    fails("topic.x: has no domain; write topic.x.domain = NAME",
          (struct sources){.set = {"topic.x.schema=x.avsc", "topic.x.kind=identity",
                                   "topic.x.user=u", "topic.x.partner.id=p"}});
    fails("topic.x: a topic of kind profile is of no domain of its own; remove topic.x.domain",
          (struct sources){.set = {"topic.x.schema=UserProfile", "topic.x.domain=food"}});
    fails("topic.x: a topic of kind identity is of no domain of its own; remove topic.x.domain",
          (struct sources){.set = {"topic.x.schema=Identity", "topic.x.domain=food"}});
    fails("topic.food-orders: user cannot be a constant; write a path of its schema without quotes",
          (struct sources){.set = {"topic.food-orders.user=\"me\""}});
    fails("topic.food-orders: intake = repartition needs a topic of kind identity, who is whom; "
          "write [topic.NAME] with schema = Identity",
          (struct sources){.set = {"topic.food-orders.intake=repartition"}});
    fails(
        "topic.food-orders: weights of what is repartitioned are those of topic crossrec-events; "
        "write topic.crossrec-events.weight.ACTION",
        (struct sources){.set = {"topic.food-orders.intake=repartition",
                                 "topic.food-orders.weight.order=2", "topic.who.schema=Identity"}});
    fails("topic.who: a topic of kind identity is read whole by every instance; remove intake",
          (struct sources){.set = {"topic.who.schema=Identity", "topic.who.intake=repartition"}});
    fails("F: topic: there must be at least one [topic.NAME] of kind event",
          (struct sources){.ini = "[topic.who]\nschema = Identity\n"});
}

static void words_are_checked(void **state) {
    (void)state;
    static const char all[] =
        "must be view, enroll, purchase, order, complete, rate, like, share, "
        "comment, report, impression, click, conversion, erase, stop, resume, block, pin, "
        "boost or ignore";
    char expected[512];
    snprintf(expected, sizeof expected,
             "--set topic.food-orders.map.action.PAID=purchas: %s; did you mean purchase?", all);
    fails(expected, (struct sources){.set = {"topic.food-orders.map.action.PAID=purchas"}});
    snprintf(expected, sizeof expected, "--set topic.food-orders.map.action.PAID=: %s", all);
    fails(expected, (struct sources){.set = {"topic.food-orders.map.action.PAID="}});
    fails("topic.food-orders: map.action.PAID = erase: must be view, enroll, purchase, order, "
          "complete, rate, like, share, comment, report, impression, click, conversion or ignore "
          "in a "
          "topic of kind event",
          (struct sources){.set = {"topic.food-orders.map.action.PAID=erase"}});
    fails("topic.f: map.action.PAID = view: must be impression, click, conversion or ignore in a "
          "topic of kind feedback",
          (struct sources){.set = {"topic.f.schema=Feedback", "topic.f.domain=food",
                                   "topic.f.map.action.PAID=view"}});
    fails("topic.food-orders: a topic of kind event has no map.consent.in; remove it",
          (struct sources){.set = {"topic.food-orders.map.consent.in=yes"}});
    fails("--set topic.food-orders.map.consent.in=maybe: must be yes, no or unknown",
          (struct sources){.set = {"topic.food-orders.map.consent.in=maybe"}});
    fails("--set topic.food-orders.weight.veiw=1: weight.ACTION: the action must be view, enroll, "
          "purchase, order, complete, rate, like, share, comment, report, impression, click or "
          "conversion; did you mean view?",
          (struct sources){.set = {"topic.food-orders.weight.veiw=1"}});
    fails(
        "--set topic.food-orders.weight.ignore=1: weight.ACTION: the action must be view, enroll, "
        "purchase, order, complete, rate, like, share, comment, report, impression, click or "
        "conversion",
        (struct sources){.set = {"topic.food-orders.weight.ignore=1"}});
    fails("--set topic.food-orders.weight.view=101: must be 0..100",
          (struct sources){.set = {"topic.food-orders.weight.view=101"}});
    char ini[4096] = "[topic.t]\ndomain = food\nschema = FoodOrder\n";
    for (int i = 0; i < CONFIG_SYMBOLS_MAX + 1; i++) {
        sprintf(ini + strlen(ini), "map.action.s%d = view\n", i);
    }
    fails("F:36: topic.t.map.action.s32 = view: more than 32 symbols of one topic",
          (struct sources){.ini = ini});
    char set[128] = "topic.food-orders.map.action.";
    memset(set + strlen(set), 's', 64);
    strcat(set, "=view");
    snprintf(expected, sizeof expected, "--set %s: a symbol has at most 63 bytes", set);
    fails(expected, (struct sources){.set = {set}});
}

/* ---- kafka ---------------------------------------------------------------------------- */

static void kafka_options_pass_through(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "[kafka]\nbootstrap.servers = a:1,b:2\nclient.id = me\n",
                               .env = {"CROSSREC_KAFKA_SECURITY_PROTOCOL=ssl"},
                               .set = {"kafka.client.id=you"}});
    assert_int_equal(c.n_kafka, 3);
    assert_string_equal(c.kafka[0].key, "bootstrap.servers");
    assert_string_equal(c.kafka[0].value, "a:1,b:2");
    assert_string_equal(value(&c, "kafka.client.id"), "you");
    assert_string_equal(value(&c, "kafka.security.protocol"), "ssl");
}

static void what_crossrec_decides_cannot_be_set(void **state) {
    (void)state;
    static const char *const denied[] = {
        "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset",
        "isolation.level",    "transactional.id",         "partition.assignment.strategy",
        "enable.idempotence", "auto.commit.interval.ms",  "enable.partition.eof",
        "group.id",           "group.instance.id",        "acks",
        "partitioner",        "metadata.broker.list",     "group.protocol",
    };
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        struct config c;
        char err[CONFIG_ERROR_MAX];
        char set[128];
        char expected[128];
        snprintf(set, sizeof set, "kafka.%s=x", denied[i]);
        snprintf(expected, sizeof expected, "--set kafka.%s: cannot be set: ", denied[i]);
        assert_int_equal(load(&c, &(struct sources){.set = {set}}, err), ST_INVALID);
        assert_int_equal(strncmp(err, expected, strlen(expected)), 0);
        assert_true(strlen(err) > strlen(expected)); /* and a reason */
    }
    fails("environment CROSSREC_KAFKA_GROUP_ID: cannot be set: use group, in [crossrec]",
          (struct sources){.env = {"CROSSREC_KAFKA_GROUP_ID=g"}});
}

static void secrets_are_never_shown(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"redis.password=hunter2", "kafka.sasl.password=hunter2",
                                       "kafka.ssl.key.pem=hunter2"}});
    assert_string_equal(c.redis_password, "hunter2");
    assert_string_equal(value(&c, "redis.password"), "***");
    assert_string_equal(value(&c, "kafka.sasl.password"), "***");
    assert_string_equal(value(&c, "kafka.ssl.key.pem"), "***");
    loads(&c, (struct sources){.env = {"CROSSREC_REGISTRY_PASSWORD=hunter2"}});
    assert_string_equal(c.registry_password, "hunter2");
    assert_string_equal(value(&c, "registry.password"), "***");
    char set[1024] = "redis.password=";
    memset(set + strlen(set), 'x', 600);
    fails("--set redis.password=***: longer than 511 bytes", (struct sources){.set = {set}});
    strcpy(set, "kafka.sasl.password=");
    memset(set + strlen(set), 'x', 600);
    fails("--set kafka.sasl.password=***: longer than 511 bytes", (struct sources){.set = {set}});
}

/* ---- partners' keys and lengths --------------------------------------------------------- */

static void each_target_can_have_a_key(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "[privacy]\nkey.gym = gym.key\n[domain.gym]\n[domain.food]\n"
                                      "[topic.t]\nschema = CourseView\ndomain = gym\n",
                               .env = {"CROSSREC_PRIVACY_KEY_FOOD=/k/food"},
                               .set = {"privacy.key.gym=other.key"}});
    assert_int_equal(c.n_keys, 2);
    assert_string_equal(value(&c, "privacy.key.gym"), "other.key");
    assert_string_equal(value(&c, "privacy.key.food"), "/k/food");
    loads(&c, (struct sources){.env = {NULL}});
    assert_int_equal(c.n_keys, 0);
}

static void a_key_of_no_target_is_refused(void **state) {
    (void)state;
    fails("privacy.key.fod: there is no domain fod; did you mean food?",
          (struct sources){.set = {"privacy.key.fod=f"}});
    fails("privacy.key.food: food is no target: nothing is written for its partner",
          (struct sources){.set = {"privacy.key.food=f", "domain.food.target=no"}});
    fails("--set privacy.key.food=: must be the name of a file",
          (struct sources){.set = {"privacy.key.food="}});
    fails("--set privacy.kee.food: unknown option; did you mean privacy.key.food?",
          (struct sources){.set = {"privacy.kee.food=f"}});
}

static void each_domain_can_have_lists_of_its_own_length(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.set = {"publish.n=7", "domain.food.n=20"}});
    assert_int_equal(config_list_n(&c, 0), 7);
    assert_int_equal(config_list_n(&c, 1), 20);
    assert_int_equal(config_list_max(&c), 20);
    fails("--set domain.food.n=101: must be 0..100 (items a list)",
          (struct sources){.set = {"domain.food.n=101"}});
}

/* ---- environment ---------------------------------------------------------------------- */

static void other_variables_are_left_alone(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.env = {"PATH=/bin", "CROSSREC=1", "CROSSREC_BUILD_DIR=/b",
                                       "CROSSREC_CACHE=/c", "CROSSREC_TEST_KAFKA=a:1",
                                       "CROSSREC_SERVICE_HOST=10.0.0.1",
                                       "CROSSREC_PORT_9464_TCP=tcp://10.0.0.1:9464"}});
    is_default(&c);
    loads(&c, (struct sources){.env = {"CROSSREC_PORT=tcp://10.0.0.1:9464", "crossrec_clock=x"}});
    is_default(&c);
    fails("environment CROSSREC_CACHES: unknown option; `crossrec help options` lists them",
          (struct sources){.env = {"CROSSREC_CACHES=/c"}});
}

/* ---- the file ------------------------------------------------------------------------- */

static void mistakes_in_the_file_name_their_line(void **state) {
    (void)state;
    fails("F:3: publish.n = 0: must be 1..100 (items a list)",
          (struct sources){.ini = "# one\n[publish]\nn = 0\nn = 1\n"});
    fails("F:2: neither [section] nor name = value nor # comment",
          (struct sources){.ini = "[publish]\nn\ninterval = x\n"});
    fails("F:2: publish.n = 0: must be 1..100 (items a list)",
          (struct sources){.ini = "[publish]\nn = 0\n???\n"});
    fails("F:1: neither [section] nor name = value nor # comment",
          (struct sources){.ini = "[publish\nn = 3\n"});
    fails("F:1: text behind the section's ]; begin a new line",
          (struct sources){.ini = "[publish] n = 3\n"});
    fails("F:4: publish.n: already set in line 2",
          (struct sources){.ini = "[publish]\nn = 3\n\nn = 4\n"});
    fails("F:3: clock: already set in line 1",
          (struct sources){.ini = "clock = wall\n[crossrec]\nclock = stream\n"});
}

static void indentation_line_ends_and_marks_do_not_matter(void **state) {
    (void)state;
    struct config c;
    loads(&c, (struct sources){.ini = "\xEF\xBB\xBF[publish]\r\n  n = 3 ; a comment\r\n"
                                      "\trate : 5\r\n\r\n ; another\r\n  interval=20ms"});
    assert_int_equal(c.list_n, 3);
    assert_int_equal(c.publish_rate, 5);
    assert_int_equal(c.publish_interval_ms, 20);
    loads(&c, (struct sources){.ini = "[redis] # why not\npassword = a;b=c#d\n"});
    assert_string_equal(c.redis_password, "a;b=c#d");
}

static void nothing_of_the_file_is_cut_off(void **state) {
    (void)state;
    struct config c;
    char ini[1024] = "# ";
    memset(ini + 2, 'x', 400); /* a comment may be long */
    strcpy(ini + 402, "\n[publish]\nn = 3\n");
    loads(&c, (struct sources){.ini = ini});
    assert_int_equal(c.list_n, 3);

    strcpy(ini, "[redis]\npassword = ");
    memset(ini + strlen(ini), 0, 500);
    memset(ini + strlen(ini), 'p', 300);
    fails("F:2: line too long; give this option by --set or by its environment variable instead",
          (struct sources){.ini = ini});

    memset(ini, 0, sizeof ini); /* a name that inih would cut at 49 bytes */
    strcpy(ini, "[topic.");
    memset(ini + 7, 't', 100);
    strcat(ini, "]\ndomain = food\nschema = FoodOrder\n");
    loads(&c, (struct sources){.ini = ini});
    assert_int_equal(c.n_topics, 1);
    assert_int_equal(strlen(c.topics[0].name), 100);
    memset(ini + 7, 't', 128);
    strcpy(ini + 7 + 128, "]\n");
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(load(&c, &(struct sources){.ini = ini}, err), ST_INVALID);
    assert_non_null(strstr(err, "at most 127 bytes"));
}

static void a_file_that_is_no_text_is_refused(void **state) {
    (void)state;
    struct config c;
    char err[CONFIG_ERROR_MAX];
    char *path = write_file("[publish]\nn\0=3\n", 15);
    assert_int_equal(config_load(&c, path, NULL, NULL, 0, err), ST_INVALID);
    assert_string_equal(err + strlen(path), ":2: a byte 0: this is no text file");
    remove_file(path);
}

static void a_file_that_cannot_be_read_is_an_io_error(void **state) {
    (void)state;
    struct config c;
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(config_load(&c, "/nonexistent/a.ini", NULL, NULL, 0, err), ST_IO);
    assert_string_equal(err, "/nonexistent/a.ini: No such file or directory");
    assert_int_equal(config_load(&c, "/tmp", NULL, NULL, 0, err), ST_IO);
    assert_string_equal(err, "/tmp: Is a directory");
}

/* Whatever the bytes are: a status, and an error that begins with the file's name. */
static void any_bytes_are_answered(void **state) {
    (void)state;
    static const char alphabet[] = "[]=;#:.\n\n\r \t\0abdefikmnoprstuxy12";
    unsigned seed = 7;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 500; round++) {
        char text[300];
        struct config c;
        char err[CONFIG_ERROR_MAX] = "";
        for (size_t i = 0; i < sizeof text; i++) {
            seed = seed * 1103515245U + 12345U;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        char *path = write_file(text, sizeof text);
        enum status st = config_load(&c, path, NULL, NULL, 0, err);
        assert_true(st == ST_OK || st == ST_INVALID);
        assert_true(st == ST_OK || strncmp(err, path, strlen(path)) == 0);
        remove_file(path);
    }
}

/* ---- printing --------------------------------------------------------------------------- */

static void the_printed_file_gives_the_defaults(void **state) {
    (void)state;
    struct config c;
    char *text = printed(config_print_ini);
    loads(&c, (struct sources){.ini = text});
    is_default(&c);
    struct config d;
    config_defaults(&d);
    assert_string_equal(c.instance_id, d.instance_id);
    free(text);
}

static void the_printed_file_is_the_shipped_one(void **state) {
    (void)state;
#ifdef SOURCE_DIR
    FILE *f = fopen(SOURCE_DIR "/deploy/crossrec.ini", "r");
    assert_non_null(f);
    char *shipped = calloc(1, LINES_MAX);
    char *text = printed(config_print_ini);
    assert_non_null(shipped);
    assert_in_range(fread(shipped, 1, LINES_MAX, f), 1, LINES_MAX - 1);
    assert_string_equal(shipped, text);
    fclose(f);
    free(shipped);
    free(text);
#else
    skip();
#endif
}

static void help_names_every_option(void **state) {
    (void)state;
    char *text = printed(config_help);
    for (size_t i = 0; i < N_DEFAULTS; i++) {
        const char *name = DEFAULTS[i][0];
        bool named = strncmp(name, "domain.", 7) == 0 || strncmp(name, "topic.", 6) == 0;
        assert_true(named || strstr(text, name));
    }
    assert_non_null(strstr(text, "domain.NAME.repeats"));
    assert_non_null(strstr(text, "topic.NAME.schema"));
    assert_non_null(strstr(text, "topic.NAME.map.action.SYMBOL"));
    assert_non_null(strstr(text, "topic.NAME.weight.ACTION"));
    assert_non_null(strstr(text, "10ms..1m"));
    free(text);
}

static void a_name_that_is_not_there_is_not_found(void **state) {
    (void)state;
    struct config c;
    char buf[16];
    config_defaults(&c);
    static const char *const names[] = {"",
                                        "redis",
                                        "kafka.client.id",
                                        "domain.films.repeats",
                                        "domain.food.x",
                                        "domain.foo.repeats",
                                        "domain.food",
                                        "topic.food-orders.x",
                                        "topic.food-orders"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(config_get(&c, names[i], buf, sizeof buf), ST_NOT_FOUND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(loading_nothing_gives_the_defaults),
        cmocka_unit_test(the_default_instance_id_is_host_and_pid),
        cmocka_unit_test(each_source_goes_over_the_one_before),
        cmocka_unit_test(an_option_can_be_set_in_all_three_ways_to_the_same),
        cmocka_unit_test(options_of_the_top_section_need_no_prefix),
        cmocka_unit_test(durations_are_read_with_their_unit),
        cmocka_unit_test(ranges_include_their_ends),
        cmocka_unit_test(numbers_and_words_are_read_strictly),
        cmocka_unit_test(yes_and_no_have_three_spellings),
        cmocka_unit_test(addresses_and_names_are_checked),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(refresh_follows_the_ttl),
        cmocka_unit_test(an_unknown_name_is_answered_with_the_nearest),
        cmocka_unit_test(options_of_later_versions_say_so),
        cmocka_unit_test(the_nearest_is_nearest_by_a_naive_distance),
        cmocka_unit_test(a_domain_of_the_file_replaces_both_shipped_ones),
        cmocka_unit_test(a_topic_may_name_a_domain_that_follows),
        cmocka_unit_test(settings_adjust_the_shipped_ones_and_keep_the_others),
        cmocka_unit_test(the_environment_adds_in_the_order_of_names),
        cmocka_unit_test(each_target_can_have_a_key),
        cmocka_unit_test(a_key_of_no_target_is_refused),
        cmocka_unit_test(each_domain_can_have_lists_of_its_own_length),
        cmocka_unit_test(names_of_domains_and_topics_are_checked),
        cmocka_unit_test(there_are_limits_to_how_many),
        cmocka_unit_test(combinations_are_checked),
        cmocka_unit_test(a_topic_is_of_the_tasks_global_or_repartitioned),
        cmocka_unit_test(the_topic_of_events_can_be_named),
        cmocka_unit_test(a_mapping_is_taken_as_it_is_written),
        cmocka_unit_test(requests_and_consent_have_words_of_their_own),
        cmocka_unit_test(words_may_be_ignored_where_there_are_actions_or_requests),
        cmocka_unit_test(a_schema_file_lies_beside_the_configuration),
        cmocka_unit_test(names_with_dots_are_told_from_options_with_dots),
        cmocka_unit_test(combinations_of_topics_are_checked),
        cmocka_unit_test(words_are_checked),
        cmocka_unit_test(kafka_options_pass_through),
        cmocka_unit_test(what_crossrec_decides_cannot_be_set),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(other_variables_are_left_alone),
        cmocka_unit_test(mistakes_in_the_file_name_their_line),
        cmocka_unit_test(indentation_line_ends_and_marks_do_not_matter),
        cmocka_unit_test(nothing_of_the_file_is_cut_off),
        cmocka_unit_test(a_file_that_is_no_text_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_io_error),
        cmocka_unit_test(any_bytes_are_answered),
        cmocka_unit_test(the_printed_file_gives_the_defaults),
        cmocka_unit_test(the_printed_file_is_the_shipped_one),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(a_name_that_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
