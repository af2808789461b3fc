/* SPDX-License-Identifier: Apache-2.0
 * instance_durable.c -- state = kafka: restoring tasks, batches as bytes, the log of the shared
 * model; see instance_state.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "instance_state.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"
#include "state_record.h"

enum {
    MODEL_SLICE_MS = 2,
    START_SLICE_MS = 50, /* nothing else can be done until the model is there */
    RESEND_MS = 5000,
    HIDE_SLOTS = 20000,
    TRIM_MS = 600000,
    SWEEP_ITEMS = 400,    /* pieces a commit */
    SWEEP_RECORDS = 1000, /* the log must have grown by so much for another sweep */
    PARKED_MS = 1800000,  /* a task that has not come back by then is somebody else's */
    ENDS_MS = 1000,
};

/* ---- life cycle ------------------------------------------------------------------------- */

enum status instance_durable_new(struct instance *in) {
    if (in->cfg->state != STATE_KAFKA) {
        if (in->cfg->n_triggers > 0) {
            LOG_WARN("triggers are off: they need state = kafka, whose transactions hold them",
                     LOG_INT("triggers", in->cfg->n_triggers));
        }
        return ST_OK;
    }
    struct durable *d = calloc(1, sizeof *d);
    if (!d) {
        return ST_NOMEM;
    }
    in->durable = d;
    restore_progress_start(&d->meter);
    d->trim_model = in->ports.trim_model;
    d->trim_ctx = in->ports.trim_ctx;
    const struct model_log_ports ports = {.items = in->ports.model_items, .log = in->ports.model};
    enum status st = model_log_new(in->cfg, in->learner, &ports, &d->model);
    st = st ? st : restore_new(in->cfg, in->learner, &in->ports.changelog, &d->restore);
    if (!st && in->cfg->state_dir[0]) {
        st = checkpointer_new(in->cfg, &in->ports.changelog_bounds, &in->ports.transactions,
                              &d->checkpointer);
    }
    return st;
}

void instance_durable_free(struct instance *in) {
    struct durable *d = in->durable;
    if (!d) {
        return;
    }
    for (uint32_t p = 0; in->places && p < in->n_places; p++) {
        free(in->places[p].gone);
        in->places[p].gone = NULL;
    }
    checkpointer_free(d->checkpointer);
    model_log_free(d->model);
    restore_free(d->restore);
    free(d->body.bytes);
    free(d->value.bytes);
    free(d->clock.bytes);
    free(d);
    in->durable = NULL;
}

void instance_durable_take(struct instance *in) {
    struct durable *d = in->durable;
    char err[CONFIG_ERROR_MAX];
    if (!d || in->fatal) {
        return;
    }
    const bool ready = model_log_ready(d->model);
    enum status st = model_log_take(d->model, ready ? MODEL_SLICE_MS : START_SLICE_MS, err);
    if (!st && model_log_ready(d->model)) {
        st = restore_take(d->restore, START_SLICE_MS, err);
    }
    if (st && err[0] == '\0') {
        snprintf(err, sizeof err, "state cannot be read: %s", status_str(st));
    }
    if (st) {
        instance_fail(in, st, err);
    }
}

bool instance_durable_reads(const struct instance *in) {
    return in->durable && restore_reads(in->durable->restore);
}

bool instance_durable_agrees(const struct instance *in) {
    return !in->durable || model_log_agrees(in->durable->model);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

void instance_durable_begin(struct instance *in, struct place *pl) {
    if (in->now_ms - pl->parked_ms > RESTORE_TOMBSTONES_MS) {
        pl->changelog_next = -1; /* tombstones since then may be gone */
    }
    if (restore_begin(in->durable->restore, pl->task.p, pl->changelog_next, pl->uuid,
                      &pl->published)) {
        instance_fail(in, ST_NOMEM, "out of memory for a task");
    }
}

void instance_durable_leave(struct instance *in, const struct position *parts, size_t n) {
    const struct log_port *log = &in->ports.changelog;
    const int64_t until_ms = instance_mono_ms() + ENDS_MS;
    bool asks = true;
    for (size_t k = 0; k < n; k++) {
        struct place *pl = instance_place(in, (uint32_t)parts[k].partition);
        struct log_bounds b;
        if (!pl || parts[k].topic != 0 || pl->task.state != TASK_RUNNING) {
            continue;
        }
        pl->leaving_at = -1;
        asks = asks && instance_mono_ms() < until_ms &&
               log->bounds(log->ctx, parts[k].partition, &b) == ST_OK;
        if (asks) {
            pl->leaving_at = b.high;
            pl->task.dirty = true;
        }
    }
}

/* Everything below that end is in memory, or was never committed: batches were committed after it
 * was asked, which nobody can whose place another has taken. */
void instance_durable_park(struct instance *in, struct place *pl, bool settled) {
    restore_drop(in->durable->restore, pl->task.p);
    instance_outbox_leave(in, pl);
    if (in->durable->checkpointer) {
        checkpointer_release(in->durable->checkpointer, pl->task.p);
    }
    if (settled && pl->task.state == TASK_RUNNING && pl->leaving_at >= 0) {
        pl->changelog_next = pl->leaving_at;
    }
    pl->leaving_at = -1;
    pl->parked_ms = in->now_ms;
}

void instance_durable_expire(struct instance *in) {
    for (uint32_t p = 0; in->durable && p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_PARKED && in->now_ms - pl->parked_ms > PARKED_MS) {
            free(pl->gone);
            learner_task_close(in->learner, p);
            instance_drop_place(in, pl);
            LOG_INFO("a task that went long ago is forgotten", LOG_INT("task", p));
        }
    }
}

static const struct task_position *position_in(const struct state_task *t, const char *topic) {
    for (uint32_t k = 0; k < t->n_topics; k++) {
        if (strcmp(t->topics[k].topic, topic) == 0) {
            return &t->topics[k];
        }
    }
    return NULL;
}

/* Is the position still there? */
static bool can_go_on(struct instance *in, const struct place *pl, uint32_t topic, bool *known) {
    const int64_t next = pl->task.next[topic];
    int64_t low = 0;
    int64_t high = 0;
    const struct source *s = &in->ports.source;
    *known = s->bounds(s->ctx, (uint16_t)topic, (int32_t)pl->task.p, &low, &high) == ST_OK;
    if (!*known || next < 0 || (next >= low && next <= high)) {
        return true;
    }
    char text[CONFIG_ERROR_MAX];
    snprintf(text, sizeof text,
             "%s partition %u holds offsets %" PRId64 " to %" PRId64 ", but task %u stands at "
             "%" PRId64 ": the topic was recreated, or retention has passed events that were not "
             "learned. Stop all instances, then either go on with what the topic has: crossrec "
             "topic reset %s --continue, or forget everything and learn it again: crossrec topic "
             "reset %s --rebuild",
             in->cfg->topics[topic].name, pl->task.p, low, high, pl->task.p, next,
             in->cfg->topics[topic].name, in->cfg->topics[topic].name);
    instance_fail(in, ST_INVALID, text);
    return false;
}

/* The group's offsets are for fencing and lag tools: the task's record is the truth. */
static void compare_committed(const struct instance *in, const struct place *pl) {
    for (uint32_t k = 0; k < in->cfg->n_topics; k++) {
        const int64_t committed = pl->task.floor[k];
        const int64_t next = pl->task.next[k] > 0 ? pl->task.next[k] : 0;
        if (committed >= 0 && committed != next) {
            LOG_WARN("the group's committed offset differs from the task's record, which counts",
                     LOG_STR("topic", in->cfg->topics[k].name), LOG_INT("partition", pl->task.p),
                     LOG_INT("committed", committed), LOG_INT("record", pl->task.next[k]));
        }
    }
}

/* The group has committed with state = kafka before, but there is no state. */
static void fail_without_state(struct instance *in, const struct place *pl) {
    char text[CONFIG_ERROR_MAX];
    snprintf(text, sizeof text,
             "the group has committed events of task %u, but %s has nothing of it: the topic was "
             "recreated or emptied. Restore it from a backup, or stop all instances and learn "
             "everything again with: crossrec topic reset %s --rebuild",
             pl->task.p, in->cfg->state_topic, in->cfg->state_topic);
    instance_fail(in, ST_INVALID, text);
}

static bool take_positions(struct instance *in, struct place *pl, const struct restored *r) {
    struct task *t = &pl->task;
    if (!r->exists && !r->resumed && t->tagged) {
        fail_without_state(in, pl);
        return false;
    }
    for (uint32_t k = 0; k < in->cfg->n_topics; k++) {
        const struct task_position *pos =
            r->exists ? position_in(&r->task, in->cfg->topics[k].name) : NULL;
        if (!r->resumed || r->exists) {
            t->next[k] = pos ? pos->next : -1;
            pl->incarnation[k] = pos ? pos->incarnation : 0;
        }
        bool known = false;
        if (!can_go_on(in, pl, k, &known) || !known) {
            return false;
        }
    }
    compare_committed(in, pl);
    for (uint32_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        t->floor[k] = -1; /* letters are part of the transaction: none was sent before */
    }
    memcpy(t->begin[t->first_batch % LEARNER_BATCHES], t->next, sizeof t->next);
    return true;
}

/* Whose lists in Redis may be older than what was restored. What `published` said stays true, as
 * far as the positions go: those of a topic that was recreated are others. */
static void touch_uncovered(struct instance *in, struct place *pl, const struct restored *r) {
    const struct users *users = learner_users(in->learner, pl->task.p);
    struct published *said = &pl->published;
    pl->uncovered = r->all_uncovered;
    for (size_t k = 0; k < r->n_uncovered && !pl->uncovered; k++) {
        const uint32_t slot = users_find(users, r->uncovered[k]);
        if (slot != USER_NONE && publish_touch(pl->publish, slot, 0, in->now_ms)) {
            instance_fail(in, ST_NOMEM, "out of memory for the dirty users");
        }
    }
    for (uint32_t k = 0; k < in->cfg->n_topics; k++) {
        const int64_t next = pl->task.next[k];
        said->offsets[k] = said->offsets[k] < next ? said->offsets[k] : next;
    }
}

bool instance_durable_restored(struct instance *in, struct place *pl) {
    struct restored r;
    struct task *t = &pl->task;
    if (!model_log_ready(in->durable->model) || !restore_done(in->durable->restore, t->p, &r) ||
        !take_positions(in, pl, &r)) {
        return false;
    }
    if (r.exists && r.task.epoch >= t->epoch) {
        task_take_over(t, r.task.epoch, instance_wall_ms() / 1000);
    }
    enum status st =
        r.exists ? learner_restore_task(in->learner, t->p, r.task.learner, r.task.learner_len)
                 : ST_OK;
    if (st) {
        instance_fail(in, st,
                      "the record of a task cannot be used; crossrec state verify says which");
        return false;
    }
    if (r.exists) {
        memcpy(pl->uuid, r.task.uuid, sizeof pl->uuid);
    }
    if (!r.resumed) {
        pl->n_gone = 0; /* who must go is looked for among all that was restored */
    }
    if (!r.exists && !r.resumed &&
        getrandom(pl->uuid, sizeof pl->uuid, 0) != (ssize_t)sizeof pl->uuid) {
        instance_fail(in, ST_IO, "no random numbers to name a changelog by");
        return false;
    }
    struct checkpoint *k = restore_checkpoint(in->durable->restore, t->p);
    if (in->durable->checkpointer) {
        checkpointer_adopt(in->durable->checkpointer, t->p, t->generation, k);
    }
    pl->changelog_next = r.next;
    pl->batch = 1;
    learner_name_batches(in->learner, t->p, t->epoch, pl->batch);
    pl->looked_at = 0;
    if (publish_assume(pl->publish, users_n(learner_users(in->learner, t->p)),
                       (uint32_t)(instance_wall_ms() / 1000))) {
        instance_fail(in, ST_NOMEM, "out of memory for what was published");
    }
    touch_uncovered(in, pl, &r);
    restore_drop(in->durable->restore, t->p);
    return true;
}

static bool must_go(const struct people *people, const struct user *u, uint64_t user) {
    const int64_t erased_ms = people_get(people, user).erased_ms;
    return !people_may_show(people, user) || (erased_ms > 0 && erased_ms >= user_first_ms(u));
}

/* Whoever was erased or withdrew while nobody held the task: each restored user once. */
void instance_durable_hide(struct instance *in, struct place *pl) {
    const struct users *users = learner_users(in->learner, pl->task.p);
    const uint32_t n = in->durable ? users_n(users) : 0;
    for (uint32_t k = 0; k < HIDE_SLOTS && pl->looked_at < n && instance_can_hide(in, 1); k++) {
        const struct user *u = users_get(users, pl->looked_at);
        const uint64_t user = users_hash(users, pl->looked_at);
        if (u && must_go(in->people, u, user)) {
            instance_hide(in, user);
        }
        pl->looked_at++;
    }
}

/* Those who come before they were looked at. */
bool instance_durable_welcome(struct instance *in, struct place *pl, uint64_t user) {
    const struct users *users = learner_users(in->learner, pl->task.p);
    if (!in->durable || pl->looked_at >= users_n(users)) {
        return true;
    }
    const uint32_t slot = users_find(users, user);
    if (slot == USER_NONE || slot < pl->looked_at ||
        !must_go(in->people, users_get(users, slot), user)) {
        return true;
    }
    if (!instance_can_hide(in, 1)) {
        return false;
    }
    instance_hide(in, user);
    return true;
}

void instance_durable_forgot(struct instance *in, struct place *pl, uint64_t user) {
    if (!in->durable) {
        return;
    }
    if (pl->n_gone == pl->cap_gone) {
        const size_t cap = pl->cap_gone ? 2 * pl->cap_gone : 16;
        uint64_t *gone = realloc(pl->gone, cap * sizeof *gone);
        if (!gone) {
            instance_fail(in, ST_NOMEM, "out of memory for an erasure");
            return;
        }
        pl->gone = gone;
        pl->cap_gone = cap;
    }
    pl->gone[pl->n_gone++] = user;
    pl->task.dirty = true; /* a tombstone is due */
}

/* ---- a batch as bytes ------------------------------------------------------------------------ */

/* What `body` holds, in its envelope; the body is emptied. */
static enum status add_sealed(struct instance *in, struct sealed *batch, enum state_kind kind,
                              struct parcel *parcel) {
    struct durable *d = in->durable;
    d->value.len = 0;
    state_record_seal(&d->value, kind, d->body.bytes, d->body.len);
    const bool failed = d->body.failed || d->value.failed;
    parcel->value = d->value.bytes;
    parcel->value_len = d->value.len;
    d->body.len = 0;
    return failed ? ST_NOMEM : parcels_add(&batch->parcels, parcel);
}

static enum status add_user(struct instance *in, struct sealed *batch, size_t k) {
    struct durable *d = in->durable;
    uint64_t user = 0;
    uint8_t key[STATE_KEY_USER_LEN];
    const bool there = learner_sealed_user(in->learner, batch->task, k, &user, &d->body);
    state_key_user(key, user);
    struct parcel parcel = {
        .kind = PARCEL_STATE, .partition = (int32_t)batch->task, .key = key, .key_len = sizeof key};
    return there ? add_sealed(in, batch, STATE_USER, &parcel)
                 : parcels_add(&batch->parcels, &parcel);
}

static size_t n_gone_sealed(const struct place *pl) {
    size_t n = 0;
    for (uint32_t k = 0; k < pl->task.n_sealed; k++) {
        n += pl->gone_in[k];
    }
    return n;
}

/* Tombstones; whoever has come again has a record instead, in this batch or since. */
static enum status add_gone(const struct instance *in, struct place *pl, struct sealed *batch) {
    const size_t first = n_gone_sealed(pl);
    enum status st = ST_OK;
    pl->gone_in[pl->task.n_sealed] = pl->n_gone - first;
    for (size_t k = first; k < pl->n_gone && !st; k++) {
        uint8_t key[STATE_KEY_USER_LEN];
        if (users_find(learner_users(in->learner, pl->task.p), pl->gone[k]) != USER_NONE) {
            continue;
        }
        state_key_user(key, pl->gone[k]);
        const struct parcel parcel = {.kind = PARCEL_STATE,
                                      .partition = (int32_t)batch->task,
                                      .key = key,
                                      .key_len = sizeof key};
        st = parcels_add(&batch->parcels, &parcel);
    }
    return st;
}

static enum status add_users(struct instance *in, struct place *pl, struct sealed *batch) {
    const size_t n = learner_sealed_users(in->learner, batch->task);
    enum status st = add_gone(in, pl, batch);
    for (size_t k = 0; k < n && !st; k++) {
        st = add_user(in, batch, k);
    }
    return st;
}

static enum status add_task(struct instance *in, const struct place *pl, struct sealed *batch) {
    struct durable *d = in->durable;
    struct pack learner = {0};
    learner_sealed_task(in->learner, batch->task, &learner);
    struct state_task t = {.epoch = batch->epoch,
                           .batch = batch->batch,
                           .n_topics = in->cfg->n_topics,
                           .learner = learner.bytes,
                           .learner_len = learner.len};
    for (uint32_t k = 0; k < t.n_topics; k++) {
        snprintf(t.topics[k].topic, sizeof t.topics[k].topic, "%s", in->cfg->topics[k].name);
        t.topics[k].incarnation = pl->incarnation[k];
        t.topics[k].next = pl->task.next[k];
#ifdef CROSSREC_SEED_COMMIT_BEFORE_EFFECT
        t.topics[k].next = merge_position(in->merge, batch->task, (uint16_t)k);
#endif
    }
    memcpy(t.uuid, pl->uuid, sizeof t.uuid);
    if (!learner.failed) {
        state_task_write(&d->body, &t);
    }
    uint8_t key[STATE_KEY_TASK_LEN];
    state_key_task(key);
    struct parcel parcel = {
        .kind = PARCEL_STATE, .partition = (int32_t)batch->task, .key = key, .key_len = sizeof key};
    enum status st = learner.failed ? ST_NOMEM : add_sealed(in, batch, STATE_TASK, &parcel);
    free(learner.bytes);
    return st;
}

static enum status add_model(struct instance *in, struct sealed *batch, enum state_kind kind) {
    struct parcel parcel = {.kind = PARCEL_MODEL};
    return in->durable->body.len > 0 ? add_sealed(in, batch, kind, &parcel) : ST_OK;
}

static bool landmark_due(struct instance *in, int64_t *at_ms) {
    const struct durable *d = in->durable;
    return learner_landmark_wanted(in->learner, at_ms) &&
           (*at_ms > d->landmark_at_ms || in->now_ms - d->landmark_sent_ms > RESEND_MS ||
            d->landmark_sent_ms == 0);
}

static bool options_due(const struct instance *in) {
    const struct durable *d = in->durable;
    return !model_log_has_options(d->model) &&
           (d->options_sent_ms == 0 || in->now_ms - d->options_sent_ms > RESEND_MS);
}

/* What the log is to be told besides: options at its beginning, landmarks, seeds. */
static enum status add_controls(struct instance *in, struct sealed *batch) {
    struct durable *d = in->durable;
    int64_t at_ms = 0;
    enum status st = ST_OK;
    if (options_due(in)) {
        char text[MODEL_OPTIONS_MAX];
        pack_raw(&d->body, text, model_options(in->cfg, text, sizeof text));
        st = add_model(in, batch, STATE_OPTIONS);
        d->options_sent_ms = in->now_ms;
    }
    if (!st && landmark_due(in, &at_ms)) {
        log_record_write_landmark(&d->body, at_ms);
        st = add_model(in, batch, STATE_CONTROL);
        d->landmark_at_ms = at_ms;
        d->landmark_sent_ms = in->now_ms;
    }
    if (!st && batch->task == 0) {
        st = learner_log_seeds(in->learner, &d->body);
        st = st ? st : add_model(in, batch, STATE_CONTROL);
    }
    return st;
}

/* ---- the model's snapshot: a sweep over its pieces, some with each batch of task 0
 * ---------------- */

enum { SWEEP_NONE, SWEEP_OF_ITEMS, SWEEP_OF_CATEGORIES, SWEEP_OF_REST };

struct pieces { /* on their way into a batch */
    struct instance *in;
    struct sealed *batch;
    enum status st;
};

static void add_piece(void *arg, const struct snapshot_head *head, const void *bytes, size_t len) {
    struct pieces *p = arg;
    struct durable *d = p->in->durable;
    uint8_t key[MODEL_KEY_BYTES];
    model_key(key, head->kind, head->key);
    d->value.len = 0;
    state_record_seal(&d->value, STATE_PIECE, bytes, len);
    const struct parcel parcel = {.kind = PARCEL_ITEMS,
                                  .key = key,
                                  .key_len = sizeof key,
                                  .value = d->value.bytes,
                                  .value_len = d->value.len};
    if (!p->st) {
        p->st = d->value.failed ? ST_NOMEM : parcels_add(&p->batch->parcels, &parcel);
    }
    d->sweep_low = head->position < d->sweep_low ? head->position : d->sweep_low;
}

static enum status add_body(struct pieces *p) {
    struct durable *d = p->in->durable;
    struct snapshot_head head;
    if (d->body.failed) {
        return ST_NOMEM;
    }
    if (d->body.len > 0 && snapshot_head(d->body.bytes, d->body.len, &head) == ST_OK) {
        add_piece(p, &head, d->body.bytes, d->body.len);
    }
    d->body.len = 0;
    return p->st;
}

static enum status add_options(struct pieces *p, const char *text, size_t len) {
    struct durable *d = p->in->durable;
    uint8_t key[MODEL_KEY_BYTES];
    model_key_options(key);
    pack_raw(&d->body, text, len);
    struct parcel parcel = {.kind = PARCEL_ITEMS, .key = key, .key_len = sizeof key};
    return add_sealed(p->in, p->batch, STATE_OPTIONS, &parcel);
}

/* Which log it is of. */
static enum status add_mark(struct pieces *p) {
    struct durable *d = p->in->durable;
    uint8_t key[MODEL_KEY_BYTES];
    uint8_t mark[MODEL_MARK_BYTES];
    model_key_mark(key);
    d->sweep_mark = d->sweep_low;
    pack_raw(&d->body, mark, model_log_mark(d->model, mark, &d->sweep_mark));
    struct parcel parcel = {.kind = PARCEL_ITEMS, .key = key, .key_len = sizeof key};
    return d->body.len > 0 ? add_sealed(p->in, p->batch, STATE_CONTROL, &parcel) : ST_OK;
}

static enum status add_low(struct pieces *p) {
    struct durable *d = p->in->durable;
    uint8_t key[MODEL_KEY_BYTES];
    model_key_low(key);
    pack_uint(&d->body, d->sweep_low);
    pack_raw(&d->body, d->clock.bytes, d->clock.len);
    struct parcel parcel = {.kind = PARCEL_ITEMS, .key = key, .key_len = sizeof key};
    return d->clock.failed ? ST_NOMEM : add_sealed(p->in, p->batch, STATE_CONTROL, &parcel);
}

/* Globals and all nets at one position: a mean is of the latest of all. */
static enum status add_rest(struct pieces *p) {
    struct durable *d = p->in->durable;
    char text[MODEL_OPTIONS_MAX];
    const size_t len = model_options(p->in->cfg, text, sizeof text);
    enum status st = learner_snapshot_globals(p->in->learner, text, len, &d->body);
    st = st ? st : add_body(p);
    for (uint32_t task = 0; task < LEARNER_TASKS_MAX && !st; task++) {
        st = learner_snapshot_nets(p->in->learner, task, &d->body);
        st = st ? st : add_body(p);
    }
    st = st ? st : add_options(p, text, len);
    st = st ? st : add_mark(p);
    return st ? st : add_low(p);
}

static bool sweep_due(const struct instance *in) {
    const struct durable *d = in->durable;
    return d->sweep != SWEEP_NONE || (d->sweep_batch == 0 && learner_log_position(in->learner) >=
                                                                 d->swept_at + SWEEP_RECORDS);
}

static enum status add_pieces(struct instance *in, struct sealed *batch) {
    struct durable *d = in->durable;
    struct pieces p = {.in = in, .batch = batch};
    if (d->sweep == SWEEP_NONE) {
        d->sweep = SWEEP_OF_ITEMS;
        d->sweep_at = 0;
        d->swept_at = d->sweep_low = learner_log_position(in->learner);
        d->clock.len = 0;
        learner_snapshot_clock(in->learner, &d->clock);
    }
    const bool items = d->sweep == SWEEP_OF_ITEMS;
    if (d->sweep == SWEEP_OF_REST) {
        d->sweep = SWEEP_NONE;
        d->sweep_batch = batch->batch;
        return add_rest(&p);
    }
    enum status st = (items ? learner_snapshot_items : learner_snapshot_categories)(
        in->learner, d->sweep_at, SWEEP_ITEMS, add_piece, &p);
    d->sweep_at += SWEEP_ITEMS;
    const struct shared *s = learner_shared(in->learner);
    if (d->sweep_at >= (items ? items_n(s->items) : content_n_categories(s->content))) {
        d->sweep++;
        d->sweep_at = 0;
    }
    return st ? st : p.st;
}

enum status instance_durable_seal(struct instance *in, struct place *pl, struct sealed *batch) {
    struct durable *d = in->durable;
    const uint32_t p = pl->task.p;
    enum status st = learner_seal(in->learner, p);
    if (st == ST_AGAIN) {
        return ST_AGAIN;
    }
    batch->epoch = pl->task.epoch;
    batch->batch = pl->batch++;
    batch->parcels = committer_spare(in->committer);
    st = st ? st : add_users(in, pl, batch);
    st = st ? st : add_task(in, pl, batch);
    if (!st) {
        learner_log_write(in->learner, p, &d->body);
        st = add_model(in, batch, STATE_DELTA);
    }
    st = st ? st : instance_outbox_seal(pl, batch);
    st = st ? st : add_controls(in, batch);
    if (!st && p == 0 && pl->task.state == TASK_RUNNING && sweep_due(in)) {
        st = add_pieces(in, batch);
    }
    if (st) {
        parcels_free(&batch->parcels);
        instance_fail(in, st, "out of memory for a batch");
    }
    return st;
}

bool instance_durable_wants_seal(struct instance *in, const struct place *pl) {
    int64_t at_ms = 0;
    return in->durable &&
           (landmark_due(in, &at_ms) || options_due(in) || (pl->task.p == 0 && sweep_due(in)));
}

/* ---- after the commit ------------------------------------------------------------------- */

static void forget_gone(struct place *pl) {
    const size_t n = pl->gone_in[0];
    if (n > 0) {
        pl->n_gone -= n;
        memmove(pl->gone, pl->gone + n, pl->n_gone * sizeof *pl->gone);
    }
    memmove(pl->gone_in, pl->gone_in + 1, sizeof pl->gone_in - sizeof *pl->gone_in);
}

void instance_durable_committed(struct instance *in, const struct sealed_answer *a) {
    struct durable *d = in->durable;
    if (d) {
        forget_gone(&in->places[a->task]);
    }
    if (d && a->task == 0 && a->batch == d->sweep_batch) {
        const uint64_t low = d->sweep_low < d->sweep_mark ? d->sweep_low : d->sweep_mark;
        atomic_store(&d->needed, (int64_t)low);
        d->sweep_batch = 0;
    }
}

/* Pieces that were in it are not in the topic: the sweep begins anew. Tombstones neither: those who
 * were forgotten stay forgotten. */
void instance_durable_undone(struct instance *in, uint32_t task) {
    memset(in->places[task].gone_in, 0, sizeof in->places[task].gone_in);
    if (in->durable && task == 0) {
        in->durable->sweep = SWEEP_NONE;
        in->durable->sweep_batch = 0;
        in->durable->swept_at = 0;
    }
    if (in->durable) {
        in->durable->landmark_sent_ms = in->durable->options_sent_ms = 0;
    }
}

static void on_committed(void *ctx, const struct sealed *batch) {
    const struct durable *d = ctx;
    if (d->checkpointer) {
        const struct commit_watch w = checkpointer_watch(d->checkpointer);
        w.committed(w.ctx, batch);
    }
}

static void on_idle(void *ctx, bool last) {
    struct durable *d = ctx;
    if (d->checkpointer) {
        const struct commit_watch w = checkpointer_watch(d->checkpointer);
        w.idle(w.ctx, last);
    }
    /* Not at once: an instance that was cut off for a while reads on where it was. */
    const int64_t below = atomic_exchange(&d->needed, 0);
    if (below > 0 && d->trim_below == 0) {
        d->trim_below = below;
        d->trim_at_ms = instance_mono_ms() + TRIM_MS;
    }
    if (d->trim_below > 0 && instance_mono_ms() >= d->trim_at_ms && !last) {
        d->trim_model(d->trim_ctx, d->trim_below);
        d->trim_below = 0;
    }
}

struct commit_watch instance_durable_watch(struct instance *in) {
    return (struct commit_watch){.committed = on_committed, .idle = on_idle, .ctx = in->durable};
}

/* ---- gauges --------------------------------------------------------------------------------- */

void instance_durable_gauges(struct instance *in) {
    struct durable *d = in->durable;
    if (!d) {
        return;
    }
    size_t bytes = 0;
    metric_set(M_MODEL_LAG, 0, 1e-3 * (double)model_log_lag_ms(d->model));
    metric_set(M_MODEL_PENDING, 0, (double)learner_log_pending(in->learner, &bytes));
    const bool ready = model_log_ready(d->model);
    const double share = ready ? restore_progress(d->restore) : model_log_progress(d->model);
    metric_set(M_RESTORE_PROGRESS, 0, share);
    restore_progress_show(&d->meter, in->now_ms,
                          !ready        ? "the shared model"
                          : share < 1.0 ? "users and tasks"
                                        : NULL,
                          share, (uint64_t)metric_value(ready ? M_RESTORED : M_MODEL_RECORDS, 0));
    double oldest = 0.0;
    double undo = 0.0;
    for (uint32_t p = 0; p < in->n_places; p++) {
        const struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RUNNING) {
            const double age =
                pl->task.n_sealed > 0 ? 1e-3 * (double)(in->now_ms - pl->sealed_ms) : 0.0;
            oldest = age > oldest ? age : oldest;
            undo += (double)learner_batch_bytes(in->learner, p);
        }
    }
    metric_set(M_OPEN_SECONDS, 0, oldest);
    metric_set(M_UNDO_BYTES, 0, undo);
}
