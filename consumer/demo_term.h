/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_term.h -- the terminal of the live view: its own screen, keys one by one, and everything as
 * it was afterwards.
 *
 * ANSI sequences and termios alone: what is used (the other screen, a hidden cursor, no wrapping,
 * moving, wiping, SGR) every terminal of the last decades knows, and to put it back is two system
 * calls that a signal handler may make, which a curses library's are not.
 *
 * demo_term_close() may be called from anywhere, signal handlers too, any number of times;
 * demo_end.h calls it on each way out. State is static: one terminal a process.
 *
 * Threads: main.
 */
#ifndef DEMO_TERM_H
#define DEMO_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/** stdin and stdout are a terminal that knows more than to print. */
bool demo_term_possible(void);
/** Its characters are UTF-8, as the locale has it; colours are wanted (NO_COLOR is not set). */
bool demo_term_utf8(void);
bool demo_term_colour(void);

/** Takes the terminal over. @return ST_OK, ST_IO */
MUST_CHECK enum status demo_term_open(void);
/** Gives it back as it was. */
void demo_term_close(void);
/** Columns and rows; 80 x 24 if it does not say. */
void demo_term_size(int *w, int *h);
/** The size changed since this was asked last. */
bool demo_term_resized(void);
/** All bytes, or none (it is gone). */
void demo_term_write(const char *bytes, size_t len);

/* A key: an ASCII character, or one of these. */
enum demo_key {
    KEY_NONE = 0,
    KEY_BACKSPACE = 8,
    KEY_ENTER = 13,
    KEY_ESCAPE = 27,
    KEY_OTHER = 256, /* arrows and the like */
    KEY_GONE = 257,  /* the terminal is gone */
};

/** The next key, waiting at most so long for it; a signal or a change of size ends the wait. */
int demo_term_key(int timeout_ms);

#endif
