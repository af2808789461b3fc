/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_catalogue.h -- a catalogue file of `crossrec eval`, taught as the live catalogue topics are.
 *
 * Tab-separated; a first line that begins with # names the columns:
 *
 *     #domain  item  name  category  type  brand
 *
 * `domain` and `item` must be there; without such a line the columns are domain, item, name,
 * category. The column that is asked for is the category, `price` (if there is one) the price, and
 * every other but `name` an attribute, with the column's name as its key. Empty fields say
 * nothing. Other lines that begin with # and empty ones are skipped; a bad one is named, counted
 * and skipped. Rows of domains that the stream does not have are left out.
 *
 * Threads: one.
 */
#ifndef EVAL_CATALOGUE_H
#define EVAL_CATALOGUE_H

#include <stdint.h>

#include "eval_stream.h"
#include "learner.h"
#include "status.h"

struct eval_catalogue {
    uint64_t rows;     /* taught */
    uint64_t left_out; /* of other domains */
    uint64_t bad;
};

/** @param category  name of the column that holds the category
 *  @param bad_max  bad rows that are skipped; beyond it is an error
 *  @param out  the counts so far, also on failure; what is wrong goes to stderr
 *  @return ST_OK, ST_IO, ST_INVALID (a column is missing, too many bad rows), ST_NOMEM */
MUST_CHECK enum status eval_catalogue_teach(const char *path, const char *category,
                                            uint64_t bad_max, const struct eval_stream *stream,
                                            struct learner *learner, struct eval_catalogue *out);

#endif
