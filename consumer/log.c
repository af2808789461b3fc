/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c -- see log.h.
 *
 * The rate limit is the generic cell rate algorithm: one number a site, the time up to
 * which its tokens are spent. A line costs COST_MS; a site may be LOG_BURST lines ahead.
 */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    COST_MS = 1000 / LOG_PER_S,
    TAIL_MAX = 48,    /* kept free for " truncated=yes suppressed=4294967295\n" */
    VALUE_MAX = 1000, /* of one value, so that what follows it still fits       */
};

static _Atomic int log_level = LOG_LEVEL_INFO;
static _Atomic int log_fd = STDERR_FILENO;

void log_set_level(enum config_log_level level) {
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

void log_set_fd(int fd) {
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

/* ---- rate ----------------------------------------------------------------------- */

static int64_t clock_ms(clockid_t clock, struct timespec *t) {
    clock_gettime(clock, t);
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static bool may_pass(struct log_site *site) {
    struct timespec t;
    int64_t now = clock_ms(CLOCK_MONOTONIC, &t);
    int64_t spent = atomic_load_explicit(&site->tokens_ms, memory_order_relaxed);
    for (;;) {
        int64_t next = (spent > now ? spent : now) + COST_MS;
        if (next - now > (int64_t)LOG_BURST * COST_MS) {
            atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
            return false;
        }
        if (atomic_compare_exchange_weak_explicit(&site->tokens_ms, &spent, next,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return true;
        }
    }
}

/* ---- text ----------------------------------------------------------------------- */

struct line {
    char text[LOG_LINE_MAX];
    size_t n;
    bool truncated;
};

static void put(struct line *l, const char *text, size_t n) {
    size_t room = LOG_LINE_MAX - TAIL_MAX - l->n;
    if (n > room) {
        l->truncated = true;
        return; /* whole or not at all: an escape is not cut in two */
    }
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

static void put_text(struct line *l, const char *text) {
    put(l, text, strlen(text));
}

/* Bytes of the valid UTF-8 sequence at p, 0 if there is none: truncated, too long, a
 * surrogate, or beyond U+10FFFF. A terminating 0 is no continuation, so this stays inside. */
static size_t utf8_length(const unsigned char *p) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, and of the second */
        size_t n;
    } rows[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (*p < rows[i].first || *p > rows[i].last) {
            continue;
        }
        bool valid = rows[i].n == 1 || (p[1] >= rows[i].low && p[1] <= rows[i].high);
        for (size_t k = 2; valid && k < rows[i].n; k++) {
            valid = p[k] >= 0x80 && p[k] <= 0xbf;
        }
        return valid ? rows[i].n : 0;
    }
    return 0;
}

/* Puts the character at p, escaped if need be; returns its bytes. */
static size_t put_char(struct line *l, const unsigned char *p) {
    char escape[8];
    size_t n = utf8_length(p);
    if (n == 0) {
        put_text(l, "\\ufffd");
        return 1;
    }
    bool c1 = n == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* control characters of terminals */
    if (c1 || *p < 0x20 || *p == 0x7f) {
        const char *known = strchr("\nn\rr\tt", *p);
        unsigned code = c1 ? p[1] : *p;
        if (known && !c1) {
            snprintf(escape, sizeof escape, "\\%c", known[1]);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x", code);
        }
        put_text(l, escape);
        return n;
    }
    if (*p == '"' || *p == '\\') {
        put_text(l, "\\");
    }
    put(l, (const char *)p, n);
    return n;
}

static void put_quoted(struct line *l, const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    size_t start = l->n;
    put_text(l, "\"");
    while (*p && l->n - start < VALUE_MAX && l->n + 16 < LOG_LINE_MAX - TAIL_MAX) {
        p += put_char(l, p);
    }
    if (*p) {
        l->truncated = true;
        put_text(l, "...");
    }
    put_text(l, "\"");
}

static void put_string(struct line *l, const char *text) {
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._-+:/@%,[]";
    size_t n = strspn(text, bare);
    if (n > 0 && text[n] == '\0' && n < VALUE_MAX) {
        put(l, text, n);
    } else {
        put_quoted(l, text);
    }
}

static void put_value(struct line *l, const struct log_field *f) {
    char number[40];
    switch (f->type) {
    case LOG_TYPE_STR: put_string(l, f->value.str ? f->value.str : ""); break;
    case LOG_TYPE_INT:
        snprintf(number, sizeof number, "%" PRId64, f->value.num);
        put_text(l, number);
        break;
    case LOG_TYPE_REAL:
        snprintf(number, sizeof number, "%.6g", f->value.real);
        put_text(l, number);
        break;
    }
}

/* A field that does not fit with its key is left out whole. */
static void put_field(struct line *l, const struct log_field *f) {
    if (strlen(f->key) + 48 > LOG_LINE_MAX - TAIL_MAX - l->n) {
        l->truncated = true;
        return;
    }
    size_t before = l->n;
    bool already = l->truncated;
    put_text(l, " ");
    put_text(l, f->key);
    put_text(l, "=");
    size_t empty = l->n;
    put_value(l, f);
    if (l->n == empty) {
        l->n = before; /* a long bare word: k= alone would say that it was empty */
        l->truncated = true;
    } else {
        l->truncated = l->truncated || already;
    }
}

static void put_head(struct line *l, enum config_log_level level, const char *msg) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct timespec t;
    struct tm utc = {0};
    char head[96];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &utc);
    size_t n = strftime(head, sizeof head, "ts=%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(head + n, sizeof head - n, ".%03dZ level=%s msg=", (int)(t.tv_nsec / 1000000),
             names[level]);
    put_text(l, head);
    put_quoted(l, msg ? msg : "");
}

/* One write a line, so that lines of several threads and processes stay whole. What a
 * full pipe does not take is lost: logging must not stop the learner. */
static void write_line(const struct line *l) {
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    size_t done = 0;
    while (done < l->n) {
        ssize_t n = write(fd, l->text + done, l->n - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return;
        }
        done += (size_t)n;
    }
}

void log_write(struct log_site *site, enum config_log_level level, const char *msg,
               const struct log_field *fields) {
    if ((int)level < atomic_load_explicit(&log_level, memory_order_relaxed) ||
        level > LOG_LEVEL_ERROR || (site && !may_pass(site))) {
        return;
    }
    int saved = errno; /* callers log first and look at errno afterwards */
    struct line l;
    l.n = 0;
    l.truncated = false;
    put_head(&l, level, msg);
    for (; fields && fields->key; fields++) {
        put_field(&l, fields);
    }
    uint32_t left_out =
        site ? atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed) : 0;
    if (l.truncated) {
        l.n += (size_t)snprintf(l.text + l.n, LOG_LINE_MAX - l.n, " truncated=yes");
    }
    if (left_out) {
        l.n += (size_t)snprintf(l.text + l.n, LOG_LINE_MAX - l.n, " suppressed=%" PRIu32, left_out);
    }
    l.text[l.n++] = '\n';
    write_line(&l);
    errno = saved;
}
