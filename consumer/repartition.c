/* SPDX-License-Identifier: Apache-2.0
 * repartition.c -- see repartition.h: the thread, batches and transactions. Records become
 * messages in repartition_message.c. */
#include "repartition.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "letter.h"
#include "log.h"
#include "metrics.h"
#include "repartition_state.h"

enum {
    POLL_MAX = 512,
    POLL_MS = 20,
    BATCH_MS = 100,        /* a batch is committed after this, ...                */
    BATCH_RECORDS = 10000, /* ... or with so many records, ...                    */
    BATCH_BYTES = 8 << 20, /* ... or bytes                                        */
    RETRY_MS = 200,        /* between two tries of a batch                        */
    STOP_MS = 5000,        /* the last batch gets so long                         */
    IDENTITIES_MS = 2,
    PROBLEM_MAX = 160,
};

static const char FENCED[] =
    "transactions cannot go on: another instance has the same instance.id (give each its own and "
    "restart), or a right is missing: the log says which";

static void nap_ms(int64_t ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static void set_why(struct repartition *r, const char *why) {
    pthread_mutex_lock(&r->why_lock);
    snprintf(r->why, sizeof r->why, "%s", why);
    pthread_mutex_unlock(&r->why_lock);
}

static void fail(struct repartition *r, const char *why) {
    if (!r->failed) {
        r->failed = true;
        LOG_ERROR("repartitioning stops", LOG_STR("error", why));
        set_why(r, why);
        r->ports.failed(r->ports.failed_ctx);
    }
}

/* ---- parts ------------------------------------------------------------------------------- */

static struct raw_part *part_of(struct repartition *r, uint16_t topic, int32_t partition) {
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].topic == topic && r->parts[i].partition == partition) {
            return &r->parts[i];
        }
    }
    return NULL;
}

static void update_pause(struct repartition *r, struct raw_part *p) {
    const bool pause = p->waiting.n > 0 || r->stuck || r->breaker.state == BREAKER_OPEN;
    if (pause != p->paused) {
        p->paused = pause;
        (pause ? r->ports.source.pause : r->ports.source.resume)(r->ports.source.ctx, p->topic,
                                                                 p->partition);
    }
}

static void update_pauses(struct repartition *r) {
    for (size_t i = 0; i < r->n_parts; i++) {
        update_pause(r, &r->parts[i]);
    }
}

static void set_stuck(struct repartition *r, bool stuck) {
    r->stuck = stuck;
    update_pauses(r);
}

static void drop_parts(struct repartition *r) {
    for (size_t i = 0; i < r->n_parts; i++) {
        waiting_free(&r->parts[i].waiting);
    }
    free(r->parts);
    r->parts = NULL;
    r->n_parts = 0;
    waiting_free(&r->batch);
    r->opened_ms = 0;
    r->stuck = false;
    r->generation = 0;
}

/* ---- a batch as one transaction ------------------------------------------------------------ */

/* Everything of the batch; it stays where it is, to be sent again. */
static enum status send_batch(struct repartition *r) {
    const struct letterbox box = letterbox_in(&r->ports.transactions);
    struct waiting all = r->batch; /* a reader of its own; the bytes are shared */
    struct record m;
    enum status st = ST_OK;
    while (!st && waiting_first(&all, &m)) {
        do {
            st = m.topic == MESSAGE_LETTER
                     ? letter_send(m.value, r->cfg->dead_letters, &box)
                     : box.send(box.ctx, r->cfg->events, m.key, m.key_len, m.value, m.value_len,
                                m.timestamp_ms, NULL, 0);
        } while (st == ST_AGAIN && !atomic_load(&r->stop));
        waiting_pop(&all);
    }
    return st;
}

/* Positions behind what the batch holds; (n_parts,). */
static size_t positions(const struct repartition *r, struct position *out) {
    size_t n = 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].next >= 0) {
            out[n++] = (struct position){.offset = r->parts[i].next,
                                         .partition = r->parts[i].partition,
                                         .topic = r->parts[i].topic};
        }
    }
    return n;
}

/* After a commit that nobody answered: did it happen? ST_OK, ST_LOST (it did not); else nobody
 * knows yet. */
static enum status resolve(struct repartition *r, const struct position *sent, size_t n) {
    enum status st = r->ports.transactions.renew(r->ports.transactions.ctx);
    struct position *stand = calloc(n, sizeof *stand);
    if (!st && !stand) {
        st = ST_NOMEM;
    }
    if (!st) {
        memcpy(stand, sent, n * sizeof *stand);
        st = r->ports.source.committed(r->ports.source.ctx, stand, n);
    }
    for (size_t i = 0; !st && i < n; i++) {
        st = stand[i].offset < sent[i].offset ? ST_LOST : ST_OK; /* all of them, or none */
    }
    free(stand);
    return st;
}

static enum status attempt(struct repartition *r, const struct position *parts, size_t n) {
    const struct transactions *tx = &r->ports.transactions;
    if (r->unknown) {
        enum status st = resolve(r, parts, n);
        r->unknown = st != ST_OK && st != ST_LOST;
        if (st != ST_LOST) {
            return st;
        }
    }
    enum status st = tx->begin(tx->ctx);
    if (!st && send_batch(r)) {
        st = tx->abort(tx->ctx);
        st = st ? st : ST_LOST;
    } else if (!st) {
        st = tx->commit(tx->ctx, parts, n, r->generation);
    }
    r->unknown = st == ST_AGAIN;
    return st;
}

/* True if the batch is committed; false: it is tried again. */
static bool commit_batch(struct repartition *r) {
    struct position *parts = calloc(r->n_parts + 1, sizeof *parts);
    if (!parts) {
        fail(r, "out of memory");
        return false;
    }
    const size_t n = positions(r, parts);
    const enum status st = attempt(r, parts, n);
    free(parts);
    if (!st) {
        waiting_free(&r->batch);
        for (size_t i = 0; i < r->n_parts; i++) {
            r->parts[i].next = -1;
        }
        set_stuck(r, false);
        return true;
    }
    if (st == ST_INVALID || st == ST_FENCED) {
        fail(r, FENCED);
    } else {
        LOG_WARN("a transaction did not go through; trying again",
                 LOG_STR("status", status_str(st)), LOG_INT("messages", r->batch.n));
    }
    r->retry_ms = clock_mono_ms() + RETRY_MS;
    set_stuck(r, true);
    return false;
}

/* An assignment ended before it was known what became of its last transaction: those who have the
 * partitions now wait until it is over. */
static void settle(struct repartition *r) {
    if (!r->unknown || r->opened_ms != 0 || clock_mono_ms() < r->retry_ms) {
        return;
    }
    const enum status st = r->ports.transactions.renew(r->ports.transactions.ctx);
    r->unknown = st != ST_OK;
    r->retry_ms = clock_mono_ms() + RETRY_MS;
    if (st == ST_INVALID || st == ST_FENCED) {
        fail(r, FENCED);
    }
}

/* ---- records -------------------------------------------------------------------------------- */

static void tell_breaker(struct repartition *r, const struct record *rec) {
    if (r->last_bad) {
        r->worst = r->last_bad;
        r->worst_topic = rec->topic;
    }
    if (breaker_take(&r->breaker, r->last_bad != INTAKE_OK, clock_mono_ms())) {
        LOG_ERROR("too many bad events: reading stops for a while, nothing is lost; repair the "
                  "producer or the mapping, then crossrec dead-letters redrive",
                  LOG_STR("topic", r->cfg->raws[rec->topic].name),
                  LOG_INT("partition", rec->partition), LOG_INT("offset", rec->offset),
                  LOG_STR("reason", intake_reason_code(r->last_bad)));
        update_pauses(r);
    }
}

/* False if its schema is being asked for. */
static bool take(struct repartition *r, struct raw_part *p, const struct record *rec) {
    if (rec->end) {
        return true;
    }
    r->last_bad = INTAKE_OK;
    const enum status st = repartition_message(r, rec, clock_wall_ms());
    if (st == ST_AGAIN) {
        return false;
    }
    if (st) {
        fail(r, "out of memory");
    }
    tell_breaker(r, rec);
    p->next = rec->offset + 1;
    if (r->opened_ms == 0) {
        r->opened_ms = clock_mono_ms();
    }
    return true;
}

static void take_records(struct repartition *r) {
    struct record records[POLL_MAX];
    const size_t n = r->ports.source.poll(r->ports.source.ctx, records, POLL_MAX, POLL_MS);
    for (size_t k = 0; k < n && !r->failed; k++) {
        struct raw_part *p = part_of(r, records[k].topic, records[k].partition);
        if (!p) {
            continue;
        }
        /* in order: behind one that waits, everything waits */
        if ((p->waiting.n > 0 || r->stuck || !take(r, p, &records[k])) &&
            waiting_push(&p->waiting, &records[k])) {
            fail(r, "out of memory");
        }
        update_pause(r, p);
    }
}

static void take_waiting(struct repartition *r) {
    if (r->breaker.state == BREAKER_OPEN && breaker_allows(&r->breaker, clock_mono_ms())) {
        LOG_INFO("trying again after too many bad events");
        update_pauses(r);
    }
    for (size_t i = 0; i < r->n_parts && !r->stuck; i++) {
        struct raw_part *p = &r->parts[i];
        struct record rec;
        while (!r->failed && waiting_first(&p->waiting, &rec) && take(r, p, &rec)) {
            waiting_pop(&p->waiting);
        }
        if (p->waiting.n == 0) {
            waiting_free(&p->waiting);
        }
        update_pause(r, p);
    }
}

static bool is_due(const struct repartition *r) {
    const int64_t now = clock_mono_ms();
    if (r->opened_ms == 0 || (r->stuck && now < r->retry_ms)) {
        return false;
    }
    return r->stuck || now >= r->opened_ms + BATCH_MS || r->batch.n >= BATCH_RECORDS ||
           r->batch.len >= BATCH_BYTES;
}

static void commit_when_due(struct repartition *r) {
    if (is_due(r) && commit_batch(r)) {
        r->opened_ms = 0;
    }
}

/* ---- rebalances ---------------------------------------------------------------------- */

static void on_assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct repartition *r = ctx;
    drop_parts(r);
    r->parts = calloc(n + 1, sizeof *r->parts);
    if (!r->parts) {
        fail(r, "out of memory");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        r->parts[i] =
            (struct raw_part){.topic = parts[i].topic, .partition = parts[i].partition, .next = -1};
        parts[i].offset = -1; /* where the group stands */
    }
    r->n_parts = n;
    r->generation = generation;
    LOG_INFO("raw topics assigned", LOG_INT("partitions", n), LOG_INT("generation", generation));
}

/* What is under way is committed while the partitions are ours; if it cannot be, whoever gets
 * them reads it again. */
static void on_revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct repartition *r = ctx;
    (void)parts;
    if (!lost && r->opened_ms != 0 && !r->failed) {
        (void)commit_batch(r);
    }
    drop_parts(r);
    LOG_INFO("raw topics revoked", LOG_INT("partitions", n),
             LOG_STR("how", lost ? "lost" : "orderly"));
}

struct rebalance_ops repartition_rebalance(struct repartition *r) {
    return (struct rebalance_ops){.assigned = on_assigned, .revoked = on_revoked, .ctx = r};
}

/* ---- the thread ---------------------------------------------------------------------- */

static bool waits_for_schema(const struct repartition *r) {
    bool any = r->rows_waiting.n > 0;
    for (size_t i = 0; i < r->n_parts && !r->stuck; i++) {
        any = any || r->parts[i].waiting.n > 0;
    }
    return any;
}

/* What keeps it from being ready, judged anew each time. */
static void judge(struct repartition *r) {
    char problem[PROBLEM_MAX] = "";
    char why[WHY_MAX] = "";
    if (r->failed) {
        return; /* it has been said */
    }
    if (r->stuck) {
        snprintf(why, sizeof why, "repartitioning: a transaction did not go through; trying again");
    } else if (r->breaker.state == BREAKER_OPEN) {
        snprintf(why, sizeof why,
                 "too many bad events: reading stopped for a while; the last was %s in %.100s",
                 intake_reason_code(r->worst), r->cfg->raws[r->worst_topic].name);
    } else if (waits_for_schema(r)) {
        const bool known = r->lookup && r->lookup->problem(r->lookup->ctx, problem, sizeof problem);
        snprintf(why, sizeof why, "repartitioning: waiting for a schema%s%s", known ? ": " : "",
                 known ? problem : "");
    } else if (!r->identities_complete) {
        snprintf(why, sizeof why, "repartitioning: reading identities to their end");
    }
    set_why(r, why);
}

static void *run(void *arg) {
    struct repartition *r = arg;
    while (!atomic_load(&r->stop) && !r->failed) {
        if (repartition_identities(r)) {
            fail(r, "out of memory");
            break;
        }
        if (r->identities_complete) {
            settle(r);
            take_records(r);
            take_waiting(r);
        } else {
            nap_ms(IDENTITIES_MS);
        }
        judge(r);
        commit_when_due(r);
    }
    const int64_t until_ms = clock_mono_ms() + STOP_MS;
    while (r->opened_ms != 0 && !r->failed && clock_mono_ms() < until_ms) {
        if (commit_batch(r)) {
            r->opened_ms = 0;
        } else {
            nap_ms(RETRY_MS);
        }
    }
    return NULL;
}

/* ---- life cycle ---------------------------------------------------------------------- */

enum status repartition_new(const struct config *cfg, const struct lookup *lookup,
                            struct repartition **out, char *err) {
    struct repartition *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    r->cfg = cfg;
    pthread_mutex_init(&r->why_lock, NULL);
    breaker_init(&r->breaker, cfg->breaker_share, (uint32_t)cfg->breaker_window,
                 cfg->breaker_retry_ms);
    judge(r);
    enum status st = repartition_open(r, lookup, err);
    if (st) {
        repartition_free(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

enum status repartition_start(struct repartition *r, const struct repartition_ports *ports) {
    r->ports = *ports;
    r->runs = pthread_create(&r->thread, NULL, run, r) == 0;
    return r->runs ? ST_OK : ST_IO;
}

void repartition_stop(struct repartition *r) {
    if (r && r->runs) {
        atomic_store(&r->stop, true);
        pthread_join(r->thread, NULL);
        r->runs = false;
    }
}

void repartition_free(struct repartition *r) {
    if (!r) {
        return;
    }
    repartition_stop(r);
    drop_parts(r);
    repartition_close(r);
    pthread_mutex_destroy(&r->why_lock);
    free(r);
}

bool repartition_ready(struct repartition *r, char *why, size_t len) {
    pthread_mutex_lock(&r->why_lock);
    snprintf(why, len, "%s", r->why);
    pthread_mutex_unlock(&r->why_lock);
    return why[0] == '\0';
}

bool repartition_failed(const struct repartition *r) {
    return r->failed;
}
