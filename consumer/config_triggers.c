/* SPDX-License-Identifier: Apache-2.0
 *
 * config_triggers.c -- see draft.h: what the triggers say by name becomes what it means.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "draft.h"
#include "segments.h"
#include "user_features.h"

static const char ANY[] = "any";

/* TRIGGER_ANY, the index of a domain, or n_domains: there is none. */
static int domain_of(const struct config *c, const char *name) {
    if (strcmp(name, ANY) == 0) {
        return TRIGGER_ANY;
    }
    uint32_t d = 0;
    while (d < c->n_domains && strcmp(c->domains[d].name, name) != 0) {
        d++;
    }
    return (int)d;
}

static bool lifecycle_of(const char *text, int *out) {
    for (int l = LIFECYCLE_NEW; l <= LIFECYCLE_DORMANT; l++) {
        if (strcmp(text, lifecycle_str((enum lifecycle)l)) == 0) {
            *out = l;
            return true;
        }
    }
    return false;
}

static bool segment_of(const char *text, int *out) {
    const bool good = option_is_made_of(text, "0123456789") && strlen(text) <= 2;
    const long n = good ? strtol(text, NULL, 10) : SEGMENTS_MAX;
    if (n < SEGMENTS_MAX) {
        *out = (int)n;
    }
    return n < SEGMENTS_MAX;
}

/* p->name is that of `from` or `to`. */
static enum status resolve_state(const struct draft *d, const struct place *p, int kind,
                                 const char *text, int *out) {
    *out = TRIGGER_ANY;
    if (strcmp(text, ANY) == 0) {
        return ST_OK;
    }
    switch (kind) {
    case TRIGGER_LIFECYCLE:
        return lifecycle_of(text, out)
                   ? ST_OK
                   : draft_complain(d, p,
                                    "is \"%.60s\", must be new, returning, resurrected, dormant or "
                                    "any",
                                    text);
    case TRIGGER_SEGMENT:
        return segment_of(text, out)
                   ? ST_OK
                   : draft_complain(d, p, "is \"%.60s\", must be a segment's number, 0..%d, or any",
                                    text, SEGMENTS_MAX - 1);
    default: return draft_complain(d, p, "is for kind = lifecycle and kind = segment");
    }
}

static enum status check_kind(const struct draft *d, const struct place *p,
                              const struct config_trigger *t) {
    if (t->kind == TRIGGER_KIND_OPEN) {
        return draft_complain(d, p, "needs kind = first_purchase, lifecycle, segment or top_score");
    }
    if (!t->target_of[0]) {
        return draft_complain(d, p, "needs target = the domain whose partner is told");
    }
    if (t->kind != TRIGGER_FIRST_PURCHASE && strcmp(t->domain_of, ANY) != 0) {
        return draft_complain(d, p, "domain is for kind = first_purchase");
    }
    return ST_OK;
}

static enum status resolve_domains(const struct draft *d, const struct place *p,
                                   struct config_trigger *t) {
    const struct config *c = &d->config;
    const int target = domain_of(c, t->target_of);
    t->domain = domain_of(c, t->domain_of);
    if (target < 0 || target == (int)c->n_domains || t->domain == (int)c->n_domains) {
        const bool bad_target = target < 0 || target == (int)c->n_domains;
        return draft_complain(
            d, p, "%s is \"%.60s\": there is no [domain.%.60s]", bad_target ? "target" : "domain",
            bad_target ? t->target_of : t->domain_of, bad_target ? t->target_of : t->domain_of);
    }
    if (t->kind == TRIGGER_TOP_SCORE && !c->domains[target].target) {
        return draft_complain(d, p, "nobody gets lists of target = %s; see domain.%s.target",
                              t->target_of, t->target_of);
    }
    t->target = (uint8_t)target;
    return ST_OK;
}

static enum status check_trigger(const struct draft *d, const struct place *p,
                                 struct config_trigger *t) {
    char name[DRAFT_NAME_MAX + 16];
    struct place of_trigger = *p;
    of_trigger.name = name;
    snprintf(name, sizeof name, "trigger.%s", t->name);
    enum status st = check_kind(d, &of_trigger, t);
    st = st ? st : resolve_domains(d, &of_trigger, t);
    snprintf(name, sizeof name, "trigger.%s.from", t->name);
    st = st ? st : resolve_state(d, &of_trigger, t->kind, t->from_of, &t->from);
    snprintf(name, sizeof name, "trigger.%s.to", t->name);
    st = st ? st : resolve_state(d, &of_trigger, t->kind, t->to_of, &t->to);
    return st;
}

enum status draft_check_triggers(struct draft *d, const struct place *p) {
    enum status st = ST_OK;
    for (uint32_t k = 0; k < d->config.n_triggers && !st; k++) {
        st = check_trigger(d, p, &d->config.triggers[k]);
    }
    return st;
}
