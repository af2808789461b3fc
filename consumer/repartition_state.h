/* SPDX-License-Identifier: Apache-2.0
 *
 * repartition_state.h -- the inside of a repartitioning, for repartition*.c only.
 *
 *     repartition.c           the thread, batches, transactions, rebalances
 *     repartition_message.c   a raw record to the message that it becomes
 */
#ifndef REPARTITION_STATE_H
#define REPARTITION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "breaker.h"
#include "encode.h"
#include "identity.h"
#include "intake.h"
#include "repartition.h"
#include "waiting.h"

enum {
    MESSAGE_EVENT,  /* key: user, value: a crossrec.Event in the wire format */
    MESSAGE_LETTER, /* value: a block as letter.h writes it                  */
    WHY_MAX = 256,
};

struct raw_part { /* a partition of a raw topic that is ours */
    int64_t next; /* behind what the batch holds; -1: nothing of it */
    struct waiting waiting;
    int32_t partition;
    uint16_t topic;
    bool paused;
};

struct repartition {
    const struct config *cfg;
    struct repartition_ports ports;
    const struct lookup *lookup; /* NULL: no registry */
    struct intake *raws, *rows;  /* rows: NULL without global topics */
    struct identity *identity;
    struct encoder *encoder;
    uint8_t *bytes; /* scratch of one message, cap_bytes */
    size_t cap_bytes;
    struct waiting rows_waiting; /* identities, for their schema */
    bool identities_complete;

    struct raw_part *parts; /* (n_parts,) */
    size_t n_parts;
    int generation;
    struct breaker breaker;
    enum intake_reason last_bad; /* of the record taken last; INTAKE_OK: a good one */
    enum intake_reason worst;    /* of the last bad one, with its topic */
    uint16_t worst_topic;
    struct waiting batch; /* messages, kept until they are committed */
    int64_t opened_ms;    /* of the batch; 0: it is empty */
    bool stuck;           /* it is tried again */
    bool unknown;         /* nobody knows whether the last transaction was committed */
    int64_t retry_ms;

    pthread_t thread;
    bool runs, failed;
    atomic_bool stop;
    pthread_mutex_t why_lock;
    char why[WHY_MAX]; /* "": ready */
};

/** Makes intakes, encoder and identities. @return ST_OK, ST_INVALID, ST_IO, ST_NOMEM */
enum status repartition_open(struct repartition *r, const struct lookup *lookup, char *err);
void repartition_close(struct repartition *r);
/** Appends what a record becomes to the batch; what is ignored becomes nothing.
 *  @return ST_OK, ST_AGAIN (its schema is being asked for: nothing appended), ST_NOMEM */
enum status repartition_message(struct repartition *r, const struct record *rec, int64_t now_ms);
/** Takes identities that have come, without waiting. @return ST_OK, ST_NOMEM */
enum status repartition_identities(struct repartition *r);

#endif
