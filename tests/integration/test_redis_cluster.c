/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_cluster.c -- contract tests of consumer/redis.h against a real Redis Cluster of three
 * masters, one of them with a replica: split pipelines, redirections, nodes that go and come, loss
 * of a single one. A second set of connections looks at what stands where.
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

#include "log.h"
#include "redis.h"
#include "redis_cluster.h"
#include "redis_fixture.h"
#include "redis_slots.h"
#include "stand.h"

enum { MANY = 3000, TEXT_MAX = 1024, TIMEOUT_MS = 1000, REPLICA = 3 };

struct answer_seen {
    enum store_result result;
    uint64_t epoch, seq;
    char previous[64];
    char why[64];
};

struct bench {
    struct redis_cluster *c;
    struct redis *r;
    struct store store;
    struct answer_seen seen[MANY];
    size_t n_seen;
};

static struct redis *new_redis(const char *address, const char *user, const char *password) {
    const struct redis_params params = {address, user, password, TIMEOUT_MS};
    char err[TEXT_MAX] = "";
    struct redis *r = NULL;
    assert_int_equal(redis_new(&params, &r, err, sizeof err), ST_OK);
    return r;
}

static void use(struct bench *b, struct redis *r) {
    redis_free(b->r);
    b->r = r;
    b->store = redis_store(r);
}

static enum status try_connect(struct bench *b, bool *fresh, char why[TEXT_MAX]) {
    *fresh = false;
    why[0] = '\0';
    return b->store.connect(b->store.ctx, fresh, why, TEXT_MAX);
}

static bool connected(struct bench *b) {
    bool fresh = false;
    char why[TEXT_MAX];
    if (try_connect(b, &fresh, why)) {
        fail_msg("connect: %s", why);
    }
    return fresh;
}

/* As the publisher does: until it can. Did any of the connections count as fresh? */
static bool await_connected(struct bench *b) {
    const int64_t end_ms = stand_now_ms() + CLUSTER_WAIT_MS;
    bool fresh = false;
    char why[TEXT_MAX];
    while (try_connect(b, &fresh, why)) {
        if (stand_now_ms() > end_ms) {
            fail_msg("connect: %s", why);
        }
        stand_nap_ms(20);
    }
    return fresh;
}

static int group_setup(void **state) {
    static struct bench b;
    log_set_level(LOG_LEVEL_ERROR + 1);
    b.c = redis_cluster_start(true);
    *state = &b;
    return 0;
}

static int group_teardown(void **state) {
    struct bench *b = *state;
    redis_free(b->r);
    redis_cluster_stop(b->c);
    return 0;
}

/* A cluster that is whole, with nothing in it, and a client that has seen it. */
static int setup(void **state) {
    struct bench *b = *state;
    redis_cluster_await(b->c);
    for (int k = 0; k < redis_cluster_size(b->c); k++) {
        if (strstr(redis_cluster_run(b->c, k, "INFO replication"), "role:master")) {
            redis_cluster_run(b->c, k, "FLUSHALL");
        }
    }
    use(b, new_redis(redis_cluster_address(b->c, 0), "", ""));
    assert_true(connected(b));
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put(struct bench *b, const char *key, uint64_t epoch, uint64_t seq, bool previous) {
    char value[64];
    snprintf(value, sizeof value, "{\"version\":[%d,%d],\"k\":\"%.20s\"}", (int)epoch, (int)seq,
             key);
    const struct store_write w = {.key = key,
                                  .key_len = strlen(key),
                                  .value = value,
                                  .value_len = strlen(value),
                                  .epoch = epoch,
                                  .seq = seq,
                                  .want_previous = previous};
    assert_int_equal(b->store.put(b->store.ctx, &w), ST_OK);
}

static void see(void *arg, size_t i, const struct store_reply *reply) {
    struct bench *b = arg;
    assert_int_equal(i, b->n_seen);
    struct answer_seen *s = &b->seen[b->n_seen++];
    *s = (struct answer_seen){.result = reply->result, .epoch = reply->epoch, .seq = reply->seq};
    snprintf(s->previous, sizeof s->previous, "%s", reply->previous ? reply->previous : "");
    snprintf(s->why, sizeof s->why, "%s", reply->why ? reply->why : "");
}

static enum status flush(struct bench *b) {
    b->n_seen = 0;
    return b->store.flush(b->store.ctx, see, b);
}

static enum store_result written(struct bench *b, const char *key, uint64_t epoch, uint64_t seq) {
    put(b, key, epoch, seq, false);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_seen, 1);
    return b->seen[0].result;
}

static const char *name(int i) {
    static char text[32];
    snprintf(text, sizeof text, "x:food:rec:u%d", i);
    return text;
}

/* A key that node k has, another one for each n. */
static const char *key_at(struct bench *b, int k, int n) {
    static char text[32];
    for (int i = 0;; i++) {
        snprintf(text, sizeof text, "x:at:%d-%d", n, i);
        if (redis_cluster_owner(b->c, slot_of(text, strlen(text))) == k) {
            return text;
        }
    }
}

static int size_of(struct bench *b, int k) {
    return atoi(redis_cluster_run(b->c, k, "DBSIZE"));
}

/* ---- tests --------------------------------------------------------------------------------- */

static void slots_are_those_that_the_server_says(void **state) {
    struct bench *b = *state;
    static const char *const KEYS[] = {"x",     "{}",   "{a}", "a{b}c",  "a{}b{c}",
                                       "{{x}}", "x}{y", "a{b", "{a}{b}", "crossrec:published:0"};
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++) {
        assert_int_equal(slot_of(KEYS[k], strlen(KEYS[k])), redis_cluster_slot(b->c, KEYS[k]));
    }
    for (int i = 0; i < 200; i++) {
        assert_int_equal(slot_of(name(i), strlen(name(i))), redis_cluster_slot(b->c, name(i)));
    }
}

static void a_pipeline_is_split_and_its_replies_come_in_the_order_of_the_puts(void **state) {
    struct bench *b = *state;
    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < MANY; i++) {
            put(b, name(i), 1, (uint64_t)(round * MANY + i), true);
        }
        assert_int_equal(flush(b), ST_OK);
        assert_int_equal(b->n_seen, MANY);
        for (int i = 0; i < MANY; i++) {
            char was[64] = "";
            if (round == 2) {
                snprintf(was, sizeof was, "{\"version\":[1,%d],\"k\":\"%s\"}", MANY + i, name(i));
            }
            assert_int_equal(b->seen[i].result, STORE_WRITTEN);
            assert_string_equal(b->seen[i].previous, was);
        }
    }
    int n = 0;
    for (int k = 0; k < CLUSTER_MASTERS; k++) {
        assert_true(size_of(b, k) > MANY / 4);
        n += size_of(b, k);
    }
    assert_int_equal(n, MANY);
    assert_false(connected(b));
}

static void the_fence_expiry_streams_and_get_work_on_every_node(void **state) {
    struct bench *b = *state;
    for (int k = 0; k < CLUSTER_MASTERS; k++) {
        char key[32];
        const char *value = NULL;
        size_t len = 0;
        snprintf(key, sizeof key, "%s", key_at(b, k, 0));
        assert_int_equal(written(b, key, 5, 7), STORE_WRITTEN);
        assert_int_equal(written(b, key, 5, 6), STORE_FENCED);
        assert_int_equal(b->seen[0].seq, 7);
        assert_int_equal(b->store.expire(b->store.ctx, key, strlen(key), 60000), ST_OK);
        assert_int_equal(flush(b), ST_OK);
        assert_true(atoi(redis_cluster_run(b->c, k, "PTTL %s", key)) > 50000);
        assert_int_equal(b->store.get(b->store.ctx, key, &value, &len), ST_OK);
        assert_non_null(value);
        uint64_t ms = 1;
        uint64_t seq = 1;
        snprintf(key, sizeof key, "%s", key_at(b, k, 1));
        assert_int_equal(b->store.last_id(b->store.ctx, key, &ms, &seq), ST_OK);
        assert_int_equal(ms, 0);
        const struct store_field field = {"a", "b", 1};
        const struct store_entry e = {.key = key,
                                      .key_len = strlen(key),
                                      .ms = 5,
                                      .seq = 6,
                                      .maxlen = 10,
                                      .fields = &field,
                                      .n_fields = 1};
        assert_int_equal(b->store.append(b->store.ctx, &e), ST_OK);
        assert_int_equal(flush(b), ST_OK);
        assert_int_equal(b->seen[0].result, STORE_WRITTEN);
        assert_int_equal(b->store.last_id(b->store.ctx, key, &ms, &seq), ST_OK);
        assert_true(ms == 5 && seq == 6);
    }
}

/* Behind the client's back. */
static void moved_is_followed_and_nothing_counts_as_lost(void **state) {
    struct bench *b = *state;
    char key[32];
    snprintf(key, sizeof key, "%s", key_at(b, 0, 0));
    const int slot = slot_of(key, strlen(key));
    assert_int_equal(written(b, key, 1, 5), STORE_WRITTEN);
    for (int to = 1; to != -1; to = to == 1 ? 2 : to == 2 ? 0 : -1) {
        redis_cluster_move_begin(b->c, slot, to);
        redis_cluster_move_keys(b->c, slot, to);
        redis_cluster_move_end(b->c, slot, to);
        for (int i = 0; i < 50; i++) { /* among others, in order */
            put(b, name(i), 1, (uint64_t)(10 * to + 1), false);
        }
        put(b, key, 1, (uint64_t)(10 + to), true);
        put(b, key, 1, 2, false);
        assert_int_equal(flush(b), ST_OK);
        assert_int_equal(b->n_seen, 52);
        assert_int_equal(b->seen[50].result, to == 0 ? STORE_FENCED : STORE_WRITTEN);
        assert_int_equal(b->seen[51].result, STORE_FENCED);
        assert_non_null(strstr(redis_cluster_run(b->c, to, "GET %s", key), "[1,1"));
        const char *value = NULL;
        size_t len = 0;
        assert_int_equal(b->store.get(b->store.ctx, key, &value, &len), ST_OK);
        assert_non_null(value);
        assert_false(connected(b)); /* nobody lost anything, and the map is new */
    }
    redis_cluster_await(b->c);
}

static void get_follows_moved_too(void **state) {
    struct bench *b = *state;
    char key[32];
    snprintf(key, sizeof key, "%s", key_at(b, 1, 0));
    const int slot = slot_of(key, strlen(key));
    assert_int_equal(written(b, key, 1, 5), STORE_WRITTEN);
    redis_cluster_move_begin(b->c, slot, 2);
    redis_cluster_move_keys(b->c, slot, 2);
    redis_cluster_move_end(b->c, slot, 2);
    const char *value = NULL;
    size_t len = 0;
    assert_int_equal(b->store.get(b->store.ctx, key, &value, &len), ST_OK);
    assert_non_null(value);
    redis_cluster_move_begin(b->c, slot, 1);
    redis_cluster_move_keys(b->c, slot, 1);
    redis_cluster_move_end(b->c, slot, 1);
}

static void in_the_middle_of_a_move_ask_is_followed(void **state) {
    struct bench *b = *state;
    char key[32];
    snprintf(key, sizeof key, "{%s}there", key_at(b, 1, 0));
    const int slot = slot_of(key, strlen(key));
    assert_int_equal(written(b, key, 1, 1), STORE_WRITTEN);
    redis_cluster_move_begin(b->c, slot, 2);
    char tag[24];
    snprintf(tag, sizeof tag, "%.*s", (int)(strchr(key, '}') + 1 - key), key);
    for (int i = 0; i < 20; i++) { /* one is at its old place, the others are asked for */
        char other[40];
        snprintf(other, sizeof other, "%snew%d", tag, i);
        put(b, other, 1, 7, true);
        put(b, name(i), 1, 7, false);
    }
    put(b, key, 1, 2, true);
    assert_int_equal(flush(b), ST_OK);
    assert_int_equal(b->n_seen, 41);
    for (size_t i = 0; i < 41; i++) {
        assert_int_equal(b->seen[i].result, STORE_WRITTEN);
    }
    assert_non_null(strstr(b->seen[40].previous, "[1,1]"));
    assert_int_equal(atoi(redis_cluster_run(b->c, 2, "CLUSTER COUNTKEYSINSLOT %d", slot)), 20);
    const char *value = NULL;
    size_t len = 0;
    char other[40];
    snprintf(other, sizeof other, "%snew%d", tag, 3);
    assert_int_equal(b->store.get(b->store.ctx, other, &value, &len), ST_OK);
    assert_non_null(value);
    redis_cluster_move_keys(b->c, slot, 2);
    redis_cluster_move_end(b->c, slot, 2);
    assert_int_equal(written(b, key, 1, 1), STORE_FENCED);
    assert_false(connected(b));
    redis_cluster_move_begin(b->c, slot, 1);
    redis_cluster_move_keys(b->c, slot, 1);
    redis_cluster_move_end(b->c, slot, 1);
}

static void scripts_that_one_node_forgot_are_loaded_there_again(void **state) {
    struct bench *b = *state;
    redis_cluster_run(b->c, 1, "SCRIPT FLUSH");
    for (int i = 0; i < 100; i++) {
        put(b, name(i), 3, (uint64_t)i, false);
    }
    assert_int_equal(flush(b), ST_OK);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(b->seen[i].result, STORE_WRITTEN);
    }
    assert_false(connected(b));
}

/* `get` of a key that lies elsewhere: what the publisher does once a second. */
static void flushall_of_a_single_node_is_noticed_by_the_next_get(void **state) {
    struct bench *b = *state;
    for (int k = 0; k < CLUSTER_MASTERS; k++) {
        const char *value = NULL;
        size_t len = 0;
        for (int i = 0; i < 100; i++) {
            put(b, name(i), 3, (uint64_t)(100 * k + i), false);
        }
        assert_int_equal(flush(b), ST_OK);
        char elsewhere[32];
        snprintf(elsewhere, sizeof elsewhere, "%s", key_at(b, (k + 1) % 3, 0));
        assert_int_equal(b->store.get(b->store.ctx, elsewhere, &value, &len), ST_OK);
        assert_false(connected(b));
        redis_cluster_run(b->c, k, "FLUSHALL");
        assert_int_equal(b->store.get(b->store.ctx, elsewhere, &value, &len), ST_OK);
        assert_true(connected(b));
        assert_false(connected(b)); /* told once */
        assert_int_equal(b->store.get(b->store.ctx, elsewhere, &value, &len), ST_OK);
        assert_false(connected(b));
    }
}

static void of_a_pipeline_with_a_dead_node_what_came_before_it_is_handed_out(void **state) {
    struct bench *b = *state;
    char why[TEXT_MAX];
    bool fresh = false;
    char dead[32];
    snprintf(dead, sizeof dead, "%s", key_at(b, 1, 0));
    assert_int_equal(written(b, dead, 1, 1), STORE_WRITTEN);
    redis_cluster_kill(b->c, 1);
    put(b, key_at(b, 2, 1), 1, 1, false);
    put(b, key_at(b, 2, 2), 1, 1, false);
    put(b, dead, 1, 2, false);
    put(b, key_at(b, 2, 3), 1, 1, false);
    assert_int_equal(flush(b), ST_LOST);
    assert_int_equal(b->n_seen, 2);
    assert_int_equal(try_connect(b, &fresh, why), ST_AGAIN);
    assert_non_null(strstr(why, redis_cluster_address(b->c, 1)));
    redis_cluster_revive(b->c, 1);
    assert_true(await_connected(b)); /* who was away may have lost something */
    redis_cluster_await(b->c);
    assert_false(await_connected(b));
    assert_int_equal(written(b, dead, 1, 2), STORE_WRITTEN);
    assert_int_equal(written(b, dead, 1, 1), STORE_FENCED);
}

/* Two addresses of nobody, then one of a node: the last is the one that answers. */
static void of_several_addresses_one_that_answers_is_enough(void **state) {
    struct bench *b = *state;
    char several[256];
    char why[TEXT_MAX];
    bool fresh = false;
    redis_cluster_kill(b->c, 1);
    snprintf(several, sizeof several, "127.0.0.1:1,%s", redis_cluster_address(b->c, 1));
    use(b, new_redis(several, "", ""));
    assert_int_equal(try_connect(b, &fresh, why), ST_AGAIN);
    assert_non_null(strstr(why, redis_cluster_address(b->c, 1)));
    redis_cluster_revive(b->c, 1);
    redis_cluster_await(b->c);
    snprintf(several, sizeof several, "127.0.0.1:1,[::1]:1,%s", redis_cluster_address(b->c, 1));
    use(b, new_redis(several, "", ""));
    assert_true(await_connected(b));
    for (int i = 0; i < 50; i++) { /* and it has learned of the others */
        put(b, name(i), 9, (uint64_t)i, false);
    }
    assert_int_equal(flush(b), ST_OK);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(b->seen[i].result, STORE_WRITTEN);
    }
    assert_false(await_connected(b));
}

static void several_addresses_of_servers_that_are_no_cluster_are_refused(void **state) {
    struct bench *b = *state;
    struct redis_fixture *alone = redis_fixture_start(REDIS_PORT, NULL);
    assert_non_null(alone);
    char several[256];
    char why[TEXT_MAX];
    bool fresh = false;
    snprintf(several, sizeof several, "%s,%s", redis_fixture_tcp_address(alone),
             redis_cluster_address(b->c, 0));
    use(b, new_redis(several, "", ""));
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(try_connect(b, &fresh, why), ST_INVALID);
        assert_non_null(strstr(why, "is no node of a cluster"));
    }
    redis_fixture_stop(alone);
}

static void what_are_no_addresses_of_a_cluster_is_told(void **state) {
    (void)state;
    char many[1024] = "a:1";
    for (int k = 2; k <= REDIS_SEEDS_MAX + 1; k++) {
        const size_t n = strlen(many);
        snprintf(many + n, sizeof many - n, ",a:%d", k);
    }
    const char *const bad[] = {"a:1,unix:/b", "unix:/b,a:1", "a:1,", ",a:1", "a:1,b", many};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        const struct redis_params params = {bad[k], "", "", TIMEOUT_MS};
        char err[TEXT_MAX] = "";
        struct redis *r = NULL;
        assert_int_equal(redis_new(&params, &r, err, sizeof err), ST_INVALID);
        assert_non_null(strstr(err, bad[k]));
        assert_null(r);
    }
    *strrchr(many, ',') = '\0';
    redis_free(new_redis(many, "", ""));
}

/* Nodes that live refuse as long as a slot has no master: an error that passes. */
static void a_cluster_that_is_down_is_an_error_that_passes(void **state) {
    struct bench *b = *state;
    char living[32];
    snprintf(living, sizeof living, "%s", key_at(b, 2, 0));
    redis_cluster_kill(b->c, 1);
    const int64_t end_ms = stand_now_ms() + CLUSTER_WAIT_MS;
    enum store_result result = STORE_WRITTEN;
    while (result != STORE_ERROR && stand_now_ms() < end_ms) {
        result = written(b, living, 1, 1);
        stand_nap_ms(20);
    }
    assert_int_equal(result, STORE_ERROR);
    assert_non_null(strstr(b->seen[0].why, "CLUSTERDOWN"));
    redis_cluster_revive(b->c, 1);
    while (result == STORE_ERROR && stand_now_ms() < end_ms) {
        (void)await_connected(b);
        result = written(b, living, 1, 1);
        stand_nap_ms(20);
    }
    assert_int_equal(result, STORE_WRITTEN);
}

static void a_promoted_replica_takes_the_writes_and_counts_as_a_loss(void **state) {
    struct bench *b = *state;
    char key[32];
    snprintf(key, sizeof key, "%s", key_at(b, 0, 0));
    assert_int_equal(written(b, key, 1, 1), STORE_WRITTEN);
    redis_cluster_kill(b->c, 0); /* which is the configured one, too */
    put(b, key, 1, 2, false);
    assert_int_equal(flush(b), ST_LOST);
    assert_int_equal(b->n_seen, 0);
    assert_true(await_connected(b));
    const int64_t end_ms = stand_now_ms() + CLUSTER_WAIT_MS;
    enum store_result result = STORE_ERROR;
    while (result == STORE_ERROR && stand_now_ms() < end_ms) {
        (void)await_connected(b);
        put(b, key, 1, 2, false);
        result = flush(b) == ST_OK ? b->seen[0].result : STORE_ERROR;
        stand_nap_ms(20);
    }
    assert_int_equal(result, STORE_WRITTEN);
    assert_non_null(strstr(redis_cluster_run(b->c, REPLICA, "GET %s", key), "[1,2]"));
    char several[256]; /* a start now needs another seed than the one that is gone */
    snprintf(several, sizeof several, "%s,%s", redis_cluster_address(b->c, 0),
             redis_cluster_address(b->c, 2));
    use(b, new_redis(several, "", ""));
    assert_true(await_connected(b));
    assert_int_equal(written(b, key, 1, 1), STORE_FENCED);
    redis_cluster_revive(b->c, 0); /* as a replica, now */
    redis_cluster_await(b->c);
    assert_false(await_connected(b));
    assert_int_equal(written(b, key, 1, 3), STORE_WRITTEN);
    assert_int_equal(written(b, key, 1, 2), STORE_FENCED);
}

/* ---- rights -------------------------------------------------------------------------- */

struct heard {
    int problems;
    char text[16384];
};

static void hear(void *arg, bool ok, const char *text) {
    struct heard *h = arg;
    h->problems += !ok;
    strcat(strcat(h->text, text), "\n");
}

#define RIGHTS                                                                                     \
    "~x:* &x:* +evalsha +script|load +getrange +get +set +pexpire +info +publish +xadd +xlen "     \
    "+xinfo|stream"

static void give(struct bench *b, int k, const char *rights) {
    redis_cluster_run(b->c, k, "ACL SETUSER app reset on >pw %s", rights);
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        n++;
    }
    return n;
}

static void check_looks_at_every_master_and_names_rights_and_node(void **state) {
    struct bench *b = *state;
    struct heard h = {0};
    char why[TEXT_MAX];
    bool fresh = false;
    for (int k = 0; k < redis_cluster_size(b->c); k++) {
        give(b, k, RIGHTS " +cluster|slots +asking");
    }
    use(b, new_redis(redis_cluster_address(b->c, 2), "app", "pw"));
    if (redis_check(b->r, "x", hear, &h) != 0) {
        fail_msg("%s", h.text);
    }
    assert_int_equal(count(h.text, ": EVALSHA\n"), CLUSTER_MASTERS);
    assert_non_null(strstr(h.text, "connected to a cluster"));

    give(b, 1,
         "~x:* &x:* +evalsha +script|load +getrange +get +set +pexpire +info +xadd +xlen "
         "+xinfo|stream +cluster|slots +asking");
    h = (struct heard){0};
    assert_int_equal(redis_check(b->r, "x", hear, &h), 1);
    snprintf(why, sizeof why, "problem: %s: PUBLISH: NOPERM", redis_cluster_address(b->c, 1));
    assert_non_null(strstr(h.text, why));
    assert_non_null(strstr(h.text, " +cluster|slots +asking\n"));

    give(b, 2, RIGHTS);
    use(b, new_redis(redis_cluster_address(b->c, 2), "app", "pw"));
    assert_int_equal(try_connect(b, &fresh, why), ST_INVALID);
    assert_non_null(strstr(why, "+cluster|slots"));
}

/* Without INFO nobody says that this is a cluster; the first redirection does. */
static void without_info_a_cluster_is_recognised_by_its_redirections(void **state) {
    struct bench *b = *state;
    for (int k = 0; k < redis_cluster_size(b->c); k++) {
        give(b, k, "~x:* &x:* +evalsha +script|load +getrange +get +set +pexpire +cluster|slots");
    }
    use(b, new_redis(redis_cluster_address(b->c, 2), "app", "pw"));
    assert_true(connected(b));
    for (int i = 0; i < 50; i++) {
        put(b, name(i), 9, (uint64_t)i, false);
    }
    assert_int_equal(flush(b), ST_OK);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(b->seen[i].result, STORE_WRITTEN);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void) {
    redis_fixture_require();
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(slots_are_those_that_the_server_says),
        TEST(a_pipeline_is_split_and_its_replies_come_in_the_order_of_the_puts),
        TEST(the_fence_expiry_streams_and_get_work_on_every_node),
        TEST(moved_is_followed_and_nothing_counts_as_lost),
        TEST(get_follows_moved_too),
        TEST(in_the_middle_of_a_move_ask_is_followed),
        TEST(scripts_that_one_node_forgot_are_loaded_there_again),
        TEST(flushall_of_a_single_node_is_noticed_by_the_next_get),
        TEST(check_looks_at_every_master_and_names_rights_and_node),
        TEST(without_info_a_cluster_is_recognised_by_its_redirections),
        TEST(of_a_pipeline_with_a_dead_node_what_came_before_it_is_handed_out),
        TEST(a_cluster_that_is_down_is_an_error_that_passes),
        TEST(of_several_addresses_one_that_answers_is_enough),
        TEST(several_addresses_of_servers_that_are_no_cluster_are_refused),
        TEST(what_are_no_addresses_of_a_cluster_is_told),
        TEST(a_promoted_replica_takes_the_writes_and_counts_as_a_loss),
    };
    return cmocka_run_group_tests_name("redis cluster", tests, group_setup, group_teardown);
}
