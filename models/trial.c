/* SPDX-License-Identifier: Apache-2.0
 *
 * trial.c -- see trial.h; the trial itself is learner_try() (learner_trial.c).
 */
#include "trial.h"

#include <string.h>

void trial_baselines_init(struct trial_baselines *b) {
    memset(b, 0, sizeof *b);
    for (int k = 0; k < BLEND_X; k++) {
        b->weights[k] = .5F;
    }
}

const char *trial_model_str(enum trial_model m) {
    switch (m) {
    case TRIAL_RANKER: return "ranker";
    case TRIAL_SHOWN: return "shown";
    case TRIAL_FULL: return "full";
    case TRIAL_TWIN: return "twin";
    case TRIAL_LINEAR: return "linear";
    case TRIAL_TOGETHER: return "together";
    case TRIAL_FACTORS: return "factors";
    case TRIAL_SIMILAR: return "similar";
    case TRIAL_POPULAR_1D: return "popular-1d";
    case TRIAL_POPULAR_7D: return "popular-7d";
    case TRIAL_POPULAR: return "popular";
    case TRIAL_MODELS: break;
    }
    return "unknown";
}
