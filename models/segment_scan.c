/* SPDX-License-Identifier: Apache-2.0
 * segment_scan.c -- see segment_scan.h. */
#include "segment_scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_LINES = 255, /* the parts of a day stand for about so many lines of a user */
    EVERYBODY = SEGMENTS_MAX,
    THIRTY_DAYS = 2,   /* the clock of popularity */
    ITEMS_A_USER = 16, /* looking at an item takes so much less than at a user */
};

static const double LG_NOTHING = -1e8; /* popularity.h has -1e9 for the logarithm of 0 */

/* Sums over users, by segment. */
struct tally {
    uint32_t n_domains, n_segments, n_categories, n_items;
    uint32_t users[SEGMENTS_MAX];
    double part[SEGMENTS_MAX + 1][DOMAINS_MAX][USER_PARTS]; /* the last: everybody */
    double *taken; /* (n_segments, n_categories) decayed takings */
    float *items;  /* (n_segments, n_items): t_si; NULL: not asked for */
    double items_sum[SEGMENTS_MAX][DOMAINS_MAX];
};

/* The best items of a segment and domain so far, in the order of lists. */
struct tops {
    uint32_t n;
    struct list_item item[LIST_MAX];
    uint64_t hash[LIST_MAX];
};

struct segment_scan {
    struct tally tally;
    struct engagement_board board;
    int64_t now_ms;
    uint32_t generation;
    uint64_t n_users;
    uint32_t task;       /* next to look at */
    uint64_t next, step; /* place in it */
    uint32_t item;       /* next to look at, when all users were */
    struct tops *tops;   /* (n_segments, n_domains), with items */
};

/* ---- users ------------------------------------------------------------------------------ */

static void add_parts(struct tally *y, const struct user *u, uint32_t segment) {
    for (uint32_t d = 0; d < y->n_domains; d++) {
        float part[USER_PARTS];
        const uint32_t n = user_n_of(u, (uint8_t)d);
        const double lines = n < PARTS_LINES ? n : PARTS_LINES;
        user_parts(u, (uint8_t)d, part);
        for (size_t k = 0; k < USER_PARTS; k++) {
            y->part[EVERYBODY][d][k] += lines * (double)part[k];
            if (segment < y->n_segments) {
                y->part[segment][d][k] += lines * (double)part[k];
            }
        }
    }
}

static void add_interests(struct tally *y, const struct user *u, uint32_t segment, int64_t now_ms) {
    struct user_interest in[USER_INTERESTS];
    const uint32_t n = user_interests_by_category(u, now_ms, in, USER_INTERESTS);
    double *taken = y->taken + (size_t)segment * y->n_categories;
    for (uint32_t k = 0; k < n; k++) {
        if (in[k].category < y->n_categories) {
            taken[in[k].category] += (double)in[k].v;
        }
    }
}

/* Each item once: by its newest entry, which comes first. */
static void add_items(struct tally *y, const struct user *u, uint32_t segment, int64_t now_ms) {
    struct user_entry history[USER_HISTORY];
    const uint32_t n = y->items ? user_history(u, INT64_MAX, history, USER_HISTORY) : 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t before = 0;
        while (before < k && history[before].item != history[k].item) {
            before++;
        }
        if (before < k || history[k].item >= y->n_items || history[k].domain >= y->n_domains) {
            continue;
        }
        const int64_t age_ms = now_ms > history[k].ts_ms ? now_ms - history[k].ts_ms : 0;
        const double v = exp2(-(double)age_ms / (double)SEGMENT_SCAN_HALF_LIFE_MS);
        y->items[(size_t)segment * y->n_items + history[k].item] += (float)v;
        y->items_sum[segment][history[k].domain] += v;
    }
}

static void add_user(struct tally *y, const struct user *u, int64_t now_ms,
                     struct engagement_board *board) {
    const int label = user_segment(u);
    const uint32_t segment = label < 0 ? EVERYBODY : (uint32_t)label;
    uint32_t days[DOMAINS_MAX];
    for (uint32_t d = 0; d < y->n_domains; d++) {
        days[d] = engagement_days(u, (uint8_t)d, now_ms);
    }
    engagement_count(board, days, y->n_domains);
    add_parts(y, u, segment);
    if (segment < y->n_segments) {
        y->users[segment]++;
        add_interests(y, u, segment, now_ms);
        add_items(y, u, segment, now_ms);
    }
}

/* One in so many places, through all open tasks as if they were one. False: that was everybody. */
static bool look_at_users(struct segment_scan *s, const struct learner *l, uint32_t n) {
    while (s->task < LEARNER_TASKS_MAX) {
        const struct users *users = learner_users(l, s->task);
        const uint64_t places = users ? users_n(users) : 0;
        for (; s->next < places; s->next += s->step) {
            if (n-- == 0) {
                return true;
            }
            const struct user *u = users_get(users, (uint32_t)s->next);
            if (u) {
                add_user(&s->tally, u, s->now_ms, &s->board);
            }
        }
        s->next -= places;
        s->task++;
    }
    return false;
}

/* ---- items ------------------------------------------------------------------------------ */

static bool is_better(float score, uint64_t hash, const struct tops *t, uint32_t k) {
    return score > t->item[k].score || (score >= t->item[k].score && hash < t->hash[k]);
}

static bool belongs(const struct tops *t, float score, uint64_t hash) {
    return t->n < LIST_MAX || is_better(score, hash, t, t->n - 1);
}

static void insert_item(struct tops *t, const struct list_item *item, uint64_t hash) {
    uint32_t at = t->n < LIST_MAX ? t->n++ : t->n - 1;
    for (; at > 0 && is_better(item->score, hash, t, at - 1); at--) {
        t->item[at] = t->item[at - 1];
        t->hash[at] = t->hash[at - 1];
    }
    t->item[at] = *item;
    t->hash[at] = hash;
}

/* p_i */
static double share_of(const struct popularity *p, uint32_t i, uint8_t domain) {
    const double lg_sum = (double)popularity_lg_sum(p, domain, THIRTY_DAYS);
    const double lg = (double)popularity_hot(p)[i].lg[THIRTY_DAYS];
    return lg > LG_NOTHING && lg_sum > LG_NOTHING ? fmin(exp2(lg - lg_sum), 1.0) : 0.0;
}

static void look_at_item(struct segment_scan *s, const struct learner *l, uint32_t i) {
    const struct shared *model = learner_shared(l);
    const struct tally *y = &s->tally;
    const uint8_t d = items_domain(model->items, i);
    const uint64_t hash = items_hash(model->items, i);
    if (d >= y->n_domains || !items_named(model->items, i) ||
        !content_available(model->content, i)) {
        return;
    }
    const double share = share_of(model->popularity, i, d);
    for (uint32_t k = 0; k < y->n_segments; k++) {
        const double taken = (double)y->items[(size_t)k * y->n_items + i];
        const double score =
            (taken + SEGMENT_SCAN_PRIOR * share) / (y->items_sum[k][d] + SEGMENT_SCAN_PRIOR);
        const struct list_item item = {.item = i,
                                       .score = (float)score,
                                       .reason = score > 0.0 && score >= SEGMENT_SCAN_LIFT * share
                                                     ? REASON_TASTE
                                                     : REASON_POPULAR,
                                       .because = ITEM_NONE};
        struct tops *top = &s->tops[(size_t)k * y->n_domains + d];
        if (belongs(top, item.score, hash) && learner_rules_allow(l, d, (int)k, i)) {
            insert_item(top, &item, hash);
        }
    }
}

static bool look_at_items(struct segment_scan *s, const struct learner *l, uint32_t n) {
    const struct shared *model = learner_shared(l);
    const uint32_t n_items = s->tally.items ? s->tally.n_items : 0;
    for (; s->item < n_items && s->item < model->n_items; s->item++) {
        if (n-- == 0) {
            return true;
        }
        look_at_item(s, l, s->item);
    }
    return false;
}

bool segment_scan_step(struct segment_scan *s, const struct learner *l, uint32_t n) {
    return look_at_users(s, l, n) ||
           look_at_items(s, l, n < UINT32_MAX / ITEMS_A_USER ? n * ITEMS_A_USER : UINT32_MAX);
}

bool segment_scan_stands(const struct segment_scan *s, const struct learner *l) {
    return s->generation == segments_generation(learner_shared(l)->segments);
}

void segment_scan_top(const struct segment_scan *s, uint32_t segment, uint8_t domain, uint32_t n,
                      struct list *out) {
    *out = (struct list){.segment = (int)segment};
    if (s->tops && segment < s->tally.n_segments && domain < s->tally.n_domains) {
        const struct tops *t = &s->tops[(size_t)segment * s->tally.n_domains + domain];
        out->n = t->n < n ? t->n : n;
        memcpy(out->items, t->item, out->n * sizeof *out->items);
    }
}

/* ---- cards ------------------------------------------------------------------------------ */

/* Of equal ones the smaller category stays first: they come in order. */
static void insert(struct segment_category *top, uint32_t *n, const double *taken, uint32_t c) {
    uint32_t at = *n;
    for (; at > 0 && taken[c] > taken[top[at - 1].category]; at--) {
        if (at < PERSONA_TOP) {
            top[at] = top[at - 1];
        }
    }
    if (at < PERSONA_TOP) {
        top[at].category = c;
        *n += *n < PERSONA_TOP ? 1 : 0;
    }
}

/* The categories with a name that a segment takes most, of each domain. */
static void find_top(const struct tally *y, const struct content *content, uint32_t segment,
                     struct segment_card *card) {
    const double *taken = y->taken + (size_t)segment * y->n_categories;
    double all[DOMAINS_MAX] = {0};
    for (uint32_t c = 0; c < y->n_categories; c++) {
        const uint8_t d = content_category_domain(content, c);
        uint16_t len = 0;
        if (d >= y->n_domains || !(taken[c] > 0.0)) {
            continue;
        }
        all[d] += taken[c];
        if (content_category_name(content, c, &len)) {
            insert(card->top[d], &card->n_top[d], taken, c);
        }
    }
    for (uint32_t d = 0; d < y->n_domains; d++) {
        for (uint32_t k = 0; k < card->n_top[d]; k++) {
            card->top[d][k].share = (float)(taken[card->top[d][k].category] / all[d]);
        }
    }
}

static void shares_of(const double part[USER_PARTS], float out[PERSONA_PARTS]) {
    const double sum = part[0] + part[1] + part[2] + part[3];
    for (size_t k = 0; k < PERSONA_PARTS; k++) {
        out[k] = sum > 0.0 ? (float)(part[k] / sum) : 0.0F;
    }
}

/* What persona.h cuts a name by, and a byte more, so that it sees where to cut. */
struct shown_names {
    char bytes[DOMAINS_MAX][PERSONA_TOP][PERSONA_NAME_MAX + 2];
    struct persona_category top[DOMAINS_MAX][PERSONA_TOP];
};

static void name_top(const struct content *content, const struct segment_card *card, uint32_t d,
                     struct shown_names *names) {
    for (uint32_t k = 0; k < card->n_top[d]; k++) {
        uint16_t len = 0;
        const char *name = content_category_name(content, card->top[d][k].category, &len);
        const size_t n = len < PERSONA_NAME_MAX + 1 ? len : PERSONA_NAME_MAX + 1;
        memcpy(names->bytes[d][k], name, n);
        names->bytes[d][k][n] = '\0';
        names->top[d][k] = (struct persona_category){names->bytes[d][k], card->top[d][k].share};
    }
}

static void describe(const struct shared *s, const struct tally *y, uint32_t segment,
                     const char *const *domain_names, uint32_t all, struct segment_card *card) {
    struct shown_names names;
    struct persona_domain domains[DOMAINS_MAX];
    card->users = y->users[segment];
    segments_z(s->segments, segment, card->z);
    find_top(y, s->content, segment, card);
    for (uint32_t d = 0; d < y->n_domains; d++) {
        struct persona_domain *p = &domains[d];
        name_top(s->content, card, d, &names);
        *p = (struct persona_domain){
            .name = domain_names[d], .top = names.top[d], .n_top = card->n_top[d]};
        memcpy(p->z, card->z + (size_t)FEATURES_PER_DOMAIN * d, sizeof p->z);
        shares_of(y->part[segment][d], p->part);
        shares_of(y->part[EVERYBODY][d], p->part_all);
    }
    persona_describe(domains, y->n_domains, card->users, all, &card->persona);
}

void segment_scan_cards(const struct segment_scan *s, const struct learner *l,
                        const char *const *domain_names, struct segment_cards *out) {
    memset(out, 0, sizeof *out);
    out->board = s->board;
    out->n_users = s->n_users;
    out->n = segment_scan_stands(s, l) ? s->tally.n_segments : 0;
    for (uint32_t k = 0; k < out->n; k++) {
        describe(learner_shared(l), &s->tally, k, domain_names, out->board.users, &out->cards[k]);
    }
}

/* ---- life ------------------------------------------------------------------------------- */

static uint64_t count_places(const struct learner *l) {
    uint64_t places = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        const struct users *users = learner_users(l, p);
        places += users ? users_n(users) : 0;
    }
    return places;
}

enum status segment_scan_new(const struct learner *l, int64_t now_ms, bool with_items,
                             struct segment_scan **out) {
    const struct shared *model = learner_shared(l);
    const struct segments *segments = model->segments;
    struct segment_scan *s = calloc(1, sizeof *s);
    if (!s) {
        return ST_NOMEM;
    }
    struct tally *y = &s->tally;
    y->n_domains = model->n_domains;
    y->n_segments = segments_ready(segments) ? segments_k(segments) : 0;
    y->n_categories = content_n_categories(model->content);
    y->n_items = model->n_items;
    s->now_ms = now_ms;
    s->generation = segments_generation(segments);
    s->n_users = learner_n_users(l);
    const uint64_t places = count_places(l);
    s->step = places > 0 ? (places + LEARNER_SEGMENTS_SCAN - 1) / LEARNER_SEGMENTS_SCAN : 1;
    y->taken = calloc((size_t)y->n_segments * y->n_categories + 1, sizeof *y->taken);
    bool ok = y->taken != NULL;
    if (with_items) {
        y->items = calloc((size_t)y->n_segments * y->n_items + 1, sizeof *y->items);
        s->tops = calloc((size_t)y->n_segments * y->n_domains + 1, sizeof *s->tops);
        ok = ok && y->items && s->tops;
    }
    if (!ok) {
        segment_scan_free(s);
        return ST_NOMEM;
    }
    *out = s;
    return ST_OK;
}

void segment_scan_free(struct segment_scan *s) {
    if (!s) {
        return;
    }
    free(s->tally.taken);
    free(s->tally.items);
    free(s->tops);
    free(s);
}
