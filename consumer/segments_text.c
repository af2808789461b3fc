/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_text.c -- see segments_text.h. The room is added up first, so nobody checks for it.
 */
#include "segments_text.h"

#include <stdlib.h>
#include <string.h>

#include "put.h"

enum {
    CATEGORY_MAX = ID_LEN_MAX, /* bytes of a category's name that are shown */
    DOMAIN_TEXT_MAX = PUT_ESCAPE_MAX * CONFIG_NAME_MAX + 4,
    CATEGORY_TEXT_MAX = PUT_ESCAPE_MAX * CATEGORY_MAX + PUT_NUMBER_MAX + 32,
    COUNTS_MAX = 3 * PUT_NUMBER_MAX + 64, /* dau, mau and stickiness */
    CARD_DOMAIN_MAX = DOMAIN_TEXT_MAX + FEATURES_PER_DOMAIN * (PUT_NUMBER_MAX + 16) + 64 +
                      PERSONA_TOP * CATEGORY_TEXT_MAX,
    CARD_MAX = PUT_ESCAPE_MAX * (int)sizeof(struct persona) + 3 * PUT_NUMBER_MAX + 128,
    HEAD_MAX = 256,
};

static size_t room_for(const struct config *cfg, const struct segment_cards *cards) {
    const size_t n = cfg->n_domains;
    return HEAD_MAX + COUNTS_MAX + cards->n * (CARD_MAX + n * CARD_DOMAIN_MAX) +
           n * (DOMAIN_TEXT_MAX + COUNTS_MAX) + n * n / 2 * (2 * DOMAIN_TEXT_MAX + COUNTS_MAX + 16);
}

static char *put_words(char *p, const char *text) {
    return put_string(p, text, strlen(text));
}

static char *put_domain(char *p, const struct config *cfg, uint32_t d) {
    return put_words(p, cfg->domains[d].name);
}

/* ---- cards ----------------------------------------------------------------------------- */

static char *put_categories(char *p, const struct content *content, const struct segment_card *card,
                            uint32_t d) {
    p = put_text(p, ",\"categories\":[");
    for (uint32_t k = 0; k < card->n_top[d]; k++) {
        uint16_t len = 0;
        const char *name = content_category_name(content, card->top[d][k].category, &len);
        p = put_text(p, k > 0 ? ",{\"category\":" : "{\"category\":");
        p = put_string(p, name ? name : "", len < CATEGORY_MAX ? len : CATEGORY_MAX);
        p = put_number(put_text(p, ",\"share\":"), (double)card->top[d][k].share);
        p = put_text(p, "}");
    }
    return put_text(p, "]");
}

static char *put_card_domain(char *p, const struct content *content,
                             const struct segment_card *card, uint32_t d) {
    const float *z = card->z + (size_t)FEATURES_PER_DOMAIN * d;
    p = put_text(put_text(p, "{\"habit\":\""), persona_habit_str(card->persona.habit[d]));
    p = put_text(p, "\",\"z\":{");
    for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
        p = put_words(put_text(p, k > 0 ? "," : ""), feature_str(k));
        p = put_number(put_text(p, ":"), (double)z[k]);
    }
    return put_text(put_categories(put_text(p, "}"), content, card, d), "}");
}

static char *put_card(char *p, const struct config *cfg, const struct content *content,
                      const struct segment_card *card, uint32_t segment) {
    p = put_u64(put_text(p, "{\"segment\":"), segment);
    p = put_u64(put_text(p, ",\"users\":"), card->users);
    p = put_number(put_text(p, ",\"share\":"), (double)card->persona.share);
    p = put_words(put_text(p, ",\"title\":"), card->persona.title);
    p = put_words(put_text(p, ",\"detail\":"), card->persona.detail);
    p = put_text(p, ",\"domains\":{");
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        p = put_domain(put_text(p, d > 0 ? "," : ""), cfg, d);
        p = put_card_domain(put_text(p, ":"), content, card, d);
    }
    return put_text(p, "}}");
}

/* ---- engagement ------------------------------------------------------------------------ */

static char *put_counts(char *p, uint32_t dau, uint32_t mau) {
    p = put_u64(put_text(p, "\"dau\":"), dau);
    p = put_u64(put_text(p, ",\"mau\":"), mau);
    return put_number(put_text(p, ",\"stickiness\":"), (double)engagement_ratio(dau, mau));
}

static char *put_overlaps(char *p, const struct config *cfg, const struct engagement_board *b) {
    bool first = true;
    for (uint32_t i = 0; i < cfg->n_domains; i++) {
        for (uint32_t j = i + 1; j < cfg->n_domains; j++) {
            p = put_domain(put_text(p, first ? "{\"domains\":[" : ",{\"domains\":["), cfg, i);
            p = put_domain(put_text(p, ","), cfg, j);
            p = put_counts(put_text(p, "],"), b->dau[i][j], b->mau[i][j]);
            p = put_text(p, "}");
            first = false;
        }
    }
    return p;
}

static char *put_engagement(char *p, const struct config *cfg, const struct engagement_board *b) {
    p = put_counts(put_text(p, ",\"engagement\":{"), b->dau_any, b->mau_any);
    p = put_text(p, ",\"domains\":{");
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        p = put_domain(put_text(p, d > 0 ? "," : ""), cfg, d);
        p = put_text(put_counts(put_text(p, ":{"), b->dau[d][d], b->mau[d][d]), "}");
    }
    p = put_overlaps(put_text(p, "},\"overlaps\":["), cfg, b);
    return put_text(p, "]}");
}

/* ---- the whole ------------------------------------------------------------------------- */

static char *put_all(char *p, const struct config *cfg, const struct content *content,
                     const struct segment_cards *cards, int64_t now_ms) {
    p = put_i64(put_text(p, "{\"ts\":"), now_ms);
    p = put_u64(put_text(p, ",\"users\":"), cards->n_users);
    p = put_u64(put_text(p, ",\"counted\":"), cards->board.users);
    p = put_text(p, ",\"segments\":[");
    for (uint32_t k = 0; k < cards->n; k++) {
        p = put_card(put_text(p, k > 0 ? "," : ""), cfg, content, &cards->cards[k], k);
    }
    return put_text(put_engagement(put_text(p, "]"), cfg, &cards->board), "}\n");
}

char *segments_text(const struct config *cfg, const struct content *content,
                    const struct segment_cards *cards, int64_t now_ms) {
    char *text = malloc(room_for(cfg, cards));
    if (text) {
        *put_all(text, cfg, content, cards, now_ms) = '\0';
    }
    return text;
}
