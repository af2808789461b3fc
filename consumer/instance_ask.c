/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_ask.c -- questions of the admin endpoint, put by its threads and answered by the
 * learner's; see instance.h and instance_ask.h.
 */
#include "instance_ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learner_log.h"
#include "mailbox.h"
#include "model_text.h"
#include "segment_scan.h"

enum { ASK_MS = 2000 };

struct answer { /* one block: one that nobody waits for any more is freed by the mailbox */
    enum status status;
    char text[]; /* terminated */
};

char *instance_say(const char *format, ...) {
    char *text = malloc(SAY_MAX);
    if (text) {
        va_list args;
        va_start(args, format);
        const int n = vsnprintf(text, SAY_MAX - 1, format, args);
        va_end(args);
        const size_t len = n < SAY_MAX - 2 ? (size_t)n : SAY_MAX - 2;
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

static bool find_domain(const struct instance *in, const char *name, uint8_t *out) {
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        if (strcmp(in->cfg->domains[d].name, name) == 0) {
            *out = (uint8_t)d;
            return true;
        }
    }
    return false;
}

/* "there is no target drinks here; there are: course, food" */
static char *say_no(const struct instance *in, const char *what, const char *name, bool targets) {
    char known[SAY_MAX / 2] = "";
    size_t len = 0;
    for (uint32_t d = 0; d < in->cfg->n_domains && len < sizeof known; d++) {
        uint8_t at = 0;
        const char *domain = in->cfg->domains[d].name;
        if (!targets || find_target(in, domain, &at)) {
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len > 0 ? ", " : "",
                                    domain);
        }
    }
    return instance_say("there is no %s %.100s here; there are: %s", what, name, known);
}

/* A whole number of [least, most], which is what the argument called `name` must be. */
static bool read_number(const char *name, const char *given, unsigned long least,
                        unsigned long most, uint32_t *out, char **text) {
    char *end = NULL;
    const unsigned long n = strtoul(given, &end, 10);
    if (*given < '0' || *given > '9' || *end || n < least || n > most) {
        *text = instance_say("%s must be a whole number from %lu to %lu", name, least, most);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

/* The arguments that are given. */
static enum status read_arguments(const struct instance *in, const struct query *given,
                                  struct question *out, char **text) {
    if (given->n && !read_number("n", given->n, 1, CONFIG_LIST_MAX, &out->n, text)) {
        return ST_INVALID;
    }
    if (given->target && !find_target(in, given->target, &out->target)) {
        *text = say_no(in, "target", given->target, true);
        return ST_NOT_FOUND;
    }
    if (given->domain && !find_domain(in, given->domain, &out->domain)) {
        *text = say_no(in, "domain", given->domain, false);
        return ST_NOT_FOUND;
    }
    return ST_OK;
}

static bool read_id(struct question *q, const char *id, size_t len) {
    if (!id || len < 1 || len > ID_LEN_MAX) {
        return false;
    }
    memcpy(q->id, id, len);
    q->id_len = (uint16_t)len;
    return true;
}

static enum status put(struct instance *in, const struct question *q, char **text) {
    void *answer = NULL;
    enum status st = mailbox_ask(in->mailbox, q, ASK_MS, &answer);
    if (st) {
        *text = st == ST_AGAIN
                    ? instance_say("somebody else is asking; try again")
                    : instance_say("the learner did not answer within %d s: it is waiting for "
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

static struct question about(enum topic topic) {
    return (struct question){.topic = topic, .target = EVERY_DOMAIN, .domain = EVERY_DOMAIN};
}

static enum status ask_user(struct instance *in, const struct query *given, enum topic topic,
                            char **text) {
    struct question q = about(topic);
    if (!read_id(&q, given->user, given->user_len)) {
        *text = instance_say("which user (1 to %d bytes)? Type /%s?user=ID", (int)ID_LEN_MAX,
                             topic == ABOUT_USER ? "get" : "explain");
        return ST_INVALID;
    }
    const enum status st = read_arguments(in, given, &q, text);
    return st ? st : put(in, &q, text);
}

enum status instance_get(struct instance *in, const struct query *q, char **text) {
    return ask_user(in, q, ABOUT_USER, text);
}

enum status instance_explain(struct instance *in, const struct query *q, char **text) {
    return ask_user(in, q, ABOUT_WHY, text);
}

enum status instance_similar(struct instance *in, const struct query *given, char **text) {
    struct question q = about(ABOUT_SIMILAR);
    if (!read_id(&q, given->item, given->item_len)) {
        *text = instance_say("which item (1 to %d bytes)? Type /similar?item=ID", (int)ID_LEN_MAX);
        return ST_INVALID;
    }
    const enum status st = read_arguments(in, given, &q, text);
    return st ? st : put(in, &q, text);
}

enum status instance_top(struct instance *in, const struct query *given, char **text) {
    struct question q = about(ABOUT_TOP);
    if (!given->domain) {
        *text = instance_say("of which domain? Type /top?domain=%s", in->cfg->domains[0].name);
        return ST_INVALID;
    }
    const enum status st = read_arguments(in, given, &q, text);
    return st ? st : put(in, &q, text);
}

enum status instance_segments(struct instance *in, char **text) {
    const struct question q = about(ABOUT_SEGMENTS);
    return put(in, &q, text);
}

enum status instance_model(struct instance *in, const char *items, char **text) {
    struct question q = about(ABOUT_MODEL);
    if (in->cfg->state != STATE_KAFKA) {
        *text = instance_say("state = memory: the model is this instance's own, nobody shares it");
        return ST_NOT_FOUND;
    }
    if (items && !read_number("items", items, 0, MODEL_TOP_MAX, &q.n, text)) {
        return ST_INVALID;
    }
    return put(in, &q, text);
}

/* ---- the learner's side -------------------------------------------------------------------- */

bool instance_runs(struct instance *in, uint32_t p) {
    const struct place *pl = instance_place(in, p);
    return pl && pl->task.state == TASK_RUNNING;
}

static uint32_t count_running(struct instance *in) {
    uint32_t n = 0;
    for (uint32_t p = 0; p < in->n_places; p++) {
        n += instance_runs(in, p);
    }
    return n;
}

/* In one step. */
static bool step_model(struct instance *in, struct inquiry *i) {
    const struct model_log *log = in->durable->model;
    struct model_state m = {.cfg = in->cfg,
                            .shared = learner_shared(in->learner),
                            .ready = model_log_ready(log),
                            .progress = model_log_progress(log),
                            .lag_ms = model_log_lag_ms(log),
                            .tasks = count_running(in),
                            .top = i->q.n};
    m.digest.position = learner_log_position(in->learner);
    m.digest.pending = learner_log_pending(in->learner, &m.pending_bytes);
    enum status st = m.ready ? learner_digest(in->learner, &m.digest) : ST_OK;
    if (st) { /* counts may be missing in the view */
        instance_fail(in, st, "out of memory for a digest of the shared model");
        i->status = ST_NOMEM;
        return true;
    }
    i->text = model_text(&m);
    i->status = i->text ? ST_OK : ST_NOMEM;
    return true;
}

static bool step(struct instance *in, struct inquiry *i) {
    if (i->q.topic == ABOUT_MODEL) {
        return step_model(in, i);
    }
    if (count_running(in) == 0) {
        i->text = instance_say("no partition runs here yet: see /readyz");
        i->status = ST_AGAIN;
        return true;
    }
    switch (i->q.topic) {
    case ABOUT_USER:
    case ABOUT_WHY: return instance_step_user(in, i);
    case ABOUT_SIMILAR: return instance_step_similar(in, i);
    case ABOUT_TOP: return instance_step_top(in, i);
    case ABOUT_SEGMENTS: return instance_step_segments(in, i);
    case ABOUT_MODEL: break; /* above */
    }
    i->status = ST_INVALID;
    return true;
}

/* NULL: out of memory. */
static struct answer *answer_of(struct inquiry *i) {
    char *text = i->text ? i->text : page_take(&i->page);
    const size_t len = text ? strlen(text) : 0;
    struct answer *a = text ? malloc(sizeof *a + len + 1) : NULL;
    if (a) {
        a->status = i->status;
        memcpy(a->text, text, len + 1);
    }
    free(text);
    page_free(&i->page);
    return a;
}

void instance_answer(struct instance *in) {
    struct inquiry *i = &in->asked->inquiry;
    if (!i->begun) {
        const struct question *q = mailbox_look(in->mailbox);
        if (!q) {
            return;
        }
        *i = (struct inquiry){.q = *q, .begun = true, .now_ms = instance_clock_ms(in)};
    }
    const int64_t until_ms = instance_mono_ms() + SLICE_MS;
    bool done = step(in, i);
    while (!done && instance_mono_ms() < until_ms) {
        done = step(in, i);
    }
    if (done) {
        mailbox_answer(in->mailbox, i->status == ST_NOMEM ? NULL : answer_of(i));
        free(i->status == ST_NOMEM ? i->text : NULL);
        page_free(&i->page);
        *i = (struct inquiry){0};
    }
}

enum status instance_ask_new(struct instance *in) {
    in->asked = calloc(1, sizeof *in->asked);
    return in->asked ? mailbox_new(sizeof(struct question), &in->mailbox) : ST_NOMEM;
}

void instance_ask_free(struct instance *in) {
    mailbox_free(in->mailbox);
    if (in->asked) {
        free(in->asked->inquiry.text);
        page_free(&in->asked->inquiry.page);
        segment_scan_free(in->asked->scan);
        free(in->asked);
    }
}
