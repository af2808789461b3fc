/* SPDX-License-Identifier: Apache-2.0
 * run.c -- crossrec run: the daemon. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "commands.h"
#include "daemon.h"
#include "log.h"
#include "metrics.h"

enum { ANEW_TRIES = 60, ANEW_NAP_S = 2 };

static struct daemon *running; /* for the signal handlers, which get no argument */
static volatile sig_atomic_t told_to_stop;

static void on_stop(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
    daemon_stop(running);
}

/* While there is no daemon. */
static void on_early_stop(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
}

static void on_refresh(int signal_number) {
    (void)signal_number;
    instance_refresh(daemon_instance(running));
}

static void handle(int signal_number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

static enum status run_one(struct daemon *d, char *err) {
    running = d;
    handle(SIGTERM, on_stop);
    handle(SIGINT, on_stop);
    handle(SIGUSR1, on_refresh);
    if (told_to_stop) {
        daemon_stop(d);
    }
    const enum status st = daemon_run(d, err);
    handle(SIGUSR1, SIG_IGN);
    handle(SIGTERM, on_early_stop);
    handle(SIGINT, on_early_stop);
    return st;
}

/* It was cut off for so long that its place in the model's log is gone: what a new process would do
 * is done here. Brokers that are just coming back may not answer at once. */
static enum status begin_anew(const struct config *cfg, struct daemon **d, char *err) {
    const struct timespec nap = {.tv_sec = ANEW_NAP_S};
    daemon_free(*d);
    *d = NULL;
    metric_add(M_BEGUN_ANEW, 0, 1);
    enum status st = daemon_new(cfg, d, err);
    for (int k = 0; st && !told_to_stop && k < ANEW_TRIES; k++) {
        LOG_WARN("beginning anew: trying again", LOG_STR("error", err));
        nanosleep(&nap, NULL);
        st = daemon_new(cfg, d, err);
    }
    return st && told_to_stop ? ST_OK : st;
}

static int run(const struct cli *cli) {
    char err[CONFIG_ERROR_MAX];
    struct daemon *d = NULL;
    log_set_level((enum config_log_level)cli->cfg.log_level);
    enum status st = daemon_new(&cli->cfg, &d, err);
    if (!st) {
        st = run_one(d, err);
    }
    while (st == ST_LOST && !told_to_stop) {
        LOG_WARN("this process begins anew, without its state in memory", LOG_STR("reason", err));
        st = begin_anew(&cli->cfg, &d, err);
        if (!st && d) {
            st = run_one(d, err);
        }
    }
    if (st == ST_LOST) {
        st = ST_OK; /* told to stop besides */
    }
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err);
    }
    handle(SIGTERM, SIG_IGN);
    handle(SIGINT, SIG_IGN);
    daemon_free(d);
    return st ? CLI_FAILED : CLI_OK;
}

const struct command command_run = {
    .name = "run",
    .args = "",
    .summary = "consume, learn and publish until SIGTERM",
    .text = "SIGTERM or SIGINT: drains, publishes, commits, leaves the group, exits 0.\n"
            "SIGUSR1: ranks everyone whose list still lives again (a refresh sweep).",
    .config = true,
    .run = run,
};
