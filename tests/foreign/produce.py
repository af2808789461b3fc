# SPDX-License-Identifier: Apache-2.0
"""produce.py BROKERS REGISTRY SEED -- what partners in Python send: confluent-kafka and fastavro.

Good events of every version of every topic in schemas.json, in any order, each partition with all
of them; one record in ten is garbage. Schemas are registered and values written by
confluent-kafka's own AvroSerializer. What a version has and nobody reads is filled at random.

Prints JSON, one object a line. Each garbage record (the place is what the broker said; key and
value in hex, null if there is none), and at last the sums:

    {"record": "food-orders/2/17", "kind": "no lines", "reason": "no-lines",
     "key": "31303030", "value": "0000..."}
    {"client": "...", "seed": 1, "good": {"food-orders/older": 230, ...},
     "events": {"food-orders": 690, ...}, "lines": {"food": 1400, ...},
     "bad": {"no lines": 20, ...}, "reasons": {"no-lines": 20, ...}}
"""
import collections
import datetime
import decimal
import json
import pathlib
import random
import struct
import sys
import uuid

import confluent_kafka
import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

USERS = 150  # "1000".."1149": of all partners, as texts, numbers or bytes
ITEMS = 40  # of each domain
EACH = 20  # garbage records of each kind
GOOD_TO_BAD = 9
LINES_MAX = 512
DOMAINS = {"course-views": "course", "food-orders": "food", "rides": "bikes"}

RANDOM = object()  # no value is given: any will do


# ---- values of any schema ---------------------------------------------------------------------


def kind_of(schema, named):
    """(type, logical type, schema) of a schema that is no union."""
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, str):
        return schema, None, schema
    return schema["type"], schema.get("logicalType"), schema


def fits(kind, logical, known):
    if known is RANDOM:
        return True
    if known is None:
        return kind == "null"
    if isinstance(known, datetime.datetime):
        return kind in ("long", "string")
    if isinstance(known, decimal.Decimal):
        return logical == "decimal"
    if isinstance(known, str):
        return kind in ("string", "enum") or kind == "bytes" and not logical or \
            kind in ("int", "long") and not logical and known.isdigit()
    if isinstance(known, (int, float)):
        return kind in ("int", "long", "float", "double")
    return kind == ("record" if isinstance(known, dict) else "array")


def as_type(kind, logical, known):
    """What is known as the schema has it."""
    if isinstance(known, datetime.datetime):
        if kind == "string":
            return known.isoformat()
        return known if logical else round(known.timestamp() * 1000)
    if isinstance(known, str) and kind == "bytes":
        return known.encode()
    if kind in ("int", "long"):
        return int(known)
    return float(known) if kind in ("float", "double") else known


class Filler:
    """Makes a value of a schema: of what is known by the names of fields, the rest at random."""

    def __init__(self, rng, text):
        self.rng = rng
        self.named = {}
        self.parsed = fastavro.parse_schema(json.loads(text), named_schemas=self.named)

    def fill(self, known):
        return self.value(self.parsed, known, 0)

    def union(self, branches, known, depth):
        kinds = [kind_of(b, self.named) for b in branches]
        fitting = [k for k in kinds if fits(k[0], k[1], known)]
        flat = [k for k in fitting if k[0] != "record"]
        kind, _logical, schema = self.rng.choice(flat if depth > 3 and flat else fitting)
        name = schema["name"] if kind in ("record", "enum", "fixed") else kind
        return name, self.value(schema, known, depth)

    def value(self, schema, known, depth):
        if isinstance(schema, list):
            return self.union(schema, known, depth)
        kind, logical, schema = kind_of(schema, self.named)
        if kind == "record":
            given = {} if known is RANDOM else known
            return {f["name"]: self.value(f["type"], given.get(f["name"], RANDOM), depth + 1)
                    for f in schema["fields"]}
        if kind == "array":
            items = [RANDOM] * self.few(depth) if known is RANDOM else known
            return [self.value(schema["items"], item, depth + 1) for item in items]
        if kind == "map":
            return {f"key {k}": self.value(schema["values"], RANDOM, depth + 1)
                    for k in range(self.few(depth))}
        return self.scalar(kind, logical, schema) if known is RANDOM else \
            as_type(kind, logical, known)

    def few(self, depth):
        return self.rng.randrange(3) if depth < 4 else 0

    def scalar(self, kind, logical, schema):
        rng = self.rng
        if logical == "decimal":
            return decimal.Decimal(rng.randrange(-10**6, 10**6)).scaleb(-schema["scale"])
        if logical in ("date", "time-millis"):
            return rng.randrange(20000)
        if kind in ("int", "long"):
            bits = rng.randrange(1, 32 if kind == "int" else 64)
            return rng.randrange(-2**(bits - 1), 2**(bits - 1))
        return {
            "null": lambda: None,
            "boolean": lambda: rng.random() < 0.5,
            "float": rng.random,
            "double": lambda: rng.choice([rng.random(), float("nan"), -1e300]),
            "string": lambda: "é" * rng.randrange(90),
            "bytes": lambda: rng.randbytes(rng.randrange(200)),
            "fixed": lambda: rng.randbytes(schema["size"]),
            "enum": lambda: rng.choice(schema["symbols"]),
        }[kind]()


# ---- what happened, and what of it is wrong ------------------------------------------------------


Event = collections.namedtuple("Event", "id user at domain items")


def facts(rng, topic, e):
    """What is known of an event, by the names of fields that the versions of the topic have."""
    common = {"event_id": e.id, "user_id": e.user, "ts": e.at}
    if topic == "course-views":
        return common | {"course_id": e.items[0], "price": rng.choice([None, 12.5]), "amount": 12,
                         "action": rng.choice(["VIEW", "ENROLL", "COMPLETE", "PURCHASE"])}
    if topic == "food-orders":
        return common | {"lines": [{"dish_id": i, "quantity": 2, "amount": 7, "discount": 1}
                                   for i in e.items]}
    if topic == "any-events":
        return common | {"domain": e.domain, "action": rng.choice(["VIEW", "PURCHASE"]),
                         "lines": [{"item_id": i, "quantity": 1, "amount": 4, "discount": 0.5}
                                   for i in e.items]}
    fee = rng.choice([None, decimal.Decimal("3.50")])
    return {"head": {"id": e.id, "at": e.at}, "rider": {"number": e.user},
            "what": rng.choice(["LOOKED", "RODE"]),
            "legs": [{"station": i, "minutes": 9, "duration_min": 9, "fee": fee} for i in e.items]}


def first(name, **changes):
    """Changes the first of an array."""
    return lambda f: f | {name: [f[name][0] | changes] + f[name][1:]}


def inner(name, **changes):
    return lambda f: f | {name: f[name] | changes}


def with_(**changes):
    return lambda f: f | changes


NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
OLD = datetime.datetime(1999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
SOON = NOW + datetime.timedelta(days=1)

# Kind, reason, topic, versions, what is changed in the facts.
WRONG_FACTS = [
    ("no user", "user-id", "course-views", "older shipped newer", with_(user_id="")),
    ("a user of 256 bytes", "user-id", "food-orders", "older shipped newer",
     with_(user_id="u" * 256)),
    ("no rider", "user-id", "rides", "mapped newer", with_(rider=None)),
    ("no event id", "event-id", "any-events", "shipped newer", with_(event_id="")),
    ("no item", "item-id", "course-views", "older shipped newer", with_(course_id="")),
    ("an item without id", "item-id", "rides", "older mapped newer", first("legs", station="")),
    ("no lines", "no-lines", "food-orders", "older shipped newer", with_(lines=[])),
    ("513 lines", "oversized", "food-orders", "older shipped newer",
     lambda f: f | {"lines": f["lines"][:1] * (LINES_MAX + 1)}),
    ("a word that nobody mapped", "action", "rides", "newer", with_(what="REFUELLED")),
    ("a symbol that the reader has not", "decode", "course-views", "newer", with_(action="GIFT")),
    ("null where the reader has none", "decode", "course-views", "newer", with_(ts=None)),
    ("a domain that is none", "domain", "any-events", "shipped newer", with_(domain="books")),
    ("a text that is no time", "time-text", "rides", "mapped newer", inner("head", at="yesterday")),
    ("no time", "missing", "rides", "mapped newer", inner("head", at=None)),
    ("before 2000", "time-past", "food-orders", "older shipped newer", with_(ts=OLD)),
    ("a ride before 2000", "time-past", "rides", "older mapped newer", inner("head", at=OLD)),
    ("tomorrow", "time-future", "course-views", "older shipped newer", with_(ts=SOON)),
    ("a negative quantity", "number", "food-orders", "shipped newer", first("lines", quantity=-1)),
    ("a negative fee", "number", "rides", "mapped newer",
     first("legs", fee=decimal.Decimal("-0.01"))),
    ("a price that is no number", "number", "course-views", "shipped",
     with_(price=float("nan"))),
    ("an infinite amount", "number", "food-orders", "shipped",
     first("lines", amount=float("inf"))),
    ("over 1 MiB", "oversized", "course-views", "shipped", with_(source="x" * (1 << 20))),
]
FEW = {"over 1 MiB": 2}

# Kind, reason, what becomes of the bytes.
WRONG_BYTES = [
    ("no value", "empty", lambda rng, v: None),
    ("no bytes", "wire-header", lambda rng, v: b""),
    ("another magic", "wire-header", lambda rng, v: b"\1" + v[1:]),
    ("four bytes", "wire-header", lambda rng, v: v[:4]),
    ("JSON", "wire-header", lambda rng, v: b'{"user_id": "1001"}'),
    ("an unknown schema", "schema-unknown",
     lambda rng, v: b"\0" + struct.pack(">I", 2_000_000_001) + v[5:]),
    ("cut short", "decode", lambda rng, v: v[:rng.randrange(5, len(v))]),
    ("bytes behind it", "decode", lambda rng, v: v + rng.randbytes(rng.randrange(1, 9))),
]
OTHER_TOPIC = ("a schema of another topic", "schema-mismatch")
MISPLACED = ("another partition", "wrong-partition")


# ---- sending -----------------------------------------------------------------------------------


class Sender:
    def __init__(self, brokers, registry, seed):
        self.rng = random.Random(seed)
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": brokers, "partitioner": "murmur2_random", "acks": "all",
            "enable.idempotence": True, "compression.type": "zstd", "linger.ms": 5,
            "message.max.bytes": 4 << 20})
        client = SchemaRegistryClient({"url": registry})
        self.versions = collections.defaultdict(list)
        self.writers = {}
        for topic, files in json.loads((HERE / "schemas.json").read_text()).items():
            for version, path in files.items():
                text = (ROOT / path).read_text()
                self.versions[topic].append(version)
                self.writers[topic, version] = (Filler(self.rng, text),
                                                AvroSerializer(client, text))
        self.homes = {}  # user -> partition, as the partitioner has it
        self.good = collections.Counter()
        self.events = collections.Counter()
        self.lines = collections.Counter()
        self.bad = collections.Counter()
        self.reasons = collections.Counter()
        self.made = 0

    def event(self, topic):
        rng = self.rng
        self.made += 1
        domain = DOMAINS.get(topic) or rng.choice(list(DOMAINS.values()))
        n = 1 if topic == "course-views" else rng.randrange(1, 5)
        return Event(id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                     user=str(1000 + rng.randrange(USERS)),
                     at=NOW - datetime.timedelta(hours=1) +
                     datetime.timedelta(milliseconds=self.made),
                     domain=domain,
                     items=[f"{domain}-{k}" for k in rng.sample(range(ITEMS), n)])

    def write(self, topic, version, known):
        filler, serializer = self.writers[topic, version]
        return serializer(filler.fill(known), SerializationContext(topic, MessageField.VALUE))

    def send(self, topic, key, value, bad=None, partition=None):
        where = {} if partition is None else {"partition": partition}

        def delivered(error, message):
            if error:
                sys.exit(f"{topic}: {error}")
            if partition is None:
                self.homes[key] = message.partition()
            if bad:
                print(json.dumps({
                    "record": f"{topic}/{message.partition()}/{message.offset()}", "kind": bad[0],
                    "reason": bad[1], "key": key.encode().hex(),
                    "value": None if value is None else value.hex()}))
        while True:
            try:
                self.producer.produce(topic, value, key, on_delivery=delivered, **where)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.producer.poll(0)
        if bad:
            self.bad[bad[0]] += 1
            self.reasons[bad[1]] += 1

    def send_good(self):
        topic = self.rng.choice(list(self.versions))
        version = self.rng.choice(self.versions[topic])
        e = self.event(topic)
        self.send(topic, e.user, self.write(topic, version, facts(self.rng, topic, e)))
        self.good[f"{topic}/{version}"] += 1
        self.events[topic] += 1
        self.lines[e.domain] += len(e.items)

    def any_value(self, user=None):
        topic = self.rng.choice(list(self.versions))
        e = self.event(topic)
        e = e._replace(user=user or e.user)
        value = self.write(topic, self.rng.choice(self.versions[topic]),
                           facts(self.rng, topic, e))
        return topic, e.user, value

    def send_wrong_facts(self, kind, reason, topic, versions, change):
        e = self.event(topic)
        value = self.write(topic, self.rng.choice(versions.split()),
                           change(facts(self.rng, topic, e)))
        self.send(topic, e.user, value, (kind, reason))

    def send_wrong_bytes(self, kind, reason, change):
        topic, user, value = self.any_value()
        self.send(topic, user, change(self.rng, value), (kind, reason))

    def send_to_other_topic(self):
        topic, user, value = self.any_value()
        other = self.rng.choice([t for t in self.versions if t != topic])
        self.send(other, user, value, OTHER_TOPIC)

    def send_to_other_partition(self, partitions):
        while not self.homes:
            self.producer.poll(0.1)
        topic, user, value = self.any_value(self.rng.choice(list(self.homes)))
        partition = (self.homes[user] + self.rng.randrange(1, partitions)) % partitions
        self.send(topic, user, value, MISPLACED, partition)

    def bad_ones(self, partitions):
        """One function for each garbage record."""
        for row in WRONG_FACTS:
            yield from [lambda row=row: self.send_wrong_facts(*row)] * FEW.get(row[0], EACH)
        for row in WRONG_BYTES:
            yield from [lambda row=row: self.send_wrong_bytes(*row)] * EACH
        yield from [self.send_to_other_topic] * EACH
        yield from [lambda: self.send_to_other_partition(partitions)] * EACH

    def run(self):
        # of all topics, before the first record waits for it
        known = self.producer.list_topics().topics
        bad = list(self.bad_ones(len(known["rides"].partitions)))
        jobs = bad + [self.send_good] * (GOOD_TO_BAD * len(bad) - 1)
        self.rng.shuffle(jobs)
        for job in [self.send_good] + jobs:
            job()
        left = self.producer.flush(30)
        if left:
            sys.exit(f"{left} records were not delivered in time")


def main():
    brokers, registry, seed = sys.argv[1:]
    sender = Sender(brokers, registry, int(seed))
    sender.run()
    print(json.dumps({
        "client": f"confluent-kafka {confluent_kafka.version()} (librdkafka "
                  f"{confluent_kafka.libversion()[0]}), fastavro {fastavro.__version__}",
        "seed": int(seed), "good": sender.good, "events": sender.events, "lines": sender.lines,
        "bad": sender.bad, "reasons": sender.reasons}))


if __name__ == "__main__":
    main()
