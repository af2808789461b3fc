/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h -- from a Kafka record to an event, or to a dead letter with its reason.
 *
 *     wire header -> schema id -> decoder -> fields -> checks -> struct event
 *
 * Reasons are one table (code, text); the code is the header `reason` of the dead letter and
 * the label of crossrec_dead_letters_total.
 *
 * A dead letter carries the original key and value, and headers: topic, partition, offset,
 * timestamp (ms of the record), reason, detail (text), schema-id.
 *
 * Pure: clock and schemas are passed in. Ownership: struct intake owns its scratch lines; an
 * event made by intake_event() borrows the record's bytes. Threads: one.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "event.h"
#include "ports.h"
#include "schemas.h"
#include "status.h"

enum intake_reason {
    INTAKE_OK = 0,
    INTAKE_EMPTY,          /* a record without a value                        */
    INTAKE_WIRE,           /* no wire header                                  */
    INTAKE_SCHEMA_UNKNOWN, /* the id is not known                             */
    INTAKE_SCHEMA_READER,  /* the id is known, but cannot be read as the topic's schema */
    INTAKE_DECODE,         /* the bytes do not follow the schema              */
    INTAKE_USER,           /* user id missing or longer than 255 bytes        */
    INTAKE_EVENT_ID,       /* event id missing or too long                    */
    INTAKE_ITEM,           /* an item id missing or too long                  */
    INTAKE_LINES,          /* no lines                                        */
    INTAKE_TIME_PAST,      /* before 2000                                     */
    INTAKE_TIME_FUTURE,    /* over ten minutes ahead of the clock, or after 2099 */
    INTAKE_NUMBER,         /* quantity or amount negative, NaN or above 10^12 */
    INTAKE_REASONS
};

enum { INTAKE_FUTURE_MS = 600000 };
#define INTAKE_EPOCH_2000_MS INT64_C(946684800000)
#define INTAKE_EPOCH_2100_MS INT64_C(4102444800000)

struct intake; /* opaque */

/** Both must outlive it. @return ST_OK, ST_NOMEM, ST_NOT_FOUND (a topic's schema has no reader) */
MUST_CHECK enum status intake_new(const struct config *cfg, const struct schemas *schemas,
                                  struct intake **out);
void intake_free(struct intake *in);

/**
 * Makes an event of a record.
 *
 * @param now_ms  wall clock, or INT64_MAX to skip the check against the future (clock=stream)
 * @param out     receives the event on INTAKE_OK: its lines are the intake's scratch and its
 *                strings lie in the record
 * @param detail  out, static text: which decode error; "" otherwise
 */
enum intake_reason intake_event(struct intake *in, const struct record *r, int64_t now_ms,
                                struct event *out, const char **detail);

/** "wire-header", ... static; and a sentence for people. */
const char *intake_reason_code(enum intake_reason r);
const char *intake_reason_text(enum intake_reason r);

#endif
