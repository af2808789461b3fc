/* SPDX-License-Identifier: Apache-2.0
 * learner_snapshot.c -- see learner_log.h: the log's state in pieces, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "learner_state.h"
#include "ranker_pack.h"

enum {
    ITEM_PARTS = PART_TAKES | PART_PAIRS | PART_CONTEXTS | PART_OBS | PART_CATEGORY_ITEMS,
    CATEGORY_PARTS = PART_CATEGORIES | PART_CATEGORY_PAIRS,
    TAIL_BYTES = (POP_CLOCKS + 3) * 8,
};

/* ---- the log's clock ---------------------------------------------------------------------- */

struct tail { /* behind every piece */
    int64_t landmarks[POP_CLOCKS];
    int64_t category_landmark;
    uint64_t obs_landmark;
    uint64_t n_events;
};

static void write_tail(struct pack *p, const struct learner *l) {
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        pack_u64(p, (uint64_t)popularity_landmark(l->shared->popularity, clock));
    }
    pack_u64(p, (uint64_t)categories_landmark(l->shared->categories));
    pack_u64(p, popularity_obs_landmark(l->shared->popularity));
    pack_u64(p, l->log.n_events);
}

static struct tail read_tail(const uint8_t *bytes) {
    struct unpack u = {.at = bytes, .end = bytes + TAIL_BYTES};
    struct tail tail;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        tail.landmarks[clock] = (int64_t)unpack_u64(&u);
    }
    tail.category_landmark = (int64_t)unpack_u64(&u);
    tail.obs_landmark = unpack_u64(&u);
    tail.n_events = unpack_u64(&u);
    return tail;
}

/* Times that landmarks may have: differences do not overflow. */
static bool tail_ok(const struct tail *tail) {
    const int64_t most = INT64_C(1) << 47;
    bool ok = tail->category_landmark > -most && tail->category_landmark < most &&
              tail->obs_landmark <= tail->n_events && tail->n_events < (UINT64_C(1) << 60);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        ok = ok && tail->landmarks[clock] > -most && tail->landmarks[clock] < most;
    }
    return ok;
}

/* Moves what is behind. */
static enum status follow(struct learner *l, const struct tail *tail) {
    struct shared *s = l->shared;
    enum status st = ST_OK;
    for (int clock = 0; clock < POP_CLOCKS && !st; clock++) {
        if (tail->landmarks[clock] > popularity_landmark(s->popularity, clock)) {
            st = popularity_move(s->popularity, clock, tail->landmarks[clock]);
        }
    }
    if (!st) {
        (void)categories_move(s->categories, tail->category_landmark);
        popularity_obs_move(s->popularity, tail->obs_landmark);
        if (tail->n_events > l->log.n_events) {
            l->log.n_events = s->n_events = tail->n_events;
        }
    }
    return st;
}

void learner_snapshot_clock(const struct learner *l, struct pack *p) {
    write_tail(p, l);
}

enum status learner_snapshot_begin(struct learner *l, const void *bytes, size_t len) {
    if (len != TAIL_BYTES) {
        return ST_INVALID;
    }
    const struct tail tail = read_tail(bytes);
    return tail_ok(&tail) ? follow(l, &tail) : ST_INVALID;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The pieces of a slice, one after the other. */
struct slice {
    uint32_t from, end;
    bool of_items;
    learner_piece_fn *f;
    void *arg;
};

static bool is_known(const struct learner *l, const struct slice *slice, uint32_t k) {
    return slice->of_items ? l->log.named[k] : content_category_hash(l->shared->content, k) != 0;
}

static enum status write_pieces(const struct learner *l, const struct slice *slice) {
    struct pack p = {.len = 0};
    for (uint32_t k = slice->from; k < slice->end && !p.failed; k++) {
        struct snapshot_head head;
        p.len = 0;
        if (!is_known(l, slice, k)) {
            continue;
        }
        if (slice->of_items) {
            snapshot_write_item(&p, l->shared, k, l->log.position);
        } else {
            snapshot_write_category(&p, l->shared, k, l->log.position);
        }
        write_tail(&p, l);
        if (!p.failed && snapshot_head(p.bytes, p.len, &head) == ST_OK) {
            slice->f(slice->arg, &head, p.bytes, p.len);
        }
    }
    free(p.bytes);
    return p.failed ? ST_NOMEM : ST_OK;
}

static enum status write_slice(struct learner *l, const struct slice *slice) {
    enum status st = learner_log_reserve(l);
    if (st || slice->from >= slice->end) {
        return st;
    }
    uint8_t *flags = slice->of_items ? l->log.flags : l->log.category_flags;
    const struct shared_part part = {.parts = slice->of_items ? ITEM_PARTS : CATEGORY_PARTS,
                                     .items = l->log.flags,
                                     .categories = l->log.category_flags};
    memset(flags + slice->from, 1, slice->end - slice->from);
    learner_take_out(l, &part);
    st = write_pieces(l, slice);
    const enum status back = learner_put_back(l, &part);
    memset(flags + slice->from, 0, slice->end - slice->from);
    shared_refresh_top_lists(l->shared);
    return st ? st : back;
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

enum status learner_snapshot_items(struct learner *l, uint32_t from, uint32_t n,
                                   learner_piece_fn *f, void *arg) {
    const uint32_t all = l->shared->n_items;
    const struct slice slice = {.from = least(from, all),
                                .end = least(from, all) + least(n, all - least(from, all)),
                                .of_items = true,
                                .f = f,
                                .arg = arg};
    return write_slice(l, &slice);
}

enum status learner_snapshot_categories(struct learner *l, uint32_t from, uint32_t n,
                                        learner_piece_fn *f, void *arg) {
    const uint32_t all = content_n_categories(l->shared->content);
    const struct slice slice = {.from = least(from, all),
                                .end = least(from, all) + least(n, all - least(from, all)),
                                .f = f,
                                .arg = arg};
    return write_slice(l, &slice);
}

static void append(void *arg, const struct snapshot_head *head, const void *bytes, size_t len) {
    (void)head;
    pack_raw(arg, bytes, len);
}

enum status learner_snapshot_item(struct learner *l, uint32_t item, struct pack *p) {
    const enum status st = learner_snapshot_items(l, item, 1, append, p);
    return !st && p->failed ? ST_NOMEM : st;
}

enum status learner_snapshot_category(struct learner *l, uint32_t category, struct pack *p) {
    const enum status st = learner_snapshot_categories(l, category, 1, append, p);
    return !st && p->failed ? ST_NOMEM : st;
}

/* S and the segments are the log's; of the rest only the number of events is not. */
enum status learner_snapshot_globals(struct learner *l, const char *options, size_t options_len,
                                     struct pack *p) {
    const uint64_t n_events = l->shared->n_events;
    l->shared->n_events = l->log.n_events;
    snapshot_write_globals(p, l->shared, l->log.position, options, options_len);
    l->shared->n_events = n_events;
    write_tail(p, l);
    return p->failed ? ST_NOMEM : ST_OK;
}

enum status learner_snapshot_nets(struct learner *l, uint32_t task, struct pack *p) {
    const struct learner_published *own = task < LEARNER_TASKS_MAX ? l->log.published[task] : NULL;
    if (!own) {
        return ST_OK;
    }
    const struct snapshot_head head = {
        .kind = SNAPSHOT_NETS, .key = task, .position = l->log.position};
    snapshot_write_head(p, &head);
    pack_uint(p, own->epoch);
    pack_uint(p, own->batch);
    pack_uint(p, own->at);
    pack_uint(p, own->trained);
    ranker_pack_shape(p);
    ranker_pack_nets(p, own->nets);
    pack_uint(p, own->moves);
    if (own->moves) {
        pack_float(p, own->pace);
        ranker_pack_nets(p, own->mean);
    }
    write_tail(p, l);
    return p->failed ? ST_NOMEM : ST_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum status read_published(struct unpack *u, struct learner_published *out) {
    out->epoch = unpack_uint(u);
    out->batch = unpack_uint(u);
    out->at = unpack_uint(u);
    out->trained = (uint32_t)unpack_at_most(u, UINT32_MAX);
    const uint32_t n_x = ranker_features_of(unpack_uint(u));
    if (!u->failed && n_x == 0) {
        return ST_RANGE;
    }
    ranker_unpack_nets(u, n_x, out->nets);
    out->moves = unpack_at_most(u, 1);
    if (out->moves) {
        out->pace = unpack_float(u);
        ranker_unpack_nets(u, n_x, out->mean);
        if (!(out->pace >= 0.0F && isfinite(out->pace))) {
            unpack_fail(u);
        }
    }
    return u->failed || unpack_left(u) > 0 ? ST_INVALID : ST_OK;
}

static enum status load_nets(struct learner *l, const struct snapshot_head *head,
                             const uint8_t *bytes, size_t len) {
    struct pack before = {.len = 0}; /* a head is as long as it is when written again */
    snapshot_write_head(&before, head);
    struct unpack u = {.at = bytes + before.len, .end = bytes + len};
    struct learner_published *own = malloc(sizeof *own);
    enum status st = own && !before.failed ? ST_OK : ST_NOMEM;
    free(before.bytes);
    if (!st && before.len > len) {
        st = ST_INVALID;
    }
    if (!st) {
        st = read_published(&u, own);
    }
    if (!st && (head->key >= LEARNER_TASKS_MAX || !l->log.awaits_nets[head->key])) {
        st = ST_INVALID;
    }
    if (st) {
        free(own);
        return st;
    }
    free(l->log.published[head->key]);
    l->log.published[head->key] = own;
    l->log.awaits_nets[head->key] = false;
    return ST_OK;
}

enum status learner_snapshot_await(struct learner *l, const struct snapshot_head *head) {
    if (head->kind != SNAPSHOT_NETS) {
        return shared_await(l->shared, head);
    }
    if (head->key >= LEARNER_TASKS_MAX) {
        return ST_INVALID;
    }
    l->log.awaits_nets[head->key] = true;
    return ST_OK;
}

static enum status load(struct learner *l, const struct snapshot_head *head, const uint8_t *bytes,
                        size_t len) {
    if (head->kind == SNAPSHOT_NETS) {
        return load_nets(l, head, bytes, len);
    }
    enum status st = snapshot_load(l->shared, bytes, len);
    if (!st) {
        st = learner_log_reserve(l);
    }
    if (!st && head->kind == SNAPSHOT_ITEM) {
        const uint32_t i = items_find(l->shared->items, head->key);
        l->log.named[i] = items_named(l->shared->items, i);
        if (popularity_hot(l->shared->popularity)[i].count > 0) {
            l->stream_ms = later_ms(l->stream_ms, popularity_hot(l->shared->popularity)[i].last_ms);
        }
    }
    return st;
}

enum status learner_snapshot_load(struct learner *l, const void *bytes, size_t len) {
    struct snapshot_head head;
    enum status st = snapshot_head(bytes, len, &head);
    if (st) {
        return st;
    }
    if (len < TAIL_BYTES) {
        return ST_INVALID;
    }
    const struct tail tail = read_tail((const uint8_t *)bytes + len - TAIL_BYTES);
    st = tail_ok(&tail) ? follow(l, &tail) : ST_INVALID;
    if (!st) {
        st = load(l, &head, bytes, len - TAIL_BYTES);
    }
    if (!st && head.position > l->log.position) {
        l->log.position = head.position;
    }
    return st;
}

enum status learner_snapshot_done(struct learner *l) {
    bool awaits = shared_awaits(l->shared);
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        awaits = awaits || l->log.awaits_nets[p];
    }
    if (awaits) {
        return ST_INVALID;
    }
    shared_await_nothing(l->shared);
    learner_derive(l);
    return ST_OK;
}
