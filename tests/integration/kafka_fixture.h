/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_fixture.h -- a private Apache Kafka (KRaft, one node or several) for one test program.
 *
 * The broker listens on a loopback address of its own, 127.7.n.1:9092 (n from the pid,
 * the next free one), with its data in a fresh temporary directory. It starts in about a
 * second, needs 160 MB, and dies with the test, even if the test crashes. Topics are not
 * created automatically. kafka_install.sh puts the jars into the cache, once.
 *
 * Several nodes share the address, at ports 9092, 9094, ...; each is broker and controller. Topics,
 * offsets and transactions are replicated to at most three, with min.insync.replicas one less.
 *
 * Threads: start and restart it on the main thread; a broker dies with the thread that
 * started it.
 */
#ifndef KAFKA_FIXTURE_H
#define KAFKA_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

enum { KAFKA_FIXTURE_NODES_MAX = 3 };

struct kafka_fixture;

/** 0 if java and the jars are there. Else prints what is missing and returns what main()
 *  is to return: 77 (skipped), or 1 if CI is set. */
int kafka_fixture_missing(void);

/** Starts a broker and waits until it answers, 30 s at most. NULL with the reason and the
 *  broker's log on stderr if it cannot. */
struct kafka_fixture *kafka_fixture_start(void);

/** The same with the controller in a process of its own, which kafka_fixture_kill() leaves alone:
 * for tests that kill the broker and go on with it. 250 MB. */
struct kafka_fixture *kafka_fixture_start_apart(void);

/** The same of n nodes, 1 to KAFKA_FIXTURE_NODES_MAX; three need 450 MB and start in 2 s. */
struct kafka_fixture *kafka_fixture_start_n(int n);

/** "127.7.n.1:9092", for kafka.bootstrap.servers; of several nodes, all with commas. */
const char *kafka_fixture_brokers(const struct kafka_fixture *f);

/** Ends all brokers at once, as a crash does (kill -9). Their data stay. */
void kafka_fixture_kill(struct kafka_fixture *f);

/** Starts them again on the same data and address; about 1.5 s after a kill, 2.5 s if the
 * controller is apart and has to notice first. False, with the reason on stderr, if it cannot. */
bool kafka_fixture_restart(struct kafka_fixture *f);

/** The same of node k (0, 1, ...). Restarting waits until the node answers and knows of all that
 * run; it needs most of the nodes. */
void kafka_fixture_kill_node(struct kafka_fixture *f, int k);
bool kafka_fixture_restart_node(struct kafka_fixture *f, int k);

/** Stops node k where it stands (SIGSTOP) and lets it go on: a long pause, or a network that drops
 *  everything. */
void kafka_fixture_freeze_node(struct kafka_fixture *f, int k);
void kafka_fixture_thaw_node(struct kafka_fixture *f, int k);

/** Which node leads a partition; -1: none, or nobody answers within 2 s. */
int kafka_fixture_leader(const struct kafka_fixture *f, const char *topic, int32_t partition);

/** Stops the brokers (one: SIGTERM, after 10 s SIGKILL; several: SIGKILL) and removes their data.
 *  NULL is allowed. */
void kafka_fixture_stop(struct kafka_fixture *f);

#endif
