/* SPDX-License-Identifier: Apache-2.0
 * screen.c -- see screen.h. */
#define _XOPEN_SOURCE 700 /* wcwidth */

#include "screen.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static void wipe(struct screen *s) {
    for (int y = 0; y < SCREEN_H; y++) {
        for (int x = 0; x < SCREEN_W; x++) {
            s->cells[y][x] = (struct screen_cell){.text = " ", .look = "0"};
        }
    }
}

void screen_init(struct screen *s, int w, int h) {
    memset(s, 0, sizeof *s);
    s->w = w;
    s->h = h;
    s->wraps = true;
    snprintf(s->look, sizeof s->look, "0");
    wipe(s);
    setlocale(LC_CTYPE, "C.UTF-8");
}

static void set_mode(struct screen *s, const char *mode, bool on) {
    if (strcmp(mode, "?1049") == 0) {
        s->other = on;
    } else if (strcmp(mode, "?25") == 0) {
        s->hidden = !on;
    } else if (strcmp(mode, "?7") == 0) {
        s->wraps = on;
    } else {
        s->unknown++;
    }
}

static void control(struct screen *s, const char *params, char end) {
    switch (end) {
    case 'H':
        if (sscanf(params, "%d;%d", &s->y, &s->x) != 2) {
            s->unknown++;
        }
        s->x--;
        s->y--;
        break;
    case 'm': snprintf(s->look, sizeof s->look, "%.15s", params); break;
    case 'J':
        s->unknown += strcmp(params, "2") != 0;
        wipe(s);
        break;
    case 'h': set_mode(s, params, true); break;
    case 'l': set_mode(s, params, false); break;
    default: s->unknown++;
    }
}

static void line_feed(struct screen *s) {
    if (s->y + 1 < s->h) {
        s->y++;
        return;
    }
    memmove(s->cells[0], s->cells[1], (size_t)(s->h - 1) * sizeof s->cells[0]);
    for (int x = 0; x < SCREEN_W; x++) {
        s->cells[s->h - 1][x] = (struct screen_cell){.text = " ", .look = "0"};
    }
}

static void show(struct screen *s, const char *text, int width) {
    if (s->wraps && s->x + width > s->w) {
        s->x = 0;
        line_feed(s);
    }
    if (s->x < 0 || s->y < 0 || s->x + width > s->w || s->y >= s->h) {
        s->outside++;
        return;
    }
    for (int k = 0; k < width; k++) {
        struct screen_cell *to = &s->cells[s->y][s->x + k];
        snprintf(to->text, sizeof to->text, "%s", k == 0 ? text : "");
        snprintf(to->look, sizeof to->look, "%s", s->look);
    }
    s->x += width;
}

/* What has come of a sequence or a character: how long it is if it is complete, else 0. */
static size_t complete(struct screen *s) {
    const char *p = s->pending;
    if (p[0] != '\033') {
        wchar_t ch = 0;
        mbstate_t state = {0};
        const size_t n = mbrtowc(&ch, p, s->n_pending, &state);
        if (n == (size_t)-2) {
            return 0;
        }
        if (n == (size_t)-1 || wcwidth(ch) < 1) {
            s->unknown++;
            return 1;
        }
        char text[SCREEN_CHAR] = "";
        memcpy(text, p, n);
        show(s, text, wcwidth(ch));
        return n;
    }
    for (size_t k = 2; k < s->n_pending; k++) {
        if (p[k] >= '@' && p[k] <= '~') {
            char params[32] = "";
            memcpy(params, p + 2, k - 2);
            control(s, params, p[k]);
            return k + 1;
        }
    }
    return 0;
}

void screen_write(struct screen *s, const char *bytes, size_t len) {
    for (size_t k = 0; k < len; k++) {
        if (s->n_pending == sizeof s->pending) {
            s->unknown++;
            s->n_pending = 0;
        }
        if (s->n_pending == 0 && bytes[k] == '\r') {
            s->x = 0;
            continue;
        }
        if (s->n_pending == 0 && bytes[k] == '\n') {
            line_feed(s);
            continue;
        }
        s->pending[s->n_pending++] = bytes[k];
        if (complete(s) > 0) {
            s->n_pending = 0;
        }
    }
}

void screen_row(const struct screen *s, int y, char *buf) {
    size_t len = 0;
    for (int x = 0; x < s->w; x++) {
        const size_t n = strlen(s->cells[y][x].text);
        memcpy(buf + len, s->cells[y][x].text, n);
        len += n;
    }
    buf[len] = '\0';
}

bool screen_has(const struct screen *s, const char *text) {
    static char row[SCREEN_W * SCREEN_CHAR];
    for (int y = 0; y < s->h; y++) {
        screen_row(s, y, row);
        if (strstr(row, text)) {
            return true;
        }
    }
    return false;
}
