/* SPDX-License-Identifier: Apache-2.0
 *
 * test_checkpointer.c -- contract tests of consumer/checkpointer.h, on a real LMDB and a changelog
 * in memory: whatever is committed, aborted, given away, given back and written by others, each
 * checkpoint holds what a naive reader of the changelog has read up to the offset that it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpointer.h"
#include "fake_group.h"
#include "log.h"
#include "state_record.h"

enum { TASKS = 3, USERS = 40 };

static const char *const inputs[GROUP_TOPICS] = {"in-a", "in-b"};
static const char changelog[] = "crossrec-state";

struct stage {
    struct config cfg;
    char dir[64];
    struct fake_logs logs;
    struct fake_group group;
    struct fake_reader reader;
    struct log_port port;
    struct transactions transactions;
    struct checkpointer *c;
    struct commit_watch watch;
    struct checkpoint *open[TASKS]; /* as the checkpointer has it; borrowed */
    uint64_t batch;
    uint8_t uuid[16];
    struct rng rng;
};

static struct stage *stage;

static int setup(void **state) {
    struct stage *s = stage = calloc(1, sizeof *s);
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    config_defaults(&s->cfg);
    snprintf(s->dir, sizeof s->dir, "/tmp/crossrec-checkpointer-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->cfg.state_dir, sizeof s->cfg.state_dir, "%s", s->dir);
    s->cfg.checkpoint_ms = 0;
    memset(s->uuid, 7, sizeof s->uuid);
    fake_logs_init(&s->logs, 1);
    group_init(&s->group, &s->logs, TASKS, inputs, "dead", 2);
    fake_logs_make(&s->logs, changelog, TASKS);
    fake_reader_init(&s->reader, &s->logs, changelog);
    s->port = fake_reader_port(&s->reader);
    s->transactions = group_transactions(&s->group, 0);
    s->group.members[0].generation = s->group.members[0].known = 1;
    assert_int_equal(checkpointer_new(&s->cfg, &s->port, &s->transactions, &s->c), ST_OK);
    s->watch = checkpointer_watch(s->c);
    return 0;
}

static int teardown(void **state) {
    char command[96];
    (void)state;
    checkpointer_free(stage->c);
    group_free(&stage->group);
    fake_logs_free(&stage->logs);
    snprintf(command, sizeof command, "rm -rf %s", stage->dir);
    assert_int_equal(system(command), 0);
    free(stage);
    return 0;
}

/* ---- a batch ------------------------------------------------------------------------------- */

static void add(struct sealed *b, const void *key, size_t key_len, struct pack *value) {
    const struct parcel p = {.key = key,
                             .key_len = key_len,
                             .value = value ? value->bytes : NULL,
                             .value_len = value ? value->len : 0,
                             .partition = (int32_t)b->task,
                             .kind = PARCEL_STATE};
    assert_int_equal(parcels_add(&b->parcels, &p), ST_OK);
}

static void add_user(struct sealed *b, uint64_t user, bool there) {
    uint8_t key[STATE_KEY_USER_LEN];
    struct pack value = {0};
    state_key_user(key, user);
    uint8_t body[64];
    for (size_t k = 0; k < sizeof body; k++) {
        body[k] = (uint8_t)rng_below(&stage->rng, 256);
    }
    state_record_seal(&value, STATE_USER, body, 1 + rng_below(&stage->rng, sizeof body));
    add(b, key, sizeof key, there ? &value : NULL);
    free(value.bytes);
}

static struct sealed batch_of(uint32_t task) {
    struct sealed b = {.task = task,
                       .generation = stage->group.members[0].known,
                       .epoch = 5,
                       .batch = ++stage->batch,
                       .n_positions = 1};
    struct state_task t = {.epoch = b.epoch, .batch = b.batch, .n_topics = 0};
    struct pack body = {0};
    struct pack value = {0};
    uint8_t key[STATE_KEY_TASK_LEN];
    b.positions[0] =
        (struct position){.offset = (int64_t)stage->batch, .partition = (int32_t)task, .topic = 0};
    for (uint32_t k = rng_below(&stage->rng, 12); k > 0; k--) {
        add_user(&b, rng_below(&stage->rng, USERS), rng_below(&stage->rng, 4) > 0);
    }
    memcpy(t.uuid, stage->uuid, sizeof t.uuid);
    state_task_write(&body, &t);
    state_record_seal(&value, STATE_TASK, body.bytes, body.len);
    state_key_task(key);
    add(&b, key, sizeof key, &value);
    const struct parcel other = {.value = "x", .value_len = 1, .kind = PARCEL_MODEL};
    assert_int_equal(parcels_add(&b.parcels, &other), ST_OK);
    free(body.bytes);
    free(value.bytes);
    return b;
}

/* Into the changelog, committed or not. */
static void put_down(const struct sealed *b, bool commit) {
    const uint32_t tx = fake_logs_begin(&stage->logs);
    struct parcel p;
    size_t at = 0;
    while (parcels_next(&b->parcels, &at, &p)) {
        union {
            const void *in;
            char *out;
        } key = {.in = p.key}, value = {.in = p.value};
        const struct fake_record r = {.key = key.out,
                                      .key_len = p.key_len,
                                      .value = value.out,
                                      .value_len = p.value_len,
                                      .tx = tx};
        if (p.kind == PARCEL_STATE) {
            (void)fake_logs_append(&stage->logs, changelog, p.partition, &r);
        }
    }
    fake_logs_end(&stage->logs, tx, commit);
}

static void commit(uint32_t task) {
    struct sealed b = batch_of(task);
    put_down(&b, true);
    stage->watch.committed(stage->watch.ctx, &b);
    parcels_free(&b.parcels);
}

/* Another instance writes there, or an aborted transaction does. */
static void others_write(uint32_t task, bool commits) {
    struct sealed b = batch_of(task);
    put_down(&b, commits);
    parcels_free(&b.parcels);
}

/* ---- the naive reader --------------------------------------------------------------------- */

static const struct fake_record *newest(uint32_t task, const uint8_t *key, size_t len,
                                        int64_t below) {
    const struct fake_log_part *p = fake_logs_part(&stage->logs, changelog, (int32_t)task);
    for (int64_t k = below; k-- > 0;) {
        const struct fake_record *r = &p->records[k];
        if (r->state == FAKE_COMMITTED && r->key_len == len && memcmp(r->key, key, len) == 0) {
            return r->value ? r : NULL;
        }
    }
    return NULL;
}

struct look {
    uint32_t task;
    int64_t below;
    size_t n;
};

static enum status look_at(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                           size_t value_len) {
    struct look *l = ctx;
    const struct fake_record *r = newest(l->task, key, key_len, l->below);
    assert_non_null(r);
    assert_int_equal(r->value_len, value_len);
    assert_memory_equal(r->value, value, value_len);
    l->n++;
    return ST_OK;
}

static size_t n_keys(uint32_t task, int64_t below) {
    uint8_t key[STATE_KEY_USER_LEN];
    size_t n = 0;
    for (uint64_t user = 0; user < USERS; user++) {
        state_key_user(key, user);
        n += newest(task, key, sizeof key, below) != NULL;
    }
    state_key_task(key);
    return n + (newest(task, key, STATE_KEY_TASK_LEN, below) != NULL);
}

/* Offset of the mark; -1: there is none. */
static int64_t check(uint32_t task, struct checkpoint *k) {
    struct checkpoint_mark mark;
    if (checkpoint_mark(k, &mark)) {
        return -1;
    }
    struct look l = {.task = task, .below = mark.offset};
    assert_true(mark.offset <= fake_logs_high(&stage->logs, changelog, (int32_t)task));
    assert_int_equal(checkpoint_each(k, look_at, &l), ST_OK);
    assert_int_equal(l.n, n_keys(task, mark.offset));
    assert_memory_equal(mark.uuid, stage->uuid, sizeof mark.uuid);
    return mark.offset;
}

/* As a restore leaves it: everything up to the end. */
static struct checkpoint *restored(uint32_t task) {
    struct checkpoint *k = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    const int64_t end = fake_logs_high(&stage->logs, changelog, (int32_t)task);
    struct checkpoint_mark mark = {.offset = end, .wall_ms = 1, .format = CHECKPOINT_FORMAT};
    memcpy(mark.uuid, stage->uuid, sizeof mark.uuid);
    if (checkpoint_open(stage->dir, task, 1 << 26, &k, err)) {
        fail_msg("%s", err);
    }
    assert_int_equal(checkpoint_begin(k), ST_OK);
    for (uint64_t user = 0; user <= USERS; user++) {
        uint8_t key[STATE_KEY_USER_LEN];
        size_t len = sizeof key;
        state_key_user(key, user);
        if (user == USERS) {
            state_key_task(key);
            len = STATE_KEY_TASK_LEN;
        }
        const struct fake_record *r = newest(task, key, len, end);
        assert_int_equal(r ? checkpoint_put(k, key, len, r->value, r->value_len)
                           : checkpoint_del(k, key, len),
                         ST_OK);
    }
    assert_int_equal(checkpoint_commit(k, &mark), ST_OK);
    return k;
}

static void adopt(uint32_t task) {
    struct checkpoint *k = restored(task);
    checkpointer_adopt(stage->c, task, stage->group.members[0].known, k);
    stage->open[task] = k;
}

static void idle(bool last) {
    stage->watch.idle(stage->watch.ctx, last);
}

static void is_closed(uint32_t task) {
    struct checkpoint *k = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (checkpoint_open(stage->dir, task, 1 << 26, &k, err)) {
        fail_msg("%s", err);
    }
    (void)check(task, k);
    checkpoint_close(k);
}

/* ---- tests --------------------------------------------------------------------------- */

static void what_was_committed_is_written(void **state) {
    (void)state;
    stage->rng.state = 1;
    adopt(1);
    for (int k = 0; k < 50; k++) {
        commit(1);
        commit(0); /* has none */
        idle(false);
        assert_int_equal(check(1, stage->open[1]), fake_logs_high(&stage->logs, changelog, 1));
    }
}

static void nothing_is_written_before_it_is_due_but_at_the_end(void **state) {
    (void)state;
    stage->rng.state = 2;
    adopt(1);
    stage->cfg.checkpoint_ms = 1000000;
    const int64_t before = check(1, stage->open[1]);
    commit(1);
    idle(false);
    assert_int_equal(check(1, stage->open[1]), before);
    idle(true);
    assert_int_equal(check(1, stage->open[1]), fake_logs_high(&stage->logs, changelog, 1));
}

/* It was stopped for so long that another has its tasks, and does not know it yet. */
static void a_process_that_was_thrown_out_and_does_not_know_writes_nothing(void **state) {
    (void)state;
    for (int last = 0; last < 2; last++) {
        stage->rng.state = 3;
        adopt(0);
        const int64_t before = check(0, stage->open[0]);
        commit(0);
        group_throw(&stage->group, 0);
        others_write(0, true);
        assert_true(stage->transactions.stands(stage->transactions.ctx, 1));
        idle(last > 0);
        assert_int_equal(check(0, stage->open[0]), before);
        checkpointer_release(stage->c, 0);
        idle(false);
        is_closed(0);
        stage->group.members[0].generation = 1;
    }
}

static void what_nobody_answers_is_tried_again_later(void **state) {
    (void)state;
    stage->rng.state = 4;
    adopt(0);
    const int64_t before = check(0, stage->open[0]);
    commit(0);
    stage->logs.away = true;
    idle(false);
    stage->logs.away = false;
    assert_int_equal(check(0, stage->open[0]), before);
    group_fail(&stage->group, 0, GROUP_NOT_DONE, 1);
    idle(true); /* does not wait for the next try */
    assert_int_equal(check(0, stage->open[0]), before);
    assert_int_equal(stage->transactions.renew(stage->transactions.ctx), ST_OK);
    idle(true);
    assert_int_equal(check(0, stage->open[0]), fake_logs_high(&stage->logs, changelog, 0));
}

static void one_that_is_adopted_and_released_at_once_is_closed(void **state) {
    (void)state;
    stage->rng.state = 5;
    commit(2);
    adopt(2);
    checkpointer_release(stage->c, 2);
    idle(false);
    is_closed(2);
    others_write(2, true);
    checkpointer_adopt(stage->c, 2, 1, NULL); /* the restore has got none */
    commit(2);
    idle(false);
    is_closed(2);
}

static void a_batch_of_an_earlier_assignment_is_in_it_already(void **state) {
    (void)state;
    stage->rng.state = 6;
    adopt(0);
    commit(0);
    struct sealed late = batch_of(0);
    put_down(&late, true); /* committed, but nobody has heard of it */
    checkpointer_release(stage->c, 0);
    idle(false);
    for (int k = 0; k < 5; k++) {
        others_write(0, true);
    }
    stage->group.members[0].generation = stage->group.members[0].known = 2;
    adopt(0);
    stage->watch.committed(stage->watch.ctx, &late);
    commit(0);
    idle(false);
    assert_int_equal(check(0, stage->open[0]), fake_logs_high(&stage->logs, changelog, 0));
    parcels_free(&late.parcels);
}

static void one_that_cannot_be_written_is_removed_and_the_others_go_on(void **state) {
    (void)state;
    char path[128];
    stage->rng.state = 7;
    adopt(0);
    adopt(1);
    commit(0);
    commit(1);
    snprintf(path, sizeof path, "%s/0/data.mdb", stage->dir);
    assert_int_equal(truncate(path, 4096), 0);
    idle(false);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(check(1, stage->open[1]), fake_logs_high(&stage->logs, changelog, 1));
    commit(0);
    idle(false);
    assert_int_equal(access(path, F_OK), -1); /* nothing with a hole */
}

static void step(bool *has) {
    struct rng *rng = &stage->rng;
    const uint32_t task = rng_below(rng, TASKS);
    switch (rng_below(rng, 8)) {
    case 0:
        if (has[task]) {
            checkpointer_release(stage->c, task);
            has[task] = false;
            if (rng_below(rng, 2)) {
                idle(false);
                is_closed(task);
            }
        }
        break;
    case 1:
        if (!has[task]) {
            idle(false); /* whoever had it has closed it */
            others_write(task, rng_below(rng, 2));
            adopt(task);
            has[task] = true;
        }
        break;
    case 2: others_write(task, false); break;
    case 3: idle(rng_below(rng, 4) == 0); break;
    default: commit(task); break;
    }
}

static void whatever_happens_there_are_no_holes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        bool has[TASKS] = {false};
        print_message("seed %llu\n", (unsigned long long)seed);
        stage->rng.state = seed;
        for (int k = 0; k < 400; k++) {
            step(has);
            for (uint32_t p = 0; p < TASKS; p++) {
                if (has[p]) {
                    (void)check(p, stage->open[p]);
                }
            }
        }
        idle(true);
        for (uint32_t p = 0; p < TASKS; p++) {
            if (has[p]) {
                (void)check(p, stage->open[p]);
            }
            checkpointer_release(stage->c, p);
        }
        idle(false);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_committed_is_written),
        TEST(nothing_is_written_before_it_is_due_but_at_the_end),
        TEST(a_process_that_was_thrown_out_and_does_not_know_writes_nothing),
        TEST(what_nobody_answers_is_tried_again_later),
        TEST(one_that_is_adopted_and_released_at_once_is_closed),
        TEST(a_batch_of_an_earlier_assignment_is_in_it_already),
        TEST(one_that_cannot_be_written_is_removed_and_the_others_go_on),
        TEST(whatever_happens_there_are_no_holes),
    };
    return cmocka_run_group_tests_name("checkpointer", tests, NULL, NULL);
}
