/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mapping.c -- the contract of mapping.h: schemas of partners, records written by hand, and
 * what a person reads whose paths are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "avro_bytes.h"
#include "config.h"
#include "decode.h"
#include "mapping.h"
#include "mapping_field.h"

/* ---- helpers -------------------------------------------------------------------------------- */

static const char *const FIELD_NAMES[MAP_FIELDS] = {
    "user",       "event.id", "ts",          "item",      "action",         "quantity",   "amount",
    "discount",   "rec",      "counterpart", "available", "category",       "price",      "name",
    "attributes", "consent",  "age",         "country",   "partner.domain", "partner.id", "rule",
    "target",     "segment",  "from",        "until",     "factor",         "position",   "domain"};

/* A topic of this kind; `paths` is "user=u ts=t", with \n between for texts with spaces. */
static struct config_topic topic_of(enum topic_kind kind, const char *paths) {
    struct config_topic t = {.name = "t",
                             .kind = (int)kind,
                             .amount_scale = 1,
                             .age_bands = "18,25",
                             .domain = kind >= KIND_PROFILE ? DOMAIN_OF_RECORD : 1};
    for (const char *p = paths; *p;) {
        const size_t n = strcspn(p, "\n");
        for (int f = 0; f < MAP_FIELDS; f++) {
            const size_t k = strlen(FIELD_NAMES[f]);
            if (strncmp(p, FIELD_NAMES[f], k) == 0 && p[k] == '=') {
                snprintf(t.path[f], sizeof t.path[f], "%.*s", (int)(n - k - 1), p + k + 1);
            }
        }
        p += n + (p[n] == '\n');
    }
    return t;
}

static void map_symbol(struct config_topic *t, enum map_field f, const char *symbol, int meaning) {
    struct config_symbol *s = &t->symbols[t->n_symbols++];
    snprintf(s->symbol, sizeof s->symbol, "%s", symbol);
    s->field = (uint8_t)f;
    s->meaning = (uint8_t)meaning;
}

/* JSON with double quotes, of a schema that is written with single ones; to be freed. */
static char *json_of(const char *schema) {
    char *json = strdup(schema);
    assert_non_null(json);
    for (char *p = json; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return json;
}

/* The mapping of a topic whose schema file has this text. */
static enum status make(struct config_topic *t, const char *schema, struct mapping **m, char *err) {
    char *json = json_of(schema);
    static struct config cfg;
    static bool ready;
    if (!ready) {
        config_defaults(&cfg);
        ready = true;
    }
    char path[] = "/tmp/crossrec-test-mapping-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, strlen(json)), (ssize_t)strlen(json));
    close(fd);
    snprintf(t->schema, sizeof t->schema, "%s", path);
    const enum status st = mapping_new(&cfg, t, m, err);
    unlink(path);
    free(json);
    return st;
}

struct bench { /* a mapping with what it needs to read */
    struct mapping *mapping;
    struct decoder *decoder;
    struct tape *tape;
    struct decoded out;
    struct decoded_line lines[EVENT_LINES_MAX];
};

/* Writer and reader schema are the same. */
static struct bench *bench_of(struct config_topic t, const char *schema) {
    struct bench *b = calloc(1, sizeof *b);
    struct schema *writer = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    char *json = json_of(schema);
    assert_non_null(b);
    b->tape = malloc(sizeof *b->tape);
    assert_non_null(b->tape);
    const enum status st = make(&t, schema, &b->mapping, err);
    if (st) {
        print_error("unexpected: %s\n", err);
    }
    assert_int_equal(st, ST_OK);
    assert_int_equal(mapping_kind(b->mapping), t.kind);
    assert_string_equal(mapping_schema(b->mapping)->json, json);
    assert_int_equal(schema_parse(json, strlen(json), &writer, err, sizeof err), ST_OK);
    assert_int_equal(mapping_decoder(b->mapping, writer, &b->decoder, err, sizeof err), ST_OK);
    schema_free(writer);
    free(json);
    return b;
}

static void bench_free(struct bench *b) {
    decoder_free(b->decoder);
    mapping_free(b->mapping);
    free(b->tape);
    free(b);
}

/* The whole body must be one record. */
static void decodes(struct bench *b, const struct avro_bytes *body) {
    assert_int_equal(decode(b->decoder, body->bytes, body->n, b->tape), DECODE_OK);
}

static enum mapping_error read_event(struct bench *b, const struct avro_bytes *body) {
    decodes(b, body);
    memset(&b->out, 0x5a, sizeof b->out);
    b->out.lines = b->lines;
    return mapping_read_event(b->mapping, b->tape, &b->out);
}

#define same_text(text, len, expected)                                                             \
    do {                                                                                           \
        assert_int_equal(len, strlen(expected));                                                   \
        assert_memory_equal(text, expected, strlen(expected));                                     \
    } while (0)

#define RECORD(fields) "{'type':'record','name':'R','fields':[" fields "]}"
#define F(name, type)  "{'name':'" name "','type':" type "}"

/* user u, ts t, item i: strings and a long; and one more field, x, of this type. */
#define PLAIN(type)                                                                                \
    RECORD(F("u", "'string'") "," F("t", "'long'") "," F("i", "'string'") "," F("x", type))
#define PATHS "user=u\nts=t\nitem=i\n"

static void plain_head(struct avro_bytes *b) {
    b->n = 0;
    avro_text(b, "u1");
    avro_long(b, 1000);
    avro_text(b, "i1");
}

/* ---- errors of paths ----------------------------------------------------------------- */

static void fails(enum topic_kind kind, const char *paths, const char *schema,
                  const char *expected) {
    struct config_topic t = topic_of(kind, paths);
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(make(&t, schema, &m, err), ST_INVALID);
    assert_string_equal(err, expected);
    assert_null(m);
}

static void wrong_paths_say_what_the_schema_has(void **state) {
    (void)state;
    static const char schema[] = RECORD(F("u", "'string'") "," F(
        "at", "'long'") ","
                        "{'name':'class','type':{'type':'record','name':'class','fields':["
                        "{'name':'id','type':'int'},{'name':'title','type':'string'},"
                        "{'name':'room','type':['null','string']}]}},"
                        "{'name':'tags','type':{'type':'array','items':'string'}}");
    fails(KIND_EVENT, "user=u\nts=at\nitem=class.idd\naction=\"view\"", schema,
          "topic.t.item = class.idd: class has no such field; it has id, title, room");
    fails(KIND_EVENT, "user=v\nts=at\nitem=class.id\naction=\"view\"", schema,
          "topic.t.user = v: R has no such field; it has u, at, class, tags");
    fails(KIND_EVENT, "user=u\nts=at\nitem=class\naction=\"view\"", schema,
          "topic.t.item = class: class is a record; it has id, title, room");
    fails(KIND_EVENT, "user=u\nts=at\nitem=tags\naction=\"view\"", schema,
          "topic.t.item = tags: an array: write [] for its items");
    fails(KIND_EVENT, "user=tags[]\nts=at\nitem=u\naction=\"view\"", schema,
          "topic.t.user = tags[]: several values, needs one");
    fails(KIND_ITEM, "item=tags[]", schema, "topic.t.item = tags[]: several values, needs one");
}

static void a_schema_that_is_none_is_refused(void **state) {
    (void)state;
    static struct config cfg;
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=\"view\"");
    config_defaults(&cfg);
    assert_int_equal(make(&t, "{'type':'recrod'}", &m, err), ST_INVALID);
    assert_non_null(strstr(err, "topic.t.schema = /tmp/crossrec-test-mapping-"));
    snprintf(t.schema, sizeof t.schema, "/nonexistent/gym.avsc");
    assert_int_equal(mapping_new(&cfg, &t, &m, err), ST_IO);
    assert_string_equal(err, "topic.t.schema = /nonexistent/gym.avsc: No such file or directory");
    snprintf(t.schema, sizeof t.schema, "/tmp");
    assert_int_equal(mapping_new(&cfg, &t, &m, err), ST_IO);
    assert_string_equal(err, "topic.t.schema = /tmp: Is a directory");
    assert_null(m);
    mapping_free(NULL);
}

/* Field x of one type as one field of the mapping: NULL, or the error behind "topic.t.F = x: ". */
static void types_are_checked(void **state) {
    (void)state;
#define DECIMAL "{'type':'bytes','logicalType':'decimal','precision':9,'scale':2}"
#define ENUM    "{'type':'enum','name':'E','symbols':['VIEW','X']}"
    static const struct {
        enum topic_kind kind;
        const char *field, *type, *error;
    } rows[] = {
        {KIND_EVENT, "user", "'string'", NULL},
        {KIND_EVENT, "user", "'long'", NULL},
        {KIND_EVENT, "user", "['int','null','string']", NULL},
        {KIND_EVENT, "user", "{'type':'string','logicalType':'uuid'}", NULL},
        {KIND_EVENT, "user", "'boolean'", "a boolean; needs a string, an int or a long"},
        {KIND_EVENT, "user", "'double'", "a double; needs a string, an int or a long"},
        {KIND_EVENT, "user", "'bytes'", "a bytes; needs a string, an int or a long"},
        {KIND_EVENT, "user", "'null'", "always null; needs a string, an int or a long"},
        {KIND_EVENT, "user", "['string','float']", "a float; needs a string, an int or a long"},
        {KIND_EVENT, "ts", "'long'", NULL},
        {KIND_EVENT, "ts", "'string'", NULL},
        {KIND_EVENT, "ts", "{'type':'int','logicalType':'date'}", NULL},
        {KIND_EVENT, "ts", "'int'",
         "an int, which cannot be milliseconds; write topic.t.ts.unit = s, or day"},
        {KIND_EVENT, "ts", "'double'", "a double; needs a long, an int or a string"},
        {KIND_EVENT, "ts", "{'type':'int','logicalType':'time-millis'}",
         "a time of the day, without the day"},
        {KIND_EVENT, "ts", "[{'type':'int','logicalType':'date'},'long']",
         "numbers of several units; write topic.t.ts.unit = s, or day"},
        {KIND_EVENT, "action", ENUM, NULL},
        {KIND_EVENT, "action", "'string'", NULL},
        {KIND_EVENT, "action", "'int'", "an int; needs an enum or a string"},
        {KIND_EVENT, "action", "{'type':'enum','name':'E','symbols':['PAID','X']}",
         "what its symbols mean is not said; write topic.t.map.action.SYMBOL = WORD; it has PAID, "
         "X"},
        {KIND_FEEDBACK, "action", ENUM,
         "what its symbols mean is not said; write topic.t.map.action.SYMBOL = WORD; it has VIEW, "
         "X"},
        {KIND_EVENT, "quantity", "'float'", NULL},
        {KIND_EVENT, "quantity", DECIMAL, NULL},
        {KIND_EVENT, "quantity", "'bytes'", "a bytes; needs a number or a decimal"},
        {KIND_EVENT, "amount", "['null'," DECIMAL ",'double']", NULL},
        {KIND_EVENT, "amount", "'string'", "a string; needs a number or a decimal"},
        {KIND_EVENT, "discount", "['null'," DECIMAL ",'int']", NULL},
        {KIND_EVENT, "discount", "'string'", "a string; needs a number or a decimal"},
        {KIND_EVENT, "amount",
         "[" DECIMAL ",{'type':'fixed','name':'D','size':4,'logicalType':'decimal',"
         "'precision':9,'scale':3}]",
         "decimals of several scales"},
        {KIND_EVENT, "rec", "'string'", NULL},
        {KIND_EVENT, "rec", "'long'", "a long; needs an enum or a string"},
        {KIND_EVENT, "counterpart", "['null','string','long']", NULL},
        {KIND_EVENT, "counterpart", "'boolean'", "a boolean; needs a string, an int or a long"},
        {KIND_ITEM, "available", "'boolean'", NULL},
        {KIND_ITEM, "available", "['null','int']", NULL},
        {KIND_ITEM, "available", "'string'", "a string; needs a boolean, an int or a long"},
        {KIND_ITEM, "category", ENUM, NULL},
        {KIND_ITEM, "price", "'boolean'", "a boolean; needs a number or a decimal"},
        {KIND_ITEM, "attributes", "'string'",
         "needs a map of strings, written name{}, or an array of strings, written name[], once"},
        {KIND_PROFILE, "consent", "'boolean'", NULL},
        {KIND_PROFILE, "consent", "'string'",
         "a string; write topic.t.map.consent.WORD = yes, no or unknown for each of its words"},
        {KIND_PROFILE, "consent", ENUM,
         "what its symbols mean is not said; write topic.t.map.consent.SYMBOL = yes, no or "
         "unknown; it has "
         "VIEW, X"},
        {KIND_PROFILE, "age", "['null','int']", NULL},
        {KIND_PROFILE, "age", "{'type':'int','logicalType':'date'}", NULL},
        {KIND_PROFILE, "age", "{'type':'long','logicalType':'timestamp-millis'}",
         "neither years, nor a year, nor a date"},
        {KIND_PROFILE, "age", "['long',{'type':'int','logicalType':'date'}]",
         "years and dates cannot be told apart"},
        {KIND_PROFILE, "age", "'double'", "a double; needs an int or a long"},
        {KIND_PROFILE, "country", "'string'", NULL},
        {KIND_PROFILE, "country", "'int'", "an int; needs an enum or a string"},
        {KIND_RULE, "segment", "['null','int']", NULL},
        {KIND_RULE, "segment", "'string'", "a string; needs an int or a long"},
        {KIND_RULE, "position", "'double'", "a double; needs an int or a long"},
        {KIND_RULE, "factor", "['null','float']", NULL},
        {KIND_RULE, "factor", "'string'", "a string; needs a number or a decimal"},
        {KIND_RULE, "from", "{'type':'long','logicalType':'timestamp-micros'}", NULL},
        {KIND_RULE, "until", "'int'",
         "an int, which cannot be milliseconds; write topic.t.ts.unit = s, or day"},
        {KIND_RULE, "target", "['null','string']", NULL},
        {KIND_RULE, "target", "'int'", "an int; needs an enum or a string"},
        {KIND_RULE, "category", "'string'", NULL},
        {KIND_RULE, "item", "'long'", NULL},
    };
    static const char *const rest[KINDS] = {PATHS "action=\"view\"",
                                            PATHS "action=\"click\"",
                                            "item=i",
                                            "user=u",
                                            PATHS "action=\"stop\"",
                                            "",
                                            "rule=u\naction=\"block\""};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char paths[256];
        char schema[1024];
        char expected[512];
        char err[CONFIG_ERROR_MAX] = "";
        struct mapping *m = NULL;
        snprintf(paths, sizeof paths, "%s\n%s=x", rest[rows[i].kind], rows[i].field);
        snprintf(
            schema, sizeof schema,
            RECORD(F("u", "'string'") "," F("t", "'long'") "," F("i", "'string'") "," F("x", "%s")),
            rows[i].type);
        snprintf(expected, sizeof expected, "topic.t.%s = x: %s", rows[i].field,
                 rows[i].error ? rows[i].error : "");
        struct config_topic t = topic_of(rows[i].kind, paths);
        const enum status st = make(&t, schema, &m, err);
        if (st != (rows[i].error ? ST_INVALID : ST_OK)) {
            print_error("%s of %s: %s\n", rows[i].field, rows[i].type, err);
        }
        assert_int_equal(st, rows[i].error ? ST_INVALID : ST_OK);
        assert_string_equal(err, rows[i].error ? expected : "");
        mapping_free(m);
    }
}

static void lines_are_of_one_array(void **state) {
    (void)state;
    static const char schema[] = RECORD(F("u", "'string'") "," F("t", "'long'") "," F(
        "q",
        "'int'") ","
                 "{'name':'l','type':{'type':'array','items':{'type':'record','name':'L','fields':["
                 "{'name':'sku','type':'string'},{'name':'q','type':'int'},"
                 "{'name':'n','type':{'type':'array','items':'string'}}]}}},"
                 "{'name':'k','type':{'type':'array','items':'double'}},"
                 "{'name':'kk','type':{'type':'array','items':'string'}},"
                 "{'name':'m','type':{'type':'map','values':'string'}}");
    fails(KIND_EVENT, "user=u\nts=t\nitem=l[].sku\nquantity=k[]\naction=\"view\"", schema,
          "topic.t.quantity = k[]: must be in the same array as item, which is l[].sku");
    fails(KIND_EVENT, "user=u\nts=t\nitem=kk[]\nquantity=k[]\naction=\"view\"", schema,
          "topic.t.quantity = k[]: must be in the same array as item, which is kk[]");
    fails(KIND_EVENT, "user=u\nts=t\nitem=u\nquantity=l[].q\naction=\"view\"", schema,
          "topic.t.quantity = l[].q: must be in the same array as item, which is u");
    fails(KIND_EVENT, "user=u\nts=t\nitem=l[].sku\ndiscount=k[]\naction=\"view\"", schema,
          "topic.t.discount = k[]: must be in the same array as item, which is l[].sku");
    fails(KIND_EVENT, "user=u\nts=t\nitem=l[].n[]\naction=\"view\"", schema,
          "topic.t.item = l[].n[]: one [] at most, and no {}: its items are the lines");
    fails(KIND_EVENT, "user=u\nts=t\nitem=m{}\naction=\"view\"", schema,
          "topic.t.item = m{}: one [] at most, and no {}: its items are the lines");
    fails(KIND_EVENT, "user=l[].sku\nts=t\nitem=l[].sku\naction=\"view\"", schema,
          "topic.t.user = l[].sku: several values, needs one");
}

static void constants_are_checked(void **state) {
    (void)state;
    static const char schema[] = PLAIN("'int'");
    fails(KIND_EVENT, PATHS "action=\"purchas\"", schema,
          "topic.t.action = \"purchas\": must be view, enroll, purchase, order, complete, rate, "
          "like, share, comment, report, impression, click or conversion; did you mean purchase?");
    fails(KIND_PRIVACY, "user=u\nts=t\naction=\"view\"", schema,
          "topic.t.action = \"view\": must be erase, stop or resume");
    fails(
        KIND_EVENT, PATHS "action=\"ignore\"", schema,
        "topic.t.action = \"ignore\": must be view, enroll, purchase, order, complete, rate, like, "
        "share, comment, report, impression, click or conversion");
    fails(KIND_EVENT, PATHS "action=\"view\"\nquantity=\"many\"", schema,
          "topic.t.quantity = \"many\": must be a number that is not negative");
    fails(KIND_EVENT, PATHS "action=\"view\"\namount=\"-1\"", schema,
          "topic.t.amount = \"-1\": must be a number that is not negative");
    fails(KIND_EVENT, PATHS "action=\"view\"\ndiscount=\"nan\"", schema,
          "topic.t.discount = \"nan\": must be a number that is not negative");
    fails(KIND_PROFILE, "user=u\ncountry=\"Austria\"", schema,
          "topic.t.country = \"Austria\": must be two letters");
    fails(KIND_RULE, "rule=u\naction=\"pinn\"", schema,
          "topic.t.action = \"pinn\": must be block, pin or boost; did you mean pin?");
    fails(KIND_RULE, "rule=u\naction=\"boost\"\nfactor=\"-1\"", schema,
          "topic.t.factor = \"-1\": must be a number that is not negative");
    fails(KIND_RULE, "rule=u\naction=\"block\"\ntarget=\"foot\"", schema,
          "topic.t.target = \"foot\": there is no such domain; did you mean \"food\"?");
    fails(KIND_IDENTITY, "user=u\npartner.id=i\npartner.domain=\"foot\"", schema,
          "topic.t.partner.domain = \"foot\": there is no such domain; did you mean \"food\"?");
}

static void symbols_that_are_not_there_are_refused(void **state) {
    (void)state;
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=x");
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    map_symbol(&t, FIELD_ACTION, "PAYED", ACTION_PURCHASE);
    assert_int_equal(make(&t, PLAIN(ENUM), &m, err), ST_INVALID);
    assert_string_equal(err,
                        "topic.t.action = x: map.action.PAYED: there is no such symbol; it has "
                        "VIEW, X");
}

static void words_that_are_never_looked_at_are_refused(void **state) {
    (void)state;
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=\"view\"");
    map_symbol(&t, FIELD_ACTION, "CANCELLED", MEANING_IGNORE);
    assert_int_equal(make(&t, PLAIN("'string'"), &m, err), ST_INVALID);
    assert_string_equal(err, "topic.t.action = \"view\": a constant, so map.action.CANCELLED is "
                             "never looked at; remove it");
    t = topic_of(KIND_PROFILE, "user=u");
    map_symbol(&t, FIELD_CONSENT, "in", 1);
    assert_int_equal(make(&t, PLAIN("'string'"), &m, err), ST_INVALID);
    assert_string_equal(err, "topic.t.consent = : not mapped, so map.consent.in is never looked "
                             "at; remove it");
}

/* ---- values of events ---------------------------------------------------------------- */

static void ids_are_texts_or_decimal_numbers(void **state) {
    (void)state;
    static const int64_t numbers[] = {0, 7, -1, 42, INT64_MAX, INT64_MIN, 1000000007};
    struct bench *b =
        bench_of(topic_of(KIND_EVENT, "user=x\nts=t\nitem=i\nevent.id=x\naction=\"view\""),
                 PLAIN("['null','long','string']"));
    struct avro_bytes body;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char expected[32];
        plain_head(&body);
        avro_branch(&body, 1);
        avro_long(&body, numbers[i]);
        assert_int_equal(read_event(b, &body), MAPPING_OK);
        snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        same_text(b->out.user_id, b->out.user_id_len, expected);
        same_text(b->out.event_id, b->out.event_id_len, expected);
    }
    plain_head(&body);
    avro_branch(&body, 2);
    avro_text(&body, "me");
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "me");
    same_text(b->lines[0].item, b->lines[0].item_len, "i1");
    plain_head(&body);
    avro_branch(&body, 0); /* null: empty, for the intake to say */
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "");
    assert_int_equal(b->out.domain, 1);
    bench_free(b);
}

static void the_other_user_is_a_text_a_number_or_nobody(void **state) {
    (void)state;
    struct bench *b = bench_of(topic_of(KIND_EVENT, PATHS "counterpart=x\naction=\"like\""),
                               PLAIN("['null','long','string']"));
    struct avro_bytes body;
    plain_head(&body);
    avro_branch(&body, 2);
    avro_text(&body, "friend");
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.counterpart, b->out.counterpart_len, "friend");
    plain_head(&body);
    avro_branch(&body, 1);
    avro_long(&body, -42);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.counterpart, b->out.counterpart_len, "-42");
    plain_head(&body);
    avro_branch(&body, 0); /* what the record before said is forgotten */
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.counterpart, b->out.counterpart_len, "");
    bench_free(b);
    b = bench_of(topic_of(KIND_EVENT, PATHS "action=\"like\""), PLAIN("'string'"));
    plain_head(&body);
    avro_text(&body, "friend"); /* not mapped: nobody knows of him */
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.counterpart, b->out.counterpart_len, "");
    bench_free(b);
}

/* Of one record all ids may be numbers: each has its own digits. */
static void the_digits_of_one_id_are_not_anothers(void **state) {
    (void)state;
    struct bench *b = bench_of(
        topic_of(KIND_EVENT, "user=x\nts=t\nitem=i\nevent.id=t\ncounterpart=t\naction=\"like\""),
        PLAIN("'long'"));
    struct avro_bytes body;
    plain_head(&body);
    avro_long(&body, 77);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "77");
    same_text(b->out.counterpart, b->out.counterpart_len, "1000");
    bench_free(b);
}

static void an_event_without_an_id_has_an_empty_one(void **state) {
    (void)state;
    struct config_topic topic = topic_of(
        KIND_EVENT, PATHS "action=\"Purchase\"\nquantity=\"2\"\namount=\"9.5\"\ndiscount=\"3\"");
    topic.amount_scale = 2; /* holds for constants too */
    struct bench *b = bench_of(topic, PLAIN("'int'"));
    struct avro_bytes body;
    plain_head(&body);
    avro_long(&body, 5);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.event_id, b->out.event_id_len, "");
    same_text(b->out.rec, b->out.rec_len, "");
    assert_int_equal(b->out.action, ACTION_PURCHASE);
    assert_int_equal(b->out.ts_ms, 1000);
    assert_int_equal(b->out.n_lines, 1);
    assert_true(b->lines[0].quantity == 2.0 && b->lines[0].amount == 19.0);
    assert_true(b->lines[0].discount == 6.0);
    bench_free(b);
}

static int64_t floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

static void numbers_are_times_in_their_unit(void **state) {
    (void)state;
#define LOGICAL(type, name) "{'type':'" type "','logicalType':'" name "\"}"
    static const struct {
        const char *type;
        int unit;
        int64_t mul, div;
    } rows[] = {
        {"'long'", TS_UNIT_AUTO, 1, 1},
        {"'long'", TS_UNIT_S, 1000, 1},
        {"'int'", TS_UNIT_S, 1000, 1},
        {"'long'", TS_UNIT_MS, 1, 1},
        {"'long'", TS_UNIT_US, 1, 1000},
        {"'long'", TS_UNIT_NS, 1, 1000000},
        {"'int'", TS_UNIT_DAY, 86400000, 1},
        {LOGICAL("int", "date"), TS_UNIT_AUTO, 86400000, 1},
        {LOGICAL("long", "timestamp-millis"), TS_UNIT_AUTO, 1, 1},
        {LOGICAL("long", "timestamp-micros"), TS_UNIT_AUTO, 1, 1000},
        {LOGICAL("long", "local-timestamp-micros"), TS_UNIT_AUTO, 1, 1000},
        {LOGICAL("long", "timestamp-micros"), TS_UNIT_NS, 1, 1000000}, /* the option has the word */
    };
    static const int64_t numbers[] = {0, 1, -1, 999, -1000, -1001, 20000, -999999, 1999999999};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        struct config_topic t = topic_of(KIND_EVENT, "user=u\nts=x\nitem=i\naction=\"view\"");
        char schema[512];
        struct avro_bytes body;
        t.ts_unit = rows[r].unit;
        snprintf(
            schema, sizeof schema,
            RECORD(F("u", "'string'") "," F("t", "'long'") "," F("i", "'string'") "," F("x", "%s")),
            rows[r].type);
        struct bench *b = bench_of(t, schema);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            plain_head(&body);
            avro_long(&body, numbers[i]);
            assert_int_equal(read_event(b, &body), MAPPING_OK);
            assert_int_equal(b->out.ts_ms, floor_div(numbers[i] * rows[r].mul, rows[r].div));
        }
        for (int sign = -1; sign <= 1; sign += 2) {
            const bool is_int = strstr(rows[r].type, "int") != NULL;
            plain_head(&body);
            avro_long(&body, sign * (is_int ? INT32_MAX : INT64_MAX));
            const enum mapping_error e = read_event(b, &body);
            assert_int_equal(e, rows[r].mul > 1 && !is_int ? MAPPING_TIME : MAPPING_OK);
        }
        bench_free(b);
    }
}

static void texts_are_times_by_rfc_3339(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* by GNU date; -1: no time */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-03-01T12:30:00Z", INT64_C(1772368200000)},
        {"2026-03-01t12:30:00z", INT64_C(1772368200000)},
        {"2026-03-01 12:30:00+00:00", INT64_C(1772368200000)},
        {"2026-03-01T13:30:00+01:00", INT64_C(1772368200000)},
        {"2026-03-01T07:00:00-05:30", INT64_C(1772368200000)},
        {"2026-03-01T07:00-0530", INT64_C(1772368200000)},
        {"2026-03-01T12:30", INT64_C(1772368200000)}, /* UTC */
        {"2026-03-01T12:30:00.25Z", INT64_C(1772368200250)},
        {"2026-03-01T12:30:00,250999999Z", INT64_C(1772368200250)},
        {"2026-03-01", INT64_C(1772323200000)},
        {"2000-02-29T23:59:59Z", INT64_C(951868799000)},
        {"1999-12-31T23:59:60Z", INT64_C(946684800000)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"", INT64_MIN},
        {"yesterday", INT64_MIN},
        {"2026-02-29T00:00:00Z", INT64_MIN},
        {"1900-02-29T00:00:00Z", INT64_MIN},
        {"2026-13-01T00:00:00Z", INT64_MIN},
        {"2026-00-01T00:00:00Z", INT64_MIN},
        {"2026-01-32T00:00:00Z", INT64_MIN},
        {"2026-01-01T24:00:00Z", INT64_MIN},
        {"2026-01-01T00:60:00Z", INT64_MIN},
        {"2026-01-01T00:00:61Z", INT64_MIN},
        {"2026-01-01T00:00:00.Z", INT64_MIN},
        {"2026-01-01T00:00:00+", INT64_MIN},
        {"2026-01-01T00:00:00+24:00", INT64_MIN},
        {"2026-01-01T00:00:00+01:60", INT64_MIN},
        {"2026-01-01T00:00:00+01:", INT64_MIN},
        {"2026-01-01T00:00:00ZZ", INT64_MIN},
        {"2026-01-01T", INT64_MIN},
        {"2026-1-1", INT64_MIN},
        {"20260101", INT64_MIN},
        {" 2026-01-01", INT64_MIN},
    };
    struct bench *b =
        bench_of(topic_of(KIND_EVENT, "user=u\nts=x\nitem=i\naction=\"view\""), PLAIN("'string'"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct avro_bytes body;
        plain_head(&body);
        avro_text(&body, rows[i].text);
        const enum mapping_error e = read_event(b, &body);
        if ((rows[i].ms == INT64_MIN) != (e == MAPPING_TIME)) {
            print_error("%s\n", rows[i].text);
        }
        assert_int_equal(e, rows[i].ms == INT64_MIN ? MAPPING_TIME : MAPPING_OK);
        if (!e) {
            assert_int_equal(b->out.ts_ms, rows[i].ms);
        }
    }
    bench_free(b);
}

/* Against gmtime_r(), over two thousand years. */
static void every_day_is_the_day_of_the_c_library(void **state) {
    (void)state;
    struct bench *b =
        bench_of(topic_of(KIND_EVENT, "user=u\nts=x\nitem=i\naction=\"view\""), PLAIN("'string'"));
    for (int64_t day = -700000; day < 700000; day += 97) {
        const time_t at = (time_t)(day * 86400 + 3661);
        struct avro_bytes body;
        struct tm tm;
        char text[64];
        assert_non_null(gmtime_r(&at, &tm));
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        plain_head(&body);
        avro_text(&body, text);
        assert_int_equal(read_event(b, &body), MAPPING_OK);
        assert_int_equal(b->out.ts_ms, (int64_t)at * 1000);
    }
    bench_free(b);
}

static void words_mean_actions(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int action; /* -1: none */
    } rows[] = {{"PAID", ACTION_PURCHASE},
                {"paid", ACTION_PURCHASE},
                {"view", ACTION_VIEW},
                {"VIEW", ACTION_VIEW},
                {"View", ACTION_VIEW},
                {"like", ACTION_SHARE},
                {"click", ACTION_CLICK},
                {"PAI", -1},
                {"PAIDD", -1},
                {"", -1},
                {"erase", -1},
                {"cancelled", -1}};
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=x");
    struct avro_bytes body;
    map_symbol(&t, FIELD_ACTION, "Paid", ACTION_PURCHASE);
    map_symbol(&t, FIELD_ACTION, "LIKE", ACTION_SHARE); /* goes over the word's own meaning */
    struct bench *b = bench_of(t, PLAIN("['null','string']"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plain_head(&body);
        avro_branch(&body, 1);
        avro_text(&body, rows[i].word);
        const enum mapping_error e = read_event(b, &body);
        assert_int_equal(e, rows[i].action < 0 ? MAPPING_ACTION : MAPPING_OK);
        if (!e) {
            assert_int_equal(b->out.action, rows[i].action);
        }
    }
    plain_head(&body);
    avro_branch(&body, 0);
    assert_int_equal(read_event(b, &body), MAPPING_NULL);
    bench_free(b);

    struct config_topic u = topic_of(KIND_EVENT, PATHS "action=x");
    map_symbol(&u, FIELD_ACTION, "x", ACTION_RATE);
    b = bench_of(u, PLAIN(ENUM));
    for (int symbol = 0; symbol < 2; symbol++) {
        plain_head(&body);
        avro_long(&body, symbol);
        assert_int_equal(read_event(b, &body), MAPPING_OK);
        assert_int_equal(b->out.action, symbol ? ACTION_RATE : ACTION_VIEW);
    }
    bench_free(b);
}

static void what_a_word_says_to_ignore_is_ignored_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *word;
        enum mapping_error expected;
    } rows[] = {{"CANCELLED", MAPPING_IGNORED}, {"cancelled", MAPPING_IGNORED},
                {"rate", MAPPING_IGNORED}, /* goes over the word's own meaning */
                {"view", MAPPING_OK},           {"ignore", MAPPING_ACTION},
                {"Cancel", MAPPING_ACTION},     {"", MAPPING_ACTION}};
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=x");
    struct avro_bytes body;
    map_symbol(&t, FIELD_ACTION, "Cancelled", MEANING_IGNORE);
    map_symbol(&t, FIELD_ACTION, "RATE", MEANING_IGNORE);
    struct bench *b = bench_of(t, PLAIN("'string'"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plain_head(&body);
        avro_text(&body, rows[i].word);
        assert_int_equal(read_event(b, &body), rows[i].expected);
    }
    bench_free(b);
}

/* The action before and behind a time that is none, and behind more lines than there may be. */
static void what_is_ignored_may_be_wrong_in_other_ways(void **state) {
    (void)state;
    static const char *const schemas[] = {
        RECORD(F("u", "'string'") "," F("x", "'string'") "," F("t", "'string'") "," F(
            "i", "{'type':'array','items':'string'}")),
        RECORD(F("u", "'string'") "," F("t", "'string'") "," F(
            "i", "{'type':'array','items':'string'}") "," F("x", "'string'"))};
    struct config_topic t = topic_of(KIND_EVENT, "user=u\nts=t\nitem=i[]\naction=x");
    struct avro_bytes body;
    map_symbol(&t, FIELD_ACTION, "no", MEANING_IGNORE);
    for (int k = 0; k < 8; k++) {
        const char *word = k & 1 ? "no" : "view";
        const bool many = k & 2;
        const bool behind = k & 4;
        struct bench *b = bench_of(t, schemas[behind]);
        body.n = 0;
        avro_text(&body, "u1");
        avro_text(&body, behind ? many ? "2026-03-01" : "tomorrow" : word);
        if (!behind) {
            avro_text(&body, many ? "2026-03-01" : "tomorrow");
        }
        const int n = many ? EVENT_LINES_MAX + 1 : 1;
        avro_block(&body, n);
        for (int i = 0; i < n; i++) {
            avro_text(&body, "i1");
        }
        avro_end(&body);
        if (behind) {
            avro_text(&body, word);
        }
        const enum mapping_error wrong = many ? MAPPING_LINES : MAPPING_TIME;
        assert_int_equal(read_event(b, &body), k & 1 ? MAPPING_IGNORED : wrong);
        bench_free(b);
    }
}

static void an_enum_of_which_all_is_ignored_means_nothing(void **state) {
    (void)state;
    static const char schema[] = PLAIN("{'type':'enum','name':'E','symbols':['PAID','X']}");
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=x");
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    map_symbol(&t, FIELD_ACTION, "X", MEANING_IGNORE);
    assert_int_equal(make(&t, schema, &m, err), ST_INVALID);
    assert_string_equal(err, "topic.t.action = x: what its symbols mean is not said; write "
                             "topic.t.map.action.SYMBOL = WORD; it has PAID, X");
    map_symbol(&t, FIELD_ACTION, "PAID", ACTION_PURCHASE);
    struct bench *b = bench_of(t, schema);
    struct avro_bytes body;
    for (int symbol = 0; symbol < 2; symbol++) {
        plain_head(&body);
        avro_long(&body, symbol);
        assert_int_equal(read_event(b, &body), symbol ? MAPPING_IGNORED : MAPPING_OK);
    }
    bench_free(b);
}

static void a_request_may_be_ignored(void **state) {
    (void)state;
    struct config_topic t = topic_of(KIND_PRIVACY, "user=u\nts=t\naction=x");
    struct decoded_privacy p;
    struct avro_bytes body;
    map_symbol(&t, FIELD_ACTION, "ACCESS", MEANING_IGNORE);
    map_symbol(&t, FIELD_ACTION, "GONE", PRIVACY_ERASE); /* 0, as what is to be told apart */
    struct bench *b = bench_of(t, PLAIN("'string'"));
    static const char *const words[] = {"access", "gone", "stop", "ignore"};
    static const enum mapping_error expected[] = {MAPPING_IGNORED, MAPPING_OK, MAPPING_OK,
                                                  MAPPING_ACTION};
    for (int i = 0; i < 4; i++) {
        plain_head(&body);
        avro_text(&body, words[i]);
        decodes(b, &body);
        assert_int_equal(mapping_read_privacy(b->mapping, b->tape, &p), expected[i]);
    }
    bench_free(b);
}

static void money_is_a_number_or_a_decimal(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        double value;
    } rows[] = {{"\x00", 1, 0},
                {"\x7f", 1, 127},
                {"\x80", 1, -128},
                {"\x01\x00", 2, 256},
                {"\xff\x00", 2, -256},
                {"\x00\x80", 2, 128},
                {"\x04\xd2", 2, 1234},
                {"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, -1},
                {"\x01\0\0\0\0\0\0\0\0", 9, 18446744073709551616.0}};
    struct config_topic t = topic_of(KIND_EVENT, PATHS "action=\"view\"\namount=x");
    struct avro_bytes body;
    t.amount_scale = 0.5;
    struct bench *b = bench_of(t, PLAIN("['null'," DECIMAL ",\"long\",\"double\"]"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plain_head(&body);
        avro_branch(&body, 1);
        avro_data(&body, rows[i].bytes, rows[i].len);
        assert_int_equal(read_event(b, &body), MAPPING_OK);
        assert_true(b->lines[0].amount == rows[i].value / 100.0 * 0.5);
        assert_true(b->lines[0].quantity == 1.0);
    }
    plain_head(&body);
    avro_branch(&body, 1);
    avro_data(&body, "", 0);
    assert_int_equal(read_event(b, &body), MAPPING_NUMBER);
    plain_head(&body);
    avro_branch(&body, 2);
    avro_long(&body, 3);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_true(b->lines[0].amount == 1.5);
    plain_head(&body);
    avro_branch(&body, 3);
    avro_double(&body, 2.5);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_true(b->lines[0].amount == 1.25);
    plain_head(&body);
    avro_branch(&body, 0);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_true(b->lines[0].amount == 0.0);
    bench_free(b);
}

static void a_fixed_can_be_a_decimal(void **state) {
    (void)state;
    struct bench *b = bench_of(topic_of(KIND_EVENT, PATHS "action=\"view\"\nquantity=x"),
                               PLAIN("{'type':'fixed','name':'D','size':3,'logicalType':'decimal',"
                                     "'precision':5,'scale':1}"));
    struct avro_bytes body;
    plain_head(&body);
    avro_raw(&body, "\x00\x01\x05", 3);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_true(b->lines[0].quantity == 26.1);
    bench_free(b);
}

/* ---- nested records, unions, maps, lines --------------------------------------------- */

#define ARRAY(items) "{'type':'array','items':" items "}"

static const char ORDER[] =
    "{'type':'record','name':'R','fields':["
    "{'name':'head','type':['null',{'type':'record','name':'Head','fields':["
    "  {'name':'who','type':{'type':'record','name':'Who','fields':[{'name':'id','type':'long'}]}},"
    "  {'name':'place','type':'string'}]}]},"
    "{'name':'labels','type':{'type':'map','values':'string'}},"
    "{'name':'lines','type':{'type':'array','items':{'type':'record','name':'Line','fields':["
    "  {'name':'q','type':['null','int']},"
    "  {'name':'dish','type':{'type':'record','name':'Dish','fields':["
    "    {'name':'id','type':['null','string']}]}},"
    "  {'name':'cents','type':'long'},"
    "  {'name':'off','type':['null','int']}]}}},"
    "{'name':'at','type':'long'},"
    "{'name':'sum','type':'double'}]}";

static void order_head(struct avro_bytes *b, int head) {
    b->n = 0;
    avro_branch(b, head);
    if (head) {
        avro_long(b, 77);
        avro_text(b, "secret place");
    }
    avro_block(b, 2);
    avro_text(b, "x"), avro_text(b, "no");
    avro_text(b, "verb"), avro_text(b, "order");
    avro_end(b);
}

static void line(struct avro_bytes *b, int64_t q, const char *dish, int64_t cents) {
    avro_branch(b, q >= 0);
    if (q >= 0) {
        avro_long(b, q);
    }
    avro_branch(b, dish != NULL);
    if (dish) {
        avro_text(b, dish);
    }
    avro_long(b, cents);
    avro_branch(b, cents > 0); /* a fifth off; nothing of nothing */
    if (cents > 0) {
        avro_long(b, cents / 5);
    }
}

static void lines_are_read_with_what_is_around_them(void **state) {
    (void)state;
    struct config_topic t =
        topic_of(KIND_EVENT, "user=head.who.id\nts=at\nitem=lines[].dish.id\nquantity=lines[].q\n"
                             "amount=lines[].cents\ndiscount=lines[].off\naction=labels.verb");
    struct avro_bytes body;
    t.amount_scale = 0.01;
    struct bench *b = bench_of(t, ORDER);
    order_head(&body, 1);
    avro_block(&body, 2);
    line(&body, 3, "soup", 450);
    line(&body, -1, NULL, 0);
    avro_block(&body, 1);
    line(&body, 0, "tea", 100);
    avro_end(&body);
    avro_long(&body, 5);
    avro_double(&body, 99);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "77");
    assert_int_equal(b->out.action, ACTION_ORDER);
    assert_int_equal(b->out.ts_ms, 5);
    assert_int_equal(b->out.n_lines, 3);
    same_text(b->lines[0].item, b->lines[0].item_len, "soup");
    same_text(b->lines[1].item, b->lines[1].item_len, "");
    same_text(b->lines[2].item, b->lines[2].item_len, "tea");
    assert_true(b->lines[0].quantity == 3.0 && b->lines[0].amount == 450 * 0.01);
    assert_true(b->lines[1].quantity == 1.0 && b->lines[1].amount == 0.0);
    assert_true(b->lines[2].quantity == 0.0 && b->lines[2].amount == 1.0);
    assert_true(b->lines[0].discount == 90 * 0.01 && b->lines[1].discount == 0.0);
    assert_true(b->lines[2].discount == 20 * 0.01);
    /* what is not mapped is not on the tape */
    for (uint32_t i = 0; i < b->tape->n; i++) {
        const struct value *v = &b->tape->values[i];
        assert_false(v->type == VALUE_TEXT && v->len == strlen("secret place"));
    }
    order_head(&body, 1); /* what the record before said is forgotten */
    avro_block(&body, 1);
    line(&body, -1, "tea", 0);
    avro_end(&body);
    avro_long(&body, 5);
    avro_double(&body, 99);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_true(b->lines[0].quantity == 1.0 && b->lines[0].amount == 0.0);
    assert_true(b->lines[0].discount == 0.0);
    order_head(&body, 0); /* no head: no user */
    avro_end(&body);      /* no lines */
    avro_long(&body, 5);
    avro_double(&body, 99);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "");
    assert_int_equal(b->out.n_lines, 0);
    bench_free(b);
}

static void what_stands_outside_of_lines_holds_for_each(void **state) {
    (void)state;
    struct bench *b =
        bench_of(topic_of(KIND_EVENT, "user=head.who.id\nts=at\nitem=lines[].dish.id\n"
                                      "quantity=\"4\"\namount=sum\ndiscount=at\naction=\"order\""),
                 ORDER);
    struct avro_bytes body;
    order_head(&body, 1);
    avro_block(&body, 2);
    line(&body, 3, "soup", 450);
    line(&body, 2, "tea", 0);
    avro_end(&body);
    avro_long(&body, 5);
    avro_double(&body, 99);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_int_equal(b->out.n_lines, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(b->lines[i].quantity == 4.0 && b->lines[i].amount == 99.0);
        assert_true(b->lines[i].discount == 5.0);
    }
    bench_free(b);
}

static void items_may_be_an_array_of_ids(void **state) {
    (void)state;
    struct bench *b =
        bench_of(topic_of(KIND_FEEDBACK, "user=u\nts=t\nitem=x[]\naction=\"impression\""),
                 PLAIN(ARRAY("'int'")));
    struct avro_bytes body;
    plain_head(&body);
    avro_block(&body, 2);
    avro_long(&body, 5), avro_long(&body, -6);
    avro_end(&body);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    assert_int_equal(b->out.action, ACTION_IMPRESSION);
    assert_int_equal(b->out.n_lines, 2);
    same_text(b->lines[0].item, b->lines[0].item_len, "5");
    same_text(b->lines[1].item, b->lines[1].item_len, "-6");
    bench_free(b);
}

static void more_lines_than_an_event_has_are_refused(void **state) {
    (void)state;
    struct bench *b = bench_of(topic_of(KIND_EVENT, "user=u\nts=t\nitem=x[]\naction=\"view\""),
                               PLAIN(ARRAY("'int'")));
    struct avro_bytes body;
    for (int n = EVENT_LINES_MAX; n <= EVENT_LINES_MAX + 1; n++) {
        plain_head(&body);
        avro_block(&body, n);
        for (int i = 0; i < n; i++) {
            avro_long(&body, i);
        }
        avro_end(&body);
        assert_int_equal(read_event(b, &body), n > EVENT_LINES_MAX ? MAPPING_LINES : MAPPING_OK);
    }
    bench_free(b);
}

static void a_time_that_is_null_is_refused(void **state) {
    (void)state;
    struct bench *b = bench_of(topic_of(KIND_EVENT, "user=u\nts=x\nitem=i\naction=\"view\""),
                               PLAIN("['null','long']"));
    struct avro_bytes body;
    plain_head(&body);
    avro_branch(&body, 0);
    assert_int_equal(read_event(b, &body), MAPPING_NULL);
    plain_head(&body);
    avro_branch(&body, 1);
    avro_long(&body, 0); /* the epoch is a time */
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    bench_free(b);
}

static void the_shipped_event_names_its_domain(void **state) {
    (void)state;
    static struct config cfg;
    char err[CONFIG_ERROR_MAX] = "";
    config_defaults(&cfg);
    struct config_topic t = topic_of(KIND_EVENT, "");
    snprintf(t.schema, sizeof t.schema, "Event");
    struct avro_bytes body;
    for (int of_topic = 0; of_topic < 2; of_topic++) {
        struct bench *b = calloc(1, sizeof *b);
        struct schema *writer = NULL;
        const char *json = shipped_json(READER_EVENT);
        assert_non_null(b);
        b->tape = malloc(sizeof *b->tape);
        t.domain = of_topic ? 1 : DOMAIN_OF_RECORD;
        assert_int_equal(mapping_new(&cfg, &t, &b->mapping, err), ST_OK);
        assert_int_equal(schema_parse(json, strlen(json), &writer, err, sizeof err), ST_OK);
        assert_int_equal(mapping_decoder(b->mapping, writer, &b->decoder, err, sizeof err), ST_OK);
        schema_free(writer);
        for (int known = 0; known < 2; known++) {
            body.n = 0;
            avro_text(&body, "e"), avro_text(&body, "u");
            avro_text(&body, known ? "course" : "sport");
            avro_long(&body, 1), avro_long(&body, ACTION_RATE), avro_branch(&body, 0);
            avro_branch(&body, 1), avro_text(&body, "o");
            avro_end(&body);
            const enum mapping_error e = read_event(b, &body);
            assert_int_equal(e, known || of_topic ? MAPPING_OK : MAPPING_DOMAIN);
            if (!e) {
                assert_int_equal(b->out.domain, of_topic);
                same_text(b->out.counterpart, b->out.counterpart_len, "o");
            }
        }
        bench_free(b);
    }
}

/* ---- other kinds --------------------------------------------------------------------- */

static void items_have_attributes_of_maps_and_arrays(void **state) {
    (void)state;
    static const char schema[] =
        RECORD(F("i", "'long'") "," F("on", "['null','int']") "," F("c", ENUM) "," F(
            "p", "'long'") ","
                           "{'name':'m','type':['null',{'type':'map','values':['null','string']}]},"
                           "{'name':'a','type':{'type':'array','items':'string'}}");
    static const char *const of[] = {"attributes=m{}", "attributes=a[]"};
    for (int k = 0; k < 2; k++) {
        char paths[128];
        snprintf(paths, sizeof paths, "item=i\navailable=on\ncategory=c\nprice=p\n%s", of[k]);
        struct config_topic t = topic_of(KIND_ITEM, paths);
        t.amount_scale = 0.01;
        struct bench *b = bench_of(t, schema);
        struct decoded_item item;
        struct avro_bytes body = {0};
        avro_long(&body, 12);
        avro_branch(&body, 1), avro_long(&body, 0);
        avro_long(&body, 1);
        avro_long(&body, 1999);
        avro_branch(&body, 1);
        avro_block(&body, 3);
        avro_text(&body, "level"), avro_branch(&body, 1), avro_text(&body, "easy");
        avro_text(&body, "none"), avro_branch(&body, 0);
        avro_text(&body, "lang"), avro_branch(&body, 1), avro_text(&body, "de");
        avro_end(&body);
        avro_block(&body, 40);
        for (int i = 0; i < 40; i++) {
            char tag[16];
            snprintf(tag, sizeof tag, "t%d", i);
            avro_text(&body, tag);
        }
        avro_end(&body);
        decodes(b, &body);
        assert_int_equal(mapping_read_item(b->mapping, b->tape, &item), MAPPING_OK);
        same_text(item.item, item.item_len, "12");
        same_text(item.category, item.category_len, "X");
        same_text(item.name, item.name_len, "");
        assert_false(item.available);
        assert_true(item.price == 1999 * 0.01 && item.ts_ms == 0);
        assert_int_equal(item.n_attributes, k ? DECODED_ATTRIBUTES : 2);
        const struct decoded_attribute *last = &item.attributes[item.n_attributes - 1];
        same_text(last->key, last->key_len, k ? "" : "lang");
        same_text(last->value, last->value_len, k ? "t31" : "de");
        assert_int_equal(mapping_read_event(b->mapping, b->tape, &b->out), MAPPING_NULL);
        bench_free(b);
    }
}

static void items_are_available_unless_they_say_so(void **state) {
    (void)state;
    struct bench *b = bench_of(topic_of(KIND_ITEM, "item=i\navailable=x\ncategory=\"food\""),
                               PLAIN("['null','boolean']"));
    for (int k = 0; k < 3; k++) {
        struct decoded_item item;
        struct avro_bytes body;
        plain_head(&body);
        avro_branch(&body, k > 0);
        if (k > 0) {
            avro_boolean(&body, k == 2);
        }
        decodes(b, &body);
        assert_int_equal(mapping_read_item(b->mapping, b->tape, &item), MAPPING_OK);
        assert_int_equal(item.available, k != 1);
        assert_true(isnan(item.price));
        same_text(item.category, item.category_len, "food");
    }
    bench_free(b);
}

static void consent_is_a_boolean_or_a_word(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int consent; /* -1: an error */
    } rows[] = {{"in", CONSENT_GIVEN},
                {"OUT", CONSENT_WITHDRAWN},
                {"Later", CONSENT_UNKNOWN},
                {"yes", -1},
                {"", -1}};
    struct config_topic t = topic_of(KIND_PROFILE, "user=u\nconsent=x");
    map_symbol(&t, FIELD_CONSENT, "IN", 1);
    map_symbol(&t, FIELD_CONSENT, "out", 0);
    map_symbol(&t, FIELD_CONSENT, "later", 2);
    struct bench *b = bench_of(t, PLAIN("['null','string','boolean']"));
    struct decoded_profile p;
    struct avro_bytes body;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plain_head(&body);
        avro_branch(&body, 1);
        avro_text(&body, rows[i].word);
        decodes(b, &body);
        const enum mapping_error e = mapping_read_profile(b->mapping, b->tape, &p);
        assert_int_equal(e, rows[i].consent < 0 ? MAPPING_ACTION : MAPPING_OK);
        if (!e) {
            assert_int_equal(p.consent, rows[i].consent);
        }
    }
    plain_head(&body);
    avro_branch(&body, 2);
    avro_boolean(&body, false);
    decodes(b, &body);
    assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
    assert_int_equal(p.consent, CONSENT_WITHDRAWN);
    plain_head(&body);
    avro_branch(&body, 0);
    decodes(b, &body);
    assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
    assert_int_equal(p.consent, CONSENT_UNKNOWN);
    bench_free(b);
}

static void of_an_age_only_its_band_is_left(void **state) {
    (void)state;
    static const struct {
        int64_t age;
        int band;
    } rows[] = {{0, 1},    {17, 1},   {18, 2},   {24, 2},   {25, 3},    {150, 3},      {151, 0},
                {1900, 0}, {2009, 1}, {2008, 2}, {2001, 3}, {2002, 2},  {2026, 1},     {2027, 0},
                {-1, 0},   {1876, 0}, {1901, 3}, {3000, 0}, {-5000, 0}, {INT32_MAX, 0}};
    struct bench *b =
        bench_of(topic_of(KIND_PROFILE, "user=u\nage=x\nts=t\ncountry=i"), PLAIN("'int'"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct decoded_profile p;
        struct avro_bytes body = {0};
        avro_text(&body, "u1");
        avro_long(&body, INT64_C(1790000000000)); /* 2026-09 */
        avro_text(&body, i % 2 ? "at" : "AUT");
        avro_long(&body, rows[i].age);
        decodes(b, &body);
        assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
        assert_int_equal(p.age_band, rows[i].band);
        assert_memory_equal(p.country, i % 2 ? "AT" : "\0\0", 2);
    }
    bench_free(b);
    b = bench_of(topic_of(KIND_PROFILE, "user=u\nage=x\nts=t"), PLAIN(LOGICAL("int", "date")));
    struct decoded_profile p;
    struct avro_bytes body = {0};
    avro_text(&body, "u1");
    avro_long(&body, INT64_C(1790000000000));
    avro_text(&body, "");
    avro_long(&body, 13000); /* 2005-08-05 */
    decodes(b, &body);
    assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
    assert_int_equal(p.age_band, 2);
    bench_free(b);
}

/* Who was born in 2008 turns 18 with the year 2026. */
static void the_year_of_an_age_is_that_of_the_record(void **state) {
    (void)state;
    static const struct {
        int64_t ts;
        int band;
    } rows[] = {{INT64_C(1767225599999), 1},  /* 2025-12-31T23:59:59.999Z */
                {INT64_C(1767225600000), 2},  /* 2026-01-01               */
                {INT64_C(1772236800000), 2},  /* 2026-02-28               */
                {INT64_C(1772323200000), 2},  /* 2026-03-01               */
                {INT64_C(1956527999000), 2},  /* 2031-12-31T23:59:59Z     */
                {INT64_C(1988150399000), 2},  /* 2032-12-31T23:59:59Z     */
                {INT64_C(1988150400000), 3}}; /* 2033-01-01: 25           */
    struct bench *b = bench_of(topic_of(KIND_PROFILE, "user=u\nage=x\nts=t"), PLAIN("'int'"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct decoded_profile p;
        struct avro_bytes body = {0};
        avro_text(&body, "u1");
        avro_long(&body, rows[i].ts);
        avro_text(&body, "");
        avro_long(&body, 2008);
        decodes(b, &body);
        assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
        assert_int_equal(p.age_band, rows[i].band);
    }
    bench_free(b);
}

static void requests_are_words_or_constants(void **state) {
    (void)state;
    struct config_topic t = topic_of(KIND_PRIVACY, "user=u\nts=t\naction=x");
    map_symbol(&t, FIELD_ACTION, "gdpr17", PRIVACY_ERASE);
    struct bench *b = bench_of(t, PLAIN("'string'"));
    static const char *const words[] = {"GDPR17", "stop", "Resume", "view"};
    static const enum privacy_request requests[] = {PRIVACY_ERASE, PRIVACY_STOP, PRIVACY_RESUME};
    struct decoded_privacy p;
    struct avro_bytes body;
    for (int i = 0; i < 4; i++) {
        plain_head(&body);
        avro_text(&body, words[i]);
        decodes(b, &body);
        const enum mapping_error e = mapping_read_privacy(b->mapping, b->tape, &p);
        assert_int_equal(e, i < 3 ? MAPPING_OK : MAPPING_ACTION);
        if (i < 3) {
            assert_int_equal(p.request, requests[i]);
            assert_int_equal(p.ts_ms, 1000);
            same_text(p.user_id, p.user_id_len, "u1");
        }
    }
    bench_free(b);
    b = bench_of(topic_of(KIND_PRIVACY, "user=u\nts=t\naction=\"erase\""), PLAIN("'string'"));
    decodes(b, &body);
    assert_int_equal(mapping_read_privacy(b->mapping, b->tape, &p), MAPPING_OK);
    assert_int_equal(p.request, PRIVACY_ERASE);
    bench_free(b);
}

static void identities_name_a_domain_or_are_of_one(void **state) {
    (void)state;
    static const char *const domains[] = {"course", "food", "foo", ""};
    struct decoded_identity d;
    struct avro_bytes body;
    struct bench *b = bench_of(topic_of(KIND_IDENTITY, "user=u\npartner.id=t\npartner.domain=x"),
                               PLAIN("'string'"));
    for (int i = 0; i < 4; i++) {
        plain_head(&body);
        avro_text(&body, domains[i]);
        decodes(b, &body);
        const enum mapping_error e = mapping_read_identity(b->mapping, b->tape, &d);
        assert_int_equal(e, i < 2 ? MAPPING_OK : MAPPING_DOMAIN);
        if (i < 2) {
            assert_int_equal(d.domain, i);
            same_text(d.partner_id, d.partner_id_len, "1000");
            same_text(d.user_id, d.user_id_len, "u1");
        }
    }
    bench_free(b);
    b = bench_of(topic_of(KIND_IDENTITY, "user=u\npartner.id=i\npartner.domain=\"food\""),
                 PLAIN("'string'"));
    decodes(b, &body);
    assert_int_equal(mapping_read_identity(b->mapping, b->tape, &d), MAPPING_OK);
    assert_int_equal(d.domain, 1);
    bench_free(b);
    struct config_topic t = topic_of(KIND_IDENTITY, "user=u\npartner.id=i");
    t.domain = 1;
    b = bench_of(t, PLAIN("'string'"));
    decodes(b, &body);
    assert_int_equal(mapping_read_identity(b->mapping, b->tape, &d), MAPPING_OK);
    assert_int_equal(d.domain, 1);
    bench_free(b);
}

static void rules_say_what_they_say_and_leave_the_rest_open(void **state) {
    (void)state;
    static const char schema[] =
        RECORD(F("u", "'string'") "," F("k", "'string'") "," F("d", "['null','string']") "," F(
            "i",
            "['"
            "null'"
            ",'"
            "long'"
            "]") "," F("s",
                       "['null','int']") "," F("b",
                                               "['null','long']") "," F("e",
                                                                        "['null',{'type':'long','"
                                                                        "logicalType':'timestamp-"
                                                                        "micros'}"
                                                                        "]") "," F("f",
                                                                                   "['null','"
                                                                                   "double']"));
    struct bench *b = bench_of(
        topic_of(KIND_RULE, "rule=u\naction=k\ntarget=d\nitem=i\nsegment=s\nfrom=b\nuntil=e"
                            "\nfactor=f\nposition=s"),
        schema);
    struct avro_bytes body = {0};
    struct decoded_rule d;
    avro_text(&body, "r1");
    avro_text(&body, "Boost");
    for (int k = 0; k < 6; k++) {
        avro_branch(&body, 0);
    }
    decodes(b, &body);
    assert_int_equal(mapping_read_rule(b->mapping, b->tape, &d), MAPPING_OK);
    same_text(d.id, d.id_len, "r1");
    assert_int_equal(d.kind, RULE_BOOST);
    assert_int_equal(d.domain, DOMAIN_OF_RECORD);
    assert_false(d.has_item || d.has_category || d.has_segment);
    assert_true(d.from_ms == INT64_MIN && d.until_ms == INT64_MAX && isnan(d.factor));
    assert_int_equal(d.position, 1);
    body = (struct avro_bytes){0};
    avro_text(&body, "r2");
    avro_text(&body, "PIN");
    avro_branch(&body, 1);
    avro_text(&body, "food");
    avro_branch(&body, 1);
    avro_long(&body, 42);
    avro_branch(&body, 1);
    avro_long(&body, 3);
    avro_branch(&body, 1);
    avro_long(&body, 1700000000123);
    avro_branch(&body, 1);
    avro_long(&body, 1700000000999999);
    avro_branch(&body, 0);
    decodes(b, &body);
    assert_int_equal(mapping_read_rule(b->mapping, b->tape, &d), MAPPING_OK);
    same_text(d.item, d.item_len, "42");
    assert_true(d.kind == RULE_PIN && d.domain == 1 && d.has_item && d.has_segment);
    assert_true(d.segment == 3 && d.position == 3);
    assert_true(d.from_ms == 1700000000123 && d.until_ms == 1700000000999);
    bench_free(b);
}

/* Whoever writes rules for his own lists cannot write any for another's. */
static void rules_of_a_topic_with_a_domain_are_of_that_one(void **state) {
    (void)state;
    static const char schema[] = RECORD(F("u", "'string'") "," F("d", "['null','string']"));
    static const struct {
        const char *target;
        enum mapping_error e;
    } rows[] = {{NULL, MAPPING_OK}, {"food", MAPPING_OK}, {"course", MAPPING_DOMAIN}};
    struct config_topic t = topic_of(KIND_RULE, "rule=u\naction=\"block\"\ntarget=d");
    t.domain = 1;
    struct bench *b = bench_of(t, schema);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct avro_bytes body = {0};
        struct decoded_rule d;
        avro_text(&body, "r");
        avro_branch(&body, rows[k].target != NULL);
        if (rows[k].target) {
            avro_text(&body, rows[k].target);
        }
        decodes(b, &body);
        assert_int_equal(mapping_read_rule(b->mapping, b->tape, &d), rows[k].e);
        assert_true(rows[k].e || d.domain == 1);
    }
    bench_free(b);
    struct mapping *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    t = topic_of(KIND_RULE, "rule=u\naction=\"block\"\ntarget=\"course\"");
    t.domain = 1;
    assert_int_equal(make(&t, schema, &m, err), ST_INVALID);
    assert_string_equal(err, "topic.t.target = \"course\": the topic is of domain food");
}

static void every_kind_has_its_own_function(void **state) {
    (void)state;
    static const char *const paths[KINDS] = {PATHS "action=\"view\"",
                                             PATHS "action=\"click\"",
                                             "item=i",
                                             "user=u",
                                             "user=u\nts=t\naction=\"stop\"",
                                             "user=u\npartner.id=i\npartner.domain=\"food\"",
                                             "rule=u\naction=\"pin\"\nitem=i"};
    for (int k = 0; k < KINDS; k++) {
        struct bench *b = bench_of(topic_of((enum topic_kind)k, paths[k]), PLAIN("'int'"));
        struct decoded_item item;
        struct decoded_profile profile;
        struct decoded_privacy privacy;
        struct decoded_identity identity;
        struct decoded_rule rule;
        struct avro_bytes body;
        plain_head(&body);
        avro_long(&body, 1);
        assert_int_equal(read_event(b, &body) == MAPPING_OK, k <= KIND_FEEDBACK);
        assert_int_equal(mapping_read_item(b->mapping, b->tape, &item) == MAPPING_OK,
                         k == KIND_ITEM);
        assert_int_equal(mapping_read_profile(b->mapping, b->tape, &profile) == MAPPING_OK,
                         k == KIND_PROFILE);
        assert_int_equal(mapping_read_privacy(b->mapping, b->tape, &privacy) == MAPPING_OK,
                         k == KIND_PRIVACY);
        assert_int_equal(mapping_read_identity(b->mapping, b->tape, &identity) == MAPPING_OK,
                         k == KIND_IDENTITY);
        assert_int_equal(mapping_read_rule(b->mapping, b->tape, &rule) == MAPPING_OK,
                         k == KIND_RULE);
        bench_free(b);
    }
    for (int e = 0; e < MAPPING_ERRORS; e++) {
        assert_true(strlen(mapping_error_str((enum mapping_error)e)) > 1);
    }
}

/* ---- the partners of docs/domains.md ------------------------------------------------- */

#ifdef SOURCE_DIR
static const struct config_topic *topic_called(const struct config *c, const char *name) {
    const struct config_topic *const of[] = {c->topics, c->globals, c->raws};
    const uint32_t n[] = {c->n_topics, c->n_globals, c->n_raws};
    for (size_t g = 0; g < 3; g++) {
        for (uint32_t i = 0; i < n[g]; i++) {
            if (strcmp(of[g][i].name, name) == 0) {
                return &of[g][i];
            }
        }
    }
    fail_msg("no topic %s", name);
    return NULL;
}

/* The bench of one topic of an ini file there; all its topics can be mapped. */
static struct bench *partner(const char *ini, const char *name) {
    static struct config cfg;
    char path[512];
    char err[CONFIG_ERROR_MAX] = "";
    struct schema *writer = NULL;
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->tape = malloc(sizeof *b->tape);
    assert_non_null(b->tape);
    snprintf(path, sizeof path, "%s/tests/data/domains/%s", SOURCE_DIR, ini);
    const enum status st = config_load(&cfg, path, NULL, NULL, 0, err);
    if (st) {
        print_error("%s\n", err);
    }
    assert_int_equal(st, ST_OK);
    for (uint32_t i = 0; i < cfg.n_topics; i++) {
        assert_int_equal(mapping_new(&cfg, &cfg.topics[i], &b->mapping, err), ST_OK);
        mapping_free(b->mapping);
    }
    assert_int_equal(mapping_new(&cfg, topic_called(&cfg, name), &b->mapping, err), ST_OK);
    const char *json = mapping_schema(b->mapping)->json;
    assert_int_equal(schema_parse(json, strlen(json), &writer, err, sizeof err), ST_OK);
    assert_int_equal(mapping_decoder(b->mapping, writer, &b->decoder, err, sizeof err), ST_OK);
    schema_free(writer);
    return b;
}

static void a_fitness_partner_is_added(void **state) {
    (void)state;
    struct bench *b = partner("fitness.ini", "gym-visits");
    struct avro_bytes body = {0};
    avro_long(&body, 4711);
    avro_branch(&body, 1), avro_double(&body, 48.2), avro_double(&body, 16.37);
    avro_branch(&body, 1), avro_long(&body, 121);
    avro_text(&body, "2026-03-01T12:30:00+01:00");
    avro_long(&body, 2);
    avro_long(&body, 9), avro_text(&body, "Yoga"), avro_branch(&body, 0);
    avro_branch(&body, 1), avro_long(&body, 1250);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.user_id, b->out.user_id_len, "4711");
    same_text(b->lines[0].item, b->lines[0].item_len, "9");
    assert_int_equal(b->out.action, ACTION_COMPLETE);
    assert_int_equal(b->out.ts_ms, INT64_C(1772364600000));
    assert_int_equal(b->out.domain, 1);
    assert_true(b->lines[0].amount == 12.5);
    for (uint32_t i = 0; i < b->tape->n; i++) { /* neither place nor pulse was decoded */
        assert_int_not_equal(b->tape->values[i].type, VALUE_DOUBLE);
        assert_true(b->tape->values[i].type != VALUE_LONG || b->tape->values[i].i != 121);
    }
    bench_free(b);
}

static void a_travel_partner_is_added(void **state) {
    (void)state;
    struct bench *b = partner("travel.ini", "bookings");
    struct avro_bytes body = {0};
    avro_text(&body, "123e4567-e89b-12d3-a456-426614174000");
    avro_branch(&body, 1);
    avro_text(&body, "anna"), avro_branch(&body, 1), avro_text(&body, "P1234567");
    avro_long(&body, INT64_C(1772364600000999));
    avro_block(&body, 2);
    avro_text(&body, "LIS"), avro_long(&body, 3), avro_branch(&body, 1);
    avro_data(&body, "\x30\x39", 2); /* 123.45 */
    avro_text(&body, "OPO"), avro_long(&body, 1), avro_branch(&body, 0);
    avro_end(&body);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.event_id, b->out.event_id_len, "123e4567-e89b-12d3-a456-426614174000");
    same_text(b->out.user_id, b->out.user_id_len, "anna");
    assert_int_equal(b->out.action, ACTION_PURCHASE);
    assert_int_equal(b->out.ts_ms, INT64_C(1772364600000));
    assert_int_equal(b->out.n_lines, 2);
    same_text(b->lines[1].item, b->lines[1].item_len, "OPO");
    assert_true(b->lines[0].quantity == 3.0 && b->lines[0].amount == 123.45);
    assert_true(b->lines[1].quantity == 1.0 && b->lines[1].amount == 0.0);
    bench_free(b);

    b = partner("travel.ini", "destinations");
    struct decoded_item item;
    body.n = 0;
    avro_text(&body, "LIS"), avro_long(&body, 5000), avro_long(&body, 0), avro_long(&body, 3);
    avro_branch(&body, 1), avro_double(&body, 99);
    avro_end(&body);
    avro_block(&body, 1), avro_text(&body, "beach"), avro_end(&body);
    decodes(b, &body);
    assert_int_equal(mapping_read_item(b->mapping, b->tape, &item), MAPPING_OK);
    same_text(item.category, item.category_len, "EUROPE");
    same_text(item.attributes[0].value, item.attributes[0].value_len, "beach");
    assert_true(!item.available && item.price == 99.0 && item.ts_ms == 5);
    bench_free(b);
}

static void a_learning_app_of_a_bank_is_added(void **state) {
    (void)state;
    struct bench *b = partner("bank.ini", "lessons");
    struct avro_bytes body = {0};
    avro_text(&body, "C-17"), avro_branch(&body, 1), avro_text(&body, "AT61");
    avro_branch(&body, 1), avro_double(&body, 1e6);
    avro_long(&body, 99), avro_long(&body, 1772364600);
    avro_text(&body, "Finished Module"), avro_branch(&body, 1), avro_long(&body, 3);
    assert_int_equal(read_event(b, &body), MAPPING_OK);
    same_text(b->out.event_id, b->out.event_id_len, "99");
    same_text(b->out.user_id, b->out.user_id_len, "C-17");
    same_text(b->lines[0].item, b->lines[0].item_len, "3");
    assert_int_equal(b->out.action, ACTION_COMPLETE);
    assert_int_equal(b->out.ts_ms, INT64_C(1772364600000));
    bench_free(b);

    b = partner("bank.ini", "customer-links");
    struct decoded_identity id;
    body.n = 0;
    avro_text(&body, "C-17"), avro_branch(&body, 1), avro_text(&body, "anna");
    decodes(b, &body);
    assert_int_equal(mapping_read_identity(b->mapping, b->tape, &id), MAPPING_OK);
    assert_int_equal(id.domain, 1);
    same_text(id.user_id, id.user_id_len, "anna");
    bench_free(b);

    b = partner("bank.ini", "preferences");
    struct decoded_profile p;
    body.n = 0;
    avro_text(&body, "anna"), avro_long(&body, INT64_C(1772364600000)), avro_long(&body, 1);
    avro_branch(&body, 1), avro_long(&body, 13000); /* 2005-08-05 */
    avro_branch(&body, 1), avro_text(&body, "at");
    decodes(b, &body);
    assert_int_equal(mapping_read_profile(b->mapping, b->tape, &p), MAPPING_OK);
    assert_int_equal(p.consent, CONSENT_WITHDRAWN);
    assert_int_equal(p.age_band, 1); /* of 25,40,60 */
    assert_memory_equal(p.country, "AT", 2);
    bench_free(b);
}
#endif

/* Every ini in the page is a file, and the other way round. */
static void the_page_shows_these_files(void **state) {
    (void)state;
#ifdef SOURCE_DIR
    static const char *const files[] = {"fitness.ini", "travel.ini", "bank.ini", "five.ini"};
    static char page[65536];
    static char text[16384];
    FILE *f = fopen(SOURCE_DIR "/docs/domains.md", "r");
    assert_non_null(f);
    assert_in_range(fread(page, 1, sizeof page - 1, f), 1, sizeof page - 2);
    fclose(f);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/tests/data/domains/%s", SOURCE_DIR, files[i]);
        f = fopen(path, "r");
        assert_non_null(f);
        memset(text, 0, sizeof text);
        assert_in_range(fread(text, 1, sizeof text - 1, f), 1, sizeof text - 2);
        fclose(f);
        assert_non_null(strstr(page, files[i]));
        assert_true(i == 3 || strstr(page, text));
    }
    struct bench *b = partner("five.ini", "lessons"); /* all partners at once */
    bench_free(b);
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_paths_say_what_the_schema_has),
        cmocka_unit_test(a_schema_that_is_none_is_refused),
        cmocka_unit_test(types_are_checked),
        cmocka_unit_test(lines_are_of_one_array),
        cmocka_unit_test(constants_are_checked),
        cmocka_unit_test(symbols_that_are_not_there_are_refused),
        cmocka_unit_test(words_that_are_never_looked_at_are_refused),
        cmocka_unit_test(ids_are_texts_or_decimal_numbers),
        cmocka_unit_test(the_other_user_is_a_text_a_number_or_nobody),
        cmocka_unit_test(the_digits_of_one_id_are_not_anothers),
        cmocka_unit_test(an_event_without_an_id_has_an_empty_one),
        cmocka_unit_test(numbers_are_times_in_their_unit),
        cmocka_unit_test(texts_are_times_by_rfc_3339),
        cmocka_unit_test(every_day_is_the_day_of_the_c_library),
        cmocka_unit_test(words_mean_actions),
        cmocka_unit_test(what_a_word_says_to_ignore_is_ignored_and_nothing_else),
        cmocka_unit_test(what_is_ignored_may_be_wrong_in_other_ways),
        cmocka_unit_test(an_enum_of_which_all_is_ignored_means_nothing),
        cmocka_unit_test(a_request_may_be_ignored),
        cmocka_unit_test(money_is_a_number_or_a_decimal),
        cmocka_unit_test(a_fixed_can_be_a_decimal),
        cmocka_unit_test(lines_are_read_with_what_is_around_them),
        cmocka_unit_test(what_stands_outside_of_lines_holds_for_each),
        cmocka_unit_test(items_may_be_an_array_of_ids),
        cmocka_unit_test(more_lines_than_an_event_has_are_refused),
        cmocka_unit_test(a_time_that_is_null_is_refused),
        cmocka_unit_test(the_shipped_event_names_its_domain),
        cmocka_unit_test(items_have_attributes_of_maps_and_arrays),
        cmocka_unit_test(items_are_available_unless_they_say_so),
        cmocka_unit_test(consent_is_a_boolean_or_a_word),
        cmocka_unit_test(of_an_age_only_its_band_is_left),
        cmocka_unit_test(the_year_of_an_age_is_that_of_the_record),
        cmocka_unit_test(requests_are_words_or_constants),
        cmocka_unit_test(identities_name_a_domain_or_are_of_one),
        cmocka_unit_test(rules_say_what_they_say_and_leave_the_rest_open),
        cmocka_unit_test(rules_of_a_topic_with_a_domain_are_of_that_one),
        cmocka_unit_test(every_kind_has_its_own_function),
#ifdef SOURCE_DIR
        cmocka_unit_test(a_fitness_partner_is_added),
        cmocka_unit_test(a_travel_partner_is_added),
        cmocka_unit_test(a_learning_app_of_a_bank_is_added),
#endif
        cmocka_unit_test(the_page_shows_these_files),
    };
    return cmocka_run_group_tests_name("mapping", tests, NULL, NULL);
}
