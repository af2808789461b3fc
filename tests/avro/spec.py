# SPDX-License-Identifier: Apache-2.0
"""spec.py -- the Avro 1.11 specification read literally, slowly: the third opinion of matrix.py.

    plan = resolve(writer, reader)     SchemaError: this writer cannot be read so
    value = decode(plan, body)         DataError: these bytes cannot be

A value is what the reader's type says: None, bool, int, float, bytes (string, bytes and fixed
alike), Symbol, list, dict (map: bytes keys; record: str keys), and Branch(index, value) of a
union.

resolve(..., wanted=True) resolves only what crossrec can be asked for: no record inside
itself, no scalar of a union that has records, arrays or maps besides (consumer/decode.h).
"""
import struct
from typing import NamedTuple

from schemas import (MISSING, NAMED, PROMOTIONS, SCALARS, Branch, SchemaError, Symbol,
                     default_value, need, rounded)

WIDTHS = {"boolean": 1, "float": 4, "double": 8}
EMPTY_ITEMS_MAX = 8192  # items without bytes; the specification has no limits, crossrec has
DEPTH_MAX = 100  # of a type in itself; no row and no random value lies near it


class DataError(Exception):
    pass


class Raw(NamedTuple):
    json: object


# ---- "Schema Resolution" -----------------------------------------------------------------


def match(w, r, any_size=False):
    if "union" in (w.kind, r.kind):
        return True
    if w.kind != r.kind:
        return r.kind in PROMOTIONS.get(w.kind, ())
    if w.kind in ("array", "map"):
        return match(w.items, r.items, any_size)
    if w.kind == "fixed" and w.size != r.size and not any_size:
        return False
    return w.kind not in NAMED or w.short == r.short or w.name in r.aliases


def first_branch(w, union, like):
    matches = [match(w, branch, "lazy" in like) for branch in union.branches]
    need(any(matches), f"{w.kind} is none of the reader's union")
    return matches.index(True)


def source(r, i, names):
    """The name of the writer's field for field i of the reader's record, or None. A field that
    has a name of its own in the reader's record is not taken by another one's alias."""
    field = r.fields[i]
    if field.name in names:
        return field.name
    taken = {other.name for other in r.fields}
    for other in r.fields[:i]:
        taken.update(other.aliases if other.name not in names else ())
    return next((a for a in field.aliases if a in names and a not in taken), None)


def wants(r, inside=()):
    """Has the reader's type anything that crossrec can be asked for?"""
    if r.kind == "record":
        return r.name not in inside and any(
            wants(field.type, inside + (r.name,)) for field in r.fields)
    if r.kind == "union" and not scalar(r):
        return any(not scalar(branch) and wants(branch, inside) for branch in r.branches)
    return True


def scalar(r):
    return r.kind in SCALARS or r.kind == "union" and all(b.kind in SCALARS for b in r.branches)


def resolve(w, r, wanted=False, like=()):
    """`like` departs as fastavro does; differences.py:
    same   both are one schema, of which each branch of a union is its own
    raw    a default is its JSON as it stands: Raw
    lazy   what does not match is an error only of the bytes that need it
    blind  what is skipped may end after the bytes"""
    return Resolver(wanted, like).resolve(w, r, ())


def decode(plan, body):
    data = Bytes(body)
    value = plan(data)
    if data.at != len(body):
        raise DataError("bytes are left")
    return value


class Resolver:
    """resolve() returns a function of Bytes; a pair inside itself is called through `open`."""

    def __init__(self, wanted, like):
        self.wanted, self.like, self.open = wanted, like, {}

    def resolve(self, w, r, inside):
        if self.wanted and inside and r is not None and not wants(r, inside):
            r = None  # but for the root, whose name must match
        key = (id(w), id(r))
        if key in self.open:
            cell = self.open[key]
            return lambda data: data.deeper(cell[0])
        cell = self.open[key] = []
        try:
            cell.append(self._resolve(w, r, inside))
        except SchemaError as error:
            if "lazy" not in self.like:
                raise
            cell.append(refuse(str(error)))
        finally:
            del self.open[key]
        return cell[0]

    def _resolve(self, w, r, inside):
        if w.kind == "union":
            return self._writer_union(w, r, inside)
        if r is None:
            return self._same_kind(w, None, inside)
        if r.kind == "union":
            index = first_branch(w, r, self.like)
            branch = r.branches[index]
            if self.wanted and not scalar(r) and scalar(branch):
                branch = None
            inner = self.resolve(w, branch, inside)
            return lambda data: Branch(index, inner(data))
        if w.kind != r.kind or w.kind not in ("array", "map"):
            need(match(w, r), f"{w.name or w.kind} is not {r.name or r.kind}")
        return self._same_kind(w, r, inside)

    def _writer_union(self, w, r, inside):
        """A branch that cannot be read is an error of the bytes that use it."""
        if "same" in self.like and r is not None:
            return self._same_union(w, inside)
        branches = []
        for branch in w.branches:
            try:
                branches.append(self.resolve(branch, r, inside))
            except SchemaError as error:
                branches.append(refuse(str(error)))
        return lambda data: branches[data.index(len(branches))](data)

    def _same_union(self, w, inside):
        branches = [self.resolve(branch, branch, inside) for branch in w.branches]

        def run(data):
            index = data.index(len(branches))
            return Branch(index, branches[index](data))
        return run

    def _same_kind(self, w, r, inside):
        if w.kind == "record":
            return self._record(w, r, inside)
        if w.kind in ("array", "map"):
            item = self.resolve(w.items, r and r.items, inside)
            return lambda data: data.blocks(item, w.kind == "map", r is None)
        if w.kind == "enum":
            return enum(w, r)
        blind = r is None and "blind" in self.like
        if w.kind == "fixed":
            return lambda data: data.take(w.size, blind)
        if w.kind in ("string", "bytes") and blind:
            return lambda data: data.take(data.long(), blind)
        if w.kind in WIDTHS and blind:
            return lambda data: data.take(WIDTHS[w.kind], blind)
        read = getattr(Bytes, w.kind)
        if r is not None and r.kind in ("float", "double"):
            return lambda data: rounded(r.kind, read(data))
        return read

    def _record(self, w, r, inside):
        if r is None:
            skips = [self.resolve(field.type, None, inside) for field in w.fields]
            return lambda data: [skip(data) for skip in skips]
        inside = inside + (r.name,)
        names = [field.name for field in w.fields]
        sources, defaults = {}, {}
        for i, field in enumerate(r.fields):
            found = source(r, i, names)
            if found:
                sources[found] = field
            elif not self.wanted or wants(field.type, inside):
                need(field.default is not MISSING, f"{field.name}: not in the writer's schema")
                raw = "raw" in self.like
                defaults[field.name] = Raw(field.default) if raw else default_value(
                    field.type, field.default)
        steps = [(sources.get(field.name),
                  self.resolve(field.type, sources[field.name].type if field.name in sources
                               else None, inside)) for field in w.fields]

        def run(data):
            value = dict(defaults)
            for field, step in steps:
                inner = step(data)
                if field:
                    value[field.name] = inner
            return value
        return run


def refuse(text):
    def run(data):
        raise DataError(text)
    return run


def enum(w, r):
    def run(data):
        symbol = w.symbols[data.index(len(w.symbols))]
        if r is None or symbol in r.symbols:
            return Symbol(symbol)
        if r.default is None:
            raise DataError(f"{symbol} is no symbol of {r.name}")
        return Symbol(r.default)
    return run


# ---- "Binary Encoding" -----------------------------------------------------------------


class Bytes:
    def __init__(self, body):
        self.body, self.at, self.depth = body, 0, 0

    def deeper(self, read):
        if self.depth == DEPTH_MAX:
            raise DataError("nested too deep")
        self.depth += 1
        value = read(self)
        self.depth -= 1
        return value

    def take(self, n, blind=False):
        if blind and n >= 0:
            n = min(n, len(self.body) - self.at)
        if n < 0 or n > len(self.body) - self.at:
            raise DataError("bytes end inside a value")
        self.at += n
        return self.body[self.at - n:self.at]

    def null(self):
        return None

    def boolean(self):
        byte = self.take(1)[0]
        if byte > 1:
            raise DataError("boolean")
        return byte == 1

    def long(self, bits=63):
        n, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift == 70:
                raise DataError("varint")
        if n >> (bits + 1):
            raise DataError("varint beyond its type")
        return (n >> 1) ^ -(n & 1)

    def int(self):
        return self.long(31)

    def float(self):
        return struct.unpack("<f", self.take(4))[0]

    def double(self):
        return struct.unpack("<d", self.take(8))[0]

    def bytes(self):
        return self.take(self.long())

    string = bytes

    def index(self, n):
        i = self.long()
        if not 0 <= i < n:
            raise DataError("no such branch or symbol")
        return i

    def blocks(self, item, is_map, skip):
        out, empty = {} if is_map else [], 0
        while True:
            count = self.long()
            end = None
            if count == 0:
                return out
            if count < 0:
                size = self.long()
                count, end = -count, self.at + size
                if size < 0 or end > len(self.body) or count >> 63:
                    raise DataError("size of a block")
                if skip:
                    self.at, count = end, 0
            for _ in range(count):
                before = self.at
                if is_map:
                    key = self.bytes()
                    out[key] = item(self)
                else:
                    out.append(item(self))
                empty += self.at == before
                if skip and empty:
                    break  # a type whose values take no bytes: nothing to skip
                if empty > EMPTY_ITEMS_MAX:
                    raise DataError("too many items without bytes")
            if end is not None and self.at != end:
                raise DataError("size of a block")
