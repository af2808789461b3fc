/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_logical.c -- see schema_logical.h.
 */
#include "schema_logical.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    const char *name;
    enum schema_type type;
    enum schema_logical logical;
} logical_types[] = {
    {"date", SCHEMA_INT, LOGICAL_DATE},
    {"time-millis", SCHEMA_INT, LOGICAL_TIME_MILLIS},
    {"time-micros", SCHEMA_LONG, LOGICAL_TIME_MICROS},
    {"timestamp-millis", SCHEMA_LONG, LOGICAL_TIMESTAMP_MILLIS},
    {"timestamp-micros", SCHEMA_LONG, LOGICAL_TIMESTAMP_MICROS},
    {"local-timestamp-millis", SCHEMA_LONG, LOGICAL_TIMESTAMP_MILLIS},
    {"local-timestamp-micros", SCHEMA_LONG, LOGICAL_TIMESTAMP_MICROS},
    {"decimal", SCHEMA_BYTES, LOGICAL_DECIMAL},
    {"decimal", SCHEMA_FIXED, LOGICAL_DECIMAL},
    {"uuid", SCHEMA_STRING, LOGICAL_UUID},
};

/* Digits that always fit `size` bytes in two's complement: floor(log10(2^(8 size - 1) - 1)),
 * which is floor((8 size - 1) log10(2)), because no power of 2 is one of 10. */
static int64_t digits_of(uint32_t size) {
    return size ? (int64_t)((8.0 * (double)size - 1.0) * 0.30102999566398119521) : 0;
}

/* Precision is needed, scale is 0 by default. */
static bool read_decimal(const struct json *table, struct schema_node *n) {
    const int64_t most = n->type == SCHEMA_FIXED ? digits_of(n->n) : INT32_MAX;
    const struct json *written = json_get(table, "scale");
    int64_t precision = 0;
    int64_t scale = 0;
    if (!json_whole(json_get(table, "precision"), &precision) || precision < 1 ||
        precision > most) {
        return false;
    }
    if ((written && !json_whole(written, &scale)) || scale < 0 || scale > precision) {
        return false;
    }
    n->precision = (uint32_t)precision;
    n->scale = (uint32_t)scale;
    return true;
}

void schema_logical_read(const struct json *table, struct schema_node *n) {
    const char *name = json_text(json_get(table, "logicalType"), NULL);
    for (size_t i = 0; name && i < sizeof logical_types / sizeof logical_types[0]; i++) {
        const enum schema_logical logical = logical_types[i].logical;
        if (logical_types[i].type == n->type && strcmp(logical_types[i].name, name) == 0 &&
            (logical != LOGICAL_DECIMAL || read_decimal(table, n))) {
            n->logical = logical;
            return;
        }
    }
}
