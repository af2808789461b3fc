/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_ask.h -- questions of the admin endpoint on their way through the learner's thread, for
 * instance_ask.c, instance_explain.c, instance_items.c, instance_segments.c only.
 *
 *     asker's thread   instance_get() ... -> a struct question -> mailbox, waits
 *     learner's        instance_answer(), once a round: steps of the question for about a slice,
 *                      the rest in the next rounds; then the answer goes back
 *
 * Events are learned between two steps, tasks come and go, and the learner may be another one: a
 * step begins by finding again whom it is about.
 */
#ifndef INSTANCE_ASK_H
#define INSTANCE_ASK_H

#include "instance_state.h"
#include "page.h"

enum topic { ABOUT_USER, ABOUT_WHY, ABOUT_SIMILAR, ABOUT_TOP, ABOUT_SEGMENTS, ABOUT_MODEL };

enum { EVERY_DOMAIN = DOMAINS_MAX, SAY_MAX = 1024 };

struct question {
    enum topic topic;
    uint32_t n;     /* items; 0: as the lists of the target are long, or 10            */
    uint8_t target; /* a domain's index; EVERY_DOMAIN: all targets                     */
    uint8_t domain; /* of the item, of the board; EVERY_DOMAIN: whichever has the item */
    uint16_t id_len;
    char id[ID_LEN_MAX]; /* of a user, of an item */
};

/* The question that is being answered. All zero between two. */
struct inquiry {
    struct question q;
    bool begun;
    uint32_t step;
    int64_t now_ms; /* of ranking: that of the beginning */
    enum status status;
    struct page page; /* the answer of ST_OK ... */
    char *text;       /* ... and of all others: a sentence, malloc'ed */
};

/* What is kept from question to question. */
struct asked {
    struct inquiry inquiry;
    struct segment_scan *scan; /* NULL: none is under way */
    const struct learner *scanned;
    struct explanation why; /* scratch */
};

/** A sentence with its line end, malloc'ed. */
char *instance_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Runs the task here? */
bool instance_runs(struct instance *in, uint32_t p);

/* Each does a step and returns true if that was the last: then i->status, and i->page or i->text,
 * are the answer. */
bool instance_step_user(struct instance *in, struct inquiry *i);
bool instance_step_similar(struct instance *in, struct inquiry *i);
bool instance_step_top(struct instance *in, struct inquiry *i);
bool instance_step_segments(struct instance *in, struct inquiry *i);

#endif
