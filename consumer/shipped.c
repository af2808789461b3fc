/* SPDX-License-Identifier: Apache-2.0
 *
 * shipped.c -- see shipped.h. The ids are for ever: records on somebody's topics carry them.
 */
#include "shipped.h"

#include <string.h>

#include "schemas_builtin.h"

static const struct {
    const char *name;
    const char *json;
    uint32_t id;
    enum topic_kind kind;
} SHIPPED[READERS] = {
    [READER_COURSE_VIEW] = {"CourseView", builtin_course_view, 1, KIND_EVENT},
    [READER_FOOD_ORDER] = {"FoodOrder", builtin_food_order, 9, KIND_EVENT},
    [READER_SOCIAL_INTERACTION] = {"SocialInteraction", builtin_social_interaction, 10, KIND_EVENT},
    [READER_FEEDBACK] = {"Feedback", builtin_feedback, 4, KIND_FEEDBACK},
    [READER_ITEM] = {"Item", builtin_item, 5, KIND_ITEM},
    [READER_USER_PROFILE] = {"UserProfile", builtin_user_profile, 6, KIND_PROFILE},
    [READER_PRIVACY_REQUEST] = {"PrivacyRequest", builtin_privacy_request, 7, KIND_PRIVACY},
    [READER_IDENTITY] = {"Identity", builtin_identity, 8, KIND_IDENTITY},
    [READER_RULE] = {"Rule", builtin_rule, 12, KIND_RULE},
    [READER_EVENT] = {"Event", builtin_event, SHIPPED_EVENT_ID, KIND_EVENT},
};

/* Of schemas/earlier. */
static const struct shipped_earlier EARLIER[] = {
    {READER_FOOD_ORDER, 2, builtin_2},
    {READER_SOCIAL_INTERACTION, 3, builtin_3},
    {READER_EVENT, UINT32_C(2000000009), builtin_2000000009},
    {READER_EVENT, UINT32_C(2000000010), builtin_2000000010},
};

enum status reader_of(const char *name, enum reader *out) {
    for (size_t r = 0; r < READERS; r++) {
        if (strcmp(name, SHIPPED[r].name) == 0) {
            *out = (enum reader)r;
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

const char *reader_name(enum reader r) {
    return SHIPPED[r].name;
}

enum topic_kind reader_kind(enum reader r) {
    return SHIPPED[r].kind;
}

uint32_t shipped_id(enum reader r) {
    return SHIPPED[r].id;
}

const char *shipped_json(enum reader r) {
    return SHIPPED[r].json;
}

const char *shipped_trigger(void) {
    return builtin_trigger;
}

const struct shipped_earlier *shipped_earlier(size_t i) {
    return i < sizeof EARLIER / sizeof *EARLIER ? &EARLIER[i] : NULL;
}
