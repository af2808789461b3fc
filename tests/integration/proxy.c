/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy.c -- see proxy.h. One thread, one connection at a time, blocking.
 */
#include "proxy.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 1 << 20 };

static const char COMMAND[] = "*9\r\n$7\r\nEVALSHA";

struct proxy {
    char server[80], address[96];
    int listener, wake[2]; /* a byte in `wake` ends the thread */
    pthread_t thread;
    char *chunk; /* CHUNK bytes */

    pthread_mutex_t lock; /* of what follows */
    bool cut;
    size_t cut_bytes;
    void (*act)(void *arg);
    void *arg;
    size_t act_before;
    bool answering; /* the last bytes were an answer's */
    size_t turns;
};

static int unix_socket(const char *path, struct sockaddr_un *a) {
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static bool write_all(int fd, const char *s, size_t n) {
    while (n > 0) {
        ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
        if (k <= 0) {
            return false;
        }
        s += k;
        n -= (size_t)k;
    }
    return true;
}

/* Passes answers on; false ends the connection. `lines` counts their line ends. */
static bool pass_answers(struct proxy *p, int from, int to, size_t *lines) {
    ssize_t n = read(from, p->chunk, CHUNK);
    if (n <= 0) {
        return false;
    }
    size_t len = (size_t)n;
    bool over = false;
    pthread_mutex_lock(&p->lock);
    p->answering = true;
    if (p->cut) {
        over = len >= p->cut_bytes;
        len = over ? p->cut_bytes : len;
        p->cut_bytes -= len;
        p->cut = !over;
    }
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < len; i++) {
        *lines += p->chunk[i] == '\n';
    }
    return write_all(to, p->chunk, len) && !over;
}

/* The place of the n-th COMMAND in s, NULL if there are fewer. */
static char *nth_command(char *s, size_t n) {
    char *at = strstr(s, COMMAND);
    for (; at && n > 0; n--) {
        at = strstr(at + 1, COMMAND);
    }
    return at;
}

/* Requests of these tests arrive in one piece and hold no zero bytes when it matters. */
static bool pass_requests(struct proxy *p, int from, int to) {
    ssize_t n = read(from, p->chunk, CHUNK - 1);
    if (n <= 0) {
        return false;
    }
    p->chunk[n] = '\0';
    pthread_mutex_lock(&p->lock);
    p->turns += p->answering;
    p->answering = false;
    void (*act)(void *) = p->act;
    char *at = act ? nth_command(p->chunk, p->act_before) : NULL;
    size_t lines = p->act_before;
    if (at) {
        p->act = NULL;
    }
    pthread_mutex_unlock(&p->lock);
    if (!at) {
        return write_all(to, p->chunk, (size_t)n);
    }
    size_t head = (size_t)(at - p->chunk);
    size_t rest = (size_t)n - head;
    char *copy = malloc(rest);
    bool ok = copy && write_all(to, p->chunk, head);
    if (copy) {
        memcpy(copy, at, rest);
    }
    for (size_t seen = 0; ok && seen < lines;) {
        ok = pass_answers(p, to, from, &seen);
    }
    if (ok) {
        act(p->arg);
        ok = write_all(to, copy, rest);
    }
    free(copy);
    return ok;
}

/* False: the thread is to end. */
static bool serve(struct proxy *p, int client) {
    struct sockaddr_un a;
    int server = unix_socket(p->server, &a);
    bool go_on = true;
    bool ok = connect(server, (struct sockaddr *)&a, sizeof a) == 0;
    while (ok) {
        struct pollfd fds[3] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {p->wake[0], POLLIN, 0}};
        size_t lines = 0;
        poll(fds, 3, -1);
        if (fds[2].revents) {
            go_on = false;
            break;
        }
        ok = !fds[1].revents || pass_answers(p, server, client, &lines);
        ok = ok && (!fds[0].revents || pass_requests(p, client, server));
    }
    close(client);
    close(server);
    return go_on;
}

static void *run(void *arg) {
    struct proxy *p = arg;
    for (bool go_on = true; go_on;) {
        struct pollfd fds[2] = {{p->listener, POLLIN, 0}, {p->wake[0], POLLIN, 0}};
        poll(fds, 2, -1);
        int client = fds[1].revents ? -1 : accept(p->listener, NULL, NULL);
        go_on = client >= 0 && serve(p, client);
    }
    return NULL;
}

struct proxy *proxy_start(const char *server) {
    struct proxy *p = calloc(1, sizeof *p);
    struct sockaddr_un a;
    if (!p) {
        return NULL;
    }
    snprintf(p->server, sizeof p->server, "%s", server);
    snprintf(p->address, sizeof p->address, "unix:%s.proxy", server);
    p->chunk = malloc(CHUNK);
    p->listener = unix_socket(p->address + 5, &a);
    pthread_mutex_init(&p->lock, NULL);
    p->answering = true; /* so that the first request turns it, too */
    if (!p->chunk || pipe(p->wake) || bind(p->listener, (struct sockaddr *)&a, sizeof a) ||
        listen(p->listener, 8) || pthread_create(&p->thread, NULL, run, p)) {
        perror("proxy");
        exit(1); /* a test program: nothing to save */
    }
    return p;
}

void proxy_stop(struct proxy *p) {
    if (!p) {
        return;
    }
    (void)!write(p->wake[1], "x", 1);
    pthread_join(p->thread, NULL);
    close(p->listener);
    close(p->wake[0]);
    close(p->wake[1]);
    unlink(p->address + 5);
    pthread_mutex_destroy(&p->lock);
    free(p->chunk);
    free(p);
}

const char *proxy_address(const struct proxy *p) {
    return p->address;
}

void proxy_cut_answers(struct proxy *p, size_t bytes) {
    pthread_mutex_lock(&p->lock);
    p->cut = true;
    p->cut_bytes = bytes;
    pthread_mutex_unlock(&p->lock);
}

void proxy_interrupt(struct proxy *p, size_t n, void (*act)(void *arg), void *arg) {
    pthread_mutex_lock(&p->lock);
    p->act = act;
    p->arg = arg;
    p->act_before = n;
    pthread_mutex_unlock(&p->lock);
}

size_t proxy_turns(struct proxy *p) {
    pthread_mutex_lock(&p->lock);
    const size_t turns = p->turns;
    pthread_mutex_unlock(&p->lock);
    return turns;
}
