# SPDX-License-Identifier: Apache-2.0
"""What must have come out: a sequential reference of the state of users.

Nothing of crossrec is used here. Events are taken one after another in the order
(ts, task, topic index, offset); per user and domain lines and consumed items are counted, and the
newest 50 lines are kept. Hashes are SipHash-2-4 (Aumasson, Bernstein 2012) under the public key of
consumer/hash.h; the lines of an order are taken in the order of their mixed hashes (models/mix.h).
"""
import collections
import struct

HISTORY = 50
EVENT_IDS = 16  # at least so many of the newest are remembered
CONSUMING = {"enroll", "purchase", "order", "complete", "rate", "report"}
MASK = (1 << 64) - 1
KEY = struct.unpack("<QQ", b"crossrec names 1")


def rotl(x, b):
    return ((x << b) | (x >> (64 - b))) & MASK


def sip_round(v0, v1, v2, v3):
    v0 = (v0 + v1) & MASK
    v1 = rotl(v1, 13) ^ v0
    v0 = rotl(v0, 32)
    v2 = (v2 + v3) & MASK
    v3 = rotl(v3, 16) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = rotl(v3, 21) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = rotl(v1, 17) ^ v2
    v2 = rotl(v2, 32)
    return v0, v1, v2, v3


def siphash(data, key=KEY):
    """SipHash-2-4 of bytes."""
    v = (key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D,
         key[0] ^ 0x6C7967656E657261, key[1] ^ 0x7465646279746573)
    tail = data[len(data) // 8 * 8:]
    last = int.from_bytes(tail, "little") | (len(data) & 0xFF) << 56
    for word in [*(w for (w,) in struct.iter_unpack("<Q", data[:len(data) // 8 * 8])), last]:
        v = (v[0], v[1], v[2], v[3] ^ word)
        v = sip_round(*sip_round(*v))
        v = (v[0] ^ word, v[1], v[2], v[3])
    v = (v[0], v[1], v[2] ^ 0xFF, v[3])
    for _ in range(4):
        v = sip_round(*v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def mix64(x):
    """A step of SplitMix64 (Steele, Lea, Flood 2014)."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def hex64(x):
    return f"{x:016x}"


class Hashes:
    """Of items and ids, each computed once."""

    def __init__(self):
        self.items = {}

    def item(self, domain, item):
        at = (domain, item)
        if at not in self.items:
            self.items[at] = siphash(domain.encode() + b"\0" + item.encode())
        return self.items[at]

    @staticmethod
    def id(text):
        return siphash(text.encode())


Event = collections.namedtuple("Event", "seq topic id user ts action items reason value")
Place = collections.namedtuple("Place", "incarnation topic partition offset")


class User:
    """What must be known of one user."""

    def __init__(self):
        self.lines = collections.Counter()  # by domain
        self.last_ms = {}
        self.consumed = collections.defaultdict(set)
        self.history = []  # oldest first: (hex, domain, action, ts)
        self.event_ids = []

    def take(self, event, domain, hashes):
        for item in sorted(event.items, key=lambda i: mix64(hashes.item(domain, i))):
            self.lines[domain] += 1
            self.history.append((hex64(hashes.item(domain, item)), domain, event.action, event.ts))
            if event.action in CONSUMING:
                self.consumed[domain].add(item)
        self.last_ms[domain] = max(self.last_ms.get(domain, 0), event.ts)
        self.event_ids.append(event.id)
        del self.history[:-HISTORY]

    def n(self):
        return sum(self.lines.values())

    def newest_first(self):
        return self.history[::-1]


def read_sent(path):
    """seq -> Event, of sent.tsv."""
    sent = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            seq, topic, event_id, user, ts, action, items, reason, value = line.rstrip("\n").split("\t")
            sent[int(seq)] = Event(int(seq), int(topic), event_id, user, int(ts), action,
                                   items.split(","), reason, value)
    return sent


def read_places(path):
    """seq -> [Place], of input.tsv; what has no number has none here."""
    places = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            seq, *place = line.rstrip("\n").split("\t")
            if seq != "?":
                places[int(seq)].append(Place(*map(int, place)))
    return places


def reckon(sent, places, domains):
    """Users as they must be. domains: name by topic index. -> {(task, user id): User}"""
    hashes = Hashes()
    users = collections.defaultdict(User)
    order = sorted((sent[seq].ts, place[0].partition, place[0].topic, place[0].incarnation,
                    place[0].offset, seq)
                   for seq, place in places.items() if sent[seq].reason == "-")
    for _, task, topic, _, _, seq in order:
        users[(task, sent[seq].user)].take(sent[seq], domains[topic], hashes)
    return users
