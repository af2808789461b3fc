/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_explain.c -- what is known of a user, and why he sees what he sees; see instance_ask.h.
 * The first step tells of him, then one of each list.
 */
#include "instance_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "hash.h"
#include "person_text.h"

enum { TASKS_TEXT_MAX = 160 };

struct whom {
    uint32_t task, user;
};

/* ---- finding ------------------------------------------------------------------------------- */

static bool find_user(struct instance *in, const char *id, size_t len, struct whom *out) {
    const uint64_t hash = hash_id(id, len);
    for (uint32_t p = 0; p < in->n_places; p++) {
        const uint32_t slot =
            instance_runs(in, p) ? users_find(learner_users(in->learner, p), hash) : USER_NONE;
        if (slot != USER_NONE) {
            *out = (struct whom){p, slot};
            return true;
        }
    }
    return false;
}

/* By the id of the events, or by the one that a partner knows him by: the target's if it is one. */
static bool find_either(struct instance *in, const struct question *q, struct whom *out) {
    char buf[ID_LEN_MAX];
    const char *user = NULL;
    size_t len = 0;
    if (find_user(in, q->id, q->id_len, out)) {
        return true;
    }
    for (uint32_t d = 0; in->identity && d < in->cfg->n_domains; d++) {
        if ((q->target == EVERY_DOMAIN || q->target == d) &&
            identity_user(in->identity, (uint8_t)d, q->id, q->id_len, buf, &user, &len) !=
                ST_RANGE &&
            find_user(in, user, len, out)) {
            return true;
        }
    }
    return false;
}

/* "0-3, 7" */
static void name_tasks(struct instance *in, char text[TASKS_TEXT_MAX]) {
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t p = 0; p < in->n_places && len < TASKS_TEXT_MAX; p++) {
        if (!instance_runs(in, p)) {
            continue;
        }
        const uint32_t first = p;
        while (p + 1 < in->n_places && instance_runs(in, p + 1)) {
            p++;
        }
        const char *comma = len > 0 ? ", " : "";
        len += (size_t)(first == p ? snprintf(text + len, TASKS_TEXT_MAX - len, "%s%u", comma, p)
                                   : snprintf(text + len, TASKS_TEXT_MAX - len, "%s%u-%u", comma,
                                              first, p));
    }
}

/* Where his events would be, by the hash of his id. */
static void name_partition(struct instance *in, const struct question *q,
                           char text[TASKS_TEXT_MAX]) {
    const uint32_t n = instance_n_tasks(in);
    text[0] = '\0';
    if (!in->ports.partition_of || n == 0) {
        return;
    }
    const int32_t p = in->ports.partition_of(in->cfg, q->id, q->id_len, (int32_t)n);
    if (p >= 0) {
        snprintf(text, TASKS_TEXT_MAX, "; by his id he would be in partition %d of %u, which %s",
                 (int)p, n,
                 instance_runs(in, (uint32_t)p) ? "is here"
                                                : "is not here: ask the instance that has it");
    }
}

static char *say_no_user(struct instance *in, const struct question *q) {
    char tasks[TASKS_TEXT_MAX];
    char partition[TASKS_TEXT_MAX];
    const uint64_t hash = hash_id(q->id, q->id_len);
    const struct person said = in->people ? people_get(in->people, hash) : (struct person){0};
    const char *why = said.consent == CONSENT_WITHDRAWN ? "he withdrew his consent"
                      : said.stopped                    ? "he asked to be left alone"
                      : said.erased_ms > 0              ? "he was erased on request"
                                                        : NULL;
    if (why) {
        return instance_say(
            "no such user: %s; what he did is neither learned nor shown%s", why,
            said.consent != CONSENT_WITHDRAWN && !said.stopped ? ", but for what came since" : "");
    }
    name_tasks(in, tasks);
    name_partition(in, q, partition);
    return instance_say("no such user in the partitions of this instance, %s: ids are exact, as in "
                        "the events; he may have had no event yet, be erased, or be another "
                        "instance's%s",
                        tasks, partition);
}

/* ---- telling ------------------------------------------------------------------------------- */

/* His id as the target's partner finds him in Redis; NULL: he has none there. */
static const char *id_at(struct instance *in, const struct user *u, uint8_t domain, size_t *len) {
    const char *id = instance_id_at(in, u, domain, len);
    return id ? pseudonym_of(in->pseudonyms, domain, id, len) : NULL;
}

static enum status tell_person(struct instance *in, struct inquiry *i, const struct whom *who) {
    struct person_known *k = calloc(1, sizeof *k);
    if (!k) {
        return ST_NOMEM;
    }
    const struct user *u = users_get(learner_users(in->learner, who->task), who->user);
    const uint64_t hash = users_hash(learner_users(in->learner, who->task), who->user);
    k->cfg = in->cfg;
    k->learner = in->learner;
    k->task = who->task;
    k->user = who->user;
    k->partitions = instance_n_tasks(in);
    k->now_ms = i->now_ms;
    k->said = in->people ? people_get(in->people, hash) : (struct person){0};
    const struct cards *cards = in->cards;
    k->cards = cards->known && cards->learner == in->learner ? &cards->told : NULL;
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        size_t len = 0;
        const char *id = id_at(in, u, (uint8_t)d, &len);
        k->has_id[d] = id && len <= ID_LEN_MAX;
        k->id_len[d] = k->has_id[d] ? (uint16_t)len : 0;
        memcpy(k->id[d], id ? id : "", k->id_len[d]);
    }
    person_text(&i->page, k);
    page_open(&i->page, "lists", '[');
    free(k);
    return ST_OK;
}

/* Which of the targets it is. */
static uint32_t place_of(const struct instance *in, uint8_t target) {
    uint32_t k = 0;
    while (k + 1 < in->n_targets && in->targets[k] != target) {
        k++;
    }
    return k;
}

/* His list of a target, as it stands in Redis, with what stands behind it if that was asked. */
static enum status tell_list(struct instance *in, struct inquiry *i, const struct whom *who,
                             uint8_t target) {
    struct explanation *why = &in->asked->why;
    const uint32_t n = i->q.n > 0 ? i->q.n : config_list_n(in->cfg, target);
    const bool asked = i->q.topic == ABOUT_WHY;
    enum status st =
        asked ? learner_explain(in->learner, who->task, who->user, target, i->now_ms, n, why)
              : learner_rank(in->learner, who->task, who->user, target, i->now_ms, n, &why->list);
    if (!st && !asked) {
        st = learner_because(in->learner, who->task, who->user, target, i->now_ms, &why->list);
    }
    if (st) {
        return st;
    }
    const struct user *u = users_get(learner_users(in->learner, who->task), who->user);
    const bool of_segment =
        instance_segment_list(in, u, place_of(in, target), i->now_ms, &why->list);
    struct explained e = {.cfg = in->cfg,
                          .learner = in->learner,
                          .target = target,
                          .of_segment = of_segment,
                          .list = &why->list,
                          .why = asked && !of_segment ? why : NULL};
    e.id = id_at(in, u, target, &e.id_len);
    explain_text(&i->page, &e);
    return ST_OK;
}

static void tell_end(struct instance *in, struct inquiry *i) {
    page_close(&i->page, ']');
    if (i->q.topic == ABOUT_WHY) {
        explain_text_similar(&i->page, in->learner, &in->asked->why);
    }
    page_close(&i->page, '}');
}

/* ---- steps --------------------------------------------------------------------------------- */

static bool finish(struct instance *in, struct inquiry *i, enum status st) {
    i->status = st;
    if (st) {
        page_free(&i->page);
    }
    if (st == ST_NOT_FOUND) {
        i->text = say_no_user(in, &i->q);
    }
    return true;
}

bool instance_step_user(struct instance *in, struct inquiry *i) {
    struct whom who = {0};
    if (!find_either(in, &i->q, &who)) { /* or gone since */
        return finish(in, i, ST_NOT_FOUND);
    }
    if (i->step == 0) {
        i->step = 1;
        const enum status st = tell_person(in, i, &who);
        return st ? finish(in, i, st) : false;
    }
    const bool one = i->q.target != EVERY_DOMAIN;
    const uint32_t n_lists = one ? 1 : in->n_targets;
    const uint32_t at = i->step++ - 1;
    if (at < n_lists) {
        const enum status st = tell_list(in, i, &who, one ? i->q.target : in->targets[at]);
        return st ? finish(in, i, st) : false;
    }
    tell_end(in, i);
    return finish(in, i, ST_OK);
}
