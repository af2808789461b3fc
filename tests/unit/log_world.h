/* SPDX-License-Identifier: Apache-2.0
 *
 * log_world.h -- several learners, their tasks, and the log between them: a world in which batches
 * are sealed, committed, aborted, seen late, and tasks move. Included after learner_run.h by one
 * file of each test program.
 *
 * The log is an array of records; each learner reads it at its own pace. A task's durable state is
 * what its batches said when they were committed. Everything is drawn from one seed.
 */
#ifndef LOG_WORLD_H
#define LOG_WORLD_H

#include "learner_log.h"
#include "learner_run.h"
#include "snapshot.h"

enum { LEARNERS_MAX = 4, TASKS_MAX = 6, FLIGHTS = LEARNER_BATCHES - 1, USERS_MAX = 400 };

struct blob {
    uint8_t *bytes;
    size_t len;
};

struct stored { /* of a user, or a piece of a snapshot */
    uint64_t key;
    struct blob blob;
    struct snapshot_head head;
};

struct stored_list {
    struct stored *list;
    size_t n, cap;
};

/* A sealed batch that is on its way. */
struct flight {
    struct blob record, task;
    struct stored_list users;
    uint32_t next; /* event after it */
};

struct log_task {
    uint32_t owner;
    uint64_t epoch, batch;
    const struct made **events; /* (n,) of this task */
    uint32_t n, next, committed;
    struct flight flights[FLIGHTS];
    uint32_t n_flights;
    struct stored_list users; /* durable */
    struct blob task;         /* durable; bytes NULL: none yet */
};

struct log_world {
    struct rng rng;
    struct learner_params params;
    uint32_t n_learners, n_tasks;
    struct learner *learners[LEARNERS_MAX];
    uint64_t applied[LEARNERS_MAX]; /* records */
    struct blob *log;
    uint64_t n_log, cap_log;
    struct log_task tasks[TASKS_MAX];
    struct made *events;
    uint32_t n_events;
    struct stored_list pieces; /* the newest of each key */
    uint32_t swept, sweeper;   /* next item of the sweep, and who writes it */
    uint32_t sweeps;           /* complete ones */
    uint64_t n_aborts, n_behind, n_moves, n_early, n_landmarks, n_seeds;
};

/* ---- bytes ----------------------------------------------------------------------------- */

static inline void blob_free(struct blob *b) {
    free(b->bytes);
    *b = (struct blob){0};
}

/* Exactly as long as it is: what reads beyond is caught. */
static inline struct blob blob_of(const void *bytes, size_t len) {
    struct blob b = {.bytes = malloc(len + !len), .len = len};
    assert_non_null(b.bytes);
    memcpy(b.bytes, bytes, len);
    return b;
}

static inline struct blob blob_taken(struct pack *p) {
    assert_false(p->failed);
    struct blob b = p->len ? blob_of(p->bytes, p->len) : (struct blob){0};
    free(p->bytes);
    *p = (struct pack){0};
    return b;
}

static inline void store(struct stored_list *s, uint64_t key, enum snapshot_kind kind,
                         struct blob blob, const struct snapshot_head *head) {
    size_t k = 0;
    while (k < s->n && !(s->list[k].key == key && s->list[k].head.kind == kind)) {
        k++;
    }
    if (k == s->n && s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->list = realloc(s->list, s->cap * sizeof *s->list);
        assert_non_null(s->list);
    }
    if (k == s->n) {
        s->list[s->n++] = (struct stored){.key = key};
    }
    blob_free(&s->list[k].blob);
    s->list[k].blob = blob;
    s->list[k].head = head ? *head : (struct snapshot_head){.kind = kind};
}

static inline void stored_free(struct stored_list *s) {
    for (size_t k = 0; k < s->n; k++) {
        blob_free(&s->list[k].blob);
    }
    free(s->list);
    *s = (struct stored_list){0};
}

/* ---- life cycle ------------------------------------------------------------------------ */

static inline uint64_t hash_of_id(const char *id, size_t len) {
    uint32_t user = 0;
    for (size_t k = 1; k < len; k++) {
        user = 10 * user + (uint32_t)(id[k] - '0');
    }
    return user_hash(user);
}

static inline struct learner *log_learner(const struct log_world *w) {
    struct learner_params params = w->params;
    params.log = true;
    params.hash_of = hash_of_id;
    struct learner *l = learner_of(params, 0);
    learner_set_n_tasks(l, w->n_tasks);
    return l;
}

static inline void give_task(struct log_world *w, uint32_t task, uint32_t owner);

/* Events of a stream, the tasks dealt out. */
static inline struct log_world *world_of(uint64_t seed, struct learner_params params,
                                         struct stream *s, uint32_t n_learners, uint32_t n_events) {
    struct log_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->rng = (struct rng){seed};
    w->params = params;
    w->n_learners = n_learners;
    w->n_tasks = s->n_tasks;
    w->n_events = n_events;
    w->events = calloc(n_events, sizeof *w->events);
    assert_non_null(w->events);
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        w->tasks[p].events = calloc(n_events, sizeof *w->tasks[p].events);
        assert_non_null(w->tasks[p].events);
    }
    for (uint32_t k = 0; k < n_events; k++) {
        struct log_task *t = NULL;
        next_event(s, &w->events[k]);
        t = &w->tasks[w->events[k].task];
        t->events[t->n++] = &w->events[k];
    }
    for (uint32_t k = 0; k < n_learners; k++) {
        w->learners[k] = log_learner(w);
    }
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        give_task(w, p, p % n_learners);
    }
    return w;
}

static inline void drop_flights(struct log_task *t) {
    for (uint32_t k = 0; k < t->n_flights; k++) {
        blob_free(&t->flights[k].record);
        blob_free(&t->flights[k].task);
        stored_free(&t->flights[k].users);
    }
    t->n_flights = 0;
}

static inline void world_done(struct log_world *w) {
    for (uint32_t k = 0; k < LEARNERS_MAX; k++) {
        learner_free(w->learners[k]);
    }
    for (uint64_t k = 0; k < w->n_log; k++) {
        blob_free(&w->log[k]);
    }
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        drop_flights(&w->tasks[p]);
        stored_free(&w->tasks[p].users);
        blob_free(&w->tasks[p].task);
        free(w->tasks[p].events);
    }
    stored_free(&w->pieces);
    free(w->log);
    free(w->events);
    free(w);
}

/* ---- the log --------------------------------------------------------------------------- */

/* Offsets have gaps: every third is a marker. */
static inline uint64_t offset_of(uint64_t record) {
    return record + record / 2;
}

static inline void say(struct log_world *w, struct blob record) {
    if (w->n_log == w->cap_log) {
        w->cap_log = w->cap_log ? 2 * w->cap_log : 64;
        w->log = realloc(w->log, w->cap_log * sizeof *w->log);
        assert_non_null(w->log);
    }
    w->log[w->n_log++] = record;
}

static inline void hear_one(struct log_world *w, struct learner *l, uint64_t *applied) {
    const struct blob *b = &w->log[*applied];
    assert_int_equal(learner_log_apply(l, b->bytes, b->len, offset_of(*applied)), ST_OK);
    assert_int_equal(learner_log_position(l), offset_of(*applied) + 1);
    ++*applied;
}

static inline void hear(struct log_world *w, uint32_t k, uint64_t end) {
    while (w->applied[k] < end) {
        hear_one(w, w->learners[k], &w->applied[k]);
    }
}

/* ---- batches --------------------------------------------------------------------------- */

static inline void say_landmark(struct log_world *w, int64_t at_ms) {
    struct pack p = {0};
    log_record_write_landmark(&p, at_ms);
    say(w, blob_taken(&p));
    w->n_landmarks++;
}

static inline void learn_one(struct log_world *w, struct log_task *t) {
    struct learner *l = w->learners[t->owner];
    const struct made *m = t->events[t->next];
    struct event_line lines[MADE_LINES];
    for (;;) {
        struct event e = m->e;
        struct learner_effect effect = {0};
        memcpy(lines, m->lines, e.n_lines * sizeof *lines);
        e.lines = lines;
        const uint64_t n = learner_shared(l)->n_events;
        const enum status st = learner_learn(l, m->task, &e, &effect);
        if (st == ST_OK) {
            break;
        }
        int64_t at_ms = 0;
        assert_int_equal(st, ST_AGAIN);
        assert_int_equal(learner_shared(l)->n_events, n);
        assert_true(learner_landmark_wanted(l, &at_ms));
        say_landmark(w, at_ms);
        hear(w, t->owner, w->n_log);
    }
    t->next++;
}

static inline bool seal_one(struct log_world *w, uint32_t task) {
    struct log_task *t = &w->tasks[task];
    struct learner *l = w->learners[t->owner];
    if (t->n_flights == FLIGHTS) {
        assert_int_equal(learner_seal(l, task), ST_AGAIN);
        return false;
    }
    struct flight *f = &t->flights[t->n_flights++];
    struct pack p = {0};
    assert_int_equal(learner_seal(l, task), ST_OK);
    t->batch++;
    *f = (struct flight){.next = t->next};
    learner_log_write(l, task, &p);
    f->record = blob_taken(&p);
    learner_sealed_task(l, task, &p);
    f->task = blob_taken(&p);
    for (size_t k = 0; k < learner_sealed_users(l, task); k++) {
        uint64_t user = 0;
        assert_true(learner_sealed_user(l, task, k, &user, &p));
        store(&f->users, user, 0, blob_taken(&p), NULL);
    }
    return true;
}

/* The oldest batch under way becomes durable, and its record a part of the log. */
static inline void land(struct log_world *w, struct log_task *t) {
    struct flight f = t->flights[0];
    for (size_t k = 0; k < f.users.n; k++) {
        store(&t->users, f.users.list[k].key, 0, f.users.list[k].blob, NULL);
    }
    free(f.users.list);
    blob_free(&t->task);
    t->task = f.task;
    t->committed = f.next;
    if (f.record.len > 0) {
        say(w, f.record);
    }
    t->n_flights--;
    memmove(t->flights, t->flights + 1, t->n_flights * sizeof *t->flights);
}

/* The oldest batch under way is committed; its owner may see it in the log before it knows. */
static inline void commit_one(struct log_world *w, uint32_t task, bool early) {
    struct log_task *t = &w->tasks[task];
    land(w, t);
    if (early) {
        hear(w, t->owner, w->n_log);
        w->n_early++;
    }
    learner_committed(w->learners[t->owner], task);
}

/* Of a batch that was seen in the log, and the rest that will not be: its owner, who does not know
 * that it was committed, undoes everything. */
static inline void abort_behind(struct log_world *w, uint32_t task) {
    struct log_task *t = &w->tasks[task];
    land(w, t);
    hear(w, t->owner, w->n_log);
    learner_undo(w->learners[t->owner], task);
    drop_flights(t);
    t->next = t->committed;
    w->n_behind++;
}

static inline void abort_task(struct log_world *w, uint32_t task) {
    struct log_task *t = &w->tasks[task];
    learner_undo(w->learners[t->owner], task);
    drop_flights(t);
    t->next = t->committed;
    w->n_aborts++;
}

static inline void give_task(struct log_world *w, uint32_t task, uint32_t owner) {
    struct log_task *t = &w->tasks[task];
    struct learner *l = w->learners[owner];
    t->owner = owner;
    t->epoch++;
    assert_int_equal(learner_task_open(l, task), ST_OK);
    for (size_t k = 0; k < t->users.n; k++) {
        const struct stored *s = &t->users.list[k];
        assert_int_equal(learner_restore_user(l, task, s->key, s->blob.bytes, s->blob.len), ST_OK);
    }
    if (t->task.bytes) {
        assert_int_equal(learner_restore_task(l, task, t->task.bytes, t->task.len), ST_OK);
    }
    learner_name_batches(l, task, t->epoch, 1);
    t->next = t->committed;
}

/* To another owner: in order, after an abort, or in the middle of everything. */
static inline void move_task(struct log_world *w, uint32_t task) {
    struct log_task *t = &w->tasks[task];
    const uint32_t to = rng_below(&w->rng, w->n_learners);
    switch (rng_below(&w->rng, 3)) {
    case 0:
        while (t->n_flights > 0) {
            commit_one(w, task, false);
        }
        (void)seal_one(w, task);
        commit_one(w, task, false);
        break;
    case 1: abort_task(w, task); break;
    default: break;
    }
    learner_task_close(w->learners[t->owner], task);
    drop_flights(t);
    give_task(w, task, to);
    w->n_moves++;
}

/* ---- controls -------------------------------------------------------------------------- */

static inline void look_for_controls(struct log_world *w) {
    const uint32_t k = rng_below(&w->rng, w->n_learners);
    int64_t at_ms = 0;
    if (learner_landmark_wanted(w->learners[k], &at_ms)) {
        say_landmark(w, at_ms);
    }
    struct pack p = {0};
    assert_int_equal(learner_log_seeds(w->learners[w->tasks[0].owner], &p), ST_OK);
    struct blob seeds = blob_taken(&p);
    if (seeds.len > 0 && rng_below(&w->rng, 3)) { /* else the transaction was aborted */
        say(w, seeds);
        w->n_seeds++;
    } else {
        blob_free(&seeds);
    }
}

/* ---- snapshots ------------------------------------------------------------------------- */

static inline void store_piece(void *arg, const struct snapshot_head *head, const void *bytes,
                               size_t len) {
    struct log_world *w = arg;
    store(&w->pieces, head->key, head->kind, blob_of(bytes, len), head);
}

static inline void store_packed(struct log_world *w, struct pack *p) {
    struct snapshot_head head;
    if (p->len > 0) {
        assert_int_equal(snapshot_head(p->bytes, p->len, &head), ST_OK);
        store_piece(w, &head, p->bytes, p->len);
    }
    p->len = 0;
}

/* Categories, nets and globals at the start of a sweep, then a slice of items a call. */
static inline void sweep(struct log_world *w, uint32_t slice) {
    if (w->swept == 0) {
        w->sweeper = rng_below(&w->rng, w->n_learners);
    }
    struct learner *l = w->learners[w->sweeper];
    if (w->swept == 0) {
        struct pack p = {0};
        assert_int_equal(learner_snapshot_globals(l, "a = b\n", 6, &p), ST_OK);
        store_packed(w, &p);
        for (uint32_t task = 0; task < w->n_tasks; task++) {
            assert_int_equal(learner_snapshot_nets(l, task, &p), ST_OK);
            store_packed(w, &p);
        }
        free(p.bytes);
    }
    const uint32_t n = learner_shared(l)->n_items;
    if (w->swept < n) {
        assert_int_equal(learner_snapshot_items(l, w->swept, slice, store_piece, w), ST_OK);
        w->swept += slice;
        return;
    }
    assert_int_equal(learner_snapshot_categories(l, 0, UINT32_MAX, store_piece, w), ST_OK);
    w->swept = 0;
    w->sweeps++;
}

static inline int by_position(const void *a, const void *b) {
    const struct stored *x = a;
    const struct stored *y = b;
    return x->head.position < y->head.position ? -1 : x->head.position > y->head.position;
}

/* Loads what the log's record at `offset` needs to find there. */
static inline size_t load_pieces(const struct log_world *w, struct learner *l, size_t next,
                                 uint64_t offset) {
    for (; next < w->pieces.n && w->pieces.list[next].head.position <= offset; next++) {
        const struct blob *b = &w->pieces.list[next].blob;
        assert_int_equal(learner_snapshot_load(l, b->bytes, b->len), ST_OK);
    }
    return next;
}

/* A learner that knows nothing but the pieces, and the log from the oldest of them on. */
static inline struct learner *join(struct log_world *w) {
    struct learner *l = log_learner(w);
    qsort(w->pieces.list, w->pieces.n, sizeof *w->pieces.list, by_position);
    for (size_t k = 0; k < w->pieces.n; k++) {
        assert_int_equal(learner_snapshot_await(l, &w->pieces.list[k].head), ST_OK);
    }
    const uint64_t oldest = w->pieces.n ? w->pieces.list[0].head.position : 0;
    size_t next = 0;
    for (uint64_t k = 0; k < w->n_log; k++) {
        if (offset_of(k) < oldest) {
            continue; /* deleted long ago */
        }
        next = load_pieces(w, l, next, offset_of(k));
        const struct blob *b = &w->log[k];
        assert_int_equal(learner_log_apply(l, b->bytes, b->len, offset_of(k)), ST_OK);
    }
    (void)load_pieces(w, l, next, UINT64_MAX);
    assert_int_equal(learner_snapshot_done(l), ST_OK);
    return l;
}

/* ---- the world goes on ----------------------------------------------------------------- */

struct chances { /* of a step, one in so many; 0: never */
    uint32_t seal, commit, abort, move, hear, controls, sweep;
};

static inline bool chance(struct log_world *w, uint32_t one_in) {
    return one_in > 0 && rng_below(&w->rng, one_in) == 0;
}

/* Learns an event of a task, if there is one left, and what else happens. */
static inline void step(struct log_world *w, const struct chances *c) {
    const uint32_t task = rng_below(&w->rng, w->n_tasks);
    struct log_task *t = &w->tasks[task];
    if (t->next < t->n) {
        learn_one(w, t);
    }
    if (chance(w, c->seal)) {
        (void)seal_one(w, task);
    }
    if (chance(w, c->commit) && t->n_flights > 0) {
        commit_one(w, task, chance(w, 3));
    }
    if (chance(w, c->abort)) {
        if (t->n_flights > 0 && t->flights[0].record.len > 0 && chance(w, 2)) {
            abort_behind(w, task);
        } else {
            abort_task(w, task);
        }
    }
    if (chance(w, c->move)) {
        move_task(w, task);
    }
    if (chance(w, c->controls)) {
        look_for_controls(w);
    }
    if (chance(w, c->sweep)) {
        sweep(w, 1 + rng_below(&w->rng, 40));
    }
    const uint32_t k = rng_below(&w->rng, w->n_learners);
    if (chance(w, c->hear) && w->applied[k] < w->n_log) {
        hear(w, k, w->applied[k] + 1 + rng_below(&w->rng, (uint32_t)(w->n_log - w->applied[k])));
    }
}

static inline bool all_learned(const struct log_world *w) {
    bool all = true;
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        all = all && w->tasks[p].next == w->tasks[p].n;
    }
    return all;
}

/* Commits what there is and tells everybody: nothing is pending. */
static inline void settle(struct log_world *w) {
    for (uint32_t p = 0; p < w->n_tasks; p++) {
        while (w->tasks[p].n_flights > 0) {
            commit_one(w, p, false);
        }
        (void)seal_one(w, p);
        commit_one(w, p, false);
    }
    for (uint32_t k = 0; k < w->n_learners; k++) {
        size_t bytes = 0;
        hear(w, k, w->n_log);
        assert_int_equal(learner_log_pending(w->learners[k], &bytes), 0);
        assert_int_equal(bytes, 0);
    }
}

static inline void run_world(struct log_world *w, const struct chances *c) {
    for (uint64_t n = 0; !all_learned(w) && n < 40 * (uint64_t)w->n_events; n++) {
        step(w, c);
    }
    assert_true(all_learned(w));
    settle(w);
}

/* ---- comparing ------------------------------------------------------------------------- */

static inline void assert_same_item(const struct shared *s, uint32_t i, const struct shared *t,
                                    uint32_t j) {
    struct popularity_sum x;
    struct popularity_sum y;
    int64_t obs[4];
    popularity_item(s->popularity, i, &x);
    popularity_item(t->popularity, j, &y);
    assert_memory_equal(x.w, y.w, sizeof x.w);
    assert_int_equal(x.weight, y.weight);
    assert_int_equal(x.count, y.count);
    popularity_obs_item(s->popularity, i, &obs[0], &obs[1]);
    popularity_obs_item(t->popularity, j, &obs[2], &obs[3]);
    assert_int_equal(obs[0], obs[2]);
    assert_int_equal(obs[1], obs[3]);
    assert_int_equal(factors_count(s->factors, i), factors_count(t->factors, j));
    assert_memory_equal(factors_b(s->factors, i), factors_b(t->factors, j),
                        FACTORS * sizeof(int64_t));
    assert_int_equal(pairs_s(s->pairs, i), pairs_s(t->pairs, j));
    const struct categories_item c = categories_item(s->categories, i);
    const struct categories_item d = categories_item(t->categories, j);
    assert_true(c.g == d.g && c.n == d.n && c.repeats == d.repeats);
}

/* Of an item that the other does not know. */
static inline void assert_unknown(const struct shared *s, uint32_t i) {
    int64_t obs[2];
    assert_no_counts(s, i);
    popularity_obs_item(s->popularity, i, &obs[0], &obs[1]);
    assert_true(obs[0] == 0 && obs[1] == 0);
}

static inline uint32_t category_in(const struct shared *s, uint32_t c, const struct shared *t) {
    const uint64_t hash = content_category_hash(s->content, c);
    for (uint32_t d = 0; d < content_n_categories(t->content); d++) {
        if (content_category_hash(t->content, d) == hash) {
            return d;
        }
    }
    return CATEGORY_NONE;
}

static inline void assert_same_categories(const struct shared *s, const struct shared *t) {
    for (uint32_t c = 0; c < content_n_categories(s->content); c++) {
        const uint32_t d = category_in(s, c, t);
        const struct categories_category x = categories_category(s->categories, c);
        struct categories_category y = {0};
        if (d != CATEGORY_NONE) {
            y = categories_category(t->categories, d);
        }
        assert_true(x.g == y.g && x.n == y.n && x.repeats == y.repeats);
        const uint32_t n = categories_neighbours(s->categories, c).n;
        assert_int_equal(n, d == CATEGORY_NONE ? 0 : categories_neighbours(t->categories, d).n);
        int64_t sums[2] = {0};
        uint64_t digests[2] = {0};
        for (uint32_t k = 0; k < n; k++) {
            const struct pair_sum p = categories_pair_at(s->categories, c, k);
            const struct pair_sum q = categories_pair_at(t->categories, d, k);
            sums[0] += p.a;
            sums[1] += q.a;
            digests[0] += mix64(content_category_hash(s->content, p.to) ^ (uint64_t)p.a);
            digests[1] += mix64(content_category_hash(t->content, q.to) ^ (uint64_t)q.a);
        }
        assert_true(sums[0] == sums[1] && digests[0] == digests[1]);
    }
    assert_true(categories_all_events(s->categories) == categories_all_events(t->categories));
}

static inline void assert_same_segments(const struct shared *s, const struct shared *t) {
    assert_int_equal(segments_generation(s->segments), segments_generation(t->segments));
    assert_int_equal(segments_k(s->segments), segments_k(t->segments));
    for (uint32_t k = 0; k < segments_k(s->segments); k++) {
        float z[2][FEATURES_MAX] = {{0}};
        const size_t bytes = FEATURES_PER_DOMAIN * s->n_domains * sizeof(float);
        assert_memory_equal(segments_centroid(s->segments, k), segments_centroid(t->segments, k),
                            bytes);
        segments_z(s->segments, k, z[0]);
        segments_z(t->segments, k, z[1]);
        assert_memory_equal(z[0], z[1], bytes);
        assert_true(segments_weight(s->segments, k) == segments_weight(t->segments, k));
        assert_true(segments_sse(s->segments, k) == segments_sse(t->segments, k));
    }
}

static inline void assert_same_nets(struct learner *a, struct learner *b, uint32_t n_tasks) {
    for (uint32_t p = 0; p < n_tasks; p++) {
        struct pack x = {0};
        struct pack y = {0};
        assert_int_equal(learner_snapshot_nets(a, p, &x), ST_OK);
        assert_int_equal(learner_snapshot_nets(b, p, &y), ST_OK);
        assert_int_equal(x.len, y.len);
        if (x.len > 0) {
            assert_memory_equal(x.bytes, y.bytes, x.len);
        }
        free(x.bytes);
        free(y.bytes);
    }
}

/* Everything that two learners at the same log end with nothing pending have alike, bit for bit. */
static inline void assert_same_model(struct learner *a, struct learner *b, uint32_t n_tasks) {
    const struct shared *s = learner_shared(a);
    const struct shared *t = learner_shared(b);
    assert_int_equal(learner_log_position(a), learner_log_position(b));
    assert_int_equal(s->n_events, t->n_events);
    for (int c = 0; c < POP_CLOCKS; c++) {
        assert_int_equal(popularity_landmark(s->popularity, c),
                         popularity_landmark(t->popularity, c));
    }
    assert_int_equal(popularity_obs_landmark(s->popularity),
                     popularity_obs_landmark(t->popularity));
    assert_int_equal(categories_landmark(s->categories), categories_landmark(t->categories));
    for (uint8_t d = 0; d < s->n_domains; d++) {
        assert_int_equal(popularity_events(s->popularity, d), popularity_events(t->popularity, d));
        for (int c = 0; c < POP_CLOCKS; c++) {
            assert_true(popularity_lg_sum(s->popularity, d, c) ==
                        popularity_lg_sum(t->popularity, d, c));
        }
    }
    for (uint32_t i = 0; i < s->n_items; i++) {
        const uint32_t j = item_in(a, i, b);
        if (j == ITEM_NONE) {
            assert_unknown(s, i);
            continue;
        }
        assert_same_item(s, i, t, j);
        assert_same_pairs(a, i, b, j);
    }
    for (uint32_t j = 0; j < t->n_items; j++) {
        if (item_in(b, j, a) == ITEM_NONE) {
            assert_unknown(t, j);
        }
    }
    assert_same_categories(s, t);
    assert_memory_equal(factors_s(s->factors), factors_s(t->factors),
                        FACTORS * FACTORS * sizeof(float));
    assert_same_segments(s, t);
    assert_same_nets(a, b, n_tasks);
}

/* ... and the vectors, once all are solved; of learners that know the same items. */
static inline void assert_same_vectors(struct learner *a, struct learner *b) {
    const struct shared *s = learner_shared(a);
    const struct shared *t = learner_shared(b);
    learner_solve_all(a);
    learner_solve_all(b);
    for (uint32_t i = 0; i < s->n_items; i++) {
        const uint32_t j = item_in(a, i, b);
        if (j != ITEM_NONE) {
            assert_memory_equal(factors_q(s->factors) + (size_t)i * FACTORS,
                                factors_q(t->factors) + (size_t)j * FACTORS,
                                FACTORS * sizeof(float));
        }
    }
}

#endif
