/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_process.h -- an instance as a process that can be killed, stopped, and put into a network
 * of its own.
 *
 * Its log is a file that all its lives append to. It dies with the thread that started it.
 * Threads: one.
 */
#ifndef FAULT_PROCESS_H
#define FAULT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_PATH_MAX = 256 };

struct process {
    pid_t pid;  /* 0: not running */
    int status; /* of waitpid(), of the last life */
    char log[PROCESS_PATH_MAX];
    int64_t log_from; /* where the log of this life begins */
    pid_t net_of;     /* it runs in the network namespace of this process; 0: in ours */
};

/** The program under test: FAULT_PROGRAM of the environment, else that of the build. */
const char *process_program(void);

/** Starts `crossrec ARGS...` (argv ends with NULL, without the program); false: cannot fork. */
bool process_start(struct process *p, const char *const *args);
bool process_runs(struct process *p);
void process_signal(struct process *p, int signal_number);
/** kill -9, waited for. */
void process_kill(struct process *p);
/** SIGTERM. @return the exit status, -1 if it did not end within timeout_ms (then it is killed) or
 *  died of a signal */
int process_term(struct process *p, int timeout_ms);
/** Waits until it ends by itself. @return its exit status, -1 as above */
int process_wait(struct process *p, int timeout_ms);

/** Finds `text` in the log of the last life; the line it is in goes to `line` if that is not NULL.
 */
bool process_logged(const struct process *p, const char *text, char *line, size_t len);

/** Runs a command to its end, its standard output into a file (NULL: the log), at most timeout_ms.
 *  @return its exit status, -1 as above */
int process_run(const struct process *p, const char *const *argv, const char *output,
                int timeout_ms);

void process_nap_ms(int64_t ms);
int64_t process_now_ms(void); /* monotonic */

#endif
