/* SPDX-License-Identifier: Apache-2.0
 *
 * rec.h -- what is written to Redis: keys and JSON values (docs/redis.md is the contract).
 *
 *     <prefix>:<target>:rec:<user>      the top N of one user
 *     <prefix>:<target>:fallback        the same shape, not personalised
 *     <prefix>:<target>:info            where a reader starts
 *     <prefix>:published:<partition>    how far every rec has been written
 *     <prefix>:<target>:triggers:<partition>  stream: triggers (trigger.h)
 *
 * Every value begins with {"version":[epoch,seq], for the fence. JSON is written with put.h.
 *
 *  rec, fallback: {"version":[E,S],"schema":1,"rec":"<partition>-<E>-<S>","ts":<ms>,
 *      "personalised":true,"model":"linear","segment":3|null,"arm":null,
 *      "items":[{"id":"..","score":1.23,"reason":"together","because":{"item":".."}},...]}
 *      because: of what the user took (because.h); propensity: of an exploration slot only
 *  info: {"version":[E,S],"schema":1,"n":10,"ttl":604800,"partitions":4,"segments":[0,...]}
 *  published: {"version":[E,S],"offsets":{"course-views":123,...},"ts":<stream time ms>}
 *
 * struct rec travels from learner to publisher through a queue, in place: it owns the user
 * id bytes and, of a trigger, its record; item ids point into the catalogue's arena, names of
 * categories into the content's: neither ever moves.
 */
#ifndef REC_H
#define REC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "because.h"
#include "config.h"
#include "event.h"
#include "list.h"
#include "status.h"

enum rec_kind {
    REC_LIST,      /* a user's list                                                 */
    REC_TOUCH,     /* nothing changed, half of the TTL is gone: expiry only         */
    REC_FALLBACK,  /* a target's fallback                                           */
    REC_INFO,      /* a target's info                                               */
    REC_PUBLISHED, /* everything before this in the queue stands in Redis           */
    REC_TAKEOVER,  /* read `published` of a task: answered by an ack with its epoch */
    REC_TRIGGER,   /* an entry of a stream, behind another one                      */
    REC_STREAM,    /* what a stream's last id is: answered by an ack                */
};

struct rec_item {
    const char *id; /* terminated, lives as long as the catalogue */
    struct because because;
    float score;
    float propensity; /* of an exploration slot, else 0 */
    uint16_t id_len;
    uint8_t reason; /* enum reason */
};

struct rec {
    uint64_t epoch, seq;
    int64_t ts_ms;     /* time used in ranking; PUBLISHED: stream time               */
    int64_t record_ms; /* Kafka timestamp of the newest event behind it; 0: none     */
    int64_t offsets[CONFIG_TOPICS_MAX]; /* PUBLISHED: per topic, -1 none             */
    uint32_t user_slot; /* LIST, TOUCH                                                */
    int32_t task;       /* partition                                                  */
    int32_t segment;    /* -1: null; INFO: number of segments                         */
    uint16_t n;         /* items                                                      */
    uint16_t user_id_len;
    uint8_t kind;   /* enum rec_kind                                              */
    uint8_t target; /* domain index                                               */
    bool personalised;
    uint32_t partitions; /* INFO */
    /* TRIGGER: a record of trigger.h, owned by the rec; its id is (epoch, seq); after: the one that
     * was written before it. The generation comes back in the ack, also of STREAM. */
    uint8_t *trigger;
    size_t trigger_len;
    uint64_t after_ms, after_seq;
    uint32_t generation;
    char user_id[ID_LEN_MAX + 1];
    struct rec_item items[]; /* (n,), room for config.list_n */
};

/** Bytes of a struct rec with room for n items. */
size_t rec_bytes(uint32_t n);

/** Largest key and value for a configuration; sizes for buffers. */
size_t rec_key_max(const struct config *cfg);
size_t rec_value_max(const struct config *cfg);

/** Writes the key of a rec. Returns its length. buf has rec_key_max() bytes. */
size_t rec_key(const struct config *cfg, const struct rec *r, char *buf);

/** Writes the value (LIST, FALLBACK, INFO, PUBLISHED). Returns its length. */
size_t rec_value(const struct config *cfg, const struct rec *r, char *buf);

/** Reads (epoch, seq) from the beginning of a value. @return ST_OK or ST_INVALID */
MUST_CHECK enum status rec_version(const char *value, size_t len, uint64_t *epoch, uint64_t *seq);

#endif
