/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_logical.h -- the logicalType of a type, by the rules of the specification.
 *
 * Part of schema_parse(). Threads: none of its own.
 */
#ifndef SCHEMA_LOGICAL_H
#define SCHEMA_LOGICAL_H

#include "schema.h"

/** Sets logical, precision and scale of `n`, whose type (and size, if fixed) is known, from
 *  its JSON `table`. What is unknown or does not fit the type leaves it as it is. */
void schema_logical_read(const struct json *table, struct schema_node *n);

#endif
