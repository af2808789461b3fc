/* SPDX-License-Identifier: Apache-2.0
 * hash.c -- see hash.h. */
#include "hash.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "event.h"

static const unsigned char KEY[crypto_shorthash_KEYBYTES] = {
    'c', 'r', 'o', 's', 's', 'r', 'e', 'c', ' ', 'n', 'a', 'm', 'e', 's', ' ', '1'};

static uint64_t siphash(const void *bytes, size_t len) {
    unsigned char out[crypto_shorthash_BYTES];
    crypto_shorthash(out, bytes, len, KEY);
    uint64_t h = 0;
    for (size_t k = 0; k < sizeof out; k++) { /* little endian, whatever the machine is */
        h |= (uint64_t)out[k] << (8 * k);
    }
    return h;
}

uint64_t hash_id(const char *id, size_t len) {
    return siphash(id, len);
}

uint64_t hash_item(const char *domain, const char *id, size_t len) {
    char buf[CONFIG_NAME_MAX + 1 + ID_LEN_MAX];
    const size_t n = strlen(domain);
    memcpy(buf, domain, n + 1);
    memcpy(buf + n + 1, id, len);
    return siphash(buf, n + 1 + len);
}

uint64_t hash_attribute(const char *domain, const char *key, size_t key_len, const char *value,
                        size_t value_len) {
    char buf[CONFIG_NAME_MAX + 2 * ID_LEN_MAX + 1];
    const size_t n = strlen(domain) + 1;
    const size_t first = key_len < ID_LEN_MAX ? key_len : ID_LEN_MAX;
    const size_t second = value_len < ID_LEN_MAX ? value_len : ID_LEN_MAX;
    memcpy(buf, domain, n);
    memcpy(buf + n, key, first);
    buf[n + first] = '\0';
    memcpy(buf + n + first + 1, value, second);
    return siphash(buf, n + first + 1 + second);
}

uint64_t hash_category(const char *domain, const char *text, size_t len) {
    return hash_attribute(domain, "", 0, text, len);
}

/* ---- with a key ---------------------------------------------------------------------------- */

struct hash_key {
    crypto_auth_hmacsha256_state begun; /* the key is in it: half of the work is done once */
};

enum status hash_key_new(const void *key, size_t len, struct hash_key **out) {
    struct hash_key *k = calloc(1, sizeof *k);
    if (!k) {
        return ST_NOMEM;
    }
    crypto_auth_hmacsha256_init(&k->begun, key, len);
    *out = k;
    return ST_OK;
}

void hash_key_free(struct hash_key *k) {
    if (k) {
        sodium_memzero(k, sizeof *k);
        free(k);
    }
}

void hash_wipe(void *secret, size_t len) {
    sodium_memzero(secret, len);
}

void hash_keyed(const struct hash_key *k, const void *bytes, size_t len,
                uint8_t out[HASH_KEYED_BYTES]) {
    _Static_assert(crypto_auth_hmacsha256_BYTES == HASH_KEYED_BYTES, "SHA-256 has 32 bytes");
    crypto_auth_hmacsha256_state s = k->begun;
    crypto_auth_hmacsha256_update(&s, bytes, len);
    crypto_auth_hmacsha256_final(&s, out);
}
