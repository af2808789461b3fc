/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c -- runs the plan of decode_plan.c over the bytes: see decode.h, decode_plan.h.
 *
 * Every length is compared with what remains before the pointer moves.
 */
#include "decode.h"

#include <string.h>

#include "decode_plan.h"

/* A subroutine to return from, or the items left of a block. */
struct frame {
    const struct op *back; /* of a subroutine                                    */
    uint64_t left;         /* items of the block, with the one being read        */
    const uint8_t *end;    /* where the block says that it ends; NULL: it does not */
};

struct run {
    const uint8_t *p;
    const uint8_t *end;
    const struct op *pc; /* the next one */
    struct decoded *out;
    struct decoded_line *line;
    uint32_t depth;
    struct frame frames[DECODE_DEPTH_MAX]; /* (depth,) are set */
};

static inline size_t remaining(const struct run *r) {
    return (size_t)(r->end - r->p);
}

/* ---- values -------------------------------------------------------------------------- */

static enum decode_error long_varint(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    const uint8_t *p = *at;
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (p == end) {
            return DECODE_SHORT;
        }
        const uint8_t byte = *p++;
        if (shift == 63 && byte > 1) {
            return DECODE_VARINT; /* a tenth byte has room for one bit */
        }
        x |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *out = x;
            return DECODE_OK;
        }
    }
    return DECODE_VARINT;
}

static inline enum decode_error get_long(struct run *r, int64_t *out) {
    uint64_t x = 0;
    if (r->p < r->end && *r->p < 0x80) { /* most lengths, branches and small numbers */
        x = *r->p++;
    } else {
        const uint8_t *p = r->p; /* a copy, so that *r may live in registers */
        enum decode_error e = long_varint(&p, r->end, &x);
        if (e) {
            return e;
        }
        r->p = p;
    }
    *out = (int64_t)(x >> 1) ^ -(int64_t)(x & 1); /* zigzag */
    return DECODE_OK;
}

static inline enum decode_error get_int(struct run *r, int64_t *out) {
    int64_t x = 0;
    enum decode_error e = get_long(r, &x);
    if (e) {
        return e;
    }
    if (x < INT32_MIN || x > INT32_MAX) {
        return DECODE_VARINT;
    }
    *out = x;
    return DECODE_OK;
}

/* An enum's symbol or a union's branch. */
static inline enum decode_error get_index(struct run *r, uint32_t n, uint32_t *out) {
    int64_t i = 0;
    enum decode_error e = get_int(r, &i);
    if (e) {
        return e;
    }
    if (i < 0 || i >= n) {
        return DECODE_BRANCH;
    }
    *out = (uint32_t)i;
    return DECODE_OK;
}

static inline enum decode_error skip_bytes(struct run *r, size_t n) {
    if (n > remaining(r)) {
        return DECODE_SHORT;
    }
    r->p += n;
    return DECODE_OK;
}

static inline enum decode_error get_text(struct run *r, const char **text, size_t *len) {
    int64_t n = 0;
    enum decode_error e = get_long(r, &n);
    if (e) {
        return e;
    }
    if (n < 0) {
        return DECODE_LENGTH;
    }
    if ((uint64_t)n > remaining(r)) {
        return DECODE_SHORT;
    }
    *text = (const char *)r->p;
    *len = (size_t)n;
    r->p += n;
    return DECODE_OK;
}

/* n bytes, the lowest first, as float and double are written. */
static inline uint64_t little_endian(const uint8_t *p, size_t n) {
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        bits |= (uint64_t)p[i] << (8 * i);
    }
    return bits;
}

static inline enum decode_error get_number(struct run *r, const struct op *op) {
    double x = 0;
    int64_t i = 0;
    enum decode_error e = DECODE_OK;
    if (op->code == OP_DOUBLE || op->code == OP_FLOAT) {
        const uint8_t *p = r->p;
        e = skip_bytes(r, op->code == OP_DOUBLE ? 8 : 4);
        if (!e && op->code == OP_DOUBLE) {
            const uint64_t bits = little_endian(p, 8);
            memcpy(&x, &bits, sizeof x);
        } else if (!e) {
            const uint32_t bits = (uint32_t)little_endian(p, 4);
            float f;
            memcpy(&f, &bits, sizeof f);
            x = (double)f;
        }
    } else {
        e = op->code == OP_INT ? get_int(r, &i) : get_long(r, &i);
        x = (double)i;
    }
    *(op->amount ? &r->line->amount : &r->line->quantity) = x;
    return e;
}

static inline enum decode_error get_action(struct run *r, const struct op *op,
                                           const uint8_t *actions) {
    uint32_t i = 0;
    enum decode_error e = get_index(r, op->n, &i);
    if (e) {
        return e;
    }
    const uint8_t action = actions[op->arg + i];
    if (action == ACTION_UNKNOWN) {
        return DECODE_BRANCH;
    }
    r->out->action = (enum action)action;
    return DECODE_OK;
}

static inline enum decode_error begin_line(struct run *r) {
    if (r->out->n_lines == EVENT_LINES_MAX) {
        return DECODE_LINES;
    }
    r->line = &r->out->lines[r->out->n_lines++];
    *r->line = (struct decoded_line){.quantity = 1};
    return DECODE_OK;
}

/* ---- arrays, maps, subroutines -------------------------------------------------------- */

static inline enum decode_error push(struct run *r, struct frame frame) {
    if (r->depth == DECODE_DEPTH_MAX) {
        return DECODE_DEPTH;
    }
    r->frames[r->depth++] = frame;
    return DECODE_OK;
}

/* Reads one block header. *left: items to read, 0 if the block needs no reading; *done: it
 * was the last one; *end: as in struct frame. */
static enum decode_error block_header(struct run *r, const struct op *op, uint64_t *left,
                                      const uint8_t **end, bool *done) {
    int64_t count = 0;
    int64_t size = 0;
    enum decode_error e = get_long(r, &count);
    if (!e && count < 0) {
        e = get_long(r, &size);
    }
    if (e) {
        return e;
    }
    if (count == INT64_MIN || size < 0) {
        return DECODE_LENGTH;
    }
    if ((uint64_t)size > remaining(r)) {
        return DECODE_SHORT;
    }
    *done = count == 0;
    *end = count < 0 ? r->p + size : NULL;
    *left = (uint64_t)(count < 0 ? -count : count);
    if (count < 0 && !op->walk) {
        r->p += size; /* the writer's gift: a block that may be jumped over */
        *left = 0;
    } else if (op->empty) {
        *left = 0;
    }
    return *left > remaining(r) ? DECODE_SHORT : DECODE_OK; /* an item takes a byte or more */
}

static enum decode_error next_block(struct run *r, const struct op *op, const struct op *ops) {
    for (;;) {
        uint64_t left = 0;
        const uint8_t *end = NULL;
        bool done = false;
        enum decode_error e = block_header(r, op, &left, &end, &done);
        if (e) {
            return e;
        }
        if (done) {
            r->pc = ops + op->arg;
            return DECODE_OK;
        }
        if (left > 0) {
            return push(r, (struct frame){.left = left, .end = end});
        }
    }
}

static inline enum decode_error next_item(struct run *r, const struct op *blocks) {
    struct frame *f = &r->frames[r->depth - 1];
    if (--f->left > 0) { /* NOLINT(clang-analyzer-core.uninitialized.Assign): next_block() set it */
        r->pc = blocks + 1;
        return DECODE_OK;
    }
    if (f->end && f->end != r->p) {
        return DECODE_LENGTH;
    }
    r->depth--;
    r->pc = blocks;
    return DECODE_OK;
}

static inline enum decode_error take_branch(struct run *r, const struct op *op,
                                            const struct decoder *d) {
    uint32_t i = 0;
    enum decode_error e = get_index(r, op->n, &i);
    if (!e) {
        r->pc = d->ops + d->jumps[op->arg + i];
    }
    return e;
}

static inline enum decode_error call(struct run *r, const struct op *target) {
    enum decode_error e = push(r, (struct frame){.back = r->pc});
    r->pc = target;
    return e;
}

/* ---- decode.h ------------------------------------------------------------------------ */

static inline enum decode_error step(struct run *r, const struct op *op, const struct decoder *d) {
    int64_t number;
    uint32_t index;
    const char *text;
    size_t len;
    switch ((enum opcode)op->code) {
    case OP_LINE: return begin_line(r);
    case OP_EVENT_ID: return get_text(r, &r->out->event_id, &r->out->event_id_len);
    case OP_USER_ID: return get_text(r, &r->out->user_id, &r->out->user_id_len);
    case OP_ITEM: return get_text(r, &r->line->item, &r->line->item_len);
    case OP_TS_INT: return get_int(r, &r->out->ts_ms);
    case OP_TS: return get_long(r, &r->out->ts_ms);
    case OP_ACTION: return get_action(r, op, d->actions);
    case OP_INT:
    case OP_LONG:
    case OP_FLOAT:
    case OP_DOUBLE: return get_number(r, op);
    case OP_SKIP_INT: return get_int(r, &number);
    case OP_SKIP_LONG: return get_long(r, &number);
    case OP_SKIP_ENUM: return get_index(r, op->n, &index);
    case OP_SKIP_BYTES: return skip_bytes(r, op->n);
    case OP_SKIP_TEXT: return get_text(r, &text, &len);
    case OP_UNION: return take_branch(r, op, d);
    case OP_JUMP: r->pc = d->ops + d->jumps[op->arg]; return DECODE_OK;
    case OP_BLOCKS: return next_block(r, op, d->ops);
    case OP_NEXT: return next_item(r, d->ops + op->arg);
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
                         struct decoded *out) {
    struct run r; /* frames stay unset: setting 768 bytes costs more than decoding */
    r.p = body;
    r.end = body + len;
    r.pc = d->ops;
    r.out = out;
    r.line = out->lines; /* until OP_LINE */
    r.depth = 0;
    out->action = d->action;
    out->n_lines = 0;
    for (;;) {
        const struct op *op = r.pc++;
        if (op->code == OP_END) {
            return r.p == r.end ? DECODE_OK : DECODE_TRAILING;
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
    case DECODE_BRANCH: return "union branch or enum symbol that does not exist";
    case DECODE_DEPTH: return "nested too deeply";
    case DECODE_LINES: return "too many lines";
    case DECODE_NULL: return "null in a required field";
    case DECODE_TRAILING: return "bytes left after the record";
    case DECODE_ERRORS: break;
    }
    return "unknown decode error";
}
