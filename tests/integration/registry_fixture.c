/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_fixture.c -- see registry_fixture.h.
 */
#include "registry_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

enum {
    READY_TIMEOUT_MS = 60000,
    STOP_TIMEOUT_MS = 5000,
    LOOPBACK = 8, /* 127.8.n.1 */
    PORT = 8080,
    TLS_PORT = 8443,
};

#define API "/apis/ccompat/v7"

struct registry_fixture {
    struct server server;
    char url[80], tls_url[80], ca[64];
};

/* ---- what is installed --------------------------------------------------------------- */

static const char *what_is_missing(char *cache, size_t len) {
    char marker[SERVER_PATH_MAX + 16];
    if (!server_has("java")) {
        return "java is not installed";
    }
    if (!server_has("openssl")) {
        return "openssl is not installed";
    }
    if (!server_cache("registry", cache, len)) {
        return "neither CROSSREC_CACHE nor XDG_CACHE_HOME nor HOME is set";
    }
    snprintf(marker, sizeof marker, "%s/app/version", cache);
    if (access(marker, R_OK)) {
        return "the registry is not in the cache: run tests/integration/registry_install.sh";
    }
    return NULL;
}

int registry_fixture_missing(void) {
    char cache[SERVER_PATH_MAX];
    return server_missing(what_is_missing(cache, sizeof cache));
}

/* ---- the server ---------------------------------------------------------------------- */

static bool make_certificate(const struct registry_fixture *f) {
    char command[SERVER_PATH_MAX];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=test -addext subjectAltName=IP:127.8.%d.1 -keyout %s/key.pem -out %s "
             ">%s/log 2>&1",
             f->server.n, f->server.dir, f->ca, f->server.dir);
    return system(command) == 0;
}

/* By hand and without libcurl, which is under test. */
static bool answers(const void *arg) {
    const struct registry_fixture *f = arg;
    static const char request[] = "GET " API "/subjects HTTP/1.0\r\n\r\n";
    struct sockaddr_in a = server_address(&f->server, PORT);
    char answer[16] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    bool ok = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 &&
              send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0 &&
              recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0;
    close(fd);
    return ok && strstr(answer, " 200");
}

static bool start_server(struct registry_fixture *f) {
    enum { N = 8 };
    const char *argv[SERVER_ARGS_MAX];
    static char args[N][SERVER_PATH_MAX + 64];
    snprintf(args[0], sizeof args[0], "-Dquarkus.http.host=127.8.%d.1", f->server.n);
    snprintf(args[1], sizeof args[1], "-Dquarkus.http.port=%d", PORT);
    snprintf(args[2], sizeof args[2], "-Dquarkus.http.ssl-port=%d", TLS_PORT);
    snprintf(args[3], sizeof args[3], "-Dquarkus.http.ssl.certificate.files=%s", f->ca);
    snprintf(args[4], sizeof args[4], "-Dquarkus.http.ssl.certificate.key-files=%s/key.pem",
             f->server.dir);
    snprintf(args[5], sizeof args[5],
             "-Dapicurio.datasource.url=jdbc:h2:file:%s/registry;WRITE_DELAY=0", f->server.dir);
    snprintf(args[6], sizeof args[6], "%s/app/registry.jar", f->server.cache);
    snprintf(args[7], sizeof args[7], "-XX:SharedArchiveFile=%s/registry.jsa", f->server.cache);
    static const char *const java[] = {"java",
                                       "-Xmx256m",
                                       "-XX:TieredStopAtLevel=1",
                                       "-XX:+UseSerialGC",
                                       "-Dquarkus.http.access-log.enabled=false",
                                       "-Dquarkus.http.insecure-requests=enabled",
                                       "-Dapicurio.storage.kind=sql",
                                       "-Dapicurio.storage.sql.kind=h2"};
    size_t n = 0;
    for (; n < sizeof java / sizeof *java; n++) {
        argv[n] = java[n];
    }
    if (access(strchr(args[7], '=') + 1, R_OK) == 0) {
        argv[n++] = args[7];
        argv[n++] = "-Xshare:auto";
    }
    for (size_t i = 0; i < 6; i++) {
        argv[n++] = args[i];
    }
    argv[n++] = "-jar";
    argv[n++] = args[6];
    argv[n] = NULL;
    return server_start(&f->server, argv, answers, f, READY_TIMEOUT_MS);
}

/* ---- life cycle -------------------------------------------------------------------------- */

struct registry_fixture *registry_fixture_start(void) {
    static const int ports[] = {PORT, TLS_PORT};
    struct registry_fixture *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    const char *why = what_is_missing(f->server.cache, sizeof f->server.cache);
    why = why ? why : server_prepare(&f->server, "registry", LOOPBACK, ports, 2);
    if (why) {
        fprintf(stderr, "registry_fixture: %s\n", why);
        free(f);
        return NULL;
    }
    const int n = f->server.n;
    snprintf(f->url, sizeof f->url, "http://127.%d.%d.1:%d" API, LOOPBACK, n, PORT);
    snprintf(f->tls_url, sizeof f->tls_url, "https://127.%d.%d.1:%d" API, LOOPBACK, n, TLS_PORT);
    snprintf(f->ca, sizeof f->ca, "%s/cert.pem", f->server.dir);
    if (!make_certificate(f)) {
        fprintf(stderr, "registry_fixture: openssl makes no certificate\n");
        server_print_log(&f->server);
        registry_fixture_stop(f);
        return NULL;
    }
    if (!start_server(f)) {
        registry_fixture_stop(f);
        return NULL;
    }
    return f;
}

const char *registry_fixture_url(const struct registry_fixture *f) {
    return f->url;
}

const char *registry_fixture_tls_url(const struct registry_fixture *f) {
    return f->tls_url;
}

const char *registry_fixture_ca(const struct registry_fixture *f) {
    return f->ca;
}

void registry_fixture_kill(struct registry_fixture *f) {
    server_kill(&f->server);
}

bool registry_fixture_restart(struct registry_fixture *f) {
    registry_fixture_kill(f);
    return start_server(f);
}

void registry_fixture_freeze(struct registry_fixture *f) {
    int status;
    kill(f->server.pid, SIGSTOP);
    waitpid(f->server.pid, &status, WUNTRACED); /* now it has stopped */
}

void registry_fixture_thaw(struct registry_fixture *f) {
    kill(f->server.pid, SIGCONT);
}

void registry_fixture_stop(struct registry_fixture *f) {
    if (!f) {
        return;
    }
    if (f->server.pid > 0) {
        registry_fixture_thaw(f);
    }
    server_end(&f->server, STOP_TIMEOUT_MS);
    free(f);
}
