/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_diff.h -- what a reader's schema and a writer's differ in, field by field, for people.
 *
 *     tip: only in the registry; it is skipped
 *     price: missing in the registry; read as null
 *     ts: string in the registry, long here; cannot be read so
 *     action: symbol RETURN only in the registry; read as VIEW
 *
 * What matters is only what decides how bytes are read: types, fields, symbols, defaults, logical
 * types; not texts (doc), the order of fields, or attributes that Avro does not know.
 *
 * Pure. Threads: any.
 */
#ifndef SCHEMA_DIFF_H
#define SCHEMA_DIFF_H

#include <stddef.h>

#include "schema.h"

struct schema_diff {
    const struct schema *reader, *writer;
    const char *there; /* where the writer's is: "in the registry" */
    void (*say)(void *arg, const char *line);
    void *arg;
};

/** Calls `say` once a difference, in the order of the reader's fields, then the writer's.
 *  @return how often */
size_t schema_diff(const struct schema_diff *d);

/** "long (timestamp-millis)", "null or array of OrderLine", "enum Action". Cut to fit. */
void schema_describe(const struct schema *s, uint32_t node, char *buf, size_t len);

#endif
