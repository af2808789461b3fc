/* SPDX-License-Identifier: Apache-2.0
 * process.c -- see process.h. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Field number k (0, 1, ...) behind what is in brackets, if anything is; of /proc/PID/NAME. */
static double field(int pid, const char *name, int k) {
    char text[1024] = "";
    snprintf(text, sizeof text, "/proc/%d/%s", pid > 0 ? pid : (int)getpid(), name);
    FILE *f = fopen(text, "r");
    const size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    at = at ? at + 2 : text;
    for (; k > 0 && at; k--) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtod(at, NULL) : 0.0;
}

double process_rss_kib(int pid) {
    return field(pid, "statm", 1) * (double)sysconf(_SC_PAGESIZE) / 1024.0;
}

double process_cpu_s(int pid) {
    return (field(pid, "stat", 11) + field(pid, "stat", 12)) / (double)sysconf(_SC_CLK_TCK);
}
