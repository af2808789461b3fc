/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_user_cards.c -- what a partner may know of one user (card_text.h); see instance_state.h.
 *
 * Looked at whenever the user's lists are, but written at most once in user.interval, unless his
 * segment or lifecycle is another one.
 */
#include "card_text.h"
#include "hash.h"
#include "instance_state.h"
#include "mix.h"

static uint32_t state_of(const struct instance *in, const struct user *u, int64_t now_ms) {
    const enum lifecycle life = features_lifecycle(u, in->cfg->n_domains, now_ms);
    return 1 + ((uint32_t)(user_segment(u) + 1) << 2 | (uint32_t)life);
}

/* False: out of memory. */
static bool write_card(struct instance *in, struct place *pl, uint32_t slot, const struct user *u,
                       uint32_t k) {
    const uint8_t target = in->targets[k];
    struct publish_card *w = publish_card(pl->publish, slot, k);
    size_t id_len = 0;
    const char *id = instance_id_at(in, u, target, &id_len);
    if (!w || !id) {
        return w != NULL;
    }
    struct user_card card;
    user_card_of(u, learner_content(in->learner), in->cfg->n_domains, target, instance_clock_ms(in),
                 &card);
    /* of a card under a key, as digest_of() in instance_publish.c */
    const uint32_t digest = in->identity
                                ? (uint32_t)mix64(user_card_digest(&card) ^ hash_id(id, id_len)) | 1
                                : user_card_digest(&card);
    const uint32_t now_s = (uint32_t)(instance_wall_ms() / 1000);
    const uint32_t ttl_s = (uint32_t)(in->cfg->publish_ttl_ms / 1000);
    const bool changed = digest != w->digest || now_s - w->at_s >= ttl_s;
    if (!changed && now_s - w->at_s <= ttl_s / 2) {
        return true;
    }
    size_t len = 0;
    char *body = changed ? user_card_text(&card, &len) : NULL;
    if (changed && !body) {
        return false;
    }
    struct rec *r = instance_start_rec(in, pl, changed ? REC_USER : REC_TOUCH, target);
    r->touched = REC_USER;
    r->body = body;
    r->body_len = len;
    instance_name_user(in, r, slot, id, id_len);
    publisher_push(in->publisher);
    *w = (struct publish_card){.digest = digest, .at_s = now_s};
    return true;
}

void instance_user_card(struct instance *in, struct place *pl, uint32_t slot) {
    const struct user *u =
        in->cfg->publish_user ? users_get(learner_users(in->learner, pl->task.p), slot) : NULL;
    if (!u) {
        return;
    }
    const uint32_t state = state_of(in, u, instance_clock_ms(in));
    if (!publish_card_due(pl->publish, slot, state, in->now_ms)) {
        return;
    }
    for (uint32_t k = 0; k < in->n_targets; k++) {
        if (!write_card(in, pl, slot, u, k)) {
            return; /* his next event brings it, or the next sweep */
        }
    }
    publish_card_shown(pl->publish, slot, state, in->now_ms + in->cfg->user_interval_ms);
}

void instance_user_cards_due(struct instance *in, struct place *pl) {
    uint32_t slot = 0;
    while (in->cfg->publish_user && publisher_room(in->publisher) >= in->n_targets &&
           publish_card_next(pl->publish, in->now_ms, &slot)) {
        instance_user_card(in, pl, slot);
    }
}

void instance_user_card_gone(struct instance *in, struct place *pl, uint32_t slot, uint32_t k,
                             const char *id, size_t len) {
    struct rec *r = instance_start_rec(in, pl, REC_USER, in->targets[k]);
    instance_name_user(in, r, slot, id, len);
    publisher_push(in->publisher);
    struct publish_card *w = in->cfg->publish_user ? publish_card(pl->publish, slot, k) : NULL;
    if (w) {
        *w = (struct publish_card){.digest = 0};
        publish_card_shown(pl->publish, slot, 0, 0);
    }
}
