/* SPDX-License-Identifier: Apache-2.0
 * fault_table.c -- see fault_table.h. */
#include "fault_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void table_head(void) {
    puts("| fault | kills | events | lost | doubled | triggers | lost | doubled | recovery seconds "
         "| p99 during the fault, ms |");
    puts("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    fflush(stdout);
}

static void put_p99(double ms) {
    if (ms < 0.0) {
        fputs("- |", stdout);
    } else if (isinf(ms)) {
        fputs("beyond the last bucket |", stdout);
    } else {
        printf("<= %.0f |", ms);
    }
}

void table_row(const struct round *r) {
    if (r->skipped) {
        printf("| %s | SKIPPED: %s |\n", r->scenario->name, r->why);
    } else {
        printf("| %s | %d | %" PRIu64 " | %" PRId64 " | %" PRId64 " | %" PRId64 " | %" PRId64
               " | %" PRId64 " | %.1f | ",
               r->scenario->name, r->kills, r->events, r->lost, r->doubled, r->triggers,
               r->triggers_lost, r->triggers_doubled, r->recovery_s);
        put_p99(r->sums.p99_ms);
        printf("%s%s\n", r->failed ? " FAILED: " : "", r->failed ? r->why : "");
    }
    fflush(stdout);
}
