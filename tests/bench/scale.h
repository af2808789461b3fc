/* SPDX-License-Identifier: Apache-2.0
 *
 * scale.h -- what an event costs, measured, and what that means for sizes that do not fit on this
 * machine: docs/scaling.md.
 *
 *     scale_run()      a real run: replay, Kafka, `crossrec run` with state = kafka, Redis
 *     scale_ceiling()  one learner that has a part of the events and applies the log of all:
 *                      the part is made smaller and smaller
 *     scale_project()  partitions, instances, memory, disk, network of three sizes
 *
 * Figures of a machine hold for that machine; the ratios between them hold further.
 */
#ifndef SCALE_H
#define SCALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scale_log { /* records of crossrec-model, in order: bodies (log_record.h) */
    uint8_t **bytes;
    size_t *lens;
    size_t n, cap;
};

struct scale_costs {
    uint64_t events, lines, users, items;
    double seconds, cpu_s;      /* of the whole process, learning and publishing */
    double input, state, model; /* bytes an event: keys and values               */
    double state_records;       /* an event: users and tasks                     */
    double user_record;         /* bytes of one in the changelog, on average     */
    double rss_kib;             /* at the end                                    */
    double learn_us, apply_us;  /* CPU an event: learner without lists; of the log */
    double item_bytes;          /* memory of the shared model an item             */
    double commit_events;       /* a record of the model log                     */
};

/** @param rate  events a second, 0: as fast as it goes; limit  events, 0: all */
bool scale_run(const char *file, int rate, int limit, struct scale_costs *out,
               struct scale_log *log);
/** Prints its table. */
bool scale_ceiling(const struct scale_log *log, struct scale_costs *costs);
void scale_project(const struct scale_costs *live, const struct scale_costs *busy);

bool scale_keep(struct scale_log *log, const void *bytes, size_t len);
void scale_log_free(struct scale_log *log);
double scale_cpu_s(void); /* of this thread  */

#endif
