/* SPDX-License-Identifier: Apache-2.0
 *
 * query.h -- a question to a running crossrec, as it came: NULL where an argument was not given.
 *
 * Plain value; the texts are whoever asks's.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stddef.h>

struct query {
    const char *user; /* (user_len,) any bytes: the id of the events, or of a partner */
    size_t user_len;
    const char *item; /* (item_len,) any bytes */
    size_t item_len;
    const char *domain; /* a domain's name */
    const char *target; /* likewise: of which list */
    const char *n;      /* a number */
};

#endif
