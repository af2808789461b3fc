/* SPDX-License-Identifier: Apache-2.0
 *
 * interrupt.c -- see interrupt.h.
 */
#include "interrupt.h"

#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t came; /* for the signal handler, which gets no argument */
static const char *volatile said;

static void on_interrupt(int signal_number) {
    const char *text = said;
    (void)signal_number;
    came = 1;
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        return; /* nobody reads it */
    }
}

const volatile sig_atomic_t *interrupt_catch(const char *text) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    came = 0;
    said = text;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &came;
}

bool interrupt_came(void) {
    return came != 0;
}
