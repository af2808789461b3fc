/* SPDX-License-Identifier: Apache-2.0
 *
 * test_model_log.c -- contract tests of consumer/model_log.h: a learner that begins with pieces of
 * various positions and the log behind them ends with the same model, bit for bit, as the one that
 * wrote all of it; what cannot be read, or was begun with other options, is an error that says what
 * to type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake_log.h"
#include "hash.h"
#include "learner_run.h"
#include "log.h"
#include "log_world.h"
#include "model_log.h"
#include "state_record.h"

enum { TASKS = 2, DOMAINS = 2, SLICE = 7, SILENCE_MS = 60 };

static const char log_topic[] = "crossrec-model";
static const char items_topic[] = "crossrec-model-items";

struct stage {
    struct config cfg;
    struct fake_logs logs;
    struct learner *writer;
    struct stream stream;
    uint32_t sweep_at;
    uint64_t low;
    struct pack clock;
    struct fake_reader log, items;
    struct learner *reads;
    struct model_log *m;
    char err[CONFIG_ERROR_MAX];
};

static struct stage *stage;

static struct learner_params params(void) {
    struct learner_params p = params_of(DOMAINS);
    p.log = true;
    return p;
}

static void done_reading(void) {
    model_log_free(stage->m);
    stage->m = NULL;
    if (stage->reads) {
        learner_free(stage->reads);
        stage->reads = NULL;
    }
}

static void begin_reading(void) {
    done_reading();
    stage->reads = learner_of(params(), 0);
    fake_reader_init(&stage->log, &stage->logs, log_topic);
    fake_reader_init(&stage->items, &stage->logs, items_topic);
    const struct model_log_ports ports = {.items = fake_reader_port(&stage->items),
                                          .log = fake_reader_port(&stage->log),
                                          .silence_ms = SILENCE_MS};
    assert_int_equal(model_log_new(&stage->cfg, stage->reads, &ports, &stage->m), ST_OK);
}

static void put(const char *topic, const void *key, size_t key_len, enum state_kind kind,
                const void *body, size_t len) {
    struct pack value = {0};
    char copy[MODEL_KEY_BYTES] = "";
    if (key) {
        memcpy(copy, key, key_len);
    }
    state_record_seal(&value, kind, body, len);
    const struct fake_record r = {.key = key ? copy : NULL,
                                  .key_len = key_len,
                                  .value = (char *)value.bytes,
                                  .value_len = value.len};
    (void)fake_logs_append(&stage->logs, topic, 0, &r);
    free(value.bytes);
}

/* Into the log, and heard by the writer itself. */
static void write_down(enum state_kind kind, struct pack *p) {
    if (p->len > 0) {
        const int64_t at = fake_logs_high(&stage->logs, log_topic, 0);
        put(log_topic, NULL, 0, kind, p->bytes, p->len);
        assert_int_equal(learner_log_apply(stage->writer, p->bytes, p->len, (uint64_t)at), ST_OK);
    }
    free(p->bytes);
    *p = (struct pack){0};
}

static void say_options(void) {
    char text[MODEL_OPTIONS_MAX];
    const size_t len = model_options(&stage->cfg, text, sizeof text);
    put(log_topic, NULL, 0, STATE_OPTIONS, text, len);
}

/* A marker or an aborted record: offsets that hold nothing. */
static void skip_offsets(void) {
    const uint32_t tx = fake_logs_begin(&stage->logs);
    char nothing[] = "nothing";
    const struct fake_record r = {.value = nothing, .value_len = 7, .tx = tx};
    (void)fake_logs_append(&stage->logs, log_topic, 0, &r);
    fake_logs_end(&stage->logs, tx, false);
}

static void batch(uint32_t task) {
    struct pack p = {0};
    for (uint32_t k = 1 + rng_below(&stage->stream.rng, 20); k > 0; k--) {
        struct made m;
        next_event(&stage->stream, &m);
        (void)learn_in(stage->writer, task, &m);
    }
    assert_int_equal(learner_seal(stage->writer, task), ST_OK);
    learner_log_write(stage->writer, task, &p);
    learner_committed(stage->writer, task);
    write_down(STATE_DELTA, &p);
    int64_t at_ms = 0;
    if (learner_landmark_wanted(stage->writer, &at_ms)) {
        log_record_write_landmark(&p, at_ms);
        write_down(STATE_CONTROL, &p);
    }
    assert_int_equal(learner_log_seeds(stage->writer, &p), ST_OK);
    write_down(STATE_CONTROL, &p);
}

static int setup(void **state) {
    (void)state;
    stage = calloc(1, sizeof *stage);
    log_set_level(LOG_LEVEL_ERROR);
    config_defaults(&stage->cfg);
    fake_logs_init(&stage->logs, 1);
    fake_logs_make(&stage->logs, log_topic, 1);
    fake_logs_make(&stage->logs, items_topic, 1);
    stage->writer = learner_of(params(), TASKS);
    for (uint32_t p = 0; p < TASKS; p++) {
        learner_name_batches(stage->writer, p, 1, 1);
    }
    stage->stream = (struct stream){.now_ms = START,
                                    .step_ms = 600000,
                                    .users = 50,
                                    .items = 30,
                                    .n_domains = DOMAINS,
                                    .n_tasks = TASKS,
                                    .max_lines = 3};
    say_options();
    struct pack p = {0};
    log_record_write_landmark(&p, START);
    write_down(STATE_CONTROL, &p);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    done_reading();
    learner_free(stage->writer);
    free(stage->clock.bytes);
    fake_logs_free(&stage->logs);
    free(stage);
    return 0;
}

/* ---- a sweep ------------------------------------------------------------------------------ */

static void put_piece(void *arg, const struct snapshot_head *head, const void *bytes, size_t len) {
    (void)arg;
    uint8_t key[MODEL_KEY_BYTES];
    model_key(key, head->kind, head->key);
    put(items_topic, key, sizeof key, STATE_PIECE, bytes, len);
    stage->low = head->position < stage->low ? head->position : stage->low;
}

static void put_packed(struct pack *p) {
    struct snapshot_head head;
    if (p->len > 0) {
        assert_int_equal(snapshot_head(p->bytes, p->len, &head), ST_OK);
        put_piece(NULL, &head, p->bytes, p->len);
    }
    p->len = 0;
}

/* The newest record of the log that can be read. */
static void put_mark(void) {
    uint8_t key[MODEL_KEY_BYTES];
    uint8_t mark[MODEL_MARK_BYTES];
    int64_t at = fake_logs_high(&stage->logs, log_topic, 0) - 1;
    struct fake_record r;
    int64_t low = 0;
    while (!fake_logs_at(&stage->logs, log_topic, 0, at, &r, &low) || r.state != FAKE_COMMITTED) {
        at--;
    }
    const uint64_t hash = hash_id(r.value, r.value_len);
    for (int k = 0; k < 8; k++) {
        mark[k] = (uint8_t)((uint64_t)at >> (56 - 8 * k));
        mark[8 + k] = (uint8_t)(hash >> (56 - 8 * k));
    }
    model_key_mark(key);
    put(items_topic, key, sizeof key, STATE_CONTROL, mark, sizeof mark);
}

/* What is not an item, and how far back the log is needed now. */
static void end_sweep(void) {
    struct pack p = {0};
    char text[MODEL_OPTIONS_MAX];
    uint8_t key[MODEL_KEY_BYTES];
    const size_t len = model_options(&stage->cfg, text, sizeof text);
    assert_int_equal(learner_snapshot_categories(stage->writer, 0, UINT32_MAX, put_piece, NULL),
                     ST_OK);
    assert_int_equal(learner_snapshot_globals(stage->writer, text, len, &p), ST_OK);
    put_packed(&p);
    for (uint32_t task = 0; task < TASKS; task++) {
        assert_int_equal(learner_snapshot_nets(stage->writer, task, &p), ST_OK);
        put_packed(&p);
    }
    model_key_options(key);
    put(items_topic, key, sizeof key, STATE_OPTIONS, text, len);
    model_key_low(key);
    pack_uint(&p, stage->low);
    pack_raw(&p, stage->clock.bytes, stage->clock.len);
    put(items_topic, key, sizeof key, STATE_CONTROL, p.bytes, p.len);
    free(p.bytes);
    put_mark();
}

/* True: it has ended with this. */
static bool sweep_on(void) {
    if (stage->sweep_at == 0) {
        stage->low = learner_log_position(stage->writer);
        stage->clock.len = 0;
        learner_snapshot_clock(stage->writer, &stage->clock);
    }
    assert_int_equal(learner_snapshot_items(stage->writer, stage->sweep_at, SLICE, put_piece, NULL),
                     ST_OK);
    stage->sweep_at += SLICE;
    if (stage->sweep_at < learner_shared(stage->writer)->n_items) {
        return false;
    }
    end_sweep();
    stage->sweep_at = 0;
    return true;
}

/* ---- reading ------------------------------------------------------------------------------ */

static enum status read_on(int turns) {
    enum status st = ST_OK;
    for (int k = 0; k < turns && !st; k++) {
        st = model_log_take(stage->m, 1, stage->err);
        const double progress = model_log_progress(stage->m);
        assert_true(progress >= 0.0 && progress <= 1.0);
    }
    return st;
}

static void read_to_the_end(void) {
    for (int k = 0; k < 5000 && !model_log_ready(stage->m); k++) {
        if (read_on(1)) {
            fail_msg("%s", stage->err);
        }
    }
    assert_true(model_log_ready(stage->m));
    for (int k = 0;
         k < 500 && learner_log_position(stage->reads) < learner_log_position(stage->writer); k++) {
        assert_int_equal(read_on(1), ST_OK);
    }
}

static void is_the_same(void) {
    begin_reading();
    read_to_the_end();
    assert_same_model(stage->writer, stage->reads, TASKS);
    assert_same_vectors(stage->writer, stage->reads);
}

static void fails(const char *a, const char *b) {
    assert_int_equal(read_on(300), ST_INVALID);
    if (!strstr(stage->err, a) || !strstr(stage->err, b)) {
        fail_msg("%s", stage->err);
    }
}

/* ---- tests --------------------------------------------------------------------------- */

static void an_empty_log_is_ready_at_once_and_has_no_options(void **state) {
    (void)state;
    fake_logs_make(&stage->logs, log_topic, 1);
    begin_reading();
    assert_int_equal(read_on(10), ST_OK);
    assert_true(model_log_ready(stage->m));
    assert_false(model_log_has_options(stage->m));
    assert_true(model_log_progress(stage->m) == 1.0);
}

static void the_log_alone_gives_the_model_and_goes_on_to_be_read(void **state) {
    (void)state;
    for (int k = 0; k < 20; k++) {
        batch((uint32_t)k % TASKS);
    }
    is_the_same();
    assert_true(model_log_has_options(stage->m));
    for (int k = 0; k < 5; k++) {
        batch(0);
    }
    read_to_the_end();
    assert_same_model(stage->writer, stage->reads, TASKS);
    assert_int_equal(read_on(3), ST_OK);
    assert_int_equal(model_log_lag_ms(stage->m), 0);
}

static void random_pieces_and_a_log_that_is_trimmed_give_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        stage->stream.rng.state = seed;
        struct rng rng = {.state = seed};
        stage->logs.chance = seed % 2 ? 5 : 0;
        stage->logs.at_most = seed % 3 ? 0 : 5;
        for (int k = 0; k < 60; k++) {
            const uint32_t what = rng_below(&rng, 10);
            if (what < 5) {
                batch(rng_below(&rng, TASKS));
            } else if (what < 8) {
                const bool ended = sweep_on();
                if (ended && rng_below(&rng, 2)) {
                    fake_logs_trim(&stage->logs, log_topic, 0, (int64_t)stage->low);
                }
            } else if (what == 8) {
                skip_offsets();
            } else {
                fake_logs_compact(&stage->logs, items_topic, 0, false);
                is_the_same();
            }
        }
        is_the_same();
    }
}

/* The log is trimmed behind a sweep that ends between the reading of both. */
static void a_sweep_that_ends_while_pieces_are_read_makes_them_be_read_again(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        batch(0);
    }
    while (!sweep_on()) {
    }
    begin_reading();
    while (stage->items.added == 0 || stage->items.position[0] >= 0) {
        assert_int_equal(model_log_take(stage->m, 0, stage->err), ST_OK);
    }
    assert_int_equal(stage->log.bounds_asked, 0);
    batch(1);
    const int64_t before = fake_logs_high(&stage->logs, items_topic, 0);
    while (!sweep_on()) {
    }
    assert_true(fake_logs_high(&stage->logs, items_topic, 0) > before);
    fake_logs_trim(&stage->logs, log_topic, 0, (int64_t)stage->low);
    read_to_the_end();
    assert_int_equal(stage->items.added, 2);
    assert_same_model(stage->writer, stage->reads, TASKS);
}

static void records_of_a_recreated_log_are_missed(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        batch(0);
    }
    while (!sweep_on()) {
    }
    fake_logs_make(&stage->logs, log_topic, 1);
    begin_reading();
    fails("was recreated or lost records", "crossrec model reset");
}

static void records_that_were_trimmed_without_a_sweep_are_missed(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        batch(0);
    }
    fake_logs_trim(&stage->logs, log_topic, 0, 5);
    begin_reading();
    fails("holds offsets 5 to", "crossrec model reset");
}

static void is_lost(const char *how) {
    assert_int_equal(read_on(300), ST_LOST);
    if (!strstr(stage->err, how)) {
        fail_msg("%s", stage->err);
    }
}

static void whoever_falls_behind_what_is_trimmed_is_healed_by_the_snapshot(void **state) {
    (void)state;
    batch(0);
    begin_reading();
    read_to_the_end();
    for (int k = 0; k < 10; k++) {
        batch(0);
    }
    while (!sweep_on()) {
    }
    fake_logs_trim(&stage->logs, log_topic, 0, (int64_t)stage->low);
    batch(1);
    is_lost("lost records that this process had not read yet");
    is_the_same(); /* by a new learner, as the process does it */
}

/* Another log of the same name, longer than what the pieces need. */
static void fill_anew(int n) {
    fake_logs_make(&stage->logs, log_topic, 1);
    say_options();
    struct pack p = {0};
    for (int k = 0; k < n; k++) {
        log_record_write_landmark(&p, START + k);
        put(log_topic, NULL, 0, STATE_CONTROL, p.bytes, p.len);
        p.len = 0;
    }
    free(p.bytes);
}

static void a_recreated_log_that_has_grown_past_the_pieces_is_noticed(void **state) {
    (void)state;
    for (int n = 20; n <= 200; n += 60) {
        for (int k = 0; k < 10; k++) {
            batch(0);
        }
        while (!sweep_on()) {
        }
        const int64_t high = fake_logs_high(&stage->logs, log_topic, 0);
        fill_anew((int)high + n);
        begin_reading();
        fails("is not the log that the model", "crossrec model reset");
        (void)teardown(NULL);
        (void)setup(NULL);
    }
}

static void a_log_without_the_record_that_was_its_last_is_another(void **state) {
    (void)state;
    for (int k = 0; k < 10; k++) {
        batch(0);
    }
    while (!sweep_on()) {
    }
    const int64_t high = fake_logs_high(&stage->logs, log_topic, 0);
    fake_logs_make(&stage->logs, log_topic, 1);
    say_options();
    while (fake_logs_high(&stage->logs, log_topic, 0) < high + 3) {
        skip_offsets(); /* only aborted ones stand there */
    }
    begin_reading();
    fails("is not the log that the model", "crossrec model reset");
}

static void nap_ms(int ms) {
    const struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

static void after_a_silence_the_same_log_goes_on(void **state) {
    (void)state;
    batch(0);
    begin_reading();
    read_to_the_end();
    (void)read_on(3);
    const int added = stage->log.added;
    for (int k = 0; k < 3; k++) {
        nap_ms(2 * SILENCE_MS);
        skip_offsets();
        batch(0);
        batch(1);
        read_to_the_end();
    }
    assert_int_equal(stage->log.added, added + 3);
    assert_same_model(stage->writer, stage->reads, TASKS);
    batch(0); /* no silence: nothing is read twice */
    read_to_the_end();
    assert_int_equal(stage->log.added, added + 3);
}

static void after_a_silence_another_log_is_noticed_though_it_is_longer(void **state) {
    (void)state;
    batch(0);
    begin_reading();
    read_to_the_end();
    (void)read_on(3);
    nap_ms(2 * SILENCE_MS);
    const int64_t high = fake_logs_high(&stage->logs, log_topic, 0);
    fill_anew((int)high + 30);
    stage->log.life[0]++; /* the reader was away and notices nothing */
    is_lost("is another log than it was");
}

static void a_damaged_record_of_the_log_ends_it_and_says_where(void **state) {
    (void)state;
    batch(0);
    struct fake_log_part *p = fake_logs_part(&stage->logs, log_topic, 0);
    p->records[2].value[p->records[2].value_len - 1] ^= 8;
    begin_reading();
    fails("crossrec-model partition 0 offset 2 is damaged", "crossrec model reset");
}

static void a_damaged_piece_ends_it_and_says_where(void **state) {
    (void)state;
    batch(0);
    while (!sweep_on()) {
    }
    struct fake_log_part *p = fake_logs_part(&stage->logs, items_topic, 0);
    p->records[1].value[p->records[1].value_len / 2] ^= 8;
    begin_reading();
    fails("crossrec-model-items partition 0 offset 1 is damaged", "crossrec model reset");
}

/* Whole as a record, but no piece. */
static void what_is_no_piece_ends_it_and_says_where(void **state) {
    (void)state;
    uint8_t key[MODEL_KEY_BYTES];
    batch(0);
    model_key(key, SNAPSHOT_ITEM, 77);
    put(items_topic, key, sizeof key, STATE_PIECE, "\x01nonsense", 9);
    begin_reading();
    fails("crossrec-model-items partition 0 offset 0", "crossrec model reset");
}

static void a_piece_that_says_more_than_it_has_ends_it(void **state) {
    (void)state;
    struct pack p = {0};
    uint8_t key[MODEL_KEY_BYTES];
    batch(0);
    assert_int_equal(learner_snapshot_item(stage->writer, 0, &p), ST_OK);
    model_key(key, SNAPSHOT_ITEM, items_hash(learner_shared(stage->writer)->items, 0));
    put(items_topic, key, sizeof key, STATE_PIECE, p.bytes, p.len - 3);
    free(p.bytes);
    begin_reading();
    fails("cannot be loaded", "crossrec model reset");
}

static void a_record_of_a_later_version_ends_it_and_says_so(void **state) {
    (void)state;
    struct fake_log_part *p = fake_logs_part(&stage->logs, log_topic, 0);
    struct fake_record *r = &p->records[1];
    uint8_t *bytes = (uint8_t *)r->value;
    bytes[0] = STATE_RECORD_FORMAT + 1;
    uint32_t crc = state_crc32c(0, bytes, 2);
    crc = state_crc32c(crc, bytes + STATE_RECORD_HEAD, r->value_len - STATE_RECORD_HEAD);
    for (int k = 0; k < 4; k++) {
        bytes[2 + k] = (uint8_t)(crc >> (8 * k));
    }
    begin_reading();
    fails("later version", "crossrec-model partition 0 offset 1");
}

static void options_that_differ_are_named(void **state) {
    (void)state;
    char before[MODEL_OPTIONS_MAX];
    char after[MODEL_OPTIONS_MAX];
    const size_t len = model_options(&stage->cfg, before, sizeof before);
    const struct config as_it_was = stage->cfg;
    for (int which = 0; which < 3; which++) {
        static const char *const names[] = {"learn.seed = ", "learn.mini.batch = ", "domain 1 = "};
        stage->cfg = as_it_was;
        stage->cfg.seed += which == 0;
        stage->cfg.mini_batch += which == 1;
        stage->cfg.domains[1].repeats ^= which == 2;
        assert_false(model_options(&stage->cfg, after, sizeof after) == len &&
                     memcmp(before, after, len) == 0);
        begin_reading();
        fails(names[which], "crossrec model reset");
        const char *first = strstr(stage->err, names[which]); /* theirs and ours */
        assert_non_null(strstr(first + 1, names[which]));
    }
    stage->cfg = as_it_was;
}

static void options_come_with_the_pieces_when_the_log_is_trimmed(void **state) {
    (void)state;
    batch(0);
    while (!sweep_on()) {
    }
    fake_logs_trim(&stage->logs, log_topic, 0, (int64_t)stage->low);
    stage->cfg.seed++;
    begin_reading();
    fails("learn.seed = ", "crossrec model reset");
    stage->cfg.seed--;
    is_the_same();
    assert_true(model_log_has_options(stage->m));
}

static void the_first_options_hold(void **state) {
    (void)state;
    stage->cfg.seed++;
    say_options(); /* of another, who began at the same time */
    stage->cfg.seed--;
    begin_reading();
    read_to_the_end();
    stage->cfg.seed++;
    begin_reading();
    fails("learn.seed = ", "crossrec model reset");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_log_is_ready_at_once_and_has_no_options),
        TEST(the_log_alone_gives_the_model_and_goes_on_to_be_read),
        TEST(random_pieces_and_a_log_that_is_trimmed_give_the_model),
        TEST(a_sweep_that_ends_while_pieces_are_read_makes_them_be_read_again),
        TEST(records_of_a_recreated_log_are_missed),
        TEST(records_that_were_trimmed_without_a_sweep_are_missed),
        TEST(whoever_falls_behind_what_is_trimmed_is_healed_by_the_snapshot),
        TEST(a_recreated_log_that_has_grown_past_the_pieces_is_noticed),
        TEST(a_log_without_the_record_that_was_its_last_is_another),
        TEST(after_a_silence_the_same_log_goes_on),
        TEST(after_a_silence_another_log_is_noticed_though_it_is_longer),
        TEST(a_damaged_record_of_the_log_ends_it_and_says_where),
        TEST(a_damaged_piece_ends_it_and_says_where),
        TEST(what_is_no_piece_ends_it_and_says_where),
        TEST(a_piece_that_says_more_than_it_has_ends_it),
        TEST(a_record_of_a_later_version_ends_it_and_says_so),
        TEST(options_that_differ_are_named),
        TEST(options_come_with_the_pieces_when_the_log_is_trimmed),
        TEST(the_first_options_hold),
    };
    return cmocka_run_group_tests_name("model log", tests, NULL, NULL);
}
