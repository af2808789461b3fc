/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_check.c -- redis_check() of redis.h: what the server is, whether the rights suffice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "redis_link.h"

enum { TEXT_MAX = 512 };

struct check {
    struct redis *r;
    void (*say)(void *arg, bool ok, const char *text);
    void *arg;
    int problems;
};

static void report_ok(struct check *c, const char *what) {
    char line[TEXT_MAX + 16];
    snprintf(line, sizeof line, "ok: %s", what);
    c->say(c->arg, true, line);
}

/* `what` ends in what to type. */
static void report_problem(struct check *c, const char *what) {
    char line[TEXT_MAX + 16];
    snprintf(line, sizeof line, "problem: %s", what);
    c->problems++;
    c->say(c->arg, false, line);
}

static void check_server(struct check *c, const struct redis_identity *id) {
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

/* A command that the daemon needs, or one that only tidies up. */
static void check_command(struct check *c, const struct span *args, size_t n, bool needed) {
    char text[TEXT_MAX];
    char why[TEXT_MAX - 64];
    enum status st = redis_try(c->r, args, n, why, sizeof why);
    if (st == ST_OK) {
        report_ok(c, args[0].s);
    } else if (!needed) {
        snprintf(text, sizeof text, "%s is refused, and not needed", args[0].s);
        report_ok(c, text);
    } else {
        snprintf(text, sizeof text, "%s%s", why,
                 st == ST_INVALID ? "" : "; type in redis-cli: INFO, and look at the server's log");
        report_problem(c, text);
    }
}

static void check_commands(struct check *c, const char *prefix) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    char name[TEXT_MAX];
    snprintf(name, sizeof name, "%s:check:%ld-%ld", prefix, (long)getpid(), now.tv_nsec);

    const struct span key = resp_text(name);
    const struct span value = resp_text("{\"version\":[0,0],\"check\":1}");
    const struct span ttl_ms = resp_text("10000"); /* goes away also where DEL is refused */
    const struct span zero = resp_text("0");
    const struct span one = resp_text("1");
    const struct span set[] = {resp_text("SET"), key, value, resp_text("PX"), ttl_ms};
    const struct span evalsha[] = {
        resp_text("EVALSHA"),
        resp_text(redis_script_sha(c->r)),
        one,
        key,
        value,
        zero,
        zero,
        ttl_ms,
        one,
    };
    const struct span get[] = {resp_text("GET"), key};
    const struct span expire[] = {resp_text("PEXPIRE"), key, ttl_ms};
    const struct span del[] = {resp_text("DEL"), key};
    check_command(c, set, sizeof set / sizeof *set, true);
    check_command(c, evalsha, sizeof evalsha / sizeof *evalsha, true);
    check_command(c, get, sizeof get / sizeof *get, true);
    check_command(c, expire, sizeof expire / sizeof *expire, true);
    check_command(c, del, sizeof del / sizeof *del, false);
}

int redis_check(struct redis *r, const char *prefix,
                void (*say)(void *arg, bool ok, const char *text), void *arg) {
    struct check c = {.r = r, .say = say, .arg = arg};
    struct redis_identity id;
    char why[TEXT_MAX - 64];
    char text[TEXT_MAX];
    enum status st = redis_open(r, &id, why, sizeof why);
    if (st) {
        snprintf(text, sizeof text, "%s%s", why,
                 st == ST_AGAIN ? "; start Redis or set redis.address" : "");
        report_problem(&c, text);
        return c.problems;
    }
    report_ok(&c, "connected");
    check_server(&c, &id);
    check_commands(&c, prefix);
    redis_close(r);
    return c.problems;
}
