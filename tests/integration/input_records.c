/* SPDX-License-Identifier: Apache-2.0
 * input_records.c -- see input_records.h. */
#include "input_records.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 18, TIMEOUT_S = 5, NAMES = 8 };

uint32_t input_id[READERS];
static struct avro_bytes bytes;

void input_ids_shipped(void) {
    for (int r = 0; r < READERS; r++) {
        input_id[r] = shipped_id((enum reader)r);
    }
}

const char *input_name(const char *before, int number) {
    static char text[NAMES][64];
    static int next;
    char *out = text[next++ % NAMES];
    snprintf(out, sizeof text[0], "%s%d", before, number);
    return out;
}

int64_t input_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *input_ini(const char *text, const char *name) {
    static char path[64];
    snprintf(path, sizeof path, "/tmp/crossrec-test-input-%d.ini", (int)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (const char *p = text; *p; p++) {
        if (*p == '@') {
            fputs(name, f);
        } else {
            fputc(*p, f);
        }
    }
    fclose(f);
    return path;
}

const struct avro_bytes *input_last(void) {
    return &bytes;
}

/* ---- events -------------------------------------------------------------------------- */

static void begin(enum reader schema) {
    bytes.n = 0;
    avro_wire(&bytes, input_id[schema]);
}

static void begin_event(enum reader schema, const char *id, const char *user, int64_t ts_ms) {
    begin(schema);
    avro_text(&bytes, id);
    avro_text(&bytes, user);
    avro_long(&bytes, ts_ms);
}

static void put(struct stand *s, const char *topic, const char *key) {
    stand_produce(s, topic, key, bytes.bytes, bytes.n);
}

void input_view(struct stand *s, const char *topic, const char *id, const char *user,
                const char *course, enum action action, int64_t ts_ms) {
    begin_event(READER_COURSE_VIEW, id, user, ts_ms);
    avro_text(&bytes, course);
    avro_long(&bytes, action); /* the schema has them in this order */
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
    put(s, topic, user);
}

void input_order(struct stand *s, const char *topic, const char *id, const char *user,
                 const char *dish, int64_t ts_ms) {
    begin_event(READER_FOOD_ORDER, id, user, ts_ms);
    avro_branch(&bytes, 0);
    avro_branch(&bytes, 0);
    avro_block(&bytes, 1);
    avro_text(&bytes, dish);
    avro_double(&bytes, 1);
    avro_double(&bytes, 9.5);
    avro_double(&bytes, 0);
    avro_end(&bytes);
    put(s, topic, user);
}

void input_social(struct stand *s, const char *topic, const char *id, const char *user,
                  const char *item, enum action action, const char *with, int64_t ts_ms) {
    static const enum action symbols[] = {ACTION_LIKE, ACTION_SHARE, ACTION_COMMENT, ACTION_RATE,
                                          ACTION_REPORT};
    int64_t symbol = 0;
    while (symbols[symbol] != action) {
        symbol++;
    }
    begin_event(READER_SOCIAL_INTERACTION, id, user, ts_ms);
    avro_text(&bytes, item);
    avro_long(&bytes, symbol);
    avro_branch(&bytes, with != NULL);
    if (with) {
        avro_text(&bytes, with);
    }
    put(s, topic, user);
}

void input_feedback(struct stand *s, const char *topic, const char *id, const char *user,
                    const char *item, enum action action, int64_t ts_ms) {
    begin_event(READER_FEEDBACK, id, user, ts_ms);
    avro_branch(&bytes, 1), avro_text(&bytes, "0-1-1");
    avro_text(&bytes, item);
    avro_long(&bytes, action - ACTION_IMPRESSION);
    put(s, topic, user);
}

/* ---- rows of global topics ----------------------------------------------------------- */

void input_item(struct stand *s, const char *topic, const char *item, int64_t ts_ms, bool available,
                double price) {
    begin(READER_ITEM);
    avro_text(&bytes, item);
    avro_branch(&bytes, 1), avro_long(&bytes, ts_ms);
    avro_boolean(&bytes, available);
    avro_branch(&bytes, 1), avro_text(&bytes, "maths");
    const bool priced = !(fabs(price) <= 0); /* also if it is no number */
    avro_branch(&bytes, priced);
    if (priced) {
        avro_double(&bytes, price);
    }
    avro_branch(&bytes, 1), avro_text(&bytes, "Algebra");
    avro_block(&bytes, 1), avro_text(&bytes, "level"), avro_text(&bytes, "beginner");
    avro_end(&bytes);
    put(s, topic, item);
}

void input_profile(struct stand *s, const char *topic, const char *user, int64_t ts_ms,
                   enum consent consent) {
    begin(READER_USER_PROFILE);
    avro_text(&bytes, user);
    avro_branch(&bytes, 1), avro_long(&bytes, ts_ms);
    avro_branch(&bytes, consent != CONSENT_UNKNOWN);
    if (consent != CONSENT_UNKNOWN) {
        avro_boolean(&bytes, consent == CONSENT_GIVEN);
    }
    avro_branch(&bytes, 1), avro_long(&bytes, 44);
    avro_branch(&bytes, 1), avro_text(&bytes, "AT");
    put(s, topic, user);
}

void input_request(struct stand *s, const char *topic, const char *user, int64_t ts_ms,
                   enum privacy_request request) {
    begin(READER_PRIVACY_REQUEST);
    avro_branch(&bytes, 0);
    avro_text(&bytes, user);
    avro_long(&bytes, ts_ms);
    avro_long(&bytes, request);
    put(s, topic, user);
}

void input_identity(struct stand *s, const char *topic, const char *domain, const char *id,
                    const char *user) {
    char key[128];
    begin(READER_IDENTITY);
    avro_text(&bytes, domain);
    avro_text(&bytes, id);
    avro_branch(&bytes, 1), avro_text(&bytes, user);
    snprintf(key, sizeof key, "%s/%s", domain, id);
    put(s, topic, key);
}

/* ---- HTTP ---------------------------------------------------------------------------- */

static int dial(const char *address) {
    char host[64];
    int port = 0;
    struct sockaddr_in to = {.sin_family = AF_INET};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    assert_int_equal(sscanf(address, "%63[^:]:%d", host, &port), 2);
    to.sin_port = htons((uint16_t)port);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to)) {
        close(fd);
        return -1;
    }
    return fd;
}

const char *input_http(const struct stand *s, const char *path) {
    static char text[ANSWER_MAX];
    char request[128];
    size_t len = 0;
    ssize_t got;
    const int fd = dial(s->http);
    const int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    if (fd >= 0 && write(fd, request, (size_t)n) == n) {
        while (len < sizeof text - 1 && (got = read(fd, text + len, sizeof text - 1 - len)) > 0) {
            len += (size_t)got;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    text[len] = '\0';
    return text;
}
