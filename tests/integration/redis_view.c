/* SPDX-License-Identifier: Apache-2.0
 * redis_view.c -- see redis_view.h. */
#include "redis_view.h"

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_COUNT = 1000 };

static const char *const LEFT_OUT[] = {
    "version",    "rec",   "ts",    "refreshed", "score",   "because",
    "propensity", "money", "users", "share",     "counted", "z",
};

/* ---- one value ------------------------------------------------------------------------- */

static void leave_out(json_t *v) {
    json_t *member = NULL;
    size_t i = 0;
    const char *name = NULL;
    for (size_t k = 0; k < sizeof LEFT_OUT / sizeof *LEFT_OUT; k++) {
        (void)json_object_del(v, LEFT_OUT[k]);
    }
    json_object_foreach(v, name, member) {
        leave_out(member);
    }
    json_array_foreach(v, i, member) {
        leave_out(member);
    }
}

/* To be freed. What is no JSON is shown as it is. */
static char *text_of(const redisReply *r) {
    if (r->type != REDIS_REPLY_STRING) {
        return strdup(r->type == REDIS_REPLY_NIL ? "gone" : r->str ? r->str : "?");
    }
    json_t *v = json_loadb(r->str, r->len, 0, NULL);
    if (!v) {
        return strdup(r->str);
    }
    leave_out(v);
    char *text = json_dumps(v, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(v);
    return text;
}

/* ---- all of them ----------------------------------------------------------------------- */

static bool add(struct redis_view *v, const redisReply *key) {
    if (v->n % SCAN_COUNT == 0) {
        void *all = realloc(v->all, (v->n + SCAN_COUNT) * sizeof *v->all);
        if (!all) {
            return false;
        }
        v->all = all;
    }
    v->all[v->n++] = (struct redis_view_entry){.key = strdup(key->str)};
    return true;
}

static bool scan(struct redis_view *v, redisContext *c) {
    char cursor[32] = "0";
    do {
        redisReply *r = redisCommand(c, "SCAN %s MATCH crossrec:* COUNT %d", cursor, SCAN_COUNT);
        bool ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2;
        for (size_t k = 0; ok && k < r->element[1]->elements; k++) {
            ok = add(v, r->element[1]->element[k]);
        }
        snprintf(cursor, sizeof cursor, "%s", ok ? r->element[0]->str : "0");
        freeReplyObject(r);
        if (!ok) {
            return false;
        }
    } while (strcmp(cursor, "0") != 0);
    return true;
}

static bool get(struct redis_view *v, size_t from, redisContext *c) {
    for (size_t k = from; k < v->n; k++) {
        redisAppendCommand(c, "GET %s", v->all[k].key);
    }
    for (size_t k = from; k < v->n; k++) {
        void *reply = NULL;
        if (redisGetReply(c, &reply) != REDIS_OK) {
            return false;
        }
        v->all[k].text = text_of(reply);
        freeReplyObject(reply);
    }
    return true;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct redis_view_entry *)a)->key,
                  ((const struct redis_view_entry *)b)->key);
}

/* SCAN may show a key twice. */
static void sort(struct redis_view *v) {
    size_t n = 0;
    if (v->n > 0) {
        qsort(v->all, v->n, sizeof *v->all, by_key);
    }
    for (size_t k = 0; k < v->n; k++) {
        if (n > 0 && strcmp(v->all[n - 1].key, v->all[k].key) == 0) {
            free(v->all[k].key);
            free(v->all[k].text);
        } else {
            v->all[n++] = v->all[k];
        }
    }
    v->n = n;
}

bool redis_view_read(struct redis_view *v, redisContext *const *servers, size_t n) {
    *v = (struct redis_view){0};
    for (size_t i = 0; i < n; i++) {
        const size_t from = v->n;
        if (!servers[i] || !scan(v, servers[i]) || !get(v, from, servers[i])) {
            redis_view_free(v);
            return false;
        }
    }
    sort(v);
    return true;
}

void redis_view_free(struct redis_view *v) {
    for (size_t k = 0; k < v->n; k++) {
        free(v->all[k].key);
        free(v->all[k].text);
    }
    free(v->all);
    *v = (struct redis_view){0};
}

/* ---- comparing --------------------------------------------------------------------------- */

size_t redis_view_differences(const struct redis_view *a, const struct redis_view *b, char *first,
                              size_t len) {
    size_t wrong = 0;
    size_t i = 0;
    size_t k = 0;
    snprintf(first, len, "%s", "");
    while (i < a->n || k < b->n) {
        const int order = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->all[i].key, b->all[k].key);
        const char *x = order <= 0 ? a->all[i].text : "no such key";
        const char *y = order >= 0 ? b->all[k].text : "no such key";
        if (order != 0 || strcmp(x, y) != 0) {
            if (wrong++ == 0) {
                snprintf(first, len, "%s\n  %s\n  %s", order <= 0 ? a->all[i].key : b->all[k].key,
                         x, y);
            }
        }
        i += order <= 0;
        k += order >= 0;
    }
    return wrong;
}
