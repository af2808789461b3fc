/* SPDX-License-Identifier: Apache-2.0
 *
 * user_record_read.c -- reads user_record.h.
 *
 * The bytes may be anything. A block is built in memory that is large enough for any user, with
 * nothing in it that a user cannot have: each number is checked before it is used, and of what
 * fails only unpack.failed is set, asked at the end. Entries that are sorted by index are sorted
 * anew, since this process has other indices.
 */
#include "user_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "segments.h"
#include "user_record_layout.h"
#include "user_squeeze.h"

enum {
    /* What domains that were added since may take beside a full block. */
    DOMAIN_BYTES = sizeof(struct user_domain) + AREAS_PER_DOMAIN * sizeof(struct user_area),
    /* ... and what may come behind areas that take all of it, before it is refused. */
    ROOM = USER_BYTES_MAX + DOMAINS_MAX * DOMAIN_BYTES + USER_SOCIAL_BYTES +
           USER_FIRED * USER_FIRED_BYTES,
    ENTRIES_MAX = USER_EXACT, /* of what is sorted by index */
    FEW = 64,
};
_Static_assert((int)USER_REPEATS <= (int)ENTRIES_MAX, "a key for each");
_Static_assert((int)USER_INTERESTS <= (int)ENTRIES_MAX, "a key for each");

struct head { /* before there is a block */
    uint64_t flags;
    uint32_t n_domains;
    const char *id;
    size_t id_len;
    uint64_t voted_in;
};

struct reading {
    struct unpack in;
    struct user *u;     /* has ROOM bytes */
    uint32_t n_domains; /* of the record; the block may have more */
    bool known;         /* no index is made */
    uint32_t n_items, n_categories;
    uint32_t category_room;
    uint32_t item[RECORD_REFS_MAX];    /* (n_items,) indices here */
    uint32_t category[USER_INTERESTS]; /* (n_categories,)         */
    uint64_t key[ENTRIES_MAX];         /* what is being sorted    */
};

/* ---- numbers ------------------------------------------------------------------- */

static void require(struct unpack *in, bool holds) {
    if (!holds) {
        unpack_fail(in);
    }
}

static double read_sum(struct unpack *in) {
    const double x = unpack_double(in);
    require(in, isfinite(x) && x >= 0.0);
    return x;
}

static float read_finite(struct unpack *in) {
    const float x = unpack_float(in);
    require(in, isfinite(x));
    return x;
}

/* A signed number of at most 32 bits. */
static int64_t read_between(struct unpack *in, int64_t least, int64_t most) {
    const int64_t x = unpack_int(in);
    require(in, x >= least && x <= most);
    return in->failed ? least : x;
}

/* A time up to `newer` and not before the user's first. */
static int64_t read_before(struct reading *r, int64_t newer) {
    return newer - (int64_t)unpack_at_most(&r->in, (uint64_t)(newer - r->u->first_ms));
}

static uint32_t read_item(struct reading *r) {
    require(&r->in, r->n_items > 0);
    const uint32_t place = (uint32_t)unpack_at_most(&r->in, r->n_items ? r->n_items - 1 : 0);
    return r->in.failed ? 0 : r->item[place];
}

/* ---- areas ----------------------------------------------------------------------- */

/* Gives an area n entries, which take `each` bytes of the record at least, and room. False: that
 * cannot be. */
static bool open_area(struct reading *r, uint32_t area, uint64_t n, uint64_t cap, uint32_t max) {
    const uint32_t size = user_block_entry_bytes(area);
    const uint32_t fixed = DOMAIN_BYTES * (r->u->n_domains - r->n_domains);
    const bool fits = !r->in.failed && cap <= max && cap * size % sizeof(uint64_t) == 0 &&
                      r->u->bytes + cap * size <= USER_BYTES_MAX + fixed;
    if (!fits) {
        unpack_fail(&r->in);
        return false;
    }
    user_block_extend(r->u, area, (uint32_t)cap);
    user_block_area(r->u, area)->n = (uint16_t)n;
    return true;
}

/* n and room of an area of entries that take `each` bytes of the record at least. */
static uint32_t read_area(struct reading *r, uint32_t area, uint32_t max, size_t each) {
    const uint64_t n = unpack_count(&r->in, each);
    const uint64_t room = unpack_at_most(&r->in, max);
    return open_area(r, area, n, n + room, max) ? (uint32_t)n : 0;
}

/* Each key's place is the number of smaller ones: no branch depends on the keys. */
static void sort_few(uint64_t *key, uint32_t n) {
    uint64_t sorted[FEW];
    for (uint32_t i = 0; i < n; i++) {
        uint64_t smaller = 0;
        for (uint32_t j = 0; j < n; j++) {
            smaller += (uint64_t)(key[j] < key[i]);
        }
        sorted[smaller] = key[i];
    }
    memcpy(key, sorted, n * sizeof *key);
}

/* Shell 1959, gaps of Ciura 2001. */
static void sort_many(uint64_t *key, uint32_t n) {
    static const uint32_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
        const uint32_t gap = gaps[g];
        for (uint32_t i = gap; i < n; i++) {
            const uint64_t x = key[i];
            uint32_t at = i;
            for (; at >= gap && key[at - gap] > x; at -= gap) {
                key[at] = key[at - gap];
            }
            key[at] = x;
        }
    }
}

/* Sorts (n,) keys, all different: an index above, a place below. False: an index is there twice. */
static bool sort_keys(uint64_t *key, uint32_t n) {
    if (n <= FEW) {
        sort_few(key, n);
    } else {
        sort_many(key, n);
    }
    bool once = true;
    for (uint32_t i = 1; i < n; i++) {
        once = once && key[i - 1] >> 32 != key[i] >> 32;
    }
    return once;
}

/* ---- head and words -------------------------------------------------------------- */

static enum status read_front(struct unpack *in, uint32_t n_domains, struct head *h) {
    const uint8_t format = unpack_u8(in);
    if (format > USER_RECORD_FORMAT) {
        return ST_RANGE;
    }
    require(in, format > 0);
    h->flags = unpack_at_most(in, RECORD_FLAGS);
    h->n_domains = (uint32_t)unpack_at_most(in, DOMAINS_MAX);
    h->id = unpack_text(in, &h->id_len);
    h->voted_in = unpack_uint(in);
    require(in, h->n_domains >= 1 && h->id_len >= 1 && h->id_len <= ID_LEN_MAX);
    if (in->failed) {
        return ST_INVALID;
    }
    return h->n_domains <= n_domains ? ST_OK : ST_RANGE;
}

static void read_head(struct reading *r, const struct head *h) {
    struct unpack *in = &r->in;
    struct user *u = r->u;
    u->flags = h->flags & RECORD_CONTEXT ? USER_HAS_CONTEXT : 0;
    u->n = (uint32_t)unpack_at_most(in, UINT32_MAX);
    u->last_ms = read_between(in, -USER_TS_LIMIT, USER_TS_LIMIT - 1);
    const uint64_t since = unpack_at_most(in, (uint64_t)(u->last_ms + USER_TS_LIMIT));
    u->first_ms = u->last_ms - (int64_t)since;
    require(in, u->n > 0 || (u->last_ms == 0 && since == 0));
    u->mpop = read_finite(in);
    u->mage = read_finite(in);
    u->segment = (int8_t)read_between(in, -1, SEGMENTS_MAX - 1);
    u->pending = (int8_t)read_between(in, -1, SEGMENTS_MAX - 1);
    u->in_minute = (uint16_t)unpack_at_most(in, UINT16_MAX);
    if (u->in_minute > 0) {
        u->minute = unpack_int(in);
        require(in, u->minute != INT64_MIN);
    }
    u->typical_days = (uint8_t)unpack_at_most(in, UINT8_MAX);
    if (u->typical_days > 0) {
        u->typical_day = (int32_t)read_between(in, INT32_MIN, INT32_MAX);
    }
    u->interests = read_sum(in);
}

static enum status find_item(const struct items *items, uint64_t hash, uint8_t domain,
                             uint32_t *out) {
    const uint32_t i = items_find(items, hash);
    if (i == ITEM_NONE) {
        return ST_NOT_FOUND;
    }
    *out = i;
    return items_domain(items, i) == domain ? ST_OK : ST_INVALID;
}

static enum status find_category(const struct content *content, uint64_t hash, uint32_t *out) {
    *out = content_category_find(content, hash);
    return hash == 0 ? ST_INVALID : *out == CATEGORY_NONE ? ST_NOT_FOUND : ST_OK;
}

static enum status read_words(struct reading *r, const struct user_words *words) {
    struct unpack *in = &r->in;
    const size_t n_items = unpack_count(in, RECORD_ITEM_BYTES);
    require(in, n_items <= RECORD_REFS_MAX);
    for (; !in->failed && r->n_items < n_items; r->n_items++) {
        const uint64_t hash = unpack_u64(in);
        const uint8_t domain = unpack_u8(in);
        if (in->failed || domain >= r->n_domains) {
            return ST_INVALID;
        }
        uint32_t *item = &r->item[r->n_items];
        enum status st = r->known ? find_item(words->items, hash, domain, item)
                                  : items_intern_nameless(words->items, hash, domain, item);
        if (st) {
            return st == ST_INVALID ? ST_RANGE : st; /* it is one of another domain here */
        }
    }
    const size_t n_categories = unpack_count(in, sizeof(uint64_t));
    r->category_room = (uint32_t)unpack_at_most(in, USER_INTERESTS);
    require(in, n_categories <= USER_INTERESTS);
    for (; !in->failed && r->n_categories < n_categories; r->n_categories++) {
        uint32_t *category = &r->category[r->n_categories];
        const uint64_t hash = unpack_u64(in);
        enum status st = r->known ? find_category(words->content, hash, category)
                                  : content_category_intern(words->content, hash, category);
        if (st) {
            return st;
        }
    }
    return in->failed ? ST_INVALID : ST_OK;
}

/* ---- domains --------------------------------------------------------------------- */

static void read_exact(struct reading *r, uint8_t domain) {
    const uint32_t n = read_area(r, area_of_set(domain), USER_EXACT, 1);
    uint32_t *items = user_block_entries(r->u, area_of_set(domain));
    for (uint32_t i = 0; i < n; i++) {
        r->key[i] = (uint64_t)read_item(r) << 32 | i;
    }
    require(&r->in, n > 0 && sort_keys(r->key, n));
    for (uint32_t i = 0; i < n; i++) {
        items[i] = (uint32_t)(r->key[i] >> 32);
    }
}

/* A half of a filter never has more words than an exact set had entries, and at least two. */
static void read_filter(struct reading *r, uint8_t domain) {
    struct unpack *in = &r->in;
    const uint64_t n = unpack_at_most(in, UINT16_MAX);
    const uint64_t words = unpack_count(in, sizeof(uint32_t));
    const uint64_t halves = unpack_at_most(in, 2);
    require(in,
            halves > 0 && words > 0 && words % (2 * halves) == 0 && words / halves <= USER_EXACT);
    if (in->failed || !open_area(r, area_of_set(domain), n, words, 2 * USER_EXACT)) {
        return;
    }
    user_block_area(r->u, area_of_set(domain))->halves = (uint16_t)halves;
    uint32_t *entries = user_block_entries(r->u, area_of_set(domain));
    for (uint64_t i = 0; i < words; i++) {
        entries[i] = unpack_u32(in);
    }
}

static struct taken read_taken(struct reading *r) {
    const uint32_t item = read_item(r);
    const uint32_t count = (uint32_t)unpack_at_most(&r->in, UINT32_MAX);
    require(&r->in, count > 0);
    const int64_t last = read_before(r, r->u->last_ms);
    const int64_t first = read_before(r, last);
    return (struct taken){.item = item,
                          .count = count,
                          .first_low = ts_low(first),
                          .last_low = ts_low(last),
                          .first_high = ts_high(first),
                          .last_high = ts_high(last)};
}

static void read_table(struct reading *r, uint8_t domain) {
    const uint32_t n = read_area(r, area_of_table(domain), USER_REPEATS, 4);
    struct taken *t = user_block_entries(r->u, area_of_table(domain));
    struct taken unsorted[USER_REPEATS];
    for (uint32_t i = 0; i < n; i++) {
        unsorted[i] = read_taken(r);
        r->key[i] = (uint64_t)unsorted[i].item << 32 | i;
    }
    require(&r->in, n > 0 && sort_keys(r->key, n));
    for (uint32_t i = 0; i < n; i++) {
        t[i] = unsorted[r->key[i] & UINT32_MAX];
    }
}

static void read_typical(struct reading *r, uint8_t domain) {
    int16_t *typical = user_block_domain(r->u, domain)->typical;
    for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
        const uint32_t low = unpack_u8(&r->in);
        const uint32_t bits = low | (uint32_t)unpack_u8(&r->in) << 8;
        typical[k] = (int16_t)((int32_t)bits - (bits > INT16_MAX ? 65536 : 0));
    }
}

static void read_domain(struct reading *r, uint8_t domain) {
    struct unpack *in = &r->in;
    struct user_domain *d = user_block_domain(r->u, domain);
    const uint64_t flags = unpack_at_most(in, RECORD_DOMAIN_FLAGS);
    const uint64_t taken =
        RECORD_MONEY | RECORD_EXACT | RECORD_FILTER | RECORD_TABLE | RECORD_BOUGHT;
    require(in, (flags & RECORD_ACTIVE) || !(flags & taken));
    require(in, !(flags & RECORD_EXACT) || !(flags & RECORD_FILTER));
    if (flags & RECORD_ACTIVE) {
        d->n = (uint32_t)unpack_at_most(in, UINT32_MAX);
        d->last_ms = read_before(r, r->u->last_ms);
        d->rate = read_sum(in);
        d->days = unpack_u32(in);
        const uint8_t *parts = unpack_raw(in, USER_PARTS);
        for (uint32_t k = 0; parts && k < USER_PARTS; k++) {
            d->part[k] = parts[k];
        }
        require(in, d->n > 0);
    }
    if (flags & RECORD_BOUGHT) {
        r->u->bought = (uint16_t)(r->u->bought | 1U << domain);
    }
    if (flags & RECORD_MONEY) {
        d->money = read_sum(in);
    }
    if (flags & RECORD_TYPICAL) {
        read_typical(r, domain);
    }
    if (flags & RECORD_EXACT) {
        read_exact(r, domain);
    }
    if (flags & RECORD_FILTER) {
        read_filter(r, domain);
    }
    if (flags & RECORD_TABLE) {
        read_table(r, domain);
    }
}

static void read_domains(struct reading *r) {
    uint64_t n = 0;
    for (uint8_t d = 0; d < r->n_domains && !r->in.failed; d++) {
        read_domain(r, d);
        n += user_block_domain(r->u, d)->n;
    }
    require(&r->in, r->u->n < UINT32_MAX ? n == r->u->n : n >= UINT32_MAX);
}

/* ---- what all domains share -------------------------------------------------------- */

static void read_interests(struct reading *r) {
    const uint32_t n = r->n_categories;
    if (!open_area(r, AREA_INTERESTS, n, n + (uint64_t)r->category_room, USER_INTERESTS)) {
        return;
    }
    struct interest *e = user_block_entries(r->u, AREA_INTERESTS);
    struct interest unsorted[USER_INTERESTS];
    for (uint32_t k = 0; k < n; k++) {
        const float v = read_finite(&r->in);
        const int64_t last = read_before(r, r->u->last_ms);
        require(&r->in, v >= 1.0F);
        unsorted[k] = (struct interest){.category = r->category[k],
                                        .v = v,
                                        .last_low = ts_low(last),
                                        .last_high = ts_high(last)};
        r->key[k] = (uint64_t)r->category[k] << 32 | k;
    }
    require(&r->in, sort_keys(r->key, n));
    for (uint32_t k = 0; k < n; k++) {
        e[k] = unsorted[r->key[k] & UINT32_MAX];
    }
}

static void read_history(struct reading *r) {
    struct unpack *in = &r->in;
    const uint32_t n = read_area(r, AREA_HISTORY, USER_HISTORY, 3);
    struct past *past = user_block_entries(r->u, AREA_HISTORY);
    int64_t ts = r->u->last_ms;
    for (uint32_t i = n; i > 0; i--) {
        const uint32_t item = read_item(r);
        const uint64_t what = unpack_uint(in);
        const uint64_t domain = what & ((1U << RECORD_DOMAIN_BITS) - 1);
        require(in, domain < r->n_domains && what >> RECORD_DOMAIN_BITS < ACTIONS);
        ts = read_before(r, ts);
        past[i - 1] = (struct past){.ts_low = ts_low(ts),
                                    .ts_high = ts_high(ts),
                                    .domain = (uint8_t)domain,
                                    .action = (uint8_t)(what >> RECORD_DOMAIN_BITS),
                                    .item = item};
    }
    require(in, n <= r->u->n);
}

static void read_events(struct reading *r) {
    const uint32_t n = read_area(r, AREA_EVENTS, USER_EVENT_IDS, sizeof(uint64_t));
    uint64_t *ids = user_block_entries(r->u, AREA_EVENTS);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = unpack_u64(&r->in);
    }
}

static void read_social(struct reading *r) {
    user_block_extend_social(r->u);
    struct engagement_social *s = user_block_social(r->u);
    s->last_ms = read_between(&r->in, -USER_TS_LIMIT, USER_TS_LIMIT - 1);
    const uint64_t taken = unpack_at_most(&r->in, (UINT64_C(1) << SOCIAL_MAX) - 1);
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        if (taken >> i & 1U) {
            s->who[i] = unpack_u32(&r->in);
            s->sum[i] = read_finite(&r->in);
            require(&r->in, s->sum[i] > 0.0F);
        }
    }
}

static void read_fired(struct reading *r) {
    const uint64_t n = unpack_count(&r->in, 2 * sizeof(uint32_t) + 1);
    require(&r->in, n > 0 && n <= USER_FIRED);
    for (uint32_t i = 0; i < n && !r->in.failed; i++) {
        user_block_extend_fired(r->u);
        struct fired *f = user_block_fired(r->u);
        const uint32_t trigger = unpack_u32(&r->in);
        const uint32_t what = unpack_u32(&r->in);
        const int64_t at = read_between(&r->in, -USER_TS_LIMIT, USER_TS_LIMIT - 1);
        for (uint32_t k = 0; k < i; k++) {
            require(&r->in, f[k].trigger != trigger);
        }
        f[i] = (struct fired){
            .trigger = trigger, .what = what, .at_low = ts_low(at), .at_high = ts_high(at)};
    }
}

/* ---- the whole ----------------------------------------------------------------------- */

static enum status read_all(struct reading *r, const struct head *h,
                            const struct user_words *words) {
    read_head(r, h);
    enum status st = read_words(r, words);
    if (st) {
        return st;
    }
    read_domains(r);
    read_interests(r);
    read_history(r);
    read_events(r);
    if (h->flags & RECORD_SOCIAL && !r->in.failed) {
        read_social(r);
    }
    if (h->flags & RECORD_FIRED && !r->in.failed) {
        read_fired(r);
    }
    const uint32_t fixed = DOMAIN_BYTES * (r->u->n_domains - r->n_domains);
    if (r->in.failed || unpack_left(&r->in) > 0 || r->u->bytes > USER_BYTES_MAX + fixed) {
        return ST_INVALID;
    }
    if (r->u->n_domains > r->n_domains) {
        (void)user_squeeze(r->u, items_hashes(words->items));
    }
    return ST_OK;
}

/* Into room, of ROOM bytes. */
static enum status read_into(const void *bytes, size_t len, uint32_t n_domains,
                             const struct user_words *words, bool known, void *room,
                             uint64_t *voted_in) {
    struct reading r;
    struct head h;
    r.in = (struct unpack){.at = bytes, .end = (const uint8_t *)bytes + len};
    enum status st = read_front(&r.in, n_domains, &h);
    if (st) {
        return st;
    }
    r.u = room;
    r.known = known;
    r.n_domains = h.n_domains;
    r.n_items = r.n_categories = r.category_room = 0;
    user_block_init(r.u, n_domains, h.id, h.id_len);
    st = read_all(&r, &h, words);
    if (!st) {
        *voted_in = h.voted_in;
    }
    return st;
}

enum status user_record_read(const void *bytes, size_t len, uint32_t n_domains,
                             const struct user_words *words, struct user **out,
                             uint64_t *voted_in) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct user *u = malloc(user_block_room(ROOM));
    if (!u) {
        return ST_NOMEM;
    }
    enum status st = read_into(bytes, len, n_domains, words, false, u, voted_in);
    if (st) {
        free(u);
        return st;
    }
    struct user *fitting = realloc(u, user_block_room(u->bytes));
    *out = fitting ? fitting : u; /* else it stays larger than it says: harmless */
    return ST_OK;
}

size_t user_record_room(void) {
    return ROOM;
}

enum status user_record_read_known(const void *bytes, size_t len, uint32_t n_domains,
                                   const struct user_words *words, void *room, uint64_t *voted_in) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    return read_into(bytes, len, n_domains, words, true, room, voted_in);
}
