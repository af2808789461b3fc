/* SPDX-License-Identifier: Apache-2.0
 * demo_screen.c -- see demo_screen.h. */
#include "demo_screen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_text.h"
#include "progress.h"

static const char BOLD[] = "\033[1m";
static const char DIM[] = "\033[2m";
static const char PLAIN[] = "\033[0m";

static const char *paint(const struct demo_screen *s, const char *colour) {
    return s->colour ? colour : "";
}

void demo_screen_init(struct demo_screen *s) {
    const char *no_colour = getenv("NO_COLOR");
    s->colour = isatty(STDOUT_FILENO) == 1 && !(no_colour && no_colour[0]);
}

/* ---- the start -------------------------------------------------------------------------- */

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
           p->own_broker     ? " (embedded; transactions are not real, --kafka's are)"
           : p->exactly_once ? " (every event counts exactly once)"
                             : "");
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
    if (p->triggers) {
        printf("  redis-cli %s xrange %s:%s:triggers:0 - + count 3\n", cli, p->prefix,
               demo_events_domain(e, 0));
    }
    fflush(stdout);
}

void demo_screen_say(struct demo_screen *s, const char *text) {
    printf("%s%s%s\n", paint(s, DIM), text, paint(s, PLAIN));
    fflush(stdout);
}

/* ---- the end ---------------------------------------------------------------------------- */

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
    if (r->tested == 0) {
        printf("  %-10.10s nothing was tested\n", name);
        return;
    }
    const double n = (double)r->tested;
    const double model = (double)r->model / n;
    const double popular = (double)r->popular / n;
    const double width = half_width(r);
    printf("  %-10.10s %10s   %.3f     %.3f   %+.3f +-%.3f  %s\n", name,
           progress_number(r->tested, tested), model, popular, model - popular, width,
           fabs(model - popular) > width ? "beyond chance" : "within chance");
}

void demo_screen_result(struct demo_screen *s, const struct demo_events *e,
                        const struct demo_result *r) {
    char a[PROGRESS_NUMBER_MAX];
    char b[PROGRESS_NUMBER_MAX];
    char p50[DEMO_TEXT_MAX];
    char p99[DEMO_TEXT_MAX];
    const double seconds = (double)r->elapsed_ms * 1e-3;
    printf("\n%sDone%s in %.1f s\n", paint(s, BOLD), paint(s, PLAIN), seconds);
    printf("  %s events learned, %s a second\n", progress_number(r->events, a),
           progress_number((uint64_t)(seconds > 0.0 ? (double)r->events / seconds : 0.0), b));
    printf("  %s lists written to Redis, p50 %s, p99 %s after the Kafka record\n",
           progress_number(r->lists, a), demo_text_time(r->p50_s, p50),
           demo_text_time(r->p99_s, p99));
    printf("  %s users, %s items, ", progress_number(r->users, a), progress_number(r->items, b));
    printf("%s dead letters", progress_number(r->dead_letters, a));
    if (r->bad_lines) {
        printf(", %s lines of the file unreadable", progress_number(r->bad_lines, a));
    }
    if (r->commits) {
        printf("\n  %s triggers", progress_number(r->triggers, a));
        printf(" in %s transactions", progress_number(r->commits, b));
    }
    printf("\n\n  %s%-10s %10s   model   popular   difference (95 %%)%s\n", paint(s, BOLD),
           "recall@10", "lines", paint(s, PLAIN));
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
