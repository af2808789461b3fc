/* SPDX-License-Identifier: Apache-2.0
 * log_record_of.c -- see log_record.h: what a delta says, added up.
 *
 * Runs once a commit over up to 20 k events, each with some ten pairs and 65 obs: items get their
 * place by an array over all items, pairs by a hash table of their own. All of that is kept for the
 * next record: a megabyte that is allocated anew costs as many page faults as it has pages.
 */
#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "log_record.h"
#include "log_record_state.h"
#include "mix.h"

/* Room that is kept, whatever lay in it. */
struct scratch {
    void *bytes;
    size_t size;
};

/* Keys in order of first sight. */
struct keys {
    uint32_t *slots; /* (mask + 1,) index + 1; 0: free */
    uint64_t *key;   /* (n,) */
    size_t mask, n;
    struct scratch rooms[2];
};

enum { OF_ITEM, OF_CATEGORY, OF_AT, OF_SUMS, OF_COUNT, ROOMS };

/* Where things come to lie. */
struct log_places {
    uint32_t *item;     /* (items,) place + 1; 0: not there */
    uint32_t *category; /* (categories,) likewise */
    uint32_t *at;       /* (places,) index + 1 in the array being filled */
    struct keys keys;
    struct scratch rooms[ROOMS];
};

/* ---- scratch --------------------------------------------------------------------------- */

/* At least so many bytes, of any content; NULL: out of memory. */
static void *scratch_for(struct scratch *r, size_t size) {
    if (size > r->size) {
        free(r->bytes);
        r->size = size + size / 2;
        r->bytes = malloc(r->size);
        r->size = r->bytes ? r->size : 0;
    }
    return r->bytes;
}

static uint32_t *zeros(struct scratch *r, size_t n) {
    uint32_t *v = scratch_for(r, n * sizeof *v);
    if (v) {
        memset(v, 0, n * sizeof *v);
    }
    return v;
}

void log_places_free(struct log_places *p) {
    for (int k = 0; p && k < ROOMS; k++) {
        free(p->rooms[k].bytes);
    }
    for (int k = 0; p && k < 2; k++) {
        free(p->keys.rooms[k].bytes);
    }
    free(p);
}

/* ---- keys ------------------------------------------------------------------------------ */

static enum status keys_begin(struct keys *k, size_t most) {
    size_t size = 64;
    while (size < 2 * most) {
        size *= 2;
    }
    k->slots = zeros(&k->rooms[0], size);
    k->key = scratch_for(&k->rooms[1], (most + 1) * sizeof *k->key);
    k->mask = size - 1;
    k->n = 0;
    return k->slots && k->key ? ST_OK : ST_NOMEM;
}

static size_t keys_place(struct keys *k, uint64_t key) {
    size_t at = (size_t)mix64(key) & k->mask;
    while (k->slots[at]) {
        if (k->key[k->slots[at] - 1] == key) {
            return k->slots[at] - 1;
        }
        at = (at + 1) & k->mask;
    }
    k->key[k->n++] = key;
    k->slots[at] = (uint32_t)k->n;
    return k->n - 1;
}

/* ---- tables ------------------------------------------------------------------------------ */

/* Place of an item, the next one if it has none; the table holds dense indices until the end. */
static uint32_t place_item(struct log_record *r, struct log_places *p, uint32_t item) {
    if (!p->item[item]) {
        r->items[r->n_items].hash = item;
        p->item[item] = (uint32_t)++r->n_items;
    }
    return p->item[item] - 1;
}

static void place_category(struct log_record *r, struct log_places *p, uint32_t category) {
    if (category != CATEGORY_NONE && !p->category[category]) {
        r->categories[r->n_categories] = category;
        p->category[category] = (uint32_t)++r->n_categories;
    }
}

/* The one that was taken last is the last of those that were taken. */
static void place_takes(struct log_record *r, struct log_places *p, const struct delta *d) {
    for (size_t k = d->n_takes; k-- > 0;) {
        (void)place_item(r, p, d->takes[k].item);
    }
    for (size_t x = 0, y = r->n_items; x + 1 < y; x++) {
        y--;
        const uint64_t t = r->items[x].hash;
        r->items[x].hash = r->items[y].hash;
        r->items[y].hash = t;
    }
    for (size_t x = 0; x < r->n_items; x++) {
        p->item[r->items[x].hash] = (uint32_t)x + 1;
    }
    r->n_takes = r->n_items;
}

static void place_all(struct log_record *r, struct log_places *p, const struct delta *d,
                      const uint8_t *named) {
    place_takes(r, p, d);
    for (size_t k = 0; k < d->n_contexts; k++) {
        (void)place_item(r, p, d->contexts[k].item);
    }
    for (size_t k = 0; k < d->n_pairs; k++) {
        (void)place_item(r, p, d->pairs[k].from);
        (void)place_item(r, p, d->pairs[k].to);
    }
    for (size_t k = 0; k < d->n_obs; k++) {
        (void)place_item(r, p, d->obs[k].item);
    }
    for (size_t k = 0; k < d->n_category_takes; k++) {
        (void)place_item(r, p, d->category_takes[k].item);
        place_category(r, p, d->category_takes[k].category);
    }
    for (size_t k = 0; k < d->n_category_pairs; k++) {
        place_category(r, p, d->category_pairs[k].from);
        place_category(r, p, d->category_pairs[k].to);
    }
    for (size_t k = 0; k < d->n_deals; k++) {
        (void)place_item(r, p, d->deals[k].item);
    }
    for (size_t k = 0; k < d->n_items; k++) {
        if (!named[d->items[k]]) {
            (void)place_item(r, p, d->items[k]);
        }
    }
}

/* Indices become names. */
static void name_all(struct log_record *r, const struct shared *s, const uint8_t *named) {
    for (size_t k = 0; k < r->n_items; k++) {
        const uint32_t i = (uint32_t)r->items[k].hash;
        size_t len = 0;
        const char *id = items_id(s->items, i, &len);
        r->items[k] = (struct log_item){.hash = items_hash(s->items, i),
                                        .id = named[i] ? NULL : id,
                                        .id_len = named[i] ? 0 : (uint16_t)len,
                                        .domain = items_domain(s->items, i)};
    }
    for (size_t k = 0; k < r->n_categories; k++) {
        r->categories[k] = content_category_hash(s->content, (uint32_t)r->categories[k]);
    }
}

/* ---- sums -------------------------------------------------------------------------------- */

static void add_takes(struct log_record *r, const struct log_places *p, const struct delta *d) {
    memset(r->takes, 0, r->n_takes * sizeof *r->takes);
    for (size_t k = 0; k < d->n_takes; k++) {
        const struct delta_take *t = &d->takes[k];
        struct log_take *sum = &r->takes[p->item[t->item] - 1];
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            sum->w[clock] += t->w[clock];
        }
        sum->weight += t->weight;
        sum->first_ms = sum->count && sum->first_ms < t->ts_ms ? sum->first_ms : t->ts_ms;
        sum->last_ms = sum->count && sum->last_ms > t->ts_ms ? sum->last_ms : t->ts_ms;
        sum->count++;
        sum->item = p->item[t->item] - 1;
    }
}

/* In p->at: 1 for each place of the array to come, then index + 1. Returns how many. */
static size_t number_places(const struct log_record *r, struct log_places *p) {
    size_t n = 0;
    for (size_t x = 0; x < r->n_items; x++) {
        p->at[x] = p->at[x] ? (uint32_t)++n : 0;
    }
    return n;
}

static enum status add_contexts(struct log_record *r, struct log_places *p, const struct delta *d) {
    memset(p->at, 0, r->n_items * sizeof *p->at);
    for (size_t k = 0; k < d->n_contexts; k++) {
        p->at[p->item[d->contexts[k].item] - 1] = 1;
    }
    r->n_contexts = number_places(r, p);
    enum status st = log_record_reserve(r, LOG_CONTEXTS, r->n_contexts + 1);
    if (st) {
        return st;
    }
    memset(r->contexts, 0, r->n_contexts * sizeof *r->contexts);
    for (size_t k = 0; k < d->n_contexts; k++) {
        const struct delta_context *c = &d->contexts[k];
        const uint32_t place = p->item[c->item] - 1;
        struct log_context *sum = &r->contexts[p->at[place] - 1];
        for (size_t z = 0; z < FACTORS; z++) {
            sum->b[z] += fixed_times(c->p[z], c->weight);
        }
        sum->weight += c->weight;
        sum->item = place;
    }
    return ST_OK;
}

static enum status add_obs(struct log_record *r, struct log_places *p, const struct delta *d) {
    memset(p->at, 0, r->n_items * sizeof *p->at);
    for (size_t k = 0; k < d->n_obs; k++) {
        p->at[p->item[d->obs[k].item] - 1] = 1;
    }
    r->n_obs = number_places(r, p);
    enum status st = log_record_reserve(r, LOG_OBS, r->n_obs + 1);
    if (st) {
        return st;
    }
    memset(r->obs, 0, r->n_obs * sizeof *r->obs);
    for (size_t k = 0; k < d->n_obs; k++) {
        const uint32_t place = p->item[d->obs[k].item] - 1;
        struct delta_obs *sum = &r->obs[p->at[place] - 1];
        sum->obs += d->obs[k].obs;
        sum->exp += d->obs[k].exp;
        sum->item = place;
    }
    return ST_OK;
}

/* Puts the pairs of one `from` together: a counting sort. `count` is (n_places + 1,), zeros. */
static void group(const struct pair_sum *in, size_t n, uint32_t *count, size_t n_places,
                  struct pair_sum *out) {
    for (size_t k = 0; k < n; k++) {
        count[in[k].from + 1]++;
    }
    for (size_t x = 0; x < n_places; x++) {
        count[x + 1] += count[x];
    }
    for (size_t k = 0; k < n; k++) {
        out[count[in[k].from]++] = in[k];
    }
}

/* Sums of pairs by (from, to), grouped. place: of items or of categories; with_f: f and s count. */
static enum status add_pairs(struct log_places *p, const struct pair_add *in, size_t n,
                             const uint32_t *place, size_t n_places, bool with_f,
                             struct pair_sum *out, size_t *n_out) {
    struct pair_sum *sums = scratch_for(&p->rooms[OF_SUMS], (n + 1) * sizeof *sums);
    uint32_t *count = zeros(&p->rooms[OF_COUNT], n_places + 1);
    enum status st = sums && count ? keys_begin(&p->keys, n) : ST_NOMEM;
    for (size_t k = 0; k < n && !st; k++) {
        const uint32_t from = place[in[k].from] - 1;
        const uint32_t to = place[in[k].to] - 1;
        const size_t seen = p->keys.n;
        struct pair_sum *sum = &sums[keys_place(&p->keys, (uint64_t)from << 32 | to)];
        if (p->keys.n > seen) {
            *sum = (struct pair_sum){.from = from, .to = to};
        }
        sum->a += in[k].a;
        sum->f += with_f ? in[k].f : 0;
        sum->s += with_f ? in[k].s : 0;
    }
    if (!st) {
        group(sums, p->keys.n, count, n_places, out);
        *n_out = p->keys.n;
    }
    return st;
}

static enum status add_category_takes(struct log_record *r, struct log_places *p,
                                      const struct delta *d) {
    enum status st = keys_begin(&p->keys, d->n_category_takes);
    if (st) {
        return st;
    }
    memset(r->category_takes, 0, d->n_category_takes * sizeof *r->category_takes);
    for (size_t k = 0; k < d->n_category_takes; k++) {
        const struct category_take *t = &d->category_takes[k];
        const uint32_t item = p->item[t->item] - 1;
        const uint32_t category =
            t->category == CATEGORY_NONE ? CATEGORY_NONE : p->category[t->category] - 1;
        struct category_take_sum *sum =
            &r->category_takes[keys_place(&p->keys, (uint64_t)item << 32 | category)];
        sum->g += t->g;
        sum->weight += t->weight;
        sum->repeated += t->repeated ? t->weight : 0;
        sum->item = item;
        sum->category = category;
    }
    r->n_category_takes = p->keys.n;
    return ST_OK;
}

/* The newest sale of each item; of the same time, the later one. */
static void add_deals(struct log_record *r, struct log_places *p, const struct delta *d) {
    memset(p->at, 0, r->n_items * sizeof *p->at);
    r->n_deals = 0;
    for (size_t k = 0; k < d->n_deals; k++) {
        const uint32_t place = p->item[d->deals[k].item] - 1;
        if (!p->at[place]) {
            p->at[place] = (uint32_t)++r->n_deals;
            r->deals[r->n_deals - 1].ts_ms = INT64_MIN;
        }
        struct delta_deal *newest = &r->deals[p->at[place] - 1];
        if (d->deals[k].ts_ms > newest->ts_ms ||
            (d->deals[k].ts_ms == newest->ts_ms && d->deals[k].share > newest->share)) {
            *newest = d->deals[k];
            newest->item = place;
        }
    }
}

/* ---- all of it --------------------------------------------------------------------------- */

/* No item and no category has a place yet. */
static enum status places_begin(struct log_places *p, const struct shared *s) {
    const size_t items = (size_t)items_n(s->items) + 1;
    p->item = zeros(&p->rooms[OF_ITEM], items);
    p->category = zeros(&p->rooms[OF_CATEGORY], (size_t)content_n_categories(s->content) + 1);
    p->at = scratch_for(&p->rooms[OF_AT], items * sizeof *p->at);
    return p->item && p->category && p->at ? ST_OK : ST_NOMEM;
}

static enum status reserve_tables(const struct shared *s, const struct delta *d,
                                  struct log_record *r) {
    const size_t all = items_n(s->items);
    const size_t most = d->n_takes + d->n_contexts + 2 * d->n_pairs + d->n_obs +
                        d->n_category_takes + d->n_deals + d->n_items;
    const size_t n_categories = content_n_categories(s->content);
    enum status st = log_record_reserve(r, LOG_ITEMS, (most < all ? most : all) + 1);
    if (!st) {
        st = log_record_reserve(r, LOG_CATEGORIES, n_categories + 1);
    }
    if (!st) {
        st = log_record_reserve(r, LOG_TAKES, (d->n_takes < all ? d->n_takes : all) + 1);
    }
    if (!st) {
        st = log_record_reserve(r, LOG_PAIRS, d->n_pairs + 1);
    }
    if (!st) {
        st = log_record_reserve(r, LOG_CATEGORY_TAKES, d->n_category_takes + 1);
    }
    if (!st) {
        st = log_record_reserve(r, LOG_CATEGORY_PAIRS, d->n_category_pairs + 1);
    }
    return st ? st : log_record_reserve(r, LOG_DEALS, d->n_deals + 1);
}

static enum status add_up(const struct shared *s, const struct delta *d, const uint8_t *named,
                          struct log_places *p, struct log_record *r) {
    place_all(r, p, d, named);
    add_takes(r, p, d);
    enum status st =
        add_pairs(p, d->pairs, d->n_pairs, p->item, r->n_items, true, r->pairs, &r->n_pairs);
    if (!st) {
        st = add_contexts(r, p, d);
    }
    if (!st) {
        st = add_obs(r, p, d);
    }
    if (!st) {
        st = add_category_takes(r, p, d);
    }
    if (!st) {
        st = add_pairs(p, d->category_pairs, d->n_category_pairs, p->category, r->n_categories,
                       false, r->category_pairs, &r->n_category_pairs);
    }
    if (!st) {
        add_deals(r, p, d);
        name_all(r, s, named);
    }
    return st;
}

static void head_of(const struct log_name *name, const struct shared *s, const struct delta *d,
                    struct log_record *r) {
    r->kind = LOG_DELTA;
    r->name = *name;
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        r->landmarks[clock] = popularity_landmark(s->popularity, clock);
    }
    r->category_landmark = categories_landmark(s->categories);
    r->obs_landmark = popularity_obs_landmark(s->popularity);
    r->n_events = d->n_events;
    r->n_items = r->n_categories = 0;
    r->has_sums = d->has_closed;
    r->has_nets = d->has_nets;
    r->n_trained = d->n_trained;
    if (r->has_sums) {
        r->sums = d->closed;
    }
    if (r->has_nets) {
        memcpy(r->nets, d->nets, sizeof r->nets);
    }
}

enum status log_record_of(const struct log_name *name, const struct shared *s,
                          const struct delta *d, const uint8_t *named, struct log_record *r) {
    if (!r->places) {
        r->places = calloc(1, sizeof *r->places);
    }
    enum status st = r->places ? places_begin(r->places, s) : ST_NOMEM;
    st = st ? st : reserve_tables(s, d, r);
    head_of(name, s, d, r);
    return st ? st : add_up(s, d, named, r->places, r);
}
