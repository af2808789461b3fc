# SPDX-License-Identifier: Apache-2.0
"""Triggers of which the model decides when they fire: `segment` and `top_score`.

No reference says when they must: how events of several tasks and instances are mixed decides what is
learned. What must be true of them whatever that is:

    all         name, kind, target, expires_at are the settings'; the user is of that task; not twice of
                a user at a time; not within the cooldown after the last one; a few at least fired
    segment     at one of his events, not the first one; another segment than before. What lets every
                change through (cooldown 0) is a chain: each begins where the last one ended, and the
                state has him where the last one of all ended. Others follow from it, exactly
    top_score   at the time of some event; an item of the target, which is in the input; above the
                score; another one than the last time; where nothing is repeated, none that he took
                before: at the latest before another trigger of the task that is farther ahead in the
                outbox. In the end the second opinion has ranked everybody and knew no list from
                before: whose first item is not the last one that fired was within the cooldown

Settings are those of fault_triggers.c.
"""
import bisect
import collections

import reference

HOUR, DAY = 3600000, 86400000
ONE_IN = 2000  # events: of each trigger at least one fires
CLOCKS_MS = 600000  # between two tasks' event times in the end, at most
SCORE_STEPS = 0.01  # of a list that is not written again, as only its scores changed

Learned = collections.namedtuple("Learned", "kind target expires cooldown above")

TRIGGERS = {
    "moved": Learned("segment", "course", 7 * DAY, 0, None),
    "settled": Learned("segment", "food", 7 * DAY, DAY, None),
    "keen": Learned("top_score", "course", 7 * DAY, 2 * HOUR, 1.0),
    "hungry": Learned("top_score", "food", HOUR, 6 * HOUR, 0.5),
}
EVERY_CHANGE, FOLLOWS = "moved", ["settled"]


class Input:
    """What was sent and is there, as these triggers see it."""

    def __init__(self, case):
        self.case = case
        self.task, self.places = {}, collections.defaultdict(dict)  # user -> ts -> place
        self.taken = collections.defaultdict(list)  # (user, domain) -> [(place, item)]
        self.items = collections.defaultdict(set)
        self.events = 0
        for seq, places in case.places.items():
            event, place = case.sent[seq], places[0]
            if event.reason == "-":
                self.add(event, place, case.domains[place.topic])
        self.times = {ts for places in self.places.values() for ts in places}
        self.clock = max(self.times, default=0)

    def add(self, event, place, domain):
        self.events += 1
        self.task[event.user] = place.partition
        self.places[event.user][event.ts] = place
        self.items[domain].update(event.items)
        if event.action in reference.CONSUMING and not self.case.repeats[domain]:
            self.taken[(event.user, domain)] += [(place, item) for item in event.items]


class History:
    """Triggers in the order in which they were decided, those of a task one after another."""

    def __init__(self, given, triggers):
        self.given, self.triggers, self.v = given, triggers, triggers.v
        self.fired = collections.defaultdict(list)  # (name, user) -> [fields], oldest first
        self.passed = {}  # (task, topic) -> (incarnation, offset): learned up to there at least
        self.found = 0

    def wrong(self, where, text):
        self.v.wrong("triggers", f"{where}: {text}")

    def pass_by(self, fields):
        """Of any kind: the event that it is about, if there is one, had been learned."""
        place = self.given.places.get(fields["user"], {}).get(int(fields["ts"]))
        if place and fields["kind"] != "top_score":
            at = (place.partition, place.topic)
            self.passed[at] = max(self.passed.get(at, (0, -1)), (place.incarnation, place.offset))

    def take(self, where, task, fields):
        """One of these kinds."""
        name, user, ts = fields["name"], fields["user"], int(fields["ts"])
        self.found += 1
        self.pass_by(fields)
        self.check_fields(where, task, fields)
        before = self.fired[(name, user)]
        if ts in (int(f["ts"]) for f in before):
            self.triggers.double(self.v_kind(where), 1, f"{where}: {name} of {user} at {ts} again")
            return
        if before:
            self.check_next(where, before[-1], fields)
        before.append(fields)

    @staticmethod
    def v_kind(where):
        return "outbox" if where.startswith("outbox") else "streams"

    def check_fields(self, where, task, fields):
        kind, user, ts = TRIGGERS[fields["name"]], fields["user"], int(fields["ts"])
        must = {"kind": kind.kind, "target": kind.target, "expires_at": str(ts + kind.expires)}
        of_kind = {"segment": {"from", "to"}, "top_score": {"domain", "item_id", "score"}}[kind.kind]
        names = {"trigger_id", "name", "user", "ts"} | must.keys() | of_kind
        if fields.keys() != names or any(fields[k] != x for k, x in must.items()):
            self.wrong(where, f"{fields} is not {must} with {sorted(of_kind)}")
        elif user not in self.given.task:
            self.wrong(where, f"{user} is nobody")
        elif task != self.given.task[user]:
            self.wrong(where, f"{user} is of task {self.given.task[user]}")
        elif kind.kind == "segment":
            self.check_change(where, fields, ts)
        else:
            self.check_top(where, kind, fields, ts)

    def check_change(self, where, fields, ts):
        places = self.given.places[fields["user"]]
        if ts not in places or ts <= min(places):
            self.wrong(where, f"{fields}: at none of his later events")
        if fields["from"] == fields["to"]:
            self.wrong(where, f"{fields} is no change")

    def check_top(self, where, kind, fields, ts):
        user, item = fields["user"], fields["item_id"]
        if ts not in self.given.times or ts < min(self.given.places[user]):
            self.wrong(where, f"{fields}: at the time of no event, or before his first one")
        if fields["domain"] != kind.target or item not in self.given.items[kind.target]:
            self.wrong(where, f"{fields}: no item of {kind.target}")
        if not float(fields["score"]) >= kind.above:
            self.wrong(where, f"{fields}: the score is not above {kind.above}")
        for place, taken in self.given.taken[(user, kind.target)]:
            passed = self.passed.get((place.partition, place.topic), (0, -1))
            if taken == item and (place.incarnation, place.offset) <= passed:
                self.wrong(where, f"{fields}: he took that before, {place}")
                break

    def check_next(self, where, last, fields):
        """Two that follow each other, of a user."""
        kind = TRIGGERS[fields["name"]]
        if int(fields["ts"]) - int(last["ts"]) < kind.cooldown or int(fields["ts"]) < int(last["ts"]):
            self.wrong(where, f"{fields} is within the cooldown after {last['ts']}")
        if kind.kind == "top_score" and fields.get("item_id") == last.get("item_id"):
            self.wrong(where, f"{fields} is about the same item as at {last['ts']}")
        if fields["name"] == EVERY_CHANGE and fields.get("from") != last.get("to"):
            self.triggers.lose(self.v_kind(where), f"{where}: {fields} does not begin at the "
                                                   f"segment {last.get('to')} of {last['ts']}")

    # ---- in the end ------------------------------------------------------------------------------

    def check_numbers(self, where):
        count = collections.Counter()
        for (name, _), fired in self.fired.items():
            count[name] += len(fired)
        least = max(1, self.given.events // ONE_IN)
        for name in TRIGGERS:
            if count[name] < least:
                self.wrong(where, f"{name} fired {count[name]} times, of {self.given.events} events "
                                  f"at least {least}")

    def check_segments(self, users):
        """Users of the dump."""
        for u in users:
            fired = self.fired.get((EVERY_CHANGE, u["user"]))
            if fired and fired[-1].get("to") != str(u["segment"]):
                self.triggers.lose("outbox", f"{fired[-1]} was the last change, and the state has "
                                             f"segment {u['segment']}")

    def check_follows(self):
        """What the others must be, whose only difference is the cooldown."""
        said = lambda fired: [(f["ts"], f.get("from"), f.get("to")) for f in fired]
        for name in FOLLOWS:
            users = {user for n, user in self.fired if n in (name, EVERY_CHANGE)}
            for user in users:
                must = []
                for f in self.fired.get((EVERY_CHANGE, user), []):
                    if not must or int(f["ts"]) - int(must[-1]["ts"]) >= TRIGGERS[name].cooldown:
                        must.append(f)
                must, is_now = said(must), said(self.fired.get((name, user), []))
                for x in must:
                    if x not in is_now:
                        self.triggers.lose("outbox", f"{name} of {user} at {x} is not there")
                for x in is_now:
                    if x not in must:
                        self.wrong("outbox", f"{name} of {user} at {x} did not happen")

    def check_lists(self, lists):
        """(domain, user) -> value, of an instance that took over everybody in the end."""
        names = {kind.target: name for name, kind in TRIGGERS.items() if kind.kind == "top_score"}
        for (domain, user), value in lists.items():
            kind, fired = TRIGGERS[names[domain]], self.fired.get((names[domain], user))
            if not value["items"] or value["items"][0].get("score", 0) <= kind.above + SCORE_STEPS:
                continue
            top = value["items"][0]
            if fired and (fired[-1].get("item_id") == top["id"]
                          or self.given.clock - int(fired[-1]["ts"]) < kind.cooldown + CLOCKS_MS):
                continue
            self.triggers.lose("outbox", f"{names[domain]} of {user}, about {top}, is not there; the "
                                         f"last one is {fired[-1] if fired else None}")


class Twice(History):
    """Of streams, where the state was lost once: each may have been decided twice, and between the
    two nobody remembered the first."""

    def take(self, where, task, fields):
        self.found += 1
        self.check_fields(where, task, fields)
        same = self.fired[(fields["name"], fields["user"])]
        same.append(fields)
        n = sum(f["ts"] == fields["ts"] for f in same)
        if n > 2:
            self.triggers.double("streams", 1, f"{where}: {fields['name']} of {fields['user']} at "
                                               f"{fields['ts']} is there {n} times")

    def check_cooldowns(self):
        """At most two within any one."""
        for (name, user), fired in self.fired.items():
            times = sorted(int(f["ts"]) for f in fired)
            for k, ts in enumerate(times):
                n = bisect.bisect_left(times, ts + TRIGGERS[name].cooldown) - k
                if n > 2:
                    self.wrong("streams", f"{name} of {user}: {n} times within the cooldown from {ts}")
                    break
