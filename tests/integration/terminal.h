/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal.h -- a program on a terminal of its own (a pty), whose screen can be read and whose keys
 * can be pressed.
 *
 * The program is killed with the thread that started it. Ownership: owns it. Threads: one.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "screen.h"

struct terminal; /* opaque */

/** @param argv  NULL-terminated, argv[0] a path; `environ` is kept but for TERM and LC_ALL
 *  @return NULL, with the reason on stderr, if it cannot */
struct terminal *terminal_start(const char *const *argv, int w, int h);
/** SIGKILL, unless it ended. NULL is allowed. */
void terminal_stop(struct terminal *t);

pid_t terminal_pid(const struct terminal *t);
void terminal_type(struct terminal *t, const char *keys);
/** The window is so large now: SIGWINCH. */
void terminal_resize(struct terminal *t, int w, int h);

/** Reads until the text stands on the screen. @return false after so long */
bool terminal_await(struct terminal *t, const char *text, int timeout_ms);
/** Reads until the program ended. @return its wait status; -1 after so long */
int terminal_end(struct terminal *t, int timeout_ms);
/** Valid until the next call. */
const struct screen *terminal_screen(const struct terminal *t);
/** All that was printed, the newest 256 KiB of it; terminated. */
const char *terminal_output(const struct terminal *t);
/** Does it echo what is typed, line by line, as it did before? */
bool terminal_is_cooked(const struct terminal *t);

#endif
