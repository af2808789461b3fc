/* SPDX-License-Identifier: Apache-2.0
 * published.c -- see published.h. */
#include "published.h"

#include <string.h>

#include "json.h"
#include "rec.h"

enum { ERR_MAX = 128 };

void published_read(const struct config *cfg, const char *value, size_t len,
                    struct published *out) {
    struct json *root = NULL;
    char err[ERR_MAX];
    uint64_t seq = 0;
    *out = (struct published){.known = false};
    for (size_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        out->offsets[k] = -1;
    }
    if (rec_version(value, len, &out->epoch, &seq) ||
        json_parse(value, len, &root, err, sizeof err)) {
        return; /* not even that, or not the rest */
    }
    const struct json *offsets = json_get(root, "offsets");
    out->known = json_kind(offsets) == JSON_TABLE;
    for (uint32_t t = 0; out->known && t < cfg->n_topics; t++) {
        int64_t offset = -1;
        if (json_whole(json_get(offsets, cfg->topics[t].name), &offset) && offset >= 0) {
            out->offsets[t] = offset;
        }
    }
    (void)json_whole(json_get(root, "refreshed"), &out->refreshed_ms);
    json_free(root);
}

static int64_t offset_of(const struct published *p, const struct config *cfg, const char *topic) {
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        if (strcmp(cfg->topics[t].name, topic) == 0) {
            return p->offsets[t];
        }
    }
    return INT64_MAX; /* a topic that is not read any more: its lists are as old as they were */
}

bool published_covers(const struct published *p, const struct config *cfg,
                      const struct state_task *t) {
    if (!p->known || t->epoch > p->epoch) {
        return false;
    }
    for (uint32_t k = 0; k < t->n_topics; k++) {
        if (t->topics[k].next > 0 && t->topics[k].next > offset_of(p, cfg, t->topics[k].topic)) {
            return false;
        }
    }
    return true;
}
