/* SPDX-License-Identifier: Apache-2.0
 * demo_list.c -- see demo_list.h. */
#include "demo_list.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

/* False if it is no string, or too long to be what we look for. */
static bool copy_text(const struct json *value, char *out, size_t room) {
    const char *text = json_text(value, NULL);
    if (!text || strlen(text) >= room) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_items(const struct json *items, struct demo_list *out) {
    const size_t n = json_n(items);
    out->n = 0;
    for (size_t k = 0; k < n && k < CONFIG_LIST_MAX; k++) {
        const struct json *item = json_at(items, k);
        struct demo_list_item *to = &out->items[k];
        if (!copy_text(json_get(item, "id"), to->id, sizeof to->id) ||
            !copy_text(json_get(item, "reason"), to->reason, sizeof to->reason)) {
            return false;
        }
        out->n++;
    }
    return json_kind(items) == JSON_LIST;
}

static bool read_list(const struct json *root, struct demo_list *out) {
    const struct json *version = json_get(root, "version");
    int64_t epoch = 0;
    int64_t seq = 0;
    if (!json_whole(json_at(version, 0), &epoch) || !json_whole(json_at(version, 1), &seq) ||
        !json_whole(json_get(root, "ts"), &out->ts_ms)) {
        return false;
    }
    int64_t segment = -1;
    (void)json_whole(json_get(root, "segment"), &segment); /* null: none */
    out->segment = segment >= 0 && segment <= INT32_MAX ? (int32_t)segment : -1;
    out->epoch = (uint64_t)epoch;
    out->seq = (uint64_t)seq;
    return read_items(json_get(root, "items"), out);
}

enum status demo_list_read(const char *value, size_t len, struct demo_list *out) {
    char err[128];
    struct json *root = NULL;
    struct demo_list list;
    const bool ok = !json_parse(value, len, &root, err, sizeof err) && read_list(root, &list);
    json_free(root);
    if (!ok) {
        return ST_INVALID;
    }
    *out = list;
    return ST_OK;
}

bool demo_list_has(const struct demo_list *l, const char *id) {
    for (uint32_t k = 0; k < l->n; k++) {
        if (strcmp(l->items[k].id, id) == 0) {
            return true;
        }
    }
    return false;
}

bool demo_list_same(const struct demo_list *a, const struct demo_list *b) {
    return a->epoch == b->epoch && a->seq == b->seq;
}
