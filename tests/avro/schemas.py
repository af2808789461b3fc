# SPDX-License-Identifier: Apache-2.0
"""schemas.py -- Avro schemas and defaults (Avro 1.11 specification, "Schema Declaration").

    type_ = parse(json)        SchemaError: not a schema

Values are those of spec.py.
"""
import math
import re
import struct
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAMED = ("record", "enum", "fixed")
SCALARS = PRIMITIVES + ("enum", "fixed")
PROMOTIONS = {"int": ("long", "float", "double"), "long": ("float", "double"),
              "float": ("double",), "string": ("bytes",), "bytes": ("string",)}
RANGES = {"int": 31, "long": 63}
FLOAT_MAX = 3.4028234663852886e38  # the specification wants a number; crossrec one that is finite


class MISSING:  # no default; classes are themselves when copied
    pass


class SchemaError(Exception):
    pass


class Branch(NamedTuple):
    index: int
    value: object


class Symbol(str):
    pass


class Field:
    def __init__(self, name, type_, default=MISSING, aliases=()):
        self.name, self.type, self.default, self.aliases = name, type_, default, list(aliases)


class Type:
    """A node of a schema; recursive types are cycles."""

    def __init__(self, kind, name=None, **parts):
        self.kind, self.name, self.aliases = kind, name, parts.get("aliases", [])
        self.fields = parts.get("fields", [])
        self.symbols, self.default = parts.get("symbols", []), parts.get("default")
        self.branches, self.items = parts.get("branches", []), parts.get("items")
        self.size = parts.get("size")

    @property
    def short(self):
        return self.name.rpartition(".")[2]


# ---- schemas: "Schema Declaration" ----------------------------------------------------


def need(condition, text):
    if not condition:
        raise SchemaError(text)


def full_name(name, namespace):
    need(isinstance(name, str) and all(NAME.match(part) for part in name.split(".")),
         f"bad name {name!r}")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def parse(json):
    type_ = _parse(json, "", {})
    _check_defaults(type_, set())
    return type_


def _parse(json, namespace, known):
    if isinstance(json, str):
        if json in PRIMITIVES:
            return Type(json)
        name = full_name(json, namespace)
        need(name in known, f"unknown type {name}")
        return known[name]
    if isinstance(json, list):
        branches = [_parse(branch, namespace, known) for branch in json]
        keys = [branch.name or branch.kind for branch in branches]
        need(keys, "a union without branches")
        need("union" not in keys, "a union directly in a union")
        need(len(set(keys)) == len(keys), f"branches repeat: {keys}")
        return Type("union", branches=branches)
    need(isinstance(json, dict) and "type" in json, "no type")
    kind = json["type"]
    if isinstance(kind, (list, dict)):
        return _parse(kind, namespace, known)
    if kind == "array":
        return Type(kind, items=_parse(json.get("items"), namespace, known))
    if kind == "map":
        return Type(kind, items=_parse(json.get("values"), namespace, known))
    if kind not in NAMED:
        return _parse(kind, namespace, known)
    return _named(json, kind, namespace, known)


def _named(json, kind, namespace, known):
    name = full_name(json.get("name"), json.get("namespace", namespace))
    own = name.rpartition(".")[0]
    need(name.rpartition(".")[2] not in PRIMITIVES, f"{name} is a primitive type")
    need(name not in known, f"{name} is defined twice")
    type_ = known[name] = Type(kind, name)
    type_.aliases = [full_name(alias, own) for alias in json.get("aliases", [])]
    if kind == "fixed":
        type_.size = json.get("size")
        need(isinstance(type_.size, int) and type_.size >= 0, f"{name}: size")
    elif kind == "enum":
        type_.symbols, type_.default = json.get("symbols"), json.get("default")
        need(isinstance(type_.symbols, list) and type_.symbols and
             all(NAME.match(symbol) for symbol in type_.symbols), f"{name}: symbols")
        need(len(set(type_.symbols)) == len(type_.symbols), f"{name}: symbols repeat")
        need(type_.default is None or type_.default in type_.symbols, f"{name}: default")
    else:
        need(isinstance(json.get("fields"), list), f"{name}: fields")
        for field in json["fields"]:
            need(isinstance(field, dict) and "type" in field, f"{name}: field")
            full_name(field.get("name"), "")
            type_.fields.append(Field(field["name"], _parse(field["type"], own, known),
                                      field.get("default", MISSING), field.get("aliases", [])))
        names = [field.name for field in type_.fields]
        need(len(set(names)) == len(names), f"{name}: fields repeat")
    return type_


def _check_defaults(type_, seen):
    if id(type_) in seen:
        return
    seen.add(id(type_))
    for field in type_.fields:
        if field.default is not MISSING:
            default_value(field.type, field.default)
    for child in [field.type for field in type_.fields] + type_.branches + [type_.items]:
        if child is not None:
            _check_defaults(child, seen)


def default_value(type_, json):
    """The value of a default; the table "field default values"."""
    kind = type_.kind
    number = isinstance(json, (int, float)) and not isinstance(json, bool)
    if kind == "union":
        return Branch(0, default_value(type_.branches[0], json))
    if kind == "null":
        need(json is None, "default of null")
        return None
    if kind == "boolean":
        need(isinstance(json, bool), "default of boolean")
        return json
    if kind in RANGES:
        need(number and isinstance(json, int) and -1 << RANGES[kind] <= json < 1 << RANGES[kind],
             f"default of {kind}")
        return json
    if kind in ("float", "double"):
        need(number and (kind == "double" or abs(json) <= FLOAT_MAX), f"default of {kind}")
        return rounded(kind, json)
    if kind == "array":
        need(isinstance(json, list), "default of array")
        return [default_value(type_.items, item) for item in json]
    need(isinstance(json, dict if kind in ("map", "record") else str), f"default of {kind}")
    if kind == "map":
        return {key.encode(): default_value(type_.items, item) for key, item in json.items()}
    if kind == "record":
        value = {}
        for field in type_.fields:
            inner = json.get(field.name, field.default)
            need(inner is not MISSING, f"default of {type_.name} lacks {field.name}")
            value[field.name] = default_value(field.type, inner)
        return value
    if kind == "enum":
        need(json in type_.symbols, f"default of {type_.name}")
        return Symbol(json)
    if kind == "string":
        return json.encode()
    need(all(ord(c) < 256 for c in json), f"default of {kind}")
    need(kind == "bytes" or len(json) == type_.size, f"default of {kind}: size")
    return json.encode("latin-1")


def rounded(kind, number):
    """To the nearest float or double, once."""
    if kind != "float":
        return float(number)
    if isinstance(number, int) and abs(number) >> 53:  # 30 bits and whether more follow are exact
        shift = abs(number).bit_length() - 30
        number = (number >> shift | (number & (1 << shift) - 1 != 0)) << shift
    try:
        return struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
