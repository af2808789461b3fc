/* SPDX-License-Identifier: Apache-2.0
 *
 * instance_guard.c -- which net is served, per domain and slice: gauges and log lines; see
 * models/ranker.h for the gate, and instance_state.h.
 */
#include "instance_state.h"
#include "log.h"
#include "metrics.h"

enum slice { SLICE_COLD, SLICE_KNOWN, SLICES }; /* the order of the metrics' labels */

static const char *const SLICE_NAMES[SLICES] = {"cold", "known"};

/* One line when a gate changes side. While a task catches up no list is written: what its gates
 * went through meanwhile is nobody's concern. */
static void tell_side(const struct instance *in, struct place *pl, uint8_t domain, enum slice slice,
                      double lead) {
    const uint8_t bit = (uint8_t)(1U << slice);
    const bool twin = lead < 0;
    if (pl->task.catching_up || twin == ((pl->twin[domain] & bit) != 0)) {
        return;
    }
    pl->twin[domain] ^= bit;
    if (twin) {
        LOG_WARN("personalising does not pay here: lists are everybody's until it does",
                 LOG_INT("task", pl->task.p), LOG_STR("domain", in->cfg->domains[domain].name),
                 LOG_STR("slice", SLICE_NAMES[slice]), LOG_REAL("lead", lead));
    } else {
        LOG_INFO("personalising pays again: lists are personal", LOG_INT("task", pl->task.p),
                 LOG_STR("domain", in->cfg->domains[domain].name),
                 LOG_STR("slice", SLICE_NAMES[slice]), LOG_REAL("lead", lead));
    }
}

static void look_at_gates(struct instance *in, uint8_t domain, enum slice slice) {
    double sum = 0;
    uint32_t n = 0;
    uint32_t twins = 0;
    for (uint32_t p = 0; p < in->n_places; p++) {
        struct place *pl = instance_place(in, p);
        if (pl && pl->task.state == TASK_RUNNING) {
            const double lead = learner_lead(in->learner, p, domain, slice == SLICE_KNOWN);
            tell_side(in, pl, domain, slice, lead);
            sum += lead;
            twins += lead < 0;
            n++;
        }
    }
    const uint32_t label = (uint32_t)domain * SLICES + slice;
    metric_set(M_GUARD_LEAD, label, n > 0 ? sum / n : 0);
    metric_set(M_GUARD_TWIN, label, twins);
}

void instance_guard(struct instance *in) {
    for (uint32_t d = 0; d < in->cfg->n_domains; d++) {
        look_at_gates(in, (uint8_t)d, SLICE_COLD);
        look_at_gates(in, (uint8_t)d, SLICE_KNOWN);
    }
}
