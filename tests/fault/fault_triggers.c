/* SPDX-License-Identifier: Apache-2.0
 * fault_triggers.c -- see fault_triggers.h. */
#include "fault_triggers.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_round.h"
#include "redis_fixture.h"

#define SHORT_LIVED "\tfirst-course\t"

/* triggers.py has the same. An hour of event time is a few seconds of the run: some of what expires
 * so soon is delivered, some is not. */
static const char *const SETTINGS[][2] = {
    {"trigger.max.age", "7d"},
    {"trigger.first-dish.kind", "first_purchase"},
    {"trigger.first-dish.domain", "food"},
    {"trigger.first-dish.events.min", "0"},
    {"trigger.first-dish.target", "course"},
    {"trigger.first-dish.expires", "7d"},
    {"trigger.first-course.kind", "first_purchase"},
    {"trigger.first-course.domain", "course"},
    {"trigger.first-course.events.min", "0"},
    {"trigger.first-course.target", "food"},
    {"trigger.first-course.expires", "1h"},
    {"trigger.crossed.kind", "first_purchase"},
    {"trigger.crossed.domain", "course"},
    {"trigger.crossed.events.min", "3"},
    {"trigger.crossed.target", "course"},
    {"trigger.crossed.expires", "7d"},
    {"trigger.welcome.kind", "lifecycle"},
    {"trigger.welcome.to", "new"},
    {"trigger.welcome.target", "course"},
    {"trigger.welcome.expires", "7d"},
    {"trigger.asleep.kind", "lifecycle"},
    {"trigger.asleep.to", "dormant"},
    {"trigger.asleep.target", "food"},
    {"trigger.asleep.expires", "7d"},
    {"trigger.back.kind", "lifecycle"},
    {"trigger.back.from", "dormant"},
    {"trigger.back.to", "resurrected"},
    {"trigger.back.target", "food"},
    {"trigger.back.expires", "7d"},
};

bool triggers_configure(struct cluster *c) {
    return cluster_set_all(c, SETTINGS, sizeof SETTINGS / sizeof *SETTINGS);
}

bool triggers_expected(const struct round *r) {
    return strcmp(r->options->state, "kafka") == 0;
}

static FILE *open_file(const struct round *r, const char *name, const char *mode) {
    char path[PROCESS_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    FILE *out = fopen(path, mode);
    if (!out) {
        perror(path);
    }
    return out;
}

/* ---- streams ----------------------------------------------------------------------------------
 */

static bool put_entry(FILE *out, const char *key, const redisReply *entry) {
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[1]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    const redisReply *fields = entry->element[1];
    fprintf(out, "%s\t%s", key, entry->element[0]->str);
    for (size_t k = 0; k < fields->elements; k++) {
        fprintf(out, "\t%s", fields->element[k]->str);
    }
    fputc('\n', out);
    return true;
}

static bool put_stream(redisContext *client, FILE *out, const char *key) {
    redisReply *all = redisCommand(client, "XRANGE %s - +", key);
    bool good = all && all->type == REDIS_REPLY_ARRAY;
    for (size_t k = 0; good && k < all->elements; k++) {
        good = put_entry(out, key, all->element[k]);
    }
    if (all) {
        freeReplyObject(all);
    }
    return good;
}

/* Of all streams under a prefix, each to `out`. */
static bool put_streams(const struct round *r, FILE *out, const char *prefix) {
    redisContext *client = redisConnectUnix(redis_fixture_socket(r->cluster.redis));
    redisReply *keys =
        client && !client->err ? redisCommand(client, "KEYS %s:*:triggers:*", prefix) : NULL;
    bool good = keys && keys->type == REDIS_REPLY_ARRAY;
    for (size_t k = 0; good && k < keys->elements; k++) {
        good = put_stream(client, out, keys->element[k]->str);
    }
    if (keys) {
        freeReplyObject(keys);
    }
    if (client) {
        redisFree(client);
    }
    return good;
}

bool triggers_read_streams(const struct round *r, const char *prefix) {
    FILE *out = open_file(r, "streams.tsv", "a");
    const bool good = out && put_streams(r, out, prefix);
    return out && fclose(out) == 0 && good;
}

int64_t triggers_lasting(const struct round *r) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    bool good = out && put_streams(r, out, "crossrec");
    good = out && fclose(out) == 0 && good;
    int64_t n = good ? 0 : -1;
    for (char *line = good ? text : NULL; line && *line; line++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        n += strstr(line, SHORT_LIVED) == NULL;
        line = end;
    }
    free(text);
    return n;
}

/* ---- the outbox --------------------------------------------------------------------------------
 */

bool triggers_write_ends(const struct round *r) {
    FILE *out = open_file(r, "relayed.tsv", "w");
    bool good = out != NULL;
    for (int32_t p = 0; good && p < ROUND_PARTITIONS; p++) {
        const int64_t end = cluster_end(&r->cluster, r->cluster.cfg.outbox_topic, p);
        fprintf(out, "%" PRId32 "\t%" PRId64 "\n", p, end);
        good = end >= 0;
    }
    return out && fclose(out) == 0 && good;
}
