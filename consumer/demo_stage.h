/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_stage.h -- everything that runs while the demo plays: Redis, broker, daemon, feeder.
 *
 * Opened in this order and closed in the opposite one; what was not opened is not closed. The
 * daemon is that of `crossrec run`, on a thread of its own; its log goes to a file in the
 * temporary directory, and its last lines are shown if something failed.
 *
 * Ownership: owns all of it. Threads: main; the daemon's is made here.
 */
#ifndef DEMO_STAGE_H
#define DEMO_STAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"
#include "daemon.h"
#include "demo_events.h"
#include "demo_feeder.h"
#include "demo_fires.h"
#include "demo_options.h"
#include "demo_redis.h"
#include "demo_screen.h"
#include "kafka.h"
#include "redis.h"
#include "status.h"

/* Zero-initialised but for options and cfg. Large: not for the stack. */
struct demo_stage {
    struct demo_options options;
    struct config cfg;
    struct demo_events *events;
    const char *dir, *log_path;
    int64_t opened_ms; /* since when it is waited for */
    int log_fd;        /* -1: none */
    struct demo_redis own_redis;
    struct redis *reader; /* reads the followed user's lists */
    struct store store;   /* the same */
    struct kafka_embedded *broker;
    struct daemon *daemon;
    pthread_t thread;
    bool thread_runs;
    _Atomic bool daemon_ended;
    enum status daemon_status; /* valid when it ended */
    char daemon_err[CONFIG_ERROR_MAX];
    struct demo_fires *fires; /* NULL: there are no triggers */
    struct demo_feeder *feeder;
};

/** Opens all but the feeder. On failure what was opened stays open: demo_stage_close().
 *  @return ST_OK, or why not in `err` (CONFIG_ERROR_MAX bytes) */
MUST_CHECK enum status demo_stage_open(struct demo_stage *s, char *err);
/** Where everything is. */
struct demo_places demo_stage_places(const struct demo_stage *s);
/** Has the daemon its tasks, and does it reach Redis? @return ST_OK; ST_AGAIN: not yet; ST_IO (it
 *  ended, or takes too long: `err`) */
MUST_CHECK enum status demo_stage_ready(struct demo_stage *s, char *err);
MUST_CHECK enum status demo_stage_feed(struct demo_stage *s, double rate, char *err);
/** ST_IO if the daemon or Redis ended by itself. */
MUST_CHECK enum status demo_stage_check(struct demo_stage *s, char *err);
/** Stops feeder and daemon in order (lists written, offsets committed, group left); Redis and
 *  the broker stay. @return ST_OK, or the first that went wrong, in `err` */
enum status demo_stage_stop(struct demo_stage *s, char *err);
/** The last lines of the log, to stderr. */
void demo_stage_show_log(const struct demo_stage *s);
void demo_stage_close(struct demo_stage *s);

#endif
