/* SPDX-License-Identifier: Apache-2.0
 *
 * test_takeover.c -- whose lists a takeover writes: those of users of whom `published` does not say
 * that their lists stand in Redis, and nobody else's. Real Kafka, real Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_fixture.h"
#include "input_records.h"
#include "stand.h"

enum { PARTITIONS = 2, USERS = 40, FEW = 5, EVENTS = 400, TARGETS = 2, VALUE_MAX = 4096 };

static const int64_t START_MS = INT64_C(1700000000000);

struct world {
    int n_sent;
    char input[2][32];
};

struct shelf { /* what stands in Redis of everybody */
    char text[USERS][TARGETS][VALUE_MAX];
};

static struct world w;
static const char *const TARGET[TARGETS] = {"course", "food"};

static void command(struct stand *s, const char *text) {
    redisReply *r = redisCommand(s->client, text);
    assert_true(r && r->type != REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

static void send_event(struct stand *s, int user) {
    const int n = w.n_sent++;
    const int64_t ts_ms = START_MS + n * INT64_C(1000);
    if (n % 2 == 0) {
        input_view(s, w.input[0], input_name("e-", n), input_name("u-", user),
                   input_name("c-", n * 7 % 13), ACTION_VIEW, ts_ms);
    } else {
        input_order(s, w.input[1], input_name("e-", n), input_name("u-", user),
                    input_name("d-", n * 5 % 11), ts_ms);
    }
}

static void begin(struct stand *s, const char *name) {
    char value[64];
    char key[48];
    static const char *const topics[] = {"state", "model", "model.items", "outbox"};
    w = (struct world){.n_sent = 0};
    stand_begin(s, name, NULL);
    stand_set(s, "state", "kafka");
    stand_set(s, "state.dir", "");
    stand_set(s, "crossrec.clock", "stream");
    stand_set(s, "publish.refresh", "6h");
    stand_set(s, "merge.max.wait", "10s");
    for (size_t k = 0; k < sizeof topics / sizeof *topics; k++) {
        snprintf(key, sizeof key, "%s.topic", topics[k]);
        snprintf(value, sizeof value, "%s-%s", name, topics[k]);
        stand_set(s, key, value);
    }
    for (int t = 0; t < 2; t++) { /* inputs of its own */
        snprintf(value, sizeof value, "%s-%s", name, t == 0 ? "views" : "orders");
        snprintf(w.input[t], sizeof w.input[t], "%.20s", value);
        snprintf(key, sizeof key, "topic.%.20s.schema", value);
        stand_set(s, key, t == 0 ? "CourseView" : "FoodOrder");
        snprintf(key, sizeof key, "topic.%.20s.domain", value);
        stand_set(s, key, TARGET[t]);
    }
    stand_load(s);
    stand_create_all(s, PARTITIONS);
}

static void read_shelf(struct stand *s, struct shelf *out) {
    for (int u = 0; u < USERS; u++) {
        for (int t = 0; t < TARGETS; t++) {
            const char *v = stand_get(s, "crossrec:%s:rec:u-%d", TARGET[t], u);
            snprintf(out->text[u][t], VALUE_MAX, "%s", v ? v : "");
        }
    }
}

/* Ids, reasons, personalised, segment; not version, rec, ts, score: what a digest is of. */
static void shown(const char *value, char *out, size_t len) {
    const char *at = strstr(value, "\"personalised\"");
    size_t n = 0;
    while (at && *at && n + 1 < len) {
        if (strncmp(at, "\"score\":", 8) == 0) {
            at += strcspn(at, ",}");
        } else {
            out[n++] = *at++;
        }
    }
    out[n] = '\0';
}

static bool same_list(const char *a, const char *b) {
    static char x[VALUE_MAX];
    static char y[VALUE_MAX];
    shown(a, x, sizeof x);
    shown(b, y, sizeof y);
    return x[0] && strcmp(x, y) == 0;
}

/* All that was sent is said to be published, and committed. */
static bool is_committed(struct stand *s) {
    char err[CONFIG_ERROR_MAX];
    int64_t all = 0;
    for (uint32_t t = 0; t < s->cfg.n_topics; t++) {
        for (int32_t p = 0; p < PARTITIONS; p++) {
            int64_t committed = 0;
            int64_t low = 0;
            int64_t high = 0;
            if (kafka_positions(&s->cfg, s->cfg.topics[t].name, p, 5000, &committed, &low, &high,
                                err)) {
                return false;
            }
            all += committed > 0 ? committed : 0;
        }
    }
    return all == w.n_sent;
}

static bool is_published(struct stand *s) {
    long long all = 0;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        const char *v = stand_get(s, "crossrec:published:%d", p);
        for (uint32_t t = 0; v && t < s->cfg.n_topics; t++) {
            char key[CONFIG_NAME_MAX + 4];
            snprintf(key, sizeof key, "\"%s\":", s->cfg.topics[t].name);
            const char *at = strstr(v, key);
            all += at ? atoll(at + strlen(key)) : 0;
        }
    }
    return all == w.n_sent;
}

static void sweep(struct stand *s) {
    const double before = stand_metric(s, "crossrec_lists_ranked_total", NULL);
    stand_refresh(s);
    STAND_AWAIT(s,
                stand_metric(s, "crossrec_lists_ranked_total", NULL) >= before + USERS * TARGETS);
    STAND_AWAIT(s, is_published(s));
    stand_nap_ms(300);
}

/* Everybody's list stands in Redis as the restored model makes it. */
static void learn_all(struct stand *s, struct shelf *out) {
    for (int k = 0; k < EVENTS; k++) {
        send_event(s, k * 3 % USERS);
    }
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, is_published(s) && is_committed(s));
    STAND_AWAIT(s, stand_metric(s, "crossrec_model_pending_batches", NULL) ==
                       0.0); /* its own echo came */
    stand_nap_ms(500);
    stand_term(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    sweep(s);
    sweep(s);
    read_shelf(s, out);
}

static void start_again(struct stand *s) {
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_nap_ms(2000); /* publish.rate would have had time for all of them, many times over */
}

static void after_a_clean_restart_no_list_is_written(void **state) {
    static struct shelf before;
    static struct shelf after;
    static struct shelf swept;
    struct stand *s = *state;
    begin(s, "clean");
    learn_all(s, &before);
    stand_term(s);
    start_again(s);
    const double written = stand_metric(s, "crossrec_lists_published_total", NULL);
    print_message("[ %d users, %d targets: %.0f lists written after a clean restart ]\n", USERS,
                  TARGETS, written);
    STAND_EXPECT(s, written == 0.0);
    read_shelf(s, &after);
    sweep(s);
    read_shelf(s, &swept);
    STAND_EXPECT(s, stand_metric(s, "crossrec_lists_published_total", NULL) ==
                        (double)USERS * TARGETS); /* the first rank of an epoch writes */
    for (int u = 0; u < USERS; u++) {
        for (int t = 0; t < TARGETS; t++) {
            assert_string_equal(after.text[u][t], before.text[u][t]);
            assert_string_not_equal(swept.text[u][t], before.text[u][t]); /* its epoch */
            assert_true(same_list(swept.text[u][t], after.text[u][t]));
        }
    }
    stand_term(s);
}

static void after_a_kill_the_lists_that_are_not_covered_are_written_and_no_others(void **state) {
    static struct shelf before;
    static struct shelf after;
    static struct shelf swept;
    struct stand *s = *state;
    begin(s, "killed");
    learn_all(s, &before);
    command(s, "CONFIG SET maxmemory 1"); /* Redis refuses what it is sent; events are learned */
    for (int k = 0; k < 4 * FEW; k++) {
        send_event(s, k % FEW);
    }
    stand_flush(s);
    STAND_AWAIT(s, is_committed(s));
    stand_kill(s);
    command(s, "CONFIG SET maxmemory 0");
    start_again(s);
    STAND_AWAIT(s, is_published(s));
    const double written = stand_metric(s, "crossrec_lists_published_total", NULL);
    print_message("[ events of %d users were not covered: %.0f lists written after kill -9 ]\n",
                  FEW, written);
    STAND_EXPECT(s, written == (double)FEW * TARGETS);
    read_shelf(s, &after);
    sweep(s);
    read_shelf(s, &swept);
    for (int u = 0; u < USERS; u++) {
        for (int t = 0; t < TARGETS; t++) {
            if (u < FEW) {
                assert_string_not_equal(after.text[u][t], before.text[u][t]);
                assert_true(same_list(after.text[u][t], swept.text[u][t]));
            } else {
                assert_string_equal(after.text[u][t], before.text[u][t]);
            }
        }
    }
    stand_term(s);
}

static void an_empty_redis_gets_everything_again(void **state) {
    static struct shelf before;
    static struct shelf after;
    struct stand *s = *state;
    begin(s, "emptied");
    learn_all(s, &before);
    stand_term(s);
    command(s, "FLUSHALL");
    stand_start(s);
    STAND_AWAIT(s, is_published(s));
    read_shelf(s, &after);
    for (int u = 0; u < USERS; u++) {
        for (int t = 0; t < TARGETS; t++) {
            assert_true(same_list(after.text[u][t], before.text[u][t]));
        }
    }
    stand_term(s);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    input_ids_shipped();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_clean_restart_no_list_is_written),
        cmocka_unit_test(after_a_kill_the_lists_that_are_not_covered_are_written_and_no_others),
        cmocka_unit_test(an_empty_redis_gets_everything_again),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
