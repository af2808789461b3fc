/* SPDX-License-Identifier: Apache-2.0
 * schemas_command.c -- crossrec schemas: the schemas of the configured topics and a registry. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "config.h"
#include "mapping.h"
#include "registry.h"
#include "report.h"
#include "schema.h"
#include "schema_diff.h"
#include "schema_file.h"
#include "shipped.h"

enum { SUBJECT_LEN = CONFIG_NAME_MAX + 8 };

struct job {
    const struct config *cfg;
    struct report report;
    bool away; /* the registry: no use to go on */
};

/* One topic; its subject is <topic>-value. */
struct subject {
    const struct config_topic *topic;
    char name[SUBJECT_LEN];
};

/* ---- the registry's newest version ----------------------------------------------------------- */

/* True if there is one; else it is said why not. */
static bool find_latest(struct job *job, const struct subject *s, struct registry_answer *a) {
    const enum status st = registry_latest(job->cfg, s->name, a);
    if (st == ST_NOT_FOUND) {
        report_note(&job->report, "%s: has no version in the registry", s->name);
    } else if (st) {
        report_problem(&job->report, "%s: %s", s->name, a->why);
        job->away = st == ST_IO;
    }
    return st == ST_OK;
}

/* What records are written with: as the daemon takes it, see schemas.c. */
static bool parse(struct job *job, const char *what, const char *json, size_t len,
                  struct schema **out) {
    char why[CONFIG_ERROR_MAX];
    const enum status st = schema_parse_writer(json, len, out, why, sizeof why);
    if (st) {
        report_problem(&job->report, "%s: is no Avro schema: %s", what,
                       st == ST_NOMEM ? status_str(st) : why);
    }
    return st == ST_OK;
}

static bool open_mapping(struct job *job, const struct config_topic *topic, struct mapping **m) {
    char why[CONFIG_ERROR_MAX];
    const enum status st = mapping_new(job->cfg, topic, m, why);
    if (st) {
        report_problem(&job->report, "%s", st == ST_NOMEM ? status_str(st) : why);
    }
    return st == ST_OK;
}

/* ---- register -------------------------------------------------------------------------------- */

static void register_schema(struct job *job, const struct subject *s) {
    enum reader r;
    if (reader_of(s->topic->schema, &r)) {
        report_note(&job->report,
                    "%s: its schema is %s, not a shipped one: who writes the topic "
                    "registers it",
                    s->name, s->topic->schema);
        return;
    }
    struct registry_answer a;
    enum status st = registry_latest(job->cfg, s->name, &a);
    const int newest = st ? 0 : a.version;
    registry_answer_free(&a);
    if (st != ST_IO) {
        st = registry_register(job->cfg, s->name, shipped_json(r), &a);
        registry_answer_free(&a);
    }
    if (st) {
        report_problem(&job->report, "%s: %s: %s%s", s->name, s->topic->schema, a.why,
                       a.status == 409 ? "; type crossrec schemas diff" : "");
        job->away = st == ST_IO;
    } else {
        report_ok(&job->report, "%s: %s %s: id %" PRIu32 ", version %d", s->name, s->topic->schema,
                  a.version > newest ? "is registered" : "was there already", a.id, a.version);
    }
}

/* ---- diff ------------------------------------------------------------------------------------ */

static void say_line(void *arg, const char *line) {
    struct job *job = arg;
    fprintf(job->report.out, "    %s\n", line);
}

static void say_nothing(void *arg, const char *line) {
    (void)arg;
    (void)line;
}

/* A title, then a line a difference. */
static void print_diff(struct job *job, const struct subject *s, const struct registry_answer *a,
                       const struct schema *reader, const struct schema *writer) {
    struct schema_diff d = {.reader = reader,
                            .writer = writer,
                            .there = "in the registry",
                            .say = say_nothing,
                            .arg = job};
    const size_t n = schema_diff(&d);
    if (n == 0) {
        report_ok(&job->report, "%s: version %d (id %" PRIu32 ") is as %s", s->name, a->version,
                  a->id, s->topic->schema);
        return;
    }
    report_note(&job->report, "%s: version %d (id %" PRIu32 ") and %s differ in %zu place%s",
                s->name, a->version, a->id, s->topic->schema, n, n == 1 ? "" : "s");
    d.say = say_line;
    (void)schema_diff(&d);
}

static void diff(struct job *job, const struct subject *s) {
    struct registry_answer a;
    struct mapping *m = NULL;
    struct schema *writer = NULL;
    if (find_latest(job, s, &a) && open_mapping(job, s->topic, &m) &&
        parse(job, s->name, a.schema, strlen(a.schema), &writer)) {
        print_diff(job, s, &a, mapping_schema(m), writer);
    }
    schema_free(writer);
    mapping_free(m);
    registry_answer_free(&a);
}

/* ---- check ----------------------------------------------------------------------------------- */

/* Whether what was written with this schema can be read as the topic needs it. */
static void check_schema(struct job *job, const struct config_topic *topic, const char *what,
                         const char *json, size_t len) {
    char why[CONFIG_ERROR_MAX];
    struct mapping *m = NULL;
    struct schema *writer = NULL;
    struct decoder *decoder = NULL;
    if (open_mapping(job, topic, &m) && parse(job, what, json, len, &writer)) {
        const enum status st = mapping_decoder(m, writer, &decoder, why, sizeof why);
        const char *problem = st == ST_NOMEM ? status_str(st) : why;
        problem = st ? problem : decoder_unreadable(decoder);
        if (problem) {
            report_problem(&job->report,
                           "%s: cannot be read as topic %s needs: %s; keep that field as it was, "
                           "or map another one (crossrec help options)",
                           what, topic->name, problem);
        } else {
            report_ok(&job->report, "%s: can be read as topic %s needs", what, topic->name);
        }
    }
    decoder_free(decoder);
    schema_free(writer);
    mapping_free(m);
}

static void check_latest(struct job *job, const struct subject *s) {
    struct registry_answer a;
    char what[SUBJECT_LEN + 64];
    if (find_latest(job, s, &a)) {
        snprintf(what, sizeof what, "%s version %d (id %" PRIu32 ")", s->name, a.version, a.id);
        check_schema(job, s->topic, what, a.schema, strlen(a.schema));
    }
    registry_answer_free(&a);
}

static void check_file(struct job *job, const struct config_topic *topic, const char *path) {
    char *text = NULL;
    size_t len = 0;
    const enum status st = schema_file_read(path, &text, &len);
    if (st) {
        report_problem(&job->report, "%s: %s", path,
                       st == ST_IO ? strerror(errno) : status_str(st));
    } else {
        check_schema(job, topic, path, text, len);
    }
    free(text);
}

/* ---- which topics ---------------------------------------------------------------------------- */

enum { GROUPS = 3, TOPICS = GROUPS * CONFIG_TOPICS_MAX };

/* All that are configured: of tasks, read whole, repartitioned. Returns how many. */
static size_t list_topics(const struct config *cfg, const struct config_topic *out[TOPICS]) {
    const struct {
        const struct config_topic *topics;
        uint32_t n;
    } groups[GROUPS] = {
        {cfg->topics, cfg->n_topics}, {cfg->globals, cfg->n_globals}, {cfg->raws, cfg->n_raws}};
    size_t n = 0;
    for (size_t g = 0; g < GROUPS; g++) {
        for (uint32_t i = 0; i < groups[g].n; i++) {
            out[n++] = &groups[g].topics[i];
        }
    }
    return n;
}

/* The configured topic of this name; else NULL, and the nearest name is said. */
static const struct config_topic *find_topic(const struct config *cfg, const char *name) {
    const struct config_topic *topics[TOPICS];
    const char *names[TOPICS];
    const size_t n = list_topics(cfg, topics);
    for (size_t i = 0; i < n; i++) {
        names[i] = topics[i]->name;
        if (strcmp(names[i], name) == 0) {
            return topics[i];
        }
    }
    const char *nearest = config_nearest(name, names, n);
    fprintf(stderr, "crossrec: --topic %s: no such topic is configured%s%s\n", name,
            nearest ? "; did you mean " : "", nearest ? nearest : "");
    return NULL;
}

/* `act` for the topic that was named, or for each. */
static void for_topics(struct job *job, const struct config_topic *only,
                       void (*act)(struct job *job, const struct subject *s)) {
    const struct config_topic *topics[TOPICS] = {only};
    const size_t n = only ? 1 : list_topics(job->cfg, topics);
    for (size_t i = 0; i < n && !job->away; i++) {
        struct subject s = {.topic = topics[i]};
        snprintf(s.name, sizeof s.name, "%s-value", topics[i]->name);
        act(job, &s);
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    void (*act)(struct job *job, const struct subject *s);
} VERBS[] = {
    {"register", register_schema},
    {"diff", diff},
    {"check", check_latest},
};
enum { N_VERBS = sizeof VERBS / sizeof *VERBS };

static const struct verb *find_verb(const char *name) {
    const char *names[N_VERBS];
    for (size_t i = 0; i < N_VERBS; i++) {
        names[i] = VERBS[i].name;
        if (strcmp(name, names[i]) == 0) {
            return &VERBS[i];
        }
    }
    const char *nearest = config_nearest(name, names, N_VERBS);
    fprintf(stderr, "crossrec: schemas has no `%s`%s%s; it has register, diff, check\n", name,
            nearest ? "; did you mean " : "", nearest ? nearest : "");
    return NULL;
}

/* False, and said, if these words do not go together. */
static bool is_sensible(const struct cli *cli, const struct verb *verb,
                        const struct config_topic *topic) {
    const bool file = cli->n_args > 1;
    if (file && verb->act != check_latest) {
        fprintf(stderr, "crossrec: schemas %s takes no file; try crossrec schemas --help\n",
                verb->name);
        return false;
    }
    if (file && !topic) {
        fprintf(stderr, "crossrec: schemas check FILE.avsc needs --topic NAME: of which topic is "
                        "it to be?\n");
        return false;
    }
    if (!file && !cli->cfg.registry_url[0]) {
        fprintf(stderr, "crossrec: registry.url is not set; type --set "
                        "registry.url=http://HOST:8081\n");
        return false;
    }
    return true;
}

static int schemas(const struct cli *cli) {
    struct job job = {.cfg = &cli->cfg, .report = {.out = stdout}};
    const char *name = cli_flag(cli, "--topic");
    const struct verb *verb = find_verb(cli->args[0]);
    const struct config_topic *topic = verb && name ? find_topic(&cli->cfg, name) : NULL;
    if (!verb || (name && !topic) || !is_sensible(cli, verb, topic)) {
        return CLI_USAGE;
    }
    if (cli->n_args > 1) {
        check_file(&job, topic, cli->args[1]);
    } else {
        for_topics(&job, topic, verb->act);
    }
    return job.report.problems > 0 ? CLI_FAILED : CLI_OK;
}

static const struct flag FLAGS[] = {
    {"--topic", "NAME", "this topic only"},
};

const struct command command_schemas = {
    .name = "schemas",
    .args = "register | diff | check [FILE.avsc]",
    .summary = "put schemas into the registry, or say whether what is there can be read",
    .text = "register  puts the shipped schema of each configured topic into the registry, as\n"
            "          subject <topic>-value, unless an equal one is there\n"
            "diff      compares the schema by which crossrec reads each topic with the newest\n"
            "          version in the registry, field by field\n"
            "check     says whether the newest version of each topic can be read as the topic\n"
            "          needs, and if not, which field and why; with FILE.avsc and --topic NAME\n"
            "          the same of a file, without a registry\n"
            "\nExits 0 if all is well, 1 if something cannot be read or the registry does not\n"
            "answer, 2 if the command is not understood.",
    .flags = FLAGS,
    .n_flags = sizeof FLAGS / sizeof *FLAGS,
    .min_args = 1,
    .max_args = 2,
    .config = true,
    .run = schemas,
};
