/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.h -- records to Avro bytes in the shipped schemas (avro-c): repartitioning, replay, demo,
 * tests.
 *
 * Ownership: struct encoder owns its schema values; names of domains are borrowed. Threads: one an
 * encoder.
 */
#ifndef ENCODE_H
#define ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "decoded.h"
#include "shipped.h"
#include "status.h"

struct encoder; /* opaque */

MUST_CHECK enum status encoder_new(enum reader reader, uint32_t schema_id, struct encoder **out);
void encoder_free(struct encoder *e);

/** The names that stand for domains in Event and Identity, (n,); the texts are borrowed, the array
 *  is not. Without them no domain can be written. */
void encoder_domains(struct encoder *e, const char *const *names, uint32_t n);

/* Each function writes wire header and body of one record, with an encoder for its schema.
 *
 *   buf, len   destination
 *   used       receives the bytes written
 *
 * Returns ST_OK, ST_RANGE (buffer too small), ST_INVALID (what the schema has no place for: see
 * each; an encoder of another kind), ST_NOMEM. */

/** CourseView, FoodOrder, SocialInteraction, Feedback or Event. Quantities and discounts only
 *  FoodOrder and Event have, amounts CourseView too, counterparts SocialInteraction and Event; an
 *  empty one is null. ST_INVALID: no line, more than one
 *  (all but FoodOrder and Event) or than EVENT_LINES_MAX, an action or a domain without a name. */
MUST_CHECK enum status encode(struct encoder *e, const struct decoded *event, uint8_t *buf,
                              size_t len, size_t *used);
/** Item; empty texts and a NaN price are null, so is a time of 0. ST_INVALID: an attribute without
 *  a key or with one longer than ID_LEN_MAX. */
MUST_CHECK enum status encode_item(struct encoder *e, const struct decoded_item *item, uint8_t *buf,
                                   size_t len, size_t *used);
/** UserProfile. @param age  years or a year of birth, below 0: null; the band is not written */
MUST_CHECK enum status encode_profile(struct encoder *e, const struct decoded_profile *profile,
                                      int age, uint8_t *buf, size_t len, size_t *used);
/** PrivacyRequest, without event_id. */
MUST_CHECK enum status encode_privacy(struct encoder *e, const struct decoded_privacy *request,
                                      uint8_t *buf, size_t len, size_t *used);
/** Identity; an empty user_id is null. */
MUST_CHECK enum status encode_identity(struct encoder *e, const struct decoded_identity *identity,
                                       uint8_t *buf, size_t len, size_t *used);

#endif
