/* SPDX-License-Identifier: Apache-2.0
 *
 * state_print.h -- records of the changelog as JSON, a line each.
 *
 *     {"task":3,"user":"ana","n":12,"segment":4,
 *      "domains":{"course":{"n":9,"last_ms":..,"consumed":7},...},
 *      "history":[{"item":"<hash, 16 hex digits>","domain":"course","action":"view","ts":..},...],
 *      "events":["<hash of an event id>",...]}
 *     {"task":3,"epoch":..,"batch":..,
 *      "positions":{"course-views":{"incarnation":0,"next":123},...},"taken_ms":..}
 *
 * History and events: the newest first. consumed: items of the set (of a filter: about so many) and
 * of the repeat table. segment -1: none; last_ms 0: no event; taken_ms null: no event was taken.
 *
 * Plain functions. Threads: any.
 */
#ifndef STATE_PRINT_H
#define STATE_PRINT_H

#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "items.h"
#include "state_look.h"

void state_print_user(FILE *out, const struct config *cfg, const struct items *items, int32_t task,
                      const struct user *u);
void state_print_task(FILE *out, int32_t task, const struct state_task *t, int64_t taken_ms);

#endif
