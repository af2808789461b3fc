/* SPDX-License-Identifier: Apache-2.0
 *
 * rule_bytes.h -- a record of the shipped schema Rule, written by hand: what a pointer leaves NULL
 * is null.
 *
 *     rule_bytes(&b, &(struct rule_record){.id = "r", .kind = RULE_PIN, .item = "f1"});
 */
#ifndef RULE_BYTES_H
#define RULE_BYTES_H

#include "avro_bytes.h"
#include "rules.h"
#include "shipped.h"

struct rule_record {
    const char *id;
    enum rule_kind kind;
    const char *target, *item, *category;
    const int *segment;
    const int64_t *from_ms, *until_ms;
    const double *factor;
    const int *position;
};

static inline void rule_text(struct avro_bytes *b, const char *text) {
    avro_branch(b, text != NULL);
    if (text) {
        avro_text(b, text);
    }
}

static inline void rule_long(struct avro_bytes *b, bool there, int64_t v) {
    avro_branch(b, there);
    if (there) {
        avro_long(b, v);
    }
}

/** With the wire header. */
static inline void rule_bytes(struct avro_bytes *b, const struct rule_record *r) {
    b->n = 0;
    avro_wire(b, shipped_id(READER_RULE));
    avro_text(b, r->id);
    avro_long(b, (int64_t)r->kind);
    rule_text(b, r->target);
    rule_text(b, r->item);
    rule_text(b, r->category);
    rule_long(b, r->segment != NULL, r->segment ? *r->segment : 0);
    rule_long(b, r->from_ms != NULL, r->from_ms ? *r->from_ms : 0);
    rule_long(b, r->until_ms != NULL, r->until_ms ? *r->until_ms : 0);
    avro_branch(b, r->factor != NULL);
    if (r->factor) {
        avro_double(b, *r->factor);
    }
    rule_long(b, r->position != NULL, r->position ? *r->position : 0);
}

#endif
