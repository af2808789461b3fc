/* SPDX-License-Identifier: Apache-2.0
 * demo_events.c -- see demo_events.h. */
#include "demo_events.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalogue.h"
#include "option.h"
#include "tsv.h"

enum { EVENT_ID_MAX = 96, SOME_AFTER = 10 };

static const char *const world_domains[WORLD_DOMAINS] = {"course", "food"};

/* An item of the world, and when it is there. */
struct birth {
    int64_t ms;
    uint32_t domain, item;
};

struct demo_events {
    struct demo_events_params params;
    struct world *world;
    struct tsv *tsv;
    struct catalogue *catalogue;
    const char **names[WORLD_DOMAINS]; /* (items,) of the world: it belongs to one thread */
    struct birth *births;              /* (n_births,) of the world's items, in order */
    uint32_t n_births, born;
    char domains[DOMAINS_MAX][TSV_DOMAIN_MAX];
    uint32_t n_domains;
    uint64_t total, n;
    char some_user[ID_LEN_MAX + 1];
    char user_id[32], event_id[EVENT_ID_MAX + ID_LEN_MAX];
    struct decoded_line lines[EVENT_LINES_MAX];
};

/* ---- the world -------------------------------------------------------------------------- */

static enum status world_start(struct demo_events *e, char *err) {
    const enum status st = world_new(&e->params.world, &e->world);
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX, "the synthetic world: %s", status_str(st));
    }
    return st;
}

static int by_time(const void *a, const void *b) {
    const struct birth *x = a;
    const struct birth *y = b;
    if (x->ms != y->ms) {
        return x->ms < y->ms ? -1 : 1;
    }
    return x->domain != y->domain ? (x->domain < y->domain ? -1 : 1)
                                  : (x->item > y->item) - (x->item < y->item);
}

static enum status list_births(struct demo_events *e) {
    const uint32_t n = e->params.world.items;
    e->births = calloc((size_t)n * WORLD_DOMAINS, sizeof *e->births);
    if (!e->births) {
        return ST_NOMEM;
    }
    for (uint32_t d = 0; d < WORLD_DOMAINS; d++) {
        for (uint32_t k = 0; k < n; k++) {
            e->births[e->n_births++] =
                (struct birth){world_item_birth_ms(e->world, (uint8_t)d, k), d, k};
        }
    }
    qsort(e->births, e->n_births, sizeof *e->births, by_time);
    return ST_OK;
}

bool demo_events_next_row(struct demo_events *e, int64_t until_ms, struct decoded_item *out,
                          uint32_t *domain) {
    if (e->born == e->n_births || e->births[e->born].ms > until_ms) {
        return false;
    }
    const struct birth *b = &e->births[e->born++];
    const char *id = world_item_id(e->world, (uint8_t)b->domain, b->item);
    const char *name = world_item_name(e->world, (uint8_t)b->domain, b->item);
    const char *category = world_item_category(e->world, (uint8_t)b->domain, b->item);
    *out = (struct decoded_item){.item = id,
                                 .item_len = strlen(id),
                                 .category = category,
                                 .category_len = strlen(category),
                                 .name = name,
                                 .name_len = strlen(name),
                                 .ts_ms = b->ms,
                                 .price = (double)NAN,
                                 .available = true};
    *domain = b->domain;
    return true;
}

static enum status world_open(struct demo_events *e, char *err) {
    const enum status st = world_start(e, err);
    if (st) {
        return st;
    }
    e->total = world_n_events(e->world);
    e->n_domains = WORLD_DOMAINS;
    for (uint32_t d = 0; d < WORLD_DOMAINS; d++) {
        snprintf(e->domains[d], sizeof e->domains[d], "%s", world_domains[d]);
        e->names[d] = calloc(e->params.world.items, sizeof *e->names[d]);
        if (!e->names[d]) {
            snprintf(err, CONFIG_ERROR_MAX, "out of memory");
            return ST_NOMEM;
        }
        for (uint32_t k = 0; k < e->params.world.items; k++) {
            e->names[d][k] = world_item_name(e->world, (uint8_t)d, k);
        }
    }
    return list_births(e);
}

static bool next_of_world(struct demo_events *e, struct decoded *out, uint32_t *domain) {
    struct world_event w;
    if (!world_next(e->world, &w)) {
        return false;
    }
    for (uint32_t k = 0; k < w.n_lines; k++) {
        const char *id = world_item_id(e->world, w.domain, w.item[k]);
        e->lines[k] = (struct decoded_line){.item = id,
                                            .item_len = strlen(id),
                                            .quantity = (double)w.quantity[k],
                                            .amount = (double)w.amount[k]};
    }
    const int user_len = snprintf(e->user_id, sizeof e->user_id, "u%" PRIu32, w.user);
    const int id_len = snprintf(e->event_id, sizeof e->event_id, "%.*s-%" PRIu64, EVENT_ID_MAX / 2,
                                e->params.run, e->n);
    *out = (struct decoded){.event_id = e->event_id,
                            .event_id_len = (size_t)id_len,
                            .user_id = e->user_id,
                            .user_id_len = (size_t)user_len,
                            .ts_ms = w.ts_ms,
                            .action = (enum action)w.action,
                            .n_lines = w.n_lines,
                            .lines = e->lines};
    *domain = w.domain;
    return true;
}

/* ---- a file ----------------------------------------------------------------------------- */

static enum status file_open(struct demo_events *e, char *err) {
    size_t n = 0;
    uint64_t lines = 0;
    enum status st = tsv_scan(e->params.file, e->domains, DOMAINS_MAX, &n, &e->total, &lines, err,
                              CONFIG_ERROR_MAX);
    if (st == ST_RANGE) {
        snprintf(err, CONFIG_ERROR_MAX, "%s has more than %d domains", e->params.file, DOMAINS_MAX);
    }
    if (!st && n == 0) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s has no events; a line is: ts domain user item [action quantity amount "
                 "discount], tab-separated",
                 e->params.file);
        st = ST_INVALID;
    }
    for (size_t k = 0; !st && k < n; k++) {
        const char *bad = option_bad_domain(e->domains[k]);
        if (bad) {
            snprintf(err, CONFIG_ERROR_MAX, "%s: domain `%s` %s", e->params.file, e->domains[k],
                     bad);
            st = ST_INVALID;
        }
    }
    if (!st && e->params.catalogue) {
        st = catalogue_open(e->params.catalogue, &e->catalogue, err, CONFIG_ERROR_MAX);
    }
    if (!st) {
        st = tsv_open(e->params.file, &e->tsv, err, CONFIG_ERROR_MAX);
    }
    e->n_domains = (uint32_t)n;
    return st;
}

static uint32_t domain_index(const struct demo_events *e, const char *name) {
    uint32_t k = 0;
    while (k + 1 < e->n_domains && strcmp(e->domains[k], name) != 0) {
        k++;
    }
    return k;
}

static bool next_of_file(struct demo_events *e, struct decoded *out, uint32_t *domain) {
    struct tsv_event *t = NULL;
    if (!tsv_next(e->tsv, &t)) {
        return false;
    }
    *out = t->event;
    if (!t->has_action) {
        out->action = ACTION_ORDER;
    }
    const int len = snprintf(e->event_id, sizeof e->event_id, "%.*s-%.*s", EVENT_ID_MAX / 2,
                             e->params.run, (int)t->event.event_id_len, t->event.event_id);
    out->event_id = e->event_id;
    out->event_id_len = (size_t)len < ID_LEN_MAX ? (size_t)len : ID_LEN_MAX;
    *domain = domain_index(e, t->domain);
    return true;
}

/* ---- both ------------------------------------------------------------------------------- */

bool demo_events_next(struct demo_events *e, struct decoded *out, uint32_t *domain) {
    const bool more = e->world ? next_of_world(e, out, domain) : next_of_file(e, out, domain);
    e->n += more ? 1 : 0;
    return more;
}

/* Reads a few events to know some user, and begins again. */
static enum status look_ahead(struct demo_events *e, char *err) {
    struct decoded event;
    uint32_t domain = 0;
    while (e->n < SOME_AFTER && demo_events_next(e, &event, &domain)) {
        snprintf(e->some_user, sizeof e->some_user, "%.*s", (int)event.user_id_len, event.user_id);
    }
    e->n = 0;
    if (e->world) {
        struct world *used = e->world;
        e->world = NULL;
        world_free(used); /* names are read again: the next world has its own */
        return world_open(e, err);
    }
    tsv_close(e->tsv);
    e->tsv = NULL;
    return tsv_open(e->params.file, &e->tsv, err, CONFIG_ERROR_MAX);
}

enum status demo_events_open(const struct demo_events_params *params, struct demo_events **out,
                             char *err) {
    struct demo_events *e = calloc(1, sizeof *e);
    if (!e) {
        snprintf(err, CONFIG_ERROR_MAX, "out of memory");
        return ST_NOMEM;
    }
    e->params = *params;
    enum status st = params->file ? file_open(e, err) : world_start(e, err);
    if (!st) {
        st = look_ahead(e, err);
    }
    if (st) {
        demo_events_free(e);
        return st;
    }
    *out = e;
    return ST_OK;
}

void demo_events_free(struct demo_events *e) {
    if (!e) {
        return;
    }
    for (size_t d = 0; d < WORLD_DOMAINS; d++) {
        free(e->names[d]);
    }
    free(e->births);
    world_free(e->world);
    tsv_close(e->tsv);
    catalogue_free(e->catalogue);
    free(e);
}

uint64_t demo_events_bad(const struct demo_events *e) {
    return e->tsv ? tsv_bad(e->tsv) : 0;
}

enum status demo_events_status(const struct demo_events *e) {
    return e->tsv ? tsv_status(e->tsv) : ST_OK;
}

uint32_t demo_events_n_domains(const struct demo_events *e) {
    return e->n_domains;
}

const char *demo_events_domain(const struct demo_events *e, uint32_t domain) {
    return e->domains[domain];
}

uint64_t demo_events_total(const struct demo_events *e) {
    return e->total;
}

const struct world_params *demo_events_world(const struct demo_events *e) {
    return e->world ? &e->params.world : NULL;
}

const char *demo_events_some_user(const struct demo_events *e) {
    return e->some_user;
}

const char *demo_events_name(const struct demo_events *e, uint32_t domain, const char *id) {
    if (e->catalogue) {
        const char *name = catalogue_name(e->catalogue, e->domains[domain], id);
        return name && name[0] ? name : id;
    }
    if (e->world && domain < WORLD_DOMAINS && id[0]) {
        const unsigned long k = strtoul(id + 1, NULL, 10); /* "c17": number 17 */
        return k < e->params.world.items ? e->names[domain][k] : id;
    }
    return id;
}
