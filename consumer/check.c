/* SPDX-License-Identifier: Apache-2.0
 * check.c -- crossrec check: will `crossrec run` work with this configuration, here and now? */
#include "check.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "hash.h"
#include "http.h"
#include "intake.h"
#include "log.h"
#include "redis.h"
#include "registry.h"
#include "token.h"

enum { STEP_ALARM_S = 20, REDIS_MS = 2000 };

/* ---- steps that need no Kafka -------------------------------------------------------------- */

static void check_configuration(struct check *c) {
    const struct config *cfg = c->cfg;
    const char *path = c->cli->config_path;
    char domains[512];
    size_t n = 0;
    for (uint32_t d = 0; d < cfg->n_domains && n < sizeof domains; d++) {
        n += (size_t)snprintf(domains + n, sizeof domains - n, "%s%s", d ? ", " : "",
                              cfg->domains[d].name);
    }
    report_ok(&c->report, "configuration: %s; domains %s; %u input topics; group %s",
              path ? path : "no file, defaults and what was set", domains, (unsigned)cfg->n_topics,
              cfg->group);
}

/* Asks for the newest version of each input topic's subject, and tries to read it. */
static void check_registry(struct check *c) {
    for (uint32_t t = 0; t < c->cfg->n_topics; t++) {
        char subject[CONFIG_NAME_MAX + 8];
        struct registry_answer a = {0};
        snprintf(subject, sizeof subject, "%s-value", c->cfg->topics[t].name);
        enum status st = registry_latest(c->cfg, subject, &a);
        if (st == ST_NOT_FOUND) {
            report_note(&c->report, "registry: no subject %s yet", subject);
        } else if (st) {
            report_problem(&c->report, "registry: %s", a.why);
        } else {
            report_ok(&c->report,
                      "registry: %s has version %d, id %" PRIu32
                      "; crossrec schemas check says whether it can be read",
                      subject, a.version, a.id);
        }
        registry_answer_free(&a);
        if (st && st != ST_NOT_FOUND) {
            return; /* the next one would say the same */
        }
    }
}

static void check_schemas(struct check *c) {
    const struct config *cfg = c->cfg;
    const char *dir = cfg->schemas_dir;
    const struct {
        const struct config_topic *topics;
        uint32_t n;
    } groups[] = {
        {cfg->topics, cfg->n_topics}, {cfg->globals, cfg->n_globals}, {cfg->raws, cfg->n_raws}};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        char err[CONFIG_ERROR_MAX] = "";
        struct intake *in = NULL;
        const struct intake_spec spec = {
            .cfg = cfg, .topics = groups[g].topics, .n_topics = groups[g].n};
        enum status st = groups[g].n > 0 ? intake_new(&spec, &in, err) : ST_OK;
        intake_free(in);
        if (st) {
            report_problem(&c->report, "schemas: %s", err[0] ? err : status_str(st));
            return;
        }
    }
    if (cfg->registry_url[0]) {
        check_registry(c);
    } else {
        report_ok(&c->report, "schemas: %s%s", dir[0] ? "from " : "the shipped ones, ids 1 to 12",
                  dir);
    }
}

static void say_redis(void *arg, bool ok, const char *text) {
    struct check *c = arg;
    const char *rest = strstr(text, ": "); /* behind "ok" and "problem" */
    rest = rest ? rest + 2 : text;
    if (ok) {
        report_ok(&c->report, "redis: %s", rest);
    } else {
        report_problem(&c->report, "redis %s: %s", c->cfg->redis_address, rest);
    }
}

static void check_redis(struct check *c) {
    const struct config *cfg = c->cfg;
    const struct redis_params params = {
        .address = cfg->redis_address,
        .user = cfg->redis_user,
        .password = cfg->redis_password,
        .timeout_ms = cfg->redis_timeout_ms < REDIS_MS ? cfg->redis_timeout_ms : REDIS_MS,
    };
    char err[CONFIG_ERROR_MAX];
    struct redis *r = NULL;
    enum status st = redis_new(&params, &r, err, sizeof err);
    if (st) {
        report_problem(&c->report, "redis: %s; set redis.address",
                       st == ST_NOMEM ? status_str(st) : err);
        return;
    }
    (void)redis_check(r, cfg->redis_prefix, say_redis, c);
    redis_free(r);
}

static bool never(void *ctx, char *why, size_t len) {
    (void)ctx;
    snprintf(why, len, "this is crossrec check");
    return false;
}

static void check_http(struct check *c) {
    const char *address = c->cfg->http_address;
    const struct http_ops ops = {.ready = never, .live = never};
    struct http *h = NULL;
    char token[TOKEN_MAX + 1];
    char err[CONFIG_ERROR_MAX];
    if (token_read(c->cfg->http_token_file, token, err, sizeof err)) {
        report_problem(&c->report, "%s", err);
    }
    hash_wipe(token, sizeof token);
    if (strcmp(address, "off") == 0) {
        report_note(&c->report, "http: off; there is no /readyz and no /metrics");
    } else if (http_start(address, &ops, &h, err, sizeof err)) {
        report_problem(&c->report, "%s; if crossrec runs here already, that is it", err);
    } else {
        report_ok(&c->report, "http: %s is free", address);
        http_stop(h);
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

static const struct step {
    const char *name;
    void (*check)(struct check *c);
} STEPS[] = {
    {"configuration", check_configuration},
    {"schemas", check_schemas},
    {"kafka", check_reachable},
    {"topics", check_topics},
    {"partitioner", check_partitioner},
    {"group positions", check_positions},
    {"redis", check_redis},
    {"http", check_http},
};

static const char *volatile running; /* step; for the signal handler, which gets no argument */

/* Every call in a step has a time limit, but for name resolution, which libc does not let
 * us limit. */
static void on_alarm(int signal_number) {
    static const char end[] = " hangs; type getent hosts NAME for the names of its servers\n";
    const char *name = running;
    (void)signal_number;
    if (write(STDOUT_FILENO, "problem: ", 9) < 0 || write(STDOUT_FILENO, name, strlen(name)) < 0 ||
        write(STDOUT_FILENO, end, sizeof end - 1) < 0) {
        _exit(CLI_FAILED);
    }
    _exit(CLI_FAILED);
}

static int check(const struct cli *cli) {
    static struct check c; /* large: an entry a topic */
    struct sigaction action = {.sa_handler = on_alarm};
    c = (struct check){.cli = cli, .cfg = &cli->cfg, .report = {.out = stdout}};
    log_set_level(cli->cfg.log_level == LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
    running = "";
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        running = STEPS[i].name;
        alarm(STEP_ALARM_S);
        STEPS[i].check(&c);
    }
    alarm(0);
    if (c.report.problems > 0) {
        printf("%d problem%s\n", c.report.problems, c.report.problems == 1 ? "" : "s");
        return CLI_FAILED;
    }
    return CLI_OK;
}

const struct command command_check = {
    .name = "check",
    .args = "",
    .summary = "say whether run would work here, and what to type if not",
    .text = "One line each: ok, note, or problem with what to type. Exits 0 if there is no\n"
            "problem. Changes nothing; writes one key to Redis that goes away.",
    .config = true,
    .run = check,
};
