/* SPDX-License-Identifier: Apache-2.0
 *
 * test_domains.c -- the partners of docs/domains.md on real Kafka and Redis: five domains at once,
 * by tests/data/domains/five.ini as it stands, each partner writing records of its own schema.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "avro_bytes.h"
#include "intake.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"
#include "shipped.h"
#include "stand.h"

#define DATA     SOURCE_DIR "/tests/data/domains/"
#define FIVE_INI DATA "five.ini"

enum {
    FIRST = 1001, /* the users are 1001, 1002, ... everywhere; at the bank customers C-1001, ... */
    USERS = 24,
    OPTED_OUT = FIRST + USERS, /* told the bank not to */
    ITEMS = 12,                /* a domain: item k of user u is (u + 5k) % 12 */
    PARTITIONS = 3,
    LIST_N = 20, /* longer than a domain has items: lists are whole */
};

/* What each user does, by domain: lines that are learned. */
static const struct {
    const char *domain;
    int lines;
} DOMAINS[] = {{"course", 1}, {"food", 2}, {"fitness", 3}, {"travel", 4}, {"learning", 5}};

enum { N_DOMAINS = sizeof DOMAINS / sizeof DOMAINS[0] };

enum schema_id { GYM_VISIT = 101, BOOKING, DESTINATION, LESSON, CUSTOMER_LINK, PREFERENCES };

static const char *const PARTNER_SCHEMAS[] = {"GymVisit", "Booking",      "Destination",
                                              "Lesson",   "CustomerLink", "Preferences"};

static struct avro_bytes bytes;
static char schemas_dir[64] = "";
static int64_t base_s; /* everything happened in the hour before; a whole second */

/* ---- records of the partners --------------------------------------------------------- */

static void begin(uint32_t schema) {
    bytes.n = 0;
    avro_wire(&bytes, schema);
}

static void send(struct stand *s, const char *topic, const char *key) {
    stand_produce(s, topic, key, bytes.bytes, bytes.n);
}

/* "city-7"; "" before the number: "7". Good until the fourth call after. */
static const char *name_of(const char *before, int number) {
    static char text[4][64];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, sizeof text[0], "%s%d", before, number);
    return out;
}

struct who { /* one person */
    char user[16], customer[16];
};

static struct who who_is(int user) {
    struct who w;
    snprintf(w.user, sizeof w.user, "%d", user);
    snprintf(w.customer, sizeof w.customer, "C-%d", user);
    return w;
}

static void view_bytes(int n, int user, int item, int64_t action) {
    begin(shipped_id(READER_COURSE_VIEW));
    avro_text(&bytes, name_of("view-", n));
    avro_text(&bytes, name_of("", user));
    avro_long(&bytes, base_s * 1000 - 3000000 + n);
    avro_text(&bytes, name_of("course-", item));
    avro_long(&bytes, action);
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
}

static void order_bytes(int n, int user, int first, int second) {
    begin(shipped_id(READER_FOOD_ORDER));
    avro_text(&bytes, name_of("order-", n));
    avro_text(&bytes, name_of("", user));
    avro_long(&bytes, base_s * 1000 - 2900000 + n);
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
    avro_block(&bytes, 2);
    for (int k = 0; k < 2; k++) {
        avro_text(&bytes, name_of("dish-", k ? second : first));
        avro_double(&bytes, 1);
        avro_double(&bytes, 9.5);
        avro_double(&bytes, 0);
    }
    avro_end(&bytes);
}

/* `at` as RFC 3339 with an offset of two hours; what: 0 LOOKED, 1 BOOKED, 2 ATTENDED. */
static void visit_bytes(int user, int64_t at_s, int64_t what, int item, int64_t cents) {
    char at[40];
    struct tm tm;
    const time_t t = (time_t)(at_s + 7200);
    assert_non_null(gmtime_r(&t, &tm));
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%S+02:00", &tm);
    begin(GYM_VISIT);
    avro_long(&bytes, user);
    avro_branch(&bytes, 1), avro_double(&bytes, 48.2), avro_double(&bytes, 16.37);
    avro_branch(&bytes, 1), avro_long(&bytes, 121);
    avro_text(&bytes, at);
    avro_long(&bytes, what);
    avro_long(&bytes, item), avro_text(&bytes, "Yoga"), avro_branch(&bytes, 0);
    avro_branch(&bytes, 1), avro_long(&bytes, cents);
}

static void booking_bytes(int nr, const char *user, int64_t booked_us, int first, int second) {
    char uuid[64];
    snprintf(uuid, sizeof uuid, "123e4567-e89b-12d3-a456-%012d", nr);
    begin(BOOKING);
    avro_text(&bytes, uuid);
    avro_branch(&bytes, 1);
    avro_text(&bytes, user);
    avro_branch(&bytes, 1), avro_text(&bytes, "P1234567");
    avro_long(&bytes, booked_us);
    avro_block(&bytes, 2);
    avro_text(&bytes, name_of("city-", first)), avro_long(&bytes, 3);
    avro_branch(&bytes, 1), avro_data(&bytes, "\x30\x39", 2); /* 123.45 */
    avro_text(&bytes, name_of("city-", second)), avro_long(&bytes, 1);
    avro_branch(&bytes, 0);
    avro_end(&bytes);
}

static void destination_bytes(int item, int64_t changed_s, int64_t open) {
    begin(DESTINATION);
    avro_text(&bytes, name_of("city-", item));
    avro_long(&bytes, changed_s * 1000000);
    avro_long(&bytes, open);
    avro_long(&bytes, item % 5);
    avro_branch(&bytes, 1), avro_double(&bytes, 99.5);
    avro_end(&bytes);
    avro_block(&bytes, 1), avro_text(&bytes, "beach"), avro_end(&bytes);
}

/* Even modules are numbers in the union, odd ones texts: "5" and 5 would be the same module. */
static void lesson_bytes(int id, const char *customer, int64_t when_s, const char *activity,
                         int item) {
    begin(LESSON);
    avro_text(&bytes, customer);
    avro_branch(&bytes, 1), avro_text(&bytes, "AT611904300234573201");
    avro_branch(&bytes, 1), avro_double(&bytes, 1234.5);
    avro_long(&bytes, id);
    avro_long(&bytes, when_s);
    avro_text(&bytes, activity);
    avro_branch(&bytes, item % 2 ? 0 : 1);
    if (item % 2) {
        avro_text(&bytes, name_of("", item));
    } else {
        avro_long(&bytes, item);
    }
}

static void send_link(struct stand *s, int user) {
    const struct who w = who_is(user);
    char key[64];
    begin(CUSTOMER_LINK);
    avro_text(&bytes, w.customer);
    avro_branch(&bytes, 1), avro_text(&bytes, w.user);
    snprintf(key, sizeof key, "learning/%s", w.customer);
    send(s, "customer-links", key);
}

static void send_preferences(struct stand *s, int user, int64_t marketing) {
    begin(PREFERENCES);
    avro_text(&bytes, name_of("", user));
    avro_long(&bytes, base_s * 1000);
    avro_long(&bytes, marketing);
    avro_branch(&bytes, 1), avro_long(&bytes, 9000);
    avro_branch(&bytes, 1), avro_text(&bytes, "at");
    send(s, "preferences", name_of("", user));
}

/* ---- what everybody does ------------------------------------------------------------- */

static int item_of(int user, int k) {
    return (user + 5 * k) % ITEMS;
}

static void send_bookings(struct stand *s, int user) {
    const struct who w = who_is(user);
    for (int k = 0; k < 2; k++) {
        booking_bytes(user * 2 + k, w.user, (base_s - 2000 + k) * 1000000, item_of(user, 2 * k),
                      item_of(user, 2 * k + 1));
        send(s, "bookings", w.user);
    }
}

/* One module is finished; four are looked at or liked, whatever the case of the word. */
static void send_lessons(struct stand *s, int user) {
    static const char *const activities[] = {"finished module", "opened", "Opened", "BOOKMARKED",
                                             "opened"};
    const struct who w = who_is(user);
    for (int k = 0; k < 5; k++) {
        lesson_bytes(user * 5 + k, w.customer, base_s - 1900 + k, activities[k], item_of(user, k));
        send(s, "lessons", w.customer);
    }
}

static void send_of_user(struct stand *s, int user) {
    const struct who w = who_is(user);
    view_bytes(user, user, item_of(user, 0), 1); /* ENROLL */
    send(s, "course-views", w.user);
    order_bytes(user, user, item_of(user, 0), item_of(user, 1));
    send(s, "food-orders", w.user);
    for (int k = 0; k < 3; k++) {
        visit_bytes(user, base_s - 2500 + k, 2 - k, item_of(user, k), 1250);
        send(s, "gym-visits", w.user);
    }
    send_bookings(s, user);
    send_lessons(s, user);
}

/* ---- set-up -------------------------------------------------------------------------- */

static void write_schema(uint32_t id, const char *json, size_t len) {
    char path[128];
    snprintf(path, sizeof path, "%s/%u.avsc", schemas_dir, (unsigned)id);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(json, 1, len, f), len);
    fclose(f);
}

static size_t read_file(const char *path, char *text, size_t len) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const size_t n = fread(text, 1, len - 1, f);
    fclose(f);
    assert_in_range(n, 1, len - 2);
    text[n] = '\0';
    return n;
}

/* Writer schemas by id: the shipped ones, and what the partners write with. */
static void make_schemas_dir(void) {
    static char text[16384];
    snprintf(schemas_dir, sizeof schemas_dir, "/tmp/crossrec-test-domains-XXXXXX");
    assert_non_null(mkdtemp(schemas_dir));
    for (int r = 0; r < READERS; r++) {
        const char *json = shipped_json((enum reader)r);
        write_schema(shipped_id((enum reader)r), json, strlen(json));
    }
    for (uint32_t k = 0; k < sizeof PARTNER_SCHEMAS / sizeof PARTNER_SCHEMAS[0]; k++) {
        char path[256];
        snprintf(path, sizeof path, DATA "%s.avsc", PARTNER_SCHEMAS[k]);
        write_schema(GYM_VISIT + k, text, read_file(path, text, sizeof text));
    }
}

static void prepare(struct stand *s, const char *name) {
    base_s = (int64_t)time(NULL) - 60;
    stand_begin(s, name, FIVE_INI);
    stand_set(s, "crossrec.schemas.dir", schemas_dir);
    stand_set(s, "publish.n", name_of("", LIST_N));
    stand_set(s, "kafka.transaction.timeout.ms", "10000");
    stand_load(s);
    stand_create_all(s, PARTITIONS);
}

static double lines_of(struct stand *s, const char *domain) {
    char label[64];
    snprintf(label, sizeof label, "domain=\"%s\"", domain);
    return stand_metric(s, "crossrec_event_lines_total", label);
}

static bool all_lines_are_there(struct stand *s) {
    bool all = true;
    for (size_t d = 0; d < N_DOMAINS; d++) {
        const double n = lines_of(s, DOMAINS[d].domain);
        STAND_EXPECT(s, n <= DOMAINS[d].lines * USERS);
        all = all && n >= DOMAINS[d].lines * USERS;
    }
    return all;
}

/* ---- lists --------------------------------------------------------------------------- */

/* Items of the list under a key; -1: no such key. */
static int n_items(struct stand *s, const char *domain, const char *id) {
    const char *v = stand_get(s, "crossrec:%s:rec:%s", domain, id);
    int n = v ? 0 : -1;
    for (const char *p = v; p && (p = strstr(p, "\"id\":\"")); p++) {
        n++;
    }
    return n;
}

static bool has_item(struct stand *s, const char *domain, const char *id, const char *item) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"id\":\"%s\"", item);
    const char *v = stand_get(s, "crossrec:%s:rec:%s", domain, id);
    return v && strstr(v, quoted);
}

/* The list has every item of its domain but the `n` first ones of this user. */
static bool is_all_but(struct stand *s, const char *domain, const char *id, const char *item,
                       int user, int n) {
    if (n_items(s, domain, id) != ITEMS - n) {
        return false;
    }
    for (int k = 0; k < n; k++) {
        if (has_item(s, domain, id, name_of(item, item_of(user, k)))) {
            return false;
        }
    }
    return true;
}

static void expect_lists(struct stand *s, int user) {
    const struct who w = who_is(user);
    /* repeats = no: what was taken does not come back; what was only looked at may */
    STAND_AWAIT(s, is_all_but(s, "course", w.user, "course-", user, 1));
    STAND_AWAIT(s, is_all_but(s, "travel", w.user, "city-", user, 4));
    STAND_AWAIT(s, is_all_but(s, "learning", w.customer, "", user, 1));
    /* repeats = yes: all of it may */
    STAND_AWAIT(s, is_all_but(s, "food", w.user, "dish-", user, 0));
    STAND_AWAIT(s, is_all_but(s, "fitness", w.user, "", user, 0));
    STAND_EXPECT(s, n_items(s, "learning", w.user) < 0); /* the bank knows customers only */
    for (size_t d = 0; d < N_DOMAINS - 1; d++) {
        STAND_EXPECT(s, n_items(s, DOMAINS[d].domain, w.customer) < 0);
    }
}

/* ---- tests --------------------------------------------------------------------------- */

static void five_domains_learn_at_once_and_recommend_across(void **state) {
    struct stand *s = *state;
    prepare(s, "five");
    for (int u = FIRST; u <= OPTED_OUT; u++) {
        send_link(s, u);
    }
    send_preferences(s, FIRST, 0);     /* OPT_IN  */
    send_preferences(s, FIRST + 1, 2); /* UNASKED */
    send_preferences(s, OPTED_OUT, 1); /* OPT_OUT */
    stand_flush(s);
    for (int u = FIRST; u <= OPTED_OUT; u++) {
        send_of_user(s, u);
    }
    stand_flush(s);
    stand_start(s);
    STAND_AWAIT(s, all_lines_are_there(s));
    STAND_AWAIT(s, stand_ready(s));
    stand_refresh(s); /* who was ranked before the last item was seen is ranked again */
    for (int u = FIRST; u < FIRST + USERS; u++) {
        expect_lists(s, u);
    }
    STAND_EXPECT(s, n_items(s, "food", name_of("", OPTED_OUT)) < 1);
    STAND_EXPECT(s, n_items(s, "learning", name_of("C-", OPTED_OUT)) < 1);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_not_allowed_total", NULL) == 12);
    STAND_EXPECT(s, stand_metric(s, "crossrec_dead_letters_total", NULL) == 0);
    STAND_EXPECT(s, stand_metric(s, "crossrec_global_bad_rows_total", NULL) == 0);
    STAND_EXPECT(s, all_lines_are_there(s));
}

/* The daemon of the test before runs on. */
static void a_customer_whom_nobody_links_has_lists_at_the_bank_only(void **state) {
    struct stand *s = *state;
    lesson_bytes(900000, "C-9", base_s - 1000, "opened", 3);
    send(s, "lessons", "C-9");
    stand_flush(s);
    STAND_AWAIT(s, n_items(s, "learning", "C-9") == ITEMS);
    STAND_AWAIT(s, stand_metric(s, "crossrec_unlinked_events_total", NULL) == 1);
    for (size_t d = 0; d < N_DOMAINS - 1; d++) {
        STAND_EXPECT(s, n_items(s, DOMAINS[d].domain, "C-9") < 0);
        STAND_EXPECT(s, n_items(s, DOMAINS[d].domain, "learning/C-9") < 0);
    }
}

static void somebody_of_one_partner_has_lists_of_all_that_know_him(void **state) {
    struct stand *s = *state;
    visit_bytes(5000, base_s - 900, 1, 3, 0);
    send(s, "gym-visits", "5000");
    stand_flush(s);
    for (size_t d = 0; d < N_DOMAINS - 1; d++) {
        STAND_AWAIT(s, n_items(s, DOMAINS[d].domain, "5000") == ITEMS);
    }
    STAND_EXPECT(s, n_items(s, "learning", "5000") < 0);
}

static bool offers(struct stand *s, int user, const char *city) {
    return has_item(s, "travel", name_of("", user), city);
}

static void a_destination_that_closes_leaves_all_lists(void **state) {
    struct stand *s = *state;
    const int item = item_of(FIRST, 5); /* not taken by the first user */
    char city[32];
    snprintf(city, sizeof city, "city-%d", item);
    STAND_EXPECT(s, offers(s, FIRST, city));
    destination_bytes(item, base_s, 0);
    send(s, "destinations", city);
    stand_flush(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_items_withdrawn", NULL) == 1);
    for (int u = FIRST; u < FIRST + USERS; u++) {
        STAND_AWAIT(s, !offers(s, u, city));
    }
    destination_bytes(item, base_s + 1, 1);
    send(s, "destinations", city);
    stand_flush(s);
    STAND_AWAIT(s, offers(s, FIRST, city));
}

static bool stream_time_is(struct stand *s, int64_t at_s) {
    return fabs(stand_metric(s, "crossrec_stream_time_seconds", NULL) - (double)at_s) < 0.0005;
}

static void each_partners_time_arrives_in_its_unit(void **state) {
    struct stand *s = *state;
    const struct who w = who_is(FIRST);
    visit_bytes(FIRST, base_s + 1, 0, 1, 0); /* text with an offset */
    send(s, "gym-visits", w.user);
    stand_flush(s);
    STAND_AWAIT(s, stream_time_is(s, base_s + 1));
    booking_bytes(910001, w.user, (base_s + 2) * 1000000, 1, 2); /* microseconds */
    send(s, "bookings", w.user);
    stand_flush(s);
    STAND_AWAIT(s, stream_time_is(s, base_s + 2));
    lesson_bytes(910002, w.customer, base_s + 3, "opened", 1); /* seconds */
    send(s, "lessons", w.customer);
    stand_flush(s);
    STAND_AWAIT(s, stream_time_is(s, base_s + 3));
}

static void what_a_partner_does_not_map_becomes_a_dead_letter(void **state) {
    struct stand *s = *state;
    lesson_bytes(920000, "C-1001", base_s, "slept", 1); /* no such word */
    send(s, "lessons", "C-1001");
    begin(BOOKING); /* the payload is null */
    avro_text(&bytes, "123e4567-e89b-12d3-a456-426614174000");
    avro_branch(&bytes, 0);
    send(s, "bookings", "1001");
    stand_flush(s);
    STAND_AWAIT(s, stand_metric(s, "crossrec_dead_letters_total", "reason=\"action\"") == 1);
    STAND_AWAIT(s, stand_metric(s, "crossrec_dead_letters_total", "reason=\"missing\"") == 1);
    STAND_AWAIT(s, stand_records(s, s->cfg.dead_letters) >= 2);
    stand_term(s);
}

/* ---- what no key shows: a unit of the pipeline --------------------------------------- */

/* The event that the bytes are on this topic, by an intake of the same configuration. */
static void take(const struct stand *s, const char *topic, struct intake **in, struct event *e) {
    const bool raw = strcmp(topic, "lessons") == 0;
    const struct intake_spec spec = {.cfg = &s->cfg,
                                     .topics = raw ? s->cfg.raws : s->cfg.topics,
                                     .n_topics = raw ? s->cfg.n_raws : s->cfg.n_topics};
    char err[CONFIG_ERROR_MAX] = "";
    const char *detail = "";
    uint16_t t = 0;
    assert_int_equal(intake_new(&spec, in, err), ST_OK);
    while (strcmp(spec.topics[t].name, topic) != 0) {
        t++;
        assert_in_range(t, 0, spec.n_topics - 1);
    }
    const struct record r = {.value = bytes.bytes, .value_len = bytes.n, .topic = t, .offset = 7};
    assert_int_equal(intake_event(*in, &r, INT64_MAX, e, &detail), INTAKE_OK);
}

static bool near(float a, double b) {
    return fabs((double)a - b) < 1e-4;
}

static bool is_text(const char *text, size_t len, const char *expected) {
    return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

static void amounts_and_words_mean_what_the_configuration_says(void **state) {
    struct stand *s = *state;
    struct intake *in = NULL;
    struct event e;
    static const enum action of_what[] = {ACTION_VIEW, ACTION_ENROLL, ACTION_COMPLETE};
    for (int what = 0; what < 3; what++) {
        visit_bytes(4711, base_s, what, 9, 1250);
        take(s, "gym-visits", &in, &e);
        assert_int_equal(e.action, of_what[what]);
        assert_true(near(e.weight, what == 2 ? 2 : 1));
        assert_true(near(e.lines[0].amount, 12.5)); /* cents */
        assert_true(near(e.lines[0].quantity, 1));
        assert_true(is_text(e.user_id, e.user_id_len, "4711"));
        assert_true(is_text(e.lines[0].id, e.lines[0].id_len, "9"));
        assert_int_equal(e.ts_ms, base_s * 1000);
        intake_free(in);
    }
    booking_bytes(1, "anna", base_s * 1000000 + 999, 3, 4);
    take(s, "bookings", &in, &e);
    assert_int_equal(e.action, ACTION_PURCHASE);
    assert_int_equal(e.ts_ms, base_s * 1000);
    assert_int_equal(e.n_lines, 2);
    assert_true(near(e.lines[0].amount, 123.45) && near(e.lines[0].quantity, 3));
    assert_true(near(e.lines[1].amount, 0) && near(e.lines[1].quantity, 1));
    intake_free(in);
    lesson_bytes(1, "C-1", base_s, "BookMarked", 4);
    take(s, "lessons", &in, &e);
    assert_int_equal(e.action, ACTION_LIKE);
    assert_int_equal(e.ts_ms, base_s * 1000);
    assert_true(is_text(e.lines[0].id, e.lines[0].id_len, "4"));
    intake_free(in);
}

/* ---- configurations that are wrong --------------------------------------------------- */

/* A copy of five.ini with one text in the place of another, beside copies of the schemas. */
static void write_copy(const char *dir, const char *from, const char *to) {
    static char text[16384];
    char path[160];
    snprintf(path, sizeof path, "cp " DATA "*.avsc %s", dir);
    assert_int_equal(system(path), 0);
    read_file(FIVE_INI, text, sizeof text);
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(path, sizeof path, "%s/five.ini", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    fclose(f);
}

/* Runs the daemon until it ends; what it says, and its exit status. */
static int run(const struct stand *s, const char *dir, char *out, size_t len) {
    char line[1024];
    snprintf(line, sizeof line,
             "timeout 20 " CROSSREC " run --config %s/five.ini --set kafka.bootstrap.servers=%s "
             "--set redis.address=%s --set http.address=off 2>&1",
             dir, kafka_fixture_brokers(s->kafka), redis_fixture_address(s->redis));
    FILE *p = popen(line, "r");
    assert_non_null(p);
    out[fread(out, 1, len - 1, p)] = '\0';
    const int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_wrong_path_stops_the_start_and_says_what_there_is(void **state) {
    static const struct {
        const char *from, *to, *said;
    } rows[] = {
        {"item = class.id\n", "item = class.idd\n",
         "topic.gym-visits.item = class.idd: Class has no such field; it has id, title, room"},
        {"user = member.id\n", "user = member\n",
         "topic.gym-visits.user = member: Member is a record; it has id, home, heart_rate"},
        {"ts = payload.booked\n", "ts = payload.bookd\n",
         "topic.bookings.ts = payload.bookd: Booking has no such field; it has traveller, "
         "passport, "
         "booked, legs"},
        {"item = payload.legs[].destination\n", "item = payload.legs.destination\n",
         "topic.bookings.item = payload.legs.destination: "},
        {"map.action.BOOKED = enroll\n", "map.action.BOKED = enroll\n",
         "topic.gym-visits.action = what: map.action.BOKED: there is no such symbol; it has "
         "LOOKED, "
         "BOOKED, ATTENDED"},
        {"partner.id = customer\n", "partner.id = client\n",
         "topic.customer-links.partner.id = client: CustomerLink has no such field; it has "
         "customer, user"},
        {"item = module\n", "item = modul\n",
         "topic.lessons.item = modul: Lesson has no such field; it has customer, iban, balance, "
         "id, when, activity, module"},
        {"age = born\n", "age = marketing\n",
         "topic.preferences.age = marketing: an enum; needs an int or a long"},
        {"schema = Lesson.avsc\n", "schema = Lessen.avsc\n", "Lessen.avsc: No such file"},
    };
    const struct stand *s = *state;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        char dir[] = "/tmp/crossrec-test-domains-XXXXXX";
        char out[8192];
        char command[64];
        assert_non_null(mkdtemp(dir));
        write_copy(dir, rows[k].from, rows[k].to);
        const int status = run(s, dir, out, sizeof out);
        snprintf(command, sizeof command, "rm -r %s", dir);
        assert_int_equal(system(command), 0);
        if (status != 1 || !strstr(out, rows[k].said) || !strstr(out, "crossrec: ")) {
            fail_msg("%s: status %d, said:\n%s", rows[k].to, status, out);
        }
    }
}

/* ---- all of them --------------------------------------------------------------------- */

static int open_all(void **state) {
    static struct stand s;
    *state = &s;
    make_schemas_dir();
    return stand_open(&s);
}

static int close_all(void **state) {
    char command[96];
    stand_close(*state);
    snprintf(command, sizeof command, "rm -r %s", schemas_dir);
    return system(command);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_domains_learn_at_once_and_recommend_across),
        cmocka_unit_test(a_customer_whom_nobody_links_has_lists_at_the_bank_only),
        cmocka_unit_test(somebody_of_one_partner_has_lists_of_all_that_know_him),
        cmocka_unit_test(a_destination_that_closes_leaves_all_lists),
        cmocka_unit_test(each_partners_time_arrives_in_its_unit),
        cmocka_unit_test(what_a_partner_does_not_map_becomes_a_dead_letter),
        cmocka_unit_test(amounts_and_words_mean_what_the_configuration_says),
        cmocka_unit_test(a_wrong_path_stops_the_start_and_says_what_there_is),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
