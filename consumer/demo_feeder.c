/* SPDX-License-Identifier: Apache-2.0
 * demo_feeder.c -- see demo_feeder.h. */
#include "demo_feeder.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo_clock.h"
#include "demo_rows.h"
#include "demo_sample.h"
#include "feed.h"
#include "kafka.h"
#include "metrics.h"
#include "pace.h"

enum { FLUSH_MS = 10000, WAIT_MS = 20, LATELY = 8 };

/* What the main thread asks for. */
struct demo_wish {
    bool follow, order;
    char who[ID_LEN_MAX + 1];                        /* to be followed; "": the next */
    char user[ID_LEN_MAX + 1], item[ID_LEN_MAX + 1]; /* of the order */
    uint32_t domain;
};

struct demo_feeder {
    struct demo_feeder_params params;
    struct kafka_producer *producer;
    struct feed *feed;
    struct demo_rows *rows;
    struct demo_sample *sample;
    struct demo_memory *memory;
    pthread_t thread;
    bool started;
    _Atomic bool stop, leave, done, paused;
    _Atomic uint64_t n_events, n_records;
    _Atomic int64_t newest_ms; /* of the stream; 0: nothing yet */
    pthread_mutex_t lock;
    struct demo_sight sight; /* under the lock */
    struct demo_wish wish;   /* under the lock */
    uint64_t n_orders;
    struct pace pace;
    int64_t deadline_ms;
    char lately[LATELY][ID_LEN_MAX + 1]; /* whom it followed */
    uint32_t n_lately;
    enum status status; /* valid when done */
    char err[CONFIG_ERROR_MAX];
};

static void copy_id(char *out, const char *id, size_t len) {
    snprintf(out, ID_LEN_MAX + 1, "%.*s", (int)(len < ID_LEN_MAX ? len : ID_LEN_MAX), id);
}

/* ---- the sample user -------------------------------------------------------------------- */

/* Another one is followed. Under the lock. */
static void turn_to(struct demo_feeder *f, const char *user, uint32_t domain, bool held) {
    struct demo_sight *s = &f->sight;
    s->number++;
    s->sample++;
    s->held = held;
    snprintf(s->user, sizeof s->user, "%s", user);
    snprintf(f->lately[f->n_lately++ % LATELY], ID_LEN_MAX + 1, "%s", user);
    s->n_events = (uint32_t)demo_memory_of(f->memory, user, s->events, DEMO_HAPPENINGS);
    s->domain = s->n_events > 0 ? s->events[0].domain : domain;
    s->other = demo_sample_other(f->sample, s->domain);
}

static void add_event(struct demo_feeder *f, const struct demo_happening *h) {
    struct demo_sight *s = &f->sight;
    s->number++;
    s->n_events += s->n_events < DEMO_HAPPENINGS ? 1 : 0;
    memmove(s->events + 1, s->events, (s->n_events - 1) * sizeof *s->events);
    s->events[0] = *h;
    s->domain = h->domain;
    s->other = demo_sample_other(f->sample, h->domain);
}

static void look(struct demo_feeder *f, const struct decoded *event, uint32_t domain,
                 bool injected) {
    struct demo_happening h = {.domain = domain,
                               .ts_ms = event->ts_ms,
                               .action = event->action,
                               .injected = injected,
                               .n_lines = event->n_lines};
    copy_id(h.user, event->user_id, event->user_id_len);
    for (uint32_t k = 0; k < event->n_lines && k < DEMO_SIGHT_LINES; k++) {
        copy_id(h.items[k], event->lines[k].item, event->lines[k].item_len);
    }
    demo_memory_add(f->memory, &h);
    const enum demo_sample_sight sight =
        demo_sample_see(f->sample, event->user_id, event->user_id_len, domain, demo_now_ms());
    if (sight == SAMPLE_OTHER) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    if (sight == SAMPLE_CHOSEN) {
        turn_to(f, h.user, domain, false);
    } else {
        add_event(f, &h);
    }
    pthread_mutex_unlock(&f->lock);
}

/* Lively, and not one of those who were followed lately. */
static bool is_another(void *arg, const char *user) {
    const struct demo_feeder *f = arg;
    for (uint32_t k = 0; k < LATELY; k++) {
        if (strcmp(f->lately[k], user) == 0) {
            return false;
        }
    }
    return demo_sample_lively(f->sample, user, strlen(user));
}

static void follow(struct demo_feeder *f, const char *who) {
    char user[ID_LEN_MAX + 1];
    snprintf(user, sizeof user, "%s", who);
    if (!who[0] && !demo_memory_find(f->memory, is_another, f, user)) {
        return; /* nobody else yet: the same again */
    }
    pthread_mutex_lock(&f->lock);
    demo_sample_choose(f->sample, user, strlen(user), who[0] != '\0', demo_now_ms());
    turn_to(f, user, 0, who[0] != '\0');
    pthread_mutex_unlock(&f->lock);
}

/* Every record ends as one of these. */
uint64_t demo_feeder_taken(void) {
    return (uint64_t)(metric_sum(M_EVENTS) + metric_sum(M_DUPLICATES) + metric_sum(M_DEAD_LETTERS));
}

/* ---- sending ---------------------------------------------------------------------------- */

static enum status fail(struct demo_feeder *f, enum status st, const char *what) {
    snprintf(f->err, sizeof f->err, "cannot send %s: %s", what, status_str(st));
    return st;
}

static enum status send_event(struct demo_feeder *f, uint32_t domain, const struct decoded *event,
                              bool injected) {
    enum status st = demo_rows_send(f->rows, event->ts_ms);
    if (st) {
        return fail(f, st, "a row of the catalogue");
    }
    st = feed_send(f->feed, domain, event);
    if (st) {
        return fail(f, st, "an event");
    }
    look(f, event, domain, injected);
    atomic_store(&f->newest_ms, event->ts_ms);
    atomic_store(&f->n_records, feed_records(f->feed));
    return ST_OK;
}

static enum status send_order(struct demo_feeder *f, const struct demo_wish *w) {
    char id[64];
    struct decoded_line line = {
        .item = w->item, .item_len = strlen(w->item), .quantity = 1.0, .amount = 1.0};
    const int len = snprintf(id, sizeof id, "%.32s-o%" PRIu64, f->params.run, f->n_orders++);
    const struct decoded event = {.event_id = id,
                                  .event_id_len = (size_t)len,
                                  .user_id = w->user,
                                  .user_id_len = strlen(w->user),
                                  .ts_ms = atomic_load(&f->newest_ms),
                                  .action = feed_action(f->feed, w->domain),
                                  .n_lines = 1,
                                  .lines = &line};
    return send_event(f, w->domain, &event, true);
}

/* What was asked for since the last look. */
static enum status serve(struct demo_feeder *f) {
    pthread_mutex_lock(&f->lock);
    const struct demo_wish w = f->wish;
    f->wish.follow = f->wish.order = false;
    pthread_mutex_unlock(&f->lock);
    if (w.follow) {
        follow(f, w.who);
    }
    return w.order ? send_order(f, &w) : ST_OK;
}

/* ---- the thread ------------------------------------------------------------------------- */

static bool too_far_ahead(const struct demo_feeder *f) {
    return feed_records(f->feed) >= demo_feeder_taken() + DEMO_AHEAD;
}

/* All that is waited for is later by so much. */
static void rest(struct demo_feeder *f, int64_t *due_ms) {
    const int64_t before_ms = demo_now_ms();
    kafka_producer_poll(f->producer, 0);
    demo_nap_ms(WAIT_MS);
    const int64_t rested_ms = demo_now_ms() - before_ms;
    *due_ms += rested_ms;
    f->pace.start_ms += rested_ms;
    f->deadline_ms += f->params.seconds ? rested_ms : 0;
}

/* Until the event is due and the consumer is near. ST_AGAIN: feed no more. */
static enum status wait_for_turn(struct demo_feeder *f, int64_t ts_ms) {
    int64_t due_ms = demo_now_ms();
    due_ms += pace_wait_ms(&f->pace, due_ms, ts_ms);
    while (!atomic_load(&f->stop)) {
        const enum status st = serve(f);
        if (st) {
            return st;
        }
        if (atomic_load(&f->paused)) {
            rest(f, &due_ms);
            continue;
        }
        const int64_t now_ms = demo_now_ms();
        if (now_ms >= f->deadline_ms) {
            break;
        }
        const int64_t wait_ms = due_ms - now_ms;
        if (wait_ms <= 0 && !too_far_ahead(f)) {
            return ST_OK;
        }
        kafka_producer_poll(f->producer, 0);
        demo_nap_ms(wait_ms > WAIT_MS ? WAIT_MS : wait_ms > 0 ? wait_ms : 1);
    }
    return ST_AGAIN;
}

static enum status flush(struct demo_feeder *f) {
    char why[CONFIG_ERROR_MAX / 2] = "";
    const enum status st = kafka_producer_flush(f->producer, FLUSH_MS, why, sizeof why);
    if (st) {
        snprintf(f->err, sizeof f->err, "Kafka did not take every event: %s",
                 why[0] ? why : status_str(st));
    }
    return st;
}

static enum status feed_all(struct demo_feeder *f) {
    struct decoded event;
    uint32_t domain = 0;
    f->pace = (struct pace){.rate = f->params.rate};
    f->deadline_ms = f->params.seconds ? demo_now_ms() + f->params.seconds * 1000 : INT64_MAX;
    while (demo_events_next(f->params.events, &event, &domain)) {
        enum status st = wait_for_turn(f, event.ts_ms);
        if (st) {
            return st == ST_AGAIN ? ST_OK : st;
        }
        st = send_event(f, domain, &event, false);
        if (st) {
            return st;
        }
        atomic_fetch_add(&f->n_events, 1);
    }
    if (demo_events_status(f->params.events)) {
        snprintf(f->err, sizeof f->err, "the event file could not be read to its end");
        return ST_IO;
    }
    return ST_OK;
}

/* Then it is there for orders, until it is joined. */
static void *thread_main(void *arg) {
    struct demo_feeder *f = arg;
    enum status st = feed_all(f);
    st = st ? st : flush(f);
    f->status = st;
    atomic_store(&f->done, true);
    while (!st && !atomic_load(&f->leave)) {
        st = serve(f);
        kafka_producer_poll(f->producer, 0);
        demo_nap_ms(WAIT_MS);
    }
    return NULL;
}

/* ---- life cycle ------------------------------------------------------------------------- */

static enum status open_all(struct demo_feeder *f, char *err) {
    const struct demo_feeder_params *p = &f->params;
    const uint32_t n_domains = demo_events_n_domains(p->events);
    enum status st = demo_sample_new(n_domains > 1 ? 2 : 1, p->quiet_ms, &f->sample);
    st = st ? st : demo_memory_new(&f->memory);
    st = st ? st : kafka_producer_new(p->cfg, &f->producer, err);
    st = st ? st : feed_new(p->cfg, f->producer, NULL, &f->feed);
    return st ? st : demo_rows_new(p->cfg, p->events, f->producer, &f->rows);
}

enum status demo_feeder_start(const struct demo_feeder_params *params, struct demo_feeder **out,
                              char *err) {
    struct demo_feeder *f = calloc(1, sizeof *f);
    if (!f) {
        snprintf(err, CONFIG_ERROR_MAX, "out of memory");
        return ST_NOMEM;
    }
    f->params = *params;
    pthread_mutex_init(&f->lock, NULL);
    enum status st = open_all(f, err);
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

void demo_feeder_pause(struct demo_feeder *f, bool pause) {
    atomic_store(&f->paused, pause);
}

void demo_feeder_follow(struct demo_feeder *f, const char *user) {
    pthread_mutex_lock(&f->lock);
    f->wish.follow = true;
    copy_id(f->wish.who, user, strlen(user));
    pthread_mutex_unlock(&f->lock);
}

enum status demo_feeder_order(struct demo_feeder *f, uint32_t domain, const char *user,
                              const char *item) {
    if (atomic_load(&f->newest_ms) == 0) {
        return ST_NOT_FOUND;
    }
    pthread_mutex_lock(&f->lock);
    struct demo_wish *w = &f->wish;
    const enum status st = w->order ? ST_AGAIN : ST_OK;
    if (!st) {
        w->order = true;
        w->domain = domain;
        copy_id(w->user, user, strlen(user));
        copy_id(w->item, item, strlen(item));
    }
    pthread_mutex_unlock(&f->lock);
    return st;
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

bool demo_feeder_sight(struct demo_feeder *f, struct demo_sight *out) {
    pthread_mutex_lock(&f->lock);
    const bool newer = f->sight.number != out->number;
    if (newer) {
        *out = f->sight;
    }
    pthread_mutex_unlock(&f->lock);
    return newer;
}

enum status demo_feeder_join(struct demo_feeder *f, char *err) {
    if (!f) {
        return ST_OK;
    }
    enum status st = ST_OK;
    if (f->started) {
        demo_feeder_stop(f);
        atomic_store(&f->leave, true);
        pthread_join(f->thread, NULL);
        st = f->status;
        if (st) {
            memmove(err, f->err, sizeof f->err);
        }
    }
    feed_free(f->feed);
    demo_rows_free(f->rows);
    kafka_producer_free(f->producer);
    demo_sample_free(f->sample);
    demo_memory_free(f->memory);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return st;
}
