/* SPDX-License-Identifier: Apache-2.0
 *
 * test_quality.c -- the recommendations are as good as they were: `crossrec eval` over small worlds
 * of known truth (world.h), and over the Complete Journey's sample where it is at hand
 * ($CROSSREC_SHARED/data, else ../shared/data). Bounds lie a little below what docs/models.md
 * reports; seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "world.h"

enum { ROOM = 1 << 20, WORDS = 512 };

#define SAMPLE "data/completejourney.tsv.xz"

static char dir[] = "/tmp/crossrec-quality-XXXXXX";

static void write_world(const char *name, double rho) {
    static const char *const domains[] = {"course", "food"};
    const struct world_params params = {.users = 3000,
                                        .items = 300,
                                        .rho = rho,
                                        .days = 180.0,
                                        .start_ms = INT64_C(1767571200000),
                                        .seed = 11};
    struct world *world = NULL;
    struct world_event e;
    char path[96];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(world_new(&params, &world), ST_OK);
    while (world_next(world, &e)) {
        fprintf(f, "%lld\t%s\tu%u\t%s\n", (long long)e.ts_ms, domains[e.domain], e.user,
                world_item_id(world, e.domain, e.item[0]));
    }
    assert_int_equal(fclose(f), 0);
    world_free(world);
}

/* The JSON of a run with these words in the folder. */
static struct json *evaluate(const char *words) {
    static char text[ROOM];
    char command[WORDS];
    char why[256];
    struct json *root = NULL;
    snprintf(command, sizeof command, "cd %s && " CROSSREC " eval --json - %s 2>err", dir, words);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    assert_int_equal(pclose(f), 0);
    if (json_parse(text, strlen(text), &root, why, sizeof why)) {
        fail_msg("%s: %s", words, why);
    }
    return root;
}

static double recall(const struct json *root, const char *slice, const char *model) {
    const struct json *v = json_get(root, "all");
    double x = (double)NAN;
    if (slice) {
        v = json_get(json_get(v, "slices"), slice);
    }
    if (!json_number(json_get(json_get(json_get(v, "models"), model), "recall@10"), &x)) {
        fail_msg("no recall of %s, %s", slice ? slice : "all", model);
    }
    return x;
}

static void at_least(const char *what, double x, double least) {
    print_message("%s: %.4f, at least %.4f\n", what, x, least);
    if (!(x >= least)) {
        fail_msg("%s: %.4f is below %.4f", what, x, least);
    }
}

/* ---- worlds ------------------------------------------------------------------------------- */

static void tastes_that_cross_are_found_in_the_other_domain(void **state) {
    (void)state;
    write_world("alike.tsv", 0.8);
    struct json *r = evaluate("--factors-every 0 alike.tsv");
    const double day = recall(r, "cold target", "popular-1d");
    at_least("warm", recall(r, "warm", "ranker"), recall(r, "warm", "popular-1d") + .07);
    at_least("warm", recall(r, "warm", "ranker"), recall(r, "warm", "linear") + .01);
    at_least("cold target", recall(r, "cold target", "ranker"), day + .03);
    at_least("cold target", recall(r, "cold target", "ranker"),
             recall(r, "cold target", "twin") + .02);
    json_free(r);
}

static void where_nothing_crosses_the_twin_is_as_good(void **state) {
    (void)state;
    write_world("apart.tsv", 0.0);
    struct json *r = evaluate("--factors-every 0 apart.tsv");
    at_least("cold target", recall(r, "cold target", "ranker"),
             recall(r, "cold target", "twin") - .008);
    at_least("cold target", recall(r, "cold target", "ranker"),
             recall(r, "cold target", "full") - .002);
    at_least("warm", recall(r, "warm", "ranker"), recall(r, "warm", "popular-1d") + .06);
    json_free(r);
}

/* Who is whom in the other domain is shuffled: what is left of transfer would be an artefact. */
static void with_the_links_permuted_nothing_crosses(void **state) {
    (void)state;
    write_world("alike.tsv", 0.8);
    struct json *r = evaluate("--factors-every 0 --permute-links 5 alike.tsv");
    const double served = recall(r, "cold target", "ranker");
    const double twin = recall(r, "cold target", "twin");
    print_message("cold target: served %.4f, twin %.4f\n", served, twin);
    assert_true(fabs(served - twin) < .01);
    json_free(r);
}

static void four_tasks_lose_little(void **state) {
    (void)state;
    write_world("alike.tsv", 0.8);
    struct json *one = evaluate("--factors-every 0 alike.tsv");
    struct json *four = evaluate("--factors-every 0 --tasks 4 alike.tsv");
    at_least("four tasks", recall(four, NULL, "ranker"), recall(one, NULL, "ranker") - .01);
    json_free(one);
    json_free(four);
}

/* ---- a real stream --------------------------------------------------------------------------- */

static void the_complete_journeys_sample(void **state) {
    (void)state;
    char path[WORDS];
    char command[2 * WORDS];
    const char *shared = getenv("CROSSREC_SHARED");
    snprintf(path, sizeof path, "%s/" SAMPLE, shared ? shared : SOURCE_DIR "/../shared");
    if (access(path, R_OK) != 0) {
        print_message("no %s\n", path);
        skip();
    }
    snprintf(command, sizeof command, "xz -dc '%s' >%s/sample.tsv", path, dir);
    assert_int_equal(system(command), 0);
    struct json *r = evaluate("--factors-every 0 sample.tsv");
    at_least("no repeats", recall(r, NULL, "ranker"), .040);
    at_least("no repeats", recall(r, NULL, "ranker"), recall(r, NULL, "popular-7d") + .001);
    json_free(r);
    r = evaluate("--factors-every 0 --repeats sample.tsv");
    at_least("repeats", recall(r, NULL, "ranker"), .0635);
    at_least("repeat orders", recall(r, "repeat orders", "ranker"), .53);
    json_free(r);
}

/* ---- set-up --------------------------------------------------------------------------------- */

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    char command[WORDS];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tastes_that_cross_are_found_in_the_other_domain),
        cmocka_unit_test(where_nothing_crosses_the_twin_is_as_good),
        cmocka_unit_test(with_the_links_permuted_nothing_crosses),
        cmocka_unit_test(four_tasks_lose_little),
        cmocka_unit_test(the_complete_journeys_sample),
    };
    return cmocka_run_group_tests_name("quality", tests, make_dir, remove_dir);
}
