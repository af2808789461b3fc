/* SPDX-License-Identifier: Apache-2.0
 *
 * person_show.h -- answers of GET /get and GET /explain (person_text.h, explain_text.h) for people.
 *
 * Threads: one.
 */
#ifndef PERSON_SHOW_H
#define PERSON_SHOW_H

#include "json.h"
#include "show.h"
#include "status.h"

/** Either: what an answer of /get has not is not shown. @return ST_OK; ST_INVALID (no such answer;
 *  nothing was shown) */
MUST_CHECK enum status person_show(const struct json *v, const struct show *s);

#endif
