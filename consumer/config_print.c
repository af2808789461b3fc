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
    fprintf(out, "%-26s %-22s %-26s %-22s %s\n", "name", "default", "range", "unit", "meaning");
    for (size_t i = 0; (o = option_at(i)); i++) {
        char name[CONFIG_NAME_MAX];
        char range[128];
        option_name(o, name, sizeof name);
        option_range(o, range, sizeof range);
        bool number = o->type == OPTION_INT || o->type == OPTION_REAL;
        bool required = o->scope == SCOPE_TOPIC;
        fprintf(out, "%-26s %-22s %-26s %-22s %s\n", name, required ? "(required)" : o->text, range,
                number ? o->unit : "", o->help);
    }
    fprintf(out, "%-26s %-22s %-26s %-22s %s\n", "kafka.*", "", "", "",
            "Options of librdkafka, e.g. kafka.bootstrap.servers (127.0.0.1:9092).");
    fputs("\nEach over the one before: default, file, environment, --set. A duration is 250ms, 2s, "
          "5m, 6h, 7d,\nor a number of milliseconds. In the environment redis.address is "
          "CROSSREC_REDIS_ADDRESS.\n",
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

static const char INI_DOMAINS[] =
    "\n# The sides of the partnership. As soon as one is named here, only those named here are.\n";

static const char INI_TOPICS[] =
    "\n# The input topics, in the order in which equal times are taken; the same rule.\n";

static void print_option(FILE *out, const struct option *o, const void *base, const char *value) {
    char text[CONFIG_VALUE_MAX];
    char range[128];
    option_range(o, range, sizeof range);
    option_format(o, base, text, sizeof text);
    bool unit = *o->unit && (o->type == OPTION_INT || o->type == OPTION_REAL);
    fprintf(out, "# %s", o->help);
    if (*range) {
        fprintf(out, " (%s%s%s)", range, unit ? " " : "", unit ? o->unit : "");
    }
    fputc('\n', out);
    const char *shown = value ? value : text;
    fprintf(out, "%s =%s%s\n", o->key, *shown ? " " : "", shown);
}

/* One [domain.NAME] or [topic.NAME]. */
static void print_named(FILE *out, const struct config *c, enum option_scope scope, uint32_t k) {
    bool domain = scope == SCOPE_DOMAIN;
    const struct config_topic *t = &c->topics[k];
    const void *base = domain ? (const void *)&c->domains[k] : (const void *)t;
    fprintf(out, "\n[%s.%s]\n", domain ? "domain" : "topic", domain ? c->domains[k].name : t->name);
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope == scope) {
            bool name = o->type == OPTION_DOMAIN;
            print_option(out, o, base, name ? c->domains[t->domain].name : NULL);
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
        print_option(out, o, &c, o->text); /* the default, not what is derived from it */
    }
    fputs(INI_KAFKA, out);
    fputs(INI_DOMAINS, out);
    for (uint32_t k = 0; k < c.n_domains; k++) {
        print_named(out, &c, SCOPE_DOMAIN, k);
    }
    fputs(INI_TOPICS, out);
    for (uint32_t k = 0; k < c.n_topics; k++) {
        print_named(out, &c, SCOPE_TOPIC, k);
    }
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

static enum status get_topic(const struct config *c, const char *rest, char *buf, size_t len) {
    for (uint32_t i = 0; i < c->n_topics; i++) {
        const struct config_topic *t = &c->topics[i];
        const char *key;
        const struct option *o = is_of(rest, t->name, &key) ? option_find(SCOPE_TOPIC, key) : NULL;
        if (o && o->type == OPTION_DOMAIN) {
            snprintf(buf, len, "%s", c->domains[t->domain].name);
            return ST_OK;
        }
        if (o) {
            option_format(o, t, buf, len);
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

enum status config_get(const struct config *c, const char *name, char *buf, size_t len) {
    if (strncmp(name, "crossrec.", 9) == 0) {
        name += 9;
    }
    if (strncmp(name, "kafka.", 6) == 0) {
        return get_kafka(c, name + 6, buf, len);
    }
    if (strncmp(name, "domain.", 7) == 0) {
        return get_domain(c, name + 7, buf, len);
    }
    if (strncmp(name, "topic.", 6) == 0) {
        return get_topic(c, name + 6, buf, len);
    }
    const struct option *o = option_find(SCOPE_CONFIG, name);
    if (!o) {
        return ST_NOT_FOUND;
    }
    option_format(o, c, buf, len);
    return ST_OK;
}
