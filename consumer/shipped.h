/* SPDX-License-Identifier: Apache-2.0
 *
 * shipped.h -- the schemas that crossrec ships (schemas/ *.avsc, compiled in) and what a record
 * of each means. Those of schemas/earlier, named by their ids, are only written with.
 *
 * Threads: constants.
 */
#ifndef SHIPPED_H
#define SHIPPED_H

#include <stddef.h>
#include <stdint.h>

#include "schema.h"
#include "status.h"

/* What the records of a topic are. */
enum topic_kind {
    KIND_EVENT,    /* somebody did something with items: learned                                  */
    KIND_FEEDBACK, /* somebody saw, clicked or took what was recommended: counted; a click is
                      learned as a view                                                           */
    KIND_ITEM,     /* a row of a catalogue: global, compacted                                     */
    KIND_PROFILE,  /* consent and coarse bands of a user: global, compacted                       */
    KIND_PRIVACY,  /* a request to erase or to stop: global, compacted                            */
    KIND_IDENTITY, /* a user's id at a partner: global, compacted                                 */
    KIND_RULE,     /* what people decide about lists: global, compacted                           */
    KINDS
};

/** Global topics are read whole by every instance; the others belong to tasks. */
static inline int topic_kind_is_global(enum topic_kind k) {
    return k >= KIND_ITEM;
}

enum reader {
    READER_COURSE_VIEW,        /* id 1 */
    READER_FOOD_ORDER,         /* id 9; before there were discounts, 2 */
    READER_SOCIAL_INTERACTION, /* id 10; before there were counterparts, 3 */
    READER_FEEDBACK,           /* id 4 */
    READER_ITEM,               /* id 5 */
    READER_USER_PROFILE,       /* id 6 */
    READER_PRIVACY_REQUEST,    /* id 7 */
    READER_IDENTITY,           /* id 8 */
    READER_RULE,               /* id 12 */
    READER_EVENT,              /* SHIPPED_EVENT_ID: what intake = repartition writes */
    READERS
};

/* crossrec itself writes events under this id, whatever a registry or a folder says of others: far
 * from where registries count. */
#define SHIPPED_EVENT_ID UINT32_C(2000000011)

/* What crossrec writes and does not read as input: triggers, into the outbox topic. */
#define SHIPPED_TRIGGER_ID 11
const char *shipped_trigger(void);

/** "CourseView" -> READER_COURSE_VIEW, ...; ST_NOT_FOUND */
MUST_CHECK enum status reader_of(const char *name, enum reader *out);
const char *reader_name(enum reader r);
enum topic_kind reader_kind(enum reader r);
/** The id without a registry and without a directory, and the text. */
uint32_t shipped_id(enum reader r);
const char *shipped_json(enum reader r);

/* What a shipped schema looked like before: records under this id stay readable. */
struct shipped_earlier {
    enum reader reader;
    uint32_t id;
    const char *json;
};
/** The i-th of them; NULL: there are no more. */
const struct shipped_earlier *shipped_earlier(size_t i);

#endif
