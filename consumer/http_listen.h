/* SPDX-License-Identifier: Apache-2.0
 *
 * http_listen.h -- the socket that the admin endpoint (http.h) listens on.
 */
#ifndef HTTP_LISTEN_H
#define HTTP_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/** @param address  host:port (port 0: any free one) or [v6]:port
 *  @param out      a listening socket, the caller's
 *  @param err      out: what is wrong and what to type
 *  @return ST_OK, ST_INVALID (address), ST_IO (in use, ...) */
MUST_CHECK enum status http_listen(const char *address, int *out, char *err, size_t err_len);
/** The port of a listening socket; 0: unknown. */
uint16_t http_listen_port(int fd);

#endif
