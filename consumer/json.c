/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c -- see json.h. The only file that knows jansson.
 */
#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* A struct json is a json_t; jansson's iterators take no const one, but change nothing. */
static json_t *inner(const struct json *v) {
    return (json_t *)(uintptr_t)v;
}

static const struct json *outer(const json_t *v) {
    return (const struct json *)v;
}

static enum status refused(const char *text, const char *at, const char *why, char *err,
                           size_t err_len) {
    size_t line = 1;
    const char *start = text;
    for (const char *p = text; p < at; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    }
    snprintf(err, err_len, "line %zu, column %zu: %s", line, (size_t)(at - start) + 1, why);
    return ST_INVALID;
}

/* What jansson shall not see: it recurses, and 2.14 takes a zero byte for the end of a number. */
static enum status measure(const char *text, size_t len, char *err, size_t err_len) {
    if (len > JSON_BYTES_MAX) {
        snprintf(err, err_len, "longer than %d bytes", (int)JSON_BYTES_MAX);
        return ST_INVALID;
    }
    size_t depth = 0;
    size_t nests = 0;
    bool quoted = false;
    for (const char *p = text; p < text + len; p++) {
        const char c = *p;
        if (c == '\0') {
            return refused(text, p, "a zero byte", err, err_len);
        }
        if (quoted) {
            quoted = c != '"';
            p += c == '\\' && text + len - p > 1 && p[1] != '\0';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX) {
                return refused(text, p, "nested too deeply", err, err_len);
            }
            if (++nests > JSON_NESTS_MAX) {
                return refused(text, p, "too many lists and objects", err, err_len);
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return ST_OK;
}

enum status json_parse(const char *text, size_t len, struct json **out, char *err, size_t err_len) {
    enum status st = measure(text, len, err, err_len);
    if (st) {
        return st;
    }
    json_error_t why = {0};
    errno = 0;
    json_t *root =
        json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (root) {
        *out = (struct json *)root;
        return ST_OK;
    }
    /* Without memory jansson speaks of a bad token, or says nothing at all. */
    if (errno == ENOMEM || why.text[0] == '\0' ||
        json_error_code(&why) == json_error_out_of_memory) {
        snprintf(err, err_len, "out of memory");
        return ST_NOMEM;
    }
    snprintf(err, err_len, "line %d, column %d: %s", why.line, why.column, why.text);
    json_printable(err, err_len);
    return ST_INVALID;
}

void json_free(struct json *root) {
    json_decref(inner(root));
}

enum json_kind json_kind(const struct json *v) {
    if (!v) {
        return JSON_NONE;
    }
    switch (json_typeof(inner(v))) {
    case JSON_OBJECT: return JSON_TABLE;
    case JSON_ARRAY: return JSON_LIST;
    case JSON_STRING: return JSON_TEXT;
    case JSON_INTEGER: return JSON_WHOLE;
    case JSON_REAL: return JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE: return JSON_BOOLEAN;
    case JSON_NULL: return JSON_NULL_VALUE;
    }
    return JSON_NONE;
}

/* Of no list and no object, and of NULL, jansson says 0 elements and NULL as well. */

size_t json_n(const struct json *v) {
    return json_kind(v) == JSON_LIST ? json_array_size(inner(v)) : json_object_size(inner(v));
}

const struct json *json_at(const struct json *list, size_t i) {
    return outer(json_array_get(inner(list), i));
}

const struct json *json_get(const struct json *table, const char *key) {
    return outer(json_object_get(inner(table), key));
}

const struct json *json_next(const struct json *table, void **iter, const char **key) {
    json_t *object = inner(table);
    *iter = *iter ? json_object_iter_next(object, *iter) : json_object_iter(object);
    if (!*iter) {
        return NULL;
    }
    *key = json_object_iter_key(*iter);
    return outer(json_object_iter_value(*iter));
}

const char *json_text(const struct json *v, size_t *len) {
    const char *text = json_string_value(inner(v));
    const size_t n = json_string_length(inner(v));
    if (len) {
        *len = n;
        return text;
    }
    return text && strlen(text) == n ? text : NULL;
}

bool json_whole(const struct json *v, int64_t *out) {
    if (json_kind(v) != JSON_WHOLE) {
        return false;
    }
    *out = json_integer_value(inner(v));
    return true;
}

bool json_number(const struct json *v, double *out) {
    if (json_kind(v) != JSON_WHOLE && json_kind(v) != JSON_NUMBER) {
        return false;
    }
    *out = json_number_value(inner(v));
    return true;
}

bool json_flag(const struct json *v, bool *out) {
    if (json_kind(v) != JSON_BOOLEAN) {
        return false;
    }
    *out = json_is_true(inner(v));
    return true;
}

char *json_print(const struct json *v) {
    return json_dumps(inner(v), JSON_COMPACT | JSON_ENCODE_ANY);
}

char *json_quote(const char *text, size_t len) {
    json_t *v = json_stringn(text, len);
    char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
    json_decref(v);
    return quoted;
}

void json_printable(char *text, size_t size) {
    for (size_t i = 0; i < size && text[i]; i++) {
        text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
}
