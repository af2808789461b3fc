/* SPDX-License-Identifier: Apache-2.0
 * demo_list.c -- see demo_list.h. The one file that includes jansson. */
#include "demo_list.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* False if it is no string, or too long to be what we look for. */
static bool copy_text(const json_t *value, char *out, size_t room) {
    const char *text = json_string_value(value);
    if (!text || strlen(text) >= room) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_items(const json_t *items, struct demo_list *out) {
    const size_t n = json_array_size(items);
    out->n = 0;
    for (size_t k = 0; k < n && k < CONFIG_LIST_MAX; k++) {
        const json_t *item = json_array_get(items, k);
        struct demo_list_item *to = &out->items[k];
        if (!copy_text(json_object_get(item, "id"), to->id, sizeof to->id) ||
            !copy_text(json_object_get(item, "reason"), to->reason, sizeof to->reason)) {
            return false;
        }
        out->n++;
    }
    return json_is_array(items);
}

static bool read_list(const json_t *root, struct demo_list *out) {
    const json_t *version = json_object_get(root, "version");
    const json_t *epoch = json_array_get(version, 0);
    const json_t *seq = json_array_get(version, 1);
    const json_t *ts = json_object_get(root, "ts");
    if (!json_is_integer(epoch) || !json_is_integer(seq) || !json_is_integer(ts)) {
        return false;
    }
    out->epoch = (uint64_t)json_integer_value(epoch);
    out->seq = (uint64_t)json_integer_value(seq);
    out->ts_ms = json_integer_value(ts);
    return read_items(json_object_get(root, "items"), out);
}

enum status demo_list_read(const char *value, size_t len, struct demo_list *out) {
    json_t *root = json_loadb(value, len, 0, NULL);
    struct demo_list list;
    const bool ok = root && read_list(root, &list);
    json_decref(root);
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
