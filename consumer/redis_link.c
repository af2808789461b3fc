/* SPDX-License-Identifier: Apache-2.0
 * redis_link.c -- see redis_link.h. */
#include "redis_link.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "log.h"
#include "redis_script.h"

enum { ARGS_MAX = 12, RIGHTS_MAX = 2048, PART = 32 << 10 };

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

/* ---- answers: a struct answer is hiredis' redisReply ------------------------------------- */

static const redisReply *reply_of(const struct answer *a) {
    return (const redisReply *)(const void *)a;
}

void answer_free(struct answer *a) {
    freeReplyObject(a); /* NULL is allowed */
}

enum answer_kind answer_kind(const struct answer *a) {
    if (!a) {
        return ANSWER_NONE;
    }
    switch (reply_of(a)->type) {
    case REDIS_REPLY_STATUS: return ANSWER_STATUS;
    case REDIS_REPLY_ERROR: return ANSWER_ERROR;
    case REDIS_REPLY_STRING: return ANSWER_TEXT;
    case REDIS_REPLY_INTEGER: return ANSWER_NUMBER;
    case REDIS_REPLY_ARRAY: return ANSWER_LIST;
    default: return ANSWER_NIL;
    }
}

struct span answer_text(const struct answer *a) {
    const enum answer_kind kind = answer_kind(a);
    if (kind != ANSWER_STATUS && kind != ANSWER_ERROR && kind != ANSWER_TEXT) {
        return (struct span){"", 0};
    }
    return (struct span){reply_of(a)->str, (size_t)reply_of(a)->len};
}

int64_t answer_number(const struct answer *a) {
    return answer_kind(a) == ANSWER_NUMBER ? (int64_t)reply_of(a)->integer : 0;
}

size_t answer_size(const struct answer *a) {
    return answer_kind(a) == ANSWER_LIST ? reply_of(a)->elements : 0;
}

const struct answer *answer_at(const struct answer *a, size_t i) {
    return i < answer_size(a) ? (const struct answer *)(const void *)reply_of(a)->element[i] : NULL;
}

bool answer_is_error(const struct answer *a, const char *code) {
    return answer_kind(a) == ANSWER_ERROR && strncmp(answer_text(a).s, code, strlen(code)) == 0;
}

/* ---- commands ----------------------------------------------------------------------- */

struct answer *redis_link_ask(struct redis_link *k, const struct span *args, size_t n) {
    const char *argv[ARGS_MAX];
    size_t lens[ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        argv[i] = args[i].s;
        lens[i] = args[i].len;
    }
    struct answer *a = k->c ? redisCommandArgv(k->c, (int)n, argv, lens) : NULL;
    if (!a) {
        redis_link_close(k);
    }
    return a;
}

static bool append(struct redis_link *k, struct span commands) {
    if (!k->c || redisAppendFormattedCommand(k->c, commands.s, commands.len) != REDIS_OK) {
        redis_link_close(k);
    }
    return k->c != NULL;
}

/* hiredis makes its buffer anew each time, twice as large as what is in it. */
bool redis_link_queue(struct redis_link *k, struct span commands) {
    while (commands.len > PART && append(k, (struct span){commands.s, PART}) &&
           redis_link_push(k)) {
        commands.s += PART;
        commands.len -= PART;
    }
    return append(k, commands);
}

bool redis_link_push(struct redis_link *k) {
    for (int done = 0; k->c && !done;) {
        if (redisBufferWrite(k->c, &done) != REDIS_OK) {
            redis_link_close(k);
        }
    }
    return k->c != NULL;
}

struct answer *redis_link_read(struct redis_link *k) {
    void *reply = NULL;
    if (!k->c || redisGetReply(k->c, &reply) != REDIS_OK) {
        redis_link_close(k);
        return NULL;
    }
    return reply;
}

void redis_link_close(struct redis_link *k) {
    redisFree(k->c); /* NULL is allowed */
    k->c = NULL;
}

/* ---- refusals ----------------------------------------------------------------------- */

void redis_rights(const struct redis_login *login, bool cluster, char *buf, size_t len) {
    const char *prefix = login->prefix ? login->prefix : "<prefix>";
    snprintf(buf, len,
             "ACL SETUSER %s ~%s:* &%s:* +evalsha +script|load +getrange +get +set +pexpire +info "
             "+publish +xadd +xlen +xinfo|stream%s",
             login->user[0] ? login->user : "default", prefix, prefix,
             cluster ? " +cluster|slots +asking" : "");
}

/* What a refusal means: it will never work and what to type, or try again. */
static enum status explain(const struct redis_link *k, const struct redis_login *login,
                           const char *what, const struct answer *a, char *why, size_t len) {
    static const struct {
        const char *code, *hint;
    } HOPELESS[] = {
        {"WRONGPASS", "check redis.user and redis.password"},
        {"NOAUTH", "set redis.password, and redis.user if it is not the default user"},
        {"ERR AUTH", "the server wants no password: remove redis.password"},
        {"ERR invalid password", "check redis.password"},
        {"NOPERM", "type in redis-cli: "},
    };
    char rights[RIGHTS_MAX] = "";
    for (size_t i = 0; i < sizeof HOPELESS / sizeof *HOPELESS; i++) {
        if (answer_is_error(a, HOPELESS[i].code)) {
            if (answer_is_error(a, "NOPERM")) {
                redis_rights(login, k->id.is_cluster, rights, sizeof rights);
            }
            snprintf(why, len, "%s: %s; %s%s", what, answer_text(a).s, HOPELESS[i].hint, rights);
            return ST_INVALID;
        }
    }
    const bool error = answer_kind(a) == ANSWER_ERROR;
    snprintf(why, len, "%s: %s", what,
             error ? answer_text(a).s : (a ? "unexpected reply" : "the connection broke"));
    return ST_AGAIN;
}

enum status redis_link_try(struct redis_link *k, const struct redis_login *login,
                           const struct span *args, size_t n, char *why, size_t len) {
    struct answer *a = redis_link_ask(k, args, n);
    const bool bad = !a || answer_kind(a) == ANSWER_ERROR;
    const enum status st = bad ? explain(k, login, args[0].s, a, why, len) : ST_OK;
    answer_free(a);
    return st;
}

enum status redis_policy(const struct redis_identity *id, char *why, size_t len) {
    if (strncmp(id->policy, "allkeys-", 8) != 0) {
        return ST_OK;
    }
    snprintf(why, len,
             "maxmemory-policy %s throws away keys that partners rely on; type in redis-cli: "
             "CONFIG SET maxmemory-policy noeviction",
             id->policy);
    return ST_INVALID;
}

/* ---- connecting --------------------------------------------------------------------- */

static enum status open_connection(struct redis_link *k, const struct slot_address *address,
                                   int64_t timeout_ms, char *why, size_t len) {
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                                    .tv_usec = (timeout_ms % 1000) * 1000};
    const bool tcp = address->port > 0;
    redisContext *c = tcp ? redisConnectWithTimeout(address->host, address->port, timeout)
                          : redisConnectUnixWithTimeout(address->host, timeout);
    if (!c || c->err || redisSetTimeout(c, timeout) != REDIS_OK) {
        const char *error = c ? c->errstr : "out of memory";
        if (tcp) {
            snprintf(why, len, "cannot connect to %s:%d: %s", address->host, address->port, error);
        } else {
            snprintf(why, len, "cannot connect to unix:%s: %s", address->host, error);
        }
        redisFree(c);
        return ST_AGAIN;
    }
    (void)fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    if (tcp) {
        (void)redisEnableKeepAlive(c); /* only finds dead peers sooner */
    }
    k->c = c;
    return ST_OK;
}

static enum status authenticate(struct redis_link *k, const struct redis_login *login, char *why,
                                size_t len) {
    if (!login->user[0] && !login->password[0]) {
        return ST_OK;
    }
    const struct span both[] = {resp_text("AUTH"), resp_text(login->user),
                                resp_text(login->password)};
    const struct span old[] = {both[0], both[2]};
    struct answer *a = login->user[0] ? redis_link_ask(k, both, 3) : redis_link_ask(k, old, 2);
    const bool good = answer_kind(a) == ANSWER_STATUS;
    const enum status st = good ? ST_OK : explain(k, login, "AUTH", a, why, len);
    answer_free(a);
    return st;
}

static bool copy(char *to, size_t size, struct span from) {
    if (from.len >= size) {
        return false;
    }
    memcpy(to, from.s, from.len);
    to[from.len] = '\0';
    return true;
}

static enum status load(struct redis_link *k, const struct redis_login *login, const char *script,
                        char sha[REDIS_ID_MAX], char *why, size_t len) {
    const struct span args[] = {resp_text("SCRIPT"), resp_text("LOAD"), resp_text(script)};
    struct answer *a = redis_link_ask(k, args, 3);
    const bool good = answer_kind(a) == ANSWER_TEXT && copy(sha, REDIS_ID_MAX, answer_text(a));
    const enum status st = good ? ST_OK : explain(k, login, "SCRIPT LOAD", a, why, len);
    answer_free(a);
    return st;
}

static enum status load_scripts(struct redis_link *k, const struct redis_login *login, char *why,
                                size_t len) {
    enum status st = load(k, login, REDIS_SCRIPT_WRITE, k->write_sha, why, len);
    return st ? st : load(k, login, REDIS_SCRIPT_APPEND, k->append_sha, why, len);
}

bool redis_link_load(struct redis_link *k, const struct redis_login *login) {
    char why[RIGHTS_MAX];
    if (load_scripts(k, login, why, sizeof why)) {
        redis_link_close(k);
    }
    return k->c != NULL;
}

/* What INFO says: run_id:..., a line each. "" if it does not say. */
static void info_field(const char *info, const char *name, char value[REDIS_ID_MAX]) {
    value[0] = '\0';
    const size_t n = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            const char *v = line + n + 1;
            (void)copy(value, REDIS_ID_MAX, (struct span){v, strcspn(v, "\r\n")});
            return;
        }
    }
}

static void read_info(const char *info, struct redis_identity *id) {
    char cluster[REDIS_ID_MAX];
    info_field(info, "run_id", id->run_id);
    info_field(info, "master_replid", id->replication_id);
    info_field(info, "maxmemory_policy", id->policy);
    info_field(info, "redis_version", id->version);
    info_field(info, "cluster_enabled", cluster);
    id->is_cluster = strcmp(cluster, "1") == 0;
}

/* Asks who the server is; all "" where it refuses to say (ACL): then every connection
 * counts as a new server. */
static enum status identify(struct redis_link *k, const struct redis_login *login, char *why,
                            size_t len) {
    const struct span args[] = {resp_text("INFO")};
    struct answer *a = redis_link_ask(k, args, 1);
    enum status st = ST_OK;
    k->id = (struct redis_identity){0};
    if (answer_kind(a) == ANSWER_TEXT) {
        read_info(answer_text(a).s, &k->id);
    } else if (answer_is_error(a, "NOPERM")) {
        if (!k->warned_info) {
            LOG_WARN("Redis refuses INFO: every reconnection publishes everything again; "
                     "give the user +info",
                     LOG_STR("error", answer_text(a).s));
        }
        k->warned_info = true;
    } else {
        st = explain(k, login, "INFO", a, why, len);
    }
    answer_free(a);
    return st;
}

enum status redis_link_open(struct redis_link *k, const struct slot_address *address,
                            const struct redis_login *login, char *why, size_t len) {
    redis_link_close(k);
    enum status st = open_connection(k, address, login->timeout_ms, why, len);
    st = st ? st : authenticate(k, login, why, len);
    st = st ? st : load_scripts(k, login, why, len);
    st = st ? st : identify(k, login, why, len);
    if (st) {
        redis_link_close(k);
    }
    return st;
}

const char *redis_link_library(void) {
    return TEXT_OF(HIREDIS_MAJOR) "." TEXT_OF(HIREDIS_MINOR) "." TEXT_OF(HIREDIS_PATCH);
}
