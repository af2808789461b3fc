/* SPDX-License-Identifier: Apache-2.0
 * explain_text.c -- see explain_text.h. */
#include "explain_text.h"

#include <stdio.h>

#include "item_text.h"

enum { KEY_MAX = 2 * CONFIG_NAME_MAX + ID_LEN_MAX + 16, RULES_TOLD = 32 };

static void tell_because(struct page *p, const struct explained *e, uint32_t item) {
    if (item < items_n(learner_shared(e->learner)->items)) {
        page_open(p, "because", '{');
        item_text_of(p, "item", e->cfg, e->learner, item);
        page_close(p, '}');
    }
}

static void tell_ranks(struct page *p, const struct explained_item *x) {
    page_open(p, "ranks", '{');
    for (int by = 0; by < EXPLAIN_RANKS; by++) {
        page_u64(p, explain_rank_str((enum explain_rank)by), (uint64_t)x->rank[by] + 1);
    }
    page_close(p, '}');
}

static void tell_inputs(struct page *p, const struct explained *e, const struct explained_item *x) {
    page_open(p, "inputs", '{');
    for (int k = 0; k < RANKER_X; k++) {
        if (x->adds[k] > 0.0F || x->adds[k] < 0.0F) {
            page_open(p, explain_input_str(k), '{');
            page_number(p, "value", (double)x->value[k]);
            page_number(p, "mean", (double)e->why->mean[k]);
            page_number(p, "adds", (double)x->adds[k]);
            page_close(p, '}');
        }
    }
    page_close(p, '}');
}

static void tell_parts(struct page *p, const struct explained *e, const struct explained_item *x) {
    page_open(p, "parts", '{');
    for (int k = 0; k < REASONS; k++) {
        page_number(p, reason_str((enum reason)k), (double)x->parts[k]);
    }
    page_close(p, '}');
    if (x->shift > 0.0F || x->shift < 0.0F) {
        page_number(p, "shift", (double)x->shift);
    }
    if (x->rank[EXPLAIN_FULL] != UINT32_MAX) {
        tell_ranks(p, x);
        tell_inputs(p, e, x);
    }
}

static void tell_rule(struct page *p, const struct rule *r) {
    page_open(p, NULL, '{');
    page_string(p, "id", r->id, r->id_len);
    page_text(p, "kind", rule_kind_str(r->kind));
    if (r->kind == RULE_PIN) {
        page_u64(p, "place", r->place);
    } else if (r->kind == RULE_BOOST) {
        page_number(p, "factor", (double)r->factor);
    }
    page_close(p, '}');
}

/* Those that hold for an item, ITEM_NONE: for such lists; nothing where there are none. */
static void tell_rules(struct page *p, const struct explained *e, uint32_t item) {
    const struct rule *rules[RULES_TOLD];
    const uint32_t n =
        learner_rules_of(e->learner, item, e->target, e->list->segment, rules, RULES_TOLD);
    if (n == 0) {
        return;
    }
    page_open(p, "rules", '[');
    for (uint32_t k = 0; k < n; k++) {
        tell_rule(p, rules[k]);
    }
    page_close(p, ']');
}

static void tell_item(struct page *p, const struct explained *e, uint32_t at) {
    const struct list_item *i = &e->list->items[at];
    page_open(p, NULL, '{');
    item_text(p, "id", e->learner, i->item);
    page_number(p, "score", (double)i->score);
    page_text(p, "reason", reason_str(i->reason));
    tell_because(p, e, i->because);
    if (i->propensity > 0) {
        page_number(p, "propensity", (double)i->propensity);
    }
    tell_rules(p, e, i->item);
    if (e->why) {
        tell_parts(p, e, &e->why->items[at]);
    }
    page_close(p, '}');
}

static void tell_key(struct page *p, const struct explained *e) {
    char key[KEY_MAX];
    const char *target = e->cfg->domains[e->target].name;
    if (!e->id) {
        page_null(p, "key");
        return;
    }
    snprintf(key, sizeof key, "%s:%s:rec:%.*s", e->cfg->redis_prefix, target, (int)e->id_len,
             e->id);
    page_text(p, "key", key);
}

void explain_text(struct page *p, const struct explained *e) {
    page_open(p, NULL, '{');
    page_text(p, "target", e->cfg->domains[e->target].name);
    tell_key(p, e);
    page_flag(p, "personalised", e->list->personalised);
    page_text(p, "of", e->of_segment ? "segment" : "user");
    if (e->why) {
        page_text(p, "served", e->why->served == RANKER_TWIN ? "twin" : "full");
        page_number(p, "lead", (double)e->why->lead);
        page_u64(p, "candidates", e->why->n_candidates);
        tell_rules(p, e, ITEM_NONE);
    }
    page_open(p, "items", '[');
    for (uint32_t k = 0; k < e->list->n; k++) {
        tell_item(p, e, k);
    }
    page_close(p, ']');
    page_close(p, '}');
}

void explain_text_similar(struct page *p, const struct learner *l, const struct explanation *why) {
    page_open(p, "similar", '[');
    for (uint32_t k = 0; k < why->n_similar; k++) {
        page_open(p, NULL, '{');
        item_text_user(p, "user", l, why->similar[k].task, why->similar[k].user);
        page_number(p, "cosine", (double)why->similar[k].cosine);
        page_close(p, '}');
    }
    page_close(p, ']');
}
