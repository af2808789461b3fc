/* SPDX-License-Identifier: Apache-2.0
 *
 * test_repartition.c -- the contract of repartition.h on a fake broker, which compares each
 * committed transaction with the raw records (fake_broker.h), a fake registry and fake identities.
 *
 * What became of every record is compared at the end with what was sent: whoever sent it, as whom,
 * with what; in the order of its partition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encode.h"
#include "fake_broker.h"
#include "intake.h"
#include "log.h"
#include "metrics.h"
#include "repartition.h"
#include "running.h"

enum {
    VIEWS,
    ORDERS,
    ALL_PARTS = (1 << BROKER_PARTS) - 1,
    USERS = 20,
    LINKED = 12, /* users below have identities from the start */
    ROWS_MAX = 256,
    IDS = 11,       /* of shipped schemas: below */
    OTHER_ID = 100, /* of the schema of identities, too; always known */
    TEXT = 64,
};

static const int64_t START_MS = INT64_C(1700000000000);
static const char *const RAWS[BROKER_TOPICS] = {"views", "orders"};
static const char *const DOMAINS[BROKER_TOPICS] = {"course", "food"};

enum kind { GOOD, BAD, IGNORED };

struct sent { /* one raw record */
    enum kind kind;
    int user;
    int64_t ts_ms;
};

struct world {
    struct config cfg;
    struct fake_broker broker;
    struct repartition *r;
    struct encoder *views, *orders, *identities, *others; /* others: by OTHER_ID */
    struct intake *events;                                /* to read what was written */
    uint16_t events_topic;
    struct sent *sent[BROKER_PARTS];
    int64_t n_sent[BROKER_PARTS], cap_sent[BROKER_PARTS];
    int n; /* records in all */
    struct lookup lookup;
    _Atomic int schema[IDS]; /* enum lookup_state, by id */

    pthread_mutex_t lock; /* of identities */
    struct record rows[ROWS_MAX];
    size_t n_rows, at;
    bool open; /* read to their end when all are */
    _Atomic int failures;
};

/* ---- the registry, the identities ---------------------------------------------------- */

static enum lookup_state get_schema(void *ctx, uint32_t id, const char **json, size_t *len) {
    struct world *w = ctx;
    const bool other = id == OTHER_ID;
    int r = 0;
    while (r < READER_EVENT && shipped_id((enum reader)r) != id) {
        r++;
    }
    if (!other && r == READER_EVENT) {
        return LOOKUP_UNKNOWN;
    }
    *json = shipped_json(other ? READER_IDENTITY : (enum reader)r);
    *len = strlen(*json);
    return other ? LOOKUP_READY : (enum lookup_state)atomic_load(&w->schema[id]);
}

static bool schema_problem(void *ctx, char *buf, size_t len) {
    (void)ctx;
    snprintf(buf, len, "nobody answers at http://registry");
    return true;
}

static size_t poll_rows(void *ctx, struct record *out, size_t max) {
    struct world *w = ctx;
    size_t n = 0;
    pthread_mutex_lock(&w->lock);
    while (n < max && w->at < w->n_rows) {
        out[n++] = w->rows[w->at++];
    }
    pthread_mutex_unlock(&w->lock);
    return n;
}

static bool complete(void *ctx) {
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    const bool yes = w->open && w->at == w->n_rows;
    pthread_mutex_unlock(&w->lock);
    return yes;
}

static void link_by(struct world *w, struct encoder *e, uint8_t domain, const char *id,
                    const char *user) {
    const struct decoded_identity d = {.partner_id = id,
                                       .partner_id_len = strlen(id),
                                       .user_id = user,
                                       .user_id_len = strlen(user),
                                       .domain = domain};
    uint8_t *value = malloc(256);
    size_t len = 0;
    assert_non_null(value);
    assert_int_equal(encode_identity(e, &d, value, 256, &len), ST_OK);
    pthread_mutex_lock(&w->lock);
    assert_true(w->n_rows < ROWS_MAX);
    w->rows[w->n_rows++] = (struct record){.value = value, .value_len = len, .misplaced = true};
    pthread_mutex_unlock(&w->lock);
}

static void link_user(struct world *w, uint8_t domain, const char *id, const char *user) {
    link_by(w, w->identities, domain, id, user);
}

static void failed(void *ctx) {
    struct world *w = ctx;
    atomic_fetch_add(&w->failures, 1);
}

/* ---- raw records --------------------------------------------------------------------- */

static void name_item(char buf[TEXT], int topic, int partition, int64_t offset) {
    snprintf(buf, TEXT, "%d-%d-%lld", topic, partition, (long long)offset);
}

static void name_partner(char buf[TEXT], int topic, int user) {
    snprintf(buf, TEXT, topic == VIEWS ? "c%d" : "%d-f", user);
}

static struct sent *note(struct world *w, int part, struct sent s) {
    if (w->n_sent[part] == w->cap_sent[part]) {
        w->cap_sent[part] = w->cap_sent[part] ? 2 * w->cap_sent[part] : 64;
        w->sent[part] = realloc(w->sent[part], (size_t)w->cap_sent[part] * sizeof s);
        assert_non_null(w->sent[part]);
    }
    w->sent[part][w->n_sent[part]] = s;
    return &w->sent[part][w->n_sent[part]++];
}

/* Item: the place of the record, so that what became of it is known again. */
static void append(struct world *w, const struct decoded *event, int topic, int partition,
                   struct sent s) {
    static uint8_t value[2048];
    char item[TEXT];
    size_t len = 0;
    const int part = topic * BROKER_EACH + partition;
    name_item(item, topic, partition, w->n_sent[part]);
    struct decoded_line lines[2] = {
        {.item = item, .item_len = strlen(item), .quantity = 1, .amount = 2.5, .discount = 0.75},
        {.item = "more", .item_len = 4, .quantity = 2, .amount = 0}};
    struct decoded d = *event;
    d.lines = lines;
    d.n_lines = topic == VIEWS ? 1 : 2;
    d.ts_ms = s.ts_ms = START_MS + w->n * INT64_C(1000);
    struct encoder *e = topic == VIEWS ? w->views : w->orders;
    assert_int_equal(encode(e, &d, value, sizeof value, &len), ST_OK);
    if (s.kind == BAD) {
        memcpy(value, "no avro", len = 7);
    }
    note(w, part, s);
    (void)broker_append(&w->broker, (uint16_t)topic, partition, item, strlen(item), value, len,
                        START_MS + w->n, s.kind != IGNORED);
    w->n++;
}

static void send_record(struct world *w, int topic, int partition, enum kind kind, int user) {
    char id[TEXT];
    char partner[TEXT];
    snprintf(id, sizeof id, "e%d", w->n);
    name_partner(partner, topic, user);
    const struct decoded d = {.event_id = id,
                              .event_id_len = strlen(id),
                              .user_id = partner,
                              .user_id_len = strlen(partner),
                              .action = topic == ORDERS   ? ACTION_ORDER
                                        : kind == IGNORED ? ACTION_RATE
                                                          : ACTION_VIEW};
    append(w, &d, topic, partition, (struct sent){.kind = kind, .user = user});
}

/* n records each, some of them bad, some ignored. */
static void send_some(struct world *w, int n) {
    for (int k = 0; k < n; k++) {
        for (int part = 0; part < BROKER_PARTS; part++) {
            const int topic = part / BROKER_EACH;
            const bool ignored = topic == VIEWS && w->n % 11 == 3;
            send_record(w, topic, part % BROKER_EACH,
                        ignored         ? IGNORED
                        : w->n % 7 == 0 ? BAD
                                        : GOOD,
                        w->n % USERS);
        }
    }
}

/* ---- what became of them ------------------------------------------------------------- */

static bool origin(void *ctx, const struct broker_message *m, struct broker_place *out) {
    struct world *w = ctx;
    const struct record r = {
        .value = m->value, .value_len = m->value_len, .topic = w->events_topic};
    struct event e;
    const char *detail;
    char item[TEXT] = "";
    int topic = 0;
    int partition = 0;
    long long offset = 0;
    if (strcmp(m->topic, w->cfg.events) != 0 ||
        intake_event(w->events, &r, INT64_MAX, &e, &detail) || e.lines[0].id_len >= sizeof item) {
        return false;
    }
    memcpy(item, e.lines[0].id, e.lines[0].id_len);
    const bool read = sscanf(item, "%d-%d-%lld", &topic, &partition, &offset) == 3;
    *out = (struct broker_place){(uint16_t)topic, partition, offset};
    return read;
}

static void assert_text(const char *text, size_t len, const char *expected) {
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

/* The user of an event; NULL: whoever. */
static void check_event(struct world *w, const struct broker_message *m, const struct sent *s,
                        const char *user) {
    const struct record r = {
        .value = m->value, .value_len = m->value_len, .topic = w->events_topic};
    struct event e;
    const char *detail;
    const int topic = m->from.topic;
    assert_string_equal(m->topic, w->cfg.events);
    assert_int_equal(intake_event(w->events, &r, INT64_MAX, &e, &detail), INTAKE_OK);
    const struct decoded *d = intake_decoded(w->events);
    assert_int_equal(d->user_id_len, m->key_len);
    assert_memory_equal(d->user_id, m->key, m->key_len);
    if (user) {
        assert_text(d->user_id, d->user_id_len, user);
    }
    assert_string_equal(w->cfg.domains[e.domain].name, DOMAINS[topic]);
    assert_true(d->ts_ms == s->ts_ms);
    assert_true(m->timestamp_ms == START_MS + (s->ts_ms - START_MS) / 1000);
    assert_int_equal(d->action, topic == VIEWS ? ACTION_VIEW : ACTION_ORDER);
    assert_int_equal(d->n_lines, topic == VIEWS ? 1 : 2);
    assert_true(d->lines[0].amount == 2.5);
    assert_true(d->lines[0].discount == (topic == VIEWS ? 0.0 : 0.75));
    assert_true(e.lines[0].discount == (float)d->lines[0].discount);
}

static void check_letter(struct world *w, const struct broker_message *m) {
    assert_string_equal(m->topic, w->cfg.dead_letters);
    assert_string_equal(m->reason, "wire-header");
    assert_text(m->value, m->value_len, "no avro");
    assert_true(m->has_key);
}

/* Of one partition; `late`: users were linked while it ran. */
static void check_part(struct world *w, int part, bool late) {
    uint64_t seq = 0;
    for (int64_t k = 0; k < w->n_sent[part]; k++) {
        const struct sent *s = &w->sent[part][k];
        const struct broker_record r =
            broker_record(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH, k);
        char user[2 * TEXT];
        char partner[TEXT];
        name_partner(partner, part / BROKER_EACH, s->user);
        snprintf(user, sizeof user, s->user < LINKED ? "person-%d" : "%d", s->user);
        if (s->user >= LINKED) {
            snprintf(user, sizeof user, "%s/%s", DOMAINS[part / BROKER_EACH], partner);
        }
        assert_int_equal(r.outputs, s->kind != IGNORED);
        if (s->kind == IGNORED || r.by_other) {
            continue;
        }
        assert_true(r.is.seq > seq); /* in the order of the partition */
        seq = r.is.seq;
        if (s->kind == GOOD) {
            check_event(w, &r.is, s, late ? NULL : user);
        } else {
            check_letter(w, &r.is);
        }
    }
}

/* ---- life cycle ---------------------------------------------------------------------- */

static void configure(struct world *w, const char *more) {
    const char *sets[] = {"topic.views.schema=CourseView",
                          "topic.views.domain=course",
                          "topic.views.intake=repartition",
                          "topic.views.map.action.RATE=ignore",
                          "topic.orders.schema=FoodOrder",
                          "topic.orders.domain=food",
                          "topic.orders.intake=repartition",
                          "topic.who.schema=Identity",
                          "clock=stream",
                          more};
    char err[CONFIG_ERROR_MAX] = "";
    const size_t n = sizeof sets / sizeof *sets - (more == NULL);
    if (config_load(&w->cfg, NULL, NULL, sets, n, err)) {
        fail_msg("%s", err);
    }
    assert_int_equal(w->cfg.n_raws, BROKER_TOPICS);
    assert_string_equal(w->cfg.raws[VIEWS].name, "views");
    assert_string_equal(w->cfg.raws[ORDERS].name, "orders");
    while (strcmp(w->cfg.topics[w->events_topic].name, w->cfg.events) != 0) {
        w->events_topic++;
    }
}

static struct world *new_world_with(const char *more, uint64_t seed) {
    struct world *w = calloc(1, sizeof *w);
    char err[CONFIG_ERROR_MAX] = "";
    assert_non_null(w);
    log_set_level(LOG_LEVEL_ERROR);
    pthread_mutex_init(&w->lock, NULL);
    configure(w, more);
    const struct intake_spec events = {
        .cfg = &w->cfg, .topics = w->cfg.topics, .n_topics = w->cfg.n_topics};
    assert_int_equal(intake_new(&events, &w->events, err), ST_OK);
    const struct {
        enum reader reader;
        struct encoder **out;
    } encoders[] = {{READER_COURSE_VIEW, &w->views},
                    {READER_FOOD_ORDER, &w->orders},
                    {READER_IDENTITY, &w->identities}};
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++) {
        const enum reader r = encoders[i].reader;
        assert_int_equal(encoder_new(r, shipped_id(r), encoders[i].out), ST_OK);
    }
    assert_int_equal(encoder_new(READER_IDENTITY, OTHER_ID, &w->others), ST_OK);
    encoder_domains(w->identities, DOMAINS, BROKER_TOPICS);
    encoder_domains(w->others, DOMAINS, BROKER_TOPICS);
    for (int id = 0; id < IDS; id++) {
        atomic_store(&w->schema[id], LOOKUP_READY);
    }
    broker_init(&w->broker, RAWS, seed);
    w->broker.origin = origin;
    w->broker.origin_ctx = w;
    w->open = true;
    for (int u = 0; u < LINKED; u++) {
        for (uint8_t domain = 0; domain < 2; domain++) {
            char partner[TEXT];
            char user[TEXT];
            name_partner(partner, domain, u);
            snprintf(user, sizeof user, "person-%d", u);
            link_user(w, domain, partner, user);
        }
    }
    w->lookup = (struct lookup){.get = get_schema, .problem = schema_problem, .ctx = w};
    assert_int_equal(repartition_new(&w->cfg, &w->lookup, &w->r, err), ST_OK);
    w->broker.ops = repartition_rebalance(w->r);
    return w;
}

static struct world *new_world(void) {
    metrics_reset();
    return new_world_with(NULL, 1);
}

static void start(struct world *w) {
    const struct repartition_ports ports = {
        .source = broker_source(&w->broker),
        .transactions = broker_transactions(&w->broker),
        .identities = {.poll = poll_rows, .complete = complete, .ctx = w},
        .failed = failed,
        .failed_ctx = w};
    assert_int_equal(repartition_start(w->r, &ports), ST_OK);
}

static struct world *started_world(void) {
    struct world *w = new_world();
    start(w);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    return w;
}

static void end(struct world *w) {
    repartition_stop(w->r);
    broker_close(&w->broker);
    repartition_free(w->r);
    if (w->broker.wrongs) {
        fail_msg("%d wrongs, the last: %s", w->broker.wrongs, w->broker.wrong);
    }
    broker_free(&w->broker);
    intake_free(w->events);
    encoder_free(w->views);
    encoder_free(w->orders);
    encoder_free(w->identities);
    encoder_free(w->others);
    for (size_t i = 0; i < w->n_rows; i++) {
        union {
            const void *in;
            void *out;
        } value = {.in = w->rows[i].value};
        free(value.out);
    }
    for (int part = 0; part < BROKER_PARTS; part++) {
        free(w->sent[part]);
    }
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void check_all(struct world *w, bool late) {
    repartition_stop(w->r);
    assert_true(broker_all_committed(&w->broker));
    for (int part = 0; part < BROKER_PARTS; part++) {
        check_part(w, part, late);
    }
    assert_int_equal(atomic_load(&w->failures), 0);
    assert_false(repartition_failed(w->r));
}

/* ---- without faults ------------------------------------------------------------------ */

static void each_record_becomes_one_event_of_its_user_or_one_dead_letter(void **state) {
    (void)state;
    struct world *w = new_world();
    char why[256] = "";
    send_some(w, 100);
    assert_false(repartition_ready(w->r, why, sizeof why));
    start(w);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    AWAIT(broker_all_committed(&w->broker));
    send_some(w, 100);
    AWAIT(broker_all_committed(&w->broker));
    AWAIT(repartition_ready(w->r, why, sizeof why));
    check_all(w, false);
    int n[3] = {0, 0, 0};
    for (int part = 0; part < BROKER_PARTS; part++) {
        for (int64_t k = 0; k < w->n_sent[part]; k++) {
            n[w->sent[part][k].kind]++;
        }
    }
    assert_true(n[GOOD] > 500 && n[BAD] > 100 && n[IGNORED] > 30);
    assert_int_equal(metric_sum(M_REPARTITIONED), n[GOOD]);
    assert_int_equal(metric_value(M_DEAD_LETTERS, INTAKE_WIRE), n[BAD]);
    assert_int_equal(metric_value(M_IGNORED, w->cfg.n_topics + VIEWS), n[IGNORED]);
    assert_int_equal(metric_sum(M_IGNORED), n[IGNORED]);
    assert_true(metric_sum(M_UNLINKED) > 0.0);
    end(w);
}

static void only_ignored_records_still_pass_their_offsets(void **state) {
    (void)state;
    struct world *w = started_world();
    for (int k = 0; k < 30; k++) {
        send_record(w, VIEWS, k % BROKER_EACH, IGNORED, k % USERS);
    }
    AWAIT(broker_all_committed(&w->broker));
    check_all(w, false);
    end(w);
}

static void partners_may_use_any_ids_and_the_same_ones(void **state) {
    (void)state;
    static char whole[ID_LEN_MAX];
    memset(whole, 'x', sizeof whole);
    const struct {
        int topic;
        const char *id, *user, *name; /* name NULL: a dead letter; "": unlike all others */
        size_t id_len, user_len;
    } rows[] = {{VIEWS, "same", "c1", "course:same", 4, 2},
                {ORDERS, "same", "1-f", "food:same", 4, 3},
                {VIEWS, "a\0b", "c1", NULL, 3, 2},
                {VIEWS, "a\0c", "c1", NULL, 3, 2},
                {VIEWS, whole, "c1", "", ID_LEN_MAX - 6, 2},
                {VIEWS, whole, "c1", "course:xxx", ID_LEN_MAX - 7, 2},
                {VIEWS, "long-user", whole, "", 9, ID_LEN_MAX - 6}};
    struct world *w = started_world();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct decoded d = {.event_id = rows[i].id,
                                  .event_id_len = rows[i].id_len,
                                  .user_id = rows[i].user,
                                  .user_id_len = rows[i].user_len,
                                  .action = rows[i].topic == VIEWS ? ACTION_VIEW : ACTION_ORDER};
        append(w, &d, rows[i].topic, 0, (struct sent){.kind = GOOD});
    }
    AWAIT(broker_all_committed(&w->broker));
    repartition_stop(w->r);
    int64_t at[BROKER_TOPICS] = {0, 0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct broker_record r =
            broker_record(&w->broker, (uint16_t)rows[i].topic, 0, at[rows[i].topic]++);
        if (i == 6) {
            assert_string_equal(r.is.topic, w->cfg.dead_letters);
            assert_string_equal(r.is.reason, "user-id");
            continue;
        }
        const struct record m = {
            .value = r.is.value, .value_len = r.is.value_len, .topic = w->events_topic};
        struct event e;
        const char *detail;
        assert_int_equal(intake_event(w->events, &m, INT64_MAX, &e, &detail), INTAKE_OK);
        const struct decoded *d = intake_decoded(w->events);
        assert_text(d->user_id, d->user_id_len, "person-1");
        if (i == 2 || i == 3) { /* bytes of any kind */
            assert_int_equal(d->event_id_len, 10);
            assert_memory_equal(d->event_id, i == 2 ? "course:a\0b" : "course:a\0c", 10);
        } else if (i == 4) { /* too long beside the domain: a hash stands for it */
            assert_int_equal(d->event_id_len, strlen("course:#") + 16);
        } else if (i == 5) {
            assert_int_equal(d->event_id_len, ID_LEN_MAX - 1 + 1);
            assert_memory_equal(d->event_id, "course:xxx", 10);
        } else {
            assert_text(d->event_id, d->event_id_len, rows[i].name);
        }
    }
    end(w);
}

/* Somebody's id at the partner, as whoever he is; his own accounts are no others. */
static void the_other_user_is_known_by_his_own_id(void **state) {
    (void)state;
    static char whole[ID_LEN_MAX];
    memset(whole, 'x', sizeof whole);
    const struct {
        const char *user, *with, *name; /* name NULL: nobody */
        size_t len;
        bool counts;
    } rows[] = {
        {"c1", "c3", "person-3", 2, true},      {"c1", "stranger", "course/stranger", 8, true},
        {"c1", "c1", NULL, 2, false},           {"c1", "twin-of-c1", "person-1", 10, false},
        {"c1", whole, NULL, ID_LEN_MAX, false}, {"new", "c3", "person-3", 2, true},
        {"new", "1-f", "course/1-f", 3, true},  {"new", "new", NULL, 3, false}};
    metrics_reset();
    struct world *w = new_world_with("topic.views.counterpart=event_id", 1);
    link_user(w, 0, "twin-of-c1", "person-1");
    start(w);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct decoded d = {.event_id = rows[i].with,
                                  .event_id_len = rows[i].len,
                                  .user_id = rows[i].user,
                                  .user_id_len = strlen(rows[i].user),
                                  .action = ACTION_VIEW};
        append(w, &d, VIEWS, 0, (struct sent){.kind = GOOD});
    }
    AWAIT(broker_all_committed(&w->broker));
    repartition_stop(w->r);
    uint32_t who[sizeof rows / sizeof *rows];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct broker_record r = broker_record(&w->broker, VIEWS, 0, (int64_t)i);
        const struct record m = {
            .value = r.is.value, .value_len = r.is.value_len, .topic = w->events_topic};
        struct event e;
        const char *detail;
        assert_int_equal(intake_event(w->events, &m, INT64_MAX, &e, &detail), INTAKE_OK);
        const struct decoded *d = intake_decoded(w->events);
        assert_text(d->user_id, d->user_id_len, i < 5 ? "person-1" : "course/new");
        assert_text(d->counterpart, d->counterpart_len, rows[i].name ? rows[i].name : "");
        assert_int_equal(e.counterpart != 0, rows[i].counts);
        who[i] = e.counterpart;
    }
    assert_true(who[0] == who[5] && who[0] != who[1] && who[1] != who[6]);
    end(w);
}

/* ---- transactions that fail ---------------------------------------------------------- */

static void whatever_becomes_of_transactions_each_record_becomes_one_message(void **state) {
    (void)state;
    enum { N = FAULT_FENCED };
    struct world *w[N];
    for (int f = 0; f < N; f++) { /* side by side: most of the time they wait */
        w[f] = started_world();
        broker_fail(&w[f]->broker, (enum broker_fault)f, 3);
        send_some(w[f], 40);
    }
    for (int f = 0; f < N; f++) {
        AWAIT(broker_all_committed(&w[f]->broker));
        send_some(w[f], 10);
        AWAIT(broker_all_committed(&w[f]->broker));
        char why[256] = "";
        AWAIT(repartition_ready(w[f]->r, why, sizeof why));
        check_all(w[f], false);
        const bool tried_again =
            f != FAULT_NONE && f != FAULT_FULL && f != FAULT_DONE && f != FAULT_LATE_DONE;
        assert_true(w[f]->broker.faults[f] >= (tried_again ? 3 : 1));
        end(w[f]);
    }
}

static void an_outcome_stays_unknown_as_long_as_nobody_answers(void **state) {
    (void)state;
    struct world *w = new_world();
    char why[256] = "";
    w->broker.renew_refusals = 3;
    w->broker.committed_refusals = 3;
    broker_fail(&w->broker, FAULT_DONE, 1);
    send_some(w, 20);
    start(w);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    AWAIT(broker_count(&w->broker, &w->broker.renew_refusals) < 3);
    AWAIT(!repartition_ready(w->r, why, sizeof why) && strstr(why, "did not go through"));
    send_some(w, 20); /* not read meanwhile */
    AWAIT(broker_all_committed(&w->broker));
    AWAIT(repartition_ready(w->r, why, sizeof why));
    check_all(w, false);
    assert_int_equal(w->broker.renewed, 4); /* each time before it asks */
    end(w);
}

static void while_a_batch_is_tried_again_nothing_more_is_read(void **state) {
    (void)state;
    struct world *w = started_world();
    broker_fail(&w->broker, FAULT_LOST, -1);
    send_some(w, 30);
    AWAIT(broker_count(&w->broker, &w->broker.faults[FAULT_LOST]) >= 2);
    for (int part = 0; part < BROKER_PARTS; part++) {
        assert_true(
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH).paused);
        assert_true(
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH).committed <
            0);
    }
    broker_fail(&w->broker, FAULT_NONE, 0);
    AWAIT(broker_all_committed(&w->broker));
    check_all(w, false);
    for (int part = 0; part < BROKER_PARTS; part++) {
        assert_false(
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH).paused);
    }
    end(w);
}

static void whoever_is_fenced_stops_and_says_so_once(void **state) {
    (void)state;
    struct world *w = started_world();
    char why[256] = "";
    send_some(w, 20);
    AWAIT(broker_all_committed(&w->broker));
    broker_fail(&w->broker, FAULT_FENCED, -1);
    send_some(w, 20);
    AWAIT(atomic_load(&w->failures) == 1);
    AWAIT(!repartition_ready(w->r, why, sizeof why) && strstr(why, "instance.id"));
    repartition_stop(w->r);
    assert_true(repartition_failed(w->r));
    assert_int_equal(atomic_load(&w->failures), 1);
    for (int part = 0; part < BROKER_PARTS; part++) {
        assert_int_equal(
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH).committed,
            20);
    }
    end(w);
}

/* ---- identities ---------------------------------------------------------------------- */

static void set_open(struct world *w, bool open) {
    pthread_mutex_lock(&w->lock);
    w->open = open;
    pthread_mutex_unlock(&w->lock);
}

static void nothing_is_read_before_the_identities_are(void **state) {
    (void)state;
    struct world *w = new_world();
    char why[256] = "";
    set_open(w, false);
    send_some(w, 10);
    start(w);
    running_nap_ms(60);
    assert_int_equal(broker_count(&w->broker, &w->broker.polls), 0);
    assert_false(repartition_ready(w->r, why, sizeof why));
    assert_non_null(strstr(why, "reading identities"));
    set_open(w, true);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    AWAIT(broker_all_committed(&w->broker));
    AWAIT(repartition_ready(w->r, why, sizeof why));
    check_all(w, false);
    end(w);
}

static bool all_rows_taken(struct world *w) {
    pthread_mutex_lock(&w->lock);
    const bool yes = w->at == w->n_rows;
    pthread_mutex_unlock(&w->lock);
    return yes;
}

static void an_identity_that_comes_late_links_what_comes_after_it(void **state) {
    (void)state;
    struct world *w = started_world();
    const int user = LINKED + 1;
    char partner[TEXT];
    send_record(w, VIEWS, 0, GOOD, user);
    AWAIT(broker_all_committed(&w->broker));
    name_partner(partner, VIEWS, user);
    link_user(w, 0, partner, "late");
    AWAIT(all_rows_taken(w));
    running_nap_ms(50); /* taken in, too */
    send_record(w, VIEWS, 0, GOOD, user);
    AWAIT(broker_all_committed(&w->broker));
    link_user(w, 0, partner, ""); /* taken away */
    AWAIT(all_rows_taken(w));
    running_nap_ms(50);
    send_record(w, VIEWS, 0, GOOD, user);
    AWAIT(broker_all_committed(&w->broker));
    check_all(w, true);
    const char *const expected[] = {"course/c13", "late", "course/c13"};
    for (int k = 0; k < 3; k++) {
        const struct broker_record r = broker_record(&w->broker, VIEWS, 0, k);
        assert_text(r.is.key, r.is.key_len, expected[k]);
    }
    end(w);
}

static void an_identity_whose_schema_is_asked_for_is_not_forgotten(void **state) {
    (void)state;
    struct world *w = new_world();
    char why[256] = "";
    atomic_store(&w->schema[shipped_id(READER_IDENTITY)], LOOKUP_WAITING);
    link_user(w, 0, "c3", "before"); /* rows of one key stay in order */
    link_by(w, w->others, 0, "c3", "person-3");
    send_some(w, 20);
    start(w);
    AWAIT(!repartition_ready(w->r, why, sizeof why) && strstr(why, "waiting for a schema"));
    assert_non_null(strstr(why, "nobody answers at http://registry"));
    running_nap_ms(50);
    assert_int_equal(broker_count(&w->broker, &w->broker.polls), 0);
    atomic_store(&w->schema[shipped_id(READER_IDENTITY)], LOOKUP_READY);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    AWAIT(broker_all_committed(&w->broker));
    check_all(w, false);
    end(w);
}

/* ---- schemas of raw records ---------------------------------------------------------- */

static bool topic_paused(struct world *w, uint16_t topic) {
    bool all = true;
    for (int32_t p = 0; p < BROKER_EACH; p++) {
        all = all && broker_part(&w->broker, topic, p).paused;
    }
    return all;
}

static bool topic_committed(struct world *w, uint16_t topic) {
    bool all = true;
    for (int32_t p = 0; p < BROKER_EACH; p++) {
        const struct broker_part part = broker_part(&w->broker, topic, p);
        all = all && part.committed == part.n;
    }
    return all;
}

static void only_the_partitions_that_need_a_schema_wait_and_go_on_by_themselves(void **state) {
    (void)state;
    struct world *w = started_world();
    char why[256] = "";
    atomic_store(&w->schema[shipped_id(READER_FOOD_ORDER)], LOOKUP_WAITING);
    for (int k = 0; k < 60; k++) {
        send_record(w, ORDERS, k % BROKER_EACH, GOOD, k % USERS);
    }
    send_some(w, 50);
    AWAIT(topic_paused(w, ORDERS));
    AWAIT(topic_committed(w, VIEWS));
    AWAIT(!repartition_ready(w->r, why, sizeof why) && strstr(why, "waiting for a schema"));
    for (int32_t p = 0; p < BROKER_EACH; p++) {
        assert_true(broker_part(&w->broker, ORDERS, p).committed < 0);
    }
    broker_fail(&w->broker, FAULT_NOT_DONE, 2); /* stuck on top of it */
    send_some(w, 10);
    AWAIT(topic_committed(w, VIEWS));
    assert_true(topic_paused(w, ORDERS));
    atomic_store(&w->schema[shipped_id(READER_FOOD_ORDER)], LOOKUP_READY);
    AWAIT(broker_all_committed(&w->broker));
    AWAIT(!topic_paused(w, ORDERS));
    AWAIT(repartition_ready(w->r, why, sizeof why));
    check_all(w, false);
    end(w);
}

static void too_many_bad_records_stop_reading_for_a_while_and_nothing_is_lost(void **state) {
    (void)state;
    char why[256];
    struct world *w = new_world_with("breaker.retry=200ms", 1);
    start(w);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    for (int k = 0; k < 400; k++) {
        send_record(w, VIEWS, k % BROKER_EACH, BAD, k % USERS);
    }
    AWAIT(!repartition_ready(w->r, why, sizeof why) && strstr(why, "too many bad events"));
    assert_non_null(strstr(why, "wire-header in views"));
    AWAIT(broker_part(&w->broker, ORDERS, 0).paused);
    send_some(w, 20);
    AWAIT(broker_all_committed(&w->broker)); /* it tries again, and again */
    AWAIT(repartition_ready(w->r, why, sizeof why));
    repartition_stop(w->r);
    end(w);
}

static void an_id_that_nobody_knows_makes_dead_letters(void **state) {
    (void)state;
    struct world *w = started_world();
    atomic_store(&w->schema[shipped_id(READER_FOOD_ORDER)], LOOKUP_WAITING);
    for (int k = 0; k < 30; k++) {
        send_record(w, ORDERS, 0, GOOD, k % USERS);
    }
    AWAIT(broker_part(&w->broker, ORDERS, 0).paused);
    atomic_store(&w->schema[shipped_id(READER_FOOD_ORDER)], LOOKUP_UNKNOWN);
    AWAIT(broker_all_committed(&w->broker));
    repartition_stop(w->r);
    for (int k = 0; k < 30; k++) {
        const struct broker_record r = broker_record(&w->broker, ORDERS, 0, k);
        assert_string_equal(r.is.topic, w->cfg.dead_letters);
        assert_string_equal(r.is.reason, "schema-unknown");
    }
    end(w);
}

/* ---- rebalances ---------------------------------------------------------------------- */

static int64_t committed_in_all(struct world *w) {
    int64_t n = 0;
    for (int part = 0; part < BROKER_PARTS; part++) {
        const int64_t c =
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH).committed;
        n += c > 0 ? c : 0;
    }
    return n;
}

static bool was_read(struct world *w) {
    bool all = true;
    for (int part = 0; part < BROKER_PARTS; part++) {
        const struct broker_part p =
            broker_part(&w->broker, (uint16_t)(part / BROKER_EACH), part % BROKER_EACH);
        all = all && p.position == p.n;
    }
    return all;
}

/* At once: a batch is not due for a hundred milliseconds. */
static void what_is_under_way_is_committed_when_partitions_are_taken_in_order(void **state) {
    (void)state;
    struct world *w = started_world();
    send_some(w, 3);
    AWAIT(was_read(w));
    assert_true(broker_revoke(&w->broker, false));
    assert_int_equal(committed_in_all(w), w->n);
    check_all(w, false);
    end(w);
}

static void what_is_under_way_is_dropped_when_partitions_are_lost_and_read_again(void **state) {
    (void)state;
    struct world *w = started_world();
    send_some(w, 3);
    AWAIT(was_read(w));
    const int applied = broker_count(&w->broker, &w->broker.applied);
    assert_true(broker_revoke(&w->broker, true));
    if (broker_count(&w->broker, &w->broker.applied) == applied) {
        broker_other_takes(&w->broker, 0, 2); /* another member was faster */
    }
    running_nap_ms(150);
    assert_true(broker_assign(&w->broker, ALL_PARTS));
    AWAIT(broker_all_committed(&w->broker));
    check_all(w, false);
    end(w);
}

static void a_batch_that_is_stuck_does_not_outlive_its_assignment(void **state) {
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct world *w = started_world();
        char why[256] = "";
        broker_fail(&w->broker, FAULT_LOST, -1);
        send_some(w, 30);
        AWAIT(broker_count(&w->broker, &w->broker.faults[FAULT_LOST]) >= 1);
        assert_true(broker_revoke(&w->broker, lost));
        AWAIT(repartition_ready(w->r, why, sizeof why)); /* nothing is wrong any more */
        for (int part = 0; part < BROKER_PARTS; part++) {
            broker_other_takes(&w->broker, part, 25);
        }
        broker_fail(&w->broker, FAULT_NONE, 0);
        assert_true(broker_assign(&w->broker, ALL_PARTS & ~1U));
        AWAIT(committed_in_all(w) == 25 + 30 * (BROKER_PARTS - 1));
        assert_true(broker_assign(&w->broker, 1U));
        AWAIT(broker_all_committed(&w->broker));
        check_all(w, false);
        end(w);
    }
}

/* Those who have the partitions now wait for it. */
static void a_transaction_whose_assignment_was_lost_is_ended_at_once(void **state) {
    (void)state;
    for (int fault = FAULT_LATE_DONE; fault <= FAULT_NOT_DONE; fault++) {
        struct world *w = started_world();
        broker_fail(&w->broker, (enum broker_fault)fault, 1);
        w->broker.renew_refusals = 1;
        send_some(w, 10);
        AWAIT(broker_count(&w->broker, &w->broker.faults[fault]) == 1);
        assert_true(broker_revoke(&w->broker, true));
        AWAIT(broker_count(&w->broker, &w->broker.renewed) >= 1);
        assert_true(broker_assign(&w->broker, ALL_PARTS));
        AWAIT(broker_all_committed(&w->broker));
        check_all(w, false);
        end(w);
    }
}

static void what_is_under_way_is_committed_at_the_end(void **state) {
    (void)state;
    struct world *w = started_world();
    broker_fail(&w->broker, FAULT_DONE, 1);
    send_some(w, 3);
    AWAIT(was_read(w));
    repartition_stop(w->r);
    assert_int_equal(committed_in_all(w), w->n);
    const int begun = w->broker.begun;
    check_all(w, false);
    broker_close(&w->broker);
    assert_int_equal(w->broker.begun, begun); /* nothing was left for the revocation */
    w->broker.closed = false;
    end(w);
}

static void a_start_that_fails_says_why_and_leaves_nothing(void **state) {
    (void)state;
    struct world *w = new_world();
    char err[CONFIG_ERROR_MAX] = "";
    struct repartition *r = NULL;
    snprintf(w->cfg.raws[0].path[FIELD_ITEM], CONFIG_NAME_MAX, "nowhere");
    assert_int_equal(repartition_new(&w->cfg, &w->lookup, &r, err), ST_INVALID);
    assert_non_null(strstr(err, "topic.views.item = nowhere"));
    assert_null(r);
    repartition_free(NULL);
    repartition_stop(NULL);
    end(w);
}

/* ---- everything at once -------------------------------------------------------------- */

static void disturb(struct world *w, struct rng *rng) {
    char partner[TEXT];
    char user[TEXT];
    switch (rng_below(rng, 8)) {
    case 0: assert_true(broker_assign(&w->broker, 1 + rng_below(rng, ALL_PARTS))); break;
    case 1:
        assert_true(broker_revoke(&w->broker, rng_below(rng, 2)));
        for (int k = 0; k < 3; k++) {
            broker_other_takes(&w->broker, (int)rng_below(rng, BROKER_PARTS), rng_below(rng, 200));
        }
        break;
    case 2: assert_true(broker_assign(&w->broker, ALL_PARTS)); break;
    case 3:
        atomic_store(&w->schema[shipped_id(READER_FOOD_ORDER)],
                     rng_below(rng, 2) ? LOOKUP_WAITING : LOOKUP_READY);
        break;
    case 4:
        snprintf(user, sizeof user, "person-%u", rng_below(rng, USERS));
        name_partner(partner, VIEWS, LINKED + (int)rng_below(rng, USERS - LINKED));
        if (w->n_rows < ROWS_MAX) {
            link_user(w, 0, partner, user);
        }
        break;
    default: send_some(w, 1 + (int)rng_below(rng, 12)); break;
    }
}

static void whatever_happens_each_record_becomes_one_message(void **state) {
    (void)state;
    enum { WORLDS = 12, STEPS = 60 };
    struct world *w[WORLDS];
    const char *given = getenv("CROSSREC_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    struct rng rng = {seed};
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int k = 0; k < WORLDS; k++) {
        w[k] = new_world_with(NULL, rng_next(&rng));
        w[k]->broker.chance = 3;
        start(w[k]);
    }
    for (int step = 0; step < STEPS; step++) {
        for (int k = 0; k < WORLDS; k++) {
            disturb(w[k], &rng);
        }
        running_nap_ms((int)rng_below(&rng, 60));
    }
    int faults = 0;
    for (int k = 0; k < WORLDS; k++) {
        atomic_store(&w[k]->schema[shipped_id(READER_FOOD_ORDER)], LOOKUP_READY);
        assert_true(broker_assign(&w[k]->broker, ALL_PARTS));
    }
    for (int k = 0; k < WORLDS; k++) {
        AWAIT(broker_all_committed(&w[k]->broker));
        check_all(w[k], true);
        for (int f = 1; f < FAULTS; f++) {
            faults += w[k]->broker.faults[f];
        }
        end(w[k]);
    }
    print_message("%d transactions failed\n", faults);
    assert_true(faults > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_many_bad_records_stop_reading_for_a_while_and_nothing_is_lost),
        cmocka_unit_test(each_record_becomes_one_event_of_its_user_or_one_dead_letter),
        cmocka_unit_test(only_ignored_records_still_pass_their_offsets),
        cmocka_unit_test(partners_may_use_any_ids_and_the_same_ones),
        cmocka_unit_test(the_other_user_is_known_by_his_own_id),
        cmocka_unit_test(whatever_becomes_of_transactions_each_record_becomes_one_message),
        cmocka_unit_test(an_outcome_stays_unknown_as_long_as_nobody_answers),
        cmocka_unit_test(while_a_batch_is_tried_again_nothing_more_is_read),
        cmocka_unit_test(whoever_is_fenced_stops_and_says_so_once),
        cmocka_unit_test(nothing_is_read_before_the_identities_are),
        cmocka_unit_test(an_identity_that_comes_late_links_what_comes_after_it),
        cmocka_unit_test(an_identity_whose_schema_is_asked_for_is_not_forgotten),
        cmocka_unit_test(only_the_partitions_that_need_a_schema_wait_and_go_on_by_themselves),
        cmocka_unit_test(an_id_that_nobody_knows_makes_dead_letters),
        cmocka_unit_test(what_is_under_way_is_committed_when_partitions_are_taken_in_order),
        cmocka_unit_test(what_is_under_way_is_dropped_when_partitions_are_lost_and_read_again),
        cmocka_unit_test(a_batch_that_is_stuck_does_not_outlive_its_assignment),
        cmocka_unit_test(a_transaction_whose_assignment_was_lost_is_ended_at_once),
        cmocka_unit_test(what_is_under_way_is_committed_at_the_end),
        cmocka_unit_test(a_start_that_fails_says_why_and_leaves_nothing),
        cmocka_unit_test(whatever_happens_each_record_becomes_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
