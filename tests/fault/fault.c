/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.c -- hurts crossrec, its brokers, its Redis and its disk while events flow, and proves that
 * nothing was lost or doubled. tests/fault/run.sh builds and calls it; see there.
 *
 * Exit status: 0 all held; 1 something did not; 77 a server is not installed (skipped).
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_process.h"
#include "fault_round.h"
#include "fault_scenario.h"
#include "fault_table.h"

enum { NAMES_MAX = 32, MINUTE_MS = 60000, WRONG_USE = 2 };

struct job {
    struct round_options options;
    const char *only[NAMES_MAX];
    size_t n_only;
    int minutes;
    struct round round; /* large */
};

static void list(void) {
    for (size_t k = 0; scenario_at(k); k++) {
        printf("%-10s %s\n", scenario_at(k)->name, scenario_at(k)->what);
    }
}

/* Without names: all but the short version. */
static bool wanted(const struct job *j, const struct scenario *s) {
    for (size_t k = 0; k < j->n_only; k++) {
        if (strcmp(j->only[k], s->name) == 0) {
            return true;
        }
    }
    return j->n_only == 0 && !s->small;
}

static bool add_name(struct job *j, const char *name) {
    if (!scenario_named(name) || j->n_only == NAMES_MAX) {
        fprintf(stderr, "fault: no scenario %s; --list shows them\n", name);
        return false;
    }
    j->only[j->n_only++] = name;
    return true;
}

/* -1: go on; else the exit status. */
static int read_options(struct job *j, int argc, char **argv) {
    static const struct option known[] = {
        {"only", required_argument, NULL, 'o'},
        {"minutes", required_argument, NULL, 'm'},
        {"seed", required_argument, NULL, 's'},
        {"events", required_argument, NULL, 'e'},
        {"rate", required_argument, NULL, 'r'},
        {"state", required_argument, NULL, 't'},
        {"keep", no_argument, NULL, 'k'},
        {"list", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'o':
            if (!add_name(j, optarg)) {
                return WRONG_USE;
            }
            break;
        case 'm': j->minutes = (int)strtol(optarg, NULL, 10); break;
        case 's': j->options.seed = strtoull(optarg, NULL, 10); break;
        case 'e': j->options.events = strtoull(optarg, NULL, 10); break;
        case 'r': j->options.rate = (int)strtol(optarg, NULL, 10); break;
        case 't': j->options.state = optarg; break;
        case 'k': j->options.keep = true; break;
        case 'l': list(); return 0;
        default: return WRONG_USE;
        }
    }
    return optind == argc && j->options.rate > 0 ? -1 : WRONG_USE;
}

/* All that is wanted, once. Returns how many failed. */
static int play(struct job *j) {
    int failed = 0;
    for (size_t k = 0; scenario_at(k); k++) {
        if (wanted(j, scenario_at(k))) {
            round_play(&j->round, scenario_at(k), &j->options);
            table_row(&j->round);
            failed += j->round.failed && !j->round.skipped;
        }
    }
    return failed;
}

static int missing(const struct job *j) {
    bool registry = false;
    for (size_t k = 0; scenario_at(k); k++) {
        registry = registry || (wanted(j, scenario_at(k)) && scenario_at(k)->registry);
    }
    return cluster_missing(registry);
}

int main(int argc, char **argv) {
    static struct job j = {
        .options = {.seed = 1, .events = 100000, .rate = 1500, .state = "kafka"}};
    const int64_t start_ms = process_now_ms();
    (void)signal(SIGPIPE, SIG_IGN); /* servers are killed while they are spoken to */
    int rc = read_options(&j, argc, argv);
    if (rc >= 0) {
        return rc;
    }
    rc = missing(&j);
    if (rc) {
        return rc;
    }
    int failed = 0;
    table_head();
    do {
        fprintf(stderr, "seed %llu\n", (unsigned long long)j.options.seed);
        failed += play(&j);
        j.options.seed++;
    } while (process_now_ms() - start_ms < (int64_t)j.minutes * MINUTE_MS);
    return failed > 0;
}
