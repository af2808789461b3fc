/* SPDX-License-Identifier: Apache-2.0
 * scrape.c -- see scrape.h. */
#include "scrape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 18, TIMEOUT_S = 5 };

static int dial(const char *address) {
    char host[64];
    int port = 0;
    if (sscanf(address, "%63[^:]:%d", host, &port) != 2) {
        return -1;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&to, sizeof to)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The answer with its head, terminated; to be freed. NULL if nobody answers. */
static char *get(const char *address, const char *path) {
    int fd = dial(address);
    char *text = fd < 0 ? NULL : malloc(TEXT_MAX);
    char request[128];
    const int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    size_t len = 0;
    if (text && send(fd, request, (size_t)n, MSG_NOSIGNAL) == n) {
        ssize_t got;
        while (len < TEXT_MAX - 1 && (got = read(fd, text + len, TEXT_MAX - 1 - len)) > 0) {
            len += (size_t)got;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (len == 0) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

/* The value of a line of this metric, or -1. */
static double value_of(const char *line, const char *name, const char *label) {
    const size_t n = strlen(name);
    if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '{')) {
        return -1;
    }
    const char *end = strchr(line, '\n');
    const char *found = label ? strstr(line, label) : line;
    if (!end || !found || found > end) {
        return -1;
    }
    const char *space = end;
    while (space > line && *space != ' ') {
        space--;
    }
    return strtod(space, NULL);
}

double scrape(const char *address, const char *name, const char *label) {
    char *text = get(address, "/metrics");
    double sum = -1;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const double v = value_of(line, name, label);
        if (v >= 0) {
            sum = sum < 0 ? v : sum + v;
        }
    }
    free(text);
    return sum;
}

bool scrape_ready(const char *address) {
    char *text = get(address, "/readyz");
    const bool ready = text && strncmp(text + sizeof "HTTP/1.1" - 1, " 200", 4) == 0;
    free(text);
    return ready;
}
