/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.c -- see snapshot.h: heads, and what all pieces have in common; those that are written.
 */
#include "snapshot.h"

#include "snapshot_parts.h"

/* ---- heads ------------------------------------------------------------------- */

void snapshot_write_head(struct pack *p, const struct snapshot_head *head) {
    pack_u8(p, SNAPSHOT_FORMAT);
    pack_u8(p, (uint8_t)head->kind);
    pack_u64(p, head->key);
    pack_u8(p, head->domain);
    pack_uint(p, head->position);
}

enum status snapshot_read_head(struct unpack *u, struct snapshot_head *out) {
    struct snapshot_head head = {.format = unpack_u8(u)};
    if (head.format > SNAPSHOT_FORMAT) {
        return ST_RANGE;
    }
    const uint8_t kind = unpack_u8(u);
    head.key = unpack_u64(u);
    head.domain = unpack_u8(u);
    head.position = unpack_uint(u);
    if (u->failed || head.format < 1 || kind < SNAPSHOT_ITEM || kind > SNAPSHOT_NETS ||
        head.domain >= DOMAINS_MAX) {
        return ST_INVALID;
    }
    head.kind = (enum snapshot_kind)kind;
    *out = head;
    return ST_OK;
}

static struct unpack reader_of(const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    return (struct unpack){.at = at, .end = at + len};
}

enum status snapshot_head(const void *bytes, size_t len, struct snapshot_head *out) {
    struct unpack u = reader_of(bytes, len);
    return snapshot_read_head(&u, out);
}

/* ---- landmarks --------------------------------------------------------------- */

void snapshot_write_landmarks(struct pack *p, const struct shared *s) {
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        pack_int(p, popularity_landmark(s->popularity, clock));
    }
    pack_uint(p, popularity_obs_landmark(s->popularity));
    pack_int(p, categories_landmark(s->categories));
}

void snapshot_read_landmarks(struct unpack *u, struct snapshot_landmarks *out) {
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        out->ms[clock] = snapshot_read_within(u, SNAPSHOT_MS_MAX);
    }
    out->obs = unpack_at_most(u, INT64_MAX);
    out->category_ms = snapshot_read_within(u, SNAPSHOT_MS_MAX);
}

static bool ahead_by_wholes(int64_t from, int64_t to, int64_t half_life) {
    return to >= from && (to - from) % half_life == 0;
}

bool snapshot_landmarks_fit(const struct shared *s, const struct snapshot_landmarks *to) {
    bool fit = true;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        const int64_t from = popularity_landmark(s->popularity, clock);
        fit = fit && ahead_by_wholes(from, to->ms[clock], popularity_half_life_ms[clock]);
    }
    const uint64_t obs = popularity_obs_landmark(s->popularity);
    return fit && to->obs >= obs && (to->obs - obs) % (uint64_t)POP_OBS_EVENTS == 0 &&
           ahead_by_wholes(categories_landmark(s->categories), to->category_ms,
                           CATEGORIES_HALF_LIFE_MS);
}

enum status snapshot_move_landmarks(struct shared *s, const struct snapshot_landmarks *to) {
    enum status st = ST_OK;
    bool moved = false;
    for (int clock = 0; clock < POP_CLOCKS && !st; clock++) {
        if (to->ms[clock] > popularity_landmark(s->popularity, clock)) {
            st = popularity_move(s->popularity, clock, to->ms[clock]);
            moved = true;
        }
    }
    popularity_obs_move(s->popularity, to->obs);
    (void)categories_move(s->categories, to->category_ms);
    if (moved) {
        shared_refresh_top_lists(s);
    }
    return st;
}

/* ---- numbers ----------------------------------------------------------------- */

int64_t snapshot_read_within(struct unpack *u, int64_t most) {
    const int64_t v = unpack_int(u);
    if (v > most || v < -most) {
        unpack_fail(u);
        return 0;
    }
    return v;
}

int64_t snapshot_read_count(struct unpack *u) {
    return (int64_t)unpack_at_most(u, SNAPSHOT_SUM_MAX);
}

double snapshot_read_number(struct unpack *u, double least, double most) {
    const double v = unpack_double(u);
    if (!(v >= least && v <= most)) {
        unpack_fail(u);
        return least;
    }
    return v;
}

/* ---- names ------------------------------------------------------------------- */

bool snapshot_item_fits(const struct shared *s, uint64_t hash, uint8_t domain) {
    const uint32_t i = items_find(s->items, hash);
    return i == ITEM_NONE || items_domain(s->items, i) == domain;
}

enum status snapshot_item_of(struct shared *s, uint64_t hash, uint8_t domain, uint32_t *out) {
    enum status st = items_intern_nameless(s->items, hash, domain, out);
    if (!st && *out >= s->n_items) {
        st = shared_reserve(s);
    }
    return st;
}

enum status snapshot_category_of(struct shared *s, uint64_t hash, uint32_t *out) {
    const uint32_t n = content_n_categories(s->content);
    enum status st = content_category_intern(s->content, hash, out);
    if (!st && *out >= n) {
        st = shared_reserve(s);
    }
    return st;
}

/* ---- loading ----------------------------------------------------------------- */

enum status snapshot_load(struct shared *s, const void *bytes, size_t len) {
    struct unpack u = reader_of(bytes, len);
    struct snapshot_head head;
    const enum status st = snapshot_read_head(&u, &head);
    if (st) {
        return st;
    }
    switch (head.kind) {
    case SNAPSHOT_ITEM: return snapshot_load_item(s, &head, &u);
    case SNAPSHOT_CATEGORY: return snapshot_load_category(s, &head, &u);
    case SNAPSHOT_GLOBALS: return snapshot_load_globals(s, &u);
    case SNAPSHOT_NETS: break;
    }
    return ST_INVALID;
}

enum status snapshot_options(const void *bytes, size_t len, const char **text, size_t *text_len) {
    struct unpack u = reader_of(bytes, len);
    struct snapshot_head head;
    const enum status st = snapshot_read_head(&u, &head);
    if (st) {
        return st;
    }
    return head.kind == SNAPSHOT_GLOBALS ? snapshot_read_options(&u, text, text_len) : ST_INVALID;
}
