/* SPDX-License-Identifier: Apache-2.0
 * mailbox.c -- see mailbox.h. */
#include "mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum place {
    PLACE_FREE,
    PLACE_ASKED,     /* nobody has looked yet                             */
    PLACE_TAKEN,     /* being answered                                    */
    PLACE_ABANDONED, /* being answered, and nobody waits for it any more  */
    PLACE_ANSWERED,  /* the asker has not come for it yet                 */
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic int place; /* enum place; written under the lock */
    bool closed;
    void *answer;
    size_t size;
    _Alignas(16) unsigned char question[];
};

enum status mailbox_new(size_t question_size, struct mailbox **out) {
    if (question_size == 0) {
        return ST_INVALID;
    }
    struct mailbox *m = calloc(1, sizeof *m + question_size);
    if (!m) {
        return ST_NOMEM;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    m->size = question_size;
    *out = m;
    return ST_OK;
}

void mailbox_free(struct mailbox *m) {
    if (!m) {
        return;
    }
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->changed);
    free(m->answer);
    free(m);
}

/* ---- asker ----------------------------------------------------------------------------- */

static struct timespec deadline_in(int ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

/* Under the lock. */
static enum status await_answer(struct mailbox *m, int timeout_ms, void **answer) {
    const struct timespec deadline = deadline_in(timeout_ms);
    bool late = false;
    while (m->place != PLACE_ANSWERED && !m->closed && !late) {
        late = pthread_cond_timedwait(&m->changed, &m->lock, &deadline) == ETIMEDOUT;
    }
    if (m->place == PLACE_ANSWERED) {
        *answer = m->answer;
        m->answer = NULL;
        m->place = PLACE_FREE;
        return ST_OK;
    }
    m->place = m->place == PLACE_TAKEN ? PLACE_ABANDONED : PLACE_FREE;
    return ST_LOST;
}

enum status mailbox_ask(struct mailbox *m, const void *question, int timeout_ms, void **answer) {
    enum status st = ST_LOST;
    pthread_mutex_lock(&m->lock);
    if (!m->closed && m->place != PLACE_FREE) {
        st = ST_AGAIN;
    } else if (!m->closed) {
        memcpy(m->question, question, m->size);
        m->place = PLACE_ASKED;
        st = await_answer(m, timeout_ms, answer);
    }
    pthread_mutex_unlock(&m->lock);
    return st;
}

/* ---- answerer -------------------------------------------------------------------------- */

const void *mailbox_look(struct mailbox *m) {
    if (atomic_load_explicit(&m->place, memory_order_relaxed) != PLACE_ASKED) {
        return NULL;
    }
    pthread_mutex_lock(&m->lock);
    const bool asked = m->place == PLACE_ASKED; /* or he has just given up */
    if (asked) {
        m->place = PLACE_TAKEN;
    }
    pthread_mutex_unlock(&m->lock);
    return asked ? m->question : NULL;
}

void mailbox_answer(struct mailbox *m, void *answer) {
    pthread_mutex_lock(&m->lock);
    if (m->place == PLACE_TAKEN) {
        m->answer = answer;
        answer = NULL;
        m->place = PLACE_ANSWERED;
        pthread_cond_broadcast(&m->changed);
    } else {
        m->place = PLACE_FREE;
    }
    pthread_mutex_unlock(&m->lock);
    free(answer);
}

void mailbox_close(struct mailbox *m) {
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}
