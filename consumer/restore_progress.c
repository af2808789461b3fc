/* SPDX-License-Identifier: Apache-2.0
 * restore_progress.c -- see restore_progress.h. */
#include "restore_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "progress.h"

enum { BAR = 20, QUIET_MS = 1000, TERMINAL_EVERY_MS = 250, LINE_EVERY_MS = 5000 };

void restore_progress_start(struct restore_meter *m) {
    *m = (struct restore_meter){.terminal = isatty(STDERR_FILENO) == 1};
}

static double within(double share) {
    return share > 0.0 ? share < 1.0 ? share : 1.0 : 0.0; /* NaN: 0 */
}

static double per_second(uint64_t records, int64_t elapsed_ms) {
    return elapsed_ms > 0 ? 1000.0 * (double)records / (double)elapsed_ms : 0.0;
}

int64_t restore_progress_left_s(double share, int64_t elapsed_ms) {
    const double done = within(share);
    if (done <= 0.0 || elapsed_ms <= 0) {
        return -1;
    }
    const double left = (double)elapsed_ms * (1.0 - done) / done * 1e-3;
    return left < 1e9 ? (int64_t)(left + 0.5) : -1;
}

void restore_progress_line(const char *what, double share, uint64_t records, int64_t elapsed_ms,
                           char *buf, size_t len) {
    char number[PROGRESS_NUMBER_MAX];
    char rate[PROGRESS_NUMBER_MAX];
    char bar[BAR + 1];
    char left[40] = "";
    const int64_t left_s = restore_progress_left_s(share, elapsed_ms);
    memset(bar, '.', BAR);
    memset(bar, '#', (size_t)(within(share) * BAR));
    bar[BAR] = '\0';
    if (left_s >= 0) {
        snprintf(left, sizeof left, "  %" PRId64 " s left", left_s);
    }
    snprintf(buf, len, "[%s] %3d %%  %s: %s records  %s/s%s", bar, (int)(within(share) * 100.0),
             what, progress_number(records, number),
             progress_number((uint64_t)per_second(records, elapsed_ms), rate), left);
}

static void show(struct restore_meter *m, int64_t now_ms, double share, uint64_t records) {
    const int64_t elapsed_ms = now_ms - m->start_ms;
    m->shown_ms = now_ms;
    if (m->terminal) {
        char line[RESTORE_LINE_MAX];
        restore_progress_line(m->what, share, records, elapsed_ms, line, sizeof line);
        fprintf(stderr, "\r%s\033[K", line);
        m->drawn = true;
        return;
    }
    LOG_INFO("reading state", LOG_STR("what", m->what), LOG_INT("percent", within(share) * 100.0),
             LOG_INT("records", records), LOG_INT("records_per_s", per_second(records, elapsed_ms)),
             LOG_INT("seconds_left", restore_progress_left_s(share, elapsed_ms)));
}

/* A terminal's bar ends where it is: what it stood for is done, or something else begins. */
static void end(struct restore_meter *m) {
    if (m->drawn) {
        fprintf(stderr, "\n");
    }
    m->active = m->drawn = false;
}

void restore_progress_show(struct restore_meter *m, int64_t now_ms, const char *what, double share,
                           uint64_t records) {
    if (m->active && (!what || what != m->what)) {
        if (m->drawn) {
            show(m, now_ms, 1.0, records - m->start_records);
        }
        end(m);
    }
    if (!what) {
        return;
    }
    if (!m->active) {
        m->active = true;
        m->what = what;
        m->start_ms = m->shown_ms = now_ms;
        m->start_records = records;
    }
    const bool first = m->shown_ms == m->start_ms;
    const int64_t every = !m->terminal ? LINE_EVERY_MS : first ? QUIET_MS : TERMINAL_EVERY_MS;
    if (now_ms - m->shown_ms >= every) {
        show(m, now_ms, share, records - m->start_records);
    }
}
