/* SPDX-License-Identifier: Apache-2.0
 * person_text.c -- see person_text.h. */
#include "person_text.h"

#include <stdio.h>

#include "item_text.h"

static const float MOST = .25F; /* standard deviations that nobody notices */
static const float FAR_MORE = 1.5F;

enum { WORDS_MAX = CONFIG_NAME_MAX + 96 };

static const struct user *user_of(const struct person_known *k) {
    return users_get(learner_users(k->learner, k->task), k->user);
}

/* ---- words ------------------------------------------------------------------------------- */

const char *person_consent_str(uint8_t consent) {
    switch ((enum consent)consent) {
    case CONSENT_UNKNOWN: return "unknown";
    case CONSENT_GIVEN: return "given";
    case CONSENT_WITHDRAWN: return "withdrawn";
    }
    return "unknown";
}

/* How far from the mean, in words. */
static const char *how_far(float z) {
    return z >= FAR_MORE || z <= -FAR_MORE ? "far " : "";
}

static const char *one_of(float z, const char *high, const char *low, const char *neither) {
    return z >= MOST ? high : z <= -MOST ? low : neither;
}

void person_words(const char *domain, uint32_t feature, float z, char *out, size_t len) {
    const char *far = how_far(z);
    const char *than = one_of(z, " than most", " than most", " as others");
    switch (feature) {
    case 0: /* recency: less is later */
        snprintf(out, len, "was in %s %s%s", domain, far,
                 one_of(z, "longer ago than most", "more recently than most",
                        "about as recently as others"));
        return;
    case 1:
    case 2:
        snprintf(out, len, "%s %s%s in %s%s", feature == 1 ? "does" : "spends", far,
                 one_of(z, "more", "less", "about as much"), domain, than);
        return;
    default:
        snprintf(out, len, "is in %s on %s%s days of the %s%s", domain, far,
                 one_of(z, "more", "fewer", "about as many"), feature == 3 ? "week" : "month",
                 than);
        return;
    }
}

/* ---- who he is ----------------------------------------------------------------------------- */

static void tell_ids(struct page *p, const struct person_known *k) {
    page_open(p, "ids", '{');
    for (uint32_t d = 0; d < k->cfg->n_domains; d++) {
        page_string(p, k->cfg->domains[d].name, k->has_id[d] ? k->id[d] : NULL, k->id_len[d]);
    }
    page_close(p, '}');
}

static void tell_said(struct page *p, const struct person_known *k) {
    page_text(p, "consent", person_consent_str(k->said.consent));
    page_flag(p, "stopped", k->said.stopped);
    if (k->said.erased_ms > 0) {
        page_i64(p, "erased_ms", k->said.erased_ms);
    } else {
        page_null(p, "erased_ms");
    }
}

/* ---- what he does -------------------------------------------------------------------------- */

static void tell_overlaps(struct page *p, const struct person_known *k, const uint32_t *days) {
    page_open(p, "overlaps", '[');
    for (uint32_t a = 0; a < k->cfg->n_domains; a++) {
        for (uint32_t b = a + 1; b < k->cfg->n_domains; b++) {
            page_open(p, NULL, '{');
            page_open(p, "domains", '[');
            page_text(p, NULL, k->cfg->domains[a].name);
            page_text(p, NULL, k->cfg->domains[b].name);
            page_close(p, ']');
            page_u64(p, "days", engagement_overlap(days[a], days[b]));
            page_close(p, '}');
        }
    }
    page_close(p, ']');
}

static uint32_t days_in(uint32_t days, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t d = 0; d < n; d++) {
        count += days >> d & 1;
    }
    return count;
}

static void tell_engagement(struct page *p, const struct person_known *k, const struct user *u) {
    const uint32_t any = engagement_days_any(u, k->cfg->n_domains, k->now_ms);
    uint32_t days[DOMAINS_MAX];
    for (uint32_t d = 0; d < k->cfg->n_domains; d++) {
        days[d] = engagement_days(u, (uint8_t)d, k->now_ms);
    }
    page_open(p, "engagement", '{');
    page_u64(p, "days_7", days_in(any, 7));
    page_u64(p, "days_28", days_in(any, ENGAGEMENT_DAYS));
    page_number(p, "stickiness", (double)engagement_stickiness(any));
    tell_overlaps(p, k, days);
    page_close(p, '}');
}

static void tell_categories(struct page *p, const struct person_known *k, const struct user *u,
                            uint32_t domain) {
    const struct content *content = learner_content(k->learner);
    struct user_interest all[USER_INTERESTS];
    const uint32_t n = user_interests(u, k->now_ms, all, USER_INTERESTS);
    double sum = 0.0;
    uint32_t told = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += content_category_domain(content, all[i].category) == domain ? (double)all[i].v : 0.0;
    }
    page_open(p, "categories", '[');
    for (uint32_t i = 0; i < n && told < PERSON_CATEGORIES; i++) {
        uint16_t len = 0;
        const char *name = content_category_name(content, all[i].category, &len);
        if (name && content_category_domain(content, all[i].category) == domain) {
            page_open(p, NULL, '{');
            page_string(p, "category", name, len < ID_LEN_MAX ? len : ID_LEN_MAX);
            page_number(p, "share", sum > 0.0 ? (double)all[i].v / sum : 0.0);
            page_close(p, '}');
            told++;
        }
    }
    page_close(p, ']');
}

static void tell_domain(struct page *p, const struct person_known *k, const struct user *u,
                        uint32_t d) {
    const uint8_t domain = (uint8_t)d;
    const uint32_t n = user_n_of(u, domain);
    page_open(p, k->cfg->domains[d].name, '{');
    page_u64(p, "events", n);
    if (n > 0) {
        page_i64(p, "last_ms", user_last_ms_of(u, domain));
    } else {
        page_null(p, "last_ms");
    }
    page_u64(p, "days_7", user_active_days(u, domain, k->now_ms, 7));
    page_u64(p, "days_28", user_active_days(u, domain, k->now_ms, ENGAGEMENT_DAYS));
    page_number(p, "rate", user_rate(u, domain, k->now_ms));
    page_number(p, "money", user_money(u, domain, k->now_ms));
    tell_categories(p, k, u, d);
    page_close(p, '}');
}

static void tell_domains(struct page *p, const struct person_known *k, const struct user *u) {
    page_open(p, "events", '{');
    for (uint32_t d = 0; d < k->cfg->n_domains; d++) {
        page_u64(p, k->cfg->domains[d].name, user_n_of(u, (uint8_t)d));
    }
    page_close(p, '}');
    page_open(p, "domains", '{');
    for (uint32_t d = 0; d < k->cfg->n_domains; d++) {
        tell_domain(p, k, u, d);
    }
    page_close(p, '}');
}

static void tell_history(struct page *p, const struct person_known *k, const struct user *u) {
    struct user_entry entries[PERSON_HISTORY];
    const uint32_t n = user_history(u, INT64_MAX, entries, PERSON_HISTORY);
    page_open(p, "history", '[');
    for (uint32_t i = 0; i < n; i++) {
        page_open(p, NULL, '{');
        page_i64(p, "ts", entries[i].ts_ms);
        page_text(p, "action", action_str(entries[i].action));
        item_text_of(p, "item", k->cfg, k->learner, entries[i].item);
        page_close(p, '}');
    }
    page_close(p, ']');
}

/* ---- his segment ----------------------------------------------------------------------------- */

static void tell_title(struct page *p, const struct person_known *k, int segment, const char *title,
                       const char *share) {
    if (k->cards && segment >= 0 && (uint32_t)segment < k->cards->n) {
        const struct persona *persona = &k->cards->cards[segment].persona;
        page_text(p, title, persona->title);
        if (share) {
            page_number(p, share, (double)persona->share);
        }
    }
}

static void tell_feature(struct page *p, const struct person_known *k,
                         const struct segment_place *at, uint32_t f) {
    const char *domain = k->cfg->domains[f / FEATURES_PER_DOMAIN].name;
    char words[WORDS_MAX];
    person_words(domain, f % FEATURES_PER_DOMAIN, at->z[f], words, sizeof words);
    page_open(p, NULL, '{');
    page_text(p, "domain", domain);
    page_text(p, "feature", feature_str(f % FEATURES_PER_DOMAIN));
    page_number(p, "z", (double)at->z[f]);
    page_number(p, "segment_z", (double)at->own[f]);
    page_number(p, "pull", (double)at->pull[f]);
    page_text(p, "words", words);
    page_close(p, '}');
}

/* Features, the one that pulls most first; of equal ones the first. */
static void sort_features(const struct segment_place *at, uint32_t n, uint32_t *order) {
    for (uint32_t f = 0; f < n; f++) {
        uint32_t to = f;
        for (; to > 0 && at->pull[order[to - 1]] < at->pull[f]; to--) {
            order[to] = order[to - 1];
        }
        order[to] = f;
    }
}

static void tell_place(struct page *p, const struct person_known *k) {
    struct segment_place at;
    uint32_t order[FEATURES_MAX];
    const uint32_t n = FEATURES_PER_DOMAIN * k->cfg->n_domains;
    if (learner_segment_place(k->learner, k->task, k->user, &at) || at.segment < 0) {
        page_null(p, "segment");
        return;
    }
    page_i64(p, "segment", at.segment);
    page_open(p, "place", '{');
    page_i64(p, "nearest", at.nearest);
    tell_title(p, k, at.segment, "title", "share");
    if (at.other >= 0) {
        page_i64(p, "other", at.other);
        tell_title(p, k, at.other, "other_title", NULL);
    }
    sort_features(&at, n, order);
    page_open(p, "features", '[');
    for (uint32_t f = 0; f < n; f++) {
        tell_feature(p, k, &at, order[f]);
    }
    page_close(p, ']');
    page_close(p, '}');
}

/* ---- the whole ------------------------------------------------------------------------------- */

void person_text(struct page *p, const struct person_known *k) {
    const struct user *u = user_of(k);
    page_open(p, NULL, '{');
    item_text_user(p, "user", k->learner, k->task, k->user);
    page_u64(p, "task", k->task);
    page_u64(p, "partitions", k->partitions);
    page_i64(p, "ts", k->now_ms);
    tell_ids(p, k);
    tell_said(p, k);
    page_text(p, "lifecycle", lifecycle_str(features_lifecycle(u, k->cfg->n_domains, k->now_ms)));
    page_number(p, "social", (double)user_social(u, k->now_ms));
    tell_engagement(p, k, u);
    tell_domains(p, k, u);
    tell_place(p, k);
    tell_history(p, k, u);
}
