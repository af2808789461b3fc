/* SPDX-License-Identifier: Apache-2.0
 * terminal.c -- see terminal.h. */
#define _GNU_SOURCE /* posix_openpt, TIOCSWINSZ, prctl */

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT = 1 << 18, LOOK_MS = 20 };

struct terminal {
    int fd;
    int slave; /* kept open: then it can be asked how it is set after the program ended */
    pid_t pid; /* 0: it ended */
    int how;
    struct screen screen;
    size_t len;
    char output[OUTPUT + 1];
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_size(int fd, int w, int h) {
    const struct winsize size = {.ws_col = (unsigned short)w, .ws_row = (unsigned short)h};
    ioctl(fd, TIOCSWINSZ, &size);
}

static void become(const char *slave, const char *const *argv, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    const int fd = open(slave, O_RDWR); /* the controlling terminal */
    if (getppid() != parent || fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
        _exit(126);
    }
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

struct terminal *terminal_start(const char *const *argv, int w, int h) {
    struct terminal *t = calloc(1, sizeof *t);
    const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *slave = fd >= 0 && !grantpt(fd) && !unlockpt(fd) ? ptsname(fd) : NULL;
    if (!t || !slave) {
        fprintf(stderr, "terminal: no pty: %s\n", strerror(errno));
        free(t);
        return NULL;
    }
    t->fd = fd;
    t->slave = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
    set_size(fd, w, h);
    screen_init(&t->screen, w, h);
    const pid_t parent = getpid();
    t->pid = fork();
    if (t->pid == 0) {
        become(slave, argv, parent);
    }
    return t;
}

void terminal_stop(struct terminal *t) {
    if (t) {
        if (t->pid > 0) {
            kill(t->pid, SIGKILL);
            waitpid(t->pid, NULL, 0);
        }
        close(t->slave);
        close(t->fd);
        free(t);
    }
}

pid_t terminal_pid(const struct terminal *t) {
    return t->pid;
}

void terminal_type(struct terminal *t, const char *keys) {
    if (write(t->fd, keys, strlen(keys)) < 0) {
        perror("terminal");
    }
}

void terminal_resize(struct terminal *t, int w, int h) {
    const bool other = t->screen.other;
    const bool hidden = t->screen.hidden;
    const bool wraps = t->screen.wraps;
    screen_init(&t->screen, w, h);
    t->screen.other = other;
    t->screen.hidden = hidden;
    t->screen.wraps = wraps;
    set_size(t->fd, w, h);
}

/* Whatever comes within a moment. */
static void take(struct terminal *t) {
    char bytes[4096];
    struct pollfd in = {.fd = t->fd, .events = POLLIN};
    if (poll(&in, 1, LOOK_MS) <= 0) {
        return;
    }
    const ssize_t n = read(t->fd, bytes, sizeof bytes);
    if (n <= 0) {
        return;
    }
    screen_write(&t->screen, bytes, (size_t)n);
    if (t->len + (size_t)n > OUTPUT) {
        const size_t gone = t->len + (size_t)n - OUTPUT;
        memmove(t->output, t->output + gone, t->len - gone);
        t->len -= gone;
    }
    memcpy(t->output + t->len, bytes, (size_t)n);
    t->len += (size_t)n;
    t->output[t->len] = '\0';
}

bool terminal_await(struct terminal *t, const char *text, int timeout_ms) {
    const int64_t end_ms = now_ms() + timeout_ms;
    while (!screen_has(&t->screen, text)) {
        if (now_ms() > end_ms) {
            return false;
        }
        take(t);
    }
    return true;
}

int terminal_end(struct terminal *t, int timeout_ms) {
    const int64_t end_ms = now_ms() + timeout_ms;
    while (t->pid > 0) {
        if (now_ms() > end_ms) {
            return -1;
        }
        take(t);
        if (waitpid(t->pid, &t->how, WNOHANG) == t->pid) {
            t->pid = 0;
        }
    }
    for (size_t before = t->len + 1; before != t->len;) {
        before = t->len;
        take(t);
    }
    return t->how;
}

const struct screen *terminal_screen(const struct terminal *t) {
    return &t->screen;
}

const char *terminal_output(const struct terminal *t) {
    return t->output;
}

bool terminal_is_cooked(const struct terminal *t) {
    struct termios now;
    return tcgetattr(t->slave, &now) == 0 && (now.c_lflag & ECHO) != 0 &&
           (now.c_lflag & ICANON) != 0;
}
