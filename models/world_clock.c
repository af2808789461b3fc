/* SPDX-License-Identifier: Apache-2.0
 *
 * world_clock.c -- see world_clock.h and, for the process, world.h.
 */
#include "world_clock.h"

#include <math.h>

#include "world_draw.h"

#define GAP_MIN_MS  INT64_C(1000) /* two events of a user are never at one time */
#define MINUTE_MS   60000.0
#define P_COURSE    0.7 /* first domain */
#define P_VIEW      0.6
#define MEAN_LINES  1.8 /* of a lively order */
#define VIEW_MIN_MS (3.0 * MINUTE_MS)
#define VIEW_MAX_MS (6.0 * WORLD_HOUR_MS)

struct world_clock world_clock_start(const struct world_rules *rules, uint32_t user) {
    struct world_clock c = {.rng = draw_rng(rules->seed, DRAW_CLOCK, user, 0)};
    c.first = (uint8_t)(rng_unit(&c.rng) < P_COURSE ? WORLD_COURSE : WORLD_FOOD);
    c.now = (int64_t)(rng_unit(&c.rng) * 0.8 * (double)rules->end);
    c.n_max = 4U + draw_geometric(&c.rng, 12.0);
    c.join = draw_geometric(&c.rng, 7.0);
    double gamma = 1.2 * (draw_exponential(&c.rng) + draw_exponential(&c.rng)); /* (2, 1.2) */
    c.mean_gap_ms = gamma / 2.0 * (double)WORLD_DAY_MS;
    return c;
}

bool world_takes_once(const struct world_rules *rules, uint8_t domain) {
    return domain == WORLD_COURSE || !rules->lively;
}

/* The share of arrivals that is kept at time `at`. */
static double keep_rate(int64_t at, uint8_t domain) {
    double hour = (double)(at % WORLD_DAY_MS) / WORLD_HOUR_MS;
    bool weekend = at / WORLD_DAY_MS % 7 >= 5;
    double peak = domain == WORLD_COURSE ? 20.0 : 13.0;
    double week = domain == WORLD_COURSE ? (weekend ? 0.7 : 1.0) : (weekend ? 1.0 : 0.8);
    return (1.0 + 0.8 * cos(DRAW_TWO_PI * (hour - peak) / 24.0)) / 1.8 * week;
}

/* Moves the clock to its next arrival in `domain`. @return false after the end. */
static bool tick(struct world_clock *c, uint8_t domain, int64_t end) {
    do {
        double gap = c->mean_gap_ms * draw_exponential(&c->rng);
        if (gap >= (double)(end - c->now)) {
            return false;
        }
        c->now += (int64_t)gap > GAP_MIN_MS ? (int64_t)gap : GAP_MIN_MS;
        if (c->now >= end) {
            return false;
        }
    } while (rng_unit(&c->rng) >= keep_rate(c->now, domain));
    return true;
}

static uint8_t next_domain(struct world_clock *c) {
    if (c->n < c->join) {
        return c->first;
    }
    bool other = c->n == c->join || rng_unit(&c->rng) < 0.5;
    return other ? (uint8_t)(1 - c->first) : c->first;
}

/* Some minutes to hours before, but after the user's previous event. */
static int64_t view_time(struct world_clock *c, int64_t previous) {
    double delay = VIEW_MIN_MS * pow(VIEW_MAX_MS / VIEW_MIN_MS, rng_unit(&c->rng));
    int64_t longest = (c->now - previous) / 2;
    return c->now - ((int64_t)delay < longest ? (int64_t)delay : longest);
}

/* As many lines as wanted, but no more than items are left to choose from. */
static uint32_t lines_possible(const struct world_rules *rules, const struct world_clock *c,
                               uint8_t domain, int64_t choice_at, uint32_t wanted) {
    uint32_t left = world_items_born(&rules->items[domain], choice_at);
    if (world_takes_once(rules, domain)) {
        left -= c->n_taken[domain]; /* born, all of them */
    }
    uint32_t lines = wanted < WORLD_LINES_MAX ? wanted : WORLD_LINES_MAX;
    return lines < left ? lines : left;
}

bool world_clock_next(const struct world_rules *rules, struct world_clock *c,
                      struct world_arrival *out) {
    while (c->n < c->n_max) {
        const int64_t previous = c->n ? c->now : 0;
        const uint8_t g = next_domain(c);
        if (!tick(c, g, rules->end)) {
            c->n_max = c->n; /* the end is for good */
            return false;
        }
        c->n++;
        struct world_arrival a = {.at = c->now, .choice_at = c->now, .domain = g};
        uint32_t wanted = 1;
        if (rules->lively && g == WORLD_COURSE) {
            a.viewed = rng_unit(&c->rng) < P_VIEW;
            a.choice_at = a.viewed ? view_time(c, previous) : a.at;
        } else if (rules->lively) {
            wanted = draw_geometric(&c->rng, MEAN_LINES);
        }
        uint32_t lines = lines_possible(rules, c, g, a.choice_at, wanted);
        if (lines > 0) {
            a.n_lines = (uint8_t)lines;
            c->n_taken[g] += lines;
            *out = a;
            return true;
        }
    }
    return false;
}
