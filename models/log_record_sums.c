/* SPDX-License-Identifier: Apache-2.0
 * log_record_sums.c -- see log_record_state.h: sums of mini-batches as bytes. */
#include "log_record_state.h"

/* One more than the last that is not 0. */
static uint32_t used(const int64_t *v, uint32_t n) {
    while (n > 0 && v[n - 1] == 0) {
        n--;
    }
    return n;
}

static void write_sums(struct pack *p, const int64_t *v, size_t n) {
    for (size_t k = 0; k < n; k++) {
        pack_int(p, v[k]);
    }
}

static void read_sums(struct unpack *u, int64_t *v, size_t n) {
    for (size_t k = 0; k < n; k++) {
        v[k] = unpack_sum(u);
    }
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static void shape_of(const struct segments_sum *s, uint32_t *dims, uint32_t *k) {
    *dims = larger(used(s->all_x, FEATURES_MAX),
                   larger(used(s->all_xx, FEATURES_MAX), used(s->all_xx_high, FEATURES_MAX)));
    *k = used(s->sse, SEGMENTS_MAX);
    for (uint32_t c = 0; c < SEGMENTS_MAX; c++) {
        const uint32_t n = used(s->x[c], FEATURES_MAX);
        *dims = larger(*dims, n);
        *k = n > 0 || s->n[c] > 0 ? larger(*k, c + 1) : *k;
    }
}

void mini_batch_write(struct pack *p, const struct mini_batch *m) {
    const struct segments_sum *s = &m->segments;
    uint32_t dims = 0;
    uint32_t k = 0;
    shape_of(s, &dims, &k);
    pack_uint(p, m->n_events);
    pack_uint(p, m->n_trained);
    pack_int(p, m->factors.n);
    pack_uint(p, m->factors.n_users);
    write_sums(p, m->factors.pp, m->factors.n != 0 ? FACTORS_SYM : 0);
    pack_uint(p, s->generation);
    pack_uint(p, s->n_all);
    pack_uint(p, dims);
    pack_uint(p, k);
    write_sums(p, s->all_x, dims);
    write_sums(p, s->all_xx, dims);
    write_sums(p, s->all_xx_high, dims);
    for (uint32_t c = 0; c < k; c++) {
        pack_uint(p, s->n[c]);
        pack_int(p, s->sse[c]);
        write_sums(p, s->x[c], dims);
    }
}

void mini_batch_read(struct unpack *u, struct mini_batch *m) {
    struct segments_sum *s = &m->segments;
    *m = (struct mini_batch){0};
    m->n_events = (uint32_t)unpack_at_most(u, UINT32_MAX);
    m->n_trained = (uint32_t)unpack_at_most(u, UINT32_MAX);
    m->factors.n = unpack_sum(u);
    m->factors.n_users = (uint32_t)unpack_at_most(u, UINT32_MAX);
    if (m->factors.n < 0) {
        unpack_fail(u);
    }
    read_sums(u, m->factors.pp, m->factors.n != 0 ? FACTORS_SYM : 0);
    s->generation = (uint32_t)unpack_at_most(u, UINT32_MAX);
    s->n_all = (uint32_t)unpack_at_most(u, UINT32_MAX);
    const uint32_t dims = (uint32_t)unpack_at_most(u, FEATURES_MAX);
    const uint32_t k = (uint32_t)unpack_at_most(u, SEGMENTS_MAX);
    read_sums(u, s->all_x, dims);
    read_sums(u, s->all_xx, dims);
    read_sums(u, s->all_xx_high, dims);
    for (uint32_t c = 0; c < k; c++) {
        s->n[c] = (uint32_t)unpack_at_most(u, UINT32_MAX);
        s->sse[c] = unpack_sum(u);
        read_sums(u, s->x[c], dims);
    }
}
