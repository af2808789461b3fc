/* SPDX-License-Identifier: Apache-2.0
 * hands.c -- see hands.h. */
#include "hands.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct hands {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    hands_job *job; /* from here on under the lock */
    void *ctx;
    size_t n, next; /* jobs below `next` were begun */
    size_t left;    /* jobs that are not done       */
    bool stop;
    uint32_t n_threads; /* its owner's alone */
    pthread_t threads[HANDS_MAX];
};

/* With the lock held: one job, without it. */
static void do_next(struct hands *c) {
    const size_t k = c->next++;
    hands_job *job = c->job;
    void *ctx = c->ctx;
    pthread_mutex_unlock(&c->lock);
    job(ctx, k);
    pthread_mutex_lock(&c->lock);
    if (--c->left == 0) {
        pthread_cond_signal(&c->done);
    }
}

static void *run(void *arg) {
    struct hands *c = arg;
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        if (c->next < c->n) {
            do_next(c);
        } else {
            pthread_cond_wait(&c->wake, &c->lock);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static uint32_t n_cores(void) {
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n < HANDS_MAX ? (uint32_t)n : (uint32_t)HANDS_MAX;
}

/* With all signals blocked: they belong to main. */
static void start_threads(struct hands *c, uint32_t n) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    while (c->n_threads < n && pthread_create(&c->threads[c->n_threads], NULL, run, c) == 0) {
        c->n_threads++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum status hands_new(struct hands **out) {
    struct hands *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    pthread_cond_init(&c->done, NULL);
    start_threads(c, n_cores() - 1);
    *out = c;
    return ST_OK;
}

void hands_free(struct hands *c) {
    if (!c) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    for (uint32_t k = 0; k < c->n_threads; k++) {
        pthread_join(c->threads[k], NULL);
    }
    pthread_cond_destroy(&c->done);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void hands_start(struct hands *c, hands_job *job, void *ctx, size_t n) {
    pthread_mutex_lock(&c->lock);
    c->job = job;
    c->ctx = ctx;
    c->n = c->left = n;
    c->next = 0;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

void hands_finish(struct hands *c) {
    pthread_mutex_lock(&c->lock);
    while (c->next < c->n) {
        do_next(c);
    }
    while (c->left > 0) {
        pthread_cond_wait(&c->done, &c->lock);
    }
    c->n = c->next = 0;
    pthread_mutex_unlock(&c->lock);
}
