/* SPDX-License-Identifier: Apache-2.0
 * instance_input.c -- records to merged events to the learner; see instance_state.h. */
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

#include <stdlib.h>

enum { EVENTS_PER_LOOK = 32, BATCH_BYTES_STOP = 64 << 20, LETTER_BYTES_PAUSE = 16 << 20 };

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
        letter_write(in->letter, r, reason, detail);
        block = in->letter;
        pl->letter_bytes[r->topic] += size;
    }
    /* also without a block: the offset must be passed in its turn */
    if (merge_push_letter(in->merge, pl->task.p, r->topic, r->offset, block ? block : "", size)) {
        instance_fail(in, ST_NOMEM, "out of memory in the merge");
    }
}

static void pause_when_full(struct instance *in, struct place *pl, uint16_t topic) {
    if (!pl->task.paused[topic] &&
        (merge_buffered(in->merge, pl->task.p, topic) >= (size_t)in->cfg->merge_buffer ||
         pl->letter_bytes[topic] >= LETTER_BYTES_PAUSE)) {
        pl->task.paused[topic] = true;
        in->ports.source.pause(in->ports.source.ctx, topic, (int32_t)pl->task.p);
    }
}

static void resume_when_low(struct instance *in, struct place *pl, uint16_t topic) {
    if (pl->task.paused[topic] &&
        merge_buffered(in->merge, pl->task.p, topic) <= (size_t)in->cfg->merge_buffer / 2 &&
        pl->letter_bytes[topic] <= LETTER_BYTES_PAUSE / 2) {
        pl->task.paused[topic] = false;
        in->ports.source.resume(in->ports.source.ctx, topic, (int32_t)pl->task.p);
    }
}

static void take_record(struct instance *in, const struct record *r, int64_t now_ms) {
    struct place *pl = instance_place(in, (uint32_t)r->partition);
    if (!pl || (pl->task.state != TASK_RUNNING && pl->task.state != TASK_RESTORING)) {
        return; /* fetched before the assignment ended */
    }
    if (r->end) {
        merge_reached(in->merge, pl->task.p, r->topic, r->offset);
        return;
    }
    metric_add(M_RECORDS, r->topic, 1);
    if (r->misplaced) {
        metric_add(M_WRONG_PARTITION, r->topic, 1);
        LOG_WARN("a key does not hash to its partition: users are torn apart; crossrec check "
                 "says which partitioner to set",
                 LOG_STR("topic", in->cfg->topics[r->topic].name),
                 LOG_INT("partition", r->partition), LOG_INT("offset", r->offset));
    }
    struct event e;
    const char *detail = "";
    const enum intake_reason bad = intake_event(in->intake, r, now_ms, &e, &detail);
    if (bad) {
        push_letter(in, pl, r, bad, detail);
    } else if (merge_push(in->merge, pl->task.p, &e, r->timestamp_ms)) {
        instance_fail(in, ST_NOMEM, "out of memory in the merge");
    }
    pause_when_full(in, pl, r->topic);
}

size_t instance_poll(struct instance *in, int timeout_ms) {
    struct record records[POLL_MAX];
    const size_t n = in->ports.source.poll(in->ports.source.ctx, records, POLL_MAX, timeout_ms);
    const int64_t now_ms = in->cfg->clock == CLOCK_STREAM ? INT64_MAX : instance_wall_ms();
    for (size_t k = 0; k < n && !in->fatal; k++) {
        take_record(in, &records[k], now_ms);
    }
    return n;
}

/* ---- learning --------------------------------------------------------------------------- */

static void count_event(const struct merged *m, const struct learner_effect *effect) {
    metric_add(M_EVENTS, m->topic, 1);
    metric_add(M_LINES, m->event.domain, m->event.n_lines);
    if (effect->late) {
        metric_add(M_LATE, m->topic, 1);
    }
}

static void learn_one(struct instance *in, struct place *pl, const struct merged *m) {
    struct event e = m->event;
    struct learner_effect effect;
    enum status st = learner_learn(in->learner, pl->task.p, &e, &effect);
    if (st) {
        LOG_ERROR("event cannot be learned: stopping, nothing of it is committed",
                  LOG_STR("topic", in->cfg->topics[m->topic].name), LOG_INT("partition", m->task),
                  LOG_INT("offset", m->offset), LOG_STR("reason", status_str(st)));
        instance_fail(in, st, "an event could not be learned; the log line before this names it");
        return;
    }
    if (effect.duplicate) {
        metric_add(M_DUPLICATES, m->topic, 1);
        return;
    }
    count_event(m, &effect);
    if (publish_touch(pl->publish, effect.user, m->record_ms)) {
        instance_fail(in, ST_NOMEM, "out of memory for the dirty users");
    }
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

static void take_merged(struct instance *in, const struct merged *m) {
    struct place *pl = instance_place(in, m->task);
    const uint16_t topic = m->topic;
    if (m->event.n_lines > 0) {
        learn_one(in, pl, m);
        pl->task.record_ms = m->record_ms;
    } else {
        take_letter(in, pl, m);
    }
    if (in->fatal) {
        return; /* the position must not pass what has no effect */
    }
    task_pass(&pl->task, topic, m->offset);
    merge_pop(in->merge);
    resume_when_low(in, pl, topic);
}

size_t instance_learn(struct instance *in) {
    const struct merge_ends ends = {.end = in->ports.source.end, .ctx = in->ports.source.ctx};
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
        take_merged(in, m);
        if (++n % EVENTS_PER_LOOK == 0) {
            in->now_ms = instance_mono_ms();
            if (in->now_ms >= until_ms) {
                break;
            }
        }
    }
    return n;
}
