/* SPDX-License-Identifier: Apache-2.0
 * fault_network.c -- see fault_network.h; and the scenario that uses it. */
#define _GNU_SOURCE /* unshare */

#include "fault_network.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_process.h"
#include "fault_round.h"

enum { COMMAND_MAX = 512, ROUNDS = 2, CUT_MS = 8000, BRIEF_MS = 2500 };

static const char *const FAR[] = {
    [NETWORK_BROKERS] = "127.7.0.0/16", [NETWORK_REDIS] = "127.0.0.1/32"};

__attribute__((format(printf, 1, 2))) static bool sh(const char *format, ...) {
    char command[COMMAND_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command) == 0; /* texts of ours */
}

/* ---- the line -------------------------------------------------------------------------------- */

const char *network_missing(void) {
    if (!getenv("FAULT_NETNS")) {
        return "network namespaces are not permitted here (unshare -n)";
    }
    return sh("command -v ip >/dev/null && command -v tc >/dev/null") ? NULL
                                                                      : "no ip or tc: iproute2";
}

static pid_t hold(void) {
    int ready[2];
    char byte = 0;
    if (pipe(ready)) {
        return -1;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const bool good = unshare(CLONE_NEWNET) == 0;
        if (!good || write(ready[1], "1", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(ready[1]);
    const bool good = pid > 0 && read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    return good ? pid : -1;
}

bool network_open(struct network *n, int number) {
    *n = (struct network){.holder = hold(), .number = number};
    if (n->holder < 0) {
        n->holder = 0;
        fprintf(stderr, "fault_network: no namespace\n");
        return false;
    }
    const int k = number;
    const long pid = (long)n->holder;
    const bool good =
        sh("ip link set lo up && echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet") &&
        sh("ip link add fl%d type veth peer name fr%d && ip link set fr%d netns %ld", k, k, k,
           pid) &&
        sh("ip addr add 10.77.%d.1/24 dev fl%d && ip link set fl%d up", k, k, k) &&
        sh("nsenter --net=/proc/%ld/ns/net sh -c '"
           "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet; ip link set lo up; "
           "ip addr add 10.77.%d.2/24 dev fr%d; ip link set fr%d up; "
           "ip addr del 127.0.0.1/8 dev lo; "
           "ip route add 127.0.0.0/8 via 10.77.%d.1 dev fr%d src 10.77.%d.2'",
           pid, k, k, k, k, k, k);
    if (!good) {
        fprintf(stderr, "fault_network: the line cannot be made\n");
        network_close(n);
    }
    return good;
}

void network_close(struct network *n) {
    if (n->holder > 0) {
        (void)sh("ip link del fl%d 2>/dev/null", n->number);
        kill(n->holder, SIGKILL);
        waitpid(n->holder, NULL, 0);
        n->holder = 0;
    }
}

void network_address(const struct network *n, char *buf, size_t len) {
    snprintf(buf, len, "10.77.%d.2", n->number);
}

/* Both ends, as each shapes what it sends. */
static bool shape(const struct network *n, const char *how) {
    return sh("tc qdisc replace dev fl%d root %s 2>/dev/null", n->number, how) &&
           sh("nsenter --net=/proc/%ld/ns/net tc qdisc replace dev fr%d root %s 2>/dev/null",
              (long)n->holder, n->number, how);
}

const char *network_slow(struct network *n, int delay_ms, int loss_percent) {
    char how[128];
    snprintf(how, sizeof how, "netem delay %dms %dms loss %d%%", delay_ms, delay_ms / 2,
             loss_percent);
    if (shape(n, how)) {
        return "netem";
    }
    snprintf(how, sizeof how, "tbf rate 3mbit burst 16k latency %dms", delay_ms);
    return shape(n, how) ? "tbf" : NULL;
}

void network_cut(struct network *n, enum network_far far) {
    (void)sh("nsenter --net=/proc/%ld/ns/net ip route replace blackhole %s", (long)n->holder,
             FAR[far]);
}

void network_mend(struct network *n) {
    for (size_t k = 0; k < sizeof FAR / sizeof *FAR; k++) {
        (void)sh("nsenter --net=/proc/%ld/ns/net ip route del blackhole %s 2>/dev/null",
                 (long)n->holder, FAR[k]);
    }
    (void)sh("tc qdisc del dev fl%d root 2>/dev/null", n->number);
    (void)sh("nsenter --net=/proc/%ld/ns/net tc qdisc del dev fr%d root 2>/dev/null",
             (long)n->holder, n->number);
}

/* ---- the scenario ------------------------------------------------------------------------------
 */

static void cut_for(struct round *r, struct network *n, enum network_far far, int ms) {
    if (r->failed) {
        return;
    }
    round_say(r, "instance %d: no way to %s for %d ms", n->number,
              far == NETWORK_BROKERS ? "the brokers" : "Redis", ms);
    round_fault(r);
    network_cut(n, far);
    process_nap_ms(ms);
    network_mend(n);
    round_recover(r);
}

static void slow_for(struct round *r, struct network *n, int ms) {
    if (r->failed) {
        return;
    }
    round_fault(r);
    const char *how = network_slow(n, 80, 3);
    round_say(r, "instance %d: a slow line that loses some, by %s", n->number,
              how ? how : "nothing (SKIPPED: the kernel has neither netem nor tbf)");
    process_nap_ms(how ? ms : 0);
    const int k = round_victim(r);
    round_kill(r, k);
    round_start(r, k);
    process_nap_ms(how ? ms : 0);
    network_mend(n);
    round_recover(r);
}

void network_run(struct round *r) {
    for (int k = 0; k < ROUNDS && !r->failed; k++) {
        struct network *n = &r->networks[round_below(r, r->scenario->instances)];
        slow_for(r, n, BRIEF_MS);
        cut_for(r, n, NETWORK_BROKERS, BRIEF_MS);
        cut_for(r, n, NETWORK_REDIS, BRIEF_MS);
        cut_for(r, n, NETWORK_BROKERS, CUT_MS); /* longer than the session */
        cut_for(r, n, NETWORK_REDIS, CUT_MS);
    }
}
