/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_identity.c -- what holds for any order of links: both ways as in a naive list, which is in
 * the order of the newest rows.
 *
 * An operation is a head byte (bits 0-1 domain, 2-3 what, 4-7 which of 16 texts is the id) and,
 * where there is a user, a byte (bits 0-3 which text, 4 longest). Texts are made of their number;
 * those of operation `name` are the rest of the input up to a length byte.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "identity.h"

enum { N_DOMAINS = 3, LINKS_MAX = 512, OPS_MAX = 2000 };

enum what { LINK, TAKE_AWAY, LINK_RAW, ASK_RAW };

static const char *const DOMAINS[N_DOMAINS] = {"course", "food", "f"};

struct text {
    const char *p;
    size_t len;
};

struct pair {
    uint8_t domain;
    char id[ID_LEN_MAX], user[ID_LEN_MAX];
    size_t id_len, user_len;
};

static struct pair pairs[LINKS_MAX];
static size_t n_pairs;

static bool same(struct text a, const char *p, size_t len) {
    return a.len == len && memcmp(a.p, p, len) == 0;
}

/* False if the list is full. */
static bool naive_link(uint8_t domain, struct text id, struct text user) {
    size_t n = 0;
    for (size_t i = 0; i < n_pairs; i++) {
        const struct pair *q = &pairs[i];
        const bool replaced = q->domain == domain && same(id, q->id, q->id_len);
        if (!replaced && n != i) {
            pairs[n] = *q;
        }
        n += !replaced;
    }
    n_pairs = n;
    if (user.len == 0) {
        return true;
    }
    if (n == LINKS_MAX) {
        return false;
    }
    struct pair *p = &pairs[n_pairs++];
    p->domain = domain;
    p->id_len = id.len;
    p->user_len = user.len;
    memcpy(p->id, id.p, id.len);
    memcpy(p->user, user.p, user.len);
    return true;
}

static void check_user(const struct identity *t, uint8_t domain, struct text id) {
    const struct pair *found = NULL;
    for (size_t i = 0; i < n_pairs; i++) {
        found =
            pairs[i].domain == domain && same(id, pairs[i].id, pairs[i].id_len) ? &pairs[i] : found;
    }
    char buf[ID_LEN_MAX];
    const char *user = NULL;
    size_t len = 0;
    const enum status st = identity_user(t, domain, id.p, id.len, buf, &user, &len);
    if (found) {
        require(st == ST_OK && same((struct text){user, len}, found->user, found->user_len));
        return;
    }
    const size_t n = strlen(DOMAINS[domain]);
    if (n + 1 + id.len > ID_LEN_MAX) {
        require(st == ST_RANGE && !user);
        return;
    }
    require(st == ST_NOT_FOUND && user == buf && len == n + 1 + id.len);
    require(memcmp(buf, DOMAINS[domain], n) == 0 && buf[n] == '/');
    require(same(id, buf + n + 1, len - n - 1));
    size_t back = 0;
    const char *again = identity_at(t, buf, len, domain, &back);
    for (size_t i = 0; i < n_pairs; i++) { /* unless a row links somebody of that very name */
        found = pairs[i].domain == domain &&
                        same((struct text){buf, len}, pairs[i].user, pairs[i].user_len)
                    ? &pairs[i]
                    : found;
    }
    require(again && (found ? same((struct text){again, back}, found->id, found->id_len)
                            : same(id, again, back)));
}

static void check_at(const struct identity *t, uint8_t domain, struct text user) {
    const struct pair *found = NULL;
    for (size_t i = 0; i < n_pairs; i++) {
        found = pairs[i].domain == domain && same(user, pairs[i].user, pairs[i].user_len)
                    ? &pairs[i]
                    : found;
    }
    size_t len = 0;
    const char *id = identity_at(t, user.p, user.len, domain, &len);
    if (found) {
        require(id && same((struct text){id, len}, found->id, found->id_len));
    } else if (id) { /* out of the name itself */
        const size_t n = strlen(DOMAINS[domain]);
        require(user.len > n + 1 && id == user.p + n + 1 && len == user.len - n - 1);
        require(memcmp(user.p, DOMAINS[domain], n) == 0 && user.p[n] == '/');
    }
}

/* ---- operations from bytes --------------------------------------------------------------- */

struct input {
    const uint8_t *p, *end;
};

static uint8_t take_byte(struct input *in) {
    return in->p < in->end ? *in->p++ : 0;
}

/* Text number k of the small world, `longest` with as many bytes as an id can have. */
static struct text small_text(uint8_t k, bool longest, char *buf) {
    const size_t len = longest ? ID_LEN_MAX : 1 + (size_t)(k & 15) * 5 % 23;
    memset(buf, 'a' + (k & 15), len);
    return (struct text){buf, len};
}

static struct text raw_text(struct input *in) {
    size_t len = take_byte(in);
    const size_t left = (size_t)(in->end - in->p);
    len = len < left ? len : left;
    const struct text text = {(const char *)in->p, len};
    in->p += len;
    return text;
}

static bool operate(struct identity *t, struct input *in) {
    char id_buf[ID_LEN_MAX];
    char user_buf[ID_LEN_MAX];
    const uint8_t head = take_byte(in);
    const uint8_t domain = head & 3;
    const enum what what = (enum what)(head >> 2 & 3);
    const bool raw = what == LINK_RAW || what == ASK_RAW;
    struct text id = raw ? raw_text(in) : small_text(head >> 4, false, id_buf);
    struct text user = {"", 0};
    if (raw) {
        user = raw_text(in);
    } else if (what == LINK) {
        const uint8_t byte = take_byte(in);
        user = small_text(byte, byte & 16, user_buf);
    }
    if (what != ASK_RAW) {
        const enum status st = identity_link(t, domain, id.p, id.len, user.p, user.len);
        const bool good = domain < N_DOMAINS && id.len >= 1;
        require(st == (good ? ST_OK : ST_INVALID));
        if (good && !naive_link(domain, id, user)) {
            return false;
        }
    }
    require(identity_n(t) == n_pairs);
    if (domain < N_DOMAINS && id.len >= 1) {
        check_user(t, domain, id);
    }
    if (domain < N_DOMAINS && user.len >= 1) {
        check_at(t, domain, user);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size ? data + size : data};
    struct identity *t = NULL;
    n_pairs = 0;
    if (identity_new(DOMAINS, N_DOMAINS, &t)) {
        return 0;
    }
    for (int i = 0; i < OPS_MAX && in.p < in.end; i++) {
        if (!operate(t, &in)) {
            break;
        }
    }
    for (size_t i = 0; i < n_pairs && identity_n(t) == n_pairs; i++) {
        check_user(t, pairs[i].domain, (struct text){pairs[i].id, pairs[i].id_len});
        check_at(t, pairs[i].domain, (struct text){pairs[i].user, pairs[i].user_len});
    }
    identity_free(t);
    return 0;
}
