/* SPDX-License-Identifier: Apache-2.0
 * instance_globals.c -- what global topics say: catalogues, profiles, privacy requests and
 * identities; see instance.h and instance_state.h. */
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

enum { ROWS_A_LOOP = 128 };

/* ---- life cycle -------------------------------------------------------------------------- */

enum status instance_globals_new(struct instance *in, char *err) {
    const struct config *cfg = in->cfg;
    const char *domains[DOMAINS_MAX];
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        domains[d] = cfg->domains[d].name;
    }
    enum status st = people_new(&in->people);
    st = st ? st : recent_new(&in->feedback);
    if (!st && cfg->n_raws > 0) {
        st = identity_new(domains, cfg->n_domains, &in->identity);
    }
    if (!st && cfg->n_globals > 0) {
        const struct intake_spec spec = {
            .cfg = cfg, .topics = cfg->globals, .n_topics = cfg->n_globals, .lookup = in->lookup};
        st = intake_new(&spec, &in->rows, err);
    }
    return st;
}

void instance_globals_free(struct instance *in) {
    waiting_free(&in->rows_waiting);
    intake_free(in->rows);
    identity_free(in->identity);
    people_free(in->people);
    recent_free(in->feedback);
}

void instance_globals_restart(struct instance *in) {
    if (in->ports.globals.poll) {
        waiting_free(&in->rows_waiting);
        in->ports.globals.restart(in->ports.globals.ctx);
        in->globals_complete = false;
    }
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Lists that were ranked before this row may be wrong; whoever takes a task over must know. */
static void note_change(struct instance *in, int64_t record_ms) {
    const int64_t at_ms = record_ms >= 0 ? record_ms : instance_wall_ms();
    in->rows_changed_ms = at_ms > in->rows_changed_ms ? at_ms : in->rows_changed_ms;
}

static enum status take_item(struct instance *in, const struct content_row *row,
                             int64_t record_ms) {
    struct content_change change;
    enum status st = learner_item(in->learner, row, &change);
    if (st == ST_INVALID) {
        LOG_WARN("an item has the hash of an item of another domain: its row is left out",
                 LOG_STR("domain", in->cfg->domains[row->domain].name));
        return ST_OK;
    }
    if (!st && (change.withdrawn || change.returned)) {
        note_change(in, record_ms);
    }
    if (!st && in->globals_complete && (change.withdrawn || change.returned)) {
        in->catalogue_changed = true;
        instance_similar_hurry(in);
        in->next_cards_ms = 0;
    }
    return st;
}

/* Without repartitioning nobody asks who is who. */
static enum status take_identity(struct instance *in, const struct intake_row *row,
                                 int64_t record_ms) {
    const struct decoded_identity *d = &row->identity;
    if (!in->identity) {
        return ST_OK;
    }
    enum status st = identity_link(in->identity, d->domain, d->partner_id, d->partner_id_len,
                                   row->user_id, row->user_id_len);
    if (!st && row->user_id_len > 0) {
        note_change(in, record_ms);
        st = instance_news_of(in, row->user); /* his list is due under this id */
    }
    return st == ST_NOMEM ? st : ST_OK; /* the intake has checked the lengths */
}

/* Whoever withdrew or asked to be erased is gone at once: lists, history, undo. */
static enum status take_person(struct instance *in, const struct intake_row *row) {
    const enum status st = row->kind == KIND_PROFILE
                               ? people_profile(in->people, row->user, &row->profile)
                               : people_request(in->people, row->user, &row->privacy);
    const bool erase = row->kind == KIND_PRIVACY && row->privacy.request == PRIVACY_ERASE;
    if (!st && (erase || !people_may_show(in->people, row->user))) {
        instance_hide(in, row->user);
    }
    return st;
}

static enum status take_rule(struct instance *in, const struct intake_row *row, int64_t record_ms) {
    bool changed = false;
    enum status st = instance_take_rule(in, row, &changed);
    if (changed) {
        note_change(in, record_ms);
    }
    return st;
}

static enum status take(struct instance *in, const struct intake_row *row, int64_t record_ms) {
    switch (row->kind) {
    case KIND_RULE: return take_rule(in, row, record_ms);
    case KIND_ITEM: return take_item(in, &row->item, record_ms);
    case KIND_PROFILE:
    case KIND_PRIVACY: return take_person(in, row);
    case KIND_IDENTITY: return take_identity(in, row, record_ms);
    default: return ST_OK;
    }
}

static void tell_bad(struct instance *in, const struct record *r, enum intake_reason bad,
                     const char *detail) {
    metric_add(M_BAD_ROWS, (uint32_t)bad, 1);
    LOG_WARN("bad row of a global topic: left out; it stays in its topic",
             LOG_STR("topic", in->cfg->globals[r->topic].name), LOG_INT("partition", r->partition),
             LOG_INT("offset", r->offset), LOG_STR("reason", intake_reason_code(bad)),
             LOG_STR("detail", detail));
}

static void take_or_fail(struct instance *in, const struct intake_row *row, int64_t record_ms) {
    if (take(in, row, record_ms)) {
        instance_fail(in, ST_NOMEM, "out of memory for a global topic");
    }
}

/* False if its schema is being asked for. */
static bool take_row(struct instance *in, const struct record *r) {
    struct intake_row row;
    const char *detail = "";
    struct record placed = *r;
    placed.misplaced = false; /* read whole by everybody: any partition will do */
    const enum intake_reason bad = intake_row(in->rows, &placed, &row, &detail);
    if (bad == INTAKE_WAIT) {
        return false;
    }
    if (bad == INTAKE_IGNORED) {
        metric_add(M_IGNORED, in->cfg->n_topics + in->cfg->n_raws + r->topic, 1);
    } else if (bad && !(bad == INTAKE_EMPTY && row.kind == KIND_PRIVACY)) {
        tell_bad(in, r, bad, detail);
    } else if (!bad) {
        metric_add(M_ROWS, r->topic, 1);
        take_or_fail(in, &row, r->timestamp_ms);
    }
    if (bad && row.kind == KIND_RULE && row.rule.gone) { /* the bad record stands in its place */
        take_or_fail(in, &row, r->timestamp_ms);
    }
    return true;
}

/* What waits for its schema keeps everything behind it waiting: rows of one key stay in order. */
static size_t take_waiting(struct instance *in) {
    struct record r;
    size_t n = 0;
    while (!in->fatal && n < ROWS_A_LOOP && instance_can_hide(in, 1) &&
           waiting_first(&in->rows_waiting, &r) && take_row(in, &r)) {
        waiting_pop(&in->rows_waiting);
        n++;
    }
    return n;
}

static size_t take_new(struct instance *in) {
    struct record records[ROWS_A_LOOP];
    const size_t n = in->ports.globals.poll(in->ports.globals.ctx, records, ROWS_A_LOOP);
    for (size_t k = 0; k < n && !in->fatal; k++) {
        if ((in->rows_waiting.n > 0 || !take_row(in, &records[k])) &&
            waiting_push(&in->rows_waiting, &records[k])) {
            instance_fail(in, ST_NOMEM, "out of memory for rows that wait for their schema");
        }
    }
    return n;
}

size_t instance_globals(struct instance *in) {
    if (!in->ports.globals.poll || !instance_can_hide(in, ROWS_A_LOOP)) {
        return 0;
    }
    const size_t waited = in->rows_waiting.n > 0 ? take_waiting(in) : 0;
    const size_t n = in->rows_waiting.n > 0 ? 0 : take_new(in);
    if (!in->globals_complete && in->rows_waiting.n == 0 && n == 0 &&
        in->ports.globals.complete(in->ports.globals.ctx)) {
        in->globals_complete = true;
        LOG_INFO("global topics are read to their end", LOG_INT("people", people_n(in->people)),
                 LOG_INT("items", items_n(learner_shared(in->learner)->items)));
    }
    return waited + n;
}
