/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.c -- see redis.h.
 *
 * A pipeline is formatted by resp.c: no allocation a command, one hand-over to hiredis, and
 * after NOSCRIPT exactly the commands concerned can be sent again. All replies of a
 * pipeline are read before the first is handed out, so that the caller sees them in order
 * even then.
 */
#include "redis.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "log.h"
#include "redis_link.h"
#include "resp.h"

enum {
    HOST_MAX = 256,
    SECRET_MAX = 512,
    NOTE_MAX = 256, /* one line of text for a person                                       */
    RELOADS = 2,    /* times the script is loaded again in one flush                       */
    FIRST_REPLIES = 256,
    ARGS_MAX = 12, /* of command() */
    ENTRY_FIELDS_MAX = 32,
    ENTRY_ID_MAX = 2 * RESP_NUMBER_MAX + 1,
};

static const char *const ADDRESS_HELP = "type host:port, [v6 address]:port or unix:/path";
static const char *const RIGHTS =
    "+evalsha +script|load +getrange +get +set +pexpire +info +xadd +xlen +xinfo|stream "
    "~<prefix>:*";

/* Integers up to 2^53 are exact in Lua, and two of them fit into the 48 bytes. Replies:
 * [epoch, seq]: fenced; a string or nil: written, what stood there; OK: written. pcall and
 * not call: the error then is the server's own text in every version. */
static const uint64_t VERSION_MAX = UINT64_C(1) << 53;
static const char SCRIPT[] = "local head = redis.pcall('GETRANGE', KEYS[1], 0, 47)\n"
                             "if type(head) == 'table' then return head end\n"
                             "local e, s = string.match(head, '^{\"version\":%[(%d+),(%d+)%],')\n"
                             "if e then\n"
                             "  local de = tonumber(e) - tonumber(ARGV[2])\n"
                             "  local ds = tonumber(s) - tonumber(ARGV[3])\n"
                             "  if de > 0 or (de == 0 and ds > 0) then return {e, s} end\n"
                             "end\n"
                             "local previous\n"
                             "if ARGV[5] == '1' then previous = redis.pcall('GET', KEYS[1]) end\n"
                             "local done\n"
                             "if ARGV[4] == '0' then done = redis.pcall('SET', KEYS[1], ARGV[1])\n"
                             "else done = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[4]) end\n"
                             "if done['err'] or ARGV[5] ~= '1' then return done end\n"
                             "return previous\n";

/* ARGV: after, id (each as ms, seq), maxlen, id, fields. Replies: entries dropped; -1: there
 * already; [gap, ms, seq]: `after` is not there. */
static const char APPEND[] =
    "local top = '0-0'\n"
    "local info = redis.pcall('XINFO', 'STREAM', KEYS[1])\n"
    "if info['err'] then\n"
    "  if not string.find(info['err'], 'no such key', 1, true) then return info end\n"
    "else\n"
    "  for i = 1, #info, 2 do\n"
    "    if info[i] == 'last-generated-id' then top = info[i + 1] end\n"
    "  end\n"
    "end\n"
    "local tms, tseq = string.match(top, '^(%d+)%-(%d+)$')\n"
    "local function below(ms, seq)\n"
    "  local d = tonumber(tms) - tonumber(ms)\n"
    "  return d < 0 or (d == 0 and tonumber(tseq) < tonumber(seq))\n"
    "end\n"
    "if below(ARGV[1], ARGV[2]) then return {'gap', tms, tseq} end\n"
    "if not below(ARGV[3], ARGV[4]) then return -1 end\n"
    "local n = redis.call('XLEN', KEYS[1])\n"
    "local done = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], ARGV[6], unpack(ARGV, 7))\n"
    "if type(done) == 'table' and done['err'] then return done end\n"
    "return n + 1 - redis.call('XLEN', KEYS[1])\n";

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

struct redis {
    char host[HOST_MAX];      /* or the path of a Unix socket */
    int port;                 /* 0: Unix socket               */
    char name[HOST_MAX + 16]; /* as the operator wrote it */
    char user[SECRET_MAX];
    char password[SECRET_MAX];
    int64_t timeout_ms;

    redisContext *c; /* NULL: not connected */
    char sha[REDIS_ID_MAX], append_sha[REDIS_ID_MAX];
    char run_id[REDIS_ID_MAX],
        replication_id[REDIS_ID_MAX]; /* of the last connection; "": unknown */
    bool warned_info;

    struct resp out;      /* the pipeline                              */
    redisReply **replies; /* (out.n,) while a flush runs               */
    size_t n_replies;     /* capacity of `replies`, >= out.n           */
    redisReply *got;      /* the reply that the last get() lent out    */
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

static bool parse_address(struct redis *r, const char *address) {
    if (strncmp(address, "unix:", 5) == 0) {
        return address[5] == '/' && copy(r->host, sizeof r->host, address + 5, strlen(address + 5));
    }
    const char *colon = strrchr(address, ':');
    if (!colon || !parse_port(colon + 1, &r->port)) {
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
    return len > 0 && copy(r->host, sizeof r->host, host, len);
}

enum status redis_new(const struct redis_params *params, struct redis **out, char *err,
                      size_t err_len) {
    struct redis *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    const char *user = params->user ? params->user : "";
    const char *password = params->password ? params->password : "";
    if (!params->address || !parse_address(r, params->address)) {
        snprintf(err, err_len, "redis.address is \"%s\": %s",
                 params->address ? params->address : "", ADDRESS_HELP);
        goto fail;
    }
    if (!copy(r->user, sizeof r->user, user, strlen(user)) ||
        !copy(r->password, sizeof r->password, password, strlen(password))) {
        snprintf(err, err_len, "redis.user or redis.password is longer than %d bytes",
                 SECRET_MAX - 1);
        goto fail;
    }
    if (params->timeout_ms < 1 || params->timeout_ms > INT32_MAX) {
        snprintf(err, err_len, "redis.timeout must be 1 ms to %d ms", INT32_MAX);
        goto fail;
    }
    r->timeout_ms = params->timeout_ms;
    (void)snprintf(r->name, sizeof r->name, "%s", params->address);
    *out = r;
    return ST_OK;
fail:
    redis_free(r);
    return ST_INVALID;
}

void redis_close(struct redis *r) {
    resp_clear(&r->out);
    redisFree(r->c); /* NULL is allowed */
    r->c = NULL;
}

static void forget_got(struct redis *r) {
    freeReplyObject(r->got); /* NULL is allowed */
    r->got = NULL;
}

void redis_free(struct redis *r) {
    if (!r) {
        return;
    }
    redis_close(r);
    forget_got(r);
    resp_free(&r->out);
    free(r->replies);
    free(r);
}

/* ---- commands ----------------------------------------------------------------------- */

static bool is_error(const redisReply *reply, const char *code) {
    return reply && reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, code, strlen(code)) == 0;
}

/* Sends one command and waits. NULL: the connection broke and is closed. Free the reply. */
static redisReply *command(struct redis *r, size_t n, const struct span *args) {
    const char *argv[ARGS_MAX];
    size_t lens[ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        argv[i] = args[i].s;
        lens[i] = args[i].len;
    }
    redisReply *reply = redisCommandArgv(r->c, (int)n, argv, lens);
    if (!reply) {
        redis_close(r);
    }
    return reply;
}

/* ---- connecting --------------------------------------------------------------------- */

/* What a refusal means: it will never work and what to type, or try again. */
static enum status explain(const char *what, const redisReply *reply, char *why, size_t len) {
    static const struct {
        const char *code, *hint;
    } HOPELESS[] = {
        {"WRONGPASS", "check redis.user and redis.password"},
        {"NOAUTH", "set redis.password, and redis.user if it is not the default user"},
        {"ERR AUTH", "the server wants no password: remove redis.password"},
        {"ERR invalid password", "check redis.password"},
        {"NOPERM", "type in redis-cli: ACL SETUSER <redis.user> "},
    };
    for (size_t i = 0; i < sizeof HOPELESS / sizeof *HOPELESS; i++) {
        if (is_error(reply, HOPELESS[i].code)) {
            bool rights = is_error(reply, "NOPERM");
            snprintf(why, len, "%s: %s; %s%s", what, reply->str, HOPELESS[i].hint,
                     rights ? RIGHTS : "");
            return ST_INVALID;
        }
    }
    bool error = reply && reply->type == REDIS_REPLY_ERROR;
    snprintf(why, len, "%s: %s", what,
             error ? reply->str : (reply ? "unexpected reply" : "the connection broke"));
    return ST_AGAIN;
}

static struct timeval timeout_of(const struct redis *r) {
    return (struct timeval){.tv_sec = r->timeout_ms / 1000,
                            .tv_usec = (r->timeout_ms % 1000) * 1000};
}

static enum status open_connection(struct redis *r, char *why, size_t len) {
    redisContext *c = r->port ? redisConnectWithTimeout(r->host, r->port, timeout_of(r))
                              : redisConnectUnixWithTimeout(r->host, timeout_of(r));
    if (!c || c->err || redisSetTimeout(c, timeout_of(r)) != REDIS_OK) {
        snprintf(why, len, "cannot connect to %s: %s", r->name, c ? c->errstr : "out of memory");
        redisFree(c);
        return ST_AGAIN;
    }
    (void)fcntl(c->fd, F_SETFD, FD_CLOEXEC);
    if (r->port) {
        (void)redisEnableKeepAlive(c); /* only finds dead peers sooner */
    }
    r->c = c;
    return ST_OK;
}

static enum status authenticate(struct redis *r, char *why, size_t len) {
    if (!r->user[0] && !r->password[0]) {
        return ST_OK;
    }
    const struct span both[] = {resp_text("AUTH"), resp_text(r->user), resp_text(r->password)};
    const struct span old[] = {resp_text("AUTH"), resp_text(r->password)};
    redisReply *reply = r->user[0] ? command(r, 3, both) : command(r, 2, old);
    enum status st = ST_OK;
    if (!reply || reply->type != REDIS_REPLY_STATUS) {
        st = explain("AUTH", reply, why, len);
    }
    freeReplyObject(reply);
    return st;
}

static enum status load_one(struct redis *r, const char *script, char sha[REDIS_ID_MAX], char *why,
                            size_t len) {
    const struct span args[] = {resp_text("SCRIPT"), resp_text("LOAD"), resp_text(script)};
    redisReply *reply = command(r, 3, args);
    enum status st = ST_OK;
    if (!reply || reply->type != REDIS_REPLY_STRING ||
        !copy(sha, REDIS_ID_MAX, reply->str, reply->len)) {
        st = explain("SCRIPT LOAD", reply, why, len);
    }
    freeReplyObject(reply);
    return st;
}

static enum status load_script(struct redis *r, char *why, size_t len) {
    enum status st = load_one(r, SCRIPT, r->sha, why, len);
    return st ? st : load_one(r, APPEND, r->append_sha, why, len);
}

/* What INFO says: run_id:..., a line each. "" if it does not say. */
static void info_field(const char *info, const char *name, char *value, size_t size) {
    value[0] = '\0';
    size_t n = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            const char *v = line + n + 1;
            (void)copy(value, size, v, strcspn(v, "\r\n"));
            return;
        }
    }
}

/* Asks who the server is; all "" where it refuses to say (ACL): then every connection
 * counts as a new server. */
static enum status identify(struct redis *r, struct redis_identity *id, char *why, size_t len) {
    *id = (struct redis_identity){0};
    const struct span args[] = {resp_text("INFO")};
    redisReply *reply = command(r, 1, args);
    enum status st = ST_OK;
    if (reply && reply->type == REDIS_REPLY_STRING) {
        info_field(reply->str, "run_id", id->run_id, sizeof id->run_id);
        info_field(reply->str, "master_replid", id->replication_id, sizeof id->replication_id);
        info_field(reply->str, "maxmemory_policy", id->policy, sizeof id->policy);
        info_field(reply->str, "redis_version", id->version, sizeof id->version);
    } else if (is_error(reply, "NOPERM")) {
        if (!r->warned_info) {
            LOG_WARN("Redis refuses INFO: every reconnection publishes everything again; "
                     "give the user +info",
                     LOG_STR("error", reply->str));
        }
        r->warned_info = true;
    } else {
        st = explain("INFO", reply, why, len);
    }
    freeReplyObject(reply);
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

enum status redis_open(struct redis *r, struct redis_identity *id, char *why, size_t len) {
    redis_close(r);
    forget_got(r);
    enum status st = open_connection(r, why, len);
    st = st ? st : authenticate(r, why, len);
    st = st ? st : load_script(r, why, len);
    st = st ? st : identify(r, id, why, len);
    if (st) {
        redis_close(r);
    }
    return st;
}

enum status redis_try(struct redis *r, const struct span *args, size_t n, char *why, size_t len) {
    if (!r->c) {
        snprintf(why, len, "%s: not connected", args[0].s);
        return ST_LOST;
    }
    redisReply *reply = command(r, n, args);
    enum status st = ST_OK;
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        st = explain(args[0].s, reply, why, len);
    }
    freeReplyObject(reply);
    return st;
}

const char *redis_script_sha(const struct redis *r) {
    return r->sha;
}

static enum status redis_connect(void *ctx, bool *fresh, char *why, size_t len) {
    struct redis *r = ctx;
    if (r->c) {
        *fresh = false;
        return ST_OK;
    }
    struct redis_identity id;
    enum status st = redis_open(r, &id, why, len);
    if (st) {
        return st;
    }
    st = redis_policy(&id, why, len);
    if (st) {
        redis_close(r);
        return st;
    }
    bool same = r->run_id[0] && strcmp(r->run_id, id.run_id) == 0 &&
                strcmp(r->replication_id, id.replication_id) == 0;
    memcpy(r->run_id, id.run_id, sizeof r->run_id);
    memcpy(r->replication_id, id.replication_id, sizeof r->replication_id);
    *fresh = !same;
    return ST_OK;
}

/* ---- writing ------------------------------------------------------------------------ */

/* Room for the reply first, so that what was appended can always be answered. */
static enum status append(struct redis *r, const struct span *args, size_t n) {
    if (r->out.n == r->n_replies) {
        size_t size = r->n_replies ? 2 * r->n_replies : FIRST_REPLIES;
        /* An array of pointers it is. NOLINTNEXTLINE(bugprone-sizeof-expression) */
        redisReply **replies = realloc(r->replies, size * sizeof *replies);
        if (!replies) {
            return ST_NOMEM;
        }
        r->replies = replies;
        r->n_replies = size;
    }
    return resp_append(&r->out, args, n);
}

static enum status redis_put(void *ctx, const struct store_write *w) {
    struct redis *r = ctx;
    if (!r->c) {
        return ST_LOST;
    }
    if (w->epoch > VERSION_MAX || w->seq > VERSION_MAX || w->ttl_ms < 0) {
        return ST_RANGE;
    }
    char epoch[RESP_NUMBER_MAX];
    char seq[RESP_NUMBER_MAX];
    char ttl[RESP_NUMBER_MAX];
    const struct span args[] = {
        {"EVALSHA", 7},
        resp_text(r->sha),
        {"1", 1},
        {w->key, w->key_len},
        {w->value, w->value_len},
        resp_number(w->epoch, epoch),
        resp_number(w->seq, seq),
        resp_number((uint64_t)w->ttl_ms, ttl),
        {w->want_previous ? "1" : "0", 1},
    };
    return append(r, args, sizeof args / sizeof *args);
}

static enum status redis_expire(void *ctx, const char *key, size_t key_len, int64_t ttl_ms) {
    struct redis *r = ctx;
    if (!r->c) {
        return ST_LOST;
    }
    if (ttl_ms < 1) {
        return ST_RANGE; /* Redis would delete the key */
    }
    char ttl[RESP_NUMBER_MAX];
    const struct span args[] = {{"PEXPIRE", 7}, {key, key_len}, resp_number((uint64_t)ttl_ms, ttl)};
    return append(r, args, 3);
}

static struct span entry_id(char buf[ENTRY_ID_MAX], struct span ms, struct span seq) {
    memcpy(buf, ms.s, ms.len);
    buf[ms.len] = '-';
    memcpy(buf + ms.len + 1, seq.s, seq.len);
    return (struct span){buf, ms.len + 1 + seq.len};
}

static enum status redis_append(void *ctx, const struct store_entry *e) {
    struct redis *r = ctx;
    if (!r->c) {
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
        resp_text(r->append_sha),
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
    return append(r, args, n);
}

/* Reads the next reply of command i. */
static bool read_reply(struct redis *r, size_t i) {
    void *reply = NULL;
    if (redisGetReply(r->c, &reply) != REDIS_OK) {
        return false;
    }
    freeReplyObject(r->replies[i]);
    r->replies[i] = reply;
    return true;
}

static bool send_all(struct redis *r) {
    if (redisAppendFormattedCommand(r->c, r->out.buf, r->out.len) != REDIS_OK) {
        return false;
    }
    for (size_t i = 0; i < r->out.n; i++) {
        if (!read_reply(r, i)) {
            return false;
        }
    }
    return true;
}

/* The script was thrown away (SCRIPT FLUSH, a failover): loads it and sends the commands
 * that missed it again, and no other. Their replies take the places of the old ones. */
static bool send_again(struct redis *r) {
    char why[NOTE_MAX];
    if (load_script(r, why, sizeof why) != ST_OK) {
        return false;
    }
    for (size_t i = 0; i < r->out.n; i++) {
        struct span again = resp_command(&r->out, i);
        if (is_error(r->replies[i], "NOSCRIPT") &&
            redisAppendFormattedCommand(r->c, again.s, again.len) != REDIS_OK) {
            return false;
        }
    }
    for (size_t i = 0; i < r->out.n; i++) {
        if (is_error(r->replies[i], "NOSCRIPT") && !read_reply(r, i)) {
            return false;
        }
    }
    return true;
}

static bool any(const struct redis *r, size_t n, const char *code) {
    for (size_t i = 0; i < n; i++) {
        if (is_error(r->replies[i], code)) {
            return true;
        }
    }
    return false;
}

static struct store_reply translate(const redisReply *reply) {
    struct store_reply out = {.result = STORE_WRITTEN};
    switch (reply->type) {
    case REDIS_REPLY_STRING: /* want_previous */
        out.previous = reply->str;
        out.previous_len = reply->len;
        return out;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_NIL: return out;
    case REDIS_REPLY_INTEGER: /* PEXPIRE, append */ out.number = reply->integer; return out;
    case REDIS_REPLY_ARRAY:
        if (reply->elements == 3 && reply->element[1]->str && reply->element[2]->str) {
            out.result = STORE_GAP;
            out.epoch = strtoull(reply->element[1]->str, NULL, 10);
            out.seq = strtoull(reply->element[2]->str, NULL, 10);
            return out;
        }
        if (reply->elements == 2 && reply->element[0]->str && reply->element[1]->str) {
            out.result = STORE_FENCED;
            out.epoch = strtoull(reply->element[0]->str, NULL, 10);
            out.seq = strtoull(reply->element[1]->str, NULL, 10);
            return out;
        }
        break;
    default: break;
    }
    out.result = STORE_ERROR;
    out.why = reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected reply";
    return out;
}

static enum status
redis_flush(void *ctx, void (*each)(void *arg, size_t i, const struct store_reply *r), void *arg) {
    struct redis *r = ctx;
    forget_got(r);
    if (!r->c) {
        return ST_LOST;
    }
    const size_t n = r->out.n;
    for (size_t i = 0; i < n; i++) {
        r->replies[i] = NULL;
    }
    bool whole = n == 0 || send_all(r);
    for (int k = 0; whole && k < RELOADS && any(r, n, "NOSCRIPT"); k++) {
        whole = send_again(r);
    }
    /* A broken connection: everything from the first reply that is missing, or that would
     * have been replaced, is unknown. */
    for (size_t i = 0; i < n && r->replies[i]; i++) {
        if (!whole && is_error(r->replies[i], "NOSCRIPT")) {
            break;
        }
        struct store_reply reply = translate(r->replies[i]);
        each(arg, i, &reply);
    }
    /* After a failover the name leads elsewhere: look again. */
    bool moved = any(r, n, "READONLY");
    for (size_t i = 0; i < n; i++) {
        freeReplyObject(r->replies[i]);
    }
    resp_clear(&r->out);
    if (!whole || moved) {
        redis_close(r);
    }
    return whole ? ST_OK : ST_LOST;
}

static enum status redis_get(void *ctx, const char *key, const char **value, size_t *len) {
    struct redis *r = ctx;
    forget_got(r);
    if (!r->c) {
        return ST_LOST;
    }
    const struct span args[] = {{"GET", 3}, resp_text(key)};
    redisReply *reply = command(r, 2, args);
    if (!reply) {
        return ST_LOST;
    }
    r->got = reply;
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_NIL) {
        LOG_WARN("Redis refused GET",
                 LOG_STR("error", reply->type == REDIS_REPLY_ERROR ? reply->str : ""));
        return is_error(reply, "WRONGTYPE") ? ST_INVALID : ST_IO;
    }
    *value = reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    *len = reply->type == REDIS_REPLY_STRING ? reply->len : 0;
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

static bool find_last_id(const redisReply *reply, uint64_t *ms, uint64_t *seq) {
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        if (name->str && value->str && strcmp(name->str, "last-generated-id") == 0) {
            return read_entry_id(value->str, ms, seq);
        }
    }
    return false;
}

static enum status redis_last_id(void *ctx, const char *key, uint64_t *ms, uint64_t *seq) {
    struct redis *r = ctx;
    if (!r->c) {
        return ST_LOST;
    }
    const struct span args[] = {resp_text("XINFO"), resp_text("STREAM"), resp_text(key)};
    redisReply *reply = command(r, 3, args);
    if (!reply) {
        return ST_LOST;
    }
    enum status st = ST_IO;
    if (reply->type == REDIS_REPLY_ARRAY && find_last_id(reply, ms, seq)) {
        st = ST_OK;
    } else if (is_error(reply, "ERR no such key")) {
        *ms = *seq = 0;
        st = ST_OK;
    } else {
        st = is_error(reply, "WRONGTYPE") ? ST_INVALID : ST_IO;
        LOG_WARN("Redis refused XINFO STREAM",
                 LOG_STR("error", reply->type == REDIS_REPLY_ERROR ? reply->str : ""),
                 LOG_STR("rights", RIGHTS));
    }
    freeReplyObject(reply);
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
    return TEXT_OF(HIREDIS_MAJOR) "." TEXT_OF(HIREDIS_MINOR) "." TEXT_OF(HIREDIS_PATCH);
}
