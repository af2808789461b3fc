/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h -- from a Kafka record to what it means, or to a dead letter with its reason.
 *
 *     wire header -> schema id -> decoder -> field mapping -> checks -> struct event, or a row
 *
 * An intake serves one array of topics: those of the tasks, the global ones, or those that are
 * repartitioned. It has a mapping a topic and the decoders of all schema ids seen.
 *
 * Reasons are one table (code, text); the code is the header `reason` of the dead letter and
 * the label of crossrec_dead_letters_total.
 *
 * A dead letter carries the original key and value, and headers: topic, partition, offset,
 * timestamp (ms of the record), reason, detail (text), schema-id.
 *
 * Pure: clock and schemas are passed in. Ownership: struct intake owns mappings, decoders and
 * scratch; what it makes borrows the record's bytes and the scratch, until its next call. Threads:
 * one.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "content.h"
#include "decoded.h"
#include "event.h"
#include "ports.h"
#include "rules.h"
#include "shipped.h"
#include "status.h"

enum intake_reason {
    INTAKE_OK = 0,
    INTAKE_EMPTY,           /* a record without a value                        */
    INTAKE_OVERSIZED,       /* larger than INTAKE_BYTES_MAX, or more lines or values than fit */
    INTAKE_WRONG_PARTITION, /* the key does not hash to the partition          */
    INTAKE_WIRE,            /* no wire header                                  */
    INTAKE_SCHEMA_UNKNOWN,  /* the id is not known                             */
    INTAKE_SCHEMA_READER,   /* the id is known, but cannot be read as the topic's schema */
    INTAKE_DECODE,          /* the bytes do not follow the schema              */
    INTAKE_MISSING,         /* null where the kind needs a value               */
    INTAKE_USER,            /* user id missing or longer than 255 bytes        */
    INTAKE_EVENT_ID,        /* event id missing or too long                    */
    INTAKE_ITEM,            /* an item id missing or too long                  */
    INTAKE_LINES,           /* no lines                                        */
    INTAKE_ACTION,          /* an action that is none                          */
    INTAKE_DOMAIN,          /* a domain that is none                           */
    INTAKE_TIME,            /* a text that is no time                          */
    INTAKE_TIME_PAST,       /* before 2000                                     */
    INTAKE_TIME_FUTURE,     /* over ten minutes ahead of the clock, or after 2099 */
    INTAKE_NUMBER,          /* a quantity or money negative, NaN or above 10^12 */
    INTAKE_REASONS,
    /* no reasons: */
    INTAKE_WAIT = INTAKE_REASONS, /* the schema is being asked for: keep the record      */
    INTAKE_IGNORED,               /* map.action says so: count it, and pass its offset   */
};

enum { INTAKE_FUTURE_MS = 600000, INTAKE_BYTES_MAX = 1 << 20 };
#define INTAKE_EPOCH_2000_MS INT64_C(946684800000)
#define INTAKE_EPOCH_2100_MS INT64_C(4102444800000)

struct intake; /* opaque */

struct intake_spec {
    const struct config *cfg;          /* must outlive it */
    const struct config_topic *topics; /* (n_topics,) of cfg; record.topic is an index here */
    uint32_t n_topics;
    const struct lookup *lookup; /* writer schemas by id; NULL: cfg->schemas_dir, or the shipped */
};

/** @param err  out, CONFIG_ERROR_MAX bytes
 *  @return ST_OK, ST_INVALID (a mapping, a schema file), ST_IO (a file), ST_NOMEM */
MUST_CHECK enum status intake_new(const struct intake_spec *spec, struct intake **out, char *err);
void intake_free(struct intake *in);

/**
 * Makes an event of a record of an event or feedback topic.
 *
 * @param now_ms  wall clock, or INT64_MAX to skip the check against the future (clock=stream)
 * @param out     receives the event on INTAKE_OK: its lines are the intake's scratch and its
 *                strings lie in the record or the scratch
 * @param detail  out, lives as long as the intake: what is wrong with it; "" otherwise
 */
enum intake_reason intake_event(struct intake *in, const struct record *r, int64_t now_ms,
                                struct event *out, const char **detail);

/** What the last event was made of, as it was mapped; borrowed alike. */
const struct decoded *intake_decoded(const struct intake *in);

/* What a record of a global topic says. */
struct intake_row {
    enum topic_kind kind;
    const char *user_id; /* PROFILE, PRIVACY, IDENTITY (empty: not linked any more) */
    size_t user_id_len;
    uint64_t user; /* its hash */
    union {
        struct content_row item;
        struct decoded_profile profile;
        struct decoded_privacy privacy;
        struct decoded_identity identity;
        struct {
            struct rule rule;
            bool gone; /* taken back: of the rule nothing but id and source is said */
        } rule;
    };
};

/** The same for a global topic. A tombstone (no value) withdraws what its key names: an item by
 *  its id, a profile by the user id, an identity by `domain/id`, or by the id alone where all rows
 *  are of one domain; of a privacy topic it says nothing: INTAKE_EMPTY.
 *  A tombstone of a rule takes it back; so does a bad record, since after a restart it is all that
 * is left of the rule: it is gone as well if the record has a key, whatever is returned. A profile
 * or request that is dated over ten minutes after its record (unless clock=stream) counts from the
 * record's time: else one wrong clock would outvote all that is said later. */
enum intake_reason intake_row(struct intake *in, const struct record *r, struct intake_row *out,
                              const char **detail);

/** "wire-header", ... static; and a sentence for people. */
const char *intake_reason_code(enum intake_reason r);
const char *intake_reason_text(enum intake_reason r);

#endif
