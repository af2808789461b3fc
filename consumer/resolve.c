/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve.c -- compiles a plan: resolves the writer's schema against the reader's along what is
 * wanted. See decode.h, and match.h for names and types.
 *
 * The recursion follows the tree of what is wanted and is as deep as its paths; writers' unions
 * may make a plan much larger than both schemas, so it is limited (plan_work()).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fallback.h"
#include "match.h"
#include "path.h"
#include "plan.h"

static void resolve(struct plan *p, uint32_t w, uint32_t at);

static const struct schema_node *reader_node(const struct plan *p, uint32_t node) {
    return &p->reader->nodes[node];
}

static const struct wanted *wanted_at(const struct plan *p, uint32_t at) {
    return &p->wanted.all[at];
}

static struct match_schemas schemas(const struct plan *p) {
    return (struct match_schemas){p->writer, p->reader, p->any_root};
}

/* ---- failures -------------------------------------------------------------------------- */

/* "payload.customer: why" */
static void refuse(struct plan *p, uint32_t at, const char *why) {
    const struct wanted *w = wanted_at(p, at);
    plan_fail(p, ST_INVALID, "%.*s%s%s", (int)w->path_len, w->path, w->path_len ? ": " : "", why);
}

/* "string, needs long" */
static void refuse_type(struct plan *p, uint32_t w, uint32_t at, uint32_t r) {
    char has[PLAN_ERROR_MAX / 4];
    char needs[PLAN_ERROR_MAX / 4];
    char why[PLAN_ERROR_MAX];
    match_type_text(p->writer, w, has, sizeof has);
    match_type_text(p->reader, r, needs, sizeof needs);
    snprintf(why, sizeof why, "%s, needs %s", has, needs);
    refuse(p, at, why);
}

/* ---- scalars --------------------------------------------------------------------------- */

/* The reader's symbol for each of the writer's, as constants. */
static void read_symbol(struct plan *p, const struct schema_node *wn, const struct schema_node *rn,
                        uint16_t tag) {
    const uint32_t first = p->n_constants;
    for (uint32_t i = 0; i < wn->n && !p->status; i++) {
        const char *symbol = wn->fields[i].name;
        uint32_t k = i < rn->n && strcmp(rn->fields[i].name, symbol) == 0 ? i : 0;
        while (k < rn->n && strcmp(rn->fields[k].name, symbol) != 0) {
            k++;
        }
        plan_work(p, k);
        const int64_t found = k < rn->n ? (int64_t)k : rn->symbol;
        const char *text = found >= 0 ? rn->fields[found].name : NULL;
        plan_constant(p, (struct value){.tag = tag,
                                        .type = VALUE_SYMBOL,
                                        .text = text,
                                        .len = text ? (uint32_t)strlen(text) : 0});
    }
    plan_emit(p, (struct op){.code = OP_SYMBOL, .n = wn->n, .arg = first});
}

static void read_whole(struct plan *p, const struct schema_node *wn, const struct schema_node *rn,
                       uint16_t tag) {
    const bool is_int = wn->type == SCHEMA_INT;
    if (rn->type == SCHEMA_INT || rn->type == SCHEMA_LONG) {
        plan_emit(p,
                  (struct op){.code = is_int ? OP_INT : OP_LONG, .tag = tag, .type = VALUE_LONG});
    } else {
        plan_emit(p, (struct op){.code = OP_WIDENED,
                                 .tag = tag,
                                 .type = VALUE_DOUBLE,
                                 .n = is_int,
                                 .round = rn->type == SCHEMA_FLOAT});
    }
}

static void read_scalar(struct plan *p, const struct schema_node *wn, uint32_t at,
                        const struct schema_node *rn) {
    const uint16_t tag = wanted_at(p, at)->tag;
    struct op op = {.tag = tag, .type = VALUE_TEXT};
    switch (wn->type) {
    case SCHEMA_INT:
    case SCHEMA_LONG: read_whole(p, wn, rn, tag); break;
    case SCHEMA_ENUM: read_symbol(p, wn, rn, tag); break;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
        op.code = OP_TEXT;
        plan_emit(p, op);
        break;
    case SCHEMA_FIXED:
        op.code = OP_FIXED;
        op.n = wn->n;
        plan_emit(p, op);
        break;
    case SCHEMA_FLOAT:
    case SCHEMA_DOUBLE:
        op.code = wn->type == SCHEMA_FLOAT ? OP_FLOAT : OP_DOUBLE;
        op.type = VALUE_DOUBLE;
        plan_emit(p, op);
        break;
    case SCHEMA_BOOLEAN:
        op.code = OP_BOOLEAN;
        op.type = VALUE_BOOLEAN;
        plan_emit(p, op);
        break;
    default: /* null */
        op.code = OP_PUT;
        op.type = VALUE_NULL;
        plan_emit(p, op);
        break;
    }
    for (uint32_t more = wanted_at(p, at)->again; more; more = wanted_at(p, more)->again) {
        plan_emit(p, (struct op){.code = OP_AGAIN, .tag = wanted_at(p, more)->tag});
    }
}

/* ---- records --------------------------------------------------------------------------- */

/* Notes which of the writer's fields stands for each wanted one. */
static void find_sources(struct plan *p, uint32_t w, uint32_t at) {
    const struct match_schemas s = schemas(p);
    const uint32_t r = wanted_at(p, at)->node;
    for (uint32_t c = wanted_at(p, at)->child; c; c = wanted_at(p, c)->next) {
        const uint32_t field = wanted_at(p, c)->index;
        plan_work(p, plan_node(p, w)->n);
        p->sources[c] = match_field(&s, w, r, field);
        if (p->sources[c] == MATCH_NOTHING && !reader_node(p, r)->fields[field].fallback) {
            refuse(p, c, "not in the writer's schema, and the reader's has no default");
        }
    }
}

static void put_fallbacks(struct plan *p, uint32_t at) {
    const struct schema_node *rn = reader_node(p, wanted_at(p, at)->node);
    const uint32_t first = p->n_constants;
    for (uint32_t c = wanted_at(p, at)->child; c && !p->status; c = wanted_at(p, c)->next) {
        if (p->sources[c] == MATCH_NOTHING) {
            fallback_field(p, c, &rn->fields[wanted_at(p, c)->index]);
        }
    }
    if (p->n_constants > first) {
        plan_emit(p, (struct op){.code = OP_CONSTANTS, .n = p->n_constants - first, .arg = first});
    }
}

static void read_record(struct plan *p, uint32_t w, uint32_t at) {
    const struct schema_node *wn = plan_node(p, w);
    find_sources(p, w, at);
    for (uint32_t i = 0; i < wn->n && !p->status; i++) {
        uint32_t c = wanted_at(p, at)->child;
        while (c && p->sources[c] != i) {
            c = wanted_at(p, c)->next;
        }
        if (c) {
            resolve(p, wn->fields[i].node, c);
        } else {
            plan_skip(p, wn->fields[i].node);
        }
    }
    put_fallbacks(p, at);
}

/* ---- arrays and maps ------------------------------------------------------------------- */

static void resolve_or_skip(struct plan *p, uint32_t w, uint32_t at) {
    if (at) {
        resolve(p, w, at);
    } else {
        plan_skip(p, w);
    }
}

static void put(struct plan *p, uint32_t at, enum value_type type) {
    plan_emit(p, (struct op){.code = OP_PUT, .tag = wanted_at(p, at)->tag, .type = (uint8_t)type});
}

static void read_array(struct plan *p, uint32_t w, uint32_t at) {
    const uint32_t item = plan_node(p, w)->fields[0].node;
    const uint32_t blocks =
        plan_emit(p, (struct op){.code = OP_BLOCKS, .walk = true, .empty = p->empty[item]});
    put(p, at, VALUE_ITEM);
    resolve_or_skip(p, item, wanted_child(&p->wanted, at, 0));
    plan_end_blocks(p, blocks);
    put(p, at, VALUE_END);
}

/* Entries that are wanted by their key: a case each, and one for all others. */
static void read_cases(struct plan *p, uint32_t item, uint32_t at, uint32_t n_keys) {
    const uint32_t every = wanted_child(&p->wanted, at, 0);
    const uint16_t tag = wanted_at(p, at)->tag;
    const uint32_t keys = plan_jumps(p, 1);
    const struct branches cases = {.first = plan_jumps(p, n_keys + 2), .n = n_keys + 1};
    plan_emit(p, (struct op){.code = OP_CASES, .others = every || tag, .n = n_keys, .arg = keys});
    if (!p->status) {
        p->d->jumps[keys] = p->n_constants;
    }
    for (uint32_t c = wanted_at(p, at)->child; c; c = wanted_at(p, c)->next) {
        const struct wanted *e = wanted_at(p, c);
        if (e->key) {
            char *key = plan_text(p, e->key, e->key_len);
            plan_constant(
                p, (struct value){.tag = tag, .type = VALUE_KEY, .text = key, .len = e->key_len});
        }
    }
    plan_begin_branch(p, cases, 0);
    resolve_or_skip(p, item, every);
    plan_end_branch(p, cases, 0);
    uint32_t i = 0;
    for (uint32_t c = wanted_at(p, at)->child; c; c = wanted_at(p, c)->next) {
        if (wanted_at(p, c)->key) {
            plan_begin_branch(p, cases, ++i);
            resolve(p, item, c);
            plan_end_branch(p, cases, i);
        }
    }
    plan_end_union(p, cases);
}

static void read_map(struct plan *p, uint32_t w, uint32_t at) {
    const uint32_t item = plan_node(p, w)->fields[0].node;
    uint32_t n_keys = 0;
    for (uint32_t c = wanted_at(p, at)->child; c; c = wanted_at(p, c)->next) {
        n_keys += wanted_at(p, c)->key != NULL;
    }
    const uint32_t blocks = plan_emit(p, (struct op){.code = OP_BLOCKS, .walk = true});
    if (n_keys > 0) {
        read_cases(p, item, at, n_keys);
    } else {
        plan_emit(p, (struct op){.code = OP_KEY, .tag = wanted_at(p, at)->tag, .type = VALUE_KEY});
        resolve_or_skip(p, item, wanted_child(&p->wanted, at, 0));
    }
    plan_end_blocks(p, blocks);
    put(p, at, VALUE_END);
}

/* An event may have no items, so it can be read even where they cannot. */
static void read_items(struct plan *p, uint32_t w, uint32_t at) {
    const bool before = p->unreadable[0] != '\0';
    if (plan_node(p, w)->type == SCHEMA_ARRAY) {
        read_array(p, w, at);
    } else {
        read_map(p, w, at);
    }
    if (!before) {
        p->unreadable[0] = '\0';
    }
}

/* ---- unions ---------------------------------------------------------------------------- */

/* One branch of the writer's. One that cannot be read is taken back and fails when it is met. */
static void resolve_one_branch(struct plan *p, uint32_t branch, uint32_t at) {
    const struct plan_mark mark = plan_mark(p);
    resolve(p, branch, at);
    if (p->status && plan_undo(p, mark)) {
        memcpy(p->unreadable, p->err, sizeof p->err);
        plan_emit(p, (struct op){.code = OP_FAIL, .n = DECODE_TYPE});
    }
}

/* Each branch by itself. If none can be read, neither can any event that has the union; the reason
 * is that of the first branch which is not null. */
static void resolve_each_branch(struct plan *p, uint32_t w, uint32_t at) {
    const struct schema_node *wn = plan_node(p, w);
    const struct branches branches = plan_begin_union(p, wn->n);
    const bool null_first = plan_node(p, wn->fields[0].node)->type == SCHEMA_NULL;
    const uint32_t told = wn->n > 1 && null_first ? 1 : 0;
    char before[PLAN_ERROR_MAX];
    char why[PLAN_ERROR_MAX] = "";
    bool any = false;
    memcpy(before, p->unreadable, sizeof before);
    for (uint32_t i = 0; i < wn->n && !p->status; i++) {
        plan_begin_branch(p, branches, i);
        p->unreadable[0] = '\0';
        resolve_one_branch(p, wn->fields[i].node, at);
        plan_end_branch(p, branches, i);
        any = any || !p->unreadable[0];
        if (i == told) {
            memcpy(why, p->unreadable, sizeof why);
        }
    }
    plan_end_union(p, branches);
    memcpy(p->unreadable, before[0] || any ? before : why, sizeof before);
}

/* Neither is a union; `r` is the reader's: that of `at`, or a branch of it. */
static void resolve_as(struct plan *p, uint32_t w, uint32_t at, uint32_t r) {
    const struct match_schemas s = schemas(p);
    const struct schema_node *rn = reader_node(p, r);
    /* arrays and maps say more exactly what does not match when they are read */
    const bool same = plan_node(p, w)->type == rn->type;
    if (same && (rn->type == SCHEMA_ARRAY || rn->type == SCHEMA_MAP)) {
        read_items(p, w, at);
    } else if (!match_types(&s, w, r)) {
        refuse_type(p, w, at, r);
    } else if (rn->type == SCHEMA_RECORD) {
        read_record(p, w, at);
    } else {
        read_scalar(p, plan_node(p, w), at, rn);
    }
}

/* A type of the writer's that is no union, as the branch of the reader's that matches. */
static void resolve_into_branch(struct plan *p, uint32_t w, uint32_t at) {
    const struct match_schemas s = schemas(p);
    const uint32_t r = wanted_at(p, at)->node;
    const uint32_t branch = match_branch(&s, w, r);
    if (branch == MATCH_NOTHING) {
        refuse_type(p, w, at, r);
    } else if (wanted_at(p, at)->tag) { /* of scalars */
        resolve_as(p, w, at, reader_node(p, r)->fields[branch].node);
    } else {
        resolve_or_skip(p, w, wanted_child(&p->wanted, at, branch));
    }
}

/* One value of writer's type `w` for the wanted place `at`. */
static void resolve(struct plan *p, uint32_t w, uint32_t at) {
    if (!plan_enter(p)) {
        return;
    }
    plan_work(p, 1);
    const uint32_t r = wanted_at(p, at)->node;
    if (plan_node(p, w)->type == SCHEMA_UNION) {
        resolve_each_branch(p, w, at);
    } else if (reader_node(p, r)->type == SCHEMA_UNION) {
        resolve_into_branch(p, w, at);
    } else {
        resolve_as(p, w, at, r);
    }
    plan_leave(p);
}

/* ---- a whole plan ---------------------------------------------------------------------- */

static void compile(struct plan *p) {
    const size_t n = p->writer->n_nodes;
    p->d = calloc(1, sizeof *p->d);
    p->empty = calloc(n, sizeof *p->empty);
    p->subroutine = calloc(n, sizeof *p->subroutine);
    p->called = calloc(n, sizeof *p->called);
    p->sources = calloc(p->wanted.n, sizeof *p->sources);
    if (!p->d || !p->empty || !p->subroutine || !p->called || !p->sources) {
        plan_fail(p, ST_NOMEM, "out of memory");
        return;
    }
    plan_find_empty(p);
    const struct wanted *root = wanted_at(p, 0);
    const bool nothing = !root->tag && !root->child && reader_node(p, 0)->type != SCHEMA_RECORD;
    if (nothing) {
        plan_skip(p, 0);
    } else {
        resolve(p, 0, 0);
    }
    plan_emit(p, (struct op){.code = OP_END});
    if (p->unreadable[0]) {
        p->d->unreadable = plan_text(p, p->unreadable, strlen(p->unreadable) + 1);
    }
    plan_finish(p);
}

enum status decoder_new(const struct decoder_spec *spec, struct decoder **out, char *err,
                        size_t err_len) {
    struct plan p = {.writer = spec->writer, .reader = spec->reader, .any_root = spec->any_root};
    enum status st = wanted_new(spec->reader, spec->wants, spec->n_wants, &p.wanted, err, err_len);
    if (st) {
        return st;
    }
    compile(&p);
    free(p.empty);
    free(p.subroutine);
    free(p.called);
    free(p.sources);
    wanted_free(&p.wanted);
    if (p.status) {
        snprintf(err, err_len, "%s", p.err);
        decoder_free(p.d);
        return p.status;
    }
    *out = p.d;
    return ST_OK;
}

const char *decoder_unreadable(const struct decoder *d) {
    return d->unreadable;
}

void decoder_free(struct decoder *d) {
    if (!d) {
        return;
    }
    for (uint32_t i = 0; i < d->n_texts; i++) {
        free(d->texts[i]);
    }
    free(d->texts);
    free(d->constants);
    free(d->ops);
    free(d->jumps);
    free(d);
}
