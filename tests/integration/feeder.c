/* SPDX-License-Identifier: Apache-2.0
 * feeder.c -- see feeder.h. */
#include "feeder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encode.h"
#include "kafka.h"
#include "mix.h"
#include "shipped.h"

enum { ITEMS = 80, TICK_MS = 5, VALUE_MAX = 1024, FLUSH_MS = 60000 };

struct feeder {
    const struct config *cfg;
    struct kafka_producer *producer;
    struct encoder *encoders[READERS];
    pthread_t thread;
    atomic_bool stop;
    atomic_int rate, bad_every;
    atomic_uint_fast64_t events, bad;
    uint64_t first;
    struct rng rng;
};

static void produce(struct feeder *f, const char *topic, const char *user, const void *value,
                    size_t len) {
    while (kafka_produce(f->producer, topic, user, strlen(user), value, len, 0)) {
        kafka_producer_poll(f->producer, 10); /* the queue is full: the broker is away */
    }
}

static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_event(struct feeder *f) {
    const uint64_t n = atomic_fetch_add(&f->events, 1);
    const bool course = n % FEEDER_TOPICS == 0;
    char user[16];
    char event[32];
    char item[16];
    snprintf(user, sizeof user, "u%u", (unsigned)(n / 2 % FEEDER_USERS));
    snprintf(event, sizeof event, "e%llu", (unsigned long long)(f->first + n));
    snprintf(item, sizeof item, "%c%u", course ? 'c' : 'f', (unsigned)rng_below(&f->rng, ITEMS));
    struct decoded_line line = {.item = item, .item_len = strlen(item), .quantity = 1, .amount = 3};
    const struct decoded d = {.event_id = event,
                              .event_id_len = strlen(event),
                              .user_id = user,
                              .user_id_len = strlen(user),
                              .ts_ms = wall_ms(),
                              .action = course ? ACTION_VIEW : ACTION_ORDER,
                              .n_lines = 1,
                              .lines = &line};
    uint8_t value[VALUE_MAX];
    size_t len = 0;
    if (encode(f->encoders[course ? READER_COURSE_VIEW : READER_FOOD_ORDER], &d, value,
               sizeof value, &len)) {
        abort();
    }
    produce(f, f->cfg->topics[course ? 0 : 1].name, user, value, len);
}

static void send_bad(struct feeder *f) {
    const uint64_t n = atomic_fetch_add(&f->bad, 1);
    char user[16];
    snprintf(user, sizeof user, "u%u", (unsigned)(n % FEEDER_USERS));
    produce(f, f->cfg->topics[n % FEEDER_TOPICS].name, user, "\x07nothing", 8);
}

static void *run(void *arg) {
    struct feeder *f = arg;
    const struct timespec nap = {.tv_nsec = TICK_MS * 1000000L};
    int64_t at_ms = wall_ms();
    uint64_t n = 0;
    while (!atomic_load(&f->stop)) {
        const int64_t now_ms = wall_ms();
        const int due = (int)(now_ms - at_ms) * atomic_load(&f->rate) / 1000;
        if (due > 0) {
            at_ms = now_ms;
        }
        for (int k = 0; k < due && !atomic_load(&f->stop); k++) {
            send_event(f);
            const int bad_every = atomic_load(&f->bad_every);
            if (bad_every > 0 && ++n % (uint64_t)bad_every == 0) {
                send_bad(f);
            }
        }
        kafka_producer_poll(f->producer, 0);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

struct feeder *feeder_start(const struct config *cfg, int rate, int bad_every, uint64_t first) {
    struct feeder *f = calloc(1, sizeof *f);
    char err[CONFIG_ERROR_MAX] = "out of memory";
    if (!f || kafka_producer_new(cfg, &f->producer, err)) {
        fprintf(stderr, "feeder: %s\n", err);
        free(f);
        return NULL;
    }
    f->cfg = cfg;
    f->first = first;
    f->rng = (struct rng){first + 1};
    atomic_init(&f->rate, rate);
    atomic_init(&f->bad_every, bad_every);
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        const uint32_t id = shipped_id((enum reader)k);
        if (encoder_new((enum reader)k, id, &f->encoders[k])) {
            abort();
        }
    }
    if (pthread_create(&f->thread, NULL, run, f)) {
        abort();
    }
    return f;
}

void feeder_set(struct feeder *f, int rate, int bad_every) {
    atomic_store(&f->rate, rate);
    atomic_store(&f->bad_every, bad_every);
}

uint64_t feeder_events(const struct feeder *f) {
    return atomic_load(&f->events);
}

uint64_t feeder_bad(const struct feeder *f) {
    return atomic_load(&f->bad);
}

void feeder_stop(struct feeder *f, uint64_t *events, uint64_t *bad) {
    char err[CONFIG_ERROR_MAX] = "";
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    if (kafka_producer_flush(f->producer, FLUSH_MS, err, sizeof err)) {
        fprintf(stderr, "feeder: not everything is in Kafka: %s\n", err);
    }
    *events = feeder_events(f);
    *bad = feeder_bad(f);
    kafka_producer_free(f->producer);
    for (int k = 0; k <= READER_FOOD_ORDER; k++) {
        encoder_free(f->encoders[k]);
    }
    free(f);
}
