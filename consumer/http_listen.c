/* SPDX-License-Identifier: Apache-2.0
 * http_listen.c -- see http_listen.h. */
#include "http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 32, HOST_MAX = 256 };

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

enum status http_listen(const char *address, int *out, char *err, size_t err_len) {
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

uint16_t http_listen_port(int fd) {
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    char port[8] = "";
    if (getsockname(fd, (struct sockaddr *)&a, &len) ||
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV)) {
        return 0;
    }
    return (uint16_t)strtoul(port, NULL, 10);
}
