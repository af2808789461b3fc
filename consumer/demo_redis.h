/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_redis.h -- a redis-server of the demo's own: on a free loopback port, nothing saved.
 *
 * It lies in a process group of its own (Ctrl-C in the terminal is the demo's alone) and
 * dies with the demo, however that ends (PR_SET_PDEATHSIG: with the thread that started it,
 * so start it from the main thread). Threads: main.
 */
#ifndef DEMO_REDIS_H
#define DEMO_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "status.h"

/** Plain value; zero: none. */
struct demo_redis {
    pid_t pid;
    uint16_t port;
};

/**
 * Starts it and waits until it answers.
 * @param dir       its working directory
 * @param log_path  where its output goes
 * @return ST_OK, ST_NOT_FOUND (no redis-server on the PATH), ST_IO; `err` says why
 */
MUST_CHECK enum status demo_redis_start(const char *dir, const char *log_path,
                                        struct demo_redis *out, char *err, size_t err_len);
/** False if it ended by itself. */
bool demo_redis_alive(struct demo_redis *r);
/** SIGTERM, after two seconds SIGKILL; waits for its end. */
void demo_redis_stop(struct demo_redis *r);

#endif
