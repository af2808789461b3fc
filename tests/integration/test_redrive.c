/* SPDX-License-Identifier: Apache-2.0
 *
 * test_redrive.c -- from a dead letter back to an event: a schema that is missing, then put into
 * the folder; the letters are redriven, and each event counts once, however often that is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "avro_bytes.h"
#include "kafka_fixture.h"
#include "shipped.h"
#include "stand.h"

enum { VIEWS = 300, USERS = 40, ROOM = 65536 };

static const int64_t START_MS = INT64_C(1700000000000);
static struct avro_bytes bytes;
static char output[ROOM];
static char folder[] = "/tmp/crossrec-redrive-XXXXXX";

static void put_schema(enum reader r) {
    char path[128];
    snprintf(path, sizeof path, "%s/%u.avsc", folder, (unsigned)shipped_id(r));
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(shipped_json(r), f);
    fclose(f);
}

static void send_views(struct stand *s) {
    for (int n = 0; n < VIEWS; n++) {
        char text[32];
        bytes.n = 0;
        avro_wire(&bytes, shipped_id(READER_COURSE_VIEW));
        snprintf(text, sizeof text, "event-%d", n);
        avro_text(&bytes, text);
        snprintf(text, sizeof text, "u%d", n % USERS);
        avro_text(&bytes, text);
        avro_long(&bytes, START_MS + n * INT64_C(1000));
        char item[32];
        snprintf(item, sizeof item, "course-%d", n % 23);
        avro_text(&bytes, item);
        avro_long(&bytes, 0);
        avro_branch(&bytes, 0);
        avro_branch(&bytes, 0);
        stand_produce(s, "course-views", text, bytes.bytes, bytes.n);
    }
    stand_flush(s);
}

/* Runs a command on the stand's servers; its exit status. */
static int crossrec(struct stand *s, const char *words) {
    char command[1024];
    snprintf(command, sizeof command,
             CROSSREC " %s --set kafka.bootstrap.servers=%s --set dead.letters=%s "
                      "--set schemas.dir=%s 2>&1",
             words, kafka_fixture_brokers(s->kafka), s->cfg.dead_letters, folder);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    const int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_command(struct stand *s, const char *words, const char *says) {
    if (crossrec(s, words) != 0 || !strstr(output, says)) {
        fail_msg("%s does not say `%s`:\n%s", words, says, output);
    }
}

static void redriven_letters_are_events_that_count_once(void **state) {
    struct stand *s = *state;
    assert_non_null(mkdtemp(folder));
    put_schema(READER_FOOD_ORDER); /* the other one is forgotten */
    stand_begin(s, "redrive", NULL);
    stand_set(s, "schemas.dir", folder);
    stand_set(s, "crossrec.clock", "stream");
    stand_set(s, "breaker.share", "1");
    stand_load(s);
    stand_create_all(s, 4);
    send_views(s);
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_dead_letters_total", "schema-unknown") == VIEWS);
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) >= VIEWS);
    expect_command(s, "dead-letters list --limit 3", "schema-unknown");
    stand_term(s);

    put_schema(READER_COURSE_VIEW); /* repaired */
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    expect_command(s, "dead-letters redrive --reason schema-unknown --dry-run", "300");
    expect_command(s, "dead-letters redrive --reason schema-unknown", "300");
    expect_command(s, "dead-letters redrive --reason schema-unknown --again", "300");
    /* the state is in memory: the first records are read again too, with their schema known now */
    STAND_AWAIT(s, stand_metric(s, "crossrec_records_total", "course-views") == 3 * VIEWS);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == VIEWS);
    STAND_AWAIT(s, stand_metric(s, "crossrec_duplicate_events_total", NULL) == 2 * VIEWS);
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
    stand_term(s);
    (void)crossrec(s, "dead-letters redrive --reason schema-unknown");
    assert_null(strstr(output, "300 letters put back"));
}

static int close_all(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    return stand_teardown(state);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redriven_letters_are_events_that_count_once),
    };
    return cmocka_run_group_tests(tests, stand_setup, close_all);
}
