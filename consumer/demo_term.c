/* SPDX-License-Identifier: Apache-2.0
 * demo_term.c -- see demo_term.h. */
#include "demo_term.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef SIGWINCH
#define SIGWINCH 28 /* Linux; POSIX has it since 2024 */
#endif

enum { COLUMNS = 80, ROWS = 24, DELETE = 127, REST_MS = 20 };

static const char ENTER[] = "\033[?1049h\033[?25l\033[?7l\033[0m\033[2J";
static const char LEAVE[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

static struct {
    _Atomic bool open, resized;
    struct termios before; /* valid while open */
} term;

static void on_size(int signal_number) {
    (void)signal_number;
    atomic_store(&term.resized, true);
}

bool demo_term_possible(void) {
    const char *name = getenv("TERM");
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && name && name[0] &&
           strcmp(name, "dumb") != 0;
}

bool demo_term_utf8(void) {
    (void)setlocale(LC_CTYPE, "");
    const char *codeset = nl_langinfo(CODESET);
    return strcasecmp(codeset, "UTF-8") == 0 || strcasecmp(codeset, "UTF8") == 0;
}

bool demo_term_colour(void) {
    const char *no = getenv("NO_COLOR");
    return !(no && no[0]);
}

/* ^Z is not taken: whoever stops the demo for long is thrown out of its group; `p` pauses. */
enum status demo_term_open(void) {
    if (tcgetattr(STDIN_FILENO, &term.before)) {
        return ST_IO;
    }
    struct termios raw = term.before;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    atomic_store(&term.open, true);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)) {
        atomic_store(&term.open, false);
        return ST_IO;
    }
    struct sigaction action = {.sa_handler = on_size};
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    demo_term_write(ENTER, sizeof ENTER - 1);
    return ST_OK;
}

void demo_term_close(void) {
    if (!atomic_exchange(&term.open, false)) {
        return;
    }
    const int was = errno;
    demo_term_write(LEAVE, sizeof LEAVE - 1);
    /* not FLUSH: what was typed ahead is the shell's; not DRAIN: a stopped terminal would hold us
     */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
    errno = was;
}

void demo_term_size(int *w, int *h) {
    struct winsize size = {0};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *w = known && size.ws_col > 0 ? size.ws_col : COLUMNS;
    *h = known && size.ws_row > 0 ? size.ws_row : ROWS;
}

bool demo_term_resized(void) {
    return atomic_exchange(&term.resized, false);
}

void demo_term_write(const char *bytes, size_t len) {
    while (len > 0) {
        const ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            return;
        }
    }
}

/* ---- keys ------------------------------------------------------------------------------- */

/* A byte that is there within the time; -1: none, -2: never again. */
static int byte_within(int timeout_ms) {
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned char byte = 0;
    if (poll(&in, 1, timeout_ms) <= 0) {
        return -1;
    }
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    return n == 1 ? byte : n == 0 || errno == EIO ? -2 : -1;
}

/* Escape alone, or the first byte of an arrow, a function key, ...: those come in one piece. */
static int after_escape(void) {
    int b = byte_within(REST_MS);
    if (b < 0) {
        return KEY_ESCAPE;
    }
    if (b == '[' || b == 'O') {
        do {
            b = byte_within(REST_MS);
        } while (b >= 0 && !(b >= '@' && b <= '~'));
    }
    return KEY_OTHER;
}

int demo_term_key(int timeout_ms) {
    const int b = byte_within(timeout_ms);
    switch (b) {
    case -2: return KEY_GONE;
    case -1: return KEY_NONE;
    case KEY_ESCAPE: return after_escape();
    case '\n': return KEY_ENTER;
    case DELETE: return KEY_BACKSPACE;
    default: return b < DELETE ? b : KEY_OTHER;
    }
}
