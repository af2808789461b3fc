/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h -- the two clocks. Threads: any.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/** Microseconds of any clock of clock_gettime(). */
static inline int64_t clock_read_us(clockid_t id) {
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/** Never steps back; for how long something takes. */
static inline int64_t clock_mono_us(void) {
    return clock_read_us(CLOCK_MONOTONIC);
}

static inline int64_t clock_mono_ms(void) {
    return clock_mono_us() / 1000;
}

/** Since 1970, UTC. */
static inline int64_t clock_wall_ms(void) {
    return clock_read_us(CLOCK_REALTIME) / 1000;
}

#endif
