/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http.c -- the sentences of http.h over real sockets, requests written byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "http.h"
#include "metrics.h"

enum { REPLY_MAX = 1 << 20 };

struct fixture {
    struct http *http;
    _Atomic bool live;
    _Atomic bool ready;
    _Atomic bool slow; /* explain does not answer while it is set */
    _Atomic int explains;
    enum status explain_status;
    char asked[512]; /* "user target n" of the last question, (-) where there was none */
    char reply[REPLY_MAX];
};

static bool is_live(void *ctx, char *why, size_t len) {
    const struct fixture *f = ctx;
    snprintf(why, len, "the learner has not moved for 30 s\nsecret second line");
    return f->live;
}

static bool is_ready(void *ctx, char *why, size_t len) {
    const struct fixture *f = ctx;
    memset(why, 'r', len); /* as long as it may be, and not terminated */
    return f->ready;
}

static enum status say(const struct fixture *f, const char *what, char **text) {
    const char *answer = f->explain_status ? "why not\n" : what;
    *text = f->explain_status == ST_NOMEM ? NULL : malloc(strlen(answer) + 1);
    if (*text) {
        strcpy(*text, answer);
    }
    return f->explain_status;
}

static enum status explain(void *ctx, const struct query *q, char **text) {
    struct fixture *f = ctx;
    f->explains++;
    while (f->slow) {
        poll(NULL, 0, 1);
    }
    snprintf(f->asked, sizeof f->asked, "%s(%zu) %s %s", q->user ? q->user : "-", q->user_len,
             q->target ? q->target : "-", q->n ? q->n : "-");
    return say(f, "{\"items\":[]}\n", text);
}

static enum status tell_segments(void *ctx, char **text) {
    return say(ctx, "{\"segments\":[]}\n", text);
}

static enum status tell_model(void *ctx, const char *items, char **text) {
    struct fixture *f = ctx;
    snprintf(f->asked, sizeof f->asked, "%s", items ? items : "-");
    return say(f, "{\"position\":7}\n", text);
}

/* All others tell what they were asked: "get: user item domain target n". */
static enum status tell(void *ctx, const char *what, const struct query *q, char **text) {
    struct fixture *f = ctx;
    snprintf(f->asked, sizeof f->asked, "%s: %s %s(%zu) %s %s %s", what, q->user ? q->user : "-",
             q->item ? q->item : "-", q->item_len, q->domain ? q->domain : "-",
             q->target ? q->target : "-", q->n ? q->n : "-");
    return say(f, "{}\n", text);
}

static enum status tell_get(void *ctx, const struct query *q, char **text) {
    return tell(ctx, "get", q, text);
}

static enum status tell_similar(void *ctx, const struct query *q, char **text) {
    return tell(ctx, "similar", q, text);
}

static enum status tell_top(void *ctx, const struct query *q, char **text) {
    return tell(ctx, "top", q, text);
}

static const struct http_ops OPS = {.live = is_live,
                                    .ready = is_ready,
                                    .get = tell_get,
                                    .explain = explain,
                                    .similar = tell_similar,
                                    .top = tell_top,
                                    .segments = tell_segments,
                                    .model = tell_model};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    char err[256] = "";
    if (!f) {
        return -1;
    }
    f->live = true;
    f->ready = true;
    struct http_ops ops = OPS;
    ops.ctx = f;
    if (http_start("127.0.0.1:0", &ops, &f->http, err, sizeof err)) {
        print_error("%s\n", err);
        return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    http_stop(f->http);
    free(f);
    return 0;
}

static int dial(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval patience = {.tv_sec = 10};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Reads until the server closes. */
static const char *read_all(struct fixture *f, int fd) {
    size_t n = 0;
    ssize_t got;
    while ((got = recv(fd, f->reply + n, REPLY_MAX - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    f->reply[n] = '\0';
    close(fd);
    return f->reply;
}

static const char *ask(struct fixture *f, const char *request, size_t len) {
    int fd = dial(http_port(f->http));
    ssize_t sent = send(fd, request, len, MSG_NOSIGNAL);
    assert_true(sent != 0); /* a refused request may end in a reset */
    return read_all(f, fd);
}

static const char *get(struct fixture *f, const char *method, const char *path) {
    char request[4096];
    int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method,
                     path);
    return ask(f, request, (size_t)n);
}

static int status_of(const char *reply) {
    int status = 0;
    assert_int_equal(sscanf(reply, "HTTP/1.%*d %d ", &status), 1);
    return status;
}

static const char *body_of(const char *reply) {
    const char *blank = strstr(reply, "\r\n\r\n");
    assert_non_null(blank);
    return blank + 4;
}

/* ---- routes ------------------------------------------------------------------------------ */

static void livez_says_ok_or_why_not(void **state) {
    struct fixture *f = *state;
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
    assert_string_equal(body_of(f->reply), "ok\n");
    f->live = false;
    assert_int_equal(status_of(get(f, "GET", "/livez")), 503);
    assert_string_equal(body_of(f->reply), "the learner has not moved for 30 s\n");
    assert_int_equal(status_of(get(f, "GET", "/readyz")), 200); /* one is not the other */
}

static void readyz_says_ok_or_why_not(void **state) {
    struct fixture *f = *state;
    assert_int_equal(status_of(get(f, "GET", "/readyz")), 200);
    assert_string_equal(body_of(f->reply), "ok\n");
    f->ready = false;
    assert_int_equal(status_of(get(f, "GET", "/readyz")), 503);
    const char *body = body_of(f->reply);
    assert_int_equal(strspn(body, "r"), 510);
    assert_string_equal(body + strspn(body, "r"), "\n");
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
}

static void metrics_are_the_exposition_text(void **state) {
    struct fixture *f = *state;
    metrics_reset();
    metric_add(M_COMMITS, 0, 17);
    assert_int_equal(status_of(get(f, "GET", "/metrics")), 200);
    assert_non_null(strstr(f->reply, "\r\nContent-Type: text/plain; version=0.0.4"));
    size_t need = metrics_text(NULL, 0);
    char *text = malloc(need + 1);
    assert_non_null(text);
    assert_int_equal(metrics_text(text, need + 1), need);
    assert_string_equal(body_of(f->reply), text);
    assert_non_null(strstr(text, "\ncrossrec_commits_total 17\n"));
    free(text);
    assert_int_equal(status_of(get(f, "GET", "/metrics?name=x")), 200);
}

static void the_root_lists_the_routes(void **state) {
    struct fixture *f = *state;
    static const char *const routes[] = {
        "GET / ",        "GET /livez ",   "GET /readyz ",   "GET /metrics ", "GET /get ",
        "GET /explain ", "GET /similar ", "GET /segments ", "GET /top ",     "GET /model "};
    assert_int_equal(status_of(get(f, "GET", "/")), 200);
    const char *p = body_of(f->reply);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        assert_int_equal(strncmp(p, routes[i], strlen(routes[i])), 0);
        p = strchr(p, '\n') + 1;
    }
    assert_int_equal(*p, '\0');
}

static void head_is_get_without_a_body(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {"/", "/livez", "/readyz", "/nowhere"};
    for (int i = 0; i < 4; i++) {
        char length[64];
        int status = status_of(get(f, "GET", paths[i]));
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", strlen(body_of(f->reply)));
        assert_non_null(strstr(f->reply, length));
        assert_int_equal(status_of(get(f, "HEAD", paths[i])), status);
        assert_string_equal(body_of(f->reply), "");
        assert_non_null(strstr(f->reply, length));
    }
    assert_int_equal(status_of(get(f, "HEAD", "/metrics")), 200);
    assert_string_equal(body_of(f->reply), "");
}

/* ---- explain ------------------------------------------------------------------------------- */

static void explain_gets_its_arguments_unescaped_and_answers_json(void **state) {
    struct fixture *f = *state;
    assert_int_equal(status_of(get(f, "GET", "/explain?user=u17&target=food&n=5")), 200);
    assert_string_equal(body_of(f->reply), "{\"items\":[]}\n");
    assert_non_null(strstr(f->reply, "\r\nContent-Type: application/json\r\n"));
    assert_string_equal(f->asked, "u17(3) food 5");
    assert_int_equal(status_of(get(f, "GET", "/explain?target=food&user=a%2Fb%26c%20d+%C3%A9")),
                     200);
    assert_string_equal(f->asked, "a/b&c d \xC3\xA9(10) food -");
    assert_int_equal(status_of(get(f, "GET", "/explain?user=a%00b&target=food")), 200);
    assert_string_equal(f->asked, "a(3) food -");
    assert_int_equal(status_of(get(f, "GET", "/explain?user")), 200);
    assert_string_equal(f->asked, "-(0) - -");
    assert_int_equal(status_of(get(f, "HEAD", "/explain?user=u17")), 200);
    assert_string_equal(body_of(f->reply), "");
}

static void explain_says_why_not(void **state) {
    struct fixture *f = *state;
    static const struct {
        enum status status;
        int code;
    } codes[] = {
        {ST_INVALID, 400}, {ST_NOT_FOUND, 404}, {ST_AGAIN, 503}, {ST_LOST, 503}, {ST_IO, 503}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        f->explain_status = codes[i].status;
        assert_int_equal(status_of(get(f, "GET", "/explain?user=u")), codes[i].code);
        assert_string_equal(body_of(f->reply), "why not\n");
        assert_non_null(strstr(f->reply, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
    }
    f->explain_status = ST_NOMEM; /* the connection is closed */
    assert_string_equal(get(f, "GET", "/explain?user=u"), "");
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
}

static void segments_are_answered_as_json_or_why_not(void **state) {
    struct fixture *f = *state;
    assert_int_equal(status_of(get(f, "GET", "/segments")), 200);
    assert_string_equal(body_of(f->reply), "{\"segments\":[]}\n");
    assert_non_null(strstr(f->reply, "\r\nContent-Type: application/json\r\n"));
    assert_int_equal(f->explains, 0);
    f->explain_status = ST_AGAIN;
    assert_int_equal(status_of(get(f, "GET", "/segments")), 503);
    assert_string_equal(body_of(f->reply), "why not\n");
}

static void the_model_is_answered_as_json_or_why_not(void **state) {
    struct fixture *f = *state;
    assert_int_equal(status_of(get(f, "GET", "/model")), 200);
    assert_string_equal(body_of(f->reply), "{\"position\":7}\n");
    assert_non_null(strstr(f->reply, "\r\nContent-Type: application/json\r\n"));
    assert_string_equal(f->asked, "-");
    assert_int_equal(status_of(get(f, "GET", "/model?items=50")), 200);
    assert_string_equal(f->asked, "50");
    f->explain_status = ST_NOT_FOUND;
    assert_int_equal(status_of(get(f, "GET", "/model")), 404);
    assert_string_equal(body_of(f->reply), "why not\n");
}

static void every_question_gets_its_arguments(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path, *asked;
    } cases[] = {
        {"/get?user=u17", "get: u17 -(0) - - -"},
        {"/get?user=u17&target=food&n=3", "get: u17 -(0) - food 3"},
        {"/similar?item=a%2Fb&domain=course&target=food", "similar: - a/b(3) course food -"},
        {"/similar?item=a%00b", "similar: - a(3) - - -"},
        {"/top?domain=food&n=7", "top: - -(0) food - 7"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(status_of(get(f, "GET", cases[k].path)), 200);
        assert_string_equal(f->asked, cases[k].asked);
        assert_string_equal(body_of(f->reply), "{}\n");
        assert_non_null(strstr(f->reply, "\r\nContent-Type: application/json\r\n"));
    }
    f->explain_status = ST_NOT_FOUND;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(status_of(get(f, "GET", cases[k].path)), 404);
        assert_string_equal(body_of(f->reply), "why not\n");
    }
}

/* ---- the token ----------------------------------------------------------------------------- */

static const char TOKEN[] = "0123456789abcdef-Token";

static void guard(struct fixture *f, const char *address) {
    struct http_ops ops = OPS;
    char err[256] = "";
    char token[64]; /* it is copied */
    snprintf(token, sizeof token, "%s", TOKEN);
    ops.ctx = f;
    ops.token = token;
    http_stop(f->http);
    f->http = NULL;
    assert_int_equal(http_start(address, &ops, &f->http, err, sizeof err), ST_OK);
    memset(token, 'x', sizeof token);
}

static int get_with(struct fixture *f, const char *path, const char *authorization) {
    char request[2048];
    const int n = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n", path,
                           authorization);
    return status_of(ask(f, request, (size_t)n));
}

static const char *const GUARDED[] = {"/",         "/get?user=u",     "/explain?user=u",
                                      "/segments", "/similar?item=i", "/top?domain=d",
                                      "/model",    "/nowhere"};
enum { N_GUARDED = sizeof GUARDED / sizeof *GUARDED };

static void with_a_token_whoever_has_none_is_told_what_to_send(void **state) {
    struct fixture *f = *state;
    static const char *const open[] = {"/livez", "/readyz", "/metrics"};
    guard(f, "127.0.0.1:0");
    for (size_t k = 0; k < N_GUARDED; k++) {
        assert_int_equal(status_of(get(f, "GET", GUARDED[k])), 401);
        assert_non_null(strstr(f->reply, "\r\nWWW-Authenticate: Bearer\r\n"));
        assert_string_equal(body_of(f->reply),
                            "needs `Authorization: Bearer TOKEN`: what stands in "
                            "http.token.file\n");
        assert_null(strstr(f->reply, TOKEN));
    }
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(status_of(get(f, "GET", open[k])), 200);
    }
    assert_int_equal(f->explains, 0);
    assert_string_equal(f->asked, "");
}

static void only_the_whole_token_opens(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer 0123456789abcdef-Toke",
        "Bearer 0123456789abcdef-Token1",
        "Bearer 0123456789abcdef-token",
        "Bearer 1123456789abcdef-Token",
        "Bearer  0123456789abcdef-Token",
        "Basic 0123456789abcdef-Token",
        "0123456789abcdef-Token",
        "BearerX0123456789abcdef-Token",
    };
    char longest[600] = "Bearer ";
    guard(f, "127.0.0.1:0");
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_int_equal(get_with(f, "/explain?user=u", wrong[k]), 401);
    }
    memset(longest + 7, 'a', sizeof longest - 8);
    assert_int_equal(get_with(f, "/explain?user=u", longest), 401);
    assert_int_equal(f->explains, 0);
    assert_int_equal(get_with(f, "/explain?user=u", "Bearer 0123456789abcdef-Token"), 200);
    assert_int_equal(get_with(f, "/explain?user=u", "bearer 0123456789abcdef-Token"), 200);
    assert_int_equal(f->explains, 2);
    for (size_t k = 0; k < N_GUARDED; k++) {
        assert_int_equal(get_with(f, GUARDED[k], "Bearer 0123456789abcdef-Token"),
                         k + 1 < N_GUARDED ? 200 : 404);
    }
}

static void a_token_that_is_too_long_is_refused(void **state) {
    struct fixture *f = *state;
    struct http_ops ops = OPS;
    struct http *http = NULL;
    char err[256] = "";
    char token[HTTP_TOKEN_MAX + 2];
    memset(token, 'x', sizeof token);
    token[HTTP_TOKEN_MAX + 1] = '\0';
    ops.ctx = f;
    ops.token = token;
    assert_int_equal(http_start("127.0.0.1:0", &ops, &http, err, sizeof err), ST_INVALID);
    assert_null(strstr(err, "xxx"));
    assert_null(http);
}

static void a_slow_explain_keeps_nobody_out(void **state) {
    struct fixture *f = *state;
    static const char request[] = "GET /explain?user=u HTTP/1.0\r\n\r\n";
    f->slow = true;
    const int fd = dial(http_port(f->http));
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    for (int ms = 0; f->explains == 0; ms++) {
        assert_true(ms < 10000);
        poll(NULL, 0, 1);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
    }
    f->slow = false;
    assert_int_equal(status_of(read_all(f, fd)), 200);
}

/* An address of this machine that is none of its loopback, by asking how it would reach another. */
static bool other_address(struct sockaddr_in *out) {
    socklen_t len = sizeof *out;
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(9)};
    far.sin_addr.s_addr = htonl(0xC6336401); /* 198.51.100.1, for documentation: nothing is sent */
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const bool found = connect(fd, (const struct sockaddr *)&far, sizeof far) == 0 &&
                       getsockname(fd, (struct sockaddr *)out, &len) == 0 &&
                       ntohl(out->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
    close(fd);
    return found;
}

static void explain_is_for_this_machine_only(void **state) {
    struct fixture *f = *state;
    struct http_ops ops = OPS;
    ops.ctx = f;
    static const char *const addresses[] = {"0.0.0.0:0", "[::]:0"}; /* the latter: mapped */
    struct sockaddr_in a;
    if (!other_address(&a)) {
        print_message("this machine has no other address\n");
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        struct http *open = NULL;
        char err[256] = "";
        if (http_start(addresses[i], &ops, &open, err, sizeof err)) {
            continue; /* no IPv6 */
        }
        static const char *const paths[] = {"/explain?user=u", "/model", "/livez"};
        for (size_t k = 0; k < 9; k++) { /* from another address, the same, the loopback */
            struct sockaddr_in from = a;
            struct sockaddr_in to = a;
            from.sin_port = 0;
            if (k < 3 || k >= 6) { /* 127.0.0.2 is asked by 127.0.0.1 */
                to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (k >= 6));
            }
            to.sin_port = htons(http_port(open));
            const int fd = socket(AF_INET, SOCK_STREAM, 0);
            if (k < 6) {
                assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
            }
            assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
            char request[128];
            const int n =
                snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", paths[k % 3]);
            assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
            assert_int_equal(status_of(read_all(f, fd)), k < 2 ? 403 : 200);
        }
        http_stop(open);
    }
    assert_true(f->explains >= 1);
}

static void with_a_token_other_machines_may_ask(void **state) {
    struct fixture *f = *state;
    struct sockaddr_in a;
    if (!other_address(&a)) {
        print_message("this machine has no other address\n");
        skip();
    }
    guard(f, "0.0.0.0:0");
    for (int with = 0; with < 2; with++) {
        struct sockaddr_in from = a;
        struct sockaddr_in to = a;
        char request[256];
        from.sin_port = 0;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* not the address that it comes from */
        to.sin_port = htons(http_port(f->http));
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
        const int n =
            snprintf(request, sizeof request, "GET /get?user=u HTTP/1.0\r\n%s%s%s\r\n",
                     with ? "Authorization: Bearer " : "", with ? TOKEN : "", with ? "\r\n" : "");
        assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
        assert_int_equal(status_of(read_all(f, fd)), with ? 200 : 401);
    }
}

static void without_a_learner_there_is_nothing_to_explain(void **state) {
    struct fixture *f = *state;
    const struct http_ops ops = {.live = is_live, .ready = is_ready, .ctx = f};
    char err[256] = "";
    http_stop(f->http);
    f->http = NULL;
    assert_int_equal(http_start("127.0.0.1:0", &ops, &f->http, err, sizeof err), ST_OK);
    assert_int_equal(status_of(get(f, "GET", "/explain?user=u&target=food")), 404);
    static const char *const paths[] = {"/segments", "/model", "/get?user=u", "/similar?item=i",
                                        "/top?domain=d"};
    for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
        assert_int_equal(status_of(get(f, "GET", paths[k])), 404);
    }
}

/* ---- what else people send ------------------------------------------------------------------ */

static void anything_else_is_not_found(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {"/nowhere",
                                        "/livez/",
                                        "//livez",
                                        "/LIVEZ",
                                        "/../etc/passwd",
                                        "/livez/../../etc/passwd",
                                        "/%2e%2e/%2e%2e/etc/passwd",
                                        "/livez%00",
                                        "/metrics/x",
                                        "/%"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int status = status_of(get(f, "GET", paths[i]));
        assert_true(status == 404 || (strstr(paths[i], "%00") && status >= 200 && status < 500));
        assert_null(strstr(f->reply, "root:"));
    }
}

static void other_methods_are_not_allowed(void **state) {
    struct fixture *f = *state;
    static const char *const methods[] = {"POST",    "PUT",   "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "BREW",   "get"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        assert_int_equal(status_of(get(f, methods[i], "/metrics")), 405);
        assert_non_null(strstr(f->reply, "\r\nAllow: GET, HEAD\r\n"));
        assert_non_null(strstr(f->reply, "only GET and HEAD\n"));
    }
}

static void bodies_are_thrown_away(void **state) {
    struct fixture *f = *state;
    static const char post[] = "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    static const char with[] = "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_int_equal(status_of(ask(f, post, sizeof post - 1)), 405);
    assert_int_equal(status_of(ask(f, with, sizeof with - 1)), 200);
    assert_string_equal(body_of(f->reply), "ok\n");
}

static void a_huge_header_is_refused_and_the_server_lives_on(void **state) {
    struct fixture *f = *state;
    static char request[200000];
    int n = snprintf(request, sizeof request, "GET /livez HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + n, 'x', sizeof request - (size_t)n);
    const char *reply = ask(f, request, sizeof request);
    assert_true(!*reply || status_of(reply) / 100 == 4);
    memcpy(request, "GET /", 5);
    memset(request + 5, 'y', sizeof request - 5);
    reply = ask(f, request, sizeof request);
    assert_true(!*reply || status_of(reply) / 100 == 4);
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
}

static void garbage_is_refused_and_the_server_lives_on(void **state) {
    struct fixture *f = *state;
    unsigned seed = 23;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 50; round++) {
        char junk[256];
        for (size_t i = 0; i < sizeof junk; i++) {
            seed = seed * 1103515245U + 12345U;
            junk[i] = (char)(seed >> 16);
        }
        memcpy(junk + sizeof junk - 4, "\r\n\r\n", 4);
        int fd = dial(http_port(f->http));
        assert_int_equal(send(fd, junk, sizeof junk, MSG_NOSIGNAL), sizeof junk);
        shutdown(fd, SHUT_WR);
        const char *reply = read_all(f, fd);
        assert_true(!*reply || status_of(reply) / 100 >= 4);
    }
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
}

static void silent_connections_do_not_keep_others_out(void **state) {
    struct fixture *f = *state;
    int fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = dial(http_port(f->http));
        assert_int_equal(send(fds[i], "GET /li", 7, MSG_NOSIGNAL), 7);
    }
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
    for (int i = 0; i < 8; i++) {
        close(fds[i]);
    }
}

static void every_answer_closes_its_connection(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++) { /* more than there may be connections at a time */
        assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
        assert_non_null(strstr(f->reply, "\r\nConnection: close\r\n"));
    }
}

static void a_silent_connection_is_closed(void **state) {
    struct fixture *f = *state;
    int fd = dial(http_port(f->http)); /* its own patience is 10 s, the server's 5 s */
    char byte;
    assert_int_equal(send(fd, "GET", 3, MSG_NOSIGNAL), 3);
    assert_true(recv(fd, &byte, 1, 0) >= 0);
    close(fd);
    assert_int_equal(status_of(get(f, "GET", "/livez")), 200);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void bad_addresses_are_refused(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = {
        "",         "localhost", "9464",      ":9464", "a:",   "a:b",      "a:65536",
        "::1:9464", "[::1]",     "[::1:9464", "[]:1",  "a:-1", "a:123456", "a:1 "};
    const struct http_ops ops = {.live = is_live, .ready = is_ready, .ctx = f};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http *http = NULL;
        char err[256] = "";
        char expected[256];
        snprintf(expected, sizeof expected, "http.address=%s: must be host:port or [v6]:port",
                 bad[i]);
        assert_int_equal(http_start(bad[i], &ops, &http, err, sizeof err), ST_INVALID);
        assert_string_equal(err, expected);
        assert_null(http);
    }
}

static void a_port_in_use_says_what_to_do(void **state) {
    struct fixture *f = *state;
    const struct http_ops ops = {.live = is_live, .ready = is_ready, .ctx = f};
    struct http *second = NULL;
    char address[64];
    char err[256] = "";
    char expected[256];
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)http_port(f->http));
    snprintf(expected, sizeof expected,
             "http.address=%s: Address already in use; set http.address to another port, or to off",
             address);
    assert_int_equal(http_start(address, &ops, &second, err, sizeof err), ST_IO);
    assert_string_equal(err, expected);
    assert_null(second);
}

static void a_freed_port_can_be_used_again(void **state) {
    struct fixture *f = *state;
    const struct http_ops ops = {.live = is_live, .ready = is_ready, .ctx = f};
    char address[64];
    char err[256] = "";
    get(f, "GET", "/livez"); /* leaves a fading connection behind */
    uint16_t port = http_port(f->http);
    snprintf(address, sizeof address, "localhost:%u", (unsigned)port);
    http_stop(f->http);
    f->http = NULL;
    assert_int_equal(http_start(address, &ops, &f->http, err, sizeof err), ST_OK);
    assert_int_equal(http_port(f->http), port);
}

static void ipv6_is_served(void **state) {
    struct fixture *f = *state;
    const struct http_ops ops = {.live = is_live, .ready = is_ready, .ctx = f};
    struct http *six = NULL;
    char err[256] = "";
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a)) {
        skip(); /* this machine has no IPv6 */
    }
    close(fd);
    assert_int_equal(http_start("[::1]:0", &ops, &six, err, sizeof err), ST_OK);
    static const char request[] = "GET /livez HTTP/1.0\r\n\r\n";
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    a.sin6_port = htons(http_port(six));
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    assert_int_equal(status_of(read_all(f, fd)), 200);
    http_stop(six);
}

static void stopping_nothing_is_allowed(void **state) {
    (void)state;
    http_stop(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(livez_says_ok_or_why_not),
        TEST(readyz_says_ok_or_why_not),
        TEST(metrics_are_the_exposition_text),
        TEST(the_root_lists_the_routes),
        TEST(head_is_get_without_a_body),
        TEST(explain_gets_its_arguments_unescaped_and_answers_json),
        TEST(explain_says_why_not),
        TEST(segments_are_answered_as_json_or_why_not),
        TEST(the_model_is_answered_as_json_or_why_not),
        TEST(every_question_gets_its_arguments),
        TEST(with_a_token_whoever_has_none_is_told_what_to_send),
        TEST(only_the_whole_token_opens),
        TEST(a_token_that_is_too_long_is_refused),
        TEST(with_a_token_other_machines_may_ask),
        TEST(a_slow_explain_keeps_nobody_out),
        TEST(explain_is_for_this_machine_only),
        TEST(without_a_learner_there_is_nothing_to_explain),
        TEST(anything_else_is_not_found),
        TEST(other_methods_are_not_allowed),
        TEST(bodies_are_thrown_away),
        TEST(a_huge_header_is_refused_and_the_server_lives_on),
        TEST(garbage_is_refused_and_the_server_lives_on),
        TEST(silent_connections_do_not_keep_others_out),
        TEST(every_answer_closes_its_connection),
        TEST(a_silent_connection_is_closed),
        TEST(bad_addresses_are_refused),
        TEST(a_port_in_use_says_what_to_do),
        TEST(a_freed_port_can_be_used_again),
        TEST(ipv6_is_served),
        cmocka_unit_test(stopping_nothing_is_allowed),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
