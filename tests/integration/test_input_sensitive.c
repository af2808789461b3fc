/* SPDX-License-Identifier: Apache-2.0
 *
 * test_input_sensitive.c -- what nobody mapped comes out nowhere: events and profiles that carry an
 * exact birth date, a place, an e-mail address and free text, with values that can be recognised,
 * are read from topics of every way in, good and bad ones; then everything that crossrec wrote is
 * searched for them. (A dead letter is the record as it came: there they are in the value.) Whom an
 * event was with is mapped, yet comes out nowhere but where users do: in the values of
 * crossrec-events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input_records.h"
#include "intake.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"

enum {
    PARTITIONS = 3,
    USERS = 20,
    VISIT = 101, /* schema ids */
    PERSON,
    NEWER_VISIT, /* cannot be read: its item is a number of another kind */
    UNKNOWN = 999,
    DIRECT_LETTERS = 9, /* of each way in */
    RAW_LETTERS = 8,    /* the same without the wrong partition */
    BAD_ROWS = 4,
    RECORDS = 512,
    HEADERS = 16,
};

/* Years of 88 at the test's time; the days of its date are -12345. */
static const char BORN[] = "1936-03-14";
static const int64_t BORN_DAYS = -12345;
static const double LATITUDE = 48.2081743;
static const double LONGITUDE = -116.3738189;
static const char EMAIL[] = "marked.person@example.org";
static const char NOTE[] = "MARKER in a free text";
static const char COMPANION[] = "companion-";
static const char WORD[] = "MARKER in the place of a word";

/* As they would be printed, however short; and floats as they lie in memory. */
static const char *const TEXTS[] = {"1936",   "-12345", "48.208",        "48.21",
                                    "116.37", "MARKER", "marked.person", "example.org"};

enum { N_TEXTS = sizeof TEXTS / sizeof TEXTS[0] };

static const char VISIT_SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"Visit\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"who\",\"type\":{\"type\":\"record\",\"name\":\"Who\",\"fields\":["
    "{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"email\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"born\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
    "{\"name\":\"birthday\",\"type\":\"string\"}]}},"
    "{\"name\":\"at\",\"type\":{\"type\":\"record\",\"name\":\"Place\",\"fields\":["
    "{\"name\":\"lat\",\"type\":\"double\"},{\"name\":\"lon\",\"type\":\"double\"}]}},"
    "{\"name\":\"with\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"time\",\"type\":\"string\"},"
    "{\"name\":\"did\",\"type\":\"string\"},"
    "{\"name\":\"what\",\"type\":\"%s\"},"
    "{\"name\":\"paid\",\"type\":\"double\"},"
    "{\"name\":\"note\",\"type\":\"string\"}]}";

static const char PERSON_SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"Person\",\"fields\":["
    "{\"name\":\"user\",\"type\":\"string\"},"
    "{\"name\":\"born\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
    "{\"name\":\"birthday\",\"type\":\"string\"},"
    "{\"name\":\"lat\",\"type\":\"double\"},{\"name\":\"lon\",\"type\":\"double\"},"
    "{\"name\":\"email\",\"type\":\"string\"},"
    "{\"name\":\"note\",\"type\":\"string\"},"
    "{\"name\":\"agrees\",\"type\":\"string\"}]}";

#define MAPPING                                                                                    \
    "schema = 101.avsc\nevent.id = id\nuser = who.user\nts = time\nitem = what\naction = did\n"    \
    "map.action.bought = purchase\namount = paid\ncounterpart = with\n"

static const char INI[] = "[domain.clinic]\n[domain.shop]\nrepeats = yes\n"
                          "[topic.direct]\ndomain = clinic\n" MAPPING
                          "[topic.raw]\ndomain = shop\nintake = repartition\n" MAPPING
                          "[topic.people]\nkind = profile\nschema = 102.avsc\nuser = user\n"
                          "age = born\nage.bands = 30,60,75\nconsent = agrees\n"
                          "map.consent.yes = yes\nmap.consent.no = no\n"
                          "[topic.who]\nschema = Identity\n";

struct fixture {
    struct stand s;
    char dir[48];
};

static struct avro_bytes bytes;

/* ---- records -------------------------------------------------------------------------------- */

/* A good one, but for what is given. */
struct visit {
    uint32_t schema;
    const char *user, *time, *did;
    double paid;
};

static const struct visit GOOD = {VISIT, "", "2026-01-02T03:04:05Z", "bought", 7.5};

static void visit_bytes(int n, const struct visit *v) {
    bytes.n = 0;
    avro_wire(&bytes, v->schema);
    avro_text(&bytes, input_name("visit-", n));
    avro_text(&bytes, v->user);
    avro_branch(&bytes, 1), avro_text(&bytes, EMAIL);
    avro_long(&bytes, BORN_DAYS), avro_text(&bytes, BORN);
    avro_double(&bytes, LATITUDE), avro_double(&bytes, LONGITUDE);
    avro_branch(&bytes, 1), avro_text(&bytes, input_name(COMPANION, n % 7));
    avro_text(&bytes, v->time);
    avro_text(&bytes, v->did);
    avro_text(&bytes, input_name("thing-", n % 7));
    avro_double(&bytes, v->paid);
    avro_text(&bytes, NOTE);
}

static void send_visit(struct fixture *f, const char *topic, int n, struct visit v, int user) {
    const char *key = input_name(strcmp(topic, "raw") == 0 ? "shop-" : "p-", user);
    v.user = v.user ? key : "";
    visit_bytes(n, &v);
    stand_produce(&f->s, topic, key, bytes.bytes, bytes.n);
}

/* One of each kind of bad record, all with the marked values in them. */
static void send_bad(struct fixture *f, const char *topic, bool direct) {
    struct visit bad[] = {GOOD, GOOD, GOOD, GOOD, GOOD, GOOD};
    bad[0].did = WORD;           /* action */
    bad[1].time = WORD;          /* time-text */
    bad[2].user = NULL;          /* user-id */
    bad[3].paid = -LATITUDE;     /* number */
    bad[4].schema = UNKNOWN;     /* schema-unknown */
    bad[5].schema = NEWER_VISIT; /* schema-mismatch */
    for (int k = 0; k < 6; k++) {
        send_visit(f, topic, 1000 + k, bad[k], 1);
    }
    stand_produce(&f->s, topic, "p-1", NOTE, sizeof NOTE); /* wire-header */
    visit_bytes(1007, &GOOD);
    stand_produce(&f->s, topic, "p-1", bytes.bytes, bytes.n - 5); /* decode */
    const int32_t right = kafka_partition_of("murmur2", "p-1", 3, PARTITIONS);
    if (direct) {
        assert_int_equal(kafka_produce_to(f->s.producer, topic, (right + 1) % PARTITIONS, "p-1", 3,
                                          bytes.bytes, bytes.n, 0, NULL, 0),
                         ST_OK);
    }
}

static void person_bytes(const char *user, const char *agrees) {
    bytes.n = 0;
    avro_wire(&bytes, PERSON);
    avro_text(&bytes, user);
    avro_long(&bytes, BORN_DAYS), avro_text(&bytes, BORN);
    avro_double(&bytes, LATITUDE), avro_double(&bytes, LONGITUDE);
    avro_text(&bytes, EMAIL), avro_text(&bytes, NOTE);
    avro_text(&bytes, agrees);
}

static void send_people(struct fixture *f) {
    for (int u = 0; u < USERS; u++) {
        const char *user = input_name("p-", u);
        person_bytes(user, u == 3 ? "no" : "yes");
        stand_produce(&f->s, "people", user, bytes.bytes, bytes.n);
        input_identity(&f->s, "who", "shop", input_name("shop-", u), user);
    }
    person_bytes("p-5", WORD);
    stand_produce(&f->s, "people", "p-5", bytes.bytes, bytes.n);
    stand_produce(&f->s, "people", "p-5", bytes.bytes, bytes.n - 3);
    stand_produce(&f->s, "people", "p-5", NOTE, sizeof NOTE);
    person_bytes("", "yes");
    stand_produce(&f->s, "people", "p-5", bytes.bytes, bytes.n);
}

/* ---- the search ----------------------------------------------------------------------------- */

static bool contains(const void *where, size_t len, const void *what, size_t n) {
    const char *p = where;
    for (size_t k = 0; n <= len && k <= len - n; k++) {
        if (memcmp(p + k, what, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Do the n characters before p belong to what begins there: a number's digits, a time's minutes? */
static bool goes_on(const char *p, size_t n) {
    return n >= 1 &&
           (is_digit(p[-1]) || p[-1] == '.' || (n >= 2 && p[-1] == ':' && is_digit(p[-2])));
}

/* Like contains(), but amid a longer number or a time of day it is there by chance. */
static bool contains_text(const char *where, size_t len, const char *text) {
    const size_t n = strlen(text);
    for (size_t k = 0; n <= len && k <= len - n; k++) {
        if (memcmp(where + k, text, n) == 0 && !goes_on(where + k, k)) {
            return true;
        }
    }
    return false;
}

/* Which marked value is in there; NULL if none. */
static const char *marker_in(const void *where, size_t len) {
    for (size_t k = 0; k < N_TEXTS; k++) {
        if (contains_text(where, len, TEXTS[k])) {
            return TEXTS[k];
        }
    }
    if (contains(where, len, &LATITUDE, sizeof LATITUDE) ||
        contains(where, len, &LONGITUDE, sizeof LONGITUDE)) {
        return "the bytes of a place";
    }
    return NULL;
}

static const char *marker_in_line(const char *line, const char *none) {
    (void)none;
    return marker_in(line, strlen(line));
}

static bool has_companion(const void *where, size_t len) {
    return contains(where, len, COMPANION, strlen(COMPANION));
}

static void clean_of(const char *found, const char *where, const void *bytes_, size_t len) {
    if (found) {
        fail_msg("%s has %s: %.*s", where, found, (int)(len < 400 ? len : 400),
                 (const char *)bytes_);
    }
}

static void clean(const char *where, const void *bytes_, size_t len) {
    clean_of(marker_in(bytes_, len), where, bytes_, len);
    clean_of(has_companion(bytes_, len) ? COMPANION : NULL, where, bytes_, len);
}

static redisReply *ask(struct fixture *f, const char *command, const char *key) {
    redisReply *r = redisCommand(f->s.client, "%s %s", command, key);
    assert_non_null(r);
    return r;
}

/* Every key and value; how many there were. */
static size_t search_redis(struct fixture *f) {
    redisReply *keys = redisCommand(f->s.client, "KEYS *");
    assert_non_null(keys);
    for (size_t k = 0; k < keys->elements; k++) {
        const redisReply *key = keys->element[k];
        clean("a key", key->str, key->len);
        redisReply *v = ask(f, "GET", key->str);
        if (v->type == REDIS_REPLY_ERROR) { /* no string */
            freeReplyObject(v);
            v = ask(f, "DUMP", key->str);
        }
        assert_int_equal(v->type, REDIS_REPLY_STRING);
        clean(key->str, v->str, v->len);
        freeReplyObject(v);
    }
    const size_t n = keys->elements;
    freeReplyObject(keys);
    return n;
}

struct found { /* in values */
    size_t marked, companions;
};

/* Reads a topic whole: its headers, keys, and, if they are crossrec's own, values. */
static size_t search_topic(struct fixture *f, const char *topic, bool values, struct found *in) {
    static struct record records[RECORDS];
    struct kafka_reader *r = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    size_t n = 0;
    assert_int_equal(kafka_reader_new(&f->s.cfg, &topic, 1, &r, err), ST_OK);
    while (!kafka_reader_complete(r)) {
        const size_t got = kafka_reader_poll(r, records, RECORDS, 50);
        for (size_t k = 0; k < got; k++) {
            struct header headers[HEADERS];
            const size_t n_headers = kafka_reader_headers(r, k, headers, HEADERS);
            for (size_t h = 0; h < n_headers; h++) {
                clean("a header", headers[h].value, headers[h].len);
            }
            clean("the key of a record", records[k].key, records[k].key_len);
            const char *marker = marker_in(records[k].value, records[k].value_len);
            in->marked += marker != NULL;
            in->companions += has_companion(records[k].value, records[k].value_len);
            if (values) {
                clean_of(marker, "a value", records[k].value, records[k].value_len);
            }
            n++;
        }
    }
    kafka_reader_free(r);
    return n;
}

/* What restores users and model, in Kafka and on disk. */
static void search_state(struct fixture *f) {
    const struct config *cfg = &f->s.cfg;
    struct found in = {0, 0};
    const size_t users = search_topic(f, cfg->state_topic, true, &in);
    assert_true(users >= USERS - 1 + PARTITIONS);
    assert_true(search_topic(f, cfg->model_topic, true, &in) >= 1);
    (void)search_topic(f, cfg->items_topic, true, &in); /* as far as a sweep has come */
    (void)search_topic(f, cfg->outbox_topic, true, &in);
    assert_true(in.marked == 0 && in.companions == 0);
    for (int task = 0; task < PARTITIONS; task++) {
        char path[96];
        snprintf(path, sizeof path, "%s/state/%d/data.mdb", f->dir, task);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        const size_t len = (size_t)ftell(file);
        rewind(file);
        char *all = malloc(len);
        assert_non_null(all);
        assert_int_equal(fread(all, 1, len, file), len);
        clean_of(marker_in(all, len), path, "", 0);
        assert_false(has_companion(all, len));
        free(all);
        fclose(file);
    }
}

/* ---- set-up --------------------------------------------------------------------------------- */

static void write_file(struct fixture *f, const char *name, const char *format, const char *arg) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (const char *p = format; *p; p++) {
        if (strncmp(p, "%s", 2) == 0) {
            fputs(arg, out);
            p++;
        } else {
            fputc(*p, out);
        }
    }
    fclose(out);
}

static const char *write_files(struct fixture *f) {
    static char ini[96];
    char name[32];
    snprintf(f->dir, sizeof f->dir, "/tmp/crossrec-test-input-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    write_file(f, "in.ini", INI, "");
    write_file(f, "101.avsc", VISIT_SCHEMA, "string");
    write_file(f, "102.avsc", PERSON_SCHEMA, "");
    write_file(f, "103.avsc", VISIT_SCHEMA, "boolean");
    for (int r = 0; r < READERS; r++) {
        snprintf(name, sizeof name, "%u.avsc", (unsigned)shipped_id((enum reader)r));
        write_file(f, name, "%s", shipped_json((enum reader)r));
    }
    snprintf(ini, sizeof ini, "%s/in.ini", f->dir);
    return ini;
}

static void prepare(struct fixture *f) {
    struct stand *s = &f->s;
    const char *ini = write_files(f);
    char state_dir[64];
    stand_begin(s, "sensitive", ini);
    stand_set(s, "crossrec.schemas.dir", f->dir);
    stand_set(s, "crossrec.log.level", "debug");
    stand_set(s, "crossrec.events", "sensitive-events");
    stand_set(s, "learn.user.rate", "0");
    stand_set(s, "breaker.share", "1");
    stand_set(s, "kafka.transaction.timeout.ms", "10000");
    stand_set(s, "crossrec.state", "kafka");
    snprintf(state_dir, sizeof state_dir, "%s/state", f->dir);
    stand_set(s, "state.dir", state_dir);
    stand_load(s);
    stand_create_all(s, PARTITIONS);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void send_all(struct fixture *f) {
    send_people(f);
    stand_flush(&f->s);
    for (int n = 0; n < 5 * USERS; n++) {
        send_visit(f, "direct", n, GOOD, n % USERS);
        send_visit(f, "raw", n, GOOD, (n + n / USERS) % USERS);
    }
    send_bad(f, "direct", true);
    send_bad(f, "raw", false);
    stand_flush(&f->s);
}

static void expect_clean_log(struct stand *s) {
    STAND_EXPECT(s, stand_logged(s, "reason=time-text") && stand_logged(s, "reason=action"));
    const char *found = stand_find_in_log(s, marker_in_line);
    if (found) {
        stand_show_log(s);
        fail_msg("the log has %s", found);
    }
    STAND_EXPECT(s, !stand_logged(s, COMPANION));
}

static void the_search_finds_values_and_no_digits_of_others(void **state) {
    (void)state;
    static const char *const there[] = {
        "1936-03-14", "\"place\":48.2081743,", "48.21",   "-116.3738189",
        "age=1936",   "days=-12345",           "a MARKER"};
    static const char *const chance[] = {"\"ts\":1767321936045", "T00:37:48.217Z", "0.1936",
                                         "148.208", "10:48.21"};
    for (size_t k = 0; k < sizeof there / sizeof *there; k++) {
        assert_non_null(marker_in(there[k], strlen(there[k])));
    }
    for (size_t k = 0; k < sizeof chance / sizeof *chance; k++) {
        assert_null(marker_in(chance[k], strlen(chance[k])));
    }
    assert_non_null(marker_in(&LATITUDE, sizeof LATITUDE));
}

static void what_is_not_mapped_comes_out_nowhere(void **state) {
    struct fixture *f = *state;
    struct stand *s = &f->s;
    const int letters = DIRECT_LETTERS + RAW_LETTERS;
    struct found in = {0, 0};
    prepare(f);
    send_all(f);
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 10 * USERS - 10);
    STAND_AWAIT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == letters);
    STAND_AWAIT(s, stand_metric(s, "crossrec_global_bad_rows_total", NULL) == BAD_ROWS);
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) >= letters && stand_ready(s));
    for (int u = 0; u < USERS; u++) {
        if (u != 3) { /* he did not agree */
            STAND_AWAIT(s, stand_get(s, "crossrec:clinic:rec:p-%d", u));
            STAND_AWAIT(s, stand_get(s, "crossrec:shop:rec:shop-%d", u));
        }
    }
    const char *metrics = input_http(s, "/metrics");
    clean("/metrics", metrics, strlen(metrics));
    const char *ready = input_http(s, "/readyz");
    clean("/readyz", ready, strlen(ready));
    const char *why = input_http(s, "/explain?user=p-1&target=clinic");
    assert_non_null(strstr(why, "\"social\":"));
    assert_false(has_companion(why, strlen(why))); /* a number, no names */
    expect_clean_log(s);
    stand_term(s); /* whatever is written at the end is written */
    assert_true(search_redis(f) >= 2 * USERS - 2);
    search_state(f);
    assert_int_equal(search_topic(f, s->cfg.events, true, &in), 5 * USERS);
    assert_int_equal(in.marked, 0);
    assert_int_equal(in.companions, 5 * USERS); /* as users are there */
    in = (struct found){0, 0};
    assert_int_equal(search_topic(f, s->cfg.dead_letters, false, &in), letters);
    assert_int_equal(in.marked, letters); /* in the values, as they came: the search finds them */
}

static void an_age_becomes_its_band_only(void **state) {
    struct fixture *f = *state;
    const struct config *cfg = &f->s.cfg;
    const struct intake_spec spec = {
        .cfg = cfg, .topics = cfg->globals, .n_topics = cfg->n_globals};
    struct intake *in = NULL;
    struct intake_row row = {0};
    char err[CONFIG_ERROR_MAX] = "";
    const char *detail = "";
    uint16_t t = 0;
    while (strcmp(cfg->globals[t].name, "people") != 0) {
        t++;
    }
    assert_int_equal(intake_new(&spec, &in, err), ST_OK);
    person_bytes("p-1", "yes");
    const struct record r = {.value = bytes.bytes, .value_len = bytes.n, .topic = t};
    assert_int_equal(intake_row(in, &r, &row, &detail), INTAKE_OK);
    assert_int_equal(row.profile.age_band, 4); /* 75 and older */
    assert_int_equal(row.profile.consent, CONSENT_GIVEN);
    const int32_t days = (int32_t)BORN_DAYS;
    assert_false(contains(&row.profile, sizeof row.profile, &days, sizeof days));
    intake_free(in);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int open_all(void **state) {
    static struct fixture f;
    *state = &f;
    input_ids_shipped();
    return stand_open(&f.s);
}

static int close_all(void **state) {
    struct fixture *f = *state;
    char command[96];
    stand_close(&f->s);
    snprintf(command, sizeof command, "rm -r %s", f->dir);
    return f->dir[0] ? system(command) : 0;
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_values_and_no_digits_of_others),
        cmocka_unit_test(what_is_not_mapped_comes_out_nowhere),
        cmocka_unit_test(an_age_becomes_its_band_only),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
