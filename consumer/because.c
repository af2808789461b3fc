/* SPDX-License-Identifier: Apache-2.0
 * because.c -- see because.h. */
#include "because.h"

#include "categories.h"

struct because because_of(const struct items *items, const struct content *content, uint32_t item,
                          uint8_t target) {
    if (item >= items_n(items)) {
        return (struct because){0};
    }
    if (items_domain(items, item) == target) {
        size_t len = 0;
        const char *id = items_id(items, item, &len);
        return (struct because){.text = id, .len = (uint16_t)len, .kind = BECAUSE_ITEM};
    }
    const uint32_t category = content_category(content, item);
    uint16_t len = 0;
    const char *name =
        category == CATEGORY_NONE ? NULL : content_category_name(content, category, &len);
    return name ? (struct because){.text = name, .len = len, .kind = BECAUSE_CATEGORY}
                : (struct because){0};
}
