/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_globals.c -- the piece of what belongs to no item and no category, see snapshot.h.
 */
#include "snapshot_parts.h"

struct piece { /* all but the segments, which come last */
    struct snapshot_landmarks landmarks;
    uint64_t n_events;
    struct factors_state factors;
    uint32_t n_domains;
    uint32_t n_recent[DOMAINS_MAX];
    uint64_t recent[DOMAINS_MAX][POP_RECENT]; /* hashes, newest last */
    const char *options;                      /* (options_len,) */
    size_t options_len;
};

/* ---- writing ----------------------------------------------------------------- */

static void write_factors(struct pack *p, const struct shared *s) {
    struct factors_state state;
    factors_state(s->factors, &state);
    pack_uint(p, state.n_users);
    pack_double(p, state.weight);
    for (size_t k = 0; k < FACTORS_SYM; k++) {
        pack_double(p, state.s[k]);
    }
}

static void write_recent(struct pack *p, const struct shared *s) {
    pack_uint(p, s->n_domains);
    for (uint32_t d = 0; d < s->n_domains; d++) {
        const uint32_t *items = NULL;
        const uint32_t n = popularity_recent(s->popularity, (uint8_t)d, &items);
        pack_uint(p, n);
        for (uint32_t k = 0; k < n; k++) {
            pack_u64(p, items_hash(s->items, items[k]));
        }
    }
}

void snapshot_write_globals(struct pack *p, const struct shared *s, uint64_t position,
                            const char *options, size_t options_len) {
    const struct snapshot_head head = {.kind = SNAPSHOT_GLOBALS, .position = position};
    snapshot_write_head(p, &head);
    snapshot_write_landmarks(p, s);
    pack_uint(p, s->n_events);
    write_factors(p, s);
    write_recent(p, s);
    pack_text(p, options, options_len);
    segments_write(s->segments, p);
}

/* ---- reading ----------------------------------------------------------------- */

static void read_factors(struct unpack *u, struct factors_state *out) {
    out->n_users = unpack_at_most(u, INT64_MAX);
    out->weight = snapshot_read_number(u, 0.0, 1e15);
    for (size_t k = 0; k < FACTORS_SYM; k++) {
        out->s[k] = snapshot_read_number(u, -2.0, 2.0); /* a mean of products of unit vectors */
    }
}

static void read_recent(struct unpack *u, struct piece *out) {
    out->n_domains = (uint32_t)unpack_at_most(u, DOMAINS_MAX);
    for (uint32_t d = 0; d < out->n_domains; d++) {
        out->n_recent[d] = (uint32_t)unpack_at_most(u, POP_RECENT);
        for (uint32_t k = 0; k < out->n_recent[d]; k++) {
            out->recent[d][k] = unpack_u64(u);
        }
    }
}

static enum status read_piece(struct unpack *u, struct piece *out) {
    snapshot_read_landmarks(u, &out->landmarks);
    out->n_events = unpack_at_most(u, INT64_MAX);
    read_factors(u, &out->factors);
    read_recent(u, out);
    out->options = unpack_text(u, &out->options_len);
    return u->failed ? ST_INVALID : ST_OK;
}

enum status snapshot_read_options(struct unpack *u, const char **text, size_t *text_len) {
    struct piece piece;
    const enum status st = read_piece(u, &piece);
    if (!st) {
        *text = piece.options;
        *text_len = piece.options_len;
    }
    return st;
}

/* ---- loading ----------------------------------------------------------------- */

static enum status load_recent(struct shared *s, const struct piece *piece) {
    enum status st = ST_OK;
    for (uint32_t d = 0; d < piece->n_domains && !st; d++) {
        uint32_t items[POP_RECENT];
        for (uint32_t k = 0; k < piece->n_recent[d] && !st; k++) {
            st = snapshot_item_of(s, piece->recent[d][k], (uint8_t)d, &items[k]);
        }
        if (!st) {
            popularity_set_recent(s->popularity, (uint8_t)d, items, piece->n_recent[d]);
        }
    }
    return st;
}

/* Of other pieces' items it says the same domains. */
static bool recent_fits(const struct shared *s, const struct piece *piece) {
    for (uint32_t d = 0; d < piece->n_domains; d++) {
        for (uint32_t k = 0; k < piece->n_recent[d]; k++) {
            if (!snapshot_item_fits(s, piece->recent[d][k], (uint8_t)d)) {
                return false;
            }
        }
    }
    return true;
}

enum status snapshot_load_globals(struct shared *s, struct unpack *u) {
    struct piece piece;
    enum status st = read_piece(u, &piece);
    if (!st && piece.n_domains > s->n_domains) {
        st = ST_RANGE;
    }
    if (!st && (!snapshot_landmarks_fit(s, &piece.landmarks) || !recent_fits(s, &piece) ||
                piece.landmarks.obs > piece.n_events)) {
        st = ST_INVALID;
    }
    if (!st) {
        st = segments_read(s->segments, u);
    }
    if (!st) {
        st = snapshot_move_landmarks(s, &piece.landmarks);
    }
    if (!st) {
        st = load_recent(s, &piece);
    }
    if (st) {
        return st;
    }
    s->n_events = piece.n_events;
    factors_set_state(s->factors, &piece.factors);
    s->awaiting_globals = false;
    return ST_OK;
}
