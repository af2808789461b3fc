/* SPDX-License-Identifier: Apache-2.0
 *
 * letter.h -- dead letters on their way from the intake to the dead-letter topic.
 *
 * A letter is one block of bytes (head, key, value), so that it can lie in the merge's rings
 * and be appended to a sealed batch without further allocation.
 *
 * Ownership: struct letters owns its bytes. Threads: one at a time.
 */
#ifndef LETTER_H
#define LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "intake.h"
#include "ports.h"
#include "status.h"

/* Key and value of a letter together. A record that filled its topic's max.message.bytes (1 MiB
 * by default) would be refused for ever with the letter's headers on top: its value is cut, and
 * the header truncated-from says how long it was. */
enum { LETTER_BYTES_MAX = 1000000 };

struct letters { /* appended blocks; zero-initialised is empty */
    char *bytes;
    size_t len, cap;
    size_t n;
    size_t queued; /* bytes of those that the letterbox has taken already */
};

/** Bytes that the letter of a record takes, and writing it into buf of that size. */
size_t letter_size(const struct record *r);
/** `topic` is its name; it and `detail` are borrowed until the letter was sent. */
void letter_write(char *buf, const char *topic, const struct record *r, enum intake_reason reason,
                  const char *detail);
/** What a written block says: why, and the detail that it was given. */
enum intake_reason letter_why(const void *block, const char **detail);

/** A letterbox whose letters are part of the open transaction, by key: they are safe when it is
 *  committed, so that flush has nothing to wait for. `tx` is borrowed. */
struct letterbox letterbox_in(const struct transactions *tx);

/** Sends one block, without waiting. @return what box->send() returned */
MUST_CHECK enum status letter_send(const void *block, const char *dead_letters,
                                   const struct letterbox *box);

/** Appends a block as written by letter_write(). @return ST_OK, ST_NOMEM */
MUST_CHECK enum status letters_append(struct letters *l, const void *block, size_t len);
void letters_clear(struct letters *l);
void letters_free(struct letters *l);

/** Sends all of them to the dead-letter topic and waits until they are acknowledged.
 *  Called again after ST_AGAIN it goes on where it was: brokers that are away for an hour do
 *  not get a letter a hundred times. After a refusal all are sent again, some twice.
 *  @return ST_OK, ST_AGAIN (not now: call again), ST_IO (one was refused: likewise) */
MUST_CHECK enum status letters_send(struct letters *l, const struct config *cfg,
                                    const struct letterbox *box);

#endif
