/* SPDX-License-Identifier: Apache-2.0
 * publish.c -- see publish.h. */
#include "publish.h"

#include <stdlib.h>
#include <string.h>

#include "bursts.h"

struct waiting { /* of a slot */
    int64_t record_ms;
    uint32_t first_ms; /* of his news, when his last burst began; the lower bits */
    uint8_t kind;      /* of that burst */
    bool went_on;      /* as bursts.h heard */
    bool dirty;
};
_Static_assert(sizeof(struct waiting) == 16, "of every user");

struct fifo {
    uint32_t *slot; /* ring of cap_slots */
    uint32_t head, n;
};

enum { NOW, LATER, FIFOS }; /* LATER: an interval after the first news */

enum { PACE_MS = 100 }; /* unit of the times below: 32 bits of it are 13 years */

struct pace { /* of a slot's card */
    uint32_t next;
    uint16_t state; /* 0: not shown in this epoch */
    bool queued;    /* is in the heap             */
    bool wants;     /* had an event since         */
};

struct turn { /* in the heap of those who wait, earliest first */
    uint32_t at, slot;
};

struct cards {
    struct publish_card *written; /* (cap_slots, n_targets) */
    struct pace *pace;            /* (cap_slots,)           */
    struct turn *heap;            /* (cap_slots,): each slot is in it at most once */
    uint32_t n_heap;
};

struct publish {
    uint32_t n_targets;
    int64_t interval_ms;
    struct bursts bursts;
    uint32_t n_slots, cap_slots;     /* cap: a power of two */
    struct waiting *waiting;         /* (cap_slots,)              */
    struct publish_written *written; /* (cap_slots, n_targets)    */
    struct fifo fifo[FIFOS];         /* each slot is at most once in one of them */
    struct fifo *due;                /* whose head is due, as publish_due() said */
    struct cards cards;              /* NULLs before the first */
};

enum status publish_new(uint32_t n_targets, int64_t interval_ms, struct publish **out) {
    struct publish *p = calloc(1, sizeof *p);
    if (!p) {
        return ST_NOMEM;
    }
    p->n_targets = n_targets;
    p->interval_ms = interval_ms;
    bursts_init(&p->bursts);
    p->due = &p->fifo[NOW];
    *out = p;
    return ST_OK;
}

static void free_cards(struct cards *c) {
    free(c->written);
    free(c->pace);
    free(c->heap);
    *c = (struct cards){.written = NULL};
}

void publish_free(struct publish *p) {
    if (!p) {
        return;
    }
    free(p->waiting);
    free(p->written);
    for (int k = 0; k < FIFOS; k++) {
        free(p->fifo[k].slot);
    }
    free_cards(&p->cards);
    free(p);
}

/* Room for cards of so many slots; what there is of `n` slots stays. */
static enum status reserve_cards(struct publish *p, uint32_t cap, uint32_t n) {
    struct cards c = {.written = calloc((size_t)cap * p->n_targets, sizeof *c.written),
                      .pace = calloc(cap, sizeof *c.pace),
                      .heap = malloc(cap * sizeof *c.heap),
                      .n_heap = p->cards.n_heap};
    if (!c.written || !c.pace || !c.heap) {
        free_cards(&c);
        return ST_NOMEM;
    }
    if (p->cards.written) {
        memcpy(c.written, p->cards.written, (size_t)n * p->n_targets * sizeof *c.written);
        memcpy(c.pace, p->cards.pace, n * sizeof *c.pace);
        memcpy(c.heap, p->cards.heap, c.n_heap * sizeof *c.heap);
    }
    free_cards(&p->cards);
    p->cards = c;
    return ST_OK;
}

/* ---- who waits ---------------------------------------------------------------------------- */

static uint32_t fifo_at(const struct publish *p, const struct fifo *f, uint32_t k) {
    return f->slot[(f->head + k) & (p->cap_slots - 1)];
}

static void fifo_push(const struct publish *p, struct fifo *f, uint32_t slot) {
    f->slot[(f->head + f->n++) & (p->cap_slots - 1)] = slot;
}

static uint32_t fifo_pop(const struct publish *p, struct fifo *f) {
    const uint32_t slot = f->slot[f->head];
    f->head = (f->head + 1) & (p->cap_slots - 1);
    f->n--;
    return slot;
}

/* The ring at another place, with more room. */
static void fifo_move(const struct publish *p, struct fifo *f, uint32_t *slot) {
    for (uint32_t k = 0; k < f->n; k++) {
        slot[k] = fifo_at(p, f, k);
    }
    free(f->slot);
    f->slot = slot;
    f->head = 0;
}

static enum status reserve(struct publish *p, uint32_t n) {
    if (n <= p->cap_slots) {
        return ST_OK;
    }
    uint32_t cap = p->cap_slots ? p->cap_slots : 1024;
    while (cap < n) {
        cap *= 2;
    }
    struct waiting *waiting = calloc(cap, sizeof *waiting);
    struct publish_written *written = calloc((size_t)cap * p->n_targets, sizeof *written);
    uint32_t *now = malloc(cap * sizeof *now);
    uint32_t *later = malloc(cap * sizeof *later);
    const bool cards = !p->cards.written || reserve_cards(p, cap, p->n_slots) == ST_OK;
    if (!waiting || !written || !now || !later || !cards) {
        free(waiting);
        free(written);
        free(now);
        free(later);
        return ST_NOMEM;
    }
    if (p->cap_slots) {
        memcpy(waiting, p->waiting, p->n_slots * sizeof *waiting);
        memcpy(written, p->written, (size_t)p->n_slots * p->n_targets * sizeof *written);
    }
    free(p->waiting);
    free(p->written);
    p->waiting = waiting;
    p->written = written;
    fifo_move(p, &p->fifo[NOW], now);
    fifo_move(p, &p->fifo[LATER], later);
    p->cap_slots = cap;
    return ST_OK;
}

enum status publish_touch(struct publish *p, uint32_t slot, int64_t record_ms, int64_t now_ms) {
    enum status st = reserve(p, slot + 1);
    if (st) {
        return st;
    }
    if (slot >= p->n_slots) {
        p->n_slots = slot + 1;
    }
    struct waiting *w = &p->waiting[slot];
    const uint32_t since_ms = (uint32_t)now_ms - w->first_ms;
    if (w->kind != BURSTS_NONE && !w->went_on && since_ms < p->interval_ms) {
        w->went_on = true;
        bursts_go_on(&p->bursts, w->kind);
    }
    if (!w->dirty) {
        const uint8_t kind = bursts_kind(w->kind, since_ms, p->interval_ms);
        *w = (struct waiting){.first_ms = (uint32_t)now_ms, .kind = kind, .dirty = true};
        fifo_push(p, &p->fifo[bursts_begin(&p->bursts, kind) ? LATER : NOW], slot);
    }
    if (record_ms > w->record_ms) {
        w->record_ms = record_ms;
    }
    return ST_OK;
}

/* Since its head's first news; -1: nobody is in it. */
static int64_t waited_ms(const struct publish *p, const struct fifo *f, int64_t now_ms) {
    if (f->n == 0) {
        return -1;
    }
    const uint32_t ms = (uint32_t)now_ms - p->waiting[fifo_at(p, f, 0)].first_ms;
    return ms;
}

int64_t publish_waited_ms(const struct publish *p, int64_t now_ms) {
    const int64_t now = waited_ms(p, &p->fifo[NOW], now_ms);
    const int64_t later = waited_ms(p, &p->fifo[LATER], now_ms);
    return now > later ? now : later;
}

/* By how much the head is overdue; below 0: it is not due. */
static int64_t overdue_ms(const struct publish *p, int fifo, int64_t now_ms, bool at_once) {
    const int64_t ms = waited_ms(p, &p->fifo[fifo], now_ms);
    return fifo == NOW || at_once || ms < 0 ? ms : ms - p->interval_ms;
}

bool publish_due(struct publish *p, int64_t now_ms, bool at_once, uint32_t *slot,
                 int64_t *record_ms) {
    const int64_t now = overdue_ms(p, NOW, now_ms, at_once);
    const int64_t later = overdue_ms(p, LATER, now_ms, at_once);
    if (now < 0 && later < 0) {
        return false;
    }
    p->due = &p->fifo[later >= now ? LATER : NOW];
    *slot = fifo_at(p, p->due, 0);
    *record_ms = p->waiting[*slot].record_ms;
    return true;
}

int64_t publish_due_in_ms(const struct publish *p, int64_t now_ms) {
    if (p->fifo[NOW].n > 0) {
        return 0;
    }
    if (p->fifo[LATER].n == 0) {
        return INT64_MAX;
    }
    const int64_t ms = -overdue_ms(p, LATER, now_ms, false);
    return ms > 0 ? ms : 0;
}

uint32_t publish_ahead(const struct publish *p) {
    return p->due->n > 1 ? fifo_at(p, p->due, 1) : UINT32_MAX;
}

void publish_pop(struct publish *p) {
    p->waiting[fifo_pop(p, p->due)].dirty = false;
}

size_t publish_dirty(const struct publish *p) {
    return (size_t)p->fifo[NOW].n + p->fifo[LATER].n;
}

/* ---- what was written ---------------------------------------------------------------------- */

struct publish_written *publish_written(struct publish *p, uint32_t slot, uint32_t target) {
    return &p->written[(size_t)slot * p->n_targets + target];
}

enum status publish_assume(struct publish *p, uint32_t n, uint32_t at_s) {
    enum status st = reserve(p, n);
    if (st) {
        return st;
    }
    p->n_slots = n > p->n_slots ? n : p->n_slots;
    for (size_t k = 0; k < (size_t)n * p->n_targets; k++) {
        p->written[k] = (struct publish_written){.at_s = at_s};
    }
    for (size_t k = 0; p->cards.written && k < (size_t)n * p->n_targets; k++) {
        p->cards.written[k] = (struct publish_card){.at_s = at_s};
    }
    return ST_OK;
}

uint32_t publish_slots(const struct publish *p) {
    return p->n_slots;
}

void publish_forget(struct publish *p) {
    for (size_t k = 0; k < (size_t)p->n_slots * p->n_targets; k++) {
        p->written[k].digest = 0;
    }
    for (size_t k = 0; p->cards.written && k < (size_t)p->n_slots * p->n_targets; k++) {
        p->cards.written[k].digest = 0;
    }
    for (uint32_t k = 0; p->cards.written && k < p->n_slots; k++) {
        p->cards.pace[k].state = 0;
    }
}

/* ---- cards -------------------------------------------------------------------------------- */

static bool has_cards(struct publish *p) {
    return p->cards.written || reserve_cards(p, p->cap_slots, 0) == ST_OK;
}

struct publish_card *publish_card(struct publish *p, uint32_t slot, uint32_t target) {
    return has_cards(p) ? &p->cards.written[(size_t)slot * p->n_targets + target] : NULL;
}

static void push_turn(struct cards *c, struct turn t) {
    uint32_t at = c->n_heap++;
    for (; at > 0 && c->heap[(at - 1) / 2].at > t.at; at = (at - 1) / 2) {
        c->heap[at] = c->heap[(at - 1) / 2];
    }
    c->heap[at] = t;
}

static struct turn pop_turn(struct cards *c) {
    const struct turn first = c->heap[0];
    const struct turn last = c->heap[--c->n_heap];
    uint32_t at = 0;
    for (uint32_t child = 1; child < c->n_heap; child = 2 * at + 1) {
        if (child + 1 < c->n_heap && c->heap[child + 1].at < c->heap[child].at) {
            child++;
        }
        if (c->heap[child].at >= last.at) {
            break;
        }
        c->heap[at] = c->heap[child];
        at = child;
    }
    c->heap[at] = last;
    return first;
}

bool publish_card_due(struct publish *p, uint32_t slot, uint32_t state, int64_t now_ms) {
    if (!has_cards(p)) {
        return false;
    }
    struct pace *pace = &p->cards.pace[slot];
    if (pace->state != state || now_ms / PACE_MS >= pace->next) {
        return true;
    }
    pace->wants = true;
    if (!pace->queued) {
        pace->queued = true;
        push_turn(&p->cards, (struct turn){pace->next, slot});
    }
    return false;
}

void publish_card_shown(struct publish *p, uint32_t slot, uint32_t state, int64_t next_ms) {
    struct pace *pace = &p->cards.pace[slot];
    pace->state = (uint16_t)state;
    pace->next = (uint32_t)((next_ms + PACE_MS - 1) / PACE_MS);
    pace->wants = false;
}

bool publish_card_next(struct publish *p, int64_t now_ms, uint32_t *slot) {
    struct cards *c = &p->cards;
    while (c->n_heap > 0 && c->heap[0].at <= now_ms / PACE_MS) {
        const struct turn t = pop_turn(c);
        struct pace *pace = &c->pace[t.slot];
        if (pace->wants && pace->next > now_ms / PACE_MS) {
            push_turn(c, (struct turn){pace->next, t.slot}); /* it was shown meanwhile */
            continue;
        }
        pace->queued = false;
        if (pace->wants) {
            pace->wants = false;
            *slot = t.slot;
            return true;
        }
    }
    return false;
}
