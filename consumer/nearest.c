/* SPDX-License-Identifier: Apache-2.0
 *
 * nearest.c -- see nearest.h.
 */
#include "nearest.h"

#include <stdint.h>
#include <string.h>

#include "config.h"

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* One row of the matrix of Wagner and Fischer (1974) at a time. */
size_t nearest_distance(const char *a, const char *b) {
    size_t row[256];
    size_t n = strlen(b);
    if (n >= sizeof row / sizeof row[0]) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t above = row[j + 1];
            row[j + 1] = min3(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[n];
}

size_t nearest_limit(const char *word) {
    return strlen(word) / 2;
}

const char *config_nearest(const char *word, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t distance = nearest_limit(word) + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = nearest_distance(word, names[i]);
        if (d < distance) {
            distance = d;
            best = names[i];
        }
    }
    return best;
}
