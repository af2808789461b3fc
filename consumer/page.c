/* SPDX-License-Identifier: Apache-2.0
 * page.c -- see page.h. */
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "put.h"

enum { PAGE_FIRST = 4096 };

/* Where n bytes may be written; NULL: out of memory. */
static char *room(struct page *p, size_t n) {
    if (p->broken) {
        return NULL;
    }
    if (n > p->cap - p->len) {
        size_t cap = p->cap > 0 ? 2 * p->cap : (size_t)PAGE_FIRST;
        cap = cap - p->len < n ? p->len + n : cap;
        char *text = realloc(p->text, cap);
        if (!text) {
            p->broken = true;
            return NULL;
        }
        p->text = text;
        p->cap = cap;
    }
    return p->text + p->len;
}

static void wrote(struct page *p, const char *end) {
    p->len = (size_t)(end - p->text);
}

/* Comma and key of a value that has at most n bytes; NULL: out of memory. */
static char *value(struct page *p, const char *key, size_t n) {
    const size_t key_len = key ? strlen(key) : 0;
    char *at = room(p, n + PUT_ESCAPE_MAX * key_len + 4);
    if (!at) {
        return NULL;
    }
    if (p->comma) {
        *at++ = ',';
    }
    if (key) {
        at = put_string(at, key, key_len);
        *at++ = ':';
    }
    p->comma = true;
    return at;
}

void page_open(struct page *p, const char *key, char bracket) {
    char *at = value(p, key, 1);
    if (at) {
        *at++ = bracket;
        wrote(p, at);
        p->comma = false;
    }
}

void page_close(struct page *p, char bracket) {
    char *at = room(p, 1);
    if (at) {
        *at++ = bracket;
        wrote(p, at);
        p->comma = true;
    }
}

void page_string(struct page *p, const char *key, const char *text, size_t len) {
    char *at = value(p, key, PUT_ESCAPE_MAX * len + 4);
    if (at) {
        wrote(p, text ? put_string(at, text, len) : put_text(at, "null"));
    }
}

void page_text(struct page *p, const char *key, const char *text) {
    page_string(p, key, text, text ? strlen(text) : 0);
}

void page_u64(struct page *p, const char *key, uint64_t v) {
    char *at = value(p, key, PUT_NUMBER_MAX);
    if (at) {
        wrote(p, put_u64(at, v));
    }
}

void page_i64(struct page *p, const char *key, int64_t v) {
    char *at = value(p, key, PUT_NUMBER_MAX);
    if (at) {
        wrote(p, put_i64(at, v));
    }
}

void page_number(struct page *p, const char *key, double v) {
    char *at = value(p, key, PUT_NUMBER_MAX);
    if (at) {
        wrote(p, put_number(at, v));
    }
}

void page_flag(struct page *p, const char *key, bool v) {
    char *at = value(p, key, PUT_NUMBER_MAX);
    if (at) {
        wrote(p, put_text(at, v ? "true" : "false"));
    }
}

void page_null(struct page *p, const char *key) {
    page_string(p, key, NULL, 0);
}

char *page_take(struct page *p) {
    char *at = room(p, 2);
    char *text = NULL;
    if (at) {
        memcpy(at, "\n", 2);
        text = p->text;
        p->text = NULL;
    }
    page_free(p);
    return text;
}

void page_free(struct page *p) {
    free(p->text);
    *p = (struct page){0};
}
