/* SPDX-License-Identifier: Apache-2.0
 * demo_options.c -- see demo_options.h. */
#include "demo_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shipped.h"
#include "user_features.h"

#define DAY_MS INT64_C(86400000)

enum {
    SECONDS = 60,
    USERS_PER_SECOND = 67, /* 4,000 users, 80,000 events in a minute */
    EVENTS_PER_USER = 20,  /* of the lively world, about             */
    USERS_MIN = 1000,
    USERS_MAX = 1000000,
    PARTITIONS = 4,
    WORLD_SAMPLE = 4, /* it is small: one event in four is tested */
    WORLD_ITEMS = 600,
    LATE_DAYS = 30,
    COMMIT_MS = 250, /* triggers are seen when they are committed */
    SEED_USERS_MAX = 400,
};
#define MONTHS_MS (60 * DAY_MS)
#define HOT       7.0
static const double WORLD_DAYS = 180.0;
static const double WORLD_RHO = 0.8;
#define WORLD_START_MS                                                                             \
    INT64_C(1767571200000) /* a Monday, 2026-01-05: the same seed, the same run */

const struct flag demo_flags[DEMO_FLAGS] = {
    {"--seconds", "N", "end after so many seconds (60; with --data: at the last event)"},
    {"--rate", "EVENTS_PER_S", "events a second (with --data: as fast as it goes)"},
    {"--users", "N", "users of the synthetic world"},
    {"--seed", "N", "of the synthetic world and of the model (1)"},
    {"--data", "FILE.tsv",
     "stream a file: ts domain user item [action quantity\n"
     "                             amount discount]; deploy/demo.sh knows completejourney"},
    {"--catalogue", "FILE.tsv", "names of the file's items: domain item name"},
    {"--no-repeats", NULL, "with --data: never recommend again what was taken"},
    {"--redis", "HOST:PORT", "use a Redis that runs, keys crossrec-demo:* (its own)"},
    {"--brokers", "HOST:PORT,..", "use a Kafka that runs, topics of their own (embedded)"},
    {"--kafka", NULL, "of deploy/demo.sh: start a real Apache Kafka, and stop it at the end"},
    {"--partitions", "N", "of every topic (4)"},
    {"--sample", "N", "test one event in N before it is learned (4; --data: 16)"},
    {"--keep", NULL, "when all is done keep Redis, and the live view, until Ctrl-C or q"},
    {"--plain", NULL, "lines of logfmt instead of the live view, as where no terminal is"},
};

/* ---- flags ------------------------------------------------------------------------------ */

static int64_t clamp(int64_t v, int64_t min, int64_t max) {
    return v < min ? min : v > max ? max : v;
}

static bool numbers(const struct cli *cli, struct demo_options *o) {
    if (!cli_number(cli, "--seconds", 1, INT64_C(7) * 86400, o->file ? 0 : SECONDS, &o->seconds) ||
        !cli_number(cli, "--rate", 1, 10000000, 0, &o->rate) ||
        !cli_number(cli, "--seed", 0, INT64_MAX, 1, &o->seed) ||
        !cli_number(cli, "--partitions", 1, 64, PARTITIONS, &o->partitions)) {
        return false;
    }
    const int64_t sample = o->file ? cli->cfg.prequential_sample : WORLD_SAMPLE;
    const int64_t events = o->rate * o->seconds;
    const int64_t users =
        clamp(events ? events / EVENTS_PER_USER + 1 : USERS_PER_SECOND * o->seconds, USERS_MIN,
              USERS_MAX);
    return cli_number(cli, "--sample", 0, 1000000, sample, &o->sample) &&
           cli_number(cli, "--users", 1, INT64_C(5) * USERS_MAX, users, &o->users);
}

bool demo_options_read(const struct cli *cli, struct demo_options *out) {
    struct demo_options o = {.file = cli_flag(cli, "--data"),
                             .catalogue = cli_flag(cli, "--catalogue"),
                             .redis = cli_flag(cli, "--redis"),
                             .brokers = cli_flag(cli, "--brokers"),
                             .repeats = !cli_flag(cli, "--no-repeats"),
                             .keep = cli_flag(cli, "--keep") != NULL,
                             .plain = cli_flag(cli, "--plain") != NULL,
                             .own_brokers = cli_flag(cli, "--kafka") != NULL};
    if (o.file && strcmp(o.file, "completejourney") == 0 && access(o.file, F_OK) != 0) {
        fprintf(stderr, "crossrec: --data completejourney is known to deploy/demo.sh, which makes "
                        "the files; type:\n  deploy/demo.sh --data completejourney\n");
        return false;
    }
    if (o.own_brokers && !o.brokers) {
        fprintf(stderr, "crossrec: --kafka is known to deploy/demo.sh, which starts the broker; "
                        "type:\n  deploy/demo.sh --kafka\n");
        return false;
    }
    if (!o.file && (o.catalogue || !o.repeats)) {
        fprintf(stderr, "crossrec: %s is for --data FILE.tsv\n",
                o.catalogue ? "--catalogue" : "--no-repeats");
        return false;
    }
    if (o.file && cli_flag(cli, "--users")) {
        fprintf(stderr, "crossrec: --users is for the synthetic world, not for --data\n");
        return false;
    }
    if (!numbers(cli, &o)) {
        return false;
    }
    snprintf(o.run, sizeof o.run, "%" PRIx64 "-%lx", (uint64_t)time(NULL), (unsigned long)getpid());
    *out = o;
    return true;
}

struct world_params demo_options_world(const struct demo_options *o) {
    return (struct world_params){.users = (uint32_t)o->users,
                                 .items = WORLD_ITEMS,
                                 .rho = WORLD_RHO,
                                 .days = WORLD_DAYS,
                                 .start_ms = WORLD_START_MS,
                                 .lively = true,
                                 .seed = (uint64_t)o->seed};
}

/* ---- configuration ---------------------------------------------------------------------- */

/* On somebody's brokers nothing of somebody's is touched. */
static void name_topic(const struct demo_options *o, const char *name, char *out) {
    if (o->brokers) {
        snprintf(out, CONFIG_NAME_MAX, "crossrec-demo-%s-%.80s", o->run, name);
    } else {
        snprintf(out, CONFIG_NAME_MAX, "%.120s", name);
    }
}

static void set_catalogues(const struct demo_options *o, uint32_t n_world, struct config *cfg) {
    static const char *const names[WORLD_DOMAINS] = {"courses", "dishes"};
    cfg->n_raws = 0; /* whatever a configuration file has besides */
    cfg->n_globals = n_world;
    for (uint32_t d = 0; d < n_world; d++) {
        struct config_topic *topic = &cfg->globals[d];
        config_topic_defaults(topic);
        topic->kind = KIND_ITEM;
        topic->domain = (uint8_t)d;
        snprintf(topic->schema, sizeof topic->schema, "Item");
        name_topic(o, names[d], topic->name);
    }
}

static void set_topics(const struct demo_options *o, const struct demo_events *events,
                       struct config *cfg) {
    static const char *const world_topics[WORLD_DOMAINS] = {"course-views", "food-orders"};
    const uint32_t n_world = demo_events_world(events) ? WORLD_DOMAINS : 0;
    cfg->n_domains = cfg->n_topics = demo_events_n_domains(events);
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        struct config_domain *domain = &cfg->domains[d];
        struct config_topic *topic = &cfg->topics[d];
        *domain =
            (struct config_domain){.target = true, .repeats = d < n_world ? d == 1 : o->repeats};
        config_topic_defaults(topic);
        topic->domain = (uint8_t)d;
        snprintf(domain->name, sizeof domain->name, "%s", demo_events_domain(events, d));
        snprintf(topic->schema, sizeof topic->schema, "%s",
                 d < n_world && d == 0 ? "CourseView" : "FoodOrder");
        char name[CONFIG_NAME_MAX];
        snprintf(name, sizeof name, "%.64s-orders", domain->name);
        name_topic(o, d < n_world ? world_topics[d] : name, topic->name);
    }
    set_catalogues(o, n_world, cfg);
    name_topic(o, "crossrec-dead-letters", cfg->dead_letters);
    name_topic(o, "crossrec-state", cfg->state_topic);
    name_topic(o, "crossrec-model", cfg->model_topic);
    name_topic(o, "crossrec-model-items", cfg->items_topic);
    name_topic(o, "crossrec-triggers", cfg->outbox_topic);
}

/* As [trigger.NAME] sections would set them. Days pass in a second here: what is due once in months
 * comes often enough, and expires late enough to be seen. */
static void set_triggers(struct config *cfg) {
    const uint8_t last = (uint8_t)(cfg->n_domains - 1);
    static const struct config_trigger all[] = {
        {.name = "crossed-over", .kind = TRIGGER_FIRST_PURCHASE, .events_min = 3},
        {.name = "win-back", .kind = TRIGGER_LIFECYCLE, .to = LIFECYCLE_DORMANT},
        {.name = "welcome-back", .kind = TRIGGER_LIFECYCLE, .to = LIFECYCLE_RESURRECTED},
        {.name = "moved", .kind = TRIGGER_SEGMENT, .to = TRIGGER_ANY},
        {.name = "hot", .kind = TRIGGER_TOP_SCORE, .to = TRIGGER_ANY, .score = HOT},
    };
    cfg->n_triggers = 0;
    for (size_t k = cfg->n_domains > 1 ? 0 : 1; k < sizeof all / sizeof *all; k++) {
        struct config_trigger *t = &cfg->triggers[cfg->n_triggers++];
        *t = all[k];
        t->domain = t->kind == TRIGGER_FIRST_PURCHASE ? last : TRIGGER_ANY;
        t->target = t->kind == TRIGGER_LIFECYCLE ? last : 0;
        t->from = TRIGGER_ANY;
        t->cooldown_ms = t->expires_ms = MONTHS_MS;
    }
    cfg->trigger_max_age_ms = MONTHS_MS;
}

void demo_options_configure(const struct demo_options *o, const struct demo_events *events,
                            struct config *cfg) {
    struct config defaults;
    config_defaults(&defaults);
    set_topics(o, events, cfg);
    snprintf(cfg->group, sizeof cfg->group, "crossrec-demo-%s", o->run);
    cfg->clock = CLOCK_STREAM;
    cfg->embedded_broker = !o->brokers;
    cfg->commit_interval_ms = COMMIT_MS;
    set_triggers(cfg);
    cfg->segments_seed_users = clamp(o->file ? SEED_USERS_MAX : o->users / 10, 50, SEED_USERS_MAX);
    cfg->seed = o->seed;
    cfg->prequential_sample = o->sample;
    if (strcmp(cfg->http_address, defaults.http_address) == 0) {
        snprintf(cfg->http_address, sizeof cfg->http_address, "127.0.0.1:0"); /* any free port */
    }
    if (cfg->late_max_ms == defaults.late_max_ms) { /* days pass in a second here */
        cfg->late_max_ms = LATE_DAYS * DAY_MS;
    }
    if (o->redis && strcmp(cfg->redis_prefix, defaults.redis_prefix) == 0) {
        snprintf(cfg->redis_prefix, sizeof cfg->redis_prefix, "crossrec-demo");
    }
}

bool demo_options_brokers(struct config *cfg, const char *brokers) {
    static const char key[] = "bootstrap.servers";
    uint32_t k = 0;
    while (k < cfg->n_kafka && strcmp(cfg->kafka[k].key, key) != 0) {
        k++;
    }
    if (k == CONFIG_KAFKA_MAX || strlen(brokers) >= CONFIG_VALUE_MAX) {
        return false;
    }
    memcpy(cfg->kafka[k].key, key, sizeof key);
    memcpy(cfg->kafka[k].value, brokers, strlen(brokers) + 1);
    cfg->n_kafka += k == cfg->n_kafka ? 1 : 0;
    return true;
}
