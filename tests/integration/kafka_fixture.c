/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_fixture.c -- see kafka_fixture.h.
 */
#define _XOPEN_SOURCE 700 /* scandir */

#include "kafka_fixture.h"

#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

enum {
    READY_TIMEOUT_MS = 30000,
    STOP_TIMEOUT_MS = 10000,
    LOOPBACK = 7, /* 127.7.n.1 */
    BROKER_PORT = 9092,
    CONTROLLER_PORT = 9093,
    CLASSPATH_LEN = 32768,
};

struct kafka_fixture {
    struct server server;
    char brokers[32];
    char classpath[CLASSPATH_LEN];
};

/* The times that Kafka takes in production would be the times of the tests. */
static const char PROPERTIES[] =
    "process.roles=broker,controller\n"
    "node.id=1\n"
    "controller.listener.names=CONTROLLER\n"
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
    "num.network.threads=2\n"
    "num.io.threads=2\n"
    "auto.create.topics.enable=false\n"
    "offsets.topic.num.partitions=1\n"
    "offsets.topic.replication.factor=1\n"
    "transaction.state.log.num.partitions=1\n"
    "transaction.state.log.replication.factor=1\n"
    "transaction.state.log.min.isr=1\n"
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=500\n"
    "group.initial.rebalance.delay.ms=0\n"
    "group.min.session.timeout.ms=1000\n"
    "log.cleaner.threads=1\n"
    "log.cleaner.dedupe.buffer.size=2097152\n"
    "log.cleaner.backoff.ms=200\n"
    "log.initial.task.delay.ms=200\n"
    "broker.session.timeout.ms=1000\n"
    "broker.heartbeat.interval.ms=200\n";

/* ---- what is installed --------------------------------------------------------------- */

static int is_jar(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 4 && strcmp(d->d_name + n - 4, ".jar") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All jars, in the order in which the class archive was made. */
static bool make_classpath(const char *cache, char *buf, size_t len) {
    char lib[SERVER_PATH_MAX + 8];
    snprintf(lib, sizeof lib, "%s/lib", cache);
    struct dirent **jars = NULL;
    int n = scandir(lib, &jars, is_jar, by_bytes);
    size_t used = 0;
    bool fits = n > 0;
    for (int i = 0; i < n; i++) {
        if (fits) {
            int k = snprintf(buf + used, len - used, "%s%s/%s", i ? ":" : "", lib, jars[i]->d_name);
            fits = k > 0 && (size_t)k < len - used;
            used += fits ? (size_t)k : 0;
        }
        free(jars[i]);
    }
    free(jars);
    return fits;
}

static const char *what_is_missing(char *cache, size_t len) {
    char pom[SERVER_PATH_MAX + 16];
    if (!server_has("java")) {
        return "java is not installed";
    }
    if (!server_cache("kafka", cache, len)) {
        return "neither CROSSREC_CACHE nor XDG_CACHE_HOME nor HOME is set";
    }
    snprintf(pom, sizeof pom, "%s/lib/pom.xml", cache);
    if (access(pom, R_OK)) {
        return "Kafka is not in the cache: run tests/integration/kafka_install.sh";
    }
    return NULL;
}

int kafka_fixture_missing(void) {
    char cache[SERVER_PATH_MAX];
    return server_missing(what_is_missing(cache, sizeof cache));
}

/* ---- the broker ------------------------------------------------------------------------ */

static bool write_properties(const struct kafka_fixture *f) {
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%s/server.properties", f->server.dir);
    FILE *out = fopen(path, "w");
    if (!out) {
        return false;
    }
    fputs(PROPERTIES, out);
    fprintf(out, "controller.quorum.voters=1@127.7.%d.1:%d\n", f->server.n, CONTROLLER_PORT);
    fprintf(out, "listeners=PLAINTEXT://%s,CONTROLLER://127.7.%d.1:%d\n", f->brokers, f->server.n,
            CONTROLLER_PORT);
    fprintf(out, "advertised.listeners=PLAINTEXT://%s\n", f->brokers);
    fprintf(out, "log.dirs=%s/data\n", f->server.dir);
    return fclose(out) == 0;
}

/* java with the class archive, where it was made, and then `args` up to NULL. */
static void command_of(const struct kafka_fixture *f, const char *const *args, char *archive,
                       size_t len, const char *argv[SERVER_ARGS_MAX]) {
    static const char *const java[] = {"java", "-Xmx128m", "-XX:TieredStopAtLevel=1",
                                       "-XX:+UseSerialGC",
                                       "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"};
    size_t n = 0;
    for (; n < sizeof java / sizeof *java; n++) {
        argv[n] = java[n];
    }
    snprintf(archive, len, "-XX:SharedArchiveFile=%s/kafka.jsa", f->server.cache);
    if (access(strchr(archive, '=') + 1, R_OK) == 0) {
        argv[n++] = archive;
        argv[n++] = "-Xshare:auto";
    }
    argv[n++] = "-cp";
    argv[n++] = f->classpath;
    while (*args && n < SERVER_ARGS_MAX - 1) {
        argv[n++] = *args++;
    }
    argv[n] = NULL;
}

static bool format_data(const struct kafka_fixture *f) {
    char path[SERVER_PATH_MAX];
    char archive[SERVER_PATH_MAX + 64];
    const char *argv[SERVER_ARGS_MAX];
    snprintf(path, sizeof path, "%s/server.properties", f->server.dir);
    const char *const args[] = {
        "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", path, NULL};
    command_of(f, args, archive, sizeof archive, argv);
    pid_t pid = server_spawn(&f->server, argv);
    int code = -1;
    return pid > 0 && waitpid(pid, &code, 0) == pid && WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static bool port_open(const struct kafka_fixture *f) {
    struct sockaddr_in a = server_address(&f->server, BROKER_PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool ok = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

/* Asks with a fresh handle: an old one waits for its reconnect and its ticks. */
static bool answers_metadata(const struct kafka_fixture *f) {
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", f->brokers, err, sizeof err);
    rd_kafka_conf_set(conf, "log_level", "0", err, sizeof err);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    const struct rd_kafka_metadata *md = NULL;
    bool ok = !rd_kafka_metadata(rk, 0, NULL, &md, 1000);
    if (ok) {
        ok = md->broker_cnt == 1;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_destroy(rk);
    return ok;
}

static bool answers(const void *arg) {
    const struct kafka_fixture *f = arg;
    return port_open(f) && answers_metadata(f);
}

static bool start_broker(struct kafka_fixture *f) {
    char path[SERVER_PATH_MAX];
    char archive[SERVER_PATH_MAX + 64];
    const char *argv[SERVER_ARGS_MAX];
    snprintf(path, sizeof path, "%s/server.properties", f->server.dir);
    const char *const args[] = {"kafka.Kafka", path, NULL};
    command_of(f, args, archive, sizeof archive, argv);
    return server_start(&f->server, argv, answers, f, READY_TIMEOUT_MS);
}

/* ---- life cycle -------------------------------------------------------------------------- */

struct kafka_fixture *kafka_fixture_start(void) {
    static const int ports[] = {BROKER_PORT, CONTROLLER_PORT};
    struct kafka_fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    const char *why = what_is_missing(f->server.cache, sizeof f->server.cache);
    if (!why && !make_classpath(f->server.cache, f->classpath, sizeof f->classpath)) {
        why = "no jars in the cache: run tests/integration/kafka_install.sh";
    }
    why = why ? why : server_prepare(&f->server, "kafka", LOOPBACK, ports, 2);
    if (why) {
        fprintf(stderr, "kafka_fixture: %s\n", why);
        free(f);
        return NULL;
    }
    snprintf(f->brokers, sizeof f->brokers, "127.%d.%d.1:%d", LOOPBACK, f->server.n, BROKER_PORT);
    if (!write_properties(f) || !format_data(f)) {
        fprintf(stderr, "kafka_fixture: %s cannot be formatted\n", f->server.dir);
        server_print_log(&f->server);
        kafka_fixture_stop(f);
        return NULL;
    }
    if (!start_broker(f)) {
        kafka_fixture_stop(f);
        return NULL;
    }
    return f;
}

const char *kafka_fixture_brokers(const struct kafka_fixture *f) {
    return f->brokers;
}

void kafka_fixture_kill(struct kafka_fixture *f) {
    server_kill(&f->server);
}

bool kafka_fixture_restart(struct kafka_fixture *f) {
    kafka_fixture_kill(f);
    return start_broker(f);
}

void kafka_fixture_stop(struct kafka_fixture *f) {
    if (f) {
        server_end(&f->server, STOP_TIMEOUT_MS);
        free(f);
    }
}
