/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h -- a server of a test that is a Java program: cache, loopback address, process, folder.
 * What kafka_fixture.c and registry_fixture.c share.
 *
 * The process writes to `log` in its folder and dies with the thread that started it, also when the
 * test crashes.
 */
#ifndef SERVER_H
#define SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SERVER_PATH_MAX = 512, SERVER_ARGS_MAX = 32, SERVER_DIR_MAX = 40 };

struct server {
    pid_t pid; /* 0: not running */
    int n;     /* it listens on 127.octet.n.1 */
    int octet;
    int claim; /* keeps the address; 0: somebody else's struct does */
    char dir[SERVER_DIR_MAX];
    char cache[SERVER_PATH_MAX];
};

/** Where NAME_install.sh puts things. False if the environment names no place. */
bool server_cache(const char *name, char *buf, size_t len);
/** Is there such a program? */
bool server_has(const char *program);
/** 0 if `why` is NULL; else prints it and returns what main() is to return: 77 (skipped), or 1 if
 * CI is set. */
int server_missing(const char *why);

/** Takes the addresses 127.octet.n.* for this program, until it closes *claim or ends: another that
 * asks gets another n, also while a server that was killed leaves its port free. The (n_ports,)
 * ports of 127.octet.n.1 are free.
 * @return n, 0 if none is free */
int server_claim(int octet, const int *ports, size_t n_ports, int *claim);

/** Takes an address with server_claim() and makes a folder /tmp/NAME-test-XXXXXX.
 *  @return NULL, or why not */
const char *server_prepare(struct server *s, const char *name, int octet, const int *ports,
                           size_t n_ports);
struct sockaddr_in server_address(const struct server *s, int port);

/** Starts a program; argv ends with NULL. @return its process, -1 if it cannot */
pid_t server_spawn(const struct server *s, const char *const *argv);
/** Starts it as s->pid and waits until answers(arg) is true. False, with its log on stderr, if it
 * ended or timeout_ms have passed. */
bool server_start(struct server *s, const char *const *argv, bool (*answers)(const void *arg),
                  const void *arg, int timeout_ms);
void server_kill(struct server *s); /* kill -9, waited for */
/** SIGTERM, after timeout_ms SIGKILL; removes the folder. */
void server_end(struct server *s, int timeout_ms);
void server_print_log(const struct server *s);

#endif
