/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters_print.h -- dead letters as people read them. Bytes that came from outside are
 * printed so that no terminal obeys them.
 *
 * Plain values. Threads: one.
 */
#ifndef DEAD_LETTERS_PRINT_H
#define DEAD_LETTERS_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dead_letters_read.h"

enum { TALLY_ROWS = 256, TALLY_REASON_MAX = 64 };

struct tally { /* letters by topic and reason */
    struct tally_row {
        char topic[CONFIG_NAME_MAX];
        char reason[TALLY_REASON_MAX];
        uint64_t letters, redriven;
    } rows[TALLY_ROWS];
    size_t n;
    uint64_t others; /* for which there was no row left */
};

void tally_add(struct tally *t, const struct dead_record *r);
/** The rows, most letters first. */
void tally_print(struct tally *t, FILE *out);

/** Printable ASCII as it is, anything else as `?`. */
void dead_print_text(FILE *out, const char *text, size_t len);
/** A letter's line: place, when, topic/partition/offset, reason, redriven | truncated | -, detail;
 *  tabs between them. */
void dead_print_line(FILE *out, const struct dead_record *r);
/** Everything: headers, key and value, the bytes as hex and as text. */
void dead_print_letter(FILE *out, const struct dead_record *r);

#endif
