/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_zombie.c -- a writer that is stopped, with lists on their way to Redis, for longer
 * than its session, and then wakes: what it still writes is refused, and who was erased or withdrew
 * his consent meanwhile does not come back. Real Kafka, real Redis, two daemons of one group.
 *
 * In the end every key says what it says after FLUSHALL, when everything is published again.
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
#include "redis_fixture.h"
#include "redis_view.h"
#include "scrape.h"

enum {
    PARTITIONS = 3,
    USERS = 300, /* with two lists each: more than one pipeline takes */
    ITEMS = 40,
    PROCESSES = 2,
    WAIT_MS = 40000,
    STILL_MS = 1500,
};

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                          "[topic.@-profiles]\nschema = UserProfile\n"
                          "[topic.@-privacy]\nschema = PrivacyRequest\n"
                          "[state]\ntopic = @-state\n[model]\ntopic = @-model\n"
                          "items.topic = @-items\n[outbox]\ntopic = @-outbox\n";

static const char ERASED[] = "u298";
static const char WITHDRAWN[] = "u299";

struct fixture {
    struct stand s;
    struct process {
        struct daemon_fixture *daemon;
        char http[32];
    } processes[PROCESSES];
    int64_t sent;
};

static void show_logs(struct fixture *f) {
    for (int k = 0; k < PROCESSES; k++) {
        fprintf(stderr, "---- daemon %d\n", k);
        if (f->processes[k].daemon) {
            daemon_fixture_show_log(f->processes[k].daemon);
        }
    }
}

#define AWAIT(f, what)                                                                             \
    do {                                                                                           \
        for (const int64_t end_ = stand_now_ms() + WAIT_MS; !(what);) {                            \
            if (stand_now_ms() > end_) {                                                           \
                show_logs(f);                                                                      \
                fail_msg("never: %s", #what);                                                      \
            }                                                                                      \
            stand_nap_ms(20);                                                                      \
        }                                                                                          \
    } while (0)

static void start(struct fixture *f, int k) {
    struct process *p = &f->processes[k];
    char http[64];
    char id[64];
    const char *sets[STAND_SETS + 2];
    size_t n = 0;
    for (size_t i = 0; i < f->s.n_sets; i++) {
        if (strncmp(f->s.sets[i], "http.address=", 13) != 0 &&
            strncmp(f->s.sets[i], "instance.id=", 12) != 0) {
            sets[n++] = f->s.sets[i];
        }
    }
    daemon_fixture_http(20 + k, p->http, sizeof p->http);
    snprintf(http, sizeof http, "http.address=%s", p->http);
    snprintf(id, sizeof id, "instance.id=zombie-%d", k);
    sets[n++] = http;
    sets[n++] = id;
    p->daemon = daemon_fixture_start_with(f->s.ini, sets, n);
    assert_non_null(p->daemon);
}

static double metric(struct fixture *f, int k, const char *name) {
    return scrape(f->processes[k].http, name, NULL);
}

static double running(struct fixture *f, int k) {
    return scrape(f->processes[k].http, "crossrec_tasks", "state=\"running\"");
}

/* ---- input ----------------------------------------------------------------------------------- */

/* An order of everybody, in the order of their numbers; of the erased one none after he was. */
static void everybody_orders(struct fixture *f, int round) {
    for (int u = 0; u < USERS; u++) {
        char id[32];
        if (round > 2 && strcmp(input_name("u", u), ERASED) == 0) {
            continue;
        }
        snprintf(id, sizeof id, "o%d-%d", round, u);
        input_order(&f->s, "zombie-orders", id, input_name("u", u),
                    input_name("d", (u % 10 * 4 + (round * 7 + u / 10) % 8) % ITEMS),
                    input_now_ms());
        f->sent++;
    }
    stand_flush(&f->s);
}

static void everybody_views(struct fixture *f) {
    for (int u = 0; u < USERS; u++) {
        char id[32];
        snprintf(id, sizeof id, "v%d", u);
        input_view(&f->s, "zombie-views", id, input_name("u", u),
                   input_name("c", (u % 10 * 4 + u / 10 % 8) % ITEMS), ACTION_VIEW, input_now_ms());
        f->sent++;
    }
    stand_flush(&f->s);
}

/* ---- Redis ----------------------------------------------------------------------------------- */

static const char *const TARGETS[] = {"course", "food"};

/* Lists without items, cards without anything. */
static bool is_tombstone(struct fixture *f, const char *user) {
    for (int t = 0; t < 2; t++) {
        const char *list = stand_get(&f->s, "crossrec:%s:rec:%s", TARGETS[t], user);
        if (!list || !strstr(list, "\"items\":[]")) {
            return false;
        }
        const char *card = stand_get(&f->s, "crossrec:%s:user:%s", TARGETS[t], user);
        if (!card || !strstr(card, "\"lifecycle\":null")) {
            return false;
        }
    }
    return true;
}

static bool is_gone(struct fixture *f, const char *user) {
    bool gone = true;
    for (int t = 0; t < 2; t++) {
        gone = gone && !stand_get(&f->s, "crossrec:%s:rec:%s", TARGETS[t], user) &&
               !stand_get(&f->s, "crossrec:%s:user:%s", TARGETS[t], user);
    }
    return gone;
}

/* Offsets in `published`, added up. */
static int64_t published(struct fixture *f) {
    static const char *const TOPICS[] = {"\"zombie-orders\":", "\"zombie-views\":"};
    int64_t sum = 0;
    for (int p = 0; p < PARTITIONS; p++) {
        const char *value = stand_get(&f->s, "crossrec:published:%d", p);
        for (int t = 0; value && t < 2; t++) {
            const char *at = strstr(value, TOPICS[t]);
            sum += at ? strtoll(at + strlen(TOPICS[t]), NULL, 10) : 0;
        }
    }
    return sum;
}

/* What is left of the two is looked at alone. */
static bool is_of(const char *key, const char *user) {
    const char *name = strrchr(key, ':') + 1;
    return strcmp(name, user) == 0;
}

static void leave_them_out(struct redis_view *v) {
    size_t n = 0;
    for (size_t k = 0; k < v->n; k++) {
        if (is_of(v->all[k].key, ERASED) || is_of(v->all[k].key, WITHDRAWN)) {
            free(v->all[k].key);
            free(v->all[k].text);
        } else {
            v->all[n++] = v->all[k];
        }
    }
    v->n = n;
}

static void read_view(struct fixture *f, struct redis_view *v) {
    assert_true(redis_view_read(v, &f->s.client, 1));
    leave_them_out(v);
}

/* Everything, when it has not changed for a while: sweeps follow the models. */
static void read_at_rest(struct fixture *f, struct redis_view *v) {
    char first[4096];
    read_view(f, v);
    for (const int64_t end_ms = stand_now_ms() + WAIT_MS;;) {
        struct redis_view later;
        stand_nap_ms(STILL_MS);
        read_view(f, &later);
        const size_t n = redis_view_differences(v, &later, first, sizeof first);
        redis_view_free(v);
        *v = later;
        if (n == 0) {
            return;
        }
        if (stand_now_ms() > end_ms) {
            fail_msg("does not come to rest: %s", first);
        }
    }
}

static void await_same(struct fixture *f, const struct redis_view *v) {
    char first[4096];
    for (const int64_t end_ms = stand_now_ms() + WAIT_MS;;) {
        struct redis_view now;
        read_view(f, &now);
        const size_t n = redis_view_differences(&now, v, first, sizeof first);
        redis_view_free(&now);
        if (n == 0) {
            return;
        }
        if (stand_now_ms() > end_ms) {
            show_logs(f);
            fail_msg("%zu keys are not as before: %s", n, first);
        }
        stand_nap_ms(20);
    }
}

/* ---- the test -------------------------------------------------------------------------------- */

static void begin(struct fixture *f) {
    stand_begin(&f->s, "zombie", input_ini(INI, "zombie"));
    stand_set(&f->s, "crossrec.state", "kafka");
    stand_set(&f->s, "crossrec.clock", "stream");
    stand_set(&f->s, "publish.refresh", "300ms");
    stand_set(&f->s, "user.interval", "0"); /* cards follow at once, too */
    stand_set(&f->s, "similar.interval", "300ms");
    stand_set(&f->s, "redis.timeout", "30s"); /* the stopped one waits, it does not reconnect */
    stand_set(&f->s, "kafka.transaction.timeout.ms", "5000");
    stand_set(&f->s, "kafka.socket.timeout.ms", "4000");
    stand_load(&f->s);
    stand_create_all(&f->s, PARTITIONS);
}

static void a_zombie_is_refused_and_brings_nobody_back(void **state) {
    struct fixture *f = *state;
    begin(f);
    start(f, 0);
    everybody_views(f);
    everybody_orders(f, 0);
    AWAIT(f, published(f) == f->sent);
    AWAIT(f, stand_get(&f->s, "crossrec:food:rec:%s", ERASED) != NULL);

    /* Its queue is full of lists when it is stopped, those of the two at the end. */
    redis_fixture_freeze(f->s.redis);
    const double ranked = metric(f, 0, "crossrec_lists_ranked_total");
    everybody_orders(f, 1);
    AWAIT(f, metric(f, 0, "crossrec_events_total") == (double)f->sent &&
                 metric(f, 0, "crossrec_lists_ranked_total") >= ranked + 2.0 * USERS &&
                 metric(f, 0, "crossrec_dirty_users") == 0.0); /* a gauge: may be old, too */
    daemon_fixture_signal(f->processes[0].daemon, SIGSTOP);
    redis_fixture_thaw(f->s.redis);

    start(f, 1);
    AWAIT(f, running(f, 1) == PARTITIONS); /* longer than a session */
    everybody_orders(f, 2);
    AWAIT(f, published(f) == f->sent);
    input_request(&f->s, "zombie-privacy", ERASED, input_now_ms() + 1000, PRIVACY_ERASE);
    input_profile(&f->s, "zombie-profiles", WITHDRAWN, input_now_ms(), CONSENT_WITHDRAWN);
    stand_flush(&f->s);
    AWAIT(f, is_tombstone(f, ERASED) && is_tombstone(f, WITHDRAWN));

    daemon_fixture_signal(f->processes[0].daemon, SIGCONT);
    AWAIT(f, metric(f, 0, "crossrec_publish_refused_total") > 0.0);
    const int64_t end_ms = stand_now_ms() + STILL_MS;
    while (stand_now_ms() < end_ms) {
        assert_true(is_tombstone(f, ERASED) && is_tombstone(f, WITHDRAWN));
        stand_nap_ms(5);
    }
    AWAIT(f, running(f, 0) + running(f, 1) == PARTITIONS && running(f, 0) > 0);
    everybody_orders(f, 3);
    AWAIT(f, published(f) == f->sent);
    assert_true(is_tombstone(f, ERASED));
    print_message("refused writes of the zombie: %.0f\n",
                  metric(f, 0, "crossrec_publish_refused_total"));

    struct redis_view before;
    read_at_rest(f, &before);
    redisReply *r = redisCommand(f->s.client, "FLUSHALL");
    freeReplyObject(r);
    await_same(f, &before);
    redis_view_free(&before);
    assert_true(is_gone(f, WITHDRAWN) && is_gone(f, ERASED));
}

static int setup(void **state) {
    static struct fixture f;
    *state = &f;
    input_ids_shipped();
    return stand_open(&f.s);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (int k = 0; k < PROCESSES; k++) {
        daemon_fixture_free(f->processes[k].daemon);
    }
    stand_close(&f->s);
    return 0;
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zombie_is_refused_and_brings_nobody_back),
    };
    return cmocka_run_group_tests_name("redis zombie", tests, setup, teardown);
}
