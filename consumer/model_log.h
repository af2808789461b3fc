/* SPDX-License-Identifier: Apache-2.0
 *
 * model_log.h -- reading the shared model: its snapshot at the start, its log for ever.
 *
 *     crossrec-model-items read to its end      the newest piece a key is kept (snapshot.h)
 *     crossrec-model from where the last        before the record at offset x: pieces up to x
 *       complete sweep over the pieces began
 *     at the end that stood at the start        ready; the log goes on to be read
 *
 * Whether the log is the one that it was: the last complete sweep says which record stood at the
 * end then (its offset, and a hash of its bytes), and whoever starts must come by that record.
 * After a silence, in which the topic may have been made anew, the record that was taken last is
 * read again before anything else is taken.
 *
 * Options that every instance must share come with it, too: the first ones in the log hold for all;
 * whoever has others stops (model_log_take() says which).
 *
 * Keys of crossrec-model-items: model_key(). Values of both topics: state_record.h.
 *
 * Ownership: borrows learner and ports. Threads: the learner's.
 */
#ifndef MODEL_LOG_H
#define MODEL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "ports.h"
#include "snapshot.h"
#include "status.h"

enum { MODEL_KEY_BYTES = 9, MODEL_OPTIONS_MAX = 4096, MODEL_MARK_BYTES = 16 };

struct model_log; /* opaque */

struct model_log_ports {
    struct log_port items; /* crossrec-model-items */
    struct log_port log;   /* crossrec-model       */
    int64_t silence_ms;    /* after which the log may be another one; 0: 10 s */
};

/** @return ST_OK, ST_NOMEM */
MUST_CHECK enum status model_log_new(const struct config *cfg, struct learner *learner,
                                     const struct model_log_ports *ports, struct model_log **out);
void model_log_free(struct model_log *m);

/** Reads on, for about slice_ms. @param err  out, CONFIG_ERROR_MAX bytes: what is wrong and what to
 *  type. @return ST_OK; ST_INVALID (err); ST_NOMEM; ST_LOST (err: the log does not go on where this
 *  process stands, be it that it was cut off for long: a new learner that reads from the start
 * heals it, or is told what to type) */
MUST_CHECK enum status model_log_take(struct model_log *m, int slice_ms, char *err);

/** True once everything was applied that stood there at the start. */
bool model_log_ready(const struct model_log *m);
/** Share of the start that is done, 0..1. */
double model_log_progress(const struct model_log *m);
/** For how long the end of the log has not been seen; 0: at its end. */
int64_t model_log_lag_ms(const struct model_log *m);
/** The record that was taken last, as it is written into the snapshot (MODEL_MARK_BYTES at most):
 * it must not be trimmed then. @param at  out: its offset. @return bytes; 0: none was, out
 * untouched */
size_t model_log_mark(const struct model_log *m, uint8_t *out, uint64_t *at);
/** True once it is known that this process's options are those of the log, or that nobody has said
 *  which hold; soon after the start, before everything is read. */
bool model_log_agrees(const struct model_log *m);
/** True if the log says which options hold; false: whoever commits first says it. */
bool model_log_has_options(const struct model_log *m);
/** Key of a piece. */
void model_key(uint8_t out[MODEL_KEY_BYTES], enum snapshot_kind kind, uint64_t key);
/** Keys of what is no piece: the options; how far back the log is needed since the last complete
 *  sweep over all pieces (a varint: the log's position when it began; then the log's clock there,
 *  learner_snapshot_clock()); and which record was its last then, model_log_mark(). */
void model_key_options(uint8_t out[MODEL_KEY_BYTES]);
void model_key_low(uint8_t out[MODEL_KEY_BYTES]);
void model_key_mark(uint8_t out[MODEL_KEY_BYTES]);
/** What all instances must have alike, as "name = value" lines. @return bytes used */
size_t model_options(const struct config *cfg, char *buf, size_t len);

#endif
