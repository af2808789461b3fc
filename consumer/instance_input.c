/* SPDX-License-Identifier: Apache-2.0
 * instance_input.c -- records to merged events to the learner; see instance_state.h. */
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

#include <stdlib.h>

enum {
    ADMIT_MS = 20,
    EVENTS_PER_LOOK = 32,
    BATCH_BYTES_STOP = 64 << 20,
    LETTER_BYTES_PAUSE = 16 << 20
};

/* While the floor is being found out, an older one stands there: take_letter() knows it. */
static void push_letter(struct instance *in, struct place *pl, const struct record *r,
                        enum intake_reason reason, const char *detail) {
    const char *block = NULL;
    size_t size = 0;
    if (r->offset >= pl->task.floor[r->topic]) {
        size = letter_size(r);
        if (size > in->letter_cap) {
            char *larger = realloc(in->letter, size);
            if (!larger) {
                instance_fail(in, ST_NOMEM, "out of memory for a dead letter");
                return;
            }
            in->letter = larger;
            in->letter_cap = size;
        }
        letter_write(in->letter, in->cfg->topics[r->topic].name, r, reason, detail);
        block = in->letter;
        pl->letter_bytes[r->topic] += size;
    }
    /* also without a block: the offset must be passed in its turn */
    if (merge_push_letter(in->merge, pl->task.p, r->topic, r->offset, block ? block : "", size)) {
        instance_fail(in, ST_NOMEM, "out of memory in the merge");
    }
}

/* What is ignored still has an offset, which must be passed in its turn. */
static void push_ignored(struct instance *in, struct place *pl, const struct record *r) {
    metric_add(M_IGNORED, r->topic, 1);
    if (merge_push_letter(in->merge, pl->task.p, r->topic, r->offset, "", 0)) {
        instance_fail(in, ST_NOMEM, "out of memory in the merge");
    }
}

/* ---- pausing ----------------------------------------------------------------------------- */

/* Once paused, until half of it has gone. */
static bool is_full(const struct instance *in, const struct place *pl, uint16_t topic) {
    const size_t buffer = (size_t)in->cfg->merge_buffer;
    const bool paused = pl->task.paused[topic];
    return merge_buffered(in->merge, pl->task.p, topic) > (paused ? buffer / 2 : buffer - 1) ||
           pl->letter_bytes[topic] > (paused ? LETTER_BYTES_PAUSE / 2 : LETTER_BYTES_PAUSE - 1);
}

static void update_pause(struct instance *in, struct place *pl, uint16_t topic) {
    const bool pause =
        in->breaker.state == BREAKER_OPEN || pl->waiting[topic].n > 0 || is_full(in, pl, topic);
    if (pause == pl->task.paused[topic]) {
        return;
    }
    pl->task.paused[topic] = pause;
    (pause ? in->ports.source.pause : in->ports.source.resume)(in->ports.source.ctx, topic,
                                                               (int32_t)pl->task.p);
}

static bool takes_records(const struct place *pl) {
    return pl && (pl->task.state == TASK_RUNNING || pl->task.state == TASK_RESTORING);
}

static void update_pauses(struct instance *in) {
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        for (uint32_t t = 0; takes_records(pl) && t < in->cfg->n_topics; t++) {
            update_pause(in, pl, (uint16_t)t);
        }
    }
}

/* ---- records ----------------------------------------------------------------------------- */

/* Whatever was sent as a letter before, and what may have been, does not count. */
static void tell_breaker(struct instance *in, const struct place *pl, const struct record *r,
                         enum intake_reason bad) {
    if (!pl->task.floor_known || (bad && r->offset < pl->task.floor[r->topic])) {
        return;
    }
    if (bad) {
        in->last_bad = bad;
        in->last_bad_topic = r->topic;
    }
    if (breaker_take(&in->breaker, bad != INTAKE_OK, in->now_ms)) {
        LOG_ERROR("too many bad events: reading stops for a while, nothing is lost; repair the "
                  "producer or the mapping, then crossrec dead-letters redrive",
                  LOG_STR("topic", in->cfg->topics[r->topic].name),
                  LOG_INT("partition", r->partition), LOG_INT("offset", r->offset),
                  LOG_STR("reason", intake_reason_code(in->last_bad)),
                  LOG_INT("percent", (int64_t)(100.0 * breaker_bad_share(&in->breaker))));
        update_pauses(in);
    }
}

/* False if the record's schema is being asked for. */
static bool admit_record(struct instance *in, struct place *pl, const struct record *r,
                         int64_t now_ms) {
    if (r->end) {
        merge_reached(in->merge, pl->task.p, r->topic, r->offset);
        return true;
    }
    struct event e;
    const char *detail = "";
    const enum intake_reason bad = intake_event(in->intake, r, now_ms, &e, &detail);
    if (bad == INTAKE_WAIT) {
        return false;
    }
    metric_add(M_RECORDS, r->topic, 1);
    if (bad == INTAKE_IGNORED) {
        push_ignored(in, pl, r);
        tell_breaker(in, pl, r, INTAKE_OK);
        return true;
    }
    if (bad) {
        push_letter(in, pl, r, bad, detail);
    } else if (merge_push(in->merge, pl->task.p, &e, r->timestamp_ms)) {
        instance_fail(in, ST_NOMEM, "out of memory in the merge");
    }
    tell_breaker(in, pl, r, bad);
    return true;
}

static void keep_waiting(struct instance *in, struct place *pl, const struct record *r) {
    struct waiting *w = &pl->waiting[r->topic];
    if (w->n == 0) {
        in->n_waiting++;
        LOG_INFO("waiting for a schema", LOG_STR("topic", in->cfg->topics[r->topic].name),
                 LOG_INT("partition", r->partition), LOG_INT("offset", r->offset));
    }
    if (waiting_push(w, r)) {
        instance_fail(in, ST_NOMEM, "out of memory for records that wait for their schema");
    }
}

static void take_record(struct instance *in, const struct record *r, int64_t now_ms) {
    struct place *pl = instance_place(in, (uint32_t)r->partition);
    if (!takes_records(pl)) {
        return; /* fetched before the assignment ended */
    }
    /* in order: behind one that waits, everything waits */
    if (pl->waiting[r->topic].n > 0 || !admit_record(in, pl, r, now_ms)) {
        keep_waiting(in, pl, r);
    }
    update_pause(in, pl, r->topic);
}

static int64_t latest_ms(const struct instance *in) {
    return in->cfg->clock == CLOCK_STREAM ? INT64_MAX : instance_wall_ms();
}

size_t instance_poll(struct instance *in, int timeout_ms) {
    struct record records[POLL_MAX];
    const size_t n = in->ports.source.poll(in->ports.source.ctx, records, POLL_MAX, timeout_ms);
    const int64_t now_ms = latest_ms(in);
    for (size_t k = 0; k < n && !in->fatal; k++) {
        take_record(in, &records[k], now_ms);
    }
    return n;
}

static void admit_waiting(struct instance *in, struct place *pl, uint16_t topic, int64_t now_ms) {
    struct waiting *w = &pl->waiting[topic];
    struct record r;
    while (!in->fatal && waiting_first(w, &r) && admit_record(in, pl, &r, now_ms)) {
        waiting_pop(w);
    }
    if (w->n == 0) {
        waiting_free(w);
        in->n_waiting--;
        LOG_INFO("nothing waits for a schema any more: going on",
                 LOG_STR("topic", in->cfg->topics[topic].name), LOG_INT("partition", pl->task.p));
    }
    update_pause(in, pl, topic);
}

void instance_admit(struct instance *in) {
    if (in->breaker.state == BREAKER_OPEN && breaker_allows(&in->breaker, in->now_ms)) {
        LOG_INFO("trying again after too many bad events");
        update_pauses(in);
    }
    if (in->n_waiting == 0 || in->now_ms < in->next_admit_ms) {
        return;
    }
    const int64_t now_ms = latest_ms(in);
    for (uint32_t p = 0; p < in->n_places && in->n_waiting > 0; p++) {
        struct place *pl = instance_place(in, p);
        for (uint32_t t = 0; takes_records(pl) && t < in->cfg->n_topics; t++) {
            if (pl->waiting[t].n > 0) {
                admit_waiting(in, pl, (uint16_t)t, now_ms);
            }
        }
    }
    in->next_admit_ms = in->now_ms + ADMIT_MS;
}

void instance_drop_waiting(struct instance *in, struct place *pl) {
    for (uint32_t t = 0; t < in->cfg->n_topics; t++) {
        in->n_waiting -= pl->waiting[t].n > 0;
        waiting_free(&pl->waiting[t]);
    }
}

/* ---- learning --------------------------------------------------------------------------- */

static void count_feedback(enum action action) {
    metric_add(M_FEEDBACK, (uint32_t)(action - ACTIONS_OF_EVENTS), 1);
}

static void count_event(const struct merged *m, const struct learner_effect *effect) {
    metric_add(M_EVENTS, m->topic, 1);
    metric_add(M_LINES, m->event.domain, m->event.n_lines);
    if (effect->late) {
        metric_add(M_LATE, m->topic, 1);
    }
    if (effect->passed) {
        metric_add(M_PASSED, m->topic, 1);
    }
    if (m->event.action == ACTION_CLICK) {
        count_feedback(ACTION_CLICK);
    }
}

/* Impressions and conversions are counted; a click is a view, and counted when it was learned: the
 * same one again is not. False: there is nothing to learn. */
static bool take_feedback(struct instance *in, struct event *e) {
    const enum action action = (enum action)e->action;
    if (action < ACTIONS_OF_EVENTS) {
        return true;
    }
    e->action = ACTION_VIEW;
    if (action != ACTION_CLICK && !recent_seen(in->feedback, e->id)) {
        count_feedback(action);
    }
    return action == ACTION_CLICK;
}

/* False: not now: it waits for a landmark of the shared model. */
static bool learn_one(struct instance *in, struct place *pl, const struct merged *m) {
    struct event e = m->event;
    struct learner_effect effect;
    if (!people_may_learn(in->people, e.user, e.ts_ms)) {
        metric_add(M_NOT_ALLOWED, m->topic, 1);
        return true;
    }
    if (!take_feedback(in, &e)) {
        return true;
    }
    if (!instance_durable_welcome(in, pl, e.user)) {
        return false;
    }
    const bool triggers = instance_triggers_on(in);
    struct firing_look before = {0};
    if (triggers) {
        before = instance_triggers_before(in, pl, &e);
    }
    enum status st = learner_learn(in->learner, pl->task.p, &e, &effect);
    if (st == ST_AGAIN) {
        in->stalled = true;
        return false;
    }
    if (st) {
        LOG_ERROR("event cannot be learned: stopping, nothing of it is committed",
                  LOG_STR("topic", in->cfg->topics[m->topic].name), LOG_INT("partition", m->task),
                  LOG_INT("offset", m->offset), LOG_STR("reason", status_str(st)));
        instance_fail(in, st, "an event could not be learned; the log line before this names it");
        return false;
    }
    if (effect.duplicate) {
        metric_add(M_DUPLICATES, m->topic, 1);
        return true;
    }
    if (effect.flooded) {
        metric_add(M_FLOODED, m->topic, 1);
        return true;
    }
    count_event(m, &effect);
    in->open_first_ms = in->open_first_ms ? in->open_first_ms : e.ts_ms;
    in->open_last_ms = e.ts_ms > in->open_last_ms ? e.ts_ms : in->open_last_ms;
    if (triggers) {
        instance_triggers_after(in, pl, &e, effect.user, &before);
    }
    if (publish_touch(pl->publish, effect.user, m->record_ms, in->now_ms)) {
        instance_fail(in, ST_NOMEM, "out of memory for the dirty users");
    }
    return true;
}

static void take_letter(struct instance *in, struct place *pl, const struct merged *m) {
    pl->letter_bytes[m->topic] -= m->letter_len;
    if (m->letter_len == 0 || m->offset < pl->task.floor[m->topic]) {
        return; /* sent before */
    }
    const char *detail = "";
    const enum intake_reason reason = letter_why(m->letter, &detail);
    if (letters_append(&pl->task.letters, m->letter, m->letter_len)) {
        instance_fail(in, ST_NOMEM, "out of memory for dead letters");
        return;
    }
    metric_add(M_DEAD_LETTERS, (uint32_t)reason, 1);
    LOG_WARN("bad event: goes to the dead-letter topic",
             LOG_STR("topic", in->cfg->topics[m->topic].name), LOG_INT("partition", m->task),
             LOG_INT("offset", m->offset), LOG_STR("reason", intake_reason_code(reason)),
             LOG_STR("detail", detail));
}

/* False: not now. The position must not pass what has no effect. */
static bool take_merged(struct instance *in, const struct merged *m) {
    struct place *pl = instance_place(in, m->task);
    const uint16_t topic = m->topic;
    if (m->event.n_lines > 0) {
        if (!learn_one(in, pl, m)) {
            return false;
        }
        pl->task.record_ms = m->record_ms;
    } else {
        take_letter(in, pl, m);
    }
    if (in->fatal) {
        return false;
    }
    task_pass(&pl->task, topic, m->offset);
    merge_pop(in->merge);
    update_pause(in, pl, topic);
    return true;
}

static int64_t end_of(void *ctx, uint16_t topic, int32_t partition) {
    const struct instance *in = ctx;
    return in->ports.source.end(in->ports.source.ctx, topic, partition);
}

static void tell_given_up(void *ctx, uint16_t topic, int32_t partition, int64_t position,
                          int64_t end) {
    const struct instance *in = ctx;
    metric_add(M_GIVEN_UP, topic, 1);
    LOG_WARN("a partition is away: the others of the tasks go on without it, its events are late "
             "when they come",
             LOG_STR("topic", in->cfg->topics[topic].name), LOG_INT("partition", partition),
             LOG_INT("position", position), LOG_INT("end", end),
             LOG_INT("waited_ms", in->cfg->merge_max_start_ms));
}

/* Memory answers while the present event is learned. */
static void expect(struct instance *in) {
    const struct merged *after = merge_after(in->merge);
    const struct merged *behind = merge_behind(in->merge);
    if (after) {
        learner_learn_soon(in->learner, after->task, &after->event);
    }
    if (behind) {
        learner_learn_soon_user(in->learner, behind->task, behind->event.user);
    }
}

size_t instance_learn(struct instance *in) {
    const struct merge_ends ends = {.end = end_of, .given_up = tell_given_up, .ctx = in};
    const int64_t until_ms = in->now_ms + SLICE_MS;
    size_t n = 0;
    while (!in->fatal) {
        const struct merged *m = merge_next(in->merge, &ends, in->now_ms, NULL);
        if (!m) {
            break;
        }
        const struct place *pl = instance_place(in, m->task);
        if (pl->task.n_sealed == LEARNER_BATCHES - 1 &&
            instance_open_bytes(in, pl) > BATCH_BYTES_STOP) {
            break; /* commits are stuck: what undo needs and letters must stay bounded */
        }
        expect(in);
        if (!take_merged(in, m)) {
            break;
        }
        if (++n % EVENTS_PER_LOOK == 0) {
            in->now_ms = instance_mono_ms();
            if (in->now_ms >= until_ms) {
                break;
            }
        }
    }
    return n;
}
