/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_script.h -- the two Lua scripts that run inside Redis; each touches one key.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

/** The fenced write. KEYS: key. ARGV: value, epoch, seq, ttl_ms (0: none), 1 if the previous
 *  value is wanted, and perhaps channel, message. Replies: [epoch, seq]: fenced, nothing was
 *  written; ["untold", error, previous]: written, but PUBLISH was refused; a string or nil:
 * written, what stood there; OK: written. */
extern const char REDIS_SCRIPT_WRITE[];

/** An entry of a stream. KEYS: stream. ARGV: after, id (each as ms, seq), maxlen, id, fields.
 *  Replies: entries dropped; -1: there already; ["gap", ms, seq]: `after` is not there. */
extern const char REDIS_SCRIPT_APPEND[];

#endif
