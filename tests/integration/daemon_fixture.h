/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_fixture.h -- `crossrec run` as a process of its own, for tests that kill it.
 *
 * Its log goes to a file in a temporary directory, shown when a test asks for it. It dies with
 * the test.
 */
#ifndef DAEMON_FIXTURE_H
#define DAEMON_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

struct daemon_fixture;

/** An http.address of this test program alone, another for each k of 1 to 250. Main thread. */
void daemon_fixture_http(int k, char *buf, size_t len);

/** Starts `crossrec run --set ...` for each of (n_sets,) "key=value". NULL if it cannot. */
struct daemon_fixture *daemon_fixture_start(const char *const *sets, size_t n_sets);

/** The same with a configuration file. */
struct daemon_fixture *daemon_fixture_start_with(const char *ini, const char *const *sets,
                                                 size_t n_sets);

/** True while the process runs. */
bool daemon_fixture_runs(struct daemon_fixture *f);

/** Its process id, 0 once it has ended. */
int daemon_fixture_pid(const struct daemon_fixture *f);

/** Sends a signal. */
void daemon_fixture_signal(struct daemon_fixture *f, int signal_number);

/** SIGTERM and the exit status, -1 if it did not end within timeout_ms (then it is killed). */
int daemon_fixture_term(struct daemon_fixture *f, int timeout_ms);

/** kill -9, waited for. */
void daemon_fixture_kill(struct daemon_fixture *f);

/** Copies the log to stderr. */
void daemon_fixture_show_log(const struct daemon_fixture *f);
/** What find(line, arg) says of the first line of the log of which it does not say NULL. */
const char *daemon_fixture_find(const struct daemon_fixture *f,
                                const char *(*find)(const char *line, const char *arg),
                                const char *arg);
/** True if the log contains the text. */
bool daemon_fixture_logged(const struct daemon_fixture *f, const char *text);

/** Kills what runs, removes the log, frees. NULL is allowed. */
void daemon_fixture_free(struct daemon_fixture *f);

#endif
