/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_fixture.c -- see redis_fixture.h.
 */
#include "redis_fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_TIMEOUT_MS = 5000, READY_POLL_MS = 10, ARGS_MAX = 48, SKIPPED = 77 };

struct redis_fixture {
    pid_t pid; /* 0: none */
    int port;  /* 0: none */
    const char *const *args;
    char dir[32];
    char address[80]; /* "unix:" and the path */
    char tcp_address[32];
};

void redis_fixture_require(void) {
    if (system("command -v redis-server >/dev/null 2>&1") == 0) {
        return;
    }
    bool ci = getenv("CI") != NULL;
    fprintf(stderr, "%s: no redis-server; type: apt-get install redis-server\n",
            ci ? "failed" : "skipped");
    exit(ci ? 1 : SKIPPED);
}

const char *redis_fixture_address(const struct redis_fixture *f) {
    return f->address;
}

const char *redis_fixture_socket(const struct redis_fixture *f) {
    return f->address + strlen("unix:");
}

const char *redis_fixture_tcp_address(const struct redis_fixture *f) {
    return f->tcp_address;
}

/* ---- starting ------------------------------------------------------------------------- */

/* Somebody else may take it before the server does, who then does not start. */
int redis_fixture_free_port(void) {
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        port = ntohs(a.sin_port);
    }
    close(fd);
    return port;
}

/* By hand and without hiredis, which is under test: any answer at all will do, as a server
 * with a password answers an error. */
static bool answers(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte = 0;
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
              write(fd, "PING\r\n", 6) == 6 && read(fd, &byte, 1) == 1;
    close(fd);
    return ok;
}

static void become_server(const struct redis_fixture *f, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* it died before we asked to be told */
    }
    char port[16];
    snprintf(port, sizeof port, "%d", f->port);
    const char *argv[ARGS_MAX] = {"redis-server",
                                  "--port",
                                  port,
                                  "--bind",
                                  "127.0.0.1",
                                  "--unixsocket",
                                  redis_fixture_socket(f),
                                  "--save",
                                  "",
                                  "--appendonly",
                                  "no",
                                  "--dir",
                                  f->dir,
                                  "--loglevel",
                                  "warning"};
    size_t n = 15;
    for (size_t i = 0; f->args && f->args[i] && n < ARGS_MAX - 1; i++) {
        argv[n++] = f->args[i];
    }
    execvp(argv[0], (char *const *)(uintptr_t)argv); /* execvp changes nothing */
    perror("redis-server");
    _exit(127);
}

static bool start_server(struct redis_fixture *f) {
    pid_t parent = getpid();
    f->pid = fork();
    if (f->pid == 0) {
        become_server(f, parent);
    }
    if (f->pid < 0) {
        perror("fork");
        f->pid = 0;
        return false;
    }
    const struct timespec nap = {.tv_nsec = READY_POLL_MS * 1000000L};
    for (int waited = 0; waited < READY_TIMEOUT_MS; waited += READY_POLL_MS) {
        if (waitpid(f->pid, NULL, WNOHANG) == f->pid) {
            f->pid = 0; /* it exited and is reaped: the id is no longer ours */
            break;
        }
        if (answers(redis_fixture_socket(f))) {
            return true;
        }
        nanosleep(&nap, NULL);
    }
    fprintf(stderr, "redis_fixture: no server on %s\n", f->address);
    return false;
}

struct redis_fixture *redis_fixture_start(enum redis_fixture_port port, const char *const *args) {
    struct redis_fixture *f = malloc(sizeof *f);
    if (!f) {
        return NULL;
    }
    *f = (struct redis_fixture){.dir = "/tmp/redis-test-XXXXXX", .args = args};
    if (!mkdtemp(f->dir)) {
        perror("mkdtemp");
        free(f);
        return NULL;
    }
    snprintf(f->address, sizeof f->address, "unix:%s/redis.sock", f->dir);
    f->port = port == REDIS_PORT ? redis_fixture_free_port() : 0;
    snprintf(f->tcp_address, sizeof f->tcp_address, "127.0.0.1:%d", f->port);
    if (!start_server(f)) {
        redis_fixture_stop(f);
        return NULL;
    }
    return f;
}

/* ---- hurting and stopping ------------------------------------------------------------- */

void redis_fixture_kill(struct redis_fixture *f) {
    if (f->pid > 0) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
        f->pid = 0;
    }
    unlink(redis_fixture_socket(f)); /* so that a new server's is not mistaken for it */
}

bool redis_fixture_restart(struct redis_fixture *f) {
    redis_fixture_kill(f);
    return start_server(f);
}

void redis_fixture_freeze(struct redis_fixture *f) {
    int status;
    kill(f->pid, SIGSTOP);
    waitpid(f->pid, &status, WUNTRACED); /* now it has stopped */
}

void redis_fixture_thaw(struct redis_fixture *f) {
    kill(f->pid, SIGCONT);
}

/* What a server with persistence, or of a cluster, wrote there. */
static void remove_files(const char *dir) {
    char path[512];
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        const int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof path && unlink(path) != 0) {
            remove_files(path);
        }
    }
    if (d) {
        closedir(d);
    }
    rmdir(dir);
}

void redis_fixture_forget(struct redis_fixture *f) {
    char path[64];
    redis_fixture_kill(f);
    snprintf(path, sizeof path, "%s/appendonlydir", f->dir);
    remove_files(path);
    snprintf(path, sizeof path, "%s/dump.rdb", f->dir);
    unlink(path);
}

void redis_fixture_stop(struct redis_fixture *f) {
    if (!f) {
        return;
    }
    redis_fixture_kill(f);
    remove_files(f->dir);
    free(f);
}
