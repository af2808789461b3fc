/* SPDX-License-Identifier: Apache-2.0
 *
 * rules.c -- see rules.h: the table of rules, and what is asked of one rule. The compiled form is
 * in rules_compiled.c.
 *
 * Rules are sorted by id and source. What changes marks the compiled form as stale.
 */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

#include "rules_state.h"

const char *rule_kind_str(enum rule_kind k) {
    static const char *const names[RULE_KINDS] = {"block", "pin", "boost"};
    return k < RULE_KINDS ? names[k] : "unknown";
}

/* ---- life cycle -------------------------------------------------------------------------- */

enum status rules_new(uint32_t n_domains, struct rules **out) {
    if (n_domains < 1 || n_domains > DOMAINS_MAX) {
        return ST_INVALID;
    }
    struct rules *r = calloc(1, sizeof *r);
    if (!r) {
        return ST_NOMEM;
    }
    r->n_domains = n_domains;
    r->now_ms = INT64_MIN;
    *out = r;
    return ST_OK;
}

void rules_free(struct rules *r) {
    if (!r) {
        return;
    }
    for (uint32_t k = 0; k < r->n; k++) {
        free(r->rows[k].id);
    }
    free(r->rows);
    rules_compiled_free(&r->compiled);
    free(r);
}

/* ---- the table --------------------------------------------------------------------------- */

static int order_of(const struct rule *a, const char *id, size_t len, uint32_t source) {
    const size_t least = a->id_len < len ? a->id_len : len;
    const int by_bytes = memcmp(a->id, id, least);
    if (by_bytes != 0) {
        return by_bytes;
    }
    if (a->id_len != len) {
        return a->id_len < len ? -1 : 1;
    }
    return a->source < source ? -1 : a->source > source;
}

/* Where it is, or would be. */
static uint32_t find(const struct rules *r, const char *id, size_t len, uint32_t source,
                     bool *found) {
    uint32_t lo = 0;
    uint32_t hi = r->n;
    *found = false;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        const int order = order_of(&r->rows[mid].rule, id, len, source);
        if (order == 0) {
            *found = true;
            return mid;
        }
        lo = order < 0 ? mid + 1 : lo;
        hi = order < 0 ? hi : mid;
    }
    return lo;
}

static bool names_something(const struct rules *r, const struct rule *rule) {
    for (uint32_t d = 0; d < r->n_domains; d++) {
        if (rule->item[d] || rule->category[d]) {
            return true;
        }
    }
    return false;
}

static bool factor_ok(float x) {
    return x >= 1.0F / RULES_FACTOR_MAX && x <= RULES_FACTOR_MAX;
}

static bool is_ok(const struct rules *r, const struct rule *rule) {
    const bool common = rule->id_len >= 1 && rule->id_len <= ID_LEN_MAX &&
                        (rule->target == RULES_EVERY_DOMAIN || rule->target < r->n_domains) &&
                        rule->segment >= -1 && rule->segment < SEGMENTS_MAX &&
                        rule->from_ms < rule->until_ms;
    switch (common ? rule->kind : RULE_KINDS) {
    case RULE_BLOCK: return true;
    case RULE_PIN: return rule->place >= 1 && rule->place <= LIST_MAX && names_something(r, rule);
    case RULE_BOOST: return factor_ok(rule->factor);
    case RULE_KINDS: break;
    }
    return false;
}

static enum status reserve(struct rules *r) {
    if (r->n < r->cap) {
        return ST_OK;
    }
    const uint32_t cap = r->cap ? 2 * r->cap : 64;
    struct rules_row *rows = realloc(r->rows, cap * sizeof *rows);
    if (!rows) {
        return ST_NOMEM;
    }
    r->rows = rows;
    r->cap = cap;
    return ST_OK;
}

enum status rules_set(struct rules *r, const struct rule *rule) {
    bool found = false;
    if (!is_ok(r, rule)) {
        return ST_INVALID;
    }
    char *id = malloc(rule->id_len);
    enum status st = id ? reserve(r) : ST_NOMEM;
    if (st) {
        free(id);
        return st;
    }
    memcpy(id, rule->id, rule->id_len);
    const uint32_t at = find(r, id, rule->id_len, rule->source, &found);
    if (found) {
        r->n_of[r->rows[at].rule.kind]--;
        free(r->rows[at].id);
    } else {
        memmove(r->rows + at + 1, r->rows + at, (r->n - at) * sizeof *r->rows);
        r->n++;
    }
    r->rows[at] = (struct rules_row){.rule = *rule, .id = id};
    r->rows[at].rule.id = id;
    r->n_of[rule->kind]++;
    r->stale = true;
    return ST_OK;
}

bool rules_remove(struct rules *r, const char *id, size_t id_len, uint32_t source) {
    bool found = false;
    const uint32_t at = find(r, id, id_len, source, &found);
    if (found) {
        r->n_of[r->rows[at].rule.kind]--;
        free(r->rows[at].id);
        r->n--;
        memmove(r->rows + at, r->rows + at + 1, (r->n - at) * sizeof *r->rows);
        r->stale = true;
    }
    return found;
}

uint32_t rules_n(const struct rules *r, enum rule_kind k) {
    return r->n_of[k];
}

const struct rule *rules_at(const struct rules *r, uint32_t k) {
    return k < r->n ? &r->rows[k].rule : NULL;
}

int64_t rules_next_ms(const struct rules *r, int64_t now_ms) {
    int64_t next = INT64_MAX;
    for (uint32_t k = 0; k < r->n; k++) {
        const struct rule *rule = &r->rows[k].rule;
        next = rule->from_ms > now_ms && rule->from_ms < next ? rule->from_ms : next;
        next = rule->until_ms > now_ms && rule->until_ms < next ? rule->until_ms : next;
    }
    return next;
}

int64_t rules_last_ms(const struct rules *r, int64_t now_ms) {
    int64_t last = INT64_MIN;
    for (uint32_t k = 0; k < r->n; k++) {
        const struct rule *rule = &r->rows[k].rule;
        last = rule->from_ms <= now_ms && rule->from_ms > last ? rule->from_ms : last;
        last = rule->until_ms <= now_ms && rule->until_ms > last ? rule->until_ms : last;
    }
    return last;
}

/* ---- one rule ---------------------------------------------------------------------------- */

static bool is_of(const struct rule *rule, uint8_t target) {
    return rule->target == RULES_EVERY_DOMAIN || rule->target == target;
}

bool rule_in_force(const struct rule *rule, uint8_t target, int segment, int64_t now_ms) {
    return is_of(rule, target) && rule_is_for(rule, segment) && rule->from_ms <= now_ms &&
           now_ms < rule->until_ms;
}

bool rule_holds(const struct rule *rule, uint8_t target, uint64_t item, uint64_t category) {
    return is_of(rule, target) && (!rule->item[target] || rule->item[target] == item) &&
           (!rule->category[target] || rule->category[target] == category);
}

/* ---- lists --------------------------------------------------------------------------------- */

uint32_t rules_place(struct rules_placed *pins, uint32_t n_pins, uint32_t n) {
    uint32_t free_from = 0;
    for (uint32_t k = 0; k < n_pins; k++) {
        const uint32_t wanted = pins[k].place - 1;
        const uint32_t slot = wanted > free_from ? wanted : free_from;
        if (slot >= n) {
            return k;
        }
        pins[k].place = slot;
        free_from = slot + 1;
    }
    return n_pins;
}

/* What stands in a slot with a pin. */
static struct list_item pinned(uint32_t item, const struct list *shown, const struct list *others) {
    const float above = shown->n > 0 ? shown->items[shown->n - 1].score : 0.0F;
    const float below = others->n > 0 ? others->items[0].score : 0.0F;
    return (struct list_item){.item = item,
                              .score = shown->n > 0 ? above : below,
                              .reason = REASON_PINNED,
                              .because = ITEM_NONE};
}

void rules_insert(const struct rules_placed *pins, uint32_t n_pins, uint32_t n, struct list *list) {
    const struct list others = *list;
    uint32_t at = 0; /* next of the others */
    uint32_t pin = 0;
    list->n = 0;
    n = n < LIST_MAX ? n : LIST_MAX;
    while (list->n < n && (at < others.n || pin < n_pins)) {
        const bool due = pin < n_pins && (pins[pin].place <= list->n || at == others.n);
        list->items[list->n] = due ? pinned(pins[pin].item, list, &others) : others.items[at];
        at += !due;
        pin += due;
        list->n++;
    }
}

static float scale_of(double squares, uint32_t n) {
    const double sd = n > 0 ? sqrt(squares / n) : 0.0;
    return sd > RULES_SCALE_LEAST ? (float)sd : (float)RULES_SCALE_LEAST;
}

float rules_spread_scale(const struct rules_spread *s) {
    return scale_of(s->squares, s->n);
}

float rules_scale(const float *scores, uint32_t n) {
    double sum = 0.0;
    double squares = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        sum += (double)scores[k];
    }
    const double mean = n > 0 ? sum / n : 0.0;
    for (uint32_t k = 0; k < n; k++) {
        squares += ((double)scores[k] - mean) * ((double)scores[k] - mean);
    }
    return scale_of(squares, n);
}
