/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy.h -- stands between a client and a server on Unix sockets, and interferes at an
 * exact place of the stream. For one connection after another.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stddef.h>

struct proxy;

/** Listens on <server>.proxy and passes on to the Unix socket `server`. NULL: cannot. */
struct proxy *proxy_start(const char *server);
void proxy_stop(struct proxy *p);

/** "unix:<path>" for clients. */
const char *proxy_address(const struct proxy *p);

/** From now on passes on so many bytes of answers, then closes both sides. Once. */
void proxy_cut_answers(struct proxy *p, size_t bytes);

/** Before the n-th (0..) further EVALSHA is passed on, and after what came before it has been
 *  answered by a line each, calls `act`. Once. */
void proxy_interrupt(struct proxy *p, size_t n, void (*act)(void *arg), void *arg);

/** How often a request came after an answer, or first of all: round trips, of pipelines that fit
 *  into the buffers of a socket. */
size_t proxy_turns(struct proxy *p);

#endif
