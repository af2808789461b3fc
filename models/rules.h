/* SPDX-License-Identifier: Apache-2.0
 *
 * rules.h -- what people decide about lists: block, pin and boost, by item, category, domain,
 * segment and time.
 *
 * A rule is in force for a list of `target` that is made at time t for somebody of segment s if
 *
 *     from_ms <= t < until_ms  and  (it names no segment, or s)  and  target is its target, or any
 *
 * and holds for an item of that domain if the item is the one it names, if it names one, and of the
 * category it names, if it names one. One that names neither holds for the whole domain. Somebody
 * without a segment has segment -1: only rules that name none hold for him. A rule about an item or
 * a category that is not known begins to hold when it becomes known.
 *
 *     BLOCK   the item is on no list
 *     PIN     the item, or the best one of the category, stands at its place
 *     BOOST   the score is shifted, after the ranker and before the mix of categories:
 *
 *             s' = s + max(sd, .001) clip(sum of ln(factor), -20, 20)
 *
 *             sum: over all boosts that hold for the item; sd: the standard deviation of the scores
 * of all candidates of the list, whatever their scale. 2 is +.69 sd: a few places; 10 is +2.3 sd:
 * from the middle to the top; .1 the same downwards.
 *
 * Block beats pin, pin beats rank. Pins come in the order of their places, of one place in the
 * order of their ids (bytes, then sources): each takes the first slot from its place on that is not
 * taken. One whose slot is beyond the list's length, and the second pin of an item, are none. A
 * list that is shorter than a pin's slot ends with the pin.
 *
 * Compiled form: rules_see() brings it up to date. Items to which the same rules apply share a
 * class, with one number for each segment: 0 nothing, -INFINITY blocked, else the clipped sum. So
 * an item costs one load of its class and one of the number; a list without rules of its target and
 * segment costs one look. Compiling is O(items + categories log R + R log R) after a rule changed
 * or a window opened or closed; what is new in the catalogue is added in O(log R) an item. Memory:
 * 4 bytes an item, 68 bytes a class: at most one a domain, a category or item that a rule names.
 *
 * Ownership: owns copies of the rules. Threads: one. Pure: no clock, the time is passed in.
 */
#ifndef RULES_H
#define RULES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content.h"
#include "event.h"
#include "items.h"
#include "list.h"
#include "segments.h"
#include "status.h"

enum rule_kind { RULE_BLOCK, RULE_PIN, RULE_BOOST, RULE_KINDS };

enum {
    RULES_EVERY_DOMAIN = 0xff,
    RULES_SEGMENTS = SEGMENTS_MAX + 1, /* -1, 0, 1, ... */
};

#define RULES_FACTOR_MAX 1e6F /* and its inverse */
#define RULES_SHIFT_MAX  20.0F

struct rule {
    const char *id;  /* (id_len,) bytes */
    uint16_t id_len; /* 1..ID_LEN_MAX   */
    uint8_t target;  /* domain of the lists, or RULES_EVERY_DOMAIN */
    uint32_t source; /* whose it is: the same id of two sources are two rules */
    enum rule_kind kind;
    int segment;                    /* 0..SEGMENTS_MAX-1; -1: everybody                        */
    uint64_t item[DOMAINS_MAX];     /* hash of the item in each domain that it is about; 0: none */
    uint64_t category[DOMAINS_MAX]; /* likewise                                                */
    int64_t from_ms, until_ms;      /* INT64_MIN, INT64_MAX: open                              */
    float factor;                   /* BOOST: > 0                                              */
    uint32_t place;                 /* PIN: 1..LIST_MAX                                        */
};

/** "block", "pin", "boost". */
const char *rule_kind_str(enum rule_kind k);

struct rules; /* opaque */

/** For domains 0..n_domains-1. @return ST_OK, ST_INVALID (n_domains not in 1..DOMAINS_MAX),
 * ST_NOMEM
 */
MUST_CHECK enum status rules_new(uint32_t n_domains, struct rules **out);
void rules_free(struct rules *r);

/** Adds a rule, or replaces the one of the same id and source; the id is copied.
 *  @return ST_OK, ST_INVALID (a field out of its range, a pin of neither item nor category),
 * ST_NOMEM: then nothing changed */
MUST_CHECK enum status rules_set(struct rules *r, const struct rule *rule);
/** Removes one; false if there is none. */
bool rules_remove(struct rules *r, const char *id, size_t id_len, uint32_t source);
/** How many there are of a kind, in force or not. */
uint32_t rules_n(const struct rules *r, enum rule_kind k);
/** The first time after now_ms at which a window opens or closes; INT64_MAX: none does. O(R). */
int64_t rules_next_ms(const struct rules *r, int64_t now_ms);

/** The last time up to now_ms at which one did; INT64_MIN: none. O(R). */
int64_t rules_last_ms(const struct rules *r, int64_t now_ms);

/* ---- the compiled form ----------------------------------------------------------------------- */

/** Brings it up to now_ms, and to the items and categories that there are. Without rules: a look.
 *  @return ST_OK, ST_NOMEM (then again, before anything below is asked) */
MUST_CHECK enum status rules_see(struct rules *r, const struct items *items,
                                 const struct content *content, int64_t now_ms);
/** The time of the last rules_see(); INT64_MIN before. */
int64_t rules_now(const struct rules *r);
/** The row of an item changed: its category may be another one. */
void rules_item_changed(struct rules *r, const struct items *items, const struct content *content,
                        uint32_t item);

/* What blocks and boosts do to the lists of one target and segment; borrowed until the next call of
 * anything above. */
struct rules_lens {
    const uint32_t *class_of; /* (items,)                     */
    const float *effect;      /* [class * RULES_SEGMENTS]      */
    bool boosts;              /* some effect is not a block    */
};

/** False: nothing is blocked or boosted there. */
bool rules_lens(const struct rules *r, uint8_t target, int segment, struct rules_lens *out);

/** Of an item of the target domain, one that rules_see() saw: 0, -INFINITY, or the sum of
 * ln(factor).
 */
static inline float rules_effect(const struct rules_lens *l, uint32_t item) {
    return l->effect[(size_t)l->class_of[item] * RULES_SEGMENTS];
}

static inline bool rules_blocks(const struct rules_lens *l, uint32_t item) {
    return rules_effect(l, item) < -RULES_SHIFT_MAX;
}

/** Pins of a target that are in force, whatever their segment, in their order: the k-th, NULL
 * beyond the last. Borrowed alike. */
const struct rule *rules_pin(const struct rules *r, uint8_t target, uint32_t k);

/** Is the rule for somebody of this segment? */
static inline bool rule_is_for(const struct rule *rule, int segment) {
    return rule->segment < 0 || rule->segment == segment;
}

/** Is the rule in force for lists of a target at a time, for a segment? And does it hold for an
 * item of the target with these hashes (category 0: it has none)? By the definition, for
 * explanations. */
bool rule_in_force(const struct rule *rule, uint8_t target, int segment, int64_t now_ms);
bool rule_holds(const struct rule *rule, uint8_t target, uint64_t item, uint64_t category);
/** The k-th of all rules in the order of their ids; NULL beyond the last. Borrowed alike. */
const struct rule *rules_at(const struct rules *r, uint32_t k);

/* ---- lists ----------------------------------------------------------------------------------- */

/* A pin of one list. */
struct rules_placed {
    uint32_t item;
    uint32_t place; /* in: 1..; out: its slot, 0.. */
};

/** Gives pins, in their order, their slots in a list of n; returns how many have one: the first so
 *  many, ascending. */
uint32_t rules_place(struct rules_placed *pins, uint32_t n_pins, uint32_t n);
/** Puts pins that have slots, none of whose items is on the list, into it, with reason `pinned` and
 *  the score of the item above (of the first: of the item below); the list becomes at most n long:
 *  what is last goes. */
void rules_insert(const struct rules_placed *pins, uint32_t n_pins, uint32_t n, struct list *list);

/* Standard deviation of scores as they come (Welford 1962). */
struct rules_spread {
    uint32_t n;
    double mean, squares;
};

static inline void rules_spread_add(struct rules_spread *s, float score) {
    const double by = (double)score - s->mean;
    s->mean += by / ++s->n;
    s->squares += by * ((double)score - s->mean);
}

/** max(sd, .001); .001 of none. */
float rules_spread_scale(const struct rules_spread *s);
/** The same of n scores. */
float rules_scale(const float *scores, uint32_t n);

size_t rules_bytes(const struct rules *r);

#endif
