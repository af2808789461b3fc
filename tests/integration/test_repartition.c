/* SPDX-License-Identifier: Apache-2.0
 *
 * test_repartition.c -- intake = repartition on real Kafka and Redis: two partners with topics of
 * different partition counts, different partitioners, and different ids for the same people.
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

#include "avro_bytes.h"
#include "mix.h"
#include "shipped.h"
#include "stand.h"

enum {
    USERS = 60,
    LINKED = 45, /* users 0..44 have an identity row */
    VIEWS = 1500,
    ORDERS = 1200,
    BAD = 30,
    KILLS = 4,
};

static const int64_t START_MS = INT64_C(1700000000000);
static struct avro_bytes bytes;

/* ---- records of two partners --------------------------------------------------------- */

static void send_identity(struct stand *s, const char *domain, const char *id, const char *user) {
    char key[64];
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_IDENTITY));
    avro_text(&bytes, domain);
    avro_text(&bytes, id);
    avro_branch(&bytes, 1);
    avro_text(&bytes, user);
    snprintf(key, sizeof key, "%s/%s", domain, id);
    stand_produce(s, "who-is-who", key, bytes.bytes, bytes.n);
}

static void send_view(struct stand *s, int n, int user) {
    char text[32];
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_COURSE_VIEW));
    snprintf(text, sizeof text, "event-%d", n);
    avro_text(&bytes, text);
    snprintf(text, sizeof text, "c%d", user);
    avro_text(&bytes, text);
    avro_long(&bytes, START_MS + n * INT64_C(1000));
    char item[32];
    snprintf(item, sizeof item, "course-%d", (n * 7 + user) % 25);
    avro_text(&bytes, item);
    avro_long(&bytes, 0);   /* VIEW */
    avro_branch(&bytes, 0); /* price */
    avro_branch(&bytes, 0); /* source */
    stand_produce(s, "raw-courses", text, bytes.bytes, bytes.n);
}

/* Of a partner whose producers are librdkafka's. Its event ids are those of the other partner. */
static void send_order(struct stand *s, struct kafka_producer *p, int n, int user) {
    char text[32];
    (void)s;
    bytes.n = 0;
    avro_wire(&bytes, shipped_id(READER_FOOD_ORDER));
    snprintf(text, sizeof text, "event-%d", n);
    avro_text(&bytes, text);
    snprintf(text, sizeof text, "%d-f", user);
    avro_text(&bytes, text);
    avro_long(&bytes, START_MS + n * INT64_C(1200));
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
    avro_block(&bytes, 2);
    for (int k = 0; k < 2; k++) {
        char item[32];
        snprintf(item, sizeof item, "dish-%d", (n * 5 + user + k * 11) % 30);
        avro_text(&bytes, item);
        avro_double(&bytes, 1);
        avro_double(&bytes, 2.5);
        avro_double(&bytes, 0);
    }
    avro_end(&bytes);
    while (kafka_produce(p, "raw-orders", text, strlen(text), bytes.bytes, bytes.n, 0) ==
           ST_AGAIN) {
        kafka_producer_poll(p, 50);
    }
}

static void send_identities(struct stand *s) {
    for (int u = 0; u < LINKED; u++) {
        char user[32];
        char id[32];
        snprintf(user, sizeof user, "person-%d", u);
        snprintf(id, sizeof id, "c%d", u);
        send_identity(s, "course", id, user);
        snprintf(id, sizeof id, "%d-f", u);
        send_identity(s, "food", id, user);
    }
    stand_flush(s);
}

/* Events from..to of both partners, and some bad ones. */
static void send_events(struct stand *s, struct kafka_producer *other, int from, int to) {
    for (int n = from; n < to; n++) {
        if (n < VIEWS) {
            send_view(s, n, n % USERS);
        }
        if (n < ORDERS) {
            send_order(s, other, n, (n * 7) % USERS);
        }
        if (n % (VIEWS / BAD) == 0) {
            stand_produce(s, "raw-courses", "nobody", "no avro", 7);
        }
    }
    char err[CONFIG_ERROR_MAX];
    stand_flush(s);
    assert_int_equal(kafka_producer_flush(other, 20000, err, sizeof err), ST_OK);
}

/* ---- set-up -------------------------------------------------------------------------- */

/* The shipped topics do not take part: a configuration file names others. */
static const char *write_ini(void) {
    static char path[] = "/tmp/crossrec-test-repartition.ini";
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("[topic.raw-courses]\ndomain = course\nschema = CourseView\nintake = repartition\n"
          "[topic.raw-orders]\ndomain = food\nschema = FoodOrder\nintake = repartition\n"
          "[topic.who-is-who]\nschema = Identity\n",
          f);
    fclose(f);
    return path;
}

static struct kafka_producer *other_partner(struct stand *s) {
    static struct config cfg;
    struct kafka_producer *p = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    cfg = s->cfg;
    snprintf(cfg.partitioner, sizeof cfg.partitioner, "consistent");
    assert_int_equal(kafka_producer_new(&cfg, &p, err), ST_OK);
    return p;
}

static void prepare(struct stand *s, const char *name) {
    stand_begin(s, name, write_ini());
    char events[64];
    snprintf(events, sizeof events, "events-%s", name);
    stand_set(s, "crossrec.events", events);
    stand_set(s, "crossrec.clock", "stream");
    stand_set(s, "learn.user.rate", "0");
    stand_set(s, "merge.max.wait", "2s");
    stand_set(s, "kafka.transaction.timeout.ms", "10000");
    stand_load(s);
    assert_int_equal(s->cfg.n_raws, 2);
    assert_int_equal(s->cfg.n_topics, 1);
    stand_create(s, "raw-courses", 3);
    stand_create(s, "raw-orders", 5);
    stand_create(s, "who-is-who", 2);
    stand_create(s, events, 4);
    stand_create(s, s->cfg.dead_letters, 1);
}

static bool has_list(struct stand *s, const char *target, const char *id) {
    const char *v = stand_get(s, "crossrec:%s:rec:%s", target, id);
    return v && strstr(v, "\"items\":[{");
}

/* ---- tests --------------------------------------------------------------------------- */

static void both_partners_read_their_lists_under_their_own_ids(void **state) {
    struct stand *s = *state;
    prepare(s, "own-ids");
    struct kafka_producer *other = other_partner(s);
    send_identities(s);
    send_events(s, other, 0, VIEWS);
    stand_start(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == VIEWS + ORDERS);
    STAND_AWAIT(s, stand_ready(s));
    for (int u = 0; u < USERS; u++) {
        char course[32];
        char food[32];
        snprintf(course, sizeof course, "c%d", u);
        snprintf(food, sizeof food, "%d-f", u);
        STAND_AWAIT(s, has_list(s, "course", course));
        STAND_AWAIT(s, has_list(s, "food", food));
        STAND_EXPECT(s, !has_list(s, "course", food));
        STAND_EXPECT(s, !has_list(s, "food", course));
        char person[32];
        snprintf(person, sizeof person, "person-%d", u);
        STAND_EXPECT(s, !has_list(s, "food", person)); /* the joint id is nobody's */
    }
    STAND_AWAIT(s, stand_metric(s, "crossrec_users", NULL) == LINKED + 2 * (USERS - LINKED));
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) >= BAD);
    STAND_EXPECT(s, stand_metric(s, "crossrec_repartitioned_events_total", NULL) == VIEWS + ORDERS);
    STAND_EXPECT(s, stand_metric(s, "crossrec_unlinked_events_total", NULL) > 0);
    send_identity(s, "course", "c0-new", "person-0"); /* he does nothing, and has his list there */
    stand_flush(s);
    STAND_AWAIT(s, has_list(s, "course", "c0-new"));
    stand_term(s);
    kafka_producer_free(other);
}

/* Reads a topic whole; counts its records. */
static size_t count(struct stand *s, const char *topic) {
    struct kafka_reader *r = NULL;
    struct record records[256];
    char err[CONFIG_ERROR_MAX] = "";
    size_t n = 0;
    assert_int_equal(kafka_reader_new(&s->cfg, &topic, 1, &r, err), ST_OK);
    while (!kafka_reader_complete(r)) {
        n += kafka_reader_poll(r, records, 256, 50);
    }
    size_t more;
    while ((more = kafka_reader_poll(r, records, 256, 200)) > 0) {
        n += more;
    }
    kafka_reader_free(r);
    return n;
}

static void however_often_it_is_killed_each_record_becomes_one_event(void **state) {
    struct stand *s = *state;
    prepare(s, "kills");
    /* the raw topics hold what the test before sent: other topics, same names in the group */
    struct kafka_producer *other = other_partner(s);
    const size_t before = (size_t)(VIEWS + ORDERS);
    const uint64_t seed = (uint64_t)time(NULL);
    struct rng rng = {seed};
    print_message("seed %llu\n", (unsigned long long)seed);
    send_identities(s);
    stand_start(s);
    for (int k = 0; k < KILLS; k++) {
        send_events(s, other, k * VIEWS / KILLS, (k + 1) * VIEWS / KILLS);
        stand_nap_ms(400 + (int)rng_below(&rng, 1500));
        stand_kill(s);
        stand_start(s);
    }
    STAND_AWAIT(s, count(s, s->cfg.events) >= 2 * before);
    stand_nap_ms(1000);
    STAND_EXPECT(s, count(s, s->cfg.events) == 2 * before);
    STAND_EXPECT(s, count(s, s->cfg.dead_letters) == 2 * (size_t)BAD);
    stand_term(s);
    kafka_producer_free(other);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_partners_read_their_lists_under_their_own_ids),
        cmocka_unit_test(however_often_it_is_killed_each_record_becomes_one_event),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
