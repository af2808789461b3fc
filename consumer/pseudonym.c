/* SPDX-License-Identifier: Apache-2.0
 * pseudonym.c -- see pseudonym.h. */
#include "pseudonym.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hash.h"
#include "log.h"

struct pseudonyms {
    struct hash_key *keys[DOMAINS_MAX]; /* by domain; NULL: none */
    char text[PSEUDONYM_LEN + 1];
};

static enum status complain(const struct config_pair *k, enum status st, const char *what,
                            char *err) {
    snprintf(err, CONFIG_ERROR_MAX,
             "privacy.key.%s = %.300s: %s; `openssl rand -hex 32 > FILE` makes a key, `chmod 600 "
             "FILE` keeps it",
             k->key, k->value, what);
    return st;
}

/* Who else may read the file? The key is no secret then. */
static void look_at_mode(const struct config_pair *k, FILE *f) {
    struct stat s;
    if (fstat(fileno(f), &s) == 0 && (s.st_mode & (S_IRGRP | S_IROTH)) != 0) {
        LOG_WARN("others may read the key of a partner's pseudonyms: chmod 600",
                 LOG_STR("target", k->key), LOG_STR("file", k->value));
    }
}

static enum status read_key(const struct config_pair *k, struct hash_key **out, char *err) {
    char key[PSEUDONYM_KEY_MAX + 3]; /* a line end, and one byte that is too many */
    FILE *f = fopen(k->value, "rb");
    if (!f) {
        return complain(k, ST_IO, strerror(errno), err);
    }
    look_at_mode(k, f);
    setvbuf(f, NULL, _IONBF, 0); /* no copy is left in a buffer */
    size_t n = fread(key, 1, sizeof key, f);
    const bool broken = ferror(f) != 0;
    fclose(f);
    n -= n > 0 && key[n - 1] == '\n';
    n -= n > 0 && key[n - 1] == '\r';
    enum status st = ST_OK;
    if (broken) {
        st = complain(k, ST_IO, "cannot be read", err);
    } else if (n < PSEUDONYM_KEY_MIN || n > PSEUDONYM_KEY_MAX) {
        st = complain(k, ST_INVALID, "a key has 16 to 1024 bytes", err);
    } else {
        st = hash_key_new(key, n, out);
    }
    hash_wipe(key, sizeof key);
    return st;
}

enum status pseudonyms_open(const struct config *cfg, struct pseudonyms **out, char *err) {
    struct pseudonyms *p = calloc(1, sizeof *p);
    enum status st = p ? ST_OK : ST_NOMEM;
    for (uint32_t i = 0; i < cfg->n_keys && !st; i++) {
        for (uint32_t d = 0; d < cfg->n_domains && !st; d++) {
            if (strcmp(cfg->domains[d].name, cfg->keys[i].key) == 0) {
                st = read_key(&cfg->keys[i], &p->keys[d], err);
            }
        }
    }
    if (st) {
        pseudonyms_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

void pseudonyms_free(struct pseudonyms *p) {
    for (uint32_t d = 0; p && d < DOMAINS_MAX; d++) {
        hash_key_free(p->keys[d]);
    }
    free(p);
}

const char *pseudonym_of(struct pseudonyms *p, uint32_t target, const char *id, size_t *len) {
    static const char HEX[] = "0123456789abcdef";
    uint8_t mac[HASH_KEYED_BYTES];
    if (!p->keys[target]) {
        return id;
    }
    hash_keyed(p->keys[target], id, *len, mac);
    for (size_t k = 0; k < PSEUDONYM_LEN / 2; k++) {
        p->text[2 * k] = HEX[mac[k] >> 4];
        p->text[2 * k + 1] = HEX[mac[k] & 15];
    }
    *len = PSEUDONYM_LEN;
    return p->text;
}
