/* SPDX-License-Identifier: Apache-2.0
 *
 * screen.h -- a terminal in memory, which understands what the live view writes and nothing else.
 *
 * Widths are those of the C library (wcwidth() of C.UTF-8). What it does not know, and what is
 * written beyond the last column or row while it does not wrap, is counted.
 */
#ifndef SCREEN_TEST_H
#define SCREEN_TEST_H

#include <stdbool.h>
#include <stddef.h>

enum { SCREEN_W = 400, SCREEN_H = 120, SCREEN_LOOK = 16, SCREEN_CHAR = 8 };

struct screen_cell {
    char text[SCREEN_CHAR]; /* "" : the right half of a wide character */
    char look[SCREEN_LOOK]; /* parameters of the last SGR              */
};

struct screen {
    int w, h, x, y;
    bool other, hidden, wraps; /* the other screen; the cursor; at the end of a row */
    int unknown, outside;
    char look[SCREEN_LOOK];
    char pending[32]; /* a sequence that is not complete */
    size_t n_pending;
    struct screen_cell cells[SCREEN_H][SCREEN_W];
};

void screen_init(struct screen *s, int w, int h);
void screen_write(struct screen *s, const char *bytes, size_t len);
/** A row as text. @param buf  (SCREEN_W * SCREEN_CHAR,) */
void screen_row(const struct screen *s, int y, char *buf);
/** Is this text in some row? */
bool screen_has(const struct screen *s, const char *text);

#endif
