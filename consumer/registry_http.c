/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_http.c -- see registry_http.h.
 */
#include "registry_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URLS_MAX = 16 };

struct body {
    char *bytes; /* (cap,) */
    size_t len, cap;
    bool too_long;
};

struct registry_http {
    CURL *curl;
    struct curl_slist *headers;
    char text[CONFIG_VALUE_MAX]; /* the urls, each terminated */
    const char *urls[URLS_MAX];
    size_t n_urls, first; /* first: answered last */
    long timeout_ms;
    char user[CONFIG_NAME_MAX], password[CONFIG_VALUE_MAX], ca[CONFIG_VALUE_MAX];
    struct body body;
    atomic_bool aborted;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* if it fails curl_easy_init() does, too */
}

/* ---- configuration ------------------------------------------------------------------------- */

static bool has_part(CURLU *u, CURLUPart part) {
    char *text = NULL;
    const bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

/* What is wrong with it; NULL: nothing. */
static const char *fault_of_url(const char *url) {
    const char *fault = NULL;
    CURLU *u = curl_url();
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        fault = "must begin with http:// or https://";
    } else if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
        fault = "is no address";
    } else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)) {
        fault = "has a name or password: set registry.user and registry.password";
    } else if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT)) {
        fault = "has a ? or #";
    }
    curl_url_cleanup(u);
    return fault;
}

/* Never in a message: what stands between :// and @ may be a password. */
static int visible(const char *url) {
    const char *at = strchr(url, '@');
    const char *slashes = strstr(url, "://");
    return at ? (slashes && slashes < at ? (int)(slashes - url) + 3 : 0) : (int)strlen(url);
}

static void trim_end(char *text, const char *of) {
    size_t n = strlen(text);
    while (n > 0 && strchr(of, text[n - 1])) {
        text[--n] = '\0';
    }
}

static enum status add_url(struct registry_http *h, char *url, char *err) {
    url += strspn(url, " \t");
    trim_end(url, " \t");
    const char *fault = h->n_urls == URLS_MAX ? "is one address too many" : fault_of_url(url);
    if (fault) {
        const int shown = visible(url);
        snprintf(err, CONFIG_ERROR_MAX, "registry.url = %.*s%s: %s", shown, url,
                 shown < (int)strlen(url) ? "..." : "", fault);
        return ST_INVALID;
    }
    trim_end(url, "/");
    h->urls[h->n_urls++] = url;
    return ST_OK;
}

static enum status add_urls(struct registry_http *h, char *err) {
    char *save = NULL;
    for (char *url = strtok_r(h->text, ",", &save); url; url = strtok_r(NULL, ",", &save)) {
        enum status st = add_url(h, url, err);
        if (st) {
            return st;
        }
    }
    if (h->n_urls == 0) {
        snprintf(err, CONFIG_ERROR_MAX,
                 "registry.url is not set; type it as in http://registry:8081");
        return ST_INVALID;
    }
    return ST_OK;
}

static enum status check_ca(const struct registry_http *h, char *err) {
    FILE *f = h->ca[0] ? fopen(h->ca, "rb") : NULL;
    if (h->ca[0] && !f) {
        snprintf(err, CONFIG_ERROR_MAX, "registry.ca = %s: %s", h->ca, strerror(errno));
        return ST_INVALID;
    }
    if (f) {
        fclose(f);
    }
    return ST_OK;
}

/* ---- libcurl ------------------------------------------------------------------------------- */

static bool reserve(struct body *b, size_t n) {
    if (n <= b->cap) {
        return true;
    }
    size_t cap = b->cap ? b->cap : 4096;
    while (cap < n) {
        cap *= 2;
    }
    char *bytes = realloc(b->bytes, cap);
    if (!bytes) {
        return false;
    }
    b->bytes = bytes;
    b->cap = cap;
    return true;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg) {
    struct body *b = arg;
    (void)size; /* is 1 */
    if (n > REGISTRY_BODY_MAX - b->len) {
        b->too_long = true;
        return 0;
    }
    if (!reserve(b, b->len + n)) {
        return 0;
    }
    memcpy(b->bytes + b->len, bytes, n);
    b->len += n;
    return n;
}

static int is_aborted(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                      curl_off_t up) {
    struct registry_http *h = arg;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return atomic_load(&h->aborted);
}

static bool add_header(struct registry_http *h, const char *header) {
    struct curl_slist *more = curl_slist_append(h->headers, header);
    h->headers = more ? more : h->headers;
    return more != NULL;
}

static enum status open_curl(struct registry_http *h) {
    pthread_once(&curl_once, init_curl);
    h->curl = curl_easy_init();
    if (!h->curl ||
        !add_header(h, "Accept: application/vnd.schemaregistry.v1+json, application/json") ||
        !add_header(h, "Content-Type: application/vnd.schemaregistry.v1+json") ||
        !add_header(h, "Expect:")) {
        return ST_NOMEM;
    }
    CURLcode rc = CURLE_OK;
    rc |= curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L); /* there are other threads */
    rc |= curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    rc |= curl_easy_setopt(h->curl, CURLOPT_USERAGENT, "crossrec");
    rc |= curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
    rc |= curl_easy_setopt(h->curl, CURLOPT_TIMEOUT_MS, h->timeout_ms);
    rc |= curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, h->timeout_ms);
    rc |= curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->error);
    rc |= curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take_body);
    rc |= curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, &h->body);
    rc |= curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 0L);
    rc |= curl_easy_setopt(h->curl, CURLOPT_XFERINFOFUNCTION, is_aborted);
    rc |= curl_easy_setopt(h->curl, CURLOPT_XFERINFODATA, h);
    if (h->user[0]) {
        rc |= curl_easy_setopt(h->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        rc |= curl_easy_setopt(h->curl, CURLOPT_USERNAME, h->user);
        rc |= curl_easy_setopt(h->curl, CURLOPT_PASSWORD, h->password);
    }
    if (h->ca[0]) {
        rc |= curl_easy_setopt(h->curl, CURLOPT_CAINFO, h->ca);
        rc |= curl_easy_setopt(h->curl, CURLOPT_CAPATH, NULL);
    }
    return rc ? ST_NOMEM : ST_OK;
}

/* ---- registry_http.h: life ----------------------------------------------------------------- */

enum status registry_http_new(const struct config *cfg, struct registry_http **out, char *err) {
    struct registry_http *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(err, CONFIG_ERROR_MAX, "%s", status_str(ST_NOMEM));
        return ST_NOMEM;
    }
    snprintf(h->text, sizeof h->text, "%s", cfg->registry_url);
    snprintf(h->user, sizeof h->user, "%s", cfg->registry_user);
    snprintf(h->password, sizeof h->password, "%s", cfg->registry_password);
    snprintf(h->ca, sizeof h->ca, "%s", cfg->registry_ca);
    h->timeout_ms = (long)cfg->registry_timeout_ms;
    enum status st = add_urls(h, err);
    st = st ? st : check_ca(h, err);
    if (!st && (st = open_curl(h)) != ST_OK) {
        snprintf(err, CONFIG_ERROR_MAX, "registry: %s", status_str(st));
    }
    if (st) {
        registry_http_free(h);
        return st;
    }
    *out = h;
    return ST_OK;
}

void registry_http_free(struct registry_http *h) {
    if (!h) {
        return;
    }
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h->body.bytes);
    free(h);
}

const char *registry_http_url(const struct registry_http *h) {
    return h->urls[0];
}

void registry_http_abort(struct registry_http *h) {
    atomic_store(&h->aborted, true);
}

/* ---- asking -------------------------------------------------------------------------------- */

/* Why there was no answer, and what to type. */
static void explain(const struct registry_http *h, CURLcode rc, char *why, size_t len) {
    const char *error = h->error[0] ? h->error : curl_easy_strerror(rc);
    if (h->body.too_long) {
        snprintf(why, len, "answers more than 1 MiB; see registry.url");
    } else if (rc == CURLE_OPERATION_TIMEDOUT) {
        snprintf(why, len, "no answer within %ld ms (registry.timeout)", h->timeout_ms);
    } else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE) {
        snprintf(why, len, "%s; set registry.ca to the file of the authority that signed it",
                 error);
    } else {
        snprintf(why, len, "%s", error);
    }
}

static CURLcode request(struct registry_http *h, const char *url, const char *post) {
    CURLcode rc = curl_easy_setopt(h->curl, CURLOPT_URL, url);
    if (post) {
        rc |= curl_easy_setopt(h->curl, CURLOPT_POST, 1L);
        rc |= curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, post);
        rc |= curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(post));
    } else {
        rc |= curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
    }
    h->body.len = 0;
    h->body.too_long = false;
    h->error[0] = '\0';
    return rc ? rc : curl_easy_perform(h->curl);
}

static enum registry_verdict ask_one(struct registry_http *h, const char *base, const char *path,
                                     const char *post, unsigned wants,
                                     struct registry_answer *out) {
    char url[2 * CONFIG_VALUE_MAX];
    long status = 0;
    snprintf(url, sizeof url, "%s%s", base, path);
    const CURLcode rc = request(h, url, post);
    if (rc) {
        *out = (struct registry_answer){.status = 0};
        explain(h, rc, out->why, sizeof out->why);
        return REGISTRY_AWAY;
    }
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    return registry_answer_read(status, h->body.bytes ? h->body.bytes : "", h->body.len, wants,
                                out);
}

enum registry_verdict registry_http_ask(struct registry_http *h, const char *path, const char *post,
                                        unsigned wants, struct registry_answer *out) {
    char why[sizeof out->why] = "";
    size_t used = 0;
    enum registry_verdict verdict = REGISTRY_AWAY;
    *out = (struct registry_answer){.status = 0};
    const size_t first = h->first;
    for (size_t i = 0; i < h->n_urls && verdict == REGISTRY_AWAY && !h->aborted; i++) {
        const size_t at = (first + i) % h->n_urls;
        verdict = ask_one(h, h->urls[at], path, post, wants, out);
        if (verdict != REGISTRY_AWAY) {
            h->first = at;
            used = 0; /* what the others did matters no more */
        }
        if (out->why[0] && used < sizeof why) {
            used += (size_t)snprintf(why + used, sizeof why - used, "%s%s: %s", used ? "; " : "",
                                     h->urls[at], out->why);
        }
    }
    memcpy(out->why, why, sizeof why);
    if (verdict == REGISTRY_OK) {
        out->why[0] = '\0';
    }
    return verdict;
}
