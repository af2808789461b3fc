/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c -- runs the plan of resolve.c over the bytes: see decode.h, decode_plan.h.
 */
#include "decode.h"

#include <string.h>

#include "cursor.h"
#include "decode_plan.h"

/* A subroutine to return from, or the items left of a block. */
struct frame {
    const struct op *back; /* of a subroutine                                    */
    uint64_t left;         /* items of the block, with the one being read        */
    const uint8_t *end;    /* where the block says that it ends; NULL: it does not */
};

/* Lives in registers: none but inlined functions get its address. */
struct run {
    struct cursor in;
    const struct op *pc; /* the next one                        */
    struct value *v;     /* the next free one                   */
    struct value *tape_end;
    uint32_t depth;
    struct frame *frames; /* (DECODE_DEPTH_MAX,); (depth,) are set */
};

#define INLINE CURSOR_INLINE

/* ---- the tape ------------------------------------------------------------------------ */

/* A place for the value of `op`. */
INLINE enum decode_error put(struct run *r, const struct op *op, struct value **out) {
    if (r->v == r->tape_end) {
        return DECODE_VALUES;
    }
    struct value *v = r->v++;
    v->tag = op->tag;
    v->type = op->type;
    v->len = 0;
    *out = v;
    return DECODE_OK;
}

INLINE enum decode_error put_null(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    if (!e) {
        v->i = 0;
    }
    return e;
}

INLINE enum decode_error put_text(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_text(&r->in, &v->text, &v->len);
}

INLINE enum decode_error put_fixed(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    if (!e) {
        v->text = (const char *)r->in.p;
        v->len = op->n;
        e = cursor_skip(&r->in, op->n);
    }
    return e;
}

INLINE enum decode_error put_long(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_long(&r->in, &v->i);
}

INLINE enum decode_error put_int(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_int(&r->in, &v->i);
}

INLINE enum decode_error put_boolean(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_boolean(&r->in, &v->i);
}

INLINE enum decode_error put_double(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_double(&r->in, &v->d);
}

INLINE enum decode_error put_float(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    return e ? e : cursor_float(&r->in, &v->d);
}

/* int or long as a double. */
INLINE enum decode_error put_widened(struct run *r, const struct op *op) {
    struct value *v;
    enum decode_error e = put(r, op, &v);
    if (e) {
        return e;
    }
    int64_t i = 0;
    e = op->n ? cursor_int(&r->in, &i) : cursor_long(&r->in, &i);
    v->d = op->round ? (double)(float)i : (double)i;
    return e;
}

INLINE enum decode_error put_constants(struct run *r, const struct value *constants, uint32_t n) {
    if (n > (size_t)(r->tape_end - r->v)) {
        return DECODE_VALUES;
    }
    for (uint32_t i = 0; i < n; i++) {
        *r->v++ = constants[i];
    }
    return DECODE_OK;
}

INLINE enum decode_error put_symbol(struct run *r, const struct op *op,
                                    const struct value *constants) {
    uint32_t i = 0;
    enum decode_error e = cursor_index(&r->in, op->n, &i);
    if (e) {
        return e;
    }
    const struct value *symbol = &constants[op->arg + i];
    return symbol->text ? put_constants(r, symbol, 1) : DECODE_SYMBOL;
}

INLINE enum decode_error put_again(struct run *r, const struct op *op) {
    enum decode_error e = put_constants(r, r->v - 1, 1); /* a value was just put */
    if (!e) {
        r->v[-1].tag = op->tag;
    }
    return e;
}

/* ---- arrays, maps, subroutines -------------------------------------------------------- */

INLINE enum decode_error push(struct run *r, struct frame frame) {
    if (r->depth == DECODE_DEPTH_MAX) {
        return DECODE_DEPTH;
    }
    r->frames[r->depth++] = frame;
    return DECODE_OK;
}

/* One block header: f->left items, which end at f->end; NULL: it does not say. */
INLINE enum decode_error block_header(struct cursor *c, struct frame *f) {
    int64_t count = 0;
    int64_t size = 0;
    enum decode_error e = cursor_long(c, &count);
    if (!e && count < 0) {
        e = cursor_long(c, &size);
    }
    if (e) {
        return e;
    }
    if (count == INT64_MIN || size < 0) {
        return DECODE_LENGTH;
    }
    if ((uint64_t)size > cursor_remaining(c)) {
        return DECODE_SHORT;
    }
    f->left = (uint64_t)(count < 0 ? -count : count);
    f->end = count < 0 ? c->p + size : NULL;
    return DECODE_OK;
}

/* Block headers up to one whose items are to be read, one by one; f->left is their number, 0
 * after the last block. Not inlined: the cursor comes and goes as a copy. */
static enum decode_error block_headers(struct cursor *in, const struct op *op, struct frame *f) {
    struct cursor c = *in;
    for (;;) {
        enum decode_error e = block_header(&c, f);
        if (e) {
            return e;
        }
        if (f->end && !op->walk) {
            c.p = f->end; /* the writer's gift: a block that may be jumped over */
        } else if (!op->empty && f->left > cursor_remaining(&c)) {
            return DECODE_SHORT; /* an item takes a byte or more */
        } else if (f->left == 0 || op->walk || !op->empty) {
            *in = c;
            return DECODE_OK;
        }
    }
}

INLINE enum decode_error next_block(struct run *r, const struct op *op, const struct op *ops) {
    struct cursor c = r->in;
    struct frame f = {0};
    enum decode_error e = block_headers(&c, op, &f);
    if (e) {
        return e;
    }
    r->in = c;
    if (f.left == 0) {
        r->pc = ops + op->arg;
        return DECODE_OK;
    }
    return push(r, f);
}

INLINE enum decode_error next_item(struct run *r, const struct op *blocks) {
    struct frame *f = &r->frames[r->depth - 1];
    if (--f->left > 0) { /* NOLINT(clang-analyzer-core.uninitialized.Assign): next_block() set it */
        r->pc = blocks + 1;
        return DECODE_OK;
    }
    if (f->end && f->end != r->in.p) {
        return DECODE_LENGTH;
    }
    r->depth--;
    r->pc = blocks;
    return DECODE_OK;
}

/* The key of an entry: which of the wanted ones it is decides where to go on. */
INLINE enum decode_error take_case(struct run *r, const struct op *op, const struct decoder *d) {
    struct value key = {.type = VALUE_KEY};
    enum decode_error e = cursor_text(&r->in, &key.text, &key.len);
    if (e) {
        return e;
    }
    const struct value *keys = &d->constants[d->jumps[op->arg]];
    uint32_t i = 0;
    while (i < op->n && (keys[i].len != key.len || memcmp(keys[i].text, key.text, key.len) != 0)) {
        i++;
    }
    key.tag = keys->tag;
    const bool found = i < op->n;
    r->pc = d->ops + d->jumps[op->arg + 1 + (found ? 1 + i : 0)];
    return found || op->others ? put_constants(r, &key, 1) : DECODE_OK;
}

INLINE enum decode_error take_branch(struct run *r, const struct op *op, const struct decoder *d) {
    uint32_t i = 0;
    enum decode_error e = cursor_index(&r->in, op->n, &i);
    if (!e) {
        r->pc = d->ops + d->jumps[op->arg + i];
    }
    return e;
}

INLINE enum decode_error call(struct run *r, const struct op *target) {
    enum decode_error e = push(r, (struct frame){.back = r->pc});
    r->pc = target;
    return e;
}

/* ---- decode.h ------------------------------------------------------------------------ */

INLINE enum decode_error step(struct run *r, const struct op *op, const struct decoder *d) {
    int64_t number;
    uint32_t index;
    const char *text;
    switch ((enum opcode)op->code) {
    case OP_TEXT:
    case OP_KEY: return put_text(r, op);
    case OP_LONG: return put_long(r, op);
    case OP_INT: return put_int(r, op);
    case OP_DOUBLE: return put_double(r, op);
    case OP_FLOAT: return put_float(r, op);
    case OP_WIDENED: return put_widened(r, op);
    case OP_BOOLEAN: return put_boolean(r, op);
    case OP_SYMBOL: return put_symbol(r, op, d->constants);
    case OP_FIXED: return put_fixed(r, op);
    case OP_PUT: return put_null(r, op);
    case OP_CONSTANTS: return put_constants(r, d->constants + op->arg, op->n);
    case OP_AGAIN: return put_again(r, op);
    case OP_SKIP_INT: return cursor_int(&r->in, &number);
    case OP_SKIP_LONG: return cursor_long(&r->in, &number);
    case OP_SKIP_ENUM: return cursor_index(&r->in, op->n, &index);
    case OP_SKIP_BYTES: return cursor_skip(&r->in, op->n);
    case OP_SKIP_TEXT: return cursor_text(&r->in, &text, &index);
    case OP_UNION: return take_branch(r, op, d);
    case OP_JUMP: r->pc = d->ops + op->arg; return DECODE_OK;
    case OP_BLOCKS: return next_block(r, op, d->ops);
    case OP_NEXT: return next_item(r, d->ops + op->arg);
    case OP_CASES: return take_case(r, op, d);
    case OP_CALL: return call(r, d->ops + op->arg);
    case OP_RETURN: /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): call() set it */
        r->pc = r->frames[--r->depth].back;
        return DECODE_OK;
    case OP_FAIL: return (enum decode_error)op->n;
    case OP_END: break; /* never here: decode() ends the loop */
    }
    return DECODE_OK;
}

enum decode_error decode(const struct decoder *d, const uint8_t *body, size_t len,
                         struct tape *out) {
    if (len > UINT32_MAX) {
        return DECODE_LENGTH; /* a text is no longer */
    }
    struct frame frames[DECODE_DEPTH_MAX]; /* unset: setting 768 bytes costs more than decoding */
    struct run r = {.in = {body, body + len},
                    .pc = d->ops,
                    .v = out->values,
                    .tape_end = out->values + TAPE_VALUES_MAX,
                    .frames = frames};
    for (;;) {
        const struct op *op = r.pc++;
        if (op->code == OP_END) {
            out->n = (uint32_t)(r.v - out->values);
            return r.in.p == r.in.end ? DECODE_OK : DECODE_TRAILING;
        }
        enum decode_error e = step(&r, op, d);
        if (e) {
            return e;
        }
    }
}

const char *decode_error_str(enum decode_error e) {
    switch (e) {
    case DECODE_OK: return "ok";
    case DECODE_SHORT: return "bytes end inside a value";
    case DECODE_VARINT: return "number longer than its type";
    case DECODE_LENGTH: return "impossible length or count";
    case DECODE_BOOLEAN: return "boolean that is neither 0 nor 1";
    case DECODE_BRANCH: return "union branch or enum symbol that does not exist";
    case DECODE_SYMBOL: return "enum symbol that the reader does not know";
    case DECODE_TYPE: return "union branch that the reader cannot read";
    case DECODE_DEPTH: return "nested too deeply";
    case DECODE_VALUES: return "too many values";
    case DECODE_TRAILING: return "bytes left after the record";
    case DECODE_ERRORS: break;
    }
    return "unknown decode error";
}
