/* SPDX-License-Identifier: Apache-2.0
 *
 * trigger_streams.h -- a stand with triggers: events that make them fire, and what then stands in
 * the streams. Failures are failures of the test. Threads: the main thread.
 */
#ifndef TRIGGER_STREAMS_H
#define TRIGGER_STREAMS_H

#include <stdint.h>

#include "stand.h"

enum {
    STREAMS_PARTITIONS = 3,
    STREAMS_ENTRIES_MAX = 4096,
    STREAMS_TEXT = 96,
    STREAMS_CROSSING = 25, /* users of streams_cross_over() */
};

struct redisReply;

struct streams_entry {
    char id[STREAMS_TEXT], name[STREAMS_TEXT], user[STREAMS_TEXT], trigger_id[STREAMS_TEXT];
    char kind[STREAMS_TEXT], item[STREAMS_TEXT], category[STREAMS_TEXT], domain[STREAMS_TEXT];
    char from[STREAMS_TEXT], to[STREAMS_TEXT];
    int64_t ts_ms, expires_ms;
    int partition;
};

struct streams_entries {
    struct streams_entry all[STREAMS_ENTRIES_MAX]; /* (n,) each stream in its order */
    int n;
};

/** What the last streams_read() or streams_count() found. */
extern struct streams_entries streams_found;

/** A stand with topics NAME-..., state = kafka, and the trigger `crossed`: the first purchase in
 * food, for course. Then stand_set(), then streams_create(). */
void streams_begin(struct stand *s, const char *name);
void streams_create(struct stand *s);
/** The topic of privacy requests. */
const char *streams_privacy(void);

void streams_view(struct stand *s, const char *user, const char *course, int64_t ts_ms);
void streams_order(struct stand *s, const char *user, const char *dish, int64_t ts_ms);
/** STREAMS_CROSSING users, u<from> and on, view a course and then order twice. */
void streams_cross_over(struct stand *s, int from);

/** Reads all streams of a target. Ids must grow, and be what trigger_id says. */
void streams_read(struct stand *s, const char *target);
/** Entries of a trigger and a user (NULL: of all). */
int streams_count(struct stand *s, const char *target, const char *name, const char *user);
/** The last one of them, of those found. */
const struct streams_entry *streams_last(const char *name, const char *user);
/** An entry as XRANGE and XREADGROUP have it. */
struct streams_entry streams_entry_of(const struct redisReply *r, int partition);

/** A command to Redis that must work. */
void streams_command(struct stand *s, const char *text);

#endif
