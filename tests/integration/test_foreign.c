/* SPDX-License-Identifier: Apache-2.0
 *
 * test_foreign.c -- what others write: confluent-kafka with fastavro, and Java's kafka-clients with
 * Avro, into the same partitions, old and new versions of their schemas mixed, one record in ten
 * garbage. Schemas are in a real registry. tests/foreign/ has the producers; they say what they
 * sent.
 *
 * All is sent and learned once (group setup); each test looks at one side of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "intake.h"
#include "kafka_fixture.h"
#include "letter.h"
#include "redis_fixture.h"
#include "registry_fixture.h"
#include "stand.h"
#include "wire.h"

#define INSTALL "sh " SOURCE_DIR "/tests/integration/foreign_install.sh"
#define FOREIGN SOURCE_DIR "/tests/foreign"
#define JAVA_FLAGS                                                                                 \
    "-Xmx192m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel="  \
    "warn"

enum {
    TOPICS = 4, /* of foreign.ini */
    PARTITIONS = 3,
    VERSIONS = 11, /* of schemas.json */
    USERS = 150,   /* as in produce.py and Produce.java */
    ITEMS = 40,    /* of each domain */
    DOMAINS = 3,
    CLIENTS = 2,
    BAD_MAX = 4096,
    PLACE_MAX = 64,
    HEADERS = 16,
    MIN_KINDS = 10,
};

static const char *const DOMAIN[DOMAINS] = {"course", "food", "bikes"};

/* A garbage record, as its producer tells of it. */
struct bad {
    char place[PLACE_MAX]; /* topic/partition/offset */
    char kind[48], reason[24];
    uint8_t *key, *value; /* malloc'ed; NULL: none */
    size_t key_len, value_len;
    unsigned letters; /* seen */
};

struct fixture {
    struct stand stand;
    struct registry_fixture *registry;
    char cache[512];
    struct bad bad[BAD_MAX];
    size_t n_bad;
    json_t *sums[CLIENTS]; /* what each producer counted */
};

static struct fixture all; /* main() finds the cache before the group is set up */

/* ---- the producers ------------------------------------------------------------------- */

/* 0, or what main() is to return. */
static int install(char *cache, size_t len) {
    FILE *f = popen(INSTALL, "r");
    if (!f) {
        return 1;
    }
    if (!fgets(cache, (int)len, f)) {
        cache[0] = '\0';
    }
    cache[strcspn(cache, "\n")] = '\0';
    const int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static uint8_t nibble(char c) {
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;
    if (!found) {
        fail_msg("a producer's line has hex that is none");
    }
    return (uint8_t)(found - digits);
}

static uint8_t *bytes_of(const json_t *hex, size_t *len) {
    const char *text = json_string_value(hex);
    *len = 0;
    if (!text) {
        return NULL;
    }
    const size_t n = strlen(text) / 2;
    uint8_t *out = malloc(n + 1); /* not NULL of no bytes */
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    }
    *len = n;
    return out;
}

static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    if (!text) {
        fail_msg("a producer's line has no %s", name);
    }
    return text;
}

static void take_line(struct fixture *f, size_t client, json_t *line) {
    if (!json_object_get(line, "record")) {
        f->sums[client] = json_incref(line);
        return;
    }
    assert_true(f->n_bad < BAD_MAX);
    struct bad *b = &f->bad[f->n_bad++];
    snprintf(b->place, sizeof b->place, "%s", text_of(line, "record"));
    snprintf(b->kind, sizeof b->kind, "%s", text_of(line, "kind"));
    snprintf(b->reason, sizeof b->reason, "%s", text_of(line, "reason"));
    b->key = bytes_of(json_object_get(line, "key"), &b->key_len);
    b->value = bytes_of(json_object_get(line, "value"), &b->value_len);
}

/* Reads what a producer prints to its end; it must end well. */
static void read_producer(struct fixture *f, size_t client, FILE *from) {
    json_error_t error;
    json_t *line;
    while ((line = json_loadf(from, JSON_DISABLE_EOF_CHECK, &error))) {
        take_line(f, client, line);
        json_decref(line);
    }
    const int status = pclose(from);
    if (status || !f->sums[client]) {
        fail_msg("producer %zu: exit status %d, %s", client, status, error.text);
    }
    print_message("%s, seed %lld\n", text_of(f->sums[client], "client"),
                  (long long)json_integer_value(json_object_get(f->sums[client], "seed")));
}

static FILE *start(const char *command) {
    FILE *f = popen(command, "r");
    assert_non_null(f);
    return f;
}

/* Both at once: their records lie mixed in each partition. */
static void produce(struct fixture *f) {
    char python[2048];
    char java[2048];
    const char *brokers = kafka_fixture_brokers(f->stand.kafka);
    const char *registry = registry_fixture_url(f->registry);
    const long seed = (long)time(NULL);
    snprintf(python, sizeof python, "%s/venv/bin/python -B %s/produce.py %s %s %ld", f->cache,
             FOREIGN, brokers, registry, seed);
    snprintf(java, sizeof java, "java %s -cp '%s/lib/*:%s/classes' Produce %s %s %s %ld",
             JAVA_FLAGS, f->cache, f->cache, SOURCE_DIR, brokers, registry, seed);
    FILE *from[CLIENTS] = {start(python), start(java)};
    for (size_t k = 0; k < CLIENTS; k++) {
        read_producer(f, k, from[k]);
    }
}

/* ---- what they counted --------------------------------------------------------------- */

/* Of one name in a table of counts, of all producers. NULL: of all names. */
static double counted(const struct fixture *f, const char *table, const char *name) {
    double sum = 0;
    for (size_t k = 0; k < CLIENTS; k++) {
        json_t *counts = json_object_get(f->sums[k], table);
        const char *key;
        json_t *count;
        json_object_foreach(counts, key, count) {
            sum += !name || strcmp(name, key) == 0 ? json_number_value(count) : 0;
        }
    }
    return sum;
}

static double metric(struct fixture *f, const char *name, const char *label, const char *value) {
    char text[96];
    snprintf(text, sizeof text, "%s=\"%s\"", label, value);
    return stand_metric(&f->stand, name, text);
}

/* A counter, once all has been learned. */
static void assert_counts(struct fixture *f, const char *what, double is, double expected) {
    if (is < expected || is > expected) {
        stand_show_log(&f->stand);
        fail_msg("%s: %g, not %g", what, is, expected);
    }
}

/* ---- setup --------------------------------------------------------------------------- */

static void configure(struct fixture *f) {
    struct stand *s = &f->stand;
    stand_begin(s, "foreign", FOREIGN "/foreign.ini");
    stand_set(s, "registry.url", registry_fixture_url(f->registry));
    stand_set(s, "registry.grace", "2s");
    stand_set(s, "breaker.share", "0.5");
    stand_set(s, "learn.user.rate", "0");
    stand_load(s);
    assert_int_equal(s->cfg.n_topics, TOPICS);
    stand_create_all(s, PARTITIONS);
}

static void learn_all(struct fixture *f) {
    struct stand *s = &f->stand;
    configure(f);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    produce(f);
    const double sent = counted(f, "good", NULL) + (double)f->n_bad;
    print_message("%.0f good records, %zu bad ones\n", counted(f, "good", NULL), f->n_bad);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) +
                           stand_metric(s, "crossrec_dead_letters_total", NULL) >=
                       sent);
    STAND_AWAIT(s, (double)stand_records(s, s->cfg.dead_letters) >=
                       stand_metric(s, "crossrec_dead_letters_total", NULL));
}

static int open_all(void **state) {
    struct fixture *f = &all;
    *state = f;
    if (stand_open(&f->stand)) {
        return -1;
    }
    f->registry = registry_fixture_start();
    if (!f->registry) {
        return -1;
    }
    learn_all(f);
    return 0;
}

static int close_all(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < f->n_bad; i++) {
        free(f->bad[i].key);
        free(f->bad[i].value);
    }
    for (size_t k = 0; k < CLIENTS; k++) {
        json_decref(f->sums[k]);
    }
    registry_fixture_stop(f->registry);
    stand_close(&f->stand);
    return 0;
}

/* ---- tests --------------------------------------------------------------------------- */

static void one_record_in_ten_is_garbage_of_ten_kinds_and_more(void **state) {
    const struct fixture *f = *state;
    assert_true(counted(f, "good", NULL) == 9 * (double)f->n_bad);
    assert_true(counted(f, "bad", NULL) == (double)f->n_bad);
    for (size_t k = 0; k < CLIENTS; k++) {
        assert_true(json_object_size(json_object_get(f->sums[k], "bad")) >= MIN_KINDS);
    }
    for (enum intake_reason r = INTAKE_OK + 1; r < INTAKE_REASONS; r++) {
        if (counted(f, "reasons", intake_reason_code(r)) == 0) {
            fail_msg("nobody sent a record to be refused with %s", intake_reason_code(r));
        }
    }
}

static void both_clients_wrote_every_version_of_every_topic(void **state) {
    const struct fixture *f = *state;
    assert_int_equal(json_object_size(json_object_get(f->sums[0], "good")), VERSIONS);
    const char *version;
    json_t *count;
    json_object_foreach(json_object_get(f->sums[0], "good"), version, count) {
        json_t *other = json_object_get(json_object_get(f->sums[1], "good"), version);
        assert_true(json_integer_value(count) >= 100);
        assert_true(json_integer_value(other) >= 100);
    }
}

/* Neighbours in a partition that were written by different schemas, of all partitions. */
struct mixture {
    uint32_t id[TOPICS][PARTITIONS]; /* the last one; 0: none */
    unsigned changes[TOPICS][PARTITIONS];
};

static void stir(struct mixture *m, const struct record *r) {
    struct wire_msg msg;
    if (!r->value || wire_parse(r->value, r->value_len, &msg)) {
        return;
    }
    uint32_t *last = &m->id[r->topic][r->partition];
    m->changes[r->topic][r->partition] += *last != 0 && *last != msg.schema_id;
    *last = msg.schema_id;
}

static void old_and_new_versions_lie_mixed_in_every_partition(void **state) {
    struct fixture *f = *state;
    const struct config *cfg = &f->stand.cfg;
    const char *names[TOPICS];
    struct mixture m = {0};
    struct kafka_reader *reader = NULL;
    struct record records[64];
    char err[CONFIG_ERROR_MAX] = "";
    for (uint32_t t = 0; t < TOPICS; t++) {
        names[t] = cfg->topics[t].name;
    }
    if (kafka_reader_new(cfg, names, TOPICS, &reader, err)) {
        fail_msg("%s", err);
    }
    while (!kafka_reader_complete(reader)) {
        const size_t n = kafka_reader_poll(reader, records, 64, 100);
        for (size_t k = 0; k < n; k++) {
            stir(&m, &records[k]);
        }
    }
    kafka_reader_free(reader);
    for (size_t t = 0; t < TOPICS; t++) {
        for (size_t p = 0; p < PARTITIONS; p++) {
            assert_true(m.changes[t][p] >= 100);
        }
    }
}

static void every_good_event_of_every_version_is_learned_once(void **state) {
    struct fixture *f = *state;
    const struct config *cfg = &f->stand.cfg;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        const char *name = cfg->topics[t].name;
        assert_counts(f, name, metric(f, "crossrec_events_total", "topic", name),
                      counted(f, "events", name));
    }
    assert_counts(f, "duplicates", stand_metric(&f->stand, "crossrec_duplicate_events_total", NULL),
                  0);
}

/* Were an id decoded wrong, of one version only, there would be more of them, or other lines.
 * Gauges are told now and then. */
static void users_items_and_lines_of_all_versions_are_the_same(void **state) {
    struct fixture *f = *state;
    STAND_AWAIT(&f->stand, stand_metric(&f->stand, "crossrec_users", NULL) == USERS);
    for (size_t d = 0; d < DOMAINS; d++) {
        STAND_AWAIT(&f->stand, metric(f, "crossrec_items", "domain", DOMAIN[d]) == ITEMS);
        assert_counts(f, DOMAIN[d], metric(f, "crossrec_event_lines_total", "domain", DOMAIN[d]),
                      counted(f, "lines", DOMAIN[d]));
    }
}

static void every_bad_record_is_counted_by_its_reason(void **state) {
    struct fixture *f = *state;
    for (enum intake_reason r = INTAKE_OK + 1; r < INTAKE_REASONS; r++) {
        const char *code = intake_reason_code(r);
        assert_counts(f, code, metric(f, "crossrec_dead_letters_total", "reason", code),
                      counted(f, "reasons", code));
    }
    assert_counts(f, "letters", stand_metric(&f->stand, "crossrec_dead_letters_total", NULL),
                  (double)f->n_bad);
}

/* ---- letters ------------------------------------------------------------------------- */

struct letter {
    const struct record *record;
    const struct header *headers;
    size_t n_headers;
};

/* A header as text. False: there is none. */
static bool header_text(const struct letter *l, const char *name, char *buf, size_t len) {
    for (size_t i = 0; i < l->n_headers; i++) {
        const struct header *h = &l->headers[i];
        if (strcmp(h->name, name) == 0 && h->len < len) {
            memcpy(buf, h->value, h->len);
            buf[h->len] = '\0';
            return true;
        }
    }
    return false;
}

static struct bad *bad_at(struct fixture *f, const struct letter *l) {
    char topic[48] = "";
    char partition[16] = "";
    char offset[24] = "";
    char place[PLACE_MAX + 32];
    (void)header_text(l, "topic", topic, sizeof topic);
    (void)header_text(l, "partition", partition, sizeof partition);
    (void)header_text(l, "offset", offset, sizeof offset);
    snprintf(place, sizeof place, "%s/%s/%s", topic, partition, offset);
    for (size_t i = 0; i < f->n_bad; i++) {
        if (strcmp(f->bad[i].place, place) == 0) {
            return &f->bad[i];
        }
    }
    fail_msg("a letter of %s, where nobody sent garbage", place);
    return NULL;
}

static bool same(const void *a, size_t a_len, const void *b, size_t b_len) {
    return !a == !b && a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* Only what would not fit beside the headers is cut, and the letter says so. */
static bool same_value(const struct bad *b, const struct letter *l) {
    const struct record *r = l->record;
    char whole[24];
    if (!header_text(l, "truncated-from", whole, sizeof whole)) {
        return same(b->value, b->value_len, r->value, r->value_len);
    }
    return strtoull(whole, NULL, 10) == b->value_len &&
           b->key_len + r->value_len == LETTER_BYTES_MAX &&
           same(b->value, r->value_len, r->value, r->value_len);
}

static void check_letter(struct fixture *f, const struct letter *l) {
    struct bad *b = bad_at(f, l);
    char reason[32] = "";
    b->letters++;
    (void)header_text(l, "reason", reason, sizeof reason);
    if (strcmp(reason, b->reason) != 0) {
        char detail[256] = "";
        (void)header_text(l, "detail", detail, sizeof detail);
        fail_msg("%s, %s: %s (%s), not %s", b->place, b->kind, reason, detail, b->reason);
    }
    if (!same(b->key, b->key_len, l->record->key, l->record->key_len)) {
        fail_msg("%s, %s: another key", b->place, b->kind);
    }
    if (!same_value(b, l)) {
        fail_msg("%s, %s: other bytes", b->place, b->kind);
    }
}

static void a_letter_says_why_and_has_key_and_bytes_as_they_were_sent(void **state) {
    struct fixture *f = *state;
    struct kafka_reader *reader = NULL;
    struct record records[64];
    struct header headers[HEADERS];
    char err[CONFIG_ERROR_MAX] = "";
    const char *topic = f->stand.cfg.dead_letters;
    if (kafka_reader_new(&f->stand.cfg, &topic, 1, &reader, err)) {
        fail_msg("%s", err);
    }
    while (!kafka_reader_complete(reader)) {
        const size_t n = kafka_reader_poll(reader, records, 64, 100);
        for (size_t k = 0; k < n; k++) {
            const struct letter l = {.record = &records[k],
                                     .headers = headers,
                                     .n_headers =
                                         kafka_reader_headers(reader, k, headers, HEADERS)};
            check_letter(f, &l);
        }
    }
    kafka_reader_free(reader);
    for (size_t i = 0; i < f->n_bad; i++) {
        if (f->bad[i].letters != 1) {
            fail_msg("%s, %s: %u letters", f->bad[i].place, f->bad[i].kind, f->bad[i].letters);
        }
    }
}

/* ---- and on it goes ------------------------------------------------------------------ */

static void every_user_has_a_list_of_every_domain(void **state) {
    struct fixture *f = *state;
    for (int u = 1000; u < 1000 + USERS; u++) {
        for (size_t d = 0; d < DOMAINS; d++) {
            const char *list = NULL;
            STAND_AWAIT(&f->stand,
                        (list = stand_get(&f->stand, "crossrec:%s:rec:%d", DOMAIN[d], u)));
            if (!strstr(list, "\"items\":[{")) {
                fail_msg("user %d has no items of %s: %s", u, DOMAIN[d], list);
            }
        }
    }
}

static void nothing_has_stopped_or_waits(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->stand;
    STAND_AWAIT(s, stand_ready(s));
    STAND_AWAIT(s, stand_metric(s, "crossrec_waiting_partitions", NULL) == 0);
    STAND_AWAIT(s, stand_metric(s, "crossrec_breaker_open", NULL) == 0);
    assert_counts(f, "records", stand_metric(s, "crossrec_records_total", NULL),
                  counted(f, "good", NULL) + (double)f->n_bad);
    STAND_EXPECT(s, !stand_logged(s, "too many bad events"));
    STAND_AWAIT(s, stand_metric(s, "crossrec_lag_records", NULL) == 0);
    stand_term(s);
}

int main(void) {
    redis_fixture_require();
    int missing = kafka_fixture_missing();
    missing = missing ? missing : registry_fixture_missing();
    missing = missing ? missing : install(all.cache, sizeof all.cache);
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_record_in_ten_is_garbage_of_ten_kinds_and_more),
        cmocka_unit_test(both_clients_wrote_every_version_of_every_topic),
        cmocka_unit_test(old_and_new_versions_lie_mixed_in_every_partition),
        cmocka_unit_test(every_good_event_of_every_version_is_learned_once),
        cmocka_unit_test(users_items_and_lines_of_all_versions_are_the_same),
        cmocka_unit_test(every_bad_record_is_counted_by_its_reason),
        cmocka_unit_test(a_letter_says_why_and_has_key_and_bytes_as_they_were_sent),
        cmocka_unit_test(every_user_has_a_list_of_every_domain),
        cmocka_unit_test(nothing_has_stopped_or_waits),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
