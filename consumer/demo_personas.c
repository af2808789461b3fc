/* SPDX-License-Identifier: Apache-2.0
 * demo_personas.c -- see demo_personas.h. */
#include "demo_personas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static int by_share(const void *a, const void *b) {
    const struct view_segment *x = a;
    const struct view_segment *y = b;
    if (x->share != y->share) {
        return x->share > y->share ? -1 : 1;
    }
    return x->id - y->id;
}

/* "23 % of users; food: ..." without what stands beside the bar already. */
static const char *without_share(const char *detail) {
    const char *end = strstr(detail, "of users; ");
    return end ? end + strlen("of users; ") : detail;
}

static bool read_one(const struct json *from, struct view_segment *out) {
    int64_t id = 0;
    const char *title = json_text(json_get(from, "title"), NULL);
    const char *detail = json_text(json_get(from, "detail"), NULL);
    *out = (struct view_segment){0};
    if (!json_whole(json_get(from, "segment"), &id) || !title ||
        !json_number(json_get(from, "share"), &out->share)) {
        return false;
    }
    out->id = (int)id;
    snprintf(out->title, sizeof out->title, "%s", title);
    snprintf(out->detail, sizeof out->detail, "%s", detail ? without_share(detail) : "");
    return true;
}

int demo_personas_read(const char *text, struct view *v) {
    char err[128];
    struct json *root = NULL;
    if (json_parse(text, strlen(text), &root, err, sizeof err)) {
        return -1;
    }
    const struct json *list = json_get(root, "segments");
    int n = json_kind(list) == JSON_LIST ? 0 : -1;
    for (size_t k = 0; n >= 0 && k < json_n(list) && n < VIEW_SEGMENTS; k++) {
        n += read_one(json_at(list, k), &v->segments[n]) ? 1 : 0;
    }
    json_free(root);
    if (n >= 0) {
        v->n_segments = n;
        qsort(v->segments, (size_t)n, sizeof *v->segments, by_share);
    }
    return n;
}
