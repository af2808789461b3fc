/* SPDX-License-Identifier: Apache-2.0
 *
 * persona.c -- see persona.h.
 */
#include "persona.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { RECENCY, FREQUENCY, MONEY }; /* where features_of() puts them */

#define AWAY       0.5F     /* recency from here on: long ago        */
#define SELDOM     (-0.25F) /* frequency up to here: hardly ever      */
#define OFTEN      0.5F
#define VERY_OFTEN 1.5F
#define JUST_NOW   (-0.25F) /* recency up to here                     */
#define NOT_OFTEN  0.25F
#define SPENDS     0.5F /* money beyond frequency                 */
#define PART       0.4F /* share of a part of the day             */
#define PART_LIFT  1.2F
#define CATEGORY   0.25F

/* Words of a domain whose name begins so. */
static const struct nouns {
    const char *prefix;
    const char *doers;
    const char *things; /* what beginners are in                    */
    const char *suffix; /* behind a category: "data courses", "ramen" */
} NOUNS[] = {
    {"food", "diners", "food", ""},
    {"restaurant", "diners", "restaurants", " restaurants"},
    {"kitchen", "home cooks", "cooking", ""},
    {"recipe", "home cooks", "cooking", ""},
    {"grocer", "shoppers", "groceries", ""},
    {"shop", "shoppers", "shopping", ""},
    {"course", "learners", "courses", " courses"},
    {"learn", "learners", "courses", " courses"},
    {"lesson", "learners", "lessons", " lessons"},
    {"travel", "travellers", "travel", ""},
    {"fitness", "gym-goers", "fitness", ""},
    {"gym", "gym-goers", "fitness", ""},
    {"book", "readers", "books", " books"},
    {"film", "viewers", "films", " films"},
    {"music", "listeners", "music", " music"},
};

static const char *const PARTS[PERSONA_PARTS] = {"night ", "morning ", "afternoon ", "evening "};

/* ---- numbers -------------------------------------------------------------------- */

static float z_of(const struct persona_domain *d, int feature) {
    return isnan(d->z[feature]) ? 0.0F : d->z[feature];
}

static enum persona_habit habit_of(const struct persona_domain *d) {
    const float r = z_of(d, RECENCY);
    const float f = z_of(d, FREQUENCY);
    if (r >= AWAY) {
        return f <= SELDOM ? PERSONA_NONE : PERSONA_LAPSED;
    }
    if (f >= OFTEN) {
        return PERSONA_FREQUENT;
    }
    return r <= JUST_NOW && f <= NOT_OFTEN ? PERSONA_BEGINNER : PERSONA_OCCASIONAL;
}

static const char *money_of(const struct persona_domain *d) {
    const float money = z_of(d, MONEY);
    const float beyond = money - z_of(d, FREQUENCY);
    if (money == 0.0F) {
        return ""; /* nobody's varies: there is none */
    }
    return beyond >= SPENDS ? "high-spending " : beyond <= -SPENDS ? "thrifty " : "";
}

static const char *part_of(const struct persona_domain *d) {
    int most = 0;
    for (int i = 1; i < PERSONA_PARTS; i++) {
        most = d->part[i] > d->part[most] ? i : most;
    }
    const bool says = d->part[most] >= PART && d->part[most] >= PART_LIFT * d->part_all[most];
    return says ? PARTS[most] : "";
}

static const struct nouns *nouns_of(const char *name) {
    for (size_t i = 0; i < sizeof NOUNS / sizeof *NOUNS; i++) {
        if (strncmp(name, NOUNS[i].prefix, strlen(NOUNS[i].prefix)) == 0) {
            return &NOUNS[i];
        }
    }
    return NULL;
}

/* ---- words ---------------------------------------------------------------------- */

/* Bytes of `name` that are shown: at most PERSONA_NAME_MAX, whole characters. */
static int shown(const char *name) {
    size_t n = 0;
    while (n < PERSONA_NAME_MAX && name[n]) {
        n++;
    }
    while (name[n] && n > 0 && ((unsigned char)name[n] & 0xC0U) == 0x80U) {
        n--; /* in the middle of a character */
    }
    return (int)n;
}

/* Appends `text` with `glue` before it, unless it is the first or does not fit. */
static void append(char *buf, size_t size, const char *glue, const char *text) {
    const size_t n = strlen(buf);
    const char *g = n ? glue : "";
    if (strlen(g) + strlen(text) < size - n) {
        snprintf(buf + n, size - n, "%s%s", g, text);
    }
}

static void beginners(const struct persona_domain *d, char *buf, size_t size) {
    const struct nouns *nouns = nouns_of(d->name);
    if (d->n_top > 0 && d->top[0].share >= CATEGORY && *d->top[0].name) {
        const char *name = d->top[0].name;
        snprintf(buf, size, "beginners in %.*s%s", shown(name), name, nouns ? nouns->suffix : "");
    } else if (nouns) {
        snprintf(buf, size, "beginners in %s", nouns->things);
    } else {
        snprintf(buf, size, "beginners in %.*s", shown(d->name), d->name);
    }
}

static void phrase(const struct persona_domain *d, enum persona_habit habit, char *buf,
                   size_t size) {
    if (habit == PERSONA_BEGINNER) {
        beginners(d, buf, size);
        return;
    }
    const bool very = habit == PERSONA_FREQUENT && z_of(d, FREQUENCY) >= VERY_OFTEN;
    const struct nouns *nouns = nouns_of(d->name);
    char doers[PERSONA_NAME_MAX + 8];
    if (nouns) {
        snprintf(doers, sizeof doers, "%s", nouns->doers);
    } else {
        snprintf(doers, sizeof doers, "%.*s users", shown(d->name), d->name);
    }
    snprintf(buf, size, "%s%s %s%s%s", very ? "very " : "", persona_habit_str(habit), money_of(d),
             part_of(d), doers);
}

/* The domain that is named next; n_domains if none is left. */
static uint32_t next_domain(const struct persona_domain *domains, uint32_t n_domains,
                            const struct persona *p, const bool *named) {
    uint32_t best = n_domains;
    for (uint32_t i = 0; i < n_domains; i++) {
        if (named[i] || p->habit[i] == PERSONA_NONE) {
            continue;
        }
        if (best == n_domains || p->habit[i] < p->habit[best] ||
            (p->habit[i] == p->habit[best] &&
             z_of(&domains[i], FREQUENCY) > z_of(&domains[best], FREQUENCY))) {
            best = i;
        }
    }
    return best;
}

static void write_title(const struct persona_domain *domains, uint32_t n_domains,
                        struct persona *p) {
    bool named[DOMAINS_MAX] = {false};
    for (int i = 0; i < PERSONA_PHRASES; i++) {
        const uint32_t d = next_domain(domains, n_domains, p, named);
        if (d == n_domains) {
            break;
        }
        char text[sizeof p->title];
        phrase(&domains[d], p->habit[d], text, sizeof text);
        append(p->title, sizeof p->title, ", ", text);
        named[d] = true;
    }
    if (!*p->title) {
        snprintf(p->title, sizeof p->title, "quiet users");
    }
}

/* "food: ramen 31 %, sushi 12 %" */
static void write_categories(const struct persona_domain *d, char *buf, size_t size) {
    buf[0] = '\0';
    for (uint32_t i = 0; i < d->n_top && i < PERSONA_TOP; i++) {
        const char *name = d->top[i].name;
        char text[PERSONA_NAME_MAX + 16];
        snprintf(text, sizeof text, "%.*s %.0f %%", shown(name), name,
                 100.0 * (double)d->top[i].share);
        append(buf, size, ", ", text);
    }
}

static void write_detail(const struct persona_domain *domains, uint32_t n_domains,
                         struct persona *p) {
    snprintf(p->detail, sizeof p->detail, "%.3g %% of users", 100.0 * (double)p->share);
    for (uint32_t i = 0; i < n_domains; i++) {
        const struct persona_domain *d = &domains[i];
        if (p->habit[i] == PERSONA_NONE || d->n_top == 0) {
            continue;
        }
        char categories[PERSONA_TOP * (PERSONA_NAME_MAX + 18)];
        char text[sizeof categories + PERSONA_NAME_MAX + 4];
        write_categories(d, categories, sizeof categories);
        snprintf(text, sizeof text, "%.*s: %s", shown(d->name), d->name, categories);
        append(p->detail, sizeof p->detail, "; ", text);
    }
}

void persona_describe(const struct persona_domain *domains, uint32_t n_domains, double size,
                      double all, struct persona *out) {
    *out = (struct persona){.share = all > 0.0 ? (float)(size / all) : 0.0F};
    for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
        out->habit[i] = i < n_domains ? habit_of(&domains[i]) : PERSONA_NONE;
    }
    write_title(domains, n_domains, out);
    write_detail(domains, n_domains, out);
}

const char *persona_habit_str(enum persona_habit habit) {
    switch (habit) {
    case PERSONA_FREQUENT: return "frequent";
    case PERSONA_BEGINNER: return "beginner";
    case PERSONA_OCCASIONAL: return "occasional";
    case PERSONA_LAPSED: return "lapsed";
    case PERSONA_NONE: return "none";
    }
    return "unknown";
}
