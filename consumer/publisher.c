/* SPDX-License-Identifier: Apache-2.0
 *
 * publisher.c -- see publisher.h.
 *
 * The thread's loop: connect, wait for a rec, send what is in the queue in one pipeline, pop
 * what was answered. A rec of kind PUBLISHED says that everything before it stands in Redis,
 * so it is sent only when everything before it has been answered.
 *
 * `published` also tells whether Redis still has what was written: what stood there before
 * each write, and what a GET finds once a second, also while lists flow, must not be older than
 * what this process wrote last.
 */
#include "publisher.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "marks.h"
#include "metrics.h"
#include "queue.h"
#include "trigger.h"
#include "uplink.h"

enum {
    ACK_QUEUE = 1024,
    PROBE_MS = 1000,              /* is Redis there, has it what was written?        */
    PIPELINE_BYTES = 1024 * 1024, /* of values; a single value may be larger         */
    GATHER_US = 7000,             /* from a pipeline to the next, at most ...        */
    GATHER_SHARE = 10,            /* ... a tenth of the publish interval             */
    GATHERED = PUBLISHER_PIPELINE / 2,
    REFUSAL_MAX = 512,
};

/* Why the rest of a pipeline has to be sent again. */
enum hold { HOLD_NONE, HOLD_REFUSED, HOLD_ACKS };

struct publisher {
    const struct config *cfg;
    struct store store;
    struct queue *recs; /* learner to publisher */
    struct queue *acks; /* publisher to learner */
    size_t capacity;    /* of recs              */
    pthread_t thread;
    struct uplink *uplink;
    atomic_uint_fast64_t losses;

    /* The thread's own. */
    bool ever_connected;
    struct marks marks;
    char *key, *value, *channel;
    size_t popped; /* of this pipeline */
    enum hold hold;
    char refusal[REFUSAL_MAX];
    int64_t reply_ms;  /* wall clock of this pipeline's replies; 0: none yet */
    int64_t looked_ms; /* monotonic: when `published` was looked at last     */
    int64_t sent_us;   /* monotonic: when the last pipeline began            */
};

static void went_down(struct publisher *p, const char *why) {
    metric_add(M_REDIS_ERRORS, 0, 1);
    uplink_set(p->uplink, UPLINK_DOWN, why);
    uplink_back_off(p->uplink);
}

static void was_refused(struct publisher *p, const char *why) {
    metric_add(M_REDIS_ERRORS, 0, 1);
    uplink_set(p->uplink, UPLINK_REFUSED, why);
    uplink_back_off(p->uplink);
}

/* ---- loss --------------------------------------------------------------------------- */

static void count_loss(struct publisher *p, const char *how) {
    marks_forget(&p->marks);
    atomic_fetch_add_explicit(&p->losses, 1, memory_order_release);
    LOG_WARN("Redis has lost what was written; everything is published again", LOG_STR("how", how));
}

/* A write of `published` was accepted. */
static void check_previous(struct publisher *p, const struct rec *rec,
                           const struct store_reply *reply) {
    struct mark *m = marks_of(&p->marks, rec->task);
    if (!m) {
        return;
    }
    if (mark_is_lost(m, reply->previous, reply->previous_len)) {
        count_loss(p, "published was older or gone");
    }
    m->known = true;
    m->epoch = rec->epoch;
    m->seq = rec->seq;
}

/* ---- replies ------------------------------------------------------------------------ */

static void count_written(struct publisher *p, const struct rec *rec) {
    if (rec->kind == REC_SEGMENT || rec->kind == REC_SIMILAR || rec->kind == REC_USER) {
        metric_add(M_CARDS, (uint32_t)(rec->kind - REC_SEGMENT), 1);
    }
    if (rec->kind != REC_LIST) {
        return;
    }
    metric_add(M_PUBLISHED, rec->target, 1);
    if (rec->record_ms > 0) {
        int64_t took = p->reply_ms - rec->record_ms;
        metric_observe(M_EVENT_TO_REDIS, 0, took > 0 ? (double)took / 1e3 : 0.0);
    }
}

/* Tells the learner, once for every newer epoch of a task. False: no room to tell it. */
static bool tell_fenced(struct publisher *p, const struct rec *rec, uint64_t epoch) {
    struct mark *m = marks_of(&p->marks, rec->task);
    if (!m || epoch > m->fenced_epoch) {
        struct publisher_ack *ack = queue_reserve(p->acks);
        if (!ack) {
            return false;
        }
        *ack = (struct publisher_ack){.epoch = epoch, .task = rec->task, .kind = ACK_FENCED};
        queue_push(p->acks);
        LOG_WARN("a write was refused: another instance owns the task", LOG_INT("task", rec->task),
                 LOG_INT("epoch", rec->epoch), LOG_INT("newer_epoch", epoch));
    }
    if (m && epoch > m->fenced_epoch) {
        m->fenced_epoch = epoch;
    }
    metric_add(M_REFUSED, 0, 1);
    return true;
}

static bool tell_gap(struct publisher *p, const struct rec *rec) {
    struct publisher_ack *ack = queue_reserve(p->acks);
    if (ack) {
        *ack = (struct publisher_ack){.task = rec->task,
                                      .generation = rec->generation,
                                      .target = rec->target,
                                      .kind = ACK_GAP};
        queue_push(p->acks);
    }
    return ack != NULL;
}

static void count_trigger(const struct rec *rec, int64_t number) {
    if (rec->kind == REC_TRIGGER && number >= 0) {
        metric_add(M_TRIGGERS_RELAYED, 0, 1);
        metric_add(M_TRIGGERS_TRIMMED, 0, (uint64_t)number);
    }
}

/* The front of the queue is done with. */
static void pop(struct publisher *p) {
    const struct rec *rec = queue_front(p->recs);
    if (rec->kind == REC_TRIGGER) {
        free(rec->trigger);
    } else if (rec->kind == REC_SEGMENT || rec->kind == REC_USER) {
        free(rec->body);
    }
    queue_pop(p->recs);
}

static void skip(const struct rec *rec, const char *why) {
    metric_add(M_REDIS_ERRORS, 0, 1);
    LOG_ERROR("this write can never work and is left out", LOG_INT("task", rec->task),
              LOG_INT("kind", rec->kind), LOG_STR("why", why));
}

/* Whatever is not known to concern this key alone may pass: OOM, READONLY, LOADING, BUSY,
 * NOPERM, ... are tried again. */
static bool never_works(const char *why) {
    return strstr(why, "WRONGTYPE") || strstr(why, "string exceeds maximum allowed size");
}

/* Replies come in the order of the queue, so the front is what this one answers. */
static void on_reply(void *arg, size_t i, const struct store_reply *reply) {
    struct publisher *p = arg;
    (void)i;
    if (p->hold != HOLD_NONE) {
        return;
    }
    const struct rec *rec = queue_front(p->recs);
    p->reply_ms = p->reply_ms ? p->reply_ms : clock_wall_ms();
    switch (reply->result) {
    case STORE_WRITTEN:
        if (rec->kind == REC_PUBLISHED) {
            check_previous(p, rec, reply);
        }
        count_written(p, rec);
        count_trigger(rec, reply->number);
        break;
    case STORE_GAP:
        if (!tell_gap(p, rec)) {
            p->hold = HOLD_ACKS;
            return;
        }
        break;
    case STORE_FENCED:
        /* The same epoch is our own: this was written, and superseded, before the answer
         * got lost. */
        if (reply->epoch <= rec->epoch) {
            count_written(p, rec);
        } else if (!tell_fenced(p, rec, reply->epoch)) {
            p->hold = HOLD_ACKS;
            return;
        }
        break;
    case STORE_ERROR:
        if (!never_works(reply->why)) {
            p->hold = HOLD_REFUSED;
            (void)snprintf(p->refusal, sizeof p->refusal, "%s", reply->why);
            return;
        }
        skip(rec, reply->why);
        break;
    }
    pop(p);
    p->popped++;
}

/* ---- sending ------------------------------------------------------------------------ */

static enum status append(struct publisher *p, const struct rec *rec, size_t key_len) {
    struct trigger t;
    struct trigger_field f[TRIGGER_FIELDS_MAX];
    struct store_field fields[TRIGGER_FIELDS_MAX];
    char numbers[TRIGGER_BUF];
    enum status st = trigger_read(rec->trigger, rec->trigger_len, &t);
    const size_t n = st ? 0 : trigger_fields(&t, f, numbers);
    for (size_t k = 0; k < n; k++) {
        fields[k] = (struct store_field){.name = f[k].name, .value = f[k].value, .len = f[k].len};
    }
    const struct store_entry e = {.key = p->key,
                                  .key_len = key_len,
                                  .after_ms = rec->after_ms,
                                  .after_seq = rec->after_seq,
                                  .ms = rec->epoch,
                                  .seq = rec->seq,
                                  .maxlen = (uint64_t)p->cfg->trigger_maxlen,
                                  .fields = fields,
                                  .n_fields = n};
    return st ? st : p->store.append(p->store.ctx, &e);
}

static bool expires(const struct rec *rec) {
    return rec->kind == REC_LIST || rec->kind == REC_SEGMENT || rec->kind == REC_SIMILAR ||
           rec->kind == REC_USER;
}

static enum status put(struct publisher *p, const struct rec *rec, size_t *bytes) {
    size_t key_len = rec_key(p->cfg, rec, p->key);
    if (rec->kind == REC_TRIGGER) {
        *bytes += rec->trigger_len;
        return append(p, rec, key_len);
    }
    if (rec->kind == REC_TOUCH) {
        return p->store.expire(p->store.ctx, p->key, key_len, p->cfg->publish_ttl_ms);
    }
    size_t value_len = rec_value(p->cfg, rec, p->value);
    *bytes += value_len;
    const bool told = rec->kind == REC_LIST && p->cfg->publish_changed;
    const struct store_write w = {
        .key = p->key,
        .key_len = key_len,
        .value = p->value,
        .value_len = value_len,
        .ttl_ms = expires(rec) ? p->cfg->publish_ttl_ms : 0,
        .epoch = rec->epoch,
        .seq = rec->seq,
        .want_previous = rec->kind == REC_PUBLISHED,
        .channel = told ? p->channel : NULL,
        .channel_len = told ? rec_channel(p->cfg, rec->target, p->channel) : 0,
        .message = told ? rec->user_id : NULL,
        .message_len = told ? rec->user_id_len : 0,
    };
    return p->store.put(p->store.ctx, &w);
}

/* Appends what may go into one pipeline; *st says why it ended early. Returns how many. */
static size_t fill(struct publisher *p, enum status *st) {
    size_t n = 0;
    size_t bytes = 0;
    bool only_published = true;
    *st = ST_OK;
    while (n < PUBLISHER_PIPELINE && bytes < PIPELINE_BYTES) {
        const struct rec *rec = queue_at(p->recs, n);
        bool published = rec && rec->kind == REC_PUBLISHED;
        if (!rec || rec->kind == REC_TAKEOVER || rec->kind == REC_STREAM ||
            (published && !only_published)) {
            break;
        }
        *st = put(p, rec, &bytes);
        if (*st) {
            break;
        }
        only_published = only_published && published;
        n++;
    }
    return n;
}

/* The first rec could not even be appended. */
static void not_appended(struct publisher *p, enum status st) {
    if (st == ST_LOST) {
        went_down(p, "the connection is gone");
    } else if (st == ST_NOMEM) {
        was_refused(p, "out of memory");
    } else {
        skip(queue_front(p->recs), status_str(st));
        pop(p);
    }
}

static void publish(struct publisher *p) {
    enum status st = ST_OK;
    p->popped = 0;
    p->hold = HOLD_NONE;
    p->reply_ms = 0;
    if (fill(p, &st) == 0) {
        not_appended(p, st);
        return;
    }
    st = p->store.flush(p->store.ctx, on_reply, p);
    if (p->popped > 0) {
        uplink_calm(p->uplink);
    }
    if (st) {
        went_down(p, "the connection broke or timed out");
    } else if (p->hold == HOLD_REFUSED) {
        was_refused(p, p->refusal);
    } else if (p->hold == HOLD_ACKS) {
        uplink_back_off(p->uplink); /* the learner is busy */
    } else {
        uplink_set(p->uplink, UPLINK_UP, "");
    }
}

/* Reads `published` of a task. @return ST_OK, or of store.get what is no answer */
static enum status read_published(struct publisher *p, int32_t task, const char **value,
                                  size_t *len) {
    const struct rec rec = {.kind = REC_PUBLISHED, .task = task};
    p->key[rec_key(p->cfg, &rec, p->key)] = '\0';
    *value = NULL;
    *len = 0;
    enum status st = p->store.get(p->store.ctx, p->key, value, len);
    if (st == ST_LOST) {
        went_down(p, "the connection broke or timed out");
    } else if (st && st != ST_INVALID) {
        was_refused(p, "GET is refused");
    }
    return st == ST_INVALID ? ST_OK : st; /* a foreign value is none */
}

static void take_over(struct publisher *p, const struct rec *rec) {
    struct publisher_ack *ack = queue_reserve(p->acks);
    const char *value = NULL;
    size_t len = 0;
    if (!ack) {
        uplink_back_off(p->uplink);
        return;
    }
    if (read_published(p, rec->task, &value, &len)) {
        return;
    }
    uint64_t epoch = 0;
    uint64_t seq = 0;
    bool known = rec_version(value, len, &epoch, &seq) == ST_OK;
    struct mark *m = marks_of(&p->marks, rec->task);
    if (m) {
        *m = (struct mark){.task = rec->task, .known = known, .epoch = epoch, .seq = seq};
    }
    *ack = (struct publisher_ack){.epoch = epoch, .task = rec->task, .kind = ACK_EPOCH};
    published_read(p->cfg, value, len, &ack->published);
    queue_push(p->acks);
    queue_pop(p->recs);
    uplink_calm(p->uplink);
}

static void look_at_stream(struct publisher *p, const struct rec *rec) {
    struct publisher_ack *ack = queue_reserve(p->acks);
    uint64_t ms = 0;
    uint64_t seq = 0;
    if (!ack) {
        uplink_back_off(p->uplink);
        return;
    }
    p->key[rec_key(p->cfg, rec, p->key)] = '\0';
    enum status st = p->store.last_id(p->store.ctx, p->key, &ms, &seq);
    if (st == ST_LOST) {
        went_down(p, "the connection broke or timed out");
        return;
    }
    if (st && st != ST_INVALID) {
        was_refused(p, "XINFO STREAM is refused");
        return;
    }
    *ack = (struct publisher_ack){.epoch = ms,
                                  .seq = seq,
                                  .task = rec->task,
                                  .generation = rec->generation,
                                  .target = rec->target,
                                  .kind = ACK_STREAM};
    queue_push(p->acks);
    pop(p);
    uplink_calm(p->uplink);
}

/* Is what was written still there? False: nobody answers. A GET that works says nothing of
 * writes, which may be refused. */
static bool look(struct publisher *p) {
    const struct mark *m = marks_any(&p->marks);
    const char *value = NULL;
    size_t len = 0;
    p->looked_ms = clock_mono_ms();
    if (read_published(p, m ? m->task : 0, &value, &len)) {
        return false;
    }
    if (m && mark_is_lost(m, value, len)) {
        count_loss(p, "published was older or gone");
    }
    return true;
}

/* Nothing to send: is Redis still there, and what was written? */
static void probe(struct publisher *p) {
    if (look(p)) {
        uplink_calm(p->uplink);
        uplink_set(p->uplink, UPLINK_UP, "");
    }
}

/* ---- thread ------------------------------------------------------------------------- */

static bool is_connected(struct publisher *p) {
    char why[REFUSAL_MAX] = "";
    bool fresh = false;
    enum status st = p->store.connect(p->store.ctx, &fresh, why, sizeof why);
    if (st) {
        if (st == ST_INVALID) {
            uplink_despair(p->uplink);
        }
        went_down(p, why);
        return false;
    }
    if (fresh && p->ever_connected) {
        count_loss(p, "this is another server, or it was started again");
    }
    p->ever_connected = true;
    if (uplink_state(p->uplink, NULL, 0) == UPLINK_DOWN) {
        uplink_set(p->uplink, UPLINK_UP, "");
    }
    return true;
}

static bool is_finished(struct publisher *p) {
    return uplink_stopping(p->uplink) && (!queue_front(p->recs) || uplink_too_late(p->uplink));
}

/* A rec comes every few microseconds: who sends each at once wakes up for each, and takes the
 * learner's core for it. What came while the last pipeline was under way has waited since; the half
 * is for what the learner is just making. */
static void gather(struct publisher *p) {
    if (!queue_at(p->recs, GATHERED - 1) && !uplink_stopping(p->uplink)) {
        const int64_t share_us = p->cfg->publish_interval_ms * 1000 / GATHER_SHARE;
        const int64_t all_us = share_us < GATHER_US ? share_us : GATHER_US;
        const int64_t left_us = p->sent_us + all_us - clock_mono_us();
        const int64_t nap_us = left_us > all_us / 2 ? left_us : all_us / 2;
        const struct timespec nap = {.tv_nsec = (long)nap_us * 1000};
        nanosleep(&nap, NULL);
    }
    p->sent_us = clock_mono_us();
}

static void *run(void *arg) {
    struct publisher *p = arg;
    p->looked_ms = clock_mono_ms();
    while (!is_finished(p)) {
        if (!is_connected(p)) {
            continue;
        }
        /* Lists alone, however many, do not tell that those before them are gone. */
        if (queue_front(p->recs) && clock_mono_ms() - p->looked_ms >= PROBE_MS && !look(p)) {
            continue;
        }
        const struct rec *rec = queue_front(p->recs);
        if (rec && rec->kind == REC_TAKEOVER) {
            take_over(p, rec);
        } else if (rec && rec->kind == REC_STREAM) {
            look_at_stream(p, rec);
        } else if (rec) {
            gather(p);
            publish(p);
        } else if (!queue_wait(p->recs, PROBE_MS) && !is_finished(p)) {
            probe(p);
        }
    }
    metric_set(M_REDIS_UP, 0, 0.0);
    return NULL;
}

static void publisher_free(struct publisher *p) {
    while (p->recs && queue_front(p->recs)) {
        pop(p);
    }
    queue_free(p->recs);
    queue_free(p->acks);
    free(p->key);
    free(p->value);
    free(p->channel);
    marks_free(&p->marks);
    uplink_free(p->uplink);
    free(p);
}

/* With all signals blocked: they belong to main, and writing to a broken connection must be
 * an error and no SIGPIPE. */
static enum status start_thread(struct publisher *p) {
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&p->thread, NULL, run, p);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? ST_IO : ST_OK;
}

enum status publisher_start(const struct config *cfg, const struct store *store,
                            struct publisher **out) {
    struct publisher *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    atomic_init(&p->losses, 0);
    p->cfg = cfg;
    p->store = *store;
    p->key = malloc(rec_key_max(cfg) + 1);
    p->value = malloc(rec_value_max(cfg));
    p->channel = malloc(rec_key_max(cfg));
    enum status st = p->key && p->value && p->channel ? ST_OK : ST_NOMEM;
    st = st ? st : uplink_new(cfg->redis_address, &p->uplink);
    st = st ? st : queue_new(PUBLISHER_QUEUE, rec_bytes(config_list_max(cfg)), &p->recs);
    st = st ? st : queue_new(ACK_QUEUE, sizeof(struct publisher_ack), &p->acks);
    if (st == ST_OK) {
        p->capacity = queue_room(p->recs);
        st = start_thread(p);
    }
    if (st) {
        publisher_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

bool publisher_stop(struct publisher *p, int64_t drain_ms) {
    if (!p) {
        return true;
    }
    uplink_stop(p->uplink, drain_ms);
    queue_wake(p->recs);
    (void)pthread_join(p->thread, NULL);
    bool drained = !queue_front(p->recs);
    publisher_free(p);
    return drained;
}

/* ---- the learner's side ------------------------------------------------------------- */

struct rec *publisher_reserve(struct publisher *p) {
    return queue_reserve(p->recs);
}

void publisher_push(struct publisher *p) {
    queue_push(p->recs);
}

size_t publisher_room(const struct publisher *p) {
    return queue_room(p->recs);
}

bool publisher_idle(const struct publisher *p) {
    return queue_room(p->recs) == p->capacity;
}

bool publisher_ack_next(struct publisher *p, struct publisher_ack *out) {
    const struct publisher_ack *ack = queue_front(p->acks);
    if (!ack) {
        return false;
    }
    *out = *ack;
    queue_pop(p->acks);
    return true;
}

uint64_t publisher_losses(const struct publisher *p) {
    return atomic_load_explicit(&p->losses, memory_order_acquire);
}

bool publisher_connected(const struct publisher *p, char *why, size_t len) {
    return uplink_state(p->uplink, why, len) == UPLINK_UP;
}
