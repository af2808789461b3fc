/* SPDX-License-Identifier: Apache-2.0
 *
 * board_show.h -- answers of GET /similar, /top (board_text.h) and /segments (segments_text.h) for
 * people.
 *
 * Threads: one.
 */
#ifndef BOARD_SHOW_H
#define BOARD_SHOW_H

#include "json.h"
#include "show.h"
#include "status.h"

/* Each: @return ST_OK; ST_INVALID (no such answer; nothing was shown) */
MUST_CHECK enum status board_show_similar(const struct json *v, const struct show *s);
MUST_CHECK enum status board_show_top(const struct json *v, const struct show *s);
MUST_CHECK enum status board_show_segments(const struct json *v, const struct show *s);

#endif
