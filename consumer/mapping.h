/* SPDX-License-Identifier: Apache-2.0
 *
 * mapping.h -- from a topic's values to what crossrec means by them: the field mapping.
 *
 * A topic has a reader schema (a shipped one, or a partner's own .avsc) and, for each field that
 * its kind knows, a path into that schema or a constant. The shipped schemas need none: theirs
 * are built in. mapping_new() finds every path, checks that what stands there can be what the
 * field needs, and lists what the schema has where a path is wrong. mapping_read_*() then make one
 * pass over the tape of a decoded record.
 *
 *     user           of all kinds but item and rule: string, or int/long (as decimal text)
 *     event.id       event, feedback, privacy: the same; without one it is empty, and the
 *                    intake takes topic, partition and offset
 *     ts             all but identity and rule: a number in ts.unit, else by its logical type, else
 * a long is ms; or text by RFC 3339, UTC without an offset item           event, feedback, item:
 * string, or int/long action         event, feedback, privacy: enum or string, through map.action.*
 * or by name, in any case; or a constant. Feedback has only its own three. What map.action.* says
 * to `ignore` is MAPPING_IGNORED, whatever else it has quantity       event: number or decimal; or
 * a constant amount         event: the same, times amount.scale discount       event: the same,
 * what the line would have cost more than amount rec            event, feedback: string counterpart
 * event: string, or int/long available      item: boolean, or int/long (0 no); null or absent: yes
 *     price          item: number or decimal, times amount.scale
 *     category       item: string or enum; or a constant
 *     name           item: string or enum
 *     attributes     item: map of strings, `attributes{}`, or array of strings, `tags[]`
 *     consent        profile: boolean, or enum/string through map.consent.*
 *     age            profile: years, or (over 1900) a year of birth, or a date of birth; only
 *                    its band leaves this file
 *     country        profile: string or enum of two letters; or a constant
 *     partner.domain identity: string or enum; or a constant; without one, the topic's domain
 *     partner.id     identity: string, or int/long
 *     rule           rule: string, or int/long
 *     action         rule: block, pin, boost, as above
 *     target         rule: string or enum, the name of a domain; or a constant; without one, the
 *                    topic's domain, or all
 *     item, category rule: as above
 *     segment        rule: int/long
 *     from, until    rule: as ts
 *     factor         rule: number or decimal; or a constant
 *     position       rule: int/long
 *     domain         the shipped Event, of a topic without a domain: the name of a domain
 *
 * All may be null, in a union; what the kind needs is then MAPPING_NULL, ids are empty.
 *
 * A constant stands in quotes: action = "purchase", quantity = "1". One `[]` at most is in the
 * paths of item, quantity, amount and discount, of one array: its items are the lines of the event
 * (of a feedback too); the fields outside of it hold for every line.
 *
 * What is not mapped is never decoded: precise location and other sensitive fields stay in the
 * bytes.
 *
 * Ownership: a mapping owns its reader schema; what it reads borrows the body, the schema and the
 * scratch of the tape. Threads: immutable once made; mapping_read_*() need a tape each.
 */
#ifndef MAPPING_H
#define MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "decode.h"
#include "decoded.h"
#include "schema.h"
#include "shipped.h"
#include "status.h"

struct mapping; /* opaque */

/**
 * Reads the reader schema of a topic and checks its paths.
 * @param err  out, CONFIG_ERROR_MAX bytes: "topic.gym-visits.item = class.idd: class has no such
 *             field; it has id, title, room", "topic.x.schema = gym.avsc: No such file"
 * @return ST_OK, ST_INVALID (err), ST_IO (the file; err), ST_NOMEM
 */
MUST_CHECK enum status mapping_new(const struct config *cfg, const struct config_topic *topic,
                                   struct mapping **out, char *err);
void mapping_free(struct mapping *m);

enum topic_kind mapping_kind(const struct mapping *m);
const struct schema *mapping_schema(const struct mapping *m);
/** Does a path or a constant stand for this field, as shipped or configured? */
bool mapping_has(const struct mapping *m, enum map_field f);

/** The domain that all its records are of, DOMAIN_OF_RECORD if they say it themselves. */
uint8_t mapping_domain(const struct mapping *m);

/** The decoder of records of this topic written with `writer`; results as decoder_new(). */
MUST_CHECK enum status mapping_decoder(const struct mapping *m, const struct schema *writer,
                                       struct decoder **out, char *err, size_t err_len);

/* Why values are no record of the kind, or none that is wanted. */
enum mapping_error {
    MAPPING_OK = 0,
    MAPPING_ACTION,  /* a symbol that no map.action.* names and that is no action   */
    MAPPING_TIME,    /* a text that is no time, or a number outside of int64 ms     */
    MAPPING_NULL,    /* null, or nothing, where the kind needs a value              */
    MAPPING_LINES,   /* more than EVENT_LINES_MAX lines                             */
    MAPPING_NUMBER,  /* a decimal or number that is none                            */
    MAPPING_DOMAIN,  /* the name of no domain                                       */
    MAPPING_IGNORED, /* a record of the kind, of which nothing is wanted           */
    MAPPING_ERRORS
};
const char *mapping_error_str(enum mapping_error e);

/** One pass over a tape that mapping_decoder()'s plan filled. For each kind its function; the
 *  caller of another kind's gets MAPPING_NULL. `out->lines` is the caller's, (EVENT_LINES_MAX,).
 *  Missing ids are empty texts: the intake says what is wrong with them. */
enum mapping_error mapping_read_event(const struct mapping *m, const struct tape *t,
                                      struct decoded *out); /* and feedback */
enum mapping_error mapping_read_item(const struct mapping *m, const struct tape *t,
                                     struct decoded_item *out);
enum mapping_error mapping_read_profile(const struct mapping *m, const struct tape *t,
                                        struct decoded_profile *out);
enum mapping_error mapping_read_privacy(const struct mapping *m, const struct tape *t,
                                        struct decoded_privacy *out);
enum mapping_error mapping_read_identity(const struct mapping *m, const struct tape *t,
                                         struct decoded_identity *out);
enum mapping_error mapping_read_rule(const struct mapping *m, const struct tape *t,
                                     struct decoded_rule *out);

#endif
