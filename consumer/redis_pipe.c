/* SPDX-License-Identifier: Apache-2.0
 * redis_pipe.c -- see redis_pipe.h. */
#include "redis_pipe.h"

#include <stdlib.h>

enum {
    RELOADS = 2, /* times the scripts are loaded again for one pipeline */
    ROUNDS = RELOADS + REDIS_REDIRECTS,
    FIRST_REPLIES = 256,
};

/* Room for the reply first, so that what was appended can always be answered. */
enum status redis_pipe_append(struct redis_pipe *p, const struct redis_nodes *ns, struct span key,
                              const struct span *args, size_t n) {
    if (p->out.n == p->n_sent) {
        size_t size = p->n_sent ? 2 * p->n_sent : FIRST_REPLIES;
        struct redis_sent *sent = realloc(p->sent, size * sizeof *sent);
        if (!sent) {
            return ST_NOMEM;
        }
        p->sent = sent;
        p->n_sent = size;
    }
    p->sent[p->out.n] = (struct redis_sent){.slot = ns->is_cluster ? slot_of(key.s, key.len) : 0};
    return resp_append(&p->out, args, n);
}

static void mark_all_due(struct redis_pipe *p, const struct redis_nodes *ns) {
    for (size_t i = 0; i < p->out.n; i++) {
        struct redis_sent *s = &p->sent[i];
        s->reply = NULL;
        s->is_due = true;
        s->is_asking = false;
        s->node = (uint8_t)redis_nodes_at(ns, s->slot);
    }
}

/* Hands what is due to the links. A link that breaks here is found broken when it is read. */
static void queue_due(struct redis_pipe *p, struct redis_nodes *ns, bool all) {
    if (all && !ns->is_cluster) {
        (void)redis_link_queue(&ns->nodes[0].link, (struct span){p->out.buf, p->out.len});
        return; /* the first read sends it */
    }
    for (size_t i = 0; i < p->out.n; i++) {
        const struct redis_sent *s = &p->sent[i];
        struct redis_link *link = &ns->nodes[s->node].link;
        if (s->is_due && s->is_asking) {
            (void)redis_link_queue(link, resp_asking());
        }
        if (s->is_due) {
            (void)redis_link_queue(link, resp_command(&p->out, i));
        }
    }
    for (size_t k = 0; k < ns->map.n_nodes && ns->is_cluster; k++) {
        (void)redis_link_push(&ns->nodes[k].link);
    }
}

/* False: somebody's connection broke, and what was to come from there is missing. The others are
 * read to their ends, so that their connections stay in step. */
static bool read_due(struct redis_pipe *p, struct redis_nodes *ns) {
    bool whole = true;
    for (size_t i = 0; i < p->out.n; i++) {
        struct redis_sent *s = &p->sent[i];
        struct redis_link *link = &ns->nodes[s->node].link;
        if (!s->is_due) {
            continue;
        }
        if (s->is_asking) {
            answer_free(redis_link_read(link));
        }
        s->is_due = false;
        s->reply = redis_link_read(link);
        if (!s->reply) {
            redis_nodes_lost(ns, s->node);
            whole = false;
        }
    }
    return whole;
}

/* The script was thrown away (SCRIPT FLUSH, a failover): it is loaded again at each node that
 * missed it. */
static bool reload(struct redis_nodes *ns, bool loaded[SLOT_NODES_MAX], size_t node) {
    if (!loaded[node] && !redis_link_load(&ns->nodes[node].link, &ns->login)) {
        redis_nodes_lost(ns, node);
        return false;
    }
    loaded[node] = true;
    return true;
}

/* Which commands have to be sent again, and where; their replies make room for the new ones. A
 * script that is not known after RELOADS is an answer. False: a connection broke. */
static bool mark_again(struct redis_pipe *p, struct redis_nodes *ns, int round, size_t *due) {
    bool loaded[SLOT_NODES_MAX] = {false};
    bool whole = true;
    *due = 0;
    for (size_t i = 0; i < p->out.n; i++) {
        struct redis_sent *s = &p->sent[i];
        size_t next = s->node;
        if (answer_kind(s->reply) != ANSWER_ERROR) {
            continue;
        }
        const bool unknown = answer_is_error(s->reply, "NOSCRIPT") && round < RELOADS;
        const enum slot_redirect_kind to =
            unknown ? SLOT_STAYS : redis_nodes_follow(ns, s->reply, s->node, &next);
        if (!unknown && to == SLOT_STAYS) {
            continue;
        }
        answer_free(s->reply);
        s->reply = NULL;
        whole = (!unknown || reload(ns, loaded, s->node)) && whole;
        s->is_asking = unknown ? s->is_asking : to == SLOT_ASK;
        s->node = (uint8_t)next;
        s->is_due = true;
        ++*due;
    }
    return whole;
}

/* Nobody is told what would have been replaced. */
static void forget_unfinished(struct redis_pipe *p) {
    for (size_t i = 0; i < p->out.n; i++) {
        struct redis_sent *s = &p->sent[i];
        if (answer_is_error(s->reply, "NOSCRIPT") || answer_is_error(s->reply, "MOVED ") ||
            answer_is_error(s->reply, "ASK ")) {
            answer_free(s->reply);
            s->reply = NULL;
        }
    }
}

bool redis_pipe_send(struct redis_pipe *p, struct redis_nodes *ns) {
    size_t due = p->out.n;
    mark_all_due(p, ns);
    for (int round = 0; due > 0; round++) {
        queue_due(p, ns, round == 0);
        if (!read_due(p, ns) || (round < ROUNDS && !mark_again(p, ns, round, &due))) {
            forget_unfinished(p);
            return false;
        }
        due = round < ROUNDS ? due : 0;
    }
    return true;
}

const struct answer *redis_pipe_reply(const struct redis_pipe *p, size_t i) {
    return p->sent[i].reply;
}

size_t redis_pipe_node(const struct redis_pipe *p, size_t i) {
    return p->sent[i].node;
}

void redis_pipe_clear(struct redis_pipe *p) {
    for (size_t i = 0; i < p->out.n; i++) {
        answer_free(p->sent[i].reply);
        p->sent[i].reply = NULL;
    }
    resp_clear(&p->out);
}

void redis_pipe_free(struct redis_pipe *p) {
    redis_pipe_clear(p);
    resp_free(&p->out);
    free(p->sent);
    *p = (struct redis_pipe){0};
}
