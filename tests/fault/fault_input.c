/* SPDX-License-Identifier: Apache-2.0
 * fault_input.c -- see fault_input.h. */
#include "fault_input.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encode.h"
#include "fault_poison.h"
#include "fault_producer.h"
#include "hash.h"
#include "kafka.h"
#include "mix.h"
#include "shipped.h"

enum {
    TICK_MS = 5,
    VALUE_MAX = 4096,
    FLUSH_MS = 60000,
    LINES_MAX = 4,
    ENDING_RATE = 8000,
    POISON_EVERY = 9, /* one bad record after so many events, on average */
    ROLE_FIRST = 256, /* first number of somebody with a role, when all instances know the time */
    ROLE_EVERY = 16,  /* even: a course */
    ROLE_SOON = 20,   /* groups until w comes again: at once, ... */
    ROLE_LATE = 300,  /* ... or after a sweep or more; both even */
    SILENT_DAYS = 28,
    OLD_DAYS = 3,
};

#define FIRST_MS INT64_C(1700000000000) /* of the event times: the past, and always the same */
#define STEP_MS  1000
#define DAY_MS   INT64_C(86400000)

struct input {
    const struct config *cfg;
    struct input_plan plan;
    struct once *producer;
    struct encoder *encoders[INPUT_TOPICS];
    FILE *sent;
    pthread_t thread;
    atomic_bool ending, paused, idle;
    _Atomic uint64_t events, bad;
    _Atomic uint32_t evolved[INPUT_TOPICS]; /* schema id; 0: as planned */
    uint64_t seq;
    struct rng rng;
    double users[INPUT_USERS]; /* cumulated shares */
};

/* One event in the making: texts that `event` borrows. */
struct making {
    char user[16], id[32], items[LINES_MAX][16];
    struct decoded_line lines[LINES_MAX];
    struct decoded event;
    uint32_t topic;
};

static const char *const ACTION[ACTIONS_OF_EVENTS] = {
    "view", "enroll", "purchase", "order", "complete", "rate", "like", "share", "comment", "report",
};

/* ---- the stream ---------------------------------------------------------------------------- */

static void share_out(struct input *in) {
    double sum = 0.0;
    for (int k = 0; k < INPUT_USERS; k++) {
        sum += 1.0 / (k + 1);
        in->users[k] = sum;
    }
}

static unsigned draw_user(struct input *in) {
    const double x = rng_unit(&in->rng) * in->users[INPUT_USERS - 1];
    unsigned low = 0;
    unsigned high = INPUT_USERS - 1;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (in->users[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum action draw_action(struct input *in) {
    static const enum action of_ten[10] = {
        ACTION_VIEW,   ACTION_VIEW,   ACTION_VIEW, ACTION_VIEW,     ACTION_VIEW,
        ACTION_ENROLL, ACTION_ENROLL, ACTION_LIKE, ACTION_COMPLETE, ACTION_RATE,
    };
    return of_ten[rng_below(&in->rng, 10)];
}

static bool has_item(const struct making *m, uint32_t n, const char *item) {
    for (uint32_t k = 0; k < n; k++) {
        if (strcmp(m->items[k], item) == 0) {
            return true;
        }
    }
    return false;
}

static void make_lines(struct input *in, struct making *m) {
    const bool course = m->topic == 0;
    const uint32_t wanted = course ? 1 : 1 + rng_below(&in->rng, LINES_MAX);
    uint32_t n = 0;
    for (uint32_t k = 0; k < wanted; k++) {
        char item[16];
        const uint32_t kinds = course ? INPUT_COURSES : INPUT_DISHES;
        const uint32_t a = rng_below(&in->rng, kinds);
        const uint32_t b = rng_below(&in->rng, kinds);
        snprintf(item, sizeof item, "%c%u", course ? 'c' : 'f', (unsigned)(a < b ? a : b));
        if (!has_item(m, n, item)) {
            memcpy(m->items[n], item, sizeof item);
            m->lines[n] = (struct decoded_line){.item = m->items[n],
                                                .item_len = strlen(item),
                                                .quantity = 1.0 + rng_below(&in->rng, 3),
                                                .amount = 1.0 + rng_below(&in->rng, 50)};
            n++;
        }
    }
    m->event.n_lines = n;
}

/* Some events are of people with a role: a view 28 days ago, the same and never again, the first
 * one's return, an enrolment three days ago. */
static void play_role(struct input *in, struct making *m) {
    const int64_t first_day_ms = FIRST_MS / DAY_MS * DAY_MS;
    if (in->seq < ROLE_FIRST || in->seq % ROLE_EVERY != 0) {
        return;
    }
    const uint64_t n = (in->seq - ROLE_FIRST) / ROLE_EVERY;
    const uint64_t group = n / 4;
    const uint64_t later = group % 2 == 0 ? ROLE_SOON : ROLE_LATE;
    m->event.action = ACTION_VIEW;
    switch (n % 4) {
    case 0:
    case 1:
        snprintf(m->user, sizeof m->user, "%c%u", n % 4 == 0 ? 'w' : 's', (unsigned)group);
        m->event.ts_ms =
            first_day_ms - SILENT_DAYS * DAY_MS + rng_below(&in->rng, (uint32_t)DAY_MS);
        break;
    case 2:
        if (group >= later) {
            snprintf(m->user, sizeof m->user, "w%u", (unsigned)(group - later));
        }
        break;
    default:
        snprintf(m->user, sizeof m->user, "x%u", (unsigned)group);
        m->event.ts_ms = FIRST_MS - OLD_DAYS * DAY_MS + rng_below(&in->rng, STEP_MS);
        m->event.action = ACTION_ENROLL;
        break;
    }
    m->event.user_id_len = strlen(m->user);
}

/* The next event of the stream. Ids name the number, so that no two are alike. */
static void make(struct input *in, struct making *m) {
    m->topic = (uint32_t)(in->seq % INPUT_TOPICS);
    snprintf(m->user, sizeof m->user, "u%u", draw_user(in));
    snprintf(m->id, sizeof m->id, "e%" PRIu64, in->seq);
    m->event = (struct decoded){.event_id = m->id,
                                .event_id_len = strlen(m->id),
                                .user_id = m->user,
                                .user_id_len = strlen(m->user),
                                .ts_ms = FIRST_MS + (int64_t)in->seq * STEP_MS +
                                         rng_below(&in->rng, STEP_MS - 1),
                                .action = m->topic == 0 ? draw_action(in) : ACTION_ORDER,
                                .lines = m->lines};
    play_role(in, m);
    make_lines(in, m);
}

/* ---- sending --------------------------------------------------------------------------------- */

static void write_down(struct input *in, const struct making *m, const char *reason,
                       const uint8_t *value, size_t len) {
    fprintf(in->sent, "%" PRIu64 "\t%u\t%s\t%s\t%" PRId64 "\t%s\t", in->seq, (unsigned)m->topic,
            m->id, m->user, m->event.ts_ms, ACTION[m->event.action]);
    for (uint32_t k = 0; k < m->event.n_lines; k++) {
        fprintf(in->sent, "%s%s", k ? "," : "", m->items[k]);
    }
    fprintf(in->sent, "\t%s\t", reason);
    for (size_t k = 0; value && k < len; k++) {
        fprintf(in->sent, "%02x", (unsigned)value[k]);
    }
    fputs(value && len > 0 ? "\n" : "-\n", in->sent);
}

/* The schema id of now into the header, and the field that an evolved one has behind. */
static size_t dress(struct input *in, uint32_t topic, uint8_t *value, size_t len) {
    const uint32_t id = atomic_load(&in->evolved[topic]);
    if (!id) {
        return len;
    }
    for (int k = 0; k < 4; k++) {
        value[1 + k] = (uint8_t)(id >> (24 - 8 * k));
    }
    value[len] = 0; /* the null branch */
    return len + 1;
}

static int32_t partition_of(const struct input *in, const struct making *m) {
    return kafka_partition_of("murmur2", m->user, strlen(m->user), in->plan.partitions);
}

static void send(struct input *in, const struct making *m, int32_t partition, const void *value,
                 size_t len) {
    once_send(in->producer, in->cfg->topics[m->topic].name, partition, m->user, value, len,
              in->seq);
}

static void encode_or_abort(struct encoder *e, const struct decoded *event, uint8_t *value,
                            size_t *len) {
    const enum status st = encode(e, event, value, VALUE_MAX - 1, len);
    if (st) {
        fprintf(stderr, "fault_input: an event cannot be encoded: %s\n", status_str(st));
        abort();
    }
}

static void send_event(struct input *in) {
    struct making m;
    uint8_t value[VALUE_MAX];
    size_t len = 0;
    make(in, &m);
    encode_or_abort(in->encoders[m.topic], &m.event, value, &len);
    len = dress(in, m.topic, value, len);
    write_down(in, &m, "-", NULL, 0);
    send(in, &m, partition_of(in, &m), value, len);
    in->seq++;
    atomic_fetch_add(&in->events, 1);
}

static void send_bad(struct input *in) {
    struct making m;
    uint8_t value[VALUE_MAX];
    size_t len = 0;
    make(in, &m);
    const struct poison *p = poison_at((uint32_t)atomic_fetch_add(&in->bad, 1));
    poison_event(p, &m.event);
    encode_or_abort(in->encoders[m.topic], &m.event, value, &len);
    len = poison_bytes(p, value, len);
    const int32_t partition = (partition_of(in, &m) + (p->misplaced ? 1 : 0)) % in->plan.partitions;
    write_down(in, &m, p->reason, value, len);
    send(in, &m, partition, p->null ? NULL : value, p->null ? 0 : len);
    in->seq++;
}

/* ---- the thread --------------------------------------------------------------------------------
 */

static int64_t mono_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool enough(const struct input *in) {
    return atomic_load(&in->ending) && atomic_load(&in->events) >= in->plan.events;
}

static void send_some(struct input *in, int64_t due) {
    for (int64_t k = 0; k < due && !enough(in); k++) {
        send_event(in);
        if (in->plan.poison && rng_below(&in->rng, POISON_EVERY) == 0) {
            send_bad(in);
        }
    }
}

static void *run(void *arg) {
    struct input *in = arg;
    const struct timespec nap = {.tv_nsec = TICK_MS * 1000000L};
    int64_t at_ms = mono_ms();
    while (!enough(in)) {
        const int64_t now_ms = mono_ms();
        const int rate = atomic_load(&in->ending) ? ENDING_RATE : in->plan.rate;
        const int64_t due = (now_ms - at_ms) * rate / 1000;
        const bool paused = atomic_load(&in->paused);
        if (due > 0) {
            at_ms = now_ms;
            send_some(in, paused ? 0 : due);
        }
        atomic_store(&in->idle, paused);
        once_poll(in->producer);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void discard(struct input *in) {
    for (int t = 0; t < INPUT_TOPICS; t++) {
        encoder_free(in->encoders[t]);
    }
    if (in->sent) {
        fclose(in->sent);
    }
    once_free(in->producer);
    free(in);
}

static bool prepare(struct input *in, const char *dir, char *err) {
    static const enum reader readers[INPUT_TOPICS] = {READER_COURSE_VIEW, READER_FOOD_ORDER};
    char path[512];
    snprintf(path, sizeof path, "%s/sent.tsv", dir);
    in->sent = fopen(path, "w");
    if (!in->sent) {
        snprintf(err, CONFIG_ERROR_MAX, "%.400s cannot be written", path);
        return false;
    }
    for (int t = 0; t < INPUT_TOPICS; t++) {
        const uint32_t planned = in->plan.schema_id[t];
        const uint32_t id = planned ? planned : shipped_id(readers[t]);
        if (encoder_new(readers[t], id, &in->encoders[t])) {
            return false;
        }
    }
    const struct config_pair *pair = in->cfg->kafka;
    while (strcmp(pair->key, "bootstrap.servers") != 0) {
        pair++; /* the cluster has set it */
    }
    in->producer = once_new(pair->value);
    return in->producer != NULL;
}

struct input *input_start(const struct config *cfg, const struct input_plan *plan,
                          const char *dir) {
    struct input *in = calloc(1, sizeof *in);
    char err[CONFIG_ERROR_MAX] = "out of memory";
    if (!in) {
        return NULL;
    }
    in->cfg = cfg;
    in->plan = *plan;
    in->rng = (struct rng){plan->seed};
    share_out(in);
    if (!prepare(in, dir, err) || pthread_create(&in->thread, NULL, run, in)) {
        fprintf(stderr, "fault_input: %s\n", err);
        discard(in);
        return NULL;
    }
    return in;
}

void input_evolve(struct input *in, uint32_t topic, uint32_t schema_id) {
    atomic_store(&in->evolved[topic], schema_id);
}

uint64_t input_events(const struct input *in) {
    return atomic_load(&in->events);
}

uint64_t input_bad(const struct input *in) {
    return atomic_load(&in->bad);
}

static bool all_is_in_kafka(struct input *in) {
    const bool known = once_flush(in->producer, FLUSH_MS);
    if (!known) {
        fprintf(stderr, "fault_input: brokers are away; what is in Kafka is not known\n");
    }
    return known;
}

bool input_pause(struct input *in) {
    const struct timespec nap = {.tv_nsec = TICK_MS * 1000000L};
    atomic_store(&in->paused, true);
    while (!atomic_load(&in->idle)) {
        nanosleep(&nap, NULL);
    }
    fflush(in->sent);
    return all_is_in_kafka(in);
}

void input_resume(struct input *in) {
    const struct timespec nap = {.tv_nsec = TICK_MS * 1000000L};
    atomic_store(&in->paused, false);
    while (atomic_load(&in->idle)) {
        nanosleep(&nap, NULL);
    }
}

bool input_finish(struct input *in, uint64_t *events, uint64_t *bad) {
    atomic_store(&in->paused, false);
    atomic_store(&in->ending, true);
    pthread_join(in->thread, NULL);
    const bool good = all_is_in_kafka(in);
    *events = input_events(in);
    *bad = input_bad(in);
    discard(in);
    return good;
}
