/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates_state.h -- the workspace of a search, for candidates*.c only.
 *
 * One cell an item, valid for the current search only if its stamp says so: nothing is cleared
 * between searches.
 */
#ifndef CANDIDATES_STATE_H
#define CANDIDATES_STATE_H

#include "affinity.h"
#include "candidates.h"

struct cell {
    uint32_t stamp;    /* k sums are of this search */
    uint32_t listed;   /* in the candidates of this search */
    uint32_t position; /* there                     */
    uint32_t taken;    /* in the history of this search's user */
    uint32_t ordered;  /* in his order under way */
    float k1, k3, k4, kx;
};

struct candidates {
    struct cell *cells;   /* (cap,) */
    uint32_t *touched;    /* (cap,) items with k sums           */
    uint64_t *neighbours; /* (cap,) keys: key_of() */
    uint32_t cap;
    uint32_t stamp;
    uint32_t n_touched;
    bool history_has_all;     /* nothing that is not marked `taken` can be consumed    */
    uint32_t n_withdrawn;     /* flags of this search; 0 while everything is available */
    const uint8_t *withdrawn; /* (n_withdrawn,) borrowed                               */
    float max_k1;
    struct affinity *affinity;
    struct features_block block;
    uint32_t item[RANKER_LIST_MAX];
    _Alignas(64) float x[RANKER_X * RANKER_LIST_MAX];
};

#endif
