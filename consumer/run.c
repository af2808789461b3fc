/* SPDX-License-Identifier: Apache-2.0
 * run.c -- crossrec run: the daemon. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "daemon.h"
#include "log.h"

static struct daemon *running; /* for the signal handlers, which get no argument */

static void on_stop(int signal_number) {
    (void)signal_number;
    daemon_stop(running);
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

static int run(const struct cli *cli) {
    char err[CONFIG_ERROR_MAX];
    struct daemon *d = NULL;
    log_set_level((enum config_log_level)cli->cfg.log_level);
    if (daemon_new(&cli->cfg, &d, err)) {
        fprintf(stderr, "crossrec: %s\n", err);
        return CLI_FAILED;
    }
    running = d;
    handle(SIGTERM, on_stop);
    handle(SIGINT, on_stop);
    handle(SIGUSR1, on_refresh);
    enum status st = daemon_run(d, err);
    if (st) {
        fprintf(stderr, "crossrec: %s\n", err);
    }
    handle(SIGTERM, SIG_IGN);
    handle(SIGINT, SIG_IGN);
    handle(SIGUSR1, SIG_IGN);
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
