/* SPDX-License-Identifier: Apache-2.0
 * learner_place.c -- see learner.h: where a user stands among the segments. */
#include <string.h>

#include "learner_state.h"

static double distance2(const float *a, const float *b, uint32_t dims) {
    double sum = 0.0;
    for (uint32_t d = 0; d < dims; d++) {
        const double by = (double)a[d] - (double)b[d];
        sum += by * by;
    }
    return sum;
}

/* The nearest of the segments but for `except`; its z-scores. -1: there is none. */
static int nearest_but(const struct segments *s, const float *z, uint32_t dims, int except,
                       float centre[FEATURES_MAX]) {
    int best = -1;
    double least = 0.0;
    for (uint32_t k = 0; segments_ready(s) && k < segments_k(s); k++) {
        float own[FEATURES_MAX];
        segments_z(s, k, own);
        const double d2 = distance2(z, own, dims);
        if ((int)k != except && (best < 0 || d2 < least)) {
            best = (int)k;
            least = d2;
            memcpy(centre, own, dims * sizeof *own);
        }
    }
    return best;
}

enum status learner_segment_place(const struct learner *l, uint32_t task, uint32_t user,
                                  struct segment_place *out) {
    const struct learner_task *t = learner_task_of(l, task, user, 0, 1);
    if (!t) {
        return ST_NOT_FOUND;
    }
    const struct user *u = users_get(t->users, user);
    const struct segments *s = l->shared->segments;
    const uint32_t dims = FEATURES_PER_DOMAIN * l->params.n_domains;
    float x[FEATURES_MAX];
    float centre[FEATURES_MAX] = {0};
    features_typical_of(u, l->params.n_domains, x);
    memset(out, 0, sizeof *out);
    segments_z_of(s, x, out->z);
    out->segment = user_segment(u);
    out->nearest = segments_nearest(s, x, NULL);
    if (out->segment >= (int)segments_k(s)) {
        out->segment = -1;
    }
    out->other = nearest_but(s, out->z, dims, out->segment, centre);
    if (out->segment < 0 || out->other < 0) {
        return ST_OK;
    }
    segments_z(s, (uint32_t)out->segment, out->own);
    for (uint32_t d = 0; d < dims; d++) {
        const float far = out->z[d] - centre[d];
        const float near = out->z[d] - out->own[d];
        out->pull[d] = far * far - near * near;
    }
    return ST_OK;
}
