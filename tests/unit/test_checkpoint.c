/* SPDX-License-Identifier: Apache-2.0
 *
 * test_checkpoint.c -- the contract of checkpoint.h: the real LMDB beside a naive map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint.h"
#include "mix.h"
#include "state_record.h"

enum { PATH = 128, NOBODY = 65534, NAIVE_MAX = 4096, VALUE_MAX = 3000 };

/* ---- a folder for each test --------------------------------------------------------------- */

static int setup(void **state) {
    char *dir = malloc(PATH);
    snprintf(dir, PATH, "%s/crossrec-test-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

/* Folders that the tests make: 0..3, of which each may have the two files. */
static int teardown(void **state) {
    char *dir = *state;
    char path[PATH + 32];
    char err[CONFIG_ERROR_MAX] = "";
    for (uint32_t task = 0; task < 4; task++) {
        if (checkpoint_wipe(dir, task, err)) {
            print_error("%s\n", err);
        }
    }
    snprintf(path, sizeof path, "%s/copy", dir);
    (void)unlink(path);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
    return 0;
}

static const char *data_of(const char *dir, uint32_t task) {
    static char path[PATH + 32];
    snprintf(path, sizeof path, "%s/%u/data.mdb", dir, (unsigned)task);
    return path;
}

static struct checkpoint *opened(const char *dir, uint32_t task) {
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    if (checkpoint_open(dir, task, 0, &c, err)) {
        fail_msg("%s", err);
    }
    return c;
}

static struct checkpoint_mark mark_at(int64_t offset) {
    struct checkpoint_mark m = {
        .offset = offset, .wall_ms = 1767225600000 + offset, .format = CHECKPOINT_FORMAT};
    memset(m.uuid, (int)(offset & 0x7f), sizeof m.uuid);
    return m;
}

static void assert_marked(struct checkpoint *c, int64_t offset) {
    struct checkpoint_mark m;
    const struct checkpoint_mark expected = mark_at(offset);
    assert_int_equal(checkpoint_mark(c, &m), ST_OK);
    assert_int_equal(m.offset, offset);
    assert_int_equal(m.wall_ms, expected.wall_ms);
    assert_int_equal(m.format, CHECKPOINT_FORMAT);
    assert_memory_equal(m.uuid, expected.uuid, 16);
}

static enum status commit_at(struct checkpoint *c, int64_t offset) {
    const struct checkpoint_mark m = mark_at(offset);
    return checkpoint_commit(c, &m);
}

/* A sealed record of `len` bytes of a user. */
static enum status put_user(struct checkpoint *c, uint64_t user, size_t len) {
    uint8_t key[STATE_KEY_USER_LEN];
    struct pack p = {0};
    uint8_t *body = malloc(len + 8);
    for (size_t i = 0; i < len; i += 8) {
        const uint64_t v = mix64(user ^ (i << 32));
        memcpy(body + i, &v, 8);
    }
    state_key_user(key, user);
    state_record_seal(&p, STATE_USER, body, len);
    enum status st = checkpoint_put(c, key, sizeof key, p.bytes, p.len);
    free(p.bytes);
    free(body);
    return st;
}

static void fill(struct checkpoint *c, uint64_t from, uint64_t to, size_t len) {
    assert_int_equal(checkpoint_begin(c), ST_OK);
    for (uint64_t k = from; k < to; k++) {
        assert_int_equal(put_user(c, mix64(k), len), ST_OK);
    }
    assert_int_equal(commit_at(c, (int64_t)to), ST_OK);
}

static enum status count_one(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                             size_t value_len) {
    uint64_t *n = ctx;
    (void)key, (void)key_len, (void)value, (void)value_len;
    ++*n;
    return ST_OK;
}

static uint64_t count(struct checkpoint *c) {
    uint64_t n = 0;
    assert_int_equal(checkpoint_each(c, count_one, &n), ST_OK);
    return n;
}

/* ---- the naive map ------------------------------------------------------------------------ */

struct naive_entry {
    uint8_t key[16];
    size_t key_len, len;
    uint64_t seed; /* of the value: (len,) bytes */
};

struct naive {
    struct naive_entry at[NAIVE_MAX]; /* sorted */
    size_t n;
};

static int order(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
    const int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static size_t naive_place(const struct naive *m, const uint8_t *key, size_t len) {
    size_t i = 0;
    while (i < m->n && order(m->at[i].key, m->at[i].key_len, key, len) < 0) {
        i++;
    }
    return i;
}

static void naive_del(struct naive *m, const uint8_t *key, size_t len) {
    const size_t i = naive_place(m, key, len);
    if (i < m->n && order(m->at[i].key, m->at[i].key_len, key, len) == 0) {
        memmove(&m->at[i], &m->at[i + 1], (m->n - i - 1) * sizeof m->at[0]);
        m->n--;
    }
}

static void naive_put(struct naive *m, const uint8_t *key, size_t key_len, uint64_t seed,
                      size_t len) {
    naive_del(m, key, key_len);
    const size_t i = naive_place(m, key, key_len);
    assert_true(m->n < NAIVE_MAX);
    memmove(&m->at[i + 1], &m->at[i], (m->n - i) * sizeof m->at[0]);
    m->at[i] = (struct naive_entry){.key_len = key_len, .len = len, .seed = seed};
    memcpy(m->at[i].key, key, key_len);
    m->n++;
}

static void value_of(uint64_t seed, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(mix64(seed + i / 8) >> (8 * (i % 8)));
    }
}

struct comparison {
    const struct naive *m;
    size_t at;
};

static enum status compare_one(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                               size_t value_len) {
    struct comparison *c = ctx;
    static uint8_t expected[VALUE_MAX];
    assert_true(c->at < c->m->n);
    const struct naive_entry *e = &c->m->at[c->at++];
    assert_int_equal(key_len, e->key_len);
    assert_memory_equal(key, e->key, key_len);
    assert_int_equal(value_len, e->len);
    value_of(e->seed, expected, e->len);
    assert_memory_equal(value, expected, e->len);
    return ST_OK;
}

/* Few keys, so that they meet; of several lengths; values of some bytes to several pages. */
static size_t draw_key(uint64_t r, uint8_t key[16]) {
    const size_t len = 1 + (size_t)(r % 9);
    memset(key, 0, 16);
    key[0] = (uint8_t)('A' + r / 9 % 3);
    for (size_t i = 1; i < len; i++) {
        key[i] = (uint8_t)(mix64(r / 27 % 40 + i) % 5);
    }
    return len;
}

static void draw_op(struct checkpoint *c, struct naive *m, uint64_t r) {
    static uint8_t value[VALUE_MAX];
    uint8_t key[16];
    const size_t key_len = draw_key(mix64(r), key);
    if (r % 3 == 0) {
        assert_int_equal(checkpoint_del(c, key, key_len), ST_OK);
        naive_del(m, key, key_len);
        return;
    }
    const size_t len = (size_t)(mix64(r + 1) % (r % 7 == 1 ? VALUE_MAX : 200));
    value_of(r, value, len);
    assert_int_equal(checkpoint_put(c, key, key_len, value, len), ST_OK);
    naive_put(m, key, key_len, r, len);
}

/* One commit of a random number of operations, which may be given up instead. */
static void draw_commit(struct checkpoint *c, struct naive *m, struct naive *before, uint64_t r) {
    const uint64_t n = mix64(r) % 150;
    *before = *m;
    assert_int_equal(checkpoint_begin(c), ST_OK);
    for (uint64_t k = 0; k < n; k++) {
        draw_op(c, m, mix64(r + k) >> 8);
    }
    if (r % 5 == 0) {
        checkpoint_abort(c);
        *m = *before;
        return;
    }
    assert_int_equal(commit_at(c, (int64_t)(r >> 8)), ST_OK);
    assert_marked(c, (int64_t)(r >> 8));
}

static void random_operations_do_what_a_naive_map_does_across_reopening(void **state) {
    static struct naive m;
    static struct naive before;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct checkpoint *c = opened(*state, (uint32_t)seed);
        m.n = 0;
        for (uint64_t k = 0; k < 150; k++) {
            const uint64_t r = mix64(seed * 1000 + k);
            draw_commit(c, &m, &before, r);
            if (r % 4 == 1) {
                checkpoint_close(c);
                c = opened(*state, (uint32_t)seed);
            }
            struct comparison cmp = {&m, 0};
            if (checkpoint_each(c, compare_one, &cmp) || cmp.at != m.n) {
                fail_msg("seed %u, commit %u: %s", (unsigned)seed, (unsigned)k,
                         checkpoint_problem(c));
            }
        }
        checkpoint_close(c);
    }
}

/* ---- commits ------------------------------------------------------------------------------ */

static void a_new_one_is_empty_and_has_no_mark(void **state) {
    struct checkpoint *c = opened(*state, 0);
    struct checkpoint_mark m = {.offset = 77};
    struct stat st;
    assert_int_equal(checkpoint_mark(c, &m), ST_NOT_FOUND);
    assert_int_equal(m.offset, 77);
    assert_int_equal(count(c), 0);
    checkpoint_close(c);
    assert_int_equal(stat(data_of(*state, 0), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    c = opened(*state, 0);
    assert_int_equal(checkpoint_mark(c, &m), ST_NOT_FOUND);
    checkpoint_close(c);
}

static void what_was_not_committed_is_gone_and_the_mark_stays(void **state) {
    struct checkpoint *c = opened(*state, 0);
    fill(c, 0, 10, 100);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(put_user(c, mix64(10), 100), ST_OK);
    checkpoint_close(c);
    c = opened(*state, 0);
    assert_int_equal(count(c), 10);
    assert_marked(c, 10);
    checkpoint_close(c);
}

static void misuse_is_refused_and_nothing_changes(void **state) {
    struct checkpoint *c = opened(*state, 0);
    static const uint8_t long_key[CHECKPOINT_KEY_MAX + 1] = {'U'};
    uint64_t n = 0;
    assert_int_equal(checkpoint_put(c, "k", 1, "v", 1), ST_INVALID);
    assert_int_equal(checkpoint_del(c, "k", 1), ST_INVALID);
    assert_int_equal(commit_at(c, 1), ST_INVALID);
    const struct {
        const void *key;
        size_t len;
    } bad[] = {{"", 0}, {long_key, sizeof long_key}, {"\0", 1}};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(checkpoint_begin(c), ST_OK);
        assert_int_equal(checkpoint_begin(c), ST_INVALID);
        assert_int_equal(checkpoint_each(c, count_one, &n), ST_INVALID);
        assert_int_equal(checkpoint_put(c, "good", 4, "v", 1), ST_OK);
        assert_int_equal(checkpoint_put(c, bad[k].key, bad[k].len, "v", 1), ST_INVALID);
        assert_int_equal(checkpoint_put(c, "good", 4, "v", 1), ST_INVALID); /* it has failed */
        assert_int_equal(commit_at(c, 1), ST_INVALID);
    }
    struct checkpoint_mark m = mark_at(5);
    m.format = CHECKPOINT_FORMAT + 1;
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_commit(c, &m), ST_RANGE);
    assert_int_equal(count(c), 0);
    assert_int_equal(checkpoint_mark(c, &m), ST_NOT_FOUND);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_put(c, long_key, CHECKPOINT_KEY_MAX, "", 0), ST_OK);
    assert_int_equal(commit_at(c, 1), ST_OK);
    assert_int_equal(count(c), 1);
    checkpoint_close(c);
}

static enum status stop_at_three(void *ctx, const uint8_t *key, size_t key_len,
                                 const uint8_t *value, size_t value_len) {
    int *n = ctx;
    (void)key, (void)key_len, (void)value, (void)value_len;
    return ++*n == 3 ? ST_LOST : ST_OK;
}

static void a_walk_ends_where_its_caller_ends_it(void **state) {
    struct checkpoint *c = opened(*state, 0);
    int n = 0;
    fill(c, 0, 10, 10);
    assert_int_equal(checkpoint_each(c, stop_at_three, &n), ST_LOST);
    assert_int_equal(n, 3);
    checkpoint_close(c);
}

static void the_map_grows_by_itself_within_one_commit_and_over_many(void **state) {
    struct checkpoint *c = opened(*state, 0);
    fill(c, 0, 5000, 12000); /* 60 MB: more than twice the first map */
    assert_int_equal(count(c), 5000);
    for (uint64_t k = 0; k < 5; k++) {
        fill(c, 5000 + 1000 * k, 6000 + 1000 * k, 12000);
    }
    assert_int_equal(count(c), 10000);
    assert_true(checkpoint_bytes(c) > UINT64_C(10000) * 12000);
    struct checkpoint_verdict v;
    assert_int_equal(checkpoint_verify(c, &v), ST_OK);
    assert_int_equal(v.records, 10000);
    assert_int_equal(v.bad + v.later, 0);
    checkpoint_close(c);
    c = opened(*state, 0);
    assert_int_equal(count(c), 10000);
    assert_marked(c, 10000);
    checkpoint_close(c);
}

static void what_was_given_up_does_not_come_back_when_a_later_commit_is_done_again(void **state) {
    struct checkpoint *c = opened(*state, 0);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_put(c, "ghost", 5, "v", 1), ST_OK);
    checkpoint_abort(c);
    fill(c, 0, 3000, 12000); /* more than the first map */
    assert_int_equal(count(c), 3000);
    checkpoint_close(c);
}

static void at_its_limit_a_commit_fails_and_the_one_before_stands(void **state) {
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX];
    enum status st = checkpoint_open(*state, 0, 1 << 20, &c, err);
    assert_int_equal(st, ST_OK);
    fill(c, 0, 500, 700);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    for (uint64_t k = 500; !st && k < 3000; k++) {
        st = put_user(c, mix64(k), 700);
    }
    assert_int_equal(st, ST_RANGE);
    assert_non_null(strstr(checkpoint_problem(c), "limit of 1 MiB"));
    assert_non_null(strstr(checkpoint_problem(c), "data.mdb"));
    assert_int_equal(commit_at(c, 3000), ST_RANGE);
    assert_int_equal(count(c), 500);
    assert_marked(c, 500);
    fill(c, 500, 510, 100); /* there is room for a little more */
    assert_int_equal(count(c), 510);
    checkpoint_close(c);
}

/* ---- verify ------------------------------------------------------------------------------- */

static void verify_counts_and_names_the_first_bad_key(void **state) {
    struct checkpoint *c = opened(*state, 0);
    struct checkpoint_verdict v;
    static const uint8_t later[] = {0x02, 0x01, 0x8b, 0x4d, 0x9f, 0x8c, 'a', 'n', 'a'};
    fill(c, 0, 100, 50);
    assert_int_equal(checkpoint_verify(c, &v), ST_OK);
    assert_int_equal(v.records, 100);
    assert_int_equal(v.bytes, 100 * (9 + 56));
    assert_int_equal(v.key_len, 0);
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_put(c, "later", 5, later, sizeof later), ST_OK);
    assert_int_equal(checkpoint_put(c, "V-damaged", 9, later, sizeof later - 1), ST_OK);
    assert_int_equal(checkpoint_put(c, "Tiny", 4, "", 0), ST_OK);
    assert_int_equal(commit_at(c, 1), ST_OK);
    assert_int_equal(checkpoint_verify(c, &v), ST_OK);
    assert_int_equal(v.records, 103);
    assert_int_equal(v.bad, 2);
    assert_int_equal(v.later, 1);
    assert_int_equal(v.key_len, 4);
    assert_memory_equal(v.key, "Tiny", 4);
    checkpoint_close(c);
}

/* ---- who may open it ----------------------------------------------------------------------- */

static void another_process_that_has_it_is_named(void **state) {
    int ready[2];
    int done[2];
    char err[CONFIG_ERROR_MAX];
    char pid_text[32];
    struct checkpoint *c = NULL;
    assert_true(pipe(ready) == 0 && pipe(done) == 0);
    const pid_t child = fork();
    if (child == 0) {
        char b = 0;
        const enum status st = checkpoint_open(*state, 0, 0, &c, err);
        const int rc = st || write(ready[1], "r", 1) != 1 || read(done[0], &b, 1) != 1;
        _exit(rc); /* without closing: the system lets go of the lock */
    }
    char b = 0;
    assert_int_equal(read(ready[0], &b, 1), 1);
    assert_int_equal(checkpoint_open(*state, 0, 0, &c, err), ST_AGAIN);
    snprintf(pid_text, sizeof pid_text, "process %ld ", (long)child);
    assert_non_null(strstr(err, pid_text));
    assert_non_null(strstr(err, *state));
    assert_int_equal(checkpoint_wipe(*state, 0, err), ST_AGAIN);
    struct checkpoint *other = opened(*state, 1); /* another task is free */
    checkpoint_close(other);
    assert_int_equal(write(done[1], "d", 1), 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    c = opened(*state, 0);
    assert_int_equal(checkpoint_open(*state, 0, 0, &other, err), ST_AGAIN); /* nor twice here */
    checkpoint_close(c);
    for (int k = 0; k < 2; k++) {
        close(ready[k]);
        close(done[k]);
    }
}

static void a_drop_leaves_nothing_and_a_new_one_may_begin(void **state) {
    struct checkpoint *c = opened(*state, 0);
    char err[CONFIG_ERROR_MAX];
    char path[PATH + 8];
    fill(c, 0, 10, 10);
    assert_int_equal(checkpoint_drop(c, err), ST_OK);
    snprintf(path, sizeof path, "%s/0", (char *)*state);
    assert_int_equal(access(path, F_OK), -1);
    c = opened(*state, 0);
    assert_int_equal(count(c), 0);
    checkpoint_close(c);
    assert_int_equal(checkpoint_wipe(*state, 0, err), ST_OK);
    assert_int_equal(checkpoint_wipe(*state, 0, err), ST_OK);
    assert_int_equal(access(path, F_OK), -1);
}

/* As somebody else; 0: it said ST_IO and text. */
static int open_as_nobody(const char *dir, const char *text) {
    char err[CONFIG_ERROR_MAX] = "";
    struct checkpoint *c = NULL;
    if (setgid(NOBODY) || setuid(NOBODY)) {
        return 3;
    }
    if (checkpoint_open(dir, 0, 0, &c, err) != ST_IO) {
        return 2;
    }
    return strstr(err, text) && strstr(err, "run crossrec as its owner") ? 0 : 1;
}

static void a_folder_that_may_not_be_written_is_named(void **state) {
    if (geteuid() != 0) {
        print_message("skipped: needs root, to become somebody else\n");
        skip();
    }
    for (int made = 0; made < 2; made++) { /* the folder cannot be made; the files are another's */
        if (made) {
            checkpoint_close(opened(*state, 0));
            assert_int_equal(chmod(*state, 0755), 0);
        }
        const pid_t child = fork();
        if (child == 0) {
            _exit(open_as_nobody(*state, "Permission denied"));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void a_path_that_is_a_file_or_too_long_is_named(void **state) {
    char err[CONFIG_ERROR_MAX] = "";
    char path[PATH + 8];
    char name[CONFIG_VALUE_MAX + 40];
    struct checkpoint *c = NULL;
    snprintf(path, sizeof path, "%s/copy", (char *)*state);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(checkpoint_open(path, 0, 0, &c, err), ST_IO);
    assert_non_null(strstr(err, path));
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(checkpoint_open(name, 0, 0, &c, err), ST_RANGE);
}

/* ---- full disk ----------------------------------------------------------------------------- */

static void full_disk(const char *dir) {
    char err[CONFIG_ERROR_MAX] = "";
    char path[PATH + 8];
    struct checkpoint *c = opened(dir, 0);
    fill(c, 0, 500, 700);
    enum status st = checkpoint_begin(c);
    for (uint64_t k = 500; !st && k < 8000; k++) {
        st = put_user(c, mix64(k), 700);
    }
    st = st ? st : commit_at(c, 8000);
    assert_int_equal(st, ST_IO);
    assert_non_null(strstr(checkpoint_problem(c), "no room"));
    assert_non_null(strstr(checkpoint_problem(c), "data.mdb"));
    checkpoint_abort(c);
    assert_int_equal(count(c), 500);
    assert_marked(c, 500);
    snprintf(path, sizeof path, "%s/fill", dir);
    FILE *f = fopen(path, "wb"); /* nothing is left at all */
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    while (fputc('x', f) != EOF) {
    }
    fclose(f);
    checkpoint_close(c);
    c = opened(dir, 0);
    assert_int_equal(count(c), 500);
    checkpoint_close(c);
    struct checkpoint *other = NULL;
    assert_int_equal(checkpoint_open(dir, 1, 0, &other, err), ST_IO);
    assert_non_null(strstr(err, "no room"));
    assert_int_equal(unlink(path), 0);
    c = opened(dir, 0);
    fill(c, 500, 600, 700);
    assert_int_equal(count(c), 600);
    checkpoint_close(c);
    checkpoint_close(opened(dir, 1)); /* what was begun without room is no obstacle */
    assert_int_equal(checkpoint_wipe(dir, 0, err), ST_OK);
    assert_int_equal(checkpoint_wipe(dir, 1, err), ST_OK);
}

static void on_a_full_disk_commits_fail_with_its_name_and_go_on_when_there_is_room(void **state) {
    if (geteuid() != 0 || mount("tmpfs", *state, "tmpfs", 0, "size=2m")) {
        print_message("skipped: needs root, to mount a small disk\n");
        skip();
    }
    full_disk(*state);
    assert_int_equal(umount(*state), 0);
}

/* ---- damage -------------------------------------------------------------------------------- */

struct image {
    uint8_t *bytes;
    size_t len;
};

static struct image image_of(const char *path) {
    struct image im;
    struct stat st;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    im.len = (size_t)st.st_size;
    im.bytes = malloc(im.len);
    assert_int_equal(fread(im.bytes, 1, im.len, f), im.len);
    fclose(f);
    return im;
}

static void write_image(const char *path, const uint8_t *bytes, size_t len) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* An environment with everything that there can be: records of all sizes, free pages. */
static struct image sample(const char *dir) {
    struct checkpoint *c = opened(dir, 0);
    uint8_t key[STATE_KEY_USER_LEN];
    fill(c, 0, 800, 300);
    fill(c, 800, 820, 9000);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(checkpoint_begin(c), ST_OK);
        for (uint64_t i = 0; i < 120; i++) {
            state_key_user(key, mix64(i * 5 + (uint64_t)k));
            assert_int_equal(checkpoint_del(c, key, sizeof key), ST_OK);
        }
        assert_int_equal(put_user(c, mix64(900 + (uint64_t)k), 5000), ST_OK);
        assert_int_equal(commit_at(c, k), ST_OK);
    }
    checkpoint_close(c);
    return image_of(data_of(dir, 0));
}

static enum status touch_one(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                             size_t value_len) {
    uint32_t *sum = ctx;
    *sum = state_crc32c(*sum, key, key_len);
    *sum = state_crc32c(*sum, value, value_len);
    return ST_OK;
}

/* All that can be done with it; in a process of its own, as it may end it. 0: it was refused when
 * opened; 1: it worked. */
static int use_all(const char *dir) {
    struct checkpoint *c = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    struct checkpoint_verdict v;
    uint32_t sum = 0;
    enum status st = checkpoint_open(dir, 0, 0, &c, err);
    if (st) { /* says what to do */
        return strstr(err, "data.mdb") && strstr(err, "delete the folder") ? 0 : 9;
    }
    st = checkpoint_each(c, touch_one, &sum);
    st = st ? st : checkpoint_verify(c, &v);
    for (uint64_t round = 0; !st && round < 3; round++) {
        st = checkpoint_begin(c);
        for (uint64_t k = 0; !st && k < 200; k++) {
            st = put_user(c, mix64(k * 3 + round), k % 40 ? 400 : 7000);
        }
        for (uint64_t k = 0; !st && k < 100; k++) {
            uint8_t key[STATE_KEY_USER_LEN];
            state_key_user(key, mix64(k * 7 + round));
            st = checkpoint_del(c, key, sizeof key);
        }
        st = st ? st : commit_at(c, 7);
    }
    st = st ? st : checkpoint_each(c, touch_one, &sum);
    checkpoint_close(c);
    return st ? 8 : 1;
}

static int in_a_child(const char *dir) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(use_all(dir));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        return -1;
    }
    return WEXITSTATUS(status);
}

static void a_file_cut_anywhere_is_refused_or_whole_all_the_same(void **state) {
    const struct image im = sample(*state);
    int refused = 0;
    for (int k = 0; k < 60; k++) {
        const size_t len = k < 20 ? (size_t)k * 800 : (size_t)(mix64((uint64_t)k) % im.len);
        write_image(data_of(*state, 0), im.bytes, len);
        const int rc = in_a_child(*state);
        if (rc < 0) {
            fail_msg("cut to %zu of %zu bytes", len, im.len);
        }
        refused += rc == 0;
    }
    print_message("refused: %d of 60\n", refused);
    assert_true(refused > 50); /* of 0 bytes: new; only free pages are cut: whole */
    free(im.bytes);
}

/* One of several kinds of damage. */
static void damage(struct image *im, uint64_t r) {
    const size_t pages = im->len / 4096;
    uint8_t *page = im->bytes + 4096 * (size_t)(mix64(r) % pages);
    uint8_t *other = im->bytes + 4096 * (size_t)(mix64(r + 1) % pages);
    const size_t at = (size_t)(mix64(r + 2) % 4096);
    const uint64_t v = mix64(r + 3);
    switch (r % 8) {
    case 0: page[at] ^= (uint8_t)(v | 1); break;
    case 1: page[at % 128] ^= (uint8_t)(v | 1); break; /* heads and offsets */
    case 2: memset(page, 0, 4096); break;
    case 3: memset(page, 0xff, 4096); break;
    case 4: memcpy(page, other, 4096); break;
    case 5: memcpy(page + at % 4088, &v, 8); break;
    case 6: memcpy(page + 16 + at % 64, &v, 2); break; /* offsets of nodes */
    default:
        for (size_t i = 0; i < 4096; i++) {
            page[i] = (uint8_t)mix64(v + i);
        }
    }
}

static void damaged_pages_never_end_the_process(void **state) {
    const struct image im = sample(*state);
    struct image bad = {malloc(im.len), im.len};
    int refused = 0;
    for (uint64_t k = 0; k < 240; k++) {
        const uint64_t r = mix64(k) / 8 * 8 + k % 8;
        memcpy(bad.bytes, im.bytes, im.len);
        damage(&bad, r);
        write_image(data_of(*state, 0), bad.bytes, bad.len);
        const int rc = in_a_child(*state);
        if (rc < 0) {
            fail_msg("damage %u", (unsigned)k);
        }
        refused += rc == 0;
    }
    print_message("refused: %d of 240\n", refused);
    assert_true(refused > 35); /* the others hit values, free pages, or changed nothing */
    free(bad.bytes);
    free(im.bytes);
}

/* Written in one commit, so that every page but few is in use. */
static void every_page_that_is_in_use_is_looked_at(void **state) {
    struct checkpoint *c = opened(*state, 0);
    fill(c, 0, 600, 300);
    checkpoint_close(c);
    const struct image im = image_of(data_of(*state, 0));
    struct image bad = {malloc(im.len), im.len};
    size_t refused = 0;
    const size_t pages = im.len / 4096;
    for (size_t page = 0; page < pages; page++) {
        memcpy(bad.bytes, im.bytes, im.len);
        bad.bytes[4096 * page + 12] ^= 2; /* how many nodes there are */
        write_image(data_of(*state, 0), bad.bytes, bad.len);
        const int rc = in_a_child(*state);
        assert_true(rc >= 0);
        refused += rc == 0;
    }
    print_message("refused: %zu of %zu pages\n", refused, pages);
    assert_true(pages > 50 && refused >= pages - 4); /* meta pages have nothing there */
    free(bad.bytes);
    free(im.bytes);
}

static void every_changed_byte_of_a_meta_page_is_harmless(void **state) {
    const struct image im = sample(*state);
    struct image bad = {malloc(im.len), im.len};
    for (size_t at = 0; at<152; at += at> 48 ? 2 : 1) { /* a meta page has no more */
        for (size_t meta = 0; meta < 2; meta++) {
            memcpy(bad.bytes, im.bytes, im.len);
            bad.bytes[4096 * meta + at] ^= (uint8_t)(1U << at % 8 | 0x40U);
            write_image(data_of(*state, 0), bad.bytes, bad.len);
            if (in_a_child(*state) < 0) {
                fail_msg("byte %zu of meta page %zu", at, meta);
            }
        }
    }
    free(bad.bytes);
    free(im.bytes);
}

static void a_changed_value_is_found_by_verify(void **state) {
    struct checkpoint *c = opened(*state, 0);
    struct checkpoint_verdict v;
    uint8_t key[STATE_KEY_USER_LEN];
    fill(c, 0, 50, 6000); /* each in pages of its own */
    checkpoint_close(c);
    struct image im = image_of(data_of(*state, 0));
    uint8_t needle[8];
    const uint64_t word = mix64(mix64(17) ^ (UINT64_C(4000) << 32));
    memcpy(needle, &word, 8);
    size_t at = 0;
    while (at + 8 <= im.len && memcmp(im.bytes + at, needle, 8) != 0) {
        at++;
    }
    assert_true(at + 8 <= im.len);
    im.bytes[at] ^= 4;
    write_image(data_of(*state, 0), im.bytes, im.len);
    free(im.bytes);
    c = opened(*state, 0);
    assert_int_equal(checkpoint_verify(c, &v), ST_OK);
    assert_int_equal(v.bad, 1);
    state_key_user(key, mix64(17));
    assert_int_equal(v.key_len, sizeof key);
    assert_memory_equal(v.key, key, sizeof key);
    checkpoint_close(c);
}

static void a_file_that_is_cut_while_it_is_open_is_noticed(void **state) {
    struct checkpoint *c = opened(*state, 0);
    uint64_t n = 0;
    fill(c, 0, 500, 700);
    assert_int_equal(truncate(data_of(*state, 0), 20000), 0);
    assert_int_equal(checkpoint_each(c, count_one, &n), ST_INVALID);
    assert_non_null(strstr(checkpoint_problem(c), "to 20000 bytes while in use"));
    assert_true(checkpoint_begin(c) != ST_OK);
    assert_int_equal(n, 0);
    checkpoint_close(c);
}

/* Puts the mark by hand: it stands under the key of one zero byte, which nobody else may use. */
static void replace_mark(const char *dir, const uint8_t *old, size_t n, const uint8_t *new_) {
    struct image im = image_of(data_of(dir, 0));
    size_t found = 0;
    for (size_t at = 0; at + n <= im.len; at++) {
        if (memcmp(im.bytes + at, old, n) == 0) {
            memcpy(im.bytes + at, new_, n);
            found++;
        }
    }
    assert_true(found > 0);
    write_image(data_of(dir, 0), im.bytes, im.len);
    free(im.bytes);
}

/* A mark of format 1, written by another program (test_state_record.c), and one of format 2. */
static const uint8_t MARK_1[] = {0x01, 0x07, 0xdd, 0xcf, 0x29, 0x83, 0x01, 0x00, 0x01,
                                 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
                                 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x80, 0xc8, 0xaf, 0xa0,
                                 0x25, 0xf6, 0xa1, 0xd5, 0xed, 0xee, 0x66};

static void marks_of_format_1_are_read_and_later_ones_refused(void **state) {
    struct checkpoint *c = opened(*state, 0);
    char err[CONFIG_ERROR_MAX] = "";
    struct checkpoint_mark m = {.offset = 5000000000, .wall_ms = 1767225600123, .format = 1};
    uint8_t later[sizeof MARK_1];
    for (size_t i = 0; i < 16; i++) {
        m.uuid[i] = (uint8_t)i;
    }
    assert_int_equal(checkpoint_begin(c), ST_OK);
    assert_int_equal(checkpoint_put(c, "k", 1, "v", 1), ST_OK);
    assert_int_equal(checkpoint_commit(c, &m), ST_OK);
    checkpoint_close(c);
    memcpy(later, MARK_1, sizeof later);
    later[6] = 2;
    const uint32_t crc = state_crc32c(state_crc32c(0, later, 2), later + 6, sizeof later - 6);
    for (int i = 0; i < 4; i++) {
        later[2 + i] = (uint8_t)(crc >> 8 * i);
    }
    replace_mark(*state, MARK_1, sizeof later, later); /* so it was written as in MARK_1 */
    assert_int_equal(checkpoint_open(*state, 0, 0, &c, err), ST_RANGE);
    assert_non_null(strstr(err, "later version"));
    assert_non_null(strstr(err, "delete the folder"));
    later[2] ^= 1;
    uint8_t again[sizeof MARK_1];
    memcpy(again, later, sizeof again);
    again[2] ^= 1;
    replace_mark(*state, again, sizeof later, later);
    assert_int_equal(checkpoint_open(*state, 0, 0, &c, err), ST_INVALID);
    assert_non_null(strstr(err, "mark is damaged"));
    replace_mark(*state, later, sizeof later, MARK_1);
    c = opened(*state, 0);
    assert_int_equal(checkpoint_mark(c, &m), ST_OK);
    assert_true(m.offset == 5000000000 && m.wall_ms == 1767225600123);
    checkpoint_close(c);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(random_operations_do_what_a_naive_map_does_across_reopening),
        CASE(a_new_one_is_empty_and_has_no_mark),
        CASE(what_was_not_committed_is_gone_and_the_mark_stays),
        CASE(misuse_is_refused_and_nothing_changes),
        CASE(a_walk_ends_where_its_caller_ends_it),
        CASE(the_map_grows_by_itself_within_one_commit_and_over_many),
        CASE(what_was_given_up_does_not_come_back_when_a_later_commit_is_done_again),
        CASE(at_its_limit_a_commit_fails_and_the_one_before_stands),
        CASE(verify_counts_and_names_the_first_bad_key),
        CASE(another_process_that_has_it_is_named),
        CASE(a_drop_leaves_nothing_and_a_new_one_may_begin),
        CASE(a_folder_that_may_not_be_written_is_named),
        CASE(a_path_that_is_a_file_or_too_long_is_named),
        CASE(on_a_full_disk_commits_fail_with_its_name_and_go_on_when_there_is_room),
        CASE(a_file_cut_anywhere_is_refused_or_whole_all_the_same),
        CASE(damaged_pages_never_end_the_process),
        CASE(every_page_that_is_in_use_is_looked_at),
        CASE(every_changed_byte_of_a_meta_page_is_harmless),
        CASE(a_changed_value_is_found_by_verify),
        CASE(a_file_that_is_cut_while_it_is_open_is_noticed),
        CASE(marks_of_format_1_are_read_and_later_ones_refused),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
