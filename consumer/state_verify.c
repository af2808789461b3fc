/* SPDX-License-Identifier: Apache-2.0
 * state_verify.c -- see state_verify.h. */
#include "state_verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kafka.h"
#include "progress.h"
#include "report.h"
#include "state_look.h"
#include "state_table.h"

enum { SAID_MAX = 50, KAFKA_MS = 10000, KEY_SHOWN = 32 };

struct verify {
    const struct config *cfg;
    struct report report;
    struct items *items;
    struct content *content;
    struct state_table table;
    struct state_look look;
    uint64_t records, tombstones, users, tasks, bytes, bad;
    int64_t *ends; /* (n_ends,) of the changelog's partitions before it was read */
    int32_t n_ends;
};

const char *state_place(const struct state_row *r, const char *topic, char buf[STATE_PLACE_MAX]) {
    const uint8_t *key = r->key;
    if (r->offset >= 0) {
        snprintf(buf, STATE_PLACE_MAX, "%s/%" PRId32 "/%" PRId64, topic, r->task, r->offset);
        return buf;
    }
    int n = snprintf(buf, STATE_PLACE_MAX, "task %" PRId32 ", key ", r->task);
    for (size_t k = 0; k < r->key_len && k < KEY_SHOWN; k++) {
        n += snprintf(buf + n, (size_t)(STATE_PLACE_MAX - n), "%02x", key[k]);
    }
    return buf;
}

/* ---- records ----------------------------------------------------------------------------- */

static void bad_record(struct verify *v, const struct state_row *r, const char *why) {
    char place[STATE_PLACE_MAX];
    v->bad++;
    if (v->bad <= SAID_MAX) {
        report_problem(&v->report, "%s: %s", state_place(r, v->cfg->state_topic, place), why);
    } else {
        v->report.problems++; /* counted, and said in one line at the end */
    }
}

/* The newest record of its key. */
static enum status look_whole(struct verify *v, const struct state_row *r,
                              const struct state_key *key) {
    const struct user_words words = {v->items, v->content};
    const char *why = "";
    enum status st =
        state_look(&v->look, key, r->value, r->value_len, v->cfg->n_domains, &words, &why);
    if (st == ST_NOMEM) {
        return st;
    }
    v->users += key->kind == STATE_USER;
    v->tasks += key->kind == STATE_TASK;
    v->bytes += r->key_len + r->value_len;
    if (st) {
        bad_record(v, r, why);
    }
    return ST_OK;
}

/* Whole, as far as the envelope says. */
static bool is_sealed(struct verify *v, const struct state_row *r) {
    enum state_kind kind = STATE_USER;
    const uint8_t *body = NULL;
    size_t len = 0;
    enum status st = state_record_open(r->value, r->value_len, &kind, &body, &len);
    if (st) {
        bad_record(v, r, st == ST_RANGE ? "a later version wrote it" : "damaged");
    }
    return st == ST_OK;
}

static enum status take(void *ctx, const struct state_row *r) {
    struct verify *v = ctx;
    struct state_key key;
    v->records++;
    v->tombstones += r->value == NULL;
    if (state_key_parse(r->key, r->key_len, &key)) {
        bad_record(v, r, "a key of no user and no task");
        return ST_OK;
    }
    if (r->offset < 0) {
        return look_whole(v, r, &key);
    }
    const bool whole = r->value == NULL || is_sealed(v, r);
    /* One that is not whole was named; what stood before it does not count any more. */
    return state_table_put(&v->table, r->task, &key, r->offset, whole ? r->value : NULL,
                           r->value_len);
}

static enum status look_at_table(struct verify *v) {
    struct progress progress;
    enum status st = ST_OK;
    state_table_sort(&v->table);
    progress_start(&progress, v->table.n);
    for (size_t k = 0; !st && k < v->table.n; k++) {
        const struct state_entry *e = &v->table.entries[k];
        const struct state_row r = {.task = e->task,
                                    .offset = e->offset,
                                    .key_len = e->key.kind == STATE_USER ? STATE_KEY_USER_LEN
                                                                         : STATE_KEY_TASK_LEN,
                                    .value = e->value,
                                    .value_len = e->len};
        st = look_whole(v, &r, &e->key);
        progress_show(&progress, k, "keys", false);
    }
    progress_show(&progress, v->table.n, "keys", true);
    return st;
}

/* ---- positions --------------------------------------------------------------------------- */

enum state_agreement state_agreement(int64_t next, const struct state_offsets *o) {
    if (next >= 0 && next < o->low) {
        return STATE_RETAINED;
    }
    if (next > o->high) {
        return STATE_BEYOND;
    }
    if (o->committed < 0) {
        return STATE_UNCOMMITTED;
    }
    return o->committed == next ? STATE_AGREES : o->committed > next ? STATE_BEHIND : STATE_AHEAD;
}

static enum status offsets_of(const struct config *cfg, const char *topic, int32_t task,
                              struct state_offsets *out, char *err) {
    return kafka_positions(cfg, topic, task, KAFKA_MS, &out->committed, &out->low, &out->high, err);
}

/* The changelog's ends before it is read: what is longer afterwards belongs to a running group. */
static enum status ask_ends(struct verify *v, int32_t task, char *err) {
    struct kafka_topic_info info;
    const char *name = v->cfg->state_topic;
    enum status st = kafka_topics_describe(v->cfg, &name, 1, KAFKA_MS, &info, NULL, err);
    if (st || info.partitions <= 0) {
        return st; /* the reader says what is missing */
    }
    v->ends = calloc((size_t)info.partitions, sizeof *v->ends);
    v->n_ends = v->ends ? info.partitions : 0;
    st = v->ends ? ST_OK : ST_NOMEM;
    for (int32_t p = 0; !st && p < v->n_ends; p++) {
        struct state_offsets o = {-1, 0, 0};
        if (task == STATE_TASK_ALL || task == p) {
            st = offsets_of(v->cfg, name, p, &o, err);
            v->ends[p] = o.high;
        }
    }
    return st;
}

static bool has_moved(struct verify *v, int32_t task) {
    char err[CONFIG_ERROR_MAX];
    struct state_offsets o;
    return task < v->n_ends && !offsets_of(v->cfg, v->cfg->state_topic, task, &o, err) &&
           o.high > v->ends[task];
}

static void say_position(struct verify *v, int32_t task, const struct task_position *p,
                         const struct state_offsets *o, enum state_agreement a) {
    struct report *r = &v->report;
    const char *group = v->cfg->group;
    switch (a) {
    case STATE_AGREES: return;
    case STATE_UNCOMMITTED:
        report_note(r,
                    "task %" PRId32 ": group %s has committed nothing of %s; its record's %" PRId64
                    " is used",
                    task, group, p->topic, p->next);
        return;
    case STATE_BEHIND:
    case STATE_AHEAD:
        report_problem(r,
                       "task %" PRId32 ": %s: the record says %" PRId64
                       ", group %s has committed %" PRId64
                       "; somebody has reset the group: the record is used. To read from elsewhere "
                       "type crossrec topic reset %s",
                       task, p->topic, p->next, group, o->committed, p->topic);
        return;
    case STATE_RETAINED:
    case STATE_BEYOND:
        report_problem(r,
                       "task %" PRId32 ": %s: the record says %" PRId64 ", the topic has %" PRId64
                       " to %" PRId64 "; type crossrec topic reset %s --continue, or --rebuild",
                       task, p->topic, p->next, o->low, o->high, p->topic);
    }
}

static enum status compare_task(struct verify *v, int32_t task, const struct state_task *t,
                                char *err) {
    uint32_t agree = 0;
    for (uint32_t k = 0; k < t->n_topics; k++) {
        const struct task_position *p = &t->topics[k];
        struct state_offsets o;
        enum status st = offsets_of(v->cfg, p->topic, task, &o, err);
        if (st) {
            return st;
        }
        const enum state_agreement a = p->next < 0 ? STATE_AGREES : state_agreement(p->next, &o);
        const bool ahead = a == STATE_BEHIND || a == STATE_RETAINED;
        if (ahead && has_moved(v, task)) {
            report_note(&v->report, "task %" PRId32 ": it went on meanwhile", task);
            return ST_OK;
        }
        agree += a == STATE_AGREES;
        say_position(v, task, p, &o, a);
    }
    if (agree == t->n_topics) {
        report_ok(&v->report,
                  "task %" PRId32 ": epoch %" PRIu64 ", batch %" PRIu64 ": positions in %" PRIu32
                  " topics are what group %s has committed",
                  task, t->epoch, t->batch, agree, v->cfg->group);
    }
    return ST_OK;
}

static enum status compare_positions(struct verify *v, char *err) {
    const struct user_words words = {v->items, v->content};
    enum status st = ST_OK;
    for (size_t k = 0; !st && k < v->table.n; k++) {
        const struct state_entry *e = &v->table.entries[k];
        const char *why = "";
        if (e->key.kind == STATE_TASK &&
            !state_look(&v->look, &e->key, e->value, e->len, v->cfg->n_domains, &words, &why)) {
            st = compare_task(v, e->task, &v->look.task, err);
        }
    }
    return st;
}

/* ---- all of it --------------------------------------------------------------------------- */

static void say_checkpoint(void *ctx, int32_t task, struct checkpoint *c) {
    struct verify *v = ctx;
    struct checkpoint_mark m;
    char uuid[33];
    char bytes[PROGRESS_NUMBER_MAX];
    if (checkpoint_mark(c, &m)) {
        report_note(&v->report, "task %" PRId32 ": nothing was ever committed", task);
        return;
    }
    for (size_t k = 0; k < sizeof m.uuid; k++) {
        snprintf(uuid + 2 * k, 3, "%02x", m.uuid[k]);
    }
    report_ok(&v->report,
              "task %" PRId32 ": up to offset %" PRId64 " of changelog %s, file of %s bytes", task,
              m.offset, uuid, progress_number(checkpoint_bytes(c), bytes));
}

static void say_sums(struct verify *v) {
    char records[PROGRESS_NUMBER_MAX];
    char users[PROGRESS_NUMBER_MAX];
    char bytes[PROGRESS_NUMBER_MAX];
    if (v->bad > SAID_MAX) {
        report_note(&v->report, "%" PRIu64 " more records like these", v->bad - SAID_MAX);
    }
    report_ok(&v->report,
              "%s records, %" PRIu64 " of them tombstones; now %" PRIu64
              " tasks and %s users in %s bytes; %" PRIu64 " records cannot be read",
              progress_number(v->records, records), v->tombstones, v->tasks,
              progress_number(v->users, users), progress_number(v->bytes, bytes), v->bad);
}

static enum status verify_all(struct verify *v, const char *dir, int32_t task, char *err) {
    const struct state_sink sink = {.record = take, .checkpoint = say_checkpoint, .ctx = v};
    enum status st = items_new(v->cfg->n_domains, &v->items);
    st = st ? st : content_new(&v->content);
    if (!st && dir) {
        st = state_source_checkpoint(dir, task, &sink, err);
    } else if (!st) {
        st = ask_ends(v, task, err);
        st = st ? st : state_source_topic(v->cfg, task, &sink, err);
        st = st ? st : look_at_table(v);
        st = st ? st : compare_positions(v, err);
    }
    if (!st) {
        say_sums(v);
    }
    return st;
}

int state_verify(const struct config *cfg, const char *dir, int32_t task, FILE *out) {
    char err[CONFIG_ERROR_MAX] = "";
    struct verify *v = calloc(1, sizeof *v); /* large: it has a task */
    if (!v) {
        fprintf(stderr, "crossrec: %s\n", status_str(ST_NOMEM));
        return 1;
    }
    v->cfg = cfg;
    v->report.out = out;
    enum status st = verify_all(v, dir, task, err);
    if (st) {
        report_problem(&v->report, "%s", err[0] ? err : status_str(st));
    }
    const int problems = v->report.problems;
    if (problems > 0) {
        fprintf(out, "%d problem%s\n", problems, problems == 1 ? "" : "s");
    }
    state_look_free(&v->look);
    state_table_free(&v->table);
    items_free(v->items);
    content_free(v->content);
    free(v->ends);
    free(v);
    return problems;
}
