/* SPDX-License-Identifier: Apache-2.0
 *
 * trigger_streams.c -- see trigger_streams.h.
 */
#include "trigger_streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_records.h"

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n"
                          "[topic.@-privacy]\nschema = PrivacyRequest\n"
                          "[state]\ntopic = @-state\n[model]\ntopic = @-model\n"
                          "items.topic = @-items\n[outbox]\ntopic = @-outbox\n"
                          "[trigger.crossed]\nkind = first_purchase\ndomain = food\n"
                          "target = course\n";

/* ---- set-up ---------------------------------------------------------------------------------- */

static char topics[3][64]; /* views, orders, privacy */

void streams_begin(struct stand *s, const char *name) {
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

void streams_create(struct stand *s) {
    stand_load(s);
    stand_create_all(s, STREAMS_PARTITIONS);
}

void streams_view(struct stand *s, const char *user, const char *course, int64_t ts_ms) {
    static int n;
    char id[STREAMS_TEXT];
    snprintf(id, sizeof id, "v%d-%s", n++, user);
    input_view(s, topics[0], id, user, course, ACTION_VIEW, ts_ms);
}

void streams_order(struct stand *s, const char *user, const char *dish, int64_t ts_ms) {
    static int n;
    char id[STREAMS_TEXT];
    snprintf(id, sizeof id, "o%d-%s", n++, user);
    input_order(s, topics[1], id, user, dish, ts_ms);
}

const char *streams_privacy(void) {
    return topics[2];
}

/* ---- what stands in the streams -------------------------------------------------------------- */

struct streams_entries streams_found;

static void take_field(struct streams_entry *e, const char *name, const char *value) {
    const struct {
        const char *name;
        char *to;
    } texts[] = {{"name", e->name},     {"user", e->user},    {"trigger_id", e->trigger_id},
                 {"kind", e->kind},     {"item_id", e->item}, {"category", e->category},
                 {"domain", e->domain}, {"from", e->from},    {"to", e->to}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        if (strcmp(texts[k].name, name) == 0) {
            snprintf(texts[k].to, STREAMS_TEXT, "%s", value);
        }
    }
    if (strcmp(name, "ts") == 0) {
        e->ts_ms = strtoll(value, NULL, 10);
    } else if (strcmp(name, "expires_at") == 0) {
        e->expires_ms = strtoll(value, NULL, 10);
    }
}

struct streams_entry streams_entry_of(const redisReply *r, int partition) {
    struct streams_entry e = {.partition = partition};
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

void streams_read(struct stand *s, const char *target) {
    streams_found.n = 0;
    for (int p = 0; p < STREAMS_PARTITIONS; p++) {
        redisReply *r = redisCommand(s->client, "XRANGE crossrec:%s:triggers:%d - +", target, p);
        for (size_t k = 0; r && r->type == REDIS_REPLY_ARRAY && k < r->elements; k++) {
            assert_true(streams_found.n < STREAMS_ENTRIES_MAX);
            streams_found.all[streams_found.n] = streams_entry_of(r->element[k], p);
            char id[STREAMS_TEXT];
            snprintf(id, sizeof id, "%d-%.*s", p, STREAMS_TEXT - 8,
                     streams_found.all[streams_found.n].id);
            assert_string_equal(streams_found.all[streams_found.n].trigger_id, id);
            if (k > 0) { /* Redis sees to it, so this is about the test */
                assert_true(is_before(streams_found.all[streams_found.n - 1].id,
                                      streams_found.all[streams_found.n].id));
            }
            streams_found.n++;
        }
        freeReplyObject(r);
    }
}

/* Entries of a trigger and a user (NULL: of all). */
int streams_count(struct stand *s, const char *target, const char *name, const char *user) {
    int n = 0;
    streams_read(s, target);
    for (int k = 0; k < streams_found.n; k++) {
        n += strcmp(streams_found.all[k].name, name) == 0 &&
             (!user || strcmp(streams_found.all[k].user, user) == 0);
    }
    return n;
}

/* The last one of them. */
const struct streams_entry *streams_last(const char *name, const char *user) {
    const struct streams_entry *e = NULL;
    for (int k = 0; k < streams_found.n; k++) {
        if (strcmp(streams_found.all[k].name, name) == 0 &&
            strcmp(streams_found.all[k].user, user) == 0) {
            e = &streams_found.all[k];
        }
    }
    assert_non_null(e);
    return e;
}

void streams_command(struct stand *s, const char *text) {
    redisReply *r = redisCommand(s->client, text);
    assert_non_null(r);
    assert_int_not_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
}

/* The views first, or there would be nothing before the purchases. */
void streams_cross_over(struct stand *s, int from) {
    const int64_t now_ms = input_now_ms();
    for (int k = 0; k < STREAMS_CROSSING; k++) {
        streams_view(s, input_name("u", from + k), input_name("c", k % 9), now_ms - 2000);
    }
    stand_flush(s);
    stand_nap_ms(200);
    for (int k = 0; k < STREAMS_CROSSING; k++) {
        streams_order(s, input_name("u", from + k), input_name("d", k % 5), now_ms - 1000);
        streams_order(s, input_name("u", from + k), input_name("d", k % 4), now_ms);
        if (k % 5 == 0) {
            stand_flush(s);
            stand_nap_ms(20);
        }
    }
    stand_flush(s);
}
