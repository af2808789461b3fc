/* SPDX-License-Identifier: Apache-2.0
 *
 * segments_tool.c -- segments over numbers on stdin, for lloyd.py. Native byte order.
 *
 *     stream K DIMS HALF_LIFE SEED SEEDS EVERY  float[n][DIMS]: votes in mini-batches of 256; after
 *                                               every EVERY of them a line of JSON:
 *                                               {"at": n, "seeded": times, "centroids": [[..], ..]}
 *     measure DIMS N                            float[N][DIMS], uint8[N], uint8[N]: silhouette of
 *                                               the first labels, agreement of both
 *     choose DIMS N SEED                        float[N][DIMS]: k, and score, silhouette and
 *                                               agreement of each
 *     match N                                   double[N][N]: the column of each row
 *
 * Exit status 0, or 1 with a message.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching.h"
#include "segments.h"
#include "segments_auto.h"

enum { BATCH = 256, ROWS_MAX = 10000000 };

static int complain(const char *what) {
    fprintf(stderr, "segments_tool: %s\n", what);
    return 1;
}

static uint32_t number(const char *text) {
    return (uint32_t)strtoul(text, NULL, 10);
}

static void show(const struct segments *s, uint32_t dims, uint32_t at, uint32_t seeded) {
    printf("{\"at\": %u, \"seeded\": %u, \"centroids\": [", at, seeded);
    for (uint32_t k = 0; k < segments_k(s); k++) {
        for (uint32_t d = 0; d < dims; d++) {
            printf("%s%.9g", d ? ", " : k ? "], [" : "[", (double)segments_centroid(s, k)[d]);
        }
    }
    printf("%s]}\n", segments_k(s) ? "]" : "");
}

/* One mini-batch, and what is due after it. */
static enum status apply(struct segments *s, struct segments_sum *sum, uint32_t *seeded) {
    bool again = false;
    segments_apply(s, sum);
    *sum = (struct segments_sum){.n_all = 0};
    enum status st = segments_due(s) ? segments_renew(s, &again) : ST_OK;
    *seeded += again;
    return st;
}

static int stream(char **argv) {
    static struct segments_sum sum;
    float x[FEATURES_MAX];
    const struct segments_params p = {.k = number(argv[0]),
                                      .dims = number(argv[1]),
                                      .half_life = strtod(argv[2], NULL),
                                      .seed = number(argv[3]),
                                      .seed_points = number(argv[4])};
    const uint32_t every = number(argv[5]);
    struct segments *s = NULL;
    enum status st = every ? segments_new(&p, &s) : ST_INVALID;
    uint32_t seeded = 0;
    for (uint32_t n = 1; !st && fread(x, sizeof *x, p.dims, stdin) == p.dims; n++) {
        segments_vote(s, x, &sum);
        segments_remember(s, x);
        if (n % BATCH == 0) {
            st = apply(s, &sum, &seeded);
        }
        if (n % every == 0) {
            show(s, p.dims, n, seeded);
        }
    }
    segments_free(s);
    return st ? complain(status_str(st)) : 0;
}

/* Points from stdin, to be freed. */
static float *read_points(uint32_t n, uint32_t dims, double *scale) {
    if (n < 1 || n > ROWS_MAX || dims < 1 || dims > FEATURES_MAX) {
        return NULL;
    }
    float *x = malloc((size_t)n * dims * sizeof *x);
    if (x && fread(x, sizeof *x * dims, n, stdin) != n) {
        free(x);
        return NULL;
    }
    for (uint32_t d = 0; d < dims; d++) {
        scale[d] = 1.0;
    }
    return x;
}

static int measure(char **argv) {
    double scale[FEATURES_MAX];
    const uint32_t dims = number(argv[0]);
    const uint32_t n = number(argv[1]);
    float *x = read_points(n, dims, scale);
    uint8_t *labels = x ? malloc(2 * (size_t)n) : NULL;
    bool ok = labels && fread(labels, 2, n, stdin) == n;
    for (uint32_t i = 0; ok && i < 2 * n; i++) {
        ok = labels[i] < AUTO_K_MAX;
    }
    if (ok) {
        const struct segments_points p = {x, n, dims, scale};
        printf("%.15g %.15g\n", segments_auto_silhouette(&p, labels, AUTO_K_MAX),
               segments_auto_agreement(labels, labels + n, n));
    }
    free(labels);
    free(x);
    return ok ? 0 : complain("bad points or labels");
}

static int choose(char **argv) {
    double scale[FEATURES_MAX];
    struct segments_score scores[AUTO_K_MAX];
    uint32_t k = 0;
    const struct segments_range range = {SEGMENTS_AUTO_MIN, SEGMENTS_AUTO_MAX};
    const uint32_t dims = number(argv[0]);
    const uint32_t n = number(argv[1]);
    float *x = read_points(n, dims, scale);
    if (!x) {
        return complain("bad points");
    }
    const struct segments_points p = {x, n, dims, scale};
    enum status st = segments_auto_choose(&p, range, number(argv[2]), &k, scores);
    free(x);
    if (st) {
        return complain(status_str(st));
    }
    printf("%u", k);
    for (uint32_t i = 0; i <= range.most - range.least; i++) {
        printf(" %.15g %.15g %.15g", scores[i].score, scores[i].silhouette, scores[i].agreement);
    }
    printf("\n");
    return 0;
}

static int match(char **argv) {
    double cost[MATCHING_MAX * MATCHING_MAX];
    uint32_t column[MATCHING_MAX];
    const uint32_t n = number(argv[0]);
    if (n > MATCHING_MAX || fread(cost, sizeof *cost, (size_t)n * n, stdin) != (size_t)n * n ||
        matching_find(cost, n, column)) {
        return complain("bad costs");
    }
    for (uint32_t i = 0; i < n; i++) {
        printf("%u ", column[i]);
    }
    printf("\n");
    return 0;
}

static const struct {
    const char *name;
    int n_args;
    int (*run)(char **argv);
} COMMANDS[] = {
    {"stream", 6, stream}, {"measure", 2, measure}, {"choose", 3, choose}, {"match", 1, match}};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (argc == COMMANDS[i].n_args + 2 && strcmp(argv[1], COMMANDS[i].name) == 0) {
            return COMMANDS[i].run(argv + 2);
        }
    }
    return complain("usage: stream|measure|choose|match ARGUMENTS; see the source");
}
