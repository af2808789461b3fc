/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.c -- see registry.h. The thread, and the calls for the commands.
 *
 * The lock is held for moments, never over a request, a file or a line of the log: whoever looks
 * up is the learner.
 */
#include "registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "log.h"
#include "registry_cache.h"
#include "registry_http.h"
#include "registry_ids.h"

enum { PATH_LEN = 512, WHY_LEN = sizeof((struct registry_answer *)0)->why };

const struct registry_periods registry_periods = {
    .again_ms = 2000,
    .negative_ms = 60000,
    .backoff_ms = 100,
    .backoff_max_ms = 5000,
    .idle_ms = 60000,
};

struct registry {
    struct registry_http *http;   /* of the thread */
    struct registry_cache *cache; /* of the thread; NULL: none */
    struct registry_periods periods;
    bool cache_failed; /* of the thread: said once */
    bool running;
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    struct registry_ids *ids;
    bool stop;
    bool away;            /* nobody answered the last time */
    char why[WHY_LEN];    /* away */
    uint32_t unusable_id; /* the last one, and why */
    int64_t unusable_ms;  /* INT64_MIN: there was none */
    char unusable[WHY_LEN];
};

/* ---- the thread: one id --------------------------------------------------------------------- */

/* From the cache, else from the registry. */
static enum registry_verdict fetch(struct registry *r, uint32_t id, bool first,
                                   struct registry_answer *a) {
    char path[PATH_LEN];
    *a = (struct registry_answer){.status = 0};
    if (first && r->cache && registry_cache_read(r->cache, id, &a->schema) == ST_OK) {
        return REGISTRY_OK;
    }
    snprintf(path, sizeof path, "/schemas/ids/%" PRIu32, id);
    const enum registry_verdict verdict = registry_http_ask(r->http, path, NULL, WANT_SCHEMA, a);
    char err[CONFIG_ERROR_MAX];
    if (verdict == REGISTRY_OK && r->cache &&
        registry_cache_write(r->cache, id, a->schema, err, sizeof err) == ST_IO &&
        !r->cache_failed) {
        r->cache_failed = true;
        LOG_WARN("a schema was not written to registry.cache; it is asked for again after a "
                 "restart",
                 LOG_INT("id", id), LOG_STR("error", err));
    }
    return verdict;
}

/* What is worth a line, or-ed. */
enum { NEWS_AWAY = 1, NEWS_BACK = 2, NEWS_UNKNOWN = 4, NEWS_UNUSABLE = 8 };

/* Moves the state on, under the lock, and returns the news. Takes a->schema over. */
static unsigned settle(struct registry *r, uint32_t id, enum registry_verdict verdict,
                       struct registry_answer *a) {
    const int64_t now = clock_mono_ms();
    const bool was_away = r->away;
    unsigned news = 0;
    r->away = false;
    switch (verdict) {
    case REGISTRY_OK:
        r->away = was_away && a->status == 0; /* the cache says nothing about the registry */
        registry_ids_known(r->ids, id, a->schema);
        a->schema = NULL;
        break;
    case REGISTRY_UNKNOWN: news = registry_ids_missing(r->ids, id, now) ? NEWS_UNKNOWN : 0; break;
    case REGISTRY_UNUSABLE:
        r->unusable_id = id;
        r->unusable_ms = now;
        memcpy(r->unusable, a->why, sizeof r->unusable);
        news = registry_ids_unusable(r->ids, id, now) ? NEWS_UNUSABLE : 0;
        break;
    case REGISTRY_REFUSED:
    case REGISTRY_AWAY:
        r->away = true;
        memcpy(r->why, a->why, sizeof r->why);
        registry_ids_away(r->ids, id, now);
        break;
    }
    if (r->away != was_away) {
        news |= r->away ? NEWS_AWAY : NEWS_BACK;
    }
    return news;
}

static void tell(unsigned news, uint32_t id, const char *why) {
    if (news & NEWS_AWAY) {
        LOG_WARN("the schema registry does not answer; partitions that need it wait",
                 LOG_INT("id", id), LOG_STR("why", why));
    }
    if (news & NEWS_BACK) {
        LOG_INFO("the schema registry answers again", LOG_INT("id", id));
    }
    if (news & NEWS_UNKNOWN) {
        LOG_WARN("the schema registry does not know a schema id; its records become dead letters",
                 LOG_INT("id", id), LOG_STR("why", why));
    }
    if (news & NEWS_UNUSABLE) {
        LOG_WARN("a schema cannot be used; its records become dead letters", LOG_INT("id", id),
                 LOG_STR("why", why));
    }
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* Until somebody asks or something is due, under the lock. */
static void wait_for_work(struct registry *r, int64_t now) {
    const int64_t due = registry_ids_due(r->ids, now);
    if (due == INT64_MAX) {
        pthread_cond_wait(&r->wake, &r->lock);
        return;
    }
    const int64_t at = due > now ? due : now + 1;
    const struct timespec t = {.tv_sec = (time_t)(at / 1000), .tv_nsec = at % 1000 * 1000000};
    pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

static void *run(void *arg) {
    struct registry *r = arg;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        const int64_t now = clock_mono_ms();
        uint32_t id = 0;
        bool first = false;
        if (!registry_ids_next(r->ids, now, &id, &first)) {
            wait_for_work(r, now);
            continue;
        }
        struct registry_answer a;
        pthread_mutex_unlock(&r->lock);
        const enum registry_verdict verdict = fetch(r, id, first, &a);
        pthread_mutex_lock(&r->lock);
        if (!r->stop) { /* else it was cut short, and means nothing */
            const unsigned news = settle(r, id, verdict, &a);
            pthread_mutex_unlock(&r->lock);
            tell(news, id, a.why);
            pthread_mutex_lock(&r->lock);
        }
        registry_answer_free(&a);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static enum status start_thread(struct registry *r) {
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr)) {
        return ST_NOMEM;
    }
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL); /* neither can fail on Linux */
    pthread_cond_init(&r->wake, &attr);
    pthread_condattr_destroy(&attr);
    r->running = pthread_create(&r->thread, NULL, run, r) == 0;
    if (!r->running) {
        pthread_cond_destroy(&r->wake);
        pthread_mutex_destroy(&r->lock);
    }
    return r->running ? ST_OK : ST_NOMEM;
}

/* ---- registry.h: life ------------------------------------------------------------------------ */

enum status registry_start_with(const struct config *cfg, const struct registry_periods *periods,
                                struct registry **out, char *err) {
    struct registry *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(err, CONFIG_ERROR_MAX, "%s", status_str(ST_NOMEM));
        return ST_NOMEM;
    }
    r->periods = *periods;
    r->unusable_ms = INT64_MIN;
    err[0] = '\0';
    enum status st = registry_http_new(cfg, &r->http, err);
    if (!st && cfg->registry_cache[0]) {
        st = registry_cache_new(cfg->registry_cache, registry_http_url(r->http), &r->cache, err,
                                CONFIG_ERROR_MAX);
    }
    if (!st) {
        const uint64_t seed = (uint64_t)clock_mono_ms() ^ (uint64_t)getpid() << 32;
        st = registry_ids_new(periods, cfg->registry_grace_ms, seed, &r->ids);
    }
    st = st ? st : start_thread(r);
    if (st) {
        if (!err[0]) {
            snprintf(err, CONFIG_ERROR_MAX, "registry: %s", status_str(st));
        }
        registry_stop(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

enum status registry_start(const struct config *cfg, struct registry **out, char *err) {
    return registry_start_with(cfg, &registry_periods, out, err);
}

void registry_stop(struct registry *r) {
    if (!r) {
        return;
    }
    if (r->running) {
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        registry_http_abort(r->http);
        pthread_cond_signal(&r->wake);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
        pthread_cond_destroy(&r->wake);
        pthread_mutex_destroy(&r->lock);
    }
    registry_ids_free(r->ids);
    registry_cache_free(r->cache);
    registry_http_free(r->http);
    free(r);
}

/* ---- the port ------------------------------------------------------------------------ */

static enum lookup_state get(void *ctx, uint32_t id, const char **json, size_t *len) {
    struct registry *r = ctx;
    bool work = false;
    pthread_mutex_lock(&r->lock);
    const enum lookup_state state = registry_ids_get(r->ids, id, clock_mono_ms(), json, len, &work);
    if (work) {
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
    return state;
}

static bool problem(void *ctx, char *buf, size_t len) {
    struct registry *r = ctx;
    pthread_mutex_lock(&r->lock);
    const int64_t now = clock_mono_ms();
    const size_t waiting = registry_ids_waiting(r->ids, now);
    bool is = true;
    if (r->away && waiting > 0) {
        snprintf(buf, len, "schema registry: %s; %zu schema id%s wait%s", r->why, waiting,
                 waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
    } else if (registry_ids_full(r->ids)) {
        snprintf(buf, len, "schema registry: more than %d schema ids are in use", REGISTRY_IDS_MAX);
    } else if (r->unusable_ms > now - 2 * r->periods.negative_ms) {
        snprintf(buf, len, "schema registry: schema id %" PRIu32 ": %s", r->unusable_id,
                 r->unusable);
    } else {
        is = false;
    }
    pthread_mutex_unlock(&r->lock);
    return is;
}

struct lookup registry_lookup(struct registry *r) {
    return (struct lookup){.get = get, .problem = problem, .ctx = r};
}

/* ---- for commands -------------------------------------------------------------------- */

static enum status status_of(enum registry_verdict verdict) {
    switch (verdict) {
    case REGISTRY_OK: return ST_OK;
    case REGISTRY_UNKNOWN: return ST_NOT_FOUND;
    case REGISTRY_UNUSABLE:
    case REGISTRY_REFUSED: return ST_INVALID;
    case REGISTRY_AWAY: break;
    }
    return ST_IO;
}

/* One request on a connection of its own. */
static enum status ask(const struct config *cfg, const char *path, const char *post, unsigned wants,
                       struct registry_answer *a) {
    struct registry_http *http = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    *a = (struct registry_answer){.status = 0};
    if (registry_http_new(cfg, &http, err)) {
        snprintf(a->why, sizeof a->why, "%.*s", (int)sizeof a->why - 1, err);
        return ST_IO;
    }
    const enum registry_verdict verdict = registry_http_ask(http, path, post, wants, a);
    registry_http_free(http);
    return status_of(verdict);
}

/* "/subjects/<subject, as a part of a path><rest>" */
static void subject_path(const char *subject, const char *rest, char path[PATH_LEN]) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t n = (size_t)snprintf(path, PATH_LEN, "/subjects/");
    for (const char *p = subject; *p && n + 4 + strlen(rest) < PATH_LEN; p++) {
        const bool as_is = strchr(plain, *p) != NULL;
        n += (size_t)snprintf(path + n, PATH_LEN - n, as_is ? "%c" : "%%%02X",
                              (unsigned)(unsigned char)*p);
    }
    snprintf(path + n, PATH_LEN - n, "%s", rest);
}

enum status registry_latest(const struct config *cfg, const char *subject,
                            struct registry_answer *a) {
    char path[PATH_LEN];
    subject_path(subject, "/versions/latest", path);
    return ask(cfg, path, NULL, WANT_SCHEMA | WANT_ID | WANT_VERSION, a);
}

enum status registry_by_id(const struct config *cfg, uint32_t id, struct registry_answer *a) {
    char path[PATH_LEN];
    snprintf(path, sizeof path, "/schemas/ids/%" PRIu32, id);
    const enum status st = ask(cfg, path, NULL, WANT_SCHEMA, a);
    a->id = st ? 0 : id;
    return st;
}

enum status registry_register(const struct config *cfg, const char *subject, const char *schema,
                              struct registry_answer *a) {
    char path[PATH_LEN];
    char *quoted = json_quote(schema, strlen(schema));
    const size_t room = quoted ? strlen(quoted) + 32 : 0;
    char *post = quoted ? malloc(room) : NULL;
    enum status st = ST_IO;
    if (post) {
        snprintf(post, room, "{\"schema\": %s}", quoted);
        subject_path(subject, "/versions", path);
        st = ask(cfg, path, post, WANT_ID, a);
    } else {
        *a = (struct registry_answer){.status = 0};
        snprintf(a->why, sizeof a->why, "out of memory, or the schema is not UTF-8");
    }
    if (!st) { /* an answer to a registration has no version */
        registry_answer_free(a);
        subject_path(subject, "", path);
        st = ask(cfg, path, post, WANT_ID | WANT_VERSION, a);
    }
    free(post);
    free(quoted);
    return st == ST_NOT_FOUND ? ST_IO : st;
}
