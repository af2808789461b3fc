/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_wire.c -- what holds for every byte string that wire_parse() is given.
 */
#include <string.h>

#include "fuzz.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wire_msg m = {.schema_id = 12345};
    if (wire_parse(data, size, &m) != ST_OK) {
        require(m.schema_id == 12345 && m.body == NULL && m.body_len == 0);
        require(size < WIRE_HEADER || data[0] != 0);
        return 0;
    }
    require(m.body == data + WIRE_HEADER && m.body_len == size - WIRE_HEADER);
    uint8_t header[WIRE_HEADER];
    wire_put(header, m.schema_id);
    require(memcmp(header, data, WIRE_HEADER) == 0);
    return 0;
}
