/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_ids.c -- see registry_ids.h.
 *
 * An array sorted by id. Whoever asks for an id that is READY keeps what he got, so the array is
 * searched seldom, and walked once a request.
 */
#include "registry_ids.h"

#include <stdlib.h>
#include <string.h>

enum id_state {
    ID_WAITING, /* never answered                                          */
    ID_MISSING, /* the registry does not know it; the grace runs           */
    ID_UNKNOWN, /* nor did it when the grace was over; or it is unusable   */
    ID_READY,
};

struct entry {
    uint32_t id;
    enum id_state state;
    bool tried;         /* asked for at least once                */
    int64_t wanted_ms;  /* somebody asked last                    */
    int64_t missing_ms; /* the first 404                          */
    int64_t due_ms;     /* when to ask next                       */
    char *json;         /* ID_READY */
    size_t len;
};

struct registry_ids {
    struct registry_periods periods;
    int64_t grace_ms;
    int64_t backoff_ms;    /* the next one                         */
    int64_t not_before_ms; /* nothing is asked before              */
    uint64_t random;
    struct entry *entries; /* (cap,), n of them, sorted by id      */
    size_t n, cap;
    bool full;
};

enum status registry_ids_new(const struct registry_periods *periods, int64_t grace_ms,
                             uint64_t seed, struct registry_ids **out) {
    struct registry_ids *ids = calloc(1, sizeof *ids);
    if (!ids) {
        return ST_NOMEM;
    }
    ids->periods = *periods;
    ids->grace_ms = grace_ms;
    ids->backoff_ms = periods->backoff_ms;
    ids->not_before_ms = INT64_MIN;
    ids->random = seed | 1;
    *out = ids;
    return ST_OK;
}

void registry_ids_free(struct registry_ids *ids) {
    if (!ids) {
        return;
    }
    for (size_t i = 0; i < ids->n; i++) {
        free(ids->entries[i].json);
    }
    free(ids->entries);
    free(ids);
}

/* ---- the array ------------------------------------------------------------------------- */

/* Index of the first entry with at least this id. */
static size_t place_of(const struct registry_ids *ids, uint32_t id) {
    size_t lo = 0;
    size_t hi = ids->n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (ids->entries[mid].id < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static struct entry *find(const struct registry_ids *ids, uint32_t id) {
    const size_t i = place_of(ids, id);
    return i < ids->n && ids->entries[i].id == id ? &ids->entries[i] : NULL;
}

static void forget(struct registry_ids *ids, size_t i) {
    free(ids->entries[i].json);
    ids->n--;
    memmove(&ids->entries[i], &ids->entries[i + 1], (ids->n - i) * sizeof *ids->entries);
}

/* Of the unknown ones the one that nobody has asked for the longest makes room. */
static bool make_room(struct registry_ids *ids) {
    size_t oldest = ids->n;
    for (size_t i = 0; i < ids->n; i++) {
        const struct entry *e = &ids->entries[i];
        if (e->state == ID_UNKNOWN &&
            (oldest == ids->n || e->wanted_ms < ids->entries[oldest].wanted_ms)) {
            oldest = i;
        }
    }
    if (oldest == ids->n) {
        return false;
    }
    forget(ids, oldest);
    return true;
}

static bool grow(struct registry_ids *ids) {
    const size_t cap = ids->cap ? 2 * ids->cap : 16;
    struct entry *entries = realloc(ids->entries, cap * sizeof *entries);
    if (!entries) {
        return false;
    }
    ids->entries = entries;
    ids->cap = cap;
    return true;
}

/* The entry of an id that has none yet. NULL: no memory, or no room. */
static struct entry *add(struct registry_ids *ids, uint32_t id, int64_t now_ms) {
    if (ids->n == REGISTRY_IDS_MAX && !make_room(ids)) {
        ids->full = true;
        return NULL;
    }
    if (ids->n == ids->cap && !grow(ids)) {
        return NULL;
    }
    const size_t i = place_of(ids, id);
    memmove(&ids->entries[i + 1], &ids->entries[i], (ids->n - i) * sizeof *ids->entries);
    ids->entries[i] = (struct entry){.id = id, .wanted_ms = now_ms, .due_ms = now_ms};
    ids->n++;
    ids->full = false;
    return &ids->entries[i];
}

/* ---- asking ---------------------------------------------------------------------------- */

static bool is_idle(const struct registry_ids *ids, const struct entry *e, int64_t now_ms) {
    return (e->state == ID_WAITING || e->state == ID_MISSING) &&
           now_ms - e->wanted_ms > ids->periods.idle_ms;
}

/* An unknown id is asked for again only once somebody wanted it again. */
static bool is_pending(const struct entry *e) {
    return e->state != ID_READY && (e->state != ID_UNKNOWN || e->wanted_ms >= e->due_ms);
}

enum lookup_state registry_ids_get(struct registry_ids *ids, uint32_t id, int64_t now_ms,
                                   const char **json, size_t *len, bool *work) {
    struct entry *e = find(ids, id);
    *work = false;
    if (!e) {
        *work = add(ids, id, now_ms) != NULL;
        return LOOKUP_WAITING;
    }
    const bool before = is_pending(e) && !is_idle(ids, e, now_ms);
    e->wanted_ms = now_ms;
    *work = !before && is_pending(e);
    if (e->state == ID_READY) {
        *json = e->json;
        *len = e->len;
        return LOOKUP_READY;
    }
    return e->state == ID_UNKNOWN ? LOOKUP_UNKNOWN : LOOKUP_WAITING;
}

bool registry_ids_next(struct registry_ids *ids, int64_t now_ms, uint32_t *id, bool *first) {
    const struct entry *next = NULL;
    for (size_t i = ids->n; i-- > 0;) {
        if (is_idle(ids, &ids->entries[i], now_ms)) {
            forget(ids, i);
        }
    }
    for (size_t i = 0; i < ids->n; i++) {
        const struct entry *e = &ids->entries[i];
        if (is_pending(e) && e->due_ms <= now_ms && (!next || e->due_ms < next->due_ms)) {
            next = e;
        }
    }
    if (!next || now_ms < ids->not_before_ms) {
        return false;
    }
    *id = next->id;
    *first = !next->tried;
    return true;
}

int64_t registry_ids_due(const struct registry_ids *ids, int64_t now_ms) {
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < ids->n; i++) {
        const struct entry *e = &ids->entries[i];
        if (is_pending(e) && !is_idle(ids, e, now_ms) && e->due_ms < due) {
            due = e->due_ms;
        }
    }
    return due != INT64_MAX && due < ids->not_before_ms ? ids->not_before_ms : due;
}

/* ---- answers --------------------------------------------------------------------------- */

static void answered(struct registry_ids *ids) {
    ids->backoff_ms = ids->periods.backoff_ms;
    ids->not_before_ms = INT64_MIN;
}

void registry_ids_known(struct registry_ids *ids, uint32_t id, char *json) {
    struct entry *e = find(ids, id);
    answered(ids);
    if (!e || e->state == ID_READY) { /* it made room meanwhile: whoever wants it asks again */
        free(json);
        return;
    }
    e->state = ID_READY;
    e->json = json;
    e->len = strlen(json);
}

static bool set_unknown(struct registry_ids *ids, struct entry *e, int64_t now_ms) {
    const bool news = e->state != ID_UNKNOWN;
    e->state = ID_UNKNOWN;
    e->due_ms = now_ms + ids->periods.negative_ms;
    return news;
}

bool registry_ids_missing(struct registry_ids *ids, uint32_t id, int64_t now_ms) {
    struct entry *e = find(ids, id);
    answered(ids);
    if (!e || e->state == ID_READY) {
        return false;
    }
    e->tried = true;
    if (e->state == ID_WAITING) {
        e->state = ID_MISSING;
        e->missing_ms = now_ms;
    }
    const int64_t end_ms = e->missing_ms + ids->grace_ms;
    if (e->state == ID_UNKNOWN || now_ms >= end_ms) {
        return set_unknown(ids, e, now_ms);
    }
    const int64_t again_ms = now_ms + ids->periods.again_ms;
    e->due_ms = again_ms < end_ms ? again_ms : end_ms;
    return false;
}

bool registry_ids_unusable(struct registry_ids *ids, uint32_t id, int64_t now_ms) {
    struct entry *e = find(ids, id);
    answered(ids);
    if (!e || e->state == ID_READY) {
        return false;
    }
    e->tried = true;
    return set_unknown(ids, e, now_ms);
}

/* xorshift64: only so that instances do not come back all at once. */
static uint64_t draw(struct registry_ids *ids) {
    ids->random ^= ids->random << 13;
    ids->random ^= ids->random >> 7;
    ids->random ^= ids->random << 17;
    return ids->random;
}

void registry_ids_away(struct registry_ids *ids, uint32_t id, int64_t now_ms) {
    struct entry *e = find(ids, id);
    const int64_t fifth = ids->backoff_ms / 5;
    const int64_t less = (int64_t)(draw(ids) % (uint64_t)(fifth + 1));
    ids->not_before_ms = now_ms + ids->backoff_ms - less;
    ids->backoff_ms = ids->backoff_ms < ids->periods.backoff_max_ms / 2
                          ? 2 * ids->backoff_ms
                          : ids->periods.backoff_max_ms;
    if (e && e->state == ID_UNKNOWN) {
        set_unknown(ids, e, now_ms); /* asked again in a minute */
    } else if (e) {
        e->tried = true;
        e->due_ms = now_ms; /* behind the others */
    }
}

size_t registry_ids_waiting(const struct registry_ids *ids, int64_t now_ms) {
    size_t n = 0;
    for (size_t i = 0; i < ids->n; i++) {
        const struct entry *e = &ids->entries[i];
        n += (e->state == ID_WAITING || e->state == ID_MISSING) && !is_idle(ids, e, now_ms);
    }
    return n;
}

bool registry_ids_full(const struct registry_ids *ids) {
    return ids->full;
}
