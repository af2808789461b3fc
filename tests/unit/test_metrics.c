/* SPDX-License-Identifier: Apache-2.0
 *
 * test_metrics.c -- the sentences of metrics.h; the text is read back by a small parser
 * of Prometheus' text format 0.0.4 that shares nothing with metrics.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

/* ---- a parser of the text format ---------------------------------------------------------- */

enum { SAMPLES_MAX = 4096, NAME_MAX_ = 128, PAIRS_MAX = 2 };

struct sample {
    char name[NAME_MAX_];
    char type[16]; /* of the family it stands under */
    char key[PAIRS_MAX][32];
    char value[PAIRS_MAX][256]; /* unescaped */
    int pairs;
    double number;
};

struct exposition {
    struct sample samples[SAMPLES_MAX];
    size_t n;
    char family[NAME_MAX_]; /* of the last TYPE line */
    char type[16];
    char *text;
};

static const char *parse_name(const char *p, char *out, bool colon) {
    size_t n = 0;
    assert_true(isalpha((unsigned char)*p) || *p == '_');
    while (isalnum((unsigned char)*p) || *p == '_' || (colon && *p == ':')) {
        assert_true(n < NAME_MAX_ - 1);
        out[n++] = *p++;
    }
    out[n] = '\0';
    return p;
}

static const char *parse_pair(const char *p, struct sample *s) {
    char key[NAME_MAX_];
    char *out = s->value[s->pairs];
    p = parse_name(p, key, false);
    assert_true(s->pairs < PAIRS_MAX && strlen(key) < sizeof s->key[0]);
    strcpy(s->key[s->pairs++], key);
    assert_true(p[0] == '=' && p[1] == '"');
    for (p += 2; *p != '"'; p++) {
        assert_true(*p && *p != '\n');
        if (*p == '\\') {
            p++;
            assert_true(*p == '\\' || *p == '"' || *p == 'n');
            *out++ = (char)(*p == 'n' ? '\n' : *p);
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    return p + 1;
}

static bool belongs(const char *sample, const char *family, const char *type) {
    size_t n = strlen(family);
    const char *suffix = sample + n;
    if (strncmp(sample, family, n) != 0) {
        return false;
    }
    bool histogram = strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 ||
                     strcmp(suffix, "_count") == 0;
    return strcmp(type, "histogram") == 0 ? histogram : !*suffix;
}

static void parse_sample(struct exposition *e, const char *p) {
    assert_true(e->n < SAMPLES_MAX);
    struct sample *s = &e->samples[e->n++];
    p = parse_name(p, s->name, true);
    assert_true(belongs(s->name, e->family, e->type));
    strcpy(s->type, e->type);
    if (*p == '{') {
        do {
            p = parse_pair(p + 1, s);
        } while (*p == ',');
        assert_int_equal(*p++, '}');
    }
    assert_int_equal(*p++, ' ');
    char *end;
    s->number = strtod(p, &end); /* it knows NaN and Inf too */
    assert_true(end != p && *end == '\0');
}

static void parse_line(struct exposition *e, const char *line) {
    if (strncmp(line, "# HELP ", 7) == 0) {
        const char *p = parse_name(line + 7, e->family, true);
        assert_true(p[0] == ' ' && p[1]);
        e->type[0] = '\0';
    } else if (strncmp(line, "# TYPE ", 7) == 0) {
        char name[NAME_MAX_];
        const char *p = parse_name(line + 7, name, true);
        assert_string_equal(name, e->family);
        assert_true(strcmp(p, " counter") == 0 || strcmp(p, " gauge") == 0 ||
                    strcmp(p, " histogram") == 0);
        strcpy(e->type, p + 1);
    } else {
        parse_sample(e, line);
    }
}

static struct exposition *exposed(void) {
    struct exposition *e = calloc(1, sizeof *e);
    assert_non_null(e);
    size_t room = metrics_text(NULL, 0) + 4096; /* numbers may grow meanwhile */
    e->text = malloc(room);
    char *copy = malloc(room);
    assert_true(e->text && copy);
    size_t need = metrics_text(e->text, room);
    assert_in_range(need, 1, room - 1);
    assert_int_equal(strlen(e->text), need);
    assert_int_equal(e->text[need - 1], '\n');
    strcpy(copy, e->text);
    for (char *line = copy; *line;) {
        char *end = strchr(line, '\n');
        *end = '\0';
        parse_line(e, line);
        line = end + 1;
    }
    free(copy);
    return e;
}

static void forget(struct exposition *e) {
    free(e->text);
    free(e);
}

/* The only sample of this name whose first pair has this value (NULL: no pair). */
static const struct sample *find(const struct exposition *e, const char *name, const char *value) {
    const struct sample *found = NULL;
    for (size_t i = 0; i < e->n; i++) {
        const struct sample *s = &e->samples[i];
        if (strcmp(s->name, name) == 0 &&
            (value ? s->pairs > 0 && strcmp(s->value[0], value) == 0 : s->pairs == 0)) {
            assert_null(found);
            found = s;
        }
    }
    return found;
}

static size_t count(const struct exposition *e, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        n += strcmp(e->samples[i].name, name) == 0;
    }
    return n;
}

static int reset(void **state) {
    (void)state;
    metrics_reset();
    for (int m = 0; m < METRICS; m++) {
        if (metrics_label((enum metric)m, NULL, 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_follow_the_conventions(void **state) {
    (void)state;
    struct exposition *e = exposed();
    assert_true(e->n >= METRICS);
    for (size_t i = 0; i < e->n; i++) {
        const struct sample *s = &e->samples[i];
        assert_int_equal(strncmp(s->name, "crossrec_", 9), 0);
        size_t n = strlen(s->name);
        bool total = n > 6 && strcmp(s->name + n - 6, "_total") == 0;
        assert_int_equal(total, strcmp(s->type, "counter") == 0);
    }
    forget(e);
}

static void every_metric_is_listed_once(void **state) {
    (void)state;
    static const char *const names[] = {
#define METRIC(id, kind, name, label, help) name,
#include "metrics.def"
#undef METRIC
    };
    struct exposition *e = exposed();
    for (size_t i = 0; i < METRICS; i++) {
        char line[256];
        snprintf(line, sizeof line, "# TYPE %s ", names[i]);
        const char *first = strstr(e->text, line);
        assert_non_null(first);
        assert_null(strstr(first + 1, line));
    }
    forget(e);
}

/* ---- samples --------------------------------------------------------------------------------- */

static void a_metric_without_labels_is_one_bare_sample(void **state) {
    (void)state;
    metric_add(M_UNDONE, 0, 3);
    metric_add(M_UNDONE, 0, 4);
    metric_set(M_USERS, 0, 1e9);
    metric_add(M_EVENTS, 0, 5); /* has a label, but no values were named */
    struct exposition *e = exposed();
    assert_true(find(e, "crossrec_batches_undone_total", NULL)->number == 7);
    assert_true(find(e, "crossrec_users", NULL)->number == 1e9);
    assert_true(find(e, "crossrec_events_total", NULL)->number == 5);
    assert_int_equal(count(e, "crossrec_events_total"), 1);
    forget(e);
}

static void a_labelled_metric_prints_the_registered_values_only(void **state) {
    (void)state;
    char first[] = "course-views";
    const char *const topics[] = {first, "food-orders"};
    assert_int_equal(metrics_label(M_EVENTS, topics, 2), ST_OK);
    memset(first, 'x', sizeof first - 1); /* values are copied */
    metric_add(M_EVENTS, 1, 9);
    metric_add(M_EVENTS, 2, 100);
    struct exposition *e = exposed();
    assert_int_equal(count(e, "crossrec_events_total"), 2);
    assert_true(find(e, "crossrec_events_total", "course-views")->number == 0);
    assert_true(find(e, "crossrec_events_total", "food-orders")->number == 9);
    assert_string_equal(find(e, "crossrec_events_total", "food-orders")->key[0], "topic");
    assert_true(metric_sum(M_EVENTS) == 109);
    assert_true(metric_value(M_EVENTS, 1) == 9);
    forget(e);
}

static void two_labels_are_named_by_pairs(void **state) {
    (void)state;
    const char *const pairs[] = {"food,cold", "food,kno\"wn"};
    const char *const single[] = {"food,cold", "food"};
    const char *const topics[] = {"a,b"}; /* of a metric with one label a comma is a comma */
    assert_int_equal(metrics_label(M_GUARD_LEAD, pairs, 2), ST_OK);
    assert_int_equal(metrics_label(M_GUARD_LEAD, single, 2), ST_INVALID);
    assert_int_equal(metrics_label(M_EVENTS, topics, 1), ST_OK);
    metric_set(M_GUARD_LEAD, 1, -2.5);
    struct exposition *e = exposed();
    assert_int_equal(count(e, "crossrec_guard_lead"), 2);
    const struct sample *last = NULL;
    for (size_t i = 0; i < e->n; i++) {
        last = strcmp(e->samples[i].name, "crossrec_guard_lead") == 0 ? &e->samples[i] : last;
    }
    assert_int_equal(last->pairs, 2);
    assert_string_equal(last->key[0], "domain");
    assert_string_equal(last->value[0], "food");
    assert_string_equal(last->key[1], "slice");
    assert_string_equal(last->value[1], "kno\"wn");
    assert_true(last->number == -2.5);
    assert_non_null(find(e, "crossrec_events_total", "a,b"));
    forget(e);
}

static void label_values_are_escaped(void **state) {
    (void)state;
    const char *const odd[] = {"a\"b\\c\nd", "{}", ""};
    assert_int_equal(metrics_label(M_DEAD_LETTERS, odd, 3), ST_OK);
    metric_add(M_DEAD_LETTERS, 0, 1);
    struct exposition *e = exposed();
    assert_true(find(e, "crossrec_dead_letters_total", "a\"b\\c\nd")->number == 1);
    assert_non_null(find(e, "crossrec_dead_letters_total", "{}"));
    assert_non_null(find(e, "crossrec_dead_letters_total", ""));
    assert_non_null(strstr(e->text, "{reason=\"a\\\"b\\\\c\\nd\"} 1\n"));
    forget(e);
}

static void too_many_or_too_long_labels_change_nothing(void **state) {
    (void)state;
    const char *many[METRIC_LABELS_MAX + 1];
    for (size_t i = 0; i <= METRIC_LABELS_MAX; i++) {
        many[i] = "same";
    }
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const ok[] = {"kept"};
    const char *const too_long[] = {"new", longest};
    assert_int_equal(metrics_label(M_LATE, ok, 1), ST_OK);
    assert_int_equal(metrics_label(M_LATE, many, METRIC_LABELS_MAX + 1), ST_RANGE);
    assert_int_equal(metrics_label(M_LATE, too_long, 2), ST_RANGE);
    assert_int_equal(metrics_label(M_USERS, ok, 1), ST_INVALID); /* has no label */
    struct exposition *e = exposed();
    assert_int_equal(count(e, "crossrec_late_events_total"), 1);
    assert_non_null(find(e, "crossrec_late_events_total", "kept"));
    forget(e);
    assert_int_equal(metrics_label(M_LATE, many, METRIC_LABELS_MAX), ST_OK);
}

static void what_is_out_of_range_is_dropped(void **state) {
    (void)state;
    metric_add(M_EVENTS, METRIC_LABELS_MAX, 1);
    metric_add(METRICS, 0, 1);
    metric_add(M_USERS, 0, 1); /* a gauge */
    metric_set(M_EVENTS, 0, 1);
    metric_observe(M_EVENTS, 0, 1);
    metric_set(M_COMMIT_SECONDS, 0, 1);
    for (int m = 0; m < METRICS; m++) {
        assert_true(metric_sum((enum metric)m) == 0);
    }
    assert_true(metric_value(METRICS, 0) == 0);
    assert_true(metric_value(M_EVENTS, METRIC_LABELS_MAX) == 0);
}

static void gauges_keep_their_double(void **state) {
    (void)state;
    const double values[] = {0.1, -2.5, 1764079387.123, 1e-9, 0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        metric_set(M_LAG_SECONDS, 0, values[i]);
        assert_true(metric_value(M_LAG_SECONDS, 0) == values[i]);
        struct exposition *e = exposed();
        assert_true(find(e, "crossrec_lag_seconds", NULL)->number == values[i]);
        forget(e);
    }
    metric_set(M_LAG_SECONDS, 0, (double)NAN);
    metric_set(M_USERS, 0, (double)-INFINITY);
    struct exposition *e = exposed();
    assert_non_null(strstr(e->text, "\ncrossrec_lag_seconds NaN\n"));
    assert_non_null(strstr(e->text, "\ncrossrec_users -Inf\n"));
    forget(e);
}

/* ---- histograms ------------------------------------------------------------------------------ */

static const double OBSERVED[] = {0.0005, 0.001, 0.0011, 0.002, 0.5, 1.024, 1000, 1048.576, 5000};
enum { N_OBSERVED = sizeof OBSERVED / sizeof OBSERVED[0] };

static void buckets_are_cumulative(void **state) {
    (void)state;
    double sum = 0;
    for (size_t i = 0; i < N_OBSERVED; i++) {
        metric_observe(M_COMMIT_SECONDS, 0, OBSERVED[i]);
        sum += OBSERVED[i];
    }
    struct exposition *e = exposed();
    double expected_le = 0.001;
    int seen = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct sample *s = &e->samples[i];
        if (strcmp(s->name, "crossrec_commit_seconds_bucket") != 0) {
            continue;
        }
        double le = strtod(s->value[0], NULL);
        double n = 0;
        for (size_t k = 0; k < N_OBSERVED; k++) {
            n += OBSERVED[k] <= le;
        }
        assert_string_equal(s->key[0], "le");
        assert_true(s->number == n);
        assert_true(seen < 41 ? fabs(le - expected_le) < 1e-9 * le : isinf(le));
        expected_le *= seen % 2 ? 4.0 / 3.0 : 1.5;
        seen++;
    }
    assert_int_equal(seen, METRIC_BUCKETS);
    assert_true(find(e, "crossrec_commit_seconds_bucket", "+Inf")->number == N_OBSERVED);
    assert_true(find(e, "crossrec_commit_seconds_count", NULL)->number == N_OBSERVED);
    assert_true(fabs(find(e, "crossrec_commit_seconds_sum", NULL)->number - sum) < 1e-6);
    assert_true(metric_value(M_COMMIT_SECONDS, 0) == N_OBSERVED);
    forget(e);
}

static void bad_observations_count_as_zero(void **state) {
    (void)state;
    metric_observe(M_COMMIT_SECONDS, 0, -1);
    metric_observe(M_COMMIT_SECONDS, 0, (double)NAN);
    struct exposition *e = exposed();
    assert_true(find(e, "crossrec_commit_seconds_bucket", "0.001")->number == 2);
    assert_true(find(e, "crossrec_commit_seconds_sum", NULL)->number == 0);
    forget(e);
}

static void a_quantile_lies_in_the_bucket_of_the_sorted_list(void **state) {
    (void)state;
    enum { N = 2000 };
    static double values[N];
    unsigned seed = 11;
    print_message("seed %u\n", seed);
    for (int i = 0; i < N; i++) {
        seed = seed * 1103515245U + 12345U;
        values[i] = 0.0003 * exp2((double)(seed >> 16 & 0x7fff) / 2048.0);
        metric_observe(M_EVENT_TO_REDIS, 0, values[i]);
    }
    for (double q = 0.05; q < 1; q += 0.05) {
        double got = metric_quantile(M_EVENT_TO_REDIS, 0, q);
        double below = 0;
        double at_most = 0;
        for (int i = 0; i < N; i++) {
            below += values[i] * 1.5 < got;    /* certainly in a lower bucket */
            at_most += values[i] / 1.5 <= got; /* everything up to the bucket's end */
        }
        assert_true(below <= q * N && at_most >= q * N);
    }
    assert_true(metric_quantile(M_EVENT_TO_REDIS, 0, 0) == 0);
    assert_true(metric_quantile(M_EVENT_TO_REDIS, 0, 1) == 0);
}

static void a_quantile_is_interpolated(void **state) {
    (void)state;
    assert_true(metric_quantile(M_COMMIT_SECONDS, 0, 0.5) == 0); /* empty */
    for (int i = 0; i < 4; i++) {
        metric_observe(M_COMMIT_SECONDS, 0, 0.004); /* in (0.003, 0.004] */
    }
    assert_true(fabs(metric_quantile(M_COMMIT_SECONDS, 0, 0.5) - 0.0035) < 1e-12);
    assert_true(fabs(metric_quantile(M_COMMIT_SECONDS, 0, 0.25) - 0.00325) < 1e-12);
    metrics_reset();
    metric_observe(M_COMMIT_SECONDS, 0, 0.0001);
    assert_true(fabs(metric_quantile(M_COMMIT_SECONDS, 0, 0.5) - 0.0005) < 1e-12);
    metrics_reset();
    metric_observe(M_COMMIT_SECONDS, 0, 1e6); /* beyond the last bound: that bound */
    assert_true(fabs(metric_quantile(M_COMMIT_SECONDS, 0, 0.5) - 1048.576) < 1e-9);
}

/* ---- text and threads ---------------------------------------------------------------- */

static void a_short_buffer_gets_the_beginning_and_the_length(void **state) {
    (void)state;
    struct exposition *e = exposed();
    size_t need = strlen(e->text);
    for (size_t len = 1; len <= need + 1; len += len < 200 ? 1 : 997) {
        char *buf = malloc(len);
        assert_non_null(buf);
        assert_int_equal(metrics_text(buf, len), need);
        assert_int_equal(strlen(buf), len - 1);
        assert_int_equal(strncmp(buf, e->text, len - 1), 0);
        free(buf);
    }
    forget(e);
}

enum { THREADS = 4, ADDS = 300000 };

static void *add_many(void *arg) {
    (void)arg;
    for (int i = 0; i < ADDS; i++) {
        metric_add(M_COMMITS, 0, 1);
        metric_observe(M_EVENT_TO_REDIS, 0, 0.25);
        metric_set(M_READY, 0, 1);
    }
    return NULL;
}

static void no_addition_of_several_threads_is_lost(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, add_many, NULL), 0);
    }
    for (int i = 0; i < 20; i++) { /* the count is what +Inf says, whenever one looks */
        struct exposition *e = exposed();
        assert_true(find(e, "crossrec_event_to_redis_seconds_bucket", "+Inf")->number ==
                    find(e, "crossrec_event_to_redis_seconds_count", NULL)->number);
        forget(e);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    struct exposition *e = exposed();
    assert_true(metric_sum(M_COMMITS) == THREADS * ADDS);
    assert_true(find(e, "crossrec_event_to_redis_seconds_count", NULL)->number == THREADS * ADDS);
    assert_true(find(e, "crossrec_event_to_redis_seconds_sum", NULL)->number ==
                0.25 * THREADS * ADDS);
    forget(e);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(names_follow_the_conventions),
        TEST(every_metric_is_listed_once),
        TEST(a_metric_without_labels_is_one_bare_sample),
        TEST(a_labelled_metric_prints_the_registered_values_only),
        TEST(two_labels_are_named_by_pairs),
        TEST(label_values_are_escaped),
        TEST(too_many_or_too_long_labels_change_nothing),
        TEST(what_is_out_of_range_is_dropped),
        TEST(gauges_keep_their_double),
        TEST(buckets_are_cumulative),
        TEST(bad_observations_count_as_zero),
        TEST(a_quantile_lies_in_the_bucket_of_the_sorted_list),
        TEST(a_quantile_is_interpolated),
        TEST(a_short_buffer_gets_the_beginning_and_the_length),
        TEST(no_addition_of_several_threads_is_lost),
    };
    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
