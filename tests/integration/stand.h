/* SPDX-License-Identifier: Apache-2.0
 *
 * stand.h -- a Kafka, a Redis, a configuration and a daemon: what the tests of whole paths stand
 * on.
 *
 * Servers are started once a program (stand_open); each test begins with a configuration and
 * a group of its own and an empty Redis (stand_begin). Failures are failures of the test, with the
 * daemon's log on stderr. Threads: the main thread.
 */
#ifndef STAND_H
#define STAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "kafka.h"

enum { STAND_SETS = 48, STAND_WAIT_MS = 40000, STAND_VALUE_MAX = 65536 };

struct stand {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    struct redisContext *client;
    struct daemon_fixture *daemon;
    struct kafka_producer *producer; /* murmur2, as Java */
    struct config cfg;               /* what the daemon will have */
    const char *ini;                 /* its file; NULL: none */
    char sets[STAND_SETS][CONFIG_VALUE_MAX];
    size_t n_sets;
    char http[32];
    char value[STAND_VALUE_MAX]; /* of the last stand_get() */
};

/** First in main(): 0 if the servers are there, else what main() is to return (77: skipped). */
int stand_missing(void);
int stand_open(struct stand *s); /* 0, or what a group's setup is to return */
void stand_close(struct stand *s);

/** A group called `name`, short intervals, the servers' addresses; what ran before is ended. */
void stand_begin(struct stand *s, const char *name, const char *ini);
void stand_set(struct stand *s, const char *key, const char *value);
/** Reads the configuration, makes the producer. After the last stand_set(). */
void stand_load(struct stand *s);
void stand_create(struct stand *s, const char *topic, int32_t partitions);
/** The tasks' topics, global and raw ones, dead letters: whatever of them does not exist. */
void stand_create_all(struct stand *s, int32_t partitions);
void stand_produce(struct stand *s, const char *topic, const char *key, const void *value,
                   size_t len);
void stand_flush(struct stand *s);

void stand_start(struct stand *s);
/** SIGTERM; it must exit with 0. */
void stand_term(struct stand *s);
void stand_kill(struct stand *s);    /* kill -9 */
void stand_refresh(struct stand *s); /* SIGUSR1: whoever has lists is ranked again */

/** GET; NULL if there is no such key. Borrowed until the next call. */
const char *stand_get(struct stand *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** A metric summed over its labels, or of one ("topic=\"x\""; NULL: all). */
double stand_metric(struct stand *s, const char *name, const char *label);
bool stand_ready(struct stand *s);
/** Ends of a topic's partitions, added up. */
int64_t stand_records(struct stand *s, const char *topic);
/** See daemon_fixture_find(); `arg` is NULL. */
const char *stand_find_in_log(struct stand *s,
                              const char *(*find)(const char *line, const char *arg));
bool stand_logged(struct stand *s, const char *text);

int64_t stand_now_ms(void);
void stand_nap_ms(int ms);
void stand_show_log(struct stand *s);

/** For cmocka_run_group_tests(): *state is the one stand of the program. */
int stand_setup(void **state);
int stand_teardown(void **state);

/* Fails the test, after `show` has shown the logs, unless `what` (whose text is `text`) holds; and
 * unless it does within so many milliseconds. */
#define STAND_EXPECT_OR(show, what, text)                                                          \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            show;                                                                                  \
            fail_msg("not so: %s", text);                                                          \
        }                                                                                          \
    } while (0)

#define STAND_AWAIT_OR(show, wait_ms, what, text)                                                  \
    do {                                                                                           \
        for (const int64_t end_ = stand_now_ms() + (wait_ms); !(what);) {                          \
            if (stand_now_ms() > end_) {                                                           \
                show;                                                                              \
                fail_msg("never: %s", text);                                                       \
            }                                                                                      \
            stand_nap_ms(10);                                                                      \
        }                                                                                          \
    } while (0)

#define STAND_EXPECT(s, what) STAND_EXPECT_OR(stand_show_log(s), what, #what)
#define STAND_AWAIT(s, what)  STAND_AWAIT_OR(stand_show_log(s), STAND_WAIT_MS, what, #what)

#endif
