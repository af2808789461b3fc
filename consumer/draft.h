/* SPDX-License-Identifier: Apache-2.0
 *
 * draft.h -- a configuration while it is put together, setting by setting.
 *
 * Private to the configuration. Each setting comes from a place that an error can name:
 *
 *     crossrec.ini:14: redis.adress: unknown option; did you mean redis.address?
 *     environment CROSSREC_PUBLISH_N=abc: not a whole number
 *     --set publish.n=0: must be 1..100 (items a list)
 *
 * Naming a domain, topic or trigger that does not exist adds it.
 */
#ifndef DRAFT_H
#define DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "ini_file.h"
#include "option.h"
#include "status.h"

enum { DRAFT_NAME_MAX = CONFIG_NAME_MAX + INI_SECTION_MAX + 2 };

struct draft {
    struct config config; /* all topics are in `topics` until draft_split_topics() */
    /* topic.NAME.domain as it was written, "" if it was not: a domain may follow later. */
    char topic_domain[CONFIG_TOPICS_MAX][CONFIG_NAME_MAX];
    char *err; /* CONFIG_ERROR_MAX bytes, set by whatever returns ST_INVALID */
};

/* Who says so. Views: they must outlive the call. */
struct place {
    const char *where; /* "crossrec.ini:14: ", "environment ", "--set "         */
    const char *name;  /* as it was written                                     */
    const char *equal; /* what stood between name and value: " = " or "="       */
    const char *value;
    bool environment; /* names are in the form of environment variables         */
    size_t named;     /* bytes of the domain's, topic's or trigger's name; 0: to be found */
};

enum { DRAFT_KIND_OPEN = -1 }; /* kind of a topic whose kind was not set */

/** The shipped configuration. Nothing is derived yet: publish.refresh is OPTION_IS_AUTO. */
void draft_init(struct draft *d, char *err);

/** Sets the option whose full name is `name` to p->value.
 *  @return ST_OK; ST_INVALID with the error set and the option untouched */
MUST_CHECK enum status draft_set(struct draft *d, const struct place *p, const char *name);

/** A topic with this name and all else at its default. */
void draft_default_topic(struct config_topic *t, const char *name);

/** Adds a domain, or a topic, that p->name names; ST_OK also if it exists already. */
MUST_CHECK enum status draft_add_domain(struct draft *d, const struct place *p, const char *name);
MUST_CHECK enum status draft_add_topic(struct draft *d, const struct place *p, const char *name);
MUST_CHECK enum status draft_add_trigger(struct draft *d, const struct place *p, const char *name);

/** Finds the option, and the domain or topic, that a name without "domain." or "topic." means: of
 *  names that could be split in several places, the longest known NAME counts, then the shortest.
 *  Both may have dots. @return ST_OK; ST_NOT_FOUND */
MUST_CHECK enum status draft_find_named(const struct draft *d, enum option_scope scope,
                                        const char *rest, const struct option **o, size_t *name);

/* config_topics.c: what fits together in the topics. */

/** Puts schema files that are relative beside the configuration file, fills in what follows from
 *  the schema, and checks each topic. p->name is overwritten for errors. */
MUST_CHECK enum status draft_check_topics(struct draft *d, const struct place *p,
                                          const char *ini_path);
/** Divides the checked topics into those of the tasks, globals and raws. */
void draft_split_topics(struct draft *d);

/** Does every privacy.key.TARGET name a target? Errors name the key in place of p->name. */
MUST_CHECK enum status draft_check_keys(const struct draft *d, const struct place *p);
/** config_triggers.c: what the triggers say by name becomes what it means. Errors name the trigger
 *  in place of p->name. */
MUST_CHECK enum status draft_check_triggers(struct draft *d, const struct place *p);

/** Sets the error "WHERE NAME: text" and returns ST_INVALID. */
MUST_CHECK enum status draft_complain(const struct draft *d, const struct place *p,
                                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The error for a name that does not exist, with the nearest that does; `word` is in the
 *  form of the place. Returns ST_INVALID. */
MUST_CHECK enum status draft_unknown(const struct draft *d, const struct place *p,
                                     const char *word);

/** REDIS_ADDRESS of redis.address: upper case, _ for all but letters and digits. */
void draft_environment_form(const char *name, char *out, size_t len);

/** True if the value of this option of librdkafka must not be shown. */
bool draft_is_secret(const char *kafka_key);

#endif
