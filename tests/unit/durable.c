/* SPDX-License-Identifier: Apache-2.0
 * durable.c -- see durable.h. */
#include "durable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"
#include "model_log.h"
#include "running.h"
#include "state_record.h"

enum { INPUT_MS = 1000, STEP_MS = 40 };

static const int64_t START_MS = INT64_C(1700000000000);

/* ---- global rows ----------------------------------------------------------------------------- */

static size_t poll_rows(void *ctx, struct record *out, size_t max) {
    struct durable_slot *s = ctx;
    struct durable_world *w = s->world;
    size_t n = 0;
    pthread_mutex_lock(&w->rows_lock);
    for (; n < max && s->rows_read < w->n_rows; n++, s->rows_read++) {
        const size_t k = s->rows_read;
        out[n] = (struct record){.offset = (int64_t)k,
                                 .key = w->row_keys[k],
                                 .key_len = strlen(w->row_keys[k]),
                                 .value = w->rows[k].bytes,
                                 .value_len = w->rows[k].n};
    }
    pthread_mutex_unlock(&w->rows_lock);
    return n;
}

static bool complete(void *ctx) {
    struct durable_slot *s = ctx;
    pthread_mutex_lock(&s->world->rows_lock);
    const bool yes = s->rows_read == s->world->n_rows;
    pthread_mutex_unlock(&s->world->rows_lock);
    return yes;
}

bool durable_reads_rows(struct durable_world *w, int slot) {
    return complete(&w->slots[slot]);
}

static void restart(void *ctx) {
    struct durable_slot *s = ctx;
    s->rows_read = 0;
}

static void name_user(char out[24], int32_t task, int user) {
    snprintf(out, 24, "u%d-%d", (int)task, user);
}

void durable_erase(struct durable_world *w, int32_t task, int user) {
    char id[24];
    name_user(id, task, user);
    pthread_mutex_lock(&w->rows_lock);
    assert_true(w->n_rows < DURABLE_ROWS);
    struct avro_bytes *b = &w->rows[w->n_rows];
    memcpy(w->row_keys[w->n_rows], id, sizeof id);
    b->n = 0;
    avro_wire(b, shipped_id(READER_PRIVACY_REQUEST));
    avro_branch(b, 0); /* event_id */
    avro_text(b, id);
    avro_long(b, w->now_ms - 1);
    avro_long(b, PRIVACY_ERASE);
    w->n_rows++;
    w->erased_ms[task][user] = w->now_ms - 1;
    pthread_mutex_unlock(&w->rows_lock);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void load_config(struct durable_world *w) {
    static const char *const sets[] = {"topic.privacy.schema=PrivacyRequest"};
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&w->cfg, NULL, NULL, sets, sizeof sets / sizeof *sets, err)) {
        fail_msg("%s", err);
    }
    w->cfg.state = STATE_KAFKA;
    w->cfg.clock = CLOCK_STREAM;
    w->cfg.publish_interval_ms = 5;
    w->cfg.commit_interval_ms = 20;
    w->cfg.mini_batch = 16;
    w->cfg.publish_ttl_ms = 3600000;
    w->cfg.publish_refresh_ms = 900000;
    w->cfg.breaker_share = 1;
    w->cfg.checkpoint_ms = 60;
    w->cfg.state_dir[0] = '\0';
}

struct durable_world *durable_new(uint64_t seed, bool checkpoints) {
    struct durable_world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    log_set_level(getenv("DURABLE_LOG") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR);
    metrics_reset();
    load_config(w);
    if (checkpoints) {
        snprintf(w->dir, sizeof w->dir, "/tmp/crossrec-durable-XXXXXX");
        assert_non_null(mkdtemp(w->dir));
    }
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        assert_int_equal(encoder_new((enum reader)k, shipped_id((enum reader)k), &w->encoders[k]),
                         ST_OK);
    }
    for (int t = 0; t < GROUP_TOPICS; t++) {
        w->inputs[t] = w->cfg.topics[t].name;
    }
    w->now_ms = START_MS;
    pthread_mutex_init(&w->rows_lock, NULL);
    fake_logs_init(&w->logs, seed);
    group_init(&w->group, &w->logs, DURABLE_TASKS, w->inputs, w->cfg.dead_letters, seed + 1);
    fake_logs_make(&w->logs, w->cfg.state_topic, DURABLE_TASKS);
    fake_logs_make(&w->logs, w->cfg.model_topic, 1);
    fake_logs_make(&w->logs, w->cfg.items_topic, 1);
    for (int k = 0; k < GROUP_MEMBERS; k++) {
        w->slots[k].world = w;
        w->slots[k].member = k;
        fake_store_init(&w->slots[k].store);
    }
    return w;
}

void durable_free(struct durable_world *w) {
    if (!w) {
        return;
    }
    for (int k = 0; k < GROUP_MEMBERS; k++) {
        if (w->slots[k].runs) {
            durable_kill(w, k);
        }
        fake_store_free(&w->slots[k].store);
    }
    group_free(&w->group);
    fake_logs_free(&w->logs);
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        encoder_free(w->encoders[k]);
    }
    if (w->dir[0]) {
        char command[96];
        snprintf(command, sizeof command, "rm -rf %s", w->dir);
        assert_int_equal(system(command), 0);
    }
    pthread_mutex_destroy(&w->rows_lock);
    free(w);
}

static void trim(void *ctx, int64_t below) {
    struct durable_world *w = ctx;
    fake_logs_trim(&w->logs, w->cfg.model_topic, 0, below);
    w->trimmed = below;
}

static void *run(void *arg) {
    struct durable_slot *s = arg;
    struct durable_world *w = s->world;
    const struct instance_ports ports = {
        .source = group_source(&w->group, s->member),
        .store = fake_store(&s->store),
        .globals = {.poll = poll_rows, .complete = complete, .restart = restart, .ctx = s},
        .transactions = group_transactions(&w->group, s->member),
        .changelog = fake_reader_port(&s->state),
        .changelog_bounds = fake_reader_port(&s->bounds),
        .model = fake_reader_port(&s->model),
        .model_items = fake_reader_port(&s->items),
        .trim_model = trim,
        .trim_ctx = w};
    s->status = instance_run(s->instance, &ports, s->err);
    return NULL;
}

void durable_start(struct durable_world *w, int slot) {
    struct durable_slot *s = &w->slots[slot];
    assert_false(s->runs);
    s->cfg = w->cfg;
    if (w->dir[0]) {
        snprintf(s->cfg.state_dir, sizeof s->cfg.state_dir, "%s/%d", w->dir, slot);
    }
    s->rows_read = 0;
    s->status = ST_OK;
    fake_reader_init(&s->state, &w->logs, w->cfg.state_topic);
    fake_reader_init(&s->bounds, &w->logs, w->cfg.state_topic);
    fake_reader_init(&s->model, &w->logs, w->cfg.model_topic);
    fake_reader_init(&s->items, &w->logs, w->cfg.items_topic);
    if (instance_new(&s->cfg, NULL, &s->instance, s->err)) {
        fail_msg("%s", s->err);
    }
    w->group.members[slot].ops = instance_rebalance(s->instance);
    group_begin(&w->group, slot);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    s->runs = true;
}

enum status durable_join(struct durable_world *w, int slot) {
    struct durable_slot *s = &w->slots[slot];
    assert_true(s->runs);
    pthread_join(s->thread, NULL);
    s->runs = false;
    group_leave(&w->group, slot);
    instance_free(s->instance);
    s->instance = NULL;
    return s->status;
}

enum status durable_stop(struct durable_world *w, int slot) {
    instance_stop(w->slots[slot].instance);
    return durable_join(w, slot);
}

void durable_kill(struct durable_world *w, int slot) {
    group_kill(&w->group, slot);
    (void)durable_stop(w, slot);
}

/* ---- input --------------------------------------------------------------------------------- */

static void name_item(char out[24], int topic, int item) {
    snprintf(out, 24, "%c%d", topic == COURSE ? 'c' : 'f', item);
}

void durable_event(struct durable_world *w, int topic, int32_t task, int user, int item) {
    char user_name[24];
    char event_name[24];
    char item_name[24];
    assert_true(w->n_lines < DURABLE_LINES);
    name_user(user_name, task, user);
    name_item(item_name, topic, item);
    snprintf(event_name, sizeof event_name, "e%d", w->n_lines);
    struct decoded_line line = {
        .item = item_name, .item_len = strlen(item_name), .quantity = 1, .amount = 2};
    const struct decoded d = {.event_id = event_name,
                              .event_id_len = strlen(event_name),
                              .user_id = user_name,
                              .user_id_len = strlen(user_name),
                              .ts_ms = w->now_ms,
                              .action = topic == COURSE ? ACTION_ENROLL : ACTION_ORDER,
                              .n_lines = 1,
                              .lines = &line};
    char value[512];
    size_t len = 0;
    struct encoder *e = w->encoders[topic == COURSE ? READER_COURSE_VIEW : READER_FOOD_ORDER];
    assert_int_equal(encode(e, &d, (uint8_t *)value, sizeof value, &len), ST_OK);
    const struct fake_record r = {.key = user_name,
                                  .key_len = strlen(user_name),
                                  .value = value,
                                  .value_len = len,
                                  .timestamp_ms = running_wall_ms()};
    w->lines[w->n_lines++] = (struct durable_line){
        .ts_ms = w->now_ms, .topic = topic, .item = item, .user = user, .task = task};
    w->now_ms += INPUT_MS;
    (void)fake_logs_append(&w->logs, w->inputs[topic], task, &r);
}

void durable_events(struct durable_world *w, struct rng *rng, int n) {
    for (int k = 0; k < n; k++) {
        durable_event(w, (int)rng_below(rng, GROUP_TOPICS), (int32_t)rng_below(rng, DURABLE_TASKS),
                      (int)rng_below(rng, DURABLE_USERS), (int)rng_below(rng, DURABLE_ITEMS));
    }
}

void durable_bad(struct durable_world *w, int topic, int32_t task) {
    char key[] = "bad";
    char value[] = "\x07nothing";
    const struct fake_record r = {.key = key,
                                  .key_len = 3,
                                  .value = value,
                                  .value_len = 8,
                                  .timestamp_ms = running_wall_ms()};
    (void)fake_logs_append(&w->logs, w->inputs[topic], task, &r);
    w->n_bad++;
}

void durable_await(struct durable_world *w) {
    for (int ms = 0; !group_all_committed(&w->group); ms += STEP_MS) {
        for (int k = 0; k < GROUP_MEMBERS; k++) {
            if (w->slots[k].runs && w->slots[k].status) {
                fail_msg("instance %d has ended: %s", k, w->slots[k].err);
            }
        }
        if (ms > 2 * RUNNING_WAIT_MS) {
            fail_msg("never: all committed");
        }
        running_nap_ms(STEP_MS);
    }
}

/* ---- what must have come of it -----------------------------------------------------------------
 */

struct naive { /* of a user */
    int64_t ts_ms[DURABLE_LINES];
    uint64_t items[DURABLE_LINES];
    uint32_t n;
};

static void recall(const struct durable_world *w, int32_t task, int user, struct naive *out) {
    out->n = 0;
    for (int k = 0; k < w->n_lines; k++) {
        const struct durable_line *line = &w->lines[k];
        if (line->task == task && line->user == user && line->ts_ms > w->erased_ms[task][user]) {
            char item[24];
            name_item(item, line->topic, line->item);
            const char *domain = w->cfg.domains[w->cfg.topics[line->topic].domain].name;
            out->ts_ms[out->n] = line->ts_ms;
            out->items[out->n++] = hash_item(domain, item, strlen(item));
        }
    }
}

static void check_user(const struct durable_world *w, const struct learner *l, int32_t task,
                       int user) {
    static struct naive want;
    struct user_entry history[USER_HISTORY];
    char id[24];
    name_user(id, task, user);
    recall(w, task, user, &want);
    const struct users *users = learner_users(l, (uint32_t)task);
    const uint32_t slot = users_find(users, hash_id(id, strlen(id)));
    if ((slot == USER_NONE) != (want.n == 0)) {
        fail_msg("%s: %u events, and he is %s", id, want.n, slot == USER_NONE ? "gone" : "there");
    }
    if (slot == USER_NONE) {
        return;
    }
    const struct user *u = users_get(users, slot);
    if (user_n(u) != want.n) {
        fail_msg("%s: %u events, %u counted", id, want.n, user_n(u));
    }
    const uint32_t n = user_history(u, INT64_MAX, history, USER_HISTORY);
    assert_int_equal(n, want.n < USER_HISTORY ? want.n : USER_HISTORY);
    const bool newest_first = n > 1 && history[0].ts_ms > history[1].ts_ms;
    for (uint32_t k = 0; k < n; k++) {
        const struct user_entry *e = &history[newest_first ? n - 1 - k : k];
        assert_int_equal(e->ts_ms, want.ts_ms[want.n - n + k]);
        assert_true(items_hash(learner_shared(l)->items, e->item) == want.items[want.n - n + k]);
    }
}

static void check_positions(const struct durable_world *w, int32_t task,
                            const struct state_task *t) {
    assert_int_equal(t->n_topics, w->cfg.n_topics);
    for (uint32_t k = 0; k < t->n_topics; k++) {
        const int64_t n = w->group.committed[k][task].offset;
        assert_string_equal(t->topics[k].topic, w->inputs[k]);
        assert_int_equal(t->topics[k].next < 0 ? 0 : t->topics[k].next, n);
    }
}

/* A plain reader of the changelog: the last record of a key counts. */
static void read_task(struct durable_world *w, struct learner *l, int32_t task) {
    const struct fake_log_part *p = fake_logs_part(&w->logs, w->cfg.state_topic, task);
    struct state_task t = {.n_topics = 0};
    for (int64_t k = p->low; k < p->n; k++) {
        const struct fake_record *r = &p->records[k];
        struct state_key key;
        enum state_kind kind;
        const uint8_t *body = NULL;
        size_t len = 0;
        if (r->state != FAKE_COMMITTED) {
            continue;
        }
        assert_int_equal(state_key_parse(r->key, r->key_len, &key), ST_OK);
        if (r->value) {
            assert_int_equal(state_record_open(r->value, r->value_len, &kind, &body, &len), ST_OK);
        }
        if (key.kind == STATE_USER) {
            assert_int_equal(learner_restore_user(l, (uint32_t)task, key.user, body, len), ST_OK);
        } else {
            const uint64_t epoch = t.epoch;
            const uint64_t batch = t.batch;
            assert_int_equal(state_task_read(body, len, &t), ST_OK);
            assert_true(t.epoch > epoch || (t.epoch == epoch && t.batch == batch + 1));
        }
    }
    check_positions(w, task, &t);
}

bool durable_knows(struct durable_world *w, int32_t task, int user) {
    uint8_t key[STATE_KEY_USER_LEN];
    char id[24];
    bool there = false;
    name_user(id, task, user);
    state_key_user(key, hash_id(id, strlen(id)));
    const int64_t n = fake_logs_high(&w->logs, w->cfg.state_topic, task);
    for (int64_t k = 0; k < n; k++) {
        struct fake_record r;
        int64_t low = 0;
        if (fake_logs_at(&w->logs, w->cfg.state_topic, task, k, &r, &low) &&
            r.state == FAKE_COMMITTED && r.key_len == sizeof key &&
            memcmp(r.key, key, sizeof key) == 0) {
            there = r.value != NULL;
        }
    }
    return there;
}

static void check_model(struct durable_world *w, struct learner *l) {
    struct fake_reader log, items;
    struct model_log *m = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    fake_reader_init(&log, &w->logs, w->cfg.model_topic);
    fake_reader_init(&items, &w->logs, w->cfg.items_topic);
    const struct model_log_ports ports = {.items = fake_reader_port(&items),
                                          .log = fake_reader_port(&log)};
    assert_int_equal(model_log_new(&w->cfg, l, &ports, &m), ST_OK);
    for (int k = 0; k < 1000 && !model_log_ready(m); k++) {
        if (model_log_take(m, 10, err)) {
            fail_msg("%s", err);
        }
    }
    assert_true(model_log_ready(m));
    model_log_free(m);
    for (int topic = 0; topic < GROUP_TOPICS; topic++) {
        for (int item = 0; item < DURABLE_ITEMS; item++) {
            uint32_t want = 0;
            uint32_t unsure = 0; /* he may have been erased before they were learned */
            char id[24];
            name_item(id, topic, item);
            for (int k = 0; k < w->n_lines; k++) {
                const struct durable_line *line = &w->lines[k];
                const bool of = line->topic == topic && line->item == item;
                want += of;
                unsure += of && line->ts_ms <= w->erased_ms[line->task][line->user];
            }
            const struct shared *s = learner_shared(l);
            const char *domain = w->cfg.domains[w->cfg.topics[topic].domain].name;
            const uint32_t i = items_find(s->items, hash_item(domain, id, strlen(id)));
            const uint32_t n = i < items_n(s->items) ? popularity_hot(s->popularity)[i].count : 0;
            if (n > want || n + unsure < want) {
                fail_msg("item %s was taken %u times (%u unsure), the model's log says %u", id,
                         want, unsure, n);
            }
        }
    }
}

static void check_letters(struct durable_world *w) {
    const struct fake_log_part *p = fake_logs_part(&w->logs, w->cfg.dead_letters, 0);
    int n = 0;
    for (int64_t k = 0; k < p->n; k++) {
        if (p->records[k].state != FAKE_COMMITTED) {
            continue;
        }
        n++;
        assert_true(p->records[k].note[0] != '\0');
        for (int64_t m = 0; m < k; m++) {
            if (p->records[m].state == FAKE_COMMITTED) {
                assert_string_not_equal(p->records[m].note, p->records[k].note);
            }
        }
    }
    assert_int_equal(n, w->n_bad);
}

void durable_check(struct durable_world *w) {
    struct learner *l = NULL;
    const struct learner_params params = instance_learner_params(&w->cfg);
    assert_int_equal(learner_new(&params, &l), ST_OK);
    assert_true(group_all_committed(&w->group));
    check_model(w, l);
    for (int32_t task = 0; task < DURABLE_TASKS; task++) {
        assert_int_equal(learner_task_open(l, (uint32_t)task), ST_OK);
        read_task(w, l, task);
        for (int user = 0; user < DURABLE_USERS; user++) {
            check_user(w, l, task, user);
        }
    }
    learner_free(l);
    check_letters(w);
    if (w->group.wrongs) {
        fail_msg("%d wrongs, the last: %s", w->group.wrongs, w->group.wrong);
    }
}
