# SPDX-License-Identifier: Apache-2.0
"""docs_test.py DOCS CROSSREC NODE_MODULES NAME... -- see run.sh.

Examples are fenced blocks tagged sh, python or js. Blocks of one language in one document that import
or define what a later one uses are run together, in order. `<!-- test: skip, WHY -->` on the line before
a block leaves it out, and its reason is printed. A block of json or text right behind one of sh is what
it prints: JSON must have the same fields, text need only be there.
"""
import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
REDIS, HTTP, DEMO_S, BLOCK_S = 6379, 9464, 12, 60
failed = []


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh", b"lo", 0) + b"\0" * 14
        flags = struct.unpack("16sh", fcntl.ioctl(s, SIOCGIFFLAGS, request)[:18])[1]
        if not flags & IFF_UP:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP) + b"\0" * 14)


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def forward(port, to):
    """127.0.0.1:port is what users have; the demo's Redis has another one."""
    server = socket.create_server(("127.0.0.1", port))

    def pump(a, b):
        pair = {a: b, b: a}
        try:
            while True:
                for s in select.select(list(pair), [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    pair[s].sendall(data)
        except OSError:
            pass
        finally:
            a.close()
            b.close()

    def accept():
        while True:
            client, _ = server.accept()
            threading.Thread(target=pump, args=(client, socket.create_connection(("127.0.0.1", to))), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def start_demo(crossrec, folder):
    log = open(os.path.join(folder, "demo.log"), "w+")
    demo = subprocess.Popen([crossrec, "demo", "--seconds", str(DEMO_S), "--keep", "--set", f"http.address=127.0.0.1:{HTTP}"],
                            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder)
    end = time.time() + 90
    while time.time() < end and demo.poll() is None:
        text = open(log.name).read()
        port = re.search(r"redis(?:\s+|=)\"?127\.0\.0\.1:(\d+)", text)
        if port and re.search(r"Done in|msg=\"?done|Ctrl-C", text.split("for ", 1)[-1]):
            return demo, int(port[1])
        time.sleep(0.1)
    print(open(log.name).read())
    raise SystemExit("docs: the demo does not get ready")


def blocks_of(path):
    """(line, tag, text, skip, expected tag, expected text)"""
    lines = open(path, encoding="utf-8").read().split("\n")
    found, skip, at, k = [], None, None, 0
    while k < len(lines):
        comment = re.match(r"\s*<!-- test: skip, (.*) -->", lines[k])
        fence = re.match(r"\s*```(\w*)\s*$", lines[k])
        if comment:
            skip = comment[1]
        elif fence:
            start, indent = k, len(lines[k]) - len(lines[k].lstrip())
            k += 1
            body = []
            while lines[k].strip() != "```":
                body.append(lines[k][indent:])
                k += 1
            text = "\n".join(body) + "\n"
            if fence[1] in ("sh", "python", "js"):
                found.append([start + 1, fence[1], text, skip, None, None])
                at = len(found) - 1
            elif fence[1] in ("json", "text") and at is not None:
                found[at][4:] = [fence[1], text]
                at = None
            skip = None
        elif lines[k].strip():
            skip = None
            at = at if len(lines[k]) < 80 and lines[k].endswith(":") else None
        k += 1
    return found


def shape(value):
    """Names of fields, whatever the values are; a list is its first element."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


OPTIONAL = {"because", "propensity"}


def same_shape(want, got, path=""):
    if isinstance(want, dict) and isinstance(got, dict):
        for k in set(want) | set(got):
            if k not in OPTIONAL and (k not in want or k not in got):
                yield f"{path}.{k} is {'not printed' if k in want else 'not in the document'}"
            elif k in want and k in got:
                yield from same_shape(want[k], got[k], f"{path}.{k}")
    elif isinstance(want, list) and isinstance(got, list):
        yield from same_shape(want[0], got[0], path + "[0]")


def run(args, text, folder, env):
    began = time.time()
    try:
        ran = subprocess.run(args, input=text, cwd=folder, env=env, capture_output=True, text=True, timeout=BLOCK_S)
        return ran.returncode, ran.stdout, ran.stderr, time.time() - began
    except subprocess.TimeoutExpired as e:
        return 124, str(e.stdout), f"not done after {BLOCK_S} s", BLOCK_S


def check(where, block, code, out, err):
    expected, want = block[4], block[5]
    if code != 0:
        failed.append(f"{where}: exit status {code}\n{block[2]}{out[-2000:]}{err[-2000:]}")
    elif block[1] == "sh" and re.search(r"^(\(error\) )?(ERR|NOGROUP|WRONGTYPE|NOPERM|NOAUTH|BUSYGROUP) ", out, re.M):
        failed.append(f"{where}: Redis refuses it: {out[:300]}")  # redis-cli's exit status is 0 all the same
    elif expected == "json":
        try:
            got = json.loads(out)
        except ValueError:
            failed.append(f"{where}: what it prints is no JSON: {out[:300]}")
            return
        for difference in same_shape(shape(json.loads(want)), shape(got)):
            failed.append(f"{where}: {difference}")
    elif expected == "text" and not out.strip():
        failed.append(f"{where}: prints nothing, the document shows something\n{block[2]}{err[-500:]}")


def read_key(key):
    out = subprocess.run(["redis-cli", "-p", str(REDIS), "get", key], capture_output=True, text=True).stdout
    return json.loads(out) if out.strip() else {}


def with_living_segment(text):
    """Which ids the segments of a run have is chance, and one of few users has no card: in place of the document's id
    the one with the most users."""
    def living(found):
        cards = [read_key(found[1] + str(k)) for k in read_key(f"crossrec:{found[2]}:info").get("segments", [])]
        largest = max(cards, key=lambda card: card.get("users", 0), default={})
        return found[1] + str(largest.get("segment", found[3]))
    return re.sub(r"(crossrec:(\w+):segment:)(\d+)", living, text)


def run_document(docs, name, crossrec, node, python, folder):
    path = os.path.join(docs, name + ".md")
    n = left = 0
    before = {"python": "", "js": ""}
    env = dict(os.environ, PATH=f"{os.path.dirname(os.path.abspath(crossrec))}:{os.path.dirname(python)}:{os.environ['PATH']}",
               NODE_PATH=node, LC_ALL="C.UTF-8")
    for block in blocks_of(path):
        where = f"docs/{name}.md:{block[0]}"
        tag, text = block[1], block[2]
        if block[3] or (tag == "js" and not node):
            print(f"docs: {where} is left out: {block[3] or 'no Node client'}")
            left += 1
            continue
        if tag == "sh":
            code, out, err, took = run(["sh", "-eu"], with_living_segment(text), folder, env)
        else:
            whole = before[tag] + text
            args = [python, "-W", "error::SyntaxWarning", "-"] if tag == "python" else ["node", "-"]
            code, out, err, took = run(args, whole, folder, env)
            before[tag] = whole if code == 0 and re.search(r"^(def|import|from|function|const|let)\b", text, re.M) else before[tag]
        n += 1
        check(where, block, code, out, err)
        print(f"docs: {where} {tag}, {took:.1f} s, exit status {code}", flush=True)
    return n, left


def main():
    if sys.argv[1] == "--free":
        return 0 if is_free(REDIS) and is_free(HTTP) else 1
    docs, crossrec, node, names = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3], sys.argv[4:]
    loopback_up()
    folder = tempfile.mkdtemp(prefix="crossrec-docs-")
    demo, port = start_demo(crossrec, folder)
    try:
        forward(REDIS, port)
        n = left = 0
        for name in names:
            if os.path.exists(os.path.join(docs, name + ".md")):
                a, b = run_document(docs, name, crossrec, node, sys.executable, folder)
                n, left = n + a, left + b
        for text in failed:
            print(f"NOT SO: {text}")
        print(f"docs: {n} examples ran, {left} were left out, {len(failed)} complaints")
        return 1 if failed or n == 0 else 0
    finally:
        demo.send_signal(signal.SIGINT)
        try:
            demo.wait(20)
        except subprocess.TimeoutExpired:
            demo.kill()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
