/* SPDX-License-Identifier: Apache-2.0
 * demo_sample.c -- see demo_sample.h. */
#include "demo_sample.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 1 << 16,
    EVENTS_MIN = 4, /* something must be known of him */
};

struct seen {
    uint64_t user;    /* hash, 0: nobody   */
    uint32_t domains; /* a bit a domain    */
    uint32_t events;
};

struct demo_sample {
    uint32_t min_domains;
    int64_t quiet_ms;
    int64_t last_ms; /* of the sample's newest event */
    uint64_t user;   /* hash, 0: nobody yet          */
    bool held;       /* quiet or not, he stays       */
    uint32_t domains;
    struct seen *seen; /* (PLACES,) */
};

/* FNV-1a, 64 bits; never 0. */
static uint64_t hash_of(const char *text, size_t len) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t k = 0; k < len; k++) {
        h = (h ^ (unsigned char)text[k]) * UINT64_C(0x100000001b3);
    }
    return h ? h : 1;
}

static uint32_t bits(uint32_t x) {
    uint32_t n = 0;
    for (; x; x &= x - 1) {
        n++;
    }
    return n;
}

enum status demo_sample_new(uint32_t min_domains, int64_t quiet_ms, struct demo_sample **out) {
    struct demo_sample *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    s->min_domains = min_domains;
    s->quiet_ms = quiet_ms;
    s->seen = calloc(PLACES, sizeof *s->seen);
    if (!s->seen) {
        demo_sample_free(s);
        return ST_NOMEM;
    }
    *out = s;
    return ST_OK;
}

void demo_sample_free(struct demo_sample *s) {
    if (s) {
        free(s->seen);
        free(s);
    }
}

/* His place, or that of whom he would push out. */
static struct seen *place_of(const struct demo_sample *s, uint64_t h) {
    return &s->seen[(h ^ h >> 32) % PLACES];
}

static bool known(const struct demo_sample *s, const struct seen *e) {
    return e->events >= EVENTS_MIN && bits(e->domains) >= s->min_domains;
}

bool demo_sample_lively(const struct demo_sample *s, const char *user, size_t len) {
    const uint64_t h = hash_of(user, len);
    const struct seen *e = place_of(s, h);
    return e->user == h && known(s, e);
}

void demo_sample_choose(struct demo_sample *s, const char *user, size_t len, bool held,
                        int64_t now_ms) {
    const uint64_t h = hash_of(user, len);
    const struct seen *e = place_of(s, h);
    s->user = h;
    s->held = held;
    s->domains = e->user == h ? e->domains : 0;
    s->last_ms = now_ms;
}

enum demo_sample_sight demo_sample_see(struct demo_sample *s, const char *user, size_t len,
                                       uint32_t domain, int64_t now_ms) {
    const uint64_t h = hash_of(user, len);
    struct seen *e = place_of(s, h);
    if (e->user != h) {
        *e = (struct seen){.user = h};
    }
    e->domains |= UINT32_C(1) << domain;
    e->events++;
    if (h == s->user) {
        s->last_ms = now_ms;
        s->domains |= e->domains;
        return SAMPLE_EVENT;
    }
    const bool vacant = s->user == 0 || (!s->held && now_ms - s->last_ms > s->quiet_ms);
    if (vacant && known(s, e)) {
        s->user = h;
        s->domains = e->domains;
        s->last_ms = now_ms;
        return SAMPLE_CHOSEN;
    }
    return SAMPLE_OTHER;
}

uint32_t demo_sample_other(const struct demo_sample *s, uint32_t domain) {
    for (uint32_t d = 0; d < DOMAINS_MAX; d++) {
        if (d != domain && (s->domains >> d & 1) != 0) {
            return d;
        }
    }
    return domain;
}
