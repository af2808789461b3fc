/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redis_faults.c -- whatever happens to Redis, in the end exactly the right keys stand there,
 * and nobody had to do anything. Real Kafka, real Redis, two real daemons: one whose Redis is hurt
 * while events go on, and one whose Redis is left alone; after each fault every key must say in
 * both what it says in the other (fault_bed.h).
 *
 * What is proven elsewhere: an older writer is refused (the fence) and told so: test_redis.c,
 * test_publisher.c; the exact place of a reset: test_redis.c; triggers through kill -9 and
 * FLUSHALL: test_triggers_faults.c; redirections one by one: test_redis_cluster.c; a writer that
 * was stopped, withdrawn consent, erasure: test_redis_zombie.c.
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
#include <unistd.h>

#include "daemon_fixture.h"
#include "fault_bed.h"
#include "redis_slots.h"
#include "scrape.h"

enum {
    SOME = 15, /* events a partition: enough that every fault finds lists to write */
    FREEZE_MS = 10000,
    POUR = 400,
    GROWTH_KIB = 24 * 1024,
};

static double metric(struct bed *b, const char *name) {
    return scrape(b->s.http, name, NULL);
}

static bool is_away(struct bed *b) {
    return !scrape_ready(b->s.http);
}

/* ---- servers that go and come ----------------------------------------------------------- */

static void killed_and_started_again_with_its_data(void **state) {
    struct bed *b = *state;
    redis_fixture_kill(b->s.redis);
    bed_feed(b, SOME);
    assert_true(redis_fixture_restart(b->s.redis));
    bed_healed(b);
    bed_await_right(b, "kill -9, started again with its data");
}

static void killed_and_started_again_empty(void **state) {
    struct bed *b = *state;
    redis_fixture_forget(b->s.redis);
    bed_feed(b, SOME);
    assert_true(redis_fixture_restart(b->s.redis));
    bed_healed(b);
    bed_await_right(b, "kill -9, started again empty");
}

static void flushall_on_the_live_connection(void **state) {
    struct bed *b = *state;
    bed_redis(b, "FLUSHALL");
    bed_healed(b);
    bed_await_right(b, "FLUSHALL, nothing to write");
    for (int k = 0; k < 3; k++) {
        bed_redis(b, "FLUSHALL");
        bed_feed(b, SOME / 3);
    }
    bed_redis(b, "FLUSHALL");
    bed_healed(b);
    bed_await_right(b, "FLUSHALL four times while events go on");
}

static void loading(void **state) {
    struct bed *b = *state;
    bed_redis(b, "BGREWRITEAOF"); /* all in its base, which is an RDB */
    BED_AWAIT(b, strstr(bed_redis_text(b, "INFO persistence"), "aof_rewrite_in_progress:0") &&
                     strstr(bed_redis_text(b, "INFO persistence"), "aof_rewrite_scheduled:0"));
    redis_fixture_kill(b->s.redis);
    bed_slow_loading(true);
    assert_true(redis_fixture_restart(b->s.redis));
    BED_AWAIT(b, strstr(bed_redis_text(b, "GET x"), "LOADING"));
    bed_feed(b, SOME);
    BED_AWAIT(b, bed_redis_text(b, "GET x")[0] == '\0');
    bed_slow_loading(false);
    bed_healed(b);
    bed_await_right(b, "LOADING");
    BED_EXPECT(b, daemon_fixture_logged(b->s.daemon, "LOADING"));
}

/* ---- servers that refuse ------------------------------------------------------------------ */

/* Some writes find room, then none. */
static void maxmemory_reached(void **state) {
    struct bed *b = *state;
    const char *used = strstr(bed_redis_text(b, "INFO memory"), "used_memory:");
    assert_non_null(used);
    bed_redis(b, "CONFIG SET maxmemory %ld", atol(used + strlen("used_memory:")) + 8192);
    bed_feed(b, SOME);
    bed_redis(b, "CONFIG SET maxmemory 1mb"); /* what it needs for itself */
    bed_feed(b, SOME);
    BED_AWAIT(b, is_away(b) && daemon_fixture_logged(b->s.daemon, "OOM"));
    bed_bites(b);
    bed_redis(b, "CONFIG SET maxmemory 0");
    bed_healed(b);
    bed_await_right(b, "maxmemory reached (noeviction), then raised");
}

/* A master that it cannot reach: it keeps its data, and refuses. */
static void readonly(void **state) {
    struct bed *b = *state;
    bed_redis(b, "REPLICAOF 127.0.0.1 1");
    bed_feed(b, SOME);
    BED_AWAIT(b, daemon_fixture_logged(b->s.daemon, "READONLY"));
    bed_bites(b);
    bed_redis(b, "REPLICAOF NO ONE");
    bed_healed(b);
    bed_await_right(b, "READONLY, then a master again");

    struct redis_fixture *other = redis_fixture_start(REDIS_PORT, NULL);
    assert_non_null(other);
    bed_redis(b, "REPLICAOF 127.0.0.1 %s", strchr(redis_fixture_tcp_address(other), ':') + 1);
    BED_AWAIT(b, strstr(bed_redis_text(b, "INFO replication"), "master_link_status:up"));
    bed_feed(b, SOME);
    bed_bites(b);
    bed_redis(b, "REPLICAOF NO ONE");
    bed_healed(b);
    redis_fixture_stop(other);
    bed_await_right(b, "READONLY with another master's data, then a master");
}

/* Until somebody types ACL SETUSER: that is what the log says. */
static void wrong_password(void **state) {
    struct bed *b = *state;
    bed_redis(b, "ACL SETUSER app resetpass >changed");
    bed_redis(b, "CLIENT KILL TYPE normal SKIPME yes");
    bed_feed(b, SOME);
    BED_AWAIT(b, is_away(b) && daemon_fixture_logged(b->s.daemon, "WRONGPASS"));
    bed_bites(b);
    bed_redis(b, "ACL SETUSER app >pw");
    bed_healed(b);
    bed_await_right(b, "wrong password, then the right one");
}

static void a_right_taken_away_and_given_back(void **state) {
    struct bed *b = *state;
    bed_redis(b, "ACL SETUSER app -set");
    bed_feed(b, SOME);
    BED_AWAIT(b, is_away(b) && daemon_fixture_logged(b->s.daemon, "ACL SETUSER app ~<prefix>:*"));
    bed_bites(b);
    bed_redis(b, "ACL SETUSER app +set");
    bed_healed(b);
    bed_await_right(b, "NOPERM (-set), then given back");
}

/* ---- connections and scripts ------------------------------------------------------------ */

static void noscript(void **state) {
    struct bed *b = *state;
    const double losses = metric(b, "crossrec_republish_total");
    for (int k = 0; k < 5; k++) {
        bed_redis(b, "SCRIPT FLUSH");
        bed_feed(b, SOME / 5);
    }
    bed_redis(b, "SCRIPT FLUSH");
    bed_feed(b, SOME / 5);
    bed_healed(b);
    bed_await_right(b, "NOSCRIPT, six times");
    BED_EXPECT(b, metric(b, "crossrec_republish_total") == losses); /* it is no loss */
}

/* After so many bytes of answers; a reset of the same server is no loss. */
static void resets_in_the_middle_of_pipelines(void **state) {
    struct bed *b = *state;
    const double losses = metric(b, "crossrec_republish_total");
    const double errors = metric(b, "crossrec_redis_errors_total");
    for (size_t k = 0; k < 6; k++) {
        proxy_cut_answers(b->proxy, 7 + 53 * k);
        bed_feed(b, SOME / 5);
    }
    bed_healed(b);
    bed_await_right(b, "connection reset in the middle of a pipeline, six times");
    BED_EXPECT(b, metric(b, "crossrec_republish_total") == losses);
    BED_EXPECT(b, metric(b, "crossrec_redis_errors_total") >= errors + 6); /* each was one */
}

/* ---- slow, under load: memory ------------------------------------------------------------- */

static long resident_kib(struct bed *b) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", daemon_fixture_pid(b->s.daemon));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Ten seconds without an answer, and as many events as Kafka carries here. What waits is at most
 * everybody, however many events there are of them. */
static void slow_under_load_with_memory_that_is_bounded_by_the_users(void **state) {
    struct bed *b = *state;
    const long before = resident_kib(b);
    const int64_t sent = b->sent;
    const int64_t end_ms = stand_now_ms() + FREEZE_MS;
    double dirty = 0.0;
    redis_fixture_freeze(b->s.redis);
    while (stand_now_ms() < end_ms) {
        bed_pour(b, POUR);
        const double now = metric(b, "crossrec_dirty_users");
        dirty = now > dirty ? now : dirty;
        stand_nap_ms(100);
    }
    bed_await_learned(b); /* learning goes on */
    const long growth = resident_kib(b) - before;
    redis_fixture_thaw(b->s.redis);
    bed_healed(b);
    bed_await_right(b, "SIGSTOP for 10 s under load, SIGCONT");
    print_message("meanwhile: %lld events of %d users learned, at most %.0f users waiting, "
                  "%ld KiB more memory\n",
                  (long long)(b->sent - sent), (int)BED_USERS, dirty, growth);
    BED_EXPECT(b, dirty <= BED_USERS * BED_PARTITIONS);
    BED_EXPECT(b, growth < GROWTH_KIB);
}

/* ---- a cluster ----------------------------------------------------------------------------- */

/* The slot of somebody's list, moved in two steps while events go on. */
static void move_a_slot(struct bed *b, const char *key) {
    const int slot = redis_cluster_slot(b->cluster, key);
    const int from = redis_cluster_owner(b->cluster, slot);
    const int to = (from + 1) % CLUSTER_MASTERS;
    redis_cluster_move_begin(b->cluster, slot, to);
    bed_feed(b, SOME / 5);
    redis_cluster_move_keys(b->cluster, slot, to);
    redis_cluster_move_end(b->cluster, slot, to);
    bed_feed(b, SOME / 5);
}

static void slots_of_a_cluster_that_move(void **state) {
    struct bed *b = *state;
    const double losses = metric(b, "crossrec_republish_total");
    for (int p = 0; p < BED_PARTITIONS; p++) {
        char key[64];
        snprintf(key, sizeof key, "crossrec:published:%d", p);
        move_a_slot(b, key);
    }
    move_a_slot(b, "crossrec:food:rec:u1");
    bed_healed(b);
    bed_await_right(b, "cluster: four slots moved (ASK, MOVED)");
    BED_EXPECT(b, metric(b, "crossrec_republish_total") == losses);
}

static void a_master_of_a_cluster_that_is_killed_and_comes_back(void **state) {
    struct bed *b = *state;
    redis_cluster_kill(b->cluster, 1);
    bed_feed(b, SOME);
    BED_AWAIT(b, is_away(b));
    redis_cluster_revive(b->cluster, 1);
    redis_cluster_await(b->cluster);
    bed_healed(b);
    bed_await_right(b, "cluster: a master killed and back with its data");
    redis_fixture_forget(redis_cluster_node(b->cluster, 1));
    redis_cluster_kill(b->cluster, 1);
    bed_feed(b, SOME);
    redis_cluster_revive(b->cluster, 1);
    redis_cluster_await(b->cluster);
    bed_healed(b);
    bed_await_right(b, "cluster: a master killed and back empty");
}

static void a_node_of_a_cluster_that_is_flushed(void **state) {
    struct bed *b = *state;
    for (int k = 0; k < CLUSTER_MASTERS; k++) {
        redis_cluster_run(b->cluster, k, "FLUSHALL");
        bed_healed(b);
        bed_await_right(b, k == 0   ? "cluster: FLUSHALL of the first node"
                           : k == 1 ? "cluster: FLUSHALL of the second node"
                                    : "cluster: FLUSHALL of the third node");
    }
}

static void a_master_of_a_cluster_whose_replica_takes_over(void **state) {
    struct bed *b = *state;
    redis_cluster_kill(b->cluster, 0);
    bed_healed(b); /* nobody does anything from here on */
    bed_feed(b, SOME);
    bed_await_right(b, "cluster: a master killed, its replica promoted");
    redis_cluster_revive(b->cluster, 0);
    redis_cluster_await(b->cluster);
    bed_settle(b);
}

static int cluster_setup(void **state) {
    struct bed *b = *state;
    b->cluster = redis_cluster_start(true);
    bed_start(b, true);
    bed_await_learned(b);
    bed_settle(b);
    return 0;
}

/* Right from the start of each, and still a while after the one before. */
static int settle(void **state) {
    bed_settle(*state);
    return 0;
}

/* So that a test that failed does not fail the others. */
static int heal(void **state) {
    struct bed *b = *state;
    bed_slow_loading(false);
    (void)bed_redis_text(b, "CONFIG SET maxmemory 0");
    (void)bed_redis_text(b, "REPLICAOF NO ONE");
    (void)bed_redis_text(b, "ACL SETUSER app resetpass >pw +set");
    return 0;
}

static int teardown(void **state) {
    bed_show_table();
    return bed_teardown(state);
}

#define TEST(f)         cmocka_unit_test_setup_teardown(f, settle, heal)
#define CLUSTER_TEST(f) cmocka_unit_test_setup(f, settle)

/* test_redis_faults [PATTERN]: those tests only. */
int main(int argc, char **argv) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(killed_and_started_again_with_its_data),
        TEST(killed_and_started_again_empty),
        TEST(flushall_on_the_live_connection),
        TEST(loading),
        TEST(maxmemory_reached),
        TEST(readonly),
        TEST(wrong_password),
        TEST(a_right_taken_away_and_given_back),
        TEST(noscript),
        TEST(resets_in_the_middle_of_pipelines),
        TEST(slow_under_load_with_memory_that_is_bounded_by_the_users),
        cmocka_unit_test_setup(slots_of_a_cluster_that_move, cluster_setup),
        CLUSTER_TEST(a_master_of_a_cluster_that_is_killed_and_comes_back),
        CLUSTER_TEST(a_node_of_a_cluster_that_is_flushed),
        CLUSTER_TEST(a_master_of_a_cluster_whose_replica_takes_over),
    };
    return cmocka_run_group_tests_name("redis faults", tests, bed_setup, teardown);
}
