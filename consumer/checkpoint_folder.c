/* SPDX-License-Identifier: Apache-2.0
 * checkpoint_folder.c -- see checkpoint_folder.h. */
#include "checkpoint_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, TRIES = 8 };

static enum status tell(char *err, const char *path, int code) {
    const bool rights = code == EACCES || code == EPERM || code == EROFS;
    const bool room = code == ENOSPC || code == EDQUOT;
    snprintf(err, CONFIG_ERROR_MAX, "%s: %s%s", path, strerror(code),
             rights ? ": run crossrec as its owner, or set state.dir elsewhere"
             : room ? ": make room, or set state.dir elsewhere"
                    : "");
    return ST_IO;
}

static bool name_it(const char *dir, uint32_t task, struct checkpoint_folder *out) {
    *out = (struct checkpoint_folder){.fd = -1};
    const size_t most = sizeof out->path;
    const int n = snprintf(out->path, most, "%s/%" PRIu32, dir, task);
    const int m = snprintf(out->data, most, "%s/%" PRIu32 "/data.mdb", dir, task);
    snprintf(out->lock, most, "%s/%" PRIu32 "/lock", dir, task);
    return n > 0 && m > 0 && (size_t)m < most;
}

bool checkpoint_folder_exists(const char *dir, uint32_t task) {
    struct checkpoint_folder f;
    struct stat st;
    return name_it(dir, task, &f) && stat(f.path, &st) == 0;
}

/* With the folders above it. @return 0 or errno */
static int make_folder(char *path) {
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') {
            continue;
        }
        *p = '\0';
        const int code = mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST ? 0 : errno;
        *p = '/';
        if (code) {
            return code;
        }
    }
    struct stat st;
    if (mkdir(path, FOLDER_MODE) == 0) {
        return 0;
    }
    if (errno != EEXIST || stat(path, &st)) {
        return errno;
    }
    return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

/* ---- lock -------------------------------------------------------------------------------- */

/* Who has it, for people. */
static enum status tell_holder(const struct checkpoint_folder *f, int fd, char *err) {
    char pid[24] = "";
    const ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    snprintf(err, CONFIG_ERROR_MAX,
             "%s: process %s has it open: stop that one, or give this one a state.dir of its own",
             f->path, pid[0] ? pid : "(which, it does not say)");
    return ST_AGAIN;
}

/* Whoever deleted the folder between open and flock has left us a lock that nobody else sees. */
static bool is_current(const struct checkpoint_folder *f, int fd) {
    struct stat named;
    struct stat held;
    return stat(f->lock, &named) == 0 && fstat(fd, &held) == 0 && named.st_ino == held.st_ino &&
           named.st_dev == held.st_dev;
}

static void say_pid(int fd) {
    char pid[24];
    const int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n) {
        return; /* no room: whoever comes is not told the number */
    }
}

/* ST_NOT_FOUND: it went away meanwhile. */
static enum status try_lock(struct checkpoint_folder *f, char *err) {
    const int code = make_folder(f->path);
    if (code) {
        return tell(err, f->path, code);
    }
    const int fd = open(f->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, FILE_MODE);
    if (fd < 0) {
        return errno == ENOENT ? ST_NOT_FOUND : tell(err, f->lock, errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        const int why = errno;
        enum status st = why == EWOULDBLOCK ? tell_holder(f, fd, err) : tell(err, f->lock, why);
        close(fd);
        return st;
    }
    if (!is_current(f, fd)) {
        close(fd);
        return ST_NOT_FOUND;
    }
    say_pid(fd);
    f->fd = fd;
    f->taken = true;
    return ST_OK;
}

enum status checkpoint_folder_take(const char *dir, uint32_t task, struct checkpoint_folder *out,
                                   char *err) {
    if (!name_it(dir, task, out)) {
        snprintf(err, CONFIG_ERROR_MAX, "state.dir = %s: too long", dir);
        return ST_RANGE;
    }
    enum status st = ST_NOT_FOUND;
    for (int k = 0; st == ST_NOT_FOUND && k < TRIES; k++) {
        st = try_lock(out, err);
    }
    if (st == ST_NOT_FOUND) {
        snprintf(err, CONFIG_ERROR_MAX, "%s: another process makes and deletes it", out->path);
        return ST_AGAIN;
    }
    return st;
}

void checkpoint_folder_release(struct checkpoint_folder *f) {
    if (f->taken) {
        close(f->fd);
        f->taken = false;
        f->fd = -1;
    }
}

/* The lock goes last: until then nobody else can begin anew here. */
enum status checkpoint_folder_delete(struct checkpoint_folder *f, char *err) {
    const char *const files[] = {f->data, f->lock};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        if (unlink(files[k]) && errno != ENOENT) {
            return tell(err, files[k], errno);
        }
    }
    if (rmdir(f->path) && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) {
        return tell(err, f->path, errno);
    }
    return ST_OK; /* not empty: another process has begun anew, or somebody put things there */
}

/* ---- data -------------------------------------------------------------------------------- */

enum status checkpoint_folder_look(const struct checkpoint_folder *f, struct checkpoint_file *out,
                                   char *why, size_t why_len) {
    const int fd = open(f->data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *out = (struct checkpoint_file){.bytes = 0};
        return ST_OK;
    }
    if (fd < 0) {
        snprintf(why, why_len, "%s", strerror(errno));
        return ST_IO;
    }
    enum status st = checkpoint_file_look(fd, out, why, why_len);
    close(fd);
    return st;
}
