/* SPDX-License-Identifier: Apache-2.0
 * repartition_message.c -- see repartition_state.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "letter.h"
#include "log.h"
#include "metrics.h"
#include "repartition_state.h"

enum {
    MESSAGE_MAX = EVENT_LINES_MAX * (ID_LEN_MAX + 32) + 8192,
    IDENTITIES_A_LOOP = 512,
};

/* ---- life cycle -------------------------------------------------------------------------- */

enum status repartition_open(struct repartition *r, const struct lookup *lookup, char *err) {
    const struct config *cfg = r->cfg;
    r->lookup = lookup;
    const char *domains[DOMAINS_MAX];
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        domains[d] = cfg->domains[d].name;
    }
    const struct intake_spec raws = {
        .cfg = cfg, .topics = cfg->raws, .n_topics = cfg->n_raws, .lookup = lookup};
    const struct intake_spec rows = {
        .cfg = cfg, .topics = cfg->globals, .n_topics = cfg->n_globals, .lookup = lookup};
    enum status st = intake_new(&raws, &r->raws, err);
    if (!st && cfg->n_globals > 0) {
        st = intake_new(&rows, &r->rows, err);
    }
    if (!st) {
        st = identity_new(domains, cfg->n_domains, &r->identity);
    }
    if (!st) {
        st = encoder_new(READER_EVENT, shipped_id(READER_EVENT), &r->encoder);
    }
    if (!st) {
        encoder_domains(r->encoder, domains, cfg->n_domains);
    }
    r->bytes = st ? NULL : malloc(MESSAGE_MAX);
    r->cap_bytes = MESSAGE_MAX;
    return !st && !r->bytes ? ST_NOMEM : st;
}

void repartition_close(struct repartition *r) {
    waiting_free(&r->rows_waiting);
    encoder_free(r->encoder);
    identity_free(r->identity);
    intake_free(r->rows);
    intake_free(r->raws);
    free(r->bytes);
}

/* ---- identities ----------------------------------------------------------------------------- */

/* ST_AGAIN: its schema is being asked for. */
static enum status take_identity(struct repartition *r, const struct record *rec) {
    struct intake_row row;
    const char *detail = "";
    struct record placed = *rec;
    placed.misplaced = false; /* read whole by everybody: any partition will do */
    if (r->cfg->globals[rec->topic].kind != KIND_IDENTITY) {
        return ST_OK;
    }
    const enum intake_reason bad = intake_row(r->rows, &placed, &row, &detail);
    if (bad) {
        return bad == INTAKE_WAIT ? ST_AGAIN : ST_OK; /* of a bad one the learner's thread speaks */
    }
    const struct decoded_identity *d = &row.identity;
    const enum status st = identity_link(r->identity, d->domain, d->partner_id, d->partner_id_len,
                                         d->user_id, d->user_id_len);
    return st == ST_NOMEM ? st : ST_OK;
}

/* What waits for its schema keeps everything behind it waiting: rows of one key stay in order. */
static enum status take_waiting(struct repartition *r) {
    struct record row;
    enum status st = ST_OK;
    while (!st && waiting_first(&r->rows_waiting, &row)) {
        st = take_identity(r, &row);
        if (!st) {
            waiting_pop(&r->rows_waiting);
        }
    }
    return st;
}

enum status repartition_identities(struct repartition *r) {
    struct record rows[IDENTITIES_A_LOOP];
    const struct globals *g = &r->ports.identities;
    enum status st = take_waiting(r);
    if (st) {
        return st == ST_AGAIN ? ST_OK : st;
    }
    const size_t n = g->poll ? g->poll(g->ctx, rows, IDENTITIES_A_LOOP) : 0;
    for (size_t k = 0; !st && k < n; k++) {
        st = r->rows_waiting.n > 0 ? ST_AGAIN : take_identity(r, &rows[k]);
        st = st == ST_AGAIN ? waiting_push(&r->rows_waiting, &rows[k]) : st;
    }
    if (!r->identities_complete && n == 0 && (!g->poll || g->complete(g->ctx))) {
        r->identities_complete = true;
        LOG_INFO("identities are read to their end", LOG_INT("links", identity_n(r->identity)));
    }
    return st;
}

/* ---- messages -------------------------------------------------------------------------------- */

static enum status append_letter(struct repartition *r, const struct record *rec,
                                 enum intake_reason reason, const char *detail) {
    const size_t size = letter_size(rec);
    char *block = malloc(size);
    if (!block) {
        return ST_NOMEM;
    }
    const char *topic = r->cfg->raws[rec->topic].name;
    letter_write(block, topic, rec, reason, detail);
    const struct record message = {.value = block, .value_len = size, .topic = MESSAGE_LETTER};
    enum status st = waiting_push(&r->batch, &message);
    free(block);
    r->last_bad = reason;
    metric_add(M_DEAD_LETTERS, (uint32_t)reason, 1);
    LOG_WARN("bad event: goes to the dead-letter topic", LOG_STR("topic", topic),
             LOG_INT("partition", rec->partition), LOG_INT("offset", rec->offset),
             LOG_STR("reason", intake_reason_code(reason)), LOG_STR("detail", detail));
    return st;
}

/* `domain:id`; what would be too long, and what has no id, is named by a hash. Ids may have any
 * bytes. */
static void name_event(const struct repartition *r, const struct event *e, struct decoded *d,
                       char buf[ID_LEN_MAX + 1]) {
    const char *domain = r->cfg->domains[e->domain].name;
    size_t len = strlen(domain) + 1;
    if (d->event_id_len > 0 && len + d->event_id_len <= ID_LEN_MAX) {
        memcpy(buf, domain, len - 1);
        buf[len - 1] = ':';
        memcpy(buf + len, d->event_id, d->event_id_len);
        len += d->event_id_len;
    } else {
        len = (size_t)snprintf(buf, ID_LEN_MAX + 1, "%.100s:#%016" PRIx64, domain, e->id);
    }
    d->event_id = buf;
    d->event_id_len = len;
}

/* The other user by his own id, as the first: partners may know him by several. */
static void name_counterpart(const struct repartition *r, const struct event *e, struct decoded *d,
                             char buf[ID_LEN_MAX]) {
    enum status st = ST_RANGE;
    if (e->counterpart != 0) {
        st = identity_user(r->identity, e->domain, d->counterpart, d->counterpart_len, buf,
                           &d->counterpart, &d->counterpart_len);
    }
    if (st == ST_RANGE) { /* nobody, or too long beside the name of its domain */
        d->counterpart_len = 0;
    }
}

static enum status append_event(struct repartition *r, const struct record *rec,
                                const struct event *e) {
    struct decoded d = *intake_decoded(r->raws);
    char name[ID_LEN_MAX + 1];
    char user[ID_LEN_MAX];
    char other[ID_LEN_MAX];
    const enum status linked = identity_user(r->identity, e->domain, d.user_id, d.user_id_len, user,
                                             &d.user_id, &d.user_id_len);
    if (linked == ST_RANGE) {
        return append_letter(r, rec, INTAKE_USER, "too long beside the name of its domain");
    }
    if (linked == ST_NOT_FOUND) {
        metric_add(M_UNLINKED, rec->topic, 1);
    }
    name_event(r, e, &d, name);
    name_counterpart(r, e, &d, other);
    size_t len = 0;
    enum status st = encode(r->encoder, &d, r->bytes, r->cap_bytes, &len);
    if (st) {
        return st == ST_NOMEM ? st : append_letter(r, rec, INTAKE_OVERSIZED, "");
    }
    const struct record message = {.key = d.user_id,
                                   .key_len = d.user_id_len,
                                   .value = r->bytes,
                                   .value_len = len,
                                   .timestamp_ms = rec->timestamp_ms > 0 ? rec->timestamp_ms : 0,
                                   .topic = MESSAGE_EVENT};
    metric_add(M_REPARTITIONED, rec->topic, 1);
    return waiting_push(&r->batch, &message);
}

enum status repartition_message(struct repartition *r, const struct record *rec, int64_t now_ms) {
    struct event e;
    const char *detail = "";
    struct record placed = *rec;
    placed.misplaced = false; /* whatever the partner's partitioner */
    const enum intake_reason bad = intake_event(
        r->raws, &placed, r->cfg->clock == CLOCK_STREAM ? INT64_MAX : now_ms, &e, &detail);
    if (bad == INTAKE_WAIT) {
        return ST_AGAIN;
    }
    if (bad == INTAKE_IGNORED) {
        metric_add(M_IGNORED, r->cfg->n_topics + rec->topic, 1);
        return ST_OK;
    }
    return bad ? append_letter(r, rec, bad, detail) : append_event(r, rec, &e);
}
