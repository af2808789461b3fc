/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch.h -- functions that ask for cache lines before they are needed, and do nothing else.
 */
#ifndef FETCH_H
#define FETCH_H

/** Begins such a function: GCC (12.2) takes one that only prefetches for one without effect, and
 *  drops its calls, from other files at any rate. */
#define FETCH_KEPT() __asm__ volatile("")

#endif
