/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_get.c -- the sentences of http_get.h, against the endpoint of http.h and against
 * servers that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http.h"
#include "http_get.h"

enum { LARGE = 3 << 20 };

static char asked[1024];

static bool well(void *ctx, char *why, size_t len) {
    (void)ctx;
    snprintf(why, len, "ok");
    return true;
}

static enum status echo(void *ctx, const struct query *q, char **text) {
    (void)ctx;
    snprintf(asked, sizeof asked, "%s %s", q->user ? q->user : "-", q->target ? q->target : "-");
    const size_t len = q->n ? LARGE : 5;
    *text = malloc(len + 1);
    memset(*text, 'x', len);
    (*text)[len] = '\0';
    return q->user && strcmp(q->user, "nobody") == 0 ? ST_NOT_FOUND : ST_OK;
}

struct fixture {
    struct http *http;
    char address[32], err[512];
};

static int setup(void **state) {
    static struct fixture f;
    const struct http_ops ops = {.live = well, .ready = well, .explain = echo};
    f = (struct fixture){0};
    if (http_start("127.0.0.1:0", &ops, &f.http, f.err, sizeof f.err)) {
        return -1;
    }
    snprintf(f.address, sizeof f.address, "127.0.0.1:%u", (unsigned)http_port(f.http));
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    http_stop(f->http);
    return 0;
}

static void a_page_is_read_whole_with_its_code(void **state) {
    struct fixture *f = *state;
    struct http_page page = {0};
    assert_int_equal(http_get(f->address, "/livez", NULL, &page, f->err, sizeof f->err), ST_OK);
    assert_int_equal(page.code, 200);
    assert_string_equal(page.body, "ok\n");
    assert_int_equal(page.len, 3);
    free(page.body);
    assert_int_equal(
        http_get(f->address, "/explain?user=nobody", NULL, &page, f->err, sizeof f->err), ST_OK);
    assert_int_equal(page.code, 404);
    assert_string_equal(page.body, "xxxxx");
    free(page.body);
    assert_int_equal(http_get(f->address, "/explain?n=1", NULL, &page, f->err, sizeof f->err),
                     ST_OK);
    assert_int_equal(page.len, LARGE);
    assert_int_equal(strlen(page.body), LARGE);
    free(page.body);
}

static void whatever_is_escaped_arrives_as_it_was(void **state) {
    struct fixture *f = *state;
    char text[256];
    char escaped[3 * sizeof text];
    char path[sizeof escaped + 32];
    struct http_page page = {0};
    for (int c = 1; c < 256; c++) {
        text[c - 1] = (char)c;
    }
    text[255] = '\0';
    http_get_escape(text, escaped);
    assert_int_equal(strspn(escaped, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~%"),
                     strlen(escaped));
    snprintf(path, sizeof path, "/explain?target=food&user=%s", escaped);
    assert_int_equal(http_get(f->address, path, NULL, &page, f->err, sizeof f->err), ST_OK);
    free(page.body);
    assert_int_equal(strlen(asked), 255 + strlen(" food"));
    assert_memory_equal(asked, text, 255);
}

static void where_nobody_listens_it_says_so(void **state) {
    struct fixture *f = *state;
    struct http_page page = {.code = 7};
    http_stop(f->http);
    f->http = NULL;
    assert_int_equal(http_get(f->address, "/", NULL, &page, f->err, sizeof f->err), ST_IO);
    assert_non_null(strstr(f->err, f->address));
    assert_non_null(strstr(f->err, "Connection refused"));
    assert_int_equal(page.code, 7); /* untouched */
    static const char *const bad[] = {"", "9464", ":9464", "no.such.host.invalid:1", "127.0.0.1:x"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        f->err[0] = '\0';
        assert_int_equal(http_get(bad[k], "/", NULL, &page, f->err, sizeof f->err), ST_IO);
        assert_true(f->err[0]);
    }
}

/* ---- servers that are none ------------------------------------------------------------ */

struct liar {
    int fd;
    const char *answer;
};

static void *lie(void *arg) {
    const struct liar *l = arg;
    char request[512];
    const int fd = accept(l->fd, NULL, NULL);
    (void)!recv(fd, request, sizeof request, 0);
    (void)!send(fd, l->answer, strlen(l->answer), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void what_is_no_answer_of_http_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const lies[] = {"", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\n",
                                       "HTTP/1.1 \r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"};
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        struct sockaddr_in a = {.sin_family = AF_INET};
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t len = sizeof a;
        struct liar l = {.fd = socket(AF_INET, SOCK_STREAM, 0), .answer = lies[k]};
        assert_int_equal(bind(l.fd, (const struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(l.fd, 1), 0);
        assert_int_equal(getsockname(l.fd, (struct sockaddr *)&a, &len), 0);
        char address[32];
        snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
        pthread_t thread;
        struct http_page page = {.code = 7};
        assert_int_equal(pthread_create(&thread, NULL, lie, &l), 0);
        assert_int_equal(http_get(address, "/", NULL, &page, f->err, sizeof f->err), ST_IO);
        assert_non_null(strstr(f->err, "no answer of HTTP"));
        assert_int_equal(page.code, 7);
        pthread_join(thread, NULL);
        close(l.fd);
    }
}

static void a_token_is_sent_along(void **state) {
    struct fixture *f = *state;
    const struct http_ops ops = {
        .live = well, .ready = well, .explain = echo, .token = "0123456789abcdef"};
    struct http_page page = {0};
    char address[32];
    struct http *http = NULL;
    assert_int_equal(http_start("127.0.0.1:0", &ops, &http, f->err, sizeof f->err), ST_OK);
    snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)http_port(http));
    static const char *const tokens[] = {NULL, "", "0123456789abcdeF", "0123456789abcdef"};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(
            http_get(address, "/explain?user=u", tokens[k], &page, f->err, sizeof f->err), ST_OK);
        assert_int_equal(page.code, k < 3 ? 401 : 200);
        free(page.body);
    }
    http_stop(http);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_page_is_read_whole_with_its_code),
        TEST(whatever_is_escaped_arrives_as_it_was),
        TEST(where_nobody_listens_it_says_so),
        TEST(what_is_no_answer_of_http_is_refused),
        TEST(a_token_is_sent_along),
#undef TEST
    };
    return cmocka_run_group_tests_name("http_get", tests, NULL, NULL);
}
