/* SPDX-License-Identifier: Apache-2.0
 * fault_process.c -- see fault_process.h. */
#define _GNU_SOURCE /* setns */

#include "fault_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGS_MAX = 160, POLL_MS = 5, LINE_LEN = 4096 };

const char *process_program(void) {
    const char *own = getenv("FAULT_PROGRAM");
    return own && own[0] ? own : BINARY_DIR "/crossrec";
}

int64_t process_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void process_nap_ms(int64_t ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- starting ---------------------------------------------------------------------------- */

static void enter_network(pid_t of) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/ns/net", (long)of);
    const int fd = of > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (of > 0 && (fd < 0 || setns(fd, CLONE_NEWNET))) {
        perror(path);
        _exit(127);
    }
}

static void become(const struct process *p, const char *const *argv, const char *output,
                   pid_t parent) {
    char *mutable[ARGS_MAX] = {NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* the harness died before the line above */
    }
    const int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int out = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644) : log;
    if (log < 0 || out < 0) {
        _exit(127);
    }
    dup2(out, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    enter_network(p->net_of);
    for (size_t k = 0; argv[k] && k < ARGS_MAX - 1; k++) {
        mutable[k] = strdup(argv[k]);
    }
    execvp(mutable[0], mutable);
    perror(mutable[0]);
    _exit(127);
}

static pid_t spawn(const struct process *p, const char *const *argv, const char *output) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        become(p, argv, output, parent);
    }
    return pid;
}

bool process_start(struct process *p, const char *const *args) {
    const char *argv[ARGS_MAX] = {process_program()};
    struct stat st;
    for (size_t k = 0; args[k] && k < ARGS_MAX - 2; k++) {
        argv[k + 1] = args[k];
    }
    p->log_from = stat(p->log, &st) == 0 ? (int64_t)st.st_size : 0;
    const pid_t pid = spawn(p, argv, NULL);
    p->pid = pid > 0 ? pid : 0;
    return pid > 0;
}

/* ---- ending -------------------------------------------------------------------------------- */

/* Reaps it if it ended: then the id is no longer ours. */
bool process_runs(struct process *p) {
    if (p->pid > 0 && waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
        p->pid = 0;
    }
    return p->pid > 0;
}

void process_signal(struct process *p, int signal_number) {
    if (process_runs(p)) {
        kill(p->pid, signal_number);
    }
}

void process_kill(struct process *p) {
    if (process_runs(p)) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, &p->status, 0);
        p->pid = 0;
    }
}

int process_wait(struct process *p, int timeout_ms) {
    const int64_t deadline = process_now_ms() + timeout_ms;
    while (process_runs(p)) {
        if (process_now_ms() > deadline) {
            process_kill(p);
            return -1;
        }
        process_nap_ms(POLL_MS);
    }
    return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : -1;
}

int process_term(struct process *p, int timeout_ms) {
    process_signal(p, SIGTERM);
    return process_wait(p, timeout_ms);
}

int process_run(const struct process *p, const char *const *argv, const char *output,
                int timeout_ms) {
    struct process one = *p;
    const pid_t pid = spawn(p, argv, output);
    one.pid = pid > 0 ? pid : 0;
    return pid > 0 ? process_wait(&one, timeout_ms) : -1;
}

/* ---- the log -----------------------------------------------------------------------------------
 */

bool process_logged(const struct process *p, const char *text, char *line, size_t len) {
    char buf[LINE_LEN];
    bool found = false;
    FILE *in = fopen(p->log, "r");
    if (in && fseek(in, (long)p->log_from, SEEK_SET) == 0) {
        while (!found && fgets(buf, sizeof buf, in)) {
            found = strstr(buf, text) != NULL;
        }
    }
    if (in) {
        fclose(in);
    }
    if (found && line) {
        snprintf(line, len, "%s", buf);
    }
    return found;
}
