/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.c -- see progress.h.
 */
#include "progress.h"
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 20, TERMINAL_EVERY_MS = 100, LINE_EVERY_MS = 10000 };

const char *progress_number(uint64_t n, char *buf) {
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *out = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return buf;
}

/* "45 s", "3 min", "2 h" */
static void put_time(double seconds, char *buf, size_t len) {
    if (seconds < 120.0) {
        snprintf(buf, len, "%.0f s", seconds);
    } else if (seconds < 7200.0) {
        snprintf(buf, len, "%.0f min", seconds / 60.0);
    } else {
        snprintf(buf, len, "%.0f h", seconds / 3600.0);
    }
}

void progress_line(const struct progress *p, int64_t elapsed_ms, uint64_t done, const char *what,
                   char *buf, size_t len) {
    char number[PROGRESS_NUMBER_MAX];
    char of[PROGRESS_NUMBER_MAX];
    char per_s[PROGRESS_NUMBER_MAX];
    const double rate = elapsed_ms > 0 ? (double)done * 1000.0 / (double)elapsed_ms : 0.0;
    progress_number(done, number);
    progress_number((uint64_t)rate, per_s);
    if (p->total == 0) {
        snprintf(buf, len, "%s %s  %s/s", number, what, per_s);
        return;
    }
    const uint64_t shown = done < p->total ? done : p->total;
    const double part = (double)shown / (double)p->total;
    const int full = (int)(part * BAR);
    char bar[BAR + 1];
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)full);
    bar[BAR] = '\0';
    char left[32] = "";
    if (rate > 0.0 && shown < p->total) {
        char time[24];
        put_time((double)(p->total - shown) / rate, time, sizeof time);
        snprintf(left, sizeof left, "  %s left", time);
    }
    snprintf(buf, len, "[%s] %3d %%  %s of %s %s  %s/s%s", bar, (int)(part * 100.0), number,
             progress_number(p->total, of), what, per_s, left);
}

void progress_start(struct progress *p, uint64_t total) {
    *p = (struct progress){.start_ms = clock_mono_ms(),
                           .shown_ms = -1,
                           .total = total,
                           .terminal = isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *p, uint64_t done, const char *what, bool last) {
    const int64_t now = clock_mono_ms();
    const int64_t since = now - (p->shown_ms < 0 ? p->start_ms : p->shown_ms);
    const bool due = since >= (p->terminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS);
    if (!due && !(last && (p->terminal || p->shown_ms >= 0))) {
        return;
    }
    char line[PROGRESS_LINE_MAX];
    progress_line(p, now - p->start_ms, done, what, line, sizeof line);
    if (p->terminal) { /* \033[K: what a longer line left behind */
        fprintf(stderr, "\r%s\033[K%s", line, last ? "\n" : "");
    } else {
        fprintf(stderr, "%s\n", line);
    }
    p->shown_ms = now;
}
