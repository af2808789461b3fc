/* SPDX-License-Identifier: Apache-2.0
 *
 * test_end_to_end.c -- what stands in Redis is what the models give.
 *
 * A synthetic world goes into four partitions of a real Kafka before the daemon starts; the
 * daemon's lists in a real Redis are compared, list by list, with those of a learner that is
 * fed the same merged events in this process, without Kafka and Redis. Then everything that
 * can be killed is killed, and the lists must be the same again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "daemon_fixture.h"
#include "encode.h"
#include "factors.h"
#include "instance.h"
#include "intake.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "mix.h"
#include "redis_fixture.h"
#include "shipped.h"
#include "world.h"

enum {
    USERS = 400,
    ITEMS = 120,
    PARTITIONS = 4,
    TOPICS = 2,
    BAD = 12, /* records that are no events */
    VALUE_MAX = 8192,
    SETTLE_MS = 60000,
    SWEEPS_MS = 20000, /* refresh sweeps, on a slow machine */
    SETS = 20,
};

/* One produced event, as it must be learned. */
struct sent {
    int64_t ts_ms, offset;
    int32_t task;
    uint16_t topic;
    size_t len;
    uint8_t value[VALUE_MAX];
};

struct fixture {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    redisContext *client;
    struct config cfg;
    struct sent *sent;
    size_t n_sent;
    int64_t next[TOPICS][PARTITIONS];
    struct learner *truth;
    struct daemon_fixture *daemon; /* what runs, for the teardown of a failed test */
    int64_t started_s;             /* epochs of the daemon that runs are not below */
    char sets[SETS][CONFIG_VALUE_MAX];
    size_t n_sets;
    int group;
};

static void nap_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- input --------------------------------------------------------------------------------- */

static void set(struct fixture *f, const char *key, const char *value) {
    assert_true(f->n_sets < SETS);
    snprintf(f->sets[f->n_sets++], CONFIG_VALUE_MAX, "%s=%s", key, value);
}

/* Another consumer group: everything is read again. */
static void new_group(struct fixture *f) {
    char name[64];
    snprintf(name, sizeof name, "e2e-%d", f->group++);
    snprintf(f->sets[0], CONFIG_VALUE_MAX, "crossrec.group=%s", name);
    snprintf(f->cfg.group, sizeof f->cfg.group, "%s", name);
}

static void configure(struct fixture *f) {
    f->n_sets = 1; /* the group's place */
    new_group(f);
    set(f, "kafka.bootstrap.servers", kafka_fixture_brokers(f->kafka));
    set(f, "redis.address", redis_fixture_address(f->redis));
    set(f, "http.address", "off");
    set(f, "state", "memory");
    set(f, "clock", "stream");
    set(f, "publish.max.lag", "100ms"); /* preloaded: learn all, then publish */
    set(f, "publish.interval", "20ms");
    set(f, "publish.refresh", "1s");
    set(f, "commit.interval", "200ms");
    set(f, "merge.max.wait", "60s"); /* the order of preloaded topics is fixed */
    set(f, "segments.seed.users", "200");
    set(f, "learn.mini.batch", "64");
    set(f, "kafka.session.timeout.ms", "2000");
    set(f, "kafka.heartbeat.interval.ms", "300");
    const char *sets[SETS];
    for (size_t k = 0; k < f->n_sets; k++) {
        sets[k] = f->sets[k];
    }
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&f->cfg, NULL, NULL, sets, f->n_sets, err)) {
        fail_msg("%s", err);
    }
}

static void remember(struct fixture *f, uint16_t topic, int32_t task, int64_t ts_ms,
                     const uint8_t *value, size_t len) {
    f->sent = realloc(f->sent, (f->n_sent + 1) * sizeof *f->sent);
    assert_non_null(f->sent);
    struct sent *s = &f->sent[f->n_sent++];
    *s = (struct sent){
        .ts_ms = ts_ms, .offset = f->next[topic][task]++, .task = task, .topic = topic, .len = len};
    memcpy(s->value, value, len);
}

static void produce(struct kafka_producer *p, const char *topic, const char *user,
                    const uint8_t *value, size_t len) {
    enum status st;
    while ((st = kafka_produce(p, topic, user, strlen(user), value, len, 0)) == ST_AGAIN) {
        kafka_producer_poll(p, 10);
    }
    assert_int_equal(st, ST_OK);
}

static void send_event(struct fixture *f, struct kafka_producer *p, struct encoder *encoder,
                       const struct world *w, const struct world_event *we, size_t number) {
    char user[32];
    char id[64];
    snprintf(user, sizeof user, "u%u", we->user);
    snprintf(id, sizeof id, "e%zu", number);
    struct decoded_line lines[WORLD_LINES_MAX];
    for (uint32_t k = 0; k < we->n_lines; k++) {
        const char *item = world_item_id(w, we->domain, we->item[k]);
        lines[k] = (struct decoded_line){.item = item,
                                         .item_len = strlen(item),
                                         .quantity = (double)we->quantity[k],
                                         .amount = (double)we->amount[k]};
    }
    const struct decoded d = {.event_id = id,
                              .event_id_len = strlen(id),
                              .user_id = user,
                              .user_id_len = strlen(user),
                              .ts_ms = we->ts_ms,
                              .action = (enum action)we->action,
                              .n_lines = we->n_lines,
                              .lines = lines};
    uint8_t value[VALUE_MAX];
    size_t len = 0;
    assert_int_equal(encode(encoder, &d, value, sizeof value, &len), ST_OK);
    const int32_t task = kafka_partition_of("murmur2", user, strlen(user), PARTITIONS);
    produce(p, f->cfg.topics[we->domain].name, user, value, len);
    remember(f, we->domain, task, we->ts_ms, value, len);
}

/* Bytes that are no events stand between the good ones. */
static void send_bad(struct fixture *f, struct kafka_producer *p, size_t number) {
    char user[32];
    snprintf(user, sizeof user, "u%zu", number);
    const uint8_t bytes[] = {0, 0, 0, 0, (uint8_t)(number % 3), 0xff, 0xff};
    produce(p, f->cfg.topics[number % TOPICS].name, user, bytes, sizeof bytes);
    f->next[number % TOPICS][kafka_partition_of("murmur2", user, strlen(user), PARTITIONS)]++;
}

static void fill_topics(struct fixture *f) {
    const char *topics[] = {f->cfg.topics[0].name, f->cfg.topics[1].name};
    const char *dead[] = {f->cfg.dead_letters};
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_topics_create(&f->cfg, topics, TOPICS, PARTITIONS, 1, err), ST_OK);
    assert_int_equal(kafka_topics_create(&f->cfg, dead, 1, 1, 1, err), ST_OK);
    const struct world_params params = {.users = USERS,
                                        .items = ITEMS,
                                        .rho = 0.8,
                                        .days = 60,
                                        .start_ms = INT64_C(1700000000000),
                                        .lively = true,
                                        .seed = 7};
    struct world *w = NULL;
    struct kafka_producer *p = NULL;
    struct encoder *encoders[TOPICS] = {0};
    assert_int_equal(world_new(&params, &w), ST_OK);
    assert_int_equal(kafka_producer_new(&f->cfg, &p, err), ST_OK);
    for (size_t t = 0; t < TOPICS; t++) {
        const enum reader reader = t == 0 ? READER_COURSE_VIEW : READER_FOOD_ORDER;
        assert_int_equal(encoder_new(reader, shipped_id(reader), &encoders[t]), ST_OK);
    }
    struct world_event we;
    for (size_t n = 0; world_next(w, &we); n++) {
        send_event(f, p, encoders[we.domain], w, &we, n);
        if (n % 400 == 0 && n / 400 < BAD) {
            send_bad(f, p, n / 400);
        }
    }
    assert_int_equal(kafka_producer_flush(p, 20000, err, sizeof err), ST_OK);
    kafka_producer_free(p);
    encoder_free(encoders[0]);
    encoder_free(encoders[1]);
    world_free(w);
}

/* ---- truth: the same events, no Kafka and no Redis ----------------------------------- */

static int by_merge_order(const void *a, const void *b) {
    const struct sent *x = a;
    const struct sent *y = b;
    if (x->ts_ms != y->ts_ms) {
        return x->ts_ms < y->ts_ms ? -1 : 1;
    }
    if (x->task != y->task) {
        return x->task < y->task ? -1 : 1;
    }
    if (x->topic != y->topic) {
        return x->topic < y->topic ? -1 : 1;
    }
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void learn_truth(struct fixture *f) {
    const struct learner_params params = instance_learner_params(&f->cfg);
    struct intake *intake = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(learner_new(&params, &f->truth), ST_OK);
    learner_set_n_tasks(f->truth, PARTITIONS);
    const struct intake_spec spec = {
        .cfg = &f->cfg, .topics = f->cfg.topics, .n_topics = f->cfg.n_topics};
    assert_int_equal(intake_new(&spec, &intake, err), ST_OK);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(learner_task_open(f->truth, p), ST_OK);
    }
    qsort(f->sent, f->n_sent, sizeof *f->sent, by_merge_order);
    for (size_t k = 0; k < f->n_sent; k++) {
        const struct sent *s = &f->sent[k];
        const struct record r = {.offset = s->offset,
                                 .partition = s->task,
                                 .topic = s->topic,
                                 .value = s->value,
                                 .value_len = s->len};
        struct event e;
        struct learner_effect effect;
        const char *detail = "";
        assert_int_equal(intake_event(intake, &r, INT64_MAX, &e, &detail), INTAKE_OK);
        assert_int_equal(learner_learn(f->truth, (uint32_t)s->task, &e, &effect), ST_OK);
    }
    intake_free(intake);
}

/* ---- reading Redis ------------------------------------------------------------------- */

static redisReply *command(struct fixture *f, const char *format, const char *arg) {
    if (f->client && f->client->err) {
        redisFree(f->client);
        f->client = NULL;
    }
    if (!f->client) {
        f->client = redisConnectUnix(redis_fixture_socket(f->redis));
        assert_non_null(f->client);
    }
    return redisCommand(f->client, format, arg);
}

static json_t *get_json(struct fixture *f, const char *key) {
    redisReply *r = command(f, "GET %s", key);
    json_t *v = NULL;
    if (r && r->type == REDIS_REPLY_STRING) {
        v = json_loadb(r->str, r->len, 0, NULL);
        assert_non_null(v); /* what stands there is JSON */
    }
    if (r) {
        freeReplyObject(r);
    }
    return v;
}

/* `published` of every task says the end of both topics, and the daemon that runs said it. */
static bool all_published(struct fixture *f) {
    for (int p = 0; p < PARTITIONS; p++) {
        char key[64];
        snprintf(key, sizeof key, "crossrec:published:%d", p);
        json_t *v = get_json(f, key);
        bool reached = v && json_integer_value(json_array_get(json_object_get(v, "version"), 0)) >=
                                f->started_s;
        for (int t = 0; v && t < TOPICS; t++) {
            const json_t *offset =
                json_object_get(json_object_get(v, "offsets"), f->cfg.topics[t].name);
            reached = reached && json_integer_value(offset) == f->next[t][p];
        }
        json_decref(v);
        if (!reached) {
            return false;
        }
    }
    return true;
}

static void await_published(struct fixture *f, struct daemon_fixture *d) {
    for (int waited = 0; waited < SETTLE_MS; waited += 20) {
        if (all_published(f)) {
            return;
        }
        if (!daemon_fixture_runs(d)) {
            break;
        }
        nap_ms(20);
    }
    daemon_fixture_show_log(d);
    fail_msg("the daemon did not publish everything");
}

/* ---- comparing --------------------------------------------------------------------------- */

enum scores { SCORES_MAY_BE_OLDER, SCORES_EXACT };

/* What a reader sees of a list, as text: the same text, the same list. */
struct seen {
    char text[4096];
};

static void see(struct seen *s, const char *id, const char *reason, double score,
                const char *because, enum scores scores) {
    const size_t at = strlen(s->text);
    if (scores == SCORES_EXACT) { /* what is behind an item may be older as well */
        snprintf(s->text + at, sizeof s->text - at, " %s(%s %.4g %s)", id, reason, score, because);
    } else {
        snprintf(s->text + at, sizeof s->text - at, " %s(%s)", id, reason);
    }
}

static void see_truth(struct fixture *f, uint32_t task, uint32_t slot, uint8_t target,
                      enum scores scores, struct seen *out) {
    struct list want;
    assert_int_equal(learner_rank(f->truth, task, slot, target, learner_stream_ms(f->truth),
                                  (uint32_t)f->cfg.list_n, &want),
                     ST_OK);
    assert_int_equal(
        learner_because(f->truth, task, slot, target, learner_stream_ms(f->truth), &want), ST_OK);
    snprintf(out->text, sizeof out->text, "segment %d personalised %d:", want.segment,
             want.personalised);
    const struct items *items = learner_shared(f->truth)->items;
    for (uint32_t k = 0; k < want.n; k++) {
        const uint32_t because = want.items[k].because;
        const bool told = because != ITEM_NONE && items_domain(items, because) == target;
        size_t len = 0; /* there is no catalogue: of another domain nothing is told */
        see(out, items_id(items, want.items[k].item, &len), reason_str(want.items[k].reason),
            (double)want.items[k].score, told ? items_id(items, because, &len) : "-", scores);
    }
}

static void see_redis(struct fixture *f, const char *key, enum scores scores, struct seen *out) {
    json_t *got = get_json(f, key);
    if (!got) {
        snprintf(out->text, sizeof out->text, "missing");
        return;
    }
    const json_t *segment = json_object_get(got, "segment");
    snprintf(out->text, sizeof out->text, "segment %d personalised %d:",
             json_is_null(segment) ? -1 : (int)json_integer_value(segment),
             json_is_true(json_object_get(got, "personalised")));
    size_t k = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(got, "items"), k, item) {
        const char *because =
            json_string_value(json_object_get(json_object_get(item, "because"), "item"));
        see(out, json_string_value(json_object_get(item, "id")),
            json_string_value(json_object_get(item, "reason")),
            json_number_value(json_object_get(item, "score")), because ? because : "-", scores);
    }
    json_decref(got);
}

/* False at the first list that differs, which `why` then shows. */
static bool all_equal(struct fixture *f, enum scores scores, char *why, size_t len) {
    size_t lists = 0;
    for (uint32_t task = 0; task < PARTITIONS; task++) {
        const struct users *users = learner_users(f->truth, task);
        for (uint32_t at = 0; at < users_n(users) * f->cfg.n_domains; at++) {
            const uint32_t slot = at / f->cfg.n_domains;
            const uint8_t target = (uint8_t)(at % f->cfg.n_domains);
            size_t id_len = 0;
            const char *id = user_id(users_get(users, slot), &id_len);
            char key[128];
            snprintf(key, sizeof key, "crossrec:%s:rec:%.*s", f->cfg.domains[target].name,
                     (int)id_len, id);
            struct seen want;
            struct seen got;
            see_truth(f, task, slot, target, scores, &want);
            see_redis(f, key, scores, &got);
            if (strcmp(want.text, got.text) != 0) {
                snprintf(why, len, "%s\n  models: %s\n  Redis:  %s", key, want.text, got.text);
                return false;
            }
            lists++;
        }
    }
    assert_true(lists >= 2 * USERS * 9 / 10);
    return true;
}

/* A task that reached its end before the others saw less of the model: the refresh sweep brings
 * its lists to where they end. */
static void compare_all(struct fixture *f, enum scores scores) {
    char why[3 * sizeof(struct seen)] = "";
    for (int waited = 0; waited < SWEEPS_MS; waited += 250) {
        if (all_equal(f, scores, why, sizeof why)) {
            return;
        }
        nap_ms(250);
    }
    fail_msg("%s", why);
}

static int64_t dead_letters(struct fixture *f) {
    int64_t committed = -1;
    int64_t low = -1;
    int64_t high = -1;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(
        kafka_positions(&f->cfg, f->cfg.dead_letters, 0, 5000, &committed, &low, &high, err),
        ST_OK);
    return high - low;
}

/* ---- tests --------------------------------------------------------------------------- */

static void await_dead_letters(struct fixture *f, int64_t n) {
    for (int waited = 0; waited < SETTLE_MS && dead_letters(f) < n; waited += 50) {
        nap_ms(50);
    }
    assert_int_equal(dead_letters(f), n);
}

static struct daemon_fixture *start(struct fixture *f) {
    assert_null(f->daemon);
    const char *sets[SETS];
    for (size_t k = 0; k < f->n_sets; k++) {
        sets[k] = f->sets[k];
    }
    struct daemon_fixture *d = daemon_fixture_start(sets, f->n_sets);
    assert_non_null(d);
    f->daemon = d;
    f->started_s = (int64_t)time(NULL);
    return d;
}

static void discard(struct fixture *f) {
    daemon_fixture_free(f->daemon);
    f->daemon = NULL;
}

static void stop(struct fixture *f) {
    int rc = daemon_fixture_term(f->daemon, 20000);
    if (rc != 0) {
        daemon_fixture_show_log(f->daemon);
    }
    discard(f);
    assert_int_equal(rc, 0);
}

static int kill_what_runs(void **state) {
    discard(*state);
    return 0;
}

static void flush_redis(struct fixture *f) {
    redisReply *r = command(f, "FLUSHALL%s", "");
    assert_non_null(r);
    freeReplyObject(r);
}

/* Redis is killed and comes back empty: everything is published again, from the state that is
 * final by now, so that scores can be compared to the last digit. */
static void compare_scores_too(struct fixture *f, struct daemon_fixture *d) {
    redis_fixture_kill(f->redis);
    assert_true(redis_fixture_restart(f->redis));
    await_published(f, d);
    compare_all(f, SCORES_EXACT);
}

static void lists_in_redis_equal_those_of_the_models(void **state) {
    struct fixture *f = *state;
    struct daemon_fixture *d = start(f);
    await_published(f, d);
    compare_all(f, SCORES_MAY_BE_OLDER);
    await_dead_letters(f, BAD); /* they travel with the commit, not with the lists */
    compare_scores_too(f, d);
    stop(f);
}

static void the_same_input_again_gives_the_same_lists_and_no_second_dead_letter(void **state) {
    struct fixture *f = *state;
    const int64_t before = dead_letters(f);
    flush_redis(f);
    struct daemon_fixture *d = start(f); /* the same group: its offsets are committed */
    await_published(f, d);
    compare_all(f, SCORES_MAY_BE_OLDER);
    compare_scores_too(f, d);
    assert_int_equal(dead_letters(f), before);
    stop(f);
}

static void kill_9_at_random_moments_changes_no_list(void **state) {
    struct fixture *f = *state;
    new_group(f);
    flush_redis(f);
    struct rng rng = {(uint64_t)time(NULL)};
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (int k = 0; k < 4; k++) {
        struct daemon_fixture *d = start(f);
        nap_ms(300 + (int)rng_below(&rng, 1500));
        daemon_fixture_kill(d);
        discard(f);
        if (k % 2 == 1) {
            redis_fixture_kill(f->redis);
            assert_true(redis_fixture_restart(f->redis));
        }
    }
    nap_ms(1100); /* epochs are seconds: tell the last one from those that were killed */
    struct daemon_fixture *d = start(f);
    await_published(f, d);
    compare_all(f, SCORES_MAY_BE_OLDER);
    stop(f);
}

static void flushall_on_the_live_connection_is_noticed_at_the_next_announcement(void **state) {
    struct fixture *f = *state;
    new_group(f);
    flush_redis(f);
    struct daemon_fixture *d = start(f);
    await_published(f, d);
    flush_redis(f);
    /* one more event moves a position, and `published` with it */
    struct kafka_producer *p = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    assert_int_equal(kafka_producer_new(&f->cfg, &p, err), ST_OK);
    send_bad(f, p, BAD);
    assert_int_equal(kafka_producer_flush(p, 10000, err, sizeof err), ST_OK);
    kafka_producer_free(p);
    await_published(f, d);
    compare_all(f, SCORES_MAY_BE_OLDER);
    stop(f);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    factors_blas_threads(1);
    f->kafka = kafka_fixture_start();
    f->redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    assert_non_null(f->kafka);
    assert_non_null(f->redis);
    configure(f);
    fill_topics(f);
    learn_truth(f);
    print_message("%zu events, %d bad records\n", f->n_sent, BAD);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    if (f->client) {
        redisFree(f->client);
    }
    kafka_fixture_stop(f->kafka);
    redis_fixture_stop(f->redis);
    learner_free(f->truth);
    free(f->sent);
    free(f);
    return 0;
}

int main(void) {
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    redis_fixture_require();
    (void)signal(SIGPIPE, SIG_IGN); /* Redis is killed under our connection */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lists_in_redis_equal_those_of_the_models, kill_what_runs),
        cmocka_unit_test_teardown(
            the_same_input_again_gives_the_same_lists_and_no_second_dead_letter, kill_what_runs),
        cmocka_unit_test_teardown(kill_9_at_random_moments_changes_no_list, kill_what_runs),
        cmocka_unit_test_teardown(
            flushall_on_the_live_connection_is_noticed_at_the_next_announcement, kill_what_runs),
    };
    return cmocka_run_group_tests_name("end_to_end", tests, setup, teardown);
}
