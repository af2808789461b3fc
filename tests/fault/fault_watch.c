/* SPDX-License-Identifier: Apache-2.0
 * fault_watch.c -- see fault_watch.h. */
#include "fault_watch.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fault_gap.h"
#include "fault_process.h"

enum { BUCKETS_MAX = 64, TEXT_MAX = 1 << 18, PERIOD_MS = 100, TIMEOUT_MS = 400, ADDRESS_MAX = 64 };

/* What one instance said last. */
struct seen {
    char http[ADDRESS_MAX]; /* "": not expected */
    bool answers;
    double running, lag, lag_s, catching_up, redis_up, lines;
    double echoes, fenced, undone; /* counters of this life, as last read */
    double buckets[BUCKETS_MAX];   /* cumulative, of this life            */
};

struct watch {
    pthread_mutex_t mutex, looking; /* of what is below; of asking, taken before the other */
    pthread_t thread;
    bool stop;
    int tasks;
    int64_t slack;
    struct seen seen[WATCH_MAX];
    double bounds[BUCKETS_MAX]; /* upper, seconds */
    int n_buckets;
    double window[BUCKETS_MAX]; /* cumulative, since the mark, of all lives */
    double published;           /* since the start                          */
    double echoes, fenced, undone;
    struct gap *gap;
    char *text;
};

/* ---- asking ---------------------------------------------------------------------------------- */

static int dial(const char *address) {
    char host[ADDRESS_MAX];
    int port = 0;
    const struct timeval timeout = {.tv_usec = TIMEOUT_MS * 1000};
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (sscanf(address, "%63[^:]:%d", host, &port) != 2 ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1) {
        return -1;
    }
    to.sin_port = htons((uint16_t)port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); /* of connect() too */
    if (connect(fd, (const struct sockaddr *)&to, sizeof to)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The text of /metrics; an answer that breaks off is none. */
static bool ask(const char *address, char *text) {
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    size_t len = 0;
    ssize_t got = -1;
    const int fd = dial(address);
    if (fd < 0) {
        return false;
    }
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1) {
        while (len < TEXT_MAX - 1 && (got = read(fd, text + len, TEXT_MAX - 1 - len)) > 0) {
            len += (size_t)got;
        }
    }
    close(fd);
    text[len] = '\0';
    return got == 0 && len > 0;
}

static double sum_of(const char *text, const char *name, const char *label) {
    const size_t n = strlen(name);
    double sum = 0.0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '{')) {
            continue;
        }
        const char *end = line + strcspn(line, "\n");
        const char *found = label ? strstr(line, label) : line;
        const char *space = end;
        while (space > line && *space != ' ') {
            space--;
        }
        sum += found && found < end ? strtod(space, NULL) : 0.0;
    }
    return sum;
}

/* Cumulative buckets of the histogram; their bounds are the same everywhere. */
static void read_buckets(struct watch *w, const char *text, double out[BUCKETS_MAX]) {
    static const char name[] = "crossrec_event_to_redis_seconds_bucket";
    int n = 0;
    for (const char *at = strstr(text, name); at && n < BUCKETS_MAX; at = strstr(at + 1, name)) {
        const char *le = strstr(at, "le=\"");
        const char *value = strchr(at, '}');
        if (le && value) {
            w->bounds[n] = le[4] == '+' ? (double)INFINITY : strtod(le + 4, NULL);
            out[n++] = strtod(value + 1, NULL);
        }
    }
    w->n_buckets = n > w->n_buckets ? n : w->n_buckets;
}

/* ---- adding up ----------------------------------------------------------------------------- */

static void add_counter(double *sum, double *last, double now) {
    *sum += now > *last ? now - *last : 0.0;
    *last = now;
}

static void take_buckets(struct watch *w, struct seen *s, const char *text) {
    double now[BUCKETS_MAX] = {0};
    read_buckets(w, text, now);
    const int last = w->n_buckets - 1;
    const double more = last >= 0 ? now[last] - s->buckets[last] : 0.0;
    for (int k = 0; k < w->n_buckets; k++) {
        w->window[k] += now[k] - s->buckets[k];
        s->buckets[k] = now[k];
    }
    w->published += more;
}

static void take(struct watch *w, struct seen *s, const char *text) {
    s->answers = true;
    s->running = sum_of(text, "crossrec_tasks", "state=\"running\"");
    s->lag = sum_of(text, "crossrec_lag_records", NULL);
    s->lag_s = sum_of(text, "crossrec_lag_seconds", NULL);
    s->catching_up = sum_of(text, "crossrec_catching_up", NULL);
    s->redis_up = sum_of(text, "crossrec_redis_up", NULL);
    s->lines = sum_of(text, "crossrec_event_lines_total", NULL);
    add_counter(&w->echoes, &s->echoes, sum_of(text, "crossrec_duplicate_events_total", NULL));
    add_counter(&w->fenced, &s->fenced, sum_of(text, "crossrec_publish_refused_total", NULL));
    add_counter(&w->undone, &s->undone, sum_of(text, "crossrec_batches_undone_total", NULL));
    take_buckets(w, s, text);
}

/* One look at one instance; one at a time, so that no older answer comes after a newer one. */
static void look_at(struct watch *w, int k) {
    char http[ADDRESS_MAX];
    pthread_mutex_lock(&w->looking);
    pthread_mutex_lock(&w->mutex);
    memcpy(http, w->seen[k].http, sizeof http);
    pthread_mutex_unlock(&w->mutex);
    const bool answers = http[0] && ask(http, w->text);
    pthread_mutex_lock(&w->mutex);
    if (answers && w->seen[k].http[0]) {
        take(w, &w->seen[k], w->text);
    } else {
        w->seen[k].answers = false;
    }
    pthread_mutex_unlock(&w->mutex);
    pthread_mutex_unlock(&w->looking);
}

static void look_at_redis(struct watch *w) {
    pthread_mutex_lock(&w->looking);
    gap_look(w->gap, process_now_ms());
    pthread_mutex_unlock(&w->looking);
}

void watch_look(struct watch *w) {
    look_at_redis(w);
    for (int k = 0; k < WATCH_MAX; k++) {
        look_at(w, k);
    }
}

static bool stopped(struct watch *w) {
    pthread_mutex_lock(&w->mutex);
    const bool stop = w->stop;
    pthread_mutex_unlock(&w->mutex);
    return stop;
}

static void *run(void *arg) {
    struct watch *w = arg;
    while (!stopped(w)) {
        watch_look(w);
        process_nap_ms(PERIOD_MS);
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------
 */

struct watch *watch_start(const char *socket, int tasks, int64_t slack) {
    struct watch *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    w->tasks = tasks;
    w->slack = slack;
    w->gap = gap_new(socket, tasks, process_now_ms());
    w->text = malloc(TEXT_MAX);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_mutex_init(&w->looking, NULL);
    if (!w->text || !w->gap || pthread_create(&w->thread, NULL, run, w)) {
        gap_free(w->gap);
        free(w->text);
        free(w);
        return NULL;
    }
    return w;
}

void watch_stop(struct watch *w) {
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->mutex);
    pthread_mutex_destroy(&w->looking);
    gap_free(w->gap);
    free(w->text);
    free(w);
}

/* ---- what the harness asks --------------------------------------------------------------------
 */

void watch_expect(struct watch *w, int k, const char *http) {
    pthread_mutex_lock(&w->looking);
    pthread_mutex_lock(&w->mutex);
    w->seen[k] = (struct seen){0};
    snprintf(w->seen[k].http, sizeof w->seen[k].http, "%s", http ? http : "");
    pthread_mutex_unlock(&w->mutex);
    pthread_mutex_unlock(&w->looking);
}

void watch_mark(struct watch *w) {
    pthread_mutex_lock(&w->looking);
    pthread_mutex_lock(&w->mutex);
    memset(w->window, 0, sizeof w->window);
    gap_mark(w->gap, process_now_ms());
    pthread_mutex_unlock(&w->mutex);
    pthread_mutex_unlock(&w->looking);
}

static bool is_well(const struct seen *s) {
    return s->answers && s->catching_up <= 0.0 && s->redis_up >= 1.0;
}

bool watch_steady(struct watch *w) {
    double running = 0.0;
    double lag = 0.0;
    bool steady = true;
    watch_look(w);
    pthread_mutex_lock(&w->mutex);
    for (int k = 0; k < WATCH_MAX; k++) {
        const struct seen *s = &w->seen[k];
        steady = steady && (!s->http[0] || is_well(s));
        running += s->running;
        lag += s->lag;
    }
    steady = steady && (int)running == w->tasks && lag <= (double)w->slack;
    pthread_mutex_unlock(&w->mutex);
    return steady;
}

static double p99_ms(const struct watch *w) {
    const double all = w->n_buckets > 0 ? w->window[w->n_buckets - 1] : 0.0;
    for (int k = 0; k < w->n_buckets && all > 0.0; k++) {
        if (w->window[k] >= all * 0.99) {
            return w->bounds[k] * 1000.0;
        }
    }
    return -1.0;
}

struct watch_sums watch_read(struct watch *w) {
    pthread_mutex_lock(&w->looking);
    pthread_mutex_lock(&w->mutex);
    const struct watch_sums sums = {.p99_ms = p99_ms(w),
                                    .gap_ms = gap_longest_ms(w->gap),
                                    .published = (uint64_t)w->published,
                                    .echoes = (uint64_t)w->echoes,
                                    .fenced = (uint64_t)w->fenced,
                                    .undone = (uint64_t)w->undone};
    pthread_mutex_unlock(&w->mutex);
    pthread_mutex_unlock(&w->looking);
    return sums;
}

double watch_lines(struct watch *w, int k) {
    pthread_mutex_lock(&w->mutex);
    const double lines = w->seen[k].answers ? w->seen[k].lines : -1.0;
    pthread_mutex_unlock(&w->mutex);
    return lines;
}

void watch_tell(struct watch *w) {
    pthread_mutex_lock(&w->mutex);
    for (int k = 0; k < WATCH_MAX; k++) {
        const struct seen *s = &w->seen[k];
        if (s->http[0]) {
            fprintf(stderr,
                    "  instance %d (%s): %s, %.0f tasks running, lag %.0f records, %.1f s%s\n", k,
                    s->http, s->answers ? "answers" : "does not answer", s->running, s->lag,
                    s->lag_s,
                    s->catching_up > 0.0 ? ", catching up"
                    : s->redis_up < 1.0  ? ", without Redis"
                                         : "");
        }
    }
    pthread_mutex_unlock(&w->mutex);
}
