/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_check.c -- redis_check() of redis.h: what the server is, whether the rights suffice. Of a
 * cluster each master is checked, as each has users and rights of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "redis.h"
#include "redis_nodes.h"

enum { TEXT_MAX = 1024, WHY_MAX = TEXT_MAX - 64, NAME_MAX = 512, WHERE_MAX = 320 };

struct check {
    struct redis_nodes *nodes;
    struct redis_link *link; /* to the node that is being checked */
    const char *prefix;
    char where[WHERE_MAX]; /* "127.0.0.1:7000: ", of a cluster */
    void (*say)(void *arg, bool ok, const char *text);
    void *arg;
    int problems;
};

static void report_ok(struct check *c, const char *what) {
    char line[TEXT_MAX + WHERE_MAX + 16];
    snprintf(line, sizeof line, "ok: %s%s", c->where, what);
    c->say(c->arg, true, line);
}

/* `what` ends in what to type. */
static void report_problem(struct check *c, const char *what) {
    char line[TEXT_MAX + WHERE_MAX + 16];
    snprintf(line, sizeof line, "problem: %s%s", c->where, what);
    c->problems++;
    c->say(c->arg, false, line);
}

static void check_server(struct check *c) {
    const struct redis_identity *id = &c->link->id;
    char text[TEXT_MAX];
    char *rest = NULL;
    unsigned long major = strtoul(id->version, &rest, 10); /* "7.0.15" */
    if (*rest != '.') {
        report_ok(c, "version and maxmemory-policy unknown, as INFO is refused: every "
                     "reconnection publishes everything again");
        return;
    }
    unsigned long minor = strtoul(rest + 1, NULL, 10);
    if (major > 6 || (major == 6 && minor >= 2)) {
        snprintf(text, sizeof text, "Redis %s", id->version);
        report_ok(c, text);
    } else {
        snprintf(text, sizeof text, "Redis %s; install 6.2 or newer", id->version);
        report_problem(c, text);
    }
    if (redis_policy(id, text, sizeof text)) {
        report_problem(c, text);
    } else {
        snprintf(text, sizeof text, "maxmemory-policy %s", id->policy);
        report_ok(c, text);
    }
}

/* ---- commands ----------------------------------------------------------------------- */

/* A command that the daemon needs, or one that only tidies up. */
static void check_command(struct check *c, const char *name, const struct span *args, size_t n,
                          bool needed) {
    char text[TEXT_MAX];
    char why[WHY_MAX];
    enum status st = redis_link_try(c->link, &c->nodes->login, args, n, why, sizeof why);
    if (st == ST_OK) {
        report_ok(c, name);
    } else if (!needed) {
        snprintf(text, sizeof text, "%s is refused, and not needed", name);
        report_ok(c, text);
    } else {
        snprintf(text, sizeof text, "%s%s", why,
                 st == ST_INVALID ? "" : "; type in redis-cli: INFO, and look at the server's log");
        report_problem(c, text);
    }
}

#define CHECK(c, name, needed, ...)                                                                \
    do {                                                                                           \
        const struct span args_[] = {__VA_ARGS__};                                                 \
        check_command((c), (name), args_, sizeof args_ / sizeof *args_, (needed));                 \
    } while (0)

/* The rights that the script needs inside are tried one by one, so that the missing one is named;
 * then the script itself. */
static void check_values(struct check *c, const char *name, const char *channel) {
    const struct span key = resp_text(name);
    const struct span value = resp_text("{\"version\":[0,0],\"check\":1}");
    const struct span ttl_ms = resp_text("10000"); /* goes away also where DEL is refused */
    const struct span zero = resp_text("0");
    const struct span one = resp_text("1");
    CHECK(c, "SET", true, resp_text("SET"), key, value, resp_text("PX"), ttl_ms);
    CHECK(c, "GETRANGE", true, resp_text("GETRANGE"), key, zero, resp_text("47"));
    CHECK(c, "PUBLISH", true, resp_text("PUBLISH"), resp_text(channel), one);
    CHECK(c, "EVALSHA", true, resp_text("EVALSHA"), resp_text(c->link->write_sha), one, key, value,
          zero, zero, ttl_ms, one);
    CHECK(c, "GET", true, resp_text("GET"), key);
    CHECK(c, "PEXPIRE", true, resp_text("PEXPIRE"), key, ttl_ms);
    CHECK(c, "DEL", false, resp_text("DEL"), key);
}

static void check_streams(struct check *c, const char *name) {
    const struct span key = resp_text(name);
    CHECK(c, "XADD", true, resp_text("XADD"), key, resp_text("*"), resp_text("check"),
          resp_text("1"));
    CHECK(c, "XLEN", true, resp_text("XLEN"), key);
    CHECK(c, "XINFO STREAM", true, resp_text("XINFO"), resp_text("STREAM"), key);
    CHECK(c, "PEXPIRE", true, resp_text("PEXPIRE"), key, resp_text("10000"));
    CHECK(c, "DEL", false, resp_text("DEL"), key);
}

/* ---- nodes -------------------------------------------------------------------------- */

/* `<prefix>:check:<random>`; of a cluster with a tag that leads to this node. */
static void name_key(const struct check *c, size_t node, char name[NAME_MAX], const char *what) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (int tag = 0; tag < SLOTS; tag++) {
        snprintf(name, NAME_MAX, "%s:check:{%ld-%ld-%d}%s", c->prefix, (long)getpid(), now.tv_nsec,
                 tag, what);
        if (!c->nodes->is_cluster ||
            redis_nodes_at(c->nodes, slot_of(name, strlen(name))) == node) {
            return;
        }
    }
}

static void check_node(struct check *c, size_t node) {
    char key[NAME_MAX];
    char stream[NAME_MAX];
    char channel[NAME_MAX];
    const struct slot_address *address = &c->nodes->map.nodes[node];
    if (c->nodes->is_cluster) {
        snprintf(c->where, sizeof c->where, "%s:%d: ", address->host, address->port);
    }
    c->link = &c->nodes->nodes[node].link;
    snprintf(channel, sizeof channel, "%s:check", c->prefix);
    name_key(c, node, key, "");
    name_key(c, node, stream, ":stream");
    check_server(c);
    check_values(c, key, channel);
    check_streams(c, stream);
}

static void check_nodes(struct check *c) {
    struct redis_nodes *ns = c->nodes;
    for (size_t i = 0; i < ns->map.n_nodes; i++) {
        if (!ns->is_cluster || ns->map.is_master[i]) {
            check_node(c, i);
        }
    }
}

int redis_check(struct redis *r, const char *prefix,
                void (*say)(void *arg, bool ok, const char *text), void *arg) {
    struct check c = {.nodes = redis_nodes_of(r), .prefix = prefix, .say = say, .arg = arg};
    char why[WHY_MAX];
    char text[TEXT_MAX];
    redis_nodes_close(c.nodes);
    c.nodes->login.prefix = prefix;
    c.nodes->any_policy = true;
    enum status st = redis_nodes_connect(c.nodes, why, sizeof why);
    if (st) {
        snprintf(text, sizeof text, "%s%s", why,
                 st == ST_AGAIN ? "; start Redis or set redis.address" : "");
        report_problem(&c, text);
    } else {
        report_ok(&c, c.nodes->is_cluster ? "connected to a cluster" : "connected");
        check_nodes(&c);
    }
    redis_nodes_close(c.nodes);
    c.nodes->login.prefix = NULL;
    c.nodes->any_policy = false;
    return c.problems;
}
