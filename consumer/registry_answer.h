/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_answer.h -- what an answer of a schema registry says: HTTP status and body to a verdict.
 *
 * The Confluent API v1, as Confluent, Apicurio (/apis/ccompat/v7), Karapace and Redpanda speak it:
 *
 *     200 {"schema": "...", "schemaType": "AVRO", "references": [], "id": 7, "version": 2}
 *     404 {"error_code": 40403, "message": "Schema 7 not found"}
 *
 * A 404 without one of their codes is no answer: it comes from a wrong path or from a proxy.
 *
 * Pure: no network, no clock. Threads: any.
 */
#ifndef REGISTRY_ANSWER_H
#define REGISTRY_ANSWER_H

#include <stddef.h>

#include "json.h"
#include "registry.h"

enum { REGISTRY_BODY_MAX = JSON_BYTES_MAX };

enum registry_verdict {
    REGISTRY_OK,       /* what was wanted stands in the answer                            */
    REGISTRY_UNKNOWN,  /* it says that there is no such id, subject or version            */
    REGISTRY_UNUSABLE, /* there is one: with references, or not Avro                      */
    REGISTRY_REFUSED,  /* 409, 422: it does not take what it was given                    */
    REGISTRY_AWAY,     /* nothing that counts as an answer: ask elsewhere, or later       */
};

/* What an answer 200 must have, else it is none. */
enum { WANT_SCHEMA = 1, WANT_ID = 2, WANT_VERSION = 4 };

/**
 * @param status  of HTTP, 100..999
 * @param wants   WANT_*, or-ed
 * @param out     out, all of it: status; id, version and schema with REGISTRY_OK, as far as they
 *                are wanted; `why`, without a url, with any other verdict
 */
enum registry_verdict registry_answer_read(long status, const char *body, size_t len,
                                           unsigned wants, struct registry_answer *out);

#endif
