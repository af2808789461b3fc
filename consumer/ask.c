/* SPDX-License-Identifier: Apache-2.0
 * ask.c -- see ask.h. */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "hash.h"
#include "http_get.h"
#include "token.h"

enum { ADDRESS_MAX = 320, ERR_MAX = 512, BUSY_TIMES = 10, BUSY_MS = 200 };

/* ---- paths --------------------------------------------------------------------------------- */

void ask_begin(struct ask_path *p, const char *page) {
    p->len = (size_t)snprintf(p->text, sizeof p->text, "%s", page);
}

bool ask_argument(struct ask_path *p, const char *name, const char *value) {
    char escaped[3 * ID_LEN_MAX + 1];
    if (!value) {
        return true;
    }
    if (strlen(value) > ID_LEN_MAX) {
        fprintf(stderr, "crossrec: nothing is known by a name of more than %d bytes\n",
                (int)ID_LEN_MAX);
        return false;
    }
    http_get_escape(value, escaped);
    const char *joint = strchr(p->text, '?') ? "&" : "?";
    p->len += (size_t)snprintf(p->text + p->len, sizeof p->text - p->len, "%s%s=%s", joint, name,
                               escaped);
    return true;
}

/* ---- one address --------------------------------------------------------------------------- */

enum verdict { FOUND, MISSING, REFUSED };

struct asking {
    const struct cli *cli;
    const char *path;
    ask_show shown;
    const char *token;
    FILE *said; /* what went wrong, told if nobody has it */
};

static int show_page(const struct asking *a, const struct http_page *page) {
    char err[128];
    struct json *v = NULL;
    if (cli_flag(a->cli, "--json")) {
        fwrite(page->body, 1, page->len, stdout);
        return CLI_OK;
    }
    const struct show s = show_to(stdout);
    enum status st = json_parse(page->body, page->len, &v, err, sizeof err);
    st = st ? st : a->shown(v, &s);
    json_free(v);
    if (st) {
        fprintf(stderr, "crossrec: the answer cannot be read; try --json. Is it a crossrec of "
                        "another version?\n");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static const char *hint_of(int code) {
    switch (code) {
    case 401: return "; type --set http.token.file=FILE, or set it in --config FILE";
    case 403: return "; ask on its machine, or set http.token.file on both sides";
    default: return "";
    }
}

static enum verdict judge(const struct asking *a, const char *address, const struct http_page *page,
                          int *rc) {
    if (page->code == 200) {
        *rc = show_page(a, page);
        return FOUND;
    }
    const int len = (int)strcspn(page->body, "\r\n");
    fprintf(a->said, "crossrec: %s: %.*s%s\n", address, len > 0 ? len : 9,
            len > 0 ? page->body : "no answer", hint_of(page->code));
    return page->code == 404 ? MISSING : REFUSED;
}

static void nap(void) {
    const struct timespec while_busy = {.tv_nsec = BUSY_MS * 1000000L};
    (void)nanosleep(&while_busy, NULL);
}

static enum verdict ask_at(const struct asking *a, const char *address, int *rc) {
    char err[ERR_MAX];
    struct http_page page = {0};
    for (int k = 0; k < BUSY_TIMES; k++) {
        free(page.body);
        page = (struct http_page){0};
        if (http_get(address, a->path, a->token, &page, err, sizeof err)) {
            fprintf(a->said,
                    "crossrec: %s; is crossrec running there? Type --address HOST:PORT to ask "
                    "another one\n",
                    err);
            return REFUSED;
        }
        if (page.code != 503 || k + 1 == BUSY_TIMES) {
            break;
        }
        nap();
    }
    const enum verdict v = judge(a, address, &page, rc);
    free(page.body);
    return v;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Every address of a list by commas; the worst verdict but FOUND ends it. */
static enum verdict ask_list(const struct asking *a, const char *list, int *rc) {
    enum verdict worst = MISSING;
    while (*list) {
        char address[ADDRESS_MAX];
        const size_t len = strcspn(list, ",");
        snprintf(address, sizeof address, "%.*s", (int)(len < ADDRESS_MAX ? len : ADDRESS_MAX - 1),
                 list);
        list += len + (list[len] == ',');
        if (len == 0) {
            continue;
        }
        const enum verdict v = ask_at(a, address, rc);
        if (v == FOUND) {
            return FOUND;
        }
        worst = v == REFUSED ? REFUSED : worst;
    }
    return worst;
}

static int ask_all(const struct asking *a) {
    size_t at = 0;
    int rc = CLI_OK;
    enum verdict worst = MISSING;
    const char *list = cli_flag_next(a->cli, "--address", &at);
    if (!list) {
        list = a->cli->cfg.http_address;
        if (strcmp(list, "off") == 0) {
            fprintf(a->said, "crossrec: http.address is off: there is nobody to ask; set it, here "
                             "and where crossrec runs, or type --address HOST:PORT\n");
            return CLI_USAGE;
        }
    }
    for (; list; list = cli_flag_next(a->cli, "--address", &at)) {
        const enum verdict v = ask_list(a, list, &rc);
        if (v == FOUND) {
            return rc;
        }
        worst = v == REFUSED ? REFUSED : worst;
    }
    return worst == MISSING ? CLI_FAILED : CLI_USAGE;
}

int ask(const struct cli *cli, const char *path, ask_show shown) {
    char token[TOKEN_MAX + 1];
    char err[CONFIG_ERROR_MAX];
    char *said = NULL;
    size_t len = 0;
    if (token_read(cli->cfg.http_token_file, token, err, sizeof err)) {
        fprintf(stderr, "crossrec: %s\n", err);
        return CLI_USAGE;
    }
    struct asking a = {.cli = cli, .path = path, .shown = shown, .token = token};
    a.said = open_memstream(&said, &len);
    if (!a.said) {
        fprintf(stderr, "crossrec: out of memory\n");
        return CLI_USAGE;
    }
    const int rc = ask_all(&a);
    fclose(a.said);
    hash_wipe(token, sizeof token);
    if (rc != CLI_OK && said) {
        fputs(said, stderr);
    }
    free(said);
    return rc;
}
