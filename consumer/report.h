/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h -- findings, one line each: `ok: ...`, `problem: ...; type ...`, `note: ...`.
 *
 * Plain value, zero-initialised but for `out`. A line is flushed at once. Threads: one.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

struct report {
    FILE *out;
    int problems; /* so far */
};

/** Formats and prints; line ends inside the text become spaces. */
void report_ok(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A problem is worth nothing without what to type: format ends in it. */
void report_problem(struct report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
