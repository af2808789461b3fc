/* SPDX-License-Identifier: Apache-2.0
 *
 * option.h -- the one table of options, and how their values are read and written.
 *
 * Private to the configuration (config.c, config_print.c). A row says everything about
 * one option; lookup, checking, `crossrec help options`, deploy/crossrec.ini and the
 * environment's names all come from it. To add an option: a field in struct config, a
 * row in option.c, and `crossrec.ini` printed again. The table and its checks of strings are
 * option.c, values from and to text option_value.c, options with members option_member.c.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "status.h"

enum option_scope {
    SCOPE_CONFIG,  /* a field of struct config                  */
    SCOPE_DOMAIN,  /* of struct config_domain: [domain.NAME]    */
    SCOPE_TOPIC,   /* of struct config_topic: [topic.NAME]      */
    SCOPE_TRIGGER, /* of struct config_trigger: [trigger.NAME] */
};

enum option_type {
    OPTION_STRING,   /* char[size]                                                  */
    OPTION_SECRET,   /* the same, never shown                                       */
    OPTION_CHOICE,   /* the same, one of the words of `unit`                        */
    OPTION_ENUM,     /* int: which of the words of `unit`                           */
    OPTION_INT,      /* int64_t                                                     */
    OPTION_COUNT,    /* the same, or the word auto, which is OPTION_COUNT_AUTO      */
    OPTION_DURATION, /* int64_t, ms: 250ms, 2s, 5m, 6h, 7d, or a number of ms       */
    OPTION_AUTO,     /* a duration, or the word auto, which is OPTION_IS_AUTO       */
    OPTION_REAL,     /* double                                                      */
    OPTION_BOOL,     /* bool: yes, no, true, false, on, off                         */
    OPTION_DOMAIN,   /* uint8_t, index of a domain: config.c knows which names exist */
    /* Options with members: the last part of their name is chosen by the operator. */
    OPTION_SYMBOL, /* struct config_symbol[]: map.action.PAID                               */
    OPTION_WEIGHT, /* double[ACTIONS]: weight.view                                          */
};

#define OPTION_IS_AUTO    INT64_C(-1)
#define OPTION_COUNT_AUTO INT64_C(0)

struct option {
    enum option_scope scope;
    const char *section; /* of the ini file                                              */
    const char *key;     /* the full name is section.key, in [crossrec] the key alone    */
    enum option_type type;
    size_t offset;    /* into the struct of `scope`                                         */
    size_t size;      /* of the field, bytes                                                */
    const char *text; /* the default                                                     */
    int64_t min, max; /* of a number                                                     */
    const char *unit; /* of a number, "" if none; of a choice its words: "wall|stream"   */
    const char *help;
    const char *(*check)(const char *text); /* what is wrong with a string; NULL: nothing */
};

/** Row i of the table, NULL behind its end. Rows of one section stand together. */
const struct option *option_at(size_t i);

/** The row of this scope whose full name (SCOPE_CONFIG) or key equals `name`, or NULL.
 *  Older and longer names are understood: crossrec.group, learn.late.max. */
const struct option *option_find(enum option_scope scope, const char *name);

/** The full name: "redis.address", "clock", "domain.NAME.repeats". */
void option_name(const struct option *o, char *buf, size_t len);

/**
 * Reads `text` into the field of `o` in *base.
 *
 * @param why  out, why_len bytes: what is allowed
 * @return ST_OK, or ST_INVALID with *base untouched
 */
MUST_CHECK enum status option_parse(const struct option *o, const char *text, void *base, char *why,
                                    size_t why_len);

/** The value in *base as option_parse() would read it; a secret that is set: "***". */
void option_format(const struct option *o, const void *base, char *buf, size_t len);

/** What is allowed: "1..100", "10ms..1m", "wall or stream"; "" for strings. */
void option_range(const struct option *o, char *buf, size_t len);

/** Is it map.action.SYMBOL or weight.ACTION? */
bool option_has_members(const struct option *o);
/** The member that `name` names: "PAID" of map.action.PAID; NULL if it is no name of `o`. */
const char *option_member(const struct option *o, const char *name);
/** option_parse() of one member. A symbol that is there already, in whatever case, is replaced. */
MUST_CHECK enum status option_member_parse(const struct option *o, const char *member,
                                           const char *text, struct config_topic *t, char *why,
                                           size_t why_len);
/** option_format() of one member. @return ST_OK, ST_NOT_FOUND (a topic without this symbol, no such
 *  action) */
MUST_CHECK enum status option_member_format(const struct option *o, const char *member,
                                            const struct config_topic *t, char *buf, size_t len);

/** Has `text` bytes, and only bytes of `allowed`? */
bool option_is_made_of(const char *text, const char *allowed);

/** What is wrong with a name of a domain, or of a Kafka topic; NULL: nothing. */
const char *option_bad_domain(const char *name);
const char *option_bad_topic(const char *name);

#endif
