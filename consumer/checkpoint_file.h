/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint_file.h -- is a data.mdb of LMDB 0.9 whole? Asked before LMDB opens it.
 *
 * LMDB maps the file and believes what it reads: a file that was cut ends the process with SIGBUS,
 * damaged pages with SIGSEGV, an assertion, or writes into pages that are in use. This reads every
 * page that the newest transaction reaches, with pread(2), and believes nothing:
 *
 *     both meta pages      magic, version, page size, roots and counts that can be
 *     each tree            (records; free pages) depth, entries, no page twice, none beyond the
 *                          file; in a page: offsets, lengths, keys in order, within their parent's
 *     free pages           none that is in use, none twice
 *
 * What values say is not looked at: that is what their CRC is for. A page that is free may be cut
 * off: LMDB writes it before it reads it again.
 *
 * Pure but for the reading; memory: a bit a page of the file. Threads: any.
 */
#ifndef CHECKPOINT_FILE_H
#define CHECKPOINT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct checkpoint_file {
    uint64_t bytes;   /* of the file                  */
    uint64_t entries; /* records of the newest transaction */
    uint32_t page;    /* bytes of a page              */
};

/** Looks at an open file from its beginning. A file of 0 bytes is whole: nothing was written yet.
 *  @param why  out, why_len bytes: what is wrong and where; *out is untouched then
 *  @return ST_OK; ST_INVALID (damaged or cut); ST_RANGE (another format of LMDB, or of another
 *          kind of machine); ST_IO (it cannot be read); ST_NOMEM */
MUST_CHECK enum status checkpoint_file_look(int fd, struct checkpoint_file *out, char *why,
                                            size_t why_len);

#endif
