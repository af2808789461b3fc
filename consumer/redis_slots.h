/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_slots.h -- which node of a Redis Cluster has a key: arithmetic alone, no I/O.
 *
 * A key lies in slot CRC16(key) mod 16384, where CRC16 is XMODEM's (polynomial 0x1021, begun
 * with 0, not reflected; its check value, of "123456789", is 0x31c3). If the key contains a `{`
 * and, behind it, a `}` with something between them, only that something is hashed (of the first
 * `{` and the first `}` after it).  https://redis.io/docs/reference/cluster-spec/
 *
 * The map is made from the ranges that CLUSTER SLOTS tells; nodes are kept by address, so that
 * one keeps its number from map to map, and all that is known of it.
 *
 * Ownership: struct slot_map owns nothing, and is large: 32 KiB. Threads: one.
 */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum {
    SLOTS = 16384,
    SLOT_NODES_MAX = 64, /* addresses known at a time, masters and what were */
    SLOT_HOST_MAX = 256,
    SLOT_NONE = 0xffff, /* no node has this slot */
};

/** XMODEM's CRC16 of some bytes, and the slot of a key. */
uint16_t slot_crc16(const char *s, size_t len);
uint16_t slot_of(const char *key, size_t len);

struct slot_address {
    char host[SLOT_HOST_MAX]; /* or the path of a Unix socket */
    int port;                 /* 0: Unix socket               */
};

/** Slots first..last are of the master at `address`. */
struct slot_range {
    int first, last;
    struct slot_address address;
};

struct slot_map {
    struct slot_address nodes[SLOT_NODES_MAX];
    bool is_master[SLOT_NODES_MAX]; /* it has slots */
    size_t n_nodes;
    uint16_t node_of[SLOTS]; /* index into nodes, SLOT_NONE */
};

/** No nodes, no slots. */
void slot_map_clear(struct slot_map *m);

/** The number of the node at an address, a new one if there is none.
 *  @return SLOT_NODES_MAX when there is no room */
size_t slot_map_node(struct slot_map *m, const struct slot_address *address);

/** Replaces who has which slot. Nodes that are in no range keep their numbers and lose their
 *  slots.
 *  @return ST_OK; ST_INVALID (no range; one outside 0..SLOTS-1; slots of two masters; no host or
 *  port), ST_RANGE (more than SLOT_NODES_MAX addresses): then the map is as it was, but for new
 *  addresses */
MUST_CHECK enum status slot_map_set(struct slot_map *m, const struct slot_range *ranges, size_t n);

enum slot_redirect_kind {
    SLOT_STAYS, /* no redirection */
    SLOT_MOVED, /* for good: the map is old */
    SLOT_ASK,   /* this once, behind ASKING */
};

struct slot_redirect {
    enum slot_redirect_kind kind;
    int slot;
    struct slot_address address; /* host "": that of the node that answered */
};

/** Reads the text of an error: "MOVED 3999 127.0.0.1:6381", "ASK 3999 ::1:6381". What is no
 *  such text, or is torn, stays. */
struct slot_redirect slot_redirect_of(const char *error);

#endif
