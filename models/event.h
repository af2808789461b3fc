/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h -- one thing a user did, as the learner sees it.
 *
 * An event has one user, one time, one domain and one or more lines (an order
 * has a line per dish, a course view has one). Strings are views: whoever made
 * the event keeps the bytes until it has been learned.
 */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOMAINS_MAX = 16,      /* domains an instance can be configured with          */
    EVENT_LINES_MAX = 512, /* lines of one event; more is a bad event             */
    ID_LEN_MAX = 255,      /* bytes of a user, item or event id; 1 at least       */
    EVENT_WEIGHT_MAX = 100,
};

/* The category of an item that has none; dense indices (content.h) stay below. */
#define CATEGORY_NONE UINT32_MAX

/* What was done. Order is part of the schemas' enum and of stored histories. */
enum action {
    ACTION_VIEW,
    ACTION_ENROLL,
    ACTION_PURCHASE,
    ACTION_ORDER,
    ACTION_COMPLETE,
    ACTION_RATE,
    ACTION_LIKE,
    ACTION_SHARE,
    ACTION_COMMENT,
    ACTION_REPORT,
    ACTIONS_OF_EVENTS, /* those below are learned; feedback follows */
    ACTION_IMPRESSION = ACTIONS_OF_EVENTS,
    ACTION_CLICK,
    ACTION_CONVERSION,
    ACTIONS
};

/** Does it use an item up: not to be shown again where repeats are not allowed? */
static inline bool action_consumes(uint8_t action) {
    switch ((enum action)action) {
    case ACTION_ENROLL:
    case ACTION_PURCHASE:
    case ACTION_ORDER:
    case ACTION_COMPLETE:
    case ACTION_RATE:
    case ACTION_REPORT: return true; /* reported: hidden everywhere */
    default: return false;
    }
}

/** "view", "enroll", ...; "unknown". */
static inline const char *action_str(uint8_t action) {
    static const char *const words[ACTIONS] = {
        "view",  "enroll",  "purchase", "order",      "complete", "rate",      "like",
        "share", "comment", "report",   "impression", "click",    "conversion"};
    return action < ACTIONS ? words[action] : "unknown";
}

struct event_line {
    uint64_t item;  /* 64-bit hash of domain\0id: the durable identity     */
    const char *id; /* (id_len,) bytes, not terminated                     */
    uint16_t id_len;
    float quantity; /* >= 0, finite; 1 where the source has none           */
    float amount;   /* money in the domain's unit, >= 0, finite; 0 if none */
    float discount; /* what it would have cost more, likewise              */
};

struct event {
    uint64_t id;         /* 64-bit hash of event_id: the same id counts once    */
    uint64_t user;       /* 64-bit hash of the user id                          */
    int64_t ts_ms;       /* event time, ms since the epoch, UTC                 */
    int64_t offset;      /* of the Kafka record: seeds the draws made for it    */
    const char *user_id; /* (user_id_len,) bytes, not terminated           */
    uint16_t user_id_len;
    uint8_t domain;       /* index into the configured domains                 */
    uint8_t topic;        /* index into the configured topics                  */
    uint8_t action;       /* enum action, below ACTIONS_OF_EVENTS when learned  */
    uint32_t counterpart; /* whom a social interaction is with: any 32 bits of a hash; 0: nobody */
    float weight;         /* how much it teaches, 0..EVENT_WEIGHT_MAX; 1 is an event's own */
    uint16_t n_lines;     /* 1..EVENT_LINES_MAX                                */
    struct event_line *lines;
};

#endif
