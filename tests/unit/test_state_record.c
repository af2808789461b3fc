/* SPDX-License-Identifier: Apache-2.0
 *
 * test_state_record.c -- the contract of state_record.h, against published CRCs and records of
 * format 1 that another program wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_alloc.h"
#include "mix.h"
#include "state_record.h"

/* Format 1 for ever: written by a few lines of Python that know the header of state_record.h and
 * a CRC of one bit at a time. */
static const uint8_t USER_1[] = {0x01, 0x01, 0x7f, 0xfd, 0xac, 0xc4, 'a', 'n', 'a'};
static const uint8_t OUTBOX_1[] = {0x01, 0x06, 0x4d, 0x08, 0x62, 0xc4};
static const uint8_t TASK_1[] = {
    0x01, 0x02, 0xba, 0x90, 0x93, 0xcc, 0x80, 0xf2, 0xd6, 0xca, 0x06, 0x2a, 0xa0, 0xa1, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x02, 0x0c, 'c',  'o',
    'u',  'r',  's',  'e',  '-',  'v',  'i',  'e',  'w',  's',  0x00, 0x80, 0x89, 0x0f, 0x0b, 'f',
    'o',  'o',  'd',  '-',  'o',  'r',  'd',  'e',  'r',  's',  0x02, 0x01, 0x03, 0x01, 0x02, 0x03};
/* Format 2, and a kind 32 that format 1 does not know; both whole. */
static const uint8_t LATER_FORMAT[] = {0x02, 0x01, 0x8b, 0x4d, 0x9f, 0x8c, 'a', 'n', 'a'};
static const uint8_t LATER_KIND[] = {0x01, 0x20, 0x4c, 0x43, 0xcc, 0xce, 'a', 'n', 'a'};

struct opened {
    enum state_kind kind;
    const uint8_t *body;
    size_t len;
};

static enum status open_record(const void *bytes, size_t len, struct opened *o) {
    return state_record_open(bytes, len, &o->kind, &o->body, &o->len);
}

/* ---- CRC --------------------------------------------------------------------------------- */

static void the_crc_is_castagnolis_as_published(void **state) {
    (void)state;
    uint8_t up[32];
    uint8_t down[32];
    const uint8_t zeros[32] = {0};
    uint8_t ones[32];
    memset(ones, 0xff, sizeof ones);
    for (size_t i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    uint32_t (*const both[])(uint32_t, const void *, size_t) = {state_crc32c,
                                                                state_crc32c_portable};
    for (size_t k = 0; k < 2; k++) { /* RFC 3720, B.4; and the check value of every catalogue */
        assert_int_equal(both[k](0, "123456789", 9), 0xE3069283);
        assert_int_equal(both[k](0, zeros, 32), 0x8A9136AA);
        assert_int_equal(both[k](0, ones, 32), 0x62A8AB43);
        assert_int_equal(both[k](0, up, 32), 0x46DD794E);
        assert_int_equal(both[k](0, down, 32), 0x113FDB5C);
        assert_int_equal(both[k](0, "", 0), 0);
    }
}

static void with_and_without_sse_it_is_the_same_in_pieces_of_any_length_and_place(void **state) {
    (void)state;
    uint8_t bytes[300];
    const uint64_t seed = 20261126;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)mix64(seed + i);
    }
    for (size_t at = 0; at < 9; at++) {
        for (size_t len = 0; len + at < sizeof bytes; len++) {
            const uint32_t whole = state_crc32c_portable(0, bytes + at, len);
            const size_t cut = (size_t)mix64(seed ^ (at * 1000 + len)) % (len + 1);
            assert_int_equal(state_crc32c(0, bytes + at, len), whole);
            assert_int_equal(
                state_crc32c(state_crc32c(0, bytes + at, cut), bytes + at + cut, len - cut), whole);
        }
    }
}

/* ---- envelope ---------------------------------------------------------------------------- */

static void records_of_format_1_are_opened(void **state) {
    (void)state;
    struct opened o = {STATE_TASK, NULL, 0};
    assert_int_equal(open_record(USER_1, sizeof USER_1, &o), ST_OK);
    assert_int_equal(o.kind, STATE_USER);
    assert_ptr_equal(o.body, USER_1 + 6);
    assert_int_equal(o.len, 3);
    assert_int_equal(open_record(OUTBOX_1, sizeof OUTBOX_1, &o), ST_OK);
    assert_int_equal(o.kind, STATE_OUTBOX);
    assert_int_equal(o.len, 0);
    assert_int_equal(open_record(TASK_1, sizeof TASK_1, &o), ST_OK);
    assert_int_equal(o.kind, STATE_TASK);
}

static void what_is_sealed_are_these_bytes_behind_what_was_packed_before(void **state) {
    (void)state;
    struct pack p = {0};
    pack_u8(&p, 77);
    state_record_seal(&p, STATE_USER, "ana", 3);
    state_record_seal(&p, STATE_OUTBOX, NULL, 0);
    assert_false(p.failed);
    assert_int_equal(p.len, 1 + sizeof USER_1 + sizeof OUTBOX_1);
    assert_int_equal(p.bytes[0], 77);
    assert_memory_equal(p.bytes + 1, USER_1, sizeof USER_1);
    assert_memory_equal(p.bytes + 1 + sizeof USER_1, OUTBOX_1, sizeof OUTBOX_1);
    free(p.bytes);
}

static void every_flipped_bit_and_every_other_length_is_noticed_and_outputs_stay(void **state) {
    (void)state;
    uint8_t b[sizeof TASK_1 + 1];
    struct opened o = {STATE_PIECE, b, 99};
    for (size_t bit = 0; bit < 8 * sizeof TASK_1; bit++) {
        memcpy(b, TASK_1, sizeof TASK_1);
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(open_record(b, sizeof TASK_1, &o), ST_INVALID);
    }
    memcpy(b, TASK_1, sizeof TASK_1);
    b[sizeof TASK_1] = 0;
    for (size_t len = 0; len <= sizeof b; len++) {
        if (len != sizeof TASK_1) {
            assert_int_equal(open_record(b, len, &o), ST_INVALID);
        }
    }
    assert_int_equal(o.kind, STATE_PIECE);
    assert_ptr_equal(o.body, b);
    assert_int_equal(o.len, 99);
}

static void a_whole_record_of_a_later_format_or_kind_is_told_from_a_damaged_one(void **state) {
    (void)state;
    struct opened o = {STATE_PIECE, NULL, 99};
    assert_int_equal(open_record(LATER_FORMAT, sizeof LATER_FORMAT, &o), ST_RANGE);
    assert_int_equal(open_record(LATER_KIND, sizeof LATER_KIND, &o), ST_RANGE);
    assert_int_equal(open_record(LATER_KIND, sizeof LATER_KIND - 1, &o), ST_INVALID);
    assert_int_equal(o.len, 99);
}

static void format_0_and_kind_0_are_never_right(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        uint8_t b[6] = {1, 1, 0, 0, 0, 0};
        struct opened o = {STATE_PIECE, NULL, 99};
        b[which] = 0;
        const uint32_t crc = state_crc32c(0, b, 2);
        memcpy(b + 2, &crc, 4);
        assert_int_equal(open_record(b, sizeof b, &o), ST_INVALID);
    }
}

static void without_memory_the_pack_says_so(void **state) {
    (void)state;
    struct pack p = {0};
    if (!CAN_FAIL) {
        skip();
    }
    fail_after(0);
    state_record_seal(&p, STATE_USER, "ana", 3);
    fail_after(-1);
    assert_true(p.failed);
    free(p.bytes);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void a_users_key_is_his_hash_big_endian_so_that_keys_sort_as_hashes_do(void **state) {
    (void)state;
    const uint8_t hand[] = {'U', 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    uint8_t key[STATE_KEY_USER_LEN];
    uint8_t task[STATE_KEY_TASK_LEN];
    state_key_user(key, UINT64_C(0x0123456789abcdef));
    assert_memory_equal(key, hand, sizeof hand);
    state_key_task(task);
    assert_int_equal(task[0], 'T');
    for (uint64_t i = 0; i < 1000; i++) {
        uint8_t a[STATE_KEY_USER_LEN];
        uint8_t b[STATE_KEY_USER_LEN];
        const uint64_t x = mix64(i);
        const uint64_t y = mix64(~i);
        state_key_user(a, x);
        state_key_user(b, y);
        assert_int_equal(memcmp(a, b, sizeof a) < 0, x < y);
    }
}

static void keys_are_parsed_and_all_others_are_refused(void **state) {
    (void)state;
    struct state_key k = {STATE_PIECE, 5};
    const uint8_t user[] = {'U', 0, 0, 0, 0, 0, 0, 0, 0, 1};
    for (size_t len = 0; len <= sizeof user; len++) {
        if (len != 9) {
            assert_int_equal(state_key_parse(user, len, &k), ST_INVALID);
        }
    }
    assert_int_equal(state_key_parse("TT", 2, &k), ST_INVALID);
    assert_int_equal(state_key_parse("t", 1, &k), ST_INVALID);
    assert_int_equal(state_key_parse("U", 1, &k), ST_INVALID);
    assert_int_equal(state_key_parse("T12345678", 9, &k), ST_INVALID);
    assert_int_equal(state_key_parse(NULL, 0, &k), ST_INVALID);
    assert_int_equal(k.kind, STATE_PIECE);
    assert_int_equal(state_key_parse("T", 1, &k), ST_OK);
    assert_int_equal(k.kind, STATE_TASK);
    uint8_t key[STATE_KEY_USER_LEN];
    state_key_user(key, UINT64_C(0xfedcba9876543210));
    assert_int_equal(state_key_parse(key, sizeof key, &k), ST_OK);
    assert_int_equal(k.kind, STATE_USER);
    assert_true(k.user == UINT64_C(0xfedcba9876543210));
}

/* ---- the task ---------------------------------------------------------------------------- */

static void a_task_of_format_1_is_read(void **state) {
    (void)state;
    struct opened o = {STATE_USER, NULL, 0};
    struct state_task t;
    assert_int_equal(open_record(TASK_1, sizeof TASK_1, &o), ST_OK);
    assert_int_equal(state_task_read(o.body, o.len, &t), ST_OK);
    assert_int_equal(t.epoch, 1767225600);
    assert_int_equal(t.batch, 42);
    for (size_t i = 0; i < sizeof t.uuid; i++) {
        assert_int_equal(t.uuid[i], 0xa0 + i);
    }
    assert_int_equal(t.n_topics, 2);
    assert_string_equal(t.topics[0].topic, "course-views");
    assert_int_equal(t.topics[0].incarnation, 0);
    assert_int_equal(t.topics[0].next, 123456);
    assert_string_equal(t.topics[1].topic, "food-orders");
    assert_int_equal(t.topics[1].incarnation, 2);
    assert_int_equal(t.topics[1].next, -1);
    assert_int_equal(t.learner_len, 3);
    assert_memory_equal(t.learner, "\1\2\3", 3);

    struct pack p = {0};
    state_task_write(&p, &t);
    assert_int_equal(p.len, o.len);
    assert_memory_equal(p.bytes, o.body, o.len);
    free(p.bytes);
}

static void any_task_comes_back_as_it_was(void **state) {
    (void)state;
    static struct state_task t;
    static struct state_task back;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint8_t learner[64];
        memset(&t, 0, sizeof t);
        t.epoch = mix64(seed) >> (seed % 64);
        t.batch = mix64(seed + 1000) >> (seed % 61);
        memset(t.uuid, (int)(seed & 0xff), sizeof t.uuid);
        t.uuid[seed % 16] = 0x77;
        t.n_topics = (uint32_t)(mix64(seed + 2000) % (CONFIG_TOPICS_MAX + 1));
        for (uint32_t k = 0; k < t.n_topics; k++) {
            memset(t.topics[k].topic, 't', 2 + (size_t)(mix64(seed + k) % (CONFIG_NAME_MAX - 2)));
            t.topics[k].topic[0] = (char)('A' + k);
            t.topics[k].incarnation = (uint32_t)mix64(seed * 7 + k);
            t.topics[k].next = (int64_t)(mix64(seed * 9 + k) >> 1) - (k == 3);
        }
        t.learner = learner;
        t.learner_len = (size_t)(seed % sizeof learner);
        memset(learner, (int)seed, sizeof learner);
        struct pack p = {0};
        state_task_write(&p, &t);
        assert_int_equal(state_task_read(p.bytes, p.len, &back), ST_OK);
        assert_true(back.epoch == t.epoch && back.batch == t.batch && back.n_topics == t.n_topics);
        assert_memory_equal(back.uuid, t.uuid, sizeof t.uuid);
        assert_memory_equal(back.topics, t.topics, t.n_topics * sizeof t.topics[0]);
        assert_int_equal(back.learner_len, t.learner_len);
        assert_memory_equal(back.learner, learner, t.learner_len);
        for (size_t len = 0; len < p.len; len++) { /* no beginning of it is one */
            if (state_task_read(p.bytes, len, &back) != ST_INVALID) {
                fail_msg("seed %u, %zu of %zu bytes were a task", (unsigned)seed, len, p.len);
            }
        }
        pack_u8(&p, 0);
        assert_int_equal(state_task_read(p.bytes, p.len, &back), ST_INVALID);
        free(p.bytes);
    }
}

/* epoch, batch, uuid, then so many topics of which each is given. */
static void begin_task(struct pack *p, uint64_t n) {
    p->len = 0;
    pack_uint(p, 1);
    pack_uint(p, 1);
    pack_raw(p, "0123456789abcdef", 16);
    pack_uint(p, n);
}

static void add_topic(struct pack *p, const char *name, size_t len, uint64_t incarnation,
                      int64_t next) {
    pack_text(p, name, len);
    pack_uint(p, incarnation);
    pack_int(p, next);
}

static enum status read_it(struct pack *p) {
    struct state_task t = {.epoch = 99, .n_topics = 7};
    pack_text(p, "", 0);
    enum status st = state_task_read(p->bytes, p->len, &t);
    assert_true(st == ST_OK || (t.epoch == 99 && t.n_topics == 7)); /* untouched */
    return st;
}

static void what_no_task_has_is_refused(void **state) {
    (void)state;
    struct pack p = {0};
    char name[CONFIG_NAME_MAX + 1];
    memset(name, 'a', sizeof name);

    begin_task(&p, 1);
    add_topic(&p, name, CONFIG_NAME_MAX - 1, UINT32_MAX, INT64_MAX);
    assert_int_equal(read_it(&p), ST_OK);
    begin_task(&p, 1);
    add_topic(&p, name, CONFIG_NAME_MAX, 0, 0);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, 1);
    add_topic(&p, "", 0, 0, 0);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, 1);
    add_topic(&p, "a\0b", 3, 0, 0);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, 1);
    add_topic(&p, "a", 1, UINT64_C(1) << 32, 0);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, 1);
    add_topic(&p, "a", 1, 0, -2);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, 2);
    add_topic(&p, "a", 1, 0, 0);
    add_topic(&p, "a", 1, 0, 1);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, UINT64_MAX);
    add_topic(&p, "a", 1, 0, 0);
    assert_int_equal(read_it(&p), ST_INVALID);
    begin_task(&p, CONFIG_TOPICS_MAX + 1);
    for (int k = 0; k <= CONFIG_TOPICS_MAX; k++) {
        name[0] = (char)('!' + k);
        add_topic(&p, name, 3, 0, 0);
    }
    assert_int_equal(read_it(&p), ST_RANGE);
    free(p.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_is_castagnolis_as_published),
        cmocka_unit_test(with_and_without_sse_it_is_the_same_in_pieces_of_any_length_and_place),
        cmocka_unit_test(records_of_format_1_are_opened),
        cmocka_unit_test(what_is_sealed_are_these_bytes_behind_what_was_packed_before),
        cmocka_unit_test(every_flipped_bit_and_every_other_length_is_noticed_and_outputs_stay),
        cmocka_unit_test(a_whole_record_of_a_later_format_or_kind_is_told_from_a_damaged_one),
        cmocka_unit_test(format_0_and_kind_0_are_never_right),
        cmocka_unit_test(without_memory_the_pack_says_so),
        cmocka_unit_test(a_users_key_is_his_hash_big_endian_so_that_keys_sort_as_hashes_do),
        cmocka_unit_test(keys_are_parsed_and_all_others_are_refused),
        cmocka_unit_test(a_task_of_format_1_is_read),
        cmocka_unit_test(any_task_comes_back_as_it_was),
        cmocka_unit_test(what_no_task_has_is_refused),
    };
    return cmocka_run_group_tests_name("state_record", tests, NULL, NULL);
}
