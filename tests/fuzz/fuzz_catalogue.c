/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_catalogue.c -- what holds for every catalogue file: the names that a naive reading of
 * it finds, and no others.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue.h"
#include "event.h"
#include "fuzz.h"

enum { SIZE_LIMIT = 60000, LINES_LIMIT = 512, DOMAIN_LIMIT = 127 };

/* A line that names an item; texts in a copy of the file, terminated there. */
struct named {
    const char *domain, *item, *name;
};

/* Ends the text at the next tab; returns what follows, NULL if there is none. */
static char *cut(char *text) {
    char *tab = strchr(text, '\t');
    if (!tab) {
        return NULL;
    }
    *tab = '\0';
    return tab + 1;
}

static bool read_line(char *line, struct named *out) {
    char *item = cut(line);
    char *name = item ? cut(item) : NULL;
    if (!name || line[0] == '#') {
        return false;
    }
    (void)cut(name);
    *out = (struct named){line, item, name};
    const size_t domain_len = strlen(line);
    const size_t item_len = strlen(item);
    return domain_len >= 1 && domain_len <= DOMAIN_LIMIT && item_len >= 1 &&
           item_len <= ID_LEN_MAX && name[0];
}

/* The lines that name an item; SIZE_MAX if they are too many to be compared naively. */
static size_t read_naively(char *text, size_t size, struct named *out) {
    size_t n = 0;
    for (size_t from = 0, to; from < size; from = to + 1) {
        for (to = from; to < size && text[to] != '\n'; to++) {
        }
        char *line = text + from;
        size_t len = to - from;
        if (from == 0 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
            line += 3;
            len -= 3;
        }
        len -= len > 0 && line[len - 1] == '\r';
        line[len] = '\0'; /* the copy has a byte behind its end */
        if (n == LINES_LIMIT) {
            return SIZE_MAX;
        }
        n += !memchr(line, '\0', len) && read_line(line, &out[n]);
    }
    return n;
}

static bool same_item(const struct named *a, const struct named *b) {
    return strcmp(a->domain, b->domain) == 0 && strcmp(a->item, b->item) == 0;
}

static void check_names(const struct catalogue *c, const struct named *lines, size_t n) {
    size_t items = 0;
    for (size_t i = 0; i < n; i++) {
        size_t last = i;
        for (size_t k = i + 1; k < n; k++) {
            last = same_item(&lines[i], &lines[k]) ? k : last;
        }
        items += last == i;
        const char *name = catalogue_name(c, lines[i].domain, lines[i].item);
        require(name && strcmp(name, lines[last].name) == 0);
    }
    require(catalogue_items(c) == items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > SIZE_LIMIT) {
        return 0;
    }
    struct catalogue *c = NULL;
    char err[256] = "";
    const enum status st = catalogue_open(fuzz_file(data, size), &c, err, sizeof err);
    if (st) { /* compressed */
        require(st == ST_IO && !c && err[0] && memchr("\x1f\xfd\x28", data[0], 3));
        return 0;
    }
    static struct named lines[LINES_LIMIT + 1];
    char *copy = malloc(size + 1);
    require(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    const size_t n = read_naively(copy, size, lines);
    if (n != SIZE_MAX) {
        check_names(c, lines, n);
    }
    require(!catalogue_name(c, "nowhere", "nothing") || n > 0);
    free(copy);
    catalogue_free(c);
    return 0;
}
