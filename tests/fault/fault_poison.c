/* SPDX-License-Identifier: Apache-2.0
 * fault_poison.c -- see fault_poison.h. */
#include "fault_poison.h"

#include <string.h>

#include "wire.h"

static void long_past(struct decoded *e) {
    e->ts_ms = 86400000; /* 2 January 1970 */
}

static void far_future(struct decoded *e) {
    e->ts_ms = INT64_C(5000000000000); /* 2128: whatever the clock is */
}

static void no_user(struct decoded *e) {
    e->user_id = "";
    e->user_id_len = 0;
}

static void no_event_id(struct decoded *e) {
    e->event_id = "";
    e->event_id_len = 0;
}

static void no_item(struct decoded *e) {
    e->lines[0].item = "";
    e->lines[0].item_len = 0;
}

static void negative_money(struct decoded *e) {
    e->lines[0].amount = -1.0;
}

static size_t text(uint8_t *value, size_t len) {
    static const char csv[] = "u17,c3,enroll";
    (void)len;
    memcpy(value, csv, sizeof csv - 1);
    return sizeof csv - 1;
}

static size_t short_header(uint8_t *value, size_t len) {
    (void)value;
    return len < 3 ? len : 3;
}

static size_t unknown_schema(uint8_t *value, size_t len) {
    value[1] = 0x00; /* an id that nobody has given */
    value[2] = 0x01;
    value[3] = 0xe2;
    value[4] = 0x40;
    return len;
}

static size_t cut_off(uint8_t *value, size_t len) {
    (void)value;
    return WIRE_HEADER + (len - WIRE_HEADER) / 2;
}

static size_t endless_text(uint8_t *value, size_t len) {
    memset(value + WIRE_HEADER, 0xff, len - WIRE_HEADER); /* a length of more than ten bytes */
    return len;
}

static const struct poison KINDS_OF_POISON[] = {
    {.reason = "wire-header", .bytes = text},
    {.reason = "wire-header", .bytes = short_header},
    {.reason = "schema-unknown", .bytes = unknown_schema},
    {.reason = "decode", .bytes = cut_off},
    {.reason = "decode", .bytes = endless_text},
    {.reason = "time-past", .event = long_past},
    {.reason = "time-future", .event = far_future},
    {.reason = "user-id", .event = no_user},
    {.reason = "event-id", .event = no_event_id},
    {.reason = "item-id", .event = no_item},
    {.reason = "number", .event = negative_money},
    {.reason = "wrong-partition", .misplaced = true},
    {.reason = "empty", .null = true},
};

const struct poison *poison_at(uint32_t n) {
    return &KINDS_OF_POISON[n % (sizeof KINDS_OF_POISON / sizeof *KINDS_OF_POISON)];
}

void poison_event(const struct poison *p, struct decoded *e) {
    if (p->event) {
        p->event(e);
    }
}

size_t poison_bytes(const struct poison *p, uint8_t *value, size_t len) {
    return p->null ? 0 : p->bytes ? p->bytes(value, len) : len;
}
