# SPDX-License-Identifier: Apache-2.0
"""stand.py -- a real Kafka and a real Redis of one run, on loopback in a temporary directory; processes and
what they cost. Used by path.py. Nothing but the standard library."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

SERVER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{ip}:9093
listeners=PLAINTEXT://{ip}:9092,CONTROLLER://{ip}:9093
advertised.listeners=PLAINTEXT://{ip}:9092
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/kafka
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
"""


def jars():
    out = subprocess.run(["sh", os.path.join(ROOT, "tests/integration/kafka_install.sh")], check=True,
                         capture_output=True, text=True).stdout
    lib = os.path.join(out.strip().split("\n")[-1], "lib")
    return ":".join(sorted(os.path.join(lib, f) for f in os.listdir(lib) if f.endswith(".jar")))


def cpu_s(pid):
    """CPU time of a process so far, user and system, of all its threads."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def compiling_s(pid):
    """CPU time so far of a JVM's compiler threads (with -XX:-UseDynamicNumberOfCompilerThreads, so that none ends)."""
    ticks = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat") as f:
            head, tail = f.read().rsplit(")", 1)
        if re.search(r"\((C1|C2) Compiler|\(Sweeper", head):
            ticks += sum(int(x) for x in tail.split()[11:13])
    return ticks / TICK


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


class Stand:
    """with Stand(crossrec) as s: s.brokers, s.redis, s.folder; ends what it started."""

    def __init__(self, crossrec):
        self.crossrec = os.path.abspath(crossrec)
        self.folder = tempfile.mkdtemp(prefix="crossrec-bench-")
        pid = os.getpid()
        self.ip = f"127.9.{pid % 250 + 1}.{pid // 250 % 250 + 1}"
        self.brokers = f"{self.ip}:9092"
        self.started = []

    def start(self, args, log, **more):
        out = open(os.path.join(self.folder, log), "w")
        p = subprocess.Popen(args, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder, **more)
        self.started.append(p)
        return p

    def text(self, log):
        return open(os.path.join(self.folder, log), errors="replace").read()

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self):
        cp = jars()
        conf = os.path.join(self.folder, "server.properties")
        with open(conf, "w") as f:
            f.write(SERVER.format(ip=self.ip, folder=self.folder))
        subprocess.run(["java", "-cp", cp, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", conf],
                       check=True, capture_output=True)
        self.start(["java", "-Xmx1g", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", cp,
                    "kafka.Kafka", conf], "kafka.log")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.redis = f"127.0.0.1:{port}"
        self.redis_process = self.start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], "redis.log")

    def create_topics(self, events, partitions):
        """Input topics, with one event in them."""
        for _ in range(120):
            ran = subprocess.run([self.crossrec, "replay", events, "--limit", "1", "--create", str(partitions),
                                  "--set", f"kafka.bootstrap.servers={self.brokers}"], capture_output=True, text=True)
            if ran.returncode == 0:
                return
            time.sleep(0.5)
        raise SystemExit(f"topics cannot be made: {ran.stderr}")

    def feed(self, events, rate, sets=()):
        own = [f"kafka.bootstrap.servers={self.brokers}", *sets]
        return self.start([self.crossrec, "replay", events, "--rate", str(rate), *[w for x in own for w in ("--set", x)]], "feed.log")

    def fill(self, events):
        """All of it, as fast as it goes; what create_topics() sent comes again, under the same id."""
        subprocess.run([self.crossrec, "replay", events, "--set", f"kafka.bootstrap.servers={self.brokers}"], check=True,
                       capture_output=True)

    def __exit__(self, *_):
        for p in reversed(self.started):
            if p.poll() is None:
                p.send_signal(signal.SIGKILL)
            p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def metrics(address):
    """name -> sum over its labels, and name{labels} -> value; histograms: name_bucket -> {le: count}."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as r:
        text = r.read().decode()
    sums, buckets = {}, {}
    for line in text.splitlines():
        m = re.match(r"(\w+)(?:\{([^}]*)\})? (\S+)$", line)
        if not m:
            continue
        sums[m[1]] = sums.get(m[1], 0.0) + float(m[3])
        if m[2]:
            sums[f"{m[1]}{{{m[2]}}}"] = float(m[3])
        le = re.search(r'le="([^"]+)"', m[2] or "")
        if le:
            cell = buckets.setdefault(m[1], {})
            cell[float(le[1])] = cell.get(float(le[1]), 0.0) + float(m[3])
    return sums, buckets


def quantile(before, after, q):
    """Of a histogram's growth, interpolated in its bucket; seconds."""
    edges = sorted(after)
    counts = [after[e] - before.get(e, 0.0) for e in edges]
    total = counts[-1] if counts else 0
    low, below = 0.0, 0.0
    for e, c in zip(edges, counts):
        if c >= q * total > 0:
            high = low * 2 if e == float("inf") else e
            return low + (high - low) * (q * total - below) / max(c - below, 1e-9)
        low, below = (e, c)
    return float("nan")
