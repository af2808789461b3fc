/* SPDX-License-Identifier: Apache-2.0
 *
 * crew.h -- several instances of one group, state = kafka, on the servers of a stand.
 *
 * Input topics are NAME-courses and NAME-dishes of an *input*, which several groups may read;
 * state, model and its items are topics of the group's own. Clocks: that of the stream, unless a
 * test sets crossrec.clock. Failures are failures of the test, with all logs on stderr. Threads:
 * the main thread.
 */
#ifndef CREW_H
#define CREW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stand.h"

enum { CREW_MAX = 3, CREW_NAME_MAX = 32, CREW_WAIT_MS = 40000, CREW_TERM_MS = 20000 };

struct crew {
    struct stand *s;
    int32_t partitions;
    char group[CREW_NAME_MAX];
    struct member {
        struct daemon_fixture *daemon; /* NULL: it does not run */
        char http[32];
    } members[CREW_MAX];
};

/** A group that reads the input; whatever ran before is ended, Redis is emptied. Then stand_set()s,
 *  then crew_load(). */
void crew_begin(struct crew *c, const char *group, const char *input, int32_t partitions);
/** Reads the configuration and makes the input's topics. */
void crew_load(struct crew *c);
/** Makes a topic, if it is not there. */
void crew_create(struct crew *c, const char *topic, int32_t partitions);
void crew_end(struct crew *c);

/** Starts instance k with further "key=value"s (NULL-terminated, or NULL). */
void crew_start(struct crew *c, int k, const char *const *more);
/** SIGTERM; it must exit with 0. @return how long that took, ms */
int64_t crew_term(struct crew *c, int k);
void crew_kill(struct crew *c, int k); /* kill -9 */
/** Waits until it has ended by itself, with a status that is not 0, and has logged the text. */
void crew_await_end(struct crew *c, int k, const char *text);

/** Tasks that run at an instance; -1: nobody answers. */
int crew_tasks(struct crew *c, int k);
bool crew_ready(struct crew *c, int k);
/** GET /model?items=`items`: to be freed; NULL: nobody answers, or not now. */
json_t *crew_model(struct crew *c, int k, int items);
/** All `n` first instances have the whole model of `events` events, nothing pending anywhere. */
bool crew_settled(struct crew *c, int n, int64_t events);

/** Runs `crossrec WORDS --set ...` (NULL-terminated) with the group's configuration.
 *  @return its exit status; *text: what it said, stderr too, borrowed until the next */
int crew_run(struct crew *c, const char *const *words, const char **text);

void crew_show_logs(const struct crew *c);

#define CREW_EXPECT(c, what) STAND_EXPECT_OR(crew_show_logs(c), what, #what)
#define CREW_AWAIT(c, what)  STAND_AWAIT_OR(crew_show_logs(c), CREW_WAIT_MS, what, #what)

#endif
