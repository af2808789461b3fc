# SPDX-License-Identifier: Apache-2.0
"""random_pairs.py -- writer schemas, readers made of them by legal and illegal changes, values.

    rng = random.Random(seed)
    writer = Maker(rng).record()             schemas.Type
    reader = changed(rng, writer)            another schemas.Type; perhaps unreadable
    value = random_value(rng, writer)        see spec.py
    json = dump(writer)                      what the programs are given
"""
import copy
import math

import schemas
import shown
from schemas import Branch, Field, Symbol, Type

WORDS = ["", "a", "u-17", "Zürich", "😀", "x" * 70, "a b\n\"c\\", "0"]
LONGS = [0, 1, -1, 63, 64, -65, 8191, 2**31 - 1, -2**31, 2**53 + 1, 2**63 - 1, -2**63,
         1700000000000]
DOUBLES = [0.0, -0.0, 1.5, 0.1, -2.25, 1e300, 5e-324, 3.4e38, math.inf, -math.inf, math.nan]


def dump(type_, known=None):
    """Schema JSON, each named type defined where it comes first."""
    known = set() if known is None else known
    if type_.kind in schemas.PRIMITIVES:
        return type_.kind
    if type_.kind == "union":
        return [dump(branch, known) for branch in type_.branches]
    if type_.kind in ("array", "map"):
        return {"type": type_.kind, {"array": "items", "map": "values"}[type_.kind]:
                dump(type_.items, known)}
    if type_.name in known:
        return type_.name
    known.add(type_.name)
    json = {"type": type_.kind, "name": type_.name}
    if type_.aliases:
        json["aliases"] = list(type_.aliases)
    if type_.kind == "fixed":
        json["size"] = type_.size
    elif type_.kind == "enum":
        json["symbols"] = list(type_.symbols)
        if type_.default is not None:
            json["default"] = type_.default
    else:
        json["fields"] = [dump_field(field, known) for field in type_.fields]
    return json


def dump_field(field, known):
    json = {"name": field.name, "type": dump(field.type, known)}
    if field.aliases:
        json["aliases"] = list(field.aliases)
    if field.default is not schemas.MISSING:
        json["default"] = field.default
    return json


# ---- writers -----------------------------------------------------------------------------


class Maker:
    def __init__(self, rng, prefix="T"):
        self.rng, self.prefix, self.count, self.named = rng, prefix, 0, []
        self.namespace = rng.choice(["", "p.", "p.q."])

    def name(self):
        self.count += 1
        return f"{self.namespace}{self.prefix}{self.count}"

    def record(self, depth=3):
        record = Type("record", self.name())
        for i in range(self.rng.randint(1, 5)):
            record.fields.append(Field(f"f{i}", self.type(depth - 1)))
        if self.rng.random() < 0.2:
            inner = self.rng.choice([Type("union", branches=[Type("null"), record]),
                                     Type("array", items=record)])
            record.fields.insert(self.rng.randint(0, len(record.fields)), Field("self", inner))
        self.named.append(record)
        return record

    def type(self, depth, in_union=False):
        kinds = ["primitive"] * 8 + ["fixed", "enum"]
        if depth > 0:
            kinds += ["record"] * 3 + ["array"] * 2 + ["map"] + ["union"] * (0 if in_union else 5)
        if self.named:
            kinds += ["named"]
        kind = self.rng.choice(kinds)
        if kind == "primitive":
            return Type(self.rng.choice(schemas.PRIMITIVES))
        if kind == "named":
            return self.rng.choice(self.named)
        if kind == "record":
            return self.record(depth)
        if kind == "union":
            return self.union(depth)
        if kind in ("array", "map"):
            return Type(kind, items=self.type(depth - 1))
        named = Type(kind, self.name(), size=self.rng.randint(0, 5),
                     symbols=self.rng.sample("ABCDE", self.rng.randint(1, 5)))
        if kind == "enum" and self.rng.random() < 0.3:
            named.default = self.rng.choice(named.symbols)
        self.named.append(named)
        return named

    def union(self, depth):
        branches = [Type("null")] if self.rng.random() < 0.6 else []
        for _ in range(self.rng.randint(1, 3)):
            branch = self.type(depth - 1, in_union=True)
            if branch.kind != "union" and key(branch) not in map(key, branches):
                branches.append(branch)
        return Type("union", branches=branches)


def key(type_):
    return type_.name or type_.kind


# ---- values ------------------------------------------------------------------------------


def random_value(rng, type_, depth=8):
    """Ends where a type holds itself: null and no items from `depth` on."""
    kind = type_.kind
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind in schemas.RANGES:
        limit = 1 << schemas.RANGES[kind]
        number = rng.choice(LONGS + [rng.randint(-1000, 1000), rng.randint(-limit, limit - 1)])
        return max(-limit, min(number, limit - 1))
    if kind in ("float", "double"):
        return schemas.rounded(kind, rng.choice(DOUBLES + [rng.uniform(-1e6, 1e6)]))
    if kind == "string":
        return rng.choice(WORDS).encode()
    if kind == "bytes":
        return rng.choice([rng.choice(WORDS).encode(), rng.randbytes(rng.randint(0, 9))])
    if kind == "fixed":
        return rng.randbytes(type_.size)
    if kind == "enum":
        return Symbol(rng.choice(type_.symbols))
    if kind == "record":
        return {f.name: random_value(rng, f.type, depth - 1) for f in type_.fields}
    if kind == "union":
        index = rng.randrange(len(type_.branches))
        if depth <= 0:
            index = next((i for i, b in enumerate(type_.branches) if b.kind == "null"), index)
        return Branch(index, random_value(rng, type_.branches[index], depth - 1))
    n = rng.choice([0, 1, 2, 3]) if depth > 0 else 0
    if kind == "array":
        return [random_value(rng, type_.items, depth - 1) for _ in range(n)]
    return {f"k{i}".encode(): random_value(rng, type_.items, depth - 1) for i in range(n)}


def default_json(rng, type_, depth=6):
    """JSON of a default; RecursionError where the type holds itself without an end."""
    if depth < 0:
        raise RecursionError
    kind = type_.kind
    if kind == "union":
        return default_json(rng, type_.branches[0], depth)
    if kind == "record":
        return {f.name: default_json(rng, f.type, depth - 1) for f in type_.fields}
    if kind == "array":
        return [default_json(rng, type_.items, depth - 1) for _ in range(rng.choice([0, 0, 1, 2]))]
    if kind == "map":
        keys = ["k"] * rng.randint(0, 1)
        return {key_: default_json(rng, type_.items, depth - 1) for key_ in keys}
    value = random_value(rng, type_)
    if kind in ("float", "double"):
        return value if math.isfinite(value) else 2.5
    return str(value) if kind == "enum" else shown.leaf(type_, value)


# ---- readers -----------------------------------------------------------------------------


class Place:
    """Where a type stands, so that another can be put there."""

    def __init__(self, holder, index=None):
        self.holder, self.index = holder, index

    @property
    def in_union(self):
        return self.index is not None

    @property
    def type(self):
        if self.in_union:
            return self.holder.branches[self.index]
        return self.holder.type if isinstance(self.holder, Field) else self.holder.items

    def put(self, type_):
        if self.in_union:
            self.holder.branches[self.index] = type_
        elif isinstance(self.holder, Field):
            self.holder.type = type_
        else:
            self.holder.items = type_


def walk(type_, places, types, seen):
    if id(type_) in seen:
        return
    seen.add(id(type_))
    types.append(type_)
    holders = [Place(field) for field in type_.fields]
    holders += [Place(type_, i) for i in range(len(type_.branches))]
    holders += [Place(type_)] if type_.items is not None else []
    for place in holders:
        places.append(place)
        walk(place.type, places, types, seen)


def changed(rng, writer, changes=None):
    """A copy with some changes; those that make no schema of it are taken back."""
    reader = copy.deepcopy(writer)
    for _ in range(rng.randint(0, 5) if changes is None else changes):
        before = copy.deepcopy(reader)
        try:
            places, types = [], []
            walk(reader, places, types, set())
            rng.choice(CHANGES)(rng, places, types)
            schemas.parse(dump(reader))
        except (schemas.SchemaError, RecursionError, IndexError, ValueError):
            reader = before
    return reader


def fresh(rng):
    return Maker(rng, f"N{rng.randrange(10**6)}x")


def of(rng, types, *kinds):
    return rng.choice([type_ for type_ in types if type_.kind in kinds])


def promote(rng, places, _types):
    place = rng.choice([p for p in places if p.type.kind in schemas.PROMOTIONS])
    place.put(Type(rng.choice(schemas.PROMOTIONS[place.type.kind])))


def retype(rng, places, _types):
    place = rng.choice(places)
    place.put(fresh(rng).type(2, place.in_union))


def wrap(rng, places, _types):
    place = rng.choice([p for p in places if not p.in_union and p.type.kind != "union"])
    others = [Type(kind) for kind in rng.sample(schemas.PRIMITIVES, rng.randint(0, 2))
              if kind != place.type.kind]
    branches = others + [place.type]
    rng.shuffle(branches)
    place.put(Type("union", branches=branches))


def unwrap(rng, places, _types):
    place = rng.choice([p for p in places if p.type.kind == "union"])
    place.put(rng.choice(place.type.branches))


def widen(rng, _places, types):
    union = of(rng, types, "union")
    union.branches.insert(rng.randint(0, len(union.branches)), fresh(rng).type(2, True))


def narrow(rng, _places, types):
    branches = of(rng, types, "union").branches
    if len(branches) > 1:
        del branches[rng.randrange(len(branches))]


def shuffle(rng, _places, types):
    type_ = of(rng, types, "union", "record", "enum")
    rng.shuffle(type_.branches or type_.fields or type_.symbols)


def remove_field(rng, _places, types):
    fields = of(rng, types, "record").fields
    if len(fields) > 1:
        del fields[rng.randrange(len(fields))]


def add_field(rng, _places, types):
    record = of(rng, types, "record")
    field = Field(f"n{rng.randrange(10**6)}", fresh(rng).type(2))
    if rng.random() < 0.85:
        field.default = default_json(rng, field.type)
    record.fields.insert(rng.randint(0, len(record.fields)), field)


def rename_field(rng, _places, types):
    field = rng.choice(of(rng, types, "record").fields)
    if rng.random() < 0.8:
        field.aliases = ["other", field.name]
    elif rng.random() < 0.5:
        field.default = default_json(rng, field.type)
    field.name = f"r{rng.randrange(10**6)}"


def give_default(rng, _places, types):
    field = rng.choice(of(rng, types, "record").fields)
    field.default = default_json(rng, field.type)


def rename_type(rng, _places, types):
    type_ = of(rng, types, *schemas.NAMED)
    space = type_.name.rpartition(".")[0]
    if rng.random() < 0.8:
        type_.aliases = [type_.name]
    type_.name = (space + "." if space else "") + f"R{rng.randrange(10**6)}"


def change_symbols(rng, _places, types):
    enum = of(rng, types, "enum")
    symbols = rng.sample("ABCDEFG", rng.randint(1, 6))
    enum.symbols, enum.default = symbols, rng.choice([None, rng.choice(symbols)])


def resize(rng, _places, types):
    of(rng, types, "fixed").size += 1


CHANGES = [promote, promote, promote, retype, wrap, wrap, unwrap, widen, widen, narrow, shuffle,
           shuffle, remove_field, remove_field, add_field, add_field, add_field, rename_field,
           rename_field, give_default, rename_type, change_symbols, change_symbols, resize]
