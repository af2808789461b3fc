/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.h -- the commands of the program; one file each, wired into one table by main.c.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "cli.h"

extern const struct command command_run;          /* run.c    */
extern const struct command command_check;        /* check.c  */
extern const struct command command_schemas;      /* schemas_command.c */
extern const struct command command_dead_letters; /* dead_letters.c */
extern const struct command command_replay;       /* replay.c */
extern const struct command command_demo;         /* demo.c   */
extern const struct command command_get;          /* questions.c */
extern const struct command command_explain;      /* questions.c */
extern const struct command command_similar;      /* questions.c */
extern const struct command command_segments;     /* questions.c */
extern const struct command command_top;          /* questions.c */
extern const struct command command_eval;         /* eval.c   */
extern const struct command command_state;        /* state_command.c */
extern const struct command command_topic;        /* reset.c  */
extern const struct command command_model;        /* reset.c  */
extern const struct command command_pseudonym;    /* pseudonym_command.c */

#endif
