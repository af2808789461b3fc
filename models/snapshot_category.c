/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_category.c -- a category's piece, see snapshot.h.
 */
#include "snapshot_parts.h"

enum { PAIR_BYTES = 8 + 1 }; /* the shortest */

struct top_item {
    uint64_t hash;
    uint8_t domain;
};

struct piece { /* all but its pairs */
    int64_t landmark_ms;
    struct categories_category sums; /* top is not filled in */
    struct top_item top[CATEGORY_TOP];
    size_t n_pairs;
    struct unpack pairs; /* stands before them */
};

/* ---- writing ----------------------------------------------------------------- */

void snapshot_write_category(struct pack *p, const struct shared *s, uint32_t category,
                             uint64_t position) {
    const struct snapshot_head head = {.kind = SNAPSHOT_CATEGORY,
                                       .key = content_category_hash(s->content, category),
                                       .position = position};
    const struct categories_category k = categories_category(s->categories, category);
    const uint32_t n = categories_neighbours(s->categories, category).n;
    snapshot_write_head(p, &head);
    pack_int(p, categories_landmark(s->categories));
    pack_int(p, k.g);
    pack_uint(p, (uint64_t)k.n);
    pack_uint(p, (uint64_t)k.repeats);
    pack_uint(p, k.n_top);
    for (uint32_t i = 0; i < k.n_top; i++) {
        pack_u64(p, items_hash(s->items, k.top[i]));
        pack_u8(p, items_domain(s->items, k.top[i]));
    }
    pack_uint(p, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct pair_sum sum = categories_pair_at(s->categories, category, i);
        pack_u64(p, content_category_hash(s->content, sum.to));
        pack_uint(p, (uint64_t)sum.a);
    }
}

/* ---- reading ----------------------------------------------------------------- */

static enum status read_piece(struct unpack *u, struct piece *out) {
    struct categories_category *k = &out->sums;
    out->landmark_ms = snapshot_read_within(u, SNAPSHOT_MS_MAX);
    k->g = snapshot_read_within(u, SNAPSHOT_SUM_MAX);
    k->n = snapshot_read_count(u);
    k->repeats = snapshot_read_count(u);
    k->n_top = (uint32_t)unpack_at_most(u, CATEGORY_TOP);
    for (uint32_t i = 0; i < k->n_top; i++) {
        out->top[i].hash = unpack_u64(u);
        out->top[i].domain = unpack_u8(u);
    }
    out->n_pairs = unpack_count(u, PAIR_BYTES);
    out->pairs = *u;
    return u->failed || k->repeats > k->n ? ST_INVALID : ST_OK;
}

static uint64_t read_neighbour(struct unpack *u, int64_t *a) {
    const uint64_t hash = unpack_u64(u);
    *a = snapshot_read_count(u);
    return hash;
}

static enum status check(const struct shared *s, const struct snapshot_head *head,
                         const struct piece *piece) {
    struct unpack u = piece->pairs;
    bool configured = true;
    for (size_t k = 0; k < piece->n_pairs; k++) {
        int64_t a = 0;
        const uint64_t hash = read_neighbour(&u, &a);
        if (hash == head->key || hash == 0) {
            unpack_fail(&u);
        }
    }
    for (uint32_t i = 0; i < piece->sums.n_top; i++) {
        const struct top_item *top = &piece->top[i];
        configured = configured && top->domain < s->n_domains;
        if (!snapshot_item_fits(s, top->hash, top->domain)) {
            unpack_fail(&u);
        }
    }
    if (u.failed || unpack_left(&u) > 0 || head->key == 0) {
        return ST_INVALID;
    }
    return configured ? ST_OK : ST_RANGE;
}

/* ---- loading ----------------------------------------------------------------- */

/* Only its own landmark: the others stay. */
static struct snapshot_landmarks landmarks_of(const struct shared *s, const struct piece *piece) {
    struct snapshot_landmarks to = {.obs = popularity_obs_landmark(s->popularity),
                                    .category_ms = piece->landmark_ms};
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        to.ms[clock] = popularity_landmark(s->popularity, clock);
    }
    return to;
}

static enum status load(struct shared *s, uint32_t category, struct piece *piece) {
    const struct snapshot_landmarks to = landmarks_of(s, piece);
    struct unpack u = piece->pairs;
    enum status st = snapshot_move_landmarks(s, &to);
    for (size_t k = 0; k < piece->n_pairs && !st; k++) {
        struct pair_sum sum = {.from = category};
        const uint64_t hash = read_neighbour(&u, &sum.a);
        st = snapshot_category_of(s, hash, &sum.to);
        if (!st) {
            st = categories_add_pairs(s->categories, &sum, PAIR_FROM);
        }
    }
    for (uint32_t i = 0; i < piece->sums.n_top && !st; i++) {
        st = snapshot_item_of(s, piece->top[i].hash, piece->top[i].domain, &piece->sums.top[i]);
    }
    if (st) {
        return st;
    }
    categories_category_add(s->categories, category, &piece->sums);
    if (s->awaited_categories) {
        s->awaited_categories[category] = 0;
    }
    return ST_OK;
}

enum status snapshot_load_category(struct shared *s, const struct snapshot_head *head,
                                   struct unpack *u) {
    struct piece piece = {.n_pairs = 0};
    uint32_t category = CATEGORY_NONE;
    enum status st = read_piece(u, &piece);
    if (!st) {
        st = check(s, head, &piece);
    }
    const struct snapshot_landmarks to = landmarks_of(s, &piece);
    if (!st && !snapshot_landmarks_fit(s, &to)) {
        st = ST_INVALID;
    }
    if (!st) {
        st = snapshot_category_of(s, head->key, &category);
    }
    if (!st && s->awaited_categories && !shared_awaits_category(s, category)) {
        st = ST_INVALID;
    }
    return st ? st : load(s, category, &piece);
}
