/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h -- what the fuzz targets share: properties, and input that has to be a file.
 *
 * Threads: one.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** The target: called by libFuzzer, or by replay.c with one saved input after the other. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the run if the property does not hold, and says which. */
#define require(property) ((property) ? (void)0 : fuzz_failed(#property, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *property, const char *file, int line);

/** Path of a file that has these bytes. It has no name in any folder and is gone with the
 *  process, however that ends. Valid until the next call. */
const char *fuzz_file(const void *bytes, size_t len);

#endif
