/* SPDX-License-Identifier: Apache-2.0
 *
 * show.h -- text for people on a terminal: cells, bars, headings, colours where they are wanted.
 *
 * Colours: on a terminal only, not with NO_COLOR or TERM=dumb. Letters beyond ASCII, bars and lines
 * of them: where LC_ALL, LC_CTYPE or LANG (the first that is set) says UTF-8; else they become "?",
 * "#" and "-". Control characters always become "?": what is shown was written by others.
 * Widths are columns of a terminal: wide letters have two, combining ones none.
 *
 * Threads: one.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SHOW_WIDTH = 80 };

enum show_style { SHOW_PLAIN, SHOW_BOLD, SHOW_DIM, SHOW_ACCENT, SHOW_GOOD, SHOW_BAD };

struct show { /* plain value */
    FILE *out;
    bool colour, utf8;
};

/** As the environment has it. */
struct show show_to(FILE *out);

/** Formatted text, in columns that nobody counts. */
void show(const struct show *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Text from outside, as wide as it is, at most `most` columns. */
void show_text(const struct show *s, enum show_style style, const char *text, uint32_t most);
/** The same in exactly `width` columns: filled up behind it; cut, and marked so. */
void show_cell(const struct show *s, enum show_style style, const char *text, uint32_t width);
/** The same, filled up before it. */
void show_right(const struct show *s, enum show_style style, const char *text, uint32_t width);
/** A bar of at most `width` columns, so long as `share` of 1 says; a share above 0 is seen. Returns
 *  its columns. */
uint32_t show_bar(const struct show *s, double share, uint32_t width);
/** The same, filled up behind it. */
void show_bar_cell(const struct show *s, double share, uint32_t width);
/** A line with what follows it. */
void show_heading(const struct show *s, const char *text);
/** Columns of a text. */
uint32_t show_columns(const struct show *s, const char *text);

/* Lists of pieces that are broken into lines before they reach the 80th column. */
struct show_flow { /* begin: {.indent = n, .at = columns in the line already} */
    uint32_t indent, at;
    bool begun; /* a piece stands in the line */
};
/** A piece, with a comma before it if one is in the line. */
void show_piece(const struct show *s, struct show_flow *f, enum show_style style, const char *text);

/** "81,234", "1,240" "17.5", "0.42": as many digits as a person reads; out has 32 bytes. */
const char *show_number(double x, char out[32]);
/** "31 %", "<1 %" */
const char *show_percent(double share, char out[32]);
/** "5 min ago", "3 h ago", "12 d ago", "in 3 h", of two times in ms. */
const char *show_ago(int64_t then_ms, int64_t now_ms, char out[32]);
/** "26 Nov 03:12", UTC; with the year if it is another than that of now. */
const char *show_time(int64_t ms, int64_t now_ms, char out[32]);

#endif
