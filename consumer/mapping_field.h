/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_field.h -- the fields of mapping.h by name and kind, and the words that stand for
 * actions and requests.
 *
 * Shared by the configuration, which checks what needs no schema, and by the mapping.
 * Threads: constants and pure functions.
 */
#ifndef MAPPING_FIELD_H
#define MAPPING_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "shipped.h"
#include "status.h"

/* Meanings of words, for every kind of topic apart: actions are their enum, requests and kinds of
 * rules have a bit set as well, so that a word can be read before the kind of its topic is known.
 * What is to be ignored is no action: only map.action may say it. */
enum {
    MEANING_REQUEST = 0x80,
    MEANING_IGNORE = 0x40,
    MEANING_RULE = 0x20,
    MEANING_BITS = MEANING_REQUEST | MEANING_RULE,
};

/** "event.id" */
const char *map_field_name(enum map_field f);
/** Do topics of this kind have it; must a schema of one's own map it; may it be a constant? */
bool map_field_is_of(enum map_field f, enum topic_kind k);
bool map_field_is_needed(enum map_field f, enum topic_kind k);
bool map_field_may_be_constant(enum map_field f);
/** The fields of a kind: "user, event.id, ts". */
void map_field_list(enum topic_kind k, char *buf, size_t len);

/** "event", "feedback", ... */
const char *topic_kind_name(enum topic_kind k);

/** What a word means, in upper or lower case: "purchase", "ERASE", "ignore".
 *  @param meaning  out: enum action, enum privacy_request with MEANING_REQUEST, enum rule_kind with
 *                  MEANING_RULE, MEANING_IGNORE
 *  @return ST_OK, ST_NOT_FOUND */
MUST_CHECK enum status map_word(const char *text, size_t len, uint8_t *meaning);
/** The word of a meaning, in lower case. */
const char *map_word_name(uint8_t meaning);
/** Is it an action, a request or a rule's kind of a topic of this kind: feedback only what feedback
 *  is, privacy only requests; MEANING_IGNORE is none. */
bool map_word_is_of(uint8_t meaning, enum topic_kind k);
/** May map.action say it in a topic of this kind: the same, or MEANING_IGNORE. */
bool map_word_maps(uint8_t meaning, enum topic_kind k);
/** Writes "must be view, enroll, ... or report; did you mean purchase?" to buf, with the words of
 *  this kind. */
void map_word_advice(const char *word, enum topic_kind k, char *buf, size_t len);
/** The same with what map.action may say in topics of this kind, or of any if `k` is KINDS. */
void map_word_map_advice(const char *word, enum topic_kind k, char *buf, size_t len);

/** Do two texts of this length agree in all but upper and lower case (ASCII)? */
bool map_same_word(const char *a, const char *b, size_t len);

/** The bit that the meanings of a kind's words have; 0: none. */
uint8_t map_word_bit(enum topic_kind k);

/** Path, or the text between the quotes of a constant? */
static inline bool map_is_constant(const char *path) {
    return path[0] == '"';
}

#endif
