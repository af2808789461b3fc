/* SPDX-License-Identifier: Apache-2.0
 * main.c -- the table of commands. */
#include <signal.h>
#include <stdio.h>

#include "commands.h"
#include "factors.h"
#include "heap_ahead.h"
#include "kafka.h"
#include "redis.h"
#include "version.h"

extern char **environ;

static int version(const struct cli *cli) {
    (void)cli;
    printf("crossrec %s (librdkafka %s, hiredis %s)\n", CROSSREC_VERSION, kafka_version(),
           redis_client_version());
    return CLI_OK;
}

int main(int argc, char **argv) {
    const struct command commands[] = {
        command_run,
        command_check,
        command_replay,
        command_demo,
        command_eval,
        command_get,
        command_explain,
        command_similar,
        command_segments,
        command_top,
        command_schemas,
        command_dead_letters,
        command_state,
        command_topic,
        command_model,
        command_pseudonym,
        {.name = "version", .args = "", .summary = "print the versions", .run = version},
        {.name = "help", .args = "[COMMAND | options | ini | metrics]", .summary = "print help"},
    };
    (void)signal(SIGPIPE, SIG_IGN); /* a server that goes away is an error, not the end */
    heap_usual();
    factors_blas_threads(1); /* the learner is one thread */
    return cli_main(commands, sizeof commands / sizeof *commands, argc, argv, environ);
}
