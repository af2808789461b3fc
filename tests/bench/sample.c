/* SPDX-License-Identifier: Apache-2.0
 * sample.c -- see sample.h. */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double sample_cpu_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

double sample_now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

static void put(FILE *f, double v, char end) {
    if (v < 0.0) {
        fputc('-', f);
    } else {
        fprintf(f, "%.9g", v);
    }
    fputc(end, f);
}

void sample(const char *what, const char *unit, double ours, double yardstick, double x) {
    const char *path = getenv("BENCH_SAMPLES");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f) {
        fprintf(f, "%s\t%s\t", what, unit);
        put(f, ours, '\t');
        put(f, yardstick, '\t');
        put(f, x, '\n');
        fclose(f);
    }
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double sample_median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}
