/* SPDX-License-Identifier: Apache-2.0
 * crew.c -- see crew.h. */
#include "crew.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "http_get.h"
#include "input_records.h"
#include "scrape.h"

enum { TEXT_MAX = 16384, WORDS_MAX = 8, MORE_MAX = 4 };

void crew_show_logs(const struct crew *c) {
    for (int k = 0; k < CREW_MAX; k++) {
        if (c->members[k].daemon) {
            fprintf(stderr, "---- log of instance %d\n", k);
            daemon_fixture_show_log(c->members[k].daemon);
        }
    }
}

/* ---- configuration ------------------------------------------------------------------------- */

static void set_named(struct crew *c, const char *key, const char *name, const char *what) {
    char text[96];
    snprintf(text, sizeof text, "%s-%s", name, what);
    stand_set(c->s, key, text);
}

/* Topics of a file alone: there are no others then. */
static const char INI[] = "[domain.course]\n[domain.food]\nrepeats = yes\n"
                          "[topic.@-courses]\ndomain = course\nschema = CourseView\n"
                          "[topic.@-dishes]\ndomain = food\nschema = FoodOrder\n";

void crew_begin(struct crew *c, const char *group, const char *input, int32_t partitions) {
    crew_end(c);
    c->partitions = partitions;
    snprintf(c->group, sizeof c->group, "%s", group);
    stand_begin(c->s, group, input_ini(INI, input));
    stand_set(c->s, "crossrec.state", "kafka");
    stand_set(c->s, "crossrec.clock", "stream");
    set_named(c, "state.topic", group, "state");
    set_named(c, "model.topic", group, "model");
    set_named(c, "model.items.topic", group, "items");
    set_named(c, "outbox.topic", group, "outbox");
    stand_set(c->s, "kafka.session.timeout.ms", "3000");
    stand_set(c->s, "kafka.heartbeat.interval.ms", "300");
    stand_set(c->s, "kafka.transaction.timeout.ms", "5000");
    stand_set(c->s, "kafka.socket.timeout.ms", "4000");
}

/* A broker that is starved of time is fenced off for a moment, and makes no topics. */
static bool created(struct crew *c, const char *topic, int32_t partitions) {
    char err[CONFIG_ERROR_MAX] = "";
    return kafka_topics_create(&c->s->cfg, &topic, 1, partitions, 1, err) == ST_OK;
}

void crew_create(struct crew *c, const char *topic, int32_t partitions) {
    CREW_AWAIT(c, created(c, topic, partitions));
}

void crew_load(struct crew *c) {
    stand_load(c->s);
    for (uint32_t t = 0; t < c->s->cfg.n_topics; t++) {
        crew_create(c, c->s->cfg.topics[t].name, c->partitions);
    }
    crew_create(c, c->s->cfg.dead_letters, 1);
}

void crew_end(struct crew *c) {
    for (int k = 0; k < CREW_MAX; k++) {
        daemon_fixture_free(c->members[k].daemon);
        c->members[k].daemon = NULL;
    }
}

/* ---- instances ----------------------------------------------------------------------------- */

void crew_start(struct crew *c, int k, const char *const *more) {
    struct member *m = &c->members[k];
    char http[64];
    char id[64];
    const char *sets[STAND_SETS + MORE_MAX + 2];
    size_t n = 0;
    for (; n < c->s->n_sets; n++) {
        sets[n] = c->s->sets[n];
    }
    daemon_fixture_http(k + 1, m->http, sizeof m->http);
    snprintf(http, sizeof http, "http.address=%s", m->http);
    snprintf(id, sizeof id, "instance.id=%s-%d", c->group, k);
    sets[n++] = http;
    sets[n++] = id;
    for (; more && *more; more++) {
        sets[n++] = *more;
    }
    assert_null(m->daemon);
    m->daemon = daemon_fixture_start_with(c->s->ini, sets, n);
    assert_non_null(m->daemon);
}

static void discard(struct member *m) {
    daemon_fixture_free(m->daemon);
    m->daemon = NULL;
}

int64_t crew_term(struct crew *c, int k) {
    const int64_t start_ms = stand_now_ms();
    CREW_EXPECT(c, daemon_fixture_term(c->members[k].daemon, CREW_TERM_MS) == 0);
    discard(&c->members[k]);
    return stand_now_ms() - start_ms;
}

void crew_kill(struct crew *c, int k) {
    daemon_fixture_kill(c->members[k].daemon);
    discard(&c->members[k]);
}

void crew_await_end(struct crew *c, int k, const char *text) {
    struct member *m = &c->members[k];
    CREW_AWAIT(c, !daemon_fixture_runs(m->daemon));
    CREW_EXPECT(c, daemon_fixture_term(m->daemon, 1000) != 0);
    if (!daemon_fixture_logged(m->daemon, text)) {
        crew_show_logs(c);
        fail_msg("it did not say: %s", text);
    }
    discard(m);
}

/* ---- what is seen from outside --------------------------------------------------------------- */

int crew_tasks(struct crew *c, int k) {
    return (int)scrape(c->members[k].http, "crossrec_tasks", "state=\"running\"");
}

bool crew_ready(struct crew *c, int k) {
    return scrape_ready(c->members[k].http);
}

json_t *crew_model(struct crew *c, int k, int items) {
    char path[64];
    char err[256];
    struct http_page page;
    snprintf(path, sizeof path, "/model?items=%d", items);
    if (http_get(c->members[k].http, path, NULL, &page, err, sizeof err)) {
        return NULL;
    }
    json_t *v = page.code == 200 ? json_loadb(page.body, page.len, 0, NULL) : NULL;
    free(page.body);
    return v;
}

static json_int_t number(const json_t *v, const char *key) {
    return json_integer_value(json_object_get(v, key));
}

/* The model's position at an instance that has all of so many events and nothing pending; -1: it is
 * not so far. Its tasks are added to *tasks. */
static json_int_t settled_at(struct crew *c, int k, int64_t events, int *tasks) {
    json_t *v = crew_model(c, k, 0);
    const bool settled = v && json_is_true(json_object_get(v, "ready")) &&
                         number(v, "pending") == 0 && number(v, "events") == events &&
                         number(v, "lag_ms") == 0 && crew_ready(c, k);
    const json_int_t position = settled ? number(v, "position") : -1;
    *tasks += (int)number(v, "tasks");
    json_decref(v);
    return position;
}

static bool all_at(struct crew *c, int n, int64_t events, json_int_t *position) {
    int tasks = 0;
    *position = settled_at(c, 0, events, &tasks);
    bool settled = *position >= 0;
    for (int k = 1; k < n && settled; k++) {
        settled = settled_at(c, k, events, &tasks) == *position;
    }
    return settled && tasks == c->partitions;
}

/* Twice, and the log did not grow in between. */
bool crew_settled(struct crew *c, int n, int64_t events) {
    json_int_t first;
    json_int_t second;
    if (!all_at(c, n, events, &first)) {
        return false;
    }
    const int64_t end = stand_records(c->s, c->s->cfg.model_topic);
    return all_at(c, n, events, &second) && first == second &&
           end == stand_records(c->s, c->s->cfg.model_topic);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void child(struct crew *c, const char *const *words, int out) {
    char *argv[2 * STAND_SETS + WORDS_MAX + 4] = {strdup("crossrec")};
    size_t n = 1;
    for (; *words && n < WORDS_MAX; words++) {
        argv[n++] = strdup(*words);
    }
    argv[n++] = strdup("--config");
    argv[n++] = strdup(c->s->ini);
    for (size_t k = 0; k < c->s->n_sets; k++) {
        argv[n++] = strdup("--set");
        argv[n++] = strdup(c->s->sets[k]);
    }
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execv(BINARY_DIR "/crossrec", argv);
    _exit(127);
}

int crew_run(struct crew *c, const char *const *words, const char **text) {
    static char said[TEXT_MAX];
    int fds[2];
    int status = 0;
    size_t len = 0;
    ssize_t got;
    assert_int_equal(pipe(fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        child(c, words, fds[1]);
    }
    close(fds[1]);
    while (len < sizeof said - 1 && (got = read(fds[0], said + len, sizeof said - 1 - len)) > 0) {
        len += (size_t)got;
    }
    close(fds[0]);
    said[len] = '\0';
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    *text = said;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
