/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h -- what a process costs, as Linux says (/proc). 0 where it is gone.
 */
#ifndef PROCESS_H
#define PROCESS_H

/** Resident memory of a process, mapped files included; pid 0: of this one. */
double process_rss_kib(int pid);
/** CPU time so far, user and system, of all its threads. */
double process_cpu_s(int pid);

#endif
