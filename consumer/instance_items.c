/* SPDX-License-Identifier: Apache-2.0
 * instance_items.c -- what goes with an item, what is going on in a domain; see instance_ask.h. */
#include "instance_ask.h"

#include <stdlib.h>

#include "board_text.h"
#include "hash.h"

enum { ITEMS = 10 };

/* By its domain, or in the first that has it. */
static uint32_t find_item(const struct instance *in, const struct question *q) {
    const struct items *items = learner_shared(in->learner)->items;
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        const char *domain = in->cfg->domains[d].name;
        const uint32_t item = q->domain == EVERY_DOMAIN || q->domain == d
                                  ? items_find(items, hash_item(domain, q->id, q->id_len))
                                  : ITEM_NONE;
        if (item < learner_shared(in->learner)->n_items && items_named(items, item)) {
            return item;
        }
    }
    return ITEM_NONE;
}

bool instance_step_similar(struct instance *in, struct inquiry *i) {
    const struct question *q = &i->q;
    const bool one = q->target != EVERY_DOMAIN;
    const uint32_t item = find_item(in, q);
    if (item == ITEM_NONE) {
        i->text = instance_say("no such item%s%s: ids are exact, as in the events and catalogues; "
                               "it may never have been taken",
                               q->domain == EVERY_DOMAIN ? "" : " in ",
                               q->domain == EVERY_DOMAIN ? "" : in->cfg->domains[q->domain].name);
        i->status = ST_NOT_FOUND;
        return true;
    }
    board_text_similar(&i->page, in->cfg, in->learner, item, one ? &q->target : in->targets,
                       one ? 1 : in->n_targets, q->n > 0 ? q->n : ITEMS, i->now_ms);
    i->status = ST_OK;
    return true;
}

bool instance_step_top(struct instance *in, struct inquiry *i) {
    const struct question *q = &i->q;
    struct item_board *board = malloc(sizeof *board);
    i->status = board ? ST_OK : ST_NOMEM;
    if (board) {
        learner_board(in->learner, q->domain, i->now_ms, q->n > 0 ? q->n : ITEMS, board);
        board_text_top(&i->page, in->cfg, in->learner, q->domain, board, i->now_ms);
    }
    free(board);
    return true;
}
