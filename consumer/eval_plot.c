/* SPDX-License-Identifier: Apache-2.0
 * eval_plot.c -- see eval_plot.h. */
#include "eval_plot.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 1000, PANEL_HEIGHT = 380 };

extern char **environ;

/* ---- the program --------------------------------------------------------------------------- */

enum status eval_plot_find(char path[EVAL_PLOT_PATH_MAX]) {
    const char *dirs = getenv("PATH");
    while (dirs && *dirs) {
        const size_t len = strcspn(dirs, ":");
        const int n = snprintf(path, EVAL_PLOT_PATH_MAX, "%.*s/gnuplot", (int)len, dirs);
        if (len > 0 && n > 0 && n < EVAL_PLOT_PATH_MAX && access(path, X_OK) == 0) {
            return ST_OK;
        }
        dirs += len + (dirs[len] == ':');
    }
    fprintf(stderr, "crossrec: --plot draws with gnuplot, which is not in PATH; type: apt-get "
                    "install gnuplot-nox\n");
    return ST_NOT_FOUND;
}

static int start(const char *gnuplot, int in, int out, pid_t *pid) {
    static char name[] = "gnuplot";
    char *argv[] = {name, NULL};
    posix_spawn_file_actions_t files;
    int rc = posix_spawn_file_actions_init(&files);
    if (rc) {
        return rc;
    }
    rc = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    rc = rc ? rc : posix_spawn(pid, gnuplot, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static enum status wait_for(pid_t pid) {
    int status = 0;
    pid_t rc;
    do {
        rc = waitpid(pid, &status, 0);
    } while (rc < 0 && errno == EINTR);
    if (rc != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "crossrec: --plot: gnuplot failed, see above\n");
        return ST_IO;
    }
    return ST_OK;
}

/* A file, not a pipe: gnuplot may end before it has read everything. */
static FILE *write_script(const struct eval_report *r) {
    FILE *script = tmpfile();
    if (!script) {
        return NULL;
    }
    eval_plot_script(r, script);
    if (fflush(script) || ferror(script) || fseek(script, 0, SEEK_SET)) {
        (void)fclose(script);
        return NULL;
    }
    return script;
}

enum status eval_plot(const char *gnuplot, const struct eval_report *r, FILE *out) {
    FILE *script = write_script(r);
    if (!script) {
        fprintf(stderr, "crossrec: --plot: no temporary file: %s\n", strerror(errno));
        return ST_IO;
    }
    pid_t pid = 0;
    const int rc = start(gnuplot, fileno(script), fileno(out), &pid);
    enum status st = ST_IO;
    if (rc) {
        fprintf(stderr, "crossrec: --plot: %s: %s\n", gnuplot, strerror(rc));
    } else {
        st = wait_for(pid);
    }
    (void)fclose(script);
    return st;
}

/* Okabe and Ito's, which colour-blind readers tell apart, and a grey. */
static const char *const COLOURS[TRIAL_MODELS] = {
    [TRIAL_RANKER] = "000000",     [TRIAL_FULL] = "0072b2",       [TRIAL_TWIN] = "56b4e9",
    [TRIAL_LINEAR] = "d55e00",     [TRIAL_TOGETHER] = "009e73",   [TRIAL_FACTORS] = "cc79a7",
    [TRIAL_POPULAR_1D] = "f0e442", [TRIAL_POPULAR_7D] = "e69f00", [TRIAL_POPULAR] = "999999",
    [TRIAL_SIMILAR] = "882255",    [TRIAL_SHOWN] = "666666",
};

/* ---- the script ----------------------------------------------------------------------------- */

static bool has_points(const struct eval_windows *w, uint32_t domain, unsigned model) {
    for (size_t k = 0; k < w->n; k++) {
        if (w->windows[k].domain == domain && w->windows[k].hits.n[model] > 0) {
            return true;
        }
    }
    return false;
}

static void put_block(const struct eval_windows *w, uint32_t domain, unsigned model, FILE *out) {
    fprintf(out, "$d%" PRIu32 "m%u << END\n", domain, model);
    for (size_t k = 0; k < w->n; k++) {
        const struct eval_window *window = &w->windows[k];
        if (window->domain == domain && window->hits.n[model] > 0) {
            fprintf(out, "%" PRId64 " %.6f\n", window->ts_ms / 1000,
                    (double)window->hits.hits[model] / (double)window->hits.n[model]);
        }
    }
    fprintf(out, "END\n");
}

/* Letters, digits and - only: gnuplot runs what stands between backquotes. */
static void put_title(const char *name, FILE *out) {
    for (; *name; name++) {
        const bool plain = isalnum((unsigned char)*name) || *name == '-' || *name == ' ';
        fputc(plain ? *name : '_', out);
    }
}

static void put_panel(const struct eval_report *r, uint32_t domain, FILE *out) {
    const struct eval_windows *w = r->run->windows;
    const char *before = "plot ";
    fprintf(out, "set title '");
    put_title(domain == EVAL_DOMAINS ? "all domains" : eval_report_domain(r, domain), out);
    fprintf(out, "'\n");
    for (unsigned m = 0; m < TRIAL_MODELS; m++) {
        if (has_points(w, domain, m)) {
            fprintf(out,
                    "%s$d%" PRIu32
                    "m%u using 1:2 with linespoints pointsize 0.3 lw %s lc rgb '#%s' "
                    "title '%s'",
                    before, domain, m, m == TRIAL_RANKER ? "3" : "1.5", COLOURS[m],
                    trial_model_str((enum trial_model)m));
            before = ", ";
        }
    }
    fprintf(out, "\n");
}

void eval_plot_script(const struct eval_report *r, FILE *out) {
    const struct eval_windows *w = r->run->windows;
    uint32_t all[DOMAINS_MAX + 1];
    uint32_t domains[DOMAINS_MAX + 1];
    const uint32_t n_all = eval_report_domains(r, all);
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_all; k++) { /* an empty plot is an error to gnuplot */
        if (has_points(w, all[k], TRIAL_RANKER)) {
            domains[n++] = all[k];
        }
    }
    fprintf(out, "set terminal svg size %d,%" PRIu32 " dynamic noenhanced background 'white'\n",
            WIDTH, PANEL_HEIGHT * (n ? n : 1));
    fprintf(out,
            "set xdata time\nset timefmt '%%s'\nset format x '%%Y-%%m-%%d'\n"
            "set xtics rotate by -25\nset grid\nset yrange [0:*]\n"
            "set ylabel 'recall@10, last %d lines'\nset key outside right\n",
            EVAL_WINDOW);
    for (uint32_t k = 0; k < n; k++) {
        for (unsigned m = 0; m < TRIAL_MODELS; m++) {
            if (has_points(w, domains[k], m)) {
                put_block(w, domains[k], m, out);
            }
        }
    }
    fprintf(out, "set multiplot layout %" PRIu32 ",1\n", n ? n : 1);
    for (uint32_t k = 0; k < n; k++) {
        put_panel(r, domains[k], out);
    }
    fprintf(out, "unset multiplot\n");
}
