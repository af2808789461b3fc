# SPDX-License-Identifier: Apache-2.0
"""Does check.py notice what is wrong? Sound states made by hand must pass; each that is hurt in one
way must be refused for that reason. `check.py --self-test` runs it."""
import json
import os
import shutil
import tempfile

import reference
import triggers
import triggers_learned
from check import check

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
    s["outbox"], s["streams"] = [], []
    for n, (task, name, user, ts, more) in enumerate([
            (0, "welcome", "a", TS, {"to": "new"}), (0, "first-dish", "a", TS + 1, {"domain": "food"}),
            (0, "first-course", "a", TS + 2, {"domain": "course"}),
            (1, "welcome", "b", TS + 4, {"to": "new"}),
            (1, "asleep", "w", since, {"from": "new", "to": "dormant"}),
            (0, "moved", "a", TS + 2, {"from": "2", "to": "0"}),
            (0, "settled", "a", TS + 2, {"from": "2", "to": "0"}),
            (0, "keen", "a", TS + 2, {"domain": "course", "item_id": "c1", "score": "1.75"}),
            (1, "hungry", "b", TS + 4, {"domain": "food", "item_id": "f1", "score": "2.5"})]):
        fire(s, n, task, name, user, ts, **more)
    return s


MOVED, SETTLED, HOT, DISH = 5, 6, 7, 8  # which of them


def stream_of(f, prefix="crossrec"):
    task, entry_id = f["trigger_id"].split("-", 1)
    return f"{prefix}:{f['target']}:triggers:{task}", entry_id, f


def fire(s, n, task, name, user, ts, relayed=True, **more):
    """One more trigger, at offset n."""
    kind = triggers.TRIGGERS.get(name) or triggers_learned.TRIGGERS[name]
    f = dict(more, trigger_id=f"{task}-{TS + n}-0", name=name, user=user, kind=kind.kind,
             target=kind.target, ts=str(ts), expires_at=str(ts + kind.expires))
    s["outbox"].append([task, n, f])
    if relayed:
        s["streams"].append(stream_of(f))
    if n < len(s["outbox"]) - 1:
        s["streams"].sort(key=lambda x: (x[0], triggers.entry_key(x[1])))


def with_second(s, **scores):
    """An instance that has only the durable state says the same; scores are of first courses."""
    s["second"] = json.loads(json.dumps(s["redis"]))
    for user, score in scores.items():
        s["second"][f"crossrec:course:rec:{user}"]["items"][0]["score"] = score
    s["streams"] += [stream_of(f, "second") for _, _, f in s["outbox"]
                     if int(f["expires_at"]) > TS + 4]


def write_triggers(folder, s):
    write(folder, "outbox.tsv", [(p, n, f["user"], triggers.encode(f).hex())
                                 for p, n, f in s["outbox"]])
    write(folder, "streams.tsv", [(key, i, *(x for pair in f.items() for x in pair))
                                  for key, i, f in s["streams"]])
    write(folder, "relayed.tsv", [(0, 99), (1, 99)])


def twice(s, k, at=19, **more):
    """The same again, under an id of its own, and relayed."""
    p, _, f = s["outbox"][k]
    again = dict(f, trigger_id=f"{p}-{TS + at}-0", **more)
    s["outbox"].append([p, at, again])
    s["streams"].append(stream_of(again))


def drop_everywhere(s, k):
    s["outbox"].pop(k)
    s["streams"].pop(k)


# the same of triggers: kind, lost, doubled of triggers, errors
TRIGGER_FAULTS = [
    ("a trigger that never fired", lambda s: drop_everywhere(s, 1), ("outbox", 1, 0, 0)),
    ("a trigger that fired twice", lambda s: twice(s, 1), ("outbox", 0, 1, 0)),
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
        [0, 19, dict(s["outbox"][2][2], name="crossed", target="course", item_id="c2",
                     trigger_id=f"0-{TS + 19}-0", expires_at=str(TS + 2 + 7 * triggers.DAY))]),
     ("triggers", 1, 0, 1)),
]


def tell(s, k, **more):
    """In the outbox and in its stream: both have the same dict."""
    s["outbox"][k][2].update(more)


def at(ts, name):
    return {"ts": str(ts), "expires_at": str(ts + triggers_learned.TRIGGERS[name].expires)}


def move_at(s, ts, to):
    """The first change is another one, before the one that is there."""
    drop_everywhere(s, SETTLED)
    for n, name in ((3, "moved"), (4, "settled")):
        fire(s, n, 0, name, "a", ts, **{"from": "1", "to": to})


def move_first_event(s):
    for n, name in ((19, "moved"), (20, "settled")):
        fire(s, n, 1, name, "b", TS + 4, **{"from": "1", "to": "0"})


def long_ago(s, item):
    """User w had a trigger about a first course, 28 days before all others."""
    old = s["sent"][5][4]
    fire(s, 5, 1, "keen", "w", old, relayed=False, domain="course", item_id=item, score="1.6")


def in_streams(s, k, *times):
    """More of it in the stream alone; the state was lost once."""
    s["facts"].update(rebuilt=True)
    f = s["outbox"][k][2]
    for n, ts in enumerate(times):
        s["streams"].append(stream_of(dict(f, trigger_id=f"0-{TS + 19 + n}-0", **at(ts, f["name"]))))


# of those that the model decides
LEARNED_FAULTS = [
    ("a change of segment twice", lambda s: twice(s, MOVED), ("outbox", 0, 1, 0)),
    ("a first item twice", lambda s: twice(s, HOT), ("outbox", 0, 1, 0)),
    ("a change of segment that is not in its stream",
     lambda s: s["streams"].pop(MOVED), ("streams", 1, 0, 0)),
    ("a first item that is not in its stream", lambda s: s["streams"].pop(HOT), ("streams", 1, 0, 0)),
    ("a change of segment in a stream twice", lambda s: s["streams"].append(
        (*stream_of(s["outbox"][MOVED][2])[:1], f"{TS + 19}-0", s["outbox"][MOVED][2])),
     ("streams", 0, 0, 1)),
    ("a first item in a stream twice, under one id", lambda s: s["streams"].insert(
        HOT, s["streams"][HOT]), ("streams", 0, 0, 1)),
    ("a first item in a stream that was never committed", lambda s: s["streams"].append(
        stream_of(dict(s["outbox"][HOT][2], trigger_id=f"0-{TS + 19}-0"))), ("streams", 0, 0, 1)),
    ("another score in the stream", lambda s: s["streams"].__setitem__(
        HOT, stream_of(dict(s["outbox"][HOT][2], score="1.76"))), ("streams", 0, 0, 1)),
    ("a first item within the cooldown",
     lambda s: twice(s, HOT, item_id="c3", **at(TS + 4, "keen")), ("triggers", 0, 0, 1)),
    ("a change within the cooldown", lambda s: [
        fire(s, 3, 0, "moved", "a", TS + 1, **{"from": "1", "to": "2"}),
        fire(s, 4, 0, "settled", "a", TS + 1, **{"from": "1", "to": "2"})], ("triggers", 0, 0, 2)),
    ("expired too late", lambda s: tell(s, HOT, expires_at=str(TS + 8 * triggers.DAY)),
     ("triggers", 0, 0, 1)),
    ("a change that expires too soon", lambda s: tell(s, MOVED, expires_at=str(TS + triggers.DAY)),
     ("triggers", 0, 0, 1)),
    ("another kind", lambda s: tell(s, MOVED, kind="lifecycle"), ("triggers", 0, 0, 1)),
    ("a field too many", lambda s: tell(s, MOVED, domain="course"), ("triggers", 0, 0, 1)),
    ("a field too few", lambda s: s["outbox"][HOT][2].pop("score"), ("triggers", 0, 0, 1)),
    ("a user of another task", lambda s: tell(s, DISH, user="a"), ("triggers", 0, 0, 1)),
    ("a user of nobody", lambda s: tell(s, DISH, user="z"), ("triggers", 0, 0, 1)),
    ("a change that is none", lambda s: [tell(s, k, **{"from": "0"}) for k in (MOVED, SETTLED)],
     ("triggers", 0, 0, 2)),
    ("a change at no event", lambda s: [tell(s, k, **at(TS + 3, "moved")) for k in (MOVED, SETTLED)],
     ("triggers", 0, 0, 2)),
    ("a change at the first event", move_first_event, ("triggers", 0, 0, 2)),
    ("a change in between is missing", lambda s: move_at(s, TS + 1, "3"), ("outbox", 1, 0, 0)),
    ("the last change is missing", lambda s: s["users"][0].update(segment=3), ("outbox", 1, 0, 0)),
    ("a change that only one of two tells", lambda s: [
        fire(s, 3, 0, "moved", "a", TS + 1, **{"from": "1", "to": "2"})], ("outbox", 1, 0, 1)),
    ("a change that only the other one tells",
     lambda s: [move_at(s, TS + 1, "2"), s["outbox"].pop(-2), s["streams"].remove(next(
         x for x in s["streams"] if x[2]["name"] == "moved"))], ("outbox", 1, 0, 1)),
    ("a first item of the other domain", lambda s: tell(s, HOT, item_id="f1"), ("triggers", 0, 0, 1)),
    ("a first item that nobody sent", lambda s: tell(s, HOT, item_id="c9"), ("triggers", 0, 0, 1)),
    ("a domain that is not the target's", lambda s: tell(s, HOT, domain="food"),
     ("triggers", 0, 0, 1)),
    ("a first item that he took before", lambda s: tell(s, HOT, item_id="c2"), ("triggers", 0, 0, 1)),
    ("a score that is too low", lambda s: tell(s, HOT, score="0.9"), ("triggers", 0, 0, 1)),
    ("a first item at no time", lambda s: tell(s, HOT, **at(TS + 3, "keen")),
     ("triggers", 0, 0, 1)),
    ("a first item before his first event", lambda s: tell(s, DISH, **at(TS + 2, "hungry")),
     ("triggers", 0, 0, 1)),
    ("the same first item again", lambda s: [long_ago(s, "c1"), fire(
        s, 19, 1, "keen", "w", TS + 4, domain="course", item_id="c1", score="1.7")],
     ("triggers", 0, 0, 1)),
    ("no first item at all", lambda s: drop_everywhere(s, DISH), ("triggers", 0, 0, 1)),
    ("no change at all", lambda s: [drop_everywhere(s, k) for k in (SETTLED, MOVED)],
     ("triggers", 0, 0, 2)),
    ("a first item that was never told", lambda s: with_second(s, b=1.9), ("outbox", 1, 0, 0)),
    ("another first item, long after the last one",
     lambda s: [long_ago(s, "c3"), with_second(s, w=1.9)], ("outbox", 1, 0, 0)),
    ("three times, though the state was lost once", lambda s: in_streams(s, MOVED, TS + 2, TS + 2),
     ("streams", 0, 1, 0)),
    ("three within a cooldown, though the state was lost once",
     lambda s: in_streams(s, HOT, TS + 1, TS + 4), ("triggers", 0, 0, 1)),
]

# what is right, besides
SOUND_TRIGGERS = [
    ("with triggers", lambda s: None),
    ("with a second opinion", lambda s: with_second(s, a=1.9)),
    ("with a score that is too low", lambda s: with_second(s, b=1.0)),
    ("with the same item as long ago", lambda s: [long_ago(s, "c1"), with_second(s, w=1.9)]),
    ("with another one within the cooldown",
     lambda s: [tell(s, HOT, item_id="c3"), with_second(s, a=1.9)]),
    ("with two changes", lambda s: move_at(s, TS + 1, "2")),
    ("with a state that was lost", lambda s: in_streams(s, MOVED, TS + 2)),
    ("with a state that was lost, and another first item", lambda s: in_streams(s, HOT, TS + 4)),
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
    for name, change in SOUND_TRIGGERS:
        s = sound_triggers()
        change(s)
        sound = verdict_of(s)
        if sound.end() or sound.triggers.found < len(s["outbox"]):
            print(f"FAILED: the sound state {name}: {dict(sound.kinds)}, {sound.triggers.found} found")
            bad += 1
    for name, hurt, (kind, *counts) in TRIGGER_FAULTS + LEARNED_FAULTS:
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
    n = len(FAULTS) + len(SOUND_TRIGGERS) + len(TRIGGER_FAULTS) + len(LEARNED_FAULTS) + 3
    print(f"{n - bad} of {n} hold")
    return 1 if bad else 0
