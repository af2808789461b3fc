/* SPDX-License-Identifier: Apache-2.0
 *
 * card_text.c -- see card_text.h. The room is added up first, so nobody checks for it.
 */
#include "card_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mix.h"
#include "put.h"
#include "rec.h"

enum {
    LOW_DAYS = 1,
    MEDIUM_DAYS = 4,
    HIGH_DAYS = 12,
    NAME_TEXT = PUT_ESCAPE_MAX * ID_LEN_MAX + 2, /* a category's name */
    LIST_TEXT = (CARD_OWN + CARD_ELSEWHERE) * (NAME_TEXT + PUT_NUMBER_MAX + 32) + 64,
    TRAIT_TEXT = PUT_ESCAPE_MAX * CONFIG_NAME_MAX + PUT_NUMBER_MAX + 128,
    USER_TEXT = LIST_TEXT + 8 * PUT_NUMBER_MAX + 256,
    SEGMENT_TEXT = LIST_TEXT + CARD_TRAITS * TRAIT_TEXT + 4 * PUT_NUMBER_MAX +
                   PUT_ESCAPE_MAX * (int)sizeof(struct persona) + 256,
};

_Static_assert(USER_TEXT <= (int)REC_BODY_MAX, "the publisher's buffer holds a user's card");
_Static_assert(SEGMENT_TEXT <= (int)REC_BODY_MAX, "... and a segment's");

static const double TRAIT_LEAST = .5; /* of a z-score, either way */
static const double TRAIT_VERY = 1.5;

/* ---- what both have ---------------------------------------------------------------------- */

static char *put_words(char *p, const char *text) {
    return put_string(p, text, strlen(text));
}

/* Numbers for people: three digits, and no -0. */
static char *put_three(char *p, float x) {
    return put_rounded(p, x + 0.0F, 3);
}

static char *put_name(char *p, const struct card_category *c) {
    return put_string(p, c->name, c->len < ID_LEN_MAX ? c->len : ID_LEN_MAX);
}

static char *put_categories(char *p, const struct card_category *own, uint32_t n_own,
                            const struct card_category *elsewhere, uint32_t n_elsewhere) {
    p = put_text(p, "\"categories\":[");
    for (uint32_t k = 0; k < n_own; k++) {
        p = put_name(put_text(p, k > 0 ? ",{\"category\":" : "{\"category\":"), &own[k]);
        p = put_three(put_text(p, ",\"share\":"), own[k].share);
        *p++ = '}';
    }
    p = put_text(p, "],\"elsewhere\":[");
    for (uint32_t k = 0; k < n_elsewhere; k++) {
        p = put_name(put_text(p, k > 0 ? "," : ""), &elsewhere[k]);
    }
    *p++ = ']';
    return p;
}

static uint64_t digest_names(uint64_t h, const struct card_category *c, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        h = mix64(h ^ hash_id(c[k].name, c[k].len));
    }
    return mix64(h + n);
}

/* ---- users ------------------------------------------------------------------------------- */

static void add_interest(const struct content *content, uint8_t target,
                         const struct user_interest *in, double all, struct user_card *out) {
    struct card_category c = {.name = content_category_name(content, in->category, &c.len)};
    if (!c.name) {
        return;
    }
    if (content_category_domain(content, in->category) != target) {
        if (out->n_elsewhere < CARD_ELSEWHERE) {
            out->elsewhere[out->n_elsewhere++] = c;
        }
    } else if (out->n_own < CARD_OWN) {
        c.share = (float)((double)in->v / all);
        out->own[out->n_own++] = c;
    }
}

static void add_interests(const struct user *u, const struct content *content, uint8_t target,
                          int64_t now_ms, struct user_card *out) {
    struct user_interest in[USER_INTERESTS];
    const uint32_t n = user_interests(u, now_ms, in, USER_INTERESTS);
    double all = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        all += content_category_domain(content, in[k].category) == target ? (double)in[k].v : 0.0;
    }
    for (uint32_t k = 0; k < n; k++) {
        add_interest(content, target, &in[k], all, out);
    }
}

void user_card_of(const struct user *u, const struct content *content, uint32_t n_domains,
                  uint8_t target, int64_t now_ms, struct user_card *out) {
    const uint32_t days = engagement_days(u, target, now_ms);
    *out = (struct user_card){.segment = user_segment(u),
                              .lifecycle = features_lifecycle(u, n_domains, now_ms),
                              .takes = user_n_of(u, target),
                              .days = user_active_days(u, target, now_ms, ENGAGEMENT_DAYS),
                              .last_ms = user_last_ms_of(u, target),
                              .score = engagement_stickiness(days),
                              .money = user_money(u, target, now_ms)};
    add_interests(u, content, target, now_ms, out);
}

uint32_t user_card_digest(const struct user_card *card) {
    uint64_t h = mix64((uint64_t)(uint32_t)card->segment << 8 | (uint64_t)card->lifecycle);
    h = mix64(h ^ card->takes) ^ card->days;
    h = mix64(h) ^ (uint64_t)card->last_ms;
    h = digest_names(mix64(h), card->own, card->n_own);
    h = digest_names(h, card->elsewhere, card->n_elsewhere);
    return (uint32_t)(h >> 32) | 1;
}

static const char *level_str(uint32_t days) {
    return days < LOW_DAYS      ? "none"
           : days < MEDIUM_DAYS ? "low"
           : days < HIGH_DAYS   ? "medium"
                                : "high";
}

char *user_card_text(const struct user_card *card, size_t *len) {
    char room[USER_TEXT]; /* hardly ever is a tenth of it needed */
    char *p = put_text(room, "\"segment\":");
    p = card->segment < 0 ? put_text(p, "null") : put_i64(p, card->segment);
    p = put_words(put_text(p, ",\"lifecycle\":"), lifecycle_str(card->lifecycle));
    p = put_words(put_text(p, ",\"engagement\":{\"level\":"), level_str(card->days));
    p = put_three(put_text(p, ",\"score\":"), card->score);
    p = put_u64(put_text(p, "},\"counts\":{\"takes\":"), card->takes);
    p = put_u64(put_text(p, ",\"days\":"), card->days);
    p = put_text(p, ",\"last\":");
    p = card->takes > 0 ? put_i64(p, card->last_ms) : put_text(p, "null");
    if (card->money > 0.0) {
        p = put_number(put_text(p, ",\"money\":"), round(card->money * 100.0) / 100.0);
    }
    p = put_text(p, "},");
    p = put_categories(p, card->own, card->n_own, card->elsewhere, card->n_elsewhere);
    *len = (size_t)(p - room);
    char *text = malloc(*len);
    return text ? memcpy(text, room, *len) : NULL;
}

/* ---- segments ---------------------------------------------------------------------------- */

struct trait {
    float z;
    uint8_t domain, feature;
};

static const char *const FEATURES[FEATURES_PER_DOMAIN] = {"recency", "frequency", "money", "l7",
                                                          "l28"};

/* Beside other segments; z at most -1.5, -.5; at least .5, 1.5. */
static const char *const WORDS[FEATURES_PER_DOMAIN][4] = {
    {"seen much more lately", "seen more lately", "seen longer ago", "seen much longer ago"},
    {"much less often", "less often", "more often", "much more often"},
    {"spends much less", "spends less", "spends more", "spends much more"},
    {"far fewer days a week", "fewer days a week", "more days a week", "far more days a week"},
    {"far fewer days a month", "fewer days a month", "more days a month", "far more days a month"},
};

static const char *words_of(const struct trait *t) {
    const double z = (double)t->z;
    const size_t k = z < 0.0 ? (z <= -TRAIT_VERY ? 0 : 1) : (z >= TRAIT_VERY ? 3 : 2);
    return WORDS[t->feature][k];
}

static uint32_t find_traits(const struct segment_view *v, struct trait out[CARD_TRAITS]) {
    uint32_t n = 0;
    for (uint32_t x = 0; x < FEATURES_PER_DOMAIN * v->cfg->n_domains; x++) {
        const struct trait t = {.z = v->card->z[x],
                                .domain = (uint8_t)(x / FEATURES_PER_DOMAIN),
                                .feature = (uint8_t)(x % FEATURES_PER_DOMAIN)};
        if (!(fabs((double)t.z) >= TRAIT_LEAST)) {
            continue;
        }
        uint32_t at = n < CARD_TRAITS ? n++ : CARD_TRAITS;
        for (; at > 0 && fabsf(t.z) > fabsf(out[at - 1].z); at--) {
            if (at < CARD_TRAITS) {
                out[at] = out[at - 1];
            }
        }
        if (at < CARD_TRAITS) {
            out[at] = t;
        }
    }
    return n;
}

static uint32_t name_top(const struct segment_view *v, uint32_t d, struct card_category *out,
                         uint32_t max) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < v->card->n_top[d] && n < max; k++) {
        struct card_category c = {.share = v->card->top[d][k].share};
        c.name = content_category_name(v->content, v->card->top[d][k].category, &c.len);
        if (c.name) {
            out[n++] = c;
        }
    }
    return n;
}

struct named_top {
    uint32_t n_own, n_elsewhere;
    struct card_category own[CARD_OWN], elsewhere[CARD_ELSEWHERE];
};

static void name_tops(const struct segment_view *v, struct named_top *out) {
    out->n_own = name_top(v, v->target, out->own, CARD_OWN);
    out->n_elsewhere = 0;
    for (uint32_t d = 0; d < v->cfg->n_domains; d++) {
        if (d != v->target) {
            out->n_elsewhere += name_top(v, d, out->elsewhere + out->n_elsewhere,
                                         CARD_ELSEWHERE - out->n_elsewhere);
        }
    }
}

/* Two digits. */
static uint64_t about(uint64_t n) {
    uint64_t scale = 1;
    for (; n >= 100; n /= 10) {
        scale *= 10;
    }
    return n * scale;
}

uint64_t segment_card_digest(const struct segment_view *v) {
    struct trait traits[CARD_TRAITS];
    struct named_top top;
    const uint32_t n = find_traits(v, traits);
    const char *title = v->card->persona.title;
    name_tops(v, &top);
    uint64_t h = mix64(about(v->users)) ^ about(v->card->users);
    h = mix64(h ^ hash_id(title, strlen(title)));
    for (uint32_t k = 0; k < n; k++) {
        const char *words = words_of(&traits[k]);
        h = mix64(h ^ ((uint64_t)traits[k].domain << 8 | traits[k].feature));
        h = mix64(h ^ hash_id(words, strlen(words)));
    }
    h = digest_names(h, top.own, top.n_own);
    return digest_names(h, top.elsewhere, top.n_elsewhere);
}

static char *put_traits(char *p, const struct segment_view *v) {
    struct trait traits[CARD_TRAITS];
    const uint32_t n = find_traits(v, traits);
    p = put_text(p, "\"traits\":[");
    for (uint32_t k = 0; k < n; k++) {
        p = put_text(p, k > 0 ? ",{\"domain\":" : "{\"domain\":");
        p = put_words(p, v->cfg->domains[traits[k].domain].name);
        p = put_words(put_text(p, ",\"feature\":"), FEATURES[traits[k].feature]);
        p = put_three(put_text(p, ",\"z\":"), traits[k].z);
        p = put_words(put_text(p, ",\"words\":"), words_of(&traits[k]));
        *p++ = '}';
    }
    return put_text(p, "],");
}

char *segment_card_text(const struct segment_view *v, size_t *len) {
    struct named_top top;
    char *text = malloc(SEGMENT_TEXT);
    if (!text) {
        return NULL;
    }
    name_tops(v, &top);
    char *p = put_u64(put_text(text, "\"users\":"), v->users);
    p = put_u64(put_text(p, ",\"counted\":"), v->card->users);
    p = put_three(put_text(p, ",\"share\":"), v->card->persona.share);
    p = put_words(put_text(p, ",\"persona\":"), v->card->persona.title);
    p = put_traits(put_text(p, ","), v);
    p = put_categories(p, top.own, top.n_own, top.elsewhere, top.n_elsewhere);
    *len = (size_t)(p - text);
    return text;
}
