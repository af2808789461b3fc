/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_outbox.c -- committed triggers on their way to the streams; see instance_state.h.
 *
 *     Ask end ─► Find end ─► Found        a task restores: the newest id in its outbox partition
 *     Ask streams ─► Await streams        the task runs: what each stream's last id is
 *       ─► Ask log ─► Read log ─► Live    what the outbox has behind that is written; then batches
 *                                         are handed over as they are committed
 *
 * Each entry names the one that was written to its stream before (redis.h): so a stream that lost
 * entries takes nothing more until all that is missing has been read from the outbox again. That
 * happens at a takeover, when Redis lost data, when an entry was refused for that reason, and when
 * there was no room for a batch: waiting triggers are not kept in memory.
 *
 * The log is read from some records before its end; if the first one that comes is not in the
 * streams, from farther back, up to the earliest retained.
 *
 * Skipped: expired ones, and those of users who may not be shown anything any more or were erased
 * since.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

enum {
    BACK_FIRST = 64, /* records, commit markers too */
    BACK_FACTOR = 16,
    RECORDS_MAX = 256,
    RETRY_MS = 200,
};

/* ---- streams --------------------------------------------------------------------------------- */

static bool has_stream(const struct instance *in, uint32_t domain) {
    for (uint32_t k = 0; k < in->cfg->n_triggers; k++) {
        if (in->cfg->triggers[k].target == domain) {
            return true;
        }
    }
    return false;
}

static uint32_t n_streams(const struct instance *in) {
    uint32_t n = 0;
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        n += has_stream(in, d);
    }
    return n;
}

/* Whatever is not above it is in every stream. */
static struct entry_id least(const struct instance *in, const struct delivery *d) {
    struct entry_id best = {.ms = UINT64_MAX, .seq = UINT64_MAX};
    for (uint32_t k = 0; k < in->cfg->n_domains; k++) {
        if (has_stream(in, k) && entry_id_compare(d->last[k], best) < 0) {
            best = d->last[k];
        }
    }
    return best;
}

static void stop_reading(struct instance *in, struct place *pl) {
    in->ports.outbox.remove(in->ports.outbox.ctx, (int32_t)pl->task.p);
}

static void ask_log(struct place *pl, int64_t from) {
    pl->delivery.state = DELIVERY_ASK_LOG;
    pl->delivery.from = from;
    pl->delivery.judging = from < 0;
}

/* From what is in the streams. */
static void restart(struct instance *in, struct place *pl) {
    struct delivery *d = &pl->delivery;
    if (d->state == DELIVERY_READ_LOG) {
        stop_reading(in, pl);
    }
    *d = (struct delivery){
        .state = DELIVERY_ASK_STREAMS, .generation = ++in->delivery_generation, .back = BACK_FIRST};
}

static void ask_streams(struct instance *in, struct place *pl) {
    struct delivery *d = &pl->delivery;
    for (; d->asked < in->cfg->n_domains; d->asked++) {
        if (!has_stream(in, d->asked)) {
            continue;
        }
        struct rec *r = publisher_reserve(in->publisher);
        if (!r) {
            return;
        }
        r->kind = REC_STREAM;
        r->task = (int32_t)pl->task.p;
        r->target = (uint8_t)d->asked;
        r->generation = d->generation;
        publisher_push(in->publisher);
    }
    d->state = DELIVERY_AWAIT_STREAMS;
}

void instance_outbox_ack(struct instance *in, struct place *pl, const struct publisher_ack *a) {
    struct delivery *d = &pl->delivery;
    if (a->generation != d->generation || d->state < DELIVERY_ASK_STREAMS) {
        return; /* of an earlier beginning */
    }
    if (a->kind == ACK_GAP) {
        LOG_WARN("a stream of triggers lost entries: the unexpired ones are written again",
                 LOG_INT("task", pl->task.p), LOG_STR("target", in->cfg->domains[a->target].name));
        restart(in, pl);
        return;
    }
    d->last[a->target] = (struct entry_id){.ms = a->epoch, .seq = a->seq};
    outbox_pass(&pl->outbox, d->last[a->target]);
    if (++d->answered == n_streams(in)) {
        ask_log(pl, -1);
    }
}

/* ---- one trigger -------------------------------------------------------------------------------
 */

static bool is_expired(const struct instance *in, int64_t expires_ms) {
    return instance_clock_ms(in) >= expires_ms;
}

/* Into the publisher's queue. Takes *bytes if it is written. False: there is no room. */
static bool deliver(struct instance *in, struct place *pl, struct entry_id id, uint8_t target,
                    uint8_t **bytes, size_t len) {
    struct delivery *d = &pl->delivery;
    struct rec *r = publisher_reserve(in->publisher);
    if (!r) {
        return false;
    }
    r->kind = REC_TRIGGER;
    r->task = (int32_t)pl->task.p;
    r->target = target;
    r->epoch = id.ms;
    r->seq = id.seq;
    r->after_ms = d->last[target].ms;
    r->after_seq = d->last[target].seq;
#ifdef CROSSREC_SEED_GAP_UNSEEN
    r->after_ms = 0;
    r->after_seq = 0;
#endif
    r->generation = d->generation;
    r->trigger = *bytes;
    r->trigger_len = len;
    publisher_push(in->publisher);
    d->last[target] = id;
    *bytes = NULL;
    return true;
}

/* Names that are in use no more: n_domains. */
static uint8_t target_of(const struct instance *in, struct trigger_text name) {
    uint32_t d = 0;
    while (d < in->cfg->n_domains &&
           (strlen(in->cfg->domains[d].name) != name.len ||
            memcmp(in->cfg->domains[d].name, name.s, name.len) != 0 || !has_stream(in, d))) {
        d++;
    }
    return (uint8_t)d;
}

static bool is_gone(const struct instance *in, const struct record *r, int64_t ts_ms) {
    const uint64_t user = hash_id(r->key ? r->key : "", r->key_len);
    return !people_may_show(in->people, user) || !people_may_learn(in->people, user, ts_ms);
}

/* False: there is no room, nothing was done. */
static bool deliver_again(struct instance *in, struct place *pl, const struct record *r,
                          const struct trigger *t) {
    const uint8_t target = target_of(in, t->target);
    if (target == in->cfg->n_domains || entry_id_compare(t->id, pl->delivery.last[target]) <= 0 ||
        is_gone(in, r, t->ts_ms)) {
        return true;
    }
    if (is_expired(in, t->expires_ms)) {
        metric_add(M_TRIGGERS_EXPIRED, 0, 1);
        return true;
    }
    uint8_t *bytes = malloc(r->value_len);
    if (!bytes) {
        instance_fail(in, ST_NOMEM, "out of memory for a trigger");
        return true;
    }
    memcpy(bytes, r->value, r->value_len);
    const bool room = deliver(in, pl, t->id, target, &bytes, r->value_len);
    free(bytes);
    return room;
}

struct handing { /* a batch that is final */
    struct instance *in;
    struct place *pl;
    bool live;
};

static void hand_over(void *arg, struct outbox_entry *e) {
    struct handing *h = arg;
    metric_add(M_TRIGGERS, e->trigger, 1);
    if (!h->live) {
        return;
    }
    if (is_expired(h->in, e->expires_ms)) {
        metric_add(M_TRIGGERS_EXPIRED, 0, 1);
    } else if (!deliver(h->in, h->pl, e->id, e->target, &e->bytes, e->len)) {
        h->live = false; /* the rest follows from the log */
        ask_log(h->pl, -1);
        h->pl->delivery.back = BACK_FIRST;
    }
}

void instance_outbox_committed(struct instance *in, struct place *pl) {
    struct handing h = {.in = in, .pl = pl, .live = pl->delivery.state == DELIVERY_LIVE};
    pl->delivery.missed |= !h.live;
    outbox_committed(&pl->outbox, hand_over, &h);
}

enum status instance_outbox_seal(struct place *pl, struct sealed *batch) {
    size_t n = 0;
    enum status st = ST_OK;
    const struct outbox_entry *e = outbox_open(&pl->outbox, &n);
    for (size_t k = 0; k < n && !st; k++) {
        const struct parcel parcel = {.kind = PARCEL_OUTBOX,
                                      .partition = (int32_t)batch->task,
                                      .key = e[k].bytes + e[k].len,
                                      .key_len = e[k].key_len,
                                      .value = e[k].bytes,
                                      .value_len = e[k].len};
        st = parcels_add(&batch->parcels, &parcel);
    }
    outbox_seal(&pl->outbox);
    return st;
}

/* ---- the log -----------------------------------------------------------------------------------
 */

/* Begins to read at d->from, or some records before the end. False: not now. */
static bool open_log(struct instance *in, struct place *pl, bool *empty) {
    struct delivery *d = &pl->delivery;
    const struct log_port *log = &in->ports.outbox;
    const int32_t p = (int32_t)pl->task.p;
    struct log_bounds b;
    if (in->now_ms < d->retry_ms) {
        return false;
    }
    enum status st = log->bounds(log->ctx, p, &b);
    if (!st) {
        int64_t from = d->from < 0 ? b.high - d->back : d->from;
#ifdef CROSSREC_SEED_OUTBOX_READ_LATE
        from = d->from < 0 ? b.high : from;
#endif
        d->low = b.low;
        d->high = b.high;
        d->from = from > b.low ? from : b.low;
        *empty = d->from >= b.high;
        st = *empty ? ST_OK : log->add(log->ctx, p, d->from);
    }
    if (st) {
        d->retry_ms = in->now_ms + RETRY_MS;
        d->from = d->judging ? -1 : d->from;
    }
    return st == ST_OK;
}

/* Farther back, if there is something. */
static bool step_back(struct instance *in, struct place *pl, enum delivery_state ask) {
    struct delivery *d = &pl->delivery;
    if (d->from <= d->low) {
        return false;
    }
    stop_reading(in, pl);
    d->back *= BACK_FACTOR;
    d->from = -1;
    d->state = ask;
    return true;
}

static void at_end(struct instance *in, struct place *pl) {
    struct delivery *d = &pl->delivery;
    const bool tail = d->state == DELIVERY_FIND_END;
    if (d->judging && step_back(in, pl, tail ? DELIVERY_ASK_END : DELIVERY_ASK_LOG)) {
        return;
    }
    stop_reading(in, pl);
    if (tail) {
        d->state = DELIVERY_FOUND;
    } else if (d->missed) {
        ask_log(pl, d->high);
    } else {
        d->state = DELIVERY_LIVE;
    }
}

static void take_record(struct instance *in, const struct record *r) {
    struct place *pl = instance_place(in, (uint32_t)r->partition);
    struct delivery *d = pl ? &pl->delivery : NULL;
    struct trigger t;
    if (!d || (d->state != DELIVERY_FIND_END && d->state != DELIVERY_READ_LOG) || r->end ||
        !r->value) {
        return;
    }
    if (trigger_read(r->value, r->value_len, &t)) {
        LOG_ERROR("a record of the outbox cannot be read: left out",
                  LOG_STR("topic", in->cfg->outbox_topic), LOG_INT("partition", r->partition),
                  LOG_INT("offset", r->offset));
        return;
    }
    outbox_pass(&pl->outbox, t.id);
    if (d->state == DELIVERY_FIND_END) {
        d->judging = false;
        return;
    }
    if (d->judging && entry_id_compare(t.id, least(in, d)) > 0 &&
        step_back(in, pl, DELIVERY_ASK_LOG)) {
        return;
    }
    d->judging = false;
    if (!deliver_again(in, pl, r, &t)) {
        stop_reading(in, pl);
        ask_log(pl, r->offset);
    }
}

static bool is_reading(const struct delivery *d) {
    return d->state == DELIVERY_FIND_END || d->state == DELIVERY_READ_LOG;
}

static void read_log(struct instance *in) {
    struct record records[RECORDS_MAX];
    const struct log_port *log = &in->ports.outbox;
    const size_t n = log->poll(log->ctx, records, RECORDS_MAX, 0);
    for (size_t k = 0; k < n && !in->fatal; k++) {
        take_record(in, &records[k]);
    }
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (!pl || !is_reading(&pl->delivery)) {
            continue;
        }
        if (log->look(log->ctx, (int32_t)p) == ST_RANGE) { /* retention came by */
            stop_reading(in, pl);
            pl->delivery.from = -1;
            pl->delivery.state =
                pl->delivery.state == DELIVERY_FIND_END ? DELIVERY_ASK_END : DELIVERY_ASK_LOG;
        } else if (log->position(log->ctx, (int32_t)p) >= pl->delivery.high) {
            at_end(in, pl);
        }
    }
}

/* ---- steps -------------------------------------------------------------------------------------
 */

static void find_end(struct instance *in, struct place *pl) {
    bool empty = false;
    pl->delivery.judging = true;
    if (open_log(in, pl, &empty)) {
        pl->delivery.state = empty ? DELIVERY_FOUND : DELIVERY_FIND_END;
    }
}

static void begin_log(struct instance *in, struct place *pl) {
    struct delivery *d = &pl->delivery;
    bool empty = false;
    if (publisher_room(in->publisher) < RECORDS_MAX) {
        return; /* Redis is slow or away */
    }
    d->missed = false; /* what is committed from now on may stand above the end */
    if (open_log(in, pl, &empty)) {
        d->state = empty ? DELIVERY_LIVE : DELIVERY_READ_LOG;
    }
}

void instance_outbox_take(struct instance *in) {
    bool reading = false;
    if (!instance_triggers_on(in)) {
        return;
    }
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (!pl) {
            continue;
        }
        switch (pl->delivery.state) {
        case DELIVERY_ASK_END: find_end(in, pl); break;
        case DELIVERY_ASK_STREAMS: ask_streams(in, pl); break;
        case DELIVERY_ASK_LOG: begin_log(in, pl); break;
        default: break;
        }
        reading |= is_reading(&pl->delivery);
    }
    if (reading) {
        read_log(in);
    }
}

void instance_outbox_begin(struct instance *in, struct place *pl) {
    instance_outbox_leave(in, pl);
    if (instance_triggers_on(in)) {
        pl->delivery = (struct delivery){.state = DELIVERY_ASK_END, .from = -1, .back = BACK_FIRST};
    }
}

bool instance_outbox_restored(const struct instance *in, const struct place *pl) {
    return !instance_triggers_on(in) || pl->delivery.state >= DELIVERY_FOUND;
}

void instance_outbox_run(struct instance *in, struct place *pl) {
    if (instance_triggers_on(in)) {
        restart(in, pl);
    }
}

void instance_outbox_lost(struct instance *in) {
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->delivery.state >= DELIVERY_ASK_STREAMS) {
            restart(in, pl);
        }
    }
}

void instance_outbox_leave(struct instance *in, struct place *pl) {
    if (is_reading(&pl->delivery)) {
        stop_reading(in, pl);
    }
    pl->delivery = (struct delivery){.state = DELIVERY_NONE};
}

bool instance_outbox_settled(const struct instance *in, const struct place *pl) {
    return !instance_triggers_on(in) || pl->delivery.state == DELIVERY_LIVE;
}
