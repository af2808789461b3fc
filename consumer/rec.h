/* SPDX-License-Identifier: Apache-2.0
 *
 * rec.h -- what is written to Redis: keys and JSON values (docs/redis.md is the contract).
 *
 *     <prefix>:<target>:rec:<user>      the top N of one user
 *     <prefix>:<target>:fallback        the same shape, not personalised
 *     <prefix>:<target>:info            where a reader starts
 *     <prefix>:<target>:segment:<id>    a segment of users, and what they take
 *     <prefix>:<target>:similar:<item>  what goes with an item: the id of an item of the target;
 *                                       else, or if it begins so, the name of its domain, a slash
 *                                       and its id
 *     <prefix>:<target>:user:<user>     a card of one user
 *     <prefix>:published:<partition>    how far every rec has been written
 *     <prefix>:<target>:triggers:<partition>  stream: triggers (trigger.h)
 *
 * Every value begins with {"version":[epoch,seq], for the fence. JSON is written with put.h.
 *
 *  rec, fallback: {"version":[E,S],"schema":1,"rec":"<partition>-<E>-<S>","ts":<ms>,
 *      "personalised":true,"model":"linear","segment":3|null,"arm":null,
 *      "items":[{"id":"..","score":1.23,"reason":"together","because":{"item":".."}},...]}
 *      model: net (personalised), twin (not), segment (his segment's list), popular (a fallback)
 *      because: of what the user took (because.h), of the first items while the value has at most
 *      REC_LIST_BYTES, and 100 more for each item behind the tenth, and three for each byte of an
 *      id above 16; propensity: of an exploration slot only; numbers have four digits
 *  info: {"version":[E,S],"schema":1,"n":10,"ttl":604800,"partitions":4,"segments":[0,...]}
 *      segments: those that have a key
 *  segment: {"version":[E,S],"schema":1,"ts":<ms>,"segment":3,BODY,
 *      "items":[{"id":"..","score":.02,"reason":"taste"},...]}; BODY is of card_text.h
 *  similar: {"version":[E,S],"schema":1,"ts":<ms>,"item":"..","domain":"course",
 *      "items":[{"id":"..","score":.31},...]}
 *  user: {"version":[E,S],"schema":1,"ts":<ms>,BODY}
 *  Without BODY, and with items [], each of the three is a tombstone: docs/redis.md says of what.
 *  published: {"version":[E,S],"offsets":{"course-views":123,...},"ts":<stream time ms>,
 *      "refreshed":<wall ms>}   refreshed: everyone of the task has been ranked since then, if
 * known
 *
 * struct rec travels from learner to publisher through a queue, in place: it owns the user
 * id bytes, of a trigger its record and of a card its body; item ids point into the catalogue's
 * arena, names of categories into the content's: neither ever moves.
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
    REC_SEGMENT,   /* a segment's card and items                                    */
    REC_SIMILAR,   /* what goes with an item                                        */
    REC_USER,      /* a user's card                                                 */
};

enum {
    REC_LIST_BYTES = 1018, /* with it, and a key of 60 bytes, Redis needs 1.25 KiB at most */
    REC_BODY_MAX = 32 * 1024,
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
    int64_t refreshed_ms;               /* PUBLISHED: wall clock, 0 unknown          */
    uint32_t user_slot; /* LIST, TOUCH, USER                                          */
    int32_t task;       /* partition                                                  */
    int32_t segment;    /* -1: null; SEGMENT: whose it is                             */
    uint16_t n;         /* items                                                      */
    uint16_t user_id_len;
    uint8_t kind;    /* enum rec_kind                                              */
    uint8_t target;  /* domain index                                               */
    uint8_t touched; /* TOUCH: enum rec_kind whose key it is                       */
    uint8_t domain;  /* SIMILAR: of the item that user_id names                    */
    bool personalised;
    bool by_segment;     /* LIST: it is his segment's                              */
    uint32_t partitions; /* INFO */
    uint32_t segments;   /* INFO: bit k: segment k has a key                       */
    /* SEGMENT, USER: members of the value, (body_len,) at most REC_BODY_MAX bytes, malloc'ed, owned
     * by the rec; NULL: none, it is a tombstone. */
    char *body;
    size_t body_len;
    /* TRIGGER: a record of trigger.h, owned by the rec; its id is (epoch, seq); after: the one that
     * was written before it. The generation comes back in the ack, also of STREAM. */
    uint8_t *trigger;
    size_t trigger_len;
    uint64_t after_ms, after_seq;
    uint32_t generation;
    char user_id[ID_LEN_MAX + 1];
    struct rec_item items[]; /* (n,), room for config_list_max() */
};

/** Bytes of a struct rec with room for n items. */
size_t rec_bytes(uint32_t n);

/** Largest key and value for a configuration; sizes for buffers. */
size_t rec_key_max(const struct config *cfg);
size_t rec_value_max(const struct config *cfg);

/** Writes the key of a rec. Returns its length. buf has rec_key_max() bytes. */
size_t rec_key(const struct config *cfg, const struct rec *r, char *buf);

/** Where the writes of a target's lists are told, at most rec_key_max() bytes. Returns its length.
 */
size_t rec_channel(const struct config *cfg, uint8_t target, char *buf);

/** Writes the value (of all but TOUCH, TAKEOVER, TRIGGER, STREAM). Returns its length. */
size_t rec_value(const struct config *cfg, const struct rec *r, char *buf);

/** Reads (epoch, seq) from the beginning of a value. @return ST_OK or ST_INVALID */
MUST_CHECK enum status rec_version(const char *value, size_t len, uint64_t *epoch, uint64_t *seq);

#endif
