/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c -- see config.h: who set what, over what, and what fits together. The options
 * are the table in option.c; a single setting is draft.c; printing is config_print.c.
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

/* Index of the domain called `name`, or n_domains. */
static uint32_t domain_index(const struct config *c, const char *name) {
    uint32_t i = 0;
    while (i < c->n_domains && strcmp(c->domains[i].name, name) != 0) {
        i++;
    }
    return i;
}

static void resolve_topics(struct draft *d) {
    struct config *c = &d->config;
    for (uint32_t i = 0; i < c->n_topics; i++) {
        c->topics[i].domain = (uint8_t)domain_index(c, d->topic_domain[i]);
    }
}

void config_defaults(struct config *c) {
    char err[CONFIG_ERROR_MAX];
    struct draft d;
    draft_init(&d, err);
    resolve_topics(&d);
    derive(&d.config);
    *c = d.config;
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
    return strcmp(section, "crossrec") == 0 || strcmp(section, "kafka") == 0;
}

static enum status unknown_section(struct loader *l, const struct place *p) {
    const char *names[64] = {"kafka", "domain.NAME", "topic.NAME"};
    size_t n = 3;
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

/* Writes name `i` of this scope, "" behind the last. */
static const char *known_name(const struct config *c, enum option_scope scope, uint32_t i) {
    if (scope == SCOPE_DOMAIN) {
        return i < c->n_domains ? c->domains[i].name : "";
    }
    return i < c->n_topics ? c->topics[i].name : "";
}

/* FOOD_REPEATS: the option, and the domain or topic that it is of. */
static bool named_of(const struct config *c, enum option_scope scope, const char *word, char *out,
                     size_t len) {
    const struct option *o;
    for (size_t i = 0; (o = option_at(i)); i++) {
        char key[DRAFT_NAME_MAX];
        char form[DRAFT_NAME_MAX];
        char name[DRAFT_NAME_MAX] = "";
        draft_environment_form(o->key, key, sizeof key);
        size_t n = strlen(word);
        size_t k = strlen(key);
        if (o->scope != scope || n < k + 2 || word[n - k - 1] != '_' ||
            strcmp(word + n - k, key) != 0) {
            continue;
        }
        for (size_t j = 0; j < n - k - 1; j++) {
            name[j] = (char)tolower((unsigned char)word[j]);
        }
        for (uint32_t j = 0; *known_name(c, scope, j); j++) {
            draft_environment_form(known_name(c, scope, j), form, sizeof form);
            if (strlen(form) == n - k - 1 && strncmp(word, form, n - k - 1) == 0) {
                snprintf(name, sizeof name, "%s", known_name(c, scope, j));
                break;
            }
        }
        snprintf(out, len, "%s.%s.%s", scope == SCOPE_DOMAIN ? "domain" : "topic", name, o->key);
        return true;
    }
    return false;
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
    return false;
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

static enum status check_topic(const struct draft *d, const struct place *p, uint32_t i) {
    const struct config *c = &d->config;
    const struct config_topic *t = &c->topics[i];
    const char *domain = d->topic_domain[i];
    if (!*domain) {
        return draft_complain(d, p, "has no domain; write topic.%s.domain = NAME", t->name);
    }
    if (domain_index(c, domain) == c->n_domains) {
        const char *names[DOMAINS_MAX];
        for (uint32_t k = 0; k < c->n_domains; k++) {
            names[k] = c->domains[k].name;
        }
        const char *near = config_nearest(domain, names, c->n_domains);
        return draft_complain(d, p, "there is no domain %s; %s%s%s", domain,
                              near ? "did you mean " : "name it by [domain.", near ? near : domain,
                              near ? "?" : "], or name your topics by [topic.NAME]");
    }
    if (!*t->schema) {
        char known[128];
        option_range(option_find(SCOPE_TOPIC, "schema"), known, sizeof known);
        return draft_complain(d, p, "has no schema; write topic.%s.schema = %s", t->name, known);
    }
    if (strcmp(t->name, c->dead_letters) == 0) {
        return draft_complain(d, p, "is dead.letters too: bad events would come in again");
    }
    return ST_OK;
}

static enum status check_topics(const struct draft *d, const struct place *p) {
    const struct config *c = &d->config;
    char name[CONFIG_NAME_MAX + 8] = "topic";
    struct place at = *p;
    at.name = name;
    for (uint32_t i = 0; i < c->n_topics; i++) {
        snprintf(name, sizeof name, "topic.%s", c->topics[i].name);
        enum status st = check_topic(d, &at, i);
        if (st) {
            return st;
        }
    }
    return c->n_topics ? ST_OK : draft_complain(d, &at, "there must be at least one [topic.NAME]");
}

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

static enum status check(const struct loader *l) {
    const struct draft *d = &l->draft;
    const struct config *c = &d->config;
    char where[512] = "";
    if (l->path) {
        snprintf(where, sizeof where, "%.380s: ", l->path);
    }
    struct place p = {.where = where};
    enum status st = check_domains(d, &p);
    st = st ? st : check_topics(d, &p);
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
    if (c->segments_seed_users < c->segments_k) {
        p.name = "segments.seed.users";
        return draft_complain(d, &p, "%s must be at least segments.k, which is %s",
                              shown(c, "segments.seed.users", a, sizeof a),
                              shown(c, "segments.k", b, sizeof b));
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
    resolve_topics(&l.draft);
    *c = l.draft.config;
    return ST_OK;
}
