/* SPDX-License-Identifier: Apache-2.0
 * learner_segments.c -- see learner.h: what the segments are, told from their users at once. */
#include "segment_scan.h"

enum status learner_segments(const struct learner *l, int64_t now_ms,
                             const char *const *domain_names, struct segment_cards *out) {
    struct segment_scan *s = NULL;
    enum status st = segment_scan_new(l, now_ms, false, &s);
    if (st) {
        return st;
    }
    while (segment_scan_step(s, l, UINT32_MAX)) {
    }
    segment_scan_cards(s, l, domain_names, out);
    segment_scan_free(s);
    return ST_OK;
}
