/* SPDX-License-Identifier: Apache-2.0
 *
 * state_record.h -- the envelope of everything that is stored, the keys of users and tasks, and
 * the body of a task.
 *
 *     byte 0      format, now 1
 *     byte 1      kind
 *     bytes 2-5   CRC-32C of format, kind and body, little-endian
 *     bytes 6..   body
 *
 * The CRC is Castagnoli's (polynomial 0x1EDC6F41, as in iSCSI, RFC 3720), by SSE 4.2 where the
 * processor has it. These six bytes stay as they are in all formats to come, so that a damaged
 * record is told from one of a later version.
 *
 *     key     'U' and the hash of the user id, 8 bytes, big-endian      a user
 *             'T'                                                      the task itself
 *     task    epoch | batch | uuid, 16 bytes | n, (topic, incarnation, next) ... | the learner's
 * part
 *
 * Numbers of the body are those of pack.h. Input is untrusted: any byte string is answered with a
 * status, never a crash. Ownership: views into the caller's bytes. Threads: any.
 */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "pack.h"
#include "status.h"

enum {
    STATE_RECORD_FORMAT = 1,
    STATE_RECORD_HEAD = 6, /* bytes before the body */
    STATE_KEY_USER_LEN = 9,
    STATE_KEY_TASK_LEN = 1,
};

enum state_kind {
    STATE_USER = 1, /* user_record.h                                  */
    STATE_TASK,     /* struct state_task                              */
    STATE_DELTA,    /* of the model log: what a batch teaches         */
    STATE_CONTROL,  /* of the model log: landmarks, seeds             */
    STATE_PIECE,    /* of a snapshot of the shared model: snapshot.h  */
    STATE_OUTBOX,   /* a trigger on its way                           */
    STATE_MARK,     /* of a checkpoint: how far it goes, checkpoint.h */
    STATE_OPTIONS,  /* what all instances must have alike: model_log.h */
    STATE_KINDS     /* one more than the last */
};

/** CRC-32C of bytes; `crc` is 0, or what the bytes before gave. */
uint32_t state_crc32c(uint32_t crc, const void *bytes, size_t len);
/** The same value without SSE 4.2. */
uint32_t state_crc32c_portable(uint32_t crc, const void *bytes, size_t len);

/** Appends envelope and body. p->failed: out of memory. */
void state_record_seal(struct pack *p, enum state_kind kind, const void *body, size_t len);

/** Opens one; outputs are untouched on failure, *body is inside `bytes`.
 *  @return ST_OK; ST_INVALID (too short, or damaged); ST_RANGE (whole, but of a later format, or of
 *          a kind that only a later version knows) */
MUST_CHECK enum status state_record_open(const void *bytes, size_t len, enum state_kind *kind,
                                         const uint8_t **body, size_t *body_len);

/* ---- keys -------------------------------------------------------------------------------- */

struct state_key {
    enum state_kind kind; /* STATE_USER or STATE_TASK */
    uint64_t user;        /* hash of his id; 0 for a task */
};

void state_key_user(uint8_t out[STATE_KEY_USER_LEN], uint64_t user);
void state_key_task(uint8_t out[STATE_KEY_TASK_LEN]);
/** @return ST_OK, ST_INVALID (no key of these; *out untouched) */
MUST_CHECK enum status state_key_parse(const void *key, size_t len, struct state_key *out);

/* ---- the task ---------------------------------------------------------------------------- */

struct task_position {           /* in one input topic */
    char topic[CONFIG_NAME_MAX]; /* terminated */
    uint32_t incarnation;        /* counts how often the topic was begun anew */
    int64_t next;                /* offset to be read next; -1: the earliest retained */
};

struct state_task {
    uint64_t epoch, batch; /* of the batch that it was committed with */
    uint8_t uuid[16];      /* of the changelog: made with the task's first record */
    struct task_position topics[CONFIG_TOPICS_MAX];
    uint32_t n_topics;
    const uint8_t *learner; /* (learner_len,) task_record.h, borrowed */
    size_t learner_len;
};

/** Appends the body. p->failed: out of memory. */
void state_task_write(struct pack *p, const struct state_task *t);
/** Reads a body. @return ST_OK; ST_INVALID (damaged: too short or long, a name that no topic has,
 *  a topic twice, an offset below -1); ST_RANGE (more than CONFIG_TOPICS_MAX topics). On failure
 *  *out is untouched. */
MUST_CHECK enum status state_task_read(const void *body, size_t len, struct state_task *out);

#endif
