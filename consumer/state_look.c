/* SPDX-License-Identifier: Apache-2.0
 * state_look.c -- see state_look.h. */
#include "state_look.h"

#include <stdlib.h>

#include "hash.h"
#include "task_record.h"

static enum status look_at_user(struct state_look *l, const struct state_key *key,
                                const uint8_t *body, size_t len, uint32_t n_domains,
                                const struct user_words *words, const char **why) {
    uint64_t voted_in = 0;
    enum status st = user_record_read(body, len, n_domains, words, &l->user, &voted_in);
    if (st) {
        *why = st == ST_RANGE ? "a user as a later version writes him, or with domains that are "
                                "not configured"
                              : "a user that cannot be read";
        return st;
    }
    size_t id_len = 0;
    const char *id = user_id(l->user, &id_len);
    if (hash_id(id, id_len) != key->user) {
        *why = "another user than the key says";
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status look_at_task(struct state_look *l, const uint8_t *body, size_t len,
                                const char **why) {
    enum status st = state_task_read(body, len, &l->task);
    if (st) {
        *why = "a task that cannot be read";
        return st;
    }
    struct task_record *r = malloc(sizeof *r); /* large: it has a ranker */
    if (!r) {
        return ST_NOMEM;
    }
    struct unpack u = {.at = l->task.learner, .end = l->task.learner + l->task.learner_len};
    st = task_record_read(&u, r);
    if (st) {
        *why = st == ST_RANGE ? "a task as a later version writes it"
                              : "a task whose learner's part cannot be read";
    } else {
        l->taken_ms = r->taken_ms;
    }
    free(r);
    return st;
}

enum status state_look(struct state_look *l, const struct state_key *key, const void *value,
                       size_t len, uint32_t n_domains, const struct user_words *words,
                       const char **why) {
    const uint8_t *body = NULL;
    size_t body_len = 0;
    state_look_free(l);
    enum status st = state_record_open(value, len, &l->kind, &body, &body_len);
    if (st) {
        *why = st == ST_RANGE ? "a later version wrote it" : "damaged";
        return st;
    }
    if (l->kind != key->kind) {
        *why = "a record of another kind than its key says";
        return ST_INVALID;
    }
    return l->kind == STATE_USER ? look_at_user(l, key, body, body_len, n_domains, words, why)
                                 : look_at_task(l, body, body_len, why);
}

void state_look_free(struct state_look *l) {
    user_free(l->user);
    l->user = NULL;
}
