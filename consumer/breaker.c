/* SPDX-License-Identifier: Apache-2.0
 * breaker.c -- see breaker.h. */
#include "breaker.h"

#include <string.h>

enum { SHARE_JUDGED = 10, WINDOW_MIN = 10 };

void breaker_init(struct breaker *b, double share, uint32_t window, int64_t retry_ms) {
    memset(b, 0, sizeof *b);
    b->state = BREAKER_CLOSED;
    b->share = share;
    b->window = window < WINDOW_MIN ? WINDOW_MIN : window;
    b->window = b->window > BREAKER_WINDOW_MAX ? BREAKER_WINDOW_MAX : b->window;
    b->retry_ms = retry_ms;
}

static void forget(struct breaker *b) {
    b->n = b->bad = b->at = 0;
}

/* Records that were polled before it opened may still be taken: they decide nothing. */
static void move_to(struct breaker *b, enum breaker_state to, int64_t now_ms) {
    if (to == BREAKER_OPEN) {
        b->opened_ms = now_ms;
        b->opened++;
    } else if (to == BREAKER_TRYING) {
        forget(b);
    }
    b->state = to;
}

static void remember(struct breaker *b, bool bad) {
    uint8_t *byte = &b->ring[b->at / 8];
    const uint8_t bit = (uint8_t)(1U << (b->at % 8));
    if (b->n == b->window) {
        b->bad -= (*byte & bit) != 0;
    } else {
        b->n++;
    }
    b->bad += bad;
    *byte = (uint8_t)(bad ? *byte | bit : *byte & ~bit);
    b->at = b->at + 1 == b->window ? 0 : b->at + 1;
}

bool breaker_take(struct breaker *b, bool bad, int64_t now_ms) {
    b->seen++;
    if (b->state == BREAKER_OPEN) {
        return false;
    }
    remember(b, bad);
    if (b->n < b->window / SHARE_JUDGED) {
        return false;
    }
    const bool opens = breaker_bad_share(b) > b->share;
    if (opens) {
        move_to(b, BREAKER_OPEN, now_ms);
    } else if (b->state == BREAKER_TRYING) {
        move_to(b, BREAKER_CLOSED, now_ms);
    }
    return opens;
}

bool breaker_allows(struct breaker *b, int64_t now_ms) {
    if (b->state == BREAKER_OPEN && now_ms - b->opened_ms >= b->retry_ms) {
        move_to(b, BREAKER_TRYING, now_ms);
    }
    return b->state != BREAKER_OPEN;
}

/* The quotient is rounded as a share written in decimals is: equal ones are equal. */
double breaker_bad_share(const struct breaker *b) {
    return b->n ? (double)b->bad / (double)b->n : 0.0;
}
