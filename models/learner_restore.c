/* SPDX-License-Identifier: Apache-2.0
 * learner_restore.c -- see learner_log.h: users and tasks as bytes, and back. */
#include "learner_log.h"
#include "learner_state.h"
#include "task_record.h"
#include "user_record.h"

enum { USERS_AHEAD = 4 };

static struct user_words words_of(const struct learner *l) {
    return (struct user_words){.items = l->shared->items, .content = l->shared->content};
}

/* The newest sealed batch; NULL: none. */
static const struct batch *newest_sealed(const struct learner_task *t) {
    return t->n_sealed ? &t->batches[(t->first_batch + t->n_sealed - 1) % LEARNER_BATCHES] : NULL;
}

size_t learner_sealed_users(const struct learner *l, uint32_t task) {
    const struct batch *b = newest_sealed(l->tasks[task]);
    return b ? b->n_images : 0;
}

void learner_write_user(const struct learner *l, uint32_t task, uint32_t slot, struct pack *p) {
    const struct learner_task *t = l->tasks[task];
    const struct user_words words = words_of(l);
    user_record_write(users_get(t->users, slot), slot < t->cap_slots ? t->voted_in[slot] : 0,
                      &words, p);
}

bool learner_sealed_user(struct learner *l, uint32_t task, size_t k, uint64_t *user,
                         struct pack *p) {
    const struct learner_task *t = l->tasks[task];
    const struct batch *b = newest_sealed(t);
    const uint32_t slot = b->images[k].slot;
    if (k + USERS_AHEAD < b->n_images) { /* their blocks are all over the memory */
        users_fetch(t->users, b->images[k + USERS_AHEAD].slot);
    }
    *user = users_hash(t->users, slot);
    if (!users_get(t->users, slot)) {
        return false;
    }
    learner_write_user(l, task, slot, p);
    return true;
}

/* What the open batch would come back to. */
void learner_sealed_task(struct learner *l, uint32_t task, struct pack *p) {
    task_record_write(&learner_open_batch(l->tasks[task])->before, p);
}

/* ---- and back ------------------------------------------------------------------------------ */

static bool is_of(const struct learner *l, const struct user *u, uint64_t hash) {
    size_t len = 0;
    const char *id = user_id(u, &len);
    return !l->params.hash_of || l->params.hash_of(id, len) == hash;
}

/* Puts a block in his slot, which is made if he is new. */
static enum status place_user(struct learner_task *t, uint64_t user, struct user *u,
                              uint64_t voted_in) {
    uint32_t slot = USER_NONE;
    enum status st = learner_reserve_slots(t, users_n(t->users) + 1);
    if (!st) {
        st = users_put(t->users, user, u, &slot);
    }
    if (!st) {
        t->voted_in[slot] = voted_in;
    }
    return st;
}

enum status learner_restore_user(struct learner *l, uint32_t task, uint64_t user, const void *bytes,
                                 size_t len) {
    struct learner_task *t = l->tasks[task];
    if (!bytes) {
        const uint32_t slot = users_find(t->users, user);
        if (slot != USER_NONE) {
            users_replace(t->users, slot, NULL);
        }
        return ST_OK;
    }
    const struct user_words words = words_of(l);
    struct user *u = NULL;
    uint64_t voted_in = 0;
    enum status st = user_record_read(bytes, len, l->params.n_domains, &words, &u, &voted_in);
    const enum status room = shared_reserve(l->shared); /* items may be known now */
    if (!st) {
        st = room;
    }
    if (!st && !is_of(l, u, user)) {
        st = ST_INVALID;
    }
    if (!st) {
        st = place_user(t, user, u, voted_in);
    }
    if (st) {
        user_free(u);
    }
    return st;
}

enum status learner_read_user(const struct learner *l, uint64_t user, const void *bytes, size_t len,
                              void *room, uint64_t *voted_in) {
    const struct user_words words = words_of(l);
    enum status st =
        user_record_read_known(bytes, len, l->params.n_domains, &words, room, voted_in);
    return st || is_of(l, room, user) ? st : ST_INVALID;
}

enum status learner_put_user(struct learner *l, uint32_t task, uint64_t user, const struct user *u,
                             uint64_t voted_in) {
    struct user *copy = NULL;
    enum status st = user_copy(u, &copy);
    if (!st) {
        st = place_user(l->tasks[task], user, copy, voted_in);
    }
    if (st) {
        user_free(copy);
    }
    return st;
}

enum status learner_expect_users(struct learner *l, uint32_t task, uint64_t n) {
    enum { MOST = 1 << 24 }; /* in memory for nothing, if it is not true */
    const uint32_t room = n < MOST ? (uint32_t)n : (uint32_t)MOST;
    enum status st = users_reserve(l->tasks[task]->users, room);
    return st ? st : learner_reserve_slots(l->tasks[task], room);
}

void learner_expect_user(const struct learner *l, uint32_t task, uint64_t user) {
    users_expect(l->tasks[task]->users, user);
}

enum status learner_restore_task(struct learner *l, uint32_t task, const void *bytes, size_t len) {
    struct learner_task *t = l->tasks[task];
    struct unpack u = {.at = bytes, .end = (const uint8_t *)bytes + len};
    enum status st = task_record_read(&u, &t->record);
    if (st) {
        return st;
    }
    learner_settle_nets(l, t);
    batch_open(learner_open_batch(t), &t->record);
    l->taken_ms = later_ms(l->taken_ms, t->record.taken_ms);
    l->stream_ms = later_ms(l->stream_ms, t->record.taken_ms);
    return ST_OK;
}
