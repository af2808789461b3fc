/* SPDX-License-Identifier: Apache-2.0
 *
 * user_events.h -- the event ids inside a user's block, for dedupe. Internal to user*.c; user.h
 * says what they promise. Oldest first: the newest is appended, and the array is searched as a
 * whole, which vectorises.
 */
#ifndef USER_EVENTS_H
#define USER_EVENTS_H

#include <stdint.h>

#include "user_block.h"

/** Gives up as many bytes: room first, then the oldest ids; USER_EVENT_IDS_LEAST stay. */
void user_events_squeeze(struct user *u, uint32_t bytes);

#endif
