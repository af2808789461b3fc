/* SPDX-License-Identifier: Apache-2.0
 * fault_cluster.c -- see fault_cluster.h. */
#include "fault_cluster.h"

#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "fault_process.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"
#include "registry.h"
#include "registry_fixture.h"

enum { ASK_MS = 20000, REGISTER_MS = 20000, GONE_MS = 20000, FACTOR = 3 };

int cluster_missing(bool registry) {
    int missing = kafka_fixture_missing();
    if (!missing && registry) {
        missing = registry_fixture_missing();
    }
    if (!missing) {
        redis_fixture_require();
    }
    return missing;
}

/* ---- configuration ------------------------------------------------------------------------- */

static bool load(struct cluster *c) {
    const char *sets[CLUSTER_SETS];
    char err[CONFIG_ERROR_MAX] = "";
    for (size_t k = 0; k < c->n_sets; k++) {
        sets[k] = c->sets[k];
    }
    if (config_load(&c->cfg, NULL, NULL, sets, c->n_sets, err)) {
        fprintf(stderr, "fault_cluster: %s\n", err);
        return false;
    }
    return true;
}

bool cluster_set_all(struct cluster *c, const char *const (*pairs)[2], size_t n) {
    if (n > CLUSTER_SETS - c->n_sets) {
        fprintf(stderr, "fault_cluster: more than %d settings\n", CLUSTER_SETS);
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        snprintf(c->sets[c->n_sets++], CONFIG_VALUE_MAX, "%s=%s", pairs[k][0], pairs[k][1]);
    }
    return load(c);
}

bool cluster_set(struct cluster *c, const char *key, const char *value) {
    const char *const pair[1][2] = {{key, value}};
    return cluster_set_all(c, pair, 1);
}

/* Periods are shorter than in production, so that faults and recoveries fit into a minute. */
static const char *const SETTINGS[][2] = {
    {"crossrec.clock", "stream"}, /* the same events and state: the same lists, whenever */
    {"publish.interval", "20ms"},
    {"publish.max.lag", "3s"},
    {"publish.refresh", "5s"},
    {"commit.interval", "200ms"},
    {"redis.timeout", "1s"},
    {"late.max", "3650d"}, /* a broker that is away makes events late; they count all the same */
    {"learn.user.rate", "0"},
    {"learn.mini.batch", "64"},
    {"segments.seed.users", "200"},
    {"registry.grace", "2s"},
    {"kafka.session.timeout.ms", "6000"},
    {"kafka.heartbeat.interval.ms", "300"},
};

static bool configure(struct cluster *c, const struct cluster_plan *plan) {
    char letters[CONFIG_NAME_MAX];
    snprintf(letters, sizeof letters, "dead-%s", plan->group);
    bool good = cluster_set(c, "crossrec.group", plan->group) &&
                cluster_set(c, "crossrec.state", plan->state) &&
                cluster_set(c, "crossrec.dead.letters", letters) &&
                cluster_set(c, "kafka.bootstrap.servers", kafka_fixture_brokers(c->kafka)) &&
                cluster_set(c, "redis.address", redis_fixture_tcp_address(c->redis));
    for (size_t k = 0; good && k < sizeof SETTINGS / sizeof *SETTINGS; k++) {
        good = cluster_set(c, SETTINGS[k][0], SETTINGS[k][1]);
    }
    if (good && plan->registry) {
        good = cluster_set(c, "registry.url", registry_fixture_url(c->registry));
    }
    return good;
}

/* ---- topics ------------------------------------------------------------------------------------
 */

static bool create(const struct cluster *c, const char *topic, int32_t partitions) {
    char err[CONFIG_ERROR_MAX] = "";
    const int16_t factor = c->nodes >= FACTOR ? FACTOR : 1;
    if (kafka_topics_create(&c->cfg, &topic, 1, partitions, factor, err)) {
        fprintf(stderr, "fault_cluster: %s\n", err);
        return false;
    }
    return true;
}

bool cluster_has_topic(const struct cluster *c, const char *topic) {
    struct kafka_topic_info info = {.partitions = 0};
    char err[CONFIG_ERROR_MAX] = "";
    return kafka_topics_describe(&c->cfg, &topic, 1, ASK_MS, &info, NULL, err) == ST_OK &&
           info.partitions > 0;
}

static rd_kafka_t *admin_of(const struct cluster *c) {
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka_fixture_brokers(c->kafka), err, sizeof err);
    rd_kafka_conf_set(conf, "log_level", "0", err, sizeof err);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static void delete_topic(const struct cluster *c, const char *topic) {
    rd_kafka_t *rk = admin_of(c);
    rd_kafka_queue_t *q = rk ? rd_kafka_queue_new(rk) : NULL;
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    if (q) {
        rd_kafka_DeleteTopics(rk, &gone, 1, NULL, q);
        rd_kafka_event_t *event = rd_kafka_queue_poll(q, ASK_MS);
        if (event) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(q);
    }
    rd_kafka_DeleteTopic_destroy(gone);
    if (rk) {
        rd_kafka_destroy(rk);
    }
}

bool cluster_recreate(struct cluster *c, const char *topic, int32_t partitions) {
    const int64_t deadline = process_now_ms() + GONE_MS;
    delete_topic(c, topic);
    while (cluster_has_topic(c, topic)) {
        if (process_now_ms() > deadline) {
            fprintf(stderr, "fault_cluster: topic %s does not go\n", topic);
            return false;
        }
        process_nap_ms(100);
    }
    return partitions == 0 || create(c, topic, partitions);
}

int64_t cluster_end(const struct cluster *c, const char *topic, int32_t partition) {
    int64_t committed = -1;
    int64_t low = -1;
    int64_t high = -1;
    char err[CONFIG_ERROR_MAX] = "";
    const int64_t deadline = process_now_ms() + 2 * ASK_MS;
    while (kafka_positions(&c->cfg, topic, partition, ASK_MS, &committed, &low, &high, err)) {
        if (process_now_ms() > deadline) { /* a broker that has just started knows little */
            fprintf(stderr, "fault_cluster: %s\n", err);
            return -1;
        }
        process_nap_ms(100);
    }
    return high;
}

/* ---- brokers -----------------------------------------------------------------------------------
 */

void cluster_kill_leader(struct cluster *c, const char *topic, int32_t partition) {
    if (c->nodes == 1) {
        kafka_fixture_kill(c->kafka);
        c->down = 0;
        return;
    }
    const int leader = kafka_fixture_leader(c->kafka, topic, partition);
    c->down = leader >= 0 ? leader : 0;
    kafka_fixture_kill_node(c->kafka, c->down);
}

bool cluster_restart_node(struct cluster *c) {
    const int node = c->down;
    c->down = -1;
    if (node < 0) {
        return true;
    }
    return c->nodes == 1 ? kafka_fixture_restart(c->kafka)
                         : kafka_fixture_restart_node(c->kafka, node);
}

/* ---- Redis and registry ------------------------------------------------------------------------
 */

bool cluster_redis(const struct cluster *c, const char *command) {
    redisContext *client = redisConnectUnix(redis_fixture_socket(c->redis));
    redisReply *r = client && !client->err ? redisCommand(client, command) : NULL;
    const bool good = r && r->type != REDIS_REPLY_ERROR;
    if (!good) {
        fprintf(stderr, "fault_cluster: %s: %s\n", command, r ? r->str : "Redis is away");
    }
    if (r) {
        freeReplyObject(r);
    }
    if (client) {
        redisFree(client);
    }
    return good;
}

uint32_t cluster_register(const struct cluster *c, const char *subject, const char *schema) {
    struct config cfg = c->cfg;
    struct registry_answer a = {0};
    cfg.registry_timeout_ms = REGISTER_MS;
    const enum status st = registry_register(&cfg, subject, schema, &a);
    const uint32_t id = st ? 0 : a.id;
    if (st) {
        fprintf(stderr, "fault_cluster: %s: %s\n", subject, a.why);
    }
    registry_answer_free(&a);
    return id;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

bool cluster_open(struct cluster *c, const struct cluster_plan *plan) {
    static const char *const quiet[] = {"--logfile", "/dev/null", "--protected-mode", "no", NULL};
    *c = (struct cluster){.nodes = plan->nodes, .partitions = plan->partitions, .down = -1};
    c->kafka = plan->nodes == 1 ? kafka_fixture_start_apart() : kafka_fixture_start_n(plan->nodes);
    c->redis = redis_fixture_start(REDIS_PORT, quiet);
    c->registry = plan->registry ? registry_fixture_start() : NULL;
    if (!c->kafka || !c->redis || (plan->registry && !c->registry) || !configure(c, plan)) {
        return false;
    }
    bool good = create(c, c->cfg.dead_letters, 1);
    for (uint32_t t = 0; good && t < c->cfg.n_topics; t++) {
        good = create(c, c->cfg.topics[t].name, plan->partitions);
    }
    return good;
}

void cluster_close(struct cluster *c) {
    registry_fixture_stop(c->registry);
    redis_fixture_stop(c->redis);
    kafka_fixture_stop(c->kafka);
}
