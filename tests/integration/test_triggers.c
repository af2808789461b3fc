/* SPDX-License-Identifier: Apache-2.0
 *
 * test_triggers.c -- triggers from events to consumers, on real Kafka and Redis: each kind fires
 * once for what the test made happen, and each is exactly once in its stream whatever dies: the
 * daemon (kill -9), Redis (killed, restarted empty), what Redis holds (FLUSHALL). docs/triggers.md
 * is read by its own test, tests/docs/run.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_fixture.h"
#include "input_records.h"
#include "kafka_fixture.h"
#include "redis_fixture.h"

enum {
    PARTITIONS = 3,
    ENTRIES_MAX = 4096,
    TEXT = 96,
    ROUNDS = 11,
    PER_ROUND = 25, /* users who cross over */
};

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                          "[topic.@-privacy]\nschema = PrivacyRequest\n"
                          "[state]\ntopic = @-state\n[model]\ntopic = @-model\n"
                          "items.topic = @-items\n[outbox]\ntopic = @-outbox\n"
                          "[trigger.crossed]\nkind = first_purchase\ndomain = food\n"
                          "target = course\n";

static const int64_t MINUTE_MS = 60000;
static const int64_t DAY_MS = 86400000;

/* ---- set-up ---------------------------------------------------------------------------------- */

static char topics[3][64]; /* views, orders, privacy */

static void prepare(struct stand *s, const char *name) {
    stand_begin(s, name, input_ini(INI, name));
    stand_set(s, "state", "kafka");
    stand_set(s, "late.max", "90d");
    stand_set(s, "merge.max.wait", "10s"); /* what is later than it should be is no test of this */
    stand_set(s, "merge.max.idle", "100ms");
    stand_set(s, "kafka.session.timeout.ms", "3000");
    stand_set(s, "kafka.transaction.timeout.ms", "7000");
    stand_set(s, "kafka.socket.timeout.ms", "6000");
    static const char *const ends[] = {"views", "orders", "privacy"};
    for (int k = 0; k < 3; k++) {
        snprintf(topics[k], sizeof topics[k], "%s-%s", name, ends[k]);
    }
}

static void create(struct stand *s) {
    stand_load(s);
    stand_create_all(s, PARTITIONS);
}

static void view(struct stand *s, const char *user, const char *course, int64_t ts_ms) {
    static int n;
    char id[TEXT];
    snprintf(id, sizeof id, "v%d-%s", n++, user);
    input_view(s, topics[0], id, user, course, ACTION_VIEW, ts_ms);
}

static void order(struct stand *s, const char *user, const char *dish, int64_t ts_ms) {
    static int n;
    char id[TEXT];
    snprintf(id, sizeof id, "o%d-%s", n++, user);
    input_order(s, topics[1], id, user, dish, ts_ms);
}

/* ---- what stands in the streams -------------------------------------------------------------- */

struct entry {
    char id[TEXT], name[TEXT], user[TEXT], trigger_id[TEXT], kind[TEXT];
    char item[TEXT], category[TEXT], domain[TEXT], from[TEXT], to[TEXT];
    int64_t ts_ms, expires_ms;
    int partition;
};

struct entries {
    struct entry all[ENTRIES_MAX];
    int n;
};

static struct entries found; /* by read_streams() */

static void take_field(struct entry *e, const char *name, const char *value) {
    const struct {
        const char *name;
        char *to;
    } texts[] = {{"name", e->name},     {"user", e->user},    {"trigger_id", e->trigger_id},
                 {"kind", e->kind},     {"item_id", e->item}, {"category", e->category},
                 {"domain", e->domain}, {"from", e->from},    {"to", e->to}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        if (strcmp(texts[k].name, name) == 0) {
            snprintf(texts[k].to, TEXT, "%s", value);
        }
    }
    if (strcmp(name, "ts") == 0) {
        e->ts_ms = strtoll(value, NULL, 10);
    } else if (strcmp(name, "expires_at") == 0) {
        e->expires_ms = strtoll(value, NULL, 10);
    }
}

static struct entry entry_of(const redisReply *r, int partition) {
    struct entry e = {.partition = partition};
    snprintf(e.id, sizeof e.id, "%s", r->element[0]->str);
    for (size_t k = 0; k + 1 < r->element[1]->elements; k += 2) {
        take_field(&e, r->element[1]->element[k]->str, r->element[1]->element[k + 1]->str);
    }
    return e;
}

static bool is_before(const char *a, const char *b) {
    char *end_a = NULL;
    char *end_b = NULL;
    const long long x = strtoll(a, &end_a, 10);
    const long long y = strtoll(b, &end_b, 10);
    return x < y || (x == y && strtoll(end_a + 1, NULL, 10) < strtoll(end_b + 1, NULL, 10));
}

static void read_streams(struct stand *s, const char *target) {
    found.n = 0;
    for (int p = 0; p < PARTITIONS; p++) {
        redisReply *r = redisCommand(s->client, "XRANGE crossrec:%s:triggers:%d - +", target, p);
        for (size_t k = 0; r && r->type == REDIS_REPLY_ARRAY && k < r->elements; k++) {
            assert_true(found.n < ENTRIES_MAX);
            found.all[found.n] = entry_of(r->element[k], p);
            char id[TEXT];
            snprintf(id, sizeof id, "%d-%.*s", p, TEXT - 8, found.all[found.n].id);
            assert_string_equal(found.all[found.n].trigger_id, id);
            if (k > 0) { /* Redis sees to it, so this is about the test */
                assert_true(is_before(found.all[found.n - 1].id, found.all[found.n].id));
            }
            found.n++;
        }
        freeReplyObject(r);
    }
}

/* Entries of a trigger and a user (NULL: of all). */
static int count(struct stand *s, const char *target, const char *name, const char *user) {
    int n = 0;
    read_streams(s, target);
    for (int k = 0; k < found.n; k++) {
        n +=
            strcmp(found.all[k].name, name) == 0 && (!user || strcmp(found.all[k].user, user) == 0);
    }
    return n;
}

/* The last one of them. */
static const struct entry *last_of(const char *name, const char *user) {
    const struct entry *e = NULL;
    for (int k = 0; k < found.n; k++) {
        if (strcmp(found.all[k].name, name) == 0 && strcmp(found.all[k].user, user) == 0) {
            e = &found.all[k];
        }
    }
    assert_non_null(e);
    return e;
}

static void command(struct stand *s, const char *text) {
    redisReply *r = redisCommand(s->client, text);
    assert_non_null(r);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

/* ---- each kind ---------------------------------------------------------------------------------
 */

static void
the_first_purchase_in_the_other_domain_fires_once_and_names_the_item_to_its_own_partner_only(
    void **state) {
    struct stand *s = *state;
    prepare(s, "first");
    stand_set(s, "trigger.own.kind", "first_purchase");
    stand_set(s, "trigger.own.target", "food");
    create(s);
    stand_start(s);
    const int64_t now_ms = input_now_ms();
    for (int u = 0; u < 10; u++) {
        const char *user = input_name("u", u);
        view(s, user, "c1", now_ms - 9 * MINUTE_MS);
        if (u < 7) {
            order(s, user, input_name("d", u), now_ms - 8 * MINUTE_MS);
            order(s, user, "d0", now_ms - 7 * MINUTE_MS);
        }
    }
    order(s, "eater", "d1", now_ms - 8 * MINUTE_MS); /* known from nowhere else */
    view(s, "old", "c1", now_ms - 3 * DAY_MS);       /* too long ago */
    order(s, "old", "d1", now_ms - 3 * DAY_MS + 1000);
    stand_flush(s);
    STAND_AWAIT(s, count(s, "course", "crossed", NULL) >= 7 && count(s, "food", "own", NULL) >= 7);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) >= 27);
    stand_nap_ms(500);
    assert_int_equal(count(s, "food", "own", NULL), 7);
    assert_int_equal(count(s, "course", "crossed", NULL), 7);
    for (int u = 0; u < 7; u++) {
        assert_int_equal(count(s, "course", "crossed", input_name("u", u)), 1);
        const struct entry *e = last_of("crossed", input_name("u", u));
        assert_string_equal(e->kind, "first_purchase");
        assert_string_equal(e->item, "");
        assert_string_equal(e->domain, "food");
        assert_int_equal(e->ts_ms, now_ms - 8 * MINUTE_MS);
        assert_int_equal(e->expires_ms, e->ts_ms + DAY_MS);
        assert_int_equal(count(s, "food", "own", input_name("u", u)), 1);
        assert_string_equal(last_of("own", input_name("u", u))->item, input_name("d", u));
    }
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_total", "trigger=\"crossed\"") == 7);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_relayed_total", NULL) == 14);
    stand_term(s);
}

static void
lifecycle_changes_fire_once_by_event_time_and_the_dormant_ones_without_an_event(void **state) {
    struct stand *s = *state;
    prepare(s, "life");
    static const char *const kinds[] = {"new", "returning", "resurrected", "dormant"};
    for (int k = 0; k < 4; k++) {
        char key[TEXT];
        snprintf(key, sizeof key, "trigger.is-%s.kind", kinds[k]);
        stand_set(s, key, "lifecycle");
        snprintf(key, sizeof key, "trigger.is-%s.target", kinds[k]);
        stand_set(s, key, "food");
        snprintf(key, sizeof key, "trigger.is-%s.to", kinds[k]);
        stand_set(s, key, kinds[k]);
    }
    create(s);
    stand_start(s);
    const int64_t now_ms = input_now_ms();
    const int64_t today_ms = now_ms - now_ms % DAY_MS;
    view(s, "fresh", "c1", now_ms - MINUTE_MS);
    view(s, "fresh", "c2", now_ms - MINUTE_MS / 2);
    view(s, "steady", "c1", today_ms - 9 * DAY_MS);
    view(s, "steady", "c2", now_ms - MINUTE_MS);
    view(s, "back", "c1", today_ms - 40 * DAY_MS);
    view(s, "back", "c2", now_ms - MINUTE_MS);
    view(s, "sleeper", "c1", today_ms - 28 * DAY_MS + MINUTE_MS);
    view(s, "gone", "c1", today_ms - 60 * DAY_MS);
    stand_flush(s);
    STAND_AWAIT(s, count(s, "food", "is-dormant", NULL) > 0);
    STAND_AWAIT(s, count(s, "food", "is-resurrected", NULL) > 0);
    stand_kill(s);
    stand_start(s); /* what fired is remembered */
    STAND_AWAIT(s, stand_ready(s));
    stand_nap_ms(1000);
    (void)count(s, "food", "", NULL);
    assert_int_equal(found.n, 4);
    static const char *const users[] = {"fresh", "steady", "back", "sleeper"};
    static const char *const from[] = {"", "new", "dormant", "new"};
    for (int k = 0; k < 4; k++) {
        char name[TEXT];
        snprintf(name, sizeof name, "is-%s", kinds[k]);
        const struct entry *e = last_of(name, users[k]);
        assert_string_equal(e->from, from[k]);
        assert_string_equal(e->to, kinds[k]);
    }
    assert_int_equal(last_of("is-dormant", "sleeper")->ts_ms, today_ms);
    stand_term(s);
}

/* Some view courses every day, some order once a week; `mover` does as the first do, and then as
 * the second. */
static void live_through(struct stand *s, int64_t start_ms, int from, int to) {
    for (int day = from; day < to; day++) {
        const int64_t ts_ms = start_ms + day * DAY_MS;
        for (int u = 0; u < 10; u++) {
            for (int k = 0; u < 5 && k < 4; k++) {
                view(s, input_name("a", u), input_name("c", (day + k) % 30), ts_ms + u + k);
            }
            if (u >= 5 && day % 7 == 0) {
                order(s, input_name("b", u), input_name("d", u), ts_ms + u);
            }
        }
        if (day < 40) {
            view(s, "mover", input_name("c", day), ts_ms + 100);
        } else if (day % 2 == 0) {
            order(s, "mover", "d5", ts_ms + 100);
        }
    }
    stand_flush(s);
}

/* The clock is that of the stream: months pass. */
static void a_change_of_segment_fires(void **state) {
    struct stand *s = *state;
    prepare(s, "segm");
    stand_set(s, "clock", "stream");
    stand_set(s, "segments.k", "2");
    stand_set(s, "segments.seed.users", "8");
    stand_set(s, "learn.mini.batch", "16");
    stand_set(s, "trigger.moved.kind", "segment");
    stand_set(s, "trigger.moved.target", "food");
    stand_set(s, "trigger.moved.cooldown", "0");
    stand_set(s, "trigger.moved.expires", "7d");
    create(s);
    const int64_t start_ms = input_now_ms() - 130 * DAY_MS;
    live_through(s, start_ms, 0, 30);
    stand_start(s);
    STAND_AWAIT(s, strstr(stand_get(s, "crossrec:food:info") ? s->value : "", "[0,1]"));
    for (int day = 30; day < 120; day += 5) { /* what takes a week to commit has expired */
        live_through(s, start_ms, day, day + 5);
        stand_nap_ms(350);
    }
    STAND_AWAIT(s, stand_ready(s) && stand_metric(s, "crossrec_lag_records", NULL) == 0);
    STAND_AWAIT(s, count(s, "food", "moved", "mover") > 0);
    stand_nap_ms(500);
    (void)count(s, "food", "moved", NULL);
    char now[TEXT] = "";
    for (int k = 0; k < found.n; k++) { /* one user's changes hang together */
        const struct entry *e = &found.all[k];
        assert_string_not_equal(e->from, e->to);
        if (strcmp(e->user, "mover") == 0) {
            assert_true(now[0] == '\0' || strcmp(now, e->from) == 0);
            snprintf(now, sizeof now, "%s", e->to);
        }
    }
    stand_term(s);
}

/* Two brand-new items at a time make the lists change. */
static void another_first_item_with_a_high_score_fires_for_each_of_them_once(void **state) {
    struct stand *s = *state;
    prepare(s, "tops");
    stand_set(s, "trigger.top.kind", "top_score");
    stand_set(s, "trigger.top.target", "course");
    stand_set(s, "trigger.top.score", "-1000");
    stand_set(s, "trigger.top.cooldown", "0");
    stand_set(s, "trigger.never.kind", "top_score");
    stand_set(s, "trigger.never.target", "course");
    stand_set(s, "trigger.never.score", "1000");
    create(s);
    stand_start(s);
    for (int k = 0; k < 200; k++) {
        view(s, input_name("u", k % 8), input_name("c", k * 7 % 23), input_now_ms());
        order(s, input_name("u", k % 8), input_name("d", k % 5), input_now_ms());
        stand_flush(s);
        stand_nap_ms(k % 10 == 0 ? 100 : 1);
    }
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 400);
    stand_nap_ms(1500);
    assert_int_equal(count(s, "course", "never", NULL), 0);
    assert_true(count(s, "course", "top", NULL) >= 8);
    for (int u = 0; u < 8; u++) {
        char item[TEXT] = "";
        for (int k = 0; k < found.n; k++) {
            if (strcmp(found.all[k].name, "top") == 0 &&
                strcmp(found.all[k].user, input_name("u", u)) == 0) {
                assert_string_not_equal(item, found.all[k].item);
                snprintf(item, sizeof item, "%s", found.all[k].item);
            }
        }
        char first[TEXT + 32];
        snprintf(first, sizeof first, "\"items\":[{\"id\":\"%s\",", item);
        const char *list = stand_get(s, "crossrec:course:rec:%s", input_name("u", u));
        STAND_EXPECT(s, list && strstr(list, first));
    }
    /* what fired is remembered over a kill: the lists are ranked again, and nothing is new */
    const int before = found.n;
    stand_kill(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_refresh(s);
    stand_nap_ms(2000);
    assert_true(count(s, "course", "top", NULL) <= before + 8); /* other ranks of the same model */
    for (int u = 0; u < 8; u++) {
        char item[TEXT] = "";
        for (int k = 0; k < found.n; k++) {
            if (strcmp(found.all[k].name, "top") == 0 &&
                strcmp(found.all[k].user, input_name("u", u)) == 0) {
                assert_string_not_equal(item, found.all[k].item);
                snprintf(item, sizeof item, "%s", found.all[k].item);
            }
        }
    }
    stand_term(s);
}

/* ---- faults ------------------------------------------------------------------------------------
 */

static void reconnect(struct stand *s) {
    redisFree(s->client);
    s->client = redisConnectUnix(redis_fixture_socket(s->redis));
    assert_true(s->client && !s->client->err);
}

enum { SEEN_MAX = ROUNDS * PER_ROUND + 8 };

static char seen[SEEN_MAX][2][TEXT]; /* user, trigger_id: what a consumer was given, ever */
static int n_seen;

/* One user has one trigger, with one id, however often it is delivered. */
static void see(const struct entry *e) {
    for (int k = 0; k < n_seen; k++) {
        if (strcmp(seen[k][0], e->user) == 0 || strcmp(seen[k][1], e->trigger_id) == 0) {
            assert_string_equal(seen[k][0], e->user);
            assert_string_equal(seen[k][1], e->trigger_id);
            return;
        }
    }
    assert_true(n_seen < SEEN_MAX);
    snprintf(seen[n_seen][0], TEXT, "%s", e->user);
    snprintf(seen[n_seen++][1], TEXT, "%s", e->trigger_id);
}

static void consume_one(struct stand *s, int p) {
    char key[64];
    snprintf(key, sizeof key, "crossrec:course:triggers:%d", p);
    redisReply *r = redisCommand(s->client, "XGROUP CREATE %s mail 0 MKSTREAM", key);
    if (!r) {
        return; /* Redis is away */
    }
    freeReplyObject(r); /* BUSYGROUP: there already */
    r = redisCommand(s->client, "XREADGROUP GROUP mail one COUNT 100 STREAMS %s >", key);
    const redisReply *list =
        r && r->type == REDIS_REPLY_ARRAY && r->elements == 1 ? r->element[0]->element[1] : NULL;
    for (size_t k = 0; list && k < list->elements; k++) {
        const struct entry e = entry_of(list->element[k], p);
        see(&e);
        redisReply *ack = redisCommand(s->client, "XACK %s mail %s", key, e.id);
        assert_true(ack && ack->type == REDIS_REPLY_INTEGER && ack->integer == 1);
        freeReplyObject(ack);
    }
    freeReplyObject(r);
}

/* MKSTREAM makes streams before anything is in them, as marketers do. */
static void consume(struct stand *s) {
    for (int p = 0; p < PARTITIONS; p++) {
        consume_one(s, p);
    }
}

/* The views first, or there would be nothing before the purchases. */
static void cross_over(struct stand *s, int from) {
    const int64_t now_ms = input_now_ms();
    for (int k = 0; k < PER_ROUND; k++) {
        view(s, input_name("u", from + k), input_name("c", k % 9), now_ms - 2000);
    }
    stand_flush(s);
    stand_nap_ms(200);
    for (int k = 0; k < PER_ROUND; k++) {
        order(s, input_name("u", from + k), input_name("d", k % 5), now_ms - 1000);
        order(s, input_name("u", from + k), input_name("d", k % 4), now_ms);
        if (k % 5 == 0) {
            stand_flush(s);
            stand_nap_ms(20);
        }
    }
    stand_flush(s);
}

static bool all_there(struct stand *s, int n) {
    return count(s, "course", "crossed", NULL) >= n;
}

static void everybody_is_there_once(struct stand *s, int n) {
    STAND_AWAIT(s, all_there(s, n));
    stand_nap_ms(300);
    read_streams(s, "course");
    STAND_EXPECT(s, found.n == n);
    for (int k = 0; k < found.n; k++) {
        for (int i = 0; i < k; i++) {
            assert_string_not_equal(found.all[k].user, found.all[i].user);
        }
    }
    for (int k = 0; k < found.n; k++) {
        see(&found.all[k]);
    }
}

static void hurt(struct stand *s, int round) {
    switch (round % 5) {
    case 0: command(s, "FLUSHALL"); break;
    case 1:
        stand_kill(s);
        stand_start(s);
        break;
    case 2:
        redis_fixture_kill(s->redis);
        stand_nap_ms(300);
        assert_true(redis_fixture_restart(s->redis));
        reconnect(s);
        break;
    case 3: /* for longer than the session: what it had not committed is taken back */
        daemon_fixture_signal(s->daemon, SIGSTOP);
        stand_nap_ms(4500);
        daemon_fixture_signal(s->daemon, SIGCONT);
        break;
    default: /* both */
        stand_kill(s);
        command(s, "FLUSHALL");
        stand_start(s);
        break;
    }
}

static void every_trigger_is_exactly_once_in_its_stream_whatever_dies(void **state) {
    struct stand *s = *state;
    prepare(s, "kills");
    create(s);
    stand_start(s);
    n_seen = 0;
    for (int round = 0; round < ROUNDS; round++) {
        cross_over(s, round * PER_ROUND);
        stand_nap_ms(rand() % 700);
        hurt(s, round);
        consume(s);
        stand_nap_ms(rand() % 300);
        consume(s);
    }
    everybody_is_there_once(s, ROUNDS * PER_ROUND);
    command(s, "FLUSHALL");
    everybody_is_there_once(s, ROUNDS * PER_ROUND);
    stand_term(s);
    command(s, "FLUSHALL"); /* nobody saw it: the next one to take over does */
    stand_start(s);
    everybody_is_there_once(s, ROUNDS * PER_ROUND);
    consume(s);
    assert_int_equal(n_seen, ROUNDS * PER_ROUND);
    stand_term(s);
}

/* Consumers may delete what they have read; a stream that is deleted is a loss. */
static void deleted_entries_stay_away_and_expired_ones_too(void **state) {
    struct stand *s = *state;
    prepare(s, "expiry");
    stand_set(s, "trigger.brief.kind", "first_purchase");
    stand_set(s, "trigger.brief.target", "course");
    stand_set(s, "trigger.brief.expires", "4s");
    create(s);
    stand_start(s);
    cross_over(s, 0);
    STAND_AWAIT(s, count(s, "course", "crossed", NULL) == PER_ROUND &&
                       count(s, "course", "brief", NULL) == PER_ROUND);
    const struct entry e = found.all[0];
    redisReply *r =
        redisCommand(s->client, "XDEL crossrec:course:triggers:%d %s", e.partition, e.id);
    assert_true(r && r->type == REDIS_REPLY_INTEGER && r->integer == 1);
    freeReplyObject(r);
    stand_kill(s);
    stand_start(s);
    STAND_AWAIT(s, stand_ready(s));
    stand_nap_ms(500);
    read_streams(s, "course");
    assert_int_equal(found.n, 2 * PER_ROUND - 1);
    stand_nap_ms(4000);
    command(s, "FLUSHALL");
    STAND_AWAIT(s, count(s, "course", "crossed", NULL) == PER_ROUND);
    stand_nap_ms(300);
    assert_int_equal(count(s, "course", "brief", NULL), 0);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_expired_total", NULL) == PER_ROUND);
    stand_term(s);
}

static void of_an_erased_user_nothing_comes_back(void **state) {
    struct stand *s = *state;
    prepare(s, "erased");
    create(s);
    stand_start(s);
    cross_over(s, 0);
    STAND_AWAIT(s, count(s, "course", "crossed", NULL) == PER_ROUND);
    input_request(s, topics[2], "u3", input_now_ms() + 1000, PRIVACY_ERASE);
    stand_flush(s);
    STAND_AWAIT(s, strstr(stand_get(s, "crossrec:food:rec:u3") ? s->value : "", "\"items\":[]"));
    command(s, "FLUSHALL");
    STAND_AWAIT(s, count(s, "course", "crossed", NULL) == PER_ROUND - 1);
    stand_nap_ms(300);
    assert_int_equal(count(s, "course", "crossed", "u3"), 0);
    stand_term(s);
}

static void a_stream_keeps_about_as_many_as_it_is_told_to(void **state) {
    struct stand *s = *state;
    prepare(s, "maxlen");
    stand_set(s, "trigger.maxlen", "100");
    create(s);
    stand_start(s);
    enum { MANY = 24 };
    for (int k = 0; k < MANY; k++) {
        cross_over(s, k * PER_ROUND);
    }
    STAND_AWAIT(s, stand_metric(s, "crossrec_triggers_relayed_total", NULL) == MANY * PER_ROUND);
    read_streams(s, "course");
    assert_true(found.n < MANY * PER_ROUND && found.n >= 3 * 100);
    STAND_EXPECT(s, stand_metric(s, "crossrec_triggers_trimmed_total", NULL) ==
                        MANY * PER_ROUND - found.n);
    stand_term(s);
}

static void without_durable_state_triggers_are_off_and_the_log_says_so(void **state) {
    struct stand *s = *state;
    prepare(s, "memory");
    stand_set(s, "state", "memory");
    create(s);
    stand_start(s);
    cross_over(s, 0);
    STAND_AWAIT(s, stand_metric(s, "crossrec_events_total", NULL) == 3 * PER_ROUND);
    STAND_EXPECT(s, stand_logged(s, "triggers are off: they need state = kafka"));
    read_streams(s, "course");
    assert_int_equal(found.n, 0);
    stand_term(s);
}

int main(void) {
    const int missing = stand_missing();
    if (missing) {
        return missing;
    }
    const char *seed = getenv("SEED");
    srand(seed ? (unsigned)atoi(seed) : 7);
    input_ids_shipped();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_first_purchase_in_the_other_domain_fires_once_and_names_the_item_to_its_own_partner_only),
        cmocka_unit_test(
            lifecycle_changes_fire_once_by_event_time_and_the_dormant_ones_without_an_event),
        cmocka_unit_test(a_change_of_segment_fires),
        cmocka_unit_test(another_first_item_with_a_high_score_fires_for_each_of_them_once),
        cmocka_unit_test(every_trigger_is_exactly_once_in_its_stream_whatever_dies),
        cmocka_unit_test(deleted_entries_stay_away_and_expired_ones_too),
        cmocka_unit_test(of_an_erased_user_nothing_comes_back),
        cmocka_unit_test(a_stream_keeps_about_as_many_as_it_is_told_to),
        cmocka_unit_test(without_durable_state_triggers_are_off_and_the_log_says_so),
    };
    return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
