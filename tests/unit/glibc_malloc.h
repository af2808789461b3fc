/* SPDX-License-Identifier: Apache-2.0
 *
 * glibc_malloc.h -- GLIBC_MALLOC: 1 where malloc() is the C library's, 0 where a sanitizer's.
 */
#ifndef GLIBC_MALLOC_H
#define GLIBC_MALLOC_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GLIBC_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define GLIBC_MALLOC 0
#endif
#endif
#ifndef GLIBC_MALLOC
#define GLIBC_MALLOC 1
#endif

#endif
