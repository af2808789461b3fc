/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_decode.c -- what holds for every pair of schemas and every body.
 *
 * The first byte chooses the pair of schemas: one of those here, and the rest is the body; or
 * else they are in the input too, as four texts that end with a zero byte each,
 *
 *     writer, reader ("": the same), paths (apart by spaces), anything; then the body
 *
 * where the fuzzer reaches the compiler of plans.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "fuzz.h"

enum { PATHS_MAX = 16 };

#define COURSE                                                                                     \
    "{\"type\":\"record\",\"name\":\"CourseView\",\"fields\":["                                    \
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"      \
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"course_id\",\"type\":\"string\"},"            \
    "{\"name\":\"action\",\"type\":{\"type\":\"enum\",\"name\":\"Action\",\"symbols\":["           \
    "\"VIEW\",\"ENROLL\",\"PURCHASE\",\"ORDER\",\"COMPLETE\",\"RATE\",\"LIKE\",\"SHARE\","         \
    "\"COMMENT\",\"REPORT\"],\"default\":\"VIEW\"},\"default\":\"ENROLL\"},"                       \
    "{\"name\":\"price\",\"type\":[\"null\",\"double\"],\"default\":null},"                        \
    "{\"name\":\"source\",\"type\":[\"null\",\"string\"],\"default\":null}]}"
#define COURSE_PATHS "event_id user_id ts course_id action price"

#define ORDER                                                                                      \
    "{\"type\":\"record\",\"name\":\"FoodOrder\",\"fields\":["                                     \
    "{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"user_id\",\"type\":\"string\"},"      \
    "{\"name\":\"ts\",\"type\":\"long\"},"                                                         \
    "{\"name\":\"restaurant_id\",\"type\":[\"null\",\"string\"],\"default\":null},"                \
    "{\"name\":\"currency\",\"type\":[\"null\",\"string\"],\"default\":null},"                     \
    "{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","             \
    "\"name\":\"OrderLine\",\"aliases\":[\"L\"],\"fields\":["                                      \
    "{\"name\":\"dish_id\",\"type\":\"string\"},"                                                  \
    "{\"name\":\"quantity\",\"type\":\"double\",\"default\":1},"                                   \
    "{\"name\":\"amount\",\"type\":\"double\",\"default\":0}]}}}]}"
#define ORDER_PATHS "event_id user_id ts lines[] lines[].dish_id lines[].quantity lines[].amount"

#define EVOLVED_COURSE                                                                             \
    "{\"type\":\"record\",\"name\":\"C\",\"fields\":["                                             \
    "{\"name\":\"tree\",\"type\":{\"type\":\"record\",\"name\":\"Tree\",\"fields\":["              \
    "{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"kids\",\"type\":{\"type\":\"array\","           \
    "\"items\":\"Tree\"}}]}},"                                                                     \
    "{\"name\":\"quantity\",\"type\":[\"float\",\"null\"]},"                                       \
    "{\"name\":\"user_id\",\"type\":[\"null\",\"string\"]},"                                       \
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":"      \
    "[\"null\",\"bytes\",\"double\"]}}},"                                                          \
    "{\"name\":\"course_id\",\"type\":\"string\"},"                                                \
    "{\"name\":\"nulls\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"                       \
    "{\"name\":\"ts\",\"type\":[\"int\",\"long\"]},"                                               \
    "{\"name\":\"flags\",\"type\":{\"type\":\"fixed\",\"name\":\"Flags\",\"size\":3}},"            \
    "{\"name\":\"action\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"Action\","              \
    "\"symbols\":[\"VIEW\",\"BUY\",\"LIKE\"]}]},"                                                  \
    "{\"name\":\"price\",\"type\":[\"string\",\"long\"]},"                                         \
    "{\"name\":\"event_id\",\"type\":\"string\"},"                                                 \
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"K\",\"symbols\":[\"a\",\"b\"]}},"   \
    "{\"name\":\"on\",\"type\":\"boolean\"}]}"

#define EVOLVED_ORDER                                                                              \
    "{\"type\":\"record\",\"name\":\"O\",\"fields\":["                                             \
    "{\"name\":\"lines\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",{\"type\":"    \
    "\"record\",\"name\":\"L\",\"fields\":["                                                       \
    "{\"name\":\"extras\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"L\"]}},"              \
    "{\"name\":\"amount\",\"type\":\"int\"},{\"name\":\"dish_id\",\"type\":\"string\"},"           \
    "{\"name\":\"quantity\",\"type\":[\"long\",\"double\",\"null\"]}]}]}]},"                       \
    "{\"name\":\"ts\",\"type\":\"long\"},{\"name\":\"event_id\",\"type\":\"string\"},"             \
    "{\"name\":\"deep\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":"     \
    "{\"type\":\"map\",\"values\":\"long\"}}}},"                                                   \
    "{\"name\":\"user_id\",\"type\":\"string\"}]}"

static const struct {
    const char *writer, *reader, *paths;
} pairs[] = {
    {COURSE, COURSE, COURSE_PATHS},
    {ORDER, ORDER, ORDER_PATHS},
    {EVOLVED_COURSE, COURSE, COURSE_PATHS},
    {EVOLVED_ORDER, ORDER, ORDER_PATHS},
    {EVOLVED_COURSE, EVOLVED_COURSE,
     "tree.kids[].kids[].v tree.v tree.v quantity tags.a[] tags{} nulls[] flags action price on"},
    {EVOLVED_ORDER, EVOLVED_ORDER,
     "lines[].extras[].extras[] lines[].extras[].quantity lines[].quantity deep[][].k deep[][]{}"},
};

enum { PAIRS = sizeof pairs / sizeof pairs[0] };

/* A pair of schemas and the decoder between them; decoder NULL: there is none. */
struct pair {
    struct schema *writer, *reader;
    struct decoder *decoder;
    size_t n_wants;
};

static void pair_free(struct pair *p) {
    decoder_free(p->decoder);
    schema_free(p->writer);
    schema_free(p->reader);
    *p = (struct pair){0};
}

static struct schema *parsed(const char *json) {
    struct schema *s = NULL;
    char err[256] = "";
    const enum status st = schema_parse(json, strlen(json), &s, err, sizeof err);
    require(st == ST_OK || (st == ST_INVALID && err[0] != '\0' && !s));
    return s;
}

/* What a configuration asks of a path agrees with what a decoder makes of it. */
static void check_path(const struct schema *s, const char *path) {
    uint32_t node = UINT32_MAX;
    uint32_t items = UINT32_MAX;
    char err[64] = "";
    const enum status st = schema_path(s, path, &node, &items, err, sizeof err);
    require(st == ST_OK || (st == ST_INVALID && err[0] != '\0' && node == UINT32_MAX));
    require(st || node < s->n_nodes);
}

static void compile(struct pair *p, const char *writer, const char *reader, const char *paths,
                    bool any_root) {
    char names[512];
    struct want wants[PATHS_MAX];
    p->writer = parsed(writer);
    p->reader = parsed(*reader ? reader : writer);
    if (!p->writer || !p->reader) {
        return;
    }
    snprintf(names, sizeof names, "%s", paths);
    char *save = NULL;
    for (char *path = strtok_r(names, " ", &save); path && p->n_wants < PATHS_MAX;
         path = strtok_r(NULL, " ", &save)) {
        wants[p->n_wants] = (struct want){path, (uint16_t)(p->n_wants + 1)};
        p->n_wants++;
        check_path(p->reader, path);
    }
    const struct decoder_spec spec = {.writer = p->writer,
                                      .reader = p->reader,
                                      .wants = wants,
                                      .n_wants = p->n_wants,
                                      .any_root = any_root};
    char err[256] = "";
    const enum status st = decoder_new(&spec, &p->decoder, err, sizeof err);
    require(st == ST_OK || (st == ST_INVALID && err[0] != '\0' && !p->decoder));
    schema_free(p->writer); /* the decoder needs it no longer */
    p->writer = NULL;
}

/* Reads every byte of every text, which ASan watches; arrays and maps are closed as opened. */
static void check_tape(const struct pair *p, const struct tape *t) {
    require(t->n <= TAPE_VALUES_MAX);
    unsigned sum = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct value *v = &t->values[i];
        require(v->type <= VALUE_END && v->tag <= p->n_wants);
        const bool text = v->type == VALUE_TEXT || v->type == VALUE_SYMBOL || v->type == VALUE_KEY;
        require(text || v->len == 0);
        require(v->tag > 0 || v->type >= VALUE_ITEM);
        require(v->type != VALUE_BOOLEAN || v->i == 0 || v->i == 1);
        for (uint32_t k = 0; text && k < v->len; k++) {
            sum += (unsigned char)v->text[k];
        }
    }
    static volatile unsigned sink;
    sink = sum;
    (void)sink;
}

static void run(const struct pair *p, const uint8_t *body, size_t size) {
    static struct tape tape;
    const enum decode_error e = decode(p->decoder, body, size, &tape);
    require(e < DECODE_ERRORS);
    if (e) {
        return;
    }
    require(!decoder_unreadable(p->decoder));
    check_tape(p, &tape);
    /* every value takes bytes, so a shorter body is another error, never another event */
    require(size == 0 || decode(p->decoder, body, size - 1, &tape) == DECODE_SHORT);
}

/* The next of the input's texts, or NULL: there is none. */
static const char *text(const uint8_t **data, size_t *size) {
    const uint8_t *zero = memchr(*data, 0, *size);
    if (!zero) {
        return NULL;
    }
    const char *found = (const char *)*data;
    *size -= (size_t)(zero + 1 - *data);
    *data = zero + 1;
    return found;
}

static void run_input(const uint8_t *data, size_t size, bool any_root) {
    const char *writer = text(&data, &size);
    const char *reader = writer ? text(&data, &size) : NULL;
    const char *paths = reader ? text(&data, &size) : NULL;
    if (!paths || !text(&data, &size)) {
        return;
    }
    struct pair p = {0};
    compile(&p, writer, reader, paths, any_root);
    if (p.decoder) {
        run(&p, data, size);
    }
    pair_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct pair compiled[PAIRS]; /* at first use, and kept: plans never change */
    if (size == 0) {
        return 0;
    }
    const size_t which = data[0];
    if (which >= PAIRS) {
        run_input(data + 1, size - 1, which % 2 == 0);
        return 0;
    }
    if (!compiled[which].decoder) {
        compile(&compiled[which], pairs[which].writer, pairs[which].reader, pairs[which].paths,
                true);
        require(compiled[which].decoder != NULL);
    }
    run(&compiled[which], data + 1, size - 1);
    return 0;
}
