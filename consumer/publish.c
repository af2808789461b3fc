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
    bool more; /* news came after the first */
};
_Static_assert(sizeof(struct waiting) == 16, "of every user");

struct fifo {
    uint32_t *slot; /* ring of cap_slots */
    uint32_t head, n;
};

enum { NOW, HALF, WHOLE, FIFOS }; /* parts of an interval that users wait for */

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
    p->due = &p->fifo[HALF];
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
    uint32_t *rings[FIFOS];
    bool ok = waiting && written;
    for (int k = 0; k < FIFOS; k++) {
        rings[k] = malloc(cap * sizeof *rings[k]);
        ok = ok && rings[k];
    }
    if (!ok || (p->cards.written && reserve_cards(p, cap, p->n_slots))) {
        free(waiting);
        free(written);
        for (int k = 0; k < FIFOS; k++) {
            free(rings[k]);
        }
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
    for (int k = 0; k < FIFOS; k++) {
        fifo_move(p, &p->fifo[k], rings[k]);
    }
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
    w->more = w->dirty;
    if (!w->dirty) {
        const uint8_t kind = bursts_kind(w->kind, since_ms, p->interval_ms);
        *w = (struct waiting){.first_ms = (uint32_t)now_ms, .kind = kind, .dirty = true};
        fifo_push(p, &p->fifo[bursts_begin(&p->bursts, kind) ? HALF : NOW], slot);
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
    int64_t most = -1;
    for (int k = 0; k < FIFOS; k++) {
        const int64_t ms = waited_ms(p, &p->fifo[k], now_ms);
        most = ms > most ? ms : most;
    }
    return most;
}

/* What users in a FIFO wait for. */
static int64_t term_ms(const struct publish *p, int fifo) {
    return fifo == NOW ? 0 : fifo == HALF ? p->interval_ms / 2 : p->interval_ms;
}

/* Those who do more wait for longer, unless nobody looked in time. */
static void put_off(struct publish *p, int64_t now_ms) {
    struct fifo *half = &p->fifo[HALF];
    int64_t ms = waited_ms(p, half, now_ms);
    while (half->n > 0 && ms >= term_ms(p, HALF) && ms < term_ms(p, WHOLE) &&
           p->waiting[fifo_at(p, half, 0)].more) {
        fifo_push(p, &p->fifo[WHOLE], fifo_pop(p, half));
        ms = waited_ms(p, half, now_ms);
    }
}

static void name_first(struct publish *p, struct fifo *due, uint32_t *slot, int64_t *record_ms) {
    p->due = due;
    *slot = fifo_at(p, due, 0);
    *record_ms = p->waiting[*slot].record_ms;
}

bool publish_due(struct publish *p, int64_t now_ms, bool at_once, uint32_t *slot,
                 int64_t *record_ms) {
    struct fifo *due = NULL;
    int64_t most = 0; /* by how much they are overdue */
    if (!at_once) {
        put_off(p, now_ms);
    }
    for (int k = 0; k < FIFOS; k++) {
        struct fifo *f = &p->fifo[k];
        const int64_t ms = waited_ms(p, f, now_ms) - (at_once ? 0 : term_ms(p, k));
        if (f->n > 0 && ms >= most) {
            most = ms;
            due = f;
        }
    }
    if (due) {
        name_first(p, due, slot, record_ms);
    }
    return due != NULL;
}

bool publish_now(struct publish *p, uint32_t *slot, int64_t *record_ms) {
    if (p->fifo[NOW].n > 0) {
        name_first(p, &p->fifo[NOW], slot, record_ms);
    }
    return p->fifo[NOW].n > 0;
}

int64_t publish_due_in_ms(const struct publish *p, int64_t now_ms) {
    int64_t least = INT64_MAX;
    for (int k = 0; k < FIFOS; k++) {
        const struct fifo *f = &p->fifo[k];
        const int64_t ms = f->n > 0 ? term_ms(p, k) - waited_ms(p, f, now_ms) : INT64_MAX;
        least = ms < least ? ms : least;
    }
    return least > 0 ? least : 0;
}

uint32_t publish_ahead(const struct publish *p) {
    return p->due->n > 1 ? fifo_at(p, p->due, 1) : UINT32_MAX;
}

void publish_pop(struct publish *p) {
    p->waiting[fifo_pop(p, p->due)].dirty = false;
}

size_t publish_dirty(const struct publish *p) {
    size_t n = 0;
    for (int k = 0; k < FIFOS; k++) {
        n += p->fifo[k].n;
    }
    return n;
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
