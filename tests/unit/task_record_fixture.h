/* SPDX-License-Identifier: Apache-2.0
 *
 * task_record_fixture.h -- a task record of format 1 as it was written, and what it says: every
 * later version must read it so. Never to be generated anew; a new format gets a fixture of its
 * own. Included after <string.h> by one file.
 */
#ifndef TASK_RECORD_FIXTURE_H
#define TASK_RECORD_FIXTURE_H

#include "task_record.h"

enum { FIXTURE_BYTES = 16106 };

/* So many zeros, then these bytes. */
static const struct fixture_run {
    uint16_t zeros;
    uint8_t n, bytes[40];
} FIXTURE_RUNS[] = {
    {0, 3, {1, 251, 4}},
    {43, 1, {64}},
    {2364, 4, {205, 204, 204, 189}},
    {2552, 4, {96, 66, 162, 13}},
    {2650, 6, {232, 192, 0, 0, 0, 128}},
    {7612, 5, {158, 201, 127, 127, 16}},
    {14, 2, {41, 192}},
    {224, 8, {154, 153, 153, 153, 153, 153, 185, 63}},
    {10, 20, {224, 63,  128, 128, 128, 128, 128, 32,  49,  172,
              2,   128, 128, 128, 5,   2,   128, 128, 128, 1}},
    {526, 40, {169, 180, 222, 117, 4,   9,   3,   2, 153, 1, 0, 0,  0, 128,
               128, 128, 128, 8,   0,   0,   0,   2, 0,   0, 0, 0,  0, 3,
               128, 128, 128, 128, 128, 128, 128, 4, 0,   0, 9, 210}},
    {0, 18, {9, 246, 249, 178, 229, 189, 104, 192, 141, 246, 215, 6, 17, 1, 255, 1, 250, 1}},
};

/* The values of the record that the fixture was written from. */
static inline void fixture_record(struct task_record *r) {
    memset(r, 0, sizeof *r);
    struct ranker *ranker = &r->ranker;
    ranker->net[RANKER_FULL].v[X_K1_REL] = 2.0F;
    ranker->net[RANKER_FULL].w[RANKER_INPUTS - 1][RANKER_HIDDEN - 1] = -0.1F;
    ranker->net[RANKER_TWIN].b[3] = 1e-30F;
    ranker->m[RANKER_FULL].o[RANKER_HIDDEN - 1] = -7.25F;
    ranker->m[RANKER_TWIN].v[0] = -0.0F;
    ranker->s[RANKER_TWIN].o[15] = 3.4e38F;
    ranker->gate[0][true] = -12.5;
    ranker->gate[DOMAINS_MAX - 1][false] = 0.1;
    ranker->pace = 1.75F;
    ranker->steps = UINT64_C(1) << 40;
    r->mini.n_events = 49;
    r->mini.n_trained = 300;
    r->mini.factors.n = INT64_C(5) << 20;
    r->mini.factors.n_users = 2;
    r->mini.factors.pp[0] = 1048576;
    r->mini.factors.pp[FACTORS_SYM - 1] = -123456789;
    r->mini.segments.generation = 4;
    r->mini.segments.n_all = 9;
    r->mini.segments.all_x[0] = -77;
    r->mini.segments.all_xx[1] = 1 << 30;
    r->mini.segments.all_xx_high[2] = 1;
    r->mini.segments.n[1] = 3;
    r->mini.segments.sse[1] = INT64_C(1) << 50;
    r->mini.segments.x[1][2] = -5;
    r->mini_number = 1234;
    r->taken_ms = INT64_C(1795000000123);
    r->nets_epoch = 1795000000;
    r->nets_batch = 17;
    r->n_events = 255;
    r->n_trained = 250;
    r->nets_moved = true;
}

static inline size_t fixture_bytes(uint8_t out[FIXTURE_BYTES]) {
    size_t len = 0;
    memset(out, 0, FIXTURE_BYTES);
    for (size_t k = 0; k < sizeof FIXTURE_RUNS / sizeof *FIXTURE_RUNS; k++) {
        len += FIXTURE_RUNS[k].zeros;
        memcpy(out + len, FIXTURE_RUNS[k].bytes, FIXTURE_RUNS[k].n);
        len += FIXTURE_RUNS[k].n;
    }
    return len;
}

#endif
