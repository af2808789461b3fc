/* SPDX-License-Identifier: Apache-2.0
 *
 * test_state_command.c -- `crossrec state` by what it prints, over checkpoints that the test
 * writes; state_table.h beside a naive table; state_agreement() as a table. The topic itself needs
 * Kafka: tests/integration/test_state_topic.c.
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

#include "checkpoint.h"
#include "cli.h"
#include "commands.h"
#include "failing_alloc.h"
#include "hash.h"
#include "mix.h"
#include "scratch.h"
#include "state_table.h"
#include "state_verify.h"
#include "task_record.h"
#include "user_record.h"

enum { ARGS_MAX = 16, PATH = 64 };

#define T0 INT64_C(1767225600000)

struct fixture {
    char dir[PATH];
    struct items *items;
    struct content *content;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    snprintf(f->dir, sizeof f->dir, "/tmp/crossrec-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(items_new(2, &f->items), ST_OK);
    assert_int_equal(content_new(&f->content), ST_OK);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char err[CONFIG_ERROR_MAX];
    for (uint32_t task = 0; task < 12; task++) {
        assert_int_equal(checkpoint_wipe(f->dir, task, err), ST_OK);
    }
    assert_int_equal(rmdir(f->dir), 0);
    items_free(f->items);
    content_free(f->content);
    free(f);
    return 0;
}

/* Runs `crossrec state` with these words, the last one NULL; what went to `fd` is *text. */
static int run(int fd, const char **text, const char *const *words) {
    char *argv[ARGS_MAX] = {NULL};
    char *environment[] = {NULL};
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "crossrec"; /* nobody writes to them */
    argv[argc++] = (char *)(uintptr_t) "state";
    for (; *words && argc < ARGS_MAX - 1; words++) {
        argv[argc++] = (char *)(uintptr_t)*words;
    }
    scratch_capture(fd);
    const int rc = cli_main(&command_state, 1, argc, argv, environment);
    *text = scratch_captured();
    return rc;
}

#define RUN(fd, text, ...) run(fd, text, (const char *const[]){__VA_ARGS__, NULL})

/* ---- states -------------------------------------------------------------------------------- */

static uint32_t item_of(struct fixture *f, uint8_t domain, const char *id) {
    uint32_t i = 0;
    const uint64_t hash = hash_item(domain ? "food" : "course", id, strlen(id));
    assert_int_equal(items_intern(f->items, hash, domain, id, strlen(id), &i), ST_OK);
    return i;
}

static void take(struct fixture *f, struct user **u, uint8_t domain, const char *item,
                 enum action action, int64_t ts_ms) {
    const struct user_line line = {.item = item_of(f, domain, item),
                                   .category = CATEGORY_NONE,
                                   .ts_ms = ts_ms,
                                   .hashes = items_hashes(f->items),
                                   .domain = domain,
                                   .action = (uint8_t)action,
                                   .consumes = action_consumes((uint8_t)action),
                                   .repeats = domain == 1,
                                   .history = true};
    assert_int_equal(user_take(u, &line), ST_OK);
}

static void put_sealed(struct checkpoint *c, const void *key, size_t key_len, enum state_kind kind,
                       const struct pack *body) {
    struct pack p = {0};
    state_record_seal(&p, kind, body->bytes, body->len);
    assert_int_equal(checkpoint_put(c, key, key_len, p.bytes, p.len), ST_OK);
    free(p.bytes);
}

/* Under the key of `hash`. */
static void put_user(struct fixture *f, struct checkpoint *c, uint64_t hash, const struct user *u) {
    const struct user_words words = {f->items, f->content};
    struct pack p = {0};
    uint8_t key[STATE_KEY_USER_LEN];
    user_record_write(u, 0, &words, &p);
    assert_false(p.failed);
    state_key_user(key, hash);
    put_sealed(c, key, sizeof key, STATE_USER, &p);
    free(p.bytes);
}

static void put_ana(struct fixture *f, struct checkpoint *c, const char *id) {
    struct user *u = NULL;
    assert_int_equal(user_new(2, id, strlen(id), &u), ST_OK);
    take(f, &u, 0, "physics", ACTION_VIEW, T0);
    take(f, &u, 1, "soup", ACTION_ORDER, T0 + 2000);
    take(f, &u, 0, "chess", ACTION_ENROLL, T0 + 1000);
    assert_int_equal(user_remember_event(&u, 0x11), ST_OK);
    assert_int_equal(user_remember_event(&u, UINT64_C(0xfedcba9876543210)), ST_OK);
    user_set_segment(u, 4, -1);
    put_user(f, c, hash_id(id, strlen(id)), u);
    user_free(u);
}

static void put_task(struct checkpoint *c, uint64_t epoch, int64_t taken_ms) {
    struct task_record *r = calloc(1, sizeof *r);
    struct state_task *t = calloc(1, sizeof *t);
    struct pack learner = {0};
    struct pack body = {0};
    ranker_init(&r->ranker, 1);
    r->taken_ms = taken_ms;
    r->nets_moved = true;
    r->mini_number = 1;
    task_record_write(r, &learner);
    t->epoch = epoch;
    t->batch = 42;
    t->n_topics = 2;
    t->topics[0] = (struct task_position){"course-views", 0, 123456};
    t->topics[1] = (struct task_position){"food-orders", 2, -1};
    t->learner = learner.bytes;
    t->learner_len = learner.len;
    state_task_write(&body, t);
    put_sealed(c, "T", 1, STATE_TASK, &body);
    free(body.bytes);
    free(learner.bytes);
    free(t);
    free(r);
}

static struct checkpoint *begin(struct fixture *f, uint32_t task) {
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX];
    assert_int_equal(checkpoint_open(f->dir, task, 0, &c, err), ST_OK);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    return c;
}

static void end(struct checkpoint *c) {
    const struct checkpoint_mark m = {.uuid = {0xab}, .offset = 777, .format = CHECKPOINT_FORMAT};
    assert_int_equal(checkpoint_commit(c, &m), ST_OK);
    checkpoint_close(c);
}

/* Task 10 has its record, task 2 its record and two users. */
static void two_tasks(struct fixture *f) {
    struct checkpoint *c = begin(f, 10);
    put_task(c, 7, INT64_MIN);
    end(c);
    c = begin(f, 2);
    put_ana(f, c, "ana \"A\"");
    put_ana(f, c, "bob");
    put_task(c, 1767225600, T0 + 2000);
    end(c);
}

/* ---- dump ---------------------------------------------------------------------------------- */

/* The line of a user of put_ana(), with the hashes of another call of libsodium's. */
static void ana_line(char *buf, size_t len, int task, const char *id_as_json) {
    snprintf(buf, len,
             "{\"task\":%d,\"user\":%s,\"n\":3,\"segment\":4,\"domains\":{"
             "\"course\":{\"n\":2,\"last_ms\":1767225601000,\"consumed\":1},"
             "\"food\":{\"n\":1,\"last_ms\":1767225602000,\"consumed\":1}},\"history\":["
             "{\"item\":\"%016llx\",\"domain\":\"food\",\"action\":\"order\",\"ts\":1767225602000},"
             "{\"item\":\"%016llx\",\"domain\":\"course\",\"action\":\"enroll\",\"ts\":"
             "1767225601000},"
             "{\"item\":\"%016llx\",\"domain\":\"course\",\"action\":\"view\",\"ts\":1767225600000}"
             "],\"events\":[\"fedcba9876543210\",\"0000000000000011\"]}\n",
             task, id_as_json, (unsigned long long)hash_item("food", "soup", 4),
             (unsigned long long)hash_item("course", "chess", 5),
             (unsigned long long)hash_item("course", "physics", 7));
}

static const char TASK_2[] =
    "{\"task\":2,\"epoch\":1767225600,\"batch\":42,\"positions\":{"
    "\"course-views\":{\"incarnation\":0,\"next\":123456},"
    "\"food-orders\":{\"incarnation\":2,\"next\":-1}},\"taken_ms\":1767225602000}\n";
static const char TASK_10[] =
    "{\"task\":10,\"epoch\":7,\"batch\":42,\"positions\":{"
    "\"course-views\":{\"incarnation\":0,\"next\":123456},"
    "\"food-orders\":{\"incarnation\":2,\"next\":-1}},\"taken_ms\":null}\n";

static void dump_prints_a_line_a_task_and_a_user_in_order(void **state) {
    struct fixture *f = *state;
    char lines[2][2048];
    char expected[8192];
    const char *text = NULL;
    two_tasks(f);
    ana_line(lines[0], sizeof lines[0], 2, "\"ana \\\"A\\\"\"");
    ana_line(lines[1], sizeof lines[1], 2, "\"bob\"");
    const bool first = hash_id("ana \"A\"", 7) < hash_id("bob", 3);
    snprintf(expected, sizeof expected, "%s%s%s%s", TASK_2, lines[!first], lines[first], TASK_10);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", f->dir), CLI_OK);
    assert_string_equal(text, expected);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", f->dir, "--task", "10", "--json"),
                     CLI_OK);
    assert_string_equal(text, TASK_10);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", f->dir, "--user", "bob"), CLI_OK);
    assert_string_equal(text, lines[1]);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", f->dir, "--user=eve"), CLI_FAILED);
    assert_string_equal(text, "");
}

static void the_folder_of_one_task_is_understood_too(void **state) {
    struct fixture *f = *state;
    char path[PATH + 8];
    const char *text = NULL;
    two_tasks(f);
    snprintf(path, sizeof path, "%s/10/", f->dir);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", path), CLI_OK);
    assert_string_equal(text, TASK_10);
    assert_int_equal(RUN(2, &text, "dump", "--checkpoint", path, "--task", "2"), CLI_FAILED);
    assert_non_null(strstr(text, "not the folder of that task"));
    assert_int_equal(RUN(2, &text, "dump", "--checkpoint", f->dir, "--task", "3"), CLI_FAILED);
    assert_non_null(strstr(text, "no checkpoint there"));
    assert_int_equal(RUN(2, &text, "dump", "--checkpoint", "/nowhere"), CLI_FAILED);
    assert_non_null(strstr(text, "/nowhere: No such file"));
}

static void what_cannot_be_read_is_named_and_the_rest_is_printed(void **state) {
    struct fixture *f = *state;
    const char *text = NULL;
    struct pack body = {0};
    uint8_t key[STATE_KEY_USER_LEN];
    struct checkpoint *c = begin(f, 2);
    put_task(c, 1767225600, T0 + 2000);
    state_key_user(key, 0xabc);
    put_sealed(c, key, sizeof key, STATE_USER, &body); /* no user is empty */
    end(c);
    assert_int_equal(RUN(1, &text, "dump", "--checkpoint", f->dir), CLI_FAILED);
    assert_string_equal(text, TASK_2);
    assert_int_equal(RUN(2, &text, "dump", "--checkpoint", f->dir), CLI_FAILED);
    assert_non_null(strstr(text, "task 2, key 550000000000000abc: a user that cannot be read"));
    assert_non_null(strstr(text, "1 record could not be read"));
}

/* ---- verify -------------------------------------------------------------------------------- */

static void verify_of_whole_checkpoints_is_ok_and_counts(void **state) {
    struct fixture *f = *state;
    const char *text = NULL;
    two_tasks(f);
    assert_int_equal(RUN(1, &text, "verify", "--checkpoint", f->dir), CLI_OK);
    assert_non_null(strstr(text, "ok: task 2: up to offset 777 of changelog "
                                 "ab000000000000000000000000000000, file of "));
    assert_non_null(
        strstr(text, "ok: 4 records, 0 of them tombstones; now 2 tasks and 2 users in "));
    assert_null(strstr(text, "problem"));
}

static void verify_names_each_kind_of_bad_record_and_exits_1(void **state) {
    struct fixture *f = *state;
    const char *text = NULL;
    struct pack body = {0};
    uint8_t key[STATE_KEY_USER_LEN];
    struct user *u = NULL;
    static const uint8_t later[] = {0x02, 0x01, 0x8b, 0x4d, 0x9f, 0x8c, 'a', 'n', 'a'};
    struct checkpoint *c = begin(f, 2);
    put_ana(f, c, "ana");
    assert_int_equal(user_new(2, "eve", 3, &u), ST_OK);
    put_user(f, c, 0xe0, u); /* under another hash than eve's */
    user_free(u);
    state_key_user(key, 0xe1);
    put_sealed(c, key, sizeof key, STATE_TASK, &body);
    state_key_user(key, 0xe2);
    assert_int_equal(checkpoint_put(c, key, sizeof key, later, sizeof later), ST_OK);
    state_key_user(key, 0xe3);
    assert_int_equal(checkpoint_put(c, key, sizeof key, later + 1, sizeof later - 1), ST_OK);
    put_sealed(c, "T", 1, STATE_TASK, &body);
    put_sealed(c, "X", 1, STATE_TASK, &body);
    end(c);
    assert_int_equal(RUN(1, &text, "verify", "--checkpoint", f->dir), CLI_FAILED);
    assert_non_null(strstr(text, "problem: task 2, key 5500000000000000e0: another user"));
    assert_non_null(strstr(text, "problem: task 2, key 5500000000000000e1: a record of another"));
    assert_non_null(strstr(text, "problem: task 2, key 5500000000000000e2: a later version"));
    assert_non_null(strstr(text, "problem: task 2, key 5500000000000000e3: damaged"));
    assert_non_null(strstr(text, "problem: task 2, key 54: a task that cannot be read"));
    assert_non_null(strstr(text, "problem: task 2, key 58: a key of no user and no task"));
    assert_non_null(strstr(text, "6 records cannot be read"));
    assert_non_null(strstr(text, "\n6 problems\n"));
}

static void verify_of_a_damaged_file_says_what_to_do(void **state) {
    struct fixture *f = *state;
    char path[PATH + 16];
    const char *text = NULL;
    two_tasks(f);
    snprintf(path, sizeof path, "%s/2/data.mdb", f->dir);
    assert_int_equal(truncate(path, 9000), 0);
    assert_int_equal(RUN(1, &text, "verify", "--checkpoint", f->dir), CLI_FAILED);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "delete the folder"));
}

static void positions_agree_or_say_how_they_do_not(void **state) {
    (void)state;
    const struct {
        int64_t next, committed, low, high;
        enum state_agreement expected;
    } cases[] = {
        {50, 50, 0, 100, STATE_AGREES},        {0, 0, 0, 0, STATE_AGREES},
        {100, 100, 100, 100, STATE_AGREES},    {50, -1, 0, 100, STATE_UNCOMMITTED},
        {50, 51, 0, 100, STATE_BEHIND},        {50, 49, 0, 100, STATE_AHEAD},
        {50, 50, 51, 100, STATE_RETAINED},     {50, -1, 51, 100, STATE_RETAINED},
        {101, 101, 0, 100, STATE_BEYOND},      {101, -1, 0, 100, STATE_BEYOND},
        {50, INT64_MAX, 0, 100, STATE_BEHIND}, {50, 0, 0, 100, STATE_AHEAD},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct state_offsets o = {cases[k].committed, cases[k].low, cases[k].high};
        assert_int_equal(state_agreement(cases[k].next, &o), cases[k].expected);
    }
}

/* ---- words --------------------------------------------------------------------------------- */

static void words_that_go_not_together_are_refused_with_what_to_type(void **state) {
    (void)state;
    const char *text = NULL;
    assert_int_equal(RUN(2, &text, "dmp"), CLI_USAGE);
    assert_non_null(strstr(text, "did you mean `dump`?"));
    assert_int_equal(RUN(2, &text, "xyzxyz"), CLI_USAGE);
    assert_non_null(strstr(text, "it has dump and verify"));
    assert_int_equal(run(2, &text, (const char *const[]){NULL}), CLI_USAGE);
    assert_non_null(strstr(text, "state needs dump | verify"));
    assert_int_equal(RUN(2, &text, "verify", "--user", "ana"), CLI_USAGE);
    assert_non_null(strstr(text, "go with dump"));
    assert_int_equal(RUN(2, &text, "dump", "--task", "-1"), CLI_USAGE);
    assert_non_null(strstr(text, "--task -1: must be a whole number"));
    assert_int_equal(RUN(2, &text, "dump", "--chekpoint", "x"), CLI_USAGE);
    assert_non_null(strstr(text, "did you mean --checkpoint"));
    assert_int_equal(RUN(1, &text, "--help"), CLI_OK);
    assert_non_null(strstr(text, "--checkpoint DIR"));
}

/* ---- the table ----------------------------------------------------------------------------- */

enum { TASKS = 3, USERS = 40 };

static void the_table_keeps_the_newest_of_each_key_as_a_naive_one_does(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct state_table t = {0};
        int64_t naive[TASKS][USERS + 1]; /* offset, -1: none; the last is the task's own */
        memset(naive, 0xff, sizeof naive);
        for (uint64_t k = 0; k < 600; k++) {
            const uint64_t r = mix64(seed * 1000 + k);
            const int32_t task = (int32_t)(r % TASKS);
            const uint64_t user = r / TASKS % (USERS + 1);
            const bool gone = r >> 40 & 1;
            const struct state_key key = {user == USERS ? STATE_TASK : STATE_USER,
                                          user == USERS ? 0 : user};
            const int64_t offset = (int64_t)k;
            assert_int_equal(
                state_table_put(&t, task, &key, offset, gone ? NULL : &offset, sizeof offset),
                ST_OK);
            naive[task][user] = gone ? -1 : offset;
        }
        state_table_sort(&t);
        size_t at = 0;
        for (int32_t task = 0; task < TASKS; task++) {
            for (uint64_t k = 0; k <= USERS; k++) {
                const uint64_t user = k == 0 ? USERS : k - 1; /* its own record first */
                if (naive[task][user] < 0) {
                    continue;
                }
                assert_true(at < t.n);
                const struct state_entry *e = &t.entries[at++];
                assert_int_equal(e->task, task);
                assert_int_equal(e->key.kind, user == USERS ? STATE_TASK : STATE_USER);
                assert_int_equal(e->key.user, user == USERS ? 0 : user);
                assert_int_equal(e->offset, naive[task][user]);
                assert_int_equal(e->len, sizeof e->offset);
                assert_memory_equal(e->value, &e->offset, sizeof e->offset);
            }
        }
        assert_int_equal(at, t.n);
        state_table_free(&t);
    }
}

static void an_empty_value_is_no_tombstone(void **state) {
    (void)state;
    struct state_table t = {0};
    const struct state_key key = {STATE_USER, 5};
    assert_int_equal(state_table_put(&t, 0, &key, 1, "", 0), ST_OK);
    state_table_sort(&t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.entries[0].len, 0);
    state_table_free(&t);
    state_table_sort(&t);
    assert_int_equal(t.n, 0);
    state_table_free(&t);
}

static void without_memory_the_table_stays_as_it_was(void **state) {
    (void)state;
    struct state_table t = {0};
    if (!CAN_FAIL) {
        skip();
    }
    for (uint64_t user = 0; user < 200; user++) {
        const struct state_key key = {STATE_USER, user};
        enum status st = ST_NOMEM;
        for (int left = 0; st == ST_NOMEM; left++) {
            fail_after(left);
            st = state_table_put(&t, 0, &key, (int64_t)user, "abc", 3);
            fail_after(-1);
            assert_int_equal(t.n, user + (st == ST_OK));
        }
        assert_int_equal(st, ST_OK);
    }
    state_table_sort(&t);
    assert_int_equal(t.n, 200);
    for (uint64_t user = 0; user < 200; user++) {
        assert_int_equal(t.entries[user].key.user, user);
    }
    state_table_free(&t);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(dump_prints_a_line_a_task_and_a_user_in_order),
        CASE(the_folder_of_one_task_is_understood_too),
        CASE(what_cannot_be_read_is_named_and_the_rest_is_printed),
        CASE(verify_of_whole_checkpoints_is_ok_and_counts),
        CASE(verify_names_each_kind_of_bad_record_and_exits_1),
        CASE(verify_of_a_damaged_file_says_what_to_do),
        cmocka_unit_test(positions_agree_or_say_how_they_do_not),
        cmocka_unit_test(words_that_go_not_together_are_refused_with_what_to_type),
        cmocka_unit_test(the_table_keeps_the_newest_of_each_key_as_a_naive_one_does),
        cmocka_unit_test(an_empty_value_is_no_tombstone),
        cmocka_unit_test(without_memory_the_table_stays_as_it_was),
    };
    return cmocka_run_group_tests_name("state_command", tests, NULL, NULL);
}
