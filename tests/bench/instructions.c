/* SPDX-License-Identifier: Apache-2.0
 *
 * instructions.c -- the paths that are counted by instructions.sh: a guard against a path that
 * became several times as long, the same on every machine and under any load.
 *
 *     bench_instructions
 *
 * Runs count_decode(), count_learn() and count_rank() once each, under callgrind, which collects
 * inside one of them. Prints how often each did its thing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "decode.h"
#include "encode.h"
#include "factors.h"
#include "hash.h"
#include "instance.h"
#include "learner.h"
#include "mapping.h"
#include "mix.h"

enum {
    BEFORE = 3000,
    EVENTS = 300,
    LISTS = 100,
    BODIES = 1000,
    USERS = 100,
    ITEMS = 400,
    NAME = 16
};

/* What the counted functions work on; one type for all, so that they can be called through a table,
 * by which no compiler inlines or specialises them. */
struct bed {
    const struct config *cfg;
    struct decoder *decoder;
    struct mapping *mapping;
    uint8_t body[512];
    size_t len;
    struct learner *learner;
    struct rng rng;
};

void count_decode(struct bed *b);
void count_learn(struct bed *b);
void count_rank(struct bed *b);

static void (*const volatile counted[])(struct bed *b) = {count_decode, count_learn, count_rank};

static void must(enum status st, const char *what) {
    if (st) {
        fprintf(stderr, "bench_instructions: %s: %s\n", what, status_str(st));
        exit(1);
    }
}

/* ---- decode --------------------------------------------------------------------------------- */

void count_decode(struct bed *b) {
    static struct tape tape;
    static struct decoded_line lines[EVENT_LINES_MAX];
    for (int k = 0; k < BODIES; k++) {
        struct decoded event = {.lines = lines};
        if (decode(b->decoder, b->body, b->len, &tape) ||
            mapping_read_event(b->mapping, &tape, &event)) {
            must(ST_INVALID, "decode");
        }
    }
}

static void decode_some(struct bed *b) {
    enum { WIRE = 5 };
    struct decoded_line line = {.item = "course-17", .item_len = 9, .quantity = 1, .amount = 19.9};
    const struct decoded event = {.event_id = "3f2a9c64-77aa-4b1e-9d0e-000000000001",
                                  .event_id_len = 36,
                                  .user_id = "user-123456",
                                  .user_id_len = 11,
                                  .ts_ms = INT64_C(1790000000000),
                                  .action = ACTION_ENROLL,
                                  .n_lines = 1,
                                  .lines = &line};
    const char *json = shipped_json(READER_COURSE_VIEW);
    struct encoder *encoder = NULL;
    struct schema *writer = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    must(encoder_new(READER_COURSE_VIEW, 1, &encoder), "encoder_new");
    must(encode(encoder, &event, b->body, sizeof b->body, &b->len), "encode");
    b->len -= WIRE;
    memmove(b->body, b->body + WIRE, b->len);
    must(mapping_new(b->cfg, &b->cfg->topics[0], &b->mapping, err), "mapping_new");
    must(schema_parse(json, strlen(json), &writer, err, sizeof err), "schema_parse");
    must(mapping_decoder(b->mapping, writer, &b->decoder, err, sizeof err), "mapping_decoder");
    counted[0](b);
    decoder_free(b->decoder);
    schema_free(writer);
    mapping_free(b->mapping);
    encoder_free(encoder);
}

/* ---- learn, rank ---------------------------------------------------------------------------- */

static uint64_t user_hash(uint32_t user) {
    char name[NAME];
    snprintf(name, sizeof name, "u%u", user);
    return hash_id(name, strlen(name));
}

static void learn(struct bed *b, uint64_t n) {
    char name[NAME];
    char id[NAME];
    const uint32_t user = rng_below(&b->rng, USERS);
    const uint8_t domain = (uint8_t)rng_below(&b->rng, 2);
    const uint32_t item =
        (user % 20 * 15 + rng_below(&b->rng, 1 + rng_below(&b->rng, 100))) % ITEMS;
    struct learner_effect effect;
    snprintf(name, sizeof name, "u%u", user);
    snprintf(id, sizeof id, "%c%u", domain ? 'f' : 'c', item);
    struct event_line line = {.item = hash_item(b->cfg->domains[domain].name, id, strlen(id)),
                              .id = id,
                              .id_len = (uint16_t)strlen(id),
                              .quantity = 1.0F};
    struct event e = {.id = n + 1,
                      .user = user_hash(user),
                      .ts_ms = INT64_C(1767571200000) + (int64_t)n * 60000,
                      .offset = (int64_t)n,
                      .user_id = name,
                      .user_id_len = (uint16_t)strlen(name),
                      .domain = domain,
                      .topic = domain,
                      .action = domain ? ACTION_ORDER : ACTION_VIEW,
                      .weight = 1.0F,
                      .n_lines = 1,
                      .lines = &line};
    must(learner_learn(b->learner, 0, &e, &effect), "learner_learn");
}

void count_learn(struct bed *b) {
    for (uint32_t k = 0; k < EVENTS; k++) {
        learn(b, BEFORE + k);
    }
}

void count_rank(struct bed *b) {
    static struct list list;
    struct learner *l = b->learner;
    for (uint32_t k = 0; k < LISTS; k++) {
        const uint32_t slot = users_find(learner_users(l, 0), user_hash(k));
        must(learner_rank(l, 0, slot, (uint8_t)(k % 2), learner_stream_ms(l), 10, &list),
             "learner_rank");
    }
}

int main(void) {
    static struct config cfg; /* large */
    static struct bed b = {.cfg = &cfg, .rng = {11}};
    factors_blas_threads(1);
    config_defaults(&cfg);
    cfg.state = STATE_MEMORY;
    const struct learner_params params = instance_learner_params(&cfg);
    decode_some(&b);
    must(learner_new(&params, &b.learner), "learner_new");
    must(learner_task_open(b.learner, 0), "learner_task_open");
    for (uint64_t n = 0; n < BEFORE; n++) {
        learn(&b, n);
    }
    counted[1](&b);
    counted[2](&b);
    learner_free(b.learner);
    printf("count_decode %d\ncount_learn %d\ncount_rank %d\n", BODIES, EVENTS, LISTS);
    return 0;
}
