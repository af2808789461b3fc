# SPDX-License-Identifier: Apache-2.0
"""acl_test.py REDIS-ACL.CONF -- what the users of deploy/redis-acl.conf may do, and what not.

Redis itself is asked, of every command that this server has (ACL DRYRUN), and the ones that matter
are tried. What is allowed must be exactly what stands here.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import redis

PARTNER_READS = {"get", "mget", "exists", "ttl", "pttl", "strlen"}
PARTNER_STREAMS = {
    "xreadgroup", "xgroup|create", "xgroup|createconsumer", "xack", "xautoclaim", "xclaim", "xpending",
    "xrange", "xlen", "xinfo|stream", "xinfo|groups", "xinfo|consumers",
}
PARTNER_OTHER = {
    "subscribe", "unsubscribe", "ping", "hello", "auth", "select", "client|setname",
    "client|id",
}
ALWAYS = {"quit", "reset"}  # of every connection, whatever the rights

# How a key goes into each command that a partner may use.
KEYED = {
    "get": ["GET", "K"], "mget": ["MGET", "K"], "exists": ["EXISTS", "K"], "ttl": ["TTL", "K"],
    "pttl": ["PTTL", "K"], "strlen": ["STRLEN", "K"],
    "xreadgroup": ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "K", ">"],
    "xgroup|create": ["XGROUP", "CREATE", "K", "g", "0", "MKSTREAM"],
    "xgroup|createconsumer": ["XGROUP", "CREATECONSUMER", "K", "g", "c"],
    "xack": ["XACK", "K", "g", "1-0"], "xautoclaim": ["XAUTOCLAIM", "K", "g", "c", "0", "0"],
    "xclaim": ["XCLAIM", "K", "g", "c", "0", "1-0"], "xpending": ["XPENDING", "K", "g"],
    "xrange": ["XRANGE", "K", "-", "+"], "xlen": ["XLEN", "K"], "xinfo|stream": ["XINFO", "STREAM", "K"],
    "xinfo|groups": ["XINFO", "GROUPS", "K"], "xinfo|consumers": ["XINFO", "CONSUMERS", "K", "g"],
}
WRITES = [
    ["SET", "K", "v"], ["SETEX", "K", "1", "v"], ["DEL", "K"], ["UNLINK", "K"], ["EXPIRE", "K", "1"],
    ["PERSIST", "K"], ["RENAME", "K", "K"], ["APPEND", "K", "v"], ["GETDEL", "K"], ["GETEX", "K"],
    ["COPY", "K", "K"], ["RESTORE", "K", "0", "x"], ["XADD", "K", "*", "a", "b"], ["XDEL", "K", "1-0"],
    ["XTRIM", "K", "MAXLEN", "0"], ["XSETID", "K", "1-0"], ["XGROUP", "DESTROY", "K", "g"],
]
bad = []


def expect(what, held):
    if not held:
        bad.append(what)
        print(f"NOT SO: {what}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(conf):
    folder = tempfile.mkdtemp(prefix="crossrec-acl-")
    own = os.path.join(folder, "redis.conf")
    with open(own, "w") as out:
        out.write(f"include {os.path.abspath(conf)}\n")
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", own, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
         "--appendonly", "no"], stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            as_user(port, "admin", "CHANGE-ME-ADMIN").ping()
            return folder, port, server
        except redis.ConnectionError:
            time.sleep(0.05)
    raise SystemExit("redis-server does not start")


def as_user(port, name, password):
    return redis.Redis(port=port, username=name, password=password, decode_responses=True)


def allowed(admin, user, args):
    """None of an unknown command or a wrong number of arguments."""
    try:
        return admin.execute_command("ACL DRYRUN", user, *args) == "OK"
    except redis.ResponseError as e:
        if "no permissions" in str(e).lower() or "no access" in str(e).lower():
            return False
        return None


def with_key(args, key):
    return [key if a == "K" else a for a in args]


def all_commands(admin):
    """name -> arguments without keys, as many as it wants."""
    found = {}
    admin.response_callbacks.pop("COMMAND", None)  # as the server says it
    for command in admin.execute_command("COMMAND"):
        for name, arity in [(command[0], command[1])] + [(sub[0], sub[1]) for sub in command[9]]:
            found[name.lower()] = abs(arity)
    return found


def try_every_command(admin, user, target, may):
    n = refused = 0
    unasked = []
    for name, arity in all_commands(admin).items():
        words = name.split("|")
        own = f"crossrec:{target}:triggers:0" if name in PARTNER_STREAMS else f"crossrec:{target}:rec:u1"
        args = with_key(KEYED[name], own) if name in KEYED else words + ["x"] * (arity - len(words))
        if name in ("subscribe", "unsubscribe"):
            args = [name, f"crossrec:{target}:changed"]
        ok = allowed(admin, user, args)
        n += 1
        refused += ok is False
        if ok is None and name not in may:  # a container: its subcommands are asked one by one
            expect(f"{user}: {name} could not be asked", "|" not in name and len(words) == 1)
            unasked.append(name)
            continue
        expect(f"{user}: {' '.join(args[:6])} is {'refused' if name in may else 'allowed'}",
               ok == (name in may) or name in ALWAYS)
    expect(f"{user}: not asked: {unasked}", len(unasked) <= 25)
    return n, refused


def try_partner(admin, port, target, other):
    user, password = f"partner-{target}", f"CHANGE-ME-{target.upper()}"
    may = PARTNER_READS | PARTNER_STREAMS | PARTNER_OTHER
    n, refused = try_every_command(admin, user, target, may)
    expect("most commands were refused by name", refused > 150)
    foreign = [f"crossrec:{other}:rec:u1", f"crossrec:{other}:triggers:0", f"crossrec:{other}:info",
               "crossrec:published:0", "crossrec:foo", "other", f"crossrec:{target}", f"x:crossrec:{target}:rec:u"]
    for name, args in KEYED.items():
        for key in foreign:
            expect(f"{user}: {name} {key} is allowed", allowed(admin, user, with_key(args, key)) is False)
    for args in WRITES:
        for key in (f"crossrec:{target}:rec:u1", f"crossrec:{target}:info", f"crossrec:{target}:triggers:0"):
            expect(f"{user}: {args[0]} {key} is allowed", allowed(admin, user, with_key(args, key)) is False)
    for name in PARTNER_STREAMS:  # groups are for the streams, and for nothing else
        key = f"crossrec:{target}:rec:u1"
        expect(f"{user}: {name} {key} is allowed", allowed(admin, user, with_key(KEYED[name], key)) is False)
    for channel in (f"crossrec:{other}:changed", "crossrec:*", "*", "__keyevent@0__:set", f"__keyspace@0__:{user}"):
        expect(f"{user}: SUBSCRIBE {channel} is allowed", allowed(admin, user, ["SUBSCRIBE", channel]) is False)
        expect(f"{user}: PSUBSCRIBE {channel} is allowed", allowed(admin, user, ["PSUBSCRIBE", channel]) is False)
        expect(f"{user}: PUBLISH {channel} is allowed", allowed(admin, user, ["PUBLISH", channel, "x"]) is False)
    use_it(port, user, password, target, other)
    return n


def use_it(port, user, password, target, other):
    """What a partner's app does, for real."""
    r = as_user(port, user, password)
    expect("own list", r.get(f"crossrec:{target}:rec:u1") == "list")
    expect("several at once", r.mget(f"crossrec:{target}:rec:u1", f"crossrec:{target}:info") == ["list", "info"])
    stream = f"crossrec:{target}:triggers:0"
    r.xgroup_create(stream, "mail", id="0", mkstream=True)
    got = r.xreadgroup("mail", "me", {stream: ">"}, count=10)
    expect("a trigger is read", len(got) == 1 and len(got[0][1]) == 1)
    expect("it is pending", r.xpending(stream, "mail")["pending"] == 1)
    expect("it is claimed", len(r.xautoclaim(stream, "mail", "you", min_idle_time=0)[1]) == 1)
    expect("it is acknowledged", r.xack(stream, "mail", got[0][1][0][0]) == 1)
    heard = r.pubsub()
    heard.subscribe(f"crossrec:{target}:changed")
    as_user(port, "crossrec", "CHANGE-ME-CROSSREC").publish(f"crossrec:{target}:changed", "u1")
    end = time.time() + 5
    message = None
    while time.time() < end and not (message and message["type"] == "message"):
        message = heard.get_message(timeout=0.5)
    expect("the channel is heard", message is not None and message["data"] == "u1")
    heard.close()
    tries = [lambda: r.get(f"crossrec:{other}:rec:u1"), lambda: r.set(f"crossrec:{target}:rec:u1", "x"),
             lambda: r.keys("*"), lambda: list(r.scan_iter()), lambda: r.config_get("*"), lambda: r.flushall(),
             lambda: r.eval("return 1", 0), lambda: r.delete(f"crossrec:{target}:rec:u1"), lambda: r.acl_list(),
             lambda: r.execute_command("MONITOR"), lambda: r.client_list(), lambda: r.info(),
             lambda: r.dbsize(), lambda: r.randomkey(), lambda: r.object("encoding", f"crossrec:{target}:rec:u1")]
    for k, attempt in enumerate(tries):
        try:
            attempt()
            expect(f"{user}: attempt {k} is refused", False)
        except redis.ResponseError as e:
            expect(f"{user}: attempt {k} is refused for want of rights: {e}", "permission" in str(e).lower())


def main():
    folder, port, server = start(sys.argv[1])
    try:
        admin = as_user(port, "admin", "CHANGE-ME-ADMIN")
        version = admin.info()["redis_version"]
        if int(version.split(".")[0]) < 7:
            print(f"skipped: selectors need Redis 7, here is {version}")
            return 77
        for target in ("food", "course"):
            admin.set(f"crossrec:{target}:rec:u1", "list")
            admin.set(f"crossrec:{target}:info", "info")
            admin.xadd(f"crossrec:{target}:triggers:0", {"name": "t"})
        try:
            redis.Redis(port=port).ping()
            expect("nobody is let in without a password", False)
        except (redis.AuthenticationError, redis.ResponseError):
            pass
        n = try_partner(admin, port, "food", "course")
        n += try_partner(admin, port, "course", "food")
        for args in (["GET", "other"], ["SET", "other", "v"], ["KEYS", "*"], ["FLUSHALL"], ["CONFIG", "GET", "*"],
                     ["ACL", "LIST"], ["EVAL", "return 1", "0"], ["SUBSCRIBE", "other"], ["PUBLISH", "other", "x"]):
            expect(f"crossrec: {args} is allowed", allowed(admin, "crossrec", args) is False)
        text = open(sys.argv[1]).read()
        expect("no user has all rights but admin", len(re.findall(r"\+@all", text)) == 1)
        print(f"acl: {n} commands asked of Redis {version}, {len(bad)} not as they should be")
        return 1 if bad else 0
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
