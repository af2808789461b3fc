/* SPDX-License-Identifier: Apache-2.0
 *
 * uplink.c -- see uplink.h.
 */
#include "uplink.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

enum { WHY_MAX = 512 };

struct uplink {
    const char *address;
    int64_t backoff_ms; /* the publisher's thread only */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t stop_changed;
    bool stopping;
    int64_t deadline_ms; /* when stopping; monotonic */
    enum uplink_state state;
    char why[WHY_MAX];
};

enum status uplink_new(const char *address, struct uplink **out) {
    struct uplink *u = calloc(1, sizeof *u);
    if (!u) {
        return ST_NOMEM;
    }
    u->address = address;
    u->backoff_ms = UPLINK_BACKOFF_MIN_MS;
    (void)snprintf(u->why, sizeof u->why, "not connected yet");

    pthread_condattr_t attr; /* with glibc none of these can fail */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&u->stop_changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&u->lock, NULL);
    *out = u;
    return ST_OK;
}

void uplink_free(struct uplink *u) {
    if (!u) {
        return;
    }
    (void)pthread_cond_destroy(&u->stop_changed);
    (void)pthread_mutex_destroy(&u->lock);
    free(u);
}

/* ---- state -------------------------------------------------------------------------- */

static void log_state(const struct uplink *u, enum uplink_state state, const char *why) {
    switch (state) {
    case UPLINK_UP: LOG_INFO("publishing to Redis", LOG_STR("address", u->address)); break;
    case UPLINK_DOWN:
        LOG_WARN("Redis is away; learning goes on, trying again", LOG_STR("address", u->address),
                 LOG_STR("why", why));
        break;
    case UPLINK_REFUSED:
        LOG_WARN("Redis refuses writes; learning goes on, trying again",
                 LOG_STR("address", u->address), LOG_STR("why", why));
        break;
    }
}

void uplink_set(struct uplink *u, enum uplink_state state, const char *why) {
    (void)pthread_mutex_lock(&u->lock);
    bool news = u->state != state || strcmp(u->why, why) != 0;
    u->state = state;
    (void)snprintf(u->why, sizeof u->why, "%s", why);
    (void)pthread_mutex_unlock(&u->lock);

    if (news) {
        metric_set(M_REDIS_UP, 0, state == UPLINK_DOWN ? 0.0 : 1.0);
        log_state(u, state, why);
    }
}

enum uplink_state uplink_state(struct uplink *u, char *why, size_t len) {
    (void)pthread_mutex_lock(&u->lock);
    enum uplink_state state = u->state;
    if (why && len > 0 && state != UPLINK_UP) {
        (void)snprintf(why, len, "%s", u->why);
    }
    (void)pthread_mutex_unlock(&u->lock);
    return state;
}

/* ---- waiting ------------------------------------------------------------------------ */

void uplink_back_off(struct uplink *u) {
    (void)pthread_mutex_lock(&u->lock);
    int64_t until = clock_mono_ms() + u->backoff_ms;
    if (u->stopping && u->deadline_ms < until) {
        until = u->deadline_ms;
    }
    const struct timespec t = {.tv_sec = (time_t)(until / 1000),
                               .tv_nsec = (long)(until % 1000) * 1000000};
    (void)pthread_cond_timedwait(&u->stop_changed, &u->lock, &t);
    (void)pthread_mutex_unlock(&u->lock);
    u->backoff_ms *= 2;
    if (u->backoff_ms > UPLINK_BACKOFF_MAX_MS) {
        u->backoff_ms = UPLINK_BACKOFF_MAX_MS;
    }
}

void uplink_calm(struct uplink *u) {
    u->backoff_ms = UPLINK_BACKOFF_MIN_MS;
}

void uplink_despair(struct uplink *u) {
    u->backoff_ms = UPLINK_BACKOFF_MAX_MS;
}

void uplink_stop(struct uplink *u, int64_t drain_ms) {
    (void)pthread_mutex_lock(&u->lock);
    u->stopping = true;
    u->deadline_ms = clock_mono_ms() + drain_ms;
    (void)pthread_cond_signal(&u->stop_changed);
    (void)pthread_mutex_unlock(&u->lock);
}

bool uplink_stopping(struct uplink *u) {
    (void)pthread_mutex_lock(&u->lock);
    bool stopping = u->stopping;
    (void)pthread_mutex_unlock(&u->lock);
    return stopping;
}

bool uplink_too_late(struct uplink *u) {
    (void)pthread_mutex_lock(&u->lock);
    bool late = u->stopping && clock_mono_ms() >= u->deadline_ms;
    (void)pthread_mutex_unlock(&u->lock);
    return late;
}
