/* SPDX-License-Identifier: Apache-2.0
 *
 * input_records.h -- records of the shipped schemas, sent one by one, for the tests of the input.
 *
 * Values are written by hand (avro_bytes.h) with the ids in input_id[], which are the shipped ones
 * until a test puts a registry's there; the Kafka key is what each schema asks for. Failures are
 * failures of the test. Threads: the main thread.
 */
#ifndef INPUT_RECORDS_H
#define INPUT_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "avro_bytes.h"
#include "decoded.h"
#include "event.h"
#include "shipped.h"
#include "stand.h"

/* Schema ids of what is sent. */
extern uint32_t input_id[READERS];
void input_ids_shipped(void);

/** Writes `text` to a file of its own, every '@' in it as `name`, and returns its path (static). */
const char *input_ini(const char *text, const char *name);

/** One event each; `id` is its event id. @param ts_ms  when it happened */
void input_view(struct stand *s, const char *topic, const char *id, const char *user,
                const char *course, enum action action, int64_t ts_ms);
void input_order(struct stand *s, const char *topic, const char *id, const char *user,
                 const char *dish, int64_t ts_ms);
/** @param with  the other user; NULL: nobody's */
void input_social(struct stand *s, const char *topic, const char *id, const char *user,
                  const char *item, enum action action, const char *with, int64_t ts_ms);
void input_feedback(struct stand *s, const char *topic, const char *id, const char *user,
                    const char *item, enum action action, int64_t ts_ms);

/** @param price  0: none */
void input_item(struct stand *s, const char *topic, const char *item, int64_t ts_ms, bool available,
                double price);
void input_profile(struct stand *s, const char *topic, const char *user, int64_t ts_ms,
                   enum consent consent);
void input_request(struct stand *s, const char *topic, const char *user, int64_t ts_ms,
                   enum privacy_request request);
void input_identity(struct stand *s, const char *topic, const char *domain, const char *id,
                    const char *user);

/** Bytes that the last of them sent. */
const struct avro_bytes *input_last(void);

/** "a-7" of "a-" and 7; good until the eighth call after. */
const char *input_name(const char *before, int number);
int64_t input_now_ms(void); /* wall clock */

/** What the daemon answers to GET `path`, with its head; static, "" if nobody answers. */
const char *input_http(const struct stand *s, const char *path);

#endif
