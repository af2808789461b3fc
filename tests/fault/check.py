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
import sys

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

    def lists(self, name="redis.tsv"):
        """(domain, user) -> value, of the recs in Redis."""
        out = {}
        for key, value in self.rows(name):
            parts = key.split(":", 3)
            if len(parts) == 4 and parts[2] == "rec":
                out[(parts[1], parts[3])] = json.loads(value)
        return out

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
    lists = case.lists()
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
    first, second = case.lists(), case.lists("second.tsv")
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


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        import check_self_test
        sys.exit(check_self_test.self_test())
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(check(sys.argv[1]).end())
