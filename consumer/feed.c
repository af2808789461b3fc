/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.c -- see feed.h.
 */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "shipped.h"

enum {
    /* an item and three doubles a line, and room for ids and the head */
    RECORD_MAX = EVENT_LINES_MAX * (ID_LEN_MAX + 32) + 8192,
    SUFFIX_MAX = 5, /* "-511" */
    FULL_WAIT_MS = 100,
};

/* What records of the schemas carry that are written here. */
static const struct {
    uint32_t lines;
    enum action action;
    bool has_action;
} READER[READERS] = {
    [READER_COURSE_VIEW] = {1, ACTION_ENROLL, true},
    [READER_FOOD_ORDER] = {EVENT_LINES_MAX, ACTION_ORDER, false},
    [READER_SOCIAL_INTERACTION] = {1, ACTION_LIKE, true},
};

struct feed {
    const struct config *cfg;
    struct kafka_producer *producer;
    struct encoder *encoders[READERS];
    uint32_t topics[DOMAINS_MAX]; /* by domain; cfg->n_topics: none */
    enum reader readers[DOMAINS_MAX];
    uint64_t records;
    char id[ID_LEN_MAX + 1];
    uint8_t buf[RECORD_MAX];
};

uint32_t feed_topic_of(const struct config *cfg, uint32_t domain, enum reader *reader) {
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        enum reader r;
        if (cfg->topics[t].domain == domain && !reader_of(cfg->topics[t].schema, &r) &&
            READER[r].lines > 0) {
            *reader = r;
            return t;
        }
    }
    return cfg->n_topics;
}

enum status feed_new(const struct config *cfg, struct kafka_producer *producer, const uint32_t *ids,
                     struct feed **out) {
    struct feed *f = calloc(1, sizeof *f);
    if (!f) {
        return ST_NOMEM;
    }
    f->cfg = cfg;
    f->producer = producer;
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        f->topics[d] = feed_topic_of(cfg, d, &f->readers[d]);
    }
    enum status st = ST_OK;
    for (int r = 0; !st && r < READERS; r++) {
        if (READER[r].lines > 0) {
            const uint32_t id = ids ? ids[r] : shipped_id((enum reader)r);
            st = encoder_new((enum reader)r, id, &f->encoders[r]);
        }
    }
    if (st) {
        feed_free(f);
        return st;
    }
    *out = f;
    return ST_OK;
}

void feed_free(struct feed *f) {
    if (!f) {
        return;
    }
    for (int r = 0; r < READERS; r++) {
        encoder_free(f->encoders[r]);
    }
    free(f);
}

static enum status produce(struct feed *f, uint32_t domain, const struct decoded *event) {
    size_t len = 0;
    enum status st = encode(f->encoders[f->readers[domain]], event, f->buf, sizeof f->buf, &len);
    if (st) {
        return st == ST_RANGE ? ST_INVALID : st;
    }
    const char *topic = f->cfg->topics[f->topics[domain]].name;
    while ((st = kafka_produce(f->producer, topic, event->user_id, event->user_id_len, f->buf, len,
                               0)) == ST_AGAIN) {
        kafka_producer_poll(f->producer, FULL_WAIT_MS);
    }
    f->records += !st;
    return st;
}

/* One record a line, each with an id of its own. */
static enum status produce_lines(struct feed *f, uint32_t domain, const struct decoded *event) {
    if (event->event_id_len > sizeof f->id - SUFFIX_MAX || event->n_lines > EVENT_LINES_MAX) {
        return ST_INVALID;
    }
    struct decoded one = *event;
    one.n_lines = 1;
    enum status st = ST_OK;
    for (uint32_t i = 0; !st && i < event->n_lines; i++) {
        one.lines = &event->lines[i];
        if (i > 0) {
            memcpy(f->id, event->event_id, event->event_id_len);
            const int n = snprintf(f->id + event->event_id_len, SUFFIX_MAX, "-%u", (unsigned)i);
            one.event_id = f->id;
            one.event_id_len = event->event_id_len + (size_t)n;
        }
        st = produce(f, domain, &one);
    }
    return st;
}

enum status feed_send(struct feed *f, uint32_t domain, const struct decoded *event) {
    if (domain >= f->cfg->n_domains || f->topics[domain] == f->cfg->n_topics) {
        return ST_NOT_FOUND;
    }
    const bool several = event->n_lines > 1 && READER[f->readers[domain]].lines == 1;
    return several ? produce_lines(f, domain, event) : produce(f, domain, event);
}

uint32_t feed_topic(const struct feed *f, uint32_t domain) {
    return domain < f->cfg->n_domains ? f->topics[domain] : f->cfg->n_topics;
}

enum action feed_action(const struct feed *f, uint32_t domain) {
    return READER[f->readers[domain]].action;
}

bool feed_has_action(const struct feed *f, uint32_t domain) {
    return READER[f->readers[domain]].has_action;
}

uint64_t feed_records(const struct feed *f) {
    return f->records;
}
