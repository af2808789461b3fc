/* SPDX-License-Identifier: Apache-2.0
 * learner_rules.c -- see learner.h: what people decide about lists, where it meets what was
 * learned. */
#include <math.h>
#include <string.h>

#include "learner_state.h"

enum { SCANNED = 20000 /* newest items looked at for a category that no candidate is of */ };

enum { THIRTY_DAYS = 2 };

/* ---- the table ------------------------------------------------------------------------------- */

enum status learner_rule(struct learner *l, const struct rule *rule) {
    return rules_set(l->rules, rule);
}

bool learner_rule_remove(struct learner *l, const char *id, size_t id_len, uint32_t source) {
    return rules_remove(l->rules, id, id_len, source);
}

const struct rules *learner_rules(const struct learner *l) {
    return l->rules;
}

static enum status see(const struct learner *l, int64_t now_ms) {
    return rules_see(l->rules, l->shared->items, l->shared->content, now_ms);
}

void learner_rules_at(struct learner *l, int64_t now_ms) {
    (void)see(l, now_ms); /* without memory: whoever needs it tries again */
}

enum status learner_rules_now(const struct learner *l) {
    return see(l, rules_now(l->rules));
}

static uint64_t category_of(const struct learner *l, uint32_t item) {
    const struct content *content = l->shared->content;
    return content_category_hash(content, content_category(content, item));
}

uint32_t learner_rules_of(const struct learner *l, uint32_t item, uint8_t target, int segment,
                          const struct rule **out, uint32_t max) {
    const struct rule *rule;
    uint32_t n = 0;
    if (target >= l->params.n_domains || (item != ITEM_NONE && item >= items_n(l->shared->items))) {
        return 0;
    }
    for (uint32_t k = 0; n < max && (rule = rules_at(l->rules, k)); k++) {
        if (rule_in_force(rule, target, segment, rules_now(l->rules)) &&
            (item == ITEM_NONE ||
             rule_holds(rule, target, items_hash(l->shared->items, item), category_of(l, item)))) {
            out[n++] = rule;
        }
    }
    return n;
}

/* ---- pins --------------------------------------------------------------------------------------
 */

/* A list whose pins are looked for: of a ranking, or of nobody in particular. */
struct pinning {
    const struct learner *l;
    const struct ranking *r;       /* NULL: of nobody */
    const struct rules_lens *lens; /* of nobody's; NULL: nothing is blocked */
    const struct list *list;       /* of nobody's: the others, best first */
    uint8_t target;
    int segment;
    uint32_t n_pins;
    struct rules_placed pins[LIST_MAX]; /* (n_pins,) in their order */
    uint64_t category[LIST_MAX];        /* of those whose item is not known yet; else 0 */
};

static bool may_show(const struct pinning *p, uint32_t i) {
    const struct shared *s = p->l->shared;
    if (i >= s->n_items || items_domain(s->items, i) != p->target || !items_named(s->items, i)) {
        return false;
    }
    if (p->r) {
        return candidates_allowed(p->l->candidates, &p->r->view, i);
    }
    return content_available(s->content, i) && !(p->lens && rules_blocks(p->lens, i));
}

static bool is_pinned(const struct pinning *p, uint32_t item) {
    for (uint32_t k = 0; k < p->n_pins; k++) {
        if (p->pins[k].item == item) {
            return true;
        }
    }
    return false;
}

/* Pins of items that may be shown, and of categories. */
static void collect(struct pinning *p) {
    const struct items *items = p->l->shared->items;
    const struct rule *rule;
    for (uint32_t k = 0; (rule = rules_pin(p->l->rules, p->target, k)); k++) {
        const uint64_t hash = rule->item[p->target];
        const uint64_t category = rule->category[p->target];
        if (!rule_is_for(rule, p->segment) || p->n_pins == LIST_MAX) {
            continue;
        }
        const uint32_t i = hash ? items_find(items, hash) : ITEM_NONE;
        const bool item_ok = i != ITEM_NONE && may_show(p, i) && !is_pinned(p, i) &&
                             (!category || category_of(p->l, i) == category);
        if (item_ok || (!hash && category)) {
            p->category[p->n_pins] = hash ? 0 : category;
            p->pins[p->n_pins++] = (struct rules_placed){.item = i, .place = rule->place};
        }
    }
}

static bool is_choice(const struct pinning *p, uint32_t item, uint64_t category) {
    return category_of(p->l, item) == category && !is_pinned(p, item) && may_show(p, item);
}

static uint32_t best_candidate(const struct pinning *p, uint64_t category) {
    const struct features_block *b = p->r->block;
    struct ranked best = {.at = ITEM_NONE};
    for (uint32_t c = 0; c < b->n; c++) {
        const struct ranked one = {p->r->scores[c], b->item[c], p->r->view.hashes[b->item[c]]};
        if ((best.at == ITEM_NONE || ranked_before(&one, &best)) &&
            is_choice(p, b->item[c], category)) {
            best = one;
        }
    }
    return best.at;
}

static uint32_t best_listed(const struct pinning *p, uint64_t category) {
    for (uint32_t k = 0; k < p->list->n; k++) {
        if (is_choice(p, p->list->items[k].item, category)) {
            return p->list->items[k].item;
        }
    }
    return ITEM_NONE;
}

/* No candidate is of the category: what was taken most of it, of the newest items. */
static uint32_t best_of_domain(const struct pinning *p, uint64_t category) {
    const struct shared *s = p->l->shared;
    const uint32_t n = items_n_of(s->items, p->target);
    uint32_t best = ITEM_NONE;
    int64_t most = -1;
    for (uint32_t k = 0; k < n && k < SCANNED; k++) {
        const uint32_t i = items_of(s->items, p->target, n - 1 - k);
        if (i < s->n_items && is_choice(p, i, category)) {
            const int64_t count = popularity_count(s->popularity, i, THIRTY_DAYS);
            best = count > most ? i : best;
            most = count > most ? count : most;
        }
    }
    return best;
}

/* Finds the items of categories; those that nothing can be shown of go. */
static void choose(struct pinning *p) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < p->n_pins; k++) {
        const uint64_t category = p->category[k];
        if (category) {
            uint32_t i = p->r ? best_candidate(p, category) : best_listed(p, category);
            i = i == ITEM_NONE ? best_of_domain(p, category) : i;
            p->pins[k].item = i;
        }
    }
    for (uint32_t k = 0; k < p->n_pins; k++) {
        if (p->pins[k].item != ITEM_NONE) {
            p->pins[n++] = p->pins[k];
        }
    }
    p->n_pins = n;
}

static void find_pins(struct pinning *p, uint32_t n) {
    collect(p);
    choose(p);
    p->n_pins = rules_place(p->pins, p->n_pins, n);
}

/* ---- lists of users
 * ------------------------------------------------------------------------------ */

enum status learner_rules_look(struct learner *l, struct ranking *r) {
    r->n_pins = 0;
    r->scale = 0.0F;
    enum status st = see(l, r->view.now_ms);
    if (!st && rules_lens(l->rules, r->view.domain, user_segment(r->view.user), &r->lens)) {
        r->view.rules = &r->lens;
    }
    return st;
}

static void shift(struct ranking *r) {
    const struct features_block *b = r->block;
    r->scale = rules_scale(r->scores, b->n);
    for (uint32_t c = 0; c < b->n; c++) {
        r->scores[c] += r->scale * rules_effect(&r->lens, b->item[c]);
    }
}

void learner_rules_score(struct learner *l, uint32_t n, struct ranking *r) {
    if (r->view.rules && r->lens.boosts) {
        shift(r);
    }
    if (!rules_pin(l->rules, r->view.domain, 0)) {
        return;
    }
    struct pinning p = {
        .l = l, .r = r, .target = r->view.domain, .segment = user_segment(r->view.user)};
    find_pins(&p, n);
    r->n_pins = p.n_pins;
    memcpy(r->pins, p.pins, p.n_pins * sizeof *p.pins);
    for (uint32_t k = 0; k < p.n_pins; k++) {
        const uint32_t at = candidates_position(l->candidates, p.pins[k].item);
        if (at != UINT32_MAX) {
            r->scores[at] = -INFINITY;
        }
    }
}

/* ---- lists of nobody in particular
 * --------------------------------------------------------------- */

static void remove_item(struct list *list, uint32_t item) {
    for (uint32_t k = 0; k < list->n; k++) {
        if (list->items[k].item == item) {
            memmove(&list->items[k], &list->items[k + 1],
                    (list->n - k - 1) * sizeof list->items[0]);
            list->n--;
            return;
        }
    }
}

void learner_rules_pin(const struct learner *l, uint8_t target, int segment, uint32_t n,
                       struct list *list) {
    struct rules_lens lens;
    const bool ruled = rules_lens(l->rules, target, segment, &lens);
    struct pinning p = {
        .l = l, .lens = ruled ? &lens : NULL, .list = list, .target = target, .segment = segment};
    find_pins(&p, n);
    for (uint32_t k = 0; k < p.n_pins; k++) {
        remove_item(list, p.pins[k].item);
    }
    if (p.n_pins > 0 || list->n > n) {
        rules_insert(p.pins, p.n_pins, n, list);
    }
}

bool learner_rules_allow(const struct learner *l, uint8_t target, int segment, uint32_t item) {
    struct rules_lens lens;
    return !learner_rules_now(l) &&
           !(rules_lens(l->rules, target, segment, &lens) && rules_blocks(&lens, item));
}

/* Removes what is blocked, and shifts what is boosted. */
static void filter(const struct learner *l, const struct rules_lens *lens, struct list *list) {
    struct rules_spread spread = {0};
    struct ranked order[LIST_MAX];
    const struct list all = *list;
    uint32_t n = 0;
    for (uint32_t k = 0; lens->boosts && k < all.n; k++) {
        rules_spread_add(&spread, all.items[k].score);
    }
    const float scale = lens->boosts ? rules_spread_scale(&spread) : 0.0F;
    for (uint32_t k = 0; k < all.n; k++) {
        const uint32_t i = all.items[k].item;
        if (!rules_blocks(lens, i)) {
            const float by = scale > 0.0F ? scale * rules_effect(lens, i) : 0.0F;
            n = ranked_insert(
                order, n, LIST_MAX,
                (struct ranked){all.items[k].score + by, k, items_hash(l->shared->items, i)});
        }
    }
    list->n = n;
    for (uint32_t k = 0; k < n; k++) {
        list->items[k] = all.items[order[k].at];
        list->items[k].score = order[k].score;
    }
}

/* False without memory: rather nothing than what is blocked. */
static bool filter_all(const struct learner *l, uint8_t target, int segment, struct list *list) {
    struct rules_lens lens;
    if (learner_rules_now(l)) {
        list->n = 0;
        return false;
    }
    if (rules_lens(l->rules, target, segment, &lens)) {
        filter(l, &lens, list);
    }
    return true;
}

void learner_rules_filter(const struct learner *l, uint8_t target, int segment, uint32_t n,
                          struct list *list) {
    if (filter_all(l, target, segment, list)) {
        list->n = list->n < n ? list->n : n;
    }
}

void learner_rules_apply(const struct learner *l, uint8_t target, int segment, uint32_t n,
                         struct list *list) {
    if (filter_all(l, target, segment, list)) {
        learner_rules_pin(l, target, segment, n, list);
    }
}
