/* SPDX-License-Identifier: Apache-2.0
 *
 * test_queue.c -- the sentences of queue.h. Run it under -fsanitize=thread too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queue.h"

struct element {
    uint64_t number;
    uint64_t check; /* ~number: a half-written element shows */
    char filler[9];
};

static struct queue *new_queue(size_t n) {
    struct queue *q = NULL;
    assert_int_equal(queue_new(n, sizeof(struct element), &q), ST_OK);
    assert_non_null(q);
    return q;
}

static int push(struct queue *q, uint64_t number) {
    struct element *e = queue_reserve(q);
    if (!e) {
        return 0;
    }
    e->number = number;
    e->check = ~number;
    queue_push(q);
    return 1;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- one thread ------------------------------------------------------------------------ */

static void sizes_out_of_range_are_refused(void **state) {
    (void)state;
    struct queue *q = NULL;
    assert_int_equal(queue_new(0, 8, &q), ST_INVALID);
    assert_int_equal(queue_new((1U << 20) + 1, 8, &q), ST_INVALID);
    assert_int_equal(queue_new(1, 0, &q), ST_INVALID);
    assert_int_equal(queue_new(1, SIZE_MAX, &q), ST_INVALID);
    assert_int_equal(queue_new(1U << 20, SIZE_MAX / 4, &q), ST_INVALID);
    assert_null(q);
    queue_free(NULL);
}

static void the_size_is_rounded_up_to_a_power_of_two(void **state) {
    (void)state;
    static const size_t rows[][2] = {{1, 1}, {2, 2}, {3, 4}, {4, 4}, {5, 8}, {1000, 1024}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct queue *q = new_queue(rows[i][0]);
        size_t n = 0;
        assert_int_equal(queue_room(q), rows[i][1]);
        while (push(q, n)) {
            n++;
            assert_int_equal(queue_room(q), rows[i][1] - n);
        }
        assert_int_equal(n, rows[i][1]);
        queue_free(q);
    }
}

static void elements_are_aligned_and_apart(void **state) {
    (void)state;
    struct queue *q = NULL;
    assert_int_equal(queue_new(8, 17, &q), ST_OK);
    for (int i = 0; i < 8; i++) {
        char *p = queue_reserve(q);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, i, 17);
        queue_push(q);
    }
    assert_null(queue_reserve(q));
    for (int i = 0; i < 8; i++) {
        const char *p = queue_front(q);
        for (int k = 0; k < 17; k++) {
            assert_int_equal(p[k], i);
        }
        queue_pop(q);
    }
    assert_null(queue_front(q));
    queue_free(q);
}

/* A naive queue beside it: an array with two indices. */
static void it_behaves_like_an_array(void **state) {
    (void)state;
    enum { STEPS = 100000, PLACES = 8 };
    static uint64_t model[STEPS];
    size_t head = 0;
    size_t tail = 0;
    unsigned seed = 3;
    struct queue *q = new_queue(PLACES);
    print_message("seed %u\n", seed);
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245U + 12345U;
        unsigned what = (seed >> 16) % 5;
        if (what < 2) {
            int fits = push(q, (uint64_t)step);
            assert_int_equal(fits, tail - head < PLACES);
            model[tail] = (uint64_t)step;
            tail += (size_t)fits;
        } else if (what < 4) {
            const struct element *e = queue_front(q);
            assert_int_equal(e != NULL, tail > head);
            if (e) {
                assert_int_equal(e->number, model[head]);
                assert_int_equal(e->check, ~e->number);
                queue_pop(q);
                head++;
            }
        } else {
            size_t k = (seed >> 20) % (PLACES + 2);
            const struct element *e = queue_at(q, k);
            assert_int_equal(e != NULL, k < tail - head);
            assert_true(!e || e->number == model[head + k]);
        }
        assert_int_equal(queue_room(q), PLACES - (tail - head));
    }
    assert_true(tail > STEPS / 8);
    queue_free(q);
}

static void a_wait_ends_at_its_timeout(void **state) {
    (void)state;
    struct queue *q = new_queue(4);
    int64_t start = now_ms();
    assert_false(queue_wait(q, 50));
    assert_in_range(now_ms() - start, 49, 5000);
    start = now_ms();
    assert_false(queue_wait(q, 0));
    assert_false(queue_wait(q, -1));
    assert_in_range(now_ms() - start, 0, 1000);
    assert_int_equal(push(q, 1), 1);
    start = now_ms();
    assert_true(queue_wait(q, 60000));
    assert_in_range(now_ms() - start, 0, 5000);
    queue_free(q);
}

static void a_wake_before_the_wait_is_not_lost(void **state) {
    (void)state;
    struct queue *q = new_queue(4);
    int64_t start = now_ms();
    queue_wake(q);
    assert_false(queue_wait(q, 60000));
    assert_in_range(now_ms() - start, 0, 5000);
    start = now_ms();
    assert_false(queue_wait(q, 30)); /* it was used up */
    assert_in_range(now_ms() - start, 29, 5000);
    queue_free(q);
}

/* ---- two threads ------------------------------------------------------------------------ */

enum { WAIT_MS = 10000 };

/* Waits for an element. A wait that only its timeout ended has lost its wake-up, though
 * queue_wait() then finds the element and says true. */
static int wait_woken(struct queue *q) {
    int64_t start = now_ms();
    return queue_wait(q, WAIT_MS) && now_ms() - start < WAIT_MS - 1000;
}

#ifndef HANDOVERS
#define HANDOVERS 2000000U
#endif

struct pair {
    struct queue *q;
    struct queue *back; /* of the ping-pong */
    uint64_t n;
    unsigned seed;
    unsigned pause; /* one in so many elements, the producer does something else */
};

static void *produce(void *arg) {
    const struct pair *p = arg;
    unsigned seed = p->seed;
    for (uint64_t i = 0; i < p->n;) {
        seed = seed * 1103515245U + 12345U;
        if ((seed >> 16) % p->pause == 0) {
            sched_yield();
        }
        if (push(p->q, i)) {
            i++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void every_element_arrives_once_in_order_and_no_wake_up_is_lost(void **state) {
    (void)state;
    static const size_t rows[][2] = {/* places, elements: a small queue switches threads often */
                                     {1, HANDOVERS / 100},
                                     {2, HANDOVERS / 50},
                                     {64, HANDOVERS / 3},
                                     {4096, HANDOVERS / 3 * 2}};
    for (size_t s = 0; s < sizeof rows / sizeof rows[0]; s++) {
        struct pair p = {.q = new_queue(rows[s][0]), .n = rows[s][1], .seed = 5, .pause = 64};
        pthread_t producer;
        assert_int_equal(pthread_create(&producer, NULL, produce, &p), 0);
        unsigned seed = 17;
        for (uint64_t next = 0; next < p.n;) {
            seed = seed * 1103515245U + 12345U;
            if ((seed >> 16) % 8 != 0 && !queue_front(p.q)) {
                continue; /* sometimes poll, sometimes sleep */
            }
            assert_true(wait_woken(p.q));
            const struct element *e = queue_front(p.q);
            assert_non_null(e);
            assert_int_equal(e->number, next);
            assert_int_equal(e->check, ~next);
            queue_pop(p.q);
            next++;
        }
        assert_null(queue_front(p.q));
        pthread_join(producer, NULL);
        queue_free(p.q);
    }
}

/* Answers each element by one, so that both sides sleep and wake all the time. */
static void *answer(void *arg) {
    const struct pair *p = arg;
    for (uint64_t i = 0; i < p->n; i++) {
        if (!wait_woken(p->q)) {
            return NULL;
        }
        const struct element *e = queue_front(p->q);
        uint64_t number = e->number;
        queue_pop(p->q);
        if (!push(p->back, number)) {
            return NULL;
        }
    }
    return NULL;
}

static void ping_pong_loses_no_wake_up(void **state) {
    (void)state;
    struct pair p = {.q = new_queue(1), .back = new_queue(1), .n = HANDOVERS / 80};
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, answer, &p), 0);
    for (uint64_t i = 0; i < p.n; i++) {
        assert_int_equal(push(p.q, i), 1);
        assert_true(wait_woken(p.back));
        assert_int_equal(((const struct element *)queue_front(p.back))->number, i);
        queue_pop(p.back);
    }
    pthread_join(other, NULL);
    queue_free(p.q);
    queue_free(p.back);
}

/* The consumer falls asleep over and over, and each element comes a random moment after
 * the one before was taken: now and then just between its last look and its sleep. */
struct moment {
    struct queue *q;
    uint64_t n;
    _Atomic uint64_t taken;
    _Atomic int stop;
};

static void *push_at_odd_moments(void *arg) {
    struct moment *m = arg;
    unsigned seed = 29;
    for (uint64_t i = 0; i < m->n; i++) {
        for (unsigned spins = 0; atomic_load(&m->taken) != i; spins++) {
            if (atomic_load(&m->stop)) {
                return NULL;
            }
            if (spins % 1024 == 1023) {
                sched_yield();
            }
        }
        seed = seed * 1103515245U + 12345U;
        unsigned range = 1U << (seed >> 16) % 12;
        seed = seed * 1103515245U + 12345U;
        for (volatile unsigned k = (seed >> 16) % range; k > 0; k--) {
        }
        if (!push(m->q, i)) {
            return NULL;
        }
    }
    return NULL;
}

static void a_push_at_the_moment_of_falling_asleep_wakes(void **state) {
    (void)state;
    struct moment m = {.q = new_queue(1), .n = HANDOVERS / 80};
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, push_at_odd_moments, &m), 0);
    uint64_t next = 0;
    while (next < m.n && wait_woken(m.q)) {
        assert_int_equal(((const struct element *)queue_front(m.q))->number, next);
        queue_pop(m.q);
        atomic_store(&m.taken, ++next);
    }
    atomic_store(&m.stop, 1);
    pthread_join(producer, NULL);
    assert_int_equal(next, m.n);
    queue_free(m.q);
}

static void *wake(void *arg) {
    struct queue *q = arg;
    const struct timespec nap = {.tv_nsec = 20000000};
    nanosleep(&nap, NULL); /* so that it sleeps, mostly; either way it must wake */
    queue_wake(q);
    return NULL;
}

static void a_wake_ends_a_wait_without_an_element(void **state) {
    (void)state;
    struct queue *q = new_queue(4);
    pthread_t other;
    int64_t start = now_ms();
    assert_int_equal(pthread_create(&other, NULL, wake, q), 0);
    assert_false(queue_wait(q, 60000));
    assert_in_range(now_ms() - start, 0, 10000);
    pthread_join(other, NULL);
    queue_free(q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(the_size_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(elements_are_aligned_and_apart),
        cmocka_unit_test(it_behaves_like_an_array),
        cmocka_unit_test(a_wait_ends_at_its_timeout),
        cmocka_unit_test(a_wake_before_the_wait_is_not_lost),
        cmocka_unit_test(every_element_arrives_once_in_order_and_no_wake_up_is_lost),
        cmocka_unit_test(ping_pong_loses_no_wake_up),
        cmocka_unit_test(a_push_at_the_moment_of_falling_asleep_wakes),
        cmocka_unit_test(a_wake_ends_a_wait_without_an_element),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
