/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_decode.c -- what holds for every body, whatever the writer.
 *
 * The first byte chooses the writer (modulo 4): the shipped CourseView and FoodOrder, and
 * an evolved one of each that has every type and a recursive one. The rest is the body.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "fuzz.h"
#include "schemas.h"

const char *__lsan_default_suppressions(void);

enum { WRITERS = 4 };

static const char evolved_course[] =
    "{\"type\":\"record\",\"name\":\"C\",\"fields\":["
    "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"Tree\",\"fields\":["
    "{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"kids\",\"type\":{\"type\":\"array\","
    "\"items\":\"Tree\"}}]}},"
    "{\"name\":\"quantity\",\"type\":[\"float\",\"null\"]},"
    "{\"name\":\"user_id\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":"
    "[\"null\",\"bytes\",\"double\"]}}},"
    "{\"name\":\"course_id\",\"type\":\"string\"},"
    "{\"name\":\"nulls\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
    "{\"name\":\"ts\",\"type\":[\"int\",\"long\"]},"
    "{\"name\":\"flags\",\"type\":{\"type\":\"fixed\",\"name\":\"Flags\",\"size\":3}},"
    "{\"name\":\"action\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"A\",\"symbols\":"
    "[\"view\",\"buy\",\"like\"]}]},"
    "{\"name\":\"amount\",\"type\":[\"string\",\"long\"]},"
    "{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"K\",\"symbols\":[\"a\",\"b\"]}},"
    "{\"name\":\"on\",\"type\":\"boolean\"}]}";

static const char evolved_order[] =
    "{\"type\":\"record\",\"name\":\"O\",\"fields\":["
    "{\"name\":\"lines\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",{\"type\":"
    "\"record\",\"name\":\"L\",\"fields\":["
    "{\"name\":\"extras\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"L\"]}},"
    "{\"name\":\"amount\",\"type\":\"int\"},{\"name\":\"dish_id\",\"type\":\"string\"},"
    "{\"name\":\"quantity\",\"type\":[\"long\",\"double\",\"null\"]}]}]}]},"
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"event_id\",\"type\":\"string\"},"
    "{\"name\":\"deep\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"map\",\"values\":\"long\"}}}},"
    "{\"name\":\"user_id\",\"type\":\"string\"}]}";

/* avro-c never frees a recursive schema. */
const char *__lsan_default_suppressions(void) {
    return "leak:libavro\n";
}

static struct decoder *compiled(const char *json, enum reader reader) {
    struct schema *s = NULL;
    struct decoder *d = NULL;
    char err[256];
    if (schema_parse(json, strlen(json), &s, err, sizeof err) != ST_OK ||
        decoder_new(s, reader, &d, err, sizeof err) != ST_OK) {
        fprintf(stderr, "%s\n", err);
        abort();
    }
    schema_free(s);
    return d;
}

/* Compiled at the first call and kept: the plans never change. */
static const struct decoder *writer(size_t i) {
    static struct decoder *decoders[WRITERS];
    if (!decoders[0]) {
        decoders[0] = compiled(schemas_shipped_json(READER_COURSE_VIEW), READER_COURSE_VIEW);
        decoders[1] = compiled(schemas_shipped_json(READER_FOOD_ORDER), READER_FOOD_ORDER);
        decoders[2] = compiled(evolved_course, READER_COURSE_VIEW);
        decoders[3] = compiled(evolved_order, READER_FOOD_ORDER);
    }
    return decoders[i];
}

static bool inside(const char *text, size_t len, const uint8_t *body, size_t size) {
    const char *from = (const char *)body;
    return text >= from && text <= from + size && len <= (size_t)(from + size - text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const size_t which = data[0] % WRITERS;
    const uint8_t *body = data + 1;
    size--;
    static struct decoded_line lines[EVENT_LINES_MAX];
    struct decoded d = {.lines = lines};
    enum decode_error e = decode(writer(which), body, size, &d);
    require(e < DECODE_ERRORS && d.lines == lines && d.n_lines <= EVENT_LINES_MAX);
    if (e) {
        return 0;
    }
    require(inside(d.event_id, d.event_id_len, body, size));
    require(inside(d.user_id, d.user_id_len, body, size));
    require((unsigned)d.action < ACTIONS);
    require(which % 2 == 1 || d.n_lines == 1);
    for (uint32_t i = 0; i < d.n_lines; i++) {
        require(inside(lines[i].item, lines[i].item_len, body, size));
    }
    /* every value takes bytes, so a shorter body is another error, never another event */
    if (size > 0) {
        require(decode(writer(which), body, size - 1, &d) == DECODE_SHORT);
    }
    return 0;
}
