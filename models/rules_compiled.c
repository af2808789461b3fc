/* SPDX-License-Identifier: Apache-2.0
 *
 * rules_compiled.c -- see rules.h: which rules hold for which item, worked out before it is asked.
 *
 * An item's class is that of its domain, or of its category if a rule names that, or its own if a
 * rule names the item. Failures leave the form stale.
 */
#include <stdlib.h>
#include <string.h>

#include "rules_state.h"

#define NO_CLASS UINT32_MAX

void rules_compiled_free(struct rules_compiled *c) {
    free(c->keys);
    free(c->pins);
    free(c->category_class);
    free(c->class_of);
    free(c->effect);
    free(c->owner);
    memset(c, 0, sizeof *c);
}

/* Room for n of an array of `size` bytes each. */
static enum status grow(void **array, uint32_t *cap, uint32_t n, size_t size) {
    if (n <= *cap) {
        return ST_OK;
    }
    uint32_t wider = *cap ? *cap : 64;
    while (wider < n) {
        wider = wider > UINT32_MAX / 2 ? UINT32_MAX : 2 * wider;
    }
    void *larger = realloc(*array, wider * size);
    if (!larger) {
        return ST_NOMEM;
    }
    *array = larger;
    *cap = wider;
    return ST_OK;
}

static enum status grow_words(uint32_t **array, uint32_t *cap, uint32_t n) {
    void *words = *array;
    enum status st = grow(&words, cap, n, sizeof **array);
    *array = words;
    return st;
}

/* ---- what is in force ----------------------------------------------------------------------- */

static struct rules_key key_of(const struct rule *rule, uint32_t k, uint8_t d) {
    if (rule->item[d]) {
        return (struct rules_key){rule->item[d], k, ON_ITEM, d};
    }
    return rule->category[d] ? (struct rules_key){rule->category[d], k, ON_CATEGORY, d}
                             : (struct rules_key){d, k, ON_DOMAIN, d};
}

static void note_acts(struct rules_compiled *c, const struct rule *rule, uint8_t d) {
    for (int s = -1; s < SEGMENTS_MAX; s++) {
        if (rule_is_for(rule, s)) {
            c->acts[d][s + 1] = true;
            c->boosts[d][s + 1] = c->boosts[d][s + 1] || rule->kind == RULE_BOOST;
        }
    }
}

static enum status add(struct rules_compiled *c, const struct rule *rule, uint32_t k, uint8_t d) {
    if (rule->kind == RULE_PIN) {
        void *pins = c->pins;
        enum status st = grow(&pins, &c->cap_pins, c->n_pins + 1, sizeof *c->pins);
        c->pins = pins;
        if (!st) {
            c->pins[c->n_pins++] = (struct rules_pin){k, d};
        }
        return st;
    }
    void *keys = c->keys;
    enum status st = grow(&keys, &c->cap_keys, c->n_keys + 1, sizeof *c->keys);
    c->keys = keys;
    if (!st) {
        c->keys[c->n_keys++] = key_of(rule, k, d);
        note_acts(c, rule, d);
    }
    return st;
}

/* A rule of every domain names an item or a category in all of them, or in none. */
static enum status collect(const struct rules *r, int64_t now_ms, struct rules_compiled *c) {
    enum status st = ST_OK;
    for (uint32_t k = 0; k < r->n && !st; k++) {
        const struct rule *rule = &r->rows[k].rule;
        for (uint8_t d = 0; d < r->n_domains && !st; d++) {
            if ((rule->target == RULES_EVERY_DOMAIN || rule->target == d) &&
                rule->from_ms <= now_ms && now_ms < rule->until_ms) {
                st = add(c, rule, k, d);
            }
        }
    }
    return st;
}

static int by_hash(const void *a, const void *b) {
    const struct rules_key *x = a;
    const struct rules_key *y = b;
    if (x->on != y->on) {
        return x->on < y->on ? -1 : 1;
    }
    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void sort_keys(struct rules_compiled *c) {
    if (c->n_keys > 0) {
        qsort(c->keys, c->n_keys, sizeof *c->keys, by_hash);
    }
    for (uint32_t on = 0, at = 0; on <= RULES_ON; on++) {
        while (at < c->n_keys && c->keys[at].on < on) {
            at++;
        }
        c->first[on] = at;
    }
}

/* By domain and place; the rules themselves are in the order of their ids. Insertion: stable, and
 * there are few. */
static void sort_pins(const struct rules *r, struct rules_compiled *c) {
    for (uint32_t k = 1; k < c->n_pins; k++) {
        const struct rules_pin pin = c->pins[k];
        const uint32_t place = r->rows[pin.rule].rule.place;
        uint32_t at = k;
        for (; at > 0; at--) {
            const struct rules_pin *before = &c->pins[at - 1];
            const uint32_t place_before = r->rows[before->rule].rule.place;
            if (before->domain < pin.domain ||
                (before->domain == pin.domain && place_before <= place)) {
                break;
            }
            c->pins[at] = *before;
        }
        c->pins[at] = pin;
    }
    for (uint32_t d = 0, at = 0; d <= DOMAINS_MAX; d++) {
        while (at < c->n_pins && c->pins[at].domain < d) {
            at++;
        }
        c->first_pin[d] = at;
    }
}

/* ---- classes -----------------------------------------------------------------------------------
 */

struct range {
    uint32_t from, to;
};

/* The keys of one hash. */
static struct range find(const struct rules_compiled *c, enum rules_on on, uint64_t hash) {
    uint32_t lo = c->first[on];
    uint32_t hi = c->first[on + 1];
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        lo = c->keys[mid].hash < hash ? mid + 1 : lo;
        hi = c->keys[mid].hash < hash ? hi : mid;
    }
    uint32_t to = lo;
    while (to < c->first[on + 1] && c->keys[to].hash == hash) {
        to++;
    }
    return (struct range){lo, to};
}

static enum status new_class(struct rules_compiled *c, uint32_t owner, uint32_t *class) {
    void *effect = c->effect;
    enum status st =
        grow(&effect, &c->cap_classes, c->n_classes + 1, RULES_SEGMENTS * sizeof *c->effect);
    c->effect = effect;
    st = st ? st : grow_words(&c->owner, &c->cap_owners, c->n_classes + 1);
    if (!st) {
        c->owner[c->n_classes] = owner;
        *class = c->n_classes++;
    }
    return st;
}

/* Adds what the rules of some keys say of items of a category. */
static void add_effects(const struct rules *r, struct range keys, uint64_t category,
                        double sum[RULES_SEGMENTS]) {
    for (uint32_t k = keys.from; k < keys.to; k++) {
        const struct rules_key *key = &r->compiled.keys[k];
        const struct rule *rule = &r->rows[key->rule].rule;
        if (rule->category[key->domain] && rule->category[key->domain] != category) {
            continue;
        }
        const double by = rule->kind == RULE_BLOCK ? -(double)INFINITY : log((double)rule->factor);
        for (int s = -1; s < SEGMENTS_MAX; s++) {
            sum[s + 1] += rule_is_for(rule, s) ? by : 0.0;
        }
    }
}

/* What holds for the items of a class. */
static void fill(struct rules *r, uint32_t class, struct range own, uint64_t category, uint8_t d) {
    double sum[RULES_SEGMENTS] = {0.0};
    add_effects(r, own, category, sum);
    add_effects(r, find(&r->compiled, ON_CATEGORY, category), category, sum);
    add_effects(r, find(&r->compiled, ON_DOMAIN, d), category, sum);
    float *effect = r->compiled.effect + (size_t) class * RULES_SEGMENTS;
    for (int s = 0; s < RULES_SEGMENTS; s++) {
        const double most = (double)RULES_SHIFT_MAX;
        const double x = sum[s] > most ? most : sum[s];
        effect[s] = isinf(x) ? -INFINITY : (float)(x < -most ? -most : x);
    }
}

static const struct range NOBODY = {0, 0};

/* Class 0 is of items that no rule holds for. */
static enum status classes_of_domains(struct rules *r) {
    struct rules_compiled *c = &r->compiled;
    uint32_t class = 0;
    enum status st = new_class(c, ITEM_NONE, &class);
    if (!st) {
        memset(c->effect, 0, RULES_SEGMENTS * sizeof *c->effect);
    }
    for (uint8_t d = 0; d < r->n_domains && !st; d++) {
        const struct range keys = find(c, ON_DOMAIN, d);
        c->domain_class[d] = 0;
        if (keys.to > keys.from) {
            st = new_class(c, ITEM_NONE, &c->domain_class[d]);
            if (!st) {
                fill(r, c->domain_class[d], NOBODY, 0, d);
            }
        }
    }
    return st;
}

/* Of categories that were not there when it was looked last. */
static enum status classes_of_categories(struct rules *r, const struct content *content) {
    struct rules_compiled *c = &r->compiled;
    const uint32_t n = content_n_categories(content);
    enum status st = grow_words(&c->category_class, &c->cap_categories, n);
    while (!st && c->n_categories < n) {
        const uint64_t hash = content_category_hash(content, c->n_categories);
        const struct range keys = find(c, ON_CATEGORY, hash);
        uint32_t class = NO_CLASS;
        if (keys.to > keys.from) {
            st = new_class(c, ITEM_NONE, &class);
            if (st) {
                break;
            }
            fill(r, class, NOBODY, hash, c->keys[keys.from].domain);
        }
        c->category_class[c->n_categories++] = class;
    }
    return st;
}

/* Of an item that no rule names. */
static uint32_t coarse_class(const struct rules_compiled *c, const struct items *items,
                             const struct content *content, uint32_t i) {
    const uint32_t category = content_category(content, i);
    const uint32_t class = category < c->n_categories ? c->category_class[category] : NO_CLASS;
    return class == NO_CLASS ? c->domain_class[items_domain(items, i)] : class;
}

/* Does a rule name it, it gets a class of its own, or keeps the one that it has. */
static enum status classify(struct rules *r, const struct items *items,
                            const struct content *content, uint32_t i) {
    struct rules_compiled *c = &r->compiled;
    const struct range own = find(c, ON_ITEM, items_hash(items, i));
    if (own.to == own.from) {
        c->class_of[i] = coarse_class(c, items, content, i);
        return ST_OK;
    }
    uint32_t class = c->class_of[i];
    enum status st = c->owner[class] == i ? ST_OK : new_class(c, i, &class);
    if (!st) {
        const uint64_t category = content_category_hash(content, content_category(content, i));
        c->class_of[i] = class;
        fill(r, class, own, category, items_domain(items, i));
    }
    return st;
}

/* Of items that were not there when it was looked last: those that a rule names are looked for from
 * whichever side there are fewer of. */
static enum status classes_of_items(struct rules *r, const struct items *items,
                                    const struct content *content) {
    struct rules_compiled *c = &r->compiled;
    const uint32_t from = c->n_items;
    const uint32_t n = items_n(items);
    const bool few_keys = c->first[ON_ITEM + 1] - c->first[ON_ITEM] < n - from;
    enum status st = grow_words(&c->class_of, &c->cap_items, n);
    for (uint32_t i = from; i < n && !st; i++) {
        c->class_of[i] = coarse_class(c, items, content, i);
        st = few_keys ? ST_OK : classify(r, items, content, i);
    }
    for (uint32_t k = c->first[ON_ITEM]; few_keys && k < c->first[ON_ITEM + 1] && !st; k++) {
        const uint32_t i = items_find(items, c->keys[k].hash);
        if (i != ITEM_NONE && i >= from && c->owner[c->class_of[i]] != i) {
            st = classify(r, items, content, i);
        }
    }
    c->n_items = st ? from : n;
    return st;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static enum status compile(struct rules *r, int64_t now_ms) {
    struct rules_compiled *c = &r->compiled;
    c->n_keys = c->n_pins = c->n_categories = c->n_items = c->n_classes = 0;
    memset(c->acts, 0, sizeof c->acts);
    memset(c->boosts, 0, sizeof c->boosts);
    c->from_ms = rules_last_ms(r, now_ms);
    c->until_ms = rules_next_ms(r, now_ms);
    enum status st = collect(r, now_ms, c);
    if (st) {
        return st;
    }
    sort_keys(c);
    sort_pins(r, c);
    return c->n_keys > 0 ? classes_of_domains(r) : ST_OK;
}

enum status rules_see(struct rules *r, const struct items *items, const struct content *content,
                      int64_t now_ms) {
    struct rules_compiled *c = &r->compiled;
    enum status st = ST_OK;
    r->now_ms = now_ms;
    if (r->n == 0 && !r->stale) {
        return ST_OK;
    }
    if (r->stale || now_ms < c->from_ms || now_ms >= c->until_ms) {
        st = compile(r, now_ms);
        r->stale = st != ST_OK;
    }
    if (!st && c->n_keys > 0) {
        st = classes_of_categories(r, content);
        st = st ? st : classes_of_items(r, items, content);
        r->stale = st != ST_OK;
    }
    return st;
}

int64_t rules_now(const struct rules *r) {
    return r->now_ms;
}

void rules_item_changed(struct rules *r, const struct items *items, const struct content *content,
                        uint32_t item) {
    if (!r->stale && item < r->compiled.n_items &&
        (classes_of_categories(r, content) || classify(r, items, content, item))) {
        r->stale = true;
    }
}

bool rules_lens(const struct rules *r, uint8_t target, int segment, struct rules_lens *out) {
    const struct rules_compiled *c = &r->compiled;
    const int s = segment >= 0 && segment < SEGMENTS_MAX ? segment + 1 : 0;
    if (r->n == 0 || target >= r->n_domains || !c->acts[target][s]) {
        return false;
    }
    *out = (struct rules_lens){
        .class_of = c->class_of, .effect = c->effect + s, .boosts = c->boosts[target][s]};
    return true;
}

const struct rule *rules_pin(const struct rules *r, uint8_t target, uint32_t k) {
    const struct rules_compiled *c = &r->compiled;
    if (r->n == 0 || target >= r->n_domains ||
        k >= c->first_pin[target + 1] - c->first_pin[target]) {
        return NULL;
    }
    return &r->rows[c->pins[c->first_pin[target] + k].rule].rule;
}

size_t rules_bytes(const struct rules *r) {
    const struct rules_compiled *c = &r->compiled;
    size_t n = sizeof *r + r->cap * sizeof *r->rows + c->cap_keys * sizeof *c->keys +
               c->cap_pins * sizeof *c->pins +
               (size_t)c->cap_classes * RULES_SEGMENTS * sizeof *c->effect +
               ((size_t)c->cap_owners + c->cap_categories + c->cap_items) * sizeof *c->owner;
    for (uint32_t k = 0; k < r->n; k++) {
        n += r->rows[k].rule.id_len;
    }
    return n;
}
