/* SPDX-License-Identifier: Apache-2.0
 * firing.c -- see firing.h. */
#include "firing.h"

#include "user_features.h"

#define DAY_MS INT64_C(86400000)

enum { DORMANT_DAYS = 28 }; /* of user_features.h */

struct firing_look firing_look(const struct user *u, uint32_t n_domains, uint8_t domain,
                               int64_t t_ms) {
    if (!u || user_n(u) == 0) {
        return (struct firing_look){.was = FIRING_NOTHING,
                                    .is = FIRING_NOTHING,
                                    .segment = FIRING_NOTHING,
                                    .last_ms = INT64_MIN};
    }
    const int64_t last_ms = user_last_ms(u);
    return (struct firing_look){.exists = true,
                                .others = user_n(u) - user_n_of(u, domain),
                                .bought = user_bought(u, domain),
                                .last_ms = last_ms,
                                .was = (int)features_lifecycle(u, n_domains, last_ms),
                                .is = (int)features_lifecycle(u, n_domains, t_ms),
                                .segment = user_segment(u)};
}

static bool wants(int condition, int value) {
    return condition == TRIGGER_ANY || condition == value;
}

static bool first_purchase(const struct config_trigger *trigger, const struct event *e,
                           const struct firing_look *before, const struct firing_look *after) {
    return wants(trigger->domain, e->domain) && !before->bought && after->bought &&
           before->others >= trigger->events_min;
}

/* Becoming dormant is told when it happens, not when it ends. */
static bool step(const struct config_trigger *trigger, int from, int to, struct firing *out) {
    if (from == to || to == LIFECYCLE_DORMANT || !wants(trigger->from, from) ||
        !wants(trigger->to, to)) {
        return false;
    }
    out->from = from;
    out->to = to;
    return true;
}

static bool lifecycle(const struct config_trigger *trigger, const struct event *e,
                      const struct firing_look *before, const struct firing_look *after,
                      struct firing *out) {
    return e->ts_ms >= before->last_ms && (step(trigger, before->was, before->is, out) ||
                                           step(trigger, before->is, after->is, out));
}

static bool segment(const struct config_trigger *trigger, const struct firing_look *before,
                    const struct firing_look *after, struct firing *out) {
    if (before->segment < 0 || after->segment == before->segment ||
        !wants(trigger->from, before->segment) || !wants(trigger->to, after->segment)) {
        return false;
    }
    out->from = before->segment;
    out->to = after->segment;
    return true;
}

bool firing_of_event(const struct config_trigger *trigger, const struct event *e,
                     const struct firing_look *before, const struct firing_look *after,
                     struct firing *out) {
    *out = (struct firing){.ts_ms = e->ts_ms, .from = FIRING_NOTHING, .to = FIRING_NOTHING};
    switch ((enum trigger_kind)trigger->kind) {
    case TRIGGER_FIRST_PURCHASE: return first_purchase(trigger, e, before, after);
    case TRIGGER_LIFECYCLE: return lifecycle(trigger, e, before, after, out);
    case TRIGGER_SEGMENT: return segment(trigger, before, after, out);
    case TRIGGER_TOP_SCORE:
    case TRIGGER_KINDS: break;
    }
    return false;
}

int64_t firing_dormant_ms(const struct user *u) {
    const int64_t last_ms = user_last_ms(u);
    const int64_t day = last_ms / DAY_MS - (last_ms % DAY_MS < 0);
    return (day + DORMANT_DAYS) * DAY_MS;
}

bool firing_of_dormant(const struct config_trigger *trigger, const struct user *u,
                       uint32_t n_domains, int64_t now_ms, struct firing *out) {
    if (trigger->kind != TRIGGER_LIFECYCLE || !wants(trigger->to, LIFECYCLE_DORMANT) ||
        user_n(u) == 0 || features_lifecycle(u, n_domains, now_ms) != LIFECYCLE_DORMANT) {
        return false;
    }
    const int from = (int)features_lifecycle(u, n_domains, user_last_ms(u));
    *out = (struct firing){.ts_ms = firing_dormant_ms(u), .from = from, .to = LIFECYCLE_DORMANT};
    return wants(trigger->from, from);
}
