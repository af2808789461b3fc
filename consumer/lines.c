/* SPDX-License-Identifier: Apache-2.0
 *
 * lines.c -- see lines.h.
 */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 4 * (LINES_LEN_MAX + 1) };

struct lines {
    int fd;
    char *name;
    uint64_t size;
    uint64_t count, bytes;
    enum status status;
    bool eof;
    bool skipping;  /* the rest of a line that was cut */
    size_t at, end; /* unread bytes of the buffer     */
    char buffer[BUFFER];
};

/* ---- opening --------------------------------------------------------------------------- */

static const struct {
    const char *magic;
    const char *tool;
} COMPRESSED[] = {{"\x1f\x8b", "gzip"},
                  {"\xfd"
                   "7zXZ",
                   "xz"},
                  {"\x28\xb5\x2f\xfd", "zstd"}};

/* The tool that unpacks what begins so, or NULL. */
static const char *packed_by(const char *p, size_t len) {
    for (size_t i = 0; i < sizeof COMPRESSED / sizeof COMPRESSED[0]; i++) {
        size_t n = strlen(COMPRESSED[i].magic);
        if (len >= n && memcmp(p, COMPRESSED[i].magic, n) == 0) {
            return COMPRESSED[i].tool;
        }
    }
    return NULL;
}

static bool read_more(struct lines *l) {
    if (l->at > 0) {
        memmove(l->buffer, l->buffer + l->at, l->end - l->at);
        l->end -= l->at;
        l->at = 0;
    }
    ssize_t n;
    do {
        n = read(l->fd, l->buffer + l->end, sizeof l->buffer - l->end);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        fprintf(stderr, "%s: %s; what follows is not read\n", l->name, strerror(errno));
        l->status = ST_IO;
    }
    l->eof = n <= 0;
    l->end += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* What can be told of a file before its lines are wanted. */
static enum status look(struct lines *l, char *err, size_t err_len) {
    struct stat st;
    if (fstat(l->fd, &st)) {
        snprintf(err, err_len, "%s: %s", l->name, strerror(errno));
        return ST_IO;
    }
    if (S_ISDIR(st.st_mode)) {
        snprintf(err, err_len, "%s: is a directory; name a file", l->name);
        return ST_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        return ST_OK; /* a pipe might have nothing yet */
    }
    l->size = (uint64_t)st.st_size;
    (void)read_more(l);
    const char *tool = packed_by(l->buffer, l->end);
    if (tool) {
        snprintf(err, err_len, "%s: is compressed; type: %s -dc FILE | crossrec replay -", l->name,
                 tool);
        return ST_IO;
    }
    return ST_OK;
}

enum status lines_open(const char *path, struct lines **out, char *err, size_t err_len) {
    const bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    struct lines *l = malloc(sizeof *l);
    const size_t name_size = strlen(name) + 1;
    char *copy = malloc(name_size);
    if (!l || !copy) {
        free(l);
        free(copy);
        snprintf(err, err_len, "%s: out of memory", name);
        return ST_NOMEM;
    }
    l->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    l->name = memcpy(copy, name, name_size);
    l->size = l->count = l->bytes = 0;
    l->status = ST_OK;
    l->eof = l->skipping = false;
    l->at = l->end = 0;
    enum status st = ST_IO;
    if (l->fd < 0) {
        snprintf(err, err_len, "%s: %s", name, strerror(errno));
    } else {
        st = look(l, err, err_len);
    }
    if (st) {
        lines_close(l);
        return st;
    }
    *out = l;
    return ST_OK;
}

void lines_close(struct lines *l) {
    if (!l) {
        return;
    }
    if (l->fd > STDIN_FILENO) {
        close(l->fd);
    }
    free(l->name);
    free(l);
}

/* ---- reading --------------------------------------------------------------------------- */

/* Bytes up to the next \n, without it; SIZE_MAX if none is in the buffer. */
static size_t line_end(const struct lines *l) {
    const char *p = l->buffer + l->at;
    const char *newline = memchr(p, '\n', l->end - l->at);
    return newline ? (size_t)(newline - p) : SIZE_MAX;
}

static void take(struct lines *l, size_t n) {
    l->at += n;
    l->bytes += n;
}

/* Drops the rest of a line that was cut. */
static void skip_rest(struct lines *l) {
    while (l->skipping) {
        const size_t n = line_end(l);
        take(l, n == SIZE_MAX ? l->end - l->at : n + 1);
        l->skipping = n == SIZE_MAX && (!l->eof && read_more(l));
    }
}

static void trim(struct line *line) {
    if (line->number == 1 && line->len >= 3 && memcmp(line->text, "\xef\xbb\xbf", 3) == 0) {
        line->text += 3;
        line->len -= 3;
    }
    if (line->len > 0 && line->text[line->len - 1] == '\r') {
        line->len--;
    }
}

bool lines_next(struct lines *l, struct line *out) {
    skip_rest(l);
    size_t n = line_end(l);
    while (n == SIZE_MAX && l->end - l->at <= LINES_LEN_MAX && !l->eof) {
        (void)read_more(l);
        n = line_end(l);
    }
    const size_t there = l->end - l->at;
    if (n == SIZE_MAX && there == 0) {
        return false;
    }
    const bool whole = n != SIZE_MAX;
    const size_t len = whole ? n : there;
    *out = (struct line){.text = l->buffer + l->at,
                         .len = len > LINES_LEN_MAX ? LINES_LEN_MAX : len,
                         .number = ++l->count,
                         .offset = l->bytes,
                         .cut = len > LINES_LEN_MAX};
    take(l, whole ? n + 1 : there);
    l->skipping = !whole;
    trim(out);
    return true;
}

enum status lines_status(const struct lines *l) {
    return l->status;
}

const char *lines_name(const struct lines *l) {
    return l->name;
}

uint64_t lines_count(const struct lines *l) {
    return l->count;
}

uint64_t lines_bytes(const struct lines *l) {
    return l->bytes;
}

uint64_t lines_size(const struct lines *l) {
    return l->size;
}

size_t lines_split(const struct line *line, struct field *out, size_t max) {
    const char *p = line->text;
    const char *end = line->text + line->len;
    size_t n = 0;
    for (;;) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        if (n < max) {
            out[n] = (struct field){p, (size_t)((tab ? tab : end) - p)};
        }
        n++;
        if (!tab) {
            return n;
        }
        p = tab + 1;
    }
}
