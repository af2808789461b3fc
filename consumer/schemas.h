/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.h -- the decoder for a record: by its schema id and its topic.
 *
 * Writer schemas come from a folder (`<id>.avsc` a file), from the shipped ones (as they are and
 * were, by their ids), or, when registry.url is set, from the registry through struct lookup; Event
 * (SHIPPED_EVENT_ID and its ids before) is always there. Parsing and compiling happen once an id
 * and topic, at first sight, on the caller's thread.
 *
 * Ownership: owns writer schemas and decoders; mappings and the lookup are borrowed.
 * Threads: one (the learner), or one each.
 */
#ifndef SCHEMAS_H
#define SCHEMAS_H

#include <stddef.h>
#include <stdint.h>

#include "decode.h"
#include "mapping.h"
#include "ports.h"
#include "status.h"

struct schemas; /* opaque */

enum schemas_state {
    SCHEMAS_READY,    /* *decoder                                                          */
    SCHEMAS_WAITING,  /* not known yet, or nobody answers: keep the record and ask again   */
    SCHEMAS_UNKNOWN,  /* no schema has this id                                             */
    SCHEMAS_MISMATCH, /* it is known, and cannot be read as this topic's: *why             */
};

/**
 * @param dir       folder, or "" for the shipped ones; not looked at if lookup is given
 * @param mappings  (n_mappings,) of the topics, borrowed; a topic is its index here
 * @param lookup    NULL: no registry
 * @return ST_OK; ST_IO, ST_INVALID (a file that is no schema, no schema at all; err says which file
 *         and why), ST_NOMEM
 */
MUST_CHECK enum status schemas_new(const char *dir, const struct mapping *const *mappings,
                                   size_t n_mappings, const struct lookup *lookup,
                                   struct schemas **out, char *err, size_t err_len);
/** NULL is allowed. */
void schemas_free(struct schemas *s);

/** @param why  out, may be NULL: static or borrowed text for SCHEMAS_MISMATCH, "" otherwise */
enum schemas_state schemas_decoder(struct schemas *s, uint32_t id, size_t topic,
                                   const struct decoder **decoder, const char **why);

#endif
