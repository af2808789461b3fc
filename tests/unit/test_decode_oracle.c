/* SPDX-License-Identifier: Apache-2.0
 *
 * test_decode_oracle.c -- the decoder against avro-c: random events that avro-c wrote in
 * the shipped and in random writer schemas, whole, cut short, and with bytes changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <avro.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "schema.h"
#include "schemas.h"

/* avro-c never frees a recursive schema (avro.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

static struct decoded_line lines[EVENT_LINES_MAX];
static struct decoded got = {.lines = lines};

static enum status compile(const char *json, enum reader reader, struct decoder **d, char *err,
                           size_t err_len) {
    struct schema *s = NULL;
    if (schema_parse(json, strlen(json), &s, err, err_len) != ST_OK) {
        fail_msg("%s: %s", json, err);
    }
    enum status st = decoder_new(s, reader, d, err, err_len);
    schema_free(s); /* the plan needs it no longer */
    return st;
}

static struct decoder *compiled(const char *json, enum reader reader) {
    struct decoder *d = NULL;
    char err[256] = "";
    if (compile(json, reader, &d, err, sizeof err) != ST_OK) {
        fail_msg("%s: %s", json, err);
    }
    return d;
}

/* Decodes a copy that is exactly as long as the bytes, so that ASan sees a read beyond. */
static enum decode_error run(const struct decoder *d, const void *body, size_t len) {
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, body, len);
    enum decode_error e = decode(d, exact, len, &got);
    free(exact);
    assert_ptr_equal(got.lines, lines);
    return e;
}

struct text {
    char buf[16384];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->buf + t->n, sizeof t->buf - t->n, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof t->buf - t->n);
    t->n += (size_t)n;
}

/* ---- avro-c as the oracle: random writers, random events -------------------------------- */

static uint32_t rnd(uint64_t *state, uint32_t n) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33) % n;
}

struct writer {
    uint64_t rng;
    struct text json;
    uint32_t n_names;  /* named types so far: T0, T1, ...; for unique names */
    uint32_t n_fields; /* made-up fields so far                             */
};

static void random_type(struct writer *w, int depth, bool in_union);

static void random_record(struct writer *w, int depth) {
    const uint32_t self = w->n_names++;
    const uint32_t n = 1 + rnd(&w->rng, 3);
    add(&w->json, "{\"type\":\"record\",\"name\":\"T%u\",\"fields\":[", self);
    for (uint32_t i = 0; i < n; i++) {
        add(&w->json, "%s{\"name\":\"f%u\",\"type\":", i ? "," : "", i);
        random_type(w, depth - 1, false);
        add(&w->json, "}");
    }
    if (rnd(&w->rng, 2)) {
        add(&w->json, ",{\"name\":\"self\",\"type\":[\"null\",\"T%u\"]}", self);
    }
    add(&w->json, "]}");
}

static void random_type(struct writer *w, int depth, bool in_union) {
    static const char *const plain[] = {"boolean", "int",   "long",   "float",
                                        "double",  "bytes", "string", "null"};
    switch (rnd(&w->rng, depth > 0 ? 14 : 8)) {
    case 8:
        add(&w->json, "{\"type\":\"fixed\",\"name\":\"T%u\",\"size\":%u}", w->n_names,
            1 + rnd(&w->rng, 9));
        w->n_names++;
        break;
    case 9:
        add(&w->json, "{\"type\":\"enum\",\"name\":\"T%u\",\"symbols\":[\"A\",\"B\",\"C\"]}",
            w->n_names++);
        break;
    case 10: random_record(w, depth); break;
    case 11:
    case 12:
        add(&w->json,
            rnd(&w->rng, 2) ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
        random_type(w, depth - 1, false);
        add(&w->json, "}");
        break;
    case 13:
        if (!in_union) {
            add(&w->json, "[\"null\",");
            random_record(w, depth);
            add(&w->json, ",\"string\",{\"type\":\"int\"}]");
            break;
        }
        /* fall through */
    default: add(&w->json, "\"%s\"", plain[rnd(&w->rng, 7 + !in_union)]); break;
    }
}

static void comma(struct writer *w) {
    if (w->json.buf[w->json.n - 1] == '}') {
        add(&w->json, ",");
    }
}

static void made_up_fields(struct writer *w) {
    while (rnd(&w->rng, 3) == 0 && w->json.n < 8000) {
        comma(w);
        add(&w->json, "{\"name\":\"x%u\",\"type\":", w->n_fields++);
        random_type(w, 3, false);
        add(&w->json, "}");
    }
}

/* One field that the reader knows, plain or in a union with null on either side. */
static void known_field(struct writer *w, const char *name, const char *type) {
    made_up_fields(w);
    comma(w);
    add(&w->json, "{\"name\":\"%s\",\"type\":", name);
    switch (rnd(&w->rng, 4)) {
    case 0: add(&w->json, "[\"null\",%s]}", type); break;
    case 1: add(&w->json, "[%s,\"null\"]}", type); break;
    default: add(&w->json, "%s}", type); break;
    }
}

static const char *number_type(struct writer *w) {
    static const char *const types[] = {"\"int\"", "\"long\"", "\"float\"", "\"double\""};
    return types[rnd(&w->rng, 4)];
}

struct known {
    const char *name;
    const char *type; /* NULL: any number */
    bool optional;
};

static void known_fields(struct writer *w, const struct known *known, uint32_t n) {
    const uint32_t from = rnd(&w->rng, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct known *k = &known[(i + from) % n];
        if (!k->optional || rnd(&w->rng, 3)) {
            known_field(w, k->name, k->type ? k->type : number_type(w));
        }
    }
    made_up_fields(w);
}

#define TS_TYPE     "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"
#define ACTION_TYPE "{\"type\":\"enum\",\"name\":\"Act\",\"symbols\":[\"ORDER\",\"VIEW\",\"RATE\"]}"

static void random_writer(struct writer *w, enum reader reader) {
    static const struct known course[] = {{"event_id", "\"string\"", false},
                                          {"user_id", "\"string\"", false},
                                          {"ts", TS_TYPE, false},
                                          {"course_id", "\"string\"", false},
                                          {"action", ACTION_TYPE, true},
                                          {"quantity", NULL, true},
                                          {"price", NULL, true}};
    static const struct known line[] = {
        {"dish_id", "\"string\"", false}, {"quantity", NULL, true}, {"amount", NULL, true}};
    w->json.n = w->n_names = w->n_fields = 0;
    add(&w->json, "{\"type\":\"record\",\"name\":\"W\",\"fields\":[");
    if (reader == READER_COURSE_VIEW) {
        known_fields(w, course, 7);
    } else {
        const bool after = rnd(&w->rng, 2);
        if (after) {
            known_fields(w, course, 3);
            comma(w);
        }
        add(&w->json, "{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":"
                      "{\"type\":\"record\",\"name\":\"L\",\"fields\":[");
        known_fields(w, line, 3);
        add(&w->json, "]}}}");
        if (!after) {
            known_fields(w, course, 3);
        }
    }
    add(&w->json, "]}");
}

/* What the decoder should find, noted while avro-c's value is filled. */
struct expected {
    char event_id[64], user_id[64];
    size_t event_id_len, user_id_len;
    int64_t ts_ms;
    enum action action;
    uint32_t n_lines;
    struct {
        char item[64];
        size_t item_len;
        double quantity, amount;
    } lines[8];
    bool null; /* in a required field */
};

static void fill(avro_value_t *v, uint64_t *rng, int depth, struct expected *x, const char *name);

static void note_text(struct expected *x, const char *name, const char *text, size_t len) {
    char *to = NULL;
    size_t *to_len = NULL;
    if (strcmp(name, "event_id") == 0) {
        to = x->event_id;
        to_len = &x->event_id_len;
    } else if (strcmp(name, "user_id") == 0) {
        to = x->user_id;
        to_len = &x->user_id_len;
    } else if (strcmp(name, "course_id") == 0 || strcmp(name, "dish_id") == 0) {
        to = x->lines[x->n_lines - 1].item;
        to_len = &x->lines[x->n_lines - 1].item_len;
    }
    if (to) {
        memcpy(to, text, len);
        *to_len = len;
    }
}

static void note_number(struct expected *x, const char *name, double number) {
    if (strcmp(name, "quantity") == 0) {
        x->lines[x->n_lines - 1].quantity = number;
    } else if (strcmp(name, "price") == 0 || strcmp(name, "amount") == 0) {
        x->lines[x->n_lines - 1].amount = number;
    }
}

static void fill_text(avro_value_t *v, uint64_t *rng, struct expected *x, const char *name) {
    char text[64];
    const size_t len = rnd(rng, 63);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + rnd(rng, 26));
    }
    text[len] = '\0';
    if (avro_value_get_type(v) == AVRO_BYTES) {
        assert_int_equal(avro_value_set_bytes(v, text, len), 0);
        return;
    }
    assert_int_equal(avro_value_set_string_len(v, text, len + 1), 0);
    note_text(x, name, text, len);
}

static int64_t random_long(uint64_t *rng) {
    const uint64_t bits = (uint64_t)rnd(rng, UINT32_MAX) << 40 ^
                          (uint64_t)rnd(rng, UINT32_MAX) << 16 ^ rnd(rng, UINT32_MAX);
    return (int64_t)bits >> rnd(rng, 64);
}

static void fill_number(avro_value_t *v, uint64_t *rng, struct expected *x, const char *name) {
    const int64_t i = random_long(rng);
    const double d = (double)i / 16;
    switch (avro_value_get_type(v)) {
    case AVRO_INT32:
        assert_int_equal(avro_value_set_int(v, (int32_t)i), 0);
        note_number(x, name, (double)(int32_t)i);
        break;
    case AVRO_INT64:
        assert_int_equal(avro_value_set_long(v, i), 0);
        note_number(x, name, (double)i);
        x->ts_ms = strcmp(name, "ts") == 0 ? i : x->ts_ms;
        break;
    case AVRO_FLOAT:
        assert_int_equal(avro_value_set_float(v, (float)d), 0);
        note_number(x, name, (double)(float)d);
        break;
    default:
        assert_int_equal(avro_value_set_double(v, d), 0);
        note_number(x, name, d);
        break;
    }
}

static void fill_record(avro_value_t *v, uint64_t *rng, int depth, struct expected *x) {
    size_t n = 0;
    assert_int_equal(avro_value_get_size(v, &n), 0);
    for (size_t i = 0; i < n; i++) {
        avro_value_t field;
        const char *name = NULL;
        assert_int_equal(avro_value_get_by_index(v, i, &field, &name), 0);
        fill(&field, rng, depth - 1, x, name);
    }
}

static void fill_items(avro_value_t *v, uint64_t *rng, int depth, struct expected *x,
                       const char *name) {
    const bool wanted = strcmp(name, "lines") == 0;
    const uint32_t n = depth > 0 || wanted ? rnd(rng, wanted ? 8 : 4) : 0;
    for (uint32_t i = 0; i < n; i++) {
        avro_value_t item;
        char key[16];
        if (avro_value_get_type(v) == AVRO_MAP) {
            snprintf(key, sizeof key, "key%u", i);
            assert_int_equal(avro_value_add(v, key, &item, NULL, NULL), 0);
        } else {
            assert_int_equal(avro_value_append(v, &item, NULL), 0);
        }
        if (wanted) {
            x->lines[x->n_lines].quantity = 1;
            x->lines[x->n_lines++].amount = 0;
        }
        fill(&item, rng, depth - 1, x, "");
    }
}

static bool optional_field(const char *name) {
    return name[0] == 'x' || name[0] == 'f' || strcmp(name, "self") == 0 ||
           strcmp(name, "action") == 0 || strcmp(name, "quantity") == 0 ||
           strcmp(name, "price") == 0 || strcmp(name, "amount") == 0 ||
           strcmp(name, "source") == 0 || strcmp(name, "restaurant_id") == 0 ||
           strcmp(name, "currency") == 0 || name[0] == '\0';
}

static void fill_union(avro_value_t *v, uint64_t *rng, int depth, struct expected *x,
                       const char *name) {
    const size_t n = avro_schema_union_size(avro_value_get_schema(v));
    int branch = (int)rnd(rng, (uint32_t)n);
    for (int tries = 0; tries < 8; tries++) {
        avro_value_t probe;
        assert_int_equal(avro_value_set_branch(v, branch, &probe), 0);
        const bool null = avro_value_get_type(&probe) == AVRO_NULL;
        const bool deep = avro_value_get_type(&probe) == AVRO_RECORD && depth <= 0;
        if (!deep && !(null && !optional_field(name) && tries < 7)) {
            break;
        }
        branch = (branch + 1) % (int)n;
    }
    avro_value_t value;
    assert_int_equal(avro_value_set_branch(v, branch, &value), 0);
    x->null = x->null || (avro_value_get_type(&value) == AVRO_NULL && !optional_field(name));
    fill(&value, rng, depth, x, name);
}

static void fill_enum(avro_value_t *v, uint64_t *rng, struct expected *x, const char *name) {
    static const char *const names[ACTIONS] = {"VIEW", "ENROLL", "PURCHASE", "ORDER",   "COMPLETE",
                                               "RATE", "LIKE",   "SHARE",    "COMMENT", "REPORT"};
    avro_schema_t schema = avro_value_get_schema(v);
    const int symbol = (int)rnd(rng, (uint32_t)avro_schema_enum_number_of_symbols(schema));
    assert_int_equal(avro_value_set_enum(v, symbol), 0);
    for (int a = 0; a < ACTIONS && strcmp(name, "action") == 0; a++) {
        if (strcmp(names[a], avro_schema_enum_get(schema, symbol)) == 0) {
            x->action = (enum action)a;
        }
    }
}

static void fill(avro_value_t *v, uint64_t *rng, int depth, struct expected *x, const char *name) {
    char bytes[16] = {0};
    size_t size = 0;
    switch (avro_value_get_type(v)) {
    case AVRO_NULL: assert_int_equal(avro_value_set_null(v), 0); break;
    case AVRO_BOOLEAN: assert_int_equal(avro_value_set_boolean(v, (int)rnd(rng, 2)), 0); break;
    case AVRO_FIXED:
        size = (size_t)avro_schema_fixed_size(avro_value_get_schema(v));
        assert_int_equal(avro_value_set_fixed(v, bytes, size), 0);
        break;
    case AVRO_ENUM: fill_enum(v, rng, x, name); break;
    case AVRO_BYTES:
    case AVRO_STRING: fill_text(v, rng, x, name); break;
    case AVRO_RECORD: fill_record(v, rng, depth, x); break;
    case AVRO_ARRAY:
    case AVRO_MAP: fill_items(v, rng, depth, x, name); break;
    case AVRO_UNION: fill_union(v, rng, depth, x, name); break;
    default: fill_number(v, rng, x, name); break;
    }
}

static bool same(const char *a, size_t a_len, const char *b, size_t b_len) {
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool as_expected(const struct expected *x, const struct decoded *d) {
    bool ok = same(x->event_id, x->event_id_len, d->event_id, d->event_id_len) &&
              same(x->user_id, x->user_id_len, d->user_id, d->user_id_len) &&
              x->ts_ms == d->ts_ms && x->action == d->action && x->n_lines == d->n_lines;
    for (uint32_t i = 0; ok && i < x->n_lines; i++) {
        ok = same(x->lines[i].item, x->lines[i].item_len, d->lines[i].item, d->lines[i].item_len) &&
             x->lines[i].quantity == d->lines[i].quantity &&
             x->lines[i].amount == d->lines[i].amount;
    }
    return ok;
}

static void check_event(const struct decoder *d, avro_value_t *v, uint64_t *rng,
                        enum reader reader) {
    static char bytes[1 << 20];
    struct expected x = {.action = reader == READER_COURSE_VIEW ? ACTION_ENROLL : ACTION_ORDER};
    if (reader == READER_COURSE_VIEW) {
        x.n_lines = 1;
        x.lines[0].quantity = 1;
    }
    assert_int_equal(avro_value_reset(v), 0);
    fill(v, rng, 6, &x, "");
    avro_writer_t out = avro_writer_memory(bytes, sizeof bytes - 1);
    assert_int_equal(avro_value_write(out, v), 0);
    const size_t len = (size_t)avro_writer_tell(out);
    avro_writer_free(out);
    const uint8_t *body = (const uint8_t *)bytes;
    enum decode_error e = decode(d, body, len, &got);
    assert_int_equal(e, x.null ? DECODE_NULL : DECODE_OK);
    if (e) {
        return;
    }
    assert_true(as_expected(&x, &got));
    bytes[len] = 0;
    assert_int_equal(decode(d, body, len + 1, &got), DECODE_TRAILING);
    for (int i = 0; i < 20 && len > 0; i++) {
        assert_int_equal(run(d, bytes, rnd(rng, (uint32_t)len)), DECODE_SHORT);
    }
    for (int i = 0; i < 20 && len > 0; i++) { /* whatever the bytes: no crash */
        bytes[rnd(rng, (uint32_t)len)] = (char)rnd(rng, 256);
        (void)run(d, bytes, len);
    }
}

static void check_writer(const char *json, enum reader reader, uint64_t *rng, int events) {
    struct decoder *d = compiled(json, reader);
    avro_schema_t schema = NULL;
    assert_int_equal(avro_schema_from_json_length(json, strlen(json), &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_value_t v;
    assert_int_equal(avro_generic_value_new(class, &v), 0);
    for (int i = 0; i < events; i++) {
        check_event(d, &v, rng, reader);
    }
    avro_value_decref(&v);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    decoder_free(d);
}

static void agrees_with_avro_c_on_the_shipped_writers(void **state) {
    (void)state;
    uint64_t rng = 11;
    print_message("seed %llu\n", (unsigned long long)rng);
    check_writer(schemas_shipped_json(READER_COURSE_VIEW), READER_COURSE_VIEW, &rng, 500);
    check_writer(schemas_shipped_json(READER_FOOD_ORDER), READER_FOOD_ORDER, &rng, 500);
}

static void agrees_with_avro_c_on_random_writers(void **state) {
    (void)state;
    static struct writer w = {.rng = 20260102};
    print_message("seed %llu\n", (unsigned long long)w.rng);
    for (int i = 0; i < 400; i++) {
        const enum reader reader = (enum reader)(i % READERS);
        random_writer(&w, reader);
        check_writer(w.json.buf, reader, &w.rng, 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_avro_c_on_the_shipped_writers),
        cmocka_unit_test(agrees_with_avro_c_on_random_writers),
    };
    return cmocka_run_group_tests_name("decode_oracle", tests, NULL, NULL);
}
