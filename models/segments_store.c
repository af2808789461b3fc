/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_store.c -- segments_write() and segments_read() of segments.h.
 *
 *     dims | w, mean, square (dims,) | generation | seeds, since, doubted
 *     | with a generation: k, and per cluster w, sse, centre, spread (dims,), parent + 1, settling
 */
#include <stdlib.h>

#include "segments_state.h"

struct stored {
    struct segments_seeds seeds;
    uint32_t count; /* seedings and reviews */
    uint64_t since;
    bool doubted;
    int parent[SEGMENTS_MAX];
    uint32_t settling[SEGMENTS_MAX];
};

static void write_row(struct pack *p, const double *x, uint32_t dims) {
    for (uint32_t d = 0; d < dims; d++) {
        pack_double(p, x[d]);
    }
}

static void read_row(struct unpack *u, double *x, uint32_t dims) {
    for (uint32_t d = 0; d < dims; d++) {
        x[d] = unpack_double(u);
    }
}

void segments_write(const struct segments *s, struct pack *p) {
    const uint32_t dims = s->params.dims;
    pack_uint(p, dims);
    pack_double(p, s->w);
    write_row(p, s->mean, dims);
    write_row(p, s->square, dims);
    pack_uint(p, s->generation);
    pack_uint(p, s->seeds);
    pack_uint(p, s->since);
    pack_uint(p, s->doubted);
    if (s->generation == 0) {
        return;
    }
    pack_uint(p, s->k);
    for (uint32_t k = 0; k < s->k; k++) {
        const struct cluster *c = &s->clusters[k];
        pack_double(p, c->w);
        pack_double(p, c->sse);
        write_row(p, c->centre, dims);
        write_row(p, c->spread, dims);
        pack_uint(p, (uint64_t)c->parent + 1); /* NO_SPLIT: 0 */
        pack_uint(p, c->settling);
    }
}

static void read_clusters(struct unpack *u, uint32_t dims, struct stored *in) {
    in->seeds.k = (uint32_t)unpack_at_most(u, SEGMENTS_MAX);
    for (uint32_t k = 0; k < in->seeds.k; k++) {
        struct segments_seed *c = &in->seeds.clusters[k];
        c->w = unpack_double(u);
        c->sse = unpack_double(u);
        read_row(u, c->centre, dims);
        read_row(u, c->spread, dims);
        in->parent[k] = (int)unpack_at_most(u, in->seeds.k) - 1;
        in->settling[k] = (uint32_t)unpack_at_most(u, UINT32_MAX);
    }
}

static void put(struct segments *s, const struct stored *in) {
    segments_scale_by(s, in->seeds.w, in->seeds.mean, in->seeds.square);
    if (in->seeds.generation == 0) {
        s->ready = false;
        s->k = 0;
        s->generation = 0;
    } else {
        segments_set(s, &in->seeds);
        for (uint32_t k = 0; k < s->k; k++) {
            s->clusters[k].parent = in->parent[k];
            s->clusters[k].settling = in->settling[k];
        }
    }
    s->seeds = in->count;
    s->since = in->since;
    s->doubted = in->doubted;
}

static enum status read_into(struct stored *in, struct segments *s, struct unpack *u) {
    const uint32_t dims = (uint32_t)unpack_at_most(u, UINT32_MAX);
    if (u->failed || dims < 1) {
        return ST_INVALID;
    }
    if (dims > s->params.dims) {
        return ST_RANGE;
    }
    in->seeds.w = unpack_double(u);
    read_row(u, in->seeds.mean, dims);
    read_row(u, in->seeds.square, dims);
    in->seeds.generation = (uint32_t)unpack_at_most(u, UINT32_MAX);
    in->count = (uint32_t)unpack_at_most(u, UINT32_MAX);
    in->since = unpack_uint(u);
    in->doubted = unpack_at_most(u, 1);
    in->seeds.k = 2; /* without segments the scale is checked, as that of two empty ones */
    if (in->seeds.generation > 0) {
        read_clusters(u, dims, in);
    }
    if (u->failed || unpack_left(u) > 0 || !segments_seeds_ok(&in->seeds, dims)) {
        return ST_INVALID;
    }
    put(s, in);
    return ST_OK;
}

enum status segments_read(struct segments *s, struct unpack *u) {
    struct stored *in = calloc(1, sizeof *in);
    if (!in) {
        return ST_NOMEM;
    }
    const enum status st = read_into(in, s, u);
    free(in);
    return st;
}
