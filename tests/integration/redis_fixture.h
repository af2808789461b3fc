/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_fixture.h -- a private redis-server for one test, that can be hurt.
 *
 * The server listens on a Unix socket in a fresh temporary directory, and on a TCP port
 * of 127.0.0.1 if asked; it writes nothing to disk, unless its arguments say so: into that
 * directory. It dies with the thread that started it, also when the test crashes.
 */
#ifndef REDIS_FIXTURE_H
#define REDIS_FIXTURE_H

#include <stdbool.h>

enum redis_fixture_port { REDIS_NO_PORT, REDIS_PORT };

struct redis_fixture;

/** Leaves the program when there is no redis-server: 77 (skipped) on a laptop, 1 where CI is
 *  set in the environment. */
void redis_fixture_require(void);

/**
 * Starts a server and waits until it answers, for 5 s at most.
 *
 * @param port  whether it listens on a TCP port too, a free one
 * @param args  further arguments of redis-server, NULL-terminated; or NULL. Not copied.
 * @return NULL, with the reason on stderr, if it cannot
 */
struct redis_fixture *redis_fixture_start(enum redis_fixture_port port, const char *const *args);

/** Kills the server and removes its directory. NULL is allowed. */
void redis_fixture_stop(struct redis_fixture *f);

/** "unix:/tmp/.../redis.sock", and its path alone; valid until redis_fixture_stop(). */
const char *redis_fixture_address(const struct redis_fixture *f);
const char *redis_fixture_socket(const struct redis_fixture *f);
/** A TCP port of 127.0.0.1 that is free now. */
int redis_fixture_free_port(void);

/** "127.0.0.1:<port>" */
const char *redis_fixture_tcp_address(const struct redis_fixture *f);

/** kill -9. Whoever is connected finds out. */
void redis_fixture_kill(struct redis_fixture *f);
/** The same, and removes what it has written to disk. */
void redis_fixture_forget(struct redis_fixture *f);
/** Starts it again on the same addresses; empty, unless it has written to disk. False, with the
 *  reason, if it cannot. */
bool redis_fixture_restart(struct redis_fixture *f);

/** SIGSTOP: connected, and silent. SIGCONT. */
void redis_fixture_freeze(struct redis_fixture *f);
void redis_fixture_thaw(struct redis_fixture *f);

#endif
