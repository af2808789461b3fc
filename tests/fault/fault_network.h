/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_network.h -- a network of its own for an instance, with a line to ours that can be hurt.
 *
 * The harness itself runs in a namespace that run.sh made (unshare -n). An instance's namespace is
 * a child process that sleeps in it; a veth pair is the line; all of 127.0.0.0/8, where the test's
 * servers listen, is routed over it instead of its own loopback. Brokers are on 127.7.0.0/16, Redis
 * on 127.0.0.1: they are cut off one by one with a blackhole route. Delay and loss are made with
 * netem, or, where the kernel has none, with a queue that is too slow for what is sent (tbf).
 *
 * Needs root, `ip`, `tc`. Threads: one.
 */
#ifndef FAULT_NETWORK_H
#define FAULT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct network {
    pid_t holder; /* 0: none */
    int number;
};

enum network_far { NETWORK_BROKERS, NETWORK_REDIS };

/** NULL if the harness may make namespaces and runs in one of its own; else why not. */
const char *network_missing(void);

/** Makes the number-th (0..) network. False, with the reason on stderr. */
bool network_open(struct network *n, int number);
void network_close(struct network *n);
/** Address inside that the harness reaches. */
void network_address(const struct network *n, char *buf, size_t len);

/** Delay with jitter, and loss in percent; @return what it was made with, NULL: cannot. */
const char *network_slow(struct network *n, int delay_ms, int loss_percent);
void network_cut(struct network *n, enum network_far far);
/** All is well again. */
void network_mend(struct network *n);

#endif
