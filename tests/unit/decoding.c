/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.c -- see decoding.h.
 */
#include "decoding.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

enum { PATHS_MAX = 512 };

static char out[1 << 20];
static size_t out_n;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(out + out_n, sizeof out - out_n, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof out - out_n) {
        abort();
    }
    out_n += (size_t)n;
}

static void say_text(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        say(c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
}

static void say_value(const struct value *v) {
    say("%s%u:", out_n ? " " : "", (unsigned)v->tag);
    switch ((enum value_type)v->type) {
    case VALUE_NULL: say("null"); break;
    case VALUE_BOOLEAN: say("%s", v->i == 1 ? "true" : v->i == 0 ? "false" : "?"); break;
    case VALUE_LONG: say("%lld", (long long)v->i); break;
    case VALUE_DOUBLE: say("%.17gd", v->d); break;
    case VALUE_TEXT:
        say("\"");
        say_text(v->text, v->len);
        say("\"");
        break;
    case VALUE_SYMBOL: say_text(v->text, v->len); break;
    case VALUE_ITEM: say("["); break;
    case VALUE_KEY:
        say("{");
        say_text(v->text, v->len);
        break;
    case VALUE_END: say("]"); break;
    }
}

static struct schema *parsed(const char *text) {
    struct schema *s = NULL;
    char err[256] = "";
    char *json = strdup(text);
    if (!json) {
        abort();
    }
    for (char *c = json; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    if (schema_parse(json, strlen(json), &s, err, sizeof err) != ST_OK) {
        fprintf(stderr, "%s: %s\n", json, err);
        abort();
    }
    free(json);
    return s;
}

static void run(const struct decoder *d, const void *body, size_t len) {
    static struct tape tape;
    uint8_t *exact = NULL;
    for (size_t n = len;; n--) {
        free(exact);
        exact = malloc(n ? n : 1);
        if (!exact) {
            abort();
        }
        memcpy(exact, body, n);
        const enum decode_error e = decode(d, exact, n, &tape);
        if (!e && decoder_unreadable(d)) {
            fprintf(stderr, "read, although %s\n", decoder_unreadable(d));
            abort();
        }
        if (n == len && e) {
            say("error: %s", decode_error_str(e));
            break;
        }
        for (uint32_t i = 0; n == len && i < tape.n; i++) {
            say_value(&tape.values[i]);
        }
        if (n < len && e != DECODE_SHORT) {
            fprintf(stderr, "%zu of %zu bytes: %s\n", n, len, decode_error_str(e));
            abort();
        }
        if (n == 0 || n + 200 < len) {
            break;
        }
    }
    free(exact);
}

/* A decoder and the reader's schema, which it needs; or NULL, and why is said. */
static struct decoder *compiled(const char *writer, const char *reader, const char *paths,
                                bool any_root, struct schema **r) {
    struct want wants[PATHS_MAX];
    static char names[65536];
    char err[512] = "";
    struct schema *w = parsed(writer);
    *r = parsed(reader);
    struct decoder_spec spec = {.writer = w, .reader = *r, .wants = wants, .any_root = any_root};
    if ((size_t)snprintf(names, sizeof names, "%s", paths) >= sizeof names) {
        abort();
    }
    char *save = NULL;
    for (char *p = strtok_r(names, " ", &save); p && spec.n_wants < PATHS_MAX;
         p = strtok_r(NULL, " ", &save)) {
        wants[spec.n_wants] =
            (struct want){strcmp(p, ".") == 0 ? "" : p, (uint16_t)(spec.n_wants + 1)};
        spec.n_wants++;
    }
    struct decoder *d = NULL;
    out_n = 0;
    out[0] = '\0';
    const enum status st = decoder_new(&spec, &d, err, sizeof err);
    schema_free(w);                   /* the writer's is needed no longer, */
    memset(names, 'x', sizeof names); /* nor are the paths */
    if (st) {
        say("%s: %s", st == ST_INVALID ? "refused" : status_str(st), err);
    }
    return d;
}

static const char *decoded(const char *writer, const char *reader, const char *paths, bool any_root,
                           const void *body, size_t len) {
    struct schema *r = NULL;
    struct decoder *d = compiled(writer, reader, paths, any_root, &r);
    if (d) {
        run(d, body, len);
    }
    decoder_free(d);
    schema_free(r);
    return out;
}

const char *decoding_unreadable(const char *writer, const char *reader, const char *paths) {
    struct schema *r = NULL;
    struct decoder *d = compiled(writer, reader, paths, false, &r);
    if (d && decoder_unreadable(d)) {
        say("%s", decoder_unreadable(d));
    }
    decoder_free(d);
    schema_free(r);
    return out;
}

const char *decoding(const char *writer, const char *reader, const char *paths, const void *body,
                     size_t len) {
    return decoded(writer, reader, paths, false, body, len);
}

const char *decoding_any_root(const char *writer, const char *reader, const char *paths,
                              const void *body, size_t len) {
    return decoded(writer, reader, paths, true, body, len);
}

const char *decoding_same(const char *schema, const char *paths, const void *body, size_t len) {
    return decoded(schema, schema, paths, false, body, len);
}
