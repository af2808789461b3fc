/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_cards.c -- what stands in Redis beside users' lists and is of everybody: fallback, info
 * and segments; see instance_state.h. Written by whoever has task 0, under its epoch.
 *
 * Every instance looks at its own users in slices (segment_scan.h), because each has users who need
 * their segment's list; the owner of task 0 publishes what it found of its own.
 *
 * What is found are the best LIST_MAX that may be shown. What is blocked or withdrawn after that
 * leaves the list at its next publication; if it is short then, the segments are looked at again.
 */
#include <stdlib.h>
#include <string.h>

#include "card_text.h"
#include "instance_state.h"
#include "log.h"
#include "mix.h"

enum {
    CARDS_MS = 5000,      /* looked at this often, and segments, ... */
    CARDS_LEAST_MS = 250, /* ... but at least this long after the last time, ... */
    CARDS_ROUNDS = 50,    /* ... every so many publish.interval, if that is less */
    SCAN_REST = 20,       /* a scan waits so many times as long as the last one took */
    SCAN_USERS = 32,      /* between two looks at the clock */
    SHARE_OF_TIME = 5,    /* a scan gets one part in so many */
};

static int64_t every_ms(const struct instance *in) {
    const int64_t ms = CARDS_ROUNDS * in->cfg->publish_interval_ms;
    return ms > CARDS_MS ? CARDS_MS : ms < CARDS_LEAST_MS ? CARDS_LEAST_MS : ms;
}

enum status instance_cards_new(struct instance *in) {
    in->cards = calloc(1, sizeof *in->cards);
    if (!in->cards) {
        return ST_NOMEM;
    }
    in->cards->tops = calloc((size_t)SEGMENTS_MAX * in->n_targets + 1, sizeof *in->cards->tops);
    return in->cards->tops ? ST_OK : ST_NOMEM;
}

void instance_cards_free(struct instance *in) {
    if (in->cards) {
        segment_scan_free(in->cards->scan);
        free(in->cards->tops);
        free(in->cards->similar.written);
        free(in->cards);
    }
    in->cards = NULL;
}

/* ---- looking at the segments ----------------------------------------------------------------- */

static const struct segments *segments_of(const struct instance *in) {
    return learner_shared(in->learner)->segments;
}

/* Another learner has other items; other segments have other members. */
static void forget_what_is_gone(struct instance *in) {
    struct cards *c = in->cards;
    if (c->learner != in->learner) {
        segment_scan_free(c->scan);
        free(c->similar.written);
        c->scan = NULL;
        c->similar = (struct similar_sweep){.written = NULL};
        c->known = false;
        c->scan_next_ms = 0;
        c->learner = in->learner;
    }
    if (c->known && c->generation != segments_generation(segments_of(in))) {
        c->known = false;
        c->scan_next_ms = 0;
    }
}

void instance_cards_hurry(struct instance *in) {
    in->cards->scan_again = true;
}

/* How many users of the group one of this instance stands for. */
static double users_behind_one(struct instance *in, const struct segment_cards *told) {
    const uint32_t here = instance_n_running(in);
    const uint32_t all = instance_n_tasks(in);
    const double tasks = here > 0 && all > here ? (double)all / (double)here : 1.0;
    const double users =
        told->board.users > 0 ? (double)told->n_users / (double)told->board.users : 1.0;
    return tasks * (users > 1.0 ? users : 1.0);
}

static void end_scan(struct instance *in) {
    struct cards *c = in->cards;
    const char *names[DOMAINS_MAX];
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        names[d] = in->cfg->domains[d].name;
    }
    if (segment_scan_stands(c->scan, in->learner)) {
        segment_scan_cards(c->scan, in->learner, names, &c->told);
        for (uint32_t k = 0; k < c->told.n * in->n_targets; k++) {
            segment_scan_top(c->scan, k / in->n_targets, in->targets[k % in->n_targets], LIST_MAX,
                             &c->tops[k]);
        }
        c->behind_one = users_behind_one(in, &c->told);
        c->generation = segments_generation(segments_of(in));
        c->known = true;
        in->next_cards_ms = 0;
    }
    segment_scan_free(c->scan);
    c->scan = NULL;
    const int64_t now_ms = instance_mono_ms();
    const int64_t rest_ms = (now_ms - c->scan_began_ms) * SCAN_REST;
    const int64_t least_ms = every_ms(in);
    c->scan_next_ms = c->known ? now_ms + (rest_ms > least_ms ? rest_ms : least_ms) : 0;
}

static bool somebody_runs(const struct instance *in) {
    for (uint32_t p = 0; p < in->n_places; p++) {
        const struct place *pl = &in->places[p];
        if (pl->exists && pl->task.state == TASK_RUNNING && !pl->task.catching_up) {
            return true;
        }
    }
    return false;
}

void instance_cards_step(struct instance *in) {
    struct cards *c = in->cards;
    forget_what_is_gone(in);
    instance_similar_step(in);
    if (in->now_ms < c->scan_resume_ms || !segments_ready(segments_of(in)) || !somebody_runs(in)) {
        return;
    }
    const int64_t start_ms = instance_mono_ms();
    if (!c->scan) {
        if ((start_ms < c->scan_next_ms && !c->scan_again) ||
            segment_scan_new(in->learner, instance_clock_ms(in), true, &c->scan)) {
            return; /* not now, or there is no memory now */
        }
        c->scan_began_ms = start_ms;
        c->scan_again = false;
    }
    bool more = true;
    while (more && instance_mono_ms() - start_ms < SLICE_MS) {
        more = segment_scan_step(c->scan, in->learner, SCAN_USERS);
    }
    if (!more) {
        end_scan(in);
    }
    c->scan_resume_ms = start_ms + instance_slice_ms(start_ms) * SHARE_OF_TIME;
}

/* ---- a user's segment's list -------------------------------------------------------------------
 */

/* Is the segment's card one that partners may see? */
static bool is_shown(const struct instance *in, int segment) {
    const struct cards *c = in->cards;
    return c->known && segment >= 0 && (uint32_t)segment < c->told.n &&
           c->told.cards[segment].users >= in->cfg->segments_users_min;
}

static bool is_on(const struct list *list, uint32_t item) {
    for (uint32_t k = 0; k < list->n; k++) {
        if (list->items[k].item == item) {
            return true;
        }
    }
    return false;
}

static bool is_pinned(const struct list *list, uint32_t item) {
    for (uint32_t k = 0; k < list->n; k++) {
        if (list->items[k].item == item) {
            return list->items[k].reason == REASON_PINNED;
        }
    }
    return false;
}

/* The next of the best that is neither on the new list nor pinned to the old one; NULL: none. */
static const struct list_item *next_of(const struct list *best, uint32_t *next,
                                       const struct list *list, const struct list *out) {
    while (*next < best->n) {
        const struct list_item *x = &best->items[(*next)++];
        if (!is_on(out, x->item) && !is_pinned(list, x->item)) {
            return x;
        }
    }
    return NULL;
}

/* NULL: none. A pin that comes later keeps its place. */
static const struct list_item *first_left(const struct list *list, const struct list *out) {
    const struct list_item *pin = NULL;
    for (uint32_t k = 0; k < list->n; k++) {
        const struct list_item *x = &list->items[k];
        if (is_on(out, x->item)) {
            continue;
        }
        if (x->reason != REASON_PINNED) {
            return x;
        }
        pin = pin ? pin : x;
    }
    return pin;
}

bool instance_segment_list(const struct instance *in, const struct user *u, uint32_t k,
                           int64_t now_ms, struct list *list) {
    struct user_entry newest;
    if (list->personalised || !is_shown(in, list->segment) ||
        user_history(u, now_ms, &newest, 1) > 0) {
        return false;
    }
    const struct shared *model = learner_shared(in->learner);
    const struct list *top = &in->cards->tops[(uint32_t)list->segment * in->n_targets + k];
    const uint8_t target = in->targets[k];
    struct list best = {.segment = list->segment};
    for (uint32_t i = 0; i < top->n; i++) {
        const uint32_t item = top->items[i].item;
        if (top->items[i].score > 0.0F && content_available(model->content, item) &&
            !user_consumed(u, target, item, items_hashes(model->items))) {
            best.items[best.n++] = top->items[i];
        }
    }
    learner_rules_filter(in->learner, target, list->segment, LIST_MAX, &best);
    struct list out = {.segment = list->segment};
    uint32_t next = 0;
    while (out.n < list->n) { /* pins stay; the rest of too few is as it was */
        const struct list_item *x = &list->items[out.n];
        if (x->reason != REASON_PINNED || is_on(&out, x->item)) {
            x = next_of(&best, &next, list, &out);
            x = x ? x : first_left(list, &out);
        }
        if (!x) {
            break;
        }
        out.items[out.n++] = *x;
    }
    for (uint32_t i = 1; i < out.n; i++) { /* of two scales: lists descend */
        const float before = out.items[i - 1].score;
        out.items[i].score = out.items[i].score < before ? out.items[i].score : before;
    }
    *list = out;
    return true;
}

/* ---- publishing --------------------------------------------------------------------------------
 */

/* What of a list may still be shown, as people rule, at most n. */
static void cut_list(const struct instance *in, const struct list *list, uint8_t target, uint32_t n,
                     struct list *out) {
    const struct content *content = learner_content(in->learner);
    for (uint32_t i = 0; i < list->n; i++) {
        if (content_available(content, list->items[i].item)) {
            out->items[out->n++] = list->items[i];
        }
    }
    learner_rules_apply(in->learner, target, out->segment, n, out);
}

/* Queues a segment's key if a reader would see a difference. False: no room. */
static bool publish_segment(struct instance *in, struct place *pl, uint32_t segment, uint32_t k) {
    struct cards *c = in->cards;
    const uint8_t target = in->targets[k];
    const bool shown = is_shown(in, (int)segment);
    const struct list *list = &c->tops[segment * in->n_targets + k];
    struct card_written *w = &c->segments[segment][k];
    const struct segment_view view = {
        .cfg = in->cfg,
        .content = learner_content(in->learner),
        .card = &c->told.cards[segment],
        .users = (uint64_t)((double)c->told.cards[segment].users * c->behind_one + .5),
        .target = target};
    const uint32_t now_s = (uint32_t)(instance_wall_ms() / 1000);
    const uint32_t ttl_s = (uint32_t)(in->cfg->publish_ttl_ms / 1000);
    struct list cut = {.segment = (int)segment};
    if (shown) {
        const uint32_t n = config_list_n(in->cfg, target);
        cut_list(in, list, target, n, &cut);
        c->scan_again |= cut.n < n && list->n == LIST_MAX;
    }
    const uint64_t digest =
        mix64(learner_list_digest(in->learner, &cut) ^ (shown ? segment_card_digest(&view) : 0)) |
        1;
    const bool changed = digest != w->digest || (shown && now_s - w->at_s >= ttl_s);
    if (!changed && !(shown && now_s - w->at_s > ttl_s / 2)) {
        return true;
    }
    if (publisher_room(in->publisher) == 0) {
        return false;
    }
    size_t len = 0;
    char *body = changed && shown ? segment_card_text(&view, &len) : NULL;
    if (changed && shown && !body) {
        return false;
    }
    struct rec *r = instance_start_rec(in, pl, changed ? REC_SEGMENT : REC_TOUCH, target);
    r->touched = REC_SEGMENT;
    r->segment = (int32_t)segment;
    r->body = body;
    r->body_len = len;
    instance_fill_items(in, r, &cut);
    publisher_push(in->publisher);
    *w = (struct card_written){.digest = digest, .at_s = now_s};
    return true;
}

/* Those that have fewer users than they may, or are not there any more, are empty. */
static bool publish_segments(struct instance *in, struct place *pl) {
    struct cards *c = in->cards;
    const uint32_t n = c->known ? c->told.n : 0;
    for (uint32_t segment = 0; segment < SEGMENTS_MAX; segment++) {
        for (uint32_t k = 0; k < in->n_targets; k++) {
            const bool there = c->segments[segment][k].digest != 0;
            if ((segment < n || (there && c->known)) && !publish_segment(in, pl, segment, k)) {
                return false;
            }
        }
    }
    return true;
}

static bool publish_infos(struct instance *in, struct place *pl, int shown) {
    if (in->info_segments == shown) {
        return true;
    }
    if (publisher_room(in->publisher) < in->n_targets) {
        return false;
    }
    for (uint32_t k = 0; k < in->n_targets; k++) {
        struct rec *r = instance_start_rec(in, pl, REC_INFO, in->targets[k]);
        r->segments = (uint32_t)shown;
        r->partitions = instance_n_tasks(in);
        r->n = (uint16_t)config_list_n(in->cfg, in->targets[k]);
        publisher_push(in->publisher);
    }
    in->info_segments = shown;
    return true;
}

static bool publish_fallbacks(struct instance *in, struct place *pl) {
    for (uint32_t k = 0; k < in->n_targets; k++) {
        const uint8_t target = in->targets[k];
        if (publisher_room(in->publisher) == 0) {
            return false;
        }
        learner_fallback(in->learner, target, config_list_n(in->cfg, target), &in->list);
        const uint64_t digest = learner_list_digest(in->learner, &in->list) | 1;
        if (digest != in->fallback_digest[target]) {
            struct rec *r = instance_start_rec(in, pl, REC_FALLBACK, target);
            instance_fill_items(in, r, &in->list);
            publisher_push(in->publisher);
            in->fallback_digest[target] = digest;
        }
    }
    return true;
}

/* Another epoch, or Redis lost what was written: nothing counts as written any more. */
static void begin_epoch(struct instance *in, const struct place *pl) {
    struct cards *c = in->cards;
    if (c->epoch != pl->task.epoch || c->losses != in->losses_seen) {
        memset(c->segments, 0, sizeof c->segments);
        instance_similar_forget(in);
        c->epoch = pl->task.epoch;
        c->losses = in->losses_seen;
        in->info_segments = -1;
    }
}

/* No info names a segment before its key is there, nor after it has gone. Until the segments were
 * looked at once, an info that is there already stays as it is. */
void instance_cards_publish(struct instance *in, struct place *pl) {
    struct cards *c = in->cards;
    forget_what_is_gone(in);
    begin_epoch(in, pl);
    const bool none = !segments_ready(segments_of(in));
    int shown = 0;
    for (uint32_t k = 0; c->known && k < c->told.n; k++) {
        shown |= is_shown(in, (int)k) ? 1 << k : 0;
    }
    bool done =
        !c->known || in->info_segments < 0 || publish_infos(in, pl, in->info_segments & shown);
    done = done && publish_segments(in, pl);
    if (done && (none || c->known)) {
        done = publish_infos(in, pl, shown);
    }
    done = publish_fallbacks(in, pl) && done;
    if (done) {
        in->next_cards_ms = in->now_ms + every_ms(in);
    }
}
