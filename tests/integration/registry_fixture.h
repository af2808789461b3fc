/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_fixture.h -- a private Apicurio Registry for one test program.
 *
 * It speaks the Confluent API on a loopback address of its own, 127.8.n.1 (n from the pid, the
 * next free one), port 8080, and with TLS on port 8443; its data are in files (H2, each change at
 * once) in a fresh temporary directory, so that they outlive a kill. It starts in one to three
 * seconds, needs 220 MB, and dies with the test, even if the test crashes. registry_install.sh puts
 * it into the cache, once.
 *
 * Threads: start and restart it on the main thread; it dies with the thread that started it.
 */
#ifndef REGISTRY_FIXTURE_H
#define REGISTRY_FIXTURE_H

#include <stdbool.h>

struct registry_fixture;

/** 0 if java, openssl and the registry are there. Else prints what is missing and returns what
 *  main() is to return: 77 (skipped), or 1 if CI is set. */
int registry_fixture_missing(void);

/** Starts it and waits until it answers, 60 s at most. NULL with the reason and its log on stderr
 *  if it cannot. */
struct registry_fixture *registry_fixture_start(void);

/** "http://127.8.n.1:8080/apis/ccompat/v7", for registry.url. */
const char *registry_fixture_url(const struct registry_fixture *f);
/** The same by TLS; its certificate is signed by itself. */
const char *registry_fixture_tls_url(const struct registry_fixture *f);
/** The file of that certificate, for registry.ca. */
const char *registry_fixture_ca(const struct registry_fixture *f);

/** Ends it at once, as a crash does (kill -9). Its data stay. */
void registry_fixture_kill(struct registry_fixture *f);
/** Starts it again on the same data and address. False, with the reason on stderr, if it cannot. */
bool registry_fixture_restart(struct registry_fixture *f);
/** It takes connections, and does not answer (SIGSTOP); and again it does. */
void registry_fixture_freeze(struct registry_fixture *f);
void registry_fixture_thaw(struct registry_fixture *f);

/** Stops it and removes its data. NULL is allowed. */
void registry_fixture_stop(struct registry_fixture *f);

#endif
