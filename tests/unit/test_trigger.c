/* SPDX-License-Identifier: Apache-2.0
 *
 * test_trigger.c -- records of triggers beside avro-c with the shipped schema; fields of entries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <avro.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shipped.h"
#include "trigger.h"

enum { WIRE_HEAD = 5 };

static struct trigger whole(void) {
    return (struct trigger){.id = {.ms = 1764115200123, .seq = 4},
                            .partition = 17,
                            .kind = TRIGGER_TOP_SCORE,
                            .ts_ms = 1764115190000,
                            .expires_ms = 1764201590000,
                            .score = -1.25,
                            .name = trigger_text("hot"),
                            .target = trigger_text("course"),
                            .user = trigger_text("u\xc3\xa9"),
                            .domain = trigger_text("food"),
                            .item = trigger_text("c-9"),
                            .category = trigger_text("soup"),
                            .from = trigger_text("new"),
                            .to = trigger_text("returning")};
}

static struct trigger bare(void) {
    struct trigger t = whole();
    t.kind = TRIGGER_FIRST_PURCHASE;
    t.score = (double)NAN;
    t.domain = t.item = t.category = t.from = t.to = (struct trigger_text){0};
    return t;
}

static struct pack written(const struct trigger *t) {
    struct pack p = {0};
    trigger_write(t, &p);
    assert_false(p.failed);
    return p;
}

/* ---- beside avro-c -----------------------------------------------------------------------------
 */

static avro_value_t field(const avro_value_t *record, const char *name) {
    avro_value_t v = {0};
    assert_int_equal(avro_value_get_by_name(record, name, &v, NULL), 0);
    return v;
}

static void assert_text(const avro_value_t *record, const char *name, const char *expected) {
    avro_value_t v = field(record, name);
    const char *s = NULL;
    size_t len = 0;
    assert_int_equal(avro_value_get_string(&v, &s, &len), 0);
    assert_string_equal(s, expected);
}

/* Of a union of null and something. */
static void assert_optional(const avro_value_t *record, const char *name, const char *expected) {
    avro_value_t v = field(record, name);
    avro_value_t branch;
    int which = -1;
    const char *s = NULL;
    size_t len = 0;
    assert_int_equal(avro_value_get_discriminant(&v, &which), 0);
    assert_int_equal(which, expected ? 1 : 0);
    if (expected) {
        assert_int_equal(avro_value_get_current_branch(&v, &branch), 0);
        assert_int_equal(avro_value_get_string(&branch, &s, &len), 0);
        assert_string_equal(s, expected);
    }
}

static void assert_long(const avro_value_t *record, const char *name, int64_t expected) {
    avro_value_t v = field(record, name);
    int64_t x = 0;
    assert_int_equal(avro_value_get_long(&v, &x), 0);
    assert_int_equal(x, expected);
}

static void read_by_avro(const struct pack *p, avro_schema_t schema, avro_value_t *out) {
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_generic_value_new(iface, out);
    avro_reader_t reader =
        avro_reader_memory((const char *)p->bytes + WIRE_HEAD, (int64_t)(p->len - WIRE_HEAD));
    assert_int_equal(avro_value_read(reader, out), 0);
    char rest;
    assert_int_not_equal(avro_read(reader, &rest, 1), 0); /* nothing is left */
    avro_reader_free(reader);
    avro_value_iface_decref(iface);
}

static void a_record_is_what_avro_reads_with_the_shipped_schema(void **state) {
    (void)state;
    avro_schema_t schema;
    const char *json = shipped_trigger();
    assert_int_equal(avro_schema_from_json_length(json, strlen(json), &schema), 0);
    for (int k = 0; k < 2; k++) {
        const struct trigger t = k ? bare() : whole();
        struct pack p = written(&t);
        static const uint8_t head[WIRE_HEAD] = {0, 0, 0, 0, 11};
        assert_memory_equal(p.bytes, head, sizeof head);
        avro_value_t v;
        read_by_avro(&p, schema, &v);
        assert_text(&v, "trigger_id", "17-1764115200123-4");
        assert_text(&v, "entry_id", "1764115200123-4");
        assert_text(&v, "name", "hot");
        assert_text(&v, "target", "course");
        assert_text(&v, "user", "u\xc3\xa9");
        assert_long(&v, "ts", 1764115190000);
        assert_long(&v, "expires_at", 1764201590000);
        int kind = -1;
        avro_value_t e = field(&v, "kind");
        assert_int_equal(avro_value_get_enum(&e, &kind), 0);
        assert_int_equal(kind, t.kind);
        assert_optional(&v, "domain", k ? NULL : "food");
        assert_optional(&v, "item_id", k ? NULL : "c-9");
        assert_optional(&v, "category", k ? NULL : "soup");
        assert_optional(&v, "from", k ? NULL : "new");
        assert_optional(&v, "to", k ? NULL : "returning");
        avro_value_t score = field(&v, "score");
        int which = -1;
        assert_int_equal(avro_value_get_discriminant(&score, &which), 0);
        assert_int_equal(which, k ? 0 : 1);
        avro_value_decref(&v);
        free(p.bytes);
    }
    avro_schema_decref(schema);
}

static void the_kinds_are_the_symbols_of_the_schema(void **state) {
    (void)state;
    for (int k = 0; k < TRIGGER_KINDS; k++) {
        char symbol[32];
        const char *name = trigger_kind_str((enum trigger_kind)k);
        size_t n = 0;
        for (; name[n]; n++) {
            symbol[n] = name[n] == '_' ? '_' : (char)(name[n] - 'a' + 'A');
        }
        symbol[n] = '\0';
        assert_non_null(strstr(shipped_trigger(), symbol));
    }
}

/* ---- reading back -------------------------------------------------------------------------------
 */

static void assert_same(struct trigger_text a, struct trigger_text b) {
    assert_true((a.s == NULL) == (b.s == NULL));
    assert_int_equal(a.len, b.len);
    if (a.s) {
        assert_memory_equal(a.s, b.s, a.len);
    }
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct trigger t = k ? bare() : whole();
        struct pack p = written(&t);
        struct trigger back;
        assert_int_equal(trigger_read(p.bytes, p.len, &back), ST_OK);
        assert_int_equal(entry_id_compare(back.id, t.id), 0);
        assert_int_equal(back.partition, t.partition);
        assert_int_equal(back.kind, t.kind);
        assert_int_equal(back.ts_ms, t.ts_ms);
        assert_int_equal(back.expires_ms, t.expires_ms);
        assert_true(k ? isnan(back.score) : back.score == t.score);
        assert_same(back.name, t.name);
        assert_same(back.target, t.target);
        assert_same(back.user, t.user);
        assert_same(back.domain, t.domain);
        assert_same(back.item, t.item);
        assert_same(back.category, t.category);
        assert_same(back.from, t.from);
        assert_same(back.to, t.to);
        free(p.bytes);
    }
}

static void damaged_records_are_refused_and_change_nothing(void **state) {
    (void)state;
    const struct trigger t = whole();
    struct pack p = written(&t);
    struct trigger out = {.partition = 99};
    for (size_t len = 0; len < p.len; len++) {
        assert_int_equal(trigger_read(p.bytes, len, &out), ST_INVALID);
    }
    pack_u8(&p, 0);
    assert_int_equal(trigger_read(p.bytes, p.len, &out), ST_INVALID);
    p.len--;
    p.bytes[4] = 12;
    assert_int_equal(trigger_read(p.bytes, p.len, &out), ST_RANGE); /* a later schema */
    p.bytes[4] = 11;
    p.bytes[0] = 1;
    assert_int_equal(trigger_read(p.bytes, p.len, &out), ST_INVALID);
    assert_int_equal(out.partition, 99);
    free(p.bytes);
}

static void any_bytes_are_answered(void **state) {
    (void)state;
    const struct trigger t = whole();
    struct pack p = written(&t);
    uint8_t *copy = malloc(p.len);
    assert_non_null(copy);
    uint32_t seed = 20261126;
    for (int k = 0; k < 200000; k++) {
        memcpy(copy, p.bytes, p.len);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            copy[WIRE_HEAD + seed % (p.len - WIRE_HEAD)] = (uint8_t)(seed >> 24);
        }
        struct trigger out;
        if (trigger_read(copy, p.len, &out) == ST_OK) {
            assert_true(out.kind < TRIGGER_KINDS);
            assert_true(out.user.len <= ID_LEN_MAX);
        }
    }
    free(copy);
    free(p.bytes);
}

/* ---- entries ------------------------------------------------------------------------------------
 */

static void an_entry_has_the_fields_that_are_not_null(void **state) {
    (void)state;
    struct trigger_field f[TRIGGER_FIELDS_MAX];
    char buf[TRIGGER_BUF];
    struct trigger t = whole();
    assert_int_equal(trigger_fields(&t, f, buf), 13);
    static const char *const names[] = {"trigger_id", "name",       "kind",   "target",  "user",
                                        "ts",         "expires_at", "domain", "item_id", "category",
                                        "score",      "from",       "to"};
    for (int k = 0; k < 13; k++) {
        assert_string_equal(f[k].name, names[k]);
        char quoted[64]; /* the same names as in the schema */
        snprintf(quoted, sizeof quoted, "\"name\": \"%s\"", names[k]);
        assert_non_null(strstr(shipped_trigger(), quoted));
    }
    assert_memory_equal(f[0].value, "17-1764115200123-4", f[0].len);
    assert_int_equal(f[10].len, 5);
    assert_memory_equal(f[10].value, "-1.25", 5);
    t = bare();
    assert_int_equal(trigger_fields(&t, f, buf), 7);
    t.id = (struct entry_id){.ms = UINT64_MAX, .seq = UINT64_MAX};
    t.partition = INT32_MAX;
    t.ts_ms = t.expires_ms = INT64_MIN;
    t.score = -1.23456e-300;
    (void)trigger_fields(&t, f, buf); /* asan: buf is large enough */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_what_avro_reads_with_the_shipped_schema),
        cmocka_unit_test(the_kinds_are_the_symbols_of_the_schema),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(damaged_records_are_refused_and_change_nothing),
        cmocka_unit_test(any_bytes_are_answered),
        cmocka_unit_test(an_entry_has_the_fields_that_are_not_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
