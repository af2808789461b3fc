/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_answer.c -- see registry_answer.h.
 */
#include "registry_answer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 200, WHY_MAX = 160 };

/* error_code of a 404 that is an answer */
enum { SUBJECT_NOT_FOUND = 40401, VERSION_NOT_FOUND = 40402, SCHEMA_NOT_FOUND = 40403 };

void registry_answer_free(struct registry_answer *a) {
    free(a->schema);
    a->schema = NULL;
}

/* ---- answers that are errors --------------------------------------------------------------- */

static const char *hint(long status) {
    if (status == 401) {
        return "; set registry.user and registry.password";
    }
    if (status == 403) {
        return "; registry.user may not do this: give it the right in the registry";
    }
    if (status == 404) {
        return "; is the path in registry.url right? Apicurio needs /apis/ccompat/v7";
    }
    if (status / 100 == 3) {
        return "; put the address to which it leads into registry.url";
    }
    return "";
}

/* The registry's own words, on one line, cut between two characters. */
static void copy_message(const struct json *root, char buf[MESSAGE_MAX + 1]) {
    size_t len = 0;
    const char *text = json_text(json_get(root, "message"), &len);
    size_t n = len < MESSAGE_MAX ? len : MESSAGE_MAX;
    while (n > 0 && n < len && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        buf[i] = text[i];
        if ((unsigned char)text[i] < ' ' || text[i] == 127) {
            buf[i] = ' ';
        }
    }
    buf[n] = '\0';
}

static enum registry_verdict read_error(const struct json *root, struct registry_answer *out) {
    char message[MESSAGE_MAX + 1];
    int64_t code = 0;
    json_whole(json_get(root, "error_code"), &code);
    copy_message(root, message);
    const char *colon = message[0] ? ": " : "";
    if (out->status == 404 &&
        (code == SUBJECT_NOT_FOUND || code == VERSION_NOT_FOUND || code == SCHEMA_NOT_FOUND)) {
        snprintf(out->why, sizeof out->why, "it is not known there%s%s", colon, message);
        return REGISTRY_UNKNOWN;
    }
    if (out->status == 409 || out->status == 422) {
        snprintf(out->why, sizeof out->why, "refused (%ld%s)%s%s", out->status,
                 out->status == 409 ? ", incompatible with the former version" : "", colon,
                 message);
        return REGISTRY_REFUSED;
    }
    snprintf(out->why, sizeof out->why, "answers %ld%s%s%s", out->status, colon, message,
             hint(out->status));
    return REGISTRY_AWAY;
}

/* ---- answers that are none ----------------------------------------------------------------- */

static enum registry_verdict no_answer(struct registry_answer *out, const char *what) {
    snprintf(out->why, sizeof out->why,
             "answers %ld with what no schema registry says (%s); see registry.url", out->status,
             what);
    return REGISTRY_AWAY;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Whether it is an Avro schema that stands alone. */
static bool is_usable(const struct json *root, struct registry_answer *out) {
    const char *type = json_text(json_get(root, "schemaType"), NULL);
    if (type && strcmp(type, "AVRO") != 0) {
        snprintf(out->why, sizeof out->why, "the schema is %.32s, and crossrec reads AVRO", type);
        return false;
    }
    if (json_n(json_get(root, "references")) > 0) {
        snprintf(out->why, sizeof out->why,
                 "the schema has references to other subjects, which crossrec does not follow; "
                 "register it with the types written out");
        return false;
    }
    return true;
}

static bool whole_in(const struct json *v, int64_t min, int64_t max, int64_t *out) {
    return json_whole(v, out) && *out >= min && *out <= max;
}

static enum registry_verdict read_wanted(const struct json *root, unsigned wants,
                                         struct registry_answer *out) {
    int64_t id = 0;
    int64_t version = 0;
    size_t len = 0;
    const char *text = json_text(json_get(root, "schema"), &len);
    if ((wants & WANT_ID) && !whole_in(json_get(root, "id"), 0, UINT32_MAX, &id)) {
        return no_answer(out, "no id");
    }
    if ((wants & WANT_VERSION) && !whole_in(json_get(root, "version"), 1, INT_MAX, &version)) {
        return no_answer(out, "no version");
    }
    if (wants & WANT_SCHEMA) {
        if (!text || len == 0 || strlen(text) != len) {
            return no_answer(out, "no schema");
        }
        if (!is_usable(root, out)) {
            return REGISTRY_UNUSABLE;
        }
        out->schema = malloc(len + 1);
        if (!out->schema) {
            snprintf(out->why, sizeof out->why, "out of memory");
            return REGISTRY_AWAY;
        }
        memcpy(out->schema, text, len + 1);
    }
    out->id = (uint32_t)id;
    out->version = (int)version;
    return REGISTRY_OK;
}

enum registry_verdict registry_answer_read(long status, const char *body, size_t len,
                                           unsigned wants, struct registry_answer *out) {
    struct json *root = NULL;
    char why[WHY_MAX] = "";
    *out = (struct registry_answer){.status = status};
    const enum status st = json_parse(body, len, &root, why, sizeof why);
    enum registry_verdict verdict;
    if (status / 100 != 2) {
        verdict = read_error(root, out);
    } else if (st) {
        verdict = no_answer(out, st == ST_NOMEM ? status_str(st) : why);
    } else {
        verdict = read_wanted(root, wants, out);
    }
    json_free(root);
    return verdict;
}
