/* SPDX-License-Identifier: Apache-2.0
 * report.c -- see report.h. */
#include "report.h"

#include <stdarg.h>

enum { LINE_ROOM = 2048 };

__attribute__((format(printf, 3, 0))) static void print(struct report *r, const char *kind,
                                                        const char *format, va_list args) {
    char text[LINE_ROOM];
    vsnprintf(text, sizeof text, format, args);
    for (char *p = text; *p; p++) {
        if (*p == '\n' || *p == '\r') {
            *p = ' ';
        }
    }
    fprintf(r->out, "%s: %s\n", kind, text);
    fflush(r->out);
}

void report_ok(struct report *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(r, "ok", format, args);
    va_end(args);
}

void report_note(struct report *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(r, "note", format, args);
    va_end(args);
}

void report_problem(struct report *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    print(r, "problem", format, args);
    va_end(args);
    r->problems++;
}
