/* SPDX-License-Identifier: Apache-2.0
 * fault_gap.c -- see fault_gap.h. */
#include "fault_gap.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { TASKS_MAX = 64, TIMEOUT_MS = 300 };

struct gap {
    const char *socket;
    redisContext *client; /* NULL: not connected */
    int tasks;
    int64_t sum[TASKS_MAX];     /* of the offsets last seen; -1: none */
    int64_t stepped[TASKS_MAX]; /* when they last grew                */
    int64_t longest_ms;
};

struct gap *gap_new(const char *socket, int tasks, int64_t now_ms) {
    struct gap *g = calloc(1, sizeof *g);
    if (!g) {
        return NULL;
    }
    g->socket = socket;
    g->tasks = tasks < TASKS_MAX ? tasks : TASKS_MAX;
    for (int p = 0; p < g->tasks; p++) {
        g->sum[p] = -1;
    }
    gap_mark(g, now_ms);
    return g;
}

void gap_free(struct gap *g) {
    if (g && g->client) {
        redisFree(g->client);
    }
    free(g);
}

void gap_mark(struct gap *g, int64_t now_ms) {
    for (int p = 0; p < g->tasks; p++) {
        g->stepped[p] = now_ms;
    }
    g->longest_ms = 0;
}

/* {"version":[..],"offsets":{"course-views":123,...},"ts":..}: the sum of the offsets. */
static int64_t sum_of(const char *json) {
    const char *at = strstr(json, "\"offsets\":{");
    const char *end = at ? strchr(at, '}') : NULL;
    int64_t sum = 0;
    for (at = end ? strchr(at, '{') : NULL; at && at < end; at = strchr(at + 1, ':')) {
        sum += *at == ':' ? strtoll(at + 1, NULL, 10) : 0;
    }
    return sum;
}

static void connect_again(struct gap *g) {
    const struct timeval timeout = {.tv_usec = TIMEOUT_MS * 1000};
    if (g->client && g->client->err) {
        redisFree(g->client);
        g->client = NULL;
    }
    if (!g->client) {
        g->client = redisConnectUnixWithTimeout(g->socket, timeout);
    }
    if (g->client && !g->client->err) {
        redisSetTimeout(g->client, timeout);
    }
}

/* Backwards is a step too: somebody begins anew, and is at it. */
static void take(struct gap *g, int p, int64_t sum, int64_t now_ms) {
    if (sum == g->sum[p]) {
        return;
    }
    const int64_t stood_ms = now_ms - g->stepped[p];
    g->longest_ms = stood_ms > g->longest_ms ? stood_ms : g->longest_ms;
    g->sum[p] = sum;
    g->stepped[p] = now_ms;
}

void gap_look(struct gap *g, int64_t now_ms) {
    connect_again(g);
    for (int p = 0; p < g->tasks && g->client && !g->client->err; p++) {
        redisReply *r = redisCommand(g->client, "GET crossrec:published:%d", p);
        if (r && r->type == REDIS_REPLY_STRING) {
            take(g, p, sum_of(r->str), now_ms);
        }
        if (r) {
            freeReplyObject(r);
        }
    }
}

int64_t gap_longest_ms(const struct gap *g) {
    return g->longest_ms;
}
