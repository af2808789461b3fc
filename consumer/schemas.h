/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.h -- which schema id is which: the shipped schemas, or a directory of id files.
 *
 * Without a directory: id 1 is CourseView.avsc, id 2 is FoodOrder.avsc, as shipped (they
 * are compiled into the program from schemas/). With one: a file `<id>.avsc` an id.
 * For each (id, reader) pair the decoder is compiled once, at load; which ids can be read
 * as which reader is known from then on.
 *
 * Ownership: owns schemas and decoders. Threads: immutable after loading.
 */
#ifndef SCHEMAS_H
#define SCHEMAS_H

#include <stdint.h>

#include "decode.h"
#include "schema.h"
#include "status.h"

struct schemas; /* opaque */

/** @param dir  directory, or "" for the shipped ones
 *  @return ST_OK; ST_IO, ST_INVALID (a file that is no schema, no schema at all; err says
 *          which file and why), ST_NOMEM */
MUST_CHECK enum status schemas_load(const char *dir, struct schemas **out, char *err,
                                    size_t err_len);
void schemas_free(struct schemas *s);

/** The decoder for an id read as `reader`. NULL if there is no such id, or if it cannot be
 *  read so; *known says which. */
const struct decoder *schemas_decoder(const struct schemas *s, uint32_t id, enum reader reader,
                                      int *known);

/** The shipped schema of a reader and its id, for producers (replay, demo, tests). */
uint32_t schemas_shipped_id(enum reader reader);
const char *schemas_shipped_json(enum reader reader);

#endif
