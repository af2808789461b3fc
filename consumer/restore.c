/* SPDX-License-Identifier: Apache-2.0
 * restore.c -- see restore.h. */
#include "restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "heap_ahead.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"
#include "restore_dump.h"
#include "restore_tail.h"
#include "restore_window.h"
#include "uncovered.h"

enum {
    POLL_MAX = 512,
    POLL_MS = 2,
    AHEAD = 8,          /* users that are expected before they are put */
    OPEN_MAX = 8,       /* checkpoints that are opened together: each is read once */
    LOCKED_MS = 2000,   /* a checkpoint that was given away just now is closed by another thread */
    RENEW_MS = 3600000, /* a checkpoint with nothing new says again how young it is */
};

_Static_assert((int)POLL_MAX <= (int)WINDOW_RECORDS, "a poll is a window");

enum phase { IDLE, ASK, ADD, READ, WRITE, DONE };

struct reading { /* of one task */
    enum phase phase;
    int64_t from;                  /* where its state in memory ends, -1: there is none */
    int64_t begin;                 /* first position to be read                         */
    struct log_bounds bounds;      /* as asked when it began                            */
    struct checkpoint *checkpoint; /* NULL: none */
    struct tail *tail;          /* what is read beyond it; NULL: nothing, or it is to be dumped */
    struct dump *dump;          /* in WRITE; NULL: the tail is what is to be written */
    struct checkpoint_mark end; /* in WRITE: what it will say */
    bool opened;                /* ahead of its time, with */
    enum status open_status;
    char why[CONFIG_ERROR_MAX];
    bool by_checkpoint;          /* what it had is in memory: its uuid must be the changelog's */
    bool marked;                 /* the checkpoint has a mark */
    struct checkpoint_mark mark; /* as it was opened */
    uint8_t uuid[16];            /* of the changelog that the state in memory is of */
    int64_t begun_ms;
    uint64_t users;
    uint8_t *body; /* (body_len,) of the newest task record; NULL: none */
    size_t body_len;
    int64_t next; /* of the changelog */
    struct published published;
    struct uncovered uncovered; /* as of what was read */
};

struct restore {
    const struct config *cfg;
    struct learner *learner;
    struct log_port log;
    struct reading *readings; /* (LEARNER_TASKS_MAX,) */
    uint32_t n_readings;      /* tasks are below this       */
    uint32_t n_active;        /* in ASK, ADD, READ or WRITE */
    struct hands *crew;       /* while there is any of those, like these */
    struct window *windows[2];
    int turn;               /* the window for the next records                            */
    struct heap_ahead heap; /* likewise */
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

/* Threads and memory that only restoring takes. */
static enum status gather_crew(struct restore *r) {
    enum status st = r->crew ? ST_OK : hands_new(&r->crew);
    heap_ahead_begin(&r->heap);
    for (int k = 0; k < 2 && !st; k++) {
        st = r->windows[k] ? ST_OK : window_new(r->learner, r->crew, &r->windows[k]);
    }
    return st;
}

static void dismiss_crew(struct restore *r) {
    window_free(r->windows[0]);
    window_free(r->windows[1]);
    hands_free(r->crew);
    heap_ahead_end(&r->heap);
    r->windows[0] = r->windows[1] = NULL;
    r->crew = NULL;
}

static void close_checkpoint(struct reading *g) {
    tail_free(g->tail);
    dump_free(g->dump);
    checkpoint_close(g->checkpoint);
    g->tail = NULL;
    g->dump = NULL;
    g->checkpoint = NULL;
}

void restore_free(struct restore *r) {
    if (!r) {
        return;
    }
    for (uint32_t p = 0; p < r->n_readings; p++) {
        close_checkpoint(&r->readings[p]);
        free(r->readings[p].body);
        uncovered_free(&r->readings[p].uncovered);
    }
    dismiss_crew(r);
    free(r->readings);
    free(r);
}

static bool is_active(const struct reading *g) {
    return g->phase == ASK || g->phase == ADD || g->phase == READ || g->phase == WRITE;
}

/* The users that a checkpoint, another changelog or a restore that was given up brought go again.
 */
static enum status empty_task(struct restore *r, struct reading *g) {
    const uint32_t task = (uint32_t)(g - r->readings);
    free(g->body);
    g->body = NULL;
    g->users = 0;
    g->by_checkpoint = false;
    uncovered_begin(&g->uncovered, false);
    learner_task_close(r->learner, task);
    return learner_task_open(r->learner, task);
}

enum status restore_begin(struct restore *r, uint32_t task, int64_t from, const uint8_t uuid[16],
                          const struct published *published) {
    restore_drop(r, task);
    enum status st = gather_crew(r);
    if (st) {
        return st;
    }
    struct reading *g = &r->readings[task];
    *g = (struct reading){.phase = ASK,
                          .from = from,
                          .next = from,
                          .begun_ms = clock_mono_ms(),
                          .published = *published};
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
    close_checkpoint(g);
    free(g->body);
    uncovered_free(&g->uncovered);
    *g = (struct reading){.phase = IDLE};
    if (r->n_active == 0) {
        dismiss_crew(r);
    }
}

struct checkpoint *restore_checkpoint(struct restore *r, uint32_t task) {
    struct checkpoint *k = r->readings[task].checkpoint;
    r->readings[task].checkpoint = NULL;
    return k;
}

/* ---- records -------------------------------------------------------------------------------- */

static enum status unreadable(const struct restore *r, const struct opened *o, enum status st,
                              char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "%s partition %d offset %" PRId64 " %s; crossrec state verify looks at all of it",
             r->cfg->state_topic, (int)o->partition, o->offset,
             st == ST_RANGE ? "was written by a later version of crossrec, or by a configuration "
                              "with more domains: start that one"
                            : "is damaged: restore the topic from a backup, or learn everything "
                              "again with: crossrec topic reset NAME --rebuild");
    return ST_INVALID;
}

static enum status keep_task(const struct restore *r, struct reading *g, const uint8_t *body,
                             size_t len) {
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
    if (g->phase == READ && published_covers(&g->published, r->cfg, &task)) {
        uncovered_clear(&g->uncovered); /* all that came before it, a checkpoint too */
    }
    return ST_OK;
}

/* A record of the changelog, or its copy in a checkpoint, as a window has opened it. */
static enum status take_opened(struct restore *r, struct reading *g, const struct opened *o) {
    const uint32_t task = (uint32_t)(g - r->readings);
    if (o->status && o->status != ST_NOT_FOUND) {
        return o->status;
    }
    if (o->what.kind == STATE_TASK) {
        return o->body ? keep_task(r, g, o->body, o->body_len) : ST_OK;
    }
    g->users++;
    if (g->phase == READ) {
        uncovered_user(&g->uncovered, o->what.user);
    }
    if (o->user) {
        return learner_put_user(r->learner, task, o->what.user, o->user, o->voted_in);
    }
    hands_finish(r->crew); /* who read of other users might look at what is made for this one */
    return learner_restore_user(r->learner, task, o->what.user, o->body, o->body_len);
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
    close_checkpoint(g);
    g->marked = false;
    g->mark = (struct checkpoint_mark){.offset = -1};
    if (checkpoint_wipe(r->cfg->state_dir, task_of(r, g), err)) {
        LOG_WARN("and cannot be removed: remove the folder", LOG_STR("error", err));
    }
}

static void make_anew(struct restore *r, struct reading *g) {
    char err[CONFIG_ERROR_MAX] = "";
    close_checkpoint(g);
    g->marked = false;
    g->mark = (struct checkpoint_mark){.offset = -1};
    if (checkpoint_wipe(r->cfg->state_dir, task_of(r, g), err) ||
        checkpoint_open(r->cfg->state_dir, task_of(r, g), 0, &g->checkpoint, err)) {
        g->checkpoint = NULL;
        LOG_WARN("no checkpoint for a task", LOG_INT("task", task_of(r, g)), LOG_STR("error", err));
    }
}

/* A walk over a checkpoint fills one window while the crew opens the other. */
struct walking {
    struct restore *r;
    struct reading *g;
    int filled;
};

static enum status take_window(struct walking *w, struct window *window) {
    enum status st = ST_OK;
    for (size_t k = 0; k < window_n(window) && !st; k++) {
        if (k + AHEAD < window_n(window)) {
            learner_expect_user(w->r->learner, task_of(w->r, w->g),
                                window_at(window, k + AHEAD)->what.user);
        }
        st = take_opened(w->r, w->g, window_at(window, k));
    }
    window_clear(window);
    heap_ahead_go(&w->r->heap);
    return st;
}

/* The one that is filled is opened, and meanwhile what came of the other is taken. */
static enum status turn_windows(struct walking *w) {
    struct window *filled = w->r->windows[w->filled];
    w->filled = 1 - w->filled;
    hands_finish(w->r->crew);
    window_open(filled);
    return take_window(w, w->r->windows[w->filled]);
}

static enum status take_copy(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                             size_t value_len) {
    struct walking *w = ctx;
    struct opened *o = window_add(w->r->windows[w->filled]);
    enum status st = ST_OK;
    if (!o) {
        st = turn_windows(w);
        o = window_add(w->r->windows[w->filled]);
    }
    o->key = key;
    o->key_len = key_len;
    o->value = value;
    o->value_len = value_len;
    return st;
}

static void open_ahead(const struct restore *r, struct reading *g) {
    g->why[0] = '\0';
    g->open_status = checkpoint_open(r->cfg->state_dir, task_of(r, g), 0, &g->checkpoint, g->why);
    g->checkpoint = g->open_status ? NULL : g->checkpoint;
    g->opened = true;
}

struct opening {
    const struct restore *r;
    struct reading *tasks[OPEN_MAX];
};

static void open_job(void *ctx, size_t k) {
    const struct opening *o = ctx;
    open_ahead(o->r, o->tasks[k]);
}

/* Files are read whole when they are opened: several at once. */
static void open_together(struct restore *r) {
    struct opening o = {.r = r};
    size_t n = 0;
    for (uint32_t p = 0; p < r->n_readings && r->cfg->state_dir[0]; p++) {
        if (r->readings[p].phase == ASK && n < OPEN_MAX) {
            o.tasks[n] = &r->readings[p];
            n += !r->readings[p].opened;
        }
    }
    if (n > 0) {
        hands_start(r->crew, open_job, &o, n);
        hands_finish(r->crew);
    }
}

/* Every record of it into memory. */
static enum status walk_checkpoint(struct restore *r, struct reading *g) {
    struct walking w = {.r = r, .g = g};
    enum status st =
        learner_expect_users(r->learner, task_of(r, g), checkpoint_records(g->checkpoint));
    st = st ? st : checkpoint_each(g->checkpoint, take_copy, &w);
    st = st ? st : turn_windows(&w);
    hands_finish(r->crew);
    st = st ? st : take_window(&w, r->windows[1 - w.filled]);
    window_clear(r->windows[0]);
    window_clear(r->windows[1]);
    return st;
}

/* Opens it. ST_OK: g->checkpoint, or none; ST_AGAIN: whoever had it is about to close it. */
static enum status open_checkpoint(struct restore *r, struct reading *g) {
    char err[CONFIG_ERROR_MAX] = "";
    if (!r->cfg->state_dir[0]) {
        return ST_OK;
    }
    if (!g->opened) {
        open_ahead(r, g);
    }
    g->opened = false;
    enum status st = g->open_status;
    snprintf(err, sizeof err, "%s", g->why);
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
    st = walk_checkpoint(r, g);
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
    struct state_task task;
    const bool known = g->body && state_task_read(g->body, g->body_len, &task) == ST_OK;
    uncovered_begin(&g->uncovered, !known || !published_covers(&g->published, r->cfg, &task));
    return ST_OK;
}

/* The records beyond a checkpoint go into it; one that has nothing, or is far behind, is made from
 * memory at the end. */
static void gather_record(struct restore *r, struct reading *g, const struct opened *o) {
    if (!g->checkpoint || !g->marked) {
        return;
    }
    enum status st = g->tail ? ST_OK : tail_new(&g->tail);
    st = st ? st : tail_put(g->tail, o->key, o->key_len, o->value, o->value_len);
    if (!st) {
        return;
    }
    LOG_INFO("the changelog has gone on far beyond the checkpoint: it is made anew",
             LOG_INT("task", task_of(r, g)));
    make_anew(r, g);
}

/* ---- records of the changelog --------------------------------------------------------------- */

static struct reading *reading_of(const struct restore *r, int32_t partition) {
    struct reading *g = (uint32_t)partition < r->n_readings ? &r->readings[partition] : NULL;
    return g && g->phase == READ ? g : NULL;
}

/* What came of the records of a window. */
static enum status take_window_of_log(struct restore *r, struct window *w, char *err) {
    enum status st = ST_OK;
    for (size_t k = 0; k < window_n(w) && !st; k++) {
        if (k + AHEAD < window_n(w)) {
            learner_expect_user(r->learner, (uint32_t)window_at(w, k + AHEAD)->partition,
                                window_at(w, k + AHEAD)->what.user);
        }
        const struct opened *o = window_at(w, k);
        st = take_opened(r, reading_of(r, o->partition), o);
        st = st == ST_INVALID || st == ST_RANGE ? unreadable(r, o, st, err) : st;
    }
    metric_add(M_RESTORED, 0, window_n(w));
    window_clear(w);
    heap_ahead_go(&r->heap);
    return st;
}

/* What the crew was left with when the last records came. */
static enum status take_waiting(struct restore *r, char *err) {
    hands_finish(r->crew);
    return take_window_of_log(r, r->windows[1 - r->turn], err);
}

/* The crew opens copies while the next records are polled, and what came of those before is taken:
 * nobody waits for the other as long as both have something to do. */
static enum status take_records(struct restore *r, const struct record *records, size_t n,
                                char *err) {
    struct window *w = r->windows[r->turn];
    for (size_t k = 0; k < n; k++) {
        if (!records[k].end && reading_of(r, records[k].partition) && /* an end: its position */
            !window_add_copy(w, &records[k])) {
            return ST_NOMEM;
        }
    }
    hands_finish(r->crew);
    window_open(w);
    for (size_t k = 0; k < window_n(w); k++) {
        gather_record(r, reading_of(r, window_at(w, k)->partition), window_at(w, k));
    }
    const enum status st = take_window_of_log(r, r->windows[1 - r->turn], err);
    r->turn = 1 - r->turn;
    return st;
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

/* Nothing was read since it was opened. */
static void renew_checkpoint(struct restore *r, struct reading *g) {
    g->end.wall_ms = clock_wall_ms();
    if (checkpoint_begin(g->checkpoint) || checkpoint_commit(g->checkpoint, &g->end)) {
        give_up_checkpoint(r, g, checkpoint_problem(g->checkpoint));
    }
}

static void begin_dump(struct restore *r, struct reading *g) {
    const struct dump_of of = {.learner = r->learner,
                               .task = task_of(r, g),
                               .body = g->body,
                               .body_len = g->body_len,
                               .begin = g->bounds.low,
                               .mark = g->end};
    if (dump_new(&of, g->checkpoint, &g->dump)) {
        give_up_checkpoint(r, g, status_str(ST_NOMEM));
    }
}

/* What was read is to be in it, without holes. t NULL: there is no task record. */
static void end_checkpoint(struct restore *r, struct reading *g, const struct state_task *t) {
    g->end = (struct checkpoint_mark){.offset = g->next, .format = CHECKPOINT_FORMAT};
    if (!g->checkpoint) {
        return;
    }
    if (!t) {
        if (g->tail || (!g->marked && g->users > 0)) {
            give_up_checkpoint(r, g, "the changelog has records, and none of the task itself");
        }
        return;
    }
    memcpy(g->end.uuid, t->uuid, sizeof g->end.uuid);
    if (!g->marked) {
        begin_dump(r, g);
    } else if (memcmp(t->uuid, g->mark.uuid, sizeof t->uuid) != 0) {
        give_up_checkpoint(r, g, "the changelog was recreated since");
    } else if (!g->tail && clock_wall_ms() - g->mark.wall_ms > RENEW_MS) {
        renew_checkpoint(r, g);
    }
}

/* ---- writing checkpoints -------------------------------------------------------------------- */

struct writing { /* a slice of some tasks' at once */
    struct reading *tasks[HANDS_MAX];
    enum status status[HANDS_MAX];
    bool done[HANDS_MAX];
    int64_t until_ms;
};

static void write_one(void *ctx, size_t k) {
    struct writing *w = ctx;
    struct reading *g = w->tasks[k];
    if (g->dump) {
        w->status[k] = dump_write(g->dump, w->until_ms, &w->done[k]);
        return;
    }
    g->end.wall_ms = clock_wall_ms();
    w->status[k] = tail_write(g->tail, g->checkpoint, &g->end);
    w->done[k] = true;
}

static void end_writing(struct restore *r, struct reading *g, enum status st) {
    if (st) {
        const char *why = checkpoint_problem(g->checkpoint);
        give_up_checkpoint(r, g, st == ST_NOMEM || !why[0] ? status_str(st) : why);
    }
    tail_free(g->tail);
    dump_free(g->dump);
    g->tail = NULL;
    g->dump = NULL;
}

/* Once nothing is left to be read: the tasks begin together, and the crew can be on all of them. */
static void write_checkpoints(struct restore *r, int64_t until_ms) {
    struct writing w = {.until_ms = until_ms};
    size_t n = 0;
    for (uint32_t p = 0; p < r->n_readings; p++) {
        struct reading *g = &r->readings[p];
        if (is_active(g) && g->phase != WRITE) {
            return;
        }
        if (g->phase == WRITE && (g->tail || g->dump) && n < HANDS_MAX) {
            w.tasks[n++] = g;
        }
    }
    if (n > 0) {
        hands_start(r->crew, write_one, &w, n);
        hands_finish(r->crew);
    }
    for (size_t k = 0; k < n; k++) {
        if (w.status[k] || w.done[k]) {
            end_writing(r, w.tasks[k], w.status[k]);
        }
    }
}

/* Its checkpoint is written, or there is none. */
static void end_when_written(struct restore *r, struct reading *g) {
    if (g->phase == WRITE && !g->tail && !g->dump) {
        g->phase = DONE;
        r->n_active--;
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
    g->next = at;
    g->phase = WRITE;
    end_checkpoint(r, g, known ? &t : NULL);
    end_when_written(r, g);
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
    open_together(r);
    enum status st = ask_all(r, until_ms, err);
    struct record records[POLL_MAX];
    size_t n = 0;
    do {
        n = st ? 0 : r->log.poll(r->log.ctx, records, POLL_MAX, POLL_MS);
        st = n > 0 ? take_records(r, records, n, err) : st;
    } while (!st && n > 0 && clock_mono_ms() < until_ms);
    st = st ? st : take_waiting(r, err);
    hands_finish(r->crew); /* after a failure */
    window_clear(r->windows[0]);
    window_clear(r->windows[1]);
    for (uint32_t p = 0; p < r->n_readings && !st; p++) {
        if (r->readings[p].phase == READ) {
            st = end_when_there(r, p, err);
        }
    }
    if (!st) {
        write_checkpoints(r, clock_mono_ms() + slice_ms);
    }
    for (uint32_t p = 0; p < r->n_readings; p++) {
        end_when_written(r, &r->readings[p]);
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
    out->all_uncovered = !g->published.known || g->uncovered.all;
    out->uncovered = g->uncovered.users;
    out->n_uncovered = g->uncovered.n;
    out->exists = g->body && state_task_read(g->body, g->body_len, &out->task) == ST_OK;
    return true;
}

bool restore_reads(const struct restore *r) {
    bool any = false;
    for (uint32_t p = 0; p < r->n_readings; p++) {
        any = any || r->readings[p].phase == READ;
    }
    return any;
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
