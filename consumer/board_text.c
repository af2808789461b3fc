/* SPDX-License-Identifier: Apache-2.0
 * board_text.c -- see board_text.h. */
#include "board_text.h"

#include "item_text.h"

static const struct pop_hot *hot_of(const struct learner *l, uint32_t item) {
    return &popularity_hot(learner_shared(l)->popularity)[item];
}

/* ---- similar --------------------------------------------------------------------------------- */

static void tell_alike(struct page *p, const struct learner *l, const struct alike_item *a) {
    page_open(p, NULL, '{');
    item_text(p, "id", l, a->item);
    page_text(p, "reason", reason_str(a->together > 0.0F ? REASON_TOGETHER : REASON_TASTE));
    page_number(p, "score", (double)a->score);
    page_number(p, "together", (double)a->together);
    page_number(p, "follows", (double)a->follows);
    page_number(p, "cosine", (double)a->cosine);
    page_close(p, '}');
}

static void tell_subject(struct page *p, const struct config *cfg, const struct learner *l,
                         uint32_t item, int64_t now_ms) {
    const struct pop_hot *hot = hot_of(l, item);
    item_text_of(p, "item", cfg, l, item);
    page_i64(p, "ts", now_ms);
    page_flag(p, "available", content_available(learner_content(l), item));
    page_u64(p, "takes", hot->count);
    if (hot->count > 0) {
        page_i64(p, "last_ms", hot->last_ms);
    } else {
        page_null(p, "last_ms");
    }
}

void board_text_similar(struct page *p, const struct config *cfg, const struct learner *l,
                        uint32_t item, const uint8_t *targets, uint32_t n_targets, uint32_t n,
                        int64_t now_ms) {
    struct alike_item found[LIST_MAX];
    page_open(p, NULL, '{');
    tell_subject(p, cfg, l, item, now_ms);
    page_open(p, "lists", '[');
    for (uint32_t t = 0; t < n_targets; t++) {
        const uint32_t n_found = learner_alike(l, item, targets[t], n, found);
        page_open(p, NULL, '{');
        page_text(p, "target", cfg->domains[targets[t]].name);
        page_open(p, "items", '[');
        for (uint32_t k = 0; k < n_found; k++) {
            tell_alike(p, l, &found[k]);
        }
        page_close(p, ']');
        page_close(p, '}');
    }
    page_close(p, ']');
    page_close(p, '}');
}

/* ---- top ------------------------------------------------------------------------------------- */

static void tell_items(struct page *p, const char *key, const struct learner *l,
                       const struct board_item *items, uint32_t n) {
    page_open(p, key, '[');
    for (uint32_t k = 0; k < n; k++) {
        page_open(p, NULL, '{');
        item_text(p, "id", l, items[k].item);
        page_number(p, "share", (double)items[k].share);
        page_number(p, "per_day", (double)items[k].per_day);
        page_number(p, "lift", (double)items[k].lift);
        page_u64(p, "takes", hot_of(l, items[k].item)->count);
        page_flag(p, "available", content_available(learner_content(l), items[k].item));
        page_close(p, '}');
    }
    page_close(p, ']');
}

void board_text_top(struct page *p, const struct config *cfg, const struct learner *l,
                    uint8_t domain, const struct item_board *board, int64_t now_ms) {
    static const char *const clocks[POP_LISTS] = {"1d", "7d", "30d"};
    page_open(p, NULL, '{');
    page_text(p, "domain", cfg->domains[domain].name);
    page_i64(p, "ts", now_ms);
    page_u64(p, "events", board->events);
    page_u64(p, "items", board->items);
    page_u64(p, "withdrawn", board->withdrawn);
    page_open(p, "top", '{');
    for (int c = 0; c < POP_LISTS; c++) {
        tell_items(p, clocks[c], l, board->top[c], board->n_top[c]);
    }
    page_close(p, '}');
    tell_items(p, "trending", l, board->trending, board->n_trending);
    tell_items(p, "newest", l, board->newest, board->n_newest);
    page_close(p, '}');
}
