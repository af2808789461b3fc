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

enum {
    STILL_MS = 2000, /* without a trigger more: ten commits           */
    MOVING_MS = 60000,
    LOOK_MS = 200,
};

/* Some of these expire within the run; whoever takes over may decide top_score anew: he does not
 * know what was the first item before. */
static const char *const COMES_AND_GOES[] = {"\tfirst-course\t", "\ttop_score\t"};

/* triggers.py and triggers_learned.py have the same. An hour of event time is a few seconds of the
 * run: some of what expires so soon is delivered, some is not. */
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

/* --set is for 64 settings at most; these are in the environment of whoever is started. */
static const char *const LEARNED[][2] = {
    {"CROSSREC_TRIGGER_MOVED_KIND", "segment"},   {"CROSSREC_TRIGGER_MOVED_TARGET", "course"},
    {"CROSSREC_TRIGGER_MOVED_COOLDOWN", "0"},     {"CROSSREC_TRIGGER_MOVED_EXPIRES", "7d"},
    {"CROSSREC_TRIGGER_SETTLED_KIND", "segment"}, {"CROSSREC_TRIGGER_SETTLED_TARGET", "food"},
    {"CROSSREC_TRIGGER_SETTLED_COOLDOWN", "24h"}, {"CROSSREC_TRIGGER_SETTLED_EXPIRES", "7d"},
    {"CROSSREC_TRIGGER_KEEN_KIND", "top_score"},  {"CROSSREC_TRIGGER_KEEN_SCORE", "1"},
    {"CROSSREC_TRIGGER_KEEN_TARGET", "course"},   {"CROSSREC_TRIGGER_KEEN_COOLDOWN", "2h"},
    {"CROSSREC_TRIGGER_KEEN_EXPIRES", "7d"},      {"CROSSREC_TRIGGER_HUNGRY_KIND", "top_score"},
    {"CROSSREC_TRIGGER_HUNGRY_SCORE", "0.5"},     {"CROSSREC_TRIGGER_HUNGRY_TARGET", "food"},
    {"CROSSREC_TRIGGER_HUNGRY_COOLDOWN", "6h"},   {"CROSSREC_TRIGGER_HUNGRY_EXPIRES", "1h"},
};

bool triggers_configure(struct cluster *c) {
    bool good = true;
    for (size_t k = 0; k < sizeof LEARNED / sizeof *LEARNED; k++) {
        good = setenv(LEARNED[k][0], LEARNED[k][1], 1) == 0 && good;
    }
    return good && cluster_set_all(c, SETTINGS, sizeof SETTINGS / sizeof *SETTINGS);
}

bool triggers_expected(const struct round *r) {
    return strcmp(r->options->state, "kafka") == 0;
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

static bool lasts(const char *line) {
    bool stays = true;
    for (size_t k = 0; k < sizeof COMES_AND_GOES / sizeof *COMES_AND_GOES; k++) {
        stays = stays && strstr(line, COMES_AND_GOES[k]) == NULL;
    }
    return stays;
}

/* Entries of the streams under a prefix: all, or those that stay. -1: Redis does not say. */
static int64_t count_entries(const struct round *r, const char *prefix, bool all) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    bool good = out && put_streams(r, out, prefix);
    good = out && fclose(out) == 0 && good;
    int64_t n = good ? 0 : -1;
    for (char *line = good ? text : NULL; line && *line; line++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        n += all || lasts(line);
        line = end;
    }
    free(text);
    return n;
}

int64_t triggers_lasting(const struct round *r) {
    return count_entries(r, "crossrec", false);
}

/* What an instance that runs has decided is on its way to the streams for a moment. */
static bool stand_still(const struct round *r, const char *prefix) {
    const int64_t deadline = process_now_ms() + MOVING_MS;
    int64_t since_ms = process_now_ms();
    int64_t n = count_entries(r, prefix, true);
    while (process_now_ms() - since_ms < STILL_MS && process_now_ms() < deadline) {
        process_nap_ms(LOOK_MS);
        const int64_t now = count_entries(r, prefix, true);
        since_ms = now == n ? since_ms : process_now_ms();
        n = now;
    }
    return n >= 0 && process_now_ms() < deadline;
}

bool triggers_read_streams(const struct round *r, const char *prefix) {
    if (r->second && !stand_still(r, prefix)) {
        return false;
    }
    FILE *out = round_open(r, "streams.tsv", "a");
    const bool good = out && put_streams(r, out, prefix);
    return out && fclose(out) == 0 && good;
}

/* ---- the outbox --------------------------------------------------------------------------------
 */

bool triggers_write_ends(const struct round *r) {
    FILE *out = round_open(r, "relayed.tsv", "w");
    bool good = out != NULL;
    for (int32_t p = 0; good && p < ROUND_PARTITIONS; p++) {
        const int64_t end = cluster_end(&r->cluster, r->cluster.cfg.outbox_topic, p);
        fprintf(out, "%" PRId32 "\t%" PRId64 "\n", p, end);
        good = end >= 0;
    }
    return out && fclose(out) == 0 && good;
}
