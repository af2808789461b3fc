/* SPDX-License-Identifier: Apache-2.0
 * eval_order.c -- see eval_order.h. */
#include "eval_order.h"

#include <stdlib.h>
#include <string.h>

#include "mix.h"

#define DAY_MS INT64_C(86400000)

/* ---- links ------------------------------------------------------------------------------- */

/* Fisher and Yates, as Durstenfeld has it. */
static void shuffle(uint32_t *x, uint32_t n, struct rng *rng) {
    for (uint32_t i = n; i > 1; i--) {
        const uint32_t j = rng_below(rng, i);
        const uint32_t y = x[i - 1];
        x[i - 1] = x[j];
        x[j] = y;
    }
}

/* Users of a domain to `users`, in order of appearance; how many. is_in is zero again after. */
static uint32_t list_users(const struct eval_stream *s, uint8_t domain, uint8_t *is_in,
                           uint32_t *users) {
    uint32_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct eval_line *line = &s->lines[i];
        if (line->domain == domain && !is_in[line->user]) {
            is_in[line->user] = 1;
            users[n++] = line->user;
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        is_in[users[k]] = 0;
    }
    return n;
}

enum status eval_order_permute_links(struct eval_stream *s, uint64_t seed) {
    const size_t room = s->users.n ? s->users.n : 1;
    uint8_t *is_in = calloc(room, 1);
    uint32_t *users = malloc(room * sizeof *users);
    uint32_t *shuffled = malloc(room * sizeof *shuffled);
    uint32_t *name = malloc(room * sizeof *name);
    const bool good = is_in && users && shuffled && name;
    for (uint32_t d = 1; good && d < s->n_domains; d++) {
        struct rng rng = {.state = mix64(seed ^ mix64(d))};
        const uint32_t n = list_users(s, (uint8_t)d, is_in, users);
        memcpy(shuffled, users, n * sizeof *users);
        shuffle(shuffled, n, &rng);
        for (uint32_t k = 0; k < n; k++) {
            name[users[k]] = shuffled[k];
        }
        for (size_t i = 0; i < s->n; i++) {
            if (s->lines[i].domain == d) {
                s->lines[i].user = name[s->lines[i].user];
            }
        }
    }
    free(is_in);
    free(users);
    free(shuffled);
    free(name);
    return good ? ST_OK : ST_NOMEM;
}

/* ---- moments ------------------------------------------------------------------------------ */

struct place {
    struct eval_line line;
    size_t at;         /* where it was, in the moment            */
    size_t user_first; /* where the first line of its user was   */
    size_t part_first; /* ... of its user, domain and action     */
};

/* Work on the lines of a moment; they come with `at` set, in their order. */
typedef void change_moment(struct place *places, size_t n, struct rng *rng);

static int compare(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static uint64_t part_of(const struct eval_line *line) {
    return ((uint64_t)line->domain << 8) | line->action;
}

static int by_user(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    const int user = compare(a->line.user, b->line.user);
    return user ? user : compare(a->at, b->at);
}

static int by_part(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    const int user = compare(a->line.user, b->line.user);
    const int part = compare(part_of(&a->line), part_of(&b->line));
    return user ? user : part ? part : compare(a->at, b->at);
}

static int by_first(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    const int user = compare(a->user_first, b->user_first);
    const int part = compare(a->part_first, b->part_first);
    return user ? user : part ? part : compare(a->at, b->at);
}

static int by_place(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    return compare(a->at, b->at);
}

/* Lines of the first user of `places`, which are sorted by user. */
static size_t n_of_user(const struct place *places, size_t n) {
    size_t k = 1;
    while (k < n && places[k].line.user == places[0].line.user) {
        k++;
    }
    return k;
}

static void shuffle_moment(struct place *places, size_t n, struct rng *rng) {
    qsort(places, n, sizeof *places, by_user);
    for (size_t i = 0; i < n;) {
        const size_t k = n_of_user(places + i, n - i);
        for (size_t j = k; j > 1; j--) { /* lines change, places stay */
            struct eval_line *a = &places[i + j - 1].line;
            struct eval_line *b = &places[i + rng_below(rng, (uint32_t)j)].line;
            const struct eval_line line = *a;
            *a = *b;
            *b = line;
        }
        i += k;
    }
    qsort(places, n, sizeof *places, by_place);
}

static void join_moment(struct place *places, size_t n, struct rng *rng) {
    (void)rng;
    qsort(places, n, sizeof *places, by_user);
    for (size_t i = 0; i < n; i++) {
        const bool same = i > 0 && places[i].line.user == places[i - 1].line.user;
        places[i].user_first = same ? places[i - 1].user_first : places[i].at;
    }
    qsort(places, n, sizeof *places, by_part);
    for (size_t i = 0; i < n; i++) {
        const bool same = i > 0 && places[i].line.user == places[i - 1].line.user &&
                          part_of(&places[i].line) == part_of(&places[i - 1].line);
        places[i].part_first = same ? places[i - 1].part_first : places[i].at;
    }
    qsort(places, n, sizeof *places, by_first);
}

static size_t moment_end(const struct eval_stream *s, size_t at) {
    size_t end = at + 1;
    while (end < s->n && s->lines[end].ts_ms == s->lines[at].ts_ms) {
        end++;
    }
    return end;
}

static size_t longest_moment(const struct eval_stream *s) {
    size_t longest = 1;
    for (size_t at = 0; at < s->n;) {
        const size_t end = moment_end(s, at);
        longest = end - at > longest ? end - at : longest;
        at = end;
    }
    return longest;
}

static enum status for_moments(struct eval_stream *s, change_moment *change, struct rng *rng) {
    struct place *places = malloc(longest_moment(s) * sizeof *places);
    if (!places) {
        return ST_NOMEM;
    }
    for (size_t at = 0; at < s->n;) {
        const size_t n = moment_end(s, at) - at;
        for (size_t i = 0; i < n; i++) {
            places[i] = (struct place){.line = s->lines[at + i], .at = i};
        }
        if (n > 1) {
            change(places, n, rng);
        }
        for (size_t i = 0; i < n; i++) {
            s->lines[at + i] = places[i].line;
        }
        at += n;
    }
    free(places);
    return ST_OK;
}

enum status eval_order_shuffle(struct eval_stream *s, uint64_t seed) {
    struct rng rng = {.state = mix64(seed)};
    return for_moments(s, shuffle_moment, &rng);
}

enum status eval_order_join(struct eval_stream *s) {
    struct rng none = {0};
    return for_moments(s, join_moment, &none);
}

/* ---- events and batches -------------------------------------------------------------------- */

static bool same_moment(const struct eval_line *a, const struct eval_line *b) {
    return a->ts_ms == b->ts_ms && a->user == b->user;
}

size_t eval_order_event(const struct eval_stream *s, size_t at, bool orders) {
    const struct eval_line *first = &s->lines[at];
    size_t end = at + 1;
    while (orders && end < s->n && end - at < EVENT_LINES_MAX &&
           same_moment(first, &s->lines[end]) && part_of(first) == part_of(&s->lines[end])) {
        end++;
    }
    return end;
}

static int64_t day_of(const struct eval_line *line) {
    return line->ts_ms / DAY_MS; /* times of files are never negative */
}

size_t eval_order_batch(const struct eval_stream *s, size_t at, bool orders, bool days) {
    const struct eval_line *first = &s->lines[at];
    size_t end = at + 1;
    while (end < s->n && ((orders && same_moment(first, &s->lines[end])) ||
                          (days && day_of(first) == day_of(&s->lines[end])))) {
        end++;
    }
    return end;
}
