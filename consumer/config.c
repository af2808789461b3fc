/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c -- see config.h: who set what, over what, and what fits together. The options
 * are the table in option.c; a single setting is draft.c; the topics together are
 * config_topics.c; printing is config_print.c.
 *
 * Shipped domains and topics stand unless the *file* names a section of that kind; then
 * the file's are all there are. The environment and --set adjust those or add to them.
 * The environment cannot spell every name: CROSSREC_DOMAIN_FOOD_REPEATS means the domain
 * whose name, in upper case with _ for all else, is FOOD, or a new one called food.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draft.h"
#include "ini_file.h"
#include "option.h"
#include "shipped.h"

enum {
    SEEN_MAX = 512,        /* names in one file               */
    ENVIRONMENT_MAX = 512, /* variables that are CROSSREC_... */
};

struct loader {
    struct draft draft;
    const char *path;
    bool own_domains; /* of the file: the shipped ones are gone */
    bool own_topics;
    uint64_t seen[SEEN_MAX]; /* hashes of the names in the file, to find repeated ones */
    int seen_line[SEEN_MAX];
    size_t n_seen;
};

/* ---- derived values --------------------------------------------------------------- */

/* What depends on other options or on the machine. */
static void derive(struct config *c) {
    if (c->publish_refresh_ms == OPTION_IS_AUTO) {
        const int64_t six_hours_ms = INT64_C(6) * 3600 * 1000;
        int64_t quarter = c->publish_ttl_ms / 4;
        c->publish_refresh_ms = quarter < six_hours_ms ? quarter : six_hours_ms;
    }
    if (!c->instance_id[0]) {
        char host[64] = "";
        if (gethostname(host, sizeof host - 1) || !host[0]) {
            snprintf(host, sizeof host, "localhost");
        }
        snprintf(c->instance_id, sizeof c->instance_id, "%s-%ld", host, (long)getpid());
    }
}

void config_defaults(struct config *c) {
    char err[CONFIG_ERROR_MAX];
    struct draft d;
    draft_init(&d, err);
    const struct place p = {.where = "", .name = "topic"};
    if (draft_check_topics(&d, &p, NULL)) {
        d.config.n_topics = 0; /* a test loads the defaults: there is nothing wrong with them */
    }
    draft_split_topics(&d);
    derive(&d.config);
    *c = d.config;
}

uint32_t config_list_n(const struct config *c, uint32_t domain) {
    const int64_t n = domain < c->n_domains ? c->domains[domain].n : 0;
    return (uint32_t)(n ? n : c->list_n);
}

uint32_t config_list_max(const struct config *c) {
    uint32_t most = (uint32_t)c->list_n;
    for (uint32_t d = 0; d < c->n_domains; d++) {
        const uint32_t n = config_list_n(c, d);
        most = n > most ? n : most;
    }
    return most;
}

void config_topic_defaults(struct config_topic *topic) {
    draft_default_topic(topic, "");
    topic->kind = KIND_EVENT;
}

/* ---- the file --------------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t name_hash(const char *name) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    }
    return h;
}

/* The line that set `name` before, or 0. */
static int seen_before(struct loader *l, const char *name, int line) {
    uint64_t h = name_hash(name);
    for (size_t i = 0; i < l->n_seen; i++) {
        if (l->seen[i] == h) {
            return l->seen_line[i];
        }
    }
    if (l->n_seen < SEEN_MAX) {
        l->seen[l->n_seen] = h;
        l->seen_line[l->n_seen++] = line;
    }
    return 0;
}

/* True if some option's name begins with "section.". */
static bool section_exists(const char *section) {
    size_t n = strlen(section);
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char name[DRAFT_NAME_MAX];
        option_name(o, name, sizeof name);
        if (o->scope == SCOPE_CONFIG && strncmp(name, section, n) == 0 && name[n] == '.') {
            return true;
        }
    }
    return strcmp(section, "crossrec") == 0 || strcmp(section, "kafka") == 0 ||
           strcmp(section, "privacy") == 0;
}

/* [topic NAME] is what many a program has. */
static enum status unknown_section(struct loader *l, const struct place *p) {
    static const char *const named[] = {"domain", "topic", "trigger"};
    for (size_t k = 0; k < sizeof named / sizeof named[0]; k++) {
        const size_t len = strlen(named[k]);
        const bool begins = strncmp(p->value, named[k], len) == 0;
        const size_t gap = begins ? strspn(p->value + len, " :/") : 0;
        if (gap > 0) {
            return draft_complain(&l->draft, p, "unknown section; did you mean [%s.%s]?", named[k],
                                  p->value + len + gap);
        }
    }
    const char *names[64] = {"kafka", "privacy", "domain.NAME", "topic.NAME", "trigger.NAME"};
    size_t n = 5;
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)) && n < sizeof names / sizeof names[0]; i++) {
        if (strcmp(o->section, names[n - 1]) != 0) {
            names[n++] = o->section;
        }
    }
    const char *near = config_nearest(p->value, names, n);
    return draft_complain(&l->draft, p, "unknown section%s%s%s", near ? "; did you mean [" : "",
                          near ? near : "", near ? "]?" : "");
}

/* Opens a section: an empty [domain.NAME] names a domain too. */
static enum status open_section(struct loader *l, const struct place *p, const char *section) {
    struct config *c = &l->draft.config;
    if (strncmp(section, "domain.", 7) == 0) {
        c->n_domains = l->own_domains ? c->n_domains : 0;
        l->own_domains = true;
        return draft_add_domain(&l->draft, p, section + 7);
    }
    if (strncmp(section, "topic.", 6) == 0) {
        c->n_topics = l->own_topics ? c->n_topics : 0;
        l->own_topics = true;
        return draft_add_topic(&l->draft, p, section + 6);
    }
    if (strncmp(section, "trigger.", 8) == 0) {
        return draft_add_trigger(&l->draft, p, section + 8);
    }
    return section_exists(section) ? ST_OK : unknown_section(l, p);
}

static bool on_line(void *arg, const struct ini_line *line) {
    struct loader *l = arg;
    char where[512];
    char name[DRAFT_NAME_MAX];
    struct place p = {.where = where, .name = name, .equal = " = ", .value = line->value};
    snprintf(where, sizeof where, "%.380s:%d: ", l->path, line->number);
    if (!line->key) {
        snprintf(name, sizeof name, "[%s]", line->section);
        p.value = line->section;
        return open_section(l, &p, line->section) == ST_OK;
    }
    bool top = !*line->section || strcmp(line->section, "crossrec") == 0;
    snprintf(name, sizeof name, "%s%s%s", top ? "" : line->section, top ? "" : ".", line->key);
    /* Names of topics have dots: here it is known where they end. */
    bool topic = strncmp(line->section, "topic.", 6) == 0;
    bool domain = strncmp(line->section, "domain.", 7) == 0;
    bool trigger = strncmp(line->section, "trigger.", 8) == 0;
    p.named = topic     ? strlen(line->section) - 6
              : domain  ? strlen(line->section) - 7
              : trigger ? strlen(line->section) - 8
                        : 0;
    int before = seen_before(l, name, line->number);
    if (before) {
        return draft_complain(&l->draft, &p, "already set in line %d", before) == ST_OK;
    }
    return draft_set(&l->draft, &p, name) == ST_OK;
}

static enum status load_file(struct loader *l) {
    char err[CONFIG_ERROR_MAX];
    enum status st = ini_read(l->path, on_line, l, err, sizeof err);
    if (st && err[0]) {
        snprintf(l->draft.err, CONFIG_ERROR_MAX, "%s", err);
    }
    return st;
}

/* ---- the environment -------------------------------------------------------------- */

/* Not options: what builds and tests of crossrec use, and what Kubernetes sets in every
 * container beside a service called crossrec. */
static const char *const FOREIGN[] = {"BUILD_DIR=", "CACHE=", "TEST_*",
                                      "SERVICE_*",  "PORT=",  "PORT_*"};

static bool is_foreign(const char *rest) {
    for (size_t i = 0; i < sizeof FOREIGN / sizeof FOREIGN[0]; i++) {
        size_t n = strcspn(FOREIGN[i], "*");
        if (strncmp(rest, FOREIGN[i], n) == 0) {
            return true;
        }
    }
    return false;
}

/* Name `i` of this scope, NULL behind the last. */
static const char *known_name(const struct config *c, enum option_scope scope, uint32_t i) {
    if (scope == SCOPE_DOMAIN) {
        return i < c->n_domains ? c->domains[i].name : NULL;
    }
    if (scope == SCOPE_TRIGGER) {
        return i < c->n_triggers ? c->triggers[i].name : NULL;
    }
    return i < c->n_topics ? c->topics[i].name : NULL;
}

static const char *scope_name(enum option_scope scope) {
    return scope == SCOPE_DOMAIN ? "domain" : scope == SCOPE_TRIGGER ? "trigger" : "topic";
}

/* The option of this scope that `word` is, as key: "event.id" of EVENT_ID, "map.action.PAID" of
 * MAP_ACTION_PAID. */
static bool key_of(enum option_scope scope, const char *word, char *key, size_t len) {
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char form[DRAFT_NAME_MAX];
        if (o->scope != scope) {
            continue;
        }
        draft_environment_form(o->key, form, sizeof form);
        if (!option_has_members(o)) {
            if (strcmp(form, word) == 0) {
                snprintf(key, len, "%s", o->key);
                return true;
            }
            continue;
        }
        const size_t n = (size_t)(strrchr(form, '_') + 1 - form); /* MAP_ACTION_SYMBOL */
        if (strncmp(form, word, n) == 0 && word[n]) {
            snprintf(key, len, "%.*s%s", (int)n, o->key, word + n);
            return true;
        }
    }
    return false;
}

/* FOOD_REPEATS: the option, and the domain or topic that it is of: the longest that exists, else a
 * new one with the shortest name. */
static bool named_of(const struct config *c, enum option_scope scope, const char *word, char *out,
                     size_t len) {
    char key[DRAFT_NAME_MAX];
    char name[DRAFT_NAME_MAX] = "";
    const char *known;
    size_t best = 0;
    for (uint32_t i = 0; (known = known_name(c, scope, i)); i++) {
        const size_t n = strlen(known);
        char form[DRAFT_NAME_MAX];
        draft_environment_form(known, form, sizeof form);
        if (n > best && strncmp(word, form, n) == 0 && word[n] == '_' &&
            key_of(scope, word + n + 1, key, sizeof key)) {
            best = n;
            snprintf(name, sizeof name, "%s", known);
        }
    }
    const bool known_here = best > 0;
    for (const char *p = word; !best && *p && (p = strchr(p + 1, '_'));) {
        best = key_of(scope, p + 1, key, sizeof key) ? (size_t)(p - word) : 0;
    }
    if (!best || !key_of(scope, word + best + 1, key, sizeof key)) {
        return false;
    }
    for (size_t j = 0; j < best && !known_here; j++) {
        name[j] = (char)tolower((unsigned char)word[j]);
    }
    snprintf(out, len, "%s.%.*s.%.*s", scope_name(scope), CONFIG_NAME_MAX - 1, name,
             CONFIG_NAME_MAX - 1, key);
    return true;
}

/* FOOD: the domain whose name it is, else food. */
static void key_named(const struct config *c, const char *word, char *out, size_t len) {
    const int n = snprintf(out, len, "privacy.key.");
    for (uint32_t i = 0; i < c->n_domains; i++) {
        char form[DRAFT_NAME_MAX];
        draft_environment_form(c->domains[i].name, form, sizeof form);
        if (strcmp(form, word) == 0) {
            snprintf(out + n, len - (size_t)n, "%s", c->domains[i].name);
            return;
        }
    }
    size_t k = (size_t)n;
    for (; *word && k + 1 < len; word++) {
        out[k++] = (char)tolower((unsigned char)*word);
    }
    out[k] = '\0';
}

/* The full name of the option that CROSSREC_`word` means. */
static bool name_of(const struct config *c, const char *word, char *out, size_t len) {
    if (strncmp(word, "KAFKA_", 6) == 0) {
        size_t n = 0;
        for (; word[n] && n + 1 < len; n++) {
            out[n] = word[n] == '_' ? '.' : (char)tolower((unsigned char)word[n]);
        }
        out[n] = '\0';
        return true;
    }
    if (strncmp(word, "PRIVACY_KEY_", 12) == 0) {
        key_named(c, word + 12, out, len);
        return true;
    }
    if (strncmp(word, "DOMAIN_", 7) == 0) {
        return named_of(c, SCOPE_DOMAIN, word + 7, out, len);
    }
    if (strncmp(word, "TOPIC_", 6) == 0) {
        return named_of(c, SCOPE_TOPIC, word + 6, out, len);
    }
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char form[DRAFT_NAME_MAX];
        option_name(o, out, len);
        draft_environment_form(out, form, sizeof form);
        if (o->scope == SCOPE_CONFIG && strcmp(form, word) == 0) {
            return true;
        }
    }
    return strncmp(word, "TRIGGER_", 8) == 0 && named_of(c, SCOPE_TRIGGER, word + 8, out, len);
}

static enum status load_variable(struct loader *l, const char *variable) {
    const char *equal = strchr(variable, '=');
    char shown[DRAFT_NAME_MAX];
    char name[DRAFT_NAME_MAX];
    struct place p = {.where = "environment ",
                      .name = shown,
                      .equal = "=",
                      .value = equal + 1,
                      .environment = true};
    if (equal - variable >= (ptrdiff_t)sizeof shown) {
        p.name = "CROSSREC_...";
        return draft_complain(&l->draft, &p, "no option has a name so long");
    }
    snprintf(shown, sizeof shown, "%.*s", (int)(equal - variable), variable);
    const char *word = shown + strlen("CROSSREC_");
    if (!name_of(&l->draft.config, word, name, sizeof name)) {
        return draft_unknown(&l->draft, &p, word);
    }
    return draft_set(&l->draft, &p, name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names, so that domains and topics added by the environment have
 * the same index in every instance. */
static enum status load_environment(struct loader *l, char *const *environ_) {
    const char *variables[ENVIRONMENT_MAX];
    size_t n = 0;
    for (; environ_ && *environ_ && n < ENVIRONMENT_MAX; environ_++) {
        bool ours = strncmp(*environ_, "CROSSREC_", 9) == 0 && strchr(*environ_, '=');
        if (ours && !is_foreign(*environ_ + 9)) {
            variables[n++] = *environ_;
        }
    }
    qsort(variables, n, sizeof variables[0], by_text);
    for (size_t i = 0; i < n; i++) {
        enum status st = load_variable(l, variables[i]);
        if (st) {
            return st;
        }
    }
    return ST_OK;
}

/* ---- --set ------------------------------------------------------------------------ */

static enum status load_set(struct loader *l, const char *set) {
    const char *equal = strchr(set, '=');
    size_t n = equal ? (size_t)(equal - set) : strlen(set);
    char name[DRAFT_NAME_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), set);
    const struct place p = {
        .where = "--set ", .name = name, .equal = "=", .value = equal ? equal + 1 : ""};
    if (n >= sizeof name) {
        return draft_complain(&l->draft, &p, "no option has a name so long");
    }
    if (!equal) {
        return draft_complain(&l->draft, &p, "has no value; write --set %s=VALUE", name);
    }
    return draft_set(&l->draft, &p, name);
}

/* ---- combinations ------------------------------------------------------------------ */

static enum status check_domains(const struct draft *d, struct place *p) {
    const struct config *c = &d->config;
    bool any_target = false;
    for (uint32_t i = 0; i < c->n_domains; i++) {
        any_target = any_target || c->domains[i].target;
    }
    p->name = "domain";
    if (c->n_domains < 2) {
        return draft_complain(d, p, "there must be at least two [domain.NAME] to recommend across");
    }
    if (!any_target) {
        return draft_complain(d, p,
                              "none is a target: nobody would get lists; "
                              "write domain.NAME.target = yes");
    }
    return ST_OK;
}

/* Value of an option for an error. */
static const char *shown(const struct config *c, const char *name, char *buf, size_t len) {
    option_format(option_find(SCOPE_CONFIG, name), c, buf, len);
    return buf;
}

static enum status check(struct loader *l) {
    struct draft *d = &l->draft;
    const struct config *c = &d->config;
    char where[512] = "";
    if (l->path) {
        snprintf(where, sizeof where, "%.380s: ", l->path);
    }
    struct place p = {.where = where};
    enum status st = check_domains(d, &p);
    p.name = "topic";
    st = st ? st : draft_check_topics(d, &p, l->path);
    st = st ? st : draft_check_triggers(d, &p);
    st = st ? st : draft_check_keys(d, &p);
    if (st) {
        return st;
    }
    char a[32];
    char b[32];
    if (c->publish_refresh_ms >= c->publish_ttl_ms) {
        p.name = "publish.refresh";
        return draft_complain(d, &p, "%s must be less than publish.ttl, which is %s",
                              shown(c, "publish.refresh", a, sizeof a),
                              shown(c, "publish.ttl", b, sizeof b));
    }
    const int64_t per_segment = 4; /* as segments.h wants it; auto: at most 12 segments */
    if (c->segments_seed_users < per_segment * (c->segments_k ? c->segments_k : 12)) {
        p.name = "segments.seed.users";
        return draft_complain(d, &p, "%s must be at least 4 for each of segments.k, which is %s%s",
                              shown(c, "segments.seed.users", a, sizeof a),
                              shown(c, "segments.k", b, sizeof b),
                              c->segments_k ? "" : " (at most 12)");
    }
    if (c->registry_url[0] && c->schemas_dir[0]) {
        p.name = "schemas.dir";
        return draft_complain(d, &p, "is not read beside registry.url; unset one of them");
    }
    return ST_OK;
}

/* ---- all of it -------------------------------------------------------------------- */

enum status config_load(struct config *c, const char *path, char *const *environ_,
                        const char *const *sets, size_t n_sets, char *err) {
    struct loader l;
    memset(&l, 0, sizeof l);
    l.path = path;
    draft_init(&l.draft, err);
    enum status st = path ? load_file(&l) : ST_OK;
    st = st ? st : load_environment(&l, environ_);
    for (size_t i = 0; i < n_sets && !st; i++) {
        st = load_set(&l, sets[i]);
    }
    if (st) {
        return st;
    }
    derive(&l.draft.config);
    st = check(&l);
    if (st) {
        return st;
    }
    draft_split_topics(&l.draft);
    *c = l.draft.config;
    return ST_OK;
}
