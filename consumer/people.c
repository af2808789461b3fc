/* SPDX-License-Identifier: Apache-2.0
 * people.c -- see people.h. Linear probing from the hash, which is uniform; nobody leaves. */
#include "people.h"

#include <stdlib.h>

enum { SLOTS_MIN = 64, TIME_SHIFT = 16 };

#define TIME_MAX (INT64_C(1) << 47) /* in the year 6429 */

enum { /* of struct slot.asked, below its time */
       CONSENT_BITS = 0x03,
       STOPPED = 0x04,
       USED = 0x08,
       AGE_SHIFT = 8,
};

struct slot {
    uint64_t user;
    int64_t erased_ms;
    uint64_t told; /* time of the newest profile << 16 | country                            */
    uint64_t
        asked; /* time of the newest STOP or RESUME << 16 | age << 8 | used, stopped, consent */
};

struct people {
    struct slot *slots; /* (n_slots,), a power of two */
    size_t n_slots, n;
};

/* ---- the table --------------------------------------------------------------------------- */

static struct slot *find(const struct people *p, uint64_t user) {
    size_t i = (size_t)user & (p->n_slots - 1);
    while ((p->slots[i].asked & USED) && p->slots[i].user != user) {
        i = (i + 1) & (p->n_slots - 1);
    }
    return &p->slots[i];
}

static enum status grow(struct people *p) {
    struct people larger = {.n_slots = p->n_slots ? 2 * p->n_slots : SLOTS_MIN, .n = p->n};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (!larger.slots) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < p->n_slots; i++) {
        if (p->slots[i].asked & USED) {
            *find(&larger, p->slots[i].user) = p->slots[i];
        }
    }
    free(p->slots);
    *p = larger;
    return ST_OK;
}

/* At most three quarters full. */
static enum status enter(struct people *p, uint64_t user, struct slot **out) {
    struct slot *s = find(p, user);
    if (!(s->asked & USED)) {
        if (p->n >= p->n_slots / 4 * 3) {
            enum status st = grow(p);
            if (st) {
                return st;
            }
            s = find(p, user);
        }
        *s = (struct slot){.user = user, .asked = USED};
        p->n++;
    }
    *out = s;
    return ST_OK;
}

enum status people_new(struct people **out) {
    struct people *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    enum status st = grow(p);
    if (st) {
        people_free(p);
        return st;
    }
    *out = p;
    return ST_OK;
}

void people_free(struct people *p) {
    if (!p) {
        return;
    }
    free(p->slots);
    free(p);
}

size_t people_n(const struct people *p) {
    return p->n;
}

/* ---- statements -------------------------------------------------------------------------- */

/* 0 stays "no time"; any other lies in what the word has room for. */
static int64_t clamp_time(int64_t ts_ms) {
    if (ts_ms == 0) {
        return 0;
    }
    return ts_ms < 1 ? 1 : ts_ms > TIME_MAX ? TIME_MAX : ts_ms;
}

static int64_t time_of(uint64_t word) {
    return (int64_t)(word >> TIME_SHIFT);
}

static bool counts(int64_t ts_ms, uint64_t before) {
    return ts_ms == 0 || ts_ms >= time_of(before);
}

static uint64_t put_bits(uint64_t word, uint64_t mask, uint64_t bits) {
    return (word & ~mask) | (bits & mask);
}

/* What was told up to an erasure is part of what is erased; a withdrawal is not. Without a time
 * nobody can say that it was told afterwards. */
static void forget_erased(struct slot *s) {
    if (s->erased_ms != 0 && time_of(s->told) <= s->erased_ms) {
        s->told = put_bits(s->told, 0xffff, 0);
        s->asked = put_bits(s->asked, UINT64_C(0xff) << AGE_SHIFT, 0);
    }
}

enum status people_profile(struct people *p, uint64_t user, const struct decoded_profile *profile) {
    struct slot *s = NULL;
    enum status st = enter(p, user, &s);
    const int64_t ts_ms = clamp_time(profile->ts_ms);
    if (st || !counts(ts_ms, s->told)) {
        return st;
    }
    s->told = (uint64_t)ts_ms << TIME_SHIFT | (uint64_t)(uint8_t)profile->country[0] << 8 |
              (uint64_t)(uint8_t)profile->country[1];
    s->asked = put_bits(s->asked, CONSENT_BITS, (uint64_t)profile->consent);
    s->asked =
        put_bits(s->asked, UINT64_C(0xff) << AGE_SHIFT, (uint64_t)profile->age_band << AGE_SHIFT);
    forget_erased(s);
    return ST_OK;
}

enum status people_request(struct people *p, uint64_t user, const struct decoded_privacy *request) {
    struct slot *s = NULL;
    enum status st = enter(p, user, &s);
    if (st) {
        return st;
    }
    const int64_t ts_ms = clamp_time(request->ts_ms);
    if (request->request == PRIVACY_ERASE) {
        s->erased_ms = ts_ms > s->erased_ms ? ts_ms : s->erased_ms;
        forget_erased(s);
    } else if (counts(ts_ms, s->asked)) {
        const uint64_t stopped = request->request == PRIVACY_STOP ? STOPPED : 0;
        s->asked = (uint64_t)ts_ms << TIME_SHIFT | put_bits(s->asked & 0xffff, STOPPED, stopped);
    }
    return ST_OK;
}

/* ---- answers ----------------------------------------------------------------------------- */

struct person people_get(const struct people *p, uint64_t user) {
    const struct slot *s = find(p, user); /* a free one is all zeros */
    return (struct person){
        .erased_ms = s->erased_ms,
        .consent = (uint8_t)(s->asked & CONSENT_BITS),
        .stopped = (s->asked & STOPPED) != 0,
        .age_band = (uint8_t)(s->asked >> AGE_SHIFT),
        .country = {(char)(uint8_t)(s->told >> 8), (char)(uint8_t)s->told},
    };
}

bool people_may_show(const struct people *p, uint64_t user) {
    const struct person who = people_get(p, user);
    return who.consent != CONSENT_WITHDRAWN && !who.stopped;
}

bool people_may_learn(const struct people *p, uint64_t user, int64_t ts_ms) {
    const struct person who = people_get(p, user);
    return who.consent != CONSENT_WITHDRAWN && !who.stopped &&
           (who.erased_ms == 0 || ts_ms > who.erased_ms);
}
