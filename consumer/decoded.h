/* SPDX-License-Identifier: Apache-2.0
 *
 * decoded.h -- one record in crossrec's terms, before it is checked: what mappings read and
 * encoders write.
 *
 * Plain values. Texts are views, not terminated, of any length; "" with length 0 where the
 * record has none. Numbers written as ids are decimal text in `digits`.
 */
#ifndef DECODED_H
#define DECODED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "rules.h"

enum { DECODED_DIGITS = 24, DECODED_ATTRIBUTES = 32 };

struct decoded_line {
    const char *item;
    size_t item_len;
    double quantity;             /* 1 if the record has none   */
    double amount;               /* 0 if the record has none   */
    double discount;             /* likewise                   */
    char digits[DECODED_DIGITS]; /* `item` lies here where it was a number */
};

struct decoded { /* an event, or feedback */
    const char *event_id, *user_id;
    size_t event_id_len, user_id_len;
    int64_t ts_ms;
    enum action action;
    uint32_t n_lines;
    struct decoded_line *lines; /* the caller's, (EVENT_LINES_MAX,) */
    const char *rec;            /* feedback: the `rec` of the list it is about */
    size_t rec_len;
    const char *counterpart; /* whom it was with; NULL with length 0 is nobody too */
    size_t counterpart_len;
    uint8_t domain; /* index; of the topic, or that which the record names */
    char event_digits[DECODED_DIGITS], user_digits[DECODED_DIGITS];
    char counterpart_digits[DECODED_DIGITS];
};

struct decoded_attribute {
    const char *key, *value; /* of an array of strings: key is "" */
    size_t key_len, value_len;
};

struct decoded_item {
    const char *item, *category, *name;
    size_t item_len, category_len, name_len;
    int64_t ts_ms; /* 0: the record has none */
    double price;  /* NaN: none              */
    bool available;
    uint32_t n_attributes; /* those beyond DECODED_ATTRIBUTES are left out */
    struct decoded_attribute attributes[DECODED_ATTRIBUTES];
    char digits[DECODED_DIGITS];
};

enum consent { CONSENT_UNKNOWN, CONSENT_GIVEN, CONSENT_WITHDRAWN };

struct decoded_profile {
    const char *user_id;
    size_t user_id_len;
    int64_t ts_ms; /* 0: the record has none */
    enum consent consent;
    uint8_t age_band; /* 0 unknown, 1.. of topic.NAME.age.bands */
    char country[2];  /* upper case; zeros: unknown */
    char digits[DECODED_DIGITS];
};

enum privacy_request { PRIVACY_ERASE, PRIVACY_STOP, PRIVACY_RESUME };

struct decoded_privacy {
    const char *user_id;
    size_t user_id_len;
    int64_t ts_ms;
    enum privacy_request request;
    char digits[DECODED_DIGITS];
};

struct decoded_identity {
    const char *user_id, *partner_id; /* user_id empty: the link is taken away */
    size_t user_id_len, partner_id_len;
    uint8_t domain;
    char user_digits[DECODED_DIGITS], partner_digits[DECODED_DIGITS];
};

struct decoded_rule {
    const char *id, *item, *category;
    size_t id_len, item_len, category_len;
    bool has_item, has_category, has_segment;
    enum rule_kind kind;
    uint8_t domain; /* of the lists; DOMAIN_OF_RECORD (config.h): all of them */
    int64_t segment;
    int64_t from_ms, until_ms; /* INT64_MIN, INT64_MAX: open   */
    double factor;             /* NaN: the record has none     */
    int64_t position;          /* 1 if the record has none     */
    char digits[DECODED_DIGITS], item_digits[DECODED_DIGITS];
};

#endif
