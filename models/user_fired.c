/* SPDX-License-Identifier: Apache-2.0
 *
 * user_fired.c -- the last firings of triggers inside a user's block.
 */
#include "user_block.h"

static struct fired *find(const struct user *u, uint32_t trigger) {
    struct fired *f = user_block_fired(u);
    for (uint32_t i = 0; i < u->n_fired; i++) {
        if (f[i].trigger == trigger) {
            return &f[i];
        }
    }
    return NULL;
}

static struct fired *oldest(const struct user *u) {
    struct fired *f = user_block_fired(u);
    struct fired *best = f;
    for (uint32_t i = 1; i < u->n_fired; i++) {
        if (ts_join(f[i].at_high, f[i].at_low) < ts_join(best->at_high, best->at_low)) {
            best = &f[i];
        }
    }
    return best;
}

/* A place for one more; NULL: no memory. */
static struct fired *append(struct user **u) {
    if ((*u)->n_fired == USER_FIRED) {
        return oldest(*u);
    }
    return user_block_add_fired(u) ? NULL : user_block_fired(*u) + (*u)->n_fired - 1;
}

enum status user_fire(struct user **u, uint32_t trigger, uint32_t what, int64_t at_ms) {
    if (at_ms < -USER_TS_LIMIT || at_ms >= USER_TS_LIMIT) {
        return ST_INVALID;
    }
    struct fired *f = find(*u, trigger);
    if (!f) {
        f = append(u);
    }
    if (!f) {
        return ST_NOMEM;
    }
    *f = (struct fired){
        .trigger = trigger, .what = what, .at_low = ts_low(at_ms), .at_high = ts_high(at_ms)};
    return ST_OK;
}

bool user_fired(const struct user *u, uint32_t trigger, struct user_firing *out) {
    const struct fired *f = find(u, trigger);
    if (f) {
        *out = (struct user_firing){.at_ms = ts_join(f->at_high, f->at_low), .what = f->what};
    }
    return f != NULL;
}

bool user_bought(const struct user *u, uint8_t domain) {
    return (u->bought >> domain & 1U) != 0;
}
