/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c -- see checkpoint.h. */
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "checkpoint_file.h"
#include "checkpoint_folder.h"
#include "pack.h"
#include "state_record.h"

enum { MAP_MIN = 16 << 20, MAP_UNIT = 1 << 16, FILE_MODE = 0600 };
enum { OP_PUT = 1, OP_DEL = 2 };
enum { KEPT_MAX = 1 << 20 }; /* memory of a commit for the next one */

static const uint8_t MARK_KEY[1] = {0}; /* before all keys of state_record.h */

struct checkpoint {
    struct checkpoint_folder folder;
    MDB_env *env;
    MDB_txn *txn; /* of the commit under way, or NULL */
    MDB_dbi dbi;
    uint64_t map, map_max;
    uint64_t bytes;   /* of the file as it was left: it never shrinks */
    bool lost;        /* LMDB has no map any more, or gave itself up: nothing can be done */
    bool begun;       /* a commit is under way, though it may have failed */
    enum status fate; /* what the commit under way failed with */
    struct pack puts; /* since begin: operation, key, value, ... */
    bool has_mark;
    struct checkpoint_mark mark;
    char why[CONFIG_ERROR_MAX];
};

/* ---- failures ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static enum status fail(struct checkpoint *c, enum status st,
                                                              const char *format, ...) {
    va_list args;
    const int n = snprintf(c->why, sizeof c->why, "%s: ", c->folder.data);
    if (n > 0 && (size_t)n < sizeof c->why) {
        va_start(args, format);
        vsnprintf(c->why + n, sizeof c->why - (size_t)n, format, args);
        va_end(args);
    }
    return st;
}

#define DELETE_IT "delete the folder; it is a copy, and the changelog is read instead"

/* LMDB says EIO when only a part could be written. */
static bool is_full(const struct checkpoint *c) {
    enum { LITTLE = 1 << 20 };
    struct statvfs v;
    return statvfs(c->folder.path, &v) == 0 && v.f_bavail * v.f_frsize < LITTLE;
}

/* What LMDB returned, an error of its own or errno. */
static enum status fail_with(struct checkpoint *c, int rc) {
    switch (rc == EIO && is_full(c) ? ENOSPC : rc) {
    case ENOSPC:
    case EDQUOT:
        return fail(c, ST_IO, "no room on its disk: make some, or set state.dir elsewhere");
    case EACCES:
    case EPERM:
    case EROFS:
        return fail(c, ST_IO, "%s: run crossrec as its owner, or set state.dir elsewhere",
                    strerror(rc));
    case ENOMEM: return fail(c, ST_NOMEM, "%s", status_str(ST_NOMEM));
    case MDB_TXN_FULL: return fail(c, ST_RANGE, "the commit is too large");
    case MDB_VERSION_MISMATCH:
        return fail(c, ST_RANGE, "another version of LMDB made it: " DELETE_IT);
    case MDB_PANIC: c->lost = true; return fail(c, ST_IO, "writing failed before: open it again");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID: return fail(c, ST_INVALID, "damaged (%s): " DELETE_IT, mdb_strerror(rc));
    default: return fail(c, ST_IO, "%s", mdb_strerror(rc));
    }
}

/* Somebody cut the file: what LMDB has mapped is not there any more. */
static enum status guard(struct checkpoint *c) {
    mdb_filehandle_t fd = -1;
    struct stat st;
    if (c->lost) {
        return ST_IO; /* c->why says it */
    }
    if (mdb_env_get_fd(c->env, &fd) || fstat(fd, &st)) {
        return fail_with(c, errno);
    }
    if ((uint64_t)st.st_size < c->bytes) {
        c->lost = true;
        return fail(c, ST_INVALID, "cut from %" PRIu64 " to %lld bytes while in use: " DELETE_IT,
                    c->bytes, (long long)st.st_size);
    }
    c->bytes = (uint64_t)st.st_size;
    return ST_OK;
}

/* ---- the mark ---------------------------------------------------------------------------- */

static void pack_mark(struct pack *p, const struct checkpoint_mark *m) {
    struct pack body = {0};
    pack_uint(&body, m->format);
    pack_raw(&body, m->uuid, sizeof m->uuid);
    pack_int(&body, m->offset);
    pack_int(&body, m->wall_ms);
    state_record_seal(p, STATE_MARK, body.bytes, body.len);
    p->failed = p->failed || body.failed;
    free(body.bytes);
}

static enum status read_mark(const MDB_val *value, struct checkpoint_mark *out) {
    enum state_kind kind = STATE_USER;
    const uint8_t *body = NULL;
    size_t len = 0;
    enum status st = state_record_open(value->mv_data, value->mv_size, &kind, &body, &len);
    if (st || kind != STATE_MARK) {
        return st ? st : ST_INVALID;
    }
    struct unpack u = {.at = body, .end = body + len};
    struct checkpoint_mark m = {.format = (uint32_t)unpack_at_most(&u, UINT32_MAX)};
    if (!u.failed && m.format > CHECKPOINT_FORMAT) {
        return ST_RANGE;
    }
    const uint8_t *uuid = unpack_raw(&u, sizeof m.uuid);
    if (uuid) {
        memcpy(m.uuid, uuid, sizeof m.uuid);
    }
    m.offset = unpack_int(&u);
    m.wall_ms = unpack_int(&u);
    if (u.failed || unpack_left(&u) > 0 || m.format == 0 || m.offset < 0) {
        return ST_INVALID;
    }
    *out = m;
    return ST_OK;
}

/* Whose records these are. `entries`: how many there are with it. */
static enum status find_mark(struct checkpoint *c, uint64_t entries) {
    MDB_txn *txn = NULL;
    MDB_val key = {sizeof MARK_KEY, (void *)(uintptr_t)MARK_KEY}; /* LMDB only reads it */
    MDB_val value;
    enum status st = ST_OK;
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    rc = rc ? rc : mdb_dbi_open(txn, NULL, 0, &c->dbi);
    rc = rc ? rc : mdb_get(txn, c->dbi, &key, &value);
    if (rc == 0) {
        st = read_mark(&value, &c->mark);
        c->has_mark = st == ST_OK;
    } else if (rc != MDB_NOTFOUND) {
        st = fail_with(c, rc);
    } else if (entries > 0) {
        st = ST_INVALID;
    }
    if (txn) {
        mdb_txn_abort(txn);
    }
    if (st == ST_RANGE) {
        return fail(c, st, "a later version of crossrec made it: run that, or " DELETE_IT);
    }
    return rc == 0 || rc == MDB_NOTFOUND
               ? st ? fail(c, st, "its mark is damaged: " DELETE_IT) : ST_OK
               : st;
}

/* ---- opening ----------------------------------------------------------------------------- */

static uint64_t rounded(uint64_t bytes) {
    return (bytes + MAP_UNIT - 1) / MAP_UNIT * MAP_UNIT;
}

/* Room for the file to become twice as large. */
static void size_map(struct checkpoint *c, uint64_t map_max) {
    const uint64_t least = rounded(c->bytes ? c->bytes : 1);
    const uint64_t max = map_max ? map_max : CHECKPOINT_MAP_DEFAULT;
    const uint64_t wanted = 2 * least > MAP_MIN ? 2 * least : MAP_MIN;
    c->map_max = max / MAP_UNIT * MAP_UNIT;
    c->map_max = c->map_max > least ? c->map_max : least;
    c->map = wanted < c->map_max ? wanted : c->map_max;
}

static enum status open_environment(struct checkpoint *c) {
    int rc = mdb_env_create(&c->env);
    if (!rc) {
        rc = mdb_env_set_mapsize(c->env, c->map);
    }
    if (!rc) {
        rc = mdb_env_open(c->env, c->folder.path, MDB_NOMETASYNC | MDB_NOLOCK, FILE_MODE);
    }
    if (rc && c->bytes == 0) {
        (void)unlink(c->folder.data); /* half of a new one */
    }
    return rc ? fail_with(c, rc) : guard(c);
}

enum status checkpoint_open(const char *dir, uint32_t task, uint64_t map_size_max,
                            struct checkpoint **out, char *err) {
    struct checkpoint_file file = {.bytes = 0};
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c) {
        snprintf(err, CONFIG_ERROR_MAX, "%s", status_str(ST_NOMEM));
        return ST_NOMEM;
    }
    enum status st = checkpoint_folder_take(dir, task, &c->folder, c->why);
    if (st) {
        goto fail;
    }
    char why[CONFIG_NAME_MAX] = "";
    st = checkpoint_folder_look(&c->folder, &file, why, sizeof why);
    if (st) {
        st = st == ST_IO || st == ST_NOMEM ? fail(c, st, "%s", why)
                                           : fail(c, st, "%s: " DELETE_IT, why);
        goto fail;
    }
    c->bytes = file.bytes;
    size_map(c, map_size_max);
    st = open_environment(c);
    st = st ? st : find_mark(c, file.entries);
    if (st) {
        goto fail;
    }
    *out = c;
    return ST_OK;

fail:
    snprintf(err, CONFIG_ERROR_MAX, "%s", c->why);
    checkpoint_close(c);
    return st;
}

void checkpoint_close(struct checkpoint *c) {
    if (!c) {
        return;
    }
    checkpoint_abort(c);
    if (c->env) {
        mdb_env_close(c->env);
    }
    checkpoint_folder_release(&c->folder);
    free(c->puts.bytes);
    free(c);
}

enum status checkpoint_drop(struct checkpoint *c, char *err) {
    checkpoint_abort(c);
    mdb_env_close(c->env);
    c->env = NULL;
    enum status st = checkpoint_folder_delete(&c->folder, err);
    checkpoint_close(c);
    return st;
}

enum status checkpoint_wipe(const char *dir, uint32_t task, char *err) {
    struct checkpoint_folder folder;
    if (!checkpoint_folder_exists(dir, task)) {
        return ST_OK;
    }
    enum status st = checkpoint_folder_take(dir, task, &folder, err);
    if (!st) {
        st = checkpoint_folder_delete(&folder, err);
        checkpoint_folder_release(&folder);
    }
    return st;
}

/* ---- writing ----------------------------------------------------------------------------- */

void checkpoint_abort(struct checkpoint *c) {
    if (c->txn) {
        mdb_txn_abort(c->txn);
        c->txn = NULL;
    }
    c->begun = false;
    c->puts.len = 0;
    if (c->puts.cap > KEPT_MAX) {
        free(c->puts.bytes);
        c->puts = (struct pack){0};
    }
}

/* What a commit that failed has written behind the last page keeps a full disk full. */
static void trim(struct checkpoint *c) {
    mdb_filehandle_t fd = -1;
    MDB_envinfo info;
    MDB_stat tree;
    if (c->lost || mdb_env_get_fd(c->env, &fd) || mdb_env_info(c->env, &info) ||
        mdb_env_stat(c->env, &tree)) {
        return;
    }
    const uint64_t bytes = ((uint64_t)info.me_last_pgno + 1) * tree.ms_psize;
    struct stat st;
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > bytes && ftruncate(fd, (off_t)bytes) == 0) {
        c->bytes = bytes;
    }
}

/* The commit under way comes to nothing. */
static enum status give_up(struct checkpoint *c, enum status st) {
    checkpoint_abort(c);
    trim(c);
    c->begun = true;
    c->fate = st;
    return st;
}

enum status checkpoint_begin(struct checkpoint *c) {
    if (c->begun) {
        return fail(c, ST_INVALID, "a commit is under way");
    }
    enum status st = guard(c);
    if (st) {
        return st;
    }
    const int rc = mdb_txn_begin(c->env, NULL, 0, &c->txn);
    if (rc) {
        c->txn = NULL;
        return fail_with(c, rc);
    }
    c->begun = true;
    c->fate = ST_OK;
    return ST_OK;
}

static int do_op(struct checkpoint *c, uint8_t op, MDB_val *key, MDB_val *value) {
    if (op == OP_PUT) {
        return mdb_put(c->txn, c->dbi, key, value, 0);
    }
    const int rc = mdb_del(c->txn, c->dbi, key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static MDB_val unpack_val(struct unpack *u) {
    size_t len = 0;
    const char *bytes = unpack_text(u, &len);
    return (MDB_val){len, (void *)(uintptr_t)bytes}; /* LMDB only reads it */
}

/* All that was put since begin, in a new transaction. */
static int do_again(struct checkpoint *c) {
    struct unpack u = {.at = c->puts.bytes, .end = c->puts.bytes + c->puts.len};
    int rc = mdb_txn_begin(c->env, NULL, 0, &c->txn);
    c->txn = rc ? NULL : c->txn;
    while (!rc && unpack_left(&u) > 0) {
        const uint8_t op = unpack_u8(&u);
        MDB_val key = unpack_val(&u);
        MDB_val value = unpack_val(&u);
        rc = do_op(c, op, &key, &value);
    }
    return rc;
}

/* The map was too small for the commit: a larger one, and all of it once more. */
static enum status grow(struct checkpoint *c) {
    int rc = MDB_MAP_FULL;
    while (rc == MDB_MAP_FULL) {
        if (c->txn) {
            mdb_txn_abort(c->txn);
            c->txn = NULL;
        }
        if (c->map >= c->map_max) {
            return give_up(c, fail(c, ST_RANGE,
                                   "it has grown to its limit of %" PRIu64 " MiB: " DELETE_IT,
                                   c->map_max >> 20));
        }
        c->map = 2 * c->map < c->map_max ? 2 * c->map : c->map_max;
        rc = mdb_env_set_mapsize(c->env, c->map);
        if (rc) { /* LMDB has unmapped the one before */
            c->lost = true;
            return give_up(c, fail_with(c, rc));
        }
        rc = do_again(c);
    }
    return rc ? give_up(c, fail_with(c, rc)) : ST_OK;
}

static enum status change(struct checkpoint *c, uint8_t op, const void *key, size_t key_len,
                          const void *value, size_t value_len) {
    MDB_val k = {key_len, (void *)(uintptr_t)key}; /* LMDB only reads both */
    MDB_val v = {value_len, (void *)(uintptr_t)value};
    if (!c->begun) {
        return fail(c, ST_INVALID, "no commit is under way");
    }
    if (c->fate) {
        return c->fate;
    }
    if (key_len == 0 || key_len > CHECKPOINT_KEY_MAX || value_len > UINT32_MAX / 2 ||
        (key_len == sizeof MARK_KEY && memcmp(key, MARK_KEY, key_len) == 0)) {
        return give_up(c, fail(c, ST_INVALID, "a key or a value that may not be"));
    }
    pack_u8(&c->puts, op);
    pack_text(&c->puts, key, key_len);
    pack_text(&c->puts, value, value_len);
    if (c->puts.failed) {
        c->puts.failed = false;
        return give_up(c, fail_with(c, ENOMEM));
    }
    const int rc = do_op(c, op, &k, &v);
    if (rc == MDB_MAP_FULL) {
        return grow(c);
    }
    return rc ? give_up(c, fail_with(c, rc)) : ST_OK;
}

enum status checkpoint_put(struct checkpoint *c, const void *key, size_t key_len, const void *value,
                           size_t value_len) {
    return change(c, OP_PUT, key, key_len, value, value_len);
}

enum status checkpoint_del(struct checkpoint *c, const void *key, size_t key_len) {
    return change(c, OP_DEL, key, key_len, NULL, 0);
}

/* The mark, then everything to the disk; again in a larger map as often as it takes. */
static enum status finish(struct checkpoint *c, MDB_val *mark) {
    for (;;) {
        MDB_val key = {sizeof MARK_KEY, (void *)(uintptr_t)MARK_KEY};
        int rc = mdb_put(c->txn, c->dbi, &key, mark, 0);
        if (!rc) {
            rc = mdb_txn_commit(c->txn);
            c->txn = NULL; /* gone, whatever it returned */
        }
        if (rc != MDB_MAP_FULL) {
            return rc ? fail_with(c, rc) : ST_OK;
        }
        enum status st = grow(c);
        if (st) {
            return st;
        }
    }
}

enum status checkpoint_commit(struct checkpoint *c, const struct checkpoint_mark *mark) {
    struct pack p = {0};
    if (!c->begun) {
        return fail(c, ST_INVALID, "no commit is under way");
    }
    enum status st = c->fate;
    if (!st && (mark->format != CHECKPOINT_FORMAT || mark->offset < 0)) {
        st = fail(c, mark->offset < 0 ? ST_INVALID : ST_RANGE, "a mark that may not be");
    }
    if (!st) {
        pack_mark(&p, mark);
        MDB_val value = {p.len, p.bytes};
        st = p.failed ? fail_with(c, ENOMEM) : finish(c, &value);
    }
    free(p.bytes);
    checkpoint_abort(c);
    if (st) {
        trim(c);
        return st;
    }
    c->mark = *mark;
    c->has_mark = true;
    (void)guard(c); /* learns how large the file is now */
    return ST_OK;
}

enum status checkpoint_commit_soon(struct checkpoint *c, const struct checkpoint_mark *mark) {
    const int rc = mdb_env_set_flags(c->env, MDB_NOSYNC, 1);
    if (rc) {
        return fail_with(c, rc);
    }
    enum status st = checkpoint_commit(c, mark);
    (void)mdb_env_set_flags(c->env, MDB_NOSYNC, 0); /* which it was just now */
    return st;
}

/* ---- reading ----------------------------------------------------------------------------- */

enum status checkpoint_mark(const struct checkpoint *c, struct checkpoint_mark *out) {
    if (!c->has_mark) {
        return ST_NOT_FOUND;
    }
    *out = c->mark;
    return ST_OK;
}

static enum status walk(struct checkpoint *c, MDB_cursor *cursor,
                        enum status (*each)(void *ctx, const uint8_t *key, size_t key_len,
                                            const uint8_t *value, size_t value_len),
                        void *ctx) {
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (key.mv_size == sizeof MARK_KEY && memcmp(key.mv_data, MARK_KEY, key.mv_size) == 0) {
            continue;
        }
        enum status st = each(ctx, key.mv_data, key.mv_size, value.mv_data, value.mv_size);
        if (st) {
            return st;
        }
    }
    return rc == MDB_NOTFOUND ? ST_OK : fail_with(c, rc);
}

enum status checkpoint_each(struct checkpoint *c,
                            enum status (*each)(void *ctx, const uint8_t *key, size_t key_len,
                                                const uint8_t *value, size_t value_len),
                            void *ctx) {
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    if (c->begun) {
        return fail(c, ST_INVALID, "a commit is under way");
    }
    enum status st = guard(c);
    if (st) {
        return st;
    }
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    rc = rc ? rc : mdb_cursor_open(txn, c->dbi, &cursor);
    st = rc ? fail_with(c, rc) : walk(c, cursor, each, ctx);
    if (cursor) {
        mdb_cursor_close(cursor);
    }
    if (txn) {
        mdb_txn_abort(txn);
    }
    return st;
}

static enum status judge(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                         size_t value_len) {
    struct checkpoint_verdict *v = ctx;
    enum state_kind kind = STATE_USER;
    const uint8_t *body = NULL;
    size_t len = 0;
    enum status st = state_record_open(value, value_len, &kind, &body, &len);
    v->records++;
    v->bytes += key_len + value_len;
    v->bad += st == ST_INVALID;
    v->later += st == ST_RANGE;
    if (st && v->key_len == 0) {
        memcpy(v->key, key, key_len);
        v->key_len = key_len;
    }
    return ST_OK;
}

enum status checkpoint_verify(struct checkpoint *c, struct checkpoint_verdict *out) {
    struct checkpoint_verdict v = {.records = 0};
    enum status st = checkpoint_each(c, judge, &v);
    if (!st) {
        *out = v;
    }
    return st;
}

uint64_t checkpoint_records(const struct checkpoint *c) {
    MDB_stat tree;
    const uint64_t n = mdb_env_stat(c->env, &tree) ? 0 : tree.ms_entries;
    return n - (n > 0 && c->has_mark);
}

uint64_t checkpoint_bytes(const struct checkpoint *c) {
    return c->bytes;
}

const char *checkpoint_problem(const struct checkpoint *c) {
    return c->why;
}
