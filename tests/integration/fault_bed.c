/* SPDX-License-Identifier: Apache-2.0
 * fault_bed.c -- see fault_bed.h. */
#include "fault_bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_fixture.h"
#include "input_records.h"
#include "kafka_fixture.h"
#include "redis_view.h"
#include "scrape.h"

enum {
    ITEMS = 60,
    PRELOAD = 1200,
    COMMAND_MAX = 512,
    SHOWN = 4096,
    ROWS_MAX = 32,
    STEP_MS = 7000, /* of event time, from one event to the next */
};

static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-views]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-orders]\ndomain = food\nschema = FoodOrder\n";

static char names[BED_PARTITIONS][BED_USERS][16];
static int groups; /* each start reads everything */

void bed_show_logs(struct bed *b) {
    fprintf(stderr, "---- the reference\n");
    if (b->reference) {
        daemon_fixture_show_log(b->reference);
    }
    fprintf(stderr, "---- the one that suffers\n");
    stand_show_log(&b->s);
}

/* ---- Redis ------------------------------------------------------------------------------- */

/* As redis.h documents the rights; the default user is the test's. */
#define SLOWLY "--key-load-delay", "0", "--loading-process-events-interval-bytes", "1024"
static const char *server_args[] = {
    "--user",   "app",          "on",        ">pw",   "~crossrec:*",   "&crossrec:*",
    "+evalsha", "+script|load", "+getrange", "+get",  "+set",          "+pexpire",
    "+info",    "+publish",     "+xadd",     "+xlen", "+xinfo|stream", "--appendonly",
    "yes",      SLOWLY,         NULL};
enum { DELAY_ARG = 20 };

void bed_slow_loading(bool slow) {
    server_args[DELAY_ARG] = slow ? "3000" : "0"; /* us a key */
}

static redisContext *client_of(struct bed *b) {
    redisContext **c = &b->s.client;
    if (*c && (*c)->err) {
        redisFree(*c);
        *c = NULL;
    }
    if (!*c) {
        *c = redisConnectUnixWithTimeout(redis_fixture_socket(b->s.redis),
                                         (struct timeval){.tv_sec = 1});
    }
    return *c;
}

__attribute__((format(printf, 3, 0))) static const char *run(struct bed *b, bool must,
                                                             const char *format, va_list args) {
    static char text[SHOWN];
    char command[COMMAND_MAX];
    vsnprintf(command, sizeof command, format, args);
    redisReply *r = redisCommand(client_of(b), command);
    if (!r) { /* of a server that was there before */
        r = redisCommand(client_of(b), command);
    }
    if (must && (!r || r->type == REDIS_REPLY_ERROR)) {
        fail_msg("%s: %s", command, r ? r->str : "no reply");
    }
    snprintf(text, sizeof text, "%s", r && r->str ? r->str : "");
    freeReplyObject(r);
    return text;
}

void bed_redis(struct bed *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)run(b, true, format, args);
    va_end(args);
}

const char *bed_redis_text(struct bed *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = run(b, false, format, args);
    va_end(args);
    return text;
}

/* ---- daemons ------------------------------------------------------------------------------ */

/* The settings of the stand, some of them in another way. */
static struct daemon_fixture *start(struct bed *b, const char *group, const char *redis,
                                    const char *http, bool as_app) {
    char own[6][CONFIG_VALUE_MAX];
    const char *sets[STAND_SETS + 6];
    size_t n = 0;
    static const char *const REPLACED[] = {
        "crossrec.group=", "redis.address=", "http.address=", "instance.id="};
    for (size_t k = 0; k < b->s.n_sets; k++) {
        bool keep = true;
        for (size_t i = 0; i < sizeof REPLACED / sizeof *REPLACED; i++) {
            keep = keep && strncmp(b->s.sets[k], REPLACED[i], strlen(REPLACED[i])) != 0;
        }
        if (keep) {
            sets[n++] = b->s.sets[k];
        }
    }
    snprintf(own[0], sizeof own[0], "crossrec.group=%s", group);
    snprintf(own[1], sizeof own[1], "redis.address=%s", redis);
    snprintf(own[2], sizeof own[2], "http.address=%s", http);
    snprintf(own[3], sizeof own[3], "instance.id=%s", group);
    snprintf(own[4], sizeof own[4], "redis.user=app");
    snprintf(own[5], sizeof own[5], "redis.password=pw");
    for (int k = 0; k < (as_app ? 6 : 4); k++) {
        sets[n++] = own[k];
    }
    struct daemon_fixture *d = daemon_fixture_start_with(b->s.ini, sets, n);
    assert_non_null(d);
    return d;
}

void bed_start(struct bed *b, bool cluster) {
    char group[32];
    snprintf(group, sizeof group, "hurt-%d", groups++);
    daemon_fixture_free(b->s.daemon);
    b->s.daemon =
        start(b, group, cluster ? redis_cluster_address(b->cluster, 1) : proxy_address(b->proxy),
              b->s.http, !cluster);
}

static void configure(struct bed *b) {
    stand_begin(&b->s, "hurt", input_ini(INI, "hurt"));
    daemon_fixture_http(8, b->reference_http, sizeof b->reference_http);
    stand_set(&b->s, "crossrec.clock", "stream");
    stand_set(&b->s, "publish.refresh", "300ms");
    stand_set(&b->s, "user.interval", "0"); /* cards follow at once, too */
    stand_set(&b->s, "similar.interval", "300ms");
    stand_set(&b->s, "publish.max.lag", "365d");
    stand_set(&b->s, "merge.max.wait", "60s"); /* of what is there before they start */
    stand_set(&b->s, "redis.timeout", "500ms");
    stand_set(&b->s, "segments.seed.users", "100");
    stand_load(&b->s);
    stand_create_all(&b->s, BED_PARTITIONS);
}

/* ---- events -------------------------------------------------------------------------------- */

static void name_users(void) {
    int n[BED_PARTITIONS] = {0};
    for (int k = 0; n[0] < BED_USERS || n[1] < BED_USERS || n[2] < BED_USERS; k++) {
        char name[16];
        snprintf(name, sizeof name, "u%d", k);
        const int p = kafka_partition_of("murmur2", name, strlen(name), BED_PARTITIONS);
        if (n[p] < BED_USERS) {
            memcpy(names[p][n[p]++], name, sizeof name);
        }
    }
}

static uint32_t below(struct bed *b, uint32_t n) {
    b->random = b->random * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(b->random >> 33) % n;
}

/* Users of the same tenth like the same tenth of the items, so that there is something to learn. */
static void send_one(struct bed *b, int p, bool view) {
    char id[32];
    const uint32_t user = below(b, BED_USERS);
    const uint32_t item = (user % 10 * (ITEMS / 10) + below(b, ITEMS / 5)) % ITEMS;
    snprintf(id, sizeof id, "e%lld", (long long)b->sent);
    b->ts_ms += STEP_MS;
    if (view) {
        input_view(&b->s, "hurt-views", id, names[p][user], input_name("c", (int)item), ACTION_VIEW,
                   b->ts_ms);
    } else {
        input_order(&b->s, "hurt-orders", id, names[p][user], input_name("d", (int)item), b->ts_ms);
    }
    b->sent++;
}

/* After the last event: so long until both have swept all lists. */
enum { SWEPT_MS = 700 };

static bool has_learned(struct bed *b) {
    return scrape(b->s.http, "crossrec_events_total", NULL) == (double)b->sent &&
           scrape(b->reference_http, "crossrec_events_total", NULL) == (double)b->sent;
}

void bed_await_learned(struct bed *b) {
    BED_AWAIT(b, has_learned(b));
}

void bed_pour(struct bed *b, int n) {
    for (int k = 0; k < n; k++) {
        send_one(b, 0, false);
    }
    stand_flush(&b->s);
}

void bed_feed(struct bed *b, int n) {
    for (int p = 0; p < BED_PARTITIONS; p++) {
        for (int k = 0; k < n; k++) {
            send_one(b, p, false);
        }
        stand_flush(&b->s);
        bed_await_learned(b);
    }
    stand_nap_ms(SWEPT_MS);
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool reads(struct bed *b, struct redis_view *v) {
    redisContext *nodes[CLUSTER_NODES] = {client_of(b)};
    size_t n = 1;
    if (b->cluster) {
        n = 0;
        for (int k = 0; k < redis_cluster_size(b->cluster); k++) {
            redisContext *c = redis_cluster_client(b->cluster, k);
            if (c && strstr(redis_cluster_run(b->cluster, k, "INFO replication"), "role:master")) {
                nodes[n++] = c;
            }
        }
    }
    return redis_view_read(v, nodes, n);
}

/* `published` of the reference names the end of every partition. */
static bool is_at_end(const struct redis_view *v, int64_t sent) {
    int64_t sum = 0;
    for (size_t k = 0; k < v->n; k++) {
        const char *at = strstr(v->all[k].key, ":published:") ? v->all[k].text : "";
        for (; (at = strstr(at, "-orders\":")) != NULL; at++) {
            sum += strtoll(at + strlen("-orders\":"), NULL, 10);
        }
        at = strstr(v->all[k].key, ":published:") ? v->all[k].text : "";
        for (; (at = strstr(at, "-views\":")) != NULL; at++) {
            sum += strtoll(at + strlen("-views\":"), NULL, 10);
        }
    }
    return sum == sent;
}

static void keep_lists(struct redis_view *v) {
    size_t n = 0;
    for (size_t k = 0; k < v->n; k++) {
        if (strstr(v->all[k].key, ":rec:") || strstr(v->all[k].key, ":published:")) {
            const struct redis_view_entry e = v->all[k];
            v->all[k] = v->all[n];
            v->all[n++] = e;
        }
    }
    for (size_t k = n; k < v->n; k++) {
        free(v->all[k].key);
        free(v->all[k].text);
    }
    v->n = n;
}

size_t bed_wrong(struct bed *b, enum bed_keys which, size_t *all, char *first, size_t len) {
    struct redis_view hurt = {0};
    struct redis_view calm = {0};
    size_t wrong = SIZE_MAX;
    snprintf(first, len, "%s", "the reference is not at the end of its events");
    if (redis_view_read(&calm, &b->calm_client, 1) && is_at_end(&calm, b->sent)) {
        (void)(reads(b, &hurt) ||
               reads(b, &hurt)); /* of a server that was there before; else none */
        if (which == BED_LISTS) {
            keep_lists(&hurt);
            keep_lists(&calm);
        }
        wrong = redis_view_differences(&hurt, &calm, first, len);
        *all = calm.n;
    }
    redis_view_free(&hurt);
    redis_view_free(&calm);
    return wrong;
}

static struct row {
    const char *fault;
    size_t keys, wrong;
    double lists_s, all_s;
} rows[ROWS_MAX];
static size_t n_rows;

static size_t count_wrong(struct bed *b) {
    char first[SHOWN];
    size_t all = 0;
    return bed_wrong(b, BED_LISTS, &all, first, sizeof first);
}

void bed_bites(struct bed *b) {
    b->wrong = count_wrong(b);
    BED_EXPECT(b, b->wrong > 0 && b->wrong != SIZE_MAX);
    b->is_counted = true;
}

void bed_healed(struct bed *b) {
    b->healed_ms = stand_now_ms();
    b->wrong = b->is_counted ? b->wrong : count_wrong(b);
    b->is_counted = false;
}

static size_t await(struct bed *b, enum bed_keys which) {
    char first[SHOWN];
    size_t all = 0;
    for (const int64_t end_ms = stand_now_ms() + BED_RIGHT_MS;
         bed_wrong(b, which, &all, first, sizeof first) != 0;) {
        if (stand_now_ms() > end_ms) {
            bed_show_logs(b);
            fail_msg("is not right again: %s", first);
        }
        stand_nap_ms(20);
    }
    return all;
}

void bed_await_right(struct bed *b, const char *fault) {
    assert_true(n_rows < ROWS_MAX);
    const size_t keys = await(b, BED_LISTS);
    struct row *r = &rows[n_rows++];
    *r = (struct row){.fault = fault, .keys = keys, .wrong = b->wrong};
    r->lists_s = (double)(stand_now_ms() - b->healed_ms) / 1e3;
    (void)await(b, BED_ALL);
    r->all_s = (double)(stand_now_ms() - b->healed_ms) / 1e3;
}

void bed_settle(struct bed *b) {
    (void)await(b, BED_ALL);
}

void bed_show_table(void) {
    print_message("%-58s %6s %6s %8s %8s\n", "fault", "lists", "wrong", "lists s", "all s");
    for (size_t k = 0; k < n_rows; k++) {
        const struct row *r = &rows[k];
        print_message("%-58s %6zu %6zu %8.2f %8.2f\n", r->fault, r->keys, r->wrong, r->lists_s,
                      r->all_s);
    }
}

/* ---- set-up -------------------------------------------------------------------------------- */

/* Views and orders in turn, learned by both in the order of their times. */
static void preload(struct bed *b) {
    for (int k = 0; k < PRELOAD; k++) {
        send_one(b, k % BED_PARTITIONS, k / BED_PARTITIONS % 2 == 0);
    }
    stand_flush(&b->s);
}

int bed_setup(void **state) {
    static struct bed bed;
    struct bed *b = &bed;
    *state = b;
    b->random = 7;
    b->ts_ms = INT64_C(1700000000000);
    b->s.kafka = kafka_fixture_start_apart();
    b->s.redis = redis_fixture_start(REDIS_PORT, server_args);
    b->calm = redis_fixture_start(REDIS_NO_PORT, NULL);
    if (!b->s.kafka || !b->s.redis || !b->calm) {
        return 1;
    }
    b->proxy = proxy_start(redis_fixture_socket(b->s.redis));
    b->calm_client = redisConnectUnix(redis_fixture_socket(b->calm));
    (void)client_of(b);
    input_ids_shipped();
    name_users();
    configure(b);
    preload(b);
    b->reference = start(b, "calm", redis_fixture_address(b->calm), b->reference_http, false);
    bed_start(b, false);
    bed_await_learned(b);
    bed_settle(b);
    return 0;
}

int bed_teardown(void **state) {
    struct bed *b = *state;
    daemon_fixture_free(b->reference);
    daemon_fixture_free(b->s.daemon);
    b->s.daemon = NULL;
    proxy_stop(b->proxy);
    redis_cluster_stop(b->cluster);
    redisFree(b->calm_client);
    redis_fixture_stop(b->calm);
    stand_close(&b->s);
    return 0;
}
