/* SPDX-License-Identifier: Apache-2.0
 * task_record.c -- see task_record.h. */
#include "task_record.h"

#include <math.h>

#include "log_record_state.h"
#include "ranker_pack.h"

void task_record_write(const struct task_record *r, struct pack *p) {
    const struct ranker *ranker = &r->ranker;
    pack_u8(p, TASK_RECORD_FORMAT);
    ranker_pack_shape(p);
    ranker_pack_nets(p, ranker->net);
    ranker_pack_nets(p, ranker->m);
    ranker_pack_nets(p, ranker->s);
    pack_uint(p, DOMAINS_MAX);
    for (int d = 0; d < DOMAINS_MAX; d++) {
        pack_double(p, ranker->gate[d][false]);
        pack_double(p, ranker->gate[d][true]);
    }
    pack_float(p, ranker->pace);
    pack_uint(p, ranker->steps);
    mini_batch_write(p, &r->mini);
    pack_uint(p, r->mini_number);
    pack_int(p, r->taken_ms);
    pack_uint(p, r->nets_epoch);
    pack_uint(p, r->nets_batch);
    pack_uint(p, r->nets_moved);
    pack_uint(p, r->n_events);
    pack_uint(p, r->n_trained);
    pack_double(p, r->examples.used);
    pack_uint(p, r->examples.passed);
}

/* Second moments, of which roots are taken. */
static void check_squares(struct unpack *u, const struct ranker_net nets[RANKER_NETS]) {
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            if (!(nets[kind].weights[k] >= 0.0F)) {
                unpack_fail(u);
            }
        }
    }
}

static void read_gates(struct unpack *u, struct ranker *ranker, uint64_t n) {
    for (uint64_t d = 0; d < n; d++) {
        for (int known = 0; known < 2; known++) {
            ranker->gate[d][known] = unpack_double(u);
            if (!isfinite(ranker->gate[d][known])) {
                unpack_fail(u);
            }
        }
    }
    ranker->pace = unpack_float(u);
    if (!(ranker->pace >= 0.0F && isfinite(ranker->pace))) {
        unpack_fail(u);
    }
    ranker->steps = unpack_uint(u);
}

static void read_rest(struct unpack *u, uint8_t format, struct task_record *r) {
    mini_batch_read(u, &r->mini);
    r->mini_number = unpack_uint(u);
    r->taken_ms = unpack_int(u);
    r->nets_epoch = unpack_uint(u);
    r->nets_batch = unpack_uint(u);
    r->nets_moved = unpack_at_most(u, 1) == 1;
    r->n_events = (uint32_t)unpack_at_most(u, UINT32_MAX);
    r->n_trained = (uint32_t)unpack_at_most(u, UINT32_MAX);
    if (format > 1) {
        r->examples.used = unpack_double(u);
        r->examples.passed = (uint32_t)unpack_at_most(u, UINT32_MAX - 1);
    }
    const bool counts = r->examples.used >= 0.0 && isfinite(r->examples.used);
    const bool a_time = r->taken_ms > -LOG_TIME_MAX && r->taken_ms < LOG_TIME_MAX;
    if (r->mini_number == 0 || !counts || !(a_time || r->taken_ms == INT64_MIN)) {
        unpack_fail(u);
    }
}

enum status task_record_read(struct unpack *u, struct task_record *out) {
    struct task_record r = {.mini_number = 0};
    const uint8_t format = unpack_u8(u);
    if (u->failed || format == 0) {
        return ST_INVALID;
    }
    if (format > TASK_RECORD_FORMAT) {
        return ST_RANGE;
    }
    const uint32_t n_x = ranker_features_of(unpack_uint(u));
    if (u->failed || n_x == 0) {
        return u->failed ? ST_INVALID : ST_RANGE;
    }
    ranker_unpack_nets(u, n_x, r.ranker.net);
    ranker_unpack_nets(u, n_x, r.ranker.m);
    ranker_unpack_nets(u, n_x, r.ranker.s);
    check_squares(u, r.ranker.s);
    const uint64_t domains = unpack_uint(u);
    if (u->failed || domains != DOMAINS_MAX) {
        return u->failed ? ST_INVALID : ST_RANGE;
    }
    read_gates(u, &r.ranker, domains);
    read_rest(u, format, &r);
    if (u->failed || u->at != u->end) {
        return ST_INVALID;
    }
    *out = r;
    return ST_OK;
}
