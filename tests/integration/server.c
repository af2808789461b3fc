/* SPDX-License-Identifier: Apache-2.0
 * server.c -- see server.h. */
#define _XOPEN_SOURCE 700 /* nftw */

#include "server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 5, ADDRESSES = 250, SKIPPED = 77, CLAIM_PORT = 9000 };

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void) {
    const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- what is installed --------------------------------------------------------------- */

bool server_cache(const char *name, char *buf, size_t len) {
    const char *own = getenv("CROSSREC_CACHE");
    const char *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int n = -1;
    if (own && own[0]) {
        n = snprintf(buf, len, "%s/%s", own, name);
    } else if (xdg && xdg[0]) {
        n = snprintf(buf, len, "%s/crossrec/%s", xdg, name);
    } else if (home && home[0]) {
        n = snprintf(buf, len, "%s/.cache/crossrec/%s", home, name);
    }
    return n > 0 && (size_t)n < len;
}

bool server_has(const char *program) {
    const char *path = getenv("PATH");
    char file[SERVER_PATH_MAX];
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

int server_missing(const char *why) {
    if (!why) {
        return 0;
    }
    const char *ci = getenv("CI");
    bool must = ci && ci[0];
    fprintf(stderr, "%s: %s\n", must ? "FAILED" : "SKIPPED", why);
    return must ? 1 : SKIPPED;
}

/* ---- address and folder -------------------------------------------------------------- */

struct sockaddr_in server_address(const struct server *s, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(127U << 24 | (uint32_t)s->octet << 16 | (uint32_t)s->n << 8 | 1U);
    return a;
}

/* A socket that listens there, -1 if somebody does already. */
static int listen_at(const struct server *s, int port) {
    const struct sockaddr_in a = server_address(s, port);
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) || listen(fd, 1)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_free(const struct server *s, int port) {
    const int fd = listen_at(s, port);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

int server_claim(int octet, const int *ports, size_t n_ports, int *claim) {
    struct server s = {.octet = octet};
    for (int k = 0; k < ADDRESSES; k++) {
        s.n = 1 + (int)((getpid() + k) % ADDRESSES);
        *claim = listen_at(&s, CLAIM_PORT);
        bool free_ports = *claim >= 0;
        for (size_t i = 0; i < n_ports && free_ports; i++) {
            free_ports = is_free(&s, ports[i]);
        }
        if (free_ports) {
            return s.n;
        }
        if (*claim >= 0) {
            close(*claim);
        }
    }
    return 0;
}

const char *server_prepare(struct server *s, const char *name, int octet, const int *ports,
                           size_t n_ports) {
    s->octet = octet;
    s->n = server_claim(octet, ports, n_ports, &s->claim);
    if (!s->n) {
        return "no free loopback address";
    }
    snprintf(s->dir, sizeof s->dir, "/tmp/%s-test-XXXXXX", name);
    return mkdtemp(s->dir) ? NULL : "no temporary folder";
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void server_print_log(const struct server *s) {
    char line[SERVER_PATH_MAX];
    snprintf(line, sizeof line, "%s/log", s->dir);
    FILE *in = fopen(line, "r");
    while (in && fgets(line, sizeof line, in)) {
        fputs(line, stderr);
    }
    if (in) {
        fclose(in);
    }
}

/* ---- the process --------------------------------------------------------------------- */

static void become(const struct server *s, const char *const *argv, pid_t parent) {
    char path[SERVER_PATH_MAX];
    char *mutable[SERVER_ARGS_MAX] = {NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* the test died before the line above */
    }
    snprintf(path, sizeof path, "%s/log", s->dir);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    for (size_t i = 0; argv[i] && i < SERVER_ARGS_MAX - 1; i++) {
        mutable[i] = strdup(argv[i]);
    }
    execvp(mutable[0], mutable);
    perror(mutable[0]);
    _exit(127);
}

pid_t server_spawn(const struct server *s, const char *const *argv) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(s, argv, parent);
    }
    return pid;
}

/* Reaps it if it ended: then the id is no longer ours. */
static bool ended(struct server *s) {
    if (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) {
        s->pid = 0;
    }
    return s->pid <= 0;
}

bool server_start(struct server *s, const char *const *argv, bool (*answers)(const void *arg),
                  const void *arg, int timeout_ms) {
    const int64_t deadline = now_ms() + timeout_ms;
    s->pid = server_spawn(s, argv);
    while (!ended(s) && now_ms() < deadline) {
        if (answers(arg)) {
            return true;
        }
        nap();
    }
    fprintf(stderr, "no server on 127.%d.%d.1\n", s->octet, s->n);
    server_print_log(s);
    return false;
}

void server_kill(struct server *s) {
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        s->pid = 0;
    }
}

void server_end(struct server *s, int timeout_ms) {
    const int64_t deadline = now_ms() + timeout_ms;
    if (s->pid > 0) {
        kill(s->pid, SIGTERM);
    }
    while (!ended(s) && now_ms() < deadline) {
        nap();
    }
    server_kill(s);
    if (s->claim > 0) {
        close(s->claim);
    }
    nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
