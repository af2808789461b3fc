/* SPDX-License-Identifier: Apache-2.0
 * demo_rows.c -- see demo_rows.h. */
#include "demo_rows.h"

#include <stdlib.h>

#include "encode.h"

enum { ROW_MAX = 2048, SERVE_MS = 10 };

struct demo_rows {
    const struct config *cfg;
    struct demo_events *events;
    struct kafka_producer *producer;
    struct encoder *encoder;
};

enum status demo_rows_new(const struct config *cfg, struct demo_events *events,
                          struct kafka_producer *producer, struct demo_rows **out) {
    struct demo_rows *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    *r = (struct demo_rows){.cfg = cfg, .events = events, .producer = producer};
    const enum status st = encoder_new(READER_ITEM, shipped_id(READER_ITEM), &r->encoder);
    if (st) {
        demo_rows_free(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

void demo_rows_free(struct demo_rows *r) {
    if (r) {
        encoder_free(r->encoder);
        free(r);
    }
}

/* NULL: its domain has no topic of items. */
static const char *topic_of(const struct demo_rows *r, uint32_t domain) {
    for (uint32_t t = 0; t < r->cfg->n_globals; t++) {
        const struct config_topic *topic = &r->cfg->globals[t];
        if (topic->kind == KIND_ITEM && topic->domain == domain) {
            return topic->name;
        }
    }
    return NULL;
}

static enum status send_row(struct demo_rows *r, const struct decoded_item *row,
                            const char *topic) {
    uint8_t bytes[ROW_MAX];
    size_t used = 0;
    enum status st = encode_item(r->encoder, row, bytes, sizeof bytes, &used);
    if (st) {
        return st;
    }
    do {
        st = kafka_produce(r->producer, topic, row->item, row->item_len, bytes, used, 0);
        if (st == ST_AGAIN) {
            kafka_producer_poll(r->producer, SERVE_MS);
        }
    } while (st == ST_AGAIN);
    return st;
}

enum status demo_rows_send(struct demo_rows *r, int64_t until_ms) {
    struct decoded_item row;
    uint32_t domain = 0;
    enum status st = ST_OK;
    while (!st && demo_events_next_row(r->events, until_ms, &row, &domain)) {
        const char *topic = topic_of(r, domain);
        st = topic ? send_row(r, &row, topic) : ST_OK;
    }
    return st;
}
