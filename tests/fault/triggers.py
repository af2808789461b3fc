# SPDX-License-Identifier: Apache-2.0
"""Which triggers must have fired, and whether each is once in the outbox and once in its stream.

Nothing of crossrec is used here: conditions are those of docs/triggers.md, settings those of
fault_triggers.c, bytes those of schemas/Trigger.avsc.

An instance merges two topics by time as they come: when a broker is away one topic runs ahead, so
what depends on the order between two topics is not fixed. What is worked out here does not:

    first-dish, first-course   the first purchase in a topic, whose records keep their order
    welcome                    once a user; which topic's first event it is about is left open
    asleep, back               of users who are in one topic only. asleep may be missed by the sweep
                               where the user came again, and must be there where he did not
    crossed                    certain where a margin lies between the purchase and the third dish, and
                               where there never are three; else at most once

Expired and too old are measured by the stream's clock, the newest event time: what has expired by
the end may be in its stream or not, what had before the input began (x of fault_input.h) must not;
except where the state, which has the clock, was lost.

What the model decides is looked at in triggers_learned.py; whether it is in its stream, here.
"""
import bisect
import collections
import struct

import triggers_learned

HOUR, DAY = 3600000, 86400000
MARGIN_S = (8, 30)  # longest that a topic runs ahead: if one broker has both, if there are several
MAX_AGE = 7 * DAY
BUYING = {"enroll", "purchase", "order"}
DAYS_NEW, DAYS_ACTIVE = 7, 28
KINDS = ["first_purchase", "lifecycle", "segment", "top_score"]
PREFIXES = ("crossrec", "second")

Kind = collections.namedtuple("Kind", "kind domain events_min start to target expires")
TRIGGERS = {
    "first-dish": Kind("first_purchase", "food", 0, None, None, "course", 7 * DAY),
    "first-course": Kind("first_purchase", "course", 0, None, None, "food", HOUR),
    "crossed": Kind("first_purchase", "course", 3, None, None, "course", 7 * DAY),
    "welcome": Kind("lifecycle", None, 0, None, "new", "course", 7 * DAY),
    "asleep": Kind("lifecycle", None, 0, None, "dormant", "food", 7 * DAY),
    "back": Kind("lifecycle", None, 0, "dormant", "resurrected", "food", 7 * DAY),
}


class Firing:
    """What must fire once, or may at most once: of a trigger and a user; at, by the time, its
    fields."""

    def __init__(self, task, certain):
        self.task, self.certain, self.at = task, certain, {}


# ---- what must fire --------------------------------------------------------------------------------


class Reference:
    """(name, user) -> Firing"""

    def __init__(self, case):
        self.case = case
        self.margin = MARGIN_S[case.facts["nodes"] > 1] * case.facts["rate"]
        self.firings = {}
        good = [seq for seq in case.places if case.sent[seq].reason == "-"]
        self.clock = max((case.sent[seq].ts for seq in good), default=0)  # in the end
        self.began = case.sent[min(good)].ts if good else 0
        by_user = collections.defaultdict(lambda: collections.defaultdict(list))
        for seq in good:
            place, event = case.places[seq][0], case.sent[seq]
            by_user[(place.partition, event.user)][place.topic].append(
                (place.incarnation, place.offset, event))
        for (task, user), topics in by_user.items():
            for events in topics.values():
                events.sort(key=lambda e: e[:2])
            self.look_at(task, user, {t: [e[2] for e in events] for t, events in topics.items()})

    def fire(self, name, task, user, ts, certain=True, **fields):
        if self.began - ts > MAX_AGE:
            return  # of long ago already when it came
        certain = certain and self.clock - ts <= MAX_AGE
        firing = self.firings.setdefault((name, user), Firing(task, certain))
        firing.at[ts] = dict(fields, target=TRIGGERS[name].target, kind=TRIGGERS[name].kind,
                             expires_at=str(ts + TRIGGERS[name].expires))

    def look_at(self, task, user, topics):
        for topic, events in topics.items():
            self.purchases(task, user, self.case.domains[topic], events,
                           [e for t, other in topics.items() if t != topic for e in other])
        if len(topics) == 1:
            self.lifecycle(task, user, *topics.values())
        else:
            for events in topics.values():
                self.fire("welcome", task, user, events[0].ts, to="new")

    def purchases(self, task, user, domain, events, others):
        bought = next((e for e in events if e.action in BUYING), None)
        if not bought:
            return
        lines = sorted(e.seq for e in others for _ in e.items)
        for name, kind in TRIGGERS.items():
            if kind.kind != "first_purchase" or kind.domain != domain:
                continue
            least = bisect.bisect_right(lines, bought.seq - self.margin)
            most = bisect.bisect_right(lines, bought.seq + self.margin)
            if most >= kind.events_min:
                fields = {"domain": domain}
                if kind.target == domain:
                    fields["item_id"] = bought.items[0]
                self.fire(name, task, user, bought.ts, certain=least >= kind.events_min, **fields)

    def lifecycle(self, task, user, events):
        """Of events of one topic, as they were learned."""
        days, last, was = set(), None, None
        for e in events:
            if last is not None and e.ts < last:
                days.add(e.ts // DAY)  # late for him: no change
                continue
            if last is not None:
                self.silence(task, user, days, last, until=e.ts)
            before = state(days, e.ts) if days else None
            days.add(e.ts // DAY)
            for start, to in ((was, before), (before, state(days, e.ts))):
                self.step(task, user, e.ts, start, to)
            last, was = e.ts, state(days, e.ts)
        self.silence(task, user, days, last)

    def step(self, task, user, ts, start, to):
        for name, kind in TRIGGERS.items():
            if (kind.kind == "lifecycle" and start != to and to not in ("dormant", None)
                    and kind.to == to and kind.start in (None, start)):
                fields = {"from": start} if start else {}
                self.fire(name, task, user, ts, to=to, **fields)

    def silence(self, task, user, days, last, until=None):
        """Dormant since 28 days after `last`, until his next event, if there is one."""
        since = (last // DAY + DAYS_ACTIVE) * DAY
        if since > self.clock or (until is not None and until < since):
            return
        self.fire("asleep", task, user, since, certain=until is None, to="dormant",
                  **{"from": state(days, last)})


def state(days, ts):
    today = ts // DAY
    if today - min(days) < DAYS_NEW:
        return "new"
    recent = sum(0 <= today - d < DAYS_NEW for d in days)
    active = sum(0 <= today - d < DAYS_ACTIVE for d in days)
    if active == 0:
        return "dormant"
    return "resurrected" if active == recent else "returning"


# ---- what is there -----------------------------------------------------------------------------------


class Avro:
    """The bytes of one record."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def long(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value >> 1 ^ -(value & 1)

    def string(self):
        n = self.long()
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def double(self):
        self.at += 8
        return struct.unpack("<d", self.data[self.at - 8:self.at])[0]

    def skip(self, n):
        self.at += n


def decode(data):
    """A record of the outbox, as the fields that its entry in a stream has."""
    avro = Avro(data)
    avro.skip(5)
    out = {"trigger_id": avro.string()}
    entry_id = avro.string()
    if out["trigger_id"].split("-", 1)[1] != entry_id:
        raise ValueError(f"{out['trigger_id']} is not {entry_id}")
    out["name"] = avro.string()
    out["kind"] = KINDS[avro.long()]
    out["target"], out["user"] = avro.string(), avro.string()
    out["ts"], out["expires_at"] = str(avro.long()), str(avro.long())
    for name in ("domain", "item_id", "category"):
        if avro.long():
            out[name] = avro.string()
    if avro.long():
        out["score"] = f"{avro.double():.6g}"
    for name in ("from", "to"):
        if avro.long():
            out[name] = avro.string()
    if avro.at != len(data):
        raise ValueError("bytes behind the end")
    return out


def encode(fields):
    """The same backwards, for the self-test."""
    def number(n):
        n = n << 1 if n >= 0 else (-n << 1) - 1
        out = bytearray()
        while n >= 0x80:
            out.append(n & 0x7F | 0x80)
            n >>= 7
        return bytes(out) + bytes([n])

    def text(s):
        return number(len(s.encode())) + s.encode()

    def optional(name):
        return number(1) + text(fields[name]) if name in fields else number(0)

    score = number(1) + struct.pack("<d", float(fields["score"])) if "score" in fields else number(0)
    return (b"\0\0\0\0\x0b" + text(fields["trigger_id"]) + text(fields["trigger_id"].split("-", 1)[1])
            + text(fields["name"]) + number(KINDS.index(fields["kind"])) + text(fields["target"])
            + text(fields["user"]) + number(int(fields["ts"])) + number(int(fields["expires_at"]))
            + optional("domain") + optional("item_id") + optional("category") + score
            + optional("from") + optional("to"))


def entry_key(text):
    return tuple(map(int, text.split("-")))


Record = collections.namedtuple("Record", "partition offset key fields")


def read_outbox(case, v):
    out = []
    for partition, offset, key, value in case.rows("outbox.tsv"):
        try:
            out.append(Record(int(partition), int(offset), key, decode(bytes.fromhex(value))))
        except (ValueError, IndexError, struct.error) as error:
            v.wrong("outbox", f"{partition}/{offset} cannot be read: {error}")
    return out


def read_streams(case):
    """(prefix, target, partition) -> [(id, fields)]"""
    out = collections.defaultdict(list)
    for key, entry_id, *fields in case.rows("streams.tsv"):
        prefix, target, _, partition = key.split(":")
        out[(prefix, target, int(partition))].append(
            (entry_id, dict(zip(fields[::2], fields[1::2]))))
    return out


# ---- comparing -----------------------------------------------------------------------------------------


class Triggers:
    """How many there are, and what is wrong with them: counted apart from events."""

    def __init__(self, case, v):
        self.case, self.v = case, v
        self.must = Reference(case)
        self.given = triggers_learned.Input(case)
        self.rebuilt = case.facts["rebuilt"]
        self.found = self.lost = self.doubled = 0

    def lose(self, kind, text):
        self.lost += 1
        self.v.say(kind, text)

    def double(self, kind, n, text):
        self.doubled += n
        self.v.say(kind, text)

    def check_firing(self, where, task, fields):
        """Is it one that may be? Its key, or None."""
        at = (fields["name"], fields["user"])
        firing = self.must.firings.get(at)
        allowed = firing.at.get(int(fields["ts"])) if firing else None
        if not allowed:
            self.v.wrong("triggers", f"{where}: {at} at {fields['ts']} did not happen")
            return None
        said = {k: x for k, x in fields.items() if k not in ("trigger_id", "name", "user", "ts")}
        if said != allowed or task != firing.task:
            self.v.wrong("triggers", f"{where}: {at} says {said} in {task}, not {allowed} in "
                                     f"{firing.task}")
        return at

    def check_counts(self, where, seen, most):
        for at, firing in self.must.firings.items():
            if firing.certain and seen[at] == 0:
                self.lose(where, f"{at} at {sorted(firing.at)} is not there")
            elif seen[at] > most:
                self.double(where, seen[at] - most, f"{at} is there {seen[at]} times")

    def check_outbox(self, records):
        seen, last = collections.Counter(), {}
        learned = triggers_learned.History(self.given, self)
        for r in sorted(records, key=lambda r: (r.partition, r.offset)):
            where = f"outbox {r.partition}/{r.offset}"
            partition, entry_id = r.fields["trigger_id"].split("-", 1)
            if int(partition) != r.partition or entry_key(entry_id) <= last.get(r.partition, (-1,)):
                self.v.wrong("outbox", f"{where}: {r.fields['trigger_id']} does not follow "
                                       f"{last.get(r.partition)}")
            last[r.partition] = entry_key(entry_id)
            if r.key != r.fields["user"]:
                self.v.wrong("outbox", f"{where}: key {r.key} of user {r.fields['user']}")
            if r.fields["name"] in triggers_learned.TRIGGERS:
                learned.take(where, r.partition, r.fields)
                continue
            learned.pass_by(r.fields)
            seen[self.check_firing(where, r.partition, r.fields)] += 1
        self.found = sum(seen.values()) - seen[None] + learned.found
        learned.check_segments(self.case.records()[0])
        if self.rebuilt:  # the topic was deleted in between; state keeps it from firing twice
            for at, n in seen.items():
                if at and n > 1:
                    self.double("outbox", n - 1, f"{at} is there {n} times")
        else:
            self.check_counts("outbox", seen, 1)
            learned.check_numbers("outbox")
            learned.check_follows()
            if self.case.second:
                learned.check_lists(self.case.lists("second.tsv"))

    def check_stream(self, name, entries, records, ends):
        """One stream against the records that belong into it."""
        prefix, target, partition = name
        last, there = (-1,), set()
        of = {r.fields["trigger_id"]: r for r in records}
        for entry_id, fields in entries:
            where = f"stream {prefix}:{target}:{partition} {entry_id}"
            if entry_key(entry_id) <= last:
                self.v.wrong("streams", f"{where} does not follow {last}")
            last = entry_key(entry_id)
            trigger_id = f"{partition}-{entry_id}"
            there.add(trigger_id)
            if trigger_id in of and of[trigger_id].fields != fields:
                self.v.wrong("streams", f"{where}: {fields}, not {of[trigger_id].fields}")
            elif trigger_id not in of and not self.rebuilt:
                self.v.wrong("streams", f"{where}: {fields} is not in the outbox")
            if int(fields["expires_at"]) <= self.must.began and not self.rebuilt:
                self.v.wrong("streams", f"{where}: {fields} had expired before")
        for trigger_id, r in of.items():
            due = int(r.fields["expires_at"]) > self.must.clock and (
                prefix != "crossrec" or r.offset < ends[partition])
            if due and trigger_id not in there:
                self.lose("streams", f"{name}: {r.fields} is not there")

    def check_streams(self, records, streams):
        ends = {int(p): int(end) for p, end in self.case.rows("relayed.tsv")}
        kinds = [*TRIGGERS.values(), *triggers_learned.TRIGGERS.values()]
        known = {(prefix, kind.target, p) for kind in kinds for p in ends
                 for prefix in PREFIXES if prefix == "crossrec" or self.case.second}
        for name in streams.keys() - known:
            self.v.wrong("streams", f"{name} is nobody's")
        for name in sorted(known):
            belong = [r for r in records if (r.partition, r.fields["target"]) == (name[2], name[1])]
            self.check_stream(name, streams.get(name, []), belong, ends)

    def check_rebuilt(self, streams):
        """Those that fired before the outbox was deleted are only in the streams; the state was
        lost once, so each may have been decided twice."""
        seen, learned = collections.Counter(), triggers_learned.Twice(self.given, self)
        for (prefix, target, partition), entries in streams.items():
            for entry_id, fields in entries if prefix == "crossrec" else []:
                where = f"stream {target}:{partition} {entry_id}"
                if fields["name"] in triggers_learned.TRIGGERS:
                    learned.take(where, partition, fields)
                else:
                    seen[self.check_firing(where, partition, fields)] += 1
        self.found = sum(seen.values()) - seen[None] + learned.found
        learned.check_numbers("streams")
        learned.check_cooldowns()
        for at, firing in self.must.firings.items():
            expires = min(firing.at) + TRIGGERS[at[0]].expires
            if firing.certain and expires > self.must.clock and seen[at] == 0:
                self.lose("streams", f"{at} at {sorted(firing.at)} is not there")
            elif seen[at] > 2:
                self.double("streams", seen[at] - 2, f"{at} is there {seen[at]} times")

    def check(self):
        records, streams = read_outbox(self.case, self.v), read_streams(self.case)
        self.check_outbox(records)
        self.check_streams(records, streams)
        if self.rebuilt:
            self.check_rebuilt(streams)
        names = collections.Counter(r.fields["name"] for r in records)
        held = collections.Counter(name[0] for name, x in streams.items() for _ in x)
        certain = sum(f.certain for f in self.must.firings.values())
        self.v.note(f"triggers in the outbox: {', '.join(f'{n} {x}' for x, n in sorted(names.items()))}"
                    f"; {certain} were certain to fire; "
                    f"in streams: {held['crossrec']}, and anew {held['second']}")
