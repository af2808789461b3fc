/* SPDX-License-Identifier: Apache-2.0
 * demo_stage.c -- see demo_stage.h. */
#include "demo_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo_clock.h"
#include "demo_end.h"
#include "instance.h"
#include "log.h"

enum {
    READY_MS = 60000,
    QUIET_MS = 6000, /* of the sample user, before another takes his place */
    TAIL_LINES = 15,
    TAIL_BYTES = 16384,
    REPLICAS = 3,
    DESCRIBE_MS = 10000,
    TOPICS_MAX = 2 * CONFIG_TOPICS_MAX + 5,
};

/* ---- opening ---------------------------------------------------------------------------- */

static enum status open_log(struct demo_stage *s, char *err) {
    s->log_fd = -1;
    enum status st = demo_end_dir(&s->dir);
    if (!st) {
        s->log_path = demo_end_file("crossrec.log");
        s->log_fd = open(s->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (s->log_fd < 0) {
        snprintf(err, CONFIG_ERROR_MAX, "no temporary directory: %s; set TMPDIR", strerror(errno));
        return ST_IO;
    }
    log_set_level((enum config_log_level)s->cfg.log_level);
    log_set_fd(s->log_fd);
    return ST_OK;
}

static enum status open_events(struct demo_stage *s, char *err) {
    const struct demo_events_params params = {.file = s->options.file,
                                              .catalogue = s->options.catalogue,
                                              .world = demo_options_world(&s->options),
                                              .run = s->options.run};
    return demo_events_open(&params, &s->events, err);
}

static enum status open_redis(struct demo_stage *s, char *err) {
    if (s->options.redis) {
        snprintf(s->cfg.redis_address, sizeof s->cfg.redis_address, "%s", s->options.redis);
    } else {
        const char *log = demo_end_file("redis.log");
        (void)demo_end_file("dump.rdb"); /* somebody may type SAVE */
        const enum status st = demo_redis_start(s->dir, log, &s->own_redis, err, CONFIG_ERROR_MAX);
        if (st) {
            return st;
        }
        snprintf(s->cfg.redis_address, sizeof s->cfg.redis_address, "127.0.0.1:%u",
                 (unsigned)s->own_redis.port);
        s->cfg.redis_user[0] = s->cfg.redis_password[0] = '\0';
    }
    const struct redis_params params = {.address = s->cfg.redis_address,
                                        .user = s->cfg.redis_user,
                                        .password = s->cfg.redis_password,
                                        .timeout_ms = s->cfg.redis_timeout_ms};
    enum status st = redis_new(&params, &s->reader, err, CONFIG_ERROR_MAX);
    if (st) {
        return st;
    }
    s->store = redis_store(s->reader);
    char why[CONFIG_ERROR_MAX / 2] = "";
    bool fresh = false;
    st = s->store.connect(s->store.ctx, &fresh, why, sizeof why);
    if (st) {
        snprintf(err, CONFIG_ERROR_MAX, "Redis at %s: %s", s->cfg.redis_address, why);
    }
    return st;
}

/* The input topics, and on the embedded broker also what the daemon makes for itself elsewhere. */
static size_t name_topics(const struct demo_stage *s, const char *names[TOPICS_MAX]) {
    const struct config *cfg = &s->cfg;
    size_t n = 0;
    for (uint32_t t = 0; t < cfg->n_topics; t++) {
        names[n++] = cfg->topics[t].name;
    }
    for (uint32_t t = 0; t < cfg->n_globals; t++) {
        names[n++] = cfg->globals[t].name;
    }
    names[n++] = cfg->dead_letters;
    if (cfg->embedded_broker) {
        names[n++] = cfg->state_topic;
        names[n++] = cfg->model_topic;
        names[n++] = cfg->items_topic;
        names[n++] = cfg->outbox_topic;
    }
    return n;
}

static enum status make_topics(struct demo_stage *s, const char *const *names, size_t n,
                               char *err) {
    int brokers = 0;
    struct kafka_topic_info info[TOPICS_MAX];
    enum status st = kafka_topics_describe(&s->cfg, names, n, DESCRIBE_MS, info, &brokers, err);
    if (!st) {
        const int16_t replicas = (int16_t)(brokers < REPLICAS ? brokers : REPLICAS);
        st = kafka_topics_create(&s->cfg, names, n, (int32_t)s->options.partitions, replicas, err);
    }
    return st;
}

static enum status open_broker(struct demo_stage *s, char *err) {
    const char *names[TOPICS_MAX];
    const size_t n = name_topics(s, names);
    enum status st = ST_OK;
    if (!s->options.brokers) {
        st = kafka_embedded_start(names, n, (int32_t)s->options.partitions, &s->broker, err);
    }
    if (!st && !demo_options_brokers(&s->cfg, s->broker ? kafka_embedded_brokers(s->broker)
                                                        : s->options.brokers)) {
        snprintf(err, CONFIG_ERROR_MAX, "--brokers is too long");
        st = ST_INVALID;
    }
    if (!st && s->options.brokers) {
        st = make_topics(s, names, n, err);
    }
    return st;
}

static void *daemon_main(void *arg) {
    struct demo_stage *s = arg;
    s->daemon_status = daemon_run(s->daemon, s->daemon_err);
    atomic_store(&s->daemon_ended, true);
    return NULL;
}

static enum status open_daemon(struct demo_stage *s, char *err) {
    enum status st = daemon_new(&s->cfg, &s->daemon, err);
    if (st) {
        return st;
    }
    s->thread_runs = pthread_create(&s->thread, NULL, daemon_main, s) == 0;
    if (!s->thread_runs) {
        snprintf(err, CONFIG_ERROR_MAX, "cannot start a thread");
        return ST_IO;
    }
    return ST_OK;
}

enum status demo_stage_open(struct demo_stage *s, char *err) {
    enum status st = open_log(s, err);
    if (!st) {
        st = open_events(s, err);
    }
    if (!st) {
        st = open_redis(s, err);
    }
    if (st) {
        return st;
    }
    demo_options_configure(&s->options, s->events, &s->cfg);
    demo_end_block(true); /* signals are the main thread's */
    st = open_broker(s, err);
    if (!st) {
        st = open_daemon(s, err);
    }
    if (!st) {
        st = demo_fires_new(&s->cfg, (int32_t)s->options.partitions, &s->store, &s->fires, err);
    }
    demo_end_block(false);
    return st;
}

struct demo_places demo_stage_places(const struct demo_stage *s) {
    const char *brokers = s->broker ? kafka_embedded_brokers(s->broker) : s->options.brokers;
    return (struct demo_places){.redis = s->cfg.redis_address,
                                .prefix = s->cfg.redis_prefix,
                                .brokers = brokers,
                                .log = s->log_path,
                                .own_redis = s->own_redis.pid > 0,
                                .own_broker = s->broker != NULL,
                                .exactly_once = s->cfg.state == STATE_KAFKA && !s->broker,
                                .triggers = s->fires != NULL,
                                .http_port = daemon_http_port(s->daemon),
                                .seconds = s->options.seconds,
                                .rate = (double)s->options.rate};
}

/* ---- running ---------------------------------------------------------------------------- */

enum status demo_stage_check(struct demo_stage *s, char *err) {
    if (atomic_load(&s->daemon_ended)) {
        snprintf(err, CONFIG_ERROR_MAX, "the daemon ended: %.900s",
                 s->daemon_status ? s->daemon_err : "nobody asked it to");
        return ST_IO;
    }
    if (!s->options.redis && !demo_redis_alive(&s->own_redis)) {
        snprintf(err, CONFIG_ERROR_MAX, "the demo's redis-server ended by itself");
        return ST_IO;
    }
    return ST_OK;
}

enum status demo_stage_ready(struct demo_stage *s, char *err) {
    const int64_t now_ms = demo_now_ms();
    char why[256] = "";
    s->opened_ms = s->opened_ms ? s->opened_ms : now_ms;
    const enum status st = demo_stage_check(s, err);
    if (st) {
        return st;
    }
    if (instance_ready(daemon_instance(s->daemon), why, sizeof why)) {
        return ST_OK;
    }
    if (now_ms - s->opened_ms > READY_MS) {
        snprintf(err, CONFIG_ERROR_MAX, "not ready after %d s: %s", READY_MS / 1000, why);
        return ST_IO;
    }
    return ST_AGAIN;
}

enum status demo_stage_feed(struct demo_stage *s, double rate, char *err) {
    const struct demo_feeder_params params = {.cfg = &s->cfg,
                                              .events = s->events,
                                              .rate = rate,
                                              .seconds = s->options.seconds,
                                              .quiet_ms = QUIET_MS,
                                              .run = s->options.run};
    demo_end_block(true);
    const enum status st = demo_feeder_start(&params, &s->feeder, err);
    demo_end_block(false);
    return st;
}

/* ---- closing ---------------------------------------------------------------------------- */

enum status demo_stage_stop(struct demo_stage *s, char *err) {
    enum status st = demo_feeder_join(s->feeder, err);
    s->feeder = NULL;
    if (s->thread_runs) {
        daemon_stop(s->daemon);
        pthread_join(s->thread, NULL);
        s->thread_runs = false;
        if (!st && s->daemon_status) {
            st = s->daemon_status;
            snprintf(err, CONFIG_ERROR_MAX, "%s", s->daemon_err);
        }
    }
    return st;
}

void demo_stage_show_log(const struct demo_stage *s) {
    const int fd = s->log_path ? open(s->log_path, O_RDONLY) : -1;
    if (fd < 0) {
        return;
    }
    char text[TAIL_BYTES + 1];
    const off_t size = lseek(fd, 0, SEEK_END);
    lseek(fd, size > TAIL_BYTES ? size - TAIL_BYTES : 0, SEEK_SET);
    const ssize_t n = read(fd, text, TAIL_BYTES);
    close(fd);
    if (n <= 0) {
        return;
    }
    text[n] = '\0';
    const char *from = text + n - 1;
    for (int lines = 0; from > text && (from[-1] != '\n' || ++lines < TAIL_LINES); from--) {
    }
    fprintf(stderr, "The last lines of its log:\n%s", from);
}

void demo_stage_close(struct demo_stage *s) {
    char err[CONFIG_ERROR_MAX];
    (void)demo_stage_stop(s, err); /* stopped already, or another failure was said */
    demo_fires_free(s->fires);
    daemon_free(s->daemon);
    redis_free(s->reader);
    kafka_embedded_stop(s->broker);
    demo_redis_stop(&s->own_redis);
    demo_events_free(s->events);
    if (s->log_fd >= 0) {
        log_set_fd(STDERR_FILENO);
        close(s->log_fd);
    }
    demo_end_clean();
}
