/* SPDX-License-Identifier: Apache-2.0
 * batch.c -- see batch.h. */
#include "batch.h"

#include <stdlib.h>

enum status batch_init(struct batch *b) {
    *b = (struct batch){0};
    return delta_new(&b->delta);
}

void batch_open(struct batch *b, const struct task_record *now) {
    batch_drop(b);
    b->before = *now;
    b->seen = false;
}

static enum status append(struct batch *b, struct batch_image image) {
    if (b->n_images == b->cap_images) {
        size_t cap = b->cap_images ? 2 * b->cap_images : 64;
        struct batch_image *images = realloc(b->images, cap * sizeof *images);
        if (!images) {
            return ST_NOMEM;
        }
        b->images = images;
        b->cap_images = cap;
    }
    b->images[b->n_images++] = image;
    return ST_OK;
}

enum status batch_remember(struct batch *b, const struct users *users, uint32_t slot,
                           uint64_t voted_in) {
    struct user *copy = NULL;
    enum status st = user_pool_copy(&b->pool, users_get(users, slot), &copy);
    if (st) {
        return st;
    }
    st = append(b, (struct batch_image){.before = copy, .voted_in = voted_in, .slot = slot});
    if (st) {
        user_free(copy);
        return st;
    }
    b->image_bytes += user_room(copy);
    return ST_OK;
}

enum status batch_remember_new(struct batch *b, uint32_t slot, uint64_t voted_in) {
    return append(b, (struct batch_image){.voted_in = voted_in, .slot = slot});
}

void batch_forget(struct batch *b, uint32_t slot) {
    for (size_t k = 0; k < b->n_images; k++) {
        struct batch_image *image = &b->images[k];
        if (image->slot == slot && image->before) {
            b->image_bytes -= user_room(image->before);
            user_free(image->before);
            image->before = NULL;
        }
    }
}

size_t batch_bytes(const struct batch *b) {
    return b->image_bytes + b->n_images * sizeof *b->images + delta_bytes(b->delta);
}

void batch_undo(struct batch *b, struct users *users, uint64_t *voted_in,
                struct task_record *record, struct shared *s) {
    for (size_t k = b->n_images; k-- > 0;) {
        struct batch_image *image = &b->images[k];
        users_replace(users, image->slot, image->before);
        image->before = NULL;
        voted_in[image->slot] = image->voted_in;
    }
    shared_take_back(s, b->delta);
    *record = b->before;
    batch_drop(b);
}

void batch_drop(struct batch *b) {
    user_pool_clear(&b->pool); /* more than this batch needed */
    for (size_t k = 0; k < b->n_images; k++) {
        user_pool_give(&b->pool, b->images[k].before);
    }
    b->n_images = 0;
    b->image_bytes = 0;
    if (b->delta) {
        delta_clear(b->delta);
    }
}

struct delta *batch_take_delta(struct batch *b) {
    struct delta *d = b->delta;
    b->delta = NULL;
    return d;
}

void batch_free(struct batch *b) {
    batch_drop(b);
    user_pool_clear(&b->pool);
    free(b->images);
    delta_free(b->delta);
    *b = (struct batch){0};
}
