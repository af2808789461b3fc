/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.h -- commands that ask a running crossrec at its admin endpoint (http.h) and show the answer.
 *
 * Who is asked: every --address, which may be repeated and have several by commas; else
 * http.address. In turn, until one knows: of several instances each knows the users of its own
 * partitions. With http.token.file, what stands in it is sent along. Who is busy (503) is asked
 * again for two seconds.
 *
 * Exit status: CLI_OK found; CLI_FAILED (1) nobody has it; CLI_USAGE (2) somebody could not be
 * asked, or refused, and nobody else has it: what to type is said.
 *
 * Threads: one.
 */
#ifndef ASK_H
#define ASK_H

#include "cli.h"
#include "json.h"
#include "show.h"

/* The flags that every such command has, for its table. */
#define ASK_FLAGS                                                                                  \
    {"--address", "HOST:PORT", "whom to ask, instead of http.address; repeat it, or a,b,c"}, {     \
        "--json", NULL, "print the answer as it came"                                              \
    }

#define ASK_TEXT                                                                                   \
    "Asks the crossrec that runs at http.address; --address asks another one, or several in\n"     \
    "turn. Exit status: 0 found, 1 not found, 2 nobody could be asked."

/** Shows an answer. @return ST_OK; ST_INVALID: it is no such answer, nothing was shown */
typedef enum status (*ask_show)(const struct json *v, const struct show *s);

/** Asks for a page and shows it, to stdout; messages go to stderr. @return the exit status */
int ask(const struct cli *cli, const char *path, ask_show shown);

/* A path with arguments. */
enum { ASK_PATH_MAX = 3 * (3 * 256) + 256 };
struct ask_path {
    char text[ASK_PATH_MAX];
    size_t len;
};
/** Begins "/get". */
void ask_begin(struct ask_path *p, const char *page);
/** Adds an argument, escaped; value NULL: none. False: it is longer than any that is known (255
 *  bytes), which is said. */
MUST_CHECK bool ask_argument(struct ask_path *p, const char *name, const char *value);

#endif
