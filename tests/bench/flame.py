# SPDX-License-Identifier: Apache-2.0
"""flame.py -- where the time goes: a flame graph and the share of each stage, of what perf recorded.

    perf record -g -F 499 -p PID -o perf.data sleep 20
    python3 flame.py perf.data OUT.svg

A frame's width is its share of the samples; callers below, callees above; hover for numbers. Frames narrower than
3 of a thousand are left out. Threads are the bottom row.
"""
import collections
import re
import subprocess
import sys

WIDTH, ROW, LEAST = 1200, 17, 0.003

# A sample belongs to the first stage of which a function is on its stack.
STAGES = [
    ("rank a list", r"learner_rank"),
    ("learn an event", r"learner_learn|learner_take"),
    ("learn: BLAS", r"^(s|cblas_s|ssy|blas_)\w*(potr|posv|gem[mv]|syrk|trs[mv]|syev|dot|axpy|ger|scal|copy|trmv|potf)"),
    ("decode, map, check", r"intake_event"),
    ("merge", r"merge_"),
    ("seal and commit", r"instance_commit|learner_seal|committer|transactor|storage"),
    ("model log", r"instance_durable|model_log"),
    ("publish: round, recs", r"instance_round|instance_sweep|publish_"),
    ("publish: Redis", r"publisher|redis|hiredis"),
    ("consume: librdkafka", r"rd_kafka|kafka_|fetcher|rdk:"),
    ("loop and the rest", r""),
]


def stacks(perf):
    """Outermost first, the thread's name before all."""
    text = subprocess.run(["perf", "script", "-i", perf, "-F", "comm,ip,sym"], capture_output=True, text=True, check=True).stdout
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if lines and lines[0].strip():
            frames = [re.sub(r"\+0x[0-9a-f]+$", "", re.sub(r"^\s*[0-9a-f]+\s+", "", x)).strip() or "?" for x in lines[1:]]
            yield [lines[0].strip()] + frames[::-1]


def tree(all_of):
    root = {"n": 0, "sub": {}}
    for stack in all_of:
        root["n"] += 1
        at = root
        for frame in stack:
            at = at["sub"].setdefault(frame, {"n": 0, "sub": {}})
            at["n"] += 1
    return root


def depth_of(node, all_n):
    return 1 + max([depth_of(s, all_n) for s in node["sub"].values() if s["n"] >= LEAST * all_n], default=0)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def draw(node, name, x, row, all_n, height, out):
    w = WIDTH * node["n"] / all_n
    hue = 30 + sum(map(ord, name)) % 30
    y = height - (row + 1) * ROW
    share = f"{100 * node['n'] / all_n:.1f}"
    out.append(f'<g><title>{escape(name)} {share} %</title><rect x="{x:.1f}" y="{y}" width="{max(w - .3, .2):.1f}" height="{ROW - 1}" '
               f'fill="hsl({hue},85%,{62 + sum(map(ord, name)) % 12}%)"/>')
    if w > 30:
        out.append(f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(name[:int(w / 6.2)])}</text>')
    out.append("</g>")
    for sub in sorted(node["sub"]):
        s = node["sub"][sub]
        if s["n"] >= LEAST * all_n:
            draw(s, sub, x, row + 1, all_n, height, out)
        x += WIDTH * s["n"] / all_n


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    all_of = list(stacks(sys.argv[1]))
    if not all_of:
        print("flame: no samples", file=sys.stderr)
        return 1
    counts, rest = collections.Counter(), collections.Counter()
    for stack in all_of:
        stage = next(s for s, p in STAGES if any(re.search(p, f) for f in stack))
        counts[stage] += 1
        if stage == STAGES[-1][0]:
            rest[stack[-1]] += 1
    for stage, _ in STAGES:
        print(f"{stage:24} {100 * counts[stage] / len(all_of):5.1f} %")
    print("of the rest: " + ", ".join(f"{name} {100 * n / len(all_of):.1f}" for name, n in rest.most_common(6)))
    root = tree(all_of)
    height = ROW * depth_of(root, root["n"])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="10">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    draw(root, "all", 0, 0, root["n"], height, out)
    out.append("</svg>")
    with open(sys.argv[2], "w") as f:
        f.write("\n".join(out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
