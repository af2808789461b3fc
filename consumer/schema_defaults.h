/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_defaults.h -- do the defaults of a schema's fields fit their types.
 *
 * Part of schema_parse(), once all types are known. A default of a record may leave out
 * members whose fields have a default themselves; such defaults are followed, so what expands
 * without end, to more than JSON_DEPTH_MAX levels, or with all others of the schema to more than
 * DEFAULT_VALUES_MAX values, is refused here.
 * Threads: none of its own.
 */
#ifndef SCHEMA_DEFAULTS_H
#define SCHEMA_DEFAULTS_H

#include "schema.h"

enum { DEFAULT_VALUES_MAX = 1 << 14 };

/** @param err  out, err_len bytes: the field, the type that is missed, and what to write
 *  @return ST_OK, ST_INVALID */
MUST_CHECK enum status schema_defaults_check(const struct schema *s, char *err, size_t err_len);

#endif
