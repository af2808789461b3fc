/* SPDX-License-Identifier: Apache-2.0
 *
 * board_text.h -- what is known of items, as JSON for operators: GET /similar and GET /top.
 *
 *  /similar  {"item":"c17","domain":"course","category":"cooking","ts":<ms>,
 *             "available":true,"takes":812,"last_ms":<ms>|null,
 *             "lists":[{"target":"food",
 *                       "items":[{"id":"f203","category":"pasta","reason":"together","score":.8,
 *                                 "together":31.2,"follows":18,"cosine":.71},...]},...]}
 *  /top      {"domain":"food","ts":<ms>,"events":81234,"items":620,"withdrawn":14,
 *             "top":{"1d":[{"id":"f203","category":"pasta","share":.031,"per_day":410.2,
 *                           "lift":1.4,"takes":9120,"available":true},...],"7d":[...],"30d":[...]},
 *             "trending":[...],"newest":[...]}
 *
 * `reason` of /similar: together, taken with it by the same users (together above 0); taste, never,
 * but near it by the cosine of their vectors; order and score: item_similar.h. Numbers: struct
 * alike_item, struct board_item (learner.h). `takes`: lines of all time.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef BOARD_TEXT_H
#define BOARD_TEXT_H

#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "page.h"

/** The whole of /similar, for each of the targets; n items of each. */
void board_text_similar(struct page *p, const struct config *cfg, const struct learner *l,
                        uint32_t item, const uint8_t *targets, uint32_t n_targets, uint32_t n,
                        int64_t now_ms);

/** The whole of /top. */
void board_text_top(struct page *p, const struct config *cfg, const struct learner *l,
                    uint8_t domain, const struct item_board *board, int64_t now_ms);

#endif
