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
Triggers are counted apart (triggers.py): `triggers N lost N doubled N`, the line before the last.
"""
import collections
import json
import os
import shutil
import sys
import tempfile

import reference
import triggers

SHOWN = 8  # of each kind of complaint
# What a list is to its readers, by which it is written again or not; scores and times follow when it is.
LIST_FIELDS = ("personalised", "segment", "arm")
LOST_ON_THE_WAY = 10  # a tenth of the input may be


class Verdict:
    """Counts and the first few complaints of each kind."""

    def __init__(self, quiet=False):
        self.lost = self.doubled = self.errors = self.events = 0
        self.kinds = collections.Counter()
        self.quiet = quiet
        self.triggers = None

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
            if self.triggers:
                print(f"triggers {self.triggers.found} lost {self.triggers.lost} "
                      f"doubled {self.triggers.doubled}")
            print(f"lost {self.lost} doubled {self.doubled} errors {self.errors} events {self.events}")
        t = self.triggers
        return 1 if self.lost or self.doubled or self.errors or (t and (t.lost or t.doubled)) else 0


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
        self.second = os.path.exists(self.path("second.tsv"))

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


def shown(value):
    """A list as its readers see it: whoever has the same state, model and time makes the same."""
    items = [(i["id"], i.get("reason")) for i in value.get("items", [])] if value else None
    return items, [value.get(name) for name in LIST_FIELDS] if value else None


def check_second_opinion(case, v):
    """Lists of an instance that has nothing but the durable state, beside those that readers see: an
    independent ranking. With nothing pending, and by the stream's clock, they are the same."""
    if not case.second:
        return
    first, second = lists_of(case), lists_of(case, "second.tsv")
    full = [at for at in first if first[at].get("items")]
    same = [at for at in full if shown(first[at]) == shown(second.get(at))]
    scores = lambda value: [i.get("score") for i in value["items"]]
    exact = sum(scores(first[at]) == scores(second[at]) for at in same)
    v.note(f"an instance that knows only the durable state: {len(same)} of {len(full)} lists are the "
           f"same, {exact} with all scores")
    for at in sorted(set(full) - set(same)):
        v.wrong("second opinion", f"{at}: {shown(first[at])}, not {shown(second.get(at))}")


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
    if case.facts["triggers"]:
        v.triggers = triggers.Triggers(case, v)
        v.triggers.check()
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
                  "triggers": False, "rebuilt": False, "rate": 0, "nodes": 1,
                  "topics": [{"name": "course-views", "domain": "course", "repeats": False},
                             {"name": "food-orders", "domain": "food", "repeats": True}]},
    }


def sound_triggers():
    """The sound state with the triggers that it makes. Days before, user w of task 1 was there; user
    a knows both domains. The three dishes that `crossed` wants were never ordered."""
    s = sound_state()
    day = triggers.DAY
    old, since = TS // day * day - 28 * day, TS // day * day
    s["sent"] += [(5, 0, "e5", "w", old, "view", "c1", "-", "-")]
    s["input"] += [(5, 1, 0, 1, 1)]
    s["ends"][1] = ("course-views", 1, 2)
    s["tasks"][1]["positions"]["course-views"]["next"] = 2
    s["users"].append({"task": 1, "user": "w", "n": 1, "segment": 0,
                       "domains": {"course": {"n": 1, "last_ms": old, "consumed": 0}},
                       "history": [dict(s["users"][1]["history"][0], ts=old, item=reference.hex64(
                           reference.Hashes().item("course", "c1")))],
                       "events": [reference.hex64(reference.Hashes.id("e5"))]})
    for d in ("course", "food"):
        s["redis"][f"crossrec:{d}:rec:w"] = {"version": [1, 1], "items": [{"id": "c1"}]}
    s["facts"].update(triggers=True, rate=1)
    s["outbox"] = []
    for n, (task, name, user, ts, more) in enumerate([
            (0, "welcome", "a", TS, {"to": "new"}), (0, "first-dish", "a", TS + 1, {"domain": "food"}),
            (0, "first-course", "a", TS + 2, {"domain": "course"}),
            (1, "welcome", "b", TS + 4, {"to": "new"}),
            (1, "asleep", "w", since, {"from": "new", "to": "dormant"})]):
        kind = triggers.TRIGGERS[name]
        s["outbox"].append([task, n, dict(more, trigger_id=f"{task}-{TS + n}-0", name=name, user=user,
                                          kind=kind.kind, target=kind.target, ts=str(ts),
                                          expires_at=str(ts + kind.expires))])
    s["streams"] = [(f"crossrec:{f['target']}:triggers:{task}", f["trigger_id"].split("-", 1)[1], f)
                    for task, _, f in s["outbox"]]
    return s


def write_triggers(folder, s):
    write(folder, "outbox.tsv", [(p, n, f["user"], triggers.encode(f).hex())
                                 for p, n, f in s["outbox"]])
    write(folder, "streams.tsv", [(key, i, *(x for pair in f.items() for x in pair))
                                  for key, i, f in s["streams"]])
    write(folder, "relayed.tsv", [(0, 99), (1, 99)])


def outbox_twice(s):
    """The same again, under an id of its own, and relayed."""
    p, n, f = s["outbox"][1]
    again = dict(f, trigger_id=f"{p}-{TS + 9}-0")
    s["outbox"].append([p, n + 9, again])
    s["streams"].append((f"crossrec:{f['target']}:triggers:{p}", f"{TS + 9}-0", again))


def drop_everywhere(s, k):
    s["outbox"].pop(k)
    s["streams"].pop(k)


# the same of triggers: kind, lost, doubled of triggers, errors
TRIGGER_FAULTS = [
    ("a trigger that never fired", lambda s: drop_everywhere(s, 1), ("outbox", 1, 0, 0)),
    ("a trigger that fired twice", outbox_twice, ("outbox", 0, 1, 0)),
    ("one that did not get into its stream", lambda s: s["streams"].pop(4), ("streams", 1, 0, 0)),
    ("one in a stream that was never committed",
     lambda s: s["outbox"].pop(1), ("streams", 1, 0, 1)),
    ("a stream out of order", lambda s: swap(s["streams"], 0, 1), ("streams", 0, 0, 1)),
    ("an outbox out of order", lambda s: [swap(s["outbox"], 0, 1), s["outbox"][0].__setitem__(1, 0),
                                          s["outbox"][1].__setitem__(1, 1)], ("outbox", 0, 0, 1)),
    ("other fields in the stream",
     lambda s: s["streams"].__setitem__(0, (*s["streams"][0][:2], dict(s["streams"][0][2], to="x"))),
     ("streams", 0, 0, 1)),
    ("a stream of nobody", lambda s: s["streams"].append(
        ("crossrec:food:triggers:7", f"{TS + 9}-0", s["streams"][4][2])), ("streams", 0, 0, 1)),
    ("a time at which nothing happened",
     lambda s: [f.update(ts=str(TS + 3)) for f in (s["outbox"][0][2], s["streams"][0][2])],
     ("triggers", 1, 0, 1)),
    ("an item that is told to another partner",
     lambda s: [f.update(item_id="c2") for f in (s["outbox"][2][2], s["streams"][2][2])],
     ("triggers", 0, 0, 1)),
    ("a purchase that crossed nothing", lambda s: s["outbox"].append(
        [0, 9, dict(s["outbox"][2][2], name="crossed", target="course", item_id="c2",
                    trigger_id=f"0-{TS + 9}-0", expires_at=str(TS + 2 + 7 * triggers.DAY))]),
     ("triggers", 1, 0, 1)),
]


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
        if s["facts"]["triggers"]:
            write_triggers(folder, s)
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
    ("the same list in another order from the durable state",
     lambda s: [s["redis"]["crossrec:food:rec:b"].update(items=[{"id": "f1"}, {"id": "f2"}]),
                s.update(second=dict(s["redis"], **{"crossrec:food:rec:b": {
                    "items": [{"id": "f2"}, {"id": "f1"}]}}))],
     ("second opinion", 0, 0, 1)),
    ("another reason from the durable state",
     lambda s: s.update(second=dict(s["redis"], **{"crossrec:food:rec:a": {
         "items": [{"id": "f1", "reason": "popular"}]}})),
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


def self_test_triggers():
    bad = 0
    sound = verdict_of(sound_triggers())
    if sound.end() or sound.triggers.found != 5:
        print(f"FAILED: the sound state with triggers: {dict(sound.kinds)}")
        bad += 1
    for name, hurt, (kind, *counts) in TRIGGER_FAULTS:
        s = sound_triggers()
        hurt(s)
        v = verdict_of(s)
        found = [v.triggers.lost, v.triggers.doubled, v.errors]
        if not v.end() or not v.kinds[kind] or found != counts:
            print(f"FAILED: {name}: {dict(v.kinds)}, lost, doubled, errors {found}, "
                  f"not {kind} {counts}")
            bad += 1
    return bad


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
    bad += self_test_triggers()
    n = len(FAULTS) + len(TRIGGER_FAULTS) + 4
    print(f"{n - bad} of {n} hold")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(check(sys.argv[1]).end())
