/* SPDX-License-Identifier: Apache-2.0
 *
 * test_learner_explain.c -- explanations and reasons are true.
 *
 * Even users take even items, odd users odd ones, in two tasks: who is similar to whom, and what
 * speaks for an item, is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "learner_run.h"

enum { TASKS = 2, USERS = 120, ITEMS = 60, EVENTS = 1500, N = 10 };

static struct learner *learned;
static int64_t now;

static int learn_all(void **state) {
    (void)state;
    const struct learner_params params = {
        .n_domains = 1,
        .mini_batch = 64,
        .late_max_ms = DAY_MS,
        .prequential_window = 100,
        .seed = 9,
        .segments = {.k = 3, .seed_points = 50, .half_life = 1e4}};
    struct rng rng = {8};
    assert_int_equal(learner_new(&params, &learned), ST_OK);
    for (uint32_t p = 0; p < TASKS; p++) {
        assert_int_equal(learner_task_open(learned, p), ST_OK);
    }
    now = START;
    for (uint32_t k = 0; k < EVENTS; k++) {
        struct made m;
        struct learner_effect effect;
        const uint32_t user = rng_below(&rng, USERS);
        now += HOUR_MS;
        make(&m, k + 1, user, 0, ACTION_PURCHASE, now);
        add_line(&m, rng_below(&rng, ITEMS / 2) * 2 + user % 2, 1.0F);
        assert_int_equal(learner_learn(learned, user / 2 % TASKS, &m.e, &effect), ST_OK);
    }
    for (uint32_t u = 0; u < USERS; u++) { /* vectors of users are noted when they are ranked */
        struct list list;
        const uint32_t task = u / 2 % TASKS;
        const uint32_t slot = users_find(learner_users(learned, task), user_hash(u));
        assert_int_equal(learner_rank(learned, task, slot, 0, now, N, &list), ST_OK);
    }
    return 0;
}

static int free_all(void **state) {
    (void)state;
    learner_free(learned);
    return 0;
}

static uint32_t slot_of(uint32_t user) {
    return users_find(learner_users(learned, user / 2 % TASKS), user_hash(user));
}

static bool is_even(uint32_t task, uint32_t slot) {
    for (uint32_t u = 0; u < USERS; u += 2) {
        if (u / 2 % TASKS == task && slot_of(u) == slot) {
            return true;
        }
    }
    return false;
}

static void an_explanation_has_the_list_that_is_shown(void **state) {
    (void)state;
    for (uint32_t u = 0; u < USERS; u += 7) {
        const uint32_t task = u / 2 % TASKS;
        static struct explanation e;
        struct list list;
        assert_int_equal(learner_rank(learned, task, slot_of(u), 0, now, N, &list), ST_OK);
        assert_int_equal(learner_explain(learned, task, slot_of(u), 0, now, N, &e), ST_OK);
        assert_true(learner_list_digest(learned, &list) == learner_list_digest(learned, &e.list));
        assert_int_equal(e.served == RANKER_FULL, e.list.personalised);
        for (uint32_t k = 0; k < e.list.n; k++) { /* nothing that may be said lifts it more */
            const struct list_item *item = &e.list.items[k];
            assert_true(e.items[k].parts[item->reason] >= e.items[k].parts[REASON_POPULAR]);
            assert_true(e.items[k].parts[item->reason] >= e.items[k].parts[REASON_TASTE]);
        }
    }
}

/* What each input adds makes up what its group adds; an item's place by the net that is served is
 * its place in the list. */
static void an_explanation_adds_up(void **state) {
    (void)state;
    for (uint32_t u = 0; u < USERS; u += 11) {
        const uint32_t task = u / 2 % TASKS;
        static struct explanation e;
        assert_int_equal(learner_explain(learned, task, slot_of(u), 0, now, N, &e), ST_OK);
        for (uint32_t k = 0; k < e.list.n; k++) {
            const struct explained_item *x = &e.items[k];
            float sums[REASONS] = {0};
            for (int f = 0; f < RANKER_X; f++) {
                sums[explain_input_reason(f)] += x->adds[f];
                assert_true(x->adds[f] <= 0.0F || x->adds[f] >= 0.0F);
            }
            for (int g = 0; g < REASONS; g++) {
                assert_true(fabsf(sums[g] - x->parts[g]) < 1e-4F);
            }
            const enum explain_rank by = e.served == RANKER_FULL ? EXPLAIN_FULL : EXPLAIN_TWIN;
            assert_int_equal(x->rank[by], k);
            for (int r = 0; r < EXPLAIN_RANKS; r++) {
                assert_true(x->rank[r] < e.n_candidates);
            }
        }
    }
}

/* By a model alone, all places are taken once: those of the shown ones are distinct. */
static void no_two_items_have_a_place_in_common(void **state) {
    (void)state;
    static struct explanation e;
    assert_int_equal(learner_explain(learned, 0, slot_of(0), 0, now, N, &e), ST_OK);
    for (int r = 0; r < EXPLAIN_RANKS; r++) {
        for (uint32_t k = 1; k < e.list.n; k++) {
            for (uint32_t j = 0; j < k; j++) {
                assert_true(e.items[k].rank[r] != e.items[j].rank[r]);
            }
        }
    }
}

static void every_input_and_rank_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int k = 0; k < RANKER_X; k++) {
        assert_string_not_equal(explain_input_str(k), "other");
        for (int j = 0; j < k; j++) {
            assert_string_not_equal(explain_input_str(k), explain_input_str(j));
        }
    }
    assert_string_equal(explain_input_str(RANKER_X), "other");
    assert_string_equal(explain_input_str(-1), "other");
    for (int r = 0; r < EXPLAIN_RANKS; r++) {
        assert_string_not_equal(explain_rank_str((enum explain_rank)r), "unknown");
    }
}

static void users_who_take_the_same_are_similar_nearest_first(void **state) {
    (void)state;
    uint32_t alike = 0;
    uint32_t all = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t task = u / 2 % TASKS;
        static struct explanation e;
        bool other_task = false;
        assert_int_equal(learner_explain(learned, task, slot_of(u), 0, now, N, &e), ST_OK);
        for (uint32_t k = 0; k < e.n_similar; k++) {
            assert_true(k == 0 || e.similar[k].cosine <= e.similar[k - 1].cosine);
            assert_false(e.similar[k].task == task && e.similar[k].user == slot_of(u));
            alike += is_even(e.similar[k].task, e.similar[k].user) == (u % 2 == 0);
            other_task |= e.similar[k].task != task;
        }
        all += e.n_similar;
        assert_true(e.n_similar == EXPLAIN_SIMILAR && other_task);
    }
    print_message("%u of %u are of the same kind\n", alike, all);
    assert_true(alike > all * 95 / 100);
}

/* The item of the last ten of a history that speaks most for another by k1 (pairs.h). */
static uint32_t most_together(const struct user_entry *history, uint32_t n, uint32_t item) {
    const struct shared *s = learner_shared(learned);
    uint32_t best = ITEM_NONE;
    double most = 0.0;
    for (uint32_t r = 0; r < n && r < PAIRS_WINDOW; r++) {
        int64_t a = 0;
        int64_t f = 0;
        int64_t d = 0;
        struct popularity_sum sum;
        popularity_item(s->popularity, history[r].item, &sum);
        if (pairs_get(s->pairs, history[r].item, item, &a, &f, &d)) {
            const double takes = ldexp((double)sum.weight, -20);
            const double part = pow(.85, r) * (double)a * pow(takes + 5.0, -.6);
            best = part > most ? history[r].item : best;
            most = part > most ? part : most;
        }
    }
    return best;
}

/* ... of the whole history by taste: what each of its items brings (factors.h), all its places
 * together. */
static uint32_t most_by_taste(const struct user_entry *history, uint32_t n, uint32_t item) {
    const struct factors *f = learner_shared(learned)->factors;
    uint32_t items[USER_HISTORY] = {0};
    float parts[USER_HISTORY][FACTORS_TARGETS];
    struct factors_solved solved;
    uint32_t best = ITEM_NONE;
    float most = 0.0F;
    for (uint32_t r = 0; r < n; r++) {
        items[r] = history[r].item;
    }
    assert_true(factors_solve(f, items, n, &solved));
    assert_true(factors_parts(f, &solved, items, n, &item, 1, parts));
    for (uint32_t r = 0; r < n; r++) {
        float sum = 0.0F;
        for (uint32_t x = 0; x < n; x++) {
            sum += items[x] == items[r] ? parts[x][0] : 0.0F;
        }
        if (items[r] != item && sum > most) {
            most = sum;
            best = items[r];
        }
    }
    return best;
}

/* What is behind an item is what speaks most for it of all that the user took. */
static void because_is_what_speaks_most(void **state) {
    (void)state;
    uint32_t said = 0;
    uint32_t together = 0;
    uint32_t longest = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t task = u / 2 % TASKS;
        struct list list;
        struct user_entry history[USER_HISTORY];
        const struct user *user = users_get(learner_users(learned, task), slot_of(u));
        const uint32_t n = user_history(user, now, history, USER_HISTORY);
        assert_int_equal(learner_rank(learned, task, slot_of(u), 0, now, N, &list), ST_OK);
        assert_int_equal(learner_because(learned, task, slot_of(u), 0, now, &list), ST_OK);
        for (uint32_t k = 0; k < list.n; k++) {
            const struct list_item *item = &list.items[k];
            bool found = item->because == ITEM_NONE;
            for (uint32_t r = 0; r < n; r++) {
                found |= history[r].item == item->because;
            }
            assert_true(found);
            assert_true(item->because != item->item);
            assert_true(item->reason != REASON_TASTE ||
                        item->because == most_by_taste(history, n, item->item));
            assert_true(item->because == ITEM_NONE || item->reason == REASON_TOGETHER ||
                        item->reason == REASON_TASTE);
            assert_true(item->reason != REASON_TOGETHER || /* as the search has noted it */
                        item->because == most_together(history, n, item->item));
            said += item->because != ITEM_NONE;
        }
        for (uint32_t k = 0; k < list.n; k++) { /* whatever it is there for */
            list.items[k].reason = k % 3 ? REASON_TOGETHER : REASON_TASTE;
            list.items[k].because = ITEM_NONE; /* as of a segment's list */
        }
        assert_int_equal(learner_because(learned, task, slot_of(u), 0, now, &list), ST_OK);
        for (uint32_t k = 0; k < list.n; k++) {
            const struct list_item *item = &list.items[k];
            const uint32_t want = k % 3 ? most_together(history, n, item->item)
                                        : most_by_taste(history, n, item->item);
            assert_int_equal(item->because, want);
            together += k % 3 && want != ITEM_NONE;
        }
        assert_int_equal(learner_rank(learned, task, slot_of(u), 0, now, ITEMS, &list), ST_OK);
        for (uint32_t k = 0; k < list.n; k++) {
            list.items[k].reason = REASON_TASTE;
        }
        assert_int_equal(learner_because(learned, task, slot_of(u), 0, now, &list), ST_OK);
        for (uint32_t k = 0; k < list.n; k++) {
            assert_int_equal(list.items[k].because, most_by_taste(history, n, list.items[k].item));
        }
        longest = list.n > longest ? list.n : longest;
    }
    assert_true(longest > FACTORS_TARGETS);
    print_message("%u times said why, %u as bought together\n", said, together);
    assert_true(said > USERS && together > USERS);
}

static void nobody_is_explained_who_is_not_known(void **state) {
    (void)state;
    static struct explanation e;
    struct list list = {.n = 0};
    assert_int_equal(learner_explain(learned, TASKS, 0, 0, now, N, &e), ST_NOT_FOUND);
    assert_int_equal(learner_explain(learned, 0, 100000, 0, now, N, &e), ST_NOT_FOUND);
    assert_int_equal(learner_explain(learned, 0, 0, 1, now, N, &e), ST_NOT_FOUND);
    assert_int_equal(learner_because(learned, 0, 100000, 0, now, &list), ST_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_explanation_adds_up),
        cmocka_unit_test(no_two_items_have_a_place_in_common),
        cmocka_unit_test(every_input_and_rank_has_a_name_of_its_own),
        cmocka_unit_test(an_explanation_has_the_list_that_is_shown),
        cmocka_unit_test(users_who_take_the_same_are_similar_nearest_first),
        cmocka_unit_test(because_is_what_speaks_most),
        cmocka_unit_test(nobody_is_explained_who_is_not_known),
    };
    return cmocka_run_group_tests_name("learner_explain", tests, learn_all, free_all);
}
