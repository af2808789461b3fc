/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_rec.c -- what holds for every value that stands in Redis under a key of ours, and for
 * every list that is written there.
 *
 * The input is read as a value; then its bytes are the ids of a list that is written: the
 * first eight choose numbers, what follows are the user and the items, separated by newlines.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "demo_list.h"
#include "fuzz.h"
#include "marks.h"
#include "rec.h"

enum { HEAD = 8 };

static const char begin[] = "{\"version\":[";

/* ---- a value that is read ------------------------------------------------------------------ */

/* Digits and what follows them; 0 if it is not so or not of 64 bits, else the length. */
static size_t number(const char *text, const char *after, uint64_t *out) {
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || strncmp(text + digits, after, strlen(after)) != 0) {
        return 0;
    }
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno ? 0 : digits + strlen(after);
}

/* Length of {"version":[E,S], in front of `text`, 0 if something else stands there. */
static size_t version(const char *text, uint64_t *epoch, uint64_t *seq) {
    const size_t head = sizeof begin - 1;
    if (strncmp(text, begin, head) != 0) {
        return 0;
    }
    const size_t first = number(text + head, ",", epoch);
    const size_t second = first ? number(text + head + first, "],", seq) : 0;
    return second ? head + first + second : 0;
}

static bool lost(uint64_t epoch, uint64_t seq, const char *value, size_t len) {
    const struct mark m = {.task = 1, .known = true, .epoch = epoch, .seq = seq};
    return mark_is_lost(&m, value, len);
}

static void check_marks(const char *value, size_t len, bool ok, uint64_t epoch, uint64_t seq) {
    const struct mark unknown = {.epoch = UINT64_MAX, .seq = UINT64_MAX};
    require(!mark_is_lost(&unknown, value, len));
    require(lost(0, 0, value, len) == !ok);
    if (ok) {
        require(!lost(epoch, seq, value, len));
        require(seq == UINT64_MAX || lost(epoch, seq + 1, value, len));
        require(seq == 0 || !lost(epoch, seq - 1, value, len));
        require(epoch == UINT64_MAX || lost(epoch + 1, 0, value, len));
        require(epoch == 0 || !lost(epoch - 1, UINT64_MAX, value, len));
    }
}

static void check_version(const char *value, size_t len) {
    char *text = malloc(len + 1); /* terminated: a zero byte ends the numbers too */
    require(text != NULL);
    memcpy(text, value, len);
    text[len] = '\0';
    uint64_t epoch = 7;
    uint64_t seq = 8;
    uint64_t e = 7;
    uint64_t s = 8;
    const size_t used = version(text, &epoch, &seq);
    const bool ok = rec_version(value, len, &e, &s) == ST_OK;
    require(ok == (used > 0));
    require(ok ? e == epoch && s == seq : e == 7 && s == 8);
    check_marks(value, len, ok, e, s);
    if (ok) { /* it is the beginning that counts */
        require(rec_version(value, used, &e, &s) == ST_OK && e == epoch && s == seq);
        require(rec_version(value, used - 1, &e, &s) == ST_INVALID);
    }
    free(text);
}

static void check_list(const char *value, size_t len) {
    static struct demo_list list;
    static struct demo_list before;
    memset(&list, 0x5a, sizeof list);
    memset(&before, 0x5a, sizeof before);
    if (demo_list_read(value, len, &list)) {
        require(memcmp(&list, &before, sizeof list) == 0);
        return;
    }
    require(list.n <= CONFIG_LIST_MAX);
    for (uint32_t k = 0; k < list.n; k++) {
        require(memchr(list.items[k].id, '\0', sizeof list.items[k].id));
        require(memchr(list.items[k].reason, '\0', sizeof list.items[k].reason));
        require(demo_list_has(&list, list.items[k].id));
    }
}

/* ---- a value that is written --------------------------------------------------------------- */

/* Bytes of the character at s by its code point, 0 if that is none (RFC 3629). */
static size_t character(const unsigned char *s, size_t n) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t len = s[0] < 0x80             ? 1
                       : (s[0] & 0xe0) == 0xc0 ? 2
                       : (s[0] & 0xf0) == 0xe0 ? 3
                       : (s[0] & 0xf8) == 0xf0 ? 4
                                               : 0;
    if (len == 0 || len > n) {
        return 0;
    }
    uint32_t point = len == 1 ? s[0] : s[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (s[i] & 0x3fU);
    }
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[len] || point > 0x10ffff || surrogate ? 0 : len;
}

static bool is_utf8(const char *text, size_t n) {
    for (size_t i = 0, len; i < n; i += len) {
        len = character((const unsigned char *)text + i, n - i);
        if (len == 0) {
            return false;
        }
    }
    return true;
}

/* Splits at newlines; ids are cut at their longest. Returns how many items. */
static uint16_t take_ids(const char *text, size_t len, struct rec *r) {
    uint16_t n = 0;
    for (size_t line = 0; len > 0 && n < CONFIG_LIST_MAX; line++) {
        const char *end = memchr(text, '\n', len);
        const size_t all = end ? (size_t)(end - text) : len;
        const size_t id = all < ID_LEN_MAX ? all : ID_LEN_MAX;
        if (line == 0) {
            memcpy(r->user_id, text, id);
            r->user_id_len = (uint16_t)id;
        } else {
            const uint8_t kind = (uint8_t)text[0];
            r->items[n++] = (struct rec_item){.id = text,
                                              .score = (float)kind * 1e30F * 1e5F * (float)all,
                                              .because = {text, (uint16_t)id, kind % 3},
                                              .propensity = (float)(all % 3) / 7.0F,
                                              .id_len = (uint16_t)id,
                                              .reason = (uint8_t)(all % REASONS)};
        }
        text += end ? all + 1 : all;
        len -= end ? all + 1 : all;
    }
    return n;
}

/* What a partner's JSON library reads is what was written; it may refuse \u0000. */
static void check_readable(const struct rec *r, const char *value, size_t len) {
    static struct demo_list list;
    for (uint16_t k = 0; k < r->n; k++) {
        if (memchr(r->items[k].id, '\0', r->items[k].id_len) ||
            !is_utf8(r->items[k].id, r->items[k].id_len)) {
            return;
        }
    }
    require(demo_list_read(value, len, &list) == ST_OK);
    require(list.epoch == r->epoch && list.seq == r->seq && list.ts_ms == r->ts_ms);
    require(list.n == r->n);
    for (uint16_t k = 0; k < r->n; k++) {
        const struct rec_item *item = &r->items[k];
        require(strlen(list.items[k].id) == item->id_len);
        require(memcmp(list.items[k].id, item->id, item->id_len) == 0);
        require(strcmp(list.items[k].reason, reason_str((enum reason)item->reason)) == 0);
    }
}

static void check_written(const struct config *cfg, const struct rec *r) {
    const size_t key_max = rec_key_max(cfg);
    const size_t value_max = rec_value_max(cfg);
    char *key = malloc(key_max);
    char *value = malloc(value_max);
    require(key && value);
    const size_t key_len = rec_key(cfg, r, key);
    require(key_len > r->user_id_len && key_len <= key_max);
    require(memcmp(key + key_len - r->user_id_len, r->user_id, r->user_id_len) == 0);
    const size_t len = rec_value(cfg, r, value);
    uint64_t epoch = 0;
    uint64_t seq = 0;
    require(len <= value_max && is_utf8(value, len));
    require(rec_version(value, len, &epoch, &seq) == ST_OK);
    require(epoch == r->epoch && seq == r->seq);
    check_readable(r, value, len);
    free(value);
    free(key);
}

static void write_list(const char *data, size_t size) {
    static struct config *cfg; /* kept: the defaults never change */
    static struct rec *r;
    if (!cfg) {
        cfg = malloc(sizeof *cfg);
        r = calloc(1, rec_bytes(CONFIG_LIST_MAX));
        require(cfg && r);
        config_defaults(cfg);
    }
    uint64_t bits = 0;
    memcpy(&bits, data, sizeof bits);
    r->kind = REC_LIST;
    r->epoch = bits & INT64_MAX; /* what JSON libraries have of integers */
    r->seq = bits >> (bits & 63U) & INT64_MAX;
    r->ts_ms = (int64_t)(bits >> 20);
    r->task = (int32_t)(bits & 0xffff);
    r->segment = (int32_t)(bits >> 60) - 1;
    r->personalised = bits & 1U;
    r->target = (uint8_t)(bits % cfg->n_domains);
    r->user_id_len = 0;
    r->n = take_ids(data + HEAD, size - HEAD, r);
    cfg->list_n = r->n > 0 ? r->n : 1; /* no more room than there must be */
    check_written(cfg, r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    if (size == 0) {
        return 0;
    }
    check_version(text, size);
    check_list(text, size);
    if (size > HEAD) {
        write_list(text, size);
    }
    return 0;
}
