/* SPDX-License-Identifier: Apache-2.0
 *
 * test_schemas.c -- the contract of schemas.h, over folders made for each test and a registry that
 * the test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "schemas.h"
#include "shipped.h"

enum { COURSE, FOOD, TOPICS };

struct fixture {
    struct config cfg;
    struct mapping *mappings[TOPICS];
    char dir[64];
    char err[512];
    struct schemas *s;
    /* the registry that the test plays */
    enum lookup_state state;
    const char *text;
    int asked;
    uint32_t asked_id;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    char err[CONFIG_ERROR_MAX];
    *state = f;
    config_defaults(&f->cfg);
    for (size_t t = 0; t < TOPICS; t++) {
        if (mapping_new(&f->cfg, &f->cfg.topics[t], &f->mappings[t], err)) {
            fprintf(stderr, "%s\n", err);
            return -1;
        }
    }
    strcpy(f->dir, "/tmp/test-schemas-XXXXXX");
    return mkdtemp(f->dir) ? 0 : -1;
}

static void put(const struct fixture *f, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->dir, e->d_name);
        remove(path); /* fails for . and .. */
    }
    if (d) {
        closedir(d);
    }
    rmdir(f->dir);
    schemas_free(f->s);
    for (size_t t = 0; t < TOPICS; t++) {
        mapping_free(f->mappings[t]);
    }
    free(f);
    return 0;
}

static enum status new (struct fixture *f, const char *dir, const struct lookup *lookup) {
    return schemas_new(dir, (const struct mapping *const *)f->mappings, TOPICS, lookup, &f->s,
                       f->err, sizeof f->err);
}

static enum status load(struct fixture *f) {
    return new (f, f->dir, NULL);
}

static enum schemas_state state_of(const struct fixture *f, uint32_t id, size_t topic) {
    const struct decoder *d = NULL;
    const char *why = NULL;
    const enum schemas_state state = schemas_decoder(f->s, id, topic, &d, &why);
    assert_true((d != NULL) == (state == SCHEMAS_READY));
    assert_true((why[0] != '\0') == (state == SCHEMAS_MISMATCH));
    return state;
}

/* ---- the shipped ones and folders --------------------------------------------------------- */

static void without_a_folder_the_ids_are_those_of_the_shipped_schemas(void **state) {
    struct fixture *f = *state;
    assert_int_equal(new (f, "", NULL), ST_OK);
    assert_int_equal(state_of(f, 1, COURSE), SCHEMAS_READY);
    assert_int_equal(state_of(f, 9, FOOD), SCHEMAS_READY);
    assert_int_equal(state_of(f, 1, FOOD), SCHEMAS_MISMATCH);
    assert_int_equal(state_of(f, 9, COURSE), SCHEMAS_MISMATCH);
    for (int r = 0; r < READERS; r++) {
        assert_int_not_equal(state_of(f, shipped_id((enum reader)r), COURSE), SCHEMAS_UNKNOWN);
    }
    assert_int_equal(state_of(f, SHIPPED_TRIGGER_ID, COURSE), SCHEMAS_MISMATCH); /* no input */
    assert_int_equal(state_of(f, 12, COURSE), SCHEMAS_MISMATCH);                 /* rules */
    assert_int_equal(state_of(f, 13, COURSE), SCHEMAS_UNKNOWN);
    assert_int_equal(state_of(f, 0, COURSE), SCHEMAS_UNKNOWN);
}

static void our_own_events_are_known_beside_any_folder(void **state) {
    struct fixture *f = *state;
    put(f, "17.avsc", shipped_json(READER_COURSE_VIEW));
    assert_int_equal(load(f), ST_OK);
    assert_int_equal(state_of(f, 17, COURSE), SCHEMAS_READY);
    assert_int_equal(state_of(f, 1, COURSE), SCHEMAS_UNKNOWN);
    assert_int_equal(state_of(f, SHIPPED_EVENT_ID, COURSE), SCHEMAS_MISMATCH);
    assert_int_equal(state_of(f, 2000000009, COURSE), SCHEMAS_MISMATCH); /* as they were */
    assert_int_equal(state_of(f, 2000000010, COURSE), SCHEMAS_MISMATCH);
    assert_int_equal(state_of(f, 2, FOOD), SCHEMAS_UNKNOWN);
}

/* An id means one text for ever: what was written before a schema changed says so by its id. */
static void records_of_earlier_versions_of_shipped_schemas_stay_readable(void **state) {
    struct fixture *f = *state;
    static const uint8_t order[] = {2,    'e',  2,   'u', 2, 0, 0, /* ids, ts 1, two nulls */
                                    2,    2,    'a', 0,   0, 0, 0, 0,    0,
                                    0xf0, 0x3f,                              /* a, quantity 1 */
                                    0,    0,    0,   0,   0, 0, 0, 0x40, 0}; /* amount 2, the end */
    static struct tape tape;
    static struct decoded_line lines[EVENT_LINES_MAX];
    struct decoded d = {.lines = lines};
    const struct decoder *decoder = NULL;
    assert_int_equal(new (f, "", NULL), ST_OK);
    assert_int_equal(schemas_decoder(f->s, 2, FOOD, &decoder, NULL), SCHEMAS_READY);
    assert_int_equal(decode(decoder, order, sizeof order, &tape), DECODE_OK);
    assert_int_equal(mapping_read_event(f->mappings[FOOD], &tape, &d), MAPPING_OK);
    assert_int_equal(d.n_lines, 1);
    assert_true(d.lines[0].quantity == 1 && d.lines[0].amount == 2 && d.lines[0].discount == 0);
    for (size_t i = 0; shipped_earlier(i); i++) {
        const struct shipped_earlier *e = shipped_earlier(i);
        assert_int_not_equal(e->id, shipped_id(e->reader));
        assert_string_not_equal(e->json, shipped_json(e->reader));
    }
}

/* A body of what `reader` was under `id`, as it is read now. */
static void read_earlier(enum reader reader, uint32_t id, const uint8_t *body, size_t len,
                         struct tape *tape, struct decoded *d) {
    struct config cfg;
    struct config_topic topic = {.name = "t", .amount_scale = 1, .domain = 0};
    struct mapping *m = NULL;
    struct schemas *s = NULL;
    const struct decoder *decoder = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    config_defaults(&cfg);
    snprintf(topic.schema, sizeof topic.schema, "%s", reader_name(reader));
    topic.domain = reader == READER_EVENT ? DOMAIN_OF_RECORD : 0;
    assert_int_equal(mapping_new(&cfg, &topic, &m, err), ST_OK);
    assert_int_equal(
        schemas_new("", (const struct mapping *const *)&m, 1, NULL, &s, err, sizeof err), ST_OK);
    assert_int_equal(schemas_decoder(s, id, 0, &decoder, NULL), SCHEMAS_READY);
    assert_int_equal(decode(decoder, body, len, tape), DECODE_OK);
    assert_int_equal(mapping_read_event(m, tape, d), MAPPING_OK);
    schemas_free(s);
    mapping_free(m);
}

static void before_there_were_counterparts_there_is_none(void **state) {
    (void)state;
    static const uint8_t like[] = {2, 'e', 2, 'u', 2, 2, 'a', 0}; /* ids, ts 1, item, LIKE */
    /* clang-format off */
    static const uint8_t event[] = {
        2, 'e', 2, 'u', 8, 'f', 'o', 'o', 'd',    /* ids, food                */
        2, 12, 0,                                 /* ts 1, LIKE, no rec       */
        2, 2, 'a', 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,  /* one line: a, quantity 1  */
        0, 0, 0, 0, 0, 0, 0, 0x40,                /* amount 2                 */
        0, 0, 0, 0, 0, 0, 0, 0, 0,                /* discount 0; the end      */
    };
    /* clang-format on */
    static struct tape tape;
    static struct decoded_line lines[EVENT_LINES_MAX];
    struct decoded d = {.lines = lines, .counterpart = "left over", .counterpart_len = 9};
    read_earlier(READER_SOCIAL_INTERACTION, 3, like, sizeof like, &tape, &d);
    assert_true(d.action == ACTION_LIKE && d.n_lines == 1 && d.counterpart_len == 0);
    d.counterpart_len = 9;
    read_earlier(READER_EVENT, UINT32_C(2000000010), event, sizeof event, &tape, &d);
    assert_true(d.action == ACTION_LIKE && d.n_lines == 1 && d.counterpart_len == 0);
    assert_true(d.domain == 1 && d.lines[0].amount == 2);
}

static void the_same_decoder_is_given_every_time(void **state) {
    struct fixture *f = *state;
    const struct decoder *first = NULL;
    const struct decoder *other = NULL;
    assert_int_equal(new (f, "", NULL), ST_OK);
    assert_int_equal(schemas_decoder(f->s, 1, COURSE, &first, NULL), SCHEMAS_READY);
    assert_int_equal(state_of(f, 2, FOOD), SCHEMAS_READY);
    assert_int_equal(schemas_decoder(f->s, 1, COURSE, &other, NULL), SCHEMAS_READY);
    assert_ptr_equal(first, other);
}

static void a_mismatch_says_why_and_leaves_the_decoder_alone(void **state) {
    struct fixture *f = *state;
    const struct decoder *d = (const struct decoder *)f;
    const char *why = NULL;
    assert_int_equal(new (f, "", NULL), ST_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(schemas_decoder(f->s, 2, COURSE, &d, &why), SCHEMAS_MISMATCH);
        assert_non_null(strstr(why, "course_id"));
        assert_ptr_equal(d, (const struct decoder *)f);
    }
    assert_int_equal(schemas_decoder(f->s, 1, TOPICS, &d, &why), SCHEMAS_MISMATCH);
    assert_int_equal(schemas_decoder(f->s, 1, COURSE, &d, &why), SCHEMAS_READY);
    assert_string_equal(why, "");
}

static void a_folder_gives_an_id_a_file(void **state) {
    struct fixture *f = *state;
    static const char *const ids[] = {"900.avsc", "4294967295.avsc", "17.avsc", "0.avsc", "3.avsc"};
    for (size_t i = 0; i < 5; i++) {
        put(f, ids[i], shipped_json(i % 2 ? READER_FOOD_ORDER : READER_COURSE_VIEW));
    }
    for (int i = 100; i < 140; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.avsc", i);
        put(f, name, "\"string\""); /* a schema that is nobody's */
    }
    put(f, "README.md", "not a schema");
    put(f, ".5.avsc", "an editor's file");
    assert_int_equal(load(f), ST_OK);
    assert_int_equal(state_of(f, 900, COURSE), SCHEMAS_READY);
    assert_int_equal(state_of(f, UINT32_MAX, FOOD), SCHEMAS_READY);
    assert_int_equal(state_of(f, 17, COURSE), SCHEMAS_READY);
    assert_int_equal(state_of(f, 0, FOOD), SCHEMAS_READY);
    assert_int_equal(state_of(f, 3, COURSE), SCHEMAS_READY);
    assert_int_equal(state_of(f, 120, COURSE), SCHEMAS_MISMATCH);
    assert_int_equal(state_of(f, 1, COURSE), SCHEMAS_UNKNOWN); /* not the shipped one */
}

static void the_message_names_the_file_and_the_reason(void **state) {
    struct fixture *f = *state;
    put(f, "7.avsc", "{\"type\":\"array\"}");
    assert_int_equal(load(f), ST_INVALID);
    assert_non_null(strstr(f->err, "/7.avsc: "));
    assert_non_null(strstr(f->err, "items"));
    assert_null(f->s);
}

static void a_schema_file_without_an_id_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = {"CourseView.avsc", "07.avsc", "4294967296.avsc",
                                        "-1.avsc",         "1x.avsc", "1 .avsc"};
    for (size_t i = 0; i < 6; i++) {
        put(f, names[i], shipped_json(READER_COURSE_VIEW));
        assert_int_equal(load(f), ST_INVALID);
        assert_non_null(strstr(f->err, names[i]));
        assert_null(f->s);
        char path[256];
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void nothing_to_load_is_an_error(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f), ST_INVALID); /* an empty folder */
    assert_non_null(strstr(f->err, f->dir));
    assert_int_equal(new (f, "/nonexistent/dir", NULL), ST_IO);
    assert_non_null(strstr(f->err, "/nonexistent/dir: "));
    char path[128];
    snprintf(path, sizeof path, "%s/9.avsc", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load(f), ST_IO); /* a folder in place of a file */
    assert_non_null(strstr(f->err, "/9.avsc: "));
    assert_null(f->s);
    schemas_free(NULL);
}

static void a_file_beyond_the_limit_is_refused(void **state) {
    struct fixture *f = *state;
    char *text = malloc(SCHEMA_JSON_MAX + 100);
    assert_non_null(text);
    memset(text, ' ', SCHEMA_JSON_MAX + 99);
    memcpy(text, "\"int\"", 5);
    text[SCHEMA_JSON_MAX + 99] = '\0';
    put(f, "1.avsc", text);
    free(text);
    assert_int_equal(load(f), ST_INVALID);
    assert_non_null(strstr(f->err, "longer than"));
}

/* ---- a registry ----------------------------------------------------------------------------- */

static enum lookup_state play(void *ctx, uint32_t id, const char **json, size_t *len) {
    struct fixture *f = ctx;
    f->asked++;
    f->asked_id = id;
    if (f->state == LOOKUP_READY) {
        *json = f->text;
        *len = strlen(f->text);
    }
    return f->state;
}

static void with_registry(struct fixture *f) {
    const struct lookup lookup = {.get = play, .ctx = f};
    assert_int_equal(new (f, "/nonexistent/and/not/looked/at", &lookup), ST_OK);
}

static void an_id_that_is_being_asked_for_is_waited_for(void **state) {
    struct fixture *f = *state;
    with_registry(f);
    f->state = LOOKUP_WAITING;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(state_of(f, 77, COURSE), SCHEMAS_WAITING);
        assert_int_equal(f->asked, i);
        assert_int_equal(f->asked_id, 77);
    }
    f->state = LOOKUP_UNKNOWN;
    assert_int_equal(state_of(f, 77, COURSE), SCHEMAS_UNKNOWN);
    f->state = LOOKUP_READY; /* registered after all */
    f->text = shipped_json(READER_COURSE_VIEW);
    assert_int_equal(state_of(f, 77, COURSE), SCHEMAS_READY);
    assert_int_equal(f->asked, 5);
}

static void a_known_id_is_never_asked_for_again(void **state) {
    struct fixture *f = *state;
    with_registry(f);
    f->state = LOOKUP_READY;
    f->text = shipped_json(READER_COURSE_VIEW);
    const uint32_t ids[] = {77, 5, 4000000000U, 6};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(state_of(f, ids[i], COURSE), SCHEMAS_READY);
    }
    f->state = LOOKUP_UNKNOWN;
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(state_of(f, ids[i % 4], i % 3 ? COURSE : FOOD),
                         i % 3 ? SCHEMAS_READY : SCHEMAS_MISMATCH);
    }
    assert_int_equal(f->asked, 4);
    assert_int_equal(state_of(f, 1, COURSE), SCHEMAS_UNKNOWN); /* no shipped ids */
}

static void a_text_that_is_no_schema_is_a_mismatch_and_parsed_once(void **state) {
    struct fixture *f = *state;
    const struct decoder *d = NULL;
    const char *why = NULL;
    with_registry(f);
    f->state = LOOKUP_READY;
    f->text = "{\"type\":\"array\"}";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(schemas_decoder(f->s, 8, FOOD, &d, &why), SCHEMAS_MISMATCH);
        assert_non_null(strstr(why, "items"));
    }
    assert_int_equal(f->asked, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(without_a_folder_the_ids_are_those_of_the_shipped_schemas),
        TEST(our_own_events_are_known_beside_any_folder),
        TEST(records_of_earlier_versions_of_shipped_schemas_stay_readable),
        TEST(before_there_were_counterparts_there_is_none),
        TEST(the_same_decoder_is_given_every_time),
        TEST(a_mismatch_says_why_and_leaves_the_decoder_alone),
        TEST(a_folder_gives_an_id_a_file),
        TEST(the_message_names_the_file_and_the_reason),
        TEST(a_schema_file_without_an_id_is_refused),
        TEST(nothing_to_load_is_an_error),
        TEST(a_file_beyond_the_limit_is_refused),
        TEST(an_id_that_is_being_asked_for_is_waited_for),
        TEST(a_known_id_is_never_asked_for_again),
        TEST(a_text_that_is_no_schema_is_a_mismatch_and_parsed_once),
    };
    return cmocka_run_group_tests_name("schemas", tests, NULL, NULL);
}
