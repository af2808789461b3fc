# SPDX-License-Identifier: Apache-2.0
"""report.py -- what the benches have in common: samples, one way to print them, JSON, plots.

    python3 report.py NAME FOLDER COMMAND...   runs a bench in C, which appends samples to $BENCH_SAMPLES
                                               (sample.h), and reports them as below
    python3 report.py --all FOLDER             prints what lies in the folder, row by row of the targets

A sample is one measurement of ours, with the yardstick's of the same pair where there is one. Printed are
medians, the median of the ratios within pairs, and the smallest and largest: of the ratio, else of ours.
Written are FOLDER/NAME.json and, for what is a series (samples with an x), FOLDER/NAME.svg.
"""
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The targets: what is measured -> at most: of ours, of the ratio to the yardstick. "least": at least.
# A name that ends in * stands for all that begin so.
TARGETS = {
    "decode": {"decoded, CourseView, 7 fields": (40.0, 0.1)},
    "intake": {"poll to deduplicated event": (1.0, 2.0)},
    "learn": {"learn, *": (7.0, 0.5), "rank, *": (9.0, 0.5), "lists, *": (9.0, None)},
    "path": {"each": (36.0, 0.7), "zipf": (22.0, 0.75), "ten": (13.0, 0.8), "memory, *": (None, 0.2)},
    "yardstick": {"state": (None, 1.2), "learn": (None, 1.2), "full, *": (None, 1.2)},
    "latency": {"p99, half of the maximum": (25.0, None)},
    "memory": {"bytes a user, median": (1024.0, None), "bytes an item": (4096.0, None)},
    "growth-users": {"users, most beside fewest": (None, 1.2)},
    "growth-items": {"items, most beside fewest": (None, 1.3)},
    "instances": {"efficiency of an instance, *": ("least", 0.9)},
    "restart": {"warm": (2.0, None), "restore, cold": ("least", 500000.0)},
    "transactions": {"state = kafka beside memory": (None, 1.25)},
    "redis": {"bytes a list": (1280.0, None)},
}


def first_line(*command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "?"
    return ((out.stdout or out.stderr).strip().splitlines() or ["?"])[0]


def machine():
    """Machine and versions."""
    cpu = "?"
    with open("/proc/cpuinfo") as f:
        found = re.search(r"model name\s*:\s*(.*)", f.read())
        cpu = found[1] if found else platform.machine()
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read())[1]) / 2**20
    return {
        "cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "crossrec": first_line("git", "-C", ROOT, "describe", "--always", "--dirty"),
        "compiler": first_line("cc", "--version"), "java": first_line("java", "--version"),
        "librdkafka": first_line("pkg-config", "--modversion", "rdkafka"),
        "openblas": first_line("pkg-config", "--modversion", "openblas"),
        "redis": first_line("redis-server", "--version").split(" sha")[0], "kafka": kafka_version(),
    }


def kafka_version():
    with open(os.path.join(ROOT, "tests/integration/kafka_pom.xml")) as f:
        found = re.search(r"<artifactId>kafka[^<]*</artifactId>\s*<version>([^<]+)", f.read())
        return found[1] if found else "?"


def target_of(bench, what):
    for name, t in TARGETS.get(bench, {}).items():
        if what == name or (name.endswith("*") and what.startswith(name[:-1])):
            return t
    return None


def number(v):
    return f"{v:,.0f}" if abs(v) >= 1000 else f"{v:.3g}" if abs(v) < 10 else f"{v:.1f}"


class Report:
    def __init__(self, name, yardstick=None):
        self.name, self.yardstick, self.rows, self.notes = name, yardstick, {}, []

    def add(self, what, unit, ours, theirs=None, x=None):
        row = self.rows.setdefault(what, {"unit": unit, "ours": [], "yardstick": [], "x": []})
        row["ours"].append(ours)
        if theirs is not None:
            row["yardstick"].append(theirs)
        if x is not None:
            row["x"].append(x)

    def note(self, text):
        self.notes.append(text)
        print(text, flush=True)

    def read(self, path):
        with open(path) as f:
            for line in f:
                what, unit, ours, theirs, x = line.rstrip("\n").split("\t")
                self.add(what, unit, float(ours), float(theirs) if theirs != "-" else None, float(x) if x != "-" else None)

    def finish(self, folder):
        table = {"name": self.name, "yardstick": self.yardstick, "machine": machine(), "notes": self.notes, "rows": self.rows}
        for what, row in self.rows.items():
            row["summary"] = summary(self.name, what, row)
        show(table)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, self.name + ".json"), "w") as f:
            json.dump(table, f, indent=1)
        plot(table, folder)


def summary(bench, what, row):
    s = {"ours": statistics.median(row["ours"]), "n": len(row["ours"])}
    spread = row["ours"]
    if row["yardstick"]:
        spread = [a / b for a, b in zip(row["ours"], row["yardstick"])]
        s["yardstick"] = statistics.median(row["yardstick"])
        s["ratio"] = statistics.median(spread)
    s["least"], s["most"] = min(spread), max(spread)
    t = target_of(bench, what)
    if t and t[0] == "least":
        s["target"], s["met"] = f">= {number(t[1])}", s.get("ratio", s["ours"]) >= t[1]
    elif t:
        said = [f"<= {number(v)}{x}" for v, x in ((t[0], ""), (t[1], "x")) if v is not None]
        s["target"] = ", ".join(said)
        s["met"] = (t[0] is None or s["ours"] <= t[0]) and (t[1] is None or s.get("ratio", 9e9) <= t[1])
    return s


def show(table):
    print(f"\n{table['name']}" + (f"   yardstick: {table['yardstick']}" if table["yardstick"] else ""))
    print(f"{'':34} {'unit':14} {'yardstick':>10} {'ours':>10} {'ratio':>7}  {'spread':17} {'n':>3}  target")
    for what, row in table["rows"].items():
        if row["x"]:
            show_series(what, row)
            continue
        s = row["summary"]
        spread = f"{number(s['least'])} to {number(s['most'])}"
        print(f"{what:34} {row['unit']:14} {number(s['yardstick']) if 'yardstick' in s else '-':>10} {number(s['ours']):>10} "
              f"{number(s['ratio']) if 'ratio' in s else '-':>7}  {spread:17} {s['n']:>3}  "
              f"{s['target'] + (', met' if s['met'] else ', MISSED') if 'target' in s else ''}")
    m = table["machine"]
    print(f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, load {m['load']:.1f}, kernel {m['kernel']}; crossrec {m['crossrec']}; "
          f"{m['compiler']}; librdkafka {m['librdkafka']}, OpenBLAS {m['openblas']}, {m['redis']}, Kafka {m['kafka']}; {m['java']}\n", flush=True)


def show_series(what, row):
    by_x = {}
    for x, y in zip(row["x"], row["ours"]):
        by_x.setdefault(x, []).append(y)
    for x, y in sorted(by_x.items()):
        spread = f"{number(min(y))} to {number(max(y))}"
        print(f"{what + ' @ ' + f'{x:,.0f}':34} {row['unit']:14} {'-':>10} {number(statistics.median(y)):>10} {'-':>7}  {spread:17} {len(y):>3}")


def plot(table, folder):
    """A bar a row that has a yardstick, a line a row that is a series."""
    if not shutil.which("gnuplot"):
        return
    series = {w: r for w, r in table["rows"].items() if r["x"]}
    pairs = {w: r for w, r in table["rows"].items() if r["yardstick"] and not r["x"]}
    aimed = {w: r for w, r in pairs.items() if (target_of(table["name"], w) or (None, None))[1] is not None}
    pairs = aimed or pairs
    if series:
        gnuplot(os.path.join(folder, table["name"] + ".svg"), series_script(table["name"], series))
    elif pairs:
        gnuplot(os.path.join(folder, table["name"] + ".svg"), pairs_script(table, pairs))


def quoted(text):
    return "'" + text.replace("'", "") + "'"


def series_script(name, series):
    unit = next(iter(series.values()))["unit"]
    out = [f"set title {quoted(name)}", "set logscale x", "set yrange [0:*]", "set grid", "set key left bottom",
           f"set ylabel {quoted(unit)}", "set format x '%.0s%c'"]
    for k, row in enumerate(series.values()):
        rows = {}
        for x, y in zip(row["x"], row["ours"]):
            rows.setdefault(x, []).append(y)
        out += [f"$s{k} << EOD"] + [f"{x} {statistics.median(y)} {min(y)} {max(y)}" for x, y in sorted(rows.items())] + ["EOD"]
    out.append("plot " + ", ".join(f"$s{k} using 1:2:3:4 with yerrorlines pt 7 ps .5 title {quoted(w)}" for k, w in enumerate(series)))
    return out


def pairs_script(table, pairs):
    out = [f"set title {quoted(table['name'] + ': ours over the yardstick, ' + str(table['yardstick']))}", "set style fill solid .6",
           "set boxwidth .5", "set yrange [0:*]", "set grid y", "set key above", "set ylabel 'ratio'", "set xtics rotate by -15 font ',9'", "set bmargin 5", "set rmargin 10", "$p << EOD"]
    for k, (what, row) in enumerate(pairs.items()):
        s = row["summary"]
        target = (target_of(table["name"], what) or (None, None))[1]
        out.append(f"{k} {s['ratio']} {s['least']} {s['most']} \"{what}\" {'NaN' if target is None else target}")
    out += ["EOD", f"set xrange [-.6:{len(pairs) - .4}]",
            "plot $p using 1:2:xtic(5) with boxes notitle, $p using 1:2:3:4 with yerrorbars pt 0 lw 2 title 'smallest, largest', "
            "$p using 1:6:(.3) with xerrorbars pt 0 lw 2 lc 'black' title 'target, at most'"]
    return out


def gnuplot(path, lines):
    script = "\n".join([f"set terminal svg size 720,360 font 'sans,11' background 'white'", f"set output '{path}'"] + lines) + "\n"
    ran = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
    if ran.returncode:
        print(f"report: gnuplot: {ran.stderr.strip()}", file=sys.stderr)


YARDSTICKS = {"decode": "avro-c, generic values", "learn": "reference/rank.c, built the same way"}


def main(argv):
    if len(argv) == 2 and argv[0] == "--all":
        for name in TARGETS:
            path = os.path.join(argv[1], name + ".json")
            if os.path.exists(path):
                with open(path) as f:
                    show(json.load(f))
        return 0
    if len(argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    name, folder, command = argv[0], argv[1], argv[2:]
    r = Report(name, YARDSTICKS.get(name))
    with tempfile.NamedTemporaryFile(prefix="crossrec-bench-") as f:
        ran = subprocess.run(command, env=os.environ | {"BENCH_SAMPLES": f.name})
        r.read(f.name)
    if r.rows:
        r.finish(folder)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
