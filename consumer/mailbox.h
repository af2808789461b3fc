/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox.h -- one question at a time, put by threads that wait to a thread that looks by.
 *
 *     asker                                     answerer, once a round
 *     mailbox_ask(m, &question, ms, &answer)    q = mailbox_look(m)      NULL: nobody asks
 *                                               mailbox_answer(m, what)
 *
 * Looking costs one load while nobody asks. An asker who gives up leaves the question in the
 * answerer's hands: the answer is then freed unread.
 *
 * Ownership: owns a copy of the question; an answer is malloc'ed memory that goes to the asker.
 * Threads: any ask; one looks and answers.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include <stddef.h>

#include "status.h"

struct mailbox; /* opaque */

/** @param question_size  bytes of every question, >= 1. @return ST_OK, ST_INVALID, ST_NOMEM */
MUST_CHECK enum status mailbox_new(size_t question_size, struct mailbox **out);
/** Nobody asks or looks any more. NULL is allowed. */
void mailbox_free(struct mailbox *m);

/** Waits for the answer, at most timeout_ms.
 *  @param answer  out: malloc'ed, or NULL if that was the answer
 *  @return ST_OK; ST_AGAIN (another question is being answered); ST_LOST (no answer in time, or
 *  closed) */
MUST_CHECK enum status mailbox_ask(struct mailbox *m, const void *question, int timeout_ms,
                                   void **answer);

/** The question, (question_size,) bytes until it is answered; NULL if there is none. */
const void *mailbox_look(struct mailbox *m);
/** Answers what mailbox_look() gave. `answer` is malloc'ed, or NULL, and is not the caller's any
 *  more. */
void mailbox_answer(struct mailbox *m, void *answer);

/** Nobody will look any more: who waits and who asks from now on gets ST_LOST. Any thread. */
void mailbox_close(struct mailbox *m);

#endif
