/* SPDX-License-Identifier: Apache-2.0
 *
 * test_instance_partners.c -- what each partner has of its own in a fake Redis: names of users, and
 * the length of lists. Erased users under pseudonyms: test_instance_durable.c and the integration
 * tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pseudonym.h"
#include "running.h"

enum { EVENTS = 40 };

struct fixture {
    struct running *r;
    char file[64];
};

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.r = running_new(1), .file = "/tmp/crossrec-partners-XXXXXX"};
    const int fd = mkstemp(f.file);
    assert_true(fd >= 0 && write(fd, "a key of sixteen bytes", 22) == 22);
    close(fd);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    running_free(f->r);
    unlink(f->file);
    return 0;
}

static void use_key(struct fixture *f, int target) {
    struct config *c = &f->r->cfg;
    struct config_pair *k = &c->keys[c->n_keys++];
    snprintf(k->key, sizeof k->key, "%s", c->domains[target].name);
    snprintf(k->value, sizeof k->value, "%s", f->file);
}

static void start(struct fixture *f) {
    running_fill(f->r, 1, EVENTS);
    running_start(f->r);
    assert_true(fake_assign(&f->r->kafka, 1, 1));
    AWAIT(running_published(f->r, 1));
}

static void a_partner_with_a_key_finds_users_under_pseudonyms_only(void **state) {
    struct fixture *f = *state;
    struct pseudonyms *p = NULL;
    char err[CONFIG_ERROR_MAX];
    use_key(f, FOOD);
    start(f);
    assert_int_equal(pseudonyms_open(&f->r->cfg, &p, err), ST_OK);
    for (int user = 0; user < 8; user++) {
        char id[16];
        char key[FAKE_KEY_MAX];
        size_t len = (size_t)snprintf(id, sizeof id, "u0-%d", user);
        const char *name = pseudonym_of(p, FOOD, id, &len);
        snprintf(key, sizeof key, "crossrec:food:rec:%.*s", (int)len, name);
        assert_true(fake_get(&f->r->store, key).writes > 0);
        assert_int_equal(running_list(f->r, FOOD, 0, user).writes, 0);
        assert_true(running_list(f->r, COURSE, 0, user).writes > 0); /* no key: as he is */
    }
    pseudonyms_free(p);
    assert_int_equal(running_stop(f->r), ST_OK);
    for (int k = 0; k < f->r->store.n_keys;
         k++) { /* neither in keys nor in values of that partner */
        const struct fake_key *key = &f->r->store.keys[k];
        const bool food = strncmp(key->name, "crossrec:food:", 14) == 0;
        assert_true(!food || (!strstr(key->name, "u0-") && !strstr(key->value, "\"u0-")));
    }
}

static int items_in(const struct fake_key *k) {
    int n = 0;
    for (const char *at = k->value; (at = strstr(at, "{\"id\":")); at++) {
        n++;
    }
    return n;
}

static void each_target_has_lists_of_its_own_length(void **state) {
    struct fixture *f = *state;
    f->r->cfg.domains[COURSE].repeats = f->r->cfg.domains[FOOD].repeats = true;
    f->r->cfg.list_n = 2;
    f->r->cfg.domains[FOOD].n = 3;
    start(f);
    const struct fake_key course = running_list(f->r, COURSE, 0, 1);
    const struct fake_key food = running_list(f->r, FOOD, 0, 1);
    const struct fake_key info = fake_get(&f->r->store, "crossrec:food:info");
    assert_int_equal(items_in(&course), 2);
    assert_int_equal(items_in(&food), 3);
    assert_non_null(strstr(info.value, "\"n\":3"));
}

static void a_key_that_cannot_be_read_stops_the_start(void **state) {
    struct fixture *f = *state;
    struct instance *in = NULL;
    char err[CONFIG_ERROR_MAX] = "";
    use_key(f, FOOD);
    snprintf(f->r->cfg.keys[0].value, sizeof f->r->cfg.keys[0].value, "/nowhere/key");
    assert_int_equal(instance_new(&f->r->cfg, NULL, &in, err), ST_IO);
    assert_non_null(strstr(err, "/nowhere/key"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_partner_with_a_key_finds_users_under_pseudonyms_only),
        TEST(each_target_has_lists_of_its_own_length),
        TEST(a_key_that_cannot_be_read_stops_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
