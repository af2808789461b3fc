/* SPDX-License-Identifier: Apache-2.0
 * redis_slots.c -- see redis_slots.h. */
#include "redis_slots.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* ---- keys ------------------------------------------------------------------------------- */

/* Four bits at a time: sixteen constants instead of 256, and a key has a hundred bytes. */
uint16_t slot_crc16(const char *s, size_t len) {
    static const uint16_t OF_NIBBLE[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                           0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                           0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned byte = (unsigned char)s[i];
        crc = (uint16_t)((crc << 4) ^ OF_NIBBLE[(crc >> 12) ^ (byte >> 4)]);
        crc = (uint16_t)((crc << 4) ^ OF_NIBBLE[(crc >> 12) ^ (byte & 15)]);
    }
    return crc;
}

uint16_t slot_of(const char *key, size_t len) {
    const char *open = memchr(key, '{', len);
    if (open) {
        const char *tag = open + 1;
        const char *close = memchr(tag, '}', len - (size_t)(tag - key));
        if (close && close > tag) {
            key = tag;
            len = (size_t)(close - tag);
        }
    }
    return slot_crc16(key, len) % SLOTS;
}

/* ---- map -------------------------------------------------------------------------------- */

void slot_map_clear(struct slot_map *m) {
    m->n_nodes = 0;
    for (size_t s = 0; s < SLOTS; s++) {
        m->node_of[s] = SLOT_NONE;
    }
}

size_t slot_map_node(struct slot_map *m, const struct slot_address *address) {
    for (size_t i = 0; i < m->n_nodes; i++) {
        if (m->nodes[i].port == address->port && strcmp(m->nodes[i].host, address->host) == 0) {
            return i;
        }
    }
    if (m->n_nodes == SLOT_NODES_MAX) {
        return SLOT_NODES_MAX;
    }
    m->nodes[m->n_nodes] = *address;
    m->is_master[m->n_nodes] = false;
    return m->n_nodes++;
}

static bool is_range(const struct slot_range *r) {
    return r->first >= 0 && r->first <= r->last && r->last < SLOTS && r->address.host[0] &&
           r->address.port > 0 && r->address.port <= PORT_MAX;
}

/* No slot may have two masters. */
static bool are_ranges(const struct slot_range *ranges, size_t n) {
    unsigned char taken[SLOTS / 8] = {0};
    for (size_t k = 0; k < n; k++) {
        if (!is_range(&ranges[k])) {
            return false;
        }
        for (int s = ranges[k].first; s <= ranges[k].last; s++) {
            const unsigned bit = 1U << (s % 8);
            if (taken[s / 8] & bit) {
                return false;
            }
            taken[s / 8] = (unsigned char)(taken[s / 8] | bit);
        }
    }
    return n > 0;
}

enum status slot_map_set(struct slot_map *m, const struct slot_range *ranges, size_t n) {
    if (!are_ranges(ranges, n)) {
        return ST_INVALID;
    }
    for (size_t k = 0; k < n; k++) {
        if (slot_map_node(m, &ranges[k].address) == SLOT_NODES_MAX) {
            return ST_RANGE;
        }
    }
    for (size_t s = 0; s < SLOTS; s++) {
        m->node_of[s] = SLOT_NONE;
    }
    memset(m->is_master, 0, sizeof m->is_master);
    for (size_t k = 0; k < n; k++) {
        const size_t node = slot_map_node(m, &ranges[k].address);
        m->is_master[node] = true;
        for (int s = ranges[k].first; s <= ranges[k].last; s++) {
            m->node_of[s] = (uint16_t)node;
        }
    }
    return ST_OK;
}

/* ---- redirections ----------------------------------------------------------------------- */

/* A number of at most `max` that ends at `end`; -1: it is none. */
static int number_before(const char *s, char end, int max) {
    char *stop = NULL;
    const long v = *s >= '0' && *s <= '9' ? strtol(s, &stop, 10) : -1;
    return v >= 0 && v <= max && *stop == end ? (int)v : -1;
}

struct slot_redirect slot_redirect_of(const char *error) {
    const struct slot_redirect stays = {.kind = SLOT_STAYS};
    const bool moved = strncmp(error, "MOVED ", 6) == 0;
    if (!moved && strncmp(error, "ASK ", 4) != 0) {
        return stays;
    }
    const char *slot = error + (moved ? 6 : 4);
    const char *host = strchr(slot, ' ');
    const char *colon = host ? strrchr(host, ':') : NULL; /* ::1:6381 has several */
    struct slot_redirect r = {
        .kind = moved ? SLOT_MOVED : SLOT_ASK,
        .slot = number_before(slot, ' ', SLOTS - 1),
        .address.port = colon ? number_before(colon + 1, '\0', PORT_MAX) : -1,
    };
    if (!host || r.slot < 0 || r.address.port < 1 ||
        (size_t)(colon - host) > sizeof r.address.host) {
        return stays;
    }
    memcpy(r.address.host, host + 1, (size_t)(colon - host - 1));
    return r;
}
