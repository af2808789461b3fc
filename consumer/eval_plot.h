/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_plot.h -- recall@10 over time as a picture: the windows, a line per model and a panel per
 * domain, drawn by gnuplot.
 *
 * gnuplot is run without a shell; it reads its script, with the figures in it, from its standard
 * input and writes the SVG to a file that is open already. Names of domains go into the script
 * without any character that means something there.
 *
 * Threads: one.
 */
#ifndef EVAL_PLOT_H
#define EVAL_PLOT_H

#include <stdio.h>

#include "eval_report.h"
#include "status.h"

enum { EVAL_PLOT_PATH_MAX = 4096 };

/** Looks for gnuplot in PATH. @return ST_OK, ST_NOT_FOUND (what to type is said on stderr) */
MUST_CHECK enum status eval_plot_find(char path[EVAL_PLOT_PATH_MAX]);

/** @param gnuplot  as eval_plot_find() gave it
 *  @param out  the SVG; flushed before, and closed by the caller
 *  @return ST_OK, ST_IO (said on stderr) */
MUST_CHECK enum status eval_plot(const char *gnuplot, const struct eval_report *r, FILE *out);

/** The script, for eval_plot() and its test. */
void eval_plot_script(const struct eval_report *r, FILE *out);

#endif
