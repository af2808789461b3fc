/* SPDX-License-Identifier: Apache-2.0
 * eval_csv.c -- the windows of eval_report.h, as RFC 4180 has it, but with \n. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "eval_report.h"

enum { MS_PER_S = 1000 };

static void put_time(FILE *out, int64_t ts_ms) {
    const time_t s = (time_t)(ts_ms / MS_PER_S);
    struct tm tm;
    char text[32] = "";
    if (gmtime_r(&s, &tm)) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    fprintf(out, "%s.%03dZ", text, (int)(ts_ms % MS_PER_S));
}

static void put_text(FILE *out, const char *text) {
    if (!strpbrk(text, "\",\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

void eval_report_csv(const struct eval_report *r, FILE *out) {
    const struct eval_windows *w = r->run->windows;
    fprintf(out, "line,ts,domain,model,n,recall@10\n");
    for (size_t k = 0; k < w->n; k++) {
        const struct eval_window *window = &w->windows[k];
        for (unsigned m = 0; m < TRIAL_MODELS; m++) {
            const uint32_t n = window->hits.n[m];
            if (n == 0) {
                continue;
            }
            fprintf(out, "%" PRIu64 ",", window->line);
            put_time(out, window->ts_ms);
            fputc(',', out);
            put_text(out, eval_report_domain(r, window->domain));
            fprintf(out, ",%s,%" PRIu32 ",%.6f\n", trial_model_str((enum trial_model)m), n,
                    (double)window->hits.hits[m] / (double)n);
        }
    }
}
