/* SPDX-License-Identifier: Apache-2.0
 *
 * trigger.h -- a trigger as a value, as bytes in the outbox topic, as fields of a stream's entry.
 *
 * Bytes: Avro in the Confluent wire format, schema schemas/Trigger.avsc with the id
 * SHIPPED_TRIGGER_ID: whoever reads Kafka and not Redis has the same triggers there. The id is
 * crossrec's own, whatever a registry says of it. The writer and the reader are by hand: one flat
 * record, and avro-c is no parser for what comes from outside.
 *
 * A stream entry's id is (ms, seq), as Redis has them.
 *
 * Pure. Texts are views; of what trigger_read() gives, into its bytes.
 */
#ifndef TRIGGER_H
#define TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "pack.h"
#include "status.h"

struct entry_id {
    uint64_t ms, seq;
};

/** Below 0: a is smaller; 0: the same. */
int entry_id_compare(struct entry_id a, struct entry_id b);

struct trigger_text {
    const char *s; /* (len,) bytes, not terminated; NULL: null */
    size_t len;
};

struct trigger {
    struct entry_id id;
    int32_t partition;
    enum trigger_kind kind;
    int64_t ts_ms, expires_ms;
    double score; /* NaN: null */
    struct trigger_text name, target, user;
    struct trigger_text domain, item, category, from, to; /* NULL: null */
};

enum {
    TRIGGER_FIELDS_MAX = 16,
    /* Bytes of a record; user, item and category have at most ID_LEN_MAX. */
    TRIGGER_BYTES_MAX = 4 * CONFIG_NAME_MAX + 3 * ID_LEN_MAX + 512,
};

struct trigger_text trigger_text(const char *text); /* terminated; NULL is allowed */
/** "first_purchase", ... */
const char *trigger_kind_str(enum trigger_kind k);

/** Appends its record. p->failed: out of memory. */
void trigger_write(const struct trigger *t, struct pack *p);
/** Reads one; partition is what trigger_id says. Input is untrusted. @return ST_OK; ST_INVALID
 *  (damaged, other than TRIGGER_BYTES_MAX allows); ST_RANGE (another schema id: a later version
 *  wrote it, or somebody else); *out untouched on failure */
MUST_CHECK enum status trigger_read(const void *bytes, size_t len, struct trigger *out);

/* One field of a stream's entry. */
struct trigger_field {
    const char *name; /* terminated */
    const char *value;
    size_t len;
};

/** The fields of its entry, without what is null. `buf` (TRIGGER_BUF,) holds numbers.
 *  Returns how many. */
enum { TRIGGER_BUF = 160 };
size_t trigger_fields(const struct trigger *t, struct trigger_field out[TRIGGER_FIELDS_MAX],
                      char buf[TRIGGER_BUF]);

#endif
