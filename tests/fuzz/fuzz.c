/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.c -- see fuzz.h.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void fuzz_failed(const char *property, const char *file, int line) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
    abort();
}

const char *fuzz_file(const void *bytes, size_t len) {
    static FILE *file;
    static char path[32];
    if (!file) {
        file = tmpfile();
        require(file != NULL);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    }
    const int fd = fileno(file);
    require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len);
    return path;
}
