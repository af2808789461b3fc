/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping_plan.h -- a mapping from the inside: what mapping.c makes, mapping_check.c checks and
 * mapping_read.c reads with.
 *
 * Private to mapping*.c. Threads: struct mapping is immutable once made.
 */
#ifndef MAPPING_PLAN_H
#define MAPPING_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mapping.h"
#include "mapping_field.h"
#include "mapping_time.h"

enum {
    MAPPING_BANDS = 32,
    MAPPING_WORDS = CONFIG_SYMBOLS_MAX + 16,
    ACTION_OF_RECORD = 0xff, /* the action stands in the record */
};

/** The tag of a field on the tape: 0 is nobody's. */
#define MAPPING_TAG(field) ((uint16_t)((field) + 1))

/** Of a word of len bytes, the same in upper and lower case; 0 is no word's. */
static inline uint16_t mapping_key(const char *text, size_t len) {
    return (uint16_t)(len << 8 | (len ? (unsigned char)text[0] & 0xdfU : 0));
}

struct mapping_word { /* what a text means, in any case */
    char text[64];
    uint8_t len;
    uint8_t meaning; /* of config_symbol */
    uint8_t field;   /* one for all of a kind: action or consent */
};

struct mapping_name {
    char text[CONFIG_NAME_MAX];
    size_t len;
};

struct mapping {
    struct schema *reader;
    enum topic_kind kind;
    char topic[CONFIG_NAME_MAX];
    char path[MAP_FIELDS][CONFIG_NAME_MAX]; /* "": not wanted                          */
    uint32_t node[MAP_FIELDS];              /* at the end of the path                  */
    struct want wants[MAP_FIELDS];          /* (n_wants,) views into path              */
    size_t n_wants;

    /* How values are read. */
    bool in_lines[MAP_FIELDS];  /* item, quantity, ...: the path has a []          */
    double divisor[MAP_FIELDS]; /* of decimals: 10^scale; 0: not a decimal         */
    int64_t ts_mul[MAP_FIELDS], ts_div[MAP_FIELDS]; /* of times: number * mul / div is ms      */
    bool birth_date; /* age is a date                                   */
    double scale;    /* amount.scale                                    */
    struct mapping_word words[MAPPING_WORDS];
    uint16_t keys[MAPPING_WORDS]; /* mapping_key() of words: looked at first         */
    uint32_t n_words;
    uint8_t bands[MAPPING_BANDS]; /* (n_bands,) ages at which one begins            */
    uint32_t n_bands;
    int year; /* at the start, for ages of records without a time                   */
    struct mapping_name domains[DOMAINS_MAX];
    uint32_t n_domains;

    /* What a record has that does not say it. */
    uint8_t action; /* meaning, or ACTION_OF_RECORD */
    uint8_t domain; /* index, or DOMAIN_OF_RECORD   */
    double quantity, amount, discount;
    double factor; /* NaN: none */
    struct mapping_name category;
    char country[2];
};

/* mapping_check.c */

/** Checks what stands at path[f], and notes how it is read. */
MUST_CHECK enum status mapping_check(struct mapping *m, const struct config_topic *t,
                                     enum map_field f, char *err);
/** Checks what the paths have to do with one another, and the words with what they are for. */
MUST_CHECK enum status mapping_check_all(const struct mapping *m, const struct config_topic *t,
                                         char *err);
/** Sets the error "topic.NAME.FIELD = PATH: ..." and returns ST_INVALID. */
MUST_CHECK enum status mapping_complain(const struct mapping *m, enum map_field f, char *err,
                                        const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
