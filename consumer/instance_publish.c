/* SPDX-License-Identifier: Apache-2.0
 * instance_publish.c -- lists of users who are due, sweeps, fallback and info; see
 * instance_state.h. */
#include <string.h>

#include "because.h"
#include "hash.h"
#include "instance_state.h"
#include "learner_log.h"
#include "log.h"
#include "metrics.h"
#include "mix.h"

enum {
    USERS_PER_LOOK = 16,
    SWEEP_SHARE = 5, /* sweeps get at most one part in five of the time */
};

/* ---- one user ------------------------------------------------------------------------------ */

void instance_fill_items(const struct instance *in, struct rec *r, const struct list *list) {
    const struct items *items = learner_shared(in->learner)->items;
    r->n = (uint16_t)list->n;
    for (uint32_t k = 0; k < list->n; k++) {
        size_t len = 0;
        r->items[k].id = items_id(items, list->items[k].item, &len);
        r->items[k].id_len = (uint16_t)len;
        r->items[k].score = list->items[k].score;
        r->items[k].reason = (uint8_t)list->items[k].reason;
        r->items[k].because =
            r->kind == REC_LIST
                ? because_of(items, learner_content(in->learner), list->items[k].because, r->target)
                : (struct because){0}; /* what is everybody's is of nobody */
        r->items[k].propensity = list->items[k].propensity;
    }
}

/* Before the first event the clock of the stream stands nowhere. */
static int64_t shown_ms(int64_t ms) {
    return ms > 0 ? ms : 0;
}

struct rec *instance_start_rec(struct instance *in, struct place *pl, enum rec_kind kind,
                               uint8_t target) {
    struct rec *r = publisher_reserve(in->publisher);
    r->kind = (uint8_t)kind;
    r->task = (int32_t)pl->task.p;
    r->target = target;
    r->epoch = pl->task.epoch;
    r->seq = ++pl->task.seq;
    r->ts_ms = shown_ms(instance_clock_ms(in));
    r->record_ms = 0;
    r->refreshed_ms = 0;
    r->user_id_len = 0;
    r->n = 0;
    r->segment = -1;
    r->personalised = r->by_segment = false;
    r->touched = REC_LIST;
    r->body = NULL;
    r->body_len = 0;
    return r;
}

/* Somebody of a partner with ids of its own (`domain/id`) whom no row links. */
static bool is_unlinked(const struct config *cfg, const char *id, size_t len) {
    for (uint32_t t = 0; t < cfg->n_raws; t++) {
        const uint8_t d = cfg->raws[t].domain;
        const size_t n = d < cfg->n_domains ? strlen(cfg->domains[d].name) : len;
        if (n < len && id[n] == '/' && memcmp(id, cfg->domains[d].name, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Partners whose topics are all taken as they are know everybody by the one id of the users. */
static bool has_own_ids(const struct config *cfg, uint8_t domain) {
    uint32_t t = 0;
    while (t < cfg->n_raws && cfg->raws[t].domain != domain) {
        t++;
    }
    return t < cfg->n_raws;
}

/* The user's id at the partner whose domain `target` is; NULL: he has none there. */
const char *instance_id_at(const struct instance *in, const struct user *u, uint8_t target,
                           size_t *len) {
    const char *id = user_id(u, len);
    if (!in->identity) {
        return id;
    }
    const char *there = identity_at(in->identity, id, *len, target, len);
    if (!there && !has_own_ids(in->cfg, target) && !is_unlinked(in->cfg, id, *len)) {
        return id;
    }
    return there;
}

/* By the id that he has at the partner: as the partner finds him in Redis. */
void instance_name_user(struct instance *in, struct rec *r, uint32_t slot, const char *id,
                        size_t len) {
    id = pseudonym_of(in->pseudonyms, r->target, id, &len);
    r->user_slot = slot;
    r->user_id_len = (uint16_t)len;
    memcpy(r->user_id, id, len);
}

/* Of a list under a key: a user whom a row gave another id has no list there yet. 0 is none. */
static uint64_t digest_of(const struct instance *in, const struct list *list, const char *id,
                          size_t id_len) {
    const uint64_t digest = learner_list_digest(in->learner, list);
    return (in->identity ? mix64(digest ^ hash_id(id, id_len)) : digest) | 1;
}

/* Only of what is written: looking for it takes as long as a few candidates do. */
static void tell_because(struct instance *in, const struct place *pl, uint32_t slot, uint8_t target,
                         int64_t now_ms, struct list *list) {
    if (learner_because(in->learner, pl->task.p, slot, target, now_ms, list)) {
        for (uint32_t k = 0; k < list->n; k++) {
            list->items[k].because = ITEM_NONE;
        }
    }
}

struct text { /* (len,) borrowed */
    const char *s;
    size_t len;
};

/* The clocks, looked at once a user. */
struct moment {
    int64_t now_ms; /* of lists */
    uint32_t now_s; /* of Redis */
};

/* A list of a user, whom its partner knows as `id`: hands it over if a reader would see a
 * difference. */
static void offer_list(struct instance *in, struct place *pl, uint32_t slot, uint32_t k,
                       struct text id, bool by_segment, int64_t record_ms,
                       const struct moment *at) {
    const uint8_t target = in->targets[k];
    struct list *list = &in->list;
    struct publish_written *w = publish_written(pl->publish, slot, k);
    const uint64_t digest = digest_of(in, list, id.s, id.len);
    const uint32_t now_s = at->now_s;
    const bool expired = now_s - w->at_s >= in->cfg->publish_ttl_ms / 1000;
    if (digest != w->digest || expired) {
        for (uint32_t n = 0; n < list->n; n++) {
            items_fetch_id(learner_shared(in->learner)->items, list->items[n].item);
        }
        struct rec *r = instance_start_rec(in, pl, REC_LIST, target);
        instance_name_user(in, r, slot, id.s, id.len);
        r->record_ms = record_ms;
        r->personalised = list->personalised;
        r->by_segment = by_segment;
        r->segment = list->segment;
        tell_because(in, pl, slot, target, at->now_ms, list);
        instance_fill_items(in, r, list);
        publisher_push(in->publisher);
    } else if (now_s - w->at_s > in->cfg->publish_ttl_ms / 2000) {
        struct rec *r = instance_start_rec(in, pl, REC_TOUCH, target);
        instance_name_user(in, r, slot, id.s, id.len);
        publisher_push(in->publisher);
    } else {
        metric_add(M_UNCHANGED, target, 1);
        return;
    }
    w->digest = digest;
    w->at_s = now_s;
}

static void rank_target(struct instance *in, struct place *pl, uint32_t slot, uint32_t k,
                        int64_t record_ms, const struct moment *at) {
    const uint8_t target = in->targets[k];
    struct list *list = &in->list;
    const struct user *u = users_get(learner_users(in->learner, pl->task.p), slot);
    struct text id = {.s = NULL};
    id.s = u ? instance_id_at(in, u, target, &id.len) : NULL;
    if (!id.s) {
        return; /* taken back meanwhile; or nobody there knows him */
    }
    if (learner_rank(in->learner, pl->task.p, slot, target, at->now_ms,
                     config_list_n(in->cfg, target), list) != ST_OK) {
        return;
    }
    metric_add(M_RANKED, target, 1);
    const bool by_segment = instance_segment_list(in, u, k, at->now_ms, list);
    offer_list(in, pl, slot, k, id, by_segment, record_ms, at);
    /* at last: what fires moves the user's block, and his id lies in it */
    instance_triggers_ranked(in, pl, slot, target, list,
                             &publish_written(pl->publish, slot, k)->top);
}

static void rank_user(struct instance *in, struct place *pl, uint32_t slot, int64_t record_ms) {
    const struct moment at = {instance_clock_ms(in), (uint32_t)(instance_wall_ms() / 1000)};
    for (uint32_t k = 0; k < in->n_targets; k++) {
        rank_target(in, pl, slot, k, record_ms, &at);
    }
    instance_user_card(in, pl, slot);
}

/* What one user may need in the queue: a list and a card for each target. */
static size_t recs_a_user(const struct instance *in) {
    return (size_t)in->n_targets * 2;
}

/* ---- how far ------------------------------------------------------------------------------- */

static void push_published(struct instance *in, struct place *pl,
                           const int64_t offsets[CONFIG_TOPICS_MAX]) {
    struct rec *r = instance_start_rec(in, pl, REC_PUBLISHED, 0);
    r->ts_ms = shown_ms(learner_stream_ms(in->learner));
    memcpy(r->offsets, offsets, sizeof r->offsets);
    r->refreshed_ms = pl->refreshed_ms;
    publisher_push(in->publisher);
}

/* `published` names the epoch before the first list of it stands: whoever takes over next, be it
 * within the same second, finds it there and takes a larger one. False while the queue is full. */
static bool claim(struct instance *in, struct place *pl) {
    if (pl->claimed_epoch == pl->task.epoch) {
        return true;
    }
    if (publisher_room(in->publisher) <= recs_a_user(in)) {
        return false; /* the lists of one user come right behind it */
    }
    int64_t offsets[CONFIG_TOPICS_MAX];
    for (size_t k = 0; k < CONFIG_TOPICS_MAX; k++) {
        /* what was covered before is; or nothing yet */
        offsets[k] = pl->published.known ? pl->published.offsets[k] : -1;
    }
    push_published(in, pl, offsets);
    pl->claimed_epoch = pl->task.epoch;
    return true;
}

/* Says how far every rec has been written: to where the task stood at the mark, when all who waited
 * then have been ranked. Then the next mark is here. */
static void announce(struct instance *in, struct place *pl) {
    if (pl->owed || publisher_room(in->publisher) == 0) {
        return;
    }
    if (pl->marked && publish_waited_ms(pl->publish, in->now_ms) >= in->now_ms - pl->mark_ms) {
        return; /* somebody waits since then */
    }
    if (pl->marked && memcmp(pl->announced, pl->mark_next, sizeof pl->mark_next) != 0) {
        push_published(in, pl, pl->mark_next);
        memcpy(pl->announced, pl->mark_next, sizeof pl->mark_next);
    }
    pl->marked = true;
    pl->mark_ms = in->now_ms;
    memcpy(pl->mark_next, pl->task.next, sizeof pl->mark_next);
}

/* ---- who is due ------------------------------------------------------------------------------ */

static void judge_catching_up(struct instance *in, struct place *pl) {
    struct task *t = &pl->task;
    if (instance_at_end(in, pl)) {
        t->catching_up = false;
        t->record_ms = instance_wall_ms(); /* or the next event would lag by a whole quiet night */
        return;
    }
    if (t->record_ms < 0) {
        return; /* nothing learned yet: as it was */
    }
    const int64_t lag_ms = instance_wall_ms() - t->record_ms;
    const int64_t limit =
        t->catching_up ? in->cfg->publish_max_lag_ms / 2 : in->cfg->publish_max_lag_ms;
    t->catching_up = lag_ms > limit;
}

/* Ranks who is due, until `until_ms`. False: there was room for nobody. */
static bool rank_due(struct instance *in, struct place *pl, bool at_once, int64_t until_ms) {
    uint32_t slot = 0;
    int64_t record_ms = 0;
    for (uint32_t n = 1; publish_due(pl->publish, in->now_ms, at_once, &slot, &record_ms); n++) {
        if (publisher_room(in->publisher) < recs_a_user(in)) {
            return n > 1; /* Redis is slow or away: users stay dirty */
        }
        users_fetch(learner_users(in->learner, pl->task.p), publish_ahead(pl->publish));
        rank_user(in, pl, slot, record_ms);
        publish_pop(pl->publish);
        if (n % USERS_PER_LOOK == 0 && instance_mono_ms() >= until_ms) {
            break;
        }
    }
    return true;
}

/* False: the queue to Redis was full. */
static bool serve(struct instance *in, struct place *pl, bool at_once, int64_t until_ms) {
    judge_catching_up(in, pl);
    if (pl->task.catching_up) {
        return true;
    }
    if (!claim(in, pl)) {
        return false;
    }
    instance_durable_hide(in, pl);
    const bool room = rank_due(in, pl, at_once, until_ms);
    instance_user_cards_due(in, pl);
    announce(in, pl);
    if (pl->task.p == 0 && in->now_ms >= in->next_cards_ms) {
        instance_cards_publish(in, pl);
    }
    return room;
}

/* Once in a while though nobody is due: judged, announced, cards. */
static bool is_to_be_served(struct instance *in, struct place *pl, bool at_once) {
    const bool looks = at_once || in->now_ms >= pl->next_look_ms;
    if (looks) {
        pl->next_look_ms = in->now_ms + in->cfg->publish_interval_ms / 2;
    }
    return looks || publish_due_in_ms(pl->publish, in->now_ms) == 0;
}

int64_t instance_publish_in_ms(struct instance *in) {
    int64_t least_ms = INT64_MAX;
    for (uint32_t p = 0; p < in->n_places; p++) {
        const struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RUNNING && !pl->task.catching_up) {
            const int64_t ms = publish_due_in_ms(pl->publish, in->now_ms);
            least_ms = ms < least_ms ? ms : least_ms;
        }
    }
    return publisher_room(in->publisher) < recs_a_user(in) ? INT64_MAX : least_ms;
}

/* Each task in its turn: one with a crowd has to wait for the others before it goes on. Who found
 * the queue to Redis full is the first when there is room. */
void instance_publish(struct instance *in, bool at_once) {
    const int64_t until_ms = in->now_ms + SLICE_MS;
    uint32_t denied = UINT32_MAX;
    bool more = true;
    for (uint32_t left = in->n_places; left > 0 && more; left--) {
        const uint32_t p = in->publish_task < in->n_places ? in->publish_task : 0;
        struct place *pl = instance_place(in, p);
        in->publish_task = p + 1;
        if (!pl || pl->task.state != TASK_RUNNING || !is_to_be_served(in, pl, at_once)) {
            continue;
        }
        if (!serve(in, pl, at_once, until_ms) && denied == UINT32_MAX) {
            denied = p;
        }
        more = instance_mono_ms() < until_ms;
    }
    if (denied != UINT32_MAX) {
        in->publish_task = denied;
    }
}

/* ---- users who are not to be shown --------------------------------------------------- */

bool instance_can_hide(const struct instance *in, size_t n) {
    return publisher_room(in->publisher) > n * (recs_a_user(in) + 1);
}

static void write_empty_to(struct instance *in, struct place *pl, uint32_t slot, uint8_t target,
                           const char *id, size_t len) {
    struct rec *r = instance_start_rec(in, pl, REC_LIST, target);
    instance_name_user(in, r, slot, id, len);
    publisher_push(in->publisher);
}

/* Under the id that he has at each partner, and under every other that was linked to him. */
static void write_empty(struct instance *in, struct place *pl, uint32_t slot) {
    const struct user *u = users_get(learner_users(in->learner, pl->task.p), slot);
    size_t user_len = 0;
    const char *user = u ? user_id(u, &user_len) : NULL;
    for (uint32_t k = 0; user && k < in->n_targets && slot < publish_slots(pl->publish); k++) {
        const uint8_t target = in->targets[k];
        size_t len = 0;
        const char *id = instance_id_at(in, u, target, &len);
        if (id) {
            write_empty_to(in, pl, slot, target, id, len);
            instance_user_card_gone(in, pl, slot, k, id, len);
            *publish_written(pl->publish, slot, k) = (struct publish_written){0};
        }
        for (uint32_t other = 1;
             in->identity && publisher_room(in->publisher) > recs_a_user(in) &&
             (id = identity_linked(in->identity, user, user_len, target, other, &len));
             other++) {
            write_empty_to(in, pl, slot, target, id, len);
            instance_user_card_gone(in, pl, slot, k, id, len);
        }
    }
}

void instance_hide(struct instance *in, uint64_t user) {
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        const uint32_t slot = pl ? users_find(learner_users(in->learner, p), user) : USER_NONE;
        if (slot != USER_NONE && pl->task.state == TASK_RUNNING && claim(in, pl)) {
            write_empty(in, pl, slot);
        }
        if (slot != USER_NONE) {
            outbox_forget(&pl->outbox, user);
            instance_durable_forgot(in, pl, user);
        }
    }
    (void)learner_forget(in->learner, user); /* known or not */
}

enum status instance_news_of(struct instance *in, uint64_t user) {
    enum status st = ST_OK;
    for (uint32_t p = 0; p < in->n_places && !st; p++) {
        struct place *pl = instance_place(in, p);
        const uint32_t slot = pl ? users_find(learner_users(in->learner, p), user) : USER_NONE;
        if (slot != USER_NONE && pl->task.state == TASK_RUNNING) {
            st = publish_touch(pl->publish, slot, 0, in->now_ms);
        }
    }
    return st;
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

static void start_sweep(struct instance *in, bool all) {
    in->sweeping_all = all || (in->sweeping && in->sweeping_all);
    in->sweeping = true;
    in->sweep_task = in->sweep_slot = 0;
    in->sweep_tokens = 0.0;
    in->sweep_refill_ms = in->now_ms;
    in->sweep_wall_ms = instance_wall_ms();
}

/* What was written of a task does not count any more: the sweep writes it again, and then
 * `published` is due. */
void instance_owe(struct instance *in, struct place *pl) {
    publish_forget(pl->publish);
    memset(pl->announced, 0xff, sizeof pl->announced);
    pl->announced[0] = -2;
    pl->published.known = false;
    pl->owed = true;
    if (pl->task.p == 0) {
        memset(in->fallback_digest, 0, sizeof in->fallback_digest);
        in->info_segments = -1;
        in->next_cards_ms = 0;
    }
    start_sweep(in, false);
}

/* A refresh that is due is not put off by who holds the task: restarts would do so for ever. Rows
 * that came since the last one change lists of people of whom nothing else is due. */
void instance_publish_run(struct instance *in, struct place *pl) {
    const int64_t now_ms = instance_wall_ms();
    pl->refreshed_ms = pl->published.known ? pl->published.refreshed_ms : 0;
    if (pl->refreshed_ms <= 0 || pl->refreshed_ms > now_ms) {
        pl->refreshed_ms = now_ms;
    }
    if (pl->uncovered || in->rows_changed_ms >= pl->refreshed_ms) {
        instance_owe(in, pl);
        return;
    }
    const int64_t left_ms = pl->refreshed_ms + in->cfg->publish_refresh_ms - now_ms;
    const int64_t due_ms = in->now_ms + (left_ms > 0 ? left_ms : 0);
    in->next_refresh_ms = due_ms < in->next_refresh_ms ? due_ms : in->next_refresh_ms;
}

/* One that can be swept: those that catch up are owed it until they have. */
static bool somebody_is_owed(struct instance *in) {
    for (uint32_t p = 0; p < in->n_places; p++) {
        const struct place *pl = instance_place(in, p);
        if (pl && pl->owed && pl->task.state == TASK_RUNNING && !pl->task.catching_up) {
            return true;
        }
    }
    return false;
}

static void begin_when_due(struct instance *in) {
    const uint64_t losses = publisher_losses(in->publisher);
    if (losses != in->losses_seen) {
        in->losses_seen = losses;
        metric_add(M_REPUBLISH, 0, 1);
        LOG_WARN("Redis lost what was written: everything is published again",
                 LOG_INT("lists_per_s", in->cfg->publish_rate));
        for (uint32_t p = 0; p < in->n_places; p++) {
            if (in->places[p].exists) {
                instance_owe(in, &in->places[p]);
            }
        }
        instance_outbox_lost(in);
    } else if (atomic_exchange(&in->refresh, false) ||
               (!in->sweeping && in->now_ms >= in->next_refresh_ms)) {
        if (in->durable) {
            learner_derive(in->learner); /* lists that do not depend on the way here */
        }
        start_sweep(in, true);
    } else if (!in->sweeping && in->catalogue_changed) {
        in->catalogue_changed = false; /* one that changes during a sweep: another one follows */
        start_sweep(in, true);
    } else if (!in->sweeping && somebody_is_owed(in)) {
        start_sweep(in, false);
    }
}

static void end_sweep(struct instance *in) {
    in->sweeping = false;
    if (in->sweeping_all) {
        in->next_refresh_ms = in->now_ms + in->cfg->publish_refresh_ms;
    }
    atomic_fetch_add(&in->sweeps, 1);
}

/* Only who has a rec that still lives. */
static bool lives(const struct instance *in, struct place *pl, uint32_t slot) {
    const int64_t now_s = instance_wall_ms() / 1000;
    for (uint32_t k = 0; k < in->n_targets; k++) {
        const struct publish_written *w = publish_written(pl->publish, slot, k);
        if (w->at_s != 0 && now_s - w->at_s < in->cfg->publish_ttl_ms / 1000) {
            return true;
        }
    }
    return false;
}

static bool sweep_next(struct instance *in) {
    for (; in->sweep_task < in->n_places; in->sweep_task++, in->sweep_slot = 0) {
        struct place *pl = instance_place(in, in->sweep_task);
        if (!pl || pl->task.state != TASK_RUNNING || pl->task.catching_up ||
            !(in->sweeping_all || pl->owed) || !claim(in, pl)) {
            continue;
        }
        if (in->sweep_slot < publish_slots(pl->publish)) {
            const uint32_t slot = in->sweep_slot++;
            if (lives(in, pl, slot)) {
                rank_user(in, pl, slot, 0);
                in->sweep_tokens -= in->n_targets;
            }
            return true;
        }
        pl->owed = false; /* it was swept from its first slot on, or owe() had begun anew */
        if (in->durable) {
            pl->refreshed_ms = in->sweep_wall_ms;
            pl->announced[0] = -2; /* to be told */
        }
    }
    return false;
}

size_t instance_sweep(struct instance *in) {
    begin_when_due(in);
    if (!in->sweeping || in->now_ms < in->sweep_resume_ms) {
        return 0;
    }
    const int64_t start_ms = instance_mono_ms();
    in->sweep_tokens +=
        (double)(start_ms - in->sweep_refill_ms) * 1e-3 * (double)in->cfg->publish_rate;
    in->sweep_refill_ms = start_ms;
    const double most = (double)in->cfg->publish_rate * 0.1;
    in->sweep_tokens = in->sweep_tokens < most ? in->sweep_tokens : most;
    size_t n = 0;
    while (in->sweep_tokens > 0 && publisher_room(in->publisher) >= recs_a_user(in)) {
        if (!sweep_next(in)) {
            end_sweep(in);
            break;
        }
        if (++n % USERS_PER_LOOK == 0 && instance_mono_ms() - start_ms >= SLICE_MS) {
            break;
        }
    }
    /* sweeps step back for four times as long as they took */
    in->sweep_resume_ms = start_ms + instance_slice_ms(start_ms) * SWEEP_SHARE;
    return n;
}

/* ---- whose task it is ------------------------------------------------------------------ */

/* The group says that, not Redis: who was stopped for longer than his session finds there what his
 * successor writes, and may not know yet that he has one. A newer epoch is answered by one that is
 * newer still when the group has taken a batch that was sealed after it was found; what is written
 * until then is refused. */
static void contest(struct place *pl, uint64_t epoch) {
    LOG_WARN("a newer epoch stands in Redis: a commit is to say whether the task is still ours",
             LOG_INT("task", pl->task.p), LOG_INT("epoch", pl->task.epoch),
             LOG_INT("stands", epoch));
    pl->contested_epoch = epoch > pl->contested_epoch ? epoch : pl->contested_epoch;
    pl->sealed_before = pl->task.n_sealed;
}

bool instance_is_contested(const struct place *pl) {
    return pl->task.state == TASK_RUNNING && pl->contested_epoch >= pl->task.epoch;
}

void instance_publish_committed(struct instance *in, struct place *pl) {
    if (pl->sealed_before > 0) {
        pl->sealed_before--;
    } else if (instance_is_contested(pl)) {
        task_take_over(&pl->task, pl->contested_epoch, instance_wall_ms() / 1000);
        LOG_INFO("the task is ours: everything of it is written again under a newer epoch",
                 LOG_INT("task", pl->task.p), LOG_INT("epoch", pl->task.epoch));
        instance_owe(in, pl);
    }
}

/* ---- acknowledgements ---------------------------------------------------------------- */

/* The epoch that stood in Redis at the takeover; late, if Redis was away. */
static void take_epoch(struct instance *in, struct place *pl, const struct publisher_ack *a) {
    struct task *t = &pl->task;
    const uint64_t epoch = a->epoch;
    /* a parked task came back: others wrote meanwhile, or Redis lost everything */
    bool written_over = pl->former_epoch != 0 && epoch != pl->former_epoch;
    if (t->state == TASK_RESTORING && !t->epoch_known) {
        task_take_over(t, epoch, instance_wall_ms() / 1000);
        t->epoch_known = true;
        if (in->durable) { /* it will say what the restore finds uncovered */
            pl->published = a->published;
            written_over = false;
        }
    } else if (epoch >= t->epoch && t->state == TASK_RUNNING) {
        contest(pl, epoch); /* what was published under the guessed epoch is refused */
    } else if (epoch >= t->epoch) {
        task_take_over(t, epoch, instance_wall_ms() / 1000);
        written_over = true;
    }
    if (written_over) {
        instance_owe(in, pl);
    }
}

static void take_ack(struct instance *in, const struct publisher_ack *a) {
    struct place *pl = instance_place(in, (uint32_t)a->task);
    if (!pl) {
        return;
    }
    struct task *t = &pl->task;
    if (a->kind == ACK_STREAM || a->kind == ACK_GAP) {
        instance_outbox_ack(in, pl, a);
        return;
    }
    if (a->kind == ACK_EPOCH) {
        take_epoch(in, pl, a);
        return;
    }
    if (t->state == TASK_RUNNING && a->epoch >= t->epoch) {
        contest(pl, a->epoch);
#ifdef CROSSREC_SEED_GROUP_UNASKED
        pl->sealed_before = 0;
        instance_publish_committed(in, pl);
#endif
    }
}

void instance_take_acks(struct instance *in) {
    struct publisher_ack a;
    while (publisher_ack_next(in->publisher, &a)) {
        take_ack(in, &a);
    }
}
