/* SPDX-License-Identifier: Apache-2.0
 *
 * wanted.c -- see wanted.h.
 */
#include "wanted.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "path.h"

struct insertion {
    struct wanted_tree *t;
    const struct path *path;
    const struct want *want;
    char *err;
    size_t err_len;
};

__attribute__((format(printf, 2, 3))) static enum status refuse(const struct insertion *in,
                                                                const char *format, ...) {
    char why[256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(in->err, in->err_len, "%s: %s", in->want->path, why);
    return ST_INVALID;
}

/* ---- finding --------------------------------------------------------------------------- */

uint32_t wanted_child(const struct wanted_tree *t, uint32_t at, uint32_t index) {
    uint32_t c = t->all[at].child;
    while (c && (t->all[c].index != index || t->all[c].key)) {
        c = t->all[c].next;
    }
    return c;
}

static bool same_key(const struct wanted *w, const char *key, size_t len) {
    return w->key && w->key_len == len && memcmp(w->key, key, len) == 0;
}

static uint32_t keyed_child(const struct wanted_tree *t, uint32_t at, const char *key, size_t len) {
    uint32_t c = t->all[at].child;
    while (c && !same_key(&t->all[c], key, len)) {
        c = t->all[c].next;
    }
    return c;
}

uint32_t wanted_entry(const struct wanted_tree *t, uint32_t at, const char *key, size_t len) {
    const uint32_t c = keyed_child(t, at, key, len);
    return c ? c : wanted_child(t, at, 0);
}

/* ---- growing --------------------------------------------------------------------------- */

/* The place of a new node, filled; *out: where. */
static enum status add(const struct insertion *in, struct wanted node, uint32_t *out) {
    struct wanted_tree *t = in->t;
    if (t->n == WANTED_MAX) {
        return refuse(in, "too many paths");
    }
    if (t->n == t->cap) {
        const uint32_t cap = t->cap ? t->cap * 2 : 32;
        struct wanted *all = realloc(t->all, cap * sizeof *all);
        if (!all) {
            snprintf(in->err, in->err_len, "out of memory");
            return ST_NOMEM;
        }
        t->all = all;
        t->cap = cap;
    }
    t->all[t->n] = node;
    *out = t->n++;
    return ST_OK;
}

/* The child for this step, made if there is none; fields stay in their order. */
static enum status child_for(const struct insertion *in, uint32_t at, const struct step *step,
                             uint32_t *out) {
    struct wanted_tree *t = in->t;
    uint32_t c =
        step->key ? keyed_child(t, at, step->key, step->key_len) : wanted_child(t, at, step->index);
    if (!c) {
        const struct wanted node = {.node = step->node,
                                    .index = step->index,
                                    .key = step->key,
                                    .key_len = step->key_len,
                                    .path = in->want->path,
                                    .path_len = step->so_far};
        enum status st = add(in, node, &c);
        if (st) {
            return st;
        }
        uint32_t before = 0; /* the last child that stays before the new one */
        for (uint32_t s = t->all[at].child; s && t->all[s].index <= step->index;
             s = t->all[s].next) {
            before = s;
        }
        uint32_t *link = before ? &t->all[before].next : &t->all[at].child;
        t->all[c].next = *link;
        *link = c;
    }
    *out = c;
    return ST_OK;
}

static enum status tag_value(const struct insertion *in, uint32_t at) {
    struct wanted_tree *t = in->t;
    const uint16_t tag = in->want->tag;
    if (t->all[at].tag == 0) {
        t->all[at].tag = tag;
    }
    while (t->all[at].tag != tag && t->all[at].again) {
        at = t->all[at].again;
    }
    if (t->all[at].tag == tag) {
        return ST_OK;
    }
    uint32_t again = 0;
    enum status st = add(in, (struct wanted){.node = t->all[at].node, .tag = tag}, &again);
    if (!st) {
        t->all[at].again = again;
    }
    return st;
}

static enum status insert(const struct insertion *in, uint32_t at, uint32_t k);

/* Every entry of a map: those with a child of their own too. */
static enum status insert_entries(const struct insertion *in, uint32_t at, uint32_t k) {
    const struct step *step = &in->path->steps[k];
    uint32_t c = 0;
    enum status st = child_for(in, at, step, &c);
    for (c = in->t->all[at].child; c && !st; c = in->t->all[c].next) {
        st = insert(in, c, k + 1);
    }
    return st;
}

/* Follows the steps from k on. */
static enum status insert(const struct insertion *in, uint32_t at, uint32_t k) {
    if (k == in->path->n) {
        return tag_value(in, at);
    }
    const struct step *step = &in->path->steps[k];
    if (step->kind >= STEP_ITEMS && k + 1 == in->path->n) {
        uint16_t *tag = &in->t->all[at].tag;
        if (*tag != 0 && *tag != in->want->tag) {
            return refuse(in, "wanted twice");
        }
        *tag = in->want->tag;
        if (!path_scalar(in->t->reader, step->node)) {
            return ST_OK; /* its items are announced, no more */
        }
    }
    if (step->kind == STEP_ENTRIES) {
        return insert_entries(in, at, k);
    }
    uint32_t c = 0;
    enum status st = child_for(in, at, step, &c);
    return st ? st : insert(in, c, k + 1);
}

/* ---- whole trees ----------------------------------------------------------------------- */

static enum status insert_path(const struct insertion *whole) {
    struct path path;
    struct insertion one = *whole;
    const struct insertion *in = &one;
    char why[512];
    if (in->want->tag == 0) {
        return refuse(in, "tag 0");
    }
    enum status st = path_find(in->t->reader, in->want->path, &path, why, sizeof why);
    if (st) {
        snprintf(in->err, in->err_len, "%s: %s", in->want->path, why);
        return st;
    }
    one.path = &path;
    return insert(in, 0, 0);
}

enum status wanted_new(const struct schema *reader, const struct want *wants, size_t n,
                       struct wanted_tree *out, char *err, size_t err_len) {
    struct wanted_tree t = {.reader = reader};
    struct insertion in = {.t = &t, .want = wants, .err_len = err_len};
    in.err = err;
    uint32_t root = 0;
    enum status st = add(&in, (struct wanted){.node = 0, .path = ""}, &root);
    /* again until nothing is new: a key may be named after what is wanted of every entry */
    for (uint32_t before = 0; !st && before != t.n;) {
        before = t.n;
        for (size_t i = 0; i < n && !st; i++) {
            in.want = &wants[i];
            st = insert_path(&in);
        }
    }
    if (st) {
        wanted_free(&t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void wanted_free(struct wanted_tree *t) {
    free(t->all);
}
