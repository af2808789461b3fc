/* SPDX-License-Identifier: Apache-2.0
 *
 * completejourney.c -- a year of real purchases through a real Kafka into a real Redis.
 *
 *     bench_completejourney EVENTS.tsv [SAMPLE]
 *
 * Replays the file into two topics of four partitions, starts the daemon on them, waits until
 * everything is learned and published, and reads its metrics. Fails unless every event was
 * consumed, no dead letter was written, and recall@10 (repeats count, by order, 1 order in
 * SAMPLE tested, default 1) is above that of 7-day popularity in both domains.
 */
#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "daemon_fixture.h"
#include "kafka.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"

enum { PARTITIONS = 4, PORT = 19464, SETS = 24, TEXT = 1 << 20, DEADLINE_S = 1800 };

struct run {
    struct kafka_fixture *kafka;
    struct redis_fixture *redis;
    struct daemon_fixture *daemon;
    struct config cfg;
    char sets[SETS][256];
    size_t n_sets;
    char metrics[TEXT];
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void set(struct run *r, const char *key, const char *value) {
    snprintf(r->sets[r->n_sets++], sizeof r->sets[0], "%s=%s", key, value);
}

static bool configure(struct run *r, const char *sample) {
    set(r, "kafka.bootstrap.servers", kafka_fixture_brokers(r->kafka));
    set(r, "redis.address", redis_fixture_address(r->redis));
    set(r, "http.address", "127.0.0.1:19464");
    set(r, "state", "memory");
    set(r, "clock", "stream");
    set(r, "merge.max.wait", "60s");
    set(r, "prequential.sample", sample);
    set(r, "domain.food.repeats", "yes");
    set(r, "domain.nonfood.repeats", "yes");
    set(r, "domain.course.target", "no");
    set(r, "topic.nonfood-orders.domain", "nonfood");
    set(r, "topic.nonfood-orders.schema", "FoodOrder");
    const char *sets[SETS];
    for (size_t k = 0; k < r->n_sets; k++) {
        sets[k] = r->sets[k];
    }
    char err[CONFIG_ERROR_MAX] = "";
    if (config_load(&r->cfg, NULL, NULL, sets, r->n_sets, err)) {
        fprintf(stderr, "completejourney: %s\n", err);
        return false;
    }
    return true;
}

static bool replay(const struct run *r, const char *file) {
    char command[8192];
    int at =
        snprintf(command, sizeof command, "%s replay '%s' --create %d", CROSSREC, file, PARTITIONS);
    for (size_t k = 0; k < r->n_sets; k++) {
        at += snprintf(command + at, sizeof command - (size_t)at, " --set '%s'", r->sets[k]);
    }
    return system(command) == 0;
}

/* ---- /metrics ------------------------------------------------------------------------ */

static bool fetch(struct run *r) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const char *ask = "GET /metrics HTTP/1.0\r\n\r\n";
    size_t used = 0;
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              write(fd, ask, strlen(ask)) > 0;
    ssize_t n = 0;
    while (ok && used < TEXT - 1 && (n = read(fd, r->metrics + used, TEXT - 1 - used)) > 0) {
        used += (size_t)n;
    }
    r->metrics[used] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return ok && used > 0;
}

/* Value of the sample that begins with `name`, 0 if there is none. */
static double value(const struct run *r, const char *name) {
    char line[300];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(r->metrics, line);
    return at ? strtod(at + strlen(line), NULL) : 0.0;
}

static double value_of(const struct run *r, const char *name, const char *label,
                       const char *which) {
    char sample[256];
    snprintf(sample, sizeof sample, "%s{%s=\"%s\"}", name, label, which);
    return value(r, sample);
}

static double dead_letters(const struct run *r) {
    double sum = 0.0;
    const char *name = "\ncrossrec_dead_letters_total{";
    for (const char *at = r->metrics; (at = strstr(at, name)) != NULL; at++) {
        const char *end = strstr(at, "} ");
        sum += end ? strtod(end + 2, NULL) : 0.0;
    }
    return sum;
}

/* ---- waiting ------------------------------------------------------------------------- */

static bool settled(struct run *r) {
    return fetch(r) && value(r, "crossrec_ready") == 1.0 &&
           value(r, "crossrec_dirty_users") == 0.0 &&
           value_of(r, "crossrec_lag_records", "topic", "food-orders") == 0.0 &&
           value_of(r, "crossrec_lag_records", "topic", "nonfood-orders") == 0.0;
}

static bool await(struct run *r) {
    const double start = now_s();
    while (now_s() - start < DEADLINE_S && daemon_fixture_runs(r->daemon)) {
        if (settled(r)) {
            return true;
        }
        fprintf(stderr, "\r%.0f s: %.0f food and %.0f nonfood lines learned ", now_s() - start,
                value_of(r, "crossrec_event_lines_total", "domain", "food"),
                value_of(r, "crossrec_event_lines_total", "domain", "nonfood"));
        sleep(1);
    }
    return false;
}

static bool report(struct run *r, double seconds) {
    static const char *const domains[] = {"food", "nonfood"};
    bool better = true;
    double lines = 0.0;
    printf("\n%-10s %12s %12s %14s\n", "domain", "lines tested", "model", "popularity 7 d");
    for (int d = 0; d < 2; d++) {
        const double n = value_of(r, "crossrec_prequential_lines_total", "domain", domains[d]);
        const double model = value_of(r, "crossrec_prequential_hits_total", "domain", domains[d]);
        const double pop =
            value_of(r, "crossrec_prequential_popularity_hits_total", "domain", domains[d]);
        lines += value_of(r, "crossrec_event_lines_total", "domain", domains[d]);
        printf("%-10s %12.0f %12.4f %14.4f\n", domains[d], n, model / n, pop / n);
        better = better && n > 0 && model > pop;
    }
    const double events = value_of(r, "crossrec_events_total", "topic", "food-orders") +
                          value_of(r, "crossrec_events_total", "topic", "nonfood-orders");
    printf("lines learned %.0f in %.0f events, dead letters %.0f, users %.0f, %.1f s\n", lines,
           events, dead_letters(r), value(r, "crossrec_users"), seconds);
    return better && dead_letters(r) == 0.0;
}

static bool measure(struct run *r, const char *file, const char *sample) {
    if (!configure(r, sample) || !replay(r, file)) {
        return false;
    }
    const char *sets[SETS];
    for (size_t k = 0; k < r->n_sets; k++) {
        sets[k] = r->sets[k];
    }
    const double start = now_s();
    r->daemon = daemon_fixture_start(sets, r->n_sets);
    if (!r->daemon || !await(r)) {
        daemon_fixture_show_log(r->daemon);
        return false;
    }
    const bool good = report(r, now_s() - start);
    return daemon_fixture_term(r->daemon, 30000) == 0 && good;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: bench_completejourney EVENTS.tsv [SAMPLE]\n");
        return 2;
    }
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    redis_fixture_require();
    static struct run r;
    r.kafka = kafka_fixture_start();
    r.redis = redis_fixture_start(REDIS_NO_PORT, NULL);
    const bool good = r.kafka && r.redis && measure(&r, argv[1], argc > 2 ? argv[2] : "1");
    daemon_fixture_free(r.daemon);
    redis_fixture_stop(r.redis);
    kafka_fixture_stop(r.kafka);
    return good ? 0 : 1;
}
