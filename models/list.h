/* SPDX-License-Identifier: Apache-2.0
 *
 * list.h -- a ranked list: the top N of one user for one target, with reasons.
 *
 * Order: score descending, ties by item hash ascending, then a mix of categories, exploration
 * (spread.h) and pins (rules.h). Plain value.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stdint.h>

enum { LIST_MAX = 100 };

/* Why an item is on the list: the group of features with the largest contribution to its
 * score, compared with the mean of the list's candidates. */
enum reason {
    REASON_POPULAR,  /* taken by many                            */
    REASON_TRENDING, /* taken by many in the last day            */
    REASON_TOGETHER, /* goes with what the user took             */
    REASON_TASTE,    /* near the user's taste (factors)          */
    REASON_AGAIN,    /* the user takes it regularly              */
    REASON_NEW,      /* new, and taken more than expected        */
    REASON_EXPLORE,  /* shown to find out                        */
    REASON_PINNED,   /* somebody put it there (rules.h)          */
    REASONS
};

struct list_item {
    uint32_t item; /* dense index */
    float score;
    enum reason reason;
    uint32_t because; /* the item of the user's history that speaks most for it, of `together`,
                         `taste` and `again`; else ITEM_NONE (UINT32_MAX) */
    float propensity; /* of an exploration slot: with which it was drawn; else 0 */
};

struct list {
    uint32_t n; /* 0..LIST_MAX */
    bool personalised;
    int segment; /* -1: none yet */
    struct list_item items[LIST_MAX];
};

/** "popular", "trending", "together", "taste", "again", "new", "explore", "pinned". */
static inline const char *reason_str(enum reason r) {
    switch (r) {
    case REASON_POPULAR: return "popular";
    case REASON_TRENDING: return "trending";
    case REASON_TOGETHER: return "together";
    case REASON_TASTE: return "taste";
    case REASON_AGAIN: return "again";
    case REASON_NEW: return "new";
    case REASON_EXPLORE: return "explore";
    case REASON_PINNED: return "pinned";
    case REASONS: break;
    }
    return "unknown";
}

#endif
