/* SPDX-License-Identifier: Apache-2.0
 * fault_proof.c -- see fault_proof.h. */
#include "fault_proof.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_triggers.h"
#include "kafka.h"
#include "redis_fixture.h"

enum { BATCH = 512, WAIT_MS = 200, SILENCE_MS = 60000, HEADERS_MAX = 16, CHECK_MS = 300000 };

/* ---- ends
 * ------------------------------------------------------------------------------------------ */

bool proof_ends_of(const struct round *r, struct proof_ends *out) {
    bool good = true;
    for (int t = 0; t < INPUT_TOPICS; t++) {
        for (int32_t p = 0; p < ROUND_PARTITIONS; p++) {
            out->end[t][p] = cluster_end(&r->cluster, r->cluster.cfg.topics[t].name, p);
            good = good && out->end[t][p] >= 0;
        }
    }
    return good;
}

/* {"version":[..],"offsets":{"course-views":123,...},...} */
static bool says(const char *json, const char *topic, int64_t end) {
    char text[CONFIG_NAME_MAX + 8];
    snprintf(text, sizeof text, "\"%s\":", topic);
    const char *at = strstr(json, text);
    return at && strtoll(at + strlen(text), NULL, 10) == end;
}

/* Calls f for what `published` of each task says, until it is false. */
static bool each_published(const struct round *r, const char *prefix,
                           bool (*f)(const char *json, int32_t p, const struct round *r,
                                     const void *arg),
                           const void *arg) {
    redisContext *client = redisConnectUnix(redis_fixture_socket(r->cluster.redis));
    bool good = client && !client->err;
    for (int32_t p = 0; good && p < ROUND_PARTITIONS; p++) {
        redisReply *answer = redisCommand(client, "GET %s:published:%d", prefix, (int)p);
        good = answer && answer->type == REDIS_REPLY_STRING && f(answer->str, p, r, arg);
        if (answer) {
            freeReplyObject(answer);
        }
    }
    if (client) {
        redisFree(client);
    }
    return good;
}

static bool says_ends(const char *json, int32_t p, const struct round *r, const void *arg) {
    const struct proof_ends *ends = arg;
    bool reached = true;
    for (int t = 0; reached && t < INPUT_TOPICS; t++) {
        const int64_t end = ends->end[t][p];
        reached = end == 0 || says(json, r->cluster.cfg.topics[t].name, end);
    }
    return reached;
}

static bool says_refreshed(const char *json, int32_t p, const struct round *r, const void *arg) {
    (void)p;
    (void)r;
    const char *at = strstr(json, "\"refreshed\":");
    return at && strtoll(at + strlen("\"refreshed\":"), NULL, 10) >= *(const int64_t *)arg;
}

bool proof_published(const struct round *r, const char *prefix, const struct proof_ends *ends) {
    return each_published(r, prefix, says_ends, ends);
}

bool proof_refreshed(const struct round *r, const char *prefix, int64_t since_ms) {
    return each_published(r, prefix, says_refreshed, &since_ms);
}

static bool write_ends(const struct round *r) {
    struct proof_ends ends;
    FILE *out = round_open(r, "ends.tsv", "w");
    if (!out || !proof_ends_of(r, &ends)) {
        return false;
    }
    for (int t = 0; t < INPUT_TOPICS; t++) {
        for (int p = 0; p < ROUND_PARTITIONS; p++) {
            fprintf(out, "%s\t%d\t%" PRId64 "\n", r->cluster.cfg.topics[t].name, p, ends.end[t][p]);
        }
    }
    return fclose(out) == 0;
}

/* ---- topics
 * ---------------------------------------------------------------------------------------- */

struct reading {
    FILE *out;
    int number; /* incarnation */
    int first;  /* index of the first topic read */
};

typedef void take_fn(struct reading *x, const struct record *r, const struct header *h, size_t n);

static bool read_topics(const struct round *r, const char *const *names, size_t n, take_fn *take,
                        struct reading *x) {
    struct kafka_reader *reader = NULL;
    struct record records[BATCH];
    struct header headers[HEADERS_MAX];
    char err[CONFIG_ERROR_MAX] = "";
    if (kafka_reader_new(&r->cluster.cfg, names, n, &reader, err)) {
        fprintf(stderr, "fault_proof: %s\n", err);
        return false;
    }
    int64_t since_ms = process_now_ms();
    bool complete = false;
    while (!complete && process_now_ms() - since_ms < SILENCE_MS) {
        const size_t got = kafka_reader_poll(reader, records, BATCH, WAIT_MS);
        for (size_t k = 0; k < got; k++) {
            take(x, &records[k], headers, kafka_reader_headers(reader, k, headers, HEADERS_MAX));
        }
        since_ms = got ? process_now_ms() : since_ms;
        complete = kafka_reader_complete(reader);
    }
    kafka_reader_free(reader);
    return complete;
}

static const struct header *find(const struct header *h, size_t n, const char *name) {
    for (size_t k = 0; k < n; k++) {
        if (strcmp(h[k].name, name) == 0) {
            return &h[k];
        }
    }
    return NULL;
}

static void put_header(FILE *out, const struct header *h, size_t n, const char *name) {
    const struct header *found = find(h, n, name);
    if (found) {
        fprintf(out, "%.*s\t", (int)found->len, (const char *)found->value);
    } else {
        fputs("?\t", out);
    }
}

static void take_input(struct reading *x, const struct record *r, const struct header *h,
                       size_t n) {
    put_header(x->out, h, n, "seq");
    fprintf(x->out, "%d\t%u\t%d\t%" PRId64 "\n", x->number, (unsigned)(r->topic + x->first),
            (int)r->partition, r->offset);
}

static void take_letter(struct reading *x, const struct record *r, const struct header *h,
                        size_t n) {
    put_header(x->out, h, n, "topic");
    put_header(x->out, h, n, "partition");
    put_header(x->out, h, n, "offset");
    put_header(x->out, h, n, "reason");
    const uint8_t *value = r->value;
    for (size_t k = 0; value && k < r->value_len; k++) {
        fprintf(x->out, "%02x", (unsigned)value[k]);
    }
    fputs(value && r->value_len > 0 ? "\n" : "-\n", x->out);
}

bool proof_read_input(struct round *r, int incarnation, int topic) {
    const char *names[INPUT_TOPICS];
    const int first = topic < 0 ? 0 : topic;
    const int n = topic < 0 ? INPUT_TOPICS : 1;
    for (int t = 0; t < n; t++) {
        names[t] = r->cluster.cfg.topics[first + t].name;
    }
    struct reading x = {round_open(r, "input.tsv", "a"), incarnation, first};
    if (!x.out) {
        return false;
    }
    const bool good = read_topics(r, names, (size_t)n, take_input, &x);
    return fclose(x.out) == 0 && good;
}

static void take_trigger(struct reading *x, const struct record *r, const struct header *h,
                         size_t n) {
    (void)h;
    (void)n;
    fprintf(x->out, "%d\t%" PRId64 "\t%.*s\t", (int)r->partition, r->offset, (int)r->key_len,
            r->key ? (const char *)r->key : "");
    const uint8_t *value = r->value;
    for (size_t k = 0; value && k < r->value_len; k++) {
        fprintf(x->out, "%02x", (unsigned)value[k]);
    }
    fputs(value ? "\n" : "-\n", x->out);
}

static bool read_outbox(const struct round *r) {
    const char *names[] = {r->cluster.cfg.outbox_topic};
    if (!triggers_expected(r)) {
        return true;
    }
    struct reading x = {round_open(r, "outbox.tsv", "w"), 1, 0};
    if (!x.out) {
        return false;
    }
    const bool good = read_topics(r, names, 1, take_trigger, &x);
    return fclose(x.out) == 0 && good;
}

static bool read_letters(const struct round *r) {
    const char *names[] = {r->cluster.cfg.dead_letters};
    struct reading x = {round_open(r, "letters.tsv", "w"), 1, 0};
    if (!x.out) {
        return false;
    }
    const bool good = read_topics(r, names, 1, take_letter, &x);
    return fclose(x.out) == 0 && good;
}

/* ---- Redis
 * ------------------------------------------------------------------------------------------- */

static void put_value(redisContext *client, FILE *out, const char *key) {
    redisReply *v = redisCommand(client, "GET %s", key);
    if (v && v->type == REDIS_REPLY_STRING) {
        fprintf(out, "%s\t%s\n", key, v->str);
    }
    if (v) {
        freeReplyObject(v);
    }
}

bool proof_read_redis(const struct round *r, const char *prefix, const char *name) {
    redisContext *client = redisConnectUnix(redis_fixture_socket(r->cluster.redis));
    FILE *out = round_open(r, name, "w");
    redisReply *keys = client && !client->err ? redisCommand(client, "KEYS %s:*", prefix) : NULL;
    const bool good = out && keys && keys->type == REDIS_REPLY_ARRAY;
    for (size_t k = 0; good && k < keys->elements; k++) {
        put_value(client, out, keys->element[k]->str);
    }
    if (keys) {
        freeReplyObject(keys);
    }
    if (client) {
        redisFree(client);
    }
    return out && fclose(out) == 0 && good;
}

/* ---- the verdict
 * --------------------------------------------------------------------------------------- */

static bool write_facts(const struct round *r) {
    const struct config *cfg = &r->cluster.cfg;
    FILE *out = round_open(r, "facts.json", "w");
    if (!out) {
        return false;
    }
    fprintf(out,
            "{\"state\":\"%s\",\"partitions\":%d,\"instances\":%d,\"events\":%" PRIu64
            ",\"bad\":%" PRIu64 ",\"lines\":%" PRId64 ",\"echoes\":%" PRIu64
            ",\"triggers\":%s,\"rebuilt\":%s,\"rate\":%d,\"nodes\":%d,\"topics\":[",
            r->options->state, ROUND_PARTITIONS, r->scenario->instances, r->events, r->bad,
            r->lines, r->sums.echoes, triggers_expected(r) ? "true" : "false",
            r->scenario->rebuilt ? "true" : "false", r->options->rate, r->scenario->nodes);
    for (int t = 0; t < INPUT_TOPICS; t++) {
        const uint8_t d = cfg->topics[t].domain;
        fprintf(out, "%s{\"name\":\"%s\",\"domain\":\"%s\",\"repeats\":%s}", t ? "," : "",
                cfg->topics[t].name, cfg->domains[d].name,
                cfg->domains[d].repeats ? "true" : "false");
    }
    fputs("]}\n", out);
    return fclose(out) == 0;
}

static bool dump_state(struct round *r) {
    static const char *const dump[] = {"state", "dump", NULL};
    static const char *const verify[] = {"state", "verify", NULL};
    if (strcmp(r->options->state, "kafka") != 0) {
        return true;
    }
    const int rc = round_command(r, dump, "state.jsonl");
    if (rc) {
        round_fail(r, "crossrec state dump ended with status %d", rc);
    }
    if (!rc && round_command(r, verify, "verify.out")) {
        round_fail(r, "crossrec state verify finds something; see verify.out and commands.log");
    }
    return rc == 0;
}

/* Its last lines of output: "triggers N lost N doubled N", "lost N doubled N errors N events N". */
static void read_verdict(struct round *r) {
    char line[256];
    FILE *in = round_open(r, "verdict", "r");
    bool found = false;
    while (in && fgets(line, sizeof line, in)) {
        found =
            sscanf(line, "lost %" SCNd64 " doubled %" SCNd64 " errors %" SCNd64 " events %" SCNu64,
                   &r->lost, &r->doubled, &r->errors, &r->events) == 4 ||
            found;
        (void)sscanf(line, "triggers %" SCNd64 " lost %" SCNd64 " doubled %" SCNd64, &r->triggers,
                     &r->triggers_lost, &r->triggers_doubled);
        fprintf(stderr, "  %s", line);
    }
    if (in) {
        fclose(in);
    }
    if (!found) {
        round_fail(r, "the checker said nothing; see commands.log");
    } else if (r->lost || r->doubled || r->errors || r->triggers_lost || r->triggers_doubled) {
        round_fail(r,
                   "lost %" PRId64 ", doubled %" PRId64 ", other errors %" PRId64
                   "; triggers lost %" PRId64 ", doubled %" PRId64,
                   r->lost, r->doubled, r->errors, r->triggers_lost, r->triggers_doubled);
    }
}

void proof_check(struct round *r) {
    char path[PROCESS_PATH_MAX + 32];
    const char *const argv[] = {"python3", SOURCE_DIR "/tests/fault/check.py", r->dir, NULL};
    struct process p = {.pid = 0};
    if (!write_ends(r) || !proof_read_input(r, 1, -1) || !read_letters(r) || !read_outbox(r) ||
        !proof_read_redis(r, "crossrec", "redis.tsv") || !write_facts(r) || !dump_state(r)) {
        round_fail(r, "what came out cannot be read");
        return;
    }
    snprintf(p.log, sizeof p.log, "%.200s/commands.log", r->dir);
    snprintf(path, sizeof path, "%s/verdict", r->dir);
    (void)process_run(&p, argv, path, CHECK_MS);
    read_verdict(r);
}
