/* SPDX-License-Identifier: Apache-2.0
 * uncovered.c -- see uncovered.h. */
#include "uncovered.h"

#include <stdlib.h>

enum { FIRST = 256 };

void uncovered_begin(struct uncovered *u, bool all) {
    u->all = all;
    u->n = 0;
}

void uncovered_user(struct uncovered *u, uint64_t user) {
    if (u->all || (u->n > 0 && u->users[u->n - 1] == user)) {
        return;
    }
    if (u->n == u->cap) {
        const size_t cap = u->cap ? 2 * u->cap : FIRST;
        uint64_t *users = realloc(u->users, cap * sizeof *users);
        if (!users) {
            u->all = true;
            return;
        }
        u->users = users;
        u->cap = cap;
    }
    u->users[u->n++] = user;
}

void uncovered_clear(struct uncovered *u) {
    u->all = false;
    u->n = 0;
}

void uncovered_free(struct uncovered *u) {
    free(u->users);
    *u = (struct uncovered){.users = NULL};
}
