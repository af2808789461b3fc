/* SPDX-License-Identifier: Apache-2.0
 *
 * test_decode_oracle.c -- the decoder against avro-c: values that avro-c wrote in random
 * schemas, of which random paths are wanted. What the tape should be is read from avro-c's value.
 * Writer and reader are alike here; pairs of schemas: tests/avro.
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

#include "decoding.h"

/* avro-c never frees a recursive schema (avro.c). */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

struct text {
    char buf[1 << 17];
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

static uint32_t rnd(uint64_t *state, uint32_t n) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33) % n;
}

/* ---- random schemas -------------------------------------------------------------------- */

struct writer {
    uint64_t seed, rng;
    struct text json;
    uint32_t n_names; /* named types so far: T0, T1, ... */
};

static void random_type(struct writer *w, int depth, bool in_union);

static void random_record(struct writer *w, int depth) {
    const uint32_t self = w->n_names++;
    const uint32_t n = 1 + rnd(&w->rng, 4);
    add(&w->json, "{\"type\":\"record\",\"name\":\"T%u\",\"fields\":[", self);
    for (uint32_t i = 0; i < n; i++) {
        add(&w->json, "%s{\"name\":\"f%u\",\"type\":", i ? "," : "", i);
        random_type(w, depth - 1, false);
        add(&w->json, "}");
    }
    if (rnd(&w->rng, 3) == 0) {
        add(&w->json, ",{\"name\":\"self\",\"type\":[\"null\",\"T%u\"]}", self);
    }
    add(&w->json, "]}");
}

static void random_union(struct writer *w, int depth) {
    switch (rnd(&w->rng, 4)) {
    case 0: add(&w->json, "[\"null\",\"long\",\"string\"]"); break;
    case 1: add(&w->json, "[\"double\",\"null\"]"); break;
    case 2:
        add(&w->json, "[\"null\",");
        random_record(w, depth);
        add(&w->json, ",\"string\"]");
        break;
    default:
        add(&w->json, "[");
        random_record(w, depth);
        add(&w->json, ",{\"type\":\"array\",\"items\":");
        random_type(w, depth - 1, false);
        add(&w->json, "},");
        random_record(w, depth);
        add(&w->json, "]");
        break;
    }
}

static void random_type(struct writer *w, int depth, bool in_union) {
    static const char *const plain[] = {"boolean", "int",   "long",   "float",
                                        "double",  "bytes", "string", "null"};
    const uint32_t kind = rnd(&w->rng, depth > 0 ? 14 : 9);
    if (kind == 13 && !in_union) {
        random_union(w, depth);
    } else if (kind == 12 || kind == 11) {
        const bool map = rnd(&w->rng, 2);
        add(&w->json, "{\"type\":\"%s\",\"%s\":", map ? "map" : "array", map ? "values" : "items");
        random_type(w, depth - 1, false);
        add(&w->json, "}");
    } else if (kind == 10) {
        random_record(w, depth);
    } else if (kind == 9) {
        add(&w->json, "{\"type\":\"enum\",\"name\":\"T%u\",\"symbols\":[\"A\",\"B\",\"C\"]}",
            w->n_names++);
    } else if (kind == 8) {
        const uint32_t name = w->n_names++;
        add(&w->json, "{\"type\":\"fixed\",\"name\":\"T%u\",\"size\":%u}", name,
            1 + rnd(&w->rng, 9));
    } else {
        add(&w->json, "\"%s\"", plain[kind % 8]);
    }
}

/* ---- random values --------------------------------------------------------------------- */

static void fill(avro_value_t *v, uint64_t *rng, int depth);

static int64_t random_long(uint64_t *rng) {
    const uint64_t bits = (uint64_t)rnd(rng, UINT32_MAX) << 40 ^
                          (uint64_t)rnd(rng, UINT32_MAX) << 16 ^ rnd(rng, UINT32_MAX);
    return (int64_t)bits >> rnd(rng, 64);
}

static void fill_text(avro_value_t *v, uint64_t *rng) {
    char text[128];
    const size_t len = rnd(rng, rnd(rng, 8) ? 12 : 100);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + rnd(rng, 26));
    }
    text[len] = '\0';
    if (avro_value_get_type(v) == AVRO_BYTES) {
        assert_int_equal(avro_value_set_bytes(v, text, len), 0);
    } else {
        assert_int_equal(avro_value_set_string_len(v, text, len + 1), 0);
    }
}

static void fill_items(avro_value_t *v, uint64_t *rng, int depth) {
    const uint32_t n = depth > 0 ? rnd(rng, 4) : 0;
    for (uint32_t i = 0; i < n; i++) {
        avro_value_t item;
        char key[16];
        if (avro_value_get_type(v) == AVRO_MAP) {
            snprintf(key, sizeof key, "key%u", i);
            assert_int_equal(avro_value_add(v, key, &item, NULL, NULL), 0);
        } else {
            assert_int_equal(avro_value_append(v, &item, NULL), 0);
        }
        fill(&item, rng, depth - 1);
    }
}

static void fill_record(avro_value_t *v, uint64_t *rng, int depth) {
    size_t n = 0;
    assert_int_equal(avro_value_get_size(v, &n), 0);
    for (size_t i = 0; i < n; i++) {
        avro_value_t field;
        const char *name = NULL;
        assert_int_equal(avro_value_get_by_index(v, i, &field, &name), 0);
        /* what is recursive ends here: its first branch is null */
        fill(&field, rng, strcmp(name, "self") == 0 && depth < 3 ? -100 : depth - 1);
    }
}

static void fill_union(avro_value_t *v, uint64_t *rng, int depth) {
    const size_t n = avro_schema_union_size(avro_value_get_schema(v));
    avro_value_t value;
    const int branch = depth < -50 ? 0 : (int)rnd(rng, (uint32_t)n);
    assert_int_equal(avro_value_set_branch(v, branch, &value), 0);
    fill(&value, rng, depth);
}

static void fill_fixed(avro_value_t *v) {
    char bytes[16] = "fixed\xff\1\2\3";
    const size_t size = (size_t)avro_schema_fixed_size(avro_value_get_schema(v));
    assert_int_equal(avro_value_set_fixed(v, bytes, size), 0);
}

static void fill(avro_value_t *v, uint64_t *rng, int depth) {
    const int64_t i = random_long(rng);
    switch (avro_value_get_type(v)) {
    case AVRO_NULL: assert_int_equal(avro_value_set_null(v), 0); break;
    case AVRO_BOOLEAN: assert_int_equal(avro_value_set_boolean(v, (int)(i & 1)), 0); break;
    case AVRO_INT32: assert_int_equal(avro_value_set_int(v, (int32_t)i), 0); break;
    case AVRO_INT64: assert_int_equal(avro_value_set_long(v, i), 0); break;
    case AVRO_FLOAT: assert_int_equal(avro_value_set_float(v, (float)i / 16), 0); break;
    case AVRO_DOUBLE: assert_int_equal(avro_value_set_double(v, (double)i / 16), 0); break;
    case AVRO_FIXED: fill_fixed(v); break;
    case AVRO_ENUM: assert_int_equal(avro_value_set_enum(v, (int)(i & 1) + 1), 0); break;
    case AVRO_BYTES:
    case AVRO_STRING: fill_text(v, rng); break;
    case AVRO_RECORD: fill_record(v, rng, depth); break;
    case AVRO_ARRAY:
    case AVRO_MAP: fill_items(v, rng, depth); break;
    case AVRO_UNION: fill_union(v, rng, depth); break;
    default: fail();
    }
}

/* ---- what is wanted -------------------------------------------------------------------- */

enum { PATHS_MAX = 400, PATH_LEN = 200 };

struct wanted {
    uint64_t rng;
    uint32_t n;
    char paths[PATHS_MAX][PATH_LEN];
};

static bool scalar(avro_schema_t s) {
    bool yes = !is_avro_record(s) && !is_avro_array(s) && !is_avro_map(s) && !is_avro_link(s);
    for (size_t i = 0; is_avro_union(s) && i < avro_schema_union_size(s); i++) {
        yes = yes && scalar(avro_schema_union_branch(s, (int)i));
    }
    return yes;
}

static avro_schema_t behind(avro_schema_t s) {
    return is_avro_link(s) ? avro_schema_link_target(s) : s;
}

static void want(struct wanted *w, const char *path) {
    if (w->n < PATHS_MAX && strlen(path) < PATH_LEN && rnd(&w->rng, 4)) {
        strcpy(w->paths[w->n++], path);
    }
}

/* The path of a branch: a record's name is left out where it is the only one. */
static void branch_path(avro_schema_t u, size_t i, const char *path, char *out, size_t size) {
    avro_schema_t b = behind(avro_schema_union_branch(u, (int)i));
    uint32_t records = 0;
    for (size_t k = 0; k < avro_schema_union_size(u); k++) {
        records += is_avro_record(behind(avro_schema_union_branch(u, (int)k)));
    }
    const bool named = is_avro_record(b) && records > 1;
    snprintf(out, size, "%s%s%s", path, named ? "." : "", named ? avro_schema_name(b) : "");
}

static void want_all(struct wanted *w, avro_schema_t s, const char *path, int depth) {
    char deeper[512];
    s = behind(s);
    if (scalar(s)) {
        want(w, path);
    } else if (depth == 0) {
        return;
    } else if (is_avro_record(s)) {
        for (size_t i = 0; i < avro_schema_record_size(s); i++) {
            snprintf(deeper, sizeof deeper, "%s%s%s", path, *path ? "." : "",
                     avro_schema_record_field_name(s, (int)i));
            want_all(w, avro_schema_record_field_get_by_index(s, (int)i), deeper, depth - 1);
        }
    } else if (is_avro_union(s)) {
        for (size_t i = 0; i < avro_schema_union_size(s); i++) {
            branch_path(s, i, path, deeper, sizeof deeper);
            if (!scalar(avro_schema_union_branch(s, (int)i))) {
                want_all(w, avro_schema_union_branch(s, (int)i), deeper, depth - 1);
            }
        }
    } else {
        snprintf(deeper, sizeof deeper, "%s%s", path, is_avro_map(s) ? "{}" : "[]");
        want(w, deeper);
        avro_schema_t items =
            is_avro_map(s) ? avro_schema_map_values(s) : avro_schema_array_items(s);
        if (!scalar(behind(items))) {
            want_all(w, items, deeper, depth - 1);
        }
    }
}

static uint32_t tag_of(const struct wanted *w, const char *path) {
    for (uint32_t i = 0; i < w->n; i++) {
        if (strcmp(w->paths[i], path) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* Is this array or map on the way to anything? */
static bool on_the_way(const struct wanted *w, const char *path) {
    for (uint32_t i = 0; i < w->n; i++) {
        if (strncmp(w->paths[i], path, strlen(path)) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the tape that is expected ---------------------------------------------------------- */

static void expect(struct text *t, const struct wanted *w, avro_value_t *v, const char *path);

static void expect_text(struct text *t, const char *text, size_t len) {
    add(t, "\"");
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        add(t, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    add(t, "\"");
}

static void expect_scalar(struct text *t, avro_value_t *v) {
    int i = 0;
    int64_t l = 0;
    float f = 0.0F;
    double d = 0.0;
    const void *bytes = NULL;
    const char *text = NULL;
    size_t len = 0;
    switch (avro_value_get_type(v)) {
    case AVRO_NULL: add(t, "null"); break;
    case AVRO_BOOLEAN:
        avro_value_get_boolean(v, &i);
        add(t, "%s", i ? "true" : "false");
        break;
    case AVRO_INT32:
        avro_value_get_int(v, &i);
        add(t, "%d", i);
        break;
    case AVRO_INT64:
        avro_value_get_long(v, &l);
        add(t, "%lld", (long long)l);
        break;
    case AVRO_FLOAT:
        avro_value_get_float(v, &f);
        add(t, "%.17gd", (double)f);
        break;
    case AVRO_DOUBLE:
        avro_value_get_double(v, &d);
        add(t, "%.17gd", d);
        break;
    case AVRO_FIXED:
        avro_value_get_fixed(v, &bytes, &len);
        expect_text(t, bytes, len);
        break;
    case AVRO_BYTES:
        avro_value_get_bytes(v, &bytes, &len);
        expect_text(t, bytes, len);
        break;
    case AVRO_STRING:
        avro_value_get_string(v, &text, &len);
        expect_text(t, text, len - 1);
        break;
    case AVRO_ENUM:
        avro_value_get_enum(v, &i);
        add(t, "%s", avro_schema_enum_get(avro_value_get_schema(v), i));
        break;
    default: fail();
    }
}

static const char *space(const struct text *t) {
    return t->n ? " " : "";
}

static void expect_union(struct text *t, const struct wanted *w, avro_value_t *v,
                         const char *path) {
    avro_value_t value;
    int branch = 0;
    assert_int_equal(avro_value_get_current_branch(v, &value), 0);
    assert_int_equal(avro_value_get_discriminant(v, &branch), 0);
    avro_schema_t s = avro_value_get_schema(v);
    if (scalar(s)) {
        if (tag_of(w, path)) {
            add(t, "%s%u:", space(t), (unsigned)tag_of(w, path));
            expect_scalar(t, &value);
        }
    } else if (!scalar(avro_schema_union_branch(s, branch))) {
        char deeper[512];
        branch_path(s, (size_t)branch, path, deeper, sizeof deeper);
        expect(t, w, &value, deeper);
    }
}

static void expect_items(struct text *t, const struct wanted *w, avro_value_t *v,
                         const char *path) {
    char deeper[512];
    const bool map = avro_value_get_type(v) == AVRO_MAP;
    snprintf(deeper, sizeof deeper, "%s%s", path, map ? "{}" : "[]");
    if (!on_the_way(w, deeper)) {
        return;
    }
    size_t n = 0;
    avro_value_get_size(v, &n);
    const unsigned tag = tag_of(w, deeper);
    for (size_t i = 0; i < n; i++) {
        avro_value_t item;
        const char *key = "";
        avro_value_get_by_index(v, i, &item, map ? &key : NULL);
        add(t, "%s%u:%s%s", space(t), tag, map ? "{" : "[", key);
        expect(t, w, &item, deeper);
    }
    add(t, "%s%u:]", space(t), tag);
}

static void expect(struct text *t, const struct wanted *w, avro_value_t *v, const char *path) {
    const avro_type_t type = avro_value_get_type(v);
    if (type == AVRO_UNION) {
        expect_union(t, w, v, path);
    } else if (type == AVRO_ARRAY || type == AVRO_MAP) {
        expect_items(t, w, v, path);
    } else if (type != AVRO_RECORD) {
        if (tag_of(w, path)) {
            add(t, "%s%u:", space(t), (unsigned)tag_of(w, path));
            expect_scalar(t, v);
        }
    } else {
        size_t n = 0;
        avro_value_get_size(v, &n);
        for (size_t i = 0; i < n; i++) {
            char deeper[512];
            avro_value_t field;
            const char *name = NULL;
            avro_value_get_by_index(v, i, &field, &name);
            snprintf(deeper, sizeof deeper, "%s%s%s", path, *path ? "." : "", name);
            expect(t, w, &field, deeper);
        }
    }
}

/* ---- the test -------------------------------------------------------------------------- */

/* Values of one schema; returns how many decoded values were compared. */
static size_t try_schema(const struct writer *w, uint64_t *rng) {
    static struct wanted wanted;
    static struct text paths;
    static struct text expected;
    avro_schema_t schema = NULL;
    assert_int_equal(avro_schema_from_json_length(w->json.buf, w->json.n, &schema), 0);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    wanted.rng = *rng;
    wanted.n = 0;
    want_all(&wanted, schema, "", 6);
    paths.n = 0;
    paths.buf[0] = '\0';
    for (uint32_t i = 0; i < wanted.n; i++) {
        add(&paths, "%s%s", i ? " " : "", wanted.paths[i]);
    }
    size_t compared = 0;
    for (int k = 0; k < 4; k++) {
        avro_value_t v;
        static char body[1 << 16];
        assert_int_equal(avro_generic_value_new(class, &v), 0);
        fill(&v, rng, 6);
        avro_writer_t writer = avro_writer_memory(body, sizeof body);
        assert_int_equal(avro_value_write(writer, &v), 0);
        expected.n = 0;
        expected.buf[0] = '\0';
        expect(&expected, &wanted, &v, "");
        const char *got =
            decoding_same(w->json.buf, paths.buf, body, (size_t)avro_writer_tell(writer));
        if (strcmp(got, expected.buf) != 0) {
            fail_msg("seed %llu:\n%s\n%s\n%s\n%s", (unsigned long long)w->seed, w->json.buf,
                     paths.buf, got, expected.buf);
        }
        for (const char *c = expected.buf; *c; c++) {
            compared += *c == ':';
        }
        avro_writer_free(writer);
        avro_value_decref(&v);
    }
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    return compared;
}

static void whatever_avro_c_writes_is_on_the_tape(void **state) {
    (void)state;
    static struct writer w;
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        w.seed = seed;
        w.rng = seed * 0x9e3779b97f4a7c15U;
        w.json.n = w.n_names = 0;
        random_record(&w, 4);
        compared += try_schema(&w, &w.rng);
    }
    printf("seeds 1 to 1500: %zu values compared\n", compared);
    assert_true(compared > 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_avro_c_writes_is_on_the_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
