/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c -- see http.h. libmicrohttpd's own threads parse and limit; every connection is
 * closed after its answer, so that idle clients cannot keep others out.
 */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics.h"

enum {
    CONNECTIONS_MAX = 32,
    TIMEOUT_S = 5,            /* without a byte received or sent        */
    CONNECTION_BYTES = 32768, /* request line and headers must fit      */
    BACKLOG = 32,
    HOST_MAX = 256,
    WHY_MAX = 512,
};

struct http {
    struct MHD_Daemon *daemon;
    struct http_ops ops;
    uint16_t port;
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

/* ---- /explain, /segments, /model ----------------------------------------------------------- */

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

/* Is it asked of somebody who knows, by somebody who may? Else that is the answer. */
static bool may_ask(bool known, struct MHD_Connection *c, struct answer *a) {
    if (!known) {
        set_text(a, MHD_HTTP_NOT_FOUND, NO_PAGE);
        return false;
    }
    if (!asked_from_here(c)) {
        set_text(a, MHD_HTTP_FORBIDDEN, "only from this machine: it tells what people took\n");
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

static void answer_explain(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    if (may_ask(h->ops.explain != NULL, c, a)) {
        struct http_explain q = {.target = argument(c, "target", NULL),
                                 .n = argument(c, "n", NULL)};
        q.user = argument(c, "user", &q.user_len);
        set_answer(a, h->ops.explain(h->ops.ctx, &q, &a->body));
    }
}

static void answer_segments(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    if (may_ask(h->ops.segments != NULL, c, a)) {
        set_answer(a, h->ops.segments(h->ops.ctx, &a->body));
    }
}

static void answer_model(const struct http *h, struct MHD_Connection *c, struct answer *a) {
    if (may_ask(h->ops.model != NULL, c, a)) {
        set_answer(a, h->ops.model(h->ops.ctx, argument(c, "items", NULL), &a->body));
    }
}

/* ---- routes ------------------------------------------------------------------------ */

static void answer_root(const struct http *h, struct MHD_Connection *c, struct answer *a);

static const struct route {
    const char *path;
    const char *text;
    void (*answer)(const struct http *h, struct MHD_Connection *c, struct answer *a);
} ROUTES[] = {
    {"/", "this list", answer_root},
    {"/livez", "200 while the process works, else 503 and why", answer_livez},
    {"/readyz", "200 when it publishes, else 503 and why", answer_readyz},
    {"/metrics", "Prometheus text format", answer_metrics},
    {"/explain", "why a user sees what he sees: ?user=ID&target=DOMAIN&n=10", answer_explain},
    {"/segments", "what the segments of users are, and how engaged", answer_segments},
    {"/model", "how far it has the shared model, and its digests: ?items=50", answer_model},
};

enum { N_ROUTES = sizeof ROUTES / sizeof ROUTES[0] };

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

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *a,
                                   const char *allow) {
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
    if (ok && allow) {
        ok = MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
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
        return send_answer(connection, &a, "GET, HEAD");
    }
    if (!*seen || *upload_size > 0) { /* first the headers alone, then any body */
        *seen = (void *)(uintptr_t)&mark;
        *upload_size = 0;
        return MHD_YES;
    }
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (strcmp(url, ROUTES[i].path) == 0) {
            ROUTES[i].answer(h, connection, &a);
            return send_answer(connection, &a, NULL);
        }
    }
    set_text(&a, MHD_HTTP_NOT_FOUND, NO_PAGE);
    return send_answer(connection, &a, NULL);
}

/* ---- listening -------------------------------------------------------------------- */

/* Splits host:port or [v6]:port. false: it is neither. */
static bool split_address(const char *address, char host[HOST_MAX], const char **port) {
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || colon - address >= HOST_MAX) {
        return false;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits < 1 || digits > 5 || colon[1 + digits] || strtol(colon + 1, NULL, 10) > 65535) {
        return false;
    }
    size_t n = (size_t)(colon - address);
    bool v6 = address[0] == '[' && address[n - 1] == ']' && n > 2;
    const char *start = address + (v6 ? 1 : 0);
    n -= v6 ? 2 : 0;
    if (!v6 && strcspn(address, ":[]") != n) {
        return false;
    }
    memcpy(host, start, n);
    host[n] = '\0';
    *port = colon + 1;
    return true;
}

/* A listening socket, or -1 with errno. */
static int listen_at(const struct addrinfo *a) {
    int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    const int on = 1; /* a restart must not wait for old connections to fade */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static enum status open_socket(const char *address, int *out, char *err, size_t err_len) {
    char host[HOST_MAX];
    const char *port;
    if (!split_address(address, host, &port)) {
        snprintf(err, err_len, "http.address=%.200s: must be host:port or [v6]:port", address);
        return ST_INVALID;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc) {
        snprintf(err, err_len, "http.address=%.200s: %s", address, gai_strerror(rc));
        return ST_IO;
    }
    int fd = -1;
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = listen_at(a);
    }
    int reason = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        const char *fix =
            reason == EADDRINUSE ? "; set http.address to another port, or to off" : "";
        snprintf(err, err_len, "http.address=%.200s: %s%s", address, strerror(reason), fix);
        return ST_IO;
    }
    *out = fd;
    return ST_OK;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char port[8] = "";
    if (getsockname(fd, (struct sockaddr *)&a, &len) ||
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV)) {
        return 0;
    }
    return (uint16_t)strtoul(port, NULL, 10);
}

enum status http_start(const char *address, const struct http_ops *ops, struct http **out,
                       char *err, size_t err_len) {
    int fd = -1;
    if (!ops->live || !ops->ready) {
        snprintf(err, err_len, "http: live and ready are needed");
        return ST_INVALID;
    }
    enum status st = open_socket(address, &fd, err, err_len);
    if (st) {
        return st;
    }
    struct http *h = malloc(sizeof *h);
    if (!h) {
        close(fd);
        snprintf(err, err_len, "http: out of memory");
        return ST_NOMEM;
    }
    *h = (struct http){.ops = *ops, .port = port_of(fd)};
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
    free(h);
}
