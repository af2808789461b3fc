/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_end.h -- how the demo ends, and what it must not leave behind.
 *
 * SIGINT, SIGTERM and SIGHUP ask it to end; the second one ends it at once: the child is
 * killed, the temporary directory removed, the exit status 128 + signal. Whatever ends it, a crash
 * too, first gives back the terminal (demo_term.h). State is static,
 * because signal handlers get no argument: one demo a process.
 *
 * Threads: demo_end_asked() any; the rest the main thread.
 */
#ifndef DEMO_END_H
#define DEMO_END_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "status.h"

/** Installs the handlers and ignores SIGPIPE. */
void demo_end_watch(void);
/** Blocks the signals of the calling thread, so that threads it makes do not get them, or
 *  lets them through again. */
void demo_end_block(bool block);
/** 0, or the number of the signal that asked. */
int demo_end_asked(void);
/** Asks, as a signal would: nobody reads the output any more, ... */
void demo_end_ask(int signal_number);

/** Makes the temporary directory ($TMPDIR or /tmp). @return ST_OK or ST_IO (errno) */
MUST_CHECK enum status demo_end_dir(const char **path);
/** Path of a file in the directory; removed with it. At most DEMO_END_FILES.
 *  @return the path, static, or NULL (no directory, or too many) */
const char *demo_end_file(const char *name);
enum { DEMO_END_FILES = 4 };
/** The child to be killed at a second signal; 0: none. */
void demo_end_child(pid_t pid);
/** Removes the directory. Its files must be closed. */
void demo_end_clean(void);

#endif
