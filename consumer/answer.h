/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.h -- members of an answer (json.h) as whoever shows them wants them: never missing.
 *
 * Pure. Threads: any.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "json.h"

/** "" of what is no text. */
static inline const char *answer_text(const struct json *table, const char *key) {
    const char *text = json_text(json_get(table, key), NULL);
    return text ? text : "";
}

/** NaN of what is no number. */
static inline double answer_number(const struct json *table, const char *key) {
    double x = (double)NAN;
    (void)json_number(json_get(table, key), &x);
    return x;
}

/** 0 of what is no whole number. */
static inline int64_t answer_whole(const struct json *table, const char *key) {
    int64_t x = 0;
    (void)json_whole(json_get(table, key), &x);
    return x;
}

/** false of what is no boolean. */
static inline bool answer_flag(const struct json *table, const char *key) {
    bool x = false;
    (void)json_flag(json_get(table, key), &x);
    return x;
}

#endif
