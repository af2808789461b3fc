/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_files.c -- see replay_files.h.
 */
#include "replay_files.h"

#include <stdio.h>
#include <string.h>

/* Index of a domain, cfg->n_domains if there is none. */
static uint32_t domain_of(const struct config *cfg, const char *name) {
    uint32_t d = 0;
    while (d < cfg->n_domains && strcmp(cfg->domains[d].name, name) != 0) {
        d++;
    }
    return d;
}

static bool has_topic(const struct config *cfg, uint32_t domain) {
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        if (cfg->topics[t].domain == domain) {
            return true;
        }
    }
    return false;
}

/* ---- what to type ------------------------------------------------------------------------ */

static void print_configured(const struct config *cfg) {
    fprintf(stderr, "configured domains:");
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        fprintf(stderr, "%s %s", d ? "," : "", cfg->domains[d].name);
    }
    fprintf(stderr, "\n");
}

static void print_remedy(const struct config *cfg, const char *domain) {
    const char *names[DOMAINS_MAX];
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        names[d] = cfg->domains[d].name;
    }
    const char *near = config_nearest(domain, names, cfg->n_domains);
    if (near && domain_of(cfg, domain) == cfg->n_domains) {
        fprintf(stderr, "did the file mean %s? Else ", near);
    }
    fprintf(stderr,
            "type, here and for crossrec run:\n"
            "  --set domain.%s.repeats=no --set topic.%s-events.domain=%s "
            "--set topic.%s-events.schema=FoodOrder\n"
            "  (repeats=yes if items are taken again and again; schema CourseView: one item an "
            "event, with its action)\n",
            domain, domain, domain, domain);
}

/* False, and said on stderr, if events of this domain have nowhere to go. */
static bool check_domain(const struct config *cfg, const char *path, const char *name) {
    const uint32_t d = domain_of(cfg, name);
    path = strcmp(path, "-") == 0 ? "standard input" : path;
    if (d == cfg->n_domains) {
        fprintf(stderr, "crossrec: %s: domain %s is not configured; ", path, name);
        print_configured(cfg);
    } else if (!has_topic(cfg, d)) {
        fprintf(stderr, "crossrec: %s: no topic is configured for domain %s\n", path, name);
    } else {
        return true;
    }
    print_remedy(cfg, name);
    return false;
}

/* ---- opening ----------------------------------------------------------------------------- */

static enum status complain(enum status st, const char *err) {
    fprintf(stderr, "crossrec: %s\n", err);
    return st;
}

/* Reads a file once; says everything that is missing, not only the first. */
static enum status scan(struct replay_files *r, const char *path) {
    char err[CONFIG_ERROR_MAX];
    char domains[DOMAINS_MAX][TSV_DOMAIN_MAX];
    size_t n = 0;
    uint64_t events = 0;
    uint64_t lines = 0;
    enum status st = tsv_scan(path, domains, DOMAINS_MAX, &n, &events, &lines, err, sizeof err);
    if (st) {
        return complain(st, err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!check_domain(r->cfg, path, domains[i])) {
            st = ST_INVALID;
        } else {
            r->used[domain_of(r->cfg, domains[i])] = true;
        }
    }
    r->total += events;
    return st;
}

static enum status scan_all(struct replay_files *r, const char *const *paths, size_t n) {
    enum status first = ST_OK;
    bool pipe = false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(paths[i], "-") == 0) {
            pipe = true;
            continue;
        }
        enum status st = scan(r, paths[i]);
        first = first ? first : st;
    }
    if (pipe) { /* may have anything */
        r->total = 0;
        for (uint32_t d = 0; d < r->cfg->n_domains; d++) {
            r->used[d] = has_topic(r->cfg, d);
        }
    }
    return first;
}

enum status replay_files_open(struct replay_files *r, const struct config *cfg,
                              const char *const *paths, size_t n) {
    *r = (struct replay_files){.cfg = cfg};
    if (n > CLI_ARGS_MAX) {
        return complain(ST_RANGE, "too many files");
    }
    enum status st = scan_all(r, paths, n);
    for (size_t i = 0; !st && i < n; i++) {
        char err[CONFIG_ERROR_MAX];
        struct replay_file *f = &r->files[i];
        st = tsv_open(paths[i], &f->tsv, err, sizeof err);
        if (st) {
            return complain(st, err);
        }
        f->path = paths[i];
        r->n = i + 1;
    }
    for (size_t i = 0; !st && i < r->n; i++) {
        struct replay_file *f = &r->files[i];
        f->next = tsv_next(f->tsv, &f->next) ? f->next : NULL;
    }
    r->last = r->n;
    return st;
}

void replay_files_close(struct replay_files *r) {
    for (size_t i = 0; i < r->n; i++) {
        tsv_close(r->files[i].tsv);
    }
    r->n = 0;
}

/* ---- reading ----------------------------------------------------------------------------- */

enum status replay_files_next(struct replay_files *r, struct replay_event *out) {
    if (r->last < r->n) {
        struct replay_file *f = &r->files[r->last];
        f->next = tsv_next(f->tsv, &f->next) ? f->next : NULL;
        if (!f->next && tsv_status(f->tsv)) {
            return ST_IO;
        }
    }
    size_t first = r->n;
    for (size_t i = 0; i < r->n; i++) {
        const struct tsv_event *e = r->files[i].next;
        if (e && (first == r->n || e->event.ts_ms < r->files[first].next->event.ts_ms)) {
            first = i;
        }
    }
    r->last = first;
    if (first == r->n) {
        return ST_NOT_FOUND;
    }
    struct tsv_event *e = r->files[first].next;
    if (!check_domain(r->cfg, r->files[first].path, e->domain)) { /* of standard input */
        return ST_INVALID;
    }
    *out = (struct replay_event){.event = e, .domain = domain_of(r->cfg, e->domain)};
    return ST_OK;
}

/* ---- figures ----------------------------------------------------------------------------- */

bool replay_files_has(const struct replay_files *r, uint32_t domain) {
    return r->used[domain];
}

uint64_t replay_files_total(const struct replay_files *r) {
    return r->total;
}

uint64_t replay_files_lines(const struct replay_files *r) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += tsv_lines(r->files[i].tsv);
    }
    return n;
}

uint64_t replay_files_bad(const struct replay_files *r) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        n += tsv_bad(r->files[i].tsv);
    }
    return n;
}
