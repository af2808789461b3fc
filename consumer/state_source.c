/* SPDX-License-Identifier: Apache-2.0
 * state_source.c -- see state_source.h. */
#include "state_source.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "kafka.h"
#include "progress.h"

enum { BATCH = 256, WAIT_MS = 200, SILENCE_MS = 60000, PATH_ROOM = 600 };

/* ---- the topic ---------------------------------------------------------------------------- */

static enum status tell_silence(const struct config *cfg, struct kafka_reader *reader, char *err) {
    char why[CONFIG_VALUE_MAX] = "a transaction is open, or brokers are away; type crossrec check";
    (void)kafka_reader_problem(reader, why, sizeof why); /* knows more, or leaves it */
    snprintf(err, CONFIG_ERROR_MAX, "topic %s: nothing came for %d s before its end: %s",
             cfg->state_topic, SILENCE_MS / 1000, why);
    return ST_IO;
}

static enum status hand_over(const struct record *records, size_t n, int32_t task,
                             const struct state_sink *sink) {
    enum status st = ST_OK;
    for (size_t k = 0; !st && k < n; k++) {
        const struct record *r = &records[k];
        const struct state_row s = {.task = r->partition,
                                    .offset = r->offset,
                                    .key = r->key,
                                    .value = r->value,
                                    .key_len = r->key ? r->key_len : 0,
                                    .value_len = r->value_len};
        if (task == STATE_TASK_ALL || task == r->partition) {
            st = sink->record(sink->ctx, &s);
        }
    }
    return st;
}

enum status state_source_topic(const struct config *cfg, int32_t task,
                               const struct state_sink *sink, char *err) {
    struct record records[BATCH];
    const char *name = cfg->state_topic;
    struct kafka_reader *reader = NULL;
    struct progress progress;
    uint64_t done = 0;
    enum status st = kafka_reader_new(cfg, &name, 1, &reader, err);
    int64_t since_ms = clock_mono_ms();
    progress_start(&progress, 0);
    while (!st) {
        const size_t n = kafka_reader_poll(reader, records, BATCH, WAIT_MS);
        st = hand_over(records, n, task, sink);
        done += n;
        progress_show(&progress, done, "records", false);
        since_ms = n ? clock_mono_ms() : since_ms;
        if (!st && kafka_reader_complete(reader)) {
            break;
        }
        if (!st && clock_mono_ms() - since_ms > SILENCE_MS) {
            st = tell_silence(cfg, reader, err);
        }
    }
    progress_show(&progress, done, "records", true);
    kafka_reader_free(reader);
    return st;
}

/* ---- checkpoints -------------------------------------------------------------------------- */

struct walk {
    const struct state_sink *sink;
    int32_t task;
};

static enum status take_record(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                               size_t value_len) {
    const struct walk *w = ctx;
    const struct state_row r = {.task = w->task,
                                .offset = -1,
                                .key = key,
                                .value = value,
                                .key_len = key_len,
                                .value_len = value_len};
    return w->sink->record(w->sink->ctx, &r);
}

static enum status read_one(const char *dir, int32_t task, const struct state_sink *sink,
                            char *err) {
    struct checkpoint *c = NULL;
    struct walk w = {sink, task};
    err[0] = '\0';
    enum status st = checkpoint_open(dir, (uint32_t)task, 0, &c, err);
    if (st) {
        return st;
    }
    st = checkpoint_each(c, take_record, &w);
    snprintf(err, CONFIG_ERROR_MAX, "%s", checkpoint_problem(c));
    if (!st && sink->checkpoint) {
        sink->checkpoint(sink->ctx, task, c);
    }
    checkpoint_close(c);
    return st;
}

/* The number that a folder's name is, without leading zeros; -1: none. */
static int32_t task_of(const char *name) {
    char again[16];
    char *end = NULL;
    const long v = strtol(name, &end, 10);
    if (v < 0 || v > INT32_MAX || *end) {
        return -1;
    }
    snprintf(again, sizeof again, "%ld", v);
    return strcmp(again, name) == 0 ? (int32_t)v : -1;
}

static bool has_data(const char *dir) {
    char path[PATH_ROOM];
    const int n = snprintf(path, sizeof path, "%s/data.mdb", dir);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static int by_number(const void *a, const void *b) {
    const int32_t *x = a;
    const int32_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* Adds one; *tasks is freed by the caller. */
static enum status remember(int32_t **tasks, size_t *n, int32_t task) {
    int32_t *more = realloc(*tasks, (*n + 1) * sizeof *more);
    if (!more) {
        return ST_NOMEM;
    }
    more[(*n)++] = task;
    *tasks = more;
    return ST_OK;
}

/* Tasks that have a checkpoint in dir, sorted. */
static enum status list_tasks(const char *dir, int32_t **tasks, size_t *n, char *err) {
    char path[PATH_ROOM];
    enum status st = ST_OK;
    DIR *d = opendir(dir);
    if (!d) {
        snprintf(err, CONFIG_ERROR_MAX, "%s: %s", dir, strerror(errno));
        return ST_IO;
    }
    for (struct dirent *e = readdir(d); e && !st; e = readdir(d)) {
        const int32_t task = task_of(e->d_name);
        const int len = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (task >= 0 && len > 0 && (size_t)len < sizeof path && has_data(path)) {
            st = remember(tasks, n, task);
        }
    }
    closedir(d);
    if (*n > 0) {
        qsort(*tasks, *n, sizeof **tasks, by_number);
    }
    return st;
}

/* Reads the wanted ones of those. */
static enum status read_tasks(const char *dir, int32_t task, const struct state_sink *sink,
                              char *err) {
    int32_t *tasks = NULL;
    size_t n = 0;
    size_t taken = 0;
    enum status st = list_tasks(dir, &tasks, &n, err);
    for (size_t k = 0; k < n && !st; k++) {
        if (task == STATE_TASK_ALL || task == tasks[k]) {
            taken++;
            st = read_one(dir, tasks[k], sink, err);
        }
    }
    free(tasks);
    if (!st && taken == 0) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "%s: no checkpoint there: give the folder that state.dir names", dir);
        return ST_NOT_FOUND;
    }
    return st;
}

enum status state_source_checkpoint(const char *dir, int32_t task, const struct state_sink *sink,
                                    char *err) {
    char path[PATH_ROOM];
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    if (len >= sizeof path) {
        snprintf(err, CONFIG_ERROR_MAX, "the name of the folder is too long");
        return ST_INVALID;
    }
    memcpy(path, dir, len);
    path[len] = '\0';
    if (!has_data(path)) {
        return read_tasks(path, task, sink, err);
    }
    char *slash = strrchr(path, '/'); /* the folder of one task */
    const int32_t own = task_of(slash ? slash + 1 : path);
    if (own < 0 || (task != STATE_TASK_ALL && task != own)) {
        snprintf(err, CONFIG_ERROR_MAX, "%s: not the folder of %s", path,
                 own < 0 ? "a task: their names are numbers" : "that task");
        return ST_NOT_FOUND;
    }
    if (slash) {
        *slash = '\0';
    }
    return read_one(slash ? (slash == path ? "/" : path) : ".", own, sink, err);
}
