# SPDX-License-Identifier: Apache-2.0
"""path.py -- the whole path on a real Kafka and a real Redis, beside a careful Kafka Streams job.

    tests/bench/run.sh path                every workload, 5 pairs
    python3 tests/bench/path.py CROSSREC JARS [--pairs N] [--only each|zipf|ten] [--rate N] [--json FILE]

Workloads, fed live at a fixed rate to both, from the same file:
    each   every event refreshes both lists: users in random order, each long before he comes again
    zipf   100 ms rounds, 100,000 users, zipf: some come again within a round
    ten    ten events a user within a round: a list for ten events

A run has a Kafka, a Redis and topics of its own. What is measured begins when a third of the events is behind
(for the job in Java that is its warm-up: a JIT's cost is left out, and said so) and ends with the last: CPU of the
process (all threads) an event, lists written, resident memory, latency from the Kafka record's
timestamp to the reply of Redis. crossrec runs with state = kafka, everything switched on; the job
learns factors, pairs and segments, and ranks by a linear blend only.
"""
import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import stand

PARTITIONS = 4
WARM = 3  # the first 1/WARM of the events is not measured
USERS, ITEMS = 100_000, 10_000


def zipf_weights(n, s):
    return [1 / (k + 1) ** s for k in range(n)]


def make_events(kind, n, path):
    """ts domain user item; a user's next item is near his last ones, so that there is something to learn."""
    r = random.Random(7)
    users = []
    if kind == "each":
        while len(users) < n:
            order = list(range(USERS))
            r.shuffle(order)
            users += order
    elif kind == "zipf":
        users = r.choices(range(USERS), weights=zipf_weights(USERS, 0.9), k=n)
    else:
        while len(users) < n:
            crowd = r.sample(range(USERS), 100)
            users += [crowd[k % 100] for k in range(1000)]  # ten each, within a round
    popular = r.choices(range(ITEMS), weights=zipf_weights(ITEMS, 0.8), k=n)
    now = int(time.time() * 1000) - n
    with open(path, "w") as f:
        for k in range(n):
            u = users[k]
            d = "course" if (u * 31 + k) % 2 else "food"
            item = popular[k] if k % 3 == 0 else (u % 400 * 25 + popular[k] % 25) % ITEMS
            f.write(f"{now + k}\t{d}\tu{u}\t{d[0]}{item}\n")


class Mark:
    def __init__(self, events, cpu, lists, hist=None):
        self.events, self.cpu, self.lists, self.hist = events, cpu, lists, hist or {}


def result(a, b, rss, p50, p99):
    n = b.events - a.events
    return {"us": (b.cpu - a.cpu) / n * 1e6, "lists_an_event": (b.lists - a.lists) / n, "rss_mb": rss,
            "p50_ms": p50, "p99_ms": p99, "events": n}


def wait(what, condition, seconds, alive):
    end = time.time() + seconds
    while not condition():
        if alive.poll() is not None:
            raise SystemExit(f"{what}: the process ended")
        if time.time() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.2)


def run_crossrec(crossrec, events, n, rate, interval, sets=()):
    with stand.Stand(crossrec) as s:
        s.create_topics(events, PARTITIONS)
        http = f"{s.ip}:9464"
        p = s.start([s.crossrec, "run", "--set", f"kafka.bootstrap.servers={s.brokers}", "--set", f"redis.address={s.redis}",
                     "--set", f"http.address={http}", "--set", f"publish.interval={interval}ms", "--set", "instance.id=bench",
                     "--set", "learn.user.rate=0", *[w for x in sets for w in ("--set", x)]], "crossrec.log")

        def mark():
            sums, buckets = stand.metrics(http)
            return Mark(sums.get("crossrec_events_total", 0), stand.cpu_s(p.pid), sums.get("crossrec_lists_published_total", 0),
                        buckets.get("crossrec_event_to_redis_seconds_bucket"))

        def learned():
            try:
                return mark().events
            except OSError:
                return -1

        wait("crossrec starts", lambda: learned() >= 1, 60, p)
        s.feed(events, rate)
        wait("crossrec warms up", lambda: learned() >= n // WARM, 60 + n / rate, p)
        a = mark()
        wait("crossrec learns", lambda: learned() >= n, 120 + n / rate, p)
        b = mark()
        rss = stand.rss_mb(p.pid)
        p.send_signal(signal.SIGTERM)
        p.wait(30)
        return result(a, b, rss, *(1000 * stand.quantile(a.hist, b.hist, q) for q in (.5, .99)))


def run_streams(crossrec, jars, events, n, rate, interval, mode="full"):
    with stand.Stand(crossrec) as s:
        s.create_topics(events, PARTITIONS)
        p = s.start(["java", "-Xmx2g", "-XX:+UseParallelGC", "--add-modules", "jdk.incubator.vector",
                     "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", f"-Djava.io.tmpdir={s.folder}", "-cp", jars,
                     "crossrec.bench.StreamsJob", s.brokers, s.redis, "bench", mode, str(interval)], "streams.log")

        def last():
            lines = [x.split() for x in s.text("streams.log").splitlines() if x.startswith("progress ")]
            return (int(lines[-1][1]), int(lines[-1][2])) if lines else (-1, 0)

        wait("the job starts", lambda: last()[0] >= 1, 90, p)
        s.feed(events, rate)
        wait("the job warms up", lambda: last()[0] >= n // WARM, 90 + n / rate, p)
        e, cpu = last()
        a = Mark(e, cpu / 1e9, 0)
        wait("the job learns", lambda: last()[0] >= n, 180 + n / rate, p)
        e, cpu = last()
        b = Mark(e, cpu / 1e9, 0)
        rss = stand.rss_mb(p.pid)
        p.send_signal(signal.SIGTERM)
        p.wait(60)
        done = [x.split() for x in s.text("streams.log").splitlines() if x.startswith("done ")]
        r = result(a, b, rss, float(done[-1][3]) if done else -1, float(done[-1][4]) if done else -1)
        r["lists_an_event"] = int(done[-1][2]) / int(done[-1][1]) if done else -1
        return r


WORKLOADS = {"each": (10, 0), "zipf": (100, 100), "ten": (100, 100)}  # publish interval of crossrec, of the job


def show(name, ours, theirs):
    def middle(rows, key):
        return statistics.median(r[key] for r in rows)

    ratios = sorted(a["us"] / b["us"] for a, b in zip(ours, theirs))
    memory = statistics.median(a["rss_mb"] / b["rss_mb"] for a, b in zip(ours, theirs))
    print(f"{name:5} crossrec {middle(ours, 'us'):5.1f} us an event ({middle(ours, 'lists_an_event'):.2f} lists, {middle(ours, 'rss_mb'):.0f} MB, "
          f"p50 {middle(ours, 'p50_ms'):.0f} p99 {middle(ours, 'p99_ms'):.0f} ms); Kafka Streams {middle(theirs, 'us'):5.1f} us "
          f"({middle(theirs, 'lists_an_event'):.2f} lists, {middle(theirs, 'rss_mb'):.0f} MB, p50 {middle(theirs, 'p50_ms'):.0f} "
          f"p99 {middle(theirs, 'p99_ms'):.0f} ms); ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
          f"memory {memory:.2f}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("crossrec")
    p.add_argument("jars", help="bench.jar and what it needs, as a class path")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--only", choices=sorted(WORKLOADS))
    p.add_argument("--rate", type=int, default=10000)
    p.add_argument("--events", type=int, default=400000)
    p.add_argument("--json")
    a = p.parse_args()
    all_of = {}
    for name, (ours_ms, theirs_ms) in WORKLOADS.items():
        if a.only and name != a.only:
            continue
        ours, theirs = [], []
        with tempfile.NamedTemporaryFile(prefix="crossrec-bench-", suffix=".tsv") as f:
            make_events(name, a.events, f.name)
            for k in range(a.pairs):
                ours.append(run_crossrec(a.crossrec, f.name, a.events, a.rate, ours_ms))
                theirs.append(run_streams(a.crossrec, a.jars, f.name, a.events, a.rate, theirs_ms))
                print(f"  {name} {k + 1}: {ours[-1]['us']:.1f} us beside {theirs[-1]['us']:.1f} us", flush=True)
        show(name, ours, theirs)
        all_of[name] = {"crossrec": ours, "streams": theirs}
    if a.json:
        with open(a.json, "w") as f:
            json.dump({"rate": a.rate, "events": a.events, "workloads": all_of}, f, indent=1)


if __name__ == "__main__":
    sys.exit(main())
