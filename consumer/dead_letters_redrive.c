/* SPDX-License-Identifier: Apache-2.0
 * dead_letters_redrive.c -- see dead_letters_redrive.h. */
#include "dead_letters_redrive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "clock.h"
#include "dead_letters_print.h"
#include "dead_letters_read.h"
#include "interrupt.h"
#include "kafka.h"
#include "progress.h"

enum {
    BATCH = 256,          /* letters that a crash may put back twice  */
    BATCH_KEYS = 1 << 20, /* bytes                                    */
    TARGETS_MAX = 2 * CONFIG_TOPICS_MAX + 1,
    ASK_MS = 10000,
    SERVE_MS = 100,
    FLUSH_MS = 1000,
    GIVE_UP_MS = 60000, /* nothing was acknowledged for so long */
    FROM_MAX = CONFIG_NAME_MAX + 48,
};

struct sent { /* a letter that is to be marked */
    struct place place;
    size_t key, key_len; /* in struct batch.keys; key SIZE_MAX: it has none */
};

struct batch {
    struct sent sent[BATCH];
    size_t n;
    char *keys;
    size_t keys_len, keys_room;
};

struct redrive {
    const struct config *cfg;
    const struct redrive_options *options;
    struct dead_letters letters;
    struct kafka_producer *producer; /* NULL: dry run */
    struct kafka_topic_info topics[TARGETS_MAX];
    size_t n_topics;
    struct batch batch;
    struct progress progress;
    uint64_t looked, chosen, marked; /* that the filter takes; of them to be put back; put back */
    uint64_t before, cannot;         /* marked already; impossible, which was said              */
    bool failed;
    char why[CONFIG_ERROR_MAX]; /* of what failed */
};

/* ---- may it go back? --------------------------------------------------------------------- */

/* Topics of which dead letters can come. Global ones are not among them: their bad rows stay where
 * they are. Nor is any other: who may write dead letters may not thereby write everywhere. */
static bool describe_topics(struct redrive *d) {
    const struct config *cfg = d->cfg;
    const char *names[TARGETS_MAX];
    size_t n = 0;
    for (uint32_t k = 0; k < cfg->n_topics; k++) {
        names[n++] = cfg->topics[k].name;
    }
    for (uint32_t k = 0; k < cfg->n_raws; k++) {
        names[n++] = cfg->raws[k].name;
    }
    if (cfg->events[0]) {
        names[n++] = cfg->events;
    }
    d->n_topics = n;
    return kafka_topics_describe(cfg, names, n, ASK_MS, d->topics, NULL, d->why) == ST_OK;
}

/* Why a letter cannot be put back, NULL if it can. */
static const char *obstacle(const struct redrive *d, const struct dead_record *r) {
    const struct kafka_topic_info *topic = NULL;
    for (size_t k = 0; k < d->n_topics && !topic; k++) {
        topic = strcmp(d->topics[k].name, r->letter.topic) == 0 ? &d->topics[k] : NULL;
    }
    if (r->letter.truncated) {
        return "only the beginning of its value was kept";
    }
    if (!topic) {
        return "its topic is not among those configured";
    }
    if (topic->partitions == 0) {
        return "its topic does not exist";
    }
    if (!r->record->key && r->letter.partition >= topic->partitions) {
        return "it has no key, and its topic no such partition";
    }
    return NULL;
}

/* ---- sending ----------------------------------------------------------------------------- */

/* A full queue is waited for as long as anything is acknowledged. */
static enum status send(struct redrive *d, const char *topic, int32_t partition,
                        const struct record *r, bool with_value, struct header header) {
    const bool back = with_value && r->timestamp_ms > 0;
    uint64_t acked = kafka_producer_acked(d->producer);
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        enum status st = kafka_produce_to(
            d->producer, topic, partition, r->key, r->key_len, with_value ? r->value : NULL,
            with_value ? r->value_len : 0, back ? r->timestamp_ms : 0, &header, 1);
        if (st != ST_AGAIN || clock_mono_ms() - since_ms > GIVE_UP_MS) {
            return st;
        }
        kafka_producer_poll(d->producer, SERVE_MS);
        if (kafka_producer_acked(d->producer) != acked) {
            acked = kafka_producer_acked(d->producer);
            since_ms = clock_mono_ms();
        }
    }
}

/* Waits until all is acknowledged. False with d->why set. */
static bool flush(struct redrive *d) {
    uint64_t acked = kafka_producer_acked(d->producer);
    int64_t since_ms = clock_mono_ms();
    for (;;) {
        enum status st = kafka_producer_flush(d->producer, FLUSH_MS, d->why, sizeof d->why);
        if (st != ST_AGAIN) {
            return st == ST_OK;
        }
        if (kafka_producer_acked(d->producer) != acked) {
            acked = kafka_producer_acked(d->producer);
            since_ms = clock_mono_ms();
        }
        if (clock_mono_ms() - since_ms > GIVE_UP_MS) {
            return false;
        }
    }
}

/* Beside its letter, whatever partitioner its producer had: never kept for less long than it. */
static enum status send_mark(struct redrive *d, const struct sent *s) {
    char place[48];
    const int n =
        snprintf(place, sizeof place, "%" PRId32 ":%" PRId64, s->place.partition, s->place.offset);
    const struct record mark = {.key = s->key == SIZE_MAX ? NULL : d->batch.keys + s->key,
                                .key_len = s->key_len};
    return send(d, d->cfg->dead_letters, s->place.partition, &mark, false,
                (struct header){"redriven", place, (size_t)n});
}

/* Acknowledged, then marked, then acknowledged. False if something failed, which is said. */
static bool settle(struct redrive *d) {
    struct batch *b = &d->batch;
    const size_t n = b->n;
    if (n == 0) {
        return true;
    }
    bool good = flush(d);
    if (!good) {
        fprintf(stderr,
                "crossrec: of %zu letters from %" PRId32 ":%" PRId64 " on some did not arrive, and "
                "none of them is marked: %s\n",
                n, b->sent[0].place.partition, b->sent[0].place.offset, d->why);
    } else {
        snprintf(d->why, sizeof d->why, "a mark was refused");
        for (size_t k = 0; good && k < n; k++) {
            good = send_mark(d, &b->sent[k]) == ST_OK;
        }
        good = good && flush(d);
        if (!good) {
            fprintf(stderr,
                    "crossrec: %zu letters are in their topics, but not marked: redriven again "
                    "they would count once all the same: %s\n",
                    n, d->why);
        }
    }
    d->marked += good ? n : 0;
    d->failed = d->failed || !good;
    b->n = b->keys_len = 0;
    return good;
}

/* ---- letters ----------------------------------------------------------------------------- */

static bool remember(struct batch *b, const struct dead_record *r) {
    const size_t len = r->record->key ? r->record->key_len : 0;
    if (len > b->keys_room - b->keys_len) {
        const size_t room = b->keys_len + len + BATCH_KEYS;
        char *keys = realloc(b->keys, room);
        if (!keys) {
            return false;
        }
        b->keys = keys;
        b->keys_room = room;
    }
    if (len > 0) {
        memcpy(b->keys + b->keys_len, r->record->key, len);
    }
    b->sent[b->n++] = (struct sent){r->place, r->record->key ? b->keys_len : SIZE_MAX, len};
    b->keys_len += len;
    return true;
}

static bool put_back(struct redrive *d, const struct dead_record *r) {
    char from[FROM_MAX];
    const int n = snprintf(from, sizeof from, "%s/%" PRId32 "/%" PRId64, d->cfg->dead_letters,
                           r->place.partition, r->place.offset);
    struct record record = *r->record;
    record.timestamp_ms = r->letter.timestamp_ms;
    if (!remember(&d->batch, r)) {
        snprintf(d->why, sizeof d->why, "%s", status_str(ST_NOMEM));
        d->failed = true;
        return false;
    }
    enum status st = send(d, r->letter.topic, record.key ? -1 : r->letter.partition, &record, true,
                          (struct header){"redriven-from", from, (size_t)n});
    if (st) {
        d->batch.n--;
        d->failed = true;
        fprintf(stderr, "crossrec: %" PRId32 ":%" PRId64 ": %s\n", r->place.partition,
                r->place.offset, st == ST_AGAIN ? "no broker acknowledges anything" : "refused");
        return st != ST_AGAIN;
    }
    const bool full = d->batch.n == BATCH || d->batch.keys_len >= BATCH_KEYS;
    return !full || settle(d);
}

static bool take(void *ctx, const struct dead_record *r) {
    struct redrive *d = ctx;
    const struct redrive_options *o = d->options;
    if (interrupt_came() || (int64_t)d->chosen >= o->limit) {
        return false;
    }
    if (r->kind != DEAD_LETTER ||
        !dead_filter_takes(&o->filter, &r->letter, r->record->timestamp_ms)) {
        return true;
    }
    d->looked++;
    if (!o->dry_run) { /* which prints lines */
        progress_show(&d->progress, d->looked, "letters", false);
    }
    if (r->redriven && !o->again) {
        d->before++;
        return true;
    }
    const char *why = obstacle(d, r);
    if (why) {
        d->cannot++;
        fprintf(stderr, "crossrec: %" PRId32 ":%" PRId64 " cannot be redriven: %s\n",
                r->place.partition, r->place.offset, why);
        return true;
    }
    d->chosen++;
    if (o->dry_run) {
        dead_print_line(stdout, r);
        return true;
    }
    return put_back(d, r);
}

/* ---- all of them ------------------------------------------------------------------------- */

static void summarise(const struct redrive *d) {
    char n[PROGRESS_NUMBER_MAX];
    const bool dry = d->options->dry_run;
    printf("%s letters %s\n", progress_number(dry ? d->chosen : d->marked, n),
           dry ? "would be redriven" : "redriven");
    if (d->before > 0) {
        printf("%s letters were redriven before; --again redrives them once more\n",
               progress_number(d->before, n));
    }
    if (d->cannot > 0) {
        printf("%s letters cannot be redriven, see above\n", progress_number(d->cannot, n));
    }
}

static bool run(struct redrive *d) {
    char err[CONFIG_ERROR_MAX] = "";
    enum status st = ST_OK;
    if (!describe_topics(d)) {
        return false;
    }
    if (!d->options->dry_run) {
        st = kafka_producer_new(d->cfg, &d->producer, err);
    }
    st = st ? st : dead_letters_open(&d->letters, d->cfg, &d->options->filter, err);
    if (!st) {
        interrupt_catch("\ncrossrec: marking what is sent; once more ends at once\n");
        progress_start(&d->progress, d->letters.taken);
        st = dead_letters_each(&d->letters, take, d, err);
        d->failed = !settle(d) || d->failed; /* whatever ended it */
        if (!d->options->dry_run) {
            progress_show(&d->progress, d->looked, "letters", true);
        }
        summarise(d);
    }
    if (st) {
        snprintf(d->why, sizeof d->why, "%s", err[0] ? err : status_str(st));
    }
    return st == ST_OK;
}

int dead_letters_redrive(const struct config *cfg, const struct redrive_options *options) {
    struct redrive *d = calloc(1, sizeof *d);
    if (!d) {
        fprintf(stderr, "crossrec: %s\n", status_str(ST_NOMEM));
        return CLI_FAILED;
    }
    d->cfg = cfg;
    d->options = options;
    bool good = run(d);
    if (!good) {
        fprintf(stderr, "crossrec: %s\n", d->why);
    }
    if (interrupt_came()) {
        fprintf(stderr, "crossrec: interrupted\n");
    }
    good = good && !d->failed && !interrupt_came() && (options->dry_run || d->cannot == 0);
    dead_letters_close(&d->letters);
    kafka_producer_free(d->producer);
    free(d->batch.keys);
    free(d);
    return good ? CLI_OK : CLI_FAILED;
}
