/* SPDX-License-Identifier: Apache-2.0
 * instance_segments.c -- what the segments are, counted step by step; see instance_ask.h. */
#include <stdlib.h>

#include "instance_ask.h"
#include "segment_scan.h"
#include "segments_text.h"

enum { USERS_A_STEP = 64 };

/* A scan that still says something of this learner's users; false: out of memory. */
static bool begin(struct instance *in, struct inquiry *i) {
    struct asked *a = in->asked;
    if (i->step > 0 && a->scan && a->scanned == in->learner &&
        segment_scan_stands(a->scan, in->learner)) {
        return true;
    }
    segment_scan_free(a->scan);
    a->scan = NULL;
    a->scanned = in->learner;
    return segment_scan_new(in->learner, i->now_ms, false, &a->scan) == ST_OK;
}

static void tell(struct instance *in, struct inquiry *i) {
    const char *names[DOMAINS_MAX] = {NULL};
    struct segment_cards *cards = malloc(sizeof *cards);
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        names[d] = in->cfg->domains[d].name;
    }
    if (cards) {
        segment_scan_cards(in->asked->scan, in->learner, names, cards);
        i->text = segments_text(in->cfg, learner_content(in->learner), cards, i->now_ms);
    }
    i->status = i->text ? ST_OK : ST_NOMEM;
    free(cards);
}

bool instance_step_segments(struct instance *in, struct inquiry *i) {
    struct asked *a = in->asked;
    i->status = ST_NOMEM;
    if (begin(in, i)) {
        i->step++;
        if (segment_scan_step(a->scan, in->learner, USERS_A_STEP)) {
            return false;
        }
        tell(in, i);
    }
    segment_scan_free(a->scan);
    a->scan = NULL;
    return true;
}
