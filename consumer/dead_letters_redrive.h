/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters_redrive.h -- puts letters back into the topics they came from.
 *
 * A letter goes back with its key, value and record timestamp, to the partition that the
 * configured partitioner gives its key (without a key: to the one it came from), and with a header
 * `redriven-from` = TOPIC/PARTITION/OFFSET of the letter. A batch is acknowledged before its
 * letters are marked: a crash in between leaves letters that a second redrive puts back
 * again; their event ids make them count once.
 *
 * Threads: one.
 */
#ifndef DEAD_LETTERS_REDRIVE_H
#define DEAD_LETTERS_REDRIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "dead_letters_filter.h"

struct redrive_options {
    struct dead_filter filter;
    int64_t limit; /* letters put back; INT64_MAX: all */
    bool dry_run;  /* says what it would do            */
    bool again;    /* those that are marked too        */
};

/** Lines on stdout, progress and what went wrong on stderr. @return an exit status */
int dead_letters_redrive(const struct config *cfg, const struct redrive_options *options);

#endif
