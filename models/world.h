/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h -- the synthetic world: two partner platforms whose users have correlated tastes.
 *
 * Known ground truth for the demo, for load and for tests of transfer between
 * domains. Domain A is `course`, domain B is `food`; K = 6 tastes, T = `days`:
 *
 *     z_A ~ N(0, I_K) ;  z_B = rho z_A + sqrt(1 - rho^2) e ,  e ~ N(0, I_K)
 *     item: y_i uniform on the unit sphere, b_i ~ N(0,1), birth 0 with probability .65
 *           else uniform in [0,T]
 *     attraction a_i(t) = b_i + D_i(day) + 1.5 2^(-(t-birth)/4 d)
 *                         + [B] .4 cos(2 pi (hour - theta_i)/24)
 *           D_i: AR(1) a day, half-life 7 d, stationary sd .7, theta_i uniform
 *     choice: P(i) ~ exp(a_i(t) + 2 z_u . y_i) over born items, and in domain A only
 *           over those not yet consumed
 *     user: first domain A with probability .7, start uniform in [0, .8 T],
 *           4 + Geometric(mean 12) events, the other domain after Geometric(mean 7)
 *           events, then each with 1/2
 *     gaps: Exponential(mean Gamma(2, 1.2)/2 days), thinned by
 *           (1 + .8 cos(2 pi (hour - h0)/24))/1.8 , h0 = 20 (A), 13 (B), and by
 *           weekend .7 (A) / 1 (B), weekday 1 (A) / .8 (B)
 *     lively (the demo's world): an order has 1 + Geometric(mean .8) lines; with
 *           probability .35 a line repeats an earlier dish of the user; a course is
 *           viewed with probability .6 some minutes to hours before it is enrolled in
 *           (never before the user's previous event; it is chosen when it is viewed)
 *     plain (lively = false): one line an event, no repeats in either domain, no views:
 *           the acceptance world of docs/models.md
 *
 * An arrival that finds nothing left to choose (few items, an eager user) does not
 * happen. Two events of one user are at least a second apart, but for a view.
 *
 * Items have readable names in both domains, unique, deterministic by seed.
 *
 * Ownership: owns its memory. Threads: one. Replay: a function of the parameters.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

enum { WORLD_TASTES = 6, WORLD_DOMAINS = 2, WORLD_LINES_MAX = 16 };

#define WORLD_DAYS_MAX     36500.0
#define WORLD_START_MAX_MS (INT64_C(1) << 60)

struct world_params {
    uint32_t users;   /* >= 1                                   */
    uint32_t items;   /* a domain, >= 20                        */
    double rho;       /* in [0, 1]                              */
    double days;      /* T, in (0, WORLD_DAYS_MAX]              */
    int64_t start_ms; /* event time of day 0, +-WORLD_START_MAX_MS */
    bool lively;
    uint64_t seed;
};

struct world_event {
    int64_t ts_ms;
    uint32_t user;                   /* 0..users-1; id "u<user>"   */
    uint8_t domain;                  /* 0 course, 1 food           */
    uint8_t action;                  /* enum action                */
    uint8_t n_lines;                 /* 1..WORLD_LINES_MAX         */
    uint32_t item[WORLD_LINES_MAX];  /* 0..items-1 in the domain, distinct */
    float quantity[WORLD_LINES_MAX]; /* 1 or 2; 1 if plain          */
    float amount[WORLD_LINES_MAX];   /* quantity times price; 0 if plain or a view */
};

struct world; /* opaque */

/** @return ST_OK, ST_INVALID (a parameter outside its range) or ST_NOMEM */
MUST_CHECK enum status world_new(const struct world_params *params, struct world **out);
void world_free(struct world *w);

/** The next event in order of time (ties by user). @return false at the end. */
bool world_next(struct world *w, struct world_event *out);

/** Number of events the world has in all, taken or to come; known from the start. */
uint64_t world_n_events(const struct world *w);

/** Id of an item ("c17", "f203") and its readable name ("Linear Algebra II",
 *  "Smoky Lentil Stew"); terminated, live as long as the world. */
const char *world_item_id(const struct world *w, uint8_t domain, uint32_t item);
const char *world_item_name(const struct world *w, uint8_t domain, uint32_t item);
/** A readable category ("mathematics", "soups and stews"), from the item's taste. */
const char *world_item_category(const struct world *w, uint8_t domain, uint32_t item);

/** Ground truth for tests: tastes (WORLD_TASTES,), directions, log-attraction.
 *  ts_ms in [start_ms, start_ms + T]; before its birth an item cannot be chosen. */
const double *world_user_taste(const struct world *w, uint8_t domain, uint32_t user);
const double *world_item_direction(const struct world *w, uint8_t domain, uint32_t item);
double world_attraction(const struct world *w, uint8_t domain, uint32_t item, int64_t ts_ms);
int64_t world_item_birth_ms(const struct world *w, uint8_t domain, uint32_t item);

#endif
