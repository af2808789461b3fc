/* SPDX-License-Identifier: Apache-2.0
 * test_lists_property.c -- lists that a person would accept, over random catalogues, users and
 * rules: contract tests of models/learner.h and models/rules.h through a learner that learned. The
 * truth is what the test itself noted: who took what, what the rows and the rules said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learner_run.h"
#include "segment_scan.h"

enum { DOMAINS = 3, USERS = 12, ITEMS = 600, CATEGORIES = 6, RULES = 24, SEEDS = 120 };

struct noted {
    uint32_t n_domains;
    bool repeats[DOMAINS];
    bool gone[USERS][DOMAINS][ITEMS]; /* consumed where that counts, or reported */
    bool known[DOMAINS][ITEMS];
    bool withdrawn[DOMAINS][ITEMS];
    uint32_t category[DOMAINS][ITEMS]; /* 0: none */
    uint32_t n_rules;
    struct rule rules[RULES]; /* (n_rules,) in the order of their ids */
    char ids[RULES][8];
};

static uint64_t category_hash(uint8_t domain, uint32_t category) {
    return category ? mix64(0xca7e6000U + 100U * domain + category) : 0;
}

static uint32_t number_of(const struct learner *l, uint32_t i) {
    size_t len = 0;
    return (uint32_t)strtoul(items_id(learner_shared(l)->items, i, &len), NULL, 10);
}

static uint32_t user_of(const struct learner *l, uint32_t slot) {
    size_t len = 0;
    return (uint32_t)strtoul(user_id(users_get(learner_users(l, 0), slot), &len) + 1, NULL, 10);
}

/* ---- what happens -------------------------------------------------------------------------------
 */

static void note_event(struct noted *t, const struct made *m) {
    const uint8_t d = m->e.domain;
    const uint32_t user = (uint32_t)strtoul(m->user_id + 1, NULL, 10);
    const uint8_t action = m->e.action;
    for (uint32_t k = 0; k < m->e.n_lines; k++) {
        const uint32_t item = (uint32_t)strtoul(m->lines[k].id, NULL, 10);
        t->known[d][item] = true;
        t->gone[user][d][item] |=
            action == ACTION_REPORT || (action_consumes(action) && !t->repeats[d]);
    }
}

static void say_row(struct learner *l, struct noted *t, uint8_t d, uint32_t item, uint32_t category,
                    bool available) {
    char id[16];
    char name[16];
    const struct content_row row = {.item = item_hash(d, item),
                                    .id = id,
                                    .id_len = (uint16_t)snprintf(id, sizeof id, "%u", item),
                                    .domain = d,
                                    .available = available,
                                    .price = 1.0F,
                                    .category = category_hash(d, category),
                                    .category_name = name,
                                    .category_name_len =
                                        (uint16_t)snprintf(name, sizeof name, "c%u", category)};
    struct content_change change;
    assert_int_equal(learner_item(l, &row, &change), ST_OK);
    t->known[d][item] = true;
    t->withdrawn[d][item] = !available;
    t->category[d][item] = category;
}

static void random_rows(struct learner *l, struct noted *t, struct rng *rng, uint32_t items) {
    const uint32_t gone_in = rng_below(rng, 10);
    for (uint8_t d = 0; d < t->n_domains; d++) {
        for (uint32_t item = 0; item < items; item++) {
            if (rng_below(rng, 3)) {
                say_row(l, t, d, item, rng_below(rng, CATEGORIES), rng_below(rng, 10) >= gone_in);
            }
        }
    }
}

/* Of items and categories that are there, and of some that are not. */
static struct rule random_rule(const struct noted *t, struct rng *rng, uint32_t items,
                               int64_t now_ms) {
    struct rule r = {.kind = (enum rule_kind)rng_below(rng, RULE_KINDS),
                     .target = rng_below(rng, 3) ? (uint8_t)rng_below(rng, t->n_domains)
                                                 : (uint8_t)RULES_EVERY_DOMAIN,
                     .segment = rng_below(rng, 3) ? -1 : (int)rng_below(rng, 3),
                     .from_ms = INT64_MIN,
                     .until_ms = INT64_MAX,
                     .factor = rng_below(rng, 2) ? .1F : 10.0F,
                     .place = 1 + rng_below(rng, rng_below(rng, 4) ? 5 : 60)};
    if (rng_below(rng, 3) == 0) {
        r.from_ms = now_ms - DAY_MS + (int64_t)rng_below(rng, 2) * 2 * DAY_MS;
    } else if (rng_below(rng, 3) == 0) {
        r.until_ms = now_ms - DAY_MS + (int64_t)rng_below(rng, 2) * 2 * DAY_MS;
    }
    const uint32_t what = rng_below(rng, r.kind == RULE_PIN ? 3 : 8);
    const uint32_t item = rng_below(rng, items + items / 10 + 1);
    const uint32_t category = 1 + rng_below(rng, CATEGORIES);
    for (uint8_t d = 0; d < t->n_domains; d++) {
        if (r.target == RULES_EVERY_DOMAIN || r.target == d) {
            r.item[d] = what == 0 || (what > 3 && what < 7) || what == 2 ? item_hash(d, item) : 0;
            r.category[d] = what == 1 || what == 2 || what == 3 ? category_hash(d, category) : 0;
        }
    }
    return r; /* 7: the whole domain */
}

static void random_rules(struct learner *l, struct noted *t, struct rng *rng, uint32_t items,
                         int64_t now_ms) {
    t->n_rules = rng_below(rng, RULES + 1);
    for (uint32_t k = 0; k < t->n_rules; k++) {
        t->rules[k] = random_rule(t, rng, items, now_ms);
        t->rules[k].id = t->ids[k];
        t->rules[k].id_len = (uint16_t)snprintf(t->ids[k], sizeof t->ids[k], "r%02u", k);
        if (rng_below(rng, 2) && t->rules[k].kind == RULE_PIN) { /* pins that collide */
            t->rules[k].place = 1 + rng_below(rng, 2);
        }
        assert_int_equal(learner_rule(l, &t->rules[k]), ST_OK);
    }
}

static void remove_rules(struct learner *l, struct noted *t) {
    for (uint32_t k = 0; k < t->n_rules; k++) {
        assert_true(learner_rule_remove(l, t->ids[k], t->rules[k].id_len, 0));
    }
    t->n_rules = 0;
}

/* ---- what may be shown
 * ----------------------------------------------------------------------------- */

static bool holds(const struct noted *t, const struct rule *r, uint8_t d, uint32_t item,
                  int segment, int64_t now_ms) {
    return (r->target == RULES_EVERY_DOMAIN || r->target == d) &&
           (r->segment == -1 || r->segment == segment) && r->from_ms <= now_ms &&
           now_ms < r->until_ms && (!r->item[d] || r->item[d] == item_hash(d, item)) &&
           (!r->category[d] || r->category[d] == category_hash(d, t->category[d][item]));
}

/* Whose list: of a user, or of nobody. */
struct whose {
    const struct user *u; /* NULL: nobody's */
    uint32_t user;
    uint8_t d;
    int segment;
    int64_t now_ms;
};

static bool may_show(const struct noted *t, const struct whose *w, uint32_t item) {
    bool ok = t->known[w->d][item] && !t->withdrawn[w->d][item] &&
              !(w->u && t->gone[w->user][w->d][item]);
    for (uint32_t k = 0; ok && k < t->n_rules; k++) {
        ok = t->rules[k].kind != RULE_BLOCK ||
             !holds(t, &t->rules[k], w->d, item, w->segment, w->now_ms);
    }
    return ok;
}

/* A pin waits until the order under way is over. */
static bool may_pin(const struct learner *l, const struct noted *t, const struct whose *w,
                    uint32_t item) {
    return may_show(t, w, item) &&
           !(w->u && in_order(w->u, w->now_ms,
                              items_find(learner_shared(l)->items, item_hash(w->d, item))));
}

/* The pins in their order, as the list should have them. */
struct wanted_pin {
    const struct rule *rule;
    uint32_t item; /* ITEM_NONE: the best of the category */
    uint32_t slot;
};

static uint32_t pins_of(const struct learner *l, const struct noted *t, const struct whose *w,
                        struct wanted_pin out[RULES]) {
    uint32_t n = 0;
    for (uint32_t place = 1; place <= LIST_MAX; place++) {
        for (uint32_t k = 0; k < t->n_rules; k++) { /* ids ascend */
            const struct rule *r = &t->rules[k];
            if (r->kind != RULE_PIN || r->place != place) {
                continue;
            }
            uint32_t item = ITEM_NONE;
            bool twice = false;
            for (uint32_t i = 0; i < ITEMS && r->item[w->d]; i++) {
                item =
                    holds(t, r, w->d, i, w->segment, w->now_ms) && may_pin(l, t, w, i) ? i : item;
            }
            for (uint32_t x = 0; x < n; x++) {
                twice = twice || (item != ITEM_NONE && out[x].item == item);
            }
            const bool of_category = !r->item[w->d] && r->category[w->d] &&
                                     (r->target == RULES_EVERY_DOMAIN || r->target == w->d) &&
                                     (r->segment == -1 || r->segment == w->segment) &&
                                     r->from_ms <= w->now_ms && w->now_ms < r->until_ms;
            if ((item != ITEM_NONE && !twice) || of_category) {
                out[n++] = (struct wanted_pin){r, item, 0};
            }
        }
    }
    return n;
}

/* ---- one list
 * ---------------------------------------------------------------------------------------- */

static void assert_acceptable(const struct learner *l, const struct noted *t, const struct whose *w,
                              uint32_t n, const struct list *list) {
    static bool seen[ITEMS];
    uint32_t allowed = 0;
    memset(seen, 0, sizeof seen);
    for (uint32_t item = 0; item < ITEMS; item++) {
        allowed += may_show(t, w, item);
    }
    assert_int_equal(list->n, n < allowed ? n : allowed);
    for (uint32_t k = 0; k < list->n; k++) {
        const uint32_t i = list->items[k].item;
        const uint32_t item = number_of(l, i);
        assert_int_equal(items_domain(learner_shared(l)->items, i), w->d);
        assert_false(seen[item]);
        assert_true(may_show(t, w, item));
        assert_true(isfinite(list->items[k].score));
        seen[item] = true;
    }
}

static bool is_among(const struct wanted_pin *pins, uint32_t n, uint32_t item) {
    bool among = false;
    for (uint32_t x = 0; x < n; x++) {
        among = among || pins[x].item == item;
    }
    return among;
}

/* Is there something to show for a pin of a category? */
static bool is_to_be_had(const struct learner *l, const struct noted *t, const struct whose *w,
                         const struct wanted_pin *pins, uint32_t n, const struct rule *rule) {
    for (uint32_t item = 0; item < ITEMS; item++) {
        if (may_pin(l, t, w, item) &&
            rule->category[w->d] == category_hash(w->d, t->category[w->d][item]) &&
            !is_among(pins, n, item)) {
            return true;
        }
    }
    return false;
}

/* Where pins stand: each behind the one before, from its place on, or at the end of a short list.
 * What stands there for a category must be of it, and is noted as pinned. */
static void assert_pins(const struct learner *l, const struct noted *t, const struct whose *w,
                        uint32_t n, const struct list *list) {
    struct wanted_pin pins[RULES];
    uint32_t n_pins = pins_of(l, t, w, pins);
    uint32_t next = 0;
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n_pins; k++) {
        if (pins[k].item == ITEM_NONE && !is_to_be_had(l, t, w, pins, n_pins, pins[k].rule)) {
            continue;
        }
        const uint32_t slot = pins[k].rule->place - 1 > next ? pins[k].rule->place - 1 : next;
        if (slot >= n) {
            break;
        }
        /* as many of the pins as there are from here on stand at the end of a short list */
        pins[k].slot = slot;
        next = slot + 1;
        if (pins[k].item == ITEM_NONE && slot < list->n) {
            pins[k].item = number_of(l, list->items[slot].item);
            for (uint32_t x = 0; x < k; x++) {
                assert_true(pins[x].item != pins[k].item);
            }
            assert_true(may_pin(l, t, w, pins[k].item));
            assert_true(pins[k].rule->category[w->d] ==
                        category_hash(w->d, t->category[w->d][pins[k].item]));
        }
        pins[kept++] = pins[k];
    }
    uint32_t shown = 0;
    for (uint32_t k = 0; k < list->n; k++) {
        shown += list->items[k].reason == REASON_PINNED;
    }
    assert_int_equal(shown, kept);
    for (uint32_t k = 0; k < kept && pins[k].slot < list->n; k++) {
        /* the others run out: from there on nothing but pins, closer together */
        const uint32_t at = pins[k].slot;
        const bool in_place = list->items[at].reason == REASON_PINNED &&
                              number_of(l, list->items[at].item) == pins[k].item;
        bool all_pins = true;
        for (uint32_t x = at; x < list->n; x++) {
            all_pins = all_pins && list->items[x].reason == REASON_PINNED;
        }
        assert_true(in_place || (all_pins && list->n < n));
    }
}

/* ---- tests
 * ---------------------------------------------------------------------------------------------- */

struct world {
    struct learner *l;
    struct noted *t;
    struct rng rng;
    struct stream s;
};

static void begin(struct world *w, uint64_t seed) {
    static const uint32_t sizes[] = {1, 3, 8, 20, 40, 90, 150, 300, ITEMS};
    w->rng = (struct rng){seed};
    struct rng *rng = &w->rng;
    struct learner_params p = params_of(1 + rng_below(rng, DOMAINS));
    w->t = calloc(1, sizeof *w->t);
    assert_non_null(w->t);
    w->t->n_domains = p.n_domains;
    for (uint32_t d = 0; d < p.n_domains; d++) {
        w->t->repeats[d] = p.repeats[d] = rng_below(rng, 3) == 0;
    }
    p.diversity = rng_below(rng, 2) ? .3F : 0.0F;
    p.explore = rng_below(rng, 3) ? 0.0F : .5F;
    p.segments.seed_points = 20;
    w->l = learner_of(p, 1);
    w->s = (struct stream){.rng = {mix64(seed)},
                           .now_ms = START,
                           .step_ms = rng_below(rng, 2) ? DAY_MS : HOUR_MS,
                           .users = USERS,
                           .items = sizes[rng_below(rng, 9)],
                           .n_domains = p.n_domains,
                           .max_lines = 3};
    if (rng_below(rng, 3) == 0) {
        w->s.max_lines = 1 + w->s.items / 8; /* some have taken nearly everything */
    }
}

static void feed(struct world *w, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        struct made m;
        next_event(&w->s, &m);
        note_event(w->t, &m);
        (void)learn(w->l, &m);
    }
}

static void end(struct world *w) {
    learner_free(w->l);
    free(w->t);
}

static void assert_users(struct world *w, int64_t now_ms) {
    const struct users *us = learner_users(w->l, 0);
    for (uint32_t slot = 0; slot < users_n(us); slot++) {
        for (uint8_t d = 0; d < w->t->n_domains; d++) {
            struct list list;
            const uint32_t n = rng_below(&w->rng, 3) ? 10 : 1 + rng_below(&w->rng, LIST_MAX);
            const struct user *u = users_get(us, slot);
            const struct whose whose = {u, user_of(w->l, slot), d, user_segment(u), now_ms};
            assert_int_equal(learner_rank(w->l, 0, slot, d, now_ms, n, &list), ST_OK);
            assert_acceptable(w->l, w->t, &whose, n, &list);
            assert_pins(w->l, w->t, &whose, n, &list);
        }
    }
}

static void assert_fallbacks(struct world *w, int64_t now_ms) {
    for (uint8_t d = 0; d < w->t->n_domains; d++) {
        struct list list;
        const uint32_t n = 1 + rng_below(&w->rng, LIST_MAX);
        const struct whose whose = {NULL, 0, d, -1, now_ms};
        learner_rules_at(w->l, now_ms);
        learner_fallback(w->l, d, n, &list);
        assert_acceptable(w->l, w->t, &whose, n, &list);
        assert_pins(w->l, w->t, &whose, n, &list);
    }
}

/* As instance_cards.c makes them. Returns how many there were. */
static uint32_t assert_segments(struct world *w, int64_t now_ms) {
    struct segment_scan *scan = NULL;
    learner_rules_at(w->l, now_ms);
    assert_int_equal(segment_scan_new(w->l, now_ms, true, &scan), ST_OK);
    while (segment_scan_step(scan, w->l, 50)) {
    }
    const struct segments *segments = learner_shared(w->l)->segments;
    const uint32_t k = segments_ready(segments) ? segments_k(segments) : 0;
    for (uint32_t x = 0; x < k * w->t->n_domains; x++) {
        struct list list;
        const uint32_t n = 1 + rng_below(&w->rng, LIST_MAX);
        const uint8_t d = (uint8_t)(x % w->t->n_domains);
        const int segment = (int)(x / w->t->n_domains);
        const struct whose whose = {NULL, 0, d, segment, now_ms};
        segment_scan_top(scan, (uint32_t)segment, d, LIST_MAX, &list);
        learner_rules_apply(w->l, d, segment, n, &list);
        assert_acceptable(w->l, w->t, &whose, n, &list);
        assert_pins(w->l, w->t, &whose, n, &list);
    }
    segment_scan_free(scan);
    return k;
}

static void
lists_are_full_and_have_nothing_twice_taken_gone_or_blocked_and_pins_in_place(void **state) {
    (void)state;
    uint32_t segments = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed); /* the last one is the one that failed */
        struct world w;
        begin(&w, seed);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        feed(&w, 10 + rng_below(&w.rng, 150));
        random_rules(w.l, w.t, &w.rng, w.s.items, w.s.now_ms);
        const int64_t edges[] = {0, -2 * DAY_MS, HOUR_MS * 3, 2 * DAY_MS};
        for (size_t k = 0; k < 4; k++) {
            assert_users(&w, w.s.now_ms + edges[k]);
            assert_fallbacks(&w, w.s.now_ms + edges[k]);
            segments += assert_segments(&w, w.s.now_ms + edges[k]);
        }
        feed(&w, 20);                             /* items that are new to the rules, */
        random_rows(w.l, w.t, &w.rng, w.s.items); /* and rows that change */
        assert_users(&w, w.s.now_ms);
        assert_fallbacks(&w, w.s.now_ms);
        segments += assert_segments(&w, w.s.now_ms);
        end(&w);
    }
    printf("\nlists of %u segments\n", segments);
    assert_true(segments > SEEDS);
}

static void without_rules_again_lists_are_what_they_were(void **state) {
    (void)state;
    static struct list before[USERS][DOMAINS];
    for (uint64_t seed = 1000; seed < 1012; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed);
        struct world w;
        begin(&w, seed);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        feed(&w, 100);
        const uint32_t n_users = users_n(learner_users(w.l, 0));
        for (int again = 0; again < 2; again++) {
            for (uint32_t k = 0; k < n_users * w.t->n_domains; k++) {
                struct list list;
                const uint8_t d = (uint8_t)(k % w.t->n_domains);
                struct list *was = &before[k / w.t->n_domains][d];
                assert_int_equal(learner_rank(w.l, 0, k / w.t->n_domains, d, w.s.now_ms, 20, &list),
                                 ST_OK);
                if (again) {
                    assert_same_list(w.l, was, w.l, &list);
                }
                *was = list;
            }
            if (!again) {
                random_rules(w.l, w.t, &w.rng, w.s.items, w.s.now_ms);
                assert_users(&w, w.s.now_ms);
                remove_rules(w.l, w.t);
            }
        }
        end(&w);
    }
    printf("\n");
}

static void rules_change_nothing_that_is_learned(void **state) {
    (void)state;
    for (uint64_t seed = 2000; seed < 2006; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed);
        struct world a;
        struct world b;
        begin(&a, seed);
        begin(&b, seed);
        for (int round = 0; round < 4; round++) {
            feed(&a, 40);
            feed(&b, 40);
            if (round == 0) {
                random_rules(a.l, a.t, &a.rng, a.s.items, a.s.now_ms);
            }
            assert_users(&a, a.s.now_ms);
        }
        assert_same_users(a.l, b.l, 1, user_digest);
        remove_rules(a.l, a.t);
        for (uint32_t slot = 0; slot < users_n(learner_users(a.l, 0)); slot++) {
            struct list x;
            struct list y;
            assert_int_equal(learner_rank(a.l, 0, slot, 0, a.s.now_ms, 30, &x), ST_OK);
            assert_int_equal(learner_rank(b.l, 0, slot, 0, a.s.now_ms, 30, &y), ST_OK);
            assert_same_list(a.l, &x, b.l, &y);
        }
        end(&a);
        end(&b);
    }
    printf("\n");
}

/* Small domains, of which a list of LIST_MAX has every candidate with its score. */
static void a_boost_shifts_by_the_deviation_of_the_scores_times_the_logarithm(void **state) {
    (void)state;
    for (uint64_t seed = 3000; seed < 3030; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed);
        struct world w;
        begin(&w, seed);
        struct learner_params p = params_of(1);
        learner_free(w.l);
        w.l = learner_of(p, 1);
        w.t->n_domains = w.s.n_domains = 1;
        w.t->repeats[0] = false;
        w.s.items = 80;
        w.s.max_lines = 3;
        feed(&w, 60);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        struct list base;
        struct list list;
        const uint32_t slot = rng_below(&w.rng, users_n(learner_users(w.l, 0)));
        const int64_t now_ms = w.s.now_ms + DAY_MS;
        assert_int_equal(learner_rank(w.l, 0, slot, 0, now_ms, LIST_MAX, &base), ST_OK);
        const float factor[] = {.1F, 2.0F, 10.0F};
        for (uint32_t k = 0; k < 3; k++) { /* each of a category, the last of an item too */
            w.t->rules[k] = (struct rule){.id = w.t->ids[k],
                                          .id_len = 1,
                                          .kind = RULE_BOOST,
                                          .target = 0,
                                          .segment = -1,
                                          .category = {category_hash(0, 1 + k)},
                                          .from_ms = INT64_MIN,
                                          .until_ms = INT64_MAX,
                                          .factor = factor[k]};
            w.t->ids[k][0] = (char)('a' + k);
            assert_int_equal(learner_rule(w.l, &w.t->rules[k]), ST_OK);
        }
        w.t->n_rules = 3;
        double sum = 0.0;
        double squares = 0.0;
        for (uint32_t k = 0; k < base.n; k++) {
            sum += (double)base.items[k].score;
        }
        for (uint32_t k = 0; k < base.n; k++) {
            squares += pow((double)base.items[k].score - sum / base.n, 2.0);
        }
        const double sd = fmax(sqrt(squares / base.n), .001);
        assert_int_equal(learner_rank(w.l, 0, slot, 0, now_ms, LIST_MAX, &list), ST_OK);
        assert_int_equal(list.n, base.n);
        for (uint32_t k = 0; k < list.n; k++) {
            uint32_t was = 0;
            while (base.items[was].item != list.items[k].item) {
                was++;
            }
            const uint32_t c = w.t->category[0][number_of(w.l, list.items[k].item)];
            const double by = c >= 1 && c <= 3 ? sd * log((double)factor[c - 1]) : 0.0;
            const double want = (double)base.items[was].score + by;
            assert_true(fabs((double)list.items[k].score - want) < 1e-4 * (1.0 + fabs(want)));
            assert_true(k == 0 || list.items[k].score <= list.items[k - 1].score);
            assert_int_equal(list.items[k].reason, base.items[was].reason);
        }
        end(&w);
    }
    printf("\n");
}

static void a_pin_of_a_category_is_its_best_item(void **state) {
    (void)state;
    int seen = 0;
    for (uint64_t seed = 7000; seed < 7010; seed++) {
        struct world w;
        begin(&w, seed);
        learner_free(w.l);
        w.l = learner_of(params_of(1), 1);
        w.t->n_domains = w.s.n_domains = 1;
        w.s.items = 90;
        w.s.max_lines = 3;
        feed(&w, 60);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        const uint32_t slot = rng_below(&w.rng, users_n(learner_users(w.l, 0)));
        const int64_t now_ms = w.s.now_ms + DAY_MS;
        struct list base[2]; /* of the user, the fallback */
        struct list list[2];
        for (int with = 0; with < 2; with++) {
            struct list *out = with ? list : base;
            const struct rule rule = {.id = "p",
                                      .id_len = 1,
                                      .kind = RULE_PIN,
                                      .target = 0,
                                      .segment = -1,
                                      .category = {category_hash(0, 2)},
                                      .from_ms = INT64_MIN,
                                      .until_ms = INT64_MAX,
                                      .place = 3};
            if (with) {
                assert_int_equal(learner_rule(w.l, &rule), ST_OK);
            }
            assert_int_equal(learner_rank(w.l, 0, slot, 0, now_ms, LIST_MAX, &out[0]), ST_OK);
            learner_fallback(w.l, 0, LIST_MAX, &out[1]);
        }
        for (int k = 0; k < 2; k++) {
            uint32_t best = 0;
            while (best < base[k].n &&
                   w.t->category[0][number_of(w.l, base[k].items[best].item)] != 2) {
                best++;
            }
            if (best == base[k].n || base[k].n < 3) {
                continue; /* nothing of it, or no third place */
            }
            seen++;
            assert_int_equal(list[k].items[2].item, base[k].items[best].item);
            assert_int_equal(list[k].items[2].reason, REASON_PINNED);
            for (uint32_t x = 0, at = 0; x < list[k].n; x++, at++) { /* the others as they were */
                at += at == best;
                if (x != 2) {
                    assert_int_equal(list[k].items[x].item, base[k].items[at].item);
                } else {
                    at--;
                }
            }
        }
        end(&w);
    }
    assert_true(seen > 10);
}

static void a_boost_moves_the_fallback_too(void **state) {
    (void)state;
    struct world w;
    begin(&w, 4001);
    w.s.items = 50;
    w.s.n_domains = w.t->n_domains;
    feed(&w, 200);
    struct list base;
    struct list list;
    learner_fallback(w.l, 0, 20, &base);
    assert_true(base.n > 10);
    const struct rule rule = {.id = "down",
                              .id_len = 4,
                              .kind = RULE_BOOST,
                              .target = RULES_EVERY_DOMAIN,
                              .segment = -1,
                              .item = {items_hash(learner_shared(w.l)->items, base.items[0].item)},
                              .from_ms = INT64_MIN,
                              .until_ms = INT64_MAX,
                              .factor = .001F};
    assert_int_equal(learner_rule(w.l, &rule), ST_OK);
    learner_fallback(w.l, 0, 20, &list);
    assert_true(list.items[0].item == base.items[1].item);
    assert_true(list.items[0].score == base.items[1].score);
    for (uint32_t k = 0; k < 5; k++) {
        assert_true(list.items[k].item != base.items[0].item);
    }
    end(&w);
}

/* As whoever makes lists of segments and of similar items calls it. */
static void lists_of_nobody_follow_the_rules(void **state) {
    (void)state;
    for (uint64_t seed = 5000; seed < 5040; seed++) {
        printf("\rseed %llu ", (unsigned long long)seed);
        struct world w;
        begin(&w, seed);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        feed(&w, 80);
        random_rules(w.l, w.t, &w.rng, w.s.items, w.s.now_ms);
        learner_rules_at(w.l, w.s.now_ms);
        const struct items *items = learner_shared(w.l)->items;
        for (uint8_t d = 0; d < w.t->n_domains; d++) {
            for (int segment = -1; segment < 3; segment++) {
                const struct whose whose = {NULL, 0, d, segment, w.s.now_ms};
                struct list list = {0};
                for (uint32_t k = 0; k < items_n_of(items, d) && list.n < LIST_MAX; k++) {
                    const uint32_t i = items_of(items, d, k);
                    if (!w.t->withdrawn[d][number_of(w.l, i)] &&
                        learner_rules_allow(w.l, d, segment, i)) {
                        list.items[list.n] = (struct list_item){.item = i, .score = -(float)k};
                        list.n++;
                    }
                }
                const uint32_t n = 1 + rng_below(&w.rng, LIST_MAX);
                struct list unpinned = list;
                learner_rules_filter(w.l, d, segment, n, &unpinned);
                assert_int_equal(unpinned.n, list.n < n ? list.n : n);
                for (uint32_t k = 0; k < unpinned.n; k++) {
                    assert_true(unpinned.items[k].reason != REASON_PINNED);
                    assert_true(k == 0 || unpinned.items[k].score <= unpinned.items[k - 1].score);
                }
                learner_rules_apply(w.l, d, segment, n, &list);
                assert_acceptable(w.l, w.t, &whose, n, &list);
                assert_pins(w.l, w.t, &whose, n, &list);
            }
        }
        end(&w);
    }
    printf("\n");
}

static void the_rules_of_an_item_are_told(void **state) {
    (void)state;
    for (uint64_t seed = 6000; seed < 6010; seed++) {
        struct world w;
        begin(&w, seed);
        random_rows(w.l, w.t, &w.rng, w.s.items);
        feed(&w, 30);
        random_rules(w.l, w.t, &w.rng, w.s.items, w.s.now_ms);
        learner_rules_at(w.l, w.s.now_ms);
        for (uint32_t i = 0; i < items_n(learner_shared(w.l)->items); i++) {
            const struct rule *told[RULES];
            const uint8_t d = items_domain(learner_shared(w.l)->items, i);
            const uint32_t n = learner_rules_of(w.l, i, d, 1, told, RULES);
            uint32_t want = 0;
            for (uint32_t k = 0; k < w.t->n_rules; k++) {
                const struct rule *r = &w.t->rules[k];
                if (holds(w.t, r, d, number_of(w.l, i), 1, w.s.now_ms)) {
                    assert_true(want < n);
                    assert_memory_equal(told[want]->id, r->id, r->id_len);
                    want++;
                }
            }
            assert_int_equal(n, want);
        }
        end(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            lists_are_full_and_have_nothing_twice_taken_gone_or_blocked_and_pins_in_place),
        cmocka_unit_test(without_rules_again_lists_are_what_they_were),
        cmocka_unit_test(rules_change_nothing_that_is_learned),
        cmocka_unit_test(a_boost_shifts_by_the_deviation_of_the_scores_times_the_logarithm),
        cmocka_unit_test(a_pin_of_a_category_is_its_best_item),
        cmocka_unit_test(a_boost_moves_the_fallback_too),
        cmocka_unit_test(lists_of_nobody_follow_the_rules),
        cmocka_unit_test(the_rules_of_an_item_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
