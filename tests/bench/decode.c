/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c -- nanoseconds of CPU an event: crossrec's decoder, and decoder and field mapping,
 * beside avro-c's generic path, on the same bytes, in one run.
 *
 *     tests/bench/decode.sh [ROUNDS]
 *
 * Each case is a writer schema and one thousand different bodies. In every round each side decodes
 * all of them several times, the sides in turn; the table shows medians over the rounds, and the
 * medians of the ratios within a round:
 *     decoded    decode(): resolution to the reader's schema, wanted values on the tape
 *     read       avro_value_read() into a generic value by the writer's schema: avro-c resolves
 *                neither defaults nor aliases, so it does less
 *     mapped     decode() and mapping_read_event(): an event
 *     fetched    avro_value_read(), and each field that the mapping wants, got by its name
 */
#include <avro.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "decode.h"
#include "mapping.h"
#include "mix.h"
#include "sample.h"
#include "shipped.h"

enum { BODIES = 1000, BODY_MAX = 4096, REPEATS = 20, ROUNDS_MAX = 101, LINES = 5 };

struct body {
    size_t len;
    uint8_t bytes[BODY_MAX];
};

struct bench_case {
    const char *name;
    const char *writer; /* JSON */
    uint32_t topic;     /* of the default configuration */
    void (*fill)(struct body *b, struct rng *rng);
};

static struct body bodies[BODIES];

static _Noreturn void die(const char *what) {
    fprintf(stderr, "decode: %s\n", what);
    exit(1);
}

/* ---- bodies --------------------------------------------------------------------------------- */

static void put_long(struct body *b, int64_t v) {
    uint64_t x = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    for (; x >= 0x80; x >>= 7) {
        b->bytes[b->len++] = (uint8_t)(x | 0x80);
    }
    b->bytes[b->len++] = (uint8_t)x;
}

static void put_text(struct body *b, const char *prefix, uint64_t n) {
    char text[64];
    const int len = snprintf(text, sizeof text, "%s%" PRIu64, prefix, n);
    put_long(b, len);
    memcpy(b->bytes + b->len, text, (size_t)len);
    b->len += (size_t)len;
}

static void put_double(struct body *b, double v) {
    memcpy(b->bytes + b->len, &v, sizeof v);
    b->len += sizeof v;
}

static void put_head(struct body *b, struct rng *rng) {
    put_text(b, "3f2a9c64-77aa-4b1e-9d0e-", rng_next(rng) % 1000000000000U);
    put_text(b, "user-", rng_below(rng, 1000000));
    put_long(b, INT64_C(1790000000000) + rng_below(rng, 1000000000));
}

static void fill_view(struct body *b, struct rng *rng) {
    put_head(b, rng);
    put_text(b, "course-", rng_below(rng, 10000));
    put_long(b, rng_below(rng, 10));
    put_long(b, 1);
    put_double(b, 19.9);
    put_long(b, 0);
}

static void fill_order(struct body *b, struct rng *rng) {
    put_head(b, rng);
    put_long(b, 1);
    put_text(b, "restaurant-", rng_below(rng, 1000));
    put_long(b, 0);
    put_long(b, LINES);
    for (int k = 0; k < LINES; k++) {
        put_text(b, "dish-", rng_below(rng, 10000));
        put_double(b, 1);
        put_double(b, 7.5);
        put_double(b, 0);
    }
    put_long(b, 0);
}

/* Another order of fields, a nested record and an array to be skipped, int for the price, no
 * source: its reader takes a promotion and two defaults. */
static const char evolved[] =
    "{\"type\":\"record\",\"name\":\"CourseView\",\"namespace\":\"crossrec\",\"fields\":["
    "{\"name\":\"device\",\"type\":{\"type\":\"record\",\"name\":\"Device\",\"fields\":["
    "{\"name\":\"os\",\"type\":\"string\"},{\"name\":\"version\",\"type\":\"int\"}]}},"
    "{\"name\":\"course_id\",\"type\":\"string\"},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"user_id\",\"type\":\"string\"},"
    "{\"name\":\"ts\",\"type\":\"long\"},"
    "{\"name\":\"price\",\"type\":[\"null\",\"int\"]},"
    "{\"name\":\"event_id\",\"type\":\"string\"}]}";

static void fill_evolved(struct body *b, struct rng *rng) {
    put_text(b, "android-", rng_below(rng, 20));
    put_long(b, rng_below(rng, 100000));
    put_text(b, "course-", rng_below(rng, 10000));
    put_long(b, 3);
    for (int k = 0; k < 3; k++) {
        put_text(b, "tag-", rng_below(rng, 50));
    }
    put_long(b, 0);
    put_text(b, "user-", rng_below(rng, 1000000));
    put_long(b, INT64_C(1790000000000) + rng_below(rng, 1000000000));
    put_long(b, 1);
    put_long(b, 20);
    put_text(b, "3f2a9c64-77aa-4b1e-9d0e-", rng_next(rng) % 1000000000000U);
}

/* ---- sides ----------------------------------------------------------------------------------- */

static uint64_t sink; /* so that nothing is optimised away */

struct ours {
    struct mapping *mapping;
    struct schema *writer;
    struct decoder *decoder;
    struct tape tape;
    struct decoded_line lines[EVENT_LINES_MAX];
};

static struct ours *ours_new(const struct config *cfg, const struct bench_case *c) {
    static struct ours o;
    char err[CONFIG_ERROR_MAX] = "";
    memset(&o, 0, sizeof o);
    if (mapping_new(cfg, &cfg->topics[c->topic], &o.mapping, err) ||
        schema_parse(c->writer, strlen(c->writer), &o.writer, err, sizeof err) ||
        mapping_decoder(o.mapping, o.writer, &o.decoder, err, sizeof err)) {
        die(err);
    }
    return &o;
}

static void ours_free(struct ours *o) {
    decoder_free(o->decoder);
    schema_free(o->writer);
    mapping_free(o->mapping);
}

static double time_ours(struct ours *o, bool map) {
    const double start = sample_cpu_ns();
    for (int r = 0; r < REPEATS; r++) {
        for (int k = 0; k < BODIES; k++) {
            struct decoded d;
            d.lines = o->lines;
            if (decode(o->decoder, bodies[k].bytes, bodies[k].len, &o->tape) ||
                (map && mapping_read_event(o->mapping, &o->tape, &d))) {
                die("a body was refused");
            }
            sink += map ? (uint64_t)d.ts_ms : o->tape.n;
        }
    }
    return (sample_cpu_ns() - start) / (REPEATS * BODIES);
}

struct theirs {
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_reader_t reader;
};

static void theirs_new(struct theirs *t, const struct bench_case *c) {
    if (avro_schema_from_json_length(c->writer, strlen(c->writer), &t->schema)) {
        die(avro_strerror());
    }
    t->class = avro_generic_class_from_schema(t->schema);
    t->reader = avro_reader_memory("", 0);
    if (!t->class || !t->reader || avro_generic_value_new(t->class, &t->value)) {
        die("avro-c");
    }
}

static void theirs_free(struct theirs *t) {
    avro_value_decref(&t->value);
    avro_value_iface_decref(t->class);
    avro_reader_free(t->reader);
    avro_schema_decref(t->schema);
}

/* Adds what a value holds to the sink: strings and numbers, through unions, of all items. */
static void fetch(avro_value_t *v) {
    const char *text;
    size_t len = 0;
    int64_t i = 0;
    int32_t n = 0;
    int symbol = 0;
    double d = 0;
    avro_value_t branch;
    switch (avro_value_get_type(v)) {
    case AVRO_STRING: avro_value_get_string(v, &text, &len); break;
    case AVRO_INT64: avro_value_get_long(v, &i); break;
    case AVRO_INT32: avro_value_get_int(v, &n); break;
    case AVRO_DOUBLE: avro_value_get_double(v, &d); break;
    case AVRO_ENUM: avro_value_get_enum(v, &symbol); break;
    case AVRO_UNION:
        avro_value_get_current_branch(v, &branch);
        fetch(&branch);
        break;
    default: break;
    }
    sink += len + (uint64_t)i + (uint64_t)n + (uint64_t)symbol + (uint64_t)d;
}

static void fetch_named(avro_value_t *record, const char *const *names) {
    avro_value_t field;
    for (; *names; names++) {
        if (!avro_value_get_by_name(record, *names, &field, NULL)) {
            fetch(&field);
        }
    }
}

static void fetch_all(avro_value_t *record) {
    static const char *const head[] = {"event_id", "user_id", "ts", "course_id",
                                       "action",   "price",   NULL};
    static const char *const line[] = {"dish_id", "quantity", "amount", "discount", NULL};
    avro_value_t lines;
    size_t n = 0;
    fetch_named(record, head);
    if (!avro_value_get_by_name(record, "lines", &lines, NULL)) {
        avro_value_get_size(&lines, &n);
    }
    for (size_t k = 0; k < n; k++) {
        avro_value_t item;
        avro_value_get_by_index(&lines, k, &item, NULL);
        fetch_named(&item, line);
    }
}

static double time_theirs(struct theirs *t, bool all) {
    const double start = sample_cpu_ns();
    for (int r = 0; r < REPEATS; r++) {
        for (int k = 0; k < BODIES; k++) {
            avro_reader_memory_set_source(t->reader, (const char *)bodies[k].bytes,
                                          (int64_t)bodies[k].len);
            avro_value_reset(&t->value);
            if (avro_value_read(t->reader, &t->value)) {
                die(avro_strerror());
            }
            if (all) {
                fetch_all(&t->value);
            }
        }
    }
    return (sample_cpu_ns() - start) / (REPEATS * BODIES);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void samples(const char *name, double tape, double read, double event, double fetched) {
    char what[96];
    snprintf(what, sizeof what, "decoded, %s", name);
    sample(what, "ns/event", tape, read, SAMPLE_NONE);
    snprintf(what, sizeof what, "mapped, %s", name);
    sample(what, "ns/event", event, fetched, SAMPLE_NONE);
}

/* True if it is fast enough. */
static bool run(const struct config *cfg, const struct bench_case *c, int rounds) {
    double tape[ROUNDS_MAX];
    double read[ROUNDS_MAX];
    double event[ROUNDS_MAX];
    double fetched[ROUNDS_MAX];
    double times[ROUNDS_MAX];
    double whole[ROUNDS_MAX];
    struct rng rng = {7};
    size_t bytes = 0;
    for (int k = 0; k < BODIES; k++) {
        bodies[k].len = 0;
        c->fill(&bodies[k], &rng);
        bytes += bodies[k].len;
    }
    struct ours *o = ours_new(cfg, c);
    struct theirs t;
    theirs_new(&t, c);
    for (int r = 0; r < rounds; r++) {
        tape[r] = time_ours(o, false);
        read[r] = time_theirs(&t, false);
        event[r] = time_ours(o, true);
        fetched[r] = time_theirs(&t, true);
        times[r] = read[r] / tape[r];
        whole[r] = fetched[r] / event[r];
        samples(c->name, tape[r], read[r], event[r], fetched[r]);
    }
    const double ratio = sample_median(times, rounds); /* sorts */
    printf("%-28s %6zu %9.1f %9.1f %8.1fx %5.1f-%.1f %9.1f %9.1f %8.1fx\n", c->name, bytes / BODIES,
           sample_median(tape, rounds), sample_median(read, rounds), ratio, times[0],
           times[rounds - 1], sample_median(event, rounds), sample_median(fetched, rounds),
           sample_median(whole, rounds));
    theirs_free(&t);
    ours_free(o);
    return ratio >= 10.0;
}

int main(int argc, char **argv) {
    const struct bench_case cases[] = {
        {"CourseView, 7 fields", shipped_json(READER_COURSE_VIEW), 0, fill_view},
        {"FoodOrder, 5 lines", shipped_json(READER_FOOD_ORDER), 1, fill_order},
        {"CourseView, evolved writer", evolved, 0, fill_evolved},
    };
    static struct config cfg;
    int rounds = argc > 1 ? atoi(argv[1]) : 21;
    bool fast = true;
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    config_defaults(&cfg);
    printf("nanoseconds an event, medians of %d rounds\n", rounds);
    printf("%-28s %6s %9s %9s %9s %-10s %8s %9s %9s\n", "", "bytes", "decoded", "read", "",
           "spread", "mapped", "fetched", "");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fast = run(&cfg, &cases[k], rounds) && fast;
    }
    printf("%s (%" PRIu64 ")\n",
           fast ? "decoding is at least 10 times as fast" : "decoding is NOT 10 times as fast",
           sink % 10);
    return fast ? 0 : 1;
}
