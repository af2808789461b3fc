/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_json.c -- see schema_json.h.
 */
#include "schema_json.h"

#include <string.h>

static const struct json_view nothing = {NULL, NULL};

/* From an opening quote to behind the closing one, or to the end. */
static const char *string_end(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\' && end - p > 1) {
            p++;
        }
    }
    return p < end ? p + 1 : end;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind space and the one separator that may stand here. */
static const char *skip(const char *p, const char *end, char separator) {
    while (p < end && is_space(*p)) {
        p++;
    }
    if (p < end && *p == separator) {
        p++;
    }
    while (p < end && is_space(*p)) {
        p++;
    }
    return p;
}

/* From the first character of a value to behind its last one. */
static const char *value_end(const char *p, const char *end) {
    size_t depth = 0;
    while (p < end) {
        char c = *p;
        if (c == '"') {
            p = string_end(p, end);
        } else if (c == ']' || c == '}') {
            if (depth == 0) {
                return p; /* belongs to what encloses the value */
            }
            depth--;
            p++;
        } else if (c == '[' || c == '{') {
            depth++;
            p++;
        } else if (depth == 0 && (c == ',' || is_space(c))) {
            return p;
        } else {
            p++;
            continue; /* inside a number or a word: the value goes on */
        }
        if (depth == 0) {
            return p;
        }
    }
    return end;
}

struct json_size json_measure(const char *text, size_t len) {
    struct json_size m = {0};
    const char *end = text + len;
    size_t depth = 0;
    for (const char *p = text; p < end;) {
        if (*p == '"') {
            const char *behind = string_end(p, end);
            size_t string = (size_t)(behind - p);
            m.string = string > m.string ? string : m.string;
            p = behind;
            continue;
        }
        if (*p == '[' || *p == '{') {
            m.objects += *p == '{';
            depth++;
            m.depth = depth > m.depth ? depth : m.depth;
        } else if ((*p == ']' || *p == '}') && depth > 0) {
            depth--;
        }
        p++;
    }
    return m;
}

struct json_view json_root(const char *text, size_t len) {
    const char *end = text + len;
    const char *p = skip(text, end, ' ');
    return p < end ? (struct json_view){p, value_end(p, end)} : nothing;
}

struct json_view json_member(struct json_view object, const char *key) {
    struct json_view found = nothing;
    if (!object.p || object.p >= object.end || *object.p != '{') {
        return found;
    }
    const size_t key_len = strlen(key);
    const char *p = skip(object.p + 1, object.end, ' ');
    while (p < object.end && *p == '"') {
        const char *name = p + 1;
        p = string_end(p, object.end);
        const size_t name_len = (size_t)(p - name) - 1; /* without the closing quote */
        p = skip(p, object.end, ':');
        const struct json_view value = {p, value_end(p, object.end)};
        if (name_len == key_len && memcmp(name, key, key_len) == 0) {
            found = value;
        }
        p = skip(value.end, object.end, ',');
    }
    return found;
}

struct json_view json_element(struct json_view array, struct json_view prev) {
    if (!array.p || array.p >= array.end || *array.p != '[') {
        return nothing;
    }
    const char *p = prev.p ? skip(prev.end, array.end, ',') : skip(array.p + 1, array.end, ' ');
    if (p >= array.end || *p == ']') {
        return nothing;
    }
    const char *end = value_end(p, array.end);
    return end > p ? (struct json_view){p, end} : nothing; /* no progress: not JSON */
}

bool json_string(struct json_view value, struct json_view *text) {
    if (!value.p || value.end - value.p < 2 || value.p[0] != '"' || value.end[-1] != '"') {
        return false;
    }
    const struct json_view inside = {value.p + 1, value.end - 1};
    if (memchr(inside.p, '\\', (size_t)(inside.end - inside.p))) {
        return false;
    }
    *text = inside;
    return true;
}
