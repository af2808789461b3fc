/* SPDX-License-Identifier: Apache-2.0
 * instance.c -- see instance.h: life cycle, the loop, readiness, gauges. */
#include "instance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "hash.h"
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

enum {
    GAUGES_MS = 250,
    IDLE_POLL_MS = 5,
    DRAIN_MS = 10000,
    STUCK_MS = 60000,
    ROLLING_LINES = 5000,
};

/* ---- clocks ---------------------------------------------------------------------------- */

int64_t instance_mono_ms(void) {
    return clock_mono_ms();
}

int64_t instance_slice_ms(int64_t start_ms) {
    const int64_t took_ms = instance_mono_ms() - start_ms;
    return took_ms < SLICE_MOST_MS ? took_ms : SLICE_MOST_MS;
}

int64_t instance_wall_ms(void) {
    return clock_wall_ms();
}

int64_t instance_clock_ms(const struct instance *in) {
    return in->cfg->clock == CLOCK_STREAM ? learner_stream_ms(in->learner) : instance_wall_ms();
}

/* ---- life cycle -------------------------------------------------------------------------- */

struct learner_params instance_learner_params(const struct config *cfg) {
    struct learner_params p = {
        .n_domains = cfg->n_domains,
        .mini_batch = (uint32_t)cfg->mini_batch,
        .late_max_ms = cfg->late_max_ms,
        .user_rate = (uint32_t)cfg->user_rate,
        .ranker_rate = (uint32_t)cfg->ranker_rate,
        .prequential_sample = (uint32_t)cfg->prequential_sample,
        .prequential_window = ROLLING_LINES,
        .diversity = (float)cfg->rank_diversity,
        .explore = (float)cfg->rank_explore,
        .seed = (uint64_t)cfg->seed,
        .log = cfg->state == STATE_KAFKA,
        .hash_of = hash_id,
        .segments = {.k = (uint32_t)cfg->segments_k,
                     .seed_points = (uint32_t)cfg->segments_seed_users,
                     .half_life = cfg->segments_half_life,
                     .seed = (uint64_t)cfg->seed},
    };
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        p.repeats[d] = cfg->domains[d].repeats;
    }
    return p;
}

enum status instance_new(const struct config *cfg, const struct lookup *lookup,
                         struct instance **out, char *err) {
    struct instance *in = calloc(1, sizeof *in);
    if (!in) {
        return ST_NOMEM;
    }
    pthread_mutex_init(&in->why_lock, NULL);
    in->cfg = cfg;
    in->lookup = lookup;
    breaker_init(&in->breaker, cfg->breaker_share, (uint32_t)cfg->breaker_window,
                 cfg->breaker_retry_ms);
    in->info_segments = -1;
    snprintf(in->why, sizeof in->why, "starting");
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        if (cfg->domains[d].target) {
            in->targets[in->n_targets++] = (uint8_t)d;
        }
    }
    const struct learner_params params = instance_learner_params(cfg);
    enum status st = pseudonyms_open(cfg, &in->pseudonyms, err);
    if (!st) {
        st = learner_new(&params, &in->learner);
    }
    if (!st) {
        const struct intake_spec spec = {
            .cfg = cfg, .topics = cfg->topics, .n_topics = cfg->n_topics, .lookup = lookup};
        st = intake_new(&spec, &in->intake, err);
    }
    if (!st) {
        st = instance_globals_new(in, err);
    }
    if (!st) {
        st = instance_ask_new(in);
    }
    if (!st) {
        st = instance_cards_new(in);
    }
    if (!st) {
        const struct merge_waits waits = {
            .max_wait = cfg->merge_max_wait_ms,
            .max_idle = cfg->merge_max_idle_ms,
            .max_start = cfg->merge_max_start_ms > cfg->merge_max_wait_ms ? cfg->merge_max_start_ms
                                                                          : cfg->merge_max_wait_ms,
        };
        st = merge_new(cfg->n_topics, &waits, &in->merge);
    }
    if (!st) {
        in->places = calloc(LEARNER_TASKS_MAX, sizeof *in->places);
        st = in->places ? ST_OK : ST_NOMEM;
    }
    if (st) {
        instance_free(in);
        return st;
    }
    *out = in;
    return ST_OK;
}

static void free_retired(struct instance *in) {
    for (size_t k = 0; k < in->n_retired; k++) {
        learner_free(in->retired[k]);
    }
    in->n_retired = 0;
}

void instance_free(struct instance *in) {
    if (!in) {
        return;
    }
    for (uint32_t p = 0; in->places && p < in->n_places; p++) {
        if (in->places[p].exists) {
            instance_drop_waiting(in, &in->places[p]);
            task_close(&in->places[p].task);
            outbox_free(&in->places[p].outbox);
            publish_free(in->places[p].publish);
        }
    }
    committer_stop(in->committer);
    (void)publisher_stop(in->publisher, 0);
    instance_durable_free(in);
    free_retired(in);
    free(in->retired);
    instance_cards_free(in);
    learner_free(in->learner);
    intake_free(in->intake);
    instance_globals_free(in);
    pseudonyms_free(in->pseudonyms);
    merge_free(in->merge);
    instance_ask_free(in);
    free(in->places);
    free(in->letter);
    pthread_mutex_destroy(&in->why_lock);
    free(in);
}

struct rebalance_ops instance_rebalance(struct instance *in) {
    return (struct rebalance_ops){
        .assigned = instance_assigned, .revoked = instance_revoked, .ctx = in};
}

void instance_fail(struct instance *in, enum status st, const char *text) {
    if (!in->fatal) {
        in->fatal = st;
        snprintf(in->fatal_text, sizeof in->fatal_text, "%s", text);
    }
}

struct place *instance_place(struct instance *in, uint32_t task) {
    return task < in->n_places && in->places[task].exists ? &in->places[task] : NULL;
}

/* ---- what others see ------------------------------------------------------------------------ */

static void set_why(struct instance *in, const char *why) {
    pthread_mutex_lock(&in->why_lock);
    snprintf(in->why, sizeof in->why, "%s", why);
    pthread_mutex_unlock(&in->why_lock);
    metric_set(M_READY, 0, why[0] ? 0.0 : 1.0);
}

struct look { /* over all tasks */
    uint32_t states[TASK_STATES];
    size_t dirty;
    int64_t lag_ms;
    bool catching_up, at_end, unsettled, owed;
};

static struct look look_at_tasks(struct instance *in) {
    struct look l = {.at_end = true};
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (!pl) {
            continue;
        }
        l.states[pl->task.state]++;
        if (pl->task.state != TASK_RUNNING) {
            continue;
        }
        l.dirty += publish_dirty(pl->publish);
        l.catching_up |= pl->task.catching_up;
        const bool announced = memcmp(pl->announced, pl->task.next, sizeof pl->announced) == 0;
        l.unsettled |= pl->task.dirty || pl->task.n_sealed > 0 || !(announced || pl->owed) ||
                       !instance_outbox_settled(in, pl);
        l.owed |= pl->owed;
        if (!instance_at_end(in, pl)) {
            l.at_end = false;
            const int64_t lag =
                pl->task.record_ms > 0 ? instance_wall_ms() - pl->task.record_ms : 0;
            l.lag_ms = lag > l.lag_ms ? lag : l.lag_ms;
        }
    }
    return l;
}

static void judge_ready(struct instance *in, const struct look *l) {
    char why[WHY_MAX] = "";
    char text[WHY_MAX / 2];
    const bool waits = in->n_waiting > 0 || in->rows_waiting.n > 0;
    if (in->joined && !in->globals_complete) {
        const bool known =
            waits && in->lookup && in->lookup->problem(in->lookup->ctx, text, sizeof text);
        snprintf(why, sizeof why, "reading the global topics to their end%s%s",
                 known ? "; waiting for a schema: " : "", known ? text : "");
    } else if (l->states[TASK_RESTORING] > 0) {
        snprintf(why, sizeof why, "restoring %u tasks", l->states[TASK_RESTORING]);
    } else if (!in->asked_to_join) {
        snprintf(why, sizeof why, "reading which options the shared model was begun with");
    } else if (!in->joined) {
        snprintf(why, sizeof why, "no tasks assigned yet: is Kafka there, do the topics exist?");
    } else if (in->breaker.state == BREAKER_OPEN) {
        snprintf(why, sizeof why,
                 "too many bad events: reading stopped for a while; the last was %s in %s",
                 intake_reason_code(in->last_bad), in->cfg->topics[in->last_bad_topic].name);
    } else if (waits && in->lookup && in->lookup->problem(in->lookup->ctx, text, sizeof text)) {
        snprintf(why, sizeof why, "waiting for a schema: %s", text);
    } else if (l->catching_up) {
        snprintf(why, sizeof why, "catching up: %lld s behind", (long long)(l->lag_ms / 1000));
    } else {
        if (!publisher_connected(in->publisher, text, sizeof text)) {
            snprintf(why, sizeof why, "Redis: %s", text);
        }
    }
    set_why(in, why);
}

static void gauge_lag(struct instance *in) {
    for (uint32_t t = 0; t < in->cfg->n_topics; t++) {
        int64_t lag = 0;
        for (uint32_t p = 0; p < in->n_places; p++) {
            const struct place *pl = instance_place(in, p);
            if (pl && pl->task.state == TASK_RUNNING) {
                const int64_t end =
                    in->ports.source.end(in->ports.source.ctx, (uint16_t)t, (int32_t)p);
                const int64_t next = pl->task.next[t] > 0 ? pl->task.next[t] : 0;
                lag += end > next ? end - next : 0;
            }
        }
        metric_set(M_LAG, t, (double)lag);
    }
}

static double share(uint64_t a, uint64_t b) {
    return b ? (double)a / (double)b : 0.0;
}

/* Counters never fall: what is learned again after tasks were added counts once. */
static void raise_to(enum metric m, uint32_t label, uint64_t value) {
    const uint64_t shown = (uint64_t)metric_value(m, label);
    if (value > shown) {
        metric_add(m, label, value - shown);
    }
}

static void gauge_recall(struct instance *in) {
    const struct prequential *q = learner_prequential(in->learner);
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        const struct prequential_counts rolling = prequential_rolling(q, d);
        const struct prequential_counts total = prequential_total(q, d);
        metric_set(M_RECALL_MODEL, d, share(rolling.model, rolling.n));
        metric_set(M_RECALL_POP, d, share(rolling.baseline, rolling.n));
        raise_to(M_TESTED, d, total.n);
        raise_to(M_HITS_MODEL, d, total.model);
        raise_to(M_HITS_POP, d, total.baseline);
    }
}

static void update_gauges(struct instance *in) {
    if (in->n_retired > 0 && publisher_idle(in->publisher)) {
        free_retired(in);
    }
    const struct look l = look_at_tasks(in);
    for (uint32_t s = 0; s < TASK_STATES; s++) {
        metric_set(M_TASKS, s, l.states[s]);
    }
    metric_set(M_DIRTY, 0, (double)l.dirty);
    metric_set(M_LAG_SECONDS, 0, (double)l.lag_ms * 1e-3);
    metric_set(M_CATCH_UP, 0, l.catching_up ? 1.0 : 0.0);
    metric_set(M_WAITING, 0, (double)in->n_waiting);
    metric_set(M_BREAKER, 0, in->breaker.state == BREAKER_OPEN ? 1.0 : 0.0);
    metric_set(M_WITHDRAWN, 0, (double)content_n_withdrawn(learner_content(in->learner)));
    metric_set(M_BUFFERED, 0, (double)merge_buffered_all(in->merge));
    metric_set(M_USERS, 0, (double)learner_n_users(in->learner));
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        metric_set(M_ITEMS, d, items_n_of(learner_shared(in->learner)->items, (uint8_t)d));
    }
    const int64_t stream_ms = learner_stream_ms(in->learner);
    metric_set(M_STREAM_TIME, 0, stream_ms > 0 ? (double)stream_ms * 1e-3 : 0.0);
    raise_to(M_MINI_BATCHES, 0, learner_n_mini_batches(in->learner));
    gauge_lag(in);
    gauge_recall(in);
    instance_durable_gauges(in);
    instance_durable_expire(in);
    instance_guard(in);
    judge_ready(in, &l);
    atomic_store(&in->settled, l.states[TASK_RUNNING] > 0 && l.states[TASK_RESTORING] == 0 &&
                                   l.at_end && l.dirty == 0 && !l.unsettled && !l.owed &&
                                   !l.catching_up && publisher_idle(in->publisher));
    in->next_gauges_ms = in->now_ms + GAUGES_MS;
}

bool instance_ready(const struct instance *in, char *why, size_t len) {
    pthread_mutex_t *lock = &((struct instance *)(uintptr_t)in)->why_lock;
    pthread_mutex_lock(lock);
    snprintf(why, len, "%s", in->why);
    pthread_mutex_unlock(lock);
    return why[0] == '\0';
}

bool instance_live(const struct instance *in, char *why, size_t len) {
    const int64_t beat = atomic_load(&in->beat_ms);
    if (beat == 0 || instance_mono_ms() - beat < STUCK_MS) {
        return true;
    }
    snprintf(why, len, "the learner's loop has not come round for a minute");
    return false;
}

uint64_t instance_sweeps(const struct instance *in) {
    return atomic_load(&in->sweeps);
}

bool instance_settled(const struct instance *in) {
    return atomic_load(&in->settled);
}

void instance_stop(struct instance *in) {
    atomic_store(&in->stop, true);
}

void instance_refresh(struct instance *in) {
    atomic_store(&in->refresh, true);
}

/* ---- the loop ------------------------------------------------------------------------ */

static void join_when_ready(struct instance *in) {
    if (!in->asked_to_join && !in->fatal && instance_durable_agrees(in)) {
        in->asked_to_join = true;
        if (in->ports.source.join && in->ports.source.join(in->ports.source.ctx)) {
            instance_fail(in, ST_INVALID,
                          "the group cannot be joined; the log line before this "
                          "says why");
        }
    }
}

static void loop_once(struct instance *in, bool busy) {
    in->now_ms = instance_mono_ms();
    atomic_store(&in->beat_ms, in->now_ms);
    instance_answer(in);
    instance_take_acks(in);
    (void)instance_globals(in);
    instance_rules(in);
    instance_durable_take(in);
    join_when_ready(in);
    instance_outbox_take(in);
    instance_restore(in);
    instance_admit(in);
    instance_publish(in, false);
    const int64_t due_ms = busy || instance_durable_reads(in) ? 0 : instance_publish_in_ms(in);
    (void)instance_poll(in, due_ms < IDLE_POLL_MS ? (int)due_ms : IDLE_POLL_MS);
    in->now_ms = instance_mono_ms();
}

static void loop(struct instance *in) {
    bool busy = false;
    while (!in->fatal && !atomic_load(&in->stop)) {
        heap_large_look(&in->heap);
        loop_once(in, busy);
        busy = instance_learn(in) > 0;
        instance_commit(in, false);
        busy |= instance_sweep(in) > 0;
        instance_cards_step(in);
        instance_triggers_sweep(in);
        if (in->now_ms >= in->next_gauges_ms) {
            update_gauges(in);
        }
    }
}

/* Published and committed, or ten seconds. */
static void drain(struct instance *in) {
    set_why(in, "stopping");
    const int64_t deadline = instance_mono_ms() + DRAIN_MS;
    bool settled = false;
    while (!settled && !in->fatal && instance_mono_ms() < deadline) {
        in->now_ms = instance_mono_ms();
        instance_take_acks(in);
        instance_publish(in, true);
        instance_commit(in, true);
        const struct look l = look_at_tasks(in);
        settled = (l.catching_up || (l.dirty == 0 && !l.unsettled)) &&
                  committer_pending(in->committer) == 0 && publisher_idle(in->publisher);
        if (!settled) {
            const struct timespec nap = {.tv_nsec = 1000000};
            nanosleep(&nap, NULL);
        }
    }
    update_gauges(in);
    set_why(in, "stopping");
}

enum status instance_run(struct instance *in, const struct instance_ports *ports, char *err) {
    in->ports = *ports;
    in->globals_complete = !ports->globals.poll;
    in->now_ms = instance_mono_ms();
    in->next_refresh_ms = in->now_ms + in->cfg->publish_refresh_ms;
    enum status st = publisher_start(in->cfg, &in->ports.store, &in->publisher);
    if (!st) {
        st = instance_durable_new(in);
    }
    struct commit_watch watch;
    if (!st) {
        if (in->durable) {
            watch = instance_durable_watch(in);
        }
        const struct committer_ports committer = {.watch = in->durable ? &watch : NULL,
                                                  .source = &in->ports.source,
                                                  .letterbox = &in->ports.letterbox,
                                                  .transactions =
                                                      in->durable ? &in->ports.transactions : NULL};
        st = committer_start(in->cfg, &committer, &in->committer);
    }
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX, "cannot start: %s", status_str(st));
        return st;
    }
    loop(in);
    mailbox_close(in->mailbox);
    drain(in);
    committer_stop(in->committer); /* before the caller closes the source, which it uses */
    in->committer = NULL;
    if (in->fatal) {
        snprintf(err, CONFIG_ERROR_MAX, "%s", in->fatal_text);
    }
    return in->fatal;
}
