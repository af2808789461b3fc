/* SPDX-License-Identifier: Apache-2.0
 *
 * user_record.c -- writes user_record.h; user_record_read.c reads it.
 *
 * Two walks over the block: the first gives each item its place in the table, in order of first
 * mention, and keeps the places; the second writes them where the entries are.
 */
#include "user_record.h"

#include <string.h>

#include "user_record_layout.h"

enum { SLOTS_MAX = 8192, PLACE_NONE = 0xffff };
_Static_assert(SLOTS_MAX >= 2 * RECORD_REFS_MAX, "at most half of the slots are taken");

struct mentions {
    uint32_t n;        /* items, each once                         */
    uint32_t n_places; /* mentions                                 */
    uint32_t next;     /* the mention that is written next         */
    uint32_t slot_bits;
    uint32_t item[RECORD_REFS_MAX];  /* (n,)                       */
    uint16_t place[RECORD_REFS_MAX]; /* (n_places,)                */
    uint32_t slot_item[SLOTS_MAX];   /* (2^slot_bits,) beside the  */
    uint16_t slot_place[SLOTS_MAX];  /* next; PLACE_NONE: free     */
};

/* ---- mentions of items ------------------------------------------------------- */

static bool is_exact(const struct user_area *set) {
    return set->halves == 0 && set->n > 0;
}

static uint32_t count_mentions(const struct user *u) {
    uint32_t n = user_block_area(u, AREA_HISTORY)->n;
    for (uint8_t d = 0; d < u->n_domains; d++) {
        const struct user_area *set = user_block_area(u, area_of_set(d));
        n += user_block_area(u, area_of_table(d))->n + (is_exact(set) ? set->n : 0U);
    }
    return n;
}

static void mention(struct mentions *m, uint32_t item) {
    const uint32_t mask = (UINT32_C(1) << m->slot_bits) - 1;
    uint32_t at = (item * UINT32_C(0x9e3779b1)) >> (32 - m->slot_bits);
    while (m->slot_place[at] != PLACE_NONE && m->slot_item[at] != item) {
        at = (at + 1) & mask;
    }
    if (m->slot_place[at] == PLACE_NONE) {
        m->slot_item[at] = item;
        m->slot_place[at] = (uint16_t)m->n;
        m->item[m->n++] = item;
    }
    m->place[m->n_places++] = m->slot_place[at];
}

/* In the order of the record. */
static void mention_all(struct mentions *m, const struct user *u) {
    const uint32_t n = count_mentions(u);
    m->n = m->n_places = m->next = 0;
    m->slot_bits = 1;
    while ((UINT32_C(1) << m->slot_bits) < 2 * n) {
        m->slot_bits++;
    }
    memset(m->slot_place, 0xff, sizeof *m->slot_place << m->slot_bits);
    for (uint8_t d = 0; d < u->n_domains; d++) {
        const struct user_area *set = user_block_area(u, area_of_set(d));
        const uint32_t *items = user_block_entries(u, area_of_set(d));
        for (uint32_t i = 0; is_exact(set) && i < set->n; i++) {
            mention(m, items[i]);
        }
        const struct taken *t = user_block_entries(u, area_of_table(d));
        for (uint32_t i = 0; i < user_block_area(u, area_of_table(d))->n; i++) {
            mention(m, t[i].item);
        }
    }
    const struct past *past = user_block_entries(u, AREA_HISTORY);
    for (uint32_t i = user_block_area(u, AREA_HISTORY)->n; i > 0; i--) {
        mention(m, past[i - 1].item);
    }
}

/* The walks are the same, so that there is always a next one. */
static void write_mention(struct mentions *m, struct pack *p) {
    if (m->next < m->n_places) {
        pack_uint(p, m->place[m->next++]);
    }
}

/* ---- parts --------------------------------------------------------------------- */

static void write_head(const struct user *u, uint64_t voted_in, struct pack *p) {
    pack_u8(p, USER_RECORD_FORMAT);
    pack_uint(p, (u->flags & USER_HAS_CONTEXT ? RECORD_CONTEXT : 0U) |
                     (u->flags & USER_HAS_SOCIAL ? RECORD_SOCIAL : 0U) |
                     (u->n_fired > 0 ? RECORD_FIRED : 0U));
    pack_uint(p, u->n_domains);
    pack_text(p, user_block_id(u), u->id_len);
    pack_uint(p, voted_in);
    pack_uint(p, u->n);
    pack_int(p, u->last_ms);
    pack_uint(p, (uint64_t)(u->last_ms - u->first_ms));
    pack_float(p, u->mpop);
    pack_float(p, u->mage);
    pack_int(p, u->segment);
    pack_int(p, u->pending);
    pack_uint(p, u->in_minute);
    if (u->in_minute > 0) {
        pack_int(p, u->minute);
    }
    pack_uint(p, u->typical_days);
    if (u->typical_days > 0) {
        pack_int(p, u->typical_day);
    }
    pack_double(p, u->interests);
}

static void write_words(const struct user *u, const struct mentions *m,
                        const struct user_words *words, struct pack *p) {
    pack_uint(p, m->n);
    for (uint32_t k = 0; k < m->n; k++) {
        pack_u64(p, items_hash(words->items, m->item[k]));
        pack_u8(p, items_domain(words->items, m->item[k]));
    }
    const struct user_area *a = user_block_area(u, AREA_INTERESTS);
    const struct interest *e = user_block_entries(u, AREA_INTERESTS);
    pack_uint(p, a->n);
    pack_uint(p, (uint32_t)a->cap - a->n);
    for (uint32_t k = 0; k < a->n; k++) {
        pack_u64(p, content_category_hash(words->content, e[k].category));
    }
}

static void write_set(const struct user *u, uint8_t domain, struct mentions *m, struct pack *p) {
    const struct user_area *a = user_block_area(u, area_of_set(domain));
    const uint32_t *entries = user_block_entries(u, area_of_set(domain));
    if (is_exact(a)) {
        pack_uint(p, a->n);
        pack_uint(p, (uint32_t)a->cap - a->n);
        for (uint32_t i = 0; i < a->n; i++) {
            write_mention(m, p);
        }
    } else if (a->halves) {
        pack_uint(p, a->n);
        pack_uint(p, a->cap);
        pack_uint(p, a->halves);
        for (uint32_t i = 0; i < a->cap; i++) {
            pack_u32(p, entries[i]);
        }
    }
}

static void write_table(const struct user *u, uint8_t domain, struct mentions *m, struct pack *p) {
    const struct user_area *a = user_block_area(u, area_of_table(domain));
    const struct taken *t = user_block_entries(u, area_of_table(domain));
    if (a->n == 0) {
        return;
    }
    pack_uint(p, a->n);
    pack_uint(p, (uint32_t)a->cap - a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        const int64_t last = ts_join(t[i].last_high, t[i].last_low);
        write_mention(m, p);
        pack_uint(p, t[i].count);
        pack_uint(p, (uint64_t)(u->last_ms - last));
        pack_uint(p, (uint64_t)(last - ts_join(t[i].first_high, t[i].first_low)));
    }
}

static unsigned domain_flags(const struct user *u, uint8_t domain) {
    const struct user_domain *d = user_block_domain(u, domain);
    const struct user_area *set = user_block_area(u, area_of_set(domain));
    unsigned flags = d->n > 0 ? RECORD_ACTIVE : 0;
    flags |= d->money > 0.0 ? RECORD_MONEY : 0U;
    for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
        flags |= d->typical[k] != 0 ? RECORD_TYPICAL : 0U;
    }
    flags |= is_exact(set) ? RECORD_EXACT : 0U;
    flags |= set->halves ? RECORD_FILTER : 0U;
    flags |= user_bought(u, domain) ? RECORD_BOUGHT : 0U;
    return flags | (user_block_area(u, area_of_table(domain))->n > 0 ? RECORD_TABLE : 0U);
}

static void write_domain(const struct user *u, uint8_t domain, struct mentions *m, struct pack *p) {
    const struct user_domain *d = user_block_domain(u, domain);
    const unsigned flags = domain_flags(u, domain);
    pack_uint(p, flags);
    if (flags & RECORD_ACTIVE) {
        pack_uint(p, d->n);
        pack_uint(p, (uint64_t)(u->last_ms - d->last_ms));
        pack_double(p, d->rate);
        pack_u32(p, d->days);
        pack_raw(p, d->part, sizeof d->part);
    }
    if (flags & RECORD_MONEY) {
        pack_double(p, d->money);
    }
    if (flags & RECORD_TYPICAL) {
        for (uint32_t k = 0; k < FEATURES_PER_DOMAIN; k++) {
            pack_u8(p, (uint8_t)((uint16_t)d->typical[k] & 0xff));
            pack_u8(p, (uint8_t)((uint16_t)d->typical[k] >> 8));
        }
    }
    write_set(u, domain, m, p);
    write_table(u, domain, m, p);
}

static void write_interests(const struct user *u, struct pack *p) {
    const struct interest *e = user_block_entries(u, AREA_INTERESTS);
    for (uint32_t k = 0; k < user_block_area(u, AREA_INTERESTS)->n; k++) {
        pack_float(p, e[k].v);
        pack_uint(p, (uint64_t)(u->last_ms - ts_join(e[k].last_high, e[k].last_low)));
    }
}

static void write_history(const struct user *u, struct mentions *m, struct pack *p) {
    const struct user_area *a = user_block_area(u, AREA_HISTORY);
    const struct past *past = user_block_entries(u, AREA_HISTORY);
    pack_uint(p, a->n);
    pack_uint(p, (uint32_t)a->cap - a->n);
    int64_t newer = u->last_ms;
    for (uint32_t i = a->n; i > 0; i--) {
        const struct past *e = &past[i - 1];
        const int64_t ts = ts_join(e->ts_high, e->ts_low);
        write_mention(m, p);
        pack_uint(p, (uint32_t)e->action << RECORD_DOMAIN_BITS | e->domain);
        pack_uint(p, (uint64_t)(newer - ts));
        newer = ts;
    }
}

static void write_events(const struct user *u, struct pack *p) {
    const struct user_area *a = user_block_area(u, AREA_EVENTS);
    const uint64_t *ids = user_block_entries(u, AREA_EVENTS);
    pack_uint(p, a->n);
    pack_uint(p, (uint32_t)a->cap - a->n);
    for (uint32_t i = 0; i < a->n; i++) {
        pack_u64(p, ids[i]);
    }
}

static void write_social(const struct user *u, struct pack *p) {
    const struct engagement_social *s = user_block_social(u);
    if (!s) {
        return;
    }
    uint32_t taken = 0;
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        taken |= s->sum[i] > 0.0F ? UINT32_C(1) << i : 0U;
    }
    pack_int(p, s->last_ms);
    pack_uint(p, taken);
    for (uint32_t i = 0; i < SOCIAL_MAX; i++) {
        if (taken >> i & 1U) {
            pack_u32(p, s->who[i]);
            pack_float(p, s->sum[i]);
        }
    }
}

static void write_fired(const struct user *u, struct pack *p) {
    const struct fired *f = user_block_fired(u);
    if (u->n_fired > 0) {
        pack_uint(p, u->n_fired);
    }
    for (uint32_t i = 0; i < u->n_fired; i++) {
        pack_u32(p, f[i].trigger);
        pack_u32(p, f[i].what);
        pack_int(p, ts_join(f[i].at_high, f[i].at_low));
    }
}

void user_record_write(const struct user *u, uint64_t voted_in, const struct user_words *words,
                       struct pack *p) {
    struct mentions m;
    mention_all(&m, u);
    write_head(u, voted_in, p);
    write_words(u, &m, words, p);
    for (uint8_t d = 0; d < u->n_domains; d++) {
        write_domain(u, d, &m, p);
    }
    write_interests(u, p);
    write_history(u, &m, p);
    write_events(u, p);
    write_social(u, p);
    write_fired(u, p);
}
