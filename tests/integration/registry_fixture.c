/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_fixture.c -- see registry_fixture.h.
 */
#define _XOPEN_SOURCE 700 /* nftw */

#include "registry_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
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
    READY_TIMEOUT_MS = 60000,
    STOP_TIMEOUT_MS = 5000,
    POLL_MS = 20,
    ADDRESSES = 250,
    PORT = 8080,
    TLS_PORT = 8443,
    SKIPPED = 77,
    PATH_LEN = 512,
    ARGS_MAX = 24,
};

#define API "/apis/ccompat/v7"

struct registry_fixture {
    pid_t pid; /* 0: not running */
    int n;
    char dir[40];
    char url[80], tls_url[80], ca[64];
    char cache[PATH_LEN];
};

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

/* As registry_install.sh has it. */
static bool cache_dir(char *buf, size_t len) {
    const char *own = getenv("CROSSREC_CACHE");
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n = -1;
    if (own && own[0]) {
        n = snprintf(buf, len, "%s/registry", own);
    } else if (xdg && xdg[0]) {
        n = snprintf(buf, len, "%s/crossrec/registry", xdg);
    } else if (home && home[0]) {
        n = snprintf(buf, len, "%s/.cache/crossrec/registry", home);
    }
    return n > 0 && (size_t)n < len;
}

static const char *what_is_missing(char *cache, size_t len) {
    char marker[PATH_LEN + 16];
    if (system("command -v java >/dev/null 2>&1") != 0) {
        return "java is not installed";
    }
    if (system("command -v openssl >/dev/null 2>&1") != 0) {
        return "openssl is not installed";
    }
    if (!cache_dir(cache, len)) {
        return "neither CROSSREC_CACHE nor XDG_CACHE_HOME nor HOME is set";
    }
    snprintf(marker, sizeof marker, "%s/app/version", cache);
    if (access(marker, R_OK)) {
        return "the registry is not in the cache: run tests/integration/registry_install.sh";
    }
    return NULL;
}

int registry_fixture_missing(void) {
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
    a.sin_addr.s_addr = htonl(127U << 24 | 8U << 16 | (uint32_t)n << 8 | 1U);
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
        if (is_free(n, PORT) && is_free(n, TLS_PORT)) {
            return n;
        }
    }
    return 0;
}

static bool make_certificate(const struct registry_fixture *f) {
    char command[PATH_LEN];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=test -addext subjectAltName=IP:127.8.%d.1 -keyout %s/key.pem -out %s "
             ">%s/log 2>&1",
             f->n, f->dir, f->ca, f->dir);
    return system(command) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void print_log(const struct registry_fixture *f) {
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

/* ---- the process ----------------------------------------------------------------------- */

/* In the child. */
static void exec_java(const struct registry_fixture *f) {
    enum { N = 8 };
    static char args[N][PATH_LEN + 64];
    snprintf(args[0], sizeof args[0], "-Dquarkus.http.host=127.8.%d.1", f->n);
    snprintf(args[1], sizeof args[1], "-Dquarkus.http.port=%d", PORT);
    snprintf(args[2], sizeof args[2], "-Dquarkus.http.ssl-port=%d", TLS_PORT);
    snprintf(args[3], sizeof args[3], "-Dquarkus.http.ssl.certificate.files=%s", f->ca);
    snprintf(args[4], sizeof args[4], "-Dquarkus.http.ssl.certificate.key-files=%s/key.pem",
             f->dir);
    snprintf(args[5], sizeof args[5],
             "-Dapicurio.datasource.url=jdbc:h2:file:%s/registry;WRITE_DELAY=0", f->dir);
    snprintf(args[6], sizeof args[6], "%s/app/registry.jar", f->cache);
    snprintf(args[7], sizeof args[7], "-XX:SharedArchiveFile=%s/registry.jsa", f->cache);
    const char *argv[ARGS_MAX] = {"java",
                                  "-Xmx256m",
                                  "-XX:TieredStopAtLevel=1",
                                  "-XX:+UseSerialGC",
                                  "-Dquarkus.http.access-log.enabled=false",
                                  "-Dquarkus.http.insecure-requests=enabled",
                                  "-Dapicurio.storage.kind=sql",
                                  "-Dapicurio.storage.sql.kind=h2"};
    size_t n = 8;
    if (access(strchr(args[7], '=') + 1, R_OK) == 0) {
        argv[n++] = args[7];
        argv[n++] = "-Xshare:auto";
    }
    for (size_t i = 0; i < 6; i++) {
        argv[n++] = args[i];
    }
    argv[n++] = "-jar";
    argv[n++] = args[6];
    char *mutable[ARGS_MAX];
    memcpy(mutable, argv, sizeof mutable); /* execvp() does not write to them */
    execvp("java", mutable);
    perror("java");
    _exit(127);
}

static void become_java(const struct registry_fixture *f, pid_t parent) {
    char path[PATH_LEN];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* the test died before the line above */
    }
    snprintf(path, sizeof path, "%s/log", f->dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    exec_java(f);
}

/* By hand and without libcurl, which is under test. */
static bool answers(const struct registry_fixture *f) {
    static const char request[] = "GET " API "/subjects HTTP/1.0\r\n\r\n";
    struct sockaddr_in a = address_of(f->n, PORT);
    char answer[16] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool ok = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
              send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
              recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0;
    close(fd);
    return ok && strstr(answer, " 200");
}

static bool start_server(struct registry_fixture *f) {
    pid_t parent = getpid();
    f->pid = fork();
    if (f->pid == 0) {
        become_java(f, parent);
    }
    const int64_t deadline = now_ms() + READY_TIMEOUT_MS;
    while (f->pid > 0 && now_ms() < deadline) {
        if (answers(f)) {
            return true;
        }
        if (waitpid(f->pid, NULL, WNOHANG) == f->pid) {
            f->pid = 0; /* it ended and is reaped: the id is no longer ours */
        }
        nap();
    }
    fprintf(stderr, "registry_fixture: no registry on %s\n", f->url);
    print_log(f);
    return false;
}

/* ---- life cycle -------------------------------------------------------------------------- */

struct registry_fixture *registry_fixture_start(void) {
    struct registry_fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    const char *why = what_is_missing(f->cache, sizeof f->cache);
    f->n = choose_address();
    if (!why && f->n == 0) {
        why = "no free address 127.8.n.1";
    }
    snprintf(f->dir, sizeof f->dir, "/tmp/registry-test-XXXXXX");
    if (why || !mkdtemp(f->dir)) {
        fprintf(stderr, "registry_fixture: %s\n", why ? why : "no temporary directory");
        free(f);
        return NULL;
    }
    snprintf(f->url, sizeof f->url, "http://127.8.%d.1:%d" API, f->n, PORT);
    snprintf(f->tls_url, sizeof f->tls_url, "https://127.8.%d.1:%d" API, f->n, TLS_PORT);
    snprintf(f->ca, sizeof f->ca, "%s/cert.pem", f->dir);
    if (!make_certificate(f)) {
        fprintf(stderr, "registry_fixture: openssl makes no certificate\n");
        print_log(f);
        registry_fixture_stop(f);
        return NULL;
    }
    if (!start_server(f)) {
        registry_fixture_stop(f);
        return NULL;
    }
    return f;
}

const char *registry_fixture_url(const struct registry_fixture *f) {
    return f->url;
}

const char *registry_fixture_tls_url(const struct registry_fixture *f) {
    return f->tls_url;
}

const char *registry_fixture_ca(const struct registry_fixture *f) {
    return f->ca;
}

void registry_fixture_kill(struct registry_fixture *f) {
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
        f->pid = 0;
    }
}

bool registry_fixture_restart(struct registry_fixture *f) {
    registry_fixture_kill(f);
    return start_server(f);
}

void registry_fixture_freeze(struct registry_fixture *f) {
    int status;
    kill(f->pid, SIGSTOP);
    waitpid(f->pid, &status, WUNTRACED); /* now it has stopped */
}

void registry_fixture_thaw(struct registry_fixture *f) {
    kill(f->pid, SIGCONT);
}

void registry_fixture_stop(struct registry_fixture *f) {
    if (!f) {
        return;
    }
    if (f->pid > 0) {
        kill(f->pid, SIGCONT);
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
    registry_fixture_kill(f);
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
}
