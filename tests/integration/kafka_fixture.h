/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_fixture.h -- a private Apache Kafka (KRaft, one node) for one test program.
 *
 * The broker listens on a loopback address of its own, 127.7.n.1:9092 (n from the pid,
 * the next free one), with its data in a fresh temporary directory. It starts in about a
 * second, needs 160 MB, and dies with the test, even if the test crashes. Topics are not
 * created automatically. kafka_install.sh puts the jars into the cache, once.
 *
 * Threads: start and restart it on the main thread; the broker dies with the thread that
 * started it.
 */
#ifndef KAFKA_FIXTURE_H
#define KAFKA_FIXTURE_H

#include <stdbool.h>

struct kafka_fixture;

/** 0 if java and the jars are there. Else prints what is missing and returns what main()
 *  is to return: 77 (skipped), or 1 if CI is set. */
int kafka_fixture_missing(void);

/** Starts a broker and waits until it answers, 30 s at most. NULL with the reason and the
 *  broker's log on stderr if it cannot. */
struct kafka_fixture *kafka_fixture_start(void);

/** "127.7.n.1:9092", for kafka.bootstrap.servers. */
const char *kafka_fixture_brokers(const struct kafka_fixture *f);

/** Ends the broker at once, as a crash does (kill -9). Its data stay. */
void kafka_fixture_kill(struct kafka_fixture *f);

/** Starts it again on the same data and address; about 1.5 s after a kill. False, with
 *  the reason on stderr, if it cannot. */
bool kafka_fixture_restart(struct kafka_fixture *f);

/** Stops the broker (SIGTERM, after 10 s SIGKILL) and removes its data. NULL is allowed. */
void kafka_fixture_stop(struct kafka_fixture *f);

#endif
