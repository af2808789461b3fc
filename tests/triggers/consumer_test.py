# SPDX-License-Identifier: Apache-2.0
#
# consumer_test.py TRIGGERS.md -- does the consumer of the text do what the text says? Two of them
# share two streams; one is killed with what it took; Redis is emptied, and what comes back is not
# sent again; what has expired is not sent; another server is waited for.
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import redis

N = 40


def block(path, language):
    text = open(path, encoding="utf-8").read()
    return re.search(r"```%s\n(# consumer\.py.*?)```" % language, text, re.S).group(1)


class Stand:
    def __init__(self, code):
        self.dir = tempfile.mkdtemp(prefix="crossrec-triggers-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.code = os.path.join(self.dir, "consumer.py")
        with open(self.code, "w", encoding="utf-8") as out:
            out.write(code)
        self.processes = []
        self.start_redis()
        self.seq = 0

    def start_redis(self):
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", self.dir],
            stdout=subprocess.DEVNULL)
        self.r = redis.Redis(unix_socket_path=self.socket, decode_responses=True)
        wait(lambda: self.answers(), "Redis answers")

    def answers(self):
        try:
            return self.r.ping()
        except redis.RedisError:
            return False

    def info(self):
        self.r.set("crossrec:course:info", '{"version":[1,1],"schema":1,"n":10,"partitions":2}')

    def trigger(self, user, expires_ms, entry=None):
        """As crossrec adds them; returns how, so that it can be added again."""
        if entry is None:
            self.seq += 1
            partition = len(user) % 2
            entry_id = "%d-0" % (1764115200000 + self.seq)
            entry = (partition, entry_id, {
                "trigger_id": "%d-%s" % (partition, entry_id), "name": "crossed-over",
                "kind": "first_purchase", "target": "course", "user": user, "ts": 1,
                "expires_at": int(expires_ms), "domain": "food", "category": "ramen"})
        self.r.xadd("crossrec:course:triggers:%d" % entry[0], entry[2], id=entry[1])
        return entry

    def consumer(self, name):
        out = open(os.path.join(self.dir, name + ".out"), "w", encoding="utf-8")
        p = subprocess.Popen([sys.executable, "-B", self.code, name], stdout=out, cwd=self.dir, env={
            **os.environ, "REDIS_URL": "unix://" + self.socket, "IDLE_MS": "700"})
        self.processes.append(p)
        return p

    def sent(self):
        lines = []
        for name in os.listdir(self.dir):
            if name.endswith(".out"):
                lines += open(os.path.join(self.dir, name), encoding="utf-8").read().splitlines()
        return lines

    def pending(self):
        return sum(self.r.xpending("crossrec:course:triggers:%d" % p, "mail")["pending"] for p in range(2))

    def close(self):
        for p in self.processes:
            p.kill()
        self.server.kill()


def wait(what, text):
    end = time.time() + 30
    while not what():
        if time.time() > end:
            sys.exit("triggers: never: " + text)
        time.sleep(0.05)


def check(stand):
    later = time.time() * 1000 + 3600000
    entries = [stand.trigger("u%d" % k if k % 2 else "uu%d" % k, later) for k in range(N)]
    stand.trigger("late", 1)
    stand.info()
    first, _ = stand.consumer("mail-1"), stand.consumer("mail-2")
    wait(lambda: len(stand.sent()) == N, "each is sent")
    wait(lambda: stand.pending() == 0, "each is acknowledged")
    assert len(set(stand.sent())) == N and not any("late" in line for line in stand.sent())
    assert "crossed-over: to u1, about ramen" in stand.sent()

    # one that dies with what it took: the other one takes it over
    first.send_signal(signal.SIGKILL)
    stand.r.xreadgroup("mail", "mail-0", {"crossrec:course:triggers:0": ">"})
    entries.append(stand.trigger("u__", later))
    entries.append(stand.trigger("u_", later))
    wait(lambda: len(stand.sent()) == N + 2, "what a dead consumer had is sent")
    wait(lambda: stand.pending() == 0, "and acknowledged")

    # Redis is emptied: unexpired ones come back under their ids, and are not sent again
    stand.r.flushall()
    time.sleep(0.3)
    stand.info()
    for stream in range(2):
        for entry in [e for e in entries if e[0] == stream]:
            stand.trigger(None, None, entry)
    entries.append(stand.trigger("u___", later))
    wait(lambda: len(stand.sent()) == N + 3, "what is new after FLUSHALL is sent")
    wait(lambda: stand.pending() == 0, "all are acknowledged")
    time.sleep(0.5)
    assert len(stand.sent()) == N + 3 == len(set(stand.sent()))

    # Redis is killed and started again, empty
    stand.server.kill()
    stand.server.wait()
    time.sleep(0.5)
    stand.start_redis()
    stand.info()
    stand.trigger("u____", later)
    wait(lambda: len(stand.sent()) == N + 4, "another server is found")


def main():
    stand = Stand(block(sys.argv[1], "python"))
    try:
        check(stand)
    finally:
        stand.close()
    print("triggers: the consumer of docs/triggers.md does what the text says")


main()
