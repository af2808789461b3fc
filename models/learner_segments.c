/* SPDX-License-Identifier: Apache-2.0
 * learner_segments.c -- see learner.h: what the segments are, told from their users. */
#include <stdlib.h>
#include <string.h>

#include "learner_state.h"

enum {
    PARTS_LINES = 255, /* the parts of a day stand for about so many lines of a user */
    EVERYBODY = SEGMENTS_MAX,
};

/* Sums over users, by segment. */
struct tally {
    uint32_t n_domains, n_segments, n_categories;
    uint32_t users[SEGMENTS_MAX];
    double part[SEGMENTS_MAX + 1][DOMAINS_MAX][USER_PARTS]; /* the last: everybody */
    double *taken; /* (n_segments, n_categories) decayed takings */
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
    }
}

/* One in so many places, through all open tasks as if they were one. */
static void scan(const struct learner *l, struct tally *y, int64_t now_ms,
                 struct engagement_board *board) {
    uint64_t places = 0;
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        places += l->tasks[p] ? users_n(l->tasks[p]->users) : 0;
    }
    const uint64_t step = (places + LEARNER_SEGMENTS_SCAN - 1) / LEARNER_SEGMENTS_SCAN;
    uint64_t next = 0; /* counted from the task's first */
    for (uint32_t p = 0; p < LEARNER_TASKS_MAX; p++) {
        const struct users *users = l->tasks[p] ? l->tasks[p]->users : NULL;
        const uint64_t n = users ? users_n(users) : 0;
        for (; next < n; next += step) {
            const struct user *u = users_get(users, (uint32_t)next);
            if (u) {
                add_user(y, u, now_ms, board);
            }
        }
        next -= n;
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

enum status learner_segments(const struct learner *l, int64_t now_ms,
                             const char *const *domain_names, struct segment_cards *out) {
    const struct shared *s = l->shared;
    struct tally y = {.n_domains = l->params.n_domains,
                      .n_segments = segments_ready(s->segments) ? segments_k(s->segments) : 0,
                      .n_categories = content_n_categories(s->content)};
    y.taken = calloc((size_t)y.n_segments * y.n_categories + 1, sizeof *y.taken);
    if (!y.taken) {
        return ST_NOMEM;
    }
    memset(out, 0, sizeof *out);
    scan(l, &y, now_ms, &out->board);
    out->n_users = learner_n_users(l);
    out->n = y.n_segments;
    for (uint32_t k = 0; k < y.n_segments; k++) {
        describe(s, &y, k, domain_names, out->board.users, &out->cards[k]);
    }
    free(y.taken);
    return ST_OK;
}
