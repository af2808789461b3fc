/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_files.h -- the event files of `crossrec replay` as one stream, with their domains
 * checked against the configuration.
 *
 * Several files are merged by time (equal times: in the order of the files; a file that is not
 * sorted stays as it is), as events that come hours after those of another topic would count
 * as late. Files are read once before anything is sent: a domain that is not configured is
 * reported with what to type while nothing has happened yet. Standard input cannot be.
 *
 * Ownership: plain memory inside, freed by replay_files_close(). Threads: one.
 */
#ifndef REPLAY_FILES_H
#define REPLAY_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli.h"
#include "config.h"
#include "status.h"
#include "tsv.h"

struct replay_file {
    const char *path;
    struct tsv *tsv;
    struct tsv_event *next; /* NULL: at its end */
};

struct replay_files {
    const struct config *cfg;
    struct replay_file files[CLI_ARGS_MAX];
    size_t n;
    size_t last;    /* whose event was handed out: to be moved on; n: none */
    uint64_t total; /* events, 0: unknown */
    bool used[DOMAINS_MAX];
};

struct replay_event {
    struct tsv_event *event; /* borrowed until the next call */
    uint32_t domain;         /* index into cfg->domains      */
};

/** Opens and checks; what is wrong goes to stderr. Paths must outlive it.
 *  @return ST_OK, ST_IO, ST_INVALID (a domain is not configured, or has no topic), ST_NOMEM,
 *          ST_RANGE (more than CLI_ARGS_MAX files, or domains than can be configured) */
MUST_CHECK enum status replay_files_open(struct replay_files *r, const struct config *cfg,
                                         const char *const *paths, size_t n);
/** Zero-initialised and half-open ones too. */
void replay_files_close(struct replay_files *r);

/** The next event. @return ST_OK, ST_NOT_FOUND (the end), ST_IO (a file cannot be read on),
 *  ST_INVALID (a domain is not configured: said on stderr) */
MUST_CHECK enum status replay_files_next(struct replay_files *r, struct replay_event *out);

/** True if events of this domain will come, as far as is known before. */
bool replay_files_has(const struct replay_files *r, uint32_t domain);
uint64_t replay_files_total(const struct replay_files *r); /* events, 0: unknown */
uint64_t replay_files_lines(const struct replay_files *r); /* so far             */
uint64_t replay_files_bad(const struct replay_files *r);

#endif
