# SPDX-License-Identifier: Apache-2.0
"""Compares what came out with what must have come out.

    check.py FOLDER        the files of fault_proof.h; says what is wrong, and last
                           `lost N doubled N errors N events N`; exit status 1 if any of the
                           first three is not 0
    check.py --self-test   wrong states made by hand, each of which must be noticed

lost, doubled   lines of users in the state (dump), and dead letters that are missing or there twice;
                with state = memory nothing is doubled, as all is learned again, and lost is, of one
                instance, what it has not learned in its last life
errors          everything else: order of a history, sets, positions, reasons, lists in Redis
"""
import collections
import json
import os
import shutil
import sys
import tempfile

import reference

SHOWN = 8  # of each kind of complaint
SHARED_MIN = 0.98  # of the items of lists: factors are equal in quality, not in bits
LOST_ON_THE_WAY = 10  # a tenth of the input may be


class Verdict:
    """Counts and the first few complaints of each kind."""

    def __init__(self, quiet=False):
        self.lost = self.doubled = self.errors = self.events = 0
        self.kinds = collections.Counter()
        self.quiet = quiet

    def note(self, text):
        if not self.quiet:
            print(text)

    def say(self, kind, text):
        self.kinds[kind] += 1
        if not self.quiet and self.kinds[kind] <= SHOWN:
            print(f"{kind}: {text}")

    def lose(self, kind, n, text):
        self.lost += n
        self.say(kind, text)

    def double(self, kind, n, text):
        self.doubled += n
        self.say(kind, text)

    def wrong(self, kind, text):
        self.errors += 1
        self.say(kind, text)

    def count(self, kind, expected, found, text):
        if found < expected:
            self.lose(kind, expected - found, f"{text}: {found} of {expected}")
        if found > expected:
            self.double(kind, found - expected, f"{text}: {found}, not {expected}")

    def end(self):
        if not self.quiet:
            for kind, n in self.kinds.items():
                if n > SHOWN:
                    print(f"{kind}: {n} in all")
            print(f"lost {self.lost} doubled {self.doubled} errors {self.errors} events {self.events}")
        return 1 if self.lost or self.doubled or self.errors else 0


class Case:
    """The files of one round."""

    def __init__(self, folder):
        self.folder = folder
        self.facts = json.loads(self.text("facts.json"))
        self.durable = self.facts["state"] == "kafka"
        self.topics = self.facts["topics"]
        self.domains = [t["domain"] for t in self.topics]
        self.repeats = {t["domain"]: t["repeats"] for t in self.topics}
        self.sent = reference.read_sent(self.path("sent.tsv"))
        self.places = reference.read_places(self.path("input.tsv"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def rows(self, name):
        with open(self.path(name), encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n").split("\t")

    def records(self):
        """Users and tasks of the dump."""
        users, tasks = [], []
        with open(self.path("state.jsonl"), encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    record = json.loads(line)
                    (users if "user" in record else tasks).append(record)
        return users, tasks


# ---- the input itself: the harness is checked first ------------------------------------------------


def check_input(case, v):
    missing = len(case.sent.keys() - case.places.keys())
    if missing > len(case.sent) // LOST_ON_THE_WAY:
        v.wrong("input", f"{missing} of {len(case.sent)} records are not in Kafka")
    elif missing:
        v.note(f"{missing} records were under way to a broker when it was killed, and are not there")
    for seq, places in case.places.items():
        if seq not in case.sent:
            v.wrong("input", f"record {seq} was never sent")
        elif len(places) > 1:
            v.wrong("input", f"record {seq} is in Kafka {len(places)} times: the harness doubled it")


# ---- dead letters ------------------------------------------------------------------------------------


def expected_letters(case):
    """(topic, partition, offset) -> Event"""
    out = {}
    for seq, places in case.places.items():
        event = case.sent[seq]
        if event.reason != "-":
            for p in places:
                out[(case.topics[p.topic]["name"], p.partition, p.offset)] = event
    return out


def check_letters(case, v):
    expected = expected_letters(case)
    found = collections.Counter()
    for topic, partition, offset, reason, value in case.rows("letters.tsv"):
        at = (topic, int(partition), int(offset))
        found[at] += 1
        event = expected.get(at)
        if not event:
            v.wrong("letters", f"{at}: a letter ({reason}) of a record that is no bad one")
        elif event.reason != reason:
            v.wrong("letters", f"{at}: reason {reason}, not {event.reason}")
        elif event.value != value:
            v.wrong("letters", f"{at}: other bytes than were sent")
    twice = sum(n - 1 for n in found.values())
    if twice and not case.durable:
        v.note(f"{twice} letters are there twice: with state = memory they are sent at least once")
    for at, event in expected.items():
        if found[at] == 0:
            v.lose("letters", 1, f"{at}: no letter ({event.reason})")
        elif found[at] > 1 and case.durable:
            v.double("letters", found[at] - 1, f"{at}: {found[at]} letters")


# ---- the state -----------------------------------------------------------------------------------------


def newest_first(users):
    """Histories as the dump has them, turned if it has the oldest first."""
    turns = 0
    for u in users:
        times = [h["ts"] for h in u["history"]]
        turns += (times[0] < times[-1]) - (times[0] > times[-1]) if times else 0
    return {(u["task"], u["user"]): u["history"][::-1] if turns > 0 else u["history"] for u in users}


def check_user(case, v, at, must, record, history):
    domains = record["domains"]
    for domain in case.repeats:
        has = domains.get(domain, {})
        v.count("lines", must.lines[domain], has.get("n", 0), f"user {at} in {domain}")
        if has.get("consumed", 0) != len(must.consumed[domain]):
            v.wrong("sets", f"user {at} in {domain}: {has.get('consumed', 0)} consumed, "
                            f"not {len(must.consumed[domain])}")
        if must.lines[domain] and has.get("last_ms") != must.last_ms[domain]:
            v.wrong("times", f"user {at} in {domain}: last {has.get('last_ms')}, "
                             f"not {must.last_ms[domain]}")
    if record["n"] != sum(d.get("n", 0) for d in domains.values()):
        v.wrong("lines", f"user {at}: {record['n']} lines are not the sum of the domains'")
    is_now = [(h["item"].lower(), h["domain"], h["action"].lower(), h["ts"]) for h in history]
    if is_now != must.newest_first():
        v.wrong("order", f"user {at}: {difference(must.newest_first(), is_now)}")
    check_event_ids(v, at, must, record.get("events", []))


def difference(must, is_now):
    for k, (a, b) in enumerate(zip(must, is_now)):
        if a != b:
            return f"entry {k} of the history is {b}, not {a}"
    return f"{len(is_now)} entries of history, not {len(must)}"


def check_event_ids(v, at, must, ids):
    ids = [i.lower() for i in ids]
    wanted = min(reference.EVENT_IDS, len(must.event_ids))
    if len(ids) < wanted or len(set(ids)) != len(ids):
        v.wrong("event ids", f"user {at}: {len(set(ids))} of {len(ids)}, at least {wanted} wanted")
    last = {reference.hex64(reference.Hashes.id(i)) for i in must.event_ids[-8 * len(ids):]}
    if not set(ids) <= last:
        v.wrong("event ids", f"user {at}: one that is none of his latest")


def check_users(case, v, must, users):
    histories = newest_first(users)
    seen = collections.Counter()
    for record in users:
        at = (record["task"], record["user"])
        seen[at] += 1
        if at not in must:
            v.double("lines", record["n"], f"user {at} is nobody's")
        else:
            check_user(case, v, at, must[at], record, histories[at])
    for at, user in must.items():
        if seen[at] == 0:
            v.lose("lines", user.n(), f"user {at} is not there: {user.n()} lines")
        elif seen[at] > 1:
            v.double("lines", (seen[at] - 1) * user.n(), f"user {at} is there {seen[at]} times")


def check_positions(case, v, tasks):
    seen = collections.Counter(t["task"] for t in tasks)
    ends = {(topic, int(p)): int(end) for topic, p, end in case.rows("ends.tsv")}
    for p in range(case.facts["partitions"]):
        if seen[p] != 1:
            v.wrong("tasks", f"task {p} has {seen[p]} records")
    for t in tasks:
        for topic in (x["name"] for x in case.topics):
            position = max(0, t["positions"].get(topic, {}).get("next", 0))
            if position != ends[(topic, t["task"])]:
                v.wrong("positions", f"task {t['task']}, {topic}: {position}, "
                                     f"the end is {ends[(topic, t['task'])]}")


# ---- Redis ------------------------------------------------------------------------------------------------


def lists_of(case, name="redis.tsv"):
    """(domain, user) -> value, of the recs in Redis."""
    out = {}
    for key, value in case.rows(name):
        parts = key.split(":", 3)
        if len(parts) == 4 and parts[2] == "rec":
            out[(parts[1], parts[3])] = json.loads(value)
    return out


def check_list(case, v, at, user, value):
    domain = at[0]
    items = [i["id"] for i in value["items"]]
    if len(set(items)) != len(items):
        v.wrong("lists", f"{at}: an item twice")
    if not case.repeats[domain]:
        for item in set(items) & user.consumed[domain]:
            v.wrong("lists", f"{at}: {item} is recommended, which the user consumed")
    if not case.repeats[domain] and not items and len(user.consumed[domain]) < 250:
        v.wrong("lists", f"{at}: an empty list")


def check_redis(case, v, must):
    lists = lists_of(case)
    by_user = {user: u for (_, user), u in must.items()}
    for at, value in lists.items():
        if at[1] not in by_user:
            v.wrong("lists", f"{at}: a list of a user without events")
        else:
            check_list(case, v, at, by_user[at[1]], value)
    for user in by_user:
        for domain in case.repeats:
            if (domain, user) not in lists:
                v.wrong("lists", f"{(domain, user)}: no list")


def check_second_opinion(case, v):
    """Lists of an instance that has nothing but the durable state, beside those that readers see."""
    if not os.path.exists(case.path("second.tsv")):
        return
    first, second = lists_of(case), lists_of(case, "second.tsv")
    ids = lambda value: [i["id"] for i in value["items"]] if value else []
    full = [at for at in first if ids(first[at])]
    same = sum(ids(first[at]) == ids(second.get(at)) for at in full)
    shared = {at: len(set(ids(first[at])) & set(ids(second.get(at)))) / len(ids(first[at]))
              for at in full}
    mean = sum(shared.values()) / len(full) if full else 1.0
    v.note(f"an instance that knows only the durable state: {same} of {len(full)} lists are the "
           f"same, {mean:.1%} of the items")
    if mean < SHARED_MIN:
        for at in full:
            if shared[at] < 1.0:
                v.wrong("second opinion", f"{at}: {ids(first[at])}, not {ids(second.get(at))}")


# ---- all ----------------------------------------------------------------------------------------------------


def check_counter(case, v, lines):
    """state = memory: all that was ever sent is learned in one life, more often if its assignment was
    lost in between."""
    learned = case.facts["lines"]
    if learned < lines:
        v.lose("lines", lines - learned, f"the instance has learned {learned} of {lines} lines")
    elif learned > lines:
        v.note(f"the instance has learned {learned} lines: {lines}, and some of them again")


def check(folder, quiet=False):
    case = Case(folder)
    v = Verdict(quiet)
    check_input(case, v)
    if v.errors:
        return v  # the rest would say nothing
    must = reference.reckon(case.sent, case.places, case.domains)
    v.events = sum(case.sent[seq].reason == "-" for seq in case.places)
    check_letters(case, v)
    check_redis(case, v, must)
    check_second_opinion(case, v)
    if case.durable:
        users, tasks = case.records()
        check_users(case, v, must, users)
        check_positions(case, v, tasks)
    elif case.facts["instances"] == 1 and case.facts["lines"] >= 0:
        check_counter(case, v, sum(u.n() for u in must.values()))
    if case.facts["echoes"]:
        v.double("echoes", case.facts["echoes"],
                 f"{case.facts['echoes']} events came after their effect was there already; only "
                 "their ids kept them from counting twice")
    return v


# ---- self-test ------------------------------------------------------------------------------------------------

TS = 1700000000000


def write(folder, name, rows):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
        for row in rows:
            out.write(row if isinstance(row, str) else "\t".join(map(str, row)))
            out.write("\n")


def sound_state():
    """A small round of which everything is right, worked out by hand for user a of task 0: two
    views and an enrolment in courses, an order of two dishes."""
    h = reference.Hashes()
    first, second = sorted(["f1", "f2"], key=lambda i: reference.mix64(h.item("food", i)))
    hashed = lambda domain, item: reference.hex64(h.item(domain, item))
    entry = lambda domain, item, action, ts: {"item": hashed(domain, item), "domain": domain,
                                              "action": action, "ts": ts}
    return {
        "sent": [(0, 0, "e0", "a", TS, "view", "c1", "-", "-"),
                 (1, 1, "e1", "a", TS + 1, "order", "f1,f2", "-", "-"),
                 (2, 0, "e2", "a", TS + 2, "enroll", "c2", "-", "-"),
                 (3, 0, "e3", "a", TS + 3, "view", "c1", "wire-header", "07"),
                 (4, 0, "e4", "b", TS + 4, "view", "c3", "-", "-")],
        "input": [(0, 1, 0, 0, 0), (1, 1, 1, 0, 0), (2, 1, 0, 0, 1), (3, 1, 0, 0, 2),
                  (4, 1, 0, 1, 0)],
        "letters": [("course-views", 0, 2, "wire-header", "07")],
        "ends": [("course-views", 0, 3), ("course-views", 1, 1), ("food-orders", 0, 1),
                 ("food-orders", 1, 0)],
        "redis": {f"crossrec:{d}:rec:{u}": {"version": [1, 1], "items": [{"id": i}]}
                  for d, u, i in [("course", "a", "c1"), ("course", "b", "c1"), ("food", "a", "f1"),
                                  ("food", "b", "f1")]},
        "users": [
            {"task": 0, "user": "a", "n": 4, "segment": 0,
             "domains": {"course": {"n": 2, "last_ms": TS + 2, "consumed": 1},
                         "food": {"n": 2, "last_ms": TS + 1, "consumed": 2}},
             "history": [entry("course", "c2", "enroll", TS + 2),
                         entry("food", second, "order", TS + 1),
                         entry("food", first, "order", TS + 1),
                         entry("course", "c1", "view", TS)],
             "events": [reference.hex64(h.id(i)) for i in ("e0", "e1", "e2")]},
            {"task": 1, "user": "b", "n": 1, "segment": 0,
             "domains": {"course": {"n": 1, "last_ms": TS + 4, "consumed": 0}},
             "history": [entry("course", "c3", "view", TS + 4)],
             "events": [reference.hex64(h.id("e4"))]}],
        "tasks": [{"task": 0, "epoch": 1, "batch": 1,
                   "positions": {"course-views": {"incarnation": 1, "next": 3},
                                 "food-orders": {"incarnation": 1, "next": 1}}},
                  {"task": 1, "epoch": 1, "batch": 1,
                   "positions": {"course-views": {"incarnation": 1, "next": 1},
                                 "food-orders": {"incarnation": 1, "next": 0}}}],
        "facts": {"state": "kafka", "partitions": 2, "instances": 1, "lines": -1, "echoes": 0,
                  "topics": [{"name": "course-views", "domain": "course", "repeats": False},
                             {"name": "food-orders", "domain": "food", "repeats": True}]},
    }


def verdict_of(s):
    folder = tempfile.mkdtemp(prefix="crossrec-check-")
    try:
        for name in ("sent", "input", "letters", "ends"):
            write(folder, name + ".tsv", s[name])
        write(folder, "redis.tsv", [(k, json.dumps(x)) for k, x in s["redis"].items()])
        if "second" in s:
            write(folder, "second.tsv", [(k, json.dumps(x)) for k, x in s["second"].items()])
        write(folder, "state.jsonl", [json.dumps(x) for x in s["users"] + s["tasks"]])
        write(folder, "facts.json", [json.dumps(s["facts"])])
        return check(folder, quiet=True)
    finally:
        shutil.rmtree(folder)


def swap(rows, i, j):
    rows[i], rows[j] = rows[j], rows[i]


# what is done to the sound state; what must be said: kind, lost, doubled, errors (None: any)
FAULTS = [
    ("a line too few", lambda s: [s["users"][0].update(n=3), s["users"][0]["domains"]["food"].update(n=1)],
     ("lines", 1, 0, 0)),
    ("a line twice", lambda s: [s["users"][0].update(n=5), s["users"][0]["domains"]["food"].update(n=3)],
     ("lines", 0, 1, 0)),
    ("sum is not its parts", lambda s: s["users"][0].update(n=5), ("lines", 0, 0, 1)),
    ("a user is missing", lambda s: s["users"].pop(0), ("lines", 4, 0, 0)),
    ("a user is there twice", lambda s: s["users"].append(s["users"][1]), ("lines", 0, 1, 0)),
    ("a user under two tasks", lambda s: s["users"].append(dict(s["users"][0], task=1)),
     ("lines", 0, 4, 0)),
    ("history out of order", lambda s: swap(s["users"][0]["history"], 0, 1), ("order", 0, 0, 1)),
    ("lines of an order exchanged", lambda s: swap(s["users"][0]["history"], 1, 2), ("order", 0, 0, 1)),
    ("history too short", lambda s: s["users"][0]["history"].pop(), ("order", 0, 0, 1)),
    ("another action", lambda s: s["users"][0]["history"][0].update(action="view"), ("order", 0, 0, 1)),
    ("a set with one too many", lambda s: s["users"][0]["domains"]["food"].update(consumed=3),
     ("sets", 0, 0, 1)),
    ("an old time", lambda s: s["users"][0]["domains"]["food"].update(last_ms=TS), ("times", 0, 0, 1)),
    ("an event id is missing", lambda s: s["users"][0]["events"].pop(), ("event ids", 0, 0, 1)),
    ("an event id of nobody", lambda s: s["users"][0]["events"].__setitem__(0, "00"),
     ("event ids", 0, 0, 1)),
    ("a letter is missing", lambda s: s["letters"].pop(), ("letters", 1, 0, 0)),
    ("a letter twice", lambda s: s["letters"].append(s["letters"][0]), ("letters", 0, 1, 0)),
    ("a letter of a good record",
     lambda s: s["letters"].append(("course-views", 0, 0, "decode", "00")), ("letters", 0, 0, 1)),
    ("another reason",
     lambda s: s["letters"].__setitem__(0, ("course-views", 0, 2, "decode", "07")), ("letters", 0, 0, 1)),
    ("other bytes",
     lambda s: s["letters"].__setitem__(0, ("course-views", 0, 2, "wire-header", "08")),
     ("letters", 0, 0, 1)),
    ("a position before the end",
     lambda s: s["tasks"][0]["positions"]["course-views"].update(next=2), ("positions", 0, 0, 1)),
    ("a task without a record", lambda s: s["tasks"].pop(), ("tasks", 0, 0, 1)),
    ("a consumed item is recommended",
     lambda s: s["redis"]["crossrec:course:rec:a"]["items"].append({"id": "c2"}), ("lists", 0, 0, 1)),
    ("an item twice on a list",
     lambda s: s["redis"]["crossrec:food:rec:a"]["items"].append({"id": "f1"}), ("lists", 0, 0, 1)),
    ("a list is missing", lambda s: s["redis"].pop("crossrec:food:rec:b"), ("lists", 0, 0, 1)),
    ("a list of nobody",
     lambda s: s["redis"].update({"crossrec:food:rec:z": {"items": []}}), ("lists", 0, 0, 1)),
    ("another list from the durable state",
     lambda s: s.update(second=dict(s["redis"], **{"crossrec:food:rec:a": {"items": [{"id": "f9"}]}})),
     ("second opinion", 0, 0, 1)),
    ("no list from the durable state",
     lambda s: s.update(second={k: x for k, x in s["redis"].items() if "course:rec:b" not in k}),
     ("second opinion", 0, 0, 1)),
    ("too few lines learned in memory",
     lambda s: s["facts"].update(state="memory", lines=4), ("lines", 1, 0, 0)),
    ("an echo", lambda s: s["facts"].update(echoes=2), ("echoes", 0, 2, 0)),
    ("the harness lost a record", lambda s: s["input"].pop(), ("input", 0, 0, 1)),
    ("the harness doubled a record", lambda s: s["input"].append((0, 1, 0, 0, 9)), ("input", 0, 0, 1)),
]


def self_test():
    bad = 0
    # the reference vector of the paper's appendix: key 00..0f, message 00..0e
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    if reference.siphash(bytes(range(15)), key) != 0xA129CA6149BE45E5:
        print("FAILED: SipHash is not the paper's")
        bad += 1
    sound = verdict_of(sound_state())
    if sound.end():
        print(f"FAILED: the sound state: {dict(sound.kinds)}")
        bad += 1
    turned = sound_state()
    for user in turned["users"]:
        user["history"].reverse()
    if verdict_of(turned).end():
        print("FAILED: the sound state, oldest first")
        bad += 1
    for name, hurt, (kind, *counts) in FAULTS:
        s = sound_state()
        hurt(s)
        v = verdict_of(s)
        if not v.kinds[kind] or [v.lost, v.doubled, v.errors] != counts:
            print(f"FAILED: {name}: {dict(v.kinds)}, "
                  f"lost {v.lost} doubled {v.doubled} errors {v.errors}, not {kind} {counts}")
            bad += 1
    print(f"{len(FAULTS) + 3 - bad} of {len(FAULTS) + 3} hold")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(check(sys.argv[1]).end())
