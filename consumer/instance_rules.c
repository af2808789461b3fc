/* SPDX-License-Identifier: Apache-2.0
 * instance_rules.c -- what people decide about lists: rows of topics of kind rule, and windows that
 * open and close; see instance_state.h, models/rules.h. */
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

/* Everybody is ranked again by the next sweep, as after a change of the catalogue. */
static void change(struct instance *in) {
    if (in->globals_complete) {
        in->catalogue_changed = true;
        in->next_cards_ms = 0;
        instance_similar_hurry(in);
        instance_cards_hurry(in);
    }
    in->rules_timed = false;
}

static void gauge(const struct instance *in) {
    for (int k = 0; k < RULE_KINDS; k++) {
        metric_set(M_RULES, (uint32_t)k, rules_n(learner_rules(in->learner), (enum rule_kind)k));
    }
}

enum status instance_take_rule(struct instance *in, const struct intake_row *row, bool *changed) {
    const struct rule *rule = &row->rule.rule;
    if (row->rule.gone) {
        *changed = learner_rule_remove(in->learner, rule->id, rule->id_len, rule->source);
    } else {
        enum status st = learner_rule(in->learner, rule);
        if (st) {
            return st == ST_NOMEM ? st : ST_OK; /* the intake has checked the rest */
        }
        *changed = true;
    }
    if (*changed) {
        change(in);
        gauge(in);
    }
    return ST_OK;
}

/* Whoever takes a task over must know that a window opened or closed while nobody was here. */
static void note_edge(struct instance *in, int64_t now_ms) {
    const int64_t edge_ms = rules_last_ms(learner_rules(in->learner), now_ms);
    if (in->cfg->clock != CLOCK_STREAM && edge_ms > in->rows_changed_ms) {
        in->rows_changed_ms = edge_ms;
    }
}

void instance_rules(struct instance *in) {
    const int64_t now_ms = instance_clock_ms(in);
    const struct rules *rules = learner_rules(in->learner);
    learner_rules_at(in->learner, now_ms);
    if (in->rules_timed && now_ms >= in->rules_next_ms) {
        LOG_INFO("the window of a rule opened or closed: lists are ranked again");
        change(in);
    }
    if (!in->rules_timed) {
        in->rules_next_ms = rules_next_ms(rules, now_ms);
        in->rules_timed = true;
        note_edge(in, now_ms);
    }
}
