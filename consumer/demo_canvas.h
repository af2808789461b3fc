/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_canvas.h -- a picture of w x h character cells, and the bytes that bring it to a terminal.
 *
 * Everything is drawn into cells first; a frame is the difference to the frame before, in one
 * piece, so that a terminal never shows half of one. Drawing outside of the picture is cut off.
 * Texts are UTF-8 from anywhere: control bytes become spaces, what is no UTF-8 becomes `?`,
 * characters without a width are dropped, wide ones take two cells. Without utf8 every character
 * that is not ASCII becomes `?`, and lines and bars are made of ASCII.
 *
 * Pure: no terminal, no locale. Ownership: a canvas owns its cells. Threads: one.
 */
#ifndef DEMO_CANVAS_H
#define DEMO_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { CANVAS_W_MAX = 1000, CANVAS_H_MAX = 400 };

/* How a cell looks. With colours and, where they are not wanted, without. */
enum demo_look {
    LOOK_PLAIN,
    LOOK_BOLD,
    LOOK_DIM,   /* lines, labels              */
    LOOK_TITLE, /* of a pane                  */
    LOOK_BAR,   /* the first and the last row */
    LOOK_RATE,  /* series: throughput, ...    */
    LOOK_MODEL, /* ... the model, ...         */
    LOOK_OTHER, /* ... what it is beside      */
    LOOK_NEW,   /* new in a list              */
    LOOK_ALARM,
    LOOKS
};

struct demo_cell {
    char text[5]; /* one character, terminated; "": the right half of a wide one */
    uint8_t look;
};

struct demo_canvas {
    int w, h;
    bool utf8, colour;
    struct demo_cell *cells; /* (h, w) */
};

/** All spaces. @return ST_OK, ST_RANGE (a side below 1 or above its maximum), ST_NOMEM */
MUST_CHECK enum status demo_canvas_new(int w, int h, bool utf8, bool colour,
                                       struct demo_canvas **out);
void demo_canvas_free(struct demo_canvas *c);
void demo_canvas_clear(struct demo_canvas *c);

/** A text of at most `columns` columns; a longer one ends in an ellipsis. @return columns used */
int demo_canvas_put(struct demo_canvas *c, int x, int y, int columns, enum demo_look look,
                    const char *text);
/** The same, its end at column x + columns. */
void demo_canvas_put_right(struct demo_canvas *c, int x, int y, int columns, enum demo_look look,
                           const char *text);
/** Columns of a text, were there room. */
int demo_canvas_columns(const struct demo_canvas *c, const char *text);
/** n cells of one look without a text: the ground of a bar. */
void demo_canvas_fill(struct demo_canvas *c, int x, int y, int n, enum demo_look look);

/** A line across the picture's width from x, n long; where another crosses, they join. */
void demo_canvas_hline(struct demo_canvas *c, int x, int y, int n);
void demo_canvas_vline(struct demo_canvas *c, int x, int y, int n);

/** A bar of `share` in [0,1] of n columns, in eighths of a column; anything above 0 shows. */
void demo_canvas_bar(struct demo_canvas *c, int x, int y, int n, double share, enum demo_look look);
/** A column chart of `values` (n,) in w x h cells, oldest left; `max` fills the height. Values
 *  below 0 and NaN are gaps; of more values than columns the last ones show. */
void demo_canvas_chart(struct demo_canvas *c, int x, int y, int w, int h, const double *values,
                       int n, double max, enum demo_look look);

/**
 * Bytes that make a terminal which shows `before` show `c`; before NULL, or of another size: it is
 * wiped first.
 * @param len  out: how many; 0: nothing changed
 * @return malloc'ed; NULL if out of memory
 */
char *demo_canvas_frame(const struct demo_canvas *c, const struct demo_canvas *before, size_t *len);
/** A row as text, w columns, terminated; for tests. @param buf  (4 * w + 1,) */
void demo_canvas_row(const struct demo_canvas *c, int y, char *buf);

#endif
