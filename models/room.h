/* SPDX-License-Identifier: Apache-2.0
 *
 * room.h -- how arrays grow that have an element an item, and where they lie.
 */
#ifndef ROOM_H
#define ROOM_H

#include <stddef.h>

enum { ROOM_HUGE_PAGE = 2 << 20 };

/** Room for `n` elements, at most `most`, of an array that had room for `cap`: an eighth more than
 *  it had, at least `least`. Doubling would leave a third of the memory of a large catalogue
 * unused; so each element is copied eight times in the end instead of once. */
static inline size_t room_for(size_t cap, size_t n, size_t least, size_t most) {
    size_t room = cap + cap / 8;
    room = room < least ? least : room;
    room = room < n ? n : room;
    return room < most ? room : most;
}

/** A hint that an array of `bytes` is read all over: the system may keep it in huge pages, of 2 MB,
 *  where it lets programs ask for them. Without an effect on smaller arrays, and on what is in it.
 */
void room_huge_pages(void *array, size_t bytes);
/** Likewise of a heap that has grown from `from` to `end`, along with what lies before `from` in
 * the same huge page: or nobody would ask for that one. */
void room_huge_pages_grown(char *from, char *end);

#endif
