/* SPDX-License-Identifier: Apache-2.0
 *
 * option_member.c -- see option.h: options that have a member in their name, map.action.SYMBOL and
 * weight.ACTION.
 */
#include <stdio.h>
#include <string.h>

#include "mapping_field.h"
#include "option.h"

bool option_has_members(const struct option *o) {
    return o->type == OPTION_SYMBOL || o->type == OPTION_WEIGHT;
}

const char *option_member(const struct option *o, const char *name) {
    const char *last = strrchr(o->key, '.');
    const size_t n = last ? (size_t)(last + 1 - o->key) : 0;
    return option_has_members(o) && strncmp(name, o->key, n) == 0 && name[n] ? name + n : NULL;
}

/* ---- weights --------------------------------------------------------------------------- */

static enum status weight_of(const char *action, uint8_t *which) {
    return !map_word(action, strlen(action), which) && *which < ACTIONS ? ST_OK : ST_NOT_FOUND;
}

static enum status set_weight(const struct option *o, const char *action, const char *text,
                              struct config_topic *t, char *why, size_t why_len) {
    uint8_t which;
    if (weight_of(action, &which)) {
        int n = snprintf(why, why_len, "weight.ACTION: the action ");
        map_word_advice(action, KIND_EVENT, why + n, why_len - (size_t)n);
        return ST_INVALID;
    }
    struct config_topic one = *t; /* the parser sets all alike: take one */
    enum status st = option_parse(o, text, &one, why, why_len);
    if (!st) {
        t->weight[which] = one.weight[which];
    }
    return st;
}

/* ---- symbols --------------------------------------------------------------------------- */

/* Its place among the symbols, n_symbols if it is not there. */
static uint32_t find(const struct config_topic *t, uint8_t field, const char *symbol) {
    const size_t n = strlen(symbol);
    for (uint32_t i = 0; i < t->n_symbols; i++) {
        const struct config_symbol *s = &t->symbols[i];
        if (s->field == field && strlen(s->symbol) == n && map_same_word(s->symbol, symbol, n)) {
            return i;
        }
    }
    return t->n_symbols;
}

static const char *const CONSENTS[] = {"no", "yes", "unknown"}; /* in the order of meanings */

enum { N_CONSENTS = sizeof CONSENTS / sizeof CONSENTS[0] };

static enum status consent_of(const char *text, uint8_t *meaning, char *why, size_t why_len) {
    for (size_t i = 0; i < N_CONSENTS; i++) {
        if (strcmp(text, CONSENTS[i]) == 0) {
            *meaning = (uint8_t)i;
            return ST_OK;
        }
    }
    snprintf(why, why_len, "must be yes, no or unknown");
    return ST_INVALID;
}

static enum status meaning_of(uint8_t field, const char *text, uint8_t *meaning, char *why,
                              size_t why_len) {
    if (field == FIELD_CONSENT) {
        return consent_of(text, meaning, why, why_len);
    }
    if (map_word(text, strlen(text), meaning)) {
        map_word_map_advice(text, KINDS, why, why_len);
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status set_symbol(const struct option *o, const char *symbol, const char *text,
                              struct config_topic *t, char *why, size_t why_len) {
    const uint8_t field = (uint8_t)o->min;
    uint8_t meaning;
    const uint32_t i = find(t, field, symbol);
    if (strlen(symbol) >= sizeof t->symbols[0].symbol) {
        snprintf(why, why_len, "a symbol has at most %zu bytes", sizeof t->symbols[0].symbol - 1);
        return ST_INVALID;
    }
    if (i == CONFIG_SYMBOLS_MAX) {
        snprintf(why, why_len, "more than %d symbols of one topic", CONFIG_SYMBOLS_MAX);
        return ST_INVALID;
    }
    enum status st = meaning_of(field, text, &meaning, why, why_len);
    if (st) {
        return st;
    }
    t->n_symbols += i == t->n_symbols;
    struct config_symbol *s = &t->symbols[i];
    s->field = field;
    s->meaning = meaning;
    snprintf(s->symbol, sizeof s->symbol, "%s", symbol);
    return ST_OK;
}

/* ---- both ------------------------------------------------------------------------------- */

enum status option_member_parse(const struct option *o, const char *member, const char *text,
                                struct config_topic *t, char *why, size_t why_len) {
    return o->type == OPTION_WEIGHT ? set_weight(o, member, text, t, why, why_len)
                                    : set_symbol(o, member, text, t, why, why_len);
}

enum status option_member_format(const struct option *o, const char *member,
                                 const struct config_topic *t, char *buf, size_t len) {
    uint8_t which;
    if (o->type == OPTION_WEIGHT) {
        if (weight_of(member, &which)) {
            return ST_NOT_FOUND;
        }
        snprintf(buf, len, "%.15g", t->weight[which]);
        return ST_OK;
    }
    const uint32_t i = find(t, (uint8_t)o->min, member);
    if (i == t->n_symbols) {
        return ST_NOT_FOUND;
    }
    const struct config_symbol *s = &t->symbols[i];
    /* Once loaded, the kind of the topic says whether a meaning is a request, or a rule's. */
    const bool known = t->kind >= 0 && t->kind < KINDS && s->meaning != MEANING_IGNORE;
    const unsigned bit = known ? map_word_bit((enum topic_kind)t->kind) : 0;
    const char *word = map_word_name((uint8_t)(s->meaning | bit));
    if (s->field == FIELD_CONSENT) {
        word = CONSENTS[s->meaning < N_CONSENTS ? s->meaning : N_CONSENTS - 1];
    }
    snprintf(buf, len, "%s", word);
    return ST_OK;
}
