/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_schema.c -- what holds for every text that claims to be a schema.
 *
 * The text goes through avro-c, whose known leaks (avro.c) are no finding here.
 */
#include <stdbool.h>
#include <string.h>

#include "decode.h"
#include "fuzz.h"
#include "schema.h"

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

static bool has_children(enum schema_type t) {
    return t == SCHEMA_RECORD || t == SCHEMA_ARRAY || t == SCHEMA_MAP || t == SCHEMA_UNION;
}

static void check_node(const struct schema *s, const struct schema_node *n) {
    const bool named =
        n->type == SCHEMA_RECORD || n->type == SCHEMA_ENUM || n->type == SCHEMA_FIXED;
    require(n->type <= SCHEMA_FIXED);
    require(named == (n->name != NULL));
    require((n->type != SCHEMA_ARRAY && n->type != SCHEMA_MAP) || n->n == 1);
    for (uint32_t i = 0; n->type != SCHEMA_FIXED && i < n->n; i++) {
        require((n->type == SCHEMA_RECORD || n->type == SCHEMA_ENUM) ==
                (n->fields[i].name != NULL));
        require(!has_children(n->type) || n->fields[i].node < s->n_nodes);
    }
}

static void check_decoders(const struct schema *s) {
    static struct decoded_line lines[EVENT_LINES_MAX];
    static const uint8_t body[64] = {2, 2, 2};
    struct decoded out = {.lines = lines};
    for (int reader = 0; reader < READERS; reader++) {
        struct decoder *d = NULL;
        char err[64] = "";
        if (decoder_new(s, (enum reader)reader, &d, err, sizeof err) != ST_OK) {
            require(d == NULL && err[0] != '\0' && memchr(err, '\0', sizeof err));
            continue;
        }
        for (size_t len = 0; len <= sizeof body; len += 16) {
            require(decode(d, body, len, &out) < DECODE_ERRORS);
        }
        decoder_free(d);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct schema *s = NULL;
    char err[64] = "";
    if (schema_parse((const char *)data, size, &s, err, sizeof err) != ST_OK) {
        require(s == NULL && err[0] != '\0' && memchr(err, '\0', sizeof err));
        return 0;
    }
    require(s->n_nodes >= 1 && s->n_nodes <= SCHEMA_NODES_MAX);
    require(strlen(s->json) == size && memcmp(s->json, data, size) == 0);
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        check_node(s, &s->nodes[i]);
    }
    check_decoders(s);
    schema_free(s);
    return 0;
}
