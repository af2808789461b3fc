/* SPDX-License-Identifier: Apache-2.0
 *
 * prequential.c -- see prequential.h.
 *
 * A track is a domain, or the last one, all domains. It has a ring of the
 * outcomes of its last `window` lines, so that the rolling counts are the total
 * of what came in minus what fell out: exact, nothing is ever recounted.
 */
#include "prequential.h"

#include <math.h>
#include <stdlib.h>

enum { WINDOW_MAX = 1000000, HIT_MODEL = 1, HIT_BASELINE = 2 };

struct track {
    struct prequential_counts total, rolling;
    uint8_t *ring; /* (window,) HIT_ bits of the last lines */
    uint32_t next; /* where the next line goes: the oldest once the ring is full */
};

struct prequential {
    uint32_t n_domains, window;
    struct track tracks[DOMAINS_MAX + 1]; /* the last one: all domains */
};

enum status prequential_new(uint32_t n_domains, uint32_t window, struct prequential **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX || window < 1 || window > WINDOW_MAX) {
        return ST_INVALID;
    }
    struct prequential *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    p->n_domains = n_domains;
    p->window = window;
    for (uint32_t t = 0; t <= DOMAINS_MAX; t++) {
        if (t < n_domains || t == DOMAINS_MAX) {
            p->tracks[t].ring = calloc(window, sizeof *p->tracks[t].ring);
            if (!p->tracks[t].ring) {
                prequential_free(p);
                return ST_NOMEM;
            }
        }
    }
    *out = p;
    return ST_OK;
}

void prequential_free(struct prequential *p) {
    if (!p) {
        return;
    }
    for (uint32_t t = 0; t <= DOMAINS_MAX; t++) {
        free(p->tracks[t].ring);
    }
    free(p);
}

/* Puts a line with these hits into the counts, or takes it out again. */
static void count(struct prequential_counts *c, uint8_t hits, bool in) {
    const uint64_t one = in ? 1U : UINT64_MAX; /* adding UINT64_MAX subtracts 1 */
    const bool model = hits & HIT_MODEL;
    const bool baseline = hits & HIT_BASELINE;
    c->n += one;
    c->model += model ? one : 0;
    c->baseline += baseline ? one : 0;
    c->only_model += model && !baseline ? one : 0;
    c->only_baseline += baseline && !model ? one : 0;
}

static void track_add(struct track *t, uint32_t window, uint8_t hits) {
    if (t->rolling.n == window) {
        count(&t->rolling, t->ring[t->next], false);
    }
    t->ring[t->next] = hits;
    t->next = t->next + 1 == window ? 0 : t->next + 1;
    count(&t->rolling, hits, true);
    count(&t->total, hits, true);
}

void prequential_add(struct prequential *p, uint8_t domain, bool model, bool baseline) {
    if (domain >= p->n_domains) {
        return;
    }
    const uint8_t hits = (uint8_t)((model ? HIT_MODEL : 0) | (baseline ? HIT_BASELINE : 0));
    track_add(&p->tracks[domain], p->window, hits);
    track_add(&p->tracks[DOMAINS_MAX], p->window, hits);
}

/* Domains that do not exist have tracks too: their counts stay 0. */
static const struct track *track_of(const struct prequential *p, uint32_t domain) {
    static const struct track none = {.next = 0};
    return domain <= DOMAINS_MAX ? &p->tracks[domain] : &none;
}

struct prequential_counts prequential_total(const struct prequential *p, uint32_t domain) {
    return track_of(p, domain)->total;
}

struct prequential_counts prequential_rolling(const struct prequential *p, uint32_t domain) {
    return track_of(p, domain)->rolling;
}

double prequential_mcnemar(const struct prequential_counts *c) {
    const double b = (double)c->only_model;
    const double d = (double)c->only_baseline;
    if (!(b + d > 0.0)) {
        return 0.0;
    }
    const double diff = fabs(b - d) - 1.0;
    return diff * diff / (b + d);
}
