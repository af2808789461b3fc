/* SPDX-License-Identifier: Apache-2.0
 *
 * factors.c -- see factors.h for the model, its equations and their source.
 *
 * Symmetric matrices (A of the fold-in, G_V) fill only their upper triangle in row-major order,
 * which is LAPACK's lower triangle in column-major order: hence UPLO = "L" below.
 *
 * G_V is kept in double. A product of two floats is exact in double, so replacing q by another
 * row errs by about 1e-16 of what is in G_V: a million updates drift less than one rounding of a
 * float, and no recomputation is needed between two solves of everything.
 *
 * The weight of an item's events is kept signed: a sum that takes back before it adds comes out
 * the same. An item without events (n_i <= 0) has its initial row, drawn again from its hash, so
 * that taking back the only event restores q_i too.
 */
#include "factors_state.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fixed.h"
#include "mix.h"
#include "normal.h"
#include "room.h"

static const float ITEM_RIDGE = 10.0F;
static const float USER_RIDGE = 2.0F;
static const float HISTORY_DECAY = .85F;
static const double INITIAL_SD = .1;
static const double WINDOW = 20000.0; /* events that S remembers            */

enum {
    TILE = 8,   /* a power of two that divides FACTORS           */
    CHUNK = 64, /* rows solved at a time: scratch stays in cache */
    ROWS_MIN = 64,
};

/* LAPACK, as Fortran sees it: the last argument is the hidden length of the strings. */
extern void ssyev_(const char *jobz, const char *uplo, const int *n, float *a, const int *lda,
                   float *w, float *work, const int *lwork, int *info, size_t jobz_len,
                   size_t uplo_len);
/* OpenBLAS; not in the cblas.h of other BLAS libraries. */
extern void openblas_set_num_threads(int n);

/* ---- rows ---------------------------------------------------------------- */

/* .1 N(0, I) from (seed, hash) alone. */
static void initial_row(uint64_t seed, uint64_t hash, float q[FACTORS]) {
    struct rng rng = {mix64(seed ^ mix64(hash))};
    for (size_t k = 0; k < FACTORS; k += 2) {
        double pair[2];
        rng_normal_pair(&rng, pair);
        q[k] = (float)(INITIAL_SD * pair[0]);
        q[k + 1] = (float)(INITIAL_SD * pair[1]);
    }
}

static float squared_norm(const float q[FACTORS]) {
    double sum = 0.0;
    for (size_t k = 0; k < FACTORS; k++) {
        sum += (double)q[k] * (double)q[k];
    }
    return (float)sum;
}

/* What a fold-in begins with: an element of a0 G_V. */
static inline float prior_of(double gv) {
    return (float)(FACTORS_PRIOR * gv);
}

static void add_ridge(struct factors *f) {
    for (size_t r = 0; r < FACTORS; r++) {
        f->prior[r][r] += USER_RIDGE;
    }
}

/* All of it, after G_V was made anew. */
static void prior_renew(struct factors *f) {
    for (size_t r = 0; r < FACTORS; r++) {
        for (size_t c = r; c < FACTORS; c++) {
            f->prior[r][c] = prior_of(f->gv[r][c]);
        }
    }
    add_ridge(f);
}

/* G_V += new new' - old old' */
static void gv_replace(struct factors *f, const float old[FACTORS], const float new[FACTORS]) {
    double o[FACTORS];
    double w[FACTORS];
    for (size_t k = 0; k < FACTORS; k++) {
        o[k] = (double)old[k];
        w[k] = (double)new[k];
    }
    for (size_t r = 0; r < FACTORS; r++) {
        for (size_t c = r / TILE * TILE; c < FACTORS; c++) { /* whole vectors: below r, unused */
            f->gv[r][c] += w[r] * w[c] - o[r] * o[c];
            f->prior[r][c] = prior_of(f->gv[r][c]);
        }
    }
    add_ridge(f);
}

/* Gives an existing row a new vector. */
static void row_set(struct factors *f, size_t i, const float q[FACTORS]) {
    f->version++;
    gv_replace(f, row(f, i), q);
    memcpy(row(f, i), q, FACTORS * sizeof *q);
    f->qq[i] = squared_norm(q);
}

/* ---- life cycle ---------------------------------------------------------- */

static void eye(float x[FACTORS][FACTORS]) {
    memset(x, 0, FACTORS * sizeof *x);
    for (size_t k = 0; k < FACTORS; k++) {
        x[k][k] = 1.0F;
    }
}

enum status factors_new(uint64_t seed, struct factors **out) {
    struct factors *f = aligned_alloc(ROW_ALIGN, sizeof *f);
    if (!f) {
        return ST_NOMEM;
    }
    memset(f, 0, sizeof *f);
    f->seed = seed;
    float w = 1.0F;
    for (size_t r = 0; r < FACTORS_HISTORY; r++) {
        f->weight_of[r] = w;
        w *= HISTORY_DECAY;
    }
    eye(f->x); /* no S yet: X = I, L = 0 */
    eye(f->xt);
    *out = f;
    return ST_OK;
}

void factors_free(struct factors *f) {
    if (!f) {
        return;
    }
    free(f->q);
    free(f->qq);
    free(f->b);
    free(f->count);
    free(f->hash);
    free(f);
}

/* realloc() that keeps what was there on failure. */
static bool grow(void **array, size_t bytes) {
    void *moved = realloc(*array, bytes);
    if (moved) {
        room_huge_pages(moved, bytes);
        *array = moved;
    }
    return moved != NULL;
}

static bool grow_q(struct factors *f, size_t cap) {
    float *q = aligned_alloc(ROW_ALIGN, cap * FACTORS * sizeof *q);
    if (!q) {
        return false;
    }
    room_huge_pages(q, cap * FACTORS * sizeof *q);
    if (f->n > 0) {
        memcpy(q, f->q, f->n * FACTORS * sizeof *q);
    }
    free(f->q);
    f->q = q;
    return true;
}

/* Room for `n` rows. If one array cannot grow, those before it are larger than `cap` says:
 * harmless. */
static enum status grow_rows(struct factors *f, size_t n) {
    const size_t cap = room_for(f->cap, n, ROWS_MIN, UINT32_MAX);
    void *qq = f->qq;
    void *b = f->b;
    void *count = f->count;
    void *hash = f->hash;
    const bool ok = grow(&qq, cap * sizeof *f->qq) && grow(&b, cap * FACTORS * sizeof *f->b) &&
                    grow(&count, cap * sizeof *f->count) && grow(&hash, cap * sizeof *f->hash);
    f->qq = qq;
    f->b = b;
    f->count = count;
    f->hash = hash;
    if (!ok || !grow_q(f, cap)) {
        return ST_NOMEM;
    }
    f->cap = cap;
    return ST_OK;
}

enum status factors_reserve(struct factors *f, uint32_t n_items, const uint64_t *hashes) {
    if (n_items > f->cap) {
        const enum status st = grow_rows(f, n_items);
        if (st) {
            return st;
        }
    }
    for (; f->n < n_items; f->n++) {
        float q[FACTORS];
        initial_row(f->seed, hashes[f->n], q);
        memset(row(f, f->n), 0, sizeof q);
        memset(f->b + f->n * FACTORS, 0, FACTORS * sizeof *f->b);
        f->count[f->n] = 0;
        f->hash[f->n] = hashes[f->n];
        row_set(f, f->n, q);
    }
    return ST_OK;
}

void factors_round(const float *p, int32_t out[FACTORS]) {
    for (size_t k = 0; k < FACTORS; k++) {
        const double x = (double)p[k];
        const double low = x > -1.0 ? x : -1.0; /* rounding may leave |p_k| above 1 */
        const double y = (low < 1.0 ? low : 1.0) * (double)FIXED_ONE;
        out[k] = (int32_t)(y < 0 ? y - 0.5 : y + 0.5); /* fixed_of(), in vectors: it fits */
    }
}

/* ---- items: statistics and solve ----------------------------------------- */

/* d_k = 1/(c L_k + 10) with c = a0 n_U + n_i */
static void spectrum(const struct factors *f, int64_t count, float d[FACTORS]) {
    const float c = (float)(FACTORS_PRIOR * (double)f->n_users + fixed_to(count));
    for (size_t k = 0; k < FACTORS; k++) {
        d[k] = 1.0F / (c * f->l[k] + ITEM_RIDGE);
    }
}

static void b_to_float(const struct factors *f, size_t i, float b[FACTORS]) {
    for (size_t k = 0; k < FACTORS; k++) {
        b[k] = (float)fixed_to(f->b[i * FACTORS + k]);
    }
}

/* out = a x, summed over j in order: a loop over lanes. */
static void product(const float a[FACTORS], const float x[FACTORS][FACTORS], float out[FACTORS]) {
    float y[FACTORS] = {0};
    for (size_t j = 0; j < FACTORS; j++) {
        for (size_t k = 0; k < FACTORS; k++) {
            y[k] += a[j] * x[j][k];
        }
    }
    memcpy(out, y, sizeof y);
}

/* The same, bit for bit, for two rows: additions of one need not wait for those of the other. */
static void product_of_two(const float (*a)[FACTORS], const float x[FACTORS][FACTORS],
                           float (*out)[FACTORS]) {
    lanes y[VECTORS] = {{0}};
    lanes z[VECTORS] = {{0}};
    for (size_t j = 0; j < FACTORS; j++) {
        for (size_t v = 0; v < VECTORS; v++) {
            lanes xv;
            memcpy(&xv, x[j] + v * LANES, sizeof xv);
            y[v] += a[0][j] * xv;
            z[v] += a[1][j] * xv;
        }
    }
    for (size_t v = 0; v < VECTORS; v++) {
        memcpy(out[0] + v * LANES, &y[v], sizeof y[v]);
        memcpy(out[1] + v * LANES, &z[v], sizeof z[v]);
    }
}

static void products(float (*a)[FACTORS], const float x[FACTORS][FACTORS], size_t rows,
                     float (*out)[FACTORS]) {
    size_t r = 0;
    for (; r + 2 <= rows; r += 2) {
        product_of_two((const float(*)[FACTORS])(a + r), x, out + r);
    }
    if (r < rows) {
        product(a[r], x, out[r]);
    }
}

/* q_i = X diag(d) X' b_i, whatever the count is. */
static void item_solve(const struct factors *f, size_t i, float q[FACTORS]) {
    float b[FACTORS];
    float y[FACTORS];
    float d[FACTORS];
    b_to_float(f, i, b);
    product(b, f->x, y);
    spectrum(f, f->count[i], d);
    for (size_t k = 0; k < FACTORS; k++) {
        y[k] *= d[k];
    }
    product(y, f->xt, q);
}

/* The same of items (rows,), at most CHUNK. */
static void items_solve(const struct factors *f, const size_t *items, size_t rows,
                        float (*q)[FACTORS]) {
    float y[CHUNK][FACTORS];
    for (size_t r = 0; r < rows; r++) {
        b_to_float(f, items[r], q[r]);
    }
    products(q, f->x, rows, y);
    for (size_t r = 0; r < rows; r++) {
        float d[FACTORS];
        spectrum(f, f->count[items[r]], d);
        for (size_t k = 0; k < FACTORS; k++) {
            y[r][k] *= d[k];
        }
    }
    products(y, f->xt, rows, q);
}

/* q_i of items (rows,), at most CHUNK, as their statistics have it. */
static void rows_of(const struct factors *f, const size_t *items, size_t rows,
                    float (*q)[FACTORS]) {
    items_solve(f, items, rows, q);
    for (size_t r = 0; r < rows; r++) {
        if (f->count[items[r]] <= 0) {
            initial_row(f->seed, f->hash[items[r]], q[r]);
        }
    }
}

void factors_item_add(struct factors *f, uint32_t i, const int32_t p[FACTORS], int64_t weight) {
    int64_t *b = f->b + (size_t)i * FACTORS;
    for (size_t k = 0; k < FACTORS; k++) { /* 1 as a rule: there are no vectors of products */
        b[k] += weight == FIXED_ONE ? p[k] : fixed_times(p[k], weight);
    }
    f->count[i] += weight;
    factors_item_solve(f, i);
}

void factors_item_sum(struct factors *f, uint32_t i, const int64_t b[FACTORS], int64_t weight) {
    int64_t *to = f->b + (size_t)i * FACTORS;
    for (size_t k = 0; k < FACTORS; k++) {
        to[k] += b[k];
    }
    f->count[i] += weight;
}

void factors_item_solve(struct factors *f, uint32_t i) {
    float q[FACTORS];
    if (f->count[i] > 0) {
        item_solve(f, i, q);
    } else {
        initial_row(f->seed, f->hash[i], q);
    }
    row_set(f, i, q);
}

/* G_V += sum of q q' over at most CHUNK rows, in float first. */
static void gv_add(struct factors *f, const float (*q)[FACTORS], size_t rows) {
    for (size_t r = 0; r < FACTORS; r += 2) {
        lanes g[VECTORS] = {{0}};
        lanes h[VECTORS] = {{0}};
        const size_t first = r / LANES;
        for (size_t i = 0; i < rows; i++) {
            for (size_t v = first; v < VECTORS; v++) {
                lanes qv;
                memcpy(&qv, q[i] + v * LANES, sizeof qv);
                g[v] += q[i][r] * qv;
                h[v] += q[i][r + 1] * qv;
            }
        }
        for (size_t c = first * LANES; c < FACTORS; c++) {
            f->gv[r][c] += (double)g[c / LANES][c % LANES];
            f->gv[r + 1][c] += (double)h[c / LANES][c % LANES];
        }
    }
}

/* Loops of our own: a GEMM adds in the order that its kernel for this CPU likes, and in another
 * one at the end of a block. */
void factors_solve_all(struct factors *f, const uint32_t *order, uint32_t n) {
    const size_t all = order ? n : f->n;
    f->version++;
    memset(f->gv, 0, sizeof f->gv);
    for (size_t start = 0; start < all; start += CHUNK) {
        const size_t rows = all - start < CHUNK ? all - start : CHUNK;
        size_t items[CHUNK];
        float q[CHUNK][FACTORS];
        for (size_t r = 0; r < rows; r++) {
            items[r] = order ? order[start + r] : start + r;
        }
        rows_of(f, items, rows, q);
        for (size_t r = 0; r < rows; r++) {
            memcpy(row(f, items[r]), q[r], sizeof q[r]);
            f->qq[items[r]] = squared_norm(q[r]);
        }
        gv_add(f, (const float(*)[FACTORS])q, rows);
    }
    prior_renew(f);
}

/* ---- contexts: S and its eigenproblem ------------------------------------ */

/* v/2^20 to nearest, ties up, for |v| <= 2^62. The shift is of an unsigned number: C leaves that
 * of a negative one to the compiler, and AVX2 has none for 64-bit lanes. */
static int64_t shift_20(int64_t v) {
    const uint64_t offset = UINT64_C(1) << 63;
    return (int64_t)(((uint64_t)v + (uint64_t)(FIXED_ONE / 2) + offset) >> 20) -
           (int64_t)(offset >> 20);
}

void factors_sum_add(struct factors_sum *sum, const int32_t p[FACTORS], int64_t weight,
                     bool first) {
    int64_t *pp = sum->pp;
    for (size_t r = 0; r < FACTORS; r++) {
        const int32_t pr = (int32_t)fixed_times(p[r], weight); /* 32 bits: there are vectors */
        for (size_t c = 0; c <= r; c++) {
            pp[c] += shift_20((int64_t)pr * p[c]);
        }
        pp += r + 1;
    }
    sum->n += weight;
    sum->n_users += first;
}

/* S = X L X'. If LAPACK does not converge, the old X and L stay: a valid, older S. */
static void eigen_renew(struct factors *f) {
    float a[FACTORS][FACTORS];
    float l[FACTORS];
    float work[FACTORS * FACTORS];
    const int d = FACTORS;
    const int work_len = FACTORS * FACTORS;
    int info = 0;
    memcpy(a, f->s_out, sizeof a);
    ssyev_("V", "U", &d, &a[0][0], &d, l, work, &work_len, &info, 1, 1);
    if (info != 0) {
        return;
    }
    for (size_t k = 0; k < FACTORS; k++) {
        f->l[k] = l[k] > 0.0F ? l[k] : 0.0F; /* c L + 10 must stay positive for any c */
        for (size_t j = 0; j < FACTORS; j++) {
            f->xt[k][j] = a[k][j]; /* Fortran's column k is C's row k */
            f->x[j][k] = a[k][j];
        }
    }
}

void factors_apply(struct factors *f, const struct factors_sum *sum) {
    f->n_users += sum->n_users;
    if (sum->n == 0) {
        return;
    }
    const double n = fixed_to(sum->n);
    const double keep = n < WINDOW ? f->weight * (1.0 - n / WINDOW) : 0.0;
    f->weight = keep + n;
    const int64_t *pp = sum->pp;
    for (size_t r = 0; r < FACTORS; r++) {
        for (size_t c = 0; c <= r; c++) {
            const double s = (f->s[r][c] * keep + fixed_to(pp[c])) / f->weight;
            f->s[r][c] = s;
            f->s_out[r][c] = (float)s;
            f->s_out[c][r] = (float)s;
        }
        pp += r + 1;
    }
    eigen_renew(f);
}

void factors_state(const struct factors *f, struct factors_state *out) {
    double *to = out->s;
    for (size_t r = 0; r < FACTORS; r++) {
        memcpy(to, f->s[r], (r + 1) * sizeof *to);
        to += r + 1;
    }
    out->weight = f->weight;
    out->n_users = f->n_users;
}

void factors_set_state(struct factors *f, const struct factors_state *state) {
    const double *from = state->s;
    for (size_t r = 0; r < FACTORS; r++) {
        for (size_t c = 0; c <= r; c++) {
            f->s[r][c] = from[c];
            f->s_out[r][c] = f->s_out[c][r] = (float)from[c];
        }
        from += r + 1;
    }
    f->weight = state->weight;
    f->n_users = state->n_users;
    if (f->weight > 0.0) { /* before the first S, X = I */
        eigen_renew(f);
    }
}

/* ---- views --------------------------------------------------------------- */

const float *factors_q(const struct factors *f) {
    return f->q;
}

const float *factors_qq(const struct factors *f) {
    return f->qq;
}

int64_t factors_count(const struct factors *f, uint32_t i) {
    return f->count[i] > 0 ? f->count[i] : 0;
}

const int64_t *factors_b(const struct factors *f, uint32_t i) {
    return f->b + (size_t)i * FACTORS;
}

const float *factors_s(const struct factors *f) {
    return &f->s_out[0][0];
}

void factors_blas_threads(int n) {
    openblas_set_num_threads(n);
}

size_t factors_bytes(const struct factors *f) {
    const size_t a_row = FACTORS * (sizeof *f->q + sizeof *f->b) + sizeof *f->qq +
                         sizeof *f->count + sizeof *f->hash;
    return sizeof *f + f->cap * a_row;
}
