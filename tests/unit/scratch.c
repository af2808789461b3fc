/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.c -- see scratch.h.
 */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(int ok, const char *what) {
    if (!ok) {
        perror(what);
        abort();
    }
}

void scratch_write(char path[SCRATCH_PATH_MAX], const void *bytes, size_t len) {
    snprintf(path, SCRATCH_PATH_MAX, "/tmp/crossrec-test-XXXXXX");
    const int fd = mkstemp(path);
    need(fd >= 0, "mkstemp");
    need(write(fd, bytes, len) == (ssize_t)len, "write");
    close(fd);
}

void scratch_text(char path[SCRATCH_PATH_MAX], const char *text) {
    scratch_write(path, text, strlen(text));
}

/* ---- capture ----------------------------------------------------------------------- */

enum { CAPTURE_MAX = 65536 };

static int captured_fd, saved_fd, file_fd;
static char captured[CAPTURE_MAX];

void scratch_capture(int fd) {
    char path[] = "/tmp/crossrec-test-XXXXXX";
    file_fd = mkstemp(path);
    need(file_fd >= 0, "mkstemp");
    unlink(path);
    fflush(NULL);
    captured_fd = fd;
    saved_fd = dup(fd);
    need(saved_fd >= 0 && dup2(file_fd, fd) == fd, "dup2");
}

const char *scratch_captured(void) {
    fflush(NULL);
    need(dup2(saved_fd, captured_fd) == captured_fd, "dup2");
    close(saved_fd);
    const ssize_t n = pread(file_fd, captured, sizeof captured - 1, 0);
    need(n >= 0, "pread");
    captured[n] = '\0';
    close(file_fd);
    return captured;
}
