/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_config.c -- what holds for every configuration, from whatever files, environments and
 * --set it comes: it is refused with a reason, or every value is one that can be written again.
 *
 * The input is the ini file, but for lines that begin with `--set ` or `CROSSREC_`: those are
 * arguments and environment variables.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "fuzz.h"
#include "mapping_field.h"
#include "option.h"
#include "shipped.h"

enum {
    SIZE_LIMIT = 16384,
    SETS_MAX = 16, /* of the input, and as many variables */
    SET_SIZE = CONFIG_NAME_MAX + CONFIG_VALUE_MAX + 32,
    OF_TOPIC_MAX = 32 + ACTIONS + CONFIG_SYMBOLS_MAX,
    WRITTEN_MAX = 64 + CONFIG_KAFKA_MAX + 2 * DOMAINS_MAX + 2 * CONFIG_TOPICS_MAX * OF_TOPIC_MAX,
};

/* ---- the input --------------------------------------------------------------------------- */

struct input {
    char file[SIZE_LIMIT]; /* ini */
    size_t file_len;
    char text[SIZE_LIMIT + 1]; /* of the arguments and variables, each terminated */
    const char *sets[SETS_MAX];
    size_t n_sets;
    char *environment[SETS_MAX + 1];
    size_t n_environment;
};

static bool begins(const char *line, size_t len, const char *with) {
    return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static void split(struct input *in, const char *data, size_t size) {
    memset(in, 0, sizeof *in);
    char *text = in->text;
    for (size_t from = 0, to; from < size; from = to) {
        const char *end = memchr(data + from, '\n', size - from);
        to = end ? (size_t)(end - data) + 1 : size;
        const char *line = data + from;
        const size_t len = to - from;
        const bool set = begins(line, len, "--set ") && in->n_sets < SETS_MAX;
        if (!set && !(begins(line, len, "CROSSREC_") && in->n_environment < SETS_MAX)) {
            memcpy(in->file + in->file_len, line, len);
            in->file_len += len;
            continue;
        }
        memcpy(text, line, len);
        text[len - 1] = '\0'; /* the newline, or the last byte of all */
        if (set) {
            in->sets[in->n_sets++] = text + strlen("--set ");
        } else {
            in->environment[in->n_environment++] = text;
        }
        text += len;
    }
}

/* ---- what is read -------------------------------------------------------------------------- */

static bool is_text(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}

/* All topics: of the tasks, globals, raws. */
static const struct config_topic *topic_at(const struct config *c, uint32_t i) {
    if (i < c->n_topics) {
        return &c->topics[i];
    }
    i -= c->n_topics;
    if (i < c->n_globals) {
        return &c->globals[i];
    }
    i -= c->n_globals;
    return i < c->n_raws ? &c->raws[i] : NULL;
}

static void check_topic(const struct config *c, const struct config_topic *t, uint32_t i) {
    const bool global = topic_kind_is_global((enum topic_kind)t->kind);
    const bool raw = t->intake == INTAKE_IS_REPARTITION;
    require(is_text(t->name, CONFIG_NAME_MAX) && is_text(t->schema, CONFIG_VALUE_MAX));
    require(!option_bad_topic(t->name) && t->schema[0]);
    require(t->domain < c->n_domains || t->domain == DOMAIN_OF_RECORD);
    require(t->kind >= 0 && t->kind < KINDS && strcmp(t->name, c->dead_letters) != 0);
    require((i < c->n_topics) == (!global && !raw));
    require(!(global && raw) && t->n_symbols <= CONFIG_SYMBOLS_MAX);
    for (int f = 0; f < MAP_FIELDS; f++) {
        require(is_text(t->path[f], CONFIG_NAME_MAX));
        require(!t->path[f][0] || map_field_is_of((enum map_field)f, (enum topic_kind)t->kind));
    }
    for (int a = 0; a < ACTIONS; a++) {
        require(t->weight[a] >= 0.0 && t->weight[a] <= 100.0);
    }
    for (uint32_t k = 0; k < t->n_symbols; k++) {
        require(is_text(t->symbols[k].symbol, sizeof t->symbols[k].symbol));
        require(t->symbols[k].meaning < MEANING_REQUEST);
    }
}

static void check_topics(const struct config *c) {
    const struct config_topic *t;
    bool events = false;
    require(c->n_topics >= 1 && c->n_topics <= CONFIG_TOPICS_MAX);
    require(c->n_globals <= CONFIG_TOPICS_MAX && c->n_raws <= CONFIG_TOPICS_MAX);
    for (uint32_t i = 0; (t = topic_at(c, i)); i++) {
        check_topic(c, t, i);
        events = events || (i < c->n_topics && strcmp(t->name, c->events) == 0);
        for (uint32_t k = 0; k < i; k++) {
            require(strcmp(t->name, topic_at(c, k)->name) != 0);
        }
    }
    require(c->n_raws == 0 || events);
}

static void check_names(const struct config *c) {
    require(c->n_domains >= 2 && c->n_domains <= DOMAINS_MAX);
    require(c->n_kafka >= 1 && c->n_kafka <= CONFIG_KAFKA_MAX);
    bool target = false;
    for (uint32_t i = 0; i < c->n_domains; i++) {
        require(is_text(c->domains[i].name, CONFIG_NAME_MAX));
        require(!option_bad_domain(c->domains[i].name));
        target = target || c->domains[i].target;
        for (uint32_t k = 0; k < i; k++) {
            require(strcmp(c->domains[i].name, c->domains[k].name) != 0);
        }
    }
    require(target);
    check_topics(c);
}

static void check_numbers(const struct config *c) {
    require(c->list_n >= 1 && c->list_n <= CONFIG_LIST_MAX);
    require(c->publish_refresh_ms >= 0 && c->publish_refresh_ms < c->publish_ttl_ms);
    require(4 * c->segments_k <= c->segments_seed_users && c->segments_seed_users >= 8);
    require(c->merge_buffer >= 1 && c->mini_batch >= 1 && c->redis_timeout_ms > 0);
    require(c->segments_half_life >= 1.0);
    require(c->breaker_share >= 0.0 && c->breaker_share <= 1.0 && c->breaker_window >= 10);
    require(!c->registry_url[0] || !c->schemas_dir[0]);
    for (uint32_t i = 0; i < c->n_kafka; i++) {
        require(is_text(c->kafka[i].key, CONFIG_NAME_MAX) && c->kafka[i].key[0]);
        require(is_text(c->kafka[i].value, CONFIG_VALUE_MAX));
        require(strcmp(c->kafka[i].key, "enable.auto.commit") != 0);
        require(strcmp(c->kafka[i].key, "group.id") != 0);
    }
}

/* The last --set is over everything else: what was set is what there is. */
static void check_set(const struct config *c, const char *set) {
    char name[2 * CONFIG_NAME_MAX];
    char value[CONFIG_VALUE_MAX];
    set += strncmp(set, "crossrec.", 9) == 0 ? 9 : 0;
    const char *text = strchr(set, '=');
    require(text && text - set < (ptrdiff_t)sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)(text - set), set);
    text++;
    for (uint32_t i = 0; i < c->n_kafka; i++) {
        const bool it = strncmp(name, "kafka.", 6) == 0 && strcmp(name + 6, c->kafka[i].key) == 0;
        require(!it || strcmp(c->kafka[i].value, text) == 0);
    }
    require(config_get(c, name, value, sizeof value) == ST_OK);
    if (strncmp(name, "kafka.", 6) == 0 || strncmp(name, "topic.", 6) == 0) {
        return; /* values of topics are normalised: check_again() compares them */
    }
    if (strncmp(name, "domain.", 7) == 0) {
        const bool yes = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on");
        require(yes == (strcmp(value, "yes") == 0));
        return;
    }
    const struct option *o = option_find(SCOPE_CONFIG, name);
    const bool derived = strcmp(name, "instance.id") == 0 && !text[0];
    if (!o || ((o->type == OPTION_STRING || o->type == OPTION_CHOICE) && !derived)) {
        require(strcmp(value, text) == 0);
    }
}

/* ---- written again ------------------------------------------------------------------------- */

struct written {
    char sets[WRITTEN_MAX][SET_SIZE];
    const char *at[WRITTEN_MAX];
    size_t n;
};

static void add(struct written *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct written *w, const char *format, ...) {
    va_list args;
    require(w->n < WRITTEN_MAX);
    va_start(args, format);
    const int len = vsnprintf(w->sets[w->n], SET_SIZE, format, args);
    va_end(args);
    require(len > 0 && len < SET_SIZE);
    w->at[w->n] = w->sets[w->n];
    w->n++;
}

static const char *get(const struct config *c, const char *name, char value[CONFIG_VALUE_MAX]) {
    require(config_get(c, name, value, CONFIG_VALUE_MAX) == ST_OK);
    return value;
}

/* The name of option o of a topic, and of member k; false: there is no such member. */
static bool topic_option(const struct config_topic *t, const struct option *o, uint32_t k,
                         char *name, size_t len) {
    const int stem = (int)(strrchr(o->key, '.') ? strrchr(o->key, '.') - o->key : 0);
    if (o->type == OPTION_WEIGHT) {
        snprintf(name, len, "topic.%s.weight.%s", t->name, map_word_name((uint8_t)k));
        return k < ACTIONS;
    }
    if (o->type == OPTION_SYMBOL) {
        const bool it = k < t->n_symbols && t->symbols[k].field == o->min;
        snprintf(name, len, "topic.%s.%.*s.%s", t->name, stem, o->key,
                 it ? t->symbols[k].symbol : "");
        return it;
    }
    snprintf(name, len, "topic.%s.%s", t->name, o->key);
    return k == 0;
}

/* Without a kind, which follows, and without a domain that the record has. */
static void write_topic(const struct config *c, const struct config_topic *t, struct written *w) {
    char name[2 * CONFIG_NAME_MAX];
    char value[CONFIG_VALUE_MAX];
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        const bool skip =
            o->scope != SCOPE_TOPIC || (o->type == OPTION_DOMAIN && t->domain == DOMAIN_OF_RECORD);
        for (uint32_t k = 0; k < CONFIG_SYMBOLS_MAX && !skip; k++) {
            if (topic_option(t, o, k, name, sizeof name)) {
                add(w, "%s=%s", name, get(c, name, value));
            }
        }
    }
}

static void check_same_topic(const struct config *a, const struct config *b,
                             const struct config_topic *t) {
    char name[2 * CONFIG_NAME_MAX];
    char x[CONFIG_VALUE_MAX];
    char y[CONFIG_VALUE_MAX];
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        for (uint32_t k = 0; k < CONFIG_SYMBOLS_MAX && o->scope == SCOPE_TOPIC; k++) {
            if (topic_option(t, o, k, name, sizeof name)) {
                require(strcmp(get(a, name, x), get(b, name, y)) == 0);
            }
        }
    }
}

/* A topic called a.weight.b makes some names of options of topic a its own. */
static bool is_ambiguous(const struct config *c) {
    const struct config_topic *t;
    for (uint32_t i = 0; (t = topic_at(c, i)); i++) {
        if (strstr(t->name, ".map.") || strstr(t->name, ".weight.")) {
            return true;
        }
    }
    return false;
}

/* The order of domains and topics can only be written in a file; all else is a --set. */
static void write_again(const struct config *c, struct written *w, FILE *ini) {
    char name[2 * CONFIG_NAME_MAX];
    char value[CONFIG_VALUE_MAX];
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope == SCOPE_CONFIG) {
            option_name(o, name, sizeof name);
            add(w, "%s=%s", name, get(c, name, value));
        }
    }
    for (uint32_t i = 0; i < c->n_domains; i++) {
        fprintf(ini, "[domain.%s]\n", c->domains[i].name);
        snprintf(name, sizeof name, "domain.%s.repeats", c->domains[i].name);
        add(w, "%s=%s", name, get(c, name, value));
        snprintf(name, sizeof name, "domain.%s.target", c->domains[i].name);
        add(w, "%s=%s", name, get(c, name, value));
    }
    const struct config_topic *t;
    for (uint32_t i = 0; (t = topic_at(c, i)); i++) {
        fprintf(ini, "[topic.%s]\n", t->name);
        write_topic(c, t, w);
    }
    for (uint32_t i = 0; i < c->n_kafka; i++) {
        add(w, "kafka.%s=%s", c->kafka[i].key, c->kafka[i].value);
    }
}

static void check_same(const struct config *a, const struct config *b) {
    char name[CONFIG_NAME_MAX];
    char x[CONFIG_VALUE_MAX];
    char y[CONFIG_VALUE_MAX];
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        if (o->scope == SCOPE_CONFIG) {
            option_name(o, name, sizeof name);
            require(strcmp(get(a, name, x), get(b, name, y)) == 0);
        }
    }
    require(a->n_domains == b->n_domains && a->n_topics == b->n_topics);
    for (uint32_t i = 0; i < a->n_domains; i++) {
        require(strcmp(a->domains[i].name, b->domains[i].name) == 0);
        require(a->domains[i].repeats == b->domains[i].repeats);
        require(a->domains[i].target == b->domains[i].target);
    }
    require(a->n_globals == b->n_globals && a->n_raws == b->n_raws);
    const struct config_topic *t;
    for (uint32_t i = 0; (t = topic_at(a, i)); i++) {
        require(strcmp(t->name, topic_at(b, i)->name) == 0);
        check_same_topic(a, b, t);
    }
    require(a->n_kafka == b->n_kafka);
    for (uint32_t i = 0; i < a->n_kafka; i++) {
        require(strcmp(a->kafka[i].key, b->kafka[i].key) == 0);
        require(strcmp(a->kafka[i].value, b->kafka[i].value) == 0);
    }
}

static void check_again(const struct config *c) {
    static struct written w;
    static struct config again;
    char err[CONFIG_ERROR_MAX];
    char *ini = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&ini, &len);
    require(out != NULL);
    w.n = 0;
    write_again(c, &w, out);
    fclose(out);
    require(config_load(&again, fuzz_file(ini, len), NULL, w.at, w.n, err) == ST_OK);
    check_same(c, &again);
    free(ini);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct input in;
    static struct config c;
    static struct config before;
    if (size > SIZE_LIMIT) {
        return 0;
    }
    split(&in, (const char *)data, size);
    memset(&c, 0x5a, sizeof c);
    memset(&before, 0x5a, sizeof before);
    char err[CONFIG_ERROR_MAX];
    memset(err, 'x', sizeof err);
    const char *path = in.file_len ? fuzz_file(in.file, in.file_len) : NULL;
    const enum status st = config_load(&c, path, in.environment, in.sets, in.n_sets, err);
    if (st) {
        require(st == ST_INVALID && is_text(err, sizeof err) && err[0]);
        require(memcmp(&c, &before, sizeof c) == 0);
        return 0;
    }
    check_names(&c);
    check_numbers(&c);
    require(!memchr(in.file, '\0', in.file_len));
    if (in.n_sets > 0) {
        check_set(&c, in.sets[in.n_sets - 1]);
    }
    if (!is_ambiguous(&c)) {
        check_again(&c);
    }
    return 0;
}
