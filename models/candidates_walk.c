/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_walk.c -- see candidates_state.h: the neighbours of what a user took last, added up
 * (the k of pairs.h).
 */
#include <math.h>
#include <string.h>

#include "candidates_state.h"
#include "lanes.h"

enum {
    AT_ONCE = 256,        /* neighbours of a part            */
    ITEMS_NEAR = 1 << 13, /* so many are near anyway: 64 KB  */
    LINE_BYTES = 64,
    LINE = 16, /* items */
};

static const float K1_DECAY = 0.85F;
static const float K3_DECAY = 0.5F;
static const float SESSION_MS = 86400000.0F;

/* What a history item's neighbours are added with: lanes of a cell. */
struct weights {
    lanes w;         /* of k1, k3, k4, kx, of k1 again; 0 */
    cell_bits place; /* in `most`                         */
};

/* What an entry adds to a cell, as the bits of a cell that has nothing yet. Behind it another float
 * lies. */
static inline cell_bits sums_of(const struct pair_entry *e, const struct weights *w) {
    static const cell_bits kept = {-1, -1, -1, -1, ~PLACES, 0, 0, 0};
    float four __attribute__((vector_size(4 * sizeof(float))));
    memcpy(&four, e, sizeof four);
    const lanes sums = w->w * __builtin_shufflevector(four, four, 0, 1, 2, 0, 0, 0, 0, 0);
    return ((cell_bits)sums & kept) | w->place;
}

static inline void add_to(struct cell *cell, cell_bits add) {
    cell_bits had;
    memcpy(&had, cell, sizeof had);
    const lanes k = (lanes)had + (lanes)add;
    const cell_bits larger = add > had;
    const cell_bits most = (add & larger) | (had & ~larger);
    const cell_bits all = __builtin_shufflevector((cell_bits)k, most, 0, 1, 2, 3, 12, 13, 14, 15);
    memcpy(cell, &all, sizeof all);
}

/* Neighbours from y to `end` of a part, told apart: those whom the search meets for the first time,
 * and those that have a cell. Nobody can guess which, so there is no branch; and nobody is met
 * twice in a part, so cells are made when all of them have been looked up: no look waits for one.
 */
struct met {
    uint32_t n_fresh, n_known;
    uint32_t fresh[AT_ONCE], known[AT_ONCE]; /* their places in the part */
};

static inline void meet(const struct candidates *c, const struct pair_part *part, uint32_t y,
                        uint32_t end, const uint8_t *domains, uint8_t domain, struct met *m) {
    const uint32_t *items = part->item;
    const struct pop_met *met = popularity_met(c->popularity);
    const uint32_t first = c->first;
    uint32_t n_fresh = 0;
    uint32_t n_known = 0;
    for (; y < end; y++) {
        const bool known = met[items[y]].mark - first < CELLS;
        const bool left = !domains || domains[items[y]] == domain;
        m->fresh[n_fresh] = y;
        m->known[n_known] = y;
        n_fresh += left && !known;
        n_known += left && known;
    }
    m->n_fresh = n_fresh;
    m->n_known = n_known;
}

/* `fresh`: (n,) which neighbours of the part; NULL: the first n. */
static inline void make_cells(struct candidates *c, const struct pair_part *part,
                              const uint32_t *fresh, uint32_t n, const struct weights *w) {
    const struct pair_entry *of = part->of;
    struct pop_met *met = popularity_met(c->popularity);
    uint32_t *items = c->items + c->n_cells;
    struct cell *cells = c->cells + c->n_cells;
    const uint32_t mark = c->first + c->n_cells;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t y = fresh ? fresh[k] : k;
        const uint32_t item = part->item[y];
        const cell_bits all = sums_of(&of[y], w);
        const float inv4 = met[item].inv4;
        met[item].mark = mark + k;
        items[k] = item;
        memcpy(&cells[k], &all, sizeof all);
        cells[k].inv4 = inv4;
    }
    c->n_cells += n;
}

static inline void add_to_cells(const struct candidates *c, const struct pair_part *part,
                                const struct weights *w, const struct met *m) {
    const uint32_t *items = part->item;
    const struct pair_entry *of = part->of;
    const struct pop_met *met = popularity_met(c->popularity);
    struct cell *cells = c->cells;
    const uint32_t first = c->first;
    for (uint32_t k = 0; k < m->n_known; k++) {
        const uint32_t y = m->known[k];
        add_to(&cells[met[items[y]].mark - first], sums_of(&of[y], w));
    }
}

/* Adds what one history item's neighbours contribute. `domains`: not all are of the domain. */
static inline void walk_part(struct candidates *c, const struct pair_part *part,
                             const uint8_t *domains, uint8_t domain, const struct weights *w) {
    if (c->n_cells == 0 && !domains && part->n <= AT_ONCE) { /* none has a cell */
        make_cells(c, part, NULL, part->n, w);
        return;
    }
    for (uint32_t y = 0; y < part->n && c->n_cells + AT_ONCE <= CELLS_WALKED; y += AT_ONCE) {
        struct met m;
        meet(c, part, y, y + AT_ONCE < part->n ? y + AT_ONCE : part->n, domains, domain, &m);
        make_cells(c, part, m.fresh, m.n_fresh, w);
        add_to_cells(c, part, w, &m);
    }
}

/* Asks for the marks of a part, where they are far away. */
static void fetch_marks(const struct candidates *c, const struct pair_part *part) {
    const struct pop_met *met = popularity_met(c->popularity);
    for (uint32_t y = 0; c->n_items > ITEMS_NEAR && y < part->n; y++) {
        __builtin_prefetch(&met[part->item[y]], 1);
    }
}

/* Asks for the rest of a part: its first lines are there. */
static void fetch_part(const struct pair_part *part) {
    for (uint32_t y = LINE; y < part->n; y += LINE) {
        __builtin_prefetch(part->item + y);
    }
    const char *of = (const char *)part->of;
    for (size_t at = LINE_BYTES; at < part->n * sizeof *part->of; at += LINE_BYTES) {
        __builtin_prefetch(of + at);
    }
}

void candidates_walk(struct candidates *c, const struct shared *s,
                     const struct candidates_view *v) {
    const struct pop_hot *hot = popularity_hot(s->popularity);
    const uint32_t n = v->n_history < PAIRS_WINDOW ? v->n_history : PAIRS_WINDOW;
    struct pair_part parts[PAIRS_WINDOW];
    float s_sum[PAIRS_WINDOW];
    for (uint32_t r = 0; r < n; r++) { /* at once: they may be far away */
        const struct user_entry *e = &v->history[r];
        const struct pair_list list = pairs_walked(s->pairs, e->item);
        parts[r] = e->domain == v->domain ? list.near : list.far;
        s_sum[r] = list.s_sum;
        __builtin_prefetch(&hot[e->item]);
        __builtin_prefetch(parts[r].item);
        __builtin_prefetch(parts[r].of);
    }
    float w1 = 1.0F;
    float w3 = 1.0F;
    for (uint32_t r = 0; r < n && r < 2; r++) { /* what is asked for must come before it is read */
        fetch_part(&parts[r]);
    }
    if (n > 0) {
        fetch_marks(c, &parts[0]);
    }
    for (uint32_t r = 0; r < n; r++) {
        const struct user_entry *e = &v->history[r];
        if (r + 2 < n) {
            fetch_part(&parts[r + 2]);
        }
        if (r + 1 < n) {
            fetch_marks(c, &parts[r + 1]);
        }
        const bool other = e->domain != v->domain;
        const float ago = (float)(v->now_ms - e->ts_ms) / SESSION_MS;
        const float k1 = w1 * hot[e->item].inv6;
        const struct weights w = {.w = {k1, w3 * hot[e->item].inv2, exp2f(-ago) / (s_sum[r] + 2.0F),
                                        other ? k1 : 0.0F, k1},
                                  .place = {0, 0, 0, 0, (int32_t)(PLACES - r)}};
        const bool mixed = other && s->n_domains > 2;
        walk_part(c, &parts[r], mixed ? items_domains(s->items) : NULL, v->domain, &w);
        w1 *= K1_DECAY;
        w3 *= K3_DECAY;
    }
    c->n_walked = c->n_cells;
}
