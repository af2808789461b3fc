/* SPDX-License-Identifier: Apache-2.0
 * trigger.c -- see trigger.h. */
#include "trigger.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "put.h"
#include "shipped.h"

enum { WIRE_HEAD = 5, ID_TEXT_MAX = 48 };

int entry_id_compare(struct entry_id a, struct entry_id b) {
    if (a.ms != b.ms) {
        return a.ms < b.ms ? -1 : 1;
    }
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

struct trigger_text trigger_text(const char *text) {
    return (struct trigger_text){.s = text, .len = text ? strlen(text) : 0};
}

const char *trigger_kind_str(enum trigger_kind k) {
    switch (k) {
    case TRIGGER_FIRST_PURCHASE: return "first_purchase";
    case TRIGGER_LIFECYCLE: return "lifecycle";
    case TRIGGER_SEGMENT: return "segment";
    case TRIGGER_TOP_SCORE: return "top_score";
    case TRIGGER_KINDS: break;
    }
    return "unknown";
}

/* ---- writing: Avro's long is pack_int(), its string a long and bytes --------------------------
 */

static void write_text(struct pack *p, struct trigger_text t) {
    pack_int(p, (int64_t)t.len);
    pack_raw(p, t.s, t.len);
}

/* A union of null and string. */
static void write_optional(struct pack *p, struct trigger_text t) {
    pack_int(p, t.s ? 1 : 0);
    if (t.s) {
        write_text(p, t);
    }
}

void trigger_write(const struct trigger *t, struct pack *p) {
    char text[ID_TEXT_MAX];
    const uint8_t head[WIRE_HEAD] = {0, SHIPPED_TRIGGER_ID >> 24, SHIPPED_TRIGGER_ID >> 16 & 0xff,
                                     SHIPPED_TRIGGER_ID >> 8 & 0xff, SHIPPED_TRIGGER_ID & 0xff};
    pack_raw(p, head, sizeof head);
    snprintf(text, sizeof text, "%" PRId32 "-%" PRIu64 "-%" PRIu64, t->partition, t->id.ms,
             t->id.seq);
    write_text(p, trigger_text(text));
    write_text(p, trigger_text(strchr(text, '-') + 1));
    write_text(p, t->name);
    pack_int(p, t->kind);
    write_text(p, t->target);
    write_text(p, t->user);
    pack_int(p, t->ts_ms);
    pack_int(p, t->expires_ms);
    write_optional(p, t->domain);
    write_optional(p, t->item);
    write_optional(p, t->category);
    pack_int(p, isnan(t->score) ? 0 : 1);
    if (!isnan(t->score)) {
        pack_double(p, t->score);
    }
    write_optional(p, t->from);
    write_optional(p, t->to);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static struct trigger_text read_text(struct unpack *u, size_t max) {
    const int64_t len = unpack_int(u);
    if (len < 0 || (uint64_t)len > max) {
        unpack_fail(u);
        return (struct trigger_text){0};
    }
    const uint8_t *s = unpack_raw(u, (size_t)len);
    return (struct trigger_text){.s = (const char *)s, .len = u->failed ? 0 : (size_t)len};
}

static bool read_branch(struct unpack *u) {
    const int64_t branch = unpack_int(u);
    if (branch != 0 && branch != 1) {
        unpack_fail(u);
    }
    return branch == 1;
}

static struct trigger_text read_optional(struct unpack *u, size_t max) {
    return read_branch(u) ? read_text(u, max) : (struct trigger_text){0};
}

static uint64_t read_digits(const char **at, const char *end, bool *ok) {
    uint64_t v = 0;
    const char *p = *at;
    while (p < end && *p >= '0' && *p <= '9' && v <= (UINT64_MAX - 9) / 10) {
        v = v * 10 + (uint64_t)(*p++ - '0');
    }
    *ok = *ok && p > *at;
    *at = p;
    return v;
}

/* "3-1764115200000-0" */
static void read_id(struct unpack *u, struct trigger *t) {
    const struct trigger_text text = read_text(u, ID_TEXT_MAX);
    bool ok = !u->failed;
    const char *p = text.s;
    const char *end = ok ? p + text.len : p;
    uint64_t part[3] = {0};
    for (int k = 0; ok && k < 3; k++) {
        part[k] = read_digits(&p, end, &ok);
        ok = ok && (k == 2 ? p == end : p < end && *p++ == '-');
    }
    if (!ok || part[0] > INT32_MAX) {
        unpack_fail(u);
        return;
    }
    t->partition = (int32_t)part[0];
    t->id = (struct entry_id){.ms = part[1], .seq = part[2]};
}

static void read_body(struct unpack *u, struct trigger *t) {
    read_id(u, t);
    (void)read_text(u, ID_TEXT_MAX); /* entry_id: the end of the same */
    t->name = read_text(u, CONFIG_NAME_MAX);
    const int64_t kind = unpack_int(u);
    if (kind < 0 || kind >= TRIGGER_KINDS) {
        unpack_fail(u);
    }
    t->kind = u->failed ? TRIGGER_FIRST_PURCHASE : (enum trigger_kind)kind;
    t->target = read_text(u, CONFIG_NAME_MAX);
    t->user = read_text(u, ID_LEN_MAX);
    t->ts_ms = unpack_int(u);
    t->expires_ms = unpack_int(u);
    t->domain = read_optional(u, CONFIG_NAME_MAX);
    t->item = read_optional(u, ID_LEN_MAX);
    t->category = read_optional(u, ID_LEN_MAX);
    t->score = read_branch(u) ? unpack_double(u) : (double)NAN;
    t->from = read_optional(u, CONFIG_NAME_MAX);
    t->to = read_optional(u, CONFIG_NAME_MAX);
}

enum status trigger_read(const void *bytes, size_t len, struct trigger *out) {
    struct unpack u = {.at = bytes, .end = (const uint8_t *)bytes + len};
    const uint8_t *head = unpack_raw(&u, WIRE_HEAD);
    if (!head || head[0] != 0 || len > TRIGGER_BYTES_MAX) {
        return ST_INVALID;
    }
    const uint32_t id = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 |
                        (uint32_t)head[4];
    if (id != SHIPPED_TRIGGER_ID) {
        return ST_RANGE;
    }
    struct trigger t = {0};
    read_body(&u, &t);
    if (u.failed || unpack_left(&u) > 0) {
        return ST_INVALID;
    }
    *out = t;
    return ST_OK;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

struct fields {
    struct trigger_field *out;
    size_t n;
    char *buf; /* the next number */
};

static void add(struct fields *f, const char *name, struct trigger_text t) {
    if (t.s) {
        f->out[f->n++] = (struct trigger_field){.name = name, .value = t.s, .len = t.len};
    }
}

/* What was written behind f->buf, up to `end`. */
static void add_written(struct fields *f, const char *name, char *end) {
    add(f, name, (struct trigger_text){.s = f->buf, .len = (size_t)(end - f->buf)});
    f->buf = end;
}

size_t trigger_fields(const struct trigger *t, struct trigger_field out[TRIGGER_FIELDS_MAX],
                      char buf[TRIGGER_BUF]) {
    struct fields f = {.out = out, .buf = buf};
    char *p = put_i64(buf, t->partition);
    *p++ = '-';
    p = put_u64(p, t->id.ms);
    *p++ = '-';
    add_written(&f, "trigger_id", put_u64(p, t->id.seq));
    add(&f, "name", t->name);
    add(&f, "kind", trigger_text(trigger_kind_str(t->kind)));
    add(&f, "target", t->target);
    add(&f, "user", t->user);
    add_written(&f, "ts", put_i64(f.buf, t->ts_ms));
    add_written(&f, "expires_at", put_i64(f.buf, t->expires_ms));
    add(&f, "domain", t->domain);
    add(&f, "item_id", t->item);
    add(&f, "category", t->category);
    if (!isnan(t->score)) {
        add_written(&f, "score", put_number(f.buf, t->score));
    }
    add(&f, "from", t->from);
    add(&f, "to", t->to);
    return f.n;
}
