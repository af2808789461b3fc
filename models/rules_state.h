/* SPDX-License-Identifier: Apache-2.0
 *
 * rules_state.h -- the inside of a table of rules, for rules*.c only.
 */
#ifndef RULES_STATE_H
#define RULES_STATE_H

#include "rules.h"

#define RULES_SCALE_LEAST 1e-3

enum rules_on { ON_ITEM, ON_CATEGORY, ON_DOMAIN, RULES_ON };

/* A block or a boost that is in force, under what it is looked up by. */
struct rules_key {
    uint64_t hash; /* of the item or category; ON_DOMAIN: the domain */
    uint32_t rule;
    uint8_t on, domain;
};

struct rules_pin {
    uint32_t rule;
    uint8_t domain;
};

/* What holds from from_ms on, before until_ms. */
struct rules_compiled {
    int64_t from_ms, until_ms;
    struct rules_key *keys; /* (n_keys,) by on, hash, rule */
    struct rules_pin *pins; /* (n_pins,) by domain, place, rule */
    uint32_t n_keys, cap_keys, n_pins, cap_pins;
    uint32_t first[RULES_ON + 1];        /* of the keys of each sort */
    uint32_t first_pin[DOMAINS_MAX + 1]; /* of the pins of each domain */
    uint32_t domain_class[DOMAINS_MAX];  /* of items of which nothing finer is said */
    uint32_t *category_class;            /* (n_categories,); NO_CLASS: as the domain */
    uint32_t n_categories, cap_categories;
    uint32_t *class_of; /* (n_items,) */
    uint32_t n_items, cap_items;
    float *effect;   /* (n_classes, RULES_SEGMENTS) */
    uint32_t *owner; /* (n_classes,) the one item of a class; ITEM_NONE: it is of several */
    uint32_t n_classes, cap_classes, cap_owners;
    bool acts[DOMAINS_MAX][RULES_SEGMENTS]; /* something is blocked or boosted */
    bool boosts[DOMAINS_MAX][RULES_SEGMENTS];
};

struct rules_row {
    struct rule rule; /* its id is `id` */
    char *id;
};

struct rules {
    uint32_t n_domains;
    struct rules_row *rows; /* (n,) by id, then source */
    uint32_t n, cap;
    uint32_t n_of[RULE_KINDS];
    bool stale; /* the compiled form is of other rules */
    int64_t now_ms;
    struct rules_compiled compiled;
};

void rules_compiled_free(struct rules_compiled *c);

#endif
