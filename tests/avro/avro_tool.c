/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_tool.c -- requests as JSON lines on stdin, answers as JSON lines on stdout; for matrix.py.
 *
 *     {"op": "decode", "writer": S, "reader": S, "hex": "0206"}        crossrec
 *     {"op": "avroc_decode", "writer": S, "reader": S, "hex": "0206"}  avro-c
 *     {"op": "avroc_encode", "writer": S, "value": V}                  avro-c
 *
 * Answers: avro_tool.h. avro-c runs in a child with little time and memory, as it may crash or
 * never end: that is {"error": "crash"}.
 */
#include "avro_tool.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 2, CHILD_BYTES = 1 << 29, TEXT_MAX = 512 };

json_t *refusal(const char *kind, const char *format, ...) {
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *quoted = text_json(text, strlen(text));
    return json_pack("{s:s, s:o}", "error", kind, "text", quoted);
}

json_t *text_json(const void *bytes, size_t len) {
    const unsigned char *in = bytes;
    char *out = malloc(2 * len + 1);
    if (!out) {
        abort();
    }
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (in[i] < 0x80) {
            out[n++] = (char)in[i];
        } else {
            out[n++] = (char)(0xC0 | in[i] >> 6);
            out[n++] = (char)(0x80 | (in[i] & 0x3F));
        }
    }
    json_t *text = json_stringn(out, n);
    free(out);
    return text;
}

json_t *number_json(double v) {
    if (v != v) {
        return json_string("NaN");
    }
    json_t *number = json_real(v); /* NULL of an infinity */
    return number ? number : json_string(v > 0 ? "Infinity" : "-Infinity");
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Exactly as long as the bytes, so that ASan sees a read beyond. */
static uint8_t *from_hex(const char *hex, size_t *n) {
    *n = strlen(hex) / 2;
    uint8_t *bytes = malloc(*n ? *n : 1);
    for (size_t i = 0; bytes && i < *n; i++) {
        const int high = hex_digit(hex[2 * i]);
        const int low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            fprintf(stderr, "avro_tool: not hexadecimal: %s\n", hex);
            exit(2);
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

/* ---- avro-c in a child ---------------------------------------------------------------- */

typedef json_t *answer_fn(const struct request *r);

static void child(int out, answer_fn *answer, const struct request *r) {
    const struct rlimit memory = {CHILD_BYTES, CHILD_BYTES};
    const struct rlimit time = {CHILD_SECONDS, CHILD_SECONDS};
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CPU, &time);
    FILE *f = fdopen(out, "w");
    if (f && json_dumpf(answer(r), f, JSON_COMPACT) == 0 && fclose(f) == 0) {
        _exit(0);
    }
    _exit(1);
}

static json_t *in_child(answer_fn *answer, const struct request *r) {
    int ends[2];
    if (pipe(ends) != 0) {
        return refusal("broken", "pipe");
    }
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) {
        return refusal("broken", "fork");
    }
    if (pid == 0) {
        close(ends[0]);
        child(ends[1], answer, r);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    json_t *said = f ? json_loadf(f, JSON_ALLOW_NUL, NULL) : NULL;
    int status = 0;
    if (f) {
        fclose(f);
    }
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !said) {
        json_decref(said);
        return refusal("crash", "%s %d", WIFSIGNALED(status) ? "signal" : "exit",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return said;
}

/* ---- requests ------------------------------------------------------------------------- */

static json_t *answer(const json_t *line) {
    const char *op = json_string_value(json_object_get(line, "op"));
    const char *hex = json_string_value(json_object_get(line, "hex"));
    const json_t *reader = json_object_get(line, "reader");
    char *w = json_dumps(json_object_get(line, "writer"), JSON_ENCODE_ANY | JSON_COMPACT);
    char *r = reader ? json_dumps(reader, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    size_t n = 0;
    uint8_t *bytes = from_hex(hex ? hex : "", &n);
    const struct request request = {.writer = w,
                                    .reader = r ? r : w,
                                    .bytes = bytes,
                                    .n_bytes = n,
                                    .value = json_object_get(line, "value")};
    json_t *said = NULL;
    if (!op || !w || !bytes) {
        said = refusal("broken", "not a request");
    } else if (strcmp(op, "decode") == 0) {
        said = crossrec_decode(&request);
    } else if (strcmp(op, "avroc_decode") == 0) {
        said = in_child(avroc_decode, &request);
    } else if (strcmp(op, "avroc_encode") == 0) {
        said = in_child(avroc_encode, &request);
    } else {
        said = refusal("broken", "no such op: %s", op);
    }
    free(bytes);
    free(w);
    free(r);
    return said;
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        json_error_t why;
        json_t *request = json_loads(line, JSON_ALLOW_NUL, &why);
        json_t *said = request ? answer(request) : refusal("broken", "%s", why.text);
        if (!said || json_dumpf(said, stdout, JSON_COMPACT) != 0) {
            fprintf(stderr, "avro_tool: no answer to %s", line);
            return 2;
        }
        putchar('\n');
        fflush(stdout);
        json_decref(said);
        json_decref(request);
    }
    free(line);
    return 0;
}
