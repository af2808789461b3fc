# SPDX-License-Identifier: Apache-2.0
"""deploy_test.py ROOT CROSSREC [PROMTOOL] -- see run.sh."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema
import yaml

FUNCTIONS_SUFFIXES = ("_bucket", "_sum", "_count")
bad = []


def expect(what, held):
    if not held:
        bad.append(what)
        print(f"NOT SO: {what}", flush=True)


def metrics_of(crossrec):
    """name -> (kind, labels), as `crossrec help metrics` prints them."""
    text = subprocess.run([crossrec, "help", "metrics"], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in text.splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \| ([\w,]*) \|", line)
        if row:
            found[row[1]] = (row[2], set(row[3].split(",")) - {""})
    return text, found


def check_expression(where, expr, metrics):
    """Names and labels that there are; counters under rate() or increase(), gauges not."""
    of_all = {"instance", "job", "le"}
    used = set(re.findall(r"\bcrossrec_\w+", expr))
    expect(f"{where} names no metric: {expr}", used or expr.startswith("up{"))
    labels = set()
    for name in used:
        base = name
        for suffix in FUNCTIONS_SUFFIXES:
            if name not in metrics and name.endswith(suffix):
                base = name[: -len(suffix)]
        expect(f"{where}: there is no metric {name}", base in metrics)
        kind, own = metrics.get(base, ("", set()))
        labels |= own
        rated = bool(re.search(r"(rate|increase)\(" + name + r"\b", expr))
        expect(f"{where}: {name} is a {kind}: {expr}", rated == (kind != "gauge"))
        expect(f"{where}: {name} is a histogram", (base != name) == (kind == "histogram"))
    grouped = {w for group in re.findall(r"by \(([^)]*)\)", expr) for w in re.split(r",\s*", group)}
    matched = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expr))
    unknown = (grouped | matched) - labels - of_all
    expect(f"{where} uses labels that are not there: {unknown}", not unknown)


def check_rules(root, metrics):
    rules = yaml.safe_load(open(os.path.join(root, "deploy/prometheus-rules.yml")))
    manual = open(os.path.join(root, "docs/operations.md")).read()
    alerts = [r for g in rules["groups"] for r in g["rules"]]
    played = open(os.path.join(root, "tests/deploy/rules_test.yml")).read()
    for r in alerts:
        name = r["alert"]
        check_expression(name, r["expr"], metrics)
        expect(f"docs/operations.md says nothing of {name}", f"`{name}`" in manual)
        expect(f"{name} has no summary or action", {"summary", "action"} <= set(r["annotations"]))
        expect(f"{name} has no severity", r["labels"].get("severity") in ("page", "warn"))
    expect("alert names are unique", len({r["alert"] for r in alerts}) == len(alerts))
    expect("some alerts are played through", sum(r["alert"] in played for r in alerts) >= 8)
    for name in re.findall(r"`(Crossrec\w+)`", manual):
        expect(f"docs/operations.md has an alert that is not there: {name}", name in {r["alert"] for r in alerts})
    return len(alerts)


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def check_dashboard(root, metrics):
    board = json.load(open(os.path.join(root, "deploy/grafana-dashboard.json")))
    schema = json.load(open(os.path.join(root, "tests/deploy/dashboard.schema.json")))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(board):
        expect(f"the dashboard, {list(error.absolute_path)}: {error.message}", False)
    panels = board["panels"]
    expect("panels have ids of their own", len({p["id"] for p in panels}) == len(panels))
    for i, p in enumerate(panels):
        g = p["gridPos"]
        expect(f"{p['title']} is within 24 columns", g["x"] + g["w"] <= 24)
        for q in panels[i + 1:]:
            expect(f"{p['title']} and {q['title']} overlap", not overlap(g, q["gridPos"]))
    known = {v["name"] for v in board["templating"]["list"]} | {"__rate_interval"}
    queries = []
    for p in panels:
        for t in p.get("targets", []):
            expect(f"{p['title']} has unknown variables", set(re.findall(r"\$\{?(\w+)", t["expr"])) <= known)
            check_expression(p["title"], t["expr"].replace('"$instance"', '"a"'), metrics)
            queries.append(t["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*"))
    return queries


def play(root, promtool, queries):
    with tempfile.TemporaryDirectory(prefix="crossrec-deploy-") as folder:
        for name in ("deploy/prometheus-rules.yml", "tests/deploy/rules_test.yml"):
            shutil.copy(os.path.join(root, name), folder)
        recording = [{"record": f"query:{k}", "expr": q} for k, q in enumerate(queries)]
        with open(os.path.join(folder, "queries.yml"), "w") as f:
            yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recording}]}, f)
        for args in (["check", "rules", "prometheus-rules.yml"], ["check", "rules", "queries.yml"],
                     ["test", "rules", "rules_test.yml"]):
            ran = subprocess.run([promtool] + args, cwd=folder, capture_output=True, text=True)
            expect(f"promtool {' '.join(args)}: {ran.stdout}{ran.stderr}", ran.returncode == 0)


def main():
    root, crossrec = sys.argv[1], sys.argv[2]
    promtool = sys.argv[3] if len(sys.argv) > 3 else ""
    text, metrics = metrics_of(crossrec)
    expect("docs/metrics.md is what `crossrec help metrics > docs/metrics.md` prints",
           open(os.path.join(root, "docs/metrics.md")).read() == text)
    for name, (kind, _) in metrics.items():
        expect(f"{name}: counters end in _total, others do not", name.endswith("_total") == (kind == "counter"))
        expect(f"{name} is a histogram of seconds", kind != "histogram" or name.endswith("_seconds"))
    n = check_rules(root, metrics)
    queries = check_dashboard(root, metrics)
    if promtool:
        play(root, promtool, queries)
    print(f"deploy: {len(metrics)} metrics, {n} alerts, {len(queries)} queries of the dashboard"
          f"{', by promtool' if promtool else ', WITHOUT promtool'}; {len(bad)} not as they should be")
    return 1 if bad else 0


sys.exit(main())
