/* SPDX-License-Identifier: Apache-2.0
 * demo_canvas.c -- see demo_canvas.h. */
#include "demo_canvas.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ------------------------------------------------------------------------- */

enum { REPLACEMENT = '?', EIGHTHS = 8 };

/* One character of UTF-8, and where the next begins; what is none is one `?` a byte. */
static uint32_t next_char(const char **text) {
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)*text;
    const int more = *p < 0x80 ? 0 : *p >> 5 == 6 ? 1 : *p >> 4 == 14 ? 2 : *p >> 3 == 30 ? 3 : -1;
    uint32_t ch = more <= 0 ? *p : (uint32_t)(*p & (0x3f >> more));
    for (int k = 1; k <= more; k++) {
        if ((p[k] & 0xC0) != 0x80) {
            *text += 1;
            return REPLACEMENT;
        }
        ch = ch << 6 | (p[k] & 0x3fU);
    }
    const bool bad = more < 0 || ch < least[more] || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000);
    *text += bad ? 1 : more + 1;
    return bad ? REPLACEMENT : ch;
}

/* Columns of a character: 0, 1 or 2. East Asian wide ones and emoji are two, accents that stand
 * above the one before are none. */
static int width_of(uint32_t ch) {
    static const struct {
        uint32_t from, to;
        int width;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0x202a, 0x202e, 0},   {0x2060, 0x2064, 0},
        {0x1100, 0x115f, 2},   {0x2e80, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},
        {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},   {0xfeff, 0xfeff, 0},   {0xff00, 0xff60, 2},
        {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
        {0xe0100, 0xe01ef, 0},
    };
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        if (ch >= ranges[k].from && ch <= ranges[k].to) {
            return ranges[k].width;
        }
    }
    return 1;
}

/* What of a text is shown: spaces for control characters, `?` where there is no UTF-8. */
static uint32_t next_shown(const struct demo_canvas *c, const char **text) {
    const uint32_t ch = next_char(text);
    if (ch < ' ' || (ch >= 0x7f && ch < 0xa0)) {
        return ' ';
    }
    return ch > 0x7e && !c->utf8 ? REPLACEMENT : ch;
}

static void write_char(uint32_t ch, char out[5]) {
    const int more = ch < 0x80 ? 0 : ch < 0x800 ? 1 : ch < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xC0, 0xE0, 0xF0};
    memset(out, 0, 5);
    out[0] = (char)(first[more] | ch >> (6 * more));
    for (int k = 1; k <= more; k++) {
        out[k] = (char)(0x80 | (ch >> (6 * (more - k)) & 0x3f));
    }
}

/* ---- cells ------------------------------------------------------------------------------ */

static struct demo_cell *cell(const struct demo_canvas *c, int x, int y) {
    return x >= 0 && y >= 0 && x < c->w && y < c->h
               ? &c->cells[(size_t)y * (size_t)c->w + (size_t)x]
               : NULL;
}

static bool is_right_half(const struct demo_cell *at) {
    return at && at->text[0] == '\0';
}

static void put_space(struct demo_cell *at) {
    if (at) {
        write_char(' ', at->text);
    }
}

/* Of a wide character that loses one half the other one is nothing. */
static void set(struct demo_canvas *c, int x, int y, uint32_t ch, enum demo_look look) {
    struct demo_cell *to = cell(c, x, y);
    struct demo_cell *right = cell(c, x + 1, y);
    if (!to) {
        return;
    }
    if (is_right_half(to)) {
        put_space(cell(c, x - 1, y));
    }
    if (is_right_half(right)) {
        put_space(right);
    }
    write_char(ch, to->text);
    to->look = (uint8_t)look;
}

/* Half of one at the picture's edge is none. */
static void set_wide(struct demo_canvas *c, int x, int y, uint32_t ch, enum demo_look look) {
    struct demo_cell *left = cell(c, x, y);
    struct demo_cell *right = cell(c, x + 1, y);
    set(c, x, y, ' ', look);
    set(c, x + 1, y, ' ', look);
    if (left && right) {
        write_char(ch, left->text);
        memset(right->text, 0, sizeof right->text);
    }
}

enum status demo_canvas_new(int w, int h, bool utf8, bool colour, struct demo_canvas **out) {
    if (w < 1 || h < 1 || w > CANVAS_W_MAX || h > CANVAS_H_MAX) {
        return ST_RANGE;
    }
    struct demo_canvas *c = calloc(1, sizeof *c);
    if (!c) {
        return ST_NOMEM;
    }
    *c = (struct demo_canvas){.w = w, .h = h, .utf8 = utf8, .colour = colour};
    c->cells = calloc((size_t)w * (size_t)h, sizeof *c->cells);
    if (!c->cells) {
        demo_canvas_free(c);
        return ST_NOMEM;
    }
    demo_canvas_clear(c);
    *out = c;
    return ST_OK;
}

void demo_canvas_free(struct demo_canvas *c) {
    if (c) {
        free(c->cells);
        free(c);
    }
}

void demo_canvas_clear(struct demo_canvas *c) {
    for (int y = 0; y < c->h; y++) {
        demo_canvas_fill(c, 0, y, c->w, LOOK_PLAIN);
    }
}

void demo_canvas_fill(struct demo_canvas *c, int x, int y, int n, enum demo_look look) {
    for (int k = 0; k < n; k++) {
        set(c, x + k, y, ' ', look);
    }
}

/* ---- text ------------------------------------------------------------------------------- */

int demo_canvas_columns(const struct demo_canvas *c, const char *text) {
    int n = 0;
    while (*text) {
        n += width_of(next_shown(c, &text));
    }
    return n;
}

int demo_canvas_put(struct demo_canvas *c, int x, int y, int columns, enum demo_look look,
                    const char *text) {
    const bool cut = demo_canvas_columns(c, text) > columns;
    const int room = columns - (cut ? 1 : 0);
    int used = 0;
    if (columns <= 0) {
        return 0;
    }
    while (*text) {
        const uint32_t ch = next_shown(c, &text);
        const int width = width_of(ch);
        if (used + width > room) {
            break;
        }
        if (width == 2) {
            set_wide(c, x + used, y, ch, look);
        } else if (width == 1) {
            set(c, x + used, y, ch, look);
        }
        used += width;
    }
    if (cut) {
        set(c, x + used++, y, c->utf8 ? 0x2026 : '~', look);
    }
    return used;
}

void demo_canvas_put_right(struct demo_canvas *c, int x, int y, int columns, enum demo_look look,
                           const char *text) {
    const int n = demo_canvas_columns(c, text);
    const int left = n < columns ? columns - n : 0;
    (void)demo_canvas_put(c, x + left, y, columns - left, look, text);
}

/* ---- lines ------------------------------------------------------------------------------ */

enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8, ARMS = 16 };

/* By the arms that go out of a cell. */
static const uint16_t LINES[ARMS] = {
    ' ',    0x2502, 0x2502, 0x2502, 0x2500, 0x2518, 0x2510, 0x2524,
    0x2500, 0x2514, 0x250c, 0x251c, 0x2500, 0x2534, 0x252c, 0x253c,
};
static const char ASCII_LINES[] = " |||-+++-+++-+++";

/* Arms of the line that stands in a cell; of a line of ASCII all that it may have. */
static int arms_of(const struct demo_canvas *c, const struct demo_cell *at) {
    if (!c->utf8) {
        return at->text[0] == '|' ? UP | DOWN : at->text[0] == '-' ? LEFT | RIGHT : 0;
    }
    const char *text = at->text;
    const uint32_t ch = next_char(&text);
    for (int k = 1; k < ARMS; k++) {
        if (LINES[k] == ch && k != UP && k != DOWN && k != LEFT && k != RIGHT) {
            return k;
        }
    }
    return 0;
}

static void add_arms(struct demo_canvas *c, int x, int y, int arms) {
    const struct demo_cell *at = cell(c, x, y);
    if (at) {
        const int all = arms | arms_of(c, at);
        set(c, x, y, c->utf8 ? LINES[all] : (uint32_t)ASCII_LINES[all], LOOK_DIM);
    }
}

void demo_canvas_hline(struct demo_canvas *c, int x, int y, int n) {
    for (int k = 0; k < n; k++) {
        add_arms(c, x + k, y, LEFT | RIGHT);
    }
}

/* Its ends reach into the lines above and below. */
void demo_canvas_vline(struct demo_canvas *c, int x, int y, int n) {
    const struct demo_cell *above = cell(c, x, y - 1);
    const struct demo_cell *below = cell(c, x, y + n);
    for (int k = 0; k < n; k++) {
        add_arms(c, x, y + k, UP | DOWN);
    }
    if (above && arms_of(c, above)) {
        add_arms(c, x, y - 1, DOWN);
    }
    if (below && arms_of(c, below)) {
        add_arms(c, x, y + n, UP);
    }
}

/* ---- bars and charts -------------------------------------------------------------------- */

static const char ASCII_LEVELS[EIGHTHS + 1] = {' ', '.', ':', '-', '=', '+', '*', '%', '#'};

void demo_canvas_bar(struct demo_canvas *c, int x, int y, int n, double share,
                     enum demo_look look) {
    const double within = share > 0.0 ? fmin(share, 1.0) : 0.0; /* a NaN is 0 */
    int eighths = (int)lround(within * n * EIGHTHS);
    if (within > 0.0 && eighths == 0) {
        eighths = 1;
    }
    for (int k = 0; k < n; k++) {
        const int level = eighths > EIGHTHS ? EIGHTHS : eighths;
        eighths -= level;
        if (!c->utf8) {
            set(c, x + k, y, level >= EIGHTHS / 2 ? '#' : level > 0 ? '-' : ' ', look);
        } else {
            set(c, x + k, y, level > 0 ? 0x2590 - (uint32_t)level : ' ', look); /* left eighths */
        }
    }
}

static void column(struct demo_canvas *c, int x, int y, int h, int eighths, enum demo_look look) {
    for (int row = 0; row < h; row++) {
        const int level = eighths > EIGHTHS ? EIGHTHS : eighths;
        eighths -= level;
        set(c, x, y + h - 1 - row,
            level == 0 ? ' '
            : c->utf8  ? 0x2580 + (uint32_t)level
                       : (uint32_t)ASCII_LEVELS[level],
            look);
    }
}

void demo_canvas_chart(struct demo_canvas *c, int x, int y, int w, int h, const double *values,
                       int n, double max, enum demo_look look) {
    const int skipped = n > w ? n - w : 0;
    for (int k = skipped; k < n; k++) {
        const double v = values[k];
        if (!(v >= 0.0)) {
            continue;
        }
        const int full = h * EIGHTHS;
        const int eighths = max > 0.0 ? (int)lround(fmin(v / max, 1.0) * full) : 0;
        column(c, x + k - skipped, y, h, eighths > 0 ? eighths : 1, look);
    }
}

/* ---- frames ----------------------------------------------------------------------------- */

static const char *const COLOURED[LOOKS] = {
    [LOOK_PLAIN] = "0",    [LOOK_BOLD] = "0;1",     [LOOK_DIM] = "0;90",   [LOOK_TITLE] = "0;1",
    [LOOK_BAR] = "0;7",    [LOOK_RATE] = "0;36",    [LOOK_MODEL] = "0;32", [LOOK_OTHER] = "0;33",
    [LOOK_NEW] = "0;1;32", [LOOK_ALARM] = "0;1;31",
};
static const char *const PLAIN[LOOKS] = {
    [LOOK_PLAIN] = "0", [LOOK_BOLD] = "0;1",  [LOOK_DIM] = "0;2", [LOOK_TITLE] = "0;1",
    [LOOK_BAR] = "0;7", [LOOK_RATE] = "0",    [LOOK_MODEL] = "0", [LOOK_OTHER] = "0;2",
    [LOOK_NEW] = "0;1", [LOOK_ALARM] = "0;1",
};

/* The longest that a cell can need: where it is, how it looks, what it is. */
enum { CELL_BYTES = 16 + 12 + 4 };

struct frame {
    char *bytes;
    size_t len;
    int x, y, look; /* the terminal's; x -1: not known */
};

static void add(struct frame *f, const char *text) {
    const size_t n = strlen(text);
    memcpy(f->bytes + f->len, text, n);
    f->len += n;
}

static void add_cell(const struct demo_canvas *c, struct frame *f, int x, int y) {
    const struct demo_cell *at = cell(c, x, y);
    char text[32];
    if (is_right_half(at)) {
        return; /* came with its left half */
    }
    if (f->x != x || f->y != y) {
        snprintf(text, sizeof text, "\033[%d;%dH", y + 1, x + 1);
        add(f, text);
    }
    if (f->look != at->look) {
        snprintf(text, sizeof text, "\033[%sm", c->colour ? COLOURED[at->look] : PLAIN[at->look]);
        add(f, text);
        f->look = at->look;
    }
    add(f, at->text);
    f->x = x + (is_right_half(cell(c, x + 1, y)) ? 2 : 1);
    f->y = y;
}

static bool same(const struct demo_cell *a, const struct demo_cell *b) {
    return a->look == b->look && memcmp(a->text, b->text, sizeof a->text) == 0;
}

/* A wide character is drawn again if any half of it changed. */
static bool changed(const struct demo_canvas *c, const struct demo_canvas *before, int x, int y) {
    const struct demo_cell *right = cell(c, x + 1, y);
    return !before || !same(cell(c, x, y), cell(before, x, y)) ||
           (is_right_half(right) && !same(right, cell(before, x + 1, y)));
}

char *demo_canvas_frame(const struct demo_canvas *c, const struct demo_canvas *before,
                        size_t *len) {
    if (before && (before->w != c->w || before->h != c->h)) {
        before = NULL;
    }
    const size_t n = (size_t)c->w * (size_t)c->h;
    struct frame f = {.bytes = malloc(n * CELL_BYTES + 64), .x = -1, .y = -1, .look = -1};
    if (!f.bytes) {
        return NULL;
    }
    if (!before) {
        add(&f, "\033[0m\033[2J");
    }
    const size_t nothing = f.len;
    for (int y = 0; y < c->h; y++) {
        for (int x = 0; x < c->w; x++) {
            if (changed(c, before, x, y)) {
                add_cell(c, &f, x, y);
            }
        }
    }
    if (f.len > nothing) {
        add(&f, "\033[0m");
    }
    *len = f.len;
    return f.bytes;
}

void demo_canvas_row(const struct demo_canvas *c, int y, char *buf) {
    size_t len = 0;
    for (int x = 0; x < c->w; x++) {
        const char *text = c->cells[(size_t)y * (size_t)c->w + (size_t)x].text;
        const size_t n = strlen(text);
        memcpy(buf + len, text, n);
        len += n;
    }
    buf[len] = '\0';
}
