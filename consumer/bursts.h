/* SPDX-License-Identifier: Apache-2.0
 *
 * bursts.h -- whether who does something will do more of it within the publish interval: by how
 * often those did whose last burst was as long ago.
 *
 * A burst begins with a user's first news after his lists were ranked, and goes on if more comes
 * within an interval of that. Bursts are told apart by how many intervals, in powers of two, lie
 * between their beginning and that of the user's burst before. Of each kind the last 1,024 or so
 * are counted; where fewer than one in eight went on, it is not worth waiting for more: ranking
 * twice costs more than a wait saves above that.
 *
 * Plain value, set up by bursts_init(). Threads: one.
 */
#ifndef BURSTS_H
#define BURSTS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BURSTS_NONE,       /* no burst began yet */
    BURSTS_NEW,        /* the user's first   */
    BURSTS_SOON,       /* less than an interval after the one before */
    BURSTS_KINDS = 20, /* ... then 1, 2 to 3, 4 to 7 intervals */
};

struct bursts {
    uint32_t begun[BURSTS_KINDS], went_on[BURSTS_KINDS];
};

/** Half of what is known of each kind went on: a guess that a few dozen outweigh. */
void bursts_init(struct bursts *b);
/** The kind of a burst that begins since_ms after the one before, which was of kind `before`
 *  (BURSTS_NONE: there was none). */
uint8_t bursts_kind(uint8_t before, int64_t since_ms, int64_t interval_ms);
/** Another one begins: is it worth waiting for more of it? Always true of BURSTS_SOON. */
bool bursts_begin(struct bursts *b, uint8_t kind);
/** More came within an interval; to be said once a burst. */
void bursts_go_on(struct bursts *b, uint8_t kind);

#endif
