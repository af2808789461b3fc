/* SPDX-License-Identifier: Apache-2.0
 * http_get.c -- see http_get.h. */
#include "http_get.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HOST_MAX = 256, ANSWER_MAX = 4 << 20, CHUNK = 16384, PATIENCE_S = 10 };

/* ---- connecting --------------------------------------------------------------------------- */

/* Splits host:port or [v6]:port; *port points into the address. */
static bool split(const char *address, char host[HOST_MAX], const char **port) {
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;
    const bool v6 = n > 2 && address[0] == '[' && address[n - 1] == ']';
    if (n < 1 || n >= HOST_MAX) {
        return false;
    }
    n -= v6 ? 2 : 0;
    memcpy(host, address + (v6 ? 1 : 0), n);
    host[n] = '\0';
    *port = colon + 1;
    return true;
}

static int try(const struct addrinfo *a) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) ||
        connect(fd, a->ai_addr, a->ai_addrlen)) {
        const int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static int dial(const char *address, char *err, size_t err_len) {
    char host[HOST_MAX];
    const char *port = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (!split(address, host, &port)) {
        snprintf(err, err_len, "%.200s is no host:port", address);
        return -1;
    }
    const int rc = getaddrinfo(host, port, &hints, &found);
    if (rc) {
        snprintf(err, err_len, "%.200s: %s", address, gai_strerror(rc));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = try(a);
    }
    if (fd < 0) {
        snprintf(err, err_len, "%.200s: %s", address, strerror(errno));
    }
    freeaddrinfo(found);
    return fd;
}

/* ---- talking -------------------------------------------------------------------------------- */

static bool send_all(int fd, const char *text, size_t len) {
    while (len > 0) {
        const ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_text(int fd, const char *text) {
    return send_all(fd, text, strlen(text));
}

static bool ask(int fd, const char *path, const char *token) {
    const bool with = token && token[0];
    return send_text(fd, "GET ") && send_text(fd, path) &&
           send_text(fd, " HTTP/1.0\r\nHost: crossrec\r\n") &&
           (!with || (send_text(fd, "Authorization: Bearer ") && send_text(fd, token) &&
                      send_text(fd, "\r\n"))) &&
           send_text(fd, "\r\n");
}

/* Reads until the other side closes; malloc'ed, terminated. */
static enum status read_all(int fd, char **out, size_t *len) {
    char *text = NULL;
    size_t n = 0;
    ssize_t got = 1;
    while (got > 0 && n < ANSWER_MAX) {
        char *more = realloc(text, n + CHUNK + 1);
        if (!more) {
            free(text);
            return ST_NOMEM;
        }
        text = more;
        got = recv(fd, text + n, CHUNK, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    if (got != 0) {
        free(text);
        return ST_IO;
    }
    text[n] = '\0';
    *out = text;
    *len = n;
    return ST_OK;
}

/* Takes `text` over: the head is cut off. */
static enum status read_page(char *text, size_t len, struct http_page *out) {
    static const char version[] = "HTTP/1.";
    const size_t before = sizeof version - 1 + 2; /* a digit and a space */
    char *blank = strstr(text, "\r\n\r\n");
    const bool http = blank && strncmp(text, version, sizeof version - 1) == 0;
    const int code = http ? (int)strtol(text + before, NULL, 10) : 0;
    if (code < 100 || code > 599) {
        free(text);
        return ST_IO;
    }
    const size_t head = (size_t)(blank - text) + 4;
    memmove(text, text + head, len - head + 1);
    *out = (struct http_page){.code = code, .body = text, .len = len - head};
    return ST_OK;
}

enum status http_get(const char *address, const char *path, const char *token,
                     struct http_page *out, char *err, size_t err_len) {
    char *text = NULL;
    size_t len = 0;
    const int fd = dial(address, err, err_len);
    if (fd < 0) {
        return ST_IO;
    }
    enum status st = ask(fd, path, token) ? read_all(fd, &text, &len) : ST_IO;
    close(fd);
    st = st ? st : read_page(text, len, out);
    if (st == ST_IO) {
        snprintf(err, err_len, "%.200s: no answer of HTTP within %d s", address, (int)PATIENCE_S);
    } else if (st) {
        snprintf(err, err_len, "%s", status_str(st));
    }
    return st;
}

void http_get_escape(const char *text, char *out) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char HEX[] = "0123456789ABCDEF";
    for (; *text; text++) {
        if (strchr(plain, *text)) {
            *out++ = *text;
            continue;
        }
        *out++ = '%';
        *out++ = HEX[(unsigned char)*text >> 4];
        *out++ = HEX[(unsigned char)*text & 15];
    }
    *out = '\0';
}
