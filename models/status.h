/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h -- the one error vocabulary of this code base.
 *
 * Every function that can fail returns an enum status and nothing else; its
 * results go through out-parameters, which are left untouched on failure.
 * ST_OK is 0, so `if (st)` reads "if it failed".
 */
#ifndef STATUS_H
#define STATUS_H

enum status {
    ST_OK = 0,
    ST_INVALID,   /* an argument or an input breaks the documented contract     */
    ST_RANGE,     /* an index or a size is outside what exists or fits          */
    ST_NOMEM,     /* an allocation failed                                       */
    ST_IO,        /* the operating system or a server refused                   */
    ST_AGAIN,     /* not now: full, empty or not ready; call again later        */
    ST_NOT_FOUND, /* there is no such thing                                     */
    ST_FENCED,    /* a newer owner exists: what was asked must not happen       */
    ST_LOST,      /* the assignment or the connection that this needs is gone   */
};

/* The compiler reports every call whose result is dropped. */
#define MUST_CHECK __attribute__((warn_unused_result))

/** A short, static, lower-case description of `st`, never NULL. */
static inline const char *status_str(enum status st) {
    switch (st) {
    case ST_OK: return "ok";
    case ST_INVALID: return "invalid argument";
    case ST_RANGE: return "out of range";
    case ST_NOMEM: return "out of memory";
    case ST_IO: return "input/output error";
    case ST_AGAIN: return "try again";
    case ST_NOT_FOUND: return "not found";
    case ST_FENCED: return "fenced by a newer owner";
    case ST_LOST: return "assignment or connection lost";
    }
    return "unknown status";
}

#endif
