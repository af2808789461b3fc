/* SPDX-License-Identifier: Apache-2.0
 *
 * scrape.h -- reads /metrics of a daemon that runs as a process of its own.
 */
#ifndef SCRAPE_H
#define SCRAPE_H

#include <stdbool.h>

/**
 * Sum of a metric over its labels, read from "host:port".
 * @param label  what the label must say, "state=\"running\""; NULL: any
 * @return the sum; -1 if nobody answers or there is no such metric
 */
double scrape(const char *address, const char *name, const char *label);

/** True if /readyz says so. */
bool scrape_ready(const char *address);

#endif
