/* SPDX-License-Identifier: Apache-2.0
 * state_print.c -- see state_print.h. */
#include "state_print.h"

#include <inttypes.h>
#include <string.h>

#include "mapping_field.h"
#include "put.h"
#include "user_block.h"

enum { STRING_MAX = PUT_ESCAPE_MAX * ID_LEN_MAX + 2 };
_Static_assert((int)CONFIG_NAME_MAX <= (int)ID_LEN_MAX, "a name fits where an id does");

static void print_string(FILE *out, const char *text, size_t len) {
    char buf[STRING_MAX];
    const char *end = put_string(buf, text, len);
    fwrite(buf, 1, (size_t)(end - buf), out);
}

/* Items that a user is known to have taken of a domain. */
static uint32_t consumed(const struct user *u, uint8_t domain) {
    enum { WORD_BITS = 32, BITS_AN_ITEM = 10 }; /* of a filter, user_set.h */
    const struct user_area *set = user_block_area(u, area_of_set(domain));
    const struct user_area *table = user_block_area(u, area_of_table(domain));
    const uint32_t older = set->halves == 2 ? set->cap / 2U * WORD_BITS / BITS_AN_ITEM : 0;
    return older + set->n + table->n;
}

static void print_domains(FILE *out, const struct config *cfg, const struct user *u) {
    fputs("\"domains\":{", out);
    for (uint32_t d = 0; d < cfg->n_domains; d++) {
        const uint8_t domain = (uint8_t)d;
        fputs(d ? "," : "", out);
        print_string(out, cfg->domains[d].name, strlen(cfg->domains[d].name));
        fprintf(out, ":{\"n\":%" PRIu32 ",\"last_ms\":%" PRId64 ",\"consumed\":%" PRIu32 "}",
                user_n_of(u, domain), user_last_ms_of(u, domain), consumed(u, domain));
    }
    fputc('}', out);
}

static void print_history(FILE *out, const struct config *cfg, const struct items *items,
                          const struct user *u) {
    struct user_entry entries[USER_HISTORY];
    const uint32_t n = user_history(u, INT64_MAX, entries, USER_HISTORY);
    fputs("\"history\":[", out);
    for (uint32_t k = 0; k < n; k++) {
        const struct user_entry *e = &entries[k];
        const char *domain = e->domain < cfg->n_domains ? cfg->domains[e->domain].name : "";
        const char *action = e->action < ACTIONS ? map_word_name(e->action) : "";
        fprintf(out, "%s{\"item\":\"%016" PRIx64 "\",\"domain\":", k ? "," : "",
                items_hash(items, e->item));
        print_string(out, domain, strlen(domain));
        fprintf(out, ",\"action\":\"%s\",\"ts\":%" PRId64 "}", action, e->ts_ms);
    }
    fputc(']', out);
}

static void print_events(FILE *out, const struct user *u) {
    const uint64_t *ids = user_block_entries(u, AREA_EVENTS);
    const uint32_t n = user_block_area(u, AREA_EVENTS)->n;
    fputs("\"events\":[", out);
    for (uint32_t k = 0; k < n; k++) {
        fprintf(out, "%s\"%016" PRIx64 "\"", k ? "," : "", ids[n - 1 - k]);
    }
    fputc(']', out);
}

void state_print_user(FILE *out, const struct config *cfg, const struct items *items, int32_t task,
                      const struct user *u) {
    size_t len = 0;
    const char *id = user_id(u, &len);
    fprintf(out, "{\"task\":%" PRId32 ",\"user\":", task);
    print_string(out, id, len);
    fprintf(out, ",\"n\":%" PRIu32 ",\"segment\":%d,", user_n(u), user_segment(u));
    print_domains(out, cfg, u);
    fputc(',', out);
    print_history(out, cfg, items, u);
    fputc(',', out);
    print_events(out, u);
    fputs("}\n", out);
}

void state_print_task(FILE *out, int32_t task, const struct state_task *t, int64_t taken_ms) {
    fprintf(out,
            "{\"task\":%" PRId32 ",\"epoch\":%" PRIu64 ",\"batch\":%" PRIu64 ",\"positions\":{",
            task, t->epoch, t->batch);
    for (uint32_t k = 0; k < t->n_topics; k++) {
        fputs(k ? "," : "", out);
        print_string(out, t->topics[k].topic, strlen(t->topics[k].topic));
        fprintf(out, ":{\"incarnation\":%" PRIu32 ",\"next\":%" PRId64 "}",
                t->topics[k].incarnation, t->topics[k].next);
    }
    fputs("},\"taken_ms\":", out);
    if (taken_ms == INT64_MIN) {
        fputs("null}\n", out);
    } else {
        fprintf(out, "%" PRId64 "}\n", taken_ms);
    }
}
