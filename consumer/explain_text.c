/* SPDX-License-Identifier: Apache-2.0
 *
 * explain_text.c -- see explain_text.h. The room is added up first, so nobody checks for it.
 */
#include "explain_text.h"

#include <stdlib.h>
#include <string.h>

#include "put.h"
#include "user_features.h"

enum {
    STRING_MAX = PUT_ESCAPE_MAX * ID_LEN_MAX + 2,
    HEAD_MAX = 512, /* names and numbers of everything but what follows */
    PARTS_MAX = REASONS * (16 + PUT_NUMBER_MAX),
    ITEM_MAX = 256 + PARTS_MAX, /* of an item, without its strings       */
    ITEM_STRINGS = 4,           /* id, category; id and category of because */
    SIMILAR_MAX = 64 + PUT_NUMBER_MAX,
    NAME_MAX_BYTES = PUT_ESCAPE_MAX * CONFIG_NAME_MAX + 4,
};

static size_t room_for(const struct explained *e) {
    const size_t names = (size_t)(e->cfg->n_domains + 1) * (NAME_MAX_BYTES + PUT_NUMBER_MAX);
    const size_t item = ITEM_MAX + ITEM_STRINGS * STRING_MAX + NAME_MAX_BYTES;
    return HEAD_MAX + STRING_MAX + names + e->why->list.n * item +
           e->why->n_similar * (size_t)(SIMILAR_MAX + STRING_MAX);
}

/* ---- parts ----------------------------------------------------------------------------- */

static char *put_cut(char *p, const char *text, size_t len) {
    return put_string(p, text, len < ID_LEN_MAX ? len : ID_LEN_MAX);
}

static char *put_domain(char *p, const struct explained *e, uint8_t domain) {
    const char *name = e->cfg->domains[domain].name;
    return put_string(p, name, strlen(name));
}

static char *put_user(char *p, const struct explained *e, uint32_t task, uint32_t slot) {
    const struct users *users = learner_users(e->learner, task);
    const struct user *u = users && slot < users_n(users) ? users_get(users, slot) : NULL;
    size_t len = 0;
    const char *id = u ? user_id(u, &len) : "";
    return put_cut(p, id, len);
}

/* Nothing if the item has none, or one without a name. */
static char *put_category(char *p, const struct explained *e, uint32_t item) {
    const struct content *content = learner_content(e->learner);
    const uint32_t category = content_category(content, item);
    uint16_t len = 0;
    const char *name =
        category == CATEGORY_NONE ? NULL : content_category_name(content, category, &len);
    return name ? put_cut(put_text(p, ",\"category\":"), name, len) : p;
}

static char *put_because(char *p, const struct explained *e, uint32_t item) {
    const struct items *items = learner_shared(e->learner)->items;
    if (item >= items_n(items)) {
        return p;
    }
    size_t len = 0;
    const char *id = items_id(items, item, &len);
    p = put_cut(put_text(p, ",\"because\":{\"item\":"), id, len);
    p = put_domain(put_text(p, ",\"domain\":"), e, items_domain(items, item));
    p = put_category(p, e, item);
    return put_text(p, "}");
}

static char *put_parts(char *p, const float parts[REASONS]) {
    p = put_text(p, ",\"parts\":{");
    for (int k = 0; k < REASONS; k++) {
        p = put_text(p, k > 0 ? ",\"" : "\"");
        p = put_text(p, reason_str((enum reason)k));
        p = put_number(put_text(p, "\":"), (double)parts[k]);
    }
    return put_text(p, "}");
}

static char *put_item(char *p, const struct explained *e, uint32_t at) {
    const struct list_item *i = &e->why->list.items[at];
    size_t len = 0;
    const char *id = items_id(learner_shared(e->learner)->items, i->item, &len);
    p = put_cut(put_text(p, "{\"id\":"), id, len);
    p = put_number(put_text(p, ",\"score\":"), (double)i->score);
    p = put_text(put_text(p, ",\"reason\":\""), reason_str(i->reason));
    p = put_category(put_text(p, "\""), e, i->item);
    p = put_because(p, e, i->because);
    if (i->propensity > 0) {
        p = put_number(put_text(p, ",\"propensity\":"), (double)i->propensity);
    }
    return put_text(put_parts(p, e->why->parts[at]), "}");
}

/* ---- the whole ------------------------------------------------------------------------- */

static char *put_subject(char *p, const struct explained *e) {
    const struct user *u = users_get(learner_users(e->learner, e->task), e->user);
    const int segment = e->why->list.segment;
    p = put_user(put_text(p, "{\"user\":"), e, e->task, e->user);
    p = put_domain(put_text(p, ",\"target\":"), e, e->target);
    p = put_u64(put_text(p, ",\"task\":"), e->task);
    p = put_i64(put_text(p, ",\"ts\":"), e->now_ms);
    p = put_text(p, ",\"segment\":");
    p = segment < 0 ? put_text(p, "null") : put_i64(p, segment);
    p = put_text(p, ",\"lifecycle\":\"");
    p = put_text(p, lifecycle_str(features_lifecycle(u, e->cfg->n_domains, e->now_ms)));
    p = put_number(put_text(p, "\",\"social\":"), (double)user_social(u, e->now_ms));
    p = put_text(p, ",\"events\":{");
    for (uint32_t d = 0; d < e->cfg->n_domains; d++) {
        p = put_domain(put_text(p, d > 0 ? "," : ""), e, (uint8_t)d);
        p = put_u64(put_text(p, ":"), user_n_of(u, (uint8_t)d));
    }
    return put_text(p, "}");
}

static char *put_all(char *p, const struct explained *e) {
    const struct explanation *why = e->why;
    p = put_subject(p, e);
    p = put_text(put_text(p, ",\"personalised\":"), why->list.personalised ? "true" : "false");
    p = put_text(put_text(p, ",\"served\":"), why->served == RANKER_TWIN ? "\"twin\"" : "\"full\"");
    p = put_number(put_text(p, ",\"lead\":"), (double)why->lead);
    p = put_u64(put_text(p, ",\"candidates\":"), why->n_candidates);
    p = put_text(p, ",\"items\":[");
    for (uint32_t k = 0; k < why->list.n; k++) {
        p = put_item(put_text(p, k > 0 ? "," : ""), e, k);
    }
    p = put_text(p, "],\"similar\":[");
    for (uint32_t k = 0; k < why->n_similar; k++) {
        p = put_text(p, k > 0 ? ",{\"user\":" : "{\"user\":");
        p = put_user(p, e, why->similar[k].task, why->similar[k].user);
        p = put_number(put_text(p, ",\"cosine\":"), (double)why->similar[k].cosine);
        p = put_text(p, "}");
    }
    return put_text(p, "]}\n");
}

char *explain_text(const struct explained *e) {
    char *text = malloc(room_for(e));
    if (text) {
        *put_all(text, e) = '\0';
    }
    return text;
}
