# SPDX-License-Identifier: Apache-2.0
"""programs.py -- avro_tool (crossrec, avro-c) and fastavro, asked; and when two answers are equal.

Values of the specification are those of spec.py.
"""
import copy
import io
import json
import math
import signal
import subprocess

import fastavro

import schemas
import spec

FAST_SECONDS = 3


class Tool:
    """avro_tool: crossrec and avro-c."""

    def __init__(self, path, without_avroc=False):
        self.without_avroc = without_avroc
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, encoding="utf-8")

    def ask(self, op, **request):
        self.process.stdin.write(json.dumps({"op": op, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"avro_tool ended ({self.process.wait()}) at {op} "
                             f"{json.dumps(request)}")
        return json.loads(line)


class TooLong(Exception):
    pass


def too_long(_signal, _frame):
    raise TooLong


def watch():
    """Once, before anything is read by fastavro."""
    signal.signal(signal.SIGALRM, too_long)


def bare(schema):
    """Without logical types, which fastavro would convert and crossrec leaves as they are."""
    if isinstance(schema, list):
        return [bare(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: bare(value) if key in ("type", "items", "values", "fields") else value
            for key, value in schema.items() if key != "logicalType"}


def fast_schema(schema):
    return fastavro.parse_schema(copy.deepcopy(bare(schema)))


def fast_read(writer, reader, body):
    """(value, None) or (None, why it refused)."""
    signal.alarm(FAST_SECONDS)
    try:
        data = io.BytesIO(body)
        value = fastavro.schemaless_reader(data, fast_schema(writer), fast_schema(reader))
        if data.tell() != len(body):
            return None, "bytes are left"
        return value, None
    except Exception as error:  # it has many: refused is refused
        return None, f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def fast_datum(type_, value):
    """What fastavro writes: the branch of a union as (name, value)."""
    kind = type_.kind
    if kind == "union":
        branch = type_.branches[value.index]
        return (branch.name or branch.kind, fast_datum(branch, value.value))
    if kind == "record":
        return {f.name: fast_datum(f.type, value[f.name]) for f in type_.fields}
    if kind == "array":
        return [fast_datum(type_.items, item) for item in value]
    if kind == "map":
        return {k.decode(): fast_datum(type_.items, item) for k, item in value.items()}
    if kind == "string":
        return value.decode()
    return str(value) if kind == "enum" else value


def fast_write(schema, type_, value):
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fast_schema(schema), fast_datum(type_, value))
    return data.getvalue()


# ---- equal? ----------------------------------------------------------------------------------


def same_number(kind, value, other):
    if isinstance(other, bool) or not isinstance(other, (int, float)):
        return False
    other = schemas.rounded(kind, other)
    return value == other or math.isnan(value) and math.isnan(other)


def fast_equal(type_, value, other):
    """A value of spec.py and one of fastavro, floats rounded to the reader's type. A default of
    bytes is the text of the schema there, as yet."""
    kind = type_.kind
    if isinstance(value, spec.Raw):
        return value.json == other
    if kind == "union":
        return fast_equal(type_.branches[value.index], value.value, other)
    if kind in ("float", "double"):
        return same_number(kind, value, other)
    if kind in ("record", "map"):
        inner = {f.name: f.type for f in type_.fields}
        value = {k.decode() if kind == "map" else k: v for k, v in value.items()}
        return isinstance(other, dict) and value.keys() == other.keys() and all(
            fast_equal(inner.get(k, type_.items), v, other[k]) for k, v in value.items())
    if kind == "array":
        return isinstance(other, list) and len(value) == len(other) and all(
            fast_equal(type_.items, v, o) for v, o in zip(value, other))
    if kind in ("bytes", "fixed") and isinstance(other, str):
        return value.decode("latin-1") == other
    if kind == "string":
        return isinstance(other, str) and value == other.encode()
    return type(other) is (str if kind == "enum" else type(value)) and value == other


def strict_equal(a, b):
    """JSON, 1 and 1.0 and true being three things."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(strict_equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(strict_equal, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b)
    return isinstance(b, str) and a == b if isinstance(a, str) else type(a) is type(b) and a == b


def branchless(type_, json_):
    """Of a union the value alone: avro-c may choose another branch, of a number."""
    kind = type_.kind
    if kind == "union":
        return branchless(type_.branches[json_[0]], json_[1])
    if kind == "record":
        return {f.name: branchless(f.type, json_[f.name]) for f in type_.fields}
    if kind == "array":
        return [branchless(type_.items, item) for item in json_]
    if kind == "map":
        return {k: branchless(type_.items, item) for k, item in json_.items()}
    return float(json_) if isinstance(json_, int) and not isinstance(json_, bool) else json_
