/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_similar.c -- which items go with each item, for item pages; see instance_state.h.
 *
 * A sweep over all items, by whoever has task 0: one turn in similar.interval, at an even pace. A
 * turn is as fast as a fourth of publish.rate allows, and begins at once, when nothing is known to
 * stand in Redis, when an item was withdrawn or came back, and whenever the model has learned twice
 * as much as at the turn before. Users' lists go first: it leaves half of the queue to them.
 *
 * What was written of an item and target is kept as eight bytes. Whether it still lives is known of
 * whole turns alone: every quarter of the TTL one prolongs what did not change.
 */
#include <stdlib.h>
#include <string.h>

#include "instance_state.h"
#include "item_similar.h"
#include "mix.h"

enum {
    AGAIN_MS = 1000,      /* a fast turn at most this often */
    FEW_EVENTS = 100,     /* twice as much of less is not much */
    ITEMS_PER_LOOK = 8,   /* at the clock */
    SHARE_OF_TIME = 10,   /* one part in so many */
    GENTLE_OF_TIME = 100, /* ... of a turn that comes early only because much was learned */
    SHARE_OF_RATE = 4,    /* likewise, of publish.rate */
    ROOM = PUBLISHER_QUEUE / 2,
};

static const uint64_t TOMBSTONE = 1; /* no list has this digest */

void instance_similar_forget(struct instance *in) {
    struct similar_sweep *s = &in->cards->similar;
    s->turning = false;
    s->fast = true;
    s->lives_ms = 0;
}

void instance_similar_hurry(struct instance *in) {
    in->cards->similar.fast = true;
}

/* ---- turns ------------------------------------------------------------------------------------
 */

static int64_t interval_ms(const struct instance *in) {
    const int64_t quarter = in->cfg->publish_ttl_ms / 4;
    return in->cfg->similar_interval_ms < quarter ? in->cfg->similar_interval_ms : quarter;
}

static bool learned_much(const struct instance *in) {
    return learner_shared(in->learner)->n_events >= 2 * in->cards->similar.events + FEW_EVENTS;
}

static bool reserve(struct instance *in) {
    struct similar_sweep *s = &in->cards->similar;
    const uint32_t n = learner_shared(in->learner)->n_items;
    if (n <= s->cap_items) {
        return true;
    }
    const uint32_t cap = n < UINT32_MAX / 2 ? n + n / 2 : n;
    uint64_t *written = realloc(s->written, (size_t)cap * in->n_targets * sizeof *written);
    if (!written) {
        return false;
    }
    memset(written + (size_t)s->cap_items * in->n_targets, 0,
           (size_t)(cap - s->cap_items) * in->n_targets * sizeof *written);
    s->written = written;
    s->cap_items = cap;
    return true;
}

/* Begins a turn if one is due. False: there is nothing to do now. */
static bool turns(struct instance *in) {
    struct similar_sweep *s = &in->cards->similar;
    const int64_t since_ms = in->now_ms - s->began_ms;
    if (s->turning) {
        return true;
    }
    const bool fast = s->began_ms == 0 || ((s->fast || learned_much(in)) && since_ms >= AGAIN_MS);
    if (!(fast || since_ms >= interval_ms(in)) || !reserve(in)) {
        return false;
    }
    const int64_t ttl_ms = in->cfg->publish_ttl_ms;
    const int64_t age_ms = in->now_ms - s->lives_ms;
    s->again = s->lives_ms == 0 || age_ms >= ttl_ms / 4 * 3;
    s->prolongs = !s->again && age_ms >= ttl_ms / 4;
    s->lives_ms = s->again || s->prolongs ? in->now_ms : s->lives_ms;
    s->turning = true;
    s->gentle = fast && !s->fast && s->began_ms != 0;
    s->fast = false;
    s->hurries = fast;
    s->item = 0;
    s->n_items = learner_shared(in->learner)->n_items;
    s->began_ms = s->refill_ms = in->now_ms;
    s->tokens = 0.0;
    s->events = learner_shared(in->learner)->n_events;
    return true;
}

/* ---- one item ----------------------------------------------------------------------------------
 */

static uint64_t digest_of(const struct instance *in, const struct item_similar *list, uint32_t n) {
    const struct items *items = learner_shared(in->learner)->items;
    uint64_t h = 2;
    for (uint32_t k = 0; k < n; k++) {
        h = mix64(h ^ items_hash(items, list[k].item));
    }
    return mix64(h) | 2;
}

static void hand_over(struct instance *in, struct place *pl, uint32_t item, uint8_t target,
                      enum rec_kind kind, const struct item_similar *list, uint32_t n) {
    const struct items *items = learner_shared(in->learner)->items;
    struct rec *r = instance_start_rec(in, pl, kind, target);
    size_t len = 0;
    const char *id = items_id(items, item, &len);
    r->touched = REC_SIMILAR;
    r->domain = items_domain(items, item);
    r->user_id_len = (uint16_t)len;
    memcpy(r->user_id, id, len);
    r->n = (uint16_t)n;
    for (uint32_t k = 0; k < n; k++) {
        r->items[k] =
            (struct rec_item){.id = items_id(items, list[k].item, &len), .score = list[k].score};
        r->items[k].id_len = (uint16_t)len;
    }
    publisher_push(in->publisher);
}

static void look_at(struct instance *in, struct place *pl, uint32_t item, uint32_t k) {
    struct similar_sweep *s = &in->cards->similar;
    const struct shared *model = learner_shared(in->learner);
    uint64_t *was = &s->written[(size_t)item * in->n_targets + k];
    const uint8_t target = in->targets[k];
    const bool taken = popularity_hot(model->popularity)[item].count >= in->cfg->similar_takes_min;
    const bool withdrawn = !content_available(model->content, item);
    struct item_similar list[ITEM_SIMILAR_MAX];
    const uint32_t most = taken && !withdrawn ? config_list_n(in->cfg, target) : 0;
    const uint32_t n = learner_similar(in->learner, item, target, most, list);
    const uint64_t digest = n > 0 ? digest_of(in, list, n) : TOMBSTONE;
    /* whoever had the task before may have written one of a withdrawn item */
    const bool wanted = n > 0 || *was != 0 || (withdrawn && taken);
    if (wanted && (digest != *was || s->again)) {
        hand_over(in, pl, item, target, REC_SIMILAR, list, n);
        *was = digest;
    } else if (n > 0 && s->prolongs) {
        hand_over(in, pl, item, target, REC_TOUCH, list, 0);
    }
}

/* ---- slices ------------------------------------------------------------------------------------
 */

static void refill(struct instance *in, int64_t now_ms) {
    struct similar_sweep *s = &in->cards->similar;
    const double fast = (double)in->cfg->publish_rate / (double)(SHARE_OF_RATE * in->n_targets);
    const double even = (double)s->n_items * 1e3 / (double)interval_ms(in);
    const double rate = s->hurries || even > fast ? fast : even;
    const double most = rate * 0.1 > 1.0 ? rate * 0.1 : 1.0;
    s->tokens += (double)(now_ms - s->refill_ms) * 1e-3 * rate;
    s->tokens = s->tokens < most ? s->tokens : most;
    s->refill_ms = now_ms;
}

static bool is_ours(const struct instance *in, const struct place *pl) {
    return pl && pl->task.state == TASK_RUNNING && !pl->task.catching_up &&
           pl->claimed_epoch == pl->task.epoch && in->cards->epoch == pl->task.epoch &&
           in->cards->losses == in->losses_seen;
}

void instance_similar_step(struct instance *in) {
    struct similar_sweep *s = &in->cards->similar;
    struct place *pl = instance_place(in, 0);
    if (!in->cfg->similar || in->now_ms < s->resume_ms || !is_ours(in, pl) || !turns(in)) {
        return;
    }
    const int64_t start_ms = instance_mono_ms();
    uint32_t n = 0;
    refill(in, start_ms);
    while (s->item < s->n_items && s->tokens >= 1.0 &&
           publisher_room(in->publisher) > ROOM + in->n_targets) {
        const uint32_t item = s->item++;
        s->tokens -= 1.0;
        for (uint32_t k = 0; k < in->n_targets; k++) {
            if (items_named(learner_shared(in->learner)->items, item)) {
                look_at(in, pl, item, k);
            }
        }
        if (++n % ITEMS_PER_LOOK == 0 && instance_mono_ms() - start_ms >= SLICE_MS) {
            break;
        }
    }
    s->turning = s->item < s->n_items;
    const int64_t share = s->gentle && !s->fast ? GENTLE_OF_TIME : SHARE_OF_TIME;
    const int64_t took_ms = instance_slice_ms(start_ms);
    s->resume_ms = start_ms + (took_ms > 0 || n == 0 ? took_ms : 1) * share;
}
