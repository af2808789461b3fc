/* SPDX-License-Identifier: Apache-2.0
 * daemon_fixture.c -- see daemon_fixture.h. */
#include "daemon_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

enum { SETS_MAX = 64, POLL_MS = 5, LOOPBACK = 9, /* 127.9.n.k */ HTTP_PORT = 9464 };

struct daemon_fixture {
    pid_t pid; /* 0: ended and waited for */
    int status;
    char log[64];
};

static void child(const char *log, const char *ini, const char *const *sets, size_t n) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    char *argv[2 * SETS_MAX + 5] = {strdup("crossrec"), strdup("run")};
    size_t at = 2;
    if (ini) {
        argv[at++] = strdup("--config");
        argv[at++] = strdup(ini);
    }
    for (size_t k = 0; k < n && k < SETS_MAX; k++) {
        argv[at++] = strdup("--set");
        argv[at++] = strdup(sets[k]);
    }
    execv(BINARY_DIR "/crossrec", argv);
    perror(BINARY_DIR "/crossrec");
    _exit(127);
}

void daemon_fixture_http(int k, char *buf, size_t len) {
    static int n;
    static int claim; /* kept until the program ends */
    if (n == 0) {
        n = server_claim(LOOPBACK, NULL, 0, &claim);
    }
    snprintf(buf, len, "127.%d.%d.%d:%d", LOOPBACK, n, k, HTTP_PORT);
}

struct daemon_fixture *daemon_fixture_start(const char *const *sets, size_t n_sets) {
    return daemon_fixture_start_with(NULL, sets, n_sets);
}

struct daemon_fixture *daemon_fixture_start_with(const char *ini, const char *const *sets,
                                                 size_t n_sets) {
    struct daemon_fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    snprintf(f->log, sizeof f->log, "/tmp/crossrec-daemon-XXXXXX");
    int fd = mkstemp(f->log);
    if (fd < 0) {
        free(f);
        return NULL;
    }
    close(fd);
    f->pid = fork();
    if (f->pid == 0) {
        child(f->log, ini, sets, n_sets);
    }
    return f;
}

/* Reaps the process if it ended. */
static bool ended(struct daemon_fixture *f) {
    if (f->pid > 0 && waitpid(f->pid, &f->status, WNOHANG) == f->pid) {
        f->pid = 0;
    }
    return f->pid == 0;
}

bool daemon_fixture_runs(struct daemon_fixture *f) {
    return !ended(f);
}

int daemon_fixture_pid(const struct daemon_fixture *f) {
    return (int)f->pid;
}

void daemon_fixture_signal(struct daemon_fixture *f, int signal_number) {
    if (!ended(f)) {
        kill(f->pid, signal_number);
    }
}

int daemon_fixture_term(struct daemon_fixture *f, int timeout_ms) {
    const struct timespec nap = {.tv_nsec = POLL_MS * 1000000L};
    daemon_fixture_signal(f, SIGTERM);
    for (int waited = 0; waited < timeout_ms; waited += POLL_MS) {
        if (ended(f)) {
            return WIFEXITED(f->status) ? WEXITSTATUS(f->status) : -1;
        }
        nanosleep(&nap, NULL);
    }
    daemon_fixture_kill(f);
    return -1;
}

void daemon_fixture_kill(struct daemon_fixture *f) {
    if (!ended(f)) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, &f->status, 0);
        f->pid = 0;
    }
}

void daemon_fixture_show_log(const struct daemon_fixture *f) {
    char line[4096];
    FILE *in = fopen(f->log, "r");
    while (in && fgets(line, sizeof line, in)) {
        fputs(line, stderr);
    }
    if (in) {
        fclose(in);
    }
}

const char *daemon_fixture_find(const struct daemon_fixture *f,
                                const char *(*find)(const char *line, const char *arg),
                                const char *arg) {
    char line[4096];
    const char *found = NULL;
    FILE *in = fopen(f->log, "r");
    while (in && !found && fgets(line, sizeof line, in)) {
        found = find(line, arg);
    }
    if (in) {
        fclose(in);
    }
    return found;
}

static const char *text_in(const char *line, const char *text) {
    return strstr(line, text) ? text : NULL;
}

bool daemon_fixture_logged(const struct daemon_fixture *f, const char *text) {
    return daemon_fixture_find(f, text_in, text) != NULL;
}

void daemon_fixture_free(struct daemon_fixture *f) {
    if (!f) {
        return;
    }
    daemon_fixture_kill(f);
    unlink(f->log);
    free(f);
}
