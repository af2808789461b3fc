/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_slots.c -- slots of keys against published values, the map, redirections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_slots.h"

/* ---- CRC16 and slots ------------------------------------------------------------------- */

static void crc16_has_the_check_value_of_xmodem(void **state) {
    (void)state;
    assert_int_equal(slot_crc16("123456789", 9), 0x31c3);
    assert_int_equal(slot_crc16("", 0), 0);
    assert_int_equal(slot_crc16("A", 1), 0x58e5); /* XMODEM of "A" */
}

/* By the definition, a bit at a time. */
static uint16_t naive_crc16(const unsigned char *s, size_t len) {
    unsigned crc = 0;
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0x80; bit; bit >>= 1) {
            const unsigned carry = ((crc >> 15) & 1) ^ ((s[i] & bit) != 0);
            crc = (crc << 1) & 0xffff;
            crc ^= carry ? 0x1021 : 0;
        }
    }
    return (uint16_t)crc;
}

static void crc16_is_that_of_its_definition_for_every_kind_of_byte(void **state) {
    (void)state;
    unsigned char bytes[64];
    srand(7);
    for (int k = 0; k < 20000; k++) {
        const size_t len = (size_t)rand() % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (unsigned char)rand();
        }
        assert_int_equal(slot_crc16((const char *)bytes, len), naive_crc16(bytes, len));
    }
}

/* From the documentation of CLUSTER KEYSLOT and the cluster specification; the rest as redis-server
 * 7.0.15 said (test_redis_cluster.c asks a server again). */
static void slots_of_keys_are_the_published_ones(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int slot;
    } KEYS[] = {
        {"somekey", 11058},
        {"foo{hash_tag}", 2515},
        {"bar{hash_tag}", 2515},
        {"foo", 12182},
        {"bar", 5061},
        {"hello", 866},
        {"123456789", 12739}, /* 0x31c3 */
        {"", 0},
    };
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        assert_int_equal(slot_of(KEYS[k].key, strlen(KEYS[k].key)), KEYS[k].slot);
    }
}

static uint16_t slot(const char *key) {
    return slot_of(key, strlen(key));
}

/* The examples of the cluster specification. */
static void of_a_hash_tag_only_what_is_in_it_counts(void **state) {
    (void)state;
    assert_int_equal(slot("{user1000}.following"), slot("{user1000}.followers"));
    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("foo{}{bar}"), slot_crc16("foo{}{bar}", 10) % SLOTS); /* the whole */
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("foo}bar{"), slot_crc16("foo}bar{", 8) % SLOTS);
    assert_int_equal(slot("foo{bar"), slot_crc16("foo{bar", 7) % SLOTS);
    assert_int_equal(slot_of("a{b}c", 3), slot_crc16("a{b", 3) % SLOTS); /* ends before the } */
}

/* ---- map -------------------------------------------------------------------------------- */

static struct slot_range range(int first, int last, const char *host, int port) {
    struct slot_range r = {.first = first, .last = last, .address.port = port};
    snprintf(r.address.host, sizeof r.address.host, "%s", host);
    return r;
}

static struct slot_map map;

static int clear(void **state) {
    (void)state;
    memset(&map, 0xa5, sizeof map);
    slot_map_clear(&map);
    return 0;
}

static void a_map_knows_who_has_a_slot(void **state) {
    (void)state;
    const struct slot_range three[] = {
        range(0, 5460, "10.0.0.1", 7000),
        range(10923, 16383, "10.0.0.3", 7000),
        range(5461, 10922, "10.0.0.2", 7000),
    };
    assert_int_equal(map.node_of[0], SLOT_NONE);
    assert_int_equal(slot_map_set(&map, three, 3), ST_OK);
    assert_int_equal(map.n_nodes, 3);
    assert_string_equal(map.nodes[map.node_of[0]].host, "10.0.0.1");
    assert_string_equal(map.nodes[map.node_of[5460]].host, "10.0.0.1");
    assert_string_equal(map.nodes[map.node_of[5461]].host, "10.0.0.2");
    assert_string_equal(map.nodes[map.node_of[16383]].host, "10.0.0.3");
}

static void slots_that_nobody_has_are_known_as_such(void **state) {
    (void)state;
    const struct slot_range two[] = {range(1, 1, "a", 1), range(3, 3, "a", 1)};
    assert_int_equal(slot_map_set(&map, two, 2), ST_OK);
    assert_int_equal(map.n_nodes, 1);
    assert_int_equal(map.node_of[0], SLOT_NONE);
    assert_int_equal(map.node_of[1], 0);
    assert_int_equal(map.node_of[2], SLOT_NONE);
    assert_int_equal(map.node_of[4], SLOT_NONE);
}

/* A failover: the old master has no slots, and its number stays its own. */
static void a_new_map_keeps_the_numbers_of_nodes(void **state) {
    (void)state;
    const struct slot_range before[] = {range(0, 8000, "a", 1), range(8001, 16383, "b", 1)};
    const struct slot_range after[] = {range(0, 8000, "c", 1), range(8001, 16383, "b", 1)};
    assert_int_equal(slot_map_set(&map, before, 2), ST_OK);
    const uint16_t a = map.node_of[0];
    const uint16_t b = map.node_of[9000];
    assert_int_equal(slot_map_set(&map, after, 2), ST_OK);
    assert_int_equal(map.node_of[9000], b);
    assert_true(map.node_of[0] != a && map.node_of[0] != b);
    assert_false(map.is_master[a]);
    assert_true(map.is_master[b]);
    assert_int_equal(slot_map_set(&map, before, 2), ST_OK);
    assert_int_equal(map.node_of[0], a);
    assert_int_equal(map.n_nodes, 3);
}

static void the_port_is_part_of_the_address(void **state) {
    (void)state;
    const struct slot_range two[] = {range(0, 1, "a", 1), range(2, 3, "a", 2)};
    assert_int_equal(slot_map_set(&map, two, 2), ST_OK);
    assert_int_equal(map.n_nodes, 2);
    assert_true(map.node_of[1] != map.node_of[2]);
}

static void what_is_no_map_leaves_the_old_one(void **state) {
    (void)state;
    const struct slot_range good = range(0, 16383, "a", 1);
    const struct slot_range bad[][2] = {
        {range(-1, 5, "b", 1), good},
        {range(0, 16384, "b", 1), range(0, 0, "b", 1)},
        {range(5, 4, "b", 1), range(0, 0, "b", 1)},
        {range(0, 5, "", 1), range(6, 6, "b", 1)},
        {range(0, 5, "b", 0), range(6, 6, "b", 1)},
        {range(0, 5, "b", 65536), range(6, 6, "b", 1)},
        {range(0, 5, "b", 1), range(5, 6, "c", 1)}, /* two masters */
    };
    assert_int_equal(slot_map_set(&map, &good, 1), ST_OK);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(slot_map_set(&map, bad[k], 2), ST_INVALID);
        assert_string_equal(map.nodes[map.node_of[5]].host, "a");
        assert_true(map.is_master[map.node_of[5]]);
    }
    assert_int_equal(slot_map_set(&map, NULL, 0), ST_INVALID);
}

static void more_nodes_than_there_is_room_for_are_refused(void **state) {
    (void)state;
    struct slot_range many[SLOT_NODES_MAX + 1];
    for (int k = 0; k <= SLOT_NODES_MAX; k++) {
        many[k] = range(k, k, "a", k + 1);
    }
    assert_int_equal(slot_map_set(&map, many, SLOT_NODES_MAX), ST_OK);
    assert_int_equal(slot_map_set(&map, many, SLOT_NODES_MAX + 1), ST_RANGE);
    assert_int_equal(map.node_of[SLOT_NODES_MAX - 1], SLOT_NODES_MAX - 1);
    assert_int_equal(map.node_of[SLOT_NODES_MAX], SLOT_NONE);
}

/* ---- redirections ----------------------------------------------------------------------- */

static void redirections_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum slot_redirect_kind kind;
        int slot;
        const char *host;
        int port;
    } CASES[] = {
        {"MOVED 3999 127.0.0.1:6381", SLOT_MOVED, 3999, "127.0.0.1", 6381},
        {"ASK 3999 127.0.0.1:6381", SLOT_ASK, 3999, "127.0.0.1", 6381},
        {"MOVED 0 ::1:7000", SLOT_MOVED, 0, "::1", 7000},
        {"MOVED 16383 redis-2.redis.svc:7000", SLOT_MOVED, 16383, "redis-2.redis.svc", 7000},
        {"MOVED 5 :7000", SLOT_MOVED, 5, "", 7000}, /* the host that answered */
    };
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; k++) {
        const struct slot_redirect r = slot_redirect_of(CASES[k].text);
        assert_int_equal(r.kind, CASES[k].kind);
        assert_int_equal(r.slot, CASES[k].slot);
        assert_string_equal(r.address.host, CASES[k].host);
        assert_int_equal(r.address.port, CASES[k].port);
    }
}

static void what_is_no_redirection_stays(void **state) {
    (void)state;
    char long_host[SLOT_HOST_MAX + 64] = "MOVED 1 ";
    memset(long_host + 8, 'h', SLOT_HOST_MAX);
    strcpy(long_host + 8 + SLOT_HOST_MAX, ":7000");
    const char *const texts[] = {
        "",
        "ERR unknown command",
        "MOVED",
        "MOVED ",
        "MOVED 5",
        "MOVED 5 ",
        "MOVED 5 host",
        "MOVED 5 host:",
        "MOVED 5 host:0",
        "MOVED 5 host:65536",
        "MOVED 5 host:70x",
        "MOVED 16384 host:7000",
        "MOVED -1 host:7000",
        "MOVED 5x host:7000",
        "MOVEDX 5 host:7000",
        "CLUSTERDOWN Hash slot not served",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        long_host,
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        assert_int_equal(slot_redirect_of(texts[k]).kind, SLOT_STAYS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc16_has_the_check_value_of_xmodem),
        cmocka_unit_test(crc16_is_that_of_its_definition_for_every_kind_of_byte),
        cmocka_unit_test(slots_of_keys_are_the_published_ones),
        cmocka_unit_test(of_a_hash_tag_only_what_is_in_it_counts),
        cmocka_unit_test_setup(a_map_knows_who_has_a_slot, clear),
        cmocka_unit_test_setup(slots_that_nobody_has_are_known_as_such, clear),
        cmocka_unit_test_setup(a_new_map_keeps_the_numbers_of_nodes, clear),
        cmocka_unit_test_setup(the_port_is_part_of_the_address, clear),
        cmocka_unit_test_setup(what_is_no_map_leaves_the_old_one, clear),
        cmocka_unit_test_setup(more_nodes_than_there_is_room_for_are_refused, clear),
        cmocka_unit_test(redirections_are_read),
        cmocka_unit_test(what_is_no_redirection_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
