/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c -- see world.h for the world and its formulas.
 *
 * world_clock.c says when users act, world_items.c what is wanted; here users are
 * merged by time and choose. world_new() runs every user's clock once to count,
 * world_next() runs them again, in a heap of users keyed by their next time. A
 * choice is drawn from a generator keyed by (seed, user, n). Memory is that of
 * users and items, not of events, but for four bytes a line taken, which the
 * count makes exact: world_next() allocates nothing and cannot fail.
 */
#include "world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "world_clock.h"
#include "world_draw.h"
#include "world_items.h"

enum { K = WORLD_TASTES, G = WORLD_DOMAINS };

#define P_REPEAT 0.35
#define P_TWO    0.15 /* lines of two portions */

struct person {
    struct world_clock clock;
    struct world_arrival next;
    double taste[G][K]; /* z_u */
    size_t taken[G];    /* the first of the user's items in world.taken */
    uint32_t n_taken[G];
    uint32_t viewed; /* the item, once the view of `next` is out */
    bool view_done;
};

struct world {
    struct world_params params;
    struct world_rules rules;
    struct world_items items[G];
    struct person *people; /* (users,) */
    uint32_t *taken;       /* items taken: a stretch for each user and domain */
    uint64_t n_events;
    uint32_t *heap; /* users with events left, soonest first */
    uint32_t heap_len;
    float *weight; /* (items,) of the event at hand */
    double *cum;   /* (items,) running sum of it */
};

/* ---- users, soonest first ------------------------------------------------ */

static int64_t due(const struct person *p) {
    return p->next.viewed && !p->view_done ? p->next.choice_at : p->next.at;
}

static bool sooner(const struct world *w, uint32_t a, uint32_t b) {
    int64_t at = due(&w->people[a]);
    int64_t bt = due(&w->people[b]);
    return at < bt || (at == bt && a < b);
}

static void sift_down(struct world *w, uint32_t i) {
    uint32_t user = w->heap[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= w->heap_len) {
            break;
        }
        if (child + 1 < w->heap_len && sooner(w, w->heap[child + 1], w->heap[child])) {
            child++;
        }
        if (!sooner(w, w->heap[child], user)) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = user;
}

/* Runs all clocks once: the number of events, and room for what they take. */
static size_t count_events(struct world *w) {
    size_t n_taken = 0;
    for (uint32_t u = 0; u < w->params.users; u++) {
        struct person *p = &w->people[u];
        struct world_clock c = world_clock_start(&w->rules, u);
        struct world_arrival a;
        while (world_clock_next(&w->rules, &c, &a)) {
            w->n_events += a.viewed ? 2 : 1;
        }
        for (int g = 0; g < G; g++) {
            p->taken[g] = n_taken;
            n_taken += c.n_taken[g];
        }
    }
    return n_taken;
}

static void person_init(struct world *w, uint32_t user) {
    struct person *p = &w->people[user];
    const double rho = w->params.rho;
    struct rng rng = draw_rng(w->params.seed, DRAW_USER, user, 0);
    for (int k = 0; k < K; k++) {
        double z = rng_normal(&rng);
        p->taste[WORLD_COURSE][k] = z;
        p->taste[WORLD_FOOD][k] = rho * z + sqrt(1.0 - rho * rho) * rng_normal(&rng);
    }
    p->clock = world_clock_start(&w->rules, user);
    if (world_clock_next(&w->rules, &p->clock, &p->next)) {
        w->heap[w->heap_len++] = user;
    }
}

static enum status people_init(struct world *w) {
    const uint32_t n = w->params.users;
    w->people = calloc(n, sizeof *w->people);
    w->heap = calloc(n, sizeof *w->heap);
    if (!w->people || !w->heap) {
        return ST_NOMEM;
    }
    size_t n_taken = count_events(w);
    w->taken = calloc(n_taken + 1, sizeof *w->taken);
    if (!w->taken) {
        return ST_NOMEM;
    }
    for (uint32_t u = 0; u < n; u++) {
        person_init(w, u);
    }
    for (uint32_t i = w->heap_len / 2; i-- > 0;) {
        sift_down(w, i);
    }
    return ST_OK;
}

/* ---- life cycle ---------------------------------------------------------- */

/* Each test is written so that a NaN fails it. */
static bool params_ok(const struct world_params *p) {
    return p->users >= 1 && p->items >= 20 && p->rho >= 0.0 && p->rho <= 1.0 && p->days > 0.0 &&
           p->days <= WORLD_DAYS_MAX && p->start_ms >= -WORLD_START_MAX_MS &&
           p->start_ms <= WORLD_START_MAX_MS;
}

enum status world_new(const struct world_params *params, struct world **out) {
    if (!params_ok(params)) {
        return ST_INVALID;
    }
    struct world *w = calloc(1, sizeof *w);
    if (!w) {
        return ST_NOMEM;
    }
    enum status st = ST_NOMEM;
    w->params = *params;
    w->rules = (struct world_rules){.seed = params->seed,
                                    .end = (int64_t)(params->days * (double)WORLD_DAY_MS),
                                    .lively = params->lively,
                                    .items = w->items};
    w->weight = calloc(params->items, sizeof *w->weight);
    w->cum = calloc(params->items, sizeof *w->cum);
    if (!w->weight || !w->cum) {
        goto fail;
    }
    for (uint32_t g = 0; g < G; g++) {
        st = world_items_init(&w->items[g], (uint8_t)g, params->items, w->rules.end, params->seed);
        if (st) {
            goto fail;
        }
    }
    st = people_init(w);
    if (st) {
        goto fail;
    }
    *out = w;
    return ST_OK;

fail:
    world_free(w);
    return st;
}

void world_free(struct world *w) {
    if (!w) {
        return;
    }
    for (int g = 0; g < G; g++) {
        world_items_clear(&w->items[g]);
    }
    free(w->people);
    free(w->taken);
    free(w->heap);
    free(w->weight);
    free(w->cum);
    free(w);
}

/* ---- what: the choice ---------------------------------------------------- */

/* Draws an item by weight; at least one weight is positive. */
static uint32_t draw_item(struct world *w, struct rng *rng) {
    const uint32_t n = w->params.items;
    double total = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        total += (double)w->weight[i];
        w->cum[i] = total;
    }
    const double r = rng_unit(rng) * total; /* below total: the draw is <= 1 - 2^-53 */
    uint32_t low = 0; /* the first item whose running sum is above r: weight > 0 */
    uint32_t high = n - 1;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (w->cum[mid] > r) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

static void put_line(const struct world *w, struct world_event *e, int l, uint32_t item,
                     float quantity) {
    e->item[l] = item;
    e->quantity[l] = quantity;
    e->amount[l] = w->params.lively ? quantity * w->items[e->domain].items[item].price : 0.0F;
}

/* One of the user's earlier dishes that is not in the order yet, or a draw. */
static uint32_t choose_dish(struct world *w, const struct person *p, struct rng *rng) {
    const uint32_t n = p->n_taken[WORLD_FOOD];
    if (n > 0 && rng_unit(rng) < P_REPEAT) {
        uint32_t item = w->taken[p->taken[WORLD_FOOD] + rng_below(rng, n)];
        if (w->weight[item] > 0.0F) {
            return item;
        }
    }
    return draw_item(w, rng);
}

/* Chooses the lines of p's next arrival into `e`. */
static void choose_lines(struct world *w, const struct person *p, struct world_event *e) {
    const struct world_arrival *a = &p->next;
    const uint8_t g = a->domain;
    const bool once = world_takes_once(&w->rules, g);
    struct rng rng = draw_rng(w->params.seed, DRAW_CHOICE, e->user, p->clock.n);
    world_items_weigh(&w->items[g], a->choice_at, p->taste[g], w->weight);
    for (uint32_t t = 0; once && t < p->n_taken[g]; t++) {
        w->weight[w->taken[p->taken[g] + t]] = 0.0F;
    }
    for (int l = 0; l < a->n_lines; l++) {
        uint32_t item = once ? draw_item(w, &rng) : choose_dish(w, p, &rng);
        bool two = !once && rng_unit(&rng) < P_TWO;
        put_line(w, e, l, item, two ? 2.0F : 1.0F);
        w->weight[item] = 0.0F; /* lines of an order are distinct */
    }
}

/* ---- events -------------------------------------------------------------- */

/* The first half of an enrolment that is viewed before: the choice. */
static void person_view(struct world *w, struct person *p, struct world_event *e) {
    choose_lines(w, p, e);
    e->action = ACTION_VIEW;
    e->amount[0] = 0.0F;
    p->viewed = e->item[0];
    p->view_done = true;
}

static void person_take(struct world *w, struct person *p, struct world_event *e) {
    const uint8_t g = e->domain;
    if (p->view_done) {
        put_line(w, e, 0, p->viewed, 1.0F);
    } else {
        choose_lines(w, p, e);
    }
    e->action = g == WORLD_COURSE ? ACTION_ENROLL : ACTION_ORDER;
    for (int l = 0; l < e->n_lines; l++) {
        w->taken[p->taken[g] + p->n_taken[g]++] = e->item[l];
    }
    p->view_done = false;
}

bool world_next(struct world *w, struct world_event *out) {
    if (w->heap_len == 0) {
        return false;
    }
    const uint32_t user = w->heap[0];
    struct person *p = &w->people[user];
    memset(out, 0, sizeof *out);
    out->ts_ms = w->params.start_ms + due(p);
    out->user = user;
    out->domain = p->next.domain;
    out->n_lines = p->next.n_lines;
    if (p->next.viewed && !p->view_done) {
        person_view(w, p, out);
    } else {
        person_take(w, p, out);
        if (!world_clock_next(&w->rules, &p->clock, &p->next)) {
            w->heap[0] = w->heap[--w->heap_len];
        }
    }
    if (w->heap_len > 0) {
        sift_down(w, 0);
    }
    return true;
}

uint64_t world_n_events(const struct world *w) {
    return w->n_events;
}

/* ---- what there is ------------------------------------------------------- */

const char *world_item_id(const struct world *w, uint8_t domain, uint32_t item) {
    return w->items[domain].items[item].id;
}

const char *world_item_name(const struct world *w, uint8_t domain, uint32_t item) {
    return w->items[domain].items[item].name;
}

const char *world_item_category(const struct world *w, uint8_t domain, uint32_t item) {
    return world_category(domain, w->items[domain].items[item].category);
}

const double *world_user_taste(const struct world *w, uint8_t domain, uint32_t user) {
    return w->people[user].taste[domain];
}

const double *world_item_direction(const struct world *w, uint8_t domain, uint32_t item) {
    return w->items[domain].items[item].taste;
}

int64_t world_item_birth_ms(const struct world *w, uint8_t domain, uint32_t item) {
    return w->params.start_ms + w->items[domain].items[item].birth;
}

double world_attraction(const struct world *w, uint8_t domain, uint32_t item, int64_t ts_ms) {
    return world_items_attraction(&w->items[domain], item, ts_ms - w->params.start_ms);
}
