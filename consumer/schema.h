/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h -- an Avro schema as plain data, whoever parsed it.
 *
 * A flat array of nodes; node 0 is the root; children are indices, so recursive types
 * are cycles of indices and nothing is ever followed without a limit.
 *
 * Ownership: one block, freed by schema_free(). Threads: immutable after parsing.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum schema_type {
    SCHEMA_NULL,
    SCHEMA_BOOLEAN,
    SCHEMA_INT,
    SCHEMA_LONG,
    SCHEMA_FLOAT,
    SCHEMA_DOUBLE,
    SCHEMA_BYTES,
    SCHEMA_STRING,
    SCHEMA_RECORD, /* children: fields in order                 */
    SCHEMA_ENUM,   /* symbols                                   */
    SCHEMA_ARRAY,  /* one child                                 */
    SCHEMA_MAP,    /* one child                                 */
    SCHEMA_UNION,  /* children: branches in order               */
    SCHEMA_FIXED,  /* size                                      */
};

struct schema_field {
    const char *name; /* of a record's field or an enum's symbol; NULL for branches   */
    uint32_t node;    /* child; unused for symbols                                    */
};

struct schema_node {
    enum schema_type type;
    const char *name;                  /* of a named type, full name; else NULL   */
    const char *logical;               /* logicalType, or NULL                    */
    uint32_t n;                        /* fields, branches, symbols; fixed: size  */
    const struct schema_field *fields; /* (n,), none for fixed       */
};

struct schema {
    uint32_t n_nodes;
    const struct schema_node *nodes;
    const char *json; /* the text it was parsed from, terminated */
};

enum { SCHEMA_NODES_MAX = 4096, SCHEMA_JSON_MAX = 1 << 20 };

/** Parses schema JSON (avro-c; avro.c).
 *  @param err  out, err_len bytes, why not
 *  @return ST_OK, ST_INVALID (not a schema, too large), ST_NOMEM */
MUST_CHECK enum status schema_parse(const char *json, size_t len, struct schema **out, char *err,
                                    size_t err_len);
void schema_free(struct schema *s);

/** The field of record node `node` with this name, or NULL. */
const struct schema_field *schema_field(const struct schema *s, uint32_t node, const char *name);

#endif
