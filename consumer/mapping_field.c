/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_field.c -- see mapping_field.h.
 */
#include "mapping_field.h"

#include <stdio.h>
#include <string.h>

#include "decoded.h"
#include "rules.h"

/* ---- fields ---------------------------------------------------------------------------- */

#define OF(kind)  (1U << (kind))
#define LEARNED   (OF(KIND_EVENT) | OF(KIND_FEEDBACK))
#define TOLD      (LEARNED | OF(KIND_PRIVACY))
#define OF_PERSON (TOLD | OF(KIND_PROFILE) | OF(KIND_IDENTITY))
#define OF_RULE   OF(KIND_RULE)

static const struct {
    const char *name;
    unsigned of, needed; /* bits of kinds */
    bool constant;
} FIELDS[MAP_FIELDS] = {
    [FIELD_USER] = {"user", OF_PERSON, OF_PERSON, false},
    [FIELD_EVENT_ID] = {"event.id", TOLD, 0, false},
    [FIELD_TS] = {"ts", TOLD | OF(KIND_ITEM) | OF(KIND_PROFILE), TOLD, false},
    [FIELD_ITEM] = {"item", LEARNED | OF(KIND_ITEM) | OF_RULE, LEARNED | OF(KIND_ITEM), false},
    [FIELD_ACTION] = {"action", TOLD | OF_RULE, TOLD | OF_RULE, true},
    [FIELD_QUANTITY] = {"quantity", OF(KIND_EVENT), 0, true},
    [FIELD_AMOUNT] = {"amount", OF(KIND_EVENT), 0, true},
    [FIELD_DISCOUNT] = {"discount", OF(KIND_EVENT), 0, true},
    [FIELD_REC] = {"rec", LEARNED, 0, false},
    [FIELD_COUNTERPART] = {"counterpart", OF(KIND_EVENT), 0, false},
    [FIELD_AVAILABLE] = {"available", OF(KIND_ITEM), 0, false},
    [FIELD_CATEGORY] = {"category", OF(KIND_ITEM) | OF_RULE, 0, true},
    [FIELD_PRICE] = {"price", OF(KIND_ITEM), 0, false},
    [FIELD_NAME] = {"name", OF(KIND_ITEM), 0, false},
    [FIELD_ATTRIBUTES] = {"attributes", OF(KIND_ITEM), 0, false},
    [FIELD_CONSENT] = {"consent", OF(KIND_PROFILE), 0, false},
    [FIELD_AGE] = {"age", OF(KIND_PROFILE), 0, false},
    [FIELD_COUNTRY] = {"country", OF(KIND_PROFILE), 0, true},
    [FIELD_PARTNER_DOMAIN] = {"partner.domain", OF(KIND_IDENTITY), 0, true},
    [FIELD_PARTNER_ID] = {"partner.id", OF(KIND_IDENTITY), OF(KIND_IDENTITY), false},
    [FIELD_RULE] = {"rule", OF_RULE, OF_RULE, false},
    [FIELD_TARGET] = {"target", OF_RULE, 0, true},
    [FIELD_SEGMENT] = {"segment", OF_RULE, 0, false},
    [FIELD_FROM] = {"from", OF_RULE, 0, false},
    [FIELD_UNTIL] = {"until", OF_RULE, 0, false},
    [FIELD_FACTOR] = {"factor", OF_RULE, 0, true},
    [FIELD_POSITION] = {"position", OF_RULE, 0, false},
    [FIELD_DOMAIN] = {"domain", 0, 0, false}, /* built in, of the shipped Event */
};

const char *map_field_name(enum map_field f) {
    return FIELDS[f].name;
}

bool map_field_is_of(enum map_field f, enum topic_kind k) {
    return (FIELDS[f].of & OF(k)) != 0;
}

bool map_field_is_needed(enum map_field f, enum topic_kind k) {
    return (FIELDS[f].needed & OF(k)) != 0;
}

bool map_field_may_be_constant(enum map_field f) {
    return FIELDS[f].constant;
}

/* Appends, as far as it fits. */
static size_t append(char *buf, size_t len, size_t n, const char *glue, const char *text) {
    if (n >= len) {
        return n;
    }
    const int wrote = snprintf(buf + n, len - n, "%s%s", n ? glue : "", text);
    return n + (wrote > 0 ? (size_t)wrote : 0);
}

void map_field_list(enum topic_kind k, char *buf, size_t len) {
    size_t n = 0;
    snprintf(buf, len, "%s", "");
    for (int f = 0; f < MAP_FIELDS; f++) {
        if (map_field_is_of((enum map_field)f, k)) {
            n = append(buf, len, n, ", ", FIELDS[f].name);
        }
    }
}

const char *topic_kind_name(enum topic_kind k) {
    static const char *const names[KINDS] = {"event",   "feedback", "item", "profile",
                                             "privacy", "identity", "rule"};
    return names[k];
}

/* ---- words ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t meaning;
} WORDS[] = {
    {"view", ACTION_VIEW},
    {"enroll", ACTION_ENROLL},
    {"purchase", ACTION_PURCHASE},
    {"order", ACTION_ORDER},
    {"complete", ACTION_COMPLETE},
    {"rate", ACTION_RATE},
    {"like", ACTION_LIKE},
    {"share", ACTION_SHARE},
    {"comment", ACTION_COMMENT},
    {"report", ACTION_REPORT},
    {"impression", ACTION_IMPRESSION},
    {"click", ACTION_CLICK},
    {"conversion", ACTION_CONVERSION},
    {"erase", MEANING_REQUEST | PRIVACY_ERASE},
    {"stop", MEANING_REQUEST | PRIVACY_STOP},
    {"resume", MEANING_REQUEST | PRIVACY_RESUME},
    {"block", MEANING_RULE | RULE_BLOCK},
    {"pin", MEANING_RULE | RULE_PIN},
    {"boost", MEANING_RULE | RULE_BOOST},
    {"ignore", MEANING_IGNORE},
};

enum { N_WORDS = sizeof WORDS / sizeof WORDS[0] };

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool map_same_word(const char *a, const char *b, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

enum status map_word(const char *text, size_t len, uint8_t *meaning) {
    for (size_t i = 0; i < N_WORDS; i++) {
        if (strlen(WORDS[i].name) == len && map_same_word(WORDS[i].name, text, len)) {
            *meaning = WORDS[i].meaning;
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

const char *map_word_name(uint8_t meaning) {
    size_t i = 0;
    while (i + 1 < N_WORDS && WORDS[i].meaning != meaning) {
        i++;
    }
    return WORDS[i].name;
}

bool map_word_is_of(uint8_t meaning, enum topic_kind k) {
    switch (k) {
    case KIND_EVENT: return meaning < ACTIONS;
    case KIND_FEEDBACK: return meaning >= ACTIONS_OF_EVENTS && meaning < ACTIONS;
    case KIND_PRIVACY: return (meaning & MEANING_REQUEST) != 0;
    case KIND_RULE: return (meaning & MEANING_BITS) == MEANING_RULE;
    default: return false;
    }
}

bool map_word_maps(uint8_t meaning, enum topic_kind k) {
    const bool acts = map_field_is_of(FIELD_ACTION, k);
    return map_word_is_of(meaning, k) || (meaning == MEANING_IGNORE && acts);
}

uint8_t map_word_bit(enum topic_kind k) {
    return k == KIND_PRIVACY ? MEANING_REQUEST : k == KIND_RULE ? MEANING_RULE : 0;
}

static void advise(const char *word, const char *const *names, size_t n_names, char *buf,
                   size_t len) {
    size_t n = append(buf, len, 0, "", "must be ");
    for (size_t i = 0; i < n_names; i++) {
        n = append(buf, len, n, i == 0 ? "" : i + 1 < n_names ? ", " : " or ", names[i]);
    }
    const char *near = config_nearest(word, names, n_names);
    if (near) {
        n = append(buf, len, n, "; did you mean ", near);
        append(buf, len, n, "", "?");
    }
}

void map_word_advice(const char *word, enum topic_kind k, char *buf, size_t len) {
    const char *names[N_WORDS];
    size_t n = 0;
    for (size_t i = 0; i < N_WORDS; i++) {
        if (map_word_is_of(WORDS[i].meaning, k)) {
            names[n++] = WORDS[i].name;
        }
    }
    advise(word, names, n, buf, len);
}

void map_word_map_advice(const char *word, enum topic_kind k, char *buf, size_t len) {
    const char *names[N_WORDS];
    size_t n = 0;
    for (size_t i = 0; i < N_WORDS; i++) {
        if (k == KINDS || map_word_maps(WORDS[i].meaning, k)) {
            names[n++] = WORDS[i].name;
        }
    }
    advise(word, names, n, buf, len);
}
