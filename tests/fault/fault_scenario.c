/* SPDX-License-Identifier: Apache-2.0
 * fault_scenario.c -- see fault_scenario.h. */
#include "fault_scenario.h"

#include <string.h>

static const struct scenario SCENARIOS[] = {
    {.name = "kills-1",
     .what = "one instance, killed with -9 again and again",
     .run = kills_run,
     .nodes = 1,
     .instances = 1},
    {.name = "kills-2",
     .what = "two instances, either killed with -9 again and again",
     .run = kills_run,
     .nodes = 1,
     .instances = 2},
    {.name = "kills-3",
     .what = "three instances, any killed with -9 again and again",
     .run = kills_run,
     .nodes = 1,
     .instances = 3},
    {.name = "brokers",
     .what = "three brokers: the leader killed with -9 and restarted, five times",
     .run = brokers_run,
     .nodes = 3,
     .instances = 2},
    {.name = "both",
     .what = "instances and leading brokers killed at once",
     .run = both_run,
     .nodes = 3,
     .instances = 2},
    {.name = "redis",
     .what = "Redis killed, emptied, full, frozen, while instances are killed",
     .run = redis_run,
     .nodes = 1,
     .instances = 2},
    {.name = "zombies",
     .what = "instances stopped for longer than their session, then continued",
     .run = zombies_run,
     .nodes = 1,
     .instances = 2},
    {.name = "churn",
     .what = "instances join and leave every few seconds",
     .run = churn_run,
     .nodes = 1,
     .instances = 2},
    {.name = "network",
     .what = "delay, loss and partition between instance, brokers and Redis",
     .run = network_run,
     .nodes = 1,
     .instances = 2,
     .network = true},
    {.name = "disk",
     .what = "state directory full, not writable, checkpoint damaged",
     .run = disk_run,
     .nodes = 1,
     .instances = 1,
     .durable = true},
    {.name = "poison",
     .what = "one record in ten is bad, while instances and brokers are killed",
     .run = poison_run,
     .nodes = 3,
     .instances = 2,
     .poison = true},
    {.name = "registry",
     .what = "schema registry down at a start, and while a schema changes",
     .run = registry_run,
     .nodes = 1,
     .instances = 1,
     .registry = true},
    {.name = "recreated",
     .what = "input, changelog and trigger topic recreated: stop, command, on",
     .run = recreated_run,
     .nodes = 1,
     .instances = 1,
     .durable = true,
     .rebuilt = true},
    {.name = "rolling",
     .what = "rolling restart of three instances",
     .run = rolling_run,
     .nodes = 1,
     .instances = 3},
    {.name = "short",
     .what = "the short version: ten kills of two instances and of one, a broker",
     .run = small_run,
     .nodes = 1,
     .instances = 2,
     .poison = true,
     .small = true},
};

const struct scenario *scenario_at(size_t k) {
    return k < sizeof SCENARIOS / sizeof *SCENARIOS ? &SCENARIOS[k] : NULL;
}

const struct scenario *scenario_named(const char *name) {
    for (size_t k = 0; scenario_at(k); k++) {
        if (strcmp(scenario_at(k)->name, name) == 0) {
            return scenario_at(k);
        }
    }
    return NULL;
}
