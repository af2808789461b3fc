/* SPDX-License-Identifier: Apache-2.0
 *
 * test_restore.c -- contract tests of consumer/restore.h: random histories of a task in a changelog
 * (users, tombstones, aborted transactions, compaction), restored from nothing, from a checkpoint,
 * and from what is in memory, must give what a naive map of the newest records gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_log.h"
#include "learner_log.h"
#include "learner_run.h"
#include "log.h"
#include "restore.h"
#include "state_record.h"
#include "user_record.h"

enum { TASKS = 3, USERS = 60, DOMAINS = 2 };

static const char changelog[] = "crossrec-state";

struct stage {
    struct config cfg;
    char dir[64];
    struct fake_logs logs;
    struct fake_reader reader;
    struct log_port port;
    struct learner *writer; /* makes records */
    struct stream stream;
    uint64_t batch;
    uint8_t uuid[TASKS][16];
    struct learner *reads; /* is restored into */
    struct restore *r;
    char err[CONFIG_ERROR_MAX];
};

static struct stage *stage;

static struct learner_params params(void) {
    struct learner_params p = params_of(DOMAINS);
    p.log = true;
    return p;
}

static struct learner *fresh(void) {
    struct learner *l = learner_of(params(), TASKS);
    struct pack p = {0};
    log_record_write_landmark(&p, START);
    assert_int_equal(learner_log_apply(l, p.bytes, p.len, 0), ST_OK);
    free(p.bytes);
    return l;
}

static void new_uuid(uint32_t task) {
    static uint8_t n;
    memset(stage->uuid[task], ++n, sizeof stage->uuid[task]);
}

static void new_reader(void) {
    if (stage->r) {
        restore_free(stage->r);
        learner_free(stage->reads);
    }
    stage->reads = fresh();
    fake_reader_init(&stage->reader, &stage->logs, changelog);
    stage->port = fake_reader_port(&stage->reader);
    assert_int_equal(restore_new(&stage->cfg, stage->reads, &stage->port, &stage->r), ST_OK);
}

static int setup(void **state) {
    (void)state;
    stage = calloc(1, sizeof *stage);
    log_set_level(LOG_LEVEL_ERROR);
    config_defaults(&stage->cfg);
    snprintf(stage->dir, sizeof stage->dir, "/tmp/crossrec-restore-XXXXXX");
    assert_non_null(mkdtemp(stage->dir));
    stage->cfg.state_dir[0] = '\0';
    fake_logs_init(&stage->logs, 1);
    fake_logs_make(&stage->logs, changelog, TASKS);
    stage->writer = fresh();
    stage->stream = (struct stream){.now_ms = START,
                                    .step_ms = 60000,
                                    .users = USERS,
                                    .items = 30,
                                    .n_domains = DOMAINS,
                                    .n_tasks = TASKS,
                                    .max_lines = 2};
    for (uint32_t p = 0; p < TASKS; p++) {
        new_uuid(p);
    }
    new_reader();
    return 0;
}

static int teardown(void **state) {
    char command[96];
    (void)state;
    restore_free(stage->r);
    learner_free(stage->reads);
    learner_free(stage->writer);
    fake_logs_free(&stage->logs);
    snprintf(command, sizeof command, "rm -rf %s", stage->dir);
    assert_int_equal(system(command), 0);
    free(stage);
    return 0;
}

/* ---- the predecessor --------------------------------------------------------------------- */

static void put(uint32_t task, uint32_t tx, const void *key, size_t key_len, enum state_kind kind,
                const struct pack *body) {
    struct pack value = {0};
    char copy[STATE_KEY_USER_LEN];
    memcpy(copy, key, key_len);
    if (body) {
        state_record_seal(&value, kind, body->bytes, body->len);
    }
    const struct fake_record r = {.key = copy,
                                  .key_len = key_len,
                                  .value = (char *)value.bytes,
                                  .value_len = value.len,
                                  .tx = tx};
    (void)fake_logs_append(&stage->logs, changelog, (int32_t)task, &r);
    free(value.bytes);
}

static void put_users(uint32_t task, uint32_t tx) {
    const size_t n = learner_sealed_users(stage->writer, task);
    for (size_t k = 0; k < n; k++) {
        struct pack body = {0};
        uint64_t user = 0;
        uint8_t key[STATE_KEY_USER_LEN];
        const bool there = learner_sealed_user(stage->writer, task, k, &user, &body);
        state_key_user(key, user);
        put(task, tx, key, sizeof key, STATE_USER, there ? &body : NULL);
        free(body.bytes);
    }
}

static void put_task(uint32_t task, uint32_t tx) {
    struct pack learner = {0};
    struct pack body = {0};
    uint8_t key[STATE_KEY_TASK_LEN];
    learner_sealed_task(stage->writer, task, &learner);
    struct state_task t = {.epoch = 3,
                           .batch = ++stage->batch,
                           .n_topics = 1,
                           .topics = {{.topic = "in", .next = (int64_t)stage->batch}},
                           .learner = learner.bytes,
                           .learner_len = learner.len};
    memcpy(t.uuid, stage->uuid[task], sizeof t.uuid);
    state_task_write(&body, &t);
    state_key_task(key);
    put(task, tx, key, sizeof key, STATE_TASK, &body);
    free(learner.bytes);
    free(body.bytes);
}

/* A batch of the task, committed or taken back. */
static void batch(uint32_t task, bool commits) {
    const uint32_t tx = fake_logs_begin(&stage->logs);
    struct rng *rng = &stage->stream.rng;
    for (uint32_t k = 1 + rng_below(rng, 30); k > 0; k--) {
        struct made m;
        next_event(&stage->stream, &m);
        (void)learn_in(stage->writer, task, &m);
    }
    if (commits && rng_below(rng, 4) == 0) {
        const uint64_t user = user_hash(rng_below(rng, USERS));
        uint8_t key[STATE_KEY_USER_LEN];
        state_key_user(key, user);
        if (users_find(learner_users(stage->writer, task), user) != USER_NONE) {
            (void)learner_forget(stage->writer, user);
            for (uint32_t p = 0; p < TASKS; p++) { /* he may be in all of them here */
                state_key_user(key, user);
                put(p, 0, key, sizeof key, STATE_USER, NULL);
            }
        }
    }
    assert_int_equal(learner_seal(stage->writer, task), ST_OK);
    put_users(task, tx);
    put_task(task, tx);
    fake_logs_end(&stage->logs, tx, commits);
    if (commits) {
        learner_committed(stage->writer, task);
    } else {
        learner_undo(stage->writer, task);
    }
}

/* ---- what must come of it ----------------------------------------------------------------- */

/* The newest committed record of each key below an offset, into a learner of its own. */
static struct learner *naive(uint32_t task, int64_t below) {
    struct learner *l = fresh();
    const struct fake_log_part *p = fake_logs_part(&stage->logs, changelog, (int32_t)task);
    for (int64_t k = p->low; k < below; k++) {
        const struct fake_record *r = &p->records[k];
        struct state_key key;
        enum state_kind kind;
        const uint8_t *body = NULL;
        size_t len = 0;
        if (r->state != FAKE_COMMITTED) {
            continue;
        }
        assert_int_equal(state_key_parse(r->key, r->key_len, &key), ST_OK);
        if (r->value) {
            assert_int_equal(state_record_open(r->value, r->value_len, &kind, &body, &len), ST_OK);
        }
        if (key.kind == STATE_USER) {
            assert_int_equal(learner_restore_user(l, task, key.user, body, len), ST_OK);
        }
    }
    return l;
}

static struct pack bytes_of(const struct learner *l, uint32_t task, uint64_t user) {
    struct pack p = {0};
    const struct users *users = learner_users(l, task);
    const struct user_words words = {.items = learner_shared(l)->items,
                                     .content = learner_shared(l)->content};
    const uint32_t slot = users_find(users, user);
    if (slot != USER_NONE) {
        user_record_write(users_get(users, slot), 0, &words, &p);
    }
    return p;
}

static void assert_same_records(const struct learner *a, const struct learner *b, uint32_t task) {
    const struct users *x = learner_users(a, task);
    const struct users *y = learner_users(b, task);
    for (uint32_t k = 0; k < USERS; k++) {
        const uint32_t i = users_find(x, user_hash(k));
        const uint32_t j = users_find(y, user_hash(k));
        if ((i == USER_NONE) != (j == USER_NONE)) {
            fail_msg("user %u of task %u is %s the map only", k, task,
                     i == USER_NONE ? "in" : "not in");
        }
        if (i != USER_NONE && user_digest(a, users_get(x, i)) != user_digest(b, users_get(y, j))) {
            fail_msg("user %u of task %u is not the one in the map", k, task);
        }
    }
    assert_int_equal(users_n_alive(learner_users(a, task)), users_n_alive(learner_users(b, task)));
}

static const struct published nobody_said = {.known = false};

static void read_all(uint32_t task, struct restored *out) {
    for (int k = 0; k < 20000; k++) {
        if (restore_done(stage->r, task, out)) {
            return;
        }
        if (restore_take(stage->r, 1, stage->err)) {
            fail_msg("%s", stage->err);
        }
        const double progress = restore_progress(stage->r);
        assert_true(progress >= 0.0 && progress <= 1.0);
    }
    fail_msg("task %u is never restored", task);
}

static void check(uint32_t task, const struct restored *out) {
    const int64_t high = fake_logs_high(&stage->logs, changelog, (int32_t)task);
    struct learner *want = naive(task, high);
    assert_int_equal(out->next, high);
    assert_same_records(stage->reads, want, task);
    learner_free(want);
    if (out->exists) {
        assert_memory_equal(out->task.uuid, stage->uuid[task], 16);
        assert_int_equal(out->task.topics[0].next, out->task.batch);
    }
}

static struct restored restore(uint32_t task, int64_t from) {
    struct restored out;
    assert_int_equal(restore_begin(stage->r, task, from, stage->uuid[task], &nobody_said), ST_OK);
    read_all(task, &out);
    check(task, &out);
    return out;
}

/* A checkpoint of what stood below an offset, as the checkpointer writes it. */
static void write_checkpoint(uint32_t task, int64_t below, int64_t wall_ms,
                             const uint8_t uuid[16]) {
    struct checkpoint *k = NULL;
    const struct fake_log_part *p = fake_logs_part(&stage->logs, changelog, (int32_t)task);
    struct checkpoint_mark mark = {
        .offset = below, .wall_ms = wall_ms, .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, uuid, sizeof mark.uuid);
    assert_int_equal(checkpoint_wipe(stage->dir, task, stage->err), ST_OK);
    if (checkpoint_open(stage->dir, task, 0, &k, stage->err)) {
        fail_msg("%s", stage->err);
    }
    assert_int_equal(checkpoint_begin(k), ST_OK);
    for (int64_t m = p->low; m < below; m++) {
        const struct fake_record *r = &p->records[m];
        if (r->state == FAKE_COMMITTED) {
            assert_int_equal(r->value
                                 ? checkpoint_put(k, r->key, r->key_len, r->value, r->value_len)
                                 : checkpoint_del(k, r->key, r->key_len),
                             ST_OK);
        }
    }
    assert_int_equal(checkpoint_commit(k, &mark), ST_OK);
    checkpoint_close(k);
}

static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void use_checkpoints(void) {
    snprintf(stage->cfg.state_dir, sizeof stage->cfg.state_dir, "%s", stage->dir);
}

/* The checkpoint that the restore gives away has everything. */
static void check_checkpoint(uint32_t task, const struct restored *out) {
    struct checkpoint *k = restore_checkpoint(stage->r, task);
    struct checkpoint_mark mark;
    assert_non_null(k);
    assert_int_equal(checkpoint_mark(k, &mark), ST_OK);
    assert_int_equal(mark.offset, out->next);
    assert_memory_equal(mark.uuid, stage->uuid[task], 16);
    assert_int_equal(checkpoint_begin(k), ST_OK); /* nothing was left open */
    checkpoint_abort(k);
    checkpoint_close(k);
    restore_drop(stage->r, task);
    new_reader();
    struct restored again = restore(task, -1); /* from the checkpoint alone */
    assert_int_equal(again.next, out->next);
    restore_drop(stage->r, task);
}

/* ---- tests --------------------------------------------------------------------------- */

static void a_new_task_has_nothing_and_no_record(void **state) {
    (void)state;
    const struct restored out = restore(0, -1);
    assert_false(out.exists);
    assert_false(out.resumed);
    assert_int_equal(out.next, 0);
}

static void a_history_gives_what_a_map_gives(void **state) {
    (void)state;
    for (int k = 0; k < 20; k++) {
        batch(0, k % 4 > 0);
    }
    const struct restored out = restore(0, -1);
    assert_true(out.exists);
}

static void random_histories_however_they_are_restored(void **state) {
    (void)state;
    use_checkpoints();
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng = {.state = seed};
        int64_t from[TASKS] = {-1, -1, -1};
        print_message("seed %llu\n", (unsigned long long)seed);
        stage->stream.rng.state = seed;
        stage->logs.chance = seed % 2 ? 4 : 0;
        stage->logs.at_most = seed % 3 ? 0 : 7;
        for (int round = 0; round < 12; round++) {
            const uint32_t task = rng_below(&rng, TASKS);
            const int32_t part = (int32_t)task;
            const int64_t before = fake_logs_high(&stage->logs, changelog, part);
            for (uint32_t k = rng_below(&rng, 6); k > 0; k--) {
                batch(task, rng_below(&rng, 4) > 0);
            }
            const uint32_t how = rng_below(&rng, 6);
            if (how == 0) {
                fake_logs_compact(&stage->logs, changelog, part, false);
            } else if (how == 1) {
                write_checkpoint(task, before, wall_ms(), stage->uuid[task]);
            } else if (how == 2) {
                from[task] = -1;
            }
            const struct restored out = restore(task, from[task]);
            from[task] = out.next;
            restore_drop(stage->r, task);
        }
        for (uint32_t p = 0; p < TASKS; p++) {
            assert_int_equal(checkpoint_wipe(stage->dir, p, stage->err), ST_OK);
        }
        new_reader();
    }
}

static void a_restore_that_is_given_up_leaves_nothing_behind(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        batch(1, true);
    }
    stage->logs.at_most = 3;
    assert_int_equal(restore_begin(stage->r, 1, -1, NULL, &nobody_said), ST_OK);
    for (int k = 0; k < 5; k++) {
        assert_int_equal(restore_take(stage->r, 0, stage->err), ST_OK);
    }
    restore_drop(stage->r, 1);
    for (uint32_t k = 0; k < USERS; k++) { /* all of them go meanwhile */
        uint8_t key[STATE_KEY_USER_LEN];
        state_key_user(key, user_hash(k));
        put(1, 0, key, sizeof key, STATE_USER, NULL);
    }
    put_task(1, 0);
    fake_logs_compact(&stage->logs, changelog, 1, true); /* and their tombstones, too */
    const struct restored out = restore(1, -1);
    assert_true(out.exists);
    assert_int_equal(users_n_alive(learner_users(stage->reads, 1)), 0);
}

static void the_checkpoint_is_brought_up_to_the_end(void **state) {
    (void)state;
    use_checkpoints();
    for (int k = 0; k < 10; k++) {
        batch(0, true);
    }
    struct restored out = restore(0, -1); /* there was none: all of it is written */
    check_checkpoint(0, &out);
    for (int k = 0; k < 5; k++) {
        batch(0, true);
    }
    const int64_t added = stage->reader.added;
    out = restore(0, -1);
    assert_true(stage->reader.added > added);
    check_checkpoint(0, &out);
}

static void a_checkpoint_of_another_changelog_is_not_used(void **state) {
    (void)state;
    use_checkpoints();
    batch(0, true);
    batch(0, true);
    const int64_t half = fake_logs_high(&stage->logs, changelog, 0);
    static const uint8_t other[16] = "another one";
    write_checkpoint(0, half, wall_ms(), other);
    struct checkpoint *k = NULL; /* with a user who is not in this one */
    assert_int_equal(checkpoint_open(stage->dir, 0, 0, &k, stage->err), ST_OK);
    assert_int_equal(checkpoint_begin(k), ST_OK);
    struct pack body = bytes_of(stage->writer, 0, user_hash(0));
    for (uint32_t u = 1; body.len == 0; u++) {
        body = bytes_of(stage->writer, 0, user_hash(u));
    }
    struct pack value = {0};
    state_record_seal(&value, STATE_USER, body.bytes, body.len);
    uint8_t key[STATE_KEY_USER_LEN];
    state_key_user(key, UINT64_C(0xabcdef));
    assert_int_equal(checkpoint_put(k, key, sizeof key, value.bytes, value.len), ST_OK);
    struct checkpoint_mark mark = {
        .offset = half, .wall_ms = wall_ms(), .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, other, sizeof other);
    assert_int_equal(checkpoint_commit(k, &mark), ST_OK);
    checkpoint_close(k);
    free(body.bytes);
    free(value.bytes);
    batch(0, true);
    const struct restored out = restore(0, -1);
    check_checkpoint(0, &out);
}

/* What is in memory is of one changelog, the checkpoint of another. */
static void a_task_in_memory_does_not_go_on_with_a_checkpoint_of_another_changelog(void **state) {
    (void)state;
    use_checkpoints();
    batch(0, true);
    struct restored out = restore(0, -1);
    restore_drop(stage->r, 0);
    static const uint8_t other[16] = "another one";
    write_checkpoint(0, 1, wall_ms(), other);
    batch(0, true);
    out = restore(0, out.next);
    assert_null(restore_checkpoint(stage->r, 0));
}

static void
a_changelog_that_was_recreated_is_read_again_by_who_has_the_task_in_memory(void **state) {
    (void)state;
    batch(0, true);
    const struct restored out = restore(0, -1);
    uint8_t before[16];
    restore_drop(stage->r, 0);
    fake_logs_make(&stage->logs, changelog, TASKS);
    memcpy(before, stage->uuid[0], sizeof before);
    new_uuid(0);
    learner_free(stage->writer);
    stage->writer = fresh();
    stage->stream.users = 5; /* many are not in it */
    while (fake_logs_high(&stage->logs, changelog, 0) <= out.next) {
        batch(0, true);
    }
    struct restored again;
    assert_int_equal(restore_begin(stage->r, 0, out.next, before, &nobody_said), ST_OK);
    read_all(0, &again);
    check(0, &again);
    assert_false(again.resumed);
    assert_true(again.exists);
}

static void one_that_is_too_old_or_of_positions_that_are_gone_is_not_used(void **state) {
    (void)state;
    use_checkpoints();
    for (int k = 0; k < 6; k++) {
        batch(0, true);
    }
    const int64_t high = fake_logs_high(&stage->logs, changelog, 0);
    const struct {
        int64_t offset, age_ms;
    } cases[] = {{high, RESTORE_TOMBSTONES_MS + 60000}, {high + 5, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        write_checkpoint(0, high / 2, wall_ms(), stage->uuid[0]);
        struct checkpoint *k = NULL;
        assert_int_equal(checkpoint_open(stage->dir, 0, 0, &k, stage->err), ST_OK);
        assert_int_equal(checkpoint_begin(k), ST_OK);
        struct checkpoint_mark mark = {.offset = cases[c].offset,
                                       .wall_ms = wall_ms() - cases[c].age_ms,
                                       .format = CHECKPOINT_FORMAT};
        memcpy(mark.uuid, stage->uuid[0], sizeof mark.uuid);
        assert_int_equal(checkpoint_commit(k, &mark),
                         ST_OK); /* it has holes: used, it would show */
        checkpoint_close(k);
        new_reader();
        const struct restored out = restore(0, -1);
        check_checkpoint(0, &out);
    }
}

static void a_damaged_checkpoint_is_a_rebuild_from_the_changelog(void **state) {
    (void)state;
    use_checkpoints();
    for (int k = 0; k < 6; k++) {
        batch(0, true);
    }
    write_checkpoint(0, fake_logs_high(&stage->logs, changelog, 0), wall_ms(), stage->uuid[0]);
    struct checkpoint *k = NULL;
    struct checkpoint_mark mark;
    assert_int_equal(checkpoint_open(stage->dir, 0, 0, &k, stage->err), ST_OK);
    assert_int_equal(checkpoint_mark(k, &mark), ST_OK);
    assert_int_equal(checkpoint_begin(k), ST_OK);
    uint8_t key[STATE_KEY_USER_LEN];
    state_key_user(key, UINT64_MAX); /* the last of all: users before it were taken */
    assert_int_equal(checkpoint_put(k, key, sizeof key, "nonsense", 8), ST_OK);
    assert_int_equal(checkpoint_commit(k, &mark), ST_OK);
    checkpoint_close(k);
    const struct restored out = restore(0, -1);
    check_checkpoint(0, &out);
}

/* ---- what ends it ----------------------------------------------------------------------- */

static void expect(enum status want, const char *a, const char *b) {
    enum status st = ST_OK;
    struct restored out;
    for (int k = 0; k < 1000 && !st; k++) {
        st = restore_take(stage->r, 1, stage->err);
        assert_false(!st && restore_done(stage->r, 0, &out));
    }
    assert_int_equal(st, want);
    if (!strstr(stage->err, a) || !strstr(stage->err, b)) {
        fail_msg("%s", stage->err);
    }
}

static struct fake_record *some_user(int64_t *offset) {
    struct fake_log_part *p = fake_logs_part(&stage->logs, changelog, 0);
    int64_t k = 0;
    while (!p->records[k].value || p->records[k].key_len != STATE_KEY_USER_LEN) {
        k++;
    }
    *offset = k;
    return &p->records[k];
}

static void a_damaged_record_ends_it_and_says_where(void **state) {
    (void)state;
    int64_t at = 0;
    char where[64];
    batch(0, true);
    struct fake_record *r = some_user(&at);
    snprintf(where, sizeof where, "crossrec-state partition 0 offset %d is damaged", (int)at);
    r->value[r->value_len - 1] ^= 1;
    assert_int_equal(restore_begin(stage->r, 0, -1, NULL, &nobody_said), ST_OK);
    expect(ST_INVALID, where, "crossrec topic reset");
}

static void a_record_of_a_later_version_ends_it_and_says_so(void **state) {
    (void)state;
    int64_t at = 0;
    batch(0, true);
    struct fake_record *r = some_user(&at);
    uint8_t *bytes = (uint8_t *)r->value;
    bytes[0] = STATE_RECORD_FORMAT + 1;
    uint32_t crc = state_crc32c(0, bytes, 2);
    crc = state_crc32c(crc, bytes + STATE_RECORD_HEAD, r->value_len - STATE_RECORD_HEAD);
    for (int k = 0; k < 4; k++) {
        bytes[2 + k] = (uint8_t)(crc >> (8 * k));
    }
    assert_int_equal(restore_begin(stage->r, 0, -1, NULL, &nobody_said), ST_OK);
    expect(ST_INVALID, "later version", "partition 0 offset");
}

static void a_key_that_is_none_ends_it(void **state) {
    (void)state;
    batch(0, true);
    put(0, 0, "X", 1, STATE_TASK, NULL);
    assert_int_equal(restore_begin(stage->r, 0, -1, NULL, &nobody_said), ST_OK);
    expect(ST_INVALID, "is damaged", "crossrec state verify");
}

static void an_end_that_is_below_what_is_in_memory_ends_it(void **state) {
    (void)state;
    batch(0, true);
    assert_int_equal(restore_begin(stage->r, 0, 1000, stage->uuid[0], &nobody_said), ST_OK);
    expect(ST_INVALID, "was recreated or lost records", "--rebuild");
}

static void a_partition_that_there_is_not_ends_it(void **state) {
    (void)state;
    assert_int_equal(restore_begin(stage->r, TASKS, -1, NULL, &nobody_said), ST_OK);
    expect(ST_INVALID, "has no partition 3", "docs/operations.md");
}

static void a_topic_that_is_recreated_while_it_is_read_ends_it(void **state) {
    (void)state;
    for (int k = 0; k < 5; k++) {
        batch(0, true);
    }
    stage->logs.at_most = 2;
    assert_int_equal(restore_begin(stage->r, 0, -1, NULL, &nobody_said), ST_OK);
    assert_int_equal(restore_take(stage->r, 0, stage->err), ST_OK);
    fake_logs_make(&stage->logs, changelog, TASKS);
    expect(ST_INVALID, "while a task was restored", "crossrec topic reset");
}

static void brokers_that_are_away_are_asked_once_a_turn(void **state) {
    (void)state;
    for (uint32_t p = 0; p < TASKS; p++) {
        batch(p, true);
        assert_int_equal(restore_begin(stage->r, p, -1, NULL, &nobody_said), ST_OK);
    }
    stage->logs.away = true;
    stage->reader.bounds_asked = 0;
    for (int k = 0; k < 10; k++) {
        assert_int_equal(restore_take(stage->r, 5, stage->err), ST_OK);
    }
    assert_int_equal(stage->reader.bounds_asked, 10); /* each may block for 2 s */
    stage->logs.away = false;
    for (uint32_t p = 0; p < TASKS; p++) {
        struct restored out;
        read_all(p, &out);
        check(p, &out);
    }
}

static void a_transaction_that_is_open_is_waited_for(void **state) {
    (void)state;
    struct restored out;
    batch(0, true);
    const uint32_t tx = fake_logs_begin(&stage->logs);
    uint8_t key[STATE_KEY_USER_LEN];
    state_key_user(key, user_hash(1));
    put(0, tx, key, sizeof key, STATE_USER, NULL);
    assert_int_equal(restore_begin(stage->r, 0, -1, NULL, &nobody_said), ST_OK);
    for (int k = 0; k < 20; k++) {
        assert_int_equal(restore_take(stage->r, 1, stage->err), ST_OK);
        assert_false(restore_done(stage->r, 0, &out));
    }
    fake_logs_end(&stage->logs, tx, true);
    read_all(0, &out);
    assert_same_records(stage->reads, stage->reads, 0);
    assert_int_equal(users_find(learner_users(stage->reads, 0), user_hash(1)), USER_NONE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- whose lists are due ------------------------------------------------------------------- */

/* Which users have a record behind the last task record that ends at or below `offset`. */
static void naive_uncovered(uint32_t task, int64_t offset, int64_t begin, bool out[USERS]) {
    const struct fake_log_part *p = fake_logs_part(&stage->logs, changelog, (int32_t)task);
    memset(out, 0, USERS * sizeof *out);
    for (int64_t k = begin > p->low ? begin : p->low; k < p->n; k++) {
        const struct fake_record *r = &p->records[k];
        struct state_key key;
        enum state_kind kind;
        const uint8_t *body = NULL;
        size_t len = 0;
        struct state_task t;
        if (r->state != FAKE_COMMITTED || state_key_parse(r->key, r->key_len, &key)) {
            continue;
        }
        for (uint32_t u = 0; u < USERS && key.kind == STATE_USER; u++) {
            out[u] = out[u] || user_hash(u) == key.user;
        }
        if (key.kind == STATE_TASK) {
            assert_int_equal(state_record_open(r->value, r->value_len, &kind, &body, &len), ST_OK);
            assert_int_equal(state_task_read(body, len, &t), ST_OK);
            if (t.topics[0].next <= offset) {
                memset(out, 0, USERS * sizeof *out);
            }
        }
    }
}

static void check_uncovered(uint32_t task, const struct published *said, int64_t begin, bool all) {
    struct restored out;
    bool want[USERS];
    bool have[USERS] = {false};
    naive_uncovered(task, said->offsets[0], begin, want);
    assert_int_equal(restore_begin(stage->r, task, -1, stage->uuid[task], said), ST_OK);
    read_all(task, &out);
    assert_int_equal(out.all_uncovered, all);
    for (size_t k = 0; k < out.n_uncovered; k++) {
        for (uint32_t u = 0; u < USERS; u++) {
            have[u] = have[u] || user_hash(u) == out.uncovered[k];
        }
    }
    if (!all) {
        assert_memory_equal(have, want, sizeof want);
    }
    restore_drop(stage->r, task);
}

static struct published says(int64_t offset) {
    struct published p = {.known = true, .epoch = 3};
    for (size_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        p.offsets[k] = -1;
    }
    p.offsets[0] = offset;
    return p;
}

static void users_of_batches_that_published_does_not_cover_are_named(void **state) {
    (void)state;
    snprintf(stage->cfg.topics[0].name, sizeof stage->cfg.topics[0].name, "in");
    int64_t in_checkpoint = 0;
    int64_t below = 0;
    for (int k = 0; k < 12; k++) {
        batch(0, k % 4 != 3);
        if (k == 6) {
            below = fake_logs_high(&stage->logs, changelog, 0);
            in_checkpoint = (int64_t)stage->batch;
        }
    }
    const int64_t last = (int64_t)stage->batch;
    for (int64_t offset = -1; offset <= last + 1; offset++) {
        const struct published said = says(offset);
        check_uncovered(0, &said, 0, false);
    }
    struct published other = says(last + 1);
    other.epoch = 2; /* who wrote it never had these batches */
    other.offsets[0] = last + 1;
    struct restored out;
    assert_int_equal(restore_begin(stage->r, 0, -1, stage->uuid[0], &other), ST_OK);
    read_all(0, &out);
    assert_true(out.n_uncovered > 0 || out.all_uncovered);
    restore_drop(stage->r, 0);
    check_uncovered(0, &nobody_said, 0, true);
    snprintf(stage->cfg.state_dir, sizeof stage->cfg.state_dir, "%s", stage->dir);
    for (int64_t offset = -1; offset <= last + 1; offset++) {
        const struct published said = says(offset);
        new_reader();
        write_checkpoint(0, below, wall_ms(), stage->uuid[0]);
        check_uncovered(0, &said, below, offset < in_checkpoint);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_new_task_has_nothing_and_no_record),
        TEST(a_history_gives_what_a_map_gives),
        TEST(random_histories_however_they_are_restored),
        TEST(users_of_batches_that_published_does_not_cover_are_named),
        TEST(a_restore_that_is_given_up_leaves_nothing_behind),
        TEST(the_checkpoint_is_brought_up_to_the_end),
        TEST(a_checkpoint_of_another_changelog_is_not_used),
        TEST(a_task_in_memory_does_not_go_on_with_a_checkpoint_of_another_changelog),
        TEST(a_changelog_that_was_recreated_is_read_again_by_who_has_the_task_in_memory),
        TEST(one_that_is_too_old_or_of_positions_that_are_gone_is_not_used),
        TEST(a_damaged_checkpoint_is_a_rebuild_from_the_changelog),
        TEST(a_damaged_record_ends_it_and_says_where),
        TEST(a_record_of_a_later_version_ends_it_and_says_so),
        TEST(a_key_that_is_none_ends_it),
        TEST(an_end_that_is_below_what_is_in_memory_ends_it),
        TEST(a_partition_that_there_is_not_ends_it),
        TEST(a_topic_that_is_recreated_while_it_is_read_ends_it),
        TEST(brokers_that_are_away_are_asked_once_a_turn),
        TEST(a_transaction_that_is_open_is_waited_for),
    };
    return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
