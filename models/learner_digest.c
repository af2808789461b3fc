/* SPDX-License-Identifier: Apache-2.0
 * learner_digest.c -- see learner_digest.h. */
#include "learner_digest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "learner_state.h"
#include "mix.h"
#include "segments_state.h"

const char *learner_part_str(enum learner_part part) {
    static const char *const names[DIGEST_PARTS] = {
        "popularity", "pairs", "categories", "contexts", "obs", "factors", "segments", "nets"};
    return part < DIGEST_PARTS ? names[part] : "";
}

/* One item, or one pair: its name, then its numbers in order. */
struct mixed {
    uint64_t h;
    bool any; /* a number that is not 0 */
};

static struct mixed mixed_of(uint64_t name) {
    return (struct mixed){.h = mix64(name)};
}

static void put(struct mixed *m, uint64_t v) {
    m->h = mix64(m->h ^ v) + v;
    m->any = m->any || v != 0;
}

static void put_signed(struct mixed *m, int64_t v) {
    put(m, (uint64_t)v);
}

static void put_double(struct mixed *m, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(m, bits);
}

static void put_float(struct mixed *m, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(m, bits);
}

/* What a sum of them gains: an item without counts is as good as none. */
static uint64_t worth(const struct mixed *m) {
    return m->any ? m->h : 0;
}

/* ---- sums ------------------------------------------------------------------------------- */

static uint64_t of_popularity(const struct shared *s) {
    struct mixed head = mixed_of(DIGEST_POPULARITY);
    for (int clock = 0; clock < POP_CLOCKS; clock++) {
        put_signed(&head, popularity_landmark(s->popularity, clock));
    }
    for (uint32_t d = 0; d < s->n_domains; d++) {
        put(&head, popularity_events(s->popularity, (uint8_t)d));
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        struct popularity_sum item;
        struct mixed m = mixed_of(items_hash(s->items, i));
        popularity_item(s->popularity, i, &item);
        for (int clock = 0; clock < POP_CLOCKS; clock++) {
            put_signed(&m, item.w[clock]);
        }
        put_signed(&m, item.weight);
        put(&m, item.count);
        sum += worth(&m);
    }
    put(&head, sum);
    return head.h;
}

static uint64_t of_obs(const struct shared *s) {
    struct mixed head = mixed_of(DIGEST_OBS);
    uint64_t sum = 0;
    put(&head, popularity_obs_landmark(s->popularity));
    for (uint32_t i = 0; i < s->n_items; i++) {
        int64_t obs;
        int64_t exp;
        struct mixed m = mixed_of(items_hash(s->items, i));
        popularity_obs_item(s->popularity, i, &obs, &exp);
        put_signed(&m, obs);
        put_signed(&m, exp);
        sum += worth(&m);
    }
    put(&head, sum);
    return head.h;
}

static uint64_t of_pair(uint64_t from, uint64_t to, const struct pair_sum *pair) {
    struct mixed m = mixed_of(mix64(from) ^ to);
    put_signed(&m, pair->a);
    put_signed(&m, pair->f);
    put_signed(&m, pair->s);
    return worth(&m);
}

static uint64_t of_pairs(const struct shared *s) {
    struct mixed head = mixed_of(DIGEST_PAIRS);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        const uint64_t hash = items_hash(s->items, i);
        const uint32_t n = pairs_list(s->pairs, i).n;
        struct mixed m = mixed_of(hash);
        put_signed(&m, pairs_s(s->pairs, i));
        sum += worth(&m);
        for (uint32_t k = 0; k < n; k++) {
            const struct pair_sum pair = pairs_at(s->pairs, i, k);
            sum += of_pair(hash, items_hash(s->items, pair.to), &pair);
        }
    }
    put(&head, sum);
    return head.h;
}

static uint64_t of_category(const struct shared *s, uint32_t c) {
    const uint64_t hash = content_category_hash(s->content, c);
    const struct categories_category category = categories_category(s->categories, c);
    const uint32_t n = categories_neighbours(s->categories, c).n;
    struct mixed m = mixed_of(hash);
    put_signed(&m, category.g);
    put_signed(&m, category.n);
    put_signed(&m, category.repeats);
    uint64_t sum = worth(&m);
    for (uint32_t k = 0; k < n; k++) {
        const struct pair_sum pair = categories_pair_at(s->categories, c, k);
        const struct pair_sum a = {.a = pair.a}; /* all that counts */
        sum += of_pair(hash, content_category_hash(s->content, pair.to), &a);
    }
    return sum;
}

static uint64_t of_categories(const struct shared *s) {
    struct mixed head = mixed_of(DIGEST_CATEGORIES);
    uint64_t sum = 0;
    put_signed(&head, categories_landmark(s->categories));
    for (uint32_t c = 0; c < content_n_categories(s->content); c++) {
        sum += of_category(s, c);
    }
    for (uint32_t i = 0; i < s->n_items; i++) {
        const struct categories_item item = categories_item(s->categories, i);
        struct mixed m = mixed_of(~items_hash(s->items, i)); /* not a category's */
        put_signed(&m, item.g);
        put_signed(&m, item.n);
        put_signed(&m, item.repeats);
        sum += worth(&m);
    }
    put(&head, sum);
    return head.h;
}

static uint64_t of_contexts(const struct shared *s) {
    struct mixed head = mixed_of(DIGEST_CONTEXTS);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_items; i++) {
        struct mixed m = mixed_of(items_hash(s->items, i));
        put_signed(&m, factors_count(s->factors, i));
        for (int k = 0; k < FACTORS; k++) {
            put_signed(&m, factors_b(s->factors, i)[k]);
        }
        sum += worth(&m);
    }
    put(&head, sum);
    return head.h;
}

/* ---- what is no sum --------------------------------------------------------------------- */

static uint64_t of_factors(const struct shared *s) {
    struct mixed m = mixed_of(DIGEST_FACTORS);
    struct factors_state state;
    factors_state(s->factors, &state);
    put(&m, state.n_users);
    put_double(&m, state.weight);
    for (size_t k = 0; k < FACTORS_SYM; k++) {
        put_double(&m, state.s[k]);
    }
    return m.h;
}

static void put_doubles(struct mixed *m, const double *v, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        put_double(m, v[k]);
    }
}

/* Not what reviews remember: seeds, since, doubted. They are of whoever writes the seeds. */
static uint64_t of_segments(const struct segments *s) {
    struct mixed m = mixed_of(DIGEST_SEGMENTS);
    const uint32_t dims = s->params.dims;
    put_double(&m, s->w);
    put_doubles(&m, s->mean, dims);
    put_doubles(&m, s->square, dims);
    put(&m, s->generation);
    put(&m, s->k);
    for (uint32_t k = 0; k < s->k; k++) {
        const struct cluster *c = &s->clusters[k];
        put_double(&m, c->w);
        put_double(&m, c->sse);
        put_doubles(&m, c->centre, dims);
        put_doubles(&m, c->spread, dims);
        put_signed(&m, c->parent);
        put(&m, c->settling);
    }
    return m.h;
}

static void put_nets(struct mixed *m, const struct ranker_net nets[RANKER_NETS]) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            put_float(m, nets[kind].weights[k]);
        }
    }
}

static uint64_t of_nets(const struct learner *l) {
    struct mixed m = mixed_of(DIGEST_NETS);
    for (uint32_t task = 0; task < LEARNER_TASKS_MAX; task++) {
        const struct learner_published *own = l->log.published[task];
        if (!own) {
            continue;
        }
        put(&m, task);
        put(&m, own->epoch);
        put(&m, own->batch);
        put(&m, own->at);
        put(&m, own->trained);
        put_nets(&m, own->nets);
        put(&m, own->moves);
        if (own->moves) {
            put_float(&m, own->pace);
            put_nets(&m, own->mean);
        }
    }
    return m.h;
}

/* ---- the whole -------------------------------------------------------------------------- */

static uint64_t named_items(const struct learner *l) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < l->shared->n_items; i++) {
        n += l->log.named[i];
    }
    return n;
}

static void look(const struct learner *l, struct learner_digest *d) {
    const struct shared *s = l->shared;
    struct mixed all = mixed_of(l->log.position);
    d->parts[DIGEST_POPULARITY] = of_popularity(s);
    d->parts[DIGEST_PAIRS] = of_pairs(s);
    d->parts[DIGEST_CATEGORIES] = of_categories(s);
    d->parts[DIGEST_CONTEXTS] = of_contexts(s);
    d->parts[DIGEST_OBS] = of_obs(s);
    d->parts[DIGEST_FACTORS] = of_factors(s);
    d->parts[DIGEST_NETS] = of_nets(l);
    d->parts[DIGEST_SEGMENTS] = of_segments(s->segments);
    d->position = l->log.position;
    d->events = l->log.n_events;
    d->items = named_items(l);
    d->pending = l->log.n_pending;
    for (int part = 0; part < DIGEST_PARTS; part++) {
        put(&all, d->parts[part]);
    }
    put(&all, d->events);
    put(&all, d->items);
    d->all = all.h;
}

static bool awaits(const struct learner *l) {
    bool some = shared_awaits(l->shared);
    for (uint32_t task = 0; task < LEARNER_TASKS_MAX; task++) {
        some = some || l->log.awaits_nets[task];
    }
    return some;
}

enum status learner_digest(struct learner *l, struct learner_digest *out) {
    if (!l->params.log || awaits(l)) {
        return ST_INVALID;
    }
    enum status st = learner_log_reserve(l);
    if (st) {
        return st;
    }
    struct learner_digest d = {.position = 0};
    const struct shared_part everything = {.parts = PART_TAKES | PART_PAIRS | PART_CONTEXTS |
                                                    PART_OBS | PART_CATEGORY_ITEMS |
                                                    PART_CATEGORIES | PART_CATEGORY_PAIRS};
    learner_take_out(l, &everything);
    look(l, &d);
    st = learner_put_back(l, &everything);
    shared_refresh_top_lists(l->shared);
    if (!st) {
        *out = d;
    }
    return st;
}
