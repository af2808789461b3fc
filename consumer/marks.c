/* SPDX-License-Identifier: Apache-2.0
 *
 * marks.c -- see marks.h.
 */
#include "marks.h"

#include <stdlib.h>

#include "rec.h"

enum { FIRST_SIZE = 16 };

struct mark *marks_of(struct marks *m, int32_t task) {
    for (size_t i = 0; i < m->n; i++) { /* some hundreds at most, a few times a second */
        if (m->table[i].task == task) {
            return &m->table[i];
        }
    }
    if (m->n == m->size) {
        size_t size = m->size ? 2 * m->size : FIRST_SIZE;
        struct mark *table = realloc(m->table, size * sizeof *table);
        if (!table) {
            return NULL;
        }
        m->table = table;
        m->size = size;
    }
    m->table[m->n] = (struct mark){.task = task};
    return &m->table[m->n++];
}

const struct mark *marks_any(const struct marks *m) {
    for (size_t i = 0; i < m->n; i++) {
        if (m->table[i].known) {
            return &m->table[i];
        }
    }
    return NULL;
}

void marks_forget(struct marks *m) {
    for (size_t i = 0; i < m->n; i++) {
        m->table[i].known = false;
    }
}

bool mark_is_lost(const struct mark *m, const char *value, size_t len) {
    uint64_t epoch = 0;
    uint64_t seq = 0;
    if (!m->known) {
        return false;
    }
    if (rec_version(value, len, &epoch, &seq) != ST_OK) { /* also where there is none */
        return true;
    }
    return epoch < m->epoch || (epoch == m->epoch && seq < m->seq);
}

void marks_free(struct marks *m) {
    free(m->table);
    *m = (struct marks){0};
}
