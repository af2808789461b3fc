/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h -- who is who: {domain, id at that partner} -> user, and back.
 *
 * From the compacted topic of identities (`intake = repartition`). Read forwards by the intake,
 * which keys events by user; read backwards by the publisher's side, which writes a partner's keys
 * under the partner's own ids. 8 bytes a slot in two tables, and 12 bytes a link beside its texts,
 * in one block that is compacted: links that are replaced leave nothing behind.
 *
 * Forwards a link is the newest row of its {domain, id}. Several ids of a domain may lead to one
 * user: accounts that were merged. Backwards he then has the id whose newest row came last; when
 * that is taken away or given to another, the last one of those left. Nothing else counts of what
 * came before, so that a reader of the compacted topic, who sees only the newest row of each key,
 * knows the same. Rows of several partitions have no order among them: if two ids of one user lie
 * in two, either may be the last after a restart.
 *
 * Somebody whom no row links is still a user: his id is `domain/id`, the domain's name, a slash and
 * the id at the partner; it is read back without the table. A row links what comes after it.
 *
 * Ownership: owns its texts. Threads: one.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "status.h"

struct identity; /* opaque */

/** @param domains  (n_domains,) names: the texts are borrowed, the array is not
 *  @return ST_OK, ST_INVALID (more than DOMAINS_MAX), ST_NOMEM */
MUST_CHECK enum status identity_new(const char *const *domains, uint32_t n_domains,
                                    struct identity **out);
void identity_free(struct identity *t);

/** Links an id at a partner to a user (len 1..ID_LEN_MAX both), or takes the link away (user_len
 *  0). A row that says what stands already makes it the last of its user.
 *  @return ST_OK, ST_INVALID (lengths, domain), ST_NOMEM */
MUST_CHECK enum status identity_link(struct identity *t, uint8_t domain, const char *id,
                                     size_t id_len, const char *user, size_t user_len);

/** The user of an id at a partner. Unlinked: `domain/id` is written to buf (ID_LEN_MAX bytes).
 *  @return ST_OK; ST_NOT_FOUND (unlinked: *user and *user_len are set to buf all the same);
 *          ST_RANGE (unlinked, and `domain/id` is longer than ID_LEN_MAX; or no such domain or
 *          id length: nothing is set) */
MUST_CHECK enum status identity_user(const struct identity *t, uint8_t domain, const char *id,
                                     size_t id_len, char *buf, const char **user, size_t *user_len);

/** The id of a user at a partner, the last of several; NULL if he has none there: also of
 *  `domain/id` once a row links that id to another. Borrowed until the next link; of `domain/id` it
 *  lies in `user`. */
const char *identity_at(const struct identity *t, const char *user, size_t user_len, uint8_t domain,
                        size_t *id_len);

/** The same for every id that rows link to him there: k = 0 is the last, 1 the one linked before
 *  it, ...; NULL behind the first. Walks: k steps. */
const char *identity_linked(const struct identity *t, const char *user, size_t user_len,
                            uint8_t domain, uint32_t k, size_t *id_len);

/** How many ids are linked. */
size_t identity_n(const struct identity *t);

#endif
