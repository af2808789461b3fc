# SPDX-License-Identifier: Apache-2.0
"""shown.py -- values of spec.py as JSON: for the table, for avro-c, and as crossrec tells them."""
import math

from spec import scalar, wants


class NOTHING:  # of visible(): not on the tape
    pass


def text(raw):
    """A string of the reader's: its characters; bytes that are no UTF-8 are told apart."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"not utf-8": raw.decode("latin-1")}


def number(value):
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def leaf(type_, value):
    if type_.kind == "string":
        return text(value)
    if type_.kind in ("bytes", "fixed"):
        return value.decode("latin-1")
    return number(value) if type_.kind in ("float", "double") else value


def raw_leaf(type_, value):
    return value.decode("latin-1") if type_.kind == "string" else leaf(type_, value)


def key_text(key):
    return key.decode("utf-8", "replace")


def plain(type_, value):
    """JSON of a value, as the table has it: a union is the value of its branch."""
    if type_.kind == "union":
        return plain(type_.branches[value.index], value.value)
    if type_.kind == "record":
        return {f.name: plain(f.type, value[f.name]) for f in type_.fields}
    if type_.kind == "array":
        return [plain(type_.items, item) for item in value]
    if type_.kind == "map":
        return {key_text(k): plain(type_.items, item) for k, item in value.items()}
    return leaf(type_, value)


def visible(type_, value, inside=()):
    """What avro_tool can tell of a value: see the head. NOTHING: no trace on the tape."""
    if not wants(type_, inside):
        return NOTHING
    if type_.kind == "union":
        taken = type_.branches[value.index]
        if not scalar(type_) and scalar(taken):
            return NOTHING
        return visible(taken, value.value, inside)
    if type_.kind == "record":
        parts = {f.name: visible(f.type, value.get(f.name, NOTHING), inside + (type_.name,))
                 for f in type_.fields if f.name in value}
        parts = {name: part for name, part in parts.items() if part is not NOTHING}
        return parts if parts else NOTHING
    if type_.kind == "array":
        return [seen(visible(type_.items, item, inside)) for item in value]
    if type_.kind == "map":
        return {key_text(k): seen(visible(type_.items, v, inside)) for k, v in value.items()}
    return raw_leaf(type_, value)


def seen(json):
    return None if json is NOTHING else json


def coded(type_, value):
    """JSON with every byte of a text as a character and unions as [branch, value]."""
    if type_.kind == "union":
        return [value.index, coded(type_.branches[value.index], value.value)]
    if type_.kind == "record":
        return {f.name: coded(f.type, value[f.name]) for f in type_.fields}
    if type_.kind == "array":
        return [coded(type_.items, item) for item in value]
    if type_.kind == "map":
        return {key_text(k): coded(type_.items, item) for k, item in value.items()}
    return raw_leaf(type_, value)
