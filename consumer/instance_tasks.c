/* SPDX-License-Identifier: Apache-2.0
 * instance_tasks.c -- assignment, takeover, sealing, undo; see instance_state.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance_state.h"
#include "log.h"
#include "metrics.h"

enum {
    SEAL_USERS = 20000,
    SEAL_BYTES = 16 << 20,
    HISTORY_REST_MS = 20, /* between two commits of history, at least */
    COMMIT_APART_MS = 50, /* commits of other tasks, at least */
    REVOKE_WAIT_MS = 5000,
    EPOCH_WAIT_MS = 2000, /* Redis away at takeover: the wall clock alone is larger than any
                             epoch that was minted by a clock that is right */
    CLAIM_SLICE_MS = 50,
};

/* ---- assignment ------------------------------------------------------------------------ */

static bool has(const struct position *parts, size_t n, uint32_t topic, uint32_t p) {
    for (size_t k = 0; k < n; k++) {
        if (parts[k].topic == topic && parts[k].partition == (int32_t)p) {
            return true;
        }
    }
    return false;
}

/* Name of the first topic whose partition p is not among the parts. */
static const char *lacks(const struct instance *in, const struct position *parts, size_t n,
                         uint32_t p) {
    uint32_t t = 0;
    while (t + 1 < in->cfg->n_topics && has(parts, n, t, p)) {
        t++;
    }
    return in->cfg->topics[t].name;
}

/* A task is whole if every topic's partition p is assigned. */
static bool whole_tasks(struct instance *in, const struct position *parts, size_t n) {
    uint16_t topics[LEARNER_TASKS_MAX] = {0};
    for (size_t k = 0; k < n; k++) {
        if (parts[k].partition < 0 || parts[k].partition >= LEARNER_TASKS_MAX) {
            instance_fail(in, ST_INVALID, "a topic has more than 1024 partitions");
            return false;
        }
        topics[parts[k].partition]++;
    }
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        if (topics[p] != 0 && topics[p] != in->cfg->n_topics) {
            char text[CONFIG_ERROR_MAX];
            snprintf(text, sizeof text,
                     "task %u is not whole: %u of %u topics have a partition %u here, %s has none; "
                     "all input topics must exist with the same partition count (crossrec check "
                     "shows them)",
                     p, topics[p], in->cfg->n_topics, p, lacks(in, parts, n, p));
            instance_fail(in, ST_INVALID, text);
            return false;
        }
    }
    return true;
}

static enum status make_place(struct instance *in, uint32_t p) {
    struct place *pl = &in->places[p];
    if (pl->exists) {
        return ST_OK;
    }
    enum status st = publish_new(in->n_targets, in->cfg->publish_interval_ms, &pl->publish);
    if (!st) {
        st = learner_task_open(in->learner, p);
    }
    if (st) {
        return st;
    }
    const uint64_t epoch = pl->task.epoch;
    task_init(&pl->task, p);
    pl->task.epoch = epoch;
    pl->changelog_next = -1;
    pl->exists = true;
    if (p >= in->n_places) {
        in->n_places = p + 1;
    }
    return ST_OK;
}

/* Once an assignment; tried again while the queue is full. */
static void ask_epoch(struct instance *in, struct place *pl) {
    struct rec *r = pl->epoch_asked ? NULL : publisher_reserve(in->publisher);
    if (r) {
        r->kind = REC_TAKEOVER;
        r->task = (int32_t)pl->task.p;
        publisher_push(in->publisher);
        pl->epoch_asked = true;
    }
}

static void start_restoring(struct instance *in, struct place *pl, int generation) {
    struct task *t = &pl->task;
    task_move(t, TASK_RESTORING);
    t->generation = generation;
    pl->former_epoch = t->epoch;
    pl->contested_epoch = 0;
    pl->sealed_before = 0;
    pl->epoch_asked = false;
    pl->published.known = false;
    t->floor_known = t->epoch_known = false;
    t->tagged = t->claiming = t->claimed = false;
    t->restoring_since_ms = instance_mono_ms();
    t->catching_up = true; /* until it is seen to be near the end */
    t->record_ms = -1;
    memset(t->paused, 0, sizeof t->paused);
    memset(pl->letter_bytes, 0, sizeof pl->letter_bytes);
    instance_drop_waiting(in, pl);
    pl->marked = false;
    pl->next_look_ms = 0;
    for (size_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        pl->announced[k] = -2;
    }
    publish_forget(pl->publish);
    ask_epoch(in, pl);
}

/* Tasks that this process never held come to others that it has learned from. */
static bool grows(struct instance *in, const struct position *parts, size_t n) {
    bool learned = learner_stream_ms(in->learner) != INT64_MIN;
    bool fresh = false;
    for (size_t k = 0; k < n; k++) {
        fresh = fresh || !instance_place(in, (uint32_t)parts[k].partition);
    }
    return learned && fresh;
}

void instance_drop_place(struct instance *in, struct place *pl) {
    merge_remove_task(in->merge, pl->task.p);
    instance_drop_waiting(in, pl);
    publish_free(pl->publish);
    letters_free(&pl->task.letters);
    instance_outbox_leave(in, pl);
    outbox_free(&pl->outbox);
    const uint64_t epoch = pl->task.epoch;
    *pl = (struct place){.former_epoch = epoch};
    pl->task.epoch = epoch; /* the next one is larger: see make_place() */
}

/* State in memory: the events of all tasks are learned again, in one order, so that it does not
 * matter in which pieces the tasks arrived (after a kill -9 the group gives away what the dead
 * member held only when its session has ended). What stands in Redis stays until then. */
static enum status begin_anew(struct instance *in) {
    struct learner *learner = NULL;
    const struct learner_params params = instance_learner_params(in->cfg);
    enum status st = learner_new(&params, &learner);
    if (st) {
        return st;
    }
    struct learner **retired = realloc(in->retired, (in->n_retired + 1) * sizeof(struct learner *));
    if (!retired) {
        learner_free(learner);
        return ST_NOMEM;
    }
    in->retired = retired;
    in->retired[in->n_retired++] = in->learner;
    in->learner = learner;
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (!pl) {
            continue;
        }
        instance_drop_place(in, pl);
    }
    in->sweeping = false;
    instance_globals_restart(in);
    LOG_INFO("tasks were added: everything is read again from the earliest retained offset");
    return ST_OK;
}

void instance_assigned(void *ctx, struct position *parts, size_t n, int generation) {
    struct instance *in = ctx;
    if (in->fatal || !whole_tasks(in, parts, n)) {
        return;
    }
    if (!in->durable && grows(in, parts, n) && begin_anew(in) != ST_OK) {
        instance_fail(in, ST_NOMEM, "out of memory for a learner");
        return;
    }
    for (size_t k = 0; k < n; k++) {
        const uint32_t p = (uint32_t)parts[k].partition;
        enum status st = make_place(in, p);
        struct place *pl = &in->places[p];
        if (!st && pl->task.state != TASK_RESTORING) {
            st = merge_add_task(in->merge, p);
            start_restoring(in, pl, generation);
        }
        if (st) {
            instance_fail(in, st, "out of memory for a task");
            return;
        }
        parts[k].offset = in->durable ? POSITION_LATER : pl->task.next[parts[k].topic];
        if (parts[k].offset >= 0) {
            merge_begin(in->merge, p, parts[k].topic, parts[k].offset);
        }
    }
    in->joined = true;
    LOG_INFO("assigned", LOG_INT("partitions", n), LOG_INT("generation", generation));
}

/* ---- takeover ---------------------------------------------------------------------------- */

/* Committed offsets of all restoring tasks in one request. They are stable: the predecessor's last
 * transaction has ended, and only now the changelog's end says where all of it lies. */
static void find_floors(struct instance *in) {
    struct position *parts = calloc((size_t)in->n_places * in->cfg->n_topics, sizeof *parts);
    size_t n = 0;
    for (uint32_t p = 0; parts && p < in->n_places; p++) {
        const struct place *pl = instance_place(in, p);
        if (!pl || pl->task.state != TASK_RESTORING || pl->task.floor_known ||
            (in->durable && !pl->task.epoch_known)) {
            continue; /* a restore has to know what `published` says */
        }
        for (uint32_t t = 0; t < in->cfg->n_topics; t++) {
            parts[n++] = (struct position){.partition = (int32_t)p, .topic = (uint16_t)t};
        }
    }
    if (n > 0 && in->ports.source.committed(in->ports.source.ctx, parts, n) == ST_OK) {
        for (size_t k = 0; k < n; k++) {
            struct task *t = &in->places[parts[k].partition].task;
            t->floor[parts[k].topic] = parts[k].offset;
            t->tagged |= parts[k].tag[0] != '\0';
            if (in->durable && !t->floor_known) {
                instance_durable_begin(in, &in->places[parts[k].partition]);
                instance_outbox_begin(in, &in->places[parts[k].partition]);
            }
            t->floor_known = true;
        }
    }
    free(parts);
}

static bool seal(struct instance *in, struct place *pl);

/* state = kafka: the task's state is in memory, and its record with the new epoch is final. */
static bool claim_task(struct instance *in, struct place *pl) {
    struct task *t = &pl->task;
    if (t->claimed) {
        return true;
    }
    if (!t->claiming && instance_outbox_restored(in, pl) && instance_durable_restored(in, pl)) {
        t->claiming = true;
        t->dirty = true;
    }
    if (t->claiming && t->dirty) {
        (void)seal(in, pl); /* hundreds of tasks: there may be no room now */
    }
    return false;
}

static bool all_restored(struct instance *in, bool *any) {
    const int64_t until_ms = instance_mono_ms() + CLAIM_SLICE_MS;
    bool ready = in->globals_complete;
    *any = false;
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RUNNING) {
            ask_epoch(in, pl); /* Redis was away for longer than the takeover waited */
        }
        if (!pl || pl->task.state != TASK_RESTORING) {
            continue;
        }
        *any = true;
        ask_epoch(in, pl);
        struct task *t = &pl->task;
        if (!t->epoch_known && in->now_ms - t->restoring_since_ms >= EPOCH_WAIT_MS) {
            task_take_over(t, 0, instance_wall_ms() / 1000);
            t->epoch_known = true;
        }
        bool mine = t->floor_known && t->epoch_known;
        if (in->durable && mine && in->globals_complete) { /* brokers that are away block */
            mine = (t->claimed || instance_mono_ms() < until_ms) && claim_task(in, pl);
        }
        ready = ready && mine;
    }
    return ready;
}

/* Of each input topic: they are alike, see whole_tasks(). Tasks below n_places were held here. */
uint32_t instance_n_tasks(const struct instance *in) {
    const int32_t known = in->ports.source.partitions(in->ports.source.ctx, 0);
    return known > (int32_t)in->n_places ? (uint32_t)known : in->n_places;
}

/* All restoring tasks begin at once: whatever they hold takes part in one merge. */
static void start_reading(struct instance *in) {
    struct position *parts = calloc((size_t)in->n_places * in->cfg->n_topics, sizeof *parts);
    size_t n = 0;
    if (!parts) {
        instance_fail(in, ST_NOMEM, "out of memory for positions");
        return;
    }
    for (uint32_t p = 0; p < in->n_places; p++) {
        const struct place *pl = instance_place(in, p);
        for (uint32_t t = 0; pl && pl->task.state == TASK_RESTORING && t < in->cfg->n_topics; t++) {
            const int64_t next = pl->task.next[t];
            parts[n++] =
                (struct position){.offset = next, .partition = (int32_t)p, .topic = (uint16_t)t};
            if (next >= 0) {
                merge_begin(in->merge, p, (uint16_t)t, next);
            }
        }
    }
    in->ports.source.start(in->ports.source.ctx, parts, n);
    free(parts);
}

void instance_restore(struct instance *in) {
    bool any = false;
    bool ready = all_restored(in, &any);
    if (!any) {
        return;
    }
    if (!ready) {
        find_floors(in);
        return;
    }
    /* Brokers that have just said what is committed say this, too; and there is an assignment
     * whenever partitions are added. */
    learner_set_n_tasks(in->learner, instance_n_tasks(in));
    if (in->durable) {
        start_reading(in);
    }
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RESTORING) {
            task_move(&pl->task, TASK_RUNNING);
            merge_run_task(in->merge, p);
            metric_observe(M_TAKEOVER_SECONDS, 0,
                           1e-3 * (double)(in->now_ms - pl->task.restoring_since_ms));
            LOG_INFO("task runs", LOG_INT("task", p), LOG_INT("epoch", pl->task.epoch));
            if (in->durable) {
                instance_publish_run(in, pl);
                instance_outbox_run(in, pl);
            }
        }
    }
    in->info_segments = -1; /* info is due under the new epoch */
    memset(in->fallback_digest, 0, sizeof in->fallback_digest);
}

/* ---- seal and answers ---------------------------------------------------------------------- */

static void undo(struct instance *in, struct place *pl) {
    learner_undo(in->learner, pl->task.p);
    task_undo(&pl->task);
    outbox_undo(&pl->outbox);
    instance_durable_undone(in, pl->task.p);
    metric_add(M_UNDONE, 0, 1);
    LOG_WARN("uncommitted events taken back: they will be read again by whoever owns the task",
             LOG_INT("task", pl->task.p));
}

/* The assignment is over for this task: what is not committed goes back. */
static void lose(struct instance *in, struct place *pl) {
    undo(in, pl);
    if (pl->task.state == TASK_RUNNING) {
        if (in->durable) {
            instance_durable_park(in, pl, false);
        }
        merge_remove_task(in->merge, pl->task.p);
        instance_drop_waiting(in, pl);
        task_move(&pl->task, TASK_PARKED);
    }
}

static void take_answer(struct instance *in, const struct sealed_answer *a) {
    struct place *pl = instance_place(in, a->task);
    if (a->status == ST_FENCED) {
        metric_add(M_FENCED, 0, 1);
        instance_fail(in, ST_FENCED,
                      "another process has this one's name in Kafka's transactions: give each "
                      "instance its own instance.id (this one is no longer allowed to commit, and "
                      "nothing of what it had not committed counts), or a right is missing: the "
                      "log says which");
    }
    if (!pl || pl->task.n_sealed == 0 || pl->task.generation != a->generation) {
        return; /* undone already */
    }
    if (a->status == ST_OK) {
        learner_committed(in->learner, a->task);
        task_committed(&pl->task);
        instance_durable_committed(in, a);
        instance_outbox_committed(in, pl);
        instance_publish_committed(in, pl);
        pl->sealed_ms = in->now_ms;
        pl->task.claimed |= pl->task.claiming;
        pl->task.claiming = false;
    } else {
        lose(in, pl);
    }
}

void instance_take_answers(struct instance *in) {
    struct sealed_answer a;
    while (committer_answer(in->committer, &a)) {
        take_answer(in, &a);
    }
}

/* state = memory. False: not now. */
static bool hand_over(struct instance *in, struct place *pl, struct sealed *batch) {
    if (committer_submit(in->committer, batch) != ST_OK) {
        return false; /* hundreds of tasks and brokers away: the open batch goes on */
    }
    if (learner_seal(in->learner, pl->task.p) != ST_OK) {
        instance_fail(in, ST_RANGE, "a batch was handed over that cannot be sealed");
        return false;
    }
    return true;
}

/* state = kafka. False: not now, or out of memory. */
static bool pack_and_hand_over(struct instance *in, struct place *pl, struct sealed *batch) {
    if (committer_room(in->committer) == 0 || instance_durable_seal(in, pl, batch) != ST_OK) {
        return false;
    }
    return committer_submit(in->committer, batch) == ST_OK; /* there was room */
}

static bool seal(struct instance *in, struct place *pl) {
    struct task *t = &pl->task;
    if (!t->dirty || t->n_sealed == LEARNER_BATCHES - 1) {
        return !t->dirty;
    }
    struct sealed batch = {.task = t->p, .generation = t->generation, .letters = t->letters};
    for (uint32_t k = 0; k < in->cfg->n_topics; k++) {
        /* Never below the floor: it says how far letters were sent, whatever is read again. */
        const int64_t offset = t->next[k] > t->floor[k] ? t->next[k] : t->floor[k];
        if (offset >= 0 || in->durable) {
            batch.positions[batch.n_positions++] =
                (struct position){.offset = offset > 0 ? offset : 0,
                                  .partition = (int32_t)t->p,
                                  .topic = (uint16_t)k};
        }
    }
    if (!(in->durable ? pack_and_hand_over : hand_over)(in, pl, &batch)) {
        return false;
    }
    t->letters = (struct letters){0};
    pl->sealed_ms = t->n_sealed == 0 ? in->now_ms : pl->sealed_ms;
    task_seal(t);
    return true;
}

size_t instance_open_bytes(const struct instance *in, const struct place *pl) {
    return learner_batch_bytes(in->learner, pl->task.p) + pl->task.letters.len + pl->outbox.bytes;
}

static bool seal_due(const struct instance *in, const struct place *pl) {
    return learner_batch_users(in->learner, pl->task.p) >= SEAL_USERS ||
           instance_open_bytes(in, pl) >= SEAL_BYTES;
}

uint32_t instance_n_running(const struct instance *in) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < in->n_places; p++) {
        n += in->places[p].exists && in->places[p].task.state == TASK_RUNNING;
    }
    return n;
}

/* Others count what this instance does not know of before they commit, nor they of it: of history
 * that is read fast, a second can be weeks. */
static bool history_due(const struct instance *in) {
    const int64_t most_ms = in->cfg->commit_history_ms;
    return in->durable && most_ms > 0 && in->now_ms - in->committed_ms >= HISTORY_REST_MS &&
           in->open_last_ms - in->open_first_ms >= most_ms &&
           instance_n_running(in) < instance_n_tasks(in);
}

/* State in memory: nothing was read yet that could be committed. */
static bool has_nowhere(const struct instance *in, const struct place *pl) {
    uint32_t k = 0;
    while (k < in->cfg->n_topics && pl->task.next[k] < 0) {
        k++;
    }
    return !in->durable && k == in->cfg->n_topics;
}

static void commit_place(struct instance *in, struct place *pl) {
    pl->task.dirty |=
        instance_durable_wants_seal(in, pl) || (instance_is_contested(pl) && !has_nowhere(in, pl));
    (void)seal(in, pl); /* two batches wait: it is sealed at the next turn */
}

/* Every task once in an interval, but not all of them at once: to pack a batch takes its time, and
 * users wait for their lists meanwhile. */
static void turn_due(struct instance *in) {
    if (in->now_ms < in->next_commit_ms) {
        return;
    }
    const uint32_t n = instance_n_running(in);
    const int64_t most = in->cfg->commit_interval_ms / COMMIT_APART_MS;
    const uint32_t turns = most < 1 || n < 1 ? 1 : most < n ? (uint32_t)most : n;
    in->commit_left += (n + turns - 1) / turns;
    in->next_commit_ms = in->now_ms + in->cfg->commit_interval_ms / turns;
}

/* The next one that is due, if any. */
static void commit_next(struct instance *in) {
    for (uint32_t left = in->n_places; left > 0 && in->commit_left > 0; left--) {
        const uint32_t p = in->commit_task < in->n_places ? in->commit_task : 0;
        struct place *pl = instance_place(in, p);
        in->commit_task = p + 1;
        if (pl && pl->task.state == TASK_RUNNING) {
            commit_place(in, pl);
            in->commit_left--;
            return;
        }
    }
    in->commit_left = 0; /* there are none */
}

void instance_commit(struct instance *in, bool all) {
    instance_take_answers(in);
    const bool at_once = all || history_due(in);
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RUNNING && (at_once || in->stalled || seal_due(in, pl))) {
            commit_place(in, pl);
        }
    }
    in->stalled = false;
    if (at_once) {
        in->commit_left = 0;
        in->committed_ms = in->now_ms;
        in->open_first_ms = in->open_last_ms = 0;
    }
    turn_due(in);
    commit_next(in);
}

/* ---- revocation ----------------------------------------------------------------------------- */

static bool settled(struct instance *in, const struct position *parts, size_t n) {
    for (size_t k = 0; k < n; k++) {
        const struct place *pl = instance_place(in, (uint32_t)parts[k].partition);
        if (pl && pl->task.state == TASK_RUNNING && (pl->task.n_sealed > 0 || pl->task.dirty)) {
            return false;
        }
    }
    return true;
}

/* Orderly: what was learned is committed before the task is given away. */
static void settle(struct instance *in, const struct position *parts, size_t n) {
    const int64_t deadline = instance_mono_ms() + REVOKE_WAIT_MS;
    while (!settled(in, parts, n) && instance_mono_ms() < deadline) {
        for (size_t k = 0; k < n; k++) {
            struct place *pl = instance_place(in, (uint32_t)parts[k].partition);
            if (pl && pl->task.state == TASK_RUNNING) {
                (void)seal(in, pl); /* the wait below makes room for the next turn */
            }
        }
        struct sealed_answer a;
        if (committer_wait(in->committer, 50, &a)) {
            take_answer(in, &a);
        }
    }
}

static void park(struct instance *in, struct place *pl, bool orderly) {
    struct task *t = &pl->task;
    if (t->state != TASK_RUNNING && t->state != TASK_RESTORING) {
        return;
    }
    const bool settled = t->n_sealed == 0 && !t->dirty;
    if (!settled) {
        undo(in, pl);
    }
    if (in->durable) {
        instance_durable_park(in, pl, settled && orderly);
    }
    merge_remove_task(in->merge, t->p);
    instance_drop_waiting(in, pl);
    task_move(t, TASK_PARKED);
}

void instance_revoked(void *ctx, const struct position *parts, size_t n, bool lost) {
    struct instance *in = ctx;
    if (in->committer && !lost && !in->fatal) {
        if (in->durable) {
            instance_durable_leave(in, parts, n);
        }
        settle(in, parts, n);
    }
    if (in->committer && lost) {
        /* a commit on its way may still have arrived: its answer decides */
        const int64_t deadline = instance_mono_ms() + REVOKE_WAIT_MS;
        struct sealed_answer a;
        while (committer_pending(in->committer) > 0 && instance_mono_ms() < deadline) {
            if (committer_wait(in->committer, 50, &a)) {
                take_answer(in, &a);
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        struct place *pl = instance_place(in, (uint32_t)parts[k].partition);
        if (pl) {
            park(in, pl, !lost);
        }
    }
    LOG_INFO("revoked", LOG_INT("partitions", n), LOG_STR("how", lost ? "lost" : "orderly"));
}

bool instance_at_end(struct instance *in, struct place *pl) {
    for (uint32_t k = 0; k < in->cfg->n_topics; k++) {
        const uint16_t topic = (uint16_t)k;
        const int64_t end = in->ports.source.end(in->ports.source.ctx, topic, (int32_t)pl->task.p);
        if (merge_buffered(in->merge, pl->task.p, topic) > 0 || end < 0 ||
            merge_position(in->merge, pl->task.p, topic) < end) {
            return false;
        }
    }
    return true;
}
