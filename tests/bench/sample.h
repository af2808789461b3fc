/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.h -- what a bench in C measured, for report.py: a line a sample, appended to the file that
 * the environment variable BENCH_SAMPLES names; without it nothing is written.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

/** Nanoseconds of CPU of this process, all threads; and of a clock that never steps back. */
double sample_cpu_ns(void);
double sample_now_ns(void);

#define SAMPLE_NONE (-1.0)

/** One measurement of ours; numbers are not negative.
 *  @param what       without tabs, like the unit
 *  @param yardstick  the other side's of the same pair, or SAMPLE_NONE
 *  @param x          where it stands in a series, or SAMPLE_NONE */
void sample(const char *what, const char *unit, double ours, double yardstick, double x);

/** Sorts x (n,), n >= 1, and returns its median. */
double sample_median(double *x, int n);

#endif
