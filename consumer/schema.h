/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h -- an Avro schema as plain data (Avro 1.11 specification, "Schema Declaration").
 *
 * A flat array of nodes; node 0 is the root; children are indices, so recursive types
 * are cycles of indices and nothing is ever followed without a limit. Names are full names;
 * aliases too (an alias without a dot is in the namespace of its type). A reference without a
 * dot means the namespace of the enclosing type, then none: Java writes such ones.
 *
 * Checked while parsing, as the specification has it: names and symbols are well formed; a
 * named type is defined once, before it is used; no union directly in a union, no two
 * branches of one unnamed type or of one name; fields and symbols do not repeat; a default fits
 * its type (that of a union: the first branch), an enum's default is a symbol; fixed sizes are
 * not negative. A logicalType that does not fit its type is ignored: so says the
 * specification. Unknown attributes are ignored. A record may have no fields; an enum has a
 * symbol and a union a branch. {"type": X} is X, whatever X is.
 *
 * A default of a record may leave out members whose fields have a default themselves: these are
 * followed, and what expands without end is refused (limits: schema_defaults.h).
 *
 * Ownership: its own memory and the JSON document that it keeps, which fallbacks and names are
 * part of; all freed by schema_free().
 * Threads: immutable after parsing.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "json.h"
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

enum schema_logical {
    LOGICAL_NONE,
    LOGICAL_DATE,             /* int: days since 1970-01-01                      */
    LOGICAL_TIME_MILLIS,      /* int                                             */
    LOGICAL_TIME_MICROS,      /* long                                            */
    LOGICAL_TIMESTAMP_MILLIS, /* long, UTC; local-timestamp-millis is read alike */
    LOGICAL_TIMESTAMP_MICROS, /* long, likewise                                  */
    LOGICAL_DECIMAL,          /* bytes or fixed: precision, scale                */
    LOGICAL_UUID,             /* string                                          */
};

struct schema_field {
    const char *name;            /* of a record's field or an enum's symbol; NULL for branches  */
    const char *const *aliases;  /* (n_aliases,) of a record's field                            */
    const struct json *fallback; /* the default of a record's field; NULL: it has none         */
    uint32_t n_aliases;
    uint32_t node; /* child; unused for symbols                                    */
};

struct schema_node {
    enum schema_type type;
    enum schema_logical logical;
    const char *name;                  /* of a named type, full name; else NULL           */
    const char *const *aliases;        /* (n_aliases,) full names                         */
    const struct schema_field *fields; /* (n,), none for fixed                            */
    uint32_t n_aliases;
    uint32_t n;                /* fields, branches, symbols; array, map: 1; fixed: size    */
    uint32_t precision, scale; /* of a decimal                                            */
    int32_t symbol;            /* the default of an enum as an index; -1: it has none      */
};

struct schema {
    uint32_t n_nodes;
    const struct schema_node *nodes;
    const char *json; /* the text it was parsed from, terminated */
};

enum {
    SCHEMA_NODES_MAX = 4096,
    SCHEMA_FIELDS_MAX = 16384, /* fields, branches, symbols, aliases of all together */
    SCHEMA_JSON_MAX = JSON_BYTES_MAX,
};

/** Parses schema JSON. A primitive by its name alone ("string", or string in quotes) is one.
 *  @param err  out, err_len bytes, why not: which type or field
 *  @return ST_OK, ST_INVALID (not a schema, too large), ST_NOMEM */
MUST_CHECK enum status schema_parse(const char *json, size_t len, struct schema **out, char *err,
                                    size_t err_len);
/** The same for a schema that records were written with: its defaults are not looked at, for
 *  reading never uses them, and a partner's wrong one must not cost his events. Not to be the
 *  reader of a decoder. */
MUST_CHECK enum status schema_parse_writer(const char *json, size_t len, struct schema **out,
                                           char *err, size_t err_len);
/** NULL is allowed. */
void schema_free(struct schema *s);

/** The field of record node `node` with this name, or NULL. Aliases are not looked at. */
const struct schema_field *schema_field(const struct schema *s, uint32_t node, const char *name);

/** "record", ... */
const char *schema_type_str(enum schema_type t);

#endif
