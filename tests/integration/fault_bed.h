/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_bed.h -- two daemons that read the same events from one Kafka: one whose Redis is hurt, and
 * one whose Redis is left alone, for comparison.
 *
 * Order decides what is learned, so events are made such that both must take them in one order:
 * their times grow, and those of a round go to one partition after the other, each when the one
 * before it was learned. Both sweep all lists three times a second (publish.refresh), so that both
 * end with what the models say in the end. Then every key in both Redis must say the same
 * (redis_view.h).
 *
 * The daemon that suffers has the documented rights in its Redis, no more; the connection goes
 * through a proxy. Failures are failures of the test, with the logs on stderr. Threads: the main
 * one.
 */
#ifndef FAULT_BED_H
#define FAULT_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy.h"
#include "redis_cluster.h"
#include "redis_fixture.h"
#include "stand.h"

enum { BED_PARTITIONS = 3, BED_USERS = 60 /* a partition */, BED_RIGHT_MS = 30000 };

struct bed {
    struct stand s; /* Kafka; `redis` and `daemon` are those that suffer, `client` looks there */
    struct proxy *proxy;
    struct redis_cluster *cluster; /* in place of s.redis, if there is one */
    struct redis_fixture *calm;
    struct redisContext *calm_client;
    struct daemon_fixture *reference;
    char reference_http[32];
    int64_t sent, ts_ms;
    uint64_t random;
    int64_t healed_ms; /* monotonic */
    size_t wrong;      /* keys, when it was healed */
    bool is_counted;   /* they are counted already */
};

int bed_setup(void **state); /* for cmocka's groups; *state is the one bed */
int bed_teardown(void **state);

/** Arguments of the server that suffers, to be changed between a kill and a restart: slow loading.
 */
void bed_slow_loading(bool slow);

/** Sends n events to each partition and waits until both daemons have learned them, and the
 * reference has published what they changed. */
void bed_feed(struct bed *b, int n);
/** Sends n events to partition 0, and does not wait. */
void bed_pour(struct bed *b, int n);
void bed_await_learned(struct bed *b);

/** Starts the daemon that suffers, as a group that has read nothing. @param cluster  on b->cluster
 */
void bed_start(struct bed *b, bool cluster);

/** A command to the Redis that suffers, past the proxy; connects if need be. */
void bed_redis(struct bed *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Its text, static. */
const char *bed_redis_text(struct bed *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum bed_keys {
    BED_LISTS, /* rec and published */
    BED_ALL,   /* what is everybody's is looked at every five seconds only */
};

/** Keys that differ from the reference, of `all`. SIZE_MAX: that has not published all events yet.
 */
size_t bed_wrong(struct bed *b, enum bed_keys which, size_t *all, char *first, size_t len);

/** Just before the fault is over, where Redis can still be read: counts the lists that are wrong;
 *  there must be some. */
void bed_bites(struct bed *b);
/** The fault is over: counts the lists that are wrong, and the time runs. */
void bed_healed(struct bed *b);
/** Waits until nothing is wrong, and adds a line to the table: first the lists, then everything. */
void bed_await_right(struct bed *b, const char *fault);
/** Waits until nothing is wrong. */
void bed_settle(struct bed *b);
void bed_show_table(void);

void bed_show_logs(struct bed *b);

#define BED_EXPECT(b, what) STAND_EXPECT_OR(bed_show_logs(b), what, #what)
#define BED_AWAIT(b, what)  STAND_AWAIT_OR(bed_show_logs(b), BED_RIGHT_MS, what, #what)

#endif
