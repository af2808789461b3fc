/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_topics.c -- topics that are recreated under the feet of crossrec: it stops and says what to
 * type, and what it says works.
 */
#include <stdio.h>
#include <string.h>

#include "fault_proof.h"
#include "fault_round.h"
#include "fault_scenario.h"

enum { STOP_MS = 60000, GOES_ON_MS = 8000, WORDS = 16, LINE_LEN = 4096 };

static const char COMMAND[] = "crossrec topic reset ";

/* `crossrec topic reset NAME --continue`, out of the line of the log, as words after the program.
 */
static bool words_of(char *line, const char *wanted, const char *words[WORDS]) {
    for (char *at = strstr(line, COMMAND); at; at = strstr(at + 1, COMMAND)) {
        size_t n = 0;
        char *end = at + strcspn(at, "`\"';,|\n");
        const char after = *end;
        *end = '\0';
        const bool has = strstr(at, wanted) != NULL;
        *end = after;
        if (!has) {
            continue;
        }
        *end = '\0';
        at += strcspn(at, " ");
        for (char *word = strtok(at, " "); word && n < WORDS - 1; word = strtok(NULL, " ")) {
            words[n++] = word;
        }
        words[n] = NULL;
        return true;
    }
    return false;
}

/* An instance that has only just ended counts as running until its session is over. */
static void type(struct round *r, const char *const *words) {
    const int64_t deadline = process_now_ms() + 2 * ROUND_SESSION_MS;
    int rc = round_command(r, words, "reset.out");
    while (rc && process_now_ms() < deadline) {
        process_nap_ms(1000);
        rc = round_command(r, words, "reset.out");
    }
    if (rc) {
        round_fail(r, "crossrec %s %s %s %s ended with status %d; see commands.log", words[0],
                   words[1], words[2], words[3], rc);
    }
}

/* The command out of the log is typed as it stands there; if only half of it does, as it was meant.
 */
static void type_what_was_said(struct round *r, const char *topic, const char *how) {
    char line[LINE_LEN];
    const char *words[WORDS];
    const char *meant[] = {"topic", "reset", topic, how, NULL};
    if (!process_logged(&r->processes[0], COMMAND, line, sizeof line)) {
        round_fail(r, "%s was recreated, and no command was said", topic);
        return;
    }
    const bool whole = words_of(line, how, words);
    round_say(r, "%s: %s", topic, whole ? "the command is typed as it was said" : line);
    type(r, whole ? words : meant);
}

/* It does not run on: it ends, not with 0, and says what to type. */
static void must_stop_and_tell(struct round *r, const char *topic, const char *how) {
    round_try(r, 0);
    const int rc = r->failed ? -1 : process_wait(&r->processes[0], STOP_MS);
    if (rc <= 0) {
        round_fail(r, "%s was recreated, and it did not stop with an error: %d", topic, rc);
        return;
    }
    type_what_was_said(r, topic, how);
}

/* Nobody misses what an empty topic had: it may go on, too. */
static void may_stop_and_tell(struct round *r, const char *topic, const char *how) {
    round_try(r, 0);
    const int64_t deadline = process_now_ms() + GOES_ON_MS;
    while (!r->failed && process_runs(&r->processes[0]) && process_now_ms() < deadline) {
        process_nap_ms(50);
    }
    if (!r->failed && process_runs(&r->processes[0])) {
        round_say(r, "%s was recreated: it goes on", topic);
        process_term(&r->processes[0], STOP_MS);
    } else if (!r->failed) {
        type_what_was_said(r, topic, how);
    }
}

/* All is taken and nothing runs: what is lost with the topic is only the topic. */
static void rest(struct round *r) {
    if (!input_pause(r->input)) {
        round_fail(r, "the input did not get into Kafka");
    }
    round_await_all(r);
    round_term(r, 0);
}

static void go_on(struct round *r) {
    round_fault(r);
    round_start(r, 0);
    input_resume(r->input);
    round_recover(r);
    process_nap_ms(1000);
}

static void recreate(struct round *r, const char *topic, int32_t partitions) {
    if (!r->failed && !cluster_recreate(&r->cluster, topic, partitions)) {
        round_fail(r, "%s cannot be recreated", topic);
    }
}

void recreated_run(struct round *r) {
    const struct config *cfg = &r->cluster.cfg;
    const char *input = cfg->topics[1].name;
    rest(r);
    /* crossrec makes its own topics when they are absent; before the input topic loses what it has:
     * the state is built again from the inputs */
    recreate(r, cfg->state_topic, 0);
    must_stop_and_tell(r, cfg->state_topic, "--rebuild");
    go_on(r);
    rest(r);
    recreate(r, cfg->outbox_topic, 0);
    may_stop_and_tell(r, cfg->outbox_topic, "--continue");
    go_on(r);
    rest(r);
    if (!r->failed && !proof_read_input(r, 0, 1)) {
        round_fail(r, "%s cannot be read", input);
    }
    recreate(r, input, ROUND_PARTITIONS);
    must_stop_and_tell(r, input, "--continue");
    go_on(r);
}
