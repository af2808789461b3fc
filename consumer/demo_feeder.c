/* SPDX-License-Identifier: Apache-2.0
 * demo_feeder.c -- see demo_feeder.h. */
#include "demo_feeder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_clock.h"
#include "demo_sample.h"
#include "feed.h"
#include "kafka.h"
#include "metrics.h"
#include "pace.h"

enum { FLUSH_MS = 10000, WAIT_MS = 20 };

struct demo_feeder {
    struct demo_feeder_params params;
    struct kafka_producer *producer;
    struct feed *feed;
    struct demo_sample *sample;
    pthread_t thread;
    bool started;
    _Atomic bool stop, done;
    _Atomic uint64_t n_events, n_records;
    pthread_mutex_t lock;
    struct demo_sight sight; /* under the lock */
    enum status status;      /* valid when done */
    char err[CONFIG_ERROR_MAX];
};

/* ---- the sample user ----------------------------------------------------------------- */

static void copy_id(char *out, const char *id, size_t len) {
    snprintf(out, ID_LEN_MAX + 1, "%.*s", (int)(len < ID_LEN_MAX ? len : ID_LEN_MAX), id);
}

static void look(struct demo_feeder *f, const struct decoded *event, uint32_t domain) {
    const enum demo_sample_sight sight =
        demo_sample_see(f->sample, event->user_id, event->user_id_len, domain, demo_now_ms());
    if (sight == SAMPLE_OTHER) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    struct demo_sight *s = &f->sight;
    s->number++;
    s->chosen = sight == SAMPLE_CHOSEN;
    s->sample += s->chosen ? 1 : 0;
    copy_id(s->user, event->user_id, event->user_id_len);
    s->domain = domain;
    s->other = demo_sample_other(f->sample, domain);
    s->ts_ms = event->ts_ms;
    s->action = event->action;
    s->n_lines = event->n_lines;
    for (uint32_t k = 0; k < event->n_lines && k < DEMO_SIGHT_LINES; k++) {
        copy_id(s->items[k], event->lines[k].item, event->lines[k].item_len);
    }
    pthread_mutex_unlock(&f->lock);
}

/* Every record ends as one of these. */
uint64_t demo_feeder_taken(void) {
    return (uint64_t)(metric_sum(M_EVENTS) + metric_sum(M_DUPLICATES) + metric_sum(M_DEAD_LETTERS));
}

/* ---- the thread ---------------------------------------------------------------------- */

static bool too_far_ahead(const struct demo_feeder *f) {
    return feed_records(f->feed) >= demo_feeder_taken() + DEMO_AHEAD;
}

/* Until the event is due and the consumer is near; false: stop. */
static bool wait_for_turn(struct demo_feeder *f, struct pace *pace, int64_t ts_ms,
                          int64_t deadline_ms) {
    int64_t wait_ms = pace_wait_ms(pace, demo_now_ms(), ts_ms);
    const int64_t due_ms = demo_now_ms() + wait_ms;
    while (!atomic_load(&f->stop) && demo_now_ms() < deadline_ms) {
        wait_ms = due_ms - demo_now_ms();
        if (wait_ms <= 0 && !too_far_ahead(f)) {
            return true;
        }
        kafka_producer_poll(f->producer, 0);
        demo_nap_ms(wait_ms > WAIT_MS ? WAIT_MS : wait_ms > 0 ? wait_ms : 1);
    }
    return false;
}

static enum status send_all(struct demo_feeder *f) {
    struct pace pace = {.rate = f->params.rate};
    const int64_t deadline_ms =
        f->params.seconds ? demo_now_ms() + f->params.seconds * 1000 : INT64_MAX;
    struct decoded event;
    uint32_t domain = 0;
    while (demo_events_next(f->params.events, &event, &domain) &&
           wait_for_turn(f, &pace, event.ts_ms, deadline_ms)) {
        const enum status st = feed_send(f->feed, domain, &event);
        if (st) {
            snprintf(f->err, sizeof f->err, "cannot send an event: %s", status_str(st));
            return st;
        }
        look(f, &event, domain);
        atomic_store(&f->n_records, feed_records(f->feed));
        atomic_fetch_add(&f->n_events, 1);
    }
    char why[CONFIG_ERROR_MAX / 2] = "";
    enum status st = kafka_producer_flush(f->producer, FLUSH_MS, why, sizeof why);
    if (st) {
        snprintf(f->err, sizeof f->err, "Kafka did not take every event: %s",
                 why[0] ? why : status_str(st));
        return st;
    }
    st = demo_events_status(f->params.events);
    if (st) {
        snprintf(f->err, sizeof f->err, "the event file could not be read to its end");
    }
    return st;
}

static void *thread_main(void *arg) {
    struct demo_feeder *f = arg;
    f->status = send_all(f);
    atomic_store(&f->done, true);
    return NULL;
}

/* ---- life cycle ---------------------------------------------------------------------- */

enum status demo_feeder_start(const struct demo_feeder_params *params, struct demo_feeder **out,
                              char *err) {
    struct demo_feeder *f = calloc(1, sizeof *f);
    if (!f) {
        snprintf(err, CONFIG_ERROR_MAX, "out of memory");
        return ST_NOMEM;
    }
    f->params = *params;
    pthread_mutex_init(&f->lock, NULL);
    const uint32_t n_domains = demo_events_n_domains(params->events);
    enum status st = demo_sample_new(n_domains > 1 ? 2 : 1, params->quiet_ms, &f->sample);
    if (!st) {
        st = kafka_producer_new(params->cfg, &f->producer, err);
    }
    if (!st) {
        st = feed_new(params->cfg, f->producer, NULL, &f->feed);
    }
    if (!st) {
        f->started = pthread_create(&f->thread, NULL, thread_main, f) == 0;
        st = f->started ? ST_OK : ST_IO;
    }
    if (st) {
        if (err[0] == '\0') {
            snprintf(err, CONFIG_ERROR_MAX, "cannot start the feeder: %s", status_str(st));
        }
        (void)demo_feeder_join(f, f->err);
        return st;
    }
    *out = f;
    return ST_OK;
}

void demo_feeder_stop(struct demo_feeder *f) {
    atomic_store(&f->stop, true);
}

bool demo_feeder_done(const struct demo_feeder *f) {
    return atomic_load(&f->done);
}

uint64_t demo_feeder_events(const struct demo_feeder *f) {
    return atomic_load(&f->n_events);
}

uint64_t demo_feeder_records(const struct demo_feeder *f) {
    return atomic_load(&f->n_records);
}

void demo_feeder_sight(struct demo_feeder *f, struct demo_sight *out) {
    pthread_mutex_lock(&f->lock);
    *out = f->sight;
    pthread_mutex_unlock(&f->lock);
}

enum status demo_feeder_join(struct demo_feeder *f, char *err) {
    if (!f) {
        return ST_OK;
    }
    enum status st = ST_OK;
    if (f->started) {
        demo_feeder_stop(f);
        pthread_join(f->thread, NULL);
        st = f->status;
        if (st) {
            memmove(err, f->err, sizeof f->err);
        }
    }
    feed_free(f->feed);
    kafka_producer_free(f->producer);
    demo_sample_free(f->sample);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return st;
}
