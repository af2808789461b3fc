/* SPDX-License-Identifier: Apache-2.0
 *
 * explain_text.h -- a list of a user and what stands behind it, as JSON for operators: an element
 * of "lists" of GET /get and GET /explain (person_text.h has the rest).
 *
 *  {"target":"food","key":"crossrec:food:rec:u17"|null,
 *   "personalised":true,"of":"user"|"segment","served":"full"|"twin","lead":<nats>,"candidates":412,
 *   "items":[{"id":"f203","category":"pasta","score":4.61,"reason":"together",
 *             "because":{"item":"c17","domain":"course","category":"cooking"},
 *             "propensity":.0025,"rules":[{"id":"sale","kind":"boost","factor":2}],"shift":.4,
 *             "parts":{"popular":-.2,"trending":.1,"together":3.1,...},
 *             "ranks":{"full":1,"twin":40,"linear":3,"together":1,"popular":57},
 *             "inputs":{"together":{"value":1.2,"mean":.3,"adds":.8},...}},...]}
 *
 * `of`: segment, if he did nothing yet and gets what those of his segment take; then, and of GET
 * /get, there is no served, lead, candidates, parts, ranks and inputs. `key`: where the list stands
 * in Redis; null where the user has no id at the partner, hence no list.
 *
 * `parts`: what each group of inputs adds to the score, compared with the mean candidate; `inputs`
 * the same one by one (learner.h, ranker.h), those that add something. `ranks`: the item's place
 * among the candidates, from 1, by the personal net, by its twin that knows nothing of the user, by
 * the linear part of what is served, by co-occurrence and by 7-day popularity alone; without the
 * dials of diversity and exploration.
 *
 * `rules` (rules.h): of an item those that hold for it (a pin has its `place`); of the list, in
 * /explain, all that are in force for such lists, the first 32. `shift`: what boosts added to the
 * score. They are left out where there are none.
 *
 * `because`, `category` and `propensity` are left out where there are none; so are ranks and inputs
 * of an item shown to find out. Nothing is held back, unlike in a list that a partner reads: of a
 * history item the id is told whatever its domain.
 *
 * Pure. Threads: that of the learner.
 */
#ifndef EXPLAIN_TEXT_H
#define EXPLAIN_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "learner.h"
#include "page.h"

struct explained {
    const struct config *cfg;
    const struct learner *learner;
    uint8_t target;
    bool of_segment; /* the list is that of his segment */
    const char *id;  /* (id_len,) as the target's partner finds the user in Redis; NULL: not */
    size_t id_len;
    const struct list *list;
    const struct explanation *why; /* its list is `list`; NULL: the list alone is told */
};

void explain_text(struct page *p, const struct explained *e);

/** "similar":[{"user":"u9","cosine":.93},...] of an explanation. */
void explain_text_similar(struct page *p, const struct learner *l, const struct explanation *why);

#endif
