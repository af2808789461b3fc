/* SPDX-License-Identifier: Apache-2.0
 * redis_cluster.c -- see redis_cluster.h. */
#include "redis_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_fixture.h"
#include "stand.h"

enum { ARGS = 20, ID_MAX = 48, COMMAND_MAX = 512, REPLY_MAX = 16384, KEYS_AT_ONCE = 100 };

struct redis_cluster {
    int n;
    struct node {
        struct redis_fixture *server;
        redisContext *client;
        const char *args[ARGS];
        char bus[16], id[ID_MAX];
        bool runs;
    } nodes[CLUSTER_NODES];
    char reply[REPLY_MAX];
};

int redis_cluster_size(const struct redis_cluster *c) {
    return c->n;
}

const char *redis_cluster_address(const struct redis_cluster *c, int k) {
    return redis_fixture_tcp_address(c->nodes[k].server);
}

struct redis_fixture *redis_cluster_node(struct redis_cluster *c, int k) {
    return c->nodes[k].server;
}

static const char *port_of(const struct redis_cluster *c, int k) {
    return strchr(redis_cluster_address(c, k), ':') + 1;
}

/* ---- commands ------------------------------------------------------------------------------ */

redisContext *redis_cluster_client(struct redis_cluster *c, int k) {
    struct node *n = &c->nodes[k];
    if (n->client && n->client->err) {
        redisFree(n->client);
        n->client = NULL;
    }
    if (!n->client && n->runs) {
        n->client = redisConnectUnix(redis_fixture_socket(n->server));
    }
    return n->client && !n->client->err ? n->client : NULL;
}

/* NULL: nobody answers, or an error; its text is in c->reply. */
__attribute__((format(printf, 3, 0))) static const char *ask(struct redis_cluster *c, int k,
                                                             const char *format, va_list args) {
    char command[COMMAND_MAX];
    vsnprintf(command, sizeof command, format, args);
    redisContext *client = redis_cluster_client(c, k);
    redisReply *r = client ? redisCommand(client, command) : NULL;
    const bool good = r && r->type != REDIS_REPLY_ERROR;
    if (good && r->type == REDIS_REPLY_INTEGER) {
        snprintf(c->reply, sizeof c->reply, "%lld", r->integer);
    } else {
        snprintf(c->reply, sizeof c->reply, "%s", !r ? "no reply" : r->str ? r->str : "");
    }
    freeReplyObject(r);
    return good ? c->reply : NULL;
}

const char *redis_cluster_run(struct redis_cluster *c, int k, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = ask(c, k, format, args);
    va_end(args);
    if (!text) {
        fail_msg("node %d: %s: %s", k, format, c->reply);
    }
    return text;
}

/* "" where it does not work, now. */
__attribute__((format(printf, 3, 4))) static const char *try(struct redis_cluster *c, int k,
                                                             const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = ask(c, k, format, args);
    va_end(args);
    return text ? text : "";
}

int redis_cluster_slot(struct redis_cluster *c, const char *key) {
    return atoi(redis_cluster_run(c, 0, "CLUSTER KEYSLOT %s", key));
}

/* ---- state --------------------------------------------------------------------------------- */

/* As node k sees it. */
static bool is_well(struct redis_cluster *c, int k) {
    const char *info = try(c, k, "CLUSTER INFO");
    return strstr(info, "cluster_state:ok") && strstr(info, "cluster_slots_ok:16384") &&
           strstr(info, "cluster_size:3");
}

/* A replica that was promoted is not known to everybody at once. */
static const char *master_of(struct redis_cluster *c, int k, int slot) {
    static char id[ID_MAX];
    redisContext *client = redis_cluster_client(c, k);
    redisReply *r = client ? redisCommand(client, "CLUSTER SLOTS") : NULL;
    id[0] = '\0'; /* it is loading, or away */
    for (size_t i = 0; r && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const redisReply *range = r->element[i];
        if (slot >= range->element[0]->integer && slot <= range->element[1]->integer) {
            snprintf(id, sizeof id, "%s", range->element[2]->element[2]->str);
        }
    }
    freeReplyObject(r);
    return id;
}

bool redis_cluster_is_well(struct redis_cluster *c) {
    char first[3][ID_MAX] = {{0}};
    const int slots[3] = {0, 8000, 16383};
    bool begun = false;
    for (int k = 0; k < c->n; k++) {
        if (!c->nodes[k].runs) {
            continue;
        }
        if (!is_well(c, k)) {
            return false;
        }
        for (int s = 0; s < 3; s++) {
            const char *id = master_of(c, k, slots[s]);
            if (begun && strcmp(first[s], id) != 0) {
                return false;
            }
            snprintf(first[s], ID_MAX, "%s", id);
        }
        begun = true;
    }
    return true;
}

void redis_cluster_await(struct redis_cluster *c) {
    const int64_t end_ms = stand_now_ms() + CLUSTER_WAIT_MS;
    while (!redis_cluster_is_well(c)) {
        if (stand_now_ms() > end_ms) {
            fail_msg("the cluster is not well: %s", redis_cluster_run(c, 0, "CLUSTER NODES"));
        }
        stand_nap_ms(20);
    }
}

/* Who says so of itself: the others learn of it later. */
int redis_cluster_owner(struct redis_cluster *c, int slot) {
    int k = 0;
    while (k < c->n && (!c->nodes[k].runs || strcmp(master_of(c, k, slot), c->nodes[k].id) != 0)) {
        k++;
    }
    return k < c->n ? k : -1;
}

/* ---- starting ------------------------------------------------------------------------ */

static void start_node(struct redis_cluster *c, int k) {
    struct node *n = &c->nodes[k];
    snprintf(n->bus, sizeof n->bus, "%d", redis_fixture_free_port());
    const char *const args[] = {"--cluster-enabled",
                                "yes",
                                "--cluster-config-file",
                                "nodes.conf",
                                "--cluster-port",
                                n->bus,
                                "--cluster-node-timeout",
                                "1000",
                                "--appendonly",
                                "yes",
                                "--appendfsync",
                                "no",
                                "--repl-diskless-sync-delay",
                                "0",
                                NULL};
    memcpy(n->args, args, sizeof args);
    n->server = redis_fixture_start(REDIS_PORT, n->args);
    assert_non_null(n->server);
    n->runs = true;
    snprintf(n->id, sizeof n->id, "%s", redis_cluster_run(c, k, "CLUSTER MYID"));
}

static bool knows(struct redis_cluster *c, int k, int other) {
    return strstr(redis_cluster_run(c, k, "CLUSTER NODES"), c->nodes[other].id) != NULL;
}

static void add_replica(struct redis_cluster *c, int k, int of) {
    const int64_t end_ms = stand_now_ms() + CLUSTER_WAIT_MS;
    while (!knows(c, k, of)) {
        assert_true(stand_now_ms() < end_ms);
        stand_nap_ms(10);
    }
    redis_cluster_run(c, k, "CLUSTER REPLICATE %s", c->nodes[of].id);
    while (!strstr(redis_cluster_run(c, k, "INFO replication"), "master_link_status:up")) {
        assert_true(stand_now_ms() < end_ms);
        stand_nap_ms(10);
    }
}

struct redis_cluster *redis_cluster_start(bool with_replica) {
    struct redis_cluster *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->n = CLUSTER_MASTERS + with_replica;
    for (int k = 0; k < c->n; k++) {
        start_node(c, k);
        redis_cluster_run(c, k, "CLUSTER SET-CONFIG-EPOCH %d", k + 1);
    }
    for (int k = 0; k < CLUSTER_MASTERS; k++) {
        redis_cluster_run(c, k, "CLUSTER ADDSLOTSRANGE %d %d", (16384 * k + 2) / 3,
                          (16384 * (k + 1) + 2) / 3 - 1);
    }
    for (int k = 1; k < c->n; k++) {
        redis_cluster_run(c, 0, "CLUSTER MEET 127.0.0.1 %s %s", port_of(c, k), c->nodes[k].bus);
    }
    if (with_replica) {
        add_replica(c, CLUSTER_MASTERS, 0);
    }
    redis_cluster_await(c);
    return c;
}

void redis_cluster_kill(struct redis_cluster *c, int k) {
    struct node *n = &c->nodes[k];
    redisFree(n->client);
    n->client = NULL;
    n->runs = false;
    redis_fixture_kill(n->server);
}

void redis_cluster_revive(struct redis_cluster *c, int k) {
    assert_true(redis_fixture_restart(c->nodes[k].server));
    c->nodes[k].runs = true;
}

void redis_cluster_stop(struct redis_cluster *c) {
    for (int k = 0; c && k < c->n; k++) {
        redisFree(c->nodes[k].client);
        redis_fixture_stop(c->nodes[k].server);
    }
    free(c);
}

/* ---- moving a slot --------------------------------------------------------------------- */

static int owner(struct redis_cluster *c, int slot) {
    const int k = redis_cluster_owner(c, slot);
    assert_true(k >= 0);
    return k;
}

void redis_cluster_move_begin(struct redis_cluster *c, int slot, int to) {
    const int from = owner(c, slot);
    assert_int_not_equal(from, to);
    redis_cluster_run(c, to, "CLUSTER SETSLOT %d IMPORTING %s", slot, c->nodes[from].id);
    redis_cluster_run(c, from, "CLUSTER SETSLOT %d MIGRATING %s", slot, c->nodes[to].id);
}

void redis_cluster_move_keys(struct redis_cluster *c, int slot, int to) {
    const int from = owner(c, slot);
    for (size_t n = 1; n > 0;) {
        redisReply *keys = redisCommand(redis_cluster_client(c, from),
                                        "CLUSTER GETKEYSINSLOT %d %d", slot, KEYS_AT_ONCE);
        assert_true(keys && keys->type == REDIS_REPLY_ARRAY);
        n = keys->elements;
        for (size_t i = 0; i < n; i++) {
            redis_cluster_run(c, from, "MIGRATE 127.0.0.1 %s %s 0 5000", port_of(c, to),
                              keys->element[i]->str);
        }
        freeReplyObject(keys);
    }
}

void redis_cluster_move_end(struct redis_cluster *c, int slot, int to) {
    const int from = owner(c, slot);
    redis_cluster_run(c, to, "CLUSTER SETSLOT %d NODE %s", slot, c->nodes[to].id);
    redis_cluster_run(c, from, "CLUSTER SETSLOT %d NODE %s", slot, c->nodes[to].id);
}
