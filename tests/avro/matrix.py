# SPDX-License-Identifier: Apache-2.0
"""matrix.py --tool AVRO_TOOL [--rows REGEX] [--pairs N] [--seed N] [--without-avro-c]

Compares crossrec's decoder with the specification (matrix.jsonl, spec.py), with fastavro and
with avro-c, in both directions, on the rows of the table and on random pairs of schemas.

A row {name, rule, writer, reader, hex, expected | error, avro_c, fastavro}: a type that is not a
record stands for a record with that type as its one field; `expected` is then the field's
value. Bytes are texts of U+0000..U+00FF. `error` is "schema" (this writer cannot be read so) or
"data" (these bytes cannot). `avro_c` and `fastavro` are "agrees" or names of differences in
differences.py: then they must differ, or the table is out of date.

    crossrec     must be what spec.py says, the class of error included
    fastavro     reads the row's bytes; its own writer's bytes are read by crossrec
    avro-c       reads the row's bytes; its own writer's bytes are read by fastavro and crossrec

--without-avro-c is for an AVRO_TOOL with AddressSanitizer: avro-c's children have little memory.
Exit status 0 or 1; the seed is printed first, names or the whole pair where something differs.
"""
import argparse
import collections
import json
import os
import random
import re
import sys
import time

import fastavro

import random_pairs
import schemas
import shown
import spec
from differences import AVRO_C, FASTAVRO, excuse
from programs import Tool, branchless, fast_equal, fast_read, fast_write, strict_equal, watch

HERE = os.path.dirname(os.path.abspath(__file__))
AGREES = "agrees"


# ---- one case ----------------------------------------------------------------------------------


def written(type_, body):
    """The writer's value, or MISSING where it is too much to be held."""
    try:
        return spec.decode(spec.resolve(type_, type_, like=("same",)), body)
    except spec.DataError:
        return schemas.MISSING


class Case:
    """A writer, a reader and bytes, and what the specification makes of them."""

    def __init__(self, writer, reader, body):
        self.json = {"writer": writer, "reader": reader, "hex": body.hex()}
        self.writer_json, self.reader_json, self.body = writer, reader, body
        self.writer = self.reader = self.value = self.error = self.why = self.seen = None
        self.written = schemas.MISSING  # the writer's value
        try:
            self.writer, self.reader = schemas.parse(writer), schemas.parse(reader)
            plan = spec.resolve(self.writer, self.reader)
            self.value = spec.decode(plan, body)
        except schemas.SchemaError as error:
            self.error, self.why = "schema", str(error)
        except spec.DataError as error:
            self.error, self.why = "data", str(error)
        if not self.error:
            self.written = written(self.writer, body)
        self.seen = self.wanted(body)

    def wanted(self, body):
        """What avro_tool must answer."""
        try:
            plan = spec.resolve(schemas.parse(self.writer_json), self.reader or
                                schemas.parse(self.reader_json), wanted=True)
            value = spec.decode(plan, body)
        except schemas.SchemaError:
            return {"error": "schema"}
        except spec.DataError:
            return {"error": "data"}
        return {"value": shown.seen(shown.visible(self.reader, value))}

    def other(self, body):
        return Case(self.writer_json, self.reader_json, body)


def check_crossrec(tool, case):
    """None, or how crossrec differs."""
    said = tool.ask("decode", **case.json)
    if "error" in case.seen:
        return None if said.get("error") == case.seen["error"] else (case.seen, said)
    return None if "value" in said and strict_equal(case.seen["value"], said["value"]) else (
        case.seen, said)


def check_fastavro(case):
    value, why = fast_read(case.writer_json, case.reader_json, case.body)
    if case.error or why:
        return None if case.error and why else (case.why or case.value, why or value)
    return None if fast_equal(case.reader, case.value, value) else (case.value, value)


def check_avroc(tool, case):
    said = tool.ask("avroc_decode", **case.json)
    if case.error:
        return None if said.get("error") in ("schema", "data") else (case.why, said)
    if "value" not in said:
        return (case.value, said)
    coded, said = shown.coded(case.reader, case.value), said["value"]
    try:
        same = strict_equal(branchless(case.reader, coded), branchless(case.reader, said))
    except (IndexError, KeyError, TypeError):
        same = False
    return None if same else (coded, said)


# ---- the table -----------------------------------------------------------------------------


def is_record(schema):
    return isinstance(schema, dict) and schema.get("type") == "record"


def read_table(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def row_case(row):
    writer, reader, wrapped = row["writer"], row["reader"], False
    if not (is_record(writer) and is_record(reader)):
        wrapped = True
        writer, reader = ({"type": "record", "name": "Row", "fields": [
            {"name": "v", "type": type_}]} for type_ in (writer, reader))
    return Case(writer, reader, bytes.fromhex(row["hex"])), wrapped


class Report:
    def __init__(self):
        self.counts, self.failed = collections.Counter(), 0

    def count(self, what):
        self.counts[what] += 1

    def fail(self, name, what, difference, case=None):
        self.failed += 1
        print(f"FAILED {name}: {what}: expected {difference[0]!r}, got {difference[1]!r}")
        if case is not None:
            print(f"    {json.dumps(case.json)}")

    def column(self, row, name, table, difference):
        """fastavro and avro-c: what the row says of them."""
        said = row[name]
        if said != AGREES and said not in table:
            self.fail(row["name"], name, (f"one of {sorted(table)}", said))
        elif difference and said == AGREES:
            self.fail(row["name"], name, difference)
        elif not difference and said != AGREES:
            self.fail(row["name"], name, (said, "agrees; correct the table"))
        self.count(f"{name}: {said}")


def check_row(tool, row, report):
    case, wrapped = row_case(row)
    got = None
    if not case.error:
        got = shown.plain(case.reader, case.value)
        got = got["v"] if wrapped else got
    if case.error != row.get("error") or not strict_equal(got, row.get("expected")):
        report.fail(row["name"], "spec.py", (row.get("expected", row.get("error")),
                                             case.why or got))
        return
    report.count("rows")
    difference = check_crossrec(tool, case)
    if difference:
        report.fail(row["name"], "crossrec", difference, case)
    report.column(row, "fastavro", FASTAVRO, check_fastavro(case)
                  if row["fastavro"] != "not asked" else "not asked")
    if not tool.without_avroc:
        report.column(row, "avro_c", AVRO_C, check_avroc(tool, case))
    if case.written is not schemas.MISSING:
        both_directions(tool, row["name"], case, report, row["fastavro"] == AGREES)


def both_directions(tool, name, case, report, fast_agrees):
    """fastavro writes, crossrec reads; avro-c writes, fastavro and crossrec read."""
    bodies = {}
    try:
        bodies["fastavro"] = fast_write(case.writer_json, case.writer, case.written)
    except Exception as error:  # such as a text that is no UTF-8
        report.count(f"fastavro cannot write: {type(error).__name__}")
    said = {} if tool.without_avroc else tool.ask(
        "avroc_encode", writer=case.writer_json, value=shown.coded(case.writer, case.written))
    if "hex" in said:
        bodies["avro-c"] = bytes.fromhex(said["hex"])
    elif said:
        report.count(f"avro-c cannot write: {said['text']}")
    for by, body in bodies.items():
        other = case.other(body)
        if not strict_equal(other.seen, case.seen):
            report.fail(name, f"written by {by}, spec.py", (case.seen, other.seen), other)
        difference = check_crossrec(tool, other)
        if difference:
            report.fail(name, f"written by {by}, read by crossrec", difference, other)
        report.count(f"written by {by}, read by crossrec")
        if by == "avro-c" and fast_agrees:
            difference = check_fastavro(other)
            if difference:
                report.fail(name, "written by avro-c, read by fastavro", difference, other)
            report.count("written by avro-c, read by fastavro")


# ---- random pairs -----------------------------------------------------------------------------


def check_pair(tool, seed, report):
    """Three values of one pair; of each tenth the bytes are cut short."""
    rng, name = random.Random(seed), f"--seed {seed} --pairs 1"
    writer = random_pairs.Maker(rng).record()
    reader = random_pairs.changed(rng, writer)
    writer_json, reader_json = random_pairs.dump(writer), random_pairs.dump(reader)
    for _ in range(3):
        value = random_pairs.random_value(rng, writer)
        body = fast_write(writer_json, writer, value)
        if not tool.without_avroc:
            check_avroc_writes(tool, name, writer, value, body, report)
        if rng.random() < 0.1:
            body = body[:rng.randrange(len(body) + 1)]
        check_random(tool, name, Case(writer_json, reader_json, body), report)


def check_random(tool, name, case, report):
    report.count("random: " + (case.error or "readable"))
    difference = check_crossrec(tool, case)
    if difference:
        report.fail(name, "crossrec", difference, case)
    difference = check_fastavro(case)
    if difference:
        names = excuse(case, *fast_read(case.writer_json, case.reader_json, case.body))
        if names:
            report.count(f"random: fastavro: {' and '.join(names)}")
        else:
            report.fail(name, "fastavro", difference, case)


def check_avroc_writes(tool, name, writer, value, body, report):
    """The bytes are those of fastavro, but for the bits of NaN."""
    coded = shown.coded(writer, value)
    said = tool.ask("avroc_encode", writer=random_pairs.dump(writer), value=coded)
    if "hex" not in said:
        report.count(f"random: avro-c cannot write: {said['text']}")
        return
    report.count("random: avro-c and fastavro write the same")
    again = bytes.fromhex(said["hex"])
    if again != body and not strict_equal(shown.coded(writer, written(writer, again)), coded):
        report.fail(name, "avro-c writes", (body.hex(), said["hex"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--rows", default="")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--without-avro-c", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}; fastavro {fastavro.__version__}; Python {sys.version.split()[0]}",
          flush=True)
    watch()
    tool, report, begin = Tool(options.tool, options.without_avro_c), Report(), time.monotonic()
    for row in read_table(os.path.join(HERE, "matrix.jsonl")):
        if re.search(options.rows, row["name"]):
            check_row(tool, row, report)
    for i in range(options.pairs):
        check_pair(tool, options.seed + i, report)
    for what, n in sorted(report.counts.items()):
        print(f"{n:6} {what}")
    print(f"{report.failed} failed, {time.monotonic() - begin:.1f} s, seed {options.seed}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
