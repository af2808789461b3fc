/* SPDX-License-Identifier: Apache-2.0
 * demo_screen.c -- see demo_screen.h. */
#include "demo_screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_EVERY = 20,
    NAME_COLUMNS = 32,
    CELL_COLUMNS = 47,
};

static const char BOLD[] = "\033[1m";
static const char DIM[] = "\033[2m";
static const char GREEN[] = "\033[32m";
static const char PLAIN[] = "\033[0m";

static const char *paint(const struct demo_screen *s, const char *colour) {
    return s->colour ? colour : "";
}

/* Before anything is printed: the bar's line is free again. */
static void begin(const struct demo_screen *s) {
    if (s->bar && s->colour) {
        fputs("\r\033[K", stdout);
    }
}

static void line_ended(struct demo_screen *s, unsigned lines) {
    s->since_head += s->since_head ? lines : 0;
    fflush(stdout);
}

void demo_screen_init(struct demo_screen *s, bool bar) {
    const char *no_colour = getenv("NO_COLOR");
    *s = (struct demo_screen){.colour = isatty(STDOUT_FILENO) == 1 && !(no_colour && no_colour[0]),
                              .bar = bar};
}

/* ---- text ------------------------------------------------------------------------------------ */

/* "8.3 ms", "38 ms", "1.2 s"; "-" for none. */
static const char *time_text(double s, char *buf, size_t len) {
    if (s < 0.0) {
        snprintf(buf, len, "-");
    } else if (s < 0.00995) {
        snprintf(buf, len, "%.1f ms", s * 1e3);
    } else if (s < 0.9995) {
        snprintf(buf, len, "%.0f ms", s * 1e3);
    } else {
        snprintf(buf, len, "%.1f s", s);
    }
    return buf;
}

static const char *share_text(double share, char *buf, size_t len) {
    if (share < 0.0) {
        snprintf(buf, len, "-");
    } else {
        snprintf(buf, len, "%.3f", share);
    }
    return buf;
}

static const char *day_text(int64_t ms, char *buf, size_t len) {
    const time_t t = (time_t)(ms / 1000);
    struct tm tm;
    if (ms <= 0 || !gmtime_r(&t, &tm) || strftime(buf, len, "%Y-%m-%d", &tm) == 0) {
        snprintf(buf, len, "-");
    }
    return buf;
}

/* Prints text cut or filled to a number of columns; a character of UTF-8 counts one. */
static void put_cell(const char *text, int columns) {
    int used = 0;
    const char *p = text;
    while (*p && used < columns) {
        putchar((unsigned char)*p < ' ' ? ' ' : *p); /* no control bytes of outside data */
        p++;
        while (((unsigned char)*p & 0xC0) == 0x80) {
            putchar(*p++);
        }
        used++;
    }
    printf("%*s", columns - used, "");
}

static const char *verb(enum action a) {
    switch (a) {
    case ACTION_VIEW: return "viewed";
    case ACTION_ENROLL: return "enrolled in";
    case ACTION_PURCHASE: return "bought";
    case ACTION_ORDER: return "ordered";
    case ACTION_COMPLETE: return "completed";
    case ACTION_RATE: return "rated";
    case ACTION_LIKE: return "liked";
    case ACTION_SHARE: return "shared";
    case ACTION_COMMENT: return "commented on";
    case ACTION_REPORT: return "reported";
    case ACTION_IMPRESSION: return "was shown";
    case ACTION_CLICK: return "clicked";
    case ACTION_CONVERSION: return "took";
    case ACTIONS: break;
    }
    return "took";
}

/* ---- the start ----------------------------------------------------------------------- */

void demo_screen_redis_cli(const char *address, char *buf, size_t len) {
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0) {
        snprintf(buf, len, "-s %s", address + 5);
    } else if (strncmp(address, "127.0.0.1:", 10) == 0) {
        snprintf(buf, len, "-p %s", address + 10);
    } else if (address[0] == '[' && colon) {
        snprintf(buf, len, "-h %.*s -p %s", (int)(colon - address) - 2, address + 1, colon + 1);
    } else if (colon) {
        snprintf(buf, len, "-h %.*s -p %s", (int)(colon - address), address, colon + 1);
    } else {
        snprintf(buf, len, "-h %s", address);
    }
}

static void print_what(const struct demo_events *e, const struct demo_places *p) {
    char total[PROGRESS_NUMBER_MAX];
    char users[PROGRESS_NUMBER_MAX];
    char items[PROGRESS_NUMBER_MAX];
    const struct world_params *w = demo_events_world(e);
    printf("crossrec demo: ");
    for (uint32_t d = 0; d < demo_events_n_domains(e); d++) {
        printf("%s%s",
               d == 0                             ? ""
               : d + 1 < demo_events_n_domains(e) ? ", "
                                                  : " and ",
               demo_events_domain(e, d));
    }
    progress_number(demo_events_total(e), total);
    if (!w) {
        printf("; %s events of a file, as fast as it goes\n", total);
        return;
    }
    printf("; a synthetic world of %s users and %s items,\n%s events of %.0f days",
           progress_number(w->users, users),
           progress_number((uint64_t)w->items * WORLD_DOMAINS, items), total, w->days);
    if (p->seconds) {
        printf(", at %.0f events/s for %" PRId64 " s\n", p->rate, p->seconds);
    } else {
        printf(", at %.0f events/s\n", p->rate);
    }
}

void demo_screen_start(struct demo_screen *s, const struct demo_events *e,
                       const struct demo_places *p) {
    char cli[CONFIG_VALUE_MAX];
    const char *domain = demo_events_domain(e, demo_events_n_domains(e) - 1);
    demo_screen_redis_cli(p->redis, cli, sizeof cli);
    print_what(e, p);
    printf("  kafka    %s%s\n", p->brokers,
           p->own_broker ? " (embedded, in memory; its transactions are not real)" : "");
    printf("  redis    %s%s\n", p->redis, p->own_redis ? " (the demo's own)" : "");
    if (p->http_port) {
        printf("  metrics  http://127.0.0.1:%u/metrics\n", (unsigned)p->http_port);
    }
    printf("  log      %s\n", p->log);
    printf("%sLook for yourself, in another terminal:%s\n", paint(s, BOLD), paint(s, PLAIN));
    printf("  redis-cli %s get %s:%s:rec:%s\n", cli, p->prefix, domain, demo_events_some_user(e));
    printf("  redis-cli %s get %s:%s:fallback\n", cli, p->prefix, domain);
    printf("  redis-cli %s get %s:%s:info\n", cli, p->prefix, domain);
    printf("  redis-cli %s --scan --pattern '%s:*:rec:*' | head\n", cli, p->prefix);
    printf(
        "%sp50, p99: from the Kafka record to the reply of Redis. recall@10: of the lines tested "
        "before\nthey were learned (last 15 s), those in the model's ten; popular: in the ten "
        "of 7-day popularity.%s\n",
        paint(s, DIM), paint(s, PLAIN));
    fflush(stdout);
}

void demo_screen_say(struct demo_screen *s, const char *text) {
    begin(s);
    printf("%s%s%s\n", paint(s, DIM), text, paint(s, PLAIN));
    line_ended(s, 1);
}

/* ---- a row a second ------------------------------------------------------------------ */

static void head(struct demo_screen *s) {
    printf("%s%6s %10s %9s %6s %7s %7s %9s %7s %9s %8s  %s%s\n", paint(s, BOLD), "time", "events",
           "events/s", "lag", "p50", "p99", "users", "items", "recall@10", "popular", "event day",
           paint(s, PLAIN));
    s->since_head = 1;
}

void demo_screen_row(struct demo_screen *s, const struct demo_row *r) {
    char number[5][PROGRESS_NUMBER_MAX];
    char text[5][24];
    begin(s);
    if (s->since_head == 0 || s->since_head > HEAD_EVERY) {
        head(s);
    }
    const int64_t seconds = (r->elapsed_ms + 500) / 1000;
    char time[24];
    snprintf(time, sizeof time, "%" PRId64 ":%02d", seconds / 60, (int)(seconds % 60));
    printf("%6s %10s %9s %6s %7s %7s %9s %7s %s%9s%s %8s  %s\n", time,
           progress_number(r->events, number[0]),
           progress_number((uint64_t)llround(fmax(r->rate, 0.0)), number[1]),
           progress_number(r->lag, number[2]), time_text(r->p50_s, text[0], sizeof text[0]),
           time_text(r->p99_s, text[1], sizeof text[1]), progress_number(r->users, number[3]),
           progress_number(r->items, number[4]), paint(s, GREEN),
           share_text(r->model, text[2], sizeof text[2]), paint(s, PLAIN),
           share_text(r->popular, text[3], sizeof text[3]),
           day_text(r->stream_ms, text[4], sizeof text[4]));
    line_ended(s, 1);
}

/* ---- the sample user ----------------------------------------------------------------- */

static void print_event(const struct demo_screen *s, const struct demo_events *e,
                        const struct demo_sight *sight) {
    char names[DEMO_SIGHT_LINES * (ID_LEN_MAX + 3)] = "";
    size_t len = 0;
    for (uint32_t k = 0; k < sight->n_lines && k < DEMO_SIGHT_LINES; k++) {
        const char *name = demo_events_name(e, sight->domain, sight->items[k]);
        const int n = snprintf(names + len, sizeof names - len, "%s%.80s", k ? ", " : "", name);
        len += n > 0 ? (size_t)n : 0;
    }
    if (sight->n_lines > DEMO_SIGHT_LINES) {
        snprintf(names + len, sizeof names - len, " and %u more",
                 (unsigned)(sight->n_lines - DEMO_SIGHT_LINES));
    }
    printf("  %s%s %s %s%s\n", paint(s, BOLD), sight->user, verb(sight->action), names,
           paint(s, PLAIN));
}

/* "1 + Smoky Lentil Stew          again" */
static void print_cell(const struct demo_screen *s, const struct demo_events *e,
                       const struct demo_lists *l, uint32_t side, uint32_t k) {
    const struct demo_list *list = l->now[side];
    if (k >= list->n) {
        printf("%*s", CELL_COLUMNS, "");
        return;
    }
    const struct demo_list_item *item = &list->items[k];
    const bool fresh = !demo_list_has(l->before[side], item->id);
    printf("%3u %s%c ", (unsigned)(k + 1), fresh ? paint(s, GREEN) : "", fresh ? '+' : ' ');
    put_cell(demo_events_name(e, l->domains[side], item->id), NAME_COLUMNS);
    printf("%s %s", paint(s, PLAIN), paint(s, DIM));
    const bool last = side + 1 == l->n;
    put_cell(item->reason, last ? (int)strlen(item->reason) : CELL_COLUMNS - NAME_COLUMNS - 7);
    printf("%s", paint(s, PLAIN));
}

void demo_screen_lists(struct demo_screen *s, const struct demo_events *e,
                       const struct demo_sight *sight, const struct demo_lists *l) {
    begin(s);
    print_event(s, e, sight);
    printf("      ");
    for (uint32_t side = 0; side < l->n; side++) {
        char title[CONFIG_NAME_MAX + 16];
        snprintf(title, sizeof title, "%s list now", demo_events_domain(e, l->domains[side]));
        put_cell(title, side + 1 < l->n ? CELL_COLUMNS + 2 : (int)strlen(title));
    }
    printf("\n");
    for (uint32_t k = 0; k < DEMO_TOP; k++) {
        for (uint32_t side = 0; side < l->n; side++) {
            print_cell(s, e, l, side, k);
            printf("%s", side + 1 < l->n ? "  " : "\n");
        }
    }
    line_ended(s, 2 + DEMO_TOP);
}

/* ---- the end ------------------------------------------------------------------------- */

/* Half the width of the 95 % interval of the difference of two shares of n lines, as if the
 * two were independent. They are not (the same lines): the true one is narrower. */
static double half_width(const struct demo_recall *r) {
    const double n = (double)r->tested;
    const double a = (double)r->model / n;
    const double b = (double)r->popular / n;
    return 1.96 * sqrt(a * (1.0 - a) / n + b * (1.0 - b) / n);
}

static void print_recall(const char *name, const struct demo_recall *r) {
    char tested[PROGRESS_NUMBER_MAX];
    char model[PROGRESS_NUMBER_MAX];
    char popular[PROGRESS_NUMBER_MAX];
    if (r->tested == 0) {
        printf("  %-14s nothing was tested\n", name);
        return;
    }
    const double n = (double)r->tested;
    const double difference = ((double)r->model - (double)r->popular) / n;
    const double width = half_width(r);
    printf("  %-14.14s %9s   %.3f %9s   %.3f %9s   %+.3f +-%.3f  %s\n", name,
           progress_number(r->tested, tested), (double)r->model / n,
           progress_number(r->model, model), (double)r->popular / n,
           progress_number(r->popular, popular), difference, width,
           fabs(difference) > width ? "beyond chance" : "within chance");
}

void demo_screen_result(struct demo_screen *s, const struct demo_events *e,
                        const struct demo_result *r) {
    char a[PROGRESS_NUMBER_MAX];
    char b[PROGRESS_NUMBER_MAX];
    char p50[24];
    char p99[24];
    const double seconds = (double)r->elapsed_ms * 1e-3;
    begin(s);
    printf("\n%sDone%s in %.1f s\n", paint(s, BOLD), paint(s, PLAIN), seconds);
    printf("  %s events learned, %s a second\n", progress_number(r->events, a),
           progress_number((uint64_t)(seconds > 0.0 ? (double)r->events / seconds : 0.0), b));
    printf("  %s lists written to Redis; from the Kafka record to Redis: p50 %s, p99 %s\n",
           progress_number(r->lists, a), time_text(r->p50_s, p50, sizeof p50),
           time_text(r->p99_s, p99, sizeof p99));
    printf("  %s users, %s items, ", progress_number(r->users, a), progress_number(r->items, b));
    printf("%s dead letters", progress_number(r->dead_letters, a));
    if (r->bad_lines) {
        printf(", %s lines of the file unreadable", progress_number(r->bad_lines, a));
    }
    printf("\n\n  %s%-14s %9s   %15s   %15s   difference (95 %%)%s\n", paint(s, BOLD), "recall@10",
           "lines", "model    hits", "popular    hits", paint(s, PLAIN));
    struct demo_recall all = {0, 0, 0};
    for (uint32_t d = 0; d < demo_events_n_domains(e); d++) {
        const struct demo_recall *one = &r->recall[d];
        print_recall(demo_events_domain(e, d), one);
        all.tested += one->tested;
        all.model += one->model;
        all.popular += one->popular;
    }
    if (demo_events_n_domains(e) > 1) {
        print_recall("all", &all);
    }
    fflush(stdout);
}
