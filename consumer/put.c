/* SPDX-License-Identifier: Apache-2.0
 * put.c -- see put.h. */
#include "put.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    NUMBER_TEXT_MAX = 64, /* "%.6g", also where the decimal point is several bytes */
    ROUNDED_MAX = 16,     /* "0.00012346" of five digits */
};

/* ---- texts and numbers ------------------------------------------------------------------ */

char *put_u64(char *p, uint64_t v) {
    char digits[PUT_NUMBER_MAX];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put_bytes(p, digits + sizeof digits - n, n);
}

char *put_i64(char *p, int64_t v) {
    if (v < 0) {
        *p++ = '-';
        return put_u64(p, 0 - (uint64_t)v); /* also right for INT64_MIN */
    }
    return put_u64(p, (uint64_t)v);
}

/* The C library prints the decimal point of the process's locale, which may be any bytes:
 * whatever is no part of a number is the point. */
char *put_number(char *p, double x) {
    if (!isfinite(x)) {
        return put_text(p, "null");
    }
    char text[NUMBER_TEXT_MAX];
    snprintf(text, sizeof text, "%.6g", x);
    bool point = false;
    for (const char *s = text; *s; s++) {
        if (strchr("0123456789+-e", *s)) {
            *p++ = *s;
        } else if (!point) {
            *p++ = '.';
            point = true;
        }
    }
    return p;
}

static char *put_rounded_number(char *p, double x, int n_digits) {
    if (!isfinite(x) || !(x > 0.0 || x < 0.0)) {
        return put_number(p, x);
    }
    const double scale = pow(10.0, (double)(n_digits - 1) - floor(log10(fabs(x))));
    return put_number(p, round(x * scale) / scale);
}

/* v / 10^decimals, without zeros behind the last digit. */
static char *put_decimal(char *p, uint32_t v, int decimals) {
    char text[ROUNDED_MAX];
    char *const end = text + sizeof text;
    char *s = end;
    for (; decimals > 0; decimals--, v /= 10) {
        if (s < end || v % 10 > 0) {
            *--s = (char)('0' + v % 10);
        }
    }
    if (s < end) {
        *--s = '.';
    }
    do {
        *--s = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put_bytes(p, s, (size_t)(end - s));
}

/* By hand where it is no exponent: printf would take half of the publisher's time. The digits are
 * the same, because nothing is rounded but once: a float has 24 bits and 5^8 has 19, so that the
 * products are exact, and so is the sum. */
char *put_rounded(char *p, float x, int n_digits) {
    static const double LEAST[] = {1.0, 10.0, 100.0, 1e3, 1e4};
    const double least = LEAST[n_digits - 1]; /* that has so many digits */
    double a = fabs((double)x);
    int decimals = 0;
    if (!(a >= 1e-4 && a < 10.0 * least)) {
        return put_rounded_number(p, (double)x, n_digits);
    }
    while (a < least) {
        a *= 10.0;
        decimals++;
    }
    if (x < 0.0F) {
        *p++ = '-';
    }
    return put_decimal(p, (uint32_t)(a + 0.5), decimals);
}

/* ---- strings -------------------------------------------------------------------------------- */

/* Length of the character at s, or, with *valid false, of the longest beginning of one: what
 * one U+FFFD stands for (Unicode 15, section 3.9, table 3-7 and "maximal subpart"). */
static size_t utf8_len(const unsigned char *s, size_t n, bool *valid) {
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    size_t more = 0;
    *valid = false;
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        more = 1;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        more = 2;
        low = s[0] == 0xE0 ? 0xA0 : low;   /* no overlong forms     */
        high = s[0] == 0xED ? 0x9F : high; /* no surrogates         */
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        more = 3;
        low = s[0] == 0xF0 ? 0x90 : low;
        high = s[0] == 0xF4 ? 0x8F : high; /* nothing above U+10FFFF */
    } else {
        return 1;
    }
    for (size_t k = 1; k <= more; k++) {
        if (k >= n || s[k] < low || s[k] > high) {
            return k;
        }
        low = 0x80;
        high = 0xBF;
    }
    *valid = true;
    return more + 1;
}

static char *put_escape(char *p, unsigned char c) {
    static const char HEX[] = "0123456789abcdef";
    *p++ = '\\';
    if (c == '"' || c == '\\') {
        *p++ = (char)c;
        return p;
    }
    p = put_bytes(p, "u00", 3);
    *p++ = HEX[c >> 4];
    *p++ = HEX[c & 15];
    return p;
}

/* Eight bytes of ASCII that need no escape? Something is taken from each byte so that its highest
 * bit tells: of a byte below it that borrows the answer is known already. */
static bool are_plain(const char s[8]) {
    static const uint64_t EACH = UINT64_C(0x0101010101010101);
    uint64_t w;
    memcpy(&w, s, sizeof w);
    const uint64_t control = w - EACH * 0x20;
    const uint64_t quote = (w ^ EACH * '"') - EACH;
    const uint64_t backslash = (w ^ EACH * '\\') - EACH;
    return ((w | control | quote | backslash) & EACH * 0x80) == 0;
}

char *put_string(char *p, const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *)text;
    *p++ = '"';
    for (size_t i = 0; i < n;) {
        if (n - i >= 8 && are_plain(text + i)) {
            p = put_bytes(p, text + i, 8);
            i += 8;
        } else if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\') {
            p = put_escape(p, s[i++]);
        } else if (s[i] < 0x80) {
            *p++ = (char)s[i++];
        } else {
            bool valid = false;
            size_t len = utf8_len(s + i, n - i, &valid);
            p = valid ? put_bytes(p, text + i, len) : put_bytes(p, "\xEF\xBF\xBD", 3);
            i += len;
        }
    }
    *p++ = '"';
    return p;
}
