/* SPDX-License-Identifier: Apache-2.0
 * restore.c -- see restore.h. */
#include "restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"

enum {
    POLL_MAX = 512,
    POLL_MS = 2,
    PUTS_A_COMMIT = 20000,
    LOCKED_MS = 2000,   /* a checkpoint that was given away just now is closed by another thread */
    RENEW_MS = 3600000, /* a checkpoint with nothing new says again how young it is */
};

enum phase { IDLE, ASK, ADD, READ, DONE };

struct reading { /* of one task */
    enum phase phase;
    int64_t from;                  /* where its state in memory ends, -1: there is none */
    int64_t begin;                 /* first position to be read                         */
    struct log_bounds bounds;      /* as asked when it began                            */
    struct checkpoint *checkpoint; /* NULL: none */
    uint32_t n_puts;               /* since its last commit */
    bool by_checkpoint;            /* what it had is in memory: its uuid must be the changelog's */
    bool marked;                   /* the checkpoint has a mark */
    struct checkpoint_mark mark;   /* as it was opened */
    uint8_t uuid[16];              /* of the changelog that the state in memory is of */
    int64_t begun_ms;
    uint64_t users;
    uint8_t *body; /* (body_len,) of the newest task record; NULL: none */
    size_t body_len;
    int64_t next; /* of the changelog */
};

struct restore {
    const struct config *cfg;
    struct learner *learner;
    struct log_port log;
    struct reading *readings; /* (LEARNER_TASKS_MAX,) */
    uint32_t n_readings;      /* tasks are below this */
    uint32_t n_active;        /* in ASK, ADD or READ  */
};

enum status restore_new(const struct config *cfg, struct learner *learner,
                        const struct log_port *log, struct restore **out) {
    struct restore *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    r->cfg = cfg;
    r->learner = learner;
    r->log = *log;
    r->readings = calloc(LEARNER_TASKS_MAX, sizeof *r->readings);
    if (!r->readings) {
        free(r);
        return ST_NOMEM;
    }
    *out = r;
    return ST_OK;
}

void restore_free(struct restore *r) {
    if (!r) {
        return;
    }
    for (uint32_t p = 0; p < r->n_readings; p++) {
        checkpoint_close(r->readings[p].checkpoint);
        free(r->readings[p].body);
    }
    free(r->readings);
    free(r);
}

static bool is_active(const struct reading *g) {
    return g->phase == ASK || g->phase == ADD || g->phase == READ;
}

/* The users that a checkpoint, another changelog or a restore that was given up brought go again.
 */
static enum status empty_task(struct restore *r, struct reading *g) {
    const uint32_t task = (uint32_t)(g - r->readings);
    free(g->body);
    g->body = NULL;
    g->users = 0;
    g->by_checkpoint = false;
    learner_task_close(r->learner, task);
    return learner_task_open(r->learner, task);
}

enum status restore_begin(struct restore *r, uint32_t task, int64_t from, const uint8_t uuid[16]) {
    restore_drop(r, task);
    struct reading *g = &r->readings[task];
    *g = (struct reading){.phase = ASK, .from = from, .next = from, .begun_ms = clock_mono_ms()};
    r->n_readings = task >= r->n_readings ? task + 1 : r->n_readings;
    r->n_active++;
    if (from < 0) {
        return empty_task(r, g);
    }
    memcpy(g->uuid, uuid, sizeof g->uuid);
    return ST_OK;
}

void restore_drop(struct restore *r, uint32_t task) {
    struct reading *g = &r->readings[task];
    if (is_active(g)) {
        r->n_active--;
    }
    if (g->phase == READ) {
        r->log.remove(r->log.ctx, (int32_t)task);
    }
    checkpoint_close(g->checkpoint);
    free(g->body);
    *g = (struct reading){.phase = IDLE};
}

struct checkpoint *restore_checkpoint(struct restore *r, uint32_t task) {
    struct checkpoint *k = r->readings[task].checkpoint;
    r->readings[task].checkpoint = NULL;
    return k;
}

/* ---- records -------------------------------------------------------------------------------- */

static enum status unreadable(const struct restore *r, const struct record *rec, enum status st,
                              char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "%s partition %d offset %" PRId64 " %s; crossrec state verify looks at all of it",
             r->cfg->state_topic, (int)rec->partition, rec->offset,
             st == ST_RANGE ? "was written by a later version of crossrec, or by a configuration "
                              "with more domains: start that one"
                            : "is damaged: restore the topic from a backup, or learn everything "
                              "again with: crossrec topic reset NAME --rebuild");
    return ST_INVALID;
}

static enum status keep_task(struct reading *g, const uint8_t *body, size_t len) {
    struct state_task task;
    enum status st = state_task_read(body, len, &task);
    uint8_t *copy = st ? NULL : malloc(len);
    if (!copy) {
        return st ? st : ST_NOMEM;
    }
    memcpy(copy, body, len);
    free(g->body);
    g->body = copy;
    g->body_len = len;
    return ST_OK;
}

/* A record of the changelog, or its copy in a checkpoint. */
static enum status take_value(struct restore *r, struct reading *g, const void *key_bytes,
                              size_t key_len, const void *value, size_t value_len) {
    struct state_key key;
    enum state_kind kind;
    const uint8_t *body = NULL;
    size_t len = 0;
    enum status st = state_key_parse(key_bytes, key_len, &key);
    if (!st && value) {
        st = state_record_open(value, value_len, &kind, &body, &len);
        st = st ? st : kind == key.kind ? ST_OK : ST_INVALID;
    }
    if (st) {
        return st;
    }
    if (key.kind == STATE_TASK) {
        return body ? keep_task(g, body, len) : ST_OK;
    }
    g->users++;
    return learner_restore_user(r->learner, (uint32_t)(g - r->readings), key.user, body, len);
}

/* ---- the checkpoint ------------------------------------------------------------------------- */

static uint32_t task_of(const struct restore *r, const struct reading *g) {
    return (uint32_t)(g - r->readings);
}

/* Whatever is wrong with it, the changelog has everything. */
static void give_up_checkpoint(struct restore *r, struct reading *g, const char *why) {
    char err[CONFIG_ERROR_MAX] = "";
    LOG_WARN("the checkpoint is not used: the changelog is read instead",
             LOG_INT("task", task_of(r, g)), LOG_STR("reason", why));
    checkpoint_close(g->checkpoint);
    g->checkpoint = NULL;
    g->marked = false;
    g->mark = (struct checkpoint_mark){.offset = -1};
    g->n_puts = 0;
    if (checkpoint_wipe(r->cfg->state_dir, task_of(r, g), err)) {
        LOG_WARN("and cannot be removed: remove the folder", LOG_STR("error", err));
    }
}

struct copying {
    struct restore *r;
    struct reading *g;
};

static enum status take_copy(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                             size_t value_len) {
    const struct copying *both = ctx;
    return take_value(both->r, both->g, key, key_len, value, value_len);
}

/* Opens it. ST_OK: g->checkpoint, or none; ST_AGAIN: whoever had it is about to close it. */
static enum status open_checkpoint(struct restore *r, struct reading *g) {
    char err[CONFIG_ERROR_MAX] = "";
    if (!r->cfg->state_dir[0]) {
        return ST_OK;
    }
    enum status st = checkpoint_open(r->cfg->state_dir, task_of(r, g), 0, &g->checkpoint, err);
    if (st == ST_OK) {
        g->marked = checkpoint_mark(g->checkpoint, &g->mark) == ST_OK;
        return ST_OK;
    }
    g->checkpoint = NULL;
    if (st == ST_AGAIN && clock_mono_ms() - g->begun_ms < LOCKED_MS) {
        return ST_AGAIN;
    }
    if (st == ST_INVALID || st == ST_RANGE) {
        give_up_checkpoint(r, g, err);
        st = checkpoint_open(r->cfg->state_dir, task_of(r, g), 0, &g->checkpoint, err);
    }
    if (st) {
        g->checkpoint = NULL;
        LOG_WARN("no checkpoint for a task: the changelog is read instead",
                 LOG_INT("task", task_of(r, g)), LOG_STR("error", err));
    }
    return ST_OK;
}

/* Takes what it has into memory if nothing is there yet. Says from where the changelog goes on; -1:
 * from its beginning. */
static enum status read_checkpoint(struct restore *r, struct reading *g, int64_t *from) {
    *from = -1;
    enum status st = open_checkpoint(r, g);
    if (st || !g->checkpoint || !g->marked) {
        return st; /* none, or a new one */
    }
    if (clock_wall_ms() - g->mark.wall_ms > RESTORE_TOMBSTONES_MS ||
        g->mark.offset < g->bounds.low || g->mark.offset > g->bounds.high) {
        give_up_checkpoint(r, g, "it is too old, or of another changelog");
        return open_checkpoint(r, g);
    }
    *from = g->mark.offset;
    if (g->from >= 0) {
        return ST_OK;
    }
    struct copying both = {r, g};
    st = checkpoint_each(g->checkpoint, take_copy, &both);
    if (st == ST_NOMEM) {
        return st;
    }
    g->by_checkpoint = st == ST_OK;
    memcpy(g->uuid, g->mark.uuid, sizeof g->uuid);
    if (st) {
        *from = -1;
        give_up_checkpoint(r, g, "it is damaged, or of a later version");
        st = empty_task(r, g);
        return st ? st : open_checkpoint(r, g);
    }
    return ST_OK;
}

/* Before its first record is read, the changelog's name is taken to be what it was. */
static void commit_puts(struct restore *r, struct reading *g, int64_t position,
                        const uint8_t uuid[16]) {
    struct checkpoint_mark mark = {
        .offset = position, .wall_ms = clock_wall_ms(), .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, uuid, sizeof mark.uuid);
    if (checkpoint_commit(g->checkpoint, &mark)) {
        give_up_checkpoint(r, g, checkpoint_problem(g->checkpoint));
    }
    g->n_puts = 0;
}

static void copy_record(struct restore *r, struct reading *g, const struct record *rec) {
    if (!g->checkpoint) {
        return;
    }
    enum status st = g->n_puts == 0 ? checkpoint_begin(g->checkpoint) : ST_OK;
    if (!st) {
        st = rec->value
                 ? checkpoint_put(g->checkpoint, rec->key, rec->key_len, rec->value, rec->value_len)
                 : checkpoint_del(g->checkpoint, rec->key, rec->key_len);
    }
    if (st) {
        give_up_checkpoint(r, g, checkpoint_problem(g->checkpoint));
        return;
    }
    if (++g->n_puts >= PUTS_A_COMMIT) {
        commit_puts(r, g, rec->offset + 1, g->mark.uuid);
    }
}

/* ---- records of the changelog --------------------------------------------------------------- */

static enum status take_record(struct restore *r, const struct record *rec, char *err) {
    if ((uint32_t)rec->partition >= r->n_readings || r->readings[rec->partition].phase != READ) {
        return ST_OK;
    }
    struct reading *g = &r->readings[rec->partition];
    if (rec->end) {
        return ST_OK; /* the position tells */
    }
    enum status st = take_value(r, g, rec->key, rec->key_len, rec->value, rec->value_len);
    metric_add(M_RESTORED, 0, 1);
    if (!st) {
        copy_record(r, g, rec);
    }
    return st == ST_INVALID || st == ST_RANGE ? unreadable(r, rec, st, err) : st;
}

/* ---- phases --------------------------------------------------------------------------------- */

static enum status gone(const struct restore *r, uint32_t task, int64_t wanted,
                        const struct log_bounds *b, char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "%s partition %u holds offsets %" PRId64 " to %" PRId64 ", but the state in memory "
             "ends at %" PRId64 ": the topic was recreated or lost records; learn everything "
             "again with: crossrec topic reset %s --rebuild",
             r->cfg->state_topic, task, b->low, b->high, wanted, r->cfg->state_topic);
    return ST_INVALID;
}

static enum status ask(struct restore *r, uint32_t task, char *err) {
    struct reading *g = &r->readings[task];
    enum status st = r->log.bounds(r->log.ctx, (int32_t)task, &g->bounds);
    if (st == ST_AGAIN) {
        return ST_AGAIN;
    }
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s has no partition %u: it needs as many as the input topics have; partitions "
                 "were added? See \"change of partition count\" in docs/operations.md",
                 r->cfg->state_topic, task);
        return ST_INVALID;
    }
    if (g->from > g->bounds.high) {
        return gone(r, task, g->from, &g->bounds, err);
    }
    int64_t from = -1;
    st = read_checkpoint(r, g, &from);
    if (st) {
        return st == ST_AGAIN ? ST_OK : st; /* the others need not wait */
    }
    if (g->from >= 0 && from < 0) { /* a checkpoint that begins here would have holes */
        checkpoint_close(g->checkpoint);
        g->checkpoint = NULL;
        from = g->from;
    } else if (g->from >= 0 && g->from < from) {
        from = g->from;
    }
    /* Compaction removes what newer records replace: positions below `low` are no loss. */
    g->begin = from > g->bounds.low ? from : g->bounds.low;
    g->phase = ADD;
    return ST_OK;
}

static enum status add(struct restore *r, uint32_t task) {
    struct reading *g = &r->readings[task];
    enum status st = r->log.add(r->log.ctx, (int32_t)task, g->begin);
    if (st == ST_OK) {
        g->phase = READ;
    } else if (st == ST_RANGE) { /* it was cut, or recreated, since its bounds were asked */
        checkpoint_close(g->checkpoint);
        g->checkpoint = NULL;
        g->marked = false;
        g->phase = ASK;
        st = g->from < 0 ? empty_task(r, g) : ST_OK;
    }
    return st;
}

/* Everything again, without what was of another changelog. */
static enum status begin_again(struct restore *r, struct reading *g) {
    give_up_checkpoint(r, g, "the changelog was recreated since");
    g->phase = ASK;
    g->from = -1;
    return empty_task(r, g);
}

static bool is_of_another(const struct reading *g, const struct state_task *t) {
    return (g->from >= 0 || g->by_checkpoint) && memcmp(t->uuid, g->uuid, sizeof g->uuid) != 0;
}

/* What was read since it was opened is in it; it has no holes. */
static void end_checkpoint(struct restore *r, struct reading *g, const struct state_task *t,
                           int64_t at) {
    if (!g->checkpoint) {
        return;
    }
    if (g->n_puts > 0 && !t) {
        give_up_checkpoint(r, g, "the changelog has records, and none of the task itself");
        return;
    }
    if (t && g->marked && memcmp(t->uuid, g->mark.uuid, sizeof t->uuid) != 0) {
        give_up_checkpoint(r, g, "the changelog was recreated since");
        return;
    }
    const bool old = g->marked && clock_wall_ms() - g->mark.wall_ms > RENEW_MS;
    if (g->n_puts == 0 && t && old && checkpoint_begin(g->checkpoint)) {
        give_up_checkpoint(r, g, checkpoint_problem(g->checkpoint));
    } else if (t && (g->n_puts > 0 || old)) {
        commit_puts(r, g, at, t->uuid);
    }
}

/* Nobody would ever come to the end. */
static enum status cut_short(const struct restore *r, uint32_t task, char *err) {
    snprintf(
        err, CONFIG_ERROR_MAX,
        "%s partition %u was recreated or lost records while a task was restored: start again; "
        "if that says the same, learn everything again with: crossrec topic reset %s --rebuild",
        r->cfg->state_topic, task, r->cfg->state_topic);
    return ST_INVALID;
}

static enum status end_when_there(struct restore *r, uint32_t task, char *err) {
    struct reading *g = &r->readings[task];
    struct state_task t;
    const int64_t at = r->log.position(r->log.ctx, (int32_t)task);
    if (at < g->bounds.high) {
        return r->log.look(r->log.ctx, (int32_t)task) == ST_RANGE ? cut_short(r, task, err) : ST_OK;
    }
    r->log.remove(r->log.ctx, (int32_t)task);
    const bool known = g->body && state_task_read(g->body, g->body_len, &t) == ST_OK;
    if (known && is_of_another(g, &t)) {
        return begin_again(r, g);
    }
    end_checkpoint(r, g, known ? &t : NULL, at);
    g->next = at;
    g->phase = DONE;
    r->n_active--;
    LOG_INFO("task restored", LOG_INT("task", task), LOG_INT("from", g->begin), LOG_INT("to", at),
             LOG_INT("users", g->users),
             LOG_STR("checkpoint", g->by_checkpoint ? "used" : "not used"));
    return ST_OK;
}

/* Brokers that are away answer none of them: a call blocks for seconds. */
static enum status ask_all(struct restore *r, int64_t until_ms, char *err) {
    enum status st = ST_OK;
    for (uint32_t p = 0; p < r->n_readings && !st; p++) {
        const bool begins = r->readings[p].phase == ASK || r->readings[p].phase == ADD;
        if (r->readings[p].phase == ASK) {
            st = ask(r, p, err);
        }
        if (!st && r->readings[p].phase == ADD) {
            st = add(r, p);
        }
        if (r->readings[p].phase == READ && begins && clock_mono_ms() >= until_ms) {
            break;
        }
    }
    return st == ST_AGAIN ? ST_OK : st;
}

enum status restore_take(struct restore *r, int slice_ms, char *err) {
    err[0] = '\0';
    if (r->n_active == 0) {
        return ST_OK;
    }
    const int64_t until_ms = clock_mono_ms() + slice_ms;
    enum status st = ask_all(r, until_ms, err);
    struct record records[POLL_MAX];
    size_t n = 0;
    do {
        n = st ? 0 : r->log.poll(r->log.ctx, records, POLL_MAX, POLL_MS);
        for (size_t k = 0; k < n && !st; k++) {
            st = take_record(r, &records[k], err);
        }
    } while (!st && n > 0 && clock_mono_ms() < until_ms);
    for (uint32_t p = 0; p < r->n_readings && !st; p++) {
        if (r->readings[p].phase == READ) {
            st = end_when_there(r, p, err);
        }
    }
    metric_set(M_RESTORE_PROGRESS, 0, restore_progress(r));
    return st;
}

bool restore_done(struct restore *r, uint32_t task, struct restored *out) {
    const struct reading *g = &r->readings[task];
    if (g->phase != DONE) {
        return false;
    }
    *out = (struct restored){.resumed = g->from >= 0, .next = g->next, .users = g->users};
    out->exists = g->body && state_task_read(g->body, g->body_len, &out->task) == ST_OK;
    return true;
}

double restore_progress(const struct restore *r) {
    int64_t all = 0;
    int64_t done = 0;
    for (uint32_t p = 0; p < r->n_readings; p++) {
        const struct reading *g = &r->readings[p];
        if (g->phase == ASK || g->phase == ADD) {
            return 0.0;
        }
        if (g->phase == READ) {
            const int64_t at = r->log.position(r->log.ctx, (int32_t)p);
            all += g->bounds.high - g->begin;
            done += at > g->begin ? at - g->begin : 0;
        }
    }
    return all > 0 ? (double)done / (double)all : 1.0;
}
