/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hash.c -- contract tests of consumer/hash.h.
 *
 * The independent truth is SipHash-2-4 written down here from the paper (Aumasson, Bernstein
 * 2012), which is itself checked against the paper's published example.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "event.h"
#include "hash.h"
#include "mix.h"

static const uint8_t NAMES_KEY[] = "crossrec names 1"; /* 16 bytes, and a terminator */

/* ---- SipHash-2-4 --------------------------------------------------------------------- */

static uint64_t rotl(uint64_t x, unsigned n) {
    return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], int n) {
    while (n-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotl(v[1], 13) ^ v[0];
        v[3] = rotl(v[3], 16) ^ v[2];
        v[0] = rotl(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotl(v[1], 17) ^ v[2];
        v[3] = rotl(v[3], 21) ^ v[0];
        v[2] = rotl(v[2], 32);
    }
}

static uint64_t word(const uint8_t *p, size_t n) {
    uint64_t w = 0;
    for (size_t i = 0; i < n; i++) {
        w |= (uint64_t)p[i] << (8 * i);
    }
    return w;
}

static uint64_t sip(const uint8_t key[16], const uint8_t *p, size_t len) {
    const uint64_t k0 = word(key, 8);
    const uint64_t k1 = word(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U,
                     k1 ^ 0x7465646279746573U};
    for (size_t at = 0;; at += 8) {
        const bool last = len - at < 8;
        const uint64_t m = last ? word(p + at, len - at) | (uint64_t)len << 56 : word(p + at, 8);
        v[3] ^= m;
        sip_rounds(v, 2);
        v[0] ^= m;
        if (last) {
            break;
        }
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- tests ----------------------------------------------------------------------------- */

static void the_siphash_of_this_test_gives_the_published_values(void **state) {
    (void)state;
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_true(sip(bytes, bytes, 15) == 0xa129ca6149be45e5U); /* the paper's appendix A */
    assert_true(sip(bytes, bytes, 0) == 0x726fdb47dd0e0e31U);  /* first of the reference vectors */
}

static void an_id_is_hashed_by_siphash_2_4_under_the_public_key(void **state) {
    (void)state;
    char id[1000];
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (char)mix64(i);
    }
    for (size_t len = 0; len <= 600; len++) {
        const char *at = id + len % 9; /* at any alignment */
        assert_true(hash_id(at, len) == sip(NAMES_KEY, (const uint8_t *)at, len));
    }
}

static void an_item_is_hashed_as_domain_zero_byte_id(void **state) {
    (void)state;
    char domain[CONFIG_NAME_MAX];
    char id[ID_LEN_MAX];
    memset(domain, 'd', sizeof domain);
    memset(id, 'i', sizeof id);
    for (size_t n = 0; n < CONFIG_NAME_MAX; n++) { /* the longest domain and the longest id too */
        const size_t len = 2 * n < ID_LEN_MAX ? 2 * n + 1 : ID_LEN_MAX;
        uint8_t joined[CONFIG_NAME_MAX + ID_LEN_MAX];
        domain[n] = '\0';
        memcpy(joined, domain, n + 1);
        memcpy(joined + n + 1, id, len);
        assert_true(hash_item(domain, id, len) == sip(NAMES_KEY, joined, n + 1 + len));
        domain[n] = 'd';
    }
}

static void an_attribute_is_hashed_as_domain_key_value_with_zero_bytes_between(void **state) {
    (void)state;
    char domain[CONFIG_NAME_MAX];
    char key[ID_LEN_MAX + 2];
    char value[ID_LEN_MAX + 2];
    memset(domain, 'd', sizeof domain);
    memset(key, 'k', sizeof key);
    memset(value, 'v', sizeof value);
    for (size_t n = 0; n < sizeof domain; n++) { /* also what is too long: its first bytes count */
        const size_t key_len = n * sizeof key / (sizeof domain - 1);
        const size_t value_len = sizeof value - key_len;
        const size_t first = key_len < ID_LEN_MAX ? key_len : ID_LEN_MAX;
        const size_t second = value_len < ID_LEN_MAX ? value_len : ID_LEN_MAX;
        uint8_t joined[CONFIG_NAME_MAX + 2 * ID_LEN_MAX + 1];
        size_t at = n;
        memcpy(joined, domain, n);
        joined[at++] = 0;
        memcpy(joined + at, key, first);
        at += first;
        joined[at++] = 0;
        memcpy(joined + at, value, second);
        domain[n] = '\0';
        assert_true(hash_attribute(domain, key, key_len, value, value_len) ==
                    sip(NAMES_KEY, joined, at + second));
        domain[n] = 'd';
    }
    assert_true(hash_category("food", "soup", 4) ==
                sip(NAMES_KEY, (const uint8_t *)"food\0\0soup", 10));
}

static void the_names_never_change(void **state) {
    (void)state;
    /* by a third implementation (Python); any other value would orphan stored state */
    assert_true(hash_id("user-1", 6) == UINT64_C(0x48c7ebd6d1ba9396));
    assert_true(hash_item("course", "c-1", 3) == UINT64_C(0x7fd3852948dea6b2));
}

static void the_same_id_in_two_domains_is_two_items(void **state) {
    (void)state;
    assert_true(hash_item("course", "42", 2) != hash_item("food", "42", 2));
    assert_true(hash_item("course", "42", 2) != hash_id("42", 2));
}

static void domain_and_id_cannot_be_confused(void **state) {
    (void)state;
    assert_true(hash_item("a", "bc", 2) != hash_item("ab", "c", 1));
    assert_true(hash_item("abc", "", 0) != hash_item("ab", "c", 1));
    assert_true(hash_item("a", "b\0c", 3) != hash_item("a", "bc", 2)); /* a zero byte counts */
    assert_true(hash_item("a", "b\0c", 3) != hash_item("a", "b\0d", 3));
    assert_true(hash_item("a", "b", 1) != hash_item("a", "b\0", 2));
    assert_true(hash_id("a\0b", 3) != hash_id("a", 1));
}

static int by_value(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void short_ids_do_not_collide(void **state) {
    (void)state;
    enum { N = 256 + 65536 };
    static uint64_t all[N];
    size_t n = 0;
    for (unsigned x = 0; x < 256; x++) {
        const char one = (char)x;
        all[n++] = hash_item("food", &one, 1);
    }
    for (unsigned x = 0; x < 65536; x++) {
        const char two[2] = {(char)(x & 255), (char)(x >> 8)};
        all[n++] = hash_item("food", two, 2);
    }
    qsort(all, n, sizeof all[0], by_value);
    for (size_t k = 1; k < n; k++) {
        assert_true(all[k - 1] != all[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_siphash_of_this_test_gives_the_published_values),
        cmocka_unit_test(an_id_is_hashed_by_siphash_2_4_under_the_public_key),
        cmocka_unit_test(an_item_is_hashed_as_domain_zero_byte_id),
        cmocka_unit_test(an_attribute_is_hashed_as_domain_key_value_with_zero_bytes_between),
        cmocka_unit_test(the_names_never_change),
        cmocka_unit_test(the_same_id_in_two_domains_is_two_items),
        cmocka_unit_test(domain_and_id_cannot_be_confused),
        cmocka_unit_test(short_ids_do_not_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
