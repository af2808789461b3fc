/* SPDX-License-Identifier: Apache-2.0
 * item_text.c -- see item_text.h. */
#include "item_text.h"

static void cut(struct page *p, const char *key, const char *text, size_t len) {
    page_string(p, key, text, len < ID_LEN_MAX ? len : ID_LEN_MAX);
}

static void id_of(struct page *p, const char *key, const struct learner *l, uint32_t item) {
    const struct items *items = learner_shared(l)->items;
    size_t len = 0;
    const char *id = item < items_n(items) ? items_id(items, item, &len) : "";
    cut(p, key, id, len);
}

/* Nothing if the item has none, or one without a name. */
static void category_of(struct page *p, const struct learner *l, uint32_t item) {
    const struct content *content = learner_content(l);
    const uint32_t category = content_category(content, item);
    uint16_t len = 0;
    const char *name =
        category == CATEGORY_NONE ? NULL : content_category_name(content, category, &len);
    if (name) {
        cut(p, "category", name, len);
    }
}

void item_text(struct page *p, const char *key, const struct learner *l, uint32_t item) {
    id_of(p, key, l, item);
    category_of(p, l, item);
}

void item_text_of(struct page *p, const char *key, const struct config *cfg,
                  const struct learner *l, uint32_t item) {
    const struct items *items = learner_shared(l)->items;
    id_of(p, key, l, item);
    if (item < items_n(items)) {
        page_text(p, "domain", cfg->domains[items_domain(items, item)].name);
    }
    category_of(p, l, item);
}

void item_text_user(struct page *p, const char *key, const struct learner *l, uint32_t task,
                    uint32_t user) {
    const struct users *users = learner_users(l, task);
    const struct user *u = users && user < users_n(users) ? users_get(users, user) : NULL;
    size_t len = 0;
    const char *id = u ? user_id(u, &len) : "";
    cut(p, key, id, len);
}
