/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_build.h -- a schema while it is parsed: its memory, its names, and where we are.
 *
 * Part of schema_parse(). What fails has said why in `err` of the build.
 *
 * Ownership: everything belongs to the schema from the start; schema_free() takes it in any
 * state. Threads: none of its own.
 */
#ifndef SCHEMA_BUILD_H
#define SCHEMA_BUILD_H

#include <stdbool.h>

#include "schema.h"

struct schema_block; /* memory of the schema */

/* What schema_parse() hands out and schema_free() takes back. */
struct schema_owned {
    struct schema schema;      /* first, so that one is the other */
    struct schema_node *nodes; /* those of `schema`, while they are written */
    struct json *document;     /* NULL for a primitive by its name alone */
    struct schema_block *blocks;
};

struct build {
    struct schema_owned *owned;
    uint32_t room;      /* nodes there is memory for */
    uint32_t n_fields;  /* of SCHEMA_FIELDS_MAX */
    size_t names_bytes; /* of full names */
    char *err;
    size_t err_len;
};

/* Where in the schema we are: for names, and for people. */
struct build_place {
    const char *type;  /* full name of the enclosing named type, or NULL */
    size_t space_len;  /* the namespace: so many bytes of `type`; 0: there is none */
    const char *field; /* of it, or NULL */
};

/** Says why with the place in front. @return ST_INVALID */
enum status build_refuse(const struct build *b, const struct build_place *at, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));
/** @return ST_NOMEM */
enum status build_no_memory(const struct build *b);

/** n * size zeroed bytes; NULL if out of memory. Each of both at most 2^24. */
void *build_keep(struct build *b, size_t n, size_t size);
/** A new node; pointers to nodes end here, indices do not. */
MUST_CHECK enum status build_node(struct build *b, const struct build_place *at,
                                  enum schema_type type, uint32_t *node);
/** The fields, symbols, branches of a node, all to be filled in. */
MUST_CHECK enum status build_fields(struct build *b, const struct build_place *at, uint32_t node,
                                    size_t n, struct schema_field **fields);
/** A table of n aliases, to be filled in. */
MUST_CHECK enum status build_aliases(struct build *b, const struct build_place *at, size_t n,
                                     const char ***aliases);

/** A letter or _, then letters, digits and _. */
bool build_is_name(const char *text);
/** Such names with dots between them. */
bool build_is_dotted(const char *text);
/** `name` if it has a dot or the namespace is empty, else both with a dot between. */
MUST_CHECK enum status build_full_name(struct build *b, const struct build_place *at,
                                       const char *space, size_t space_len, const char *name,
                                       const char **full);
/** The named type in that namespace; "" with 0: `name` is a full name. */
bool build_find(const struct build *b, const char *space, size_t space_len, const char *name,
                uint32_t *node);

#endif
