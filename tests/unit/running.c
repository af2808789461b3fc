/* SPDX-License-Identifier: Apache-2.0
 * running.c -- see running.h. */
#include "running.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encode.h"
#include "log.h"
#include "metrics.h"

enum { USERS = 8, ITEMS = 12 };

static const int64_t START_MS = INT64_C(1700000000000);

void running_nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

int64_t running_wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- life cycle --------------------------------------------------------------------- */

struct running *running_new(int32_t n_parts) {
    struct running *r = calloc(1, sizeof *r);
    assert_non_null(r);
    log_set_level(LOG_LEVEL_ERROR);
    metrics_reset();
    config_defaults(&r->cfg);
    r->cfg.state = STATE_MEMORY;
    r->cfg.clock = CLOCK_STREAM;
    r->cfg.publish_interval_ms = 5;
    r->cfg.commit_interval_ms = 20;
    r->cfg.mini_batch = 16;
    r->cfg.publish_ttl_ms = 3600000;
    r->cfg.publish_refresh_ms = 900000;
    r->cfg.breaker_share = 1; /* tests of other things send only bad events, too */
    r->cfg.publish_user = r->cfg.similar = false; /* test_instance_cards.c has them on */
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        const uint32_t id = shipped_id((enum reader)k);
        assert_int_equal(encoder_new((enum reader)k, id, &r->encoders[k]), ST_OK);
    }
    for (int t = 0; t < FAKE_TOPICS; t++) {
        r->topics[t] = r->cfg.topics[t].name;
    }
    fake_kafka_init(&r->kafka, n_parts, r->topics);
    fake_store_init(&r->store);
    return r;
}

static void *run(void *arg) {
    struct running *r = arg;
    const struct instance_ports ports = {.source = fake_source(&r->kafka),
                                         .letterbox = fake_letterbox(&r->kafka),
                                         .store =
                                             r->real_store ? *r->real_store : fake_store(&r->store),
                                         .globals = r->globals};
    r->status = instance_run(r->instance, &ports, r->err);
    return NULL;
}

void running_start(struct running *r) {
    assert_int_equal(instance_new(&r->cfg, r->lookup.get ? &r->lookup : NULL, &r->instance, r->err),
                     ST_OK);
    r->kafka.ops = instance_rebalance(r->instance);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    r->runs = true;
}

enum status running_join(struct running *r) {
    if (r->runs) {
        pthread_join(r->thread, NULL);
        r->runs = false;
        fake_close(&r->kafka);
    }
    return r->status;
}

enum status running_stop(struct running *r) {
    if (r->runs) {
        instance_stop(r->instance);
    }
    return running_join(r);
}

void running_free(struct running *r) {
    if (!r) {
        return;
    }
    (void)running_stop(r);
    instance_free(r->instance);
    fake_kafka_free(&r->kafka);
    fake_store_free(&r->store);
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        encoder_free(r->encoders[k]);
    }
    free(r);
}

/* ---- input -------------------------------------------------------------------------- */

struct input {
    int topic;
    int32_t task;
    int user, item;
    int64_t ts_ms, record_ms;
    bool bad;
};

static int64_t append(struct running *r, const struct input *in) {
    static int number; /* every event has an id of its own */
    char user[32];
    char event[32];
    char item[32];
    snprintf(user, sizeof user, "u%d-%d", in->task, in->user);
    snprintf(event, sizeof event, "e%d", number++);
    snprintf(item, sizeof item, "%c%d", in->topic == COURSE ? 'c' : 'f', in->item);
    struct decoded_line line = {.item = item, .item_len = strlen(item), .quantity = 1, .amount = 2};
    const struct decoded d = {.event_id = event,
                              .event_id_len = strlen(event),
                              .user_id = user,
                              .user_id_len = strlen(user),
                              .ts_ms = in->ts_ms,
                              .action = in->topic == COURSE ? ACTION_ENROLL : ACTION_ORDER,
                              .n_lines = 1,
                              .lines = &line};
    uint8_t value[512];
    size_t len = 0;
    struct encoder *e = r->encoders[in->topic == COURSE ? READER_COURSE_VIEW : READER_FOOD_ORDER];
    assert_int_equal(encode(e, &d, value, sizeof value, &len), ST_OK);
    return fake_append(&r->kafka, in->topic, in->task, user, value, len, true, in->bad,
                       in->record_ms);
}

int64_t running_event_at(struct running *r, int topic, int32_t task, int user, int item,
                         int64_t record_ms) {
    const struct input in = {.topic = topic,
                             .task = task,
                             .user = user,
                             .item = item,
                             .ts_ms = START_MS +
                                      r->n_events++ * (r->step_ms ? r->step_ms : INT64_C(1000)),
                             .record_ms = record_ms};
    return append(r, &in);
}

int64_t running_event_of(struct running *r, int topic, int32_t task, int64_t ts_ms) {
    const struct input in = {
        .topic = topic, .task = task, .ts_ms = ts_ms, .record_ms = running_wall_ms(), .bad = true};
    return append(r, &in);
}

int64_t running_event(struct running *r, int topic, int32_t task, int user, int item) {
    return running_event_at(r, topic, task, user, item, running_wall_ms());
}

int64_t running_bad(struct running *r, int topic, int32_t task) {
    return fake_append(&r->kafka, topic, task, "bad", "\x07nothing", 8, true, true,
                       running_wall_ms());
}

void running_fill(struct running *r, int32_t n_tasks, int n) {
    for (int k = 0; k < n; k++) {
        for (int32_t task = 0; task < n_tasks; task++) {
            for (int topic = 0; topic < FAKE_TOPICS; topic++) {
                const int user = (k * 5 + topic) % USERS;
                (void)running_event(r, topic, task, user, (k * 7 + user * 3 + task) % ITEMS);
            }
        }
    }
}

/* ---- output ------------------------------------------------------------------------- */

struct fake_key running_list(struct running *r, int target, int32_t task, int user) {
    char key[FAKE_KEY_MAX];
    snprintf(key, sizeof key, "crossrec:%s:rec:u%d-%d", target == COURSE ? "course" : "food", task,
             user);
    return fake_get(&r->store, key);
}

bool running_published(struct running *r, int32_t n_tasks) {
    for (int32_t task = 0; task < n_tasks; task++) {
        char key[FAKE_KEY_MAX];
        snprintf(key, sizeof key, "crossrec:published:%d", task);
        const struct fake_key k = fake_get(&r->store, key);
        for (int t = 0; t < FAKE_TOPICS; t++) {
            char want[128];
            const int64_t n = fake_part(&r->kafka, t, task).n;
            snprintf(want, sizeof want, "\"%s\":%lld", r->topics[t], (long long)n);
            if (n > 0 && !strstr(k.value, want)) {
                return false;
            }
        }
    }
    return true;
}
