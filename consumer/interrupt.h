/* SPDX-License-Identifier: Apache-2.0
 *
 * interrupt.h -- Ctrl-C and SIGTERM of commands that run for a while: the first ends in order, the
 * second at once.
 *
 * State of the process, as signals are. Threads: the main thread.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/** From now on the first signal writes `text` (a literal) to stderr
 *  and sets a flag. Returns the flag, 0 so far, for whoever polls it. */
const volatile sig_atomic_t *interrupt_catch(const char *text);

/** Did it come since interrupt_catch()? */
bool interrupt_came(void);

#endif
