/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_fixture.c -- see kafka_fixture.h.
 */
#define _XOPEN_SOURCE 700 /* scandir */

#include "kafka_fixture.h"

#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

enum {
    READY_TIMEOUT_MS = 30000,
    STOP_TIMEOUT_MS = 10000,
    ASK_MS = 2000,
    LOOK_MS = 5,
    LOOPBACK = 7, /* 127.7.n.1 */
    BROKER_PORT = 9092,
    CONTROLLER_PORT = 9093,
    PORTS = 2,               /* of a node: the next one's are so much higher */
    CONTROLLER_ID = 100,     /* if it is apart */
    FENCE_TIMEOUT_MS = 5000, /* a session is 1000 */
    REPLICAS_MAX = 3,
    CLASSPATH_LEN = 32768,
    NODES_MAX = KAFKA_FIXTURE_NODES_MAX,
};

struct node {
    struct server server; /* all with the same address */
    char broker[32];
    bool runs;
};

struct kafka_fixture {
    struct node nodes[NODES_MAX];
    int n;
    bool apart; /* the controller is a process of its own */
    struct server controller;
    int fenced; /* how often it had fenced a broker when the last one was killed */
    char brokers[NODES_MAX * 32];
    char classpath[CLASSPATH_LEN];
};

/* The times that Kafka takes in production would be the times of the tests. */
static const char PROPERTIES[] =
    "controller.listener.names=CONTROLLER\n"
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
    "num.network.threads=2\n"
    "num.io.threads=2\n"
    "auto.create.topics.enable=false\n"
    "offsets.topic.num.partitions=1\n"
    "transaction.state.log.num.partitions=1\n"
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=500\n"
    "group.initial.rebalance.delay.ms=0\n"
    "group.min.session.timeout.ms=1000\n"
    "log.cleaner.threads=1\n"
    "log.cleaner.dedupe.buffer.size=2097152\n"
    "log.cleaner.backoff.ms=200\n"
    "log.initial.task.delay.ms=200\n"
    "broker.session.timeout.ms=1000\n"
    "broker.heartbeat.interval.ms=200\n";

/* So that another leads soon after one is killed. A coordinator that has sent a transaction's
 * markers to a node which stands still sends them to the next leader after request.timeout.ms, and
 * refuses the next transaction until then: 30 s in production. */
static const char CLUSTER_PROPERTIES[] = "controller.quorum.election.timeout.ms=300\n"
                                         "controller.quorum.election.backoff.max.ms=200\n"
                                         "controller.quorum.fetch.timeout.ms=600\n"
                                         "controller.quorum.request.timeout.ms=500\n"
                                         "request.timeout.ms=3000\n"
                                         "replica.lag.time.max.ms=2000\n"
                                         "replica.fetch.wait.max.ms=50\n";

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

/* ---- a broker -------------------------------------------------------------------------- */

static void write_replication(const struct kafka_fixture *f, FILE *out) {
    const int replicas = f->n < REPLICAS_MAX ? f->n : REPLICAS_MAX;
    const int in_sync = replicas > 1 ? replicas - 1 : 1;
    /* also of one node: then it refuses its own default, as some do */
    fprintf(out, "default.replication.factor=%d\n", REPLICAS_MAX);
    fprintf(out, "min.insync.replicas=%d\n", in_sync);
    fprintf(out, "offsets.topic.replication.factor=%d\n", replicas);
    fprintf(out, "transaction.state.log.replication.factor=%d\n", replicas);
    fprintf(out, "transaction.state.log.min.isr=%d\n", in_sync);
    if (f->n > 1) {
        fputs(CLUSTER_PROPERTIES, out);
    }
}

/* What all nodes have; the file is the caller's. */
static FILE *begin_properties(const struct kafka_fixture *f, const struct server *server, int id) {
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%s/server.properties", server->dir);
    FILE *out = fopen(path, "w");
    if (!out) {
        return NULL;
    }
    fputs(PROPERTIES, out);
    write_replication(f, out);
    fprintf(out, "log.dirs=%s/data\nnode.id=%d\ncontroller.quorum.voters=", server->dir, id);
    for (int i = 0; i < f->n; i++) {
        fprintf(out, "%s%d@127.%d.%d.1:%d", i ? "," : "", f->apart ? CONTROLLER_ID : i + 1,
                LOOPBACK, server->n, CONTROLLER_PORT + PORTS * i);
    }
    fputs("\n", out);
    return out;
}

static bool write_properties(const struct kafka_fixture *f, int k) {
    const struct node *node = &f->nodes[k];
    FILE *out = begin_properties(f, &node->server, k + 1);
    if (!out) {
        return false;
    }
    fprintf(out, "advertised.listeners=PLAINTEXT://%s\n", node->broker);
    fprintf(out, "listeners=PLAINTEXT://%s", node->broker);
    if (f->apart) {
        fputs("\nprocess.roles=broker\n", out);
    } else {
        fprintf(out, ",CONTROLLER://127.%d.%d.1:%d\nprocess.roles=broker,controller\n", LOOPBACK,
                node->server.n, CONTROLLER_PORT + PORTS * k);
    }
    return fclose(out) == 0;
}

static bool write_controller_properties(const struct kafka_fixture *f) {
    FILE *out = begin_properties(f, &f->controller, CONTROLLER_ID);
    if (!out) {
        return false;
    }
    fprintf(out, "listeners=CONTROLLER://127.%d.%d.1:%d\nprocess.roles=controller\n", LOOPBACK,
            f->controller.n, CONTROLLER_PORT);
    return fclose(out) == 0;
}

/* java with the class archive, where it was made, and then `args` up to NULL. */
static pid_t spawn(const struct kafka_fixture *f, const struct server *server,
                   const char *const *args) {
    static const char *const java[] = {
        "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        /* says which brokers are fenced */
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info"};
    char archive[SERVER_PATH_MAX + 64];
    const char *argv[SERVER_ARGS_MAX];
    size_t n = 0;
    for (; n < sizeof java / sizeof *java; n++) {
        argv[n] = java[n];
    }
    snprintf(archive, sizeof archive, "-XX:SharedArchiveFile=%s/kafka.jsa", server->cache);
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
    return server_spawn(server, argv);
}

/* Process number k: the nodes, then the controller if it is apart. NULL: there is none. */
static struct server *process(struct kafka_fixture *f, int k) {
    return k < f->n ? &f->nodes[k].server : k == f->n && f->apart ? &f->controller : NULL;
}

/* All at once: java starts slowly. */
static bool format_data(struct kafka_fixture *f) {
    pid_t pids[NODES_MAX + 1];
    char path[SERVER_PATH_MAX];
    bool ok = true;
    for (int k = 0; process(f, k); k++) {
        snprintf(path, sizeof path, "%s/server.properties", process(f, k)->dir);
        const char *const args[] = {
            "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", path, NULL};
        pids[k] = spawn(f, process(f, k), args);
    }
    for (int k = 0; process(f, k); k++) {
        int code = -1;
        if (pids[k] <= 0 || waitpid(pids[k], &code, 0) != pids[k] || !WIFEXITED(code) ||
            WEXITSTATUS(code) != 0) {
            fprintf(stderr, "kafka_fixture: %s cannot be formatted\n", process(f, k)->dir);
            server_print_log(process(f, k));
            ok = false;
        }
    }
    return ok;
}

static void begin(struct kafka_fixture *f, struct server *server) {
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%s/server.properties", server->dir);
    const char *const args[] = {"kafka.Kafka", path, NULL};
    server->pid = spawn(f, server, args);
}

static void begin_node(struct kafka_fixture *f, int k) {
    begin(f, &f->nodes[k].server);
    f->nodes[k].runs = f->nodes[k].server.pid > 0;
}

/* ---- what a broker answers ------------------------------------------------------------- */

static bool port_open(const struct kafka_fixture *f, int k) {
    struct sockaddr_in a = server_address(&f->nodes[k].server, BROKER_PORT + PORTS * k);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool ok = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return ok;
}

/* With a fresh handle: an old one waits for its reconnect and its ticks. */
static rd_kafka_t *handle(const char *brokers) {
    char err[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err, sizeof err);
    rd_kafka_conf_set(conf, "log_level", "0", err, sizeof err);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* Does node k know of all that run? */
static bool answers(const struct kafka_fixture *f, int k) {
    int running = 0;
    for (int i = 0; i < f->n; i++) {
        running += f->nodes[i].runs;
    }
    rd_kafka_t *rk = port_open(f, k) ? handle(f->nodes[k].broker) : NULL;
    if (!rk) {
        return false;
    }
    const struct rd_kafka_metadata *md = NULL;
    bool ok = !rd_kafka_metadata(rk, 0, NULL, &md, ASK_MS / 2);
    if (ok) {
        ok = md->broker_cnt >= running;
        rd_kafka_metadata_destroy(md);
    }
    rd_kafka_destroy(rk);
    return ok;
}

int kafka_fixture_leader(const struct kafka_fixture *f, const char *topic, int32_t partition) {
    const struct rd_kafka_metadata *md = NULL;
    int leader = -1;
    rd_kafka_t *rk = handle(f->brokers);
    rd_kafka_topic_t *rkt = rk ? rd_kafka_topic_new(rk, topic, NULL) : NULL;
    if (rkt && !rd_kafka_metadata(rk, 0, rkt, &md, ASK_MS)) {
        for (int i = 0; i < md->topics[0].partition_cnt; i++) {
            const struct rd_kafka_metadata_partition *p = &md->topics[0].partitions[i];
            leader = p->id == partition && p->leader > 0 ? p->leader - 1 : leader;
        }
        rd_kafka_metadata_destroy(md);
    }
    if (rkt) {
        rd_kafka_topic_destroy(rkt);
    }
    if (rk) {
        rd_kafka_destroy(rk);
    }
    return leader;
}

/* ---- life cycle -------------------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reaps it if it ended: then the id is no longer ours. */
static bool ended(struct server *s) {
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) {
        s->pid = 0;
    }
    return s->pid <= 0;
}

static int count_fenced(const struct kafka_fixture *f) {
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%s/log", f->controller.dir);
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t len = 0;
    int n = 0;
    while (in && getline(&line, &len, in) > 0) {
        n += strstr(line, "Fencing broker") != NULL;
    }
    free(line);
    if (in) {
        fclose(in);
    }
    return n;
}

/* A broker that comes back before its session has ended reads that it leads its partitions, takes
 * up the transactions that were being ended, and is fenced then: nobody leads for a moment, and
 * Kafka 4.4 takes partitions that nobody leads for deleted. It leaves out their markers, yet says
 * that the transaction is complete (TransactionMarkerChannelManager, "likely deleted already"):
 * what the group committed is unknown for good, once in some twenty kills. */
static void wait_until_fenced(const struct kafka_fixture *f) {
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    const int64_t deadline = now_ms() + FENCE_TIMEOUT_MS;
    while (count_fenced(f) <= f->fenced && now_ms() < deadline) {
        nanosleep(&nap, NULL);
    }
}

static bool wait_for(struct kafka_fixture *f, int k) {
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    const int64_t deadline = now_ms() + READY_TIMEOUT_MS;
    while (!ended(&f->nodes[k].server) && now_ms() < deadline) {
        if (answers(f, k)) {
            return true;
        }
        nanosleep(&nap, NULL);
    }
    fprintf(stderr, "no broker at %s\n", f->nodes[k].broker);
    server_print_log(&f->nodes[k].server);
    return false;
}

static bool start_all(struct kafka_fixture *f) {
    bool ok = true;
    for (int k = 0; k < f->n; k++) {
        begin_node(f, k);
    }
    for (int k = 0; k < f->n && ok; k++) {
        ok = wait_for(f, k);
    }
    return ok;
}

/* Folders and addresses. @return NULL, or why not */
static const char *prepare(struct kafka_fixture *f) {
    int ports[NODES_MAX * PORTS];
    struct server *first = &f->nodes[0].server;
    for (int i = 0; i < f->n * PORTS; i++) {
        ports[i] = BROKER_PORT + i;
    }
    const char *why = what_is_missing(first->cache, sizeof first->cache);
    if (!why && !make_classpath(first->cache, f->classpath, sizeof f->classpath)) {
        why = "no jars in the cache: run tests/integration/kafka_install.sh";
    }
    why = why ? why : server_prepare(first, "kafka", LOOPBACK, ports, (size_t)(f->n * PORTS));
    for (int k = 1; process(f, k) && !why; k++) {
        struct server *server = process(f, k);
        *server = *first;
        server->claim = 0;
        snprintf(server->dir, sizeof server->dir, "/tmp/kafka-test-XXXXXX");
        why = mkdtemp(server->dir) ? NULL : "no temporary folder";
    }
    for (int k = 0; k < f->n && !why; k++) {
        struct node *node = &f->nodes[k];
        snprintf(node->broker, sizeof node->broker, "127.%d.%d.1:%d", LOOPBACK, first->n,
                 BROKER_PORT + PORTS * k);
        const size_t len = strlen(f->brokers);
        snprintf(f->brokers + len, sizeof f->brokers - len, "%s%s", k ? "," : "", node->broker);
    }
    return why;
}

static struct kafka_fixture *start(int n, bool apart) {
    struct kafka_fixture *f = n >= 1 && n <= NODES_MAX ? calloc(1, sizeof *f) : NULL;
    if (!f) {
        return NULL;
    }
    f->n = n;
    f->apart = apart;
    const char *why = prepare(f);
    if (why) {
        fprintf(stderr, "kafka_fixture: %s\n", why);
        kafka_fixture_stop(f);
        return NULL;
    }
    bool ok = true;
    for (int k = 0; k < n; k++) {
        ok = ok && write_properties(f, k);
    }
    ok = ok && (!apart || write_controller_properties(f));
    ok = ok && format_data(f);
    if (ok && apart) {
        begin(f, &f->controller);
    }
    if (!ok || !start_all(f)) {
        kafka_fixture_stop(f);
        return NULL;
    }
    return f;
}

struct kafka_fixture *kafka_fixture_start_n(int n) {
    return start(n, false);
}

struct kafka_fixture *kafka_fixture_start(void) {
    return start(1, false);
}

struct kafka_fixture *kafka_fixture_start_apart(void) {
    return start(1, true);
}

const char *kafka_fixture_brokers(const struct kafka_fixture *f) {
    return f->brokers;
}

void kafka_fixture_kill_node(struct kafka_fixture *f, int k) {
    if (f->apart && f->nodes[k].runs) {
        f->fenced = count_fenced(f);
    }
    server_kill(&f->nodes[k].server);
    f->nodes[k].runs = false;
}

void kafka_fixture_kill(struct kafka_fixture *f) {
    for (int k = 0; k < f->n; k++) {
        kafka_fixture_kill_node(f, k);
    }
}

bool kafka_fixture_restart_node(struct kafka_fixture *f, int k) {
    kafka_fixture_kill_node(f, k);
    begin_node(f, k);
    return wait_for(f, k);
}

bool kafka_fixture_restart(struct kafka_fixture *f) {
    kafka_fixture_kill(f);
    if (f->apart) {
        wait_until_fenced(f);
    }
    return start_all(f);
}

static void signal_node(const struct kafka_fixture *f, int k, int signal) {
    if (f->nodes[k].server.pid > 0) {
        kill(f->nodes[k].server.pid, signal);
    }
}

void kafka_fixture_freeze_node(struct kafka_fixture *f, int k) {
    signal_node(f, k, SIGSTOP);
}

void kafka_fixture_thaw_node(struct kafka_fixture *f, int k) {
    signal_node(f, k, SIGCONT);
}

void kafka_fixture_stop(struct kafka_fixture *f) {
    if (!f) {
        return;
    }
    if (f->n > 1) { /* without a quorum none of them would end in time */
        kafka_fixture_kill(f);
    }
    for (int k = 0; k < f->n; k++) {
        kafka_fixture_thaw_node(f, k);
        if (f->nodes[k].server.dir[0]) {
            server_end(&f->nodes[k].server, STOP_TIMEOUT_MS);
        }
    }
    if (f->controller.dir[0]) {
        server_end(&f->controller, STOP_TIMEOUT_MS);
    }
    free(f);
}
