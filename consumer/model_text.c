/* SPDX-License-Identifier: Apache-2.0
 * model_text.c -- see model_text.h. The room is added up first, so nobody checks for it. */
#include "model_text.h"

#include <stdlib.h>
#include <string.h>

#include "put.h"

enum {
    HEX = 16,
    HEX_MAX = HEX + 3, /* with quotes and a comma */
    HEAD_MAX = 256 + (9 + POP_CLOCKS) * PUT_NUMBER_MAX + (DIGEST_PARTS + 1) * (HEX_MAX + 16),
    ITEM_MAX = PUT_ESCAPE_MAX * ID_LEN_MAX + PUT_NUMBER_MAX + POP_CLOCKS * HEX_MAX + 64,
    DOMAIN_MAX = PUT_ESCAPE_MAX * CONFIG_NAME_MAX + PUT_NUMBER_MAX + 64,
};

struct seller {
    const char *id;
    size_t id_len;
    uint32_t count, item;
};

static char *put_hex(char *p, uint64_t v) {
    static const char digits[] = "0123456789abcdef";
    *p++ = '"';
    for (int k = HEX - 1; k >= 0; k--) {
        *p++ = digits[(v >> (4 * k)) & 15];
    }
    *p++ = '"';
    return p;
}

static char *put_name(char *p, const char *name) {
    return put_text(put_string(p, name, strlen(name)), ":");
}

/* ---- items that are taken most ------------------------------------------------------------- */

static int by_takes(const void *a, const void *b) {
    const struct seller *x = a;
    const struct seller *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    const int order = memcmp(x->id, y->id, x->id_len < y->id_len ? x->id_len : y->id_len);
    return order ? order : (x->id_len > y->id_len) - (x->id_len < y->id_len);
}

/* All items of a domain that were taken and have a name, in order. */
static uint32_t sort_domain(const struct shared *s, uint8_t domain, struct seller *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        struct seller *x = &out[n];
        if (items_domain(s->items, i) != domain || !items_named(s->items, i)) {
            continue;
        }
        x->count = popularity_hot(s->popularity)[i].count;
        x->item = i;
        x->id = items_id(s->items, i, &x->id_len);
        n += x->count > 0;
    }
    qsort(out, n, sizeof *out, by_takes);
    return n;
}

static char *put_item(char *p, const struct shared *s, const struct seller *x) {
    p = put_string(put_text(p, "{\"item\":"), x->id, x->id_len);
    p = put_u64(put_text(p, ",\"takes\":"), x->count);
    p = put_text(p, ",\"counts\":[");
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        p = put_text(p, clock > 0 ? "," : "");
        p = put_hex(p, (uint64_t)popularity_count(s->popularity, x->item, clock));
    }
    return put_text(p, "]}");
}

static char *put_domains(char *p, const struct model_state *m, struct seller *scratch) {
    p = put_text(p, ",\"domains\":{");
    for (uint32_t d = 0; d < m->cfg->n_domains; d++) {
        const uint32_t n = sort_domain(m->shared, (uint8_t)d, scratch);
        p = put_name(put_text(p, d > 0 ? "," : ""), m->cfg->domains[d].name);
        p = put_text(p, "{\"events\":");
        p = put_u64(p, popularity_events(m->shared->popularity, (uint8_t)d));
        p = put_text(p, ",\"top\":[");
        for (uint32_t k = 0; k < n && k < m->top; k++) {
            p = put_item(put_text(p, k > 0 ? "," : ""), m->shared, &scratch[k]);
        }
        p = put_text(p, "]}");
    }
    return put_text(p, "}");
}

/* ---- the whole ----------------------------------------------------------------------------- */

static char *put_head(char *p, const struct model_state *m) {
    p = put_text(put_text(p, "{\"ready\":"), m->ready ? "true" : "false");
    p = put_number(put_text(p, ",\"progress\":"), m->progress);
    p = put_i64(put_text(p, ",\"lag_ms\":"), m->lag_ms);
    p = put_u64(put_text(p, ",\"tasks\":"), m->tasks);
    p = put_u64(put_text(p, ",\"position\":"), m->digest.position);
    p = put_u64(put_text(p, ",\"pending\":"), m->digest.pending);
    return put_u64(put_text(p, ",\"pending_bytes\":"), m->pending_bytes);
}

static char *put_digests(char *p, const struct model_state *m) {
    p = put_u64(put_text(p, ",\"events\":"), m->digest.events);
    p = put_u64(put_text(p, ",\"items\":"), m->digest.items);
    p = put_text(p, ",\"landmarks\":[");
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        p = put_text(p, clock > 0 ? "," : "");
        p = put_i64(p, popularity_landmark(m->shared->popularity, clock));
    }
    p = put_hex(put_text(p, "],\"digests\":{\"all\":"), m->digest.all);
    for (int part = 0; part < DIGEST_PARTS; part++) {
        p = put_name(put_text(p, ","), learner_part_str((enum learner_part)part));
        p = put_hex(p, m->digest.parts[part]);
    }
    return put_text(p, "}");
}

char *model_text(const struct model_state *m) {
    const size_t n_items = m->shared->n_items;
    const size_t shown = n_items < m->top ? n_items : m->top;
    const size_t domains = m->ready ? m->cfg->n_domains : 0;
    struct seller *scratch = malloc((n_items + 1) * sizeof *scratch);
    char *text = malloc(HEAD_MAX + domains * (DOMAIN_MAX + shown * ITEM_MAX));
    if (text && scratch) {
        char *p = put_head(text, m);
        if (m->ready) {
            p = put_domains(put_digests(p, m), m, scratch);
        }
        *put_text(p, "}\n") = '\0';
    } else {
        free(text);
        text = NULL;
    }
    free(scratch);
    return text;
}
