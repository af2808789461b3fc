/* SPDX-License-Identifier: Apache-2.0
 * bursts.c -- see bursts.h. */
#include "bursts.h"

enum {
    GUESSED = 16, /* bursts of a kind that nobody saw */
    REMEMBERED = 1024,
    WORTH = 8, /* one in so many */
};

void bursts_init(struct bursts *b) {
    for (int k = 0; k < BURSTS_KINDS; k++) {
        b->begun[k] = GUESSED;
        b->went_on[k] = GUESSED / 2;
    }
}

uint8_t bursts_kind(uint8_t before, int64_t since_ms, int64_t interval_ms) {
    if (before == BURSTS_NONE) {
        return BURSTS_NEW;
    }
    uint8_t kind = BURSTS_SOON;
    for (int64_t ms = interval_ms; since_ms >= ms && kind < BURSTS_KINDS - 1; ms *= 2) {
        kind++;
    }
    return kind;
}

bool bursts_begin(struct bursts *b, uint8_t kind) {
    const bool waits = kind == BURSTS_SOON || b->went_on[kind] * WORTH >= b->begun[kind];
    if (++b->begun[kind] >= REMEMBERED) {
        b->begun[kind] /= 2;
        b->went_on[kind] /= 2;
    }
    return waits;
}

void bursts_go_on(struct bursts *b, uint8_t kind) {
    b->went_on[kind]++;
}
