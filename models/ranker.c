/* SPDX-License-Identifier: Apache-2.0
 *
 * ranker.c -- see ranker.h for the model and its sources.
 *
 * Rows are worked on in blocks, one lane a row (ranker_block.h). A lane never meets another before
 * a sum over rows, and there in a fixed order, of 8.
 */
#include "ranker.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "ex.h"
#include "lg.h"
#include "normal.h"
#include "ranker_block.h"
#include "ranker_leak.h"
#include "wide.h"

static const float RATE = .002F;
static const float DECAY_M = .9F;
static const float DECAY_S = .999F;
static const float EPSILON = 1e-5F;
static const double SLOWED_AT = 200000.0; /* steps after which the rate is half */
static const double PACE_MAX = 4.0;
static const double LEAD_MAX = 20.0;          /* nats that one event may move a gate by */
static const double GATE_DECAY = 0.999307093; /* 2^(-1/1000) */
static const double LN2 = 0.693147180559945;

/* What a net looks at: candidate features below x, list features below c. */
struct view {
    size_t x, c;
};
static const struct view views[RANKER_NETS] = {
    [RANKER_FULL] = {RANKER_X, RANKER_C}, [RANKER_TWIN] = {RANKER_TWIN_X, RANKER_TWIN_C}};

/* ... of these rows: what is 0 in all of them adds nothing. */
static struct view view_of(enum ranker_kind kind, const struct ranker_rows *rows) {
    struct view view = views[kind];
    view.x = rows->n_x > 0 && rows->n_x < view.x ? rows->n_x : view.x;
    return view;
}

/* ---- start ----------------------------------------------------------------- */

static void net_init(struct ranker_net *net, const struct view *view, struct rng rng) {
    const double sd = 1.0 / sqrt((double)RANKER_INPUTS);
    for (size_t k = 0; k < RANKER_INPUTS; k++) {
        const bool seen = k < RANKER_X ? k < view->x : k - RANKER_X < view->c;
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            const float w = (float)(sd * rng_normal(&rng));
            net->w[k][h] = seen ? w : 0.0F;
        }
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        net->o[h] = (float)(.1 * rng_normal(&rng));
    }
    net->v[X_POP_1D] = .5F;
    net->v[X_POP_7D] = .5F;
}

void ranker_init(struct ranker *r, uint64_t seed) {
    memset(r, 0, sizeof *r);
    r->pace = 1.0F;
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        net_init(&r->net[kind], &views[kind], (struct rng){mix64(seed ^ (uint64_t)kind)});
    }
    r->net[RANKER_FULL].v[X_K1_REL] = 2.0F;
    r->net[RANKER_FULL].v[X_DOT] = .3F;
}

/* ---- forward ----------------------------------------------------------------- */

/* W c + b: the same for every row. */
static void list_part(const struct ranker_net *net, const struct view *view, const float *c,
                      float base[RANKER_HIDDEN]) {
    memcpy(base, net->b, sizeof net->b);
    for (size_t k = 0; k < view->c; k++) {
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            base[h] += net->w[RANKER_X + k][h] * c[k];
        }
    }
}

static ranker_block *block_here(void) {
    return wide_here() ? ranker_block_wide : ranker_block_usual;
}

void ranker_scores(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                   float *scores) {
    float base[RANKER_HIDDEN];
    const struct view view = view_of(kind, rows);
    ranker_block *const block = block_here();
    list_part(&r->net[kind], &view, rows->c, base);
    for (uint32_t at = 0; at < rows->n; at += RANKER_BLOCK) {
        block(&r->net[kind], view.x, rows->x + at, rows->stride, base, scores + at, NULL);
    }
}

/* What flows back from the score through each hidden unit, of 8 rows x (RANKER_X,). */
static void slopes_of_units(const struct ranker_net *net, const struct view *view, const lanes *x,
                            const float base[RANKER_HIDDEN], lanes a[RANKER_HIDDEN]) {
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        a[h] = base[h] - (lanes){0};
    }
    for (size_t k = 0; k < view->x; k++) {
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            a[h] += x[k] * net->w[k][h];
        }
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        const lanes one = 1.0F - (lanes){0};
        a[h] = where_positive(a[h], one, one * RANKER_LEAK) * net->o[h];
    }
}

/* A lane a row: sums over hidden units wait for each other, rows do not. */
static void parts_of_block(const struct ranker_net *net, const struct view *view,
                           const struct ranker_rows *rows, const uint32_t *at, uint32_t n,
                           const float *mean, const float base[RANKER_HIDDEN],
                           float (*out)[RANKER_X]) {
    lanes x[RANKER_X];
    lanes a[RANKER_HIDDEN];
    for (size_t k = 0; k < view->x; k++) {
        for (uint32_t z = 0; z < LANES; z++) {
            x[k][z] = rows->x[k * rows->stride + at[z < n ? z : 0]];
        }
    }
    slopes_of_units(net, view, x, base, a);
    for (size_t k = 0; k < view->x; k++) {
        lanes slope = net->v[k] - (lanes){0};
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            slope += a[h] * net->w[k][h];
        }
        slope *= x[k] - mean[k];
        for (uint32_t z = 0; z < n; z++) {
            out[z][k] = slope[z];
        }
    }
    for (size_t k = view->x; k < RANKER_X; k++) {
        for (uint32_t z = 0; z < n; z++) {
            out[z][k] = 0.0F;
        }
    }
}

void ranker_parts_of(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                     const uint32_t *at, uint32_t n, const float mean[RANKER_X],
                     float (*out)[RANKER_X]) {
    float base[RANKER_HIDDEN];
    const struct view view = view_of(kind, rows);
    list_part(&r->net[kind], &view, rows->c, base);
    for (uint32_t z = 0; z < n; z += LANES) {
        const uint32_t some = n - z < LANES ? n - z : LANES;
        parts_of_block(&r->net[kind], &view, rows, at + z, some, mean, base, out + z);
    }
}

void ranker_parts(const struct ranker *r, enum ranker_kind kind, const struct ranker_rows *rows,
                  uint32_t at, const float mean[RANKER_X], float out[RANKER_X]) {
    float parts[1][RANKER_X];
    ranker_parts_of(r, kind, rows, &at, 1, mean, parts);
    memcpy(out, parts[0], sizeof parts[0]);
}

/* ---- learning ---------------------------------------------------------------- */

/* One net on a sample: activations, and what follows from them. Rows from n on count 0. */
struct pass {
    _Alignas(64) float hidden[RANKER_HIDDEN * RANKER_SAMPLE_MAX];
    _Alignas(64) float score[RANKER_SAMPLE_MAX];
    _Alignas(64) float e[RANKER_SAMPLE_MAX];
};

static void forward(const struct ranker_net *net, const struct view *view,
                    const struct ranker_rows *rows, struct pass *p) {
    float base[RANKER_HIDDEN];
    ranker_block *const block = block_here();
    list_part(net, view, rows->c, base);
    for (uint32_t at = 0; at < rows->n; at += RANKER_BLOCK) {
        block(net, view->x, rows->x + at, rows->stride, base, p->score + at, p->hidden + at);
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h++) { /* 0 times infinity is no number */
        for (uint32_t at = rows->n; at % LANES != 0; at++) {
            p->hidden[h * RANKER_SAMPLE_MAX + at] = 0.0F;
        }
    }
}

/* The largest of (n,) scores, whatever their order. */
static float largest_of(const float *score, uint32_t n) {
    float most[LANES];
    for (uint32_t z = 0; z < LANES; z++) {
        most[z] = score[0];
    }
    uint32_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        for (uint32_t z = 0; z < LANES; z++) {
            most[z] = score[c + z] > most[z] ? score[c + z] : most[z];
        }
    }
    for (; c < n; c++) {
        most[0] = score[c] > most[0] ? score[c] : most[0];
    }
    for (uint32_t z = 1; z < LANES; z++) {
        most[0] = most[z] > most[0] ? most[z] : most[0];
    }
    return most[0];
}

/* e_c = w_c exp(s_c - max)/Z with w_0 = w0 and w_c = w; returns log Z, relative to max. */
static double softmax(struct pass *p, uint32_t n, float w0, float w, float *max) {
    *max = largest_of(p->score, n);
    for (uint32_t c = 0; c < n; c++) {
        p->e[c] = w * ex(p->score[c] - *max);
    }
    p->e[0] = w0 / w * p->e[0];
    for (uint32_t c = n; c < RANKER_SAMPLE_MAX; c++) {
        p->e[c] = 0.0F;
    }
    lanes sums = {0};
    for (uint32_t c = 0; c < n; c += LANES) {
        sums += lanes_load(p->e + c);
    }
    const float z = lanes_sum(sums);
    for (uint32_t c = 0; c < n; c++) {
        p->e[c] /= z;
    }
    return LN2 * (double)lg(z);
}

/* sum over rows of a x. The columns of x from n on hold numbers, and their a is 0. */
static float row_sum(const float *a, const float *x, uint32_t n) {
    lanes s = {0};
    for (uint32_t at = 0; at < n; at += LANES) {
        s += lanes_load(a + at) * lanes_load(x + at);
    }
    return lanes_sum(s);
}

/* The same for LANES rows of a, RANKER_SAMPLE_MAX apart. */
static void row_sums(const float *a, const float *x, uint32_t n, float *out) {
    lanes s[LANES] = {0};
    for (uint32_t at = 0; at < n; at += LANES) {
        const lanes xs = lanes_load(x + at);
        for (size_t z = 0; z < LANES; z++) {
            s[z] += lanes_load(a + z * RANKER_SAMPLE_MAX + at) * xs;
        }
    }
    lanes_store(out, lanes_sums(s));
}

/* Turns the activations of a hidden unit into what flows back through it; returns that of o. */
static float backward_unit(float *hidden, const float *minus_e, float o, uint32_t n, float *db) {
    lanes so = {0};
    lanes sb = {0};
    for (uint32_t at = 0; at < n; at += LANES) {
        const lanes a = lanes_load(hidden + at);
        const lanes e = lanes_load(minus_e + at);
        const lanes d = where_positive(a, e, e * RANKER_LEAK);
        so += d * a;
        sb += d * o;
        lanes_store(hidden + at, d * o);
    }
    *db = lanes_sum(sb);
    return lanes_sum(so);
}

/* Gradient of log p_0; overwrites the pass's activations. Masked inputs have none. */
static void gradient_of(const struct ranker_net *net, const struct view *view,
                        const struct ranker_rows *rows, struct pass *p, struct ranker_net *g) {
    memset(g, 0, sizeof *g);
    for (uint32_t c = 0; c < rows->n; c++) {
        p->e[c] = (c == 0 ? 1.0F : 0.0F) - p->e[c];
    }
    for (size_t h = 0; h < RANKER_HIDDEN; h++) {
        g->o[h] =
            backward_unit(p->hidden + h * RANKER_SAMPLE_MAX, p->e, net->o[h], rows->n, &g->b[h]);
    }
    for (size_t k = 0; k < view->x; k++) {
        const float *x = rows->x + k * rows->stride;
        g->v[k] = row_sum(p->e, x, rows->n);
        for (size_t h = 0; h < RANKER_HIDDEN; h += LANES) {
            row_sums(p->hidden + h * RANKER_SAMPLE_MAX, x, rows->n, &g->w[k][h]);
        }
    }
    for (size_t k = 0; k < view->c; k++) {
        for (size_t h = 0; h < RANKER_HIDDEN; h++) {
            g->w[RANKER_X + k][h] = g->b[h] * rows->c[k];
        }
    }
}

/* One step of Adam up the gradient, in the form of the paper's section 2 whose epsilon stands
 * beside the uncorrected root, of weights from..to-1 of a net. False if a result is not finite. */
static bool adam_part(const struct ranker *r, enum ranker_kind kind, const float *g, float weight,
                      float rate, size_t from, size_t to, struct ranker_net next[3]) {
    const float *was_v = r->net[kind].weights;
    const float *was_m = r->m[kind].weights;
    const float *was_s = r->s[kind].weights;
    float *v = next[0].weights;
    float *m = next[1].weights;
    float *s = next[2].weights;
    int bad = 0;
    for (size_t k = from; k < to; k++) {
        m[k] = DECAY_M * was_m[k] + (1.0F - DECAY_M) * weight * g[k];
        s[k] = DECAY_S * was_s[k] + (1.0F - DECAY_S) * g[k] * g[k];
        v[k] = was_v[k] + rate * m[k] / (sqrtf(s[k]) + EPSILON);
        bad |= !(fabsf(v[k]) <= FLT_MAX) | !(s[k] <= FLT_MAX);
    }
    return !bad;
}

static void keep_part(struct ranker *r, enum ranker_kind kind, const struct ranker_net next[3],
                      size_t from, size_t to) {
    const size_t size = (to - from) * sizeof(float);
    memcpy(r->net[kind].weights + from, next[0].weights + from, size);
    memcpy(r->m[kind].weights + from, next[1].weights + from, size);
    memcpy(r->s[kind].weights + from, next[2].weights + from, size);
}

/* All of the step or, when a result is not finite, nothing. What a net does not see has no moments
 * and never moves: it is passed over. */
static void adam(struct ranker *r, enum ranker_kind kind, const struct ranker_net *gradient,
                 float weight, float rate) {
    const struct view *view = &views[kind];
    const size_t w = RANKER_X;
    const size_t of_list = w + (size_t)RANKER_X * RANKER_HIDDEN;
    const size_t rest = w + (size_t)RANKER_INPUTS * RANKER_HIDDEN;
    const size_t parts[][2] = {{0, view->x},
                               {w, w + view->x * RANKER_HIDDEN},
                               {of_list, of_list + view->c * RANKER_HIDDEN},
                               {rest, RANKER_WEIGHTS}};
    enum { PARTS = sizeof parts / sizeof *parts };
    struct ranker_net next[3];
    bool good = true;
    for (size_t k = 0; k < PARTS; k++) {
        good &= adam_part(r, kind, gradient->weights, weight, rate, parts[k][0], parts[k][1], next);
    }
    for (size_t k = 0; good && k < PARTS; k++) {
        keep_part(r, kind, next, parts[k][0], parts[k][1]);
    }
}

/* x^t by squaring, bottom up: libm's pow() rounds by CPU. */
static double power(double x, uint64_t t) {
    double y = 1.0;
    for (; t > 0; t >>= 1) {
        y = t & 1 ? y * x : y;
        x *= x;
    }
    return y;
}

/* 1 - decay^t in float from double: t is any number of steps. */
static float bias(float decay, uint64_t t) {
    return t < 100000 ? (float)(1.0 - power((double)decay, t)) : 1.0F;
}

/* A net that has seen much moves less by each event, but never less than half as far: what is
 * taken changes. */
static float slowed(uint64_t t) {
    const float by = (float)(1.0 / (1.0 + (double)t / SLOWED_AT));
    return by > .5F ? by : .5F;
}

static bool all_finite(const float *e, uint32_t n) {
    float sum = 0.0F;
    for (uint32_t c = 0; c < n; c++) {
        sum += e[c];
    }
    return sum <= FLT_MAX && sum >= 0.0F;
}

static void expectations(const struct pass *p, uint32_t n, float *e) {
    if (all_finite(p->e, n)) {
        memcpy(e, p->e, n * sizeof *e);
    } else {
        memset(e, 0, n * sizeof *e);
    }
}

float ranker_learn(struct ranker *r, const struct ranker_rows *rows, float w, float weight,
                   uint8_t domain, bool known, float *e) {
    assert(rows->n >= 2 && rows->n <= RANKER_SAMPLE_MAX && domain < DOMAINS_MAX);
    const uint64_t t = r->steps + 1;
    const float full_rate = RATE * r->pace * slowed(t);
    const float rate = full_rate * sqrtf(bias(DECAY_S, t)) / bias(DECAY_M, t);
    double log_p[RANKER_NETS];
    for (int kind = 0; kind < RANKER_NETS; kind++) {
        struct pass p;
        struct ranker_net g;
        float max = 0.0F;
        const struct view view = view_of((enum ranker_kind)kind, rows);
        forward(&r->net[kind], &view, rows, &p);
        const double log_z = softmax(&p, rows->n, 1.0F, w, &max);
        log_p[kind] = (double)(p.score[0] - max) - log_z;
        if (kind == RANKER_FULL) {
            expectations(&p, rows->n, e);
        }
        gradient_of(&r->net[kind], &view, rows, &p, &g);
        adam(r, (enum ranker_kind)kind, &g, weight, rate);
    }
    r->steps = t;
    const double lead = log_p[RANKER_FULL] - log_p[RANKER_TWIN];
    if (isfinite(lead)) {
        double *gate = &r->gate[domain][known];
        *gate = *gate * GATE_DECAY + fmin(fmax(lead, -LEAD_MAX), LEAD_MAX);
    }
    return log_p[RANKER_FULL] > -(double)FLT_MAX ? (float)log_p[RANKER_FULL] : -FLT_MAX;
}

void ranker_expect(const struct ranker *r, const struct ranker_rows *rows, float *e) {
    assert(rows->n <= RANKER_SAMPLE_MAX);
    if (rows->n == 0) {
        return;
    }
    struct pass p;
    float max = 0.0F;
    const struct view view = view_of(RANKER_FULL, rows);
    forward(&r->net[RANKER_FULL], &view, rows, &p);
    (void)softmax(&p, rows->n, 1.0F, 1.0F, &max);
    expectations(&p, rows->n, e);
}

enum ranker_kind ranker_served(const struct ranker *r, uint8_t domain, bool known) {
    return r->gate[domain][known] < 0.0 ? RANKER_TWIN : RANKER_FULL;
}

/* ---- averaging ----------------------------------------------------------------- */

bool ranker_mean_of(const struct ranker_net *const *nets, const uint32_t *events, uint32_t n,
                    struct ranker_net mean[RANKER_NETS], float *pace) {
    double total = 0.0;
    double squares = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        total += (double)events[i];
        squares += (double)events[i] * (double)events[i];
    }
    if (!(total > 0.0)) {
        return false;
    }
    *pace = (float)fmin(total * total / squares, PACE_MAX);
    for (size_t kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            double sum = 0.0;
            for (uint32_t i = 0; i < n; i++) {
                if (events[i] > 0) { /* else its weights are not even looked at */
                    sum += (double)events[i] * (double)nets[i][kind].weights[k];
                }
            }
            mean[kind].weights[k] = (float)(sum / total);
        }
    }
    return true;
}

void ranker_mean(struct ranker *r, const struct ranker_net *const *nets, const uint32_t *events,
                 uint32_t n) {
    struct ranker_net mean[RANKER_NETS];
    if (ranker_mean_of(nets, events, n, mean, &r->pace)) {
        memcpy(r->net, mean, sizeof mean);
    }
}

void ranker_move(struct ranker *r, const struct ranker_net mean[RANKER_NETS],
                 const struct ranker_net published[RANKER_NETS], float pace) {
    struct ranker_net moved[RANKER_NETS];
    int bad = !(pace <= FLT_MAX);
    for (size_t kind = 0; kind < RANKER_NETS; kind++) {
        for (size_t k = 0; k < RANKER_WEIGHTS; k++) {
            const float now = r->net[kind].weights[k];
            const float then = published[kind].weights[k];
            const float to = mean[kind].weights[k];
            const double by = (double)to - (double)then;
            moved[kind].weights[k] = now == then ? to : (float)((double)now + by);
            bad |= !(fabsf(moved[kind].weights[k]) <= FLT_MAX);
        }
    }
    if (!bad) {
        memcpy(r->net, moved, sizeof moved);
        r->pace = pace;
    }
}
