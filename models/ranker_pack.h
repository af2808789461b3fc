/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker_pack.h -- both nets of a ranker, or its moments, as bytes: in task records, in the model
 * log, in snapshots.
 *
 * The number of weights says which shape it is: features of a candidate are only ever added at the
 * end (ranker.h), so that a net that was written before the last of them is read with their weights
 * 0: it scores as it did, and learns what they are worth.
 *
 * Pure. Threads: one.
 */
#ifndef RANKER_PACK_H
#define RANKER_PACK_H

#include "pack.h"
#include "ranker.h"

/** The number of weights, then once or more the weights themselves, floats bit for bit. */
void ranker_pack_shape(struct pack *p);
void ranker_pack_nets(struct pack *p, const struct ranker_net nets[RANKER_NETS]);

/** Candidate features that nets of this many weights look at; 0: no shape that ever was. */
uint32_t ranker_features_of(uint64_t weights);
/** Reads nets that look at the first n_x features; the unpack fails if a weight is not finite. */
void ranker_unpack_nets(struct unpack *u, uint32_t n_x, struct ranker_net nets[RANKER_NETS]);

#endif
