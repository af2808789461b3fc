/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c -- see http.h. libmicrohttpd's own threads parse and limit; every connection is
 * closed after its answer, so that idle clients cannot keep others out.
 */
#include "http.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hash.h"
#include "http_listen.h"
#include "metrics.h"

enum {
    CONNECTIONS_MAX = 32,
    TIMEOUT_S = 5,            /* without a byte received or sent        */
    CONNECTION_BYTES = 32768, /* request line and headers must fit      */
    WHY_MAX = 512,
};

struct http {
    struct MHD_Daemon *daemon;
    struct http_ops ops;
    uint16_t port;
    size_t token_len;                    /* 0: there is none */
    unsigned char token[HTTP_TOKEN_MAX]; /* zeros behind it  */
};

/* ---- answers ---------------------------------------------------------------------- */

struct answer {
    unsigned status;
    const char *type;
    char *body; /* malloc'ed, answered and then freed by libmicrohttpd */
    size_t len;
};

static const char PLAIN[] = "text/plain; charset=utf-8";
static const char NO_PAGE[] = "no such page; GET / lists them\n";

static void set_text(struct answer *a, unsigned status, const char *text) {
    a->status = status;
    a->type = PLAIN;
    a->len = strlen(text);
    a->body = malloc(a->len + 1);
    if (a->body) {
        memcpy(a->body, text, a->len + 1);
    }
}

static void say_health(struct answer *a, const struct http_ops *ops,
                       bool (*healthy)(void *ctx, char *why, size_t len)) {
    char why[WHY_MAX] = "no reason given";
    if (healthy(ops->ctx, why, sizeof why - 1)) {
        set_text(a, MHD_HTTP_OK, "ok\n");
        return;
    }
    why[sizeof why - 2] = '\0';
    const size_t len = strcspn(why, "\r\n");
    memcpy(why + len, "\n", sizeof "\n");
    set_text(a, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}

static void answer_livez(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    (void)c;
    say_health(a, &h->ops, h->ops.live);
}

static void answer_readyz(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    (void)c;
    say_health(a, &h->ops, h->ops.ready);
}

static void answer_metrics(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    (void)h;
    (void)c;
    a->status = MHD_HTTP_OK;
    a->type = "text/plain; version=0.0.4; charset=utf-8";
    size_t room = metrics_text(NULL, 0) + 1024; /* numbers grow meanwhile */
    a->body = malloc(room);
    if (a->body) {
        size_t need = metrics_text(a->body, room);
        a->len = need < room ? need : 0;
    }
    if (a->body && a->len == 0) {
        free(a->body);
        a->body = NULL;
    }
}

/* ---- who asks --------------------------------------------------------------------------- */

/* The address as of IPv6: one of IPv4 is mapped. */
static bool address_of(const struct sockaddr *from, struct in6_addr *out) {
    if (from->sa_family == AF_INET6) {
        *out = ((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
        return true;
    }
    *out = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(out->s6_addr + 12, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    return from->sa_family == AF_INET;
}

/* Over the loopback, or from the very address that was asked: no other machine has that. */
static bool asked_from_here(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct in6_addr peer;
    struct in6_addr own;
    if (!info || !info->client_addr || !address_of(info->client_addr, &peer)) {
        return false;
    }
    if (IN6_IS_ADDR_LOOPBACK(&peer) ||
        (IN6_IS_ADDR_V4MAPPED(&peer) && peer.s6_addr[12] == IN_LOOPBACKNET)) {
        return true; /* 127.0.0.1 may well ask 127.9.9.9 */
    }
    struct sockaddr_storage local = {0};
    socklen_t len = sizeof local;
    info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info && getsockname(info->connect_fd, (struct sockaddr *)&local, &len) == 0 &&
           address_of((const struct sockaddr *)&local, &own) &&
           memcmp(&own, &peer, sizeof own) == 0;
}

static const char *argument(struct MHD_Connection *c, const char *name, size_t *len) {
    const char *value = NULL;
    size_t n = 0;
    (void)MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &n);
    if (len) {
        *len = value ? n : 0;
    }
    return value;
}

/* Takes as long wherever the two differ: as the given one is long. */
static bool is_token(const struct http *h, const char *given, size_t len) {
    unsigned char differs = len != h->token_len;
    for (size_t k = 0; k < len && k < HTTP_TOKEN_MAX; k++) {
        differs |= (unsigned char)((unsigned char)given[k] ^ h->token[k]);
    }
    return differs == 0;
}

static bool has_token(const struct http *h, struct MHD_Connection *c) {
    static const char scheme[] = "bearer ";
    const char *given = NULL;
    size_t len = 0;
    (void)MHD_lookup_connection_value_n(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION,
                                        sizeof MHD_HTTP_HEADER_AUTHORIZATION - 1, &given, &len);
    if (!given || len < sizeof scheme || strncasecmp(given, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    given += sizeof scheme - 1;
    return is_token(h, given, len - (sizeof scheme - 1));
}

/* ---- questions --------------------------------------------------------------------------- */

/* Is it asked of somebody who knows, by somebody who may? Else that is the answer. */
static bool may_ask(const struct http *h, bool known, struct MHD_Connection *c, struct answer *a) {
    if (!known) {
        set_text(a, MHD_HTTP_NOT_FOUND, NO_PAGE);
        return false;
    }
    if (h->token_len == 0 && !asked_from_here(c)) { /* a token was looked at before */
        set_text(a, MHD_HTTP_FORBIDDEN,
                 "only from this machine, as there is no token (http.token.file): it tells what "
                 "people took\n");
        return false;
    }
    return true;
}

/* The learner's answer; its text is in a->body. */
static void set_answer(struct answer *a, enum status st) {
    a->status = st == ST_OK          ? MHD_HTTP_OK
                : st == ST_INVALID   ? MHD_HTTP_BAD_REQUEST
                : st == ST_NOT_FOUND ? MHD_HTTP_NOT_FOUND
                                     : MHD_HTTP_SERVICE_UNAVAILABLE;
    a->type = st == ST_OK ? "application/json" : PLAIN;
    a->len = a->body ? strlen(a->body) : 0;
}

typedef enum status (*question)(void *ctx, const struct query *q, char **text);

static void answer_question(const struct http *h, question ask, struct MHD_Connection *c,
                            struct answer *a) {
    if (may_ask(h, ask != NULL, c, a)) {
        struct query q = {.domain = argument(c, "domain", NULL),
                          .target = argument(c, "target", NULL),
                          .n = argument(c, "n", NULL)};
        q.user = argument(c, "user", &q.user_len);
        q.item = argument(c, "item", &q.item_len);
        set_answer(a, ask(h->ops.ctx, &q, &a->body));
    }
}

static void answer_get(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    answer_question(h, h->ops.get, c, a);
}

static void answer_explain(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    answer_question(h, h->ops.explain, c, a);
}

static void answer_similar(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    answer_question(h, h->ops.similar, c, a);
}

static void answer_top(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    answer_question(h, h->ops.top, c, a);
}

static void answer_segments(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    if (may_ask(h, h->ops.segments != NULL, c, a)) {
        set_answer(a, h->ops.segments(h->ops.ctx, &a->body));
    }
}

static void answer_model(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    if (may_ask(h, h->ops.model != NULL, c, a)) {
        set_answer(a, h->ops.model(h->ops.ctx, argument(c, "items", NULL), &a->body));
    }
}

/* ---- routes ------------------------------------------------------------------------ */

static void answer_root(const struct http *h, struct MHD_Connection *c, struct answer *a);

static const struct route {
    const char *path;
    const char *text;
    void (*answer)(const struct http *h, struct MHD_Connection *c, struct answer *a);
    bool open; /* to whoever has no token */
} ROUTES[] = {
    {"/", "this list", answer_root, false},
    {"/livez", "200 while the process works, else 503 and why", answer_livez, true},
    {"/readyz", "200 when it publishes, else 503 and why", answer_readyz, true},
    {"/metrics", "Prometheus text format", answer_metrics, true},
    {"/get", "what is known of a user, and his lists: ?user=ID", answer_get, false},
    {"/explain", "why a user sees what he sees: ?user=ID&target=DOMAIN&n=10", answer_explain,
     false},
    {"/similar", "what goes with an item: ?item=ID&target=DOMAIN&n=10", answer_similar, false},
    {"/segments", "what the segments of users are, and how engaged", answer_segments, false},
    {"/top", "what is taken most, what is new: ?domain=DOMAIN&n=10", answer_top, false},
    {"/model", "how far it has the shared model, and its digests: ?items=50", answer_model, false},
};

enum { N_ROUTES = sizeof ROUTES / sizeof ROUTES[0] };

static const struct route *find_route(const char *url) {
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (strcmp(url, ROUTES[i].path) == 0) {
            return &ROUTES[i];
        }
    }
    return NULL;
}

static void answer_root(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    (void)h;
    (void)c;
    char text[1024];
    size_t n = 0;
    for (size_t i = 0; i < N_ROUTES; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "GET %-10s %s\n", ROUTES[i].path,
                              ROUTES[i].text);
    }
    set_text(a, MHD_HTTP_OK, text);
}

/* ---- libmicrohttpd ---------------------------------------------------------------- */

/* `extra`: a header with this value; NULL: none. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a,
                                   const char *extra, const char *value) {
    if (!a->body) {
        return MHD_NO; /* out of memory: the connection is closed */
    }
    struct MHD_Response *r =
        MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(a->body);
        return MHD_NO;
    }
    enum MHD_Result ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    ok = ok ? MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") : ok;
    ok = ok ? MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close") : ok;
    if (ok && extra) {
        ok = MHD_add_response_header(r, extra, value);
    }
    ok = ok ? MHD_queue_response(connection, a->status, r) : ok;
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **seen) {
    const struct http *h = cls;
    struct answer a = {0};
    static const char mark = 0;
    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        if (*seen) {
            *upload_size = 0; /* a body that nobody wants */
            return MHD_YES;
        }
        set_text(&a, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        return send_answer(connection, &a, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (!*seen || *upload_size > 0) { /* first the headers alone, then any body */
        *seen = (void *)(uintptr_t)&mark;
        *upload_size = 0;
        return MHD_YES;
    }
    const struct route *r = find_route(url);
    if (h->token_len > 0 && !(r && r->open) && !has_token(h, connection)) {
        set_text(&a, MHD_HTTP_UNAUTHORIZED,
                 "needs `Authorization: Bearer TOKEN`: what stands in http.token.file\n");
        return send_answer(connection, &a, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
    if (r) {
        r->answer(h, connection, &a);
    } else {
        set_text(&a, MHD_HTTP_NOT_FOUND, NO_PAGE);
    }
    return send_answer(connection, &a, NULL, NULL);
}

/* ---- starting --------------------------------------------------------------------- */

static void keep_token(struct http *h, const char *token) {
    h->ops.token = NULL;
    h->token_len = token ? strlen(token) : 0;
    memcpy(h->token, token ? token : "", h->token_len);
}

enum status http_start(const char *address, const struct http_ops *ops, struct http **out,
                       char *err, size_t err_len) {
    int fd = -1;
    if (!ops->live || !ops->ready) {
        snprintf(err, err_len, "http: live and ready are needed");
        return ST_INVALID;
    }
    if (ops->token && strlen(ops->token) > HTTP_TOKEN_MAX) {
        snprintf(err, err_len, "http: the token is longer than %d bytes", (int)HTTP_TOKEN_MAX);
        return ST_INVALID;
    }
    enum status st = http_listen(address, &fd, err, err_len);
    if (st) {
        return st;
    }
    struct http *h = malloc(sizeof *h);
    if (!h) {
        close(fd);
        snprintf(err, err_len, "http: out of memory");
        return ST_NOMEM;
    }
    *h = (struct http){.ops = *ops, .port = http_listen_port(fd)};
    keep_token(h, ops->token);
    h->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL,
        NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (!h->daemon) {
        /* versions differ in whether the socket is closed by now: it is left alone */
        free(h);
        snprintf(err, err_len, "http.address=%.200s: the server does not start", address);
        return ST_IO;
    }
    *out = h;
    return ST_OK;
}

uint16_t http_port(const struct http *h) {
    return h->port;
}

void http_stop(struct http *h) {
    if (!h) {
        return;
    }
    MHD_stop_daemon(h->daemon);
    hash_wipe(h->token, sizeof h->token);
    free(h);
}
