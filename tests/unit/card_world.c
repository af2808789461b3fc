/* SPDX-License-Identifier: Apache-2.0
 * card_world.c -- see card_world.h. */
#include "card_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "avro_bytes.h"
#include "metrics.h"
#include "rule_bytes.h"

enum { ROWS_MAX = 512, ROW_MAX = 128, STILL_MS = 1000 };

enum { COURSES_TOPIC, DISHES_TOPIC, PRIVACY_TOPIC, RULES_TOPIC };

static struct {
    pthread_mutex_t lock;
    uint8_t rows[ROWS_MAX][ROW_MAX];
    size_t lengths[ROWS_MAX];
    char keys[ROWS_MAX][32];
    uint16_t topics[ROWS_MAX];
    size_t n, at;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t poll_rows(void *ctx, struct record *out, size_t max) {
    (void)ctx;
    size_t n = 0;
    pthread_mutex_lock(&world.lock);
    for (; n < max && world.at < world.n; n++, world.at++) {
        out[n] = (struct record){.offset = (int64_t)world.at,
                                 .timestamp_ms = -1,
                                 .key = world.keys[world.at],
                                 .key_len = strlen(world.keys[world.at]),
                                 .value = world.lengths[world.at] ? world.rows[world.at] : NULL,
                                 .value_len = world.lengths[world.at],
                                 .topic = world.topics[world.at]};
    }
    pthread_mutex_unlock(&world.lock);
    return n;
}

static bool complete(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&world.lock);
    const bool yes = world.at == world.n;
    pthread_mutex_unlock(&world.lock);
    return yes;
}

static void restart(void *ctx) {
    (void)ctx;
    pthread_mutex_lock(&world.lock);
    world.at = 0;
    pthread_mutex_unlock(&world.lock);
}

static void add_row(uint16_t topic, const char *key, const struct avro_bytes *b) {
    pthread_mutex_lock(&world.lock);
    assert_true(world.n < ROWS_MAX && b->n <= ROW_MAX);
    memcpy(world.rows[world.n], b->bytes, b->n);
    world.lengths[world.n] = b->n;
    world.topics[world.n] = topic;
    snprintf(world.keys[world.n], sizeof world.keys[0], "%s", key);
    world.n++;
    pthread_mutex_unlock(&world.lock);
}

void card_world_item(int domain, int item, bool available) {
    static struct avro_bytes b;
    char id[16];
    char category[16];
    snprintf(id, sizeof id, "%c%d", domain == COURSE ? 'c' : 'f', item);
    snprintf(category, sizeof category, "%s %d", domain == COURSE ? "course" : "food",
             item % CARD_CATEGORIES);
    b.n = 0;
    avro_wire(&b, shipped_id(READER_ITEM));
    avro_text(&b, id);
    avro_branch(&b, 0); /* ts */
    avro_boolean(&b, available);
    if (item % CARD_CATEGORIES == 2) {
        avro_branch(&b, 0);
    } else {
        avro_branch(&b, 1);
        avro_text(&b, category);
    }
    avro_branch(&b, 0); /* price */
    avro_branch(&b, 0); /* name */
    avro_end(&b);       /* attributes */
    add_row(domain == COURSE ? COURSES_TOPIC : DISHES_TOPIC, id, &b);
}

void card_world_block(int domain, int category, bool gone) {
    static struct avro_bytes b;
    const char *name = domain == COURSE ? "course" : "food";
    char id[16];
    snprintf(id, sizeof id, "%s %d", name, category);
    rule_bytes(&b, &(struct rule_record){.id = id, .target = name, .category = id});
    b.n = gone ? 0 : b.n;
    add_row(RULES_TOPIC, id, &b);
}

void card_world_erase(const char *user, int64_t ts_ms) {
    static struct avro_bytes b;
    b.n = 0;
    avro_wire(&b, shipped_id(READER_PRIVACY_REQUEST));
    avro_branch(&b, 0); /* event_id */
    avro_text(&b, user);
    avro_long(&b, ts_ms);
    avro_long(&b, 0); /* erase */
    add_row(PRIVACY_TOPIC, user, &b);
}

struct running *card_world_new(int32_t n_tasks, const struct store *store) {
    static const char *const sets[] = {"topic.a-courses.schema=Item",
                                       "topic.a-courses.domain=course",
                                       "topic.b-dishes.schema=Item",
                                       "topic.b-dishes.domain=food",
                                       "topic.c-privacy.schema=PrivacyRequest",
                                       "topic.d-rules.schema=Rule"};
    char err[CONFIG_ERROR_MAX] = "";
    struct config cfg;
    struct running *r = running_new(n_tasks);
    if (config_load(&cfg, NULL, NULL, sets, sizeof sets / sizeof *sets, err)) {
        fail_msg("%s", err);
    }
    assert_int_equal(cfg.n_globals, 4);
    memcpy(r->cfg.globals, cfg.globals, sizeof cfg.globals);
    r->cfg.n_globals = cfg.n_globals;
    r->globals = (struct globals){.poll = poll_rows, .complete = complete, .restart = restart};
    r->real_store = store;
    r->cfg.publish_user = r->cfg.similar = true;
    r->cfg.user_interval_ms = 100;
    r->cfg.similar_interval_ms = 100;
    r->cfg.segments_k = 2;
    r->cfg.segments_seed_users = 40;
    r->cfg.segments_users_min = 5;
    world.n = world.at = 0;
    for (int k = 0; k < CARD_ITEMS; k++) {
        card_world_item(COURSE, k, true);
        card_world_item(FOOD, k, true);
    }
    return r;
}

void card_world_fill(struct running *r, int32_t n_tasks, int n_users, int each) {
    for (int k = 0; k < each; k++) {
        for (int user = 0; user < n_users; user++) {
            for (int32_t task = 0; task < n_tasks; task++) {
                const bool learns = user < n_users / 2;
                const int topic = (k % 4 == 3) == learns ? FOOD : COURSE;
                (void)running_event(r, topic, task, user,
                                    (user % 3 + k * (learns ? 3 : 2)) % CARD_ITEMS);
            }
        }
    }
}

/* Everything is looked at once in fifty publish intervals, at the latest. */
void card_world_settle(struct running *r, int32_t n_tasks) {
    AWAIT((int)metric_sum(M_EVENTS) >= r->n_events);
    AWAIT(r->real_store || running_published(r, n_tasks));
    AWAIT(instance_settled(r->instance));
    double cards = -1.0;
    int still_ms = 0;
    for (int waited = 0; still_ms < STILL_MS && waited < RUNNING_WAIT_MS; waited += 100) {
        running_nap_ms(100);
        const double now = metric_sum(M_CARDS);
        still_ms = now > cards ? 0 : still_ms + 100;
        cards = now;
    }
    assert_true(still_ms >= STILL_MS);
}
