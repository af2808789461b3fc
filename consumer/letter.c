/* SPDX-License-Identifier: Apache-2.0
 * letter.c -- see letter.h. */
#include "letter.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum { FLUSH_MS = 10000, NUMBER_MAX = 24, HEADERS = 8 };

struct head { /* of a block; key and value follow */
    size_t size;
    int64_t offset, timestamp_ms;
    const char *topic;  /* its name          */
    const char *detail; /* outlives the block */
    size_t key_len, value_len;
    int32_t partition;
    uint32_t schema_id;
    uint16_t reason;
    uint8_t has_key, has_value, has_schema;
};

size_t letter_size(const struct record *r) {
    return (sizeof(struct head) + r->key_len + r->value_len + 15) / 16 * 16;
}

void letter_write(char *buf, const char *topic, const struct record *r, enum intake_reason reason,
                  const char *detail) {
    struct head h = {.size = letter_size(r),
                     .offset = r->offset,
                     .timestamp_ms = r->timestamp_ms,
                     .detail = detail,
                     .key_len = r->key_len,
                     .value_len = r->value_len,
                     .partition = r->partition,
                     .topic = topic,
                     .reason = (uint16_t)reason,
                     .has_key = r->key != NULL,
                     .has_value = r->value != NULL};
    struct wire_msg msg;
    if (r->value && wire_parse(r->value, r->value_len, &msg) == ST_OK) {
        h.schema_id = msg.schema_id;
        h.has_schema = 1;
    }
    memcpy(buf, &h, sizeof h);
    if (r->key) {
        memcpy(buf + sizeof h, r->key, r->key_len);
    }
    if (r->value) {
        memcpy(buf + sizeof h + r->key_len, r->value, r->value_len);
    }
}

enum intake_reason letter_why(const void *block, const char **detail) {
    struct head h;
    memcpy(&h, block, sizeof h);
    *detail = h.detail;
    return (enum intake_reason)h.reason;
}

enum status letters_append(struct letters *l, const void *block, size_t len) {
    if (l->len + len > l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4096;
        while (cap < l->len + len) {
            cap *= 2;
        }
        char *bytes = realloc(l->bytes, cap);
        if (!bytes) {
            return ST_NOMEM;
        }
        l->bytes = bytes;
        l->cap = cap;
    }
    memcpy(l->bytes + l->len, block, len);
    l->len += len;
    l->n++;
    return ST_OK;
}

void letters_clear(struct letters *l) {
    l->len = l->n = l->queued = 0;
}

void letters_free(struct letters *l) {
    free(l->bytes);
    *l = (struct letters){0};
}

static struct header text_header(const char *name, const char *value) {
    return (struct header){.name = name, .value = value, .len = strlen(value)};
}

static enum status send_one(const struct head *h, const char *behind, const char *dead_letters,
                            const struct letterbox *box) {
    char partition[NUMBER_MAX];
    char offset[NUMBER_MAX];
    char timestamp[NUMBER_MAX];
    char schema[NUMBER_MAX];
    snprintf(partition, sizeof partition, "%d", (int)h->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)h->offset);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)h->timestamp_ms);
    snprintf(schema, sizeof schema, "%u", (unsigned)h->schema_id);
    struct header headers[HEADERS];
    size_t n = 0;
    headers[n++] = text_header("topic", h->topic);
    headers[n++] = text_header("partition", partition);
    headers[n++] = text_header("offset", offset);
    headers[n++] = text_header("timestamp", timestamp);
    headers[n++] = text_header("reason", intake_reason_code((enum intake_reason)h->reason));
    headers[n++] = text_header(
        "detail", h->detail[0] ? h->detail : intake_reason_text((enum intake_reason)h->reason));
    if (h->has_schema) {
        headers[n++] = text_header("schema-id", schema);
    }
    size_t value_len = h->value_len;
    char whole[NUMBER_MAX];
    if (h->key_len + value_len > LETTER_BYTES_MAX) {
        snprintf(whole, sizeof whole, "%zu", value_len);
        headers[n++] = text_header("truncated-from", whole);
        value_len = h->key_len < LETTER_BYTES_MAX ? LETTER_BYTES_MAX - h->key_len : 0;
    }
    return box->send(box->ctx, dead_letters, h->has_key ? behind : NULL, h->key_len,
                     h->has_value ? behind + h->key_len : NULL, value_len, 0, headers, n);
}

static enum status send_in(void *ctx, const char *topic, const void *key, size_t key_len,
                           const void *value, size_t value_len, int64_t timestamp_ms,
                           const struct header *headers, size_t n_headers) {
    const struct transactions *tx = ctx;
    return tx->send(tx->ctx, topic, -1, key, key_len, value, value_len, timestamp_ms, headers,
                    n_headers);
}

static enum status flush_nothing(void *ctx, int timeout_ms) {
    (void)ctx;
    (void)timeout_ms;
    return ST_OK;
}

struct letterbox letterbox_in(const struct transactions *tx) {
    return (struct letterbox){
        .send = send_in, .flush = flush_nothing, .ctx = (void *)(uintptr_t)tx};
}

enum status letter_send(const void *block, const char *dead_letters, const struct letterbox *box) {
    struct head h;
    memcpy(&h, block, sizeof h);
    return send_one(&h, (const char *)block + sizeof h, dead_letters, box);
}

/* Records that were refused may be any of those sent: all go again. */
static enum status flush(struct letters *l, const struct letterbox *box) {
    enum status st = box->flush(box->ctx, FLUSH_MS);
    if (st && st != ST_AGAIN) {
        l->queued = 0;
    }
    return st;
}

enum status letters_send(struct letters *l, const struct config *cfg, const struct letterbox *box) {
    bool drained = false;
    while (l->queued < l->len) {
        struct head h;
        memcpy(&h, l->bytes + l->queued, sizeof h);
        enum status st = send_one(&h, l->bytes + l->queued + sizeof h, cfg->dead_letters, box);
        if (st == ST_AGAIN && !drained) { /* the local queue is full: let it drain, once */
            st = flush(l, box);
            drained = true;
            if (!st) {
                continue;
            }
        }
        if (st) {
            return st;
        }
        l->queued += h.size;
        drained = false;
    }
    return l->n ? flush(l, box) : ST_OK;
}
