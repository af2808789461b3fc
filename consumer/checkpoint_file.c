/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint_file.c -- see checkpoint_file.h. The layout is that of LMDB 0.9 on machines of 64
 * bits, in their byte order:
 *
 *     page    number u64 | pad u16 | flags u16 | lower u16, upper u16 (or pages u32) | offsets u16
 *             ... | free | nodes
 *     node    low u16, high u16 | flags u16 | key length u16 | key | value
 *             leaf: low and high are the value's length; branch: with flags, the child's number
 *     meta    page header | magic u32, version u32 | address u64 | map size u64 | two trees:
 *             pad u32 (of the first: page size), flags u16, depth u16, branch, leaf and overflow
 *             pages, entries, root u64 | last page u64 | transaction u64
 *
 * A value that is too large for a page (flag BIG) is the number of the first of several pages. The
 * first tree has the free pages: key a transaction, value a count and so many numbers.
 */
#include "checkpoint_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD = 16, /* of a page */
    NODE = 8,  /* of a node */
    TREE = 48, /* in a meta page */
    META_BYTES = HEAD + 24 + 2 * TREE + 16,
    PAGE_MIN = 512,
    PAGE_MAX = 32768,
    DEPTH_MAX = 32, /* LMDB's cursors have no more */
    KEY_MAX = 511,
    FIRST_PAGE = 2, /* after the meta pages */
};

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum { NODE_BIG = 1 };
enum { TREE_FREE = 0, TREE_RECORDS = 1 };

#define MAGIC   UINT32_C(0xBEEFC0DE)
#define VERSION UINT32_C(1)
#define NO_PAGE UINT64_MAX
/* Free pages behind the end of the file: as many as one transaction may give up again. */
#define BEYOND_MAX (UINT64_C(1) << 24)

struct tree {
    uint16_t flags, depth;
    uint64_t entries, root;
};

struct meta {
    uint32_t page;
    struct tree trees[2];
    uint64_t last, txn;
};

struct view { /* bytes that belong to a page in memory */
    const uint8_t *at;
    size_t len;
};

struct look {
    int fd;
    uint64_t n_pages; /* whole ones in the file */
    struct meta meta;
    uint8_t *used;    /* (meta.last / 8 + 1,): a bit a page that was met */
    uint8_t *levels;  /* (depth, page): the page read at each level */
    uint64_t entries; /* met in the tree under way */
    uint16_t depth;   /* of the tree under way */
    bool free_tree;
    enum status status; /* the first that went wrong */
    char *why;
    size_t why_len;
};

/* ---- reading ----------------------------------------------------------------------------- */

static uint16_t u16_at(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t u32_at(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t u64_at(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Keeps the first; false for `return wrong(...)`. */
__attribute__((format(printf, 3, 4))) static bool wrong(struct look *l, enum status st,
                                                        const char *format, ...) {
    va_list args;
    if (!l->status) {
        va_start(args, format);
        vsnprintf(l->why, l->why_len, format, args);
        va_end(args);
        l->status = st;
    }
    return false;
}

static bool read_at(struct look *l, void *to, size_t len, uint64_t at) {
    size_t done = 0;
    while (done < len) {
        const ssize_t n = pread(l->fd, (char *)to + done, len - done, (off_t)(at + done));
        if (n == 0) {
            return wrong(l, ST_INVALID, "it ends at byte %" PRIu64, at + done);
        }
        if (n < 0 && errno != EINTR) {
            return wrong(l, ST_IO, "byte %" PRIu64 ": %s", at + done, strerror(errno));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* A page is met: once. */
static bool meet(struct look *l, uint64_t page) {
    if (page < FIRST_PAGE || page > l->meta.last) {
        return wrong(l, ST_INVALID, "it names page %" PRIu64 ", the last is %" PRIu64, page,
                     l->meta.last);
    }
    const uint8_t bit = (uint8_t)(1U << (page & 7));
    if (l->used[page >> 3] & bit) {
        return wrong(l, ST_INVALID, "page %" PRIu64 " is in two places", page);
    }
    l->used[page >> 3] |= bit;
    return true;
}

/* The same of a page that must be there. */
static bool meet_present(struct look *l, uint64_t page) {
    return meet(l, page) &&
           (page < l->n_pages || wrong(l, ST_INVALID, "page %" PRIu64 " was cut off", page));
}

/* ---- values in pages of their own, lists of free pages ------------------------------------ */

/* The pages of a value of `len` bytes from `page` on. There are more than it needs where a commit
 * has put a larger one before, as lists of free pages are put again and again. */
static bool look_at_big(struct look *l, uint64_t page, uint32_t len) {
    uint8_t head[HEAD];
    const uint64_t least = ((uint64_t)len + HEAD - 1) / l->meta.page + 1;
    if (!meet_present(l, page) || !read_at(l, head, HEAD, page * l->meta.page)) {
        return false;
    }
    const uint64_t n = u32_at(head + 12);
    if (u64_at(head) != page || u16_at(head + 10) != PAGE_OVERFLOW || n < least) {
        return wrong(l, ST_INVALID, "page %" PRIu64 " does not begin the value that it should",
                     page);
    }
    for (uint64_t k = 1; k < n; k++) {
        if (!meet_present(l, page + k)) {
            return false;
        }
    }
    return true;
}

/* A count and so many numbers, the largest first. */
static bool look_at_free(struct look *l, const uint8_t *list, uint32_t len) {
    const uint64_t n = len >= 8 ? u64_at(list) : UINT64_MAX;
    uint64_t before = UINT64_MAX;
    if (n > len / 8 - 1) {
        return wrong(l, ST_INVALID, "a list of free pages is longer than its record");
    }
    for (uint64_t k = 1; k <= n; k++) {
        const uint64_t page = u64_at(list + 8 * k);
        if (page >= before) {
            return wrong(l, ST_INVALID, "a list of free pages is not in order");
        }
        if (!meet(l, page)) {
            return false;
        }
        before = page;
    }
    return true;
}

static bool look_at_big_free(struct look *l, uint64_t page, uint32_t len) {
    uint8_t *list = malloc((size_t)len + 1);
    const bool ok = (list || wrong(l, ST_NOMEM, "%s", status_str(ST_NOMEM))) &&
                    read_at(l, list, len, page * l->meta.page + HEAD) && look_at_free(l, list, len);
    free(list);
    return ok;
}

static bool look_at_value(struct look *l, const uint8_t *node) {
    const uint32_t len = u16_at(node) | (uint32_t)u16_at(node + 2) << 16;
    const uint8_t *value = node + NODE + u16_at(node + 6);
    if (u16_at(node + 4) == 0) {
        return !l->free_tree || look_at_free(l, value, len);
    }
    return look_at_big(l, u64_at(value), len) &&
           (!l->free_tree || look_at_big_free(l, u64_at(value), len));
}

/* ---- one page ---------------------------------------------------------------------------- */

static uint64_t child_of(const uint8_t *node) {
    return u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
}

static struct view key_of(const uint8_t *node) {
    return (struct view){node + NODE, u16_at(node + 6)};
}

/* Below, at or above 0, as LMDB orders the keys of the tree. */
static int compare(const struct look *l, struct view a, struct view b) {
    if (l->free_tree) {
        const uint64_t x = u64_at(a.at);
        const uint64_t y = u64_at(b.at);
        return (x > y) - (x < y);
    }
    const int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Bytes that a node takes, from `at` to the end of the page at most; 0: it does not fit. */
static uint32_t size_of(const struct look *l, const uint8_t *p, uint32_t at, bool leaf) {
    const uint32_t room = l->meta.page - at;
    if (room < NODE) {
        return 0;
    }
    const uint8_t *node = p + at;
    uint64_t size = NODE + (uint64_t)u16_at(node + 6);
    if (leaf) {
        const uint16_t flags = u16_at(node + 4);
        const uint32_t len = u16_at(node) | (uint32_t)u16_at(node + 2) << 16;
        if (flags > NODE_BIG) {
            return 0;
        }
        size += flags == NODE_BIG ? sizeof(uint64_t) : len;
    }
    size += size & 1;
    return size <= room ? (uint32_t)size : 0;
}

static int by_number(const void *a, const void *b) {
    const uint16_t *x = a;
    const uint16_t *y = b;
    return *x - *y;
}

/* The nodes of a page lie one behind the other from `upper` to its end. */
static bool nodes_fit(const struct look *l, const uint8_t *p, uint32_t n, bool leaf) {
    uint16_t at[PAGE_MAX / 2];
    uint32_t expected = u16_at(p + 14);
    memcpy(at, p + HEAD, n * sizeof *at);
    qsort(at, n, sizeof *at, by_number);
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t size = at[k] == expected ? size_of(l, p, at[k], leaf) : 0;
        if (size == 0) {
            return false;
        }
        expected += size;
    }
    return expected == l->meta.page;
}

static bool keys_in_order(const struct look *l, const uint8_t *p, uint32_t n, bool leaf,
                          const struct view bounds[2]) {
    struct view before = bounds[0];
    for (uint32_t k = leaf ? 0 : 1; k < n; k++) { /* a branch's first key is not looked at */
        const struct view key = key_of(p + u16_at(p + HEAD + (size_t)2 * k));
        if (key.len == 0 || key.len > KEY_MAX || (l->free_tree && key.len != 8)) {
            return false;
        }
        const int step = before.at ? compare(l, key, before) : 1;
        if (step < 0 || (step == 0 && k > (leaf ? 0U : 1U))) {
            return false;
        }
        before = key;
    }
    return !bounds[1].at || !before.at || compare(l, before, bounds[1]) < 0;
}

/* Reads a page of the tree and looks at what is in it; its nodes: *n. */
static bool look_at_page(struct look *l, uint64_t page, uint32_t level, const struct view bounds[2],
                         uint32_t *n) {
    uint8_t *p = l->levels + (size_t)level * l->meta.page;
    const bool leaf = level + 1U == l->depth;
    if (!meet_present(l, page) || !read_at(l, p, l->meta.page, page * l->meta.page)) {
        return false;
    }
    const uint16_t lower = u16_at(p + 12);
    const uint16_t upper = u16_at(p + 14);
    if (u64_at(p) != page || u16_at(p + 10) != (leaf ? PAGE_LEAF : PAGE_BRANCH) || lower < HEAD ||
        lower % 2 || lower > upper || upper > l->meta.page) {
        return wrong(l, ST_INVALID, "page %" PRIu64 " has a damaged head", page);
    }
    *n = (lower - (uint32_t)HEAD) / 2;
    if (*n < (leaf ? 1U : 2U) || !nodes_fit(l, p, *n, leaf)) {
        return wrong(l, ST_INVALID, "page %" PRIu64 " has damaged lengths", page);
    }
    return keys_in_order(l, p, *n, leaf, bounds) ||
           wrong(l, ST_INVALID, "page %" PRIu64 " has keys that are out of order", page);
}

/* ---- trees ------------------------------------------------------------------------------- */

/* bounds: keys are not below the first and below the second; at NULL: none. */
static bool look_below(struct look *l, uint64_t page, uint32_t level, const struct view bounds[2]) {
    uint32_t n = 0;
    if (!look_at_page(l, page, level, bounds, &n)) {
        return false;
    }
    const uint8_t *p = l->levels + (size_t)level * l->meta.page;
    const bool leaf = level + 1U == l->depth;
    l->entries += leaf ? n : 0;
    for (uint32_t k = 0; k < n; k++) {
        const uint8_t *node = p + u16_at(p + HEAD + (size_t)2 * k);
        if (leaf) {
            if (!look_at_value(l, node)) {
                return false;
            }
            continue;
        }
        struct view within[2] = {bounds[0], bounds[1]};
        if (k > 0) {
            within[0] = key_of(node);
        }
        if (k + 1 < n) {
            within[1] = key_of(p + u16_at(p + HEAD + (size_t)2 * (k + 1)));
        }
        if (!look_below(l, child_of(node), level + 1, within)) {
            return false;
        }
    }
    return true;
}

static bool look_at_tree(struct look *l, int which) {
    const struct tree *t = &l->meta.trees[which];
    const struct view all[2] = {{NULL, 0}, {NULL, 0}};
    if (t->root == NO_PAGE) {
        return (t->depth == 0 && t->entries == 0) ||
               wrong(l, ST_INVALID, "a meta page says that records are nowhere");
    }
    if (t->depth == 0 || t->depth > DEPTH_MAX) {
        return wrong(l, ST_INVALID, "a meta page says that a tree has %u levels", t->depth);
    }
    l->free_tree = which == TREE_FREE;
    l->depth = t->depth;
    l->entries = 0;
    l->levels = malloc((size_t)t->depth * l->meta.page);
    if (!l->levels) {
        return wrong(l, ST_NOMEM, "%s", status_str(ST_NOMEM));
    }
    const bool ok = look_below(l, t->root, 0, all) &&
                    (l->entries == t->entries ||
                     wrong(l, ST_INVALID, "%" PRIu64 " records where it says %" PRIu64, l->entries,
                           t->entries));
    free(l->levels);
    l->levels = NULL;
    return ok;
}

/* ---- meta pages -------------------------------------------------------------------------- */

static struct tree tree_at(const uint8_t *p) {
    return (struct tree){.flags = u16_at(p + 4),
                         .depth = u16_at(p + 6),
                         .entries = u64_at(p + 32),
                         .root = u64_at(p + 40)};
}

static bool read_meta(struct look *l, uint64_t at, struct meta *out) {
    enum { TREES = HEAD + 24, INTEGER_KEYS = 8 };
    uint8_t b[META_BYTES];
    if (!read_at(l, b, sizeof b, at)) {
        return false;
    }
    if (u16_at(b + 10) != PAGE_META || u32_at(b + HEAD) != MAGIC) {
        return wrong(l, ST_INVALID, "byte %" PRIu64 " begins no meta page of LMDB", at);
    }
    if (u32_at(b + HEAD + 4) != VERSION) {
        return wrong(l, ST_RANGE, "its format is LMDB's %" PRIu32 ", not %" PRIu32,
                     u32_at(b + HEAD + 4), VERSION);
    }
    *out = (struct meta){.page = u32_at(b + TREES),
                         .trees = {tree_at(b + TREES), tree_at(b + TREES + TREE)},
                         .last = u64_at(b + TREES + (size_t)2 * TREE),
                         .txn = u64_at(b + TREES + (size_t)2 * TREE + 8)};
    const uint32_t page = out->page;
    const bool ok = page >= PAGE_MIN && page <= PAGE_MAX && (page & (page - 1)) == 0 &&
                    out->trees[TREE_FREE].flags == INTEGER_KEYS &&
                    out->trees[TREE_RECORDS].flags == 0 && out->txn < UINT64_MAX / 2;
    return ok || wrong(l, ST_INVALID, "the meta page at byte %" PRIu64 " is damaged", at);
}

static bool look_at_metas(struct look *l, uint64_t bytes) {
    struct meta first = {0};
    struct meta second = {0};
    if (!read_meta(l, 0, &first) || !read_meta(l, first.page, &second)) {
        return false;
    }
    if (first.page == 0 || first.page != second.page) {
        return wrong(l, ST_INVALID, "its meta pages differ in the size of a page");
    }
    l->meta = second.txn > first.txn ? second : first;
    l->n_pages = bytes / l->meta.page;
    return (l->meta.last >= FIRST_PAGE - 1 && l->meta.last < l->n_pages + BEYOND_MAX) ||
           wrong(l, ST_INVALID, "it says that its last page is %" PRIu64 " and has %" PRIu64,
                 l->meta.last, l->n_pages);
}

enum status checkpoint_file_look(int fd, struct checkpoint_file *out, char *why, size_t why_len) {
    struct look l = {.fd = fd, .why = why, .why_len = why_len};
    struct stat st;
    if (fstat(fd, &st)) {
        snprintf(why, why_len, "%s", strerror(errno));
        return ST_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, why_len, "it is no file");
        return ST_IO;
    }
    if (st.st_size == 0) {
        *out = (struct checkpoint_file){.bytes = 0};
        return ST_OK;
    }
    if (!look_at_metas(&l, (uint64_t)st.st_size)) {
        return l.status;
    }
    l.used = calloc((size_t)(l.meta.last / 8 + 1), 1);
    if (!l.used) {
        wrong(&l, ST_NOMEM, "%s", status_str(ST_NOMEM));
    } else if (look_at_tree(&l, TREE_RECORDS)) {
        look_at_tree(&l, TREE_FREE);
    }
    free(l.used);
    if (!l.status) {
        *out = (struct checkpoint_file){.bytes = (uint64_t)st.st_size,
                                        .entries = l.meta.trees[TREE_RECORDS].entries,
                                        .page = l.meta.page};
    }
    return l.status;
}
