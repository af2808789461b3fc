/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_explain.c -- questions of the admin endpoint, put by its threads and answered by the
 * learner's; see instance.h and instance_state.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_text.h"
#include "hash.h"
#include "instance_state.h"
#include "learner_log.h"
#include "mailbox.h"
#include "model_text.h"
#include "segments_text.h"

enum { ASK_MS = 2000, SENTENCE_MAX = 1024, TASKS_TEXT_MAX = 160 };

enum topic { ABOUT_USER, ABOUT_SEGMENTS, ABOUT_MODEL };

struct question {
    enum topic topic;
    uint32_t n; /* also of ABOUT_MODEL; from here on: of ABOUT_USER */
    uint8_t target;
    uint16_t user_len;
    char user[ID_LEN_MAX];
};

struct answer { /* one block: one that nobody waits for any more is freed by the mailbox */
    enum status status;
    char text[]; /* terminated */
};

/* A sentence, malloc'ed. */
static char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *say(const char *format, ...) {
    char *text = malloc(SENTENCE_MAX);
    if (text) {
        va_list args;
        va_start(args, format);
        const int n = vsnprintf(text, SENTENCE_MAX - 1, format, args);
        va_end(args);
        const size_t len = n < SENTENCE_MAX - 2 ? (size_t)n : SENTENCE_MAX - 2;
        memcpy(text + len, "\n", sizeof "\n");
    }
    return text;
}

/* ---- the asker's side: any thread ---------------------------------------------------------- */

static bool find_target(const struct instance *in, const char *name, uint8_t *out) {
    for (uint32_t k = 0; k < in->n_targets; k++) {
        if (strcmp(in->cfg->domains[in->targets[k]].name, name) == 0) {
            *out = in->targets[k];
            return true;
        }
    }
    return false;
}

static char *say_no_target(const struct instance *in, const char *name) {
    char known[SENTENCE_MAX / 2] = "";
    size_t len = 0;
    for (uint32_t k = 0; k < in->n_targets && len < sizeof known; k++) {
        len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", k > 0 ? ", " : "",
                                in->cfg->domains[in->targets[k]].name);
    }
    return say("there is no target %.100s here; there are: %s", name, known);
}

/* A whole number of [least, most], which is what the argument called `name` must be. */
static bool read_number(const char *name, const char *given, unsigned long least,
                        unsigned long most, uint32_t *out, char **text) {
    char *end = NULL;
    const unsigned long n = strtoul(given, &end, 10);
    if (*given < '0' || *given > '9' || *end || n < least || n > most) {
        *text = say("%s must be a whole number from %lu to %lu", name, least, most);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

/* The question, or why it is none. */
static enum status read_question(const struct instance *in, const struct explain_query *q,
                                 struct question *out, char **text) {
    *out = (struct question){.n = (uint32_t)in->cfg->list_n};
    if (!q->user || q->user_len < 1 || q->user_len > ID_LEN_MAX || !q->target) {
        *text = say("which user (1 to %d bytes), which target? Type /explain?user=ID&target=%s",
                    (int)ID_LEN_MAX, in->n_targets ? in->cfg->domains[in->targets[0]].name : "");
        return ST_INVALID;
    }
    if (q->n && !read_number("n", q->n, 1, CONFIG_LIST_MAX, &out->n, text)) {
        return ST_INVALID;
    }
    if (!find_target(in, q->target, &out->target)) {
        *text = say_no_target(in, q->target);
        return ST_NOT_FOUND;
    }
    memcpy(out->user, q->user, q->user_len);
    out->user_len = (uint16_t)q->user_len;
    return ST_OK;
}

static enum status ask(struct instance *in, const struct question *q, char **text) {
    void *answer = NULL;
    enum status st = mailbox_ask(in->mailbox, q, ASK_MS, &answer);
    if (st) {
        *text = st == ST_AGAIN ? say("somebody else is asking; try again")
                               : say("the learner did not answer within %d s: it is waiting for "
                                     "Kafka, or stops; try again, and see /readyz",
                                     ASK_MS / 1000);
        return st;
    }
    if (!answer) {
        *text = NULL;
        return ST_NOMEM;
    }
    const struct answer *a = answer;
    st = a->status;
    memmove(answer, a->text, strlen(a->text) + 1);
    *text = answer;
    return st;
}

enum status instance_explain(struct instance *in, const struct explain_query *q, char **text) {
    struct question question;
    const enum status st = read_question(in, q, &question, text);
    return st ? st : ask(in, &question, text);
}

enum status instance_segments(struct instance *in, char **text) {
    const struct question question = {.topic = ABOUT_SEGMENTS};
    return ask(in, &question, text);
}

enum status instance_model(struct instance *in, const char *items, char **text) {
    struct question question = {.topic = ABOUT_MODEL};
    if (in->cfg->state != STATE_KAFKA) {
        *text = say("state = memory: the model is this instance's own, nobody shares it");
        return ST_NOT_FOUND;
    }
    if (items && !read_number("items", items, 0, MODEL_TOP_MAX, &question.n, text)) {
        return ST_INVALID;
    }
    return ask(in, &question, text);
}

/* ---- the learner's side -------------------------------------------------------------------- */

static bool runs(struct instance *in, uint32_t p) {
    const struct place *pl = instance_place(in, p);
    return pl && pl->task.state == TASK_RUNNING;
}

/* "0-3, 7" */
static void name_tasks(struct instance *in, char text[TASKS_TEXT_MAX]) {
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t p = 0; p < in->n_places && len < TASKS_TEXT_MAX; p++) {
        if (!runs(in, p)) {
            continue;
        }
        const uint32_t first = p;
        while (p + 1 < in->n_places && runs(in, p + 1)) {
            p++;
        }
        const char *comma = len > 0 ? ", " : "";
        len += (size_t)(first == p ? snprintf(text + len, TASKS_TEXT_MAX - len, "%s%u", comma, p)
                                   : snprintf(text + len, TASKS_TEXT_MAX - len, "%s%u-%u", comma,
                                              first, p));
    }
}

static bool find_user(struct instance *in, const char *id, size_t len, struct explained *out) {
    const uint64_t hash = hash_id(id, len);
    for (uint32_t p = 0; p < in->n_places; p++) {
        const uint32_t slot =
            runs(in, p) ? users_find(learner_users(in->learner, p), hash) : USER_NONE;
        if (slot != USER_NONE) {
            out->task = p;
            out->user = slot;
            return true;
        }
    }
    return false;
}

/* By the id of the events, or by the one that the partner of the target knows him by. */
static bool find_either(struct instance *in, const struct question *q, struct explained *out) {
    char buf[ID_LEN_MAX];
    const char *user = NULL;
    size_t len = 0;
    if (find_user(in, q->user, q->user_len, out)) {
        return true;
    }
    return in->identity &&
           identity_user(in->identity, q->target, q->user, q->user_len, buf, &user, &len) !=
               ST_RANGE &&
           find_user(in, user, len, out);
}

static char *say_no_user(struct instance *in) {
    char tasks[TASKS_TEXT_MAX];
    name_tasks(in, tasks);
    return say("no such user in the partitions of this instance, %s: ids are exact, as in the "
               "events; he may have had no event yet, be erased, or be another instance's",
               tasks);
}

static enum status rank(struct instance *in, const struct question *q, struct explained *e,
                        char **text) {
    struct explanation *why = malloc(sizeof *why);
    if (!why) {
        return ST_NOMEM;
    }
    enum status st =
        learner_explain(in->learner, e->task, e->user, e->target, e->now_ms, q->n, why);
    if (!st) {
        e->why = why;
        *text = explain_text(e);
        st = *text ? ST_OK : ST_NOMEM;
    }
    free(why);
    return st;
}

static enum status tell_user(struct instance *in, const struct question *q, char **text) {
    struct explained e = {.cfg = in->cfg,
                          .learner = in->learner,
                          .target = q->target,
                          .now_ms = instance_clock_ms(in)};
    enum status st = find_either(in, q, &e) ? rank(in, q, &e, text) : ST_NOT_FOUND;
    if (st == ST_NOT_FOUND) {
        *text = say_no_user(in);
    }
    return st;
}

static enum status tell_segments(struct instance *in, char **text) {
    const char *names[DOMAINS_MAX] = {NULL};
    const int64_t now_ms = instance_clock_ms(in);
    struct segment_cards *cards = malloc(sizeof *cards);
    if (!cards) {
        return ST_NOMEM;
    }
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        names[d] = in->cfg->domains[d].name;
    }
    enum status st = learner_segments(in->learner, now_ms, names, cards);
    if (!st) {
        *text = segments_text(in->cfg, learner_content(in->learner), cards, now_ms);
        st = *text ? ST_OK : ST_NOMEM;
    }
    free(cards);
    return st;
}

static uint32_t count_running(struct instance *in) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < in->n_places; p++) {
        n += runs(in, p);
    }
    return n;
}

static enum status tell_model(struct instance *in, const struct question *q, char **text) {
    const struct model_log *log = in->durable->model;
    struct model_state m = {.cfg = in->cfg,
                            .shared = learner_shared(in->learner),
                            .ready = model_log_ready(log),
                            .progress = model_log_progress(log),
                            .lag_ms = model_log_lag_ms(log),
                            .tasks = count_running(in),
                            .top = q->n};
    m.digest.position = learner_log_position(in->learner);
    m.digest.pending = learner_log_pending(in->learner, &m.pending_bytes);
    enum status st = m.ready ? learner_digest(in->learner, &m.digest) : ST_OK;
    if (st) { /* counts may be missing in the view */
        instance_fail(in, st, "out of memory for a digest of the shared model");
        return ST_NOMEM;
    }
    *text = model_text(&m);
    return *text ? ST_OK : ST_NOMEM;
}

/* *text is malloc'ed; NULL: out of memory. */
static enum status answer_to(struct instance *in, const struct question *q, char **text) {
    if (q->topic == ABOUT_MODEL) {
        return tell_model(in, q, text);
    }
    uint32_t p = 0;
    while (p < in->n_places && !runs(in, p)) {
        p++;
    }
    if (p == in->n_places) {
        *text = say("no partition runs here yet: see /readyz");
        return ST_AGAIN;
    }
    switch (q->topic) {
    case ABOUT_USER: return tell_user(in, q, text);
    case ABOUT_SEGMENTS: return tell_segments(in, text);
    case ABOUT_MODEL: break; /* above */
    }
    return ST_INVALID;
}

void instance_answer(struct instance *in) {
    const struct question *q = mailbox_look(in->mailbox);
    if (!q) {
        return;
    }
    char *text = NULL;
    const enum status st = answer_to(in, q, &text);
    const size_t len = text ? strlen(text) : 0;
    struct answer *a = text ? malloc(sizeof *a + len + 1) : NULL;
    if (a) {
        a->status = st;
        memcpy(a->text, text, len + 1);
    }
    free(text);
    mailbox_answer(in->mailbox, a);
}

enum status instance_explain_new(struct instance *in) {
    return mailbox_new(sizeof(struct question), &in->mailbox);
}
