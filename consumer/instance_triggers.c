/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_triggers.c -- which triggers fire; see instance_state.h.
 *
 * The decision is made where something is learned, and noted in the user's block in the open batch
 * (learner_fire()), beside the trigger itself in the outbox: both are committed, or undone and
 * decided anew.
 *
 *     an event          before and after it was learned        firing.h
 *     no event          a slow sweep over the users            firing.h
 *     a list            ranked: its first item is another than in the list before, its score is
 *                       above the trigger's, and it is not the item of the last firing. After a
 *                       takeover the list before is not known: then the last firing alone counts
 *
 * None of them fires when it is older than trigger.max.age, within the cooldown, for a user who has
 * no id at the target's partner, or who may not be shown anything.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "firing.h"
#include "hash.h"
#include "instance_state.h"
#include "log.h"
#include "user_features.h"

enum {
    SWEEP_SLOTS = 500,      /* users looked at each time */
    SWEEP_EVERY_MS = 10000, /* at the earliest */
    SWEEP_AGAIN_MS = 200,   /* nothing ran yet */
    OPEN_BYTES_STOP = 64 << 20,
};

/* A firing with what it is about. */
struct fact {
    struct firing firing;
    struct trigger_text item;
    uint32_t item_index; /* ITEM_NONE: none */
    double score;        /* NaN: none */
    uint32_t what;       /* kept with the firing */
    bool again;          /* top_score: not about the same thing as the last time */
};

bool instance_triggers_on(const struct instance *in) {
    return in->durable && in->cfg->n_triggers > 0;
}

static uint32_t name_of(const struct config_trigger *t) {
    return (uint32_t)hash_id(t->name, strlen(t->name));
}

static bool may_be_told(const struct instance *in, uint64_t user, int64_t ts_ms) {
    return people_may_show(in->people, user) && people_may_learn(in->people, user, ts_ms);
}

static bool is_due(const struct instance *in, const struct config_trigger *t, const struct user *u,
                   const struct fact *f) {
    struct user_firing last;
    const int64_t age_ms = instance_clock_ms(in) - f->firing.ts_ms;
    if (age_ms > in->cfg->trigger_max_age_ms) {
        return false;
    }
    if (!user_fired(u, name_of(t), &last)) {
        return true;
    }
    return f->firing.ts_ms - last.at_ms >= t->cooldown_ms && !(f->again && f->what == last.what);
}

/* Of another partner's item only the category. */
static void tell_item(const struct instance *in, const struct config_trigger *t,
                      const struct fact *f, struct trigger *out) {
    const struct items *items = learner_shared(in->learner)->items;
    const struct content *content = learner_content(in->learner);
    if (f->item_index == ITEM_NONE) {
        return;
    }
    const uint8_t domain = items_domain(items, f->item_index);
    const uint32_t category = content_category(content, f->item_index);
    uint16_t len = 0;
    const char *name =
        category == CATEGORY_NONE ? NULL : content_category_name(content, category, &len);
    out->domain = trigger_text(in->cfg->domains[domain].name);
    out->item = domain == t->target ? f->item : (struct trigger_text){0};
    if (name) {
        out->category =
            (struct trigger_text){.s = name, .len = len < ID_LEN_MAX ? len : ID_LEN_MAX};
    }
}

static void state_text(const struct config_trigger *t, int state, char buf[8],
                       struct trigger_text *out) {
    if (state == FIRING_NOTHING) {
        return;
    }
    if (t->kind == TRIGGER_LIFECYCLE) {
        *out = trigger_text(lifecycle_str((enum lifecycle)state));
    } else {
        snprintf(buf, 8, "%d", state & 0xff);
        *out = trigger_text(buf);
    }
}

static enum status put_into_outbox(struct instance *in, struct place *pl, uint32_t k,
                                   const struct user *u, uint64_t user, const char *id,
                                   size_t id_len, const struct fact *f) {
    const struct config_trigger *t = &in->cfg->triggers[k];
    char from[8];
    char to[8];
    size_t key_len = 0;
    const char *key = user_id(u, &key_len);
    struct trigger out = {.id = outbox_mint(&pl->outbox, instance_wall_ms()),
                          .partition = (int32_t)pl->task.p,
                          .kind = (enum trigger_kind)t->kind,
                          .ts_ms = f->firing.ts_ms,
                          .expires_ms = f->firing.ts_ms + t->expires_ms,
                          .score = f->score,
                          .name = trigger_text(t->name),
                          .target = trigger_text(in->cfg->domains[t->target].name),
                          .user = {.s = id, .len = id_len}};
    tell_item(in, t, f, &out);
    state_text(t, f->firing.from, from, &out.from);
    state_text(t, f->firing.to, to, &out.to);
    return outbox_add(&pl->outbox, &out, user, key, key_len, (uint16_t)k, t->target);
}

/* Trigger k, of the user in `slot`. */
static void fire(struct instance *in, struct place *pl, uint32_t slot, uint32_t k,
                 const struct fact *f) {
    const struct config_trigger *t = &in->cfg->triggers[k];
    const struct users *users = learner_users(in->learner, pl->task.p);
    const uint64_t user = users_hash(users, slot);
    const struct user *u = users_get(users, slot);
    size_t id_len = 0;
    if (!u || !may_be_told(in, user, f->firing.ts_ms) || !is_due(in, t, u, f)) {
        return;
    }
    const char *id = instance_id_at(in, u, t->target, &id_len);
    if (!id) {
        return;
    }
    id = pseudonym_of(in->pseudonyms, t->target, id, &id_len);
    /* first what may move the user's block; a trigger without it would be one too many */
    enum status st = put_into_outbox(in, pl, k, u, user, id, id_len, f);
    if (!st) {
        st = learner_fire(in->learner, pl->task.p, slot, name_of(t), f->what, f->firing.ts_ms);
    }
    pl->task.dirty = true;
    if (st) {
        instance_fail(in, st, "out of memory for a trigger");
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

struct firing_look instance_triggers_before(const struct instance *in, const struct place *pl,
                                            const struct event *e) {
    const struct users *users = learner_users(in->learner, pl->task.p);
    const uint32_t slot = users_find(users, e->user);
    return firing_look(slot == USER_NONE ? NULL : users_get(users, slot), in->cfg->n_domains,
                       e->domain, e->ts_ms);
}

/* The dearest one stands for an order; of equal ones, the one with the smaller hash. */
static const struct event_line *main_line(const struct event *e) {
    const struct event_line *best = &e->lines[0];
    for (uint32_t k = 1; k < e->n_lines; k++) {
        const struct event_line *l = &e->lines[k];
        if (l->amount > best->amount || (l->amount >= best->amount && l->item < best->item)) {
            best = l;
        }
    }
    return best;
}

static struct fact fact_of_event(const struct instance *in, const struct config_trigger *t,
                                 const struct event *e, const struct firing *firing) {
    struct fact f = {.firing = *firing, .item_index = ITEM_NONE, .score = (double)NAN};
    if (t->kind == TRIGGER_FIRST_PURCHASE) {
        const struct event_line *l = main_line(e);
        f.item = (struct trigger_text){.s = l->id, .len = l->id_len};
        f.item_index = items_find(learner_shared(in->learner)->items, l->item);
        f.what = (uint32_t)l->item;
    }
    return f;
}

void instance_triggers_after(struct instance *in, struct place *pl, const struct event *e,
                             uint32_t slot, const struct firing_look *before) {
    const struct user *u = users_get(learner_users(in->learner, pl->task.p), slot);
    const struct firing_look after = firing_look(u, in->cfg->n_domains, e->domain, e->ts_ms);
    for (uint32_t k = 0; k < in->cfg->n_triggers; k++) {
        const struct config_trigger *t = &in->cfg->triggers[k];
        struct firing firing;
        if (firing_of_event(t, e, before, &after, &firing)) {
            const struct fact f = fact_of_event(in, t, e, &firing);
            fire(in, pl, slot, k, &f);
        }
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Commits are stuck: what undo needs must stay bounded. */
static bool is_stuck(const struct instance *in, const struct place *pl) {
    return pl->task.n_sealed == LEARNER_BATCHES - 1 &&
           instance_open_bytes(in, pl) > OPEN_BYTES_STOP;
}

void instance_triggers_ranked(struct instance *in, struct place *pl, uint32_t slot, uint8_t target,
                              const struct list *list, uint32_t *top) {
    if (!instance_triggers_on(in) || list->n == 0 || is_stuck(in, pl)) {
        return;
    }
    const struct items *items = learner_shared(in->learner)->items;
    uint32_t at = 0; /* what somebody pinned is no news of the user's */
    while (at < list->n && list->items[at].reason == REASON_PINNED) {
        at++;
    }
    if (at == list->n) {
        return;
    }
    const uint32_t item = list->items[at].item;
    const bool changed = *top != item + 1;
    struct fact f = {
        .firing = {.ts_ms = instance_clock_ms(in), .from = FIRING_NOTHING, .to = FIRING_NOTHING},
        .item_index = item,
        .score = (double)list->items[at].score,
        .what = (uint32_t)items_hash(items, item),
        .again = true};
    f.item.s = items_id(items, item, &f.item.len);
    *top = item + 1;
    for (uint32_t k = 0; changed && k < in->cfg->n_triggers; k++) {
        const struct config_trigger *t = &in->cfg->triggers[k];
        if (t->kind == TRIGGER_TOP_SCORE && t->target == target && f.score > t->score) {
            fire(in, pl, slot, k, &f);
        }
    }
}

/* ---- who does nothing any more -----------------------------------------------------------------
 */

static bool wants_dormant(const struct config *cfg) {
    for (uint32_t k = 0; k < cfg->n_triggers; k++) {
        const struct config_trigger *t = &cfg->triggers[k];
        if (t->kind == TRIGGER_LIFECYCLE && (t->to == TRIGGER_ANY || t->to == LIFECYCLE_DORMANT)) {
            return true;
        }
    }
    return false;
}

/* Once each time that he becomes so. */
static void look_for_dormant(struct instance *in, struct place *pl, uint32_t slot, int64_t now_ms) {
    const struct user *u = users_get(learner_users(in->learner, pl->task.p), slot);
    const int64_t since_ms = u ? firing_dormant_ms(u) : INT64_MAX;
    if (now_ms < since_ms || now_ms - since_ms > in->cfg->trigger_max_age_ms) {
        return;
    }
    for (uint32_t k = 0; k < in->cfg->n_triggers; k++) {
        const struct config_trigger *t = &in->cfg->triggers[k];
        struct fact f = {.item_index = ITEM_NONE, .score = (double)NAN};
        struct user_firing last;
        u = users_get(learner_users(in->learner, pl->task.p), slot); /* a firing moves it */
        if (!firing_of_dormant(t, u, in->cfg->n_domains, now_ms, &f.firing) ||
            (user_fired(u, name_of(t), &last) && last.at_ms >= since_ms)) {
            continue;
        }
        fire(in, pl, slot, k, &f);
    }
}

void instance_triggers_sweep(struct instance *in) {
    struct triggers_sweep *s = &in->dormant;
    if (!instance_triggers_on(in) || !wants_dormant(in->cfg) || in->now_ms < s->next_ms) {
        return;
    }
    const int64_t now_ms = instance_clock_ms(in);
    if (s->task == 0 && s->slot == 0) {
        s->began_ms = in->now_ms;
        s->looked = false;
    }
    for (uint32_t n = 0; n < SWEEP_SLOTS && !in->fatal; n++) {
        struct place *pl = instance_place(in, s->task);
        const bool runs =
            pl && pl->task.state == TASK_RUNNING && !pl->task.catching_up && !is_stuck(in, pl);
        if (runs && s->slot < users_n(learner_users(in->learner, s->task))) {
            look_for_dormant(in, pl, s->slot++, now_ms);
            s->looked = true;
            continue;
        }
        s->slot = 0;
        if (++s->task >= in->n_places) {
            s->task = 0;
            s->next_ms = s->began_ms + (s->looked ? SWEEP_EVERY_MS : SWEEP_AGAIN_MS);
            return;
        }
    }
}
