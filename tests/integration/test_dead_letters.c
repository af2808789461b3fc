/* SPDX-License-Identifier: Apache-2.0
 *
 * test_dead_letters.c -- `crossrec dead-letters` against a real Kafka: what an operator sees of
 * letters, and where they are after he put them back. The tests build on one another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "config.h"
#include "kafka.h"
#include "kafka_fixture.h"

enum {
    ROOM = 1 << 18,
    PARTITIONS = 4, /* of the input topics */
    FOOD = 300,     /* letters of food-orders: more than one batch of a redrive */
    COURSE = 20,
    WAIT_MS = 200,
    HEADERS = 8,
    RECORDS_MAX = 2048,
};

#define BORN_MS INT64_C(1767225600000) /* 2026-01-01; record i was written i seconds later */

static struct kafka_fixture *kafka;
static struct config cfg;
static char output[ROOM]; /* of the last run, stdout and stderr */

/* Runs `crossrec dead-letters WORDS` with the servers of the test. Returns its exit status. */
static int dead_letters(const char *words) {
    char command[1024];
    snprintf(command, sizeof command,
             CROSSREC " dead-letters %s --set kafka.bootstrap.servers=%s 2>&1", words,
             kafka_fixture_brokers(kafka));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    const size_t n = fread(output, 1, sizeof output - 1, f);
    output[n] = '\0';
    const int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_says(const char *part) {
    if (!strstr(output, part)) {
        fail_msg("does not say `%s`:\n%s", part, output);
    }
}

/* Lines of letters: those with tabs. */
static int lines(void) {
    int n = 0;
    for (const char *p = output; p && *p; p = strchr(p, '\n'), p += p != NULL) {
        const char *tab = strchr(p, '\t');
        const char *end = strchr(p, '\n');
        n += tab && end && tab < end;
    }
    return n;
}

/* ---- letters, as letter.c writes them ----------------------------------------------------- */

static struct header text_header(const char *name, const char *value) {
    return (struct header){.name = name, .value = value, .len = strlen(value)};
}

struct letter {
    const char *topic, *reason;
    int i;
    bool keyed, cut, bare; /* bare: no value */
};

static void key_of(int i, char buf[32]) {
    snprintf(buf, 32, "user-%d", i);
}

/* Wire header of schema 2, then text, a zero byte and one that is no text. */
static size_t value_of(int i, char buf[64]) {
    memcpy(buf, "\0\0\0\0\2", 5);
    const int n = snprintf(buf + 5, 56, "order-%d", i);
    buf[5 + n + 1] = '\377';
    return (size_t)(5 + n + 2);
}

static void put(struct kafka_producer *p, const struct letter *l) {
    char numbers[3][32];
    char key[32];
    char value[64];
    struct header h[HEADERS];
    size_t n = 0;
    snprintf(numbers[0], 32, "%d", l->i % PARTITIONS);
    snprintf(numbers[1], 32, "%d", 1000 + l->i);
    snprintf(numbers[2], 32, "%lld", (long long)(BORN_MS + l->i * 1000));
    h[n++] = text_header("topic", l->topic);
    h[n++] = text_header("partition", numbers[0]);
    h[n++] = text_header("offset", numbers[1]);
    h[n++] = text_header("timestamp", numbers[2]);
    h[n++] = text_header("reason", l->reason);
    h[n++] = text_header("detail", "what was wrong");
    h[n++] = text_header("schema-id", "2");
    if (l->cut) {
        h[n++] = text_header("truncated-from", "2000000");
    }
    const size_t len = value_of(l->i, value);
    key_of(l->i, key);
    assert_int_equal(kafka_produce_to(p, cfg.dead_letters, -1, l->keyed ? key : NULL,
                                      l->keyed ? strlen(key) : 0, l->bare ? NULL : value,
                                      l->bare ? 0 : len, 0, h, n),
                     ST_OK);
}

/* Every seventh has no key; one is truncated; one has no value; one came from a topic that is not
 * configured; one record is no letter. */
static int fill(void **state) {
    (void)state;
    char err[CONFIG_ERROR_MAX] = "";
    char set[256];
    const char *sets[] = {set};
    const char *const inputs[] = {"food-orders", "course-views"};
    struct kafka_producer *p = NULL;
    snprintf(set, sizeof set, "kafka.bootstrap.servers=%s", kafka_fixture_brokers(kafka));
    if (config_load(&cfg, NULL, NULL, sets, 1, err)) {
        fail_msg("%s", err);
    }
    const char *const dead[] = {cfg.dead_letters};
    assert_int_equal(kafka_topics_create(&cfg, inputs, 2, PARTITIONS, 1, err), ST_OK);
    assert_int_equal(kafka_topics_create(&cfg, dead, 1, 2, 1, err), ST_OK);
    assert_int_equal(kafka_producer_new(&cfg, &p, err), ST_OK);
    for (int i = 0; i < FOOD; i++) {
        put(p,
            &(struct letter){inputs[0], i % 3 ? "decode" : "number", i, i % 7 != 0, false, false});
    }
    for (int i = 0; i < COURSE; i++) {
        put(p, &(struct letter){inputs[1], i == 12 ? "empty" : "schema-unknown", i, true, i == 11,
                                i == 12});
    }
    put(p, &(struct letter){"crossrec-state", "decode", 5, true, false, false});
    assert_int_equal(kafka_produce(p, cfg.dead_letters, "k", 1, "stranger", 8, 0), ST_OK);
    assert_int_equal(kafka_producer_flush(p, 10000, err, sizeof err), ST_OK);
    kafka_producer_free(p);
    return 0;
}

/* ---- what is in a topic -------------------------------------------------------------------- */

struct found {
    int64_t timestamp_ms;
    int32_t partition;
    bool has_key, has_value;
    char key[32], value[64], header_name[32], header[96];
    size_t key_len, value_len;
};

static struct found found[RECORDS_MAX];

static void keep(struct found *f, const struct record *r, const struct header *h, size_t n) {
    assert_true(r->key_len <= sizeof f->key && r->value_len <= sizeof f->value && n <= 1);
    *f = (struct found){.timestamp_ms = r->timestamp_ms, .partition = r->partition};
    f->has_key = r->key != NULL;
    f->has_value = r->value != NULL;
    f->key_len = r->key_len;
    f->value_len = r->value_len;
    memcpy(f->key, r->key ? r->key : "", r->key_len);
    memcpy(f->value, r->value ? r->value : "", r->value_len);
    if (n == 1) {
        snprintf(f->header_name, sizeof f->header_name, "%s", h->name);
        snprintf(f->header, sizeof f->header, "%.*s", (int)h->len, (const char *)h->value);
    }
}

/* Records of a topic with one header or none into found[]; those with more are counted only. */
static size_t read_topic(const char *name, size_t *others) {
    char err[CONFIG_ERROR_MAX] = "";
    struct kafka_reader *reader = NULL;
    struct record records[64];
    struct header h[HEADERS];
    size_t n = 0;
    *others = 0;
    if (kafka_reader_new(&cfg, &name, 1, &reader, err)) {
        fail_msg("%s", err);
    }
    const time_t deadline = time(NULL) + 30;
    do {
        const size_t got = kafka_reader_poll(reader, records, 64, WAIT_MS);
        for (size_t k = 0; k < got; k++) {
            const size_t n_headers = kafka_reader_headers(reader, k, h, HEADERS);
            if (n_headers > 1) {
                (*others)++;
                continue;
            }
            assert_true(n < RECORDS_MAX);
            keep(&found[n++], &records[k], h, n_headers);
        }
        assert_true(time(NULL) < deadline);
    } while (!kafka_reader_complete(reader));
    kafka_reader_free(reader);
    return n;
}

static size_t count(const char *topic) {
    size_t others = 0;
    return read_topic(topic, &others) + others;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void list_prints_a_line_a_letter_and_a_summary(void **state) {
    (void)state;
    assert_int_equal(dead_letters("list"), 0);
    assert_int_equal(lines(), FOOD + COURSE + 1);
    assert_says("\tfood-orders/2/1298\tdecode\t-\twhat was wrong\n");
    assert_says("\tcourse-views/3/1011\tschema-unknown\ttruncated\twhat was wrong\n");
    assert_says("\n321 of 321 letters shown; topic crossrec-dead-letters has 321\n"
                "       200 letters           0 redriven  food-orders  decode\n"
                "       100 letters           0 redriven  food-orders  number\n"
                "        19 letters           0 redriven  course-views  schema-unknown\n"
                "         1 letters           0 redriven  course-views  empty\n"
                "         1 letters           0 redriven  crossrec-state  decode\n"
                "         1 records are no letters of crossrec\n");
}

static void list_filters_by_reason_topic_and_time(void **state) {
    (void)state;
    assert_int_equal(dead_letters("list --reason number"), 0);
    assert_int_equal(lines(), 100);
    assert_int_equal(dead_letters("list --reason=number,schema-unknown"), 0);
    assert_int_equal(lines(), 119);
    assert_int_equal(dead_letters("list --reason decode --topic crossrec-state"), 0);
    assert_int_equal(lines(), 1);
    assert_says("note: topic crossrec-state is not configured");
    assert_int_equal(dead_letters("list --topic course-views --limit 3"), 0);
    assert_int_equal(lines(), 3);
    assert_says("\n3 of 20 letters shown; ");
    assert_int_equal(dead_letters("list --since 1h"), 0);
    assert_int_equal(lines(), FOOD + COURSE + 1);
    assert_int_equal(dead_letters("list --until 1h"), 0);
    assert_int_equal(lines(), 0);
    assert_int_equal(dead_letters("list --until 2026-01-01T00:00:00Z"), 0);
    assert_int_equal(lines(), 0);
}

static void what_is_mistyped_is_told(void **state) {
    (void)state;
    assert_int_equal(dead_letters("list --reason numbr"), 2);
    assert_says("did you mean `number`?");
    assert_int_equal(dead_letters("redrve"), 2);
    assert_says("did you mean `redrive`?");
    assert_int_equal(dead_letters("list --since yesterday"), 2);
    assert_says("--since yesterday: must be a time such as ");
    assert_int_equal(dead_letters("list --dry-run"), 2);
    assert_int_equal(dead_letters("show"), 2);
    assert_int_equal(dead_letters("redrive 0:1"), 2);
    assert_int_equal(dead_letters("show 0-1"), 1);
    assert_says("must be PARTITION:OFFSET");
    assert_int_equal(dead_letters("list --set dead.letters=no-such-topic"), 1);
    assert_says("no-such-topic: the topic does not exist");
}

static void show_prints_headers_key_and_value_of_one_letter(void **state) {
    (void)state;
    char words[64];
    assert_int_equal(dead_letters("list --topic course-views --reason schema-unknown --limit 1"),
                     0);
    char *tab = strchr(output, '\t');
    assert_non_null(tab);
    *tab = '\0';
    snprintf(words, sizeof words, "show %.40s", output);
    assert_int_equal(dead_letters(words), 0);
    assert_says("redriven: no\n");
    assert_says("header topic: course-views\n");
    assert_says("header schema-id: 2\n");
    assert_says("key: ");
    assert_says("  000000  75 73 65 72 2d ");
    assert_says("  000000  00 00 00 00 02 6f 72 64  65 72 2d ");
    assert_says(".....order-");
    assert_int_equal(dead_letters("show 1:99999"), 1);
    assert_says("has no letter 1:99999");
}

/* ---- redrive ------------------------------------------------------------------------------- */

static void a_dry_run_changes_nothing(void **state) {
    (void)state;
    const size_t before = count(cfg.dead_letters);
    assert_int_equal(dead_letters("redrive --topic food-orders --dry-run"), 0);
    assert_int_equal(lines(), FOOD);
    assert_says("300 letters would be redriven\n");
    assert_int_equal(dead_letters("redrive --topic food-orders --dry-run --limit 7"), 0);
    assert_int_equal(lines(), 7);
    assert_int_equal(count("food-orders"), 0);
    assert_int_equal(count(cfg.dead_letters), before);
}

/* Which one it is says its time. */
static void assert_original(const struct found *f) {
    char key[32];
    char value[64];
    const int i = (int)((f->timestamp_ms - BORN_MS) / 1000);
    assert_true(i >= 0 && i < FOOD && f->timestamp_ms == BORN_MS + i * 1000);
    assert_int_equal(f->value_len, value_of(i, value));
    assert_memory_equal(f->value, value, f->value_len);
    assert_int_equal(f->has_key, i % 7 != 0);
    if (f->has_key) {
        key_of(i, key);
        assert_int_equal(f->key_len, strlen(key));
        assert_memory_equal(f->key, key, f->key_len);
        assert_int_equal(f->partition,
                         kafka_partition_of(cfg.partitioner, key, strlen(key), PARTITIONS));
    } else {
        assert_int_equal(f->partition, i % PARTITIONS);
    }
    int partition = -1;
    long long offset = -1;
    assert_string_equal(f->header_name, "redriven-from");
    assert_int_equal(sscanf(f->header, "crossrec-dead-letters/%d/%lld", &partition, &offset), 2);
    assert_true(partition >= 0 && partition < 2 && offset >= 0);
}

static void redriven_letters_are_in_their_topic_as_they_came_and_once(void **state) {
    (void)state;
    static bool seen[FOOD];
    size_t others = 0;
    assert_int_equal(dead_letters("redrive --topic food-orders --reason number --limit 10"), 0);
    assert_says("10 letters redriven\n");
    assert_int_equal(count("food-orders"), 10);
    assert_int_equal(dead_letters("redrive --topic food-orders"), 0);
    assert_says("290 letters redriven\n");
    assert_says("10 letters were redriven before; --again ");
    assert_int_equal(read_topic("food-orders", &others), FOOD);
    assert_int_equal(others, 0);
    for (int k = 0; k < FOOD; k++) {
        assert_original(&found[k]);
        const int i = (int)((found[k].timestamp_ms - BORN_MS) / 1000);
        assert_false(seen[i]);
        seen[i] = true;
    }
}

static void a_mark_has_the_key_of_its_letter_no_value_and_lies_in_its_partition(void **state) {
    (void)state;
    size_t letters = 0;
    const size_t n = read_topic(cfg.dead_letters, &letters);
    size_t marks = 0;
    size_t keyless = 0;
    assert_int_equal(letters, FOOD + COURSE + 1);
    for (size_t k = 0; k < n; k++) {
        int partition = -1;
        long long offset = -1;
        if (strcmp(found[k].header_name, "redriven") != 0) {
            continue;
        }
        marks++;
        keyless += !found[k].has_key;
        assert_false(found[k].has_value);
        assert_int_equal(sscanf(found[k].header, "%d:%lld", &partition, &offset), 2);
        assert_int_equal(partition, found[k].partition);
        assert_true(!found[k].has_key || memcmp(found[k].key, "user-", 5) == 0);
    }
    assert_int_equal(marks, FOOD);
    assert_int_equal(keyless, (FOOD + 6) / 7);
}

static void list_and_show_say_which_were_redriven(void **state) {
    (void)state;
    char words[64];
    assert_int_equal(dead_letters("list"), 0);
    assert_int_equal(lines(), FOOD + COURSE + 1); /* marks are no letters */
    assert_says("       200 letters         200 redriven  food-orders  decode\n");
    assert_says("        19 letters           0 redriven  course-views  schema-unknown\n");
    assert_int_equal(dead_letters("list --topic food-orders --limit 1"), 0);
    assert_says("\tredriven\twhat was wrong\n");
    *strchr(output, '\t') = '\0';
    snprintf(words, sizeof words, "show %.40s", output);
    assert_int_equal(dead_letters(words), 0);
    assert_says("redriven: yes\n");
}

static void a_second_redrive_leaves_them_out_unless_told_again(void **state) {
    (void)state;
    assert_int_equal(dead_letters("redrive --topic food-orders"), 0);
    assert_says("0 letters redriven\n");
    assert_says("300 letters were redriven before; --again ");
    assert_int_equal(count("food-orders"), FOOD);
    assert_int_equal(dead_letters("redrive --topic food-orders --again --limit 5"), 0);
    assert_says("5 letters redriven\n");
    assert_int_equal(count("food-orders"), FOOD + 5);
}

static void what_cannot_be_redriven_is_said_and_the_rest_is(void **state) {
    (void)state;
    assert_int_equal(dead_letters("redrive"), 1);
    assert_says("cannot be redriven: only the beginning of its value was kept\n");
    assert_says("cannot be redriven: its topic is not among those configured\n");
    assert_says("19 letters redriven\n");
    assert_says("2 letters cannot be redriven, see above\n");
    size_t others = 0;
    size_t bare = 0;
    assert_int_equal(read_topic("course-views", &others), COURSE - 1);
    for (int k = 0; k < COURSE - 1; k++) {
        bare += !found[k].has_value;
    }
    assert_int_equal(bare, 1);
}

static void without_brokers_it_says_so_and_fails(void **state) {
    (void)state;
    kafka_fixture_kill(kafka);
    assert_int_equal(dead_letters("redrive"), 1);
    assert_says("crossrec: kafka does not answer: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_prints_a_line_a_letter_and_a_summary),
        cmocka_unit_test(list_filters_by_reason_topic_and_time),
        cmocka_unit_test(what_is_mistyped_is_told),
        cmocka_unit_test(show_prints_headers_key_and_value_of_one_letter),
        cmocka_unit_test(a_dry_run_changes_nothing),
        cmocka_unit_test(redriven_letters_are_in_their_topic_as_they_came_and_once),
        cmocka_unit_test(a_mark_has_the_key_of_its_letter_no_value_and_lies_in_its_partition),
        cmocka_unit_test(list_and_show_say_which_were_redriven),
        cmocka_unit_test(a_second_redrive_leaves_them_out_unless_told_again),
        cmocka_unit_test(what_cannot_be_redriven_is_said_and_the_rest_is),
        cmocka_unit_test(without_brokers_it_says_so_and_fails),
    };
    const int missing = kafka_fixture_missing();
    if (missing) {
        return missing;
    }
    kafka = kafka_fixture_start();
    const int failed = kafka ? cmocka_run_group_tests(tests, fill, NULL) : 1;
    kafka_fixture_stop(kafka);
    return failed;
}
