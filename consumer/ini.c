/* SPDX-License-Identifier: Apache-2.0
 *
 * ini.c -- see ini_file.h. inih reads through read_line(), which counts the lines, keeps
 * the whole section name and refuses what inih would cut off.
 */
#include "ini_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

struct reading {
    FILE *file;
    int number; /* of the line that inih is looking at */
    char section[INI_SECTION_MAX + 1];
    const char *problem; /* with line `number`, or NULL */
    bool stopped;        /* visit said so               */
    ini_visit visit;
    void *arg;
};

static bool is_space(int c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_comment(char c) {
    return c == ';' || c == '#';
}

/* Reads one line without its end and its indentation. false: no line is left. A comment
 * may be longer than the buffer, anything else may not. */
static bool take_line(struct reading *r, char *line, size_t size) {
    size_t n = 0;
    line[0] = '\0';
    int c = getc(r->file);
    if (c == EOF) {
        return false;
    }
    r->number++;
    for (; c != EOF && c != '\n'; c = getc(r->file)) {
        if (n == 0 && is_space(c)) {
            continue;
        }
        if (n + 1 < size) {
            line[n++] = (char)c;
        } else if (!is_comment(line[0])) {
            r->problem = "line too long; give this option by --set or by its environment "
                         "variable instead";
        }
        if (c == '\0') {
            r->problem = "a byte 0: this is no text file";
        }
    }
    if (is_comment(line[0])) {
        n = n ? 1 : 0; /* a full buffer would be a mistake to inih 56 and later */
    }
    line[n] = '\0';
    return true;
}

/* Notes "[section]", because inih cuts its name short and says nothing of an empty one. */
static void open_section(struct reading *r, const char *line) {
    const char *end = strchr(line, ']');
    if (!end) {
        return; /* inih reports it */
    }
    size_t n = (size_t)(end - line - 1);
    if (n > INI_SECTION_MAX) {
        r->problem = "section name too long";
        return;
    }
    const char *rest = end + 1;
    rest += strspn(rest, " \t\r\v\f");
    if (*rest && !is_comment(*rest)) {
        r->problem = "text behind the section's ]; begin a new line";
        return;
    }
    memcpy(r->section, line + 1, n);
    r->section[n] = '\0';
    const struct ini_line opened = {.number = r->number, .section = r->section};
    r->stopped = !r->visit(r->arg, &opened);
}

/* The fgets() of inih: NULL ends the file, also at the first mistake. */
static char *read_line(char *line, int size, void *stream) {
    struct reading *r = stream;
    if (r->problem || r->stopped || size < 2 || !take_line(r, line, (size_t)size)) {
        return NULL;
    }
    if (r->number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0) {
        memmove(line, line + 3, strlen(line + 3) + 1); /* a byte order mark */
    }
    if (line[0] == '[' && !r->problem) {
        open_section(r, line);
    }
    return r->problem || r->stopped ? NULL : line;
}

static int on_value(void *user, const char *section, const char *key, const char *value) {
    struct reading *r = user;
    (void)section; /* perhaps cut short: r->section is the whole name */
    if (r->stopped) {
        return 0;
    }
    const struct ini_line line = {
        .number = r->number, .section = r->section, .key = key, .value = value ? value : ""};
    r->stopped = !r->visit(r->arg, &line);
    return r->stopped ? 0 : 1;
}

enum status ini_read(const char *path, ini_visit visit, void *arg, char *err, size_t err_len) {
    struct reading r = {.file = fopen(path, "r"), .visit = visit, .arg = arg};
    if (!r.file) {
        snprintf(err, err_len, "%s: %s", path, strerror(errno));
        return ST_IO;
    }
    errno = 0;
    int bad_line = ini_parse_stream(read_line, &r, on_value, &r);
    bool unreadable = ferror(r.file) != 0;
    int reason = errno;
    (void)fclose(r.file);
    if (unreadable) {
        snprintf(err, err_len, "%s: %s", path, strerror(reason));
        return ST_IO;
    }
    /* inih goes on behind a line that it does not understand: the first mistake counts. */
    if (bad_line > 0 && !(r.stopped && r.number <= bad_line)) {
        snprintf(err, err_len, "%s:%d: neither [section] nor name = value nor # comment", path,
                 bad_line);
        return ST_INVALID;
    }
    if (r.problem) {
        snprintf(err, err_len, "%s:%d: %s", path, r.number, r.problem);
        return ST_INVALID;
    }
    if (r.stopped || bad_line < 0) {
        snprintf(err, err_len, "%s", r.stopped ? "" : "out of memory");
        return ST_INVALID;
    }
    return ST_OK;
}
