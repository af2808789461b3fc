/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h -- logfmt lines on stderr: ts=2026-11-25T14:03:07.123Z level=info msg="..." k=v ...
 *
 * A line says what, where (topic, partition, offset), and what happens next. One write(2)
 * a line. Each call site is limited to LOG_BURST lines, refilled LOG_PER_S a second; when
 * lines were left out, the next one that passes carries suppressed=N.
 *
 *     LOG_INFO("assigned", LOG_INT("task", p), LOG_STR("topic", name));
 *
 * Values are quoted and escaped when they need to be. Never a user id above debug level.
 *
 * Threads: any. No allocation.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "config.h"

enum { LOG_BURST = 20, LOG_PER_S = 2, LOG_LINE_MAX = 2048 };

enum log_type { LOG_TYPE_STR, LOG_TYPE_INT, LOG_TYPE_REAL };

struct log_field {
    const char *key; /* NULL ends the list */
    enum log_type type;
    union {
        const char *str; /* NULL prints as "" */
        int64_t num;
        double real;
    } value;
};

/* Rate limit of one call site: zero-initialised static. */
struct log_site {
    _Atomic int64_t tokens_ms; /* time up to which tokens are spent */
    _Atomic uint32_t suppressed;
};

#define LOG_STR(k, v)  ((struct log_field){(k), LOG_TYPE_STR, {.str = (v)}})
#define LOG_INT(k, v)  ((struct log_field){(k), LOG_TYPE_INT, {.num = (int64_t)(v)}})
#define LOG_REAL(k, v) ((struct log_field){(k), LOG_TYPE_REAL, {.real = (v)}})
#define LOG_END        ((struct log_field){0})

#define LOG_AT(level, msg, ...)                                                                    \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_write(&log_site_, (level), (msg), (const struct log_field[]){__VA_ARGS__});            \
    } while (0)
#define LOG_DEBUG(...)              LOG_PASTE_(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END)
#define LOG_INFO(...)               LOG_PASTE_(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END)
#define LOG_WARN(...)               LOG_PASTE_(LOG_LEVEL_WARN, __VA_ARGS__, LOG_END)
#define LOG_ERROR(...)              LOG_PASTE_(LOG_LEVEL_ERROR, __VA_ARGS__, LOG_END)
#define LOG_PASTE_(level, msg, ...) LOG_AT(level, msg, __VA_ARGS__)

/** Lines below this level are dropped; default info. */
void log_set_level(enum config_log_level level);

/** Where lines go, default 2 (stderr). For tests and for the demo's log file. */
void log_set_fd(int fd);

void log_write(struct log_site *site, enum config_log_level level, const char *msg,
               const struct log_field *fields);

#endif
