/* SPDX-License-Identifier: Apache-2.0
 *
 * test_eval.c -- `crossrec eval` as a user runs it: a synthetic world in a file, every flag, what
 * it prints and where, and its exit status. It needs no server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "world.h"

enum { ROOM = 1 << 19, PATH_ROOM = 96, DEADLINE_S = 60 };

static char dir[] = "/tmp/crossrec-eval-XXXXXX";
static char out[ROOM], err[ROOM];

/* ---- files ------------------------------------------------------------------------------- */

static const char *path_of(const char *name) {
    static char paths[4][PATH_ROOM];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_ROOM, "%s/%s", dir, name);
    return path;
}

static void read_file(const char *name, char *text) {
    FILE *f = fopen(path_of(name), "r");
    assert_non_null(f);
    text[fread(text, 1, ROOM - 1, f)] = '\0';
    (void)fclose(f);
}

static void write_world(const char *name, uint32_t users) {
    static const char *const domains[] = {"course", "food"};
    const struct world_params params = {.users = users,
                                        .items = 100,
                                        .rho = 0.8,
                                        .days = 90.0,
                                        .start_ms = INT64_C(1767571200000),
                                        .seed = 3};
    struct world *world = NULL;
    struct world_event e;
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    assert_int_equal(world_new(&params, &world), ST_OK);
    while (world_next(world, &e)) {
        fprintf(f, "%lld\t%s\tu%u\t%s\n", (long long)e.ts_ms, domains[e.domain], e.user,
                world_item_id(world, e.domain, e.item[0]));
    }
    assert_int_equal(fclose(f), 0);
    if (strcmp(name, "world.tsv") == 0) {
        f = fopen(path_of("items.tsv"), "w");
        assert_non_null(f);
        fprintf(f, "#domain\titem\tname\tcategory\n");
        for (uint8_t d = 0; d < 2; d++) {
            for (uint32_t i = 0; i < params.items; i++) {
                fprintf(f, "%s\t%s\t%s\t%s\n", domains[d], world_item_id(world, d, i),
                        world_item_name(world, d, i), world_item_category(world, d, i));
            }
        }
        assert_int_equal(fclose(f), 0);
    }
    world_free(world);
}

/* Runs crossrec eval with these words in the folder; its output goes to `out` and `err`. */
static int eval(const char *words) {
    char command[1024];
    snprintf(command, sizeof command, "cd %s && " CROSSREC " eval %s >out 2>err", dir, words);
    const int status = system(command);
    read_file("out", out);
    read_file("err", err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_fine(const char *words) {
    if (eval(words) != 0) {
        fail_msg("eval %s:\n%s%s", words, out, err);
    }
}

static void assert_says(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("`%s` is not in:\n%s", part, text);
    }
}

/* ---- JSON -------------------------------------------------------------------------------- */

static struct json *parsed(const char *text) {
    char why[256];
    struct json *root = NULL;
    if (json_parse(text, strlen(text), &root, why, sizeof why)) {
        fail_msg("%s in:\n%s", why, text);
    }
    return root;
}

/* The number at a path like "all/models/ranker/n"; fails where there is none. */
static double number_at(const struct json *v, const char *path) {
    char key[64];
    double x = (double)NAN;
    for (const char *p = path; *p; p += strcspn(p, "/") + (p[strcspn(p, "/")] == '/')) {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(p, "/"), p);
        v = json_get(v, key);
    }
    if (!json_number(v, &x)) {
        fail_msg("no number at %s", path);
    }
    return x;
}

/* A figure of a run that writes JSON to standard output. */
static double figure(const char *words, const char *path) {
    char line[512];
    snprintf(line, sizeof line, "--json - %s", words);
    assert_fine(line);
    struct json *root = parsed(out);
    const double x = number_at(root, path);
    json_free(root);
    return x;
}

/* ---- the command --------------------------------------------------------------------------- */

static void a_table_json_and_csv_come_of_one_run(void **state) {
    (void)state;
    assert_fine("world.tsv --json a.json --csv a.csv --catalogue items.tsv");
    assert_says(out, "\nall domains ");
    assert_says(out, "\ncourse ");
    assert_says(out, "\nfood ");
    assert_says(out, "  cold target ");
    assert_says(out, "  popular-7d ");
    assert_says(out, " us to learn an event, ");
    assert_says(out, "200 rows of the catalogue");
    read_file("a.csv", err);
    assert_says(err, "line,ts,domain,model,n,recall@10\n");
    assert_says(err, ",*,ranker,5000,0.");
    assert_says(err, ",food,popular-7d,");
    read_file("a.json", out);
    struct json *root = parsed(out);
    const double n = number_at(root, "all/models/ranker/n");
    assert_true(n > 5000);
    assert_true(n == number_at(root, "stream/lines_tested"));
    assert_true(n == number_at(root, "domains/course/models/ranker/n") +
                         number_at(root, "domains/food/models/ranker/n"));
    assert_true(n == number_at(root, "all/slices/warm/models/ranker/n") +
                         number_at(root, "all/slices/cold target/models/ranker/n"));
    assert_true(number_at(root, "all/models/ranker/recall@10") >
                number_at(root, "all/models/popular/recall@10"));
    assert_true(number_at(root, "all/models/factors/n") < n / 10);
    assert_true(number_at(root, "all/items") == 200);
    json_free(root);
}

static void the_same_command_gives_the_same_figures(void **state) {
    (void)state;
    static const char *const words = "world.tsv --tasks 3 --orders --shuffle-orders 1";
    const double first = figure(words, "all/models/ranker/mrr");
    assert_true(first == figure(words, "all/models/ranker/mrr"));
    assert_true(first != figure("world.tsv --tasks 3 --set learn.seed=9", "all/models/ranker/mrr"));
}

static void what_goes_to_standard_output_stands_there_alone(void **state) {
    (void)state;
    assert_fine("world.tsv --to 3000 --json -");
    assert_int_equal(out[0], '{');
    json_free(parsed(out));
    assert_says(err, "recall@10");
    assert_fine("world.tsv --to 3000 --csv -");
    assert_int_equal(strncmp(out, "line,ts,", 8), 0);
    assert_null(strstr(out, "us to learn"));
}

static void from_to_and_domains_take_a_part(void **state) {
    (void)state;
    assert_true(figure("world.tsv --to 3000", "stream/lines") == 3000);
    const double all = figure("world.tsv --to 3000", "stream/lines_tested");
    const double part = figure("world.tsv --to 3000 --from 2000", "stream/lines_tested");
    const double rest = figure("world.tsv --to 2000", "stream/lines_tested");
    assert_true(part > 0 && part + rest == all);
    const double food = figure("world.tsv --domains food --to 3000", "stream/lines");
    assert_true(food > 0 &&
                food + figure("world.tsv --domains=food --to 3000", "stream/lines_left_out") ==
                    3000);
    assert_true(figure("world.tsv --to 2026-01-15", "stream/lines") <
                figure("world.tsv --to 2026-01-25", "stream/lines"));
}

static void without_links_what_transfer_brought_is_gone(void **state) {
    (void)state;
    static const char *const gain = "all/slices/cold target/models/ranker/recall@10";
    const double linked = figure("big.tsv --factors-every 0", gain);
    const double permuted = figure("big.tsv --factors-every 0 --permute-links 1", gain);
    if (!(permuted < linked)) {
        fail_msg("cold target %.4f, with links permuted %.4f", linked, permuted);
    }
}

static void repeats_make_everything_a_test(void **state) {
    (void)state;
    FILE *f = fopen(path_of("again.tsv"), "w");
    assert_non_null(f);
    for (int day = 1; day < 30; day++) {
        fprintf(f, "%d\tfood\tu%d\tsoup\n%d\tdrinks\tu%d\ttea\n", day * 86400, day % 3,
                day * 86400 + 1, day % 3);
    }
    assert_int_equal(fclose(f), 0);
    /* three have no history at their first soup; of the first tea nobody knew the domain */
    assert_true(figure("again.tsv", "stream/lines_tested") == 2);
    assert_true(figure("again.tsv --repeats", "stream/lines_tested") == 54);
    assert_true(figure("again.tsv --repeats-in food",
                       "domains/food/slices/repeat orders/models/ranker/n") == 26);
    assert_int_equal(eval("again.tsv --repeats-in fod"), 1);
    assert_says(err, "there is no domain fod; there is: food, drinks");
}

static void days_and_orders_hide_what_happened_at_once(void **state) {
    (void)state;
    FILE *f = fopen(path_of("orders.tsv"), "w");
    assert_non_null(f);
    for (int order = 0; order < 40; order++) { /* of three dishes, two a day */
        for (int dish = 0; dish < 3; dish++) {
            fprintf(f, "%d\tfood\tu\td%d-%d\n", 1000000800 + order * 43200, order, dish);
        }
    }
    assert_int_equal(fclose(f), 0);
    assert_true(figure("orders.tsv", "stream/lines_tested") == 119);
    assert_true(figure("orders.tsv", "stream/events") == 120);
    assert_true(figure("orders.tsv --orders", "stream/lines_tested") == 117);
    assert_true(figure("orders.tsv --orders", "stream/events") == 40);
    assert_true(figure("orders.tsv --day-batches", "stream/lines_tested") <= 117);
    assert_true(figure("orders.tsv --shuffle-orders 2", "stream/lines_tested") == 119);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static void bad_lines_are_named_and_limited(void **state) {
    (void)state;
    FILE *f = fopen(path_of("bad.tsv"), "w");
    assert_non_null(f);
    fprintf(f, "1\ta\tu\t1\nnonsense\n2\ta\tu\t2\n3\ta\tu\n4\ta\tu\t3\n");
    assert_int_equal(fclose(f), 0);
    assert_fine("bad.tsv");
    assert_says(err, "bad.tsv:2: fewer than four fields");
    assert_says(err, "bad.tsv:4: fewer than four fields");
    assert_says(out, "2 bad lines");
    assert_int_equal(eval("bad.tsv --bad-lines 1"), 1);
    assert_says(err, "more than 1 bad lines");
    assert_says(err, "--bad-lines N");
}

static void errors_say_what_to_type(void **state) {
    (void)state;
    static const struct {
        const char *words;
        int status;
        const char *said;
    } cases[] = {
        {"", 2, "crossrec eval --help"},
        {"nowhere.tsv", 1, "nowhere.tsv"},
        {"world.tsv --repeat", 2, "did you mean --repeats"},
        {"world.tsv --tasks none", 2, "must be a whole number from 1 to 1024"},
        {"world.tsv --json /nowhere/a.json", 1, "--json /nowhere/a.json"},
        {"world.tsv --catalogue nowhere.tsv", 1, "nowhere.tsv"},
        {"world.tsv --catalogue items.tsv --category sort", 1, "has no column sort"},
        {"world.tsv --domains food --permute-links 1", 1, "needs two domains"},
        {"world.tsv --set segments.q=3", 2, "segments.k"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        if (eval(cases[k].words) != cases[k].status || !strstr(err, cases[k].said)) {
            fail_msg("eval %s:\n%s%s", cases[k].words, out, err);
        }
    }
    assert_int_equal(eval("--help"), 0);
    assert_says(out, "--permute-links SEED");
}

static void without_gnuplot_it_ends_before_it_begins(void **state) {
    (void)state;
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && PATH=/nowhere " CROSSREC " eval --plot a.svg nowhere.tsv 2>err", dir);
    const int status = system(command);
    read_file("err", err);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_says(err, "apt-get install gnuplot-nox");
    assert_null(strstr(err, "nowhere.tsv"));
    assert_int_not_equal(access(path_of("a.svg"), F_OK), 0);
}

static void with_gnuplot_there_is_a_picture(void **state) {
    (void)state;
    if (system("command -v gnuplot >/dev/null") != 0) {
        skip(); /* gnuplot is not installed */
    }
    assert_fine("world.tsv --factors-every 0 --plot a.svg");
    read_file("a.svg", out);
    assert_says(out, "<svg");
    assert_says(out, "popular-7d");
}

/* ---- interruption --------------------------------------------------------------------------- */

/* Does the process catch SIGINT by now? That is when the run begins. */
static bool catches_interrupts(pid_t pid) {
    char path[64];
    char line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "SigCgt:", 7) == 0) {
            mask = strtoull(line + 7, NULL, 16);
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return mask & (1ULL << (SIGINT - 1));
}

static void ctrl_c_ends_early_with_a_report(void **state) {
    (void)state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (chdir(dir) == 0 && freopen("out", "w", stdout) && freopen("err", "w", stderr)) {
            execl(CROSSREC, CROSSREC, "eval", "big.tsv", "--json", "a.json", "--factors-every", "1",
                  (char *)NULL);
        }
        _exit(127);
    }
    const time_t deadline = time(NULL) + DEADLINE_S;
    while (!catches_interrupts(pid) && time(NULL) < deadline) {
        const struct timespec soon = {.tv_nsec = 1000000};
        nanosleep(&soon, NULL);
    }
    int status = 0;
    assert_int_equal(kill(pid, SIGINT), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_file("out", out);
    read_file("err", err);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
        fail_msg("status %d:\n%s%s", status, out, err);
    }
    assert_says(err, "reporting what was measured so far");
    assert_says(out, "INTERRUPTED after ");
    read_file("a.json", out);
    struct json *root = parsed(out);
    bool interrupted = false;
    assert_true(json_flag(json_get(root, "interrupted"), &interrupted) && interrupted);
    json_free(root);
}

/* ---- fixture -------------------------------------------------------------------------------- */

static int start(void **state) {
    (void)state;
    if (!mkdtemp(dir)) {
        return 1;
    }
    write_world("world.tsv", 700);
    write_world("big.tsv", 2500);
    return 0;
}

static int stop(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : 1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_json_and_csv_come_of_one_run),
        cmocka_unit_test(the_same_command_gives_the_same_figures),
        cmocka_unit_test(what_goes_to_standard_output_stands_there_alone),
        cmocka_unit_test(from_to_and_domains_take_a_part),
        cmocka_unit_test(without_links_what_transfer_brought_is_gone),
        cmocka_unit_test(repeats_make_everything_a_test),
        cmocka_unit_test(days_and_orders_hide_what_happened_at_once),
        cmocka_unit_test(bad_lines_are_named_and_limited),
        cmocka_unit_test(errors_say_what_to_type),
        cmocka_unit_test(without_gnuplot_it_ends_before_it_begins),
        cmocka_unit_test(with_gnuplot_there_is_a_picture),
        cmocka_unit_test(ctrl_c_ends_early_with_a_report),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
