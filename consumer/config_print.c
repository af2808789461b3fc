/* SPDX-License-Identifier: Apache-2.0
 *
 * config_print.c -- see config.h: the configuration as text, all out of the option table.
 */
#include <string.h>

#include "config.h"
#include "draft.h"
#include "option.h"

/* ---- help ------------------------------------------------------------------------- */

void config_help(FILE *out) {
    const struct option *o;
    fprintf(out, "%-30s %-22s %-26s %-22s %s\n", "name", "default", "range", "unit", "meaning");
    for (size_t i = 0; (o = option_at(i)); i++) {
        char name[CONFIG_NAME_MAX];
        char range[128];
        option_name(o, name, sizeof name);
        option_range(o, range, sizeof range);
        bool number = o->type == OPTION_INT || o->type == OPTION_REAL;
        bool required = o->type == OPTION_DOMAIN || strcmp(name, "topic.NAME.schema") == 0 ||
                        strcmp(name, "trigger.NAME.kind") == 0 ||
                        strcmp(name, "trigger.NAME.target") == 0;
        fprintf(out, "%-30s %-22s %-26s %-22s %s\n", name, required ? "(required)" : o->text, range,
                number ? o->unit : "", o->help);
    }
    fprintf(out, "%-30s %-22s %-26s %-22s %s\n", "kafka.*", "", "", "",
            "Options of librdkafka, e.g. kafka.bootstrap.servers (127.0.0.1:9092).");
    fprintf(out, "%-30s %-22s %-26s %-22s %s\n", "privacy.key.TARGET", "", "", "",
            "File with the key of this target's pseudonyms (docs/pseudonyms.md); none: plain ids.");
    fputs(
        "\nEach over the one before: default, file, environment, --set. A duration is 250ms, 2s, "
        "5m, 6h, 7d,\nor a number of milliseconds. In the environment redis.address is "
        "CROSSREC_REDIS_ADDRESS.\nTopics with a shipped schema need domain and schema alone; paths "
        "are for schemas of your own.\nAction words: view, enroll, purchase, order, complete, "
        "rate, "
        "like, share, comment, report, impression,\nclick, conversion; requests: erase, stop, "
        "resume.\n",
        out);
}

/* ---- deploy/crossrec.ini ------------------------------------------------------------ */

static const char INI_HEAD[] =
    "# crossrec.ini -- every option at its default; printed by `crossrec help ini`.\n"
    "#\n"
    "# Over this file go environment variables (redis.address is CROSSREC_REDIS_ADDRESS)\n"
    "# and over those --set redis.address=... A semicolon after a space starts a comment.\n"
    "# Durations: 250ms, 2s, 5m, 6h, 7d, or a number of milliseconds.\n";

static const char INI_KAFKA[] =
    "\n[kafka]\n"
    "# Passed through to librdkafka, but for what crossrec decides itself.\n"
    "bootstrap.servers = 127.0.0.1:9092\n";

static const char INI_PRIVACY[] =
    "\n[privacy]\n"
    "# The key of a target's partner: its users' ids in Redis then are pseudonyms, which no other\n"
    "# partner can join by; see docs/pseudonyms.md. `openssl rand -hex 32 > FILE` makes a key.\n"
    "#key.TARGET = FILE\n";

static const char INI_DOMAINS[] =
    "\n# The sides of the partnership. As soon as one is named here, only those named here are.\n";

static const char INI_TOPICS[] =
    "\n# The input topics, in the order in which equal times are taken; the same rule.\n";

static const char INI_MAPPING[] =
    "\n# A topic whose records have a schema of your own says where in it things are: by paths "
    "such\n"
    "# as user_id, payload.customer.id, lines[].sku (of every line), attributes{}, tags[], or by\n"
    "# constants in double quotes. Topics of kind event and feedback need user, ts, item and "
    "action.\n"
    "# Every option of a topic, at its default:\n"
    "#\n"
    "# [topic.NAME]\n";

static const char INI_TRIGGERS[] =
    "\n# What a partner is told of a user, in a stream of Redis: docs/triggers.md. With state = "
    "kafka.\n"
    "# kind and target must be given. Every option of a trigger, at its default:\n"
    "#\n"
    "# [trigger.NAME]\n";

static void print_option(FILE *out, const struct option *o, const char *value, const char *mark) {
    char range[128];
    option_range(o, range, sizeof range);
    bool unit = *o->unit && (o->type == OPTION_INT || o->type == OPTION_REAL);
    fprintf(out, "# %s", o->help);
    if (*range) {
        fprintf(out, " (%s%s%s)", range, unit ? " " : "", unit ? o->unit : "");
    }
    fprintf(out, "\n%s%s =%s%s\n", mark, o->key, *value ? " " : "", value);
}

/* Of a topic that is shipped, only what it must have. */
static bool is_shown(const struct option *o) {
    return o->scope == SCOPE_DOMAIN || o->type == OPTION_DOMAIN || strcmp(o->key, "schema") == 0;
}

static const char *domain_name(const struct config *c, const struct config_topic *t) {
    return t->domain < c->n_domains ? c->domains[t->domain].name : "";
}

/* One [domain.NAME] or [topic.NAME]. */
static void print_named(FILE *out, const struct config *c, enum option_scope scope, uint32_t k) {
    bool domain = scope == SCOPE_DOMAIN;
    const struct config_topic *t = &c->topics[k];
    const void *base = domain ? (const void *)&c->domains[k] : (const void *)t;
    fprintf(out, "\n[%s.%s]\n", domain ? "domain" : "topic", domain ? c->domains[k].name : t->name);
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char text[CONFIG_VALUE_MAX];
        if (o->scope == scope && is_shown(o)) {
            option_format(o, base, text, sizeof text);
            print_option(out, o, o->type == OPTION_DOMAIN ? domain_name(c, t) : text, "");
        }
    }
}

static void print_triggers(FILE *out) {
    const struct option *o;
    fputs(INI_TRIGGERS, out);
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope == SCOPE_TRIGGER) {
            print_option(out, o, o->text, "#");
        }
    }
}

static void print_mapping(FILE *out) {
    const struct option *o;
    fputs(INI_MAPPING, out);
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope == SCOPE_TOPIC) {
            print_option(out, o, o->text, "#");
        }
    }
}

void config_print_ini(FILE *out) {
    struct config c;
    config_defaults(&c);
    fputs(INI_HEAD, out);
    const char *section = "";
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope != SCOPE_CONFIG) {
            continue;
        }
        if (strcmp(section, o->section) != 0) {
            section = o->section;
            fprintf(out, "\n[%s]\n", section);
        }
        print_option(out, o, o->text, ""); /* the default, not what is derived from it */
    }
    fputs(INI_KAFKA, out);
    fputs(INI_PRIVACY, out);
    fputs(INI_DOMAINS, out);
    for (uint32_t k = 0; k < c.n_domains; k++) {
        print_named(out, &c, SCOPE_DOMAIN, k);
    }
    fputs(INI_TOPICS, out);
    for (uint32_t k = 0; k < c.n_topics; k++) {
        print_named(out, &c, SCOPE_TOPIC, k);
    }
    print_mapping(out);
    print_triggers(out);
}

/* ---- one value ---------------------------------------------------------------------- */

static enum status get_kafka(const struct config *c, const char *key, char *buf, size_t len) {
    for (uint32_t i = 0; i < c->n_kafka; i++) {
        if (strcmp(c->kafka[i].key, key) == 0) {
            snprintf(buf, len, "%s", draft_is_secret(key) ? "***" : c->kafka[i].value);
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

/* True if `rest` is NAME.key of this name; *key becomes its key. */
static bool is_of(const char *rest, const char *name, const char **key) {
    size_t n = strlen(name);
    *key = rest + n + 1;
    return strncmp(rest, name, n) == 0 && rest[n] == '.';
}

static enum status get_domain(const struct config *c, const char *rest, char *buf, size_t len) {
    for (uint32_t i = 0; i < c->n_domains; i++) {
        const char *key;
        if (is_of(rest, c->domains[i].name, &key)) {
            const struct option *o = option_find(SCOPE_DOMAIN, key);
            if (!o) {
                return ST_NOT_FOUND;
            }
            option_format(o, &c->domains[i], buf, len);
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

static enum status get_trigger(const struct config *c, const char *rest, char *buf, size_t len) {
    for (uint32_t i = 0; i < c->n_triggers; i++) {
        const char *key;
        const struct option *o =
            is_of(rest, c->triggers[i].name, &key) ? option_find(SCOPE_TRIGGER, key) : NULL;
        if (o) {
            option_format(o, &c->triggers[i], buf, len);
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

static enum status get_of_topic(const struct config *c, const struct config_topic *t,
                                const char *key, char *buf, size_t len) {
    const struct option *o = option_find(SCOPE_TOPIC, key);
    if (!o) {
        return ST_NOT_FOUND;
    }
    if (option_has_members(o)) {
        return option_member_format(o, option_member(o, key), t, buf, len);
    }
    if (o->type == OPTION_DOMAIN) {
        snprintf(buf, len, "%s", domain_name(c, t));
    } else {
        option_format(o, t, buf, len);
    }
    return ST_OK;
}

/* Of the topics whose names could be meant, the one with the longest. */
static enum status get_topic(const struct config *c, const char *rest, char *buf, size_t len) {
    const struct config_topic *const of[] = {c->topics, c->globals, c->raws};
    const uint32_t n[] = {c->n_topics, c->n_globals, c->n_raws};
    const struct config_topic *best = NULL;
    const char *best_key = "";
    for (size_t g = 0; g < sizeof of / sizeof of[0]; g++) {
        for (uint32_t i = 0; i < n[g]; i++) {
            const char *key;
            if (is_of(rest, of[g][i].name, &key) && option_find(SCOPE_TOPIC, key) &&
                (!best || strlen(best->name) < strlen(of[g][i].name))) {
                best = &of[g][i];
                best_key = key;
            }
        }
    }
    return best ? get_of_topic(c, best, best_key, buf, len) : ST_NOT_FOUND;
}

enum status config_get(const struct config *c, const char *name, char *buf, size_t len) {
    if (strncmp(name, "crossrec.", 9) == 0) {
        name += 9;
    }
    if (strncmp(name, "kafka.", 6) == 0) {
        return get_kafka(c, name + 6, buf, len);
    }
    for (uint32_t i = 0; strncmp(name, "privacy.key.", 12) == 0 && i < c->n_keys; i++) {
        if (strcmp(c->keys[i].key, name + 12) == 0) {
            snprintf(buf, len, "%s", c->keys[i].value);
            return ST_OK;
        }
    }
    if (strncmp(name, "domain.", 7) == 0) {
        return get_domain(c, name + 7, buf, len);
    }
    if (strncmp(name, "topic.", 6) == 0) {
        return get_topic(c, name + 6, buf, len);
    }
    const struct option *o = option_find(SCOPE_CONFIG, name);
    if (!o) {
        return strncmp(name, "trigger.", 8) == 0 ? get_trigger(c, name + 8, buf, len)
                                                 : ST_NOT_FOUND;
    }
    option_format(o, c, buf, len);
    return ST_OK;
}
