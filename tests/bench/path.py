# SPDX-License-Identifier: Apache-2.0
"""path.py -- the whole path on a real Kafka and a real Redis, beside a careful Kafka Streams job.

    tests/bench/run.sh path | yardstick | latency | instances | transactions
    python3 tests/bench/path.py WHAT BUILD OUT [--jars CLASSPATH] [--pairs N] [--only WORKLOAD]
                                [--rate N] [--seconds S] [--set KEY=VALUE]...

    path          every workload: CPU an event, lists, memory, latency; crossrec and the job in turns
    yardstick     the job alone: keeping state, learning, the whole; its cost by the issue beside it
    latency       the highest rate that crossrec keeps up with; then event to Redis at half of it, rounds
                  of 10 ms, a commit of each task every half second
    instances     CPU an event of 1, 2, 4 instances together
    transactions  state = kafka beside state = memory
    profile       a flame graph a workload, by perf, of a build with frame pointers

Workloads, fed live at a fixed rate to both, from the same file. The job publishes in rounds of 100 ms; crossrec has
publish.interval = 100ms (a user's lists come at once where hardly anybody like him does more, else 100 ms after his event):
    each   every event refreshes both lists: 10,000 users in random order, again and again
    zipf   100,000 users, zipf: .42 refreshes an event
    ten    ten events a user within a round: a list for ten events

A run has a Kafka, a Redis and topics of its own. The first --seconds of the events warm up (the job in Java
compiles itself), as many again are measured: CPU of the process (all
threads) an event, lists written, resident memory at the end, latency from the Kafka record's timestamp to
the reply of Redis. Of the job's CPU what its compiler threads take is left out, also in the second half.
crossrec runs with state = kafka, everything switched on; the job learns factors, pairs and segments, and ranks
by a linear blend only.
"""
import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import report
import stand

PARTITIONS = 4
USERS, EACH_USERS, ITEMS = 100_000, 10_000, 10_000
ZIPF_USERS, ZIPF_ITEMS = 1.1, .8
ROUND_MS = 100  # publish.interval, punctuation
# rate; in `each` a user comes again too late for a round to join events
WORKLOADS = {"each": 8000, "zipf": 20000, "ten": 20000}
LATENCY_ROUND_MS = 10
LATENCY_FEEDER = ("kafka.linger.ms=1",)  # how long it keeps a record is in the latency
LATENCY_SETS = ["commit.interval=500ms"]  # lists wait while a batch is packed: half of it, half as long
# mode of the job, workload, rate, what one that was written with care needed: us of CPU an event
YARDSTICK = {"state": ("state", "zipf", 40000, 4.4), "learn": ("learn", "zipf", 40000, 15), "full, zipf": ("full", "zipf", 20000, 31),
             "full, each": ("full", "each", 8000, 53), "full, ten": ("full", "ten", 20000, 17)}
JAVA = ["java", "-Xmx2g", "-Xmn1g", "-XX:+UseParallelGC", "-XX:ParallelGCThreads=2", "-XX:-UseDynamicNumberOfCompilerThreads",
        "--add-modules", "jdk.incubator.vector",
        "-Dorg.apache.avro.specific.use_custom_coders=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]


# ---- events ------------------------------------------------------------------------------------------

def zipf(n, s):
    return list(itertools.accumulate(1 / (k + 1) ** s for k in range(n)))


def crowds(r, n, rate):
    """Ten events of each user within a round of 100 ms, in any order."""
    at_once = max(rate // 100, 1)
    users = []
    while len(users) < n:
        round_of = r.sample(range(USERS), at_once) * 10
        r.shuffle(round_of)
        users += round_of
    return users


def make_events(kind, n, path, rate=10000):
    """ts domain user item; two of three items are near what the user's kind takes, so that there is something
    to learn."""
    r = random.Random(7)
    if kind == "each":
        users = []
        while len(users) < n:
            order = list(range(EACH_USERS))
            r.shuffle(order)
            users += order
    elif kind == "zipf":
        users = r.choices(range(USERS), cum_weights=zipf(USERS, ZIPF_USERS), k=n)
    else:
        users = crowds(r, n, rate)
    popular = r.choices(range(ITEMS), cum_weights=zipf(ITEMS, ZIPF_ITEMS), k=n)
    now = time.time() * 1000 - 1000 * n / rate  # as far apart as they are fed
    with open(path, "w") as f:
        for k in range(n):
            u = users[k]
            d = "course" if (u * 31 + k) % 2 else "food"
            item = popular[k] if k % 3 == 0 else (u % 400 * 25 + popular[k] % 25) % ITEMS
            f.write(f"{int(now + 1000 * k / rate)}\t{d}\tu{u}\t{d[0]}{item}\n")


class Events:
    """with Events(kind, rate, seconds) as e: a file of 2 * rate * seconds events, half of them to warm up."""

    def __init__(self, kind, rate, seconds):
        self.kind, self.rate, self.n = kind, rate, 2 * rate * seconds
        self.warm = self.n // 2

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="crossrec-bench-", suffix=".tsv")
        self.path = self.file.name
        make_events(self.kind, self.n, self.path, self.rate)
        return self

    def __exit__(self, *_):
        self.file.close()


# ---- runs --------------------------------------------------------------------------------------------

class Mark:
    def __init__(self, events, cpu, lists, hist=None):
        self.events, self.cpu, self.lists, self.hist = events, cpu, lists, hist or {}
        self.at = time.time()


def result(a, b, rss, p50, p99):
    n = max(b.events - a.events, 1)
    return {"us": (b.cpu - a.cpu) / n * 1e6, "lists_an_event": (b.lists - a.lists) / n, "rss_mb": rss,
            "p50_ms": p50, "p99_ms": p99, "events": n, "per_s": n / (b.at - a.at)}


def wait(what, condition, seconds, alive):
    end = time.time() + seconds
    while not condition():
        for p in alive:
            if p.poll() is not None:
                raise SystemExit(f"{what}: a process ended")
        if time.time() > end:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


class Crossrec:
    """Instances of a group."""

    def __init__(self, s, n, interval, sets):
        self.http = [f"{s.ip}:{9464 + k}" for k in range(n)]
        self.processes = [self.start(s, k, interval, sets) for k in range(n)]

    def start(self, s, k, interval, sets):
        own = [f"kafka.bootstrap.servers={s.brokers}", f"redis.address={s.redis}", f"http.address={self.http[k]}",
               f"publish.interval={interval}ms", f"instance.id=bench-{k}", "learn.user.rate=0",
               "publish.max.lag=365d", *sets]  # lists are made, however far behind: the work is fixed
        return s.start([s.crossrec, "run", *[w for x in own for w in ("--set", x)]], f"crossrec-{k}.log")

    def scrape(self):
        found = []
        for address in self.http:
            try:
                found.append(stand.metrics(address))
            except OSError:
                found.append(({}, {}))
        return found

    def ready(self):
        """Each has tasks that run, and one has learned the event that was there."""
        all_of = [sums for sums, _ in self.scrape()]
        return all(x.get('crossrec_tasks{state="running"}', 0) > 0 for x in all_of) and self.sum(all_of, "crossrec_events_total") >= 1

    @staticmethod
    def sum(all_of, name):
        return sum(x.get(name, 0) for x in all_of)

    def mark(self):
        found = self.scrape()
        sums = [x for x, _ in found]
        hist = {}
        for _, buckets in found:
            for le, n in buckets.get("crossrec_event_to_redis_seconds_bucket", {}).items():
                hist[le] = hist.get(le, 0) + n
        return Mark(self.sum(sums, "crossrec_events_total"), sum(stand.cpu_s(p.pid) for p in self.processes),
                    self.sum(sums, "crossrec_lists_published_total"), hist)

    def stop(self):
        for p in self.processes:
            p.send_signal(signal.SIGTERM)
        for p in self.processes:
            p.wait(30)


def run_crossrec(build, e, interval=ROUND_MS, sets=(), instances=1, record=None, feeder=()):
    """record: a file for perf, of the half that is measured. feeder: options of the feeder."""
    with stand.Stand(os.path.join(build, "crossrec")) as s:
        s.create_topics(e.path, PARTITIONS)
        c = Crossrec(s, instances, interval, sets)
        wait("crossrec starts", c.ready, 60, c.processes)
        s.feed(e.path, e.rate, feeder)
        seconds = e.n / e.rate
        wait("crossrec warms up", lambda: c.mark().events >= e.warm, 60 + seconds, c.processes)
        if record:
            perf = s.start(["perf", "record", "-q", "-g", "-F", "499", "-p", str(c.processes[0].pid), "-o", record, "sleep",
                            str(int(seconds / 2))], "perf.log")
        a = c.mark()
        wait("crossrec learns", lambda: c.mark().events >= e.n, 240 + 4 * seconds, c.processes)
        b = c.mark()
        rss = max(stand.rss_mb(p.pid) for p in c.processes)
        if record:
            perf.wait(60)
        c.stop()
        return result(a, b, rss, *(1000 * stand.quantile(a.hist, b.hist, q) for q in (.5, .99)))


def run_streams(build, jars, e, mode="full"):
    with stand.Stand(os.path.join(build, "crossrec")) as s:
        s.create_topics(e.path, PARTITIONS)
        p = s.start([*JAVA, f"-Djava.io.tmpdir={s.folder}", "-cp", jars, "crossrec.bench.StreamsJob", s.brokers, s.redis,
                     "bench", mode, str(ROUND_MS), str(e.warm)], "streams.log")

        def last(word):
            """The last line that begins so: events, CPU (s), lists, p50, p99 since the warm-up."""
            lines = [x.split() for x in s.text("streams.log").splitlines() if x.startswith(word + " ") and x.endswith(";")]
            return [float(x) for x in lines[-1][1:6]] if lines else [-1.0, 0.0, 0.0, -1.0, -1.0]

        wait("the job starts", lambda: last("progress")[0] >= 1, 90, [p])
        s.feed(e.path, e.rate)
        seconds = e.n / e.rate
        wait("the job warms up", lambda: last("progress")[0] >= e.warm, 90 + 2 * seconds, [p])
        events, cpu, lists, _, _ = last("progress")
        a = Mark(events, cpu / 1e9 - stand.compiling_s(p.pid), lists)
        wait("the job learns", lambda: last("progress")[0] >= e.n, 240 + 4 * seconds, [p])
        events, cpu, lists, p50, p99 = last("progress")
        b = Mark(events, cpu / 1e9 - stand.compiling_s(p.pid), lists)
        rss = stand.rss_mb(p.pid)
        p.send_signal(signal.SIGTERM)
        p.wait(60)
        return result(a, b, rss, p50, p99)


# ---- what is asked ------------------------------------------------------------------------------------

def workloads(a):
    for name, rate in WORKLOADS.items():
        if not a.only or name == a.only:
            yield name, a.rate or rate


def tell_unlike(name, rate, ours, theirs):
    """Not the same work, or not at the rate: the pair says little."""
    for who, t in (("crossrec", ours), ("the job", theirs)):
        if t["per_s"] < .9 * rate:
            print(f"  {name}: {who} did not keep up: {t['per_s']:.0f} of {rate} events/s; try a smaller --rate", flush=True)
    if not .9 <= ours["lists_an_event"] / theirs["lists_an_event"] <= 1.1:
        print(f"  {name}: lists an event differ: {ours['lists_an_event']:.2f} and {theirs['lists_an_event']:.2f}", flush=True)


def path(a):
    r = report.Report("path", "Kafka Streams, linear blend")
    for name, rate in workloads(a):
        with Events(name, rate, a.seconds) as e:
            for k in range(a.pairs):
                ours = run_crossrec(a.build, e, sets=a.set)
                theirs = run_streams(a.build, a.jars, e)
                print(f"  {name} {k + 1}: {ours['us']:.1f} us beside {theirs['us']:.1f} us", flush=True)
                for what, unit, key in ((name, "us CPU/event", "us"), (f"memory, {name}", "MB resident", "rss_mb"),
                                        (f"lists, {name}", "lists/event", "lists_an_event"), (f"p50, {name}", "ms", "p50_ms"),
                                        (f"p99, {name}", "ms", "p99_ms"), (f"rate, {name}", "events/s", "per_s")):
                    r.add(what, unit, ours[key], theirs[key])
                tell_unlike(name, rate, ours, theirs)
    r.note("the job's first half (%d s at the rate) is its warm-up and not measured, nor is crossrec's" % a.seconds)
    r.finish(a.out)


def yardstick(a):
    r = report.Report("yardstick", "the same as it was measured when the targets were set; at most 1.2x counts")
    for what, (mode, workload, rate, known) in YARDSTICK.items():
        if a.only and a.only != workload:
            continue
        with Events(workload, a.rate or rate, a.seconds) as e:
            for k in range(a.pairs):
                t = run_streams(a.build, a.jars, e, mode)
                print(f"  {what} {k + 1}: {t['us']:.1f} us, {t['lists_an_event']:.2f} lists an event, {t['rss_mb']:.0f} MB, "
                      f"p50 {t['p50_ms']:.0f} p99 {t['p99_ms']:.0f} ms, {t['per_s']:.0f}/s", flush=True)
                r.add(what, "us CPU/event", t["us"], known)
                r.add(f"memory, {what}", "MB resident", t["rss_mb"])
    r.finish(a.out)


def keeps_up(a, rate, sets):
    """Does the lag stay near 0, while it is fed so?"""
    with Events("zipf", rate, a.seconds) as e:
        t = run_crossrec(a.build, e, LATENCY_ROUND_MS, LATENCY_SETS + sets, feeder=LATENCY_FEEDER)
    fine = t["per_s"] >= .97 * rate and t["p99_ms"] < 1000
    print(f"  {rate:.0f} events/s: {t['per_s']:.0f} learned, p50 {t['p50_ms']:.1f} p99 {t['p99_ms']:.1f} ms"
          f"{'' if fine else ': too much'}", flush=True)
    return fine


def latency(a):
    r = report.Report("latency")
    low, high = 0, a.rate or 4000
    while keeps_up(a, high, a.set):
        low, high = high, high * 2
    while high - low > .15 * high and high > 250:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps_up(a, middle, a.set) else (low, middle)
    if low == 0:
        raise SystemExit(f"latency: not even {high} events/s")
    r.add("maximum rate", "events/s", low)
    with Events("zipf", low // 2, a.seconds) as e:
        for k in range(a.pairs):
            t = run_crossrec(a.build, e, LATENCY_ROUND_MS, LATENCY_SETS + a.set, feeder=LATENCY_FEEDER)
            r.add("p50, half of the maximum", "ms", t["p50_ms"])
            r.add("p99, half of the maximum", "ms", t["p99_ms"])
            r.add("CPU, half of the maximum", "us CPU/event", t["us"])
    r.finish(a.out)


def instances(a):
    """Each has the same rate, all of them the same events, of which each refreshes two lists."""
    r = report.Report("instances", "one instance")
    rate = a.rate or 1500
    with Events("each", 4 * rate, max(a.seconds // 2, 1)) as e:
        for k in range(a.pairs):
            us = {}
            for n in (1, 2, 4):
                e.rate = n * rate
                t = run_crossrec(a.build, e, sets=a.set, instances=n)
                us[n] = t["us"]
                r.add("CPU of all", "us CPU/event", us[n], x=n)
                r.add(f"lists, {n} instances", "lists/event", t["lists_an_event"])
                print(f"  {k + 1}: {n} instances: {us[n]:.1f} us an event, {t['lists_an_event']:.2f} lists, {t['per_s']:.0f}/s", flush=True)
            for n in (2, 4):
                r.add(f"efficiency of an instance, {n}", "ratio", us[1] / us[n])
    r.finish(a.out)


def transactions(a):
    r = report.Report("transactions", "crossrec with state = memory")
    with Events("zipf", a.rate or 5000, a.seconds) as e:
        for k in range(a.pairs):
            ours = run_crossrec(a.build, e, sets=["state=kafka", "commit.interval=1s", *a.set])
            theirs = run_crossrec(a.build, e, sets=["state=memory", *a.set])
            print(f"  {k + 1}: {ours['us']:.1f} us beside {theirs['us']:.1f} us", flush=True)
            r.add("state = kafka beside memory", "us CPU/event", ours["us"], theirs["us"])
            r.add("throughput", "events/s", ours["per_s"], theirs["per_s"])
            r.add("p99", "ms", ours["p99_ms"], theirs["p99_ms"])
    r.finish(a.out)


def profile(a):
    for name, rate in workloads(a):
        data = os.path.join(a.out, f"perf-{name}.data")
        with Events(name, a.rate or rate // 2, a.seconds) as e:
            t = run_crossrec(a.build, e, sets=a.set, record=data)
        print(f"{name}: {t['us']:.1f} us an event, {t['lists_an_event']:.2f} lists; of its CPU:", flush=True)
        subprocess.run([sys.executable, os.path.join(stand.HERE, "flame.py"), data, os.path.join(a.out, f"flame-{name}.svg")], check=True)
        os.unlink(data)


WHAT = {"path": path, "profile": profile, "yardstick": yardstick, "latency": latency, "instances": instances, "transactions": transactions}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=WHAT)
    p.add_argument("build", help="a folder with crossrec in it")
    p.add_argument("out", help="where JSON and plots go")
    p.add_argument("--jars", help="bench.jar and what it needs, as a class path")
    p.add_argument("--pairs", type=int, default=5)
    p.add_argument("--only", choices=sorted(WORKLOADS))
    p.add_argument("--rate", type=int, help="events a second; each workload has its own")
    p.add_argument("--seconds", type=int, default=20, help="of events, to warm up, and again to measure")
    p.add_argument("--set", action="append", default=[], help="an option of crossrec")
    a = p.parse_args()
    if a.what in ("path", "yardstick") and not a.jars:
        p.error("--jars is needed")
    WHAT[a.what](a)


if __name__ == "__main__":
    sys.exit(main())
