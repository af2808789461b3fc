/* SPDX-License-Identifier: Apache-2.0
 * merge.c -- see merge.h. */
#include "merge.h"

#include <stdlib.h>
#include <string.h>

enum { RING_START = 4096, ALIGN = 16 };

/* One entry as it lies in a ring: header, lines, user id, then the lines' ids. */
struct entry {
    size_t size; /* of the whole entry; 0: the rest of the ring is skipped */
    struct merged merged;
};

struct ring {
    char *bytes;
    size_t cap, head, tail; /* used: [head, tail), wrapped; empty if n is 0 */
    size_t n;
};

struct lane { /* the queue of one task's topic */
    struct ring ring;
    int64_t position;  /* next offset to come, -1 unknown                      */
    int64_t empty_ms;  /* since when it has been seen empty, -1 it is not      */
    int64_t below_ms;  /* since when empty and below its known end, -1 neither */
    int64_t first_end; /* of a starting one: its end when that was first known, -1 not yet */
    uint64_t rank;     /* decides between equal times: task, then topic        */
    bool held;         /* its emptiness holds the others up: counted in n_held */
    bool starting;
};

struct task_lanes {
    uint32_t task;
    bool running;
    struct lane *lanes; /* (n_topics,) */
};

struct head { /* of a lane that has entries */
    int64_t ts_ms;
    uint64_t rank;
    struct lane *lane;
};

struct merge {
    uint32_t n_topics;
    struct merge_waits waits;
    struct task_lanes *tasks; /* (n_tasks,), ascending by task */
    uint32_t n_tasks;
    size_t buffered;
    struct head *heap; /* (n_heads,) of running tasks, smallest first; room for all lanes */
    size_t n_heads;
    size_t n_held;
    int64_t asked_ms;    /* when n_held was counted, -1: to be counted                */
    struct lane *taken;  /* lane of what merge_next() returned last                   */
    struct lane *popped; /* lane of merge_pop(), which may have become empty, or NULL */
};

/* ---- ring --------------------------------------------------------------------------- */

static size_t aligned(size_t n) {
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Copies the content to the front of a larger block. */
static enum status ring_grow(struct ring *r, size_t need) {
    const size_t n = r->bytes ? r->n : 0;
    size_t cap = r->bytes ? r->cap : RING_START;
    while (cap < need + r->cap + ALIGN) {
        cap *= 2;
    }
    char *bytes = malloc(cap);
    if (!bytes) {
        return ST_NOMEM;
    }
    size_t to = 0;
    size_t from = r->head;
    for (size_t k = 0; k < n; k++) {
        const struct entry *e = (const struct entry *)(const void *)(r->bytes + from);
        if (r->cap - from < sizeof e->size || e->size == 0) {
            from = 0;
            e = (const struct entry *)(const void *)r->bytes;
        }
        memcpy(bytes + to, e, e->size);
        to += e->size;
        from += e->size;
    }
    free(r->bytes);
    *r = (struct ring){.bytes = bytes, .cap = cap, .tail = to, .n = n};
    return ST_OK;
}

/* A contiguous place at the tail, or NULL if the ring is too full. */
static char *ring_place(struct ring *r, size_t size) {
    if (r->n == 0) {
        r->head = r->tail = 0;
    }
    const bool wrapped = r->n > 0 && r->tail <= r->head;
    if (wrapped) {
        return r->head - r->tail >= size ? r->bytes + r->tail : NULL;
    }
    if (r->cap - r->tail >= size) {
        return r->bytes + r->tail;
    }
    if (r->head < size) {
        return NULL;
    }
    if (r->cap - r->tail >= sizeof(size_t)) {
        memset(r->bytes + r->tail, 0, sizeof(size_t)); /* size 0: go on at the start */
    }
    r->tail = 0;
    return r->bytes;
}

static enum status ring_push(struct ring *r, size_t size, struct entry **out) {
    char *place = r->bytes ? ring_place(r, size) : NULL;
    if (!place) {
        enum status st = ring_grow(r, size);
        if (st) {
            return st;
        }
        place = ring_place(r, size);
    }
    struct entry *e = (struct entry *)(void *)place;
    e->size = size;
    r->tail = (size_t)(place - r->bytes) + size;
    r->n++;
    *out = e;
    return ST_OK;
}

static struct entry *ring_front(struct ring *r) {
    struct entry *e = (struct entry *)(void *)(r->bytes + r->head);
    if (r->cap - r->head < sizeof e->size || e->size == 0) {
        r->head = 0;
        e = (struct entry *)(void *)r->bytes;
    }
    return e;
}

static void ring_pop(struct ring *r) {
    r->head += ring_front(r)->size;
    r->n--;
}

/* The entry behind the front; NULL: there is none. */
static struct entry *ring_second(struct ring *r) {
    if (r->n < 2) {
        return NULL;
    }
    const size_t at = r->head + ring_front(r)->size;
    struct entry *e = (struct entry *)(void *)(r->bytes + at);
    return r->cap - at < sizeof e->size || e->size == 0 ? (struct entry *)(void *)r->bytes : e;
}

/* ---- heap of heads ------------------------------------------------------------------ */

static bool before(const struct head *a, const struct head *b) {
    return a->ts_ms != b->ts_ms ? a->ts_ms < b->ts_ms : a->rank < b->rank;
}

static void sift_up(struct merge *m, size_t at) {
    const struct head moved = m->heap[at];
    while (at > 0 && before(&moved, &m->heap[(at - 1) / 2])) {
        m->heap[at] = m->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->heap[at] = moved;
}

static void sift_down(struct merge *m, size_t at) {
    const struct head moved = m->heap[at];
    for (size_t child = 2 * at + 1; child < m->n_heads; child = 2 * at + 1) {
        if (child + 1 < m->n_heads && before(&m->heap[child + 1], &m->heap[child])) {
            child++;
        }
        if (!before(&m->heap[child], &moved)) {
            break;
        }
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = moved;
}

static void heap_add(struct merge *m, struct lane *lane) {
    m->heap[m->n_heads++] = (struct head){
        .ts_ms = ring_front(&lane->ring)->merged.event.ts_ms, .rank = lane->rank, .lane = lane};
    sift_up(m, m->n_heads - 1);
}

/* The lane lost its head: the next one takes its place, if there is one. */
static void heap_renew(struct merge *m, struct lane *lane) {
    size_t at = 0; /* where it is, unless something smaller was pushed since merge_next() */
    while (m->heap[at].lane != lane) {
        at++;
    }
    if (lane->ring.n > 0) {
        m->heap[at].ts_ms = ring_front(&lane->ring)->merged.event.ts_ms;
    } else {
        m->heap[at] = m->heap[--m->n_heads];
        if (at == m->n_heads) {
            return;
        }
    }
    sift_up(m, at); /* one of the two moves it, or neither */
    sift_down(m, at);
}

static void heap_drop_task(struct merge *m, const struct task_lanes *t) {
    size_t n = 0;
    for (size_t k = 0; k < m->n_heads; k++) {
        if (m->heap[k].lane < t->lanes || m->heap[k].lane >= t->lanes + m->n_topics) {
            m->heap[n++] = m->heap[k];
        }
    }
    m->n_heads = n;
    for (size_t k = n / 2; k-- > 0;) {
        sift_down(m, k);
    }
}

/* ---- tasks -------------------------------------------------------------------------- */

enum status merge_new(uint32_t n_topics, const struct merge_waits *waits, struct merge **out) {
    struct merge *m = calloc(1, sizeof *m);
    if (!m) {
        return ST_NOMEM;
    }
    m->n_topics = n_topics;
    m->waits = *waits;
    m->asked_ms = -1;
    *out = m;
    return ST_OK;
}

static void lanes_free(struct merge *m, struct task_lanes *t) {
    for (uint32_t k = 0; k < m->n_topics; k++) {
        m->buffered -= t->lanes[k].ring.n;
        free(t->lanes[k].ring.bytes);
    }
    free(t->lanes);
}

void merge_free(struct merge *m) {
    if (!m) {
        return;
    }
    for (uint32_t k = 0; k < m->n_tasks; k++) {
        lanes_free(m, &m->tasks[k]);
    }
    free(m->heap);
    free(m->tasks);
    free(m);
}

static struct task_lanes *find_task(const struct merge *m, uint32_t task) {
    for (uint32_t k = 0; k < m->n_tasks; k++) {
        if (m->tasks[k].task == task) {
            return &m->tasks[k];
        }
    }
    return NULL;
}

void merge_remove_task(struct merge *m, uint32_t task) {
    struct task_lanes *t = find_task(m, task);
    if (!t) {
        return;
    }
    heap_drop_task(m, t);
    lanes_free(m, t);
    const size_t at = (size_t)(t - m->tasks);
    memmove(t, t + 1, (m->n_tasks - at - 1) * sizeof *t);
    m->n_tasks--;
    m->taken = m->popped = NULL;
    m->asked_ms = -1;
}

/* Room for one more task, so that nothing can fail afterwards. */
static enum status reserve_task(struct merge *m) {
    const size_t n = m->n_tasks + (size_t)1;
    struct task_lanes *tasks = realloc(m->tasks, n * sizeof *tasks);
    if (!tasks) {
        return ST_NOMEM;
    }
    m->tasks = tasks;
    struct head *heap = realloc(m->heap, n * m->n_topics * sizeof *heap);
    if (!heap) {
        return ST_NOMEM;
    }
    m->heap = heap;
    return ST_OK;
}

enum status merge_add_task(struct merge *m, uint32_t task) {
    struct lane *lanes = calloc(m->n_topics, sizeof *lanes);
    if (!lanes || reserve_task(m)) {
        free(lanes);
        return ST_NOMEM;
    }
    merge_remove_task(m, task);
    for (uint32_t k = 0; k < m->n_topics; k++) {
        lanes[k].position = lanes[k].empty_ms = lanes[k].below_ms = lanes[k].first_end = -1;
        lanes[k].starting = true;
        lanes[k].rank = (uint64_t)task << 32 | k;
    }
    uint32_t at = m->n_tasks++;
    while (at > 0 && m->tasks[at - 1].task > task) {
        m->tasks[at] = m->tasks[at - 1];
        at--;
    }
    m->tasks[at] = (struct task_lanes){.task = task, .lanes = lanes};
    return ST_OK;
}

void merge_run_task(struct merge *m, uint32_t task) {
    struct task_lanes *t = find_task(m, task);
    if (!t || t->running) {
        return;
    }
    t->running = true;
    m->asked_ms = -1;
    for (uint32_t k = 0; k < m->n_topics; k++) {
        if (t->lanes[k].ring.n > 0) {
            heap_add(m, &t->lanes[k]);
        }
    }
}

static struct lane *find_lane(const struct merge *m, uint32_t task, uint16_t topic) {
    struct task_lanes *t = find_task(m, task);
    return t && topic < m->n_topics ? &t->lanes[topic] : NULL;
}

/* ---- filling -------------------------------------------------------------------------- */

static size_t event_size(const struct event *e) {
    size_t size =
        aligned(sizeof(struct entry)) + aligned(e->n_lines * sizeof *e->lines) + e->user_id_len;
    for (uint32_t k = 0; k < e->n_lines; k++) {
        size += e->lines[k].id_len;
    }
    return aligned(size);
}

static void copy_event(struct entry *to, const struct event *e) {
    char *lines = (char *)to + aligned(sizeof *to);
    char *text = lines + aligned(e->n_lines * sizeof *e->lines);
    to->merged.event = *e;
    to->merged.event.lines = (struct event_line *)(void *)lines;
    memcpy(lines, e->lines, e->n_lines * sizeof *e->lines);
    memcpy(text, e->user_id, e->user_id_len);
    to->merged.event.user_id = text;
    text += e->user_id_len;
    for (uint32_t k = 0; k < e->n_lines; k++) {
        memcpy(text, e->lines[k].id, e->lines[k].id_len);
        to->merged.event.lines[k].id = text;
        text += e->lines[k].id_len;
    }
}

/* An entry may have moved with its ring: its views are found again behind it. */
static void rebase(struct entry *e) {
    struct merged *m = &e->merged;
    char *behind = (char *)e + aligned(sizeof *e);
    if (m->event.n_lines == 0) {
        m->letter = behind;
        return;
    }
    char *text = behind + aligned(m->event.n_lines * sizeof *m->event.lines);
    m->event.lines = (struct event_line *)(void *)behind;
    m->event.user_id = text;
    text += m->event.user_id_len;
    for (uint32_t k = 0; k < m->event.n_lines; k++) {
        m->event.lines[k].id = text;
        text += m->event.lines[k].id_len;
    }
}

/* The entry is complete. */
static void pushed(struct merge *m, struct task_lanes *t, struct lane *lane, int64_t offset) {
    lane->position = offset + 1;
    m->buffered++;
    if (lane->ring.n > 1) {
        return;
    }
    lane->empty_ms = lane->below_ms = -1;
    m->n_held -= lane->held;
    lane->held = false;
    if (t->running) {
        heap_add(m, lane);
    }
}

enum status merge_push(struct merge *m, uint32_t task, const struct event *event,
                       int64_t record_ms) {
    struct task_lanes *t = find_task(m, task);
    if (!t || event->topic >= m->n_topics) {
        return ST_NOT_FOUND;
    }
    struct lane *lane = &t->lanes[event->topic];
    struct entry *e = NULL;
    enum status st = ring_push(&lane->ring, event_size(event), &e);
    if (st) {
        return st;
    }
    e->merged = (struct merged){
        .task = task, .topic = event->topic, .offset = event->offset, .record_ms = record_ms};
    copy_event(e, event);
    pushed(m, t, lane, event->offset);
    return ST_OK;
}

enum status merge_push_letter(struct merge *m, uint32_t task, uint16_t topic, int64_t offset,
                              const void *bytes, size_t len) {
    struct task_lanes *t = find_task(m, task);
    if (!t || topic >= m->n_topics) {
        return ST_NOT_FOUND;
    }
    struct lane *lane = &t->lanes[topic];
    struct entry *e = NULL;
    enum status st = ring_push(&lane->ring, aligned(aligned(sizeof *e) + len), &e);
    if (st) {
        return st;
    }
    e->merged = (struct merged){
        .task = task, .topic = topic, .offset = offset, .record_ms = -1, .letter_len = len};
    e->merged.event.ts_ms = INT64_MIN; /* taken as soon as it is at the head */
    if (len > 0) {
        memcpy((char *)e + aligned(sizeof *e), bytes, len);
    }
    pushed(m, t, lane, offset);
    return ST_OK;
}

void merge_begin(struct merge *m, uint32_t task, uint16_t topic, int64_t offset) {
    struct lane *lane = find_lane(m, task, topic);
    if (lane && offset > lane->position) {
        lane->position = offset;
        m->asked_ms = -1;
    }
}

void merge_reached(struct merge *m, uint32_t task, uint16_t topic, int64_t offset) {
    struct lane *lane = find_lane(m, task, topic);
    merge_begin(m, task, topic, offset);
    if (lane && lane->starting) {
        lane->starting = false;
        m->asked_ms = -1;
    }
}

size_t merge_buffered(const struct merge *m, uint32_t task, uint16_t topic) {
    const struct lane *lane = find_lane(m, task, topic);
    return lane ? lane->ring.n : 0;
}

size_t merge_buffered_all(const struct merge *m) {
    return m->buffered;
}

int64_t merge_position(const struct merge *m, uint32_t task, uint16_t topic) {
    const struct lane *lane = find_lane(m, task, topic);
    return lane ? lane->position : -1;
}

/* ---- taking --------------------------------------------------------------------------- */

static int64_t end_of(const struct merge_ends *ends, const struct lane *lane) {
    const uint16_t topic = (uint16_t)(lane->rank & UINT16_MAX);
    return ends->end(ends->ctx, topic, (int32_t)(lane->rank >> 32));
}

/* Has what was there at the start come by? */
static void ask_starting(struct lane *lane, const struct merge_ends *ends) {
    if (lane->starting && lane->first_end < 0) {
        lane->first_end = end_of(ends, lane);
    }
    if (lane->first_end >= 0 && lane->position >= lane->first_end) {
        lane->starting = false;
    }
}

/* Is a starting lane waited for? The wait is for records on their way, or for the end. */
static bool is_held_at_start(const struct merge *m, struct lane *lane,
                             const struct merge_ends *ends, int64_t end, int64_t now_ms) {
    const uint16_t topic = (uint16_t)(lane->rank & UINT16_MAX);
    if (now_ms - lane->below_ms < m->waits.max_start) {
        return true;
    }
    lane->starting = false;
    if (ends->given_up) {
        ends->given_up(ends->ctx, topic, (int32_t)(lane->rank >> 32), lane->position, end);
    }
    return now_ms - lane->below_ms < m->waits.max_wait;
}

/* Does this empty lane hold the others up? It waits for max_wait from when it was seen below
 * its end, and for max_idle from when it was seen empty: a long quiet does not use up the wait
 * for records that are on their way now. */
static void ask(struct merge *m, struct lane *lane, const struct merge_ends *ends, int64_t now_ms) {
    ask_starting(lane, ends);
    const int64_t end = end_of(ends, lane);
    const bool at_end = end >= 0 && lane->position >= end;
    if (lane->empty_ms < 0) {
        lane->empty_ms = now_ms;
    }
    if (at_end) {
        lane->below_ms = -1;
    } else if (lane->below_ms < 0) {
        lane->below_ms = now_ms;
    }
    if (at_end) {
        lane->held = now_ms - lane->empty_ms < m->waits.max_idle;
    } else if (lane->starting) {
        lane->held = is_held_at_start(m, lane, ends, end, now_ms);
    } else {
        lane->held = now_ms - lane->below_ms < m->waits.max_wait;
    }
    m->n_held += lane->held;
}

/* All empty lanes once a millisecond; in between only the one that may have become empty. */
static void ask_all(struct merge *m, const struct merge_ends *ends, int64_t now_ms) {
    struct lane *popped = m->popped;
    m->popped = NULL;
    if (m->asked_ms == now_ms) {
        if (popped && popped->ring.n == 0) {
            ask(m, popped, ends, now_ms);
        }
        return;
    }
    m->asked_ms = now_ms;
    m->n_held = 0;
    for (uint32_t k = 0; k < m->n_tasks; k++) {
        struct task_lanes *t = &m->tasks[k];
        for (uint32_t topic = 0; t->running && topic < m->n_topics; topic++) {
            struct lane *lane = &t->lanes[topic];
            if (lane->ring.n == 0) {
                ask(m, lane, ends, now_ms);
            } else if (lane->starting) {
                ask_starting(lane, ends);
            }
        }
    }
}

const struct merged *merge_next(struct merge *m, const struct merge_ends *ends, int64_t now_ms,
                                bool *waiting) {
    ask_all(m, ends, now_ms);
    m->taken = NULL;
    if (waiting) {
        *waiting = false;
    }
    if (m->n_heads == 0) {
        return NULL;
    }
    struct lane *lane = m->heap[0].lane;
    struct entry *best = ring_front(&lane->ring);
    if (m->n_held > 0 && best->merged.event.n_lines > 0) {
        if (waiting) {
            *waiting = true;
        }
        return NULL;
    }
    m->taken = lane;
    rebase(best);
    return &best->merged;
}

static const struct merged *shown(struct entry *e) {
    if (!e) {
        return NULL;
    }
    rebase(e);
    return &e->merged;
}

const struct merged *merge_behind(struct merge *m) {
    return m->taken ? shown(ring_second(&m->taken->ring)) : NULL;
}

/* One of the heads right below the smallest, or the one behind it. */
const struct merged *merge_after(struct merge *m) {
    if (!m->taken || m->n_heads < 2 || m->heap[0].lane != m->taken) {
        return merge_behind(m);
    }
    const bool right = m->n_heads > 2 && before(&m->heap[2], &m->heap[1]);
    struct entry *other = ring_front(&m->heap[right ? 2 : 1].lane->ring);
    struct entry *own = ring_second(&m->taken->ring);
    return shown(own && own->merged.event.ts_ms < other->merged.event.ts_ms ? own : other);
}

void merge_pop(struct merge *m) {
    if (m->taken) {
        m->popped = m->taken;
        m->taken = NULL;
        ring_pop(&m->popped->ring);
        m->buffered--;
        heap_renew(m, m->popped);
    }
}
