/* SPDX-License-Identifier: Apache-2.0
 *
 * failing_alloc.h -- lets the allocations of the code under test fail on demand.
 *
 * Included by one file of a test program. It stands in front of glibc's allocator;
 * under a sanitizer, which does the same, CAN_FAIL is 0 and nothing ever fails.
 */
#ifndef FAILING_ALLOC_H
#define FAILING_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_FAIL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define CAN_FAIL 0
#endif
#endif
#ifndef CAN_FAIL
#define CAN_FAIL 1
#endif

static int allocations_left = -1; /* below 0: no limit */

/* From now on `n` allocations succeed and all later ones fail; -1: none fails. */
static void fail_after(int n) {
    allocations_left = n;
}

#if CAN_FAIL
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static int allowed(void) {
    if (allocations_left > 0) {
        allocations_left--;
        return 1;
    }
    return allocations_left < 0;
}

void *malloc(size_t size) {
    return allowed() ? __libc_malloc(size) : NULL;
}

void *calloc(size_t n, size_t size) {
    return allowed() ? __libc_calloc(n, size) : NULL;
}

void *realloc(void *p, size_t size) {
    return allowed() ? __libc_realloc(p, size) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return allowed() ? __libc_memalign(alignment, size) : NULL;
}
#endif

#endif
