/* SPDX-License-Identifier: Apache-2.0
 * user_pool.c -- see user_pool.h. */
#include "user_pool.h"

#include <stdlib.h>
#include <string.h>

enum { SIZES = sizeof((struct user_pool *)0)->spare / sizeof(void *) };

enum status user_pool_copy(struct user_pool *p, const struct user *u, struct user **out) {
    const size_t size = user_room(u) / USER_BLOCK_UNIT;
    void *block = size < SIZES ? p->spare[size] : NULL;
    if (!block) {
        return user_copy(u, out);
    }
    memcpy(&p->spare[size], block, sizeof p->spare[size]);
    memcpy(block, u, user_bytes(u));
    *out = block;
    return ST_OK;
}

void user_pool_give(struct user_pool *p, struct user *u) {
    const size_t size = u ? user_room(u) / USER_BLOCK_UNIT : SIZES;
    if (size >= SIZES) {
        user_free(u);
        return;
    }
    memcpy(u, &p->spare[size], sizeof p->spare[size]);
    p->spare[size] = u;
}

void user_pool_clear(struct user_pool *p) {
    for (size_t size = 0; size < SIZES; size++) {
        while (p->spare[size]) {
            void *block = p->spare[size];
            memcpy(&p->spare[size], block, sizeof p->spare[size]);
            free(block);
        }
    }
}
