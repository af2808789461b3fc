/* SPDX-License-Identifier: Apache-2.0
 * test_model_text.c -- contract tests of consumer/model_text.h: the JSON says what the learner
 * knows, as jansson reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <jansson.h>

#include "learner_log.h"
#include "learner_run.h"
#include "model_text.h"

enum { EVENTS = 400 };

struct fixture {
    struct config cfg;
    struct learner *learner;
    struct model_state state;
};

static int setup(void **state) {
    static struct fixture f;
    struct learner_params params = params_of(2);
    params.log = true;
    config_defaults(&f.cfg);
    struct pack p = {0};
    log_record_write_landmark(&p, START); /* events of 2026 can be weighed */
    if (f.cfg.n_domains != 2 || learner_new(&params, &f.learner) ||
        learner_task_open(f.learner, 0) || learner_log_apply(f.learner, p.bytes, p.len, 0)) {
        return 1;
    }
    free(p.bytes);
    f.state = (struct model_state){.cfg = &f.cfg,
                                   .shared = learner_shared(f.learner),
                                   .ready = true,
                                   .progress = 1.0,
                                   .lag_ms = 12,
                                   .tasks = 3,
                                   .pending_bytes = 5};
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    learner_free(f->learner);
    return 0;
}

static void learn_some(struct fixture *f) {
    struct stream s = {.rng = {7},
                       .now_ms = START,
                       .step_ms = HOUR_MS / 8,
                       .users = 40,
                       .items = 30,
                       .n_domains = 2,
                       .n_tasks = 1,
                       .max_lines = 3};
    for (int k = 0; k < EVENTS; k++) {
        static struct made m;
        next_event(&s, &m);
        (void)learn(f->learner, &m);
    }
    assert_int_equal(learner_digest(f->learner, &f->state.digest), ST_OK);
}

static json_t *told(const struct fixture *f) {
    char *text = model_text(&f->state);
    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(v);
    free(text);
    return v;
}

static json_int_t number(const json_t *v, const char *key) {
    assert_true(json_is_integer(json_object_get(v, key)));
    return json_integer_value(json_object_get(v, key));
}

static void assert_hex(const json_t *v, uint64_t value) {
    char want[17];
    snprintf(want, sizeof want, "%016" PRIx64, value);
    assert_string_equal(json_string_value(v), want);
}

static void everything_is_told(void **state) {
    struct fixture *f = *state;
    learn_some(f);
    f->state.digest.position = UINT64_C(1) << 40;
    f->state.digest.pending = 4;
    f->state.digest.events = 77;
    f->state.digest.items = 66;
    json_t *v = told(f);
    assert_true(json_is_true(json_object_get(v, "ready")));
    assert_true(json_number_value(json_object_get(v, "progress")) == 1.0);
    assert_int_equal(number(v, "lag_ms"), 12);
    assert_int_equal(number(v, "tasks"), 3);
    assert_int_equal(number(v, "position"), INT64_C(1) << 40);
    assert_int_equal(number(v, "pending"), 4);
    assert_int_equal(number(v, "pending_bytes"), 5);
    assert_int_equal(number(v, "events"), 77);
    assert_int_equal(number(v, "items"), 66);
    const json_t *digests = json_object_get(v, "digests");
    assert_int_equal(json_object_size(digests), DIGEST_PARTS + 1);
    assert_hex(json_object_get(digests, "all"), f->state.digest.all);
    for (int part = 0; part < DIGEST_PARTS; part++) {
        assert_hex(json_object_get(digests, learner_part_str((enum learner_part)part)),
                   f->state.digest.parts[part]);
    }
    for (size_t clock = 0; clock < POP_CLOCKS; clock++) {
        assert_int_equal(json_integer_value(json_array_get(json_object_get(v, "landmarks"), clock)),
                         popularity_landmark(f->state.shared->popularity, (int)clock));
    }
    json_decref(v);
}

static void the_items_taken_most_come_first_with_their_exact_counts(void **state) {
    struct fixture *f = *state;
    const struct shared *s = f->state.shared;
    learn_some(f);
    f->state.top = 10;
    json_t *v = told(f);
    for (uint8_t d = 0; d < 2; d++) {
        const json_t *domain =
            json_object_get(json_object_get(v, "domains"), f->cfg.domains[d].name);
        const json_t *top = json_object_get(domain, "top");
        assert_int_equal(number(domain, "events"), popularity_events(s->popularity, d));
        assert_int_equal(json_array_size(top), 10);
        json_int_t least = INT64_MAX;
        for (size_t k = 0; k < 10; k++) {
            const json_t *x = json_array_get(top, k);
            const uint32_t number_of =
                (uint32_t)strtoul(json_string_value(json_object_get(x, "item")), NULL, 10);
            const uint32_t i = items_find(s->items, item_hash(d, number_of));
            assert_int_equal(number(x, "takes"), popularity_hot(s->popularity)[i].count);
            assert_true(number(x, "takes") <= least);
            least = number(x, "takes");
            for (size_t clock = 0; clock < POP_CLOCKS; clock++) {
                assert_hex(json_array_get(json_object_get(x, "counts"), clock),
                           (uint64_t)popularity_count(s->popularity, i, (int)clock));
            }
        }
        uint32_t more = 0;
        for (uint32_t i = 0; i < s->n_items; i++) {
            more += items_domain(s->items, i) == d &&
                    popularity_hot(s->popularity)[i].count > (uint32_t)least;
        }
        assert_true(more < 10);
    }
    json_decref(v);
}

static void an_id_of_anything_is_a_string(void **state) {
    struct fixture *f = *state;
    static struct made m;
    char id[ID_LEN_MAX];
    memset(id, 1, sizeof id); /* the longest escapes */
    make_one(&m, 1, 1, 1, ACTION_ORDER, START, 1);
    m.lines[0].id = id;
    m.lines[0].id_len = sizeof id;
    (void)learn(f->learner, &m);
    f->state.top = MODEL_TOP_MAX;
    f->state.lag_ms = INT64_MIN;
    json_t *v = told(f);
    const json_t *domain = json_object_get(json_object_get(v, "domains"), f->cfg.domains[1].name);
    const json_t *x = json_array_get(json_object_get(domain, "top"), 0);
    assert_int_equal(json_string_length(json_object_get(x, "item")), sizeof id);
    json_decref(v);
}

static void before_it_is_ready_there_are_no_digests(void **state) {
    struct fixture *f = *state;
    f->state.ready = false;
    f->state.progress = .25;
    f->state.digest = (struct learner_digest){.position = 9};
    json_t *v = told(f);
    assert_true(json_is_false(json_object_get(v, "ready")));
    assert_true(json_number_value(json_object_get(v, "progress")) == .25);
    assert_int_equal(number(v, "position"), 9);
    assert_null(json_object_get(v, "digests"));
    assert_null(json_object_get(v, "domains"));
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(everything_is_told),
        TEST(the_items_taken_most_come_first_with_their_exact_counts),
        TEST(an_id_of_anything_is_a_string),
        TEST(before_it_is_ready_there_are_no_digests),
#undef TEST
    };
    return cmocka_run_group_tests_name("model_text", tests, NULL, NULL);
}
