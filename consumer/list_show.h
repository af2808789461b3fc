/* SPDX-License-Identifier: Apache-2.0
 *
 * list_show.h -- a list of a user (explain_text.h) for people: items, reasons, what stands behind.
 *
 * Threads: one.
 */
#ifndef LIST_SHOW_H
#define LIST_SHOW_H

#include <stddef.h>

#include "json.h"
#include "show.h"

/** What a list of /get has not is not shown. */
void list_show(const struct json *list, const struct show *s);

/** "goes with c17 (cooking)": why an item is on a list. out has `len` bytes. */
void list_show_reason(const struct json *item, char *out, size_t len);

#endif
