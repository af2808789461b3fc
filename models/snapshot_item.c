/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_item.c -- an item's piece, see snapshot.h.
 */
#include "snapshot_parts.h"

enum { PAIR_BYTES = 8 + 1 + 3 }; /* the shortest */

struct piece {      /* of an item, all but its pairs */
    const char *id; /* (id_len,) */
    size_t id_len;
    struct snapshot_landmarks landmarks;
    struct popularity_sum sum;
    int64_t obs, exp;
    int64_t weight; /* of its contexts */
    int64_t b[FACTORS];
    struct categories_item category;
    int64_t s;
    size_t n_pairs, n_kept;
    struct unpack pairs; /* stands before them */
};

/* ---- writing ----------------------------------------------------------------- */

static void write_counts(struct pack *p, const struct shared *s, uint32_t item) {
    struct popularity_sum sum;
    int64_t obs;
    int64_t exp;
    popularity_item(s->popularity, item, &sum);
    popularity_obs_item(s->popularity, item, &obs, &exp);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        pack_int(p, sum.w[clock]);
    }
    pack_uint(p, (uint64_t)sum.weight);
    pack_uint(p, sum.count);
    pack_int(p, sum.first_ms);
    pack_int(p, sum.last_ms);
    pack_int(p, obs);
    pack_int(p, exp);
}

static void write_factors(struct pack *p, const struct shared *s, uint32_t item) {
    const int64_t *b = factors_b(s->factors, item);
    pack_uint(p, (uint64_t)factors_count(s->factors, item));
    for (size_t k = 0; k < FACTORS; k++) {
        pack_int(p, b[k]);
    }
}

static void write_category_part(struct pack *p, const struct shared *s, uint32_t item) {
    const struct categories_item i = categories_item(s->categories, item);
    pack_int(p, i.g);
    pack_uint(p, (uint64_t)i.n);
    pack_uint(p, (uint64_t)i.repeats);
    pack_uint(p, i.sold);
    pack_float(p, i.deal);
    pack_int(p, i.deal_ms);
}

/* The neighbours that pruning kept, or the others. */
static void write_neighbours(struct pack *p, const struct shared *s, uint32_t item, uint32_t n,
                             bool kept) {
    for (uint32_t k = 0; k < n; k++) {
        if (pairs_is_kept(s->pairs, item, k) != kept) {
            continue;
        }
        const struct pair_sum sum = pairs_at(s->pairs, item, k);
        pack_u64(p, items_hash(s->items, sum.to));
        pack_u8(p, items_domain(s->items, sum.to));
        pack_uint(p, (uint64_t)sum.a);
        pack_uint(p, (uint64_t)sum.f);
        pack_uint(p, (uint64_t)sum.s);
    }
}

static void write_pairs(struct pack *p, const struct shared *s, uint32_t item) {
    const uint32_t n = pairs_list(s->pairs, item).n;
    uint32_t n_kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        n_kept += pairs_is_kept(s->pairs, item, k);
    }
    pack_uint(p, (uint64_t)pairs_s(s->pairs, item));
    pack_uint(p, n);
    pack_uint(p, n_kept);
    write_neighbours(p, s, item, n, true);
    write_neighbours(p, s, item, n, false);
}

void snapshot_write_item(struct pack *p, const struct shared *s, uint32_t item, uint64_t position) {
    const struct snapshot_head head = {.kind = SNAPSHOT_ITEM,
                                       .key = items_hash(s->items, item),
                                       .position = position,
                                       .domain = items_domain(s->items, item)};
    size_t id_len = 0;
    const char *id = items_id(s->items, item, &id_len);
    snapshot_write_head(p, &head);
    pack_text(p, id, id_len);
    snapshot_write_landmarks(p, s);
    write_counts(p, s, item);
    write_factors(p, s, item);
    write_category_part(p, s, item);
    write_pairs(p, s, item);
}

/* ---- reading ----------------------------------------------------------------- */

static void read_counts(struct unpack *u, uint8_t format, struct piece *out) {
    struct popularity_sum *sum = &out->sum;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        const int64_t finer = format == 1 ? INT64_C(1) << (popularity_bits[clock] - 20) : 1;
        sum->w[clock] = snapshot_read_within(u, SNAPSHOT_SUM_MAX / finer) * finer;
    }
    sum->weight = snapshot_read_count(u);
    sum->count = (uint32_t)unpack_at_most(u, UINT32_MAX);
    sum->first_ms = snapshot_read_within(u, SNAPSHOT_MS_MAX);
    sum->last_ms = snapshot_read_within(u, SNAPSHOT_MS_MAX);
    out->obs = snapshot_read_within(u, SNAPSHOT_SUM_MAX);
    out->exp = snapshot_read_within(u, SNAPSHOT_SUM_MAX);
    if (sum->first_ms > sum->last_ms) {
        unpack_fail(u);
    }
}

static void read_factors(struct unpack *u, struct piece *out) {
    out->weight = snapshot_read_count(u);
    for (size_t k = 0; k < FACTORS; k++) {
        out->b[k] = snapshot_read_within(u, SNAPSHOT_SUM_MAX);
    }
}

static void read_category_part(struct unpack *u, struct piece *out) {
    struct categories_item *i = &out->category;
    i->g = snapshot_read_within(u, SNAPSHOT_SUM_MAX);
    i->n = snapshot_read_count(u);
    i->repeats = snapshot_read_count(u);
    i->sold = unpack_at_most(u, 1);
    i->deal = unpack_float(u);
    i->deal_ms = snapshot_read_within(u, SNAPSHOT_MS_MAX);
    if (i->repeats > i->n || !(i->deal >= 0.0F && i->deal <= 1.0F)) {
        unpack_fail(u);
    }
}

struct neighbour {
    uint64_t hash;
    struct pair_sum sum;
    uint8_t domain;
};

static struct neighbour read_neighbour(struct unpack *u) {
    struct neighbour n = {.hash = unpack_u64(u), .domain = unpack_u8(u)};
    n.sum.a = snapshot_read_count(u);
    n.sum.f = snapshot_read_count(u);
    n.sum.s = snapshot_read_count(u);
    return n;
}

/* Goes through the pairs to the end of the piece. @return as snapshot_load() */
static enum status check_pairs(const struct shared *s, const struct snapshot_head *head,
                               const struct piece *piece) {
    struct unpack u = piece->pairs;
    bool configured = true;
    for (size_t k = 0; k < piece->n_pairs; k++) {
        const struct neighbour n = read_neighbour(&u);
        configured = configured && n.domain < s->n_domains;
        if (n.hash == head->key || !snapshot_item_fits(s, n.hash, n.domain)) {
            unpack_fail(&u);
        }
    }
    if (u.failed || unpack_left(&u) > 0) {
        return ST_INVALID;
    }
    return configured ? ST_OK : ST_RANGE;
}

static enum status read_piece(struct unpack *u, uint8_t format, struct piece *out) {
    out->id = unpack_text(u, &out->id_len);
    if (out->id_len > ID_LEN_MAX) {
        unpack_fail(u);
    }
    snapshot_read_landmarks(u, &out->landmarks);
    read_counts(u, format, out);
    read_factors(u, out);
    read_category_part(u, out);
    out->s = snapshot_read_count(u);
    out->n_pairs = unpack_count(u, PAIR_BYTES);
    out->n_kept = format < 3 ? 0 : unpack_at_most(u, PAIRS_KEEP);
    if (out->n_kept > out->n_pairs) {
        unpack_fail(u);
    }
    out->pairs = *u;
    return u->failed ? ST_INVALID : ST_OK;
}

/* ---- loading ----------------------------------------------------------------- */

static enum status load_pairs(struct shared *s, uint32_t item, const struct piece *piece) {
    struct unpack u = piece->pairs;
    enum status st = ST_OK;
    for (size_t k = 0; k < piece->n_pairs && !st; k++) {
        struct neighbour n = read_neighbour(&u);
        n.sum.from = item;
        st = snapshot_item_of(s, n.hash, n.domain, &n.sum.to);
        if (!st) {
            st = shared_add_pair_sum(s, &n.sum, PAIR_FROM);
        }
        if (k + 1 == piece->n_kept && !st) {
            pairs_keep(s->pairs, item);
        }
    }
    if (!st) {
        pairs_set_s(s->pairs, item, piece->s);
    }
    return st;
}

static enum status load(struct shared *s, uint32_t item, uint8_t domain,
                        const struct piece *piece) {
    enum status st = snapshot_move_landmarks(s, &piece->landmarks);
    if (!st) {
        st = load_pairs(s, item, piece);
    }
    if (st) {
        return st;
    }
    popularity_add(s->popularity, item, domain, &piece->sum);
    popularity_obs_add(s->popularity, item, piece->obs, piece->exp);
    categories_item_add(s->categories, item, &piece->category);
    factors_item_sum(s->factors, item, piece->b, piece->weight);
    factors_item_solve(s->factors, item);
    if (s->awaited_items) {
        s->awaited_items[item] = 0;
    }
    return ST_OK;
}

/* The piece's item, by its name if it has one. */
static enum status item_of(struct shared *s, const struct snapshot_head *head,
                           const struct piece *piece, uint32_t *out) {
    return piece->id_len > 0
               ? shared_intern(s, head->key, head->domain, piece->id, piece->id_len, out)
               : snapshot_item_of(s, head->key, head->domain, out);
}

enum status snapshot_load_item(struct shared *s, const struct snapshot_head *head,
                               struct unpack *u) {
    struct piece piece;
    uint32_t item = ITEM_NONE;
    if (head->domain >= s->n_domains) {
        return ST_RANGE;
    }
    enum status st = read_piece(u, head->format, &piece);
    if (!st) {
        st = check_pairs(s, head, &piece);
    }
    if (!st && !snapshot_landmarks_fit(s, &piece.landmarks)) {
        st = ST_INVALID;
    }
    if (!st) {
        st = item_of(s, head, &piece, &item);
    }
    if (!st && s->awaited_items && !shared_awaits_item(s, item)) {
        st = ST_INVALID;
    }
    return st ? st : load(s, item, head->domain, &piece);
}
