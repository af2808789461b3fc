/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.h -- files that live as long as a test, and what a test printed.
 *
 * Failures abort the test program: a test cannot go on without its file.
 * Threads: one; one capture at a time.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>

enum { SCRATCH_PATH_MAX = 64 };

/** Writes a new file in /tmp and its path to `path`. The test unlinks it. */
void scratch_write(char path[SCRATCH_PATH_MAX], const void *bytes, size_t len);
/** The same of a text. */
void scratch_text(char path[SCRATCH_PATH_MAX], const char *text);

/** What goes to stdout (1) or stderr (2) is kept from now on. */
void scratch_capture(int fd);
/** Ends it. Returns what was written, terminated; valid until the next capture. */
const char *scratch_captured(void);

#endif
