/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_state_record.c -- what holds for every byte string that state_record.h is given: as a
 * record, as the body of a task, as a key.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "state_record.h"

/* What was read is written as it can be read again: the same task. */
static void look_at_task(const uint8_t *body, size_t len) {
    static struct state_task t;
    static struct state_task again;
    if (state_task_read(body, len, &t)) {
        return;
    }
    require(t.n_topics <= CONFIG_TOPICS_MAX);
    require(t.learner_len == 0 || (t.learner >= body && t.learner + t.learner_len <= body + len));
    for (uint32_t k = 0; k < t.n_topics; k++) {
        require(t.topics[k].next >= -1);
        require(memchr(t.topics[k].topic, '\0', sizeof t.topics[k].topic) != NULL);
        require(t.topics[k].topic[0] != '\0');
    }
    struct pack p = {0};
    state_task_write(&p, &t);
    require(!p.failed && p.len <= len); /* numbers may have been longer than they need be */
    require(state_task_read(p.bytes, p.len, &again) == ST_OK);
    require(again.epoch == t.epoch && again.batch == t.batch && again.n_topics == t.n_topics);
    require(memcmp(again.uuid, t.uuid, sizeof t.uuid) == 0);
    require(memcmp(again.topics, t.topics, t.n_topics * sizeof t.topics[0]) == 0);
    require(again.learner_len == t.learner_len);
    free(p.bytes);
}

static void look_at_key(const uint8_t *data, size_t size) {
    struct state_key k;
    uint8_t key[STATE_KEY_USER_LEN];
    if (state_key_parse(data, size, &k)) {
        return;
    }
    if (k.kind == STATE_USER) {
        state_key_user(key, k.user);
    } else {
        state_key_task(key);
    }
    require(memcmp(key, data, size) == 0);
}

/* Sealed, the body comes back; with one byte another, nothing does. */
static void look_at_seal(const uint8_t *data, size_t size) {
    struct pack p = {0};
    enum state_kind kind = STATE_USER;
    const uint8_t *body = NULL;
    size_t len = 0;
    state_record_seal(&p, STATE_DELTA, data, size);
    require(!p.failed);
    require(state_record_open(p.bytes, p.len, &kind, &body, &len) == ST_OK);
    require(kind == STATE_DELTA && len == size && (size == 0 || memcmp(body, data, size) == 0));
    p.bytes[size % p.len] ^= 0x20;
    require(state_record_open(p.bytes, p.len, &kind, &body, &len) == ST_INVALID);
    free(p.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum state_kind kind = STATE_KINDS;
    const uint8_t *body = NULL;
    size_t len = 12345;
    require(state_crc32c(0, data, size) == state_crc32c_portable(0, data, size));
    if (state_record_open(data, size, &kind, &body, &len) == ST_OK) {
        require(body == data + STATE_RECORD_HEAD && len == size - STATE_RECORD_HEAD);
        require(kind > 0 && kind < STATE_KINDS);
    } else {
        require(kind == STATE_KINDS && body == NULL && len == 12345);
    }
    look_at_task(data, size);
    if (size > STATE_RECORD_HEAD) { /* so that a corpus of whole records reaches it, too */
        look_at_task(data + STATE_RECORD_HEAD, size - STATE_RECORD_HEAD);
    }
    look_at_key(data, size);
    look_at_seal(data, size);
    return 0;
}
