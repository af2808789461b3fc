/* SPDX-License-Identifier: Apache-2.0
 * redis.c -- see redis.h. */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "redis_nodes.h"
#include "redis_pipe.h"
#include "resp.h"

enum {
    ENTRY_FIELDS_MAX = 32,
    ENTRY_ID_MAX = 2 * RESP_NUMBER_MAX + 1,
    KEY_OF_EVALSHA = 3, /* which argument */
    RIGHTS_TEXT = 1024,
};

static const char *const ADDRESS_HELP =
    "type host:port, [v6 address]:port or unix:/path, or by commas host:port of up to 16 nodes of "
    "one cluster";

/* Integers up to 2^53 are exact in Lua, and two of them fit into the 48 bytes. */
static const uint64_t VERSION_MAX = UINT64_C(1) << 53;

struct redis {
    struct redis_nodes nodes;
    struct redis_pipe pipe;
    struct answer *got; /* the reply that the last get() lent out */
    int told_rights;    /* checksum of the error that was logged last */
};

/* ---- address and life cycle --------------------------------------------------------- */

static bool copy(char *to, size_t size, const char *from, size_t len) {
    if (len >= size) {
        return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool parse_port(const char *s, int *port) {
    char *end = NULL;
    if (s[0] < '0' || s[0] > '9') {
        return false;
    }
    long v = strtol(s, &end, 10);
    if (*end || v < 1 || v > 65535) {
        return false;
    }
    *port = (int)v;
    return true;
}

static bool parse_address(struct slot_address *to, const char *address) {
    if (strncmp(address, "unix:", 5) == 0) {
        return address[5] == '/' &&
               copy(to->host, sizeof to->host, address + 5, strlen(address + 5));
    }
    const char *colon = strrchr(address, ':');
    if (!colon || !parse_port(colon + 1, &to->port)) {
        return false;
    }
    const char *host = address;
    size_t len = (size_t)(colon - address);
    if (host[0] == '[') {
        if (len < 3 || host[len - 1] != ']') {
            return false;
        }
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) || memchr(host, '/', len)) {
        return false; /* a v6 address without brackets, or a URL */
    }
    return len > 0 && copy(to->host, sizeof to->host, host, len);
}

/* One address, or several by commas, of which none is a Unix socket. */
static bool parse_seeds(struct redis_nodes *ns, const char *text) {
    const bool several = strchr(text, ',') != NULL;
    slot_map_clear(&ns->map);
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char one[SLOT_HOST_MAX + 16]; /* and a port */
        struct slot_address seed = {0};
        if (!copy(one, sizeof one, p, strcspn(p, ",")) || !parse_address(&seed, one) ||
            (several && seed.port == 0) || slot_map_node(&ns->map, &seed) >= REDIS_SEEDS_MAX) {
            return false;
        }
    }
    ns->n_seeds = ns->map.n_nodes;
    ns->is_cluster = ns->n_seeds > 1;
    return true;
}

enum status redis_new(const struct redis_params *params, struct redis **out, char *err,
                      size_t err_len) {
    struct redis *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    struct redis_login *login = &r->nodes.login;
    const char *user = params->user ? params->user : "";
    const char *password = params->password ? params->password : "";
    if (!params->address || !parse_seeds(&r->nodes, params->address)) {
        snprintf(err, err_len, "redis.address is \"%s\": %s",
                 params->address ? params->address : "", ADDRESS_HELP);
        goto fail;
    }
    if (!copy(login->user, sizeof login->user, user, strlen(user)) ||
        !copy(login->password, sizeof login->password, password, strlen(password))) {
        snprintf(err, err_len, "redis.user or redis.password is longer than %d bytes",
                 REDIS_SECRET_MAX - 1);
        goto fail;
    }
    if (params->timeout_ms < 1 || params->timeout_ms > INT32_MAX) {
        snprintf(err, err_len, "redis.timeout must be 1 ms to %d ms", INT32_MAX);
        goto fail;
    }
    login->timeout_ms = params->timeout_ms;
    *out = r;
    return ST_OK;
fail:
    redis_free(r);
    return ST_INVALID;
}

struct redis_nodes *redis_nodes_of(struct redis *r) {
    return &r->nodes;
}

static void forget_got(struct redis *r) {
    answer_free(r->got);
    r->got = NULL;
}

void redis_free(struct redis *r) {
    if (!r) {
        return;
    }
    redis_nodes_close(&r->nodes);
    forget_got(r);
    redis_pipe_free(&r->pipe);
    free(r);
}

static enum status redis_connect(void *ctx, bool *fresh, char *why, size_t len) {
    struct redis *r = ctx;
    struct redis_nodes *ns = &r->nodes;
    if (!ns->is_up) {
        redis_pipe_clear(&r->pipe);
        forget_got(r);
    }
    enum status st = redis_nodes_connect(ns, why, len);
    if (st) {
        return st;
    }
    *fresh = ns->is_fresh;
    ns->is_fresh = false;
    return ST_OK;
}

/* ---- appending ---------------------------------------------------------------------- */

static enum status redis_put(void *ctx, const struct store_write *w) {
    struct redis *r = ctx;
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    if (w->epoch > VERSION_MAX || w->seq > VERSION_MAX || w->ttl_ms < 0) {
        return ST_RANGE;
    }
    char epoch[RESP_NUMBER_MAX];
    char seq[RESP_NUMBER_MAX];
    char ttl[RESP_NUMBER_MAX];
    const struct span key = {w->key, w->key_len};
    const struct span args[] = {
        {"EVALSHA", 7},
        resp_text(r->nodes.write_sha),
        {"1", 1},
        key,
        {w->value, w->value_len},
        resp_number(w->epoch, epoch),
        resp_number(w->seq, seq),
        resp_number((uint64_t)w->ttl_ms, ttl),
        {w->want_previous ? "1" : "0", 1},
        {w->channel, w->channel_len},
        {w->message, w->message_len},
    };
    return redis_pipe_append(&r->pipe, &r->nodes, key, args,
                             sizeof args / sizeof *args - (w->channel ? 0 : 2));
}

static enum status redis_expire(void *ctx, const char *key, size_t key_len, int64_t ttl_ms) {
    struct redis *r = ctx;
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    if (ttl_ms < 1) {
        return ST_RANGE; /* Redis would delete the key */
    }
    char ttl[RESP_NUMBER_MAX];
    const struct span args[] = {{"PEXPIRE", 7}, {key, key_len}, resp_number((uint64_t)ttl_ms, ttl)};
    return redis_pipe_append(&r->pipe, &r->nodes, args[1], args, 3);
}

static struct span entry_id(char buf[ENTRY_ID_MAX], struct span ms, struct span seq) {
    memcpy(buf, ms.s, ms.len);
    buf[ms.len] = '-';
    memcpy(buf + ms.len + 1, seq.s, seq.len);
    return (struct span){buf, ms.len + 1 + seq.len};
}

static enum status redis_append(void *ctx, const struct store_entry *e) {
    struct redis *r = ctx;
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    if (e->ms > VERSION_MAX || e->seq > VERSION_MAX || e->n_fields > ENTRY_FIELDS_MAX) {
        return ST_RANGE;
    }
    char numbers[5][RESP_NUMBER_MAX];
    char id[ENTRY_ID_MAX];
    const struct span ms = resp_number(e->ms, numbers[2]);
    const struct span seq = resp_number(e->seq, numbers[3]);
    struct span args[10 + 2 * ENTRY_FIELDS_MAX] = {
        {"EVALSHA", 7},
        resp_text(r->nodes.append_sha),
        {"1", 1},
        {e->key, e->key_len},
        resp_number(e->after_ms, numbers[0]),
        resp_number(e->after_seq, numbers[1]),
        ms,
        seq,
        resp_number(e->maxlen, numbers[4]),
        entry_id(id, ms, seq),
    };
    size_t n = 10;
    for (size_t k = 0; k < e->n_fields; k++) {
        args[n++] = resp_text(e->fields[k].name);
        args[n++] = (struct span){e->fields[k].value, e->fields[k].len};
    }
    return redis_pipe_append(&r->pipe, &r->nodes, args[KEY_OF_EVALSHA], args, n);
}

/* ---- replies ------------------------------------------------------------------------ */

/* Once, until it is another Redis or another error. */
static void tell_rights(struct redis *r, const char *what, const char *error) {
    if (r->told_rights == slot_crc16(error, strlen(error))) {
        return;
    }
    char rights[RIGHTS_TEXT];
    redis_rights(&r->nodes.login, r->nodes.is_cluster, rights, sizeof rights);
    LOG_ERROR(what, LOG_STR("error", error), LOG_STR("type", rights));
    r->told_rights = slot_crc16(error, strlen(error));
}

/* Written in each version of Redis in another way: of a script's commands in 7.0 the second, in 8.0
 * the third. */
static bool is_about_rights(const char *error) {
    return strncmp(error, "NOPERM", 6) == 0 || strstr(error, "The user executing the script") ||
           strstr(error, "ACL failure in script");
}

static uint64_t number_at(const struct answer *a, size_t i) {
    return strtoull(answer_text(answer_at(a, i)).s, NULL, 10);
}

/* [epoch, seq], ["gap", ms, seq], ["untold", error, previous] */
static bool translate_list(struct redis *r, const struct answer *a, struct store_reply *out) {
    const char *first = answer_text(answer_at(a, 0)).s;
    const struct answer *last = answer_at(a, 2);
    if (answer_size(a) == 2 && first[0] >= '0' && first[0] <= '9') {
        out->result = STORE_FENCED;
        out->epoch = number_at(a, 0);
        out->seq = number_at(a, 1);
        return true;
    }
    if (strcmp(first, "gap") == 0) {
        out->result = STORE_GAP;
        out->epoch = number_at(a, 1);
        out->seq = number_at(a, 2);
        return true;
    }
    if (strcmp(first, "untold") != 0) {
        return false;
    }
    tell_rights(r,
                "Redis takes what is written, and refuses to tell the channel of it: +publish or "
                "&<prefix>:* is missing",
                answer_text(answer_at(a, 1)).s);
    if (answer_kind(last) == ANSWER_TEXT) {
        out->previous = answer_text(last).s;
        out->previous_len = answer_text(last).len;
    }
    return true;
}

static struct store_reply translate(struct redis *r, const struct answer *a) {
    struct store_reply out = {.result = STORE_WRITTEN};
    switch (answer_kind(a)) {
    case ANSWER_TEXT: /* want_previous */
        out.previous = answer_text(a).s;
        out.previous_len = answer_text(a).len;
        return out;
    case ANSWER_STATUS:
    case ANSWER_NIL: return out;
    case ANSWER_NUMBER: /* PEXPIRE, append */ out.number = answer_number(a); return out;
    case ANSWER_LIST:
        if (translate_list(r, a, &out)) {
            return out;
        }
        break;
    default: break;
    }
    out.result = STORE_ERROR;
    out.why = answer_kind(a) == ANSWER_ERROR ? answer_text(a).s : "unexpected reply";
    if (is_about_rights(out.why)) {
        tell_rights(r, "Redis refuses a write: a right is missing", out.why);
    }
    return out;
}

/* In a cluster the key that was written last at a node is its witness; PEXPIRE writes none. */
static void remember(struct redis *r, size_t i, const struct store_reply *reply) {
    if (r->nodes.is_cluster && reply->result == STORE_WRITTEN) {
        redis_nodes_remember(&r->nodes, redis_pipe_node(&r->pipe, i),
                             resp_argument(&r->pipe.out, i, KEY_OF_EVALSHA));
    }
}

static enum status
redis_flush(void *ctx, void (*each)(void *arg, size_t i, const struct store_reply *r), void *arg) {
    struct redis *r = ctx;
    forget_got(r);
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    const size_t n = r->pipe.out.n;
    const bool whole = redis_pipe_send(&r->pipe, &r->nodes);
    /* A broken connection: everything from the first reply that is missing is unknown. */
    for (size_t i = 0; i < n && redis_pipe_reply(&r->pipe, i); i++) {
        const struct store_reply reply = translate(r, redis_pipe_reply(&r->pipe, i));
        remember(r, i, &reply);
        each(arg, i, &reply);
    }
    for (size_t i = 0; i < n; i++) { /* after a failover the name leads elsewhere: look again */
        if (answer_is_error(redis_pipe_reply(&r->pipe, i), "READONLY")) {
            redis_nodes_lost(&r->nodes, redis_pipe_node(&r->pipe, i));
        }
    }
    redis_pipe_clear(&r->pipe);
    return whole ? ST_OK : ST_LOST;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Asked once a second: the occasion to look at the nodes that this key does not lie on. */
static enum status redis_get(void *ctx, const char *key, const char **value, size_t *len) {
    struct redis *r = ctx;
    forget_got(r);
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    if (r->nodes.is_cluster) {
        redis_nodes_watch(&r->nodes);
    }
    const struct span args[] = {{"GET", 3}, resp_text(key)};
    struct answer *a = redis_nodes_ask(&r->nodes, args[1], args, 2);
    if (!a) {
        return ST_LOST;
    }
    r->got = a;
    const enum answer_kind kind = answer_kind(a);
    if (kind != ANSWER_TEXT && kind != ANSWER_NIL) {
        LOG_WARN("Redis refused GET", LOG_STR("error", answer_text(a).s));
        return answer_is_error(a, "WRONGTYPE") ? ST_INVALID : ST_IO;
    }
    *value = kind == ANSWER_TEXT ? answer_text(a).s : NULL;
    *len = answer_text(a).len;
    return ST_OK;
}

/* "1764115200000-0" */
static bool read_entry_id(const char *text, uint64_t *ms, uint64_t *seq) {
    char *end = NULL;
    const unsigned long long a = strtoull(text, &end, 10);
    if (end == text || *end != '-') {
        return false;
    }
    *ms = a;
    *seq = strtoull(end + 1, NULL, 10);
    return true;
}

static bool find_last_id(const struct answer *a, uint64_t *ms, uint64_t *seq) {
    for (size_t i = 0; i + 1 < answer_size(a); i += 2) {
        if (strcmp(answer_text(answer_at(a, i)).s, "last-generated-id") == 0) {
            return read_entry_id(answer_text(answer_at(a, i + 1)).s, ms, seq);
        }
    }
    return false;
}

static enum status redis_last_id(void *ctx, const char *key, uint64_t *ms, uint64_t *seq) {
    struct redis *r = ctx;
    if (!r->nodes.is_up) {
        return ST_LOST;
    }
    const struct span args[] = {resp_text("XINFO"), resp_text("STREAM"), resp_text(key)};
    struct answer *a = redis_nodes_ask(&r->nodes, args[2], args, 3);
    if (!a) {
        return ST_LOST;
    }
    enum status st = ST_IO;
    if (find_last_id(a, ms, seq)) {
        st = ST_OK;
    } else if (answer_is_error(a, "ERR no such key")) {
        *ms = *seq = 0;
        st = ST_OK;
    } else {
        char rights[RIGHTS_TEXT];
        redis_rights(&r->nodes.login, r->nodes.is_cluster, rights, sizeof rights);
        st = answer_is_error(a, "WRONGTYPE") ? ST_INVALID : ST_IO;
        LOG_WARN("Redis refused XINFO STREAM", LOG_STR("error", answer_text(a).s),
                 LOG_STR("rights", rights));
    }
    answer_free(a);
    return st;
}

struct store redis_store(struct redis *r) {
    return (struct store){.connect = redis_connect,
                          .put = redis_put,
                          .expire = redis_expire,
                          .append = redis_append,
                          .flush = redis_flush,
                          .get = redis_get,
                          .last_id = redis_last_id,
                          .ctx = r};
}

const char *redis_client_version(void) {
    return redis_link_library();
}
