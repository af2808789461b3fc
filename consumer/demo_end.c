/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_end.c -- see demo_end.h. The handler uses only what POSIX lists as safe in one:
 * kill, unlink, rmdir, tcsetattr, write, raise, _exit.
 */
#include "demo_end.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "demo_term.h"

enum { PATH_LEN = 512 };

static struct {
    _Atomic int signal_number;
    _Atomic int child;
    _Atomic bool has_dir;
    _Atomic int n_files;
    char dir[PATH_LEN];
    char files[DEMO_END_FILES][PATH_LEN];
} end;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void on_signal(int signal_number) {
    if (atomic_load(&end.signal_number) == 0) {
        atomic_store(&end.signal_number, signal_number);
        return;
    }
    const int child = atomic_load(&end.child);
    if (child > 0) {
        kill(child, SIGKILL);
    }
    demo_term_close();
    demo_end_clean();
    _exit(128 + signal_number);
}

/* Its handler is gone by now (SA_RESETHAND): it ends as it would have. */
static void on_crash(int signal_number) {
    demo_term_close();
    raise(signal_number);
}

void demo_end_watch(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t k = 0; k < sizeof signals / sizeof *signals; k++) {
        sigaddset(&action.sa_mask, signals[k]);
    }
    for (size_t k = 0; k < sizeof signals / sizeof *signals; k++) {
        sigaction(signals[k], &action, NULL);
    }
    struct sigaction crash = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&crash.sa_mask);
    for (size_t k = 0; k < sizeof crashes / sizeof *crashes; k++) {
        sigaction(crashes[k], &crash, NULL);
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
}

void demo_end_block(bool block) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t k = 0; k < sizeof signals / sizeof *signals; k++) {
        sigaddset(&set, signals[k]);
    }
    pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int demo_end_asked(void) {
    return atomic_load(&end.signal_number);
}

void demo_end_ask(int signal_number) {
    int none = 0;
    atomic_compare_exchange_strong(&end.signal_number, &none, signal_number);
}

enum status demo_end_dir(const char **path) {
    const char *tmp = getenv("TMPDIR");
    const int len =
        snprintf(end.dir, sizeof end.dir, "%s/crossrec-demo-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (len < 0 || (size_t)len >= sizeof end.dir - 32 || !mkdtemp(end.dir)) {
        return ST_IO;
    }
    atomic_store(&end.has_dir, true);
    *path = end.dir;
    return ST_OK;
}

const char *demo_end_file(const char *name) {
    const int k = atomic_load(&end.n_files);
    if (!atomic_load(&end.has_dir) || k == DEMO_END_FILES) {
        return NULL;
    }
    const int len = snprintf(end.files[k], PATH_LEN, "%.*s/%s", PATH_LEN - 32, end.dir, name);
    if (len < 0 || len >= PATH_LEN) {
        return NULL;
    }
    atomic_store(&end.n_files, k + 1);
    return end.files[k];
}

void demo_end_child(pid_t pid) {
    atomic_store(&end.child, (int)pid);
}

void demo_end_clean(void) {
    if (!atomic_load(&end.has_dir)) {
        return;
    }
    for (int k = 0; k < atomic_load(&end.n_files); k++) {
        unlink(end.files[k]);
    }
    if (rmdir(end.dir) == 0) {
        atomic_store(&end.has_dir, false);
    }
}
