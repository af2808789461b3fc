/* SPDX-License-Identifier: Apache-2.0
 *
 * test_identity.c -- the contract of identity.h.
 *
 * The independent truth is a list of links that is searched from its start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "failing_alloc.h"
#include "identity.h"
#include "mix.h"

enum { COURSE, FOOD, LONG, N_DOMAINS };

#define LONG_NAME "a-domain-with-a-name-of-forty-two-letters!"

static const char *const DOMAINS[N_DOMAINS] = {"course", "food", LONG_NAME};

static struct identity *new_identity(void) {
    struct identity *t = NULL;
    assert_int_equal(identity_new(DOMAINS, N_DOMAINS, &t), ST_OK);
    return t;
}

static void link_text(struct identity *t, uint8_t domain, const char *id, const char *user) {
    assert_int_equal(identity_link(t, domain, id, strlen(id), user, strlen(user)), ST_OK);
}

static void assert_user(const struct identity *t, uint8_t domain, const char *id, const char *user,
                        enum status expected) {
    char buf[ID_LEN_MAX];
    const char *found = NULL;
    size_t len = 0;
    assert_int_equal(identity_user(t, domain, id, strlen(id), buf, &found, &len), expected);
    assert_int_equal(len, strlen(user));
    assert_memory_equal(found, user, len);
}

static void assert_at(const struct identity *t, const char *user, uint8_t domain, const char *id) {
    size_t len = 0;
    const char *found = identity_at(t, user, strlen(user), domain, &len);
    if (!id) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(len, strlen(id));
    assert_memory_equal(found, id, len);
}

static void links_are_read_both_ways(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, COURSE, "c1", "ann");
    link_text(t, FOOD, "f1", "ann");
    link_text(t, FOOD, "c1", "bob"); /* the same id at another partner */
    assert_user(t, COURSE, "c1", "ann", ST_OK);
    assert_user(t, FOOD, "f1", "ann", ST_OK);
    assert_user(t, FOOD, "c1", "bob", ST_OK);
    assert_at(t, "ann", COURSE, "c1");
    assert_at(t, "ann", FOOD, "f1");
    assert_at(t, "bob", FOOD, "c1");
    assert_at(t, "bob", COURSE, NULL);
    assert_at(t, "ann", LONG, NULL);
    assert_int_equal(identity_n(t), 3);
    identity_free(t);
    identity_free(NULL);
}

static void several_ids_may_lead_to_one_user_who_has_the_one_linked_last(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, FOOD, "f1", "ann");
    link_text(t, FOOD, "f2", "ann"); /* her accounts were merged */
    assert_user(t, FOOD, "f1", "ann", ST_OK);
    assert_user(t, FOOD, "f2", "ann", ST_OK);
    assert_at(t, "ann", FOOD, "f2");
    link_text(t, COURSE, "c1", "ann"); /* another partner's */
    assert_at(t, "ann", FOOD, "f2");
    link_text(t, FOOD, "f1", "ann"); /* said again: the last now */
    assert_at(t, "ann", FOOD, "f1");
    assert_int_equal(identity_n(t), 3);
    identity_free(t);
}

static void an_id_that_is_given_to_another_is_his(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, FOOD, "f1", "ann");
    link_text(t, FOOD, "f1", "bob");
    assert_at(t, "ann", FOOD, NULL);
    assert_at(t, "bob", FOOD, "f1");
    assert_user(t, FOOD, "f1", "bob", ST_OK);
    link_text(t, FOOD, "f2", "cat");
    link_text(t, FOOD, "f1", "cat");
    assert_at(t, "bob", FOOD, NULL);
    assert_at(t, "cat", FOOD, "f1");
    assert_user(t, FOOD, "f2", "cat", ST_OK);
    assert_int_equal(identity_n(t), 2);
    identity_free(t);
}

static void without_the_last_id_a_user_has_the_last_of_those_left(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, FOOD, "f1", "ann");
    link_text(t, FOOD, "f2", "ann");
    link_text(t, FOOD, "f3", "ann");
    link_text(t, FOOD, "f4", "ann");
    link_text(t, FOOD, "f4", ""); /* the first of the list */
    assert_at(t, "ann", FOOD, "f3");
    link_text(t, FOOD, "f2", "bob"); /* one in the middle */
    assert_at(t, "ann", FOOD, "f3");
    assert_at(t, "bob", FOOD, "f2");
    link_text(t, FOOD, "f3", "bob");
    assert_at(t, "ann", FOOD, "f1");
    assert_at(t, "bob", FOOD, "f3");
    link_text(t, FOOD, "f1", ""); /* the only one */
    assert_at(t, "ann", FOOD, NULL);
    link_text(t, FOOD, "f2", ""); /* the end of a list */
    assert_at(t, "bob", FOOD, "f3");
    link_text(t, FOOD, "f3", "");
    assert_at(t, "bob", FOOD, NULL);
    assert_int_equal(identity_n(t), 0);
    identity_free(t);
}

static void a_link_is_taken_away_by_an_empty_user(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, FOOD, "f1", "ann");
    link_text(t, COURSE, "f1", "ann");
    link_text(t, FOOD, "f1", "");
    link_text(t, FOOD, "f9", ""); /* there was none */
    assert_user(t, FOOD, "f1", "food/f1", ST_NOT_FOUND);
    assert_at(t, "ann", FOOD, NULL);
    assert_at(t, "ann", COURSE, "f1");
    assert_int_equal(identity_n(t), 1);
    link_text(t, FOOD, "f1", "bob");
    assert_user(t, FOOD, "f1", "bob", ST_OK);
    identity_free(t);
}

static void
whom_no_row_links_is_called_domain_slash_id_and_read_back_without_the_table(void **state) {
    (void)state;
    struct identity *t = new_identity();
    assert_user(t, FOOD, "a/b", "food/a/b", ST_NOT_FOUND);
    assert_at(t, "food/a/b", FOOD, "a/b");
    assert_at(t, "food/a/b", COURSE, NULL);
    assert_at(t, "food/", FOOD, NULL);
    assert_at(t, "food", FOOD, NULL);
    assert_at(t, "foo", FOOD, NULL);
    assert_at(t, "foodstuff/1", FOOD, NULL);
    link_text(t, COURSE, "c1", "food/a/b"); /* rows may use such a name */
    assert_at(t, "food/a/b", COURSE, "c1");
    assert_at(t, "food/a/b", FOOD, "a/b");
    link_text(t, FOOD, "a/b", "ann"); /* from now on hers: food/a/b must not write to her keys */
    assert_at(t, "food/a/b", FOOD, NULL);
    assert_user(t, FOOD, "a/b", "ann", ST_OK);
    link_text(t, FOOD, "a/b", "");
    assert_at(t, "food/a/b", FOOD, "a/b");
    identity_free(t);
}

static void a_name_that_would_be_too_long_is_out_of_range(void **state) {
    (void)state;
    struct identity *t = new_identity();
    char id[ID_LEN_MAX + 1];
    char buf[ID_LEN_MAX + 8];
    const char *user = "untouched";
    size_t len = 77;
    memset(id, 'x', sizeof id);
    memset(buf, '!', sizeof buf);
    assert_int_equal(identity_user(t, FOOD, id, ID_LEN_MAX - 4, buf, &user, &len), ST_RANGE);
    assert_int_equal(identity_user(t, FOOD, id, ID_LEN_MAX + 1, buf, &user, &len), ST_RANGE);
    assert_int_equal(identity_user(t, FOOD, id, 0, buf, &user, &len), ST_RANGE);
    assert_int_equal(identity_user(t, N_DOMAINS, id, 1, buf, &user, &len), ST_RANGE);
    assert_string_equal(user, "untouched");
    assert_int_equal(len, 77);
    assert_int_equal(identity_user(t, FOOD, id, ID_LEN_MAX - 5, buf, &user, &len), ST_NOT_FOUND);
    assert_int_equal(len, ID_LEN_MAX);
    assert_int_equal(buf[ID_LEN_MAX], '!');
    assert_int_equal(identity_link(t, FOOD, id, ID_LEN_MAX, id, ID_LEN_MAX), ST_OK);
    assert_int_equal(identity_user(t, FOOD, id, ID_LEN_MAX, buf, &user, &len), ST_OK);
    assert_int_equal(len, ID_LEN_MAX);
    assert_memory_equal(user, id, len);
    identity_free(t);
}

static void wrong_lengths_and_domains_are_refused_and_change_nothing(void **state) {
    (void)state;
    struct identity *t = new_identity();
    char id[ID_LEN_MAX + 1];
    memset(id, 'x', sizeof id);
    assert_int_equal(identity_link(t, FOOD, id, 0, "ann", 3), ST_INVALID);
    assert_int_equal(identity_link(t, FOOD, id, ID_LEN_MAX + 1, "ann", 3), ST_INVALID);
    assert_int_equal(identity_link(t, FOOD, "f1", 2, id, ID_LEN_MAX + 1), ST_INVALID);
    assert_int_equal(identity_link(t, N_DOMAINS, "f1", 2, "ann", 3), ST_INVALID);
    assert_int_equal(identity_n(t), 0);
    assert_null(identity_at(t, id, ID_LEN_MAX + 1, FOOD, &(size_t){0}));
    assert_null(identity_at(t, id, 0, FOOD, &(size_t){0}));
    assert_null(identity_at(t, id, 1, N_DOMAINS, &(size_t){0}));
    identity_free(t);
    struct identity *none = NULL;
    assert_int_equal(identity_new(DOMAINS, DOMAINS_MAX + 1, &none), ST_INVALID);
    assert_null(none);
}

static void bytes_of_any_kind_are_ids(void **state) {
    (void)state;
    struct identity *t = new_identity();
    char buf[ID_LEN_MAX];
    const char *user = NULL;
    size_t len = 0;
    assert_int_equal(identity_link(t, FOOD, "a\0b", 3, "u\0v", 3), ST_OK);
    assert_int_equal(identity_user(t, FOOD, "a\0b", 3, buf, &user, &len), ST_OK);
    assert_memory_equal(user, "u\0v", 3);
    assert_int_equal(identity_user(t, FOOD, "a\0c", 3, buf, &user, &len), ST_NOT_FOUND);
    assert_memory_equal(user, "food/a\0c", len);
    assert_int_equal(identity_user(t, FOOD, "a", 1, buf, &user, &len), ST_NOT_FOUND);
    identity_free(t);
}

/* The tables compare 32 bits of the hash first: these pairs have them in common. */
static void ids_of_equal_tags_are_kept_apart(void **state) {
    (void)state;
    struct identity *t = new_identity();
    link_text(t, FOOD, "3304120066", "ann");
    link_text(t, FOOD, "20692", "bob");
    assert_user(t, FOOD, "330412006", "food/330412006", ST_NOT_FOUND);
    assert_user(t, FOOD, "78111", "food/78111", ST_NOT_FOUND);
    link_text(t, FOOD, "330412006", "cat");
    link_text(t, FOOD, "78111", "dan");
    assert_user(t, FOOD, "3304120066", "ann", ST_OK);
    assert_user(t, FOOD, "330412006", "cat", ST_OK);
    assert_user(t, FOOD, "20692", "bob", ST_OK);
    assert_user(t, FOOD, "78111", "dan", ST_OK);
    assert_int_equal(identity_n(t), 4);
    link_text(t, COURSE, "1341098800", "ann"); /* in common with itself at the other partner */
    assert_user(t, FOOD, "1341098800", "food/1341098800", ST_NOT_FOUND);
    identity_free(t);
}

/* What is borrowed may be handed in again, though the arena moves under it. */
static void a_borrowed_id_may_be_linked(void **state) {
    (void)state;
    struct identity *t = new_identity();
    char name[32];
    link_text(t, COURSE, "a-rather-long-id-at-this-partner", "user-0");
    for (int i = 1; i < 3000; i++) {
        size_t len = 0;
        char before[32];
        snprintf(before, sizeof before, "user-%d", i - 1);
        snprintf(name, sizeof name, "user-%d", i);
        const char *id = identity_at(t, before, strlen(before), COURSE, &len);
        assert_non_null(id);
        assert_int_equal(identity_link(t, FOOD, id, len, name, strlen(name)), ST_OK);
        assert_at(t, name, FOOD, "a-rather-long-id-at-this-partner");
        id = identity_at(t, before, strlen(before), COURSE, &len);
        assert_int_equal(identity_link(t, COURSE, id, len, name, strlen(name)), ST_OK);
    }
    assert_at(t, name, COURSE, "a-rather-long-id-at-this-partner");
    assert_int_equal(identity_n(t), 2);
    identity_free(t);
}

static void linking_the_same_again_and_again_needs_no_more_memory(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip(); /* mallinfo2() knows nothing of the sanitizer's heap */
    }
    struct identity *t = new_identity();
    char id[64];
    char user[64];
    size_t room = 0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(id, sizeof id, "id-%d-of-a-partner", i);
            snprintf(user, sizeof user, "user-%d-%d", i, round);
            link_text(t, FOOD, id, user);
        }
        const size_t now = mallinfo2().uordblks + mallinfo2().hblkhd;
        room = round == 3 ? now : room;
        if (round > 3) {
            assert_true(now <= room);
        }
    }
    assert_int_equal(identity_n(t), 1000);
    assert_user(t, FOOD, "id-7-of-a-partner", "user-7-299", ST_OK);
    identity_free(t);
}

/* `guest`, or somebody whose app makes a new id at each start. A list that is searched would take
 * minutes here. */
static void a_hundred_thousand_ids_of_one_user_cost_no_more_than_those_of_many(void **state) {
    (void)state;
    enum { IDS = 100000 };
    struct identity *t = new_identity();
    char id[32];
    for (int i = 0; i < IDS; i++) {
        snprintf(id, sizeof id, "%d", i);
        link_text(t, FOOD, id, "guest");
    }
    for (int i = 0; i < IDS; i += 2) { /* said again: even ones are the last */
        snprintf(id, sizeof id, "%d", i);
        link_text(t, FOOD, id, "guest");
    }
    assert_int_equal(identity_n(t), IDS);
    for (int i = IDS - 1; i > 0; i -= 2) {
        snprintf(id, sizeof id, "%d", i);
        link_text(t, FOOD, id, i % 4 == 1 ? "" : "somebody");
        assert_at(t, "guest", FOOD, "99998");
    }
    for (int i = IDS - 2; i > 0; i -= 2) {
        snprintf(id, sizeof id, "%d", i);
        link_text(t, FOOD, id, "");
        snprintf(id, sizeof id, "%d", i - 2);
        assert_at(t, "guest", FOOD, id);
    }
    identity_free(t);
}

static void many_links_are_kept_apart(void **state) {
    (void)state;
    struct identity *t = new_identity();
    char id[32];
    char user[32];
    for (int i = 0; i < 50000; i++) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(user, sizeof user, "u%d", i / 2);
        link_text(t, (uint8_t)(i % 2), id, user);
    }
    assert_int_equal(identity_n(t), 50000);
    for (int i = 0; i < 50000; i++) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(user, sizeof user, "u%d", i / 2);
        assert_user(t, (uint8_t)(i % 2), id, user, ST_OK);
        assert_at(t, user, (uint8_t)(i % 2), id);
    }
    identity_free(t);
}

/* ---- the naive one ----------------------------------------------------------------------- */

enum { LINKS = 4096, TEXT = 24 };

struct pair {
    uint8_t domain;
    char id[TEXT], user[TEXT];
};

struct naive {
    struct pair pairs[LINKS];
    size_t n;
};

static void naive_link(struct naive *v, const struct pair *p) {
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        const struct pair *q = &v->pairs[i];
        if (q->domain != p->domain || strcmp(q->id, p->id) != 0) {
            v->pairs[n++] = *q;
        }
    }
    if (p->user[0]) {
        v->pairs[n++] = *p;
    }
    v->n = n;
}

static void assert_as_naive(const struct identity *t, const struct naive *v, const struct pair *p) {
    const char *user = NULL;
    const char *id = NULL;
    for (size_t i = 0; i < v->n; i++) {
        const struct pair *q = &v->pairs[i];
        if (q->domain == p->domain) {
            user = strcmp(q->id, p->id) == 0 ? q->user : user;
            id = strcmp(q->user, p->user) == 0 ? q->id : id;
        }
    }
    char own[TEXT + 64];
    snprintf(own, sizeof own, "%s/%s", DOMAINS[p->domain], p->id);
    assert_user(t, p->domain, p->id, user ? user : own, user ? ST_OK : ST_NOT_FOUND);
    assert_at(t, own, p->domain, user ? NULL : p->id);
    if (p->user[0]) {
        assert_at(t, p->user, p->domain, id);
    }
}

static struct pair random_pair(uint64_t *state, unsigned names) {
    *state = mix64(*state);
    const uint64_t r = *state;
    struct pair p = {.domain = (uint8_t)(r % N_DOMAINS)};
    const unsigned k = (unsigned)(r >> 8) % names; /* the length depends on the name */
    snprintf(p.id, sizeof p.id, "%.*s%u", (int)(k % 13), "abcdefghijklmno", k);
    if (r >> 60 > 2) {
        const unsigned u = (unsigned)(r >> 24) % names;
        snprintf(p.user, sizeof p.user, "%.*s%u", (int)(u % 11), "zyxwvutsrqp", u);
    }
    return p;
}

static void random_links_read_as_in_a_naive_list(void **state) {
    (void)state;
    static struct naive v;
    const uint64_t seed = (uint64_t)time(NULL);
    uint64_t r = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int run = 0; run < 12; run++) {
        struct identity *t = new_identity();
        const unsigned names = 3U << run % 7;
        v.n = 0;
        for (int i = 0; i < 4000; i++) {
            const struct pair p = random_pair(&r, names);
            const struct pair other = random_pair(&r, names);
            link_text(t, p.domain, p.id, p.user);
            naive_link(&v, &p);
            assert_int_equal(identity_n(t), v.n);
            assert_as_naive(t, &v, &p);
            assert_as_naive(t, &v, &other);
        }
        for (size_t i = 0; i < v.n; i++) {
            assert_as_naive(t, &v, &v.pairs[i]);
        }
        identity_free(t);
    }
}

/* A compacted topic has the newest row of each key, in the order of these. */
static void whoever_reads_the_compacted_topic_knows_the_same(void **state) {
    (void)state;
    static struct pair rows[4000];
    enum { ROWS = sizeof rows / sizeof rows[0] };
    const uint64_t seed = (uint64_t)time(NULL);
    uint64_t r = seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int run = 0; run < 6; run++) {
        struct identity *all = new_identity();
        struct identity *compacted = new_identity();
        static struct naive newest; /* rows here, not links: an empty user is one too */
        newest.n = 0;
        for (int i = 0; i < ROWS; i++) {
            rows[i] = random_pair(&r, 3U << 2 * run % 9);
            link_text(all, rows[i].domain, rows[i].id, rows[i].user);
        }
        for (int i = 0; i < ROWS; i++) {
            bool last = true;
            for (int k = i + 1; last && k < ROWS; k++) {
                last = rows[k].domain != rows[i].domain || strcmp(rows[k].id, rows[i].id) != 0;
            }
            if (last) {
                link_text(compacted, rows[i].domain, rows[i].id, rows[i].user);
                naive_link(&newest, &rows[i]);
            }
        }
        assert_int_equal(identity_n(all), identity_n(compacted));
        for (int i = 0; i < ROWS; i++) {
            assert_as_naive(all, &newest, &rows[i]);
            assert_as_naive(compacted, &newest, &rows[i]);
        }
        identity_free(all);
        identity_free(compacted);
    }
}

static void without_memory_nothing_changes(void **state) {
    (void)state;
    if (!CAN_FAIL) {
        skip();
    }
    struct identity *t = NULL;
    for (int n = 0; n < 4; n++) {
        fail_after(n);
        const enum status st = identity_new(DOMAINS, N_DOMAINS, &t);
        fail_after(-1);
        assert_int_equal(st, ST_NOMEM);
        assert_null(t);
    }
    t = new_identity();
    static struct naive v;
    v.n = 0;
    int refused = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct pair p = {.domain = FOOD};
        snprintf(p.id, sizeof p.id, "%u", i);
        snprintf(p.user, sizeof p.user, "user-%u", i % 2000);
        for (int allowed = 0;; allowed++) {
            fail_after(allowed);
            const enum status st =
                identity_link(t, p.domain, p.id, strlen(p.id), p.user, strlen(p.user));
            fail_after(-1);
            if (!st) {
                break;
            }
            assert_int_equal(st, ST_NOMEM);
            assert_int_equal(identity_n(t), v.n);
            assert_as_naive(t, &v, &p);
            refused++;
        }
        naive_link(&v, &p);
        assert_as_naive(t, &v, &p);
    }
    assert_true(refused > 10);
    for (size_t i = 0; i < v.n; i++) {
        assert_as_naive(t, &v, &v.pairs[i]);
    }
    identity_free(t);
}

static void every_id_of_a_user_is_told_the_last_one_first(void **state) {
    (void)state;
    static const char *const ids[] = {"f3", "f1", "f2"};
    struct identity *t = new_identity();
    size_t len = 0;
    link_text(t, FOOD, "f2", "ann");
    link_text(t, FOOD, "f9", "bob");
    link_text(t, FOOD, "f1", "ann");
    link_text(t, FOOD, "f3", "ann");
    link_text(t, COURSE, "c1", "ann");
    for (uint32_t k = 0; k < 3; k++) {
        const char *id = identity_linked(t, "ann", 3, FOOD, k, &len);
        assert_non_null(id);
        assert_int_equal(len, 2);
        assert_memory_equal(id, ids[k], 2);
    }
    assert_null(identity_linked(t, "ann", 3, FOOD, 3, &len));
    assert_null(identity_linked(t, "eve", 3, FOOD, 0, &len));
    assert_null(identity_linked(t, "ann", 3, N_DOMAINS, 0, &len));
    assert_null(identity_linked(t, "ann", 0, FOOD, 0, &len));
    identity_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_of_a_user_is_told_the_last_one_first),
        cmocka_unit_test(links_are_read_both_ways),
        cmocka_unit_test(several_ids_may_lead_to_one_user_who_has_the_one_linked_last),
        cmocka_unit_test(an_id_that_is_given_to_another_is_his),
        cmocka_unit_test(without_the_last_id_a_user_has_the_last_of_those_left),
        cmocka_unit_test(a_link_is_taken_away_by_an_empty_user),
        cmocka_unit_test(
            whom_no_row_links_is_called_domain_slash_id_and_read_back_without_the_table),
        cmocka_unit_test(a_name_that_would_be_too_long_is_out_of_range),
        cmocka_unit_test(wrong_lengths_and_domains_are_refused_and_change_nothing),
        cmocka_unit_test(bytes_of_any_kind_are_ids),
        cmocka_unit_test(ids_of_equal_tags_are_kept_apart),
        cmocka_unit_test(a_borrowed_id_may_be_linked),
        cmocka_unit_test(linking_the_same_again_and_again_needs_no_more_memory),
        cmocka_unit_test(a_hundred_thousand_ids_of_one_user_cost_no_more_than_those_of_many),
        cmocka_unit_test(many_links_are_kept_apart),
        cmocka_unit_test(random_links_read_as_in_a_naive_list),
        cmocka_unit_test(whoever_reads_the_compacted_topic_knows_the_same),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
