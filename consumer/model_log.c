/* SPDX-License-Identifier: Apache-2.0
 * model_log.c -- see model_log.h. */
#include "model_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "hash.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"
#include "mix.h"
#include "state_record.h"

enum {
    POLL_MAX = 256,
    POLL_MS = 2,
    KEY_MARK = 0xfd,
    KEY_LOW = 0xfe,
    KEY_OPTIONS = 0xff,
    TABLE_FIRST = 1024,
    CLOCK_MAX = 256,
    SILENCE_MS = 10000, /* a topic cannot be deleted, made and filled again in less unnoticed */
    AGAIN_MS = 1000,
};

enum phase { ASK_ITEMS, READ_ITEMS, ASK_LOG, READ_LOG, FOLLOW };

struct piece { /* the newest of a key */
    uint64_t key;
    uint64_t position;
    uint8_t *bytes; /* (len,) body of the record; NULL: loaded */
    size_t len;
    uint8_t kind; /* 0: an empty slot */
};

struct mark {       /* one record of the log */
    int64_t offset; /* -1: none */
    uint64_t hash;
};

struct model_log {
    const struct config *cfg;
    struct learner *learner;
    struct model_log_ports ports;
    enum phase phase;
    struct piece *pieces; /* open addressing until they are sorted: (cap_pieces,) */
    size_t n_pieces, cap_pieces;
    size_t n_loaded;
    struct log_bounds items, log; /* as asked at the start */
    int64_t from;                 /* of the log: 0 before the first complete sweep */
    uint8_t clock[CLOCK_MAX];     /* (clock_len,) of the log at `from` */
    size_t clock_len;
    bool at_end;
    int64_t behind_since_ms; /* unless at_end */
    struct mark awaited;     /* must come by at the start */
    struct mark last;        /* taken */
    bool doubted;            /* `last` must come again before anything else is taken */
    int64_t heard_ms;        /* when something was delivered last, be it that there is nothing */
    int64_t again_ms;        /* the log could not be added: not before this */
    char own[MODEL_OPTIONS_MAX]; /* this process's options */
    size_t own_len;
    bool has_options;
};

/* ---- keys and options ---------------------------------------------------------------------- */

void model_key(uint8_t out[MODEL_KEY_BYTES], enum snapshot_kind kind, uint64_t key) {
    out[0] = (uint8_t)kind;
    for (int k = 0; k < 8; k++) {
        out[1 + k] = (uint8_t)(key >> (56 - 8 * k));
    }
}

void model_key_options(uint8_t out[MODEL_KEY_BYTES]) {
    memset(out, 0, MODEL_KEY_BYTES);
    out[0] = KEY_OPTIONS;
}

void model_key_low(uint8_t out[MODEL_KEY_BYTES]) {
    memset(out, 0, MODEL_KEY_BYTES);
    out[0] = KEY_LOW;
}

void model_key_mark(uint8_t out[MODEL_KEY_BYTES]) {
    memset(out, 0, MODEL_KEY_BYTES);
    out[0] = KEY_MARK;
}

size_t model_options(const struct config *cfg, char *buf, size_t len) {
    static const char *const names[] = {"learn.seed", "learn.mini.batch", "segments.k",
                                        "segments.seed.users", "segments.half.life"};
    size_t used = 0;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char value[CONFIG_VALUE_MAX] = "";
        if (config_get(cfg, names[k], value, sizeof value)) {
            value[0] = '\0'; /* too long to be shown: not one of these */
        }
        const int n = snprintf(buf + used, len - used, "%s = %s\n", names[k], value);
        used += n > 0 && (size_t)n < len - used ? (size_t)n : 0;
    }
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        const int n = snprintf(buf + used, len - used, "domain %u = %s, repeats %s\n", d,
                               cfg->domains[d].name, cfg->domains[d].repeats ? "yes" : "no");
        used += n > 0 && (size_t)n < len - used ? (size_t)n : 0;
    }
    return used;
}

/* The first line that differs, for people. */
static void differing(const char *theirs, size_t len, const char *ours, size_t our_len,
                      char *theirs_line, char *ours_line, size_t room) {
    size_t at = 0;
    size_t line = 0;
    while (at < len && at < our_len && theirs[at] == ours[at]) {
        line = theirs[at] == '\n' ? at + 1 : line;
        at++;
    }
    const size_t a = line < len ? strcspn(theirs + line, "\n") : 0; /* both are terminated */
    const size_t b = line < our_len ? strcspn(ours + line, "\n") : 0;
    snprintf(theirs_line, room, "%.*s", (int)a, theirs + (line < len ? line : len));
    snprintf(ours_line, room, "%.*s", (int)b, ours + (line < our_len ? line : our_len));
}

static enum status take_options(struct model_log *m, const char *text, size_t len, char *err) {
    char theirs[MODEL_OPTIONS_MAX];
    char a[CONFIG_VALUE_MAX];
    char b[CONFIG_VALUE_MAX];
    if (m->has_options || len >= sizeof theirs) {
        return ST_OK; /* the first ones hold */
    }
    m->has_options = true;
    if (len == m->own_len && memcmp(text, m->own, len) == 0) {
        return ST_OK;
    }
    memcpy(theirs, text, len);
    theirs[len] = '\0';
    differing(theirs, len, m->own, m->own_len, a, b, sizeof a);
    snprintf(err, CONFIG_ERROR_MAX,
             "the shared model in %s was begun with \"%.200s\", this process has \"%.200s\": all "
             "instances must have the same; set it as it was, or begin a new model with: crossrec "
             "model reset",
             m->cfg->model_topic, a, b);
    return ST_INVALID;
}

/* ---- pieces ------------------------------------------------------------------------------- */

static size_t slot_of(const struct model_log *m, uint8_t kind, uint64_t key) {
    size_t i = (size_t)(mix64(key ^ kind) & (m->cap_pieces - 1));
    while (m->pieces[i].kind && (m->pieces[i].kind != kind || m->pieces[i].key != key)) {
        i = (i + 1) & (m->cap_pieces - 1);
    }
    return i;
}

static enum status grow(struct model_log *m) {
    if (2 * (m->n_pieces + 1) <= m->cap_pieces) {
        return ST_OK;
    }
    struct piece *old = m->pieces;
    const size_t old_cap = m->cap_pieces;
    struct piece *pieces = calloc(old_cap ? 2 * old_cap : (size_t)TABLE_FIRST, sizeof *m->pieces);
    if (!pieces) {
        return ST_NOMEM;
    }
    m->pieces = pieces;
    m->cap_pieces = old_cap ? 2 * old_cap : (size_t)TABLE_FIRST;
    for (size_t k = 0; k < old_cap; k++) {
        if (old[k].kind) {
            m->pieces[slot_of(m, old[k].kind, old[k].key)] = old[k];
        }
    }
    free(old);
    return ST_OK;
}

static enum status keep_piece(struct model_log *m, const void *body, size_t len) {
    struct snapshot_head head;
    enum status st = snapshot_head(body, len, &head);
    st = st ? st : grow(m);
    if (st) {
        return st;
    }
    uint8_t *copy = malloc(len);
    if (!copy) {
        return ST_NOMEM;
    }
    memcpy(copy, body, len);
    struct piece *p = &m->pieces[slot_of(m, (uint8_t)head.kind, head.key)];
    m->n_pieces += p->kind == 0;
    free(p->bytes);
    *p = (struct piece){.key = head.key,
                        .position = head.position,
                        .bytes = copy,
                        .len = len,
                        .kind = (uint8_t)head.kind};
    return ST_OK;
}

static int by_position(const void *a, const void *b) {
    const struct piece *p = a;
    const struct piece *q = b;
    if (!p->kind != !q->kind) {
        return p->kind ? -1 : 1; /* empty slots go behind */
    }
    if (p->position != q->position) {
        return p->position < q->position ? -1 : 1;
    }
    if (p->kind != q->kind) {
        return p->kind < q->kind ? -1 : 1;
    }
    return p->key < q->key ? -1 : p->key > q->key;
}

/* The learner is told what is to come. */
static enum status sort_pieces(struct model_log *m, char *err) {
    if (m->n_pieces > 0) {
        qsort(m->pieces, m->cap_pieces, sizeof *m->pieces, by_position);
    }
    if (m->clock_len > 0 && learner_snapshot_begin(m->learner, m->clock, m->clock_len)) {
        snprintf(
            err, CONFIG_ERROR_MAX,
            "what %s says of the log's clock is damaged; begin a new model with: crossrec model "
            "reset",
            m->cfg->items_topic);
        return ST_INVALID;
    }
    for (size_t k = 0; k < m->n_pieces; k++) {
        struct snapshot_head head;
        enum status st = snapshot_head(m->pieces[k].bytes, m->pieces[k].len, &head);
        st = st ? st : learner_snapshot_await(m->learner, &head);
        if (st) {
            snprintf(err, CONFIG_ERROR_MAX, "the model's snapshot cannot be used: %s",
                     status_str(st));
            return st;
        }
    }
    return ST_OK;
}

/* Those that hold all records below `offset`. */
static enum status load_pieces(struct model_log *m, uint64_t offset, char *err) {
    while (m->n_loaded < m->n_pieces && m->pieces[m->n_loaded].position <= offset) {
        struct piece *p = &m->pieces[m->n_loaded];
        enum status st = learner_snapshot_load(m->learner, p->bytes, p->len);
        free(p->bytes);
        p->bytes = NULL;
        if (st) {
            snprintf(err, CONFIG_ERROR_MAX,
                     "a piece of the model cannot be loaded (%s): begin a new model with: crossrec "
                     "model reset",
                     status_str(st));
            return st;
        }
        m->n_loaded++;
    }
    return ST_OK;
}

/* ---- records -------------------------------------------------------------------------------- */

static enum status unreadable(const char *topic, const struct record *r, enum status st,
                              char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "%s partition %d offset %" PRId64 " %s begin a new model with: crossrec model reset",
             topic, (int)r->partition, r->offset,
             st == ST_RANGE ? "was written by a later version of crossrec: upgrade this one, or"
                            : "is damaged:");
    return ST_INVALID;
}

static enum status take_low(struct model_log *m, const uint8_t *body, size_t len) {
    struct unpack u = {.at = body, .end = body + len};
    const int64_t from = (int64_t)unpack_at_most(&u, INT64_MAX);
    const size_t rest = (size_t)(u.end - u.at);
    if (u.failed || rest > sizeof m->clock) {
        return ST_INVALID;
    }
    m->from = from;
    m->clock_len = rest;
    memcpy(m->clock, u.at, rest);
    return ST_OK;
}

size_t model_log_mark(const struct model_log *m, uint8_t *out, uint64_t *at) {
    if (m->last.offset < 0) {
        return 0;
    }
    *at = (uint64_t)m->last.offset;
    for (int k = 0; k < 8; k++) {
        out[k] = (uint8_t)((uint64_t)m->last.offset >> (56 - 8 * k));
        out[8 + k] = (uint8_t)(m->last.hash >> (56 - 8 * k));
    }
    return MODEL_MARK_BYTES;
}

static enum status take_mark(struct model_log *m, const uint8_t *body, size_t len) {
    uint64_t offset = 0;
    struct mark mark = {.hash = 0};
    if (len != MODEL_MARK_BYTES) {
        return ST_INVALID;
    }
    for (int k = 0; k < 8; k++) {
        offset = offset << 8 | body[k];
        mark.hash = mark.hash << 8 | body[8 + k];
    }
    if (offset > INT64_MAX) {
        return ST_INVALID;
    }
    mark.offset = (int64_t)offset;
    m->awaited = mark;
    return ST_OK;
}

static enum status take_item_record(struct model_log *m, const struct record *r, char *err) {
    enum state_kind kind;
    const uint8_t *body = NULL;
    size_t len = 0;
    if (!r->value || r->end) {
        return ST_OK;
    }
    enum status st = state_record_open(r->value, r->value_len, &kind, &body, &len);
    if (st) {
        return unreadable(m->cfg->items_topic, r, st, err);
    }
    if (r->key_len == MODEL_KEY_BYTES && *(const uint8_t *)r->key == KEY_OPTIONS) {
        return take_options(m, (const char *)body, len, err);
    }
    if (r->key_len == MODEL_KEY_BYTES && *(const uint8_t *)r->key == KEY_LOW) {
        return take_low(m, body, len) ? unreadable(m->cfg->items_topic, r, ST_INVALID, err) : ST_OK;
    }
    if (r->key_len == MODEL_KEY_BYTES && *(const uint8_t *)r->key == KEY_MARK) {
        return take_mark(m, body, len) ? unreadable(m->cfg->items_topic, r, ST_INVALID, err)
                                       : ST_OK;
    }
    st = keep_piece(m, body, len);
    return st == ST_INVALID || st == ST_RANGE ? unreadable(m->cfg->items_topic, r, st, err) : st;
}

static void note_end(struct model_log *m, bool at_end) {
    if (m->at_end && !at_end) {
        m->behind_since_ms = clock_mono_ms();
    }
    m->at_end = at_end;
}

static enum status recreated(const struct model_log *m, char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "%s is not the log that the model in %s was made from: at offset %" PRId64 " there is "
             "something else. It was recreated, or copied from elsewhere; begin a new model with: "
             "crossrec model reset",
             m->cfg->model_topic, m->cfg->items_topic, m->awaited.offset);
    return ST_INVALID;
}

static uint64_t hash_of(const struct record *r) {
    return hash_id(r->value, r->value_len);
}

/* At the start: is the log the one that the pieces are of? */
static enum status look_for_mark(struct model_log *m, const struct record *r, char *err) {
    if (m->awaited.offset < 0 || r->offset < m->awaited.offset) {
        return ST_OK;
    }
    if (r->end ? r->offset == m->awaited.offset
               : r->offset == m->awaited.offset && r->value && hash_of(r) == m->awaited.hash) {
        m->awaited.offset = r->end ? m->awaited.offset : -1;
        return ST_OK;
    }
    return recreated(m, err);
}

static enum status take_log_record(struct model_log *m, const struct record *r, char *err) {
    enum state_kind kind;
    const uint8_t *body = NULL;
    size_t len = 0;
    note_end(m, r->end);
    enum status st = look_for_mark(m, r, err);
    if (st || !r->value || r->end) {
        return st;
    }
    st = state_record_open(r->value, r->value_len, &kind, &body, &len);
    if (st) {
        return unreadable(m->cfg->model_topic, r, st, err);
    }
    m->last = (struct mark){.offset = r->offset, .hash = hash_of(r)};
    if (r->offset < m->from) {
        return ST_OK; /* it was only to be looked at */
    }
    st = load_pieces(m, (uint64_t)r->offset, err);
    if (st) {
        return st;
    }
    if (kind == STATE_OPTIONS) {
        return take_options(m, (const char *)body, len, err);
    }
    st = learner_log_apply(m->learner, body, len, (uint64_t)r->offset);
    if (st == ST_INVALID || st == ST_RANGE) {
        return unreadable(m->cfg->model_topic, r, st, err);
    }
    metric_add(M_MODEL_RECORDS, 0, 1);
    return st;
}

/* ---- phases --------------------------------------------------------------------------------- */

static enum status ask(const struct log_port *port, struct log_bounds *out, bool *known) {
    enum status st = port->bounds(port->ctx, 0, out);
    *known = st == ST_OK;
    return st == ST_AGAIN ? ST_OK : st;
}

static enum status ask_items(struct model_log *m) {
    bool known = false;
    enum status st = ask(&m->ports.items, &m->items, &known);
    if (!st && known) {
        m->from = 0;
        m->awaited.offset = -1;
        st = m->ports.items.add(m->ports.items.ctx, 0, -1);
        m->phase = st == ST_OK ? READ_ITEMS : ASK_ITEMS;
        st = st == ST_AGAIN ? ST_OK : st;
    }
    return st;
}

static enum status read_items(struct model_log *m, int64_t until_ms, char *err) {
    struct record records[POLL_MAX];
    enum status st = ST_OK;
    do {
        const size_t n = m->ports.items.poll(m->ports.items.ctx, records, POLL_MAX, POLL_MS);
        for (size_t k = 0; k < n && !st; k++) {
            st = take_item_record(m, &records[k], err);
        }
    } while (!st && clock_mono_ms() < until_ms);
    if (!st && m->ports.items.position(m->ports.items.ctx, 0) >= m->items.high) {
        m->ports.items.remove(m->ports.items.ctx, 0);
        m->phase = ASK_LOG;
    } else if (!st && m->ports.items.look(m->ports.items.ctx, 0) == ST_RANGE) {
        snprintf(err, CONFIG_ERROR_MAX, "%s was recreated while it was read: start again",
                 m->cfg->items_topic);
        return ST_INVALID;
    }
    return st;
}

/* The log was trimmed behind a sweep that ended after the pieces were read: they are read again. */
static enum status read_again(struct model_log *m, bool *again) {
    struct log_bounds b;
    enum status st = m->ports.items.bounds(m->ports.items.ctx, 0, &b);
    *again = st == ST_AGAIN || (st == ST_OK && b.high > m->items.high);
    m->phase = st == ST_OK && *again ? ASK_ITEMS : m->phase;
    return st == ST_AGAIN ? ST_OK : st;
}

static enum status ask_log(struct model_log *m, char *err) {
    bool known = false;
    enum status st = ask(&m->ports.log, &m->log, &known);
    if (st || !known) {
        return st;
    }
    uint64_t newest = 0;
    for (size_t k = 0; k < m->cap_pieces; k++) {
        newest =
            m->pieces[k].kind && m->pieces[k].position > newest ? m->pieces[k].position : newest;
    }
    bool again = false;
    if (m->from < m->log.low) {
        st = read_again(m, &again);
    }
    if (st || again) {
        return st;
    }
    newest = (uint64_t)m->from > newest ? (uint64_t)m->from : newest;
    if (m->awaited.offset < m->log.low) {
        m->awaited.offset = -1; /* trimmed, by whoever did not know of it */
    } else if ((uint64_t)m->awaited.offset >= newest) {
        newest = (uint64_t)m->awaited.offset + 1;
    }
    if (m->from < m->log.low || newest > (uint64_t)m->log.high) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s holds offsets %" PRId64 " to %" PRId64 ", the model in %s needs %" PRId64
                 " to %" PRIu64 ": one of the topics was recreated or lost records; begin a new "
                 "model with: crossrec model reset",
                 m->cfg->model_topic, m->log.low, m->log.high, m->cfg->items_topic, m->from,
                 newest);
        return ST_INVALID;
    }
    const bool before = m->awaited.offset >= 0 && m->awaited.offset < m->from;
    st = m->ports.log.add(m->ports.log.ctx, 0, before ? m->awaited.offset : m->from);
    if (st == ST_OK) {
        m->phase = READ_LOG;
        return sort_pieces(m, err);
    }
    return st == ST_AGAIN || st == ST_RANGE ? ST_OK : st; /* ST_RANGE: trimmed since it was asked */
}

static enum status end_start(struct model_log *m, char *err) {
    enum status st = m->awaited.offset >= 0 ? recreated(m, err) : load_pieces(m, UINT64_MAX, err);
    st = st ? st : learner_snapshot_done(m->learner);
    if (st) {
        return st;
    }
    free(m->pieces);
    m->pieces = NULL;
    m->phase = FOLLOW;
    LOG_INFO("the shared model is read", LOG_INT("pieces", m->n_pieces), LOG_INT("from", m->from),
             LOG_INT("to", m->log.high),
             LOG_INT("items", items_n(learner_shared(m->learner)->items)));
    return ST_OK;
}

static enum status lost(const struct model_log *m, const char *how, char *err) {
    snprintf(err, CONFIG_ERROR_MAX, "%s %s: this process begins anew with the snapshot",
             m->cfg->model_topic, how);
    return ST_LOST;
}

/* After a silence: what was taken last is read again, from where it stood. */
static enum status read_last_again(struct model_log *m, char *err) {
    if (clock_mono_ms() < m->again_ms) {
        return ST_OK;
    }
    m->ports.log.remove(m->ports.log.ctx, 0);
    const enum status st = m->ports.log.add(m->ports.log.ctx, 0, m->last.offset);
    m->again_ms = st == ST_AGAIN ? clock_mono_ms() + AGAIN_MS : 0;
    m->heard_ms = clock_mono_ms();
    m->doubted = true;
    if (st == ST_RANGE) {
        return lost(m, "lost records that this process had not read yet", err);
    }
    return st == ST_AGAIN ? ST_OK : st;
}

/* True: it has to come again, or this is it. */
static bool is_doubted(struct model_log *m, const struct record *r, enum status *st, char *err) {
    if (!m->doubted) {
        return false;
    }
    if (r->end && r->offset <= m->last.offset) {
        return true;
    }
    if (r->end || r->offset != m->last.offset || !r->value || hash_of(r) != m->last.hash) {
        *st = lost(m, "is another log than it was", err);
    }
    m->doubted = false;
    return true;
}

static enum status take_log_records(struct model_log *m, const struct record *records, size_t n,
                                    char *err) {
    enum status st = ST_OK;
    const int64_t now_ms = clock_mono_ms();
    if (n > 0 && m->phase == FOLLOW && m->last.offset >= 0 && !m->doubted &&
        now_ms - m->heard_ms > m->ports.silence_ms) {
        return read_last_again(m, err); /* and these after it */
    }
    m->heard_ms = n > 0 ? now_ms : m->heard_ms;
    for (size_t k = 0; k < n && !st; k++) {
        if (!is_doubted(m, &records[k], &st, err)) {
            st = take_log_record(m, &records[k], err);
        }
    }
    return st;
}

static enum status follow(struct model_log *m, int64_t until_ms, char *err) {
    struct record records[POLL_MAX];
    enum status st = m->again_ms > 0 ? read_last_again(m, err) : ST_OK;
    size_t n = 0;
    do {
        n = st ? 0
               : m->ports.log.poll(m->ports.log.ctx, records, POLL_MAX,
                                   m->phase == FOLLOW ? 0 : POLL_MS);
        st = st ? st : take_log_records(m, records, n, err);
    } while (!st && n > 0 && clock_mono_ms() < until_ms);
    if (!st && m->ports.log.look(m->ports.log.ctx, 0) == ST_RANGE) {
        return lost(m, "lost records that this process had not read yet", err);
    }
    if (!st && m->phase == READ_LOG && m->ports.log.position(m->ports.log.ctx, 0) >= m->log.high) {
        st = end_start(m, err);
    }
    return st;
}

enum status model_log_take(struct model_log *m, int slice_ms, char *err) {
    const int64_t until_ms = clock_mono_ms() + slice_ms;
    err[0] = '\0';
    enum status st = ST_OK;
    switch (m->phase) {
    case ASK_ITEMS: st = ask_items(m); break;
    case READ_ITEMS: st = read_items(m, until_ms, err); break;
    case ASK_LOG: st = ask_log(m, err); break;
    case READ_LOG:
    case FOLLOW: st = follow(m, until_ms, err); break;
    }
    if (st && err[0] == '\0') {
        snprintf(err, CONFIG_ERROR_MAX, "the shared model cannot be read: %s", status_str(st));
    }
    return st;
}

/* ---- life cycle, reading -------------------------------------------------------------------- */

enum status model_log_new(const struct config *cfg, struct learner *learner,
                          const struct model_log_ports *ports, struct model_log **out) {
    struct model_log *m = calloc(1, sizeof *m);
    if (!m) {
        return ST_NOMEM;
    }
    m->cfg = cfg;
    m->learner = learner;
    m->ports = *ports;
    m->ports.silence_ms = ports->silence_ms > 0 ? ports->silence_ms : SILENCE_MS;
    m->behind_since_ms = m->heard_ms = clock_mono_ms();
    m->awaited.offset = m->last.offset = -1;
    m->own_len = model_options(cfg, m->own, sizeof m->own);
    *out = m;
    return ST_OK;
}

void model_log_free(struct model_log *m) {
    if (!m) {
        return;
    }
    for (size_t k = 0; m->pieces && k < m->cap_pieces; k++) {
        free(m->pieces[k].bytes);
    }
    free(m->pieces);
    free(m);
}

bool model_log_ready(const struct model_log *m) {
    return m->phase == FOLLOW;
}

double model_log_progress(const struct model_log *m) {
    if (m->phase == FOLLOW) {
        return 1.0;
    }
    if (m->phase < READ_LOG || m->log.high <= m->from) {
        return 0.0;
    }
    const int64_t at = m->ports.log.position(m->ports.log.ctx, 0);
    return at > m->from ? (double)(at - m->from) / (double)(m->log.high - m->from) : 0.0;
}

int64_t model_log_lag_ms(const struct model_log *m) {
    return m->at_end ? 0 : clock_mono_ms() - m->behind_since_ms;
}

bool model_log_agrees(const struct model_log *m) {
    return m->has_options || m->phase == FOLLOW;
}

bool model_log_has_options(const struct model_log *m) {
    return m->has_options;
}
