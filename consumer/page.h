/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h -- JSON that grows as it is written: answers to people's questions.
 *
 *     struct page p = {0};
 *     page_open(&p, NULL, '{');
 *     page_text(&p, "user", "u17");
 *     page_open(&p, "items", '[');  page_u64(&p, NULL, 7);  page_close(&p, ']');
 *     page_close(&p, '}');
 *     char *text = page_take(&p);            {"user":"u17","items":[7]}\n, or NULL
 *
 * Commas come by themselves. In a list the key is NULL. Out of memory is remembered: whatever
 * follows does nothing, and page_take() says so. What is known to be short is written by put.h.
 *
 * Ownership: the page owns its text until page_take() or page_free(). Threads: one.
 */
#ifndef PAGE_H
#define PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page { /* all zero: empty */
    char *text;
    size_t len, cap;
    bool comma;  /* the next value needs one before it */
    bool broken; /* out of memory */
};

/** bracket: '{' or '['; its other half closes it. */
void page_open(struct page *p, const char *key, char bracket);
void page_close(struct page *p, char bracket);

/** Bytes of any kind become UTF-8 (put_string()). text NULL: null. */
void page_string(struct page *p, const char *key, const char *text, size_t len);
void page_text(struct page *p, const char *key, const char *text);
void page_u64(struct page *p, const char *key, uint64_t v);
void page_i64(struct page *p, const char *key, int64_t v);
/** null for what is no number of JSON. */
void page_number(struct page *p, const char *key, double v);
void page_flag(struct page *p, const char *key, bool v);
void page_null(struct page *p, const char *key);

/** The text with a line end, malloc'ed; the page is empty then. NULL: out of memory. */
char *page_take(struct page *p);
void page_free(struct page *p);

#endif
