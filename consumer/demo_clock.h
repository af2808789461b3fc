/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_clock.h -- the demo's clock: monotonic milliseconds, and naps. Threads: any.
 */
#ifndef DEMO_CLOCK_H
#define DEMO_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t demo_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/** Sleeps at most `ms` (a signal ends it). */
static inline void demo_nap_ms(int64_t ms) {
    if (ms > 0) {
        const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
        nanosleep(&t, NULL);
    }
}

#endif
