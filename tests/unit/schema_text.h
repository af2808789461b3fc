/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_text.h -- schemas as the tests write them: with ' for ", so that one can read them.
 *
 * For test programs; included behind <cmocka.h>.
 */
#ifndef SCHEMA_TEXT_H
#define SCHEMA_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "schema.h"

#define RECORD(fields)      "{'type':'record','name':'R','fields':[" fields "]}"
#define FIELD(type, value)  RECORD("{'name':'f','type':" type ",'default':" value "}")
#define FIXED(name, size)   "{'type':'fixed','name':'" name "','size':" size "}"
#define ENUM(name, symbols) "{'type':'enum','name':'" name "','symbols':[" symbols "]}"

/* Parses a copy that ends exactly where the text does, so that ASan sees a read beyond. */
static inline enum status parse(const char *text, struct schema **out, char *err, size_t err_len) {
    const size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    for (size_t i = 0; i < len; i++) {
        exact[i] = text[i] == '\'' ? '"' : text[i];
    }
    enum status st = schema_parse(exact, len, out, err, err_len);
    free(exact);
    return st;
}

static inline struct schema *parsed(const char *text) {
    struct schema *s = NULL;
    char err[1024] = "";
    if (parse(text, &s, err, sizeof err) != ST_OK) {
        fail_msg("%s: %s", text, err);
    }
    return s;
}

static inline void refused(const char *text, const char *why) {
    struct schema *out = (struct schema *)(uintptr_t)16;
    char err[1024] = "";
    enum status st = parse(text, &out, err, sizeof err);
    if (st != ST_INVALID || !strstr(err, why) || err[0] == '\0') {
        fail_msg("%.200s: status %d, \"%s\", not \"%s\"", text, (int)st, err, why);
    }
    assert_int_equal((uintptr_t)out, 16);
}

/* Of a field of the root. */
static inline const struct schema_node *field_type(const struct schema *s, const char *name) {
    const struct schema_field *f = schema_field(s, 0, name);
    assert_non_null(f);
    return &s->nodes[f->node];
}

#endif
