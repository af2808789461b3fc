/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c -- main() for a fuzz target without libFuzzer: runs it over saved inputs.
 *
 *     fuzz_NAME_replay FILE...
 *
 * The corpora hold what the fuzzers found and what a format can do; replayed as ordinary
 * tests they guard every compiler. Each input is handed over in a block of exactly its
 * size, so that ASan sees a read beyond it. No input at all is a failure, not a pass.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

/* Returns 0, or -1 with the reason printed. */
static int replay(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    uint8_t *data = size >= 0 ? malloc(size > 0 ? (size_t)size : 1) : NULL;
    int rc = -1;
    if (data && fseek(f, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)size, f) == (size_t)size) {
        rc = LLVMFuzzerTestOneInput(data, (size_t)size);
    } else {
        perror(path);
    }
    free(data);
    fclose(f);
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "%s: nothing to replay\n", argv[0]);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0) {
            return 1;
        }
    }
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
