/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_registry.c -- see fake_registry.h.
 */
#include "fake_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"

enum {
    ROUTES_MAX = 64,
    SEEN_MAX = 4096,
    REQUEST_MAX = 65536,
    NAME_LEN = 256,
    HUGE_BYTES = 2 << 20
};

struct route {
    char request[NAME_LEN];
    int status;
    char *body;
};

struct fake_registry {
    int listener, wake[2]; /* a byte in `wake` ends the thread */
    struct sockaddr_in address;
    char url[64];
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows */
    enum fake_registry_mood mood;
    struct route routes[ROUTES_MAX];
    size_t n_routes;
    char seen[SEEN_MAX][NAME_LEN]; /* requests */
    size_t n_seen;
    char last[REQUEST_MAX], shown[REQUEST_MAX];
};

static void check(bool ok, const char *what) {
    if (!ok) {
        perror(what);
        abort();
    }
}

static void send_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the client went away: that is its right */
        }
        bytes += n;
        len -= (size_t)n;
    }
}

/* ---- one connection -------------------------------------------------------------------- */

/* Bytes of a whole request, 0 if `text` is none yet. */
static size_t whole(const char *text) {
    const char *end = strstr(text, "\r\n\r\n");
    if (!end) {
        return 0;
    }
    size_t body = 0;
    for (const char *line = text; line < end; line = strchr(line, '\n') + 1) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            body = strtoul(line + 15, NULL, 10);
        }
    }
    return (size_t)(end - text) + 4 + body;
}

static bool read_request(int fd, char *text) {
    size_t n = 0;
    text[0] = '\0';
    while (whole(text) == 0 || n < whole(text)) {
        const ssize_t k = n < REQUEST_MAX - 1 ? recv(fd, text + n, REQUEST_MAX - 1 - n, 0) : 0;
        if (k <= 0) {
            return false;
        }
        n += (size_t)k;
        text[n] = '\0';
    }
    return true;
}

/* "GET /schemas/ids/7" */
static void name_request(const char *text, char name[NAME_LEN]) {
    size_t n = strcspn(text, " ");
    n += text[n] == ' ';
    n += strcspn(text + n, " \r");
    snprintf(name, NAME_LEN, "%.*s", (int)n, text);
}

static void answer_route(struct fake_registry *f, int fd, const char *name) {
    const char *body = "{\"error_code\":40403,\"message\":\"Schema not found\"}";
    int status = 404;
    for (size_t i = 0; i < f->n_routes; i++) {
        if (strcmp(f->routes[i].request, name) == 0) {
            status = f->routes[i].status;
            body = f->routes[i].body;
        }
    }
    char head[256];
    const int n = snprintf(head, sizeof head,
                           "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n"
                           "Location: http://127.0.0.1:1/elsewhere\r\n"
                           "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                           status, strlen(body));
    send_all(fd, head, (size_t)n);
    send_all(fd, body, strlen(body));
}

static void answer_hugely(int fd) {
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"schema\":\"";
    char *body = malloc(HUGE_BYTES);
    check(body != NULL, "malloc");
    memset(body, 'x', HUGE_BYTES);
    send_all(fd, head, sizeof head - 1);
    send_all(fd, body, HUGE_BYTES);
    send_all(fd, "\"}", 2);
    free(body);
}

static void answer(struct fake_registry *f, int fd, enum fake_registry_mood mood,
                   const char *name) {
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"schema\":";
    static const char garbage[] = "\0\1\2 what is this\r\n\r\n\xff\xfe";
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = f->wake[0], .events = POLLIN}};
    switch (mood) {
    case FAKE_ANSWERS:
        pthread_mutex_lock(&f->lock);
        answer_route(f, fd, name);
        pthread_mutex_unlock(&f->lock);
        break;
    case FAKE_CLOSES: break;
    case FAKE_GARBAGE: send_all(fd, garbage, sizeof garbage - 1); break;
    case FAKE_HALF: send_all(fd, half, sizeof half - 1); break;
    case FAKE_HUGE: answer_hugely(fd); break;
    case FAKE_SLEEPS: poll(fds, 2, -1); break;
    }
}

static void serve(struct fake_registry *f, int fd) {
    static _Thread_local char text[REQUEST_MAX];
    char name[NAME_LEN];
    if (read_request(fd, text)) {
        name_request(text, name);
        pthread_mutex_lock(&f->lock);
        check(f->n_seen < SEEN_MAX, "fake_registry: too many requests");
        memcpy(f->seen[f->n_seen++], name, sizeof name);
        memcpy(f->last, text, sizeof text);
        const enum fake_registry_mood mood = f->mood;
        pthread_mutex_unlock(&f->lock);
        answer(f, fd, mood, name);
    }
    close(fd);
}

static void *run(void *arg) {
    struct fake_registry *f = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = f->listener, .events = POLLIN},
                                {.fd = f->wake[0], .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[1].revents) {
            return NULL;
        }
        const int fd = accept(f->listener, NULL, NULL);
        if (fd >= 0) {
            serve(f, fd);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------- */

void fake_registry_open(struct fake_registry *f) {
    const int on = 1;
    socklen_t len = sizeof f->address;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(f->listener >= 0, "socket");
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    check(bind(f->listener, (struct sockaddr *)&f->address, len) == 0, "bind");
    check(listen(f->listener, 64) == 0, "listen");
    check(getsockname(f->listener, (struct sockaddr *)&f->address, &len) == 0, "getsockname");
    check(pipe(f->wake) == 0, "pipe");
    check(pthread_create(&f->thread, NULL, run, f) == 0, "pthread_create");
}

void fake_registry_close(struct fake_registry *f) {
    check(write(f->wake[1], "", 1) == 1, "write");
    pthread_join(f->thread, NULL);
    close(f->wake[0]);
    close(f->wake[1]);
    close(f->listener);
    f->listener = -1;
}

struct fake_registry *fake_registry_start(void) {
    struct fake_registry *f = calloc(1, sizeof *f);
    check(f != NULL, "calloc");
    f->address = (struct sockaddr_in){.sin_family = AF_INET};
    f->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&f->lock, NULL);
    fake_registry_open(f);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", ntohs(f->address.sin_port));
    return f;
}

void fake_registry_stop(struct fake_registry *f) {
    if (!f) {
        return;
    }
    if (f->listener >= 0) {
        fake_registry_close(f);
    }
    for (size_t i = 0; i < f->n_routes; i++) {
        free(f->routes[i].body);
    }
    pthread_mutex_destroy(&f->lock);
    free(f);
}

const char *fake_registry_url(const struct fake_registry *f) {
    return f->url;
}

/* ---- what it answers, what it saw ---------------------------------------------------------- */

void fake_registry_set_mood(struct fake_registry *f, enum fake_registry_mood mood) {
    pthread_mutex_lock(&f->lock);
    f->mood = mood;
    pthread_mutex_unlock(&f->lock);
}

void fake_registry_put(struct fake_registry *f, const char *request, int status, const char *body) {
    size_t i = 0;
    pthread_mutex_lock(&f->lock);
    while (i < f->n_routes && strcmp(f->routes[i].request, request) != 0) {
        i++;
    }
    check(i < ROUTES_MAX, "fake_registry: too many answers");
    f->n_routes += i == f->n_routes;
    free(f->routes[i].body);
    snprintf(f->routes[i].request, NAME_LEN, "%s", request);
    f->routes[i].status = status;
    f->routes[i].body = strdup(body);
    check(f->routes[i].body != NULL, "strdup");
    pthread_mutex_unlock(&f->lock);
}

void fake_registry_put_schema(struct fake_registry *f, unsigned id, const char *schema) {
    char request[64];
    char *quoted = json_quote(schema, strlen(schema));
    check(quoted != NULL, "json_quote");
    const size_t room = strlen(quoted) + 16;
    char *body = malloc(room);
    check(body != NULL, "malloc");
    snprintf(body, room, "{\"schema\":%s}", quoted);
    snprintf(request, sizeof request, "GET /schemas/ids/%u", id);
    fake_registry_put(f, request, 200, body);
    free(body);
    free(quoted);
}

size_t fake_registry_count(struct fake_registry *f, const char *request) {
    size_t n = 0;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n_seen; i++) {
        n += !request || strcmp(f->seen[i], request) == 0;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

const char *fake_registry_last(struct fake_registry *f) {
    pthread_mutex_lock(&f->lock);
    memcpy(f->shown, f->last, sizeof f->shown);
    pthread_mutex_unlock(&f->lock);
    return f->shown;
}
