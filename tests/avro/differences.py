# SPDX-License-Identifier: Apache-2.0
"""differences.py -- where fastavro and avro-c depart from the specification, a table of each.

name: (what it does instead, the sentence of the specification or of consumer/decode.h)

A row of matrix.jsonl names the difference that it shows. A random pair is excused by excuse()
alone: the specification with just these departures must give exactly what fastavro gives.
"""
import itertools

import schemas
import shown
import spec
from programs import fast_equal

BOOLEAN = "a boolean is written as a single byte whose value is either 0 (false) or 1 (true)"
INT = "int: 32-bit signed integer"
LONG = "long: 64-bit signed integer"
TEXT = "a string is encoded as a long followed by that many bytes of UTF-8 encoded character data"
PERMITTED = ("Permitted values depend on the field's schema type, according to the table below. "
             "Default values for union fields correspond to the first schema in the union")
ALIASES = ("the implementation would act as though \"x\" were named \"y\" when reading; decode.h: "
           "Fields are matched by name, then by the reader's aliases")
INDEX = "the zero-based position within the union; the zero-based position of the symbol"
BLOCKS = ("the count is followed immediately by a long block size indicating the number of bytes "
          "in the block")
UNIONS = "Unions may not immediately contain other unions"
LONG_FORM = "where typeName is either a primitive or derived type name"
LIMITS = "decode.h: Bounds, depth and counts are limited; the specification has no such limits"
DEFAULT = ("if the reader's record schema has a field that contains a default value, and writer's "
           "schema does not have a field with the same name, then the reader should use the "
           "default value from its field")
FIRST = ("The first schema in the reader's union that matches the selected writer's union schema is "
         "recursively resolved against it")
MATCH = "It is an error if the two schemas do not match"
SYMBOL = ("if the writer's symbol is not present in the reader's enum and the reader has a default "
          "value, then that value is used, otherwise an error is signalled")

FASTAVRO = {
    "any byte is a boolean": ("2 is true", BOOLEAN),
    "no limits of int": ("reads integers of any size", INT),
    "no limits of long": ("reads varints of any length", LONG),
    "UTF-8 is checked": ("refuses a string that is none; crossrec's texts are views of bytes, at "
                         "which whoever needs text has to look", TEXT),
    "a long promoted to float is a double": ("does not round it, so it is rounded twice here",
                                             "long is promotable to float or double"),
    "defaults inside defaults": ("gives the JSON of a record as it stands, without the defaults of "
                                 "the fields that it leaves out", DEFAULT),
    "defaults are not checked": ("gives whatever stands there", PERMITTED),
    "schemas match as far as the bytes go": ("a branch, an item or a record that no byte uses need "
                                             "not match", MATCH),
    "bytes that end in what is skipped": ("does not notice", TEXT),
    "aliases before names": ("takes the field that is first in the bytes, or KeyError", ALIASES),
    "indices below zero count from the end": ("-1 is the last", INDEX),
    "sizes of blocks are not read": ("accepts any size", BLOCKS),
    "equal schemas are not resolved": (
        "a long is the long of [double, long] where both schemas are equal, and the double where "
        "they differ in any other place", FIRST),
    "names of types taken for types": (
        "TypeError where one schema defines a type in a union and the other one names it",
        "both schemas are records with the same (unqualified) name"),
    "unions in unions": ("accepts them", UNIONS),
    "no limit of depth": ("follows", LIMITS),
    "no long form of a long form": (
        "TypeError. Here fastavro does what the sentence says; crossrec accepts "
        "{\"type\": {\"type\": \"int\"}}, as Java does", LONG_FORM),
    "the least count is none": ("reads no items, its absolute value being no long", BLOCKS),
    "not asked": ("would loop 2^60 times", LIMITS),
}
AVRO_C = {
    "any byte is a boolean": ("2 is true", BOOLEAN),
    "no limits of long": ("drops the bits above 64", LONG),
    "no promotion of string and bytes": ("refuses", "string is promotable to bytes; bytes is "
                                         "promotable to string"),
    "no defaults": ("refuses: Reader field d doesn't appear in writer", DEFAULT),
    "no aliases": ("refuses", "An implementation may optionally use aliases"),
    "enums by position": ("gives the reader's symbol of the writer's index, even where there is "
                          "none", SYMBOL),
    "defaults of enums are not checked": ("accepts them", "The value provided here must be a JSON "
                                          "string that's a member of the symbols array"),
    "nothing of no bytes": ("refuses: Cannot allocate new fixed value; Couldn't expand array",
                            "A record is encoded by encoding the values of its fields"),
    "full names": ("of fixed, compares full names", "both schemas are fixed whose sizes and "
                   "(unqualified) names match"),
    "crash": ("SIGSEGV where items do not match or lack a field; skips 2^60 items one by one",
              MATCH),
    "sizes of blocks are not read": ("accepts any size", BLOCKS),
    "the least count is none": ("skips the block, its absolute value being no long", BLOCKS),
    "unions in unions": ("accepts them", UNIONS),
    "no limit of depth": ("follows", LIMITS),
    "no long form of a long form": ("refuses, as the sentence says: see above", LONG_FORM),
}


def bad_text(value):
    if isinstance(value, schemas.Branch):
        return bad_text(value.value)
    if isinstance(value, (list, dict)):
        return any(map(bad_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bytes) and isinstance(shown.text(value), dict)


TAKEN_FOR_TYPES = ("TypeError: unhashable type: 'dict'",
                   "TypeError: string indices must be integers")
LIKE = {"same": "equal schemas are not resolved", "raw": "defaults inside defaults",
        "lazy": "schemas match as far as the bytes go",
        "blind": "bytes that end in what is skipped"}


def excuse(case, value, why):
    """The differences of FASTAVRO that explain this one exactly, or None."""
    if why and why.startswith(TAKEN_FOR_TYPES):
        return ["names of types taken for types"]
    if why:
        texts = why.startswith("UnicodeDecodeError") and bad_text(case.written)
        return ["UTF-8 is checked"] if texts else None
    for n in range(1, len(LIKE) + 1):
        for like in itertools.combinations(LIKE, n):
            if "same" in like and case.writer_json != case.reader_json:
                continue
            try:
                plan = spec.resolve(case.writer, case.reader, like=like)
                if fast_equal(case.reader, spec.decode(plan, case.body), value):
                    return [LIKE[name] for name in like]
            except (schemas.SchemaError, spec.DataError):
                pass
    return None
