/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_servers.c -- scenarios in which what the instances need goes away: Redis, the registry, the
 * disk.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_round.h"
#include "fault_scenario.h"
#include "fault_triggers.h"
#include "redis_fixture.h"
#include "registry_fixture.h"
#include "shipped.h"

enum { AWAY_MS = 2500, FULL_MS = 4000, COME_BACK_MS = 60000, TIMES = 2 };

static void kill_and_start(struct round *r) {
    const int k = round_victim(r);
    round_kill(r, k);
    round_nap(r, 0, 500);
    round_start(r, k);
}

/* ---- Redis
 * ------------------------------------------------------------------------------------------ */

static void redis_killed(struct round *r) {
    round_fault(r);
    redis_fixture_kill(r->cluster.redis);
    r->kills++;
    process_nap_ms(AWAY_MS / 2);
    kill_and_start(r);
    process_nap_ms(AWAY_MS / 2);
    if (!redis_fixture_restart(r->cluster.redis)) {
        round_fail(r, "Redis does not start again");
    }
    round_fault(r);
    round_recover(r);
}

static void redis_emptied(struct round *r) {
    round_fault(r);
    if (!cluster_redis(&r->cluster, "FLUSHALL")) {
        round_fail(r, "FLUSHALL");
    }
    kill_and_start(r);
    round_recover(r);
}

/* noeviction: writes are refused, reads are not. */
static void redis_full(struct round *r) {
    round_fault(r);
    const bool full = cluster_redis(&r->cluster, "CONFIG SET maxmemory-policy noeviction") &&
                      cluster_redis(&r->cluster, "CONFIG SET maxmemory 1mb");
    process_nap_ms(FULL_MS / 2);
    kill_and_start(r);
    process_nap_ms(FULL_MS / 2);
    if (!full || !cluster_redis(&r->cluster, "CONFIG SET maxmemory 0")) {
        round_fail(r, "CONFIG SET maxmemory");
    }
    round_fault(r);
    round_recover(r);
}

static void redis_frozen(struct round *r) {
    round_fault(r);
    redis_fixture_freeze(r->cluster.redis);
    process_nap_ms(AWAY_MS);
    redis_fixture_thaw(r->cluster.redis);
    round_recover(r);
}

/* Nothing is committed any more that could tell of a gap. */
static void await_triggers(struct round *r, int64_t wanted, const char *after) {
    const int64_t since_ms = process_now_ms();
    int64_t n = -1;
    while (!r->failed && (n = triggers_lasting(r)) != wanted &&
           process_now_ms() - since_ms < COME_BACK_MS) {
        process_nap_ms(100);
    }
    if (!r->failed && n != wanted) {
        round_fail(r, "%s: of %" PRId64 " triggers %" PRId64 " came back", after, wanted, n);
    } else if (!r->failed) {
        round_say(r, "%s: %" PRId64 " triggers were back after %.1f s", after, n,
                  (double)(process_now_ms() - r->fault_ms) / 1000.0);
    }
}

static void redis_emptied_at_rest(struct round *r) {
    if (r->failed || !triggers_expected(r)) {
        return;
    }
    if (!input_pause(r->input)) {
        round_fail(r, "the input did not get into Kafka");
    }
    round_await_all(r);
    process_nap_ms(r->failed ? 0 : TRIGGERS_SWEEP_MS);
    const int64_t n = triggers_lasting(r);
    round_fault(r);
    if (!r->failed && (n <= 0 || !cluster_redis(&r->cluster, "FLUSHALL"))) {
        round_fail(r, "%" PRId64 " triggers; FLUSHALL", n);
    }
    await_triggers(r, n, "FLUSHALL at rest");
    redis_killed(r);
    await_triggers(r, n, "Redis and an instance killed at rest");
    input_resume(r->input);
    round_recover(r);
}

void redis_run(struct round *r) {
    for (int i = 0; i < TIMES && !r->failed; i++) {
        redis_killed(r);
        redis_emptied(r);
        redis_full(r);
        redis_frozen(r);
    }
    redis_emptied_at_rest(r);
}

/* ---- the registry
 * --------------------------------------------------------------------------------------- */

/* The shipped CourseView with one more field, as input_evolve() writes it. */
static uint32_t register_next(struct round *r) {
    static const char more[] =
        ",{\"name\":\"campaign\",\"type\":[\"null\",\"string\"],\"default\":null}]}";
    const char *now = shipped_json(READER_COURSE_VIEW);
    const char *end = strrchr(now, ']');
    const size_t len = end ? (size_t)(end - now) : 0;
    char subject[CONFIG_NAME_MAX + 8];
    char *next = malloc(len + sizeof more);
    if (!next) {
        return 0;
    }
    memcpy(next, now, len);
    memcpy(next + len, more, sizeof more);
    snprintf(subject, sizeof subject, "%s-value", r->cluster.cfg.topics[0].name);
    const uint32_t id = cluster_register(&r->cluster, subject, next);
    free(next);
    return id;
}

static void restart_registry(struct round *r) {
    if (!registry_fixture_restart(r->cluster.registry)) {
        round_fail(r, "the registry does not start again");
    }
}

void registry_run(struct round *r) {
    round_fault(r); /* down at a start: an instance knows no schema, waits, and loses nothing */
    registry_fixture_kill(r->cluster.registry);
    kill_and_start(r);
    process_nap_ms(AWAY_MS);
    restart_registry(r);
    round_recover(r);

    const uint32_t id = register_next(r);
    if (!id) {
        round_fail(r, "the next version cannot be registered");
        return;
    }
    round_fault(r); /* down when the first record of a new version comes */
    registry_fixture_kill(r->cluster.registry);
    input_evolve(r->input, 0, id);
    process_nap_ms(AWAY_MS);
    kill_and_start(r);
    process_nap_ms(AWAY_MS);
    restart_registry(r);
    round_recover(r);
}

/* ---- the disk
 * ------------------------------------------------------------------------------------------- */

static bool mount_small(const char *dir, unsigned long flags) {
    return mount("tmpfs", dir, "tmpfs", flags, "size=1m") == 0;
}

static void fill(const char *dir) {
    static const char zeros[65536];
    char path[PROCESS_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/ballast", dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    while (fd >= 0 && write(fd, zeros, sizeof zeros) > 0) {
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* It goes on without a checkpoint, or it ends with a message that names the folder; never a signal.
 */
static void must_cope(struct round *r, int ms, const char *with) {
    struct process *p = &r->processes[0];
    const int64_t deadline = process_now_ms() + ms;
    round_try(r, 0);
    while (!r->failed && process_runs(p) && process_now_ms() < deadline) {
        process_nap_ms(50);
    }
    if (r->failed || process_runs(p)) {
        round_say(r, "%s: it goes on", with);
    } else if (!WIFEXITED(p->status) || !process_logged(p, r->state_dir[0], NULL, 0)) {
        round_fail(r, "%s: it ended with status %d and did not name %s", with, p->status,
                   r->state_dir[0]);
    } else {
        round_say(r, "%s: it ended with a message", with);
    }
    process_kill(p);
    round_fault(r);
}

static void with_bad_disk(struct round *r, unsigned long flags, const char *what) {
    const char *dir = r->state_dir[0];
    round_kill(r, 0);
    if (!mount_small(dir, flags)) {
        round_say(r, "SKIPPED %s: tmpfs cannot be mounted", what);
    } else {
        if (!(flags & MS_RDONLY)) {
            fill(dir);
        }
        must_cope(r, FULL_MS, what);
        umount(dir);
    }
    round_start(r, 0);
    round_recover(r);
}

/* Every file of a folder and the folders in it: bytes in the middle are turned. */
static int damage(const char *dir, int depth) {
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char path[2 * PROCESS_PATH_MAX + 300];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || stat(path, &st)) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            n += depth > 0 ? damage(path, depth - 1) : 0;
            continue;
        }
        const int fd = open(path, O_WRONLY);
        for (off_t at = st.st_size / 8; fd >= 0 && at < st.st_size; at += 4096) {
            n += pwrite(fd, "\xde\xad\xbe\xef", 4, at) == 4;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    if (d) {
        closedir(d);
    }
    return n;
}

static void with_damage(struct round *r) {
    round_kill(r, 0);
    round_say(r, "checkpoint: %d places damaged", damage(r->state_dir[0], 2));
    round_start(r, 0);
    round_recover(r);
}

void disk_run(struct round *r) {
    process_nap_ms(3000); /* a checkpoint or two */
    with_bad_disk(r, 0, "a full disk");
    with_bad_disk(r, MS_RDONLY, "a folder that cannot be written");
    process_nap_ms(3000);
    with_damage(r);
}
