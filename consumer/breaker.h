/* SPDX-License-Identifier: Apache-2.0
 *
 * breaker.h -- stops the intake when too many records are bad: something is wrong with a producer
 * or with the configuration, and reading on would turn a topic into dead letters.
 *
 *     Closed --(share of bad ones among the last `window` > share)--> Open
 *     Open --(retry_ms later)--> Trying: the next window / 10 records decide --> Closed or Open
 *
 * Judged from `window` / 10 records on. Those taken while it is open (they were polled before) are
 * counted and decide nothing. Pure: the time, monotonic, is passed in. Threads: one.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_TRYING };

enum { BREAKER_WINDOW_MAX = 65536 };

struct breaker {
    enum breaker_state state;
    double share;    /* 1: never opens */
    uint32_t window; /* 10..BREAKER_WINDOW_MAX */
    int64_t retry_ms;
    int64_t opened_ms;
    uint64_t seen, opened; /* records; times */
    uint32_t n, bad, at;   /* of the ring */
    uint8_t ring[BREAKER_WINDOW_MAX / 8];
};

void breaker_init(struct breaker *b, double share, uint32_t window, int64_t retry_ms);
/** One more record. True if this one opened it. */
bool breaker_take(struct breaker *b, bool bad, int64_t now_ms);
/** May records be taken now? An open one begins to try when its time has come. */
bool breaker_allows(struct breaker *b, int64_t now_ms);
/** Share of bad ones among those looked back at; 0 of none. */
double breaker_bad_share(const struct breaker *b);

#endif
