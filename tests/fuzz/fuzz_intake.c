/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_intake.c -- what holds for every Kafka record: it is an event that lies in the record,
 * or a dead letter that says why and has key and value as they came.
 *
 * The first byte chooses: bit 0 the topic (course-views, food-orders), bit 1 no key, bit 2 no
 * value, bit 3 no check against the future. The second is the length of the key, which
 * follows; the rest is the value.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "intake.h"
#include "letter.h"

enum { NO_KEY = 2, NO_VALUE = 4, NO_FUTURE = 8 };

static const int64_t now_ms = INT64_C(1767225600000); /* 2026 */
static const double number_max = 1e12;

static struct config cfg;

static struct intake *intake(void) {
    static struct intake *in; /* kept: the same for every record */
    if (!in) {
        char err[CONFIG_ERROR_MAX];
        config_defaults(&cfg);
        const struct intake_spec spec = {
            .cfg = &cfg, .topics = cfg.topics, .n_topics = cfg.n_topics};
        require(intake_new(&spec, &in, err) == ST_OK);
    }
    return in;
}

/* ---- events ------------------------------------------------------------------------------ */

static bool inside(const char *text, size_t len, const struct record *r) {
    const char *from = r->value;
    const char *end = from + r->value_len;
    return text >= from && text <= end && len >= 1 && len <= ID_LEN_MAX &&
           len <= (size_t)(end - text);
}

static void check_line(const struct event_line *l, const char *domain, const struct record *r) {
    require(inside(l->id, l->id_len, r));
    require(l->item == hash_item(domain, l->id, l->id_len));
    require(isfinite(l->quantity) && l->quantity >= 0.0F && l->quantity <= (float)number_max);
    require(isfinite(l->amount) && l->amount >= 0.0F && l->amount <= (float)number_max);
    require(isfinite(l->discount) && l->discount >= 0.0F && l->discount <= (float)number_max);
}

static void check_event(const struct event *e, const struct record *r, bool future) {
    require(e->topic == r->topic && e->domain == cfg.topics[r->topic].domain);
    require(e->offset == r->offset && e->action < ACTIONS_OF_EVENTS);
    require(inside(e->user_id, e->user_id_len, r));
    require(e->user == hash_id(e->user_id, e->user_id_len));
    require(e->ts_ms >= INTAKE_EPOCH_2000_MS && e->ts_ms < INTAKE_EPOCH_2100_MS);
    require(future || e->ts_ms <= now_ms + INTAKE_FUTURE_MS);
    require(e->n_lines >= 1 && e->n_lines <= EVENT_LINES_MAX);
    require(e->n_lines == 1 || r->topic == 1);
    require(e->counterpart == 0); /* neither schema says one */
    for (uint32_t i = 0; i < e->n_lines; i++) {
        check_line(&e->lines[i], cfg.domains[e->domain].name, r);
    }
}

/* ---- dead letters ------------------------------------------------------------------------ */

struct sent { /* what the letterbox must be given */
    const struct record *r;
    enum intake_reason reason;
    size_t n;
};

static const struct header *find(const struct header *headers, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(headers[i].name, name) == 0) {
            return &headers[i];
        }
    }
    return NULL;
}

static bool says(const struct header *h, const char *text) {
    return h && h->len == strlen(text) && memcmp(h->value, text, h->len) == 0;
}

static bool same(const void *a, size_t a_len, const void *b, size_t b_len) {
    return !a == !b && a_len == b_len && (!a || memcmp(a, b, a_len) == 0);
}

static enum status on_send(void *ctx, const char *topic, const void *key, size_t key_len,
                           const void *value, size_t value_len, int64_t timestamp_ms,
                           const struct header *headers, size_t n) {
    struct sent *s = ctx;
    (void)timestamp_ms;
    const struct record *r = s->r;
    require(strcmp(topic, cfg.dead_letters) == 0);
    require(same(key, key_len, r->key, r->key_len));
    require(same(value, value_len, r->value, r->value_len));
    require(says(find(headers, n, "topic"), cfg.topics[r->topic].name));
    require(says(find(headers, n, "partition"), "3") && says(find(headers, n, "offset"), "42"));
    require(says(find(headers, n, "timestamp"), "1700000000000"));
    require(says(find(headers, n, "reason"), intake_reason_code(s->reason)));
    require(find(headers, n, "detail") && find(headers, n, "detail")->len > 0);
    require(!find(headers, n, "truncated-from"));
    const bool has_id = s->reason != INTAKE_EMPTY && s->reason != INTAKE_WIRE;
    require((find(headers, n, "schema-id") != NULL) == has_id);
    s->n++;
    return ST_OK;
}

static enum status on_flush(void *ctx, int timeout_ms) {
    (void)ctx;
    (void)timeout_ms;
    return ST_OK;
}

static void check_letter(const struct record *r, enum intake_reason reason, const char *detail) {
    const size_t size = letter_size(r);
    char *block = malloc(size);
    require(block != NULL);
    memset(block, 0, size);
    letter_write(block, cfg.topics[r->topic].name, r, reason, detail);
    struct letters letters = {0};
    struct sent sent = {.r = r, .reason = reason};
    const struct letterbox box = {.send = on_send, .flush = on_flush, .ctx = &sent};
    require(letters_append(&letters, block, size) == ST_OK);
    require(letters_append(&letters, block, size) == ST_OK);
    require(letters_send(&letters, &cfg, &box) == ST_OK && sent.n == 2);
    letters_free(&letters);
    free(block);
}

static void check_record(const struct record *r, bool future) {
    struct event e = {.id = 12345};
    const char *detail = NULL;
    const enum intake_reason reason =
        intake_event(intake(), r, future ? INT64_MAX : now_ms, &e, &detail);
    require(reason < INTAKE_REASONS && detail);
    require(reason != INTAKE_DECODE || detail[0] != '\0');
    require(reason != INTAKE_OK || detail[0] == '\0');
    require(intake_reason_code(reason)[0] && intake_reason_text(reason)[0]);
    require((reason == INTAKE_EMPTY) == (r->value == NULL));
    if (reason) {
        require(e.id == 12345 && !e.lines && !e.user_id);
        check_letter(r, reason, detail);
    } else {
        check_event(&e, r, future);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const uint8_t what = data[0];
    const size_t key_len = data[1] < size - 2 ? data[1] : size - 2;
    char *key = malloc(key_len + 1); /* a block of its own: ASan sees what is read beyond */
    require(key != NULL);
    memcpy(key, data + 2, key_len);
    struct record r = {
        .offset = 42, .timestamp_ms = INT64_C(1700000000000), .partition = 3, .topic = what & 1U};
    if (!(what & NO_KEY)) {
        r.key = key;
        r.key_len = key_len;
    }
    if (!(what & NO_VALUE)) {
        r.value = data + 2 + key_len;
        r.value_len = size - 2 - key_len;
    }
    check_record(&r, what & NO_FUTURE);
    free(key);
    return 0;
}
