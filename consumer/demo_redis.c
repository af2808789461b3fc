/* SPDX-License-Identifier: Apache-2.0
 * demo_redis.c -- see demo_redis.h. */
#include "demo_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo_clock.h"
#include "demo_end.h"

enum {
    TRIES = 5, /* a port may be taken between our look and its bind */
    START_MS = 5000,
    STOP_MS = 2000,
    LOOK_MS = 10,
    NO_PROGRAM = 127, /* exit status, as of a shell */
};

/* ---- sockets ---------------------------------------------------------------------------- */

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

/* A port that nobody has now, 0 if there is none. */
static uint16_t free_port(void) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        return 0;
    }
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    uint16_t port = 0;
    if (bind(fd, (struct sockaddr *)&a, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        port = ntohs(a.sin_port);
    }
    close(fd);
    return port;
}

static bool answers(uint16_t port) {
    static const char ping[] = "PING\r\n";
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        return false;
    }
    const struct timeval limit = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct sockaddr_in a = loopback(port);
    char reply[8] = "";
    const bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                    write(fd, ping, sizeof ping - 1) == (ssize_t)(sizeof ping - 1) &&
                    read(fd, reply, sizeof reply - 1) > 0 && strncmp(reply, "+PONG", 5) == 0;
    close(fd);
    return ok;
}

/* ---- the child -------------------------------------------------------------------------- */

static void become_redis(pid_t parent, const char *dir, const char *log_path, uint16_t port) {
    char port_text[8];
    snprintf(port_text, sizeof port_text, "%u", (unsigned)port);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* ours are inherited */
    signal(SIGPIPE, SIG_DFL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* it died before prctl() */
    }
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
        _exit(1);
    }
    execlp("redis-server", "redis-server", "--port", port_text, "--bind", "127.0.0.1", "--save", "",
           "--appendonly", "no", "--dir", dir, "--daemonize", "no", "--loglevel", "notice",
           (char *)NULL);
    _exit(errno == ENOENT ? NO_PROGRAM : 1);
}

/* Waits until it answers. ST_AGAIN: it ended (the port was taken): try another one. */
static enum status wait_for(struct demo_redis *r, bool *missing) {
    const int64_t deadline = demo_now_ms() + START_MS;
    while (demo_now_ms() < deadline && !demo_end_asked()) {
        int how = 0;
        if (waitpid(r->pid, &how, WNOHANG) == r->pid) {
            *missing = WIFEXITED(how) && WEXITSTATUS(how) == NO_PROGRAM;
            r->pid = 0;
            return ST_AGAIN;
        }
        if (answers(r->port)) {
            return ST_OK;
        }
        demo_nap_ms(LOOK_MS);
    }
    return ST_IO;
}

enum status demo_redis_start(const char *dir, const char *log_path, struct demo_redis *out,
                             char *err, size_t err_len) {
    enum status st = ST_AGAIN;
    bool missing = false;
    for (int k = 0; k < TRIES && st == ST_AGAIN && !missing; k++) {
        struct demo_redis r = {.port = free_port()};
        const pid_t parent = getpid();
        r.pid = r.port ? fork() : -1;
        if (r.pid < 0) {
            break;
        }
        if (r.pid == 0) {
            become_redis(parent, dir, log_path, r.port);
        }
        demo_end_child(r.pid);
        st = wait_for(&r, &missing);
        if (st == ST_OK) {
            *out = r;
            return ST_OK;
        }
        demo_redis_stop(&r);
    }
    if (missing) {
        snprintf(err, err_len,
                 "there is no redis-server here; type: apt-get install redis-server\n"
                 "or use one that runs: --redis HOST:PORT");
        return ST_NOT_FOUND;
    }
    snprintf(err, err_len, "the demo's redis-server did not start");
    return ST_IO;
}

bool demo_redis_alive(struct demo_redis *r) {
    if (r->pid > 0 && waitpid(r->pid, NULL, WNOHANG) == r->pid) {
        r->pid = 0;
        demo_end_child(0);
        return false;
    }
    return r->pid > 0;
}

void demo_redis_stop(struct demo_redis *r) {
    if (r->pid > 0) {
        const int64_t deadline = demo_now_ms() + STOP_MS;
        kill(r->pid, SIGTERM);
        while (demo_redis_alive(r) && demo_now_ms() < deadline) {
            demo_nap_ms(LOOK_MS);
        }
        if (r->pid > 0) {
            kill(r->pid, SIGKILL);
            waitpid(r->pid, NULL, 0);
        }
    }
    r->pid = 0;
    demo_end_child(0);
}
