/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c -- see metrics.h. Everything is static memory of relaxed atomics; pages of
 * metrics and labels that nobody uses are never touched.
 *
 * A value that belongs to a label index beyond METRIC_LABELS_MAX is dropped; one beyond
 * the registered labels is kept and counted by metric_sum(), but not printed.
 */
#include "metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_VALUE_MAX = 144, FINITE_BUCKETS = METRIC_BUCKETS - 1 };

static const struct {
    enum metric_kind kind;
    const char *name;
    const char *label;
    const char *help;
} TABLE[METRICS] = {
#define METRIC(id, kind, name, label, help) [id] = {kind, name, label, help},
#include "metrics.def"
#undef METRIC
};

static struct {
    size_t n;
    char value[METRIC_LABELS_MAX][LABEL_VALUE_MAX];
} labels[METRICS];

/* A counter's number; the bits of the double of a gauge or of a histogram's sum. */
static _Atomic uint64_t cells[METRICS][METRIC_LABELS_MAX];
static _Atomic uint64_t buckets[METRICS][METRIC_LABELS_MAX][METRIC_BUCKETS];

/* ---- labels ----------------------------------------------------------------------- */

enum status metrics_label(enum metric m, const char *const *values, size_t n) {
    if ((size_t)m >= METRICS || (n > 0 && !*TABLE[m].label)) {
        return ST_INVALID;
    }
    if (n > METRIC_LABELS_MAX) {
        return ST_RANGE;
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(values[i]) >= LABEL_VALUE_MAX) {
            return ST_RANGE;
        }
        if (strchr(TABLE[m].label, ',') && !strchr(values[i], ',')) {
            return ST_INVALID;
        }
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(labels[m].value[i], values[i], strlen(values[i]) + 1);
    }
    labels[m].n = n;
    return ST_OK;
}

/* ---- values ----------------------------------------------------------------------- */

static uint64_t load(const _Atomic uint64_t *cell) {
    return atomic_load_explicit(cell, memory_order_relaxed);
}

static double load_double(const _Atomic uint64_t *cell) {
    uint64_t bits = load(cell);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t double_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static bool is_cell(enum metric m, uint32_t label, enum metric_kind kind) {
    return (size_t)m < METRICS && label < METRIC_LABELS_MAX && TABLE[m].kind == kind;
}

void metric_add(enum metric m, uint32_t label, uint64_t v) {
    if (is_cell(m, label, METRIC_COUNTER)) {
        atomic_fetch_add_explicit(&cells[m][label], v, memory_order_relaxed);
    }
}

void metric_set(enum metric m, uint32_t label, double v) {
    if (is_cell(m, label, METRIC_GAUGE)) {
        atomic_store_explicit(&cells[m][label], double_bits(v), memory_order_relaxed);
    }
}

/* Upper bound of bucket k, seconds: inclusive, as Prometheus has it. */
static double bound(size_t k) {
    return k < FINITE_BUCKETS ? ldexp(k % 2 ? 0.0015 : 0.001, (int)(k / 2)) : (double)INFINITY;
}

void metric_observe(enum metric m, uint32_t label, double s) {
    if (!is_cell(m, label, METRIC_HISTOGRAM)) {
        return;
    }
    if (!(s > 0)) {
        s = 0; /* two clocks that disagree, or no number at all */
    }
    size_t k = 0;
    double two[] = {bound(0), bound(1)};
    while (k < FINITE_BUCKETS && s > two[k % 2]) {
        two[k % 2] *= 2.0;
        k++;
    }
    atomic_fetch_add_explicit(&buckets[m][label][k], 1, memory_order_relaxed);
    uint64_t old = load(&cells[m][label]);
    uint64_t next;
    do {
        double sum;
        memcpy(&sum, &old, sizeof sum);
        next = double_bits(sum + s);
    } while (!atomic_compare_exchange_weak_explicit(&cells[m][label], &old, next,
                                                    memory_order_relaxed, memory_order_relaxed));
}

static uint64_t histogram_count(enum metric m, uint32_t label) {
    uint64_t n = 0;
    for (size_t k = 0; k < METRIC_BUCKETS; k++) {
        n += load(&buckets[m][label][k]);
    }
    return n;
}

double metric_value(enum metric m, uint32_t label) {
    if ((size_t)m >= METRICS || label >= METRIC_LABELS_MAX) {
        return 0;
    }
    switch (TABLE[m].kind) {
    case METRIC_COUNTER: return (double)load(&cells[m][label]);
    case METRIC_GAUGE: return load_double(&cells[m][label]);
    case METRIC_HISTOGRAM: return (double)histogram_count(m, label);
    }
    return 0;
}

double metric_sum(enum metric m) {
    double sum = 0;
    for (uint32_t label = 0; label < METRIC_LABELS_MAX; label++) {
        sum += metric_value(m, label);
    }
    return sum;
}

void metric_buckets(enum metric m, uint32_t label, uint64_t out[METRIC_BUCKETS]) {
    const bool is_one = is_cell(m, label, METRIC_HISTOGRAM);
    for (size_t k = 0; k < METRIC_BUCKETS; k++) {
        out[k] = is_one ? load(&buckets[m][label][k]) : 0;
    }
}

double metric_quantile_of(const uint64_t counts[METRIC_BUCKETS], double q) {
    double all = 0;
    for (size_t k = 0; k < METRIC_BUCKETS; k++) {
        all += (double)counts[k];
    }
    if (!(q > 0 && q < 1)) {
        return 0;
    }
    double rank = q * all;
    double below = 0;
    for (size_t k = 0; k < FINITE_BUCKETS; k++) {
        double n = (double)counts[k];
        double low = k > 0 ? bound(k - 1) : 0;
        if (n > 0 && below + n >= rank) {
            return low + (bound(k) - low) * (rank - below) / n;
        }
        below += n;
    }
    return rank > 0 ? bound(FINITE_BUCKETS - 1) : 0; /* in +Inf: at least this much */
}

double metric_quantile(enum metric m, uint32_t label, double q) {
    uint64_t counts[METRIC_BUCKETS];
    metric_buckets(m, label, counts);
    return metric_quantile_of(counts, q);
}

void metrics_reset(void) {
    for (size_t m = 0; m < METRICS; m++) {
        for (size_t label = 0; label < METRIC_LABELS_MAX; label++) {
            atomic_store_explicit(&cells[m][label], 0, memory_order_relaxed);
            for (size_t k = 0; k < METRIC_BUCKETS && TABLE[m].kind == METRIC_HISTOGRAM; k++) {
                atomic_store_explicit(&buckets[m][label][k], 0, memory_order_relaxed);
            }
        }
    }
}

/* ---- exposition --------------------------------------------------------------------- */

struct text {
    char *buf;
    size_t len;
    size_t need;
};

static void put_char(struct text *t, char c) {
    if (t->need + 1 < t->len) {
        t->buf[t->need] = c;
    }
    t->need++;
}

static void put(struct text *t, const char *text) {
    while (*text) {
        put_char(t, *text++);
    }
}

/* Help escapes \ and newline; a label's value also the quote. */
static void put_escaped(struct text *t, const char *text, size_t len, bool quoted) {
    for (const char *end = text + len; text < end; text++) {
        if (*text == '\n') {
            put(t, "\\n");
            continue;
        }
        if (*text == '\\' || (quoted && *text == '"')) {
            put_char(t, '\\');
        }
        put_char(t, *text);
    }
}

static void put_double(struct text *t, double v) {
    char number[40];
    if (isnan(v)) {
        put(t, "NaN");
    } else if (isinf(v)) {
        put(t, v > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(number, sizeof number, "%.15g", v);
        put(t, number);
    }
}

static void put_count(struct text *t, uint64_t v) {
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, v);
    put(t, number);
}

static void put_pair(struct text *t, const char *label, size_t label_len, const char *value,
                     size_t value_len) {
    put_escaped(t, label, label_len, false);
    put(t, "=\"");
    put_escaped(t, value, value_len, true);
    put(t, "\"");
}

/* One label, or two with commas between them and between their values. */
static void put_labels(struct text *t, const char *label, const char *value) {
    const size_t first = strcspn(label, ",");
    if (!label[first]) {
        put_pair(t, label, first, value, strlen(value));
        return;
    }
    const size_t n = strcspn(value, ",");
    put_pair(t, label, first, value, n);
    put_char(t, ',');
    put_pair(t, label + first + 1, strlen(label + first + 1), value + n + 1, strlen(value + n + 1));
}

/* Name, suffix and labels of one sample; le < 0: no bucket. */
static void put_sample(struct text *t, enum metric m, const char *suffix, uint32_t label,
                       double le) {
    bool labelled = labels[m].n > 0;
    put(t, TABLE[m].name);
    put(t, suffix);
    put(t, labelled || le >= 0 ? "{" : "");
    if (labelled) {
        put_labels(t, TABLE[m].label, labels[m].value[label]);
    }
    if (le >= 0) {
        put(t, labelled ? ",le=\"" : "le=\"");
        put_double(t, le);
        put(t, "\"");
    }
    put(t, labelled || le >= 0 ? "} " : " ");
}

static void put_histogram(struct text *t, enum metric m, uint32_t label) {
    uint64_t cumulative = 0;
    for (size_t k = 0; k < METRIC_BUCKETS; k++) {
        cumulative += load(&buckets[m][label][k]);
        put_sample(t, m, "_bucket", label, bound(k));
        put_count(t, cumulative);
        put_char(t, '\n');
    }
    put_sample(t, m, "_sum", label, -1);
    put_double(t, load_double(&cells[m][label]));
    put_char(t, '\n');
    put_sample(t, m, "_count", label, -1);
    put_count(t, cumulative); /* what +Inf says, even while others add */
    put_char(t, '\n');
}

static void put_label(struct text *t, enum metric m, uint32_t label) {
    if (TABLE[m].kind == METRIC_HISTOGRAM) {
        put_histogram(t, m, label);
        return;
    }
    put_sample(t, m, "", label, -1);
    if (TABLE[m].kind == METRIC_COUNTER) {
        put_count(t, load(&cells[m][label]));
    } else {
        put_double(t, load_double(&cells[m][label]));
    }
    put_char(t, '\n');
}

size_t metrics_text(char *buf, size_t len) {
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    struct text t = {.buf = buf, .len = len};
    for (size_t m = 0; m < METRICS; m++) {
        put(&t, "# HELP ");
        put(&t, TABLE[m].name);
        put_char(&t, ' ');
        put_escaped(&t, TABLE[m].help, strlen(TABLE[m].help), false);
        put(&t, "\n# TYPE ");
        put(&t, TABLE[m].name);
        put_char(&t, ' ');
        put(&t, kinds[TABLE[m].kind]);
        put_char(&t, '\n');
        size_t n = labels[m].n ? labels[m].n : 1;
        for (uint32_t label = 0; label < n; label++) {
            put_label(&t, (enum metric)m, label);
        }
    }
    if (len > 0) {
        buf[t.need < len ? t.need : len - 1] = '\0';
    }
    return t.need;
}

/* ---- docs/metrics.md -------------------------------------------------------------- */

static const char DOC_HEAD[] =
    "# Metrics\n\n"
    "What `GET /metrics` (`http.address`) tells, in the text format of Prometheus. Printed by "
    "`crossrec "
    "help metrics`; a test\ncompares. What to watch and what to do: "
    "[operations.md](operations.md); "
    "alert rules: `deploy/prometheus-rules.yml`;\na dashboard for Grafana: "
    "`deploy/grafana-dashboard.json`."
    "\n\n"
    "Counters and gauges are of this instance: sum over instances, except where a help text says "
    "otherwise. Histograms are\nin seconds, with buckets of 1 and 1.5 ms, doubling to 17 minutes. "
    "Labels "
    "have few "
    "values: names of the configuration or words\nof this program, never a user or an item.\n\n"
    "| metric | kind | labels | what it is |\n"
    "|---|---|---|---|\n";

void metrics_print_doc(FILE *out) {
    static const char *const KINDS_OF[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    fputs(DOC_HEAD, out);
    for (size_t m = 0; m < METRICS; m++) {
        fprintf(out, "| `%s` | %s | %s | %s |\n", TABLE[m].name, KINDS_OF[TABLE[m].kind],
                TABLE[m].label, TABLE[m].help);
    }
}
