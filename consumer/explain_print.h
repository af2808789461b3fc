/* SPDX-License-Identifier: Apache-2.0
 *
 * explain_print.h -- the JSON of explain_text.h as a table for people.
 *
 * What is not printable ASCII becomes "?". Threads: one.
 */
#ifndef EXPLAIN_PRINT_H
#define EXPLAIN_PRINT_H

#include <stddef.h>
#include <stdio.h>

#include "status.h"

/** @return ST_OK; ST_INVALID (no such JSON; nothing was printed), ST_NOMEM */
MUST_CHECK enum status explain_print(const char *json, size_t len, FILE *out);

#endif
