/* SPDX-License-Identifier: Apache-2.0
 *
 * hands.h -- a few threads that help one with jobs which do not depend on each other.
 *
 *     hands_start(crew, job, ctx, n);      job(ctx, 0) ... job(ctx, n - 1), in any order
 *     ...                                 something else meanwhile
 *     hands_finish(crew);                  takes part until all of them are done
 *
 * What was written before hands_start() is seen by the jobs, what they write after hands_finish().
 *
 * Ownership: owns its threads; borrows ctx until hands_finish(). Threads: one, whose crew it is.
 */
#ifndef HANDS_H
#define HANDS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { HANDS_MAX = 8 }; /* threads, its owner's included */

struct hands; /* opaque */

typedef void hands_job(void *ctx, size_t k);

/** As many threads as there are cores for this process, its owner's included, at most HANDS_MAX.
 *  Fewer, or none, where they cannot be had: the owner does it all. @return ST_OK, ST_NOMEM */
MUST_CHECK enum status hands_new(struct hands **out);
/** After hands_finish(). NULL is allowed. */
void hands_free(struct hands *c);

/** Not between another start and its finish. */
void hands_start(struct hands *c, hands_job *job, void *ctx, size_t n);
/** Nothing was started: it returns at once. */
void hands_finish(struct hands *c);

#endif
