/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_fixture.c -- see kafka_fixture.h.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include "kafka_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <librdkafka/rdkafka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_TIMEOUT_MS = 30000,
    STOP_TIMEOUT_MS = 10000,
    POLL_MS = 5,
    ADDRESSES = 250,
    BROKER_PORT = 9092,
    CONTROLLER_PORT = 9093,
    SKIPPED = 77,
    PATH_LEN = 512,
    CLASSPATH_LEN = 32768,
    ARGS_MAX = 16,
};

struct kafka_fixture {
    pid_t pid; /* 0: not running */
    int n;
    char dir[32];
    char brokers[32];
    char cache[PATH_LEN];
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

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) {
    const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- what is installed ------------------------------------------------------------ */

/* As kafka_install.sh has it. */
static bool cache_dir(char *buf, size_t len) {
    const char *own = getenv("CROSSREC_CACHE");
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n = -1;
    if (own && own[0]) {
        n = snprintf(buf, len, "%s/kafka", own);
    } else if (xdg && xdg[0]) {
        n = snprintf(buf, len, "%s/crossrec/kafka", xdg);
    } else if (home && home[0]) {
        n = snprintf(buf, len, "%s/.cache/crossrec/kafka", home);
    }
    return n > 0 && (size_t)n < len;
}

static int is_jar(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 4 && strcmp(d->d_name + n - 4, ".jar") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* All jars, in the order in which the class archive was made. */
static bool make_classpath(const char *cache, char *buf, size_t len) {
    char lib[PATH_LEN + 8];
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

static bool on_path(const char *program) {
    const char *path = getenv("PATH");
    char file[PATH_LEN];
    while (path && *path) {
        size_t n = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)n, path, program);
        if (access(file, X_OK) == 0) {
            return true;
        }
        path += n + (path[n] == ':');
    }
    return false;
}

static const char *what_is_missing(char *cache, size_t len) {
    char pom[PATH_LEN + 16];
    if (!on_path("java")) {
        return "java is not installed";
    }
    if (!cache_dir(cache, len)) {
        return "neither CROSSREC_CACHE nor XDG_CACHE_HOME nor HOME is set";
    }
    snprintf(pom, sizeof pom, "%s/lib/pom.xml", cache);
    if (access(pom, R_OK)) {
        return "Kafka is not in the cache: run tests/integration/kafka_install.sh";
    }
    return NULL;
}

int kafka_fixture_missing(void) {
    char cache[PATH_LEN];
    const char *why = what_is_missing(cache, sizeof cache);
    if (!why) {
        return 0;
    }
    const char *ci = getenv("CI");
    bool must = ci && ci[0];
    fprintf(stderr, "%s: %s\n", must ? "FAILED" : "SKIPPED", why);
    return must ? 1 : SKIPPED;
}

/* ---- address and files ---------------------------------------------------------------- */

static struct sockaddr_in address_of(int n, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(127U << 24 | 7U << 16 | (uint32_t)n << 8 | 1U);
    return a;
}

static bool is_free(int n, int port) {
    struct sockaddr_in a = address_of(n, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0;
    close(fd);
    return ok;
}

static int choose_address(void) {
    for (int k = 0; k < ADDRESSES; k++) {
        int n = 1 + (int)((getpid() + k) % ADDRESSES);
        if (is_free(n, BROKER_PORT) && is_free(n, CONTROLLER_PORT)) {
            return n;
        }
    }
    return 0;
}

static bool write_properties(const struct kafka_fixture *f) {
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/server.properties", f->dir);
    FILE *out = fopen(path, "w");
    if (!out) {
        return false;
    }
    fputs(PROPERTIES, out);
    fprintf(out, "controller.quorum.voters=1@127.7.%d.1:%d\n", f->n, CONTROLLER_PORT);
    fprintf(out, "listeners=PLAINTEXT://%s,CONTROLLER://127.7.%d.1:%d\n", f->brokers, f->n,
            CONTROLLER_PORT);
    fprintf(out, "advertised.listeners=PLAINTEXT://%s\n", f->brokers);
    fprintf(out, "log.dirs=%s/data\n", f->dir);
    return fclose(out) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void print_log(const struct kafka_fixture *f) {
    char line[PATH_LEN];
    snprintf(line, sizeof line, "%s/log", f->dir);
    FILE *in = fopen(line, "r");
    while (in && fgets(line, sizeof line, in)) {
        fputs(line, stderr);
    }
    if (in) {
        fclose(in);
    }
}

/* ---- processes -------------------------------------------------------------------------- */

/* In the child: becomes java with the arguments up to NULL. */
static void exec_java(const struct kafka_fixture *f, const char *const *args) {
    char path[PATH_LEN + 64];
    snprintf(path, sizeof path, "%s/log", f->dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    const char *argv[ARGS_MAX] = {"java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                                  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"};
    size_t n = 5;
    snprintf(path, sizeof path, "-XX:SharedArchiveFile=%s/kafka.jsa", f->cache);
    if (access(strchr(path, '=') + 1, R_OK) == 0) {
        argv[n++] = path;
        argv[n++] = "-Xshare:auto";
    }
    argv[n++] = "-cp";
    argv[n++] = f->classpath;
    while (*args && n < ARGS_MAX - 1) {
        argv[n++] = *args++;
    }
    char *mutable[ARGS_MAX];
    memcpy(mutable, argv, sizeof mutable); /* execvp() does not write to them */
    execvp("java", mutable);
    perror("java");
    _exit(127);
}

static pid_t start_java(const struct kafka_fixture *f, const char *const *args) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127); /* the test died before the line above */
        }
        exec_java(f, args);
    }
    return pid;
}

static bool format_data(const struct kafka_fixture *f) {
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/server.properties", f->dir);
    const char *const args[] = {
        "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", path, NULL};
    pid_t pid = start_java(f, args);
    int code = -1;
    return pid > 0 && waitpid(pid, &code, 0) == pid && WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

static bool port_open(const struct kafka_fixture *f) {
    struct sockaddr_in a = address_of(f->n, BROKER_PORT);
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

static bool start_broker(struct kafka_fixture *f) {
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/server.properties", f->dir);
    const char *const args[] = {"kafka.Kafka", path, NULL};
    f->pid = start_java(f, args);
    const int64_t deadline = now_ms() + READY_TIMEOUT_MS;
    while (f->pid > 0 && now_ms() < deadline) {
        if (port_open(f) && answers_metadata(f)) {
            return true;
        }
        if (waitpid(f->pid, NULL, WNOHANG) == f->pid) {
            f->pid = 0; /* it ended and is reaped: the id is no longer ours */
        }
        nap();
    }
    fprintf(stderr, "kafka_fixture: no broker on %s\n", f->brokers);
    print_log(f);
    return false;
}

/* ---- life cycle -------------------------------------------------------------------------- */

struct kafka_fixture *kafka_fixture_start(void) {
    struct kafka_fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    const char *why = what_is_missing(f->cache, sizeof f->cache);
    if (!why && !make_classpath(f->cache, f->classpath, sizeof f->classpath)) {
        why = "no jars in the cache: run tests/integration/kafka_install.sh";
    }
    f->n = choose_address();
    if (!why && f->n == 0) {
        why = "no free address 127.7.n.1";
    }
    snprintf(f->dir, sizeof f->dir, "/tmp/kafka-test-XXXXXX");
    if (why || !mkdtemp(f->dir)) {
        fprintf(stderr, "kafka_fixture: %s\n", why ? why : "no temporary directory");
        free(f);
        return NULL;
    }
    snprintf(f->brokers, sizeof f->brokers, "127.7.%d.1:%d", f->n, BROKER_PORT);
    if (!write_properties(f) || !format_data(f)) {
        fprintf(stderr, "kafka_fixture: %s cannot be formatted\n", f->dir);
        print_log(f);
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
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
        f->pid = 0;
    }
}

bool kafka_fixture_restart(struct kafka_fixture *f) {
    kafka_fixture_kill(f);
    return start_broker(f);
}

void kafka_fixture_stop(struct kafka_fixture *f) {
    if (!f) {
        return;
    }
    if (f->pid > 0) {
        kill(f->pid, SIGTERM);
    }
    const int64_t deadline = now_ms() + STOP_TIMEOUT_MS;
    while (f->pid > 0 && now_ms() < deadline) {
        if (waitpid(f->pid, NULL, WNOHANG) == f->pid) {
            f->pid = 0;
        } else {
            nap();
        }
    }
    kafka_fixture_kill(f);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
}
