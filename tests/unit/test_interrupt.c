/* SPDX-License-Identifier: Apache-2.0
 *
 * test_interrupt.c -- the first signal is noticed and said, the second ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"

static void a_signal_sets_the_flag_once_and_says_so(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t k = 0; k < sizeof signals / sizeof *signals; k++) {
        int out[2];
        assert_int_equal(pipe(out), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            dup2(out[1], STDERR_FILENO);
            const volatile sig_atomic_t *flag = interrupt_catch("wait\n");
            if (*flag || interrupt_came()) {
                _exit(1);
            }
            (void)raise(signals[k]);
            if (!*flag || !interrupt_came()) {
                _exit(2);
            }
            interrupt_catch("wait\n"); /* anew: nothing came yet */
            if (*flag) {
                _exit(3);
            }
            (void)raise(signals[k]);
            (void)raise(signals[k]); /* the second one ends it */
            _exit(4);
        }
        int status = 0;
        char text[32] = "";
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[k]);
        assert_int_equal(read(out[0], text, sizeof text - 1), (int)strlen("wait\nwait\n"));
        assert_string_equal(text, "wait\nwait\n");
        close(out[0]);
        close(out[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_sets_the_flag_once_and_says_so),
    };
    return cmocka_run_group_tests_name("interrupt", tests, NULL, NULL);
}
