/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_registry.c -- what holds for every answer that a schema registry, or whoever stands in its
 * place, may give: a byte for the status, one for what is wanted, then the body.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "registry_answer.h"

static const long STATUSES[] = {200, 201, 204, 301, 302, 400, 401, 403, 404,
                                404, 409, 422, 429, 500, 502, 503, 999};

static void check_ok(const struct registry_answer *a, unsigned wants) {
    require(a->status / 100 == 2);
    require(a->why[0] == '\0');
    require((a->schema != NULL) == ((wants & WANT_SCHEMA) != 0));
    require(!a->schema || (a->schema[0] && strlen(a->schema) <= REGISTRY_BODY_MAX));
    require((wants & WANT_VERSION) ? a->version >= 1 : a->version == 0);
    require((wants & WANT_ID) || a->id == 0);
}

static void check_failure(const struct registry_answer *a, enum registry_verdict verdict) {
    require(a->why[0] != '\0' && memchr(a->why, '\0', sizeof a->why) != NULL);
    require(!a->schema && a->id == 0 && a->version == 0);
    require(verdict != REGISTRY_UNKNOWN || a->status == 404);
    require(verdict != REGISTRY_REFUSED || a->status == 409 || a->status == 422);
    require(verdict != REGISTRY_UNUSABLE || a->status / 100 == 2);
    for (const char *p = a->why; a->status / 100 != 2 && *p; p++) {
        require((unsigned char)*p >= ' ' && *p != 127); /* one line */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const long status = STATUSES[data[0] % (sizeof STATUSES / sizeof *STATUSES)];
    const unsigned wants = data[1] % 8;
    struct registry_answer a;
    memset(&a, 0xa5, sizeof a);
    const enum registry_verdict verdict =
        registry_answer_read(status, (const char *)data + 2, size - 2, wants, &a);
    require(verdict <= REGISTRY_AWAY);
    require(a.status == status);
    if (verdict == REGISTRY_OK) {
        check_ok(&a, wants);
    } else {
        check_failure(&a, verdict);
    }
    registry_answer_free(&a);
    return 0;
}
